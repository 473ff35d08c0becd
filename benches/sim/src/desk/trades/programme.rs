//! The trade of programmes: sessions that change, places that holders of tickets take, leave and wait for, tickets that are cancelled.
//!
//! The law told again without the product's rules: nobody has a place twice, no more have one than fit when they got it, and
//! whoever waits longest is served first.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use records::booking::BookingFact;
use records::fact::By;
use records::programme::{ProgrammeFact, Session};
use records::{EventId, Fact, FactRow, OrganizationId, SessionId, Span, TicketId, Timestamp, Zone};
use rules::domains;
use rules::office;
use rules::programme::{Command, Wish};
use workload::chance::Chance;

use super::{Scale, Trade};
use crate::desk::known::Known;

/// Sessions of an event: few, so that places are scarce.
const SESSIONS: u64 = 3;
/// The most tickets that are remembered: the newest of an endless run.
const TICKETS: usize = 64;

type Key = (OrganizationId, EventId, SessionId);

#[derive(Default)]
struct Seats {
    capacity: Option<u32>,
    taken: BTreeSet<TicketId>,
    queue: VecDeque<TicketId>,
}

pub(crate) struct Programmes {
    scale: Scale,
    sessions: BTreeMap<Key, Seats>,
    tickets: BTreeMap<(OrganizationId, EventId), VecDeque<TicketId>>,
}

impl Programmes {
    pub(crate) fn new(scale: Scale) -> Self {
        Self { scale, sessions: BTreeMap::new(), tickets: BTreeMap::new() }
    }

    fn wish(&self, at: (OrganizationId, EventId), now: Timestamp, chance: &mut Chance) -> Wish {
        let session = SessionId(1 + u128::from(chance.below(SESSIONS)));
        let known = self.tickets.get(&at).filter(|tickets| !tickets.is_empty());
        let ticket = known.map_or(TicketId(7), |tickets| tickets[chance.below(tickets.len() as u64) as usize]);
        match chance.below(12) {
            0 => Wish::RemoveSession(session),
            1..4 => {
                let capacity = Some(chance.below(3) as u32).filter(|_| chance.per_mille(900));
                let cancelled = chance.per_mille(50);
                let spec = Session {
                    title: "S".into(),
                    starts: now + Span::HOUR,
                    ends: now + Span::DAY,
                    capacity,
                    cancelled,
                    ..Session::default()
                };
                Wish::SetSession { session, spec: Box::new(spec), overlap: true }
            }
            4 => Wish::LeavePlace { session, ticket },
            _ => Wish::TakePlace { session, ticket, wait: chance.per_mille(800) },
        }
    }
}

impl Trade for Programmes {
    fn ask(&mut self, _: &Known, now: Timestamp, chance: &mut Chance) -> domains::Command {
        // Where box offices sell, so that there are tickets.
        let organization = OrganizationId(1_000 + u128::from(chance.below(2.min(self.scale.organizations))));
        let event = EventId(1);
        let by = Some(By::Key("page".into()));
        if chance.per_mille(30) {
            let fact = Fact::EventScheduled {
                event,
                title: "E".into(),
                zone: Zone::utc(),
                starts: Timestamp(1),
                ends: Timestamp(2 + chance.below(3).cast_signed()),
            };
            let wishes = vec![office::Wish::Stand(fact)];
            let command = office::Command { organization, event, wishes };
            return domains::Command { by, order: domains::Order::Office(command) };
        }
        let wishes = vec![self.wish((organization, event), now, chance)];
        domains::Command { by, order: domains::Order::Programme(Command { organization, event, wishes }) }
    }

    fn judge(&mut self, row: &FactRow) -> Result<(), String> {
        if let Some(Fact::Booking(BookingFact::OrderConfirmed { event, tickets, .. })) = row.known() {
            let known = self.tickets.entry((row.organization, *event)).or_default();
            known.extend(tickets);
            while known.len() > TICKETS {
                known.pop_front();
            }
        }
        let Some(Fact::Programme(fact)) = row.known() else { return Ok(()) };
        let key = |event: &EventId, session: &SessionId| (row.organization, *event, *session);
        match fact {
            ProgrammeFact::SessionSet { event, session, spec } => {
                self.sessions.entry(key(event, session)).or_default().capacity =
                    spec.capacity.filter(|_| !spec.cancelled);
            }
            ProgrammeFact::SessionRemoved { event, session } => {
                self.sessions.entry(key(event, session)).or_default().capacity = None;
            }
            ProgrammeFact::SessionPlaceTaken { event, session, ticket, waited } => {
                let seats = self.sessions.entry(key(event, session)).or_default();
                let room = seats.capacity.ok_or("a place was given where there are none")?;
                if *waited != (seats.queue.front() == Some(ticket)) || (!*waited && !seats.queue.is_empty()) {
                    return Err(format!("{ticket} was served although {:?} wait", seats.queue));
                }
                if *waited {
                    seats.queue.pop_front();
                }
                if !seats.taken.insert(*ticket) || seats.taken.len() > room as usize {
                    return Err(format!("{} have a place of {room}", seats.taken.len()));
                }
            }
            ProgrammeFact::SessionPlaceAwaited { event, session, ticket } => {
                let seats = self.sessions.entry(key(event, session)).or_default();
                if seats.taken.contains(ticket) || seats.queue.contains(ticket) {
                    return Err(format!("{ticket} waits for what it has or waits for"));
                }
                seats.queue.push_back(*ticket);
            }
            ProgrammeFact::SessionPlaceLeft { event, session, ticket, .. } => {
                let seats = self.sessions.entry(key(event, session)).or_default();
                let had = seats.taken.remove(ticket) || seats.queue.contains(ticket);
                seats.queue.retain(|waits| waits != ticket);
                if !had {
                    return Err(format!("{ticket} left what it never had"));
                }
            }
            _ => {}
        }
        Ok(())
    }
}
