//! Figures about a log's files, from the frame heads alone.

use std::sync::Arc;

use records::time::Timestamp;

use super::{ToolError, describe, listing};
use crate::admit::{Admission, Fence};
use crate::disk::Disk;
use crate::file::format::segment_name;
use crate::file::{Description, Fault, Walker, read_head, segments};
use crate::lane::{Lane, Offset, PartitionId, Partitions};
use crate::log::Incarnation;

/// Read at once: heads are small and lie apart.
const STEP: usize = 64 << 10;

/// What a log's files hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inspection {
    /// Which log it is.
    pub incarnation: Incarnation,
    /// Its partitions.
    pub partitions: Partitions,
    /// One entry per lane.
    pub lanes: Vec<LaneInspection>,
}

/// What a lane's files hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LaneInspection {
    /// The lane.
    pub lane: Lane,
    /// Its segments, oldest first.
    pub segments: Vec<SegmentInspection>,
    /// Its partitions.
    pub partitions: Vec<PartitionInspection>,
}

/// What one segment holds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SegmentInspection {
    /// The file's name.
    pub name: String,
    /// The file's length.
    pub bytes: u64,
    /// Whether it was rewritten densely.
    pub cold: bool,
    /// Frames.
    pub frames: u64,
    /// Rows.
    pub rows: u64,
    /// Rows that do not count.
    pub voided_rows: u64,
    /// Bytes of the bodies before compression.
    pub body_bytes: u64,
    /// Bytes of the bodies as they are stored.
    pub stored_bytes: u64,
    /// Log time of the first frame.
    pub first_time: Option<Timestamp>,
    /// Log time of the last frame.
    pub last_time: Option<Timestamp>,
    /// Where counting stopped, if it could not reach the end.
    pub stopped: Option<String>,
}

/// What one partition holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartitionInspection {
    /// The partition.
    pub partition: PartitionId,
    /// Its first offset.
    pub start: Offset,
    /// The offset after its last row.
    pub end: Offset,
    /// Rows that count.
    pub counted_rows: u64,
    /// Its fence after the last frame.
    pub fence: Fence,
}

/// Counts what a log's files hold. Reads frame heads only; see [`super::verify`] for the rest.
///
/// # Errors
/// When there is no log, or it cannot be listed.
pub fn inspect(disk: &Arc<dyn Disk>, directory: &str) -> Result<Inspection, ToolError> {
    let description = describe(&**disk, directory)?;
    let entries = listing(&**disk, directory)?;
    let mut lanes = Vec::new();
    for lane in Lane::ALL {
        let mut counter = Counter { disk, directory, description, lane, partitions: Vec::new() };
        let segments =
            segments(&entries, lane).into_iter().map(|(sequence, bytes)| counter.segment(sequence, bytes)).collect();
        let partitions = counter.partitions.into_iter().map(|(partition, _)| partition).collect();
        lanes.push(LaneInspection { lane, segments, partitions });
    }
    Ok(Inspection { incarnation: description.incarnation, partitions: description.partitions, lanes })
}

struct Counter<'a> {
    disk: &'a Arc<dyn Disk>,
    directory: &'a str,
    description: Description,
    lane: Lane,
    partitions: Vec<(PartitionInspection, Admission)>,
}

impl Counter<'_> {
    fn segment(&mut self, sequence: u64, bytes: u64) -> SegmentInspection {
        let mut segment =
            SegmentInspection { name: segment_name(self.lane, sequence), bytes, ..SegmentInspection::default() };
        if let Err(fault) = self.count(sequence, &mut segment) {
            segment.stopped = Some(format!("byte {}: {}", fault.position, fault.reason));
        }
        segment
    }

    fn count(&mut self, sequence: u64, segment: &mut SegmentInspection) -> Result<(), Fault> {
        let head = read_head(&**self.disk, self.directory, &self.description, self.lane, sequence)?;
        segment.cold = head.cold;
        if self.partitions.is_empty() {
            let start = |((partition, start), fence): ((PartitionId, &Offset), &Fence)| {
                let inspection =
                    PartitionInspection { partition, start: *start, end: *start, counted_rows: 0, fence: *fence };
                (inspection, Admission::resume(*fence))
            };
            let partitions = self.description.partitions.each(self.lane);
            self.partitions = partitions.zip(&head.starts).zip(&head.fences).map(start).collect();
        }
        let path = format!("{}/{}", self.directory, segment.name);
        let file = self.disk.open(&path).map_err(|error| Fault { position: 0, reason: error.to_string(), io: true })?;
        let mut walker = Walker::new(file, head.seed(), head.len(), segment.bytes, STEP);
        while let Some(frame) = walker.head()? {
            let voided = u64::from(frame.voided.count(frame.rows));
            segment.frames += 1;
            segment.rows += u64::from(frame.rows);
            segment.voided_rows += voided;
            segment.body_bytes += u64::from(frame.body_len);
            segment.stored_bytes += u64::from(frame.stored_len);
            segment.first_time.get_or_insert(frame.log_time);
            segment.last_time = Some(frame.log_time);
            let (partition, admission) = &mut self.partitions[frame.partition.index()];
            admission.remember(frame.claim.as_ref(), frame.rows, &[], &frame.voided);
            partition.end = frame.end();
            partition.counted_rows += u64::from(frame.rows) - voided;
            partition.fence = admission.fence();
            walker.pass(&frame);
        }
        Ok(())
    }
}
