//! Stories of one programme: places in sessions, rooms that collide, snapshots that decide the same.

use proptest::prelude::*;
use records::booking::{Choice, Product, Provider, Quota, Sales, Tier};
use records::programme::{Hall, Recurrence, Session};
use records::{
    Blob, Currency, HallId, HoldId, ItemId, Money, OrderId, PlaceId, QuotaId, SessionId, Span, TicketId, Token, Zone,
};

use super::places::Place;
use super::*;
use crate::booking::{self, Line};
use crate::decide::Domain as _;
use crate::domains::{self, Domains};

const ACME: OrganizationId = OrganizationId(7);
const CONF: EventId = EventId(3);
const WORKSHOP: SessionId = SessionId(9);
const NOW: Timestamp = Timestamp::from_seconds(1_790_000_000);

/// A partition with one event that sells free passes.
struct Story {
    domains: Domains,
    now: Timestamp,
}

impl Story {
    fn new() -> Self {
        let mut story = Self { domains: Domains::default(), now: NOW };
        let fact = Fact::EventScheduled {
            event: CONF,
            title: "Conf".into(),
            zone: Zone::parse("Europe/Berlin").unwrap(),
            starts: NOW,
            ends: NOW + Span::DAY,
        };
        let wishes = vec![crate::office::Wish::Stand(fact)];
        story.done(crate::office::Command { organization: ACME, event: CONF, wishes }).unwrap();
        let tier =
            Tier { title: "T".into(), prices: vec![Money { minor: 0, currency: Currency::EUR }], ..Tier::default() };
        let product = Product { title: "P".into(), tiers: vec![tier], ..Product::default() };
        let products = vec![Choice { product: ItemId(1), ..Choice::default() }];
        for wish in [
            booking::Wish::SetSales(Sales { open: true, order_max: 500, ..Sales::default() }),
            booking::Wish::SetProduct(ItemId(1), product),
            booking::Wish::SetQuota(QuotaId(1), Quota { title: "Q".into(), size: None, products }),
        ] {
            story.book(wish);
        }
        story
    }

    fn done(&mut self, command: impl Into<domains::Command>) -> Result<Vec<FactRow>, domains::Refusal> {
        while let Some(row) = self.domains.due(self.now) {
            self.domains.apply(&row).unwrap();
        }
        let rows = self.domains.decide(&command.into(), self.now)?;
        rows.iter().for_each(|row| self.domains.apply(row).unwrap());
        Ok(rows)
    }

    fn book(&mut self, wish: booking::Wish) -> Vec<FactRow> {
        self.done(booking::Command { organization: ACME, event: CONF, wish }).unwrap()
    }

    fn arrange(&mut self, wish: Wish) -> Result<Vec<FactRow>, domains::Refusal> {
        self.done(Command { organization: ACME, event: CONF, wishes: vec![wish] })
    }

    fn refused(&mut self, wish: Wish) -> &'static str {
        match self.arrange(wish) {
            Err(domains::Refusal::Programme(refusal)) => refusal.code(),
            other => panic!("{other:?}"),
        }
    }

    fn session(&mut self, session: SessionId, capacity: Option<u32>) {
        let spec = Session {
            title: "S".into(),
            starts: NOW + Span::HOUR,
            ends: NOW + Span::DAY,
            capacity,
            ..Session::default()
        };
        self.arrange(Wish::SetSession { session, spec: Box::new(spec), overlap: true }).unwrap();
    }

    /// Tickets of one order.
    fn tickets(&mut self, order: u128, count: u16) -> Vec<TicketId> {
        let line = Line { choice: Choice { product: ItemId(1), ..Choice::default() }, count };
        self.book(booking::Wish::Hold {
            hold: HoldId(order),
            person: Token::NONE,
            currency: Currency::EUR,
            lines: vec![line],
            code: String::new(),
            place: PlaceId::NONE,
            asked: 0,
        });
        self.book(booking::Wish::PlaceOrder {
            order: OrderId(order),
            hold: HoldId(order),
            subject: 1,
            person: Token(1),
            sealed: Blob::default(),
            provider: Provider::Free,
            score: None,
            asked: 0,
        });
        self.domains.booking().office(ACME, CONF).unwrap().order(OrderId(order)).unwrap().tickets.clone()
    }

    fn take(&mut self, ticket: TicketId) -> Option<Place> {
        self.arrange(Wish::TakePlace { session: WORKSHOP, ticket, wait: true }).unwrap();
        self.place(ticket)
    }

    fn place(&self, ticket: TicketId) -> Option<Place> {
        self.known().places().place(WORKSHOP, ticket)
    }

    fn known(&self) -> &EventProgramme {
        self.domains.programme().event(ACME, CONF).unwrap()
    }

    /// Has everything done that is due.
    fn settle(&mut self) {
        for _ in 0..10_000 {
            let Some(row) = self.domains.due(self.now) else { return };
            self.domains.apply(&row).unwrap();
        }
        panic!("something is due for ever");
    }
}

#[test]
fn ten_places_are_ten_whoever_many_want_them() {
    let mut story = Story::new();
    story.session(WORKSHOP, Some(10));
    let tickets = [story.tickets(1, 500), story.tickets(2, 500)].concat();
    let got = tickets.iter().filter(|ticket| story.take(**ticket) == Some(Place::Taken)).count();
    assert_eq!((got, story.known().places().waiting(WORKSHOP)), (10, 990));
    assert_eq!(story.take(tickets[0]), Some(Place::Taken), "the same wish again changes nothing");
    let waits = story.arrange(Wish::TakePlace { session: WORKSHOP, ticket: tickets[500], wait: true }).unwrap();
    assert!(waits.is_empty());
    story.arrange(Wish::LeavePlace { session: WORKSHOP, ticket: tickets[3] }).unwrap();
    assert_eq!(
        (story.place(tickets[3]), story.place(tickets[10])),
        (None, Some(Place::Taken)),
        "the first who waits gets it"
    );
    assert_eq!(story.place(tickets[11]), Some(Place::Waiting(0)));
}

#[test]
fn a_cancelled_ticket_loses_its_place_and_a_passed_one_keeps_it() {
    let mut story = Story::new();
    story.session(WORKSHOP, Some(1));
    let (first, second, third) = (story.tickets(1, 1)[0], story.tickets(2, 1)[0], story.tickets(3, 1)[0]);
    for ticket in [first, second, third] {
        story.take(ticket);
    }
    let (subject, person, sealed) = (2, Token(2), Blob::default());
    story.book(booking::Wish::Transfer { ticket: first, revision: 0, subject, person, sealed });
    assert_eq!(story.place(first), Some(Place::Taken));
    let why = records::booking::Ending::Buyer;
    story.book(booking::Wish::CancelOrder { order: OrderId(1), positions: vec![], why });
    story.settle();
    assert_eq!((story.place(first), story.place(second)), (None, Some(Place::Taken)));
    assert_eq!(story.refused(Wish::TakePlace { session: WORKSHOP, ticket: first, wait: true }), "no_ticket");
}

#[test]
fn more_places_are_given_at_once_and_fewer_than_are_taken_are_refused() {
    let mut story = Story::new();
    story.session(WORKSHOP, Some(1));
    let tickets = story.tickets(1, 3);
    tickets.iter().for_each(|ticket| _ = story.take(*ticket));
    story.session(WORKSHOP, Some(3));
    story.settle();
    assert_eq!(story.known().places().taken(WORKSHOP), 3);
    let spec = Session {
        title: "S".into(),
        starts: NOW + Span::HOUR,
        ends: NOW + Span::DAY,
        capacity: Some(2),
        ..Session::default()
    };
    let fewer = Wish::SetSession { session: WORKSHOP, spec: Box::new(spec), overlap: true };
    assert_eq!(story.refused(fewer), "capacity_too_small");
    story.arrange(Wish::RemoveSession(WORKSHOP)).unwrap();
    story.settle();
    assert!(tickets.iter().all(|ticket| story.place(*ticket).is_none()));
}

#[test]
fn a_room_holds_one_session_at_a_time_unless_that_is_wanted() {
    let mut story = Story::new();
    let hall = HallId(1);
    story.arrange(Wish::SetHall(hall, Hall { title: "H".into(), ..Hall::default() })).unwrap();
    let at = |hours: i64| NOW + Span(Span::HOUR.0 * hours);
    let wish = |session: u128, starts: i64, ends: i64, overlap| {
        let spec = Session { title: "S".into(), starts: at(starts), ends: at(ends), hall, ..Session::default() };
        Wish::SetSession { session: SessionId(session), spec: Box::new(spec), overlap }
    };
    story.arrange(wish(1, 1, 3, false)).unwrap();
    story.arrange(wish(2, 3, 4, false)).unwrap();
    assert_eq!(story.refused(wish(3, 2, 4, false)), "room_taken");
    // One that comes again every day meets a later one, too.
    let recurrence = Some(Recurrence { rule: "FREQ=DAILY;COUNT=3".into(), ..Recurrence::default() });
    let spec = Session { title: "R".into(), starts: at(-22), ends: at(-21), hall, recurrence, ..Session::default() };
    let daily = |overlap| Wish::SetSession { session: SessionId(4), spec: Box::new(spec.clone()), overlap };
    assert_eq!(story.refused(daily(false)), "room_taken");
    story.arrange(wish(3, 2, 4, true)).unwrap();
    story.arrange(daily(true)).unwrap();
    let collisions = story.known().sessions().collisions();
    assert!(collisions.len() >= 3 && collisions.iter().all(|one| one.hall == hall), "{collisions:?}");
    assert_eq!(story.refused(Wish::RemoveHall(hall)), "in_use");
    // The dataflow knows each time as an item of its own.
    let items = story.arrange(daily(true)).unwrap().len();
    assert_eq!(items, 0);
}

#[test]
fn nothing_is_arranged_for_an_event_that_nobody_scheduled() {
    let domains = Domains::default();
    let command = Command { organization: ACME, event: CONF, wishes: vec![Wish::Publish] };
    let refused = domains.decide(&command.into(), NOW).unwrap_err();
    assert_eq!(refused, domains::Refusal::Programme(Refusal::NoEvent));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Whatever is asked: nobody has two places, no session has more than fit, and a snapshot decides the same.
    #[test]
    fn places_and_snapshots_hold_their_laws(steps in prop::collection::vec((0..8_u8, 0..6_usize, 0..4_u32), 1..80)) {
        let mut story = Story::new();
        let tickets = story.tickets(1, 6);
        for (what, who, number) in steps {
            let ticket = tickets[who];
            let wish = match what {
                0 => Wish::RemoveSession(WORKSHOP),
                1 | 2 => {
                    let spec = Session { title: "S".into(), starts: NOW + Span::HOUR, ends: NOW + Span::DAY, capacity: Some(number), ..Session::default() };
                    Wish::SetSession { session: WORKSHOP, spec: Box::new(spec), overlap: true }
                }
                3 => Wish::LeavePlace { session: WORKSHOP, ticket },
                _ => Wish::TakePlace { session: WORKSHOP, ticket, wait: number > 0 },
            };
            let before: Vec<TicketId> = story.known().places().of(WORKSHOP).map(|seats| seats.queue.iter().copied().collect()).unwrap_or_default();
            let _ = story.arrange(wish);
            story.settle();
            let known = story.known();
            if let Some(seats) = known.places().of(WORKSHOP) {
                let room = known.room(WORKSHOP).unwrap_or(0) as usize;
                prop_assert!(seats.taken.len() <= room);
                prop_assert!(seats.queue.is_empty() || seats.taken.len() == room, "a place is free although somebody waits");
                prop_assert!(seats.queue.iter().all(|ticket| !seats.taken.contains(ticket)));
                // Who still waits stands in the order in which they came.
                let still: Vec<TicketId> = before.iter().copied().filter(|ticket| seats.queue.contains(ticket)).collect();
                let now: Vec<TicketId> = seats.queue.iter().copied().filter(|ticket| before.contains(ticket)).collect();
                prop_assert_eq!(still, now);
            }
            let (mut bytes, mut again) = (Vec::new(), Vec::new());
            story.domains.encode(&mut bytes);
            let back = Domains::decode(&bytes).unwrap();
            back.encode(&mut again);
            prop_assert!(bytes == again);
            let command = Command { organization: ACME, event: CONF, wishes: vec![Wish::TakePlace { session: WORKSHOP, ticket, wait: true }] };
            prop_assert_eq!(back.decide(&command.clone().into(), story.now), story.domains.decide(&command.into(), story.now));
        }
    }
}

#[test]
fn days_of_a_programme_hold_each_of_its_times_once() {
    // Clocks are put back in the night of 25 October 2026, and forward in that of 28 March 2027.
    for name in ["Europe/Berlin", "America/St_Johns", "Pacific/Apia", "UTC"] {
        let zone = Zone::parse(name).unwrap();
        let mut sessions = sessions::Sessions::default();
        for number in 0..40u128 {
            let starts = NOW + Span::from_seconds(i64::try_from(number).unwrap() * 7 * 3_600);
            let rule = ["", "FREQ=DAILY;COUNT=300", "FREQ=WEEKLY;COUNT=30"][number as usize % 3];
            let recurrence = (!rule.is_empty()).then(|| Recurrence { rule: rule.into(), ..Recurrence::default() });
            let spec =
                Session { title: "S".into(), starts, ends: starts + Span::HOUR, recurrence, ..Session::default() };
            sessions.set(SessionId(number + 1), spec, &zone, NOW);
        }
        sessions.remove(SessionId(2));
        sessions.set(SessionId(3), Session { starts: NOW, ends: NOW + Span::HOUR, ..Session::default() }, &zone, NOW);
        let mut naive: Vec<_> =
            sessions.iter().flat_map(|(id, _)| sessions.times(id).iter().map(move |time| (*time, id))).collect();
        naive.sort_by_key(|(time, _)| (time.starts, time.id));
        assert_eq!(sessions.agenda().collect::<Vec<_>>(), naive);
        let mut days: Vec<_> = naive.iter().map(|(time, _)| zone.day(time.starts)).collect();
        days.dedup();
        assert_eq!(sessions.days(&zone), days);
        let by_day: Vec<_> = days.iter().flat_map(|day| sessions.on_day(&zone, *day)).collect();
        assert_eq!(by_day, naive, "{name}");
    }
}
