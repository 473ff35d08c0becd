//! The ids of commands that were done: what makes the same command twice one.

use std::collections::VecDeque;

use hashbrown::HashMap;
use records::hash::FixedState;
use records::{CommandId, fact::CommandTag};

use crate::answer::Place;

/// Ids that are kept for each aggregate; past it the oldest is forgotten, and the same command would be done again.
pub const IDS_MAX: usize = 4_096;
/// Ids that are kept for a partition, 60 MB; past it the oldest of all is forgotten.
pub const PARTITION_IDS_MAX: usize = 1 << 20;

/// What is known of one id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Known {
    pub(crate) aggregate: u64,
    pub(crate) hash: u64,
    /// None while its facts are on their way to the disk.
    pub(crate) place: Option<Place>,
}

/// The ids of one partition, in the order in which their facts lie in the log.
#[derive(Debug, Default)]
pub(crate) struct Ids {
    known: HashMap<CommandId, Known, FixedState>,
    // Ids that were forgotten for their aggregate's sake may still stand in here.
    order: VecDeque<CommandId>,
    by_aggregate: HashMap<u64, VecDeque<CommandId>, FixedState>,
}

impl Ids {
    pub(crate) fn get(&self, id: CommandId) -> Option<&Known> {
        self.known.get(&id)
    }

    /// Remembers a command that is new.
    pub(crate) fn insert(&mut self, aggregate: u64, tag: CommandTag, place: Option<Place>) {
        if self.known.insert(tag.id, Known { aggregate, hash: tag.hash, place }).is_some() {
            return;
        }
        self.order.push_back(tag.id);
        let own = self.by_aggregate.entry(aggregate).or_default();
        own.push_back(tag.id);
        if own.len() > IDS_MAX
            && let Some(oldest) = own.pop_front()
        {
            self.known.remove(&oldest);
        }
        while self.known.len() > PARTITION_IDS_MAX {
            self.forget_oldest();
        }
        // What was forgotten for its aggregate's sake is at most as much as what is known.
        if self.order.len() > 2 * self.known.len().max(IDS_MAX) {
            self.order.retain(|id| self.known.contains_key(id));
        }
    }

    /// Notes where the facts of a command lie.
    pub(crate) fn settle(&mut self, id: CommandId, place: Place) {
        if let Some(known) = self.known.get_mut(&id) {
            known.place = Some(place);
        }
    }

    fn forget_oldest(&mut self) {
        let Some(oldest) = self.order.pop_front() else { return };
        let Some(known) = self.known.remove(&oldest) else { return };
        if let Some(own) = self.by_aggregate.get_mut(&known.aggregate) {
            own.pop_front();
            if own.is_empty() {
                self.by_aggregate.remove(&known.aggregate);
            }
        }
    }

    /// Everything that is known, oldest first.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (CommandId, Known)> + '_ {
        self.order.iter().filter_map(|id| Some((*id, *self.known.get(id)?)))
    }

    pub(crate) fn len(&self) -> usize {
        self.known.len()
    }
}

#[cfg(test)]
mod tests {
    use eventlog::{Offset, PartitionId};
    use records::Timestamp;

    use super::*;

    fn tag(id: u128) -> CommandTag {
        CommandTag { id: CommandId(id), hash: id as u64 }
    }

    fn place(first: u64) -> Option<Place> {
        Some(Place { partition: PartitionId(0), first: Offset(first), log_time: Timestamp(1) })
    }

    #[test]
    fn the_oldest_id_of_an_aggregate_is_forgotten_and_no_other() {
        let mut ids = Ids::default();
        ids.insert(1, tag(1), place(0));
        for id in 2..=IDS_MAX as u128 + 2 {
            ids.insert(2, tag(id), place(id as u64));
        }
        assert!(ids.get(CommandId(1)).is_some(), "of another aggregate");
        assert!(ids.get(CommandId(2)).is_none() && ids.get(CommandId(3)).is_some());
        assert_eq!((ids.len(), ids.iter().count()), (IDS_MAX + 1, IDS_MAX + 1));
    }

    #[test]
    fn what_was_forgotten_does_not_pile_up() {
        let mut ids = Ids::default();
        (1..=10 * IDS_MAX as u128).for_each(|id| ids.insert(2, tag(id), place(id as u64)));
        assert!(ids.order.len() <= 2 * IDS_MAX && ids.len() == IDS_MAX);
        assert!(ids.iter().map(|(id, _)| id.0).eq(9 * IDS_MAX as u128 + 1..=10 * IDS_MAX as u128));
    }
}
