//! Help is for people who have never seen the program.

use crate::run::run;

#[test]
fn every_command_has_help_with_a_first_line_of_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let help = run(folder.path(), &["--help"]);
    assert_eq!(help.code, 0);
    for command in [
        "serve",
        "apply",
        "erase",
        "leaderboard",
        "log",
        "replay",
        "simulate",
        "dead-letters",
        "engine",
        "sql",
        "top",
        "verify",
        "doctor",
        "demo",
        "config",
        "openapi",
        "completions",
    ] {
        assert!(help.out.contains(command), "`{command}` is not in the help");
        let own = run(folder.path(), &[command, "--help"]);
        assert_eq!(own.code, 0, "{command}");
        assert!(own.out.lines().next().is_some_and(|line| line.len() > 10), "{command}: {}", own.out);
    }
    assert!(help.out.contains("Examples:"));
    assert!(!help.out.contains("__engine"), "the engine's own process is nobody's command");
}

#[test]
fn a_wrong_word_names_the_right_one() {
    let folder = tempfile::tempdir().unwrap();
    let ran = run(folder.path(), &["serv"]);
    assert_eq!(ran.code, 2);
    assert!(ran.err.contains("serve"), "{}", ran.err);
}

#[test]
fn commands_that_need_a_process_say_how_to_start_one() {
    let folder = tempfile::tempdir().unwrap();
    for arguments in [
        &["top", "--once"][..],
        &["verify"],
        &["status"],
        &["simulate", "--duration", "1"],
        &["sql", "SELECT 1"],
        &["erase", "x", "--organization", "acme"],
        &["dead-letters", "list", "--organization", "acme"],
    ] {
        let ran = run(folder.path(), arguments);
        assert_eq!(ran.code, 1, "{arguments:?}");
        assert!(ran.err.contains("eventra serve --data-dir"), "{arguments:?}: {}", ran.err);
    }
}

#[test]
fn shells_learn_the_commands() {
    let folder = tempfile::tempdir().unwrap();
    for shell in ["bash", "zsh", "fish"] {
        let ran = run(folder.path(), &["completions", shell]);
        assert_eq!(ran.code, 0, "{shell}: {}", ran.err);
        assert!(ran.out.contains("dead-letters") && ran.out.contains("leaderboard"), "{shell}");
    }
    let bash = run(folder.path(), &["completions", "bash"]).out;
    let file = folder.path().join("eventra.bash");
    std::fs::write(&file, bash).unwrap();
    // What bash itself would offer after `eventra dead`.
    let ask = format!(
        "source {}; COMP_WORDS=(eventra dead); COMP_CWORD=1; _eventra eventra dead eventra; echo \"${{COMPREPLY[*]}}\"",
        file.display()
    );
    let bash = std::process::Command::new("bash").args(["-c", &ask]).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&bash.stdout).trim(), "dead-letters", "{bash:?}");
}
