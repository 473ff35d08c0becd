//! Replays: small made-up files here, the real sets where `EVENTRA_DATA` says.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::path::{Path, PathBuf};

use collect::replay::{Dataset, Options, Order, Progress, Replay, run};
use collect::subjects::Who;
use proptest::prelude::*;
use records::{Column, Flags, Kind, Record, Span, Timestamp};

use crate::support::{ACME, NOON, World};

const ECOMMERCE: &str =
    "\u{FEFF}user_id,signup_time,purchase_time,purchase_value,device_id,source,browser,sex,age,ip_address,class\r
1,2/24/2015 22:55,4/18/2015 2:47,34,DEV1,SEO,Chrome,M,39,732758368.8,0\r
2,1/1/2015 18:52,1/1/2015 18:53,15,DEV2,Ads,Opera,F,53,2621473820,1\r
3,8/11/2015 19:00,,,,,,,,,\r
";

fn replay(world: &World, set: Dataset, file: &Path, change: impl FnOnce(&mut Options)) -> Progress {
    let mut options = Options::new(ACME, NOON);
    change(&mut options);
    let mut replay = Replay::open(set, &[file], world.subjects.clone(), options).unwrap();
    run(&mut replay, &world.appender, &mut |_| true, &mut |_| {}).unwrap()
}

fn file(content: &[u8]) -> tempfile::NamedTempFile {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(content).unwrap();
    file
}

/// Checks what every replay promises about time, reading records in log order.
fn check_lateness(records: &[Record]) {
    let mut told = BTreeMap::new();
    for record in records.iter().filter(|record| record.kind != Kind::DeadLettered) {
        assert!(record.flags.has(Flags::REPLAYED));
        if record.kind == Kind::ReplayWatermarked {
            let before = told.insert(record.event, record.event_time);
            assert!(before.is_none_or(|before| before <= record.event_time), "watermarks move forward");
        } else {
            let watermark = told.get(&record.event).copied().unwrap_or(Timestamp::MIN);
            assert!(
                record.event_time >= watermark || record.late_by > Span::ZERO,
                "older than its watermark, and not late"
            );
        }
    }
}

#[test]
fn a_truncated_row_is_a_dead_letter_with_its_line() {
    let world = World::new();
    let file = file(ECOMMERCE.as_bytes());
    let progress = replay(&world, Dataset::Ecommerce, file.path(), |_| {});
    assert_eq!((progress.lines, progress.records, progress.dead), (3, 5, 1));
    assert_eq!(progress.bytes_read, progress.bytes_total);
    let records = world.records();
    let letter = records.iter().find(|record| record.kind == Kind::DeadLettered).unwrap();
    assert_eq!((letter.name.as_str(), letter.path.as_str()), ("bad_row", "line 4: purchase_time"));
    let fast = records.iter().filter(|record| {
        record.kind == Kind::OrderReported && record.event_time.since(record.signup_time) <= Span::MINUTE
    });
    assert_eq!(fast.count(), 1, "sixty seconds are inclusive");
    let order = records.iter().find(|record| record.amount_minor == 3_400).unwrap();
    assert_eq!((order.channel.as_str(), order.platform.as_str()), ("SEO", "chrome"));
    assert_eq!(order.address, world.subjects.token(ACME, "address", "43.173.1.96"));
    check_lateness(&records);
}

#[test]
fn by_event_time_nothing_is_late_and_in_file_order_it_is() {
    let file = file(ECOMMERCE.as_bytes());
    let world = World::new();
    replay(&world, Dataset::Ecommerce, file.path(), |_| {});
    assert!(world.records().iter().all(|record| record.late_by == Span::ZERO));
    let world = World::new();
    replay(&world, Dataset::Ecommerce, file.path(), |options| options.order = Some(Order::File));
    assert!(world.records().iter().any(|record| record.late_by > Span::ZERO));
    check_lateness(&world.records());
}

#[test]
fn a_replay_that_is_started_again_counts_nothing_twice_compressed_or_not() {
    let world = World::new();
    let plain = file(ECOMMERCE.as_bytes());
    let packed = file(&zstd::encode_all(ECOMMERCE.as_bytes(), 1).unwrap());
    let first = replay(&world, Dataset::Ecommerce, plain.path(), |_| {});
    let before = world.records();
    let again = replay(&world, Dataset::Ecommerce, packed.path(), |_| {});
    assert_eq!((first.repeated, again.repeated), (0, again.records));
    assert_eq!(world.records(), before);
}

#[test]
fn another_sets_file_is_refused() {
    let world = World::new();
    let file = file(b"1,2,3\n");
    let options = Options::new(ACME, NOON);
    let mut replay = Replay::open(Dataset::TalkingData, &[file.path()], world.subjects.clone(), options).unwrap();
    assert!(replay.next_chunk().unwrap_err().to_string().contains("does not begin with"));
}

#[test]
fn a_file_of_nothing_but_other_rows_is_refused_before_anything_is_appended() {
    let rows = |line: &str| file(line.repeat(300).as_bytes());
    for (set, content) in [(Dataset::Meetup, rows("1,10,100,pv,1511658000\n")), (Dataset::UserBehavior, rows("{}\n"))] {
        let world = World::new();
        let options = Options::new(ACME, NOON);
        let mut replay = Replay::open(set, &[content.path()], world.subjects.clone(), options).unwrap();
        let error = run(&mut replay, &world.appender, &mut |_| true, &mut |_| {}).unwrap_err().to_string();
        assert!(error.contains(set.word()) && error.contains("100 line(s)"), "{error}");
        assert!(world.records().is_empty());
    }
}

#[test]
fn a_replay_stops_at_the_bound_on_people_and_goes_on_when_it_is_higher() {
    let disk = eventlog::disk::SimDisk::new(1);
    let bounded = |most: u64| {
        let subjects = collect::Subjects::open(&disk, crate::support::chance(most)).unwrap().with_people_max(most);
        std::sync::Arc::new(subjects)
    };
    let content = file(b"1,10,100,pv,1511658000\n2,10,100,pv,1511658001\n3,10,100,pv,1511658002\n");
    let run_with = |most: u64, world: &World| {
        let subjects = bounded(most);
        let appender = collect::Appender::new(world.log.clone(), subjects.clone());
        let options = Options { chunk_span: Some(Span::ZERO), ..Options::new(ACME, NOON) };
        let mut replay = Replay::open(Dataset::UserBehavior, &[content.path()], subjects, options).unwrap();
        run(&mut replay, &appender, &mut |_| true, &mut |_| {})
    };
    let world = World::new();
    let error = run_with(2, &world).unwrap_err().to_string();
    assert!(error.contains("`people_max`"), "{error}");
    let done = run_with(3, &world).unwrap();
    assert_eq!((done.records, count(&world.records(), Kind::ItemViewed)), (3, 3), "what went in before counts once");
}

#[test]
fn clicks_and_conversions_are_read() {
    let world = World::new();
    let text = "ip,app,device,os,channel,click_time,attributed_time,is_attributed\n\
                9,12,1,13,497,2017-11-07 09:30:38,,0\n9,19,1,13,213,2017-11-07 09:00:00,2017-11-07 12:00:00,1\n";
    replay(&world, Dataset::TalkingData, file(text.as_bytes()).path(), |_| {});
    let records = world.records();
    let kinds: Vec<Kind> = records.iter().map(|record| record.kind).filter(|kind| kind.is_activity()).collect();
    assert_eq!(kinds, [Kind::AdClicked, Kind::AdClicked, Kind::AdConverted]);
    let first = &records[0];
    assert_eq!(
        (first.ad.to_string().as_str(), first.channel.as_str(), first.platform.as_str()),
        ("19", "213", "os-13")
    );
    assert_eq!((first.device, first.address), (records[1].device, records[1].address));
    assert!(!first.actor.is_some() && first.event_time < records[1].event_time);
}

#[test]
fn behaviours_and_answers_are_read() {
    let world = World::new();
    let text = "1,10,100,pv,1511658000\n1,10,100,buy,1511658001\n2,10,100,like,1511658002\n";
    let progress = replay(&world, Dataset::UserBehavior, file(text.as_bytes()).path(), |_| {});
    assert_eq!((progress.records, progress.dead), (3, 1));
    let records = world.records();
    let bought = records.iter().find(|record| record.kind == Kind::OrderReported).unwrap();
    assert!(bought.has(Column::order) && bought.quantity == 1 && bought.item.to_string() == "10");
    assert_eq!(bought.actor, world.subjects.find(ACME, Who::User("1")).unwrap().token);

    let world = World::new();
    let rsvp = |id: u32, mtime: u64, answer: &str| {
        format!(
            r#"{{"rsvp_id":{id},"mtime":{mtime},"response":"{answer}","guests":2,"member":{{"member_id":5}},"event":{{"event_id":"e-1","time":1}},"group":{{"group_country":"de","group_topics":[{{"a":[1]}}]}}}}"#
        )
    };
    let text = [rsvp(1, 2_000, "yes"), rsvp(1, 1_000, "no"), rsvp(1, 2_000, "yes"), "{}".into()].join("\n");
    let progress = replay(&world, Dataset::Meetup, file(text.as_bytes()).path(), |_| {});
    assert_eq!((progress.records, progress.repeated, progress.dead), (4, 1, 1));
    let answers: Vec<Record> =
        world.records().into_iter().filter(|record| record.kind == Kind::RegistrationReported).collect();
    assert_eq!(answers.len(), 2, "a re-delivery is the same message");
    assert_eq!((answers[0].choice.as_str(), answers[0].quantity, answers[0].country.as_str()), ("yes", 3, "DE"));
    assert_eq!((answers[1].quantity, answers[1].late_by), (0, Span::from_seconds(1)));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    /// Any order of any small buffer: the same records, only late ones behind their watermark.
    #[test]
    fn order_changes_lateness_only(seconds in prop::collection::vec(0u32..600, 1..80), buffer in 0usize..20, span in 1i64..300) {
        let lines: Vec<String> = seconds.iter().enumerate().map(|(at, second)| format!("{at},1,2,pv,{}", 1_511_658_000 + second)).collect();
        let file = file(lines.join("\n").as_bytes());
        let mut found = Vec::new();
        for order in [Order::File, Order::EventTime { buffer }, Order::EventTime { buffer: 1_000 }] {
            let world = World::new();
            let progress = replay(&world, Dataset::UserBehavior, file.path(), |options| {
                options.order = Some(order);
                options.chunk_span = Some(Span::from_seconds(span));
            });
            prop_assert_eq!(progress.records, seconds.len() as u64);
            let records = world.records();
            check_lateness(&records);
            let times: BTreeSet<_> = records.iter().filter(|record| record.kind == Kind::ItemViewed).map(|record| (record.message, record.event_time)).collect();
            found.push(times);
            if order == (Order::EventTime { buffer: 1_000 }) {
                prop_assert!(records.iter().all(|record| record.late_by == Span::ZERO));
            }
        }
        prop_assert!(found.windows(2).all(|pair| pair[0] == pair[1]));
    }
}

/// A file of the published sets, or a clear line that this test was skipped.
fn published(name: &str) -> Option<PathBuf> {
    match std::env::var_os("EVENTRA_DATA") {
        Some(folder) => Some(Path::new(&folder).join(name)),
        None => {
            eprintln!("skipped: EVENTRA_DATA is not set, so `{name}` was not replayed");
            None
        }
    }
}

fn count(records: &[Record], kind: Kind) -> usize {
    records.iter().filter(|record| record.kind == kind).count()
}

#[test]
fn the_published_orders_within_a_minute_are_1531() {
    let Some(path) = published("fraud/ecommerce_30k.csv.zst") else { return };
    let world = World::new();
    let progress = replay(&world, Dataset::Ecommerce, &path, |_| {});
    let records = world.records();
    let orders: Vec<&Record> = records.iter().filter(|record| record.kind == Kind::OrderReported).collect();
    let fast = orders.iter().filter(|order| order.event_time.since(order.signup_time) <= Span::MINUTE).count();
    assert_eq!((orders.len(), count(&records, Kind::RegistrationReported), fast), (30_189, 30_189, 1_531));
    let letters: Vec<&Record> = records.iter().filter(|record| record.kind == Kind::DeadLettered).collect();
    assert_eq!((letters.len(), letters[0].path.as_str()), (1, "line 30191: purchase_time"));
    assert_eq!((progress.dead, progress.repeated), (1, 0));
    assert!(orders.iter().all(|order| order.late_by == Span::ZERO));
    check_lateness(&records);
}

#[test]
fn the_published_behaviours_are_all_there() {
    let Some(path) = published("clickstream/userbehavior_hour1.csv.zst") else { return };
    let world = World::new();
    let progress = replay(&world, Dataset::UserBehavior, &path, |_| {});
    assert_eq!((progress.lines, progress.records, progress.repeated, progress.dead), (46_895, 46_895, 0, 0));
    check_lateness(&world.records());
}

#[test]
fn the_published_answers_are_1901_without_re_deliveries() {
    let Some(path) = published("events/meetup_rsvps.jsonl.zst") else { return };
    let world = World::new();
    let progress = replay(&world, Dataset::Meetup, &path, |_| {});
    assert_eq!((progress.records, progress.repeated, progress.dead), (3_000, 1_099, 0));
    let records = world.records();
    assert_eq!(count(&records, Kind::RegistrationReported), 1_901);
    check_lateness(&records);
}

#[test]
fn the_published_clicks_and_conversions_are_all_there() {
    let Some(path) = published("ads/talkingdata_clicks.csv.zst") else { return };
    let world = World::new();
    let progress = replay(&world, Dataset::TalkingData, &path, |_| {});
    let records = world.records();
    assert_eq!((count(&records, Kind::AdClicked), count(&records, Kind::AdConverted)), (71_439, 168));
    assert_eq!((progress.lines, progress.dead), (71_439, 0));
    check_lateness(&records);
}

#[test]
fn most_published_crawlers_are_marked() {
    let Some(path) = published("web/crawler-user-agents.json.zst") else { return };
    let text = zstd::decode_all(std::fs::File::open(path).unwrap()).unwrap();
    let crawlers: Vec<serde_json::Value> = serde_json::from_slice(&text).unwrap();
    let agents: Vec<&str> = crawlers
        .iter()
        .flat_map(|crawler| crawler["instances"].as_array().unwrap())
        .map(|agent| agent.as_str().unwrap())
        .collect();
    let share = |missed: usize| 100.0 * (agents.len() - missed) as f64 / agents.len() as f64;
    let missed: Vec<&&str> = agents.iter().filter(|agent| !collect::agents::is_bot(agent)).collect();
    eprintln!("{:.1} % of {} crawlers are marked; missed: {missed:#?}", share(missed.len()), agents.len());
    assert!(missed.len() * 20 <= agents.len(), "at least 95 % are marked");
}
