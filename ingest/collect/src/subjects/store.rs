//! The slots as a file: appended in batches, synced before the records that need them, zeroed in place.

use std::io::{self, IoSlice};
use std::sync::Arc;

use eventlog::disk::{Disk, DiskFile};

use super::slot::{Damaged, SLOT_BYTES, Slot};

/// The file of the slots.
pub const KEYS_FILE: &str = "subjects.keys";

const MAGIC: &[u8; 16] = b"EVENTRA-KEYS-01\0";
/// Slots read at once at start: 2 MiB.
const READ_SLOTS: usize = 16_384;

/// Slot `n` (from 1) lies at `n * SLOT_BYTES`; the place of slot 0 holds the file's name.
pub(crate) struct Store {
    file: Arc<dyn DiskFile>,
}

impl Store {
    /// Returns whether a store was begun on this disk.
    pub(crate) fn exists(disk: &dyn Disk) -> io::Result<bool> {
        Ok(disk.list("")?.iter().any(|entry| entry.name == KEYS_FILE && entry.bytes > 0))
    }

    /// Opens or begins the file, and gives every slot in order to `take`. Returns it with the next free number.
    pub(crate) fn open(disk: &dyn Disk, mut take: impl FnMut(u64, Result<Slot, Damaged>)) -> io::Result<(Self, u64)> {
        let file = match disk.open(KEYS_FILE) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => disk.create(KEYS_FILE)?,
            opened => opened?,
        };
        let store = Self { file };
        let length = store.file.len()?;
        if length < SLOT_BYTES as u64 {
            store.begin(disk)?;
            return Ok((store, 1));
        }
        let mut head = Vec::new();
        store.file.read_at(0, MAGIC.len(), &mut head)?;
        // A head of zeros is a first start that was cut off before its sync; nothing can follow it.
        if head != MAGIC {
            if length == SLOT_BYTES as u64 && head.iter().all(|byte| *byte == 0) {
                store.begin(disk)?;
                return Ok((store, 1));
            }
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                format!("`{KEYS_FILE}` is not a key store of this version"),
            ));
        }
        let slots = length.div_ceil(SLOT_BYTES as u64);
        store.scan(slots, &mut take)?;
        Ok((store, slots))
    }

    fn begin(&self, disk: &dyn Disk) -> io::Result<()> {
        let mut head = [0; SLOT_BYTES];
        head[..MAGIC.len()].copy_from_slice(MAGIC);
        self.file.write_at(0, &mut [IoSlice::new(&head)])?;
        self.file.sync()?;
        disk.sync_directory("")
    }

    fn scan(&self, slots: u64, take: &mut impl FnMut(u64, Result<Slot, Damaged>)) -> io::Result<()> {
        let mut number = 1;
        let mut bytes = Vec::new();
        while number < slots {
            bytes.clear();
            let read = self.file.read_at(number * SLOT_BYTES as u64, READ_SLOTS * SLOT_BYTES, &mut bytes)?;
            if read == 0 {
                break;
            }
            for chunk in bytes.chunks(SLOT_BYTES) {
                // The last chunk may be short after a crash.
                take(number, chunk.try_into().map_or(Err(Damaged), Slot::decode));
                number += 1;
            }
        }
        Ok(())
    }

    /// Writes slots that follow each other from `first` on. Durable only after [`Store::sync`].
    pub(crate) fn append(&self, first: u64, slots: &[u8]) -> io::Result<()> {
        debug_assert!(first > 0 && slots.len().is_multiple_of(SLOT_BYTES), "whole slots after the head");
        self.file.write_at(first * SLOT_BYTES as u64, &mut [IoSlice::new(slots)])
    }

    /// Overwrites a slot with zeros.
    pub(crate) fn zero(&self, number: u64) -> io::Result<()> {
        self.append(number, &[0; SLOT_BYTES])
    }

    pub(crate) fn sync(&self) -> io::Result<()> {
        self.file.sync()
    }
}
