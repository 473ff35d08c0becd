//! What people and machines do next: each step makes records and plans the steps that follow.

use records::{Currency, Flags, ItemId, Kind, OrderId, Record, Source, Span, Timestamp, Token};

use crate::conference::Conference;
use crate::people::{self, Role, trait_of};

/// A planned step. Ordered by time, then by who and what, so that ties fall the same way in every run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Entry {
    pub(crate) at: Timestamp,
    pub(crate) who: u32,
    pub(crate) step: Step,
    /// What the step needs to know: pages left, an ad, a slot, a product.
    pub(crate) argument: u32,
}

/// What can happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Step {
    /// Looks at pages; the argument says how many are left.
    Look,
    Register,
    Identify,
    BuyTicket,
    /// Puts a product into the cart.
    Cart,
    BuyProduct,
    AdServed,
    AdViewed,
    AdClicked,
    AdConverted,
    OfferClicked,
    CheckIn,
    /// Chooses what to do in a slot.
    Choose,
    /// Is in a session; one heartbeat follows the other.
    Beat,
    Chat,
    Ask,
    React,
    Answer,
    Crawl,
    ClickBot,
}

/// What must be remembered of a person; everything else follows from the profile.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Person {
    pub(crate) profile: u64,
    /// When they registered; `Timestamp(0)` before.
    pub(crate) signup: Timestamp,
    /// 1 + the ring's number; 0 for honest people.
    pub(crate) ring: u32,
    /// 1 + the session they are in; 0 for the hallway.
    pub(crate) session: u32,
}

impl Person {
    pub(crate) fn new(profile: u64) -> Self {
        Self { profile, ..Self::default() }
    }
}

const HEARTBEAT: Span = Span::from_seconds(30);

fn seconds(range: std::ops::RangeInclusive<i64>, chance: &mut crate::chance::Chance) -> Span {
    Span(chance.between(range.start() * 1_000_000, range.end() * 1_000_000))
}

impl Conference {
    /// Plays one step.
    pub(crate) fn play(&mut self, entry: Entry, out: &mut Vec<Record>) {
        match entry.step {
            Step::Beat => self.beat(entry, out),
            Step::Look => self.look(entry, out),
            Step::Register => self.register(entry, out),
            Step::Identify => self.identify(entry, out),
            Step::BuyTicket => self.buy_ticket(entry, out),
            Step::Cart => self.cart(entry, out),
            Step::BuyProduct => self.buy_product(entry, out),
            Step::AdServed | Step::AdViewed | Step::AdClicked | Step::AdConverted => self.ad(entry, out),
            Step::OfferClicked => self.offer_clicked(entry, out),
            Step::CheckIn => self.check_in(entry, out),
            Step::Choose => self.choose(entry, out),
            Step::Chat | Step::Ask | Step::React | Step::Answer => self.interact(entry, out),
            Step::Crawl => self.crawl(entry, out),
            Step::ClickBot => self.click_bot(entry, out),
        }
    }

    fn opened(&self, at: Timestamp) -> bool {
        at >= self.scale.opens - Span(2 * Span::HOUR.0)
    }

    /// The envelope of a record about a person.
    #[inline]
    fn about(&mut self, kind: Kind, entry: Entry) -> Record {
        let person = self.people[entry.who as usize];
        let profile = person.profile;
        let known = person.signup.0 != 0;
        let phone = self.opened(entry.at) || profile.is_multiple_of(3);
        let place = trait_of(profile, 1, self.words.countries.len());
        let platforms = if phone { &self.words.phones } else { &self.words.platforms };
        let (device, address) = match self.ring_of(person) {
            Some(ring) => (ring.device, ring.address),
            None => (
                people::token(self.seed, if phone { Role::Phone } else { Role::Desktop }, entry.who),
                // Homes and offices share addresses: about three people each.
                people::token(self.seed, Role::Address, entry.who / 3),
            ),
        };
        let mut record = Record {
            organization: self.words.organization,
            event: self.words.event,
            event_time: entry.at,
            source: Source::Simulator,
            actor: people::token(self.seed, if known { Role::Account } else { Role::Anonymous }, entry.who),
            device,
            address,
            country: self.words.countries[place].clone(),
            language: self.words.languages[place].clone(),
            platform: platforms[trait_of(profile, 2, platforms.len())].clone(),
            ..Record::new(kind)
        };
        record.flags = if known { Flags::default() } else { Flags::ANONYMOUS };
        record.message = self.message(entry.at);
        record
    }

    fn ring_of(&self, person: Person) -> Option<&crate::truth::Ring> {
        (person.ring > 0).then(|| &self.truth.rings[person.ring as usize - 1])
    }

    fn look(&mut self, entry: Entry, out: &mut Vec<Record>) {
        if entry.argument == 0 {
            return;
        }
        let dice = self.chance.below(100);
        let soon = |span: Span| entry.at + span;
        let record = match dice {
            0..35 => self.page(entry),
            35..80 => {
                let item = self.wanted_item(entry.who);
                let mut record = self.about(Kind::ItemViewed, entry);
                record.item = item;
                record
            }
            80..84 => {
                let item = self.wanted_item(entry.who);
                let mut record = self.about(Kind::ItemFavored, entry);
                record.item = item;
                record
            }
            84..92 => {
                let product = self.chance.below(self.words.shop.len() as u64) as u32;
                if self.chance.per_mille(120) {
                    let later = seconds(1..=20, &mut self.chance);
                    self.plan(soon(later), entry.who, Step::OfferClicked, product);
                }
                let mut record = self.about(Kind::OfferShown, entry);
                record.item = self.words.shop[product as usize].item;
                record
            }
            _ => {
                let product = self.chance.below(self.words.shop.len() as u64) as u32;
                if self.people[entry.who as usize].signup.0 != 0 && self.chance.per_mille(400) {
                    let later = seconds(5..=60, &mut self.chance);
                    self.plan(soon(later), entry.who, Step::Cart, product);
                }
                let mut record = self.about(Kind::ItemViewed, entry);
                record.item = self.words.shop[product as usize].item;
                record.category = self.words.shop_category.clone();
                record
            }
        };
        if self.chance.per_mille(350) {
            let ad = self.chance.below(self.words.ads.len() as u64) as u32;
            self.plan(soon(Span::from_millis(150)), entry.who, Step::AdServed, ad);
        }
        let pause = self.chance.wait(Span::from_seconds(25).0) + 1_000_000;
        self.plan(soon(Span(pause)), entry.who, Step::Look, entry.argument - 1);
        self.emit(record, out);
    }

    fn page(&mut self, entry: Entry) -> Record {
        let page = self.chance.below(self.words.pages.len() as u64) as usize;
        let came_from = self.chance.below(2 * self.words.referrers.len() as u64) as usize;
        let mut record = self.about(Kind::Page, entry);
        (record.name, record.path) = self.words.pages[page].clone();
        if let Some(referrer) = self.words.referrers.get(came_from) {
            record.referrer = referrer.clone();
        }
        record
    }

    /// A session of one's own track more often than not.
    fn wanted_item(&mut self, who: u32) -> ItemId {
        let track = trait_of(self.people[who as usize].profile, 3, usize::from(self.scale.tracks.max(1))) as u16;
        let sessions = &self.agenda.sessions;
        let mut session = self.chance.pick(sessions);
        for _ in 0..2 {
            if session.track_number == track {
                break;
            }
            session = self.chance.pick(sessions);
        }
        session.item
    }

    fn register(&mut self, entry: Entry, out: &mut Vec<Record>) {
        let person = &mut self.people[entry.who as usize];
        person.signup = entry.at;
        let ring = person.ring > 0;
        let mut record = self.about(Kind::RegistrationReported, entry);
        record.choice = self.words.registered.clone();
        record.category = self.words.ticket_category.clone();
        record.signup_time = entry.at;
        self.emit(record, out);
        if ring {
            // Within the minute that the rule looks at.
            let later = seconds(4..=58, &mut self.chance);
            self.plan(entry.at + later, entry.who, Step::BuyTicket, 0);
            return;
        }
        let later = seconds(1..=3, &mut self.chance);
        self.plan(entry.at + later, entry.who, Step::Identify, 0);
        let pay = self.chance.wait(Span::from_seconds(400).0) + 90_000_000;
        self.plan(entry.at + Span(pay), entry.who, Step::BuyTicket, 0);
        self.plan_visits(entry);
        self.plan_days(entry);
    }

    /// Comes back to the site now and then until the doors open.
    fn plan_visits(&mut self, entry: Entry) {
        let left = self.scale.opens.since(entry.at).0.max(Span::HOUR.0);
        let visits = self.chance.below(6);
        for _ in 0..visits {
            let at = entry.at + Span(self.chance.between(600_000_000, left));
            let pages = self.chance.between(2, 12) as u32;
            self.plan(at, entry.who, Step::Look, pages);
        }
    }

    /// Nine of ten turn up; most before the first session.
    fn plan_days(&mut self, entry: Entry) {
        for day in 0..self.agenda.days.len() {
            if !self.chance.per_mille(900) {
                continue;
            }
            let opens = self.agenda.starts(self.agenda.days[day]);
            let shift = if self.chance.per_mille(800) {
                // The rush: the last hour before the opening, densest towards it.
                -self.chance.wait(Span::from_seconds(900).0)
            } else {
                self.chance.between(0, 3 * Span::HOUR.0)
            };
            self.plan((opens + Span(shift)).max(entry.at + Span::MINUTE), entry.who, Step::CheckIn, day as u32);
        }
    }

    fn identify(&mut self, entry: Entry, out: &mut Vec<Record>) {
        let mut record = self.about(Kind::Identify, entry);
        record.linked = people::token(self.seed, Role::Anonymous, entry.who);
        self.emit(record, out);
    }

    /// An order's common part: who pays with what, and when the account was made.
    fn order(&mut self, entry: Entry) -> Record {
        let person = self.people[entry.who as usize];
        let card = match self.ring_of(person) {
            Some(ring) => ring.card,
            None => people::token(self.seed, Role::Card, entry.who),
        };
        let order = OrderId::mint(entry.at, u128::from(self.chance.bits()));
        let mut record = self.about(Kind::OrderReported, entry);
        (record.order, record.card) = (order, card);
        record.signup_time = person.signup;
        // The shop takes three currencies; what somebody pays in follows from where they are.
        record.currency = match record.country.as_str() {
            "US" => Currency::USD,
            "GB" => self.words.pounds,
            _ => Currency::EUR,
        };
        record.quantity = 1;
        if person.ring > 0 {
            self.truth.ring_orders.push(order);
        }
        record
    }

    fn buy_ticket(&mut self, entry: Entry, out: &mut Vec<Record>) {
        let early = self.scale.opens.since(entry.at).0 > 17 * Span::DAY.0;
        let kind = if early { 0 } else { 1 + usize::from(self.chance.per_mille(250)) };
        let mut record = self.order(entry);
        record.item = self.words.tickets[kind].item;
        record.category = self.words.ticket_category.clone();
        record.amount_minor = self.words.tickets[kind].price_minor;
        self.emit(record, out);
    }

    fn cart(&mut self, entry: Entry, out: &mut Vec<Record>) {
        if self.chance.per_mille(450) {
            let later = seconds(10..=120, &mut self.chance);
            self.plan(entry.at + later, entry.who, Step::BuyProduct, entry.argument);
        }
        let mut record = self.about(Kind::ItemCarted, entry);
        record.item = self.words.shop[entry.argument as usize].item;
        record.category = self.words.shop_category.clone();
        record.quantity = 1;
        self.emit(record, out);
    }

    fn buy_product(&mut self, entry: Entry, out: &mut Vec<Record>) {
        let mut record = self.order(entry);
        let product = &self.words.shop[entry.argument as usize];
        (record.item, record.amount_minor) = (product.item, product.price_minor);
        record.category = self.words.shop_category.clone();
        self.emit(record, out);
    }

    fn ad(&mut self, entry: Entry, out: &mut Vec<Record>) {
        let (kind, next) = match entry.step {
            Step::AdServed => (Kind::AdServed, Some((Step::AdViewed, 650, 1..=4))),
            Step::AdViewed => (Kind::AdViewed, Some((Step::AdClicked, 25, 1..=20))),
            Step::AdClicked => (Kind::AdClicked, Some((Step::AdConverted, 60, 30..=900))),
            _ => (Kind::AdConverted, None),
        };
        if let Some((step, per_mille, wait)) = next
            && self.chance.per_mille(per_mille)
        {
            let later = seconds(wait, &mut self.chance);
            self.plan(entry.at + later, entry.who, step, entry.argument);
        }
        let mut record = self.about(kind, entry);
        record.ad = self.words.ads[entry.argument as usize].0;
        record.channel = self.words.channels[entry.argument as usize % self.words.channels.len()].clone();
        self.emit(record, out);
    }

    fn offer_clicked(&mut self, entry: Entry, out: &mut Vec<Record>) {
        let mut record = self.about(Kind::OfferClicked, entry);
        record.item = self.words.shop[entry.argument as usize].item;
        self.emit(record, out);
    }

    fn check_in(&mut self, entry: Entry, out: &mut Vec<Record>) {
        let mut record = self.about(Kind::CheckInReported, entry);
        record.name = self.words.pages[4].0.clone();
        self.emit(record, out);
        let first = self.agenda.days[entry.argument as usize];
        let last = self.agenda.days.get(entry.argument as usize + 1).copied().unwrap_or(self.agenda.slots.len());
        // Latecomers go to the next slot that has not begun.
        let next = (first..last).find(|slot| self.agenda.starts(*slot) > entry.at);
        self.plan_slot(entry, next);
        let pages = self.chance.between(1, 3) as u32;
        self.plan(entry.at + Span::from_seconds(20), entry.who, Step::Look, pages);
    }

    fn plan_slot(&mut self, entry: Entry, slot: Option<usize>) {
        let Some(slot) = slot else { return };
        let early = self.chance.between(-120, 180);
        let at = (self.agenda.starts(slot) + Span::from_seconds(early)).max(entry.at + Span::from_seconds(1));
        self.plan(at, entry.who, Step::Choose, slot as u32);
    }

    /// The next slot of the same day.
    fn slot_after(&self, slot: usize) -> Option<usize> {
        (slot + 1 < self.agenda.slots.len() && self.agenda.day_of(slot + 1) == self.agenda.day_of(slot))
            .then_some(slot + 1)
    }

    fn choose(&mut self, entry: Entry, out: &mut Vec<Record>) {
        let slot = entry.argument as usize;
        let after = self.slot_after(slot);
        let Some(session) = self.choice(entry.who, slot) else {
            // The hallway: coffee, a few pages, a chat.
            let pages = self.chance.between(1, 8) as u32;
            self.plan(entry.at + Span::from_seconds(5), entry.who, Step::Look, pages);
            self.plan(entry.at + Span::MINUTE, entry.who, Step::Chat, 0);
            return self.plan_slot(entry, after);
        };
        self.present[session] += 1;
        self.people[entry.who as usize].session = session as u32 + 1;
        let record = self.in_session(Kind::SessionJoined, entry, session);
        self.emit(record, out);
        let first = seconds(29..=31, &mut self.chance);
        self.plan(entry.at + first, entry.who, Step::Beat, slot as u32);
        let asked = self.agenda.sessions[session].starts + Span::from_seconds(900);
        if self.chance.per_mille(400) && asked > entry.at {
            let later = self.chance.wait(Span::from_seconds(30).0);
            self.plan(asked + Span(later), entry.who, Step::Answer, session as u32);
        }
    }

    /// A session of the slot by one's track and the session's pull; none when its room is full or coffee wins.
    fn choice(&mut self, who: u32, slot: usize) -> Option<usize> {
        if self.chance.per_mille(80) {
            return None;
        }
        let track = trait_of(self.people[who as usize].profile, 3, usize::from(self.scale.tracks.max(1))) as u16;
        let range = self.agenda.slots[slot].clone();
        let weight = |session: &crate::agenda::Session| {
            u64::from(session.pull) * if session.track_number == track { 6 } else { 1 }
        };
        let total: u64 = self.agenda.sessions[range.clone()].iter().map(weight).sum();
        let mut left = self.chance.below(total);
        let mut chosen = range.start;
        for session in range {
            chosen = session;
            let own = weight(&self.agenda.sessions[session]);
            if left < own {
                break;
            }
            left -= own;
        }
        (self.present[chosen] < self.agenda.sessions[chosen].capacity).then_some(chosen)
    }

    fn in_session(&mut self, kind: Kind, entry: Entry, session: usize) -> Record {
        let mut record = self.about(kind, entry);
        record.session = self.agenda.sessions[session].session;
        record.category = self.agenda.sessions[session].track.clone();
        record
    }

    fn beat(&mut self, entry: Entry, out: &mut Vec<Record>) {
        let slot = entry.argument as usize;
        let session = self.people[entry.who as usize].session as usize - 1;
        let over = entry.at >= self.agenda.sessions[session].ends;
        // Some leave early: about one in six over the length of a talk.
        if over || self.chance.per_mille(2) {
            return self.leave(entry, session, slot, out);
        }
        self.maybe_interact(entry, session);
        let wobble = self.chance.between(-200_000, 200_000);
        self.plan(entry.at + Span(HEARTBEAT.0 + wobble), entry.who, Step::Beat, entry.argument);
        // Half look at something else for part of the time; some walk away with the page open.
        let focused = match self.chance.below(10) {
            0 => 0,
            1..4 => self.chance.below(30_000) as u32,
            _ => 30_000,
        };
        let mut record = self.in_session(Kind::SessionHeartbeat, entry, session);
        record.duration_ms = focused;
        self.emit(record, out);
    }

    fn maybe_interact(&mut self, entry: Entry, session: usize) {
        let step = match self.chance.below(200) {
            0..4 => Step::React,
            4..7 => Step::Chat,
            7 => Step::Ask,
            _ => return,
        };
        let later = seconds(1..=28, &mut self.chance);
        self.plan(entry.at + later, entry.who, step, session as u32 + 1);
    }

    fn leave(&mut self, entry: Entry, session: usize, slot: usize, out: &mut Vec<Record>) {
        self.present[session] = self.present[session].saturating_sub(1);
        self.people[entry.who as usize].session = 0;
        // One in thirty just closes the lid: no farewell arrives.
        if !self.chance.per_mille(33) {
            let record = self.in_session(Kind::SessionLeft, entry, session);
            self.emit(record, out);
        }
        let after = self.slot_after(slot);
        self.plan_slot(entry, after);
        if self.chance.per_mille(300) {
            let pages = self.chance.between(1, 4) as u32;
            self.plan(entry.at + Span::from_seconds(10), entry.who, Step::Look, pages);
        }
    }

    fn interact(&mut self, entry: Entry, out: &mut Vec<Record>) {
        let kind = match entry.step {
            Step::Chat => Kind::ChatReported,
            Step::Ask => Kind::QuestionReported,
            Step::React => Kind::ReactionReported,
            _ => Kind::PollAnswerReported,
        };
        let mut record = self.about(kind, entry);
        // Chat in the hallway has no session (argument 0); poll answers name the session itself.
        let session = if kind == Kind::PollAnswerReported { entry.argument + 1 } else { entry.argument };
        if let Some(session) = self.agenda.sessions.get((session as usize).wrapping_sub(1)) {
            record.session = session.session;
            record.category = session.track.clone();
        }
        match kind {
            Kind::ReactionReported => record.choice = self.chance.pick(&self.words.reactions).clone(),
            Kind::PollAnswerReported => {
                record.poll = self.words.polls[entry.argument as usize];
                record.choice = self.chance.pick(&self.words.answers).clone();
            }
            Kind::ChatReported => {
                record.linked =
                    people::token(self.seed, Role::Account, self.chance.below(u64::from(self.scale.attendees)) as u32);
                record.text_chars = self.chance.between(4, 140) as u32;
            }
            _ => record.text_chars = self.chance.between(20, 200) as u32,
        }
        self.emit(record, out);
    }

    fn crawl(&mut self, entry: Entry, out: &mut Vec<Record>) {
        let mut record = self.page(entry);
        record.flags = record.flags.with(Flags::BOT);
        record.platform = self.words.crawler.clone();
        self.emit(record, out);
        if entry.argument > 1 {
            self.plan(entry.at + Span::from_seconds(2), entry.who, Step::Crawl, entry.argument - 1);
        }
    }

    /// Serves itself an ad and clicks it at once, from one address under the device of the moment.
    fn click_bot(&mut self, entry: Entry, out: &mut Vec<Record>) {
        let clicks = entry.argument % 2 == 1;
        let mut record = self.about(if clicks { Kind::AdClicked } else { Kind::AdServed }, entry);
        // Served and clicked come in pairs, so both halves name the same ad.
        record.ad = self.words.ads[entry.argument.div_ceil(2) as usize % self.words.ads.len()].0;
        record.device = Token(records::hash::join(record.device.0, u64::from(entry.argument / 20)).max(1));
        record.channel = self.words.channels[0].clone();
        self.emit(record, out);
        if entry.argument > 1 {
            let pause = if clicks { 2_000 } else { 300 };
            self.plan(entry.at + Span::from_millis(pause), entry.who, Step::ClickBot, entry.argument - 1);
        }
    }
}
