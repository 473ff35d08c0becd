//! The dataflow without threads: one worker, driven step by step by its caller. For simulation and for tests.
//!
//! Nothing happens between two calls, so one seed that decides when to step decides everything.

use std::sync::Arc;
use std::time::Duration;

use eventlog::EventLog;
use eventlog::disk::Disk;
use timely::communication::Allocator;
use timely::communication::allocator::Thread;
use views::as_of::Progress;

use crate::aside::SetAside;
use crate::config::Config;
use crate::deal::deal;
use crate::engine::{DataflowError, Engine, Group, Hooks};
use crate::graph::Program;
use crate::landing::{LandingFigures, Sink};
use crate::sequencer::Wish;
use crate::shared::Figures;
use crate::snapshot::{SnapshotFigures, TruncationLimit};
use crate::worker::{Context, Worker};

/// Steps of the graph for one epoch. Each moves every operator, and the longest chain of operators is a handful, so
/// a graph that needs more is stuck.
const STEPS_MAX: usize = 10_000;

/// A dataflow of one worker in the caller's thread.
pub struct Stepper<P: Program> {
    engine: Engine<P>,
    // None only between two steps of which the first could not rebuild it.
    group: Option<Group<P, Worker>>,
    published: Option<(P::Views, Progress)>,
    sink: Option<Sink>,
}

/// What a step did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// There was nothing new in the log, and no beat was due.
    Idle,
    /// This epoch is complete in all views.
    Epoch(u64),
    /// A worker panicked, or rows that had been dropped are made again; the group was rebuilt from the newest manifest.
    /// Readers must be asked for again.
    Rebuilt,
}

impl<P: Program> Stepper<P> {
    /// Recovers, as [`crate::Handle::start`] does. The number of workers in `config` is not looked at: there is one.
    ///
    /// # Errors
    /// When it cannot start.
    pub fn open(
        config: Config,
        log: Arc<dyn EventLog>,
        disk: Arc<dyn Disk>,
        hooks: Hooks,
    ) -> Result<Self, DataflowError> {
        // Landing and writing happen inside a step, so there is nothing to be patient with.
        let config = Config { workers: 1, landing_patience: Duration::ZERO, ..config };
        let Hooks { sink, taken, dead_letters } = hooks;
        let mut engine = Engine::new(config, log, disk, sink.is_some(), dead_letters)?;
        engine.taken = taken;
        let mut this = Self { engine, group: None, published: None, sink };
        this.begin()?;
        Ok(this)
    }

    fn begin(&mut self) -> Result<(), DataflowError> {
        let group = self.engine.begin(|_, shared, writers, restored| {
            let context = Context::new(0, 1, P::views().len(), Arc::clone(shared));
            let writers = writers.into_iter().next().expect("one worker has writers");
            Ok(Worker::build::<P>(Allocator::Thread(Thread::default()), context, writers, restored.as_deref())?)
        })?;
        self.published = Some((group.views.clone(), group.progress.clone()));
        self.group = Some(group);
        Ok(())
    }

    fn published(&self) -> &(P::Views, Progress) {
        self.published.as_ref().expect("a stepper exists only with a first group")
    }

    /// Cuts at most one epoch and does all that follows from it: folding, landing, writing.
    ///
    /// # Errors
    /// When the log refuses, or panics do not end. After an error that [`DataflowError::is_refusal`] calls one nothing is
    /// lost: the next step goes on.
    pub fn step(&mut self) -> Result<Step, DataflowError> {
        self.advance(false)
    }

    /// Steps until there is nothing new.
    ///
    /// # Errors
    /// As [`Stepper::step`].
    pub fn run(&mut self) -> Result<(), DataflowError> {
        while self.step()? != Step::Idle {}
        Ok(())
    }

    /// Folds what is left, and takes a last snapshot.
    ///
    /// # Errors
    /// As [`Stepper::step`].
    pub fn close(mut self) -> Result<(), DataflowError> {
        self.run()?;
        self.advance(true).map(|_| ())
    }

    fn rebuild(&mut self) -> Result<Step, DataflowError> {
        self.group = None;
        self.begin()?;
        Ok(Step::Rebuilt)
    }

    fn advance(&mut self, closing: bool) -> Result<Step, DataflowError> {
        self.hand_over();
        if self.engine.landings.wants_again() {
            Figures::add(&self.engine.figures.rebuilds, 1);
            return self.rebuild();
        }
        let Some(group) = &mut self.group else { return self.rebuild() };
        let snapshot = self.engine.snapshot_wanted(group);
        let Some(cut) = group.sequencer.next(Wish { closing, enough: closing, snapshot })? else {
            return Ok(Step::Idle);
        };
        let number = cut.epoch.number;
        Figures::add(&self.engine.figures.epochs, 1);
        Figures::add(&self.engine.figures.rows, cut.epoch.rows);
        if cut.epoch.snapshot.is_some() {
            self.engine.snapshots.ask();
        }
        group.announcer.announce(cut.as_of.clone());
        deal(cut, 1).into_iter().for_each(|feed| group.workers.feed(feed));
        for _ in 0..STEPS_MAX {
            if group.shared.all() >= number || group.shared.stopped() {
                break;
            }
            group.workers.step(Duration::ZERO);
        }
        if let Some(failure) = group.shared.failure() {
            self.group = None;
            self.engine.after(failure)?;
            return self.rebuild();
        }
        assert!(group.shared.all() >= number, "epoch {number} is stuck");
        self.hand_over();
        if let Some(ready) = self.engine.snapshots.take() {
            self.engine.writer.lock().write(ready, &self.engine.snapshots, &self.engine.landings);
        }
        Ok(Step::Epoch(number))
    }

    /// Hands over what waits, until the sink refuses.
    fn hand_over(&mut self) {
        let Some(sink) = &mut self.sink else { return };
        while self.engine.landings.figures().waiting > 0 {
            let before = self.engine.landings.figures();
            self.engine.landings.hand_over(sink);
            if self.engine.landings.figures() == before {
                break;
            }
        }
    }

    /// The readers of all views.
    pub fn views(&self) -> P::Views {
        self.published().0.clone()
    }

    /// What all views reflect.
    pub fn progress(&self) -> Progress {
        self.published().1.clone()
    }

    /// About snapshots.
    pub fn snapshot(&self) -> SnapshotFigures {
        self.engine.snapshots.figures()
    }

    /// About landing.
    pub fn landing(&self) -> LandingFigures {
        self.engine.landings.figures()
    }

    /// Records that a view ignores because it panics on them.
    pub fn skipped(&self) -> u64 {
        self.engine.figures.skipped.load(std::sync::atomic::Ordering::Relaxed)
    }

    /// Views that stand still, because they panic and no record is to blame.
    pub fn set_aside(&self) -> Arc<[SetAside]> {
        self.group.as_ref().map(|group| group.sequencer.set_aside()).unwrap_or_default()
    }

    /// Up to where the log may be truncated.
    pub fn safe_to_truncate(&self) -> Option<TruncationLimit> {
        self.engine.snapshots.figures().limit
    }
}
