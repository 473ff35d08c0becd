//! What a group of workers is made from, again after each failure: recovery, poison, the things that outlive a group.

use std::collections::BTreeSet;
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use eventlog::EventLog;
use eventlog::disk::Disk;
use parking_lot::Mutex;
use tracing::{error, info, warn};
use views::as_of::{self, Announcer};

use crate::binding::{Entry, Skip};
use crate::config::Config;
use crate::graph::Program;
use crate::landing::{Landings, Sink};
use crate::manifest::Manifest;
use crate::restore::{self, RestoreError, Restored};
use crate::sequencer::{Resume, SequenceError, Sequencer};
use crate::shared::{Failure, Figures, Shared};
use crate::snapshot::{SnapshotWriter, Snapshots};
use crate::system::{SystemError, SystemLane};

/// Rebuilds in one life of the process. Each costs a restart of the group, so a view that panics on everything must
/// not go on like this for ever.
const REBUILDS_MAX: u64 = 100;

/// A record that a view ignores from now on, as it is reported.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Skipped {
    /// What is written in the log.
    pub skip: Skip,
    /// What the panic said.
    pub message: String,
}

/// Told of each record that is skipped: for the stream of dead letters.
pub type DeadLetters = Box<dyn FnMut(&Skipped) + Send>;

/// Who is told what comes out.
#[derive(Default)]
pub struct Hooks {
    /// Takes landing epochs; without one, rows for the warehouse are forgotten.
    pub sink: Option<Sink>,
    /// Is told of skipped records.
    pub dead_letters: Option<DeadLetters>,
}

/// Why the dataflow does not run, or no longer.
#[derive(Debug, thiserror::Error)]
pub enum DataflowError {
    /// The settings make no sense.
    #[error("dataflow settings: {0}")]
    Config(&'static str),
    /// The snapshot directory cannot be read.
    #[error("snapshots: {0}")]
    Snapshots(#[from] io::Error),
    /// No manifest can be used, and neither can an empty state.
    #[error("restoring: {0}")]
    Restore(#[from] RestoreError),
    /// The log refuses, or has changed.
    #[error(transparent)]
    Sequence(#[from] SequenceError),
    /// The system lane refuses.
    #[error(transparent)]
    System(#[from] SystemError),
    /// The operating system gave no thread.
    #[error("starting a worker: {0}")]
    Thread(io::Error),
    /// A panic that no record is to blame for, twice at the same place.
    #[error("view `{view}` panics at epoch {epoch}, and no record is to blame: {message}")]
    Poisoned {
        /// The view.
        view: String,
        /// The epoch.
        epoch: u64,
        /// What the panic said.
        message: String,
    },
    /// Too many panics.
    #[error("{0} rebuilds after panics are enough")]
    Rebuilds(u64),
}

/// Everything that outlives a group of workers.
pub(crate) struct Engine<P: Program> {
    pub(crate) log: Arc<dyn EventLog>,
    pub(crate) disk: Arc<dyn Disk>,
    pub(crate) config: Config,
    pub(crate) landings: Arc<Landings>,
    pub(crate) snapshots: Arc<Snapshots>,
    pub(crate) figures: Arc<Figures>,
    pub(crate) writer: Arc<Mutex<SnapshotWriter>>,
    dead_letters: Option<DeadLetters>,
    names: Vec<(&'static str, u32)>,
    system: Option<SystemLane>,
    // Epoch and view of every panic so far: the second one there is not bad luck.
    panicked: BTreeSet<(u64, Option<usize>)>,
    program: std::marker::PhantomData<fn() -> P>,
}

/// A group of workers that is ready to be fed.
pub(crate) struct Group<P: Program, W> {
    pub(crate) sequencer: Sequencer,
    pub(crate) announcer: Announcer,
    pub(crate) shared: Arc<Shared>,
    pub(crate) views: P::Views,
    pub(crate) progress: as_of::Progress,
    pub(crate) workers: W,
    /// Snapshots of earlier epochs would be taken for older than manifests that are there.
    pub(crate) snapshot_after: u64,
}

impl<P: Program> Engine<P> {
    pub(crate) fn new(
        config: Config,
        log: Arc<dyn EventLog>,
        disk: Arc<dyn Disk>,
        wanted: bool,
        dead_letters: Option<DeadLetters>,
    ) -> Result<Self, DataflowError> {
        if !(1..=records::hash::BINS).contains(&config.workers) {
            return Err(DataflowError::Config("there are 1 to 256 workers"));
        }
        if config.in_flight == 0 || config.epoch_rows == 0 || config.landing_every.0 <= 0 {
            return Err(DataflowError::Config("epochs have rows, landing epochs have a length"));
        }
        let names = P::views();
        assert!(names.len() < 256, "views are numbered with 8 bits");
        let incarnation = log.identity().incarnation;
        let writer = SnapshotWriter::new(
            Arc::clone(&disk),
            &config.directory,
            incarnation,
            names.clone(),
            config.manifests,
            config.landing_patience,
        );
        Ok(Self {
            log,
            disk,
            landings: Arc::new(Landings::new(names.clone(), wanted)),
            snapshots: Arc::new(Snapshots::new(names.len())),
            figures: Arc::default(),
            writer: Arc::new(Mutex::new(writer)),
            dead_letters,
            names,
            system: None,
            panicked: BTreeSet::new(),
            config,
            program: std::marker::PhantomData,
        })
    }

    /// Recovers: the newest manifest whose bins can all be read, else the start of the log.
    pub(crate) fn begin<W>(
        &mut self,
        mut build: impl FnMut(&Config, &Arc<Shared>, Vec<P::Writers>, Option<Arc<Restored>>) -> Result<W, DataflowError>,
    ) -> Result<Group<P, W>, DataflowError> {
        let found = restore::find(&*self.disk, &self.config.directory, &*self.log, &self.names)?;
        let numbers = (found.highest, found.landing);
        let mut usable = found.usable;
        loop {
            let candidate = usable.last().cloned();
            match self.begin_from(candidate, numbers, &usable, &mut build) {
                Err(DataflowError::Restore(error)) if usable.pop().is_some() => {
                    warn!(%error, "snapshot cannot be used, the one before is tried");
                }
                outcome => return outcome,
            }
        }
    }

    fn begin_from<W>(
        &mut self,
        manifest: Option<Manifest>,
        numbers: (u64, u64),
        usable: &[Manifest],
        build: &mut impl FnMut(&Config, &Arc<Shared>, Vec<P::Writers>, Option<Arc<Restored>>) -> Result<W, DataflowError>,
    ) -> Result<Group<P, W>, DataflowError> {
        let open = |manifest| Restored::open(&*self.disk, &self.config.directory, manifest).map(Arc::new);
        let restored = manifest.map(open).transpose()?;
        let system = match self.system.take() {
            Some(system) => system,
            None => SystemLane::claim(Arc::clone(&self.log), self.config.claim_id)?,
        };
        let outcome = self.group(restored, numbers, usable, build);
        match outcome {
            Ok((resume, announcer, shared, views, progress, workers, snapshot_after)) => {
                let names = self.names.iter().map(|(name, _)| *name).collect();
                let sequencer = Sequencer::new(Arc::clone(&self.log), system, self.config.clone(), names, resume);
                Ok(Group { sequencer, announcer, shared, views, progress, workers, snapshot_after })
            }
            Err(error) => {
                self.system = Some(system);
                Err(error)
            }
        }
    }

    #[expect(clippy::type_complexity, reason = "taken apart at once by the only caller")]
    fn group<W>(
        &self,
        restored: Option<Arc<Restored>>,
        numbers: (u64, u64),
        usable: &[Manifest],
        build: &mut impl FnMut(&Config, &Arc<Shared>, Vec<P::Writers>, Option<Arc<Restored>>) -> Result<W, DataflowError>,
    ) -> Result<(Resume, Announcer, Arc<Shared>, P::Views, as_of::Progress, W, u64), DataflowError> {
        let resume = restore::resume(&self.log, restored.as_ref().map(|restored| restored.checkpoint()), numbers)?;
        let start = resume.end.as_of(self.log.identity().incarnation);
        let (epoch, landing, replay) = (start.epoch, resume.end.progress.landing, resume.replay.len());
        let outbox = restored.as_ref().map_or(0, |restored| restored.outbox());
        let (announcer, frontier, progress) = as_of::channel(start);
        let (writers, views) = P::open(self.config.workers, &progress, self.config.feed);
        self.landings.restart(self.config.workers, landing, outbox, resume.told);
        self.snapshots.restart(self.config.workers);
        let shared = Arc::new(Shared::new(
            self.config.workers,
            epoch,
            frontier,
            Arc::clone(&self.landings),
            Arc::clone(&self.snapshots),
            Arc::clone(&self.figures),
        ));
        let current = restored.is_some();
        let workers = build(&self.config, &shared, writers, restored)?;
        self.writer.lock().adopt(usable.to_vec(), current);
        self.snapshots.found(if current { epoch } else { 0 }, usable.first());
        // State of another version stays the newest until a rebuild has passed it.
        let snapshot_after = if current { epoch } else { numbers.0 };
        info!(epoch, replay, from_manifest = current, workers = self.config.workers, "dataflow restored");
        Ok((resume, announcer, shared, views, progress, workers, snapshot_after))
    }

    /// Takes the system lane back from a group that ended.
    pub(crate) fn end(&mut self, sequencer: Sequencer) {
        self.system = Some(sequencer.into_system());
    }

    /// Decides what follows from a failure: another try, or a try without the record at fault, which is written to
    /// the log before anything of its epoch can leave.
    pub(crate) fn after(&mut self, failure: Failure) -> Result<(), DataflowError> {
        Figures::add(&self.figures.panics, 1);
        Figures::add(&self.figures.rebuilds, 1);
        let rebuilds = self.figures.rebuilds.load(Ordering::Relaxed);
        let view = failure.view.map_or(Skip::EVERY_VIEW, |view| self.names[view].0).to_owned();
        error!(
            view,
            epoch = failure.epoch,
            message = failure.message,
            rebuilds,
            "a worker panicked, its group is rebuilt"
        );
        if rebuilds > REBUILDS_MAX {
            return Err(DataflowError::Rebuilds(REBUILDS_MAX));
        }
        if self.panicked.insert((failure.epoch, failure.view)) {
            return Ok(());
        }
        let Failure { epoch, at, message, .. } = failure;
        let Some((pos, rows)) = at else { return Err(DataflowError::Poisoned { view, epoch, message }) };
        let skip = Skip { epoch, view, pos, rows };
        let system = self.system.as_mut().expect("the group has given it back");
        system.append(&Entry::Skipped(skip.clone()))?;
        Figures::add(&self.figures.skipped, u64::from(rows));
        error!(view = skip.view, %pos, rows, "record is skipped");
        if let Some(told) = &mut self.dead_letters {
            told(&Skipped { skip, message });
        }
        Ok(())
    }
}
