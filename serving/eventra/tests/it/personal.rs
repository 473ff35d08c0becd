//! Personal data from the door to the last file: sealed, masked, erased, with the real engine.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

use crate::run::run;
use crate::serving::{KEY, Process, applied};

/// Serves with everything that any part would ever log going to a file of the data's folder, and snapshots that come soon.
fn start(folder: &Path, warehouse: &str) -> Process {
    let log = File::options().create(true).append(true).open(folder.join("process.log")).unwrap();
    let filter = "debug,collect=trace,api=trace,warehouse=trace,eventra=trace";
    Process::start_with(folder, &["--warehouse", warehouse, "--log-filter", filter, "--snapshot-s", "1"], Some(log))
}

impl Process {
    /// The data of a view.
    fn view(&self, path: &str) -> Value {
        let (status, mut answer) = self.ask("GET", &format!("/v1/views/{path}"), "");
        assert_eq!(status, 200, "{path}: {answer}");
        answer["data"].take()
    }

    fn send(&self, messages: &[Value]) -> Value {
        let (status, answer) = self.ask("POST", "/v1/batch", &json!({ "batch": messages }).to_string());
        assert_eq!(status, 200, "{answer}");
        answer
    }

    /// What the live views and the warehouse count: people's names are not part of it.
    fn figures(&self) -> BTreeMap<&'static str, Value> {
        let views = [
            "windows?event=conf&kind=session_joined",
            "windows?event=conf&kind=order_reported",
            "windows/uniques?event=conf&kind=session_joined",
            "visits?event=conf",
        ];
        let mut figures: BTreeMap<_, _> = views.into_iter().map(|path| (path, self.view(path))).collect();
        let landed = self.sql(
            "SELECT kind, toUInt32(count()) AS n, toInt32(sum(amount_minor)) AS money, toUInt32(uniqExact(actor)) AS people, \
             toUInt32(sum(text_chars)) AS chars FROM records GROUP BY kind ORDER BY kind",
        );
        figures.insert("warehouse", landed.into());
        // Who is present changes with the time.
        figures.insert("joined", self.view("attendance?event=conf")[0]["joined"].take());
        figures
    }

    fn properties(&self) -> String {
        self.sql("SELECT kind, toString(properties) AS p FROM records ORDER BY kind, p")
    }

    /// Every text and map of every table, as queries see them.
    fn everything(&self) -> String {
        let columns = self.sql(
            "SELECT table, arrayStringConcat(groupArray(concat('toString(`', name, '`)')), ', ') AS names FROM system.columns \
             WHERE database = currentDatabase() AND match(type, 'String|Map') GROUP BY table ORDER BY table",
        );
        let mut all = String::new();
        for line in columns.lines() {
            let table: Value = serde_json::from_str(line).unwrap();
            let (table, names) = (table["table"].as_str().unwrap(), table["names"].as_str().unwrap());
            all += &self.sql(&format!("SELECT {names} FROM `{table}`"));
        }
        assert!(all.contains("session_joined"), "the sweep sees what is there");
        all
    }
}

fn folder() -> tempfile::TempDir {
    let folder = applied();
    // The planted key is the test's own file; what the product keeps of it is swept.
    std::fs::remove_file(folder.path().join("acme.key")).unwrap();
    folder
}

/// What a person did: eight records, the last two of them dead letters.
const RECORDS: u64 = 8;

fn messages(who: &str) -> Vec<Value> {
    let (user, anonymous) = (format!("user-{who}"), format!("anonymous-{who}"));
    let mut messages = vec![
        json!({"type": "identify", "userId": user, "anonymousId": anonymous, "traits": {
            "email": format!("mail-{who}@planted.example"), "name": format!("Name {who}"), "phone": format!("+49 170 {who}"),
            "hobby": format!("hobby-{who}"), "employer": {"street": format!("street-{who}"), "branch": format!("branch-{who}")}}}),
        // Only the link of the message before tells whose this is.
        json!({"type": "track", "event": "session_joined", "anonymousId": anonymous,
            "properties": {"event": "conf", "session": "talk", "shade": format!("shade-{who}")}}),
        json!({"type": "track", "event": "session_joined", "userId": user, "properties": {"event": "conf", "session": "talk"}}),
        json!({"type": "track", "event": "chat_reported", "userId": user,
            "properties": {"event": "conf", "session": "talk", "text": format!("text-{who}")}}),
        json!({"type": "track", "event": "order_reported", "userId": user, "properties": {
            "event": "conf", "order": format!("o-{}", who.len()), "amount_minor": 1250, "currency": "EUR",
            "firstName": format!("first-{who}"), "contact": format!("side-{who}@planted.example"), "dish": format!("dish-{who}"),
            "guest": {"name": format!("nested-{who}"), "seat": 3}}}),
        json!({"type": "wibble", "userId": user, "secret": format!("unknown-{who}")}),
        json!({"type": "track", "event": "session_joined", "userId": user, "properties": {
            "event": "conf", "session": "talk", "currency": format!("currency-{who}"), "note": format!("dead-{who}")}}),
        json!({"type": "track", "event": "session_joined", "userId": user, "timestamp": format!("stamp-{who}"),
            "properties": {"event": "conf", "session": "talk"}}),
    ];
    for (at, message) in messages.iter_mut().enumerate() {
        message["messageId"] = format!("m{at}-{}", who.len()).into();
    }
    assert_eq!(messages.len() as u64, RECORDS);
    messages
}

/// What nobody declared and does not look personal: queries may read it until the person is erased.
const READABLE: [&str; 4] = ["hobby-", "branch-", "shade-", "dish-"];
/// What no file and no answer may ever hold.
const HIDDEN: [&str; 13] = [
    "user-",
    "anonymous-",
    "mail-",
    "Name ",
    "+49 170 ",
    "street-",
    "text-",
    "first-",
    "side-",
    "nested-",
    "unknown-",
    "currency-",
    "dead-",
];

/// The files under a place that hold one of these texts, byte by byte. Engines take files away while we look.
fn holding(place: &Path, wanted: &[String]) -> String {
    let mut grep = Command::new("grep");
    // Lines end at NUL: the log's space reserve is a quarter of a gigabyte of them.
    grep.args(["--recursive", "--text", "--null-data", "--files-with-matches", "--fixed-strings", "--no-messages"]);
    grep.args(wanted.iter().map(|text| format!("--regexp={text}")));
    let found = grep.arg(place).output().expect("grep is part of every Debian");
    String::from_utf8_lossy(&found.stdout).into_owned()
}

fn holds(place: &Path, wanted: &str) -> bool {
    !holding(place, &[wanted.to_owned()]).is_empty()
}

/// Holds none of these in any file: log, snapshots, outbox, keys, engine, the process's own log.
fn swept(folder: &Path, who: &str, beginnings: &[&str]) {
    let planted: Vec<String> = beginnings.iter().chain(&["stamp-"]).map(|begin| format!("{begin}{who}")).collect();
    let found = holding(folder, &planted);
    assert!(found.is_empty(), "one of {planted:?} is in {found}");
}

fn snapshots(folder: &Path) -> PathBuf {
    folder.join("data").join("snapshots")
}

#[test]
fn an_erased_person_is_nowhere_and_every_figure_stays() {
    let (ada, bob) = ("planted1adalovelace", "planted2bob");
    let folder = folder();
    let root = folder.path();
    let process = start(root, "embedded");
    for who in [ada, bob] {
        let answer = process.send(&messages(who));
        assert_eq!((&answer["taken"], &answer["dead"]), (&json!(6), &json!(2)), "{answer}");
        assert!(!answer.to_string().contains(who), "errors do not quote: {answer}");
    }
    for body in [format!(r#"{{"batch":"{ada}"}}"#), format!(r#"{{"batch":["{ada}"#)] {
        let (status, problem) = process.ask("POST", "/v1/batch", &body);
        assert!(status == 400 && !problem.to_string().contains(ada), "{problem}");
    }
    process.landed(2 * RECORDS);
    process.wait("a snapshot", |_| snapshots(root).read_dir().is_ok_and(|mut files| files.next().is_some()));

    // Before: sealed everywhere; only what looks harmless is readable, and only in the warehouse.
    for who in [ada, bob] {
        swept(root, who, &HIDDEN);
        for readable in READABLE {
            let planted = format!("{readable}{who}");
            assert!(process.properties().contains(&planted), "{planted}: {}", process.properties());
        }
    }
    for place in
        ["data/log", "data/snapshots", "data/outbox", "data/subjects.keys", "process.log"].map(|name| root.join(name))
    {
        assert!(place.exists(), "{}", place.display());
        assert!(!holds(&place, ada) && !holds(&place, bob), "{} holds a person", place.display());
    }
    assert!(holds(&root.join("data").join("engine"), ada), "the sweep sees the engine's files");
    assert!(!holds(root, KEY), "no file holds a write key");
    let top =
        process.run(&["top", "--once"]).out + &process.run(&["dead-letters", "list", "--organization", "acme"]).out;
    assert!(!top.contains("planted") && top.contains("bad_field"), "{top}");
    let (_, profile) = process.ask("GET", &format!("/v1/views/visits/user-{ada}?event=conf"), "");
    assert!(profile["data"].is_array(), "{profile}");
    let token = process.sql("SELECT toString(actor) AS a, toString(linked) AS l FROM records WHERE kind = 'identified' AND message = 'm0-19'");
    let before = process.figures();

    let erased = process.run(&["erase", &format!("user-{ada}"), "--organization", "acme"]);
    assert!(erased.out.contains("2 key(s) destroyed") && !erased.out.contains("not reachable"), "{}", erased.out);

    let gone: Vec<&str> = HIDDEN.iter().chain(&READABLE).copied().collect();
    let check = |process: &Process| {
        swept(root, ada, &gone);
        // The engine's compression may cut a text where it repeats; the part that all of hers share comes whole once.
        assert!(!holds(root, ada), "something of hers is in a file");
        swept(root, bob, &HIDDEN);
        let everything = process.everything();
        assert!(!everything.contains(ada), "{everything}");
        for readable in READABLE {
            assert!(everything.contains(&format!("{readable}{bob}")), "the other person's {readable} stays");
        }
        assert_eq!(process.figures(), before, "counts and money stay");
        for path in [format!("visits/user-{ada}?event=conf"), format!("visits/anonymous-{ada}?event=conf")] {
            assert_eq!(process.ask("GET", &format!("/v1/views/{path}"), "").0, 404, "{path}");
        }
        assert_eq!(process.ask("GET", &format!("/v1/views/visits/anonymous-{bob}?event=conf"), "").0, 200);
        process.run(&["verify"]);
    };
    check(&process);
    let again = process.run(&["erase", &format!("user-{ada}"), "--organization", "acme"]);
    assert!(again.out.contains("nobody"), "{}", again.out);
    // Her letters cannot be read again; his are, and are still wrong.
    let replayed = process.run(&["dead-letters", "replay"]).out;
    let replayed: Value = serde_json::from_str(&replayed).unwrap();
    assert_eq!((&replayed["unreadable"], &replayed["still_bad"]), (&json!(2), &json!(2)), "{replayed}");
    process.terminate();

    let process = start(root, "embedded");
    check(&process);
    process.terminate();
    let exported = run(root, &["log", "export", "--lane", "activity"]);
    assert!(exported.out.contains("order_reported"), "{}{}", exported.out, exported.err);
    assert!(!exported.out.contains("planted"), "decompressed bodies hold nobody: {}", exported.out);
    let exported = run(root, &["log", "export", "--lane", "facts"]);
    assert!(exported.out.contains("subject_erased") && !exported.out.contains("planted"), "{}", exported.out);

    // From the first record on: the keys are gone, and the views come out the same.
    std::fs::remove_dir_all(snapshots(root)).unwrap();
    let process = start(root, "embedded");
    process.wait("the views", |process| process.ask("GET", "/readyz", "").0 == 200);
    check(&process);
    // She comes back as somebody else.
    let mut back = messages(ada).swap_remove(0);
    back["messageId"] = "back".into();
    process.send(&[back]);
    process.landed(2 * RECORDS + 1);
    let new = process.sql("SELECT toString(actor) AS a, toString(linked) AS l FROM records WHERE message = 'back'");
    assert!(!token.trim().is_empty() && !new.trim().is_empty() && new != token, "{token} {new}");
    assert!(process.properties().contains(&format!("hobby-{ada}")));
    process.terminate();
}

#[test]
fn an_erasure_waits_for_a_warehouse_that_is_away_and_survives_a_kill() {
    let who = "planted3carol";
    let folder = folder();
    let root = folder.path();
    let process = start(root, "embedded");
    process.send(&messages(who));
    process.landed(RECORDS);
    assert!(process.properties().contains(&format!("dish-{who}")));
    process.terminate();

    // Port 9 is nobody's: the warehouse cannot be reached.
    let process = start(root, "http://127.0.0.1:9");
    let erased = process.run(&["erase", &format!("user-{who}"), "--organization", "acme"]);
    assert!(erased.out.contains("2 key(s)") && erased.out.contains("not reachable"), "{}", erased.out);
    process.kill();
    assert!(holds(&root.join("data").join("engine"), who), "the old values wait");

    let process = start(root, "embedded");
    process.wait("the pending erasure", |process| !process.everything().contains(who));
    process.wait("the old files go", |_| !holds(root, who));
    swept(root, who, &HIDDEN);
    swept(root, who, &READABLE);
    process.run(&["verify"]);
    process.terminate();
    let facts = run(root, &["log", "export", "--lane", "facts"]).out;
    // Told when the key went, and once more by the next start, which cannot know; the pending note is gone by then.
    assert_eq!(facts.matches("subject_erased").count(), 2, "{facts}");
    start(root, "none").terminate();
    let facts = run(root, &["log", "export", "--lane", "facts"]).out;
    assert_eq!(facts.matches("subject_erased").count(), 2, "{facts}");
}
