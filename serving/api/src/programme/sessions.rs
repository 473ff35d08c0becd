//! What organizers write: sessions, and who has a place in them.

use axum::extract::State;
use records::{SessionId, TicketId};
use rules::programme::Wish;
use schemars::JsonSchema;
use serde::Serialize;

use super::At;
use super::manage::{OfEvent, Within, allowed, at, put, remove};
use super::shapes::{self, PutSession, SessionShown};
use crate::Api;
use crate::accounts::Nothing;
use crate::auth::Presented;
use crate::conditional::IfMatch;
use crate::lists::{One, Page, Paging};
use crate::openapi::Routes;
use crate::problem::{Code, Problem};
use crate::reads::extract::{Id, Named};
use crate::writes::{Idempotent, Written};

pub(super) fn routes() -> Routes {
    Routes::new()
        .get(at!("/sessions"), "Sessions, by id", list)
        .may(&[Code::NotFound])
        .get(at!("/sessions/{session}"), "One session", one)
        .may(&[Code::NotFound])
        .put(at!("/sessions/{session}"), "Makes or changes a session", put_session)
        .may(&[Code::NotFound, Code::Refused])
        .delete(at!("/sessions/{session}"), "Removes a session", remove_session)
        .may(&[Code::NotFound])
        .get(at!("/sessions/{session}/places"), "Tickets that have a place in a session, and those that wait", places)
        .may(&[Code::NotFound])
}

fn no_session() -> Problem {
    Problem::new(Code::NotFound, "there is no such session")
}

fn shown(api: &Api, at: At, id: SessionId) -> Result<SessionShown, Problem> {
    let found =
        api.programme(at, |known| known.sessions().get(id).map(|listed| shapes::session(id, listed, known, false)))?;
    found.ok_or_else(no_session)
}

async fn list(
    State(api): State<Api>,
    caller: Presented,
    Named((Id(organization), Id(event))): Named<OfEvent>,
    paging: Paging,
) -> Result<Page<SessionShown>, Problem> {
    let at = (organization, event);
    allowed(&api, &caller, at)?;
    let after: Option<SessionId> = paging.after()?;
    let rows = api.programme(at, |known| {
        let rest = known.sessions().iter().filter(|(id, _)| after.is_none_or(|after| *id > after));
        let rest = rest.take(paging.limit() + 1);
        rest.map(|(id, listed)| shapes::session(id, listed, known, false)).collect::<Vec<_>>()
    })?;
    Ok(paging.page(rows, |row| row.id))
}

async fn one(
    State(api): State<Api>,
    caller: Presented,
    Named((Id(organization), Id(event), Id(session))): Named<Within<SessionId>>,
) -> Result<One<SessionShown>, Problem> {
    let at = (organization, event);
    allowed(&api, &caller, at)?;
    Ok(One { data: shown(&api, at, session)? })
}

async fn put_session(
    State(api): State<Api>,
    caller: Presented,
    Named((Id(organization), Id(event), Id(session))): Named<Within<SessionId>>,
    condition: IfMatch,
    write: Idempotent<PutSession>,
) -> Result<Written<SessionShown>, Problem> {
    let at = (organization, event);
    allowed(&api, &caller, at)?;
    let (overlap, spec) = (write.body.overlap, Box::new(write.body.clone().spec()));
    let wish = Wish::SetSession { session, spec, overlap };
    put((&api, &caller, at), &condition, &write, wish, || shown(&api, at, session)).await
}

async fn remove_session(
    State(api): State<Api>,
    caller: Presented,
    Named((Id(organization), Id(event), Id(session))): Named<Within<SessionId>>,
    write: Idempotent,
) -> Result<Nothing, Problem> {
    remove((&api, &caller, (organization, event)), &write, Wish::RemoveSession(session)).await
}

/// Who has a place in a session.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[schemars(rename = "SessionPlaces")]
struct Places {
    /// How many there are.
    capacity: u32,
    /// Tickets that have one.
    taken: Vec<TicketId>,
    /// Tickets that wait, the first in front.
    waiting: Vec<TicketId>,
}

async fn places(
    State(api): State<Api>,
    caller: Presented,
    Named((Id(organization), Id(event), Id(session))): Named<Within<SessionId>>,
) -> Result<One<Places>, Problem> {
    let at: At = (organization, event);
    allowed(&api, &caller, at)?;
    let found = api.programme(at, |known| {
        let id = known.sessions().find(session)?.2.id;
        let capacity = known.room(id)?;
        let seats = known.places().of(id).cloned().unwrap_or_default();
        Some(Places { capacity, taken: seats.taken.into_iter().collect(), waiting: seats.queue.into_iter().collect() })
    })?;
    let missing = || Problem::new(Code::NotFound, "there is no such session, or it has no places to take");
    Ok(One { data: found.ok_or_else(missing)? })
}
