//! One run: several lives that end in crashes, a last one that does not, then the checks.

use std::fmt;

use crate::check;
use crate::poison;
use crate::world::{Ended, World};

/// How much happens in one run.
#[derive(Debug, Clone, Copy)]
pub struct Size {
    /// The most lives that end in a crash.
    pub lives: u64,
    /// The most actions of each life.
    pub actions: u64,
    /// The most records of one append.
    pub batch: u64,
}

impl Size {
    /// What the nightly runs use: some thousand records and half a dozen crashes.
    pub const fn usual() -> Self {
        Self { lives: 6, actions: 60, batch: 60 }
    }

    /// What a test affords.
    pub const fn tiny() -> Self {
        Self { lives: 3, actions: 25, batch: 25 }
    }
}

/// What happened in a run that lost nothing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Report {
    /// Records whose append was acknowledged.
    pub acknowledged: u64,
    /// Crashes, those during recovery included.
    pub crashes: u64,
    /// Records that were sent again.
    pub repeated: u64,
    /// Landing epochs.
    pub landed: u64,
    /// Landing epochs that came again after a failure.
    pub landed_again: u64,
    /// Answers that were compared with the twin.
    pub compared: u64,
    /// Landing epochs that were merged in the outbox before they landed.
    pub merged: u64,
    /// Chunks that arrived in the warehouse again.
    pub chunks_again: u64,
    /// Raw records that landed.
    pub raw: u64,
    /// Sealed records that were opened again.
    pub opened: u64,
    /// Subjects that were erased.
    pub erased: u64,
    /// Rows of views that lie in the warehouse's tables, read back by their columns.
    pub rows: u64,
    /// Poisoned records that were put aside.
    pub poisoned: u64,
    /// Of these, records that a fold panicked on.
    pub on_folds: u64,
    /// Of these, on a fold that takes what another view hands on.
    pub handed_on: u64,
    /// Views that were set aside, those that live on them included.
    pub set_aside: u64,
    /// Activity records that retention dropped.
    pub dropped: u64,
    /// Entries of the system lane that went with them.
    pub bindings: u64,
    /// Tables that somebody dropped, and those that were filled with history again.
    pub tables_dropped: u64,
    /// See [`Report::tables_dropped`].
    pub tables_filled: u64,
    /// Rows for the warehouse that were dropped because nobody took them, and made again.
    pub dropped_rows: u64,
    /// Appends of activity that a full disk refused.
    pub refused: u64,
    /// Facts that the reserve of a full disk took.
    pub reserved: u64,
    /// Steps of the dataflow that waited for room on a full disk.
    pub waited: u64,
    /// Lives that ended because a full disk took no more.
    pub stopped: u64,
}

impl Report {
    /// Adds another run's figures.
    pub fn add(&mut self, other: &Self) {
        self.acknowledged += other.acknowledged;
        self.crashes += other.crashes;
        self.repeated += other.repeated;
        self.landed += other.landed;
        self.landed_again += other.landed_again;
        self.compared += other.compared;
        self.merged += other.merged;
        self.chunks_again += other.chunks_again;
        self.raw += other.raw;
        self.opened += other.opened;
        self.erased += other.erased;
        self.rows += other.rows;
        self.poisoned += other.poisoned;
        self.on_folds += other.on_folds;
        self.handed_on += other.handed_on;
        self.set_aside += other.set_aside;
        self.dropped += other.dropped;
        self.bindings += other.bindings;
        self.tables_dropped += other.tables_dropped;
        self.tables_filled += other.tables_filled;
        self.dropped_rows += other.dropped_rows;
        self.refused += other.refused;
        self.reserved += other.reserved;
        self.waited += other.waited;
        self.stopped += other.stopped;
    }
}

/// A run that lost, doubled or changed something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The seed; the same seed fails in the same way.
    pub seed: u64,
    /// What is wrong.
    pub what: String,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "seed {}: {}", self.seed, self.what)
    }
}

impl std::error::Error for Failure {}

/// Runs one seed.
///
/// # Errors
/// When anything acknowledged was lost or doubled, or any view or landed row differs from its twin.
pub fn run(seed: u64, size: &Size) -> Result<Report, Failure> {
    attempt(seed, size).map_err(|what| Failure { seed, what })
}

fn attempt(seed: u64, size: &Size) -> Result<Report, String> {
    poison::hush();
    let mut world = World::new(seed, *size);
    for _ in 0..world.lives() {
        match world.live(true)? {
            Ended::Crashed => world.restart(),
            Ended::Stopped => world.stop(),
            Ended::Finished => {}
        }
    }
    match world.live(false)? {
        Ended::Finished => check::everything(&mut world),
        Ended::Crashed | Ended::Stopped => Err("the disk failed although nothing was planned".into()),
    }
}
