//! One conference as a stream of records in order of arrival.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use records::{EventId, FactRow, Flags, Kind, MessageId, OrganizationId, Record, Source, Span, Timestamp};

use crate::agenda::Agenda;
use crate::chance::Chance;
use crate::held::Held;
use crate::people::{self, Role};
use crate::script::{Entry, Person, Step};
use crate::truth::{Ring, Truth};
use crate::words::{Words, event};

/// How big a conference is, and what goes wrong on its way to us.
#[derive(Debug, Clone, PartialEq)]
pub struct Scale {
    /// Honest attendees.
    pub attendees: u32,
    /// Programme items, spread over days and tracks.
    pub sessions: u32,
    /// Days of the conference.
    pub days: u16,
    /// Sessions side by side.
    pub tracks: u16,
    /// Weeks of registration before the doors open.
    pub weeks_before: u16,
    /// When the first day begins.
    pub opens: Timestamp,
    /// Planted fraud rings.
    pub rings: u16,
    /// Accounts of each ring.
    pub ring_accounts: u16,
    /// Crawlers and, as many again, machines that click ads.
    pub bots: u16,
    /// Records of 1,000 that arrive up to 3 s late.
    pub late_per_mille: u32,
    /// Records of 1,000,000 that arrive minutes to an hour late.
    pub very_late_per_million: u32,
    /// Records of 1,000 that arrive twice.
    pub twice_per_mille: u32,
    /// Marks records as replayed and tells watermarks: for conferences whose clock is not the wall's.
    pub replayed: bool,
    /// 0 is the first conference of the series; names the event.
    pub edition: u32,
}

impl Default for Scale {
    fn default() -> Self {
        Self {
            attendees: 5_000,
            sessions: 80,
            days: 2,
            tracks: 5,
            weeks_before: 6,
            // 2026-10-05, a Monday, 09:00 in Berlin.
            opens: Timestamp::from_seconds(1_791_183_600),
            rings: 12,
            ring_accounts: 6,
            bots: 20,
            late_per_mille: 50,
            very_late_per_million: 1_000,
            twice_per_mille: 0,
            replayed: false,
            edition: 0,
        }
    }
}

impl Scale {
    /// A conference of some 50,000 records, for tests.
    pub fn small() -> Self {
        Self { attendees: 120, sessions: 12, days: 1, tracks: 3, weeks_before: 2, rings: 2, bots: 3, ..Self::default() }
    }

    /// A conference of about this many records: a day of an attendee is about 720 of them.
    pub fn of_records(records: u64) -> Self {
        let attendees = u32::try_from(records / 1_450).unwrap_or(u32::MAX).max(50);
        Self { attendees, rings: (attendees / 400).clamp(2, 500) as u16, ..Self::default() }
    }

    /// The zone in which the conference takes place.
    pub const ZONE: &'static str = "Europe/Berlin";
}

// A very late record: the phone was in a tunnel, or flat.
const VERY_LATE: (Span, Span) = (Span::MINUTE, Span::HOUR);
const LATE_MAX: Span = Span::from_seconds(3);
// Watermarks in a replayed conference: at most one a minute, as replays tell them, and one for a hundred steps of people, so that
// in quiet weeks they do not outnumber what they are about.
const WATERMARK_EVERY: Span = Span::MINUTE;
const WATERMARK_STEPS: u64 = 100;

/// A conference that is being generated. See [`crate`] for an example.
#[derive(Debug, Clone)]
pub struct Conference {
    pub(crate) seed: u64,
    pub(crate) scale: Scale,
    pub(crate) agenda: Agenda,
    pub(crate) words: Words,
    pub(crate) chance: Chance,
    pub(crate) people: Vec<Person>,
    /// How many are in each session now, so that rooms fill up.
    pub(crate) present: Vec<u32>,
    pub(crate) truth: Truth,
    next: BinaryHeap<Reverse<Entry>>,
    held: Held,
    clock: Timestamp,
    watermark: Timestamp,
    /// Steps of people since the watermark was told.
    steps: u64,
    emitted: u64,
}

impl Conference {
    /// Plans a conference: who comes, when they register, who cheats.
    pub fn new(seed: u64, scale: Scale) -> Self {
        let mut chance = Chance::new(seed);
        let agenda = Agenda::new(event(scale.edition), &scale, &mut chance);
        let sessions: Vec<_> = agenda.sessions.iter().map(|session| session.session).collect();
        let mut conference = Self {
            seed,
            words: Words::new(scale.edition, &sessions),
            present: vec![0; agenda.sessions.len()],
            people: Vec::new(),
            truth: Truth::default(),
            next: BinaryHeap::new(),
            held: Held::default(),
            clock: Timestamp::MIN,
            watermark: Timestamp::MIN,
            steps: 0,
            emitted: 0,
            agenda,
            scale,
            chance,
        };
        conference.invite();
        conference.plant_rings();
        conference.plant_bots();
        conference
    }

    /// The tenant of every record.
    pub fn organization(&self) -> OrganizationId {
        self.words.organization
    }

    /// The event of every record.
    pub fn event(&self) -> EventId {
        self.words.event
    }

    /// The programme.
    pub fn agenda(&self) -> &Agenda {
        &self.agenda
    }

    /// What was planted; `ring_orders` grows while records are generated.
    pub fn truth(&self) -> &Truth {
        &self.truth
    }

    /// What must be applied before the first record: the organization, the event, the items, the rules.
    pub fn facts(&self) -> Vec<FactRow> {
        crate::facts::facts(self)
    }

    /// When the first record happens.
    pub fn begins(&self) -> Timestamp {
        self.scale.opens - Span(Span::DAY.0 * 7 * i64::from(self.scale.weeks_before.max(1)) + 2 * Span::HOUR.0)
    }

    /// When the last session is over.
    pub fn ends(&self) -> Timestamp {
        self.agenda.ends()
    }

    /// How far the conference's own clock has come: no later record arrives before it.
    pub fn clock(&self) -> Timestamp {
        self.clock
    }

    /// How many records were generated, repeated ones included.
    pub fn emitted(&self) -> u64 {
        self.emitted
    }

    /// Appends the next `count` records in order of arrival; fewer, and in the end none, when the conference is over.
    ///
    /// `late_by` is what the door would stamp: how long after the conference's clock the record arrived.
    pub fn fill(&mut self, out: &mut Vec<Record>, count: usize) -> usize {
        self.fill_until(out, count, Timestamp::MAX)
    }

    /// As [`Conference::fill`], but stops before the first record that arrives after `until` on the conference's clock.
    pub fn fill_until(&mut self, out: &mut Vec<Record>, count: usize, until: Timestamp) -> usize {
        let from = out.len();
        while out.len() - from < count && self.step(until, out) {}
        // A step gives a few records at most; what is over the count is kept for the next call.
        while out.len() - from > count {
            let record = out.pop().expect("there are more records than asked for");
            self.held.keep(self.clock, record);
        }
        let added = out.len() - from;
        self.emitted += added as u64;
        added
    }

    /// Lets the next thing happen; false when nothing is left up to `until`.
    fn step(&mut self, until: Timestamp, out: &mut Vec<Record>) -> bool {
        let planned = self.next.peek().map(|Reverse(entry)| entry.at);
        let arrival = self.held.next();
        let held_first = arrival.is_some_and(|arrival| planned.is_none_or(|planned| arrival <= planned));
        let Some(at) = (if held_first { arrival } else { planned }).filter(|at| *at <= until) else { return false };
        self.clock = self.clock.max(at);
        self.tell_watermark(out);
        if held_first {
            out.extend(self.held.take().map(|(_, record)| record));
        } else if let Some(Reverse(entry)) = self.next.pop() {
            self.steps += 1;
            self.play(entry, out);
        }
        true
    }

    /// Plans a step.
    #[inline]
    pub(crate) fn plan(&mut self, at: Timestamp, who: u32, step: Step, argument: u32) {
        self.next.push(Reverse(Entry { at, who, step, argument }));
    }

    /// Lets a record go, on time or late, once or twice.
    #[inline]
    pub(crate) fn emit(&mut self, mut record: Record, out: &mut Vec<Record>) {
        if self.scale.replayed {
            record.flags = record.flags.with(Flags::REPLAYED);
        }
        let dice = self.chance.bits();
        let delay = self.delay(dice);
        if (dice >> 32) % 1_000 < u64::from(self.scale.twice_per_mille) {
            let again = delay + self.chance.between(0, LATE_MAX.0);
            self.held.keep(record.event_time + Span(again), Record { late_by: Span(again), ..record.clone() });
        }
        if delay == 0 {
            out.push(record);
        } else {
            record.late_by = Span(delay);
            self.held.keep(record.event_time + Span(delay), record);
        }
    }

    /// How late a record arrives, in microseconds; mostly not at all.
    #[inline]
    fn delay(&mut self, dice: u64) -> i64 {
        let dice = (dice as u32) % 1_000_000;
        if dice < self.scale.very_late_per_million {
            self.chance.between(VERY_LATE.0.0, VERY_LATE.1.0)
        } else if dice < self.scale.very_late_per_million + self.scale.late_per_mille * 1_000 {
            self.chance.between(1, LATE_MAX.0)
        } else {
            0
        }
    }

    /// In a replayed conference: promises that nothing older follows, but for the late ones.
    fn tell_watermark(&mut self, out: &mut Vec<Record>) {
        let due = self.clock.since(self.watermark) >= WATERMARK_EVERY && self.steps >= WATERMARK_STEPS;
        if !self.scale.replayed || !due {
            return;
        }
        (self.watermark, self.steps) = (self.clock, 0);
        let message = self.message(self.clock);
        out.push(Record {
            organization: self.words.organization,
            event: self.words.event,
            event_time: self.clock,
            source: Source::Simulator,
            flags: Flags::REPLAYED,
            message,
            ..Record::new(Kind::ReplayWatermarked)
        });
    }

    /// A fresh message id.
    #[inline]
    pub(crate) fn message(&mut self, at: Timestamp) -> MessageId {
        MessageId::mint(at, u128::from(self.chance.bits()))
    }

    fn invite(&mut self) {
        for who in 0..self.scale.attendees {
            self.people.push(Person::new(people::profile(self.seed, who)));
            let at = self.registration_time();
            // Most look around before they register.
            let looks = self.chance.below(3);
            for _ in 0..looks {
                let before = self.chance.wait(Span::DAY.0);
                let pages = self.chance.between(1, 6) as u32;
                self.plan((at - Span(before)).max(self.begins()), who, Step::Look, pages);
            }
            self.plan(at, who, Step::Register, 0);
        }
    }

    /// When somebody registers: a start, the early-bird deadline, the last week's rush, and a trickle in between.
    fn registration_time(&mut self) -> Timestamp {
        let first = self.begins() + Span(2 * Span::HOUR.0);
        let days = 7 * i64::from(self.scale.weeks_before.max(1));
        let early_bird = days * 3 / 5;
        let day = match self.chance.below(100) {
            0..10 => self.chance.between(0, (days / 10).max(1)),
            // The closer the deadline, the more: the larger of two draws.
            10..40 => self.chance.between(0, early_bird).max(self.chance.between(0, early_bird)),
            40..75 => days - 1 - self.chance.between(0, 6).min(self.chance.between(0, 6)),
            _ => self.chance.between(0, days - 1),
        };
        // Between early morning and late evening, most often around noon.
        let second = (self.chance.between(0, 14 * 3_600) + self.chance.between(0, 14 * 3_600)) / 2;
        first + Span(Span::DAY.0 * day.clamp(0, days - 1)) + Span(second * 1_000_000 + self.chance.between(0, 999_999))
    }

    fn plant_rings(&mut self) {
        for ring in 0..u32::from(self.scale.rings) {
            let boss = u32::MAX / 2 + ring;
            let mut accounts = Vec::new();
            let starts = self.registration_time();
            for account in 0..u32::from(self.scale.ring_accounts) {
                let who = self.people.len() as u32;
                self.people.push(Person { ring: ring + 1, ..Person::new(people::profile(self.seed, who)) });
                accounts.push(people::token(self.seed, Role::Account, who));
                let gap = self.chance.between(60, 900);
                self.plan(starts + Span::from_seconds(gap * i64::from(account + 1)), who, Step::Register, 0);
            }
            self.truth.rings.push(Ring {
                accounts,
                device: people::token(self.seed, Role::Phone, boss),
                card: people::token(self.seed, Role::Card, boss),
                address: people::token(self.seed, Role::Address, boss),
            });
        }
    }

    fn plant_bots(&mut self) {
        let days = 7 * i64::from(self.scale.weeks_before.max(1)) + i64::from(self.scale.days);
        for bot in 0..u32::from(self.scale.bots) * 2 {
            let who = self.people.len() as u32;
            self.people.push(Person::new(people::profile(self.seed, who)));
            let at = self.begins() + Span(self.chance.between(0, days * Span::DAY.0));
            let account = people::token(self.seed, Role::Anonymous, who);
            if bot % 2 == 0 {
                self.truth.crawlers.push(account);
                self.plan(at, who, Step::Crawl, 400);
            } else {
                self.truth.click_bots.push(account);
                self.plan(at, who, Step::ClickBot, 300);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::*;

    fn all(seed: u64, scale: Scale) -> (Conference, Vec<Record>) {
        let mut conference = Conference::new(seed, scale);
        let mut records = Vec::new();
        while conference.fill(&mut records, 777) > 0 {}
        (conference, records)
    }

    #[test]
    fn a_seed_decides_everything_whatever_the_chunks() {
        let (_, one) = all(3, Scale::small());
        let mut other = Conference::new(3, Scale::small());
        let mut records = Vec::new();
        while other.fill(&mut records, 10_000) > 0 {}
        assert_eq!(one.len(), records.len());
        assert!(one == records);
        let (_, different) = all(4, Scale::small());
        assert!(one[..100] != different[..100]);
    }

    #[test]
    fn every_kind_of_activity_happens() {
        let (_, records) = all(5, Scale::small());
        let seen: BTreeSet<Kind> = records.iter().map(|record| record.kind).collect();
        let missing: Vec<_> = Kind::ALL
            .iter()
            .filter(|kind| kind.is_activity() && !seen.contains(kind))
            .filter(|kind| !matches!(kind, Kind::Screen | Kind::Track | Kind::Group))
            .collect();
        assert!(missing.is_empty(), "{missing:?}");
        assert!((20_000..200_000).contains(&records.len()), "{}", records.len());
    }

    #[test]
    fn records_arrive_in_order_of_the_clock() {
        let (_, records) = all(6, Scale::small());
        let arrivals: Vec<Timestamp> = records.iter().map(|record| record.event_time + record.late_by).collect();
        assert!(arrivals.is_sorted());
        let late = records.iter().filter(|record| record.late_by > Span::ZERO).count() * 1_000 / records.len();
        assert!((45..58).contains(&late), "{late} of 1,000 are late");
        assert!(records.iter().any(|record| record.late_by > LATE_MAX));
    }

    #[test]
    fn messages_are_unique_unless_repeats_are_asked_for() {
        let ids = |records: &[Record]| records.iter().map(|record| record.message).collect::<BTreeSet<_>>().len();
        let (_, records) = all(7, Scale::small());
        assert_eq!(ids(&records), records.len());
        let (_, records) = all(7, Scale { twice_per_mille: 20, ..Scale::small() });
        let repeats = (records.len() - ids(&records)) * 1_000 / records.len();
        assert!((15..25).contains(&repeats), "{repeats}");
    }

    #[test]
    fn rings_buy_within_a_minute_and_share_everything() {
        let (conference, records) = all(8, Scale::small());
        let orders: BTreeMap<_, _> = records
            .iter()
            .filter(|record| record.kind == Kind::OrderReported)
            .map(|record| (record.order, record))
            .collect();
        assert_eq!(conference.truth().ring_orders.len(), 12);
        for order in &conference.truth().ring_orders {
            let order = orders[order];
            let ring = conference.truth().rings.iter().find(|ring| ring.accounts.contains(&order.actor)).unwrap();
            assert!(order.event_time - order.signup_time <= Span::MINUTE);
            assert_eq!((order.device, order.card, order.address), (ring.device, ring.card, ring.address));
        }
        let honest_quick = orders.values().filter(|order| {
            order.event_time - order.signup_time <= Span::MINUTE && !conference.truth().is_ring_account(order.actor)
        });
        assert_eq!(honest_quick.count(), 0, "only rings buy within the minute");
    }

    #[test]
    fn rooms_never_overflow() {
        let (conference, records) = all(9, Scale { late_per_mille: 0, very_late_per_million: 0, ..Scale::small() });
        let mut inside = BTreeMap::<_, BTreeSet<_>>::new();
        for record in &records {
            match record.kind {
                Kind::SessionJoined => {
                    inside.entry(record.session).or_default().insert(record.actor);
                }
                Kind::SessionLeft => {
                    inside.entry(record.session).or_default().remove(&record.actor);
                }
                _ => {}
            }
            if let Some(session) = conference.agenda().sessions.iter().find(|one| one.session == record.session) {
                let now = inside.get(&record.session).map_or(0, BTreeSet::len) as u32;
                // Those who left without a farewell stay in this count: a few more than fit.
                assert!(now <= session.capacity + session.capacity / 10 + 3);
            }
        }
    }

    #[test]
    fn replayed_conferences_promise_watermarks() {
        let (_, records) = all(10, Scale { replayed: true, ..Scale::small() });
        let (mut promised, mut told) = (Timestamp::MIN, 0);
        for record in &records {
            assert!(record.flags.has(Flags::REPLAYED));
            if record.kind == Kind::ReplayWatermarked {
                promised = record.event_time;
                told += 1;
            }
            assert!(record.event_time + record.late_by >= promised, "older ones say how late they are");
        }
        assert!(promised > Timestamp::MIN);
        assert!(told * 20 < records.len(), "{told} of {} records are watermarks", records.len());
    }
}
