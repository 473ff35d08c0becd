//! The pipeline mix: an endless, even stream over many keys, for throughput benchmarks.

use records::{
    AdId, Currency, EventId, Fact, FactRow, ItemId, Kind, MessageId, OrderId, OrganizationId, PollId, Record,
    SessionId, Source, Span, Text, Timestamp, Zone,
};

use crate::chance::Chance;
use crate::facts::rules_document;
use crate::people::{self, Role};
use crate::words::{ADS_OF_CAMPAIGN, CAMPAIGNS, id};

/// Records a second of event time. One key of a million then comes back every 50 s or so.
const PER_SECOND: i64 = 20_000;
const SESSIONS: u32 = 64;
const ITEMS: u32 = 10_000;
// Of a thousand records, those that fraud rules score: orders, registrations, ad clicks. 50 = 5 %.
const ORDERS: u64 = 20;
const REGISTRATIONS: u64 = 10;
const CLICKS: u64 = 20;

/// An endless stream over `actors` people: half heartbeats, a third item and page views, 5 % scored records.
///
/// Half of the records belong to a tenth of the people, so that caches see what they would see in life.
#[derive(Debug, Clone)]
pub struct Mix {
    seed: u64,
    actors: u32,
    chance: Chance,
    count: u64,
    starts: Timestamp,
    organization: OrganizationId,
    event: EventId,
    sessions: Vec<(SessionId, Text)>,
    items: Vec<ItemId>,
    ads: Vec<AdId>,
    polls: Vec<PollId>,
    countries: Vec<Text>,
    platforms: Vec<Text>,
    page: (Text, Text),
    choices: Vec<Text>,
    ticket: Text,
}

impl Mix {
    /// A stream over so many people, of one organization and event.
    ///
    /// # Panics
    /// When there is nobody.
    pub fn new(seed: u64, actors: u32, starts: Timestamp) -> Self {
        assert!(actors > 0, "somebody must do something");
        let texts = |words: &[&str]| words.iter().map(|word| Text::new(word)).collect::<Vec<_>>();
        let tracks = texts(&["data", "design", "growth", "cloud"]);
        Self {
            seed,
            actors,
            chance: Chance::new(seed),
            count: 0,
            starts,
            organization: id("summit"),
            event: id("summit-2026"),
            sessions: (0..SESSIONS).map(|n| (id(&format!("talk-{n}")), tracks[n as usize % 4].clone())).collect(),
            items: (0..ITEMS).map(|n| id(&format!("item-{n}"))).collect(),
            ads: (0..CAMPAIGNS * ADS_OF_CAMPAIGN).map(|n| id(&format!("ad-{n}"))).collect(),
            polls: (0..SESSIONS).map(|n| id(&format!("poll-{n}"))).collect(),
            countries: texts(&["DE", "US", "GB", "FR", "NL", "PL", "IN", "ES"]),
            platforms: texts(&["iOS", "Android", "macOS", "Windows"]),
            page: ("agenda".into(), "/agenda".into()),
            choices: texts(&["clap", "heart", "a", "b"]),
            ticket: "ticket".into(),
        }
    }

    /// What must be applied first: the organization, the event and the conference's rules.
    pub fn facts(&self) -> Vec<FactRow> {
        let row = |fact| FactRow::new(self.organization, self.starts, fact);
        vec![
            row(Fact::OrganizationRegistered { name: "Summit Series".into(), zone: Zone::utc() }),
            row(Fact::EventScheduled {
                event: self.event,
                title: "Summit 2026".into(),
                zone: Zone::utc(),
                starts: self.starts,
                ends: self.starts + Span(7 * Span::DAY.0),
            }),
            row(Fact::RulesPublished { document: std::sync::Arc::new(rules_document()) }),
        ]
    }

    /// The event time of the next record.
    pub fn clock(&self) -> Timestamp {
        self.starts + Span((i128::from(self.count) * 1_000_000 / i128::from(PER_SECOND)) as i64)
    }

    /// Appends the next `count` records; 5 % are up to 3 s out of order.
    pub fn fill(&mut self, out: &mut Vec<Record>, count: usize) {
        out.reserve(count);
        for _ in 0..count {
            let record = self.one();
            out.push(record);
        }
    }

    fn one(&mut self) -> Record {
        let now = self.clock();
        self.count += 1;
        let who = self.actor();
        let dice = self.chance.below(1_000);
        let late = if self.chance.below(20) == 0 { self.chance.between(0, 3_000_000) } else { 0 };
        let mut record = self.envelope(kind_of(dice), who, now - Span(late));
        record.late_by = Span(late);
        self.detail(&mut record, who);
        record
    }

    fn actor(&mut self) -> u32 {
        let hot = u64::from(self.actors).div_ceil(10);
        let bound = if self.chance.below(2) == 0 { hot } else { u64::from(self.actors) };
        self.chance.below(bound) as u32
    }

    #[inline]
    fn envelope(&mut self, kind: Kind, who: u32, at: Timestamp) -> Record {
        let bits = self.chance.bits();
        Record {
            kind,
            organization: self.organization,
            event: self.event,
            event_time: at,
            source: Source::Simulator,
            actor: people::token(self.seed, Role::Account, who),
            device: people::token(self.seed, Role::Phone, who),
            address: people::token(self.seed, Role::Address, who / 3),
            message: MessageId::mint(at, u128::from(bits)),
            country: self.countries[who as usize % self.countries.len()].clone(),
            platform: self.platforms[who as usize % self.platforms.len()].clone(),
            ..Record::default()
        }
    }

    #[inline]
    fn detail(&mut self, record: &mut Record, who: u32) {
        let bits = self.chance.bits();
        let pick = |bound: usize| (bits >> 8) as usize % bound;
        match record.kind {
            Kind::SessionHeartbeat
            | Kind::SessionJoined
            | Kind::SessionLeft
            | Kind::ChatReported
            | Kind::QuestionReported => {
                let (session, track) = &self.sessions[who as usize % self.sessions.len()];
                (record.session, record.category) = (*session, track.clone());
                record.duration_ms = if record.kind == Kind::SessionHeartbeat { 30_000 } else { 0 };
            }
            Kind::ItemViewed | Kind::ItemCarted => {
                // Popular items are popular: the smaller of two draws.
                record.item = self.items[pick(ITEMS as usize).min((bits >> 36) as usize % ITEMS as usize)];
            }
            Kind::AdServed | Kind::AdViewed | Kind::AdClicked => record.ad = self.ads[pick(self.ads.len())],
            Kind::OrderReported => {
                record.order = OrderId::mint(record.event_time, u128::from(bits));
                record.item = self.items[pick(100)];
                record.card = people::token(self.seed, Role::Card, who);
                (record.amount_minor, record.currency, record.quantity) = (49_900, Currency::EUR, 1);
                record.category = self.ticket.clone();
                record.signup_time = record.event_time - Span((bits % 5_000) as i64 * 1_000_000);
            }
            Kind::RegistrationReported => {
                record.signup_time = record.event_time;
                record.category = self.ticket.clone();
            }
            Kind::PollAnswerReported => {
                let place = who as usize % self.polls.len();
                (record.poll, record.session) = (self.polls[place], self.sessions[place].0);
                record.choice = self.choices[2 + pick(2)].clone();
            }
            Kind::ReactionReported => record.choice = self.choices[pick(2)].clone(),
            _ => (record.name, record.path) = self.page.clone(),
        }
    }
}

#[inline]
fn kind_of(dice: u64) -> Kind {
    const SCORED: u64 = ORDERS + REGISTRATIONS + CLICKS;
    match dice {
        0..ORDERS => Kind::OrderReported,
        ORDERS..30 => Kind::RegistrationReported,
        30..SCORED => Kind::AdClicked,
        SCORED..550 => Kind::SessionHeartbeat,
        550..600 => Kind::SessionJoined,
        600..640 => Kind::SessionLeft,
        640..760 => Kind::Page,
        760..880 => Kind::ItemViewed,
        880..900 => Kind::ItemCarted,
        900..940 => Kind::AdServed,
        940..960 => Kind::AdViewed,
        960..975 => Kind::ReactionReported,
        975..985 => Kind::PollAnswerReported,
        985..995 => Kind::ChatReported,
        _ => Kind::QuestionReported,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn five_percent_are_scored() {
        let mut records = Vec::new();
        Mix::new(1, 1_000, Timestamp(0)).fill(&mut records, 100_000);
        let scored = records
            .iter()
            .filter(|record| matches!(record.kind, Kind::OrderReported | Kind::RegistrationReported | Kind::AdClicked))
            .count();
        assert!((4_700..5_300).contains(&scored), "{scored}");
        assert!(records.iter().all(|record| {
            record
                .kind
                .required()
                .iter()
                .all(|column| records::Batch::from_records(std::slice::from_ref(record)).has(*column))
        }));
    }
}
