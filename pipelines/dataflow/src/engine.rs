//! What a group of workers is made from, again after each failure: recovery, poison, the things that outlive a group.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use eventlog::EventLog;
use eventlog::disk::Disk;
use parking_lot::Mutex;
use tracing::{error, info, warn};
use views::as_of::{self, Announcer};

use crate::aside::{Plan, SetAside};
use crate::binding::{Aside, Entry, Skip};
use crate::config::Config;
use crate::epoch::Depth;
use crate::graph::Program;
use crate::landing::{Landings, Sink, Taken};
use crate::manifest::{Manifest, Stopped};
use crate::restore::{self, RestoreError, Restored};
use crate::sequencer::{Resume, SequenceError, Sequencer};
use crate::shared::{Failure, Figures, Shared};
use crate::snapshot::{SnapshotWriter, Snapshots};
use crate::system::{SystemError, SystemLane};

/// Panics in one life of the process. Each costs a restart of the group, so it must not go on like this for ever.
const PANICS_MAX: u64 = 100;
/// Records that one view may skip in one life of the process. Each costs two restarts of the group; a view that panics
/// on more than a few is wrong about something else than a record, and is set aside.
const SKIPS_MAX: u32 = 16;
/// How much of a panic's message the log keeps.
const WHY_MAX: usize = 500;

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
    /// Says what the sink's rows have come to; without it every manifest will do.
    pub taken: Option<Taken>,
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
    #[error("{0} panics are enough")]
    Panics(u64),
    /// The thread that cuts epochs panicked.
    #[error("cutting epochs panicked: {0}")]
    Sequencer(String),
}

impl DataflowError {
    /// Whether the log only has no room now: whoever tries again later goes on as if nothing had happened.
    pub fn is_refusal(&self) -> bool {
        match self {
            Self::Sequence(error) => error.is_refusal(),
            Self::System(error) => error.is_refusal(),
            _ => false,
        }
    }

    /// Whether trying again cannot help while this process lives: the log is another one or was taken over, is
    /// read-only after a failed write, or holds what this build cannot read.
    pub fn is_final(&self) -> bool {
        let system = |error: &SystemError| match error {
            SystemError::Append(_) => !error.is_refusal(),
            SystemError::Fenced | SystemError::Entry { .. } => true,
            SystemError::Read(_) => false,
        };
        match self {
            Self::Config(_) | Self::Sequence(SequenceError::Changed { .. } | SequenceError::Facts { .. }) => true,
            Self::Sequence(SequenceError::System(error)) | Self::System(error) => system(error),
            _ => false,
        }
    }
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
    pub(crate) taken: Option<Taken>,
    names: Vec<(&'static str, u32)>,
    system: Option<Arc<Mutex<SystemLane>>>,
    // Epoch and view of every panic so far: the second one there is not bad luck.
    panicked: BTreeSet<(u64, Option<usize>)>,
    // How many records each view has skipped.
    skips: BTreeMap<Option<usize>, u32>,
    // What the log must be told before the next group begins.
    verdict: Option<(Entry, String)>,
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
            landings: Arc::new(Landings::new(names.clone(), wanted, config.landing_rows)),
            snapshots: Arc::new(Snapshots::new(names.len())),
            figures: Arc::default(),
            writer: Arc::new(Mutex::new(writer)),
            dead_letters,
            taken: None,
            names,
            system: None,
            panicked: BTreeSet::new(),
            skips: BTreeMap::new(),
            verdict: None,
            config,
            program: std::marker::PhantomData,
        })
    }

    /// Recovers: the newest manifest whose bins can all be read, else the start of the log.
    pub(crate) fn begin<W>(
        &mut self,
        mut build: impl FnMut(&Config, &Arc<Shared>, Vec<P::Writers>, Option<Arc<Restored>>) -> Result<W, DataflowError>,
    ) -> Result<Group<P, W>, DataflowError> {
        self.say()?;
        let found = restore::find(&*self.disk, &self.config.directory, &*self.log, &self.names)?;
        let found = found.up_to(self.taken.as_ref().map(|taken| taken()), &*self.log);
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
        let system = self.system()?;
        let (resume, announcer, shared, views, progress, workers, snapshot_after) =
            self.group(restored, numbers, usable, build)?;
        let plan = Plan::new(self.names.clone(), P::upstreams());
        let sequencer = Sequencer::new(Arc::clone(&self.log), system, self.config.clone(), plan, resume);
        *self.figures.set_aside.lock() = sequencer.set_aside();
        Ok(Group { sequencer, announcer, shared, views, progress, workers, snapshot_after })
    }

    /// The system lane, claimed once, and about to be read.
    fn system(&mut self) -> Result<Arc<Mutex<SystemLane>>, SystemError> {
        let system = match &self.system {
            Some(system) => Arc::clone(system),
            None => Arc::new(Mutex::new(SystemLane::claim(Arc::clone(&self.log), self.config.claim_id)?)),
        };
        system.lock().about_to_read();
        Ok(Arc::clone(self.system.insert(system)))
    }

    #[expect(clippy::type_complexity, reason = "taken apart at once by the only caller")]
    fn group<W>(
        &self,
        restored: Option<Arc<Restored>>,
        numbers: (u64, u64),
        usable: &[Manifest],
        build: &mut impl FnMut(&Config, &Arc<Shared>, Vec<P::Writers>, Option<Arc<Restored>>) -> Result<W, DataflowError>,
    ) -> Result<(Resume, Announcer, Arc<Shared>, P::Views, as_of::Progress, W, u64), DataflowError> {
        let mut resume = restore::resume(&self.log, restored.as_ref().map(|restored| restored.checkpoint()), numbers)?;
        if let Some(restored) = &restored {
            resume.stopped = self.stopped(restored);
        }
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

    /// Which bins a snapshot would write now. None while one is on its way, while the state is older than a manifest that
    /// is there, and while rows are missing that no manifest may claim to have told.
    pub(crate) fn snapshot_wanted<W>(&self, group: &Group<P, W>) -> Option<Depth> {
        let behind = group.sequencer.end().epoch < group.snapshot_after;
        if behind || self.landings.figures().interrupted { None } else { self.snapshots.wanted() }
    }

    /// The views that were set aside before a manifest.
    fn stopped(&self, restored: &Restored) -> Vec<SetAside> {
        let views = self.names.iter().enumerate().filter_map(|(number, (view, _))| {
            let Stopped { since, as_of, why } = restored.stopped(number)?.clone();
            Some(SetAside { number, view, since, as_of, why })
        });
        views.collect()
    }

    /// Decides what follows from a failure: another try; or a try without the record at fault, or without the view, which
    /// is written to the log before anything of its epoch can leave.
    pub(crate) fn after(&mut self, failure: Failure) -> Result<(), DataflowError> {
        Figures::add(&self.figures.panics, 1);
        Figures::add(&self.figures.rebuilds, 1);
        let panics = self.figures.panics.load(Ordering::Relaxed);
        let view = failure.view.map_or(Skip::EVERY_VIEW, |view| self.names[view].0).to_owned();
        let Failure { epoch, stands_from, at, bin, message, .. } = failure;
        error!(view, epoch, bin, message, panics, "a worker panicked, its group is rebuilt");
        if panics > PANICS_MAX {
            return Err(DataflowError::Panics(PANICS_MAX));
        }
        if self.panicked.insert((epoch, failure.view)) {
            return Ok(());
        }
        let skips = self.skips.entry(failure.view).or_default();
        *skips += 1;
        let entry = match (at, failure.view) {
            (Some((pos, rows)), number) if number.is_none() || *skips <= SKIPS_MAX => {
                Entry::Skipped(Skip { epoch, view, pos, rows })
            }
            (_, Some(number)) => {
                let place = bin.map(|bin| format!("bin {bin}: ")).unwrap_or_default();
                let why = format!("{place}{message}").chars().take(WHY_MAX).collect();
                Entry::SetAside(Aside { epoch: stands_from, view, version: self.names[number].1, why })
            }
            (_, None) => return Err(DataflowError::Poisoned { view, epoch, message }),
        };
        self.verdict = Some((entry, message));
        self.say()
    }

    /// Tells the log what was decided. After a refusal it has still to be told.
    fn say(&mut self) -> Result<(), DataflowError> {
        let Some((entry, _)) = self.verdict.clone() else { return Ok(()) };
        self.system()?.lock().append(&entry)?;
        match self.verdict.take() {
            Some((Entry::Skipped(skip), message)) => {
                Figures::add(&self.figures.skipped, u64::from(skip.rows));
                error!(view = skip.view, pos = %skip.pos, rows = skip.rows, "record is skipped");
                if let Some(told) = &mut self.dead_letters {
                    told(&Skipped { skip, message });
                }
            }
            Some((Entry::SetAside(aside), _)) => {
                error!(view = aside.view, epoch = aside.epoch, why = aside.why, "view is set aside, the others go on");
            }
            _ => {}
        }
        Ok(())
    }
}
