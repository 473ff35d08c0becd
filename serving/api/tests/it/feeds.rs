//! Live feeds over real connections: nothing is missed, nothing is told to the wrong ones, nothing grows.

use std::collections::BTreeMap;
use std::time::Duration;

use api::limits::Feeds;
use axum::http::StatusCode;
use eventlog::MemoryOptions;
use records::hash::bin;
use records::{EventId, Fact, FactRow, LeaderboardId, SessionId, Timestamp, Token};
use serde_json::Value;
use views::feed::Limits;
use views::leaderboards::Board;
use views::trending::{Stage, Thing};

use crate::house::{House, NOW, OTHER, READ, WRITE, acme, run};
use crate::reads::{at, award, board, count};
use crate::wire::{Event, Held, PATIENCE, Server, Stream};

/// Quick, and every move of the frontier is told: a test knows what to wait for.
pub(crate) fn chatty() -> Feeds {
    Feeds { updates_per_second: 1_000, as_of_every: Duration::ZERO, ..Feeds::default() }
}

/// Quick, and only changes are told.
pub(crate) fn quiet() -> Feeds {
    Feeds { updates_per_second: 1_000, as_of_every: Duration::from_secs(3_600), ..Feeds::default() }
}

pub(crate) fn house(feeds: Feeds) -> House {
    House::live(MemoryOptions::default(), feeds, Limits::default())
}

pub(crate) fn points(house: &mut House, epoch: u64, who: u64, points: i64) {
    award(house, epoch, board(), Token(who), points);
}

pub(crate) fn complete(house: &mut House, epoch: u64) {
    house.complete(epoch, Timestamp(NOW.0 + epoch.cast_signed()));
}

pub(crate) fn figure(house: &House, name: &str) -> u64 {
    let text = house.metrics.text();
    text.lines()
        .filter_map(|line| line.strip_prefix(name))
        .filter_map(|rest| rest.rsplit(' ').next()?.parse::<u64>().ok())
        .sum()
}

/// Waits until no feed is kept for readers who have gone: who comes back sooner is told what the others would be.
async fn forgotten(house: &House) {
    let gone = async {
        while figure(house, "eventra_feed_groups") > 0 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::time::timeout(PATIENCE, gone).await.expect("feeds without readers are forgotten");
}

const TOP: &str = "leaderboards/points?limit=3";

#[test]
fn a_reader_is_told_everything_and_then_each_change_once() {
    let mut house = house(quiet());
    points(&mut house, 1, 5, 30);
    complete(&mut house, 1);
    run(async {
        let server = Server::of(&house).await;
        let mut stream = Stream::open(server.address, READ, TOP, None).await;
        assert_eq!(stream.status, 200, "{}", stream.head);
        assert!(stream.head.contains("content-type: text/event-stream"), "{}", stream.head);
        let first = stream.next().await.unwrap();
        assert_eq!((first.kind.as_str(), first.epoch()), ("reset", 1));
        assert_eq!(first.id.as_deref(), first.body["position"].as_str());
        assert_eq!(first.answer()["places"][0]["score"], 30);
        assert_eq!(first.body["as_of"]["epoch"], 1);
        for epoch in 2..6 {
            points(&mut house, epoch, 6, 10);
            complete(&mut house, epoch);
            let event = stream.next().await.unwrap();
            assert_eq!((event.kind.as_str(), event.epoch()), ("deltas", epoch));
            let read = house.get(READ, &format!("/v1/views/{TOP}")).await;
            assert_eq!(event.answer(), &read.body["data"], "what the read route answers");
        }
    });
}

#[test]
fn a_reader_who_reconnects_goes_on_without_gap_or_duplicate() {
    let mut house = house(quiet());
    run(async {
        let mut server = Server::of(&house).await;
        let feed = "windows?event=conf";
        let mut stream = Stream::open(server.address, READ, feed, None).await;
        let first = stream.next().await.unwrap();
        assert_eq!(first.answer(), &Value::Null, "no record has made such a series yet");
        let mut last = first.id.unwrap();
        let mut totals = Vec::new();
        for epoch in 1..=24 {
            match epoch % 4 {
                // While the reader is away.
                1 => drop(stream),
                // While nobody serves.
                2 => {
                    drop(stream);
                    assert!(server.stop().await, "nothing is open");
                    server = Server::of(&house).await;
                }
                _ => {
                    count(&mut house, epoch, "conf", 1);
                    complete(&mut house, epoch);
                    let event = stream.next().await.unwrap();
                    assert_eq!(event.kind, "deltas");
                    totals.push(event.answer()["total"].as_u64().unwrap());
                    last = event.id.unwrap();
                    continue;
                }
            }
            count(&mut house, epoch, "conf", 1);
            complete(&mut house, epoch);
            stream = Stream::open(server.address, READ, feed, Some(&last)).await;
            let event = stream.next().await.unwrap();
            assert_eq!(event.kind, "deltas", "not everything again");
            totals.push(event.answer()["total"].as_u64().unwrap());
            last = event.id.unwrap();
        }
        assert_eq!(totals, (1..=24).collect::<Vec<u64>>());
        // `position` is the same for who cannot set headers; the header is newer when there are both.
        let old = format!("{feed}&position=windows.1.7.3.4294967295");
        let mut stream = Stream::open(server.address, READ, &old, None).await;
        assert_eq!(stream.next().await.unwrap().answer()["total"], 24);
        let mut stream = Stream::open(server.address, READ, &old, Some(&last)).await;
        count(&mut house, 25, "conf", 1);
        complete(&mut house, 25);
        assert_eq!(stream.next().await.unwrap().answer()["total"], 25, "and not 24 again");
    });
}

#[test]
fn a_reader_who_resumes_is_told_what_the_server_saw_before_it_was_complete() {
    let mut house = house(quiet());
    points(&mut house, 1, 5, 30);
    complete(&mut house, 1);
    run(async {
        let server = Server::of(&house).await;
        let mut stream = Stream::open(server.address, READ, TOP, None).await;
        let last = stream.next().await.unwrap().id.unwrap();
        // The worker is ahead of the frontier: who asks now sees 35, the reader has 30.
        points(&mut house, 2, 5, 5);
        let mut stream = Stream::open(server.address, READ, "leaderboards/points?limit=4", Some(&last)).await;
        assert_eq!(stream.status, 200);
        complete(&mut house, 2);
        let event = stream.next().await.unwrap();
        assert_eq!((event.kind.as_str(), &event.answer()["places"][0]["score"]), ("deltas", &35.into()));
    });
}

#[test]
fn feeds_outlive_a_rebuild_of_the_dataflow() {
    let mut house = house(quiet());
    run(async {
        let server = Server::of(&house).await;
        let mut answer = Stream::open(server.address, READ, "windows?event=conf", None).await;
        let mut changes = Stream::open(server.address, READ, "windows/changes?event=conf", None).await;
        for stream in [&mut answer, &mut changes] {
            assert_eq!(stream.next().await.unwrap().kind, "reset");
        }
        let total = |event: &Event| event.body["changes"][0]["value"]["total"].as_u64().unwrap();
        for epoch in 1..=12 {
            count(&mut house, epoch, "conf", 1);
            complete(&mut house, epoch);
            for stream in [&mut answer, &mut changes] {
                let event = stream.next().await.unwrap();
                assert_eq!((event.kind.as_str(), event.epoch(), total(&event)), ("deltas", epoch, epoch));
            }
            if epoch % 5 == 0 {
                // It has to catch up with what readers were told already.
                house.adopt(crate::feeds::house(quiet()));
                for replayed in 1..=epoch {
                    count(&mut house, replayed, "conf", 1);
                    complete(&mut house, replayed);
                }
            }
        }
    });
}

#[test]
fn a_storm_of_readers_who_come_back_is_whole_again() {
    const READERS: usize = 300;
    let mut house = house(quiet());
    count(&mut house, 1, "conf", 1);
    complete(&mut house, 1);
    run(async {
        let server = Server::of(&house).await;
        let mut lasts = Vec::new();
        let mut streams = Vec::new();
        for _ in 0..READERS {
            let mut stream = Stream::open(server.address, READ, "windows?event=conf", None).await;
            lasts.push(stream.next().await.unwrap().id.unwrap());
            streams.push(stream);
        }
        assert!(server.stop().await);
        drop(streams);
        for epoch in 2..=3 {
            count(&mut house, epoch, "conf", 1);
            complete(&mut house, epoch);
        }
        let server = Server::of(&house).await;
        let address = server.address;
        let encoded = figure(&house, "eventra_feed_encoded_total");
        let back: Vec<_> = lasts
            .into_iter()
            .map(|last| {
                tokio::spawn(async move {
                    let mut stream = Stream::open(address, READ, "windows?event=conf", Some(&last)).await;
                    let event = stream.next().await.unwrap();
                    (event.kind.clone(), event.answer()["total"].as_u64().unwrap(), stream)
                })
            })
            .collect();
        let mut streams = Vec::new();
        for reader in back {
            let (kind, total, stream) = reader.await.unwrap();
            assert_eq!((kind.as_str(), total), ("deltas", 3));
            streams.push(stream);
        }
        count(&mut house, 4, "conf", 1);
        complete(&mut house, 4);
        for mut stream in streams {
            assert_eq!(stream.next().await.unwrap().answer()["total"], 4, "once each");
        }
        let encoded = figure(&house, "eventra_feed_encoded_total") - encoded;
        assert!(encoded < 10, "readers share what they are told: {encoded}");
    });
}

#[test]
fn a_position_that_is_too_old_begins_anew() {
    let mut house = House::live(MemoryOptions::default(), quiet(), Limits { epochs: 2, ..Limits::default() });
    run(async {
        let server = Server::of(&house).await;
        for (feed, begin) in [(TOP, 0), ("leaderboards/changes", 10)] {
            points(&mut house, begin + 1, 5, 30);
            complete(&mut house, begin + 1);
            let mut stream = Stream::open(server.address, READ, feed, None).await;
            let last = stream.next().await.unwrap().id.unwrap();
            drop(stream);
            forgotten(&house).await;
            for epoch in begin + 2..begin + 6 {
                points(&mut house, epoch, 6, 10);
                complete(&mut house, epoch);
            }
            let mut stream = Stream::open(server.address, READ, feed, Some(&last)).await;
            let event = stream.next().await.unwrap();
            assert_eq!((event.kind.as_str(), event.epoch()), ("reset", begin + 5));
        }
        // Of another life of the log, too.
        let mut stream = Stream::open(server.address, READ, TOP, Some("leaderboards.2.8.1.0")).await;
        assert_eq!(stream.next().await.unwrap().kind, "reset");
    });
}

#[test]
fn refusals_are_problems_before_anything_is_told() {
    let house = house(quiet());
    run(async {
        let server = Server::of(&house).await;
        for (key, feed, last, status, code) in [
            (READ, "nonsense", None, 404, "route_unknown"),
            (READ, "leaderboards/points/nonsense", None, 404, "route_unknown"),
            (READ, "leaderboards/points?scope=day", None, 400, "parameter_wrong"),
            (READ, "windows?evnt=conf", None, 400, "parameter_wrong"),
            (READ, "windows?evnt=conf", Some("windows.1.7.0.0"), 400, "parameter_wrong"),
            (READ, "windows?max_rate=never", None, 400, "parameter_wrong"),
            (READ, "windows/changes?from=windows.1.7.0.0", None, 400, "parameter_wrong"),
            (READ, TOP, Some("windows.1.7.0.0"), 400, "position_wrong"),
            (READ, "windows?wait_for=7&wait_ms=1", None, 504, "waited_in_vain"),
            (WRITE, TOP, None, 403, "scope_missing"),
            ("nobody", TOP, None, 401, "key_unknown"),
        ] {
            let mut stream = Stream::open(server.address, key, feed, last).await;
            let refusal = stream.refusal().await;
            assert_eq!((stream.status, refusal["code"].as_str()), (status, Some(code)), "{feed}: {refusal}");
        }
        let unkeyed = house.send(crate::house::request(axum::http::Method::GET, "/v1/feeds/segments", &[], "")).await;
        assert_eq!((unkeyed.status, unkeyed.body["code"].as_str()), (StatusCode::UNAUTHORIZED, Some("key_missing")));
        let plain = house.get(READ, "/v1/feeds").await;
        assert_eq!((plain.status.as_u16(), plain.body["code"].as_str()), (426, Some("upgrade_missing")));
        assert_eq!(figure(&house, "eventra_feed_connections"), 0, "a refusal holds no place");
    });
}

#[test]
fn every_read_route_has_a_feed_that_tells_what_it_answers() {
    let mut house = house(quiet());
    points(&mut house, 1, 5, 30);
    count(&mut house, 1, "conf", 3);
    complete(&mut house, 1);
    let document = api::openapi::document();
    let paths = document["paths"].as_object().unwrap();
    let routes: Vec<&str> = paths.keys().filter_map(|path| path.strip_prefix("/v1/views/")).collect();
    assert!(routes.len() > 25, "the routes were found: {routes:?}");
    run(async {
        let server = Server::of(&house).await;
        for route in routes {
            let feed = route
                .replace("{person}", "0000000000000005")
                .replace("{leaderboard}", "points")
                .replace("{record}", "A-1");
            let parameters = paths[&format!("/v1/views/{route}")]["get"]["parameters"].as_array().unwrap();
            let named = |known: &Value| match known["$ref"].as_str() {
                Some(shared) => document.pointer(&shared[1..]).unwrap()["name"].clone(),
                None => known["name"].clone(),
            };
            let event = if parameters.iter().any(|known| named(known) == "event") { "?event=conf" } else { "" };
            let feed = feed.replace(['{', '}'], "") + event;
            let mut stream = Stream::open(server.address, READ, &feed, None).await;
            assert_eq!(stream.status, 200, "{feed}");
            let first = stream.next().await.unwrap();
            assert_eq!(first.kind, "reset", "{feed}: {first:?}");
            let read = house.get(READ, &format!("/v1/views/{feed}")).await;
            if route.ends_with("/changes") {
                assert_eq!(first.body["changes"], read.body["data"]["changes"], "{feed}");
            } else {
                let data = if read.status == StatusCode::OK { &read.body["data"] } else { &Value::Null };
                assert_eq!(first.answer(), data, "{feed}");
            }
        }
    });
}

#[test]
fn another_organization_is_told_nothing() {
    let mut house = house(chatty());
    points(&mut house, 1, 5, 30);
    complete(&mut house, 1);
    run(async {
        let server = Server::of(&house).await;
        let mut own = Stream::open(server.address, READ, TOP, None).await;
        let own = own.next().await.unwrap();
        let mut answer = Stream::open(server.address, OTHER, TOP, None).await;
        assert_eq!(answer.next().await.unwrap().answer(), &Value::Null);
        let mut changes = Stream::open(server.address, OTHER, "leaderboards/changes", own.id.as_deref()).await;
        for epoch in 2..5 {
            points(&mut house, epoch, 6, 10);
            complete(&mut house, epoch);
            for stream in [&mut answer, &mut changes] {
                let event = stream.next().await.unwrap();
                assert_eq!((event.kind.as_str(), event.epoch()), ("as_of", epoch), "{event:?}");
                assert_eq!(event.body["as_of"]["epoch"], epoch);
                assert!(event.body.get("changes").is_none());
            }
        }
    });
}

#[test]
fn a_revoked_key_ends_its_feeds_and_no_others() {
    let mut house = house(quiet());
    run(async {
        let server = Server::of(&house).await;
        let mut own = Stream::open(server.address, READ, TOP, None).await;
        let mut other = Stream::open(server.address, OTHER, TOP, None).await;
        for stream in [&mut own, &mut other] {
            assert_eq!(stream.next().await.unwrap().kind, "reset");
        }
        house.callers.apply(&FactRow::new(acme(), NOW, Fact::KeyRevoked { key: "page".into() }));
        let end = own.next().await.unwrap();
        assert_eq!((end.kind.as_str(), end.body["code"].as_str()), ("problem", Some("key_unknown")));
        assert!(own.next().await.is_none());
        let organization = records::OrganizationId::parse("other").unwrap();
        let theirs = Board::all_time(organization, board().leaderboard);
        award(&mut house, 1, theirs, Token(9), 7);
        complete(&mut house, 1);
        assert_eq!(other.next().await.unwrap().answer()["places"][0]["score"], 7);
    });
}

#[test]
fn readers_of_the_same_share_encoded_messages() {
    let mut house = house(quiet());
    points(&mut house, 1, 5, 30);
    complete(&mut house, 1);
    run(async {
        let server = Server::of(&house).await;
        let mut streams = Vec::new();
        // The order of parameters, and how often one wants to be told, make no difference.
        for feed in ["leaderboards/points?limit=3&event=conf", "leaderboards/points?event=conf&limit=3&max_rate=1e6"] {
            streams.push(Stream::open(server.address, READ, feed, None).await);
        }
        let conf = Board::event(acme(), board().leaderboard, EventId::parse("conf").unwrap());
        for stream in &mut streams {
            assert_eq!(stream.next().await.unwrap().kind, "reset");
        }
        for epoch in 2..12 {
            award(&mut house, epoch, conf, Token(6), 10);
            complete(&mut house, epoch);
            let mut events = Vec::new();
            for stream in &mut streams {
                events.push(stream.next().await.unwrap());
            }
            assert_eq!(events[0].body, events[1].body);
        }
        assert_eq!(figure(&house, "eventra_feed_messages_total"), 22);
        assert_eq!(figure(&house, "eventra_feed_encoded_total"), 11, "one snapshot and ten changes");
        assert_eq!(figure(&house, "eventra_feed_subscriptions"), 2);
    });
}

#[test]
fn a_reader_that_stands_still_grows_nothing_and_is_told_the_present_in_one_piece() {
    let mut house = house(quiet());
    for who in 1..=1_000 {
        points(&mut house, 1, who, 1_000);
    }
    complete(&mut house, 1);
    run(async {
        let server = Server::of(&house).await;
        let feed = "leaderboards/points?limit=1000";
        let mut slow = Stream::with_window(server.address, READ, feed, None, Some(4 << 10)).await;
        let mut quick = Stream::open(server.address, READ, feed, None).await;
        let size = quick.next().await.unwrap().body.to_string().len() as u64;
        let epochs = 300;
        for epoch in 2..=epochs {
            points(&mut house, epoch, epoch, 1);
            complete(&mut house, epoch);
            assert_eq!(quick.next().await.unwrap().epoch(), epoch);
        }
        let told = figure(&house, "eventra_feed_bytes_total");
        let of_quick = size * epochs;
        // The kernel takes up to 4 MB of a connection's data here, and hyper holds sixteen pieces.
        assert!(size > 40_000 && told < of_quick + (4 << 20) + 17 * size, "{told} of {of_quick}, {size} each");
        let mut messages = 1;
        let mut event = slow.next().await.unwrap();
        assert_eq!(event.kind, "reset");
        while event.epoch() < epochs {
            event = slow.next().await.unwrap();
            messages += 1;
        }
        assert!(messages < epochs / 2, "what it missed came in one piece: {messages}");
        assert!(figure(&house, "eventra_feed_coalesced_total") >= 1);
        let read = house.get(READ, &format!("/v1/views/{feed}")).await;
        assert_eq!(event.answer(), &read.body["data"]);
    });
}

#[test]
fn a_reader_who_wants_it_slower_is_told_the_sum() {
    let mut house = house(quiet());
    complete(&mut house, 1);
    run(async {
        let server = Server::of(&house).await;
        let mut quick = Stream::open(server.address, READ, "windows/changes?event=conf", None).await;
        let mut slow = Stream::open(server.address, READ, "windows/changes?event=conf&max_rate=4", None).await;
        quick.next().await.unwrap();
        slow.next().await.unwrap();
        for epoch in 2..22 {
            count(&mut house, epoch, "conf", 1);
            complete(&mut house, epoch);
            assert_eq!(quick.next().await.unwrap().body["changes"][0]["value"]["total"], epoch - 1);
        }
        let mut totals = Vec::new();
        while totals.last() != Some(&20) {
            totals.push(slow.next().await.unwrap().body["changes"][0]["value"]["total"].as_u64().unwrap());
        }
        assert!(totals.len() < 10 && totals.is_sorted(), "{totals:?}");
    });
}

#[test]
fn connections_are_bounded_for_a_key_and_for_all() {
    let house = house(Feeds { connections: 2, connections_of_key: 1, ..quiet() });
    let third = "a-third-key";
    let added = Fact::KeyAdded {
        key: "third".into(),
        hash: records::SecretHash::of(third).to_string(),
        scopes: vec![records::fact::Scope::Read],
        expires: None,
    };
    house.callers.apply(&FactRow::new(acme(), NOW, added));
    run(async {
        let server = Server::of(&house).await;
        let first = Stream::open(server.address, READ, TOP, None).await;
        let mut again = Stream::open(server.address, READ, TOP, None).await;
        let refusal = again.refusal().await;
        assert_eq!((again.status, refusal["code"].as_str()), (429, Some("feeds_too_many")));
        assert!(again.head.contains("retry-after: 5"), "{}", again.head);
        let other = Stream::open(server.address, OTHER, TOP, None).await;
        assert_eq!((first.status, other.status), (200, 200));
        let mut full = Stream::open(server.address, third, TOP, None).await;
        assert_eq!((full.status, full.refusal().await["code"].as_str()), (503, Some("overloaded")));
        assert!(full.head.contains("retry-after: 5"), "{}", full.head);
        assert_eq!(figure(&house, "eventra_feed_connections{kind=\"sse\"}"), 2);
        drop(first);
        // The server learns of it when it looks: a place is free soon, and then it is taken at once.
        let opened = async { while Stream::open(server.address, READ, TOP, None).await.status != 200 {} };
        tokio::time::timeout(PATIENCE, opened).await.unwrap();
    });
}

#[test]
fn a_server_that_stops_ends_its_feeds_in_order() {
    let house = house(quiet());
    run(async {
        let server = Server::of(&house).await;
        let mut stream = Stream::open(server.address, READ, TOP, None).await;
        assert_eq!(stream.next().await.unwrap().kind, "reset");
        assert!(server.stop().await, "it does not wait for feeds until its patience ends");
        assert!(stream.next().await.is_none());
    });
}

#[test]
fn a_silent_feed_shows_that_it_lives_and_how_far_it_is() {
    let mut house = house(Feeds { heartbeat: Duration::from_millis(5), ..chatty() });
    run(async {
        let server = Server::of(&house).await;
        let mut stream = Stream::open(server.address, READ, TOP, None).await;
        assert_eq!(stream.next().await.unwrap().kind, "reset");
        complete(&mut house, 1);
        let event = stream.next().await.unwrap();
        assert_eq!((event.kind.as_str(), event.epoch()), ("as_of", 1));
        assert!(stream.comment().await, "a heartbeat");
    });
}

#[test]
fn what_is_trending_changes_with_time_alone() {
    let mut house = house(quiet());
    let stage = Stage { organization: acme(), event: EventId::parse("conf").unwrap() };
    let thing = Thing::Session(SessionId::parse("talk").unwrap());
    let input = views::trending::Input { stage, thing, weight: 3 };
    house.trending.apply(1, bin(stage.hash()), [((), at(0), &input)], &mut Vec::new());
    complete(&mut house, 1);
    run(async {
        let server = Server::of(&house).await;
        let mut stream = Stream::open(server.address, READ, "trending?event=conf", None).await;
        let first = stream.next().await.unwrap();
        house.complete(2, Timestamp(NOW.0 + 3_600_000_000));
        let second = stream.next().await.unwrap();
        let score = |event: &Event| event.answer()["trends"][0]["score"].as_f64();
        assert!(score(&second) < score(&first), "{first:?} {second:?}");
    });
}

/// The law: whatever a client goes through, a snapshot with deltas over it is what the view answers in the end.
fn law(seed: u64) {
    let mut drawn = seed;
    let mut draw = move |below: u64| {
        drawn = records::hash::mix(drawn.wrapping_add(1));
        drawn % below
    };
    // Told at once; and seldom, so that what happens between comes in one piece.
    let feeds = [
        "leaderboards/changes",
        "leaderboards/changes?max_rate=40",
        "windows/changes?event=conf",
        "windows?event=conf",
        TOP,
        "leaderboards?max_rate=40",
    ];
    // Some lives of the log forget soon.
    let ring = Limits { epochs: [1_000, 3][usize::from(seed.is_multiple_of(3))], ..Limits::default() };
    run(async {
        let mut history: Vec<Vec<(bool, u64, i64)>> = Vec::new();
        let replay = |house: &mut House, epoch: u64, inputs: &[(bool, u64, i64)]| {
            for (counted, who, amount) in inputs {
                match counted {
                    true => count(house, epoch, ["conf", "fair"][usize::from(who % 2 == 0)], 1),
                    false => {
                        let name = ["points", "quiz", "rides", "talks"][usize::try_from(who % 4).unwrap()];
                        let board = Board::all_time(acme(), LeaderboardId::parse(name).unwrap());
                        award(house, epoch, board, Token(*who), *amount);
                    }
                }
            }
            complete(house, epoch);
        };
        let begin = || House::live(MemoryOptions::default(), chatty(), ring);
        let mut house = begin();
        let mut server = Server::of(&house).await;
        let mut held: Vec<Held> = feeds.iter().map(|_| Held::default()).collect();
        let mut streams: Vec<Option<Stream>> = feeds.iter().map(|_| None).collect();
        for epoch in 1..=40 {
            let inputs: Vec<(bool, u64, i64)> =
                (0..draw(4)).map(|_| (draw(2) == 0, draw(6) + 1, draw(50).cast_signed() + 1)).collect();
            replay(&mut house, epoch, &inputs);
            history.push(inputs);
            if draw(12) == 0 {
                // The process ends without a word, and another replays the log, while readers come back already.
                streams.iter_mut().for_each(|stream| *stream = None);
                house = begin();
                server = Server::of(&house).await;
                let late = draw(2) == 0;
                for (place, feed) in feeds.iter().enumerate().filter(|_| late) {
                    streams[place] =
                        Some(Stream::open(server.address, READ, feed, held[place].position.as_deref()).await);
                }
                (1..).zip(&history).for_each(|(epoch, inputs)| replay(&mut house, epoch, inputs));
            }
            for place in 0..feeds.len() {
                match draw(5) {
                    0 => streams[place] = None,
                    1 => {
                        let stream = match &mut streams[place] {
                            Some(stream) => stream,
                            none => none.insert(
                                Stream::open(server.address, READ, feeds[place], held[place].position.as_deref()).await,
                            ),
                        };
                        // Up to now; what comes between is taken in pieces of any size.
                        follow(stream, &mut held[place], epoch).await;
                    }
                    // It stands still.
                    _ => {}
                }
            }
        }
        for (place, feed) in feeds.iter().enumerate() {
            let stream = match &mut streams[place] {
                Some(stream) => stream,
                none => none.insert(Stream::open(server.address, READ, feed, held[place].position.as_deref()).await),
            };
            follow(stream, &mut held[place], 40).await;
            let address = feed.split("?max_rate").next().unwrap();
            let read = house.get(READ, &format!("/v1/views/{address}")).await;
            let mut truth = BTreeMap::new();
            if feed.contains("/changes") {
                for change in read.body["data"]["changes"].as_array().unwrap() {
                    truth.insert(change["key"].to_string(), change["value"].clone());
                }
            } else if read.status == StatusCode::OK {
                truth.insert("null".to_owned(), read.body["data"].clone());
            }
            assert_eq!(held[place].values, truth, "{feed}, seed {seed}");
        }
    });
}

async fn follow(stream: &mut Stream, held: &mut Held, epoch: u64) {
    assert_eq!(stream.status, 200);
    while held.epoch() < epoch {
        let event = stream.next().await.expect("the stream goes on");
        held.take(&event.kind, &event.body);
    }
}

#[test]
fn deltas_over_a_snapshot_are_the_view_whatever_happens() {
    (0..12).for_each(law);
}
