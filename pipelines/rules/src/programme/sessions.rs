//! Sessions by when and where they take place, and which of them collide.

use std::collections::BTreeMap;

use records::programme::Session;
use records::zone::Day;
use records::{HallId, SessionId, Span, SpeakerId, Timestamp, Zone};
use serde::{Deserialize, Serialize};

use super::recurrence::{Occurrence, occurrences};

/// A session as it stands, with what calendars need to know of its changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listed {
    /// What it is.
    pub spec: Session,
    /// How often it was changed.
    pub sequence: u32,
    /// When that was, log time.
    pub changed: Timestamp,
}

/// All sessions of an event.
#[derive(Debug, Clone, Default)]
pub struct Sessions {
    listed: BTreeMap<SessionId, Listed>,
    /// How often those that are gone had been changed: a calendar takes one that comes back as newer.
    gone: BTreeMap<SessionId, u32>,
    /// When each takes place; follows from the rest.
    times: BTreeMap<SessionId, Vec<Occurrence>>,
    /// The session of each time that has an id of its own.
    owners: BTreeMap<SessionId, SessionId>,
    /// Every time with its session, by when it begins: pages show a day of thousands.
    agenda: BTreeMap<(Timestamp, SessionId), (Occurrence, SessionId)>,
}

/// Sessions in a snapshot.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Stored {
    listed: BTreeMap<SessionId, Listed>,
    gone: BTreeMap<SessionId, u32>,
}

/// Two sessions that cannot both take place as they stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Collision {
    /// When the later one begins.
    pub starts: Timestamp,
    /// The one that begins first.
    pub one: SessionId,
    /// The other one.
    pub other: SessionId,
    /// The room that both are in; none when it is about a speaker.
    pub hall: HallId,
    /// Who would speak in both; none when it is about a room.
    pub speaker: SpeakerId,
}

/// The furthest that clocks were ever put back at once, and more.
const PUT_BACK_MAX: Span = Span::from_seconds(4 * 3_600);

/// Collisions that are told at once: a programme with more has another trouble.
pub const COLLISIONS_MAX: usize = 1_000;

impl Sessions {
    /// A session.
    pub fn get(&self, session: SessionId) -> Option<&Listed> {
        self.listed.get(&session)
    }

    /// All sessions, by id.
    pub fn iter(&self) -> impl Iterator<Item = (SessionId, &Listed)> {
        self.listed.iter().map(|(id, listed)| (*id, listed))
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.listed.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.listed.is_empty()
    }

    /// When a session takes place.
    pub fn times(&self, session: SessionId) -> &[Occurrence] {
        self.times.get(&session).map_or(&[], Vec::as_slice)
    }

    /// Everything that takes place, by when it begins, then by its id.
    pub fn agenda(&self) -> impl DoubleEndedIterator<Item = (Occurrence, SessionId)> + Clone {
        self.agenda.values().copied()
    }

    /// What begins from one instant on and before another one, in the order of the agenda.
    pub fn between(&self, from: Timestamp, to: Timestamp) -> impl Iterator<Item = (Occurrence, SessionId)> + Clone {
        let (from, to) = ((from, SessionId::NONE), (to.max(from), SessionId::NONE));
        self.agenda.range(from..to).map(|(_, entry)| *entry)
    }

    /// The days of a zone on which something begins.
    pub fn days(&self, zone: &Zone) -> Vec<Day> {
        let (mut days, mut from) = (Vec::new(), Some(Timestamp(i64::MIN)));
        // From day to day instead of from session to session.
        while let Some(start) = from {
            let Some((&(starts, _), _)) = self.agenda.range((start, SessionId::NONE)..).next() else { break };
            let day = zone.day(starts);
            days.push(day);
            from = zone.begins(Day(day.0.saturating_add(1))).filter(|next| *next > starts);
        }
        days.sort_unstable();
        days.dedup();
        days
    }

    /// What begins on a day of a zone, in the order of the agenda.
    pub fn on_day(&self, zone: &Zone, day: Day) -> impl Iterator<Item = (Occurrence, SessionId)> {
        let from = zone.begins(day).unwrap_or(Timestamp(i64::MIN));
        // Clocks that are put back at midnight have some of a day once more after the next has begun.
        let to = zone.begins(Day(day.0.saturating_add(1))).map_or(Timestamp(i64::MAX), |next| next + PUT_BACK_MAX);
        self.between(from, to).filter(move |(time, _)| zone.day(time.starts) == day)
    }

    /// The session that an id means, with which of its times: its own id means the first.
    pub fn find(&self, id: SessionId) -> Option<(SessionId, &Listed, Occurrence)> {
        let session = self.owners.get(&id).copied()?;
        let time = self.times(session).iter().find(|time| time.id == id)?;
        Some((session, self.get(session)?, *time))
    }

    /// Another session in the same room while one of these times lasts.
    pub(super) fn in_the_way(
        &self,
        session: SessionId,
        hall: HallId,
        times: &[Occurrence],
    ) -> Option<(SessionId, Occurrence)> {
        let others = self
            .listed
            .iter()
            .filter(|(id, other)| **id != session && other.spec.hall == hall && !other.spec.cancelled);
        others.flat_map(|(id, _)| self.times(*id).iter().map(|time| (*id, *time))).find(|(_, other)| {
            // Times are in order, so only those that begin before the other is over can meet it.
            let end = times.partition_point(|time| time.starts < other.ends);
            times[..end].iter().any(|time| time.ends > other.starts)
        })
    }

    /// Sessions that share a room or a speaker at the same time, in their order.
    pub fn collisions(&self) -> Vec<Collision> {
        let mut by_place: BTreeMap<(HallId, SpeakerId), Vec<(Occurrence, SessionId)>> = BTreeMap::new();
        for (session, listed) in self.listed.iter().filter(|(_, listed)| !listed.spec.cancelled) {
            for time in self.times(*session) {
                if listed.spec.hall.is_some() {
                    by_place.entry((listed.spec.hall, SpeakerId::NONE)).or_default().push((*time, *session));
                }
                for speaker in &listed.spec.speakers {
                    by_place.entry((HallId::NONE, *speaker)).or_default().push((*time, *session));
                }
            }
        }
        let mut all = Vec::new();
        for ((hall, speaker), mut times) in by_place {
            times.sort_unstable();
            let mut open: Option<(Occurrence, SessionId)> = None;
            for (time, session) in times {
                if let Some((before, one)) = open.filter(|(before, _)| before.ends > time.starts) {
                    all.push(Collision { starts: time.starts, one, other: session, hall, speaker });
                    open = Some(if before.ends > time.ends { (before, one) } else { (time, session) });
                } else {
                    open = Some((time, session));
                }
                if all.len() >= COLLISIONS_MAX {
                    break;
                }
            }
        }
        all.sort_unstable();
        all.truncate(COLLISIONS_MAX);
        all
    }

    pub(super) fn set(&mut self, session: SessionId, spec: Session, zone: &Zone, at: Timestamp) {
        let before = self.listed.get(&session).map(|listed| listed.sequence).or_else(|| self.gone.remove(&session));
        let sequence = before.map_or(0, |before| before.saturating_add(1));
        self.listed.insert(session, Listed { spec, sequence, changed: at });
        self.index(session, zone);
    }

    pub(super) fn remove(&mut self, session: SessionId) {
        self.forget(session);
        if let Some(listed) = self.listed.remove(&session) {
            self.gone.insert(session, listed.sequence);
        }
    }

    /// Works out all times again, in another zone.
    pub(super) fn rezone(&mut self, zone: &Zone) {
        let all: Vec<SessionId> = self.listed.keys().copied().collect();
        all.into_iter().for_each(|session| self.index(session, zone));
    }

    fn forget(&mut self, session: SessionId) {
        for time in self.times.remove(&session).unwrap_or_default() {
            self.owners.remove(&time.id);
            self.agenda.remove(&(time.starts, time.id));
        }
        self.owners.remove(&session);
    }

    fn index(&mut self, session: SessionId, zone: &Zone) {
        self.forget(session);
        let Some(listed) = self.listed.get(&session) else { return };
        // A rule that an older build took, or that has no time in another zone, leaves the first time.
        let once = Occurrence { starts: listed.spec.starts, ends: listed.spec.ends, id: session };
        let times = occurrences(session, &listed.spec, zone).unwrap_or_else(|_| vec![once]);
        for time in &times {
            self.owners.insert(time.id, session);
            self.agenda.insert((time.starts, time.id), (*time, session));
        }
        self.times.insert(session, times);
    }

    pub(super) fn stored(&self) -> Stored {
        Stored { listed: self.listed.clone(), gone: self.gone.clone() }
    }

    pub(super) fn restore(stored: Stored, zone: &Zone) -> Self {
        let mut sessions = Self { listed: stored.listed, gone: stored.gone, ..Self::default() };
        sessions.rezone(zone);
        sessions
    }
}
