//! What is known of one visitor, and whether a condition holds for them.

use records::{Currency, Kind, SessionId, Span, Text, Timestamp};
use rules::Window;
use rules::segment::{COUNTRIES_MAX, Rule, SESSIONS_MAX, SegmentPlan, Trait};
use rules::window::{tick, tick_start};
use serde::{Deserialize, Serialize};

use crate::codec::{FixedMap, In, Out};
use crate::fraud::trail::Trail;
use crate::state::StateError;

/// The most categories and countries of one bin that are told apart; further ones are counted as none.
pub const WORDS_PER_BIN_MAX: usize = 4_096;
const CATEGORIES_MAX: usize = 16;
const CURRENCIES_MAX: usize = 4;

/// One record, as far as profiles are concerned.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Seen {
    /// What happened.
    pub kind: Kind,
    /// Where, when the record says so.
    pub country: Text,
    /// The category or track.
    pub category: Text,
    /// The session that was joined; none for other kinds.
    pub joined: SessionId,
    /// What was paid in minor units; 0 for other kinds.
    pub paid: i64,
    /// In which currency.
    pub currency: Currency,
}

/// What is known of one visitor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct ProfileAnswer {
    /// When the log took their first record that is still remembered.
    pub first_seen: Timestamp,
    /// When the log took their latest record.
    pub last_seen: Timestamp,
    /// Records by kind.
    pub counts: Vec<(Kind, u32)>,
    /// The latest countries, the last one last.
    pub countries: Vec<Text>,
    /// Categories with how many records had them.
    pub categories: Vec<(Text, u32)>,
    /// The latest sessions joined, the last one last.
    pub sessions: Vec<SessionId>,
    /// What was spent, in minor units by currency.
    #[schemars(with = "Vec<(String, i64)>")]
    pub spend: Vec<(Currency, i64)>,
}

/// Words by number: profiles are many, countries and categories few.
#[derive(Debug, Default)]
pub(super) struct Words {
    list: Vec<Text>,
    numbers: FixedMap<Text, u16>,
}

impl Words {
    fn number(&mut self, word: &Text) -> Option<u16> {
        if !word.is_some() {
            return None;
        }
        if let Some(number) = self.numbers.get(word) {
            return Some(*number);
        }
        let number = u16::try_from(self.list.len()).ok().filter(|_| self.list.len() < WORDS_PER_BIN_MAX)?;
        self.list.push(word.clone());
        self.numbers.insert(word.clone(), number);
        Some(number)
    }

    fn known(&self, word: &Text) -> Option<u16> {
        self.numbers.get(word).copied()
    }

    fn word(&self, number: u16) -> Text {
        self.list.get(usize::from(number)).cloned().unwrap_or_default()
    }

    pub(super) fn encode(&self, out: &mut Out<'_>) {
        out.len(self.list.len());
        self.list.iter().for_each(|word| out.text(word));
    }

    pub(super) fn decode(input: &mut In<'_>) -> Result<Self, StateError> {
        let mut this = Self::default();
        for _ in 0..input.len(2)? {
            let word = input.text()?;
            this.number(&word);
        }
        Ok(this)
    }
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Profile {
    first: Timestamp,
    last: Timestamp,
    // Kinds are numbered below 256, so that a windowed count's tag is its kind.
    counts: Vec<(u8, u32)>,
    windowed: Trail,
    countries: Vec<u16>,
    categories: Vec<(u16, u32)>,
    sessions: Vec<SessionId>,
    spend: Vec<(Currency, i64)>,
    /// Membership, by the plan's order.
    pub(super) members: u64,
    /// When it is looked at again although nothing happened.
    pub(super) due: Option<Timestamp>,
}

fn tag(kind: Kind) -> u8 {
    u8::try_from(kind.code()).unwrap_or(0)
}

/// Moves `value` to the end of a short list of distinct ones; the first falls out when there are too many.
fn latest<T: PartialEq>(list: &mut Vec<T>, value: T, most: usize) {
    list.retain(|other| *other != value);
    if list.len() >= most {
        list.remove(0);
    }
    list.push(value);
}

impl Profile {
    pub(super) fn new(now: Timestamp) -> Self {
        Self { first: now, last: now, windowed: Trail::new(tick(now)), ..Self::default() }
    }

    /// Takes one record at log time `now`.
    pub(super) fn see(&mut self, seen: &Seen, now: Timestamp, plan: &SegmentPlan, words: &mut Words) {
        self.last = self.last.max(now);
        let kind = tag(seen.kind);
        match self.counts.iter_mut().find(|(known, _)| *known == kind) {
            Some((_, count)) => *count = count.saturating_add(1),
            None => self.counts.push((kind, 1)),
        }
        let windows = plan.windows(seen.kind);
        if windows != 0 {
            self.windowed.advance(tick(now), all_windows(plan));
            self.windowed.add(tick(now), kind, 1, windows);
        }
        if let Some(country) = words.number(&seen.country)
            && self.countries.last() != Some(&country)
        {
            latest(&mut self.countries, country, COUNTRIES_MAX);
        }
        if let Some(category) = words.number(&seen.category) {
            self.count_category(category);
        }
        if seen.joined.is_some() {
            latest(&mut self.sessions, seen.joined, SESSIONS_MAX);
        }
        if seen.currency.is_some() && seen.paid != 0 {
            self.spend(seen.currency, seen.paid);
        }
    }

    fn spend(&mut self, currency: Currency, paid: i64) {
        let place = self.spend.iter().position(|(known, _)| *known == currency);
        match place {
            Some(place) => self.spend[place].1 = self.spend[place].1.saturating_add(paid),
            None if self.spend.len() < CURRENCIES_MAX => self.spend.push((currency, paid)),
            None => {}
        }
    }

    /// The category that was least counted makes room; of equals the one that came first.
    fn count_category(&mut self, category: u16) {
        if let Some((_, count)) = self.categories.iter_mut().find(|(known, _)| *known == category) {
            *count = count.saturating_add(1);
            return;
        }
        if self.categories.len() >= CATEGORIES_MAX
            && let Some(least) = (0..self.categories.len()).min_by_key(|place| self.categories[*place].1)
        {
            self.categories.remove(least);
        }
        self.categories.push((category, 1));
    }

    /// Which segments hold at log time `now`: bit n for the plan's segment n.
    pub(super) fn evaluate(&mut self, now: Timestamp, plan: &SegmentPlan, words: &Words) -> u64 {
        self.windowed.advance(tick(now), all_windows(plan));
        let this = &*self;
        let holds = |rule: &Rule| rule.holds(&mut |condition| this.holds(condition, now, words));
        let segments = plan.segments.iter().enumerate();
        segments.filter(|(_, segment)| holds(&segment.when)).fold(0, |bits, (place, _)| bits | 1 << place)
    }

    fn holds(&self, condition: &Trait, now: Timestamp, words: &Words) -> bool {
        let length = |length: usize| i64::try_from(length).expect("profiles are short");
        match condition {
            Trait::Count(kind, window, compare, value) => {
                let count = match window {
                    Some(window) => self.windowed.sum(tag(*kind), *window),
                    None => i64::from(self.count(*kind)),
                };
                compare.holds(count, *value)
            }
            Trait::Spend(currency, compare, value) => {
                let sum = self.spend.iter().find(|(known, _)| known == currency).map_or(0, |(_, sum)| *sum);
                compare.holds(sum, *value)
            }
            Trait::Category(name, compare, value) => {
                let number = words.known(name);
                let known = self.categories.iter().find(|(known, _)| Some(*known) == number);
                compare.holds(known.map_or(0, |(_, count)| i64::from(*count)), *value)
            }
            Trait::Sessions(compare, value) => compare.holds(length(self.sessions.len()), *value),
            Trait::Countries(compare, value) => compare.holds(length(self.countries.len()), *value),
            Trait::Session(session) => self.sessions.contains(session),
            Trait::Country(code) => words.known(code).is_some_and(|code| self.countries.last() == Some(&code)),
            Trait::SeenWithin(length) => now < self.last + length.0,
            Trait::FirstSeenWithin(length) => now < self.first + length.0,
        }
    }

    fn count(&self, kind: Kind) -> u32 {
        self.counts.iter().find(|(known, _)| *known == tag(kind)).map_or(0, |(_, count)| *count)
    }

    /// The first instant after `now` at which a condition may change although nothing happens.
    pub(super) fn next_due(&self, now: Timestamp, plan: &SegmentPlan) -> Option<Timestamp> {
        let mut due: Option<Timestamp> = None;
        let mut at = |instant: Timestamp| {
            if instant > now && due.is_none_or(|due| instant < due) {
                due = Some(instant);
            }
        };
        for (kind, windows) in &plan.windowed {
            self.windowed.next_leave(tag(*kind), *windows).into_iter().for_each(|tick| at(tick_start(tick)));
        }
        for segment in &plan.segments {
            segment.when.each(&mut |condition| match condition {
                Trait::SeenWithin(length) => at(self.last + length.0),
                Trait::FirstSeenWithin(length) => at(self.first + length.0),
                _ => {}
            });
        }
        // A clock tick is coarser than an instant: never look again at the same one.
        due.map(|due| due.max(now + Span(1)))
    }

    /// Reads the first element of each list, so that they are at hand: see [`crate::state::Fold::warm`].
    pub(super) fn warmth(&self) -> u64 {
        let counts = self.counts.first().map_or(0, |(_, count)| u64::from(*count));
        let categories = self.categories.first().map_or(0, |(_, count)| u64::from(*count));
        let countries = self.countries.last().map_or(0, |country| u64::from(*country));
        let sessions = self.sessions.last().map_or(0, |session| session.0 as u64);
        counts ^ categories ^ countries ^ sessions ^ self.windowed.warmth()
    }

    pub(super) fn answer(&self, words: &Words) -> ProfileAnswer {
        let mut counts: Vec<_> =
            self.counts.iter().map(|(kind, count)| (Kind::from_code(u16::from(*kind)), *count)).collect();
        counts.sort_unstable();
        ProfileAnswer {
            first_seen: self.first,
            last_seen: self.last,
            counts,
            countries: self.countries.iter().map(|number| words.word(*number)).collect(),
            categories: self.categories.iter().map(|(number, count)| (words.word(*number), *count)).collect(),
            sessions: self.sessions.clone(),
            spend: self.spend.clone(),
        }
    }

    pub(super) fn encode(&self, out: &mut Out<'_>) {
        out.time(self.first);
        out.time(self.last);
        out.len(self.counts.len());
        for (kind, count) in &self.counts {
            out.u8(*kind);
            out.u32(*count);
        }
        self.windowed.encode(out);
        out.len(self.countries.len());
        self.countries.iter().for_each(|number| out.u32(u32::from(*number)));
        out.len(self.categories.len());
        for (number, count) in &self.categories {
            out.u32(u32::from(*number));
            out.u32(*count);
        }
        out.len(self.sessions.len());
        self.sessions.iter().for_each(|session| out.id(session.0));
        out.len(self.spend.len());
        for (currency, sum) in &self.spend {
            out.u32(u32::from(currency.0));
            out.i64(*sum);
        }
        out.u64(self.members);
        out.flag(self.due.is_some());
        self.due.iter().for_each(|due| out.time(*due));
    }

    pub(super) fn decode(input: &mut In<'_>) -> Result<Self, StateError> {
        let short = |input: &mut In<'_>| u16::try_from(input.u32()?).map_err(|_| input.damaged());
        let mut this = Self { first: input.time()?, last: input.time()?, ..Self::default() };
        for _ in 0..input.len(2)? {
            this.counts.push((input.u8()?, input.u32()?));
        }
        this.windowed = Trail::decode(input)?;
        for _ in 0..input.len(1)? {
            this.countries.push(short(input)?);
        }
        for _ in 0..input.len(2)? {
            this.categories.push((short(input)?, input.u32()?));
        }
        for _ in 0..input.len(1)? {
            this.sessions.push(SessionId(input.id()?));
        }
        for _ in 0..input.len(2)? {
            this.spend.push((Currency(short(input)?), input.i64()?));
        }
        this.members = input.u64()?;
        this.due = if input.flag()? { Some(input.time()?) } else { None };
        Ok(this)
    }
}

/// Every window that some segment asks about: slices age through all of them.
fn all_windows(plan: &SegmentPlan) -> u8 {
    plan.windowed.iter().fold(0, |set, (_, windows)| set | windows) & all()
}

fn all() -> u8 {
    Window::ALL.into_iter().fold(0, |set, window| set | window.bit())
}
