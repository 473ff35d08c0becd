//! Points: turns happenings that the rules reward into awards, within each participant's daily caps. Awards land once;
//! what boards hold is their sum.

use std::collections::{BTreeMap, VecDeque};
use std::hint::black_box;
use std::sync::Arc;

use hashbrown::HashTable;
use records::hash::{bytes, join, mix, wide};
use records::zone::Day;
use records::{EventId, LeaderboardId, OrganizationId, RuleId, Text, Timestamp, Token};
use rules::points::Scope;
use serde::{Deserialize, Serialize};

use crate::codec::{FixedMap, In, Out, sorted};
use crate::leaderboards::{self, Board, Named};
use crate::state::{At, Effects, Fold, StateError};

/// Caps that are remembered for one organization in one bin: 4 million (participant, rule, day) over all bins. Past it
/// the oldest (event, rule, day) is forgotten as a whole and counted; only a record that late could pass its cap.
pub const CAPS_MAX: usize = 16_384;

/// A happening that a rule rewards: 16 bytes, because there are several for most records.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Input {
    /// Who did it.
    pub participant: Token,
    /// What it gives.
    pub reward: Arc<Reward>,
}

/// What a rule gives for happenings of one event, day and track; their inputs share it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reward {
    /// What the cap is counted by.
    pub context: Context,
    // The context's: it is asked with every happening.
    hash: u64,
    /// What one happening gives.
    pub points: i64,
    /// The most points a day.
    pub daily_cap: Option<u64>,
    /// The track; none outside any.
    pub track: Text,
    /// How often the leaderboard had been reset.
    pub generation: u32,
    /// The boards that the award goes to, with the hashes of their bins.
    pub boards: Vec<(u64, Arc<Named>)>,
    // Of all that awards must share to be told as one.
    told_hash: u64,
}

/// What a rule gave to somebody since awards last landed, within one generation, day and track.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AwardRow {
    /// The rule and all that its awards have in common. Points and cap of the first of them.
    pub reward: Arc<Reward>,
    /// To whom.
    pub participant: Token,
    /// How many points, of either sign; the sum stops at the ends of 64 bits.
    pub points: i64,
    /// How many awards.
    pub awards: i64,
}

/// What caps are counted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Context {
    /// The tenant.
    pub organization: OrganizationId,
    /// The event; none outside any.
    pub event: EventId,
    /// The leaderboard whose rule it is.
    pub leaderboard: LeaderboardId,
    /// The rule.
    pub rule: RuleId,
    /// The calendar day in the event's zone.
    pub day: Day,
}

impl Input {
    /// The hash that decides its bin: by participant, so that a hot event spreads.
    #[inline]
    pub fn hash(organization: OrganizationId, event: EventId, participant: Token) -> u64 {
        join(join(wide(organization.0), wide(event.0)), mix(participant.0))
    }
}

impl Reward {
    /// What one happening gives: `points`, up to `daily_cap` a day, on no board yet.
    pub fn new(context: Context, points: i64, daily_cap: Option<u64>) -> Self {
        let (track, boards) = (Text::NONE, Vec::new());
        let hash = context.hash();
        Self { context, hash, points, daily_cap, track, generation: 0, boards, told_hash: hash }
    }

    /// The same, on those boards of `scopes` that its event and track allow.
    #[must_use]
    pub fn on(self, scopes: &[Scope], track: &Text, generation: u32) -> Self {
        let wanted = Scope::ALL.into_iter().filter(|scope| scopes.contains(scope));
        let named = wanted.filter_map(|scope| self.context.board(scope, track, generation));
        let boards: Vec<_> = named.map(|named| (named.board.hash(), named.into())).collect();
        let told_hash =
            boards.iter().fold(join(self.hash, u64::from(generation)), |hash, (board, _)| join(hash, *board));
        let told_hash = join(told_hash, bytes(track.as_bytes()));
        Self { track: track.clone(), generation, boards, told_hash, ..self }
    }

    /// Whether its awards go to a board of this scope.
    pub fn counts_on(&self, scope: Scope) -> bool {
        self.boards.iter().any(|(_, named)| named.board.scope == scope)
    }

    /// Whether awards of both are told as one.
    pub fn is_told_as(&self, other: &Self) -> bool {
        let scopes = |one: &Self| Scope::ALL.map(|scope| one.counts_on(scope));
        let same = |other: &Self| {
            (self.context, self.generation, &self.track) == (other.context, other.generation, &other.track)
                && scopes(self) == scopes(other)
        };
        std::ptr::eq(self, other) || self.told_hash == other.told_hash && same(other)
    }
}

impl Context {
    fn hash(&self) -> u64 {
        let hash = join(wide(self.organization.0), wide(self.event.0));
        let hash = join(join(hash, wide(self.leaderboard.0)), wide(self.rule.0));
        join(hash, u64::from(self.day.0.cast_unsigned()))
    }

    fn board(&self, scope: Scope, track: &Text, generation: u32) -> Option<Named> {
        let Self { organization, event, leaderboard, .. } = *self;
        let board = match scope {
            Scope::Event => event.is_some().then(|| Board::event(organization, leaderboard, event)),
            Scope::Track => {
                (event.is_some() && track.is_some()).then(|| Board::track(organization, leaderboard, event, track))
            }
            Scope::Day => Some(Board::day(organization, leaderboard, event, self.day)),
            Scope::AllTime => Some(Board::all_time(organization, leaderboard)),
        };
        let track = if scope == Scope::Track { track.clone() } else { Text::NONE };
        board.map(|board| Named { board, track, generation })
    }
}

#[derive(Debug, Default)]
struct Caps {
    contexts: HashTable<(Context, FixedMap<Token, u64>)>,
    // In the order in which they were first seen.
    order: VecDeque<Context>,
    held: usize,
    forgotten: u64,
}

#[derive(Debug)]
struct Untold {
    // The reward's, so that sorting looks at nothing else.
    hash: u64,
    participant: Token,
    points: i64,
    reward: Arc<Reward>,
}

/// One bin of the caps.
#[derive(Debug, Default)]
pub struct Points {
    owners: BTreeMap<OrganizationId, Caps>,
    // Awards that the warehouse does not know, as they came.
    untold: Vec<Untold>,
}

impl Points {
    /// Caps of an organization that were forgotten at the bound.
    pub fn forgotten(&self, organization: OrganizationId) -> u64 {
        self.owners.get(&organization).map_or(0, |caps| caps.forgotten)
    }

    /// What a happening gives after its cap.
    fn grant(&mut self, participant: Token, reward: &Reward) -> i64 {
        let Some(cap) = reward.daily_cap else { return reward.points };
        let caps = self.owners.entry(reward.context.organization).or_default();
        let used = caps.used(reward, participant);
        let granted = reward.points.unsigned_abs().min(cap.saturating_sub(*used));
        *used += granted;
        caps.bound();
        i64::try_from(granted).unwrap_or(i64::MAX) * reward.points.signum()
    }
}

impl Caps {
    fn tokens(&self, context: &Context, hash: u64) -> Option<&FixedMap<Token, u64>> {
        self.contexts.find(hash, |(known, _)| known == context).map(|(_, tokens)| tokens)
    }

    fn used(&mut self, reward: &Reward, participant: Token) -> &mut u64 {
        let same = |(known, _): &(Context, _)| *known == reward.context;
        let entry = self.contexts.entry(reward.hash, same, |(known, _)| known.hash());
        let tokens = entry.or_insert_with(|| {
            self.order.push_back(reward.context);
            (reward.context, FixedMap::default())
        });
        tokens.into_mut().1.entry(participant).or_insert_with(|| {
            self.held += 1;
            0
        })
    }

    fn bound(&mut self) {
        while self.held > CAPS_MAX {
            let oldest = self.order.pop_front().expect("what is held stands in the order");
            let found = self.contexts.find_entry(oldest.hash(), |(known, _)| *known == oldest);
            let tokens = found.map_or(0, |found| found.remove().0.1.len());
            self.held -= tokens;
            self.forgotten += tokens as u64;
        }
    }
}

impl Fold for Points {
    const NAME: &'static str = "points";
    const VERSION: u32 = 2;
    type Input = Input;
    type Output = leaderboards::Input;
    type Key = Token;
    type Row = AwardRow;

    fn apply(&mut self, _at: At, input: &Input, effects: &mut Effects<Self>) {
        let Input { participant, reward } = input;
        let points = self.grant(*participant, reward);
        if points == 0 {
            return;
        }
        if reward.boards.is_empty() {
            return;
        }
        let (hash, reward_of) = (reward.told_hash, Arc::clone(reward));
        self.untold.push(Untold { hash, participant: *participant, points, reward: reward_of });
        for (hash, board) in &reward.boards {
            let award = leaderboards::Input::Award { board: Arc::clone(board), participant: *participant, points };
            effects.next.push((*hash, award));
        }
    }

    fn warm(&self, inputs: &[&Input]) {
        let used = inputs.iter().filter_map(|Input { participant, reward }| {
            let caps = self.owners.get(&reward.context.organization)?;
            caps.tokens(&reward.context, reward.hash)?.get(participant)
        });
        black_box(used.fold(0, |sum, used| sum ^ used));
    }

    fn advance(&mut self, _bound: Timestamp, _effects: &mut Effects<Self>) {}

    fn land(&mut self, rows: &mut Vec<AwardRow>) {
        // By hash, since rewards are many words long; stable, so that the first of equal ones stays the first.
        self.untold.sort_by_key(|untold| (untold.hash, untold.participant));
        let start = rows.len();
        for Untold { reward, participant, points, .. } in self.untold.drain(..) {
            let last = rows[start..].last_mut();
            match last.filter(|last| last.reward.is_told_as(&reward)) {
                Some(last) if last.participant == participant => {
                    last.points = last.points.saturating_add(points);
                    last.awards += 1;
                }
                // Frames have rewards of their own: from here on their rows share one.
                Some(last) => {
                    let reward = Arc::clone(&last.reward);
                    rows.push(AwardRow { reward, participant, points, awards: 1 });
                }
                None => rows.push(AwardRow { reward, participant, points, awards: 1 }),
            }
        }
        // A large landing must not keep its memory for good.
        self.untold.shrink_to(1_024);
    }

    fn encode(&self, out: &mut Vec<u8>) {
        let mut out = Out::open::<Self>(out);
        out.len(self.owners.len());
        for (organization, caps) in &self.owners {
            out.id(organization.0);
            out.u64(caps.forgotten);
            out.len(caps.order.len());
            for context in &caps.order {
                out.id(context.event.0);
                out.id(context.leaderboard.0);
                out.id(context.rule.0);
                out.i64(i64::from(context.day.0));
                let tokens = caps.tokens(context, context.hash()).expect("the order lists the contexts that are there");
                out.len(tokens.len());
                for (token, used) in sorted(tokens) {
                    out.token(*token);
                    out.u64(*used);
                }
            }
        }
    }

    fn decode(bytes: &[u8]) -> Result<Self, StateError> {
        let mut input = In::open::<Self>(bytes)?;
        let mut this = Self::default();
        for _ in 0..input.len(3)? {
            let organization = OrganizationId(input.id()?);
            let mut caps = Caps { forgotten: input.u64()?, ..Caps::default() };
            for _ in 0..input.len(5)? {
                let (event, leaderboard, rule) = (input.id()?, input.id()?, input.id()?);
                let day = Day(i32::try_from(input.i64()?).map_err(|_| input.damaged())?);
                let (event, leaderboard, rule) = (EventId(event), LeaderboardId(leaderboard), RuleId(rule));
                let context = Context { organization, event, leaderboard, rule, day };
                let count = input.len(9)?;
                let mut tokens = FixedMap::default();
                tokens.reserve(count);
                for _ in 0..count {
                    tokens.insert(input.token()?, input.u64()?);
                }
                caps.held += tokens.len();
                caps.order.push_back(context);
                if caps.tokens(&context, context.hash()).is_some() {
                    return Err(input.damaged());
                }
                caps.contexts.insert_unique(context.hash(), (context, tokens), |(known, _)| known.hash());
            }
            this.owners.insert(organization, caps);
        }
        input.done()?;
        Ok(this)
    }

    fn len(&self) -> usize {
        self.owners.values().map(|caps| caps.held).sum()
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

    fn happening(participant: u64, rule: u128, day: i32, points: i64, cap: Option<u64>) -> Input {
        happening_at(EventId(1), participant, rule, day, points, cap)
    }

    fn happening_at(event: EventId, participant: u64, rule: u128, day: i32, points: i64, cap: Option<u64>) -> Input {
        let (organization, leaderboard) = (OrganizationId(7), LeaderboardId(1));
        let context = Context { organization, event, leaderboard, rule: RuleId(rule), day: Day(day) };
        let reward = Reward::new(context, points, cap).on(&Scope::ALL, &"rust".into(), 0);
        Input { participant: Token(participant), reward: reward.into() }
    }

    fn awards(inputs: &[Input]) -> Vec<leaderboards::Input> {
        let log = laws::log(Timestamp(0), inputs.iter().map(|input| (1, input.clone())));
        let next = laws::whole::<Points>(&log).1.next;
        next.iter().map(|(_, bytes)| serde_json::from_slice(bytes).unwrap()).collect()
    }

    fn sum(inputs: &[Input], scope: Scope) -> i64 {
        let one = |input: &leaderboards::Input| match input {
            leaderboards::Input::Award { board, points, .. } if board.board.scope == scope => *points,
            _ => 0,
        };
        awards(inputs).iter().map(one).sum()
    }

    #[test]
    fn an_award_goes_to_every_board_of_its_leaderboard() {
        let boards = awards(&[happening(1, 1, 3, 5, None)]);
        assert_eq!(boards.len(), 4);
        let elsewhere = happening_at(EventId::NONE, 1, 1, 3, 5, None);
        assert_eq!(awards(&[elsewhere]).len(), 2, "outside an event there are days and all time");
    }

    #[test]
    fn awards_land_once_whatever_boards_they_are_on() {
        let inputs = [happening(2, 1, 3, 5, None), happening(1, 1, 3, 5, None), happening(2, 1, 3, 5, Some(8))];
        let log = laws::log(Timestamp(0), inputs.into_iter().map(|input| (1, input)));
        let rows = laws::whole::<Points>(&log).1.landed;
        let told: Vec<_> = rows.iter().map(|row| (row.participant.0, row.points, row.awards)).collect();
        assert_eq!(told, [(1, 5, 1), (2, 10, 2)]);
    }

    #[test]
    fn awards_of_two_generations_land_apart() {
        let before = happening(1, 1, 3, 5, None);
        let after = (*before.reward).clone().on(&Scope::ALL, &"rust".into(), 1);
        let after = Input { reward: after.into(), ..before.clone() };
        let log = laws::log(Timestamp(0), [after, before].map(|input| (1, input)));
        let mut generations: Vec<_> =
            laws::whole::<Points>(&log).1.landed.iter().map(|row| row.reward.generation).collect();
        generations.sort_unstable();
        assert_eq!(generations, [0, 1]);
    }

    #[test]
    fn caps_turn_at_midnight() {
        let joins = [3, 3, 3, 4].map(|day| happening(1, 1, day, 10, Some(25)));
        assert_eq!(sum(&joins, Scope::AllTime), 35);
    }

    #[test]
    fn forgotten_caps_are_counted() {
        let inputs = (0..=CAPS_MAX as u64).map(|who| (1, happening(who + 1, 1, i32::from(who > 9), 1, Some(1))));
        let fold = laws::whole::<Points>(&laws::log(Timestamp(0), inputs)).0;
        assert_eq!((fold.forgotten(OrganizationId(7)), fold.len()), (10, CAPS_MAX - 9));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]
        #[test]
        fn grants_equal_their_naive_twin_and_keep_the_laws(
            steps in proptest::collection::vec((1u64..4, 1u128..3, 0i32..3, -6i64..9), 1..80),
            cap in 0u64..30,
            chance: u64,
        ) {
            let inputs: Vec<Input> =
                steps.iter().map(|(who, rule, day, points)| happening(*who, *rule, *day, *points, Some(cap))).collect();
            let mut used = BTreeMap::<(u64, u128, i32), i64>::new();
            let mut total = 0;
            for (who, rule, day, points) in &steps {
                let used = used.entry((*who, *rule, *day)).or_default();
                let granted = points.abs().min(cap.cast_signed() - *used);
                *used += granted;
                total += granted * points.signum();
            }
            prop_assert_eq!(sum(&inputs, Scope::Event), total);
            let log = laws::log(Timestamp(0), inputs.into_iter().map(|input| (1, input)));
            let told = |rows: &[AwardRow]| {
                let mut told = BTreeMap::<_, (i64, i64)>::new();
                for AwardRow { reward, participant, points, awards } in rows {
                    let sums = told.entry((reward.context, reward.generation, *participant)).or_default();
                    *sums = (sums.0 + points, sums.1 + awards);
                }
                told
            };
            let landed = laws::whole::<Points>(&log).1.landed;
            prop_assert_eq!(landed.iter().map(|row| row.points).sum::<i64>(), total);
            laws::check::<Points, _, _>(&log, chance, Fold::len, told);
        }
    }
}
