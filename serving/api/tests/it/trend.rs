//! How stock and sales went over time, from outside: each step as it stood at its end, up to the offset of the log.

use axum::http::{Method, StatusCode};
use serde_json::{Value, json};

use crate::booking::{OFFICE, SHOP, buy, cart, data, furnished, send};
use crate::house::{House, run};

const MINUTE: i64 = 60_000_000;

async fn trend(house: &House, from: &str) -> Value {
    let path = format!("{OFFICE}/trend{from}");
    data(send(house, Method::GET, &path, "", Value::Null).await, StatusCode::OK)
}

#[test]
fn each_step_is_told_as_it_stood_at_its_end() {
    run(async {
        let house = furnished().await;
        let first = trend(&house, "").await;
        assert_eq!(first["products"][0]["sold"], json!([0]));
        let sold = buy(&house, "ada").await;
        house.clock.advance(2 * MINUTE);
        let holds = format!("{SHOP}/holds");
        let hold = data(send(&house, Method::POST, &holds, "", cart(1)).await, StatusCode::CREATED);
        let held = trend(&house, "").await;
        assert_eq!(held["times"].as_array().unwrap().len(), 2);
        let course = &held["products"][0];
        assert_eq!(course["title"], "Pass");
        assert_eq!((&course["sold"], &course["held"]), (&json!([1, 1]), &json!([0, 1])));
        assert_eq!(course["takings"], json!({"EUR": [11_900, 11_900]}));
        // Nothing is told of minutes in which nothing changed.
        house.clock.advance(30 * MINUTE);
        let gone = format!("{holds}/{}", hold["id"].as_str().unwrap());
        assert_eq!(send(&house, Method::DELETE, &gone, "", Value::Null).await.status, StatusCode::NO_CONTENT);
        let order = sold["id"].as_str().unwrap();
        let cancel = format!("{OFFICE}/orders/{order}/cancellation");
        data(send(&house, Method::POST, &cancel, "", json!({"why": "buyer"})).await, StatusCode::OK);
        let over = trend(&house, "").await;
        let course = &over["products"][0];
        assert_eq!(course["sold"].as_array().unwrap().last(), Some(&json!(0)));
        assert_eq!(course["held"].as_array().unwrap().last(), Some(&json!(0)));
        assert_eq!(course["takings"]["EUR"].as_array().unwrap().last(), Some(&json!(0)));
        assert_eq!(over["times"].as_array().unwrap()[..2], held["times"].as_array().unwrap()[..]);
        let (before, now) = (held["as_of"].as_str().unwrap(), over["as_of"].as_str().unwrap());
        let offset = |text: &str| text.rsplit_once('/').unwrap().1.parse::<u64>().unwrap();
        assert!(offset(now) > offset(before), "{before} {now}");
        // From the newest step on: what a page asks again.
        let last = over["times"].as_array().unwrap().last().unwrap().as_str().unwrap();
        let newest = trend(&house, &format!("?from={last}")).await;
        assert_eq!(newest["times"], json!([last]));
    });
}
