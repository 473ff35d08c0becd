//! The box office over HTTP: what organizers set, what buyers do, who is let in.
//!
//! Every write is a command to the desk, which alone decides; what is read here comes from a fold of the same facts, so
//! it is as new as the last answer of the desk. Organizers' routes lie below their organization; buyers' below
//! `/v1/shop`, where nobody signs in: an order is shown to whoever has its secret.

mod chores;
mod exact;
mod gate;
mod offer;
mod orders;
pub mod payments;
mod people;
mod risk;
mod secret;
mod shop;
mod tickets;

use std::collections::BTreeMap;
use std::sync::RwLock;

use desk::Done;
use eventlog::PartitionId;
use records::booking::{BookingFact, Provider};
use records::fact::{By, CommandTag};
use records::{EventId, Fact, FactRow, OrderId, OrganizationId, RefundId, Timestamp};
use rules::booking::{Booking, BoxOffice, Command, Refusal, Wish};
use rules::domains::Order;
use rules::providers::Providers;

pub(crate) use exact::Exact;

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
    /// With whom organizations take payments.
    providers: RwLock<Providers>,
    history: RwLock<hashbrown::HashMap<(OrganizationId, OrderId), Vec<desk::Place>, records::hash::FixedState>>,
}

impl Offices {
    /// Applies one fact; those of other domains tell the time only.
    ///
    /// # Panics
    /// When a thread panicked while it held the box offices, which no code under their lock can do.
    pub fn apply(&self, place: desk::Place, row: &FactRow) {
        let mut partitions = self.booking.write().expect("nothing panics under the lock");
        partitions.entry(place.partition).or_default().apply(row);
        drop(partitions);
        if matches!(row.known(), Some(Fact::Providers(_))) {
            self.providers.write().expect("nothing panics under the lock").apply(row);
        }
        let Some(order) = order_of(row) else { return };
        let mut history = self.history.write().expect("nothing panics under the lock");
        let places = history.entry((row.organization, order)).or_default();
        if places.len() < HISTORY_MAX {
            places.push(place);
        }
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

    /// Where the facts of an order lie, in their order.
    pub(crate) fn history(&self, organization: OrganizationId, order: OrderId) -> Vec<desk::Place> {
        let history = self.history.read().expect("nothing panics under the lock");
        history.get(&(organization, order)).cloned().unwrap_or_default()
    }
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
        | BookingFact::RefundFailed { order, .. } => *order,
        _ => return None,
    })
}

pub(crate) fn routes() -> Routes {
    offer::routes().merge(shop::routes()).merge(orders::routes()).merge(gate::routes()).merge(payments::routes())
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
        | Refusal::NoWait
        | Refusal::NoRoom => Code::NotFound,
        Refusal::IdUsed => Code::IdempotencyConflict,
        _ => Code::BookingRefused,
    };
    Problem::new(code, refusal.to_string()).because(refusal.code())
}
