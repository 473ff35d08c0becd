//! Box offices as buyers meet them: orders over HTTP beside pretix, a sell-out behind a waiting room, and what must hold.

pub(super) mod checkin;
mod client;
pub(super) mod invariants;
pub(super) mod ledger;
pub(super) mod orders;
mod pretix;
pub(super) mod sellout;

use serde_json::{Value, json};

use super::served::{Connection, KEY, Served};

/// Where the organizer's routes and those of buyers begin.
const OFFICE: &str = "/v1/organizations/acme/events/conf/box-office";
const SHOP: &str = "/v1/shop/acme/conf";
/// Settings of the server: what is sold lands nowhere, so that the box office is measured and not the engine.
const SETTINGS: &[&str] = &["--warehouse", "none"];

/// One organization with one event, and a key that may manage it.
const DOCUMENT: &str = r#"
[[organization]]
id = "acme"
name = "Acme"

[[organization.key]]
name = "bench"
scopes = ["write", "read", "manage"]
secret_file = "secret"

[[organization.event]]
id = "conf"
title = "Conference"
starts = 2036-11-20T09:00:00Z
ends = 2036-11-21T18:00:00Z
"#;

/// Changes something of the event's box office.
fn put(connection: &mut Connection, path: &str, body: &Value) -> anyhow::Result<()> {
    let body = body.to_string();
    let head = format!(
        "PUT {OFFICE}{path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {KEY}\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\n\r\n",
        body.len()
    );
    let (status, answer) = connection.ask(&[head.as_bytes(), body.as_bytes()].concat())?;
    anyhow::ensure!(status == 200, "PUT {path} was answered {status}: {}", String::from_utf8_lossy(&answer));
    Ok(())
}

/// A server whose event sells so many of each product, free of charge: an order is confirmed when it is placed.
fn furnished(products: &[(&str, u64)]) -> anyhow::Result<Served> {
    let served = Served::start_from(DOCUMENT, SETTINGS)?;
    let mut connection = Connection::open(served.address)?;
    for (product, size) in products {
        let tiers = json!([{"title": "Standard", "prices": [{"minor": 0, "currency": "EUR"}]}]);
        put(&mut connection, &format!("/products/{product}"), &json!({"title": product, "tiers": tiers}))?;
        let counts = json!([{"product": product}]);
        put(
            &mut connection,
            &format!("/quotas/{product}"),
            &json!({"title": product, "size": size, "products": counts}),
        )?;
    }
    Ok(served)
}

/// A buyer's data.
fn buyer(number: u64) -> Value {
    json!({"email": format!("buyer-{number}@example.org"), "name": format!("Buyer {number}")})
}

/// What the organizer sees of the box office.
fn offered(served: &Served) -> anyhow::Result<Value> {
    let (status, body) = Connection::open(served.address)?.ask(&super::served::get(OFFICE))?;
    anyhow::ensure!(status == 200, "the box office was answered {status}: {}", String::from_utf8_lossy(&body));
    let answer: Value = serde_json::from_slice(&body)?;
    Ok(answer["data"].clone())
}
