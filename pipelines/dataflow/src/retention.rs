//! Retention: up to where the activity lane may be dropped, and the bindings of what is gone. Facts are kept; whoever
//! truncates does it here.

use eventlog::{EventLog, Lane, Offset, PartitionId, ReadLimits, TruncateError};
use records::Timestamp;

use crate::snapshot::TruncationLimit;

/// Up to where raw landing will never read again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Landed {
    /// Offsets of activity, one per partition; empty where there is no warehouse.
    pub activity: Vec<Offset>,
    /// The offset of the system lane; the largest where there is no warehouse, none while nobody knows.
    pub bindings: Option<Offset>,
}

/// Drops activity that is older than `oldest` and that everybody is past, then its bindings.
///
/// # Errors
/// The first failure of the log; what can be dropped is dropped all the same.
pub fn truncate(
    log: &dyn EventLog,
    limit: &TruncationLimit,
    landed: &Landed,
    oldest: Timestamp,
) -> Result<(), TruncateError> {
    let mut outcome = Ok(());
    for (partition, expired) in expired(log, limit, &landed.activity, oldest) {
        outcome = outcome.and(log.truncate_before(Lane::Activity, partition, expired));
    }
    let bindings = landed.bindings.and_then(|landed| expired_bindings(log, limit, landed));
    match bindings {
        Some(expired) => outcome.and(log.truncate_before(Lane::System, PartitionId(0), expired)),
        None => outcome,
    }
}

/// Returns up to where each activity partition may be truncated: frames that are older than `oldest`, that every kept
/// snapshot has left behind, and that have landed. Partitions of which nothing may go are left out.
///
/// `landed` are the offsets up to which raw landing will never read again, one per partition; a partition that it does
/// not name is not held back, so it is empty where there is no warehouse.
pub fn expired(
    log: &dyn EventLog,
    limit: &TruncationLimit,
    landed: &[Offset],
    oldest: Timestamp,
) -> Vec<(PartitionId, Offset)> {
    let starts = log.starts(Lane::Activity);
    let expired = log.identity().partitions.each(Lane::Activity).filter_map(|partition| {
        let at = partition.index();
        let safe = limit.activity.get(at).copied().unwrap_or_default();
        let landed = landed.get(at).copied().unwrap_or(Offset(u64::MAX));
        first_newer(log, Lane::Activity, partition, oldest, starts[at], safe.min(landed))
            .map(|offset| (partition, offset))
    });
    expired.collect()
}

/// Returns up to where the system lane may be truncated, if something may go: bindings of activity that is no longer in
/// the log, that every kept snapshot has left behind, and that raw landing does not read again. To be asked after
/// activity was truncated; then the lane is as long as the retention.
///
/// A view that is rebuilt from the log needs the bindings of the activity that it will read, and only those. `landed` is
/// the offset in the system lane from which raw landing would go on; the largest where there is no warehouse.
pub fn expired_bindings(log: &dyn EventLog, limit: &TruncationLimit, landed: Offset) -> Option<Offset> {
    let (lane, partition) = (Lane::System, PartitionId(0));
    let start = log.starts(lane).first().copied()?;
    // A binding is stamped later than all that it binds.
    let oldest = oldest_activity(log)?;
    first_newer(log, lane, partition, oldest, start, limit.system.min(landed))
}

/// The log time of the oldest frame of activity; the largest when there is none, none when the log cannot be read.
fn oldest_activity(log: &dyn EventLog) -> Option<Timestamp> {
    let one = ReadLimits { max_rows: 1, ..ReadLimits::default() };
    let starts = log.starts(Lane::Activity);
    let mut oldest = Timestamp::MAX;
    for (partition, start) in log.identity().partitions.each(Lane::Activity).zip(starts) {
        if let Some(first) = log.read(Lane::Activity, partition, start, one).ok()?.first() {
            oldest = oldest.min(first.log_time);
        }
    }
    Some(oldest)
}

/// The first offset before `end` whose frame is newer than `oldest`, by halving: log times grow with offsets.
fn first_newer(
    log: &dyn EventLog,
    lane: Lane,
    partition: PartitionId,
    oldest: Timestamp,
    start: Offset,
    end: Offset,
) -> Option<Offset> {
    let (mut low, mut high) = (start.0, end.0);
    while low < high {
        let middle = low + (high - low) / 2;
        let one = ReadLimits { max_rows: 1, ..ReadLimits::default() };
        let frames = log.read(lane, partition, Offset(middle), one).ok()?;
        let frame = frames.first()?;
        if frame.log_time < oldest { low = frame.end().0.min(end.0) } else { high = frame.first.0.min(middle) }
    }
    (low > start.0).then_some(Offset(low))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use eventlog::clock::ManualClock;
    use eventlog::{MemoryLog, NewFrame};

    use super::*;

    /// Two partitions, each with ten frames of three rows: the n-th of them at `10 * n` and one microsecond later.
    fn log() -> MemoryLog {
        let clock = Arc::new(ManualClock::new(Timestamp(0)));
        let log = MemoryLog::new(1, Arc::clone(&clock));
        for _ in 0..10 {
            clock.advance(10);
            for partition in [0, 1].map(PartitionId) {
                let lane = Lane::Activity;
                let body = "rows".into();
                log.append(vec![NewFrame { lane, partition, body, rows: 3, dedup: vec![], claim: None }]).unwrap();
            }
        }
        log
    }

    fn limit(offsets: &[u64]) -> TruncationLimit {
        let activity = offsets.iter().copied().map(Offset).collect();
        TruncationLimit { facts: Vec::new(), activity, system: Offset(0) }
    }

    fn check(limited: &[u64], landed: &[u64], oldest: i64) -> Vec<(u16, u64)> {
        let landed: Vec<Offset> = landed.iter().copied().map(Offset).collect();
        let expired = expired(&log(), &limit(limited), &landed, Timestamp(oldest));
        expired.into_iter().map(|(partition, offset)| (partition.0, offset.0)).collect()
    }

    #[test]
    fn frames_go_when_they_are_old_enough() {
        assert_eq!(check(&[30, 30], &[], 35), [(0, 9), (1, 9)]);
        assert_eq!(check(&[30, 30], &[], 10), []);
        assert_eq!(check(&[30, 30], &[], 1_000), [(0, 30), (1, 30)]);
    }

    #[test]
    fn bindings_go_with_the_activity_that_they_bind() {
        // After each pair of activity frames, at `10 * n + 2`, a binding.
        let clock = Arc::new(ManualClock::new(Timestamp(0)));
        let log = MemoryLog::new(1, Arc::clone(&clock));
        for _ in 0..10 {
            clock.advance(10);
            for (lane, partition) in [(Lane::Activity, 0), (Lane::Activity, 1), (Lane::System, 0)] {
                let (partition, body) = (PartitionId(partition), "rows".into());
                log.append(vec![NewFrame { lane, partition, body, rows: 1, dedup: vec![], claim: None }]).unwrap();
            }
        }
        let limit = |system| TruncationLimit { system: Offset(system), ..limit(&[10, 10]) };
        let bindings = |system, landed| expired_bindings(&log, &limit(system), Offset(landed)).map(|offset| offset.0);
        assert_eq!(bindings(10, u64::MAX), None, "all activity is there");
        log.truncate_before(Lane::Activity, PartitionId(0), Offset(6)).unwrap();
        assert_eq!(bindings(10, u64::MAX), None, "the other partition still needs them");
        log.truncate_before(Lane::Activity, PartitionId(1), Offset(4)).unwrap();
        assert_eq!(bindings(10, u64::MAX), Some(4));
        assert_eq!(bindings(3, u64::MAX), Some(3), "a snapshot needs the fourth");
        assert_eq!(bindings(10, 2), Some(2), "raw landing needs the third");
        log.truncate_before(Lane::System, PartitionId(0), Offset(4)).unwrap();
        assert_eq!(bindings(10, u64::MAX), None);
    }

    #[test]
    fn what_a_snapshot_needs_stays() {
        assert_eq!(check(&[6, 0], &[], 1_000), [(0, 6)]);
    }

    #[test]
    fn what_has_not_landed_stays() {
        assert_eq!(check(&[30, 30], &[3, 12], 1_000), [(0, 3), (1, 12)]);
        assert_eq!(check(&[30, 30], &[0, 0], 1_000), []);
    }
}
