//! What came up lately at each box office, so that commands are about what there is: carts, orders, payments, tickets.

use std::collections::BTreeMap;

use records::booking::BookingFact;
use records::{CommandId, EventId, Fact, FactRow, HoldId, OrderId, OrganizationId, PaymentId, RefundId, RequestId};
use records::{TicketId, WaitId};
use workload::chance::Chance;

/// Things of one kind that are remembered of each box office.
const MOST: usize = 24;

/// The newest of one kind; older ones go in turn.
#[derive(Debug)]
pub(crate) struct Recent<T> {
    things: Vec<T>,
    next: usize,
}

impl<T> Default for Recent<T> {
    fn default() -> Self {
        Self { things: Vec::new(), next: 0 }
    }
}

impl<T: Copy + PartialEq> Recent<T> {
    /// It is there no longer.
    fn forget(&mut self, thing: T) {
        if let Some(place) = self.things.iter().position(|known| *known == thing) {
            self.things.swap_remove(place);
            self.next = 0;
        }
    }

    fn note(&mut self, thing: T) {
        if self.things.len() < MOST {
            return self.things.push(thing);
        }
        self.things[self.next] = thing;
        self.next = (self.next + 1) % MOST;
    }

    /// One of them.
    pub(crate) fn any(&self, chance: &mut Chance) -> Option<T> {
        let count = self.things.len() as u64;
        (count > 0).then(|| self.things[chance.below(count) as usize])
    }
}

/// One box office's.
#[derive(Debug, Default)]
pub(crate) struct Lately {
    pub(crate) holds: Recent<HoldId>,
    pub(crate) orders: Recent<OrderId>,
    /// With what was asked for.
    pub(crate) payments: Recent<(PaymentId, i64)>,
    pub(crate) refunds: Recent<RefundId>,
    pub(crate) requests: Recent<RequestId>,
    pub(crate) waits: Recent<WaitId>,
    pub(crate) tickets: Recent<TicketId>,
    pub(crate) scans: Recent<(TicketId, CommandId)>,
}

/// All of them.
#[derive(Debug, Default)]
pub(crate) struct Offices(BTreeMap<(OrganizationId, EventId), Lately>);

impl Offices {
    pub(crate) fn take(&mut self, row: &FactRow) {
        let Some(Fact::Booking(fact)) = row.known() else { return };
        let lately = self.0.entry((row.organization, fact.event())).or_default();
        match fact {
            BookingFact::HoldPlaced { hold, .. } | BookingFact::WaitOffered { hold, .. } => lately.holds.note(*hold),
            BookingFact::HoldReleased { hold, .. } | BookingFact::HoldExpired { hold, .. } => {
                lately.holds.forget(*hold)
            }
            BookingFact::OrderPlaced { order, hold, .. } => {
                lately.holds.forget(*hold);
                lately.orders.note(*order);
            }
            BookingFact::OrderConfirmed { tickets, .. } => tickets.iter().for_each(|id| lately.tickets.note(*id)),
            BookingFact::PaymentStarted { payment, amount, .. } => lately.payments.note((*payment, *amount)),
            BookingFact::RefundStarted { refund, .. } => lately.refunds.note(*refund),
            BookingFact::RefundSettled { refund, .. } | BookingFact::RefundFailed { refund, .. } => {
                lately.refunds.forget(*refund);
            }
            BookingFact::RefundAnswered { request, .. } => lately.requests.forget(*request),
            BookingFact::WaitLeft { wait, .. } => lately.waits.forget(*wait),
            BookingFact::RefundRequested { request, .. } => lately.requests.note(*request),
            BookingFact::WaitJoined { wait, .. } => lately.waits.note(*wait),
            BookingFact::TicketScanned { scan, .. } => lately.scans.note((scan.ticket, scan.scan)),
            _ => {}
        }
    }

    /// Something that came up lately at a box office; now and then nothing, so that anything is tried.
    pub(crate) fn any<T: Copy + PartialEq>(
        &self,
        at: (OrganizationId, EventId),
        of: impl Fn(&Lately) -> &Recent<T>,
        chance: &mut Chance,
    ) -> Option<T> {
        self.0.get(&at).filter(|_| chance.per_mille(950)).and_then(|lately| of(lately).any(chance))
    }
}
