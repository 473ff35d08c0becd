//! A log that is not the one that was bound: what an epoch holds is proven when it is folded again.

use std::sync::Arc;

use dataflow::{DataflowError, Hooks, SequenceError, Stepper};
use eventlog::clock::ManualClock;
use eventlog::disk::SimDisk;
use eventlog::{EventLog, Frame, Lane, MemoryLog, NewFrame, PartitionId, ReadLimits};
use records::{Batch, Kind, Record, Timestamp, Token};

use crate::support::{Answers, Test, World, answers};

/// Some epochs over two of the three partitions of activity, bound by a dataflow that has read them.
fn bound() -> (World, Answers) {
    let world = World::new(131);
    for number in 0..40 {
        world.clock.advance(300_000);
        append(&world.log, PartitionId((number % 2) as u16), batch(number));
    }
    let mut stepper = open(&world, &world.log);
    stepper.run().unwrap();
    let answers = answers(&stepper.views());
    (world, answers)
}

fn batch(number: i64) -> Batch {
    let record = |actor| Record { actor: Token(actor), amount_minor: number, ..Record::new(Kind::Page) };
    Batch::from_records(&[record(1), record(7)])
}

fn append(log: &MemoryLog, partition: PartitionId, batch: Batch) {
    let (rows, body) = (u32::try_from(batch.len()).unwrap(), batch.encode().into());
    log.append(vec![NewFrame { lane: Lane::Activity, partition, body, rows, dedup: vec![], claim: None }]).unwrap();
}

/// From nothing, so that every binding is read again.
fn open(world: &World, log: &Arc<MemoryLog>) -> Stepper<Test> {
    let log: Arc<dyn EventLog> = Arc::<MemoryLog>::clone(log);
    Stepper::open(world.config(1, 6), log, Arc::new(SimDisk::new(1)), Hooks::default()).unwrap()
}

/// The same log once more, frame by frame at the same log times, as `change` leaves it: it may append something first.
fn copied(world: &World, mut change: impl FnMut(&MemoryLog, &mut Frame)) -> Arc<MemoryLog> {
    let mut frames = Vec::new();
    for lane in Lane::ALL {
        frames.extend(world.log.read_lane(lane, &world.log.starts(lane), ReadLimits::everything()).unwrap());
    }
    frames.sort_by_key(|frame| frame.log_time);
    let clock = Arc::new(ManualClock::new(Timestamp(0)));
    let options =
        eventlog::MemoryOptions { partitions: world.log.identity().partitions, ..eventlog::MemoryOptions::default() };
    let log = Arc::new(MemoryLog::with_options(world.log.identity().incarnation.id, Arc::clone(&clock), options));
    for mut frame in frames {
        clock.set(frame.log_time - records::Span(1));
        change(&log, &mut frame);
        clock.set(frame.log_time);
        let Frame { lane, partition, body, rows, .. } = frame;
        log.append(vec![NewFrame { lane, partition, body, rows, dedup: vec![], claim: None }]).unwrap();
    }
    log
}

/// The lane and partition that folding again complains of.
fn complaint(world: &World, log: &Arc<MemoryLog>) -> (Lane, u16) {
    match open(world, log).run() {
        Err(DataflowError::Sequence(SequenceError::Changed { lane, partition, .. })) => (lane, partition),
        other => panic!("{other:?}"),
    }
}

/// The n-th frame of activity, as it is copied.
fn nth(frame: &Frame, count: &mut u32) -> Option<u32> {
    (frame.lane == Lane::Activity).then(|| {
        *count += 1;
        *count
    })
}

#[test]
fn a_log_that_is_the_same_is_folded_again() {
    let (world, before) = bound();
    let copy = copied(&world, |_, _| {});
    let mut again = open(&world, &copy);
    again.run().unwrap();
    assert_eq!(answers(&again.views()), before);
}

#[test]
fn other_records_at_the_same_offsets_are_found() {
    let (world, _) = bound();
    let mut count = 0;
    let copy = copied(&world, |_, frame| {
        if nth(frame, &mut count) == Some(14) {
            frame.body = batch(-1).encode().into();
        }
    });
    assert_eq!(complaint(&world, &copy), (Lane::Activity, 1));
}

#[test]
fn records_that_no_binding_names_are_found() {
    let (world, _) = bound();
    let mut count = 0;
    let copy = copied(&world, |log, frame| {
        if nth(frame, &mut count) == Some(14) {
            append(log, PartitionId(2), batch(14));
        }
    });
    assert_eq!(complaint(&world, &copy), (Lane::Activity, 2));
}

#[test]
fn a_partition_that_ends_elsewhere_is_found() {
    let (world, _) = bound();
    let mut count = 0;
    let copy = copied(&world, |log, frame| {
        if nth(frame, &mut count) == Some(15) {
            append(log, PartitionId(0), batch(15));
        }
    });
    assert_eq!(complaint(&world, &copy), (Lane::Activity, 0));
}
