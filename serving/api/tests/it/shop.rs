//! What buyers see before and after they have bought: prices of a cart, instructions, names, the story of an order, their turn.

use axum::http::{Method, StatusCode};
use serde_json::{Value, json};

use crate::booking::{OFFICE, SHOP, buy, buyer, cart, data, furnished, send, show};
use crate::house::{House, run};

async fn put(house: &House, path: &str, body: Value) {
    data(send(house, Method::PUT, &format!("{OFFICE}{path}"), "", body).await, StatusCode::OK);
}

async fn post(house: &House, path: &str, secret: &str, body: Value) -> crate::house::Answer {
    show(house, Method::POST, &format!("{SHOP}{path}"), ("", secret), body).await
}

#[test]
fn a_cart_costs_what_its_hold_will_cost() {
    run(async {
        let house = furnished().await;
        put(&house, "/promos/tenth", json!({"code": "TENTH", "effect": {"percent": 1_000}})).await;
        let mut wanted = cart(1);
        wanted["code"] = json!("tenth");
        let prices = data(post(&house, "/prices", "", wanted.clone()).await, StatusCode::OK);
        let hold = data(post(&house, "/holds", "", wanted).await, StatusCode::CREATED);
        assert_eq!((&prices["total"], &prices["tax"]), (&json!(10_710), &json!(1_710)));
        assert_eq!((&prices["positions"], &prices["total"]), (&hold["positions"], &hold["total"]));
        assert!(hold["latest"].as_str() > hold["until"].as_str(), "{hold}");
        // Nothing is kept by asking: the other seat is still there, twice.
        for _ in 0..2 {
            data(post(&house, "/prices", "", cart(1)).await, StatusCode::OK);
        }
        let many = post(&house, "/prices", "", cart(2)).await;
        assert_eq!((many.status, many.body["reason"].as_str()), (StatusCode::CONFLICT, Some("few_left")));
        let shop =
            data(send(&house, Method::GET, &format!("{SHOP}?code=Tenth"), "", Value::Null).await, StatusCode::OK);
        assert_eq!(shop["code"]["effect"]["percent"], 1_000);
        assert_eq!((&shop["payments"], &shop["products"][0]["tax"]), (&json!(["test"]), &json!(1_900)));
    });
}

#[test]
fn who_pays_by_transfer_is_told_where_to_and_may_end_it_until_it_is_paid() {
    run(async {
        let house = furnished().await;
        put(&house, "/sales", json!({"transfer_to": "Acme, DE02 1203 0000 0000 2020 51"})).await;
        let shop = data(send(&house, Method::GET, SHOP, "", Value::Null).await, StatusCode::OK);
        assert_eq!(shop["payments"], json!(["transfer", "test"]));
        let hold = data(post(&house, "/holds", "", cart(1)).await, StatusCode::CREATED);
        let wish = json!({"hold": hold["id"], "buyer": buyer("ann"), "provider": "transfer"});
        let order = data(post(&house, "/orders", "", wish).await, StatusCode::CREATED);
        let (id, secret) = (order["id"].as_str().unwrap(), order["secret"].as_str().unwrap());
        let transfer = &order["transfer"];
        assert_eq!(
            (transfer["amount"].as_i64(), &transfer["to"]),
            (Some(11_900), &json!("Acme, DE02 1203 0000 0000 2020 51"))
        );
        let reference = transfer["reference"].as_str().unwrap();
        assert!(id.to_uppercase().ends_with(reference) && reference.len() == 12, "{id} {reference}");
        let cancel = format!("/orders/{id}/cancellation");
        let stranger = post(&house, &cancel, "another", Value::Null).await;
        assert_eq!(stranger.status, StatusCode::NOT_FOUND);
        let ended = data(post(&house, &cancel, secret, Value::Null).await, StatusCode::OK);
        assert_eq!(ended["status"], "cancelled");

        let paid = buy(&house, "bea").await;
        let (id, secret) = (paid["id"].as_str().unwrap(), paid["secret"].as_str().unwrap());
        let refused = post(&house, &format!("/orders/{id}/cancellation"), secret, Value::Null).await;
        assert_eq!((refused.status, refused.body["reason"].as_str()), (StatusCode::CONFLICT, Some("order_paid")));
    });
}

#[test]
fn names_change_the_address_does_not_and_all_of_it_is_told() {
    run(async {
        let house = furnished().await;
        let order = buy(&house, "ann").await;
        let (id, secret) = (order["id"].as_str().unwrap(), order["secret"].as_str().unwrap());
        assert_eq!((&order["tickets"][0]["name"], &order["tickets"][0]["position"]), (&json!("ann"), &json!(0)));
        let path = format!("{SHOP}/orders/{id}/buyer");
        let named = json!({"buyer": {"email": "ann@example.org", "name": "Ann", "attendees": ["Zoë"]}});
        let changed = data(show(&house, Method::PUT, &path, ("", secret), named).await, StatusCode::OK);
        assert_eq!((&changed["tickets"][0]["name"], &changed["buyer"]["name"]), (&json!("Zoë"), &json!("Ann")));
        let moved = json!({"buyer": {"email": "eve@example.org", "name": "Ann"}});
        let refused = show(&house, Method::PUT, &path, ("", secret), moved).await;
        assert_eq!(refused.status, StatusCode::BAD_REQUEST, "{:?}", refused.body);
        let ticket = order["tickets"][0]["id"].as_str().unwrap();
        let transfer = json!({"revision": 0, "holder": buyer("bea")});
        data(post(&house, &format!("/orders/{id}/tickets/{ticket}/transfer"), secret, transfer).await, StatusCode::OK);
        let path = format!("{SHOP}/orders/{id}/history");
        let told = data(show(&house, Method::GET, &path, ("", secret), Value::Null).await, StatusCode::OK);
        let words: Vec<&str> = told.as_array().unwrap().iter().map(|step| step["what"].as_str().unwrap()).collect();
        assert_eq!(words, ["placed", "payment_begun", "paid", "confirmed", "changed", "ticket_passed_on"]);
        let hidden = show(&house, Method::GET, &path, ("", "another"), Value::Null).await;
        assert_eq!(hidden.status, StatusCode::NOT_FOUND);
    });
}

#[test]
fn whoever_waits_sees_their_turn_and_takes_what_is_kept() {
    run(async {
        let house = furnished().await;
        let hold = data(post(&house, "/holds", "", cart(2)).await, StatusCode::CREATED);
        let mut waits = Vec::new();
        for name in ["ann", "bea"] {
            let entry = json!({"product": "pass", "party": 1, "currency": "EUR", "contact": buyer(name)});
            waits.push(data(post(&house, "/waitlist", "", entry).await, StatusCode::CREATED)["id"].clone());
        }
        let turn = async |place: usize| {
            let path = format!("{SHOP}/waitlist/{}", waits[place].as_str().unwrap());
            send(&house, Method::GET, &path, "", Value::Null).await
        };
        let second = data(turn(1).await, StatusCode::OK);
        assert_eq!((&second["before"], &second["hold"]), (&json!(1), &Value::Null));
        let path = format!("{SHOP}/holds/{}", hold["id"].as_str().unwrap());
        assert_eq!(send(&house, Method::DELETE, &path, "", Value::Null).await.status, StatusCode::NO_CONTENT);
        // Whatever is decided next, those who wait come first.
        assert_eq!(post(&house, "/holds", "", cart(2)).await.status, StatusCode::CONFLICT);
        let first = data(turn(0).await, StatusCode::OK);
        let wish = json!({"hold": first["hold"], "buyer": buyer("ann"), "provider": "test"});
        assert!(first["until"].is_string(), "{first}");
        data(post(&house, "/orders", "", wish).await, StatusCode::CREATED);
        assert_eq!(turn(0).await.status, StatusCode::NOT_FOUND, "it was taken");
    });
}
