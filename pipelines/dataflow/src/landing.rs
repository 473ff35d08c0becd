//! Landing epochs: what all views have to tell the warehouse, collected from all workers and handed over in order.
//!
//! Nothing here makes a worker wait. When the receiver does not keep up, epochs that wait are merged, and when even that
//! is too much rows are dropped: views stay right, no snapshot is kept, and as soon as the receiver has taken what waits,
//! the group is rebuilt from before the gap and makes the rows again.

use std::any::Any;
use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::time::{Duration, Instant};

use eventlog::{Lane, PartitionId};
use parking_lot::{Condvar, Mutex};
use records::Timestamp;
use records::hash::Bin;
use tracing::{error, info};

use crate::epoch::{Epoch, RawEnd};

/// Landing epochs that wait before they are merged: a minute of a receiver that stands still.
const WAITING_MAX: usize = 64;

/// Everything that views tell the warehouse at the end of a landing epoch. A function of the log and its bindings.
#[derive(Debug)]
pub struct LandingEpoch {
    /// Its number, from 1 without a gap; when epochs were merged, the newest of them.
    pub number: u64,
    /// The first landing epoch that is in it; equal to `number` unless epochs were merged.
    pub first: u64,
    /// The epoch at whose end it was taken.
    pub epoch: u64,
    /// Every record with a log time up to this one is reflected.
    pub bound: Timestamp,
    /// Where the activity partitions end: raw records land by this cursor.
    pub raw: Vec<RawEnd>,
    /// Whether state that has told these rows, and all before, may be kept as soon as they are taken: then they must be
    /// durable. Otherwise they may come again.
    pub snapshot: bool,
    /// The rows of each view, also of those that have none.
    pub views: Vec<ViewRows>,
}

/// The rows of one view: bin by bin, and within a bin sorted by the row's key.
pub struct ViewRows {
    /// The view's name.
    pub view: &'static str,
    /// The view's version.
    pub version: u32,
    landed: Landed,
}

impl ViewRows {
    /// How many rows.
    pub fn len(&self) -> usize {
        self.landed.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The rows, if they are of this type: that is [`views::state::Fold::Row`] of the view's fold.
    pub fn rows<R: 'static>(&self) -> Option<&[R]> {
        self.landed.rows.downcast_ref::<Vec<R>>().map(Vec::as_slice)
    }
}

impl fmt::Debug for ViewRows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} rows of {}.{}", self.len(), self.view, self.version)
    }
}

/// Takes landing epochs: writes them to an outbox and returns its position. Called in order by one thread.
///
/// It may take long: epochs go on meanwhile. After an error it is called again with the same epoch, or with one
/// that later ones were merged into.
pub type Sink = Box<dyn FnMut(&LandingEpoch) -> Result<u64, SinkError> + Send>;

/// Says up to which landing epoch nothing has to be made again: a manifest of a later one is not used, since the rows
/// that it has told are nowhere. Asked whenever a group of workers begins.
pub type Taken = Box<dyn Fn() -> u64 + Send>;

/// Why a landing epoch was not taken.
#[derive(Debug, thiserror::Error)]
#[error("landing: {0}")]
pub struct SinkError(pub String);

/// The rows of one view, of one worker or of all.
pub(crate) struct Landed {
    bins: Vec<(Bin, usize)>,
    rows: Box<dyn Any + Send>,
    merge: fn(Vec<Landed>) -> Landed,
}

impl Landed {
    /// Rows bin by bin, with the number of rows of each bin that has some.
    pub(crate) fn new<R: Send + 'static>(bins: Vec<(Bin, usize)>, rows: Vec<R>) -> Self {
        Self { bins, rows: Box::new(rows), merge: merge::<R> }
    }

    fn len(&self) -> usize {
        self.bins.iter().map(|(_, count)| count).sum()
    }
}

/// Puts rows of several workers, or of several epochs, into the order of bins; rows of one bin keep their order.
fn merge<R: Send + 'static>(parts: Vec<Landed>) -> Landed {
    let mut by_bin: BTreeMap<Bin, Vec<R>> = BTreeMap::new();
    for part in parts {
        let mut rows = part.rows.downcast::<Vec<R>>().expect("all parts are of one view").into_iter();
        for (bin, count) in part.bins {
            by_bin.entry(bin).or_default().extend(rows.by_ref().take(count));
        }
    }
    let bins = by_bin.iter().map(|(bin, rows)| (*bin, rows.len())).collect();
    Landed::new(bins, by_bin.into_values().flatten().collect())
}

/// Collects what workers land and hands it over.
pub(crate) struct Landings {
    views: Vec<(&'static str, u32)>,
    wanted: bool,
    rows_max: usize,
    state: Mutex<State>,
    moved: Condvar,
}

#[derive(Default)]
struct State {
    workers: usize,
    collecting: BTreeMap<u64, Collecting>,
    waiting: VecDeque<LandingEpoch>,
    // The newest landing epoch that was taken, and the outbox's position after it.
    taken: u64,
    position: u64,
    // Epochs up to this one may have been handed over by an earlier group or process.
    told: u64,
    closed: bool,
    dropped_rows: u64,
    // Rows were dropped: later ones are made again, with them, from the last snapshot before.
    interrupted: bool,
    // Counts the groups, so that what an old one has left in the receiver's hands is not taken for a new one's.
    group: u64,
    // What the receiver says while it refuses.
    refused: Option<String>,
    // When something was last taken, or a group began.
    progress: Option<Instant>,
}

struct Collecting {
    parts: Vec<Vec<Landed>>,
    missing: usize,
}

/// Figures about landing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LandingFigures {
    /// The newest landing epoch that was taken.
    pub taken: u64,
    /// Landing epochs that wait.
    pub waiting: usize,
    /// Rows that were dropped because nobody took them.
    pub dropped_rows: u64,
    /// Whether rows that were dropped have still to be made again.
    pub interrupted: bool,
}

impl Landings {
    /// Without a receiver (`wanted` is false) rows are forgotten at once.
    pub(crate) fn new(views: Vec<(&'static str, u32)>, wanted: bool, rows_max: usize) -> Self {
        Self { views, wanted, rows_max, state: Mutex::default(), moved: Condvar::new() }
    }

    /// A new group begins: halves of an old one are forgotten. Landing epochs up to `told` may have been handed over
    /// before, one by one, so they are handed over like that again and never merged.
    pub(crate) fn restart(&self, workers: usize, taken: u64, position: u64, told: u64) {
        let mut state = self.state.lock();
        (state.workers, state.taken, state.position, state.told) = (workers, taken, position, told);
        state.collecting.clear();
        state.waiting.clear();
        (state.interrupted, state.progress) = (false, Some(Instant::now()));
        state.group += 1;
        drop(state);
        self.moved.notify_all();
    }

    /// One worker's rows of one view.
    pub(crate) fn landed(&self, number: u64, epoch: &Epoch, view: usize, worker: usize, landed: Landed) {
        let mut state = self.state.lock();
        let workers = state.workers;
        let collecting = state.collecting.entry(number).or_insert_with(|| Collecting {
            parts: self.views.iter().map(|_| Vec::new()).collect(),
            missing: self.views.len() * workers,
        });
        debug_assert!(worker < workers, "every worker has a number");
        collecting.parts[view].push(landed);
        collecting.missing -= 1;
        if collecting.missing > 0 {
            return;
        }
        let collected = state.collecting.remove(&number).expect("it was just completed");
        if self.wanted {
            state.wait(self.assemble(number, epoch, collected), self.rows_max);
        } else {
            state.taken = number;
        }
        drop(state);
        self.moved.notify_all();
    }

    fn assemble(&self, number: u64, epoch: &Epoch, collected: Collecting) -> LandingEpoch {
        let named = self.views.iter().zip(collected.parts);
        let views = named.map(|((view, version), parts)| {
            let merge = parts.first().expect("every worker gave a part").merge;
            ViewRows { view, version: *version, landed: merge(parts) }
        });
        let ends = epoch.checkpoint.iter().flat_map(|end| end.cursors.offsets(Lane::Activity));
        let raw = (0..).zip(ends).map(|(partition, end)| RawEnd { partition: PartitionId(partition), end }).collect();
        let (snapshot, views) = (epoch.snapshot.is_some(), views.collect());
        LandingEpoch { number, first: number, epoch: epoch.number, bound: epoch.bound, raw, snapshot, views }
    }

    /// Hands the next landing epoch to the sink; false when there was none.
    pub(crate) fn hand_over(&self, sink: &mut Sink) -> bool {
        let mut state = self.state.lock();
        let Some(epoch) = state.waiting.pop_front() else { return false };
        let group = state.group;
        drop(state);
        // No lock is held: the sink may take as long as it likes.
        let outcome = sink(&epoch);
        let mut state = self.state.lock();
        state.heard(&epoch, outcome.as_ref().err());
        // A new group tells everything since its snapshot itself.
        match outcome {
            _ if state.group != group => {}
            Ok(position) => (state.taken, state.position) = (epoch.number, position),
            Err(_) => state.waiting.push_front(epoch),
        }
        drop(state);
        self.moved.notify_all();
        true
    }

    /// Parks until there is a landing epoch to hand over; false when nothing will come any more.
    pub(crate) fn wait_for_work(&self) -> bool {
        let mut state = self.state.lock();
        while state.waiting.is_empty() && !state.closed {
            self.moved.wait(&mut state);
        }
        !state.waiting.is_empty()
    }

    /// Parks for a while, unless it is closed: between two tries.
    pub(crate) fn pause(&self, pause: Duration) -> bool {
        let mut state = self.state.lock();
        if !state.closed {
            self.moved.wait_for(&mut state, pause);
        }
        !state.closed
    }

    /// Waits until fewer landing epochs wait than are merged: for whoever makes old ones again faster than anybody takes
    /// them. Gives up when nothing was taken for `patience`, and is then impatient until something is.
    pub(crate) fn wait_for_room(&self, patience: Duration) {
        let mut state = self.state.lock();
        while state.waiting.len() >= WAITING_MAX && !state.closed && !state.interrupted {
            let deadline = state.progress.map(|taken| taken + patience);
            if deadline.is_none_or(|deadline| self.moved.wait_until(&mut state, deadline).timed_out()) {
                return;
            }
        }
    }

    /// Whether rows were dropped and the receiver has since taken everything before them: it is time to make them again.
    pub(crate) fn wants_again(&self) -> bool {
        let state = self.state.lock();
        state.interrupted && state.waiting.is_empty() && state.refused.is_none()
    }

    /// Waits until a landing epoch was taken, and returns the outbox's position.
    pub(crate) fn wait_taken(&self, number: u64, patience: Duration) -> Option<u64> {
        let deadline = Instant::now() + patience;
        let mut state = self.state.lock();
        while state.taken < number {
            if state.closed || state.interrupted || self.moved.wait_until(&mut state, deadline).timed_out() {
                break;
            }
        }
        (state.taken >= number && !state.interrupted).then_some(state.position)
    }

    /// No more epochs will come; what waits is handed over once more and then given up.
    pub(crate) fn close(&self) {
        self.state.lock().closed = true;
        self.moved.notify_all();
    }

    pub(crate) fn figures(&self) -> LandingFigures {
        let state = self.state.lock();
        let State { taken, dropped_rows, interrupted, .. } = *state;
        LandingFigures { taken, waiting: state.waiting.len(), dropped_rows, interrupted }
    }
}

impl State {
    /// Says once that the receiver refuses, and once that it takes again.
    fn heard(&mut self, epoch: &LandingEpoch, error: Option<&SinkError>) {
        let (landing_epoch, waiting) = (epoch.number, self.waiting.len());
        match error {
            Some(error) if self.refused.is_none() => {
                error!(%error, landing_epoch, "landing epoch was not taken, it is tried again");
            }
            None if self.refused.is_some() => info!(landing_epoch, waiting, "landing epochs are taken again"),
            _ => {}
        }
        self.refused = error.map(SinkError::to_string);
        if error.is_none() {
            self.progress = Some(Instant::now());
        }
    }

    fn wait(&mut self, epoch: LandingEpoch, rows_max: usize) {
        let rows = |epoch: &LandingEpoch| epoch.views.iter().map(ViewRows::len).sum::<usize>();
        let waiting: usize = self.waiting.iter().map(rows).sum();
        let crowded = self.waiting.len() >= WAITING_MAX;
        let told = self.told;
        if self.interrupted || waiting + rows(&epoch) > rows_max && !self.waiting.is_empty() {
            let dropped = rows(&epoch) as u64;
            self.dropped_rows += dropped;
            if !std::mem::replace(&mut self.interrupted, true) {
                // From here on nothing more is handed over and no snapshot is kept, so a rebuild goes back to before the
                // gap and makes these rows again.
                error!(
                    landing_epoch = epoch.number,
                    "nobody takes rows for the warehouse: they are dropped, and made again when they are taken"
                );
            }
            return;
        }
        match self.waiting.back_mut().filter(|last| last.number > told) {
            Some(last) if crowded => last.absorb(epoch),
            _ => self.waiting.push_back(epoch),
        }
    }
}

impl LandingEpoch {
    /// Takes over a later epoch whole.
    fn absorb(&mut self, mut later: Self) {
        for (here, there) in self.views.iter_mut().zip(std::mem::take(&mut later.views)) {
            let merge = here.landed.merge;
            let empty = Landed { bins: Vec::new(), rows: Box::new(()), merge };
            here.landed = merge(vec![std::mem::replace(&mut here.landed, empty), there.landed]);
        }
        (self.number, self.epoch, self.bound, self.raw) = (later.number, later.epoch, later.bound, later.raw);
        self.snapshot |= later.snapshot;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn epoch(number: u64) -> Epoch {
        Epoch {
            number,
            bound: Timestamp(number.cast_signed()),
            landing: Some(number),
            snapshot: None,
            places: Vec::new(),
            skips: Vec::new(),
            aside: std::sync::Arc::default(),
            rows: 0,
            bound_before: 0,
            checkpoint: None,
        }
    }

    fn landings() -> Landings {
        bounded(usize::MAX)
    }

    fn bounded(rows_max: usize) -> Landings {
        let landings = Landings::new(vec![("sum", 1)], true, rows_max);
        landings.restart(2, 0, 0, 0);
        landings
    }

    fn land(landings: &Landings, number: u64) {
        // The workers come in any order; bins are theirs by number.
        let odd = Landed::new(vec![(1, 2), (3, 1)], vec![number * 10 + 1, number * 10 + 1, number * 10 + 3]);
        landings.landed(number, &epoch(number), 0, 1, odd);
        landings.landed(number, &epoch(number), 0, 0, Landed::new(vec![(2, 1)], vec![number * 10 + 2]));
    }

    #[test]
    fn rows_come_bin_by_bin_whoever_owns_them() {
        let landings = landings();
        land(&landings, 1);
        let (send, receive) = std::sync::mpsc::sync_channel(9);
        let mut sink: Sink = Box::new(move |epoch| {
            send.send(epoch.views[0].rows::<u64>().unwrap().to_vec()).unwrap();
            Ok(70)
        });
        assert!(landings.hand_over(&mut sink) && !landings.hand_over(&mut sink));
        assert_eq!(receive.recv().unwrap(), [11, 11, 12, 13]);
        assert_eq!(landings.wait_taken(1, Duration::ZERO), Some(70));
        assert_eq!(landings.wait_taken(2, Duration::ZERO), None);
    }

    #[test]
    fn rows_that_nobody_takes_keep_snapshots_back_until_they_are_made_again() {
        let landings = bounded(10);
        (1..=4).for_each(|number| land(&landings, number));
        let seen = std::sync::Arc::new(Mutex::new(Vec::new()));
        let numbers = std::sync::Arc::clone(&seen);
        let mut sink: Sink = Box::new(move |epoch| {
            numbers.lock().push(epoch.number);
            Ok(epoch.number)
        });
        assert!(!landings.wants_again(), "the receiver has not shown that it takes any");
        while landings.hand_over(&mut sink) {}
        assert_eq!((seen.lock().clone(), landings.figures().dropped_rows), (vec![1, 2], 8));
        assert!(landings.wants_again());
        assert_eq!(landings.wait_taken(2, Duration::ZERO), None, "a snapshot here would seal the gap");
        land(&landings, 5);
        assert!(!landings.hand_over(&mut sink), "nothing passes the gap");
        landings.restart(2, 2, 2, 2);
        assert!(!landings.wants_again());
        for number in 3..=5 {
            land(&landings, number);
            landings.hand_over(&mut sink);
        }
        assert_eq!((seen.lock().last().copied(), landings.wait_taken(5, Duration::ZERO)), (Some(5), Some(5)));
    }

    #[test]
    fn what_waits_too_long_is_merged_without_loss() {
        let landings = landings();
        (1..=100).for_each(|number| land(&landings, number));
        assert_eq!(
            landings.figures(),
            LandingFigures { taken: 0, waiting: WAITING_MAX, dropped_rows: 0, interrupted: false }
        );
        let total = std::sync::Arc::new(Mutex::new((0, 0)));
        let seen = std::sync::Arc::clone(&total);
        let mut sink: Sink = Box::new(move |epoch| {
            let mut seen = seen.lock();
            assert_eq!(epoch.first, seen.0 + 1, "no gap");
            *seen = (epoch.number, seen.1 + epoch.views[0].len());
            Ok(0)
        });
        while landings.hand_over(&mut sink) {}
        assert_eq!(*total.lock(), (100, 400));
    }

    #[test]
    fn what_may_have_been_told_before_is_told_again_one_by_one() {
        // An outbox cannot take a range of which it holds a part.
        let landings = landings();
        landings.restart(2, 0, 0, 100);
        (1..=200).for_each(|number| land(&landings, number));
        let mut sink: Sink = Box::new(move |epoch| {
            assert!(epoch.first == epoch.number || epoch.first > 100, "{}..={}", epoch.first, epoch.number);
            Ok(0)
        });
        while landings.hand_over(&mut sink) {}
        assert_eq!(landings.figures().taken, 200);
    }

    #[test]
    fn what_an_old_group_left_in_the_receivers_hands_is_not_the_new_ones() {
        let landings = std::sync::Arc::new(landings());
        (1..=3).for_each(|number| land(&landings, number));
        let again = std::sync::Arc::clone(&landings);
        let mut sink: Sink = Box::new(move |epoch| {
            // Meanwhile a worker panics, and the new group goes back to before the first epoch.
            if epoch.number == 1 {
                again.restart(2, 0, 0, 3);
            }
            Err(SinkError("full".into()))
        });
        assert!(landings.hand_over(&mut sink));
        assert_eq!(landings.figures().waiting, 0, "it comes again by itself, in its turn");
    }

    #[test]
    fn an_epoch_that_was_refused_comes_again() {
        let landings = landings();
        land(&landings, 1);
        let mut tries = 0;
        let mut sink: Sink = Box::new(move |_| {
            tries += 1;
            if tries == 1 { Err(SinkError("full".into())) } else { Ok(tries) }
        });
        assert!(landings.hand_over(&mut sink) && landings.hand_over(&mut sink));
        assert_eq!(landings.wait_taken(1, Duration::ZERO), Some(2));
    }
}
