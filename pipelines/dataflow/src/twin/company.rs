//! What goes with what: when each item came into each visit of an event, so that a list can be made as of any time.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use models::visits::RECENT_MAX;
use records::{ItemId, Timestamp};
use views::recommend::{NEIGHBOURS_MAX, TOLD_MAX};

/// An item's list: how many visits hold it, and the items that go with it, with in how many of the recent ones.
pub type List = (u32, Vec<(ItemId, u32)>);

/// The visits of one event, by number in the order in which they were opened.
#[derive(Debug, Default)]
pub(super) struct Company {
    visits: Vec<BTreeMap<ItemId, Timestamp>>,
    /// By item: its visits, and when it came into them.
    holding: BTreeMap<ItemId, BTreeMap<usize, Timestamp>>,
    /// Items whose lists may have changed, by when they are told.
    changed: BTreeMap<Timestamp, BTreeSet<ItemId>>,
}

impl Company {
    /// An item was looked at in a visit, at a log time whose changes are told at `due`.
    pub(super) fn came(&mut self, at: Timestamp, due: Timestamp, visit: usize, item: ItemId) {
        self.visits.resize_with(self.visits.len().max(visit + 1), BTreeMap::new);
        let items = &mut self.visits[visit];
        if items.contains_key(&item) {
            return;
        }
        items.insert(item, at);
        self.changed.entry(due).or_default().extend(items.keys().copied());
        self.holding.entry(item).or_default().insert(visit, at);
    }

    /// Every item.
    pub(super) fn items(&self) -> impl ExactSizeIterator<Item = ItemId> + '_ {
        self.holding.keys().copied()
    }

    /// An item's list of everything before a log time.
    pub(super) fn list(&self, item: ItemId, before: Timestamp) -> List {
        let visits = self.held(item, before);
        let mut counts = BTreeMap::<ItemId, u32>::new();
        for visit in visits.iter().rev().take(RECENT_MAX) {
            for (other, came) in &self.visits[*visit] {
                if *other != item && *came < before {
                    *counts.entry(*other).or_default() += 1;
                }
            }
        }
        let mut list: Vec<_> = counts.into_iter().collect();
        list.sort_by_key(|(other, count)| (Reverse(*count), *other));
        list.truncate(NEIGHBOURS_MAX);
        (u32::try_from(visits.len()).unwrap_or(u32::MAX), list)
    }

    fn held(&self, item: ItemId, before: Timestamp) -> Vec<usize> {
        let all = self.holding.get(&item).into_iter().flatten();
        all.filter(|(_, came)| **came < before).map(|(visit, _)| *visit).collect()
    }

    /// Which items were told until a log time, and when.
    pub(super) fn told(&self, as_of: Timestamp) -> Vec<(Timestamp, ItemId)> {
        let mut told = Vec::new();
        for (due, items) in self.changed.range(..=as_of) {
            let mut items: Vec<ItemId> = items.iter().copied().collect();
            // The bound is part of what the view says that it tells.
            if items.len() > TOLD_MAX {
                items.sort_by_key(|item| (Reverse(self.held(*item, *due).len()), *item));
                items.truncate(TOLD_MAX);
            }
            told.extend(items.into_iter().map(|item| (*due, item)));
        }
        told
    }
}
