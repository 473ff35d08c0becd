//! Payments with Stripe over real sockets: localstripe, an imitation by others, for the whole way; a recorder of our own for
//! what that overlooks, the keys of requests and what goes wrong with them.

mod imitation;
mod recorder;

use api::booking::payments::Rounds;
use axum::http::{Method, StatusCode};
use proptest::prelude::*;
use records::booking::Provider;
use records::{EventId, Fact, FactRow, HoldId, OrderId, PaymentId, Span, Timestamp};
use rules::booking::{Command, Wish};
use serde_json::{Value, json};

use crate::booking::{OFFICE, SHOP, buyer, cart, data, furnish, send, show};
use crate::house::{Answer, House, NOW, acme, request, run};
use recorder::{Break, Recorder, WEBHOOK};

const KEYS: &str = "/v1/organizations/acme/payment-providers/stripe";
const INBOX: &str = "/v1/webhooks/stripe/acme";

fn conf() -> EventId {
    EventId::parse("conf").unwrap()
}

/// A house that sells and takes cards at a Stripe.
async fn taking_cards(stripe: &str) -> House {
    let house = furnish(House::selling(stripe)).await;
    let keys = json!({"publishable_key": "pk_test_1", "secret_key": "sk_test_12345", "webhook_secret": WEBHOOK});
    data(send(&house, Method::PUT, KEYS, "", keys).await, StatusCode::OK);
    house
}

/// A house and its recorder.
async fn recorded() -> (House, Recorder) {
    let (recorder, stripe) = Recorder::start().await;
    (taking_cards(&stripe).await, recorder)
}

/// An order as its buyer has it.
struct Bought {
    id: String,
    secret: String,
}

impl Bought {
    async fn of(house: &House, name: &str) -> Self {
        let hold = data(send(house, Method::POST, &format!("{SHOP}/holds"), "", cart(1)).await, StatusCode::CREATED);
        let wish = json!({"hold": hold["id"], "buyer": buyer(name), "provider": "stripe"});
        let order = data(send(house, Method::POST, &format!("{SHOP}/orders"), "", wish).await, StatusCode::CREATED);
        let text = |field: &str| order[field].as_str().unwrap().to_owned();
        Self { id: text("id"), secret: text("secret") }
    }

    async fn pay(&self, house: &House, key: &str) -> Answer {
        let path = format!("{SHOP}/orders/{}/payments", self.id);
        show(house, Method::POST, &path, (key, &self.secret), json!({"provider": "stripe"})).await
    }

    /// Begins to pay, and tells the payment's id and the intent's.
    async fn begin(&self, house: &House) -> (String, String) {
        let begun = data(self.pay(house, "").await, StatusCode::CREATED);
        (begun["id"].as_str().unwrap().to_owned(), begun["reference"].as_str().unwrap().to_owned())
    }

    async fn look(&self, house: &House, payment: &str) -> Value {
        let path = format!("{SHOP}/orders/{}/payments/{payment}/look", self.id);
        data(show(house, Method::POST, &path, ("", &self.secret), Value::Null).await, StatusCode::OK)
    }

    async fn shown(&self, house: &House) -> Value {
        let path = format!("{SHOP}/orders/{}", self.id);
        data(show(house, Method::GET, &path, ("", &self.secret), Value::Null).await, StatusCode::OK)
    }

    async fn status(&self, house: &House) -> String {
        self.shown(house).await["status"].as_str().unwrap().to_owned()
    }

    /// As the organizer sees it.
    async fn detail(&self, house: &House) -> Value {
        let path = format!("{OFFICE}/orders/{}", self.id);
        data(send(house, Method::GET, &path, "", Value::Null).await, StatusCode::OK)
    }

    async fn organizer(&self, house: &House, act: &str, body: Value) -> Value {
        let path = format!("{OFFICE}/orders/{}/{act}", self.id);
        data(send(house, Method::POST, &path, "", body).await, StatusCode::OK)
    }
}

/// Time passes while the writer is awake: longer silence would be an outage, which takes nobody's time.
async fn pass(house: &House, seconds: i64) {
    for _ in 0..seconds.div_euclid(5) {
        house.clock.set(house.api.clock.now().saturating_add(Span::from_seconds(5)));
        let wish = Wish::ReleaseHold(HoldId(1));
        let command = Command { organization: acme(), event: conf(), wish };
        (house.api.desk)(None, command.into()).unwrap().await.unwrap();
    }
}

/// Rounds over some time.
async fn rounds(house: &House, rounds: &mut Rounds, seconds: i64) {
    for _ in 0..=seconds / 5 {
        rounds.round(&house.api).await;
        pass(house, 5).await;
    }
}

async fn post(house: &House, (body, signature): &(String, String)) -> Answer {
    let headers = [("content-type", "application/json"), ("stripe-signature", signature)];
    house.send(request(Method::POST, INBOX, &headers, body.clone())).await
}

async fn hears(house: &House, message: &(String, String)) {
    let answer = post(house, message).await;
    assert_eq!(answer.status, StatusCode::NO_CONTENT, "{:?}", answer.body);
}

fn facts(house: &House) -> Vec<String> {
    let rows = house.facts();
    let named = rows.iter().map(|row| serde_json::to_value(&row.fact).unwrap()["fact"].as_str().unwrap().to_owned());
    named.filter(|fact| fact != "beat").collect()
}

fn count(house: &House, fact: &str) -> usize {
    facts(house).iter().filter(|known| *known == fact).count()
}

#[test]
fn a_card_payment_is_authorized_captured_and_costs_its_fee() {
    run(async {
        let (house, recorder) = recorded().await;
        let shop = data(send(&house, Method::GET, SHOP, "", Value::Null).await, StatusCode::OK);
        assert_eq!(shop["payments"][0], "stripe");
        let order = Bought::of(&house, "ann").await;
        let begun = data(order.pay(&house, "p1").await, StatusCode::CREATED);
        assert_eq!(begun["client_secret"], "pi_1_secret_1");
        assert_eq!((begun["publishable_key"].as_str(), begun["status"].as_str()), (Some("pk_test_1"), Some("pending")));
        assert!(begun["script"].as_str().unwrap().ends_with("/js.stripe.com/v3/"));
        assert_eq!(recorder.intents()[0]["metadata"]["order"], order.id.as_str());
        recorder.becomes("pi_1", "requires_capture");
        let looked = order.look(&house, "p1").await;
        assert_eq!((looked["status"].as_str(), looked["captured"].as_i64()), (Some("captured"), Some(11_900)));
        assert_eq!(order.status(&house).await, "confirmed");
        let ledger =
            data(send(&house, Method::GET, &format!("{OFFICE}/ledger"), "", Value::Null).await, StatusCode::OK);
        let balance = |account: Value| {
            let rows = ledger.as_array().unwrap().iter();
            rows.filter(|row| row["account"] == account).map(|row| row["balance"].as_i64().unwrap()).sum::<i64>()
        };
        assert_eq!((balance(json!("fees")), balance(json!({"provider": "stripe"}))), (29, 11_871));
    });
}

#[test]
fn a_lost_answer_is_asked_for_again_under_the_same_key() {
    run(async {
        let (house, recorder) = recorded().await;
        let order = Bought::of(&house, "ann").await;
        recorder.breaks(&[Break::After, Break::Before]);
        order.begin(&house).await;
        let calls = recorder.calls("POST payment_intents");
        assert_eq!((calls.len(), recorder.intents().len()), (3, 1));
        assert!(calls.iter().all(|call| call.key == calls[0].key && call.key.ends_with(&format!(":{}:1", order.id))));
    });
}

#[test]
fn when_stripe_is_away_buyers_are_told_and_the_same_request_goes_on_later() {
    run(async {
        let (house, recorder) = recorded().await;
        let order = Bought::of(&house, "ann").await;
        recorder.breaks(&[Break::After, Break::Before, Break::Before]);
        let away = order.pay(&house, "p1").await;
        assert_eq!(
            (away.status, away.body["code"].as_str()),
            (StatusCode::BAD_GATEWAY, Some("payment_provider_failed")),
            "{away:?}"
        );
        assert!(away.headers.contains_key("retry-after"));
        let again = data(order.pay(&house, "p1").await, StatusCode::CREATED);
        assert_eq!((again["attempt"].as_u64(), again["reference"].as_str()), (Some(1), Some("pi_1")));
        assert_eq!(recorder.intents().len(), 1);
        let keys: Vec<String> = recorder.calls("POST payment_intents").into_iter().map(|call| call.key).collect();
        assert!(keys.len() == 4 && keys.iter().all(|key| *key == keys[0]), "{keys:?}");
    });
}

#[test]
fn a_crash_between_the_call_and_the_fact_asks_under_the_same_key() {
    run(async {
        let (house, recorder) = recorded().await;
        let order = Bought::of(&house, "ann").await;
        // All that is left of the page's request is the fact that it was begun; Stripe may have made the intent, or not.
        let id = OrderId::parse(&order.id).unwrap();
        let payment = PaymentId::parse("p1").unwrap();
        let wish = Wish::StartPayment { payment, order: id, provider: Provider::Stripe };
        (house.api.desk)(None, Command { organization: acme(), event: conf(), wish }.into()).unwrap().await.unwrap();
        let mut after = Rounds::default();
        rounds(&house, &mut after, 45).await;
        assert_eq!(order.detail(&house).await["payments"][0]["reference"], "pi_1");
        // A buyer who comes back gets the same one.
        let again = data(order.pay(&house, "p1").await, StatusCode::CREATED);
        assert_eq!((again["client_secret"].as_str(), recorder.intents().len()), (Some("pi_1_secret_1"), 1));
        // Taken by Stripe, and nobody told us: what is asked under the key again says so.
        recorder.becomes("pi_1", "requires_capture");
        recorder.breaks(&[Break::After, Break::After, Break::After]);
        rounds(&house, &mut Rounds::default(), 60).await;
        assert_eq!((order.status(&house).await.as_str(), recorder.intents().len()), ("confirmed", 1));
    });
}

#[test]
fn a_declined_attempt_may_be_tried_again_and_another_one_has_another_key() {
    run(async {
        let (house, recorder) = recorded().await;
        let order = Bought::of(&house, "ann").await;
        let (first, intent) = order.begin(&house).await;
        recorder.declines(&intent);
        assert_eq!(order.look(&house, &first).await["status"], "failed");
        assert_eq!(recorder.intents()[0]["status"], "requires_payment_method", "another card may be tried");
        let (_, second) = order.begin(&house).await;
        assert_ne!(intent, second);
        let keys: Vec<String> = recorder.calls("POST payment_intents").into_iter().map(|call| call.key).collect();
        assert!(keys[0].ends_with(":1") && keys[1].ends_with(":2"), "{keys:?}");
        assert_eq!(recorder.intents()[0]["status"], "canceled", "and then not with the first");
    });
}

#[test]
fn another_attempt_lets_go_of_the_one_before() {
    run(async {
        let (house, recorder) = recorded().await;
        let order = Bought::of(&house, "ann").await;
        let (_, first) = order.begin(&house).await;
        let (_, second) = order.begin(&house).await;
        let statuses: Vec<Value> = recorder.intents().into_iter().map(|intent| intent["status"].clone()).collect();
        assert_eq!(statuses, ["canceled", "requires_payment_method"]);
        assert_ne!(first, second);
        // What was paid in the last moment is not let go, and not asked for again.
        recorder.becomes(&second, "succeeded");
        let third = order.pay(&house, "").await;
        assert_eq!((third.status, third.body["reason"].as_str()), (StatusCode::CONFLICT, Some("order_paid")));
        assert_eq!(order.status(&house).await, "confirmed");
    });
}

#[test]
fn what_stripe_refuses_is_told_and_leaves_nothing_open() {
    run(async {
        let (house, recorder) = recorded().await;
        let tiers = json!([{"title": "Cheap", "prices": [{"minor": 13, "currency": "EUR"}]}]);
        let pass = json!({"title": "Pass", "tiers": tiers});
        data(send(&house, Method::PUT, &format!("{OFFICE}/products/pass"), "", pass).await, StatusCode::OK);
        let order = Bought::of(&house, "ann").await;
        let refused = order.pay(&house, "").await;
        assert_eq!((refused.status, refused.body["reason"].as_str()), (StatusCode::CONFLICT, Some("payment_refused")));
        assert!(refused.body["detail"].as_str().unwrap().contains("no less than 0.50"), "{refused:?}");
        assert_eq!(order.detail(&house).await["payments"][0]["status"], "voided");
        assert!(recorder.intents().is_empty());
        // Another way is open at once.
        let receipt = json!({"amount": 13, "reference": "bank"});
        assert_eq!(order.organizer(&house, "receipts", receipt).await["status"], "confirmed");
    });
}

/// From here on the fraud rules dislike whoever buys a pass.
fn dislike(house: &House) {
    let rule = json!({"id": "dear", "on": ["order_placed"], "all": ["amount_by_account_1h >= 10000"], "weight": 90, "reason": "dear"});
    let document = json!({"format": 1, "fraud": {"rules": [rule]}});
    let published = Fact::RulesPublished { document: std::sync::Arc::new(document) };
    house.rules.write().unwrap().apply(&FactRow::new(acme(), NOW, published));
}

/// An order of somebody whom the fraud rules dislike after it was placed, paid with a card that is kept ready.
async fn disliked() -> (House, Recorder, Bought, String) {
    let (house, recorder) = recorded().await;
    let order = Bought::of(&house, "ann").await;
    let (payment, intent) = order.begin(&house).await;
    dislike(&house);
    recorder.becomes(&intent, "requires_capture");
    assert_eq!(order.look(&house, &payment).await["status"], "authorized");
    (house, recorder, order, payment)
}

#[test]
fn a_buyer_with_a_high_score_is_held_before_capture() {
    run(async {
        let (house, recorder, order, _) = disliked().await;
        let detail = order.detail(&house).await;
        assert_eq!((detail["status"].as_str(), detail["review"]["score"].as_u64()), (Some("in_review"), Some(90)));
        assert!(detail["review"]["as_of"].as_str().unwrap().contains("incarnation"));
        let mut asks = Rounds::default();
        rounds(&house, &mut asks, 60).await;
        assert!(recorder.calls("POST pi_1/capture").is_empty());
        order.organizer(&house, "approval", Value::Null).await;
        rounds(&house, &mut asks, 5).await;
        assert_eq!(order.status(&house).await, "confirmed");
        assert_eq!(recorder.intents()[0]["status"], "succeeded");
    });
}

#[test]
fn what_an_organizer_refuses_is_never_taken() {
    run(async {
        let (house, recorder, order, _) = disliked().await;
        order.organizer(&house, "cancellation", json!({"why": "refused"})).await;
        rounds(&house, &mut Rounds::default(), 5).await;
        assert_eq!(
            (order.status(&house).await.as_str(), order.shown(&house).await["paid"].as_i64()),
            ("refused", Some(0))
        );
        assert_eq!(recorder.intents()[0]["status"], "canceled");
        assert_eq!(order.detail(&house).await["payments"][0]["status"], "voided");
    });
}

#[test]
fn what_no_webhook_tells_is_asked_also_after_a_restart() {
    run(async {
        let (house, recorder) = recorded().await;
        let order = Bought::of(&house, "ann").await;
        let (_, intent) = order.begin(&house).await;
        let mut asks = Rounds::default();
        rounds(&house, &mut asks, 30).await;
        assert_eq!(order.status(&house).await, "pending");
        recorder.becomes(&intent, "requires_capture");
        // Nothing that waits is known to the next process but the facts.
        rounds(&house, &mut Rounds::default(), 10).await;
        assert_eq!(order.status(&house).await, "confirmed");
        // Money goes back, and the refund is only asked for: first it is on its way, then it is there.
        recorder.refunds_are("pending");
        order.organizer(&house, "cancellation", json!({"why": "buyer"})).await;
        order.organizer(&house, "refunds", json!({})).await;
        rounds(&house, &mut Rounds::default(), 20).await;
        assert_eq!(order.detail(&house).await["refunds"][0]["status"], "started");
        recorder.refunds_are("succeeded");
        rounds(&house, &mut Rounds::default(), 20).await;
        assert_eq!(order.detail(&house).await["refunds"][0]["status"], "settled");
        assert_eq!((recorder.refund_count(), recorder.calls("POST refunds").len()), (1, 1));
    });
}

#[test]
fn a_refund_that_does_not_go_is_owed_again() {
    run(async {
        let (house, recorder) = recorded().await;
        let order = Bought::of(&house, "ann").await;
        let (payment, intent) = order.begin(&house).await;
        recorder.becomes(&intent, "requires_capture");
        order.look(&house, &payment).await;
        order.organizer(&house, "cancellation", json!({"why": "buyer"})).await;
        recorder.refunds_are("failed");
        let back = order.organizer(&house, "refunds", json!({"amount": 5_000})).await;
        assert_eq!(back["paid"].as_i64(), Some(6_900));
        rounds(&house, &mut Rounds::default(), 5).await;
        let detail = order.detail(&house).await;
        assert_eq!((detail["refunds"][0]["status"].as_str(), detail["paid"].as_i64()), (Some("failed"), Some(11_900)));
        recorder.refunds_are("succeeded");
        order.organizer(&house, "refunds", json!({})).await;
        rounds(&house, &mut Rounds::default(), 5).await;
        let detail = order.detail(&house).await;
        assert_eq!((detail["refunds"][1]["status"].as_str(), detail["paid"].as_i64()), (Some("settled"), Some(0)));
    });
}

/// An order whose time is over, and its intent, which Stripe takes after all.
async fn late(house: &House, recorder: &Recorder) -> (Bought, String) {
    let sales = json!({"commission": 500, "review_from": 80, "pay_s": 60});
    data(send(house, Method::PUT, &format!("{OFFICE}/sales"), "", sales).await, StatusCode::OK);
    let order = Bought::of(house, "ann").await;
    let (_, intent) = order.begin(house).await;
    pass(house, 90).await;
    assert_eq!(order.status(house).await, "expired");
    recorder.becomes(&intent, "succeeded");
    (order, intent)
}

#[test]
fn money_that_came_after_the_end_buys_what_is_left() {
    run(async {
        let (house, recorder) = recorded().await;
        let (order, intent) = late(&house, &recorder).await;
        let object = recorder.becomes(&intent, "succeeded");
        hears(&house, &recorder.message("payment_intent.succeeded", &object, house.api.clock.now())).await;
        assert_eq!(order.status(&house).await, "confirmed");
        assert_eq!(count(&house, "order_revived"), 1);
    });
}

#[test]
fn money_that_came_when_nothing_was_left_goes_back_by_itself() {
    run(async {
        let (house, recorder) = recorded().await;
        let (order, _) = late(&house, &recorder).await;
        // Somebody else has both seats now.
        data(send(&house, Method::POST, &format!("{SHOP}/holds"), "", cart(2)).await, StatusCode::CREATED);
        rounds(&house, &mut Rounds::default(), 10).await;
        let detail = order.detail(&house).await;
        assert_eq!((detail["status"].as_str(), detail["paid"].as_i64()), (Some("expired"), Some(0)));
        let back = &detail["refunds"][0];
        assert_eq!((back["why"].as_str(), back["status"].as_str()), (Some("late"), Some("settled")));
        assert_eq!(recorder.refund_count(), 1);
    });
}

#[test]
fn whoever_waits_until_an_order_has_ended_does_not_get_around_the_organizer() {
    run(async {
        let (house, recorder) = recorded().await;
        let sales = json!({"review_from": 80, "pay_s": 60});
        data(send(&house, Method::PUT, &format!("{OFFICE}/sales"), "", sales).await, StatusCode::OK);
        let order = Bought::of(&house, "ann").await;
        let (_, intent) = order.begin(&house).await;
        pass(&house, 90).await;
        recorder.becomes(&intent, "requires_capture");
        dislike(&house);
        rounds(&house, &mut Rounds::default(), 5).await;
        assert_eq!(
            (order.status(&house).await.as_str(), recorder.intents()[0]["status"].as_str()),
            ("expired", Some("canceled"))
        );
        assert!(recorder.calls("POST pi_1/capture").is_empty());
    });
}

#[test]
fn what_nobody_paid_in_time_is_let_go_at_stripe() {
    run(async {
        let (house, recorder) = recorded().await;
        let sales = json!({"pay_s": 60});
        data(send(&house, Method::PUT, &format!("{OFFICE}/sales"), "", sales).await, StatusCode::OK);
        let order = Bought::of(&house, "ann").await;
        order.begin(&house).await;
        rounds(&house, &mut Rounds::default(), 90).await;
        assert_eq!(order.status(&house).await, "expired");
        assert_eq!(recorder.intents()[0]["status"], "canceled");
    });
}

#[test]
fn a_message_is_believed_by_its_signature_kept_once_and_sealed() {
    run(async {
        let (house, recorder) = recorded().await;
        let order = Bought::of(&house, "zebulon").await;
        let (_, intent) = order.begin(&house).await;
        let mut object = recorder.becomes(&intent, "succeeded");
        object["receipt_email"] = "zebulon@example.org".into();
        let now = house.api.clock.now();
        let (body, signature) = recorder.message("payment_intent.succeeded", &object, now);
        for wrong in ["", "t=1,v1=00", &signature.replace("v1=", "v1=0"), &recorder::signed(&body, Timestamp(0))] {
            let answer = post(&house, &(body.clone(), wrong.to_owned())).await;
            assert_eq!(
                (answer.status, answer.body["code"].as_str()),
                (StatusCode::BAD_REQUEST, Some("signature_wrong"))
            );
        }
        assert_eq!((count(&house, "payment_message_heard"), order.status(&house).await.as_str()), (0, "pending"));
        for _ in 0..3 {
            hears(&house, &(body.clone(), signature.clone())).await;
        }
        assert_eq!((count(&house, "payment_message_heard"), order.status(&house).await.as_str()), (1, "confirmed"));
        hears(&house, &recorder.message("charge.dispute.created", &json!({"id": "dp_1"}), now)).await;
        let shown = data(send(&house, Method::GET, KEYS, "", Value::Null).await, StatusCode::OK);
        assert_eq!(
            (shown["heard"]["charge.dispute.created"].as_u64(), shown["not_understood"].as_u64()),
            (Some(1), Some(1))
        );
        assert!(shown["webhook_address"].as_str().unwrap().ends_with(INBOX));
        let log = format!("{:?} {shown}", house.facts());
        assert!(!log.contains("zebulon") && !log.contains("sk_test") && !log.contains("whsec"), "{log}");
        let nowhere = request(Method::POST, "/v1/webhooks/stripe/other", &[("stripe-signature", &signature)], body);
        assert_eq!(house.send(nowhere).await.status, StatusCode::NOT_FOUND);
    });
}

#[test]
fn keys_are_checked_kept_and_removed() {
    run(async {
        let (house, _) = recorded().await;
        let put = async |body: Value| send(&house, Method::PUT, KEYS, "", body).await;
        let slip = put(json!({"publishable_key": "sk_test_1"})).await;
        assert_eq!(
            (slip.status, slip.body["fields"][0]["field"].as_str()),
            (StatusCode::BAD_REQUEST, Some("publishable_key"))
        );
        assert!(!slip.body.to_string().contains("sk_test_1"));
        let shown = data(put(json!({"publishable_key": "pk_other"})).await, StatusCode::OK);
        assert_eq!(shown["publishable_key"], "pk_other");
        // The secrets are still those of before.
        let order = Bought::of(&house, "ann").await;
        assert_eq!(data(order.pay(&house, "").await, StatusCode::CREATED)["publishable_key"], "pk_other");
        let gone = send(&house, Method::DELETE, KEYS, "", Value::Null).await;
        assert_eq!(gone.status, StatusCode::NO_CONTENT);
        assert_eq!(send(&house, Method::GET, KEYS, "", Value::Null).await.status, StatusCode::NOT_FOUND);
        let refused = order.pay(&house, "").await;
        assert_eq!(
            (refused.status, refused.body["reason"].as_str()),
            (StatusCode::CONFLICT, Some("provider_not_possible"))
        );
        // Nobody can take the money of what was begun, so it does not stand in the way.
        let path = format!("{SHOP}/orders/{}/payments", order.id);
        let transfer = show(&house, Method::POST, &path, ("", &order.secret), json!({"provider": "transfer"})).await;
        let transfer = data(transfer, StatusCode::CREATED);
        assert_eq!((transfer["attempt"].as_u64(), transfer["status"].as_str()), (Some(2), Some("pending")));
        assert!(transfer["reference"].as_str().unwrap().starts_with("EV-"));
        let missing = put(json!({"publishable_key": "pk_1"})).await;
        assert_eq!(missing.status, StatusCode::BAD_REQUEST);
    });
}

/// What became of everything, as far as webhooks decide it.
async fn end(picked: Vec<usize>) -> Value {
    let (house, recorder) = recorded().await;
    let order = Bought::of(&house, "ann").await;
    let (_, first) = order.begin(&house).await;
    let now = house.api.clock.now();
    let message = |kind: &str, object: &Value| recorder.message(kind, object, now);
    let mut messages = vec![
        message("payment_intent.created", &recorder.intents()[0]),
        message("payment_intent.payment_failed", &recorder.declines(&first)),
        message("payment_intent.amount_capturable_updated", &recorder.becomes(&first, "requires_capture")),
        message("payment_intent.succeeded", &recorder.becomes(&first, "succeeded")),
        message("payment_intent.canceled", &{
            let mut foreign = recorder.intents()[0].clone();
            foreign["metadata"] = json!({"organization": "other", "event": "conf", "order": "x", "payment": "x"});
            foreign
        }),
    ];
    messages.extend(picked.iter().map(|place| messages[*place % 5].clone()).collect::<Vec<_>>());
    // Those of the front are lost: rounds have to find out.
    for message in &messages[5..] {
        hears(&house, message).await;
    }
    let mut asks = Rounds::default();
    rounds(&house, &mut asks, 15).await;
    order.organizer(&house, "cancellation", json!({"why": "organizer"})).await;
    order.organizer(&house, "refunds", json!({})).await;
    rounds(&house, &mut asks, 10).await;
    for status in ["pending", "succeeded", "pending"] {
        hears(&house, &recorder.refund_message(0, status, now)).await;
    }
    let detail = order.detail(&house).await;
    let ledger = data(send(&house, Method::GET, &format!("{OFFICE}/ledger"), "", Value::Null).await, StatusCode::OK);
    let payment = &detail["payments"][0];
    json!([
        detail["status"],
        detail["paid"],
        payment["status"],
        payment["captured"],
        detail["refunds"][0]["status"],
        ledger
    ])
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]

    #[test]
    fn webhooks_in_any_order_and_number_come_to_the_same(picked in proptest::collection::vec(0..5usize, 0..9)) {
        let expected = json!(["cancelled", 0, "captured", 11_900, "settled",
            [{"currency": "EUR", "account": {"provider": "stripe"}, "balance": -29},
             {"currency": "EUR", "account": "fees", "balance": 29}]]);
        prop_assert_eq!(run(end(picked)), expected);
    }
}
