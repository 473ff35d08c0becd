//! Invoices, credit notes, statements and letters to buyers: what follows from what box offices do.
//!
//! A read model hears every fact and knows what has not followed yet: papers to be issued, letters to be sent. Nothing
//! else remembers that; that it was done is a fact. So a crash loses nothing, and nothing is done twice.

mod invoices;
mod issue;
pub mod letters;
mod shelf;
mod statements;

use std::collections::BTreeMap;
use std::sync::{RwLock, RwLockReadGuard};

use records::books::Cause;
use records::{FactRow, OrganizationId};
use rules::booking::Booking;
use rules::books::draft::{self, Before};
use shelf::Shelf;
pub(crate) use statements::Told;

use crate::openapi::Routes;
use crate::programme::Programmes;

/// What was heard of the books of all organizations: a fold of the facts.
#[derive(Debug, Default)]
pub struct Books(RwLock<BTreeMap<OrganizationId, Shelf>>);

/// How things were before a fact was applied, as far as what follows from it needs that.
#[derive(Debug)]
pub(crate) struct Earlier {
    paper: Option<Before>,
    letters: letters::Earlier,
}

/// Looks at box offices before a fact is applied.
pub(crate) fn earlier(booking: &Booking, programmes: &Programmes, row: &FactRow) -> Earlier {
    Earlier { paper: draft::before(booking, row), letters: letters::earlier(booking, programmes, row) }
}

impl Books {
    /// Takes a fact that was applied to its box office, if it is of one.
    pub(crate) fn hear(&self, place: desk::Place, row: &FactRow, earlier: Earlier, booking: &Booking) {
        if !shelf::matters(row) {
            return;
        }
        let cause = Cause { partition: place.partition.0, offset: place.first.0 };
        let draft = earlier.paper.and_then(|before| before.draft(booking, row, cause));
        let letters = letters::of(row, cause, earlier.letters, booking);
        let mut shelves = self.0.write().expect("nothing panics under the lock");
        shelves.entry(row.organization).or_default().apply(place, row, draft, letters);
    }

    pub(crate) fn letters_waiting(&self) -> u64 {
        self.read().values().map(|shelf| (shelf.letters.len() + shelf.news.len()) as u64).sum()
    }

    fn read(&self) -> RwLockReadGuard<'_, BTreeMap<OrganizationId, Shelf>> {
        self.0.read().expect("nothing panics under the lock")
    }

    /// Asks an organization's shelf; what an empty one says where nothing was heard of it.
    fn ask<T>(&self, organization: OrganizationId, question: impl FnOnce(&Shelf) -> T) -> T {
        match self.read().get(&organization) {
            Some(shelf) => question(shelf),
            None => question(&Shelf::default()),
        }
    }
}

pub(crate) fn routes() -> Routes {
    invoices::routes().merge(statements::routes()).merge(letters::routes())
}
