//! The page about the API names every route and every code, and no others.

use api::problem::Code;

const PAGE: &str = include_str!("../../../../docs/api.md");
const SOURCES: [&str; 3] =
    [include_str!("../../src/reads.rs"), include_str!("../../src/routes.rs"), include_str!("../../src/feeds.rs")];

#[test]
fn every_code_is_explained_as_the_code_says() {
    for code in Code::ALL {
        let row = format!("| `{}` | {} | {} | {} |", code.word(), code.status().as_u16(), code.title(), code.mend());
        assert!(PAGE.contains(&row), "docs/api.md lacks: {row}");
    }
    let rows = PAGE.lines().skip_while(|line| !line.starts_with("| code |")).skip(2).count();
    assert_eq!(rows, Code::ALL.len());
}

#[test]
fn every_route_is_named() {
    let mut routes = 0;
    for source in SOURCES {
        for rest in source.split(".route(\"").skip(1) {
            let route = rest.split('"').next().unwrap().replace("{*", "{");
            assert!(PAGE.contains(&format!("{route}`")), "docs/api.md lacks `{route}`");
            routes += 1;
        }
    }
    assert!(routes > 25, "the routes were found: {routes}");
}
