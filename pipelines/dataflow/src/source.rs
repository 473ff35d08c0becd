//! Frames of facts and activity in the one order of their log times, read ahead in large pieces.

use std::collections::VecDeque;
use std::sync::Arc;

use eventlog::{EventLog, Frame, Lane, Offset, ReadError, ReadLimits};
use records::Timestamp;

use crate::cursors::{Cursors, LANES};

/// Read at once from a lane: large enough that a pass over the log's files is cheap for each record, small enough to
/// keep two of them in memory.
const READ_BYTES: usize = 8 << 20;
const READ_ROWS: u64 = 1 << 18;

/// Both lanes, merged.
pub(crate) struct Source {
    log: Arc<dyn EventLog>,
    lanes: [Ahead; 2],
}

/// What was read of one lane and not taken yet.
struct Ahead {
    lane: Lane,
    cursors: Vec<Offset>,
    frames: VecDeque<Frame>,
    // Every frame up to here was read.
    known: Timestamp,
}

/// Frames of one epoch.
pub(crate) struct Taken {
    /// The frames by log time.
    pub(crate) frames: Vec<Frame>,
    /// Every frame up to here was taken.
    pub(crate) bound: Timestamp,
    /// Whether there is more up to the time that was asked for.
    pub(crate) more: bool,
}

impl Source {
    pub(crate) fn new(log: Arc<dyn EventLog>, from: &Cursors) -> Self {
        let lanes = LANES.map(|lane| Ahead {
            lane,
            cursors: from.offsets(lane),
            frames: VecDeque::new(),
            known: Timestamp::MIN,
        });
        Self { log, lanes }
    }

    /// Takes frames up to a log time, which must not be beyond the log's bound; stops before the frame that passes
    /// `max_rows`, but takes at least one.
    pub(crate) fn take(&mut self, up_to: Timestamp, max_rows: u64) -> Result<Taken, ReadError> {
        let mut frames: Vec<Frame> = Vec::new();
        let mut rows = 0;
        while let Some(lane) = self.next_lane(up_to)? {
            let ahead = &mut self.lanes[lane];
            let frame = ahead.frames.front().expect("the lane was chosen for it");
            rows += u64::from(frame.rows);
            if rows > max_rows
                && let Some(last) = frames.last()
            {
                return Ok(Taken { bound: last.log_time, frames, more: true });
            }
            frames.extend(ahead.frames.pop_front());
        }
        Ok(Taken { frames, bound: up_to, more: false })
    }

    /// The lane whose next frame is the earliest up to a log time.
    fn next_lane(&mut self, up_to: Timestamp) -> Result<Option<usize>, ReadError> {
        let mut earliest: Option<(Timestamp, usize)> = None;
        for (index, ahead) in self.lanes.iter_mut().enumerate() {
            if let Some(time) = ahead.peek(&*self.log, up_to)?
                && earliest.is_none_or(|(best, _)| time < best)
            {
                earliest = Some((time, index));
            }
        }
        Ok(earliest.map(|(_, index)| index))
    }
}

impl Ahead {
    fn peek(&mut self, log: &dyn EventLog, up_to: Timestamp) -> Result<Option<Timestamp>, ReadError> {
        if self.frames.is_empty() && self.known < up_to {
            self.read(log, up_to)?;
        }
        Ok(self.frames.front().map(|frame| frame.log_time).filter(|time| *time <= up_to))
    }

    fn read(&mut self, log: &dyn EventLog, up_to: Timestamp) -> Result<(), ReadError> {
        let limits = ReadLimits { max_bytes: READ_BYTES, max_rows: READ_ROWS, up_to: log.bound().max(up_to) };
        let frames = log.read_lane(self.lane, &self.cursors, limits)?;
        for frame in &frames {
            self.cursors[frame.partition.index()] = frame.end();
        }
        // A full read may have been cut by a limit: then only what came is known.
        self.known = frames.last().map_or(limits.up_to, |last| last.log_time);
        self.frames.extend(frames);
        Ok(())
    }
}
