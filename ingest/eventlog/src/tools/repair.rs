//! Saves what is readable of a damaged log.
//!
//! A damaged segment is copied aside, then replaced in one step by one that holds all frames that are whole, and
//! *lost* frames for the offsets of those that are not: they take offsets, hold nothing and do not count. So readers
//! go on, and every offset that was ever given out keeps its meaning. Verdicts stay as they were stored.

use std::collections::BTreeSet;
use std::io::{self, IoSlice};
use std::sync::Arc;

use bytes::Bytes;
use records::time::Timestamp;

use super::scan::{Found, LaneScan};
use super::{ToolError, describe};
use crate::admit::{Admission, Fence};
use crate::codec::Codec;
use crate::disk::{Disk, LockError, read_whole, replace};
use crate::file::format::{FrameHead, SegmentHead, encode_hashes, segment_name};
use crate::file::{Description, LOCK, sidecar_path};
use crate::frame::{MAX_ROWS, RawFrame, Voided};
use crate::lane::{Lane, Offset, PartitionId};

/// The longest segment that can be copied aside: one that no segment size in use comes near.
const LONGEST_SEGMENT: usize = 4 << 30;

/// The caller's word that what cannot be read may be given up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Consent {
    /// Say what would be done, change nothing.
    No,
    /// Move damaged segments aside and go on without what they held.
    GiveUpWhatIsUnreadable,
}

/// What a repair did, or would do.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Repair {
    /// Segments that were rewritten; the originals are in the directory `aside`.
    pub segments: Vec<String>,
    /// Offsets whose content is gone.
    pub lost: Vec<LostRange>,
    /// Bytes at the end of the last segments that were cut, and what they held is unknown.
    pub cut: Vec<(String, u64)>,
    /// Frames that were saved from damaged segments.
    pub saved: u64,
}

/// Offsets whose content is gone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LostRange {
    /// The lane.
    pub lane: Lane,
    /// The partition.
    pub partition: PartitionId,
    /// The first lost offset.
    pub from: Offset,
    /// The offset after the last lost one.
    pub to: Offset,
}

/// Why a log was not repaired.
#[derive(Debug, thiserror::Error)]
pub enum RepairError {
    /// It cannot be looked at.
    #[error(transparent)]
    Tool(#[from] ToolError),
    /// It is in use.
    #[error(transparent)]
    Locked(#[from] LockError),
    /// The disk failed. What was already repaired stays so; the rest is as it was.
    #[error("{action}: {source}")]
    Io {
        /// What was being done.
        action: String,
        /// The system's error.
        source: io::Error,
    },
}

/// Repairs a closed log, as far as `consent` goes. A log without damage is left alone.
///
/// # Errors
/// When it is open somewhere, is no log, or the disk fails.
pub fn repair(disk: &Arc<dyn Disk>, directory: &str, consent: Consent) -> Result<Repair, RepairError> {
    let description = describe(&**disk, directory)?;
    let _lock = disk.lock(&format!("{directory}/{LOCK}"))?;
    let mut report = Repair::default();
    for lane in Lane::ALL {
        let mut ward = Ward { disk, directory, description, lane, consent, report: &mut report, ends: Ends::default() };
        ward.lane()?;
    }
    if consent != Consent::No && !report.segments.is_empty() {
        let path = format!("{directory}/aside/report-{}.txt", report.segments.join("+"));
        replace(&**disk, &path, report.text().as_bytes()).map_err(failed("writing the report"))?;
    }
    Ok(report)
}

fn failed(action: &str) -> impl FnOnce(io::Error) -> RepairError {
    let action = action.to_owned();
    move |source| RepairError::Io { action, source }
}

impl Repair {
    /// The report in words.
    pub fn text(&self) -> String {
        let segments = self.segments.iter().map(|name| format!("rewritten: {name}\n"));
        let lost = self.lost.iter().map(|lost| {
            format!(
                "lost: {}/{} offsets {} to {}\n",
                lost.lane,
                lost.partition,
                lost.from.0,
                lost.to.0.saturating_sub(1)
            )
        });
        let cut = self.cut.iter().map(|(name, bytes)| format!("cut: {bytes} bytes at the end of {name}\n"));
        let saved = format!("saved: {} frames of the segments above\n", self.saved);
        segments.chain(lost).chain(cut).chain([saved]).collect()
    }
}

/// Where a lane's partitions stand.
#[derive(Clone, Default)]
struct Ends {
    offsets: Vec<Offset>,
    fences: Vec<Fence>,
    last: Timestamp,
}

/// One lane under repair.
struct Ward<'a> {
    disk: &'a Arc<dyn Disk>,
    directory: &'a str,
    description: Description,
    lane: Lane,
    consent: Consent,
    report: &'a mut Repair,
    ends: Ends,
}

/// One segment as it was found.
struct Patient {
    sequence: u64,
    head: Option<SegmentHead>,
    /// Where every partition stood before it.
    before: Ends,
    found: Vec<Piece>,
    damaged: bool,
}

enum Piece {
    Frame(Box<(FrameHead, RawFrame)>),
    /// Bytes that were no frame.
    Hole(u64),
}

impl Ward<'_> {
    fn lane(&mut self) -> Result<(), RepairError> {
        let partitions = usize::from(self.description.partitions.of(self.lane));
        self.ends = Ends {
            offsets: vec![Offset(0); partitions],
            fences: vec![Fence::default(); partitions],
            last: Timestamp::MIN,
        };
        let damaged = self.damaged()?;
        let scan = LaneScan::new(self.disk.clone(), self.directory, self.description, self.lane)?;
        let mut patient: Option<Patient> = None;
        let mut first = true;
        for found in scan {
            match found {
                Found::Segment { sequence, head } => {
                    if let Some(patient) = patient.take() {
                        self.treat(patient, head.as_ref())?;
                    }
                    if let (Some(head), true) = (&head, std::mem::take(&mut first)) {
                        // Retention may have dropped what was before; that is not lost.
                        self.ends =
                            Ends { offsets: head.starts.clone(), fences: head.fences.clone(), last: head.before };
                    }
                    patient =
                        Some(Patient { sequence, head, before: self.ends.clone(), found: Vec::new(), damaged: false });
                }
                Found::Frame { head, raw, .. } => {
                    let Some(patient) = &mut patient else { continue };
                    self.ends.take(&head);
                    if damaged.contains(&patient.sequence) {
                        patient.found.push(Piece::Frame(Box::new((head, raw))));
                    }
                }
                Found::Bad { position, until, .. } => {
                    let Some(patient) = &mut patient else { continue };
                    patient.damaged = true;
                    patient.found.push(Piece::Hole(until - position));
                    self.ends.fences.iter_mut().for_each(|fence| fence.uncertain = true);
                }
                // Opening the log cuts it.
                Found::Unfinished { .. } => {}
            }
        }
        match patient {
            Some(patient) => self.treat(patient, None),
            None => Ok(()),
        }
    }

    /// The segments that need help: only their frames are worth keeping in memory.
    fn damaged(&self) -> Result<BTreeSet<u64>, RepairError> {
        let scan = LaneScan::new(self.disk.clone(), self.directory, self.description, self.lane)?;
        let bad = |found| if let Found::Bad { sequence, .. } = found { Some(sequence) } else { None };
        Ok(scan.filter_map(bad).collect())
    }

    /// Replaces a damaged segment. `next` is the head of the segment behind it.
    fn treat(&mut self, patient: Patient, next: Option<&SegmentHead>) -> Result<(), RepairError> {
        if let Some(next) = next {
            self.ends = Ends { offsets: next.starts.clone(), fences: next.fences.clone(), last: next.before };
        }
        if !patient.damaged {
            return Ok(());
        }
        let name = segment_name(self.lane, patient.sequence);
        let bytes = self.rewrite(&name, &patient, next);
        self.report.segments.push(name.clone());
        if self.consent == Consent::No {
            return Ok(());
        }
        self.set_aside(&name).map_err(failed(&format!("setting `{name}` aside")))?;
        let path = format!("{}/{name}", self.directory);
        replace(&**self.disk, &path, &bytes).map_err(failed(&format!("rewriting `{name}`")))?;
        // Its checksum would tell that it is of another file, unless both are equally long.
        let _ = self.disk.remove(&sidecar_path(self.directory, &name));
        Ok(())
    }

    /// The new content of a damaged segment.
    fn rewrite(&mut self, name: &str, patient: &Patient, next: Option<&SegmentHead>) -> Vec<u8> {
        let before = &patient.before;
        let head = patient.head.clone().unwrap_or_else(|| SegmentHead {
            lane: self.lane,
            cold: false,
            incarnation: self.description.incarnation,
            sequence: patient.sequence,
            before: before.last,
            starts: before.offsets.clone(),
            fences: before.fences.clone(),
        });
        let mut bytes = head.encode();
        let mut ends = Ends { offsets: head.starts.clone(), fences: head.fences.clone(), last: head.before };
        for (at, piece) in patient.found.iter().enumerate() {
            match piece {
                Piece::Frame(saved) => {
                    let (frame, raw) = &**saved;
                    write(&mut bytes, &head, frame.clone(), raw.frame.body.clone(), &raw.dedup);
                    ends.take(frame);
                    self.report.saved += 1;
                }
                Piece::Hole(length) => {
                    let rest = &patient.found[at + 1..];
                    let after: Option<Vec<Offset>> = resume_at(&ends, rest, next);
                    match after {
                        Some(after) => self.fill(&mut bytes, &head, &mut ends, &after),
                        None => self.report.cut.push((name.to_owned(), *length)),
                    }
                }
            }
        }
        bytes
    }

    /// Writes lost frames from where the partitions stand to `after`.
    fn fill(&mut self, bytes: &mut Vec<u8>, head: &SegmentHead, ends: &mut Ends, after: &[Offset]) {
        for (at, to) in after.iter().enumerate() {
            let partition = PartitionId(at as u16);
            if ends.offsets[at] < *to {
                self.report.lost.push(LostRange { lane: self.lane, partition, from: ends.offsets[at], to: *to });
            }
            while ends.offsets[at] < *to {
                let rows = (to.0 - ends.offsets[at].0).min(u64::from(MAX_ROWS)) as u32;
                // The time of the frame before: there may be no other that is free before the next frame's.
                let frame = lost(self.lane, partition, ends.offsets[at], rows, ends.last);
                write(bytes, head, frame.clone(), Bytes::new(), &[]);
                ends.take(&frame);
            }
        }
    }

    /// Copies a segment to the directory `aside`, unless it is missing.
    fn set_aside(&self, name: &str) -> io::Result<()> {
        let aside = format!("{}/aside", self.directory);
        self.disk.create_directory(&aside)?;
        match read_whole(&**self.disk, &format!("{}/{name}", self.directory), LONGEST_SEGMENT) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(error),
            Ok(content) => {
                let taken = self.disk.list(&aside)?;
                // An earlier copy is never overwritten: it may be the better one.
                let free = (0..=taken.len()).map(|n| format!("{name}.{n}"));
                let name = free.into_iter().find(|name| taken.iter().all(|entry| entry.name != *name));
                let path = format!("{aside}/{}", name.expect("one more name than files"));
                let file = self.disk.create(&path)?;
                file.write_at(0, &mut [IoSlice::new(&content)])?;
                file.sync()?;
                self.disk.sync_directory(&aside)
            }
        }
    }
}

impl Ends {
    fn take(&mut self, frame: &FrameHead) {
        let at = frame.partition.index();
        self.offsets[at] = frame.end();
        self.last = frame.log_time;
        let mut admission = Admission::resume(self.fences[at]);
        if frame.lost {
            admission.lost(frame.rows);
        } else {
            admission.remember(frame.claim.as_ref(), frame.rows, &[], &frame.voided);
        }
        self.fences[at] = admission.fence();
    }
}

/// Where every partition goes on behind a hole; none when nothing is behind it.
fn resume_at(ends: &Ends, rest: &[Piece], next: Option<&SegmentHead>) -> Option<Vec<Offset>> {
    let mut after: Vec<Option<Offset>> = vec![None; ends.offsets.len()];
    let mut another_hole = false;
    for piece in rest {
        match piece {
            Piece::Frame(saved) => {
                let frame = &saved.0;
                let first = &mut after[frame.partition.index()];
                // Behind another hole a partition's first frame says nothing about this one: that hole fills it.
                if first.is_none() && !another_hole {
                    *first = Some(frame.first);
                }
            }
            Piece::Hole(_) => another_hole = true,
        }
    }
    if !another_hole {
        for (after, start) in after.iter_mut().zip(next.map(|next| &next.starts).into_iter().flatten()) {
            after.get_or_insert(*start);
        }
    }
    if after.iter().all(Option::is_none) && !another_hole {
        return None;
    }
    Some(after.into_iter().zip(&ends.offsets).map(|(after, end)| after.unwrap_or(*end)).collect())
}

fn lost(lane: Lane, partition: PartitionId, first: Offset, rows: u32, log_time: Timestamp) -> FrameHead {
    FrameHead {
        lane,
        partition,
        codec: Codec::None,
        stored_len: 0,
        body_len: 0,
        rows,
        hashes: 0,
        body_crc: 0,
        hashes_crc: 0,
        content_crc: 0,
        first,
        log_time,
        claim: None,
        voided: Voided::All,
        lost: true,
        group_start: 0,
    }
}

/// Writes a frame into a new segment.
fn write(bytes: &mut Vec<u8>, segment: &SegmentHead, mut head: FrameHead, body: Bytes, hashes: &[u64]) {
    let (codec, stored) = head.codec.compress(body);
    head.codec = codec;
    head.stored_len = u32::try_from(stored.len()).expect("never longer than the body");
    head.body_crc = crc32c::crc32c(&stored);
    // Everything in a rewritten segment is synced before it gets its name.
    head.group_start = segment.len();
    head.encode(segment.seed(), bytes);
    bytes.extend(encode_hashes(hashes));
    bytes.extend(&stored);
}
