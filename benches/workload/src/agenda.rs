//! The agenda: days, slots, tracks, rooms, breaks.

use records::{EventId, ItemId, SessionId, Span, Text, Timestamp};

use crate::chance::Chance;
use crate::conference::Scale;
use crate::words::id;

/// One programme item.
#[derive(Debug, Clone)]
pub struct Session {
    /// Its id.
    pub session: SessionId,
    /// The same programme item as something that can be looked at and recommended.
    pub item: ItemId,
    /// Its title.
    pub title: String,
    /// Its track.
    pub track: Text,
    /// The track's number, from 0.
    pub track_number: u16,
    /// When it begins.
    pub starts: Timestamp,
    /// When it is over.
    pub ends: Timestamp,
    /// How many fit into the room.
    pub capacity: u32,
    /// How much people want it, from 1; a keynote has more than any talk.
    pub pull: u32,
}

/// The programme of one event.
#[derive(Debug, Clone)]
pub struct Agenda {
    /// The event.
    pub event: EventId,
    /// Every session, by begin, then track.
    pub sessions: Vec<Session>,
    /// The sessions that run side by side: a range of `sessions` for each slot, in time order.
    pub slots: Vec<std::ops::Range<usize>>,
    /// The first slot of each day.
    pub days: Vec<usize>,
}

/// Doors to evening: nine hours.
const DAY_LENGTH: Span = Span::from_seconds(9 * 3_600);
const SLOTS_MAX: u32 = 10;
const TRACKS: [&str; 8] = ["data", "design", "growth", "cloud", "security", "people", "product", "science"];
const FIRST: [&str; 8] =
    ["Scaling", "Rethinking", "Measuring", "Shipping", "Securing", "Designing", "Debugging", "Funding"];
const SECOND: [&str; 8] =
    ["streams", "teams", "payments", "communities", "models", "interfaces", "open source", "live events"];

impl Agenda {
    /// Lays out an agenda: a keynote opens each day, then talks side by side in tracks with breaks between.
    pub fn new(event: EventId, scale: &Scale, chance: &mut Chance) -> Self {
        let days = u32::from(scale.days.max(1));
        let wanted = scale.sessions.max(days).div_ceil(days);
        // More sessions than tracks and slots can hold need more rooms, not longer days.
        let tracks = u32::from(scale.tracks.clamp(1, TRACKS.len() as u16)).max((wanted - 1).div_ceil(SLOTS_MAX - 1));
        let slots = 1 + (wanted - 1).div_ceil(tracks);
        let pitch = Span((DAY_LENGTH.0 / i64::from(slots)).min(Span::HOUR.0));
        let mut agenda = Self { event, sessions: Vec::new(), slots: Vec::new(), days: Vec::new() };
        for day in 0..days {
            agenda.days.push(agenda.slots.len());
            let mut left = wanted;
            for slot in 0..slots {
                let side_by_side = if slot == 0 { 1 } else { tracks.min(left) };
                let starts = scale.opens + Span(Span::DAY.0 * i64::from(day) + pitch.0 * i64::from(slot));
                agenda.add_slot(starts, pitch, side_by_side, scale, chance);
                left -= side_by_side.min(left);
            }
        }
        agenda
    }

    fn add_slot(&mut self, starts: Timestamp, pitch: Span, side_by_side: u32, scale: &Scale, chance: &mut Chance) {
        let from = self.sessions.len();
        let keynote = self.days.last() == Some(&self.slots.len());
        for track in 0..side_by_side {
            let number = self.sessions.len();
            let name = format!("talk-{number}");
            let fair = scale.attendees / side_by_side.max(1);
            self.sessions.push(Session {
                session: id(&name),
                item: id(&name),
                title: title(keynote, number, chance),
                track: Text::new(if keynote { "keynote" } else { TRACKS[track as usize % TRACKS.len()] }),
                track_number: track as u16,
                starts,
                ends: starts + Span(pitch.0 / 4 * 3),
                // Rooms differ: some talks fill up, which recommendations must notice.
                capacity: if keynote {
                    scale.attendees.max(1)
                } else {
                    (fair * chance.between(60, 180) as u32 / 100).max(10)
                },
                pull: if keynote { 1_000 } else { chance.between(20, 200) as u32 },
            });
        }
        if self.sessions.len() > from {
            self.slots.push(from..self.sessions.len());
        }
    }

    /// When the last session is over.
    pub fn ends(&self) -> Timestamp {
        self.sessions.iter().map(|session| session.ends).max().unwrap_or(Timestamp::MIN)
    }

    /// When a slot begins.
    pub fn starts(&self, slot: usize) -> Timestamp {
        self.sessions[self.slots[slot].start].starts
    }

    /// The day (from 0) that a slot is on.
    pub fn day_of(&self, slot: usize) -> usize {
        self.days.partition_point(|first| *first <= slot) - 1
    }
}

fn title(keynote: bool, number: usize, chance: &mut Chance) -> String {
    let (first, second) = (chance.pick(&FIRST), chance.pick(&SECOND));
    if keynote { format!("Keynote: {first} {second}") } else { format!("{first} {second}, part {number}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn agenda(sessions: u32, days: u16, tracks: u16) -> Agenda {
        let scale = Scale { sessions, days, tracks, ..Scale::small() };
        Agenda::new(id("e"), &scale, &mut Chance::new(1))
    }

    #[test]
    fn sessions_of_a_track_never_overlap() {
        for agenda in [agenda(40, 2, 4), agenda(1, 1, 1), agenda(300, 3, 3)] {
            for slot in 1..agenda.slots.len() {
                let before = &agenda.sessions[agenda.slots[slot - 1].start];
                assert!(before.ends < agenda.starts(slot), "a break follows every slot");
            }
        }
    }

    #[test]
    fn every_session_wanted_is_there() {
        assert!(agenda(40, 2, 4).sessions.len() >= 40);
        assert!(agenda(300, 3, 3).sessions.len() >= 300);
    }
}
