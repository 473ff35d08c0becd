//! Frames: what writers hand in, what they get back, what readers see.

use std::sync::Arc;

use bytes::Bytes;
use records::time::Timestamp;

use crate::lane::{Lane, Offset, PartitionId};

/// The most rows one frame may hold: no frame may be longer than the deduplication window.
pub const MAX_ROWS: u32 = 1 << 20;

/// The most bytes one body may have before compression. A frame is read in one piece, so it bounds every reader.
pub const MAX_BODY: usize = 64 << 20;

/// A frame to append: some rows of one partition, encoded by the caller. The log never looks inside the body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewFrame {
    /// The lane to append to.
    pub lane: Lane,
    /// The partition of the lane.
    pub partition: PartitionId,
    /// The encoded rows, not compressed; at most [`MAX_BODY`] bytes.
    pub body: Bytes,
    /// How many rows the body holds, `1..=`[`MAX_ROWS`]. Each takes one offset.
    pub rows: u32,
    /// One hash of (organization, `message_id`) per row, or none at all. A hash of 0 is never a duplicate.
    pub dedup: Vec<u64>,
    /// The writer's fence, for frames that were decided.
    pub claim: Option<ClaimTag>,
}

/// The fence that a decided frame carries: whose claim it belongs to, and which frame of it this is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ClaimTag {
    /// The claim's random id; never used twice.
    pub claim_id: u128,
    /// Counts the claim's frames without a gap, from 0 for the frame that opens it.
    pub n: u64,
    /// Whether this frame is the `partition_claimed` that opens the claim (then `n` is 0).
    pub opens: bool,
}

/// Which rows of a frame do not count: fenced off, or seen before.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Voided {
    /// Every row counts.
    #[default]
    None,
    /// No row counts.
    All,
    /// The rows whose bit is set do not count (bit `row % 64` of word `row / 64`).
    Rows(Arc<[u64]>),
}

impl Voided {
    /// Whether `row` does not count.
    pub fn contains(&self, row: u32) -> bool {
        match self {
            Self::None => false,
            Self::All => true,
            Self::Rows(words) => words.get(row as usize / 64).is_some_and(|word| word >> (row % 64) & 1 == 1),
        }
    }

    /// How many of `rows` rows do not count.
    pub fn count(&self, rows: u32) -> u32 {
        match self {
            Self::None => 0,
            Self::All => rows,
            Self::Rows(words) => words.iter().map(|word| word.count_ones()).sum(),
        }
    }
}

/// A frame as readers get it, already judged by [`crate::admit::Admission`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// The lane it was read from.
    pub lane: Lane,
    /// The partition it was read from.
    pub partition: PartitionId,
    /// The offset of its first row; the others follow.
    pub first: Offset,
    /// How many rows it holds, those that do not count included.
    pub rows: u32,
    /// When the log took it. Unique and increasing over the whole log (see [`crate::EventLog`]).
    pub log_time: Timestamp,
    /// CRC-32C of the body as it was appended. The same for any compression, so it can prove a replay.
    pub content_crc: u32,
    /// The fence it was written under.
    pub claim: Option<ClaimTag>,
    /// The rows that must be ignored. **Every reader has to honour this.**
    pub voided: Voided,
    /// The rows as they were appended; **empty when [`Voided::All`]**, so that nobody counts them by mistake.
    pub body: Bytes,
}

impl Frame {
    /// The offset after the last row.
    pub const fn end(&self) -> Offset {
        self.first.plus(self.rows)
    }

    /// Whether `row` (`0..rows`) counts.
    pub fn counts(&self, row: u32) -> bool {
        !self.voided.contains(row)
    }

    /// How many rows count.
    pub fn counted(&self) -> u32 {
        self.rows - self.voided.count(self.rows)
    }

    /// The rows that count, ascending.
    pub fn counted_rows(&self) -> impl Iterator<Item = u32> + '_ {
        (0..self.rows).filter(|row| self.counts(*row))
    }
}

/// A frame with everything that the log stores about it: for audits, export and repair, never for readers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RawFrame {
    /// The frame, with its body even when it is voided.
    pub frame: Frame,
    /// The hashes it was appended with.
    pub dedup: Vec<u64>,
    /// Whether it stands for rows that a repair could not save (then there is no body).
    pub lost: bool,
}

/// What became of an appended frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Appended {
    /// The lane.
    pub lane: Lane,
    /// The partition.
    pub partition: PartitionId,
    /// The offset of its first row.
    pub first: Offset,
    /// How many rows it holds.
    pub rows: u32,
    /// Its log time.
    pub log_time: Timestamp,
    /// How many of its rows do not count: duplicates, or all of them when the writer was fenced off.
    pub voided_rows: u32,
}

impl Appended {
    /// The offset after the last row.
    pub const fn end(&self) -> Offset {
        self.first.plus(self.rows)
    }
}
