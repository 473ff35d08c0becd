//! What was heard of one organization's books: what was issued and where it lies in the log, what is still to be done.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use records::booking::BookingFact;
use records::books::{BooksFact, Cause, InvoiceKind, Invoicing, LetterId};
use records::{Currency, EventId, Fact, FactRow, HoldId, OrderId, TicketId, Timestamp, WaitId};
use rules::books::Draft;
use rules::books::journal::Journal;

use super::letters::{Due, Kind, Plan};

/// An invoice or a credit note: what lists tell, and where the whole of it lies.
#[derive(Debug, Clone)]
pub(super) struct Issued {
    pub(super) number: String,
    pub(super) kind: InvoiceKind,
    pub(super) corrects: Option<String>,
    pub(super) date: String,
    pub(super) event: EventId,
    pub(super) order: OrderId,
    pub(super) currency: Currency,
    pub(super) gross: i64,
    pub(super) tax: i64,
    pub(super) cause: Cause,
    pub(super) place: desk::Place,
}

/// Who reads the news of an order: its buyer, or the holder of one of its tickets.
type Reader = (EventId, OrderId, Option<TicketId>);

/// One organization's.
#[derive(Debug, Default)]
pub(super) struct Shelf {
    pub(super) spec: Invoicing,
    /// In the order of issue.
    pub(super) issued: Vec<Issued>,
    by_number: BTreeMap<String, usize>,
    by_order: BTreeMap<(EventId, OrderId), Vec<usize>>,
    pub(super) journal: Journal,
    /// Papers that are to be issued, by cause.
    pub(super) drafts: BTreeMap<Cause, Draft>,
    /// Papers whose issue was heard before their cause, which lies in another partition.
    issued_early: BTreeSet<Cause>,
    /// Letters that are to be sent, by cause.
    pub(super) letters: BTreeMap<LetterId, Due>,
    settled_early: BTreeSet<LetterId>,
    /// Letters to all who have tickets, by cause; and the one that each of them is to get.
    pub(super) news: BTreeMap<LetterId, Due>,
    newest: BTreeMap<Reader, LetterId>,
    /// Letters about orders that were not paid yet: nobody needs them once they are.
    placed: BTreeMap<(EventId, OrderId), LetterId>,
    /// When letters of an order were last asked for.
    pub(super) asked: BTreeMap<(EventId, OrderId), Timestamp>,
    /// What was kept for those who waited.
    pub(super) offers: BTreeMap<(EventId, WaitId), HoldId>,
}

/// Whether a fact says anything about books.
pub(super) fn matters(row: &FactRow) -> bool {
    matches!(row.known(), Some(Fact::Booking(_) | Fact::Books(_))) || super::letters::is_news(row)
}

impl Shelf {
    pub(super) fn apply(
        &mut self,
        place: desk::Place,
        row: &FactRow,
        draft: Option<Draft>,
        letters: Vec<(LetterId, Kind)>,
    ) {
        self.journal.apply(row);
        if let Some(draft) = draft
            && !self.issued_early.remove(&draft.cause)
        {
            self.drafts.insert(draft.cause, draft);
        }
        for (id, kind) in letters {
            self.add_letter(id, kind, row.at);
        }
        match row.known() {
            Some(Fact::Books(fact)) => self.take(place, fact, row.at),
            Some(Fact::Booking(BookingFact::WaitOffered { event, wait, hold, .. })) => {
                self.offers.insert((*event, *wait), *hold);
            }
            _ => {}
        }
    }

    fn add_letter(&mut self, id: LetterId, kind: Kind, at: Timestamp) {
        if let Some(order) = kind.ends_waiting()
            && let Some(placed) = self.placed.remove(&order)
        {
            self.letters.remove(&placed);
        }
        if self.settled_early.remove(&id) {
            return;
        }
        match kind {
            Kind::News { event, order, to, was } => self.add_news((event, order, to), id, at, was),
            kind => {
                if let Kind::Placed { event, order } = &kind {
                    self.placed.insert((*event, *order), id);
                }
                self.letters.insert(id, Due { at, kind });
            }
        }
    }

    /// Whoever has not been told of a change yet is told of both at once, when they would have been told of the first.
    fn add_news(&mut self, reader: Reader, id: LetterId, at: Timestamp, was: Arc<Plan>) {
        let before = self.newest.insert(reader, id).and_then(|before| self.news.remove(&before));
        let (at, was) = match before {
            Some(Due { at, kind: Kind::News { was, .. } }) => (at, was),
            _ => (at, was),
        };
        let (event, order, to) = reader;
        self.news.insert(id, Due { at, kind: Kind::News { event, order, to, was } });
    }

    /// A letter that is to be sent.
    pub(super) fn due(&self, id: &LetterId) -> Option<&Due> {
        self.letters.get(id).or_else(|| self.news.get(id))
    }

    fn take(&mut self, place: desk::Place, fact: &BooksFact, at: Timestamp) {
        match fact {
            BooksFact::InvoicingSet { spec } => self.spec = spec.clone(),
            BooksFact::InvoiceIssued { cause, invoice } => {
                if self.drafts.remove(cause).is_none() {
                    self.issued_early.insert(*cause);
                }
                let index = self.issued.len();
                self.by_number.insert(invoice.number.clone(), index);
                self.by_order.entry((invoice.event, invoice.order)).or_default().push(index);
                self.issued.push(Issued {
                    number: invoice.number.clone(),
                    kind: invoice.kind,
                    corrects: invoice.corrects.clone(),
                    date: invoice.date.clone(),
                    event: invoice.event,
                    order: invoice.order,
                    currency: invoice.currency,
                    gross: invoice.gross,
                    tax: invoice.tax,
                    cause: *cause,
                    place,
                });
            }
            BooksFact::LetterSettled { letter, .. } => {
                match self.letters.remove(letter).or_else(|| self.news.remove(letter)) {
                    None => {
                        self.settled_early.insert(*letter);
                    }
                    Some(Due { kind: Kind::Placed { event, order }, .. }) => {
                        self.placed.remove(&(event, order));
                    }
                    Some(Due { kind: Kind::News { event, order, to, .. }, .. }) => {
                        self.newest.remove(&(event, order, to));
                    }
                    Some(_) => {}
                }
            }
            BooksFact::LetterAsked { event, order } => {
                self.asked.insert((*event, *order), at);
            }
        }
    }

    /// What was issued under a number.
    pub(super) fn numbered(&self, number: &str) -> Option<&Issued> {
        self.issued.get(*self.by_number.get(number)?)
    }

    /// What was issued for an order, in order.
    pub(super) fn of_order(&self, event: EventId, order: OrderId) -> impl Iterator<Item = &Issued> {
        let places = self.by_order.get(&(event, order)).into_iter().flatten();
        places.filter_map(|at| self.issued.get(*at))
    }
}
