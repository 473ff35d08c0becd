//! What a box office decides, as those see it who fold its facts: orders, payments that fail or come, cancellations, refunds.
//!
//! These facts are told, not decided: the rules are above this crate. They are what the rules decide in that they balance,
//! name orders that were placed, and pay back no more than came in.

use records::booking::{Account, BookingFact, Ending, Entry, PaymentStatus, Posting, Provider, RefundReason};
use records::{
    Blob, Currency, EventId, FactRow, HoldId, OrderId, OrganizationId, PaymentId, RefundId, Span, Timestamp, Token,
};

use crate::chance::Chance;

/// People who buy; few, so that some buy often.
const BUYERS: u64 = 12;
/// Cards, fewer than there are people.
const CARDS: u64 = 7;
/// Of 1,000 orders, those whose card is refused first, those that are cancelled, and those of another currency.
const REFUSED_PER_MILLE: u64 = 300;
const CANCELLED_PER_MILLE: u64 = 250;
const DOLLARS_PER_MILLE: u64 = 200;
/// The longest time between two orders.
const PAUSE_MICROS: i64 = 90_000_000;

/// The facts of so many orders, in the order in which they were decided, the first at `from` or later.
pub fn bookings(
    seed: u64,
    (organization, event): (OrganizationId, EventId),
    from: Timestamp,
    orders: u64,
) -> Vec<FactRow> {
    let mut chance = Chance::new(seed);
    let (mut rows, mut now) = (Vec::new(), from);
    for number in 1..=orders {
        now = now.saturating_add(Span(chance.between(0, PAUSE_MICROS)));
        let facts = order(&mut chance, event, u128::from(number));
        rows.extend(facts.into_iter().map(|fact| FactRow::new(organization, now, fact.into())));
    }
    rows
}

fn order(chance: &mut Chance, event: EventId, number: u128) -> Vec<BookingFact> {
    let (order, provider) = (OrderId(1_000_000 + number), Provider::Test);
    let currency = if chance.per_mille(DOLLARS_PER_MILLE) { Currency::USD } else { Currency::EUR };
    let (person, card) = (Token(1 + chance.below(BUYERS)), Token(1 + chance.below(CARDS)));
    let net = 1_000 + chance.below(20_000).cast_signed();
    let tax = net * 19 / 100;
    let gross = net + tax;
    let entry = |postings: Vec<(Account, i64)>| Entry {
        currency,
        postings: postings.into_iter().map(|(account, minor)| Posting { account, minor }).collect(),
    };
    let mut facts = vec![BookingFact::OrderPlaced {
        event,
        order,
        hold: HoldId(number),
        subject: 1,
        person,
        sealed: Blob([7; 16].into()),
        provider,
        total: gross,
        currency,
        due: Timestamp::MAX,
        review: None,
        asked: 1,
    }];
    let mut pay = |attempt: u16, status, captured, postings| {
        let payment = PaymentId(number * 2 + u128::from(attempt));
        facts.push(BookingFact::PaymentStarted { event, order, payment, attempt, provider, amount: gross });
        let (reference, entry) = (format!("test_{number}_{attempt}"), entry(postings));
        facts.push(BookingFact::PaymentObserved {
            event,
            order,
            payment,
            status,
            captured,
            reference,
            person,
            card,
            entry,
        });
        payment
    };
    if chance.per_mille(REFUSED_PER_MILLE) {
        pay(0, PaymentStatus::Failed, 0, vec![]);
    }
    let came = vec![(Account::Provider(provider), gross), (Account::Receivable, -gross)];
    let payment = pay(1, PaymentStatus::Captured, gross, came);
    let sold = vec![(Account::Receivable, gross), (Account::Sales, -net), (Account::Tax, -tax)];
    facts.push(BookingFact::OrderConfirmed { event, order, tickets: vec![], entry: entry(sold) });
    if chance.per_mille(CANCELLED_PER_MILLE) {
        let given_up = vec![(Account::Receivable, -gross), (Account::Sales, net), (Account::Tax, tax)];
        let (positions, repriced, why) = (vec![0], vec![], Ending::Buyer);
        facts.push(BookingFact::OrderCancelled { event, order, positions, repriced, why, entry: entry(given_up) });
        let back = entry(vec![(Account::Receivable, gross), (Account::RefundsDue, -gross)]);
        let (refund, why) = (RefundId(number), RefundReason::Asked);
        facts.push(BookingFact::RefundStarted { event, order, refund, payment, amount: gross, why, entry: back });
        let went = entry(vec![(Account::RefundsDue, gross), (Account::Provider(provider), -gross)]);
        facts.push(BookingFact::RefundSettled { event, order, refund, entry: went });
    }
    facts
}

#[cfg(test)]
mod tests {
    use records::Fact;

    use super::*;

    #[test]
    fn every_entry_balances_and_every_path_is_taken() {
        let rows = bookings(1, (OrganizationId(1), EventId(2)), Timestamp(0), 200);
        let facts: Vec<&BookingFact> = rows
            .iter()
            .filter_map(|row| if let Some(Fact::Booking(fact)) = row.known() { Some(fact) } else { None })
            .collect();
        assert!(facts.iter().filter_map(|fact| fact.entry()).all(Entry::balances));
        let count = |found: fn(&BookingFact) -> bool| facts.iter().filter(|fact| found(fact)).count();
        assert_eq!(count(|fact| matches!(fact, BookingFact::OrderConfirmed { .. })), 200);
        assert!(count(|fact| matches!(fact, BookingFact::RefundSettled { .. })) > 20);
        assert!(count(|fact| matches!(fact, BookingFact::PaymentObserved { status: PaymentStatus::Failed, .. })) > 20);
        assert_eq!(rows, bookings(1, (OrganizationId(1), EventId(2)), Timestamp(0), 200));
    }
}
