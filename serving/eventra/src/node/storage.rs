//! The directory on disk: opens the log under its lock, the same way for the process and for offline commands.

use std::path::Path;
use std::sync::Arc;

use anyhow::Context as _;
use eventlog::clock::{Clock, SystemClock};
use eventlog::disk::{Disk, RealDisk};
use eventlog::{FileLog, FileOptions, Incarnation, OpenError, Partitions};

use crate::settings::Settings;

/// The clock of the binary.
pub(crate) fn clock() -> Arc<dyn Clock> {
    Arc::new(SystemClock)
}

/// The data directory as a disk.
///
/// # Errors
/// When it cannot be made.
pub(crate) fn disk(data_dir: &Path) -> anyhow::Result<Arc<dyn Disk>> {
    make_private(data_dir).with_context(|| format!("making `{}`", data_dir.display()))?;
    let disk = RealDisk::new(data_dir).with_context(|| format!("opening `{}`", data_dir.display()))?;
    Ok(Arc::new(disk))
}

/// Makes the directory for its owner only: keys and pseudonyms lie there.
fn make_private(data_dir: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::DirBuilderExt as _;
    if data_dir.is_dir() {
        return Ok(());
    }
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(data_dir)
}

/// Opens the log; holds the directory's lock as long as the log lives.
///
/// # Errors
/// When another process holds it (says which), or the log is damaged (says where and what to do).
pub(crate) fn open_log(settings: &Settings, disk: Arc<dyn Disk>) -> anyhow::Result<FileLog> {
    let count = u16::try_from(settings.partitions.0).context("a log has at most 64 partitions")?;
    let asked = Partitions { facts: count, activity: count, ..Partitions::default() };
    let options = |partitions| FileOptions {
        incarnation: Incarnation { id: rand::random(), ordinal: 0 },
        partitions,
        ..FileOptions::default()
    };
    let opened = match FileLog::open(Arc::clone(&disk), SystemClock, options(asked)) {
        // A log keeps the number that it was made with.
        Err(OpenError::Partitions { found, .. }) => FileLog::open(disk, SystemClock, options(found)),
        opened => opened,
    };
    opened.map_err(|error| {
        // Whoever is merely not alone there has nothing to look into.
        let closer = if matches!(error, OpenError::Locked(_)) { "" } else { " (`eventra log verify` looks closer)" };
        anyhow::Error::new(error).context(format!("opening the log in `{}`{closer}", settings.data_dir.display()))
    })
}
