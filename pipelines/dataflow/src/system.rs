//! The system lane: one fenced writer appends bindings and skips, recovery reads them back.

use std::sync::Arc;

use bytes::Bytes;
use eventlog::{AppendError, ClaimTag, EventLog, Lane, NewFrame, Offset, PartitionId, ReadError, ReadLimits};
use tracing::warn;
use views::state::StateError;

use crate::binding::Entry;

/// The system lane has one partition, because epochs have one order.
const PARTITION: PartitionId = PartitionId(0);

/// Why the system lane cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum SystemError {
    /// The log refuses.
    #[error("reading the system lane: {0}")]
    Read(#[from] ReadError),
    /// The entry cannot be read by this build.
    #[error("system lane at offset {offset}: {source}")]
    Entry {
        /// The entry's offset.
        offset: Offset,
        /// What is wrong with it.
        source: StateError,
    },
    /// The log refuses.
    #[error("appending to the system lane: {0}")]
    Append(#[from] AppendError),
    /// Another sequencer has taken over; everything that this one says is void.
    #[error("another sequencer has claimed the system lane")]
    Fenced,
}

impl SystemError {
    /// Whether the log only has no room now: nothing was appended, and the same entry may be appended later.
    pub fn is_refusal(&self) -> bool {
        matches!(self, Self::Append(AppendError::NoSpace { .. } | AppendError::Busy { .. }))
    }
}

/// Appends to the system lane under a claim, so that of two sequencers at most one counts.
pub(crate) struct SystemLane {
    log: Arc<dyn EventLog>,
    claim_id: u128,
    n: u64,
    // Where the lane ended before it was last read: a claim that comes later must come right there.
    read_to: Offset,
}

impl SystemLane {
    /// Claims the lane. `claim_id` is random and never used twice. A log without room is claimed with the first entry:
    /// until then views can be restored and read.
    pub(crate) fn claim(log: Arc<dyn EventLog>, claim_id: u128) -> Result<Self, SystemError> {
        let mut lane = Self { log, claim_id, n: 0, read_to: Offset(0) };
        match lane.put(&Entry::Opened) {
            Err(error) if error.is_refusal() => warn!(%error, "the system lane is claimed when there is room"),
            claimed => _ = claimed?,
        }
        Ok(lane)
    }

    /// Somebody is going to read the lane: what another sequencer appends from now on would be missed.
    pub(crate) fn about_to_read(&mut self) {
        self.read_to = self.log.ends(Lane::System).first().copied().unwrap_or_default();
    }

    /// Appends an entry; it is durable on return. Returns the offset after it. After a refusal the same entry, or
    /// another one, may be appended.
    pub(crate) fn append(&mut self, entry: &Entry) -> Result<Offset, SystemError> {
        if self.n == 0 && self.put(&Entry::Opened)? != self.read_to.plus(1) {
            return Err(SystemError::Fenced);
        }
        self.put(entry)
    }

    fn put(&mut self, entry: &Entry) -> Result<Offset, SystemError> {
        let claim = ClaimTag { claim_id: self.claim_id, n: self.n, opens: self.n == 0 };
        let body = Bytes::from(entry.encode());
        let frame =
            NewFrame { lane: Lane::System, partition: PARTITION, body, rows: 1, dedup: Vec::new(), claim: Some(claim) };
        let outcome = self.log.append(vec![frame]).map_err(SystemError::from);
        // What was refused took no number: a gap would void everything after it.
        self.n += u64::from(!outcome.as_ref().is_err_and(SystemError::is_refusal));
        let appended = outcome?;
        let appended = appended.first().expect("one frame was appended");
        if appended.voided_rows > 0 {
            return Err(SystemError::Fenced);
        }
        Ok(appended.end())
    }
}

/// Reads every entry that counts from `from` on, each with the offset after it.
#[cfg(test)]
fn read(log: &dyn EventLog, from: Offset) -> Result<Vec<(Offset, Entry)>, SystemError> {
    let mut entries = Vec::new();
    read_each(log, from, |after, entry| entries.push((after, entry)))?;
    Ok(entries)
}

/// Calls `each` with every entry that counts from `from` on and the offset after it.
pub(crate) fn read_each(
    log: &dyn EventLog,
    from: Offset,
    mut each: impl FnMut(Offset, Entry),
) -> Result<(), SystemError> {
    let mut at = from;
    loop {
        let (next, entries) = read_some(log, at)?;
        if next == at {
            return Ok(());
        }
        entries.into_iter().for_each(|(after, entry)| each(after, entry));
        at = next;
    }
}

/// Reads some entries that count from `from` on; returns where to go on, which is `from` at the end.
pub(crate) fn read_some(log: &dyn EventLog, from: Offset) -> Result<(Offset, Vec<(Offset, Entry)>), SystemError> {
    let start = log.starts(Lane::System).first().copied().unwrap_or_default();
    let frames = log.read(Lane::System, PARTITION, from.max(start), ReadLimits::default())?;
    let mut entries = Vec::with_capacity(frames.len());
    for frame in frames.iter().filter(|frame| frame.counted() > 0) {
        let entry = Entry::decode(&frame.body).map_err(|source| SystemError::Entry { offset: frame.first, source })?;
        entries.push((frame.end(), entry));
    }
    Ok((frames.last().map_or(from, |last| last.end()), entries))
}

#[cfg(test)]
mod tests {
    use super::*;
    use eventlog::MemoryLog;
    use eventlog::clock::ManualClock;
    use records::Timestamp;

    #[test]
    fn of_two_sequencers_the_older_one_is_told() {
        let log: Arc<dyn EventLog> = Arc::new(MemoryLog::new(1, ManualClock::new(Timestamp(1))));
        let mut old = SystemLane::claim(Arc::clone(&log), 1).unwrap();
        old.append(&Entry::Opened).unwrap();
        let mut new = SystemLane::claim(Arc::clone(&log), 2).unwrap();
        assert!(matches!(old.append(&Entry::Opened), Err(SystemError::Fenced)));
        assert_eq!(new.append(&Entry::Opened).unwrap(), Offset(5));
        assert_eq!(read(&*log, Offset(0)).unwrap().len(), 4, "the void entry is not seen");
        assert_eq!(read(&*log, Offset(2)).unwrap().len(), 2);
    }
}
