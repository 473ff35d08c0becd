//! What one entity did lately: sums by slice and distinct others by when they were last seen, in one short list.
//!
//! Slices are as fine as the shortest window that asks needs them and are merged into coarser ones as they age out
//! of it (see `rules::window`), so each window is answered exactly, by its own definition, from a handful of cells.

use rules::Window;

use crate::codec::{In, Out};
use crate::state::StateError;

/// One cell: the sum of a slice, or one distinct other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Cell {
    tag: u8,
    rung: u8,
    // The slice's first tick, or when the other was last seen.
    tick: u32,
    // The sum, or the other.
    value: u64,
}

/// The rung of cells that name an other.
const OTHER: u8 = u8::MAX;

/// The list of cells, and the latest tick that the entity has shown: "now" for its windows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Trail {
    clock: u32,
    cells: Vec<Cell>,
}

/// A set of windows by `Window::bit`, shortest first.
fn windows(set: u8) -> impl Iterator<Item = Window> {
    Window::ALL.into_iter().filter(move |window| set & window.bit() != 0)
}

impl Trail {
    pub(crate) fn new(clock: u32) -> Self {
        Self { clock, cells: Vec::new() }
    }

    /// The latest tick seen.
    pub(crate) fn clock(&self) -> u32 {
        self.clock
    }

    /// Moves the clock on, never back; slices that leave a window are merged into the next coarser one of `set`.
    pub(crate) fn advance(&mut self, tick: u32, set: u8) {
        if tick <= self.clock {
            return;
        }
        self.clock = tick;
        let mut moved = Vec::new();
        self.cells.retain(|cell| {
            let stays = match Window::from_rung(usize::from(cell.rung)) {
                Some(window) => window.holds(cell.tick, tick),
                None => windows(set).any(|window| window.holds(cell.tick, tick)),
            };
            if !stays && cell.rung != OTHER {
                moved.push(*cell);
            }
            stays
        });
        for cell in moved {
            self.add(cell.tick, cell.tag, cell.value.cast_signed(), set);
        }
        if self.cells.capacity() > 2 * self.cells.len() + 4 {
            self.cells.shrink_to_fit();
        }
    }

    /// Adds to a sum at `tick`, which is not after the clock. Returns whether any window of `set` still holds it.
    pub(crate) fn add(&mut self, tick: u32, tag: u8, amount: i64, set: u8) -> bool {
        let Some(window) = windows(set).find(|window| window.holds(tick, self.clock)) else { return false };
        let (rung, tick) = (window as u8, window.floor(tick));
        let same = |cell: &&mut Cell| cell.tag == tag && cell.rung == rung && cell.tick == tick;
        match self.cells.iter_mut().find(same) {
            Some(cell) => cell.value = cell.value.cast_signed().saturating_add(amount).cast_unsigned(),
            None => self.push(Cell { tag, rung, tick, value: amount.cast_unsigned() }),
        }
        true
    }

    /// The sum over a window up to the clock.
    pub(crate) fn sum(&self, tag: u8, window: Window) -> i64 {
        let inside = |cell: &&Cell| cell.tag == tag && cell.rung <= window as u8 && window.holds(cell.tick, self.clock);
        self.cells.iter().filter(inside).fold(0i64, |sum, cell| sum.saturating_add(cell.value.cast_signed()))
    }

    /// Notes that an other was seen at `tick`. At most `most` are kept apart, the earliest seen is forgotten first.
    pub(crate) fn see(&mut self, tick: u32, tag: u8, other: u64, most: usize, set: u8) -> Seen {
        if !windows(set).any(|window| window.holds(tick, self.clock)) {
            return Seen::TooLate;
        }
        let mine = |cell: &Cell| cell.rung == OTHER && cell.tag == tag;
        if let Some(cell) = self.cells.iter_mut().find(|cell| mine(cell) && cell.value == other) {
            cell.tick = cell.tick.max(tick);
            return Seen::Again;
        }
        let full = self.cells.iter().filter(|cell| mine(cell)).count() >= most;
        let new = Cell { tag, rung: OTHER, tick, value: other };
        if full {
            let earliest = self.cells.iter_mut().filter(|cell| mine(cell)).min_by_key(|cell| (cell.tick, cell.value));
            let earliest = earliest.expect("a full list is not empty");
            if (earliest.tick, earliest.value) < (tick, other) {
                *earliest = new;
            }
            return Seen::Evicted;
        }
        self.push(new);
        Seen::First
    }

    /// How many distinct others were seen in a window up to the clock.
    pub(crate) fn distinct(&self, tag: u8, window: Window) -> i64 {
        let inside = |cell: &&Cell| cell.tag == tag && cell.rung == OTHER && window.holds(cell.tick, self.clock);
        i64::try_from(self.cells.iter().filter(inside).count()).expect("the list is short")
    }

    /// The other that was seen last, `not` aside; of equals the largest.
    pub(crate) fn latest(&self, tag: u8, not: u64) -> Option<u64> {
        let others = self.cells.iter().filter(|cell| cell.tag == tag && cell.rung == OTHER && cell.value != not);
        others.max_by_key(|cell| (cell.tick, cell.value)).map(|cell| cell.value)
    }

    /// The first tick after the clock at which something counted under `tag` leaves one of the windows of `set`.
    pub(crate) fn next_leave(&self, tag: u8, set: u8) -> Option<u32> {
        let sums = self.cells.iter().filter(|cell| cell.tag == tag && cell.rung != OTHER);
        sums.flat_map(|cell| {
            let holding =
                windows(set).filter(|window| cell.rung <= *window as u8 && window.holds(cell.tick, self.clock));
            holding.map(|window| window.leaves(cell.tick))
        })
        .min()
    }

    fn push(&mut self, cell: Cell) {
        if self.cells.len() == self.cells.capacity() {
            // Most entities need a few cells for ever: doubling would waste more than it saves.
            self.cells.reserve_exact((self.cells.len() / 2).max(2));
        }
        self.cells.push(cell);
    }

    /// Reads the first cell, so that it is at hand: see [`crate::state::Fold::warm`].
    pub(crate) fn warmth(&self) -> u64 {
        self.cells.first().map_or(0, |cell| cell.value)
    }

    /// Bytes on the heap, the allocator's own 16 included.
    pub(crate) fn bytes(&self) -> usize {
        self.cells.capacity() * size_of::<Cell>() + 16
    }

    pub(crate) fn encode(&self, out: &mut Out<'_>) {
        let mut cells = self.cells.clone();
        cells.sort_unstable();
        out.u32(self.clock);
        out.len(cells.len());
        for cell in cells {
            out.u8(cell.tag);
            out.u8(cell.rung);
            out.u32(self.clock.saturating_sub(cell.tick));
            if cell.rung == OTHER { out.fixed(cell.value) } else { out.i64(cell.value.cast_signed()) }
        }
    }

    pub(crate) fn decode(input: &mut In<'_>) -> Result<Self, StateError> {
        let clock = input.u32()?;
        let count = input.len(4)?;
        let mut cells = Vec::with_capacity(count);
        for _ in 0..count {
            let (tag, rung, age) = (input.u8()?, input.u8()?, input.u32()?);
            let tick = clock.checked_sub(age).ok_or_else(|| input.damaged())?;
            let value = if rung == OTHER { input.fixed()? } else { input.i64()?.cast_unsigned() };
            if rung != OTHER && Window::from_rung(usize::from(rung)).is_none() || clock > u32::MAX / 2 {
                return Err(input.damaged());
            }
            cells.push(Cell { tag, rung, tick, value });
        }
        Ok(Self { clock, cells })
    }
}

/// What became of an other that was seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Seen {
    /// For the first time.
    First,
    /// As before.
    Again,
    /// One too many: the earliest seen was forgotten, or this one if it is the earliest.
    Evicted,
    /// No window holds it any more.
    TooLate,
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(96))]

        /// Sums and distincts equal a recount of the raw records by the windows' definition, in any order of time.
        #[test]
        fn windows_equal_a_recount(
            steps in proptest::collection::vec((0u32..3, 0u32..4_000, 0u8..2, -5i64..50, 0u64..6), 1..120),
            pace in prop::sample::select(vec![1u32, 7, 100, 2_000]),
            set in 1u8..64,
        ) {
            let mut trail = Trail::new(0);
            let (mut now, mut raw) = (2_000_000u32, Vec::new());
            for (gap, late, tag, amount, other) in steps {
                now += gap * pace;
                // One in three is late by up to the pace of four thousand ticks.
                let tick = if gap == 0 { now - late } else { now };
                trail.advance(tick, set);
                trail.add(tick, tag, amount, set);
                trail.see(tick, tag, other, 64, set);
                raw.push((tick, tag, amount, other));
                let clock = raw.iter().map(|(tick, ..)| *tick).max().unwrap();
                prop_assert_eq!(trail.clock(), clock);
                for window in windows(set) {
                    for tag in 0..2u8 {
                        let inside = |entry: &&(u32, u8, i64, u64)| {
                            entry.1 == tag && window.floor(entry.0) >= window.start(clock)
                        };
                        let sum: i64 = raw.iter().filter(inside).map(|entry| entry.2).sum();
                        let others: BTreeSet<u64> = raw.iter().filter(inside).map(|entry| entry.3).collect();
                        prop_assert_eq!(trail.sum(tag, window), sum);
                        prop_assert_eq!(trail.distinct(tag, window), others.len() as i64);
                    }
                }
            }
            let mut bytes = Vec::new();
            trail.encode(&mut Out::part(&mut bytes));
            let back = Trail::decode(&mut In::part("trail", &bytes)).unwrap();
            for window in windows(set) {
                prop_assert_eq!(back.sum(0, window), trail.sum(0, window));
                prop_assert_eq!(back.distinct(1, window), trail.distinct(1, window));
            }
        }
    }

    #[test]
    fn the_earliest_seen_other_is_forgotten_first() {
        let set = Window::Days7.bit();
        let mut trail = Trail::new(10);
        for other in 0..4u64 {
            trail.see(10 - u32::try_from(other).unwrap(), 1, other, 3, set);
        }
        // 3 was the earliest seen of all, so it never got in.
        assert_eq!((trail.distinct(1, Window::Days7), trail.latest(1, 0)), (3, Some(1)));
        assert_eq!(trail.see(10, 1, 9, 3, set), Seen::Evicted);
        assert_eq!(trail.latest(1, 0), Some(9));
    }

    #[test]
    fn a_slice_leaves_when_it_says() {
        let set = Window::Minutes10.bit() | Window::Hour1.bit();
        let mut trail = Trail::new(1_000_000);
        trail.add(1_000_000, 1, 5, set);
        let leaves = trail.next_leave(1, set).unwrap();
        trail.advance(leaves - 1, set);
        assert_eq!(trail.sum(1, Window::Minutes10), 5);
        trail.advance(leaves, set);
        assert_eq!((trail.sum(1, Window::Minutes10), trail.sum(1, Window::Hour1)), (0, 5));
        trail.advance(trail.next_leave(1, set).unwrap(), set);
        assert_eq!((trail.sum(1, Window::Hour1), trail.next_leave(1, set)), (0, None));
    }
}
