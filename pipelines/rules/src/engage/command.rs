//! What can be asked of a room, and who asks.

use records::engage::{Announcement, Game, Poll, RoomSpec, SealedText, Standing};
use records::{
    AnnouncementId, BadgeId, Blob, EventId, MessageId, OrganizationId, PollId, QuestionId, RedemptionId, RewardId,
    SessionId, Text, TicketId, Timestamp, Token,
};
use serde::{Deserialize, Serialize};

/// A command to one room of an event.
#[derive(Debug, Clone, PartialEq)]
pub struct Command {
    /// The tenant.
    pub organization: OrganizationId,
    /// The event.
    pub event: EventId,
    /// The session; none for the event's hall.
    pub room: SessionId,
    /// Who asks.
    pub caller: Caller,
    /// What is asked.
    pub wish: Wish,
}

/// What somebody is in a room: what they may do and see. Each includes those before it, but that the stage sees no chat.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum Audience {
    /// A screen that everybody looks at: nobody's.
    Screen,
    /// Takes part.
    Attendee,
    /// Stands on the stage.
    Speaker,
    /// Keeps order.
    Moderator,
    /// Sets the rules.
    Organizer,
}

/// Who asks. [`crate::access::audience`] says what they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Caller {
    /// What they are here.
    pub audience: Audience,
    /// Their pseudonym.
    pub person: Token,
    /// Another one, of this event alone, for what they do without being named.
    pub alias: Token,
    /// The ticket that lets them in; none for members of the organization.
    pub ticket: TicketId,
}

/// Something that somebody writes: as it is, for the rules to look at, and sealed, for the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Draft {
    /// The text. It goes nowhere from here.
    pub plain: String,
    /// The same, sealed.
    pub text: SealedText,
}

/// What somebody answers to a poll.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// These options, from 0.
    Options(Vec<u8>),
    /// This many.
    Rating(u8),
    /// All options, the best first.
    Ranking(Vec<u8>),
    /// These words, each under the hash of what [`super::words::normalise`] makes of it.
    Words(Vec<(Token, Draft)>),
    /// This text.
    Text(Draft),
}

/// What is asked. The ids of what is made come from whoever asks: the same id with the same wish changes nothing.
#[derive(Debug, Clone, PartialEq)]
pub enum Wish {
    /// The room allows this.
    SetRoom(RoomSpec),
    /// What is shown in it begins.
    StartStream,
    /// Whoever asks is here.
    Join,
    /// Whoever asks is gone.
    Leave,
    /// There is this poll.
    SetPoll(PollId, Box<Poll>),
    /// There is no such poll.
    RemovePoll(PollId),
    /// It is asked.
    OpenPoll(PollId),
    /// It is over.
    ClosePoll(PollId),
    /// Whoever asks votes.
    Vote(PollId, Answer),
    /// A word or text of a poll, by its number, is shown, hidden or deleted.
    SettleEntry(PollId, u32, Standing),
    /// Whoever asks has a question.
    Ask {
        /// Its id.
        question: QuestionId,
        /// Whether nobody is to know who asks.
        anonymous: bool,
        /// Who asks, sealed under the organization's key, when nobody is to know.
        author: Blob,
        /// What they ask.
        draft: Draft,
    },
    /// A question is shown, hidden or deleted; whoever asked may have it deleted.
    SettleQuestion(QuestionId, Standing),
    /// Whoever asks wants an answer, too; or no longer does.
    Upvote(QuestionId, bool),
    /// It was answered, perhaps in writing.
    AnswerQuestion(QuestionId, Option<Draft>),
    /// It stands above the others, or not.
    Pin(QuestionId, bool),
    /// It is put away, or not.
    Archive(QuestionId, bool),
    /// Whoever asks writes in the chat.
    Send {
        /// The message's id.
        message: MessageId,
        /// The one that it replies to.
        reply: MessageId,
        /// What they write.
        draft: Draft,
    },
    /// Whoever wrote a message writes this instead.
    Edit(MessageId, Draft),
    /// A message is shown, hidden or deleted; whoever wrote it may have it deleted. What is older than the history is deleted
    /// by the number of its key, which its fact says.
    SettleMessage(MessageId, Standing, u64),
    /// Whoever asks says that it should not be there.
    Report(MessageId),
    /// Somebody writes nothing, until then.
    Mute(Token, Option<Timestamp>),
    /// Somebody may write again.
    Unmute(Token),
    /// Somebody takes part in nothing.
    Ban {
        /// Who, or an alias.
        person: Token,
        /// Whether what they wrote is hidden.
        hide: bool,
        /// Whether their badges and points are taken away.
        revoke: bool,
    },
    /// Somebody may take part again.
    Unban(Token),
    /// These words are not wanted at the event.
    SetBlockedWords(Vec<String>),
    /// Whoever asks reacts, so often.
    React(Text, u16),
    /// Everybody is told this.
    Announce(AnnouncementId, Announcement),
    /// It is no longer shown.
    Withdraw(AnnouncementId),
    /// Whoever asks gives the sign that was asked for.
    AnswerPrompt(AnnouncementId, u8),
    /// The keys of deleted texts are destroyed.
    Shredded(Vec<u64>),
    /// This gives points, and this is what they buy.
    SetGame(Box<Game>),
    /// Whoever asks spends points on this.
    Redeem(RedemptionId, RewardId),
    /// They do not get it, and have their points back; whoever redeemed may ask for that, too.
    CancelRedemption(RedemptionId),
    /// They have got it.
    HandOut(RedemptionId),
    /// Somebody has fewer points, for abuse.
    RevokePoints(Token, u64),
    /// Somebody has no such badge, for abuse.
    RevokeBadge(Token, BadgeId),
}

impl Caller {
    /// Whether they are at least this.
    pub(super) fn is(&self, audience: Audience) -> bool {
        self.audience >= audience
    }

    /// Whether something is theirs, under either pseudonym.
    pub(super) fn owns(&self, person: Token) -> bool {
        person.is_some() && (person == self.person || person == self.alias)
    }
}

impl Wish {
    /// What one has to be, at least, to ask for it.
    pub fn needs(&self) -> Audience {
        match self {
            Self::Join
            | Self::Leave
            | Self::Vote(..)
            | Self::Ask { .. }
            | Self::SettleQuestion(_, Standing::Deleted)
            | Self::Upvote(..)
            | Self::Send { .. }
            | Self::Edit(..)
            | Self::SettleMessage(_, Standing::Deleted, _)
            | Self::Report(_)
            | Self::React(..)
            | Self::AnswerPrompt(..)
            | Self::Redeem(..)
            | Self::CancelRedemption(_) => Audience::Attendee,
            Self::AnswerQuestion(..) => Audience::Speaker,
            Self::SetGame(_)
            | Self::HandOut(_)
            | Self::RevokePoints(..)
            | Self::RevokeBadge(..)
            | Self::Shredded(_) => Audience::Organizer,
            _ => Audience::Moderator,
        }
    }
}
