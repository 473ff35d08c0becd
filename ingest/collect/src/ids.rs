//! The message ids that the door remembers: an optimisation that answers retries without touching the log.
//!
//! Only ids of durable records are here, so a retry after a failed append is never mistaken for a duplicate. The
//! memory is empty after a restart; `eventlog::admit` is what decides, before and after: a duplicate that slips through
//! here takes offsets in the log and does not count.

use std::collections::VecDeque;

use hashbrown::HashSet;
use parking_lot::Mutex;
use records::hash::FixedState;

/// A bounded set of message hashes, oldest out first.
pub(crate) struct Ids {
    max: usize,
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    set: HashSet<u64, FixedState>,
    order: VecDeque<u64>,
}

impl Ids {
    pub(crate) fn new(max: usize) -> Self {
        Self { max, known: Mutex::default() }
    }

    /// For each hash, whether a record with it is durable. 0 never is.
    pub(crate) fn known(&self, hashes: &[u64]) -> Vec<bool> {
        let known = self.known.lock();
        hashes.iter().map(|hash| *hash != 0 && known.set.contains(hash)).collect()
    }

    /// Remembers hashes of durable records.
    pub(crate) fn remember(&self, hashes: &[u64]) {
        let mut known = self.known.lock();
        for hash in hashes.iter().copied().filter(|hash| *hash != 0) {
            if known.set.insert(hash) {
                known.order.push_back(hash);
            }
            if known.order.len() > self.max
                && let Some(oldest) = known.order.pop_front()
            {
                known.set.remove(&oldest);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_ids_are_forgotten_first() {
        let ids = Ids::new(3);
        ids.remember(&[1, 2, 0, 3, 3, 4]);
        assert_eq!(ids.known(&[0, 1, 2, 3, 4]), [false, false, true, true, true]);
    }
}
