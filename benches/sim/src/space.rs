//! A disk that is full for a while: what is refused meanwhile, and what the reserve still takes.

use std::io;

use collect::Refusal;
use eventlog::AppendError;
use eventlog::disk::{Disk, SimDisk, SimOp};
use workload::chance::Chance;

/// Space that the log keeps for facts, and below which it refuses activity: some batches of a run.
pub(crate) const RESERVE: u64 = 24 << 10;
pub(crate) const LOW_WATER: u64 = 16 << 10;
/// What the disk holds while it is not full.
const ROOMY: u64 = 1 << 30;
/// The most that is left when the disk becomes full: from nothing to a little more than where refusals begin.
const LEFT_MAX: u64 = 24 << 10;
/// Facts are refused below a quarter of the low water mark. One that is refused with this much more left was refused
/// wrongly: a claim and a document of rules are smaller.
const FACTS_MAX: u64 = 8 << 10;

/// How full the disk is, and what came of it.
#[derive(Debug, Default)]
pub(crate) struct Space {
    full: bool,
    /// How often the disk became full.
    pub(crate) filled: u64,
    /// Appends of activity that were refused.
    pub(crate) refused: u64,
    /// Facts that were taken although activity had just been refused.
    pub(crate) reserved: u64,
    /// Steps of the dataflow that found no room for a binding, and were made later.
    pub(crate) waited: u64,
    /// Lives that ended because something could not be written.
    pub(crate) stopped: u64,
}

impl Space {
    pub(crate) fn is_full(&self) -> bool {
        self.full
    }

    /// Somebody else fills the disk.
    pub(crate) fn fill(&mut self, disk: &SimDisk, chance: &mut Chance) -> io::Result<()> {
        disk.set_capacity(ROOMY);
        let used = ROOMY - disk.free_bytes()?;
        // Sometimes so little that what the reserve gives is soon used up too.
        let most = if self.full { LEFT_MAX / 4 } else { LEFT_MAX };
        disk.set_capacity(used + chance.below(most));
        self.full = true;
        self.filled += 1;
        Ok(())
    }

    /// Somebody makes room.
    pub(crate) fn free(&mut self, disk: &SimDisk) {
        disk.set_capacity(ROOMY);
        self.full = false;
    }

    /// A process ended without a crash: the machine goes on, and no crash is planned any more.
    pub(crate) fn stop(&mut self, disk: &SimDisk) {
        self.stopped += 1;
        disk.crash_at(SimOp::Any, u64::MAX / 2);
    }

    /// Whether an error is this disk's fault: it says that there is no space, and there is none.
    pub(crate) fn explains(&self, what: &str) -> bool {
        self.full && ["no storage space", "no space for", "no space left"].iter().any(|says| what.contains(says))
    }

    /// Whether a refusal of activity leaves so much that facts must be taken.
    pub(crate) fn takes_facts(free_bytes: u64) -> bool {
        free_bytes >= LOW_WATER / 4 + FACTS_MAX
    }
}

/// The free bytes that a refusal for want of space names.
pub(crate) fn refused_activity(refusal: &Refusal) -> Option<u64> {
    match refusal {
        Refusal::NoSpace { free_bytes } => Some(*free_bytes),
        _ => None,
    }
}

/// Whether nothing was appended for want of space.
pub(crate) fn refused(error: &AppendError) -> bool {
    matches!(error, AppendError::NoSpace { .. })
}
