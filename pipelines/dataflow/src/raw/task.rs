//! The thread that lands raw records: recover, then one landing epoch after the other.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use arrow_schema::ArrowError;
use eventlog::EventLog;
use eventlog::disk::Disk;
use records::OrganizationId;
use records::seal::Sealed;
use tokio::runtime::Handle;
use tokio::sync::watch;
use tracing::{error, info, warn};
use warehouse::Client;
use warehouse::landing::{self, Chunk, CutError, Lander, LanderConfig, LandingEpoch, Progress, RECHECKED_EPOCHS};
use warehouse::raw::{FactFrame, RecordFrame, facts_batch, records_batch};
use warehouse::schema::{TableSchema, facts_table, records_table};

use super::marks::{Mark, Marks};
use super::source::{RawEpoch, RawError, RawSource};

/// The name under which the warehouse remembers how far raw landing is.
pub const TABLE_SET: &str = "raw";
/// How long to wait for a new binding: the sequencer binds at least each second.
const IDLE: Duration = Duration::from_millis(200);
/// Between two tries to reach a warehouse that is not there.
const PAUSE: Duration = Duration::from_secs(1);
/// What a stop waits for chunks that are under way.
const STOP: Duration = Duration::from_secs(10);

/// Opens a sealed blob of an organization's subject; none when its key is gone.
pub type OpenSealed = Arc<dyn Fn(OrganizationId, u64, &[u8]) -> Option<Sealed> + Send + Sync>;

/// What raw landing works with.
pub struct RawLanding {
    /// The log.
    pub log: Arc<dyn EventLog>,
    /// Where it remembers its place.
    pub disk: Arc<dyn Disk>,
    /// The warehouse, migrated.
    pub client: Client,
    /// Opens sealed properties; they are masked before they land.
    pub open: OpenSealed,
}

/// The running thread.
pub struct RunningRawLanding {
    stop: Arc<AtomicBool>,
    progress: watch::Receiver<Progress>,
    thread: JoinHandle<()>,
}

#[derive(Debug, thiserror::Error)]
enum StepError {
    #[error(transparent)]
    Raw(#[from] RawError),
    #[error("raw rows: {0}")]
    Arrow(#[from] ArrowError),
    #[error(transparent)]
    Cut(#[from] CutError),
    #[error(transparent)]
    Stopped(#[from] landing::Stopped),
}

impl RawLanding {
    /// Starts landing on a thread of its own; requests run on the given runtime.
    ///
    /// A warehouse that is down is waited for: nothing else waits with it.
    pub fn start(self, runtime: Handle) -> RunningRawLanding {
        let stop = Arc::new(AtomicBool::new(false));
        let (report, progress) = watch::channel(Progress::default());
        let stopped = Arc::clone(&stop);
        let thread = std::thread::Builder::new()
            .name("raw-landing".into())
            .spawn(move || self.keep_running(&runtime, &stopped, &report))
            .expect("a process can start a thread");
        RunningRawLanding { stop, progress, thread }
    }

    /// Begins again after a panic, and says so: a thread that is silently gone would look like a quiet warehouse.
    fn keep_running(&self, runtime: &Handle, stop: &AtomicBool, report: &watch::Sender<Progress>) {
        while !stop.load(Ordering::Acquire) {
            let run = std::panic::AssertUnwindSafe(|| self.run(runtime, stop, report));
            if std::panic::catch_unwind(run).is_ok() {
                return;
            }
            error!("raw landing panicked and begins again from what has landed");
            report.send_modify(|progress| {
                progress.last_error = Some("raw landing panicked".into());
                progress.needs_attention = true;
            });
            std::thread::sleep(PAUSE);
        }
    }

    fn run(&self, runtime: &Handle, stop: &AtomicBool, report: &watch::Sender<Progress>) {
        let Some(lander) = self.recover(runtime, stop) else { return };
        let landed = lander.landed().unwrap_or(0);
        let marks = Marks::load(&*self.disk, self.log.identity().incarnation.id);
        let source = RawSource::new(Arc::clone(&self.log), marks.at_most(landed).cloned()).landed(landed);
        info!(landed, "raw landing goes on");
        let mut course = Course { setup: self, runtime, stop, source, lander, landed, marks, waiting: None };
        while !stop.load(Ordering::Acquire) {
            match course.step() {
                Ok(true) => {}
                Ok(false) => std::thread::sleep(IDLE),
                Err(StepError::Stopped(_)) => break,
                Err(error) => {
                    // The log cannot be read there now or ever: say so each second, and never skip it.
                    error!(%error, "raw landing stands still");
                    std::thread::sleep(PAUSE);
                }
            }
            report.send_replace(course.lander.progress().borrow().clone());
        }
        report.send_replace(runtime.block_on(course.lander.stop(STOP)));
    }

    fn recover(&self, runtime: &Handle, stop: &AtomicBool) -> Option<Lander> {
        let incarnation = self.log.identity().incarnation.id;
        let tables = [records_table(), facts_table()];
        while !stop.load(Ordering::Acquire) {
            match runtime.block_on(landing::recover(&self.client, TABLE_SET, incarnation, &tables)) {
                Ok(recovery) => {
                    let _inside = runtime.enter();
                    return Some(Lander::start(self.client.clone(), recovery, &LanderConfig::default()));
                }
                Err(error) => {
                    warn!(%error, "warehouse cannot be asked what has landed");
                    std::thread::sleep(PAUSE);
                }
            }
        }
        None
    }
}

/// One run of the thread, from recovery to stop.
struct Course<'a> {
    setup: &'a RawLanding,
    runtime: &'a Handle,
    stop: &'a AtomicBool,
    source: RawSource,
    lander: Lander,
    // Landing epochs up to this one had landed before; they are read again only to find the place.
    landed: u64,
    marks: Marks,
    // Read and not handed over: tried again until it is.
    waiting: Option<RawEpoch>,
}

impl Course<'_> {
    /// Lands the next landing epoch; false when there is none yet.
    fn step(&mut self) -> Result<bool, StepError> {
        if self.waiting.is_none() {
            self.waiting = self.source.next_epoch()?;
        }
        let Some(epoch) = &self.waiting else { return Ok(false) };
        if epoch.number > self.landed {
            let chunks = chunks(epoch, &*self.setup.open)?;
            self.hand_over(&LandingEpoch { landing_epoch: epoch.number, chunks })?;
        }
        if let Some(epoch) = self.waiting.take() {
            self.remember(epoch.end);
        }
        Ok(true)
    }

    /// Waits for room in the lander's queue, which a warehouse that is down never makes, but not through a stop.
    fn hand_over(&self, epoch: &LandingEpoch) -> Result<(), landing::Stopped> {
        loop {
            // Chunks share their bytes, so a copy for each try costs little.
            let land = async { tokio::time::timeout(PAUSE, self.lander.land(epoch.clone())).await };
            match self.runtime.block_on(land) {
                Ok(handed) => return handed,
                Err(_) if self.stop.load(Ordering::Acquire) => return Err(landing::Stopped),
                Err(_) => {}
            }
        }
    }

    fn remember(&mut self, mark: Mark) {
        // A mark is a place to read from, so it may be ahead of what has landed: recovery picks one at or before that.
        let far_ahead = mark.number > self.lander.landed().unwrap_or(0) + RECHECKED_EPOCHS;
        if !self.marks.wants(mark.number) || far_ahead {
            return;
        }
        if let Err(error) = self.marks.remember(&*self.setup.disk, mark) {
            warn!(%error, "place of raw landing is not remembered; a restart reads more bindings");
        }
    }
}

impl RunningRawLanding {
    /// How far it is.
    pub fn progress(&self) -> watch::Receiver<Progress> {
        self.progress.clone()
    }

    /// Stops after what is under way, within seconds; what has not landed lands after the next start.
    pub fn stop(self) -> Progress {
        self.stop.store(true, Ordering::Release);
        if self.thread.join().is_err() {
            error!("raw landing had panicked");
        }
        self.progress.borrow().clone()
    }
}

/// The chunks of a landing epoch: table by table, partition by partition. A pure function of the log and the keys.
fn chunks(epoch: &RawEpoch, open: warehouse::raw::Opener<'_>) -> Result<Vec<Chunk>, StepError> {
    let (records, facts) = (records_table(), facts_table());
    let mut chunks = Vec::new();
    for (partition, frames) in by_partition(&epoch.records, |frame: &RecordFrame| frame.partition) {
        chunks.extend(cut_some(&records, &records_batch(&frames, open)?, epoch.number, partition)?);
    }
    for (partition, frames) in by_partition(&epoch.facts, |frame: &FactFrame| frame.partition) {
        chunks.extend(cut_some(&facts, &facts_batch(&frames)?, epoch.number, partition)?);
    }
    Ok(chunks)
}

fn cut_some(
    table: &TableSchema,
    batch: &arrow_array::RecordBatch,
    number: u64,
    partition: u16,
) -> Result<Vec<Chunk>, CutError> {
    if batch.num_rows() == 0 {
        return Ok(Vec::new());
    }
    landing::cut(table, batch, number, partition)
}

fn by_partition<F: Clone>(frames: &[F], partition: impl Fn(&F) -> u16) -> std::collections::BTreeMap<u16, Vec<F>> {
    let mut split = std::collections::BTreeMap::<u16, Vec<F>>::new();
    for frame in frames {
        split.entry(partition(frame)).or_default().push(frame.clone());
    }
    split
}
