//! When the power goes: by kind of disk operation, soon or later.

use eventlog::disk::{SimDisk, SimOp};
use workload::chance::Chance;

/// Plans a misfortune for the life that begins: mostly a crash at some operation, sometimes syncs that fail.
pub(crate) fn plan(disk: &SimDisk, chance: &mut Chance) {
    let (op, most) = match chance.below(8) {
        0 | 1 => (SimOp::Sync, 60),
        2 => (SimOp::Name, 20),
        3 => (SimOp::Write, 120),
        // Early ones hit recovery itself.
        4 => (SimOp::Any, 30),
        _ => (SimOp::Any, 400),
    };
    disk.crash_at(op, 1 + chance.below(most));
}
