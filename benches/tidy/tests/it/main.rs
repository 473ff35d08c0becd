//! The rules applied to this workspace.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use tidy::{floors, house};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().expect("the workspace is above this crate")
}

fn metadata(arguments: &[&str]) -> Value {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--locked"])
        .args(arguments)
        .current_dir(root())
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("cargo prints JSON")
}

fn list<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    value[key].as_array().map_or(&[], Vec::as_slice)
}

fn name(value: &Value) -> &str {
    value["name"].as_str().unwrap_or_default()
}

#[test]
fn crates_import_lower_floors_only() {
    let workspace = metadata(&["--no-deps"]);
    let mut wrong = Vec::new();
    for package in list(&workspace, "packages") {
        if floors::place_of(name(package)).is_none() {
            wrong.push(format!(
                "`{}` has no floor: add it to benches/tidy/src/floors.rs and ARCHITECTURE.md",
                name(package)
            ));
        }
        // Tests may look sideways (a conformance suite, a generator), products may not.
        let product = list(package, "dependencies").iter().filter(|dependency| dependency["kind"].is_null());
        wrong.extend(product.filter_map(|dependency| floors::complaint(name(package), name(dependency))));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn crates_live_where_the_plan_says() {
    let workspace = metadata(&["--no-deps"]);
    for package in list(&workspace, "packages") {
        let manifest = package["manifest_path"].as_str().unwrap_or_default();
        let (folder, _) = floors::place_of(name(package)).expect("checked by the test of floors");
        assert!(
            manifest.ends_with(&format!("{folder}/{}/Cargo.toml", name(package))),
            "{manifest} is in the wrong place"
        );
    }
    let known: BTreeSet<&str> = floors::FLOORS.iter().map(|(name, ..)| *name).collect();
    let there: BTreeSet<&str> = list(&workspace, "packages").iter().map(name).collect();
    assert_eq!(known, there, "the floors name a crate that is gone, or miss one");
}

#[test]
fn every_crate_takes_the_house_lints() {
    for (name, folder, _) in floors::FLOORS {
        let manifest = std::fs::read_to_string(root().join(folder).join(name).join("Cargo.toml")).expect("manifest");
        assert!(
            manifest.contains("[lints]\nworkspace = true"),
            "{folder}/{name}/Cargo.toml lacks `[lints] workspace = true`"
        );
    }
}

/// Files that git tracks, by ending.
fn tracked(ending: &str) -> Vec<String> {
    let output = Command::new("git").args(["ls-files"]).current_dir(root()).output().expect("git runs");
    let listed = String::from_utf8_lossy(&output.stdout).into_owned();
    let there = |path: &&str| path.ends_with(ending) && root().join(path).is_file();
    listed.lines().filter(there).map(str::to_owned).collect()
}

#[test]
fn files_keep_the_house_rules() {
    let files = tracked(".rs");
    assert!(!files.is_empty(), "git lists the sources");
    let mut wrong = Vec::new();
    for path in files {
        let text = std::fs::read_to_string(root().join(&path)).expect("tracked files are readable");
        wrong.extend(house::complaints(&path, &text));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn nothing_names_a_machine_or_a_download_host() {
    // In parts, so that this file does not find itself.
    let words = [
        ["/wo", "rk/"],
        ["/ro", "ot/"],
        ["registry.npm", "js.org"],
        ["files.python", "hosted.org"],
        ["static.cra", "tes.io"],
    ];
    let mut wrong = Vec::new();
    for path in tracked("").iter().filter(|path| !path.ends_with(".lock") && !path.ends_with("package-lock.json")) {
        let Ok(text) = std::fs::read_to_string(root().join(path)) else { continue };
        for word in words.map(|parts| parts.concat()) {
            if text.contains(&word) {
                wrong.push(format!("{path} names `{word}`"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn third_parties_come_from_the_registry_with_a_known_licence() {
    let deny = std::fs::read_to_string(root().join("deny.toml")).expect("deny.toml");
    let all = metadata(&[]);
    let mut wrong = Vec::new();
    for package in list(&all, "packages").iter().filter(|package| !package["source"].is_null()) {
        let source = package["source"].as_str().unwrap_or_default();
        if !source.starts_with("registry+") {
            wrong.push(format!("{} comes from {source}", name(package)));
        }
        let licence = package["license"].as_str().unwrap_or("none");
        // One alternative of an OR is enough; every part of an AND is needed.
        let plain = licence.replace(['(', ')'], "").replace('/', " OR ");
        let allowed = |part: &str| part.split(" AND ").all(|each| deny.contains(&format!("\"{}\"", each.trim())));
        if !plain.split(" OR ").any(allowed) {
            wrong.push(format!("{} is licensed `{licence}`, which deny.toml does not allow", name(package)));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn documents_name_what_exists() {
    let readme = std::fs::read_to_string(root().join("README.md")).expect("README.md");
    let makefile = std::fs::read_to_string(root().join("Makefile")).expect("Makefile");
    let commands = readme
        .match_indices("make ")
        .filter_map(|(at, _)| readme[at + 5..].split(|c: char| !c.is_ascii_lowercase() && c != '-').next());
    for target in commands.filter(|target| !target.is_empty()) {
        let there = makefile.lines().any(|line| line.starts_with(&format!("{target}:")));
        assert!(there, "README.md names `make {target}`, which the Makefile lacks");
    }
    let architecture = std::fs::read_to_string(root().join("ARCHITECTURE.md")).expect("ARCHITECTURE.md");
    for (name, ..) in floors::FLOORS {
        assert!(architecture.contains(name), "ARCHITECTURE.md does not mention `{name}`");
    }
}

/// Words that look like a test's name: its last part, and whether only its beginning stands there.
fn test_names(cell: &str) -> impl Iterator<Item = (&str, bool)> {
    let quoted = cell.split('`').skip(1).step_by(2).flat_map(str::split_whitespace);
    let last = quoted.map(|name| name.rsplit("::").next().unwrap_or(name));
    last.map(|name| (name.trim_end_matches('.'), name.ends_with("...")))
        .filter(|(name, _)| name.matches('_').count() > 1 && name.chars().all(|c| c.is_ascii_lowercase() || c == '_'))
}

#[test]
fn every_law_names_tests_that_exist() {
    let sources: Vec<String> =
        tracked(".rs").iter().map(|path| std::fs::read_to_string(root().join(path)).expect("source")).collect();
    let functions: BTreeSet<&str> = sources
        .iter()
        .flat_map(|text| text.lines().filter_map(|line| line.trim_start().split_once("fn ")?.1.split('(').next()))
        .collect();
    let laws = std::fs::read_to_string(root().join("docs/invariants.md")).expect("document");
    let rows = laws.lines().filter_map(|line| line.strip_prefix("| ")?.strip_suffix(" |")?.rsplit_once(" | "));
    let named: Vec<(&str, bool)> = rows.flat_map(|(_, tests)| test_names(tests)).collect();
    assert!(named.len() > 50, "the table of laws is read: {}", named.len());
    let is_there = |(name, begins): &(&str, bool)| {
        if *begins { functions.iter().any(|known| known.starts_with(name)) } else { functions.contains(name) }
    };
    let missing: Vec<_> = named.iter().filter(|name| !is_there(name)).collect();
    assert!(missing.is_empty(), "docs/invariants.md names tests that do not exist: {missing:?}");
}
