//! Slips of people: the wrong file, the wrong name. Each is told, and nothing happens silently.

use crate::run::{run, run_input};
use crate::serving::{Process, applied};

#[test]
fn a_replay_of_another_sets_file_fails_and_appends_nothing() {
    let folder = applied();
    let process = Process::start(folder.path());
    let file = folder.path().join("clicks.csv");
    std::fs::write(&file, "1,10,100,pv,1511658000\n".repeat(500)).unwrap();
    let file = file.to_str().unwrap();
    let replay = |set: &str, file: &str| run(folder.path(), &["replay", set, file, "--organization", "acme"]);

    let wrong = replay("meetup", file);
    assert_eq!(wrong.code, 1, "{}{}", wrong.out, wrong.err);
    assert!(wrong.err.contains("no file of `meetup`") && wrong.err.contains("clicks.csv"), "{}", wrong.err);
    let status: serde_json::Value = serde_json::from_str(&process.run(&["status"]).out).unwrap();
    let lanes = status["log"]["lanes"].as_array().unwrap();
    let activity = lanes.iter().find(|lane| lane["lane"] == "activity").unwrap();
    assert_eq!(activity["rows"], 0, "{status}");

    let empty = folder.path().join("empty.csv");
    std::fs::write(&empty, "").unwrap();
    let ran = replay("userbehavior", empty.to_str().unwrap());
    assert!(ran.code == 1 && ran.err.contains("no rows"), "{}{}", ran.out, ran.err);

    let mostly = folder.path().join("mostly.csv");
    std::fs::write(&mostly, format!("1,10,100,pv,1511658000\n{}", "x\n".repeat(9))).unwrap();
    let ran = replay("userbehavior", mostly.to_str().unwrap());
    assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
    assert!(ran.err.contains("9 of 10 lines (90 %)"), "{}", ran.err);

    assert_eq!(replay("userbehavior", file).code, 0);
    let typo = replay("userbehaviour", file);
    assert!(typo.code == 2 && typo.err.contains("'userbehavior'"), "{}", typo.err);
    let stranger = run(folder.path(), &["replay", "userbehavior", file, "--organization", "nobody"]);
    assert!(stranger.code == 0 && stranger.err.contains("`nobody` is no organization here yet"), "{}", stranger.err);
    process.terminate();
}

#[test]
fn an_erasure_in_an_unknown_organization_fails_and_of_an_unknown_person_says_so() {
    let folder = applied();
    let process = Process::start(folder.path());
    let (status, _) = process.ask("POST", "/v1/track", r#"{"userId":"ada","event":"x","messageId":"m-1"}"#);
    assert_eq!(status, 200);
    let erase = |who: &str, organization: &str| run(folder.path(), &["erase", who, "--organization", organization]);

    let wrong = erase("ada", "acmee");
    assert_eq!(wrong.code, 1, "{}", wrong.out);
    assert!(wrong.err.contains("`acmee` is no organization here") && wrong.err.contains("`acme`"), "{}", wrong.err);
    let unknown = erase("adda", "acme");
    assert!(unknown.code == 0 && unknown.out.contains("never seen"), "{}{}", unknown.out, unknown.err);
    let erased = erase("ada", "acme");
    assert!(erased.code == 0 && erased.out.contains("1 key(s) destroyed"), "{}{}", erased.out, erased.err);
    let again = erase("ada", "acme");
    assert!(again.code == 0 && again.out.contains("erased already"), "{}{}", again.out, again.err);
    process.terminate();
}

#[test]
fn newcomers_past_the_bound_are_dead_letters_and_counted() {
    let folder = applied();
    let process = Process::start_with(
        folder.path(),
        &["--warehouse", "none", "--log-filter", "warn", "--people-max", "1000"],
        None,
    );
    let batch = |from: u32, to: u32| {
        let messages: Vec<String> = (from..to)
            .map(|who| format!(r#"{{"type":"track","event":"x","userId":"u{who}","messageId":"m{who}"}}"#))
            .collect();
        process.ask("POST", "/v1/batch", &format!(r#"{{"batch":[{}]}}"#, messages.join(",")))
    };
    let (status, first) = batch(0, 1_000);
    assert_eq!((status, &first["taken"]), (200, &1_000.into()), "{first}");
    let (status, second) = batch(999, 1_004);
    assert_eq!(
        (status, &second["dead"], &second["errors"][0]["reason"]),
        (200, &4.into(), &"quota".into()),
        "{second}"
    );
    let (_, metrics) = process.text("", "GET", "/metrics", "");
    assert!(metrics.contains("eventra_people_refused_total 4"), "{metrics}");
    assert!(
        metrics.contains(r#"eventra_people{organization="acme"} 1001"#),
        "the letters' own key is one of them: {metrics}"
    );
    process.terminate();

    let process = Process::start_with(
        folder.path(),
        &["--warehouse", "none", "--log-filter", "warn", "--people-max", "2000"],
        None,
    );
    let replayed: serde_json::Value = serde_json::from_str(&process.run(&["dead-letters", "replay"]).out).unwrap();
    assert_eq!(replayed["replayed"], 4, "{replayed}");
    process.terminate();
}

#[test]
fn statements_from_a_pipe_are_answered_and_the_first_wrong_one_ends_it() {
    let folder = applied();
    let process = Process::start_with_engine(folder.path());
    let piped = |input: &str, format: &str| run_input(folder.path(), &["sql", "--format", format], input);
    let good = piped("select 1 as n;\nselect 'a;b' as t", "csv");
    assert_eq!((good.code, good.out.as_str()), (0, "\"n\"\n1\n\"t\"\n\"a;b\"\n"), "{}", good.err);
    let wrong = piped("select 1 as n; selec 2; select 3 as n", "json");
    assert!(wrong.code == 1 && wrong.err.contains("code 62"), "{}{}", wrong.out, wrong.err);
    assert!(!wrong.out.contains('3'), "{}", wrong.out);
    let nothing = piped(" ;\n", "table");
    assert!(nothing.code == 1 && nothing.err.contains("no statement"), "{}{}", nothing.out, nothing.err);
    process.terminate();
}

#[test]
fn a_directory_in_use_is_not_called_damaged() {
    let folder = applied();
    let process = Process::start(folder.path());
    let second = run(folder.path(), &["serve", "--listen", "127.0.0.1:0", "--warehouse", "none"]);
    assert!(second.code == 1 && second.err.contains("already running"), "{}", second.err);
    assert!(!second.err.contains("log verify"), "{}", second.err);
    process.terminate();
}
