//! Doors over HTTP: devices with a link of their own, what they take along, fifty of them that were offline, mistakes,
//! counts and the list.

use std::collections::BTreeMap;

use axum::http::{Method, StatusCode};
use ed25519_dalek::{Signature, VerifyingKey};
use futures_util::StreamExt as _;
use records::booking::{Scan, ScanOutcome};
use records::fact::{By, Scope};
use records::hash::mix;
use records::{CommandId, DoorId, EventId, Fact, SecretHash, Span, TicketId, Timestamp, Zone};
use rules::booking::Booking;
use rules::office::{Command, Wish};
use serde_json::{Value, json};
use tower::ServiceExt as _;

use crate::house::{Answer, House, NOW, acme, request, run};

const MANAGE: &str = "a-key-that-manages";
const OFFICE: &str = "/v1/organizations/acme/events/conf/box-office";

async fn send(house: &House, key: &str, method: Method, path: &str, body: Value) -> Answer {
    let authorization = format!("Bearer {key}");
    let mut headers = vec![("content-type", "application/json")];
    if path.starts_with("/v1/organizations") {
        headers.push(("authorization", &authorization));
    }
    let body = if body.is_null() { String::new() } else { body.to_string() };
    house.send(request(method, path, &headers, body)).await
}

#[track_caller]
fn data(answer: Answer, status: StatusCode) -> Value {
    assert_eq!(answer.status, status, "{:?}", answer.body);
    answer.body["data"].clone()
}

async fn get(house: &House, key: &str, path: &str) -> Value {
    data(send(house, key, Method::GET, &format!("{OFFICE}{path}"), Value::Null).await, StatusCode::OK)
}

async fn post(house: &House, key: &str, path: &str, body: Value) -> Value {
    let answer = send(house, key, Method::POST, &format!("{OFFICE}{path}"), body).await;
    let status = if path == "/devices" { StatusCode::CREATED } else { StatusCode::OK };
    data(answer, status)
}

/// Two events of an organization, of which the first has a door and as many tickets as are asked for, each in an order of
/// its own; the tickets' texts.
async fn furnished(tickets: usize) -> (House, Vec<Value>) {
    let house = House::new();
    let hash = SecretHash::of(MANAGE).to_string();
    let key = Fact::KeyAdded { key: "shop".into(), hash, scopes: vec![Scope::Manage], expires: None };
    let ends = Timestamp(NOW.0 + 3_600_000_000);
    let scheduled = |event: &str| {
        let event = EventId::parse(event).unwrap();
        (event, Fact::EventScheduled { event, title: event.to_string(), zone: Zone::utc(), starts: NOW, ends })
    };
    for (event, fact) in [(EventId::NONE, key), scheduled("conf"), scheduled("fair")] {
        let command = Command { organization: acme(), event, wishes: vec![Wish::Stand(fact)] };
        (house.api.desk)(None, command.into()).unwrap().await.unwrap();
    }
    let tiers = json!([{"title": "Standard", "prices": [{"minor": 0, "currency": "EUR"}]}]);
    let mut texts = Vec::new();
    for (event, count) in [("conf", tickets), ("fair", 1)] {
        let office = format!("/v1/organizations/acme/events/{event}/box-office");
        for (path, body) in [
            ("/products/pass", json!({"title": "Pass", "tiers": tiers})),
            ("/quotas/hall", json!({"title": "Hall", "size": 1_000, "products": [{"product": "pass"}]})),
            ("/doors/main", json!({"title": "Main", "reentry": "after_exit"})),
            ("/doors/side", json!({"title": "Side", "products": ["other"]})),
        ] {
            data(send(&house, MANAGE, Method::PUT, &format!("{office}{path}"), body).await, StatusCode::OK);
        }
        for number in 0..count {
            let shop = format!("/v1/shop/acme/{event}");
            let cart = json!({"lines": [{"product": "pass", "count": 1}], "currency": "EUR"});
            let hold = data(send(&house, "", Method::POST, &format!("{shop}/holds"), cart).await, StatusCode::CREATED);
            let buyer = json!({"email": format!("guest-{number}@example.org"), "name": format!("Guest {number}")});
            let wish = json!({"hold": hold["id"], "buyer": buyer, "provider": "free"});
            let order =
                data(send(&house, "", Method::POST, &format!("{shop}/orders"), wish).await, StatusCode::CREATED);
            texts.push(
                json!({"order": order["id"], "id": order["tickets"][0]["id"], "text": order["tickets"][0]["text"]}),
            );
        }
    }
    (house, texts)
}

fn look(id: &str, ticket: &Value, exit: bool) -> Value {
    json!({"id": id, "text": ticket["text"], "at": "2025-11-20T12:00:00Z", "exit": exit, "gate": "West", "device": "my own"})
}

fn outcomes(answer: &Value) -> Vec<&str> {
    answer["results"].as_array().unwrap().iter().map(|result| result["outcome"].as_str().unwrap()).collect()
}

#[test]
fn a_device_has_a_link_that_lets_it_look_at_tickets_of_one_event_until_it_is_revoked() {
    run(async {
        let (house, tickets) = furnished(2).await;
        let made = post(&house, MANAGE, "/devices", json!({"name": "phone 3"})).await;
        let key = made["secret"].as_str().unwrap();
        assert_eq!(made["link"], format!("http://127.0.0.1:7171/scan/acme/conf#device={key}"));
        assert!(made["svg"].as_str().unwrap().contains("<svg"));
        let again = send(&house, MANAGE, Method::POST, &format!("{OFFICE}/devices"), json!({"name": "phone 3"})).await;
        assert_eq!((again.status, again.body["code"].as_str()), (StatusCode::CONFLICT, Some("refused")));

        let sync = get(&house, key, "/doors").await;
        assert_eq!((sync["device"].as_str(), sync["doors"].as_array().unwrap().len()), (Some("phone 3"), 2));
        let scans = json!({"scans": [look("s1", &tickets[0], false), look("s2", &tickets[2], false), look("s3", &json!({"text": "EV1X"}), false)]});
        let told = post(&house, key, "/doors/main/scans", scans).await;
        assert_eq!(outcomes(&told), ["admitted", "wrong_event", "unknown"]);
        assert_eq!((told["results"][0]["holder"].as_str(), told["admitted"].as_u64()), (Some("Guest 0"), Some(1)));
        let told = post(&house, key, "/doors/side/scans", json!({"scans": [look("s4", &tickets[0], false)]})).await;
        assert_eq!(outcomes(&told), ["wrong_door"]);
        // Its own name is what timelines say, whatever it calls itself.
        let ticket = get(&house, key, &format!("/tickets/{}", tickets[0]["id"].as_str().unwrap())).await;
        assert_eq!(
            (ticket["looks"][0]["device"].as_str(), ticket["holder"].as_str()),
            (Some("phone 3"), Some("Guest 0"))
        );
        assert!(house.facts().iter().any(|row| row.by == Some(By::Key("phone 3 (conf)".into()))));

        for path in ["", "/orders", "/ledger", "/devices"] {
            let refused = send(&house, key, Method::GET, &format!("{OFFICE}{path}"), Value::Null).await;
            assert_eq!((refused.status, refused.body["code"].as_str()), (StatusCode::FORBIDDEN, Some("scope_missing")));
        }
        let fair = OFFICE.replace("conf", "fair");
        let other = send(&house, key, Method::GET, &format!("{fair}/doors"), Value::Null).await;
        assert_eq!((other.status, other.body["code"].as_str()), (StatusCode::FORBIDDEN, Some("access_denied")));
        let rows = get(&house, MANAGE, "/devices").await;
        assert_eq!((rows.as_array().unwrap().len(), rows[0]["name"].as_str()), (1, Some("phone 3")));

        let path = format!("{fair}/devices/phone%203");
        assert_eq!(send(&house, MANAGE, Method::DELETE, &path, Value::Null).await.status, StatusCode::NOT_FOUND);
        let path = format!("{OFFICE}/devices/phone%203");
        assert_eq!(send(&house, MANAGE, Method::DELETE, &path, Value::Null).await.status, StatusCode::NO_CONTENT);
        let ended = send(&house, key, Method::GET, &format!("{OFFICE}/doors"), Value::Null).await;
        assert_eq!((ended.status, ended.body["code"].as_str()), (StatusCode::UNAUTHORIZED, Some("key_unknown")));
    });
}

#[test]
fn a_device_takes_along_what_changed_since_and_nothing_twice() {
    run(async {
        let (house, tickets) = furnished(3).await;
        let first = get(&house, MANAGE, "/doors").await;
        assert_eq!((first["looks"].as_array().unwrap().len(), first["more"].as_bool()), (0, Some(false)));
        // What a door reads without us: base45, claims, a signature.
        let key = base64::Engine::decode(
            &base64::engine::general_purpose::URL_SAFE_NO_PAD,
            first["public_key"].as_str().unwrap(),
        );
        let key = VerifyingKey::from_bytes(&key.unwrap().try_into().unwrap()).unwrap();
        let bytes = base45::decode(tickets[0]["text"].as_str().unwrap().strip_prefix("EV1").unwrap()).unwrap();
        let signed = [b"eventra ticket 1", &bytes[..52]].concat();
        assert!(key.verify_strict(&signed, &Signature::from_slice(&bytes[52..]).unwrap()).is_ok());

        let since = |answer: &Value| format!("/doors?after={}", answer["offset"].as_str().unwrap());
        post(&house, MANAGE, "/doors/main/scans", json!({"scans": [look("s1", &tickets[0], false)]})).await;
        let second = get(&house, MANAGE, &since(&first)).await;
        let looks = second["looks"].as_array().unwrap();
        assert_eq!(
            (looks.len(), &looks[0]["ticket"], looks[0]["seen"][0]["outcome"].as_str()),
            (1, &tickets[0]["id"], Some("admitted"))
        );
        let cancel = json!({"why": "organizer"});
        post(&house, MANAGE, &format!("/orders/{}/cancellation", tickets[1]["order"].as_str().unwrap()), cancel).await;
        let third = get(&house, MANAGE, &since(&second)).await;
        assert_eq!(third["looks"], json!([]));
        assert_eq!(third["tickets"], json!([{"id": tickets[1]["id"], "revision": 0, "cancelled": true}]));
        let nothing = get(&house, MANAGE, &since(&third)).await;
        assert_eq!(
            (&nothing["looks"], &nothing["tickets"], &nothing["offset"]),
            (&json!([]), &json!([]), &third["offset"])
        );

        // Page by page it is the same as at once, and an offset of nowhere begins anew.
        let scans: Vec<Value> = (0..3).map(|number| look(&format!("t{number}"), &tickets[number], false)).collect();
        post(&house, MANAGE, "/doors/main/scans", json!({"scans": scans})).await;
        let whole = get(&house, MANAGE, "/doors?after=f999/5").await;
        let (mut after, mut found) = (String::new(), BTreeMap::new());
        for _ in 0..10 {
            let page = get(&house, MANAGE, &format!("/doors?limit=1&after={after}")).await;
            for looks in page["looks"].as_array().unwrap() {
                let before = found.insert(looks["ticket"].to_string(), looks.clone());
                assert_eq!(before, None, "told twice");
            }
            after = page["offset"].as_str().unwrap().to_owned();
            if page["more"] == false {
                break;
            }
        }
        let all = whole["looks"].as_array().unwrap();
        assert_eq!((found.len(), all.len(), after.as_str()), (3, 3, whole["offset"].as_str().unwrap()));
        assert!(all.iter().all(|looks| found[&looks["ticket"].to_string()] == *looks));
    });
}

/// The first message of the feed of counts.
async fn counts(house: &House) -> Value {
    let authorization = format!("Bearer {MANAGE}");
    let feed = request(Method::GET, &format!("{OFFICE}/doors/feed"), &[("authorization", &authorization)], "");
    let response = house.router.clone().oneshot(feed).await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    let mut body = response.into_body().into_data_stream();
    let text = String::from_utf8(body.next().await.unwrap().unwrap().to_vec()).unwrap();
    let data = text.strip_prefix("event: counts\ndata: ").unwrap();
    serde_json::from_str(data).unwrap()
}

/// What is counted at the door that everybody comes by.
fn main_door(counted: &Value) -> &Value {
    counted["doors"].as_array().unwrap().iter().find(|door| door["id"] == "main").unwrap()
}

/// Everything that a list tells, page by page.
async fn listed(house: &House, query: &str) -> Vec<Value> {
    let (mut rows, mut cursor) = (Vec::new(), String::new());
    for _ in 0..100 {
        let path = format!("{OFFICE}/doors/main/tickets?limit=7{query}{cursor}");
        let page = send(house, MANAGE, Method::GET, &path, Value::Null).await;
        rows.extend(page.body["data"].as_array().unwrap().iter().cloned());
        let Some(next) = page.body["next"].as_str() else { break };
        cursor = format!("&cursor={next}");
    }
    rows
}

#[test]
fn counts_are_those_of_the_list_and_a_mistake_is_taken_back_by_whoever_stands_there() {
    run(async {
        let (house, tickets) = furnished(20).await;
        let scans: Vec<Value> = (0..30u64)
            .map(|number| look(&format!("s{number}"), &tickets[mix(number) as usize % 12], number % 3 == 2))
            .collect();
        post(&house, MANAGE, "/doors/main/scans", json!({"scans": scans})).await;
        // Found by name, and let in without a code.
        let found = listed(&house, "&search=guest%2015").await;
        assert_eq!(
            (found.len(), found[0]["holder"].as_str(), found[0]["state"].as_str()),
            (1, Some("Guest 15"), Some("expected"))
        );
        assert_eq!(found[0]["email"], "guest-15@example.org");
        let by_hand = json!({"scans": [{"id": "by-hand", "ticket": found[0]["id"], "at": "2025-11-20T12:00:00Z"}]});
        let told = post(&house, MANAGE, "/doors/main/scans", by_hand).await;
        assert_eq!(outcomes(&told), ["admitted"]);

        let check = async || {
            let counted = counts(&house).await;
            let inside = listed(&house, "&state=inside").await.len();
            let outside = listed(&house, "&state=outside").await.len();
            let product = &main_door(&counted)["products"][0];
            for of in [main_door(&counted), product] {
                assert_eq!(of["inside"].as_u64(), Some(inside as u64), "{counted}");
                assert_eq!(of["admitted"].as_u64(), Some((inside + outside) as u64), "{counted}");
                assert_eq!(of["expected"], 20);
            }
            assert_eq!(listed(&house, "").await.len(), 20);
            (inside, counted)
        };
        let (inside, counted) = check().await;
        let newest = &counted["lately"][0];
        assert_eq!((newest["id"].as_str(), newest["corrected"].as_bool()), (Some("by-hand"), Some(false)));
        post(&house, MANAGE, "/doors/main/scans/by-hand/void", json!({"ticket": found[0]["id"]})).await;
        let (after, counted) = check().await;
        assert_eq!(after, inside - 1);
        let newest = &counted["lately"][0];
        assert_eq!((newest["outcome"].as_str(), newest["corrected"].as_bool()), (Some("voided"), Some(true)));
        let nothing = json!({"ticket": found[0]["id"]});
        let missing =
            send(&house, MANAGE, Method::POST, &format!("{OFFICE}/doors/main/scans/none/void"), nothing).await;
        assert_eq!((missing.status, missing.body["reason"].as_str()), (StatusCode::NOT_FOUND, Some("scan_unknown")));
        // The order's timeline tells of it.
        let path = format!("/orders/{}/history", found[0]["order"].as_str().unwrap());
        let history = get(&house, MANAGE, &path).await;
        let facts: Vec<&str> =
            history.as_array().unwrap().iter().filter_map(|told| told["fact"]["fact"].as_str()).collect();
        assert_eq!(facts[facts.len() - 2..], ["ticket_scanned", "scan_voided"], "{facts:?}");
    });
}

/// What the rules alone make of everything that fifty devices saw, told at once and in order.
fn by_the_rules(house: &House, scans: &[Scan]) -> Vec<(TicketId, Vec<(CommandId, ScanOutcome)>)> {
    let mut booking = Booking::default();
    for row in house.facts().iter().filter(|row| row.organization == acme()) {
        booking.apply(row);
    }
    let (organization, event, door) = (acme(), EventId::parse("conf").unwrap(), DoorId::parse("main").unwrap());
    for part in scans.chunks(rules::booking::doors::BATCH_MAX) {
        let wish = rules::booking::Wish::Scan { door, scans: part.to_vec() };
        for fact in booking.decide(&rules::booking::Command { organization, event, wish }, NOW).unwrap() {
            booking.apply(&records::FactRow::new(organization, NOW, fact.into()));
        }
    }
    told(booking.office(organization, event).unwrap().doors().all())
}

fn told<'a>(
    all: impl Iterator<Item = (DoorId, TicketId, &'a [rules::booking::doors::Seen])>,
) -> Vec<(TicketId, Vec<(CommandId, ScanOutcome)>)> {
    let of = |seen: &[rules::booking::doors::Seen]| seen.iter().map(|seen| (seen.scan, seen.outcome)).collect();
    let mut all: Vec<_> = all.map(|(_, ticket, seen)| (ticket, of(seen))).collect();
    all.sort_by_key(|(ticket, _)| *ticket);
    all
}

#[test]
fn fifty_devices_that_were_offline_merge_over_http_to_what_the_rules_say() {
    const DEVICES: u64 = 50;
    const SCANS_EACH: u64 = 40;
    run(async {
        let (house, tickets) = furnished(60).await;
        let mut scans = Vec::new();
        let mut batches: Vec<(u64, Value)> = Vec::new();
        for device in 0..DEVICES {
            let mut own = Vec::new();
            for number in 0..SCANS_EACH {
                let draw = |what: u64| mix(device * 1_000_000 + number * 1_000 + what);
                let ticket = &tickets[draw(1) as usize % 60];
                // Some at the very same moment, some while leaving.
                let scanned = Timestamp(NOW.0 - 3_600_000_000) + Span(draw(2) as i64 % 500 * 1_000_000);
                let id = CommandId(u128::from(draw(3)) << 64 | u128::from(draw(4)));
                let exit = draw(5) % 4 == 0;
                own.push(json!({"id": id, "text": ticket["text"], "at": scanned.to_string(), "exit": exit, "device": format!("d{device}")}));
                let ticket = ticket["id"].as_str().unwrap().parse().unwrap();
                let (gate, device) = (String::new(), format!("d{device}"));
                scans.push(Scan { scan: id, ticket, revision: 0, scanned, exit, gate, device });
            }
            // Each tells in pieces, and one of them twice: an answer was lost.
            for (piece, part) in own.chunks(13).enumerate() {
                batches.push((mix(device * 31 + piece as u64), json!({ "scans": part })));
            }
            batches.push((mix(device * 77 + 5), json!({ "scans": own[..5] })));
        }
        let expected = by_the_rules(&house, &scans);
        batches.sort_by_key(|(order, _)| *order);
        let path = format!("{OFFICE}/doors/main/scans");
        let answers = futures_util::stream::iter(batches)
            .map(|(_, batch)| send(&house, MANAGE, Method::POST, &path, batch))
            .buffer_unordered(16);
        let answers: Vec<Answer> = answers.collect().await;
        assert!(answers.iter().all(|answer| answer.status == StatusCode::OK), "{answers:?}");
        let merged = house.api.booking.ask(acme(), EventId::parse("conf").unwrap(), |office| {
            assert_eq!(office.audit(), Vec::<String>::new());
            told(office.doors().all())
        });
        assert_eq!(merged.unwrap(), expected);
        // Devices are told the same as what stands.
        let sync = get(&house, MANAGE, "/doors").await;
        let synced: usize =
            sync["looks"].as_array().unwrap().iter().map(|looks| looks["seen"].as_array().unwrap().len()).sum();
        assert_eq!(synced as u64, DEVICES * SCANS_EACH);
        let counted = counts(&house).await;
        assert_eq!(main_door(&counted)["inside"].as_u64(), Some(listed(&house, "&state=inside").await.len() as u64));
    });
}
