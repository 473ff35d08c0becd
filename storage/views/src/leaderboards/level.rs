//! A level of a ranking's tree: children in order, what stands before each, and the lowest score of each.

/// Children in order. All three lists are as long as there are children.
#[derive(Debug, Clone, Default)]
pub(super) struct Level {
    pub(super) numbers: Vec<u32>,
    // How many entries there are up to the end of each child. A rank reads one of them; whoever moves changes some.
    ends: Vec<u32>,
    pub(super) lows: Vec<i64>,
}

impl Level {
    pub(super) fn len(&self) -> usize {
        self.numbers.len()
    }

    /// Inserts a child without entries.
    pub(super) fn insert(&mut self, place: usize, number: u32, low: i64) {
        let before = self.before(place);
        lean_insert(&mut self.numbers, place, number);
        lean_insert(&mut self.ends, place, before);
        lean_insert(&mut self.lows, place, low);
    }

    /// Removes a child, which has no entries any more.
    pub(super) fn remove(&mut self, place: usize) {
        debug_assert_eq!(self.count(place), 0, "entries are moved first");
        self.numbers.remove(place);
        self.ends.remove(place);
        self.lows.remove(place);
    }

    /// The child behind all entries of at least `score`: the first that also holds a lower one, else the last.
    #[inline]
    pub(super) fn child_for(&self, score: i64) -> usize {
        self.lows.partition_point(|low| *low >= score).min(self.lows.len() - 1)
    }

    /// How many entries stand before a child.
    #[inline]
    pub(super) fn before(&self, place: usize) -> u32 {
        place.checked_sub(1).map_or(0, |left| self.ends[left])
    }

    /// How many entries a child holds.
    pub(super) fn count(&self, place: usize) -> u32 {
        self.ends[place] - self.before(place)
    }

    pub(super) fn total(&self) -> u32 {
        self.ends.last().copied().unwrap_or(0)
    }

    /// A child has so many entries more.
    pub(super) fn grow(&mut self, place: usize, by: u32) {
        self.ends[place..].iter_mut().for_each(|end| *end += by);
    }

    /// A child has so many entries less.
    pub(super) fn shrink(&mut self, place: usize, by: u32) {
        self.ends[place..].iter_mut().for_each(|end| *end -= by);
    }

    /// So many entries go from one child to another.
    #[inline]
    pub(super) fn shift(&mut self, from: usize, to: usize, by: u32) {
        if from < to {
            self.ends[from..to].iter_mut().for_each(|end| *end -= by);
        } else {
            self.ends[to..from].iter_mut().for_each(|end| *end += by);
        }
    }

    /// The child that holds the entry at `position`, and the position inside it.
    pub(super) fn child_at(&self, position: u64) -> Option<(usize, usize)> {
        let position = u32::try_from(position).ok().filter(|position| *position < self.total())?;
        let place = self.ends.partition_point(|end| *end <= position);
        Some((place, (position - self.before(place)) as usize))
    }

    /// Takes the children from `place` on out.
    pub(super) fn split_off(&mut self, place: usize) -> Self {
        let before = self.before(place);
        let mut right = Self {
            numbers: self.numbers.split_off(place),
            ends: self.ends.split_off(place),
            lows: self.lows.split_off(place),
        };
        right.ends.iter_mut().for_each(|end| *end -= before);
        right
    }

    /// Puts the children of another level behind its own.
    pub(super) fn append(&mut self, other: &Self) {
        let before = self.total();
        self.numbers.extend_from_slice(&other.numbers);
        self.ends.extend(other.ends.iter().map(|end| end + before));
        self.lows.extend_from_slice(&other.lows);
    }

    pub(super) fn bytes(&self) -> usize {
        self.numbers.capacity() * 4 + self.ends.capacity() * 4 + self.lows.capacity() * 8
    }
}

fn lean_insert<T>(vec: &mut Vec<T>, place: usize, value: T) {
    if vec.len() == vec.capacity() {
        vec.reserve_exact((vec.len() / 4).max(1));
    }
    vec.insert(place, value);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(counts: &[u32]) -> Level {
        let mut level = Level::default();
        for (place, count) in counts.iter().enumerate() {
            level.insert(place, place as u32 + 100, -(place as i64));
            level.grow(place, *count);
        }
        level
    }

    fn counts(level: &Level) -> Vec<u32> {
        (0..level.len()).map(|place| level.count(place)).collect()
    }

    #[test]
    fn counts_follow_every_change() {
        let mut level = of(&[3, 5, 2]);
        level.shift(0, 2, 2);
        assert_eq!(counts(&level), [1, 5, 4]);
        level.shift(2, 1, 1);
        assert_eq!(counts(&level), [1, 6, 3]);
        level.insert(1, 7, -1);
        assert_eq!((counts(&level), level.before(2)), (vec![1, 0, 6, 3], 1));
        level.remove(1);
        level.shrink(1, 6);
        assert_eq!((counts(&level), level.total()), (vec![1, 0, 3], 4));
    }

    #[test]
    fn a_level_splits_and_is_whole_again() {
        let mut level = of(&[3, 5, 2, 4]);
        let right = level.split_off(2);
        assert_eq!((counts(&level), counts(&right)), (vec![3, 5], vec![2, 4]));
        level.append(&right);
        assert_eq!((counts(&level), &level.numbers[..]), (vec![3, 5, 2, 4], &[100, 101, 102, 103][..]));
    }

    #[test]
    fn a_position_is_in_one_child() {
        let level = of(&[3, 0, 2]);
        let places: Vec<_> = (0..6).map(|position| level.child_at(position)).collect();
        assert_eq!(places, [Some((0, 0)), Some((0, 1)), Some((0, 2)), Some((2, 0)), Some((2, 1)), None]);
        assert_eq!(level.child_at(u64::MAX), None);
    }
}
