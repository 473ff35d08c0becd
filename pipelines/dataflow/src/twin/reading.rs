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
    pub(crate) facts: Vec<(Pos, FactRow)>,
    pub(crate) records: Vec<(Pos, Record, Skips)>,
}

/// Hands on every frame of facts and activity up to `up_to`, ordered by log time.
pub(crate) fn each_frame(
    log: &dyn EventLog,
    up_to: Timestamp,
    take: &mut dyn FnMut(Decoded),
) -> Result<(), RecountError> {
    let skips = skips(log)?;
    let mut cursors = Vec::new();
    for lane in [Lane::Facts, Lane::Activity] {
        let starts = log.starts(lane);
        cursors.extend((0..).zip(starts).map(|(partition, from)| Cursor::new(lane, PartitionId(partition), from)));
    }
    loop {
        for cursor in &mut cursors {
            cursor.refill(log, up_to)?;
        }
        let next = cursors.iter_mut().filter(|cursor| !cursor.frames.is_empty()).min_by_key(|one| one.next_time());
        let Some(frame) = next.and_then(|cursor| cursor.frames.pop_front()) else { return Ok(()) };
        take(decode(&frame, &skips)?);
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
    // A frame that cannot be decoded is skipped whole, by every view, before anything of it counts.
    if frame.counted_rows().all(|row| skips_of(pos(row)).skipped("")) {
        return Ok(decoded);
    }
    match frame.lane {
        Lane::Facts => {
            let rows = records::fact::decode(&frame.body).map_err(|error| RecountError::Facts(pos(0), error))?;
            let rows = (0..).zip(rows).filter(|(row, _)| frame.counts(*row));
            decoded.facts = rows.map(|(row, fact)| (pos(row), fact)).collect();
        }
        _ => {
            let batch = Batch::decode(&frame.body).map_err(|error| RecountError::Frame(pos(0), error))?;
            let rows = frame.counted_rows();
            decoded.records = rows.map(|row| (pos(row), batch.record(row as usize), skips_of(pos(row)))).collect();
        }
    }
    Ok(decoded)
}

/// The records that were put aside, by partition. An entry that this build cannot read is none of its business here:
/// the sequencer refuses to run on such a log.
fn skips(log: &dyn EventLog) -> Result<BTreeMap<(u8, u16), Vec<Skip>>, RecountError> {
    let mut found = BTreeMap::<_, Vec<Skip>>::new();
    let starts = log.starts(Lane::System);
    for (partition, from) in (0..).zip(starts) {
        let mut cursor = Cursor::new(Lane::System, PartitionId(partition), from);
        loop {
            cursor.refill(log, Timestamp::MAX)?;
            let Some(frame) = cursor.frames.pop_front() else { break };
            if frame.counted() > 0
                && let Ok(Entry::Skipped(skip)) = Entry::decode(&frame.body)
            {
                found.entry((skip.pos.lane, skip.pos.partition)).or_default().push(skip);
            }
        }
    }
    Ok(found)
}
