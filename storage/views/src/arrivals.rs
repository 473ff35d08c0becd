//! Keys of one organization in the order in which they came, at most so many: the oldest makes room for a new one.
//!
//! The order of the log decides who is forgotten, so a replay forgets the same.

use std::collections::{VecDeque, vec_deque};

/// What one bin of a fold keeps of one organization, and how much it had to forget.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Arrivals<K> {
    order: VecDeque<K>,
    forgotten: u64,
}

impl<K> Default for Arrivals<K> {
    fn default() -> Self {
        Self::after(0)
    }
}

impl<K> Arrivals<K> {
    /// Nobody yet, after so many were forgotten: what a decoder begins with.
    pub(crate) fn after(forgotten: u64) -> Self {
        Self { order: VecDeque::new(), forgotten }
    }

    /// Takes the next key of the bytes that a decoder reads.
    pub(crate) fn restore(&mut self, key: K) {
        self.order.push_back(key);
    }

    /// A key comes that is not there. Returns the one that has to go, if there are now more than `most`; it is counted.
    #[must_use = "what has to go is still in the fold"]
    pub(crate) fn come(&mut self, key: K, most: usize) -> Option<K> {
        self.order.push_back(key);
        let oldest = if self.order.len() > most { self.order.pop_front() } else { None };
        self.forgotten += u64::from(oldest.is_some());
        oldest
    }

    /// Counts what was forgotten at another bound of the organization.
    pub(crate) fn forgot(&mut self, count: u64) {
        self.forgotten += count;
    }

    /// How many were forgotten.
    pub(crate) fn forgotten(&self) -> u64 {
        self.forgotten
    }

    /// How many are there.
    pub(crate) fn len(&self) -> usize {
        self.order.len()
    }

    /// Bytes on the heap.
    pub(crate) fn bytes(&self) -> usize {
        self.order.capacity() * size_of::<K>()
    }
}

impl<'a, K> IntoIterator for &'a Arrivals<K> {
    type Item = &'a K;
    type IntoIter = vec_deque::Iter<'a, K>;

    /// From the oldest on.
    fn into_iter(self) -> Self::IntoIter {
        self.order.iter()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_newest_stay_in_their_order_and_the_others_are_counted(
            keys in proptest::collection::vec(any::<u16>(), 0..60),
            most in 1usize..20,
            cut in 0usize..60,
        ) {
            let (mut arrivals, mut gone) = (Arrivals::default(), Vec::new());
            for (number, key) in keys.iter().enumerate() {
                gone.extend(arrivals.come(*key, most));
                if number == cut {
                    // As an encoder writes it and a decoder reads it.
                    let mut again = Arrivals::after(arrivals.forgotten());
                    arrivals.into_iter().for_each(|key| again.restore(*key));
                    prop_assert_eq!(&again, &arrivals);
                    arrivals = again;
                }
            }
            let (old, new) = keys.split_at(keys.len().saturating_sub(most));
            prop_assert_eq!(gone, old);
            prop_assert_eq!(arrivals.into_iter().copied().collect::<Vec<_>>(), new);
            prop_assert_eq!((arrivals.len(), arrivals.forgotten()), (new.len(), old.len() as u64));
            arrivals.forgot(3);
            prop_assert_eq!(arrivals.forgotten(), old.len() as u64 + 3);
        }
    }
}
