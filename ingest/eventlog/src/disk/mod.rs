//! Files as the log, snapshots and keys need them: real ones, and simulated ones that crash on demand.

mod real;
mod sim;

use std::io::{self, IoSlice};
use std::sync::Arc;

pub use real::RealDisk;
pub use sim::{SimDisk, SimOp, SimOptions};

/// A tree of files under one root. Paths are relative, with `/` between names.
///
/// # Guarantees
/// What [`DiskFile::sync`] and [`Disk::sync_directory`] have returned for survives a loss of power.
///
/// # Not guaranteed
/// Without a sync nothing survives, in any order: later writes may be there without earlier ones, and a new, renamed
/// or removed name may be back to what it was. After a *failed* sync nobody knows what is on the disk, and asking
/// again does not help: stop writing.
pub trait Disk: Send + Sync + 'static {
    /// Creates an empty file.
    ///
    /// # Errors
    /// When the name is taken, or the disk fails.
    fn create(&self, path: &str) -> io::Result<Arc<dyn DiskFile>>;

    /// Opens a file for reading and writing.
    ///
    /// # Errors
    /// When there is none, or the disk fails.
    fn open(&self, path: &str) -> io::Result<Arc<dyn DiskFile>>;

    /// Renames a file, replacing what has the new name in one step. Open files stay usable.
    ///
    /// # Errors
    /// When there is none, or the disk fails.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;

    /// Removes a file. Open files stay usable.
    ///
    /// # Errors
    /// When there is none, or the disk fails.
    fn remove(&self, path: &str) -> io::Result<()>;

    /// Lists the files (not the directories) of a directory by name; none when it does not exist.
    ///
    /// # Errors
    /// When the disk fails.
    fn list(&self, directory: &str) -> io::Result<Vec<DiskEntry>>;

    /// Creates a directory and those above it; fine when it exists.
    ///
    /// # Errors
    /// When the disk fails.
    fn create_directory(&self, directory: &str) -> io::Result<()>;

    /// Makes names created, renamed or removed in a directory durable.
    ///
    /// # Errors
    /// When the disk fails.
    fn sync_directory(&self, directory: &str) -> io::Result<()>;

    /// Returns how many bytes may still be written.
    ///
    /// # Errors
    /// When the disk does not say.
    fn free_bytes(&self) -> io::Result<u64>;

    /// Takes an exclusive lock that ends with the returned value, or with the process.
    ///
    /// # Errors
    /// When somebody holds it, or the disk fails.
    fn lock(&self, path: &str) -> Result<DiskLock, LockError>;
}

/// One open file. All methods may be called from several threads.
pub trait DiskFile: Send + Sync {
    /// Returns its length in bytes.
    ///
    /// # Errors
    /// When the disk fails.
    fn len(&self) -> io::Result<u64>;

    /// Returns whether it has no bytes.
    ///
    /// # Errors
    /// When the disk fails.
    fn is_empty(&self) -> io::Result<bool> {
        Ok(self.len()? == 0)
    }

    /// Writes all parts one after the other at `position`, in as few calls as possible.
    ///
    /// # Errors
    /// When not everything could be written; some of it may have been.
    fn write_at(&self, position: u64, parts: &mut [IoSlice<'_>]) -> io::Result<()>;

    /// Reads up to `length` bytes at `position` to the end of `into`; fewer only at the end of the file.
    ///
    /// # Errors
    /// When the disk fails.
    fn read_at(&self, position: u64, length: usize, into: &mut Vec<u8>) -> io::Result<usize>;

    /// Makes everything written so far durable.
    ///
    /// # Errors
    /// See [`Disk`]: after a failed sync, stop writing.
    fn sync(&self) -> io::Result<()>;

    /// Cuts the file to `length` bytes, or extends it with zeros.
    ///
    /// # Errors
    /// When the disk fails.
    fn truncate(&self, length: u64) -> io::Result<()>;

    /// Takes `length` bytes of space for the file, whatever is written later.
    ///
    /// # Errors
    /// When there is not enough space.
    fn allocate(&self, length: u64) -> io::Result<()>;
}

/// A file in a directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DiskEntry {
    /// Its name, without the directory.
    pub name: String,
    /// Its length in bytes.
    pub bytes: u64,
}

/// Holds a lock until it is dropped.
pub struct DiskLock {
    #[expect(dead_code, reason = "held for its drop")]
    held: Box<dyn Send + Sync>,
}

impl DiskLock {
    /// Wraps whatever releases the lock when it is dropped.
    pub fn new(held: impl Send + Sync + 'static) -> Self {
        Self { held: Box::new(held) }
    }
}

impl std::fmt::Debug for DiskLock {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("DiskLock")
    }
}

/// Why a lock was not taken.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another process, or another part of this one, holds it.
    #[error("`{path}` is locked by {}", holder(*.pid))]
    Held {
        /// The lock file.
        path: String,
        /// The holder's process id, where it is known.
        pid: Option<u32>,
    },
    /// The disk failed.
    #[error("locking `{path}`: {source}")]
    Io {
        /// The lock file.
        path: String,
        /// The system's error.
        source: io::Error,
    },
}

fn holder(pid: Option<u32>) -> String {
    match pid {
        Some(pid) => format!("process {pid}: is Eventra already running on this directory?"),
        None => "another process: is Eventra already running on this directory?".to_owned(),
    }
}

/// The directory part of a path; empty for a name at the root.
pub fn parent(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(directory, _)| directory)
}

/// Replaces a small file in one step: whoever reads it finds the old content or the new one, also after a crash.
///
/// # Errors
/// When the disk fails; then the old content is still there.
pub fn replace(disk: &dyn Disk, path: &str, content: &[u8]) -> io::Result<()> {
    let draft = format!("{path}.tmp");
    match disk.remove(&draft) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let file = disk.create(&draft)?;
    file.write_at(0, &mut [IoSlice::new(content)])?;
    // Before the rename: otherwise the new name could survive a crash with the content lost.
    file.sync()?;
    disk.rename(&draft, path)?;
    disk.sync_directory(parent(path))
}

/// Reads a whole file of at most `limit` bytes.
///
/// # Errors
/// When there is none, it is longer, or the disk fails.
pub fn read_whole(disk: &dyn Disk, path: &str, limit: usize) -> io::Result<Vec<u8>> {
    let file = disk.open(path)?;
    let length = usize::try_from(file.len()?).unwrap_or(usize::MAX);
    if length > limit {
        return Err(io::Error::new(
            io::ErrorKind::InvalidData,
            format!("`{path}` has {length} bytes, at most {limit} expected"),
        ));
    }
    let mut content = Vec::with_capacity(length);
    file.read_at(0, length, &mut content)?;
    Ok(content)
}
