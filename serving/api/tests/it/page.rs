//! The page about the API names every route and every code, and no others.

use api::problem::Code;

const PAGE: &str = include_str!("../../../../docs/api.md");

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
    let document = api::openapi::document();
    let routes = document["paths"].as_object().unwrap().keys();
    // Feeds are those of the reads, and named together.
    for route in routes.filter(|route| !route.starts_with("/v1/feeds/")) {
        assert!(PAGE.contains(&format!("{route}`")), "docs/api.md lacks `{route}`");
    }
    assert!(PAGE.contains("/v1/feeds/{view}`"));
}
