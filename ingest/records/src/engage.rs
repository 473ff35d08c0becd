//! Facts of taking part: polls, questions, chat, reactions, announcements, who is in which room, and points.
//!
//! A room is a session of an event, or the event's hall where no session is named. What people write is sealed
//! ([`SealedText`]); what organizers write is for everybody and lies open. Where somebody takes part anonymously, the fact
//! names an alias of theirs: a pseudonym of this event alone, which leads to nobody without the installation's secret.

mod game;
mod shapes;

pub use game::*;
use serde::{Deserialize, Serialize};
pub use shapes::*;

use crate::id::{
    AnnouncementId, BadgeId, CauseId, EventId, MessageId, PollId, QuestionId, RedemptionId, RewardId, SessionId,
};
use crate::secret::Blob;
use crate::text::Text;
use crate::time::Timestamp;
use crate::token::Token;
use crate::zone::Day;

/// One thing that was decided about taking part. Fields are never removed, only added with a default.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "fact", rename_all = "snake_case")]
pub enum EngageFact {
    /// What a room allows was set.
    RoomSet {
        /// The event.
        event: EventId,
        /// The session; none for the hall.
        room: SessionId,
        /// From here on.
        spec: RoomSpec,
    },
    /// What is shown in a room begins: reactions are counted by seconds from here on.
    StreamStarted {
        /// The event.
        event: EventId,
        /// The room.
        room: SessionId,
    },
    /// Somebody came into a room.
    RoomJoined {
        /// The event.
        event: EventId,
        /// The room.
        room: SessionId,
        /// Who.
        person: Token,
    },
    /// Somebody left a room.
    RoomLeft {
        /// The event.
        event: EventId,
        /// The room.
        room: SessionId,
        /// Who.
        person: Token,
    },
    /// A poll was made or changed; nobody has been asked yet.
    PollSet {
        /// The event.
        event: EventId,
        /// The room.
        room: SessionId,
        /// The poll.
        poll: PollId,
        /// From here on.
        spec: Box<Poll>,
    },
    /// A poll that nobody was asked is gone.
    PollRemoved {
        /// The event.
        event: EventId,
        /// The room.
        room: SessionId,
        /// The poll.
        poll: PollId,
    },
    /// A poll is asked from here on.
    PollOpened {
        /// The event.
        event: EventId,
        /// The room.
        room: SessionId,
        /// The poll.
        poll: PollId,
    },
    /// A poll takes no votes.
    PollClosed {
        /// The event.
        event: EventId,
        /// The room.
        room: SessionId,
        /// The poll.
        poll: PollId,
    },
    /// Somebody voted, or voted otherwise: it replaces their vote before.
    VoteCast {
        /// The event.
        event: EventId,
        /// The room.
        room: SessionId,
        /// The poll.
        poll: PollId,
        /// Who; their alias where the poll is anonymous.
        voter: Token,
        /// Whether that is an alias.
        #[serde(default)]
        anonymous: bool,
        /// For what.
        vote: Vote,
    },
    /// A word or text of a poll is shown, hidden or deleted from here on.
    PollEntrySettled {
        /// The event.
        event: EventId,
        /// The room.
        room: SessionId,
        /// The poll.
        poll: PollId,
        /// Which one, in the order in which they came, from 0.
        entry: u32,
        /// From here on.
        standing: Standing,
    },
    /// Somebody asked a question.
    QuestionAsked {
        /// The event.
        event: EventId,
        /// The room.
        room: SessionId,
        /// The question.
        question: QuestionId,
        /// Who; their alias when they ask anonymously.
        person: Token,
        /// Whether nobody is to know who it is.
        #[serde(default)]
        anonymous: bool,
        /// What they ask.
        text: SealedText,
        /// Who an anonymous question is from, sealed under the organization's key, for abuse.
        #[serde(default)]
        author: Blob,
        /// Whether it is shown or waits for a moderator.
        standing: Standing,
        /// The edition of the blocked words that it was held against.
        #[serde(default)]
        words: u32,
    },
    /// A question is shown, hidden or deleted from here on.
    QuestionSettled {
        /// The event.
        event: EventId,
        /// The room.
        room: SessionId,
        /// The question.
        question: QuestionId,
        /// From here on.
        standing: Standing,
    },
    /// Somebody wants an answer to a question, too.
    QuestionUpvoted {
        /// The event.
        event: EventId,
        /// The room.
        room: SessionId,
        /// The question.
        question: QuestionId,
        /// Who.
        person: Token,
    },
    /// Somebody no longer does.
    UpvoteTakenBack {
        /// The event.
        event: EventId,
        /// The room.
        room: SessionId,
        /// The question.
        question: QuestionId,
        /// Who.
        person: Token,
    },
    /// A question was answered.
    QuestionAnswered {
        /// The event.
        event: EventId,
        /// The room.
        room: SessionId,
        /// The question.
        question: QuestionId,
        /// In writing; none when it was said.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        text: Option<SealedText>,
    },
    /// A question stands above the others, or no longer does.
    QuestionPinned {
        /// The event.
        event: EventId,
        /// The room.
        room: SessionId,
        /// The question.
        question: QuestionId,
        /// Whether it does.
        pinned: bool,
    },
    /// A question was put away, or taken out again.
    QuestionArchived {
        /// The event.
        event: EventId,
        /// The room.
        room: SessionId,
        /// The question.
        question: QuestionId,
        /// Whether it is away.
        archived: bool,
    },
    /// Somebody wrote in the chat.
    MessageSent {
        /// The event.
        event: EventId,
        /// The room.
        room: SessionId,
        /// The message.
        message: MessageId,
        /// Who.
        person: Token,
        /// The message that it replies to.
        #[serde(default)]
        reply: MessageId,
        /// What they wrote.
        text: SealedText,
        /// Whether it is shown or waits for a moderator.
        standing: Standing,
        /// The edition of the blocked words that it was held against.
        #[serde(default)]
        words: u32,
    },
    /// Somebody changed what they had written; sealed under the same key as before.
    MessageEdited {
        /// The event.
        event: EventId,
        /// The room.
        room: SessionId,
        /// The message.
        message: MessageId,
        /// What stands there from here on.
        text: SealedText,
        /// Whether it is shown or waits for a moderator.
        standing: Standing,
        /// The edition of the blocked words that it was held against.
        #[serde(default)]
        words: u32,
    },
    /// A message is shown, hidden or deleted from here on.
    MessageSettled {
        /// The event.
        event: EventId,
        /// The room.
        room: SessionId,
        /// The message.
        message: MessageId,
        /// From here on.
        standing: Standing,
        /// The number of its own key, when it is older than the history that is kept.
        #[serde(default, skip_serializing_if = "is_none")]
        key: u64,
    },
    /// Somebody says that a message should not be there.
    MessageReported {
        /// The event.
        event: EventId,
        /// The room.
        room: SessionId,
        /// The message.
        message: MessageId,
        /// Who says so.
        person: Token,
    },
    /// Somebody writes nothing at this event.
    PersonMuted {
        /// The event.
        event: EventId,
        /// Where they were.
        room: SessionId,
        /// Who, or the alias of somebody.
        person: Token,
        /// Until when; for good, when nothing stands here.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        until: Option<Timestamp>,
    },
    /// Somebody may write again.
    PersonUnmuted {
        /// The event.
        event: EventId,
        /// Where that was decided.
        room: SessionId,
        /// Who, or the alias of somebody.
        person: Token,
    },
    /// Somebody takes part in nothing at this event.
    PersonBanned {
        /// The event.
        event: EventId,
        /// Where they were.
        room: SessionId,
        /// Who, or the alias of somebody.
        person: Token,
        /// Whether what they wrote is hidden, too.
        #[serde(default)]
        hide: bool,
    },
    /// Somebody may take part again; what they wrote is there again.
    PersonUnbanned {
        /// The event.
        event: EventId,
        /// Where that was decided.
        room: SessionId,
        /// Who, or the alias of somebody.
        person: Token,
    },
    /// These words are not wanted at an event.
    BlockedWordsSet {
        /// The event.
        event: EventId,
        /// Counts the lists, from 1.
        edition: u32,
        /// The whole list.
        words: Vec<String>,
    },
    /// Somebody reacted.
    Reacted {
        /// The event.
        event: EventId,
        /// The room.
        room: SessionId,
        /// Who.
        person: Token,
        /// How, as the room names it.
        kind: Text,
        /// How often.
        count: u16,
    },
    /// The organizer tells everybody in a room something, or asks for a sign.
    Announced {
        /// The event.
        event: EventId,
        /// The room.
        room: SessionId,
        /// The announcement.
        announcement: AnnouncementId,
        /// What.
        spec: Announcement,
    },
    /// An announcement is no longer shown.
    AnnouncementWithdrawn {
        /// The event.
        event: EventId,
        /// The room.
        room: SessionId,
        /// The announcement.
        announcement: AnnouncementId,
    },
    /// Somebody gave the sign that was asked for.
    PromptAnswered {
        /// The event.
        event: EventId,
        /// The room.
        room: SessionId,
        /// The announcement.
        announcement: AnnouncementId,
        /// Who.
        person: Token,
        /// Which of its options, from 0.
        choice: u8,
    },
    /// The own keys of texts that were deleted are destroyed.
    TextsShredded {
        /// The event.
        event: EventId,
        /// Their numbers.
        keys: Vec<u64>,
    },
    /// What gives points, badges and levels, and what they buy, was set.
    GameSet {
        /// The event.
        event: EventId,
        /// Counts the rules, from 1.
        edition: u32,
        /// From here on.
        spec: Box<Game>,
    },
    /// Something that somebody did was counted, with the points and badges that come of it. Each cause is counted once.
    DeedRewarded {
        /// The event.
        event: EventId,
        /// The room.
        room: SessionId,
        /// Who.
        person: Token,
        /// What they did.
        deed: Deed,
        /// About what: a poll, a question, a message, an announcement; the room where it is none of these.
        cause: CauseId,
        /// The edition of the rules.
        edition: u32,
        /// The day in the event's zone.
        day: Day,
        /// The points of each rule: from what is issued to the person.
        parts: Vec<Part>,
        /// Badges that they have from here on.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        badges: Vec<BadgeId>,
    },
    /// Points were taken away for abuse: back to what is issued.
    PointsRevoked {
        /// The event.
        event: EventId,
        /// Who.
        person: Token,
        /// How many.
        points: u64,
    },
    /// A badge was taken away for abuse; it is not given again.
    BadgeRevoked {
        /// The event.
        event: EventId,
        /// Who.
        person: Token,
        /// The badge.
        badge: BadgeId,
    },
    /// Somebody spent points on a reward: from the person to what is spent.
    RewardRedeemed {
        /// The event.
        event: EventId,
        /// The redemption.
        redemption: RedemptionId,
        /// The reward.
        reward: RewardId,
        /// Who.
        person: Token,
        /// How many points.
        price: u64,
    },
    /// A reward was not handed out: its place in the stock goes back, and its points from what is spent to the person.
    RedemptionCancelled {
        /// The event.
        event: EventId,
        /// The redemption.
        redemption: RedemptionId,
        /// Who.
        person: Token,
        /// How many points.
        price: u64,
    },
    /// Somebody has their reward.
    RewardHandedOut {
        /// The event.
        event: EventId,
        /// The redemption.
        redemption: RedemptionId,
    },
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands fields over like this")]
fn is_none(key: &u64) -> bool {
    *key == 0
}

impl From<EngageFact> for crate::Fact {
    fn from(fact: EngageFact) -> Self {
        Self::Engage(fact)
    }
}

impl EngageFact {
    /// The event that it is about, and the room when it is about one.
    pub fn place(&self) -> (EventId, Option<SessionId>) {
        match self {
            Self::RoomSet { event, room, .. }
            | Self::StreamStarted { event, room }
            | Self::RoomJoined { event, room, .. }
            | Self::RoomLeft { event, room, .. }
            | Self::PollSet { event, room, .. }
            | Self::PollRemoved { event, room, .. }
            | Self::PollOpened { event, room, .. }
            | Self::PollClosed { event, room, .. }
            | Self::VoteCast { event, room, .. }
            | Self::PollEntrySettled { event, room, .. }
            | Self::QuestionAsked { event, room, .. }
            | Self::QuestionSettled { event, room, .. }
            | Self::QuestionUpvoted { event, room, .. }
            | Self::UpvoteTakenBack { event, room, .. }
            | Self::QuestionAnswered { event, room, .. }
            | Self::QuestionPinned { event, room, .. }
            | Self::QuestionArchived { event, room, .. }
            | Self::MessageSent { event, room, .. }
            | Self::MessageEdited { event, room, .. }
            | Self::MessageSettled { event, room, .. }
            | Self::MessageReported { event, room, .. }
            | Self::PersonMuted { event, room, .. }
            | Self::PersonUnmuted { event, room, .. }
            | Self::PersonBanned { event, room, .. }
            | Self::PersonUnbanned { event, room, .. }
            | Self::Reacted { event, room, .. }
            | Self::Announced { event, room, .. }
            | Self::AnnouncementWithdrawn { event, room, .. }
            | Self::PromptAnswered { event, room, .. }
            | Self::DeedRewarded { event, room, .. } => (*event, Some(*room)),
            Self::BlockedWordsSet { event, .. }
            | Self::TextsShredded { event, .. }
            | Self::GameSet { event, .. }
            | Self::PointsRevoked { event, .. }
            | Self::BadgeRevoked { event, .. }
            | Self::RewardRedeemed { event, .. }
            | Self::RedemptionCancelled { event, .. }
            | Self::RewardHandedOut { event, .. } => (*event, None),
        }
    }

    /// The event that it is about.
    pub fn event(&self) -> EventId {
        self.place().0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::booking::BookingFact;
    use crate::{Fact, FactRow, OrganizationId, Span, fact};

    #[test]
    fn they_read_back_among_the_other_facts() {
        let (event, room, poll) = (EventId(3), SessionId(4), PollId(5));
        let text = SealedText { subject: 1, key: 2, sealed: Blob([1, 2].into()) };
        let votes = [
            Vote::Options(vec![0, 3]),
            Vote::Rating(4),
            Vote::Ranking(vec![1, 0]),
            Vote::Words(vec![Word { word: Token(8), text: Some(text.clone()), standing: Standing::Waiting }]),
            Vote::Text { text, standing: Standing::Shown },
        ];
        let votes = votes
            .into_iter()
            .map(|vote| EngageFact::VoteCast { event, room, poll, voter: Token(9), anonymous: false, vote }.into());
        let hall = EngageFact::StreamStarted { event, room: SessionId::NONE };
        let others: [Fact; 2] = [hall.into(), BookingFact::DeadlinesMoved { length: Span(9) }.into()];
        let rows: Vec<FactRow> =
            votes.chain(others).map(|fact| FactRow::new(OrganizationId(7), Timestamp(5), fact)).collect();
        let bytes = fact::encode(&rows);
        assert_eq!(fact::decode(&bytes).unwrap(), rows);
        assert!(String::from_utf8(bytes).unwrap().contains(r#""fact":"vote_cast""#));
    }
}
