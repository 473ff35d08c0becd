//! What `eventra log inspect | verify | export | repair` do, as functions on a disk.
//!
//! Inspecting, verifying and exporting take no lock and change nothing, so they also work beside a running log; they
//! then see what was durable when they looked. Repair takes the lock.

mod export;
mod inspect;
mod repair;
mod scan;
mod verify;

pub use export::{Export, export};
pub use inspect::{Inspection, LaneInspection, PartitionInspection, SegmentInspection, inspect};
pub use repair::{Consent, LostRange, Repair, RepairError, repair};
pub use scan::Problem;
pub use verify::{Verification, verify};

use std::io;

use crate::disk::Disk;
use crate::file::{Description, OpenError};

/// Why a log could not be looked at.
#[derive(Debug, thiserror::Error)]
pub enum ToolError {
    /// There is no log there.
    #[error("there is no log in `{directory}`")]
    NoLog {
        /// The directory.
        directory: String,
    },
    /// Its description is damaged.
    #[error(transparent)]
    Description(#[from] OpenError),
    /// The disk failed.
    #[error("{action}: {source}")]
    Io {
        /// What was being done.
        action: String,
        /// The system's error.
        source: io::Error,
    },
}

fn describe(disk: &dyn Disk, directory: &str) -> Result<Description, ToolError> {
    Description::read(disk, directory)?.ok_or_else(|| ToolError::NoLog { directory: directory.to_owned() })
}

fn listing(disk: &dyn Disk, directory: &str) -> Result<Vec<crate::disk::DiskEntry>, ToolError> {
    disk.list(directory).map_err(|source| ToolError::Io { action: format!("listing `{directory}`"), source })
}
