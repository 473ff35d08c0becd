//! Taking part: polls, questions, chat, reactions, announcements and points of one event, room by room.
//!
//! A room is a session of the programme, or the event's hall. All rooms of an event are one aggregate with its box office and
//! programme ([`Assembly`]): whether a ticket still lets somebody in is decided on the same state, and what somebody did and
//! the points for it are facts of one frame, so that neither is there without the other. A command costs the same however
//! many have voted: a vote is 64 bits beside a tally, and a snapshot holds it in some twelve bytes. Everything has a bound.
//!
//! * **What people write** is in no fact as text. A command brings it twice ([`Draft`]): open, for the rules to look at, and
//!   sealed, for the log. A deletion notes the number of the text's own key; whoever keeps the keys destroys it and says so
//!   ([`Wish::Shredded`]). Until then it is on the list, so a crash loses nothing ([`Assembly::to_shred`]).
//! * **Who sees what** is decided in one place, [`view`]: feeds, history, search and SQL ask it, for a whole room or one thing.
//! * **Without a name**: anonymous questions and polls name an alias, their facts do not say who had them done, and they give no
//!   points, since these would say it.
//! * **Points** are one thing with the leaderboards ([`crate::points`]), and nothing is counted twice. What people do in rooms is
//!   counted here alone: its facts are no kinds of records, and the rules of leaderboards can name nothing else. What a leaderboard
//!   has of it are the points of the ledger ([`points::entry_of`], from and to [`points::Account::Issued`]): a fact about points is an
//!   input, the deed under it is none, and its [`points::Participant::earned`] is the score. Rules of leaderboards are for what
//!   pages and other systems report; they never reach the ledger, so nothing that a page can forge can be spent.
//! * **Time**: right answers of a quiz are counted one after the other once it is closed ([`Engagement::due`]).
//!
//! `docs/invariants.md` lists what always holds; [`Assembly::audit`] counts everything again.

pub mod assembly;
pub mod chat;
pub mod command;
mod decide;
#[cfg(test)]
mod laws;
#[cfg(test)]
mod laws_twin;
pub mod points;
pub mod polls;
pub mod questions;
pub mod reactions;
pub mod refusal;
pub mod room;
pub mod table;
#[cfg(test)]
mod tests;
pub mod view;
pub mod words;

use std::collections::{BTreeMap, BTreeSet};

pub use assembly::Assembly;
pub use command::{Answer, Audience, Caller, Command, Draft, Wish};
pub use decide::{REACTIONS_PER_S_MAX, SLOW_S_MAX};
use records::engage::EngageFact;
use records::{EventId, Fact, FactRow, OrganizationId, Timestamp};
pub use refusal::Refusal;
pub use room::Room;
use serde::{Deserialize, Serialize};

use crate::booking::Booking;
use crate::programme::Programme;

type Key = (OrganizationId, EventId);

/// What everybody does in all rooms of a partition.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Engagement {
    events: BTreeMap<Key, Assembly>,
    /// Events where something is to be counted.
    errands: BTreeSet<Key>,
}

/// What a snapshot holds; what follows from the rest is left out.
#[derive(Debug, Serialize)]
pub(crate) struct Storing<'a>(Vec<(OrganizationId, EventId, assembly::Storing<'a>)>);

/// The same, read back.
#[derive(Debug, Deserialize)]
pub(crate) struct Stored(Vec<(OrganizationId, EventId, assembly::Stored)>);

/// The facts after which a command is done.
#[derive(Debug, Clone, PartialEq)]
pub struct Decided {
    /// None when everything stands already.
    pub facts: Vec<EngageFact>,
    /// Whether they may say who had them done. What is done without a name may not.
    pub named: bool,
}

impl Engagement {
    /// What goes on at an event that is known.
    pub fn event(&self, organization: OrganizationId, event: EventId) -> Option<&Assembly> {
        self.events.get(&(organization, event))
    }

    /// The same for all events, by organization and event.
    pub fn events(&self) -> impl Iterator<Item = (OrganizationId, EventId, &Assembly)> {
        self.events.iter().map(|((organization, event), assembly)| (*organization, *event, assembly))
    }

    /// The facts after which a command is done.
    ///
    /// # Errors
    /// When it is refused.
    pub fn decide(
        &self,
        command: &Command,
        (programme, booking): (&Programme, &Booking),
        now: Timestamp,
    ) -> Result<Decided, Refusal> {
        let (organization, event) = (command.organization, command.event);
        let assembly = self.events.get(&(organization, event)).ok_or(Refusal::NoEvent)?;
        let listed = programme.event(organization, event).and_then(|known| known.sessions().find(command.room));
        // A recurring session's own id means its first time: rooms are of times.
        let room = listed.map_or(command.room, |(.., time)| time.id);
        if room.is_some() && listed.is_none() && assembly.room(room).is_none() {
            return Err(Refusal::NoRoom);
        }
        if command.caller.ticket.is_some() {
            let office = booking.office(organization, event).ok_or(Refusal::NoTicket)?;
            let ticket = office.ticket(command.caller.ticket).filter(|ticket| !ticket.cancelled);
            let holder = ticket.and_then(|ticket| ticket.holder().or_else(|| Some(office.order(ticket.order)?.person)));
            // Whoever has passed it on takes part no more.
            if holder.is_none_or(|holder| holder != command.caller.person) {
                return Err(Refusal::NoTicket);
            }
        }
        decide::decide(assembly, command, room, now)
    }

    /// The next fact that is due: a right answer of a quiz that was closed is counted.
    pub fn due(&self, now: Timestamp) -> Option<FactRow> {
        self.errands.iter().find_map(|key| {
            let fact = self.events.get(key)?.errand(key.1, now)?;
            Some(FactRow::new(key.0, now, fact.into()))
        })
    }

    /// Takes one fact.
    pub fn apply(&mut self, row: &FactRow) {
        match row.known() {
            Some(Fact::EventScheduled { event, zone, .. }) => {
                self.events.entry((row.organization, *event)).or_default().rezone(zone);
            }
            Some(Fact::Engage(fact)) => {
                let key = (row.organization, fact.event());
                // Nothing is decided about an event that nobody has scheduled.
                let Some(known) = self.events.get_mut(&key) else { return };
                known.apply(fact, row.at);
                if known.has_errand() {
                    self.errands.insert(key);
                } else {
                    self.errands.remove(&key);
                }
            }
            _ => {}
        }
    }

    /// What does not add up; nothing when all is well. Costs a walk over everything.
    pub fn audit(&self) -> Vec<String> {
        let faults = self.events.iter().flat_map(|(key, assembly)| {
            assembly.audit().into_iter().map(move |fault| format!("{}/{}: {fault}", key.0, key.1))
        });
        faults.collect()
    }

    /// What a snapshot holds.
    pub(crate) fn stored(&self) -> Storing<'_> {
        let events = self.events.iter().map(|((organization, event), known)| (*organization, *event, known.stored()));
        Storing(events.collect())
    }

    /// A state from what a snapshot holds.
    pub(crate) fn restore(stored: Stored) -> Self {
        let mut engagement = Self::default();
        for (organization, event, known) in stored.0 {
            let known = Assembly::restore(known);
            if known.has_errand() {
                engagement.errands.insert((organization, event));
            }
            engagement.events.insert((organization, event), known);
        }
        engagement
    }
}
