//! The event log from outside: conformance, crashes, damage, space, upkeep, tools, and who waits for whom.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod conform;
mod crash;
mod damage;
mod space;
mod tools;
mod upkeep;
mod waiting;

use std::sync::Arc;
use std::time::Duration;

use eventlog::clock::ManualClock;
use eventlog::disk::Disk;
use eventlog::{FileLog, FileOptions, Incarnation, Partitions, Writers};
use records::time::Timestamp;

/// Small segments, small partitions, and disk operations in a fixed order.
pub fn small() -> FileOptions {
    FileOptions {
        incarnation: Incarnation { id: 77, ordinal: 0 },
        partitions: Partitions { facts: 4, activity: 4, system: 1 },
        segment_bytes: 4 << 10,
        writers: Writers::Inline,
        queue_bytes: 1 << 20,
        reserve_bytes: 0,
        low_water: 0,
        ..FileOptions::default()
    }
}

/// As [`small`], with writer threads that do not wait for company.
pub fn threaded() -> FileOptions {
    FileOptions { writers: Writers::Threads, group_every: [Duration::ZERO; 3], ..small() }
}

/// A clock that stands at one second after 1970.
pub fn clock() -> Arc<ManualClock> {
    Arc::new(ManualClock::new(Timestamp(1_000_000)))
}

/// Opens a log that must be fine.
pub fn open(disk: &(impl Disk + Clone), options: FileOptions) -> FileLog {
    FileLog::open(Arc::new(disk.clone()), clock(), options).expect("the log is whole")
}
