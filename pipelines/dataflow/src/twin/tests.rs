//! The dataflow equals its twins on a whole conference: late, repeated and out-of-order records included.

use std::sync::Arc;

use eventlog::clock::ManualClock;
use eventlog::disk::SimDisk;
use eventlog::{Lane, MemoryLog, NewFrame, PartitionId};
use parking_lot::Mutex;
use records::{Batch, Record, Timestamp};
use workload::{Conference, Scale};

use super::*;
use crate::computations::Product;
use crate::{Config, Hooks, Stepper};

const START: Timestamp = Timestamp::from_seconds(1_791_000_000);

/// A conference in a log of three activity partitions; log time runs at `speed` times the conference's clock.
fn conference(seed: u64, scale: Scale, frame_rows: usize) -> (Arc<MemoryLog>, Arc<ManualClock>, u64) {
    let clock = Arc::new(ManualClock::new(START));
    let log = Arc::new(MemoryLog::new(seed, Arc::clone(&clock)));
    let mut conference = Conference::new(seed, scale);
    let facts = conference.facts();
    append(&log, Lane::Facts, 0, records::fact::encode(&facts).into(), facts.len(), Vec::new());
    let (mut chunk, mut sent): (Vec<Record>, u64) = (Vec::new(), 0);
    while conference.fill(&mut chunk, frame_rows) > 0 {
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

fn append(log: &MemoryLog, lane: Lane, partition: u16, body: bytes::Bytes, rows: usize, dedup: Vec<u64>) {
    let rows = u32::try_from(rows).unwrap();
    log.append(vec![NewFrame { lane, partition: PartitionId(partition), body, rows, dedup, claim: None }]).unwrap();
}

/// One thing knows the API: runs the dataflow over the log and compares every view with its twin.
fn check(seed: u64, scale: Scale, frame_rows: usize, epoch_rows: u64) -> u64 {
    let (log, _clock, sent) = conference(seed, scale, frame_rows);
    let config = Config { claim_id: 1, epoch_rows, ..Config::default() };
    let log: Arc<dyn EventLog> = log;
    let landed = Arc::new(Mutex::new(Landed::default()));
    let taken = Arc::clone(&landed);
    let sink: crate::Sink = Box::new(move |epoch| {
        taken.lock().take(epoch);
        Ok(epoch.number)
    });
    let hooks = Hooks { sink: Some(sink), ..Hooks::default() };
    let mut dataflow = Stepper::<Product>::open(config, Arc::clone(&log), Arc::new(SimDisk::new(seed)), hooks).unwrap();
    dataflow.run().unwrap();
    assert_eq!(dataflow.skipped(), 0);
    let (views, progress) = (dataflow.views(), dataflow.progress());
    // Closing lands what is left.
    dataflow.close().unwrap();
    let twin = Twin::recount(&*log, progress.current().log_time).unwrap();
    assert!(twin.records() > 0 && twin.records() <= sent);
    let mut compared = 0;
    let rows = landed.lock().compare(&twin);
    for differences in twin.compare(&views).into_iter().chain(rows) {
        let first: Vec<String> = differences.kept().iter().take(5).map(ToString::to_string).collect();
        assert_eq!(differences.found(), 0, "{}: {first:#?}", differences.view());
        assert!(differences.compared() > 0, "{}: nothing was compared", differences.view());
        compared += differences.compared();
    }
    compared
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
