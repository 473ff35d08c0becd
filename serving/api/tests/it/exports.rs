//! Exports from outside, beside the state that they are of; read by a CSV reader of another make (Python's).

use axum::http::{Method, StatusCode};
use futures_util::StreamExt as _;
use records::{EventId, Fact, Timestamp, Zone};
use rules::office::{Command, Wish};
use serde_json::{Value, json};
use tower::ServiceExt as _;

use crate::booking::{buy, data, furnished, send};
use crate::house::{House, acme, request, run};
use crate::libraries::{must_run, write};

const OFFICE: &str = "/v1/organizations/acme/events/conf/box-office";

/// Rows of a file by column, as Python reads them.
const PYTHON: &str = r#"
import csv, json, sys
with open(sys.argv[1], newline="", encoding="utf-8") as file:
    json.dump(list(csv.DictReader(file, strict=True)), open(sys.argv[2], "w"))
"#;

async fn export(house: &House, what: &str) -> Vec<Value> {
    let path = format!("{OFFICE}/exports/{what}.csv");
    let answer = send(house, Method::GET, &path, "", Value::Null).await;
    assert_eq!(answer.status, StatusCode::OK, "{:?}", answer.body);
    assert_eq!(answer.headers["content-type"], "text/csv; charset=utf-8; header=present");
    let text = answer.body.as_str().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let (file, script) = (write(folder.path(), "x.csv", text), write(folder.path(), "read.py", PYTHON));
    let read = folder.path().join("x.json");
    must_run(std::process::Command::new("python3").arg(script).arg(file).arg(&read), "Python's CSV reader");
    serde_json::from_str(&std::fs::read_to_string(read).unwrap()).unwrap()
}

/// The event is in Berlin, and its clocks go back at night.
async fn in_berlin() -> House {
    let house = furnished().await;
    let starts = Timestamp::parse("2026-10-25T08:00:00Z").unwrap();
    let ends = Timestamp(starts.0 + 3_600_000_000);
    let event = EventId::parse("conf").unwrap();
    let zone = Zone::parse("Europe/Berlin").unwrap();
    let fact = Fact::EventScheduled { event, title: "Conf".into(), zone, starts, ends };
    let command = Command { organization: acme(), event, wishes: vec![Wish::Stand(fact)] };
    (house.api.desk)(None, command.into()).unwrap().await.unwrap();
    let quota = json!({"title": "Hall", "size": 20, "products": [{"product": "pass"}]});
    data(send(&house, Method::PUT, &format!("{OFFICE}/quotas/hall"), "", quota).await, StatusCode::OK);
    house
}

#[test]
fn orders_tickets_and_scans_are_what_the_box_office_says_across_the_change_of_clocks() {
    run(async {
        let house = in_berlin().await;
        let mut orders = Vec::new();
        for (name, at) in [("ann", "2026-10-25T00:30:00Z"), ("=cmd|' /C calc'!A0", "2026-10-25T01:30:00Z")] {
            house.clock.set(Timestamp::parse(at).unwrap());
            orders.push(crate::booking::buy_as(&house, "x", name).await);
        }
        let text = orders[0]["tickets"][0]["text"].as_str().unwrap();
        let look = json!({"scans": [{"id": "s1", "text": text, "at": "2026-10-25T01:30:00Z", "gate": "+W,\"1\""}]});
        data(send(&house, Method::POST, &format!("{OFFICE}/doors/main/scans"), "", look).await, StatusCode::OK);
        let rows = export(&house, "orders").await;
        assert_eq!(rows.len(), 2);
        for (row, order) in rows.iter().zip(&orders) {
            assert_eq!((&row["order"], &row["status"]), (&order["id"], &json!("confirmed")));
            assert_eq!(
                (&row["total"], &row["total_minor"], &row["currency"]),
                (&json!("119.00"), &json!("11900"), &json!("EUR"))
            );
            assert_eq!((&row["tax"], &row["zone"]), (&json!("19.00"), &json!("Europe/Berlin")));
        }
        let local: Vec<&str> = rows.iter().map(|row| row["placed_local"].as_str().unwrap()).collect();
        assert_eq!(local, ["2026-10-25T02:30:00+02:00", "2026-10-25T02:30:00+01:00"]);
        assert_eq!(rows[0]["placed_utc"], "2026-10-25T00:30:00Z");
        assert_eq!(rows[1]["name"], "'=cmd|' /C calc'!A0", "no spreadsheet computes it");

        let tickets = export(&house, "tickets").await;
        assert_eq!(tickets.len(), 2);
        assert_eq!(
            (&tickets[0]["ticket"], &tickets[0]["product_title"]),
            (&orders[0]["tickets"][0]["id"], &json!("Pass"))
        );
        assert_eq!(tickets[0]["first_admitted_local"], "2026-10-25T02:30:00+01:00");
        assert_eq!(
            (&tickets[1]["first_admitted_utc"], &tickets[0]["answers"]),
            (&json!(""), &json!(r#"{"Diet":"none"}"#))
        );
        let scans = export(&house, "scans").await;
        assert_eq!(
            (scans.len(), &scans[0]["outcome"], &scans[0]["gate"]),
            (1, &json!("admitted"), &json!("'+W,\"1\""))
        );
    });
}

#[test]
fn the_exported_journal_adds_up_to_the_ledger() {
    run(async {
        let house = in_berlin().await;
        for name in ["ann", "bea", "cem"] {
            let order = buy(&house, name).await;
            let path = format!("{OFFICE}/orders/{}", order["id"].as_str().unwrap());
            if name == "bea" {
                let cancel = json!({"why": "buyer"});
                data(send(&house, Method::POST, &format!("{path}/cancellation"), "", cancel).await, StatusCode::OK);
                data(send(&house, Method::POST, &format!("{path}/refunds"), "", json!({})).await, StatusCode::OK);
            }
        }
        house.api.book_chores().await;
        let mut sums = std::collections::BTreeMap::new();
        let rows = export(&house, "ledger").await;
        for row in &rows {
            let minor: i64 = row["amount_minor"].as_str().unwrap().parse().unwrap();
            let key = (row["account"].as_str().unwrap(), row["provider"].as_str().unwrap());
            *sums.entry(key).or_insert(0) += minor;
        }
        sums.retain(|_, sum| *sum != 0);
        let told = data(send(&house, Method::GET, &format!("{OFFICE}/ledger"), "", Value::Null).await, StatusCode::OK);
        let told: std::collections::BTreeMap<(&str, &str), i64> = told
            .as_array()
            .unwrap()
            .iter()
            .map(|row| {
                let account = &row["account"];
                let key =
                    account.as_str().map_or_else(|| ("provider", account["provider"].as_str().unwrap()), |it| (it, ""));
                (key, row["balance"].as_i64().unwrap())
            })
            .collect();
        assert_eq!(sums, told);
        assert!(rows.iter().all(|row| row["offset"].as_str().unwrap().starts_with('f')));
    });
}

/// So many orders of something that costs nothing, in the order in which they were placed.
async fn with_orders(count: u32) -> (House, Vec<String>) {
    let house = in_berlin().await;
    let quota = json!({"title": "Hall", "size": 2_000, "products": [{"product": "free"}]});
    let tiers = json!([{"title": "Free", "prices": [{"minor": 0, "currency": "EUR"}]}]);
    let product = json!({"title": "Free", "tiers": tiers});
    data(send(&house, Method::PUT, &format!("{OFFICE}/products/free"), "", product).await, StatusCode::OK);
    data(send(&house, Method::PUT, &format!("{OFFICE}/quotas/hall"), "", quota).await, StatusCode::OK);
    let mut ids = Vec::new();
    for number in 0..count {
        house.clock.advance(1_000);
        ids.push(order_free(&house, number).await);
    }
    (house, ids)
}

async fn order_free(house: &House, number: u32) -> String {
    let cart = json!({"lines": [{"product": "free", "count": 1}], "currency": "EUR"});
    let hold = data(send(house, Method::POST, "/v1/shop/acme/conf/holds", "", cart).await, StatusCode::CREATED);
    let buyer = json!({"email": format!("b{}@example.org", number % 7)});
    let wish = json!({"hold": hold["id"], "buyer": buyer, "provider": "free"});
    let order = send(house, Method::POST, "/v1/shop/acme/conf/orders", "", wish).await;
    data(order, StatusCode::CREATED)["id"].as_str().unwrap().to_owned()
}

#[test]
fn a_large_export_is_whole_although_it_is_made_piece_by_piece() {
    run(async {
        let (house, ids) = with_orders(1_203).await;
        for what in ["orders", "tickets"] {
            let rows = export(&house, what).await;
            let found: Vec<&str> = rows.iter().map(|row| row["order"].as_str().unwrap()).collect();
            assert_eq!((rows.len(), found == ids), (1_203, true), "{what}");
        }
    });
}

#[test]
fn an_export_is_of_one_offset_whatever_happens_while_it_is_taken() {
    run(async {
        let (house, ids) = with_orders(1_100).await;
        let mut before = std::collections::BTreeMap::new();
        for what in ["orders", "tickets", "scans", "ledger"] {
            before.insert(what, text_of(begin(&house, what).await, &mut async || {}).await);
        }
        for what in ["orders", "tickets", "scans", "ledger"] {
            let answer = begin(&house, what).await;
            let offset = answer.headers()["eventra-offset"].to_str().unwrap().to_owned();
            let name = answer.headers()["content-disposition"].to_str().unwrap().to_owned();
            assert_eq!(name, format!("attachment; filename=\"conf-{what}-{}.csv\"", offset.replace('/', "_")));
            // After the first piece: the last order is cancelled twice over in what it says, its title changes, another comes.
            let last = format!("{OFFICE}/orders/{}", ids.last().unwrap());
            let told = text_of(answer, &mut async || {
                let title = json!({"title": format!("Gratis {what}"), "tiers": [{"title": "Free", "prices": [{"minor": 0, "currency": "EUR"}]}]});
                data(send(&house, Method::PUT, &format!("{OFFICE}/products/free"), "", title).await, StatusCode::OK);
                let end = json!({"why": "organizer"});
                send(&house, Method::POST, &format!("{last}/cancellation"), "", end).await;
                order_free(&house, 7).await;
            })
            .await;
            let newest = told.lines().skip(1).all(|line| line.ends_with(&format!(",{offset}")));
            assert!(newest, "{what}: each row tells the offset");
            if what == "orders" {
                let plain = |text: &str| {
                    text.lines().map(|line| line.rsplit_once(',').unwrap().0.to_owned()).collect::<Vec<_>>()
                };
                assert_eq!(plain(&told), plain(&before[what]), "nothing that came after is in it");
                let after = text_of(begin(&house, what).await, &mut async || {}).await;
                assert_eq!(after.lines().count(), told.lines().count() + 1);
                assert_eq!(after.matches(",cancelled,").count(), 1, "and the next one has it");
            }
            if what == "tickets" {
                assert_eq!(told.lines().count(), 1_102, "with the one that was ordered while orders were told");
                assert!(told.contains("Gratis orders") && !told.contains("Gratis tickets"));
            }
        }
        let mut open = Vec::new();
        for _ in 0..8 {
            open.push(begin(&house, "orders").await);
        }
        let many = send(&house, Method::GET, &format!("{OFFICE}/exports/orders.csv"), "", Value::Null).await;
        assert_eq!((many.status, many.body["code"].as_str()), (StatusCode::SERVICE_UNAVAILABLE, Some("overloaded")));
        drop(open);
        export(&house, "orders").await;
    });
}

/// An export of which nothing was taken yet.
async fn begin(house: &House, what: &str) -> axum::response::Response {
    let path = format!("{OFFICE}/exports/{what}.csv");
    let headers = [("authorization", "Bearer a-key-that-manages")];
    let answer = house.router.clone().oneshot(request(Method::GET, &path, &headers, "")).await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    answer
}

/// The whole of it, when something happens after its first piece.
async fn text_of(answer: axum::response::Response, meanwhile: &mut impl AsyncFnMut()) -> String {
    let mut pieces = answer.into_body().into_data_stream();
    let mut text = pieces.next().await.unwrap().unwrap().to_vec();
    meanwhile().await;
    while let Some(piece) = pieces.next().await {
        text.extend_from_slice(&piece.unwrap());
    }
    String::from_utf8(text).unwrap()
}
