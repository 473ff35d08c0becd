//! A full disk: activity is refused in time, facts go on, and everything heals by itself.

use eventlog::conformance::{check_verdicts, frame};
use eventlog::disk::{Disk, SimDisk, SimOptions};
use eventlog::{AppendError, Codec, EventLog, FileOptions, Lane};

use crate::{open, small};

const MIB: u64 = 1 << 20;

fn options() -> FileOptions {
    FileOptions {
        segment_bytes: 256 << 10,
        codecs: [Codec::None; 3],
        queue_bytes: 32 << 10,
        reserve_bytes: 2 * MIB,
        low_water: MIB,
        ..small()
    }
}

fn fill(log: &impl EventLog, lane: Lane) -> (u32, AppendError) {
    for n in 0..2_000 {
        if let Err(error) = log.append(vec![frame(lane, 0, vec![n as u8; 10_000], 1)]) {
            return (n, error);
        }
    }
    panic!("the disk never fills");
}

#[test]
fn activity_is_refused_while_facts_go_on() {
    let disk = SimDisk::with_options(1, SimOptions { capacity: 6 * MIB, reorder: true });
    let log = open(&disk, options());
    assert!(log.status().reserve_held);

    let (taken, refused) = fill(&log, Lane::Activity);
    assert!(taken > 100 && matches!(refused, AppendError::NoSpace { lane: Lane::Activity, .. }), "{taken} {refused}");
    assert!(log.status().reserve_held, "the reserve is not for activity");
    assert_eq!(log.status().lanes[Lane::Activity.index()].refused, 1);

    let (taken, refused) = fill(&log, Lane::Facts);
    // About 3 MiB: what was free and the reserve, down to a quarter of the low water mark.
    assert!(taken > 250 && matches!(refused, AppendError::NoSpace { lane: Lane::Facts, .. }), "{taken} {refused}");
    assert!(!log.status().reserve_held && disk.free_bytes().unwrap() > 0);
    assert!(log.status().poisoned.is_none(), "a full disk is no damage");

    disk.set_capacity(20 * MIB);
    log.append(vec![frame(Lane::Activity, 0, "again", 1)]).expect("there is space again");
    assert!(log.status().reserve_held);
    check_verdicts(&log);
    drop(log);
    check_verdicts(&open(&disk, options()));
}

#[test]
fn accepted_facts_are_written_from_the_reserve_when_the_disk_fills_suddenly() {
    let disk = SimDisk::with_options(1, SimOptions { capacity: 8 * MIB, reorder: true });
    let log = open(&disk, options());
    // Somebody else takes the rest of the disk between two appends.
    disk.set_capacity(8 * MIB - disk.free_bytes().unwrap() + 100);
    log.append(vec![frame(Lane::Facts, 0, vec![1; 5_000], 1)]).expect("the reserve is for this");
    assert!(!log.status().reserve_held);
    let refused = log.append(vec![frame(Lane::Activity, 0, "no", 1)]);
    assert!(matches!(refused, Err(AppendError::NoSpace { .. })), "{refused:?}");
    check_verdicts(&log);
}
