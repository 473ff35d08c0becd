//! What organizers write: the event's page, how far it is, rooms, tracks, speakers.

use axum::extract::State;
use records::programme::{AccessMode, Hall, Page, Speaker, Track};
use records::{EventId, HallId, OrganizationId, SessionId, SpeakerId, TrackId};
use rules::access::{Act, On};
use rules::programme::Wish;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::At;
use super::shapes::{self, RoomShown, SpeakerShown, Status, TrackShown};
use crate::Api;
use crate::accounts::{Nothing, When, offset};
use crate::auth::Presented;
use crate::booking::Exact;
use crate::conditional::{IfMatch, tag_of_answer};
use crate::lists::{One, Page as Rows, Paging};
use crate::openapi::Routes;
use crate::problem::{Code, Problem};
use crate::reads::extract::{Id, Named};
use crate::writes::{Idempotent, Written};

/// The routes of an event's programme begin with this.
macro_rules! at {
    ($rest:literal) => {
        concat!("/v1/organizations/{organization}/events/{event}/programme", $rest)
    };
}
pub(super) use at;

pub(super) fn routes() -> Routes {
    Routes::new()
        .get(at!(""), "How far an event is, what it says of itself, and what collides", whole)
        .may(&[Code::NotFound])
        .get(at!("/page"), "What the event says of itself, as it is written", page)
        .may(&[Code::NotFound])
        .put(at!("/page"), "What the event says of itself", put_page)
        .may(&[Code::NotFound, Code::Refused])
        .put(at!("/status"), "Publishes an event, takes it back, or calls it off", put_status)
        .may(&[Code::NotFound, Code::Refused])
        .get(at!("/rooms"), "Rooms, by id", rooms)
        .may(&[Code::NotFound])
        .get(at!("/rooms/{room}"), "One room", one_room)
        .may(&[Code::NotFound])
        .put(at!("/rooms/{room}"), "Makes or changes a room", put_room)
        .may(&[Code::NotFound, Code::Refused])
        .delete(at!("/rooms/{room}"), "Removes a room that no session is in", remove_room)
        .may(&[Code::NotFound, Code::Refused])
        .get(at!("/tracks"), "Tracks, by id", tracks)
        .may(&[Code::NotFound])
        .get(at!("/tracks/{track}"), "One track", one_track)
        .may(&[Code::NotFound])
        .put(at!("/tracks/{track}"), "Makes or changes a track", put_track)
        .may(&[Code::NotFound, Code::Refused])
        .delete(at!("/tracks/{track}"), "Removes a track that no session is in", remove_track)
        .may(&[Code::NotFound, Code::Refused])
        .get(at!("/speakers"), "Speakers, by id", speakers)
        .may(&[Code::NotFound])
        .get(at!("/speakers/{speaker}"), "One speaker", one_speaker)
        .may(&[Code::NotFound])
        .put(at!("/speakers/{speaker}"), "Makes or changes a speaker", put_speaker)
        .may(&[Code::NotFound, Code::Refused])
        .delete(at!("/speakers/{speaker}"), "Removes a speaker of no session", remove_speaker)
        .may(&[Code::NotFound, Code::Refused])
}

pub(super) type OfEvent = (Id<OrganizationId>, Id<EventId>);
pub(super) type Within<T> = (Id<OrganizationId>, Id<EventId>, Id<T>);

/// A programme as its organizer sees it.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[schemars(rename = "Programme")]
struct Whole {
    status: Status,
    /// Why it does not take place.
    reason: Option<String>,
    access: AccessMode,
    page: Page,
    sessions: usize,
    speakers: usize,
    rooms: Vec<RoomShown>,
    tracks: Vec<TrackShown>,
    /// Sessions that share a room or a speaker at the same time; at most 1,000.
    collisions: Vec<Collides>,
    /// Its public page.
    address: String,
    /// When the event itself was last changed.
    changed: When,
}

#[derive(Debug, Clone, Serialize, JsonSchema)]
#[schemars(rename = "Collision")]
struct Collides {
    starts: When,
    one: SessionId,
    one_title: String,
    other: SessionId,
    other_title: String,
    /// The room that both are in.
    room: HallId,
    /// Who would speak in both.
    speaker: Option<SpeakerId>,
}

fn shown(api: &Api, at: At) -> Result<Whole, Problem> {
    let address = api.event_address(at);
    api.programme(at, |known| {
        let (status, reason) = shapes::status(known.standing());
        let title = |id| known.sessions().get(id).map(|listed| listed.spec.title.clone()).unwrap_or_default();
        let collides = |one: rules::programme::sessions::Collision| Collides {
            starts: When(one.starts),
            one: one.one,
            one_title: title(one.one),
            other: one.other,
            other_title: title(one.other),
            room: one.hall,
            speaker: Some(one.speaker).filter(|speaker| speaker.is_some()),
        };
        Whole {
            status,
            reason,
            access: known.access().mode,
            page: known.page().clone(),
            sessions: known.sessions().len(),
            speakers: known.speakers().len(),
            rooms: known.halls().iter().map(|(id, hall)| shapes::room(*id, hall)).collect(),
            tracks: known.tracks().iter().map(|(id, track)| shapes::track(*id, track)).collect(),
            collisions: known.sessions().collisions().into_iter().map(collides).collect(),
            address,
            changed: When(known.revision().1),
        }
    })
}

/// Whether somebody may manage an event that there is.
pub(super) fn allowed(api: &Api, caller: &Presented, at: At) -> Result<(), Problem> {
    caller.may(Act::ManageEvents, &On::event(at.0, at.1))?;
    api.programme(at, |_| ())
}

/// Writes one thing: whoever has read it as it was may, by `If-Match`; `read` says how it stands.
pub(super) async fn put<T: Serialize, B>(
    (api, caller, at): (&Api, &Presented, At),
    condition: &IfMatch,
    write: &Idempotent<B>,
    wish: Wish,
    read: impl Fn() -> Result<T, Problem>,
) -> Result<Written<T>, Problem> {
    let tagged = read().ok().map(|before| tag_of_answer(&One { data: before }));
    condition.allows(tagged.as_deref().unwrap_or_default())?;
    let done = api.arrange(Some(write.tag(&caller.who())), caller.principal.by(), at, vec![wish]).await?;
    Ok(Written { data: read()?, offset: offset(&done) })
}

/// Removes one thing; that it is not there is what was wanted.
pub(super) async fn remove(
    (api, caller, at): (&Api, &Presented, At),
    write: &Idempotent,
    wish: Wish,
) -> Result<Nothing, Problem> {
    allowed(api, caller, at)?;
    api.arrange(Some(write.tag(&caller.who())), caller.principal.by(), at, vec![wish]).await?;
    Ok(Nothing)
}

async fn whole(
    State(api): State<Api>,
    caller: Presented,
    Named((Id(organization), Id(event))): Named<OfEvent>,
) -> Result<One<Whole>, Problem> {
    let at = (organization, event);
    allowed(&api, &caller, at)?;
    Ok(One { data: shown(&api, at)? })
}

/// The page alone: its tag is not moved by what changes beside it.
fn written(api: &Api, at: At) -> Result<Page, Problem> {
    api.programme(at, |known| known.page().clone())
}

async fn page(
    State(api): State<Api>,
    caller: Presented,
    Named((Id(organization), Id(event))): Named<OfEvent>,
) -> Result<One<Page>, Problem> {
    let at = (organization, event);
    allowed(&api, &caller, at)?;
    Ok(One { data: written(&api, at)? })
}

async fn put_page(
    State(api): State<Api>,
    caller: Presented,
    Named((Id(organization), Id(event))): Named<OfEvent>,
    condition: IfMatch,
    write: Idempotent<Exact<Page>>,
) -> Result<Written<Page>, Problem> {
    let at = (organization, event);
    allowed(&api, &caller, at)?;
    let wish = Wish::SetPage(write.body.0.clone());
    put((&api, &caller, at), &condition, &write, wish, || written(&api, at)).await
}

/// How far an event is to be.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "StatusToPut")]
struct PutStatus {
    status: Status,
    /// Why it is called off, for visitors.
    #[serde(default)]
    reason: String,
}

async fn put_status(
    State(api): State<Api>,
    caller: Presented,
    Named((Id(organization), Id(event))): Named<OfEvent>,
    condition: IfMatch,
    write: Idempotent<PutStatus>,
) -> Result<Written<Whole>, Problem> {
    let at = (organization, event);
    allowed(&api, &caller, at)?;
    let wish = match write.body.status {
        Status::Draft => Wish::Withdraw,
        Status::Published => Wish::Publish,
        Status::CalledOff => Wish::CallOff(write.body.reason.trim().to_owned()),
    };
    put((&api, &caller, at), &condition, &write, wish, || shown(&api, at)).await
}

/// The routes of one kind of thing that a programme has: a list, one of it, a write, a removal.
macro_rules! kind {
    ($list:ident, $one:ident, $put:ident, $remove:ident: $id:ident, $spec:ident, $shown:ident, $shape:path, $all:ident, $set:path, $gone:path, $name:literal) => {
        async fn $list(
            State(api): State<Api>,
            caller: Presented,
            Named((Id(organization), Id(event))): Named<OfEvent>,
            paging: Paging,
        ) -> Result<Rows<$shown>, Problem> {
            let at = (organization, event);
            allowed(&api, &caller, at)?;
            let after: Option<$id> = paging.after()?;
            let rest = api.programme(at, |known| paging.entries(after, known.$all()))?;
            Ok(paging.page(rest.into_iter().map(|(id, spec)| $shape(id, &spec)), |row| row.id))
        }

        async fn $one(
            State(api): State<Api>,
            caller: Presented,
            Named((Id(organization), Id(event), Id(id))): Named<Within<$id>>,
        ) -> Result<One<$shown>, Problem> {
            let at = (organization, event);
            allowed(&api, &caller, at)?;
            let found = api.programme(at, |known| known.$all().get(&id).map(|spec| $shape(id, spec)))?;
            let missing = || Problem::new(Code::NotFound, concat!("there is no such ", $name));
            Ok(One { data: found.ok_or_else(missing)? })
        }

        async fn $put(
            State(api): State<Api>,
            caller: Presented,
            Named((Id(organization), Id(event), Id(id))): Named<Within<$id>>,
            condition: IfMatch,
            write: Idempotent<Exact<$spec>>,
        ) -> Result<Written<$shown>, Problem> {
            let at = (organization, event);
            allowed(&api, &caller, at)?;
            let read = || {
                let found = api.programme(at, |known| known.$all().get(&id).map(|spec| $shape(id, spec)))?;
                found.ok_or_else(|| Problem::new(Code::NotFound, concat!("there is no such ", $name)))
            };
            let wish = $set(id, write.body.0.clone());
            put((&api, &caller, at), &condition, &write, wish, read).await
        }

        async fn $remove(
            State(api): State<Api>,
            caller: Presented,
            Named((Id(organization), Id(event), Id(id))): Named<Within<$id>>,
            write: Idempotent,
        ) -> Result<Nothing, Problem> {
            remove((&api, &caller, (organization, event)), &write, $gone(id)).await
        }
    };
}

kind!(rooms, one_room, put_room, remove_room: HallId, Hall, RoomShown, shapes::room, halls, Wish::SetHall, Wish::RemoveHall, "room");
kind!(tracks, one_track, put_track, remove_track: TrackId, Track, TrackShown, shapes::track, tracks, Wish::SetTrack, Wish::RemoveTrack, "track");
kind!(speakers, one_speaker, put_speaker, remove_speaker: SpeakerId, Speaker, SpeakerShown, shapes::speaker, speakers, Wish::SetSpeaker, Wish::RemoveSpeaker, "speaker");
