//! Stories: what rooms do, one fact of the product each.

use std::collections::BTreeSet;

use proptest::strategy::{Strategy as _, ValueTree as _};
use proptest::test_runner::TestRunner;
use records::booking::{Choice, Ending, Product, Provider, Quota, Tier};
use records::engage::{
    Announcement, Challenge, Deed, EngageFact, Game, Need, Poll, PollKind, RoomSpec, Standing, Visible,
};
use records::fact::By;
use records::{
    AnnouncementId, Blob, ChallengeId, Currency, EventId, Fact, FactRow, HoldId, ItemId, MessageId, Money, OrderId,
    PlaceId, PollId, QuestionId, QuotaId, RedemptionId, RewardId, SessionId, Span, Text, TicketId, Timestamp, Token,
    UserId, Zone,
};

use super::chat::HISTORY_MAX;
use super::laws::{self, ACME, BLOCKED, CONF, World, caller};
use super::polls::Stage;
use super::view::{SeenRoom, Thing};
use super::{Answer, Caller, Command, Refusal, Wish};
use crate::decide::Domain as _;
use crate::domains::{self, Domains};

const POLL: PollId = PollId(1);
const ASKED: QuestionId = QuestionId(1);
const SENT: MessageId = MessageId(1);

fn seen(world: &World, who: u64) -> SeenRoom<'_> {
    let assembly = world.engagement.event(ACME, CONF).unwrap();
    assembly.seen_by(assembly.room(SessionId::NONE).unwrap(), &caller(who), world.now)
}

fn joined(people: std::ops::RangeInclusive<u64>) -> World {
    let mut world = World::new();
    people.for_each(|who| assert!(world.ask(who, 0, &Wish::Join).unwrap() > 0));
    world
}

fn poll(kind: PollKind) -> Poll {
    let options = ["a", "b", "c"].map(str::to_owned).into();
    Poll { title: "Which?".into(), kind, options, ..Poll::default() }
}

fn ask(world: &mut World, who: u64, wish: Wish) -> Result<usize, Refusal> {
    world.ask(who, 0, &wish)
}

fn open(world: &mut World, poll: Poll) {
    assert_eq!(ask(world, 6, Wish::SetPoll(POLL, poll.into())), Ok(1));
    assert_eq!(ask(world, 6, Wish::OpenPoll(POLL)), Ok(1));
}

fn choose(world: &mut World, who: u64, option: u8) -> Result<usize, Refusal> {
    ask(world, who, Wish::Vote(POLL, Answer::Options(vec![option])))
}

fn send(world: &mut World, who: u64, message: u128, plain: &str) -> Result<usize, Refusal> {
    let draft = world.draft(plain, None, who);
    ask(world, who, Wish::Send { message: MessageId(message), reply: MessageId::NONE, draft })
}

fn question(world: &mut World, who: u64, anonymous: bool) -> Result<usize, Refusal> {
    let draft = world.draft("why?", None, if anonymous { 0 } else { who });
    let author = if anonymous { Blob([9].into()) } else { Blob::default() };
    ask(world, who, Wish::Ask { question: ASKED, anonymous, author, draft })
}

fn tally(world: &World) -> Vec<u64> {
    world.engagement.event(ACME, CONF).unwrap().room(SessionId::NONE).unwrap().polls()[&POLL].tally().to_vec()
}

#[test]
fn a_person_has_one_vote_and_may_change_it_only_where_the_poll_says_so() {
    for changeable in [true, false] {
        let mut world = joined(1..=2);
        open(&mut world, Poll { changeable, ..poll(PollKind::Single) });
        assert!(choose(&mut world, 1, 0).is_ok());
        assert_eq!(choose(&mut world, 1, 0), Ok(0), "the same vote stands already");
        let again = choose(&mut world, 1, 2);
        assert_eq!(
            (again.clone(), tally(&world)),
            if changeable { (Ok(1), vec![0, 0, 1]) } else { (Err(Refusal::Voted), vec![1, 0, 0]) }
        );
        assert_eq!(choose(&mut world, 3, 1), Err(Refusal::NotHere));
        assert_eq!(ask(&mut world, 6, Wish::ClosePoll(POLL)), Ok(1));
        assert_eq!(choose(&mut world, 2, 1), Err(Refusal::PollNotOpen));
        assert_eq!(ask(&mut world, 6, Wish::OpenPoll(POLL)), Err(Refusal::PollOver));
    }
}

#[test]
fn who_was_there_at_some_time_while_a_poll_was_open_is_who_could_have_voted() {
    let mut world = joined(1..=2);
    ask(&mut world, 2, Wish::Leave).unwrap();
    open(&mut world, Poll { reopens: true, ..poll(PollKind::Single) });
    ask(&mut world, 3, Wish::Join).unwrap();
    ask(&mut world, 3, Wish::Leave).unwrap();
    ask(&mut world, 3, Wish::Join).unwrap();
    ask(&mut world, 6, Wish::ClosePoll(POLL)).unwrap();
    ask(&mut world, 4, Wish::Join).unwrap();
    ask(&mut world, 4, Wish::Leave).unwrap();
    let present = |world: &World| seen(world, 6).polls[0].results.as_ref().unwrap().present;
    assert_eq!(present(&world), 2);
    ask(&mut world, 2, Wish::Join).unwrap();
    ask(&mut world, 6, Wish::OpenPoll(POLL)).unwrap();
    assert_eq!(present(&world), 3);
}

#[test]
fn results_are_seen_when_the_poll_says_so() {
    for (visible, before, voted, closed) in [
        (Visible::Always, true, true, true),
        (Visible::AfterVote, false, true, true),
        (Visible::AfterClose, false, false, true),
        (Visible::Never, false, false, false),
    ] {
        let mut world = joined(1..=2);
        open(&mut world, Poll { visible, ..poll(PollKind::Single) });
        let sees = |world: &World, who| seen(world, who).polls[0].results.is_some();
        assert_eq!(sees(&world, 1), before);
        choose(&mut world, 1, 0).unwrap();
        assert_eq!((sees(&world, 1), sees(&world, 2)), (voted, before));
        ask(&mut world, 6, Wish::ClosePoll(POLL)).unwrap();
        assert_eq!(sees(&world, 2), closed);
        assert!(sees(&world, 5) && sees(&world, 6), "the stage and moderators always see them");
    }
}

#[test]
fn a_quiz_pays_for_right_answers_once_it_is_closed_and_more_for_quick_ones() {
    let mut world = joined(1..=3);
    let quiz = Poll { right: vec![1], limit_s: Some(10), points: 100, speed_points: 50, ..poll(PollKind::Quiz) };
    open(&mut world, quiz);
    let at = world.now;
    choose(&mut world, 1, 1).unwrap();
    world.now = at + Span::from_seconds(5);
    choose(&mut world, 2, 1).unwrap();
    world.now = at + Span(10_000_001);
    assert_eq!(choose(&mut world, 3, 1), Err(Refusal::TimeUp));
    let earned = |world: &World, who| seen(world, who).own.earned;
    // Both had five points for their first vote.
    assert_eq!((earned(&world, 1), earned(&world, 2)), (5, 5), "nothing is told before it is closed");
    assert_eq!(seen(&world, 1).polls[0].right, None);
    ask(&mut world, 6, Wish::ClosePoll(POLL)).unwrap();
    while let Some(row) = world.engagement.due(world.now) {
        world.take(row.known().unwrap().clone());
    }
    // 155 and 130 points: the second badge comes with thirty.
    assert_eq!((earned(&world, 1), earned(&world, 2), earned(&world, 3)), (155, 130, 0));
    assert_eq!(seen(&world, 1).polls[0].right, Some(&[1][..]));
    assert_eq!(ask(&mut world, 6, Wish::OpenPoll(POLL)), Err(Refusal::PollOver));
}

#[test]
fn words_are_counted_together_and_wait_when_they_are_not_wanted() {
    let mut world = joined(1..=3);
    ask(&mut world, 6, Wish::SetBlockedWords(vec![BLOCKED.into()])).unwrap();
    open(&mut world, Poll { options: vec![], most: 2, ..poll(PollKind::Words) });
    let word = |world: &mut World, number: u64, plain: &str| (Token(number), world.draft(plain, None, 1));
    for (who, words) in
        [(1, vec![(1, "Rust"), (2, "Darn")]), (2, vec![(1, "rust!")]), (3, vec![(3, "Go"), (1, "RUST")])]
    {
        let words = words.into_iter().map(|(number, plain)| word(&mut world, number, plain)).collect();
        assert!(ask(&mut world, who, Wish::Vote(POLL, Answer::Words(words))).is_ok());
    }
    let counts = |world: &World, who| {
        let polls = seen(world, who).polls;
        polls[0]
            .results
            .as_ref()
            .unwrap()
            .entries
            .iter()
            .map(|(_, entry)| (entry.word.0, entry.count))
            .collect::<Vec<_>>()
    };
    assert_eq!(counts(&world, 3), [(1, 3), (3, 1)]);
    assert_eq!(counts(&world, 6), [(1, 3), (2, 1), (3, 1)]);
    ask(&mut world, 6, Wish::SettleEntry(POLL, 1, Standing::Shown)).unwrap();
    assert_eq!(counts(&world, 3), [(1, 3), (2, 1), (3, 1)]);
    ask(&mut world, 6, Wish::SettleEntry(POLL, 1, Standing::Deleted)).unwrap();
    assert_eq!(counts(&world, 6), [(1, 3), (3, 1)]);
    assert_eq!(ask(&mut world, 6, Wish::SettleEntry(POLL, 1, Standing::Shown)), Err(Refusal::Deleted));
    let three = ["a", "b", "c"].into_iter().zip(7..).map(|(plain, number)| word(&mut world, number, plain)).collect();
    assert!(matches!(ask(&mut world, 1, Wish::Vote(POLL, Answer::Words(three))), Err(Refusal::NoAnswer(_))));
}

#[test]
fn a_question_is_seen_by_others_only_once_a_moderator_has_let_it_through() {
    let mut world = joined(1..=2);
    question(&mut world, 1, false).unwrap();
    let count = |world: &World, who| seen(world, who).questions.len();
    assert_eq!([1, 2, 5, 6].map(|who| count(&world, who)), [1, 0, 0, 1]);
    assert_eq!(ask(&mut world, 2, Wish::Upvote(ASKED, true)), Err(Refusal::NotShown));
    assert_eq!(ask(&mut world, 2, Wish::SettleQuestion(ASKED, Standing::Shown)), Err(Refusal::NotAllowed));
    ask(&mut world, 6, Wish::SettleQuestion(ASKED, Standing::Shown)).unwrap();
    assert_eq!([1, 2, 5, 6].map(|who| count(&world, who)), [1, 1, 1, 1]);
    assert_eq!(ask(&mut world, 1, Wish::Upvote(ASKED, true)), Err(Refusal::OwnQuestion));
    assert!(ask(&mut world, 2, Wish::Upvote(ASKED, true)).unwrap() > 0);
    assert_eq!(ask(&mut world, 2, Wish::Upvote(ASKED, true)), Ok(0), "one upvote each");
    ask(&mut world, 2, Wish::Upvote(ASKED, false)).unwrap();
    let again = ask(&mut world, 2, Wish::Upvote(ASKED, true)).unwrap();
    assert_eq!(again, 1, "points for it are given once");
    assert_eq!(ask(&mut world, 2, Wish::SettleQuestion(ASKED, Standing::Deleted)), Err(Refusal::NotYours));
    ask(&mut world, 1, Wish::SettleQuestion(ASKED, Standing::Deleted)).unwrap();
    assert_eq!([1, 2, 5].map(|who| count(&world, who)), [0, 0, 0]);
    assert_eq!(seen(&world, 6).questions[0].text, None);
}

#[test]
fn one_person_cannot_fill_the_queue() {
    let mut world = joined(1..=1);
    let asks = |world: &mut World, number: u128| {
        let draft = world.draft("why?", None, 1);
        let (question, author) = (QuestionId(number), Blob::default());
        ask(world, 1, Wish::Ask { question, anonymous: false, author, draft })
    };
    (1..=5).for_each(|number| assert!(asks(&mut world, number).is_ok()));
    assert_eq!(asks(&mut world, 6), Err(Refusal::Full(5)));
    ask(&mut world, 6, Wish::SettleQuestion(QuestionId(2), Standing::Hidden)).unwrap();
    assert!(asks(&mut world, 6).is_ok());
}

#[test]
fn who_asks_without_a_name_is_nobody_to_everybody_and_can_be_muted_all_the_same() {
    let mut world = joined(1..=2);
    assert_eq!(question(&mut world, 1, true), Ok(1), "no points, which would say who it was");
    let known = |world: &World, who| seen(world, who).questions[0].clone().person;
    assert_eq!((known(&world, 1), known(&world, 6)), (Token::NONE, caller(1).alias));
    assert!(seen(&world, 1).questions[0].mine);
    ask(&mut world, 6, Wish::Mute(caller(1).alias, None)).unwrap();
    assert_eq!(send(&mut world, 1, 1, "hello"), Err(Refusal::Muted));
    ask(&mut world, 6, Wish::Unmute(caller(1).alias)).unwrap();
    assert!(send(&mut world, 1, 1, "hello").is_ok());
    let named = world.draft("why?", None, 1);
    let (anonymous, author) = (true, Blob([1].into()));
    let wish = Wish::Ask { question: QuestionId(2), anonymous, author, draft: named };
    assert!(matches!(ask(&mut world, 1, wish), Err(Refusal::Invalid { .. })), "the key of a person leads to them");
}

/// Ids are of rooms: what is called the same in two of them is two things.
#[test]
fn polls_of_the_same_name_in_two_rooms_both_count() {
    let mut world = joined(1..=1);
    world.ask(1, 1, &Wish::Join).unwrap();
    let before = seen(&world, 1).own.earned;
    for room in [0, 1] {
        let quiz = Poll { right: vec![0], points: 100, ..poll(PollKind::Quiz) };
        world.ask(6, room, &Wish::SetPoll(POLL, quiz.into())).unwrap();
        world.ask(6, room, &Wish::OpenPoll(POLL)).unwrap();
        assert_eq!(world.ask(1, room, &Wish::Vote(POLL, Answer::Options(vec![0]))), Ok(2));
        world.ask(6, room, &Wish::ClosePoll(POLL)).unwrap();
    }
    while let Some(row) = world.engagement.due(world.now) {
        world.take(row.known().unwrap().clone());
    }
    assert_eq!(seen(&world, 1).own.earned - before, 2 * (5 + 100));
}

/// Through all domains, as the desk decides.
#[test]
fn facts_of_what_is_done_without_a_name_do_not_say_who_had_it_done() {
    let (mut domains, now) = (Domains::default(), Timestamp::from_seconds(1_000));
    let scheduled = Fact::EventScheduled { event: CONF, title: "C".into(), zone: Zone::utc(), starts: now, ends: now };
    domains.apply(&FactRow::new(ACME, now, scheduled)).unwrap();
    let mut drafts = World::new();
    let mut names = |who: u64, wish: Wish| {
        let (organization, event, room, caller) = (ACME, CONF, SessionId::NONE, caller(who));
        let command = Command { organization, event, room, caller, wish };
        let by = Some(By::User(UserId(who.into())));
        let rows =
            domains.decide(&domains::Command { by: by.clone(), order: domains::Order::Engage(command) }, now).unwrap();
        rows.iter().for_each(|row| domains.apply(row).unwrap());
        assert!(!rows.is_empty() && rows.iter().all(|row| row.by == rows[0].by));
        rows[0].by.is_some()
    };
    let ask = |draft, question, anonymous: bool| {
        let author = if anonymous { Blob([1].into()) } else { Blob::default() };
        Wish::Ask { question: QuestionId(question), anonymous, author, draft }
    };
    assert!(names(1, Wish::Join) && names(6, Wish::Join));
    assert!(!names(1, ask(drafts.draft("a", None, 0), 1, true)));
    assert!(names(1, ask(drafts.draft("b", None, 1), 2, false)));
    assert!(!names(1, Wish::SettleQuestion(QuestionId(1), Standing::Deleted)), "only its author could have done that");
    for (number, anonymous) in [(1, true), (2, false)] {
        let spec = Poll { anonymous, ..poll(PollKind::Single) }.into();
        assert!(names(6, Wish::SetPoll(PollId(number), spec)) && names(6, Wish::OpenPoll(PollId(number))));
        assert_eq!(names(1, Wish::Vote(PollId(number), Answer::Options(vec![1]))), !anonymous);
    }
}

#[test]
fn a_deleted_message_is_gone_from_every_view_and_its_key_waits_to_be_destroyed() {
    let mut world = joined(1..=2);
    send(&mut world, 1, 1, "hello").unwrap();
    let own = seen(&world, 1).messages[0].text.unwrap().key;
    let edited = world.draft("hello!", Some(own), 1);
    ask(&mut world, 1, Wish::Edit(SENT, edited)).unwrap();
    let foreign = world.draft("other key", None, 1);
    assert!(matches!(ask(&mut world, 1, Wish::Edit(SENT, foreign)), Err(Refusal::Invalid { .. })));
    assert_eq!(ask(&mut world, 2, Wish::SettleMessage(SENT, Standing::Deleted, 0)), Err(Refusal::NotYours));
    ask(&mut world, 1, Wish::SettleMessage(SENT, Standing::Deleted, 0)).unwrap();
    assert!([1, 2].into_iter().all(|who| seen(&world, who).messages.is_empty()));
    assert_eq!(seen(&world, 6).messages[0].text, None);
    let assembly = |world: &World| world.engagement.event(ACME, CONF).unwrap().clone();
    assert!(!assembly(&world).sees(SessionId::NONE, Thing::Message(SENT), &caller(6), world.now));
    assert_eq!(assembly(&world).to_shred(), [own]);
    assert_eq!(ask(&mut world, 6, Wish::SettleMessage(SENT, Standing::Shown, 0)), Err(Refusal::Deleted));
    assert_eq!(ask(&mut world, 7, Wish::Shredded(vec![own, 99])), Ok(1));
    assert_eq!(ask(&mut world, 7, Wish::Shredded(vec![own])), Ok(0));
}

#[test]
fn the_chat_slows_down_holds_back_and_mutes() {
    let mut world = joined(1..=4);
    let spec = RoomSpec { slow_s: 10, reports: 2, ..RoomSpec::default() };
    ask(&mut world, 6, Wish::SetRoom(spec.clone())).unwrap();
    ask(&mut world, 6, Wish::SetBlockedWords(vec![BLOCKED.into()])).unwrap();
    assert!(send(&mut world, 1, 1, "hello").is_ok());
    assert_eq!(send(&mut world, 1, 2, "again"), Err(Refusal::TooSoon(11)));
    assert!(send(&mut world, 6, 3, "moderators").is_ok() && send(&mut world, 6, 4, "are quick").is_ok());
    world.now = world.now + Span::from_seconds(10);
    assert!(send(&mut world, 1, 5, "Darn it").is_ok());
    assert_eq!(seen(&world, 2).messages.len(), 3, "what holds a blocked word waits");
    assert_eq!(seen(&world, 1).messages.len(), 4);
    // Two people who report a message have it held; a moderator lets it stand for good.
    let report = |world: &mut World, who| ask(world, who, Wish::Report(SENT));
    assert_eq!((report(&mut world, 2), report(&mut world, 2), report(&mut world, 3)), (Ok(1), Ok(0), Ok(2)));
    assert_eq!(seen(&world, 4).messages.len(), 2);
    ask(&mut world, 6, Wish::SettleMessage(SENT, Standing::Shown, 0)).unwrap();
    assert_eq!((report(&mut world, 4), seen(&world, 4).messages.len()), (Ok(1), 3));
    ask(&mut world, 6, Wish::SetRoom(RoomSpec { refuse_blocked: true, ..spec })).unwrap();
    assert_eq!(send(&mut world, 2, 6, "DARN"), Err(Refusal::BlockedWord));
    let until = world.now + Span::MINUTE;
    ask(&mut world, 6, Wish::Mute(Token(2), Some(until))).unwrap();
    assert_eq!(send(&mut world, 2, 6, "hello"), Err(Refusal::Muted));
    world.now = until;
    assert!(send(&mut world, 2, 6, "hello").is_ok());
}

#[test]
fn who_is_banned_takes_part_in_nothing_and_loses_what_they_won() {
    let mut world = joined(1..=2);
    send(&mut world, 1, 1, "hello").unwrap();
    for number in 1..=2 {
        ask(&mut world, 6, Wish::SetPoll(PollId(number), poll(PollKind::Single).into())).unwrap();
        ask(&mut world, 6, Wish::OpenPoll(PollId(number))).unwrap();
        ask(&mut world, 1, Wish::Vote(PollId(number), Answer::Options(vec![0]))).unwrap();
    }
    let own = seen(&world, 1).own;
    // One for the message, twice five for votes, twenty for the challenge of the day.
    assert_eq!((own.earned, own.badges.len(), own.level), (31, 2, 2));
    ask(&mut world, 6, Wish::Ban { person: Token(1), hide: true, revoke: true }).unwrap();
    let own = seen(&world, 1).own;
    assert_eq!((own.balance, own.earned, own.badges.len(), own.level, own.banned), (0, 0, 0, 0, true));
    assert_eq!((seen(&world, 2).messages.len(), seen(&world, 6).messages.len()), (0, 1));
    for wish in [Wish::React(Text::new("clap"), 1), Wish::Join, Wish::Redeem(RedemptionId(1), RewardId(2))] {
        assert_eq!(ask(&mut world, 1, wish), Err(Refusal::Banned));
    }
    ask(&mut world, 6, Wish::Unban(Token(1))).unwrap();
    assert_eq!((seen(&world, 2).messages.len(), seen(&world, 1).own.badges.len()), (1, 0));
    assert!(matches!(
        ask(&mut world, 6, Wish::Ban { person: Token(6), hide: false, revoke: false }),
        Err(Refusal::Invalid { .. })
    ));
}

#[test]
fn reactions_are_counted_by_the_second_and_refused_beyond_what_the_room_allows() {
    let mut world = joined(1..=2);
    let clap = |world: &mut World, who, count| ask(world, who, Wish::React(Text::new("clap"), count));
    assert!(clap(&mut world, 1, 2).is_ok());
    ask(&mut world, 6, Wish::StartStream).unwrap();
    world.now = world.now + Span(1_500_000);
    assert!(clap(&mut world, 1, 3).is_ok());
    assert_eq!(clap(&mut world, 1, 3), Err(Refusal::TooMany(5)));
    assert!(clap(&mut world, 1, 2).is_ok() && clap(&mut world, 2, 5).is_ok());
    assert_eq!(ask(&mut world, 1, Wish::React(Text::new("boo"), 1)), Err(Refusal::NoReaction));
    let room = world.engagement.event(ACME, CONF).unwrap().room(SessionId::NONE).unwrap();
    let seconds: Vec<(i32, u64)> = room.reactions().seconds().map(|(second, _, count)| (second, count)).collect();
    assert_eq!(seconds, [(-1, 2), (1, 10)]);
    assert_eq!(seen(&world, 1).reactions, [(&Text::new("clap"), 12)]);
}

#[test]
fn a_prompt_is_answered_once_and_ends() {
    let mut world = joined(1..=2);
    let until = world.now + Span::MINUTE;
    let told = Announcement { text: "Still here?".into(), options: vec!["yes".into()], until: Some(until) };
    ask(&mut world, 6, Wish::Announce(AnnouncementId(1), told)).unwrap();
    let answer = |world: &mut World, who, choice| ask(world, who, Wish::AnswerPrompt(AnnouncementId(1), choice));
    assert_eq!((answer(&mut world, 1, 0), answer(&mut world, 1, 0)), (Ok(1), Ok(0)));
    assert_eq!(answer(&mut world, 2, 1), Err(Refusal::Nothing("option")));
    assert_eq!(seen(&world, 6).announcements[0].counts, Some(&[1][..]));
    world.now = until;
    assert_eq!(answer(&mut world, 2, 0), Err(Refusal::Over));
    assert!(seen(&world, 1).announcements.is_empty());
}

#[test]
fn points_are_spent_once_while_there_is_stock_and_come_back_when_nothing_is_handed_out() {
    let mut world = joined(1..=2);
    open(&mut world, poll(PollKind::Single));
    for who in [1, 2] {
        choose(&mut world, who, 0).unwrap();
        send(&mut world, who, who.into(), "hello").unwrap();
    }
    let buy = |world: &mut World, who, id: u128| ask(world, who, Wish::Redeem(RedemptionId(id), RewardId(1)));
    assert_eq!(seen(&world, 1).own.balance, 26);
    assert_eq!((buy(&mut world, 1, 1), buy(&mut world, 1, 1)), (Ok(1), Ok(0)), "the same redemption is one");
    assert_eq!(buy(&mut world, 2, 1), Err(Refusal::IdUsed));
    assert_eq!(buy(&mut world, 2, 2), Ok(1));
    assert_eq!(buy(&mut world, 2, 3), Err(Refusal::SoldOut));
    assert_eq!((seen(&world, 1).own.balance, seen(&world, 1).own.level), (20, 2), "no level is lost by spending");
    let small = Game { levels: vec![5], ..laws::game(Some(1), None) };
    assert_eq!(ask(&mut world, 7, Wish::SetGame(small.into())), Err(Refusal::StockTooSmall(2)));
    assert_eq!(ask(&mut world, 2, Wish::CancelRedemption(RedemptionId(1))), Err(Refusal::NotYours));
    assert_eq!(ask(&mut world, 2, Wish::CancelRedemption(RedemptionId(2))), Ok(1));
    assert_eq!((seen(&world, 2).own.balance, buy(&mut world, 2, 3)), (26, Ok(1)));
    assert_eq!(ask(&mut world, 7, Wish::HandOut(RedemptionId(3))), Ok(1));
    assert_eq!(ask(&mut world, 2, Wish::CancelRedemption(RedemptionId(3))), Err(Refusal::HandedOut));
    let dear = Game {
        rewards: vec![records::engage::Reward { price: 99, ..laws::game(None, None).rewards[0].clone() }],
        ..laws::game(None, None)
    };
    ask(&mut world, 7, Wish::SetGame(dear.into())).unwrap();
    assert_eq!(buy(&mut world, 1, 9), Err(Refusal::Points { price: 99, have: 20 }));
}

/// The days on which clocks change have 23 and 25 hours.
#[test]
fn a_daily_challenge_turns_at_midnight_of_the_events_zone_on_days_of_23_and_25_hours() {
    // When the day begins, and how many hours it has.
    for (midnight, hours) in [("2026-03-29T00:00:00+01:00", 23), ("2026-10-25T00:00:00+02:00", 25)] {
        let mut world = World::new();
        let needs = vec![Need { deed: Deed::Reacted, count: 2 }];
        let (challenge, title) = (ChallengeId(1), "T".into());
        let challenge = Challenge { challenge, title, daily: true, needs, points: 1 };
        ask(&mut world, 7, Wish::SetGame(Game { challenges: vec![challenge], ..Game::default() }.into())).unwrap();
        let begins = Timestamp::parse(midnight).unwrap();
        let ends = begins + Span(Span::HOUR.0 * hours);
        let mut clap = |at: Timestamp| {
            world.now = at;
            _ = ask(&mut world, 1, Wish::Join);
            ask(&mut world, 1, Wish::React(Text::new("clap"), 1)).unwrap();
            seen(&world, 1).own.earned
        };
        let second = Span::from_seconds(1);
        assert_eq!(clap(begins - second), 0);
        assert_eq!(clap(begins), 0, "another day has begun");
        assert_eq!(clap(ends - second), 1, "the day has {hours} hours");
        assert_eq!(clap(ends), 1);
        assert_eq!(clap(ends + second), 2, "and the next one its own");
    }
}

/// A ticket that somebody has bought.
fn bought(world: &mut World, buyer: u64) -> TicketId {
    use crate::booking::{Line, Wish};
    let tier = Tier { title: "T".into(), prices: vec![Money { minor: 0, currency: Currency::EUR }], ..Tier::default() };
    let product = Product { title: "P".into(), tiers: vec![tier], ..Product::default() };
    let choice = Choice { product: ItemId(1), ..Choice::default() };
    let (hold, order, person, currency) = (HoldId(1), OrderId(1), Token(buyer), Currency::EUR);
    let (code, place, asked, sealed) = (String::new(), PlaceId::NONE, 1, Blob::default());
    let (subject, provider, score, lines) = (1, Provider::Free, None, vec![Line { choice, count: 1 }]);
    let quota = Quota { title: "Q".into(), size: Some(9), products: vec![choice] };
    for wish in [
        Wish::SetProduct(ItemId(1), product),
        Wish::SetQuota(QuotaId(1), quota),
        Wish::Hold { hold, person, currency, lines, code, place, asked },
        Wish::PlaceOrder { order, hold, subject, person, sealed, provider, score, asked },
    ] {
        book(world, wish);
    }
    world.booking.office(ACME, CONF).unwrap().order(order).unwrap().tickets[0]
}

fn book(world: &mut World, wish: crate::booking::Wish) {
    let command = crate::booking::Command { organization: ACME, event: CONF, wish };
    let facts = world.booking.decide(&command, world.now).unwrap();
    facts.into_iter().for_each(|fact| world.take(fact.into()));
}

#[test]
fn a_ticket_lets_its_holder_take_part_until_it_is_cancelled() {
    let mut world = World::new();
    let ticket = bought(&mut world, 1);
    let holder = |who, ticket| Caller { ticket, ..caller(who) };
    assert_eq!(world.ask_as(holder(1, TicketId(5)), 0, &Wish::Join), Err(Refusal::NoTicket));
    assert_eq!(world.ask_as(holder(2, ticket), 0, &Wish::Join), Err(Refusal::NoTicket), "it is somebody else's");
    assert!(world.ask_as(holder(1, ticket), 0, &Wish::Join).unwrap() > 0);
    let (order, why) = (OrderId(1), Ending::Buyer);
    book(&mut world, crate::booking::Wish::CancelOrder { order, positions: vec![], why });
    let clap = Wish::React(Text::new("clap"), 1);
    assert_eq!(world.ask_as(holder(1, ticket), 0, &clap), Err(Refusal::NoTicket));
    let nobody = Caller { person: Token::NONE, ..caller(1) };
    assert_eq!(world.ask_as(nobody, 0, &Wish::Join), Err(Refusal::NotAllowed));
    assert_eq!(world.ask_as(Caller::screen(), 0, &Wish::Join), Err(Refusal::NotAllowed));
}

#[test]
fn rooms_are_those_of_the_programme_and_the_hall() {
    let world = World::new();
    let asks = |event, room| {
        let (organization, caller, wish) = (ACME, caller(1), Wish::Join);
        let command = Command { organization, event, room, caller, wish };
        let nothing = (crate::programme::Programme::default(), crate::booking::Booking::default());
        world.engagement.decide(&command, (&nothing.0, &nothing.1), world.now).map(|done| done.facts.len())
    };
    // Joining is a deed of a challenge, and counted.
    assert_eq!(asks(CONF, SessionId::NONE), Ok(2));
    assert_eq!(asks(CONF, SessionId(9)), Err(Refusal::NoRoom));
    assert_eq!(asks(EventId(9), SessionId::NONE), Err(Refusal::NoEvent));
}

#[test]
fn the_history_is_bounded_and_what_left_it_can_still_be_deleted() {
    let mut world = joined(1..=1);
    let room = SessionId::NONE;
    let text = world.draft("hello", None, 1).text;
    let mut engagement = std::mem::take(&mut world.engagement);
    let count = HISTORY_MAX as u128 + 10;
    for number in 1..=count {
        let (event, person, message, reply) = (CONF, Token(1), MessageId(number), MessageId::NONE);
        let (text, standing, words) = (text.clone(), Standing::Shown, 0);
        let fact = EngageFact::MessageSent { event, room, message, person, reply, text, standing, words };
        engagement.apply(&FactRow::new(ACME, world.now, fact.into()));
    }
    world.engagement = engagement;
    let chat = world.engagement.event(ACME, CONF).unwrap().room(room).unwrap().chat();
    assert_eq!((chat.newest().count(), chat.count()), (HISTORY_MAX, count as u64));
    assert_eq!((chat.get(MessageId(10)), chat.get(MessageId(11)).unwrap().0), (None, 10));
    let assembly = world.engagement.event(ACME, CONF).unwrap();
    let page = assembly.history(assembly.room(room).unwrap(), &caller(1), 13, 200);
    assert_eq!(page.iter().map(|sent| sent.number).collect::<Vec<_>>(), [12, 11, 10]);
    let delete = |world: &mut World, who, key| ask(world, who, Wish::SettleMessage(SENT, Standing::Deleted, key));
    assert_eq!(delete(&mut world, 1, 77), Err(Refusal::Nothing("message")));
    assert_eq!(delete(&mut world, 6, 77), Ok(1));
    assert_eq!(world.engagement.event(ACME, CONF).unwrap().to_shred(), [77]);
}

#[test]
fn polls_that_make_no_sense_are_refused() {
    let mut world = World::new();
    let mut refuses = |field: &str, spec: Poll| match ask(&mut world, 6, Wish::SetPoll(POLL, spec.into())) {
        Err(Refusal::Invalid { field: named, .. }) => assert_eq!(named, field),
        other => panic!("{field}: {other:?}"),
    };
    let quiz = || Poll { right: vec![1], ..poll(PollKind::Quiz) };
    refuses("title", Poll { title: " ".into(), ..poll(PollKind::Single) });
    refuses("options", Poll { options: vec!["a".into()], ..poll(PollKind::Single) });
    refuses("options", poll(PollKind::Words));
    refuses("options", Poll { options: vec!["a".into(); 16], ..poll(PollKind::Ranking) });
    refuses("highest", Poll { options: vec![], ..poll(PollKind::Rating) });
    refuses("highest", Poll { highest: 5, ..poll(PollKind::Single) });
    refuses("most", Poll { options: vec![], most: 4, ..poll(PollKind::Words) });
    refuses("right", poll(PollKind::Quiz));
    refuses("right", Poll { right: vec![3], ..quiz() });
    refuses("right", Poll { right: vec![1, 0], ..quiz() });
    refuses("right", Poll { right: vec![0, 1], most: 1, ..quiz() });
    refuses("limit_s", Poll { limit_s: Some(0), ..quiz() });
    refuses("points", Poll { points: 1, ..poll(PollKind::Single) });
    refuses("speed_points", Poll { speed_points: 1, ..quiz() });
    refuses("changeable", Poll { reopens: true, ..quiz() });
}

#[test]
fn rules_of_points_that_make_no_sense_are_refused() {
    let mut world = World::new();
    let mut refuses = |field: &str, spoil: &dyn Fn(&mut Game)| {
        let mut game = laws::game(None, None);
        spoil(&mut game);
        match ask(&mut world, 7, Wish::SetGame(game.into())) {
            Err(Refusal::Invalid { field: named, .. }) => assert_eq!(named, field),
            other => panic!("{field}: {other:?}"),
        }
    };
    refuses("earnings", &|game| game.earnings[0].points = 0);
    refuses("earnings", &|game| game.earnings[0].rule = game.earnings[1].rule);
    refuses("challenges.needs", &|game| game.challenges[0].needs.clear());
    refuses("challenges.needs", &|game| game.challenges[0].needs[0].count = 0);
    refuses("badges", &|game| game.badges[0].badge = records::BadgeId::NONE);
    refuses("badges.needs", &|game| game.badges[1].points = 0);
    refuses("levels", &|game| game.levels = vec![5, 5]);
    refuses("levels", &|game| game.levels = vec![0]);
    refuses("rewards", &|game| game.rewards[0].price = u64::MAX);
    refuses("rewards.title", &|game| game.rewards[0].title.clear());
}

/// 50,000 people vote in one poll: exact, and small in a snapshot.
#[test]
fn a_vote_takes_a_few_bytes_of_a_snapshot() {
    const VOTERS: u64 = 50_000;
    let mut world = World::new();
    let (event, room, poll_id) = (CONF, SessionId::NONE, POLL);
    open(&mut world, Poll { changeable: true, ..poll(PollKind::Single) });
    let empty = serde_json::to_vec(&world.engagement.stored()).unwrap().len();
    let mut engagement = std::mem::take(&mut world.engagement);
    for number in 1..=VOTERS {
        let person = Token(records::hash::mix(number));
        engagement.apply(&FactRow::new(ACME, world.now, EngageFact::RoomJoined { event, room, person }.into()));
    }
    let joined = serde_json::to_vec(&engagement.stored()).unwrap().len();
    for number in 1..=VOTERS {
        let (organization, wish) = (ACME, Wish::Vote(poll_id, Answer::Options(vec![(number % 3) as u8])));
        let caller = Caller { person: Token(records::hash::mix(number)), ..caller(1) };
        let command = Command { organization, event, room, caller, wish };
        let nothing = (crate::programme::Programme::default(), crate::booking::Booking::default());
        let facts = engagement.decide(&command, (&nothing.0, &nothing.1), world.now).unwrap().facts;
        // Points are another matter: these are the bytes of votes.
        let cast = facts.into_iter().filter(|fact| matches!(fact, EngageFact::VoteCast { .. }));
        cast.for_each(|fact| engagement.apply(&FactRow::new(ACME, world.now, fact.into())));
    }
    let stored = serde_json::to_vec(&engagement.stored()).unwrap();
    let voted = stored.len() - joined;
    assert!(voted as u64 <= 16 * VOTERS, "{} bytes for each vote", voted as u64 / VOTERS);
    assert!((joined - empty) as u64 <= 40 * VOTERS, "{} bytes for each person", (joined - empty) as u64 / VOTERS);
    world.engagement = engagement;
    assert_eq!(tally(&world).iter().sum::<u64>(), VOTERS);
    assert_eq!(seen(&world, 6).polls[0].results.as_ref().unwrap().present as u64, VOTERS);
    assert_eq!(seen(&world, 6).polls[0].stage, Stage::Open);
    assert!(world.engagement.audit().is_empty());
}

/// The laws meet every kind of fact, or they would say little.
#[test]
fn the_laws_meet_every_fact() {
    let mut runner = TestRunner::deterministic();
    let mut met = BTreeSet::new();
    let steps = proptest::collection::vec(laws::step(), 199);
    for _ in 0..150 {
        for row in laws::run(steps.new_tree(&mut runner).unwrap().current()).log {
            let fact = serde_json::to_value(row.known().unwrap()).unwrap();
            met.insert(fact["fact"].as_str().unwrap().to_owned());
        }
    }
    // 38 kinds of facts of taking part, one of events, one of programmes.
    assert_eq!(met.len(), 40, "{met:?}");
}
