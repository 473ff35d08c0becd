//! Who sees what of a room: the one place where that is decided, for feeds, history, search, SQL and pages.
//!
//! [`Assembly::seen_by`] gives a whole room as a viewer sees it, [`Assembly::sees`] answers for one thing. Both ask the same
//! functions. Texts are handed out sealed: whoever opens them has asked here first.
//!
//! | what | screen | attendee | speaker | moderator |
//! |---|---|---|---|---|
//! | polls | asked | asked | asked | all |
//! | results of a poll | when it says so, as somebody who has not voted | when it says so | always | always |
//! | words and texts of a poll | shown | shown, own | shown | all |
//! | what is right in a quiz | with the results, once closed | the same | once closed | always |
//! | questions | shown | shown, own | shown | all |
//! | who asked without a name | | | | the alias |
//! | chat | | shown, own | | all |
//! | announcements | standing | standing | standing | all |
//!
//! Nobody sees what was deleted, nor, but for moderators, what was put away or what somebody wrote who is banned and hidden.

use records::engage::{Announcement, PollKind, RoomSpec, SealedText, Standing, Visible};
use records::{AnnouncementId, BadgeId, MessageId, PollId, QuestionId, SessionId, Text, Timestamp, Token};

use super::assembly::Assembly;
use super::chat::Message;
use super::command::{Audience, Caller};
use super::polls::{Entry, PollState, Stage};
use super::questions::Question;
use super::room::{Room, Told};

/// Messages of a room that are handed out at once.
pub const PAGE_MAX: usize = 200;

/// Something in a room that may be seen or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Thing {
    /// A poll.
    Poll(PollId),
    /// What a poll has come to.
    Results(PollId),
    /// A word or text of a poll, by its number.
    Entry(PollId, u32),
    /// A question, and its answer.
    Question(QuestionId),
    /// A message.
    Message(MessageId),
    /// An announcement.
    Announcement(AnnouncementId),
}

/// A room as somebody sees it.
#[derive(Debug, Clone, PartialEq)]
pub struct SeenRoom<'a> {
    /// What it allows.
    pub spec: &'a RoomSpec,
    /// When what is shown began.
    pub began: Option<Timestamp>,
    /// How many people are there.
    pub present: u32,
    /// Whether whoever looks is one of them.
    pub here: bool,
    /// The polls, by id.
    pub polls: Vec<SeenPoll<'a>>,
    /// The questions, in the order in which they stand.
    pub questions: Vec<SeenQuestion<'a>>,
    /// The newest messages, the newest first.
    pub messages: Vec<SeenMessage<'a>>,
    /// Reactions in all.
    pub reactions: Vec<(&'a Text, u64)>,
    /// Announcements, by id.
    pub announcements: Vec<SeenAnnouncement<'a>>,
    /// What is known of whoever looks.
    pub own: Own,
}

/// A poll as somebody sees it.
#[derive(Debug, Clone, PartialEq)]
pub struct SeenPoll<'a> {
    /// Its id.
    pub id: PollId,
    /// What is asked.
    pub title: &'a str,
    /// How it is answered.
    pub kind: PollKind,
    /// What can be chosen or ordered.
    pub options: &'a [String],
    /// When people see what it has come to.
    pub visible: Visible,
    /// Whether a vote may be changed.
    pub changeable: bool,
    /// Whether votes name an alias.
    pub anonymous: bool,
    /// The most options or words of one vote.
    pub most: u8,
    /// The highest rating.
    pub highest: u8,
    /// How far it is.
    pub stage: Stage,
    /// When it was opened last; none while it is a draft.
    pub opened: Option<Timestamp>,
    /// Seconds in which it is answered from then on.
    pub limit_s: Option<u32>,
    /// What whoever looks has voted for: options, a rating, an order, or the numbers of entries.
    pub mine: Option<Vec<u32>>,
    /// What it has come to, for whoever may see that.
    pub results: Option<Results<'a>>,
    /// The right options of a quiz, for whoever may see them.
    pub right: Option<&'a [u8]>,
}

/// What a poll has come to.
#[derive(Debug, Clone, PartialEq)]
pub struct Results<'a> {
    /// People who voted.
    pub voters: usize,
    /// People who were there while it was open.
    pub present: u32,
    /// Votes by option; by number, less one, of a rating; of a ranking the places from behind, added up.
    pub tally: &'a [u64],
    /// Words or texts that are seen, with their numbers; those named by most votes first, then the older ones.
    pub entries: Vec<(u32, &'a Entry)>,
}

/// A question as somebody sees it.
#[derive(Debug, Clone, PartialEq)]
pub struct SeenQuestion<'a> {
    /// Its id.
    pub id: QuestionId,
    /// Who asked; nobody where they are not to be known.
    pub person: Token,
    /// Whether it was asked without a name.
    pub anonymous: bool,
    /// Whether whoever looks has asked it.
    pub mine: bool,
    /// When it was asked.
    pub asked: Timestamp,
    /// What is asked; none once it is deleted.
    pub text: Option<&'a SealedText>,
    /// Who sees it.
    pub standing: Standing,
    /// Whether it stands above the others.
    pub pinned: bool,
    /// Whether it was put away.
    pub archived: bool,
    /// When it was answered.
    pub answered: Option<Timestamp>,
    /// The answer, when it was written.
    pub answer: Option<&'a SealedText>,
    /// How many want an answer.
    pub votes: usize,
    /// Whether whoever looks is one of them.
    pub upvoted: bool,
}

/// A message as somebody sees it.
#[derive(Debug, Clone, PartialEq)]
pub struct SeenMessage<'a> {
    /// Its id.
    pub id: MessageId,
    /// Its number in the room.
    pub number: u64,
    /// Who wrote it.
    pub person: Token,
    /// Whether it is of whoever looks.
    pub mine: bool,
    /// When it was sent.
    pub sent: Timestamp,
    /// The message that it replies to.
    pub reply: MessageId,
    /// What stands there; none once it is deleted.
    pub text: Option<&'a SealedText>,
    /// Who sees it.
    pub standing: Standing,
    /// When it was edited last.
    pub edited: Option<Timestamp>,
    /// How many say that it should not be there; for moderators.
    pub reports: Option<usize>,
}

/// An announcement as somebody sees it.
#[derive(Debug, Clone, PartialEq)]
pub struct SeenAnnouncement<'a> {
    /// Its id.
    pub id: AnnouncementId,
    /// What it says.
    pub spec: &'a Announcement,
    /// When it was told.
    pub told: Timestamp,
    /// Whether it is no longer shown.
    pub withdrawn: bool,
    /// What whoever looks has answered.
    pub mine: Option<u8>,
    /// Answers, by option; for moderators.
    pub counts: Option<&'a [u64]>,
}

/// What somebody sees of themselves.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Own {
    /// Points that can be spent.
    pub balance: u64,
    /// Points that were earned.
    pub earned: u64,
    /// The level of these.
    pub level: usize,
    /// Badges.
    pub badges: Vec<BadgeId>,
    /// Whether they may not write.
    pub muted: bool,
    /// Whether they may not take part.
    pub banned: bool,
}

impl Caller {
    /// A screen that everybody looks at.
    pub fn screen() -> Self {
        let (person, alias, ticket) = (Token::NONE, Token::NONE, records::TicketId::NONE);
        Self { audience: Audience::Screen, person, alias, ticket }
    }

    fn keeps_order(&self) -> bool {
        self.is(Audience::Moderator)
    }

    /// Whether they see the chat: neither the screen nor the stage does.
    fn sees_chat(&self) -> bool {
        self.audience == Audience::Attendee || self.keeps_order()
    }

    /// A screen and the stage have nothing of their own.
    fn has(&self, person: Token) -> bool {
        self.audience != Audience::Screen && self.owns(person)
    }
}

/// Whole rooms.
impl Assembly {
    /// A room as somebody sees it, with its newest messages; as many as fit into a page.
    pub fn seen_by<'a>(&'a self, room: &'a Room, viewer: &Caller, now: Timestamp) -> SeenRoom<'a> {
        let known = self.points.person(viewer.person).filter(|_| viewer.person.is_some());
        let own = Own {
            balance: known.map_or(0, |known| known.balance),
            earned: known.map_or(0, |known| known.earned),
            level: known.map_or(0, |known| self.points.level(known.earned)),
            badges: known.into_iter().flat_map(|known| known.badges()).collect(),
            muted: self.is_muted(viewer.person, now) || self.is_muted(viewer.alias, now),
            banned: self.is_banned(viewer.person) || self.is_banned(viewer.alias),
        };
        let questions = room.questions.ranked().into_iter();
        let told = room.announcements.iter();
        SeenRoom {
            spec: &room.spec,
            began: room.began,
            present: room.present(),
            here: room.has(viewer.person),
            polls: room.polls.iter().filter_map(|(id, poll)| self.poll(*id, poll, viewer)).collect(),
            questions: questions.filter_map(|(id, known)| self.question(id, known, viewer)).collect(),
            messages: self.history(room, viewer, u64::MAX, PAGE_MAX),
            reactions: room.reactions.totals().iter().map(|(kind, count)| (kind, *count)).collect(),
            announcements: told.filter_map(|(id, told)| announcement(*id, told, viewer, now)).collect(),
            own,
        }
    }

    /// Messages before a number, the newest first, as somebody sees them.
    pub fn history<'a>(&'a self, room: &'a Room, viewer: &Caller, before: u64, most: usize) -> Vec<SeenMessage<'a>> {
        if !viewer.sees_chat() {
            return Vec::new();
        }
        let seen = room.chat.before(before).filter_map(|(number, known)| self.message(number, known, viewer));
        seen.take(most.min(PAGE_MAX)).collect()
    }

    /// Whether somebody sees one thing. What is not known here, nobody does.
    pub fn sees(&self, room: SessionId, thing: Thing, viewer: &Caller, now: Timestamp) -> bool {
        let Some(room) = self.room(room) else { return false };
        let poll = |id: PollId| self.poll(id, room.polls.get(&id)?, viewer);
        let seen = match thing {
            Thing::Poll(id) => poll(id).map(drop),
            Thing::Results(id) => poll(id).and_then(|seen| seen.results).map(drop),
            Thing::Entry(id, number) => room.polls.get(&id).and_then(|known| {
                let entry = known.entries().get(number as usize)?;
                let mine = own_entries(known, viewer).contains(&number);
                let results = poll(id)?.results.is_some();
                (mine && entry.standing != Standing::Deleted || results && sees_entry(entry, viewer)).then_some(())
            }),
            Thing::Question(id) => {
                room.questions.get(id).and_then(|known| self.question(id, known, viewer)?.text).map(drop)
            }
            Thing::Message(id) => {
                room.chat.get(id).and_then(|(number, known)| self.message(number, known, viewer)?.text).map(drop)
            }
            Thing::Announcement(id) => {
                room.announcements.get(&id).and_then(|told| announcement(id, told, viewer, now)).map(drop)
            }
        };
        seen.is_some()
    }
}

/// One thing each: the decisions.
impl Assembly {
    /// A poll, if somebody sees it.
    pub fn poll<'a>(&'a self, id: PollId, poll: &'a PollState, viewer: &Caller) -> Option<SeenPoll<'a>> {
        if poll.stage == Stage::Draft && !viewer.keeps_order() {
            return None;
        }
        let spec = &poll.spec;
        let mine = voter(poll, viewer).and_then(|voter| poll.vote_of(voter));
        let closed = poll.stage == Stage::Closed;
        let sees_results = viewer.is(Audience::Speaker)
            || match spec.visible {
                Visible::Always => true,
                Visible::AfterVote => mine.is_some() || closed,
                Visible::AfterClose => closed,
                Visible::Never => false,
            };
        let sees_right = spec.kind == PollKind::Quiz && (viewer.keeps_order() || (sees_results && closed));
        Some(SeenPoll {
            id,
            title: &spec.title,
            kind: spec.kind,
            options: &spec.options,
            visible: spec.visible,
            changeable: spec.changeable,
            anonymous: spec.anonymous,
            most: spec.most,
            highest: spec.highest,
            stage: poll.stage,
            opened: Some(poll.opened).filter(|_| poll.stage != Stage::Draft),
            limit_s: spec.limit_s,
            mine,
            results: sees_results.then(|| results(poll, viewer)),
            right: sees_right.then_some(&spec.right),
        })
    }

    /// A question, if somebody sees it.
    pub fn question<'a>(&'a self, id: QuestionId, asked: &'a Question, viewer: &Caller) -> Option<SeenQuestion<'a>> {
        let mine = viewer.has(asked.person);
        let is_shown = asked.standing == Standing::Shown && !asked.archived && !self.is_hidden(asked.person);
        let is_deleted = asked.standing == Standing::Deleted;
        if !viewer.keeps_order() && !is_shown && (!mine || is_deleted) {
            return None;
        }
        Some(SeenQuestion {
            id,
            person: if asked.anonymous && !viewer.keeps_order() { Token::NONE } else { asked.person },
            anonymous: asked.anonymous,
            mine,
            asked: asked.asked,
            text: asked.text.as_ref(),
            standing: asked.standing,
            pinned: asked.pinned,
            archived: asked.archived,
            answered: asked.answered,
            answer: asked.answer.as_ref(),
            votes: asked.votes(),
            upvoted: viewer.audience != Audience::Screen && asked.wanted_by(viewer.person),
        })
    }

    /// A message, if somebody sees it.
    pub fn message<'a>(&'a self, number: u64, sent: &'a Message, viewer: &Caller) -> Option<SeenMessage<'a>> {
        let mine = viewer.has(sent.person);
        let is_shown = sent.standing == Standing::Shown && !self.is_hidden(sent.person);
        let is_deleted = sent.standing == Standing::Deleted;
        if !viewer.sees_chat() || (!viewer.keeps_order() && !is_shown && (!mine || is_deleted)) {
            return None;
        }
        Some(SeenMessage {
            id: sent.id,
            number,
            person: sent.person,
            mine,
            sent: sent.sent,
            reply: sent.reply,
            text: sent.text.as_ref(),
            standing: sent.standing,
            edited: sent.edited,
            reports: viewer.keeps_order().then(|| sent.reports()),
        })
    }
}

fn voter(poll: &PollState, viewer: &Caller) -> Option<Token> {
    let voter = if poll.spec.anonymous { viewer.alias } else { viewer.person };
    (voter.is_some() && viewer.audience != Audience::Screen).then_some(voter)
}

/// The numbers of the words or texts that somebody's own vote names.
fn own_entries(poll: &PollState, viewer: &Caller) -> Vec<u32> {
    let named = matches!(poll.spec.kind, PollKind::Words | PollKind::Text);
    voter(poll, viewer).filter(|_| named).and_then(|voter| poll.vote_of(voter)).unwrap_or_default()
}

fn sees_entry(entry: &Entry, viewer: &Caller) -> bool {
    entry.text.is_some() && entry.count > 0 && (viewer.keeps_order() || entry.standing == Standing::Shown)
}

fn results<'a>(poll: &'a PollState, viewer: &Caller) -> Results<'a> {
    let mut entries: Vec<(u32, &Entry)> =
        (0..).zip(poll.entries()).filter(|(_, entry)| sees_entry(entry, viewer)).collect();
    entries.sort_unstable_by_key(|(number, entry)| (std::cmp::Reverse(entry.count), *number));
    Results { voters: poll.voters(), present: poll.present, tally: poll.tally(), entries }
}

/// An announcement, if somebody sees it.
pub fn announcement<'a>(
    id: AnnouncementId,
    told: &'a Told,
    viewer: &Caller,
    now: Timestamp,
) -> Option<SeenAnnouncement<'a>> {
    if !told.stands(now) && !viewer.keeps_order() {
        return None;
    }
    Some(SeenAnnouncement {
        id,
        spec: &told.spec,
        told: told.told,
        withdrawn: told.withdrawn,
        mine: told.answer_of(viewer.person).filter(|_| viewer.person.is_some()),
        counts: viewer.keeps_order().then_some(&told.counts),
    })
}
