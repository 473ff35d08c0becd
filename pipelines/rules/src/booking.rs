//! The box office of events: a fold of facts, on which every sale, payment, refund and admission is decided.
//!
//! One event is one aggregate, so each decision sees all of what it needs: no seat is sold twice, because nothing but
//! this sells. What holds at every offset is listed with its tests in `docs/invariants.md`; [`Booking::audit`] counts
//! everything again and says what does not hold.
//!
//! * [`catalogue`]: what is offered, by what limits; [`stock`]: what is held and sold of it; [`pricing`]: what a cart costs.
//! * [`orders`]: holds, orders and their ends; [`payments`]: what providers told, refunds and payouts; [`ledger`]: the money.
//! * [`doors`]: who is let in; [`waitlist`]: who is served when something is free again; [`room`]: who may buy first.
//!
//! Time comes in with facts. Where nobody decided for longer than [`OUTAGE`], everything that would have ended meanwhile
//! lasts as much longer, which is a fact, too.

pub mod audit;
pub mod catalogue;
pub mod command;
pub mod doors;
#[cfg(test)]
pub(crate) mod laws;
pub mod ledger;
pub mod offer;
pub mod office;
pub mod orders;
pub mod payments;
pub mod pricing;
pub mod refusal;
pub mod room;
pub mod stock;
#[cfg(test)]
mod tests;
pub mod waitlist;

use std::collections::{BTreeMap, BTreeSet};

pub use command::{Command, Line, Wish};
pub use office::BoxOffice;
use records::booking::BookingFact;
use records::{EventId, Fact, FactRow, HoldId, OrderId, OrganizationId, Span, Timestamp};
pub use refusal::Refusal;
use serde::{Deserialize, Serialize};

/// Silence after which deadlines are moved: three missed beats.
pub const OUTAGE: Span = Span::from_seconds(15);
/// How often a writer says that it is alive while something would end by itself.
pub const BEAT: Span = Span::from_seconds(5);

/// Something that ends by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) enum Deadline {
    /// A hold that nobody ordered.
    Hold(HoldId),
    /// An order that nobody paid.
    Order(OrderId),
}

type Key = (OrganizationId, EventId);

/// All box offices of a partition.
#[derive(Debug, Clone, Default)]
pub struct Booking {
    offices: BTreeMap<Key, BoxOffice>,
    /// When things end, earliest first.
    deadlines: BTreeSet<(Timestamp, Key, Deadline)>,
    /// Offices with something to do besides: refunds that are owed, somebody to be offered something.
    errands: BTreeSet<Key>,
    /// Offices with a waiting room that lets people in.
    rooms: BTreeSet<Key>,
    /// The newest time that a fact told.
    last: Timestamp,
    /// How long nobody decided, until deadlines are moved.
    outage: Span,
}

impl Booking {
    /// The box office of an event, when something was said about it.
    pub fn office(&self, organization: OrganizationId, event: EventId) -> Option<&BoxOffice> {
        self.offices.get(&(organization, event))
    }

    /// All box offices, by organization and event.
    pub fn offices(&self) -> impl Iterator<Item = (OrganizationId, EventId, &BoxOffice)> {
        self.offices.iter().map(|((organization, event), office)| (*organization, *event, office))
    }

    /// The facts after which a command is done; none when everything stands already.
    ///
    /// # Errors
    /// When it is refused; then nothing is done.
    pub fn decide(&self, command: &Command, now: Timestamp) -> Result<Vec<BookingFact>, Refusal> {
        match self.offices.get(&(command.organization, command.event)) {
            Some(office) => office.decide(command.event, &command.wish, now),
            None => BoxOffice::default().decide(command.event, &command.wish, now),
        }
    }

    /// The next fact that is due because time has passed.
    pub fn due(&self, now: Timestamp) -> Option<FactRow> {
        let silence = now.since(self.last);
        if !self.deadlines.is_empty() {
            if self.outage > Span::ZERO || silence > OUTAGE {
                let length = if self.outage > Span::ZERO { self.outage } else { silence };
                return Some(FactRow::new(OrganizationId::NONE, now, BookingFact::DeadlinesMoved { length }.into()));
            }
            if let Some((_, key, deadline)) = self.deadlines.first().filter(|(at, ..)| *at <= now) {
                let fact = self.offices.get(key)?.ended(key.1, *deadline);
                return Some(FactRow::new(key.0, now, fact.into()));
            }
        }
        self.errand(now).or_else(|| {
            let beat = !self.deadlines.is_empty() && silence >= BEAT;
            beat.then(|| FactRow::new(OrganizationId::NONE, now, Fact::Beat))
        })
    }

    fn errand(&self, now: Timestamp) -> Option<FactRow> {
        let errands = self.errands.iter().find_map(|key| Some((key, self.offices.get(key)?.errand(key.1, now)?)));
        let admits = || self.rooms.iter().find_map(|key| Some((key, self.offices.get(key)?.admit(key.1, now)?)));
        errands.or_else(admits).map(|(key, fact)| FactRow::new(key.0, now, fact.into()))
    }

    /// Takes one fact; those of other domains tell the time only.
    pub fn apply(&mut self, row: &FactRow) {
        let silence = row.at.since(self.last);
        if matches!(row.known(), Some(Fact::PartitionClaimed { .. })) && !self.deadlines.is_empty() && silence > OUTAGE
        {
            self.outage = Span(self.outage.0.saturating_add(silence.0));
        }
        self.last = self.last.max(row.at);
        match row.known() {
            Some(Fact::Booking(BookingFact::DeadlinesMoved { length })) => self.move_deadlines(*length),
            Some(Fact::Booking(fact)) => {
                let key = (row.organization, fact.event());
                let office = self.offices.entry(key).or_default();
                for (before, after, deadline) in office.apply(fact, row.at) {
                    before.map(|at| self.deadlines.remove(&(at, key, deadline)));
                    after.map(|at| self.deadlines.insert((at, key, deadline)));
                }
                mark(&mut self.errands, key, office.has_errand());
                mark(&mut self.rooms, key, office.room.is_letting_in());
            }
            _ => {}
        }
    }

    fn move_deadlines(&mut self, length: Span) {
        self.outage = Span::ZERO;
        self.offices.values_mut().for_each(|office| office.move_deadlines(length));
        let moved = std::mem::take(&mut self.deadlines);
        self.deadlines = moved.into_iter().map(|(at, key, what)| (at.saturating_add(length), key, what)).collect();
    }

    /// What a snapshot holds.
    pub(crate) fn stored(&self) -> Stored {
        let offices = self
            .offices
            .iter()
            .map(|((organization, event), office)| (*organization, *event, office::Stored::from(office)));
        Stored { last: self.last, outage: self.outage, offices: offices.collect() }
    }

    /// A state from what a snapshot holds.
    pub(crate) fn restore(stored: Stored) -> Self {
        let mut booking = Self { last: stored.last, outage: stored.outage, ..Self::default() };
        for (organization, event, office) in stored.offices {
            let (key, office) = ((organization, event), BoxOffice::from(office));
            booking.deadlines.extend(office.deadlines().map(|(at, deadline)| (at, key, deadline)));
            mark(&mut booking.errands, key, office.has_errand());
            mark(&mut booking.rooms, key, office.room.is_letting_in());
            booking.offices.insert(key, office);
        }
        booking
    }
}

/// The state in a snapshot; what follows from the rest is left out.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Stored {
    last: Timestamp,
    outage: Span,
    offices: Vec<(OrganizationId, EventId, office::Stored)>,
}

fn mark(set: &mut BTreeSet<Key>, key: Key, there: bool) {
    if there {
        set.insert(key);
    } else {
        set.remove(&key);
    }
}
