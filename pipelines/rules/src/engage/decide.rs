//! What is decided in a room: the facts after which a wish is done.

use records::engage::{Announcement, Deed, EngageFact, Poll, RoomSpec, Standing};
use records::{
    AnnouncementId, EventId, MessageId, PollId, QuestionId, RedemptionId, SessionId, Span, Text, Timestamp, Token,
};

use super::Decided;
use super::assembly::{Assembly, SANCTIONS_MAX, SHRED_MAX, Sanction};
use super::chat::{MESSAGE_BYTES_MAX, Message, REPORTS_MAX};
use super::command::{Answer, Audience, Caller, Command, Draft, Wish};
use super::points::{Did, Stage as Redeemed};
use super::polls::{self, POLLS_MAX, Stage, anonymously, line};
use super::questions::{QUESTION_BYTES_MAX, QUESTIONS_MAX, WAITING_MAX};
use super::reactions::KINDS_MAX;
use super::refusal::Refusal;
use super::room::{ANNOUNCEMENT_BYTES_MAX, ANNOUNCEMENTS_MAX, CHOICES_MAX, PEOPLE_MAX, Room};
use super::words::{BLOCKED_MAX, BLOCKED_WORD_MAX};

/// The longest time between two messages of a person, in seconds.
pub const SLOW_S_MAX: u32 = 3_600;
/// The most reactions of a person in a second.
pub const REACTIONS_PER_S_MAX: u16 = 100;
/// The longest name of a reaction, in bytes.
const REACTION_BYTES_MAX: usize = 32;

type Facts = Result<Vec<EngageFact>, Refusal>;

/// One command, where it is and on what it is decided.
struct Case<'a> {
    assembly: &'a Assembly,
    room: &'a Room,
    event: EventId,
    at: SessionId,
    caller: Caller,
    now: Timestamp,
}

/// The facts after which a command is done; none when everything stands already.
pub(super) fn decide(
    assembly: &Assembly,
    command: &Command,
    at: SessionId,
    now: Timestamp,
) -> Result<Decided, Refusal> {
    let nothing = Room::default();
    let room = assembly.rooms.get(&at).unwrap_or(&nothing);
    let (event, caller) = (command.event, command.caller);
    let case = Case { assembly, room, event, at, caller, now };
    case.may(&command.wish)?;
    let named = case.is_named(&command.wish);
    Ok(Decided { facts: case.decide(&command.wish)?, named })
}

impl Case<'_> {
    fn may(&self, wish: &Wish) -> Result<(), Refusal> {
        if !self.caller.is(wish.needs()) {
            return Err(Refusal::NotAllowed);
        }
        if wish.needs() > Audience::Attendee {
            return Ok(());
        }
        if !self.caller.person.is_some() {
            return Err(Refusal::NotAllowed);
        }
        let Caller { person, alias, audience, .. } = self.caller;
        if matches!(wish, Wish::Leave) || audience >= Audience::Moderator {
            return Ok(());
        }
        if self.assembly.is_banned(person) || self.assembly.is_banned(alias) {
            return Err(Refusal::Banned);
        }
        let writes = matches!(wish, Wish::Ask { .. } | Wish::Send { .. } | Wish::Edit(..))
            || matches!(wish, Wish::Vote(_, Answer::Words(_) | Answer::Text(_)));
        if writes && (self.assembly.is_muted(person, self.now) || self.assembly.is_muted(alias, self.now)) {
            return Err(Refusal::Muted);
        }
        let anywhere = matches!(
            wish,
            Wish::Join
                | Wish::Redeem(..)
                | Wish::CancelRedemption(_)
                | Wish::SettleQuestion(..)
                | Wish::SettleMessage(..)
        );
        if anywhere || self.room.has(person) { Ok(()) } else { Err(Refusal::NotHere) }
    }

    /// Whether facts may name whoever asks: not when they name an alias, or are about something that does.
    fn is_named(&self, wish: &Wish) -> bool {
        match wish {
            Wish::Ask { anonymous, .. } => !anonymous,
            Wish::Vote(poll, _) => self.room.polls.get(poll).is_none_or(|poll| !poll.spec.anonymous),
            Wish::SettleQuestion(question, _) => {
                let known = self.room.questions.get(*question);
                !known.is_some_and(|known| known.anonymous && self.caller.owns(known.person))
            }
            _ => true,
        }
    }

    fn decide(&self, wish: &Wish) -> Facts {
        let (event, room, person) = (self.event, self.at, self.caller.person);
        match wish {
            Wish::SetRoom(spec) => self.set_room(spec),
            Wish::StartStream => Ok(when(self.room.began.is_none(), EngageFact::StreamStarted { event, room })),
            Wish::Join => self.join(),
            Wish::Leave => Ok(when(self.room.has(person), EngageFact::RoomLeft { event, room, person })),
            Wish::SetPoll(poll, spec) => self.set_poll(*poll, spec),
            Wish::RemovePoll(poll) => match self.room.polls.get(poll).map(|known| known.stage) {
                None => Ok(Vec::new()),
                Some(Stage::Draft) => Ok(vec![EngageFact::PollRemoved { event, room, poll: *poll }]),
                Some(_) => Err(Refusal::PollAsked),
            },
            Wish::OpenPoll(poll) => self.open_poll(*poll),
            Wish::ClosePoll(poll) => match self.room.polls.get(poll).map(|known| known.stage) {
                None => Err(Refusal::Nothing("poll")),
                Some(Stage::Draft) => Err(Refusal::PollNotOpen),
                Some(stage) => Ok(when(stage == Stage::Open, EngageFact::PollClosed { event, room, poll: *poll })),
            },
            Wish::Vote(poll, answer) => self.vote(*poll, answer),
            Wish::SettleEntry(poll, entry, standing) => self.settle_entry(*poll, *entry, *standing),
            Wish::Ask { .. }
            | Wish::SettleQuestion(..)
            | Wish::Upvote(..)
            | Wish::AnswerQuestion(..)
            | Wish::Pin(..)
            | Wish::Archive(..) => self.question(wish),
            Wish::Send { .. } | Wish::Edit(..) | Wish::SettleMessage(..) | Wish::Report(_) => self.chat(wish),
            Wish::Mute(..) | Wish::Unmute(_) | Wish::Ban { .. } | Wish::Unban(_) => self.sanction(wish),
            Wish::SetBlockedWords(words) => self.set_blocked(words),
            Wish::React(kind, count) => self.react(kind, *count),
            Wish::Announce(announcement, spec) => self.announce(*announcement, spec),
            Wish::Withdraw(announcement) => {
                let known = self.room.announcements.get(announcement).ok_or(Refusal::Nothing("announcement"))?;
                let announcement = *announcement;
                Ok(when(!known.withdrawn, EngageFact::AnnouncementWithdrawn { event, room, announcement }))
            }
            Wish::AnswerPrompt(announcement, choice) => self.answer_prompt(*announcement, *choice),
            Wish::Shredded(keys) => {
                let waiting = keys.iter().filter(|key| self.assembly.shreds(**key));
                let keys: Vec<u64> = waiting.copied().take(SHRED_MAX).collect();
                Ok(when(!keys.is_empty(), EngageFact::TextsShredded { event, keys }))
            }
            Wish::SetGame(game) => {
                let points = &self.assembly.points;
                points.check(game)?;
                let edition = points.edition.saturating_add(1);
                let fact = EngageFact::GameSet { event, edition, spec: game.clone() };
                Ok(when(points.game != **game || points.edition == 0, fact))
            }
            Wish::Redeem(redemption, reward) => {
                let price = self.assembly.points.redeem(*redemption, *reward, person)?;
                let (redemption, reward) = (*redemption, *reward);
                let fact = |price| EngageFact::RewardRedeemed { event, redemption, reward, person, price };
                Ok(price.map(fact).into_iter().collect())
            }
            Wish::CancelRedemption(redemption) => self.cancel_redemption(*redemption),
            Wish::HandOut(redemption) => {
                let known = self.assembly.points.redemption(*redemption).ok_or(Refusal::Nothing("redemption"))?;
                match known.stage {
                    Redeemed::Kept => Ok(vec![EngageFact::RewardHandedOut { event, redemption: *redemption }]),
                    Redeemed::HandedOut => Ok(Vec::new()),
                    Redeemed::Cancelled => Err(Refusal::Over),
                }
            }
            Wish::RevokePoints(person, points) => Ok(self.revoke_points(*person, *points)),
            Wish::RevokeBadge(person, badge) => {
                let known = self.assembly.points.person(*person);
                let has = known.is_some_and(|known| known.badges().any(|own| own == *badge));
                Ok(when(has, EngageFact::BadgeRevoked { event, person: *person, badge: *badge }))
            }
        }
    }

    /// Facts with what comes of them for whoever takes part.
    fn with(&self, mut facts: Vec<EngageFact>, person: Token, deeds: &[Did]) -> Vec<EngageFact> {
        if self.caller.audience == Audience::Attendee && !facts.is_empty() {
            facts.extend(self.assembly.reward(self.event, self.at, person, deeds, self.now));
        }
        facts
    }

    fn did(&self, deed: Deed, cause: u128) -> Did {
        Did { deed, room: self.at, cause, worth: 0 }
    }

    fn set_room(&self, spec: &RoomSpec) -> Facts {
        if spec.slow_s > SLOW_S_MAX {
            return Err(Refusal::invalid("slow_s", format!("is at most {SLOW_S_MAX}")));
        }
        if spec.reactions_per_s > REACTIONS_PER_S_MAX {
            return Err(Refusal::invalid("reactions_per_s", format!("is at most {REACTIONS_PER_S_MAX}")));
        }
        let distinct: std::collections::BTreeSet<&Text> = spec.reactions.iter().collect();
        let named =
            |kind: &Text| kind.is_some() && kind.len() <= REACTION_BYTES_MAX && !kind.contains(char::is_control);
        let sound = distinct.len() == spec.reactions.len() && spec.reactions.iter().all(named);
        if spec.reactions.len() > KINDS_MAX || !sound {
            let problem = format!("are at most {KINDS_MAX} different words of at most {REACTION_BYTES_MAX} bytes");
            return Err(Refusal::invalid("reactions", problem));
        }
        let set = EngageFact::RoomSet { event: self.event, room: self.at, spec: spec.clone() };
        Ok(when(self.room.spec != *spec, set))
    }

    fn join(&self) -> Facts {
        let (event, room, person) = (self.event, self.at, self.caller.person);
        if self.room.has(person) {
            return Ok(Vec::new());
        }
        if self.room.people.len() >= PEOPLE_MAX && !self.room.people.has(person) {
            return Err(Refusal::Full(PEOPLE_MAX));
        }
        let joined = vec![EngageFact::RoomJoined { event, room, person }];
        Ok(self.with(joined, person, &[self.did(Deed::Joined, room.0)]))
    }

    fn set_poll(&self, poll: PollId, spec: &Poll) -> Facts {
        polls::check(spec)?;
        let known = self.room.polls.get(&poll);
        if known.is_some_and(|known| known.spec == *spec) {
            return Ok(Vec::new());
        }
        match known.map(|known| known.stage) {
            Some(Stage::Draft) => {}
            Some(_) => return Err(Refusal::PollAsked),
            None if !poll.is_some() => return Err(Refusal::invalid("poll", "has an id")),
            None if self.room.slot().is_none() => return Err(Refusal::Full(POLLS_MAX)),
            None => {}
        }
        let (event, room, spec) = (self.event, self.at, Box::new(spec.clone()));
        Ok(vec![EngageFact::PollSet { event, room, poll, spec }])
    }

    fn open_poll(&self, poll: PollId) -> Facts {
        let known = self.room.polls.get(&poll).ok_or(Refusal::Nothing("poll"))?;
        if known.stage == Stage::Closed && !known.spec.reopens {
            return Err(Refusal::PollOver);
        }
        let opened = EngageFact::PollOpened { event: self.event, room: self.at, poll };
        Ok(when(known.stage != Stage::Open, opened))
    }

    fn vote(&self, poll: PollId, answer: &Answer) -> Facts {
        let known = self.room.polls.get(&poll).ok_or(Refusal::Nothing("poll"))?;
        let anonymous = known.spec.anonymous;
        let voter = if anonymous { self.caller.alias } else { self.caller.person };
        // Votes are held against the people who were there, so moderators are, too, when they vote.
        if !voter.is_some() || !self.room.has(self.caller.person) {
            return Err(Refusal::NotHere);
        }
        let drafts: Vec<&Draft> = match answer {
            Answer::Words(words) => words.iter().map(|(_, draft)| draft).collect(),
            Answer::Text(draft) => vec![draft],
            _ => Vec::new(),
        };
        drafts.into_iter().try_for_each(|draft| self.key_is_usable(draft))?;
        let refuse = self.room.spec.refuse_blocked;
        let Some(vote) = known.vote(voter, answer, (&self.assembly.blocked, refuse), self.now)? else {
            return Ok(Vec::new());
        };
        let (event, room) = (self.event, self.at);
        let cast = vec![EngageFact::VoteCast { event, room, poll, voter, anonymous, vote }];
        // Points would say who it was.
        let deeds = [self.did(Deed::Voted, poll.0)];
        Ok(self.with(cast, voter, if anonymous { &[] } else { &deeds }))
    }

    fn settle_entry(&self, poll: PollId, entry: u32, standing: Standing) -> Facts {
        let known = self.room.polls.get(&poll).ok_or(Refusal::Nothing("poll"))?;
        let known = known.entries().get(entry as usize).ok_or(Refusal::Nothing("entry"))?;
        settles(known.standing, standing)?;
        let settled = EngageFact::PollEntrySettled { event: self.event, room: self.at, poll, entry, standing };
        Ok(when(known.standing != standing, settled))
    }

    /// A key of its own, which is not about to be destroyed.
    fn key_is_usable(&self, draft: &Draft) -> Result<(), Refusal> {
        if draft.text.key == 0 || self.assembly.shreds(draft.text.key) || draft.text.sealed.0.is_empty() {
            return Err(Refusal::invalid("text", "is not sealed under a key of its own"));
        }
        Ok(())
    }

    /// Whether a text may stand there, and whether it is shown at once.
    fn text(&self, draft: &Draft, most: usize, moderated: bool) -> Result<Standing, Refusal> {
        self.key_is_usable(draft)?;
        if draft.plain.trim().is_empty() || draft.plain.len() > most {
            return Err(Refusal::invalid("text", format!("has at least one letter, and at most {most} bytes")));
        }
        if self.caller.is(Audience::Speaker) {
            return Ok(Standing::Shown);
        }
        match self.assembly.blocked.holds(&draft.plain) {
            true if self.room.spec.refuse_blocked => Err(Refusal::BlockedWord),
            true => Ok(Standing::Waiting),
            false => Ok(if moderated { Standing::Waiting } else { Standing::Shown }),
        }
    }

    fn question(&self, wish: &Wish) -> Facts {
        let (event, room, person) = (self.event, self.at, self.caller.person);
        let known = |question: &QuestionId| self.room.questions.get(*question).ok_or(Refusal::Nothing("question"));
        match wish {
            Wish::Ask { question, anonymous, author, draft } => self.ask(*question, *anonymous, author, draft),
            Wish::SettleQuestion(question, standing) => {
                let asked = known(question)?;
                if !self.caller.is(Audience::Moderator) && !self.caller.owns(asked.person) {
                    return Err(Refusal::NotYours);
                }
                settles(asked.standing, *standing)?;
                let question = *question;
                let settled = EngageFact::QuestionSettled { event, room, question, standing: *standing };
                let mut facts = when(asked.standing != *standing, settled);
                if *standing == Standing::Shown && !asked.approved && !asked.anonymous {
                    let deeds = [self.did(Deed::Approved, question.0)];
                    facts.extend(self.assembly.reward(event, room, asked.person, &deeds, self.now));
                }
                Ok(facts)
            }
            Wish::Upvote(question, wanted) => {
                let (asked, question) = (known(question)?, *question);
                if !wanted {
                    let taken_back = EngageFact::UpvoteTakenBack { event, room, question, person };
                    return Ok(when(asked.wanted_by(person), taken_back));
                }
                if self.caller.owns(asked.person) {
                    return Err(Refusal::OwnQuestion);
                }
                if asked.standing != Standing::Shown || asked.archived || self.assembly.is_hidden(asked.person) {
                    return Err(Refusal::NotShown);
                }
                let upvoted = EngageFact::QuestionUpvoted { event, room, question, person };
                let facts = when(!asked.wanted_by(person), upvoted);
                Ok(self.with(facts, person, &[self.did(Deed::Upvoted, question.0)]))
            }
            Wish::AnswerQuestion(question, text) => {
                let (asked, question) = (known(question)?, *question);
                if asked.standing != Standing::Shown {
                    return Err(Refusal::NotShown);
                }
                text.iter().try_for_each(|draft| self.text(draft, QUESTION_BYTES_MAX, false).map(drop))?;
                let text = text.as_ref().map(|draft| draft.text.clone());
                let stands = asked.answered.is_some() && asked.answer == text;
                Ok(when(!stands, EngageFact::QuestionAnswered { event, room, question, text }))
            }
            Wish::Pin(question, pinned) => {
                let (stands, question, pinned) = (known(question)?.pinned == *pinned, *question, *pinned);
                Ok(when(!stands, EngageFact::QuestionPinned { event, room, question, pinned }))
            }
            Wish::Archive(question, archived) => {
                let (stands, question, archived) = (known(question)?.archived == *archived, *question, *archived);
                Ok(when(!stands, EngageFact::QuestionArchived { event, room, question, archived }))
            }
            _ => Ok(Vec::new()),
        }
    }

    fn ask(&self, question: QuestionId, anonymous: bool, author: &records::Blob, draft: &Draft) -> Facts {
        let spec = &self.room.spec;
        let person = if anonymous { self.caller.alias } else { self.caller.person };
        if let Some(known) = self.room.questions.get(question) {
            return if known.person == person { Ok(Vec::new()) } else { Err(Refusal::IdUsed) };
        }
        if !spec.questions && !self.caller.is(Audience::Speaker) {
            return Err(Refusal::Off("questions"));
        }
        if anonymous && !spec.anonymous {
            return Err(Refusal::Off("anonymous questions"));
        }
        if !question.is_some() || !person.is_some() || anonymous == author.0.is_empty() {
            return Err(Refusal::invalid("question", "has an id, and a sealed author when it is anonymous"));
        }
        if self.room.questions.all.len() >= QUESTIONS_MAX {
            return Err(Refusal::Full(QUESTIONS_MAX));
        }
        if self.room.questions.waiting(person) >= WAITING_MAX {
            return Err(Refusal::Full(WAITING_MAX));
        }
        anonymously(draft, anonymous)?;
        let standing = self.text(draft, QUESTION_BYTES_MAX, spec.questions_moderated)?;
        let (event, room, words) = (self.event, self.at, self.assembly.blocked.edition);
        let (text, author) = (draft.text.clone(), author.clone());
        let asked =
            vec![EngageFact::QuestionAsked { event, room, question, person, anonymous, text, author, standing, words }];
        let deeds = [self.did(Deed::Asked, question.0), self.did(Deed::Approved, question.0)];
        // Points would say who it was.
        let count = if anonymous { 0 } else { 1 + usize::from(standing == Standing::Shown) };
        Ok(self.with(asked, person, &deeds[..count]))
    }

    fn chat(&self, wish: &Wish) -> Facts {
        let (event, room, person) = (self.event, self.at, self.caller.person);
        let known = |message: &MessageId| self.room.chat.get(*message).map(|(_, known)| known);
        match wish {
            Wish::Send { message, reply, draft } => self.send(*message, *reply, draft),
            Wish::Edit(message, draft) => self.edit(known(message).ok_or(Refusal::Nothing("message"))?, draft),
            Wish::SettleMessage(message, standing, key) => {
                let (message, standing) = (*message, *standing);
                let Some(sent) = known(&message) else {
                    // Older than the history: whoever keeps order may have it destroyed, by what its fact says.
                    if !self.caller.is(Audience::Moderator) || standing != Standing::Deleted || *key == 0 {
                        return Err(Refusal::Nothing("message"));
                    }
                    return Ok(vec![EngageFact::MessageSettled { event, room, message, standing, key: *key }]);
                };
                if !self.caller.is(Audience::Moderator) && sent.person != person {
                    return Err(Refusal::NotYours);
                }
                settles(sent.standing, standing)?;
                let settled = EngageFact::MessageSettled { event, room, message, standing, key: 0 };
                // Saying again that it is shown takes it out of the queue of what was reported.
                let again = standing == Standing::Shown && sent.reports() > 0 && !sent.cleared;
                Ok(when(sent.standing != standing || again, settled))
            }
            Wish::Report(message) => {
                let (sent, message) = (known(message).ok_or(Refusal::Nothing("message"))?, *message);
                if sent.standing != Standing::Shown || sent.person == person {
                    return Err(Refusal::NotShown);
                }
                if sent.reports.has(person) || sent.reports() >= REPORTS_MAX {
                    return Ok(Vec::new());
                }
                let enough = self.room.spec.reports > 0 && sent.reports() + 1 >= usize::from(self.room.spec.reports);
                let held = EngageFact::MessageSettled { event, room, message, standing: Standing::Waiting, key: 0 };
                let reported = EngageFact::MessageReported { event, room, message, person };
                Ok(std::iter::once(reported).chain(when(enough && !sent.cleared, held)).collect())
            }
            _ => Ok(Vec::new()),
        }
    }

    fn send(&self, message: MessageId, reply: MessageId, draft: &Draft) -> Facts {
        let (spec, person) = (&self.room.spec, self.caller.person);
        if let Some((_, known)) = self.room.chat.get(message) {
            return if known.person == person { Ok(Vec::new()) } else { Err(Refusal::IdUsed) };
        }
        let free = self.caller.is(Audience::Speaker);
        if !spec.chat && !free {
            return Err(Refusal::Off("chat"));
        }
        if !message.is_some() {
            return Err(Refusal::invalid("message", "has an id"));
        }
        let answered = self.room.chat.get(reply).map(|(_, known)| known.standing);
        if reply.is_some() && answered.is_none_or(|standing| standing == Standing::Deleted) {
            return Err(Refusal::Nothing("message"));
        }
        if let Some(stay) = self.room.people.get(person).filter(|stay| stay.written > 0 && !free) {
            let next = stay.wrote + Span::from_seconds(i64::from(spec.slow_s));
            if self.now < next {
                return Err(Refusal::TooSoon(next.since(self.now).seconds() + 1));
            }
        }
        let standing = self.text(draft, MESSAGE_BYTES_MAX, spec.chat_moderated)?;
        let (event, room, words) = (self.event, self.at, self.assembly.blocked.edition);
        let text = draft.text.clone();
        let sent = vec![EngageFact::MessageSent { event, room, message, person, reply, text, standing, words }];
        Ok(self.with(sent, person, &[self.did(Deed::Chatted, message.0)]))
    }

    fn edit(&self, sent: &Message, draft: &Draft) -> Facts {
        if sent.person != self.caller.person {
            return Err(Refusal::NotYours);
        }
        let Some(before) = &sent.text else { return Err(Refusal::Deleted) };
        if *before == draft.text {
            return Ok(Vec::new());
        }
        if before.key != draft.text.key {
            return Err(Refusal::invalid("text", "is not sealed under the message's own key"));
        }
        let standing = match self.text(draft, MESSAGE_BYTES_MAX, self.room.spec.chat_moderated)? {
            // What a moderator has taken away does not come back by being written otherwise.
            Standing::Shown if sent.standing != Standing::Shown && !self.caller.is(Audience::Moderator) => {
                Standing::Waiting
            }
            standing => standing,
        };
        let (event, room, message, words) = (self.event, self.at, sent.id, self.assembly.blocked.edition);
        Ok(vec![EngageFact::MessageEdited { event, room, message, text: draft.text.clone(), standing, words }])
    }

    fn sanction(&self, wish: &Wish) -> Facts {
        let (event, room, sanctions) = (self.event, self.at, &self.assembly.sanctions);
        let stands = |person: &Token| sanctions.get(person).copied().unwrap_or_default();
        if let Wish::Mute(person, _) | Wish::Ban { person, .. } = wish {
            if !person.is_some() || self.caller.owns(*person) {
                return Err(Refusal::invalid("person", "is somebody, and somebody else"));
            }
            if sanctions.len() >= SANCTIONS_MAX && !sanctions.contains_key(person) {
                return Err(Refusal::Full(SANCTIONS_MAX));
            }
        }
        Ok(match wish {
            Wish::Mute(person, until) => {
                let Sanction { muted, until: known, .. } = stands(person);
                let until = *until;
                when(!muted || known != until, EngageFact::PersonMuted { event, room, person: *person, until })
            }
            Wish::Unmute(person) => {
                when(stands(person).muted, EngageFact::PersonUnmuted { event, room, person: *person })
            }
            Wish::Ban { person, hide, revoke } => {
                let Sanction { banned, hidden, .. } = stands(person);
                let (person, hide) = (*person, *hide);
                let ban = EngageFact::PersonBanned { event, room, person, hide };
                let mut facts = when(!banned || hidden != hide, ban);
                if *revoke && let Some(known) = self.assembly.points.person(person) {
                    facts.extend(known.badges().map(|badge| EngageFact::BadgeRevoked { event, person, badge }));
                    facts.extend(self.revoke_points(person, u64::MAX));
                }
                facts
            }
            Wish::Unban(person) => {
                when(stands(person).banned, EngageFact::PersonUnbanned { event, room, person: *person })
            }
            _ => Vec::new(),
        })
    }

    /// As many points as there are at most: what is spent stays spent.
    fn revoke_points(&self, person: Token, points: u64) -> Vec<EngageFact> {
        let have = self.assembly.points.person(person).map_or(0, |known| known.balance);
        let points = points.min(have);
        when(points > 0, EngageFact::PointsRevoked { event: self.event, person, points })
    }

    fn set_blocked(&self, words: &[String]) -> Facts {
        let known = &self.assembly.blocked;
        let sound = |word: &String| word.chars().count() <= BLOCKED_WORD_MAX && word.chars().any(char::is_alphanumeric);
        if words.len() > BLOCKED_MAX || !words.iter().all(sound) {
            let problem = format!("are at most {BLOCKED_MAX} of at most {BLOCKED_WORD_MAX} letters");
            return Err(Refusal::invalid("words", problem));
        }
        let edition = known.edition.saturating_add(1);
        let set = EngageFact::BlockedWordsSet { event: self.event, edition, words: words.to_vec() };
        Ok(when(known.words != words || known.edition == 0, set))
    }

    fn react(&self, kind: &Text, count: u16) -> Facts {
        let (event, room, person) = (self.event, self.at, self.caller.person);
        let (spec, reactions) = (&self.room.spec, &self.room.reactions);
        if !spec.reactions.contains(kind) {
            return Err(Refusal::NoReaction);
        }
        if !reactions.fits(kind) {
            return Err(Refusal::Full(KINDS_MAX));
        }
        if count == 0 || reactions.used(person, self.now).saturating_add(count) > spec.reactions_per_s {
            return Err(Refusal::TooMany(spec.reactions_per_s));
        }
        let reacted = vec![EngageFact::Reacted { event, room, person, kind: kind.clone(), count }];
        Ok(self.with(reacted, person, &[self.did(Deed::Reacted, room.0)]))
    }

    fn announce(&self, announcement: AnnouncementId, spec: &Announcement) -> Facts {
        if let Some(known) = self.room.announcements.get(&announcement) {
            return if known.spec == *spec { Ok(Vec::new()) } else { Err(Refusal::IdUsed) };
        }
        if !announcement.is_some() || spec.text.trim().is_empty() || spec.text.len() > ANNOUNCEMENT_BYTES_MAX {
            let problem = format!("has an id, and 1 to {ANNOUNCEMENT_BYTES_MAX} bytes");
            return Err(Refusal::invalid("text", problem));
        }
        if spec.options.len() > CHOICES_MAX {
            return Err(Refusal::invalid("options", format!("are at most {CHOICES_MAX}")));
        }
        spec.options.iter().try_for_each(|option| line("options", option))?;
        if spec.until.is_some_and(|until| until <= self.now) {
            return Err(Refusal::invalid("until", "is not over yet"));
        }
        if self.room.announcements.len() >= ANNOUNCEMENTS_MAX {
            return Err(Refusal::Full(ANNOUNCEMENTS_MAX));
        }
        let (event, room, spec) = (self.event, self.at, spec.clone());
        Ok(vec![EngageFact::Announced { event, room, announcement, spec }])
    }

    fn answer_prompt(&self, announcement: AnnouncementId, choice: u8) -> Facts {
        let (event, room, person) = (self.event, self.at, self.caller.person);
        let told = self.room.announcements.get(&announcement).ok_or(Refusal::Nothing("announcement"))?;
        match told.answer_of(person) {
            Some(answered) if answered == choice => return Ok(Vec::new()),
            Some(_) => return Err(Refusal::Answered),
            None => {}
        }
        if !told.stands(self.now) {
            return Err(Refusal::Over);
        }
        if usize::from(choice) >= told.spec.options.len() {
            return Err(Refusal::Nothing("option"));
        }
        let answered = vec![EngageFact::PromptAnswered { event, room, announcement, person, choice }];
        Ok(self.with(answered, person, &[self.did(Deed::Attended, announcement.0)]))
    }

    fn cancel_redemption(&self, redemption: RedemptionId) -> Facts {
        let known = self.assembly.points.redemption(redemption).ok_or(Refusal::Nothing("redemption"))?;
        if !self.caller.is(Audience::Organizer) && known.person != self.caller.person {
            return Err(Refusal::NotYours);
        }
        let (event, person, price) = (self.event, known.person, known.price);
        match known.stage {
            Redeemed::Kept => Ok(vec![EngageFact::RedemptionCancelled { event, redemption, person, price }]),
            Redeemed::Cancelled => Ok(Vec::new()),
            Redeemed::HandedOut => Err(Refusal::HandedOut),
        }
    }
}

fn when(wanted: bool, fact: EngageFact) -> Vec<EngageFact> {
    if wanted { vec![fact] } else { Vec::new() }
}

/// What is deleted stays so.
fn settles(before: Standing, after: Standing) -> Result<(), Refusal> {
    if before == Standing::Deleted && after != Standing::Deleted { Err(Refusal::Deleted) } else { Ok(()) }
}
