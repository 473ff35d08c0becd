//! Why a room does not do something: a code that stays, and a sentence that people understand.

/// Why something is not done.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// What was written is not sound.
    #[error("`{field}` {problem}")]
    Invalid {
        /// Which field.
        field: String,
        /// What is wrong with it, and what would help.
        problem: String,
    },
    /// Nobody has scheduled the event.
    #[error("there is no such event")]
    NoEvent,
    /// The programme has no such session.
    #[error("there is no such session")]
    NoRoom,
    /// No such poll, question, message, announcement, reward, redemption, badge or entry.
    #[error("there is no such {0}")]
    Nothing(&'static str),
    /// Others may do this.
    #[error("this is for others to do")]
    NotAllowed,
    /// Somebody else's.
    #[error("this is somebody else's")]
    NotYours,
    /// Not a ticket of this event, or one that was cancelled.
    #[error("this ticket is not valid")]
    NoTicket,
    /// Somebody who may not take part.
    #[error("you may not take part in this event any more")]
    Banned,
    /// Somebody who may not write.
    #[error("you may not write here at the moment")]
    Muted,
    /// Somebody who is not in the room.
    #[error("you are not in the room: join it first")]
    NotHere,
    /// The room has this switched off.
    #[error("this room has no {0} at the moment")]
    Off(&'static str),
    /// There are as many as there may be.
    #[error("there are {0} already, which is the most")]
    Full(usize),
    /// An id that means something else.
    #[error("this id was used for something else")]
    IdUsed,
    /// A poll that people were asked already.
    #[error("the poll was opened already: make another one")]
    PollAsked,
    /// A poll that is not open.
    #[error("the poll is not open")]
    PollNotOpen,
    /// A poll that may not be opened again.
    #[error("the poll is over, and does not open again")]
    PollOver,
    /// The time of a quiz is up.
    #[error("the time is up")]
    TimeUp,
    /// A vote that stands.
    #[error("you have voted already, and votes of this poll stand")]
    Voted,
    /// What is no answer to this poll.
    #[error("this is no answer to this poll: {0}")]
    NoAnswer(&'static str),
    /// One's own question.
    #[error("this is your own question")]
    OwnQuestion,
    /// A question or message that is not shown.
    #[error("it is not shown")]
    NotShown,
    /// It was deleted.
    #[error("it was deleted")]
    Deleted,
    /// Words that are not wanted.
    #[error("it holds a word that is not wanted here")]
    BlockedWord,
    /// Too soon after one's last message.
    #[error("the chat is slow at the moment: write again in {0} s")]
    TooSoon(i64),
    /// Too many reactions in a second.
    #[error("{0} reactions a second are the most")]
    TooMany(u16),
    /// A reaction that the room does not have.
    #[error("this room has no such reaction")]
    NoReaction,
    /// A prompt that has ended, or was withdrawn.
    #[error("it is over")]
    Over,
    /// A prompt that was answered.
    #[error("you have answered already")]
    Answered,
    /// Fewer points than it costs.
    #[error("it costs {price} points, and you have {have}")]
    Points {
        /// What it costs.
        price: u64,
        /// What there is.
        have: u64,
    },
    /// None is left.
    #[error("none is left")]
    SoldOut,
    /// As many as one person may have.
    #[error("you have as many of these as one person may have")]
    Enough,
    /// It was handed out.
    #[error("it was handed out already")]
    HandedOut,
    /// More were redeemed than there would be.
    #[error("{0} of them were redeemed already: choose at least as many, or none")]
    StockTooSmall(u32),
}

impl Refusal {
    /// A field that is not sound.
    pub(super) fn invalid(field: impl Into<String>, problem: impl Into<String>) -> Self {
        Self::Invalid { field: field.into(), problem: problem.into() }
    }

    /// A word that stays.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Invalid { .. } => "invalid",
            Self::NoEvent => "no_event",
            Self::NoRoom => "no_session",
            Self::Nothing(_) => "not_there",
            Self::NotAllowed => "not_allowed",
            Self::NotYours => "not_yours",
            Self::NoTicket => "no_ticket",
            Self::Banned => "banned",
            Self::Muted => "muted",
            Self::NotHere => "not_here",
            Self::Off(_) => "switched_off",
            Self::Full(_) => "full",
            Self::IdUsed => "id_used",
            Self::PollAsked => "poll_asked",
            Self::PollNotOpen => "poll_not_open",
            Self::PollOver => "poll_over",
            Self::TimeUp => "time_up",
            Self::Voted => "voted",
            Self::NoAnswer(_) => "no_answer",
            Self::OwnQuestion => "own_question",
            Self::NotShown => "not_shown",
            Self::Deleted => "deleted",
            Self::BlockedWord => "blocked_word",
            Self::TooSoon(_) => "too_soon",
            Self::TooMany(_) => "too_many",
            Self::NoReaction => "no_reaction",
            Self::Over => "over",
            Self::Answered => "answered",
            Self::Points { .. } => "too_few_points",
            Self::SoldOut => "sold_out",
            Self::Enough => "enough",
            Self::HandedOut => "handed_out",
            Self::StockTooSmall(_) => "stock_too_small",
        }
    }
}
