//! Programmes of other systems: Pentabarf's XML, EuroPython's XML, the JSON of frab and pretalx, OSCON's JSON.
//!
//! Reading is pure and bounded; document types, and so entities, are refused. Ids follow from the source's own, so a file
//! that is imported again changes only what has changed. A file with faults changes nothing: each fault says where it is.

mod oscon;
mod plan;
mod schedule_json;
mod schedule_xml;
mod text;

use std::collections::BTreeMap;

use records::programme::{Hall, Session, Speaker, Track};
use records::{HallId, SessionId, SpeakerId, Timestamp, TrackId, Zone};

pub use plan::{Counts, Plan, plan};

/// Bytes of a file: forty times the largest of the real ones.
pub const BYTES_MAX: usize = 16 << 20;
/// Faults that are told at once.
pub const FAULTS_MAX: usize = 100;

/// What is wrong with a file, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {problem}")]
pub struct Fault {
    /// Where, as in `day[2].event[6561].duration`.
    pub place: String,
    /// What is wrong.
    pub problem: String,
}

/// A programme as a file says it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Imported {
    /// What kind of file it is, in a word.
    pub kind: &'static str,
    /// What the event is called there; empty when the file does not say.
    pub title: String,
    /// The zone that the file names.
    pub zone: Option<Zone>,
    /// Rooms.
    pub halls: BTreeMap<HallId, Hall>,
    /// Tracks.
    pub tracks: BTreeMap<TrackId, Track>,
    /// Speakers.
    pub speakers: BTreeMap<SpeakerId, Speaker>,
    /// Sessions.
    pub sessions: BTreeMap<SessionId, Session>,
    /// What was left out, and where: addresses that are none, for example.
    pub notes: Vec<Fault>,
    faults: Vec<Fault>,
}

impl Imported {
    /// When the first session begins and the last one is over.
    pub fn span(&self) -> Option<(Timestamp, Timestamp)> {
        let starts = self.sessions.values().map(|session| session.starts).min()?;
        Some((starts, self.sessions.values().map(|session| session.ends).max()?))
    }

    fn fault(&mut self, place: impl Into<String>, problem: impl Into<String>) {
        if self.faults.len() < FAULTS_MAX {
            self.faults.push(Fault { place: place.into(), problem: problem.into() });
        }
    }

    fn note(&mut self, place: impl Into<String>, problem: impl Into<String>) {
        if self.notes.len() < FAULTS_MAX {
            self.notes.push(Fault { place: place.into(), problem: problem.into() });
        }
    }

    /// The room of this name, which is made when there is none.
    fn hall(&mut self, title: &str) -> HallId {
        let title = text::line(title);
        let Ok(id) = HallId::parse(&title) else { return HallId::NONE };
        self.halls.entry(id).or_insert_with(|| Hall { title, rank: 0, ..Hall::default() });
        id
    }

    /// The track of this name, which is made when there is none.
    fn track(&mut self, title: &str) -> TrackId {
        let title = text::line(title);
        let Ok(id) = TrackId::parse(&title) else { return TrackId::NONE };
        self.tracks.entry(id).or_insert_with(|| Track { title, ..Track::default() });
        id
    }

    /// A speaker, by the source's id or else the name; what is told of them later adds to what is known.
    fn speaker(&mut self, id: &str, told: Speaker) -> Option<SpeakerId> {
        let name = if id.is_empty() { &told.name } else { id };
        let id = SpeakerId::parse(name).ok().filter(|_| !told.name.is_empty())?;
        let known = self.speakers.entry(id).or_insert_with(|| told.clone());
        if known.biography.is_empty() {
            known.biography = told.biography;
        }
        Some(id)
    }

    /// A session under the source's id; one that comes twice (a talk in two slots) is another one.
    fn session(&mut self, place: &str, id: &str, session: Session) {
        let named = [id.to_owned(), format!("{id}@{}", session.starts)];
        let free = named.iter().find_map(|name| {
            let id = SessionId::parse(name).ok()?;
            (!self.sessions.contains_key(&id)).then_some(id)
        });
        match free {
            Some(id) => _ = self.sessions.insert(id, session),
            None => self.fault(place, "has an id that is there already, or none"),
        }
    }
}

/// Reads a file. `zone` is the event's: times that name no offset are in it, unless the file names a zone.
///
/// # Errors
/// Everything that is wrong with it, with where.
pub fn read(bytes: &[u8], zone: &Zone) -> Result<Imported, Vec<Fault>> {
    let whole = |problem: String| vec![Fault { place: "file".into(), problem }];
    if bytes.len() > BYTES_MAX {
        return Err(whole(format!("has more than {BYTES_MAX} bytes")));
    }
    let text = std::str::from_utf8(bytes).map_err(|error| whole(format!("is not UTF-8: {error}")))?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let imported = match text.trim_start().bytes().next() {
        Some(b'<') => schedule_xml::read(text, zone),
        Some(b'{') => {
            let value: serde_json::Value =
                serde_json::from_str(text).map_err(|error| whole(format!("is not JSON: {error}")))?;
            if value.get("Schedule").is_some() { oscon::read(&value, zone) } else { schedule_json::read(&value, zone) }
        }
        _ => return Err(whole("is neither XML nor JSON".into())),
    };
    let mut imported = imported.map_err(|fault| vec![fault])?;
    if imported.sessions.is_empty() && imported.faults.is_empty() {
        imported.fault("file", "has no sessions");
    }
    if imported.faults.is_empty() { Ok(imported) } else { Err(imported.faults) }
}

#[cfg(test)]
mod tests;
