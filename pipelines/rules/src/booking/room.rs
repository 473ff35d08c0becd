//! The waiting room before sales: those who come before it opens are drawn, those after stand behind them.
//!
//! The seed of the draw is chosen before anybody comes; its hash is told at once, the seed itself with the draw. A place's id lets
//! in whoever has it, so the public list has its BLAKE3 instead, in hexadecimal. A place's lot is BLAKE3 of the seed, a line feed,
//! and that hash; places are served by their lots, the lowest first. So anybody who kept the list can draw again, everybody
//! finds themselves in it, and nobody who knows the seed can know the places. (Rooms of before drew of the ids themselves.)

use std::collections::BTreeMap;

use hashbrown::HashMap;
use records::booking::{BookingFact, Room};
use records::hash::FixedState;
use records::{EventId, HoldId, PlaceId, SecretHash, Span, Timestamp, Token};
use serde::{Deserialize, Serialize};

use super::command::Wish;
use super::office::BoxOffice;
use super::refusal::{Refusal, invalid};

/// Places of one event.
pub const PLACES_MAX: usize = 2_000_000;
/// How often people are let in, at most.
const EVERY: Span = Span::from_millis(100);

/// Where somebody stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// The room has not opened: there is no order yet.
    Undrawn,
    /// So many are before them.
    Waits(u32),
    /// They may hold something until then.
    Admitted(Timestamp),
    /// They have held something, or let their time pass.
    Over,
}

/// A waiting room.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WaitingRoom {
    room: Option<Room>,
    /// Those who came before the draw, then all in their order.
    queue: Vec<PlaceId>,
    places: HashMap<PlaceId, Place, FixedState>,
    persons: BTreeMap<Token, PlaceId>,
    seed: Option<String>,
    /// How many of the queue were drawn.
    drawn: u32,
    /// How many of the queue were let in, by when: the newest last.
    admitted: Vec<(u32, Timestamp)>,
    /// Since when the rate counts.
    since: Timestamp,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Place {
    /// Its place in the queue.
    number: u32,
    person: Token,
    /// What it holds, or has ordered.
    hold: HoldId,
}

/// What a snapshot holds.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Stored {
    room: Option<Room>,
    queue: Vec<(PlaceId, Token, HoldId)>,
    seed: Option<String>,
    #[serde(default)]
    drawn: u32,
    admitted: Vec<(u32, Timestamp)>,
    since: Timestamp,
}

/// What everybody may know of a place: whoever has the place can compute it, and not the other way round.
pub fn public(place: PlaceId) -> SecretHash {
    SecretHash::of(&place.to_string())
}

/// The lot of a place, by what everybody knows of it: the lower, the earlier.
pub fn lot(seed: &str, public: SecretHash) -> SecretHash {
    SecretHash::of(&format!("{seed}\n{public}"))
}

impl WaitingRoom {
    /// The room, when there is one.
    pub fn room(&self) -> Option<&Room> {
        self.room.as_ref()
    }

    /// The seed, once those who wait were drawn.
    pub fn seed(&self) -> Option<&str> {
        self.seed.as_deref()
    }

    /// Everybody in the order in which they are let in; before the draw in the order of coming.
    pub fn queue(&self) -> &[PlaceId] {
        &self.queue
    }

    /// How many of the queue, from its front, were drawn; the others came later.
    pub fn drawn(&self) -> u32 {
        self.drawn
    }

    /// How many were let in.
    pub fn admitted(&self) -> u32 {
        self.admitted.last().map_or(0, |(up_to, _)| *up_to)
    }

    /// Where a place stands.
    pub fn standing(&self, place: PlaceId, now: Timestamp) -> Option<Standing> {
        let (room, known) = (self.room.as_ref()?, self.places.get(&place)?);
        if self.seed.is_none() {
            return Some(Standing::Undrawn);
        }
        let step = self.admitted.partition_point(|(up_to, _)| *up_to <= known.number);
        let Some((_, at)) = self.admitted.get(step) else {
            return Some(Standing::Waits(known.number - self.admitted()));
        };
        let until = at.saturating_add(Span::from_seconds(i64::from(room.stay_s)));
        let over = known.hold.is_some() || until <= now;
        Some(if over { Standing::Over } else { Standing::Admitted(until) })
    }

    /// Refuses whoever has not been let in.
    pub(crate) fn may_hold(&self, place: PlaceId, now: Timestamp) -> Result<(), Refusal> {
        if self.room.is_none() {
            return Ok(());
        }
        match self.standing(place, now) {
            Some(Standing::Admitted(_)) => Ok(()),
            Some(Standing::Over) => Err(Refusal::TurnOver),
            Some(Standing::Undrawn | Standing::Waits(_)) | None => Err(Refusal::MustWait),
        }
    }

    pub(crate) fn took(&mut self, place: PlaceId, hold: HoldId) {
        if let Some(known) = self.places.get_mut(&place) {
            known.hold = hold;
        }
    }

    pub(crate) fn gave_back(&mut self, place: PlaceId, hold: HoldId) {
        if let Some(known) = self.places.get_mut(&place).filter(|known| known.hold == hold) {
            known.hold = HoldId::NONE;
        }
    }

    pub(crate) fn set(&self, event: EventId, room: &Room) -> Result<Option<BookingFact>, Refusal> {
        if !(1..=1_000_000).contains(&room.per_minute) {
            return Err(invalid("per_minute", "is between 1 and 1000000"));
        }
        if !(30..=86_400).contains(&room.stay_s) {
            return Err(invalid("stay_s", "is between 30 seconds and a day"));
        }
        let promised = self.room.as_ref().filter(|_| !self.places.is_empty());
        if promised.is_some_and(|known| known.commitment != room.commitment) {
            return Err(invalid("commitment", "was promised to those who wait, and stays"));
        }
        let same = self.room.as_ref() == Some(room);
        Ok((!same).then(|| BookingFact::RoomSet { event, room: room.clone() }))
    }

    /// Whether people are let in as time passes.
    pub(crate) fn is_letting_in(&self) -> bool {
        let open = self.room.as_ref().is_some_and(|room| !room.paused);
        open && self.seed.is_some() && (self.admitted() as usize) < self.queue.len()
    }

    /// How many have been let in by now, when that is more than is told.
    pub(crate) fn admit(&self, event: EventId, now: Timestamp) -> Option<BookingFact> {
        let room = self.room.as_ref().filter(|_| self.is_letting_in())?;
        let last = self.admitted.last().map_or(Timestamp::MIN, |(_, at)| *at);
        if now.since(last) < EVERY {
            return None;
        }
        let more =
            i128::from(now.since(self.since).0.max(0)) * i128::from(room.per_minute) / i128::from(Span::MINUTE.0);
        let left = self.queue.len() - self.admitted() as usize;
        let more = u32::try_from(more).unwrap_or(u32::MAX).min(u32::try_from(left).unwrap_or(u32::MAX));
        (more > 0).then(|| BookingFact::RoomAdmitted { event, up_to: self.admitted() + more })
    }

    pub(crate) fn move_by(&mut self, length: Span) {
        // Nobody's time to choose runs while nobody decides; and nobody is let in for it.
        self.admitted.iter_mut().for_each(|(_, at)| *at = at.saturating_add(length));
        self.since = self.since.saturating_add(length);
    }

    pub(crate) fn apply(&mut self, fact: &BookingFact, now: Timestamp) {
        match fact {
            BookingFact::RoomSet { room, .. } => {
                self.since = now;
                self.room = Some(room.clone());
            }
            BookingFact::RoomJoined { place, person, .. } => {
                if !self.is_letting_in() {
                    self.since = now;
                }
                self.join(*place, *person, HoldId::NONE);
            }
            BookingFact::RoomDrawn { seed, .. } => {
                let hashed = self.room.as_ref().is_some_and(|room| room.hashed);
                self.queue.sort_by_cached_key(|place| {
                    let plain = || SecretHash::of(&format!("{seed}\n{place}"));
                    (if hashed { lot(seed, public(*place)) } else { plain() }, *place)
                });
                self.drawn = u32::try_from(self.queue.len()).expect("a room has fewer places");
                for (number, place) in (0..).zip(&self.queue) {
                    if let Some(known) = self.places.get_mut(place) {
                        known.number = number;
                    }
                }
                self.seed = Some(seed.clone());
                self.since = now;
            }
            BookingFact::RoomAdmitted { up_to, .. } => {
                let (more, rate) =
                    (i64::from(up_to - self.admitted()), self.room.as_ref().map_or(1, |room| room.per_minute));
                // What is left of a started place counts for the next one.
                self.since = self.since.saturating_add(Span(more * Span::MINUTE.0 / i64::from(rate.max(1))));
                self.admitted.push((*up_to, now));
            }
            _ => {}
        }
    }

    fn join(&mut self, place: PlaceId, person: Token, hold: HoldId) {
        let number = u32::try_from(self.queue.len()).expect("a room has fewer places");
        self.queue.push(place);
        self.places.insert(place, Place { number, person, hold });
        if person.is_some() {
            self.persons.insert(person, place);
        }
    }

    pub(crate) fn stored(&self) -> Stored {
        let place = |place: &PlaceId| {
            let known = self.places.get(place);
            (*place, known.map_or(Token::NONE, |known| known.person), known.map_or(HoldId::NONE, |known| known.hold))
        };
        Stored {
            room: self.room.clone(),
            queue: self.queue.iter().map(place).collect(),
            seed: self.seed.clone(),
            drawn: self.drawn,
            admitted: self.admitted.clone(),
            since: self.since,
        }
    }

    pub(crate) fn restore(stored: Stored) -> Self {
        let Stored { room, queue, seed, drawn, admitted, since } = stored;
        let mut restored = Self { room, seed, drawn, admitted, since, ..Self::default() };
        queue.into_iter().for_each(|(place, person, hold)| restored.join(place, person, hold));
        restored
    }
}

impl BoxOffice {
    pub(crate) fn queue(&self, event: EventId, wish: &Wish, now: Timestamp) -> Result<Vec<BookingFact>, Refusal> {
        let waiting = &self.room;
        let room = waiting.room.as_ref().ok_or(Refusal::NoRoom)?;
        match wish {
            Wish::JoinRoom { place, person } => {
                if waiting.places.get(place).is_some_and(|known| known.person == *person) {
                    return Ok(Vec::new());
                }
                if waiting.places.contains_key(place) || waiting.places.len() >= PLACES_MAX {
                    return Err(Refusal::IdUsed);
                }
                // One place each, until it is over.
                let other = waiting.persons.get(person).and_then(|other| waiting.standing(*other, now));
                if other.is_some_and(|standing| standing != Standing::Over) {
                    return Err(Refusal::Waiting);
                }
                Ok(vec![BookingFact::RoomJoined { event, place: *place, person: *person }])
            }
            Wish::Draw { seed } => {
                if waiting.seed.as_deref() == Some(seed) {
                    return Ok(Vec::new());
                }
                if waiting.seed.is_some() || now < room.opens {
                    return Err(Refusal::NoDraw);
                }
                if SecretHash::of(seed) != room.commitment {
                    return Err(Refusal::WrongSeed);
                }
                Ok(vec![BookingFact::RoomDrawn { event, seed: seed.clone() }])
            }
            _ => Ok(Vec::new()),
        }
    }
}
