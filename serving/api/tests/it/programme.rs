//! A programme from outside: written by a key that manages, read by anybody or by those who may, places for ticket holders.

use std::collections::BTreeSet;

use axum::http::{Method, StatusCode};
use records::fact::Scope;
use records::programme::ProgrammeFact;
use records::{EventId, Fact, SecretHash, Zone};
use rules::office::{Command, Wish};
use serde_json::{Value, json};

use crate::house::{Answer, House, NOW, acme, request, run};

const MANAGE: &str = "a-key-that-manages";
const AT: &str = "/v1/organizations/acme/events/conf/programme";
const OFFICE: &str = "/v1/organizations/acme/events/conf/box-office";
const OPEN: &str = "/v1/programmes/acme/conf";
const SHOP: &str = "/v1/shop/acme/conf";

async fn ask(house: &House, method: Method, path: &str, headers: &[(&str, &str)], body: &Value) -> Answer {
    let authorization = format!("Bearer {MANAGE}");
    let mut all = vec![("content-type", "application/json")];
    if path.starts_with("/v1/organizations") {
        all.push(("authorization", &authorization));
    }
    all.extend_from_slice(headers);
    let body = if body.is_null() { String::new() } else { body.to_string() };
    house.send(request(method, path, &all, body)).await
}

#[track_caller]
fn data(answer: Answer, status: StatusCode) -> Value {
    assert_eq!(answer.status, status, "{:?}", answer.body);
    answer.body["data"].clone()
}

async fn put(house: &House, path: &str, body: Value) -> Value {
    data(ask(house, Method::PUT, path, &[], &body).await, StatusCode::OK)
}

async fn get(house: &House, path: &str) -> Answer {
    ask(house, Method::GET, path, &[], &Value::Null).await
}

fn text(answer: &Answer) -> String {
    answer.body.as_str().map_or_else(|| answer.body.to_string(), str::to_owned)
}

/// A published conference in Berlin with a room, a speaker and a workshop of one place, and free passes.
async fn furnished() -> House {
    let house = House::new();
    let hash = SecretHash::of(MANAGE).to_string();
    let key = Fact::KeyAdded { key: "page".into(), hash, scopes: vec![Scope::Manage], expires: None };
    let named = Fact::OrganizationRegistered { name: "Acme".into(), zone: Zone::utc() };
    let event = EventId::parse("conf").unwrap();
    let at = |days: i64| records::Timestamp(NOW.0 + days * 86_400_000_000);
    let zone = Zone::parse("Europe/Berlin").unwrap();
    let conf = Fact::EventScheduled { event, title: "Conf <2025>".into(), zone, starts: at(1), ends: at(3) };
    for (event, facts) in [(EventId::NONE, vec![key, named]), (event, vec![conf])] {
        let wishes = facts.into_iter().map(Wish::Stand).collect();
        let command = Command { organization: acme(), event, wishes };
        (house.api.desk)(None, command.into()).unwrap().await.unwrap();
    }
    let page = json!({"summary": "Two days of talks", "description": "# Hello\n<script>alert(1)</script>",
        "venue": "Hall", "address": {"locality": "Berlin", "country": "DE"}, "tags": ["rust"], "language": "en"});
    put(&house, &format!("{AT}/page"), page).await;
    put(&house, &format!("{AT}/rooms/main"), json!({"title": "Main hall"})).await;
    put(&house, &format!("{AT}/tracks/web"), json!({"title": "Web", "color": "#0b5c46"})).await;
    put(&house, &format!("{AT}/speakers/ada"), json!({"name": "Ada Example", "biography": "Writes *code*"})).await;
    put(&house, &format!("{AT}/sessions/talk"), talk("2025-11-21T12:00:00Z", "2025-11-21T13:00:00Z")).await;
    let mut workshop = talk("2025-11-21T14:00:00Z", "2025-11-21T15:00:00Z");
    workshop["title"] = "Workshop".into();
    workshop["capacity"] = 1.into();
    workshop["materials"] = json!([{"title": "Room code", "url": "https://example.org/in", "audience": "holders"}]);
    put(&house, &format!("{AT}/sessions/workshop"), workshop).await;
    put(&house, &format!("{AT}/status"), json!({"status": "published"})).await;
    let tiers = json!([{"title": "Free", "prices": [{"minor": 0, "currency": "EUR"}]}]);
    put(&house, &format!("{OFFICE}/products/pass"), json!({"title": "Pass", "tiers": tiers})).await;
    put(&house, &format!("{OFFICE}/quotas/all"), json!({"title": "All", "products": [{"product": "pass"}]})).await;
    put(&house, &format!("{OFFICE}/sales"), json!({"open": true})).await;
    house
}

fn talk(starts: &str, ends: &str) -> Value {
    json!({"title": "Talk", "starts": starts, "ends": ends, "room": "main", "track": "web", "speakers": ["ada"]})
}

/// A free pass: the order, its secret and its ticket.
async fn pass(house: &House, name: &str, answers: Value) -> Result<(String, String, String), Answer> {
    let cart = json!({"lines": [{"product": "pass", "count": 1}], "currency": "EUR"});
    let hold = data(ask(house, Method::POST, &format!("{SHOP}/holds"), &[], &cart).await, StatusCode::CREATED);
    let buyer = json!({"email": format!("{name}@example.org"), "name": name, "answers": answers});
    let wish = json!({"hold": hold["id"], "buyer": buyer, "provider": "free"});
    let answer = ask(house, Method::POST, &format!("{SHOP}/orders"), &[], &wish).await;
    if answer.status != StatusCode::CREATED {
        return Err(answer);
    }
    let order = answer.body["data"].clone();
    let word = |value: &Value| value.as_str().unwrap().to_owned();
    Ok((word(&order["id"]), word(&order["secret"]), word(&order["tickets"][0]["id"])))
}

async fn place(
    house: &House,
    method: Method,
    (order, secret, ticket): &(String, String, String),
    body: Value,
) -> Answer {
    let path = format!("{SHOP}/orders/{order}/tickets/{ticket}/sessions/workshop");
    ask(house, method, &path, &[("order-secret", secret)], &body).await
}

#[test]
fn what_two_organizers_write_is_told_apart_and_moves_no_other_tag() {
    run(async {
        let house = furnished().await;
        for (path, body) in [
            ("page", json!({"summary": "Other"})),
            ("rooms/main", json!({"title": "Other"})),
            ("tracks/web", json!({"title": "Other"})),
            ("speakers/ada", json!({"name": "Other"})),
        ] {
            let path = format!("{AT}/{path}");
            let seen = get(&house, &path).await;
            assert_eq!(seen.status, StatusCode::OK, "{path}");
            let tag = seen.headers["etag"].to_str().unwrap().to_owned();
            // What is changed beside it is no conflict.
            put(&house, &format!("{AT}/rooms/{}", path.len()), json!({"title": "Beside"})).await;
            let mine = ask(&house, Method::PUT, &path, &[("if-match", &tag)], &body).await;
            let mine = data(mine, StatusCode::OK);
            assert_eq!(get(&house, &path).await.body["data"], mine, "{path}");
            let late = ask(&house, Method::PUT, &path, &[("if-match", &tag)], &body).await;
            assert_eq!((late.status, late.body["code"].as_str()), (StatusCode::PRECONDITION_FAILED, Some("changed")));
        }
        let form = json!({"title": "Food", "fields": [{"id": "diet", "label": "Diet"}]});
        put(&house, &format!("{AT}/forms/food"), form).await;
        assert_eq!(get(&house, &format!("{AT}/forms/food")).await.body["data"]["edition"], 1);
        assert_eq!(get(&house, &format!("{AT}/forms/none")).await.status, StatusCode::NOT_FOUND);
    });
}

#[test]
fn organizers_find_sessions_by_when_they_begin_and_by_what_they_are() {
    run(async {
        let house = furnished().await;
        let ids = async |query: &str| {
            let rows = get(&house, &format!("{AT}/sessions?{query}")).await;
            assert_eq!(rows.status, StatusCode::OK, "{:?}", rows.body);
            let rows: Vec<String> =
                rows.body["data"].as_array().unwrap().iter().map(|row| row["id"].as_str().unwrap().into()).collect();
            rows.join(" ")
        };
        let mut early = talk("2025-11-21T08:00:00Z", "2025-11-21T09:00:00Z");
        early["title"] = "Zebras in the morning".into();
        early["room"] = Value::Null;
        early["recurrence"] = json!({"rule": "FREQ=DAILY;COUNT=2"});
        put(&house, &format!("{AT}/sessions/zebras"), early).await;
        assert_eq!(ids("").await, "zebras talk workshop");
        assert_eq!(ids("room=main").await, "talk workshop");
        assert_eq!(ids("search=MORNING%20zebra").await, "zebras");
        assert_eq!(ids("day=2025-11-22").await, "zebras");
        assert_eq!(ids("day=2025-11-21&speaker=ada").await, "zebras talk workshop");
        assert_eq!(ids("track=none").await, "");
        let first = get(&house, &format!("{AT}/sessions?limit=2")).await;
        let cursor = first.body["next"].as_str().unwrap();
        assert_eq!(ids(&format!("limit=2&cursor={cursor}")).await, "workshop");
    });
}

#[test]
fn a_published_event_is_a_page_that_machines_understand_and_that_runs_nothing() {
    run(async {
        let house = furnished().await;
        let page = get(&house, "/e/acme/conf").await;
        assert_eq!(page.status, StatusCode::OK);
        let html = text(&page);
        assert!(html.contains("<h1>Conf &lt;2025&gt;</h1>") && html.contains("<h2>Hello</h2>"), "{html}");
        assert!(!html.contains("alert(1)"));
        let policy = page.headers["content-security-policy"].to_str().unwrap();
        assert!(policy.contains("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
        let begin = html.find("application/ld+json\">").unwrap() + "application/ld+json\">".len();
        let told: Value = serde_json::from_str(html[begin..].split("</script>").next().unwrap()).unwrap();
        assert_eq!(
            (told["@type"].as_str(), told["startDate"].as_str()),
            (Some("Event"), Some("2025-11-21T13:00:00+01:00"))
        );
        assert_eq!(told["offers"][0]["price"], "0.00");
        assert_eq!(told["subEvent"].as_array().unwrap().len(), 2);
        assert!(html.contains("property=\"og:title\"") && html.contains("rel=\"canonical\""));
        for (name, value) in [
            ("@context", json!("https://schema.org")),
            ("endDate", json!("2025-11-23T13:00:00+01:00")),
            ("eventStatus", json!("https://schema.org/EventScheduled")),
            ("eventAttendanceMode", json!("https://schema.org/OfflineEventAttendanceMode")),
        ] {
            assert_eq!(told[name], value, "{name}");
        }
        assert_eq!(told["location"]["address"]["addressLocality"], "Berlin");
        assert_eq!(told["organizer"]["name"], "Acme");
        assert_eq!(told["offers"][0]["availability"], "https://schema.org/InStock");
        for name in ["og:type", "og:description", "og:url", "og:site_name", "og:locale"] {
            assert!(html.contains(&format!("property=\"{name}\" content=\"")), "{name}: {html}");
        }
        assert!(html.contains("name=\"description\" content=\"Two days of talks\""), "{html}");
        let tag = page.headers["etag"].to_str().unwrap().to_owned();
        let again = house.send(request(Method::GET, "/e/acme/conf", &[("if-none-match", &tag)], "")).await;
        assert_eq!(again.status, StatusCode::NOT_MODIFIED);
        let day = text(&get(&house, "/e/acme/conf/schedule/2025-11-21").await);
        assert!(day.contains("13:00") && day.contains("Workshop") && day.contains("Main hall"), "{day}");
        let room = text(&get(&house, "/e/acme/conf/schedule/2025-11-21?room=nowhere").await);
        assert!(!room.contains("Workshop"));
        assert_eq!(get(&house, "/e/acme/conf/schedule/2025-11-29").await.status, StatusCode::NOT_FOUND);
        let session = text(&get(&house, "/e/acme/conf/sessions/workshop").await);
        assert!(session.contains("0 / 1") && !session.contains("https://example.org/in"), "{session}");
        assert!(text(&get(&house, "/e/acme/conf/speakers/ada").await).contains("<em>code</em>"));
        assert!(text(&get(&house, "/e/acme").await).contains("Conf &lt;2025&gt;"));
        let map = text(&get(&house, "/sitemap.xml").await);
        assert!(map.contains("/e/acme/conf/sessions/talk</loc>"), "{map}");
        assert!(text(&get(&house, "/robots.txt").await).contains("Sitemap: "));
    });
}

#[test]
fn what_an_organizer_writes_is_checked_compared_and_read_back() {
    run(async {
        let house = furnished().await;
        let path = format!("{AT}/sessions/talk");
        let before = get(&house, &path).await;
        let tag = before.headers["etag"].to_str().unwrap().to_owned();
        let mut changed = talk("2025-11-21T12:30:00Z", "2025-11-21T13:30:00Z");
        let seen = [("if-match", tag.as_str())];
        let after = data(ask(&house, Method::PUT, &path, &seen, &changed).await, StatusCode::OK);
        assert_eq!((after["sequence"].as_u64(), after["starts"].as_str()), (Some(1), Some("2025-11-21T12:30:00Z")));
        let late = ask(&house, Method::PUT, &path, &seen, &changed).await;
        assert_eq!(late.status, StatusCode::PRECONDITION_FAILED);
        // The workshop is in the room from 14:00 on.
        changed["ends"] = "2025-11-21T14:30:00Z".into();
        let taken = ask(&house, Method::PUT, &path, &[], &changed).await;
        assert_eq!((taken.status, taken.body["reason"].as_str()), (StatusCode::CONFLICT, Some("room_taken")));
        changed["overlap"] = true.into();
        put(&house, &path, changed).await;
        let whole = data(get(&house, AT).await, StatusCode::OK);
        // The room, and Ada, who would speak in both.
        assert_eq!(whole["collisions"].as_array().unwrap().len(), 2, "{whole}");
        let wrong = ask(
            &house,
            Method::PUT,
            &path,
            &[],
            &json!({"title": "x", "starts": "2025-11-21T12:00:00Z", "ends": "2025-11-21T12:00:00Z"}),
        )
        .await;
        assert_eq!((wrong.status, wrong.body["fields"][0]["field"].as_str()), (StatusCode::BAD_REQUEST, Some("ends")));
        let script = json!({"name": "x", "links": [{"title": "x", "url": "javascript:alert(1)"}]});
        let wrong = ask(&house, Method::PUT, &format!("{AT}/speakers/x"), &[], &script).await;
        assert_eq!(wrong.body["fields"][0]["field"], "links[0].url");
        let used = ask(&house, Method::DELETE, &format!("{AT}/rooms/main"), &[], &Value::Null).await;
        assert_eq!((used.status, used.body["reason"].as_str()), (StatusCode::CONFLICT, Some("in_use")));
        // Sessions are items, too: what the dataflow knows.
        let item = data(get(&house, "/v1/organizations/acme/events/conf/items/talk").await, StatusCode::OK);
        assert_eq!(
            (item["title"].as_str(), item["track"].as_str(), item["starts"].as_str()),
            (Some("Talk"), Some("Web"), Some("2025-11-21T12:30:00Z"))
        );
    });
}

#[test]
fn an_event_that_is_not_for_everybody_is_not_there_for_whoever_may_not_see_it() {
    run(async {
        let house = furnished().await;
        let everywhere = async |house: &House, headers: &[(&str, &str)]| {
            let mut seen = Vec::new();
            for path in ["/e/acme/conf", "/e/acme/conf/calendar.ics", "/e/acme/conf/sessions/talk", OPEN, SHOP] {
                let answer = ask(house, Method::GET, path, headers, &Value::Null).await;
                seen.push(answer.status);
            }
            seen
        };
        let listed = async |house: &House| {
            let mut texts = String::new();
            for path in ["/e/acme", "/v1/programmes/acme", "/v1/programmes/acme?search=rust", "/sitemap.xml"] {
                texts += &text(&get(house, path).await);
            }
            texts.contains("conf")
        };
        assert!(listed(&house).await && everywhere(&house, &[]).await.iter().all(|status| *status == StatusCode::OK));
        let entrance = format!("{OPEN}/entrance");
        assert_eq!(get(&house, &entrance).await.status, StatusCode::NOT_FOUND, "who is let in is asked nothing");
        for mode in ["private", "invitation"] {
            put(&house, &format!("{AT}/access"), json!({"mode": mode})).await;
            assert!(everywhere(&house, &[]).await.iter().all(|status| *status == StatusCode::NOT_FOUND), "{mode}");
            assert!(!listed(&house).await);
            assert_eq!(get(&house, &entrance).await.status, StatusCode::NOT_FOUND, "{mode}");
            let authorization = format!("Bearer {MANAGE}");
            let own = everywhere(&house, &[("authorization", &authorization)]).await;
            assert!(own.iter().all(|status| *status == StatusCode::OK), "{own:?}");
            // Nobody holds anything there, either.
            let cart = json!({"lines": [{"product": "pass", "count": 1}], "currency": "EUR"});
            let hold = ask(&house, Method::POST, &format!("{SHOP}/holds"), &[], &cart).await;
            assert_eq!(hold.status, StatusCode::NOT_FOUND);
        }
        // An invitation for one.
        let made = ask(&house, Method::POST, &format!("{AT}/invitations"), &[], &json!({"uses": 1})).await;
        let made = data(made, StatusCode::CREATED);
        let link = made["link"].as_str().unwrap().to_owned();
        let (_, invitation) = link.split_once("?invitation=").unwrap();
        let key = json!({"invitation": invitation});
        let invited = format!("{entrance}?invitation={invitation}");
        assert_eq!(data(get(&house, &invited).await, StatusCode::OK)["asks"], "invitation");
        assert_eq!(get(&house, &format!("{entrance}?invitation=guessed")).await.status, StatusCode::NOT_FOUND);
        let passes = format!("{OPEN}/passes");
        let entered = data(ask(&house, Method::POST, &passes, &[], &key).await, StatusCode::CREATED);
        let pass = entered["pass"].as_str().unwrap().to_owned();
        let second = ask(&house, Method::POST, &passes, &[], &key).await;
        assert_eq!(second.body["reason"], "invitation_gone");
        let own = everywhere(&house, &[("event-pass", &pass)]).await;
        assert!(own.iter().all(|status| *status == StatusCode::OK), "{own:?}");
        let bent = format!("{}A", &pass[..pass.len() - 1]);
        assert!(bent == pass || everywhere(&house, &[("event-pass", &bent)]).await[0] == StatusCode::NOT_FOUND);
        let path = format!("{AT}/invitations/{}", made["id"].as_str().unwrap());
        assert_eq!(ask(&house, Method::DELETE, &path, &[], &Value::Null).await.status, StatusCode::NO_CONTENT);
        let own = everywhere(&house, &[("event-pass", &pass)]).await;
        assert!(
            own.iter().all(|status| *status == StatusCode::NOT_FOUND),
            "a revoked invitation takes its passes along"
        );
        assert_eq!(get(&house, &invited).await.status, StatusCode::NOT_FOUND);
        // A password, by a form that needs no script.
        put(&house, &format!("{AT}/access"), json!({"mode": "password", "password": "open sesame"})).await;
        assert_eq!(data(get(&house, &entrance).await, StatusCode::OK)["asks"], "password");
        let closed = get(&house, "/e/acme/conf").await;
        assert_eq!(closed.status, StatusCode::FORBIDDEN);
        assert!(text(&closed).contains("type=\"password\"") && !text(&closed).contains("Conf"), "it tells nothing");
        assert!(!listed(&house).await);
        let form = [("content-type", "application/x-www-form-urlencoded")];
        let wrong = house.send(request(Method::POST, "/e/acme/conf/access", &form, "password=guess")).await;
        assert!(wrong.headers["location"].to_str().unwrap().ends_with("?wrong=1"));
        let right = house.send(request(Method::POST, "/e/acme/conf/access", &form, "password=open+sesame")).await;
        let cookie = right.headers["set-cookie"].to_str().unwrap().split(';').next().unwrap().to_owned();
        let own = everywhere(&house, &[("cookie", &cookie)]).await;
        assert!(own.iter().all(|status| *status == StatusCode::OK), "{own:?}");
        put(&house, &format!("{AT}/access"), json!({"mode": "password", "password": "another one"})).await;
        let own = everywhere(&house, &[("cookie", &cookie)]).await;
        assert!(own.iter().all(|status| *status != StatusCode::OK), "another password, another pass: {own:?}");
        let log = format!("{:?}", house.facts());
        assert!(!log.contains("open sesame") && !log.contains(invitation));
        // A draft is nobody's but the organizer's.
        put(&house, &format!("{AT}/access"), json!({"mode": "public"})).await;
        put(&house, &format!("{AT}/status"), json!({"status": "draft"})).await;
        assert_eq!(get(&house, "/e/acme/conf").await.status, StatusCode::NOT_FOUND);
        assert!(!listed(&house).await);
        put(&house, &format!("{AT}/access"), json!({"mode": "password", "password": "open sesame"})).await;
        assert_eq!(get(&house, &entrance).await.status, StatusCode::NOT_FOUND, "a draft asks for nothing");
    });
}

#[test]
fn one_place_is_given_once_and_passed_to_whoever_waits_longest() {
    run(async {
        let house = furnished().await;
        let mut passes = Vec::new();
        for name in ["ann", "bea", "cem"] {
            passes.push(pass(&house, name, json!({})).await.unwrap());
        }
        let wanted = passes.iter().map(|own| place(&house, Method::PUT, own, json!({})));
        let answers = futures_util::future::join_all(wanted).await;
        let standing: Vec<&str> = answers.iter().map(|one| one.body["data"]["standing"].as_str().unwrap()).collect();
        assert_eq!(standing.iter().filter(|one| **one == "taken").count(), 1, "{standing:?}");
        assert_eq!(standing.iter().filter(|one| **one == "waiting").count(), 2);
        let first = standing.iter().position(|one| *one == "taken").unwrap();
        let next = answers.iter().position(|one| one.body["data"]["before"] == 0).unwrap();
        assert_eq!(answers[first].body["data"]["materials"][0]["url"], "https://example.org/in");
        assert_eq!(
            answers[next].body["data"]["materials"],
            json!([]),
            "what is for holders is for those who have a place"
        );
        let again = data(place(&house, Method::PUT, &passes[first], json!({})).await, StatusCode::OK);
        assert_eq!(again["taken"], 1);
        data(place(&house, Method::DELETE, &passes[first], Value::Null).await, StatusCode::OK);
        let promoted = data(place(&house, Method::GET, &passes[next], Value::Null).await, StatusCode::OK);
        assert_eq!((promoted["standing"].as_str(), promoted["taken"].as_u64()), (Some("taken"), Some(1)));
        let full = place(&house, Method::PUT, &passes[first], json!({"wait": false})).await;
        assert_eq!(full.body["reason"], "session_full");
        // A ticket that is cancelled loses its place, and the last one gets it.
        let (order, ..) = &passes[next];
        let cancel = format!("{OFFICE}/orders/{order}/cancellation");
        data(ask(&house, Method::POST, &cancel, &[], &json!({"why": "buyer"})).await, StatusCode::OK);
        // What is due comes first, with whatever is decided next.
        put(&house, &format!("{AT}/status"), json!({"status": "published"})).await;
        let last = (0..3).find(|one| *one != first && *one != next).unwrap();
        let own = data(place(&house, Method::GET, &passes[last], Value::Null).await, StatusCode::OK);
        assert_eq!(own["standing"], "taken");
        // Their own calendar, which needs no secret but its address.
        let (order, secret, ticket) = &passes[last];
        let path = format!("{SHOP}/orders/{order}/tickets/{ticket}/sessions");
        let agenda = ask(&house, Method::GET, &path, &[("order-secret", secret)], &Value::Null).await;
        let calendar = data(agenda, StatusCode::OK)["calendar"].as_str().unwrap().to_owned();
        let path = &calendar[calendar.find("/e/").unwrap()..];
        let ics = text(&get(&house, path).await);
        assert!(ics.contains("SUMMARY:Workshop") && !ics.contains("SUMMARY:Talk"), "{ics}");
        let other = path.replace("/calendar.ics", "x/calendar.ics");
        assert_eq!(get(&house, &other).await.status, StatusCode::NOT_FOUND);
    });
}

/// So many free passes, in orders of a hundred.
async fn passes(house: &House, count: usize) -> Vec<(String, String, String)> {
    put(house, &format!("{OFFICE}/sales"), json!({"open": true, "order_max": 100})).await;
    let mut passes = Vec::new();
    while passes.len() < count {
        let cart = json!({"lines": [{"product": "pass", "count": 100}], "currency": "EUR"});
        let hold = data(ask(house, Method::POST, &format!("{SHOP}/holds"), &[], &cart).await, StatusCode::CREATED);
        let buyer = json!({"email": format!("buyer{}@example.org", passes.len()), "name": "Buyer"});
        let wish = json!({"hold": hold["id"], "buyer": buyer, "provider": "free"});
        let order = data(ask(house, Method::POST, &format!("{SHOP}/orders"), &[], &wish).await, StatusCode::CREATED);
        let word = |value: &Value| value.as_str().unwrap().to_owned();
        let tickets = order["tickets"].as_array().unwrap().iter();
        passes.extend(tickets.map(|one| (word(&order["id"]), word(&order["secret"]), word(&one["id"]))));
    }
    passes.truncate(count);
    passes
}

/// Those who have a place, and those who wait in their order, as the organizer sees them.
async fn seats(house: &House) -> (Vec<String>, Vec<String>) {
    let told = data(get(house, &format!("{AT}/sessions/workshop/places")).await, StatusCode::OK);
    let list = |name: &str| told[name].as_array().unwrap().iter().map(|one| one.as_str().unwrap().to_owned()).collect();
    (list("taken"), list("waiting"))
}

#[test]
fn a_thousand_who_want_a_place_at_once_get_as_many_as_there_are_and_wait_in_the_order_of_the_log() {
    const WANT: usize = 1_000;
    const PLACES: usize = 300;
    const LEAVE: usize = 50;
    run(async {
        let house = furnished().await;
        let mut workshop = talk("2025-11-21T14:00:00Z", "2025-11-21T15:00:00Z");
        workshop["capacity"] = PLACES.into();
        put(&house, &format!("{AT}/sessions/workshop"), workshop).await;
        let passes = passes(&house, WANT).await;
        let wanted = passes.iter().map(|own| place(&house, Method::PUT, own, json!({})));
        let answers = futures_util::future::join_all(wanted).await;
        let standing = |answer: &Answer| answer.body["data"]["standing"].as_str().map(str::to_owned);
        let count = |name: &str| answers.iter().filter(|one| standing(one).as_deref() == Some(name)).count();
        assert_eq!((count("taken"), count("waiting")), (PLACES, WANT - PLACES));
        let logged = |house: &House| {
            let (mut taken, mut waits) = (Vec::new(), Vec::new());
            for row in house.facts() {
                match row.known() {
                    Some(Fact::Programme(ProgrammeFact::SessionPlaceTaken { ticket, .. })) => {
                        taken.push(ticket.to_string())
                    }
                    Some(Fact::Programme(ProgrammeFact::SessionPlaceAwaited { ticket, .. })) => {
                        waits.push(ticket.to_string())
                    }
                    _ => {}
                }
            }
            (taken, waits)
        };
        let (first, queue) = logged(&house);
        let (taken, waiting) = seats(&house).await;
        assert_eq!(waiting, queue, "they wait in the order in which the log has them");
        assert_eq!(taken.iter().collect::<BTreeSet<_>>(), first.iter().collect::<BTreeSet<_>>());
        assert_eq!(taken.len(), PLACES);
        for (own, answer) in passes.iter().zip(&answers) {
            let had = standing(answer).as_deref() == Some("taken");
            assert_eq!(taken.contains(&own.2), had, "{answer:?}");
        }
        // Some give theirs back at once: whoever came first in the log gets them, and nobody is placed twice.
        let leaving = passes.iter().filter(|own| taken.contains(&own.2)).take(LEAVE);
        let left = leaving.map(|own| place(&house, Method::DELETE, own, Value::Null));
        let left = futures_util::future::join_all(left).await;
        assert!(left.iter().all(|one| one.status == StatusCode::OK), "{left:?}");
        let (now, still) = seats(&house).await;
        assert_eq!((now.len(), still.as_slice()), (PLACES, &queue[LEAVE..]));
        assert_eq!(logged(&house).0[PLACES..], queue[..LEAVE], "who waits longest gets the next place");
    });
}

#[test]
fn an_order_answers_what_the_event_asks() {
    run(async {
        let house = furnished().await;
        let fields = json!([
            {"id": "diet", "label": "Diet", "kind": "choice", "required": true,
             "options": [{"value": "none", "label": "None"}, {"value": "other", "label": "Other"}]},
            {"id": "which", "label": "Which", "required": true, "when": {"field": "diet", "is": ["other"]}}
        ]);
        let form = put(&house, &format!("{AT}/forms/you"), json!({"title": "You", "fields": fields})).await;
        assert_eq!(form["edition"], 1);
        let asked = data(get(&house, &format!("{OPEN}/forms")).await, StatusCode::OK);
        assert_eq!(asked[0]["fields"][1]["when"]["field"], "diet");
        let missing = pass(&house, "ann", json!({"you.diet": "other"})).await.unwrap_err();
        assert_eq!(
            (missing.status, missing.body["fields"][0]["field"].as_str()),
            (StatusCode::BAD_REQUEST, Some("answers.you.which"))
        );
        let (order, ..) = pass(&house, "ann", json!({"you.diet": "other", "you.which": "pears"})).await.unwrap();
        // The form changes; what was answered stays, with which edition it was.
        put(
            &house,
            &format!("{AT}/forms/you"),
            json!({"title": "You", "fields": [{"id": "age", "label": "Age", "kind": "number"}]}),
        )
        .await;
        let stale = pass(&house, "bea", json!({"form:you": "1", "you.age": "30"})).await.unwrap_err();
        assert_eq!(stale.body["fields"][0]["field"], "answers.form:you");
        let shown = data(get(&house, &format!("{OFFICE}/orders/{order}")).await, StatusCode::OK);
        let answers = &shown["buyer"]["answers"];
        assert_eq!(
            (answers["you.which"].as_str(), answers["form:you"].as_str()),
            (Some("pears"), Some("1")),
            "{shown}"
        );
        let then = data(get(&house, &format!("{AT}/forms/you/editions/1")).await, StatusCode::OK);
        assert_eq!(then["fields"][0]["label"], "Diet");
        let log = format!("{:?}", house.facts());
        assert!(!log.contains("pears"), "answers are sealed");
    });
}

#[test]
fn a_file_becomes_the_programme_and_the_same_file_again_changes_nothing() {
    run(async {
        let house = furnished().await;
        let entries = r#"<schedule><day date="2025-11-22"><entry id="37"><start>0930</start><duration>30</duration><room>C01</room>
            <title>Welcome</title><topics><topic>Web</topic></topics><speakers><speaker id="3"><name>Bea</name></speaker></speakers></entry></day></schedule>"#;
        let path = format!("{AT}/imports");
        let authorization = format!("Bearer {MANAGE}");
        let headers = [("content-type", "application/xml"), ("authorization", authorization.as_str())];
        let upload = async |query: &str, body: &str| {
            house.send(request(Method::POST, &format!("{path}{query}"), &headers, body.to_owned())).await
        };
        let dry = data(upload("?dry_run=true", entries).await, StatusCode::OK);
        assert_eq!((dry["sessions"]["added"].as_u64(), dry["done"].as_bool()), (Some(1), Some(false)));
        assert_eq!(get(&house, &format!("{OPEN}/sessions/37")).await.status, StatusCode::NOT_FOUND);
        let done = data(upload("", entries).await, StatusCode::OK);
        assert_eq!((done["changes"].as_u64(), done["sessions"]["missing"].as_u64()), (Some(4), Some(2)), "{done}");
        let session = data(get(&house, &format!("{OPEN}/sessions/37")).await, StatusCode::OK);
        assert_eq!(session["starts"], "2025-11-22T08:30:00Z");
        let again = data(upload("", entries).await, StatusCode::OK);
        assert_eq!(again["changes"], 0);
        let wrong = upload("", &entries.replace("0930", "late")).await;
        assert_eq!(wrong.status, StatusCode::BAD_REQUEST);
        assert!(wrong.body["fields"][0]["field"].as_str().unwrap().contains("entry[37]"), "{:?}", wrong.body);
        let removed = data(upload("?remove=true", entries).await, StatusCode::OK);
        assert_eq!(removed["changes"], 2);
    });
}

#[test]
fn a_duplicate_is_the_same_programme_and_offer_at_another_time() {
    run(async {
        let house = furnished().await;
        let copy = json!({"id": "conf2", "title": "Conf again", "starts": "2026-07-21T11:00:00Z"});
        let path = format!("{AT}/duplicates");
        let keyed = [("idempotency-key", "copy-1")];
        let made = data(ask(&house, Method::POST, &path, &keyed, &copy).await, StatusCode::CREATED);
        assert_eq!((made["sessions"].as_u64(), made["products"].as_u64()), (Some(2), Some(1)));
        let again = data(ask(&house, Method::POST, &path, &keyed, &copy).await, StatusCode::CREATED);
        assert_eq!(again["id"], made["id"]);
        // At 13:00 on the first day in Berlin, in winter as in summer.
        let session = get(&house, "/v1/organizations/acme/events/conf2/programme/sessions/talk").await;
        assert_eq!(data(session, StatusCode::OK)["starts"], "2026-07-21T11:00:00Z");
        assert_eq!(get(&house, "/e/acme/conf2").await.status, StatusCode::NOT_FOUND, "a draft");
    });
}
