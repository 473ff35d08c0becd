//! Funnels: how many visitors reached each step of an ordered list within a time limit.
//!
//! Records are taken in the order of the log. A record of event time *t* reaches step *k* for its actor when a chain
//! that reached step *k - 1* exists, whose newest record is not after *t* and whose first is at most the limit before.
//! Of several chains that reached the same step the one that began latest is kept: it has the most time left. So a
//! record that arrives after a later one of the same actor (by event time) can begin a chain, but not slip into one
//! behind its back; for records in order this is exactly "there is such a sequence" (ClickHouse's `windowFunnel`).
//! A record that stands for several steps reaches each of them at most once.
//!
//! The warehouse gets differences: who reached a step for the first time adds one to it, under the hour in which the chain
//! began (by event time), with the time that the chain took so far.

use std::collections::BTreeMap;

use records::hash::{join, mix, wide};
use records::{EventId, OrganizationId, RuleId, Span, Timestamp, Token};
use serde::{Deserialize, Serialize};

use crate::arrivals::Arrivals;
use crate::as_of::AsOf;
use crate::codec::{FixedMap, In, Out};
use crate::shards::Reader;
use crate::state::{At, Effects, Fold, StateError};

/// (Funnel, actor) pairs of one organization in one bin: 4 million over all bins. Past it the oldest is forgotten and
/// counted; what it reached stays in the sums.
pub const ACTORS_MAX: usize = 16_384;
/// Funnels of all events that one bin sums for one organization.
pub const SUMS_MAX: usize = 4_096;
const STEPS_MAX: usize = rules::funnel::STEPS_MAX;

/// A record that stands for steps of a funnel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Input {
    /// The funnel of an event.
    pub key: FunnelKey,
    /// Who.
    pub actor: Token,
    /// Event time.
    pub time: Timestamp,
    /// The steps that the record stands for: bit n for step n.
    pub steps: u16,
    /// The most time between the first step and the last.
    pub within: Span,
}

impl Input {
    /// The hash that decides its bin.
    #[inline]
    pub fn hash(&self) -> u64 {
        let hash = join(wide(self.key.organization.0), wide(self.key.funnel.0));
        join(join(hash, wide(self.key.event.0)), mix(self.actor.0))
    }
}

/// One funnel as it was defined, in one event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct FunnelKey {
    /// The tenant.
    pub organization: OrganizationId,
    /// The event; none outside any.
    pub event: EventId,
    /// The funnel.
    pub funnel: RuleId,
    /// The hash of its definition: a changed funnel counts from the start.
    #[serde(with = "crate::digits")]
    pub definition: u64,
}

/// The newest chain that reached a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Chain {
    first: Timestamp,
    last: Timestamp,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Path {
    // By step, as far as the actor ever came; all of them, since a later chain may come further.
    chains: Vec<Chain>,
}

#[derive(Debug, Default)]
struct Owner {
    actors: Arrivals<(FunnelKey, Token)>,
    sums: BTreeMap<FunnelKey, [u64; STEPS_MAX]>,
}

/// One bin of funnels.
#[derive(Debug, Default)]
pub struct Funnels {
    paths: FixedMap<(FunnelKey, Token), Path>,
    owners: BTreeMap<OrganizationId, Owner>,
    untold: BTreeMap<(FunnelKey, u8, Timestamp), StepSums>,
}

/// Actors who reached a step of a funnel for the first time, for the warehouse: rows of one key add up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FunnelStepRow {
    /// The funnel of an event.
    pub key: FunnelKey,
    /// The step, 0 for the first.
    pub step: u8,
    /// The hour in which their chains began, by event time.
    pub hour: Timestamp,
    /// What to add.
    pub diff: StepSums,
}

/// Sums over actors who reached a step.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct StepSums {
    /// Actors.
    pub reached: i64,
    /// From the first record of the chain to the one that reached the step, in whole milliseconds each.
    pub duration_ms: i64,
}

impl StepSums {
    /// Adds other sums.
    pub fn add(&mut self, other: Self) {
        self.reached += other.reached;
        self.duration_ms = self.duration_ms.saturating_add(other.duration_ms);
    }
}

/// How many visitors reached each step. Ask [`summarize`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct FunnelSummary {
    /// The event; null outside any.
    pub event: EventId,
    /// The funnel.
    pub funnel: RuleId,
    /// Distinct actors by step.
    pub reached: Vec<u64>,
}

impl Path {
    /// Takes a record; returns whether the actor came further than ever before.
    fn take(&mut self, time: Timestamp, steps: u16, within: Span) -> bool {
        let before = self.chains.len();
        // From the last step down, so that one record is not two steps of one chain.
        for step in (0..STEPS_MAX).rev().filter(|step| steps >> step & 1 == 1) {
            let chain = match step.checked_sub(1) {
                None => Some(Chain { first: time, last: time }),
                Some(previous) => self
                    .chains
                    .get(previous)
                    .filter(|chain| chain.last <= time && time.since(chain.first) <= within)
                    .map(|chain| Chain { last: time, ..*chain }),
            };
            match (chain, self.chains.get_mut(step)) {
                (Some(chain), Some(known)) => {
                    if (chain.first, std::cmp::Reverse(chain.last)) > (known.first, std::cmp::Reverse(known.last)) {
                        *known = chain;
                    }
                }
                (Some(chain), None) => {
                    self.chains.reserve_exact(1);
                    self.chains.push(chain);
                }
                (None, _) => {}
            }
        }
        self.chains.len() > before
    }
}

impl Funnels {
    /// How many actors of this bin reached each step.
    pub fn reached(&self, key: &FunnelKey) -> [u64; STEPS_MAX] {
        let owner = self.owners.get(&key.organization);
        owner.and_then(|owner| owner.sums.get(key)).copied().unwrap_or_default()
    }

    /// (Funnel, actor) pairs of an organization that were forgotten at the bound.
    pub fn forgotten(&self, organization: OrganizationId) -> u64 {
        self.owners.get(&organization).map_or(0, |owner| owner.actors.forgotten())
    }
}

/// How many visitors reached each of the `steps` of a funnel. Actors are spread over all bins, so this asks all.
pub fn summarize(reader: &Reader<Funnels>, key: &FunnelKey, steps: usize) -> (FunnelSummary, AsOf) {
    let mut reached = vec![0u64; steps.min(STEPS_MAX)];
    let as_of = reader.scan(|_, bin| {
        reached.iter_mut().zip(bin.reached(key)).for_each(|(sum, count)| *sum += count);
    });
    (FunnelSummary { event: key.event, funnel: key.funnel, reached }, as_of)
}

impl Fold for Funnels {
    const NAME: &'static str = "funnels";
    // 2: tells the warehouse; the state is as it was, but what it was told must begin with the log.
    const VERSION: u32 = 2;
    type Input = Input;
    type Output = ();
    type Key = FunnelKey;
    type Row = FunnelStepRow;

    fn apply(&mut self, _at: At, input: &Input, effects: &mut Effects<Self>) {
        let key = (input.key, input.actor);
        let known = self.paths.contains_key(&key);
        // Only a first step makes a path: other records of unknown actors change nothing.
        if !known && input.steps & 1 == 0 {
            return;
        }
        let path = self.paths.entry(key).or_default();
        let further = path.take(input.time, input.steps, input.within);
        let length = path.chains.len();
        let newest = path.chains.last().copied();
        let owner = self.owners.entry(input.key.organization).or_default();
        if further && (owner.sums.len() < SUMS_MAX || owner.sums.contains_key(&input.key)) {
            owner.sums.entry(input.key).or_default()[length - 1] += 1;
            let (step, chain) = (length - 1, newest.expect("who came further has a chain"));
            let key = (input.key, u8::try_from(step).expect("a funnel has few steps"), chain.first.floor(Span::HOUR));
            let duration_ms = chain.last.since(chain.first).millis();
            self.untold.entry(key).or_default().add(StepSums { reached: 1, duration_ms });
            if effects.changed.last() != Some(&input.key) {
                effects.changed.push(input.key);
            }
        }
        if !known && let Some(oldest) = owner.actors.come(key, ACTORS_MAX) {
            self.paths.remove(&oldest);
        }
    }

    fn advance(&mut self, _bound: Timestamp, _effects: &mut Effects<Self>) {}

    fn land(&mut self, rows: &mut Vec<FunnelStepRow>) {
        let untold = std::mem::take(&mut self.untold).into_iter();
        rows.extend(untold.map(|((key, step, hour), diff)| FunnelStepRow { key, step, hour, diff }));
    }

    fn encode(&self, out: &mut Vec<u8>) {
        let mut out = Out::open::<Self>(out);
        out.len(self.owners.len());
        for (organization, owner) in &self.owners {
            out.id(organization.0);
            out.u64(owner.actors.forgotten());
            out.len(owner.sums.len());
            for (key, counts) in &owner.sums {
                key.encode(&mut out);
                counts.iter().for_each(|count| out.u64(*count));
            }
            out.len(owner.actors.len());
            for (key, actor) in &owner.actors {
                key.encode(&mut out);
                out.token(*actor);
                let chains = &self.paths[&(*key, *actor)].chains;
                out.len(chains.len());
                for chain in chains {
                    out.time(chain.first);
                    out.time(chain.last);
                }
            }
        }
    }

    fn decode(bytes: &[u8]) -> Result<Self, StateError> {
        let mut input = In::open::<Self>(bytes)?;
        let mut this = Self::default();
        for _ in 0..input.len(4)? {
            let organization = OrganizationId(input.id()?);
            let mut owner = Owner { actors: Arrivals::after(input.u64()?), ..Owner::default() };
            for _ in 0..input.len(10)? {
                let key = FunnelKey::decode(&mut input, organization)?;
                let mut counts = [0; STEPS_MAX];
                for count in &mut counts {
                    *count = input.u64()?;
                }
                owner.sums.insert(key, counts);
            }
            for _ in 0..input.len(19)? {
                let key = (FunnelKey::decode(&mut input, organization)?, input.token()?);
                let steps = input.len(2)?;
                if steps > STEPS_MAX {
                    return Err(input.damaged());
                }
                let mut chains = Vec::with_capacity(steps);
                for _ in 0..steps {
                    chains.push(Chain { first: input.time()?, last: input.time()? });
                }
                owner.actors.restore(key);
                if this.paths.insert(key, Path { chains }).is_some() {
                    return Err(input.damaged());
                }
            }
            this.owners.insert(organization, owner);
        }
        input.done()?;
        Ok(this)
    }

    fn len(&self) -> usize {
        self.paths.len()
    }

    fn is_empty(&self) -> bool {
        self.owners.is_empty()
    }
}

impl FunnelKey {
    fn encode(&self, out: &mut Out<'_>) {
        out.id(self.event.0);
        out.id(self.funnel.0);
        out.fixed(self.definition);
    }

    fn decode(input: &mut In<'_>, organization: OrganizationId) -> Result<Self, StateError> {
        let (event, funnel) = (EventId(input.id()?), RuleId(input.id()?));
        Ok(Self { organization, event, funnel, definition: input.fixed()? })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::laws;

    const KEY: FunnelKey =
        FunnelKey { organization: OrganizationId(7), event: EventId(1), funnel: RuleId(1), definition: 5 };

    fn record(actor: u64, time: i64, steps: u16) -> Input {
        Input { key: KEY, actor: Token(actor), time: Timestamp(time), steps, within: Span(100) }
    }

    fn reached(inputs: &[Input]) -> Vec<u64> {
        let log = laws::log(Timestamp(0), inputs.iter().map(|input| (1, *input)));
        laws::whole::<Funnels>(&log).0.reached(&KEY)[..4].to_vec()
    }

    #[test]
    fn steps_count_in_order_and_within_the_limit() {
        assert_eq!(reached(&[record(1, 0, 1), record(1, 50, 2), record(1, 100, 4)]), [1, 1, 1, 0]);
        assert_eq!(reached(&[record(1, 0, 1), record(1, 50, 2), record(1, 101, 4)]), [1, 1, 0, 0]);
        assert_eq!(reached(&[record(1, 0, 2), record(1, 50, 1), record(1, 60, 4)]), [1, 0, 0, 0]);
        assert_eq!(reached(&[record(1, 0, 1), record(2, 50, 1), record(1, 60, 2)]), [2, 1, 0, 0]);
    }

    #[test]
    fn a_second_try_counts_once_but_may_come_further() {
        let tries = [record(1, 0, 1), record(1, 50, 2), record(1, 200, 1), record(1, 210, 2), record(1, 300, 4)];
        assert_eq!(reached(&tries), [1, 1, 1, 0]);
    }

    #[test]
    fn one_record_is_one_step_of_a_chain() {
        assert_eq!(reached(&[record(1, 0, 3)]), [1, 0, 0, 0]);
        assert_eq!(reached(&[record(1, 0, 3), record(1, 1, 3)]), [1, 1, 0, 0]);
    }

    #[test]
    fn an_earlier_record_that_comes_later_does_not_slip_in() {
        assert_eq!(reached(&[record(1, 50, 1), record(1, 40, 2)]), [1, 0, 0, 0]);
    }

    /// Whether `records` (in log order) hold a sequence for the first `steps` steps that begins with one of them.
    fn exists(records: &[(i64, u16)], steps: usize, from: usize, first: Option<i64>, last: i64, step: usize) -> bool {
        step == steps
            || records.iter().enumerate().skip(from).any(|(place, (time, bits))| {
                bits >> step & 1 == 1
                    && *time >= last
                    && first.is_none_or(|first| time - first <= 100)
                    && exists(records, steps, place + 1, first.or(Some(*time)), *time, step + 1)
            })
    }

    fn sums(rows: &[FunnelStepRow]) -> BTreeMap<(u8, Timestamp), (i64, i64)> {
        let mut sums = BTreeMap::<_, (i64, i64)>::new();
        for row in rows {
            let sum = sums.entry((row.step, row.hour)).or_default();
            *sum = (sum.0 + row.diff.reached, sum.1 + row.diff.duration_ms);
        }
        sums
    }

    #[test]
    fn steps_land_under_the_hour_in_which_their_chain_began_with_the_time_it_took() {
        let (hour, ms) = (Span::HOUR.0, 1_000);
        let wide = |actor, time, steps| Input { within: Span::HOUR, ..record(actor, time, steps) };
        let inputs = [
            wide(1, hour - 5 * ms, 1),
            wide(1, hour + 2 * ms, 2),
            wide(2, hour + ms, 1),
            wide(2, hour + 9 * ms + 999, 2),
            // A second try that comes no further tells nothing.
            wide(1, hour + 20 * ms, 1),
            wide(1, hour + 21 * ms, 2),
        ];
        let run = laws::whole::<Funnels>(&laws::log(Timestamp(0), inputs.map(|input| (1, input)))).1;
        let (before, after) = (Timestamp(0), Timestamp(hour));
        let expected = [((0, before), (1, 0)), ((0, after), (1, 0)), ((1, before), (1, 7)), ((1, after), (1, 8))];
        assert_eq!(sums(&run.landed), BTreeMap::from(expected));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn in_order_funnels_are_sequences_that_exist(
            steps in proptest::collection::vec((1u64..3, 0i64..40, 1u16..16), 1..25),
        ) {
            let mut now = 0;
            let inputs: Vec<Input> = steps.iter().map(|(actor, gap, bits)| {
                now += gap;
                record(*actor, now, *bits)
            }).collect();
            let twin: Vec<u64> = (1..=4).map(|length| (1..3).filter(|actor| {
                let own: Vec<(i64, u16)> = inputs.iter().filter(|input| input.actor.0 == *actor).map(|input| (input.time.0, input.steps)).collect();
                exists(&own, length, 0, None, i64::MIN, 0)
            }).count() as u64).collect();
            prop_assert_eq!(reached(&inputs), twin);
        }

        #[test]
        fn funnels_keep_the_laws_in_any_order(
            steps in proptest::collection::vec((1u64..4, 0i64..300, 1u16..16), 1..60),
            chance: u64,
        ) {
            let log = laws::log(Timestamp(0), steps.iter().map(|(actor, time, bits)| (1, record(*actor, *time, *bits))));
            laws::check::<Funnels, _, _>(&log, chance, |fold| (fold.reached(&KEY), fold.len()), sums);
            // What landed adds up to what readers see.
            let (fold, run) = laws::whole::<Funnels>(&log);
            let mut landed = [0; STEPS_MAX];
            run.landed.iter().for_each(|row| landed[usize::from(row.step)] += row.diff.reached.cast_unsigned());
            prop_assert_eq!(landed, fold.reached(&KEY));
            // No step is reached by more actors than the one before.
            let reached = laws::whole::<Funnels>(&log).0.reached(&KEY);
            prop_assert!(reached.is_sorted_by(|left, right| left >= right));
        }
    }
}
