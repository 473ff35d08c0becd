//! The first fold: sliding counts, sums and distincts of each account, card, device and address.

use std::hint::black_box;
use std::sync::Arc;

use models::generations::{Content, Generations};
use records::hash::{join, wide};
use records::{Kind, OrganizationId, Pos, Timestamp, Token};
use rules::Window;
use rules::fraud::{ABSENT, FraudPlan, Needs};
use rules::signal::{DISTINCT_MAX, Entity, Measure, Signal};
use rules::window::{TICK_SECONDS, tick, tick_start};
use serde::{Deserialize, Serialize};

use super::trail::{Seen, Trail};
use crate::codec::{FixedMap, In, Out};
use crate::shards::WARMED;
use crate::state::{At, Effects, Fold, StateError};

/// The most entities of one bin, eight million in all; those not touched for longest are forgotten, half a bin at a
/// time, in the order of the log.
pub const ENTITIES_PER_BIN_MAX: usize = 32_768;

/// One record, seen from one of its entities.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Touch {
    /// The tenant.
    pub organization: OrganizationId,
    /// What sort of entity.
    pub entity: Entity,
    /// Which one.
    pub token: Token,
    /// The record's kind.
    pub kind: Kind,
    /// The record's event time.
    pub time: Timestamp,
    /// The record's amount in minor units.
    pub amount: i64,
    /// The record's account (none when anonymous), device, card and address, by [`Entity`].
    pub others: [Token; 4],
    /// What the rules ask of this sort of entity.
    pub needs: Needs,
    /// Whether rings grow from it: it is a device and some rule asks for rings.
    pub links: bool,
    /// Whether the record counts; one that the lateness policy keeps out is scored but not counted.
    pub counts: bool,
    /// The record, when it gets a score.
    pub scored: Option<Arc<Scored>>,
}

/// A record on its way to its score.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scored {
    /// The tenant.
    pub organization: OrganizationId,
    /// Its place in the log.
    pub pos: Pos,
    /// Its kind.
    pub kind: Kind,
    /// The order; for registrations and clicks the message id, or the actor when the message has none.
    pub record: u128,
    /// Whose it is; none when nobody is named.
    pub actor: Token,
    /// The account; none when the actor is anonymous.
    pub account: Token,
    /// When it happened.
    pub event_time: Timestamp,
    /// Whether it was later than the view's bound.
    pub late: bool,
    /// How many parts make up its signals.
    pub parts: u8,
    /// The signals that the record itself answers, by the plan's order; [`ABSENT`] for the others.
    pub values: Vec<i64>,
    /// The rules as of the record.
    pub plan: Arc<FraudPlan>,
}

/// What [`Signals`] takes.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum SignalInput {
    /// A record touches an entity.
    Touch(Box<Touch>),
    /// A record that gets a score but names no entity that the rules ask about.
    Bare(Arc<Scored>),
}

impl Touch {
    /// The hash that decides the bin.
    pub fn hash(organization: OrganizationId, entity: Entity, token: Token) -> u64 {
        join(join(wide(organization.0), entity as u64), token.0)
    }
}

/// What one entity answers about one record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// The record.
    pub scored: Arc<Scored>,
    /// Signals by their place in the plan.
    pub values: Vec<(u16, i64)>,
    /// Another account that shares the device.
    pub link: Option<Token>,
}

/// What [`Signals`] hands to [`super::Scores`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum SignalOutput {
    /// Some signals of a record that gets a score.
    Part(Part),
    /// Two accounts share a device; from records that get no score.
    Link {
        /// The tenant.
        organization: OrganizationId,
        /// One account.
        one: Token,
        /// The other.
        other: Token,
        /// When.
        time: Timestamp,
    },
}

/// An entity, as readers name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct EntityKey {
    /// The tenant.
    pub organization: OrganizationId,
    /// What sort.
    pub entity: Entity,
    /// Which one.
    pub token: Token,
}

/// One number about an entity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Velocity {
    /// What is measured, over which window; prints as rules write it.
    pub signal: Signal,
    /// The number.
    pub value: i64,
}

/// What is known of an entity: the numbers that rules ask for and that are not 0.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct EntityAnswer {
    /// When it was first seen, to five seconds.
    pub first_seen: Timestamp,
    /// "Now" for its windows: its latest event time, to five seconds.
    pub clock: Timestamp,
    /// Its numbers.
    pub velocities: Vec<Velocity>,
}

// 16 bytes instead of the 32 of the long form: organizations are numbered within the bin.
type Short = (u64, u32, u8);

#[derive(Debug, Clone, PartialEq, Eq)]
struct State {
    first: u32,
    trail: Trail,
}

/// One bin of entities.
#[derive(Debug)]
pub struct Signals {
    numbers: FixedMap<OrganizationId, u32>,
    entities: Generations<Short, State>,
    // Distinct others that had to be forgotten, and records too old for every window.
    evicted: u64,
    too_late: u64,
}

impl Default for Signals {
    fn default() -> Self {
        let entities = Generations::new(ENTITIES_PER_BIN_MAX / 2);
        Self { numbers: FixedMap::default(), entities, evicted: 0, too_late: 0 }
    }
}

fn counted(kind: Kind) -> Option<Measure> {
    match kind {
        Kind::OrderReported | Kind::OrderPlaced => Some(Measure::Orders),
        Kind::PaymentFailed => Some(Measure::Failures),
        Kind::RegistrationReported => Some(Measure::Registrations),
        Kind::AdClicked => Some(Measure::Clicks),
        _ => None,
    }
}

impl State {
    /// Counts a record. Returns what became of the account on it, and how many others were forgotten.
    fn count(&mut self, touch: &Touch) -> (Option<Seen>, u64, bool) {
        let (now, needs) = (tick(touch.time), touch.needs);
        self.trail.advance(now, needs.windows);
        let mut counted_at_all = needs.measures == 0;
        let mut sum = |trail: &mut Trail, measure: Measure, amount: i64| {
            if needs.has(measure) {
                counted_at_all |= trail.add(now, measure as u8, amount, needs.windows);
            }
        };
        sum(&mut self.trail, Measure::Records, 1);
        if let Some(measure) = counted(touch.kind) {
            sum(&mut self.trail, measure, 1);
        }
        if counted(touch.kind) == Some(Measure::Orders) {
            sum(&mut self.trail, Measure::Amount, touch.amount);
        }
        let (mut account, mut evicted) = (None, 0);
        for other in Entity::ALL {
            let (measure, token) = (other.distinct(), touch.others[other as usize]);
            if !needs.has(measure) || !token.is_some() {
                continue;
            }
            let most = usize::try_from(DISTINCT_MAX).expect("a small constant");
            let seen = self.trail.see(now, measure as u8, token.0, most, needs.windows);
            evicted += u64::from(seen == Seen::Evicted);
            counted_at_all |= seen != Seen::TooLate;
            if other == Entity::Account {
                account = Some(seen);
            }
        }
        (account, evicted, counted_at_all)
    }

    fn answer(&self, signal: Signal) -> i64 {
        match signal {
            Signal::Known(_) => i64::from(self.trail.clock() - self.first) * TICK_SECONDS,
            Signal::Velocity { measure, window, .. } if measure.counted().is_some() => {
                self.trail.distinct(measure as u8, window)
            }
            Signal::Velocity { measure, window, .. } => self.trail.sum(measure as u8, window),
            _ => ABSENT,
        }
    }
}

impl Signals {
    /// What is known of an entity.
    pub fn entity(&self, key: EntityKey) -> Option<EntityAnswer> {
        let number = *self.numbers.get(&key.organization)?;
        let state = self.entities.get((key.token.0, number, key.entity as u8))?;
        let mut velocities = Vec::new();
        for measure in Measure::ALL.into_iter().filter(|measure| measure.counted() != Some(key.entity)) {
            for window in Window::ALL {
                let signal = Signal::Velocity { measure, entity: key.entity, window };
                let value = state.answer(signal);
                if value != 0 {
                    velocities.push(Velocity { signal, value });
                }
            }
        }
        let (first_seen, clock) = (tick_start(state.first), tick_start(state.trail.clock()));
        Some(EntityAnswer { first_seen, clock, velocities })
    }

    /// The signals of an entity as they would be after one more record; nothing is changed.
    pub fn foresee(&self, touch: &Touch, plan: &FraudPlan) -> Vec<(u16, i64)> {
        let now = tick(touch.time);
        let number = self.numbers.get(&touch.organization);
        let known = number.and_then(|number| self.entities.get((touch.token.0, *number, touch.entity as u8)));
        let mut state = known.cloned().unwrap_or_else(|| State { first: now, trail: Trail::new(now) });
        state.count(touch);
        state.first = state.first.min(now);
        plan.asked_of(touch.entity).map(|(slot, signal)| (slot, state.answer(signal))).collect()
    }

    /// Distinct others that were forgotten because an entity had more than 64 of a sort.
    pub fn evicted_others(&self) -> u64 {
        self.evicted
    }

    /// Records that no window of an entity held any more.
    pub fn too_late(&self) -> u64 {
        self.too_late
    }

    /// Entities that were forgotten to make room.
    pub fn forgotten(&self) -> u64 {
        self.entities.forgotten()
    }

    /// About how many bytes of memory its entities take: table slots at their load, and cells.
    pub fn bytes(&self) -> usize {
        let content = self.entities.content();
        let cells: usize = content.young.iter().chain(&content.old).map(|(_, state)| state.trail.bytes()).sum();
        // One control byte for each slot, and at most 7 of 8 slots are taken.
        let slots = (self.entities.len() * 8 / 7).next_power_of_two();
        slots * (size_of::<(Short, State)>() + 1) + cells
    }

    fn number(&mut self, organization: OrganizationId) -> u32 {
        let next = u32::try_from(self.numbers.len()).expect("organizations are registered, and fewer than 2^32");
        *self.numbers.entry(organization).or_insert(next)
    }

    fn touch(&mut self, touch: &Touch, effects: &mut Effects<Self>) {
        let key = (touch.token.0, self.number(touch.organization), touch.entity as u8);
        let now = tick(touch.time);
        let fresh = || State { first: now, trail: Trail::new(now) };
        let state = self.entities.touch(key, fresh, drop);
        let mut seen = None;
        if touch.counts {
            let (account, evicted, counted) = state.count(touch);
            state.first = state.first.min(now);
            self.evicted += evicted;
            self.too_late += u64::from(!counted);
            seen = account;
        }
        let account = touch.others[Entity::Account as usize];
        let linking = touch.links && account.is_some() && (touch.scored.is_some() || seen == Some(Seen::First));
        let link = if linking { state.trail.latest(Measure::Accounts as u8, account.0).map(Token) } else { None };
        let organization = touch.organization;
        let output = match (&touch.scored, link) {
            (Some(scored), link) => {
                let asked = scored.plan.asked_of(touch.entity);
                let values = asked.map(|(slot, signal)| (slot, state.answer(signal))).collect();
                SignalOutput::Part(Part { scored: Arc::clone(scored), values, link })
            }
            (None, Some(other)) => SignalOutput::Link { organization, one: account, other, time: touch.time },
            (None, None) => return,
        };
        effects.next.push((super::Scores::hash(organization), output));
    }
}

impl Fold for Signals {
    const NAME: &'static str = "signals";
    const VERSION: u32 = 2;
    type Input = SignalInput;
    type Output = SignalOutput;
    type Key = EntityKey;
    type Row = ();

    fn apply(&mut self, _at: At, input: &SignalInput, effects: &mut Effects<Self>) {
        match input {
            SignalInput::Touch(touch) => self.touch(touch, effects),
            SignalInput::Bare(scored) => {
                let part = Part { scored: Arc::clone(scored), values: Vec::new(), link: None };
                effects.next.push((super::Scores::hash(scored.organization), SignalOutput::Part(part)));
            }
        }
    }

    fn warm(&self, inputs: &[&SignalInput]) {
        let mut states: [Option<&State>; WARMED] = [None; WARMED];
        for (input, place) in inputs.iter().zip(&mut states) {
            if let SignalInput::Touch(touch) = input
                && let Some(number) = self.numbers.get(&touch.organization)
            {
                *place = self.entities.get((touch.token.0, *number, touch.entity as u8));
            }
        }
        black_box(states.iter().flatten().fold(0, |sum, state| sum ^ state.trail.warmth()));
    }

    // Every entity has a clock of its own, so there is nothing to do when log time passes.
    fn advance(&mut self, _bound: Timestamp, _effects: &mut Effects<Self>) {}

    fn land(&mut self, _rows: &mut Vec<()>) {}

    fn encode(&self, out: &mut Vec<u8>) {
        let mut out = Out::open::<Self>(out);
        let mut numbers: Vec<_> = self.numbers.iter().map(|(organization, number)| (*number, *organization)).collect();
        numbers.sort_unstable();
        out.len(numbers.len());
        numbers.iter().for_each(|(_, organization)| out.id(organization.0));
        out.u64(self.evicted);
        out.u64(self.too_late);
        let content = self.entities.content();
        out.u64(content.forgotten);
        for generation in [&content.young, &content.old] {
            out.len(generation.len());
            for ((token, number, entity), state) in generation {
                out.fixed(*token);
                out.u32(*number);
                out.u8(*entity);
                out.u32(state.first);
                state.trail.encode(&mut out);
            }
        }
    }

    fn decode(bytes: &[u8]) -> Result<Self, StateError> {
        let mut input = In::open::<Self>(bytes)?;
        let mut this = Self::default();
        for _ in 0..input.len(1)? {
            let organization = OrganizationId(input.id()?);
            this.number(organization);
        }
        this.evicted = input.u64()?;
        this.too_late = input.u64()?;
        let forgotten = input.u64()?;
        let (young, old) = (generation(&mut input)?, generation(&mut input)?);
        input.done()?;
        this.entities = Generations::of(ENTITIES_PER_BIN_MAX / 2, Content { young, old, forgotten });
        Ok(this)
    }

    fn len(&self) -> usize {
        self.entities.len()
    }
}

fn generation(input: &mut In<'_>) -> Result<Vec<(Short, State)>, StateError> {
    let count = input.len(13)?;
    let mut entities = Vec::with_capacity(count);
    for _ in 0..count {
        let key = (input.fixed()?, input.u32()?, input.u8()?);
        let first = input.u32()?;
        let trail = Trail::decode(input)?;
        if first > trail.clock() {
            return Err(input.damaged());
        }
        entities.push((key, State { first, trail }));
    }
    Ok(entities)
}
