//! The running dataflow: its threads, what it tells about itself, and how it is stopped.

use std::any::Any;
use std::collections::VecDeque;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use eventlog::EventLog;
use eventlog::disk::Disk;
use parking_lot::{Condvar, Mutex, RwLock};
use records::Span;
use timely::CommunicationConfig;
use timely::communication::{Allocator, WorkerGuards, initialize_from};
use tracing::{error, info, warn};
use views::as_of::{AsOf, Progress};

use crate::aside::SetAside;
use crate::config::Config;
use crate::deal::deal;
use crate::engine::{DataflowError, Engine, Group, Hooks};
use crate::graph::Program;
use crate::landing::{LandingFigures, Landings, Sink};
use crate::patience::{Pauses, Restarts};
use crate::restore::{RestoreError, Restored};
use crate::sequencer::Wish;
use crate::shared::{Figures, Shared};
use crate::snapshot::{SnapshotFigures, SnapshotWriter, Snapshots, TruncationLimit};
use crate::worker::{self, Context, Feed, Worker, message};

/// How long the sequencer waits on an idle log before it looks whether it should stop.
const IDLE_MAX: Duration = Duration::from_millis(100);
/// How long one wait for workers takes before the stop flag is looked at again.
const FLOW_WAIT: Duration = Duration::from_millis(100);
/// How long a stop waits for what is in flight, and for its snapshot, before it leaves without.
const STOP_PATIENCE: Duration = Duration::from_secs(60);
/// Epochs that a stop cuts at most, a few seconds of work: neither a long way behind the log nor somebody who goes on
/// appending keeps it from ending.
const CLOSING_EPOCHS_MAX: usize = 16;
/// Between two tries to bind an epoch that the log has no room for. There are as many as it takes: when somebody makes
/// room, the views go on within five seconds.
const REFUSAL_PAUSES: Pauses = Pauses::new(Duration::from_millis(100), Duration::from_secs(5));
/// Restarts after errors, and within which time. Whatever heals by itself does so in the half minute that five of them
/// take; more often than that somebody should look.
const RESTARTS_MAX: usize = 5;
const RESTARTS_WITHIN: Duration = Duration::from_secs(600);
/// The longest pause before a restart, as a multiple of the first.
const RESTART_PAUSE_GROWS: u32 = 16;
/// Between two rebuilds that make dropped rows again: views stand still meanwhile, and a sink that takes a little and
/// refuses again must not keep them there.
const LAND_AGAIN_EVERY: Duration = Duration::from_secs(600);
/// How long a failed hand-over of a landing epoch waits before it is tried again.
const LANDING_RETRY: Duration = Duration::from_secs(1);

/// What the dataflow is doing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Phase {
    /// It reads the newest snapshot.
    Restoring,
    /// It folds records that are older than its start; views are behind, and say so.
    CatchingUp,
    /// It follows the log.
    Live,
    /// It starts again after a panic, or to make dropped rows again. Views stand still meanwhile, and say so.
    Rebuilding,
    /// The log has no room for what it must write, with what the log says. Views stand still; it goes on by itself.
    Waiting(String),
    /// An error has ended it, with the reason; it starts again soon.
    Restarting(String),
    /// It was stopped.
    Stopped,
    /// It gave up, with the reason. Views stand still.
    Failed(String),
}

/// Figures for dashboards and `doctor`.
#[derive(Debug, Clone, PartialEq)]
pub struct Status {
    /// What it is doing.
    pub phase: Phase,
    /// What all views reflect.
    pub as_of: AsOf,
    /// Records in the log that no epoch holds yet.
    pub behind_records: u64,
    /// How much log time the views are behind the log.
    pub behind: Span,
    /// Bound epochs of an earlier process that are still to be folded again.
    pub replaying: u64,
    /// Epochs fed by this process.
    pub epochs: u64,
    /// Rows fed by this process, those that do not count included.
    pub rows: u64,
    /// Inputs folded by this process, over all views.
    pub inputs: u64,
    /// Panics in workers.
    pub panics: u64,
    /// Records that a view ignores because it panics on them.
    pub skipped: u64,
    /// How often the workers were started again.
    pub rebuilds: u64,
    /// Views that stand still, because they panic and no record is to blame.
    pub set_aside: Arc<[SetAside]>,
    /// The newest error, also when it is over.
    pub last_error: Option<String>,
    /// About snapshots.
    pub snapshot: SnapshotFigures,
    /// About landing.
    pub landing: LandingFigures,
}

/// What the handle and the threads share.
struct Control<V> {
    stopping: AtomicBool,
    wake: Mutex<()>,
    woken: Condvar,
    phase: Mutex<Phase>,
    published: RwLock<Option<(V, Progress)>>,
    /// Which group's views are published.
    generation: AtomicU64,
    behind: Mutex<(u64, u64)>,
    last_error: Mutex<Option<String>>,
    figures: Arc<Figures>,
    snapshots: Arc<Snapshots>,
    landings: Arc<Landings>,
    log: Arc<dyn EventLog>,
}

/// A running dataflow. Dropping it stops the threads without a last snapshot; [`Handle::stop`] takes one.
pub struct Handle<P: Program> {
    control: Arc<Control<P::Views>>,
    threads: Vec<JoinHandle<()>>,
}

impl<P: Program> Handle<P> {
    /// Recovers and starts. Returns when the newest snapshot is restored and its views can be read; the rest of the
    /// log is folded meanwhile.
    ///
    /// # Errors
    /// When it cannot start; a panic in a worker is no reason.
    pub fn start(
        config: Config,
        log: Arc<dyn EventLog>,
        disk: Arc<dyn Disk>,
        hooks: Hooks,
    ) -> Result<Self, DataflowError> {
        let mut engine = Engine::<P>::new(config, Arc::clone(&log), disk, hooks.sink.is_some(), hooks.dead_letters)?;
        engine.taken = hooks.taken;
        let control = Arc::new(Control {
            stopping: AtomicBool::new(false),
            wake: Mutex::new(()),
            woken: Condvar::new(),
            phase: Mutex::new(Phase::Restoring),
            published: RwLock::new(None),
            generation: AtomicU64::new(0),
            behind: Mutex::new((0, 0)),
            last_error: Mutex::new(None),
            figures: Arc::clone(&engine.figures),
            snapshots: Arc::clone(&engine.snapshots),
            landings: Arc::clone(&engine.landings),
            log,
        });
        let mut handle = Self { control: Arc::clone(&control), threads: Vec::new() };
        if let Some(sink) = hooks.sink {
            let landings = Arc::clone(&engine.landings);
            handle.spawn("dataflow-landing", move || land(&landings, sink))?;
        }
        let (snapshots, landings, writer) =
            (Arc::clone(&engine.snapshots), Arc::clone(&engine.landings), Arc::clone(&engine.writer));
        handle.spawn("dataflow-snapshot", move || write(&snapshots, &landings, &writer))?;
        let (sender, outcome) = sync_channel(1);
        handle.spawn("dataflow", move || Supervisor::new(engine, control).run(&sender))?;
        match outcome.recv() {
            Ok(Ok(())) => Ok(handle),
            Ok(Err(error)) => Err(error),
            Err(_) => Err(DataflowError::Thread(io::Error::other("the supervisor ended"))),
        }
    }

    fn spawn(&mut self, name: &str, run: impl FnOnce() + Send + 'static) -> Result<(), DataflowError> {
        let thread = std::thread::Builder::new().name(name.to_owned()).spawn(run).map_err(DataflowError::Thread)?;
        self.threads.push(thread);
        Ok(())
    }

    /// The readers of all views. Ask again for each request: after a panic the views are rebuilt beside the old ones
    /// and take their place when they have caught up, so that an answer never goes back.
    pub fn views(&self) -> P::Views {
        self.control.published().0
    }

    /// What all views reflect, and waiting for more. Ask again when it says that the dataflow has stopped.
    pub fn progress(&self) -> Progress {
        self.control.published().1
    }

    /// What all views reflect.
    pub fn as_of(&self) -> AsOf {
        self.progress().current()
    }

    /// Figures for dashboards and `doctor`.
    pub fn status(&self) -> Status {
        let control = &self.control;
        let as_of = self.as_of();
        let (behind_records, replaying) = *control.behind.lock();
        let behind = if as_of.epoch == 0 { Span::ZERO } else { control.log.bound().since(as_of.log_time) };
        let count = |counter: &std::sync::atomic::AtomicU64| counter.load(Ordering::Relaxed);
        let figures = &control.figures;
        Status {
            phase: control.phase.lock().clone(),
            behind_records,
            behind: Span(behind.0.max(0)),
            replaying,
            epochs: count(&figures.epochs),
            rows: count(&figures.rows),
            inputs: count(&figures.inputs),
            panics: count(&figures.panics),
            skipped: count(&figures.skipped),
            rebuilds: count(&figures.rebuilds),
            set_aside: figures.set_aside.lock().clone(),
            last_error: control.last_error.lock().clone(),
            snapshot: control.snapshots.figures(),
            landing: control.landings.figures(),
            as_of,
        }
    }

    /// Up to where the log may be truncated: what the oldest kept manifest has left behind. None before the first
    /// manifest: then nothing may go.
    pub fn safe_to_truncate(&self) -> Option<TruncationLimit> {
        self.control.snapshots.figures().limit
    }

    /// Folds what the log holds now, takes a last snapshot, and ends the threads. A dataflow that is far behind does not
    /// catch up first; one that is folding bound epochs again leaves without a snapshot.
    ///
    /// # Errors
    /// What it had failed with, if it had.
    pub fn stop(mut self) -> Result<(), String> {
        self.end();
        match &*self.control.phase.lock() {
            Phase::Failed(reason) => Err(reason.clone()),
            _ => Ok(()),
        }
    }

    fn end(&mut self) {
        self.control.stopping.store(true, Ordering::Release);
        drop(self.control.wake.lock());
        self.control.woken.notify_all();
        // The supervisor was started last; it closes what the others wait for.
        for thread in self.threads.drain(..).rev() {
            if thread.join().is_err() {
                error!("a thread of the dataflow panicked");
            }
        }
    }
}

impl<P: Program> Drop for Handle<P> {
    fn drop(&mut self) {
        self.end();
    }
}

impl<V: Clone> Control<V> {
    fn published(&self) -> (V, Progress) {
        self.published.read().clone().expect("a handle exists only after the first views were published")
    }

    fn stopping(&self) -> bool {
        self.stopping.load(Ordering::Acquire)
    }

    /// Parks for a while, unless it is being stopped.
    fn pause(&self, pause: Duration) {
        let mut guard = self.wake.lock();
        if !self.stopping() {
            self.woken.wait_for(&mut guard, pause);
        }
    }

    fn in_trouble(&self, phase: fn(String) -> Phase, error: &DataflowError) {
        let reason = error.to_string();
        *self.last_error.lock() = Some(reason.clone());
        *self.phase.lock() = phase(reason);
    }
}

/// The thread that hands landing epochs over.
fn land(landings: &Landings, mut sink: Sink) {
    while landings.wait_for_work() {
        let before = landings.figures().taken;
        landings.hand_over(&mut sink);
        if landings.figures().taken == before && !landings.pause(LANDING_RETRY) {
            // Closed, and the sink still refuses: what is not taken is made again from the log after the restart.
            break;
        }
    }
}

/// The thread that writes snapshots.
fn write(snapshots: &Snapshots, landings: &Landings, writer: &Mutex<SnapshotWriter>) {
    while let Some(ready) = snapshots.wait_for_work() {
        writer.lock().write(ready, snapshots, landings);
    }
}

/// The threads of one group of workers.
struct Workers {
    feeds: Vec<SyncSender<Feed>>,
    threads: WorkerGuards<()>,
}

/// What one worker's thread needs to begin.
struct Seat<P: Program> {
    writers: P::Writers,
    feeds: Receiver<Feed>,
}

impl Workers {
    fn start<P: Program>(
        config: &Config,
        shared: &Arc<Shared>,
        writers: Vec<P::Writers>,
        restored: Option<Arc<Restored>>,
    ) -> Result<Self, DataflowError> {
        let failed = |error: String| DataflowError::Thread(io::Error::other(error));
        let (builders, guards) = CommunicationConfig::Process(config.workers).try_build().map_err(failed)?;
        let (ready, built) = sync_channel::<Result<(), RestoreError>>(config.workers);
        let (mut feeds, mut seats) = (Vec::new(), Vec::new());
        for writers in writers {
            let (sender, receiver) = sync_channel(config.in_flight + 1);
            feeds.push(sender);
            seats.push(Some(Seat::<P> { writers, feeds: receiver }));
        }
        let (seats, group) = (Mutex::new((seats, restored)), Arc::clone(shared));
        let run = move |allocator: Allocator| {
            let (index, workers) = (allocator.index(), allocator.peers());
            let (seat, restored) = {
                let mut seats = seats.lock();
                let seat = seats.0[index].take().expect("every worker has one seat");
                // The last one to sit down lets go of the manifest.
                let last = seats.0.iter().all(Option::is_none);
                (seat, if last { seats.1.take() } else { seats.1.clone() })
            };
            let context = Context::new(index, workers, P::views().len(), Arc::clone(&group));
            match Worker::build::<P>(allocator, context, seat.writers, restored.as_deref()) {
                Ok(worker) => {
                    // Nobody listens only when another worker could not be built.
                    drop(ready.send(Ok(())));
                    worker::run(worker, &seat.feeds);
                }
                Err(error) => drop(ready.send(Err(error))),
            }
        };
        let threads = initialize_from(builders, guards, run).map_err(failed)?;
        let this = Self { feeds, threads };
        for _ in 0..config.workers {
            let outcome = built.recv().map_err(|_| failed("a worker ended".to_owned()));
            if let Err(error) = outcome.and_then(|built| built.map_err(DataflowError::Restore)) {
                shared.stop();
                this.join();
                return Err(error);
            }
        }
        Ok(this)
    }

    fn feed(&self, feeds: Vec<Feed>) {
        for ((sender, thread), feed) in self.feeds.iter().zip(self.threads.guards()).zip(feeds) {
            // A worker that is gone has failed, which the sequencer sees next.
            drop(sender.send(feed));
            thread.thread().unpark();
        }
    }

    fn join(self) {
        drop(self.feeds);
        self.threads.guards().iter().for_each(|thread| thread.thread().unpark());
        for outcome in self.threads.join() {
            if let Err(message) = outcome {
                error!(message, "a worker thread panicked outside its graph");
            }
        }
    }
}

/// The thread that cuts epochs and starts groups.
struct Supervisor<P: Program> {
    engine: Engine<P>,
    control: Arc<Control<P::Views>>,
    /// Groups that failed. They keep their frontiers until new views take their place: whoever waits for one waits on,
    /// and is told then that it has ended.
    retired: Vec<Arc<Shared>>,
    /// The present group, and how many there were.
    current: Option<Arc<Shared>>,
    generation: u64,
    refusals: Pauses,
    /// Whether the log refuses now.
    refused: bool,
    restarts: Restarts,
    landed_again: Option<Instant>,
}

/// Why a group has ended.
enum Ended {
    /// It was told to.
    Stopped,
    /// A worker has failed, or rows must be made again.
    Rebuild,
}

impl<P: Program> Supervisor<P> {
    fn new(engine: Engine<P>, control: Arc<Control<P::Views>>) -> Self {
        let first = engine.config.restart_pause;
        let restarts = Restarts::new(RESTARTS_MAX, RESTARTS_WITHIN, Pauses::new(first, first * RESTART_PAUSE_GROWS));
        let refusals = REFUSAL_PAUSES;
        let (retired, current, generation, refused, landed_again) = (Vec::new(), None, 0, false, None);
        Self { engine, control, retired, current, generation, refusals, refused, restarts, landed_again }
    }

    fn run(mut self, started: &SyncSender<Result<(), DataflowError>>) {
        let outcome = self.groups(started);
        // Landing first: a snapshot may wait for it.
        self.engine.landings.close();
        self.engine.snapshots.close();
        match outcome {
            Ok(()) => *self.control.phase.lock() = Phase::Stopped,
            Err(error) => {
                error!(%error, "the dataflow has failed");
                self.control.in_trouble(Phase::Failed, &error);
                // Only before the first group is there anybody who listens.
                drop(started.try_send(Err(error)));
            }
        }
    }

    fn groups(&mut self, started: &SyncSender<Result<(), DataflowError>>) -> Result<(), DataflowError> {
        loop {
            // The thread must outlive a panic of what it calls: nobody else would say that the views stand still.
            let outcome = catch_unwind(AssertUnwindSafe(|| self.group(started)));
            self.retired.extend(self.current.take());
            match outcome.unwrap_or_else(|panic| self.panicked(&*panic)) {
                Ok(Ended::Stopped) => return Ok(()),
                Ok(Ended::Rebuild) => *self.control.phase.lock() = Phase::Rebuilding,
                Err(error) if self.control.published.read().is_none() => return Err(error),
                Err(error) if error.is_refusal() => self.wait_for_the_log(&error),
                Err(error) => self.restart_after(error)?,
            }
            if self.control.stopping() {
                return Ok(());
            }
        }
    }

    fn panicked(&self, panic: &(dyn Any + Send)) -> Result<Ended, DataflowError> {
        Figures::add(&self.engine.figures.rebuilds, 1);
        Err(DataflowError::Sequencer(message(panic)))
    }

    /// Runs one group from its recovery to its end.
    fn group(&mut self, started: &SyncSender<Result<(), DataflowError>>) -> Result<Ended, DataflowError> {
        let mut group = self.engine.begin(Workers::start::<P>)?;
        self.current = Some(Arc::clone(&group.shared));
        self.generation += 1;
        if self.control.published.read().is_none() {
            self.publish(&group);
            drop(started.try_send(Ok(())));
        }
        let outcome = self.follow(&mut group);
        let Group { shared, workers, .. } = group;
        let stopped = matches!(outcome, Ok(Ended::Stopped)) && shared.failure().is_none();
        if !stopped {
            shared.stop();
        }
        workers.join();
        match shared.failure() {
            Some(failure) if outcome.is_ok() => self.engine.after(failure).map(|()| Ended::Rebuild),
            _ => {
                Figures::add(&self.engine.figures.rebuilds, u64::from(!stopped));
                outcome
            }
        }
    }

    /// The epoch that was cut keeps until the log has room for its binding.
    fn refuse(&mut self, group: &Group<P, Workers>, error: &DataflowError) {
        *self.control.behind.lock() = (group.sequencer.behind(), 0);
        self.wait_for_the_log(error);
    }

    /// The log refuses what must be written: nothing is lost, and nobody needs to do anything but make room.
    fn wait_for_the_log(&mut self, error: &DataflowError) {
        if !std::mem::replace(&mut self.refused, true) {
            warn!(%error, "views stand still until the log has room");
        }
        self.control.in_trouble(Phase::Waiting, error);
        self.control.pause(self.refusals.next());
    }

    fn taken_by_the_log(&mut self) {
        if std::mem::take(&mut self.refused) {
            info!("the log has room again, views go on");
            self.refusals.over();
            *self.control.phase.lock() = Phase::CatchingUp;
        }
    }

    /// Waits before another group is tried, unless that cannot help or was tried often enough.
    fn restart_after(&mut self, error: DataflowError) -> Result<(), DataflowError> {
        if error.is_final() {
            return Err(error);
        }
        let Some(pause) = self.restarts.next(Instant::now()) else { return Err(error) };
        error!(%error, ?pause, "the dataflow starts again");
        self.control.in_trouble(Phase::Restarting, &error);
        self.control.pause(pause);
        Ok(())
    }

    /// Whether rows that were dropped can be made again now.
    fn lands_again(&mut self) -> bool {
        let again = self.engine.landings.wants_again()
            && self.landed_again.is_none_or(|last| last.elapsed() >= LAND_AGAIN_EVERY);
        if again {
            self.landed_again = Some(Instant::now());
            info!("rows that were dropped are made again");
        }
        again
    }

    fn publish(&mut self, group: &Group<P, Workers>) {
        *self.control.published.write() = Some((group.views.clone(), group.progress.clone()));
        self.control.generation.store(self.generation, Ordering::Relaxed);
        self.retired.clear();
    }

    /// Cuts epochs and feeds them until the group fails or is stopped.
    fn follow(&mut self, group: &mut Group<P, Workers>) -> Result<Ended, DataflowError> {
        let mut flight: VecDeque<u64> = VecDeque::new();
        let (mut caught_up, mut closing_epochs) = (false, 0);
        *self.control.phase.lock() = if self.retired.is_empty() { Phase::CatchingUp } else { Phase::Rebuilding };
        let mut taken = (Instant::now(), self.engine.figures.rows.load(Ordering::Relaxed));
        loop {
            let closing = self.control.stopping();
            if group.shared.stopped() {
                return Ok(Ended::Rebuild);
            }
            if closing && (group.sequencer.replaying() > 0 || !self.settle(group)) {
                return Ok(Ended::Stopped);
            }
            if !closing && group.sequencer.replaying() == 0 && self.lands_again() {
                return Ok(Ended::Rebuild);
            }
            closing_epochs += usize::from(closing);
            let began = Instant::now();
            let snapshot = if closing || self.due(taken) { self.engine.snapshot_wanted(group) } else { None };
            let enough = closing_epochs >= CLOSING_EPOCHS_MAX;
            let next = group.sequencer.next(Wish { closing, enough, snapshot });
            if let Err(error) = next {
                let error = DataflowError::from(error);
                if !error.is_refusal() {
                    return Err(error);
                }
                if closing {
                    // Whoever waits for the stop cannot wait for room.
                    return Ok(Ended::Stopped);
                }
                self.refuse(group, &error);
                continue;
            }
            self.taken_by_the_log();
            let Some(cut) = next? else {
                self.idle(group, &mut caught_up);
                continue;
            };
            let (number, last, small) = (cut.epoch.number, cut.closing, cut.epoch.rows < self.engine.config.epoch_rows);
            self.count(group, cut.epoch.rows);
            let asked = cut.epoch.snapshot.is_some();
            if asked {
                self.engine.snapshots.ask();
                taken = (Instant::now(), self.engine.figures.rows.load(Ordering::Relaxed));
            }
            group.announcer.announce(cut.as_of.clone());
            group.workers.feed(deal(cut, self.engine.config.workers));
            flight.push_back(number);
            if last {
                self.close(group, number, asked);
                return Ok(Ended::Stopped);
            }
            self.hold_back(group, &mut flight);
            if group.sequencer.replaying() > 0 {
                self.engine.landings.wait_for_room(self.engine.config.landing_patience);
            }
            self.replace_views(group);
            if caught_up && small {
                self.control.pause(self.engine.config.epoch_every.saturating_sub(began.elapsed()));
            }
        }
    }

    /// Whether a marked epoch is worth writing. When old records are folded their log time flies, and a snapshot for
    /// each ten seconds of it would be one for each epoch; and a large state is not written for a few rows. What is left
    /// out changes no answer: what a restart folds again is bounded by `snapshot_rows`.
    fn due(&self, (last, rows): (Instant, u64)) -> bool {
        let config = &self.engine.config;
        let every = Duration::from_micros(config.snapshot_every.0.unsigned_abs());
        let folded = self.engine.figures.rows.load(Ordering::Relaxed) - rows;
        (last.elapsed() >= every && self.engine.snapshots.pays(folded)) || folded >= config.snapshot_rows
    }

    fn count(&self, group: &Group<P, Workers>, rows: u64) {
        Figures::add(&self.engine.figures.epochs, 1);
        Figures::add(&self.engine.figures.rows, rows);
        *self.engine.figures.set_aside.lock() = group.sequencer.set_aside();
        *self.control.behind.lock() = (group.sequencer.behind(), group.sequencer.replaying());
    }

    /// Waits until few enough epochs are in flight.
    fn hold_back(&self, group: &Group<P, Workers>, flight: &mut VecDeque<u64>) {
        while flight.len() >= self.engine.config.in_flight && !group.shared.stopped() {
            if group.shared.wait_for(flight[0], FLOW_WAIT) {
                flight.pop_front();
            }
        }
    }

    /// After a rebuild: the new views take the place of the old ones as soon as they are not behind them.
    fn replace_views(&mut self, group: &Group<P, Workers>) {
        let published = self.control.generation.load(Ordering::Relaxed);
        if published != self.generation && group.progress.epoch() >= self.control.published().1.epoch() {
            self.publish(group);
        }
    }

    /// Nothing new: sleeps until there is, or until a beat may be due.
    fn idle(&mut self, group: &Group<P, Workers>, caught_up: &mut bool) {
        let caught = group.shared.all() >= group.sequencer.end().epoch;
        if caught && !*caught_up {
            info!(epoch = group.sequencer.end().epoch, "dataflow follows the log");
            *caught_up = true;
        }
        if caught {
            self.replace_views(group);
            *self.control.phase.lock() = Phase::Live;
            *self.control.behind.lock() = (group.sequencer.behind(), 0);
        }
        self.engine.log.wait_past(group.sequencer.looked(), IDLE_MAX);
    }

    /// Before the last epoch: the snapshot on its way must be written, or the last one could not be taken.
    fn settle(&self, group: &Group<P, Workers>) -> bool {
        let deadline = Instant::now() + STOP_PATIENCE;
        while !self.engine.snapshots.is_idle() && Instant::now() < deadline {
            if group.shared.stopped() {
                return false;
            }
            self.engine.snapshots.wait_written(u64::MAX, FLOW_WAIT);
        }
        true
    }

    fn close(&self, group: &Group<P, Workers>, epoch: u64, asked: bool) {
        let deadline = Instant::now() + STOP_PATIENCE;
        while !group.shared.wait_for(epoch, FLOW_WAIT) && !group.shared.stopped() && Instant::now() < deadline {}
        if group.shared.all() >= epoch {
            // A snapshot that was not asked for never comes.
            let written = asked && self.engine.snapshots.wait_written(epoch, STOP_PATIENCE);
            info!(epoch, written, "dataflow stops");
        }
    }
}
