//! A box office from outside: offered by a key that manages, bought by nobody in particular, let in at a door.

use axum::http::{Method, StatusCode};
use records::fact::Scope;
use records::{EventId, Fact, FactRow, SecretHash, Zone};
use rules::office::{Command, Wish};
use serde_json::{Value, json};

use crate::house::{Answer, House, NOW, acme, request, run};

const MANAGE: &str = "a-key-that-manages";
pub(crate) const OFFICE: &str = "/v1/organizations/acme/events/conf/box-office";
pub(crate) const CART: &str = "0193480f-5c00-7abc-8def-0123456789ab";
pub(crate) const SHOP: &str = "/v1/shop/acme/conf";

pub(crate) async fn send(house: &House, method: Method, path: &str, key: &str, body: Value) -> Answer {
    show(house, method, path, (key, ""), body).await
}

/// The same as somebody who has the secret of an order.
pub(crate) async fn show(
    house: &House,
    method: Method,
    path: &str,
    (key, secret): (&str, &str),
    body: Value,
) -> Answer {
    let authorization = format!("Bearer {MANAGE}");
    let mut headers = vec![("content-type", "application/json")];
    if path.starts_with("/v1/organizations") {
        headers.push(("authorization", &authorization));
    }
    if !key.is_empty() {
        headers.push(("idempotency-key", key));
    }
    if !secret.is_empty() {
        headers.push(("order-secret", secret));
    }
    let body = if body.is_null() { String::new() } else { body.to_string() };
    house.send(request(method, path, &headers, body)).await
}

#[track_caller]
pub(crate) fn data(answer: Answer, status: StatusCode) -> Value {
    assert_eq!(answer.status, status, "{:?}", answer.body);
    answer.body["data"].clone()
}

/// A hall of two seats at 119.00 EUR, tax within.
pub(crate) async fn furnished() -> House {
    furnish(House::new()).await
}

/// The same in a house that is there.
pub(crate) async fn furnish(house: House) -> House {
    let hash = SecretHash::of(MANAGE).to_string();
    let key = Fact::KeyAdded { key: "shop".into(), hash, scopes: vec![Scope::Manage], expires: None };
    let event = EventId::parse("conf").unwrap();
    let ends = records::Timestamp(NOW.0 + 3_600_000_000);
    let conf = Fact::EventScheduled { event, title: "Conf".into(), zone: Zone::utc(), starts: NOW, ends };
    for (event, fact) in [(EventId::NONE, key), (event, conf)] {
        let command = Command { organization: acme(), event, wishes: vec![Wish::Stand(fact)] };
        (house.api.desk)(None, command.into()).unwrap().await.unwrap();
    }
    let put = async |path: &str, body: Value| {
        data(send(&house, Method::PUT, &format!("{OFFICE}{path}"), "", body).await, StatusCode::OK)
    };
    put("/sales", json!({"commission": 500, "review_from": 80})).await;
    let tiers = json!([{"title": "Standard", "prices": [{"minor": 11_900, "currency": "EUR"}]}]);
    put("/products/pass", json!({"title": "Pass", "tiers": tiers, "tax": 1_900, "waitlist": true})).await;
    put("/quotas/hall", json!({"title": "Hall", "size": 2, "products": [{"product": "pass"}]})).await;
    put("/doors/main", json!({"title": "Main"})).await;
    house
}

pub(crate) fn cart(count: u16) -> Value {
    json!({"lines": [{"product": "pass", "count": count}], "currency": "EUR"})
}

pub(crate) fn buyer(name: &str) -> Value {
    json!({"email": format!("{name}@example.org"), "name": name, "answers": {"Diet": "none"}})
}

/// A paid order of one pass.
pub(crate) async fn buy(house: &House, name: &str) -> Value {
    buy_as(house, name, name).await
}

/// The same of somebody whose mail address begins otherwise.
pub(crate) async fn buy_as(house: &House, address: &str, name: &str) -> Value {
    let shop = |path: &str| format!("{SHOP}{path}");
    let hold = data(send(house, Method::POST, &shop("/holds"), "", cart(1)).await, StatusCode::CREATED);
    let mut buyer = buyer(address);
    buyer["name"] = name.into();
    let wish = json!({"hold": hold["id"], "buyer": buyer, "provider": "test"});
    let order = data(send(house, Method::POST, &shop("/orders"), "", wish).await, StatusCode::CREATED);
    assert_eq!((order["status"].as_str(), order["total"].as_i64()), (Some("pending"), Some(11_900)));
    let (id, secret) = (order["id"].as_str().unwrap(), order["secret"].as_str().unwrap());
    let begin = json!({"provider": "test"});
    let payments = shop(&format!("/orders/{id}/payments"));
    let payment = data(show(house, Method::POST, &payments, ("", secret), begin).await, StatusCode::CREATED);
    let says = json!({"status": "captured"});
    let test = format!("{payments}/{}/test", payment["id"].as_str().unwrap());
    let paid = data(show(house, Method::POST, &test, ("", secret), says).await, StatusCode::OK);
    assert_eq!(paid["captured"], 11_900);
    let own = shop(&format!("/orders/{id}"));
    data(show(house, Method::GET, &own, ("", secret), Value::Null).await, StatusCode::OK)
}

#[test]
fn a_pass_is_bought_scanned_and_paid_back() {
    run(async {
        let house = furnished().await;
        let shop = data(send(&house, Method::GET, SHOP, "", Value::Null).await, StatusCode::OK);
        assert_eq!((shop["products"][0]["left"].as_u64(), shop["title"].as_str()), (Some(2), Some("Conf")));
        let order = buy(&house, "ann").await;
        assert_eq!((order["status"].as_str(), order["buyer"]["name"].as_str()), (Some("confirmed"), Some("ann")));
        let ticket = &order["tickets"][0];
        assert!(ticket["svg"].as_str().unwrap().contains("<svg"));

        let look = |id: &str, text: &str| json!({"scans": [{"id": id, "text": text, "at": "2025-11-20T12:00:00Z", "gate": "W"}]});
        let scans = format!("{OFFICE}/doors/main/scans");
        let text = ticket["text"].as_str().unwrap();
        let first = data(send(&house, Method::POST, &scans, "", look("s1", text)).await, StatusCode::OK);
        assert_eq!((first["results"][0]["outcome"].as_str(), first["admitted"].as_u64()), (Some("admitted"), Some(1)));
        let second = data(send(&house, Method::POST, &scans, "", look("s2", text)).await, StatusCode::OK);
        assert_eq!(
            (second["results"][0]["outcome"].as_str(), second["admitted"].as_u64()),
            (Some("duplicate"), Some(1))
        );
        assert_eq!(second["results"][0]["first"]["gate"], "W");
        let forged = data(send(&house, Method::POST, &scans, "", look("s3", "EV1ABC")).await, StatusCode::OK);
        assert_eq!(forged["results"][0]["outcome"], "unknown");

        let id = order["id"].as_str().unwrap();
        let orders = format!("{OFFICE}/orders");
        let cancel = json!({"why": "buyer"});
        let path = format!("{orders}/{id}/cancellation");
        data(send(&house, Method::POST, &path, "", cancel).await, StatusCode::OK);
        let refunds = format!("{orders}/{id}/refunds");
        let back = data(send(&house, Method::POST, &refunds, "", json!({})).await, StatusCode::OK);
        assert_eq!(
            (back["refunds"][0]["amount"].as_i64(), back["refunds"][0]["status"].as_str()),
            (Some(11_900), Some("started"))
        );
        let again = send(&house, Method::POST, &refunds, "", json!({"amount": 1})).await;
        assert_eq!((again.status, again.body["reason"].as_str()), (StatusCode::CONFLICT, Some("refund_too_much")));
        let history =
            data(send(&house, Method::GET, &format!("{orders}/{id}/history"), "", Value::Null).await, StatusCode::OK);
        let facts: Vec<&str> =
            history.as_array().unwrap().iter().map(|told| told["fact"]["fact"].as_str().unwrap()).collect();
        let expected = [
            "order_placed",
            "payment_started",
            "payment_observed",
            "order_confirmed",
            "ticket_scanned",
            "ticket_scanned",
            "order_cancelled",
            "refund_started",
        ];
        assert_eq!(facts, expected);
        assert!(!history.to_string().contains("sealed"), "{history}");
        let ledger =
            data(send(&house, Method::GET, &format!("{OFFICE}/ledger"), "", Value::Null).await, StatusCode::OK);
        let sum: i64 = ledger.as_array().unwrap().iter().map(|row| row["balance"].as_i64().unwrap()).sum();
        assert_eq!((sum, ledger.as_array().unwrap().len()), (0, 2), "{ledger}");
    });
}

#[test]
fn the_same_cart_twice_is_one_and_the_last_seat_is_sold_once() {
    run(async {
        let house = furnished().await;
        let holds = format!("{SHOP}/holds");
        let once = send(&house, Method::POST, &holds, CART, cart(1)).await;
        let twice = send(&house, Method::POST, &holds, CART, cart(1)).await;
        assert_eq!((once.status, &once.body["data"]), (StatusCode::CREATED, &twice.body["data"]));
        let other = send(&house, Method::POST, &holds, CART, cart(2)).await;
        assert_eq!(other.status, StatusCode::UNPROCESSABLE_ENTITY);
        let few = send(&house, Method::POST, &holds, "", cart(2)).await;
        assert_eq!((few.status, few.body["reason"].as_str()), (StatusCode::CONFLICT, Some("few_left")));
        assert_eq!(few.body["detail"], "only 1 are left");
        // Fifty want the last one.
        let wanted = (0..50).map(|_| send(&house, Method::POST, &holds, "", cart(1)));
        let answers = futures_util::future::join_all(wanted).await;
        let got = answers.iter().filter(|answer| answer.status == StatusCode::CREATED).count();
        assert_eq!(got, 1);
        assert!(answers.iter().all(|answer| matches!(answer.status, StatusCode::CREATED | StatusCode::CONFLICT)));
    });
}

#[test]
fn an_order_is_shown_to_whoever_has_its_secret_and_nothing_of_it_lies_open_in_the_log() {
    run(async {
        let house = furnished().await;
        let order = buy(&house, "zebulon").await;
        let id = order["id"].as_str().unwrap();
        for secret in ["", "wrong", &"0".repeat(32)] {
            let answer = show(&house, Method::GET, &format!("{SHOP}/orders/{id}"), ("", secret), Value::Null).await;
            assert_eq!(answer.status, StatusCode::NOT_FOUND);
        }
        let log = format!("{:?}", house.facts());
        assert!(!log.to_lowercase().contains("zebulon") && !log.contains(order["secret"].as_str().unwrap()));
        // Passed on: the old code is void, the new holder is another one.
        let ticket = order["tickets"][0]["id"].as_str().unwrap();
        let transfer = json!({"revision": 0, "holder": buyer("bea")});
        let secret = order["secret"].as_str().unwrap();
        let path = format!("{SHOP}/orders/{id}/tickets/{ticket}/transfer");
        let passed = data(show(&house, Method::POST, &path, ("", secret), transfer).await, StatusCode::OK);
        assert_eq!(
            (&passed["tickets"][0]["text"], passed["tickets"][0]["holder"]["name"].as_str()),
            (&Value::Null, Some("bea"))
        );
        let text = order["tickets"][0]["text"].as_str().unwrap();
        let look = json!({"scans": [{"id": "s1", "text": text, "at": "2025-11-20T12:00:00Z"}]});
        let scans = format!("{OFFICE}/doors/main/scans");
        let old = data(send(&house, Method::POST, &scans, "", look).await, StatusCode::OK);
        assert_eq!(old["results"][0]["outcome"], "replaced");
    });
}

#[test]
fn what_an_organizer_writes_is_checked_and_a_field_that_nobody_knows_is_named() {
    run(async {
        let house = furnished().await;
        let put = async |path: &str, body: Value| send(&house, Method::PUT, &format!("{OFFICE}{path}"), "", body).await;
        let typo = put("/quotas/hall", json!({"title": "Hall", "sise": 2, "products": []})).await;
        assert_eq!(typo.status, StatusCode::BAD_REQUEST);
        assert!(typo.body.to_string().contains("sise"), "{:?}", typo.body);
        let empty = put("/products/pass", json!({"title": "Pass", "tiers": []})).await;
        assert_eq!((empty.status, empty.body["fields"][0]["field"].as_str()), (StatusCode::BAD_REQUEST, Some("tiers")));
        buy(&house, "ann").await;
        let small = put("/quotas/hall", json!({"title": "Hall", "size": 0, "products": [{"product": "pass"}]})).await;
        assert_eq!((small.status, small.body["reason"].as_str()), (StatusCode::CONFLICT, Some("quota_too_small")));
        let nowhere = send(&house, Method::GET, "/v1/shop/acme/nowhere", "", Value::Null).await;
        assert_eq!(nowhere.status, StatusCode::NOT_FOUND);
    });
}

#[test]
fn what_the_test_provider_keeps_ready_is_taken_in_the_next_round() {
    run(async {
        let house = furnished().await;
        let hold = data(send(&house, Method::POST, &format!("{SHOP}/holds"), "", cart(1)).await, StatusCode::CREATED);
        let wish = json!({"hold": hold["id"], "buyer": buyer("ann"), "provider": "test"});
        let order = data(send(&house, Method::POST, &format!("{SHOP}/orders"), "", wish).await, StatusCode::CREATED);
        let (own, secret) =
            (format!("{SHOP}/orders/{}", order["id"].as_str().unwrap()), order["secret"].as_str().unwrap());
        let pays = json!({"provider": "test"});
        let begun = show(&house, Method::POST, &format!("{own}/payments"), ("p1", secret), pays).await;
        assert_eq!(data(begun, StatusCode::CREATED)["client_secret"], Value::Null);
        let says = json!({"status": "authorized"});
        data(show(&house, Method::POST, &format!("{own}/payments/p1/test"), ("", secret), says).await, StatusCode::OK);
        let status = async || {
            let shown = data(show(&house, Method::GET, &own, ("", secret), Value::Null).await, StatusCode::OK);
            shown["status"].as_str().unwrap().to_owned()
        };
        assert_eq!(status().await, "pending");
        assert_eq!(api::booking::payments::Rounds::default().round(&house.api).await, 1);
        assert_eq!(status().await, "confirmed");
    });
}

#[test]
fn those_who_wait_are_drawn_when_the_room_opens_and_anybody_can_draw_again() {
    run(async {
        let house = furnished().await;
        let put = json!({"opens": "2025-11-20T12:01:00Z", "per_minute": 600, "stay_s": 600});
        let set = data(send(&house, Method::PUT, &format!("{OFFICE}/room"), "", put).await, StatusCode::OK);
        let commitment = set["room"]["commitment"].as_str().unwrap().to_owned();
        let mut places = Vec::new();
        for name in ["ann", "bea", "cem", "dee"] {
            let answer = send(&house, Method::POST, &format!("{SHOP}/room"), "", json!({"contact": buyer(name)})).await;
            let place = data(answer, StatusCode::CREATED);
            assert_eq!(place["standing"], "undrawn");
            places.push(place["id"].as_str().unwrap().to_owned());
        }
        house.api.book_chores().await;
        let shop = data(send(&house, Method::GET, SHOP, "", Value::Null).await, StatusCode::OK);
        assert_eq!(shop["room"]["seed"], Value::Null, "not before its time");
        let refused = send(&house, Method::POST, &format!("{SHOP}/holds"), "", cart(1)).await;
        assert_eq!(refused.body["reason"], "must_wait");

        house.clock.set(records::Timestamp::parse("2025-11-20T12:01:00Z").unwrap());
        house.api.book_chores().await;
        house.api.book_chores().await;
        let shop = data(send(&house, Method::GET, SHOP, "", Value::Null).await, StatusCode::OK);
        let seed = shop["room"]["seed"].as_str().unwrap();
        assert_eq!(SecretHash::of(seed).to_string(), commitment);
        // A stranger draws again, from what everybody is told: the hash of each place.
        let public = |place: &str| SecretHash::of(place).to_string();
        places.sort_by_key(|place| SecretHash::of(&format!("{seed}\n{}", public(place))).0);
        let draw = data(
            send(&house, Method::GET, &format!("{SHOP}/draw?skip=1&limit=2"), "", Value::Null).await,
            StatusCode::OK,
        );
        assert_eq!(
            (draw["drawn"].as_u64(), draw["total"].as_u64(), draw["seed"].as_str()),
            (Some(4), Some(4), Some(seed))
        );
        assert_eq!(draw["places"], json!([public(&places[1]), public(&places[2])]));
        for (before, place) in places.iter().enumerate() {
            let stands =
                data(send(&house, Method::GET, &format!("{SHOP}/room/{place}"), "", Value::Null).await, StatusCode::OK);
            assert_eq!(stands["before"].as_u64(), Some(before as u64));
        }
    });
}

#[test]
fn an_order_that_the_fraud_rules_score_high_waits_for_the_organizer() {
    run(async {
        let house = furnished().await;
        let document = json!({"format": 1, "fraud": {"rules": [
            {"id": "dear", "on": ["order_placed"], "all": ["amount_by_account_1h >= 20000"], "weight": 90,
             "reason": "{amount_by_account_1h} within an hour"},
        ]}});
        let published = Fact::RulesPublished { document: std::sync::Arc::new(document) };
        house.rules.write().unwrap().apply(&FactRow::new(acme(), NOW, published));
        let order = async |count: u16, name: &str| {
            let hold =
                data(send(&house, Method::POST, &format!("{SHOP}/holds"), "", cart(count)).await, StatusCode::CREATED);
            let wish = json!({"hold": hold["id"], "buyer": buyer(name), "provider": "test"});
            let order =
                data(send(&house, Method::POST, &format!("{SHOP}/orders"), "", wish).await, StatusCode::CREATED);
            let path = format!("{OFFICE}/orders/{}", order["id"].as_str().unwrap());
            data(send(&house, Method::GET, &path, "", Value::Null).await, StatusCode::OK)
        };
        let one = order(1, "ann").await;
        assert_eq!((one["status"].as_str(), one["review"].is_null()), (Some("pending"), true));
        put_quota(&house, 9).await;
        let two = order(2, "ben").await;
        assert_eq!((two["status"].as_str(), two["review"]["score"].as_u64()), (Some("in_review"), Some(90)), "{two}");
        // What it reflects is told beside it.
        let as_of: Value = serde_json::from_str(two["review"]["as_of"].as_str().unwrap()).unwrap();
        assert_eq!(as_of["incarnation"].as_str().map(str::len), Some(16));
    });
}

async fn put_quota(house: &House, size: u32) {
    let hall = json!({"title": "Hall", "size": size, "products": [{"product": "pass"}]});
    data(send(house, Method::PUT, &format!("{OFFICE}/quotas/hall"), "", hall).await, StatusCode::OK);
}
