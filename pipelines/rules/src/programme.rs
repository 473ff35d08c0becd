//! The programme of events: what an event says of itself, who may see it, what takes place when and where, who has a place.
//!
//! One event is one aggregate with its box office ([`crate::booking`]): a place in a session belongs to a ticket, so what is
//! decided about places sees the tickets. Sessions are items, too ([`Fact::ItemListed`]): each command that changes a session
//! lists it again in the same frame, so that the dataflow never knows another programme than the pages.
//!
//! * [`recurrence`]: when a session takes place; [`sessions`]: what sessions there are, and which collide;
//! * [`places`]: who has a place in a session, and who waits; [`forms`]: what buyers are asked, and whether they answered;
//! * [`import`]: programmes of other systems; [`state`]: one event's programme, and how facts change it.

pub mod command;
pub mod forms;
pub mod import;
pub mod places;
pub mod recurrence;
pub mod refusal;
pub mod sessions;
pub mod state;
#[cfg(test)]
mod tests;
mod valid;

use std::collections::{BTreeMap, BTreeSet};

pub use command::{Command, Wish};
use records::booking::BookingFact;
use records::programme::{Leaving, ProgrammeFact};
use records::{EventId, Fact, FactRow, OrganizationId, Timestamp};
pub use refusal::Refusal;
use serde::{Deserialize, Serialize};
pub use state::{EventProgramme, Standing};

use crate::booking::{Booking, BoxOffice};

type Key = (OrganizationId, EventId);

/// All programmes of a partition.
#[derive(Debug, Clone, Default)]
pub struct Programme {
    events: BTreeMap<Key, EventProgramme>,
    /// Events where a place is to be given or taken.
    errands: BTreeSet<Key>,
}

/// The state in a snapshot; what follows from the rest is left out.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Stored(Vec<(OrganizationId, EventId, state::Stored)>);

impl Programme {
    /// The programme of an event that is known.
    pub fn event(&self, organization: OrganizationId, event: EventId) -> Option<&EventProgramme> {
        self.events.get(&(organization, event))
    }

    /// All programmes, by organization and event.
    pub fn events(&self) -> impl Iterator<Item = (OrganizationId, EventId, &EventProgramme)> {
        self.events.iter().map(|((organization, event), programme)| (*organization, *event, programme))
    }

    /// Those of one organization, by event.
    pub fn of(&self, organization: OrganizationId) -> impl Iterator<Item = (EventId, &EventProgramme)> {
        let range = (organization, EventId::NONE)..=(organization, EventId(u128::MAX));
        self.events.range(range).map(|((_, event), programme)| (*event, programme))
    }

    /// The facts after which a command is done; none when everything stands already. `office` is the event's box office.
    ///
    /// # Errors
    /// When one of its wishes is refused; then nothing is done.
    pub fn decide(&self, command: &Command, office: Option<&BoxOffice>, now: Timestamp) -> Result<Vec<Fact>, Refusal> {
        let known = self.events.get(&(command.organization, command.event)).ok_or(Refusal::NoEvent)?;
        // One wish, as nearly all commands have, needs no copy of the programme.
        let [wish] = &command.wishes[..] else { return decide_all(known, command, office, now) };
        known.decide(command.event, wish, office, now)
    }

    /// The next fact that is due: somebody's place is gone, or somebody who waits gets one.
    pub fn due(&self, now: Timestamp) -> Option<FactRow> {
        self.errands.iter().find_map(|key| {
            let fact = self.events.get(key)?.errand(key.1)?;
            Some(FactRow::new(key.0, now, fact.into()))
        })
    }

    /// Takes one fact. `booking` is as it is after the same fact.
    pub fn apply(&mut self, row: &FactRow, booking: &Booking) {
        let Some(fact) = row.known() else { return };
        let organization = row.organization;
        match fact {
            Fact::EventScheduled { event, title, zone, starts, ends } => {
                let known = self.events.entry((organization, *event)).or_default();
                known.schedule(title, zone, (*starts, *ends), row.at);
                self.mark((organization, *event));
            }
            Fact::Programme(fact) => {
                let key = (organization, fact.event());
                // Nothing is decided about an event that nobody has scheduled.
                let Some(known) = self.events.get_mut(&key) else { return };
                known.apply(fact, row.at);
                self.mark(key);
            }
            Fact::Booking(BookingFact::OrderCancelled { event, order, .. }) => {
                let key = (organization, *event);
                let (Some(known), Some(office)) = (self.events.get_mut(&key), booking.office(organization, *event))
                else {
                    return;
                };
                let tickets = office.order(*order).map(|order| order.tickets.clone()).unwrap_or_default();
                for ticket in tickets.into_iter().filter(|id| office.ticket(*id).is_some_and(|ticket| ticket.cancelled))
                {
                    known.places_mut().lose_ticket(ticket, Leaving::TicketCancelled);
                }
                self.mark(key);
            }
            _ => {}
        }
    }

    fn mark(&mut self, key: Key) {
        if self.events.get(&key).is_some_and(EventProgramme::has_errand) {
            self.errands.insert(key);
        } else {
            self.errands.remove(&key);
        }
    }

    /// What a snapshot holds.
    pub(crate) fn stored(&self) -> Stored {
        let events = self.events.iter().map(|((organization, event), known)| (*organization, *event, known.stored()));
        Stored(events.collect())
    }

    /// A state from what a snapshot holds.
    pub(crate) fn restore(stored: Stored) -> Self {
        let mut programme = Self::default();
        for (organization, event, known) in stored.0 {
            programme.events.insert((organization, event), EventProgramme::restore(known));
            programme.mark((organization, event));
        }
        programme
    }
}

/// Decides wishes that rest on each other: each sees what the ones before it have done.
fn decide_all(
    known: &EventProgramme,
    command: &Command,
    office: Option<&BoxOffice>,
    now: Timestamp,
) -> Result<Vec<Fact>, Refusal> {
    if command.wishes.len() > command::WISHES_MAX {
        return Err(Refusal::invalid("wishes", format!("has more than {}", command::WISHES_MAX)));
    }
    let (mut scratch, mut facts) = (known.clone(), Vec::new());
    for (number, wish) in command.wishes.iter().enumerate() {
        let decided = scratch
            .decide(command.event, wish, office, now)
            .map_err(|refusal| if command.wishes.len() > 1 { refusal.of_wish(number) } else { refusal })?;
        for fact in decided {
            if let Fact::Programme(fact) = &fact {
                scratch.apply(fact, now);
            }
            facts.push(fact);
        }
    }
    Ok(facts)
}

/// The facts of a programme alone, for tests and read models.
pub fn own(facts: &[Fact]) -> impl Iterator<Item = &ProgrammeFact> {
    facts.iter().filter_map(|fact| if let Fact::Programme(fact) = fact { Some(fact) } else { None })
}
