//! What is offered besides tickets for a seat: codes, flash sales, tickets with a window; and money that is asked back.

use axum::http::{Method, StatusCode};
use records::Timestamp;
use serde_json::{Value, json};

use crate::booking::{buy, data, furnished, send, show};
use crate::house::{House, run};

const OFFICE: &str = "/v1/organizations/acme/events/conf/box-office";
const SHOP: &str = "/v1/shop/acme/conf";

async fn put(house: &House, path: &str, body: Value) -> Value {
    data(send(house, Method::PUT, &format!("{OFFICE}{path}"), "", body).await, StatusCode::OK)
}

/// An order of something free, as its buyer sees it.
async fn take(house: &House, product: &str, address: &str) -> (StatusCode, Value) {
    let cart = json!({"lines": [{"product": product, "count": 1}], "currency": "EUR"});
    let hold = send(house, Method::POST, &format!("{SHOP}/holds"), "", cart).await;
    if hold.status != StatusCode::CREATED {
        return (hold.status, hold.body);
    }
    let wish = json!({"hold": hold.body["data"]["id"], "buyer": {"email": address}, "provider": "free"});
    let order = send(house, Method::POST, &format!("{SHOP}/orders"), "", wish).await;
    (order.status, if order.status == StatusCode::CREATED { order.body["data"].clone() } else { order.body })
}

async fn look(house: &House, order: &Value) -> Value {
    let (id, secret) = (order["id"].as_str().unwrap(), order["secret"].as_str().unwrap());
    let answer = show(house, Method::GET, &format!("{SHOP}/orders/{id}"), ("", secret), Value::Null).await;
    data(answer, StatusCode::OK)
}

#[test]
fn codes_are_laid_in_sealed_and_shown_to_the_one_who_bought_them() {
    run(async {
        let house = furnished().await;
        let tiers = json!([{"title": "Free", "prices": [{"minor": 0, "currency": "EUR"}]}]);
        put(&house, "/products/video", json!({"title": "Video", "kind": "digital", "tiers": tiers})).await;
        put(&house, "/quotas/videos", json!({"title": "Videos", "products": [{"product": "video"}]})).await;
        assert_eq!(take(&house, "video", "a@example.org").await.1["reason"], "sold_out");
        let goods = format!("{OFFICE}/goods");
        let codes = json!({"product": "video", "texts": ["SECRET-ONE", "https://files.example/SECRET-TWO"]});
        let added = data(send(&house, Method::POST, &goods, "", codes.clone()).await, StatusCode::CREATED);
        assert_eq!((added["new"].as_u64(), added["ids"].as_array().unwrap().len()), (Some(2), 2));
        let again = data(send(&house, Method::POST, &goods, "", codes).await, StatusCode::CREATED);
        assert_eq!((&again["ids"], again["new"].as_u64()), (&added["ids"], Some(0)), "the same codes are the same");
        let mut texts = Vec::new();
        for address in ["a@example.org", "b@example.org"] {
            let (_, order) = take(&house, "video", address).await;
            // It is given by the writer of the partition, by itself.
            let shown =
                house.until(async || Some(look(&house, &order).await).filter(|it| it["goods"] != json!([]))).await;
            assert_eq!(shown["goods"][0]["position"], 0);
            texts.push(shown["goods"][0]["text"].as_str().unwrap().to_owned());
        }
        assert_eq!(texts, ["SECRET-ONE", "https://files.example/SECRET-TWO"]);
        let (status, refusal) = take(&house, "video", "c@example.org").await;
        assert_eq!((status, refusal["reason"].as_str()), (StatusCode::CONFLICT, Some("sold_out")));
        let rows =
            data(send(&house, Method::GET, &format!("{goods}?state=delivered"), "", Value::Null).await, StatusCode::OK);
        assert_eq!(rows.as_array().unwrap().len(), 2);
        assert!(!rows.to_string().contains("SECRET") && !format!("{:?}", house.facts()).contains("SECRET"));
        let withdraw = json!({"goods": [added["ids"][0]]});
        let gone = send(&house, Method::POST, &format!("{goods}/withdrawals"), "", withdraw).await;
        assert_eq!((gone.status, gone.body["reason"].as_str()), (StatusCode::CONFLICT, Some("goods_delivered")));
    });
}

#[test]
fn a_flash_sale_shows_what_it_cost_before_and_each_person_has_their_share() {
    run(async {
        let house = furnished().await;
        let price = |minor: u32| json!([{"minor": minor, "currency": "EUR"}]);
        let flash = json!({"title": "Flash", "prices": price(0), "original": price(9_900), "count": 3,
            "from": "2025-11-20T12:00:00Z", "until": "2025-11-20T13:00:00Z"});
        let tiers = json!([flash, {"title": "Usual", "prices": price(9_900)}]);
        put(&house, "/products/shirt", json!({"title": "Shirt", "kind": "goods", "tiers": tiers, "per_person": 2}))
            .await;
        put(&house, "/quotas/shirts", json!({"title": "Shirts", "products": [{"product": "shirt"}]})).await;
        let on_sale = async || {
            let shop = data(send(&house, Method::GET, SHOP, "", Value::Null).await, StatusCode::OK);
            shop["products"].as_array().unwrap().iter().find(|it| it["id"] == "shirt").unwrap().clone()
        };
        let shown = on_sale().await;
        assert_eq!((&shown["prices"], &shown["original"]), (&price(0), &price(9_900)));
        assert_eq!((shown["tier_left"].as_u64(), shown["per_person"].as_u64()), (Some(3), Some(2)));
        assert_eq!(shown["tier_until"], "2025-11-20T13:00:00Z");
        let set =
            data(send(&house, Method::GET, &format!("{OFFICE}/products/shirt"), "", Value::Null).await, StatusCode::OK);
        let all = data(send(&house, Method::GET, OFFICE, "", Value::Null).await, StatusCode::OK);
        let listed = all["products"].as_array().unwrap().iter().find(|it| it["id"] == "shirt").unwrap();
        for told in [&set, listed] {
            let tier = &told["tiers"][0];
            assert_eq!(
                (&tier["from"], &tier["until"]),
                (&json!("2025-11-20T12:00:00Z"), &json!("2025-11-20T13:00:00Z"))
            );
        }
        let mut number = set.clone();
        number["until"] = json!(1_763_643_600_000_000_i64);
        let refused = send(&house, Method::PUT, &format!("{OFFICE}/products/shirt"), "", number).await;
        assert_eq!(refused.status, StatusCode::BAD_REQUEST, "{:?}", refused.body);
        assert!(refused.body.to_string().contains("RFC 3339"), "{:?}", refused.body);
        for _ in 0..2 {
            assert_eq!(take(&house, "shirt", "ann@example.org").await.0, StatusCode::CREATED);
        }
        let (status, refusal) = take(&house, "shirt", "ann@example.org").await;
        assert_eq!((status, refusal["reason"].as_str()), (StatusCode::CONFLICT, Some("person_has_enough")));
        house.clock.set(Timestamp::parse("2025-11-20T13:00:00Z").unwrap());
        let shown = on_sale().await;
        assert_eq!((&shown["prices"], &shown["original"]), (&price(9_900), &json!([])));
    });
}

#[test]
fn a_ticket_says_when_it_lets_in_and_a_door_says_why_not() {
    run(async {
        let house = furnished().await;
        let tiers = json!([{"title": "Standard", "prices": [{"minor": 11_900, "currency": "EUR"}]}]);
        let (from, until) = ("2025-11-20T12:30:00Z", "2025-11-20T13:30:00Z");
        let spec = json!({"title": "Pass", "tiers": tiers, "tax": 1_900, "valid_from": from, "valid_until": until});
        put(&house, "/products/pass", spec).await;
        let order = buy(&house, "ann").await;
        let ticket = &order["tickets"][0];
        assert_eq!(
            (&ticket["valid_from"], &ticket["valid_until"]),
            (&json!("2025-11-20T12:30:00Z"), &json!("2025-11-20T13:30:00Z"))
        );
        let text = ticket["text"].as_str().unwrap();
        assert!(text.starts_with("EV2"), "the code itself says it: {text}");
        house.clock.set(Timestamp::parse("2025-11-20T14:00:00Z").unwrap());
        let scans = format!("{OFFICE}/doors/main/scans");
        let expected = [
            ("12:00", "too_early", "2025-11-20T12:30:00Z"),
            ("13:30", "too_late", "2025-11-20T13:30:00Z"),
            ("12:30", "admitted", ""),
        ];
        for (id, (at, outcome, words)) in (1..).zip(expected) {
            let look = json!({"scans": [{"id": format!("s{id}"), "text": text, "at": format!("2025-11-20T{at}:00Z")}]});
            let seen = data(send(&house, Method::POST, &scans, "", look).await, StatusCode::OK);
            let result = &seen["results"][0];
            assert_eq!(result["outcome"], outcome);
            assert!(result["words"].as_str().unwrap().contains(words), "{result}");
        }
    });
}

#[test]
fn a_buyer_asks_for_money_back_and_the_organizer_grants_it() {
    run(async {
        let house = furnished().await;
        let order = buy(&house, "ann").await;
        let (id, secret) = (order["id"].as_str().unwrap(), order["secret"].as_str().unwrap());
        let ask = format!("{SHOP}/orders/{id}/refund-requests");
        let wish = json!({"reason": "my zebra is ill"});
        let none = show(&house, Method::POST, &ask, ("", secret), wish.clone()).await;
        assert_eq!((none.status, none.body["reason"].as_str()), (StatusCode::CONFLICT, Some("refunds_not_offered")));
        put(&house, "/sales", json!({"refunds": {"until": "2025-11-21T00:00:00Z", "fee": 1_000}})).await;
        assert_eq!(look(&house, &order).await["refund_policy"]["fee"], 1_000);
        let stranger = show(&house, Method::POST, &ask, ("", "wrong"), wish.clone()).await;
        assert_eq!(stranger.status, StatusCode::NOT_FOUND);
        let asked = data(show(&house, Method::POST, &ask, ("", secret), wish.clone()).await, StatusCode::CREATED);
        assert_eq!((asked["state"].as_str(), asked["fee"].as_i64()), (Some("open"), Some(1_190)));
        let twice = show(&house, Method::POST, &ask, ("", secret), wish).await;
        assert_eq!(twice.body["reason"], "request_open");
        assert!(!format!("{:?}", house.facts()).contains("zebra"));

        let list = format!("{OFFICE}/refund-requests?state=open");
        let open = data(send(&house, Method::GET, &list, "", Value::Null).await, StatusCode::OK);
        assert_eq!((open[0]["reason"].as_str(), &open[0]["order"]), (Some("my zebra is ill"), &order["id"]));
        let answer = format!("{OFFICE}/refund-requests/{}/answer", asked["id"].as_str().unwrap());
        let says = json!({"granted": true, "words": "get well"});
        let granted = data(send(&house, Method::POST, &answer, "", says).await, StatusCode::OK);
        assert_eq!((granted["state"].as_str(), granted["amount"].as_i64()), (Some("granted"), Some(10_710)));
        let path = format!("{OFFICE}/orders/{id}");
        let detail = house
            .until(async || {
                let detail = data(send(&house, Method::GET, &path, "", Value::Null).await, StatusCode::OK);
                (detail["refunds"] != json!([])).then_some(detail)
            })
            .await;
        assert_eq!(
            (detail["status"].as_str(), detail["refunds"][0]["amount"].as_i64()),
            (Some("cancelled"), Some(10_710))
        );
        assert_eq!(detail["refund_requests"][0]["words"], "get well");
        let shown = look(&house, &order).await;
        assert_eq!(shown["refund_requests"][0]["amount"], 10_710);
        let history = send(&house, Method::GET, &format!("{path}/history"), "", Value::Null).await;
        let told = history.body.to_string();
        assert!(told.contains("refund_requested") && told.contains("refund_answered") && !told.contains("zebra"));
        let ledger =
            data(send(&house, Method::GET, &format!("{OFFICE}/ledger"), "", Value::Null).await, StatusCode::OK);
        let sum: i64 = ledger.as_array().unwrap().iter().map(|row| row["balance"].as_i64().unwrap()).sum();
        assert_eq!(sum, 0);
    });
}

#[test]
fn what_is_shown_to_whoever_names_it_has_an_id_that_nobody_guesses() {
    run(async {
        let house = furnished().await;
        let cart = json!({"lines": [{"product": "pass", "count": 1}], "currency": "EUR"});
        let contact = json!({"email": "ann@example.org"});
        let wait = json!({"product": "pass", "party": 1, "currency": "EUR", "contact": contact});
        let guessed =
            ["cart-1", "1", "a name that is longer than fourteen bytes", "00000000-0000-1000-8000-000000000001"];
        for key in guessed {
            for (path, body) in [("/holds", &cart), ("/waitlist", &wait), ("/room", &json!({"contact": contact}))] {
                let answer = send(&house, Method::POST, &format!("{SHOP}{path}"), key, body.clone()).await;
                let code = answer.body["code"].as_str();
                assert_eq!(
                    (answer.status, code),
                    (StatusCode::BAD_REQUEST, Some("idempotency_key_wrong")),
                    "{path} {key}"
                );
            }
        }
        for key in ["5f0c3c2e-58a4-4c3e-9b52-0d9a3f6f6a11", "0193480f-5c00-7abc-8def-0123456789ab", ""] {
            let answer = send(&house, Method::POST, &format!("{SHOP}/holds"), key, cart.clone()).await;
            assert!(matches!(answer.status, StatusCode::CREATED | StatusCode::CONFLICT), "{:?}", answer.body);
        }
    });
}
