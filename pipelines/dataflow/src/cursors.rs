//! How far the two lanes have been read, with a checksum that proves it was the same log.

use eventlog::{EventLog, Frame, Lane, Offset, Partitions};
use serde::{Deserialize, Serialize};
use views::as_of::PartitionEnd;

use crate::binding::End;

/// The lanes that epochs are cut from.
pub(crate) const LANES: [Lane; 2] = [Lane::Facts, Lane::Activity];

/// One offset and one running checksum per partition of facts and activity.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cursors {
    lanes: [Vec<Cursor>; 2],
}

/// How far one partition has been read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Cursor {
    end: u64,
    // None when its beginning was dropped before anybody counted.
    chain: Option<u32>,
}

impl Cursors {
    /// Before the first record that is left of each partition.
    pub fn at_start(log: &dyn EventLog) -> Self {
        // A partition that has lost its beginning has a checksum that nobody can compute again.
        let cursor = |start: &Offset| Cursor { end: start.0, chain: (start.0 == 0).then_some(0) };
        Self { lanes: LANES.map(|lane| log.starts(lane).iter().map(cursor).collect()) }
    }

    /// Takes note of the next frame of a partition.
    pub fn pass(&mut self, frame: &Frame) {
        let cursor = &mut self.lanes[frame.lane.index()][frame.partition.index()];
        cursor.end = frame.end().0;
        cursor.chain = cursor.chain.map(|chain| crc32c::crc32c_append(chain, &frame.content_crc.to_le_bytes()));
    }

    /// The offsets of a lane, one per partition.
    pub fn offsets(&self, lane: Lane) -> Vec<Offset> {
        self.lanes[lane.index()].iter().map(|cursor| Offset(cursor.end)).collect()
    }

    /// Whether the log has these partitions and reaches as far as this.
    pub fn fit(&self, log: &dyn EventLog) -> bool {
        LANES.iter().all(|lane| {
            let (starts, ends) = (log.starts(*lane), log.ends(*lane));
            let cursors = &self.lanes[lane.index()];
            cursors.len() == ends.len()
                && cursors
                    .iter()
                    .zip(starts.iter().zip(&ends))
                    .all(|(at, (start, end))| (start.0..=end.0).contains(&at.end))
        })
    }

    /// The partitions that are further than in `before`.
    pub fn moved_since(&self, before: &Self) -> Vec<End> {
        let mut moved = Vec::new();
        for lane in LANES {
            let pairs = self.lanes[lane.index()].iter().zip(&before.lanes[lane.index()]);
            for (partition, (now, then)) in (0..).zip(pairs) {
                if now.end != then.end {
                    moved.push(End { lane, partition, end: Offset(now.end), chain: now.chain });
                }
            }
        }
        moved
    }

    /// Whether retention has dropped everything before `end`, and more: a rebuild from the log's start stands beyond it.
    pub fn starts_beyond(&self, end: &End) -> bool {
        let here = self.lanes[end.lane.index()].get(usize::from(end.partition));
        here.is_some_and(|here| here.chain.is_none() && here.end > end.end.0)
    }

    /// The first of `ends` that differs from here; a checksum that either side does not know is not compared.
    pub fn differs<'a>(&self, mut ends: impl Iterator<Item = &'a End>) -> Option<End> {
        ends.find(|end| {
            let here = self.lanes[end.lane.index()].get(usize::from(end.partition));
            !here.is_some_and(|here| {
                here.end == end.end.0 && (here.chain.is_none() || end.chain.is_none() || here.chain == end.chain)
            })
        })
        .copied()
    }

    /// The ends of every partition that has records, as answers name them.
    pub fn partition_ends(&self) -> impl Iterator<Item = PartitionEnd> + '_ {
        (0u8..).zip(&self.lanes).flat_map(|(lane, cursors)| {
            let some = (0u16..).zip(cursors).filter(|(_, cursor)| cursor.end > 0);
            some.map(move |(partition, cursor)| PartitionEnd { lane, partition, end: cursor.end })
        })
    }

    /// How many records the log holds beyond this.
    pub fn behind(&self, log: &dyn EventLog) -> u64 {
        let lane = |lane: &Lane| {
            let pairs = log.ends(*lane).into_iter().zip(self.offsets(*lane));
            pairs.map(|(end, at)| end.0.saturating_sub(at.0)).sum::<u64>()
        };
        LANES.iter().map(lane).sum()
    }

    /// How many partitions each lane has.
    pub fn partitions(&self, system: u16) -> Partitions {
        let count =
            |lane: Lane| u16::try_from(self.lanes[lane.index()].len()).expect("partitions are counted in 16 bits");
        Partitions { facts: count(Lane::Facts), activity: count(Lane::Activity), system }
    }
}
