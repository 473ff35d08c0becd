//! Programmes of events over HTTP: what organizers write, what visitors read, who may see it.
//!
//! Writes are commands to the desk; what is read here is a fold of the same facts, so it is as new as the last answer of the
//! desk. Organizers' routes lie below their event, visitors' below `/v1/programmes`, and the pages that the server writes itself,
//! for people, search engines and link previews, below `/e`.

pub(crate) mod access;
mod calendars;
mod duplicate;
pub(crate) mod forms;
mod ical;
mod imports;
mod manage;
mod markdown;
mod pages;
mod places;
mod public;
mod sessions;
mod shapes;

use std::collections::BTreeMap;
use std::sync::RwLock;

use desk::Done;
use eventlog::PartitionId;
use records::fact::{By, CommandTag};
use records::{EventId, FactRow, OrganizationId};
use rules::booking::Booking;
use rules::domains::Order;
use rules::programme::{Command, EventProgramme, Programme, Refusal, Wish};

use crate::Api;
use crate::openapi::Routes;
use crate::problem::{Code, Problem};

pub(crate) use calendars::{place, place_of};
pub(crate) use ical::Method;
pub(crate) use pages::router as pages;

/// The event that a route is about.
pub(crate) type At = (OrganizationId, EventId);

/// All programmes of this process: a fold of the facts.
#[derive(Debug, Default)]
pub struct Programmes {
    /// By partition, as the desk has them.
    partitions: RwLock<BTreeMap<PartitionId, Programme>>,
}

impl Programmes {
    /// Applies one fact, with the partition's box offices as they are after it.
    ///
    /// # Panics
    /// When a thread panicked while it held the programmes, which no code under their lock can do.
    pub fn apply(&self, partition: PartitionId, row: &FactRow, booking: &Booking) {
        let mut partitions = self.partitions.write().expect("nothing panics under the lock");
        partitions.entry(partition).or_default().apply(row, booking);
    }

    /// Asks the programme of an event; none where nobody has scheduled it.
    ///
    /// # Panics
    /// As [`Programmes::apply`].
    pub fn ask<T>(&self, at: At, question: impl FnOnce(&EventProgramme) -> T) -> Option<T> {
        let partitions = self.partitions.read().expect("nothing panics under the lock");
        partitions.values().find_map(|programme| programme.event(at.0, at.1)).map(question)
    }

    /// Looks at all programmes of an organization, or of all.
    pub(crate) fn each(&self, of: Option<OrganizationId>, mut look: impl FnMut(At, &EventProgramme)) {
        let partitions = self.partitions.read().expect("nothing panics under the lock");
        for programme in partitions.values() {
            match of {
                Some(organization) => {
                    programme.of(organization).for_each(|(event, known)| look((organization, event), known))
                }
                None => programme.events().for_each(|(organization, event, known)| look((organization, event), known)),
            }
        }
    }
}

pub(crate) fn routes() -> Routes {
    manage::routes()
        .merge(sessions::routes())
        .merge(forms::routes())
        .merge(access::routes())
        .merge(duplicate::routes())
        .merge(public::routes())
        .merge(places::routes())
        .merge(calendars::routes())
}

/// What takes long bodies.
pub(crate) fn uploads() -> Routes {
    imports::routes()
}

fn no_event() -> Problem {
    Problem::new(Code::NotFound, "there is no such event")
}

/// Writes a calendar with these bytes as its words, for the fuzz target.
pub(crate) fn write_calendar(bytes: &[u8]) {
    ical::write_words(&String::from_utf8_lossy(bytes));
}

impl Api {
    /// Has something decided about a programme.
    pub(crate) async fn arrange(
        &self,
        tag: Option<CommandTag>,
        by: Option<By>,
        (organization, event): At,
        wishes: Vec<Wish>,
    ) -> Result<Done, Problem> {
        self.decide(tag, by, Order::Programme(Command { organization, event, wishes })).await
    }

    /// Asks the programme of an event that there is.
    pub(crate) fn programme<T>(&self, at: At, question: impl FnOnce(&EventProgramme) -> T) -> Result<T, Problem> {
        self.booking.programmes().ask(at, question).ok_or_else(no_event)
    }
}

/// What a refusal of the rules is over HTTP.
pub(crate) fn problem(refusal: &Refusal) -> Problem {
    let code = match refusal {
        Refusal::Invalid { field, problem } => {
            let fault = records::json::FieldError::new(field.clone(), problem.clone());
            return Problem::new(Code::FieldsWrong, refusal.to_string()).with_fields(vec![fault]);
        }
        Refusal::NoEvent | Refusal::NoSession | Refusal::Nothing(_) | Refusal::NoTicket => Code::NotFound,
        Refusal::IdUsed => Code::IdempotencyConflict,
        _ => Code::Refused,
    };
    Problem::new(code, refusal.to_string()).because(refusal.code())
}
