//! Reads the bindings and the records of one landing epoch after the other.

use std::collections::VecDeque;
use std::sync::Arc;

use arrow_buffer::Buffer;
use eventlog::{EventLog, Frame, Lane, Offset, ReadError, ReadLimits};
use records::{Batch, Timestamp, fact};
use tracing::warn;
use warehouse::raw::{FactFrame, RecordFrame};

use super::marks::Mark;
use crate::binding::{Binding, Entry};
use crate::replay::Replay;
use crate::system::{self, SystemError};

/// Bytes of frames that are read in one pass.
const READ_BYTES: usize = 16 << 20;

/// Why raw records cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum RawError {
    /// The log refuses.
    #[error("reading the log for landing: {0}")]
    Read(#[from] ReadError),
    /// The bindings cannot be read.
    #[error(transparent)]
    System(#[from] SystemError),
    /// The log gives fewer records than were bound.
    #[error("the {lane} lane does not hold what was bound")]
    Short {
        /// The lane.
        lane: Lane,
    },
    /// Landing epochs that have not landed are gone from the log.
    #[error(
        "landing epoch {wanted} is next, but the log's first one is {found}; its records were dropped before they landed"
    )]
    Gap {
        /// The landing epoch that should come.
        wanted: u64,
        /// The one that the log has.
        found: u64,
    },
}

/// The records and facts of one landing epoch.
#[derive(Debug)]
pub struct RawEpoch {
    /// Its number.
    pub number: u64,
    /// Frames of the activity lane, in log time order.
    pub records: Vec<RecordFrame>,
    /// Frames of the facts lane, in log time order.
    pub facts: Vec<FactFrame>,
    /// Where the log stands after it.
    pub end: Mark,
}

/// A cursor over landing epochs.
pub struct RawSource {
    log: Arc<dyn EventLog>,
    at: Mark,
    // Landing epochs up to this one have landed.
    landed: u64,
    // What the lane held when it was first looked at: which bindings hold shows only at its end.
    replay: Option<Replay>,
    // Bindings that are read and not yet part of a finished landing epoch, each with the offset after it.
    pending: VecDeque<(Offset, Binding)>,
    read_to: Offset,
}

impl RawSource {
    /// Goes on after a mark, or from the beginning of the log.
    pub fn new(log: Arc<dyn EventLog>, mark: Option<Mark>) -> Self {
        let at = mark.unwrap_or_else(|| {
            let system = log.starts(Lane::System).first().copied().unwrap_or_default();
            Mark::at(system, &log.starts(Lane::Facts), &log.starts(Lane::Activity))
        });
        let read_to = Offset(at.system);
        Self { log, at, landed: 0, replay: None, pending: VecDeque::new(), read_to }
    }

    /// Says up to which number landing epochs have landed. The log need not have those any more: without a mark the first
    /// one that is left may be any of them, and comes without its rows.
    #[must_use]
    pub fn landed(self, landed: u64) -> Self {
        Self { landed, ..self }
    }

    /// The next landing epoch; none while the sequencer has not bound its end.
    ///
    /// # Errors
    /// When the log cannot be read, or has lost epochs that are still to come.
    pub fn next_epoch(&mut self) -> Result<Option<RawEpoch>, RawError> {
        let last = loop {
            match self.landing_end() {
                Some(last) => break last,
                None if self.read_bindings()? => {}
                None => return Ok(None),
            }
        };
        let (system, binding) = &self.pending[last];
        let number = binding.landing.expect("it ends a landing epoch");
        // Retention has dropped the bindings before, of which everything had landed.
        let begins = self.at.epoch == 0 && number <= self.landed;
        if number != self.at.number + 1 && !begins {
            return Err(RawError::Gap { wanted: self.at.number + 1, found: number });
        }
        let bound = binding.bound;
        let mut end = Mark { number, epoch: binding.epoch, system: system.0, ..self.at.clone() };
        for moved in self.pending.iter().take(last + 1).flat_map(|(_, binding)| &binding.ends) {
            let ends = if moved.lane == Lane::Facts { &mut end.facts } else { &mut end.activity };
            let end = &mut ends[usize::from(moved.partition)];
            // Retention drops only what has landed: a start beyond this end has nothing to read before it.
            *end = moved.end.0.max(*end);
        }
        // It would hold everything that ever was before, too.
        let from = if begins { &end } else { &self.at };
        let records = self.frames(Lane::Activity, &from.activity, &end.activity, bound)?;
        let facts = self.frames(Lane::Facts, &from.facts, &end.facts, bound)?;
        // Nothing moves before everything was read: after an error the same epoch comes again.
        self.pending.drain(..=last);
        self.at = end.clone();
        let records = records.iter().filter_map(record_frame).collect();
        let facts = facts.iter().filter_map(fact_frame).collect();
        Ok(Some(RawEpoch { number, records, facts, end }))
    }

    /// The place in `pending` of the first binding that ends a landing epoch and lies within what the log holds.
    fn landing_end(&self) -> Option<usize> {
        let (facts, activity) = (self.log.ends(Lane::Facts), self.log.ends(Lane::Activity));
        let reaches = |binding: &Binding| {
            binding.ends.iter().all(|end| {
                let ends = if end.lane == Lane::Facts { &facts } else { &activity };
                ends.get(usize::from(end.partition)).is_some_and(|there| end.end <= *there)
            })
        };
        // A binding beyond the tail is one that recovery cuts; what replaces it comes later in the lane.
        let fitting = self.pending.iter().take_while(|(_, binding)| reaches(binding)).count();
        self.pending.iter().take(fitting).position(|(_, binding)| binding.landing.is_some())
    }

    /// Takes in the next binding, or the next few; false when there are none. What is kept is that of one landing epoch,
    /// however many bindings the log has.
    fn read_bindings(&mut self) -> Result<bool, RawError> {
        let replay = match &mut self.replay {
            Some(replay) => replay,
            none => none.insert(Replay::scan(&self.log, self.read_to)?.replay),
        };
        if let Some((after, binding)) = replay.next()? {
            self.take(after, binding);
            return Ok(true);
        }
        let from = self.read_to.max(replay.scanned_to());
        let (next, entries) = system::read_some(&*self.log, from)?;
        for (after, entry) in entries {
            if let Entry::Bound(binding) = entry {
                self.take(after, binding);
            }
        }
        self.read_to = next;
        Ok(next > from)
    }

    fn take(&mut self, after: Offset, binding: Binding) {
        while self.pending.back().is_some_and(|(_, last)| last.epoch > binding.previous) {
            self.pending.pop_back();
        }
        if binding.epoch > self.at.epoch {
            self.pending.push_back((after, binding));
        }
    }

    fn frames(&self, lane: Lane, from: &[u64], to: &[u64], bound: Timestamp) -> Result<Vec<Frame>, RawError> {
        let mut cursors: Vec<Offset> = from.iter().copied().map(Offset).collect();
        let mut frames = Vec::new();
        let limits = ReadLimits { max_bytes: READ_BYTES, ..ReadLimits::up_to(bound) };
        while cursors.iter().zip(to).any(|(at, end)| at.0 < *end) {
            let read = self.log.read_lane(lane, &cursors, limits)?;
            if read.is_empty() {
                return Err(RawError::Short { lane });
            }
            for frame in &read {
                cursors[frame.partition.index()] = frame.end();
            }
            frames.extend(read.into_iter().filter(|frame| frame.end().0 <= to[frame.partition.index()]));
        }
        Ok(frames)
    }
}

fn record_frame(frame: &Frame) -> Option<RecordFrame> {
    if frame.counted() == 0 {
        return None;
    }
    let batch = Batch::decode_buffer(Buffer::from(frame.body.clone()));
    // The dataflow skips such a frame durably and says so; here it only must not stop the others.
    let batch =
        batch.inspect_err(|error| warn!(%error, offset = frame.first.0, "frame does not land: unreadable")).ok()?;
    Some(RecordFrame {
        log_time: frame.log_time,
        partition: frame.partition.0,
        first: frame.first.0,
        batch: Arc::new(batch),
        rows: frame.counted_rows().collect(),
    })
}

fn fact_frame(frame: &Frame) -> Option<FactFrame> {
    let rows = fact::decode(&frame.body);
    let rows = rows.inspect_err(|error| warn!(%error, offset = frame.first.0, "facts do not land: unreadable")).ok()?;
    let rows = (0..).zip(rows).filter(|(row, _)| frame.counts(*row)).collect();
    Some(FactFrame { log_time: frame.log_time, partition: frame.partition.0, first: frame.first.0, rows })
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use eventlog::clock::ManualClock;
    use eventlog::{Incarnation, MemoryLog, NewFrame, PartitionId};
    use records::{Kind, Record};

    use super::*;
    use crate::binding::End;
    use crate::system::SystemLane;

    fn log() -> Arc<dyn EventLog> {
        Arc::new(MemoryLog::new(1, ManualClock::new(Timestamp(1))))
    }

    fn append(log: &Arc<dyn EventLog>, partition: u16, rows: usize) {
        let batch = Batch::from_records(&vec![Record::new(Kind::Page); rows]);
        let body = Bytes::from(batch.encode());
        let rows = u32::try_from(rows).unwrap();
        let partition = PartitionId(partition);
        log.append(vec![NewFrame { lane: Lane::Activity, partition, body, rows, dedup: Vec::new(), claim: None }])
            .unwrap();
    }

    fn bind(lane: &mut SystemLane, log: &Arc<dyn EventLog>, epoch: u64, previous: u64, landing: Option<u64>) {
        let ends = (0..).zip(log.ends(Lane::Activity));
        let ends = ends.map(|(partition, end)| End { lane: Lane::Activity, partition, end, chain: None }).collect();
        let incarnation = Incarnation { id: 1, ordinal: 0 };
        let binding = Binding { epoch, previous, incarnation, bound: log.bound(), ends, landing, snapshot: false };
        lane.append(&Entry::Bound(binding)).unwrap();
    }

    fn rows(epoch: &RawEpoch) -> usize {
        epoch.records.iter().map(|frame| frame.rows.len()).sum()
    }

    #[test]
    fn a_landing_epoch_holds_what_was_bound_since_the_last_one() {
        let log = log();
        let mut lane = SystemLane::claim(Arc::clone(&log), 1).unwrap();
        let mut source = RawSource::new(Arc::clone(&log), None);
        append(&log, 0, 3);
        bind(&mut lane, &log, 1, 0, None);
        assert!(source.next_epoch().unwrap().is_none(), "no landing epoch has ended");
        append(&log, 1, 2);
        bind(&mut lane, &log, 2, 1, Some(1));
        append(&log, 0, 7);
        let first = source.next_epoch().unwrap().unwrap();
        assert_eq!((first.number, rows(&first)), (1, 5), "what came after the mark waits for the next one");
        bind(&mut lane, &log, 3, 2, Some(2));
        let second = source.next_epoch().unwrap().unwrap();
        assert_eq!((second.number, rows(&second)), (2, 7));
        assert!(source.next_epoch().unwrap().is_none());
        // From a mark on, the same epochs come again.
        let again = RawSource::new(log, Some(first.end)).next_epoch().unwrap().unwrap();
        assert_eq!((again.number, rows(&again), &again.end), (2, 7, &second.end));
    }

    #[test]
    fn a_binding_that_was_cut_never_lands() {
        let log = log();
        let mut lane = SystemLane::claim(Arc::clone(&log), 1).unwrap();
        append(&log, 0, 3);
        bind(&mut lane, &log, 1, 0, Some(1));
        bind(&mut lane, &log, 2, 1, Some(2));
        // Recovery went back to epoch 1 and cut epoch 2.
        append(&log, 0, 4);
        bind(&mut lane, &log, 3, 1, Some(2));
        let mut source = RawSource::new(log, None);
        let landed: Vec<_> =
            std::iter::from_fn(|| source.next_epoch().unwrap()).map(|epoch| (epoch.number, rows(&epoch))).collect();
        assert_eq!(landed, [(1, 3), (2, 4)]);
    }

    #[test]
    fn an_epoch_that_cannot_be_read_comes_again() {
        let log = log();
        let mut lane = SystemLane::claim(Arc::clone(&log), 1).unwrap();
        let mut source = RawSource::new(Arc::clone(&log), None);
        append(&log, 0, 3);
        bind(&mut lane, &log, 1, 0, Some(1));
        append(&log, 0, 2);
        bind(&mut lane, &log, 2, 1, Some(2));
        log.truncate_before(Lane::Activity, PartitionId(0), Offset(3)).unwrap();
        for _ in 0..2 {
            let error = source.next_epoch().unwrap_err();
            assert!(matches!(error, RawError::Read(ReadError::Truncated { .. })), "{error}");
        }
    }

    #[test]
    fn without_a_mark_it_begins_with_what_retention_has_left() {
        let log = log();
        let mut lane = SystemLane::claim(Arc::clone(&log), 1).unwrap();
        for epoch in 1..=3 {
            append(&log, 0, 2);
            bind(&mut lane, &log, epoch, epoch - 1, Some(epoch));
        }
        log.truncate_before(Lane::Activity, PartitionId(0), Offset(4)).unwrap();
        let mut source = RawSource::new(log, None);
        let landed: Vec<_> =
            std::iter::from_fn(|| source.next_epoch().unwrap()).map(|epoch| (epoch.number, rows(&epoch))).collect();
        assert_eq!(landed, [(1, 0), (2, 0), (3, 2)]);
    }

    #[test]
    fn a_long_lane_is_read_landing_epoch_by_landing_epoch() {
        let log = log();
        let mut lane = SystemLane::claim(Arc::clone(&log), 1).unwrap();
        for epoch in 1..=400 {
            append(&log, 0, 1);
            bind(&mut lane, &log, epoch, epoch - 1, (epoch % 4 == 0).then_some(epoch / 4));
        }
        let mut source = RawSource::new(Arc::clone(&log), None);
        for number in 1..=100 {
            let epoch = source.next_epoch().unwrap().unwrap();
            assert_eq!((epoch.number, rows(&epoch)), (number, 4));
            assert!(source.pending.is_empty(), "{} bindings are in memory", source.pending.len());
        }
        assert!(source.next_epoch().unwrap().is_none());
        // What comes later is found too, a binding that takes the place of another among it.
        append(&log, 0, 5);
        bind(&mut lane, &log, 401, 400, None);
        bind(&mut lane, &log, 402, 400, Some(101));
        let epoch = source.next_epoch().unwrap().unwrap();
        assert_eq!((epoch.number, rows(&epoch), source.pending.len()), (101, 5, 0));
    }

    #[test]
    fn without_a_mark_it_begins_with_bindings_that_retention_has_left() {
        let log = log();
        let mut lane = SystemLane::claim(Arc::clone(&log), 1).unwrap();
        for epoch in 1..=6 {
            append(&log, 0, 2);
            bind(&mut lane, &log, epoch, epoch - 1, Some(epoch));
        }
        // The claim comes first, then a binding for each epoch.
        log.truncate_before(Lane::System, PartitionId(0), Offset(4)).unwrap();
        let landed = |landed| {
            let mut source = RawSource::new(Arc::clone(&log), None).landed(landed);
            let each = std::iter::from_fn(|| source.next_epoch().transpose());
            each.map(|epoch| epoch.map(|epoch| (epoch.number, rows(&epoch)))).collect::<Result<Vec<_>, _>>()
        };
        assert_eq!(landed(4).unwrap(), [(4, 0), (5, 2), (6, 2)], "what has landed comes without its rows");
        assert!(matches!(landed(3), Err(RawError::Gap { wanted: 1, found: 4 })), "one that should land is gone");
    }

    #[test]
    fn lost_landing_epochs_are_an_error() {
        let log = log();
        let mut lane = SystemLane::claim(Arc::clone(&log), 1).unwrap();
        bind(&mut lane, &log, 9, 0, Some(5));
        assert!(matches!(RawSource::new(log, None).next_epoch(), Err(RawError::Gap { wanted: 1, found: 5 })));
    }
}
