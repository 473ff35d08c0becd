//! Opens the segments of a lane: finds where it ends, cuts a torn tail, rebuilds admission.

use std::collections::VecDeque;
use std::sync::Arc;

use tracing::{info, warn};

use super::describe::Description;
use super::format::{SegmentHead, parse_segment_name, segment_head_len, segment_name};
use super::index::{Index, sidecar_name};
use super::options::{FileOptions, OpenError};
use super::store::{Active, Sealed, Store};
use super::walk::{BROWSE, Fault, STREAM, Walker};
use super::writer::create;
use crate::admit::{Admission, Fence, WINDOW};
use crate::disk::{Disk, DiskEntry};
use crate::error::Place;
use crate::lane::{Lane, Offset};

/// A lane as it was found.
pub(crate) struct Recovered {
    pub(crate) store: Store,
    pub(crate) admissions: Vec<Admission>,
}

/// Finds the segment files of a lane, oldest first.
pub(crate) fn segments(entries: &[DiskEntry], lane: Lane) -> Vec<(u64, u64)> {
    let of_lane = |entry: &DiskEntry| {
        let (found, sequence) = parse_segment_name(&entry.name)?;
        (found == lane).then_some((sequence, entry.bytes))
    };
    // Names list in order, because sequences have leading zeros.
    entries.iter().filter_map(of_lane).collect()
}

/// Reads a segment's head and checks that it is the one that belongs there.
pub(crate) fn read_head(
    disk: &dyn Disk,
    directory: &str,
    description: &Description,
    lane: Lane,
    sequence: u64,
) -> Result<SegmentHead, Fault> {
    let io = |error: std::io::Error| Fault { position: 0, reason: error.to_string(), io: true };
    let file = disk.open(&format!("{directory}/{}", segment_name(lane, sequence))).map_err(io)?;
    let mut bytes = Vec::new();
    let partitions = description.partitions.of(lane);
    file.read_at(0, segment_head_len(partitions), &mut bytes).map_err(io)?;
    let content = |reason: String| Fault { position: 0, reason, io: false };
    let head = SegmentHead::decode(&bytes).map_err(content)?;
    let fits = head.lane == lane
        && head.sequence == sequence
        && head.incarnation == description.incarnation
        && head.starts.len() == usize::from(partitions);
    if fits { Ok(head) } else { Err(content("the segment belongs to another log or place".into())) }
}

/// Opens a lane, or creates it.
pub(crate) fn recover(
    disk: &Arc<dyn Disk>,
    options: &FileOptions,
    description: &Description,
    lane: Lane,
) -> Result<Recovered, OpenError> {
    let directory = &options.directory;
    let entries = disk.list(directory).map_err(OpenError::io("listing the log"))?;
    for draft in entries.iter().filter(|entry| entry.name.starts_with(lane.name()) && entry.name.ends_with(".tmp")) {
        disk.remove(&format!("{directory}/{}", draft.name)).map_err(OpenError::io("removing a draft"))?;
    }
    let lane = Opening { disk, directory, description, lane };
    let found = segments(&entries, lane.lane);
    let (heads, stillborn) = lane.heads(&found)?;
    let Some((last, sealed)) = heads.split_last() else {
        return lane.create(stillborn);
    };
    let sealed: VecDeque<Sealed> =
        sealed.iter().zip(&found).map(|(head, (_, bytes))| Sealed { head: head.clone(), bytes: *bytes }).collect();
    let active = lane.tail(last.clone(), stillborn.is_none())?;
    let store = Store::new(disk.clone(), directory.clone(), lane.lane, sealed, active);
    let admissions = admissions(&store)?;
    Ok(Recovered { store, admissions })
}

struct Opening<'a> {
    disk: &'a Arc<dyn Disk>,
    directory: &'a str,
    description: &'a Description,
    lane: Lane,
}

impl Opening<'_> {
    /// The heads of all segments, and the sequence of a last one that the crash did not let come to life.
    fn heads(&self, found: &[(u64, u64)]) -> Result<(Vec<Arc<SegmentHead>>, Option<u64>), OpenError> {
        let mut heads: Vec<Arc<SegmentHead>> = Vec::with_capacity(found.len());
        for (at, (sequence, bytes)) in found.iter().enumerate() {
            let expected = heads.last().map_or(*sequence, |last| last.sequence + 1);
            if *sequence != expected {
                let fault = Fault { position: 0, reason: "the segment file is missing".into(), io: false };
                return Err(self.corrupt(expected, fault));
            }
            match read_head(&**self.disk, self.directory, self.description, self.lane, *sequence) {
                Ok(head) => heads.push(Arc::new(head)),
                Err(fault) if !fault.io && at + 1 == found.len() && self.is_stillborn(*sequence, *bytes)? => {
                    self.bury(*sequence)?;
                    return Ok((heads, Some(*sequence)));
                }
                Err(fault) => return Err(self.corrupt(*sequence, fault)),
            }
        }
        Ok((heads, None))
    }

    /// Whether a file without a valid head holds no frame either: then nothing in it was ever acknowledged.
    fn is_stillborn(&self, sequence: u64, bytes: u64) -> Result<bool, OpenError> {
        let file = self.disk.open(&self.path(sequence)).map_err(OpenError::io("opening a segment"))?;
        let seed = super::format::seed(self.description.incarnation, self.lane, sequence);
        let found = Walker::new(file, seed, 0, bytes, BROWSE).seek_valid(0);
        Ok(found.map_err(|fault| self.corrupt(sequence, fault))?.is_none())
    }

    fn bury(&self, sequence: u64) -> Result<(), OpenError> {
        warn!(segment = segment_name(self.lane, sequence), "removed a segment that was never completed");
        let removed = self.disk.remove(&self.path(sequence));
        removed.and_then(|()| self.disk.sync_directory(self.directory)).map_err(OpenError::io("removing a segment"))
    }

    fn create(&self, stillborn: Option<u64>) -> Result<Recovered, OpenError> {
        let partitions = usize::from(self.description.partitions.of(self.lane));
        let head = SegmentHead {
            lane: self.lane,
            cold: false,
            incarnation: self.description.incarnation,
            sequence: stillborn.unwrap_or(1),
            before: records::time::Timestamp::MIN,
            starts: vec![Offset(0); partitions],
            fences: vec![Fence::default(); partitions],
        };
        let active = create(&**self.disk, self.directory, head).map_err(OpenError::io("creating a segment"))?;
        let store = Store::new(self.disk.clone(), self.directory.to_owned(), self.lane, VecDeque::new(), active);
        Ok(Recovered { store, admissions: vec![Admission::new(); partitions] })
    }

    /// Reads the last segment, every byte of it, and cuts what a crash left half written.
    fn tail(&self, head: Arc<SegmentHead>, may_be_torn: bool) -> Result<Active, OpenError> {
        let file = self.disk.open(&self.path(head.sequence)).map_err(OpenError::io("opening a segment"))?;
        let length = file.len().map_err(OpenError::io("opening a segment"))?;
        let mut index = Index::new(&head);
        let mut walker = Walker::new(file.clone(), head.seed(), head.len(), length, STREAM);
        let fault = loop {
            match next(&mut walker, &mut index) {
                Ok(true) => {}
                Ok(false) => break None,
                Err(fault) => break Some(fault),
            }
        };
        if let Some(fault) = fault {
            if fault.io || !may_be_torn || acknowledged_behind(&mut walker, index.end)? {
                return Err(self.corrupt(head.sequence, fault));
            }
            let segment = head.name();
            warn!(segment, position = index.end, bytes = length - index.end, reason = fault.reason, "cut a torn tail");
            file.truncate(index.end).map_err(OpenError::io("cutting a torn tail"))?;
        }
        // After the end of a process, what was read may be in memory only. Readers may see it from now on, so it
        // has to last.
        file.sync().map_err(OpenError::io("syncing a segment"))?;
        info!(lane = %self.lane, segment = head.sequence, bytes = index.end, "lane opened");
        Ok(Active { head, file, index })
    }

    fn path(&self, sequence: u64) -> String {
        format!("{}/{}", self.directory, segment_name(self.lane, sequence))
    }

    fn corrupt(&self, sequence: u64, fault: Fault) -> OpenError {
        let segment = segment_name(self.lane, sequence);
        if fault.io {
            let source = std::io::Error::other(fault.reason);
            return OpenError::Io { action: format!("reading `{segment}`"), source };
        }
        let expected = format!("{} frames", self.lane);
        OpenError::Corrupt { place: Place { segment, position: fault.position, expected }, reason: fault.reason }
    }
}

/// Checks the next frame of a tail and enters it in the index; false at the end.
fn next(walker: &mut Walker, index: &mut Index) -> Result<bool, Fault> {
    let Some(head) = walker.head()? else { return Ok(false) };
    walker.hashes(&head)?;
    walker.stored(&head)?;
    let known = index.ends.get(head.partition.index()) == Some(&head.first);
    // Lost frames have no time of their own.
    if !known || (head.log_time <= index.last && !head.lost) {
        return Err(Fault {
            position: walker.at,
            reason: "the frame does not follow the one before it".into(),
            io: false,
        });
    }
    index.push(&head);
    walker.pass(&head);
    Ok(true)
}

/// Whether a frame behind a bad place was written after the bad place had been synced: then that was acknowledged.
fn acknowledged_behind(walker: &mut Walker, bad: u64) -> Result<bool, OpenError> {
    let unreadable = |fault: Fault| OpenError::Io {
        action: "reading behind a bad place".to_owned(),
        source: std::io::Error::other(fault.reason),
    };
    let mut from = bad + 1;
    while let Some((at, head)) = walker.seek_valid(from).map_err(unreadable)? {
        if head.group_start > bad {
            return Ok(true);
        }
        from = at + head.len();
    }
    Ok(false)
}

/// Rebuilds admission from the segments that hold the last [`WINDOW`] rows of every partition.
fn admissions(store: &Store) -> Result<Vec<Admission>, OpenError> {
    let ends = store.ends();
    let mut heads: Vec<Arc<SegmentHead>> = store.sealed().into_iter().map(|sealed| sealed.head).collect();
    heads.push(store.with_active(|active| active.head.clone()));
    let enough = |head: &SegmentHead| {
        head.starts.iter().zip(&ends).all(|(start, end)| start.0 <= end.0.saturating_sub(u64::from(WINDOW)))
    };
    let from = heads.iter().rposition(|head| enough(head)).unwrap_or(0);
    let mut admissions: Vec<Admission> = heads[from].fences.iter().map(|fence| Admission::resume(*fence)).collect();
    for head in &heads[from..] {
        let expected = || format!("{} hashes", store.lane);
        let failed = |fault| OpenError::from(store.corrupt(head.sequence, fault, expected()));
        let mut walker = store.walk(head.sequence, |_| head.len(), BROWSE).map_err(failed)?;
        while let Some(frame) = walker.head().map_err(failed)? {
            let admission = &mut admissions[frame.partition.index()];
            if frame.lost {
                admission.lost(frame.rows);
            } else {
                let hashes = walker.hashes(&frame).map_err(failed)?;
                admission.remember(frame.claim.as_ref(), frame.rows, &hashes, &frame.voided);
            }
            walker.pass(&frame);
        }
    }
    Ok(admissions)
}

/// The name of a segment's sidecar in the log's directory.
pub(crate) fn sidecar_path(directory: &str, segment: &str) -> String {
    format!("{directory}/{}", sidecar_name(segment))
}
