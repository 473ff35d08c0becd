//! The desk on one seed: the product's rules over a log in memory and over one in files of a disk that crashes and tears,
//! with answers that are lost, processes that are killed, two writers that both believe that they own every partition,
//! clients that repeat themselves or use an id twice, and a clock that jumps.
//!
//! At the end each acknowledged command is in the log exactly once, each answer is what the rules give on a state that its
//! writer may have had, the same command always got the same answer, nothing is in the log that nobody asked for, facts
//! keep laws that are told again without the rules, and a live process, one that starts from its snapshot and one that
//! starts from the log hold the same state, byte for byte, with the same read models.
//!
//! A new domain is a `trades::Trade`: where its commands come from, and its laws.

mod bend;
#[cfg(test)]
mod bent;
mod check;
mod clients;
mod fast;
mod known;
mod lately;
mod sales;
mod slow;
#[cfg(test)]
mod tests;
mod trades;
mod world;

use rules::Domains;

use crate::run::Failure;
use bend::Bend;
use world::{Kind, Rules, World};

pub use fast::{Fast, fast};
pub use sales::{Sold, sell};
pub use trades::Scale;

/// How much happens in one run.
#[derive(Debug, Clone, Copy)]
pub struct Size {
    /// The most lives that end in a crash.
    pub lives: u64,
    /// The most actions of each life.
    pub actions: u64,
}

impl Size {
    /// What the nightly runs use.
    pub const fn usual() -> Self {
        Self { lives: 5, actions: 150 }
    }

    /// What a test affords.
    pub const fn tiny() -> Self {
        Self { lives: 3, actions: 60 }
    }
}

/// What happened in a run in which everything held.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Report {
    /// Commands, each counted once.
    pub commands: u64,
    /// Commands that were done, each with an answer that says so.
    pub done: u64,
    /// Facts in the log.
    pub facts: u64,
    /// Of these, facts of box offices.
    pub booked: u64,
    /// Facts that time has brought.
    pub due: u64,
    /// Answers that put nothing into the log: refusals, and what stood already.
    pub verdicts: u64,
    /// Commands that were sent again.
    pub repeated: u64,
    /// Repeated commands that got their first answer.
    pub again: u64,
    /// Commands that were told that their id was used for another one.
    pub conflicts: u64,
    /// Losses of power.
    pub crashes: u64,
    /// Processes that were killed.
    pub kills: u64,
    /// Submissions that were lost on their way, or their answer.
    pub lost: u64,
    /// Moments at which snapshots were taken.
    pub snapshots: u64,
}

impl Report {
    /// Adds another run's figures.
    pub fn add(&mut self, other: &Self) {
        self.commands += other.commands;
        self.done += other.done;
        self.facts += other.facts;
        self.booked += other.booked;
        self.due += other.due;
        self.verdicts += other.verdicts;
        self.repeated += other.repeated;
        self.again += other.again;
        self.conflicts += other.conflicts;
        self.crashes += other.crashes;
        self.kills += other.kills;
        self.lost += other.lost;
        self.snapshots += other.snapshots;
    }
}

/// Runs one seed over both logs.
///
/// # Errors
/// When anything does not hold.
pub fn run(seed: u64, size: &Size) -> Result<Report, Failure> {
    bent::<Domains>(seed, size, Bend::None).map_err(|what| Failure { seed, what })
}

/// Runs one seed with something broken, or nothing.
fn bent<D: Rules>(seed: u64, size: &Size, bend: Bend) -> Result<Report, String> {
    let mut total = Report::default();
    for kind in [Kind::Memory, Kind::Files] {
        let report = attempt::<D>(seed, kind, *size, bend).map_err(|what| format!("desk, log {kind:?}: {what}"))?;
        total.add(&report);
    }
    Ok(total)
}

fn attempt<D: Rules>(seed: u64, kind: Kind, size: Size, bend: Bend) -> Result<Report, String> {
    let mut world = World::<D>::new(seed, kind, size, bend);
    for _ in 0..world.lives() {
        world.live(true)?;
    }
    world.live(false)?;
    check::everything(&mut world)?;
    let clients = &world.clients;
    let (done, again, conflicts) = (clients.done.len() as u64, clients.again, clients.conflicts.len() as u64);
    Ok(Report { done, again, conflicts, ..world.report })
}
