//! What organizers write: sessions, and who has a place in them.

use axum::extract::State;
use records::{HallId, SessionId, SpeakerId, TicketId, TrackId};
use rules::programme::sessions::Listed;
use rules::programme::{EventProgramme, Wish};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

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
use crate::reads::extract::{Date, Id, Named, Params};
use crate::writes::{Idempotent, Written};

pub(super) fn routes() -> Routes {
    Routes::new()
        .get(at!("/sessions"), "Sessions, by when they first begin", list)
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

/// Which sessions.
#[derive(Deserialize, JsonSchema)]
struct Which {
    /// Only those that take place on this day, in the event's zone.
    day: Option<Date>,
    /// Only those in this room.
    room: Option<HallId>,
    /// Only those in this track.
    track: Option<TrackId>,
    /// Only those of this speaker.
    speaker: Option<SpeakerId>,
    /// Only those whose title or id has these words.
    #[serde(default)]
    search: String,
}

impl Which {
    fn has(&self, id: SessionId, listed: &Listed, known: &EventProgramme, words: &[String]) -> bool {
        let (spec, zone) = (&listed.spec, &known.scheduled().zone);
        let on = |day: Date| known.sessions().times(id).iter().any(|time| zone.day(time.starts) == day.0);
        let named = || {
            let text = format!("{} {id}", spec.title).to_lowercase();
            words.iter().all(|word| text.contains(word.as_str()))
        };
        self.room.is_none_or(|room| spec.hall == room)
            && self.track.is_none_or(|track| spec.track == track)
            && self.speaker.is_none_or(|speaker| spec.speakers.contains(&speaker))
            && self.day.is_none_or(on)
            && (words.is_empty() || named())
    }
}

/// Words of a search that are looked at: nobody remembers more of a title.
const WORDS_MAX: usize = 10;

async fn list(
    State(api): State<Api>,
    caller: Presented,
    Named((Id(organization), Id(event))): Named<OfEvent>,
    Params(which): Params<Which>,
    paging: Paging,
) -> Result<Page<SessionShown>, Problem> {
    let at = (organization, event);
    allowed(&api, &caller, at)?;
    let after: Option<(i64, SessionId)> = paging.after()?;
    let words: Vec<String> =
        which.search.to_lowercase().split_whitespace().take(WORDS_MAX).map(str::to_owned).collect();
    let rows = api.programme(at, |known| {
        let all = known.sessions().iter().map(|(id, listed)| ((listed.spec.starts.0, id), listed));
        let rest = all.filter(|((_, id), listed)| which.has(*id, listed, known, &words));
        let mut rest: Vec<_> = rest.filter(|(key, _)| after.is_none_or(|after| *key > after)).collect();
        rest.sort_unstable_by_key(|(key, _)| *key);
        let shown = rest.into_iter().take(paging.limit() + 1);
        shown.map(|(key, listed)| (key, shapes::session(key.1, listed, known, false))).collect::<Vec<_>>()
    })?;
    let page = paging.page(rows, |(key, _)| *key);
    Ok(Page { data: page.data.into_iter().map(|(_, row)| row).collect(), next: page.next })
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
