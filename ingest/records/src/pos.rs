//! The place of a record in the one total order of the log.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::time::Timestamp;

/// `(log_time, lane, partition, offset)`: the total order in which every fold applies records.
///
/// `offset` counts records, so it orders the rows of a frame as well.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize, schemars::JsonSchema,
)]
pub struct Pos {
    /// When the log took the frame.
    pub log_time: Timestamp,
    /// The lane: 0 facts, 1 activity, 2 system.
    pub lane: u8,
    /// The partition of the lane.
    pub partition: u16,
    /// The record's offset in the partition.
    pub offset: u64,
}

impl fmt::Display for Pos {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lane = match self.lane {
            0 => 'f',
            1 => 'a',
            _ => 's',
        };
        write!(f, "{lane}{}/{}@{}", self.partition, self.offset, self.log_time.0)
    }
}
