//! What doors tell devices and pages: what has changed since an offset, and counts that are of the same fold as the list.
//!
//! For each event the newest change of each thing is kept under its offset, so that whoever asks again gets what changed
//! and nothing twice: at most as much as there is. Counts follow each look at a ticket; a test counts the list again.

use std::collections::{BTreeMap, VecDeque};

use hashbrown::HashMap;
use records::booking::{BookingFact, ScanOutcome};
use records::hash::FixedState;
use records::{CommandId, DoorId, EventId, Fact, FactRow, ItemId, OrganizationId, TicketId};
use rules::booking::BoxOffice;
use rules::booking::doors::DoorCount;

/// The newest looks that are told beside the counts: what fits on a screen.
pub(crate) const LATELY_MAX: usize = 30;

/// Something that a device has to know otherwise than it did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Thing {
    /// A ticket that was replaced or cancelled.
    Ticket(TicketId),
    /// What was seen of a ticket at a door.
    Looks(DoorId, TicketId),
}

/// A look, or what became of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Lately {
    pub(crate) offset: u64,
    pub(crate) door: DoorId,
    pub(crate) ticket: TicketId,
    pub(crate) scan: CommandId,
    /// Whether it is told otherwise now than it was.
    pub(crate) corrected: bool,
}

/// The doors of one event.
#[derive(Debug, Clone, Default)]
pub(crate) struct Gate {
    changed: BTreeMap<(u64, Thing), ()>,
    newest: HashMap<Thing, u64, FixedState>,
    counts: BTreeMap<(DoorId, ItemId), DoorCount>,
    states: HashMap<(DoorId, TicketId), (bool, bool), FixedState>,
    lately: VecDeque<Lately>,
    /// How often something of it has changed, doors included.
    pub(crate) changes: u64,
}

/// The doors of all events of this process, and how far each partition was heard.
#[derive(Debug, Default)]
pub(crate) struct Gates {
    gates: BTreeMap<(OrganizationId, EventId), Gate>,
    /// The newest offset of each partition.
    heads: BTreeMap<u16, u64>,
    partitions: BTreeMap<(OrganizationId, EventId), u16>,
}

impl Gates {
    /// Takes a fact that its box office has taken already. Whether it concerns doors.
    pub(crate) fn apply(&mut self, place: desk::Place, row: &FactRow, office: Option<&BoxOffice>) -> bool {
        let offset = place.first.0;
        self.heads.insert(place.partition.0, offset);
        let (Some(Fact::Booking(fact)), Some(office)) = (row.known(), office) else { return false };
        let event = fact.event();
        if !event.is_some() {
            return false;
        }
        let key = (row.organization, event);
        self.partitions.insert(key, place.partition.0);
        let gate = self.gates.entry(key).or_default();
        let concerns = gate.apply(offset, fact, office);
        gate.changes += u64::from(concerns);
        concerns
    }

    /// The doors of an event, and up to which offset of which partition they are known.
    pub(crate) fn gate(&self, at: (OrganizationId, EventId)) -> Option<(&Gate, u16, u64)> {
        let partition = *self.partitions.get(&at)?;
        Some((self.gates.get(&at)?, partition, self.heads.get(&partition).copied().unwrap_or(0)))
    }
}

impl Gate {
    fn apply(&mut self, offset: u64, fact: &BookingFact, office: &BoxOffice) -> bool {
        match fact {
            BookingFact::TicketScanned { door, scan, .. } => {
                self.looked(offset, office, Lately::new(offset, *door, scan.ticket, scan.scan, false));
            }
            BookingFact::ScanCorrected { door, ticket, scan, .. }
            | BookingFact::ScanVoided { door, ticket, scan, .. } => {
                self.looked(offset, office, Lately::new(offset, *door, *ticket, *scan, true));
            }
            BookingFact::TicketTransferred { ticket, .. } | BookingFact::TicketReissued { ticket, .. } => {
                self.mark(offset, Thing::Ticket(*ticket));
            }
            BookingFact::OrderCancelled { order, positions, .. } => {
                let tickets = office.order(*order).map_or(&[][..], |order| &order.tickets);
                for position in positions {
                    if let Some(ticket) = tickets.get(usize::from(*position)).filter(|ticket| ticket.is_some()) {
                        self.mark(offset, Thing::Ticket(*ticket));
                    }
                }
            }
            // How many are expected.
            BookingFact::OrderConfirmed { .. } | BookingFact::DoorSet { .. } | BookingFact::ProductSet { .. } => {}
            _ => return false,
        }
        true
    }

    fn mark(&mut self, offset: u64, thing: Thing) {
        if let Some(before) = self.newest.insert(thing, offset) {
            self.changed.remove(&(before, thing));
        }
        self.changed.insert((offset, thing), ());
    }

    fn looked(&mut self, offset: u64, office: &BoxOffice, look: Lately) {
        let (door, ticket) = (look.door, look.ticket);
        self.mark(offset, Thing::Looks(door, ticket));
        let after = office.doors().state(door, ticket);
        let before = self.states.insert((door, ticket), after).unwrap_or_default();
        if let Some(known) = office.ticket(ticket) {
            let count = self.counts.entry((door, known.choice.product)).or_default();
            count.admitted = count.admitted + u32::from(after.0) - u32::from(before.0);
            count.inside = count.inside + u32::from(after.1) - u32::from(before.1);
        }
        if self.lately.len() == LATELY_MAX {
            self.lately.pop_front();
        }
        self.lately.push_back(look);
    }

    /// What changed after an offset, the earliest first; what changed with one fact stays together. The offset that all
    /// of it reflects, and whether there is more.
    pub(crate) fn since(&self, after: Option<u64>, most: usize, head: u64) -> (Vec<Thing>, u64, bool) {
        let from = after.map_or(0, |after| after.saturating_add(1));
        let rest = self.changed.range((from, Thing::Ticket(TicketId::NONE))..);
        let (mut things, mut reached) = (Vec::new(), from);
        for ((offset, thing), ()) in rest {
            if things.len() >= most && *offset != reached {
                return (things, reached, true);
            }
            reached = *offset;
            things.push(*thing);
        }
        (things, head, false)
    }

    /// What is counted at a door, by product.
    pub(crate) fn counts(&self, door: DoorId) -> impl Iterator<Item = (ItemId, DoorCount)> {
        let of_door = self.counts.range((door, ItemId::NONE)..).take_while(move |((known, _), _)| *known == door);
        of_door.map(|((_, product), count)| (*product, *count))
    }

    /// The newest looks, the newest first.
    pub(crate) fn lately(&self) -> impl Iterator<Item = &Lately> {
        self.lately.iter().rev()
    }
}

impl Lately {
    fn new(offset: u64, door: DoorId, ticket: TicketId, scan: CommandId, corrected: bool) -> Self {
        Self { offset, door, ticket, scan, corrected }
    }
}

/// The word of an outcome, as answers and devices have it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "ScanOutcomeWord")]
pub(crate) enum Outcome {
    /// Let in.
    Admitted,
    /// Let out.
    Left,
    /// Somebody was let in with this ticket before.
    Duplicate,
    /// The ticket was replaced by a newer one.
    Replaced,
    /// The ticket was cancelled.
    Cancelled,
    /// The ticket is not for this door.
    WrongDoor,
    /// The ticket is for this door, at another time.
    NotNow,
    /// The scan was a mistake and counts no more.
    Voided,
    /// A ticket of another event.
    WrongEvent,
    /// No ticket at all.
    Unknown,
}

impl From<ScanOutcome> for Outcome {
    fn from(outcome: ScanOutcome) -> Self {
        match outcome {
            ScanOutcome::Admitted => Self::Admitted,
            ScanOutcome::Left => Self::Left,
            ScanOutcome::Duplicate => Self::Duplicate,
            ScanOutcome::Replaced => Self::Replaced,
            ScanOutcome::Cancelled => Self::Cancelled,
            ScanOutcome::WrongDoor => Self::WrongDoor,
            ScanOutcome::NotNow => Self::NotNow,
            ScanOutcome::Voided => Self::Voided,
        }
    }
}
