//! Appending records: which partition, which frame, and keys before records.

use std::sync::Arc;

use eventlog::{AppendError, EventLog, Lane, NewFrame, PartitionId, Ticket};
use records::hash::{join, mix, wide};
use records::{Batch, Record};

use crate::draft::ParseError;
use crate::limits::{BUSY_TRIES, FRAME_BYTES_MAX, FRAME_ROWS_MAX};
use crate::subjects::{Subjects, SubjectsError};

/// Why nothing of a request was taken. Cloneable, because one failed append refuses many requests.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Refusal {
    /// The request is not readable, or too large. The client's fault; the same request fails again.
    #[error(transparent)]
    Parse(#[from] ParseError),
    /// Too much is waiting already, here or in the log. Try again in a moment, with the same message ids.
    #[error("too many records are waiting to be written")]
    Busy,
    /// The disk is nearly full; activity is refused so that facts still fit.
    #[error("no space left for activity: {free_bytes} bytes are free")]
    NoSpace {
        /// Bytes free when it was refused.
        free_bytes: u64,
    },
    /// Nothing can be written until somebody looks: the log or the key store failed. Records may or may not be there;
    /// sending again with the same ids is safe.
    #[error("nothing can be written: {0}")]
    Unavailable(Arc<str>),
}

impl Refusal {
    /// Whether the same request may succeed later.
    pub fn may_retry(&self) -> bool {
        !matches!(self, Self::Parse(_))
    }
}

impl From<AppendError> for Refusal {
    fn from(error: AppendError) -> Self {
        match error {
            AppendError::NoSpace { free_bytes, .. } => Self::NoSpace { free_bytes },
            AppendError::Busy { .. } => Self::Busy,
            other => Self::Unavailable(other.to_string().into()),
        }
    }
}

impl From<SubjectsError> for Refusal {
    fn from(error: SubjectsError) -> Self {
        Self::Unavailable(error.to_string().into())
    }
}

/// Puts records into the activity lane. The door uses it for requests; replay and simulation use it directly.
#[derive(Clone)]
pub struct Appender {
    log: Arc<dyn EventLog>,
    subjects: Arc<Subjects>,
    partitions: u16,
}

impl Appender {
    /// An appender for a log and the key store beside it.
    pub fn new(log: Arc<dyn EventLog>, subjects: Arc<Subjects>) -> Self {
        let partitions = log.identity().partitions.of(Lane::Activity);
        Self { log, subjects, partitions }
    }

    /// The log.
    pub fn log(&self) -> &Arc<dyn EventLog> {
        &self.log
    }

    /// The key store.
    pub fn subjects(&self) -> &Arc<Subjects> {
        &self.subjects
    }

    /// The partition of a record: a hot event spreads by actor. A repeated message has the same actor, device and id, so
    /// it meets its first copy in the same partition. (Unless the person was erased in between and has a new pseudonym.)
    pub fn partition(&self, record: &Record) -> PartitionId {
        let who = if record.actor.is_some() { record.actor } else { record.device };
        let who = if who.is_some() { mix(who.0) } else { wide(record.message.0) };
        let hash = join(join(wide(record.organization.0), wide(record.event.0)), who);
        PartitionId((hash % u64::from(self.partitions)) as u16)
    }

    /// Makes new keys durable, then queues the records, in their order within each partition. The ticket resolves when
    /// they are durable. Any number of records; frames are cut at [`FRAME_ROWS_MAX`] rows and [`FRAME_BYTES_MAX`] bytes.
    ///
    /// # Errors
    /// Nothing was queued.
    pub fn submit(&self, records: Vec<Record>) -> Result<Ticket, Refusal> {
        // Before the records: a record whose key a crash has lost could never be opened.
        self.subjects.sync()?;
        Ok(self.log.submit(self.frames(records))?)
    }

    /// As [`Appender::submit`], but tries a busy log again, at most [`BUSY_TRIES`] times: for replays, which are in no
    /// hurry. The log itself waits before it says that it is busy, so there is no pause here.
    ///
    /// # Errors
    /// Nothing was queued.
    pub fn submit_patiently(&self, records: Vec<Record>) -> Result<Ticket, Refusal> {
        self.subjects.sync()?;
        let frames = self.frames(records);
        for _ in 1..BUSY_TRIES {
            match self.log.submit(frames.clone()) {
                Err(AppendError::Busy { .. }) => {}
                other => return Ok(other?),
            }
        }
        Ok(self.log.submit(frames)?)
    }

    fn frames(&self, records: Vec<Record>) -> Vec<NewFrame> {
        let mut parts: Vec<Vec<Record>> = Vec::new();
        parts.resize_with(usize::from(self.partitions), Vec::new);
        for record in records {
            parts[self.partition(&record).index()].push(record);
        }
        let mut frames = Vec::new();
        for (partition, rows) in (0..).map(PartitionId).zip(parts) {
            let mut rest = rows.as_slice();
            while !rest.is_empty() {
                let (rows, after) = rest.split_at(fitting(rest));
                frames.push(frame(partition, rows));
                rest = after;
            }
        }
        frames
    }
}

/// How many of the first rows fit into one frame; at least one.
fn fitting(rows: &[Record]) -> usize {
    let mut bytes = 0;
    let fits = rows.iter().take(FRAME_ROWS_MAX).take_while(|record| {
        bytes += weight(record);
        bytes <= FRAME_BYTES_MAX
    });
    fits.count().max(1)
}

/// A record's bytes in a frame, roughly and rather too many.
pub(crate) fn weight(record: &Record) -> usize {
    let texts = record.name.len() + record.path.len() + record.referrer.len() + record.category.len();
    // The fixed columns of a usual record; columns that no record fills cost nothing.
    160 + texts + record.sealed.len()
}

fn frame(partition: PartitionId, rows: &[Record]) -> NewFrame {
    let batch = Batch::from_records(rows);
    NewFrame {
        lane: Lane::Activity,
        partition,
        body: batch.encode().into(),
        rows: u32::try_from(rows.len()).expect("a frame has at most FRAME_ROWS_MAX rows"),
        dedup: batch.dedup(),
        claim: None,
    }
}
