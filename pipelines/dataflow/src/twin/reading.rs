//! Reads the log frame by frame in the one total order and decodes what counts.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use eventlog::{EventLog, Frame, Lane, Offset, PartitionId, ReadError, ReadLimits};
use records::{Batch, FactRow, Pos, Record, Timestamp};

use crate::binding::{Entry, Skip};

/// Why the log was not recounted.
#[derive(Debug, thiserror::Error)]
pub enum RecountError {
    /// The log could not be read.
    #[error("log is not readable: {0}")]
    Read(#[from] ReadError),
    /// An activity frame could not be decoded.
    #[error("frame at {0} is not readable: {1}")]
    Frame(Pos, records::codec::DecodeError),
    /// A frame of facts could not be decoded.
    #[error("facts at {0} are not readable: {1}")]
    Facts(Pos, records::fact::FactError),
    /// Records that were recounted are put aside again and again.
    #[error("records are put aside faster than the log is recounted")]
    Restless,
}

/// Which views ignore a record.
#[derive(Debug, Clone, Default)]
pub(crate) struct Skips(Option<Arc<[String]>>);

impl Skips {
    pub(crate) fn skipped(&self, view: &str) -> bool {
        self.0.as_ref().is_some_and(|views| views.iter().any(|named| named == view || named == Skip::EVERY_VIEW))
    }
}

/// The rows of a frame that count.
#[derive(Debug, Default)]
pub(crate) struct Decoded {
    pub(crate) facts: Vec<(Pos, FactRow, Skips)>,
    pub(crate) records: Vec<(Pos, Record, Skips)>,
}

/// Reads a log in the one total order, bit by bit: where it is in each partition, and what is skipped as far as it knows.
pub(crate) struct Reading {
    cursors: Vec<Cursor>,
    system: Vec<Cursor>,
    skips: BTreeMap<(u8, u16), Vec<Skip>>,
    /// Everything up to here was handed on.
    done: Timestamp,
}

/// How a reading ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ended {
    /// Everything up to the wanted log time was handed on.
    Whole,
    /// Whoever took the frames had enough.
    Stopped,
    /// A record that was handed on has been put aside since: what was made of it is not what the views promise.
    Outdated,
}

impl Reading {
    /// Stands before the first frame that the log still has.
    pub(crate) fn new(log: &dyn EventLog) -> Self {
        let of = |lane: Lane| {
            let starts = (0..).zip(log.starts(lane));
            starts.map(move |(partition, from)| Cursor::new(lane, PartitionId(partition), from))
        };
        Self {
            cursors: of(Lane::Facts).chain(of(Lane::Activity)).collect(),
            system: of(Lane::System).collect(),
            skips: BTreeMap::new(),
            done: Timestamp::MIN,
        }
    }

    /// Hands on every frame of facts and activity up to `up_to` that was not handed on before, ordered by log time, until
    /// `take` says `false`.
    pub(crate) fn go_on(
        &mut self,
        log: &dyn EventLog,
        up_to: Timestamp,
        take: &mut dyn FnMut(Decoded) -> bool,
    ) -> Result<Ended, RecountError> {
        if self.read_skips(log)?.is_some_and(|oldest| oldest <= self.done) {
            return Ok(Ended::Outdated);
        }
        // Where nothing was left there may be more by now.
        self.cursors.iter_mut().for_each(|cursor| cursor.at_end = false);
        loop {
            for cursor in &mut self.cursors {
                cursor.refill(log, up_to)?;
            }
            let next = self.cursors.iter_mut().filter(|cursor| !cursor.frames.is_empty());
            let next = next.min_by_key(|one| one.next_time());
            let Some(frame) = next.and_then(|cursor| cursor.frames.pop_front()) else {
                self.done = self.done.max(up_to);
                return Ok(Ended::Whole);
            };
            self.done = self.done.max(frame.log_time);
            if !take(decode(&frame, &self.skips)?) {
                return Ok(Ended::Stopped);
            }
        }
    }

    /// Reads the records that were put aside since, and returns the log time of the oldest. An entry that this build
    /// cannot read is none of its business here: the sequencer refuses to run on such a log.
    fn read_skips(&mut self, log: &dyn EventLog) -> Result<Option<Timestamp>, RecountError> {
        let mut oldest: Option<Timestamp> = None;
        for cursor in &mut self.system {
            cursor.at_end = false;
            loop {
                cursor.refill(log, Timestamp::MAX)?;
                let Some(frame) = cursor.frames.pop_front() else { break };
                if frame.counted() > 0
                    && let Ok(Entry::Skipped(skip)) = Entry::decode(&frame.body)
                {
                    oldest = Some(oldest.map_or(skip.pos.log_time, |time| time.min(skip.pos.log_time)));
                    self.skips.entry((skip.pos.lane, skip.pos.partition)).or_default().push(skip);
                }
            }
        }
        Ok(oldest)
    }
}

/// A place in one partition, with the frames that were read ahead.
struct Cursor {
    lane: Lane,
    partition: PartitionId,
    from: Offset,
    frames: VecDeque<Frame>,
    at_end: bool,
}

impl Cursor {
    fn new(lane: Lane, partition: PartitionId, from: Offset) -> Self {
        Self { lane, partition, from, frames: VecDeque::new(), at_end: false }
    }

    fn refill(&mut self, log: &dyn EventLog, up_to: Timestamp) -> Result<(), ReadError> {
        if !self.frames.is_empty() || self.at_end {
            return Ok(());
        }
        let frames = log.read(self.lane, self.partition, self.from, ReadLimits::up_to(up_to))?;
        self.at_end = frames.is_empty();
        if let Some(last) = frames.last() {
            self.from = last.end();
        }
        self.frames = frames.into();
        Ok(())
    }

    fn next_time(&self) -> Timestamp {
        self.frames.front().map_or(Timestamp::MAX, |frame| frame.log_time)
    }
}

fn decode(frame: &Frame, skips: &BTreeMap<(u8, u16), Vec<Skip>>) -> Result<Decoded, RecountError> {
    let pos = |row: u32| Pos {
        log_time: frame.log_time,
        lane: frame.lane as u8,
        partition: frame.partition.0,
        offset: frame.first.plus(row).0,
    };
    let mut decoded = Decoded::default();
    if frame.counted() == 0 {
        return Ok(decoded);
    }
    let here: &[Skip] = skips.get(&(frame.lane as u8, frame.partition.0)).map_or(&[], Vec::as_slice);
    let skips_of = |pos: Pos| {
        let hits = |skip: &&Skip| (skip.pos.offset..skip.pos.offset + u64::from(skip.rows)).contains(&pos.offset);
        let views: Arc<[String]> = here.iter().filter(hits).map(|skip| skip.view.clone()).collect();
        Skips((!views.is_empty()).then_some(views))
    };
    match frame.lane {
        // The rules that facts make are folded before any view sees them, so no view can keep them from counting.
        Lane::Facts => {
            let rows = records::fact::decode(&frame.body).map_err(|error| RecountError::Facts(pos(0), error))?;
            let rows = (0..).zip(rows).filter(|(row, _)| frame.counts(*row));
            decoded.facts = rows.map(|(row, fact)| (pos(row), fact, skips_of(pos(row)))).collect();
        }
        // A frame that cannot be decoded is skipped whole, by every view, before anything of it counts.
        _ if frame.counted_rows().all(|row| skips_of(pos(row)).skipped("")) => {}
        _ => {
            let batch = Batch::decode(&frame.body).map_err(|error| RecountError::Frame(pos(0), error))?;
            let rows = frame.counted_rows();
            decoded.records = rows.map(|row| (pos(row), batch.record(row as usize), skips_of(pos(row)))).collect();
        }
    }
    Ok(decoded)
}
