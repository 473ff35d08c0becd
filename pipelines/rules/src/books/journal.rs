//! The journal of organizations' money, and statements of it: what each account had, what came and went by which kind of
//! happening, and what it has. A statement of all time ends with the balances of the ledgers, to the unit.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use records::booking::{Account, BookingFact, Provider};
use records::{Currency, EventId, Fact, FactRow, PayoutId, Span, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Moments are rounded down to quarters of an hour: days and months begin at one in every zone.
const QUARTER: Span = Span::from_seconds(900);

/// Which kind of happening moved money.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Movement {
    /// Something was sold.
    Sale,
    /// Something that was sold was cancelled.
    Cancellation,
    /// A provider got money of a buyer.
    Payment,
    /// Money is to go back, in part for what stays sold.
    Refund,
    /// Money went back.
    RefundSettled,
    /// Money did not go back, and is owed.
    RefundFailed,
    /// The organizer got money, and the platform its commission.
    Payout,
    /// A provider has kept something for itself.
    Fee,
    /// Anything else.
    Other,
}

/// The kind of a fact about money.
fn movement(fact: &BookingFact) -> Movement {
    match fact {
        BookingFact::OrderConfirmed { .. } => Movement::Sale,
        BookingFact::OrderCancelled { .. } => Movement::Cancellation,
        BookingFact::PaymentObserved { .. } => Movement::Payment,
        BookingFact::RefundStarted { .. } => Movement::Refund,
        BookingFact::RefundSettled { .. } => Movement::RefundSettled,
        BookingFact::RefundFailed { .. } => Movement::RefundFailed,
        BookingFact::PayoutMade { .. } => Movement::Payout,
        BookingFact::FeeTold { .. } => Movement::Fee,
        // A statement leaves no entry out, of whatever kind.
        _ => Movement::Other,
    }
}

/// A payout.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Payout {
    /// Its id.
    pub id: PayoutId,
    /// The event.
    pub event: EventId,
    /// Who paid.
    pub provider: Provider,
    /// The currency.
    pub currency: Currency,
    /// What the organizer got, minor units.
    pub amount: i64,
    /// What the platform got, minor units.
    pub commission: i64,
}

/// What was posted to one account, by quarter and kind.
type Sums = BTreeMap<(Timestamp, Movement), i64>;

/// One organization's journal.
#[derive(Debug, Clone, Default)]
pub struct Journal {
    /// Sums by event, currency and account, then by quarter and kind.
    sums: BTreeMap<(EventId, Currency, Account), Sums>,
    payouts: Vec<(Timestamp, Payout)>,
}

impl Journal {
    /// Takes a fact of the organization.
    pub fn apply(&mut self, row: &FactRow) {
        let Some(Fact::Booking(fact)) = row.known() else { return };
        let Some(entry) = fact.entry() else { return };
        let kind = movement(fact);
        let quarter = Timestamp(row.at.0.div_euclid(QUARTER.0) * QUARTER.0);
        for posting in &entry.postings {
            let sums = self.sums.entry((fact.event(), entry.currency, posting.account)).or_default();
            *sums.entry((quarter, kind)).or_default() += posting.minor;
        }
        if let BookingFact::PayoutMade { event, payout, provider, amount, commission, entry } = fact {
            let (id, event, provider, currency) = (*payout, *event, *provider, entry.currency);
            let payout = Payout { id, event, provider, currency, amount: *amount, commission: *commission };
            self.payouts.push((row.at, payout));
        }
    }

    /// What a period holds of one event, or of all.
    pub fn statement(&self, period: &Range<Timestamp>, event: Option<EventId>) -> Statement {
        let wanted = |of: &EventId| event.is_none_or(|event| event == *of);
        let mut accounts: BTreeMap<(Currency, Account), AccountStatement> = BTreeMap::new();
        for ((of, currency, account), sums) in self.sums.iter().filter(|((of, ..), _)| wanted(of)) {
            let told =
                accounts.entry((*currency, *account)).or_insert_with(|| AccountStatement::new(*currency, *account));
            for ((at, kind), minor) in sums.range(..(period.end, Movement::Sale)) {
                if *at < period.start {
                    told.opening += minor;
                } else {
                    told.add(*of, *kind, *minor);
                }
                told.closing += minor;
            }
        }
        let accounts = accounts.into_values().filter(|told| told.opening != 0 || !told.movements.is_empty()).collect();
        let paid = self.payouts.iter().filter(|(at, payout)| period.contains(at) && wanted(&payout.event));
        Statement { accounts, payouts: paid.copied().collect() }
    }

    /// The events that money was moved at.
    pub fn events(&self) -> BTreeSet<EventId> {
        self.sums.keys().map(|(event, ..)| *event).collect()
    }
}

/// What a period holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement {
    /// By currency and account, those with something in them.
    pub accounts: Vec<AccountStatement>,
    /// Payouts of the period, with their time.
    pub payouts: Vec<(Timestamp, Payout)>,
}

/// One account over a period: what it had, and all lines come to what it has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct AccountStatement {
    /// The currency of all amounts.
    pub currency: Currency,
    /// The account.
    pub account: Account,
    /// What it had when the period began, minor units; above zero is a debit.
    pub opening: i64,
    /// What came and went.
    pub movements: Vec<Moved>,
    /// What it has when the period ends.
    pub closing: i64,
}

/// What one kind of happening moved at one event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Moved {
    /// The event.
    pub event: EventId,
    /// The kind.
    pub movement: Movement,
    /// Minor units.
    pub minor: i64,
}

impl AccountStatement {
    fn new(currency: Currency, account: Account) -> Self {
        Self { currency, account, opening: 0, movements: Vec::new(), closing: 0 }
    }

    fn add(&mut self, event: EventId, movement: Movement, minor: i64) {
        match self.movements.iter_mut().find(|moved| (moved.event, moved.movement) == (event, movement)) {
            Some(moved) => moved.minor += minor,
            None => self.movements.push(Moved { event, movement, minor }),
        }
    }
}
