//! The machine's file system.

use std::fs::{File, OpenOptions};
use std::io::{self, IoSlice, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::{FallocateFlags, FlockOperation};

use super::{Disk, DiskEntry, DiskFile, DiskLock, LockError};

/// What Linux takes in one vectored write (`IOV_MAX`).
const MOST_PARTS: usize = 1024;

/// Files under one directory of the machine.
#[derive(Debug, Clone)]
pub struct RealDisk {
    root: PathBuf,
}

impl RealDisk {
    /// Uses `root`, and creates it when it does not exist.
    ///
    /// # Errors
    /// When it cannot be created.
    pub fn new(root: impl Into<PathBuf>) -> io::Result<Self> {
        let root = root.into();
        std::fs::create_dir_all(&root)?;
        Ok(Self { root })
    }

    /// The directory.
    pub fn root(&self) -> &Path {
        &self.root
    }

    fn at(&self, path: &str) -> PathBuf {
        debug_assert!(!path.starts_with('/') && !path.split('/').any(|part| part == ".."), "paths stay under the root");
        self.root.join(path)
    }
}

impl Disk for RealDisk {
    fn create(&self, path: &str) -> io::Result<Arc<dyn DiskFile>> {
        let file = OpenOptions::new().read(true).write(true).create_new(true).open(self.at(path))?;
        Ok(Arc::new(RealFile(file)))
    }

    fn open(&self, path: &str) -> io::Result<Arc<dyn DiskFile>> {
        let path = self.at(path);
        let file = match OpenOptions::new().read(true).write(true).open(&path) {
            // Reading must work on a read-only disk: that is when one wants to look at it.
            Err(error)
                if matches!(error.kind(), io::ErrorKind::ReadOnlyFilesystem | io::ErrorKind::PermissionDenied) =>
            {
                File::open(&path)?
            }
            opened => opened?,
        };
        Ok(Arc::new(RealFile(file)))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        std::fs::rename(self.at(from), self.at(to))
    }

    fn remove(&self, path: &str) -> io::Result<()> {
        std::fs::remove_file(self.at(path))
    }

    fn list(&self, directory: &str) -> io::Result<Vec<DiskEntry>> {
        let mut entries = Vec::new();
        let listing = match std::fs::read_dir(self.at(directory)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(entries),
            listing => listing?,
        };
        for entry in listing {
            let entry = entry?;
            let meta = entry.metadata()?;
            if meta.is_file() {
                entries.push(DiskEntry { name: entry.file_name().to_string_lossy().into_owned(), bytes: meta.len() });
            }
        }
        entries.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(entries)
    }

    fn create_directory(&self, directory: &str) -> io::Result<()> {
        std::fs::create_dir_all(self.at(directory))?;
        // The directory's own name must survive too, up to the root.
        let mut above = directory;
        while !above.is_empty() {
            above = super::parent(above);
            self.sync_directory(above)?;
        }
        Ok(())
    }

    fn sync_directory(&self, directory: &str) -> io::Result<()> {
        File::open(self.at(directory))?.sync_all()
    }

    fn free_bytes(&self) -> io::Result<u64> {
        let stat = rustix::fs::statvfs(&self.root)?;
        Ok(stat.f_bavail.saturating_mul(stat.f_frsize))
    }

    fn lock(&self, path: &str) -> Result<DiskLock, LockError> {
        let io = |source| LockError::Io { path: path.to_owned(), source };
        let full = self.at(path);
        let mut file =
            OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&full).map_err(io)?;
        match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(rustix::io::Errno::WOULDBLOCK) => {
                let pid = std::fs::read_to_string(&full).ok().and_then(|text| text.trim().parse().ok());
                return Err(LockError::Held { path: path.to_owned(), pid });
            }
            Err(error) => return Err(io(error.into())),
        }
        file.set_len(0).map_err(io)?;
        writeln!(file, "{}", std::process::id()).map_err(io)?;
        Ok(DiskLock::new(file))
    }
}

struct RealFile(File);

impl DiskFile for RealFile {
    fn len(&self) -> io::Result<u64> {
        Ok(self.0.metadata()?.len())
    }

    fn write_at(&self, mut position: u64, parts: &mut [IoSlice<'_>]) -> io::Result<()> {
        let mut parts = parts;
        // Drops leading empty parts, which would read as "nothing could be written".
        IoSlice::advance_slices(&mut parts, 0);
        while !parts.is_empty() {
            let some = parts.len().min(MOST_PARTS);
            match rustix::io::pwritev(&self.0, &parts[..some], position) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => {
                    position += written as u64;
                    IoSlice::advance_slices(&mut parts, written);
                }
                Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    fn read_at(&self, position: u64, length: usize, into: &mut Vec<u8>) -> io::Result<usize> {
        let start = into.len();
        into.reserve_exact(length);
        while into.len() - start < length {
            let done = into.len() - start;
            // Into spare capacity, so that nobody zeroes what is about to be overwritten. The vector may have more
            // room than was asked for, so what is too much is cut off again.
            match rustix::io::pread(&self.0, rustix::buffer::spare_capacity(into), position + done as u64) {
                Ok(0) => break,
                Ok(_) => into.truncate(start + length),
                Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(into.len() - start)
    }

    fn sync(&self) -> io::Result<()> {
        self.0.sync_data()
    }

    fn truncate(&self, length: u64) -> io::Result<()> {
        self.0.set_len(length)
    }

    fn allocate(&self, length: u64) -> io::Result<()> {
        match rustix::fs::fallocate(&self.0, FallocateFlags::empty(), 0, length) {
            Err(rustix::io::Errno::OPNOTSUPP) => write_zeros(&self.0, length),
            result => Ok(result?),
        }
    }
}

/// For file systems that cannot reserve space: takes it by writing.
fn write_zeros(mut file: &File, length: u64) -> io::Result<()> {
    let zeros = vec![0; 1 << 20];
    let mut left = length;
    while left > 0 {
        let some = left.min(zeros.len() as u64);
        file.write_all(&zeros[..usize::try_from(some).expect("at most a megabyte")])?;
        left -= some;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_beyond_the_system_limit_are_written_in_order() {
        let directory = tempfile::tempdir().unwrap();
        let disk = RealDisk::new(directory.path()).unwrap();
        let file = disk.create("many").unwrap();
        let bytes: Vec<[u8; 2]> = (0..3000u16).map(u16::to_le_bytes).collect();
        let mut parts: Vec<_> = bytes.iter().map(|part| IoSlice::new(part)).collect();
        parts.insert(0, IoSlice::new(b""));
        file.write_at(5, &mut parts).unwrap();
        let mut read = Vec::new();
        assert_eq!(file.read_at(5, 10_000, &mut read).unwrap(), 6000);
        assert_eq!(read, bytes.concat());
        let mut some = vec![9];
        assert_eq!(file.read_at(7, 2, &mut some).unwrap(), 2);
        assert_eq!(some, [9, 1, 0]);
    }

    #[test]
    fn a_second_lock_names_the_holder() {
        let directory = tempfile::tempdir().unwrap();
        let disk = RealDisk::new(directory.path()).unwrap();
        let held = disk.lock("LOCK").unwrap();
        let refused = disk.lock("LOCK").unwrap_err();
        assert!(matches!(refused, LockError::Held { pid: Some(pid), .. } if pid == std::process::id()));
        drop(held);
        disk.lock("LOCK").unwrap();
    }

    #[test]
    fn space_can_be_reserved() {
        let directory = tempfile::tempdir().unwrap();
        let disk = RealDisk::new(directory.path()).unwrap();
        disk.create_directory("a/b").unwrap();
        disk.create("a/b/reserve").unwrap().allocate(1 << 20).unwrap();
        assert_eq!(disk.list("a/b").unwrap(), [DiskEntry { name: "reserve".into(), bytes: 1 << 20 }]);
        assert!(disk.list("a").unwrap().is_empty() && disk.list("nowhere").unwrap().is_empty());
    }
}
