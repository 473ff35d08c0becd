//! Writes one lane: a group of frames in one write and one sync, and a new segment when the last is full.

use std::io::{self, IoSlice};
use std::sync::Arc;

use bytes::Bytes;

use super::format::{FrameHead, SegmentHead};
use super::index::Index;
use super::space::Space;
use super::store::{Active, Store};
use crate::admit::Fence;
use crate::disk::DiskFile;
use crate::ticket::Settle;

/// A frame that is stamped and judged, waiting to be written.
pub(crate) struct Queued {
    pub(crate) head: FrameHead,
    pub(crate) hashes: Vec<u8>,
    pub(crate) stored: Bytes,
    /// The partition's fence after this frame.
    pub(crate) fence: Fence,
    /// Present on the last frame of a submission's part in this lane.
    pub(crate) settle: Option<Settle>,
}

impl Queued {
    /// Bytes it takes in the file.
    pub(crate) fn len(&self) -> usize {
        self.head.head_len() + self.hashes.len() + self.stored.len()
    }
}

/// The only one that writes to a lane's files.
pub(crate) struct Writer {
    store: Arc<Store>,
    file: Arc<dyn DiskFile>,
    segment_bytes: u64,
    seed: u32,
    position: u64,
    /// Where the partitions' fences stand after what was written.
    fences: Vec<Fence>,
    /// Kept between groups, so that a steady load allocates nothing.
    heads: Vec<u8>,
}

impl Writer {
    pub(crate) fn new(store: Arc<Store>, segment_bytes: u64, fences: Vec<Fence>) -> Self {
        let (file, seed, position) =
            store.with_active(|active| (active.file.clone(), active.head.seed(), active.index.end));
        Self { store, file, segment_bytes, seed, position, fences, heads: Vec::new() }
    }

    /// Makes a group of frames durable and readable.
    ///
    /// # Errors
    /// When it is not certain what the disk holds; nothing may be written after that.
    pub(crate) fn commit(&mut self, group: &mut [Queued], space: &Space) -> io::Result<()> {
        if self.position >= self.segment_bytes {
            self.roll()?;
        }
        self.write(group, space)?;
        self.file.sync()?;
        self.position += group.iter().map(|queued| queued.head.len()).sum::<u64>();
        for queued in group.iter() {
            self.fences[queued.head.partition.index()] = queued.fence;
        }
        self.store.with_active(|active| group.iter().for_each(|queued| active.index.push(&queued.head)));
        Ok(())
    }

    fn write(&mut self, group: &mut [Queued], space: &Space) -> io::Result<()> {
        self.heads.clear();
        let mut cuts = Vec::with_capacity(group.len());
        for queued in group.iter_mut() {
            queued.head.group_start = self.position;
            queued.head.encode(self.seed, &mut self.heads);
            cuts.push(queued.head.head_len());
        }
        match self.file.write_at(self.position, &mut self.slices(group, &cuts)) {
            // What was accepted must fit: the reserve is there for that.
            Err(error) if is_full(&error) && space.give_up() => {
                self.file.write_at(self.position, &mut self.slices(group, &cuts))
            }
            written => written,
        }
    }

    fn slices<'a>(&'a self, group: &'a [Queued], cuts: &[usize]) -> Vec<IoSlice<'a>> {
        let mut slices = Vec::with_capacity(group.len() * 3);
        let mut heads = self.heads.as_slice();
        for (queued, cut) in group.iter().zip(cuts) {
            let (head, rest) = heads.split_at(*cut);
            heads = rest;
            let parts = [head, queued.hashes.as_slice(), &queued.stored];
            slices.extend(parts.into_iter().filter(|part| !part.is_empty()).map(IoSlice::new));
        }
        slices
    }

    /// Starts the next segment. All of the last one is durable by now, which recovery relies on.
    fn roll(&mut self) -> io::Result<()> {
        let head = self.store.with_active(|active| SegmentHead {
            sequence: active.head.sequence + 1,
            cold: false,
            before: active.index.last,
            starts: active.index.ends.clone(),
            fences: self.fences.clone(),
            ..SegmentHead::clone(&active.head)
        });
        let active = create_segment(&self.store, head)?;
        self.file = active.file.clone();
        self.seed = active.head.seed();
        self.position = active.index.end;
        self.store.roll(active);
        Ok(())
    }
}

fn create_segment(store: &Store, head: SegmentHead) -> io::Result<Active> {
    create(&*store.disk, &store.directory, head)
}

/// Creates a segment with nothing but its head, durably.
pub(crate) fn create(disk: &dyn crate::disk::Disk, directory: &str, head: SegmentHead) -> io::Result<Active> {
    let file = disk.create(&format!("{directory}/{}", head.name()))?;
    file.write_at(0, &mut [IoSlice::new(&head.encode())])?;
    file.sync()?;
    disk.sync_directory(directory)?;
    let index = Index::new(&head);
    Ok(Active { head: Arc::new(head), file, index })
}

fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}
