//! The dataflow equals its twins on a whole conference: late, repeated and out-of-order records included.

use std::sync::Arc;

use eventlog::clock::ManualClock;
use eventlog::disk::SimDisk;
use eventlog::{Lane, MemoryLog, NewFrame, PartitionId, ReadLimits};
use parking_lot::Mutex;
use records::{Batch, Fact, Record, Timestamp};
use workload::{Conference, Scale};

use super::*;
use crate::binding::{Entry, Skip};
use crate::computations::Product;
use crate::graph::Program;
use crate::{Config, Hooks, Stepper};

const START: Timestamp = Timestamp::from_seconds(1_791_000_000);

/// A conference in a log of three activity partitions; log time runs faster than its clock. Now and then a leaderboard
/// is reset, and once there are rules with a segment less.
fn conference(seed: u64, scale: Scale, frame_rows: usize) -> (Arc<MemoryLog>, Arc<ManualClock>, u64) {
    told_meanwhile(seed, scale, frame_rows, &later)
}

/// The same with something else that is decided while it goes on, by how many frames there were.
fn told_meanwhile(
    seed: u64,
    scale: Scale,
    frame_rows: usize,
    later: &dyn Fn(&[FactRow], u32) -> Vec<FactRow>,
) -> (Arc<MemoryLog>, Arc<ManualClock>, u64) {
    let clock = Arc::new(ManualClock::new(START));
    let log = Arc::new(MemoryLog::new(seed, Arc::clone(&clock)));
    let mut conference = Conference::new(seed, scale);
    let facts = conference.facts();
    append(&log, Lane::Facts, 0, records::fact::encode(&facts).into(), facts.len(), Vec::new());
    let sold = workload::bookings(seed, (conference.organization(), conference.event()), START, 60);
    let mut sold = sold.chunks(5);
    let (mut chunk, mut sent): (Vec<Record>, u64) = (Vec::new(), 0);
    let mut frames = 0;
    while conference.fill(&mut chunk, frame_rows) > 0 {
        frames += 1;
        if let Some(rows) = sold.next() {
            append(&log, Lane::Facts, 0, records::fact::encode(rows).into(), rows.len(), Vec::new());
        }
        for fact in later(&facts, frames) {
            append(&log, Lane::Facts, 0, records::fact::encode(&[fact]).into(), 1, Vec::new());
        }
        let mut by_partition = std::collections::BTreeMap::<u16, Vec<Record>>::new();
        for record in chunk.drain(..) {
            let partition = (records::hash::mix(record.actor.0) % 3) as u16;
            by_partition.entry(partition).or_default().push(record);
        }
        for (partition, rows) in by_partition {
            let batch = Batch::from_records(&rows);
            sent += rows.len() as u64;
            let chance = records::hash::mix(sent).cast_signed();
            clock.advance(5_000 + chance.rem_euclid(2_000_000));
            // Now and then a break, so that minutes, visits and the hours of lists end.
            if chance.rem_euclid(37) == 0 {
                clock.advance(1_300_000_000);
            }
            append(&log, Lane::Activity, partition, batch.encode().into(), rows.len(), batch.dedup());
        }
    }
    clock.advance(3_700_000_000);
    (log, clock, sent)
}

/// What is decided while the conference goes on.
fn later(facts: &[FactRow], frames: u32) -> Vec<FactRow> {
    let mut later = Vec::new();
    for row in facts {
        let Some(Fact::RulesPublished { document }) = row.known() else { continue };
        let mut document = serde_json::Value::clone(document);
        if frames == 9 {
            document["segments"].as_array_mut().unwrap().pop().unwrap();
            let published = Fact::RulesPublished { document: Arc::new(document) };
            later.push(FactRow::new(row.organization, row.at, published));
        } else if frames.is_multiple_of(4) {
            let leaderboard = document["leaderboards"][0]["leaderboard"].as_str().unwrap().parse().unwrap();
            later.push(FactRow::new(row.organization, row.at, Fact::LeaderboardReset { leaderboard }));
        }
    }
    later
}

fn append(log: &MemoryLog, lane: Lane, partition: u16, body: bytes::Bytes, rows: usize, dedup: Vec<u64>) {
    let rows = u32::try_from(rows).unwrap();
    log.append(vec![NewFrame { lane, partition: PartitionId(partition), body, rows, dedup, claim: None }]).unwrap();
}

/// One thing knows the API: runs the dataflow over the log and compares every view with its twin.
fn check(seed: u64, scale: Scale, frame_rows: usize, epoch_rows: u64) -> u64 {
    let (log, _clock, sent) = conference(seed, scale, frame_rows);
    let (compared, twin) = fold_and_compare(&log, 1, epoch_rows);
    assert!(twin.records() > 0 && twin.records() <= sent);
    compared
}

/// Folds the log from its beginning, and compares; returns how many answers there were.
fn fold_and_compare(log: &Arc<MemoryLog>, claim_id: u128, epoch_rows: u64) -> (u64, Twin) {
    let config = Config { claim_id, epoch_rows, ..Config::default() };
    let log: Arc<dyn EventLog> = Arc::<MemoryLog>::clone(log);
    let landed = Arc::new(Mutex::new(Landed::default()));
    let taken = Arc::clone(&landed);
    let sink: crate::Sink = Box::new(move |epoch| {
        taken.lock().take(epoch);
        Ok(epoch.number)
    });
    let hooks = Hooks { sink: Some(sink), ..Hooks::default() };
    let mut dataflow = Stepper::<Product>::open(config, Arc::clone(&log), Arc::new(SimDisk::new(1)), hooks).unwrap();
    dataflow.run().unwrap();
    assert_eq!(dataflow.skipped(), 0);
    let (views, progress) = (dataflow.views(), dataflow.progress());
    // Closing lands what is left.
    dataflow.close().unwrap();
    let twin = Twin::recount(&*log, progress.current().log_time).unwrap();
    let mut compared = 0;
    let rows = landed.lock().compare(&twin);
    for differences in twin.compare(&views).into_iter().chain(rows) {
        let first: Vec<String> = differences.kept().iter().take(5).map(ToString::to_string).collect();
        assert_eq!(differences.found(), 0, "{}: {first:#?}", differences.view());
        assert!(differences.compared() > 0, "{}: nothing was compared", differences.view());
        compared += differences.compared();
    }
    (compared, twin)
}

/// Writes to the log that a view ignores some records and facts of epochs that were bound.
fn put_aside(log: &MemoryLog, view: &str, ignored: impl Fn(Pos, Option<&Fact>) -> bool) -> u64 {
    let frames = |lane| log.read_lane(lane, &log.starts(lane), ReadLimits::everything()).unwrap();
    let entries = frames(Lane::System).into_iter().map(|frame| Entry::decode(&frame.body).unwrap());
    let bindings = entries.filter_map(|entry| if let Entry::Bound(binding) = entry { Some(binding) } else { None });
    let bindings: Vec<_> = bindings.collect();
    let mut count = 0;
    for frame in frames(Lane::Facts).into_iter().chain(frames(Lane::Activity)) {
        let facts = (frame.lane == Lane::Facts).then(|| records::fact::decode(&frame.body).unwrap());
        for row in frame.counted_rows() {
            let offset = frame.first.plus(row).0;
            let (log_time, lane, partition) = (frame.log_time, frame.lane as u8, frame.partition.0);
            let pos = Pos { log_time, lane, partition, offset };
            let fact = facts.as_ref().and_then(|facts| facts[row as usize].known());
            if !ignored(pos, fact) {
                continue;
            }
            let epoch = bindings.iter().find(|binding| binding.bound >= log_time).unwrap().epoch;
            let skip = Entry::Skipped(Skip { epoch, view: view.into(), pos, rows: 1 });
            append(log, Lane::System, 0, skip.encode().into(), 1, Vec::new());
            count += 1;
        }
    }
    count
}

#[test]
fn views_equal_their_twins() {
    let compared = check(1, Scale { attendees: 40, sessions: 6, twice_per_mille: 10, ..Scale::small() }, 100, 5_000);
    assert!(compared > 1_000, "{compared}");
}

#[test]
fn tiny_epochs_of_tiny_frames() {
    check(2, Scale { attendees: 8, sessions: 2, bots: 1, ..Scale::small() }, 7, 1);
}

#[test]
fn one_epoch_for_everything() {
    check(3, Scale { attendees: 20, sessions: 4, replayed: true, ..Scale::small() }, 3_000, u64::MAX);
}

/// Rules that ask each time for other signals: measures and windows come, go, and come again.
fn asking_for_others(facts: &[FactRow], frames: u32) -> Vec<FactRow> {
    let asked: [&[&str]; 6] = [
        &["orders_by_account_1h >= 2"],
        &["orders_by_account_24h >= 2", "records_by_account_10m >= 5", "accounts_on_device_1h >= 2"],
        &["amount_by_account_1m >= 1", "addresses_by_account_24h >= 2", "failures_by_account_7d >= 1"],
        &[
            "ring_accounts >= 2",
            "records_on_device_1h >= 9",
            "orders_by_account_10m >= 1",
            "devices_by_account_7d >= 2",
        ],
        &["device_known_s >= 60", "records_by_account_24h >= 3"],
        &[
            "orders_by_account_7d >= 1",
            "amount_by_account_7d >= 9",
            "accounts_on_device_7d >= 1",
            "cards_by_account_24h >= 1",
        ],
    ];
    if !frames.is_multiple_of(5) {
        return Vec::new();
    }
    let rules: Vec<_> = (0..)
        .zip(asked[frames as usize / 5 % asked.len()])
        .map(|(number, test)| {
            let id = format!("rule{number}");
            serde_json::json!({"id": id, "all": [test], "weight": 100 + number, "reason": "seen"})
        })
        .collect();
    let published = facts.iter().find_map(|row| match row.known() {
        Some(Fact::RulesPublished { document }) => Some((row, document)),
        _ => None,
    });
    let (row, document) = published.unwrap();
    let mut document = serde_json::Value::clone(document);
    document["fraud"]["rules"] = rules.into();
    let published = Fact::RulesPublished { document: Arc::new(document) };
    vec![FactRow::new(row.organization, row.at, published)]
}

#[test]
fn signals_count_from_when_rules_ask_for_them() {
    for (seed, frame_rows, epoch_rows) in [(11, 20, 300), (12, 60, 1), (13, 150, u64::MAX)] {
        let scale = Scale { attendees: 30, sessions: 5, ..Scale::small() };
        let (log, _clock, _) = told_meanwhile(seed, scale, frame_rows, &asking_for_others);
        let (compared, twin) = fold_and_compare(&log, 1, epoch_rows);
        assert!(compared > 500, "{compared}");
        let refused =
            twin.rulebook.tenants().into_iter().filter_map(|(id, _)| twin.rulebook.rules(id)?.refused.clone());
        assert_eq!(refused.collect::<Vec<_>>().len(), 0, "the rules are good");
    }
}

#[test]
fn records_that_one_view_has_put_aside_are_recounted_without_them_for_that_view_alone() {
    for (view, _) in Product::views() {
        let scale = Scale { attendees: 16, sessions: 4, ..Scale::small() };
        let (log, _clock, _) = conference(4, scale, 40);
        let (_, before) = fold_and_compare(&log, 1, 500);
        // Each eighth record, and each second of the facts that some view folds, but the first rules.
        let facts = |pos: Pos, fact: &Fact| match fact {
            Fact::RulesPublished { .. } => pos.log_time > START,
            Fact::LeaderboardReset { .. } | Fact::ItemListed { .. } | Fact::Booking(_) => pos.offset.is_multiple_of(2),
            _ => false,
        };
        let ignored = |pos: Pos, fact: Option<&Fact>| match fact {
            Some(fact) => facts(pos, fact),
            None => pos.lane == Lane::Activity as u8 && records::hash::mix(pos.offset).is_multiple_of(8),
        };
        assert!(put_aside(&log, view, ignored) > 20);
        let (_, after) = fold_and_compare(&log, 2, 500);
        assert_ne!(format!("{before:?}"), format!("{after:?}"), "`{view}` does not mind");
    }
}
