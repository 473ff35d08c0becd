//! `eventra apply` without a running process: it takes the directory's lock itself.

use std::path::Path;

use crate::run::run;

const FILE: &str = r#"
[[organization]]
id = "acme"
name = "Acme Events"
zone = "Europe/Berlin"

[[organization.key]]
name = "web"
scopes = ["write", "read"]

[[organization.event]]
id = "conf-26"
title = "Conference 2026"
starts = 2026-11-20T09:00:00Z
ends = 2026-11-21T18:00:00Z

[[organization.event.item]]
id = "talk-1"
session = "talk-1"
title = "Opening"
"#;

#[test]
fn applying_twice_appends_once_and_the_key_is_shown_once() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("acme.toml");
    std::fs::write(&file, FILE).unwrap();
    let file = file.to_str().unwrap();

    let first = run(folder.path(), &["apply", file]);
    assert_eq!(first.code, 0, "{}", first.err);
    assert!(first.out.contains("4 fact(s) appended"), "{}", first.out);
    let secret = first.out.split_whitespace().find(|word| word.starts_with("ek_")).expect("a key was made").to_owned();

    let second = run(folder.path(), &["apply", file]);
    assert!(second.out.contains("nothing to do") && !second.out.contains("ek_"), "{}", second.out);

    let exported = run(folder.path(), &["log", "export", "--lane", "facts"]);
    assert_eq!(exported.code, 0, "{}", exported.err);
    assert!(exported.out.contains("organization_registered") && exported.out.contains("partition_claimed"));
    assert!(!exported.out.contains(&secret), "the log holds hashes only");
    assert!(!holds(&folder.path().join("data"), secret.as_bytes()), "no file holds the key");
}

#[test]
fn a_wrong_file_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("acme.toml");
    std::fs::write(&file, FILE.replace("Europe/Berlin", "Europe/Atlantis")).unwrap();
    let ran = run(folder.path(), &["apply", file.to_str().unwrap()]);
    assert_eq!(ran.code, 1);
    assert!(ran.err.contains("Atlantis"), "{}", ran.err);
    assert!(!folder.path().join("data").exists());
}

pub(crate) fn holds(folder: &Path, wanted: &[u8]) -> bool {
    std::fs::read_dir(folder).unwrap().any(|entry| {
        let path = entry.unwrap().path();
        if path.is_dir() {
            return holds(&path, wanted);
        }
        std::fs::read(&path).unwrap_or_default().windows(wanted.len()).any(|window| window == wanted)
    })
}
