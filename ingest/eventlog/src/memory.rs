//! The log in memory: for tests and for trying things out. An equal peer of the file log, except for durability.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};
use records::time::Timestamp;

use crate::admit::Admission;
use crate::check::check;
use crate::clock::Clock;
use crate::error::{AppendError, ReadError, TruncateError};
use crate::frame::{Appended, Frame, NewFrame, RawFrame, Voided};
use crate::lane::{Lane, Offset, PartitionId, Partitions};
use crate::log::{Budget, Durability, EventLog, Incarnation, LaneStatus, LogIdentity, LogStatus, ReadLimits};
use crate::ticket::{Ticket, ticket};

/// A log that lives and dies with the process.
pub struct MemoryLog {
    incarnation: Incarnation,
    options: MemoryOptions,
    clock: Box<dyn Clock>,
    state: Mutex<State>,
    grown: Condvar,
}

/// How a [`MemoryLog`] is set up.
#[derive(Debug, Clone, Copy)]
pub struct MemoryOptions {
    /// Partitions of each lane.
    pub partitions: Partitions,
    /// Activity is refused when the log holds this many bytes; facts and system frames are not.
    pub max_bytes: u64,
    /// Whether [`EventLog::truncate_before`] may drop facts.
    pub may_truncate_facts: bool,
}

impl Default for MemoryOptions {
    fn default() -> Self {
        // A gigabyte: far above what a test writes, far below what would take the machine down.
        Self { partitions: Partitions::default(), max_bytes: 1 << 30, may_truncate_facts: false }
    }
}

struct State {
    last: Timestamp,
    last_frame: Timestamp,
    bytes: u64,
    lanes: [Vec<Partition>; 3],
    figures: [Figures; 3],
}

#[derive(Default)]
struct Partition {
    frames: VecDeque<RawFrame>,
    start: Offset,
    end: Offset,
    admission: Admission,
}

#[derive(Default, Clone, Copy)]
struct Figures {
    bytes: u64,
    frames: u64,
    rows: u64,
    voided_rows: u64,
    groups: u64,
    refused: u64,
}

impl MemoryLog {
    /// An empty log with the default partitions. `incarnation` should be random outside tests.
    pub fn new(incarnation: u64, clock: impl Clock) -> Self {
        Self::with_options(incarnation, clock, MemoryOptions::default())
    }

    /// An empty log.
    pub fn with_options(incarnation: u64, clock: impl Clock, options: MemoryOptions) -> Self {
        let partitions = |lane| options.partitions.each(lane).map(|_| Partition::default()).collect();
        let state = State {
            last: Timestamp::MIN,
            last_frame: Timestamp::MIN,
            bytes: 0,
            lanes: Lane::ALL.map(partitions),
            figures: Default::default(),
        };
        Self {
            incarnation: Incarnation { id: incarnation, ordinal: 0 },
            options,
            clock: Box::new(clock),
            state: Mutex::new(state),
            grown: Condvar::new(),
        }
    }

    fn find<T>(
        &self,
        lane: Lane,
        partition: PartitionId,
        from: Offset,
        limits: ReadLimits,
        pick: impl Fn(&RawFrame) -> T,
    ) -> Result<Vec<T>, ReadError> {
        let state = self.state.lock();
        let part =
            state.lanes[lane.index()].get(partition.index()).ok_or(ReadError::NoPartition { lane, partition })?;
        if from < part.start {
            return Err(ReadError::Truncated { lane, partition, from, start: part.start });
        }
        if from > part.end {
            return Err(ReadError::BeyondEnd { lane, partition, from, end: part.end });
        }
        let at = part.frames.partition_point(|raw| raw.frame.end() <= from);
        let mut budget = Budget::new(limits);
        let fits = |raw: &&RawFrame| budget.takes(raw.frame.log_time, raw.frame.body.len(), raw.frame.rows);
        Ok(part.frames.range(at..).take_while(fits).map(pick).collect())
    }
}

impl State {
    /// Stamps and judges one frame, and makes it readable.
    fn take(&mut self, frame: NewFrame, now: Timestamp) -> Appended {
        self.last = now.max(Timestamp(self.last.0 + 1));
        self.last_frame = self.last;
        let part = &mut self.lanes[frame.lane.index()][frame.partition.index()];
        let voided = part.admission.admit(frame.claim.as_ref(), frame.rows, &frame.dedup);
        let appended = Appended {
            lane: frame.lane,
            partition: frame.partition,
            first: part.end,
            rows: frame.rows,
            log_time: self.last,
            voided_rows: voided.count(frame.rows),
        };
        let bytes = (frame.body.len() + frame.dedup.len() * 8) as u64;
        let stored = Frame {
            lane: frame.lane,
            partition: frame.partition,
            first: part.end,
            rows: frame.rows,
            log_time: self.last,
            content_crc: crc32c::crc32c(&frame.body),
            claim: frame.claim,
            voided,
            body: frame.body,
        };
        part.end = stored.end();
        part.frames.push_back(RawFrame { frame: stored, dedup: frame.dedup, lost: false });
        self.bytes += bytes;
        let figures = &mut self.figures[appended.lane.index()];
        figures.bytes += bytes;
        figures.frames += 1;
        figures.rows += u64::from(appended.rows);
        figures.voided_rows += u64::from(appended.voided_rows);
        appended
    }

    fn bound(&mut self, now: Timestamp) -> Timestamp {
        self.last = self.last.max(now);
        self.last
    }
}

impl EventLog for MemoryLog {
    fn identity(&self) -> LogIdentity {
        LogIdentity {
            incarnation: self.incarnation,
            partitions: self.options.partitions,
            durability: Durability {
                process_crash: false,
                power_loss: false,
                statement: "in memory: nothing survives the process".to_owned(),
            },
        }
    }

    fn submit(&self, frames: Vec<NewFrame>) -> Result<Ticket, AppendError> {
        check(&frames, self.options.partitions)?;
        let mut state = self.state.lock();
        let full = state.bytes >= self.options.max_bytes;
        if full && frames.iter().any(|frame| frame.lane == Lane::Activity) {
            state.figures[Lane::Activity.index()].refused += 1;
            return Err(AppendError::NoSpace { lane: Lane::Activity, free_bytes: 0 });
        }
        for lane in Lane::ALL {
            state.figures[lane.index()].groups += u64::from(frames.iter().any(|frame| frame.lane == lane));
        }
        let now = self.clock.now();
        let appended = frames.into_iter().map(|frame| state.take(frame, now)).collect();
        drop(state);
        self.grown.notify_all();
        Ok(ticket(0, appended).0)
    }

    fn read(
        &self,
        lane: Lane,
        partition: PartitionId,
        from: Offset,
        limits: ReadLimits,
    ) -> Result<Vec<Frame>, ReadError> {
        self.find(lane, partition, from, limits, |raw| {
            let mut frame = raw.frame.clone();
            if frame.voided == Voided::All {
                frame.body = bytes::Bytes::new();
            }
            frame
        })
    }

    fn read_raw(
        &self,
        lane: Lane,
        partition: PartitionId,
        from: Offset,
        limits: ReadLimits,
    ) -> Result<Vec<RawFrame>, ReadError> {
        self.find(lane, partition, from, limits, RawFrame::clone)
    }

    fn ends(&self, lane: Lane) -> Vec<Offset> {
        self.state.lock().lanes[lane.index()].iter().map(|part| part.end).collect()
    }

    fn starts(&self, lane: Lane) -> Vec<Offset> {
        self.state.lock().lanes[lane.index()].iter().map(|part| part.start).collect()
    }

    fn bound(&self) -> Timestamp {
        // The clock is read under the lock: read before it, a slow caller could not harm, but the bound would lag.
        let mut state = self.state.lock();
        let now = self.clock.now();
        state.bound(now)
    }

    fn wait_past(&self, bound: Timestamp, timeout: Duration) -> Timestamp {
        let deadline = Instant::now() + timeout;
        let mut state = self.state.lock();
        while state.last_frame <= bound && !self.grown.wait_until(&mut state, deadline).timed_out() {}
        let now = self.clock.now();
        state.bound(now)
    }

    fn truncate_before(&self, lane: Lane, partition: PartitionId, offset: Offset) -> Result<(), TruncateError> {
        if lane == Lane::Facts && !self.options.may_truncate_facts {
            return Err(TruncateError::Kept { lane });
        }
        let mut state = self.state.lock();
        let part = state.lanes[lane.index()]
            .get_mut(partition.index())
            .ok_or(TruncateError::NoPartition { lane, partition })?;
        if offset > part.end {
            return Err(TruncateError::BeyondEnd { lane, partition, offset, end: part.end });
        }
        let mut freed = 0;
        while let Some(raw) = part.frames.front()
            && raw.frame.end() <= offset
        {
            freed += (raw.frame.body.len() + raw.dedup.len() * 8) as u64;
            part.start = raw.frame.end();
            part.frames.pop_front();
        }
        state.bytes -= freed;
        state.figures[lane.index()].bytes -= freed;
        Ok(())
    }

    fn status(&self) -> LogStatus {
        let state = self.state.lock();
        let lane = |lane: Lane| {
            let (parts, figures) = (&state.lanes[lane.index()], state.figures[lane.index()]);
            LaneStatus {
                lane: lane.name().to_owned(),
                bytes: figures.bytes,
                segments: 0,
                starts: parts.iter().map(|part| part.start).collect(),
                ends: parts.iter().map(|part| part.end).collect(),
                frames: figures.frames,
                rows: figures.rows,
                voided_rows: figures.voided_rows,
                groups: figures.groups,
                refused: figures.refused,
                ..LaneStatus::default()
            }
        };
        LogStatus { lanes: Lane::ALL.into_iter().map(lane).collect(), ..LogStatus::default() }
    }
}
