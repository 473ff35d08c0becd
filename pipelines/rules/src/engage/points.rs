//! Points: what people earned, what they spent, what they won. A double-entry ledger of one event.
//!
//! Points are issued to people ([`Account::Issued`] to [`Account::Person`]) and spent by them (to [`Account::Spent`]); each
//! fact about points is one entry ([`entry_of`]), so that at any time what was issued is what people have and what is spent.
//! Nobody has less than nothing, because each spending is decided on what there is.

use std::collections::{BTreeMap, BTreeSet};

use records::engage::{Deed, EngageFact, Game, Need, Part, Reward};
use records::zone::Day;
use records::{BadgeId, ChallengeId, RedemptionId, RewardId, RuleId, SessionId, Token, hash};
use serde::{Deserialize, Serialize};

use super::polls::line;
use super::refusal::Refusal;

/// Rules, challenges and badges of an event, each.
pub const RULES_MAX: usize = 64;
/// Levels of an event.
pub const LEVELS_MAX: usize = 100;
/// Rewards of an event.
pub const REWARDS_MAX: usize = 256;
/// Deeds that one challenge or badge asks for.
pub const NEEDS_MAX: usize = Deed::COUNT;
/// The most points of a rule, challenge or reward.
pub const POINTS_MAX: u64 = 1_000_000_000;
/// Redemptions of an event.
pub const REDEMPTIONS_MAX: usize = 200_000;

/// Where points are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Account {
    /// Where they come from.
    Issued,
    /// Somebody's.
    Person(Token),
    /// Where they go for rewards.
    Spent,
}

/// Points on their way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry {
    /// Whence.
    pub from: Account,
    /// Where to.
    pub to: Account,
    /// How many.
    pub points: u64,
}

/// The entry of a fact; none when it moves no points.
pub fn entry_of(fact: &EngageFact) -> Option<Entry> {
    let entry = match fact {
        EngageFact::DeedRewarded { person, parts, .. } => {
            let points = parts.iter().map(|part| part.points).sum();
            Entry { from: Account::Issued, to: Account::Person(*person), points }
        }
        EngageFact::PointsRevoked { person, points, .. } => {
            Entry { from: Account::Person(*person), to: Account::Issued, points: *points }
        }
        EngageFact::RewardRedeemed { person, price, .. } => {
            Entry { from: Account::Person(*person), to: Account::Spent, points: *price }
        }
        EngageFact::RedemptionCancelled { person, price, .. } => {
            Entry { from: Account::Spent, to: Account::Person(*person), points: *price }
        }
        _ => return None,
    };
    (entry.points > 0).then_some(entry)
}

/// How far a redemption is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum Stage {
    /// It is kept for them.
    Kept,
    /// They have it.
    HandedOut,
    /// They have their points back.
    Cancelled,
}

/// Points that were spent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Redemption {
    /// On what.
    pub reward: RewardId,
    /// By whom.
    pub person: Token,
    /// How many.
    pub price: u64,
    /// How far it is.
    pub stage: Stage,
}

/// What is known of somebody who takes part.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Participant {
    /// Points that can be spent.
    pub balance: u64,
    /// Points that were earned, spent or not: what levels are of.
    pub earned: u64,
    /// How often they did what, by [`Deed::index`].
    pub counts: [u32; Deed::COUNT],
    /// The last day on which they did something.
    pub day: Day,
    /// How often they did what on it.
    pub today: [u32; Deed::COUNT],
    /// Points of that day, by rule.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    used: BTreeMap<RuleId, u32>,
    /// What was counted and must not be again, by hash.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    causes: BTreeSet<u64>,
    /// Badges, and whether they were taken away.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    badges: BTreeMap<BadgeId, bool>,
    /// Challenges, and the day on which each was done last.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    challenges: BTreeMap<ChallengeId, Day>,
    /// Rewards that they have or are kept for them.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    rewards: BTreeMap<RewardId, u32>,
}

/// What somebody did.
#[derive(Debug, Clone, Copy)]
pub(super) struct Did {
    pub(super) deed: Deed,
    /// Where: what has a name in one room may be another thing in the next.
    pub(super) room: SessionId,
    /// About what.
    pub(super) cause: u128,
    /// Points of the thing itself.
    pub(super) worth: u64,
}

/// What comes of a deed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Won {
    pub(super) day: Day,
    pub(super) parts: Vec<Part>,
    pub(super) badges: Vec<BadgeId>,
}

impl Participant {
    /// Badges that they have.
    pub fn badges(&self) -> impl Iterator<Item = BadgeId> + '_ {
        self.badges.iter().filter(|(_, revoked)| !**revoked).map(|(badge, _)| *badge)
    }

    /// Whether a challenge was done: ever, or on this day.
    pub fn has_done(&self, challenge: ChallengeId, on: Option<Day>) -> bool {
        self.challenges.get(&challenge).is_some_and(|last| on.is_none_or(|day| *last >= day))
    }

    /// Whether a deed was counted before. What people do many times has a cause of its own each time, and is not kept.
    fn knows(&self, did: Did) -> bool {
        !matches!(did.deed, Deed::Chatted | Deed::Reacted) && self.causes.contains(&cause(did))
    }

    /// The counts of a day, which are none when it is another one.
    fn on(&self, day: Day) -> [u32; Deed::COUNT] {
        if day == self.day { self.today } else { [0; Deed::COUNT] }
    }

    fn wins(&self, did: Did, day: Day, game: &Game) -> Won {
        // Days only go on: a zone that was changed takes nobody back to a day that was counted.
        let day = day.max(self.day);
        let (mut counts, mut today) = (self.counts, self.on(day));
        for counted in [&mut counts, &mut today] {
            counted[did.deed.index()] = counted[did.deed.index()].saturating_add(1);
        }
        let mut parts = Vec::new();
        if did.worth > 0 {
            parts.push(Part { points: did.worth, ..Part::default() });
        }
        for earning in game.earnings.iter().filter(|earning| earning.deed == did.deed) {
            let used = if day == self.day { self.used.get(&earning.rule).copied().unwrap_or(0) } else { 0 };
            let left = earning.daily_cap.map_or(u32::MAX, |cap| cap.saturating_sub(used));
            let points = u64::from(earning.points.min(left));
            if points > 0 {
                parts.push(Part { rule: earning.rule, points, ..Part::default() });
            }
        }
        for challenge in &game.challenges {
            let (counts, on) = if challenge.daily { (&today, Some(day)) } else { (&counts, None) };
            if met(&challenge.needs, counts) && !self.has_done(challenge.challenge, on) {
                let (challenge, points) = (challenge.challenge, u64::from(challenge.points));
                parts.push(Part { challenge, points, ..Part::default() });
            }
        }
        let earned = self.earned.saturating_add(parts.iter().map(|part| part.points).sum());
        let won = |badge: &&records::engage::Badge| {
            (badge.needs.is_empty() || met(&badge.needs, &counts)) && earned >= badge.points
        };
        let new = game.badges.iter().filter(won).map(|badge| badge.badge).filter(|id| !self.badges.contains_key(id));
        Won { day, badges: new.collect(), parts }
    }

    fn take(&mut self, did: Did, won: &Won) {
        if won.day != self.day {
            self.day = won.day;
            self.today = [0; Deed::COUNT];
            self.used.clear();
        }
        for counted in [&mut self.counts, &mut self.today] {
            counted[did.deed.index()] = counted[did.deed.index()].saturating_add(1);
        }
        if !matches!(did.deed, Deed::Chatted | Deed::Reacted) {
            self.causes.insert(cause(did));
        }
        for part in &won.parts {
            self.balance = self.balance.saturating_add(part.points);
            self.earned = self.earned.saturating_add(part.points);
            if part.challenge.is_some() {
                self.challenges.insert(part.challenge, won.day);
            } else if part.rule.is_some() {
                let used = self.used.entry(part.rule).or_default();
                *used = used.saturating_add(u32::try_from(part.points).unwrap_or(u32::MAX));
            }
        }
        won.badges.iter().for_each(|badge| _ = self.badges.insert(*badge, false));
    }
}

fn cause(did: Did) -> u64 {
    let place = hash::join(hash::wide(did.room.0), hash::wide(did.cause));
    hash::join(place, did.deed.index() as u64)
}

fn met(needs: &[Need], counts: &[u32; Deed::COUNT]) -> bool {
    !needs.is_empty() && needs.iter().all(|need| counts[need.deed.index()] >= need.count)
}

/// The points of an event.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Points {
    /// Counts the rules, from 1; 0 when nobody has set any.
    pub edition: u32,
    /// The rules.
    pub game: Game,
    people: BTreeMap<Token, Participant>,
    issued: u64,
    spent: u64,
    redemptions: BTreeMap<RedemptionId, Redemption>,
    /// How many of each reward are kept or handed out.
    redeemed: BTreeMap<RewardId, u32>,
}

/// How to read it.
impl Points {
    /// Somebody who took part.
    pub fn person(&self, person: Token) -> Option<&Participant> {
        self.people.get(&person)
    }

    /// Everybody who took part, by pseudonym.
    pub fn people(&self) -> &BTreeMap<Token, Participant> {
        &self.people
    }

    /// Points that were issued and not revoked, and those of them that are spent.
    pub fn issued_and_spent(&self) -> (u64, u64) {
        (self.issued, self.spent)
    }

    /// A redemption.
    pub fn redemption(&self, redemption: RedemptionId) -> Option<&Redemption> {
        self.redemptions.get(&redemption)
    }

    /// All redemptions.
    pub fn redemptions(&self) -> &BTreeMap<RedemptionId, Redemption> {
        &self.redemptions
    }

    /// How many of a reward are left; none for any number.
    pub fn left(&self, reward: &Reward) -> Option<u32> {
        Some(reward.stock?.saturating_sub(self.redeemed.get(&reward.reward).copied().unwrap_or(0)))
    }

    /// The level of so many points.
    pub fn level(&self, earned: u64) -> usize {
        self.game.levels.partition_point(|least| *least <= earned)
    }

    /// What does not add up; nothing when all is well.
    pub fn audit(&self) -> Vec<String> {
        let mut faults = Vec::new();
        let have: u64 = self.people.values().map(|person| person.balance).sum();
        if self.issued != have + self.spent {
            faults.push(format!("{} points were issued, {have} are there and {} spent", self.issued, self.spent));
        }
        let live = || self.redemptions.values().filter(|known| known.stage != Stage::Cancelled);
        let spent: u64 = live().map(|known| known.price).sum();
        if spent != self.spent {
            faults.push(format!("{spent} points were spent on rewards, counted as {}", self.spent));
        }
        let mut redeemed: BTreeMap<RewardId, u32> = BTreeMap::new();
        let mut own: BTreeMap<(Token, RewardId), u32> = BTreeMap::new();
        for known in live() {
            *redeemed.entry(known.reward).or_default() += 1;
            *own.entry((known.person, known.reward)).or_default() += 1;
        }
        if redeemed != self.redeemed {
            faults.push(format!("{redeemed:?} were redeemed, counted as {:?}", self.redeemed));
        }
        let people = self.people.iter();
        let counted =
            people.flat_map(|(id, known)| known.rewards.iter().map(|(reward, count)| ((*id, *reward), *count)));
        if own != counted.collect() {
            faults.push("what people redeemed is counted otherwise".into());
        }
        for reward in &self.game.rewards {
            let count = redeemed.get(&reward.reward).copied().unwrap_or(0);
            if reward.stock.is_some_and(|stock| count > stock) {
                faults.push(format!("{count} of {} {:?} were redeemed", reward.reward, reward.stock));
            }
        }
        faults
    }
}

/// What is decided.
impl Points {
    /// What comes of several deeds of one person, one after the other. What was counted before, and what no rule hears of, is
    /// left out.
    pub(super) fn wins(&self, person: Token, deeds: &[Did], day: Day) -> Vec<(Did, Won)> {
        let heard = |did: &&Did| did.worth > 0 || self.hears(did.deed);
        let mut known: Option<Participant> = None;
        let mut won = Vec::new();
        for did in deeds.iter().filter(heard) {
            let known = known.get_or_insert_with(|| self.people.get(&person).cloned().unwrap_or_default());
            if known.knows(*did) {
                continue;
            }
            let wins = known.wins(*did, day, &self.game);
            known.take(*did, &wins);
            won.push((*did, wins));
        }
        won
    }

    /// Whether any rule asks for a deed.
    pub(super) fn hears(&self, deed: Deed) -> bool {
        let game = &self.game;
        let needs = game.challenges.iter().flat_map(|challenge| &challenge.needs);
        let needs = needs.chain(game.badges.iter().flat_map(|badge| &badge.needs));
        game.earnings.iter().any(|earning| earning.deed == deed) || { needs }.any(|need| need.deed == deed)
    }

    /// The price of a reward for somebody who may redeem it; none when they have done so under this id.
    pub(super) fn redeem(&self, id: RedemptionId, reward: RewardId, person: Token) -> Result<Option<u64>, Refusal> {
        if let Some(known) = self.redemptions.get(&id) {
            let same = known.person == person && known.reward == reward;
            return if same { Ok(None) } else { Err(Refusal::IdUsed) };
        }
        let known = self.game.rewards.iter().find(|known| known.reward == reward);
        let known = known.ok_or(Refusal::Nothing("reward"))?;
        if self.redemptions.len() >= REDEMPTIONS_MAX {
            return Err(Refusal::Full(REDEMPTIONS_MAX));
        }
        if self.left(known) == Some(0) {
            return Err(Refusal::SoldOut);
        }
        let own = self.people.get(&person);
        let count = own.and_then(|own| own.rewards.get(&reward)).copied().unwrap_or(0);
        if known.per_person.is_some_and(|most| count >= most) {
            return Err(Refusal::Enough);
        }
        let have = own.map_or(0, |own| own.balance);
        if have < known.price {
            return Err(Refusal::Points { price: known.price, have });
        }
        Ok(Some(known.price))
    }

    /// Whether these rules can be used now.
    pub(super) fn check(&self, game: &Game) -> Result<(), Refusal> {
        sizes(game)?;
        for earning in &game.earnings {
            if earning.points == 0 || u64::from(earning.points) > POINTS_MAX || !earning.rule.is_some() {
                return Err(Refusal::invalid("earnings", format!("have a name, and 1 to {POINTS_MAX} points")));
            }
        }
        for challenge in &game.challenges {
            line("challenges.title", &challenge.title)?;
            needs("challenges.needs", &challenge.needs, false)?;
            if u64::from(challenge.points) > POINTS_MAX || !challenge.challenge.is_some() {
                return Err(Refusal::invalid("challenges", format!("have an id, and at most {POINTS_MAX} points")));
            }
        }
        for badge in &game.badges {
            line("badges.title", &badge.title)?;
            needs("badges.needs", &badge.needs, badge.points > 0)?;
            if !badge.badge.is_some() {
                return Err(Refusal::invalid("badges", "have an id"));
            }
        }
        if !game.levels.windows(2).all(|two| two[0] < two[1]) || game.levels.first() == Some(&0) {
            return Err(Refusal::invalid("levels", "rise, from 1 on"));
        }
        for reward in &game.rewards {
            line("rewards.title", &reward.title)?;
            if reward.price > POINTS_MAX || !reward.reward.is_some() {
                return Err(Refusal::invalid("rewards", format!("have an id, and cost at most {POINTS_MAX} points")));
            }
            let redeemed = self.redeemed.get(&reward.reward).copied().unwrap_or(0);
            if reward.stock.is_some_and(|stock| stock < redeemed) {
                return Err(Refusal::StockTooSmall(redeemed));
            }
        }
        Ok(())
    }
}

fn sizes(game: &Game) -> Result<(), Refusal> {
    let ids = |field: &str, ids: Vec<u128>, most: usize| {
        let distinct: BTreeSet<u128> = ids.iter().copied().collect();
        if ids.len() > most || distinct.len() < ids.len() {
            return Err(Refusal::invalid(field, format!("are at most {most}, each with an id of its own")));
        }
        Ok(())
    };
    ids("earnings", game.earnings.iter().map(|one| one.rule.0).collect(), RULES_MAX)?;
    ids("challenges", game.challenges.iter().map(|one| one.challenge.0).collect(), RULES_MAX)?;
    ids("badges", game.badges.iter().map(|one| one.badge.0).collect(), RULES_MAX)?;
    ids("rewards", game.rewards.iter().map(|one| one.reward.0).collect(), REWARDS_MAX)?;
    if game.levels.len() > LEVELS_MAX {
        return Err(Refusal::invalid("levels", format!("are at most {LEVELS_MAX}")));
    }
    Ok(())
}

fn needs(field: &str, needs: &[Need], or_points: bool) -> Result<(), Refusal> {
    let none = needs.is_empty() && !or_points;
    if none || needs.len() > NEEDS_MAX || needs.iter().any(|need| need.count == 0) {
        return Err(Refusal::invalid(field, format!("names 1 to {NEEDS_MAX} deeds, each at least once")));
    }
    Ok(())
}

/// How facts change it.
impl Points {
    pub(super) fn apply(&mut self, fact: &EngageFact) {
        if let Some(entry) = entry_of(fact) {
            self.post(entry);
        }
        match fact {
            EngageFact::GameSet { edition, spec, .. } => {
                self.edition = *edition;
                self.game = (**spec).clone();
            }
            EngageFact::DeedRewarded { room, person, deed, cause, day, parts, badges, .. } => {
                let known = self.people.entry(*person).or_default();
                // The entry has moved the points already.
                let balance = known.balance;
                let won = Won { day: *day, parts: parts.clone(), badges: badges.clone() };
                known.take(Did { deed: *deed, room: *room, cause: cause.0, worth: 0 }, &won);
                known.balance = balance;
            }
            EngageFact::PointsRevoked { person, points, .. } => {
                let known = self.people.entry(*person).or_default();
                known.earned = known.earned.saturating_sub(*points);
            }
            EngageFact::BadgeRevoked { person, badge, .. } => {
                _ = self.people.entry(*person).or_default().badges.insert(*badge, true);
            }
            EngageFact::RewardRedeemed { redemption, reward, person, price, .. } => {
                let (reward, person, price) = (*reward, *person, *price);
                self.redemptions.insert(*redemption, Redemption { reward, person, price, stage: Stage::Kept });
                self.count(person, reward, true);
            }
            EngageFact::RedemptionCancelled { redemption, .. } => {
                let Some(known) = self.redemptions.get_mut(redemption) else { return };
                known.stage = Stage::Cancelled;
                let (person, reward) = (known.person, known.reward);
                self.count(person, reward, false);
            }
            EngageFact::RewardHandedOut { redemption, .. } => {
                self.redemptions.entry(*redemption).and_modify(|known| known.stage = Stage::HandedOut);
            }
            _ => {}
        }
    }

    fn post(&mut self, Entry { from, to, points }: Entry) {
        let mut add = |account, taken: bool| {
            let of = match account {
                Account::Issued => &mut self.issued,
                Account::Spent => &mut self.spent,
                Account::Person(person) => &mut self.people.entry(person).or_default().balance,
            };
            // What is issued is counted as what has left that account.
            let less = taken != (account == Account::Issued);
            *of = if less { of.saturating_sub(points) } else { of.saturating_add(points) };
        };
        add(from, true);
        add(to, false);
    }

    fn count(&mut self, person: Token, reward: RewardId, more: bool) {
        let own = &mut self.people.entry(person).or_default().rewards;
        for counts in [&mut self.redeemed, own] {
            let count = counts.entry(reward).or_default();
            *count = if more { count.saturating_add(1) } else { count.saturating_sub(1) };
            if *count == 0 {
                counts.remove(&reward);
            }
        }
    }
}
