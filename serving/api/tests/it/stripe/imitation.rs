//! The whole way through PyPI's localstripe: an imitation of Stripe by people who do not know us.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};

use eventlog::clock::{Clock as _, SystemClock};
use http_body_util::{BodyExt as _, Full};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;

use super::*;
use crate::libraries::serve;

/// localstripe on a free port of this machine, until it is dropped.
struct Localstripe {
    child: Child,
    address: String,
}

impl Drop for Localstripe {
    fn drop(&mut self) {
        // Gone already is as good.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Localstripe {
    fn start() -> Self {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../../scripts/localstripe");
        let mut child = Command::new(script).arg("0").stdout(Stdio::piped()).spawn().expect("scripts/localstripe runs");
        let mut address = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut address).unwrap();
        let address = address.trim().to_owned();
        assert!(address.starts_with("http://localhost:"), "localstripe says `{address}`");
        Self { child, address }
    }

    /// Asks it with the secret key, as Stripe's own page and dashboard would.
    async fn ask(&self, method: &str, path: &str, form: &str) -> (u16, Value) {
        let client: Client<_, Full<axum::body::Bytes>> = Client::builder(TokioExecutor::new()).build_http();
        let request = axum::http::Request::builder().method(method).uri(format!("{}{path}", self.address));
        let request = request.header("authorization", "Bearer sk_test_12345");
        let request = request.header("content-type", "application/x-www-form-urlencoded");
        let answer = client.request(request.body(form.to_owned().into()).unwrap()).await.unwrap();
        let status = answer.status().as_u16();
        let bytes = answer.into_body().collect().await.unwrap().to_bytes();
        (status, serde_json::from_slice(&bytes).unwrap_or(Value::Null))
    }

    /// The buyer types a card: localstripe's script cannot send one, so it is given here.
    async fn card(&self, intent: &str, card: &str) -> u16 {
        let (status, _) =
            self.ask("POST", &format!("/v1/payment_intents/{intent}"), &format!("payment_method={card}")).await;
        assert_eq!(status, 200);
        self.ask("POST", &format!("/v1/payment_intents/{intent}/confirm"), "").await.0
    }

    async fn intent(&self, intent: &str) -> String {
        let (_, intent) = self.ask("GET", &format!("/v1/payment_intents/{intent}"), "").await;
        intent["status"].as_str().unwrap().to_owned()
    }
}

/// Waits, a bounded time, for what a message by another process brings.
async fn until(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    for _ in 0..100 {
        if is_so().await {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    panic!("{what} did not come within 10 s");
}

#[test]
fn from_a_declined_card_over_a_paid_order_to_its_refund() {
    let stripe = Localstripe::start();
    let (house, address, _serving) = {
        let house = run(taking_cards(&stripe.address));
        let (address, serving) = serve(&house);
        (house, address, serving)
    };
    run(async {
        // Its messages are signed at the time that it has.
        house.clock.set(SystemClock.now());
        let hook = format!("url=http://{address}{INBOX}&secret={WEBHOOK}");
        assert_eq!(stripe.ask("POST", "/_config/webhooks/w1", &hook).await.0, 200);
        let order = Bought::of(&house, "ann").await;

        let (_, declined) = order.begin(&house).await;
        assert_eq!(stripe.card(&declined, "pm_card_chargeCustomerFail").await, 402);
        until("the message about the declined card", async || {
            order.detail(&house).await["payments"][0]["status"] == "failed"
        })
        .await;

        // As its script asks, with the publishable key, when the buyer does not pass the bank's question.
        let (failed, asked) = order.begin(&house).await;
        assert_eq!(stripe.intent(&declined).await, "canceled", "nobody pays twice");
        let secret = data(order.pay(&house, &failed).await, StatusCode::CREATED)["client_secret"].clone();
        let confirms = json!({"key": "pk_test_1", "client_secret": secret}).to_string();
        let question = |success: bool| format!("/v1/payment_intents/{asked}/_authenticate?success={success}");
        assert_eq!(stripe.ask("POST", &question(false), &confirms).await.0, 200);
        assert_eq!(order.look(&house, &failed).await["status"], "failed");
        assert_eq!(stripe.ask("POST", &question(true), &confirms).await.0, 200, "the same attempt with another card");
        assert_eq!(stripe.intent(&asked).await, "requires_capture");

        // The buyer begins once more, before anybody has looked: what is kept ready is taken instead.
        let again = order.pay(&house, "").await;
        assert_eq!((again.status, again.body["reason"].as_str()), (StatusCode::CONFLICT, Some("order_paid")));
        assert_eq!(stripe.intent(&asked).await, "succeeded");
        assert_eq!(order.status(&house).await, "confirmed");
        let mut asks = Rounds::default();
        let heard =
            async || data(send(&house, Method::GET, KEYS, "", Value::Null).await, StatusCode::OK)["heard"].clone();
        until("the message about the paid order", async || heard().await["payment_intent.succeeded"] == 1).await;

        order.organizer(&house, "cancellation", json!({"why": "buyer"})).await;
        order.organizer(&house, "refunds", json!({"amount": 4_000})).await;
        order.organizer(&house, "refunds", json!({})).await;
        asks.round(&house.api).await;
        let detail = order.detail(&house).await;
        assert_eq!(
            (detail["refunds"][0]["status"].as_str(), detail["refunds"][1]["status"].as_str()),
            (Some("settled"), Some("settled"))
        );
        let (_, refunds) = stripe.ask("GET", &format!("/v1/refunds?payment_intent={asked}"), "").await;
        let mut amounts: Vec<i64> =
            refunds["data"].as_array().unwrap().iter().map(|refund| refund["amount"].as_i64().unwrap()).collect();
        amounts.sort_unstable();
        assert_eq!(amounts, [4_000, 7_900]);
        let ledger =
            data(send(&house, Method::GET, &format!("{OFFICE}/ledger"), "", Value::Null).await, StatusCode::OK);
        assert_eq!(ledger, json!([]), "nothing is left of it");
    });
}
