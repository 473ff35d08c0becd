//! The last 2^20 message hashes of a partition, in 16 MB when full and in almost nothing when not.

use records::hash::mix;

/// How many records back a duplicate is recognised.
pub const WINDOW: u32 = 1 << 20;

/// The smallest table: a partition that sees few messages costs 4 KB.
const SMALLEST_TABLE: usize = 1 << 10;

/// Bits of a table entry that hold the ring slot plus one; the others hold bits of the hash, so that a stranger on the
/// way is told apart without a look at the ring, which would be a cache miss.
const SLOT_BITS: u32 = WINDOW.ilog2() + 1;
const SLOT: u32 = (1 << SLOT_BITS) - 1;

/// Hashes whose table lines are fetched together: the misses of a batch overlap, those of single look-ups do not.
const BATCH: usize = 256;

/// A ring of hashes by row, and an open-addressing table from hash to ring slot.
///
/// Every row takes a slot (0 where nothing is to be remembered), so the window is a number of rows, not of hashes:
/// a pure function of the partition's content.
#[derive(Debug, Clone)]
pub(crate) struct Window {
    capacity: usize,
    ring: Vec<u64>,
    /// The slot that the next row takes once the ring is full.
    next: usize,
    /// Ring slot plus one and some bits of the hash, 0 where empty. At most half full.
    table: Vec<u32>,
    live: usize,
}

impl Window {
    pub(crate) fn new(capacity: u32) -> Self {
        assert!(capacity > 0 && capacity <= WINDOW, "a ring slot plus one has its bits in an entry");
        Self { capacity: capacity as usize, ring: Vec::new(), next: 0, table: Vec::new(), live: 0 }
    }

    /// Whether `hash` is among the remembered rows.
    pub(crate) fn contains(&self, hash: u64) -> bool {
        hash != 0 && self.live > 0 && self.find(hash).is_some()
    }

    /// Lets one row pass; `hash` 0 remembers nothing. The hash must not be in the window yet.
    pub(crate) fn push(&mut self, hash: u64) {
        debug_assert!(!self.contains(hash), "only first sights are remembered");
        let slot = if self.ring.len() < self.capacity {
            self.ring.push(hash);
            self.ring.len() - 1
        } else {
            let slot = self.next;
            self.next = (slot + 1) % self.capacity;
            let gone = self.ring[slot];
            if gone != 0 {
                self.forget(gone, slot);
            }
            self.ring[slot] = hash;
            slot
        };
        if hash != 0 {
            self.insert(hash, slot);
        }
    }

    /// Lets `rows` rows pass that are not remembered.
    pub(crate) fn skip(&mut self, rows: u32) {
        if self.live == 0 {
            // A window without a hash answers like an empty one, so lanes that never deduplicate cost no memory.
            self.ring.clear();
            self.next = 0;
            return;
        }
        (0..rows).for_each(|_| self.push(0));
    }

    /// Pushes every hash that is not there yet, and 0 for the others; tells which rows those were.
    pub(crate) fn push_first_sights(&mut self, hashes: &[u64], mut seen: impl FnMut(usize)) {
        for (batch, hashes) in hashes.chunks(BATCH).enumerate() {
            self.fetch(hashes);
            for (row, hash) in hashes.iter().enumerate() {
                if self.contains(*hash) {
                    seen(batch * BATCH + row);
                    self.push(0);
                } else {
                    self.push(*hash);
                }
            }
        }
    }

    /// Touches the table lines that the next pushes will need.
    fn fetch(&self, hashes: &[u64]) {
        if self.table.is_empty() {
            return;
        }
        let leaving = if self.ring.len() < self.capacity { &[] } else { &self.ring[self.next..] };
        let touched = hashes.iter().chain(leaving.iter().take(hashes.len()));
        std::hint::black_box(touched.fold(0, |all, hash| all ^ self.table[self.home(mix(*hash))]));
    }

    fn home(&self, mixed: u64) -> usize {
        // The table's length is a power of two.
        mixed as usize & (self.table.len() - 1)
    }

    /// The bits of a hash that an entry holds: not those that choose its home.
    fn tag(mixed: u64) -> u32 {
        (mixed >> 32) as u32 & !SLOT
    }

    fn find(&self, hash: u64) -> Option<usize> {
        let (mask, mixed) = (self.table.len() - 1, mix(hash));
        let tag = Self::tag(mixed);
        let mut at = self.home(mixed);
        loop {
            match self.table[at] {
                0 => return None,
                entry if entry & !SLOT == tag && self.ring[(entry & SLOT) as usize - 1] == hash => return Some(at),
                _ => at = (at + 1) & mask,
            }
        }
    }

    fn insert(&mut self, hash: u64, slot: usize) {
        self.live += 1;
        if self.live * 2 > self.table.len() {
            return self.grow();
        }
        self.place(hash, slot);
    }

    fn place(&mut self, hash: u64, slot: usize) {
        let (mask, mixed) = (self.table.len() - 1, mix(hash));
        let mut at = self.home(mixed);
        while self.table[at] != 0 {
            at = (at + 1) & mask;
        }
        self.table[at] = Self::tag(mixed) | u32::try_from(slot + 1).expect("the capacity is at most 2^20");
    }

    /// Doubles the table and fills it from the ring, which already holds the new hash.
    fn grow(&mut self) {
        self.table = vec![0; (self.table.len() * 2).max(SMALLEST_TABLE)];
        for slot in 0..self.ring.len() {
            if self.ring[slot] != 0 {
                self.place(self.ring[slot], slot);
            }
        }
    }

    /// Removes by shifting the rest of the run back, so that no tombstones pile up.
    fn forget(&mut self, hash: u64, slot: usize) {
        let mask = self.table.len() - 1;
        let mut hole = self.home(mix(hash));
        // The slot names the entry, so the search needs no look at the ring. It is there: every hash in the ring is.
        while (self.table[hole] & SLOT) as usize != slot + 1 {
            debug_assert_ne!(self.table[hole], 0, "a hash of the ring is in the table");
            hole = (hole + 1) & mask;
        }
        let mut at = hole;
        loop {
            at = (at + 1) & mask;
            let entry = self.table[at];
            if entry == 0 {
                break;
            }
            let home = self.home(mix(self.ring[(entry & SLOT) as usize - 1]));
            // The entry may move into the hole unless its home lies behind the hole (cyclically).
            if (at.wrapping_sub(home) & mask) >= (at.wrapping_sub(hole) & mask) {
                self.table[hole] = entry;
                hole = at;
            }
        }
        self.table[hole] = 0;
        self.live -= 1;
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn it_answers_like_a_queue(hashes in proptest::collection::vec(0u64..40, 1..400), capacity in 1u32..30) {
            let mut window = Window::new(capacity);
            let mut naive: VecDeque<u64> = VecDeque::new();
            for hash in hashes {
                prop_assert_eq!(window.contains(hash), hash != 0 && naive.contains(&hash));
                let remembered = if window.contains(hash) { 0 } else { hash };
                window.push(remembered);
                naive.push_back(remembered);
                if naive.len() > capacity as usize {
                    naive.pop_front();
                }
            }
        }
    }

    #[test]
    fn batches_answer_like_single_rows() {
        let (mut batched, mut single) = (Window::new(700), Window::new(700));
        for frame in 0..40u64 {
            let hashes: Vec<u64> = (0..300).map(|row| mix(frame * 300 + row) % 1_500).collect();
            let (mut seen, mut expected) = (Vec::new(), Vec::new());
            batched.push_first_sights(&hashes, |row| seen.push(row));
            for (row, hash) in hashes.iter().enumerate() {
                if single.contains(*hash) {
                    expected.push(row);
                    single.push(0);
                } else {
                    single.push(*hash);
                }
            }
            assert_eq!(seen, expected);
        }
    }

    #[test]
    fn a_full_window_takes_sixteen_megabytes() {
        let mut window = Window::new(WINDOW);
        (1..=u64::from(WINDOW) + 1000).for_each(|hash| window.push(hash));
        assert_eq!(window.ring.len() * 8 + window.table.len() * 4, 16 << 20);
        assert!(!window.contains(1000) && window.contains(1001));
    }

    #[test]
    fn lanes_without_hashes_cost_nothing() {
        let mut window = Window::new(WINDOW);
        window.skip(1 << 20);
        assert_eq!(window.ring.capacity(), 0);
    }
}
