//! Segments: every visitor's records as a list, and each condition asked of the whole list at one instant.

use std::collections::BTreeMap;
use std::sync::Arc;

use records::{Currency, Fact, FactRow, Kind, OrganizationId, SegmentId, SessionId, Text, Timestamp};
use rules::segment::{COUNTRIES_MAX, Rule, SESSIONS_MAX, SegmentPlan, Trait};
use rules::window::tick;
use rules::{Rulebook, Window};
use views::segments::{Segments as View, VisitorKey};
use views::shards::Reader;
use views::state::Fold;

use super::{Differences, Row};

/// What one record says about its visitor.
#[derive(Debug, Clone)]
struct Seen {
    at: Timestamp,
    kind: Kind,
    country: Text,
    category: Text,
    joined: SessionId,
    paid: (Currency, i64),
}

/// Every record of every visitor, since their organization has segments.
#[derive(Debug, Default)]
pub struct Segments {
    visitors: BTreeMap<VisitorKey, Vec<Seen>>,
    plans: BTreeMap<OrganizationId, Arc<SegmentPlan>>,
}

impl Segments {
    pub(crate) fn fact(&mut self, row: &FactRow, book: &Rulebook) {
        let Some(Fact::RulesPublished { .. }) = row.known() else { return };
        if let Some(rules) = book.rules(row.organization) {
            self.plans.insert(row.organization, Arc::clone(&rules.segments));
        }
    }

    pub(crate) fn take(&mut self, row: &Row<'_>) {
        let record = row.record;
        let Some(rules) = row.book.rules(record.organization) else { return };
        let known = self.plans.get(&record.organization).is_some_and(|plan| !plan.is_empty());
        let excluded = row.book.lateness(record.organization, View::NAME).excludes(record.late_by);
        if !known || rules.segments.is_empty() || excluded || !record.actor.is_some() || !record.kind.is_activity() {
            return;
        }
        let key = VisitorKey { organization: record.organization, actor: record.actor };
        let joins = record.kind == Kind::SessionJoined;
        let pays = record.kind == Kind::OrderReported;
        self.visitors.entry(key).or_default().push(Seen {
            at: row.pos.log_time,
            kind: record.kind,
            country: record.country.clone(),
            category: record.category.clone(),
            joined: if joins { record.session } else { SessionId::NONE },
            paid: if pays { (record.currency, record.amount_minor) } else { (Currency::NONE, 0) },
        });
    }

    /// The segments of each visitor as of a log time, in the order of the document.
    pub fn members(&self, as_of: Timestamp) -> BTreeMap<VisitorKey, Vec<SegmentId>> {
        let segments = |(key, seen): (&VisitorKey, &Vec<Seen>)| {
            let plan = self.plans.get(&key.organization);
            let all = plan.into_iter().flat_map(|plan| &plan.segments);
            let holding = all.filter(|segment| holds(&segment.when, seen, as_of));
            (*key, holding.map(|segment| segment.id).collect())
        };
        self.visitors.iter().map(segments).collect()
    }

    /// Compares every visitor's segments, and how many are in each.
    pub fn compare(&self, reader: &Reader<View>, as_of: Timestamp) -> Differences {
        let mut differences = Differences::new(View::NAME);
        let mut counts = BTreeMap::<(OrganizationId, SegmentId), u64>::new();
        for (key, twin) in self.members(as_of) {
            let (shown, _) = reader.read(View::hash(key.organization, key.actor), |bin| bin.segments_of(key));
            differences.same(|| format!("{key:?}"), &shown, &twin);
            twin.iter().for_each(|segment| *counts.entry((key.organization, *segment)).or_default() += 1);
        }
        let mut shown = BTreeMap::new();
        reader.scan(|_, bin| {
            for organization in self.plans.keys() {
                for (segment, count) in bin.counts(*organization) {
                    *shown.entry((*organization, segment)).or_default() += count;
                }
            }
        });
        differences.same_map(&shown, &counts);
        differences
    }
}

fn holds(rule: &Rule, seen: &[Seen], as_of: Timestamp) -> bool {
    rule.holds(&mut |condition| meets(condition, seen, as_of))
}

fn meets(condition: &Trait, seen: &[Seen], as_of: Timestamp) -> bool {
    let count = |wanted: &dyn Fn(&&Seen) -> bool| seen.iter().filter(wanted).count() as i64;
    let inside = |one: &Seen, window: Window| window.holds(tick(one.at), tick(as_of));
    match condition {
        Trait::Count(kind, None, compare, value) => compare.holds(count(&|one| one.kind == *kind), *value),
        Trait::Count(kind, Some(window), compare, value) => {
            compare.holds(count(&|one| one.kind == *kind && inside(one, *window)), *value)
        }
        Trait::Spend(currency, compare, value) => {
            let paid: i64 = seen.iter().filter(|one| one.paid.0 == *currency).map(|one| one.paid.1).sum();
            compare.holds(paid, *value)
        }
        Trait::Category(name, compare, value) => compare.holds(count(&|one| one.category == *name), *value),
        Trait::Sessions(compare, value) => compare.holds(sessions(seen).len() as i64, *value),
        Trait::Countries(compare, value) => {
            let countries = latest(seen.iter().map(|one| &one.country).filter(|code| code.is_some()), COUNTRIES_MAX);
            compare.holds(countries.len() as i64, *value)
        }
        Trait::Session(session) => sessions(seen).contains(&session),
        Trait::Country(code) => seen.iter().rfind(|one| one.country.is_some()).is_some_and(|one| one.country == *code),
        Trait::SeenWithin(length) => seen.last().is_some_and(|last| as_of < last.at + length.0),
        Trait::FirstSeenWithin(length) => seen.first().is_some_and(|first| as_of < first.at + length.0),
    }
}

fn sessions(seen: &[Seen]) -> Vec<&SessionId> {
    latest(seen.iter().map(|one| &one.joined).filter(|session| session.is_some()), SESSIONS_MAX)
}

/// The distinct values that came last, at most so many.
fn latest<'a, T: PartialEq>(values: impl DoubleEndedIterator<Item = &'a T>, most: usize) -> Vec<&'a T> {
    let mut distinct: Vec<&T> = Vec::new();
    for value in values.rev() {
        if distinct.len() < most && !distinct.contains(&value) {
            distinct.push(value);
        }
    }
    distinct
}
