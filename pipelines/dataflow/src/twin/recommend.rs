//! Recommendations by the book: a plain list of visits per event, searched from its end for every question.

use std::collections::{BTreeMap, BTreeSet};

use models::exact::ln;
use models::visits::{EVOLVING_MAX, Query, VISIT_ITEMS_MAX};
use records::{EventId, Fact, FactRow, Flags, ItemId, Kind, OrganizationId, Record, Span, Timestamp, Token};
use views::recommend::{Recommend as View, VisitorKey, next_telling};
use views::shards::Reader;
use views::state::Fold;

use super::company::{Company, List};
use super::landed::ListKey;
use super::{Differences, Row};

const IDLE: Span = Span::from_seconds(1_800);
/// The visits that "popular now" looks at.
const POPULAR_VISITS: usize = 2_000;
/// Visitors that are asked about: each question walks all visits, so a sample has to do.
const ASKED_MAX: usize = 200;
const LIMIT: usize = 10;
/// Registrations that take no place.
const WITHDRAWN: [&str; 6] = ["no", "cancelled", "canceled", "withdrawn", "waitlist", "declined"];

type Scope = (OrganizationId, EventId);

#[derive(Debug, Default)]
struct Listing {
    ends: Option<Timestamp>,
    capacity: Option<u32>,
    registered: BTreeSet<Token>,
    present: BTreeSet<Token>,
}

/// The visits of one event.
#[derive(Debug, Default)]
struct Event {
    /// As they were opened; items by when they were last viewed.
    visits: Vec<Vec<ItemId>>,
    /// The visit that a visitor is in, and its latest time.
    current: BTreeMap<Token, (usize, Timestamp)>,
    listings: BTreeMap<ItemId, Listing>,
    company: Company,
}

/// Visits and listings, recomputed.
#[derive(Debug, Default)]
pub struct Recommend(BTreeMap<Scope, Event>);

impl Recommend {
    pub(crate) fn fact(&mut self, row: &FactRow) {
        let Some(Fact::ItemListed { event, item, ends, capacity, .. }) = row.known() else { return };
        let event = self.0.entry((row.organization, *event)).or_default();
        let listing = event.listings.entry(*item).or_default();
        (listing.ends, listing.capacity) = (*ends, *capacity);
    }

    pub(crate) fn take(&mut self, row: &Row<'_>) {
        let record = row.record;
        let Some(item) = item_of(row) else { return };
        let event = self.0.entry((record.organization, record.event)).or_default();
        event.place(record, item);
        let views = matches!(
            record.kind,
            Kind::ItemViewed
                | Kind::ItemCarted
                | Kind::ItemFavored
                | Kind::OfferClicked
                | Kind::OrderReported
                | Kind::SessionJoined
        );
        let excluded = row.book.lateness(record.organization, View::NAME).excludes(record.late_by);
        let visitor = [record.actor, record.visit, record.device].into_iter().find(|token| token.is_some());
        if let Some(visitor) = visitor
            && views
            && !excluded
            && !record.flags.has(Flags::BOT)
        {
            let visit = event.view(visitor, item, record.event_time);
            let at = row.pos.log_time;
            let due = next_telling(record.organization, record.event, at);
            visit.into_iter().for_each(|visit| event.company.came(at, due, visit, item));
        }
    }

    /// What a visitor may want next as of a log time, with scores; 0 for what is merely popular.
    pub fn next(&self, key: &VisitorKey, now: Timestamp, limit: usize) -> Vec<(ItemId, f64)> {
        self.0.get(&(key.organization, key.event)).map_or_else(Vec::new, |event| event.next(key.visitor, now, limit))
    }

    /// The lists of what goes with what that were told until a log time, each as of when it was told.
    pub fn told(&self, as_of: Timestamp) -> BTreeMap<ListKey, List> {
        let mut rows = BTreeMap::new();
        for ((organization, event), twin) in &self.0 {
            for (due, item) in twin.company.told(as_of) {
                rows.insert((*organization, *event, item, due), twin.company.list(item, due));
            }
        }
        rows
    }

    /// Compares the answers for a sample of visitors, a sample of items, and how many visits each event has.
    pub fn compare(&self, reader: &Reader<View>, now: Timestamp) -> Differences {
        let mut differences = Differences::new(View::NAME);
        let mut visits = 0;
        reader.scan(|_, bin| visits += bin.visits());
        differences.same(|| "visits".into(), &visits, &self.0.values().map(|event| event.visits.len()).sum());
        for ((organization, event), twin) in &self.0 {
            let step = twin.current.len().div_ceil(ASKED_MAX).max(1);
            for visitor in twin.current.keys().step_by(step) {
                let key = VisitorKey { organization: *organization, event: *event, visitor: *visitor };
                let (answer, _) = reader.read(View::hash(*organization, *event), |bin| bin.next(key, now, LIMIT));
                let shown: Vec<_> = answer.next.iter().map(|one| (one.item.item, one.score)).collect();
                differences.same(|| format!("next for {visitor:?}"), &shown, &twin.next(*visitor, now, LIMIT));
            }
            let step = twin.company.items().len().div_ceil(ASKED_MAX).max(1);
            for item in twin.company.items().step_by(step) {
                let (shown, _) =
                    reader.read(View::hash(*organization, *event), |bin| bin.goes_with(*organization, *event, item));
                differences.same(|| format!("goes with {item}"), &shown, &twin.company.list(item, Timestamp::MAX).1);
            }
        }
        differences
    }
}

/// The record's item; a session stands for the item that it was listed as, or for itself.
fn item_of(row: &Row<'_>) -> Option<ItemId> {
    let record = row.record;
    if record.item.is_some() {
        return Some(record.item);
    }
    if !record.session.is_some() {
        return None;
    }
    let tenant = row.book.tenant(record.organization);
    let listed = tenant.and_then(|tenant| tenant.item_of_session(record.event, record.session));
    Some(listed.unwrap_or(ItemId(record.session.0)))
}

impl Event {
    /// Takes or frees a place of an item that has a capacity.
    fn place(&mut self, record: &Record, item: ItemId) {
        let listing = self.listings.get_mut(&item).filter(|listing| listing.capacity.is_some());
        let Some(listing) = listing.filter(|_| record.actor.is_some()) else { return };
        match record.kind {
            Kind::SessionJoined => _ = listing.present.insert(record.actor),
            Kind::SessionLeft => _ = listing.present.remove(&record.actor),
            Kind::RegistrationReported if WITHDRAWN.contains(&record.choice.as_str()) => {
                listing.registered.remove(&record.actor);
            }
            Kind::RegistrationReported => _ = listing.registered.insert(record.actor),
            _ => {}
        }
    }

    /// Returns the visit that the view belongs to, if it is not too late for any.
    fn view(&mut self, visitor: Token, item: ItemId, time: Timestamp) -> Option<usize> {
        let known = self.current.get(&visitor).copied();
        if known.is_some_and(|(_, last)| time + IDLE < last) {
            return None;
        }
        let going_on = known.filter(|(_, last)| time <= *last + IDLE);
        let last = going_on.map_or(time, |(_, last)| last.max(time));
        let room = going_on
            .filter(|(visit, _)| self.visits[*visit].contains(&item) || self.visits[*visit].len() < VISIT_ITEMS_MAX);
        let visit = room.map_or_else(
            || {
                self.visits.push(Vec::new());
                self.visits.len() - 1
            },
            |(visit, _)| visit,
        );
        let items = &mut self.visits[visit];
        items.retain(|other| *other != item);
        items.push(item);
        self.current.insert(visitor, (visit, last));
        Some(visit)
    }

    fn open_at(&self, item: ItemId, now: Timestamp) -> bool {
        let Some(listing) = self.listings.get(&item) else { return true };
        let most = listing.registered.len().max(listing.present.len());
        let full = listing.capacity.is_some_and(|capacity| most >= capacity as usize);
        listing.ends.is_none_or(|ends| ends > now) && !full
    }

    fn next(&self, visitor: Token, now: Timestamp, limit: usize) -> Vec<(ItemId, f64)> {
        let viewed = self.current.get(&visitor).map_or(&[][..], |(visit, _)| &self.visits[*visit]);
        let fits = |item: &ItemId| !viewed.contains(item) && self.open_at(*item, now);
        let mut next: Vec<(ItemId, f64)> = self.votes(viewed).into_iter().filter(|(item, _)| fits(item)).collect();
        next.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        next.truncate(limit);
        let mut popular = BTreeMap::<ItemId, u32>::new();
        for item in self.visits.iter().rev().take(POPULAR_VISITS).flatten() {
            *popular.entry(*item).or_default() += 1;
        }
        let mut popular: Vec<_> = popular.into_iter().filter(|(item, _)| fits(item)).collect();
        popular.sort_by_key(|(item, count)| (std::cmp::Reverse(*count), *item));
        for (item, _) in popular {
            if next.len() < limit && !next.iter().any(|(other, _)| *other == item) {
                next.push((item, 0.0));
            }
        }
        next
    }

    /// The scores of all items of the most similar of the most recent visits that share an item with `viewed`.
    fn votes(&self, viewed: &[ItemId]) -> BTreeMap<ItemId, f64> {
        let Query { recent, neighbours, .. } = Query::default();
        let current = &viewed[viewed.len().saturating_sub(EVOLVING_MAX)..];
        let mut similar: Vec<(usize, &Vec<ItemId>)> = Vec::new();
        for visit in self.visits.iter().rev() {
            // An item's place in the current visit, from 1, is what sharing it is worth.
            let worth = (1..).zip(current).filter(|(_, item)| visit.contains(item)).map(|(place, _)| place).sum();
            if worth > 0 {
                similar.push((worth, visit));
            }
            if similar.len() == recent {
                break;
            }
        }
        // A stable sort: among equals the more recent stays first.
        similar.sort_by_key(|(worth, _)| std::cmp::Reverse(*worth));
        similar.truncate(neighbours);
        let mut holding = BTreeMap::<ItemId, u32>::new();
        for item in self.visits.iter().flatten() {
            *holding.entry(*item).or_default() += 1;
        }
        let mut scores = BTreeMap::<ItemId, f64>::new();
        for (worth, visit) in similar {
            let steps = current.iter().rev().position(|item| visit.contains(item)).unwrap_or(0);
            let weight = worth as f64 / current.len() as f64 * (1.0 - 0.1 * steps as f64);
            for item in visit {
                let idf = ln(self.visits.len() as f64 / f64::from(holding[item]));
                *scores.entry(*item).or_default() += weight * (idf.max(0.0) + 1e-3);
            }
        }
        scores
    }
}
