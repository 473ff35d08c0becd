//! Retention: up to where the activity lane may be dropped. Facts are kept; whoever truncates asks here first.

use eventlog::{EventLog, Lane, Offset, PartitionId, ReadLimits};
use records::Timestamp;

use crate::snapshot::TruncationLimit;

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
        first_newer(log, partition, oldest, starts[at], safe.min(landed)).map(|offset| (partition, offset))
    });
    expired.collect()
}

/// The first offset before `end` whose frame is newer than `oldest`, by halving: log times grow with offsets.
fn first_newer(
    log: &dyn EventLog,
    partition: PartitionId,
    oldest: Timestamp,
    start: Offset,
    end: Offset,
) -> Option<Offset> {
    let (mut low, mut high) = (start.0, end.0);
    while low < high {
        let middle = low + (high - low) / 2;
        let one = ReadLimits { max_rows: 1, ..ReadLimits::default() };
        let frames = log.read(Lane::Activity, partition, Offset(middle), one).ok()?;
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
    fn what_a_snapshot_needs_stays() {
        assert_eq!(check(&[6, 0], &[], 1_000), [(0, 6)]);
    }

    #[test]
    fn what_has_not_landed_stays() {
        assert_eq!(check(&[30, 30], &[3, 12], 1_000), [(0, 3), (1, 12)]);
        assert_eq!(check(&[30, 30], &[0, 0], 1_000), []);
    }
}
