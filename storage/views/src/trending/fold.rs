//! The fold of attention, and the answer.

use std::collections::BTreeMap;

use records::hash::{join, wide};
use records::{EventId, ItemId, Kind, OrganizationId, SessionId, Timestamp};
use serde::{Deserialize, Serialize};

use super::decay::decayed;
use crate::arrivals::Arrivals;
use crate::codec::{In, Out};
use crate::minute::{Minute, end_of};
use crate::state::{At, Effects, Fold, StateError};

/// Events of one organization in one bin; past it the oldest is forgotten and counted.
pub const EVENTS_MAX: usize = 256;
/// Sessions and items of one event that are kept; at twice as many the lower half by score is dropped and counted.
pub const THINGS_MAX: usize = 4_096;
/// One unit of weight.
pub const UNIT: u64 = 1 << 20;

/// What gets attention.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Thing {
    /// A session.
    Session(SessionId),
    /// An item.
    Item(ItemId),
}

/// An event of an organization.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Stage {
    /// The tenant.
    pub organization: OrganizationId,
    /// The event; none for what belongs to none.
    pub event: EventId,
}

impl Stage {
    /// The hash that decides its bin.
    #[inline]
    pub fn hash(&self) -> u64 {
        join(wide(self.organization.0), wide(self.event.0))
    }
}

/// What a happening is worth; 0 for kinds that tell nothing of attention.
pub fn weight(kind: Kind) -> u32 {
    match kind {
        Kind::SessionJoined | Kind::ItemFavored | Kind::ItemCarted => 3,
        Kind::ItemViewed
        | Kind::OfferClicked
        | Kind::QuestionReported
        | Kind::ChatReported
        | Kind::ReactionReported
        | Kind::PollAnswerReported => 1,
        _ => 0,
    }
}

/// Attention for one thing in one frame, added up: the records of a frame have one log time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Input {
    /// The event.
    pub stage: Stage,
    /// What got it.
    pub thing: Thing,
    /// The sum of weights.
    pub weight: u32,
}

/// One trending thing.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, schemars::JsonSchema)]
pub struct Trend {
    /// 1 for the first.
    pub rank: u64,
    /// The session or the item.
    #[serde(flatten)]
    pub thing: Thing,
    /// Weight that is left: a happening of weight 1 counts 1 now, 0.5 ten minutes later.
    pub score: f64,
}

/// What is trending in an event.
#[derive(Debug, Clone, PartialEq, Serialize, schemars::JsonSchema)]
pub struct Trending {
    /// The event; null outside any.
    pub event: EventId,
    /// The log time for which scores are given, microseconds since 1970.
    pub at: Timestamp,
    /// Highest first.
    pub trends: Vec<Trend>,
}

/// What a thing's score was at the end of a minute of log time in which it got attention, for the warehouse. In a minute
/// without a row it only lost: half in ten minutes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TrendRow {
    /// The event.
    pub stage: Stage,
    /// What got attention.
    pub thing: Thing,
    /// When the minute began.
    pub start: Timestamp,
    /// The score at its end in [`UNIT`]s: exactly what [`Trends::top`] shows as of that instant.
    pub score: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Score {
    // As of `at`, in UNITs.
    score: u64,
    at: Timestamp,
}

/// One bin of events.
#[derive(Debug, Default)]
pub struct Trends {
    stages: BTreeMap<Stage, BTreeMap<Thing, Score>>,
    owners: BTreeMap<OrganizationId, Arrivals<EventId>>,
    // Events in which something got attention in the running minute.
    minute: Minute<Stage>,
    told: Vec<TrendRow>,
}

impl Trends {
    /// The `count` things with the highest scores as of `now`; ties by id.
    pub fn top(&self, stage: &Stage, now: Timestamp, count: usize) -> Option<Trending> {
        let things = self.stages.get(stage)?;
        let trends = (1..).zip(ranked(things, now).into_iter().take(count)).map(|(rank, (score, thing))| Trend {
            rank,
            thing,
            score: score as f64 / UNIT as f64,
        });
        Some(Trending { event: stage.event, at: now, trends: trends.collect() })
    }

    /// The events of an organization in this bin.
    pub fn of(&self, organization: OrganizationId) -> impl Iterator<Item = Stage> + '_ {
        let events = self.owners.get(&organization).into_iter().flatten();
        events.map(move |event| Stage { organization, event: *event })
    }

    /// Events and things of an organization that were dropped at a bound.
    pub fn forgotten(&self, organization: OrganizationId) -> u64 {
        self.owners.get(&organization).map_or(0, Arrivals::forgotten)
    }

    fn make(&mut self, stage: Stage) {
        self.stages.insert(stage, BTreeMap::new());
        let events = self.owners.entry(stage.organization).or_default();
        if let Some(event) = events.come(stage.event, EVENTS_MAX) {
            let oldest = Stage { event, ..stage };
            self.stages.remove(&oldest);
            self.minute.forget(&oldest);
        }
    }

    /// Keeps the scores of what got attention in the running minute, if it is over at `now`. What was dropped at a bound
    /// has none.
    fn end_minute(&mut self, now: Timestamp) {
        let Some((start, stages)) = self.minute.over(now) else { return };
        let end = end_of(start);
        for stage in stages {
            let Some(things) = self.stages.get(&stage) else { continue };
            let fresh = things.iter().filter(|(_, score)| score.at >= start);
            self.told.extend(fresh.map(|(thing, score)| {
                let score = decayed(score.score, end.since(score.at));
                TrendRow { stage, thing: *thing, start, score }
            }));
        }
    }
}

/// Things with a score that is left, highest first.
fn ranked(things: &BTreeMap<Thing, Score>, now: Timestamp) -> Vec<(u64, Thing)> {
    let left = |(thing, score): (&Thing, &Score)| (decayed(score.score, now.since(score.at)), *thing);
    let mut ranked: Vec<_> = things.iter().map(left).filter(|(score, _)| *score > 0).collect();
    ranked.sort_unstable_by_key(|(score, thing)| (std::cmp::Reverse(*score), *thing));
    ranked
}

impl Fold for Trends {
    const NAME: &'static str = "trending";
    // 2: keeps which events got attention in the running minute.
    const VERSION: u32 = 2;
    type Input = Input;
    type Output = ();
    type Key = Stage;
    type Row = TrendRow;

    fn apply(&mut self, at: At, input: &Input, effects: &mut Effects<Self>) {
        let now = at.now();
        self.end_minute(now);
        if !self.stages.contains_key(&input.stage) {
            self.make(input.stage);
        }
        let things = self.stages.get_mut(&input.stage).expect("the event is there or was made");
        let score = things.entry(input.thing).or_insert(Score { score: 0, at: now });
        let left = decayed(score.score, now.since(score.at));
        *score = Score { score: left.saturating_add(u64::from(input.weight) * UNIT), at: now };
        // Dropping half at once makes the sorting cost a few comparisons for each new thing.
        if things.len() > 2 * THINGS_MAX {
            let keep: BTreeMap<Thing, ()> =
                ranked(things, now).into_iter().take(THINGS_MAX).map(|(_, thing)| (thing, ())).collect();
            let before = things.len();
            things.retain(|thing, _| keep.contains_key(thing));
            let dropped = before - things.len();
            self.owners.entry(input.stage.organization).or_default().forgot(dropped as u64);
        }
        self.minute.touch(now, input.stage);
        if effects.changed.last() != Some(&input.stage) {
            effects.changed.push(input.stage);
        }
    }

    fn advance(&mut self, bound: Timestamp, _effects: &mut Effects<Self>) {
        self.end_minute(bound);
    }

    fn land(&mut self, rows: &mut Vec<TrendRow>) {
        let before = rows.len();
        rows.append(&mut self.told);
        rows[before..].sort_unstable_by_key(|row| (row.stage, row.thing, row.start));
    }

    fn encode(&self, out: &mut Vec<u8>) {
        let mut out = Out::open::<Self>(out);
        out.len(self.owners.len());
        for (organization, events) in &self.owners {
            out.id(organization.0);
            out.u64(events.forgotten());
            out.len(events.len());
            for event in events {
                let things = &self.stages[&Stage { organization: *organization, event: *event }];
                out.id(event.0);
                out.len(things.len());
                for (thing, score) in things {
                    let (item, id) = match thing {
                        Thing::Session(session) => (false, session.0),
                        Thing::Item(item) => (true, item.0),
                    };
                    out.flag(item);
                    out.id(id);
                    out.u64(score.score);
                    out.time(score.at);
                }
            }
        }
        self.minute.encode(&mut out, |out, stage| {
            out.id(stage.organization.0);
            out.id(stage.event.0);
        });
    }

    fn decode(bytes: &[u8]) -> Result<Self, StateError> {
        let mut input = In::open::<Self>(bytes)?;
        let mut this = Self::default();
        for _ in 0..input.len(3)? {
            let organization = OrganizationId(input.id()?);
            let mut events = Arrivals::after(input.u64()?);
            for _ in 0..input.len(2)? {
                let event = EventId(input.id()?);
                let mut things = BTreeMap::new();
                for _ in 0..input.len(4)? {
                    let (item, id) = (input.flag()?, input.id()?);
                    let thing = if item { Thing::Item(ItemId(id)) } else { Thing::Session(SessionId(id)) };
                    things.insert(thing, Score { score: input.u64()?, at: input.time()? });
                }
                events.restore(event);
                if this.stages.insert(Stage { organization, event }, things).is_some() {
                    return Err(input.damaged());
                }
            }
            this.owners.insert(organization, events);
        }
        this.minute = Minute::decode(&mut input, 2, |input| {
            Ok(Stage { organization: OrganizationId(input.id()?), event: EventId(input.id()?) })
        })?;
        input.done()?;
        Ok(this)
    }

    /// Things of all events.
    fn len(&self) -> usize {
        self.stages.values().map(BTreeMap::len).sum()
    }

    fn is_empty(&self) -> bool {
        self.owners.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::laws;

    const STAGE: Stage = Stage { organization: OrganizationId(7), event: EventId(1) };
    const MINUTE: i64 = 60_000_000;

    fn hit(session: u128, weight: u32) -> Input {
        Input { stage: STAGE, thing: Thing::Session(SessionId(session)), weight }
    }

    fn order(fold: &Trends, now: i64) -> Vec<u128> {
        let name = |trend: &Trend| match trend.thing {
            Thing::Session(session) => session.0,
            Thing::Item(item) => item.0,
        };
        fold.top(&STAGE, Timestamp(now), 10).map_or(Vec::new(), |found| found.trends.iter().map(name).collect())
    }

    #[test]
    fn what_is_new_overtakes_what_was_much() {
        let log = laws::log(Timestamp(0), [(1, hit(1, 9)), (30 * MINUTE, hit(2, 2))]);
        let fold = laws::whole::<Trends>(&log).0;
        assert_eq!(order(&fold, 30 * MINUTE + 1), [2, 1], "9 / 8 is less than 2");
        assert_eq!(order(&fold, 60 * MINUTE), [2, 1], "waiting alone changes no order");
        let top = fold.top(&STAGE, Timestamp(30 * MINUTE + 1), 1).unwrap();
        assert!((top.trends[0].score - 2.0).abs() < 1e-6);
        let json = serde_json::to_value(top).unwrap();
        assert!(json["trends"][0]["session"].is_string(), "{json}");
    }

    #[test]
    fn a_minute_tells_what_it_came_to_once_it_is_over() {
        let seconds = |seconds: i64| seconds * 1_000_000;
        let log = laws::log(
            Timestamp(0),
            [(seconds(10), hit(1, 3)), (seconds(40), hit(1, 1)), (1, hit(2, 1)), (seconds(30), hit(2, 1))],
        );
        let (mut fold, mut run) = laws::whole::<Trends>(&log);
        let at_end = |fold: &Trends, end: i64| fold.top(&STAGE, Timestamp(end), 10).unwrap().trends;
        let told = |rows: &[TrendRow]| -> Vec<_> {
            rows.iter().map(|row| (row.thing, row.start.seconds(), row.score as f64 / UNIT as f64)).collect()
        };
        let whole = laws::whole::<Trends>(&log[..3]).0;
        let first: Vec<_> = at_end(&whole, MINUTE).iter().map(|trend| (trend.thing, 0, trend.score)).collect();
        assert_eq!(told(&run.landed), first, "as a reader saw it at that instant");
        run.landed.clear();
        fold.advance(Timestamp(2 * MINUTE - 1), &mut Effects::default());
        fold.land(&mut run.landed);
        assert!(run.landed.is_empty());
        fold.advance(Timestamp(9 * MINUTE), &mut Effects::default());
        fold.land(&mut run.landed);
        let second = at_end(&fold, 2 * MINUTE).into_iter().find(|trend| trend.thing == hit(2, 1).thing).unwrap();
        assert_eq!(told(&run.landed), [(second.thing, 60, second.score)], "the other one only lost");
    }

    #[test]
    fn the_lower_half_is_dropped_at_the_bound() {
        let most = 2 * THINGS_MAX as u128;
        let fold =
            laws::whole::<Trends>(&laws::log(Timestamp(0), (0..=most).map(|session| (1, hit(session + 1, 1))))).0;
        assert_eq!((fold.len(), fold.forgotten(OrganizationId(7))), (THINGS_MAX, THINGS_MAX as u64 + 1));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]
        #[test]
        fn scores_equal_their_naive_twin_and_keep_the_laws(
            steps in proptest::collection::vec((0i64..20, 1u128..5, 1u32..4), 1..80),
            chance: u64,
        ) {
            let log = laws::log(Timestamp(0), steps.iter().map(|(gap, session, weight)| (gap * MINUTE, hit(*session, *weight))));
            let now = log.last().unwrap().0.now();
            let fold = laws::whole::<Trends>(&log).0;
            for trend in fold.top(&STAGE, now, 10).unwrap().trends {
                // The twin adds up what every single hit is worth now, in floats.
                let exact: f64 = log.iter().filter(|(_, input)| input.thing == trend.thing).map(|(at, input)| {
                    let halvings = now.since(at.now()).0 as f64 / (10 * MINUTE) as f64;
                    f64::from(input.weight) * (-halvings).exp2()
                }).sum();
                // Each decay may round the time by a 256th of a half-life: 0.27 % for every later hit of the thing.
                let hits = log.iter().filter(|(_, input)| input.thing == trend.thing).count() as f64;
                prop_assert!((trend.score - exact).abs() <= exact * 0.0028 * (hits + 1.0) + 1e-5, "{} {exact}", trend.score);
            }
            let told = |rows: &[TrendRow]| {
                let mut rows = rows.to_vec();
                rows.sort_by_key(|row| (row.start, row.thing));
                rows
            };
            laws::check::<Trends, _, _>(&log, chance, |fold| fold.top(&STAGE, now, 10), told);
        }
    }
}
