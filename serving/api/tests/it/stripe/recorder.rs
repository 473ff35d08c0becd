//! A Stripe that remembers what it was asked and under which keys, and can be told to fail: what localstripe, which
//! overlooks keys, cannot show. It does with a key what Stripe's reference says.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use hmac::{Hmac, KeyInit as _, Mac as _};
use records::Timestamp;
use serde_json::{Value, json};

pub(crate) const WEBHOOK: &str = "whsec_of_the_recorder";

/// How a request goes wrong.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Break {
    /// Nothing is done.
    Before,
    /// It is done, and nobody is told.
    After,
}

/// What was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Call {
    pub(crate) what: String,
    pub(crate) key: String,
}

#[derive(Default)]
struct Books {
    intents: BTreeMap<String, Value>,
    refunds: Vec<Value>,
    answers: BTreeMap<String, (Vec<u8>, Value)>,
    calls: Vec<Call>,
    broken: VecDeque<Break>,
    refunds_are: &'static str,
    events: u32,
}

/// The recorder, and where it is.
#[derive(Clone, Default)]
pub(crate) struct Recorder(Arc<Mutex<Books>>);

type Form = BTreeMap<String, String>;

fn form(body: &[u8]) -> Form {
    form_urlencoded::parse(body).into_owned().collect()
}

fn metadata(form: &Form) -> Value {
    let inside = form.iter().filter_map(|(name, value)| {
        let name = name.strip_prefix("metadata[")?.strip_suffix(']')?;
        Some((name.to_owned(), Value::from(value.as_str())))
    });
    Value::Object(inside.collect())
}

impl Recorder {
    /// Starts it on loopback, and tells where.
    pub(crate) async fn start() -> (Self, String) {
        let recorder = Self::default();
        recorder.books(|books| books.refunds_are = "succeeded");
        let router = Router::new()
            .route("/v1/payment_intents", post(make))
            .route("/v1/payment_intents/{id}", get(read))
            .route("/v1/payment_intents/{id}/{act}", post(act))
            .route("/v1/refunds", post(refund).get(refunds))
            .with_state(recorder.clone());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move { axum::serve(listener, router).await });
        (recorder, format!("http://{address}"))
    }

    fn books<T>(&self, with: impl FnOnce(&mut Books) -> T) -> T {
        with(&mut self.0.lock().unwrap())
    }

    /// The next requests go wrong like this.
    pub(crate) fn breaks(&self, how: &[Break]) {
        self.books(|books| books.broken.extend(how));
    }

    /// Refunds are this from here on, those before, too.
    pub(crate) fn refunds_are(&self, status: &'static str) {
        self.books(|books| {
            books.refunds_are = status;
            books.refunds.iter_mut().for_each(|refund| refund["status"] = status.into());
        });
    }

    /// What was asked, as far as it begins with this.
    pub(crate) fn calls(&self, begin: &str) -> Vec<Call> {
        self.books(|books| books.calls.iter().filter(|call| call.what.starts_with(begin)).cloned().collect())
    }

    /// Every intent, the oldest first.
    pub(crate) fn intents(&self) -> Vec<Value> {
        self.books(|books| books.intents.values().cloned().collect())
    }

    pub(crate) fn refund_count(&self) -> usize {
        self.books(|books| books.refunds.len())
    }

    /// A buyer's card comes to this.
    pub(crate) fn becomes(&self, intent: &str, status: &str) -> Value {
        self.books(|books| {
            let known = books.intents.get_mut(intent).unwrap();
            known["status"] = status.into();
            if status == "succeeded" {
                known["amount_received"] = known["amount"].clone();
                let transaction = json!({"fee": 29, "currency": known["currency"]});
                let card = json!({"card": {"fingerprint": "a-card"}});
                known["latest_charge"] =
                    json!({"id": "ch_1", "balance_transaction": transaction, "payment_method_details": card});
            }
            known.clone()
        })
    }

    /// The card is declined.
    pub(crate) fn declines(&self, intent: &str) -> Value {
        self.becomes(intent, "requires_payment_method");
        self.books(|books| {
            let known = books.intents.get_mut(intent).unwrap();
            known["last_payment_error"] = json!({"message": "Your card was declined."});
            known.clone()
        })
    }

    /// A message about an object, with its signature.
    pub(crate) fn message(&self, kind: &str, object: &Value, now: Timestamp) -> (String, String) {
        let number = self.books(|books| {
            books.events += 1;
            books.events
        });
        let body = json!({"id": format!("evt_{number}"), "type": kind, "data": {"object": object}}).to_string();
        let signature = signed(&body, now);
        (body, signature)
    }

    /// A message about a refund.
    pub(crate) fn refund_message(&self, place: usize, status: &str, now: Timestamp) -> (String, String) {
        let mut refund = self.books(|books| books.refunds[place].clone());
        refund["status"] = status.into();
        self.message("refund.updated", &refund, now)
    }

    /// Notes a request, and does it unless it goes wrong.
    fn asked(
        &self,
        what: String,
        headers: &HeaderMap,
        body: &[u8],
        does: impl FnOnce(&mut Books) -> Result<Value, &'static str>,
    ) -> Response {
        let key = headers.get("idempotency-key").map(|key| key.to_str().unwrap().to_owned()).unwrap_or_default();
        assert!(headers["authorization"].to_str().unwrap().starts_with("Bearer sk_"));
        assert_eq!(headers["stripe-version"], payments::stripe::VERSION);
        let refused = |message: &str| {
            let error = json!({"error": {"message": message, "code": "refused"}});
            (StatusCode::BAD_REQUEST, error.to_string()).into_response()
        };
        self.books(|books| {
            books.calls.push(Call { what: what.clone(), key: key.clone() });
            let broken = books.broken.pop_front();
            if matches!(broken, Some(Break::Before)) {
                return StatusCode::INTERNAL_SERVER_ERROR.into_response();
            }
            let request = [what.as_bytes(), body].concat();
            let before = books.answers.get(&key).filter(|_| !key.is_empty()).cloned();
            let answer = match before {
                Some((same, answer)) if same == request => answer,
                Some(_) => return refused("Keys for idempotent requests can only be used with the same parameters."),
                None => match does(books) {
                    Ok(answer) => answer,
                    Err(message) => return refused(message),
                },
            };
            if !key.is_empty() {
                books.answers.insert(key.clone(), (request, answer.clone()));
            }
            if matches!(broken, Some(Break::After)) {
                return StatusCode::INTERNAL_SERVER_ERROR.into_response();
            }
            axum::Json(answer).into_response()
        })
    }
}

/// `Stripe-Signature` of a body.
pub(crate) fn signed(body: &str, now: Timestamp) -> String {
    let at = now.seconds();
    let mac = Hmac::<sha2::Sha256>::new_from_slice(WEBHOOK.as_bytes()).unwrap().chain_update(format!("{at}.{body}"));
    let digits: String = mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
    format!("t={at},v1={digits}")
}

async fn make(State(recorder): State<Recorder>, headers: HeaderMap, body: Bytes) -> Response {
    recorder.asked("POST payment_intents".into(), &headers, &body, |books| {
        let form = form(&body);
        if form["amount"] == "13" {
            return Err("Amount must be no less than 0.50 eur");
        }
        assert_eq!(form["capture_method"], "manual");
        let id = format!("pi_{}", books.intents.len() + 1);
        let intent = json!({
            "id": id, "status": "requires_payment_method", "amount": form["amount"].parse::<i64>().unwrap(),
            "currency": form["currency"], "client_secret": format!("{id}_secret_1"), "metadata": metadata(&form),
        });
        books.intents.insert(id, intent.clone());
        Ok(intent)
    })
}

async fn read(State(recorder): State<Recorder>, Path(id): Path<String>, headers: HeaderMap) -> Response {
    recorder.asked(format!("GET {id}"), &headers, b"", |books| books.intents.get(&id).cloned().ok_or("no such intent"))
}

async fn act(
    State(recorder): State<Recorder>,
    Path((id, act)): Path<(String, String)>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let status = recorder.books(|books| books.intents[&id]["status"].as_str().unwrap().to_owned());
    let done = match (act.as_str(), status.as_str()) {
        ("capture", "requires_capture") => Some("succeeded"),
        ("cancel", "requires_payment_method" | "requires_capture" | "requires_action") => Some("canceled"),
        _ => None,
    };
    let what = format!("POST {id}/{act}");
    let again = recorder.clone();
    if let Some(done) = done {
        // Broken requests are looked at by `asked`: what is broken before it is done must not be done here.
        let is_broken = recorder.books(|books| matches!(books.broken.front(), Some(Break::Before)));
        if !is_broken {
            again.becomes(&id, done);
        }
    }
    recorder.asked(what, &headers, &body, |books| match done {
        Some(_) => Ok(books.intents[&id].clone()),
        None => Err("This PaymentIntent could not be changed because of its status."),
    })
}

async fn refund(State(recorder): State<Recorder>, headers: HeaderMap, body: Bytes) -> Response {
    recorder.asked("POST refunds".into(), &headers, &body, |books| {
        let form = form(&body);
        let refund = json!({
            "id": format!("re_{}", books.refunds.len() + 1), "status": books.refunds_are,
            "amount": form["amount"].parse::<i64>().unwrap(), "payment_intent": form["payment_intent"],
            "metadata": metadata(&form),
        });
        books.refunds.push(refund.clone());
        Ok(refund)
    })
}

async fn refunds(State(recorder): State<Recorder>, Query(which): Query<Form>, headers: HeaderMap) -> Response {
    recorder.asked("GET refunds".into(), &headers, b"", |books| {
        let of =
            books.refunds.iter().rev().filter(|refund| refund["payment_intent"] == which["payment_intent"].as_str());
        Ok(json!({"data": of.collect::<Vec<_>>(), "has_more": false}))
    })
}
