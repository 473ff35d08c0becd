//! Sessions and programmes as people write and read them: times in RFC 3339, ids by name.

use records::programme::{Format, Link, Material, Page, Recurrence, Session, Speaker};
use records::{HallId, SessionId, SpeakerId, TrackId};
use rules::programme::sessions::Listed;
use rules::programme::{EventProgramme, Standing};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::accounts::When;
use crate::reads::extract::Instant;

/// When a session comes again.
#[derive(Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "RecurrenceToPut")]
pub(super) struct PutRecurrence {
    /// An RRULE of RFC 5545, in the event's zone: `FREQ=WEEKLY;COUNT=10`. Daily at most, 1,000 times at most.
    #[serde(default)]
    rule: String,
    /// Times at which it does not take place (EXDATE).
    #[serde(default)]
    except: Vec<Instant>,
    /// Further times at which it begins (RDATE).
    #[serde(default)]
    also: Vec<Instant>,
}

/// What a session is to be.
#[derive(Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "SessionToPut")]
pub(super) struct PutSession {
    title: String,
    #[serde(default)]
    subtitle: String,
    /// What it is about in short, Markdown.
    #[serde(default)]
    summary: String,
    /// The rest, Markdown.
    #[serde(default)]
    description: String,
    /// What it is: `talk`, `workshop`, `break`, ...
    #[serde(default)]
    kind: String,
    starts: Instant,
    ends: Instant,
    /// Its room.
    #[serde(default)]
    room: HallId,
    #[serde(default)]
    track: TrackId,
    /// Who speaks, in order.
    #[serde(default)]
    speakers: Vec<SpeakerId>,
    #[serde(default)]
    materials: Vec<Material>,
    /// BCP 47.
    #[serde(default)]
    language: String,
    /// How many places ticket holders may take; null for no places.
    capacity: Option<u32>,
    /// It does not take place, and says so.
    #[serde(default)]
    cancelled: bool,
    recurrence: Option<PutRecurrence>,
    /// A page of its own elsewhere.
    #[serde(default)]
    url: String,
    /// It may share its room with another one at the same time; otherwise that is refused.
    #[serde(default)]
    pub(super) overlap: bool,
}

impl PutSession {
    pub(super) fn spec(self) -> Session {
        let times = |all: Vec<Instant>| all.into_iter().map(|at| at.0).collect();
        Session {
            title: self.title.trim().to_owned(),
            subtitle: self.subtitle.trim().to_owned(),
            summary: self.summary,
            description: self.description,
            kind: self.kind.trim().to_owned(),
            starts: self.starts.0,
            ends: self.ends.0,
            hall: self.room,
            track: self.track,
            speakers: self.speakers,
            materials: self.materials,
            language: self.language,
            capacity: self.capacity,
            cancelled: self.cancelled,
            recurrence: self.recurrence.map(|one| Recurrence {
                rule: one.rule,
                except: times(one.except),
                also: times(one.also),
            }),
            url: self.url,
        }
    }
}

/// When a session comes again, as it stands.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[schemars(rename = "RecurrenceOfSession")]
struct RecurrenceShown {
    rule: String,
    except: Vec<When>,
    also: Vec<When>,
}

/// One time of a session.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[schemars(rename = "SessionTime")]
pub(super) struct Time {
    /// What places are taken by: the session's own id where it does not recur.
    pub(super) id: SessionId,
    pub(super) starts: When,
    pub(super) ends: When,
    /// Places that are taken; null where there are none to take.
    pub(super) taken: Option<u32>,
    /// How many wait for one.
    pub(super) waiting: Option<u64>,
}

/// A session as it stands.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[schemars(rename = "ProgrammeSession")]
pub(super) struct SessionShown {
    pub(super) id: SessionId,
    title: String,
    subtitle: String,
    summary: String,
    description: String,
    kind: String,
    starts: When,
    ends: When,
    room: HallId,
    track: TrackId,
    speakers: Vec<SpeakerId>,
    materials: Vec<Material>,
    language: String,
    capacity: Option<u32>,
    cancelled: bool,
    recurrence: Option<RecurrenceShown>,
    url: String,
    /// When it takes place.
    pub(super) times: Vec<Time>,
    /// How often it was changed.
    sequence: u32,
    changed: When,
}

/// A session as an organizer sees it; `for_everybody` leaves out what only ticket holders see.
pub(super) fn session(id: SessionId, listed: &Listed, programme: &EventProgramme, for_everybody: bool) -> SessionShown {
    let spec = listed.spec.clone();
    let times = programme.sessions().times(id).iter().map(|time| {
        let places = programme.room(time.id).map(|_| programme.places());
        Time {
            id: time.id,
            starts: When(time.starts),
            ends: When(time.ends),
            taken: places.map(|places| places.taken(time.id)),
            waiting: places.map(|places| places.waiting(time.id) as u64),
        }
    });
    let all = |times: &[records::Timestamp]| times.iter().map(|at| When(*at)).collect();
    let seen = |one: &Material| !for_everybody || one.audience == records::programme::Audience::Everybody;
    SessionShown {
        id,
        title: spec.title,
        subtitle: spec.subtitle,
        summary: spec.summary,
        description: spec.description,
        kind: spec.kind,
        starts: When(spec.starts),
        ends: When(spec.ends),
        room: spec.hall,
        track: spec.track,
        speakers: spec.speakers,
        materials: spec.materials.into_iter().filter(seen).collect(),
        language: spec.language,
        capacity: spec.capacity,
        cancelled: spec.cancelled,
        recurrence: spec.recurrence.map(|one| RecurrenceShown {
            rule: one.rule,
            except: all(&one.except),
            also: all(&one.also),
        }),
        url: spec.url,
        times: times.collect(),
        sequence: listed.sequence,
        changed: When(listed.changed),
    }
}

/// How far an event is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "ProgrammeStatus")]
pub(super) enum Status {
    Draft,
    Published,
    CalledOff,
}

pub(super) fn status(standing: &Standing) -> (Status, Option<String>) {
    match standing {
        Standing::Draft => (Status::Draft, None),
        Standing::Published => (Status::Published, None),
        Standing::CalledOff(reason) => (Status::CalledOff, Some(reason.clone()).filter(|reason| !reason.is_empty())),
    }
}

/// An event as visitors see it.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[schemars(rename = "PublicEvent")]
pub(super) struct EventShown {
    pub(super) id: records::EventId,
    title: String,
    /// The zone in which its days turn, IANA.
    zone: String,
    starts: When,
    ends: When,
    status: Status,
    /// Why it does not take place.
    reason: Option<String>,
    format: Format,
    summary: String,
    description: String,
    venue: String,
    address: records::programme::Address,
    picture: String,
    picture_text: String,
    language: String,
    tags: Vec<String>,
}

pub(super) fn event(id: records::EventId, programme: &EventProgramme) -> EventShown {
    let (scheduled, page) = (programme.scheduled(), programme.page());
    let (status, reason) = status(programme.standing());
    // Where people take part over the net is for ticket holders.
    let Page { format, summary, description, venue, address, picture, picture_text, language, tags, .. } = page.clone();
    EventShown {
        id,
        title: scheduled.title.clone(),
        zone: scheduled.zone.name().to_owned(),
        starts: When(scheduled.starts),
        ends: When(scheduled.ends),
        status,
        reason,
        format,
        summary,
        description,
        venue,
        address,
        picture,
        picture_text,
        language,
        tags,
    }
}

/// A room with its id.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[schemars(rename = "RoomOfProgramme")]
pub(super) struct RoomShown {
    pub(super) id: HallId,
    title: String,
    /// How to get there.
    description: String,
    /// How many fit.
    capacity: Option<u32>,
    /// Where it stands in lists, lowest first; then by title.
    pub(super) rank: i32,
}

pub(super) fn room(id: HallId, hall: &records::programme::Hall) -> RoomShown {
    let records::programme::Hall { title, description, capacity, rank } = hall.clone();
    RoomShown { id, title, description, capacity, rank }
}

/// A track with its id.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[schemars(rename = "TrackOfProgramme")]
pub(super) struct TrackShown {
    pub(super) id: TrackId,
    title: String,
    color: String,
}

pub(super) fn track(id: TrackId, track: &records::programme::Track) -> TrackShown {
    TrackShown { id, title: track.title.clone(), color: track.color.clone() }
}

/// A speaker with their id.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[schemars(rename = "SpeakerOfProgramme")]
pub(super) struct SpeakerShown {
    pub(super) id: SpeakerId,
    name: String,
    affiliation: String,
    /// Markdown.
    biography: String,
    picture: String,
    links: Vec<Link>,
}

pub(super) fn speaker(id: SpeakerId, speaker: &Speaker) -> SpeakerShown {
    let Speaker { name, affiliation, biography, picture, links } = speaker.clone();
    SpeakerShown { id, name, affiliation, biography, picture, links }
}
