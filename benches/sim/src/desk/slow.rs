//! A log behind a queue: what is submitted is on its way until the run carries it on, and may be lost there, or its answer.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use eventlog::{
    AppendError, Appended, EventLog, Frame, Lane, LogIdentity, LogStatus, NewFrame, Offset, PartitionId, Promise,
    RawFrame, ReadError, ReadLimits, Ticket, TruncateError,
};
use parking_lot::Mutex;
use records::{Timestamp, fact};

use super::bend::Bend;

/// What becomes of the oldest submission.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Carried {
    /// It is in the log, and its writer hears so.
    There,
    /// It is in the log, and its writer hears of an error.
    Unheard,
    /// It is lost, and its writer hears of an error.
    Lost,
}

/// A log whose submissions wait to be carried on, in their order.
pub(crate) struct SlowLog {
    inner: Arc<dyn EventLog>,
    queue: Mutex<VecDeque<(Vec<NewFrame>, Promise)>>,
    bend: Bend,
    /// The next submission is refused.
    refuses: Mutex<bool>,
}

impl SlowLog {
    pub(crate) fn new(inner: Arc<dyn EventLog>, bend: Bend) -> Self {
        Self { inner, queue: Mutex::default(), bend, refuses: Mutex::new(false) }
    }

    /// The log itself, whatever is broken in front of it.
    pub(crate) fn plain(&self) -> Arc<dyn EventLog> {
        Arc::clone(&self.inner)
    }

    /// Carries the oldest submission on; false when there is none.
    pub(crate) fn carry(&self, how: Carried) -> bool {
        let Some((frames, promise)) = self.queue.lock().pop_front() else { return false };
        let gone = || AppendError::Poisoned { reason: "the answer was lost".into() };
        match how {
            Carried::Lost => promise.keep(Err(gone())),
            Carried::There => promise.keep(self.take(frames)),
            Carried::Unheard => {
                let taken = self.take(frames);
                promise.keep(taken.and(Err(gone())));
            }
        }
        true
    }

    /// Carries everything on.
    pub(crate) fn flush(&self) {
        while self.carry(Carried::There) {}
    }

    pub(crate) fn refuse_next(&self) {
        *self.refuses.lock() = true;
    }

    /// Where frames will be, if all that is on its way before them arrives.
    fn foreseen<'a>(&self, before: impl Iterator<Item = &'a NewFrame>, frames: &[NewFrame]) -> Vec<Appended> {
        let mut ends = self.inner.ends(Lane::Facts);
        before.for_each(|frame| ends[frame.partition.index()] = ends[frame.partition.index()].plus(frame.rows));
        let placed = frames.iter().map(|frame| {
            let end = &mut ends[frame.partition.index()];
            let first = std::mem::replace(end, end.plus(frame.rows));
            let NewFrame { lane, partition, rows, .. } = *frame;
            Appended { lane, partition, first, rows, log_time: self.inner.bound(), voided_rows: 0 }
        });
        placed.collect()
    }

    fn take(&self, mut frames: Vec<NewFrame>) -> Result<Vec<Appended>, AppendError> {
        if self.bend == Bend::NoFence {
            frames.iter_mut().for_each(|frame| frame.claim = None);
        }
        self.inner.append(frames)
    }
}

/// A frame without the ids of its commands.
fn without_ids(mut frame: Frame) -> Frame {
    if let Ok(mut rows) = fact::decode(&frame.body) {
        rows.iter_mut().for_each(|row| row.command = None);
        frame.body = fact::encode(&rows).into();
    }
    frame
}

impl EventLog for SlowLog {
    fn identity(&self) -> LogIdentity {
        self.inner.identity()
    }

    fn submit(&self, frames: Vec<NewFrame>) -> Result<Ticket, AppendError> {
        if std::mem::take(&mut *self.refuses.lock()) {
            // Whoever hears it waits for what it has submitted before, and nobody else would carry that on.
            self.flush();
            return Err(AppendError::Busy { lane: Lane::Facts });
        }
        let (ticket, promise) = Promise::new();
        let mut queue = self.queue.lock();
        if self.bend == Bend::Hasty {
            promise.keep(Ok(self.foreseen(queue.iter().flat_map(|(frames, _)| frames), &frames)));
            // Nobody waits for what becomes of it.
            queue.push_back((frames, Promise::new().1));
        } else {
            queue.push_back((frames, promise));
        }
        Ok(ticket)
    }

    /// In its order behind what is on its way.
    fn append(&self, frames: Vec<NewFrame>) -> Result<Vec<Appended>, AppendError> {
        self.flush();
        self.take(frames)
    }

    fn read(
        &self,
        lane: Lane,
        partition: PartitionId,
        from: Offset,
        limits: ReadLimits,
    ) -> Result<Vec<Frame>, ReadError> {
        let frames = self.inner.read(lane, partition, from, limits)?;
        Ok(if self.bend == Bend::ForgetsIds { frames.into_iter().map(without_ids).collect() } else { frames })
    }

    fn read_raw(
        &self,
        lane: Lane,
        partition: PartitionId,
        from: Offset,
        limits: ReadLimits,
    ) -> Result<Vec<RawFrame>, ReadError> {
        self.inner.read_raw(lane, partition, from, limits)
    }

    fn ends(&self, lane: Lane) -> Vec<Offset> {
        self.inner.ends(lane)
    }

    fn starts(&self, lane: Lane) -> Vec<Offset> {
        self.inner.starts(lane)
    }

    fn bound(&self) -> Timestamp {
        self.inner.bound()
    }

    fn wait_past(&self, bound: Timestamp, timeout: Duration) -> Timestamp {
        self.inner.wait_past(bound, timeout)
    }

    fn truncate_before(&self, lane: Lane, partition: PartitionId, offset: Offset) -> Result<(), TruncateError> {
        self.inner.truncate_before(lane, partition, offset)
    }

    fn status(&self) -> LogStatus {
        self.inner.status()
    }
}
