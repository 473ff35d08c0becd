//! Calendars of events, sessions and ticket holders, as other programs subscribe to them.

use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use records::programme::{Page, Session};
use records::{EventId, OrganizationId, SecretHash, SessionId, TicketId};
use rules::programme::recurrence::Occurrence;
use rules::programme::sessions::Listed;
use rules::programme::{EventProgramme, Standing};
use schemars::json_schema;

use super::access::Visitor;
use super::ical::{Calendar, Entry, Method, Recurs, Use};
use super::manage::{OfEvent, Within};
use super::{At, markdown};
use crate::Api;
use crate::conditional::tag_of;
use crate::openapi::{Gives, Routes, Sketch};
use crate::problem::{Code, Problem};
use crate::reads::extract::{Id, Named};

pub(super) fn routes() -> Routes {
    Routes::new()
        .get("/v1/programmes/{organizer}/{event}/calendar", "The calendar of an event", of_event)
        .may(&[Code::NotFound])
        .get("/v1/programmes/{organizer}/{event}/sessions/{session}/calendar", "The calendar of a session", of_session)
        .may(&[Code::NotFound])
        .get(
            "/v1/programmes/{organizer}/{event}/agendas/{ticket}/{agenda_key}/calendar",
            "The calendar of a ticket's places; its address is told with them",
            of_ticket,
        )
        .may(&[Code::NotFound])
}

/// A calendar as it is answered.
pub(super) struct Ics(pub(super) String);

impl IntoResponse for Ics {
    fn into_response(self) -> Response {
        let tag = tag_of(self.0.as_bytes());
        // Calendars ask again by themselves; what changed meanwhile is told by the tag.
        let headers = [
            (header::CONTENT_TYPE, "text/calendar; charset=utf-8".to_owned()),
            (header::CACHE_CONTROL, "no-cache".to_owned()),
            (header::ETAG, tag),
        ];
        (headers, self.0).into_response()
    }
}

impl Gives for Ics {
    fn describe(sketch: &mut Sketch<'_>) {
        let schema = json_schema!({"type": "string", "contentMediaType": "text/calendar"});
        sketch.answers_as(200, "A calendar (RFC 5545).", "text/calendar", schema);
    }
}

fn uid(id: u128, event: EventId) -> String {
    format!("{id:032x}-{:032x}@eventra", event.0)
}

impl Api {
    /// The public page of an event.
    pub(crate) fn event_address(&self, at: At) -> String {
        format!("{}/e/{}/{}", self.accounts.public_url, part(at.0), part(at.1))
    }

    /// The path of an event's page; none while it is a draft.
    pub(crate) fn page_path(&self, at: At) -> Option<String> {
        let shown = self.programme(at, |known| *known.standing() != rules::programme::Standing::Draft);
        shown.unwrap_or(false).then(|| format!("/e/{}/{}", part(at.0), part(at.1)))
    }

    /// What opens the calendar of a ticket; another one for each revision, so that whoever passed it on has none.
    fn agenda_key(&self, at: At, ticket: TicketId, revision: u32) -> String {
        let half = |number: u8| {
            self.subjects().token(at.0, &format!("agenda {number}"), &format!("{} {ticket} {revision}", at.1))
        };
        format!("{}{}", half(0), half(1))
    }

    /// Where a ticket's calendar is.
    pub(super) fn agenda_address(&self, at: At, ticket: TicketId, revision: u32) -> String {
        let key = self.agenda_key(at, ticket, revision);
        format!("{}/agendas/{ticket}/{key}/calendar.ics", self.event_address(at))
    }

    /// The calendar of an event: its sessions, or itself while it has none.
    pub(super) fn event_calendar(&self, at: At) -> Result<Ics, Problem> {
        let page = self.event_address(at);
        self.programme(at, |known| {
            let mut entries: Vec<Entry> =
                known.sessions().iter().map(|(id, listed)| entry(known, (at.1, id), listed, &page)).collect();
            entries.sort_by(|one, other| (one.starts, &one.uid).cmp(&(other.starts, &other.uid)));
            if entries.is_empty() {
                entries.push(whole(known, at.1, &page));
            }
            calendar(known, entries)
        })
    }

    /// An event as a mail brings it: what is added, moved or taken away in the reader's own calendar.
    pub(crate) fn mailed_calendar(&self, at: At, organizer: &str, method: Method) -> Option<String> {
        let page = self.event_address(at);
        let made_for = Use::Mail { method, organizer: organizer.to_owned() };
        let made = self.programme(at, |known| {
            let (title, zone) = (known.scheduled().title.clone(), known.scheduled().zone.clone());
            Calendar { title, zone, entries: vec![whole(known, at.1, &page)], made_for }.text()
        });
        made.ok()
    }

    /// The calendar of one session, all its times.
    pub(super) fn session_calendar(&self, at: At, session: SessionId) -> Result<Ics, Problem> {
        let page = self.event_address(at);
        let found = self.programme(at, |known| {
            let (id, listed, _) = known.sessions().find(session)?;
            Some(calendar(known, vec![entry(known, (at.1, id), listed, &page)]))
        })?;
        found.ok_or_else(|| Problem::new(Code::NotFound, "there is no such session"))
    }

    /// The calendar of a ticket's places, for whoever has its key.
    pub(super) fn ticket_calendar(&self, at: At, ticket: TicketId, key: &str) -> Result<Ics, Problem> {
        let missing = || Problem::new(Code::NotFound, "there is no such calendar");
        let revision = self
            .office(at, |office| office.ticket(ticket).filter(|known| !known.cancelled).map(|known| known.revision));
        let revision = revision?.ok_or_else(missing)?;
        // Hashes are compared, so that how long it takes says nothing of the key.
        if SecretHash::of(&self.agenda_key(at, ticket, revision)) != SecretHash::of(key) {
            return Err(missing());
        }
        let page = self.event_address(at);
        self.programme(at, |known| {
            let mut entries: Vec<Entry> = known
                .places()
                .sessions(ticket)
                .filter_map(|session| {
                    let (id, listed, time) = known.sessions().find(session)?;
                    let taken = known.places().place(time.id, ticket)? == rules::programme::places::Place::Taken;
                    taken.then(|| once(known, (at.1, id), listed, &time, &page))
                })
                .collect();
            entries.sort_by(|one, other| (one.starts, &one.uid).cmp(&(other.starts, &other.uid)));
            if entries.is_empty() {
                entries.push(whole(known, at.1, &page));
            }
            calendar(known, entries)
        })
    }
}

/// An id as a part of an address.
pub(super) fn part(id: impl std::fmt::Display) -> String {
    percent_encoding::utf8_percent_encode(&id.to_string(), percent_encoding::NON_ALPHANUMERIC)
        .to_string()
        .replace("%2D", "-")
        .replace("%5F", "_")
        .replace("%2E", ".")
}

fn calendar(known: &EventProgramme, entries: Vec<Entry>) -> Ics {
    let scheduled = known.scheduled();
    let (title, zone) = (scheduled.title.clone(), scheduled.zone.clone());
    Ics(Calendar { title, zone, entries, made_for: Use::Subscription }.text())
}

fn called_off(known: &EventProgramme) -> bool {
    matches!(known.standing(), Standing::CalledOff(_))
}

/// Where an event takes place, in a line.
pub(crate) fn place(known: &EventProgramme) -> String {
    place_of(known.page())
}

/// The same of what an event says of itself.
pub(crate) fn place_of(page: &Page) -> String {
    let town = [&page.address.postal_code, &page.address.locality].map(String::as_str);
    let town = town.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ");
    let parts = [page.venue.as_str(), page.address.street.as_str(), town.as_str(), page.address.country.as_str()];
    parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(", ")
}

fn whole(known: &EventProgramme, event: EventId, page: &str) -> Entry {
    let (scheduled, (sequence, changed)) = (known.scheduled(), known.revision());
    Entry {
        uid: uid(0, event),
        sequence,
        changed,
        starts: scheduled.starts,
        ends: scheduled.ends,
        title: scheduled.title.clone(),
        description: known.page().summary.clone(),
        location: place(known),
        url: page.to_owned(),
        categories: known.page().tags.clone(),
        cancelled: called_off(known),
        recurrence: None,
    }
}

fn entry(known: &EventProgramme, (event, id): (EventId, SessionId), listed: &Listed, page: &str) -> Entry {
    let spec = &listed.spec;
    let times = known.sessions().times(id);
    let last = times.last().map_or(spec.ends, |time| time.ends);
    let zone = &known.scheduled().zone;
    let recurrence = spec.recurrence.as_ref().map(|recurs| Recurs {
        rule: rules::programme::recurrence::with_utc_until(&recurs.rule, zone),
        except: recurs.except.clone(),
        also: recurs.also.clone(),
        last,
    });
    Entry { recurrence, ..described(known, (event, id), listed, page) }
}

/// One time of a session.
fn once(
    known: &EventProgramme,
    (event, id): (EventId, SessionId),
    listed: &Listed,
    time: &Occurrence,
    page: &str,
) -> Entry {
    Entry {
        uid: uid(time.id.0, event),
        starts: time.starts,
        ends: time.ends,
        ..described(known, (event, id), listed, page)
    }
}

fn described(known: &EventProgramme, (event, id): (EventId, SessionId), listed: &Listed, page: &str) -> Entry {
    let spec: &Session = &listed.spec;
    let speakers = spec.speakers.iter().filter_map(|one| known.speakers().get(one)).map(|one| one.name.as_str());
    let speakers = speakers.collect::<Vec<_>>().join(", ");
    let about = if spec.summary.is_empty() { &spec.description } else { &spec.summary };
    let about = markdown::plain(about);
    let description = [speakers.as_str(), about.as_str()].into_iter().filter(|part| !part.is_empty());
    let hall = known.halls().get(&spec.hall).map(|hall| hall.title.clone()).unwrap_or_default();
    let location = [hall, place(known)].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(", ");
    let off = called_off(known);
    Entry {
        uid: uid(id.0, event),
        // Calling off the event changes all of its sessions.
        sequence: listed.sequence.saturating_add(u32::from(off)),
        changed: if off { listed.changed.max(known.revision().1) } else { listed.changed },
        starts: spec.starts,
        ends: spec.ends,
        title: spec.title.clone(),
        description: description.collect::<Vec<_>>().join("\n\n"),
        location,
        url: format!("{page}/sessions/{}", part(id)),
        categories: known.tracks().get(&spec.track).map(|track| track.title.clone()).into_iter().collect(),
        cancelled: spec.cancelled || off,
        recurrence: None,
    }
}

async fn of_event(
    State(api): State<Api>,
    Named((Id(organization), Id(event))): Named<OfEvent>,
    visitor: Visitor,
) -> Result<Ics, Problem> {
    api.shows(&visitor, (organization, event))?;
    api.event_calendar((organization, event))
}

async fn of_session(
    State(api): State<Api>,
    Named((Id(organization), Id(event), Id(session))): Named<Within<SessionId>>,
    visitor: Visitor,
) -> Result<Ics, Problem> {
    api.shows(&visitor, (organization, event))?;
    api.session_calendar((organization, event), session)
}

type OfTicket = (Id<OrganizationId>, Id<EventId>, Id<TicketId>, String);

async fn of_ticket(
    State(api): State<Api>,
    Named((Id(organization), Id(event), Id(ticket), key)): Named<OfTicket>,
) -> Result<Ics, Problem> {
    api.ticket_calendar((organization, event), ticket, &key)
}

/// The lines of a calendar in UTC are the instants themselves; kept beside for the tests of both.
#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_parts_of_addresses_whatever_they_hold() {
        assert_eq!(part("talk-12"), "talk-12");
        assert_eq!(part("a/b c?"), "a%2Fb%20c%3F");
        assert_eq!(super::super::ical::utc(records::Timestamp(0)), "19700101T000000Z");
    }
}
