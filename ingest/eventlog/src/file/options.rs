//! How the file log is set up, and what can go wrong when it is opened.

use std::io;
use std::time::Duration;

use crate::codec::Codec;
use crate::disk::LockError;
use crate::error::{Place, ReadError};
use crate::lane::Partitions;
use crate::log::Incarnation;

/// How a [`crate::FileLog`] is set up. The defaults suit one machine that serves a large event.
#[derive(Debug, Clone)]
pub struct FileOptions {
    /// The directory on the disk, created when it does not exist.
    pub directory: String,
    /// Identity of a log that is created; an existing one keeps its own. The id should be random.
    pub incarnation: Incarnation,
    /// Partitions of a log that is created; an existing one must have the same.
    pub partitions: Partitions,
    /// A segment is closed when it is this long. Retention drops whole segments; recovery reads one per lane.
    pub segment_bytes: u64,
    /// Compression of each lane's bodies, in the order of [`crate::Lane::ALL`].
    pub codecs: [Codec; 3],
    /// The least time between two groups of a lane: what comes after a quiet time is synced at once, what follows waits for
    /// the rest of it. What is queued during a sync shares the next one anyway, so this only keeps many small writers
    /// from having a sync each; it is no use to the desk, which groups its own commands.
    pub group_every: [Duration; 3],
    /// Who writes.
    pub writers: Writers,
    /// Most bytes in each lane's queue. Together with the disk's speed it bounds how late an acknowledgement comes.
    pub queue_bytes: usize,
    /// How long [`crate::EventLog::submit`] waits for room in a queue.
    pub submit_wait: Duration,
    /// Space kept for facts when the disk is nearly full; 0 for none.
    pub reserve_bytes: u64,
    /// Activity is refused below this many free bytes. The reserve is used up from half of it, and below a quarter
    /// facts are refused too, so that what was accepted still fits: keep it above eight times `queue_bytes`.
    pub low_water: u64,
    /// Whether [`crate::EventLog::truncate_before`] may drop facts.
    pub may_truncate_facts: bool,
}

impl Default for FileOptions {
    fn default() -> Self {
        Self {
            directory: "log".to_owned(),
            incarnation: Incarnation::default(),
            partitions: Partitions::default(),
            segment_bytes: 128 << 20,
            codecs: [Codec::Lz4; 3],
            group_every: [Duration::ZERO, Duration::from_millis(5), Duration::ZERO],
            writers: Writers::Threads,
            queue_bytes: 32 << 20,
            submit_wait: Duration::from_secs(30),
            reserve_bytes: 256 << 20,
            low_water: 256 << 20,
            may_truncate_facts: false,
        }
    }
}

/// Who writes and syncs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Writers {
    /// One thread per lane; lanes sync in parallel.
    Threads,
    /// The submitting thread, before `submit` returns: the same order of disk operations in every run, for simulation.
    Inline,
}

/// Why a log was not opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Somebody else has it open.
    #[error(transparent)]
    Locked(#[from] LockError),
    /// The disk failed.
    #[error("{action}: {source}")]
    Io {
        /// What was being done.
        action: String,
        /// The system's error.
        source: io::Error,
    },
    /// The log's description is not readable, or of another kind.
    #[error("`{file}` is not the description of a log: {reason}")]
    Description {
        /// The file.
        file: String,
        /// What does not fit.
        reason: String,
    },
    /// The log was created with other partitions; they are fixed for its life.
    #[error("the log has partitions {found:?}, {asked:?} were asked for")]
    Partitions {
        /// What it has.
        found: Partitions,
        /// What the options say.
        asked: Partitions,
    },
    /// Acknowledged content is damaged: `eventra log verify` says how much, `repair` saves the rest.
    #[error("damaged log: {place}: {reason}")]
    Corrupt {
        /// Where.
        place: Place,
        /// What does not fit.
        reason: String,
    },
}

impl OpenError {
    pub(crate) fn io(action: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let action = action.into();
        move |source| Self::Io { action, source }
    }
}

impl From<ReadError> for OpenError {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Corrupt { place, reason } => Self::Corrupt { place, reason },
            other => Self::Io { action: "reading the log".to_owned(), source: io::Error::other(other.to_string()) },
        }
    }
}
