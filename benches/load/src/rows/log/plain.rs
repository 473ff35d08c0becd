//! The peer of the log's rows: one plain file, in every honest form that might be the quickest.

use std::fs::File;
use std::io::{IoSlice, Read, Seek, Write};
use std::path::Path;
use std::time::Instant;

use rustix::fs::FallocateFlags;

use super::frames::{Frames, OneFrame};
use super::{Appended, GROUP};
use crate::cpu::cost;

/// Bytes of one vectored write at most: the size of the log's own.
const GROUP_BYTES: usize = 8 << 20;
/// Parts that Linux takes in one vectored write (`IOV_MAX`).
const MOST_PARTS: usize = 1_024;
/// What a file is filled with before the clock starts.
const ZEROS: usize = 1 << 20;

/// How a plain file is written. All of them sync at least every 10 ms and at the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// Two small writes for each frame into a file that grows.
    SmallWrites,
    /// Writes of up to 8 MiB into a file that grows: the pieces that the log writes.
    Groups,
    /// The same into space that was reserved: no block is looked for within a sync.
    Reserved,
    /// The same, the file still growing within the reserved space.
    ReservedBeyond,
    /// The same over zeros that are on the disk already: no sync changes the file's size or extents.
    Overwritten,
}

impl Form {
    pub(super) const ALL: [Self; 5] =
        [Self::SmallWrites, Self::Groups, Self::Reserved, Self::ReservedBeyond, Self::Overwritten];

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::SmallWrites => "growing, two writes a frame",
            Self::Groups => "growing, writes of 8 MiB",
            Self::Reserved => "reserved by fallocate, writes of 8 MiB",
            Self::ReservedBeyond => "reserved by fallocate beyond its end, writes of 8 MiB",
            Self::Overwritten => "over zeros, writes of 8 MiB",
        }
    }

    /// An empty file, prepared.
    fn create(self, path: &Path, bytes: u64) -> anyhow::Result<File> {
        let mut file = File::create(path)?;
        match self {
            Self::SmallWrites | Self::Groups => {}
            Self::Reserved => rustix::fs::fallocate(&file, FallocateFlags::empty(), 0, bytes)?,
            Self::ReservedBeyond => rustix::fs::fallocate(&file, FallocateFlags::KEEP_SIZE, 0, bytes)?,
            Self::Overwritten => {
                std::io::copy(&mut std::io::repeat(0).take(bytes.next_multiple_of(ZEROS as u64)), &mut file)?;
            }
        }
        file.sync_all()?;
        file.rewind()?;
        Ok(file)
    }
}

/// The same bytes, bodies and hashes, with a data sync at least every 10 ms and at the end.
pub(super) fn append(frames: &Frames, form: Form) -> anyhow::Result<Appended> {
    let folder = super::folder()?;
    let mut file = form.create(&folder.path().join("plain"), frames.bytes() as u64)?;
    let (cost, written) = cost(|| match form {
        Form::SmallWrites => small_writes(&mut file, frames),
        _ => groups(&mut file, frames),
    });
    written?;
    Ok(Appended::new(frames.mib(), cost))
}

fn small_writes(file: &mut File, frames: &Frames) -> std::io::Result<()> {
    let mut synced = Instant::now();
    for frame in &frames.all {
        file.write_all(&frame.hashes)?;
        file.write_all(&frame.body)?;
        if synced.elapsed() >= GROUP {
            file.sync_data()?;
            synced = Instant::now();
        }
    }
    file.sync_data()
}

fn groups(file: &mut File, frames: &Frames) -> std::io::Result<()> {
    let mut rest = frames.all.as_slice();
    let mut synced = Instant::now();
    while !rest.is_empty() {
        let (group, later) = rest.split_at(group_of(rest));
        write_group(file, group)?;
        rest = later;
        // 8 MiB take some milliseconds to write, so this is every group or every other.
        if synced.elapsed() >= GROUP {
            file.sync_data()?;
            synced = Instant::now();
        }
    }
    file.sync_data()
}

/// How many frames make the next group: at least one.
fn group_of(frames: &[OneFrame]) -> usize {
    let mut bytes = 0;
    let fits = frames.iter().take(MOST_PARTS / 2).take_while(|frame| {
        bytes += frame.hashes.len() + frame.body.len();
        bytes <= GROUP_BYTES
    });
    fits.count().max(1)
}

fn write_group(file: &mut File, group: &[OneFrame]) -> std::io::Result<()> {
    let parts = group.iter().flat_map(|frame| [frame.hashes.as_slice(), &frame.body]);
    let mut slices: Vec<IoSlice<'_>> = parts.filter(|part| !part.is_empty()).map(IoSlice::new).collect();
    let mut left = slices.as_mut_slice();
    while !left.is_empty() {
        let written = file.write_vectored(left)?;
        if written == 0 {
            return Err(std::io::ErrorKind::WriteZero.into());
        }
        IoSlice::advance_slices(&mut left, written);
    }
    Ok(())
}

/// Sizes of a plain reader's buffer that are tried: in the processor's caches, and as large as the log's.
pub(super) const BUFFERS: [usize; 3] = [256 << 10, 1 << 20, 8 << 20];

/// A file of the bodies, and their checksums.
pub(super) struct Plain {
    file: std::path::PathBuf,
    pieces: Vec<(usize, u32)>,
    rows: u64,
}

impl Plain {
    /// Writes the file in large pieces: Linux then keeps it in large pieces, which are quicker to copy from than those
    /// that many small writes leave.
    pub(super) fn new(folder: &Path, frames: &Frames) -> anyhow::Result<Self> {
        let path = folder.join("plain-bodies");
        let mut file = File::create(&path)?;
        groups(&mut file, &frames.without_hashes())?;
        let pieces = frames.all.iter().map(|frame| (frame.body.len(), crc32c::crc32c(&frame.body))).collect();
        Ok(Self { file: path, pieces, rows: frames.rows })
    }

    /// Reads it with the same checksum over the same pieces; records per CPU-second.
    pub(super) fn read(&self, buffer: usize) -> anyhow::Result<f64> {
        let (cost, sound) = cost(|| self.check(buffer));
        anyhow::ensure!(sound?, "the plain file reads back differently");
        Ok(self.rows as f64 / cost.cpu.as_secs_f64())
    }

    fn check(&self, size: usize) -> std::io::Result<bool> {
        let longest = self.pieces.iter().map(|(length, _)| *length).max().unwrap_or(0);
        let mut buffer = vec![0; size.max(longest)];
        let mut file = File::open(&self.file)?;
        let (mut rest, mut sound) = (self.pieces.as_slice(), true);
        while !rest.is_empty() {
            let mut filled = 0;
            let fits = rest.iter().take_while(|(length, _)| {
                let fits = filled + length <= buffer.len();
                filled += if fits { *length } else { 0 };
                fits
            });
            let (now, later) = rest.split_at(fits.count());
            rest = later;
            file.read_exact(&mut buffer[..filled])?;
            let mut at = 0;
            for (length, sum) in now {
                sound &= crc32c::crc32c(&buffer[at..at + length]) == *sum;
                at += length;
            }
        }
        Ok(sound)
    }
}
