//! The whole history: what retention takes out of the log is kept here first, to compare with.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use eventlog::{
    AppendError, EventLog, FileLog, Frame, Lane, LogIdentity, LogStatus, NewFrame, Offset, PartitionId, RawFrame,
    ReadError, ReadLimits, Ticket, TruncateError,
};
use parking_lot::Mutex;
use records::Timestamp;

/// Frames that retention may have dropped, by lane, partition and first offset.
#[derive(Debug, Clone, Default)]
pub(crate) struct Kept(Arc<Mutex<Dropped>>);

#[derive(Debug, Default)]
struct Dropped {
    frames: BTreeMap<(Lane, u16), BTreeMap<u64, Frame>>,
    /// Where the partitions began after retention had been at work, and the log's bound at that time.
    starts: Vec<(Timestamp, Vec<Offset>)>,
}

impl Kept {
    /// Keeps what a partition holds before `end`, as far as it is not kept yet.
    pub(crate) fn keep(&self, log: &FileLog, lane: Lane, partition: PartitionId, end: Offset) -> Result<(), ReadError> {
        let mut kept = self.0.lock();
        let frames = kept.frames.entry((lane, partition.0)).or_default();
        let mut from = frames.last_key_value().map_or(Offset(0), |(_, last)| last.end());
        while from < end {
            let read = log.read(lane, partition, from, ReadLimits::default())?;
            let Some(last) = read.last() else { break };
            from = last.end();
            frames.extend(read.into_iter().map(|frame| (frame.first.0, frame)));
        }
        Ok(())
    }

    /// Notes what the log holds now.
    pub(crate) fn note(&self, log: &FileLog) {
        self.0.lock().starts.push((log.bound(), log.starts(Lane::Activity)));
    }

    /// Whether a record was gone when a later one was stamped: a log that is opened then cannot know that it was there.
    pub(crate) fn was_gone(&self, partition: PartitionId, offset: Offset, later: Timestamp) -> bool {
        let gone = |(at, starts): &(Timestamp, Vec<Offset>)| *at < later && offset < starts[partition.index()];
        self.0.lock().starts.iter().any(gone)
    }

    /// The frames of a partition that are kept, from the one that holds `from` on.
    fn from(&self, lane: Lane, partition: PartitionId, from: Offset, up_to: Timestamp) -> Option<Vec<Frame>> {
        let kept = self.0.lock();
        let frames = kept.frames.get(&(lane, partition.0))?;
        let (first, holding) = frames.range(..=from.0).next_back()?;
        if holding.end() <= from {
            return None;
        }
        let rest = frames.range(first..).map(|(_, frame)| frame);
        Some(rest.take_while(|frame| frame.log_time <= up_to).cloned().collect())
    }
}

/// A log as if nothing had ever been dropped. What is appended goes to the log itself.
pub(crate) struct History {
    log: Arc<FileLog>,
    kept: Kept,
}

impl History {
    pub(crate) fn new(log: &Arc<FileLog>, kept: &Kept) -> Self {
        Self { log: Arc::clone(log), kept: kept.clone() }
    }
}

impl EventLog for History {
    fn identity(&self) -> LogIdentity {
        self.log.identity()
    }

    fn submit(&self, frames: Vec<NewFrame>) -> Result<Ticket, AppendError> {
        self.log.submit(frames)
    }

    /// May give fewer frames than the limits allow, and more bytes: runs are small.
    fn read(
        &self,
        lane: Lane,
        partition: PartitionId,
        from: Offset,
        limits: ReadLimits,
    ) -> Result<Vec<Frame>, ReadError> {
        let kept = self.kept.from(lane, partition, from, limits.up_to);
        kept.map_or_else(|| self.log.read(lane, partition, from, limits), Ok)
    }

    fn read_raw(
        &self,
        lane: Lane,
        partition: PartitionId,
        from: Offset,
        limits: ReadLimits,
    ) -> Result<Vec<RawFrame>, ReadError> {
        self.log.read_raw(lane, partition, from, limits)
    }

    fn ends(&self, lane: Lane) -> Vec<Offset> {
        self.log.ends(lane)
    }

    fn starts(&self, lane: Lane) -> Vec<Offset> {
        vec![Offset(0); self.log.starts(lane).len()]
    }

    fn bound(&self) -> Timestamp {
        self.log.bound()
    }

    fn wait_past(&self, bound: Timestamp, timeout: Duration) -> Timestamp {
        self.log.wait_past(bound, timeout)
    }

    fn truncate_before(&self, lane: Lane, partition: PartitionId, offset: Offset) -> Result<(), TruncateError> {
        self.log.truncate_before(lane, partition, offset)
    }

    fn status(&self) -> LogStatus {
        self.log.status()
    }
}
