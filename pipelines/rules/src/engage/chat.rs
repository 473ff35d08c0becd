//! The chat of a room: a bounded history in the order of the log.

use std::collections::{BTreeMap, VecDeque};

use records::engage::{EngageFact, SealedText, Standing};
use records::{MessageId, Timestamp, Token};
use serde::{Deserialize, Serialize};

use super::table::Table;

/// Messages of a room that are kept here; older ones are in the log.
pub const HISTORY_MAX: usize = 5_000;
/// The longest message, in bytes.
pub const MESSAGE_BYTES_MAX: usize = 1_000;
/// People who report one message that are kept: more say nothing new.
pub const REPORTS_MAX: usize = 100;

/// A message.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Message {
    /// Its id.
    pub id: MessageId,
    /// Who wrote it.
    pub person: Token,
    /// When it was sent.
    pub sent: Timestamp,
    /// The message that it replies to.
    pub reply: MessageId,
    /// What stands there; none once it is deleted.
    pub text: Option<SealedText>,
    /// Who sees it.
    pub standing: Standing,
    /// When it was edited last.
    pub edited: Option<Timestamp>,
    pub(super) reports: Table<()>,
    /// Whether a moderator let it stand: more reports do not hold it.
    pub cleared: bool,
}

impl Message {
    /// How many people say that it should not be there.
    pub fn reports(&self) -> usize {
        self.reports.len()
    }
}

/// All messages of a room that are kept.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Chat {
    messages: VecDeque<Message>,
    /// How many there were before the first of these.
    before: u64,
    #[serde(skip)]
    places: BTreeMap<MessageId, u64>,
}

impl Chat {
    /// A message that is kept, with its number from the first one of the room on.
    pub fn get(&self, message: MessageId) -> Option<(u64, &Message)> {
        let number = *self.places.get(&message)?;
        Some((number, self.messages.get(usize::try_from(number.checked_sub(self.before)?).ok()?)?))
    }

    /// The messages that are kept, the newest first, with their numbers.
    pub fn newest(&self) -> impl Iterator<Item = (u64, &Message)> {
        (self.before..).zip(&self.messages).collect::<Vec<_>>().into_iter().rev()
    }

    /// Those before a number, the newest first.
    pub fn before(&self, number: u64) -> impl Iterator<Item = (u64, &Message)> {
        let count = number.saturating_sub(self.before).min(self.messages.len() as u64);
        (0..count)
            .rev()
            .filter_map(move |place| Some((self.before + place, self.messages.get(usize::try_from(place).ok()?)?)))
    }

    /// How many messages there ever were.
    pub fn count(&self) -> u64 {
        self.before + self.messages.len() as u64
    }

    fn get_mut(&mut self, message: MessageId) -> Option<&mut Message> {
        let place = self.places.get(&message)?.checked_sub(self.before)?;
        self.messages.get_mut(usize::try_from(place).ok()?)
    }

    /// Takes one fact; keys of texts that are deleted are noted.
    pub(super) fn apply(&mut self, fact: &EngageFact, now: Timestamp, shred: &mut impl FnMut(u64)) {
        match fact {
            EngageFact::MessageSent { message, person, reply, text, standing, .. } => {
                self.push(Message {
                    id: *message,
                    person: *person,
                    sent: now,
                    reply: *reply,
                    text: Some(text.clone()),
                    standing: *standing,
                    ..Message::default()
                });
            }
            EngageFact::MessageEdited { message, text, standing, .. } => {
                let Some(known) = self.get_mut(*message) else { return };
                known.text = Some(text.clone());
                known.standing = *standing;
                (known.edited, known.cleared) = (Some(now), false);
            }
            EngageFact::MessageSettled { message, standing, key, .. } => match self.get_mut(*message) {
                Some(known) => {
                    known.standing = *standing;
                    if *standing == Standing::Deleted {
                        known.text.take().into_iter().for_each(|text| shred(text.key));
                        known.reports.clear();
                    }
                    known.cleared |= *standing == Standing::Shown;
                }
                None if *standing == Standing::Deleted && *key != 0 => shred(*key),
                None => {}
            },
            EngageFact::MessageReported { message, person, .. } => {
                if let Some(known) = self.get_mut(*message) {
                    known.reports.insert(*person, ());
                }
            }
            _ => {}
        }
    }

    fn push(&mut self, message: Message) {
        self.places.insert(message.id, self.count());
        self.messages.push_back(message);
        while self.messages.len() > HISTORY_MAX {
            if let Some(oldest) = self.messages.pop_front() {
                self.places.remove(&oldest.id);
                self.before += 1;
            }
        }
    }

    /// The same, with what a snapshot leaves out.
    pub(super) fn ready(mut self) -> Self {
        self.places = (self.before..).zip(&self.messages).map(|(number, message)| (message.id, number)).collect();
        self
    }
}
