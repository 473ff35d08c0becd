//! What the tests share: a world with a log in memory, a simulated disk, and chance from a seed.

use std::sync::Arc;

use collect::subjects::Chance;
use collect::{Appender, Arrival, Door, DoorOptions, Encoding, Format, Request, Subjects};
use eventlog::clock::ManualClock;
use eventlog::disk::SimDisk;
use eventlog::{EventLog, Lane, MemoryLog, Offset, ReadLimits};
use records::{Batch, OrganizationId, Record, Timestamp};

pub(crate) const ACME: OrganizationId = OrganizationId(7);
pub(crate) const NOON: Timestamp = Timestamp::from_seconds(1_795_176_000);

/// Chance from a seed: SplitMix64.
pub(crate) fn chance(seed: u64) -> Chance {
    let mut state = seed;
    Box::new(move |bytes| {
        for chunk in bytes.chunks_mut(8) {
            state = records::hash::mix(state);
            chunk.copy_from_slice(&state.to_le_bytes()[..chunk.len()]);
        }
    })
}

pub(crate) fn arrival() -> Arrival<'static> {
    Arrival { organization: ACME, received: NOON, address: "192.0.2.1", ..Arrival::default() }
}

pub(crate) struct World {
    pub(crate) log: Arc<MemoryLog>,
    pub(crate) disk: SimDisk,
    pub(crate) subjects: Arc<Subjects>,
    pub(crate) appender: Appender,
}

impl World {
    pub(crate) fn new() -> Self {
        Self::with_log(|clock| MemoryLog::new(1, clock))
    }

    pub(crate) fn with_log(log: impl FnOnce(Arc<ManualClock>) -> MemoryLog) -> Self {
        let clock = Arc::new(ManualClock::new(NOON));
        let log = Arc::new(log(clock));
        let disk = SimDisk::new(1);
        let subjects = Arc::new(Subjects::open(&disk, chance(1)).unwrap());
        let appender = Appender::new(log.clone(), subjects.clone());
        Self { log, disk, subjects, appender }
    }

    pub(crate) fn door(&self) -> Door {
        Door::open(self.appender.clone(), DoorOptions::default()).unwrap()
    }

    /// Every record that counts, in log order.
    pub(crate) fn records(&self) -> Vec<Record> {
        let from = vec![Offset(0); usize::from(self.log.identity().partitions.of(Lane::Activity))];
        let frames = self.log.read_lane(Lane::Activity, &from, ReadLimits::everything()).unwrap();
        let mut records = Vec::new();
        for frame in frames.iter().filter(|frame| frame.counted() > 0) {
            let batch = Batch::decode(&frame.body).unwrap();
            records.extend(frame.counted_rows().map(|row| batch.record(row as usize)));
        }
        records
    }
}

pub(crate) fn request<'a>(format: Format<'a>, body: &'a [u8]) -> Request<'a> {
    Request {
        organization: ACME,
        format,
        encoding: Encoding::Identity,
        body,
        address: "192.0.2.1",
        user_agent: "",
        received: NOON,
    }
}
