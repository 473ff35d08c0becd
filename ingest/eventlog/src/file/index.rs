//! The sparse index of a segment: where to start reading for an offset. Built while writing, kept beside the
//! segment when it is sealed, rebuilt whenever it does not fit.

use records::time::Timestamp;

use super::format::{FrameHead, SegmentHead, u32_at, u64_at};
use super::walk::{BROWSE, Fault, Walker};
use crate::lane::{Offset, PartitionId};

/// One entry per this many bytes: 2,048 entries for a segment of 128 MiB, and at most that much to read through.
const STRIDE: u64 = 64 << 10;

const MAGIC: [u8; 8] = *b"EVTRIDX1";

/// For some frame starts of a segment: where every partition stood there. Both ascend.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Index {
    positions: Vec<u64>,
    /// The next offset of every partition at each position.
    offsets: Vec<u64>,
    /// Where the last indexed frame ends, and how the partitions stand there.
    pub(crate) end: u64,
    pub(crate) ends: Vec<Offset>,
    /// The last frame's log time, or the segment head's.
    pub(crate) last: Timestamp,
}

impl Index {
    /// The index of a segment without frames.
    pub(crate) fn new(head: &SegmentHead) -> Self {
        let mut index = Self {
            positions: Vec::new(),
            offsets: Vec::new(),
            end: head.len(),
            ends: head.starts.clone(),
            last: head.before,
        };
        index.enter();
        index
    }

    fn enter(&mut self) {
        self.positions.push(self.end);
        self.offsets.extend(self.ends.iter().map(|offset| offset.0));
    }

    /// Takes the next frame of the segment.
    pub(crate) fn push(&mut self, head: &FrameHead) {
        if self.positions.last().is_none_or(|last| self.end - last >= STRIDE) {
            self.enter();
        }
        self.end += head.len();
        self.ends[head.partition.index()] = head.end();
        self.last = head.log_time;
    }

    /// The last indexed place that is not behind `from` in `partition`.
    pub(crate) fn seek(&self, partition: PartitionId, from: Offset) -> u64 {
        self.seek_by(|offsets| offsets[partition.index()] <= from.0)
    }

    /// The last indexed place that is behind `from` in no partition.
    pub(crate) fn seek_all(&self, from: &[Offset]) -> u64 {
        self.seek_by(|offsets| offsets.iter().zip(from).all(|(offset, from)| *offset <= from.0))
    }

    fn seek_by(&self, before: impl Fn(&[u64]) -> bool) -> u64 {
        let width = self.ends.len();
        let (mut low, mut high) = (0, self.positions.len());
        while low < high {
            let middle = usize::midpoint(low, high);
            if before(&self.offsets[middle * width..(middle + 1) * width]) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        self.positions[low.saturating_sub(1)]
    }

    /// Builds the index of a sealed segment from its frame heads.
    pub(crate) fn build(
        head: &SegmentHead,
        file: &std::sync::Arc<dyn crate::disk::DiskFile>,
        end: u64,
    ) -> Result<Self, Fault> {
        let mut index = Self::new(head);
        let mut walker = Walker::new(file.clone(), head.seed(), head.len(), end, BROWSE);
        while let Some(frame) = walker.head()? {
            index.push(&frame);
            walker.pass(&frame);
        }
        Ok(index)
    }

    /// The sidecar's bytes for a segment with this head.
    pub(crate) fn encode(&self, head: &SegmentHead) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        bytes.extend(head.seed().to_le_bytes());
        bytes.extend(u32::from(head.cold).to_le_bytes());
        bytes.extend((self.positions.len() as u64).to_le_bytes());
        bytes.extend(self.end.to_le_bytes());
        bytes.extend(self.last.0.to_le_bytes());
        let numbers = self.ends.iter().map(|offset| &offset.0).chain(&self.positions).chain(&self.offsets);
        numbers.for_each(|number| bytes.extend(number.to_le_bytes()));
        bytes.extend(crc32c::crc32c(&bytes).to_le_bytes());
        bytes
    }

    /// Reads a sidecar; none when it is not that of this segment file of `file_len` bytes.
    pub(crate) fn decode(bytes: &[u8], head: &SegmentHead, file_len: u64) -> Option<Self> {
        let (bytes, checksum) = bytes.split_at_checked(bytes.len().checked_sub(4)?)?;
        let fits = bytes.len() >= 40
            && u32_at(checksum, 0) == crc32c::crc32c(bytes)
            && bytes[..8] == MAGIC
            && u32_at(bytes, 8) == head.seed()
            && u32_at(bytes, 12) == u32::from(head.cold)
            && u64_at(bytes, 24) == file_len;
        if !fits {
            return None;
        }
        let width = head.starts.len();
        let count = usize::try_from(u64_at(bytes, 16)).ok()?;
        let numbers: Vec<u64> = bytes[40..].chunks_exact(8).map(|number| u64_at(number, 0)).collect();
        if count == 0 || numbers.len() != width + count.checked_mul(width + 1)? {
            return None;
        }
        Some(Self {
            ends: numbers[..width].iter().map(|offset| Offset(*offset)).collect(),
            positions: numbers[width..width + count].to_vec(),
            offsets: numbers[width + count..].to_vec(),
            end: u64_at(bytes, 24),
            last: Timestamp(u64_at(bytes, 32).cast_signed()),
        })
    }
}

/// The file name of a segment's index.
pub(crate) fn sidecar_name(segment: &str) -> String {
    format!("{}.idx", segment.strip_suffix(".seg").unwrap_or(segment))
}
