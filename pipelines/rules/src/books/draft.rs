//! What invoice or credit note a fact of a box office leads to: the difference between what an order was sold for before
//! and after it, by rate of tax. So the sum of an order's papers is what the ledger says of it, to the unit.

use std::collections::BTreeMap;

use records::booking::{BasisPoints, BookingFact, Position};
use records::books::{Cause, InvoiceKind, InvoiceLine, LineReason, TaxTotal};
use records::{Blob, Currency, EventId, Fact, FactRow, OrderId};

use super::Refusal;
use crate::booking::office::Order;
use crate::booking::{Booking, BoxOffice};

/// What is to be issued.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Draft {
    /// The fact that it follows from.
    pub cause: Cause,
    /// What it is.
    pub kind: InvoiceKind,
    /// The event.
    pub event: EventId,
    /// The order.
    pub order: OrderId,
    /// What people call the event.
    pub about: String,
    /// The language to write it in, BCP 47.
    pub language: String,
    /// The currency of all amounts.
    pub currency: Currency,
    /// What it is for.
    pub lines: Vec<InvoiceLine>,
    /// The sums of its lines by rate, the lowest first.
    pub taxes: Vec<TaxTotal>,
    /// The number of the key that seals what is personal.
    pub subject: u64,
    /// The buyer's data, sealed.
    pub sealed: Blob,
}

/// What an order is sold for, with tax, and the tax within, by rate.
pub type Figures = BTreeMap<BasisPoints, (i64, i64)>;

/// What was sold of an order, less what was given back without cancelling.
pub fn figures(order: &Order) -> Figures {
    let mut sums = Figures::new();
    if !order.was_confirmed() {
        return sums;
    }
    for (_, position) in order.live() {
        add(&mut sums, position.rate, position.price, position.tax);
    }
    for (rate, (gross, tax)) in spread(order.goodwill, order.goodwill_tax, &sums) {
        add(&mut sums, rate, -gross, -tax);
    }
    sums
}

fn add(sums: &mut Figures, rate: BasisPoints, gross: i64, tax: i64) {
    let sum = sums.entry(rate).or_default();
    *sum = (sum.0 + gross, sum.1 + tax);
}

/// Parts an amount, and the tax within it, in proportion to what was sold at each rate; the parts come to it exactly.
fn spread(gross: i64, tax: i64, by: &Figures) -> Figures {
    let by_gross: Vec<i64> = by.values().map(|(gross, _)| *gross).collect();
    let by_tax: Vec<i64> = by.values().map(|(_, tax)| *tax).collect();
    let by_tax = if by_tax.iter().sum::<i64>() > 0 { &by_tax } else { &by_gross };
    let parts = share(gross, &by_gross).into_iter().zip(share(tax, by_tax));
    by.keys().copied().zip(parts).collect()
}

/// Parts an amount by weights: each part ends where the sum of the weights so far does.
fn share(amount: i64, weights: &[i64]) -> Vec<i64> {
    let all: i128 = weights.iter().map(|weight| i128::from(*weight)).sum();
    let (mut so_far, mut given) = (0i128, 0i128);
    let last = weights.len().saturating_sub(1);
    let part = |(place, weight): (usize, &i64)| {
        so_far += i128::from(*weight);
        // Of nothing no shares can be told: the last one takes it.
        let end = if place == last || all == 0 {
            if place == last { i128::from(amount) } else { 0 }
        } else {
            i128::from(amount) * so_far / all
        };
        let part = end - given;
        given = end;
        i64::try_from(part).expect("a part is no larger than the whole")
    };
    weights.iter().enumerate().map(part).collect()
}

/// How an order was before a fact that may lead to a paper.
#[derive(Debug, Clone)]
pub struct Before {
    order: OrderId,
    figures: Figures,
    positions: Vec<Position>,
}

/// Looks at an order before a fact is applied; none for facts that lead to no paper.
pub fn before(booking: &Booking, row: &FactRow) -> Option<Before> {
    let Some(Fact::Booking(fact)) = row.known() else { return None };
    let order = match fact {
        BookingFact::OrderConfirmed { order, .. } => *order,
        BookingFact::OrderCancelled { order, entry, .. } | BookingFact::RefundStarted { order, entry, .. }
            if !entry.postings.is_empty() =>
        {
            *order
        }
        _ => return None,
    };
    let known = booking.office(row.organization, fact.event())?.order(order)?;
    Some(Before { order, figures: figures(known), positions: known.positions.clone() })
}

impl Before {
    /// What the fact leads to, looked at after it was applied; none where no money was turned over.
    pub fn draft(self, booking: &Booking, row: &FactRow, cause: Cause) -> Option<Draft> {
        let Some(Fact::Booking(fact)) = row.known() else { return None };
        let event = fact.event();
        let office = booking.office(row.organization, event)?;
        let order = office.order(self.order)?;
        let after = figures(order);
        let kind = match fact {
            BookingFact::OrderConfirmed { .. } => InvoiceKind::Invoice,
            _ => InvoiceKind::CreditNote,
        };
        let turned = match kind {
            InvoiceKind::Invoice => difference(&after, &self.figures),
            InvoiceKind::CreditNote => difference(&self.figures, &after),
        };
        if turned.values().all(|(gross, tax)| (*gross, *tax) == (0, 0)) {
            return None;
        }
        let lines = lines(office, fact, order, &self.positions, &turned);
        let total =
            |(rate, (gross, tax)): (&BasisPoints, &(i64, i64))| TaxTotal { rate: *rate, net: gross - tax, tax: *tax };
        let (currency, subject, sealed) = (order.currency, order.subject, order.sealed.clone());
        let taxes = turned.iter().map(total).collect();
        let (order, about, language) = (self.order, String::new(), String::new());
        Some(Draft { cause, kind, event, order, about, language, currency, lines, taxes, subject, sealed })
    }
}

fn difference(more: &Figures, less: &Figures) -> Figures {
    let mut left = more.clone();
    less.iter().for_each(|(rate, (gross, tax))| add(&mut left, *rate, -gross, -tax));
    left
}

/// Lines that come to what was turned over at each rate.
fn lines(
    office: &BoxOffice,
    fact: &BookingFact,
    order: &Order,
    was: &[Position],
    turned: &Figures,
) -> Vec<InvoiceLine> {
    let mut lines = Vec::new();
    match fact {
        BookingFact::OrderConfirmed { .. } => {
            order.live().for_each(|(_, position)| put(&mut lines, LineReason::Sold, title(office, position), position));
        }
        BookingFact::OrderCancelled { positions, repriced, .. } => {
            for position in positions.iter().filter_map(|place| was.get(usize::from(*place))) {
                put(&mut lines, LineReason::Sold, title(office, position), position);
            }
            for (place, now) in repriced {
                let Some(then) = was.get(usize::from(*place)) else { continue };
                let moved = Position { price: then.price - now.price, tax: then.tax - now.tax, ..*now };
                put(&mut lines, LineReason::Repriced, title(office, now), &moved);
            }
        }
        _ => {}
    }
    let mut left = turned.clone();
    lines.iter().for_each(|line| add(&mut left, line.rate, -line.gross, -line.tax));
    for (rate, (gross, tax)) in left.into_iter().filter(|(_, rest)| *rest != (0, 0)) {
        let position = Position { price: gross, tax, rate, ..Position::default() };
        put(&mut lines, LineReason::Reduced, String::new(), &position);
    }
    lines
}

/// Adds a position to the line that says the same, or a line of its own.
fn put(lines: &mut Vec<InvoiceLine>, reason: LineReason, title: String, position: &Position) {
    let same = |line: &&mut InvoiceLine| {
        (line.reason, &line.title, line.price, line.rate) == (reason, &title, position.price, position.rate)
    };
    if let Some(line) = lines.iter_mut().find(same) {
        line.count += 1;
        line.gross += position.price;
        line.tax += position.tax;
        return;
    }
    let (price, rate, tax) = (position.price, position.rate, position.tax);
    lines.push(InvoiceLine { reason, title, count: 1, price, gross: price, tax, rate });
}

/// What people call what is in a position.
pub fn title(office: &BoxOffice, position: &Position) -> String {
    let Some(product) = office.catalogue().products().get(&position.product) else { return String::new() };
    let variation = product.variations.iter().find(|variation| variation.variation == position.variation);
    match variation {
        Some(variation) => format!("{}, {}", product.title, variation.title),
        None => product.title.clone(),
    }
}

impl Draft {
    /// The sum with tax, and the tax within.
    pub fn sums(&self) -> (i64, i64) {
        self.taxes.iter().fold((0, 0), |(gross, tax), total| (gross + total.net + total.tax, tax + total.tax))
    }

    pub(super) fn check(&self) -> Result<(), Refusal> {
        let (mut by_line, mut by_rate) = (Figures::new(), Figures::new());
        self.lines.iter().for_each(|line| add(&mut by_line, line.rate, line.gross, line.tax));
        self.taxes.iter().for_each(|total| add(&mut by_rate, total.rate, total.net + total.tax, total.tax));
        let adds_up = difference(&by_line, &by_rate).values().all(|rest| *rest == (0, 0));
        if adds_up { Ok(()) } else { Err(Refusal::DoesNotAddUp) }
    }
}
