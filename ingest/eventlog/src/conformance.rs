//! What every backend must do, as one suite: [`run`] it on a new implementation before anybody trusts it.
//!
//! Cases know nothing but [`EventLog`]; they panic with what they saw. Logs that outlive the process are closed and
//! opened again in some of them.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use records::hash::mix;
use records::time::Timestamp;

use crate::admit::Admission;
use crate::clock::ManualClock;
use crate::error::{AppendError, ReadError, TruncateError};
use crate::frame::{ClaimTag, Frame, NewFrame, Voided};
use crate::lane::{Lane, Offset, PartitionId};
use crate::log::{EventLog, ReadLimits};

/// A log under test.
pub trait Subject {
    /// Opens the log with this clock: empty the first time, with what was acknowledged when it was opened before.
    fn open(&mut self, clock: Arc<ManualClock>) -> Arc<dyn EventLog>;

    /// Whether the content outlives the log's value.
    fn outlives(&self) -> bool;
}

/// One case: a name that states the fact, and the check.
pub type Case = (&'static str, fn(&mut dyn Subject));

/// Every case.
pub const CASES: &[Case] = &[
    ("offsets and frames come back in order", offsets_and_frames_come_back_in_order),
    ("reads start with the frame that contains the offset", reads_start_with_the_frame_that_contains_the_offset),
    ("limits cut between frames", limits_cut_between_frames),
    ("wrong places are errors", wrong_places_are_errors),
    ("wrong frames are refused and leave no trace", wrong_frames_are_refused_and_leave_no_trace),
    ("log times rise whatever the clock does", log_times_rise_whatever_the_clock_does),
    ("the bound is never overtaken", the_bound_is_never_overtaken),
    ("duplicates do not count", duplicates_do_not_count),
    ("of two owners one counts", of_two_owners_one_counts),
    ("voided bodies are hidden from readers", voided_bodies_are_hidden_from_readers),
    ("verdicts equal the fold run again", verdicts_equal_the_fold_run_again),
    ("a lane reads as its partitions merged", a_lane_reads_as_its_partitions_merged),
    ("writers do not mix", writers_do_not_mix),
    ("a waiting reader is woken", a_waiting_reader_is_woken),
    ("everything goes on after reopening", everything_goes_on_after_reopening),
    ("truncation drops no more than asked", truncation_drops_no_more_than_asked),
];

/// Runs every case on a fresh subject.
///
/// # Panics
/// When a case fails.
pub fn run(mut fresh: impl FnMut() -> Box<dyn Subject>) {
    for (name, case) in CASES {
        // Printed by the test harness only when the case panics.
        println!("conformance: {name}");
        case(&mut *fresh());
    }
}

/// A frame for tests: `rows` rows, no hashes, no claim.
pub fn frame(lane: Lane, partition: u16, body: impl Into<Vec<u8>>, rows: u32) -> NewFrame {
    NewFrame { lane, partition: PartitionId(partition), body: body.into().into(), rows, dedup: Vec::new(), claim: None }
}

/// A frame for tests with one row per hash.
pub fn hashed(lane: Lane, partition: u16, hashes: &[u64]) -> NewFrame {
    let rows = u32::try_from(hashes.len()).expect("test frames are small");
    NewFrame { dedup: hashes.to_vec(), ..frame(lane, partition, format!("{hashes:?}"), rows) }
}

/// A frame for tests of one row under a claim; `n` 0 opens it.
pub fn claimed(lane: Lane, partition: u16, claim_id: u128, n: u64) -> NewFrame {
    let claim = Some(ClaimTag { claim_id, n, opens: n == 0 });
    NewFrame { claim, ..frame(lane, partition, format!("{claim_id}.{n}"), 1) }
}

/// Traffic for tests: `count` frames over all lanes with duplicates, claims, lost and repeated numbers.
pub fn traffic(seed: u64, count: usize) -> Vec<NewFrame> {
    let mut chance = mix(seed);
    let mut random = |below: u64| {
        chance = mix(chance);
        chance % below
    };
    let mut make = |_| {
        let (lane, partition) = match random(3) {
            0 => (Lane::Facts, random(3)),
            1 => (Lane::Activity, random(4)),
            _ => (Lane::System, 0),
        };
        let most = if random(8) == 0 { 150 } else { 4 };
        let rows = 1 + random(most);
        let dedup = if random(3) == 0 { Vec::new() } else { (0..rows).map(|_| random(400)).collect() };
        let body: Vec<u8> = (0..random(300)).map(|at| (at * rows) as u8).collect();
        let n = random(6);
        let claim = (lane == Lane::Facts).then(|| ClaimTag { claim_id: u128::from(random(3)), n, opens: n == 0 });
        NewFrame { lane, partition: PartitionId(partition as u16), body: body.into(), rows: rows as u32, dedup, claim }
    };
    (0..count).map(&mut make).collect()
}

/// Checks that every partition's stored verdicts are what [`Admission`] says when it runs over the raw frames.
///
/// # Panics
/// When they are not, or when offsets or log times do not rise.
pub fn check_verdicts(log: &dyn EventLog) {
    for lane in Lane::ALL {
        for partition in log.identity().partitions.each(lane) {
            let mut admission = Admission::new();
            let mut last = Timestamp::MIN;
            let mut next = Offset(0);
            for raw in log.read_raw(lane, partition, Offset(0), ReadLimits::everything()).expect("the log is whole") {
                let verdict = admission.admit(raw.frame.claim.as_ref(), raw.frame.rows, &raw.dedup);
                assert_eq!(verdict, raw.frame.voided, "{lane}/{partition}@{}", raw.frame.first);
                assert!(raw.frame.log_time > last && raw.frame.first >= next, "{lane}/{partition}@{}", raw.frame.first);
                assert_eq!(
                    crc32c::crc32c(&raw.frame.body),
                    raw.frame.content_crc,
                    "{lane}/{partition}@{}",
                    raw.frame.first
                );
                (last, next) = (raw.frame.log_time, raw.frame.end());
            }
        }
    }
}

const P: PartitionId = PartitionId(0);

fn clock() -> Arc<ManualClock> {
    Arc::new(ManualClock::new(Timestamp(1_000_000)))
}

fn all(log: &dyn EventLog, lane: Lane, partition: u16) -> Vec<Frame> {
    log.read(lane, PartitionId(partition), Offset(0), ReadLimits::everything()).expect("the log is whole")
}

fn bodies(frames: &[Frame]) -> Vec<&[u8]> {
    frames.iter().map(|frame| &*frame.body).collect()
}

fn offsets_and_frames_come_back_in_order(subject: &mut dyn Subject) {
    let log = subject.open(clock());
    let long = vec![7; 100_000];
    let sent = vec![
        frame(Lane::Activity, 1, "one", 3),
        frame(Lane::Activity, 1, "", 1),
        frame(Lane::Activity, 2, "two", 2),
        frame(Lane::Facts, 1, "fact", 1),
        frame(Lane::Activity, 1, long.clone(), 5),
    ];
    let appended = log.append(sent).expect("there is room");
    let offsets: Vec<_> = appended.iter().map(|appended| (appended.first.0, appended.end().0)).collect();
    assert_eq!(offsets, [(0, 3), (3, 4), (0, 2), (0, 1), (4, 9)]);
    let frames = all(&*log, Lane::Activity, 1);
    assert_eq!(bodies(&frames), [b"one".as_slice(), b"", &long]);
    assert_eq!(frames[0].content_crc, crc32c::crc32c(b"one"));
    assert_eq!(frames[1].log_time, appended[1].log_time);
    assert_eq!(log.ends(Lane::Activity)[..3], [Offset(0), Offset(9), Offset(2)]);
    assert_eq!(log.append(vec![frame(Lane::Activity, 1, "next", 1)]).expect("there is room")[0].first, Offset(9));
    assert!(log.append(Vec::new()).expect("nothing is durable at once").is_empty());
}

fn reads_start_with_the_frame_that_contains_the_offset(subject: &mut dyn Subject) {
    let log = subject.open(clock());
    let sent = (0..20).map(|n| frame(Lane::Facts, 0, format!("{n}"), 3)).collect();
    log.append(sent).expect("there is room");
    for from in 0..60 {
        let frames = log.read(Lane::Facts, P, Offset(from), ReadLimits::everything()).expect("the log is whole");
        assert_eq!(frames[0].first, Offset(from / 3 * 3), "from {from}");
        assert_eq!(frames.len() as u64, 20 - from / 3);
    }
    assert!(log.read(Lane::Facts, P, Offset(60), ReadLimits::everything()).expect("the end is a place").is_empty());
}

fn limits_cut_between_frames(subject: &mut dyn Subject) {
    let log = subject.open(clock());
    let appended =
        log.append((0..5).map(|_| frame(Lane::Activity, 0, vec![1; 100], 10)).collect()).expect("there is room");
    let count = |limits| log.read(Lane::Activity, P, Offset(0), limits).expect("the log is whole").len();
    let limits = ReadLimits::everything();
    assert_eq!(count(ReadLimits { max_bytes: 250, ..limits }), 2);
    assert_eq!(count(ReadLimits { max_rows: 39, ..limits }), 3);
    assert_eq!(count(ReadLimits { max_bytes: 1, max_rows: 1, ..limits }), 1, "the first frame always comes");
    assert_eq!(count(ReadLimits::up_to(appended[3].log_time)), 4);
    assert_eq!(count(ReadLimits::up_to(Timestamp(appended[0].log_time.0 - 1))), 0, "unless it is too late");
}

fn wrong_places_are_errors(subject: &mut dyn Subject) {
    let log = subject.open(clock());
    log.append(vec![frame(Lane::System, 0, "x", 2)]).expect("there is room");
    let read = |partition, from| log.read(Lane::System, PartitionId(partition), Offset(from), ReadLimits::default());
    assert!(matches!(read(0, 3), Err(ReadError::BeyondEnd { end: Offset(2), .. })));
    assert!(matches!(read(99, 0), Err(ReadError::NoPartition { .. })));
}

fn wrong_frames_are_refused_and_leave_no_trace(subject: &mut dyn Subject) {
    let log = subject.open(clock());
    let good = frame(Lane::Facts, 0, "good", 1);
    let bad = [
        frame(Lane::Facts, 99, "no such partition", 1),
        frame(Lane::Facts, 0, "no rows", 0),
        NewFrame { dedup: vec![1], ..frame(Lane::Facts, 0, "too few hashes", 2) },
    ];
    for bad in bad {
        let refused = log.append(vec![good.clone(), bad]);
        assert!(matches!(refused, Err(AppendError::Invalid { index: 1, .. })), "{refused:?}");
    }
    assert_eq!(log.ends(Lane::Facts)[0], Offset(0));
}

fn log_times_rise_whatever_the_clock_does(subject: &mut dyn Subject) {
    let clock = clock();
    let log = subject.open(clock.clone());
    let mut times = Vec::new();
    for (step, lane) in [5_000, 0, -900_000, 7, -7, 3_000_000].into_iter().zip(Lane::ALL.iter().cycle()) {
        clock.advance(step);
        let sent = vec![frame(*lane, 0, "a", 1), frame(Lane::Activity, 1, "b", 1)];
        times.extend(log.append(sent).expect("there is room").iter().map(|appended| appended.log_time));
    }
    assert!(times.is_sorted_by(|a, b| a < b), "{times:?}");
}

fn the_bound_is_never_overtaken(subject: &mut dyn Subject) {
    let clock = clock();
    let log = subject.open(clock.clone());
    let mut bound = log.bound();
    for round in 0..50 {
        clock.advance(if round % 3 == 0 { -40 } else { 30 });
        let ticket = log.submit(vec![frame(Lane::ALL[round % 3], 0, "x", 1)]).expect("there is room");
        let during = log.bound();
        let appended = ticket.wait().expect("it becomes durable")[0];
        assert!(appended.log_time > bound, "round {round}");
        assert!(during >= bound);
        bound = log.bound();
        assert!(bound >= during && bound >= appended.log_time);
    }
    clock.advance(1_000_000);
    assert!(log.bound() > bound, "an idle log's bound goes on");
}

fn duplicates_do_not_count(subject: &mut dyn Subject) {
    let log = subject.open(clock());
    let sent = vec![
        hashed(Lane::Activity, 0, &[1, 2, 0]),
        hashed(Lane::Activity, 0, &[3, 2, 0, 3]),
        hashed(Lane::Activity, 1, &[1]),
        hashed(Lane::Facts, 0, &[1]),
        hashed(Lane::Activity, 0, &[1, 3]),
    ];
    let appended = log.append(sent).expect("there is room");
    let voided: Vec<_> = appended.iter().map(|appended| appended.voided_rows).collect();
    assert_eq!(voided, [0, 2, 0, 0, 2], "a partition knows its own messages only");
    let frames = all(&*log, Lane::Activity, 0);
    assert_eq!(frames[1].counted_rows().collect::<Vec<_>>(), [0, 2]);
    assert_eq!(frames[2].voided, Voided::All);
}

fn of_two_owners_one_counts(subject: &mut dyn Subject) {
    let log = subject.open(clock());
    let order = [(1, 0), (1, 1), (2, 0), (1, 2), (2, 1), (2, 3), (2, 2), (3, 0), (3, 1)];
    for (claim, n) in order {
        log.append(vec![claimed(Lane::Facts, 0, claim, n)]).expect("there is room");
    }
    let frames = all(&*log, Lane::Facts, 0);
    let counted: Vec<_> = frames.iter().map(|frame| frame.counted() == 1).collect();
    assert_eq!(counted, [true, true, true, false, true, false, false, true, true]);
    let unfenced = log.append(vec![frame(Lane::Facts, 0, "no claim", 1)]).expect("there is room");
    assert_eq!(unfenced[0].voided_rows, 1, "a claimed partition takes no unclaimed facts");
}

fn voided_bodies_are_hidden_from_readers(subject: &mut dyn Subject) {
    let log = subject.open(clock());
    log.append(vec![claimed(Lane::Facts, 0, 1, 0), claimed(Lane::Facts, 0, 2, 5)]).expect("there is room");
    assert_eq!(bodies(&all(&*log, Lane::Facts, 0)), [b"1.0".as_slice(), b""]);
    let raw = log.read_raw(Lane::Facts, P, Offset(1), ReadLimits::everything()).expect("the log is whole");
    assert_eq!(&*raw[0].frame.body, b"2.5");
}

fn verdicts_equal_the_fold_run_again(subject: &mut dyn Subject) {
    let log = subject.open(clock());
    let traffic = traffic(7, 600);
    for chunk in traffic.chunks(9) {
        log.append(chunk.to_vec()).expect("there is room");
    }
    check_verdicts(&*log);
}

fn a_lane_reads_as_its_partitions_merged(subject: &mut dyn Subject) {
    let log = subject.open(clock());
    let traffic = traffic(8, 300);
    log.append(traffic).expect("there is room");
    for lane in Lane::ALL {
        let partitions = log.identity().partitions;
        let mut merged: Vec<Frame> =
            partitions.each(lane).flat_map(|partition| all(&*log, lane, partition.0)).collect();
        merged.sort_by_key(|frame| frame.log_time);
        let mut cursors = log.starts(lane);
        let mut read = Vec::new();
        // Every read makes progress, so as many rounds as frames are enough.
        for _ in 0..=merged.len() {
            let limits = ReadLimits { max_bytes: 2_000, ..ReadLimits::everything() };
            let frames = log.read_lane(lane, &cursors, limits).expect("the log is whole");
            frames.iter().for_each(|frame| cursors[frame.partition.index()] = frame.end());
            read.extend(frames);
        }
        assert_eq!(read, merged, "{lane}");
    }
}

fn writers_do_not_mix(subject: &mut dyn Subject) {
    let log = subject.open(clock());
    std::thread::scope(|scope| {
        for writer in 0..4u8 {
            let log = &log;
            scope.spawn(move || {
                let send = |n: u8| {
                    let frames = Lane::ALL.map(|lane| frame(lane, 0, vec![writer, n], 2)).to_vec();
                    log.submit(frames).expect("there is room")
                };
                let tickets: Vec<_> = (0..50).map(send).collect();
                tickets.into_iter().for_each(|ticket| assert_eq!(ticket.wait().expect("it becomes durable").len(), 3));
            });
        }
    });
    let mut times = BTreeSet::new();
    for lane in Lane::ALL {
        let frames = all(&*log, lane, 0);
        assert_eq!(frames.len(), 200);
        for writer in 0..4 {
            let own: Vec<u8> =
                frames.iter().filter(|frame| frame.body[0] == writer).map(|frame| frame.body[1]).collect();
            assert_eq!(own, (0..50).collect::<Vec<u8>>(), "a writer's frames keep their order");
        }
        assert!(frames.is_sorted_by(|a, b| a.end() == b.first && a.log_time < b.log_time));
        times.extend(frames.iter().map(|frame| frame.log_time));
    }
    assert_eq!(times.len(), 600, "no two frames share a log time");
}

fn a_waiting_reader_is_woken(subject: &mut dyn Subject) {
    let log = subject.open(clock());
    let bound = log.bound();
    // Far longer than any test may take: only the frame can end the wait.
    let patience = Duration::from_secs(600);
    std::thread::scope(|scope| {
        let waiter = scope.spawn(|| log.wait_past(bound, patience));
        log.append(vec![frame(Lane::Facts, 0, "news", 1)]).expect("there is room");
        let woken = waiter.join().expect("the waiter does not panic");
        let frames = log.read(Lane::Facts, P, Offset(0), ReadLimits::up_to(woken)).expect("the log is whole");
        assert_eq!(frames.len(), 1, "what woke the reader can be read");
    });
    let bound = log.bound();
    assert!(log.wait_past(bound, Duration::ZERO) >= bound, "a wait for nothing ends");
}

fn everything_goes_on_after_reopening(subject: &mut dyn Subject) {
    if !subject.outlives() {
        return;
    }
    let clock = clock();
    let log = subject.open(clock.clone());
    let identity = log.identity();
    let sent = vec![
        hashed(Lane::Activity, 0, &[1, 2]),
        claimed(Lane::Facts, 0, 5, 0),
        claimed(Lane::Facts, 0, 5, 1),
        claimed(Lane::Facts, 1, 6, 0),
        claimed(Lane::Facts, 1, 6, 2),
    ];
    let last = log.append(sent).expect("there is room").last().expect("five frames").log_time;
    let before: Vec<_> = Lane::ALL.iter().map(|lane| (all(&*log, *lane, 0), log.ends(*lane))).collect();
    drop(log);

    clock.advance(-500_000);
    let log = subject.open(clock);
    assert_eq!(log.identity(), identity);
    let after: Vec<_> = Lane::ALL.iter().map(|lane| (all(&*log, *lane, 0), log.ends(*lane))).collect();
    assert_eq!(before, after);
    let sent = vec![
        hashed(Lane::Activity, 0, &[2, 3]),
        claimed(Lane::Facts, 0, 5, 2),
        claimed(Lane::Facts, 1, 6, 1),
        claimed(Lane::Facts, 1, 6, 3),
        claimed(Lane::Facts, 1, 7, 0),
    ];
    let appended = log.append(sent).expect("there is room");
    assert!(appended[0].log_time > last, "log times go on");
    assert_eq!(appended[0].first, Offset(2), "offsets go on");
    let voided: Vec<_> = appended.iter().map(|appended| appended.voided_rows).collect();
    assert_eq!(voided, [1, 0, 1, 1, 0], "duplicates are known, claims go on, broken ones stay broken");
    check_verdicts(&*log);
}

fn truncation_drops_no_more_than_asked(subject: &mut dyn Subject) {
    let log = subject.open(clock());
    for n in 0..200u32 {
        log.append(vec![frame(Lane::Activity, 0, vec![3; 500], 2), frame(Lane::Activity, 1, vec![n as u8; 500], 1)])
            .expect("there is room");
    }
    log.append(vec![frame(Lane::Facts, 0, "kept", 1)]).expect("there is room");
    assert!(matches!(log.truncate_before(Lane::Facts, P, Offset(1)), Err(TruncateError::Kept { .. })));
    assert!(matches!(log.truncate_before(Lane::Activity, P, Offset(401)), Err(TruncateError::BeyondEnd { .. })));
    log.truncate_before(Lane::Activity, P, Offset(301)).expect("activity may go");
    log.truncate_before(Lane::Activity, PartitionId(1), Offset(150)).expect("activity may go");
    for (partition, asked, end) in [(0, 301, 400), (1, 150, 200)] {
        let start = log.starts(Lane::Activity)[usize::from(partition)];
        assert!(start.0 <= asked, "{partition}: {start}");
        let read = |from| log.read(Lane::Activity, PartitionId(partition), from, ReadLimits::everything());
        let frames = read(start).expect("what is left is whole");
        assert_eq!((frames[0].first, frames.last().expect("some are left").end()), (start, Offset(end)));
        if start.0 > 0 {
            assert!(matches!(read(Offset(start.0 - 1)), Err(ReadError::Truncated { .. })));
        }
    }
}
