//! News of an event for those who have tickets: it takes place at another time or place, or not at all.
//!
//! Each order is told once of what has changed, not of each fact: what is set twice within half a minute is one letter, and what is set
//! back is none. Whoever had a ticket when it changed is told, its buyer or whom it was passed on to.

use std::collections::BTreeSet;
use std::sync::Arc;

use records::books::{Cause, LetterId};
use records::programme::ProgrammeFact;
use records::{EventId, Fact, FactRow, Money, OrderId, Span, TicketId, Timestamp, Zone};
use rules::booking::office::OrderStatus;
use rules::booking::{Booking, BoxOffice};
use rules::programme::{EventProgramme, Standing};

use super::content::{At, Body};
use super::{Facts, Kind, Occasion};
use crate::Api;
use crate::booking::Contact;
use crate::programme::{Method, place, place_of};

/// Nothing is told before an organizer has had so long to set it right.
pub(super) const CALM: Span = Span::from_seconds(30);

/// What ticket holders know of an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::books) struct Plan {
    starts: Timestamp,
    ends: Timestamp,
    zone: Zone,
    place: String,
    is_off: bool,
}

impl Plan {
    pub(super) fn of(known: &EventProgramme) -> Self {
        let scheduled = known.scheduled();
        Self {
            starts: scheduled.starts,
            ends: scheduled.ends,
            zone: scheduled.zone.clone(),
            place: place(known),
            is_off: matches!(known.standing(), Standing::CalledOff(_)),
        }
    }

    /// As it is after a fact.
    fn after(&self, row: &FactRow) -> Self {
        let mut plan = self.clone();
        match row.known() {
            Some(Fact::EventScheduled { zone, starts, ends, .. }) => {
                (plan.zone, plan.starts, plan.ends) = (zone.clone(), *starts, *ends);
            }
            Some(Fact::Programme(ProgrammeFact::PageSet { page, .. })) => plan.place = place_of(page),
            Some(Fact::Programme(ProgrammeFact::EventCalledOff { .. })) => plan.is_off = true,
            _ => {}
        }
        plan
    }

    fn when(&self) -> String {
        format!("{} – {}", self.zone.minute(self.starts), self.zone.minute(self.ends))
    }
}

/// The event that a fact may be news of.
pub(super) fn about(row: &FactRow) -> Option<EventId> {
    match row.known()? {
        Fact::EventScheduled { event, .. }
        | Fact::Programme(ProgrammeFact::PageSet { event, .. } | ProgrammeFact::EventCalledOff { event, .. }) => {
            Some(*event)
        }
        _ => None,
    }
}

/// The letters that a fact leads to; `was` is how the event stood before it.
pub(super) fn of(row: &FactRow, cause: Cause, was: Plan, booking: &Booking) -> Vec<(LetterId, Kind)> {
    let now = was.after(row);
    // What is over or called off has nothing more to tell.
    let is_over = was.is_off || was.ends.max(now.ends) <= row.at;
    let found = about(row).and_then(|event| Some((event, booking.office(row.organization, event)?)));
    let Some((event, office)) = found.filter(|_| now != was && !is_over) else { return Vec::new() };
    let was = Arc::new(was);
    let mut letters = Vec::new();
    for (order, part, to) in readers(office) {
        let kind = Kind::News { event, order, to, was: Arc::clone(&was) };
        letters.push((LetterId { cause, part, order }, kind));
    }
    letters
}

/// Who has tickets: the buyer of an order, part 0, and each other holder once.
fn readers(office: &BoxOffice) -> Vec<(OrderId, u8, Option<TicketId>)> {
    let mut readers = Vec::new();
    for (id, order) in office.orders().filter(|(_, order)| order.status == OrderStatus::Confirmed) {
        let mut seen = BTreeSet::new();
        for (part, ticket) in (1..=u8::MAX).zip(&order.tickets) {
            let Some(known) = office.ticket(*ticket).filter(|known| !known.cancelled) else { continue };
            let is_buyers = known.holder().is_none();
            if seen.insert(if is_buyers { None } else { Some(known.subject) }) {
                readers.push(if is_buyers { (id, 0, None) } else { (id, part, Some(*ticket)) });
            }
        }
    }
    readers
}

impl Api {
    /// What somebody is told who has a ticket; none when they have it no more, or all is as they know it.
    pub(super) fn about_news(
        &self,
        at: At,
        order: OrderId,
        to: Option<TicketId>,
        was: &Plan,
    ) -> Option<(Contact, Body)> {
        let (now, reason) = self
            .programme(at, |known| {
                let reason =
                    if let Standing::CalledOff(reason) = known.standing() { reason.clone() } else { String::new() };
                (Plan::of(known), reason)
            })
            .ok()
            .filter(|(now, _)| now != was)?;
        let contact = self.reader(at, order, to)?;
        let about = self.about(at, &contact);
        let changed = |now: String, was: String| if now == was { (now, String::new()) } else { (now, was) };
        let mut facts = Facts {
            organization: about.organization.clone(),
            event: about.title(),
            when: changed(now.when(), was.when()),
            place: changed(now.place.clone(), was.place.clone()),
            reason,
            ..Facts::default()
        };
        let mut occasion = if now.is_off { Occasion::CalledOff } else { Occasion::Changed };
        let mut link = self.event_address(at);
        if let Some((amount, may_ask)) = self.paid(at, order).filter(|_| to.is_none() && now.is_off) {
            occasion = if may_ask { Occasion::CalledOffAsk } else { Occasion::CalledOffPaid };
            (facts.amount, facts.order) = (amount, order.to_string());
            link = self.order_link(at, order);
        }
        let method = if now.is_off { Method::Cancel } else { Method::Publish };
        let attachments = self.calendar(at, &about, method).into_iter().collect();
        Some((contact, Body { occasion, facts, link, attachments }))
    }

    /// Somebody who still has a ticket of an order: its buyer, or the holder of this one.
    fn reader(&self, at: At, order: OrderId, to: Option<TicketId>) -> Option<Contact> {
        let found = self.office(at, |office| {
            let known = office.order(order).filter(|known| known.status == OrderStatus::Confirmed)?;
            let valid = |id: &TicketId| office.ticket(*id).filter(|ticket| !ticket.cancelled);
            match to {
                None => {
                    let mut tickets = known.tickets.iter().filter_map(valid);
                    tickets.any(|ticket| ticket.holder().is_none()).then(|| (known.subject, known.sealed.clone()))
                }
                Some(id) => {
                    valid(&id).filter(|ticket| ticket.holder().is_some()).map(|it| (it.subject, it.sealed.clone()))
                }
            }
        });
        let (subject, sealed) = found.ok().flatten()?;
        Some(self.contact(at.0, subject, &sealed))
    }

    /// What was paid for an order and has not gone back, and whether its buyer may ask for it; none when it is nothing.
    fn paid(&self, at: At, order: OrderId) -> Option<(String, bool)> {
        let now = self.clock.now();
        let found = self.office(at, |office| {
            let known = office.order(order)?;
            let policy = office.catalogue().sales().refunds;
            let may_ask = policy.is_some_and(|policy| policy.until.is_none_or(|until| now < until));
            Some((Money { minor: known.paid, currency: known.currency }, may_ask))
        });
        found.ok().flatten().filter(|(paid, _)| paid.minor > 0).map(|(paid, may_ask)| (paid.to_string(), may_ask))
    }
}
