//! What the threads of one group share: the stop flag, the first failure, how far each worker is.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::{Condvar, Mutex};
use records::Pos;
use records::hash::Bin;
use views::as_of::Frontier;

use crate::aside::SetAside;
use crate::landing::Landings;
use crate::snapshot::Snapshots;

/// A panic, or bytes that nobody can read, in one worker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Failure {
    pub(crate) epoch: u64,
    /// The first epoch from which the view may stand still: what follows from earlier ones has left, or may have.
    pub(crate) stands_from: u64,
    /// The view's number; none when it concerns every view.
    pub(crate) view: Option<usize>,
    /// The first record and how many, when it is known which ones are at fault.
    pub(crate) at: Option<(Pos, u32)>,
    /// The bin that was being worked on, when it was no record.
    pub(crate) bin: Option<Bin>,
    pub(crate) message: String,
}

/// Shared by the sequencer and the workers of one group.
pub(crate) struct Shared {
    stop: AtomicBool,
    failure: Mutex<Option<Failure>>,
    completed: Mutex<Completed>,
    moved: Condvar,
    pub(crate) landings: Arc<Landings>,
    pub(crate) snapshots: Arc<Snapshots>,
    pub(crate) figures: Arc<Figures>,
}

struct Completed {
    workers: Vec<u64>,
    frontier: Frontier,
}

/// Counters for the status page.
#[derive(Debug, Default)]
pub(crate) struct Figures {
    pub(crate) rows: AtomicU64,
    pub(crate) epochs: AtomicU64,
    pub(crate) inputs: AtomicU64,
    pub(crate) panics: AtomicU64,
    pub(crate) skipped: AtomicU64,
    pub(crate) rebuilds: AtomicU64,
    /// Views that take part in no epoch any more.
    pub(crate) set_aside: Mutex<Arc<[SetAside]>>,
}

impl Figures {
    pub(crate) fn add(counter: &AtomicU64, value: u64) {
        counter.fetch_add(value, Ordering::Relaxed);
    }
}

impl Shared {
    pub(crate) fn new(
        workers: usize,
        start: u64,
        frontier: Frontier,
        landings: Arc<Landings>,
        snapshots: Arc<Snapshots>,
        figures: Arc<Figures>,
    ) -> Self {
        let completed = Mutex::new(Completed { workers: vec![start; workers], frontier });
        let (stop, failure, moved) = (AtomicBool::new(false), Mutex::new(None), Condvar::new());
        Self { stop, failure, completed, moved, landings, snapshots, figures }
    }

    /// Whether everybody should leave at once.
    pub(crate) fn stopped(&self) -> bool {
        self.stop.load(Ordering::Acquire)
    }

    /// Tells everybody to leave.
    pub(crate) fn stop(&self) {
        self.stop.store(true, Ordering::Release);
        // Taking the lock between the change and the wake-up: a waiter is either before its check or asleep.
        drop(self.completed.lock());
        self.moved.notify_all();
    }

    /// Reports a failure and tells everybody to leave. The first one counts.
    pub(crate) fn fail(&self, failure: Failure) {
        self.failure.lock().get_or_insert(failure);
        self.stop();
    }

    pub(crate) fn failure(&self) -> Option<Failure> {
        self.failure.lock().clone()
    }

    /// Reports that a worker has finished every epoch up to one, and publishes what all have finished.
    pub(crate) fn complete(&self, worker: usize, epoch: u64) {
        let mut completed = self.completed.lock();
        completed.workers[worker] = epoch;
        let all = completed.all();
        completed.frontier.complete(all);
        drop(completed);
        self.moved.notify_all();
    }

    /// Waits until every worker has finished an epoch; false when the time is over or the group is being stopped.
    pub(crate) fn wait_for(&self, epoch: u64, timeout: Duration) -> bool {
        let deadline = std::time::Instant::now() + timeout;
        let mut completed = self.completed.lock();
        while completed.all() < epoch {
            if self.stopped() || self.moved.wait_until(&mut completed, deadline).timed_out() {
                return completed.all() >= epoch;
            }
        }
        true
    }

    /// The epoch that every worker has finished.
    pub(crate) fn all(&self) -> u64 {
        self.completed.lock().all()
    }
}

impl Completed {
    fn all(&self) -> u64 {
        self.workers.iter().copied().min().unwrap_or(0)
    }
}
