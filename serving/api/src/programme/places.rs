//! Places in sessions for ticket holders: whoever has an order's secret acts for its tickets that were not passed on.

use axum::extract::State;
use records::programme::{Audience, Material};
use records::{EventId, OrderId, OrganizationId, SessionId, TicketId};
use rules::programme::places::Place;
use rules::programme::{EventProgramme, Wish};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::At;
use crate::Api;
use crate::accounts::{When, offset};
use crate::booking::OrderSecret;
use crate::lists::One;
use crate::openapi::Routes;
use crate::problem::{Code, Problem};
use crate::reads::extract::{Id, Named};
use crate::writes::{Idempotent, Written};

pub(super) const OF_TICKET: &str = "/v1/shop/{seller}/{event}/orders/{order}/tickets/{ticket}/sessions";
const OF_SESSION: &str = "/v1/shop/{seller}/{event}/orders/{order}/tickets/{ticket}/sessions/{session}";

pub(super) fn routes() -> Routes {
    Routes::new()
        .get(OF_TICKET, "The places of a ticket, what it may see, and its calendar", own)
        .may(&[Code::NotFound])
        .get(OF_SESSION, "What a ticket has of a session", one)
        .may(&[Code::NotFound])
        .put(OF_SESSION, "Takes a place in a session, or waits for one", take)
        .may(&[Code::NotFound, Code::Refused])
        .delete(OF_SESSION, "Gives a place back, or waits no longer", leave)
        .may(&[Code::NotFound, Code::Refused])
}

type OfTicket = (Id<OrganizationId>, Id<EventId>, Id<OrderId>, Id<TicketId>);
type OfSession = (Id<OrganizationId>, Id<EventId>, Id<OrderId>, Id<TicketId>, Id<SessionId>);

/// What a ticket has of a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "SessionPlaceStanding")]
enum Standing {
    /// No place; there may be one to take.
    None,
    Taken,
    Waiting,
}

/// A session as a ticket holder sees it.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[schemars(rename = "SessionPlace")]
struct Shown {
    session: SessionId,
    title: String,
    starts: When,
    ends: When,
    standing: Standing,
    /// How many wait before this one.
    before: Option<u64>,
    /// How many places there are, and how many are taken.
    capacity: Option<u32>,
    taken: u32,
    /// What goes with it, also what only ticket holders see.
    materials: Vec<Material>,
}

/// What a ticket has.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[schemars(rename = "TicketAgenda")]
struct Own {
    /// Sessions that it has a place in or waits for, by when they begin.
    sessions: Vec<Shown>,
    /// Where people take part over the net.
    online: String,
    /// A calendar of these sessions that any calendar can subscribe to; another one when the ticket is passed on.
    calendar: String,
}

/// Whether to wait.
#[derive(Clone, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(rename = "SessionPlaceToTake")]
struct Take {
    /// Whether to wait when all places are taken; yes, when it is not said.
    wait: bool,
}

impl Default for Take {
    fn default() -> Self {
        Self { wait: true }
    }
}

/// The revision of a ticket of this order that was not passed on and is valid.
fn holds(api: &Api, secret: &OrderSecret, at: At, order: OrderId, ticket: TicketId) -> Result<u32, Problem> {
    secret.opens(api, at.0, order)?;
    let found = api.office(at, |office| {
        let known = office.ticket(ticket).filter(|known| known.order == order && !known.cancelled)?;
        known.holder().is_none().then_some(known.revision)
    })?;
    found.ok_or_else(|| Problem::new(Code::NotFound, "the order has no such ticket, or it was cancelled or passed on"))
}

fn shown(known: &EventProgramme, session: SessionId, ticket: TicketId) -> Option<Shown> {
    let (_, listed, time) = known.sessions().find(session)?;
    let (standing, before) = match known.places().place(time.id, ticket) {
        None => (Standing::None, None),
        Some(Place::Taken) => (Standing::Taken, None),
        Some(Place::Waiting(before)) => (Standing::Waiting, Some(before as u64)),
    };
    // Where places are to be taken, what is for holders is for those who have one.
    let mine = listed.spec.capacity.is_none() || standing == Standing::Taken;
    let seen = |one: &&Material| one.audience == Audience::Everybody || mine;
    Some(Shown {
        session: time.id,
        title: listed.spec.title.clone(),
        starts: When(time.starts),
        ends: When(time.ends),
        standing,
        before,
        capacity: known.room(time.id),
        taken: known.places().taken(time.id),
        materials: listed.spec.materials.iter().filter(seen).cloned().collect(),
    })
}

fn find(api: &Api, at: At, session: SessionId, ticket: TicketId) -> Result<Shown, Problem> {
    let found = api.programme(at, |known| shown(known, session, ticket))?;
    found.ok_or_else(|| Problem::new(Code::NotFound, "there is no such session"))
}

async fn own(
    State(api): State<Api>,
    Named((Id(seller), Id(event), Id(order), Id(ticket))): Named<OfTicket>,
    secret: OrderSecret,
) -> Result<One<Own>, Problem> {
    let at = (seller, event);
    let revision = holds(&api, &secret, at, order, ticket)?;
    let calendar = api.agenda_address(at, ticket, revision);
    let data = api.programme(at, |known| {
        let mut sessions: Vec<Shown> =
            known.places().sessions(ticket).filter_map(|session| shown(known, session, ticket)).collect();
        sessions.sort_by_key(|one| (one.starts.0, one.session));
        Own { sessions, online: known.page().online.clone(), calendar }
    })?;
    Ok(One { data })
}

async fn one(
    State(api): State<Api>,
    Named((Id(seller), Id(event), Id(order), Id(ticket), Id(session))): Named<OfSession>,
    secret: OrderSecret,
) -> Result<One<Shown>, Problem> {
    let at = (seller, event);
    holds(&api, &secret, at, order, ticket)?;
    Ok(One { data: find(&api, at, session, ticket)? })
}

async fn take(
    State(api): State<Api>,
    Named((Id(seller), Id(event), Id(order), Id(ticket), Id(session))): Named<OfSession>,
    secret: OrderSecret,
    write: Idempotent<Option<Take>>,
) -> Result<Written<Shown>, Problem> {
    let at = (seller, event);
    holds(&api, &secret, at, order, ticket)?;
    let wait = write.body.clone().unwrap_or_default().wait;
    let wish = Wish::TakePlace { session, ticket, wait };
    let done = api.arrange(Some(write.tag("buyer")), None, at, vec![wish]).await?;
    Ok(Written { data: find(&api, at, session, ticket)?, offset: offset(&done) })
}

async fn leave(
    State(api): State<Api>,
    Named((Id(seller), Id(event), Id(order), Id(ticket), Id(session))): Named<OfSession>,
    secret: OrderSecret,
    write: Idempotent,
) -> Result<Written<Shown>, Problem> {
    let at = (seller, event);
    holds(&api, &secret, at, order, ticket)?;
    let done = api.arrange(Some(write.tag("buyer")), None, at, vec![Wish::LeavePlace { session, ticket }]).await?;
    Ok(Written { data: find(&api, at, session, ticket)?, offset: offset(&done) })
}
