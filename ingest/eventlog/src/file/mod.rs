//! The embedded log: files on one disk, one process, group commit.
//!
//! The bytes are described in [`mod@format`]. Three things are worth knowing:
//!
//! * **Who waits for whom.** A submission is checksummed and compressed in its own thread, judged under the locks of its
//!   partitions, stamped under the log's lock, then written by its lane's thread. Facts never wait for activity's
//!   deduplication, compression, write or sync.
//! * **A failed write poisons the log.** After a failed sync nobody knows what the disk holds, and trying again does
//!   not tell. Appends fail until the log is opened again; reads go on.
//! * **Recovery** reads the last segment of each lane completely, and the hashes of the last 2^20 rows of each partition.

mod cold;
mod describe;
pub mod format;
mod index;
mod options;
mod recover;
mod sequence;
mod space;
mod store;
mod walk;
mod writer;

use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use parking_lot::Mutex;
use records::time::Timestamp;

pub use self::cold::Recompressed;
pub(crate) use self::describe::Description;
pub use self::options::{FileOptions, OpenError, Writers};
pub(crate) use self::recover::{read_head, segments, sidecar_path};
use self::sequence::Core;
use self::space::Space;
use self::store::Store;
pub(crate) use self::walk::{Fault, STREAM, Walker};
use self::writer::Writer;
use crate::clock::Clock;
use crate::disk::{Disk, DiskLock};
use crate::error::{AppendError, ReadError, TruncateError};
use crate::frame::{Frame, NewFrame, RawFrame};
use crate::lane::{Lane, Offset, PartitionId};
use crate::log::{Durability, EventLog, LaneStatus, LogIdentity, LogStatus, ReadLimits};
use crate::ticket::Ticket;

/// The lock file in the log's directory.
pub(crate) const LOCK: &str = "LOCK";

/// A log in files. Dropping it writes what is queued and releases the directory.
pub struct FileLog {
    core: Arc<Core>,
    threads: Vec<JoinHandle<()>>,
    #[expect(dead_code, reason = "held for its drop, after the threads have ended")]
    lock: DiskLock,
}

impl FileLog {
    /// Opens the log in a directory of `disk`, or creates it.
    ///
    /// # Errors
    /// When somebody else has it open, the disk fails, or acknowledged content is damaged; a torn tail is cut.
    pub fn open(disk: Arc<dyn Disk>, clock: impl Clock, options: FileOptions) -> Result<Self, OpenError> {
        let directory = &options.directory;
        disk.create_directory(directory).map_err(OpenError::io("creating the log's directory"))?;
        let lock = disk.lock(&format!("{directory}/{LOCK}"))?;
        let description = Description::settle(&*disk, &options)?;
        let space = Space::new(disk.clone(), &options).map_err(OpenError::io("looking at the space reserve"))?;
        let mut stores = Vec::with_capacity(Lane::ALL.len());
        let mut writers = Vec::with_capacity(Lane::ALL.len());
        let mut admissions = Vec::with_capacity(Lane::ALL.len());
        for lane in Lane::ALL {
            let recovered = recover::recover(&disk, &options, &description, lane)?;
            let store = Arc::new(recovered.store);
            let fences = recovered.admissions.iter().map(crate::admit::Admission::fence).collect();
            writers.push(Mutex::new(Writer::new(store.clone(), options.segment_bytes, fences)));
            stores.push(store);
            admissions.push(recovered.admissions.into_iter().map(Mutex::new).collect());
        }
        let core = Arc::new(Core::new(options, description, Box::new(clock), space, stores, writers, admissions));
        let threads = match core.options.writers {
            Writers::Inline => Vec::new(),
            Writers::Threads => sequence::spawn(&core).map_err(OpenError::io("starting the writer threads"))?,
        };
        Ok(Self { core, threads, lock })
    }

    /// Rewrites the oldest sealed hot segment of `lane` with dense compression, if there are more than `keep_hot`
    /// sealed segments behind it. Log times, offsets, verdicts and content checksums stay as they are; readers are
    /// not disturbed. Call it from a maintenance thread, until it returns none.
    ///
    /// # Errors
    /// When the disk fails or the segment is damaged; then it stays as it was.
    pub fn recompress(&self, lane: Lane, keep_hot: usize) -> Result<Option<Recompressed>, ReadError> {
        cold::recompress(self.store(lane), keep_hot)
    }

    fn store(&self, lane: Lane) -> &Store {
        &self.core.stores[lane.index()]
    }
}

impl Drop for FileLog {
    fn drop(&mut self) {
        self.core.close();
        for thread in self.threads.drain(..) {
            // A writer that panicked has poisoned the log already; there is nobody left to tell.
            let _ = thread.join();
        }
    }
}

impl EventLog for FileLog {
    fn identity(&self) -> LogIdentity {
        LogIdentity {
            incarnation: self.core.description.incarnation,
            partitions: self.core.description.partitions,
            durability: Durability {
                process_crash: true,
                power_loss: true,
                statement:
                    "acknowledged after fdatasync: survives the process and, if the disk keeps its word, a loss of \
                            power; one machine, no replica"
                        .to_owned(),
            },
        }
    }

    fn submit(&self, frames: Vec<NewFrame>) -> Result<Ticket, AppendError> {
        self.core.submit(frames)
    }

    fn read(
        &self,
        lane: Lane,
        partition: PartitionId,
        from: Offset,
        limits: ReadLimits,
    ) -> Result<Vec<Frame>, ReadError> {
        self.store(lane).read(partition, from, limits, Walker::frame)
    }

    fn read_lane(&self, lane: Lane, from: &[Offset], limits: ReadLimits) -> Result<Vec<Frame>, ReadError> {
        self.store(lane).read_lane(from, limits)
    }

    fn read_raw(
        &self,
        lane: Lane,
        partition: PartitionId,
        from: Offset,
        limits: ReadLimits,
    ) -> Result<Vec<RawFrame>, ReadError> {
        self.store(lane).read_raw(partition, from, limits)
    }

    fn ends(&self, lane: Lane) -> Vec<Offset> {
        self.store(lane).ends()
    }

    fn starts(&self, lane: Lane) -> Vec<Offset> {
        self.store(lane).starts()
    }

    fn bound(&self) -> Timestamp {
        self.core.bound()
    }

    fn wait_past(&self, bound: Timestamp, timeout: Duration) -> Timestamp {
        self.core.wait_past(bound, timeout)
    }

    fn truncate_before(&self, lane: Lane, partition: PartitionId, offset: Offset) -> Result<(), TruncateError> {
        if lane == Lane::Facts && !self.core.options.may_truncate_facts {
            return Err(TruncateError::Kept { lane });
        }
        self.store(lane).truncate(partition, offset)
    }

    fn status(&self) -> LogStatus {
        let (figures, poisoned) = self.core.figures();
        let lane = |(lane, figures): (Lane, LaneStatus)| {
            let store = self.store(lane);
            let (segments, bytes) = store.size();
            LaneStatus {
                lane: lane.name().to_owned(),
                bytes,
                segments,
                starts: store.starts(),
                ends: store.ends(),
                ..figures
            }
        };
        LogStatus {
            lanes: Lane::ALL.into_iter().zip(figures).map(lane).collect(),
            free_bytes: Some(self.core.space.free()),
            reserve_held: self.core.space.held(),
            poisoned,
        }
    }
}
