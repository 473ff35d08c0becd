//! Everything of taking part in one event: its rooms, who may write, what is not wanted, points. How facts change it.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use records::engage::{Deed, EngageFact};
use records::{CauseId, EventId, PollId, SessionId, Timestamp, Token, Zone};
use serde::{Deserialize, Serialize};

use super::points::{Did, Points};
use super::room::Room;
use super::words::Blocked;

/// People of an event who were muted or banned.
pub const SANCTIONS_MAX: usize = 10_000;
/// Keys that wait to be destroyed: as many as one fact names.
pub const SHRED_MAX: usize = 1_000;

/// What somebody may not do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Sanction {
    /// They may not write.
    pub muted: bool,
    /// Until then; for good, when nothing stands here.
    pub until: Option<Timestamp>,
    /// They may not take part.
    pub banned: bool,
    /// What they wrote is hidden.
    pub hidden: bool,
}

/// Everything of taking part in one event.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Assembly {
    pub(super) zone: Zone,
    pub(super) rooms: BTreeMap<SessionId, Room>,
    pub(super) sanctions: BTreeMap<Token, Sanction>,
    pub(super) blocked: Blocked,
    pub(super) points: Points,
    /// Keys of deleted texts that are to be destroyed.
    shred: BTreeSet<u64>,
    /// Right answers of quizzes that are closed, which are counted one after the other.
    owed: VecDeque<(SessionId, PollId, Token, u64)>,
}

/// What a snapshot holds of it: no copy, which would take as long again.
#[derive(Debug, Serialize)]
pub(super) struct Storing<'a> {
    zone: &'a Zone,
    // A list: the hall has no id that could be a key.
    rooms: Vec<(SessionId, &'a Room)>,
    sanctions: &'a BTreeMap<Token, Sanction>,
    blocked: &'a Blocked,
    points: &'a Points,
    shred: &'a BTreeSet<u64>,
    owed: &'a VecDeque<(SessionId, PollId, Token, u64)>,
}

/// The same, read back.
#[derive(Debug, Deserialize)]
pub(super) struct Stored {
    zone: Zone,
    rooms: Vec<(SessionId, Room)>,
    sanctions: BTreeMap<Token, Sanction>,
    blocked: Blocked,
    points: Points,
    shred: BTreeSet<u64>,
    owed: VecDeque<(SessionId, PollId, Token, u64)>,
}

/// How to read it.
impl Assembly {
    /// A room in which something went on.
    pub fn room(&self, room: SessionId) -> Option<&Room> {
        self.rooms.get(&room)
    }

    /// The rooms in which something went on; the hall is the first one, if it is.
    pub fn rooms(&self) -> &BTreeMap<SessionId, Room> {
        &self.rooms
    }

    /// The zone in which its days turn.
    pub fn zone(&self) -> &Zone {
        &self.zone
    }

    /// What people may not do, by pseudonym or alias.
    pub fn sanctions(&self) -> &BTreeMap<Token, Sanction> {
        &self.sanctions
    }

    /// The words that are not wanted.
    pub fn blocked(&self) -> &Blocked {
        &self.blocked
    }

    /// Its points.
    pub fn points(&self) -> &Points {
        &self.points
    }

    /// The numbers of keys that are to be destroyed, [`SHRED_MAX`] at most: [`super::Wish::Shredded`] says that they are.
    pub fn to_shred(&self) -> Vec<u64> {
        self.shred.iter().take(SHRED_MAX).copied().collect()
    }

    /// Whether a key is to be destroyed.
    pub(super) fn shreds(&self, key: u64) -> bool {
        self.shred.contains(&key)
    }

    /// Whether somebody takes part in nothing.
    pub fn is_banned(&self, person: Token) -> bool {
        self.sanctions.get(&person).is_some_and(|sanction| sanction.banned)
    }

    /// Whether somebody writes nothing.
    pub fn is_muted(&self, person: Token, now: Timestamp) -> bool {
        let muted = |known: &Sanction| known.muted && known.until.is_none_or(|until| now < until);
        self.sanctions.get(&person).is_some_and(muted)
    }

    /// Whether what somebody wrote is hidden.
    pub fn is_hidden(&self, person: Token) -> bool {
        self.sanctions.get(&person).is_some_and(|sanction| sanction.banned && sanction.hidden)
    }

    /// What is counted next because time has come: a right answer of a quiz that is closed.
    pub(super) fn errand(&self, event: EventId, now: Timestamp) -> Option<EngageFact> {
        let (room, poll, person, worth) = *self.owed.front()?;
        let did = Did { deed: Deed::AnsweredRight, room, cause: poll.0, worth };
        Some(self.reward(event, room, person, &[did], now).pop().unwrap_or_else(|| {
            // Told although it gives nothing, so that the next one's turn comes.
            let (deed, cause, edition) = (did.deed, CauseId(did.cause), self.points.edition);
            let (day, parts, badges) = (self.zone.day(now), Vec::new(), Vec::new());
            EngageFact::DeedRewarded { event, room, person, deed, cause, edition, day, parts, badges }
        }))
    }

    /// Whether something is to be counted.
    pub(super) fn has_errand(&self) -> bool {
        !self.owed.is_empty()
    }

    /// What comes of deeds of one person, as facts.
    pub(super) fn reward(
        &self,
        event: EventId,
        room: SessionId,
        person: Token,
        deeds: &[Did],
        now: Timestamp,
    ) -> Vec<EngageFact> {
        let won = self.points.wins(person, deeds, self.zone.day(now));
        let fact = |(did, won): (Did, super::points::Won)| EngageFact::DeedRewarded {
            event,
            room,
            person,
            deed: did.deed,
            cause: CauseId(did.cause),
            edition: self.points.edition,
            day: won.day,
            parts: won.parts,
            badges: won.badges,
        };
        won.into_iter().map(fact).collect()
    }
}

/// How facts change it.
impl Assembly {
    pub(super) fn apply(&mut self, fact: &EngageFact, now: Timestamp) {
        let Self { rooms, sanctions, shred, .. } = self;
        match fact {
            EngageFact::PersonMuted { person, until, .. } => {
                let known = sanctions.entry(*person).or_default();
                (known.muted, known.until) = (true, *until);
            }
            EngageFact::PersonUnmuted { person, .. } => {
                let known = sanctions.entry(*person).or_default();
                (known.muted, known.until) = (false, None);
                if *known == Sanction::default() {
                    sanctions.remove(person);
                }
            }
            EngageFact::PersonBanned { person, hide, .. } => {
                let known = sanctions.entry(*person).or_default();
                (known.banned, known.hidden) = (true, *hide);
            }
            EngageFact::PersonUnbanned { person, .. } => {
                let known = sanctions.entry(*person).or_default();
                (known.banned, known.hidden) = (false, false);
                if *known == Sanction::default() {
                    sanctions.remove(person);
                }
            }
            EngageFact::BlockedWordsSet { edition, words, .. } => self.blocked = Blocked::new(*edition, words.clone()),
            EngageFact::TextsShredded { keys, .. } => keys.iter().for_each(|key| _ = shred.remove(key)),
            fact => match fact.place().1 {
                Some(room) if !matches!(fact, EngageFact::DeedRewarded { .. }) => {
                    let room = rooms.entry(room).or_default();
                    room.apply(fact, now, &mut |key| _ = shred.insert(key));
                    self.owe(fact);
                }
                _ => {
                    self.points.apply(fact);
                    self.owes_no_more(fact);
                }
            },
        }
    }

    /// Notes the right answers of a quiz that is closed, when they count for anything.
    fn owe(&mut self, fact: &EngageFact) {
        let EngageFact::PollClosed { room, poll, .. } = fact else { return };
        let Some(known) = self.rooms.get(room).and_then(|room| room.polls.get(poll)) else { return };
        let counts = self.points.hears(Deed::AnsweredRight) || known.spec.points > 0 || known.spec.speed_points > 0;
        if !known.spec.anonymous && counts {
            self.owed.extend(known.winners().into_iter().map(|(person, worth)| (*room, *poll, person, worth)));
        }
    }

    fn owes_no_more(&mut self, fact: &EngageFact) {
        let EngageFact::DeedRewarded { room, person, deed: Deed::AnsweredRight, cause, .. } = fact else { return };
        let is_it =
            |(of, poll, whose, _): &(SessionId, PollId, Token, u64)| (of, poll.0, whose) == (room, cause.0, person);
        if self.owed.front().is_some_and(is_it) {
            self.owed.pop_front();
        }
    }

    pub(super) fn rezone(&mut self, zone: &Zone) {
        self.zone = zone.clone();
    }

    /// What does not add up; nothing when all is well. Costs a walk over everything.
    pub fn audit(&self) -> Vec<String> {
        let mut faults = self.points.audit();
        for (id, room) in &self.rooms {
            let present = room.people.sorted().iter().filter(|(_, stay)| stay.since.is_some()).count();
            if present != room.present() as usize {
                faults.push(format!("{id}: {present} people are there, counted as {}", room.present()));
            }
            for (poll, known) in &room.polls {
                let (tally, entries) = known.recount();
                let counted: Vec<u32> = known.entries().iter().map(|entry| entry.count).collect();
                if tally != known.tally() || entries != counted {
                    faults.push(format!("{id}/{poll}: the votes are {tally:?} {entries:?}, counted otherwise"));
                }
                let there = room.people.sorted().iter().filter(|(_, stay)| stay.polls >> known.slot & 1 == 1).count();
                if there != known.present as usize || known.voters() > there {
                    faults.push(format!("{id}/{poll}: {} of {there} people voted", known.voters()));
                }
            }
            let readable = room.questions.all.values().map(|known| (known.standing, known.text.is_some()));
            let readable = readable.chain(room.chat.newest().map(|(_, known)| (known.standing, known.text.is_some())));
            if { readable }.any(|(standing, text)| text == (standing == records::engage::Standing::Deleted)) {
                faults.push(format!("{id}: what is deleted and what has no text differ"));
            }
        }
        faults
    }

    pub(super) fn stored(&self) -> Storing<'_> {
        let Self { zone, rooms, sanctions, blocked, points, shred, owed } = self;
        Storing {
            zone,
            rooms: rooms.iter().map(|(id, room)| (*id, room)).collect(),
            sanctions,
            blocked,
            points,
            shred,
            owed,
        }
    }

    pub(super) fn restore(stored: Stored) -> Self {
        let Stored { zone, rooms, sanctions, blocked, points, shred, owed } = stored;
        let rooms = rooms.into_iter().map(|(id, room)| (id, room.ready())).collect();
        Self { zone, rooms, sanctions, blocked: blocked.ready(), points, shred, owed }
    }
}
