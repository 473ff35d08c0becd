//! The fold: visits are cut after 30 idle minutes and indexed view by view; listings say what may be recommended.

use std::collections::BTreeMap;

use models::generations::{Content, Generations};
use models::visits::{Visit, VisitIndex};
use records::hash::{join, wide};
use records::{EventId, ItemId, OrganizationId, Span, Text, Timestamp, Token};
use serde::{Deserialize, Serialize};

use super::told::{NeighbourRow, Untold};
use crate::codec::{FixedMap, In, Out, sorted};
use crate::state::{At, Effects, Fold, StateError};

/// A visit ends when its visitor was idle for longer than this, by event time.
pub const IDLE: Span = Span::from_seconds(30 * 60);
/// The most visits of one bin; the oldest are forgotten first, in the order of the log.
pub const VISITS_PER_BIN_MAX: usize = 1 << 20;
/// The most items of one bin that are listed with an end or a capacity; facts beyond it are counted.
pub const LISTINGS_PER_BIN_MAX: usize = 65_536;
/// Half of the most visitors of one bin whose current visit is known.
const VISITORS_HALF: usize = 1 << 18;
/// How many more people than fit are told apart, so that leaving frees a place again.
const PLACES_SPARE: usize = 1_024;

/// An item of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct ItemKey {
    pub(super) organization: OrganizationId,
    pub(super) event: EventId,
    pub(super) item: ItemId,
}

/// A visitor of an event: what a question is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct VisitorKey {
    /// The tenant.
    pub organization: OrganizationId,
    /// The event; none for records outside of any.
    pub event: EventId,
    /// The actor; for records without one the visit or device that the client names.
    pub visitor: Token,
}

/// What [`Recommend`] takes.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum RecommendInput {
    /// Somebody looked at an item, or did more with it.
    Viewed {
        /// The tenant.
        organization: OrganizationId,
        /// The event.
        event: EventId,
        /// Who.
        visitor: Token,
        /// What.
        item: ItemId,
        /// When, by event time.
        time: Timestamp,
    },
    /// An item was listed or changed.
    Listed {
        /// The tenant.
        organization: OrganizationId,
        /// The event.
        event: EventId,
        /// The item.
        item: ItemId,
        /// What people call it.
        title: Text,
        /// When it is over.
        ends: Option<Timestamp>,
        /// How many fit.
        capacity: Option<u32>,
    },
    /// Somebody took or freed a place of an item with a capacity.
    Place {
        /// The tenant.
        organization: OrganizationId,
        /// The event.
        event: EventId,
        /// The item.
        item: ItemId,
        /// Who.
        actor: Token,
        /// Which sort of place.
        place: Place,
        /// Whether it is taken, or free again.
        taken: bool,
    },
}

/// Sorts of places; an item is full when as many of either sort are taken as fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[repr(u8)]
pub enum Place {
    /// By registration.
    Registered = 1,
    /// By being there.
    Present = 2,
}

/// What a fact said about an item, and who has a place.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Listing {
    pub(super) title: Text,
    pub(super) ends: Option<Timestamp>,
    pub(super) capacity: Option<u32>,
    places: FixedMap<Token, u8>,
    // Taken places by sort, as `places` says.
    taken: [u32; 2],
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Current {
    pub(super) visit: Visit,
    pub(super) last: Timestamp,
}

/// One bin of recommendations.
#[derive(Debug)]
pub struct Recommend {
    pub(super) index: VisitIndex<ItemKey>,
    // Visits by scope: the population of idf.
    pub(super) populations: FixedMap<u64, u64>,
    pub(super) visitors: Generations<VisitorKey, Current>,
    pub(super) listings: BTreeMap<ItemKey, Listing>,
    refused: u64,
    late: u64,
    pub(super) untold: Untold,
    pub(super) told: Vec<NeighbourRow>,
}

impl Default for Recommend {
    fn default() -> Self {
        Self {
            index: VisitIndex::new(VISITS_PER_BIN_MAX),
            populations: FixedMap::default(),
            visitors: Generations::new(VISITORS_HALF),
            listings: BTreeMap::new(),
            refused: 0,
            late: 0,
            untold: Untold::default(),
            told: Vec::new(),
        }
    }
}

impl VisitorKey {
    /// Visits of one event stay together.
    pub(super) fn scope(self) -> u64 {
        Recommend::hash(self.organization, self.event)
    }
}

impl Listing {
    /// Whether every place is taken.
    pub(super) fn full(&self) -> bool {
        self.capacity.is_some_and(|capacity| self.taken.iter().any(|taken| *taken >= capacity))
    }

    fn place(&mut self, actor: Token, place: Place, taken: bool) {
        let (bit, sort) = (place as u8, place as usize - 1);
        let known = self.places.get(&actor).copied().unwrap_or(0);
        let most = 2 * self.capacity.unwrap_or(0) as usize + PLACES_SPARE;
        if taken && known & bit == 0 && (known != 0 || self.places.len() < most) {
            self.places.insert(actor, known | bit);
            self.taken[sort] += 1;
        } else if !taken && known & bit != 0 {
            self.taken[sort] -= 1;
            match known & !bit {
                0 => self.places.remove(&actor),
                rest => self.places.insert(actor, rest),
            };
        }
    }
}

impl Recommend {
    /// The hash that decides the bin: everything about one event.
    pub fn hash(organization: OrganizationId, event: EventId) -> u64 {
        join(wide(organization.0), wide(event.0))
    }

    /// Views that came more than 30 minutes behind their visitor's latest one, and so belong to no visit that is open.
    pub fn late(&self) -> u64 {
        self.late
    }

    /// Listings that found the bin full.
    pub fn refused(&self) -> u64 {
        self.refused
    }

    fn viewed(&mut self, now: Timestamp, key: VisitorKey, item: ItemId, time: Timestamp) {
        let item = ItemKey { organization: key.organization, event: key.event, item };
        let known = self.visitors.get(key).copied();
        if known.is_some_and(|current| time + IDLE < current.last) {
            self.late += 1;
            return;
        }
        let going_on = known.filter(|current| time <= current.last + IDLE);
        let before = going_on.map_or(0, |current| self.length(current.visit));
        let visit = match going_on {
            Some(current) if self.index.add(current.visit, item) => current.visit,
            // The visit ended, was forgotten, or is as long as visits get.
            _ => {
                let visit = self.open(now, key.scope());
                self.index.add(visit, item);
                visit
            }
        };
        // An item that is viewed again in the same visit goes with nothing new.
        let opened = going_on.is_none_or(|current| current.visit != visit);
        if opened || self.length(visit) > before {
            self.untold.visit((key.organization, key.event), now, visit);
        }
        let last = going_on.map_or(time, |current| current.last.max(time));
        *self.visitors.touch(key, || Current { visit, last }, drop) = Current { visit, last };
    }

    /// How many items a visit holds.
    fn length(&self, visit: Visit) -> usize {
        // The lower bound is exact: the items are a slice.
        self.index.items_of(visit).size_hint().0
    }

    fn open(&mut self, now: Timestamp, scope: u64) -> Visit {
        if self.index.next_forgotten().is_some() {
            for gone in self.index.items_of(self.index.first()) {
                self.untold.item((gone.organization, gone.event), now, gone.item);
            }
        }
        if let Some(gone) = self.index.next_forgotten()
            && let Some(count) = self.populations.get_mut(&gone)
        {
            *count -= 1;
            if *count == 0 {
                self.populations.remove(&gone);
            }
        }
        *self.populations.entry(scope).or_default() += 1;
        self.index.open(scope)
    }

    fn list(&mut self, key: ItemKey, title: &Text, ends: Option<Timestamp>, capacity: Option<u32>) {
        if self.listings.len() >= LISTINGS_PER_BIN_MAX && !self.listings.contains_key(&key) {
            self.refused += 1;
            return;
        }
        let listing = self.listings.entry(key).or_default();
        listing.title = title.clone();
        (listing.ends, listing.capacity) = (ends, capacity);
    }
}

impl Fold for Recommend {
    const NAME: &'static str = "recommend";
    // 2: keeps which visits changed since the lists of their event were told.
    const VERSION: u32 = 2;
    type Input = RecommendInput;
    type Output = ();
    type Key = VisitorKey;
    type Row = NeighbourRow;

    fn apply(&mut self, at: At, input: &RecommendInput, effects: &mut Effects<Self>) {
        self.tell(at.now());
        match input {
            RecommendInput::Viewed { organization, event, visitor, item, time } => {
                let key = VisitorKey { organization: *organization, event: *event, visitor: *visitor };
                self.viewed(at.now(), key, *item, *time);
                effects.changed.push(key);
            }
            RecommendInput::Listed { organization, event, item, title, ends, capacity } => {
                let key = ItemKey { organization: *organization, event: *event, item: *item };
                self.list(key, title, *ends, *capacity);
            }
            RecommendInput::Place { organization, event, item, actor, place, taken } => {
                let key = ItemKey { organization: *organization, event: *event, item: *item };
                if let Some(listing) = self.listings.get_mut(&key) {
                    listing.place(*actor, *place, *taken);
                }
            }
        }
    }

    // Idle visits simply stay what they are; a later view opens another.
    fn advance(&mut self, bound: Timestamp, _effects: &mut Effects<Self>) {
        self.tell(bound);
    }

    fn land(&mut self, rows: &mut Vec<NeighbourRow>) {
        let before = rows.len();
        rows.append(&mut self.told);
        rows[before..].sort_by_key(|row| (row.organization, row.event, row.item, row.as_of));
    }

    fn encode(&self, out: &mut Vec<u8>) {
        let mut out = Out::open::<Self>(out);
        out.u64(self.refused);
        out.u64(self.late);
        self.encode_visits(&mut out);
        let content = self.visitors.content();
        out.u64(content.forgotten);
        for generation in [&content.young, &content.old] {
            out.len(generation.len());
            for (key, current) in generation {
                out.id(key.organization.0);
                out.id(key.event.0);
                out.token(key.visitor);
                out.u32(current.visit);
                out.time(current.last);
            }
        }
        out.len(self.listings.len());
        for (key, listing) in &self.listings {
            write_key(&mut out, key);
            out.text(&listing.title);
            out.flag(listing.ends.is_some());
            listing.ends.iter().for_each(|ends| out.time(*ends));
            out.flag(listing.capacity.is_some());
            listing.capacity.iter().for_each(|capacity| out.u32(*capacity));
            let places = sorted(&listing.places);
            out.len(places.len());
            for (actor, sorts) in places {
                out.token(*actor);
                out.u8(*sorts);
            }
        }
        self.untold.encode(&mut out);
    }

    fn decode(bytes: &[u8]) -> Result<Self, StateError> {
        let mut input = In::open::<Self>(bytes)?;
        let (refused, late) = (input.u64()?, input.u64()?);
        let (index, populations) = decode_visits(&mut input)?;
        let forgotten = input.u64()?;
        let (young, old) = (generation(&mut input)?, generation(&mut input)?);
        let visitors = Generations::of(VISITORS_HALF, Content { young, old, forgotten });
        let mut listings = BTreeMap::new();
        for _ in 0..input.len(7)? {
            let key = read_key(&mut input)?;
            listings.insert(key, listing(&mut input)?);
        }
        let untold = Untold::decode(&mut input)?;
        input.done()?;
        Ok(Self { index, populations, visitors, listings, refused, late, untold, told: Vec::new() })
    }

    fn len(&self) -> usize {
        self.index.len() + self.listings.len()
    }
}

impl Recommend {
    /// Visits name items by their place in a list, since items repeat and ids are long.
    fn encode_visits(&self, out: &mut Out<'_>) {
        let mut places = FixedMap::<ItemKey, u64>::default();
        let mut keys = Vec::new();
        let mut visits = Vec::with_capacity(self.index.len());
        for (scope, items) in self.index.all() {
            let place = |key: ItemKey| {
                *places.entry(key).or_insert_with(|| {
                    keys.push(key);
                    keys.len() as u64 - 1
                })
            };
            visits.push((scope, items.into_iter().map(place).collect::<Vec<_>>()));
        }
        out.len(keys.len());
        keys.iter().for_each(|key| write_key(out, key));
        out.u32(self.index.first());
        out.len(visits.len());
        for (scope, items) in visits {
            out.fixed(scope);
            out.len(items.len());
            items.into_iter().for_each(|place| out.u64(place));
        }
    }
}

type Indexed = (VisitIndex<ItemKey>, FixedMap<u64, u64>);

fn decode_visits(input: &mut In<'_>) -> Result<Indexed, StateError> {
    let keys = (0..input.len(3)?).map(|_| read_key(input)).collect::<Result<Vec<_>, _>>()?;
    let first = input.u32()?;
    let mut populations = FixedMap::<u64, u64>::default();
    let count = input.len(9)?;
    let mut visits = Vec::with_capacity(count);
    for _ in 0..count {
        let scope = input.fixed()?;
        *populations.entry(scope).or_default() += 1;
        let mut items = Vec::new();
        for _ in 0..input.len(1)? {
            let place = usize::try_from(input.u64()?).map_err(|_| input.damaged())?;
            items.push(*keys.get(place).ok_or_else(|| input.damaged())?);
        }
        visits.push((scope, items));
    }
    Ok((VisitIndex::restore(VISITS_PER_BIN_MAX, first, visits), populations))
}

fn generation(input: &mut In<'_>) -> Result<Vec<(VisitorKey, Current)>, StateError> {
    let count = input.len(12)?;
    let mut visitors = Vec::with_capacity(count);
    for _ in 0..count {
        let (organization, event) = (OrganizationId(input.id()?), EventId(input.id()?));
        let key = VisitorKey { organization, event, visitor: input.token()? };
        visitors.push((key, Current { visit: input.u32()?, last: input.time()? }));
    }
    Ok(visitors)
}

fn listing(input: &mut In<'_>) -> Result<Listing, StateError> {
    let mut listing = Listing { title: input.text()?, ..Listing::default() };
    listing.ends = if input.flag()? { Some(input.time()?) } else { None };
    listing.capacity = if input.flag()? { Some(input.u32()?) } else { None };
    for _ in 0..input.len(9)? {
        let (actor, sorts) = (input.token()?, input.u8()?);
        if !(1..=3).contains(&sorts) || listing.places.insert(actor, sorts).is_some() {
            return Err(input.damaged());
        }
        listing.taken[0] += u32::from(sorts & 1);
        listing.taken[1] += u32::from(sorts >> 1);
    }
    Ok(listing)
}

fn write_key(out: &mut Out<'_>, key: &ItemKey) {
    out.id(key.organization.0);
    out.id(key.event.0);
    out.id(key.item.0);
}

fn read_key(input: &mut In<'_>) -> Result<ItemKey, StateError> {
    let (organization, event) = (OrganizationId(input.id()?), EventId(input.id()?));
    Ok(ItemKey { organization, event, item: ItemId(input.id()?) })
}
