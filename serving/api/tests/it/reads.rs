//! What goes out: scoped to the key's organization, with `as_of`, waiting for one's own writes.

use axum::http::StatusCode;
use collect::Who;
use records::hash::bin;
use records::{EventId, Fact, FactRow, Kind, LeaderboardId, Pos, SessionId, Text, Timestamp, Token};
use views::leaderboards::{Board, Input as Award, Named};
use views::segments::SegmentInput;
use views::state::At;
use views::windows::{Input as Count, Series};

use crate::house::{House, NOW, OTHER, READ, WRITE, acme, run};

pub(crate) fn at(offset: u64) -> At {
    At { pos: Pos { log_time: NOW, lane: 1, partition: 0, offset } }
}

pub(crate) fn count(house: &mut House, epoch: u64, event: &str, times: u64) {
    let series = Series {
        organization: acme(),
        event: EventId::parse(event).unwrap(),
        session: SessionId::NONE,
        kind: Kind::Page,
    };
    let inputs: Vec<Count> =
        (0..times).map(|n| Count::Count { series, time: NOW, records: 1, actors: vec![Token(n + 1)] }).collect();
    let placed = (0..).zip(&inputs).map(|(offset, input)| ((), at(offset), input));
    house.windows.apply(epoch, bin(series.hash()), placed, &mut Vec::new());
}

pub(crate) fn award(house: &mut House, epoch: u64, board: Board, participant: Token, points: i64) {
    let named = Named { board, track: Text::NONE, generation: 0 };
    let input = Award::Award { board: named.into(), participant, points };
    house.leaderboards.apply(epoch, bin(board.hash()), [((), at(0), &input)], &mut Vec::new());
}

pub(crate) fn board() -> Board {
    Board::all_time(acme(), LeaderboardId::parse("points").unwrap())
}

#[test]
fn counts_are_the_organizations_own_and_say_what_they_reflect() {
    let mut house = House::new();
    count(&mut house, 1, "conf", 3);
    house.complete(1, NOW);
    run(async {
        let answer = house.get(READ, "/v1/views/windows?event=conf&kind=page_viewed").await;
        assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
        assert_eq!((answer.body["data"]["total"].as_u64(), answer.body["as_of"]["epoch"].as_u64()), (Some(3), Some(1)));
        assert_eq!(answer.body["data"]["windows"][0]["count"], 3);
        let uniques = house.get(READ, "/v1/views/windows/uniques?event=conf").await;
        assert_eq!(uniques.body["data"]["count"], 3);
        let sliding = house.get(READ, "/v1/views/windows/sliding?event=conf&minutes=5").await;
        assert_eq!(sliding.body["data"]["count"], 3, "{sliding:?}");
        let other = house.get(OTHER, "/v1/views/windows?event=conf&kind=page_viewed").await;
        assert_eq!((other.status, other.body["code"].as_str()), (StatusCode::NOT_FOUND, Some("not_found")));
        let unkeyed = house.get(WRITE, "/v1/views/windows?event=conf").await;
        assert_eq!(unkeyed.body["code"], "scope_missing");
        let slip = house.get(READ, "/v1/views/windows?evnt=conf&kind=page_viewed").await;
        assert_eq!(slip.body["code"], "parameter_wrong", "{slip:?}");
        assert!(slip.body["detail"].as_str().unwrap().contains("`evnt`"));
    });
}

#[test]
fn waiting_ends_with_the_record_or_says_that_it_did_not_come() {
    let mut house = House::new();
    count(&mut house, 1, "conf", 1);
    house.complete(1, NOW);
    run(async {
        let path = |wait: &str| format!("/v1/views/windows?event=conf&wait_ms=30&wait_for={wait}");
        assert_eq!(house.get(READ, &path("1")).await.status, StatusCode::OK);
        assert_eq!(house.get(READ, &path(&format!("t{}", NOW.0))).await.status, StatusCode::OK);
        let late = house.get(READ, &path("2")).await;
        assert_eq!((late.status, late.body["code"].as_str()), (StatusCode::GATEWAY_TIMEOUT, Some("waited_in_vain")));
        let wrong = house.get(READ, &path("soon")).await;
        assert_eq!((wrong.status, wrong.body["code"].as_str()), (StatusCode::BAD_REQUEST, Some("parameter_wrong")));
    });
}

#[test]
fn places_are_asked_by_the_organizations_own_ids() {
    let mut house = House::new();
    let me = house.subjects.resolve(acme(), Who::User("ada@example.org")).token;
    for (token, points) in [(Token(5), 30), (me, 20), (Token(6), 10)] {
        award(&mut house, 1, board(), token, points);
    }
    house.complete(1, NOW);
    run(async {
        let top = house.get(READ, "/v1/views/leaderboards/points?limit=2").await;
        assert_eq!(top.status, StatusCode::OK, "{top:?}");
        assert_eq!(top.body["data"]["places"].as_array().unwrap().len(), 2, "{top:?}");
        assert_eq!(top.body["data"]["board"]["participants"], 3);
        for who in ["ada@example.org", "user:ada@example.org", &me.to_string()] {
            let place = house.get(READ, &format!("/v1/views/leaderboards/points/participants/{who}?around=1")).await;
            assert_eq!(place.body["data"]["place"]["rank"], 2, "{who}: {place:?}");
            assert_eq!(place.body["data"]["above"][0]["score"], 30);
            assert_eq!(place.body["data"]["below"][0]["score"], 10);
        }
        let nobody = house.get(READ, "/v1/views/leaderboards/points/participants/nobody").await;
        assert_eq!(nobody.status, StatusCode::NOT_FOUND);
        // Another organization's id of the same text is another person.
        let other = house.get(OTHER, "/v1/views/leaderboards/points/participants/ada@example.org").await;
        assert_eq!(other.status, StatusCode::NOT_FOUND);
        let list = house.get(READ, "/v1/views/leaderboards").await;
        assert_eq!(list.body["data"][0]["leaderboard"], "points");
        assert_eq!(house.get(OTHER, "/v1/views/leaderboards").await.body["data"].as_array().unwrap().len(), 0);
    });
}

#[test]
fn a_feed_starts_with_everything_and_goes_on_without_gap() {
    let mut house = House::new();
    award(&mut house, 1, board(), Token(5), 30);
    house.complete(1, NOW);
    let first = run(house.get(READ, "/v1/views/leaderboards/changes"));
    assert_eq!(
        (first.body["data"]["reset"].as_bool(), first.body["data"]["changes"].as_array().unwrap().len()),
        (Some(true), 1)
    );
    let position = first.body["data"]["position"].as_str().unwrap().to_owned();

    award(&mut house, 2, board(), Token(6), 40);
    house.complete(2, Timestamp(NOW.0 + 1));
    let path = format!("/v1/views/leaderboards/changes?from={position}");
    let second = run(house.get(READ, &path));
    let data = &second.body["data"];
    assert_eq!(
        (data["reset"].as_bool(), data["changes"][0]["value"]["places"][0]["score"].as_i64()),
        (Some(false), Some(40))
    );
    // Another organization sees the position move, but no key.
    assert_eq!(run(house.get(OTHER, &path)).body["data"]["changes"].as_array().unwrap().len(), 0);
    let last = data["position"].as_str().unwrap();
    let third = run(house.get(READ, &format!("/v1/views/leaderboards/changes?from={last}")));
    assert_eq!(third.body["data"]["changes"].as_array().unwrap().len(), 0);
    let wrong = run(house.get(READ, "/v1/views/leaderboards/changes?from=windows.1.7.1.0"));
    assert_eq!(wrong.body["code"], "position_wrong");
}

/// What one person did, in every view that feeds by people, events or funnels.
fn visit(house: &mut House, epoch: u64, actor: Token) {
    let (organization, event) = (acme(), EventId::parse("conf").unwrap());
    let visitor = views::visits::Visitor { organization, event, actor };
    let input = views::visits::Input { visitor, time: NOW };
    house.visits.apply(epoch, bin(visitor.hash()), [((), at(0), &input)], &mut Vec::new());
    let stage = views::trending::Stage { organization, event };
    let thing = views::trending::Thing::Session(SessionId::parse("talk").unwrap());
    let input = views::trending::Input { stage, thing, weight: 3 };
    house.trending.apply(epoch, bin(stage.hash()), [((), at(0), &input)], &mut Vec::new());
    let rules = house.rules.read().unwrap().rules(organization).unwrap().clone();
    let (funnel, definition) = rules.funnels.defined().next().unwrap();
    let key = views::funnels::FunnelKey { organization, event, funnel: funnel.funnel, definition };
    let input = views::funnels::Input { key, actor, time: NOW, steps: 1, within: records::Span::HOUR };
    house.funnels.apply(epoch, bin(input.hash()), [((), at(0), &input)], &mut Vec::new());
    let seen = views::segments::Seen {
        kind: Kind::SessionJoined,
        country: Text::NONE,
        category: Text::NONE,
        joined: SessionId::parse("talk").unwrap(),
        paid: 0,
        currency: records::Currency::NONE,
    };
    let hash = views::segments::Segments::hash(organization, actor);
    let plan = SegmentInput::Rules { organization, plan: std::sync::Arc::clone(&rules.segments) };
    let seen = SegmentInput::Seen { organization, actor, seen };
    house.segments.apply(epoch, bin(hash), [((), at(0), &plan), ((), at(1), &seen)], &mut Vec::new());
}

#[test]
fn feeds_of_people_events_and_funnels_start_with_everything_and_go_on() {
    let mut house = House::new();
    let document = serde_json::json!({
        "format": 1,
        "segments": [{"id": "comers", "when": "count(session_joined) >= 1"}],
        "funnels": [{"funnel": "buy", "within": "2h", "steps": [
            {"step": "come", "kind": "session_joined"}, {"step": "pay", "kind": "order_reported"}
        ]}],
    });
    let fact = Fact::RulesPublished { document: std::sync::Arc::new(document) };
    house.rules.write().unwrap().apply(&FactRow::new(acme(), NOW, fact));
    // No number of JSON could hold this pseudonym.
    let (first, second) = (Token(u64::MAX - 1), Token(u64::MAX));
    visit(&mut house, 1, first);
    house.complete(1, NOW);
    let paths =
        ["visits/changes?event=conf", "trending/changes?event=conf", "funnels/changes?event=conf", "segments/changes?"];
    let ask = |house: &House, path: &str, from: &str| {
        let from = if from.is_empty() { String::new() } else { format!("&from={from}") };
        let answer = run(house.get(READ, &format!("/v1/views/{path}{from}")));
        assert_eq!(answer.status, StatusCode::OK, "{path}: {answer:?}");
        answer.body["data"].clone()
    };
    let resets = paths.map(|path| ask(&house, path, ""));
    assert!(resets.iter().all(|reset| reset["reset"] == true && reset["changes"].as_array().unwrap().len() == 1));
    let values = |answers: &[serde_json::Value; 4]| {
        let value = |place: usize| answers[place]["changes"][0]["value"].clone();
        (value(0)[0]["records"].clone(), value(1)["trends"][0]["score"].clone(), value(2)["reached"].clone(), value(3))
    };
    let (visits, score, reached, segments) = values(&resets);
    assert_eq!((visits, score, reached), (1.into(), 3.0.into(), serde_json::json!([1, 0])), "{resets:?}");
    assert_eq!(segments, serde_json::json!(["comers"]));
    for place in [0, 3] {
        assert_eq!(resets[place]["changes"][0]["key"]["actor"], first.to_string());
    }

    visit(&mut house, 2, second);
    house.complete(2, Timestamp(NOW.0 + 1));
    let deltas = [0, 1, 2, 3].map(|place| {
        let position = resets[place]["position"].as_str().unwrap();
        ask(&house, paths[place], position)
    });
    assert!(deltas.iter().all(|delta| delta["reset"] == false && delta["changes"].as_array().unwrap().len() == 1));
    assert_eq!(deltas[2]["changes"][0]["value"]["reached"], serde_json::json!([2, 0]));
    for place in [0, 3] {
        assert_eq!(deltas[place]["changes"][0]["key"]["actor"], second.to_string());
    }
    let other = run(house.get(OTHER, "/v1/views/segments/changes"));
    assert_eq!(other.body["data"]["changes"].as_array().unwrap().len(), 0);
}

fn take(house: &mut House, epoch: u64, currency: &str, second: i64, amount: i64) {
    let event = EventId::parse("conf").unwrap();
    let currency = records::Currency::parse(currency).unwrap();
    let till = views::revenue::Till { organization: acme(), event, currency, source: views::revenue::Source::Reported };
    let (time, takings) = (Timestamp::from_seconds(second), views::revenue::Takings::of(amount));
    let input = views::revenue::Took { till, time, takings };
    let hash = views::revenue::Till::hash(acme(), event);
    house.revenue.apply(epoch, bin(hash), [((), at(0), &input)], &mut Vec::new());
}

#[test]
fn revenue_is_told_by_currency_and_window() {
    let mut house = House::new();
    for (currency, second, amount) in [("EUR", 60, 1_250), ("EUR", 119, -250), ("JPY", 61, 3_000), ("EUR", 7_260, 100)]
    {
        take(&mut house, 1, currency, second, amount);
    }
    house.complete(1, NOW);
    let ask =
        |house: &House, path: &str| run(house.get(READ, &format!("/v1/views/revenue{path}"))).body["data"].clone();
    let all = ask(&house, "?event=conf");
    assert_eq!((all["window_seconds"].as_i64(), all["currencies"].as_array().unwrap().len()), (Some(60), 2), "{all}");
    let euros = &all["currencies"][0];
    assert_eq!((&euros["currency"], &euros["source"]), (&"EUR".into(), &"reported".into()));
    assert_eq!((&euros["total"]["gross_minor"], &euros["total"]["refunded_minor"]), (&1_350.into(), &250.into()));
    assert_eq!((&euros["total"]["orders"], &euros["total"]["refunds"]), (&2.into(), &1.into()));
    let starts = euros["windows"].as_array().unwrap().iter().map(|one| one["start"].as_i64().unwrap() / 1_000_000);
    assert_eq!(starts.collect::<Vec<_>>(), [60, 7_260]);
    let some = ask(&house, "?event=conf&currency=EUR&size=hour&from=1970-01-01T01:00:00Z");
    assert_eq!(some["currencies"][0]["windows"][0]["gross_minor"], 100, "{some}");
    assert_eq!(some["currencies"].as_array().unwrap().len(), 1);
    let other = run(house.get(OTHER, "/v1/views/revenue?event=conf")).body["data"]["currencies"].clone();
    assert_eq!(other.as_array().unwrap().len(), 0);

    let reset = ask(&house, "/changes");
    assert_eq!(reset["changes"].as_array().unwrap().len(), 2, "{reset}");
    take(&mut house, 2, "JPY", 62, 1);
    house.complete(2, Timestamp(NOW.0 + 1));
    let deltas = ask(&house, &format!("/changes?from={}", reset["position"].as_str().unwrap()));
    let change = &deltas["changes"][0];
    assert_eq!(
        (&change["key"]["currency"], &change["value"]["gross_minor"]),
        (&"JPY".into(), &3_001.into()),
        "{deltas}"
    );
}

#[test]
fn people_are_told_by_device_and_by_country() {
    let mut house = House::new();
    let event = EventId::parse("conf").unwrap();
    let mut come = |epoch, by, value: &str, actors: &[u64]| {
        let crowd = views::audience::Crowd { organization: acme(), event, by };
        let actors = actors.iter().map(|actor| Token(*actor)).collect();
        let input = views::audience::Input { crowd, value: Text::new(value), actors };
        house.audience.apply(epoch, bin(crowd.hash()), [((), at(0), &input)], &mut Vec::new());
    };
    come(1, views::audience::By::Device, "mobile", &[5, 6]);
    come(1, views::audience::By::Device, "computer", &[6]);
    come(1, views::audience::By::Country, "DE", &[5]);
    house.complete(1, NOW);
    let ask = |path: &str| run(house.get(READ, &format!("/v1/views/audience{path}"))).body["data"].clone();
    let devices = ask("?event=conf");
    assert_eq!(
        (&devices["by"], &devices["visitors"]["count"], &devices["values"]),
        (&"device".into(), &2.into(), &2.into())
    );
    assert_eq!(devices["shares"][0], serde_json::json!({"value": "mobile", "visitors": {"count": 2, "exact": true}}));
    assert_eq!(ask("?event=conf&by=country")["shares"][0]["value"], "DE");
    assert_eq!(ask("?event=conf&limit=1")["shares"].as_array().unwrap().len(), 1);
    let reset = ask("/changes?event=conf");
    assert_eq!(reset["changes"].as_array().unwrap().len(), 2, "what nobody said is no key: {reset}");
}

#[test]
fn views_without_records_answer_in_words() {
    let house = House::new();
    run(async {
        for (path, status) in [
            ("/v1/views/freshness", 200),
            ("/v1/views/attendance?event=conf", 200),
            ("/v1/views/attendance/talk?event=conf", 404),
            ("/v1/views/trending?event=conf", 404),
            ("/v1/views/visits?event=conf", 200),
            ("/v1/views/revenue?event=conf&size=hour", 200),
            ("/v1/views/revenue/changes", 200),
            ("/v1/views/revenue?currency=XXX", 400),
            ("/v1/views/audience?event=conf", 404),
            ("/v1/views/audience?by=shoe_size", 400),
            ("/v1/views/audience/changes?event=conf", 200),
            ("/v1/views/funnels/shop", 404),
            ("/v1/views/campaigns", 200),
            ("/v1/views/campaigns/c-1", 200),
            ("/v1/views/fraud/scores", 404),
            ("/v1/views/fraud/scores/A-1", 404),
            ("/v1/views/fraud/rings/0000000000000007", 200),
            ("/v1/views/recommendations/visitors/0000000000000007?event=conf", 200),
            ("/v1/views/recommendations/items/i-1?event=conf", 200),
            ("/v1/views/segments", 200),
            ("/v1/views/segments/visitors/0000000000000007", 200),
            ("/v1/views/visits/nobody", 404),
            ("/v1/views/windows/changes?event=conf", 200),
            ("/v1/views/attendance/changes?event=conf", 200),
            ("/v1/views/campaigns/changes", 200),
            ("/v1/views/fraud/scores/changes", 200),
            ("/v1/views/trending/changes?event=conf", 200),
            ("/v1/views/visits/changes?event=conf", 200),
            ("/v1/views/funnels/changes?event=conf", 200),
            ("/v1/views/segments/changes", 200),
            ("/v1/views/windows?kind=nonsense", 400),
            ("/v1/views/leaderboards/points?scope=day", 400),
        ] {
            let answer = house.get(READ, path).await;
            assert_eq!(answer.status.as_u16(), status, "{path}: {answer:?}");
            let words = if status == 200 { "as_of" } else { "code" };
            assert!(!answer.body[words].is_null(), "{path}: {answer:?}");
        }
    });
}
