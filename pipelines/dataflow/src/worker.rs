//! One worker: a timely graph on a thread of its own, fed with epochs, stopped by a flag that it polls.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, TryRecvError};
use std::time::{Duration, Instant};

use timely::WorkerConfig;
use timely::communication::Allocator;
use timely::dataflow::InputHandleVec;
use timely::worker::Worker as TimelyWorker;

use crate::epoch::{Dealt, Epoch};
use crate::graph::{Graph, Program};
use crate::restore::{RestoreError, Restored};
use crate::shared::{Failure, Shared};

/// How long a worker sleeps at most: a stop flag that was set without waking it is seen then. Data always wakes it.
const PARK_MAX: Duration = Duration::from_millis(100);

/// An epoch as one worker gets it.
pub(crate) struct Feed {
    pub(crate) epoch: Arc<Epoch>,
    /// The frames that this worker decodes and routes.
    pub(crate) frames: Vec<Dealt>,
}

/// What the operators of one worker share.
pub(crate) struct Context {
    pub(crate) index: usize,
    pub(crate) workers: usize,
    pub(crate) shared: Arc<Shared>,
    epochs: RefCell<Epochs>,
    /// For each view, how many epochs it has finished.
    done: RefCell<Vec<u64>>,
}

/// Epochs that were fed and that some view has not finished.
#[derive(Default)]
struct Epochs {
    queue: VecDeque<Arc<Epoch>>,
    finished: u64,
}

impl Context {
    pub(crate) fn new(index: usize, workers: usize, views: usize, shared: Arc<Shared>) -> Self {
        let done = RefCell::new(vec![0; views]);
        Self { index, workers, shared, epochs: RefCell::default(), done }
    }

    /// The next epoch that a view has not finished.
    pub(crate) fn next(&self, view: usize) -> Option<Arc<Epoch>> {
        let epochs = self.epochs.borrow();
        let ahead = self.done.borrow()[view] - epochs.finished;
        epochs.queue.get(usize::try_from(ahead).ok()?).cloned()
    }

    /// A fed epoch by its number.
    pub(crate) fn epoch(&self, number: u64) -> Option<Arc<Epoch>> {
        let epochs = self.epochs.borrow();
        let place = epochs.queue.binary_search_by_key(&number, |epoch| epoch.number).ok()?;
        epochs.queue.get(place).cloned()
    }

    /// A view has finished its next epoch.
    pub(crate) fn done(&self, view: usize) {
        self.done.borrow_mut()[view] += 1;
    }

    /// Forgets epochs that every view has finished; the last of them.
    fn forget(&self) -> Option<u64> {
        let least = self.done.borrow().iter().copied().min()?;
        let mut epochs = self.epochs.borrow_mut();
        let mut last = None;
        while epochs.finished < least {
            last = epochs.queue.pop_front().map(|epoch| epoch.number);
            epochs.finished += 1;
        }
        last
    }
}

/// A worker that is driven from outside: by its thread, or by one thread for all in turn.
pub(crate) struct Worker {
    timely: TimelyWorker,
    input: Option<InputHandleVec<u64, Arc<Dealt>>>,
    context: std::rc::Rc<Context>,
}

impl Worker {
    /// Builds the graph and reads the worker's bins. All workers of a group have to do this at the same time.
    pub(crate) fn build<P: Program>(
        allocator: Allocator,
        context: Context,
        writers: P::Writers,
        restored: Option<&Restored>,
    ) -> Result<Self, RestoreError> {
        let context = std::rc::Rc::new(context);
        // A worker without a timer never parks: it takes every step for urgent. Nothing in the graph asks for the time.
        let mut timely = TimelyWorker::new(WorkerConfig::default(), allocator, Some(Instant::now()));
        let shared = std::rc::Rc::clone(&context);
        let error = Cell::new(None);
        let input = timely.dataflow::<u64, _, _>(|scope| {
            let mut input = InputHandleVec::new();
            let frames = input.to_stream(scope);
            let mut graph = Graph::new(scope, frames, shared, restored);
            // A fold that panics on old bytes must not leave the others waiting for this worker.
            let outcome = catch_unwind(AssertUnwindSafe(|| P::build(writers, &mut graph)));
            let panicked = outcome.err().map(|panic| RestoreError::Panicked(message(&*panic)));
            error.set(panicked.or(graph.finish()));
            input
        });
        match error.into_inner() {
            Some(error) => Err(error),
            None => Ok(Self { timely, input: Some(input), context }),
        }
    }

    /// Takes an epoch in.
    pub(crate) fn feed(&mut self, feed: Feed) {
        let number = feed.epoch.number;
        self.context.epochs.borrow_mut().queue.push_back(feed.epoch);
        let input = self.input.as_mut().expect("fed only before it is closed");
        input.advance_to(number);
        input.send_batch(&mut feed.frames.into_iter().map(Arc::new).collect());
        input.advance_to(number + 1);
    }

    /// No more epochs will come.
    pub(crate) fn close(&mut self) {
        self.input = None;
    }

    /// Does some work, or sleeps until there is some; false when everything is done.
    pub(crate) fn step(&mut self, park: Duration) -> bool {
        let goes_on = self.timely.step_or_park(Some(park));
        if let Some(epoch) = self.context.forget() {
            self.context.shared.complete(self.context.index, epoch);
        }
        goes_on
    }

    /// The thread's loop.
    fn run(&mut self, feeds: &Receiver<Feed>) {
        while !self.context.shared.stopped() {
            while self.input.is_some() {
                match feeds.try_recv() {
                    Ok(feed) => self.feed(feed),
                    Err(TryRecvError::Empty) => break,
                    Err(TryRecvError::Disconnected) => self.close(),
                }
            }
            if !self.step(PARK_MAX) {
                break;
            }
        }
    }
}

/// Runs a worker until its feeds end or the group is stopped. A panic outside the operators is a failure too.
pub(crate) fn run(mut worker: Worker, feeds: &Receiver<Feed>) {
    let shared = Arc::clone(&worker.context.shared);
    let outcome = catch_unwind(AssertUnwindSafe(|| worker.run(feeds)));
    if let Err(panic) = outcome
        && !shared.stopped()
    {
        let epoch = shared.all();
        shared.fail(Failure { epoch, stands_from: epoch, view: None, at: None, bin: None, message: message(&*panic) });
    }
    // A graph that was left in the middle of something may panic once more while it is dropped.
    drop(catch_unwind(AssertUnwindSafe(|| drop(worker))));
}

/// What a panic said.
pub(crate) fn message(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "a panic without a message".to_owned())
}

#[cfg(test)]
mod tests {
    use timely::communication::allocator::Thread;
    use views::as_of::{AsOf, channel};

    use super::*;
    use crate::computations::Product;
    use crate::landing::Landings;
    use crate::snapshot::Snapshots;

    #[test]
    fn an_idle_worker_sleeps() {
        let (_announcer, frontier, progress) = channel(AsOf::default());
        let names = Product::views();
        let count = names.len();
        let (landings, snapshots) = (Landings::new(names, false, 0), Snapshots::new(count));
        let shared = Shared::new(1, 0, frontier, Arc::new(landings), Arc::new(snapshots), Arc::default());
        let context = Context::new(0, 1, count, Arc::new(shared));
        let (writers, _readers) = Product::open(1, &progress, views::feed::Limits::default());
        let writers = writers.into_iter().next().unwrap();
        let mut worker =
            Worker::build::<Product>(Allocator::Thread(Thread::default()), context, writers, None).unwrap();
        let park = Duration::from_millis(40);
        // A new graph has some steps to do before it is idle.
        let slept = (0..100).any(|_| {
            let began = Instant::now();
            worker.step(park);
            began.elapsed() >= park
        });
        assert!(slept, "a hundred steps, and none of them parked");
    }
}
