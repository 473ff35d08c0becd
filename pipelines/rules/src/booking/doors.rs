//! Who is let in: what each look at a ticket comes to, after all looks that are known.
//!
//! Devices scan without a connection and tell later, in any order. What a scan comes to is a function of the set of
//! scans of its ticket at its door, ordered by when the device looked and then by the scan's id: so all orders of
//! arrival end alike, and of two devices that both let somebody in, the earlier one is told right and the other one
//! wrong. Whoever was wrongly let in is there; the list says so. A scan that was a mistake is voided and counts no more.
//!
//! The scanner page decides by the same rule while it has no connection: `dashboards/web/scan/rule.ts`, held to this one
//! by vectors that a test here makes.

use std::collections::BTreeMap;

use records::booking::{BookingFact, Door, DoorTime, Reentry, Scan, ScanOutcome};
use records::{CommandId, DoorId, EventId, ItemId, TicketId, Timestamp, Token};
use serde::{Deserialize, Serialize};

use super::command::Wish;
use super::office::{BoxOffice, Map, Ticket};
use super::refusal::Refusal;

/// Scans of one ticket at one door.
pub const SCANS_MAX: usize = 256;
/// Scans in one command: what a device that was offline tells at once.
pub const BATCH_MAX: usize = 1_000;

/// A look at a ticket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen {
    /// When the device looked.
    pub scanned: Timestamp,
    /// The device's id of it.
    pub scan: CommandId,
    /// Whether they were leaving.
    pub exit: bool,
    /// Where.
    pub gate: String,
    /// Which device.
    pub device: String,
    /// What the ticket itself said: void, replaced, for another door; none when it was valid.
    pub fault: Option<ScanOutcome>,
    /// What it comes to.
    pub outcome: ScanOutcome,
}

/// What is counted at a door.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct DoorCount {
    /// Tickets that were let in at least once.
    pub admitted: u32,
    /// Tickets that are in: let in, and not out since.
    pub inside: u32,
}

/// What was seen at all doors of an event.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Doors {
    seen: Map<(DoorId, TicketId), Vec<Seen>>,
    counts: BTreeMap<DoorId, DoorCount>,
}

/// What a snapshot holds.
pub(crate) type Stored = Vec<((DoorId, TicketId), Vec<Seen>)>;

impl Doors {
    /// What was seen of a ticket at a door, by when it was seen.
    pub fn seen(&self, door: DoorId, ticket: TicketId) -> &[Seen] {
        self.seen.get(&(door, ticket)).map_or(&[], Vec::as_slice)
    }

    /// How many are in.
    pub fn count(&self, door: DoorId) -> DoorCount {
        self.counts.get(&door).copied().unwrap_or_default()
    }

    /// Whether a ticket was let in at a door, and whether it is in.
    pub fn state(&self, door: DoorId, ticket: TicketId) -> (bool, bool) {
        state(self.seen(door, ticket))
    }

    /// Everything that was seen, in no order.
    pub fn all(&self) -> impl Iterator<Item = (DoorId, TicketId, &[Seen])> {
        self.seen.iter().map(|((door, ticket), seen)| (*door, *ticket, seen.as_slice()))
    }

    pub(crate) fn stored(&self) -> Stored {
        super::office::sorted(&self.seen)
    }

    pub(crate) fn restore(stored: Stored) -> Self {
        let mut doors = Self { seen: stored.into_iter().collect(), ..Self::default() };
        doors.counts = doors.recount();
        doors
    }

    /// The counts, made from the list.
    pub(crate) fn recount(&self) -> BTreeMap<DoorId, DoorCount> {
        let mut counts: BTreeMap<DoorId, DoorCount> = BTreeMap::new();
        for (door, _, seen) in self.all() {
            let count = counts.entry(door).or_default();
            let (admitted, inside) = state(seen);
            count.admitted += u32::from(admitted);
            count.inside += u32::from(inside);
        }
        counts
    }

    fn change(&mut self, key: (DoorId, TicketId), change: impl FnOnce(&mut Vec<Seen>)) {
        let seen = self.seen.entry(key).or_default();
        let before = state(seen);
        change(seen);
        let after = state(seen);
        let count = self.counts.entry(key.0).or_default();
        count.admitted = count.admitted + u32::from(after.0) - u32::from(before.0);
        count.inside = count.inside + u32::from(after.1) - u32::from(before.1);
    }
}

/// Whether a ticket was let in, and is in.
fn state(seen: &[Seen]) -> (bool, bool) {
    seen.iter().fold((false, false), |(admitted, inside), seen| match seen.outcome {
        ScanOutcome::Admitted => (true, true),
        ScanOutcome::Left => (admitted, false),
        _ => (admitted, inside),
    })
}

/// What scans come to that are sorted by when they were made.
fn outcomes(seen: &[Seen], reentry: Reentry) -> Vec<ScanOutcome> {
    let (mut admitted, mut inside) = (false, false);
    let outcome = |seen: &Seen| {
        let outcome = match (seen.fault, seen.exit) {
            (Some(fault), _) => fault,
            (None, true) => ScanOutcome::Left,
            (None, false) => match reentry {
                Reentry::Always => ScanOutcome::Admitted,
                Reentry::AfterExit if !inside => ScanOutcome::Admitted,
                Reentry::Never if !admitted => ScanOutcome::Admitted,
                _ => ScanOutcome::Duplicate,
            },
        };
        (admitted, inside) = match outcome {
            ScanOutcome::Admitted => (true, true),
            ScanOutcome::Left => (admitted, false),
            _ => (admitted, inside),
        };
        outcome
    };
    seen.iter().map(outcome).collect()
}

impl BoxOffice {
    pub(crate) fn let_in(&self, event: EventId, wish: &Wish) -> Result<Vec<BookingFact>, Refusal> {
        match wish {
            Wish::Scan { door, scans } => self.scan(event, *door, scans),
            Wish::VoidScan { door, ticket, scan } => self.void(event, (*door, *ticket), *scan),
            Wish::Transfer { ticket, revision, subject, person, sealed } => {
                let Some(known) = self.may_change(*ticket, *revision)? else { return Ok(Vec::new()) };
                let (revision, sealed) = (known.revision + 1, sealed.clone());
                let (ticket, subject, person) = (*ticket, *subject, *person);
                Ok(vec![BookingFact::TicketTransferred { event, ticket, revision, subject, person, sealed }])
            }
            Wish::Reissue { ticket, revision } => {
                let Some(known) = self.may_change(*ticket, *revision)? else { return Ok(Vec::new()) };
                Ok(vec![BookingFact::TicketReissued { event, ticket: *ticket, revision: known.revision + 1 }])
            }
            _ => Ok(Vec::new()),
        }
    }

    /// The ticket, when the revision is the newest; none when the same wish has been done.
    fn may_change(&self, ticket: TicketId, revision: u32) -> Result<Option<&Ticket>, Refusal> {
        let known = self.tickets.get(&ticket).ok_or(Refusal::NoTicket)?;
        if known.cancelled || revision > known.revision {
            return Err(Refusal::TicketVoid);
        }
        let used =
            |door: &DoorId| self.doors.seen(*door, ticket).iter().any(|seen| seen.outcome == ScanOutcome::Admitted);
        if self.catalogue.doors.keys().any(used) {
            return Err(Refusal::TicketUsed);
        }
        Ok((revision == known.revision).then_some(known))
    }

    fn scan(&self, event: EventId, door: DoorId, scans: &[Scan]) -> Result<Vec<BookingFact>, Refusal> {
        let spec = self.catalogue.doors.get(&door).ok_or(Refusal::NoDoor)?;
        if scans.len() > BATCH_MAX {
            return Err(super::refusal::invalid("scans", format!("has at most {BATCH_MAX}")));
        }
        let mut by_ticket: BTreeMap<TicketId, Vec<&Scan>> = BTreeMap::new();
        scans.iter().for_each(|scan| by_ticket.entry(scan.ticket).or_default().push(scan));
        // Whoever is not let in after all is told so before somebody else is: at no offset are two let in.
        let (mut demoted, mut told_now, mut promoted) = (Vec::new(), Vec::new(), Vec::new());
        for (ticket, scans) in by_ticket {
            let known = self.tickets.get(&ticket).ok_or(Refusal::NoTicket)?;
            let before = self.doors.seen(door, ticket);
            let mut after = before.to_vec();
            for scan in &scans {
                if after.iter().all(|seen| seen.scan != scan.scan) {
                    insert(&mut after, seen(scan, fault(spec, known, scan), ScanOutcome::Duplicate));
                }
            }
            if after.len() > SCANS_MAX {
                return Err(Refusal::TooManyScans);
            }
            for (seen, outcome) in after.iter().zip(outcomes(&after, spec.reentry)) {
                let told = before.iter().find(|told| told.scan == seen.scan);
                let new = scans.iter().find(|scan| scan.scan == seen.scan && told.is_none());
                if let Some(scan) = new {
                    told_now.push(BookingFact::TicketScanned { event, door, scan: (*scan).clone(), outcome });
                } else if told.is_some_and(|told| told.outcome != outcome) {
                    let list = if outcome == ScanOutcome::Admitted { &mut promoted } else { &mut demoted };
                    list.push(BookingFact::ScanCorrected { event, door, ticket, scan: seen.scan, outcome });
                }
            }
        }
        demoted.append(&mut told_now);
        demoted.append(&mut promoted);
        Ok(demoted)
    }

    /// Takes a scan back, and tells of others what they come to without it.
    fn void(
        &self,
        event: EventId,
        (door, ticket): (DoorId, TicketId),
        scan: CommandId,
    ) -> Result<Vec<BookingFact>, Refusal> {
        let spec = self.catalogue.doors.get(&door).ok_or(Refusal::NoDoor)?;
        let mut after = self.doors.seen(door, ticket).to_vec();
        let own = after.iter_mut().find(|seen| seen.scan == scan).ok_or(Refusal::NoScan)?;
        if own.outcome == ScanOutcome::Voided {
            return Ok(Vec::new());
        }
        (own.fault, own.outcome) = (Some(ScanOutcome::Voided), ScanOutcome::Voided);
        let changed = after.iter().zip(outcomes(&after, spec.reentry)).filter(|(seen, now)| seen.outcome != *now);
        let corrected =
            changed.map(|(seen, outcome)| BookingFact::ScanCorrected { event, door, ticket, scan: seen.scan, outcome });
        let is_let_in =
            |fact: &BookingFact| matches!(fact, BookingFact::ScanCorrected { outcome: ScanOutcome::Admitted, .. });
        let (promoted, mut facts): (Vec<_>, Vec<_>) = corrected.partition(is_let_in);
        facts.push(BookingFact::ScanVoided { event, door, ticket, scan });
        facts.extend(promoted);
        Ok(facts)
    }

    pub(crate) fn apply_door(&mut self, fact: &BookingFact) {
        match fact {
            BookingFact::TicketTransferred { ticket, revision, subject, person, sealed, .. } => {
                if let Some(known) = self.tickets.get_mut(ticket) {
                    (known.revision, known.subject, known.person) = (*revision, *subject, *person);
                    known.sealed = sealed.clone();
                }
            }
            BookingFact::TicketReissued { ticket, revision, .. } => {
                if let Some(known) = self.tickets.get_mut(ticket) {
                    known.revision = *revision;
                }
            }
            BookingFact::TicketScanned { door, scan, outcome, .. } => {
                let fault = !matches!(outcome, ScanOutcome::Admitted | ScanOutcome::Left | ScanOutcome::Duplicate);
                let seen = seen(scan, fault.then_some(*outcome), *outcome);
                self.doors.change((*door, scan.ticket), |all| insert(all, seen));
            }
            BookingFact::ScanCorrected { door, ticket, scan, outcome, .. } => {
                self.doors.change((*door, *ticket), |all| {
                    if let Some(seen) = all.iter_mut().find(|seen| seen.scan == *scan) {
                        seen.outcome = *outcome;
                    }
                });
            }
            BookingFact::ScanVoided { door, ticket, scan, .. } => {
                self.doors.change((*door, *ticket), |all| {
                    if let Some(seen) = all.iter_mut().find(|seen| seen.scan == *scan) {
                        (seen.fault, seen.outcome) = (Some(ScanOutcome::Voided), ScanOutcome::Voided);
                    }
                });
            }
            _ => {}
        }
    }
}

/// What is wrong with a ticket at a door, whoever was there before.
fn fault(door: &Door, ticket: &Ticket, scan: &Scan) -> Option<ScanOutcome> {
    if ticket.cancelled {
        Some(ScanOutcome::Cancelled)
    } else if scan.revision != ticket.revision {
        Some(ScanOutcome::Replaced)
    } else if !door.products.is_empty() && !door.products.contains(&ticket.choice.product) {
        Some(ScanOutcome::WrongDoor)
    } else if !scan.exit && !is_open(&door.times, ticket.choice.product, scan.scanned) {
        Some(ScanOutcome::NotNow)
    } else {
        None
    }
}

/// Whether a product may come in at a time; going out is possible at any.
fn is_open(times: &[DoorTime], product: ItemId, at: Timestamp) -> bool {
    let of = |time: &&DoorTime| time.products.is_empty() || time.products.contains(&product);
    let mut own = times.iter().filter(of).peekable();
    let within = |time: &DoorTime| time.from.is_none_or(|from| from <= at) && time.until.is_none_or(|until| at < until);
    own.peek().is_none() || own.any(within)
}

fn seen(scan: &Scan, fault: Option<ScanOutcome>, outcome: ScanOutcome) -> Seen {
    let (gate, device) = (scan.gate.clone(), scan.device.clone());
    Seen { scanned: scan.scanned, scan: scan.scan, exit: scan.exit, gate, device, fault, outcome }
}

fn insert(all: &mut Vec<Seen>, seen: Seen) {
    let place = all.partition_point(|other| (other.scanned, other.scan) < (seen.scanned, seen.scan));
    all.insert(place, seen);
}

impl Ticket {
    /// Whose it is: the holder's pseudonym, or none for the buyer.
    pub fn holder(&self) -> Option<Token> {
        self.person.is_some().then_some(self.person)
    }
}

#[cfg(test)]
mod tests;
