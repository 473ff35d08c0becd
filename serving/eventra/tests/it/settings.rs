//! Settings from outside: refused keys, redacted secrets.

use crate::run::{run, run_with};

#[test]
fn unknown_keys_are_refused_with_the_nearest() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(folder.path().join("data")).unwrap();
    std::fs::write(folder.path().join("data/eventra.toml"), "lissten = '127.0.0.1:1'\n").unwrap();
    let ran = run(folder.path(), &["config"]);
    assert_eq!(ran.code, 1);
    assert!(ran.err.contains("`lissten` is no setting; did you mean `listen`?"), "{}", ran.err);

    let folder = tempfile::tempdir().unwrap();
    let ran = run_with(folder.path(), &["config"], &[("EVENTRA_WORKRES", "2")]);
    assert_eq!(ran.code, 1);
    assert!(ran.err.contains("EVENTRA_WORKERS"), "{}", ran.err);
}

#[test]
fn the_effective_settings_show_no_secret_and_read_back() {
    let folder = tempfile::tempdir().unwrap();
    let ran = run_with(
        folder.path(),
        &["config", "--workers", "3"],
        &[("EVENTRA_WAREHOUSE", "http://me:hush-hush@127.0.0.1:8123/db")],
    );
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert!(ran.out.contains("http://me:***@") && !ran.out.contains("hush"), "{}", ran.out);
    assert!(ran.out.contains("workers = \"3\"  # --workers"), "{}", ran.out);
    let path = folder.path().join("again.toml");
    std::fs::write(&path, &ran.out).unwrap();
    let again = run(folder.path(), &["config", "--config", path.to_str().unwrap()]);
    assert_eq!(again.code, 0, "{}", again.err);
    assert!(again.out.contains("workers = \"3\""), "{}", again.out);
}

#[test]
fn wrong_values_say_what_is_right() {
    let folder = tempfile::tempdir().unwrap();
    let ran = run(folder.path(), &["config", "--listen", "here"]);
    assert_eq!(ran.code, 1);
    assert!(ran.err.contains("127.0.0.1:7171") && ran.err.contains("--listen"), "{}", ran.err);
}
