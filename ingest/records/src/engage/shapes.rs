//! What facts of taking part are made of: rooms, polls, votes, texts, announcements.

use serde::{Deserialize, Serialize};

use crate::secret::Blob;
use crate::text::Text;
use crate::time::Timestamp;
use crate::token::Token;

/// What somebody wrote, sealed twice ([`crate::seal`]): under a key of the text's own, and that under the writer's key. So it
/// can be read by nobody once either is destroyed: the first by deleting the text, the second by erasing the person.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct SealedText {
    /// The number of the writer's key; 0 for what was written anonymously, which is sealed under the text's own key alone,
    /// because this number leads to the person.
    #[serde(default)]
    pub subject: u64,
    /// The number of the text's own key; what is edited is sealed under the same one again.
    pub key: u64,
    /// The text.
    pub sealed: Blob,
}

/// Whether something that people wrote is to be seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum Standing {
    /// By whoever wrote it and by moderators, until one of them has decided.
    Waiting,
    /// By everybody.
    #[default]
    Shown,
    /// By whoever wrote it and by moderators.
    Hidden,
    /// By nobody, ever again.
    Deleted,
}

/// What a room allows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct RoomSpec {
    /// Whether people may write in the chat.
    pub chat: bool,
    /// Whether messages wait for a moderator.
    pub chat_moderated: bool,
    /// Seconds that lie between two messages of one person.
    pub slow_s: u32,
    /// How many people report a message until it waits for a moderator; 0 for never.
    pub reports: u16,
    /// Whether people may ask.
    pub questions: bool,
    /// Whether questions wait for a moderator.
    pub questions_moderated: bool,
    /// Whether people may ask without being named.
    pub anonymous: bool,
    /// Whether what holds a blocked word is refused, rather than waits for a moderator.
    pub refuse_blocked: bool,
    /// How people may react.
    pub reactions: Vec<Text>,
    /// How often one person may react in a second.
    pub reactions_per_s: u16,
}

impl Default for RoomSpec {
    fn default() -> Self {
        Self {
            chat: true,
            chat_moderated: false,
            slow_s: 0,
            reports: 3,
            questions: true,
            questions_moderated: true,
            anonymous: true,
            refuse_blocked: false,
            reactions: ["clap", "heart", "laugh", "surprise"].map(Text::new).into(),
            reactions_per_s: 5,
        }
    }
}

/// How a poll is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum PollKind {
    /// One of its options.
    #[default]
    Single,
    /// Some of its options.
    Multiple,
    /// A number from 1 up.
    Rating,
    /// All of its options, in an order.
    Ranking,
    /// Words of one's own, the same ones counted together.
    Words,
    /// Options of which some are right.
    Quiz,
    /// A text of one's own.
    Text,
}

/// When people see what a poll has come to. Speakers and moderators always do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum Visible {
    /// While it is open.
    #[default]
    Always,
    /// Once they have voted, and all once it is closed.
    AfterVote,
    /// Once it is closed.
    AfterClose,
    /// Not at all.
    Never,
}

/// A poll.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Poll {
    /// What is asked.
    pub title: String,
    /// How it is answered.
    pub kind: PollKind,
    /// What can be chosen or ordered.
    pub options: Vec<String>,
    /// When people see what it has come to.
    pub visible: Visible,
    /// Whether a vote may be changed while it is open.
    pub changeable: bool,
    /// Whether it may be opened again.
    pub reopens: bool,
    /// Whether votes name an alias.
    pub anonymous: bool,
    /// The most options or words of one vote; 0 for as many as there may be.
    pub most: u8,
    /// The highest rating.
    pub highest: u8,
    /// Whether words and texts wait for a moderator.
    pub moderated: bool,
    /// The right options of a quiz, from 0.
    pub right: Vec<u8>,
    /// Seconds in which a quiz is answered.
    pub limit_s: Option<u32>,
    /// Points for the right answer.
    pub points: u32,
    /// Points that come on top of these for an answer at once, and become fewer up to the time limit.
    pub speed_points: u32,
}

/// A vote.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Vote {
    /// These options, from 0, the lower first.
    Options(Vec<u8>),
    /// This many of the highest.
    Rating(u8),
    /// All options, the best first.
    Ranking(Vec<u8>),
    /// These words.
    Words(Vec<Word>),
    /// This text.
    Text {
        /// The text.
        text: SealedText,
        /// Whether it is shown or waits for a moderator.
        standing: Standing,
    },
}

/// A word of a poll.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Word {
    /// What the same word is known by: its hash under the installation's secret.
    pub word: Token,
    /// Its letters, with the first vote for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<SealedText>,
    /// Whether it is shown or waits for a moderator; of the first vote for it.
    #[serde(default)]
    pub standing: Standing,
}

/// Something that the organizer tells everybody in a room.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Announcement {
    /// What.
    pub text: String,
    /// What can be answered, once by each person; none for nothing.
    pub options: Vec<String>,
    /// When it ends; never, when nothing stands here.
    pub until: Option<Timestamp>,
}
