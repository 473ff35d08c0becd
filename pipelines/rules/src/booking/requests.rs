//! Buyers ask for their money back, and the organizer answers. What is granted is cancelled with the answer and goes back by
//! itself, less what is kept.

use records::booking::{Account, ScanOutcome};
use records::booking::{BookingFact, Ending, Entry};
use records::{Blob, EventId, OrderId, RefundId, RequestId, Timestamp};
use serde::{Deserialize, Serialize};

use super::command::Wish;
use super::ledger::entry;
use super::office::{BoxOffice, Order, OrderStatus};
use super::orders::{REFUND, of, unused};
use super::pricing::share;
use super::refusal::Refusal;

/// Wishes of one order.
pub const REQUESTS_MAX: usize = 20;
/// Letters of an answer.
const WORDS_MAX: usize = 2_000;

/// A buyer's wish to be paid back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// The order.
    pub order: OrderId,
    /// For which positions.
    pub positions: Vec<u16>,
    /// What would be kept.
    pub fee: i64,
    /// Why, sealed.
    pub sealed: Blob,
    /// When it was said.
    pub asked: Timestamp,
    /// What was answered; none while nothing was.
    pub answer: Option<Answer>,
}

/// What the organizer said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// Whether it is granted.
    pub granted: bool,
    /// What the buyer is told.
    pub words: String,
    /// What goes back.
    pub amount: i64,
    /// What is kept.
    pub fee: i64,
    /// When it was said.
    pub at: Timestamp,
}

impl BoxOffice {
    pub(crate) fn ask_back(&self, event: EventId, wish: &Wish, now: Timestamp) -> Result<Vec<BookingFact>, Refusal> {
        match wish {
            Wish::RequestRefund { request, order, positions, sealed } => {
                self.request(event, *request, (*order, positions), sealed, now)
            }
            Wish::AnswerRequest { request, granted, words, fee } => self.answer(event, *request, *granted, words, *fee),
            _ => Ok(Vec::new()),
        }
    }

    fn request(
        &self,
        event: EventId,
        request: RequestId,
        (order, positions): (OrderId, &[u16]),
        sealed: &Blob,
        now: Timestamp,
    ) -> Result<Vec<BookingFact>, Refusal> {
        if let Some(known) = self.requests.get(&request) {
            return if known.order == order { Ok(Vec::new()) } else { Err(Refusal::IdUsed) };
        }
        let known = self.orders.get(&order).ok_or(Refusal::NoOrder)?;
        let policy = self.catalogue.sales.refunds.ok_or(Refusal::NoRefunds)?;
        match known.status {
            OrderStatus::Ended(_) => return Err(Refusal::OrderEnded),
            OrderStatus::Pending => return Err(Refusal::OrderNotPaid),
            OrderStatus::Confirmed => {}
        }
        if policy.until.is_some_and(|until| now >= until) {
            return Err(Refusal::RefundsOver);
        }
        let of_order = || self.requests_of(order);
        if of_order().any(|(_, known)| known.answer.is_none()) {
            return Err(Refusal::RequestOpen);
        }
        if of_order().count() >= REQUESTS_MAX {
            return Err(Refusal::TooManyRequests);
        }
        let mut places: Vec<u16> =
            if positions.is_empty() { known.live().map(|(place, _)| place).collect() } else { positions.to_vec() };
        places.sort_unstable();
        places.dedup();
        // What cannot be cancelled cannot be asked for, and what was used is not given back.
        self.cancelled(event, order, &places, Ending::Buyer)?;
        if places.iter().any(|place| self.is_used(known, *place)) {
            return Err(Refusal::TicketUsed);
        }
        let price: i64 = places.iter().map(|place| known.positions[usize::from(*place)].price).sum();
        let (fee, sealed) = (share(price, policy.fee), sealed.clone());
        Ok(vec![BookingFact::RefundRequested { event, order, request, positions: places, fee, sealed }])
    }

    /// Whether somebody was let in with the ticket of a position.
    fn is_used(&self, order: &Order, place: u16) -> bool {
        let Some(ticket) = order.tickets.get(usize::from(place)).filter(|ticket| ticket.is_some()) else {
            return false;
        };
        let admitted = |door| self.doors.seen(door, *ticket).iter().any(|seen| seen.outcome == ScanOutcome::Admitted);
        self.catalogue.doors.keys().any(|door| admitted(*door))
    }

    fn answer(
        &self,
        event: EventId,
        request: RequestId,
        granted: bool,
        words: &str,
        fee: Option<i64>,
    ) -> Result<Vec<BookingFact>, Refusal> {
        let asked = self.requests.get(&request).ok_or(Refusal::NoRequest)?;
        if let Some(answer) = &asked.answer {
            return if answer.granted == granted { Ok(Vec::new()) } else { Err(Refusal::RequestAnswered) };
        }
        let order = asked.order;
        let known = self.orders.get(&order).ok_or(Refusal::NoOrder)?;
        let words: String = words.chars().filter(|c| !c.is_control() || *c == '\n').take(WORDS_MAX).collect();
        if !granted {
            let entry = Entry::none(known.currency);
            return Ok(vec![BookingFact::RefundAnswered { event, order, request, granted, words, amount: 0, entry }]);
        }
        let cancelled = self.cancelled(event, order, &asked.positions, Ending::Buyer)?;
        let gone =
            -cancelled.iter().filter_map(BookingFact::entry).map(|entry| of(entry, Account::Receivable)).sum::<i64>();
        // What the buyer has paid beyond what is left of the order.
        let credit = (known.paid - known.surplus - (known.owed() - gone)).max(0);
        let fee = fee.unwrap_or(asked.fee).clamp(0, credit);
        let entry = entry(known.currency, [(Account::Receivable, fee), (Account::Sales, -fee)]);
        let amount = credit - fee;
        let answered = BookingFact::RefundAnswered { event, order, request, granted, words, amount, entry };
        Ok(cancelled.into_iter().chain([answered]).collect())
    }

    /// The next refund that was granted and has not begun.
    pub(crate) fn pay_back(&self, event: EventId) -> Option<BookingFact> {
        self.granted.iter().find_map(|(order, left)| {
            let most = self.orders.get(order).map_or(0, |known| known.paid - known.surplus);
            let refund = RefundId(unused(order.0, REFUND, |id| self.refunds.contains_key(&RefundId(id))));
            self.refund_some(event, refund, *order, Some((*left).min(most))).ok()?.into_iter().next()
        })
    }

    /// Wishes of an order, by when they were said.
    pub fn requests_of(&self, order: OrderId) -> impl Iterator<Item = (RequestId, &Request)> {
        let ids = self.orders.get(&order).map_or(&[][..], |known| &known.requests);
        ids.iter().filter_map(|id| Some((*id, self.requests.get(id)?)))
    }

    /// All wishes, in no order.
    pub fn requests(&self) -> impl Iterator<Item = (RequestId, &Request)> {
        self.requests.iter().map(|(id, request)| (*id, request))
    }

    /// A wish.
    pub fn request_of(&self, request: RequestId) -> Option<&Request> {
        self.requests.get(&request)
    }

    pub(crate) fn apply_request(&mut self, fact: &BookingFact, now: Timestamp) {
        match fact {
            BookingFact::RefundRequested { order, request, positions, fee, sealed, .. } => {
                let (positions, sealed) = (positions.clone(), sealed.clone());
                let asked = Request { order: *order, positions, fee: *fee, sealed, asked: now, answer: None };
                self.requests.insert(*request, asked);
                if let Some(known) = self.orders.get_mut(order) {
                    known.requests.push(*request);
                }
            }
            BookingFact::RefundAnswered { order, request, granted, words, amount, entry, .. } => {
                let fee = of(entry, Account::Receivable);
                if let Some(asked) = self.requests.get_mut(request) {
                    let (granted, words, amount) = (*granted, words.clone(), *amount);
                    asked.answer = Some(Answer { granted, words, amount, fee, at: now });
                }
                if let Some(known) = self.orders.get_mut(order) {
                    known.fees += fee;
                }
                if *amount > 0 {
                    *self.granted.entry(*order).or_default() += amount;
                }
            }
            _ => {}
        }
    }

    /// Money of an order is on its way back.
    pub(crate) fn went_back(&mut self, order: OrderId, amount: i64) {
        if let Some(left) = self.granted.get_mut(&order) {
            *left -= amount;
            if *left <= 0 {
                self.granted.remove(&order);
            }
        }
    }
}
