//! The trade of books: papers that are asked for again and again, in any order, by processes that crash in between; letters
//! that are told to be sent twice. Numbers must have no gap, and nothing may be issued twice.

use std::collections::{BTreeMap, BTreeSet};

use records::booking::BasisPoints;
use records::books::{BooksFact, Cause, InvoiceKind, InvoiceLine, Invoicing, LetterId, LineReason, TaxTotal};
use records::fact::By;
use records::{Blob, Currency, EventId, Fact, FactRow, OrderId, OrganizationId, Timestamp};
use rules::books::{Books, Command, Draft, Wish};
use rules::domains;
use workload::chance::Chance;

use super::{Scale, Trade};
use crate::desk::known::Known;

/// Orders that papers are about in a small world.
const ORDERS: u64 = 12;
/// Facts that one order leads to.
const CAUSES: u64 = 4;
/// Beginnings of numbers.
const PREFIXES: [&str; 3] = ["INV-{year}-", "R-", "A{year}."];

pub(crate) struct Bookkeeping {
    scale: Scale,
    books: Books,
    /// The last number of each series, the causes that were taken, and what each order's papers come to: told again here.
    serials: BTreeMap<(OrganizationId, String), u64>,
    causes: BTreeSet<(OrganizationId, Cause)>,
    letters: BTreeSet<(OrganizationId, LetterId)>,
    invoices: BTreeMap<(OrganizationId, OrderId), String>,
}

impl Bookkeeping {
    pub(crate) fn new(scale: Scale) -> Self {
        Self {
            scale,
            books: Books::default(),
            serials: BTreeMap::new(),
            causes: BTreeSet::new(),
            letters: BTreeSet::new(),
            invoices: BTreeMap::new(),
        }
    }

    /// A paper of one of the facts of an order: the first one sells, the others take something back.
    fn draft(&self, chance: &mut Chance) -> Draft {
        let order = 1 + chance.below(ORDERS.max(self.scale.users * 64));
        let number = chance.below(CAUSES);
        let kind = if number == 0 { InvoiceKind::Invoice } else { InvoiceKind::CreditNote };
        let gross = if number == 0 { 10_000 } else { 1_000 };
        let (tax, rate) = (gross / 10, BasisPoints(1_111));
        let (reason, title, count, price) = (LineReason::Sold, "Pass".to_owned(), 1, gross);
        // Sometimes somebody has made a mistake.
        let net = gross - tax + i64::from(chance.per_mille(20));
        Draft {
            cause: Cause { partition: 1, offset: order * CAUSES + number },
            kind,
            event: EventId(1),
            order: OrderId(u128::from(order)),
            about: "Conference".into(),
            language: "en".into(),
            currency: Currency::EUR,
            lines: vec![InvoiceLine { reason, title, count, price, gross, tax, rate }],
            taxes: vec![TaxTotal { rate, net, tax }],
            subject: 1,
            sealed: Blob([7; 16].into()),
        }
    }

    fn letter(&self, chance: &mut Chance) -> (LetterId, Option<String>) {
        let cause = Cause { partition: 1, offset: chance.below(64 * self.scale.users) };
        let why = chance.per_mille(200).then(|| "the mail server refused it".to_owned());
        (LetterId { cause, part: chance.below(2) as u8, order: OrderId(u128::from(chance.below(2))) }, why)
    }

    fn judge_fact(&mut self, organization: OrganizationId, fact: &BooksFact) -> Result<(), String> {
        match fact {
            BooksFact::InvoiceIssued { cause, invoice } => {
                let last = self.serials.entry((organization, invoice.series.clone())).or_default();
                if invoice.serial != *last + 1 {
                    return Err(format!("number {} follows {last} in its series", invoice.number));
                }
                *last = invoice.serial;
                if !self.causes.insert((organization, *cause)) {
                    return Err(format!("{cause:?} was issued for twice"));
                }
                let key = (organization, invoice.order);
                match (invoice.kind, &invoice.corrects) {
                    (InvoiceKind::Invoice, None) => {
                        if self.invoices.insert(key, invoice.number.clone()).is_some() {
                            return Err(format!("order {} has two invoices", invoice.order));
                        }
                    }
                    (InvoiceKind::CreditNote, Some(corrects)) if self.invoices.get(&key) == Some(corrects) => {}
                    (kind, corrects) => return Err(format!("a {kind:?} corrects {corrects:?}")),
                }
                let lines: i64 = invoice.lines.iter().map(|line| line.gross).sum();
                if lines != invoice.gross {
                    return Err(format!("{} has lines of {lines} and says {}", invoice.number, invoice.gross));
                }
            }
            BooksFact::LetterSettled { letter, .. } => {
                if !self.letters.insert((organization, *letter)) {
                    return Err(format!("{letter:?} was settled twice"));
                }
            }
            BooksFact::InvoicingSet { .. } | BooksFact::LetterAsked { .. } => {}
        }
        Ok(())
    }
}

impl Trade for Bookkeeping {
    fn ask(&mut self, _: &Known, _: Timestamp, chance: &mut Chance) -> domains::Command {
        let organization = OrganizationId(1_000 + u128::from(chance.below(self.scale.organizations)));
        let count = 1 + chance.below(6).saturating_sub(2);
        let wish = match chance.below(20) {
            0 => {
                let invoice_prefix = (*chance.pick(&PREFIXES)).to_owned();
                Wish::SetInvoicing(Invoicing { invoice_prefix, ..Invoicing::default() })
            }
            1..15 => Wish::Issue((0..count).map(|_| self.draft(chance)).collect()),
            15..19 => Wish::SettleLetters((0..count).map(|_| self.letter(chance)).collect()),
            _ => {
                let order = OrderId(1 + u128::from(chance.below(ORDERS)));
                Wish::AskLetters { event: EventId(1), orders: vec![order] }
            }
        };
        domains::Command { by: Some(By::Operator), order: domains::Order::Books(Command { organization, wish }) }
    }

    fn judge(&mut self, row: &FactRow) -> Result<(), String> {
        self.books.apply(row);
        let Some(Fact::Books(fact)) = row.known() else { return Ok(()) };
        self.judge_fact(row.organization, fact)?;
        // In a small world everything is counted again each time.
        if self.scale.organizations > 8 {
            return Ok(());
        }
        self.books.audit().first().map_or(Ok(()), |fault| Err(format!("books do not add up: {fault}")))
    }
}
