//! An epoch on its way through the workers: what it holds, where it ends, what happens then.

use std::sync::Arc;

use eventlog::{Frame, Incarnation, Offset, PartitionId};
use records::{FactRow, Pos, Timestamp};
use rules::rulebook::Rulebook;
use serde::{Deserialize, Serialize};

use crate::aside::SetAside;
use crate::cursors::Cursors;

/// What every worker knows of an epoch.
#[derive(Debug)]
pub(crate) struct Epoch {
    pub(crate) number: u64,
    /// Every frame up to this log time is in it or an earlier one.
    pub(crate) bound: Timestamp,
    /// The number of the landing epoch that ends with it.
    pub(crate) landing: Option<u64>,
    /// Whether its end is written to disk.
    pub(crate) snapshot: Option<Depth>,
    /// Where its frames are in the log.
    pub(crate) places: Vec<Place>,
    pub(crate) skips: Vec<SkippedRows>,
    /// Views that take no part in it.
    pub(crate) aside: Arc<[SetAside]>,
    pub(crate) rows: u64,
    /// The newest epoch that was bound before this group began: what follows from it may have left the process.
    pub(crate) bound_before: u64,
    /// The end, where somebody needs it: at landing epochs.
    pub(crate) checkpoint: Option<Arc<Checkpoint>>,
}

/// Which bins a snapshot writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Depth {
    /// Those that changed since the last one; the others stay where they are.
    Changed,
    /// All of them, so that old files can go.
    Everything,
}

/// The place of a frame in the log.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place {
    pub(crate) log_time: Timestamp,
    pub(crate) lane: u8,
    pub(crate) partition: u16,
    pub(crate) first: u64,
    pub(crate) rows: u32,
}

/// Rows that a view ignores; `view` is its number, none for every view.
#[derive(Debug, Clone)]
pub(crate) struct SkippedRows {
    pub(crate) view: Option<usize>,
    pub(crate) first: u64,
    pub(crate) rows: u32,
}

/// A frame on its way to the worker that decodes and routes it.
#[derive(Debug, Clone)]
pub(crate) struct Dealt {
    pub(crate) index: u32,
    pub(crate) frame: Frame,
    /// Decoded already when it is a frame of facts: the sequencer needed them.
    pub(crate) facts: Option<Vec<FactRow>>,
    pub(crate) rulebook: Arc<Rulebook>,
}

/// Everything besides the bins that must be known to go on after an epoch.
#[derive(Debug, Clone)]
pub(crate) struct Checkpoint {
    pub(crate) progress: EpochEnd,
    pub(crate) cursors: Cursors,
    pub(crate) rulebook: Arc<Rulebook>,
}

/// The numbers at the end of an epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
pub(crate) struct EpochEnd {
    pub(crate) epoch: u64,
    pub(crate) bound: Timestamp,
    /// The newest landing epoch, and the log time at which it ended.
    pub(crate) landing: u64,
    pub(crate) landing_bound: Timestamp,
    /// The offset in the system lane after the epoch's binding.
    pub(crate) system: u64,
    /// Rows of facts and activity so far.
    pub(crate) rows: u64,
}

impl Checkpoint {
    /// Before the first record of a log.
    pub(crate) fn start(cursors: Cursors) -> Self {
        let progress = EpochEnd { bound: Timestamp::MIN, landing_bound: Timestamp::MIN, ..EpochEnd::default() };
        Self { progress, cursors, rulebook: Arc::default() }
    }

    pub(crate) fn as_of(&self, incarnation: Incarnation) -> views::as_of::AsOf {
        views::as_of::AsOf {
            epoch: self.progress.epoch,
            incarnation: incarnation.id,
            log_time: self.progress.bound,
            offsets: self.cursors.partition_ends().collect(),
        }
    }
}

impl Place {
    pub(crate) fn of(frame: &Frame) -> Self {
        Self {
            log_time: frame.log_time,
            lane: frame.lane as u8,
            partition: frame.partition.0,
            first: frame.first.0,
            rows: frame.rows,
        }
    }

    fn pos(&self, row: u64) -> Pos {
        Pos { log_time: self.log_time, lane: self.lane, partition: self.partition, offset: self.first + row }
    }

    pub(crate) fn holds(&self, pos: &Pos) -> bool {
        let ends = self.first..self.first + u64::from(self.rows);
        (self.lane, self.partition) == (pos.lane, pos.partition) && ends.contains(&pos.offset)
    }
}

impl Epoch {
    /// The place in the log of a row, given as `frame index << 32 | row`.
    #[inline]
    pub(crate) fn pos(&self, seq: u64) -> Pos {
        self.places[(seq >> 32) as usize].pos(seq & u64::from(u32::MAX))
    }

    /// `frame index << 32 | row` of a place in the log.
    pub(crate) fn seq(&self, pos: &Pos) -> Option<u64> {
        let index = self.places.iter().position(|place| place.holds(pos))?;
        Some((index as u64) << 32 | (pos.offset - self.places[index].first))
    }

    /// How a view stands still that takes no part.
    #[inline]
    pub(crate) fn set_aside(&self, view: usize) -> Option<&SetAside> {
        self.aside.iter().find(|aside| aside.number == view)
    }

    /// The rows that a view ignores.
    pub(crate) fn skipped(&self, view: usize) -> impl Iterator<Item = &SkippedRows> + '_ {
        self.skips.iter().filter(move |skip| skip.view.is_none_or(|named| named == view))
    }
}

impl SkippedRows {
    pub(crate) fn contains(&self, seq: u64) -> bool {
        (self.first..self.first + u64::from(self.rows)).contains(&seq)
    }
}

/// The end of an activity partition, for whoever lands raw records by a cursor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RawEnd {
    /// The partition.
    pub partition: PartitionId,
    /// The offset after the last record of the landing epoch.
    pub end: Offset,
}
