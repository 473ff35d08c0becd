//! The process pays with Stripe: it is killed while Stripe is asked, and no webhook ever comes.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use crate::run::run;
use crate::serving::{Process, applied};

const SHOP: &str = "/v1/shop/acme/conf";
const OFFICE: &str = "/v1/organizations/acme/events/conf/box-office";

/// A Stripe on loopback that knows requests by their keys, and answers nobody while it is told so.
#[derive(Clone, Default)]
struct Stub(Arc<Mutex<Books>>);

#[derive(Default)]
struct Books {
    is_silent: bool,
    /// The intent of each key.
    intents: BTreeMap<String, String>,
    keys: Vec<String>,
    status: String,
    /// Connections that wait for an answer that does not come.
    held: Vec<TcpStream>,
}

impl Stub {
    fn start() -> (Self, String) {
        let stub = Self::default();
        stub.with(|books| books.status = "requires_payment_method".into());
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let served = stub.clone();
        // Ends with the test's process.
        std::thread::spawn(move || listener.incoming().flatten().for_each(|stream| served.serve(stream)));
        (stub, address)
    }

    fn with<T>(&self, does: impl FnOnce(&mut Books) -> T) -> T {
        does(&mut self.0.lock().unwrap())
    }

    /// One request of a connection, which is closed then.
    fn serve(&self, stream: TcpStream) {
        let mut reader = BufReader::new(stream);
        let (mut line, mut key, mut length) = (String::new(), String::new(), 0);
        if reader.read_line(&mut line).is_err() {
            return;
        }
        let mut head = String::new();
        while reader.read_line(&mut head).is_ok_and(|read| read > 2) {
            let (name, value) = head.trim().split_once(':').unwrap();
            match name.to_ascii_lowercase().as_str() {
                "idempotency-key" => key = value.trim().to_owned(),
                "content-length" => length = value.trim().parse().unwrap(),
                _ => {}
            }
            head.clear();
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body).unwrap();
        let mut stream = reader.into_inner();
        let answer = self.with(|books| books.answer(&line, key));
        match answer {
            Some(answer) => {
                let length = answer.len();
                let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n";
                // Whoever asked may have been killed.
                let _ = write!(stream, "{head}Content-Length: {length}\r\n\r\n{answer}");
            }
            None => self.with(|books| books.held.push(stream)),
        }
    }
}

impl Books {
    fn answer(&mut self, line: &str, key: String) -> Option<String> {
        let is_new = line.starts_with("POST /v1/payment_intents ");
        if is_new {
            self.keys.push(key.clone());
        }
        if self.is_silent {
            return None;
        }
        if is_new {
            let next = format!("pi_{}", self.intents.len() + 1);
            self.intents.entry(key).or_insert(next);
        }
        if line.contains("/capture") {
            self.status = "succeeded".into();
        }
        let (amount, currency) = (11_900, "eur");
        let intent = json!({"id": "pi_1", "status": self.status, "amount": amount, "currency": currency,
            "client_secret": "pi_1_secret_1", "metadata": {}});
        Some(intent.to_string())
    }
}

/// Asks as a buyer's page: with the key of the request, and the order's secret.
fn buy(address: &str, path: &str, key: &str, secret: &str, body: &Value) -> Option<(u16, Value)> {
    let mut stream = TcpStream::connect(address).ok()?;
    let body = body.to_string();
    write!(
        stream,
        "POST {SHOP}{path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nIdempotency-Key: {key}\r\nOrder-Secret: {secret}\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .ok()?;
    let mut text = String::new();
    stream.read_to_string(&mut text).ok()?;
    let (head, body) = text.split_once("\r\n\r\n")?;
    Some((head.split_whitespace().nth(1)?.parse().ok()?, serde_json::from_str(body).ok()?))
}

/// Everything that is for sale, set by whoever owns the process.
fn furnish(process: &Process) -> String {
    process.run(&["user", "add", "root@example.org", "--admin"]);
    let link = run(&process.folder, &["sign-in-link", "root@example.org"]).out;
    let body = json!({"token": link.trim().split_once("#token=").unwrap().1, "as": "bearer"}).to_string();
    let (_, opened) = process.ask_with("", "POST", "/v1/logins/link", &body);
    let token = opened["data"]["token"].as_str().unwrap().to_owned();
    let tiers = json!([{"title": "Standard", "prices": [{"minor": 11_900, "currency": "EUR"}]}]);
    let keys = json!({"publishable_key": "pk_1", "secret_key": "sk_1", "webhook_secret": "whsec_1"});
    for (path, body) in [
        ("/v1/organizations/acme/payment-providers/stripe".to_owned(), keys),
        (format!("{OFFICE}/products/pass"), json!({"title": "Pass", "tiers": tiers})),
        (format!("{OFFICE}/quotas/hall"), json!({"title": "Hall", "size": 2, "products": [{"product": "pass"}]})),
    ] {
        let (status, answer) = process.ask_with(&token, "PUT", &path, &body.to_string());
        assert_eq!(status, 200, "{path}: {answer}");
    }
    token
}

#[test]
fn a_payment_survives_a_kill_while_stripe_is_asked_and_needs_no_webhook() {
    let (stub, stripe) = Stub::start();
    let folder = applied();
    let settings = ["--warehouse", "none", "--log-filter", "warn", "--stripe-url", &stripe];
    let process = Process::start_with(folder.path(), &settings, None);
    let token = furnish(&process);
    let cart = json!({"lines": [{"product": "pass", "count": 1}], "currency": "EUR"});
    let (status, hold) = buy(&process.address, "/holds", "00000000-0000-7000-8000-0000000000a1", "", &cart).unwrap();
    assert_eq!(status, 201, "{hold}");
    let wish = json!({"hold": hold["data"]["id"], "buyer": {"email": "ann@example.org"}, "provider": "stripe"});
    let (status, order) = buy(&process.address, "/orders", "o1", "", &wish).unwrap();
    assert_eq!(status, 201, "{order}");
    let secret = order["data"]["secret"].as_str().unwrap().to_owned();
    let pay = json!({"provider": "stripe"});

    stub.with(|books| books.is_silent = true);
    let (address, body, shown) = (process.address.clone(), pay.clone(), secret.clone());
    let asking = std::thread::spawn(move || buy(&address, "/orders/o1/payments", "p1", &shown, &body));
    process.wait("stripe is asked", |_| stub.with(|books| !books.keys.is_empty()));
    process.kill();
    assert!(asking.join().unwrap().is_none(), "nobody was answered");

    stub.with(|books| {
        books.is_silent = false;
        books.held.clear();
    });
    let process = Process::start_with(folder.path(), &settings, None);
    let (status, begun) = buy(&process.address, "/orders/o1/payments", "p1", &secret, &pay).unwrap();
    assert_eq!((status, begun["data"]["client_secret"].as_str()), (201, Some("pi_1_secret_1")), "{begun}");
    stub.with(|books| {
        assert!(books.keys.len() > 1 && books.keys.iter().all(|key| *key == books.keys[0]), "{:?}", books.keys);
        assert_eq!(books.intents.len(), 1);
        // The buyer has typed a card.
        books.status = "requires_capture".into();
    });
    process.wait("the order is confirmed without a webhook", |process| {
        let (_, order) = process.ask_with(&token, "GET", &format!("{OFFICE}/orders/o1"), "");
        order["data"]["status"] == "confirmed" && order["data"]["payments"][0]["captured"] == 11_900
    });
    process.terminate();
}
