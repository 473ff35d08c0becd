//! What goes with what, for the warehouse: which items' lists may have changed, and when they are told.
//!
//! A list is made by walking up to 500 visits, far too much for every view. So what an event's views changed is
//! remembered, and the lists are made once an hour, at a second that the event's hash decides, so that the events of a
//! bin do not all come at once. The hours are of log time: the rows are a function of the log.

use std::collections::{BTreeMap, BTreeSet};

use models::visits::Visit;
use records::{EventId, ItemId, OrganizationId, Span, Timestamp};

use super::fold::{ItemKey, Recommend};
use crate::codec::{FixedSet, In, Out};
use crate::state::StateError;

/// The most neighbours of one item that are told.
pub const NEIGHBOURS_MAX: usize = 20;
/// The most items of one event that are told in an hour: those in the most visits. Their lists are made at once, each by
/// walking up to 500 visits of up to 32 items. The others are counted.
pub const TOLD_MAX: usize = 4_096;
/// How often an event's lists are told.
const EVERY: Span = Span::HOUR;

/// What visits with one item held as well.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NeighbourRow {
    /// The tenant.
    pub organization: OrganizationId,
    /// The event.
    pub event: EventId,
    /// The item.
    pub item: ItemId,
    /// The log time as of which this holds: every earlier record is in it, none from then on.
    pub as_of: Timestamp,
    /// How many visits hold the item.
    pub visits: u32,
    /// The items that its 500 most recent visits held most often, with in how many of those; most first, then by id.
    pub neighbours: Vec<(ItemId, u32)>,
}

/// When the lists of an event are told that changed at `now`: the event's second of the hour, the next one after `now`.
pub fn next_telling(organization: OrganizationId, event: EventId, now: Timestamp) -> Timestamp {
    let seconds = Recommend::hash(organization, event) % EVERY.seconds().cast_unsigned();
    let offset = Span::from_seconds(seconds.cast_signed());
    (now - offset).floor(EVERY).saturating_add(EVERY).saturating_add(offset)
}

type Event = (OrganizationId, EventId);

/// What changed in one event since its lists were told.
#[derive(Debug, Clone)]
struct Changed {
    due: Timestamp,
    // All their items changed. Fewer entries than items, since most visits grow by several views.
    visits: FixedSet<Visit>,
    // Items of visits that the index has forgotten since.
    items: BTreeSet<ItemId>,
}

/// What changed in all events of a bin. Bounded by the visits that the index holds, and what it forgets within an hour.
#[derive(Debug, Clone, Default)]
pub(super) struct Untold {
    changed: BTreeMap<Event, Changed>,
    dues: BTreeSet<(Timestamp, Event)>,
    // Changes that were not told because of the bound.
    left_out: u64,
}

impl Untold {
    /// A visit has another item.
    pub(super) fn visit(&mut self, event: Event, now: Timestamp, visit: Visit) {
        self.of(event, now).visits.insert(visit);
    }

    /// One of an item's visits is gone.
    pub(super) fn item(&mut self, event: Event, now: Timestamp, item: ItemId) {
        self.of(event, now).items.insert(item);
    }

    fn of(&mut self, event: Event, now: Timestamp) -> &mut Changed {
        let dues = &mut self.dues;
        self.changed.entry(event).or_insert_with(|| {
            let due = next_telling(event.0, event.1, now);
            dues.insert((due, event));
            Changed { due, visits: FixedSet::default(), items: BTreeSet::new() }
        })
    }

    /// The next event whose lists are due at `now`, with when that was.
    fn due(&mut self, now: Timestamp) -> Option<(Event, Changed)> {
        let (_, event) = self.dues.first().filter(|(due, _)| *due <= now).copied()?;
        self.dues.pop_first();
        let changed = self.changed.remove(&event).expect("what is due has changed");
        Some((event, changed))
    }

    pub(super) fn encode(&self, out: &mut Out<'_>) {
        out.u64(self.left_out);
        out.len(self.changed.len());
        for ((organization, event), changed) in &self.changed {
            out.id(organization.0);
            out.id(event.0);
            out.time(changed.due);
            let mut visits: Vec<Visit> = changed.visits.iter().copied().collect();
            visits.sort_unstable();
            out.len(visits.len());
            visits.into_iter().for_each(|visit| out.u32(visit));
            out.len(changed.items.len());
            changed.items.iter().for_each(|item| out.id(item.0));
        }
    }

    pub(super) fn decode(input: &mut In<'_>) -> Result<Self, StateError> {
        let mut this = Self { left_out: input.u64()?, ..Self::default() };
        for _ in 0..input.len(5)? {
            let event = (OrganizationId(input.id()?), EventId(input.id()?));
            let due = input.time()?;
            let (mut visits, mut items) = (FixedSet::default(), BTreeSet::new());
            for _ in 0..input.len(1)? {
                visits.insert(input.u32()?);
            }
            for _ in 0..input.len(1)? {
                items.insert(ItemId(input.id()?));
            }
            this.dues.insert((due, event));
            if this.changed.insert(event, Changed { due, visits, items }).is_some() {
                return Err(input.damaged());
            }
        }
        Ok(this)
    }
}

impl Recommend {
    /// Makes the lists that are due at `now`. Nothing of a later time has been applied by then.
    pub(super) fn tell(&mut self, now: Timestamp) {
        while let Some(((organization, event), changed)) = self.untold.due(now) {
            let held = changed.visits.iter().flat_map(|visit| self.index.items_of(*visit)).map(|key| key.item);
            let items: BTreeSet<ItemId> = held.chain(changed.items.iter().copied()).collect();
            let mut items: Vec<ItemKey> = items.into_iter().map(|item| ItemKey { organization, event, item }).collect();
            if items.len() > TOLD_MAX {
                self.untold.left_out += (items.len() - TOLD_MAX) as u64;
                items.sort_by_key(|item| (std::cmp::Reverse(self.index.visits_of(*item)), *item));
                items.truncate(TOLD_MAX);
            }
            let rows = items.into_iter().map(|item| self.neighbours(item, changed.due));
            let rows: Vec<NeighbourRow> = rows.collect();
            self.told.extend(rows);
        }
    }

    fn neighbours(&self, item: ItemKey, as_of: Timestamp) -> NeighbourRow {
        // What may be recommended depends on the time; what goes with what does not.
        let found = self.index.also(item, NEIGHBOURS_MAX, |_| true);
        NeighbourRow {
            organization: item.organization,
            event: item.event,
            item: item.item,
            as_of,
            visits: self.index.visits_of(item),
            neighbours: found.into_iter().map(|(other, visits)| (other.item, visits)).collect(),
        }
    }

    /// What goes with an item now: the list that the warehouse is told, before it is told.
    pub fn goes_with(&self, organization: OrganizationId, event: EventId, item: ItemId) -> Vec<(ItemId, u32)> {
        self.neighbours(ItemKey { organization, event, item }, Timestamp(0)).neighbours
    }

    /// Changed lists of all events that were not told because more than [`TOLD_MAX`] of an event changed in an hour.
    pub fn left_out(&self) -> u64 {
        self.untold.left_out
    }
}
