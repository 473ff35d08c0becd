//! What can go wrong, one enum per operation. Cloneable, because one failed write fails many tickets.

use std::sync::Arc;

use crate::lane::{Lane, Offset, PartitionId};

/// Why frames were not appended.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AppendError {
    /// The caller's mistake; nothing was appended.
    #[error("frame {index} of the batch is not acceptable: {reason}")]
    Invalid {
        /// Which frame of the submitted ones.
        index: usize,
        /// What is wrong with it.
        reason: String,
    },
    /// The disk is nearly full; nothing was appended. Activity is refused long before facts.
    #[error("no space for {lane}: {free_bytes} bytes are free")]
    NoSpace {
        /// The lane that is refused.
        lane: Lane,
        /// Bytes free when it was refused.
        free_bytes: u64,
    },
    /// The queue stayed full for as long as a caller may wait; nothing was appended.
    #[error("the {lane} queue is full: the disk does not keep up")]
    Busy {
        /// The lane whose queue is full.
        lane: Lane,
    },
    /// A write failed earlier. What was queued may or may not be in the log after it is opened again; send it again
    /// under the same ids. Nothing can be appended until then; reads go on.
    #[error("the log is read-only after a failed write: {reason}")]
    Poisoned {
        /// The failed write.
        reason: Arc<str>,
    },
    /// The log is shutting down.
    #[error("the log is closed")]
    Closed,
}

/// A place in a log's files where the content is not what was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The segment file.
    pub segment: String,
    /// Bytes from the start of the file.
    pub position: u64,
    /// What the place should hold, as far as it is known: `facts/3 from offset 1200`, for example.
    pub expected: String,
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} at byte {} ({})", self.segment, self.position, self.expected)
    }
}

/// Why frames could not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// Retention has dropped the offset.
    #[error("{lane}/{partition} starts at offset {start}, offset {from} is gone")]
    Truncated {
        /// The lane.
        lane: Lane,
        /// The partition.
        partition: PartitionId,
        /// The offset asked for.
        from: Offset,
        /// The first one that is left.
        start: Offset,
    },
    /// The offset was never given out (a cursor from another log, or from a lost disk).
    #[error("{lane}/{partition} ends at offset {end}, before offset {from}")]
    BeyondEnd {
        /// The lane.
        lane: Lane,
        /// The partition.
        partition: PartitionId,
        /// The offset asked for.
        from: Offset,
        /// The offset that the next record will take.
        end: Offset,
    },
    /// There is no such partition.
    #[error("{lane} has no partition {partition}")]
    NoPartition {
        /// The lane.
        lane: Lane,
        /// The partition.
        partition: PartitionId,
    },
    /// The content is damaged. It is never skipped: `eventra log verify` says how much, `repair` saves the rest.
    #[error("damaged log: {place}: {reason}")]
    Corrupt {
        /// Where.
        place: Place,
        /// What does not fit.
        reason: String,
    },
    /// The disk failed.
    #[error("reading {segment}: {reason}")]
    Io {
        /// The file.
        segment: String,
        /// The system's error.
        reason: String,
    },
}

/// Why nothing was truncated.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TruncateError {
    /// Facts are kept unless the log was opened with leave to drop them.
    #[error("{lane} may not be truncated: this log was opened to keep it")]
    Kept {
        /// The lane.
        lane: Lane,
    },
    /// There is no such partition.
    #[error("{lane} has no partition {partition}")]
    NoPartition {
        /// The lane.
        lane: Lane,
        /// The partition.
        partition: PartitionId,
    },
    /// The offset was never given out.
    #[error("{lane}/{partition} ends at offset {end}, before offset {offset}")]
    BeyondEnd {
        /// The lane.
        lane: Lane,
        /// The partition.
        partition: PartitionId,
        /// The offset asked for.
        offset: Offset,
        /// The offset that the next record will take.
        end: Offset,
    },
    /// The disk failed; what was dropped before stays dropped.
    #[error("dropping {segment}: {reason}")]
    Io {
        /// The file.
        segment: String,
        /// The system's error.
        reason: String,
    },
}
