//! A log that refuses to be written or read for a while, in front of one that works.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use eventlog::{
    AppendError, EventLog, Frame, Lane, LogIdentity, LogStatus, NewFrame, Offset, PartitionId, RawFrame, ReadError,
    ReadLimits, Ticket, TruncateError,
};
use records::Timestamp;

/// How reading fails.
const WORKS: u32 = 0;
const FAILS: u32 = 1;
const PANICS: u32 = 2;

pub struct Moody {
    inner: Arc<dyn EventLog>,
    refusing: AtomicBool,
    reading: AtomicU32,
    failures: AtomicU32,
}

impl Moody {
    pub fn over(inner: Arc<dyn EventLog>) -> Arc<Self> {
        let (refusing, reading, failures) = (AtomicBool::new(false), AtomicU32::new(WORKS), AtomicU32::new(0));
        Arc::new(Self { inner, refusing, reading, failures })
    }

    /// Whether the system lane is refused from now on: the disk is full, or slow.
    pub fn refuse(&self, refuse: bool) {
        self.refusing.store(refuse, Ordering::SeqCst);
    }

    /// The next `times` reads of activity fail.
    pub fn fail_reads(&self, times: u32) {
        self.reading.store(FAILS, Ordering::SeqCst);
        self.failures.store(times, Ordering::SeqCst);
    }

    /// The next read of activity panics.
    pub fn panic_once(&self) {
        self.reading.store(PANICS, Ordering::SeqCst);
        self.failures.store(1, Ordering::SeqCst);
    }
}

impl EventLog for Moody {
    fn identity(&self) -> LogIdentity {
        self.inner.identity()
    }

    fn submit(&self, frames: Vec<NewFrame>) -> Result<Ticket, AppendError> {
        if self.refusing.load(Ordering::SeqCst) && frames.iter().any(|frame| frame.lane == Lane::System) {
            return Err(AppendError::NoSpace { lane: Lane::System, free_bytes: 17 });
        }
        self.inner.submit(frames)
    }

    fn read(
        &self,
        lane: Lane,
        partition: PartitionId,
        from: Offset,
        limits: ReadLimits,
    ) -> Result<Vec<Frame>, ReadError> {
        self.inner.read(lane, partition, from, limits)
    }

    fn read_lane(&self, lane: Lane, from: &[Offset], limits: ReadLimits) -> Result<Vec<Frame>, ReadError> {
        let fails = |left: u32| left.checked_sub(1);
        let failing =
            lane == Lane::Activity && self.failures.fetch_update(Ordering::SeqCst, Ordering::SeqCst, fails).is_ok();
        match self.reading.load(Ordering::SeqCst) {
            FAILS if failing => Err(ReadError::Io { segment: "activity".into(), reason: "the cable is loose".into() }),
            PANICS if failing => panic!("the log panics"),
            _ => self.inner.read_lane(lane, from, limits),
        }
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
