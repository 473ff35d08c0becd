//! Crashes: nothing acknowledged is lost, nothing is doubled, order stays. Whatever the moment, whatever survives.

use std::collections::BTreeMap;
use std::sync::Arc;

use eventlog::conformance::{check_verdicts, traffic};
use eventlog::disk::{SimDisk, SimOp, SimOptions};
use eventlog::{AppendError, Appended, EventLog, FileLog, FileOptions, Frame, Lane, NewFrame, Offset, ReadLimits};
use proptest::prelude::*;

use crate::{clock, open, small, threaded};

/// What was sent to one log, over all its lives.
#[derive(Default)]
struct Sent {
    /// By number: the frame, and the receipt if one came.
    frames: BTreeMap<u64, (NewFrame, Option<Appended>)>,
}

impl Sent {
    /// Sends frames whose bodies begin with their number. Whether they were acknowledged.
    fn send(&mut self, log: &FileLog, frames: &[NewFrame]) -> Result<(), AppendError> {
        let first = self.frames.len() as u64;
        let numbered: Vec<NewFrame> =
            frames.iter().zip(first..).map(|(frame, number)| number_frame(frame, number)).collect();
        self.frames.extend((first..).zip(numbered.iter().cloned().map(|frame| (frame, None))));
        for (number, receipt) in (first..).zip(log.append(numbered)?) {
            self.frames.get_mut(&number).expect("it was just sent").1 = Some(receipt);
        }
        Ok(())
    }

    /// Compares what the log holds with what was sent.
    fn check(&self, log: &FileLog) {
        check_verdicts(log);
        let mut found = BTreeMap::new();
        for lane in Lane::ALL {
            let mut raw: Vec<_> = log
                .identity()
                .partitions
                .each(lane)
                .flat_map(|partition| {
                    log.read_raw(lane, partition, Offset(0), ReadLimits::everything()).expect("whole")
                })
                .collect();
            raw.sort_by_key(|raw| raw.frame.log_time);
            let numbers: Vec<u64> = raw.iter().map(|raw| number(&raw.frame)).collect();
            assert!(numbers.is_sorted_by(|a, b| a < b), "{lane} is doubled or out of order: {numbers:?}");
            found.extend(numbers.into_iter().zip(raw));
        }
        for (number, (sent, receipt)) in &self.frames {
            let Some(raw) = found.remove(number) else {
                assert!(receipt.is_none(), "acknowledged frame {number} is lost: {receipt:?}");
                continue;
            };
            let frame = raw.frame;
            assert_eq!((frame.lane, frame.partition, &frame.body), (sent.lane, sent.partition, &sent.body));
            assert_eq!((frame.rows, &raw.dedup, frame.claim), (sent.rows, &sent.dedup, sent.claim));
            if let Some(receipt) = receipt {
                let voided_rows = frame.voided.count(frame.rows);
                assert_eq!(
                    (frame.first, frame.log_time, voided_rows),
                    (receipt.first, receipt.log_time, receipt.voided_rows)
                );
            }
        }
        assert!(found.is_empty(), "never sent: {found:?}");
    }
}

fn number_frame(frame: &NewFrame, number: u64) -> NewFrame {
    let body: Vec<u8> = number.to_le_bytes().into_iter().chain(frame.body.iter().copied()).collect();
    NewFrame { body: body.into(), ..frame.clone() }
}

fn number(frame: &Frame) -> u64 {
    u64::from_le_bytes(frame.body[..8].try_into().expect("bodies begin with a number"))
}

/// Opens the log, however often the machine goes down while doing so.
fn open_in_the_end(disk: &SimDisk, options: &FileOptions) -> FileLog {
    for _ in 0..20 {
        match FileLog::open(Arc::new(disk.clone()), clock(), options.clone()) {
            Ok(log) => return log,
            Err(error) => {
                assert!(disk.is_down(), "only a crash may keep the log from opening: {error}");
                disk.restart();
            }
        }
    }
    panic!("the log does not open");
}

/// Lives of a log: in each some traffic, then a crash at some operation, in the middle of anything.
fn live_and_crash(seed: u64, reorder: bool, lives: &[(u64, usize)], options: &FileOptions) {
    let disk = SimDisk::with_options(seed, SimOptions { reorder, ..SimOptions::default() });
    let mut sent = Sent::default();
    for (life, (crash_at, chunk)) in lives.iter().enumerate() {
        disk.crash_at(SimOp::Any, *crash_at);
        let log = open_in_the_end(&disk, options);
        sent.check(&log);
        disk.crash_at(SimOp::Any, *crash_at);
        for (at, frames) in traffic(seed + life as u64, 120).chunks(*chunk).enumerate() {
            if sent.send(&log, frames).is_err() {
                break;
            }
            if at % 7 == 6 && log.recompress(Lane::ALL[at % 3], 1).is_err() {
                break;
            }
        }
        disk.crash();
        drop(log);
        disk.restart();
    }
    let log = open(&disk, options.clone());
    sent.check(&log);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, ..ProptestConfig::default() })]

    #[test]
    fn nothing_acknowledged_is_lost_or_doubled(
        seed in any::<u64>(),
        reorder in any::<bool>(),
        lives in proptest::collection::vec((1u64..120, 1usize..12), 1..5),
    ) {
        live_and_crash(seed, reorder, &lives, &small());
    }

    #[test]
    fn nothing_acknowledged_is_lost_when_lanes_write_in_parallel(
        seed in any::<u64>(),
        lives in proptest::collection::vec((1u64..120, 1usize..12), 1..4),
    ) {
        live_and_crash(seed, true, &lives, &threaded());
    }
}

#[test]
fn a_crash_at_every_operation_of_a_short_life() {
    for reorder in [false, true] {
        for at in 1..90 {
            live_and_crash(at, reorder, &[(at, 5), (1 + at % 13, 3)], &small());
        }
    }
}

/// A closed log with three group commits in one activity segment.
fn short_log() -> (SimDisk, Vec<u64>) {
    let disk = SimDisk::new(1);
    let log = open(&disk, FileOptions { segment_bytes: 1 << 20, ..small() });
    let mut ends = Vec::new();
    for frames in traffic(5, 200).chunks(70) {
        let activity = frames.iter().filter(|frame| frame.lane == Lane::Activity).take(2);
        log.append(activity.cloned().collect()).expect("there is room");
        ends.push(log.status().lanes[Lane::Activity.index()].bytes);
    }
    (disk, ends)
}

const TAIL: &str = "log/activity-000000000001.seg";

fn frames(log: &FileLog) -> Vec<Frame> {
    let from = log.starts(Lane::Activity);
    log.read_lane(Lane::Activity, &from, ReadLimits::everything()).expect("what is left is whole")
}

#[test]
fn a_tail_torn_at_any_byte_is_cut() {
    let (disk, ends) = short_log();
    let whole = frames(&open(&disk, small()));
    assert_eq!((whole.len(), ends.len()), (6, 3));
    let mut kept = std::collections::BTreeSet::new();
    // From the start of the second group on; and once with zeros where the rest was, as file systems leave it.
    for cut in ends[0]..=ends[2] {
        for zeros in [false, true] {
            let (disk, _) = short_log();
            disk.damage(TAIL, |bytes| {
                let length = bytes.len();
                bytes.truncate(cut as usize);
                bytes.resize(if zeros { length } else { cut as usize }, 0);
            });
            let log = open(&disk, small());
            let left = frames(&log);
            assert_eq!(left, whole[..left.len()], "cut at {cut}");
            assert!(left.len() >= 2 && (cut < ends[1] || left.len() >= 4), "whole groups stay, cut at {cut}");
            kept.insert(left.len());
            let next = log.append(traffic(6, 20)).expect("appending goes on");
            assert!(next[0].log_time > left[left.len() - 1].log_time);
            check_verdicts(&log);
        }
    }
    assert_eq!(kept.into_iter().collect::<Vec<_>>(), [2, 3, 4, 5, 6]);
}

#[test]
fn after_a_failed_sync_nothing_is_acknowledged_and_reads_go_on() {
    let disk = SimDisk::new(9);
    let mut sent = Sent::default();
    let log = open(&disk, small());
    sent.send(&log, &traffic(1, 10)).expect("there is room");
    let bound = log.bound();
    disk.fail_syncs(1);
    let failed = sent.send(&log, &traffic(2, 10));
    assert!(matches!(failed, Err(AppendError::Poisoned { .. })), "{failed:?}");
    assert!(matches!(log.append(traffic(3, 1)), Err(AppendError::Poisoned { .. })));
    assert!(log.status().poisoned.expect("the reason").contains("input/output"));
    assert!(log.bound() >= bound);
    sent.check(&log);
    drop(log);
    disk.restart();
    let log = open(&disk, small());
    sent.check(&log);
    sent.send(&log, &traffic(4, 10)).expect("a new life");
    sent.check(&log);
}
