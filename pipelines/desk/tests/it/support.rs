//! Seats without threads, and what the log says of them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use desk::{Done, Order, Parts, Pending, Place, Seat};
use eventlog::clock::ManualClock;
use eventlog::disk::SimDisk;
use eventlog::{
    EventLog, FileLog, FileOptions, Incarnation, Lane, MemoryLog, MemoryOptions, Offset, PartitionId, Partitions,
    ReadLimits, Writers,
};
use parking_lot::Mutex;
use records::fact::CommandTag;
use records::{CommandId, FactRow, Timestamp, fact};
use rules::Domain;

use crate::hall::{Command, Halls, SoldOut};

pub(crate) type Answer = Result<Done, desk::DeskError<SoldOut>>;

/// The partition that all halls of these tests are in.
pub(crate) const HERE: PartitionId = PartitionId(0);

/// What a listener has heard.
#[derive(Debug, Default)]
pub(crate) struct Heard(Mutex<Vec<(Place, FactRow)>>);

impl Heard {
    pub(crate) fn rows(&self) -> Vec<(Place, FactRow)> {
        self.0.lock().clone()
    }
}

/// One installation: a log on a disk, a clock, and chance that never draws the same twice.
#[derive(Clone)]
pub(crate) struct World {
    pub(crate) log: Arc<dyn EventLog>,
    pub(crate) disk: SimDisk,
    pub(crate) clock: Arc<ManualClock>,
    drawn: Arc<AtomicU64>,
}

impl World {
    pub(crate) fn in_memory() -> Self {
        let clock = Arc::new(ManualClock::new(Timestamp(1_000)));
        let partitions = Partitions { facts: 1, ..Partitions::default() };
        let options = MemoryOptions { partitions, ..MemoryOptions::default() };
        let log = Arc::new(MemoryLog::with_options(1, Arc::clone(&clock), options));
        Self { log, disk: SimDisk::new(1), clock, drawn: Arc::default() }
    }

    /// A log in files of a simulated disk, written by the caller's thread.
    pub(crate) fn on_disk(disk: SimDisk) -> Result<Self, String> {
        let clock = Arc::new(ManualClock::new(Timestamp(1_000)));
        let drawn = Arc::new(AtomicU64::new(disk.operations(eventlog::disk::SimOp::Write) << 32));
        let options = FileOptions {
            incarnation: Incarnation { id: 77, ordinal: 0 },
            partitions: Partitions { facts: 1, activity: 1, system: 1 },
            segment_bytes: 4 << 10,
            writers: Writers::Inline,
            queue_bytes: 1 << 20,
            reserve_bytes: 0,
            low_water: 0,
            ..FileOptions::default()
        };
        let log =
            FileLog::open(Arc::new(disk.clone()), Arc::clone(&clock), options).map_err(|error| error.to_string())?;
        Ok(Self { log: Arc::new(log), disk, clock, drawn })
    }

    pub(crate) fn parts(&self) -> Parts {
        let drawn = Arc::clone(&self.drawn);
        Parts {
            log: Arc::clone(&self.log),
            disk: Arc::new(self.disk.clone()),
            clock: Arc::clone(&self.clock) as Arc<dyn eventlog::clock::Clock>,
            address: "here".into(),
            chance: Arc::new(move || u128::from(drawn.fetch_add(1, Ordering::Relaxed)) + 1),
        }
    }

    pub(crate) fn seat(&self) -> Result<(Seat<Halls>, Arc<Heard>), String> {
        let heard = Arc::new(Heard::default());
        let hears = Arc::clone(&heard);
        let listener = Arc::new(move |place: Place, row: &FactRow| hears.0.lock().push((place, row.clone())));
        let seat = Seat::open(HERE, self.parts(), listener).map_err(|error| error.to_string())?;
        Ok((seat, heard))
    }

    /// Every row that counts, with its offset.
    pub(crate) fn rows(&self) -> Vec<(Offset, FactRow)> {
        let frames = self.log.read(Lane::Facts, HERE, Offset(0), ReadLimits::everything()).expect("the log reads");
        let rows = frames.iter().filter(|frame| frame.counted() > 0).flat_map(|frame| {
            let rows = fact::decode(&frame.body).expect("facts");
            (0..).zip(rows).map(|(number, row)| (frame.first.plus(number), row)).collect::<Vec<_>>()
        });
        rows.collect()
    }

    /// The state that a naive reader makes of the log.
    pub(crate) fn replayed(&self) -> Halls {
        let mut halls = Halls::default();
        for (_, row) in self.rows().iter().filter(|(_, row)| row.known().is_none()) {
            halls.apply(row).expect("facts of halls");
        }
        halls
    }
}

pub(crate) fn tag(id: u128, hash: u64) -> Option<CommandTag> {
    Some(CommandTag { id: CommandId(id), hash })
}

/// Orders, with what their senders hold.
pub(crate) fn orders(commands: Vec<(Option<CommandTag>, Command)>) -> (Vec<Order<Halls>>, Vec<Pending<SoldOut>>) {
    commands.into_iter().map(|(tag, command)| Order::new(tag, command)).unzip()
}

/// Decides a batch and waits for its answers.
pub(crate) fn done(seat: &mut Seat<Halls>, commands: Vec<(Option<CommandTag>, Command)>) -> Vec<Answer> {
    let (orders, pending) = orders(commands);
    seat.decide(orders);
    seat.settle();
    pending.into_iter().map(Pending::wait).collect()
}

/// Nothing is taken that is not there.
pub(crate) fn assert_not_oversold(halls: &Halls) {
    let over: BTreeMap<_, _> = halls.0.iter().filter(|(_, hall)| hall.taken > hall.seats).collect();
    assert!(over.is_empty(), "oversold: {over:?}");
}
