//! Laws that hold for any commands, in any order: held against a twin that keeps nothing but the facts and counts naively.

use proptest::prelude::*;
use records::engage::{
    Announcement, Badge, Challenge, Deed, Earning, Game, Need, Poll, PollKind, Reward, RoomSpec, SealedText, Standing,
    Visible,
};
use records::programme::{ProgrammeFact, Session};
use records::seal::{Sealed, SubjectKey, seal};
use records::{
    AnnouncementId, BadgeId, Blob, ChallengeId, EventId, Fact, FactRow, MessageId, OrganizationId, PollId, QuestionId,
    RedemptionId, RewardId, RuleId, SessionId, Span, Text, TicketId, Timestamp, Token, Zone,
};

use super::laws_twin as twin;
use super::{Answer, Audience, Caller, Command, Draft, Engagement, Wish};
use crate::booking::Booking;
use crate::programme::Programme;

pub(super) const ACME: OrganizationId = OrganizationId(7);
pub(super) const CONF: EventId = EventId(3);
/// The hall and a session.
pub(super) const ROOMS: [SessionId; 2] = [SessionId::NONE, SessionId(4)];
/// Four take part, one speaks, one keeps order, one organizes.
pub(super) const PEOPLE: u64 = 7;
pub(super) const BLOCKED: &str = "darn";
const ALIAS: u64 = 1_000;

pub(super) fn caller(number: u64) -> Caller {
    let audience = match number {
        1..=4 => Audience::Attendee,
        5 => Audience::Speaker,
        6 => Audience::Moderator,
        _ => Audience::Organizer,
    };
    Caller { audience, person: Token(number), alias: Token(ALIAS + number), ticket: TicketId::NONE }
}

/// One thing that happens. What is written gets its key when it is sealed.
#[derive(Debug, Clone)]
pub(super) enum Step {
    Ask { who: u64, room: usize, what: What },
    Pass(i64),
    Shred,
}

#[derive(Debug, Clone)]
pub(super) enum What {
    Wish(Wish),
    Words(PollId, Vec<u64>),
    Text(PollId),
    Question(QuestionId, bool, bool),
    Message(MessageId, MessageId, bool),
    Edit(MessageId, bool),
    Answer(QuestionId),
    Old(MessageId),
}

fn standing() -> impl Strategy<Value = Standing> {
    proptest::sample::select(vec![Standing::Shown, Standing::Hidden, Standing::Deleted, Standing::Waiting])
}

fn poll() -> impl Strategy<Value = Poll> {
    let kinds = vec![
        PollKind::Single,
        PollKind::Multiple,
        PollKind::Rating,
        PollKind::Ranking,
        PollKind::Words,
        PollKind::Quiz,
        PollKind::Text,
    ];
    let visible = vec![Visible::Always, Visible::AfterVote, Visible::AfterClose, Visible::Never];
    (proptest::sample::select(kinds), proptest::sample::select(visible), any::<[bool; 4]>()).prop_map(
        |(kind, visible, [changeable, reopens, anonymous, moderated])| {
            let (quiz, rating) = (kind == PollKind::Quiz, kind == PollKind::Rating);
            let plain = rating || matches!(kind, PollKind::Words | PollKind::Text);
            Poll {
                title: "Which?".into(),
                kind,
                options: if plain { vec![] } else { ["a", "b", "c"].map(str::to_owned).into() },
                visible,
                changeable: changeable && !quiz,
                reopens: reopens && !quiz,
                anonymous,
                most: if kind == PollKind::Words { 2 } else { 0 },
                highest: if rating { 5 } else { 0 },
                moderated,
                right: if quiz { vec![1] } else { vec![] },
                limit_s: quiz.then_some(20),
                points: if quiz { 10 } else { 0 },
                speed_points: if quiz { 10 } else { 0 },
            }
        },
    )
}

fn polling() -> impl Strategy<Value = What> {
    let id = || (1..=6u128).prop_map(PollId);
    let answer = prop_oneof![
        proptest::collection::vec(0..4u8, 0..3).prop_map(Answer::Options),
        (0..7u8).prop_map(Answer::Rating),
        Just(vec![0u8, 1, 2]).prop_shuffle().prop_map(Answer::Ranking),
    ];
    prop_oneof![
        2 => (id(), poll()).prop_map(|(id, poll)| What::Wish(Wish::SetPoll(id, Box::new(poll)))),
        3 => id().prop_map(|id| What::Wish(Wish::OpenPoll(id))),
        1 => id().prop_map(|id| What::Wish(Wish::ClosePoll(id))),
        1 => id().prop_map(|id| What::Wish(Wish::RemovePoll(id))),
        9 => (id(), answer).prop_map(|(id, answer)| What::Wish(Wish::Vote(id, answer))),
        3 => (id(), proptest::collection::vec(1..5u64, 1..3)).prop_map(|(id, words)| What::Words(id, words)),
        2 => id().prop_map(What::Text),
        1 => (id(), 0..4u32, standing()).prop_map(|(id, entry, to)| What::Wish(Wish::SettleEntry(id, entry, to))),
    ]
}

fn asking() -> impl Strategy<Value = What> {
    let id = || (1..=3u128).prop_map(QuestionId);
    prop_oneof![
        4 => (id(), any::<bool>(), proptest::bool::weighted(0.2)).prop_map(|(id, anonymous, rude)| What::Question(id, anonymous, rude)),
        4 => (id(), standing()).prop_map(|(id, to)| What::Wish(Wish::SettleQuestion(id, to))),
        6 => (id(), proptest::bool::weighted(0.6)).prop_map(|(id, wanted)| What::Wish(Wish::Upvote(id, wanted))),
        1 => (id(), any::<bool>()).prop_map(|(id, pinned)| What::Wish(Wish::Pin(id, pinned))),
        1 => (id(), any::<bool>()).prop_map(|(id, away)| What::Wish(Wish::Archive(id, away))),
        1 => id().prop_map(What::Answer),
    ]
}

fn chatting() -> impl Strategy<Value = What> {
    let id = || (1..=8u128).prop_map(MessageId);
    let reply = proptest::option::weighted(0.2, 1..=8u128).prop_map(|id| id.map_or(MessageId::NONE, MessageId));
    prop_oneof![
        5 => (id(), reply, proptest::bool::weighted(0.2)).prop_map(|(id, reply, rude)| What::Message(id, reply, rude)),
        2 => (id(), proptest::bool::weighted(0.2)).prop_map(|(id, rude)| What::Edit(id, rude)),
        3 => (id(), standing()).prop_map(|(id, to)| What::Wish(Wish::SettleMessage(id, to, 0))),
        2 => id().prop_map(|id| What::Wish(Wish::Report(id))),
        1 => id().prop_map(What::Old),
    ]
}

fn person() -> impl Strategy<Value = Token> {
    (1..=4u64, any::<bool>()).prop_map(|(id, alias)| Token(if alias { ALIAS + id } else { id }))
}

fn keeping_order() -> impl Strategy<Value = What> {
    let spec = (any::<[bool; 5]>(), 0..4u32, 0..3u16, 1..4u16).prop_map(
        |([chat_moderated, questions_moderated, anonymous, refuse_blocked, chat], slow_s, reports, reactions_per_s)| {
            RoomSpec {
                chat: chat || chat_moderated,
                chat_moderated,
                slow_s,
                reports,
                questions_moderated,
                anonymous,
                refuse_blocked,
                reactions_per_s,
                ..RoomSpec::default()
            }
        },
    );
    let ban = (person(), any::<bool>(), any::<bool>())
        .prop_map(|(person, hide, revoke)| What::Wish(Wish::Ban { person, hide, revoke }));
    prop_oneof![
        2 => spec.prop_map(|spec| What::Wish(Wish::SetRoom(spec))),
        1 => (person(), proptest::option::of(0..60i64)).prop_map(|(person, until)| {
            What::Wish(Wish::Mute(person, until.map(|until| Timestamp::from_seconds(1_000 + until))))
        }),
        1 => person().prop_map(|person| What::Wish(Wish::Unmute(person))),
        1 => ban,
        2 => person().prop_map(|person| What::Wish(Wish::Unban(person))),
        1 => any::<bool>().prop_map(|any| What::Wish(Wish::SetBlockedWords(any.then(|| BLOCKED.into()).into_iter().collect()))),
        1 => Just(What::Wish(Wish::StartStream)),
    ]
}

fn being_there() -> impl Strategy<Value = What> {
    let kind = proptest::sample::select(vec!["clap", "heart", "boo"]);
    let told = (1..=3u128, proptest::option::of(0..60i64), 0..3usize).prop_map(|(id, until, options)| {
        let until = until.map(|until| Timestamp::from_seconds(1_000 + until));
        let options = ["here", "away"].map(str::to_owned).into_iter().take(options).collect();
        What::Wish(Wish::Announce(AnnouncementId(id), Announcement { text: "Lunch".into(), options, until }))
    });
    prop_oneof![
        6 => Just(What::Wish(Wish::Join)),
        1 => Just(What::Wish(Wish::Leave)),
        4 => (kind, 0..4u16).prop_map(|(kind, count)| What::Wish(Wish::React(Text::new(kind), count))),
        1 => told,
        1 => (1..=3u128).prop_map(|id| What::Wish(Wish::Withdraw(AnnouncementId(id)))),
        2 => (1..=3u128, 0..3u8).prop_map(|(id, choice)| What::Wish(Wish::AnswerPrompt(AnnouncementId(id), choice))),
    ]
}

pub(super) fn game(stock: Option<u32>, per_person: Option<u32>) -> Game {
    let earning =
        |rule: &str, deed, points, daily_cap| Earning { rule: RuleId::parse(rule).unwrap(), deed, points, daily_cap };
    let need = |deed, count| Need { deed, count };
    Game {
        earnings: vec![
            earning("vote", Deed::Voted, 5, Some(12)),
            earning("ask", Deed::Asked, 7, None),
            earning("good", Deed::Approved, 9, None),
            earning("chat", Deed::Chatted, 1, Some(3)),
            earning("want", Deed::Upvoted, 2, None),
        ],
        challenges: vec![
            Challenge {
                challenge: ChallengeId(1),
                title: "Day".into(),
                daily: true,
                needs: vec![need(Deed::Voted, 1), need(Deed::Chatted, 1)],
                points: 20,
            },
            Challenge {
                challenge: ChallengeId(2),
                title: "Event".into(),
                daily: false,
                needs: vec![need(Deed::Joined, 2)],
                points: 4,
            },
        ],
        badges: vec![
            Badge { badge: BadgeId(1), title: "Voter".into(), needs: vec![need(Deed::Voted, 2)], points: 0 },
            Badge { badge: BadgeId(2), title: "Rich".into(), needs: vec![], points: 30 },
        ],
        levels: vec![5, 20, 50],
        rewards: vec![
            Reward { reward: RewardId(1), title: "Mug".into(), price: 6, stock, per_person },
            Reward { reward: RewardId(2), title: "Hug".into(), price: 0, stock: Some(1), per_person: None },
        ],
    }
}

fn playing() -> impl Strategy<Value = What> {
    let id = || (1..=9u128).prop_map(RedemptionId);
    let stock = (proptest::option::of(0..4u32), proptest::option::of(1..3u32));
    prop_oneof![
        1 => stock.prop_map(|(stock, each)| What::Wish(Wish::SetGame(Box::new(game(stock, each))))),
        6 => (id(), 1..=2u128).prop_map(|(id, reward)| What::Wish(Wish::Redeem(id, RewardId(reward)))),
        2 => id().prop_map(|id| What::Wish(Wish::CancelRedemption(id))),
        1 => id().prop_map(|id| What::Wish(Wish::HandOut(id))),
        1 => (person(), 0..9u64).prop_map(|(person, points)| What::Wish(Wish::RevokePoints(person, points))),
        1 => (person(), 1..3u128).prop_map(|(person, badge)| What::Wish(Wish::RevokeBadge(person, BadgeId(badge)))),
    ]
}

pub(super) fn step() -> impl Strategy<Value = Step> {
    let what = prop_oneof![
        8 => polling().prop_map(|what| (what, false)),
        5 => asking().prop_map(|what| (what, false)),
        6 => chatting().prop_map(|what| (what, false)),
        2 => keeping_order().prop_map(|what| (what, true)),
        6 => being_there().prop_map(|what| (what, false)),
        3 => playing().prop_map(|what| (what, false)),
    ];
    let room = proptest::sample::select(vec![0, 0, 0, 1]);
    let ask = (1..=PEOPLE, room, what, any::<bool>()).prop_map(|(who, room, (what, order), whoever)| {
        // What only some may do is mostly asked by them, and now and then by others, who are refused.
        let who = match &what {
            What::Wish(wish) if whoever || order => match wish.needs() {
                Audience::Organizer => 7,
                Audience::Moderator => 6,
                _ => who,
            },
            What::Answer(_) | What::Old(_) if whoever => 6,
            _ => who,
        };
        Step::Ask { who, room, what }
    });
    prop_oneof![
        30 => ask,
        3 => prop_oneof![Just(1i64), 1..30i64, Just(40_000i64)].prop_map(Step::Pass),
        1 => Just(Step::Shred),
    ]
}

/// What happened, and who can read what.
pub(super) struct World {
    pub(super) engagement: Engagement,
    pub(super) log: Vec<FactRow>,
    pub(super) now: Timestamp,
    /// Keys that are there: they are their numbers.
    pub(super) keys: std::collections::BTreeSet<u64>,
    next: u64,
    programme: Programme,
    pub(super) booking: Booking,
}

pub(super) fn key(number: u64) -> SubjectKey {
    let mut bytes = [1; 32];
    bytes[..8].copy_from_slice(&number.to_le_bytes());
    SubjectKey(bytes)
}

impl World {
    pub(super) fn new() -> Self {
        let mut world = Self {
            engagement: Engagement::default(),
            log: Vec::new(),
            now: Timestamp::from_seconds(1_000),
            keys: std::collections::BTreeSet::new(),
            next: 1,
            programme: Programme::default(),
            booking: Booking::default(),
        };
        let zone = Zone::parse("Europe/Berlin").unwrap();
        let (title, starts, ends) = ("Conf".into(), Timestamp(0), Timestamp::from_seconds(9));
        world.take(Fact::EventScheduled { event: CONF, title, zone, starts, ends });
        let spec = Session { title: "Talk".into(), starts, ends, ..Session::default() }.into();
        world.take(ProgrammeFact::SessionSet { event: CONF, session: ROOMS[1], spec }.into());
        world.ask(7, 0, &Wish::SetGame(Box::new(game(Some(2), Some(2))))).unwrap();
        world
    }

    pub(super) fn take(&mut self, fact: Fact) {
        let row = FactRow::new(ACME, self.now, fact);
        self.booking.apply(&row);
        self.programme.apply(&row, &self.booking);
        self.engagement.apply(&row);
        let faults = self.engagement.audit();
        assert!(faults.is_empty(), "{faults:?} after {row:#?}");
        self.log.push(row);
    }

    /// Done, or why not.
    pub(super) fn ask(&mut self, who: u64, room: usize, wish: &Wish) -> Result<usize, super::Refusal> {
        self.ask_as(caller(who), room, wish)
    }

    pub(super) fn ask_as(&mut self, caller: Caller, room: usize, wish: &Wish) -> Result<usize, super::Refusal> {
        let (organization, event, room, wish) = (ACME, CONF, ROOMS[room], wish.clone());
        let command = Command { organization, event, room, caller, wish };
        let facts = self.engagement.decide(&command, (&self.programme, &self.booking), self.now)?.facts;
        let count = facts.len();
        facts.into_iter().for_each(|fact| self.take(fact.into()));
        Ok(count)
    }

    pub(super) fn draft(&mut self, plain: &str, own: Option<u64>, subject: u64) -> Draft {
        let number = own.unwrap_or(self.next);
        self.next += 1;
        self.keys.insert(number);
        let mut nonce = [0; 12];
        nonce[..8].copy_from_slice(&self.next.to_le_bytes());
        let sealed = Sealed { text: plain.into(), ..Sealed::default() };
        let sealed = Blob(seal(&key(number), ACME, subject, nonce, &sealed));
        Draft { plain: plain.into(), text: SealedText { subject, key: number, sealed } }
    }

    fn wish(&mut self, who: u64, room: usize, what: What) -> Wish {
        let plain = |rude: bool| if rude { "well, DARN" } else { "good morning" };
        let at = self.engagement.event(ACME, CONF).and_then(|known| known.room(ROOMS[room]));
        match what {
            What::Wish(wish) => wish,
            What::Words(poll, words) => {
                let subject = anonymous(at, poll, who);
                let words = words.into_iter().map(|word| {
                    let plain = if word == 4 { BLOCKED.to_owned() } else { format!("word {word}") };
                    (Token(word), self.draft(&plain, None, subject))
                });
                Wish::Vote(poll, Answer::Words(words.collect()))
            }
            What::Text(poll) => {
                let subject = anonymous(at, poll, who);
                Wish::Vote(poll, Answer::Text(self.draft("my view", None, subject)))
            }
            What::Question(question, anonymous, rude) => {
                let draft = self.draft(plain(rude), None, if anonymous { 0 } else { who });
                let author = if anonymous { Blob([who as u8].into()) } else { Blob::default() };
                Wish::Ask { question, anonymous, author, draft }
            }
            What::Message(message, reply, rude) => {
                Wish::Send { message, reply, draft: self.draft(plain(rude), None, who) }
            }
            What::Edit(message, rude) => {
                let own = at.and_then(|room| room.chat().get(message)).and_then(|(_, sent)| sent.text.as_ref());
                let own = own.map(|text| text.key);
                Wish::Edit(message, self.draft(plain(rude), own, who))
            }
            What::Answer(question) => Wish::AnswerQuestion(question, Some(self.draft("because", None, who))),
            What::Old(message) => Wish::SettleMessage(MessageId(message.0 + 100), Standing::Deleted, self.next),
        }
    }

    /// The keys of deleted texts are destroyed, and that is told.
    pub(super) fn shred(&mut self) {
        let keys = self.engagement.event(ACME, CONF).unwrap().to_shred();
        keys.iter().for_each(|key| _ = self.keys.remove(key));
        self.ask(7, 0, &Wish::Shredded(keys)).unwrap();
        assert!(self.engagement.event(ACME, CONF).unwrap().to_shred().is_empty());
    }

    fn due(&mut self) {
        while let Some(row) = self.engagement.due(self.now) {
            let Some(fact) = row.known() else { unreachable!("we made it") };
            self.take(fact.clone());
        }
    }
}

fn anonymous(room: Option<&super::Room>, poll: PollId, who: u64) -> u64 {
    let known = room.and_then(|room| room.polls().get(&poll));
    if known.is_some_and(|poll| poll.spec.anonymous) { 0 } else { who }
}

pub(super) fn run(steps: Vec<Step>) -> World {
    let mut world = World::new();
    begin(&mut world);
    for step in steps {
        match step {
            Step::Ask { who, room, what } => {
                let wish = world.wish(who, room, what);
                _ = world.ask(who, room, &wish);
            }
            Step::Pass(seconds) => world.now = world.now.saturating_add(Span::from_seconds(seconds)),
            Step::Shred => world.shred(),
        }
        world.due();
    }
    world
}

/// Everybody is there, and two polls are asked that hold texts: chance alone seldom gets that far.
fn begin(world: &mut World) {
    (1..=PEOPLE).for_each(|who| _ = world.ask(who, 0, &Wish::Join));
    for (id, kind) in [(PollId(1), PollKind::Words), (PollId(2), PollKind::Text)] {
        let (changeable, moderated, most) = (true, id.0 == 1, 2);
        let poll = Poll { title: "What?".into(), kind, changeable, moderated, most, ..Poll::default() };
        world.ask(6, 0, &Wish::SetPoll(id, poll.into())).unwrap();
        world.ask(6, 0, &Wish::OpenPoll(id)).unwrap();
    }
    // Somebody has won something that may be taken away.
    for id in [PollId(5), PollId(6)] {
        let options = ["a", "b", "c"].map(str::to_owned).into();
        let poll = Poll { title: "Which?".into(), options, changeable: true, ..Poll::default() };
        world.ask(6, 0, &Wish::SetPoll(id, poll.into())).unwrap();
        world.ask(6, 0, &Wish::OpenPoll(id)).unwrap();
        (1..=2).for_each(|who| _ = world.ask(who, 0, &Wish::Vote(id, Answer::Options(vec![0]))).unwrap());
    }
}

fn cases() -> ProptestConfig {
    let cases = std::env::var("EVENTRA_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(150);
    ProptestConfig { cases, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(cases())]

    #[test]
    fn everything_equals_a_naive_count_of_the_log_and_the_log_alone_leads_there(
        steps in proptest::collection::vec(step(), 1..200),
    ) {
        let mut world = run(steps);
        twin::polls(&world);
        twin::questions(&world);
        twin::reactions(&world);
        twin::people(&world);
        twin::points(&world);
        twin::views(&world);
        twin::names(&world);
        world.shred();
        twin::deleted(&world);
        let stored = serde_json::to_vec(&world.engagement.stored()).unwrap();
        let mut replayed = Engagement::default();
        world.log.iter().for_each(|row| replayed.apply(row));
        prop_assert!(replayed == world.engagement);
        let restored = Engagement::restore(serde_json::from_slice(&stored).unwrap());
        prop_assert!(restored == world.engagement);
        prop_assert_eq!(&serde_json::to_vec(&restored.stored()).unwrap(), &stored);
    }
}
