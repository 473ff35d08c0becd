//! The books of organizations: invoices and credit notes with numbers without a gap, and which letters were sent.
//!
//! They follow from facts of box offices. Whoever hears such a fact asks for what it leads to ([`draft`]), as often as they
//! like: a cause is taken once. Numbers are given here, by the only writer of the organization's partition, when the fact
//! is made; so a number is never reserved, lost or given twice. [`Books::audit`] counts again.
//!
//! [`journal`] sums the same facts into statements for the organizer.

pub mod draft;
pub mod journal;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

pub use draft::Draft;
use records::books::{BooksFact, Cause, Invoice, InvoiceKind, Invoicing, Issuer, LetterId};
use records::{EventId, Fact, FactRow, OrderId, OrganizationId, Timestamp, Zone};
use serde::{Deserialize, Serialize};

/// Drafts, letters or orders of one command.
pub const BATCH_MAX: usize = 256;
/// Bytes of a beginning of numbers.
const PREFIX_MAX: usize = 24;
/// Bytes of the issuer's name and tax id.
const NAME_MAX: usize = 200;
/// Bytes of an address or note.
const TEXT_MAX: usize = 2_000;
/// What stands for the fiscal year.
const YEAR: &str = "{year}";
/// Digits that a number has at least.
const DIGITS: usize = 6;

/// What is asked of an organization's books.
#[derive(Debug, Clone, PartialEq)]
pub struct Command {
    /// The tenant.
    pub organization: OrganizationId,
    /// What shall be.
    pub wish: Wish,
}

/// One thing that shall be written.
#[derive(Debug, Clone, PartialEq)]
pub enum Wish {
    /// How invoices are written.
    SetInvoicing(Invoicing),
    /// Invoices and credit notes that follow from facts, in this order. A cause that was taken is passed over.
    Issue(Vec<Draft>),
    /// What became of letters: none for those that were taken, otherwise why they are not sent.
    SettleLetters(Vec<(LetterId, Option<String>)>),
    /// The letters of orders are to be sent again.
    AskLetters {
        /// The event.
        event: EventId,
        /// Its orders.
        orders: Vec<OrderId>,
    },
}

/// Why something is not written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// What an organizer wrote is not sound.
    #[error("`{field}` {problem}")]
    Invalid {
        /// Which field.
        field: &'static str,
        /// What is wrong with it, and what would help.
        problem: String,
    },
    /// A draft whose lines and sums differ.
    #[error("the lines of an invoice do not come to its sums")]
    DoesNotAddUp,
    /// A credit note for an order that has no invoice.
    #[error("there is no invoice that this corrects")]
    NoInvoice,
    /// An order that has an invoice.
    #[error("the order has an invoice")]
    HasInvoice,
    /// More than is written at once.
    #[error("at most {BATCH_MAX} are written at once")]
    TooMany,
}

/// What was issued for one order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Papers {
    invoice: String,
    causes: Vec<Cause>,
    /// What was invoiced less what was taken back, with tax; and the tax within.
    gross: i64,
    tax: i64,
}

/// One organization's books.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Book {
    name: String,
    zone: Zone,
    spec: Invoicing,
    /// The last number of each series.
    serials: BTreeMap<String, u64>,
    papers: BTreeMap<(EventId, OrderId), Papers>,
    letters: BTreeSet<LetterId>,
}

impl Default for Book {
    fn default() -> Self {
        let (name, zone, spec) = (String::new(), Zone::utc(), Invoicing::default());
        let (serials, papers, letters) = (BTreeMap::new(), BTreeMap::new(), BTreeSet::new());
        Self { name, zone, spec, serials, papers, letters }
    }
}

/// The books of all organizations of a partition.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Books(BTreeMap<OrganizationId, Book>);

impl Books {
    /// The facts after which a command is done; none when everything stands already.
    ///
    /// # Errors
    /// When it is refused; then nothing is done.
    pub fn decide(&self, command: &Command, now: Timestamp) -> Result<Vec<BooksFact>, Refusal> {
        let none = Book::default();
        let book = self.0.get(&command.organization).unwrap_or(&none);
        match &command.wish {
            Wish::SetInvoicing(spec) => {
                check(spec)?;
                let fact = BooksFact::InvoicingSet { spec: spec.clone() };
                Ok((book.spec != *spec).then_some(fact).into_iter().collect())
            }
            Wish::Issue(drafts) if drafts.len() > BATCH_MAX => Err(Refusal::TooMany),
            Wish::Issue(drafts) => book.issue(drafts, now),
            Wish::SettleLetters(letters) if letters.len() > BATCH_MAX => Err(Refusal::TooMany),
            Wish::SettleLetters(letters) => {
                let mut seen = BTreeSet::new();
                let news = letters.iter().filter(|(id, _)| !book.letters.contains(id) && seen.insert(*id));
                Ok(news.map(|(letter, why)| BooksFact::LetterSettled { letter: *letter, why: why.clone() }).collect())
            }
            Wish::AskLetters { orders, .. } if orders.len() > BATCH_MAX => Err(Refusal::TooMany),
            Wish::AskLetters { event, orders } => {
                Ok(orders.iter().map(|order| BooksFact::LetterAsked { event: *event, order: *order }).collect())
            }
        }
    }

    /// Takes one fact; those that say nothing of books are passed over.
    pub fn apply(&mut self, row: &FactRow) {
        match row.known() {
            Some(Fact::OrganizationRegistered { name, zone }) => {
                let book = self.0.entry(row.organization).or_default();
                (book.name, book.zone) = (name.clone(), zone.clone());
            }
            Some(Fact::Books(fact)) => self.0.entry(row.organization).or_default().apply(fact),
            _ => {}
        }
    }

    /// How an organization's invoices are written.
    pub fn invoicing(&self, organization: OrganizationId) -> Invoicing {
        self.0.get(&organization).map(|book| book.spec.clone()).unwrap_or_default()
    }

    /// What does not hold; nothing when all is well.
    pub fn audit(&self) -> Vec<String> {
        let mut faults = Vec::new();
        for (organization, book) in &self.0 {
            let mut causes = BTreeSet::new();
            let mut count = 0;
            for ((event, order), papers) in &book.papers {
                if papers.gross < 0 || papers.causes.is_empty() {
                    faults
                        .push(format!("{organization}/{event}/{order}: more was taken back than invoiced: {papers:?}"));
                }
                causes.extend(papers.causes.iter().copied());
                count += papers.causes.len();
            }
            let given: u64 = book.serials.values().sum();
            if causes.len() != count || given != count as u64 {
                faults
                    .push(format!("{organization}: {given} numbers for {} causes, noted {count} times", causes.len()));
            }
        }
        faults
    }

    /// What a snapshot holds.
    pub(crate) fn stored(&self) -> Vec<Stored> {
        let one = |(organization, book): (&OrganizationId, &Book)| {
            let Book { name, zone, spec, serials, papers, letters } = book.clone();
            let (papers, letters) = (papers.into_iter().collect(), letters.into_iter().collect());
            Stored { organization: *organization, name, zone, spec, serials, papers, letters }
        };
        self.0.iter().map(one).collect()
    }

    /// Books from what a snapshot holds.
    pub(crate) fn restore(stored: Vec<Stored>) -> Self {
        let one = |stored: Stored| {
            let Stored { organization, name, zone, spec, serials, papers, letters } = stored;
            let (papers, letters) = (papers.into_iter().collect(), letters.into_iter().collect());
            (organization, Book { name, zone, spec, serials, papers, letters })
        };
        Self(stored.into_iter().map(one).collect())
    }
}

impl Book {
    fn issue(&self, drafts: &[Draft], now: Timestamp) -> Result<Vec<BooksFact>, Refusal> {
        // On top of the state: what this command has issued already.
        let (mut serials, mut invoices, mut causes) = (self.serials.clone(), BTreeMap::new(), BTreeSet::new());
        let date = self.zone.day(now).date();
        let mut facts = Vec::new();
        for draft in drafts {
            let key = (draft.event, draft.order);
            let papers = self.papers.get(&key);
            let is_taken = papers.is_some_and(|papers| papers.causes.contains(&draft.cause));
            if is_taken || !causes.insert(draft.cause) {
                continue;
            }
            draft.check()?;
            let known = papers.map(|papers| papers.invoice.clone()).or_else(|| invoices.get(&key).cloned());
            let (prefix, corrects) = match (draft.kind, known) {
                (InvoiceKind::Invoice, None) => (&self.spec.invoice_prefix, None),
                (InvoiceKind::Invoice, Some(_)) => return Err(Refusal::HasInvoice),
                (InvoiceKind::CreditNote, Some(invoice)) => (&self.spec.credit_prefix, Some(invoice)),
                (InvoiceKind::CreditNote, None) => return Err(Refusal::NoInvoice),
            };
            let series = prefix.replace(YEAR, &self.fiscal_year(&date));
            let serial = serials.entry(series.clone()).or_default();
            *serial += 1;
            let invoice = self.written(draft, series, *serial, corrects, date.clone());
            if draft.kind == InvoiceKind::Invoice {
                invoices.insert(key, invoice.number.clone());
            }
            facts.push(BooksFact::InvoiceIssued { cause: draft.cause, invoice: Box::new(invoice) });
        }
        Ok(facts)
    }

    fn written(&self, draft: &Draft, series: String, serial: u64, corrects: Option<String>, date: String) -> Invoice {
        let Invoicing { name, address, tax_id, note, .. } = self.spec.clone();
        let name = if name.is_empty() { self.name.clone() } else { name };
        let (gross, tax) = draft.sums();
        Invoice {
            kind: draft.kind,
            number: format!("{series}{serial:0DIGITS$}"),
            series,
            serial,
            corrects,
            date,
            issuer: Issuer { name, address, tax_id },
            note,
            language: draft.language.clone(),
            event: draft.event,
            about: draft.about.clone(),
            order: draft.order,
            currency: draft.currency,
            lines: draft.lines.clone(),
            taxes: draft.taxes.clone(),
            gross,
            tax,
            subject: draft.subject,
            sealed: draft.sealed.clone(),
        }
    }

    /// The fiscal year of a day such as `2026-11-21`, named by the calendar year in which it begins.
    fn fiscal_year(&self, date: &str) -> String {
        // Years before 0 or after 9999 are written otherwise, and are nobody's.
        let number = |range: std::ops::Range<usize>| date.get(range).and_then(|part| part.parse::<i32>().ok());
        let (year, month) = (number(0..4).unwrap_or(0), number(5..7).unwrap_or(1));
        let begun = month >= i32::from(self.spec.year_begins);
        format!("{:04}", if begun { year } else { year - 1 })
    }

    fn apply(&mut self, fact: &BooksFact) {
        match fact {
            BooksFact::InvoicingSet { spec } => self.spec = spec.clone(),
            BooksFact::InvoiceIssued { cause, invoice } => {
                let serial = self.serials.entry(invoice.series.clone()).or_default();
                *serial = (*serial).max(invoice.serial);
                let key = (invoice.event, invoice.order);
                let papers = self.papers.entry(key).or_insert_with(|| {
                    let invoice = invoice.corrects.clone().unwrap_or_else(|| invoice.number.clone());
                    Papers { invoice, causes: Vec::new(), gross: 0, tax: 0 }
                });
                let sign = if invoice.kind == InvoiceKind::Invoice { 1 } else { -1 };
                papers.causes.push(*cause);
                papers.gross += sign * invoice.gross;
                papers.tax += sign * invoice.tax;
            }
            BooksFact::LetterSettled { letter, .. } => {
                self.letters.insert(*letter);
            }
            BooksFact::LetterAsked { .. } => {}
        }
    }
}

/// One organization's books in a snapshot.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Stored {
    organization: OrganizationId,
    name: String,
    zone: Zone,
    spec: Invoicing,
    serials: BTreeMap<String, u64>,
    papers: Vec<((EventId, OrderId), Papers)>,
    letters: Vec<LetterId>,
}

fn check(spec: &Invoicing) -> Result<(), Refusal> {
    let invalid = |field, problem: &str| Err(Refusal::Invalid { field, problem: problem.into() });
    for (field, text, most) in [
        ("name", &spec.name, NAME_MAX),
        ("tax_id", &spec.tax_id, NAME_MAX),
        ("address", &spec.address, TEXT_MAX),
        ("note", &spec.note, TEXT_MAX),
        ("bank", &spec.bank, TEXT_MAX),
    ] {
        let is_wrong = |letter: char| letter.is_control() && !(letter == '\n' && most == TEXT_MAX);
        if text.len() > most || text.contains(is_wrong) {
            return invalid(field, &format!("has at most {most} bytes, and no control characters"));
        }
    }
    for (field, prefix) in [("invoice_prefix", &spec.invoice_prefix), ("credit_prefix", &spec.credit_prefix)] {
        let bare = prefix.replacen(YEAR, "", 1);
        let is_plain = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_' | '.');
        if prefix.is_empty() || prefix.len() > PREFIX_MAX || !bare.chars().all(is_plain) {
            return invalid(field, "has letters, digits, `-`, `_`, `.` and once `{year}`, at most 24 in all");
        }
        // Two series must never come to the same number.
        if prefix.ends_with(YEAR) || prefix.ends_with(|last: char| last.is_ascii_digit()) {
            return invalid(field, "ends neither with a digit nor with the year, so that the number stands for itself");
        }
    }
    if spec.invoice_prefix == spec.credit_prefix {
        return invalid("credit_prefix", "is another one than that of invoices");
    }
    if !(1..=12).contains(&spec.year_begins) {
        return invalid("year_begins", "is a month, 1 to 12");
    }
    Ok(())
}
