//! Retention, cold segments, indexes: upkeep that readers do not notice.

use std::sync::Arc;

use eventlog::conformance::{check_verdicts, frame, hashed, traffic};
use eventlog::disk::{Disk, DiskEntry, RealDisk, SimDisk};
use eventlog::{EventLog, FileLog, FileOptions, Frame, Lane, Offset, PartitionId, ReadLimits, TruncateError};

use crate::{clock, open, small, threaded};

fn lane(log: &FileLog, lane: Lane) -> Vec<Frame> {
    log.read_lane(lane, &log.starts(lane), ReadLimits::everything()).expect("the log is whole")
}

fn files(disk: &dyn Disk, lane: Lane) -> Vec<DiskEntry> {
    let entries = disk.list("log").unwrap().into_iter();
    entries.filter(|entry| entry.name.starts_with(lane.name()) && entry.name.ends_with(".seg")).collect()
}

fn fill(log: &FileLog, frames: usize) {
    traffic(4, frames).chunks(10).for_each(|frames| {
        log.append(frames.to_vec()).expect("there is room");
    });
}

#[test]
fn retention_drops_whole_segments_and_survives_reopening() {
    let disk = SimDisk::new(1);
    let log = open(&disk, small());
    fill(&log, 400);
    let before = files(&disk, Lane::Activity).len();
    let kept = lane(&log, Lane::Activity);
    let ends = log.ends(Lane::Activity);
    for (partition, end) in ends.iter().enumerate() {
        log.truncate_before(Lane::Activity, PartitionId(partition as u16), Offset(end.0 / 2)).unwrap();
    }
    let after = files(&disk, Lane::Activity).len();
    assert!(after < before && after > 1, "{before} {after}");
    let left = lane(&log, Lane::Activity);
    assert!(kept.ends_with(&left) && left.len() < kept.len());
    let starts = log.starts(Lane::Activity);
    assert!(starts.iter().zip(&ends).all(|(start, end)| start.0 <= end.0 / 2));
    drop(log);
    let log = open(&disk, small());
    assert_eq!((log.starts(Lane::Activity), lane(&log, Lane::Activity)), (starts, left));
    assert!(matches!(log.truncate_before(Lane::Facts, PartitionId(0), Offset(0)), Err(TruncateError::Kept { .. })));
}

#[test]
fn facts_may_go_only_with_leave() {
    let disk = SimDisk::new(1);
    let log = open(&disk, FileOptions { may_truncate_facts: true, ..small() });
    fill(&log, 400);
    for (partition, end) in log.ends(Lane::Facts).into_iter().enumerate() {
        log.truncate_before(Lane::Facts, PartitionId(partition as u16), end).unwrap();
    }
    assert_eq!(files(&disk, Lane::Facts).len(), 1);
}

#[test]
fn claims_outlive_the_segment_that_opened_them() {
    let disk = SimDisk::new(1);
    let options = FileOptions { may_truncate_facts: true, ..small() };
    let log = open(&disk, options.clone());
    let claimed = |n| eventlog::conformance::claimed(Lane::Facts, 0, 9, n);
    (0..200).for_each(|n| assert_eq!(log.append(vec![claimed(n)]).unwrap()[0].voided_rows, 0));
    let end = log.ends(Lane::Facts)[0];
    log.truncate_before(Lane::Facts, PartitionId(0), end).unwrap();
    assert!(log.starts(Lane::Facts)[0] > Offset(0));
    drop(log);
    let log = open(&disk, options);
    assert_eq!(log.append(vec![claimed(200)]).unwrap()[0].voided_rows, 0);
    assert_eq!(log.append(vec![claimed(202)]).unwrap()[0].voided_rows, 1);
}

#[test]
fn cold_segments_read_as_before_and_are_smaller() {
    let directory = tempfile::tempdir().unwrap();
    let disk = RealDisk::new(directory.path()).unwrap();
    let log = open(&disk, threaded());
    for n in 0..300u64 {
        let text: String =
            (0..40).map(|row| format!("{{\"user\":{},\"kind\":\"page_viewed\"}}", n * row % 97)).collect();
        log.append(vec![frame(Lane::Activity, (n % 4) as u16, text, 40)]).unwrap();
    }
    let hot = lane(&log, Lane::Activity);
    let sealed = files(&disk, Lane::Activity).len() - 1;
    let mut made = Vec::new();
    while let Some(cold) = log.recompress(Lane::Activity, 2).unwrap() {
        made.push(cold);
    }
    assert_eq!(made.len(), sealed - 2);
    assert!(made.iter().map(|cold| cold.after).sum::<u64>() < made.iter().map(|cold| cold.before).sum::<u64>());
    assert_eq!(lane(&log, Lane::Activity), hot);
    check_verdicts(&log);
    drop(log);
    let log = open(&disk, threaded());
    assert_eq!(lane(&log, Lane::Activity), hot);
    assert!(files(&disk, Lane::Activity).iter().all(|entry| !entry.name.ends_with(".tmp")));
}

#[test]
fn lost_and_wrong_indexes_are_rebuilt() {
    let disk = SimDisk::new(1);
    let log = open(&disk, small());
    fill(&log, 400);
    let whole = lane(&log, Lane::Activity);
    drop(log);
    let sidecars: Vec<_> = disk.list("log").unwrap().into_iter().filter(|entry| entry.name.ends_with(".idx")).collect();
    assert!(sidecars.len() > 4);
    for (at, sidecar) in sidecars.iter().enumerate() {
        let path = format!("log/{}", sidecar.name);
        match at % 3 {
            0 => disk.remove(&path).unwrap(),
            1 => disk.damage(&path, |bytes| bytes[50] ^= 1),
            _ => disk.damage(&path, |bytes| bytes.truncate(30)),
        }
    }
    let log = open(&disk, small());
    for frame in &whole {
        let read = log.read(
            Lane::Activity,
            frame.partition,
            frame.first,
            ReadLimits { max_rows: 1, ..ReadLimits::everything() },
        );
        assert_eq!(read.unwrap()[0], *frame);
    }
}

#[test]
fn duplicates_are_known_across_many_segments_and_a_restart() {
    let disk = SimDisk::new(1);
    let log = open(&disk, small());
    let hashes = |from: u64| (from..from + 50).map(records::hash::mix).collect::<Vec<_>>();
    (0..100).for_each(|n| {
        assert_eq!(log.append(vec![hashed(Lane::Activity, 0, &hashes(n * 50))]).unwrap()[0].voided_rows, 0)
    });
    assert!(files(&disk, Lane::Activity).len() > 10);
    drop(log);
    let log = FileLog::open(Arc::new(disk), clock(), small()).unwrap();
    assert_eq!(log.append(vec![hashed(Lane::Activity, 0, &hashes(25))]).unwrap()[0].voided_rows, 50);
    assert_eq!(log.append(vec![hashed(Lane::Activity, 0, &hashes(4_975))]).unwrap()[0].voided_rows, 25);
}

#[test]
fn a_tail_is_followed_while_it_grows() {
    let directory = tempfile::tempdir().unwrap();
    let disk = RealDisk::new(directory.path()).unwrap();
    let log = open(&disk, threaded());
    std::thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let (mut cursors, mut frames, mut bound) = (log.starts(Lane::Activity), Vec::new(), log.bound());
            while frames.len() < 500 {
                let up_to = ReadLimits { max_bytes: 10_000, ..ReadLimits::up_to(bound) };
                let read = log.read_lane(Lane::Activity, &cursors, up_to).expect("the log is whole");
                if read.is_empty() {
                    bound = log.wait_past(bound, std::time::Duration::from_secs(60));
                }
                read.iter().for_each(|frame| cursors[frame.partition.index()] = frame.end());
                frames.extend(read);
            }
            frames
        });
        for n in 0..500u32 {
            let frame = frame(Lane::Activity, (n % 4) as u16, n.to_le_bytes(), 1);
            drop(log.submit(vec![frame, crate::upkeep::fact(n)]).expect("there is room"));
        }
        let frames = reader.join().expect("the reader does not panic");
        let numbers: Vec<u32> =
            frames.iter().map(|frame| u32::from_le_bytes((*frame.body).try_into().unwrap())).collect();
        assert_eq!(numbers, (0..500).collect::<Vec<_>>(), "one order over all partitions, nothing missed at any cut");
    });
}

fn fact(n: u32) -> eventlog::NewFrame {
    frame(Lane::Facts, 0, n.to_le_bytes(), 1)
}
