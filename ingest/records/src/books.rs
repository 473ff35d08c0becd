//! Facts of an organization's books: invoices, credit notes, and the letters to buyers that were sent.
//!
//! They follow from facts of box offices, each of which is named as their cause. Amounts are minor units with tax inside,
//! unless a field says otherwise; on a credit note what is above zero is taken back.

use serde::{Deserialize, Serialize};

use crate::booking::BasisPoints;
use crate::id::{EventId, OrderId};
use crate::money::Currency;
use crate::secret::Blob;

/// One thing that was written into an organization's books. Fields are never removed, only added with a default.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "fact", rename_all = "snake_case")]
pub enum BooksFact {
    /// How invoices are written was set.
    InvoicingSet {
        /// From here on.
        spec: Invoicing,
    },
    /// An invoice or a credit note was issued. Nothing of it changes any more.
    InvoiceIssued {
        /// The fact that it was issued for.
        cause: Cause,
        /// What was issued.
        invoice: Box<Invoice>,
    },
    /// A letter to a buyer or holder was taken by a mail server, or will not be sent.
    LetterSettled {
        /// The letter.
        letter: LetterId,
        /// Why it is not sent, if it is not; without addresses.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        why: Option<String>,
    },
    /// Somebody wants letters about an order to be sent again.
    LetterAsked {
        /// The event.
        event: EventId,
        /// The order.
        order: OrderId,
    },
}

/// The place of a fact that something followed from.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize, schemars::JsonSchema,
)]
pub struct Cause {
    /// The partition of the facts.
    pub partition: u16,
    /// The offset in it.
    pub offset: u64,
}

/// A letter: one of those that a fact leads to.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize, schemars::JsonSchema,
)]
pub struct LetterId {
    /// The fact.
    pub cause: Cause,
    /// Which of its letters, from 0.
    pub part: u8,
    /// The order that it is about, where one fact leads to letters about many.
    #[serde(default, skip_serializing_if = "is_none")]
    pub order: OrderId,
}

fn is_none(order: &OrderId) -> bool {
    !order.is_some()
}

/// How an organization's invoices are written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(default)]
pub struct Invoicing {
    /// Who issues them, as it stands on them; the organization's name when it is empty.
    pub name: String,
    /// The issuer's address, with its lines.
    pub address: String,
    /// The issuer's number at the tax office.
    pub tax_id: String,
    /// What numbers of invoices begin with; `{year}` becomes the fiscal year. Each beginning is a series of its own.
    pub invoice_prefix: String,
    /// The same of credit notes.
    pub credit_prefix: String,
    /// The month in which the fiscal year begins, 1 to 12; the year is named by the one in which it begins.
    pub year_begins: u8,
    /// What stands at the end of each.
    pub note: String,
    /// How bank transfers reach the organization, with its lines: told to who pays so.
    pub bank: String,
}

impl Default for Invoicing {
    fn default() -> Self {
        Self {
            name: String::new(),
            address: String::new(),
            tax_id: String::new(),
            invoice_prefix: "INV-{year}-".into(),
            credit_prefix: "CN-{year}-".into(),
            year_begins: 1,
            note: String::new(),
            bank: String::new(),
        }
    }
}

/// What was issued.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum InvoiceKind {
    /// Something was sold.
    Invoice,
    /// Something of an invoice is taken back.
    CreditNote,
}

/// Who issued an invoice, as it was then.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Issuer {
    /// The name.
    pub name: String,
    /// The address, with its lines.
    pub address: String,
    /// The number at the tax office.
    pub tax_id: String,
}

/// What a line of an invoice says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LineReason {
    /// It was sold; on a credit note it is not any more.
    #[default]
    Sold,
    /// Its price is another one, because something else was cancelled.
    Repriced,
    /// Something was given back although nothing was cancelled for it.
    Reduced,
}

/// One line of an invoice.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct InvoiceLine {
    /// Why it is there.
    #[serde(default)]
    pub reason: LineReason,
    /// What it is for; empty for what is about the whole order.
    pub title: String,
    /// How many.
    pub count: u32,
    /// What one costs.
    pub price: i64,
    /// What all cost.
    pub gross: i64,
    /// The tax within.
    pub tax: i64,
    /// The rate of that tax.
    pub rate: BasisPoints,
}

/// What an invoice has of one rate of tax.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct TaxTotal {
    /// The rate.
    pub rate: BasisPoints,
    /// The sum without tax.
    pub net: i64,
    /// The tax.
    pub tax: i64,
}

/// An invoice or a credit note.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Invoice {
    /// What it is.
    pub kind: InvoiceKind,
    /// Its number.
    pub number: String,
    /// What its number begins with.
    pub series: String,
    /// Its place in the series, from 1.
    pub serial: u64,
    /// The invoice that a credit note corrects.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub corrects: Option<String>,
    /// The day of issue in the organization's zone, `2026-11-21`.
    pub date: String,
    /// Who issued it.
    pub issuer: Issuer,
    /// The note at its end.
    #[serde(default)]
    pub note: String,
    /// The language that it is written in, BCP 47.
    #[serde(default)]
    pub language: String,
    /// The event that sold.
    pub event: EventId,
    /// What people called the event then.
    #[serde(default)]
    pub about: String,
    /// The order.
    pub order: OrderId,
    /// The currency of all amounts.
    pub currency: Currency,
    /// What it is for.
    pub lines: Vec<InvoiceLine>,
    /// Its sums by rate of tax, the lowest rate first: those of its lines.
    pub taxes: Vec<TaxTotal>,
    /// The sum with tax.
    pub gross: i64,
    /// The tax within.
    pub tax: i64,
    /// The number of the key that seals what is personal.
    pub subject: u64,
    /// The buyer's name and address, sealed.
    pub sealed: Blob,
}

impl From<BooksFact> for crate::Fact {
    fn from(fact: BooksFact) -> Self {
        Self::Books(fact)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Fact, FactRow, OrganizationId, Timestamp, fact};

    #[test]
    fn they_read_back_among_the_other_facts() {
        let letter = LetterId { cause: Cause { partition: 3, offset: 7 }, part: 1, order: OrderId::NONE };
        let rows = [
            FactRow::new(OrganizationId(7), Timestamp(5), BooksFact::LetterSettled { letter, why: None }.into()),
            FactRow::new(OrganizationId(7), Timestamp(5), Fact::KeyRevoked { key: "k".into() }),
            FactRow::new(
                OrganizationId(7),
                Timestamp(5),
                BooksFact::InvoicingSet { spec: Invoicing::default() }.into(),
            ),
        ];
        let bytes = fact::encode(&rows);
        assert_eq!(fact::decode(&bytes).unwrap(), rows);
        let older = br#"[{"version":1,"organization":"acme","at":5,"fact":"invoicing_set","spec":{"name":"A"}}]"#;
        let read = fact::decode(older).unwrap();
        let Some(Fact::Books(BooksFact::InvoicingSet { spec })) = read[0].known() else { panic!("{read:?}") };
        assert_eq!((spec.name.as_str(), spec.year_begins), ("A", 1));
    }
}
