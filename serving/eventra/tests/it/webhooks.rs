//! Webhooks of a process that is killed, to a receiver that fails, hangs and is away: nothing is left out, and the order stays.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::Duration;

use serde_json::{Value, json};

use crate::mails::sign_in;
use crate::run::run;
use crate::serving::{Process, applied};

/// Prints each webhook with what it answers: every seventh is refused, every eleventh is answered late.
const RECEIVER: &str = r#"
import http.server, json, sys, time
count = 0
class Taking(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        global count
        count += 1
        body = json.loads(self.rfile.read(int(self.headers['content-length'])))
        status = 503 if count % 7 == 0 else 204
        if count % 11 == 0:
            time.sleep(0.5)
        print(json.dumps({'id': self.headers['webhook-id'], 'type': body['type'], 'offset': body['offset'],
                          'order': body['data'].get('order'), 'status': status}), flush=True)
        self.send_response(status)
        self.end_headers()
    def log_message(self, *words):
        pass
server = http.server.ThreadingHTTPServer(('127.0.0.1', int(sys.argv[1])), Taking)
print('ready', flush=True)
server.serve_forever()
"#;

/// Webhooks that wait to be looked at: more than are told.
const TOLD_MAX: usize = 1_000;
/// Orders that are bought.
const ORDERS: usize = 24;
/// How long the last webhook may take: two tries in vain are 15 s, and the machine may be busy.
const WITHIN: Duration = Duration::from_secs(120);

/// The receiver; ends with the test.
struct Hooked {
    child: Child,
    lines: Receiver<Value>,
}

impl Hooked {
    fn start(folder: &Path, port: u16) -> Self {
        let script = folder.join("receiver.py");
        std::fs::write(&script, RECEIVER).unwrap();
        let mut command = Command::new("python3");
        let mut child = command.arg(&script).arg(port.to_string()).stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        assert_eq!(lines.next().unwrap().unwrap(), "ready");
        let (tell, told) = sync_channel(TOLD_MAX);
        std::thread::spawn(move || {
            let webhooks = lines.map_while(Result::ok).filter_map(|line| serde_json::from_str(&line).ok());
            // The test has ended when nobody listens any more.
            webhooks.into_iter().try_for_each(|webhook| tell.send(webhook).ok())
        });
        Self { child, lines: told }
    }
}

impl Drop for Hooked {
    fn drop(&mut self) {
        // Ended already, perhaps.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn done(process: &Process, token: &str, method: &str, path: &str, body: &Value) -> Value {
    let (status, answer) = process.ask_with(token, method, path, &body.to_string());
    assert!((200..300).contains(&status), "{method} {path}: {status} {answer}");
    answer["data"].clone()
}

fn buy(process: &Process, number: usize) -> String {
    let shop = "/v1/shop/acme/conf";
    let cart = json!({"lines": [{"product": "free", "count": 1}], "currency": "EUR"});
    let hold = done(process, "", "POST", &format!("{shop}/holds"), &cart);
    let buyer = json!({"email": format!("buyer{number}@example.org")});
    let wish = json!({"hold": hold["id"], "buyer": buyer, "provider": "free"});
    let order = done(process, "", "POST", &format!("{shop}/orders"), &wish);
    order["id"].as_str().unwrap().to_owned()
}

#[test]
fn a_receiver_is_told_everything_in_order_whatever_is_killed() {
    let folder = applied();
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let settings = ["--warehouse", "none", "--webhooks-private", "true", "--log-filter", "warn"];
    let start = || Process::start_with(folder.path(), &settings, None);
    let mut process = start();
    assert_eq!(run(folder.path(), &["user", "add", "ann@example.org", "--admin"]).code, 0);
    let token = sign_in(&process, "ann@example.org");
    let event = "/v1/organizations/acme/events/conf";
    let office = format!("{event}/box-office");
    let times = json!({"title": "Conf", "starts": "2036-11-20T09:00:00Z", "ends": "2036-11-20T18:00:00Z"});
    done(&process, &token, "PUT", event, &times);
    let tiers = json!([{"title": "Free", "prices": [{"minor": 0, "currency": "EUR"}]}]);
    done(&process, &token, "PUT", &format!("{office}/products/free"), &json!({"title": "Free", "tiers": tiers}));
    let quota = json!({"title": "Hall", "size": 1_000, "products": [{"product": "free"}]});
    done(&process, &token, "PUT", &format!("{office}/quotas/hall"), &quota);
    let spec = json!({"url": format!("http://127.0.0.1:{port}/"), "topics": ["order.placed", "order.confirmed"]});
    done(&process, &token, "POST", "/v1/organizations/acme/webhooks", &spec);

    // Nobody is there at first; the process is killed again and again.
    let mut orders = vec![buy(&process, 0)];
    process.kill();
    let receiver = Hooked::start(folder.path(), port);
    let mut arrived = Vec::new();
    process = start();
    for number in 1..ORDERS {
        orders.push(buy(&process, number));
        if number % 8 == 0 {
            // In the middle of telling, as it happens.
            arrived.extend(receiver.lines.recv_timeout(WITHIN));
            process.kill();
            process = start();
        }
    }
    let last = orders.last().unwrap().clone();
    loop {
        let webhook = receiver.lines.recv_timeout(WITHIN).expect("the last webhook comes");
        let is_last = webhook["type"] == "order.confirmed" && webhook["order"] == last && webhook["status"] == 204;
        arrived.push(webhook);
        if is_last {
            break;
        }
    }
    process.terminate();

    // Once each, in the order in which they were taken first.
    let mut seen = std::collections::BTreeMap::new();
    let mut taken = Vec::new();
    for webhook in arrived.iter().filter(|webhook| webhook["status"] == 204) {
        let id = webhook["id"].as_str().unwrap().to_owned();
        if seen.insert(id, webhook["offset"].clone()).is_none_or(|offset| offset != webhook["offset"]) {
            taken.push((webhook["type"].as_str().unwrap().to_owned(), webhook["order"].as_str().unwrap().to_owned()));
        }
    }
    let told = |kind: &'static str| orders.iter().map(move |order| (kind.to_owned(), order.clone()));
    let expected: Vec<_> =
        told("order.placed").zip(told("order.confirmed")).flat_map(|(one, two)| [one, two]).collect();
    assert_eq!(taken, expected);
    assert!(arrived.iter().any(|webhook| webhook["status"] == 503), "the receiver has refused some");
}
