//! Webhooks from outside: receivers that take, fail, hang and come back; signatures as the official libraries read them.

use std::collections::VecDeque;
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use api::webhooks::Pump;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode};
use eventlog::clock::{Clock as _, SystemClock};
use records::{Span, Timestamp};
use serde_json::{Value, json};

use crate::booking::{buy, data, furnished, send};
use crate::house::{House, NOW, run};
use crate::libraries::{installed, must_run, write};

const HOOKS: &str = "/v1/organizations/acme/webhooks";
/// Turns of a pump until a test gives up.
const TURNS_MAX: usize = 200;

/// One webhook as it arrived.
#[derive(Debug, Clone)]
struct Arrived {
    headers: Vec<(String, String)>,
    text: String,
    body: Value,
    taken: bool,
}

impl Arrived {
    fn header(&self, name: &str) -> &str {
        &self.headers.iter().find(|(known, _)| known == name).unwrap().1
    }

    fn kind(&self) -> &str {
        self.body["type"].as_str().unwrap()
    }
}

/// A receiver on loopback: answers what was laid out for it, and 204 afterwards.
#[derive(Clone, Default)]
struct Receiver {
    arrived: Arc<Mutex<Vec<Arrived>>>,
    answers: Arc<Mutex<VecDeque<u16>>>,
}

async fn receive(State(receiver): State<Receiver>, headers: HeaderMap, text: String) -> (StatusCode, String) {
    let answer = receiver.answers.lock().unwrap().pop_front().unwrap_or(204);
    let headers = headers.iter().map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned())).collect();
    let body = serde_json::from_str(&text).unwrap();
    let taken = answer < 300;
    receiver.arrived.lock().unwrap().push(Arrived { headers, text, body, taken });
    (StatusCode::from_u16(answer).unwrap(), if taken { String::new() } else { "come\u{7} back later".into() })
}

impl Receiver {
    /// Listens, at this port or a free one; returns its address. Until the handle is aborted.
    async fn listen(&self, port: u16) -> (u16, tokio::task::JoinHandle<()>) {
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let router = axum::Router::new().fallback(receive).with_state(self.clone());
        (port, tokio::spawn(async move { axum::serve(listener, router).await.unwrap() }))
    }

    fn taken(&self) -> Vec<Arrived> {
        self.arrived.lock().unwrap().iter().filter(|arrived| arrived.taken).cloned().collect()
    }

    fn kinds(&self) -> Vec<String> {
        self.taken().iter().map(|arrived| arrived.kind().to_owned()).collect()
    }

    fn answer(&self, answers: &[u16]) {
        self.answers.lock().unwrap().extend(answers);
    }
}

async fn add(house: &House, spec: Value) -> Value {
    data(send(house, Method::POST, HOOKS, "", spec).await, StatusCode::CREATED)
}

async fn get(house: &House, path: &str) -> Value {
    data(send(house, Method::GET, &format!("{HOOKS}/{path}"), "", Value::Null).await, StatusCode::OK)
}

fn id(endpoint: &Value) -> String {
    endpoint["id"].as_str().unwrap().to_owned()
}

/// A receiver that listens, the endpoint that leads to it, and a pump.
struct Line {
    receiver: Receiver,
    port: u16,
    task: tokio::task::JoinHandle<()>,
    made: Value,
    pump: Pump,
}

impl Line {
    /// One that is told what happens from here on.
    async fn open(house: &House) -> Self {
        let receiver = Receiver::default();
        let (port, task) = receiver.listen(0).await;
        let made = add(house, json!({"url": format!("http://127.0.0.1:{port}/hooks?a=1"), "title": "CRM"})).await;
        Self { receiver, port, task, made, pump: Pump::new(true).unwrap() }
    }
}

/// Turns a pump until nothing is on its way and nothing is due.
async fn settle(house: &House, pump: &mut Pump) {
    for _ in 0..TURNS_MAX {
        pump.turn(&house.api).await;
        if pump.is_idle() {
            return;
        }
        pump.wait(Duration::from_secs(20)).await;
    }
    panic!("the pump does not come to rest");
}

/// Turns a pump until something has come of it, or there were too many turns.
async fn turn_until(house: &House, pump: &mut Pump, is_done: impl Fn() -> bool) {
    for _ in 0..TURNS_MAX {
        pump.turn(&house.api).await;
        if is_done() {
            return;
        }
        pump.wait(Duration::from_millis(50)).await;
    }
}

const BOUGHT: [&str; 4] = ["order.placed", "payment.started", "payment.captured", "order.confirmed"];

#[test]
fn what_happens_is_told_in_order_with_ids_and_nothing_personal() {
    run(async {
        let house = furnished().await;
        let before = buy(&house, "early").await;
        let Line { receiver, made, mut pump, .. } = Line::open(&house).await;
        assert!(made["secret"].as_str().unwrap().starts_with("whsec_"));
        let order = buy(&house, "zebulon").await;
        settle(&house, &mut pump).await;
        assert_eq!(receiver.kinds(), BOUGHT, "what was before the endpoint is not told");
        let all = receiver.taken();
        for arrived in &all {
            assert_eq!(arrived.body["data"]["order"], order["id"]);
            assert!(
                !arrived.text.to_lowercase().contains("zebulon") && !arrived.text.contains("sealed"),
                "{arrived:?}"
            );
            assert_ne!(arrived.body["data"]["order"], before["id"]);
            assert_eq!(arrived.header("content-type"), "application/json");
        }
        // Where it says, a key that manages finds the rest.
        let url = all[3].body["order_url"].as_str().unwrap();
        let found = data(send(&house, Method::GET, url, "", Value::Null).await, StatusCode::OK);
        assert_eq!(found["buyer"]["name"], "zebulon");
        let rows = get(&house, &format!("{}/deliveries", id(&made))).await;
        assert_eq!(rows.as_array().unwrap().len(), 4);
        assert_eq!((rows[0]["type"].as_str(), rows[0]["status"].as_u64()), (Some("order.confirmed"), Some(204)));
        assert_eq!(rows[0]["id"], all[3].header("webhook-id"));
        let again = get(&house, &format!("{}/deliveries/{}", id(&made), rows[0]["id"].as_str().unwrap())).await;
        assert_eq!(again, all[3].body);
        let log = format!("{:?}", house.facts());
        assert!(!log.contains(made["secret"].as_str().unwrap()));
    });
}

#[test]
fn only_what_was_asked_for_is_told_and_a_test_to_one_endpoint() {
    run(async {
        let house = furnished().await;
        let (few, all) = (Receiver::default(), Receiver::default());
        let ((one, _first), (two, _second)) = (few.listen(0).await, all.listen(0).await);
        let url = |port: u16| format!("http://localhost:{port}");
        let made = add(&house, json!({"url": url(one), "topics": ["order.confirmed", "ticket.scanned"]})).await;
        add(&house, json!({"url": url(two)})).await;
        let mut pump = Pump::new(true).unwrap();
        buy(&house, "ann").await;
        settle(&house, &mut pump).await;
        assert_eq!((few.kinds(), all.kinds()), (vec!["order.confirmed".into()], BOUGHT.map(str::to_owned).to_vec()));
        let test = format!("{HOOKS}/{}/tests", id(&made));
        let told = data(send(&house, Method::POST, &test, "", Value::Null).await, StatusCode::CREATED);
        settle(&house, &mut pump).await;
        let last = few.taken().pop().unwrap();
        assert_eq!((last.kind(), last.header("webhook-id")), ("webhook.test", told["id"].as_str().unwrap()));
        assert_eq!(all.kinds().len(), 4);
        let unknown = send(&house, Method::POST, HOOKS, "", json!({"url": url(one), "topics": ["order.paid"]})).await;
        assert_eq!(unknown.status, StatusCode::BAD_REQUEST);
    });
}

#[test]
fn a_receiver_that_fails_for_days_is_told_everything_in_order_and_somebody_is_told_of_it() {
    run(async {
        let house = furnished().await;
        let Line { receiver, port, task, made, mut pump } = Line::open(&house).await;
        receiver.answer(&[500, 302, 429]);
        buy(&house, "ann").await;
        settle(&house, &mut pump).await;
        assert_eq!(receiver.taken().len(), 0);
        settle(&house, &mut pump).await;
        assert_eq!(receiver.arrived.lock().unwrap().len(), 1, "not before its time");
        // Then nobody listens, for four days; meanwhile another order.
        task.abort();
        let _ = task.await;
        buy(&house, "bea").await;
        let mut now = NOW;
        let mut tries = 0;
        while now < NOW.saturating_add(Span::from_seconds(4 * 86_400)) {
            now = now.saturating_add(Span::from_seconds(3_600));
            house.clock.set(now);
            // Another process each day: what is to be done is in the log alone.
            if tries % 24 == 0 {
                pump = Pump::new(true).unwrap();
            }
            settle(&house, &mut pump).await;
            tries += 1;
        }
        let shown = get(&house, &id(&made)).await;
        assert_eq!(shown["attention"], true, "{shown}");
        assert!(shown["cursors"].as_array().unwrap().iter().any(|cursor| cursor["attempts"].as_u64() > Some(90)));
        let rows = get(&house, &format!("{}/deliveries?failed=true&limit=200", id(&made))).await;
        let first = rows.as_array().unwrap().last().unwrap().clone();
        assert_eq!((first["status"].as_u64(), first["text"].as_str()), (Some(500), Some("come back later")));
        assert_eq!(rows[0]["status"], 0, "{}", rows[0]);

        receiver.answers.lock().unwrap().clear();
        let (_, _task) = receiver.listen(port).await;
        house.clock.set(now.saturating_add(Span::from_seconds(3_700)));
        settle(&house, &mut pump).await;
        assert_eq!(receiver.kinds(), [BOUGHT, BOUGHT].concat());
        let arrived = receiver.arrived.lock().unwrap().clone();
        let offsets: Vec<&str> = arrived[1..].iter().map(|one| one.body["offset"].as_str().unwrap()).collect();
        let mut sorted = offsets.clone();
        sorted.sort_by_key(|offset| offset.split_once('/').unwrap().1.parse::<u64>().unwrap());
        assert_eq!(offsets, sorted);
        // Each try of a webhook is the same one.
        assert_eq!(arrived[0].header("webhook-id"), arrived[1].header("webhook-id"));
        assert_eq!(arrived[0].text, arrived[1].text);
        let shown = get(&house, &id(&made)).await;
        assert_eq!((&shown["attention"], &shown["failing_since"]), (&json!(false), &Value::Null));
    });
}

#[test]
fn what_was_told_is_told_again_from_a_place_or_a_time_on_under_the_same_ids() {
    run(async {
        let house = furnished().await;
        let Line { receiver, made, mut pump, .. } = Line::open(&house).await;
        buy(&house, "ann").await;
        settle(&house, &mut pump).await;
        let first = receiver.taken();
        let replays = format!("{HOOKS}/{}/replays", id(&made));
        let replay = async |body: Value| send(&house, Method::POST, &replays, "", body).await;
        data(replay(json!({"from": first[2].body["offset"]})).await, StatusCode::OK);
        settle(&house, &mut pump).await;
        assert_eq!(receiver.kinds()[4..], BOUGHT[2..]);
        assert_eq!(receiver.taken()[4].header("webhook-id"), first[2].header("webhook-id"));
        data(replay(json!({"since": "2020-01-01T00:00:00Z"})).await, StatusCode::OK);
        settle(&house, &mut pump).await;
        assert_eq!(receiver.kinds()[6..], BOUGHT);
        data(replay(json!({"since": "2040-01-01T00:00:00Z"})).await, StatusCode::OK);
        settle(&house, &mut pump).await;
        assert_eq!(receiver.kinds().len(), 10);
        for wrong in [json!({}), json!({"from": "f0/99999"}), json!({"from": "a0/1"}), json!({"from": "f99/0"})] {
            assert_eq!(replay(wrong.clone()).await.status, StatusCode::BAD_REQUEST, "{wrong}");
        }
    });
}

#[test]
fn one_that_is_gone_or_slow_holds_nobody_else() {
    run(async {
        let house = furnished().await;
        let (gone, well) = (Receiver::default(), Receiver::default());
        let ((one, _first), (two, _second)) = (gone.listen(0).await, well.listen(0).await);
        gone.answer(&[410]);
        let made = add(&house, json!({"url": format!("http://127.0.0.1:{one}")})).await;
        add(&house, json!({"url": format!("http://127.0.0.1:{two}")})).await;
        // Takes connections and says nothing: a try ends after 15 s.
        let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let slow = format!("http://{}", silent.local_addr().unwrap());
        add(&house, json!({"url": slow})).await;
        let mut pump = Pump::new(true).unwrap();
        buy(&house, "ann").await;
        turn_until(&house, &mut pump, || well.kinds().len() == 4 && gone.arrived.lock().unwrap().len() == 1).await;
        assert_eq!(well.kinds(), BOUGHT);
        assert!(!pump.is_idle(), "the silent one is still waited for");
        drop(pump);
        let mut pump = Pump::new(true).unwrap();
        let shown = get(&house, &id(&made)).await;
        if shown["stopped"].is_null() {
            // What was answered was not decided yet when the pump went: it is sent and answered again.
            gone.answer(&[410]);
            pump.turn(&house.api).await;
            pump.wait(Duration::from_secs(5)).await;
            pump.turn(&house.api).await;
        }
        let shown = get(&house, &id(&made)).await;
        assert!(shown["stopped"].is_string() && shown["attention"] == true, "{shown}");
        // Somebody looks after it: everything comes.
        let spec = json!({"url": format!("http://127.0.0.1:{one}")});
        let path = format!("{HOOKS}/{}", id(&made));
        data(send(&house, Method::PUT, &path, "", spec).await, StatusCode::OK);
        turn_until(&house, &mut pump, || gone.kinds().len() == 4).await;
        assert_eq!(gone.kinds(), BOUGHT);
    });
}

#[test]
fn nothing_goes_to_what_stands_behind_this_machine() {
    run(async {
        let house = furnished().await;
        let receiver = Receiver::default();
        let (port, _task) = receiver.listen(0).await;
        for host in ["127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]", "2130706433", "0x7f.1"] {
            add(&house, json!({"url": format!("https://{host}:{port}/")})).await;
        }
        add(&house, json!({"url": format!("http://127.0.0.1:{port}/")})).await;
        buy(&house, "ann").await;
        // The endpoints were added while private addresses were allowed.
        let mut pump = Pump::new(false).unwrap();
        settle(&house, &mut pump).await;
        assert_eq!(receiver.arrived.lock().unwrap().len(), 0);
        let page = send(&house, Method::GET, HOOKS, "", Value::Null).await;
        for endpoint in page.body["data"].as_array().unwrap() {
            let rows = get(&house, &format!("{}/deliveries", id(endpoint))).await;
            assert_eq!((rows[0]["status"].as_u64(), rows[0]["taken"].as_bool()), (Some(0), Some(false)), "{endpoint}");
        }
    });
}

const PYTHON: &str = r#"
import json, sys
from standardwebhooks.webhooks import Webhook, WebhookVerificationError
for case in json.load(open(sys.argv[1])):
    for secret in case["secrets"]:
        Webhook(secret).verify(case["text"], case["headers"])
    for wrong in (case["text"] + " ", case["text"].replace("timestamp", "timestamq", 1)):
        try:
            Webhook(case["secrets"][0]).verify(wrong, case["headers"])
        except (WebhookVerificationError, ValueError):
            continue
        sys.exit("a changed webhook was taken")
print("verified")
"#;

const NODE: &str = r#"
const { Webhook } = require('standardwebhooks');
for (const { secrets, text, headers } of JSON.parse(require('fs').readFileSync(process.argv[2]))) {
  for (const secret of secrets) new Webhook(secret).verify(text, headers);
  let taken = true;
  try { new Webhook(secrets[0]).verify(text + ' ', headers); } catch { taken = false; }
  if (taken) throw new Error('a changed webhook was taken');
}
console.log('verified');
"#;

#[test]
fn the_official_libraries_take_the_signatures_also_while_a_secret_is_changed() {
    let python = installed("standardwebhooks-python-1.1.0", |folder| {
        let mut pip = Command::new("python3");
        pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--target"]);
        must_run(pip.arg(folder).arg("standardwebhooks==1.1.0"), "pip install of standardwebhooks");
    });
    let node = installed("standardwebhooks-node-1.1.1", |folder| {
        let mut npm = Command::new("npm");
        npm.args(["install", "--no-audit", "--no-fund", "--silent", "--prefix"]);
        must_run(npm.arg(folder).arg("standardwebhooks@1.1.1"), "npm install of standardwebhooks");
    });
    let cases = run(async {
        let house = furnished().await;
        // The libraries look at the time, too.
        let now = SystemClock.now();
        house.clock.set(now);
        let Line { receiver, made, mut pump, .. } = Line::open(&house).await;
        buy(&house, "ann").await;
        settle(&house, &mut pump).await;
        let rotation = format!("{HOOKS}/{}/rotation", id(&made));
        let rotated = data(send(&house, Method::POST, &rotation, "", json!({"grace_s": 60})).await, StatusCode::OK);
        assert_ne!(rotated["secret"], made["secret"]);
        let test = format!("{HOOKS}/{}/tests", id(&made));
        send(&house, Method::POST, &test, "", Value::Null).await;
        settle(&house, &mut pump).await;
        house.clock.set(Timestamp(now.0 + 61_000_000));
        send(&house, Method::POST, &test, "", Value::Null).await;
        settle(&house, &mut pump).await;
        let all = receiver.taken();
        assert_eq!(all.len(), 6);
        let both = json!([made["secret"], rotated["secret"]]);
        let secrets = |place| match place {
            0..4 => json!([made["secret"]]),
            4 => both.clone(),
            _ => json!([rotated["secret"]]),
        };
        let case = |(place, arrived): (usize, &Arrived)| {
            let headers: serde_json::Map<String, Value> =
                arrived.headers.iter().map(|(name, value)| (name.clone(), value.as_str().into())).collect();
            json!({"secrets": secrets(place), "text": arrived.text, "headers": headers})
        };
        Value::Array(all.iter().enumerate().map(case).collect())
    });
    let folder = tempfile::tempdir().unwrap();
    let cases = write(folder.path(), "cases.json", &cases.to_string());
    let script = write(folder.path(), "verify.py", PYTHON);
    must_run(Command::new("python3").env("PYTHONPATH", &python).arg(script).arg(&cases), "standardwebhooks for Python");
    let script = write(&node, "verify.cjs", NODE);
    must_run(Command::new("node").arg(script).arg(&cases), "standardwebhooks for Node");
}
