//! Questions of a room: asked, let through, wanted by others, answered, put away.

use std::collections::BTreeMap;

use records::engage::{EngageFact, SealedText, Standing};
use records::{Blob, QuestionId, Timestamp, Token};
use serde::{Deserialize, Serialize};

use super::table::Table;

/// Questions of a room, deleted ones included.
pub const QUESTIONS_MAX: usize = 2_000;
/// Questions of one person that wait for a moderator, so that one person cannot fill the room.
pub const WAITING_MAX: usize = 5;
/// The longest question, and answer, in bytes.
pub const QUESTION_BYTES_MAX: usize = 2_000;

/// A question.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Question {
    /// How many were asked before it: its age.
    pub number: u32,
    /// Who asked; an alias when it is anonymous.
    pub person: Token,
    /// Whether nobody is to know who asked.
    pub anonymous: bool,
    /// When it was asked.
    pub asked: Timestamp,
    /// What is asked; none once it is deleted.
    pub text: Option<SealedText>,
    /// Who asked anonymously, sealed under the organization's key; empty once it is deleted.
    pub author: Blob,
    /// Who sees it.
    pub standing: Standing,
    /// Whether it stands above the others.
    pub pinned: bool,
    /// Whether it was put away.
    pub archived: bool,
    /// When it was answered.
    pub answered: Option<Timestamp>,
    /// The answer, when it was written.
    pub answer: Option<SealedText>,
    /// Whether it was shown at some time.
    pub approved: bool,
    pub(super) votes: Table<()>,
}

impl Question {
    /// How many want an answer.
    pub fn votes(&self) -> usize {
        self.votes.len()
    }

    /// Whether somebody wants an answer.
    pub fn wanted_by(&self, person: Token) -> bool {
        self.votes.has(person)
    }

    /// In which order questions stand: those that are pinned, then by votes, then by age. No two are the same.
    pub fn rank(&self) -> (bool, std::cmp::Reverse<usize>, u32) {
        (!self.pinned, std::cmp::Reverse(self.votes.len()), self.number)
    }
}

/// All questions of a room.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Questions {
    pub(super) all: BTreeMap<QuestionId, Question>,
    /// How many wait, by who asked.
    #[serde(skip)]
    pub(super) waiting: BTreeMap<Token, usize>,
}

impl Questions {
    /// A question.
    pub fn get(&self, question: QuestionId) -> Option<&Question> {
        self.all.get(&question)
    }

    /// All of them, in the order in which they stand.
    pub fn ranked(&self) -> Vec<(QuestionId, &Question)> {
        let mut all: Vec<(QuestionId, &Question)> = self.all.iter().map(|(id, question)| (*id, question)).collect();
        all.sort_unstable_by_key(|(_, question)| question.rank());
        all
    }

    /// How many of somebody wait for a moderator.
    pub fn waiting(&self, person: Token) -> usize {
        self.waiting.get(&person).copied().unwrap_or(0)
    }

    /// Takes one fact; keys of texts that are deleted are noted.
    pub(super) fn apply(&mut self, fact: &EngageFact, now: Timestamp, shred: &mut impl FnMut(u64)) {
        match fact {
            EngageFact::QuestionAsked { question, person, anonymous, text, author, standing, .. } => {
                let number = u32::try_from(self.all.len()).unwrap_or(u32::MAX);
                let asked = Question {
                    number,
                    person: *person,
                    anonymous: *anonymous,
                    asked: now,
                    text: Some(text.clone()),
                    author: author.clone(),
                    standing: Standing::Waiting,
                    ..Question::default()
                };
                self.all.insert(*question, asked);
                *self.waiting.entry(*person).or_default() += 1;
                self.settle(*question, *standing, shred);
            }
            EngageFact::QuestionSettled { question, standing, .. } => self.settle(*question, *standing, shred),
            EngageFact::QuestionUpvoted { question, person, .. } => {
                self.all.entry(*question).and_modify(|known| _ = known.votes.insert(*person, ()));
            }
            EngageFact::UpvoteTakenBack { question, person, .. } => {
                self.all.entry(*question).and_modify(|known| _ = known.votes.remove(*person));
            }
            EngageFact::QuestionAnswered { question, text, .. } => {
                let Some(known) = self.all.get_mut(question) else { return };
                known.answered.get_or_insert(now);
                let before = std::mem::replace(&mut known.answer, text.clone());
                let kept = text.as_ref().map(|text| text.key);
                before.filter(|before| Some(before.key) != kept).into_iter().for_each(|before| shred(before.key));
            }
            EngageFact::QuestionPinned { question, pinned, .. } => {
                self.all.entry(*question).and_modify(|known| known.pinned = *pinned);
            }
            EngageFact::QuestionArchived { question, archived, .. } => {
                self.all.entry(*question).and_modify(|known| known.archived = *archived);
            }
            _ => {}
        }
    }

    fn settle(&mut self, question: QuestionId, standing: Standing, shred: &mut impl FnMut(u64)) {
        let Some(known) = self.all.get_mut(&question) else { return };
        let (before, person) = (known.standing, known.person);
        known.standing = standing;
        known.approved |= standing == Standing::Shown;
        if standing == Standing::Deleted {
            let texts = [known.text.take(), known.answer.take()];
            texts.into_iter().flatten().for_each(|text| shred(text.key));
            known.author = Blob::default();
        }
        match (before == Standing::Waiting, standing == Standing::Waiting) {
            (false, true) => *self.waiting.entry(person).or_default() += 1,
            (true, false) => self.waits_no_more(person),
            _ => {}
        }
    }

    fn waits_no_more(&mut self, person: Token) {
        if let Some(count) = self.waiting.get_mut(&person) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                self.waiting.remove(&person);
            }
        }
    }

    /// The same, with what a snapshot leaves out.
    pub(super) fn ready(mut self) -> Self {
        for question in self.all.values().filter(|question| question.standing == Standing::Waiting) {
            *self.waiting.entry(question.person).or_default() += 1;
        }
        self
    }
}
