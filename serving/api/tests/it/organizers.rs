//! What organizers do with a box office: change it beside each other, find one of many orders, see who waits and why.

use std::time::Instant;

use axum::http::{Method, StatusCode};
use collect::Who;
use desk::Place;
use eventlog::{Offset, PartitionId};
use records::booking::{BookingFact, Entry, Position, Provider};
use records::seal::Sealed;
use records::{
    Blob, Currency, EventId, FactRow, HoldId, ItemId, OrderId, PlaceId, PromoId, Span, TicketId, Timestamp, Token,
};
use serde_json::{Value, json};

use crate::booking::{OFFICE, SHOP, buy, buyer, cart, data, furnished, send};
use crate::house::{Answer, House, NOW, acme, request, run};

const MANAGE: &str = "Bearer a-key-that-manages";

async fn put(house: &House, path: &str, condition: (&str, &str), body: Value) -> Answer {
    let headers = [("content-type", "application/json"), ("authorization", MANAGE), condition];
    house.send(request(Method::PUT, &format!("{OFFICE}{path}"), &headers, body.to_string())).await
}

async fn get(house: &House, path: &str) -> Value {
    data(send(house, Method::GET, &format!("{OFFICE}{path}"), "", Value::Null).await, StatusCode::OK)
}

#[test]
fn of_two_who_change_the_same_thing_the_second_learns_of_the_first() {
    run(async {
        let house = furnished().await;
        for (path, mine, theirs) in [
            ("/sales", json!({"order_max": 3}), json!({"order_max": 4})),
            (
                "/quotas/hall",
                json!({"title": "A", "size": 9, "products": []}),
                json!({"title": "B", "size": 8, "products": []}),
            ),
            ("/doors/main", json!({"title": "A"}), json!({"title": "B"})),
            (
                "/group-discounts",
                json!([{"title": "A", "at_least": 2, "off": 1_000}]),
                json!([{"title": "B", "at_least": 3, "off": 1_000}]),
            ),
        ] {
            let read = send(&house, Method::GET, &format!("{OFFICE}{path}"), "", Value::Null).await;
            let tag = read.headers["etag"].to_str().unwrap().to_owned();
            let first = put(&house, path, ("if-match", &tag), theirs.clone()).await;
            assert_eq!(first.status, StatusCode::OK, "{path}: {:?}", first.body);
            let second = put(&house, path, ("if-match", &tag), mine.clone()).await;
            assert_eq!(second.status, StatusCode::PRECONDITION_FAILED, "{path}: {:?}", second.body);
            assert_eq!(second.body["code"], "changed");
            // Having read it again, or saying nothing of what was seen, it is done.
            let read = send(&house, Method::GET, &format!("{OFFICE}{path}"), "", Value::Null).await;
            let tag = read.headers["etag"].to_str().unwrap().to_owned();
            assert_eq!(put(&house, path, ("if-match", &tag), mine).await.status, StatusCode::OK, "{path}");
            assert_eq!(put(&house, path, ("x-none", ""), theirs).await.status, StatusCode::OK, "{path}");
        }
        let fresh = put(&house, "/quotas/hall", ("if-none-match", "*"), json!({"title": "A", "products": []})).await;
        assert_eq!(fresh.status, StatusCode::PRECONDITION_FAILED, "it is there already");
        let other = put(&house, "/quotas/other", ("if-none-match", "*"), json!({"title": "A", "products": []})).await;
        assert_eq!(other.status, StatusCode::OK);
    });
}

#[test]
fn what_waits_for_somebody_is_counted_and_a_cancellation_may_pay_back_at_once() {
    run(async {
        let house = furnished().await;
        let order = buy(&house, "ann").await;
        let id = order["id"].as_str().unwrap();
        let summary = get(&house, "/summary").await;
        assert_eq!((summary["orders"]["confirmed"].as_u64(), summary["credits"].as_u64()), (Some(1), Some(0)));
        let (cancellation, body) = (format!("{OFFICE}/orders/{id}/cancellation"), json!({"why": "buyer"}));
        data(send(&house, Method::POST, &cancellation, "", body).await, StatusCode::OK);
        let summary = get(&house, "/summary").await;
        assert_eq!((summary["orders"]["cancelled"].as_u64(), summary["credits"].as_u64()), (Some(1), Some(1)));
        // The same again, with its money this time; and again, which changes nothing.
        for _ in 0..2 {
            let body = json!({"why": "buyer", "refund": true});
            let done = data(send(&house, Method::POST, &cancellation, "wish-2", body).await, StatusCode::OK);
            assert_eq!((done["credit"].as_i64(), done["refunds"].as_array().unwrap().len()), (Some(0), 1));
        }
        let refunds = get(&house, "/refunds?status=started").await;
        assert_eq!((refunds[0]["order"].as_str(), refunds[0]["amount"].as_i64()), (Some(id), Some(11_900)));
        assert_eq!(get(&house, "/refunds?status=settled").await, json!([]));
        house.api.book_chores().await;
        assert_eq!(get(&house, "/refunds?status=started").await, json!([]));
        assert_eq!(get(&house, "/refunds?status=settled").await[0]["order"].as_str(), Some(id));

        let order = buy(&house, "bea").await;
        let ticket = &order["tickets"][0];
        let id = order["id"].as_str().unwrap();
        let path = format!("{OFFICE}/orders/{id}/tickets/{}/reissue", ticket["id"].as_str().unwrap());
        let again = data(send(&house, Method::POST, &path, "", json!({"revision": 0})).await, StatusCode::OK);
        assert_eq!(again["tickets"][0]["revision"].as_u64(), Some(1));
        let scans = format!("{OFFICE}/doors/main/scans");
        let look = json!({"scans": [{"id": "s1", "text": ticket["text"], "at": "2025-11-20T12:00:00Z"}]});
        let old = data(send(&house, Method::POST, &scans, "", look).await, StatusCode::OK);
        assert_eq!(old["results"][0]["outcome"], "replaced");
        let history = get(&house, &format!("/orders/{id}/history")).await;
        let facts: Vec<&str> =
            history.as_array().unwrap().iter().map(|told| told["fact"]["fact"].as_str().unwrap()).collect();
        assert!(facts.ends_with(&["ticket_reissued", "ticket_scanned"]), "{facts:?}");
        assert_eq!(history.as_array().unwrap().last().unwrap()["who"], "key shop");

        let paid = get(&house, "/payable").await;
        assert_eq!((paid[0]["provider"].as_str(), paid[0]["amount"].as_i64()), (Some("test"), Some(11_305)));
        let wish = json!({"provider": "test", "currency": "EUR"});
        data(send(&house, Method::POST, &format!("{OFFICE}/payouts"), "", wish).await, StatusCode::CREATED);
        let payouts = get(&house, "/payouts").await;
        assert_eq!((payouts[0]["amount"].as_i64(), payouts[0]["commission"].as_i64()), (Some(11_305), Some(595)));
    });
}

#[test]
fn whoever_waits_is_told_apart_by_why() {
    run(async {
        let house = furnished().await;
        let hold = send(&house, Method::POST, &format!("{SHOP}/holds"), "", cart(2)).await;
        let hold = data(hold, StatusCode::CREATED);
        for (name, party) in [("ann", 2), ("bea", 1)] {
            let wish = json!({"product": "pass", "party": party, "currency": "EUR", "contact": buyer(name)});
            let answer = send(&house, Method::POST, &format!("{SHOP}/waitlist"), "", wish).await;
            data(answer, StatusCode::CREATED);
        }
        let whys = async || {
            let list = get(&house, "/waitlist").await;
            let why = |row: &Value| (row["contact"]["name"].clone(), row["why"].clone(), row["count"].clone());
            list.as_array().unwrap().iter().map(why).collect::<Vec<_>>()
        };
        let expected = [(json!("ann"), json!("too_few"), json!(0)), (json!("bea"), json!("behind"), json!(1))];
        assert_eq!(whys().await, expected);
        data(send(&house, Method::PUT, &format!("{OFFICE}/sales"), "", json!({"open": false})).await, StatusCode::OK);
        let expected = [(json!("ann"), json!("closed"), Value::Null), (json!("bea"), json!("closed"), Value::Null)];
        assert_eq!(whys().await, expected);
        let first = get(&house, "/waitlist?limit=1").await;
        let wait = first[0]["id"].as_str().unwrap();
        let gone = send(&house, Method::DELETE, &format!("{OFFICE}/waitlist/{wait}"), "", Value::Null).await;
        assert_eq!(gone.status, StatusCode::NO_CONTENT);
        assert_eq!(whys().await.len(), 1);
        let back = format!("{SHOP}/holds/{}", hold["id"].as_str().unwrap());
        send(&house, Method::DELETE, &back, "", Value::Null).await;
        data(send(&house, Method::PUT, &format!("{OFFICE}/sales"), "", json!({"open": true})).await, StatusCode::OK);
    });
}

/// Orders that the list is made for.
const MANY: u32 = 100_000;
/// Distinct buyers of them.
const BUYERS: u32 = 1_000;

/// Tells the read model of many orders of the event `big`; every tenth one is confirmed.
fn fill(house: &House) {
    let event = EventId::parse("big").unwrap();
    let people: Vec<(u64, Token, Blob)> = (0..BUYERS)
        .map(|number| {
            let person = house.subjects.resolve(acme(), Who::User(&format!("buyer-{number}@example.org")));
            let personal = [
                ("email".to_owned(), format!("buyer-{number}@example.org")),
                ("name".to_owned(), format!("Buyer Number {number}x")),
            ];
            let sealed = Sealed { personal: personal.into(), ..Sealed::default() };
            (person.subject, person.token, Blob(house.subjects.seal(acme(), &person, &sealed)))
        })
        .collect();
    let positions = vec![Position { product: ItemId(1), price: 100, ..Position::default() }];
    let currency = Currency::EUR;
    for number in 0..MANY {
        let at = Timestamp(NOW.0 + i64::from(number) * 1_000);
        let tell = |fact: BookingFact| {
            let place = Place { partition: PartitionId(0), first: Offset(u64::from(number)), log_time: at };
            house.api.booking.apply(place, &FactRow::new(acme(), at, fact.into()));
        };
        let (hold, order) = (HoldId(u128::from(number) + 1), OrderId(u128::from(number) + (0x0193_480f << 96)));
        let until = at.saturating_add(Span::from_seconds(900));
        let (person, place, promo) = (Token::NONE, PlaceId::NONE, PromoId::NONE);
        let kept = positions.clone();
        tell(BookingFact::HoldPlaced { event, hold, person, currency, positions: kept, promo, place, until, asked: 0 });
        let (subject, person, sealed) = people[(number % BUYERS) as usize].clone();
        let (provider, total, due, review) = (Provider::Transfer, 100, until, None);
        tell(BookingFact::OrderPlaced {
            event,
            order,
            hold,
            subject,
            person,
            sealed,
            provider,
            total,
            currency,
            due,
            review,
            asked: 0,
        });
        if number % 10 == 0 {
            let (tickets, entry) = (vec![TicketId(u128::from(number) + 1)], Entry::none(currency));
            tell(BookingFact::OrderConfirmed { event, order, tickets, entry });
        }
    }
}

#[test]
fn among_a_hundred_thousand_orders_one_is_found_at_once() {
    run(async {
        let house = furnished().await;
        let filled = Instant::now();
        fill(&house);
        println!("{MANY} orders told in {} ms", filled.elapsed().as_millis());
        let list = async |query: &str| {
            let path = format!("/v1/organizations/acme/events/big/box-office/orders?{query}");
            let asked = Instant::now();
            let answer = send(&house, Method::GET, &path, "", Value::Null).await;
            assert_eq!(answer.status, StatusCode::OK, "{:?}", answer.body);
            println!("{query:.60}: {:.1} ms", asked.elapsed().as_secs_f64() * 1_000.0);
            answer.body
        };
        let count = |page: &Value| page["data"].as_array().unwrap().len();
        let next = |page: &Value| page["next"].as_str().map(str::to_owned);
        let newest = list("limit=200").await;
        assert_eq!((count(&newest), newest["data"][0]["buyer"]["name"].as_str()), (200, Some("Buyer Number 999x")));
        let second = list(&format!("limit=200&cursor={}", next(&newest).unwrap())).await;
        assert_eq!(second["data"][0]["buyer"]["name"], "Buyer Number 799x");
        let confirmed = list("status=confirmed&limit=50").await;
        assert!(confirmed["data"].as_array().unwrap().iter().all(|row| row["status"] == "confirmed"));
        let id = newest["data"][7]["id"].as_str().unwrap().to_owned();
        for search in [id.clone(), id.replace('-', ""), format!("%23{}", &id[id.len() - 8..])] {
            let found = list(&format!("search={search}")).await;
            assert_eq!((count(&found), found["data"][0]["id"].as_str()), (1, Some(&*id)), "{search}");
        }
        let found = list("search=buyer-17@example.org&limit=200").await;
        assert_eq!((count(&found), next(&found)), (100, None), "each buyer has a hundred");
        assert_eq!(count(&list("search=buyer-17@example.org&status=confirmed").await), 0);
        assert_eq!(count(&list("search=nobody@example.org").await), 0);
        // A name is looked for from the newest on; what was looked through is not looked through again.
        let (mut found, mut cursor, mut asked) = (0, String::new(), 0);
        loop {
            let page = list(&format!("search=number+17x&limit=200{cursor}")).await;
            found += count(&page);
            asked += 1;
            match next(&page) {
                Some(next) => cursor = format!("&cursor={next}"),
                None => break,
            }
        }
        assert_eq!((found, asked), (100, 6));
        let summary =
            send(&house, Method::GET, "/v1/organizations/acme/events/big/box-office/summary", "", Value::Null);
        let summary = data(summary.await, StatusCode::OK);
        assert_eq!(
            (summary["orders"]["confirmed"].as_u64(), summary["orders"]["pending"].as_u64()),
            (Some(u64::from(MANY / 10)), Some(u64::from(MANY - MANY / 10)))
        );
    });
}
