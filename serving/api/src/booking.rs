//! The box office over HTTP: what organizers set, what buyers do, who is let in.
//!
//! Every write is a command to the desk, which alone decides; what is read here comes from a fold of the same facts, so
//! it is as new as the last answer of the desk. Organizers' routes lie below their organization; buyers' below
//! `/v1/shop`, where nobody signs in: an order is shown to whoever has its secret.

mod chores;
mod devices;
pub(crate) mod doors;
mod exact;
mod exports;
mod found;
mod gate;
pub(crate) mod gates;
mod goods;
mod offer;
mod orders;
pub mod payments;
mod people;
mod requests;
mod risk;
mod search;
mod secret;
mod shop;
mod summary;
mod tickets;
mod told;
mod trend;
mod waiting;

use std::collections::BTreeMap;
use std::sync::RwLock;

use desk::Done;
use eventlog::PartitionId;
use records::booking::{BookingFact, Provider};
use records::fact::{By, CommandTag};
use records::{EventId, Fact, FactRow, OrderId, OrganizationId, RefundId, TicketId, Timestamp};
use rules::booking::{Booking, BoxOffice, Command, Refusal, Wish};
use rules::domains::Order;
use rules::providers::Providers;

pub(crate) use exact::Exact;
pub(crate) use people::Contact;
pub(crate) use secret::OrderSecret;
pub(crate) use tickets::Claims;
pub(crate) use told::Told;

use crate::Api;
use crate::openapi::Routes;
use crate::problem::{Code, Problem};

/// Facts of one order that are told as its history.
const HISTORY_MAX: usize = 1_000;

/// All box offices of this process, and where the facts of each order lie: a fold of the facts.
#[derive(Debug, Default)]
pub struct Offices {
    /// By partition: each has a time of its own, and its deadlines move by themselves.
    booking: RwLock<BTreeMap<PartitionId, Booking>>,
    /// Those who wait until keys are durable.
    pub(crate) syncs: people::Syncs,
    /// The keys that tickets are signed with.
    keys: tickets::Keys,
    /// What the same events say of their programmes, which see the box offices.
    programmes: crate::programme::Programmes,
    /// With whom organizations take payments.
    providers: RwLock<Providers>,
    history: RwLock<hashbrown::HashMap<(OrganizationId, OrderId), Vec<desk::Place>, records::hash::FixedState>>,
    /// What follows from what they do.
    pub(crate) books: crate::books::Books,
    /// Written under the lock of the box offices, so that both are of the same offset.
    gates: RwLock<gates::Gates>,
    /// How often something at doors has changed.
    passed: tokio::sync::watch::Sender<u64>,
    /// Locked after `booking` where both are.
    found: RwLock<found::Found>,
    /// Exports that are being written; begun under the lock of the box offices.
    pictures: exports::Pictures,
    /// Written under the lock of the box offices, too.
    trends: RwLock<trend::Trends>,
}

impl Offices {
    /// Applies one fact; those of other domains tell the time only.
    ///
    /// # Panics
    /// When a thread panicked while it held the box offices, which no code under their lock can do.
    pub fn apply(&self, place: desk::Place, row: &FactRow) {
        if matches!(row.known(), Some(Fact::Providers(_))) {
            self.providers.write().expect("nothing panics under the lock").apply(row);
        }
        let mut partitions = self.booking.write().expect("nothing panics under the lock");
        let booking = partitions.entry(place.partition).or_default();
        let earlier = crate::books::earlier(booking, &self.programmes, row);
        self.pictures.before(row, booking);
        let mut trends = self.trends.write().expect("nothing panics under the lock");
        let before = trends.before(row, booking);
        booking.apply(row);
        trends.after(row, before, booking);
        drop(trends);
        self.books.hear(place, row, earlier, booking);
        let office = event_of(row).and_then(|event| booking.office(row.organization, event));
        // Every fact tells how far the partition was heard, also those that are about no event.
        let concerns = self.gates.write().expect("nothing panics under the lock").apply(place, row, office);
        if concerns {
            self.passed.send_modify(|passed| *passed += 1);
        }
        // Locked after `booking`, too: places in sessions see the tickets.
        self.programmes.apply(place.partition, row, booking);
        let Some(Fact::Booking(fact)) = row.known() else { return };
        let (at, mut order) = ((row.organization, fact.event()), order_of(row));
        if let Some(office) = booking.office(at.0, at.1) {
            order = order.or_else(|| Some(office.ticket(ticket_of(fact)?)?.order));
            let mut found = self.found.write().expect("nothing panics under the lock");
            let index = found.entry(at).or_default();
            if let Some((id, known)) = order.and_then(|id| Some((id, office.order(id)?))) {
                index.note(id, known);
            }
            index.note_money(fact, office, row.at, row.by.as_ref());
        }
        drop(partitions);
        let Some(order) = order else { return };
        let mut history = self.history.write().expect("nothing panics under the lock");
        let places = history.entry((row.organization, order)).or_default();
        if places.len() < HISTORY_MAX {
            places.push(place);
        }
    }

    /// What events say of themselves.
    pub fn programmes(&self) -> &crate::programme::Programmes {
        &self.programmes
    }

    /// Asks the box office of an event; none where nothing was ever said about it.
    ///
    /// # Panics
    /// As [`Offices::apply`].
    pub fn ask<T>(
        &self,
        organization: OrganizationId,
        event: EventId,
        question: impl FnOnce(&BoxOffice) -> T,
    ) -> Option<T> {
        let partitions = self.booking.read().expect("nothing panics under the lock");
        partitions.values().find_map(|booking| booking.office(organization, event)).map(question)
    }

    /// Asks the doors of an event together with its box office: both reflect the same offset.
    ///
    /// # Panics
    /// As [`Offices::apply`].
    pub(crate) fn ask_gate<T>(
        &self,
        at: (OrganizationId, EventId),
        question: impl FnOnce(&BoxOffice, &gates::Gate, (u16, u64)) -> T,
    ) -> Option<T> {
        let partitions = self.booking.read().expect("nothing panics under the lock");
        let gates = self.gates.read().expect("nothing panics under the lock");
        let (gate, partition, head) = gates.gate(at)?;
        let office = partitions.values().find_map(|booking| booking.office(at.0, at.1))?;
        Some(question(office, gate, (partition, head)))
    }

    /// How often something at the doors of an event has changed.
    pub(crate) fn door_changes(&self, at: (OrganizationId, EventId)) -> Option<u64> {
        let gates = self.gates.read().expect("nothing panics under the lock");
        gates.gate(at).map(|(gate, ..)| gate.changes)
    }

    /// Changes whenever something at doors has.
    pub(crate) fn passed(&self) -> tokio::sync::watch::Receiver<u64> {
        self.passed.subscribe()
    }

    /// Refunds that a provider is to be asked for: organization, event and refund, in their order.
    ///
    /// # Panics
    /// As [`Offices::apply`].
    pub fn open_refunds(&self, provider: Provider) -> Vec<(OrganizationId, EventId, RefundId)> {
        let partitions = self.booking.read().expect("nothing panics under the lock");
        let offices = partitions.values().flat_map(Booking::offices);
        let open = offices.flat_map(|(organization, event, office)| {
            office.open_refunds(provider).map(move |refund| (organization, event, refund))
        });
        open.collect()
    }

    /// What providers have to be asked or told: organization, event and what, in their order.
    ///
    /// # Panics
    /// As [`Offices::apply`].
    pub(crate) fn errands(&self) -> Vec<(OrganizationId, EventId, payments::What)> {
        let partitions = self.booking.read().expect("nothing panics under the lock");
        let mut errands = Vec::new();
        for (organization, event, office) in partitions.values().flat_map(Booking::offices) {
            let asked = office
                .open_payments()
                .filter_map(|(id, payment)| Some(payments::What::Payment(id, office.errand_of(id)?, payment.started)));
            let back = office.open_refunds(Provider::Stripe).map(payments::What::Refund);
            errands.extend(asked.chain(back).map(|what| (organization, event, what)));
        }
        errands
    }

    /// Asks what is known of payment providers.
    ///
    /// # Panics
    /// As [`Offices::apply`].
    pub(crate) fn providers<T>(&self, question: impl FnOnce(&Providers) -> T) -> T {
        question(&self.providers.read().expect("nothing panics under the lock"))
    }

    /// Waiting rooms whose time has come and that were not drawn yet, in their order.
    ///
    /// # Panics
    /// As [`Offices::apply`].
    pub fn rooms_to_draw(&self, now: Timestamp) -> Vec<(OrganizationId, EventId)> {
        let partitions = self.booking.read().expect("nothing panics under the lock");
        let offices = partitions.values().flat_map(Booking::offices);
        let opened = offices.filter(|(.., office)| {
            let room = office.room();
            room.seed().is_none() && room.room().is_some_and(|spec| spec.opens <= now)
        });
        opened.map(|(organization, event, _)| (organization, event)).collect()
    }

    /// Letters to buyers that wait, for their time or for a mail server.
    pub fn letters_waiting(&self) -> u64 {
        self.books.letters_waiting()
    }

    /// Asks the index of an event; none where nothing was ever said about it.
    fn found<T>(&self, at: (OrganizationId, EventId), question: impl FnOnce(&found::Index) -> T) -> Option<T> {
        let found = self.found.read().expect("nothing panics under the lock");
        found.get(&at).map(question)
    }

    /// Where the facts of an order lie, in their order.
    pub(crate) fn history(&self, organization: OrganizationId, order: OrderId) -> Vec<desk::Place> {
        let history = self.history.read().expect("nothing panics under the lock");
        history.get(&(organization, order)).cloned().unwrap_or_default()
    }
}

/// The event that a fact is about.
fn event_of(row: &FactRow) -> Option<EventId> {
    let Some(Fact::Booking(fact)) = row.known() else { return None };
    Some(fact.event()).filter(|event| event.is_some())
}

/// The order that a fact is about.
pub(crate) fn order_of(row: &FactRow) -> Option<OrderId> {
    let Some(Fact::Booking(fact)) = row.known() else { return None };
    Some(match fact {
        BookingFact::OrderPlaced { order, .. }
        | BookingFact::OrderApproved { order, .. }
        | BookingFact::OrderHeld { order, .. }
        | BookingFact::OrderConfirmed { order, .. }
        | BookingFact::OrderRevived { order, .. }
        | BookingFact::OrderCancelled { order, .. }
        | BookingFact::OrderDescribed { order, .. }
        | BookingFact::PaymentStarted { order, .. }
        | BookingFact::PaymentObserved { order, .. }
        | BookingFact::FeeTold { order, .. }
        | BookingFact::RefundStarted { order, .. }
        | BookingFact::RefundSettled { order, .. }
        | BookingFact::RefundFailed { order, .. }
        | BookingFact::GoodsDelivered { order, .. }
        | BookingFact::RefundRequested { order, .. }
        | BookingFact::RefundAnswered { order, .. } => *order,
        _ => return None,
    })
}

/// The ticket that a fact is about.
fn ticket_of(fact: &BookingFact) -> Option<TicketId> {
    Some(match fact {
        BookingFact::TicketTransferred { ticket, .. }
        | BookingFact::TicketReissued { ticket, .. }
        | BookingFact::ScanCorrected { ticket, .. }
        | BookingFact::ScanVoided { ticket, .. } => *ticket,
        BookingFact::TicketScanned { scan, .. } => scan.ticket,
        _ => return None,
    })
}

pub(crate) fn routes() -> Routes {
    offer::routes()
        .merge(shop::routes())
        .merge(search::routes())
        .merge(orders::routes())
        .merge(summary::routes())
        .merge(waiting::routes())
        .merge(gate::routes())
        .merge(doors::routes())
        .merge(devices::routes())
        .merge(payments::routes())
        .merge(goods::routes())
        .merge(exports::routes())
        .merge(requests::routes())
        .merge(trend::routes())
}

/// Reads what buyers send and organizers set, for the fuzz target.
pub(crate) fn read_bodies(bytes: &[u8]) {
    use records::booking::{Door, GroupDiscount, Product, Promo, Quota, Sales};
    shop::read_bodies(bytes);
    exact::read_again::<Product>(bytes);
    exact::read_again::<Quota>(bytes);
    exact::read_again::<Promo>(bytes);
    exact::read_again::<Vec<GroupDiscount>>(bytes);
    exact::read_again::<Door>(bytes);
    exact::read_again::<Sales>(bytes);
}

/// Reads the text of a ticket, and signs claims that are made of the bytes, for the fuzz target.
pub(crate) fn read_ticket(bytes: &[u8]) {
    tickets::read_again(bytes);
}

impl Api {
    /// Has something decided at a box office.
    pub(crate) async fn book(
        &self,
        tag: Option<CommandTag>,
        by: Option<By>,
        (organization, event): (OrganizationId, EventId),
        wish: Wish,
    ) -> Result<Done, Problem> {
        self.decide(tag, by, Order::Booking(Command { organization, event, wish })).await
    }

    /// Asks the box office of an event that there is.
    pub(crate) fn office<T>(
        &self,
        (organization, event): (OrganizationId, EventId),
        question: impl FnOnce(&BoxOffice) -> T,
    ) -> Result<T, Problem> {
        let answer = self.booking.ask(organization, event, question);
        answer.ok_or_else(|| Problem::new(Code::NotFound, "nothing is sold at this event"))
    }
}

/// What a refusal of the rules is over HTTP.
pub(crate) fn problem(refusal: &Refusal) -> Problem {
    let code = match refusal {
        Refusal::Invalid { field, problem } => {
            let fault = records::json::FieldError::new(field.clone(), problem.clone());
            return Problem::new(Code::FieldsWrong, refusal.to_string()).with_fields(vec![fault]);
        }
        Refusal::NoProduct
        | Refusal::NoOrder
        | Refusal::NoPayment
        | Refusal::NoRefund
        | Refusal::NoTicket
        | Refusal::NoDoor
        | Refusal::NoScan
        | Refusal::NoWait
        | Refusal::NoGoods
        | Refusal::NoRequest
        | Refusal::NoRoom => Code::NotFound,
        Refusal::Changed => return Problem::new(Code::Changed, ""),
        Refusal::IdUsed => Code::IdempotencyConflict,
        _ => Code::BookingRefused,
    };
    Problem::new(code, refusal.to_string()).because(refusal.code())
}
