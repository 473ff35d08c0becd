//! A leaf of a ranking: up to 64 participants in order, their numbers and their scores side by side.

/// Entries of a leaf: four cache lines of numbers and eight of scores, which move in tens of nanoseconds.
pub(super) const LEAF: usize = 64;

/// Nobody's number: free places hold it, so that a search may look at all places without asking how many are taken.
const NOBODY: u32 = u32::MAX;

/// Entries `0..len`; whoever owns the leaf knows `len`, so that its cache lines hold entries and nothing else.
#[derive(Debug, Clone)]
#[repr(align(64))]
pub(super) struct Leaf {
    pub(super) ids: [u32; LEAF],
    pub(super) scores: [i64; LEAF],
}

impl Leaf {
    pub(super) const EMPTY: Self = Self { ids: [NOBODY; LEAF], scores: [0; LEAF] };

    /// Where a participant stands. All places are compared and nothing is decided in between: processors do that many
    /// at a time and never guess wrong, which costs less than stopping at the right one.
    #[inline]
    pub(super) fn place_of(&self, id: u32) -> usize {
        let here = |(place, other): (u32, &u32)| if *other == id { place } else { 0 };
        let place = (0u32..).zip(&self.ids).map(here).fold(0, |found, place| found | place) as usize;
        assert_eq!(self.ids[place], id, "a participant stands in its leaf");
        place
    }

    /// Where an entry goes that rises to this score: behind all before it that have at least as much.
    #[inline]
    pub(super) fn risen(&self, entry: usize, score: i64) -> usize {
        match entry.checked_sub(1) {
            // Whoever scores often stands where the scores are far apart, and mostly overtakes nobody.
            Some(next) if self.scores[next] < score => self.at_least(next, score),
            _ => entry,
        }
    }

    /// How many of the first `len` have at least this score.
    #[inline]
    pub(super) fn at_least(&self, len: usize, score: i64) -> usize {
        self.scores[..len].partition_point(|other| *other >= score)
    }

    pub(super) fn insert(&mut self, len: usize, place: usize, id: u32, score: i64) {
        self.ids.copy_within(place..len, place + 1);
        self.scores.copy_within(place..len, place + 1);
        (self.ids[place], self.scores[place]) = (id, score);
    }

    pub(super) fn remove(&mut self, len: usize, place: usize) {
        self.ids.copy_within(place + 1..len, place);
        self.scores.copy_within(place + 1..len, place);
        self.ids[len - 1] = NOBODY;
    }

    /// Moves the entry at `from` to `to` with another score; those in between move up by one.
    #[inline]
    pub(super) fn slide(&mut self, from: usize, to: usize, score: i64) {
        let id = self.ids[from];
        if to < from {
            self.ids.copy_within(to..from, to + 1);
            self.scores.copy_within(to..from, to + 1);
        } else if from < to {
            self.ids.copy_within(from + 1..=to, from);
            self.scores.copy_within(from + 1..=to, from);
        }
        (self.ids[to], self.scores[to]) = (id, score);
    }

    /// Copies `count` entries from `start` on to `other`, where they stand from `at` on.
    pub(super) fn copy(&self, start: usize, count: usize, other: &mut Self, at: usize) {
        other.ids[at..at + count].copy_from_slice(&self.ids[start..start + count]);
        other.scores[at..at + count].copy_from_slice(&self.scores[start..start + count]);
    }

    /// Makes room for `count` entries before the first.
    pub(super) fn open_front(&mut self, len: usize, count: usize) {
        self.ids.copy_within(..len, count);
        self.scores.copy_within(..len, count);
    }

    /// Forgets the first `count` of `len` entries.
    pub(super) fn drop_front(&mut self, len: usize, count: usize) {
        self.ids.copy_within(count..len, 0);
        self.scores.copy_within(count..len, 0);
        self.truncate(len - count);
    }

    /// Forgets all entries from `len` on.
    pub(super) fn truncate(&mut self, len: usize) {
        self.ids[len..].fill(NOBODY);
    }

    /// Reads every cache line; the result means nothing.
    #[inline]
    pub(super) fn read(&self) -> u64 {
        let ids = self.ids[0] ^ self.ids[16] ^ self.ids[32] ^ self.ids[48];
        let front = self.scores[0] ^ self.scores[8] ^ self.scores[16] ^ self.scores[24];
        let back = self.scores[32] ^ self.scores[40] ^ self.scores[48] ^ self.scores[56];
        (i64::from(ids) ^ front ^ back).cast_unsigned()
    }
}
