//! Checks everything that can be checked: every byte, every order, every verdict.

use std::iter::Peekable;
use std::sync::Arc;

use records::time::Timestamp;

use super::scan::{Found, LaneScan, Problem};
use super::{ToolError, describe};
use crate::admit::{Admission, Fence, WINDOW};
use crate::disk::Disk;
use crate::error::Place;
use crate::file::format::{FrameHead, SegmentHead, segment_name};
use crate::frame::{RawFrame, Voided};
use crate::lane::{Lane, Offset};

/// More problems than anybody reads; a log with more is one problem.
const MOST_PROBLEMS: usize = 1_000;

/// What a verification found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Verification {
    /// Frames whose every byte was right.
    pub frames: u64,
    /// Their rows.
    pub rows: u64,
    /// Rows that do not count.
    pub voided_rows: u64,
    /// Bytes of their bodies before compression.
    pub body_bytes: u64,
    /// Everything that is wrong, in file order of each lane; at most 1,000.
    pub problems: Vec<Problem>,
    /// Whether there were more.
    pub more: bool,
    /// Bytes at the lanes' ends that were being written, or that the next start will cut. No problem.
    pub unfinished: Vec<Place>,
}

impl Verification {
    /// Whether nothing is wrong.
    pub fn is_whole(&self) -> bool {
        self.problems.is_empty()
    }

    fn report(&mut self, problem: Problem) {
        if self.problems.len() < MOST_PROBLEMS {
            self.problems.push(problem);
        } else {
            self.more = true;
        }
    }
}

/// Verifies a log: all checksums, compression, offsets, log times over all lanes, segment heads, and that the stored
/// verdicts are those of [`Admission`].
///
/// Where retention has dropped the beginning, a row that was voided may have been a duplicate of a dropped one, so
/// the first 2^20 rows left are checked in one direction only.
///
/// # Errors
/// When there is no log, or it cannot be listed; damage is not an error but the result.
pub fn verify(disk: &Arc<dyn Disk>, directory: &str) -> Result<Verification, ToolError> {
    let description = describe(&**disk, directory)?;
    let mut lanes = Vec::new();
    for lane in Lane::ALL {
        let scan = LaneScan::new(disk.clone(), directory, description, lane)?;
        lanes.push((Audit::new(lane, usize::from(description.partitions.of(lane))), scan.peekable()));
    }
    let mut result = Verification::default();
    let mut last = None;
    // Merged by log time, so that the uniqueness of log times is checked with one frame per lane in memory.
    while let Some((audit, found)) = earliest(&mut lanes) {
        if let Found::Frame { head, position, .. } = &found
            && !head.lost
        {
            if last == Some(head.log_time) {
                result.report(audit.problem(*position, head, "another lane has a frame with the same log time"));
            }
            last = Some(head.log_time);
        }
        audit.take(found, &mut result);
    }
    Ok(result)
}

type Lanes = [(Audit, Peekable<LaneScan>)];

/// The next finding of the lane that is furthest behind.
fn earliest(lanes: &mut Lanes) -> Option<(&mut Audit, Found)> {
    let time = |scan: &mut Peekable<LaneScan>| match scan.peek() {
        Some(Found::Frame { head, .. }) => Some(head.log_time),
        Some(_) => Some(Timestamp::MIN),
        None => None,
    };
    let times = lanes.iter_mut().enumerate().filter_map(|(at, (_, scan))| Some((time(scan)?, at)));
    let (_, at) = times.min()?;
    let (audit, scan) = &mut lanes[at];
    scan.next().map(|found| (audit, found))
}

/// What has been seen of a lane.
struct Audit {
    lane: Lane,
    sequence: u64,
    last: Timestamp,
    partitions: Vec<Partition>,
    begun: bool,
    /// Something was lost since the last segment head.
    gap: bool,
    /// A lost frame has come since the last segment head.
    lossy: bool,
}

struct Partition {
    /// None until a frame or segment head tells.
    next: Option<Offset>,
    admission: Admission,
    /// Rows until the window holds all that it would hold; 0 when verdicts can be checked in both directions.
    blind: u64,
}

impl Audit {
    fn new(lane: Lane, partitions: usize) -> Self {
        let partition = || Partition { next: None, admission: Admission::new(), blind: u64::from(WINDOW) };
        let partitions = (0..partitions).map(|_| partition()).collect();
        Self { lane, sequence: 0, last: Timestamp::MIN, partitions, begun: false, gap: false, lossy: false }
    }

    fn take(&mut self, found: Found, result: &mut Verification) {
        match found {
            Found::Segment { sequence, head } => {
                self.sequence = sequence;
                if let Some(head) = head {
                    self.segment(&head, result);
                }
                self.begun = true;
            }
            Found::Frame { position, head, raw } => self.frame(position, &head, &raw, result),
            Found::Bad { position, until, reason, .. } => {
                result.report(Problem { place: self.place(position, format!("{} bytes", until - position)), reason });
                self.lose();
            }
            Found::Unfinished { position, bytes, .. } => {
                result.unfinished.push(self.place(position, format!("{bytes} bytes")));
            }
        }
    }

    fn segment(&mut self, head: &SegmentHead, result: &mut Verification) {
        let mut wrong = None;
        for (at, partition) in self.partitions.iter_mut().enumerate() {
            let (start, fence) = (head.starts[at], head.fences[at]);
            if !self.begun {
                partition.admission = Admission::resume(fence);
                partition.blind = if start == Offset(0) { 0 } else { u64::from(WINDOW) };
            } else if partition.admission.fence().uncertain {
                // What the fence went through is lost; the head knows where it stood.
                partition.admission.set_fence(fence);
                wrong = wrong.or((!self.gap && partition.next != Some(start)).then_some(at));
            } else if partition.next != Some(start) || partition.admission.fence() != fence {
                wrong = Some(at);
            }
            partition.next = Some(start);
        }
        // Lost frames do not know when they were.
        let continues = if self.lossy { head.before >= self.last } else { head.before == self.last };
        if self.begun && !self.gap && !continues {
            wrong = Some(0);
        }
        (self.gap, self.lossy) = (false, false);
        if let Some(partition) = wrong {
            let place = self.place(0, format!("{}/{partition} as it was left", self.lane));
            result.report(Problem { place, reason: "the segment head does not continue the segment before".into() });
        }
    }

    fn frame(&mut self, position: u64, head: &FrameHead, raw: &RawFrame, result: &mut Verification) {
        result.frames += 1;
        result.rows += u64::from(head.rows);
        result.voided_rows += u64::from(head.voided.count(head.rows));
        result.body_bytes += u64::from(head.body_len);
        if head.log_time <= self.last && !head.lost {
            result.report(self.problem(position, head, "the log time does not rise"));
        }
        self.last = head.log_time;
        self.lossy |= head.lost;
        let partition = &mut self.partitions[head.partition.index()];
        let jump = partition.next.is_some_and(|next| next != head.first);
        let known_gap = self.gap;
        let verdict = partition.verdict(head, raw);
        partition.next = Some(head.end());
        if jump && !known_gap {
            result.report(self.problem(position, head, "the offset does not follow the one before it"));
        }
        if let Err(reason) = verdict {
            result.report(self.problem(position, head, reason));
        }
    }

    /// Something of the lane is gone, and nobody knows of which partition.
    fn lose(&mut self) {
        self.gap = true;
        for partition in &mut self.partitions {
            partition.admission.lost(0);
            partition.blind = u64::from(WINDOW);
        }
    }

    fn problem(&self, position: u64, head: &FrameHead, reason: &str) -> Problem {
        let expected = format!("{}/{} offset {}", self.lane, head.partition, head.first);
        Problem { place: self.place(position, expected), reason: reason.to_owned() }
    }

    fn place(&self, position: u64, expected: String) -> Place {
        Place { segment: segment_name(self.lane, self.sequence), position, expected }
    }
}

impl Partition {
    /// Compares a frame's stored verdict with the fold's.
    fn verdict(&mut self, head: &FrameHead, raw: &RawFrame) -> Result<(), &'static str> {
        let stored = &head.voided;
        if head.lost {
            self.admission.lost(head.rows);
            self.blind = u64::from(WINDOW);
            return Ok(());
        }
        if self.blind == 0 {
            let verdict = self.admission.admit(head.claim.as_ref(), head.rows, &raw.dedup);
            return if verdict == *stored { Ok(()) } else { Err("the stored verdict is not that of admission") };
        }
        let contradicts = self.admission.contradicts(head.claim.as_ref(), &raw.dedup, stored);
        self.admission.remember(head.claim.as_ref(), head.rows, &raw.dedup, stored);
        self.blind = self.blind.saturating_sub(u64::from(head.rows));
        if contradicts { Err("the stored verdict contradicts admission") } else { Ok(()) }
    }
}

impl Admission {
    /// Whether a stored verdict cannot be right, whatever happened before what this state has seen.
    fn contradicts(&self, claim: Option<&crate::frame::ClaimTag>, dedup: &[u64], stored: &Voided) -> bool {
        let mut fence: Fence = self.fence();
        let certain = !fence.uncertain;
        if certain && !fence.admits(claim) {
            return *stored != Voided::All;
        }
        let unfounded = certain && *stored == Voided::All && dedup.is_empty();
        let rows = (0u32..).zip(dedup);
        unfounded || rows.into_iter().any(|(row, hash)| !stored.contains(row) && self.knows(*hash))
    }
}
