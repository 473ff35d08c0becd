//! Visits: one visitor's activity in an event until 30 idle minutes, by event time.
//!
//! A late record lengthens its visit, and joins two when it fills the gap between them: sums are corrected then. A visit
//! is counted in the hour in which it begins.

use std::collections::BTreeMap;
use std::hint::black_box;

use records::hash::{join, mix, wide};
use records::{EventId, OrganizationId, Span, Timestamp, Token};
use serde::{Deserialize, Serialize};

use crate::arrivals::Arrivals;
use crate::as_of::AsOf;
use crate::codec::{FixedMap, In, Out};
use crate::shards::{Reader, WARMED};
use crate::state::{At, Effects, Fold, StateError};

/// A visit ends after this long without activity: a record exactly as late begins the next.
pub const IDLE: Span = Span::from_seconds(1_800);
/// Visits of one visitor that can still be corrected, the newest by event time.
pub const VISITS_MAX: usize = 8;
/// (Event, visitor) pairs of one organization in one bin: 4 million over all bins. Past it the oldest is forgotten and
/// counted; its visits stay in the sums.
pub const VISITORS_MAX: usize = 16_384;
/// Hours of all events that one bin sums for one organization; past it the earliest is dropped and counted.
pub const HOURS_MAX: usize = 4_096;

/// Activity of one visitor in one frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Input {
    /// Who, where.
    pub visitor: Visitor,
    /// Event time.
    pub time: Timestamp,
}

/// A visitor of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Visitor {
    /// The tenant.
    pub organization: OrganizationId,
    /// The event; none outside any.
    pub event: EventId,
    /// The actor.
    pub actor: Token,
}

impl Visitor {
    /// The hash that decides its bin.
    #[inline]
    pub fn hash(&self) -> u64 {
        join(join(wide(self.organization.0), wide(self.event.0)), mix(self.actor.0))
    }
}

/// One visit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct Visit {
    /// The first record, event time, microseconds since 1970.
    pub start: Timestamp,
    /// The last record.
    pub end: Timestamp,
    /// How many records.
    pub records: u32,
}

/// Sums over visits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, schemars::JsonSchema)]
pub struct VisitSums {
    /// Visits.
    pub visits: i64,
    /// Visits of a single record.
    pub single: i64,
    /// Records of all of them.
    pub records: i64,
    /// From first to last record, all of them together, milliseconds.
    pub duration_ms: i64,
}

/// Differences for the warehouse: rows of a key add up to its sums.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VisitRow {
    /// The tenant.
    pub organization: OrganizationId,
    /// The event.
    pub event: EventId,
    /// The hour in which the visits begin.
    pub hour: Timestamp,
    /// What is new.
    pub diff: VisitSums,
}

/// The visits of an event. Ask [`summarize`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct VisitSummary {
    /// The event; null outside any.
    pub event: EventId,
    /// Distinct actors.
    pub visitors: u64,
    /// All visits.
    pub total: VisitSums,
    /// The visits by the hour in which they begin, oldest first.
    pub hours: Vec<VisitHour>,
}

/// The visits that begin in one hour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct VisitHour {
    /// When the hour begins, event time, microseconds since 1970.
    pub start: Timestamp,
    /// Its visits.
    #[serde(flatten)]
    pub sums: VisitSums,
}

impl VisitSums {
    fn of(visit: &Visit) -> Self {
        let single = i64::from(visit.records == 1);
        // Whole milliseconds of each end, so that sums do not depend on how visits were joined.
        let duration_ms = visit.end.millis().saturating_sub(visit.start.millis());
        Self { visits: 1, single, records: i64::from(visit.records), duration_ms }
    }

    fn add(&mut self, other: Self, sign: i64) {
        self.visits += sign * other.visits;
        self.single += sign * other.single;
        self.records += sign * other.records;
        self.duration_ms = self.duration_ms.saturating_add(sign * other.duration_ms);
    }
}

#[derive(Debug, Default)]
struct Owner {
    visitors: Arrivals<Visitor>,
    totals: BTreeMap<EventId, (u64, VisitSums)>,
    hours: BTreeMap<(Timestamp, EventId), VisitSums>,
}

/// One bin of visitors.
#[derive(Debug, Default)]
pub struct Visits {
    visitors: FixedMap<Visitor, Vec<Visit>>,
    owners: BTreeMap<OrganizationId, Owner>,
    untold: BTreeMap<(OrganizationId, EventId, Timestamp), VisitSums>,
}

/// Puts a record into a visitor's visits, sorted by time. Returns the visits that are gone and the one that is new.
fn place(visits: &mut Vec<Visit>, time: Timestamp) -> (Vec<Visit>, Visit) {
    let near = |visit: &Visit| time.since(visit.end) < IDLE && visit.start.since(time) < IDLE;
    let first = visits.partition_point(|visit| time.since(visit.end) >= IDLE);
    let count = visits[first..].iter().take_while(|visit| near(visit)).count();
    let gone: Vec<Visit> = visits.drain(first..first + count).collect();
    let seed = Visit { start: time, end: time, records: 1 };
    let joined = gone.iter().fold(seed, |joined, visit| Visit {
        start: joined.start.min(visit.start),
        end: joined.end.max(visit.end),
        records: joined.records.saturating_add(visit.records),
    });
    if visits.len() == visits.capacity() {
        visits.reserve_exact(1);
    }
    visits.insert(first, joined);
    if visits.len() > VISITS_MAX {
        visits.remove(0);
    }
    (gone, joined)
}

/// Lengthens the last visit, where nearly every record belongs; none when the record is for [`place`] because it may
/// begin a visit or touch another one. Returns the visit before and after.
fn lengthen(visits: &mut [Visit], time: Timestamp) -> Option<(Visit, Visit)> {
    let (last, others) = visits.split_last_mut()?;
    let near = time.since(last.end) < IDLE && last.start.since(time) < IDLE;
    if !near || others.last().is_some_and(|other| time.since(other.end) < IDLE) {
        return None;
    }
    let old = *last;
    (last.start, last.end) = (last.start.min(time), last.end.max(time));
    last.records = last.records.saturating_add(1);
    Some((old, *last))
}

impl Visits {
    /// The newest visits of a visitor, oldest first.
    pub fn of(&self, visitor: &Visitor) -> Vec<Visit> {
        self.visitors.get(visitor).cloned().unwrap_or_default()
    }

    /// The visitors of an event in this bin whose visits are kept, in the order in which they first came.
    pub fn visitors(&self, organization: OrganizationId, event: EventId) -> impl Iterator<Item = Visitor> + '_ {
        let all = self.owners.get(&organization).into_iter().flat_map(|owner| &owner.visitors);
        all.filter(move |visitor| visitor.event == event).copied()
    }

    /// (Event, visitor) pairs and hours of an organization that were forgotten at a bound.
    pub fn forgotten(&self, organization: OrganizationId) -> u64 {
        self.owners.get(&organization).map_or(0, |owner| owner.visitors.forgotten())
    }

    fn sum(&mut self, visitor: &Visitor, hour: Timestamp, diff: VisitSums) {
        let owner = self.owners.entry(visitor.organization).or_default();
        owner.totals.entry(visitor.event).or_default().1.add(diff, 1);
        owner.hours.entry((hour, visitor.event)).or_default().add(diff, 1);
        self.untold.entry((visitor.organization, visitor.event, hour)).or_default().add(diff, 1);
        if owner.hours.len() > HOURS_MAX {
            owner.hours.pop_first();
            owner.visitors.forgot(1);
        }
    }

    /// One visit of a visitor got longer: its old and new sums become one difference.
    fn lengthened(&mut self, visitor: &Visitor, old: Visit, new: Visit) {
        let (before, hour) = (old.start.floor(Span::HOUR), new.start.floor(Span::HOUR));
        let (mut diff, mut lost) = (VisitSums::of(&new), VisitSums::default());
        if before == hour {
            diff.add(VisitSums::of(&old), -1);
        } else {
            lost.add(VisitSums::of(&old), -1);
            self.sum(visitor, before, lost);
        }
        self.sum(visitor, hour, diff);
    }

    /// A record of somebody new, or one that begins a visit or touches others than the last.
    fn placed(&mut self, input: &Input) {
        if !self.visitors.contains_key(&input.visitor) {
            self.welcome(input.visitor);
        }
        let (gone, new) = place(self.visitors.entry(input.visitor).or_default(), input.time);
        let hour = new.start.floor(Span::HOUR);
        let mut diff = VisitSums::of(&new);
        for visit in &gone {
            let other = visit.start.floor(Span::HOUR);
            if other == hour {
                diff.add(VisitSums::of(visit), -1);
            } else {
                let mut lost = VisitSums::default();
                lost.add(VisitSums::of(visit), -1);
                self.sum(&input.visitor, other, lost);
            }
        }
        self.sum(&input.visitor, hour, diff);
    }

    fn welcome(&mut self, visitor: Visitor) {
        let owner = self.owners.entry(visitor.organization).or_default();
        owner.totals.entry(visitor.event).or_default().0 += 1;
        if let Some(oldest) = owner.visitors.come(visitor, VISITORS_MAX) {
            self.visitors.remove(&oldest);
        }
    }
}

/// The visits of an event, with the hours that begin in `from..=to`. Visitors are spread over all bins: this asks all.
pub fn summarize(
    reader: &Reader<Visits>,
    organization: OrganizationId,
    event: EventId,
    from: Timestamp,
    to: Timestamp,
) -> (VisitSummary, AsOf) {
    let mut hours = BTreeMap::<Timestamp, VisitSums>::new();
    let mut summary = VisitSummary { event, visitors: 0, total: VisitSums::default(), hours: Vec::new() };
    let as_of = reader.scan(|_, bin| {
        let Some(owner) = bin.owners.get(&organization) else { return };
        if let Some((visitors, total)) = owner.totals.get(&event) {
            summary.visitors += visitors;
            summary.total.add(*total, 1);
        }
        for ((hour, of), sums) in owner.hours.range((from.floor(Span::HOUR), EventId::NONE)..) {
            if *hour > to {
                break;
            }
            if *of == event {
                hours.entry(*hour).or_default().add(*sums, 1);
            }
        }
    });
    summary.hours = hours.into_iter().map(|(start, sums)| VisitHour { start, sums }).collect();
    (summary, as_of)
}

impl Fold for Visits {
    const NAME: &'static str = "visits";
    const VERSION: u32 = 1;
    type Input = Input;
    type Output = ();
    type Key = Visitor;
    type Row = VisitRow;

    fn apply(&mut self, _at: At, input: &Input, effects: &mut Effects<Self>) {
        let known = self.visitors.get_mut(&input.visitor);
        if let Some((old, new)) = known.and_then(|visits| lengthen(visits, input.time)) {
            self.lengthened(&input.visitor, old, new);
        } else {
            self.placed(input);
        }
        if effects.changed.last() != Some(&input.visitor) {
            effects.changed.push(input.visitor);
        }
    }

    fn warm(&self, inputs: &[&Input]) {
        // First the table, then what its entries point to: misses of either kind overlap.
        let mut visits: [&[Visit]; WARMED] = [&[]; WARMED];
        for (input, place) in inputs.iter().zip(&mut visits) {
            *place = self.visitors.get(&input.visitor).map_or(&[], Vec::as_slice);
        }
        black_box(visits.iter().filter_map(|visits| visits.last()).fold(0, |sum, visit| sum ^ visit.end.0));
    }

    fn advance(&mut self, _bound: Timestamp, _effects: &mut Effects<Self>) {}

    fn land(&mut self, rows: &mut Vec<VisitRow>) {
        let untold = std::mem::take(&mut self.untold).into_iter();
        let changed = untold.filter(|(_, diff)| *diff != VisitSums::default());
        rows.extend(changed.map(|((organization, event, hour), diff)| VisitRow { organization, event, hour, diff }));
    }

    fn encode(&self, out: &mut Vec<u8>) {
        let mut out = Out::open::<Self>(out);
        out.len(self.owners.len());
        for (organization, owner) in &self.owners {
            out.id(organization.0);
            out.u64(owner.visitors.forgotten());
            out.len(owner.totals.len());
            for (event, (visitors, sums)) in &owner.totals {
                out.id(event.0);
                out.u64(*visitors);
                sums.encode(&mut out);
            }
            out.len(owner.hours.len());
            for ((hour, event), sums) in &owner.hours {
                out.time(*hour);
                out.id(event.0);
                sums.encode(&mut out);
            }
            out.len(owner.visitors.len());
            for visitor in &owner.visitors {
                out.id(visitor.event.0);
                out.token(visitor.actor);
                let visits = &self.visitors[visitor];
                out.len(visits.len());
                for visit in visits {
                    out.time(visit.start);
                    out.i64(visit.end.since(visit.start).0);
                    out.u32(visit.records);
                }
            }
        }
    }

    fn decode(bytes: &[u8]) -> Result<Self, StateError> {
        let mut input = In::open::<Self>(bytes)?;
        let mut this = Self::default();
        for _ in 0..input.len(5)? {
            let organization = OrganizationId(input.id()?);
            let mut owner = Owner { visitors: Arrivals::after(input.u64()?), ..Owner::default() };
            for _ in 0..input.len(6)? {
                let event = EventId(input.id()?);
                owner.totals.insert(event, (input.u64()?, VisitSums::decode(&mut input)?));
            }
            for _ in 0..input.len(6)? {
                let (hour, event) = (input.time()?, EventId(input.id()?));
                owner.hours.insert((hour, event), VisitSums::decode(&mut input)?);
            }
            let visitors = input.len(10)?;
            this.visitors.reserve(visitors);
            for _ in 0..visitors {
                let visitor = Visitor { organization, event: EventId(input.id()?), actor: input.token()? };
                let count = input.len(3)?;
                let mut visits = Vec::with_capacity(count);
                for _ in 0..count {
                    let start = input.time()?;
                    let end = Timestamp(start.0.checked_add(input.i64()?).ok_or_else(|| input.damaged())?);
                    visits.push(Visit { start, end, records: input.u32()? });
                }
                owner.visitors.restore(visitor);
                if count > VISITS_MAX || this.visitors.insert(visitor, visits).is_some() {
                    return Err(input.damaged());
                }
            }
            this.owners.insert(organization, owner);
        }
        input.done()?;
        Ok(this)
    }

    fn len(&self) -> usize {
        self.visitors.len()
    }

    fn is_empty(&self) -> bool {
        self.owners.is_empty()
    }
}

impl VisitSums {
    fn encode(&self, out: &mut Out<'_>) {
        [self.visits, self.single, self.records, self.duration_ms].into_iter().for_each(|sum| out.i64(sum));
    }

    fn decode(input: &mut In<'_>) -> Result<Self, StateError> {
        Ok(Self { visits: input.i64()?, single: input.i64()?, records: input.i64()?, duration_ms: input.i64()? })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;
    use crate::laws;

    const MINUTE: i64 = 60_000_000;

    fn visitor(actor: u64) -> Visitor {
        Visitor { organization: OrganizationId(7), event: EventId(1), actor: Token(actor) }
    }

    fn record(actor: u64, minute: i64) -> Input {
        Input { visitor: visitor(actor), time: Timestamp(minute * MINUTE) }
    }

    fn minutes(visits: &[Visit]) -> Vec<(i64, i64, u32)> {
        visits.iter().map(|visit| (visit.start.0 / MINUTE, visit.end.0 / MINUTE, visit.records)).collect()
    }

    fn run(inputs: impl IntoIterator<Item = Input>) -> Visits {
        laws::whole::<Visits>(&laws::log(Timestamp(0), inputs.into_iter().map(|input| (1, input)))).0
    }

    #[test]
    fn thirty_idle_minutes_end_a_visit() {
        let fold = run([0, 29, 58, 88].map(|minute| record(1, minute)));
        assert_eq!(minutes(&fold.of(&visitor(1))), [(0, 58, 3), (88, 88, 1)]);
    }

    #[test]
    fn a_late_record_joins_two_visits() {
        let fold = run([0, 40, 20].map(|minute| record(1, minute)));
        assert_eq!(minutes(&fold.of(&visitor(1))), [(0, 40, 3)]);
        let totals = fold.owners[&OrganizationId(7)].totals[&EventId(1)];
        assert_eq!(totals, (1, VisitSums { visits: 1, single: 0, records: 3, duration_ms: 40 * 60_000 }));
    }

    #[test]
    fn old_visits_leave_the_list_but_stay_in_the_sums() {
        let most = VISITS_MAX as i64;
        let fold = run((0..=most).map(|number| record(1, number * 60)));
        assert_eq!(fold.of(&visitor(1)).len(), VISITS_MAX);
        assert_eq!(fold.owners[&OrganizationId(7)].totals[&EventId(1)].1.visits, most + 1);
    }

    fn table(rows: &[VisitRow]) -> BTreeMap<(EventId, Timestamp), VisitSums> {
        let mut sums = BTreeMap::<_, VisitSums>::new();
        rows.iter().for_each(|row| sums.entry((row.event, row.hour)).or_default().add(row.diff, 1));
        sums.retain(|_, sum| *sum != VisitSums::default());
        sums
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn visits_equal_their_naive_twin_and_keep_the_laws(
            // Seven visits fit into 200 minutes: nothing ever leaves the list.
            steps in proptest::collection::vec((1u64..4, 0i64..200), 1..60),
            chance: u64,
        ) {
            let log = laws::log(Timestamp(0), steps.iter().map(|(actor, minute)| (1, record(*actor, *minute))));
            let fold = laws::whole::<Visits>(&log).0;
            let mut total = VisitSums::default();
            for actor in 1..4 {
                // The twin sorts all times of the actor and cuts at gaps.
                let mut times: Vec<i64> = steps.iter().filter(|step| step.0 == actor).map(|step| step.1).collect();
                times.sort_unstable();
                let twin: Vec<(i64, i64, u32)> = times
                    .chunk_by(|left, right| right - left < 30)
                    .map(|visit| (visit[0], *visit.last().unwrap(), visit.len() as u32))
                    .collect();
                prop_assert_eq!(minutes(&fold.of(&visitor(actor))), twin.clone());
                for (start, end, records) in twin {
                    let (start, end) = (Timestamp(start * MINUTE), Timestamp(end * MINUTE));
                    total.add(VisitSums::of(&Visit { start, end, records }), 1);
                }
            }
            let actors: BTreeSet<u64> = steps.iter().map(|step| step.0).collect();
            prop_assert_eq!(fold.owners[&OrganizationId(7)].totals[&EventId(1)], (actors.len() as u64, total));
            let ask = |fold: &Visits| {
                let sums = fold.owners[&OrganizationId(7)].hours.clone();
                ((1..4).map(|actor| fold.of(&visitor(actor))).collect::<Vec<_>>(), sums)
            };
            laws::check::<Visits, _, _>(&log, chance, ask, table);
        }
    }
}
