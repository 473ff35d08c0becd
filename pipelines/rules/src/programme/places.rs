//! Places in sessions: who has one, who waits, in the order in which they came.
//!
//! A place belongs to a ticket: whoever the ticket is passed on to has it. It is lost with the ticket or the session, and
//! given to whoever waits longest, as facts of their own.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use records::programme::{Leaving, ProgrammeFact};
use records::{EventId, SessionId, TicketId};
use serde::{Deserialize, Serialize};

/// The places of one session.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seats {
    /// Who has one.
    pub taken: BTreeSet<TicketId>,
    /// Who waits, the first in front.
    pub queue: VecDeque<TicketId>,
}

/// What somebody has of a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// A place.
    Taken,
    /// They wait, behind so many.
    Waiting(usize),
}

/// All places of an event.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Places {
    by_session: BTreeMap<SessionId, Seats>,
    /// What each ticket has or waits for.
    by_ticket: BTreeMap<TicketId, BTreeSet<SessionId>>,
    /// What is to be taken from whom, and why: told as facts, one after the other.
    lost: BTreeMap<(u32, SessionId, TicketId), Leaving>,
    /// Numbers what is lost, in its order.
    losses: u32,
}

impl Places {
    /// The places of a session.
    pub fn of(&self, session: SessionId) -> Option<&Seats> {
        self.by_session.get(&session)
    }

    /// How many places of a session are taken.
    pub fn taken(&self, session: SessionId) -> u32 {
        self.of(session).map_or(0, |seats| u32::try_from(seats.taken.len()).unwrap_or(u32::MAX))
    }

    /// How many wait for one.
    pub fn waiting(&self, session: SessionId) -> usize {
        self.of(session).map_or(0, |seats| seats.queue.len())
    }

    /// What a ticket has of a session.
    pub fn place(&self, session: SessionId, ticket: TicketId) -> Option<Place> {
        let seats = self.of(session)?;
        if seats.taken.contains(&ticket) {
            return Some(Place::Taken);
        }
        seats.queue.iter().position(|waits| *waits == ticket).map(Place::Waiting)
    }

    /// The sessions that a ticket has or waits for.
    pub fn sessions(&self, ticket: TicketId) -> impl Iterator<Item = SessionId> + '_ {
        self.by_ticket.get(&ticket).into_iter().flatten().copied()
    }

    pub(super) fn take(&mut self, session: SessionId, ticket: TicketId) {
        let seats = self.by_session.entry(session).or_default();
        seats.queue.retain(|waits| *waits != ticket);
        seats.taken.insert(ticket);
        self.by_ticket.entry(ticket).or_default().insert(session);
    }

    pub(super) fn wait(&mut self, session: SessionId, ticket: TicketId) {
        let seats = self.by_session.entry(session).or_default();
        if !seats.taken.contains(&ticket) && !seats.queue.contains(&ticket) {
            seats.queue.push_back(ticket);
        }
        self.by_ticket.entry(ticket).or_default().insert(session);
    }

    pub(super) fn leave(&mut self, session: SessionId, ticket: TicketId) {
        if let Some(seats) = self.by_session.get_mut(&session) {
            seats.taken.remove(&ticket);
            seats.queue.retain(|waits| *waits != ticket);
            if seats.taken.is_empty() && seats.queue.is_empty() {
                self.by_session.remove(&session);
            }
        }
        if let Some(sessions) = self.by_ticket.get_mut(&ticket) {
            sessions.remove(&session);
            if sessions.is_empty() {
                self.by_ticket.remove(&ticket);
            }
        }
        self.lost.retain(|(_, of, whose), _| (*of, *whose) != (session, ticket));
    }

    /// Notes that a ticket loses all that it has.
    pub(super) fn lose_ticket(&mut self, ticket: TicketId, why: Leaving) {
        let sessions: Vec<SessionId> = self.sessions(ticket).collect();
        sessions.into_iter().for_each(|session| self.lose(session, ticket, why));
    }

    /// Notes that nobody has a place in a session any more.
    pub(super) fn lose_session(&mut self, session: SessionId) {
        let Some(seats) = self.by_session.get(&session) else { return };
        let tickets: Vec<TicketId> = seats.taken.iter().chain(&seats.queue).copied().collect();
        tickets.into_iter().for_each(|ticket| self.lose(session, ticket, Leaving::SessionGone));
    }

    fn lose(&mut self, session: SessionId, ticket: TicketId, why: Leaving) {
        let known = self.lost.keys().any(|(_, of, whose)| (*of, *whose) == (session, ticket));
        if !known {
            self.lost.insert((self.losses, session, ticket), why);
            self.losses = self.losses.wrapping_add(1);
        }
    }

    /// Sessions that have or had places.
    pub(super) fn known(&self) -> impl Iterator<Item = SessionId> + '_ {
        self.by_session.keys().copied()
    }

    /// What is to be told next: a place that is lost, or one that somebody who waits gets. `room` says how many fit.
    pub(super) fn errand(&self, event: EventId, room: impl Fn(SessionId) -> Option<u32>) -> Option<ProgrammeFact> {
        if let Some(((_, session, ticket), why)) = self.lost.first_key_value() {
            return Some(ProgrammeFact::SessionPlaceLeft { event, session: *session, ticket: *ticket, why: *why });
        }
        self.by_session.iter().find_map(|(session, seats)| {
            let first = *seats.queue.front()?;
            let fits = room(*session).is_some_and(|room| seats.taken.len() < room as usize);
            fits.then_some(ProgrammeFact::SessionPlaceTaken { event, session: *session, ticket: first, waited: true })
        })
    }

    /// What a snapshot holds: maps whose keys are several things are lists there.
    pub(super) fn stored(&self) -> Stored {
        let lost = self.lost.iter().map(|((number, session, ticket), why)| (*number, *session, *ticket, *why));
        Stored { by_session: self.by_session.clone(), lost: lost.collect(), losses: self.losses }
    }

    pub(super) fn restore(stored: Stored) -> Self {
        let mut places = Self { losses: stored.losses, ..Self::default() };
        for (session, seats) in &stored.by_session {
            for ticket in seats.taken.iter().chain(&seats.queue) {
                places.by_ticket.entry(*ticket).or_default().insert(*session);
            }
        }
        places.lost =
            stored.lost.into_iter().map(|(number, session, ticket, why)| ((number, session, ticket), why)).collect();
        places.by_session = stored.by_session;
        places
    }
}

/// Places in a snapshot.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Stored {
    by_session: BTreeMap<SessionId, Seats>,
    lost: Vec<(u32, SessionId, TicketId, Leaving)>,
    losses: u32,
}
