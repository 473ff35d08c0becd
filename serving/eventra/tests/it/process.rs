//! A process from start to end: serves, answers, stops in order, and loses nothing when it is killed.
//!
//! Without a warehouse: `eventra demo` and `demo --crash` run the same with the real engine.

use std::path::Path;

use crate::run::run;
use crate::serving::{FILE, Process, folder};

impl Process {
    fn join(&self, message: &str) -> String {
        let body = format!(
            r#"{{"userId":"ada","messageId":"{message}","event":"session_joined","properties":{{"event":"conf","session":"talk"}}}}"#
        );
        let (status, answer) = self.ask("POST", "/v1/track", &body);
        assert_eq!(status, 200, "{answer}");
        answer["wait_for"].as_str().unwrap().to_owned()
    }

    fn joined(&self, wait_for: &str) -> u64 {
        let path = format!("/v1/views/windows?event=conf&session=talk&kind=session_joined&wait_for={wait_for}");
        let (status, answer) = self.ask("GET", &path, "");
        assert_eq!(status, 200, "{answer}");
        answer["data"]["total"].as_u64().unwrap()
    }
}

#[test]
fn what_was_acknowledged_is_there_after_a_stop_and_after_a_kill() {
    let folder = folder();
    let file = folder.path().join("acme.toml");
    let file = file.to_str().unwrap();
    // Before any process: offline.
    assert_eq!(run(folder.path(), &["apply", file]).code, 0);

    let process = Process::start(folder.path());
    let again = run(folder.path(), &["apply", file]);
    assert!(again.out.contains("nothing to do"), "{} {}", again.out, again.err);
    let second = run(folder.path(), &["serve", "--listen", "127.0.0.1:0", "--warehouse", "none"]);
    assert_eq!(second.code, 1);
    assert!(second.err.contains("already running"), "{}", second.err);
    assert_eq!(process.joined(&process.join("m-1")), 1);
    assert_eq!(process.joined(&process.join("m-2")), 2);
    process.terminate();

    let process = Process::start(folder.path());
    assert_eq!(process.joined(&process.join("m-3")), 3, "the snapshot and the tail give the state back");
    process.kill();

    let process = Process::start(folder.path());
    assert_eq!(process.joined(&process.join("m-3")), 3, "the same message again counts once");
    let verified = run(folder.path(), &["verify"]);
    assert_eq!(verified.code, 0, "{}{}", verified.out, verified.err);
    assert!(verified.out.contains("counted session_joined"), "{}", verified.out);
    process.terminate();
    assert_eq!(run(folder.path(), &["log", "verify"]).code, 0);
}

#[test]
fn a_conference_is_simulated_shown_and_verified() {
    let folder = folder();
    let process = Process::start(folder.path());
    let simulated =
        run(folder.path(), &["simulate", "--seed", "3", "--rate", "0", "--attendees", "30", "--duration", "2"]);
    assert_eq!(simulated.code, 0, "{}", simulated.err);
    let top = run(folder.path(), &["top", "--once"]);
    assert!(top.out.contains("Summit") && top.out.contains("leaders"), "{}", top.out);
    let verified = run(folder.path(), &["verify", "--json"]);
    assert_eq!(verified.code, 0, "{}{}", verified.out, verified.err);
    let found: serde_json::Value = serde_json::from_str(&verified.out).unwrap();
    assert!(found["lines"].as_array().is_some_and(|lines| lines.len() > 10), "{found}");
    process.terminate();
}

const RULES: &str = r#"
[organization.rules]
format = 1

[[organization.rules.leaderboards]]
leaderboard = "engagement"
scopes = ["event"]
points = [{ rule = "join", kind = "session_joined", points = 10 }]

[[organization.rules.segments]]
id = "comers"
when = "count(session_joined) >= 1"
"#;

#[test]
fn a_reset_archives_and_dead_letters_are_counted_over_restarts() {
    let folder = folder();
    let file = folder.path().join("acme.toml");
    std::fs::write(&file, format!("{FILE}{RULES}")).unwrap();
    let applied = run(folder.path(), &["apply", file.to_str().unwrap()]);
    assert_eq!(applied.code, 0, "{}", applied.err);
    let process = Process::start(folder.path());
    process.join("m-1");
    // An order's amount that is no number of anything.
    let broken = r#"{"userId":"ada","messageId":"m-2","event":"order_reported","properties":{"order":"A-1","amount_minor":"many"}}"#;
    process.ask("POST", "/v1/track", broken);

    let typo = run(folder.path(), &["leaderboard", "reset", "engagment", "--organization", "acme"]);
    assert!(typo.code == 1 && typo.err.contains("they name: engagement"), "{}{}", typo.out, typo.err);
    let reset = run(folder.path(), &["leaderboard", "reset", "engagement", "--organization", "acme"]);
    assert!(reset.out.contains("1 board(s) with 1 place(s) archived"), "{}{}", reset.out, reset.err);
    process.joined(&process.join("m-3"));
    let (_, archive) = process.ask("GET", "/v1/views/leaderboards/engagement/archive?event=conf", "");
    let archive = &archive["data"];
    assert_eq!((archive.as_array().unwrap().len(), &archive[0]["points"]), (1, &10.into()), "{archive}");
    let (_, top) = process.ask("GET", "/v1/views/leaderboards/engagement?event=conf", "");
    assert_eq!(top["data"]["places"][0]["score"], 10, "what came after the reset counts from nothing: {top}");

    process.terminate();
    let process = Process::start(folder.path());
    let shown = run(folder.path(), &["top", "--once"]);
    let letters = shown.out.lines().find(|line| line.contains("dead letters")).expect("top tells of dead letters");
    let count = letters.split("dead letters").nth(1).and_then(|rest| rest.split_whitespace().next());
    assert_eq!(count, Some("1"), "the door of this process has seen none: {letters}");
    let verified = run(folder.path(), &["verify", "--json"]);
    assert_eq!(verified.code, 0, "{}{}", verified.out, verified.err);
    let found: serde_json::Value = serde_json::from_str(&verified.out).unwrap();
    let live = |view: &str, figure: &str| {
        let lines = found["lines"].as_array().unwrap();
        let line = lines.iter().find(|line| line["view"] == view && line["figure"] == figure);
        line.unwrap_or_else(|| panic!("{view}: {figure} is missing in {found}"))["live"].clone()
    };
    for (view, figure, count) in [
        ("windows", "counted dead_lettered", "1"),
        ("windows", "counted session_joined", "2"),
        ("attendance", "joined", "1"),
        ("visits", "visits", "1"),
        ("segments", "in acme/comers", "1"),
        ("campaigns", "late, excluded", "0"),
    ] {
        assert_eq!(live(view, figure), count, "{view}: {figure}");
    }
    process.terminate();
}

#[test]
fn an_erased_person_is_in_no_file_and_the_counts_stay() {
    let folder = folder();
    run(folder.path(), &["apply", folder.path().join("acme.toml").to_str().unwrap()]);
    let process = Process::start(folder.path());
    let body = r#"{"userId":"planted-user-id","messageId":"p-1","event":"Signed Up",
        "traits":{"email":"planted@example.org"},"properties":{"secret_note":"planted-note-17"}}"#;
    let (status, tracked) = process.ask("POST", "/v1/track", body);
    assert_eq!(status, 200);
    let wait_for = tracked["wait_for"].as_str().unwrap();
    let erased = run(folder.path(), &["erase", "planted-user-id", "--organization", "acme"]);
    assert!(erased.out.contains("key(s) destroyed"), "{}{}", erased.out, erased.err);
    let (_, answer) = process.ask("GET", &format!("/v1/views/windows?kind=tracked&wait_for={wait_for}"), "");
    assert_eq!(answer["data"]["total"], 1, "{answer}");
    process.terminate();
    for planted in ["planted-user-id", "planted@example.org", "planted-note-17"] {
        assert!(!crate::apply::holds(&folder.path().join("data"), planted.as_bytes()), "{planted}");
    }
}

/// The rules of replays and the e-commerce set: every purchase within a minute of signing up, and no other, fires.
#[test]
fn the_ecommerce_set_fires_the_fast_purchase_rule_1531_times() {
    let Some(data) = std::env::var_os("EVENTRA_DATA") else {
        println!("skipped: EVENTRA_DATA does not name the folder of public data sets");
        return;
    };
    let file = Path::new(&data).join("fraud/ecommerce_30k.csv.zst");
    let folder = folder();
    let rules = concat!(env!("CARGO_MANIFEST_DIR"), "/../../ingest/collect/replays.toml");
    let applied = run(folder.path(), &["apply", rules]);
    assert_eq!(applied.code, 0, "{}", applied.err);
    let key = applied.out.split_whitespace().find(|word| word.starts_with("ek_")).unwrap().to_owned();
    let process = Process::start(folder.path());
    let replayed = run(folder.path(), &["replay", "ecommerce", file.to_str().unwrap()]);
    assert_eq!(replayed.code, 0, "{}", replayed.err);
    assert!(replayed.out.contains(r#""dead_letters": 1"#), "{}", replayed.out);
    let letters = run(folder.path(), &["dead-letters", "list", "--organization", "replay"]);
    assert!(letters.out.contains("bad_row") && letters.out.contains("line 30191"), "{}", letters.out);
    let verified = run(folder.path(), &["verify"]);
    assert_eq!(verified.code, 0, "{}{}", verified.out, verified.err);
    let (status, scores) = process.ask_with(&key, "GET", "/v1/views/fraud/scores", "");
    assert_eq!(status, 200, "{scores}");
    let fired = scores["data"]["fired"].as_array().unwrap();
    let fast = fired.iter().find(|rule| rule[0] == "fast-purchase").expect("the rule fired");
    assert_eq!(fast[1], 1_531);
    process.terminate();
}
