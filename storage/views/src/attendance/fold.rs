//! The fold of attendance: signs of actors in sessions.

use std::collections::{BTreeMap, BTreeSet};
use std::hint::black_box;

use records::hash::{join, wide};
use records::{EventId, OrganizationId, SessionId, Span, Timestamp, Token};
use serde::{Deserialize, Serialize};

use super::room::Room;
use crate::arrivals::Arrivals;
use crate::codec::{In, Out};
use crate::minute::{Minute, end_of};
use crate::state::{At, Effects, Fold, StateError};

/// Sessions of one organization in one bin: 262,144 over all bins. Past it the oldest is forgotten and counted.
pub const ROOMS_MAX: usize = 1_024;

/// A sign of life, or its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Sign {
    /// The actor opened the session.
    Joined,
    /// The actor is still there.
    Heartbeat {
        /// Milliseconds of focused attention since the last heartbeat, as the client says.
        focused_ms: u32,
    },
    /// The actor left.
    Left,
}

/// A session of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Place {
    /// The tenant.
    pub organization: OrganizationId,
    /// The event.
    pub event: EventId,
    /// The session.
    pub session: SessionId,
}

impl Place {
    /// The hash that decides its bin.
    #[inline]
    pub fn hash(&self) -> u64 {
        join(join(wide(self.organization.0), wide(self.event.0)), wide(self.session.0))
    }
}

/// One sign of one actor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Input {
    /// Where.
    pub place: Place,
    /// Who.
    pub actor: Token,
    /// What.
    pub sign: Sign,
}

/// What attendance tells the warehouse.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AttendanceRow {
    /// A session as it is: the newest row of a session wins.
    Now(Standing),
    /// A session as it was at the end of a minute of log time in which somebody gave a sign or was given up. Told once, when
    /// the minute is over; in a minute without a row everything stayed as it was before.
    Minute {
        /// When the minute began.
        start: Timestamp,
        /// The figures at its end.
        standing: Standing,
    },
}

impl AttendanceRow {
    /// Sorts rows by session, its minutes in their order, then what is now.
    fn key(&self) -> (Place, Timestamp) {
        match self {
            Self::Now(standing) => (standing.place, Timestamp::MAX),
            Self::Minute { start, standing } => (standing.place, *start),
        }
    }
}

/// A session's figures at one time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// Which session.
    pub place: Place,
    /// Distinct actors who joined.
    pub joined: u64,
    /// Actors present now.
    pub present: u64,
    /// Most actors present at once.
    pub peak: u64,
    /// Distinct actors who said that they leave.
    pub left: u64,
    /// Focused time of all actors together, milliseconds.
    pub focused_ms: u64,
}

/// One bin of sessions.
#[derive(Debug, Default)]
pub struct Rooms {
    pub(super) rooms: BTreeMap<Place, Room>,
    // Rooms by the time at which somebody expires there next.
    expiries: BTreeSet<(Timestamp, Place)>,
    // Sessions in the order in which they were first seen.
    owners: BTreeMap<OrganizationId, Arrivals<Place>>,
    untold: BTreeSet<Place>,
    // Sessions that changed in the running minute.
    minute: Minute<Place>,
    // Rows of minutes that are over, and of sessions that were forgotten.
    told: Vec<AttendanceRow>,
}

impl Rooms {
    /// Sessions of an organization that were forgotten at the bound.
    pub fn forgotten(&self, organization: OrganizationId) -> u64 {
        self.owners.get(&organization).map_or(0, Arrivals::forgotten)
    }

    /// Lets everybody go who gave no sign until `now`. Both `apply` and `advance` begin with it, so it does not matter
    /// which of them notices.
    fn expire(&mut self, now: Timestamp, effects: &mut Effects<Self>) {
        while let Some((time, place)) = self.expiries.first().copied()
            && time <= now
        {
            self.expiries.pop_first();
            self.end_minute(time);
            let room = self.rooms.get_mut(&place).expect("expiries are of rooms that are there");
            // No further than to the end of the minute, so that each minute ends as it was.
            let until = now.min(Timestamp(end_of(time.floor(Span::MINUTE)).0 - 1));
            if room.expire(until) {
                self.untold.insert(place);
                self.minute.touch(time, place);
                effects.changed.push(place);
            }
            self.expiries.extend(room.next_expiry().map(|time| (time, place)));
        }
        self.end_minute(now);
    }

    /// Keeps what the sessions of the running minute came to, if it is over at `now`. Nothing of a later time has been
    /// applied to them by then.
    fn end_minute(&mut self, now: Timestamp) {
        let Some((start, places)) = self.minute.over(now) else { return };
        let row = |place: Place| AttendanceRow::Minute { start, standing: standing(place, &self.rooms[&place]) };
        self.told.extend(places.into_iter().map(row));
    }

    fn make(&mut self, place: Place) {
        self.rooms.insert(place, Room::default());
        let places = self.owners.entry(place.organization).or_default();
        if let Some(oldest) = places.come(place, ROOMS_MAX) {
            let room = self.rooms.remove(&oldest).expect("owners list the rooms that are there");
            room.next_expiry().map(|time| self.expiries.remove(&(time, oldest)));
            // It may come again within this minute, and a minute has one row of a session: that of the new one.
            self.minute.forget(&oldest);
            if self.untold.remove(&oldest) {
                self.told.push(AttendanceRow::Now(standing(oldest, &room)));
            }
        }
    }
}

fn standing(place: Place, room: &Room) -> Standing {
    Standing {
        place,
        joined: room.joined,
        present: room.present(),
        peak: room.peak,
        left: room.left,
        focused_ms: room.focused_ms,
    }
}

impl Fold for Rooms {
    const NAME: &'static str = "attendance";
    // 2: keeps which sessions changed in the running minute.
    const VERSION: u32 = 2;
    type Input = Input;
    type Output = ();
    type Key = Place;
    type Row = AttendanceRow;

    fn apply(&mut self, at: At, input: &Input, effects: &mut Effects<Self>) {
        self.expire(at.now(), effects);
        if !self.rooms.contains_key(&input.place) {
            self.make(input.place);
        }
        let room = self.rooms.get_mut(&input.place).expect("the room is there or was made");
        let before = room.next_expiry();
        room.hear(at.now(), input.actor, input.sign);
        let after = room.next_expiry();
        if before != after {
            before.map(|time| self.expiries.remove(&(time, input.place)));
            self.expiries.extend(after.map(|time| (time, input.place)));
        }
        self.untold.insert(input.place);
        self.minute.touch(at.now(), input.place);
        if effects.changed.last() != Some(&input.place) {
            effects.changed.push(input.place);
        }
    }

    fn warm(&self, inputs: &[&Input]) {
        let guests = inputs.iter().filter_map(|input| self.rooms.get(&input.place)?.last_sign(input.actor));
        black_box(guests.fold(0, |sum, time| sum ^ time.0));
    }

    fn advance(&mut self, bound: Timestamp, effects: &mut Effects<Self>) {
        self.expire(bound, effects);
    }

    fn land(&mut self, rows: &mut Vec<AttendanceRow>) {
        let start = rows.len();
        rows.append(&mut self.told);
        let now = |place: Place| AttendanceRow::Now(standing(place, &self.rooms[&place]));
        rows.extend(std::mem::take(&mut self.untold).into_iter().map(now));
        // Stable: what a forgotten session came to stands before what it is now that it came again.
        rows[start..].sort_by_key(AttendanceRow::key);
    }

    fn encode(&self, out: &mut Vec<u8>) {
        let mut out = Out::open::<Self>(out);
        out.len(self.owners.len());
        for (organization, places) in &self.owners {
            out.id(organization.0);
            out.u64(places.forgotten());
            out.len(places.len());
            for place in places {
                out.id(place.event.0);
                out.id(place.session.0);
                self.rooms[place].encode(&mut out);
            }
        }
        self.minute.encode(&mut out, |out, place| {
            out.id(place.organization.0);
            out.id(place.event.0);
            out.id(place.session.0);
        });
    }

    fn decode(bytes: &[u8]) -> Result<Self, StateError> {
        let mut input = In::open::<Self>(bytes)?;
        let mut this = Self::default();
        for _ in 0..input.len(3)? {
            let organization = OrganizationId(input.id()?);
            let mut places = Arrivals::after(input.u64()?);
            for _ in 0..input.len(10)? {
                let (event, session) = (EventId(input.id()?), SessionId(input.id()?));
                let place = Place { organization, event, session };
                let room = Room::decode(&mut input)?;
                this.expiries.extend(room.next_expiry().map(|time| (time, place)));
                places.restore(place);
                if this.rooms.insert(place, room).is_some() {
                    return Err(input.damaged());
                }
            }
            this.owners.insert(organization, places);
        }
        this.minute = Minute::decode(&mut input, 3, |input| {
            let (organization, event) = (OrganizationId(input.id()?), EventId(input.id()?));
            Ok(Place { organization, event, session: SessionId(input.id()?) })
        })?;
        if !this.minute.keys().all(|place| this.rooms.contains_key(place)) {
            return Err(input.damaged());
        }
        input.done()?;
        Ok(this)
    }

    /// Guests of all sessions.
    fn len(&self) -> usize {
        self.rooms.values().map(Room::len).sum()
    }

    fn is_empty(&self) -> bool {
        self.owners.is_empty()
    }
}
