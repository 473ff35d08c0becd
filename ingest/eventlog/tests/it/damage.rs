//! Damage to acknowledged data is reported with its place, never skipped, never read as something else.

use std::sync::Arc;

use eventlog::conformance::traffic;
use eventlog::disk::{Disk, SimDisk, read_whole};
use eventlog::{EventLog, FileLog, FileOptions, Frame, Lane, OpenError, Partitions, ReadError, ReadLimits};

use crate::{clock, open, small};

/// A closed log of several segments.
fn some_log() -> SimDisk {
    let disk = SimDisk::new(2);
    let log = open(&disk, small());
    traffic(3, 150).chunks(10).for_each(|frames| {
        log.append(frames.to_vec()).expect("there is room");
    });
    disk
}

fn all(log: &FileLog) -> Result<Vec<Vec<Frame>>, ReadError> {
    let read = |lane| log.read_lane(lane, &log.starts(lane), ReadLimits::everything());
    Lane::ALL.into_iter().map(read).collect()
}

fn segments(disk: &SimDisk) -> Vec<String> {
    let entries = disk.list("log").unwrap().into_iter();
    entries.filter(|entry| entry.name.ends_with(".seg")).map(|entry| entry.name).collect()
}

fn try_open(disk: &SimDisk) -> Result<FileLog, OpenError> {
    FileLog::open(Arc::new(disk.clone()), clock(), small())
}

#[test]
fn no_flipped_byte_goes_unnoticed() {
    let disk = some_log();
    let whole = all(&open(&disk, small())).unwrap();
    let (mut at_opening, mut at_reading, mut cut) = (0, 0, 0);
    for name in segments(&disk) {
        let path = format!("log/{name}");
        let bytes = read_whole(&disk, &path, 1 << 20).unwrap();
        for at in (0..bytes.len()).step_by(23) {
            disk.damage(&path, |bytes| bytes[at] ^= 1 << (at % 8));
            match try_open(&disk) {
                Err(OpenError::Corrupt { place, .. }) => {
                    assert!(place.segment == name && place.position <= at as u64, "{name}@{at}: {place}");
                    at_opening += 1;
                }
                Err(error) => panic!("{name}@{at}: {error}"),
                Ok(log) => match all(&log) {
                    Err(ReadError::Corrupt { place, .. }) => {
                        assert!(place.segment == name && place.position <= at as u64, "{name}@{at}: {place}");
                        at_reading += 1;
                    }
                    Err(error) => panic!("{name}@{at}: {error}"),
                    // The last group of a lane looks like a torn one; or a byte that nobody reads (padding, say).
                    Ok(read) => {
                        let prefix = |(read, whole): (&Vec<Frame>, &Vec<Frame>)| whole.starts_with(read);
                        assert!(read.iter().zip(&whole).all(prefix), "{name}@{at}");
                        cut += usize::from(read != whole);
                    }
                },
            }
            disk.damage(&path, |content| content.clone_from(&bytes));
        }
    }
    assert!(at_opening > 50 && at_reading > 50, "{at_opening} {at_reading} {cut}");
}

#[test]
fn damage_in_the_middle_of_the_last_segment_is_not_cut() {
    let disk = SimDisk::new(2);
    let log = open(&disk, FileOptions { segment_bytes: 1 << 20, ..small() });
    let groups: Vec<u64> = (0..4)
        .map(|seed| {
            log.append(traffic(seed, 12)).expect("there is room");
            log.status().lanes[0].bytes
        })
        .collect();
    drop(log);
    // In the second of four groups: the third was written after the second had been synced.
    disk.damage("log/facts-000000000001.seg", |bytes| bytes[groups[0] as usize + 20] ^= 1);
    let error = try_open(&disk).map(|_| ()).unwrap_err();
    let OpenError::Corrupt { place, .. } = &error else { panic!("{error}") };
    assert_eq!((place.segment.as_str(), place.position), ("facts-000000000001.seg", groups[0]));
    assert!(error.to_string().contains("facts-000000000001.seg at byte"), "{error}");
}

#[test]
fn a_missing_segment_is_damage() {
    let disk = some_log();
    let names: Vec<_> = segments(&disk).into_iter().filter(|name| name.starts_with("activity")).collect();
    disk.remove(&format!("log/{}", names[1])).unwrap();
    let error = try_open(&disk).map(|_| ()).unwrap_err();
    assert!(matches!(&error, OpenError::Corrupt { place, .. } if place.segment == names[1]), "{error}");
}

#[test]
fn segments_of_another_log_are_damage() {
    let disk = some_log();
    let other = SimDisk::new(4);
    let options = FileOptions { incarnation: eventlog::Incarnation { id: 78, ordinal: 0 }, ..small() };
    drop(open(&other, options));
    let stranger = read_whole(&other, "log/system-000000000001.seg", 1 << 20).unwrap();
    disk.damage("log/system-000000000001.seg", |bytes| *bytes = stranger);
    assert!(try_open(&disk).is_err());
}

#[test]
fn a_log_without_its_description_is_not_taken_for_a_new_one() {
    let disk = some_log();
    disk.remove("log/log.txt").unwrap();
    assert!(matches!(try_open(&disk), Err(OpenError::Description { .. })));
}

#[test]
fn partitions_are_fixed() {
    let disk = some_log();
    let options = FileOptions { partitions: Partitions::default(), ..small() };
    let error = FileLog::open(Arc::new(disk), clock(), options).map(|_| ()).unwrap_err();
    assert!(matches!(error, OpenError::Partitions { .. }), "{error}");
}

#[test]
fn one_process_has_the_log() {
    let disk = some_log();
    let log = open(&disk, small());
    let error = try_open(&disk).map(|_| ()).unwrap_err();
    assert!(matches!(error, OpenError::Locked(_)), "{error}");
    drop(log);
    open(&disk, small());
}
