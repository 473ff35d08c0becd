//! Space: activity is refused in time, and facts have a reserve.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};

use parking_lot::Mutex;
use tracing::{info, warn};

use super::options::FileOptions;
use crate::disk::Disk;
use crate::lane::Lane;

const NAME: &str = "reserve";

/// What is accepted.
const ALL: u8 = 0;
const NO_ACTIVITY: u8 = 1;
const NOTHING: u8 = 2;

/// Watches the free space of the log's disk and holds the reserve.
pub(crate) struct Space {
    disk: Arc<dyn Disk>,
    path: String,
    directory: String,
    reserve: u64,
    low_water: u64,
    level: AtomicU8,
    free: AtomicU64,
    held: Mutex<bool>,
}

impl Space {
    pub(crate) fn new(disk: Arc<dyn Disk>, options: &FileOptions) -> io::Result<Self> {
        let path = format!("{}/{NAME}", options.directory);
        let entries = disk.list(&options.directory)?;
        let held = entries.iter().any(|entry| entry.name == NAME && entry.bytes >= options.reserve_bytes);
        let partial = !held && entries.iter().any(|entry| entry.name == NAME);
        if partial {
            disk.remove(&path)?;
        }
        let space = Self {
            disk,
            path,
            directory: options.directory.clone(),
            reserve: options.reserve_bytes,
            low_water: options.low_water,
            level: AtomicU8::new(ALL),
            free: AtomicU64::new(0),
            held: Mutex::new(held || options.reserve_bytes == 0),
        };
        space.refresh();
        Ok(space)
    }

    /// Free bytes when they were last counted.
    pub(crate) fn free(&self) -> u64 {
        self.free.load(Ordering::Relaxed)
    }

    /// Whether the reserve is in place.
    pub(crate) fn held(&self) -> bool {
        self.reserve > 0 && *self.held.lock()
    }

    /// Whether `lane` may append; looks again before it says no.
    pub(crate) fn admits(&self, lane: Lane) -> bool {
        let refused = |level| level == NOTHING || (level == NO_ACTIVITY && lane == Lane::Activity);
        if refused(self.level.load(Ordering::Relaxed)) {
            self.refresh();
        }
        !refused(self.level.load(Ordering::Relaxed))
    }

    /// Counts the free space and acts on it: cheap, once per group commit.
    pub(crate) fn refresh(&self) {
        let mut held = self.held.lock();
        let mut free = self.count();
        if *held && self.reserve > 0 && free < self.low_water / 2 {
            *held = !self.release();
            free = self.count();
        } else if !*held && free >= self.reserve.saturating_add(self.low_water).saturating_add(self.low_water / 4) {
            *held = self.make();
            free = self.count();
        }
        let level = match () {
            () if *held && free >= self.low_water => ALL,
            () if free >= self.low_water / 4 => NO_ACTIVITY,
            () => NOTHING,
        };
        let before = self.level.swap(level, Ordering::Relaxed);
        if before != level {
            warn!(free, level, "space for the log changed (0 all, 1 no activity, 2 nothing accepted)");
        }
    }

    /// Gives the reserve up because a write found the disk full. Whether there was one.
    pub(crate) fn give_up(&self) -> bool {
        let mut held = self.held.lock();
        let released = *held && self.reserve > 0 && self.release();
        if released {
            *held = false;
        }
        self.level.store(NO_ACTIVITY, Ordering::Relaxed);
        released
    }

    fn count(&self) -> u64 {
        // A disk that does not say how full it is will say so when it is.
        let free = self.disk.free_bytes().unwrap_or(u64::MAX);
        self.free.store(free, Ordering::Relaxed);
        free
    }

    fn release(&self) -> bool {
        let released = self.disk.remove(&self.path).and_then(|()| self.disk.sync_directory(&self.directory));
        match released {
            Ok(()) => warn!(bytes = self.reserve, "space reserve released for facts"),
            Err(ref error) => warn!(%error, "space reserve could not be released"),
        }
        released.is_ok()
    }

    fn make(&self) -> bool {
        let made = self.disk.create(&self.path).and_then(|file| file.allocate(self.reserve));
        match made {
            Ok(()) => info!(bytes = self.reserve, "space reserve in place"),
            Err(ref error) => {
                warn!(%error, "space reserve could not be made");
                // A partial reserve would only make the disk fuller; if it cannot be removed, the next start does.
                let _ = self.disk.remove(&self.path);
            }
        }
        made.is_ok()
    }
}
