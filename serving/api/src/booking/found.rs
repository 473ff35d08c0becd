//! Orders, refunds and payouts of each event in the orders in which people look for them: a fold of the facts beside the
//! box offices, so that a page of a hundred thousand orders costs as much as one of ten.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

use hashbrown::HashMap;
use records::booking::{BookingFact, Provider};
use records::fact::By;
use records::hash::FixedState;
use records::{Currency, EventId, OrderId, OrganizationId, PayoutId, RefundId, Timestamp, Token};
use rules::booking::BoxOffice;
use rules::booking::office::{Order, OrderStatus, RefundStatus};

use super::shop::orders::{Status, status};

/// An order by when it was placed.
pub(super) type Key = (Timestamp, OrderId);
/// A refund by when it began.
pub(super) type RefundKey = (Timestamp, RefundId);

/// All indexes, by event.
pub(super) type Found = BTreeMap<(OrganizationId, EventId), Index>;

const STATES: usize = 6;

/// What is looked for at one event.
#[derive(Debug, Default)]
pub(super) struct Index {
    orders: BTreeSet<Key>,
    by_status: [BTreeSet<Key>; STATES],
    by_person: BTreeSet<(Token, Timestamp, OrderId)>,
    by_id: BTreeSet<OrderId>,
    /// Ids with their bits reversed: those that end alike stand together.
    by_tail: BTreeSet<u128>,
    status: HashMap<OrderId, Status, FixedState>,
    /// Orders that are not waited for any more, with money that is the buyer's.
    credits: BTreeSet<Key>,
    refunds: BTreeSet<RefundKey>,
    by_refund_status: [BTreeSet<RefundKey>; 3],
    started: HashMap<RefundId, (Timestamp, RefundStatus), FixedState>,
    payouts: Vec<PaidOut>,
}

/// Money that the organizer got.
#[derive(Debug, Clone)]
pub(super) struct PaidOut {
    pub(super) at: Timestamp,
    pub(super) id: PayoutId,
    pub(super) provider: Provider,
    pub(super) currency: Currency,
    pub(super) amount: i64,
    pub(super) commission: i64,
    pub(super) by: Option<By>,
}

impl Index {
    /// Takes what a fact has made of an order.
    pub(super) fn note(&mut self, id: OrderId, order: &Order) {
        let (key, now) = ((order.placed, id), status(order));
        let before = self.status.insert(id, now);
        if before.is_none() {
            self.orders.insert(key);
            self.by_person.insert((order.person, order.placed, id));
            self.by_id.insert(id);
            self.by_tail.insert(id.0.reverse_bits());
        }
        if before != Some(now) {
            if let Some(before) = before {
                self.by_status[before as usize].remove(&key);
            }
            self.by_status[now as usize].insert(key);
        }
        if order.status != OrderStatus::Pending && order.credit() > 0 {
            self.credits.insert(key);
        } else {
            self.credits.remove(&key);
        }
    }

    /// Takes what a fact says of refunds and payouts.
    pub(super) fn note_money(&mut self, fact: &BookingFact, office: &BoxOffice, at: Timestamp, by: Option<&By>) {
        match fact {
            BookingFact::RefundStarted { refund, .. }
            | BookingFact::RefundSettled { refund, .. }
            | BookingFact::RefundFailed { refund, .. } => {
                let Some(known) = office.refund(*refund) else { return };
                let (started, before) = *self.started.entry(*refund).or_insert((at, known.status));
                let key = (started, *refund);
                self.refunds.insert(key);
                self.by_refund_status[before as usize].remove(&key);
                self.by_refund_status[known.status as usize].insert(key);
                self.started.insert(*refund, (started, known.status));
            }
            BookingFact::PayoutMade { payout, provider, amount, commission, entry, .. } => {
                let (id, provider, currency) = (*payout, *provider, entry.currency);
                let (amount, commission, by) = (*amount, *commission, by.cloned());
                self.payouts.push(PaidOut { at, id, provider, currency, amount, commission, by });
            }
            _ => {}
        }
    }

    /// Orders that were placed before this one, of one status or of all, the newest first.
    pub(super) fn before(&self, status: Option<Status>, before: Option<Key>, limit: usize) -> Vec<Key> {
        backwards(status.map_or(&self.orders, |status| &self.by_status[status as usize]), before, limit)
    }

    /// Orders of one buyer, as [`Index::before`].
    pub(super) fn of_person(
        &self,
        person: Token,
        status: Option<Status>,
        before: Option<Key>,
        limit: usize,
    ) -> Vec<Key> {
        let to = match before {
            Some((at, order)) => Bound::Excluded((person, at, order)),
            None => Bound::Included((person, Timestamp(i64::MAX), OrderId(u128::MAX))),
        };
        let from = Bound::Included((person, Timestamp(i64::MIN), OrderId(0)));
        let all = self.by_person.range((from, to)).rev().map(|(_, at, order)| (*at, *order));
        all.filter(|(_, order)| self.is(*order, status)).take(limit).collect()
    }

    /// Orders whose ids begin or end with these hexadecimal digits, at most `limit` of each, the newest first.
    pub(super) fn of_digits(&self, digits: u128, count: u32, status: Option<Status>, limit: usize) -> Vec<OrderId> {
        let free = 128 - 4 * count.min(32);
        let below = if free == 128 { u128::MAX } else { (1 << free) - 1 };
        let first = if free == 128 { 0 } else { digits << free };
        let heads = self.by_id.range(OrderId(first)..=OrderId(first | below)).take(limit).copied();
        let turned = digits.reverse_bits();
        let tails = self.by_tail.range(turned..=(turned | below)).take(limit).map(|bits| OrderId(bits.reverse_bits()));
        let all: BTreeSet<OrderId> = heads.chain(tails).filter(|order| self.is(*order, status)).collect();
        all.into_iter().collect()
    }

    /// Whether there is such an order, of this status if one is named.
    pub(super) fn is(&self, order: OrderId, wanted: Option<Status>) -> bool {
        self.status.get(&order).is_some_and(|status| wanted.is_none_or(|wanted| wanted == *status))
    }

    /// How many orders have a status.
    pub(super) fn count(&self, status: Status) -> usize {
        self.by_status[status as usize].len()
    }

    /// How many orders have money that is their buyers'.
    pub(super) fn credits(&self) -> usize {
        self.credits.len()
    }

    /// Refunds that began before this one, of one status or of all, the newest first.
    pub(super) fn refunds(
        &self,
        status: Option<RefundStatus>,
        before: Option<RefundKey>,
        limit: usize,
    ) -> Vec<RefundKey> {
        backwards(status.map_or(&self.refunds, |status| &self.by_refund_status[status as usize]), before, limit)
    }

    /// How many refunds have a status.
    pub(super) fn count_refunds(&self, status: RefundStatus) -> usize {
        self.by_refund_status[status as usize].len()
    }

    /// What was paid out, in the order in which it was.
    pub(super) fn payouts(&self) -> &[PaidOut] {
        &self.payouts
    }
}

fn backwards<K: Ord + Copy>(set: &BTreeSet<K>, before: Option<K>, limit: usize) -> Vec<K> {
    let to = before.map_or(Bound::Unbounded, Bound::Excluded);
    set.range((Bound::Unbounded, to)).rev().take(limit).copied().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_find_ids_by_their_beginning_and_by_their_end() {
        let mut index = Index::default();
        let ids = [0x0193_480f_0000_0000_0000_0000_dead_beef_u128, 0xdead_0000_0000_0000_0000_0000_0000_0001];
        for id in ids {
            index.by_id.insert(OrderId(id));
            index.by_tail.insert(id.reverse_bits());
            index.status.insert(OrderId(id), Status::Pending);
        }
        let find = |text: &str, status| {
            let count = u32::try_from(text.len()).unwrap();
            index.of_digits(u128::from_str_radix(text, 16).unwrap(), count, status, 10)
        };
        assert_eq!(find("0193480f", None), [OrderId(ids[0])]);
        assert_eq!(find("deadbeef", None), [OrderId(ids[0])]);
        assert_eq!(find("dead", None), [OrderId(ids[1])]);
        assert_eq!(find("deadbeef", Some(Status::Confirmed)), []);
        assert_eq!(find(&format!("{:032x}", ids[1]), None), [OrderId(ids[1])]);
    }
}
