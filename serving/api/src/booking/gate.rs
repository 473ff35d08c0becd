//! A door: devices tell what they saw, at once or later, and learn what it comes to; a mistake is taken back.

use axum::extract::State;
use records::booking::{Scan, ScanOutcome};
use records::{CommandId, DoorId, EventId, ItemId, OrganizationId, TicketId};
use rules::access::{Act, On};
use rules::booking::doors::{BATCH_MAX, Seen};
use rules::booking::{BoxOffice, Wish};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::devices::device_of;
use super::gates::Outcome;
use super::offer::at;
use super::tickets::Claims;
use crate::Api;
use crate::accounts::{When, offset};
use crate::auth::Presented;
use crate::openapi::Routes;
use crate::problem::{Code, Problem};
use crate::reads::extract::{Id, Instant, Named};
use crate::writes::{Idempotent, Written};

/// Characters of the names of places and devices.
const WORD_MAX: usize = 64;

pub(super) fn routes() -> Routes {
    Routes::new()
        .post(at!("/doors/{door}/scans"), "What devices saw at a door, in any order", scan)
        .may(&[Code::NotFound, Code::BookingRefused, Code::FieldsWrong])
        .post(at!("/doors/{door}/scans/{scan}/void"), "Takes a scan back that was a mistake", void)
        .may(&[Code::NotFound, Code::BookingRefused])
}

type OfDoor = (Id<OrganizationId>, Id<EventId>, Id<DoorId>);
type OfScan = (Id<OrganizationId>, Id<EventId>, Id<DoorId>, Id<CommandId>);

/// What a device saw.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Scans {
    /// At most 1,000.
    scans: Vec<Looked>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Looked {
    /// The device's id of this look: the same id twice is the same look.
    id: CommandId,
    /// What the ticket's code says.
    #[serde(default)]
    text: String,
    /// A ticket that was found by name or order instead, and is taken as it is now.
    ticket: Option<TicketId>,
    /// When the device looked.
    at: Instant,
    /// Whether they were leaving.
    #[serde(default)]
    exit: bool,
    /// Where, as the device was told.
    #[serde(default)]
    gate: String,
    /// The device; that of a key that is one's own is known.
    #[serde(default)]
    device: String,
}

/// What looks come to.
#[derive(Debug, Serialize, JsonSchema)]
struct Looks {
    results: Vec<Result_>,
    /// Tickets that were let in at this door.
    admitted: u32,
    /// Tickets that are in.
    inside: u32,
}

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "ScanResult")]
struct Result_ {
    id: CommandId,
    ticket: Option<TicketId>,
    product: ItemId,
    /// Whose ticket it is.
    holder: String,
    outcome: Outcome,
    /// When, where and by which device somebody was let in with this ticket first, for a duplicate.
    first: Option<First>,
}

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "FirstScan")]
struct First {
    at: When,
    gate: String,
    device: String,
}

/// What a text was read as.
enum Read {
    Nothing,
    OtherEvent,
    Ticket(Claims),
}

async fn scan(
    State(api): State<Api>,
    caller: Presented,
    Named((Id(organization), Id(event), Id(door))): Named<OfDoor>,
    write: Idempotent<Scans>,
) -> Result<Written<Looks>, Problem> {
    caller.may(Act::CheckIn, &On::event(organization, event))?;
    let (at, tag) = ((organization, event), write.tag(&caller.who()));
    if write.body.scans.len() > BATCH_MAX {
        return Err(Problem::new(Code::FieldsWrong, format!("`scans` has at most {BATCH_MAX}")));
    }
    let own = device_of(&caller.principal);
    let read = read(&api, at, &write.body.scans)?;
    let (mut asked, mut scans) = (Vec::with_capacity(read.len()), Vec::with_capacity(read.len()));
    for (looked, read) in write.body.scans.into_iter().zip(read) {
        asked.push((looked.id, read));
        let Some((_, Read::Ticket(claims))) = asked.last() else { continue };
        scans.push(Scan {
            scan: looked.id,
            ticket: claims.ticket,
            revision: claims.revision,
            // A device's clock may run ahead; nobody has seen anything in the future.
            scanned: looked.at.0.min(api.clock.now()),
            exit: looked.exit,
            gate: short(&looked.gate),
            device: own.clone().unwrap_or_else(|| short(&looked.device)),
        });
    }
    let done = api.book(Some(tag), caller.principal.by(), at, Wish::Scan { door, scans }).await?;
    Ok(Written { data: answer(&api, at, door, asked)?, offset: offset(&done) })
}

fn short(word: &str) -> String {
    word.chars().filter(|letter| !letter.is_control()).take(WORD_MAX).collect()
}

/// Signatures are checked before the lock of the box offices is taken.
fn read(api: &Api, at: (OrganizationId, EventId), scans: &[Looked]) -> Result<Vec<Read>, Problem> {
    let key = api.ticket_key(at.0).verifying_key();
    let claimed: Vec<Option<Claims>> = scans.iter().map(|looked| Claims::read(&looked.text, &key)).collect();
    api.office(at, |office| {
        let known = |(looked, claims): (&Looked, Option<Claims>)| match claims {
            Some(claims) if claims.event != at.1 => Read::OtherEvent,
            Some(claims) if office.ticket(claims.ticket).is_some() => Read::Ticket(claims),
            None if looked.text.is_empty() => {
                looked.ticket.and_then(|ticket| by_hand(office, at.1, ticket)).map_or(Read::Nothing, Read::Ticket)
            }
            _ => Read::Nothing,
        };
        scans.iter().zip(claimed).map(known).collect()
    })
}

fn by_hand(office: &BoxOffice, event: EventId, ticket: TicketId) -> Option<Claims> {
    let known = office.ticket(ticket)?;
    Some(Claims { event, ticket, product: known.choice.product, revision: known.revision })
}

fn answer(
    api: &Api,
    at: (OrganizationId, EventId),
    door: DoorId,
    asked: Vec<(CommandId, Read)>,
) -> Result<Looks, Problem> {
    let (count, told) = api.office(at, |office| {
        let result = |(id, read)| match read {
            Read::Ticket(claims) => told(office, door, id, claims.ticket),
            Read::OtherEvent => (Result_::of_none(id, Outcome::WrongEvent), None),
            Read::Nothing => (Result_::of_none(id, Outcome::Unknown), None),
        };
        (office.doors().count(door), asked.into_iter().map(result).collect::<Vec<_>>())
    })?;
    let named = told.into_iter().map(|(mut result, sealed)| {
        if let Some((subject, sealed)) = sealed {
            result.holder = api.contact(at.0, subject, &sealed).name;
        }
        result
    });
    Ok(Looks { results: named.collect(), admitted: count.admitted, inside: count.inside })
}

/// Whose a ticket is: the key and what it seals.
pub(super) type Holder = (u64, records::Blob);

/// Who holds a ticket: the one it was passed on to, else the buyer.
pub(super) fn holder_of(office: &BoxOffice, ticket: TicketId) -> Option<Holder> {
    let known = office.ticket(ticket)?;
    if known.holder().is_some() {
        return Some((known.subject, known.sealed.clone()));
    }
    let order = office.order(known.order)?;
    Some((order.subject, order.sealed.clone()))
}

fn told(office: &BoxOffice, door: DoorId, id: CommandId, ticket: TicketId) -> (Result_, Option<Holder>) {
    let all = office.doors().seen(door, ticket);
    let own = all.iter().find(|seen| seen.scan == id);
    let is_duplicate = own.is_some_and(|own| own.outcome == ScanOutcome::Duplicate);
    let first = all.iter().find(|seen| is_duplicate && seen.outcome == ScanOutcome::Admitted).map(First::of);
    let product = office.ticket(ticket).map_or(ItemId::NONE, |known| known.choice.product);
    let outcome = own.map_or(Outcome::Unknown, |own| own.outcome.into());
    let result = Result_ { id, ticket: Some(ticket), product, holder: String::new(), outcome, first };
    (result, holder_of(office, ticket))
}

impl Result_ {
    fn of_none(id: CommandId, outcome: Outcome) -> Self {
        Self { id, ticket: None, product: ItemId::NONE, holder: String::new(), outcome, first: None }
    }
}

impl First {
    fn of(seen: &Seen) -> Self {
        Self { at: When(seen.scanned), gate: seen.gate.clone(), device: seen.device.clone() }
    }
}

/// Whose scan it is.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "ScanToVoid")]
struct Mistake {
    ticket: TicketId,
}

/// What is counted at a door now.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "DoorCountNow")]
struct Counted {
    /// Tickets that were let in at this door.
    admitted: u32,
    /// Tickets that are in.
    inside: u32,
}

async fn void(
    State(api): State<Api>,
    caller: Presented,
    Named((Id(organization), Id(event), Id(door), Id(scan))): Named<OfScan>,
    write: Idempotent<Mistake>,
) -> Result<Written<Counted>, Problem> {
    caller.may(Act::CheckIn, &On::event(organization, event))?;
    let (at, tag, ticket) = ((organization, event), write.tag(&caller.who()), write.body.ticket);
    api.office(at, |_| ())?;
    let done = api.book(Some(tag), caller.principal.by(), at, Wish::VoidScan { door, ticket, scan }).await?;
    let count = api.office(at, |office| office.doors().count(door))?;
    let data = Counted { admitted: count.admitted, inside: count.inside };
    Ok(Written { data, offset: offset(&done) })
}
