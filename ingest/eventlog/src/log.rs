//! The port: what every event log promises, whatever is behind it.

use std::time::Duration;

use records::time::Timestamp;

use crate::error::{AppendError, ReadError, TruncateError};
use crate::frame::{Appended, Frame, NewFrame, RawFrame};
use crate::lane::{Lane, Offset, PartitionId, Partitions};
use crate::ticket::Ticket;

/// One ordered, durable log of three lanes.
///
/// # Guarantees
/// * **Order.** A frame of `n` rows takes the next `n` offsets of its (lane, partition). Frames submitted by one
///   thread keep their order; so do those of one `submit`.
/// * **Log time.** Every frame has a log time of its own, later than that of every frame stamped before, over all
///   lanes and partitions, across restarts, whatever the clock does. So `(log_time, lane, partition, first)` is one
///   total order, and it agrees with the order of each partition.
/// * **Durability.** A settled ticket means that the frames survive what [`LogIdentity::durability`] says.
/// * **Prefix.** Readers see durable frames only, and of each partition a prefix: after a crash a frame is there only
///   if all earlier ones of its lane are.
/// * **Admission.** What is read has been judged by [`crate::admit::Admission`]; [`Frame::voided`] says what must be ignored.
/// * **Honest damage.** Damaged content is an error with its place, never a gap.
///
/// # Not guaranteed
/// * Frames of one `submit` are not atomic: a crash may keep some of them. One command is one frame.
/// * A frame whose append failed may still turn up after a restart. Send it again with the same ids, or claim anew.
/// * Offsets may have gaps on other backends: continue from [`Frame::end`], do not compute offsets.
/// * Different lanes become durable independently; only [`EventLog::bound`] orders them.
/// * [`EventLog::truncate_before`] drops whole segments: less than asked, or later, never more.
pub trait EventLog: Send + Sync + 'static {
    /// Returns which log this is and what it promises.
    fn identity(&self) -> LogIdentity;

    /// Queues frames in this order. The ticket resolves when all of them are durable.
    ///
    /// The body is checksummed and compressed in the caller's thread. Blocks while the bounded queue is full, at
    /// most as long as the log's options say.
    ///
    /// # Errors
    /// Nothing was queued: see [`AppendError`].
    fn submit(&self, frames: Vec<NewFrame>) -> Result<Ticket, AppendError>;

    /// Appends frames and returns when they are durable.
    ///
    /// # Errors
    /// See [`AppendError`]; after `Poisoned` the frames may still be there when the log is opened again.
    fn append(&self, frames: Vec<NewFrame>) -> Result<Vec<Appended>, AppendError> {
        self.submit(frames)?.wait()
    }

    /// Reads whole frames of one partition, the one that contains `from` first; none when `from` is the end.
    ///
    /// # Errors
    /// See [`ReadError`].
    fn read(
        &self,
        lane: Lane,
        partition: PartitionId,
        from: Offset,
        limits: ReadLimits,
    ) -> Result<Vec<Frame>, ReadError>;

    /// Reads whole frames of all partitions of a lane in log time order, from one offset per partition.
    ///
    /// The limits hold for all partitions together. The embedded log does this in one pass over the lane's files, which
    /// is the way to read a whole lane; this default merges [`EventLog::read`] of each partition.
    ///
    /// # Errors
    /// See [`ReadError`].
    ///
    /// # Panics
    /// When `from` does not name every partition.
    fn read_lane(&self, lane: Lane, from: &[Offset], limits: ReadLimits) -> Result<Vec<Frame>, ReadError> {
        merge_partitions(self, lane, from, limits)
    }

    /// Reads frames with everything that is stored about them, voided bodies included: for audits, never for readers.
    ///
    /// # Errors
    /// See [`ReadError`].
    fn read_raw(
        &self,
        lane: Lane,
        partition: PartitionId,
        from: Offset,
        limits: ReadLimits,
    ) -> Result<Vec<RawFrame>, ReadError>;

    /// Returns the offset after the last durable record of each partition.
    fn ends(&self, lane: Lane) -> Vec<Offset>;

    /// Returns the first offset that is left of each partition.
    fn starts(&self, lane: Lane) -> Vec<Offset>;

    /// Returns a log time such that every frame up to it is durable and readable, and no later append will be stamped
    /// with it or an earlier one. It advances on an idle log too, and never falls while the log is open.
    ///
    /// Across a restart the promise holds for bounds below the log time of some durable frame. An epoch binding is
    /// such a frame, so append the binding before anything of the epoch leaves.
    fn bound(&self) -> Timestamp;

    /// Parks until a frame later than `bound` is durable and below the new bound, or `timeout` has passed; returns
    /// [`EventLog::bound`].
    fn wait_past(&self, bound: Timestamp, timeout: Duration) -> Timestamp;

    /// Allows the log to drop the records of a partition before `offset`. Not remembered across restarts.
    ///
    /// # Errors
    /// See [`TruncateError`]; facts are refused unless the log was opened with leave to drop them.
    fn truncate_before(&self, lane: Lane, partition: PartitionId, offset: Offset) -> Result<(), TruncateError>;

    /// Returns figures for dashboards and `doctor`.
    fn status(&self) -> LogStatus;
}

/// Which log this is. Two logs with the same incarnation have the same history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogIdentity {
    /// Which life of which log.
    pub incarnation: Incarnation,
    /// Partitions of each lane, fixed for this incarnation.
    pub partitions: Partitions,
    /// What an acknowledged frame survives.
    pub durability: Durability,
}

/// A log's identity: a random id, and which one of its successors this is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Incarnation {
    /// Random, drawn by whoever created the log.
    pub id: u64,
    /// 0 for the first, one more for each log that replaced it. Epoch numbers go on across them.
    pub ordinal: u32,
}

/// What an acknowledged frame survives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Durability {
    /// The end of the process.
    pub process_crash: bool,
    /// The loss of power of the machine.
    pub power_loss: bool,
    /// The same in words, for `doctor`.
    pub statement: String,
}

/// How much to read at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReadLimits {
    /// Stop before the frame that passes this many body bytes; the first frame always comes.
    pub max_bytes: usize,
    /// Stop before the frame that passes this many rows; the first frame always comes.
    pub max_rows: u64,
    /// Only frames stamped up to this log time, the first one too.
    pub up_to: Timestamp,
}

impl Default for ReadLimits {
    fn default() -> Self {
        Self { max_bytes: 8 << 20, max_rows: 1 << 20, up_to: Timestamp::MAX }
    }
}

impl ReadLimits {
    /// Everything up to a log time, at most 8 MiB.
    pub fn up_to(log_time: Timestamp) -> Self {
        Self { up_to: log_time, ..Self::default() }
    }

    /// No limits but memory: for tests and small logs.
    pub const fn everything() -> Self {
        Self { max_bytes: usize::MAX, max_rows: u64::MAX, up_to: Timestamp::MAX }
    }
}

/// Counts what has been read against the limits.
pub(crate) struct Budget {
    limits: ReadLimits,
    bytes: usize,
    rows: u64,
}

impl Budget {
    pub(crate) const fn new(limits: ReadLimits) -> Self {
        Self { limits, bytes: 0, rows: 0 }
    }

    /// Whether one more frame fits, and books it if so.
    pub(crate) fn takes(&mut self, log_time: Timestamp, bytes: usize, rows: u32) -> bool {
        let first = self.rows == 0;
        let (bytes, rows) = (self.bytes.saturating_add(bytes), self.rows + u64::from(rows));
        let fits = log_time <= self.limits.up_to
            && (first || (bytes <= self.limits.max_bytes && rows <= self.limits.max_rows));
        if fits {
            (self.bytes, self.rows) = (bytes, rows);
        }
        fits
    }
}

fn merge_partitions<L: EventLog + ?Sized>(
    log: &L,
    lane: Lane,
    from: &[Offset],
    limits: ReadLimits,
) -> Result<Vec<Frame>, ReadError> {
    // Without a common bound a frame could become durable in a partition that was already read.
    let limits = ReadLimits { up_to: limits.up_to.min(log.bound()), ..limits };
    let mut complete_up_to = limits.up_to;
    let mut frames = Vec::new();
    for (partition, (from, end)) in log.identity().partitions.each(lane).zip(from.iter().zip(log.ends(lane))) {
        let part = log.read(lane, partition, *from, limits)?;
        if let Some(last) = part.last()
            && last.end() < end
        {
            complete_up_to = complete_up_to.min(last.log_time);
        }
        frames.extend(part);
    }
    frames.retain(|frame| frame.log_time <= complete_up_to);
    frames.sort_by_key(|frame| (frame.log_time, frame.partition));
    let mut budget = Budget::new(limits);
    let fits = frames.iter().take_while(|frame| budget.takes(frame.log_time, frame.body.len(), frame.rows)).count();
    frames.truncate(fits);
    Ok(frames)
}

/// Figures about a log.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct LogStatus {
    /// One entry per lane, in the order of [`Lane::ALL`].
    pub lanes: Vec<LaneStatus>,
    /// Bytes free on the disk, where there is one.
    pub free_bytes: Option<u64>,
    /// Whether the space reserve for facts is in place.
    pub reserve_held: bool,
    /// The failed write that made the log read-only.
    pub poisoned: Option<String>,
}

/// Figures about one lane since the log was opened, except for sizes.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct LaneStatus {
    /// The lane's name.
    pub lane: String,
    /// Bytes stored, headers and hashes included.
    pub bytes: u64,
    /// Segment files.
    pub segments: usize,
    /// First offset of each partition.
    pub starts: Vec<Offset>,
    /// Durable end of each partition.
    pub ends: Vec<Offset>,
    /// Bytes waiting to be written.
    pub queued_bytes: usize,
    /// Frames that became durable.
    pub frames: u64,
    /// Rows that became durable.
    pub rows: u64,
    /// Rows that do not count.
    pub voided_rows: u64,
    /// Group commits: one write and one sync each.
    pub groups: u64,
    /// Time spent in syncs.
    pub sync_time: Duration,
    /// The longest sync.
    pub longest_sync: Duration,
    /// Submissions refused for want of space or because the queue was full.
    pub refused: u64,
}
