//! A view's state: 256 bins behind locks, written by their owners only, read by anyone.
//!
//! ```
//! use records::{Pos, Timestamp};
//! use views::{as_of, feed, laws::Tally, shards, state::At};
//!
//! let (announcer, mut frontier, progress) = as_of::channel(as_of::AsOf::default());
//! let (mut writers, reader) = shards::open::<Tally>(1, progress, feed::Limits::default());
//! let at = At { pos: Pos { log_time: Timestamp(5), ..Pos::default() } };
//! let hash = records::hash::mix(7);
//!
//! announcer.announce(as_of::AsOf { epoch: 1, log_time: Timestamp(5), ..as_of::AsOf::default() });
//! writers[0].apply(1, records::hash::bin(hash), [((), at, &7)], &mut Vec::new());
//! writers[0].finish(1, Timestamp(5));
//! frontier.complete(1);
//!
//! let (count, as_of) = reader.read(hash, |bin| bin.count(7));
//! assert_eq!((count, as_of.epoch), (1, 1));
//! ```

use std::sync::{Arc, OnceLock};

use parking_lot::RwLock;
use records::Timestamp;
use records::hash::{BINS, Bin, bin};

use crate::as_of::{AsOf, Progress};
use crate::feed::{Feed, Limits};
use crate::state::{At, Effects, Fold, StateError};

/// Inputs that a fold is warmed for at once. A core has some twenty misses under way at most, and an input touches a
/// few lines: 32 keep it busy, and what they bring stays within the first-level cache until it is used.
pub const WARMED: usize = 32;

#[derive(Debug)]
struct Slot<F> {
    // The last epoch that this bin had inputs in. Later epochs up to the frontier had none for it.
    epoch: u64,
    fold: F,
}

#[derive(Debug)]
struct Shards<F: Fold> {
    slots: Box<[RwLock<Slot<F>>]>,
    progress: Progress,
    // What the bins reflect when they stand still for good.
    frozen: OnceLock<AsOf>,
    feed: Feed<F>,
}

/// An input for the next operator, with what orders it there.
#[derive(Debug, Clone, PartialEq)]
pub struct Next<T, O> {
    /// The caller's tag of the input that it came from.
    pub tag: T,
    /// Its place among what that one input gave.
    pub ordinal: u32,
    /// The hash of its key.
    pub hash: u64,
    /// The input itself.
    pub output: O,
}

/// The owner of the bins `index`, `index + writers`, ...: a dataflow worker. It is the only way to change them.
#[derive(Debug)]
pub struct Writer<F: Fold> {
    shards: Arc<Shards<F>>,
    index: usize,
    writers: usize,
    effects: Effects<F>,
    changed: Vec<F::Key>,
    dirty: Box<[bool]>,
    // The epoch whose changes are being collected; changes go to the feed when it is finished.
    epoch: u64,
    // The bin that was worked on last: after a panic, the one at fault.
    working: Bin,
}

/// A reader of all bins. Clones are cheap and go to every thread that answers.
#[derive(Debug)]
pub struct Reader<F: Fold> {
    shards: Arc<Shards<F>>,
}

impl<F: Fold> Clone for Reader<F> {
    fn clone(&self) -> Self {
        Self { shards: Arc::clone(&self.shards) }
    }
}

/// Opens an empty view for `writers` workers (at least one, at most 256).
///
/// # Panics
/// When `writers` is 0 or above 256: the caller's configuration is checked long before.
pub fn open<F: Fold>(writers: usize, progress: Progress, limits: Limits) -> (Vec<Writer<F>>, Reader<F>) {
    assert!((1..=BINS).contains(&writers), "a view has 1 to 256 writers");
    let epoch = progress.epoch();
    let slots = (0..BINS).map(|_| RwLock::new(Slot { epoch, fold: F::default() })).collect();
    let feed = Feed::new(progress.clone(), limits);
    let shards = Arc::new(Shards { slots, progress, frozen: OnceLock::new(), feed });
    let owned = (0..writers).map(|index| Writer::new(Arc::clone(&shards), index, writers)).collect();
    (owned, Reader { shards })
}

impl<F: Fold> Writer<F> {
    fn new(shards: Arc<Shards<F>>, index: usize, writers: usize) -> Self {
        let dirty = vec![false; BINS].into();
        let (effects, changed) = (Effects::default(), Vec::new());
        Self { shards, index, writers, effects, changed, dirty, epoch: 0, working: 0 }
    }

    /// Returns whether the bin is this writer's.
    pub fn owns(&self, bin: Bin) -> bool {
        usize::from(bin) % self.writers == self.index
    }

    /// The bins that it owns.
    pub fn bins(&self) -> impl Iterator<Item = Bin> + use<F> {
        (self.index..BINS).step_by(self.writers).map(|bin| u8::try_from(bin).expect("there are 256 bins"))
    }

    /// Folds one epoch's inputs into one bin: sorted by `pos`, all of the epoch's inputs for that bin at once, because
    /// readers must never see half an epoch. `tag` comes back with whatever the input gives the next operator.
    ///
    /// A clone of the iterator runs up to [`WARMED`] inputs ahead for [`Fold::warm`]; `inputs` itself is advanced to an
    /// input only when that is applied, so a caller that notes where the iterator stands knows whom a panic is about.
    ///
    /// # Panics
    /// When the bin is another writer's, or the epoch is before one that the bin has seen.
    pub fn apply<'a, T: Copy>(
        &mut self,
        epoch: u64,
        bin: Bin,
        inputs: impl IntoIterator<Item = (T, At, &'a F::Input), IntoIter: Clone>,
        next: &mut Vec<Next<T, F::Output>>,
    ) {
        assert!(self.owns(bin), "bin {bin} of `{}` belongs to another writer", F::NAME);
        let mut slot = self.shards.slots[usize::from(bin)].write();
        assert!(slot.epoch <= epoch, "epochs of a bin only grow");
        slot.epoch = epoch;
        let mut inputs = inputs.into_iter();
        while warm(&slot.fold, inputs.clone().map(|(_, _, input)| input)) {
            for (tag, at, input) in inputs.by_ref().take(WARMED) {
                slot.fold.apply(at, input, &mut self.effects);
                for (place, (hash, output)) in self.effects.next.drain(..).enumerate() {
                    let ordinal = u32::try_from(place).expect("one input gives few outputs");
                    next.push(Next { tag, ordinal, hash, output });
                }
            }
        }
        drop(slot);
        self.dirty[usize::from(bin)] = true;
        self.collect(epoch);
    }

    /// Ends an epoch: tells every owned bin the time up to which all records were applied, and gives the changed keys
    /// to the feed. Comes after all [`Writer::apply`] of the epoch and before the frontier passes it.
    pub fn finish(&mut self, epoch: u64, bound: Timestamp) {
        for bin in self.bins() {
            let mut slot = self.shards.slots[usize::from(bin)].write();
            if slot.fold.is_empty() {
                continue;
            }
            self.working = bin;
            slot.fold.advance(bound, &mut self.effects);
            drop(slot);
            debug_assert!(self.effects.next.is_empty(), "only inputs give outputs: they have a place in the order");
            self.dirty[usize::from(bin)] |= !self.effects.changed.is_empty();
            self.collect(epoch);
        }
        self.shards.feed.push(epoch, &mut self.changed);
    }

    fn collect(&mut self, epoch: u64) {
        debug_assert!(self.epoch == epoch || self.changed.is_empty(), "the epoch before was finished");
        self.epoch = epoch;
        self.changed.append(&mut self.effects.changed);
    }

    /// Appends what the warehouse has not been told, bin by bin.
    pub fn land(&mut self, rows: &mut Vec<F::Row>) {
        for bin in self.bins() {
            self.land_bin(bin, rows);
        }
    }

    /// Appends what the warehouse has not been told of one bin.
    pub fn land_bin(&mut self, bin: Bin, rows: &mut Vec<F::Row>) {
        assert!(self.owns(bin), "bin {bin} of `{}` belongs to another writer", F::NAME);
        let before = rows.len();
        self.working = bin;
        self.shards.slots[usize::from(bin)].write().fold.land(rows);
        self.dirty[usize::from(bin)] |= rows.len() > before;
    }

    /// Returns whether the bin differs from what the last [`Writer::snapshot`] of it wrote, or was restored from.
    pub fn is_dirty(&self, bin: Bin) -> bool {
        self.dirty[usize::from(bin)]
    }

    /// Appends the bytes of a bin for a snapshot, and takes it as clean. Comes right after [`Writer::land`].
    pub fn snapshot(&mut self, bin: Bin, out: &mut Vec<u8>) {
        assert!(self.owns(bin), "bin {bin} of `{}` belongs to another writer", F::NAME);
        self.working = bin;
        self.shards.slots[usize::from(bin)].read().fold.encode(out);
        self.dirty[usize::from(bin)] = false;
    }

    /// Replaces a bin by what a snapshot of `epoch` holds. Feeds answer older positions with a reset.
    ///
    /// # Errors
    /// When the bytes are damaged or of another version; the bin is then unchanged.
    pub fn restore(&mut self, epoch: u64, bin: Bin, bytes: &[u8]) -> Result<(), StateError> {
        assert!(self.owns(bin), "bin {bin} of `{}` belongs to another writer", F::NAME);
        let fold = F::decode(bytes)?;
        self.put_back(epoch, bin, fold);
        Ok(())
    }

    /// Replaces a bin by what [`Fold::decode`] made of the bytes of a snapshot of `epoch`, as [`Writer::restore`] does:
    /// for who decodes several bins at once.
    pub fn put_back(&mut self, epoch: u64, bin: Bin, fold: F) {
        assert!(self.owns(bin), "bin {bin} of `{}` belongs to another writer", F::NAME);
        *self.shards.slots[usize::from(bin)].write() = Slot { epoch, fold };
        self.dirty[usize::from(bin)] = false;
        self.shards.feed.restart(epoch);
    }

    /// The bin that was last told of time, landed or written: after a panic in there, the one at fault.
    pub fn at_work(&self) -> Bin {
        self.working
    }

    /// From now on the view stands still, and every answer says that it reflects `as_of`. The first call counts.
    pub fn freeze(&self, as_of: AsOf) {
        // Every writer of the view says the same.
        let _ = self.shards.frozen.set(as_of);
    }

    /// A reader of the same view.
    pub fn reader(&self) -> Reader<F> {
        Reader { shards: Arc::clone(&self.shards) }
    }
}

impl<F: Fold> Shards<F> {
    /// What every bin reflects at least.
    fn frontier(&self) -> AsOf {
        self.at_most_frozen(self.progress.current())
    }

    /// A view that stands still reflects nothing that came later.
    fn at_most_frozen(&self, as_of: AsOf) -> AsOf {
        match self.frozen.get() {
            Some(frozen) if frozen.epoch < as_of.epoch => frozen.clone(),
            _ => as_of,
        }
    }
}

/// Warms a fold for the first [`WARMED`] inputs; false when there are none.
fn warm<'a, F: Fold>(fold: &F, mut inputs: impl Iterator<Item = &'a F::Input>) -> bool {
    let Some(first) = inputs.next() else { return false };
    let mut piece = [first; WARMED];
    let rest = piece[1..].iter_mut().zip(inputs).map(|(place, input)| *place = input).count();
    // One alone has nothing to overlap with.
    if rest > 0 {
        fold.warm(&piece[..=rest]);
    }
    true
}

impl<F: Fold> Reader<F> {
    /// Asks the bin of a key's hash. The answer is of one moment, and the second value says exactly which: everything
    /// up to that epoch is in it and nothing later.
    pub fn read<R>(&self, hash: u64, ask: impl FnOnce(&F) -> R) -> (R, AsOf) {
        // The frontier first: it may move while we read, and naming the earlier one stays true for a bin that it left
        // untouched.
        let frontier = self.shards.frontier();
        let slot = self.shards.slots[usize::from(bin(hash))].read();
        let answer = ask(&slot.fold);
        let epoch = slot.epoch;
        drop(slot);
        let ahead = || self.shards.at_most_frozen(self.shards.progress.at(epoch));
        let as_of = if epoch > frontier.epoch { ahead() } else { frontier };
        (answer, as_of)
    }

    /// Asks every bin, one after the other. The answer reflects at least what the second value says; bins that
    /// workers changed meanwhile may be a few epochs ahead.
    pub fn scan(&self, mut visit: impl FnMut(Bin, &F)) -> AsOf {
        let frontier = self.shards.frontier();
        for (bin, slot) in (0..=u8::MAX).zip(&self.shards.slots) {
            visit(bin, &slot.read().fold);
        }
        frontier
    }

    /// How many keys all bins hold.
    pub fn keys(&self) -> usize {
        let mut keys = 0;
        self.scan(|_, fold| keys += fold.len());
        keys
    }

    /// The view's changefeed.
    pub fn feed(&self) -> &Feed<F> {
        &self.shards.feed
    }

    /// What all views reflect, and waiting for more.
    pub fn progress(&self) -> &Progress {
        &self.shards.progress
    }
}

#[cfg(test)]
mod tests {
    use records::Pos;
    use records::hash::mix;

    use super::*;
    use crate::as_of;
    use crate::feed::{Position, Step};
    use crate::laws::Tally;

    fn at(time: i64) -> At {
        At { pos: Pos { log_time: Timestamp(time), ..Pos::default() } }
    }

    fn begun(epoch: u64) -> AsOf {
        AsOf { epoch, log_time: Timestamp(epoch.cast_signed()), ..AsOf::default() }
    }

    fn feed_epoch(writers: &mut [Writer<Tally>], epoch: u64, keys: &[u64]) {
        for writer in writers.iter_mut() {
            for key in keys {
                if !writer.owns(bin(mix(*key))) {
                    continue;
                }
                writer.apply(epoch, bin(mix(*key)), [((), at(epoch.cast_signed()), key)], &mut Vec::new());
            }
            writer.finish(epoch, Timestamp(epoch.cast_signed()));
        }
    }

    #[test]
    fn writers_share_the_bins_without_overlap() {
        let (_announcer, _frontier, progress) = as_of::channel(AsOf::default());
        let (writers, _) = open::<Tally>(3, progress, Limits::default());
        for bin in 0..=u8::MAX {
            assert_eq!(writers.iter().filter(|writer| writer.owns(bin)).count(), 1);
        }
        assert_eq!(writers.iter().map(|writer| writer.bins().count()).sum::<usize>(), BINS);
    }

    #[test]
    fn an_answer_names_the_epoch_of_its_bin() {
        let (announcer, mut frontier, progress) = as_of::channel(AsOf::default());
        let (mut writers, reader) = open::<Tally>(2, progress, Limits::default());
        (1..=3).for_each(|epoch| announcer.announce(begun(epoch)));
        feed_epoch(&mut writers, 1, &[7, 8]);
        frontier.complete(1);
        feed_epoch(&mut writers, 2, &[7]);
        assert_eq!(reader.read(mix(7), |fold| fold.count(7)), (2, begun(2)), "ahead of the frontier, and says so");
        assert_eq!(reader.read(mix(8), |fold| fold.count(8)), (1, begun(1)));
        frontier.complete(3);
        assert_eq!(reader.read(mix(8), |fold| fold.count(8)), (1, begun(3)), "quiet bins do not lag");
    }

    #[test]
    fn a_view_that_stands_still_does_not_claim_more_than_it_reflects() {
        let (announcer, mut frontier, progress) = as_of::channel(AsOf::default());
        let (mut writers, reader) = open::<Tally>(1, progress, Limits::default());
        (1..=5).for_each(|epoch| announcer.announce(begun(epoch)));
        feed_epoch(&mut writers, 1, &[7]);
        feed_epoch(&mut writers, 2, &[8]);
        frontier.complete(1);
        writers[0].freeze(begun(2));
        assert_eq!(reader.read(mix(8), |fold| fold.count(8)), (1, begun(2)));
        frontier.complete(5);
        assert_eq!(reader.read(mix(7), |fold| fold.count(7)), (1, begun(2)));
        assert_eq!(reader.scan(|_, _| {}), begun(2));
    }

    #[test]
    fn a_restored_view_goes_on_and_its_feed_resumes() {
        let (announcer, mut frontier, progress) = as_of::channel(AsOf::default());
        let (mut writers, reader) = open::<Tally>(2, progress, Limits::default());
        for epoch in 1..=2 {
            announcer.announce(begun(epoch));
            feed_epoch(&mut writers, epoch, &[7, 8, epoch + 100]);
            frontier.complete(epoch);
        }
        let mut rows = Vec::new();
        writers.iter_mut().for_each(|writer| writer.land(&mut rows));
        assert!(writers[1].bins().any(|bin| writers[1].is_dirty(bin)));
        let saved: Vec<(Bin, Vec<u8>)> = (0..=u8::MAX)
            .map(|bin| {
                let mut bytes = Vec::new();
                writers[usize::from(bin) % 2].snapshot(bin, &mut bytes);
                (bin, bytes)
            })
            .collect();
        assert!(writers[1].bins().all(|bin| !writers[1].is_dirty(bin)));
        announcer.announce(begun(3));
        feed_epoch(&mut writers, 3, &[7]);
        frontier.complete(3);

        // Another process, another number of workers; the tail is replayed.
        let (announcer, mut frontier, progress) = as_of::channel(begun(2));
        let (mut again, restored) = open::<Tally>(3, progress, Limits::default());
        for (bin, bytes) in &saved {
            again[usize::from(*bin) % 3].restore(2, *bin, bytes).unwrap();
        }
        announcer.announce(begun(3));
        feed_epoch(&mut again, 3, &[7]);
        frontier.complete(3);
        for key in [7, 8, 101, 102] {
            let ask = |fold: &Tally| fold.count(key);
            assert_eq!(restored.read(mix(key), ask), reader.read(mix(key), ask));
        }
        let resumed = restored.feed().since(Position::after::<Tally>(0, 2), 10, |_| true);
        assert_eq!(resumed, Step::Deltas { keys: vec![7], position: Position::after::<Tally>(0, 3) });
        let old = restored.feed().since(Position::after::<Tally>(0, 1), 10, |_| true);
        assert!(matches!(old, Step::Reset { .. }));
    }

    /// Notes how many inputs it was warmed for, and how many it then got before the next warming.
    #[derive(Debug, Default)]
    struct Noted {
        pieces: parking_lot::Mutex<Vec<(usize, usize)>>,
        ahead: parking_lot::Mutex<Vec<u64>>,
        applied: usize,
    }

    const PANICS: u64 = 4_000;

    impl Fold for Noted {
        const NAME: &'static str = "noted";
        const VERSION: u32 = 1;
        type Input = u64;
        type Output = u64;
        type Key = u64;
        type Row = ();

        fn warm(&self, inputs: &[&u64]) {
            self.pieces.lock().push((inputs.len(), 0));
            *self.ahead.lock() = inputs.iter().rev().map(|input| **input).collect();
        }

        fn apply(&mut self, _at: At, input: &u64, effects: &mut Effects<Self>) {
            assert!(*input != PANICS, "a poisonous input");
            let warmed = self.ahead.lock().pop();
            assert!(warmed.is_none_or(|warmed| warmed == *input), "warmed for what comes, in its order");
            match self.pieces.lock().last_mut() {
                Some((_, applied)) => *applied += 1,
                None => self.applied += 1,
            }
            effects.next.push((mix(*input), *input));
        }

        fn advance(&mut self, _bound: Timestamp, _effects: &mut Effects<Self>) {}
        fn land(&mut self, _rows: &mut Vec<()>) {}
        fn encode(&self, _out: &mut Vec<u8>) {}
        fn decode(_bytes: &[u8]) -> Result<Self, StateError> {
            Ok(Self::default())
        }
        fn len(&self) -> usize {
            self.applied
        }
    }

    /// Applies inputs and checks in what pieces the fold was warmed, and how many it got after each.
    fn warmed(count: u64, pieces: &[(usize, usize)]) {
        let (announcer, _frontier, progress) = as_of::channel(AsOf::default());
        let (mut writers, reader) = open::<Noted>(1, progress, Limits::default());
        announcer.announce(begun(1));
        let inputs: Vec<u64> = (0..count).collect();
        let mut next = Vec::new();
        writers[0].apply(1, bin(0), inputs.iter().map(|input| (*input, at(1), input)), &mut next);
        assert_eq!(next.iter().map(|next| next.tag).collect::<Vec<_>>(), inputs, "each once, in order");
        reader.read(0, |fold| assert_eq!(*fold.pieces.lock(), pieces));
    }

    #[test]
    fn a_fold_is_warmed_piece_by_piece() {
        warmed(2, &[(2, 2)]);
        warmed(WARMED as u64, &[(WARMED, WARMED)]);
        warmed(2 * WARMED as u64 + 6, &[(WARMED, WARMED), (WARMED, WARMED), (6, 6)]);
    }

    #[test]
    fn nothing_is_warmed_for_none_or_one() {
        warmed(0, &[]);
        warmed(1, &[]);
        warmed(WARMED as u64 + 1, &[(WARMED, WARMED + 1)]);
    }

    #[test]
    fn the_inputs_stand_at_the_one_that_is_applied() {
        let (_announcer, _frontier, progress) = as_of::channel(AsOf::default());
        let (mut writers, _) = open::<Noted>(1, progress, Limits::default());
        let stands = std::cell::Cell::new(0);
        let inputs = [1, 2, PANICS, 3, 4];
        let tagged = inputs.iter().map(|input| {
            stands.set(*input);
            ((), at(1), input)
        });
        let mut next = Vec::new();
        let run = std::panic::AssertUnwindSafe(|| writers[0].apply(1, 3, tagged, &mut next));
        assert!(std::panic::catch_unwind(run).is_err());
        assert_eq!(stands.get(), PANICS, "whom to blame, although the warming looked further");
    }

    #[test]
    #[should_panic(expected = "belongs to another writer")]
    fn a_foreign_bin_is_refused() {
        let (_announcer, _frontier, progress) = as_of::channel(AsOf::default());
        let (mut writers, _) = open::<Tally>(2, progress, Limits::default());
        writers[0].apply(1, 1, [((), at(1), &1)], &mut Vec::new());
    }
}
