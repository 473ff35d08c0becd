//! The world of one run: a disk, a clock, the log, the dataflow, senders and a warehouse.

use std::sync::Arc;

use eventlog::clock::ManualClock;
use eventlog::disk::SimDisk;
use eventlog::{EventLog, FileLog, Partitions};
use parking_lot::Mutex;
use records::{FactRow, Span, Timestamp};
use workload::chance::Chance;
use workload::{Conference, Scale};

use crate::crashes;
use crate::history::{History, Kept};
use crate::keys::Privacy;
use crate::model::Model;
use crate::poison::Poison;
use crate::process::Process;
use crate::run::Size;
use crate::space::Space;
use crate::store::Store;
use crate::warehouse::Warehouse;

/// Of 1,000 runs, those with poisoned records, with retention, and with a disk that becomes full.
const POISONED_PER_MILLE: u64 = 300;
const RETAINED_PER_MILLE: u64 = 400;
const FILLED_PER_MILLE: u64 = 300;
/// Of 1,000 runs, those in which views are set aside, and those that drop rows which nobody takes.
const MINED_PER_MILLE: u64 = 250;
const DROPPING_PER_MILLE: u64 = 300;
/// Of 1,000 runs, those in which somebody drops tables, and of their lives those after which it is done.
const TABLES_PER_MILLE: u64 = 500;
const DROPPED_PER_MILLE: u64 = 600;
/// Of 1,000 runs, those in which rules and listings are there before the first record.
const EARLY_PER_MILLE: u64 = 600;
/// Of 1,000 lives of such a run, those that soon see the disk full.
const FILLED_SOON_PER_MILLE: u64 = 400;
/// Of 1,000 lives that a full disk ended, those after which it is full still.
const FULL_STILL_PER_MILLE: u64 = 300;

/// Orders that a box office takes in a run.
const BOOKED: u64 = 12;

/// How a life ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ended {
    /// The power went, or a sync failed and the log became read-only.
    Crashed,
    /// The disk was full and the process could not go on; the machine did.
    Stopped,
    /// Everything was said and done.
    Finished,
}

/// Why an action did not work: the disk is down or full, or something is wrong.
pub(crate) enum Trouble {
    Down,
    Full,
    Bug(String),
}

/// What else goes wrong in this run, besides crashes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Faults {
    pub(crate) poison: bool,
    pub(crate) retention: bool,
    pub(crate) space: bool,
    pub(crate) mines: bool,
    pub(crate) rows: bool,
    pub(crate) tables: bool,
    /// Not a fault: whether all facts are decided first, or by and by between the records.
    pub(crate) early: bool,
}

pub(crate) struct World {
    pub(crate) disk: SimDisk,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) model: Model,
    pub(crate) store: Arc<Mutex<Store>>,
    pub(crate) warehouse: Warehouse,
    pub(crate) privacy: Privacy,
    pub(crate) poison: Poison,
    pub(crate) kept: Kept,
    pub(crate) space: Space,
    pub(crate) chance: Chance,
    /// For what was thought of later, so that seeds that failed once go on doing what they did.
    pub(crate) more: Chance,
    pub(crate) faults: Faults,
    pub(crate) crashes: u64,
    pub(crate) repeated: u64,
    /// Rows for the warehouse that were dropped and made again.
    pub(crate) dropped_rows: u64,
    pub(crate) size: Size,
    pub(crate) seed: u64,
    pub(crate) partitions: Partitions,
    pub(crate) source: Conference,
    /// The last life's process, for the checks.
    pub(crate) process: Option<Process>,
    /// Facts that still have to be in the log; the first that is not acknowledged comes first.
    pub(crate) facts: Vec<FactRow>,
    lives: u64,
}

impl World {
    pub(crate) fn new(seed: u64, size: Size) -> Self {
        let mut chance = Chance::new(seed);
        let lives = 1 + chance.below(size.lives);
        let mut more = Chance::new(records::hash::mix(seed));
        let faults = Faults {
            poison: chance.per_mille(POISONED_PER_MILLE),
            retention: chance.per_mille(RETAINED_PER_MILLE),
            space: chance.per_mille(FILLED_PER_MILLE),
            mines: more.per_mille(MINED_PER_MILLE),
            rows: more.per_mille(DROPPING_PER_MILLE),
            tables: more.per_mille(TABLES_PER_MILLE),
            early: more.per_mille(EARLY_PER_MILLE),
        };
        let partitions =
            Partitions { facts: 1 + chance.below(3) as u16, activity: 1 + chance.below(5) as u16, system: 1 };
        let scale = Scale {
            attendees: 20 + chance.below(60) as u32,
            sessions: 4,
            tracks: 2,
            weeks_before: 1,
            rings: 2,
            bots: 1,
            twice_per_mille: 10,
            replayed: chance.per_mille(500),
            ..Scale::small()
        };
        let source = Conference::new(seed, scale);
        let mut facts = source.facts();
        // Then what a box office sells meanwhile, long before the conference or while it goes on.
        let begins = source.begins() - Span::HOUR;
        facts.extend(workload::bookings(seed, (source.organization(), source.event()), begins, BOOKED));
        // In the order of a file that `eventra apply` reads; taken from the end.
        facts.reverse();
        Self {
            disk: SimDisk::new(seed),
            clock: Arc::new(ManualClock::new(Timestamp::from_seconds(1_791_000_000))),
            model: Model::default(),
            store: Arc::default(),
            warehouse: Warehouse::default(),
            privacy: Privacy::default(),
            poison: Poison::new(),
            kept: Kept::default(),
            space: Space::default(),
            faults,
            crashes: 0,
            repeated: 0,
            dropped_rows: 0,
            size,
            seed,
            lives,
            partitions,
            source,
            process: None,
            facts,
            chance,
            more,
        }
    }

    pub(crate) fn lives(&self) -> u64 {
        self.lives
    }

    /// Turns the power on again.
    pub(crate) fn restart(&mut self) {
        self.crashes += 1;
        self.disk.restart();
        self.between_lives();
    }

    /// A process that a full disk ended is started again, by and by with room.
    pub(crate) fn stop(&mut self) {
        self.space.stop(&self.disk);
        self.between_lives();
    }

    fn between_lives(&mut self) {
        if self.space.is_full() && !self.chance.per_mille(FULL_STILL_PER_MILLE) {
            self.space.free(&self.disk);
        }
        // What retention has dropped cannot be made again.
        if self.faults.tables && !self.faults.retention && self.more.per_mille(DROPPED_PER_MILLE) {
            self.warehouse.drop_a_table(&mut self.more);
        }
        self.clock.advance(self.chance.between(-500_000, 5_000_000));
    }

    /// One life of the process: opens everything, does this and that. The last life ends with everything sent.
    pub(crate) fn live(&mut self, may_crash: bool) -> Result<Ended, String> {
        if may_crash {
            crashes::plan(&self.disk, &mut self.chance);
        } else {
            self.space.free(&self.disk);
        }
        let failing = if may_crash { self.chance.below(300) } else { 0 };
        self.store.lock().failing_per_mille = failing;
        self.warehouse.failing_per_mille = failing;
        let actions = 1 + self.chance.below(self.size.actions);
        let lived = self.open(may_crash).and_then(|mut process| {
            self.announce(&mut process)?;
            while self.faults.early && !self.facts.is_empty() && self.decide(&mut process)? {}
            if may_crash && self.faults.space && !self.space.is_full() && self.chance.per_mille(FILLED_SOON_PER_MILLE) {
                self.fill_or_free()?;
            }
            for _ in 0..actions {
                self.act(&mut process, may_crash)?;
            }
            if !may_crash {
                self.finish(&mut process)?;
                self.process = Some(process);
            }
            Ok(())
        });
        if let Some(complaint) = self.store.lock().complaint.take() {
            return Err(complaint);
        }
        match lived {
            Ok(()) if may_crash => {
                // Lived to the end of its actions: now the power goes.
                self.disk.crash();
                Ok(Ended::Crashed)
            }
            Ok(()) => Ok(Ended::Finished),
            Err(Trouble::Down) => Ok(Ended::Crashed),
            Err(Trouble::Full) => Ok(Ended::Stopped),
            Err(Trouble::Bug(what)) => Err(what),
        }
    }

    /// A failure is the disk's fault when the disk is down or says that it is full; anything else is a bug.
    pub(crate) fn trouble(&self, what: String) -> Trouble {
        if self.disk.is_down() {
            Trouble::Down
        } else if self.space.explains(&what) {
            Trouble::Full
        } else {
            Trouble::Bug(what)
        }
    }

    /// The log with everything that retention has dropped.
    pub(crate) fn history(&self, log: &Arc<FileLog>) -> Arc<dyn EventLog> {
        Arc::new(History::new(log, &self.kept))
    }
}

impl From<Trouble> for String {
    fn from(trouble: Trouble) -> Self {
        match trouble {
            Trouble::Down => "the disk is down".into(),
            Trouble::Full => "the disk is full".into(),
            Trouble::Bug(what) => what,
        }
    }
}
