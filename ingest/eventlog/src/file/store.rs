//! The segments of one lane: which there are, and how readers get at them.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;

use parking_lot::Mutex;
use tracing::warn;

use super::format::{SegmentHead, segment_head_len, segment_name};
use super::index::{Index, sidecar_name};
use super::walk::{BROWSE, Fault, STREAM, Walker};
use crate::disk::{Disk, DiskFile, read_whole};
use crate::error::{Place, ReadError, TruncateError};
use crate::frame::{Frame, RawFrame};
use crate::lane::{Lane, Offset, PartitionId};
use crate::log::{Budget, ReadLimits};

/// Sealed segments whose file and index are kept open: bounds handles and memory (some 200 KB each) for any log length.
const OPEN_SEGMENTS: usize = 64;

/// The longest sidecar that is believed.
const LONGEST_SIDECAR: usize = 64 << 20;

/// One lane's segments. The last one is active; the others never change, except that they are made cold or dropped.
pub(crate) struct Store {
    pub(crate) disk: Arc<dyn Disk>,
    pub(crate) directory: String,
    pub(crate) lane: Lane,
    /// Bytes of every segment head.
    head_len: usize,
    inner: Mutex<Inner>,
    /// Held while segments are dropped or rewritten.
    pub(crate) upkeep: Mutex<()>,
}

struct Inner {
    sealed: VecDeque<Sealed>,
    active: Active,
    open: VecDeque<(u64, Arc<Open>)>,
    /// What retention may drop, per partition.
    droppable: Vec<Offset>,
}

/// A segment that is complete.
#[derive(Clone)]
pub(crate) struct Sealed {
    pub(crate) head: Arc<SegmentHead>,
    pub(crate) bytes: u64,
}

/// The segment that is being written. Its index ends where durability does.
pub(crate) struct Active {
    pub(crate) head: Arc<SegmentHead>,
    pub(crate) file: Arc<dyn DiskFile>,
    pub(crate) index: Index,
}

/// A sealed segment with its file and index at hand.
struct Open {
    head: SegmentHead,
    file: Arc<dyn DiskFile>,
    index: Index,
    end: u64,
}

impl Store {
    pub(crate) fn new(
        disk: Arc<dyn Disk>,
        directory: String,
        lane: Lane,
        sealed: VecDeque<Sealed>,
        active: Active,
    ) -> Self {
        let droppable = vec![Offset(0); active.head.starts.len()];
        let head_len = segment_head_len(droppable.len() as u16);
        let inner = Inner { sealed, active, open: VecDeque::new(), droppable };
        Self { disk, directory, lane, head_len, inner: Mutex::new(inner), upkeep: Mutex::new(()) }
    }

    pub(crate) fn path(&self, name: &str) -> String {
        format!("{}/{name}", self.directory)
    }

    /// Works on the active segment.
    pub(crate) fn with_active<T>(&self, work: impl FnOnce(&mut Active) -> T) -> T {
        work(&mut self.inner.lock().active)
    }

    /// Closes the active segment and goes on with another.
    pub(crate) fn roll(&self, next: Active) {
        let mut inner = self.inner.lock();
        let full = std::mem::replace(&mut inner.active, next);
        inner.sealed.push_back(Sealed { head: full.head.clone(), bytes: full.index.end });
        drop(inner);
        self.save_sidecar(&full.head, &full.index);
    }

    /// Keeps an index beside its segment. It can always be rebuilt, so a failure is only slow.
    pub(crate) fn save_sidecar(&self, head: &SegmentHead, index: &Index) {
        let path = self.path(&sidecar_name(&head.name()));
        // Not synced: its own checksum says whether it is whole.
        let _ = self.disk.remove(&path);
        let bytes = index.encode(head);
        let saved = self.disk.create(&path).and_then(|file| file.write_at(0, &mut [io::IoSlice::new(&bytes)]));
        if let Err(error) = saved {
            warn!(%error, path, "segment index not saved");
        }
    }

    pub(crate) fn ends(&self) -> Vec<Offset> {
        self.inner.lock().active.index.ends.clone()
    }

    pub(crate) fn starts(&self) -> Vec<Offset> {
        let inner = self.inner.lock();
        inner.sealed.front().map_or(&inner.active.head, |first| &first.head).starts.clone()
    }

    /// How many segments there are, and their bytes.
    pub(crate) fn size(&self) -> (usize, u64) {
        let inner = self.inner.lock();
        let bytes: u64 = inner.sealed.iter().map(|sealed| sealed.bytes).sum();
        (inner.sealed.len() + 1, bytes + inner.active.index.end)
    }

    /// Sealed segments, oldest first.
    pub(crate) fn sealed(&self) -> Vec<Sealed> {
        self.inner.lock().sealed.iter().cloned().collect()
    }

    /// Takes over a segment that was rewritten in place.
    pub(crate) fn rewritten(&self, head: SegmentHead, bytes: u64) {
        let mut inner = self.inner.lock();
        inner.open.retain(|(sequence, _)| *sequence != head.sequence);
        if let Some(sealed) = inner.sealed.iter_mut().find(|sealed| sealed.head.sequence == head.sequence) {
            *sealed = Sealed { head: Arc::new(head), bytes };
        }
    }

    /// Reads one partition.
    pub(crate) fn read<T>(
        &self,
        partition: PartitionId,
        from: Offset,
        limits: ReadLimits,
        pick: impl Fn(&mut Walker, super::format::FrameHead) -> Result<T, Fault>,
    ) -> Result<Vec<T>, ReadError> {
        let (lane, index) = (self.lane, partition.index());
        let end = *self.ends().get(index).ok_or(ReadError::NoPartition { lane, partition })?;
        if from > end {
            return Err(ReadError::BeyondEnd { lane, partition, from, end });
        }
        let start = self.starts()[index];
        if from < start {
            return Err(ReadError::Truncated { lane, partition, from, start });
        }
        let mut budget = Budget::new(limits);
        let mut next = from;
        let mut picked = Vec::new();
        let mut sequence = self.locate(|starts| starts[index] <= from);
        while next < end {
            let place = |next, fault| self.corrupt(sequence, fault, format!("{lane}/{partition} from offset {next}"));
            let mut walker = match self.walk(sequence, |index| index.seek(partition, from), BROWSE) {
                Err(_) if self.starts()[index] > next => {
                    return Err(ReadError::Truncated { lane, partition, from: next, start: self.starts()[index] });
                }
                walker => walker.map_err(|fault| place(next, fault))?,
            };
            while let Some(head) = walker.head().map_err(|fault| place(next, fault))? {
                if head.log_time > limits.up_to {
                    return Ok(picked);
                }
                if head.partition != partition || head.end() <= from {
                    walker.pass(&head);
                    continue;
                }
                if !budget.takes(head.log_time, head.body_len as usize, head.rows) {
                    return Ok(picked);
                }
                let after = head.end();
                picked.push(pick(&mut walker, head).map_err(|fault| place(next, fault))?);
                next = after;
                if next >= end {
                    return Ok(picked);
                }
            }
            sequence += 1;
        }
        Ok(picked)
    }

    /// Reads all partitions in the order of the files, which is that of log times.
    pub(crate) fn read_lane(&self, from: &[Offset], limits: ReadLimits) -> Result<Vec<Frame>, ReadError> {
        let (ends, starts) = (self.ends(), self.starts());
        assert_eq!(from.len(), ends.len(), "one offset per partition");
        for (partition, ((from, end), start)) in from.iter().zip(&ends).zip(&starts).enumerate() {
            let (lane, partition) = (self.lane, PartitionId(partition as u16));
            if from > end {
                return Err(ReadError::BeyondEnd { lane, partition, from: *from, end: *end });
            }
            if from < start {
                return Err(ReadError::Truncated { lane, partition, from: *from, start: *start });
            }
        }
        let mut budget = Budget::new(limits);
        let mut frames = Vec::new();
        if from == ends.as_slice() {
            return Ok(frames);
        }
        let first = self.locate(|starts| starts.iter().zip(from).all(|(start, from)| start <= from));
        let last = self.with_active(|active| active.head.sequence);
        let step = if limits.max_bytes >= STREAM { STREAM } else { BROWSE };
        for sequence in first..=last {
            let place = |fault| self.corrupt(sequence, fault, format!("{} frames", self.lane));
            let mut walker = self.walk(sequence, |index| index.seek_all(from), step).map_err(place)?;
            while let Some(head) = walker.head().map_err(place)? {
                if head.end() <= from[head.partition.index()] {
                    walker.pass(&head);
                    continue;
                }
                if !budget.takes(head.log_time, head.body_len as usize, head.rows) {
                    return Ok(frames);
                }
                let expected = format!("{}/{} from offset {}", self.lane, head.partition, head.first);
                frames.push(walker.frame(head).map_err(|fault| self.corrupt(sequence, fault, expected))?);
            }
        }
        Ok(frames)
    }

    /// Reads one partition with all that is stored.
    pub(crate) fn read_raw(
        &self,
        partition: PartitionId,
        from: Offset,
        limits: ReadLimits,
    ) -> Result<Vec<RawFrame>, ReadError> {
        self.read(partition, from, limits, Walker::raw)
    }

    /// The last segment before whose first frame the partitions stood where `before` says.
    fn locate(&self, before: impl Fn(&[Offset]) -> bool) -> u64 {
        let inner = self.inner.lock();
        if before(&inner.active.head.starts) {
            return inner.active.head.sequence;
        }
        let at = inner.sealed.partition_point(|sealed| before(&sealed.head.starts));
        inner.sealed[at.saturating_sub(1)].head.sequence
    }

    /// A walker over the durable frames of a segment.
    pub(crate) fn walk(&self, sequence: u64, seek: impl Fn(&Index) -> u64, step: usize) -> Result<Walker, Fault> {
        let inner = self.inner.lock();
        if sequence == inner.active.head.sequence {
            let Active { head, file, index } = &inner.active;
            return Ok(Walker::new(file.clone(), head.seed(), seek(index), index.end, step));
        }
        if let Some((_, open)) = inner.open.iter().find(|(open, _)| *open == sequence) {
            return Ok(open.walk(seek, step));
        }
        drop(inner);
        let open = Arc::new(self.open(sequence)?);
        let walker = open.walk(seek, step);
        let mut inner = self.inner.lock();
        inner.open.push_back((sequence, open));
        if inner.open.len() > OPEN_SEGMENTS {
            inner.open.pop_front();
        }
        Ok(walker)
    }

    /// Opens a sealed segment. Its head comes from the file, so that a file made cold meanwhile is read as what it is.
    fn open(&self, sequence: u64) -> Result<Open, Fault> {
        let name = segment_name(self.lane, sequence);
        let io = |error: io::Error| Fault { position: 0, reason: error.to_string(), io: true };
        let file = self.disk.open(&self.path(&name)).map_err(io)?;
        let end = file.len().map_err(io)?;
        let mut bytes = Vec::new();
        file.read_at(0, self.head_len, &mut bytes).map_err(io)?;
        let head = SegmentHead::decode(&bytes).map_err(|reason| Fault { position: 0, reason, io: false })?;
        let sidecar = read_whole(&*self.disk, &self.path(&sidecar_name(&name)), LONGEST_SIDECAR).ok();
        let index = match sidecar.and_then(|bytes| Index::decode(&bytes, &head, end)) {
            Some(index) => index,
            None => {
                let index = Index::build(&head, &file, end)?;
                self.save_sidecar(&head, &index);
                index
            }
        };
        Ok(Open { head, file, index, end })
    }

    pub(crate) fn corrupt(&self, sequence: u64, fault: Fault, expected: String) -> ReadError {
        let segment = segment_name(self.lane, sequence);
        if fault.io {
            return ReadError::Io { segment, reason: fault.reason };
        }
        ReadError::Corrupt { place: Place { segment, position: fault.position, expected }, reason: fault.reason }
    }

    /// Drops the oldest segments of which no partition needs anything any more. The active one always stays.
    pub(crate) fn truncate(&self, partition: PartitionId, offset: Offset) -> Result<(), TruncateError> {
        let lane = self.lane;
        let _upkeep = self.upkeep.lock();
        {
            let mut inner = self.inner.lock();
            let end = *inner
                .active
                .index
                .ends
                .get(partition.index())
                .ok_or(TruncateError::NoPartition { lane, partition })?;
            if offset > end {
                return Err(TruncateError::BeyondEnd { lane, partition, offset, end });
            }
            let mark = &mut inner.droppable[partition.index()];
            *mark = offset.max(*mark);
        }
        while let Some(head) = self.droppable() {
            let name = head.name();
            self.drop_segment(&name).map_err(|error| TruncateError::Io { segment: name, reason: error.to_string() })?;
        }
        Ok(())
    }

    /// Takes the oldest segment out of the list if nobody needs it.
    fn droppable(&self) -> Option<Arc<SegmentHead>> {
        let mut inner = self.inner.lock();
        let ends = inner.sealed.get(1).map_or(&inner.active.head, |next| &next.head).starts.clone();
        let starts = &inner.sealed.front()?.head.starts;
        let marks = ends.iter().zip(&inner.droppable).zip(starts);
        let free = marks.into_iter().all(|((end, mark), start)| end <= mark || end == start);
        if !free {
            return None;
        }
        let gone = inner.sealed.pop_front()?.head;
        inner.open.retain(|(sequence, _)| *sequence != gone.sequence);
        Some(gone)
    }

    fn drop_segment(&self, name: &str) -> io::Result<()> {
        let _ = self.disk.remove(&self.path(&sidecar_name(name)));
        self.disk.remove(&self.path(name))?;
        // After each: without it a crash could keep an older segment and lose a newer one, which looks like damage.
        self.disk.sync_directory(&self.directory)
    }
}

impl Open {
    fn walk(&self, seek: impl Fn(&Index) -> u64, step: usize) -> Walker {
        Walker::new(self.file.clone(), self.head.seed(), seek(&self.index), self.end, step)
    }
}
