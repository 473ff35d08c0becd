//! The tools of `eventra log`: what they find, and what they save.

use std::sync::Arc;

use eventlog::conformance::traffic;
use eventlog::disk::{Disk, SimDisk, read_whole};
use eventlog::tools::{Consent, RepairError, ToolError, export, inspect, repair, verify};
use eventlog::{EventLog, FileLog, Frame, Lane, Offset, ReadLimits, Voided};

use crate::{open, small};

/// A closed log of several segments per lane, and what its lanes read as.
fn some_log() -> (SimDisk, Vec<Vec<Frame>>) {
    let disk = SimDisk::new(5);
    let log = open(&disk, small());
    traffic(3, 400).chunks(7).for_each(|frames| {
        log.append(frames.to_vec()).expect("there is room");
    });
    let frames = Lane::ALL.into_iter().map(|lane| read(&log, lane)).collect();
    (disk, frames)
}

fn read(log: &FileLog, lane: Lane) -> Vec<Frame> {
    log.read_lane(lane, &log.starts(lane), ReadLimits::everything()).expect("the log is whole")
}

fn shared(disk: &SimDisk) -> Arc<dyn Disk> {
    Arc::new(disk.clone())
}

fn segment(disk: &SimDisk, lane: Lane, at: usize) -> String {
    let names = disk.list("log").unwrap().into_iter().map(|entry| entry.name);
    let name = names.filter(|name| name.starts_with(lane.name()) && name.ends_with(".seg")).nth(at).unwrap();
    format!("log/{name}")
}

#[test]
fn a_whole_log_verifies_also_when_cold_and_truncated() {
    let (disk, frames) = some_log();
    let result = verify(&shared(&disk), "log").unwrap();
    assert!(result.is_whole() && result.unfinished.is_empty(), "{:?}", result.problems);
    assert_eq!(result.frames as usize, frames.iter().map(Vec::len).sum::<usize>());
    let log = open(&disk, small());
    while log.recompress(Lane::Facts, 1).unwrap().is_some() {}
    for partition in log.identity().partitions.each(Lane::Activity) {
        let end = log.ends(Lane::Activity)[usize::from(partition.0)];
        log.truncate_before(Lane::Activity, partition, Offset(end.0 / 2)).unwrap();
    }
    let result = verify(&shared(&disk), "log").unwrap();
    assert!(result.is_whole(), "beside a running log: {:?}", result.problems);
    assert!(result.frames > 0 && (result.frames as usize) < frames.iter().map(Vec::len).sum());
}

#[test]
fn a_torn_tail_is_unfinished_and_no_problem() {
    let (disk, _) = some_log();
    let last = disk
        .list("log")
        .unwrap()
        .iter()
        .filter(|entry| entry.name.starts_with("system-") && entry.name.ends_with(".seg"))
        .count()
        - 1;
    let path = segment(&disk, Lane::System, last);
    disk.damage(&path, |bytes| bytes.truncate(bytes.len() - 3));
    let result = verify(&shared(&disk), "log").unwrap();
    assert!(result.is_whole(), "{:?}", result.problems);
    assert_eq!(result.unfinished.len(), 1);
}

#[test]
fn every_problem_is_reported_with_its_place() {
    let (disk, _) = some_log();
    let paths = [segment(&disk, Lane::Facts, 1), segment(&disk, Lane::Activity, 0), segment(&disk, Lane::Activity, 2)];
    disk.damage(&paths[0], |bytes| bytes[600] ^= 1);
    disk.damage(&paths[1], |bytes| bytes[20] ^= 1);
    disk.remove(&paths[2]).unwrap();
    let result = verify(&shared(&disk), "log").unwrap();
    let mut places: Vec<_> = result.problems.iter().map(|problem| format!("log/{}", problem.place.segment)).collect();
    places.sort();
    let mut expected = paths.to_vec();
    expected.sort();
    assert_eq!(places, expected, "{:?}", result.problems);
    assert!(result.problems.iter().any(|problem| problem.reason.contains("missing")));
}

#[test]
fn a_verdict_that_admission_would_not_reach_is_found() {
    // A log whose second frame was judged without knowing the first: its head is whole, its verdict is not.
    let disk = SimDisk::new(5);
    let log = open(&disk, small());
    log.append(vec![eventlog::conformance::hashed(Lane::Activity, 0, &[1, 2])]).unwrap();
    let whole =
        disk.list("log").unwrap().iter().find(|entry| entry.name.starts_with("activity")).unwrap().bytes as usize;
    log.append(vec![eventlog::conformance::hashed(Lane::Activity, 0, &[1, 2])]).unwrap();
    drop(log);
    let path = segment(&disk, Lane::Activity, 0);
    let other = SimDisk::new(6);
    let log = open(&other, small());
    log.append(vec![eventlog::conformance::hashed(Lane::Activity, 0, &[8, 9])]).unwrap();
    log.append(vec![eventlog::conformance::hashed(Lane::Activity, 0, &[1, 2])]).unwrap();
    let judged_elsewhere = read_whole(&other, &path, 1 << 20).unwrap();
    assert!(verify(&shared(&disk), "log").unwrap().is_whole());
    disk.damage(&path, |bytes| bytes.splice(whole.., judged_elsewhere[whole..].iter().copied()).for_each(drop));
    let result = verify(&shared(&disk), "log").unwrap();
    assert!(result.problems.iter().any(|problem| problem.reason.contains("verdict")), "{:?}", result.problems);
}

#[test]
fn inspection_counts_what_was_appended() {
    let (disk, frames) = some_log();
    let inspection = inspect(&shared(&disk), "log").unwrap();
    assert_eq!(inspection.incarnation.id, 77);
    for (lane, frames) in inspection.lanes.iter().zip(&frames) {
        assert_eq!(lane.segments.iter().map(|segment| segment.frames).sum::<u64>(), frames.len() as u64);
        for partition in &lane.partitions {
            let own = frames.iter().filter(|frame| frame.partition == partition.partition);
            assert_eq!(partition.counted_rows, own.clone().map(|frame| u64::from(frame.counted())).sum::<u64>());
            assert_eq!(partition.end, own.map(Frame::end).max().unwrap_or(Offset(0)));
        }
        assert!(lane.segments.iter().all(|segment| segment.stopped.is_none()));
    }
    assert!(matches!(inspect(&shared(&disk), "elsewhere"), Err(ToolError::NoLog { .. })));
}

#[test]
fn an_export_holds_every_frame_in_order() {
    let (disk, frames) = some_log();
    for (lane, frames) in Lane::ALL.into_iter().zip(frames) {
        let exported: Vec<Frame> = export(shared(&disk), "log", lane)
            .unwrap()
            .map(|raw| {
                let mut frame = raw.expect("nothing is damaged").frame;
                if frame.voided == Voided::All {
                    frame.body = Default::default();
                }
                frame
            })
            .collect();
        assert_eq!(exported, frames);
    }
}

/// Damages a log, repairs it, and checks that all but what was damaged is as before.
fn check_repair(name: &str, damage: impl Fn(&SimDisk), most_lost: usize) {
    let (disk, before) = some_log();
    let ends: Vec<_> = {
        let log = open(&disk, small());
        Lane::ALL.into_iter().map(|lane| log.ends(lane)).collect()
    };
    damage(&disk);
    let planned = repair(&shared(&disk), "log", Consent::No).unwrap();
    assert!(!planned.segments.is_empty(), "{name}");
    assert!(!verify(&shared(&disk), "log").unwrap().is_whole(), "{name}: nothing may change without consent");
    let done = repair(&shared(&disk), "log", Consent::GiveUpWhatIsUnreadable).unwrap();
    assert_eq!(done, planned, "{name}");
    let result = verify(&shared(&disk), "log").unwrap();
    assert!(result.is_whole(), "{name}: {:?}", result.problems);

    let log = open(&disk, small());
    for ((lane, before), ends) in Lane::ALL.into_iter().zip(&before).zip(&ends) {
        let after = read(&log, lane);
        let saved: Vec<&Frame> = before.iter().filter(|frame| after.contains(frame)).collect();
        assert!(before.len() - saved.len() <= most_lost, "{name}: {} of {} saved", saved.len(), before.len());
        let lost = |frame: &&Frame| !before.contains(frame);
        assert!(after.iter().filter(lost).all(|frame| frame.counted() == 0), "{name}: nothing is invented");
        assert_eq!(&log.ends(lane), ends, "{name}: every offset keeps its meaning");
    }
    log.append(traffic(9, 30)).expect("appending goes on");
    drop(log);
    assert!(verify(&shared(&disk), "log").unwrap().is_whole(), "{name}");
    assert_eq!(repair(&shared(&disk), "log", Consent::GiveUpWhatIsUnreadable).unwrap().segments, Vec::<String>::new());
    let aside = disk.list("log/aside").unwrap();
    assert!(aside.iter().any(|entry| entry.name.starts_with("report-")), "{name}: {aside:?}");
}

#[test]
fn repair_saves_what_is_whole() {
    check_repair("a body", |disk| disk.damage(&segment(disk, Lane::Facts, 1), |bytes| bytes[900] ^= 1), 1);
    check_repair("the first frame", |disk| disk.damage(&segment(disk, Lane::Facts, 0), |bytes| bytes[250] ^= 1), 1);
    check_repair(
        "a stretch",
        |disk| disk.damage(&segment(disk, Lane::Activity, 1), |bytes| bytes[700..2_000].fill(0)),
        30,
    );
    let twice = |disk: &SimDisk| {
        disk.damage(&segment(disk, Lane::Activity, 1), |bytes| {
            bytes[800] ^= 1;
            bytes[2_500] ^= 1;
        });
    };
    check_repair("two places", twice, 2);
    check_repair("a segment head", |disk| disk.damage(&segment(disk, Lane::Facts, 1), |bytes| bytes[9] ^= 1), 0);
    check_repair("a missing segment", |disk| disk.remove(&segment(disk, Lane::Activity, 1)).unwrap(), 60);
    check_repair(
        "a short segment",
        |disk| disk.damage(&segment(disk, Lane::Facts, 1), |bytes| bytes.truncate(3_000)),
        20,
    );
}

#[test]
fn a_running_log_is_not_repaired() {
    let (disk, _) = some_log();
    let log = open(&disk, small());
    let refused = repair(&shared(&disk), "log", Consent::GiveUpWhatIsUnreadable);
    assert!(matches!(refused, Err(RepairError::Locked(_))));
    drop(log);
}
