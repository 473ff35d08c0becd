//! There is no other database: what the log and the keys say is all there is.

use serde_json::{Value, json};

use crate::run::run;
use crate::serving::{Process, applied};

/// Everything that the API tells of what was decided, as somebody who may read all of it.
const TOLD: [&str; 12] = [
    "/v1/me",
    "/v1/me/logins",
    "/v1/audit",
    "/v1/organizations",
    "/v1/organizations/acme",
    "/v1/organizations/acme/members",
    "/v1/organizations/acme/keys",
    "/v1/organizations/acme/events",
    "/v1/organizations/acme/events/conf/items",
    "/v1/organizations/acme/rules",
    "/v1/organizations/acme/queries",
    "/v1/organizations/acme/audit",
];

fn ask(process: &Process, token: &str, method: &str, path: &str, body: &Value) -> Value {
    let body = if body.is_null() { String::new() } else { body.to_string() };
    let (status, answer) = process.ask_with(token, method, path, &body);
    assert!((200..300).contains(&status), "{method} {path}: {status} {answer}");
    answer
}

/// A link of the command line, used: a token.
pub(crate) fn sign_in(process: &Process, email: &str) -> String {
    let link = run(&process.folder, &["sign-in-link", email]);
    assert_eq!(link.code, 0, "{}", link.err);
    let (page, secret) = link.out.trim().split_once("#token=").expect("a link holds its secret behind a #");
    assert_eq!(page, format!("http://{}/sign-in/link", process.address));
    let body = json!({"token": secret, "as": "bearer"});
    let opened = ask(process, "", "POST", "/v1/logins/link", &body);
    opened["data"]["token"].as_str().unwrap().to_owned()
}

/// What is told; views wait until they reflect the record that was tracked.
fn told(process: &Process, token: &str, wait_for: &str) -> Vec<Value> {
    let mut told: Vec<Value> = TOLD.iter().map(|path| ask(process, token, "GET", path, &Value::Null)).collect();
    let views =
        format!("/v1/views/windows?organization=acme&event=conf&session=talk&kind=session_joined&wait_for={wait_for}");
    told.push(ask(process, token, "GET", &views, &Value::Null)["data"].clone());
    told
}

#[test]
fn the_log_and_the_keys_give_everything_back() {
    let folder = applied();
    let process = Process::start(folder.path());
    let added = run(folder.path(), &["user", "add", "ann@example.org", "--name", "Ann", "--admin"]);
    assert!(added.out.contains("ann@example.org is user"), "{} {}", added.out, added.err);
    let nobody = run(folder.path(), &["sign-in-link", "nobody@example.org"]);
    assert_eq!((nobody.code, nobody.err.contains("eventra user add")), (1, true), "{}", nobody.err);
    let token = sign_in(&process, "ann@example.org");
    let change = |method: &str, path: &str, body: Value| ask(&process, &token, method, path, &body);
    change("PUT", "/v1/me/password", json!({"new": "correct horse battery staple"}));
    change("POST", "/v1/me/second-factor", Value::Null);
    change("PATCH", "/v1/organizations/acme", json!({"language": "de", "origins": ["https://www.example.org"]}));
    change("POST", "/v1/organizations/acme/members", json!({"email": "ben@example.org", "role": "analyst"}));
    change("POST", "/v1/organizations/acme/keys", json!({"name": "wall", "scopes": ["read"]}));
    change("POST", "/v1/organizations/acme/keys/wall/rotation", json!({"grace_s": 3600}));
    change("PUT", "/v1/organizations/acme/events/conf/items/talk-1", json!({"title": "Opening", "capacity": 20}));
    change("PUT", "/v1/organizations/acme/rules", json!({"format": 1, "campaigns": [{"id": "c", "ads": ["a"]}]}));
    change("POST", "/v1/organizations/acme/queries", json!({"title": "All", "sql": "SELECT 1"}));
    let joined =
        r#"{"userId":"ada","messageId":"m-1","event":"session_joined","properties":{"event":"conf","session":"talk"}}"#;
    let (status, tracked) = process.ask("POST", "/v1/track", joined);
    assert_eq!(status, 200, "{tracked}");
    let wait_for = tracked["wait_for"].as_str().unwrap().to_owned();
    let before = told(&process, &token, &wait_for);
    process.terminate();

    let data = folder.path().join("data");
    for entry in std::fs::read_dir(&data).unwrap().map(Result::unwrap) {
        let name = entry.file_name().into_string().unwrap();
        match name.as_str() {
            "log" | "secret.key" | "subjects.keys" => {}
            _ if entry.path().is_dir() => std::fs::remove_dir_all(entry.path()).unwrap(),
            _ => std::fs::remove_file(entry.path()).unwrap(),
        }
    }
    let left = std::fs::read_dir(&data).unwrap().count();
    assert_eq!(left, 3, "the log, the installation's secret, and people's keys");

    let process = Process::start(folder.path());
    let after = told(&process, &token, &wait_for);
    for ((path, before), after) in TOLD.iter().zip(&before).zip(&after) {
        assert_eq!(before, after, "{path}");
    }
    assert_eq!(before, after, "views too");
    let body = json!({"email": "ann@example.org", "password": "correct horse battery staple"});
    ask(&process, "", "POST", "/v1/logins", &body);
    process.terminate();
}
