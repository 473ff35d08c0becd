//! The trade of rooms: people who come, vote, ask, chat, react, spend points, and moderators who take away what they wrote.
//!
//! The laws told again without the product's rules: nobody votes, wants or answers the same twice, nothing that was deleted
//! comes back, a key is destroyed only for what was deleted, what somebody did counts once, nobody spends what they have not, and
//! no more is redeemed than there is.

use std::collections::{BTreeMap, BTreeSet};

use records::engage::{
    Announcement, Badge, Deed, Earning, EngageFact, Game, Need, Poll, PollKind, Reward, SealedText, Standing, Vote,
};
use records::fact::By;
use records::{
    AnnouncementId, BadgeId, Blob, CauseId, EventId, Fact, FactRow, MessageId, OrganizationId, PollId, QuestionId,
    RedemptionId, RewardId, RuleId, SessionId, Span, Text, TicketId, Timestamp, Token,
};
use rules::domains;
use rules::engage::{Answer, Audience, Caller, Command, Draft, Wish};
use workload::chance::Chance;

use super::{Scale, Trade};
use crate::desk::known::Known;

/// People of an event: few, so that they meet; the last of them keeps order.
const PEOPLE: u64 = 6;
/// Polls, questions, messages and redemptions of a room that are named: more of each than one run makes of one.
const THINGS: u64 = 12;
/// Where pseudonyms for what is done without a name begin.
const ALIASES: u64 = 100;

type Event = (OrganizationId, EventId);
type Place = (OrganizationId, EventId, SessionId);

/// What the facts of one event have come to, counted without the rules.
#[derive(Default)]
struct Counted {
    stock: BTreeMap<RewardId, Option<u32>>,
    sold: BTreeMap<RewardId, u32>,
    balances: BTreeMap<Token, i128>,
    causes: BTreeSet<(Token, Deed, SessionId, CauseId)>,
    badges: BTreeSet<(Token, BadgeId)>,
    kept: BTreeMap<RedemptionId, (RewardId, Token, u64)>,
    /// Keys of deleted texts that are there.
    shred: BTreeSet<u64>,
}

/// The same of one room.
#[derive(Default)]
struct Seen {
    open: BTreeSet<PollId>,
    here: BTreeSet<Token>,
    /// The last vote of each voter, and whether it may be changed.
    votes: BTreeMap<(PollId, Token), Vote>,
    changeable: BTreeMap<PollId, bool>,
    wanted: BTreeSet<(QuestionId, Token)>,
    answered: BTreeSet<(AnnouncementId, Token)>,
    questions: BTreeMap<QuestionId, (Standing, Vec<u64>)>,
    messages: BTreeMap<MessageId, (Standing, u64)>,
}

pub(crate) struct Rooms {
    scale: Scale,
    events: BTreeMap<Event, Counted>,
    rooms: BTreeMap<Place, Seen>,
}

impl Rooms {
    pub(crate) fn new(scale: Scale) -> Self {
        Self { scale, events: BTreeMap::new(), rooms: BTreeMap::new() }
    }

    fn wish(&self, at: Place, now: Timestamp, chance: &mut Chance) -> Wish {
        let id = 1 + u128::from(chance.below(THINGS));
        match chance.below(36) {
            0..5 => Wish::Join,
            5 => Wish::Leave,
            6..9 => Wish::SetPoll(PollId(id), poll(id, chance).into()),
            9..12 => Wish::OpenPoll(PollId(id)),
            12 => Wish::ClosePoll(PollId(id)),
            13..18 => Wish::Vote(PollId(id), answer(id, chance)),
            18..20 => {
                let anonymous = chance.per_mille(300);
                let author = if anonymous { Blob([1].into()) } else { Blob::default() };
                Wish::Ask { question: QuestionId(id), anonymous, author, draft: draft(id, anonymous) }
            }
            20 => Wish::SettleQuestion(QuestionId(id), standing(chance)),
            21..23 => Wish::Upvote(QuestionId(id), chance.per_mille(700)),
            23..26 => {
                let reply = MessageId(if chance.per_mille(200) { id / 2 } else { 0 });
                Wish::Send { message: MessageId(id), reply, draft: draft(id, false) }
            }
            26 => Wish::SettleMessage(MessageId(id), standing(chance), 0),
            27 => Wish::Report(MessageId(id)),
            28 => Wish::React(Text::new("clap"), 1 + chance.below(3) as u16),
            29 => {
                let until = Some(now + Span::MINUTE).filter(|_| chance.per_mille(500));
                let spec = Announcement { text: "Lunch".into(), options: vec!["here".into()], until };
                Wish::Announce(AnnouncementId(id % 3 + 1), spec)
            }
            30 => Wish::AnswerPrompt(AnnouncementId(id % 3 + 1), 0),
            31 => Wish::SetGame(game(chance).into()),
            32..34 => Wish::Redeem(RedemptionId(id), RewardId(1)),
            34 if chance.per_mille(300) => Wish::CancelRedemption(RedemptionId(id)),
            34 => {
                let person = Token(1 + chance.below(PEOPLE - 1));
                if chance.per_mille(600) {
                    return Wish::Unban(person);
                }
                Wish::Ban { person, hide: true, revoke: chance.per_mille(500) }
            }
            _ => {
                let known = self.events.get(&(at.0, at.1));
                Wish::Shredded(known.into_iter().flat_map(|known| known.shred.iter().copied()).take(4).collect())
            }
        }
    }
}

fn poll(id: u128, chance: &mut Chance) -> Poll {
    let kind = [PollKind::Single, PollKind::Quiz, PollKind::Words][(id % 3) as usize];
    let (quiz, words) = (kind == PollKind::Quiz, kind == PollKind::Words);
    Poll {
        title: "Which?".into(),
        kind,
        options: if words { vec![] } else { vec!["a".into(), "b".into()] },
        changeable: !quiz && chance.per_mille(500),
        reopens: !quiz,
        anonymous: chance.per_mille(300),
        right: if quiz { vec![1] } else { vec![] },
        limit_s: quiz.then_some(30),
        points: if quiz { 3 } else { 0 },
        ..Poll::default()
    }
}

fn answer(id: u128, chance: &mut Chance) -> Answer {
    match id % 3 {
        2 => {
            let word = 1 + chance.below(4);
            let text = SealedText { subject: 0, key: word, sealed: Blob([word as u8; 8].into()) };
            Answer::Words(vec![(Token(word), Draft { plain: format!("word {word}"), text })])
        }
        _ => Answer::Options(vec![chance.below(2) as u8]),
    }
}

/// A text whose key follows from the id, so that the same wish comes again.
fn draft(id: u128, anonymous: bool) -> Draft {
    let key = 1_000 + id as u64;
    let sealed = Blob([id as u8; 24].into());
    Draft { plain: "hello".into(), text: SealedText { subject: u64::from(!anonymous), key, sealed } }
}

fn standing(chance: &mut Chance) -> Standing {
    [Standing::Shown, Standing::Shown, Standing::Hidden, Standing::Deleted][chance.below(4) as usize]
}

fn game(chance: &mut Chance) -> Game {
    let earning = |rule: &str, deed, points| Earning {
        rule: RuleId::parse(rule).expect("a short name"),
        deed,
        points,
        daily_cap: None,
    };
    let needs = vec![Need { deed: Deed::Voted, count: 2 }];
    let stock = Some(chance.below(4) as u32);
    Game {
        earnings: vec![
            earning("vote", Deed::Voted, 2),
            earning("want", Deed::Upvoted, 1),
            earning("ask", Deed::Asked, 3),
        ],
        badges: vec![Badge { badge: BadgeId(1), title: "Voter".into(), needs, points: 0 }],
        rewards: vec![Reward { reward: RewardId(1), title: "Mug".into(), price: 4, stock, per_person: None }],
        ..Game::default()
    }
}

impl Trade for Rooms {
    fn ask(&mut self, _: &Known, now: Timestamp, chance: &mut Chance) -> domains::Command {
        // Where box offices and programmes are, so that the events are there.
        let organization = OrganizationId(1_000 + u128::from(chance.below(2.min(self.scale.organizations))));
        let (event, room) = (EventId(1), SessionId(u128::from(chance.below(2))));
        let wish = self.wish((organization, event, room), now, chance);
        // What few may do is mostly asked by one of them.
        let number =
            if wish.needs() > Audience::Attendee && chance.per_mille(900) { PEOPLE } else { 1 + chance.below(PEOPLE) };
        let audience = if number == PEOPLE { Audience::Organizer } else { Audience::Attendee };
        let (person, alias) = (Token(number), Token(ALIASES + number));
        let caller = Caller { audience, person, alias, ticket: TicketId::NONE };
        let command = Command { organization, event, room, caller, wish };
        domains::Command { by: Some(By::Key("room".into())), order: domains::Order::Engage(command) }
    }

    fn judge(&mut self, row: &FactRow) -> Result<(), String> {
        let Some(Fact::Engage(fact)) = row.known() else { return Ok(()) };
        let (event, room) = fact.place();
        let known = self.events.entry((row.organization, event)).or_default();
        known.judge(fact)?;
        let Some(room) = room else { return Ok(()) };
        let seen = self.rooms.entry((row.organization, event, room)).or_default();
        seen.judge(fact, &mut known.shred)?;
        let anonymous = matches!(
            fact,
            EngageFact::VoteCast { anonymous: true, .. } | EngageFact::QuestionAsked { anonymous: true, .. }
        );
        if anonymous && row.by.is_some() {
            return Err("what was done without a name says who had it done".into());
        }
        Ok(())
    }
}

impl Counted {
    fn judge(&mut self, fact: &EngageFact) -> Result<(), String> {
        match fact {
            EngageFact::GameSet { spec, .. } => {
                self.stock = spec.rewards.iter().map(|reward| (reward.reward, reward.stock)).collect();
            }
            EngageFact::DeedRewarded { room, person, deed, cause, parts, badges, .. } => {
                if *deed != Deed::Chatted
                    && *deed != Deed::Reacted
                    && !self.causes.insert((*person, *deed, *room, *cause))
                {
                    return Err(format!("{person} was given points twice for {deed:?} {cause}"));
                }
                if person.0 > ALIASES {
                    return Err(format!("{person}, which is an alias, was given points"));
                }
                let points: u64 = parts.iter().map(|part| part.points).sum();
                *self.balances.entry(*person).or_default() += i128::from(points);
                if badges.iter().any(|badge| !self.badges.insert((*person, *badge))) {
                    return Err(format!("{person} was given a badge twice"));
                }
            }
            EngageFact::PointsRevoked { person, points, .. } => self.take(*person, *points)?,
            EngageFact::RewardRedeemed { redemption, reward, person, price, .. } => {
                self.take(*person, *price)?;
                let sold = self.sold.entry(*reward).or_default();
                *sold += 1;
                if self.stock.get(reward).copied().flatten().is_some_and(|stock| *sold > stock) {
                    return Err(format!("{sold} of {reward} were redeemed, of {:?}", self.stock));
                }
                if self.kept.insert(*redemption, (*reward, *person, *price)).is_some() {
                    return Err(format!("{redemption} was made twice"));
                }
            }
            EngageFact::RedemptionCancelled { redemption, person, price, .. } => {
                let known = self.kept.remove(redemption).filter(|known| (known.1, known.2) == (*person, *price));
                let (reward, ..) = known.ok_or_else(|| format!("{redemption} was cancelled, and was not kept"))?;
                *self.balances.entry(*person).or_default() += i128::from(*price);
                *self.sold.entry(reward).or_default() -= 1;
            }
            EngageFact::TextsShredded { keys, .. } => {
                if let Some(key) = keys.iter().find(|key| !self.shred.remove(key)) {
                    return Err(format!("key {key} was destroyed, and nothing of it was deleted"));
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn take(&mut self, person: Token, points: u64) -> Result<(), String> {
        let balance = self.balances.entry(person).or_default();
        *balance -= i128::from(points);
        if *balance < 0 { Err(format!("{person} has {balance} points")) } else { Ok(()) }
    }
}

impl Seen {
    fn judge(&mut self, fact: &EngageFact, shred: &mut BTreeSet<u64>) -> Result<(), String> {
        let broken = |law: &str| Err(format!("{law}: {fact:?}"));
        match fact {
            EngageFact::RoomJoined { person, .. } if !self.here.insert(*person) => broken("somebody came twice"),
            EngageFact::RoomLeft { person, .. } if !self.here.remove(person) => {
                broken("somebody left who was not there")
            }
            EngageFact::PollSet { poll, spec, .. } => {
                if self.votes.keys().any(|(voted, _)| voted == poll) {
                    return broken("a poll was changed after people had voted");
                }
                self.changeable.insert(*poll, spec.changeable);
                Ok(())
            }
            EngageFact::PollOpened { poll, .. } if !self.open.insert(*poll) => broken("a poll was opened twice"),
            EngageFact::PollClosed { poll, .. } if !self.open.remove(poll) => broken("a poll was closed twice"),
            EngageFact::VoteCast { poll, voter, vote, anonymous, .. } => {
                if !self.open.contains(poll) || (!anonymous && !self.here.contains(voter)) {
                    return broken("a vote in a poll that is not open, or from outside");
                }
                let again = self.votes.insert((*poll, *voter), vote.clone()).is_some();
                if again && !self.changeable[poll] { broken("somebody voted twice") } else { Ok(()) }
            }
            EngageFact::QuestionUpvoted { question, person, .. } if !self.wanted.insert((*question, *person)) => {
                broken("somebody wants the same twice")
            }
            EngageFact::UpvoteTakenBack { question, person, .. } if !self.wanted.remove(&(*question, *person)) => {
                broken("what was not wanted was taken back")
            }
            EngageFact::PromptAnswered { announcement, person, .. }
                if !self.answered.insert((*announcement, *person)) =>
            {
                broken("somebody answered twice")
            }
            EngageFact::QuestionAsked { question, text, standing, .. } => {
                let before = self.questions.insert(*question, (*standing, vec![text.key]));
                if before.is_some() { broken("a question was asked twice") } else { Ok(()) }
            }
            EngageFact::QuestionSettled { question, standing, .. } => {
                let Some(known) = self.questions.get_mut(question) else { return broken("there is no such question") };
                if std::mem::replace(&mut known.0, *standing) == Standing::Deleted {
                    return broken("what was deleted came back");
                }
                if *standing == Standing::Deleted {
                    shred.extend(&known.1);
                }
                Ok(())
            }
            EngageFact::MessageSent { message, text, standing, .. } => {
                let before = self.messages.insert(*message, (*standing, text.key));
                if before.is_some() { broken("a message was sent twice") } else { Ok(()) }
            }
            EngageFact::MessageSettled { message, standing, key: 0, .. } => {
                let Some(known) = self.messages.get_mut(message) else { return broken("there is no such message") };
                if std::mem::replace(&mut known.0, *standing) == Standing::Deleted {
                    return broken("what was deleted came back");
                }
                if *standing == Standing::Deleted {
                    shred.insert(known.1);
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }
}
