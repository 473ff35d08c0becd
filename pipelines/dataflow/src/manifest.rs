//! A manifest: everything that is needed to go on after an epoch, and where the bins are.
//!
//! Bytes: magic, length and JSON, length and bytes of the rulebook, CRC-32C of all before.

use std::io;
use std::sync::Arc;

use eventlog::Incarnation;
use eventlog::disk::{Disk, read_whole, replace};
use records::hash::Bin;
use serde::{Deserialize, Serialize};
use views::as_of::AsOf;

use crate::cursors::Cursors;
use crate::epoch::EpochEnd;

/// What every manifest begins with; the last byte is the version of its layout.
const MAGIC: &[u8; 8] = b"EVNTMAN\x01";
/// The largest manifest that is read: the rules of many organizations with ten thousand items each.
const BYTES_MAX: usize = 1 << 30;
const PREFIX: &str = "manifest-";

/// Where everything is, as of the end of one epoch.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Manifest {
    /// The version of the hash that put keys into bins.
    pub(crate) hash_version: u16,
    pub(crate) incarnation_id: u64,
    pub(crate) incarnation_ordinal: u32,
    pub(crate) end: EpochEnd,
    pub(crate) cursors: Cursors,
    /// The outbox's position after the landing epoch.
    pub(crate) outbox: u64,
    /// The files that hold bins, by name.
    pub(crate) files: Vec<String>,
    pub(crate) views: Vec<ViewBins>,
    #[serde(skip)]
    pub(crate) rulebook: Vec<u8>,
}

/// The bins of one view. A bin that is not listed is empty.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct ViewBins {
    pub(crate) name: String,
    pub(crate) version: u32,
    pub(crate) bins: Vec<BinPlace>,
    /// Present when the view was set aside: its bins are of an earlier epoch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) stopped: Option<Stopped>,
}

/// How far a view has come that stands still.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Stopped {
    /// The first epoch that it takes no part in.
    pub(crate) since: u64,
    /// What its bins reflect.
    pub(crate) as_of: AsOf,
    pub(crate) why: Arc<str>,
}

/// Where the bytes of a bin are: bin, file, offset, length, CRC-32C.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct BinPlace(pub(crate) Bin, pub(crate) u32, pub(crate) u64, pub(crate) u32, pub(crate) u32);

/// Why a manifest cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ManifestError {
    /// The disk failed.
    #[error("reading: {0}")]
    Disk(#[from] io::Error),
    /// The bytes are not what was written.
    #[error("damaged")]
    Damaged,
}

impl Manifest {
    /// What its state reflects.
    pub(crate) fn as_of(&self) -> AsOf {
        let offsets = self.cursors.partition_ends().collect();
        AsOf { epoch: self.end.epoch, incarnation: self.incarnation_id, log_time: self.end.bound, offsets }
    }

    pub(crate) fn incarnation(&self) -> Incarnation {
        Incarnation { id: self.incarnation_id, ordinal: self.incarnation_ordinal }
    }

    fn encode(&self) -> Vec<u8> {
        let json = serde_json::to_vec(self).expect("a manifest has text keys only");
        let mut bytes = MAGIC.to_vec();
        for part in [&json, &self.rulebook] {
            bytes.extend((part.len() as u64).to_le_bytes());
            bytes.extend(part);
        }
        bytes.extend(crc32c::crc32c(&bytes).to_le_bytes());
        bytes
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let (content, crc) = bytes.split_last_chunk::<4>()?;
        if crc32c::crc32c(content) != u32::from_le_bytes(*crc) {
            return None;
        }
        let (json, rest) = part(content.strip_prefix(MAGIC)?)?;
        let (rulebook, rest) = part(rest)?;
        let manifest: Self = serde_json::from_slice(json).ok()?;
        rest.is_empty().then(|| Self { rulebook: rulebook.to_vec(), ..manifest })
    }

    /// Writes it beside the others; it is durable and complete on return, or not there at all.
    pub(crate) fn write(&self, disk: &dyn Disk, directory: &str) -> io::Result<()> {
        replace(disk, &path(directory, self.end.epoch), &self.encode())
    }

    pub(crate) fn read(disk: &dyn Disk, directory: &str, epoch: u64) -> Result<Self, ManifestError> {
        let bytes = read_whole(disk, &path(directory, epoch), BYTES_MAX)?;
        Self::decode(&bytes).ok_or(ManifestError::Damaged)
    }

    pub(crate) fn remove(disk: &dyn Disk, directory: &str, epoch: u64) -> io::Result<()> {
        disk.remove(&path(directory, epoch))
    }
}

fn part(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<8>()?;
    rest.split_at_checked(usize::try_from(u64::from_le_bytes(*length)).ok()?)
}

fn path(directory: &str, epoch: u64) -> String {
    format!("{directory}/{PREFIX}{epoch:020}")
}

/// The epochs that have a manifest, the newest first.
pub(crate) fn list(disk: &dyn Disk, directory: &str) -> io::Result<Vec<u64>> {
    let entries = disk.list(directory)?;
    // A draft ends with `.tmp` and is no number.
    let mut epochs: Vec<u64> =
        entries.iter().filter_map(|entry| entry.name.strip_prefix(PREFIX)?.parse().ok()).collect();
    epochs.sort_unstable_by(|a, b| b.cmp(a));
    Ok(epochs)
}
