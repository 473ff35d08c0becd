//! Dead letters: read them from the log, try them again after a fix, append what is good now.
//!
//! Idempotent: a letter keeps its message's own id, or gets one from its place in the log, so a second run appends
//! nothing twice. The log's window is bounded, so this pass also looks for records that already have such an id.
//! Context that a Segment batch had beside its messages is not part of a letter, and rows of data sets are replayed
//! from their files.

use std::collections::BTreeMap;

use eventlog::{EventLog, Frame, Lane, Offset, ReadError, ReadLimits};
use records::codec::DecodeError;
use records::{Batch, Kind, MessageId, OrganizationId, Record, Timestamp};

use crate::append::{Appender, Refusal};
use crate::draft::{Arrival, Draft, Parsed};
use crate::mark::{Came, Marker};
use crate::parse::{cloudevents, ndjson, segment};
use crate::times::settle;

/// The most letters that one run tries: bounds memory. The answer says where to go on.
pub const LETTERS_MAX: usize = 65_536;

/// What became of the letters.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Replayed {
    /// Letters found.
    pub seen: u64,
    /// Letters that are records now.
    pub replayed: u64,
    /// Letters that an earlier run (or the client itself) has already turned into records.
    pub already: u64,
    /// Letters that are still bad.
    pub still_bad: u64,
    /// Letters whose subject was erased.
    pub unreadable: u64,
    /// Where to go on: the end of what was read, or the first letter that did not fit into this run.
    pub next: Vec<Offset>,
}

/// Why letters were not replayed.
#[derive(Debug, thiserror::Error)]
pub enum DeadLetterError {
    /// The log could not be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// A frame is not a batch.
    #[error("frame at {partition}/{first}: {source}")]
    Decode {
        /// The partition.
        partition: u16,
        /// The frame's first offset.
        first: u64,
        /// What is wrong.
        source: DecodeError,
    },
    /// Records could not be appended.
    #[error(transparent)]
    Append(#[from] Refusal),
}

/// Tries the dead letters of the activity lane from these offsets on (one for each partition) up to now.
///
/// # Errors
/// When the log cannot be read or written; what was appended stays, and another run goes on.
pub fn replay_dead_letters(appender: &Appender, from: &[Offset], now: Timestamp) -> Result<Replayed, DeadLetterError> {
    let log = appender.log();
    let limits = ReadLimits::up_to(log.bound());
    let mut run = Run { good: BTreeMap::new(), replayed: Replayed::default(), full: None, now };
    let mut at = from.to_vec();
    loop {
        let frames = log.read_lane(Lane::Activity, &at, limits)?;
        if frames.is_empty() {
            break;
        }
        for frame in &frames {
            run.frame(appender, frame, &mut at)?;
        }
    }
    run.replayed.next = run.full.take().unwrap_or(at);
    let records: Vec<Record> = run.good.into_values().collect();
    run.replayed.replayed = records.len() as u64;
    if !records.is_empty() {
        appender.submit(records)?.wait().map_err(Refusal::from)?;
    }
    Ok(run.replayed)
}

struct Run {
    good: BTreeMap<(OrganizationId, MessageId), Record>,
    replayed: Replayed,
    /// Where the first letter stands that did not fit.
    full: Option<Vec<Offset>>,
    now: Timestamp,
}

impl Run {
    fn frame(&mut self, appender: &Appender, frame: &Frame, at: &mut [Offset]) -> Result<(), DeadLetterError> {
        if frame.counted() > 0 {
            let batch = Batch::decode(&frame.body).map_err(|source| DeadLetterError::Decode {
                partition: frame.partition.0,
                first: frame.first.0,
                source,
            })?;
            for row in frame.counted_rows() {
                self.row(appender, frame, &batch, row, at);
            }
        }
        at[frame.partition.index()] = frame.end();
        Ok(())
    }

    fn row(&mut self, appender: &Appender, frame: &Frame, batch: &Batch, row: u32, at: &[Offset]) {
        let (place, offset) = (row as usize, frame.first.plus(row));
        let organization = batch.organization(place);
        if batch.kind(place) != Kind::DeadLettered {
            // Whoever has a letter's id after the letter is that letter, replayed.
            if !self.good.is_empty() && self.good.remove(&(organization, batch.message(place))).is_some() {
                self.replayed.already += 1;
            }
            return;
        }
        if self.full.is_some() || self.good.len() == LETTERS_MAX {
            self.full.get_or_insert_with(|| at.to_vec());
            return;
        }
        // Letters that others wrote about a record in the log (a view that gave up on it) have nothing to try again.
        if batch.sealed_bytes(place).is_empty() {
            return;
        }
        self.replayed.seen += 1;
        let own = replayed_id(appender.log().as_ref(), frame, offset);
        match self.again(appender, organization, batch.subject(place), batch.sealed_bytes(place), own) {
            Ok(record) => {
                let key = (organization, record.message);
                self.good.insert(key, record);
            }
            Err(Still::Bad) => self.replayed.still_bad += 1,
            Err(Still::Unreadable) => self.replayed.unreadable += 1,
        }
    }

    fn again(
        &self,
        appender: &Appender,
        organization: OrganizationId,
        subject: u64,
        blob: &[u8],
        own: MessageId,
    ) -> Result<Record, Still> {
        let subjects = appender.subjects();
        let sealed = subjects.open_sealed(organization, subject, blob).map_err(|_| Still::Unreadable)?;
        let came = Came::of(&sealed);
        let arrival = Arrival {
            organization,
            received: came.received,
            address: &came.address,
            user_agent: &came.user_agent,
            ..Arrival::default()
        };
        let mut draft = parse(&came, &sealed.original, own, &arrival).ok_or(Still::Bad)?;
        if !draft.record.message.is_some() {
            draft.record.message = own;
        }
        let mut times = settle(draft.stamps, came.received);
        times.late_by = self.now.since(times.event_time).max(records::Span::ZERO);
        let marker = Marker::new(subjects, organization);
        if marker.admits(&draft) { Ok(marker.record_at(draft, times)) } else { Err(Still::Bad) }
    }
}

enum Still {
    Bad,
    Unreadable,
}

fn parse(came: &Came, original: &str, own: MessageId, arrival: &Arrival<'_>) -> Option<Draft> {
    let parsed = match came.format.split_once(':').unwrap_or((&came.format, "")) {
        ("segment", kind) => segment::message(kind, original, "", came.sent_at, None, arrival),
        (cloudevents::FORMAT, _) => cloudevents::event(original, "", arrival),
        (ndjson::FORMAT, _) => {
            let id = if came.message.is_some() { came.message } else { own };
            ndjson::line(original.as_bytes(), "", id, arrival)
        }
        _ => return None,
    };
    match parsed {
        Parsed::Draft(draft) => Some(*draft),
        Parsed::Letter(_) => None,
    }
}

/// The id of a letter's record when its message has none: of the letter's place in this log.
fn replayed_id(log: &dyn EventLog, frame: &Frame, offset: Offset) -> MessageId {
    let mut hasher = blake3::Hasher::new_derive_key("eventra 2026 replayed dead letter id v1");
    let incarnation = log.identity().incarnation;
    hasher.update(&incarnation.id.to_le_bytes()).update(&incarnation.ordinal.to_le_bytes());
    hasher.update(&frame.partition.0.to_le_bytes()).update(&offset.0.to_le_bytes());
    let mut cut = [0; 16];
    cut.copy_from_slice(&hasher.finalize().as_bytes()[..16]);
    MessageId(u128::from_be_bytes(cut).max(1))
}
