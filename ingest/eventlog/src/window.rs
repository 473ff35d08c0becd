//! The last 2^20 message hashes of a partition, in 16 MB when full and in almost nothing when not.

use records::hash::mix;

/// How many records back a duplicate is recognised.
pub const WINDOW: u32 = 1 << 20;

/// The smallest table: a partition that sees few messages costs 4 KB.
const SMALLEST_TABLE: usize = 1 << 10;

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
    /// Ring slot plus one, 0 where empty. At most half full.
    table: Vec<u32>,
    live: usize,
}

impl Window {
    pub(crate) fn new(capacity: u32) -> Self {
        assert!(capacity > 0 && capacity <= 1 << 30, "ring slots plus one fit in 32 bits");
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
                self.forget(gone);
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

    fn home(&self, hash: u64) -> usize {
        // The table's length is a power of two.
        mix(hash) as usize & (self.table.len() - 1)
    }

    fn find(&self, hash: u64) -> Option<usize> {
        let mask = self.table.len() - 1;
        let mut at = self.home(hash);
        loop {
            match self.table[at] {
                0 => return None,
                entry if self.ring[entry as usize - 1] == hash => return Some(at),
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
        let mask = self.table.len() - 1;
        let mut at = self.home(hash);
        while self.table[at] != 0 {
            at = (at + 1) & mask;
        }
        self.table[at] = u32::try_from(slot + 1).expect("the capacity is at most 2^30");
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
    fn forget(&mut self, hash: u64) {
        let Some(mut hole) = self.find(hash) else { return };
        let mask = self.table.len() - 1;
        let mut at = hole;
        loop {
            at = (at + 1) & mask;
            let entry = self.table[at];
            if entry == 0 {
                break;
            }
            let home = self.home(self.ring[entry as usize - 1]);
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
