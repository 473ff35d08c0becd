//! Decisions about money: what providers tell of payments, refunds, payouts.
//!
//! Two machines that know nothing of each other's order: what is known of a payment only grows, so news that come
//! twice, late or in another order lead to the same; and an order looks at what has come in. The order of growth:
//!
//! ```text
//! created < pending < failed < authorized < voided < captured      captured amounts only grow
//! ```
//!
//! `failed` lies below `authorized`: a provider that first says that a payment failed and then that it has the money
//! is believed, because money that is there has to be accounted for. `voided` is the end of an attempt of which nothing came.
//!
//! What a provider is to be asked or told next follows from both ([`BoxOffice::errand_of`]), so whoever does it keeps nothing.

use records::booking::{Account, BookingFact, Ending, Entry, PaymentStatus, Provider, RefundReason};
use records::{Currency, EventId, OrderId, PaymentId, PayoutId, RefundId, Timestamp, Token};

use super::command::Wish;
use super::ledger::entry;
use super::office::{BoxOffice, Order, OrderStatus, Payment, Refund, RefundStatus};
use super::orders::{REFUND, of, unused};
use super::pricing::{check_person, divide};
use super::refusal::Refusal;

/// Payments of one order.
pub const ATTEMPTS_MAX: usize = 50;
/// Refunds of one order.
pub const REFUNDS_MAX: usize = 200;

impl BoxOffice {
    pub(crate) fn pay(&self, event: EventId, wish: &Wish, now: Timestamp) -> Result<Vec<BookingFact>, Refusal> {
        match wish {
            Wish::StartPayment { payment, order, provider } => self.start_payment(event, *payment, *order, *provider),
            Wish::Observe { payment, status, captured, reference, card } => {
                self.observe(event, *payment, *status, *captured, (reference, *card), now)
            }
            Wish::TellFee { payment, fee } => self.tell_fee(event, *payment, *fee),
            Wish::Refund { refund, order, amount } => self.refund_some(event, *refund, *order, *amount),
            Wish::SettleRefund(refund) => self.settle_refund(event, *refund),
            Wish::FailRefund { refund, reason } => self.fail_refund(event, *refund, reason),
            Wish::PayOut { payout, provider, currency, amount } => {
                self.pay_out(event, *payout, *provider, *currency, *amount)
            }
            _ => Ok(Vec::new()),
        }
    }

    fn start_payment(
        &self,
        event: EventId,
        payment: PaymentId,
        order: OrderId,
        provider: Provider,
    ) -> Result<Vec<BookingFact>, Refusal> {
        if let Some(known) = self.payments.get(&payment) {
            let same = known.order == order && known.provider == provider;
            return if same { Ok(Vec::new()) } else { Err(Refusal::IdUsed) };
        }
        let known = self.orders.get(&order).ok_or(Refusal::NoOrder)?;
        let amount = known.total() - known.paid;
        match known.status {
            OrderStatus::Ended(_) => return Err(Refusal::OrderEnded),
            _ if amount <= 0 => return Err(Refusal::OrderPaid),
            _ if provider == Provider::Free => return Err(Refusal::Provider("something is to be paid")),
            _ if known.payments.len() >= ATTEMPTS_MAX => return Err(Refusal::Provider("it was tried too often")),
            _ => {}
        }
        if self.under_way(known).next().is_some() {
            return Err(Refusal::PaymentUnderWay);
        }
        let attempt = known.payments.len() as u16 + 1;
        Ok(vec![BookingFact::PaymentStarted { event, order, payment, attempt, provider, amount }])
    }

    fn observe(
        &self,
        event: EventId,
        payment: PaymentId,
        status: PaymentStatus,
        captured: i64,
        (reference, card): (&str, Token),
        now: Timestamp,
    ) -> Result<Vec<BookingFact>, Refusal> {
        let known = self.payments.get(&payment).ok_or(Refusal::NoPayment)?;
        let order = self.orders.get(&known.order).ok_or(Refusal::NoOrder)?;
        let status = status.max(known.status);
        let captured = captured.clamp(known.captured, super::catalogue::PRICE_MAX * 1_000);
        let reference = if reference.is_empty() { known.reference.clone() } else { reference.to_owned() };
        if (status, captured, &reference) == (known.status, known.captured, &known.reference) {
            return Ok(Vec::new());
        }
        let came = captured - known.captured;
        let postings = [(Account::Provider(known.provider), came), (Account::Receivable, -came)];
        let entry = entry(order.currency, postings);
        let (id, person) = (known.order, order.person);
        let mut facts = vec![BookingFact::PaymentObserved {
            event,
            order: id,
            payment,
            status,
            captured,
            reference,
            person,
            card,
            entry,
        }];
        if came > 0 {
            facts.extend(self.after_payment(event, id, order, came, now));
        }
        Ok(facts)
    }

    /// Attempts of an order of which something may come yet.
    pub fn under_way<'a>(&'a self, order: &'a Order) -> impl Iterator<Item = (PaymentId, &'a Payment)> {
        let payments = order.payments.iter().filter_map(|id| Some((*id, self.payments.get(id)?)));
        payments.filter(|(_, payment)| {
            payment.captured == 0 && !matches!(payment.status, PaymentStatus::Failed | PaymentStatus::Voided)
        })
    }

    /// Once: a provider that changes its mind is not believed, and no more is kept than came in.
    fn tell_fee(&self, event: EventId, payment: PaymentId, fee: i64) -> Result<Vec<BookingFact>, Refusal> {
        let known = self.payments.get(&payment).ok_or(Refusal::NoPayment)?;
        let order = self.orders.get(&known.order).ok_or(Refusal::NoOrder)?;
        if known.fee.is_some() || known.captured == 0 {
            return Ok(Vec::new());
        }
        let fee = fee.clamp(0, known.captured);
        let entry = entry(order.currency, [(Account::Fees, fee), (Account::Provider(known.provider), -fee)]);
        Ok(vec![BookingFact::FeeTold { event, order: known.order, payment, fee, entry }])
    }

    /// Payments of which a provider has to be asked or told something, in their order.
    pub fn open_payments(&self) -> impl Iterator<Item = (PaymentId, &Payment)> {
        self.open_payments.iter().filter_map(|id| Some((*id, self.payments.get(id)?)))
    }

    /// What a payment's provider is to be asked or told next; none when nothing, or when the organizer decides first.
    pub fn errand_of(&self, payment: PaymentId) -> Option<Errand> {
        let known = self.payments.get(&payment)?;
        let order = self.orders.get(&known.order)?;
        if !known.is_open() {
            return None;
        }
        let is_wanted = order.status == OrderStatus::Pending && order.paid < order.total();
        let is_late = order.status == OrderStatus::Ended(Ending::Unpaid);
        Some(match known.status {
            PaymentStatus::Captured => Errand::AskFee,
            // The buyer may try another card on the same attempt, until they begin another one.
            PaymentStatus::Failed if is_wanted && order.payments.last() == Some(&payment) => Errand::Read,
            PaymentStatus::Failed => Errand::Cancel,
            // They have agreed to pay, and there is still something to sell them.
            PaymentStatus::Authorized if is_late && order.review.is_none() && self.can_revive(order) => Errand::Capture,
            _ if !is_wanted => Errand::Cancel,
            PaymentStatus::Authorized if order.review.is_none() => Errand::Capture,
            PaymentStatus::Created => Errand::Start,
            _ => Errand::Read,
        })
    }

    /// What an order becomes when so much has come in.
    fn after_payment(&self, event: EventId, id: OrderId, order: &Order, came: i64, now: Timestamp) -> Vec<BookingFact> {
        let gross: i64 = order.positions.iter().map(|position| position.price).sum();
        let is_enough = order.paid + came >= gross;
        match order.status {
            OrderStatus::Pending if is_enough && order.review.is_none() => {
                vec![self.confirmed(event, id, &order.positions, order.currency)]
            }
            // It came after the order had ended unpaid: what is still left of it is sold after all.
            OrderStatus::Ended(records::booking::Ending::Unpaid)
                if is_enough && order.review.is_none() && self.can_revive(order) =>
            {
                let revived = BookingFact::OrderRevived { event, order: id, due: now };
                vec![revived, self.confirmed(event, id, &order.positions, order.currency)]
            }
            _ => Vec::new(),
        }
    }

    /// Whether there is enough left of everything that an order had, its code included.
    fn can_revive(&self, order: &Order) -> bool {
        let promo = self.catalogue.promos.get(&order.promo);
        let used = self.stock.promos.get(&order.promo).copied().unwrap_or_default();
        let times = self.stock.persons.get(&(order.promo, order.person)).copied().unwrap_or(0);
        let off: i64 = order.positions.iter().map(|position| position.promo_off).sum();
        let promo_left = promo.is_none_or(|promo| {
            promo.uses.is_none_or(|uses| used.orders < uses)
                && promo.budget.is_none_or(|budget| used.off + off <= budget.minor)
                && check_person(promo, times, order.person).is_ok()
        });
        promo_left && self.is_left(&order.positions).is_ok()
    }

    /// The refund of what came in and is not owed, one payment at a time.
    pub(crate) fn give_back(&self, event: EventId) -> Option<BookingFact> {
        let id = *self.owing.first()?;
        let order = self.orders.get(&id)?;
        let (payment, known) = self.refundable(order).next()?;
        let amount = order.surplus.min(known.captured - known.refunded);
        let why = match order.status {
            OrderStatus::Ended(records::booking::Ending::Unpaid) => RefundReason::Late,
            OrderStatus::Ended(_) => RefundReason::Cancelled,
            OrderStatus::Pending | OrderStatus::Confirmed => RefundReason::Surplus,
        };
        let refund = RefundId(unused(id.0, REFUND, |id| self.refunds.contains_key(&RefundId(id))));
        let entry = back(order.currency, amount);
        Some(BookingFact::RefundStarted { event, order: id, refund, payment, amount, why, entry })
    }

    fn refundable<'a>(&'a self, order: &'a Order) -> impl Iterator<Item = (PaymentId, &'a Payment)> {
        let payments = order.payments.iter().filter_map(|id| Some((*id, self.payments.get(id)?)));
        payments.filter(|(_, payment)| payment.captured > payment.refunded)
    }

    fn refund_some(
        &self,
        event: EventId,
        refund: RefundId,
        order: OrderId,
        amount: Option<i64>,
    ) -> Result<Vec<BookingFact>, Refusal> {
        if let Some(known) = self.refunds.get(&refund) {
            return if known.order == order { Ok(Vec::new()) } else { Err(Refusal::IdUsed) };
        }
        let known = self.orders.get(&order).ok_or(Refusal::NoOrder)?;
        let (most, credit) = (known.refundable(), known.credit());
        let amount = amount.unwrap_or(credit);
        if amount <= 0 || amount > most || known.refunds.len() >= REFUNDS_MAX {
            return Err(Refusal::RefundTooMuch(most));
        }
        let (mut facts, mut used) = (Vec::new(), Vec::new());
        let (mut left, mut credit) = (amount, credit);
        let mut reserved = known.surplus;
        for (payment, paid) in self.refundable(known) {
            // What goes back by itself is taken from the first payments.
            let there = paid.captured - paid.refunded;
            let skipped = reserved.min(there);
            reserved -= skipped;
            let amount = left.min(there - skipped);
            if amount == 0 {
                continue;
            }
            let goodwill = (amount - credit).max(0);
            credit = (credit - amount).max(0);
            left -= amount;
            let refund = if used.is_empty() {
                refund
            } else {
                RefundId(unused(order.0, REFUND, |id| self.refunds.contains_key(&RefundId(id)) || used.contains(&id)))
            };
            used.push(refund.0);
            let (why, entry) = (RefundReason::Asked, goodwill_entry(known, amount, goodwill));
            facts.push(BookingFact::RefundStarted { event, order, refund, payment, amount, why, entry });
        }
        debug_assert_eq!(left, 0, "an order's payments have what it says was paid");
        Ok(facts)
    }

    fn settle_refund(&self, event: EventId, refund: RefundId) -> Result<Vec<BookingFact>, Refusal> {
        let known = self.refunds.get(&refund).ok_or(Refusal::NoRefund)?;
        let (currency, provider) = self.of_refund(known)?;
        if known.status == RefundStatus::Settled || known.status == RefundStatus::Failed && fails_last(provider) {
            return Ok(Vec::new());
        }
        let amount = known.amount;
        let left = self.payments.get(&known.payment).map_or(0, |payment| payment.captured - payment.refunded);
        if known.status == RefundStatus::Failed && left < amount {
            return Err(Refusal::RefundTooMuch(left));
        }
        // One that failed and went after all was owed again in between.
        let owed = if known.status == RefundStatus::Failed { Account::Receivable } else { Account::RefundsDue };
        let entry = entry(currency, [(owed, amount), (Account::Provider(provider), -amount)]);
        Ok(vec![BookingFact::RefundSettled { event, order: known.order, refund, entry }])
    }

    fn fail_refund(&self, event: EventId, refund: RefundId, reason: &str) -> Result<Vec<BookingFact>, Refusal> {
        let known = self.refunds.get(&refund).ok_or(Refusal::NoRefund)?;
        let (currency, provider) = self.of_refund(known)?;
        let from = match known.status {
            RefundStatus::Started => Account::RefundsDue,
            RefundStatus::Settled if fails_last(provider) => Account::Provider(provider),
            RefundStatus::Settled | RefundStatus::Failed => return Ok(Vec::new()),
        };
        let entry = entry(currency, [(from, known.amount), (Account::Receivable, -known.amount)]);
        let reason = reason.chars().take(200).collect();
        Ok(vec![BookingFact::RefundFailed { event, order: known.order, refund, reason, entry }])
    }

    fn of_refund(&self, refund: &Refund) -> Result<(Currency, Provider), Refusal> {
        let order = self.orders.get(&refund.order).ok_or(Refusal::NoOrder)?;
        let payment = self.payments.get(&refund.payment).ok_or(Refusal::NoPayment)?;
        Ok((order.currency, payment.provider))
    }

    fn pay_out(
        &self,
        event: EventId,
        payout: PayoutId,
        provider: Provider,
        currency: Currency,
        amount: Option<i64>,
    ) -> Result<Vec<BookingFact>, Refusal> {
        if let Some((by, of, ..)) = self.payouts.get(&payout) {
            return if (*by, *of) == (provider, currency) { Ok(Vec::new()) } else { Err(Refusal::IdUsed) };
        }
        let commission = -self.ledger.balance(currency, Account::CommissionDue);
        let most = self.payable(provider, currency);
        let amount = amount.unwrap_or(most);
        if amount <= 0 || amount > most {
            return Err(Refusal::PayoutTooMuch(most.max(0)));
        }
        let entry = entry(
            currency,
            [
                (Account::PaidOut, amount),
                (Account::CommissionDue, commission),
                (Account::Provider(provider), -amount - commission),
            ],
        );
        Ok(vec![BookingFact::PayoutMade { event, payout, provider, amount, commission, entry }])
    }

    /// What can be paid out to the organizer: what a provider holds, less what is owed to buyers and to the platform.
    pub fn payable(&self, provider: Provider, currency: Currency) -> i64 {
        let balance = |account| self.ledger.balance(currency, account);
        // Buyers whose money is there although nothing of theirs was sold have a claim on it, too.
        let claims =
            balance(Account::RefundsDue) + balance(Account::CommissionDue) + balance(Account::Receivable).min(0);
        balance(Account::Provider(provider)) + claims
    }

    pub(crate) fn apply_money(&mut self, fact: &BookingFact, now: Timestamp) {
        match fact {
            BookingFact::PaymentStarted { order, payment, attempt, provider, amount, .. } => {
                let started = Payment {
                    order: *order,
                    attempt: *attempt,
                    provider: *provider,
                    amount: *amount,
                    status: PaymentStatus::Created,
                    captured: 0,
                    refunded: 0,
                    reference: String::new(),
                    started: now,
                    card: Token::NONE,
                    fee: None,
                };
                if started.is_open() {
                    self.open_payments.insert(*payment);
                }
                self.payments.insert(*payment, started);
                if let Some(known) = self.orders.get_mut(order) {
                    known.payments.push(*payment);
                }
            }
            BookingFact::PaymentObserved { order, payment, status, captured, reference, card, .. } => {
                let Some(known) = self.payments.get_mut(payment) else { return };
                let came = captured - known.captured;
                (known.status, known.captured) = (*status, *captured);
                known.reference.clone_from(reference);
                if card.is_some() {
                    known.card = *card;
                }
                if known.is_open() {
                    self.open_payments.insert(*payment);
                } else {
                    self.open_payments.remove(payment);
                }
                self.came_in(*order, came);
            }
            BookingFact::FeeTold { payment, fee, .. } => {
                let Some(known) = self.payments.get_mut(payment) else { return };
                known.fee = Some(*fee);
                self.open_payments.remove(payment);
            }
            BookingFact::RefundStarted { order, refund, payment, amount, why, entry, .. } => {
                let started = Refund {
                    order: *order,
                    payment: *payment,
                    amount: *amount,
                    why: *why,
                    status: RefundStatus::Started,
                };
                self.refunds.insert(*refund, started);
                self.open_refunds.insert(*refund);
                if let Some(known) = self.payments.get_mut(payment) {
                    known.refunded += amount;
                }
                let Some(known) = self.orders.get_mut(order) else { return };
                known.refunds.push(*refund);
                known.paid -= amount;
                let tax = of(entry, Account::Tax);
                known.goodwill += of(entry, Account::Sales) + tax;
                known.goodwill_tax += tax;
                if *why != RefundReason::Asked {
                    known.surplus -= amount;
                }
                if known.surplus == 0 {
                    self.owing.remove(order);
                }
            }
            BookingFact::RefundSettled { refund, .. } => {
                self.open_refunds.remove(refund);
                let Some(known) = self.refunds.get_mut(refund) else { return };
                let before = std::mem::replace(&mut known.status, RefundStatus::Settled);
                if before == RefundStatus::Failed {
                    let (amount, payment, order) = (known.amount, known.payment, known.order);
                    self.went(order, payment, amount);
                }
            }
            BookingFact::RefundFailed { refund, .. } => {
                self.open_refunds.remove(refund);
                let Some(known) = self.refunds.get_mut(refund) else { return };
                known.status = RefundStatus::Failed;
                let (amount, payment, order) = (known.amount, known.payment, known.order);
                self.went(order, payment, -amount);
            }
            BookingFact::PayoutMade { payout, provider, amount, commission, entry, .. } => {
                self.payouts.insert(*payout, (*provider, entry.currency, *amount, *commission));
            }
            _ => {}
        }
    }

    /// Money came in: what is not owed goes back by itself.
    fn came_in(&mut self, id: OrderId, came: i64) {
        let Some(order) = self.orders.get_mut(&id) else { return };
        order.paid += came;
        let surplus = match order.status {
            OrderStatus::Ended(_) => came,
            _ => (order.paid - order.surplus - order.owed()).clamp(0, came),
        };
        order.surplus += surplus;
        if order.surplus > 0 {
            self.owing.insert(id);
        }
    }

    fn went(&mut self, order: OrderId, payment: PaymentId, amount: i64) {
        if let Some(known) = self.payments.get_mut(&payment) {
            known.refunded += amount;
        }
        if let Some(known) = self.orders.get_mut(&order) {
            known.paid -= amount;
        }
    }
}

/// What a payment's provider is to be asked or told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Errand {
    /// To ask for the money: nobody knows whether it was asked.
    Start,
    /// What it has by now.
    Read,
    /// To take what it keeps ready.
    Capture,
    /// To let go: the order is over, or paid otherwise, or the attempt was declined and another one may come.
    Cancel,
    /// What it keeps for itself.
    AskFee,
}

impl Payment {
    /// Whether its provider has to be asked or told something, now or later. Of a bank transfer people tell, of the test
    /// provider pages, which has nothing to do but to take what it keeps ready; only Stripe keeps a fee.
    pub fn is_open(&self) -> bool {
        match self.provider {
            Provider::Free | Provider::Transfer => false,
            Provider::Test => self.status == PaymentStatus::Authorized,
            Provider::Stripe if self.status == PaymentStatus::Captured => self.fee.is_none(),
            Provider::Stripe => self.status != PaymentStatus::Voided,
        }
    }
}

impl Order {
    /// What the buyer owes for what is left of it: its prices, less what was given back besides.
    pub fn owed(&self) -> i64 {
        self.total() - self.goodwill
    }

    /// The most that may be paid back: what goes back by itself is not asked for.
    pub fn refundable(&self) -> i64 {
        self.paid - self.surplus
    }

    /// What of that is the buyer's: before anything was sold, all that came in.
    pub fn credit(&self) -> i64 {
        let owed = if self.was_confirmed() { self.owed() } else { 0 };
        (self.refundable() - owed).max(0)
    }
}

/// Whether a provider's word that a refund failed is its last. Stripe may say so after it said that it went, because a bank has
/// sent it back, and never the other way round; so both words come to the same in any order. Others may mend what failed.
const fn fails_last(provider: Provider) -> bool {
    matches!(provider, Provider::Stripe)
}

/// Money goes back that was not owed.
fn back(currency: Currency, amount: i64) -> Entry {
    entry(currency, [(Account::Receivable, amount), (Account::RefundsDue, -amount)])
}

/// Money goes back; `goodwill` of it for positions that stay sold, which were sold for less then.
fn goodwill_entry(order: &Order, amount: i64, goodwill: i64) -> Entry {
    let (gross, tax) = order.sums();
    let within = if gross > 0 { divide(i128::from(goodwill) * i128::from(tax), i128::from(gross)) } else { 0 };
    entry(
        order.currency,
        [
            (Account::Receivable, amount - goodwill),
            (Account::Sales, goodwill - within),
            (Account::Tax, within),
            (Account::RefundsDue, -amount),
        ],
    )
}
