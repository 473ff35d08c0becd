//! A box office as it was at one offset, while it goes on: what changes is kept as it was before, until it was written.
//!
//! Nothing is copied at the beginning but the ids. Each fact that is about an order which some export has still to write
//! has it kept first, so memory holds what changes meanwhile, and no more than that.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, Weak};

use records::booking::BookingFact;
use records::{DoorId, EventId, Fact, FactRow, OrderId, OrganizationId, TicketId, Timestamp};
use rules::booking::catalogue::Catalogue;
use rules::booking::doors::Seen;
use rules::booking::office::{Order, RefundStatus, Ticket};
use rules::booking::{Booking, BoxOffice};

use crate::problem::{Code, Problem};
use crate::writes::Offset;

/// Exports of one process at a time: each may keep as much as below.
const PICTURES_MAX: usize = 8;
/// Orders that one export keeps, some kilobytes each. Where more have changed before they were written it is cut off: whoever
/// takes it is slower than the sale.
const KEPT_MAX: usize = 20_000;

/// What exports tell of an order.
#[derive(Debug, Clone)]
pub(super) struct Shot {
    pub(super) order: Order,
    /// What went back of it, or is on its way.
    pub(super) back: i64,
    pub(super) tickets: Vec<(TicketId, Ticket)>,
    pub(super) looks: Vec<((DoorId, TicketId), Vec<Seen>)>,
}

impl Shot {
    fn of(office: &BoxOffice, id: OrderId) -> Option<Self> {
        let order = office.order(id)?.clone();
        let refunds = order.refunds.iter().filter_map(|refund| office.refund(*refund));
        let back = refunds.filter(|refund| refund.status != RefundStatus::Failed).map(|refund| refund.amount).sum();
        let tickets: Vec<_> =
            order.tickets.iter().filter_map(|ticket| Some((*ticket, office.ticket(*ticket)?.clone()))).collect();
        let doors = || office.catalogue().doors().keys();
        let looks = tickets.iter().flat_map(|(ticket, _)| {
            doors().map(move |door| ((*door, *ticket), office.doors().seen(*door, *ticket).to_vec()))
        });
        let looks = looks.filter(|(_, seen)| !seen.is_empty()).collect();
        Some(Self { order, back, tickets, looks })
    }
}

/// An order in the order in which it is written.
pub(super) type Key = (Timestamp, OrderId);

/// A box office as it was at one offset.
#[derive(Debug)]
pub(crate) struct Picture {
    at: (OrganizationId, EventId),
    /// Everything up to here is in it, and nothing after.
    pub(super) offset: Offset,
    pub(super) catalogue: Catalogue,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    kept: BTreeMap<OrderId, Shot>,
    /// Orders up to this one are written.
    written: Option<Key>,
    /// Orders after this one came later.
    last: Option<Key>,
    /// More has changed than is kept.
    is_lost: bool,
}

impl Picture {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("nothing panics under the lock")
    }

    /// Keeps an order as it is, before a fact about it is applied.
    fn keep(&self, id: OrderId, office: &BoxOffice) {
        let mut state = self.state();
        if state.is_lost || state.kept.contains_key(&id) {
            return;
        }
        let Some(key) = office.order(id).map(|order| (order.placed, id)) else { return };
        if state.written.is_some_and(|written| key <= written) || state.last.is_none_or(|last| key > last) {
            return;
        }
        if state.kept.len() == KEPT_MAX {
            *state = State { is_lost: true, ..State::default() };
            return;
        }
        state.kept.extend(Shot::of(office, id).map(|shot| (id, shot)));
    }

    /// Orders as they were; `office` is asked for those that have not changed, under one lock.
    pub(super) fn shots(&self, office: &BoxOffice, keys: &[Key]) -> std::io::Result<Vec<(OrderId, Shot)>> {
        let mut state = self.state();
        if state.is_lost {
            return Err(std::io::Error::other("more has changed than is kept beside an export"));
        }
        let shot = |(_, id): &Key| Some((*id, state.kept.get(id).cloned().or_else(|| Shot::of(office, *id))?));
        let shots = keys.iter().filter_map(shot).collect();
        // They are told: nothing of them need be kept any more.
        state.written = keys.last().copied().or(state.written);
        keys.iter().for_each(|(_, id)| _ = state.kept.remove(id));
        Ok(shots)
    }
}

/// Exports that are being written.
#[derive(Debug, Default)]
pub(crate) struct Pictures {
    all: Mutex<Vec<Weak<Picture>>>,
    /// How many there may be: facts are not to wait for a lock when there are none.
    count: AtomicUsize,
}

impl Pictures {
    /// Begins a picture of a box office, whose lock is held. `offset` is that of the newest fact that was applied.
    pub(super) fn begin(
        &self,
        at: (OrganizationId, EventId),
        offset: Offset,
        office: &BoxOffice,
    ) -> Result<(Arc<Picture>, Vec<Key>), Problem> {
        let mut all = self.all.lock().expect("nothing panics under the lock");
        all.retain(|picture| picture.strong_count() > 0);
        if all.len() >= PICTURES_MAX {
            return Err(Problem::new(Code::Overloaded, "too many exports are being written"));
        }
        let mut keys: Vec<Key> = office.orders().map(|(id, order)| (order.placed, id)).collect();
        keys.sort_unstable();
        let state = Mutex::new(State { last: keys.last().copied(), ..State::default() });
        let picture = Arc::new(Picture { at, offset, catalogue: office.catalogue().clone(), state });
        all.push(Arc::downgrade(&picture));
        self.count.store(all.len(), Ordering::Release);
        Ok((picture, keys))
    }

    /// Hears of a fact before it is applied.
    pub(crate) fn before(&self, row: &FactRow, booking: &Booking) {
        // Begun under the lock of the box offices, which whoever applies facts holds as well: none is overlooked.
        if self.count.load(Ordering::Acquire) == 0 {
            return;
        }
        let Some(Fact::Booking(fact)) = row.known() else { return };
        let at = (row.organization, fact.event());
        let Some(office) = booking.office(at.0, at.1) else { return };
        let Some(order) = concerned(row, fact, office) else { return };
        let mut all = self.all.lock().expect("nothing panics under the lock");
        all.retain(|picture| {
            let Some(picture) = picture.upgrade() else { return false };
            if picture.at == at {
                picture.keep(order, office);
            }
            true
        });
        self.count.store(all.len(), Ordering::Release);
    }
}

/// The order that a fact changes, itself or its tickets.
fn concerned(row: &FactRow, fact: &BookingFact, office: &BoxOffice) -> Option<OrderId> {
    super::super::order_of(row).or_else(|| Some(office.ticket(super::super::ticket_of(fact)?)?.order))
}
