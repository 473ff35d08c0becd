//! Goes through all frames of a lane, valid or not, and says what is wrong where.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;

use super::{ToolError, listing};
use crate::disk::Disk;
use crate::error::Place;
use crate::file::format::{FrameHead, SegmentHead, seed, segment_head_len, segment_name};
use crate::file::{Description, Fault, STREAM, Walker, read_head, segments};
use crate::frame::RawFrame;
use crate::lane::Lane;

/// Something in a log that is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Where.
    pub place: Place,
    /// What.
    pub reason: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.reason)
    }
}

/// What a scan comes across, in file order.
pub(crate) enum Found {
    /// A segment begins; no head when it is unreadable.
    Segment { sequence: u64, head: Option<SegmentHead> },
    /// A frame whose every byte is right.
    Frame { position: u64, head: FrameHead, raw: RawFrame },
    /// A missing file, a bad head, or bytes up to `until` that are no frame.
    Bad { sequence: u64, position: u64, until: u64, reason: String },
    /// Bytes behind the last frame of the last segment that no acknowledged frame follows: being written, or torn.
    Unfinished { position: u64, bytes: u64 },
}

/// A scan over one lane.
pub(crate) struct LaneScan {
    disk: Arc<dyn Disk>,
    directory: String,
    description: Description,
    lane: Lane,
    left: VecDeque<(u64, u64)>,
    expected: Option<u64>,
    current: Option<(u64, Walker, u64)>,
    pending: VecDeque<Found>,
}

impl LaneScan {
    pub(crate) fn new(
        disk: Arc<dyn Disk>,
        directory: &str,
        description: Description,
        lane: Lane,
    ) -> Result<Self, ToolError> {
        let left = segments(&listing(&*disk, directory)?, lane).into();
        let directory = directory.to_owned();
        let (expected, current, pending) = (None, None, VecDeque::new());
        Ok(Self { disk, directory, description, lane, left, expected, current, pending })
    }

    /// Begins the next segment; false when there is none.
    fn begin(&mut self) -> bool {
        let Some((sequence, _)) = self.left.front().copied() else { return false };
        let expected = self.expected.unwrap_or(sequence);
        self.expected = Some(expected + 1);
        if expected < sequence {
            let reason = "the segment file is missing".to_owned();
            self.pending.push_back(Found::Segment { sequence: expected, head: None });
            self.pending.push_back(Found::Bad { sequence: expected, position: 0, until: 0, reason });
            return true;
        }
        let bytes = self.left.pop_front().map_or(0, |(_, bytes)| bytes);
        match read_head(&*self.disk, &self.directory, &self.description, self.lane, sequence) {
            Ok(head) => {
                let start = head.len();
                self.pending.push_back(Found::Segment { sequence, head: Some(head) });
                self.walk(sequence, start, bytes);
            }
            Err(fault) => {
                let start = segment_head_len(self.description.partitions.of(self.lane)) as u64;
                self.pending.push_back(Found::Segment { sequence, head: None });
                self.pending.push_back(Found::Bad {
                    sequence,
                    position: 0,
                    until: start.min(bytes),
                    reason: fault.reason,
                });
                if bytes > start {
                    self.walk(sequence, start, bytes);
                }
            }
        }
        true
    }

    fn walk(&mut self, sequence: u64, start: u64, bytes: u64) {
        let name = format!("{}/{}", self.directory, segment_name(self.lane, sequence));
        let seed = seed(self.description.incarnation, self.lane, sequence);
        match self.disk.open(&name) {
            Ok(file) => self.current = Some((sequence, Walker::new(file, seed, start, bytes, STREAM), bytes)),
            Err(error) => {
                let reason = error.to_string();
                self.pending.push_back(Found::Bad { sequence, position: start, until: bytes, reason });
            }
        }
    }

    /// Steps over a bad place to the next frame that is whole.
    fn resume(&mut self, fault: Fault) -> Option<Found> {
        let last = self.left.is_empty();
        let (sequence, walker, bytes) = self.current.as_mut()?;
        let (sequence, bytes, position) = (*sequence, *bytes, walker.at);
        let next = if fault.io { Ok(None) } else { walker.seek_valid(position + 1) };
        let next = next.unwrap_or(None);
        // Torn or in flight: nothing behind was written after this place had been synced.
        let in_doubt =
            |next: &Option<(u64, FrameHead)>| next.as_ref().is_none_or(|(_, head)| head.group_start <= position);
        if last && !fault.io && in_doubt(&next) && !acknowledged_behind(walker, position) {
            self.current = None;
            return Some(Found::Unfinished { position, bytes: bytes - position });
        }
        let until = next.as_ref().map_or(bytes, |(at, _)| *at);
        walker.at = until;
        if next.is_none() {
            self.current = None;
        }
        Some(Found::Bad { sequence, position, until, reason: fault.reason })
    }
}

fn acknowledged_behind(walker: &mut Walker, bad: u64) -> bool {
    let mut from = bad + 1;
    while let Ok(Some((at, head))) = walker.seek_valid(from) {
        if head.group_start > bad {
            return true;
        }
        from = at + head.len();
    }
    false
}

/// Reads and checks the frame at the cursor.
fn step(walker: &mut Walker) -> Result<Option<Found>, Fault> {
    let position = walker.at;
    let Some(head) = walker.head()? else { return Ok(None) };
    walker.verify(&head)?;
    let raw = walker.raw(head.clone())?;
    Ok(Some(Found::Frame { position, head, raw }))
}

impl Iterator for LaneScan {
    type Item = Found;

    fn next(&mut self) -> Option<Found> {
        loop {
            if let Some(found) = self.pending.pop_front() {
                return Some(found);
            }
            let Some((_, walker, _)) = &mut self.current else { if self.begin() { continue } else { return None } };
            match step(walker) {
                Ok(Some(found)) => return Some(found),
                Ok(None) => self.current = None,
                Err(fault) => {
                    if let Some(found) = self.resume(fault) {
                        return Some(found);
                    }
                }
            }
        }
    }
}
