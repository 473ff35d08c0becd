//! What visitors read: events of an organization, one event with its rooms and tracks, its sessions and speakers.

use axum::extract::State;
use records::programme::AccessMode;
use records::{EventId, HallId, OrganizationId, SessionId, SpeakerId, Timestamp, TrackId};
use rules::programme::Standing;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::access::Visitor;
use super::manage::{OfEvent, Within};
use super::shapes::{self, EventShown, RoomShown, SessionShown, SpeakerShown, TrackShown};
use super::{At, no_event};
use crate::Api;
use crate::lists::{One, Page, Paging};
use crate::openapi::Routes;
use crate::problem::{Code, Problem};
use crate::reads::extract::{Date, Id, Instant, Named, Params};

pub(super) fn routes() -> Routes {
    Routes::new()
        .get("/v1/programmes/{organizer}", "Public events, by when they begin", events)
        .get("/v1/programmes/{organizer}/{event}", "A published event with its rooms and tracks", event)
        .may(&[Code::NotFound])
        .get("/v1/programmes/{organizer}/{event}/sessions", "What takes place, by when it begins", agenda)
        .may(&[Code::NotFound])
        .get("/v1/programmes/{organizer}/{event}/sessions/{session}", "One session", session)
        .may(&[Code::NotFound])
        .get("/v1/programmes/{organizer}/{event}/speakers", "Speakers, by id", speakers)
        .may(&[Code::NotFound])
}

/// Which events.
#[derive(Deserialize, JsonSchema)]
struct Which {
    /// Only those that end at this time or later.
    from: Option<Instant>,
    /// Only those whose title, summary, place or tags have these words.
    #[serde(default)]
    search: String,
}

/// Whether anybody may find an event.
pub(super) fn is_listed(known: &rules::programme::EventProgramme) -> bool {
    *known.standing() != Standing::Draft && known.access().mode == AccessMode::Public
}

fn has(known: &rules::programme::EventProgramme, words: &[String]) -> bool {
    let page = known.page();
    let text = [&known.scheduled().title, &page.summary, &page.venue, &page.address.locality].map(String::as_str);
    let text = format!("{} {}", text.join(" "), page.tags.join(" ")).to_lowercase();
    words.iter().all(|word| text.contains(word.as_str()))
}

async fn events(
    State(api): State<Api>,
    Named(Id(organization)): Named<Id<OrganizationId>>,
    Params(which): Params<Which>,
    paging: Paging,
) -> Result<Page<EventShown>, Problem> {
    let after: Option<(i64, EventId)> = paging.after()?;
    let words: Vec<String> = which.search.to_lowercase().split_whitespace().take(10).map(str::to_owned).collect();
    let mut rows: Vec<(Timestamp, EventShown)> = Vec::new();
    api.booking.programmes().each(Some(organization), |(_, id), known| {
        let scheduled = known.scheduled();
        let there = is_listed(known)
            && after.is_none_or(|after| (scheduled.starts.0, id) > after)
            && which.from.is_none_or(|from| scheduled.ends >= from.0)
            && has(known, &words);
        if there {
            rows.push((scheduled.starts, shapes::event(id, known)));
        }
    });
    rows.sort_by_key(|(starts, row)| (*starts, row.id));
    let starts: std::collections::BTreeMap<EventId, i64> =
        rows.iter().map(|(starts, row)| (row.id, starts.0)).collect();
    let key = |row: &EventShown| (starts.get(&row.id).copied().unwrap_or_default(), row.id);
    Ok(paging.page(rows.into_iter().map(|(_, row)| row), key))
}

/// An event with what its sessions name.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[schemars(rename = "PublicProgramme")]
struct Whole {
    #[serde(flatten)]
    event: EventShown,
    rooms: Vec<RoomShown>,
    tracks: Vec<TrackShown>,
    sessions: usize,
    speakers: usize,
    /// Its page.
    page: String,
    /// Its calendar.
    calendar: String,
}

async fn event(
    State(api): State<Api>,
    Named((Id(organization), Id(event))): Named<OfEvent>,
    visitor: Visitor,
) -> Result<One<Whole>, Problem> {
    let at = (organization, event);
    api.shows(&visitor, at)?;
    let page = api.event_address(at);
    let calendar = format!("{page}/calendar.ics");
    let data = api.programme(at, |known| {
        let mut rooms: Vec<RoomShown> = known.halls().iter().map(|(id, hall)| shapes::room(*id, hall)).collect();
        rooms.sort_by_key(|room| room.rank);
        Whole {
            event: shapes::event(event, known),
            rooms,
            tracks: known.tracks().iter().map(|(id, track)| shapes::track(*id, track)).collect(),
            sessions: known.sessions().len(),
            speakers: known.speakers().len(),
            page,
            calendar,
        }
    })?;
    Ok(One { data })
}

/// Which sessions.
#[derive(Deserialize, JsonSchema)]
struct WhichSessions {
    /// Only those that begin on this day, in the event's zone.
    day: Option<Date>,
    /// Only those in this room.
    room: Option<HallId>,
    /// Only those in this track.
    track: Option<TrackId>,
    /// Only those of this speaker.
    speaker: Option<SpeakerId>,
}

/// A session at one of its times.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[schemars(rename = "AgendaEntry")]
struct Entry {
    /// What places are taken by.
    id: SessionId,
    begins: crate::accounts::When,
    ends: crate::accounts::When,
    session: SessionShown,
}

async fn agenda(
    State(api): State<Api>,
    Named((Id(organization), Id(event))): Named<OfEvent>,
    visitor: Visitor,
    Params(which): Params<WhichSessions>,
    paging: Paging,
) -> Result<Page<Entry>, Problem> {
    let at: At = (organization, event);
    api.shows(&visitor, at)?;
    let after: Option<(i64, SessionId)> = paging.after()?;
    let rows = api.programme(at, |known| {
        let (zone, sessions) = (&known.scheduled().zone, known.sessions());
        let from = Timestamp(after.map_or(i64::MIN, |(starts, _)| starts));
        let of_day = which.day.map(|day| sessions.on_day(zone, day.0));
        let all = which.day.is_none().then(|| sessions.between(from, Timestamp(i64::MAX)));
        let rest = of_day.into_iter().flatten().chain(all.into_iter().flatten()).filter_map(|(time, id)| {
            let listed = sessions.get(id)?;
            let wanted = after.is_none_or(|after| (time.starts.0, time.id) > after)
                && which.room.is_none_or(|room| listed.spec.hall == room)
                && which.track.is_none_or(|track| listed.spec.track == track)
                && which.speaker.is_none_or(|speaker| listed.spec.speakers.contains(&speaker));
            wanted.then_some((time, id, listed))
        });
        let shown = rest.take(paging.limit() + 1).map(|(time, id, listed)| Entry {
            id: time.id,
            begins: crate::accounts::When(time.starts),
            ends: crate::accounts::When(time.ends),
            session: shapes::session(id, listed, known, true),
        });
        shown.collect::<Vec<_>>()
    })?;
    Ok(paging.page(rows, |row| (row.begins.0.0, row.id)))
}

async fn session(
    State(api): State<Api>,
    Named((Id(organization), Id(event), Id(session))): Named<Within<SessionId>>,
    visitor: Visitor,
) -> Result<One<SessionShown>, Problem> {
    let at = (organization, event);
    api.shows(&visitor, at)?;
    let found = api.programme(at, |known| {
        let (id, listed, _) = known.sessions().find(session)?;
        Some(shapes::session(id, listed, known, true))
    })?;
    Ok(One { data: found.ok_or_else(|| Problem::new(Code::NotFound, "there is no such session"))? })
}

async fn speakers(
    State(api): State<Api>,
    Named((Id(organization), Id(event))): Named<OfEvent>,
    visitor: Visitor,
    paging: Paging,
) -> Result<Page<SpeakerShown>, Problem> {
    let at = (organization, event);
    api.shows(&visitor, at)?;
    let after: Option<SpeakerId> = paging.after()?;
    let rest = api.programme(at, |known| paging.entries(after, known.speakers())).map_err(|_| no_event())?;
    Ok(paging.page(rest.into_iter().map(|(id, spec)| shapes::speaker(id, &spec)), |row| row.id))
}
