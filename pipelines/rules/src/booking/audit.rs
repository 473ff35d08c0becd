//! Counts everything again, from holds, orders, payments and scans, and says what does not agree: what "impossible"
//! means here. `docs/invariants.md` names each law with its tests.

use std::collections::{BTreeMap, BTreeSet};

use records::booking::{Account, Choice, Position, Provider, Reentry, ScanOutcome};
use records::{Currency, ItemId, PromoId};

use super::Booking;
use super::office::{BoxOffice, Order, OrderStatus, RefundStatus};
use super::stock::{Count, Used, choice};

impl Booking {
    /// What does not hold; nothing when all is well. Costs a walk over everything.
    pub fn audit(&self) -> Vec<String> {
        let mut faults = Vec::new();
        let mut deadlines = BTreeSet::new();
        for (key, office) in &self.offices {
            deadlines.extend(office.deadlines().map(|(at, deadline)| (at, *key, deadline)));
            let found = office.audit();
            faults.extend(found.into_iter().map(|fault| format!("{}/{}: {fault}", key.0, key.1)));
        }
        if deadlines != self.deadlines {
            faults.push("what lives and what has an end differ".into());
        }
        faults
    }
}

impl BoxOffice {
    /// What does not hold at this event.
    pub fn audit(&self) -> Vec<String> {
        let mut faults = Vec::new();
        self.audit_stock(&mut faults);
        self.audit_promos(&mut faults);
        self.audit_orders(&mut faults);
        self.audit_ledger(&mut faults);
        self.audit_doors(&mut faults);
        faults
    }

    fn audit_stock(&self, faults: &mut Vec<String>) {
        let mut choices: BTreeMap<Choice, Count> = BTreeMap::new();
        let mut tiers: BTreeMap<(ItemId, u8), u32> = BTreeMap::new();
        let held = self.holds.values().flat_map(|hold| &hold.positions).map(|position| (position, true));
        let ordered = self.orders.values().flat_map(|order| {
            let pending = order.status == OrderStatus::Pending;
            order.live().map(move |(_, position)| (position, pending))
        });
        for (position, is_held) in held.chain(ordered) {
            let count = choices.entry(choice(position)).or_default();
            *(if is_held { &mut count.held } else { &mut count.sold }) += 1;
            *tiers.entry((position.product, position.tier)).or_default() += 1;
        }
        let known: BTreeMap<Choice, Count> =
            self.stock.choices.iter().filter(|(_, count)| **count != Count::default()).map(|(k, v)| (*k, *v)).collect();
        if known != choices {
            faults.push(format!("held and sold are {choices:?}, counted as {known:?}"));
        }
        let known: BTreeMap<(ItemId, u8), u32> =
            self.stock.tiers.iter().filter(|(_, count)| **count > 0).map(|(k, v)| (*k, *v)).collect();
        if known != tiers {
            faults.push(format!("taken at tiers are {tiers:?}, counted as {known:?}"));
        }
        for (id, quota) in &self.catalogue.quotas {
            let used = self.stock.used(quota);
            if quota.size.is_some_and(|size| used > u64::from(size)) {
                faults.push(format!("quota {id} is oversold: {used} of {:?}", quota.size));
            }
        }
    }

    fn audit_promos(&self, faults: &mut Vec<String>) {
        let mut promos: BTreeMap<PromoId, Used> = BTreeMap::new();
        let mut note = |promo: PromoId, positions: &[Position]| {
            if promo.is_some() {
                let used = promos.entry(promo).or_default();
                used.orders += 1;
                used.off += positions.iter().map(|position| position.promo_off).sum::<i64>();
            }
        };
        self.holds.values().for_each(|hold| note(hold.promo, &hold.positions));
        let counted =
            self.orders.values().filter(|order| order.was_confirmed() || order.status == OrderStatus::Pending);
        counted.for_each(|order| note(order.promo, &order.positions));
        let known: BTreeMap<PromoId, Used> =
            self.stock.promos.iter().filter(|(_, used)| **used != Used::default()).map(|(k, v)| (*k, *v)).collect();
        if known != promos {
            faults.push(format!("codes were used {promos:?}, counted as {known:?}"));
        }
        for (id, promo) in &self.catalogue.promos {
            let used = self.stock.promos.get(id).copied().unwrap_or_default();
            let over_uses = promo.uses.is_some_and(|uses| used.orders > uses);
            let over_budget = promo.budget.is_some_and(|budget| used.off > budget.minor);
            if over_uses || over_budget {
                faults.push(format!("code {id} was used too often: {used:?}"));
            }
        }
    }

    fn audit_orders(&self, faults: &mut Vec<String>) {
        for (id, order) in &self.orders {
            let payments = || order.payments.iter().filter_map(|id| self.payments.get(id));
            let paid: i64 = payments().map(|payment| payment.captured - payment.refunded).sum();
            if paid != order.paid {
                faults.push(format!("order {id} has {paid} of its payments, noted as {}", order.paid));
            }
            if payments().any(|payment| payment.refunded < 0 || payment.refunded > payment.captured) {
                faults.push(format!("order {id} gives back more than came in"));
            }
            if order.surplus < 0 || order.surplus > order.paid.max(0) {
                faults.push(format!("order {id} owes {} of {}", order.surplus, order.paid));
            }
            if (order.surplus > 0) != self.owing.contains(id) {
                faults.push(format!("order {id} and what is to be given back differ"));
            }
            if order.status == OrderStatus::Confirmed && order.paid < 0 {
                faults.push(format!("order {id} has given back more than it got"));
            }
            for (place, ticket) in order.tickets.iter().enumerate().filter(|(_, ticket)| ticket.is_some()) {
                let known = self.tickets.get(ticket);
                if known.is_none_or(|known| known.cancelled != order.cancelled[place]) {
                    faults.push(format!("ticket {ticket} and its order {id} differ"));
                }
            }
        }
    }

    fn audit_ledger(&self, faults: &mut Vec<String>) {
        let mut expected: BTreeMap<(Currency, Account), i64> = BTreeMap::new();
        let mut post = |currency: Currency, account: Account, minor: i64| {
            *expected.entry((currency, account)).or_default() += minor;
        };
        for order in self.orders.values() {
            let currency = order.currency;
            post(currency, Account::Receivable, -order.paid);
            if order.was_confirmed() {
                let (gross, tax) = order.sums();
                post(currency, Account::Receivable, order.owed());
                post(currency, Account::Tax, order.goodwill_tax - tax);
                post(currency, Account::Sales, tax - gross + order.goodwill - order.goodwill_tax);
                post(currency, Account::Commission, order.commission);
                post(currency, Account::CommissionDue, -order.commission);
            }
        }
        for payment in self.payments.values() {
            let currency = self.orders.get(&payment.order).map_or(Currency::NONE, |order| order.currency);
            let fee = payment.fee.unwrap_or(0);
            post(currency, Account::Provider(payment.provider), payment.captured - fee);
            post(currency, Account::Fees, fee);
        }
        for refund in self.refunds.values() {
            let currency = self.orders.get(&refund.order).map_or(Currency::NONE, |order| order.currency);
            let provider = self.payments.get(&refund.payment).map_or(Provider::Free, |payment| payment.provider);
            match refund.status {
                RefundStatus::Started => post(currency, Account::RefundsDue, -refund.amount),
                RefundStatus::Settled => post(currency, Account::Provider(provider), -refund.amount),
                RefundStatus::Failed => {}
            }
        }
        for (provider, currency, amount, commission) in self.payouts.values() {
            post(*currency, Account::PaidOut, *amount);
            post(*currency, Account::CommissionDue, *commission);
            post(*currency, Account::Provider(*provider), -amount - commission);
        }
        expected.retain(|_, minor| *minor != 0);
        let known: BTreeMap<(Currency, Account), i64> =
            self.ledger.balances().map(|(currency, account, minor)| ((currency, account), minor)).collect();
        if known != expected {
            faults.push(format!("the ledger should say {expected:?}, and says {known:?}"));
        }
        let open = self.refunds.values().filter(|refund| refund.status == RefundStatus::Started).count();
        if open != self.open_refunds.len() {
            faults.push(format!("{open} refunds have started, noted as {}", self.open_refunds.len()));
        }
        let open: BTreeSet<_> =
            self.payments.iter().filter(|(_, payment)| payment.is_open()).map(|(id, _)| *id).collect();
        if open != self.open_payments {
            faults.push(format!("{} payments are open, noted as {}", open.len(), self.open_payments.len()));
        }
        let mut sums: BTreeMap<Currency, i64> = BTreeMap::new();
        self.ledger.balances().for_each(|(currency, _, minor)| *sums.entry(currency).or_default() += minor);
        if sums.values().any(|sum| *sum != 0) {
            faults.push(format!("the ledger does not balance: {sums:?}"));
        }
    }

    fn audit_doors(&self, faults: &mut Vec<String>) {
        for (id, count) in self.doors.recount() {
            if self.doors.count(id) != count {
                faults.push(format!("door {id} has {count:?}, counted as {:?}", self.doors.count(id)));
            }
        }
        for (door, ticket, seen) in self.doors.all() {
            let admitted = seen.iter().filter(|seen| seen.outcome == ScanOutcome::Admitted).count();
            let once = self.catalogue.doors.get(&door).is_some_and(|door| door.reentry == Reentry::Never);
            if once && admitted > 1 {
                faults.push(format!("ticket {ticket} was let in {admitted} times at door {door}"));
            }
            let sorted = seen.is_sorted_by_key(|seen| (seen.scanned, seen.scan));
            if !sorted {
                faults.push(format!("scans of ticket {ticket} at door {door} are not in order"));
            }
        }
    }
}

impl Order {
    /// Whether its positions were sold once, whatever became of them.
    pub fn was_confirmed(&self) -> bool {
        !self.tickets.is_empty()
    }
}
