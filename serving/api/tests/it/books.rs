//! Books from outside: what was bought is invoiced, what is cancelled is credited, and buyers are written to.

use api::books::letters::{BuyerLetter, Occasion, Outcome};
use axum::http::{Method, StatusCode};
use axum::response::Response;
use http_body_util::BodyExt as _;
use records::{Fact, Span, Zone};
use rules::office::{Command, Wish};
use serde_json::{Value, json};
use tower::ServiceExt as _;

use crate::booking::{OFFICE, SHOP, buy, buyer, cart, data, furnished, send, show};
use crate::house::{House, acme, request, run};

const OWN: &str = "/v1/organizations/acme";

async fn named(house: &House) {
    let registered = Fact::OrganizationRegistered { name: "Acme".into(), zone: Zone::parse("Europe/Berlin").unwrap() };
    let command =
        Command { organization: acme(), event: records::EventId::NONE, wishes: vec![Wish::Stand(registered)] };
    (house.api.desk)(None, command.into()).unwrap().await.unwrap();
}

async fn get(house: &House, path: &str) -> Value {
    data(send(house, Method::GET, path, "", Value::Null).await, StatusCode::OK)
}

/// A document as it came, with its media type.
pub(crate) async fn document(house: &House, path: &str, secret: &str) -> Vec<u8> {
    let headers = [("authorization", "Bearer a-key-that-manages"), ("order-secret", secret)];
    let headers = if path.starts_with("/v1/organizations") { &headers[..1] } else { &headers[1..] };
    let answer: Response = house.router.clone().oneshot(request(Method::GET, path, headers, "")).await.unwrap();
    assert_eq!(
        (answer.status(), &answer.headers()["content-type"]),
        (StatusCode::OK, &"application/pdf".parse().unwrap())
    );
    let bytes = answer.into_body().collect().await.unwrap().to_bytes().to_vec();
    assert!(bytes.starts_with(b"%PDF-"));
    bytes
}

#[test]
fn what_was_bought_is_invoiced_and_what_is_cancelled_is_credited_once() {
    run(async {
        let house = furnished().await;
        named(&house).await;
        let invoicing = json!({"address": "Straße 1\n12345 Ort", "tax_id": "DE123", "invoice_prefix": "R-{year}-"});
        data(send(&house, Method::PUT, &format!("{OWN}/invoicing"), "", invoicing).await, StatusCode::OK);
        let wrong = send(&house, Method::PUT, &format!("{OWN}/invoicing"), "", json!({"year_begins": 13})).await;
        assert_eq!(
            (wrong.status, wrong.body["fields"][0]["field"].as_str()),
            (StatusCode::BAD_REQUEST, Some("year_begins"))
        );

        let order = buy(&house, "ann").await;
        let (id, secret) = (order["id"].as_str().unwrap(), order["secret"].as_str().unwrap());
        house.api.write_books().await;
        house.api.write_books().await;
        let invoices = get(&house, &format!("{OWN}/invoices")).await;
        assert_eq!(invoices.as_array().unwrap().len(), 1, "{invoices}");
        assert_eq!(
            (invoices[0]["number"].as_str(), invoices[0]["gross"].as_i64()),
            (Some("R-2025-000001"), Some(11_900))
        );
        let whole = get(&house, &format!("{OWN}/invoices/R-2025-000001")).await;
        assert_eq!((whole["issuer"]["name"].as_str(), whole["buyer"]["name"].as_str()), (Some("Acme"), Some("ann")));
        assert_eq!(whole["taxes"], json!([{"rate": 1_900, "net": 10_000, "tax": 1_900}]));
        assert_eq!((whole["about"].as_str(), whole["lines"][0]["title"].as_str()), (Some("Conf"), Some("Pass")));

        data(
            send(&house, Method::POST, &format!("{OFFICE}/orders/{id}/cancellation"), "", json!({"why": "buyer"}))
                .await,
            StatusCode::OK,
        );
        house.api.write_books().await;
        let own = format!("{SHOP}/orders/{id}/invoices");
        let papers = data(show(&house, Method::GET, &own, ("", secret), Value::Null).await, StatusCode::OK);
        assert_eq!(
            (papers.as_array().unwrap().len(), papers[1]["corrects"].as_str()),
            (2, Some("R-2025-000001")),
            "{papers}"
        );
        assert_eq!(
            (papers[1]["number"].as_str(), papers[1]["kind"].as_str()),
            (Some("CN-2025-000001"), Some("credit_note"))
        );
        let stranger = show(&house, Method::GET, &own, ("", "wrong"), Value::Null).await;
        assert_eq!(stranger.status, StatusCode::NOT_FOUND);
        let other = send(&house, Method::GET, &format!("{OWN}/invoices/R-2025-000002"), "", Value::Null).await;
        assert_eq!(other.status, StatusCode::NOT_FOUND);

        // The same facts, the same bytes; for the organization and for the buyer.
        let bytes = document(&house, &format!("{OWN}/invoices/R-2025-000001/pdf"), "").await;
        assert_eq!(bytes, document(&house, &format!("{own}/R-2025-000001/pdf"), secret).await);
        // The person is forgotten; the turnover is not.
        let log = format!("{:?}", house.facts());
        assert!(!log.contains("ann@") && !log.contains("Some(\"ann\")"));
        house.subjects.erase(acme(), "ann@example.org").unwrap().unwrap();
        let whole = get(&house, &format!("{OWN}/invoices/R-2025-000001")).await;
        assert_eq!((whole["buyer"]["name"].as_str(), whole["gross"].as_i64()), (Some(""), Some(11_900)));
        assert_ne!(bytes, document(&house, &format!("{OWN}/invoices/R-2025-000001/pdf"), "").await);
    });
}

#[test]
fn what_costs_nothing_is_not_invoiced() {
    run(async {
        let house = furnished().await;
        let tiers = json!([{"title": "Free", "prices": [{"minor": 0, "currency": "EUR"}]}]);
        let put = json!({"title": "Pass", "tiers": tiers});
        data(send(&house, Method::PUT, &format!("{OFFICE}/products/pass"), "", put).await, StatusCode::OK);
        let hold = data(send(&house, Method::POST, &format!("{SHOP}/holds"), "", cart(1)).await, StatusCode::CREATED);
        let wish = json!({"hold": hold["id"], "buyer": buyer("ann"), "provider": "test"});
        let order = data(send(&house, Method::POST, &format!("{SHOP}/orders"), "", wish).await, StatusCode::CREATED);
        assert_eq!(order["status"], "confirmed");
        house.api.write_books().await;
        assert_eq!(get(&house, &format!("{OWN}/invoices")).await, json!([]));
        let letters = letters(&house).await;
        assert_eq!(letters.iter().map(|letter| letter.occasion).collect::<Vec<_>>(), [Occasion::Confirmed]);
    });
}

#[test]
fn statements_come_to_the_ledger_and_are_the_same_as_data_lines_and_document() {
    run(async {
        let house = furnished().await;
        named(&house).await;
        buy(&house, "ann").await;
        data(
            send(
                &house,
                Method::POST,
                &format!("{OFFICE}/payouts"),
                "",
                json!({"provider": "test", "currency": "EUR"}),
            )
            .await,
            StatusCode::CREATED,
        );
        let statement = get(&house, &format!("{OWN}/statements")).await;
        let ledger = get(&house, &format!("{OFFICE}/ledger")).await;
        for balance in ledger.as_array().unwrap() {
            let same =
                |told: &&Value| (&told["account"], &told["currency"]) == (&balance["account"], &balance["currency"]);
            let told = statement["accounts"].as_array().unwrap().iter().find(same).unwrap();
            assert_eq!(told["closing"], balance["balance"]);
        }
        assert_eq!(
            (statement["payouts"][0]["amount"].as_i64(), statement["payouts"][0]["commission"].as_i64()),
            (Some(11_305), Some(595))
        );
        assert_eq!(statement["zone"], "Europe/Berlin");
        let earlier = get(&house, &format!("{OWN}/statements?until=2025-11-20")).await;
        assert_eq!(earlier["accounts"], json!([]));
        let csv = send(&house, Method::GET, &format!("{OWN}/statements.csv?event=conf"), "", Value::Null).await;
        let text = csv.body.as_str().unwrap().to_owned();
        let mut sums = 0;
        for line in text.lines().skip(1).map(|line| line.split(',').collect::<Vec<_>>()) {
            assert_eq!(line.len(), 5, "{text}");
            sums += if line[2] == "closing" { line[4].parse::<i64>().unwrap() } else { 0 };
        }
        assert_eq!(sums, 0, "{text}");
        assert!(text.contains("EUR,provider.test,payment,conf,11900"), "{text}");
        document(&house, &format!("{OWN}/statements.pdf"), "").await;
        let wrong =
            send(&house, Method::GET, &format!("{OWN}/statements?from=2025-11-20&until=2025-11-20"), "", Value::Null)
                .await;
        assert_eq!(wrong.status, StatusCode::BAD_REQUEST);
    });
}

/// Every letter that is due, which is then told to be sent.
async fn letters(house: &House) -> Vec<BuyerLetter> {
    let mut sent = Vec::new();
    for waiting in house.api.letters(100) {
        let why = match house.api.letter(&waiting).await {
            Outcome::Send(letter) => {
                sent.push(*letter);
                None
            }
            Outcome::Later => continue,
            Outcome::Never(why) => Some(why.to_owned()),
        };
        house.api.letters_settled(waiting.organization, vec![(waiting.id, why)]).await.unwrap();
    }
    sent
}

#[test]
fn buyers_are_written_to_once_with_their_tickets_and_papers() {
    run(async {
        let house = furnished().await;
        named(&house).await;
        let order = buy(&house, "ann").await;
        assert_eq!(letters(&house).await.len(), 0, "the invoice goes with it");
        house.api.write_books().await;
        let [letter] = letters(&house).await.try_into().unwrap();
        assert_eq!((letter.occasion, letter.to.email.as_str()), (Occasion::Confirmed, "ann@example.org"));
        assert_eq!((letter.facts.amount.as_str(), letter.facts.organization.as_str()), ("119.00 EUR", "Acme"));
        let secret = order["secret"].as_str().unwrap();
        assert!(
            letter.link.ends_with(&format!("/shop/acme/conf/orders/{}#secret={secret}", order["id"].as_str().unwrap()))
        );
        let names: Vec<&str> =
            letter.attachments.iter().map(|attached| attached.name.split('-').next().unwrap()).collect();
        assert_eq!(names, ["INV", "ticket", "event.ics"]);
        assert_eq!(letters(&house).await.len(), 0, "once");

        // Passed on: both hear of it, and only the new holder has the new ticket.
        let ticket = order["tickets"][0]["id"].as_str().unwrap();
        let path = format!("{SHOP}/orders/{}/tickets/{ticket}", order["id"].as_str().unwrap());
        let old = document(&house, &format!("{path}/pdf"), secret).await;
        assert!(letter.attachments.iter().any(|attached| attached.bytes == old), "the mail has the same ticket");
        let transfer = json!({"revision": 0, "holder": buyer("bea")});
        data(show(&house, Method::POST, &format!("{path}/transfer"), ("", secret), transfer).await, StatusCode::OK);
        let [given, got] = letters(&house).await.try_into().unwrap();
        assert_eq!(
            (given.occasion, given.to.name.as_str(), given.attachments.len()),
            (Occasion::TicketGiven, "ann", 0)
        );
        assert_eq!(
            (got.occasion, got.to.name.as_str(), got.attachments[0].name.as_str()),
            (Occasion::TicketGot, "bea", "ticket.pdf")
        );
        assert!(!got.link.contains("secret"), "the order is not theirs");
        let gone = show(&house, Method::GET, &format!("{path}/pdf"), ("", secret), Value::Null).await;
        assert_eq!(gone.status, StatusCode::NOT_FOUND);

        // Cancelled and paid back: two words, and the credit note with the first.
        let office = format!("{OFFICE}/orders/{}", order["id"].as_str().unwrap());
        data(
            send(&house, Method::POST, &format!("{office}/cancellation"), "", json!({"why": "organizer"})).await,
            StatusCode::OK,
        );
        data(send(&house, Method::POST, &format!("{office}/refunds"), "", json!({})).await, StatusCode::OK);
        house.api.write_books().await;
        let [ended, back] = letters(&house).await.try_into().unwrap();
        assert_eq!((ended.occasion, ended.attachments.len()), (Occasion::Cancelled, 1));
        assert_eq!((back.occasion, back.facts.amount.as_str()), (Occasion::Refunded, "119.00 EUR"));
        let log = format!("{:?}", house.facts());
        assert!(!log.contains("example.org"), "no address lies open in the log");
    });
}

#[test]
fn who_can_pay_at_once_is_left_in_peace_for_a_while_and_who_transfers_is_told_how() {
    run(async {
        let house = furnished().await;
        let bank = json!({"bank": "IBAN DE00"});
        data(send(&house, Method::PUT, &format!("{OWN}/invoicing"), "", bank).await, StatusCode::OK);
        let place = async |provider: &str, name: &str, language: &str| {
            let hold =
                data(send(&house, Method::POST, &format!("{SHOP}/holds"), "", cart(1)).await, StatusCode::CREATED);
            let mut buyer = buyer(name);
            buyer["language"] = language.into();
            let wish = json!({"hold": hold["id"], "buyer": buyer, "provider": provider});
            data(send(&house, Method::POST, &format!("{SHOP}/orders"), "", wish).await, StatusCode::CREATED)
        };
        place("transfer", "ann", "de").await;
        place("test", "bea", "").await;
        let [told] = letters(&house).await.try_into().unwrap();
        assert_eq!(
            (told.occasion, told.facts.bank.as_str(), told.language.as_str()),
            (Occasion::TransferAwaited, "IBAN DE00", "de")
        );
        assert!(told.facts.until.starts_with("2025-11-27"), "{:?}", told.facts);
        house.clock.set(records::Timestamp(house.api.clock.now().0).saturating_add(Span::from_seconds(121)));
        let [told] = letters(&house).await.try_into().unwrap();
        assert_eq!((told.occasion, told.to.name.as_str()), (Occasion::Placed, "bea"));
        // Nobody pays: both are told that it is over, once each.
        house.clock.set(house.api.clock.now().saturating_add(Span::from_seconds(8 * 86_400)));
        data(
            send(&house, Method::PUT, &format!("{OFFICE}/doors/late"), "", json!({"title": "x"})).await,
            StatusCode::OK,
        );
        assert_eq!(letters(&house).await.len(), 0, "after an outage everything lasts longer");
        house.clock.set(house.api.clock.now().saturating_add(Span::from_seconds(14)));
        for _ in 0..130 {
            house.clock.set(house.api.clock.now().saturating_add(Span::from_seconds(14)));
            data(
                send(&house, Method::PUT, &format!("{OFFICE}/doors/late"), "", json!({"title": "x"})).await,
                StatusCode::OK,
            );
        }
        let ended = letters(&house).await;
        assert_eq!(ended.iter().map(|letter| letter.occasion).collect::<Vec<_>>(), [Occasion::Expired]);
    });
}

#[test]
fn whoever_waits_is_offered_what_comes_free_and_can_take_it() {
    run(async {
        let house = furnished().await;
        let (one, _) = (buy(&house, "ann").await, buy(&house, "bea").await);
        let entry = json!({"product": "pass", "party": 1, "currency": "EUR", "contact": buyer("cem")});
        let wait = data(send(&house, Method::POST, &format!("{SHOP}/waitlist"), "", entry).await, StatusCode::CREATED);
        let path = format!("{SHOP}/waitlist/{}", wait["id"].as_str().unwrap());
        let waits = get(&house, &path).await;
        assert_eq!((waits["standing"].as_str(), waits["before"].as_u64()), (Some("waits"), Some(0)));
        let cancel = format!("{OFFICE}/orders/{}/cancellation", one["id"].as_str().unwrap());
        data(send(&house, Method::POST, &cancel, "", json!({"why": "buyer"})).await, StatusCode::OK);
        // What is due comes with the next decision.
        data(
            send(&house, Method::PUT, &format!("{OFFICE}/doors/other"), "", json!({"title": "x"})).await,
            StatusCode::OK,
        );
        let offered = get(&house, &path).await;
        assert_eq!(offered["standing"], "offered", "{offered}");
        house.api.write_books().await;
        let sent = letters(&house).await;
        let letter = sent.iter().find(|letter| letter.occasion == Occasion::Offered).unwrap();
        assert_eq!((letter.to.name.as_str(), letter.facts.product.as_str()), ("cem", "Pass"));
        assert!(letter.link.ends_with(&format!("/shop/acme/conf#wait={}", wait["id"].as_str().unwrap())));
        let wish = json!({"hold": offered["hold"], "buyer": buyer("cem"), "provider": "test"});
        data(send(&house, Method::POST, &format!("{SHOP}/orders"), "", wish).await, StatusCode::CREATED);
        assert_eq!(get(&house, &path).await["standing"], "over");
    });
}

#[test]
fn a_lost_link_is_mailed_again_and_nobody_learns_who_is_known() {
    run(async {
        let house = furnished().await;
        buy(&house, "ann").await;
        house.api.write_books().await;
        assert_eq!(letters(&house).await.len(), 1);
        for email in ["ann@example.org", "nobody@example.org", "ann@example.org"] {
            let asked = send(&house, Method::POST, &format!("{SHOP}/order-links"), "", json!({"email": email})).await;
            assert_eq!((asked.status, asked.body), (StatusCode::NO_CONTENT, Value::from("")));
        }
        let [again] = letters(&house).await.try_into().unwrap();
        assert_eq!((again.occasion, again.attachments.len()), (Occasion::Confirmed, 3));
        house.clock.set(house.api.clock.now().saturating_add(Span::from_seconds(601)));
        let order = get(&house, &format!("{OFFICE}/orders")).await[0]["id"].as_str().unwrap().to_owned();
        let path = format!("{OFFICE}/orders/{order}/letters");
        assert_eq!(send(&house, Method::POST, &path, "", Value::Null).await.status, StatusCode::NO_CONTENT);
        assert_eq!(letters(&house).await.len(), 1);
    });
}

/// The event's own facts, as an organizer sets them.
async fn schedule(house: &House, starts: &str, ends: &str) {
    let event = records::EventId::parse("conf").unwrap();
    let time = |text: &str| records::Timestamp::parse(text).unwrap();
    let zone = Zone::parse("Europe/Berlin").unwrap();
    let fact = Fact::EventScheduled { event, title: "Conf".into(), zone, starts: time(starts), ends: time(ends) };
    let command = Command { organization: acme(), event, wishes: vec![Wish::Stand(fact)] };
    (house.api.desk)(None, command.into()).unwrap().await.unwrap();
}

async fn told(house: &House, method: Method, path: &str, body: Value) {
    data(send(house, method, path, "", body).await, StatusCode::OK);
}

fn calm(house: &House) {
    house.clock.set(house.api.clock.now().saturating_add(Span::from_seconds(31)));
}

fn ics(letter: &BuyerLetter) -> String {
    let file = letter.attachments.iter().find(|file| file.name == "event.ics").unwrap();
    let text = String::from_utf8(file.bytes.clone()).unwrap();
    let method = text.split("METHOD:").nth(1).unwrap().lines().next().unwrap();
    assert!(file.media.ends_with(&format!("method={method}")), "{}", file.media);
    text
}

/// What a property of a calendar says.
fn line(text: &str, name: &str) -> String {
    let whole = text.replace("\r\n ", "");
    let found = whole.lines().find_map(|line| line.strip_prefix(name));
    found.unwrap_or_else(|| panic!("{name}: {text}")).to_owned()
}

const PROGRAMME: &str = "/v1/organizations/acme/events/conf/programme";

#[test]
fn whoever_has_a_ticket_hears_once_that_an_event_moved_and_once_that_it_is_off() {
    run(async {
        let house = furnished().await;
        named(&house).await;
        schedule(&house, "2026-03-28T08:00:00Z", "2026-03-28T16:00:00Z").await;
        told(&house, Method::PUT, &format!("{PROGRAMME}/page"), json!({"venue": "Town Hall"})).await;
        // Two orders, and one ticket that was passed on: its order has none of its own any more.
        let ann = buy(&house, "ann").await;
        let bea = buy(&house, "bea").await;
        let ticket = bea["tickets"][0]["id"].as_str().unwrap();
        let transfer = json!({"revision": 0, "holder": buyer("cem")});
        let path = format!("{SHOP}/orders/{}/tickets/{ticket}/transfer", bea["id"].as_str().unwrap());
        data(show(&house, Method::POST, &path, ("", bea["secret"].as_str().unwrap()), transfer).await, StatusCode::OK);
        house.api.write_books().await;
        let first = letters(&house).await;
        let added = first.iter().find(|letter| letter.occasion == Occasion::Confirmed).unwrap();
        let added = ics(added);
        assert_eq!(line(&added, "METHOD:"), "PUBLISH");
        assert_eq!(line(&added, "DTSTART;TZID=Europe/Berlin:"), "20260328T090000");

        // What is set and set back within the calm is nothing to write about, and neither is another title.
        schedule(&house, "2026-03-29T08:00:00Z", "2026-03-29T16:00:00Z").await;
        schedule(&house, "2026-03-28T08:00:00Z", "2026-03-28T16:00:00Z").await;
        assert_eq!(letters(&house).await.len(), 0);
        calm(&house);
        assert_eq!(letters(&house).await.len(), 0);

        // Moved across the change of clocks, and to another place: one letter for each reader.
        schedule(&house, "2026-03-29T07:00:00Z", "2026-03-29T15:00:00Z").await;
        told(&house, Method::PUT, &format!("{PROGRAMME}/page"), json!({"venue": "Old Mill"})).await;
        assert_eq!(letters(&house).await.len(), 0, "not before it is calm");
        calm(&house);
        let mut moved = letters(&house).await;
        moved.sort_by(|one, other| one.to.name.cmp(&other.to.name));
        let names: Vec<&str> = moved.iter().map(|letter| letter.to.name.as_str()).collect();
        assert_eq!(names, ["ann", "cem"], "{moved:?}");
        for letter in &moved {
            assert_eq!((letter.occasion, letter.facts.amount.as_str()), (Occasion::Changed, ""));
            assert_eq!(letter.facts.place, ("Old Mill".to_owned(), "Town Hall".to_owned()));
            assert!(
                letter.facts.when.0.starts_with("2026-03-29 09:00")
                    && letter.facts.when.1.starts_with("2026-03-28 09:00")
            );
            assert!(!letter.link.contains("secret"));
            let file = ics(letter);
            assert_eq!((line(&file, "METHOD:").as_str(), line(&file, "UID:")), ("PUBLISH", line(&added, "UID:")));
            assert_eq!(line(&file, "DTSTART;TZID=Europe/Berlin:"), "20260329T090000");
            let sequence = |text: &str| line(text, "SEQUENCE:").parse::<u32>().unwrap();
            assert!(sequence(&file) > sequence(&added), "{file}");
            assert!(
                line(&file, "ORGANIZER;CN=\"Acme\":").ends_with("/e/acme/conf") && file.contains("BEGIN:VTIMEZONE")
            );
        }
        assert_eq!(letters(&house).await.len(), 0, "once");

        // Called off: what becomes of money is told to whoever has paid, and nothing goes back by itself.
        let policy = json!({"refunds": {"until": "2026-03-01T00:00:00Z"}});
        told(&house, Method::PUT, &format!("{OFFICE}/sales"), policy).await;
        told(&house, Method::PUT, &format!("{PROGRAMME}/status"), json!({"status": "called_off", "reason": "A storm"}))
            .await;
        calm(&house);
        let mut off = letters(&house).await;
        off.sort_by(|one, other| one.to.name.cmp(&other.to.name));
        assert_eq!(
            off.iter().map(|letter| letter.occasion).collect::<Vec<_>>(),
            [Occasion::CalledOffAsk, Occasion::CalledOff]
        );
        assert_eq!((off[0].facts.amount.as_str(), off[0].facts.reason.as_str()), ("119.00 EUR", "A storm"));
        assert!(off[0].link.contains(ann["id"].as_str().unwrap()) && off[1].link.ends_with("/e/acme/conf"));
        for letter in &off {
            let file = ics(letter);
            assert_eq!((line(&file, "METHOD:").as_str(), line(&file, "STATUS:").as_str()), ("CANCEL", "CANCELLED"));
            assert_eq!(line(&file, "UID:"), line(&added, "UID:"));
        }
        let files = crate::calendars::mailed(&[added.clone(), ics(&moved[0]), ics(&off[0])]);
        let expected = |word: &str, sequence: u32, status: &str, begins: &str| {
            let (uid, page) = (line(&added, "UID:"), &off[1].link);
            format!("{word} {uid} {sequence} {status} {begins} Acme {page}")
        };
        let first = line(&added, "SEQUENCE:").parse::<u32>().unwrap();
        assert_eq!(
            files,
            [
                expected("PUBLISH", first, "CONFIRMED", "2026-03-28T08:00:00Z"),
                expected("PUBLISH", first + 4, "CONFIRMED", "2026-03-29T07:00:00Z"),
                expected("CANCEL", first + 5, "CANCELLED", "2026-03-29T07:00:00Z"),
            ]
        );
        let detail = get(&house, &format!("{OFFICE}/orders/{}", ann["id"].as_str().unwrap())).await;
        assert_eq!(
            (detail["status"].as_str(), detail["refunds"].as_array().unwrap().len()),
            (Some("confirmed"), 0),
            "as the letter says"
        );
        assert_eq!(letters(&house).await.len(), 0, "once");
        // Nothing of it is news any more, but what becomes of orders is.
        schedule(&house, "2026-03-30T07:00:00Z", "2026-03-30T15:00:00Z").await;
        told(
            &house,
            Method::POST,
            &format!("{OFFICE}/orders/{}/cancellation", ann["id"].as_str().unwrap()),
            json!({"why": "organizer"}),
        )
        .await;
        calm(&house);
        house.api.write_books().await;
        let rest: Vec<_> = letters(&house).await.into_iter().map(|letter| (letter.to.name, letter.occasion)).collect();
        assert_eq!(rest, [("ann".to_owned(), Occasion::Cancelled)]);
    });
}
