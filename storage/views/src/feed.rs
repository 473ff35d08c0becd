//! Changefeeds: which keys changed since a position, without gap, or a reset when that is too long ago.
//!
//! The ring holds the changed *keys* of recent epochs, not their values: an answer carries the current value of each
//! distinct key, so a slow client gets one delta for a key that changed a thousand times. A value may already be newer
//! than the position; its key is then reported once more when that epoch completes, with the same or a newer value.
//! Applying deltas over a snapshot therefore always gives the current state, and every change is told at least once.

use std::collections::{BTreeSet, VecDeque};
use std::fmt;
use std::str::FromStr;

use parking_lot::Mutex;

use crate::as_of::Progress;
use crate::state::Fold;

/// How much a ring remembers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The most epochs: at 100 epochs a second, 25 s of reconnecting.
    pub epochs: usize,
    /// The most bytes of keys.
    pub bytes: usize,
    /// The most keys that one writer changes in an epoch, repeats included. Who catches up with the log changes more:
    /// sorting them would cost more than it saves, so whoever follows meanwhile reads everything again.
    pub epoch_keys: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { epochs: 2_500, bytes: 8 << 20, epoch_keys: 16_384 }
    }
}

/// A place in a feed: everything up to and including `sequence` changed keys of `epoch` was told.
///
/// Prints as `view.version.incarnation.epoch.sequence`, which is what a client sends back (SSE `Last-Event-ID`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// The view's name.
    pub view: &'static str,
    /// The view's version.
    pub version: u32,
    /// The incarnation of the log.
    pub incarnation: u64,
    /// The epoch.
    pub epoch: u64,
    /// How many of the epoch's changed keys were told; all of them when [`Position::WHOLE`].
    pub sequence: u32,
}

/// Why a text is not a position of this view.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a position of feed `{0}`")]
pub struct PositionError(&'static str);

impl Position {
    /// The sequence of a position after all changes of its epoch.
    pub const WHOLE: u32 = u32::MAX;

    /// The position after everything of `epoch`.
    pub fn after<F: Fold>(incarnation: u64, epoch: u64) -> Self {
        Self { view: F::NAME, version: F::VERSION, incarnation, epoch, sequence: Self::WHOLE }
    }

    /// Reads a position of view `F`. A position of an older version or incarnation parses; its answer is a reset.
    ///
    /// # Errors
    /// When the text is no position, or one of another view.
    pub fn parse<F: Fold>(text: &str) -> Result<Self, PositionError> {
        let refused = || PositionError(F::NAME);
        let mut parts = text.split('.');
        if parts.next() != Some(F::NAME) {
            return Err(refused());
        }
        let position = Self {
            view: F::NAME,
            version: number(parts.next()).ok_or_else(refused)?,
            incarnation: number(parts.next()).ok_or_else(refused)?,
            epoch: number(parts.next()).ok_or_else(refused)?,
            sequence: number(parts.next()).ok_or_else(refused)?,
        };
        if parts.next().is_some() { Err(refused()) } else { Ok(position) }
    }
}

fn number<T: FromStr>(text: Option<&str>) -> Option<T> {
    text?.parse().ok()
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}.{}.{}", self.view, self.version, self.incarnation, self.epoch, self.sequence)
    }
}

impl serde::Serialize for Position {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl schemars::JsonSchema for Position {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Position".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({"type": "string", "examples": ["attendance.2.7.1200.4294967295"]})
    }
}

/// The answer to a position.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step<K> {
    /// Read these keys and send their values; an empty list means that nothing changed yet. Ask again from `position`.
    Deltas {
        /// The distinct keys that changed, sorted.
        keys: Vec<K>,
        /// Where to go on.
        position: Position,
    },
    /// The position is of another version or too long ago: read everything *now*, send it as a reset, go on from
    /// `position`. It was taken before the read, so nothing is missed between.
    Reset {
        /// Where to go on.
        position: Position,
    },
}

/// Whether anything changed since a position: what a reader asks who then reads everything that it looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moved {
    /// Nothing; the place to ask from next time.
    No(Position),
    /// Something; everything up to this place is in what is read *now*.
    Yes(Position),
    /// The position is of another version or too long ago, as in [`Step::Reset`].
    Reset(Position),
}

#[derive(Debug)]
struct Epoch<K> {
    epoch: u64,
    // Sorted and distinct once the epoch is complete; several writers may still add before.
    keys: Vec<K>,
}

#[derive(Debug)]
struct Ring<K> {
    epochs: VecDeque<Epoch<K>>,
    // A position before the end of this epoch has a gap.
    whole_since: u64,
    bytes: usize,
}

impl<K: Ord + Copy> Ring<K> {
    /// Adds sorted and distinct keys.
    fn add(&mut self, epoch: u64, keys: &[K]) {
        let place = self.epochs.partition_point(|entry| entry.epoch < epoch);
        if self.epochs.get(place).is_none_or(|entry| entry.epoch != epoch) {
            self.epochs.insert(place, Epoch { epoch, keys: Vec::new() });
        }
        let entry = &mut self.epochs[place];
        let before = entry.keys.len();
        entry.keys.extend_from_slice(keys);
        if before > 0 {
            entry.keys.sort_unstable();
            entry.keys.dedup();
            entry.keys.shrink_to_fit();
        }
        self.bytes += (entry.keys.len() - before) * size_of::<K>();
    }

    /// The epochs of `from..=until`, and how many keys of each were told already.
    fn between(&self, from: Position, until: u64) -> impl Iterator<Item = (&Epoch<K>, usize)> {
        let first = self.epochs.partition_point(|entry| entry.epoch < from.epoch);
        let told = move |epoch: u64| if epoch == from.epoch { from.sequence as usize } else { 0 };
        let until = self.epochs.range(first..).take_while(move |entry| entry.epoch <= until);
        until.map(move |entry| (entry, told(entry.epoch)))
    }

    /// Forgets an epoch and all before it.
    fn forget(&mut self, epoch: u64) {
        while self.epochs.front().is_some_and(|oldest| oldest.epoch <= epoch) {
            let dropped = self.epochs.pop_front().expect("there is an oldest epoch");
            self.bytes -= dropped.keys.len() * size_of::<K>();
        }
        self.whole_since = self.whole_since.max(epoch);
    }
}

/// The changed keys of one view's recent epochs.
#[derive(Debug)]
pub struct Feed<F: Fold> {
    ring: Mutex<Ring<F::Key>>,
    limits: Limits,
    progress: Progress,
}

impl<F: Fold> Feed<F> {
    /// Starts an empty ring: positions since the present frontier can be resumed.
    pub fn new(progress: Progress, limits: Limits) -> Self {
        let ring = Ring { epochs: VecDeque::new(), whole_since: progress.epoch(), bytes: 0 };
        Self { ring: Mutex::new(ring), limits, progress }
    }

    /// Adds what one writer changed in an epoch, and empties the list. Must come before the frontier passes that epoch.
    pub(crate) fn push(&self, epoch: u64, changed: &mut Vec<F::Key>) {
        if changed.is_empty() {
            return;
        }
        let too_many = changed.len() > self.limits.epoch_keys;
        if !too_many {
            changed.sort_unstable();
            changed.dedup();
        }
        let mut ring = self.ring.lock();
        if too_many {
            ring.forget(epoch);
        } else if epoch > ring.whole_since {
            ring.add(epoch, changed);
        }
        while ring.epochs.len() > self.limits.epochs || ring.bytes > self.limits.bytes {
            let oldest = ring.epochs.front().map_or(epoch, |oldest| oldest.epoch);
            ring.forget(oldest);
        }
        changed.clear();
    }

    /// Forgets everything: positions before `epoch` are answered with a reset. For a restored state.
    pub(crate) fn restart(&self, epoch: u64) {
        *self.ring.lock() = Ring { epochs: VecDeque::new(), whole_since: epoch, bytes: 0 };
    }

    /// The position after everything that is complete now: where a client without one starts, after a snapshot.
    pub fn now(&self) -> Position {
        let current = self.progress.current();
        Position::after::<F>(current.incarnation, current.epoch)
    }

    /// What changed since `position` among the keys that `wanted` takes; at most `limit` keys.
    pub fn since(&self, position: Position, limit: usize, wanted: impl Fn(&F::Key) -> bool) -> Step<F::Key> {
        // The frontier is read before the ring: epochs up to it can no longer grow.
        let now = self.now();
        let ring = self.ring.lock();
        if is_gap(&ring, position, now) {
            return Step::Reset { position: now };
        }
        // After a restart the replay may not have come as far as the client: its turn comes.
        if position.epoch > now.epoch {
            return Step::Deltas { keys: Vec::new(), position };
        }
        let (keys, position) = collect(&ring, position, now, limit.max(1), wanted);
        Step::Deltas { keys: keys.into_iter().collect(), position }
    }

    /// Whether a key that `wanted` takes changed since `position`. Ends at the first one.
    pub fn moved(&self, position: Position, wanted: impl Fn(&F::Key) -> bool) -> Moved {
        let now = self.now();
        let ring = self.ring.lock();
        if is_gap(&ring, position, now) {
            return Moved::Reset(now);
        }
        if position.epoch > now.epoch {
            return Moved::No(position);
        }
        let changed = ring.between(position, now.epoch).any(|(entry, told)| entry.keys.iter().skip(told).any(&wanted));
        if changed { Moved::Yes(now) } else { Moved::No(now) }
    }

    /// The bytes of keys that the ring holds.
    pub fn bytes(&self) -> usize {
        self.ring.lock().bytes
    }
}

/// Whether changes after `position` were forgotten, or are another history's.
fn is_gap<K>(ring: &Ring<K>, position: Position, now: Position) -> bool {
    let same = (position.view, position.version, position.incarnation) == (now.view, now.version, now.incarnation);
    !same || (position.epoch, position.sequence) < (ring.whole_since, Position::WHOLE)
}

fn collect<K: Copy + Ord>(
    ring: &Ring<K>,
    from: Position,
    now: Position,
    limit: usize,
    wanted: impl Fn(&K) -> bool,
) -> (BTreeSet<K>, Position) {
    let mut found = BTreeSet::new();
    for (entry, told) in ring.between(from, now.epoch) {
        for (place, key) in entry.keys.iter().enumerate().skip(told) {
            if found.len() == limit && !found.contains(key) && wanted(key) {
                let sequence = u32::try_from(place).expect("the byte limit keeps epochs far below 2^32 keys");
                return (found, Position { epoch: entry.epoch, sequence, ..now });
            }
            if wanted(key) {
                found.insert(*key);
            }
        }
    }
    (found, now)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;
    use crate::as_of::{self, AsOf};
    use crate::laws::Tally;

    fn begun(epoch: u64) -> AsOf {
        AsOf { epoch, incarnation: 1, ..AsOf::default() }
    }

    #[test]
    fn positions_print_and_parse() {
        let position = Position::after::<Tally>(7, 9);
        assert_eq!(Position::parse::<Tally>(&position.to_string()), Ok(position));
        for text in ["", "tally", "other.1.7.9.0", "tally.1.7.9.0.0", "tally.1.7.-9.0"] {
            assert!(Position::parse::<Tally>(text).is_err(), "{text}");
        }
    }

    #[test]
    fn another_version_incarnation_or_age_is_a_reset() {
        let (announcer, mut frontier, progress) = as_of::channel(begun(10));
        let feed = Feed::<Tally>::new(progress, Limits { epochs: 2, bytes: 1 << 10, epoch_keys: 99 });
        let start = feed.now();
        for epoch in 11..=14 {
            feed.push(epoch, &mut vec![epoch]);
            announcer.announce(begun(epoch));
            frontier.complete(epoch);
        }
        let resets =
            |position| matches!(feed.since(position, 9, |_| true), Step::Reset { position } if position == feed.now());
        assert!(resets(start), "epoch 11 fell out of the ring");
        assert_eq!(feed.moved(start, |_| true), Moved::Reset(feed.now()));
        let twelve = Position { epoch: 12, ..start };
        assert_eq!(feed.moved(twelve, |key| *key == 14), Moved::Yes(feed.now()));
        assert_eq!(feed.moved(twelve, |key| *key == 12), Moved::No(feed.now()), "told already");
        assert!(resets(Position { version: 0, ..feed.now() }));
        assert!(resets(Position { incarnation: 2, ..feed.now() }));
        assert!(resets(Position { epoch: 12, sequence: 0, ..start }), "a part of a forgotten epoch is a gap");
        let resumed = feed.since(Position { epoch: 12, ..start }, 9, |_| true);
        assert_eq!(resumed, Step::Deltas { keys: vec![13, 14], position: feed.now() });
    }

    #[test]
    fn an_epoch_that_changed_too_much_is_a_gap_for_all_its_writers() {
        let (announcer, mut frontier, progress) = as_of::channel(begun(10));
        let feed = Feed::<Tally>::new(progress, Limits { epoch_keys: 2, ..Limits::default() });
        let before = feed.now();
        for (epoch, mut keys) in [(11, vec![1]), (12, vec![4]), (12, vec![1, 2, 3]), (12, vec![5]), (13, vec![6, 7])] {
            feed.push(epoch, &mut keys);
            assert!(keys.is_empty());
        }
        (11..=13).for_each(|epoch| announcer.announce(begun(epoch)));
        frontier.complete(13);
        assert_eq!(feed.since(before, 9, |_| true), Step::Reset { position: feed.now() });
        let resumed = feed.since(Position { epoch: 12, ..before }, 9, |_| true);
        assert_eq!(resumed, Step::Deltas { keys: vec![6, 7], position: feed.now() });
        assert_eq!(feed.bytes(), 2 * size_of::<u64>());
    }

    #[test]
    fn a_client_ahead_of_the_replay_waits() {
        let (_announcer, _frontier, progress) = as_of::channel(begun(10));
        let feed = Feed::<Tally>::new(progress, Limits::default());
        let ahead = Position::after::<Tally>(1, 12);
        assert_eq!(feed.moved(ahead, |_| true), Moved::No(ahead));
        assert_eq!(feed.since(ahead, 9, |_| true), Step::Deltas { keys: vec![], position: ahead });
    }

    proptest! {
        // The law of feeds: deltas over a snapshot give the current state, whatever the limits, pages and polls.
        #[test]
        fn deltas_over_a_snapshot_give_the_present(
            epochs in proptest::collection::vec(proptest::collection::vec(0u64..12, 0..8), 1..30),
            polls in proptest::collection::vec(any::<bool>(), 30),
            limit in 1usize..6,
            ring in 1usize..40,
            most in 1usize..8,
        ) {
            let (announcer, mut frontier, progress) = as_of::channel(begun(0));
            let feed = Feed::<Tally>::new(progress, Limits { epochs: ring, bytes: 200, epoch_keys: most });
            let mut truth = BTreeMap::<u64, u64>::new();
            let mut client = BTreeMap::<u64, u64>::new();
            let mut position = feed.now();
            for (number, (keys, poll)) in epochs.iter().zip(&polls).enumerate() {
                let epoch = number as u64 + 1;
                let (left, right) = keys.split_at(keys.len() / 2);
                keys.iter().for_each(|key| *truth.entry(*key).or_default() += 1);
                feed.push(epoch, &mut left.to_vec());
                feed.push(epoch, &mut right.to_vec());
                announcer.announce(begun(epoch));
                frontier.complete(epoch);
                if *poll {
                    // One page only: the rest waits for the next poll, however late.
                    position = page(&feed, &truth, &mut client, position, limit).0;
                }
            }
            for _ in 0..1_000 {
                let (next, done) = page(&feed, &truth, &mut client, position, limit);
                position = next;
                if done { break; }
            }
            prop_assert_eq!(position, feed.now());
            prop_assert_eq!(&client, &truth);
            prop_assert!(feed.bytes() <= 200);
            prop_assert_eq!(feed.moved(position, |_| true), Moved::No(position));
            // No duplicate: nothing new means nothing told.
            prop_assert_eq!(feed.since(position, limit, |_| true), Step::Deltas { keys: vec![], position });
        }
    }

    fn page(
        feed: &Feed<Tally>,
        truth: &BTreeMap<u64, u64>,
        client: &mut BTreeMap<u64, u64>,
        from: Position,
        limit: usize,
    ) -> (Position, bool) {
        match feed.since(from, limit, |_| true) {
            Step::Reset { position } => {
                client.clone_from(truth);
                (position, false)
            }
            Step::Deltas { keys, position } => {
                assert!(keys.len() <= limit && keys.is_sorted_by(|a, b| a < b));
                keys.iter().for_each(|key| _ = client.insert(*key, truth[key]));
                (position, position == from)
            }
        }
    }
}
