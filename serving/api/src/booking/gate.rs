//! Doors: devices tell what they saw, at once or later, and learn what it comes to.

use axum::extract::State;
use records::booking::{Scan, ScanOutcome, Validity};
use records::{CommandId, DoorId, EventId, OrganizationId, TicketId};
use rules::access::{Act, On};
use rules::booking::Wish;
use rules::booking::doors::BATCH_MAX;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::offer::at;
use super::tickets::Claims;
use crate::Api;
use crate::accounts::{When, offset};
use crate::auth::Presented;
use crate::openapi::Routes;
use crate::problem::{Code, Problem};
use crate::reads::extract::{Id, Instant, Named};
use crate::writes::{Idempotent, Written};

pub(super) fn routes() -> Routes {
    Routes::new().post(at!("/doors/{door}/scans"), "What devices saw at a door, in any order", scan).may(&[
        Code::NotFound,
        Code::BookingRefused,
        Code::FieldsWrong,
    ])
}

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
    text: String,
    /// When the device looked.
    at: Instant,
    /// Whether they were leaving.
    #[serde(default)]
    exit: bool,
    /// Where, as the device was told.
    #[serde(default)]
    gate: String,
    /// The device.
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
    outcome: Outcome,
    /// What whoever stands at the door is told, in a sentence.
    words: String,
    /// When the ticket begins to let in.
    valid_from: Option<When>,
    /// When it ceases to.
    valid_until: Option<When>,
    /// When, where and by which device somebody was let in with this ticket first, for a duplicate.
    first: Option<First>,
}

#[derive(Debug, Clone, Copy, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Outcome {
    Admitted,
    Left,
    Duplicate,
    Replaced,
    Cancelled,
    WrongDoor,
    /// It does not let in yet: see `valid_from`.
    TooEarly,
    /// It does not let in any more: see `valid_until`.
    TooLate,
    /// Not a ticket of this event.
    Unknown,
}

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "FirstScan")]
struct First {
    at: When,
    gate: String,
    device: String,
}

impl Outcome {
    fn words(self, valid: Validity) -> String {
        let at = |at: Option<records::Timestamp>| at.map_or_else(String::new, |at| format!(" (UTC {at})"));
        match self {
            Self::Admitted => "let in".into(),
            Self::Left => "let out".into(),
            Self::Duplicate => "somebody was let in with this ticket before".into(),
            Self::Replaced => "this ticket was replaced by a newer one".into(),
            Self::Cancelled => "this ticket was cancelled".into(),
            Self::WrongDoor => "this ticket is not for this door".into(),
            Self::TooEarly => format!("this ticket does not let in yet{}", at(valid.from)),
            Self::TooLate => format!("this ticket does not let in any more{}", at(valid.until)),
            Self::Unknown => "this is no ticket of this event".into(),
        }
    }
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
            ScanOutcome::TooEarly => Self::TooEarly,
            ScanOutcome::TooLate => Self::TooLate,
        }
    }
}

async fn scan(
    State(api): State<Api>,
    caller: Presented,
    Named((Id(organization), Id(event), Id(door))): Named<(Id<OrganizationId>, Id<EventId>, Id<DoorId>)>,
    write: Idempotent<Scans>,
) -> Result<Written<Looks>, Problem> {
    caller.may(Act::CheckIn, &On::event(organization, event))?;
    let (at, tag) = ((organization, event), write.tag(&caller.who()));
    if write.body.scans.len() > BATCH_MAX {
        return Err(Problem::new(Code::FieldsWrong, format!("`scans` has at most {BATCH_MAX}")));
    }
    let key = api.ticket_key(organization).verifying_key();
    let now = api.clock.now();
    let mut seen = Vec::new();
    let known = api.office(at, |office| {
        let there = |claims: &Claims| claims.event == event && office.ticket(claims.ticket).is_some();
        for looked in &write.body.scans {
            let claims = Claims::read(&looked.text, &key).filter(there);
            seen.push((looked.id, claims));
        }
    });
    known?;
    let scans = write.body.scans.into_iter().zip(&seen).filter_map(|(looked, (_, claims))| {
        let claims = claims.as_ref()?;
        Some(Scan {
            scan: looked.id,
            ticket: claims.ticket,
            revision: claims.revision,
            // A device's clock may run ahead; nobody has seen anything in the future.
            scanned: looked.at.0.min(now),
            exit: looked.exit,
            gate: looked.gate.chars().take(64).collect(),
            device: looked.device.chars().take(64).collect(),
        })
    });
    let wish = Wish::Scan { door, scans: scans.collect() };
    let done = api.book(Some(tag), caller.principal.by(), at, wish).await?;
    let data = api.office(at, |office| {
        let result = |(id, claims): (CommandId, Option<Claims>)| {
            let Some(claims) = claims else {
                let (outcome, words) = (Outcome::Unknown, Outcome::Unknown.words(Validity::default()));
                return Result_ { id, ticket: None, outcome, words, valid_from: None, valid_until: None, first: None };
            };
            let all = office.doors().seen(door, claims.ticket);
            let own = all.iter().find(|seen| seen.scan == id);
            let first = all.iter().find(|seen| seen.outcome == ScanOutcome::Admitted);
            let duplicate = own.is_some_and(|own| own.outcome == ScanOutcome::Duplicate);
            let first = first.filter(|_| duplicate).map(|first| First {
                at: When(first.scanned),
                gate: first.gate.clone(),
                device: first.device.clone(),
            });
            let outcome = own.map_or(Outcome::Unknown, |own| own.outcome.into());
            let valid = office.ticket(claims.ticket).map(|ticket| office.validity(ticket)).unwrap_or_default();
            let (valid_from, valid_until) = (valid.from.map(When), valid.until.map(When));
            let words = outcome.words(valid);
            Result_ { id, ticket: Some(claims.ticket), outcome, words, valid_from, valid_until, first }
        };
        let count = office.doors().count(door);
        let results = seen.into_iter().map(result).collect();
        Looks { results, admitted: count.admitted, inside: count.inside }
    })?;
    Ok(Written { data, offset: offset(&done) })
}
