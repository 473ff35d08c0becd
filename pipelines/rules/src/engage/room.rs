//! One room: who is there, and everything that goes on in it. How facts change it.

use std::collections::BTreeMap;

use records::engage::{Announcement, EngageFact, RoomSpec};
use records::{AnnouncementId, PollId, Span, Timestamp, Token};
use serde::{Deserialize, Serialize};

use super::chat::Chat;
use super::polls::{PollState, Stage};
use super::questions::Questions;
use super::reactions::Reactions;
use super::table::{Pack, Table, pack, unpack};

/// People who ever come into one room: twice the largest audience that is measured.
pub const PEOPLE_MAX: usize = 100_000;
/// Announcements of a room.
pub const ANNOUNCEMENTS_MAX: usize = 500;
/// Answers that a prompt offers.
pub const CHOICES_MAX: usize = 10;
/// The longest announcement, in bytes.
pub const ANNOUNCEMENT_BYTES_MAX: usize = 2_000;

/// What is known of somebody in a room.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Stay {
    /// Since when they are there; none when they are not.
    pub since: Option<Timestamp>,
    /// How long they were there before that.
    pub spent: Span,
    /// Polls that were open while they were there, by the polls' bits.
    pub(super) polls: u64,
    /// Messages that they wrote.
    pub written: u32,
    /// When they wrote last.
    pub wrote: Timestamp,
}

impl Pack for Stay {
    fn pack(&self, out: &mut Vec<u8>) {
        // One more than it is, so that 0 is for nobody.
        pack(self.since.map_or(0, |since| since.0.cast_unsigned().wrapping_add(1)), out);
        pack(self.spent.0.cast_unsigned(), out);
        pack(self.polls, out);
        pack(u64::from(self.written), out);
        self.wrote.pack(out);
    }

    fn unpack(from: &mut &[u8]) -> Option<Self> {
        let since = match unpack(from)? {
            0 => None,
            since => Some(Timestamp(since.wrapping_sub(1).cast_signed())),
        };
        let (spent, polls) = (Span(unpack(from)?.cast_signed()), unpack(from)?);
        let written = unpack(from)?.try_into().ok()?;
        Some(Self { since, spent, polls, written, wrote: Timestamp::unpack(from)? })
    }
}

/// Something that the organizer told.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Told {
    /// What.
    pub spec: Announcement,
    /// When.
    pub told: Timestamp,
    /// Whether it is no longer shown.
    pub withdrawn: bool,
    pub(super) answers: Table<u8>,
    /// Answers, by option.
    pub counts: Vec<u64>,
}

impl Told {
    /// Whether it is shown, and can be answered.
    pub fn stands(&self, now: Timestamp) -> bool {
        !self.withdrawn && self.spec.until.is_none_or(|until| now < until)
    }

    /// What somebody answered.
    pub fn answer_of(&self, person: Token) -> Option<u8> {
        self.answers.get(person).copied()
    }
}

/// A room.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Room {
    /// What it allows.
    pub spec: RoomSpec,
    /// When what is shown began.
    pub began: Option<Timestamp>,
    pub(super) people: Table<Stay>,
    present: u32,
    /// How many people wrote in the chat.
    writers: u32,
    pub(super) polls: BTreeMap<PollId, PollState>,
    pub(super) questions: Questions,
    pub(super) chat: Chat,
    pub(super) reactions: Reactions,
    pub(super) announcements: BTreeMap<AnnouncementId, Told>,
}

/// What goes on in a room, in numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, schemars::JsonSchema)]
#[schemars(rename = "RoomFigures")]
pub struct Figures {
    /// People who are there.
    pub present: u32,
    /// People who ever were.
    pub people: usize,
    /// Seconds that all of them spent there, each rounded down.
    pub spent_s: i64,
    /// Questions that were asked.
    pub asked: usize,
    /// Those that were shown at some time.
    pub approved: usize,
    /// Those that were answered.
    pub answered: usize,
    /// Milliseconds from the question to the answer, on average, rounded down; 0 when none was answered.
    pub answer_ms: i64,
    /// Messages of the chat.
    pub messages: u64,
    /// People who wrote them.
    pub writers: u32,
    /// Reactions.
    pub reactions: u64,
}

/// How to read it.
impl Room {
    /// What is known of somebody who is or was there.
    pub fn stay(&self, person: Token) -> Option<&Stay> {
        self.people.get(person)
    }

    /// Whether somebody is there.
    pub fn has(&self, person: Token) -> bool {
        self.stay(person).is_some_and(|stay| stay.since.is_some())
    }

    /// How many people are there.
    pub fn present(&self) -> u32 {
        self.present
    }

    /// Its polls.
    pub fn polls(&self) -> &BTreeMap<PollId, PollState> {
        &self.polls
    }

    /// Its questions.
    pub fn questions(&self) -> &Questions {
        &self.questions
    }

    /// Its chat.
    pub fn chat(&self) -> &Chat {
        &self.chat
    }

    /// Its reactions.
    pub fn reactions(&self) -> &Reactions {
        &self.reactions
    }

    /// What was told in it.
    pub fn announcements(&self) -> &BTreeMap<AnnouncementId, Told> {
        &self.announcements
    }

    /// What goes on in it, in numbers. Costs a walk over its people and questions.
    pub fn figures(&self, now: Timestamp) -> Figures {
        let spent = |stay: &Stay| stay.spent.0 + stay.since.map_or(0, |since| now.since(since).0.max(0));
        let questions = || self.questions.all.values();
        let waits: Vec<i64> =
            questions().filter_map(|known| Some(known.answered?.since(known.asked).millis())).collect();
        Figures {
            present: self.present,
            people: self.people.len(),
            spent_s: self.people.sorted().iter().map(|(_, stay)| Span(spent(stay)).seconds()).sum(),
            asked: self.questions.all.len(),
            approved: questions().filter(|known| known.approved).count(),
            answered: waits.len(),
            answer_ms: waits.iter().sum::<i64>() / i64::try_from(waits.len().max(1)).unwrap_or(i64::MAX),
            messages: self.chat.count(),
            writers: self.writers,
            reactions: self.reactions.totals().values().sum(),
        }
    }

    /// A bit that no poll has; none when there are too many polls.
    pub(super) fn slot(&self) -> Option<u8> {
        let taken = self.polls.values().fold(0u64, |taken, poll| taken | 1 << poll.slot);
        u8::try_from((!taken).trailing_zeros()).ok().filter(|slot| usize::from(*slot) < super::polls::POLLS_MAX)
    }
}

/// How facts change it.
impl Room {
    /// Takes one fact; keys of texts that are deleted are noted.
    pub(super) fn apply(&mut self, fact: &EngageFact, now: Timestamp, shred: &mut impl FnMut(u64)) {
        match fact {
            EngageFact::RoomSet { spec, .. } => self.spec = spec.clone(),
            EngageFact::StreamStarted { .. } => self.began = self.began.or(Some(now)),
            EngageFact::RoomJoined { person, .. } => self.join(*person, now),
            EngageFact::RoomLeft { person, .. } => self.leave(*person, now),
            EngageFact::PollSet { .. }
            | EngageFact::PollRemoved { .. }
            | EngageFact::PollOpened { .. }
            | EngageFact::PollClosed { .. }
            | EngageFact::VoteCast { .. }
            | EngageFact::PollEntrySettled { .. } => self.apply_poll(fact, now, shred),
            EngageFact::Reacted { person, kind, count, .. } => {
                self.reactions.take(*person, kind, *count, now, self.began);
            }
            EngageFact::Announced { announcement, spec, .. } => {
                let counts = vec![0; spec.options.len()];
                let told = Told { spec: spec.clone(), told: now, counts, ..Told::default() };
                self.announcements.insert(*announcement, told);
            }
            EngageFact::AnnouncementWithdrawn { announcement, .. } => {
                self.announcements.entry(*announcement).and_modify(|told| told.withdrawn = true);
            }
            EngageFact::PromptAnswered { announcement, person, choice, .. } => {
                let Some(told) = self.announcements.get_mut(announcement) else { return };
                if told.answers.insert(*person, *choice).is_none()
                    && let Some(count) = told.counts.get_mut(usize::from(*choice))
                {
                    *count += 1;
                }
            }
            fact => {
                if let EngageFact::MessageSent { person, .. } = fact {
                    let stay = self.people.entry(*person);
                    self.writers += u32::from(stay.written == 0);
                    stay.written = stay.written.saturating_add(1);
                    stay.wrote = now;
                }
                self.questions.apply(fact, now, shred);
                self.chat.apply(fact, now, shred);
            }
        }
    }

    fn join(&mut self, person: Token, now: Timestamp) {
        let stay = self.people.entry(person);
        if stay.since.is_some() {
            return;
        }
        stay.since = Some(now);
        self.present += 1;
        for poll in self.polls.values_mut().filter(|poll| poll.stage == Stage::Open) {
            if stay.polls >> poll.slot & 1 == 0 {
                stay.polls |= 1 << poll.slot;
                poll.present += 1;
            }
        }
    }

    fn leave(&mut self, person: Token, now: Timestamp) {
        let Some(stay) = self.people.get_mut(person) else { return };
        if let Some(since) = stay.since.take() {
            stay.spent = Span(stay.spent.0.saturating_add(now.since(since).0.max(0)));
            self.present = self.present.saturating_sub(1);
        }
    }

    fn apply_poll(&mut self, fact: &EngageFact, now: Timestamp, shred: &mut impl FnMut(u64)) {
        match fact {
            EngageFact::PollSet { poll, spec, .. } => {
                let slot = self.polls.get(poll).map(|known| known.slot).or_else(|| self.slot()).unwrap_or_default();
                self.polls.insert(*poll, PollState::new((**spec).clone(), slot));
            }
            EngageFact::PollRemoved { poll, .. } => _ = self.polls.remove(poll),
            EngageFact::PollOpened { poll, .. } => {
                let Some(known) = self.polls.get_mut(poll) else { return };
                (known.stage, known.opened) = (Stage::Open, now);
                // Once for each opening, a walk over whoever is there: who votes is then counted against them.
                for stay in self.people.each_mut().filter(|stay| stay.since.is_some()) {
                    if stay.polls >> known.slot & 1 == 0 {
                        stay.polls |= 1 << known.slot;
                        known.present += 1;
                    }
                }
            }
            EngageFact::PollClosed { poll, .. } => {
                let Some(known) = self.polls.get_mut(poll) else { return };
                (known.stage, known.closed) = (Stage::Closed, now);
            }
            EngageFact::VoteCast { poll, voter, vote, .. } => {
                let known = self.polls.get_mut(poll);
                known.and_then(|known| known.take(*voter, vote, now)).into_iter().for_each(shred);
            }
            EngageFact::PollEntrySettled { poll, entry, standing, .. } => {
                let known = self.polls.get_mut(poll);
                known.and_then(|known| known.settle(*entry, *standing)).into_iter().for_each(shred);
            }
            _ => {}
        }
    }

    /// The same, with what a snapshot leaves out.
    pub(super) fn ready(mut self) -> Self {
        self.questions = self.questions.ready();
        self.chat = self.chat.ready();
        self.polls = self.polls.into_iter().map(|(id, poll)| (id, poll.ready())).collect();
        self
    }
}
