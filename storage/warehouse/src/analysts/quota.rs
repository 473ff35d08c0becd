//! How many questions run at once: of all, and of each asker.

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::Mutex;

use super::{RUNNING_MAX, RUNNING_OF_ASKER_MAX};

/// The places.
#[derive(Debug, Default, Clone)]
pub(super) struct Quota(Arc<Mutex<BTreeMap<String, usize>>>);

/// A place while a question runs.
#[derive(Debug)]
pub(super) struct Place {
    quota: Quota,
    asker: String,
}

impl Quota {
    /// Takes a place; none when the asker, or all together, have as many as they may.
    pub(super) fn place(&self, asker: &str) -> Option<Place> {
        let mut running = self.0.lock();
        let of_all: usize = running.values().sum();
        let of_asker = running.get(asker).copied().unwrap_or(0);
        if of_all >= RUNNING_MAX || of_asker >= RUNNING_OF_ASKER_MAX {
            return None;
        }
        running.insert(asker.to_owned(), of_asker + 1);
        Some(Place { quota: self.clone(), asker: asker.to_owned() })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut running = self.quota.0.lock();
        if let Some(count) = running.get_mut(&self.asker) {
            *count -= 1;
            if *count == 0 {
                running.remove(&self.asker);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_asker_leaves_room_for_others() {
        let quota = Quota::default();
        let mut held: Vec<Place> = (0..RUNNING_OF_ASKER_MAX).map(|_| quota.place("a").unwrap()).collect();
        assert!(quota.place("a").is_none());
        assert!(quota.place("b").is_some());
        held.pop();
        assert!(quota.place("a").is_some());
        drop(held);
        assert!(quota.0.lock().is_empty(), "nothing is kept of who is gone");
    }

    #[test]
    fn all_together_have_a_bound_too() {
        let quota = Quota::default();
        let held: Vec<Place> = (0..RUNNING_MAX).map(|n| quota.place(&n.to_string()).unwrap()).collect();
        assert!(quota.place("one more").is_none());
        drop(held);
    }
}
