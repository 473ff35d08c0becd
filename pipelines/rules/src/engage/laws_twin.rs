//! The naive twin of [`super::laws`]: it reads the facts from the first one on for each question, and keeps nothing.

use std::collections::{BTreeMap, BTreeSet};

use records::engage::{Deed, EngageFact, PollKind, SealedText, Standing, Visible, Vote};
use records::seal::open;
use records::{BadgeId, Fact, FactRow, MessageId, PollId, QuestionId, SessionId, Timestamp, Token};

use super::laws::{ACME, CONF, PEOPLE, ROOMS, World, caller, key};
use super::polls::Stage;
use super::view::{SeenPoll, SeenRoom, Thing};
use super::{Assembly, Audience, Caller, Room};

fn facts(world: &World) -> impl Iterator<Item = (Timestamp, &EngageFact)> {
    world.log.iter().filter_map(|row: &FactRow| match row.known() {
        Some(Fact::Engage(fact)) => Some((row.at, fact)),
        _ => None,
    })
}

fn of(world: &World, room: SessionId) -> impl Iterator<Item = (Timestamp, &EngageFact)> {
    facts(world).filter(move |(_, fact)| fact.place().1 == Some(room))
}

fn assembly(world: &World) -> &Assembly {
    world.engagement.event(ACME, CONF).unwrap()
}

fn rooms(world: &World) -> impl Iterator<Item = (SessionId, &Room)> {
    ROOMS.into_iter().filter_map(|id| Some((id, assembly(world).room(id)?)))
}

/// The last vote of each voter.
fn votes(world: &World, room: SessionId, id: PollId) -> BTreeMap<Token, &Vote> {
    let mut votes = BTreeMap::new();
    for (_, fact) in of(world, room) {
        match fact {
            // A poll that was removed and made again begins anew; nobody had voted.
            EngageFact::PollSet { poll, .. } if *poll == id => votes.clear(),
            EngageFact::VoteCast { poll, voter, vote, .. } if *poll == id => _ = votes.insert(*voter, vote),
            _ => {}
        }
    }
    votes
}

/// Tallies, one vote for each person, and who was there, counted from the log.
pub(super) fn polls(world: &World) {
    for (at, room) in rooms(world) {
        for (id, poll) in room.polls() {
            let (votes, spec) = (votes(world, at, *id), &poll.spec);
            assert_eq!(poll.voters(), votes.len());
            let mut tally = vec![0u64; if spec.kind == PollKind::Rating { 5 } else { spec.options.len() }];
            let mut words: BTreeMap<Token, u32> = BTreeMap::new();
            let mut texts = 0;
            for vote in votes.values() {
                match vote {
                    Vote::Options(chosen) => chosen.iter().for_each(|option| tally[usize::from(*option)] += 1),
                    Vote::Rating(stars) => tally[usize::from(*stars) - 1] += 1,
                    Vote::Ranking(order) => {
                        let worth = (1..=order.len() as u64).rev();
                        order.iter().zip(worth).for_each(|(option, worth)| tally[usize::from(*option)] += worth);
                    }
                    Vote::Words(named) => named.iter().for_each(|word| *words.entry(word.word).or_default() += 1),
                    Vote::Text { .. } => texts += 1,
                }
            }
            assert_eq!(poll.tally(), tally);
            let live = || poll.entries().iter().filter(|entry| entry.count > 0);
            let counted: BTreeMap<Token, u32> =
                live().filter(|entry| entry.word.is_some()).map(|entry| (entry.word, entry.count)).collect();
            assert_eq!(counted, words);
            assert_eq!(live().filter(|entry| !entry.word.is_some()).count(), texts);
            let there = present(world, at, *id);
            assert_eq!(poll.present as usize, there.len());
            if !spec.anonymous {
                assert!(votes.keys().all(|voter| there.contains(voter)), "somebody voted who was not there");
            }
        }
    }
}

/// Who was in the room at some time while a poll was open.
fn present(world: &World, room: SessionId, id: PollId) -> BTreeSet<Token> {
    let (mut here, mut open, mut there) = (BTreeSet::new(), false, BTreeSet::new());
    for (_, fact) in of(world, room) {
        match fact {
            EngageFact::RoomJoined { person, .. } => _ = here.insert(*person),
            EngageFact::RoomLeft { person, .. } => _ = here.remove(person),
            EngageFact::PollSet { poll, .. } if *poll == id => there.clear(),
            EngageFact::PollOpened { poll, .. } if *poll == id => open = true,
            EngageFact::PollClosed { poll, .. } if *poll == id => open = false,
            _ => {}
        }
        if open {
            there.extend(&here);
        }
    }
    there
}

/// Votes of questions, and the order in which they stand.
pub(super) fn questions(world: &World) {
    for (at, room) in rooms(world) {
        let mut wanted: BTreeMap<QuestionId, BTreeSet<Token>> = BTreeMap::new();
        let (mut age, mut pinned) = (Vec::new(), BTreeSet::new());
        for (_, fact) in of(world, at) {
            match fact {
                EngageFact::QuestionAsked { question, .. } => age.push(*question),
                EngageFact::QuestionUpvoted { question, person, .. } => {
                    let is_new = wanted.entry(*question).or_default().insert(*person);
                    assert!(is_new, "somebody wants the same twice");
                }
                EngageFact::UpvoteTakenBack { question, person, .. } => {
                    assert!(wanted.entry(*question).or_default().remove(person));
                }
                EngageFact::QuestionPinned { question, pinned: true, .. } => _ = pinned.insert(*question),
                EngageFact::QuestionPinned { question, .. } => _ = pinned.remove(question),
                _ => {}
            }
        }
        let votes = |question: &QuestionId| wanted.get(question).map_or(0, BTreeSet::len);
        // A stable sort by votes of what stands by age.
        age.sort_by_key(|question| std::cmp::Reverse((pinned.contains(question), votes(question))));
        let ranked: Vec<(QuestionId, usize)> =
            room.questions().ranked().into_iter().map(|(id, known)| (id, known.votes())).collect();
        assert_eq!(ranked, age.iter().map(|question| (*question, votes(question))).collect::<Vec<_>>());
    }
}

/// Reactions in all and by second, and that nobody reacts more often in a second than the room allows.
pub(super) fn reactions(world: &World) {
    for (at, room) in rooms(world) {
        let (mut totals, mut seconds, mut began) = (BTreeMap::new(), BTreeMap::new(), None);
        let (mut most, mut used) = (5u16, BTreeMap::new());
        for (now, fact) in of(world, at) {
            match fact {
                EngageFact::StreamStarted { .. } => began = began.or(Some(now)),
                EngageFact::RoomSet { spec, .. } => most = spec.reactions_per_s,
                EngageFact::Reacted { person, kind, count, .. } => {
                    *totals.entry(kind.clone()).or_insert(0u64) += u64::from(*count);
                    let second = began.map_or(-1, |began| now.since(began).seconds() as i32);
                    *seconds.entry((second.min(86_400), kind.clone())).or_insert(0u64) += u64::from(*count);
                    let used: &mut u16 = used.entry((*person, now.seconds())).or_default();
                    *used += count;
                    assert!(*used <= most, "{used} of {most} reactions");
                }
                _ => {}
            }
        }
        assert_eq!(*room.reactions().totals(), totals);
        let known: BTreeMap<_, _> =
            room.reactions().seconds().map(|(second, kind, count)| ((second, kind.clone()), count)).collect();
        assert_eq!(known, seconds);
    }
}

/// Who is there, for how long, and how much goes on.
pub(super) fn people(world: &World) {
    for (at, room) in rooms(world) {
        let (mut since, mut spent): (BTreeMap<Token, Timestamp>, BTreeMap<Token, i64>) = Default::default();
        let (mut writers, mut messages, mut asked) = (BTreeSet::new(), 0, BTreeMap::new());
        let (mut approved, mut answered) = (BTreeSet::new(), BTreeMap::new());
        for (now, fact) in of(world, at) {
            match fact {
                EngageFact::RoomJoined { person, .. } => assert_eq!(since.insert(*person, now), None),
                EngageFact::RoomLeft { person, .. } => {
                    *spent.entry(*person).or_default() += now.since(since.remove(person).unwrap()).0;
                }
                EngageFact::MessageSent { person, .. } => {
                    writers.insert(*person);
                    messages += 1;
                }
                EngageFact::QuestionAsked { question, standing, .. } => {
                    asked.insert(*question, now);
                    approved.extend((*standing == Standing::Shown).then_some(*question));
                }
                EngageFact::QuestionSettled { question, standing: Standing::Shown, .. } => {
                    approved.insert(*question);
                }
                EngageFact::QuestionAnswered { question, .. } => _ = answered.entry(*question).or_insert(now),
                _ => {}
            }
        }
        let present = since.len();
        since.into_iter().for_each(|(who, since)| *spent.entry(who).or_default() += world.now.since(since).0);
        let figures = room.figures(world.now);
        assert_eq!((figures.present as usize, figures.messages), (present, messages));
        assert_eq!(figures.spent_s, spent.values().map(|spent| spent / 1_000_000).sum::<i64>());
        assert_eq!((figures.asked, figures.approved), (asked.len(), approved.len()));
        assert_eq!((figures.answered, figures.writers as usize), (answered.len(), writers.len()));
        let waits: i64 = answered.iter().map(|(question, at)| at.since(asked[question]).millis()).sum();
        assert_eq!(figures.answer_ms, waits / (answered.len().max(1) as i64));
        for (id, told) in room.announcements() {
            let mut counts = vec![0u64; told.spec.options.len()];
            let mut people = BTreeSet::new();
            for (_, fact) in of(world, at) {
                if let EngageFact::PromptAnswered { announcement, person, choice, .. } = fact
                    && announcement == id
                {
                    assert!(people.insert(*person), "answered twice");
                    counts[usize::from(*choice)] += 1;
                }
            }
            assert_eq!(told.counts, counts);
        }
    }
}

/// The ledger from its entries, stock, and that each cause, badge and challenge counts once.
pub(super) fn points(world: &World) {
    let points = assembly(world).points();
    let mut accounts: BTreeMap<Option<Token>, i128> = BTreeMap::new();
    let (mut issued, mut earned): (i128, BTreeMap<Token, u64>) = (0, BTreeMap::new());
    let (mut causes, mut badges, mut challenges) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    let mut caps: BTreeMap<_, u64> = BTreeMap::new();
    let (mut stock, mut sold): (BTreeMap<_, Option<u32>>, BTreeMap<_, u32>) = Default::default();
    let mut kept = BTreeMap::new();
    for (_, fact) in facts(world) {
        match fact {
            EngageFact::GameSet { spec, .. } => {
                stock = spec.rewards.iter().map(|reward| (reward.reward, reward.stock)).collect();
            }
            EngageFact::DeedRewarded { room, person, deed, cause, day, parts, badges: won, .. } => {
                let counts_often = matches!(deed, Deed::Chatted | Deed::Reacted);
                assert!(counts_often || causes.insert((*person, *deed, *room, *cause)), "counted twice: {fact:?}");
                for part in parts {
                    *accounts.entry(Some(*person)).or_default() += i128::from(part.points);
                    *earned.entry(*person).or_default() += part.points;
                    issued += i128::from(part.points);
                    if part.challenge.is_some() {
                        let on = (part.challenge.0 == 1).then_some(*day);
                        assert!(challenges.insert((*person, part.challenge, on)), "done twice: {fact:?}");
                    } else if part.rule.is_some() {
                        *caps.entry((*person, part.rule.to_string(), *day)).or_default() += part.points;
                    }
                }
                won.iter().for_each(|badge| assert!(badges.insert((*person, *badge)), "won twice: {fact:?}"));
            }
            EngageFact::PointsRevoked { person, points, .. } => {
                *accounts.entry(Some(*person)).or_default() -= i128::from(*points);
                issued -= i128::from(*points);
                let earned = earned.entry(*person).or_default();
                *earned = earned.saturating_sub(*points);
            }
            EngageFact::RewardRedeemed { redemption, reward, person, price, .. } => {
                *accounts.entry(Some(*person)).or_default() -= i128::from(*price);
                *accounts.entry(None).or_default() += i128::from(*price);
                assert_eq!(kept.insert(*redemption, (*reward, *person, *price)), None);
                *sold.entry(*reward).or_default() += 1;
            }
            EngageFact::RedemptionCancelled { redemption, .. } => {
                let (reward, person, price) = kept.remove(redemption).expect("cancelled once");
                *accounts.entry(Some(person)).or_default() += i128::from(price);
                *accounts.entry(None).or_default() -= i128::from(price);
                *sold.entry(reward).or_default() -= 1;
            }
            EngageFact::RewardHandedOut { redemption, .. } => assert!(kept.remove(redemption).is_some()),
            _ => {}
        }
        assert!(accounts.values().all(|balance| *balance >= 0), "below zero after {fact:?}");
        assert_eq!(accounts.values().sum::<i128>(), issued);
        for (reward, count) in &sold {
            assert!(stock.get(reward).copied().flatten().is_none_or(|stock| *count <= stock), "oversold");
        }
    }
    let spent = accounts.remove(&None).unwrap_or_default();
    assert_eq!((issued, spent), (points.issued_and_spent().0.into(), points.issued_and_spent().1.into()));
    for (person, known) in points.people() {
        assert_eq!(i128::from(known.balance), accounts.get(&Some(*person)).copied().unwrap_or_default());
        assert_eq!(known.earned, earned.get(person).copied().unwrap_or_default());
        let own: BTreeSet<BadgeId> = known.badges().collect();
        assert!(own.iter().all(|badge| badges.contains(&(*person, *badge))));
    }
    caps.iter().for_each(|((_, rule, _), sum)| match rule.as_str() {
        "vote" => assert!(*sum <= 12),
        "chat" => assert!(*sum <= 3),
        _ => {}
    });
    deeds(world);
}

/// Nothing that counts is left out: each who takes part has as many deeds as the log says.
fn deeds(world: &World) {
    let mut did: BTreeMap<_, BTreeSet<_>> = BTreeMap::new();
    for (_, fact) in facts(world) {
        let (person, deed, cause) = match fact {
            EngageFact::RoomJoined { person, room, .. } => (person, Deed::Joined, room.0),
            EngageFact::VoteCast { voter, poll, anonymous: false, .. } => (voter, Deed::Voted, poll.0),
            EngageFact::QuestionAsked { person, question, anonymous: false, .. } => (person, Deed::Asked, question.0),
            EngageFact::QuestionUpvoted { person, question, .. } => (person, Deed::Upvoted, question.0),
            _ => continue,
        };
        did.entry((*person, deed.index())).or_default().insert((fact.place().1, cause));
    }
    for ((person, deed), causes) in did {
        if (1..=4).contains(&person.0) {
            let known = assembly(world).points().person(person).map_or(0, |known| known.counts[deed]);
            assert_eq!(known as usize, causes.len(), "{person} {deed}");
        }
    }
}

/// A text of the log: its own key, who wrote it, and what became of it.
#[derive(Debug, Clone)]
struct Written {
    texts: Vec<SealedText>,
    person: Token,
    standing: Standing,
    archived: bool,
    is_chat: bool,
}

fn written(world: &World, room: SessionId) -> Vec<Written> {
    let mut questions: BTreeMap<QuestionId, Written> = BTreeMap::new();
    let mut messages: BTreeMap<MessageId, Written> = BTreeMap::new();
    for (_, fact) in of(world, room) {
        match fact {
            EngageFact::QuestionAsked { question, person, text, standing, .. } => {
                let (texts, person, standing) = (vec![text.clone()], *person, *standing);
                let new = Written { texts, person, standing, archived: false, is_chat: false };
                questions.insert(*question, new);
            }
            EngageFact::QuestionSettled { question, standing, .. } => {
                questions.get_mut(question).unwrap().standing = *standing;
            }
            EngageFact::QuestionArchived { question, archived, .. } => {
                questions.get_mut(question).unwrap().archived = *archived;
            }
            EngageFact::QuestionAnswered { question, text: Some(text), .. } => {
                questions.get_mut(question).unwrap().texts.push(text.clone());
            }
            EngageFact::MessageSent { message, person, text, standing, .. } => {
                let (texts, person, standing) = (vec![text.clone()], *person, *standing);
                messages.insert(*message, Written { texts, person, standing, archived: false, is_chat: true });
            }
            EngageFact::MessageEdited { message, text, standing, .. } => {
                let known = messages.get_mut(message).unwrap();
                known.texts.push(text.clone());
                known.standing = *standing;
            }
            EngageFact::MessageSettled { message, standing, key: 0, .. } => {
                messages.get_mut(message).unwrap().standing = *standing;
            }
            _ => {}
        }
    }
    questions.into_values().chain(messages.into_values()).collect()
}

/// Who is banned with what they wrote.
fn hidden(world: &World) -> BTreeSet<Token> {
    let mut hidden = BTreeSet::new();
    for (_, fact) in facts(world) {
        match fact {
            EngageFact::PersonBanned { person, hide: true, .. } => _ = hidden.insert(*person),
            EngageFact::PersonBanned { person, .. } | EngageFact::PersonUnbanned { person, .. } => {
                hidden.remove(person);
            }
            _ => {}
        }
    }
    hidden
}

/// The texts that somebody sees of a room: of questions and answers, and of messages.
fn seen(room: &SeenRoom<'_>) -> (BTreeSet<Vec<u8>>, BTreeSet<Vec<u8>>) {
    let bytes = |text: &SealedText| text.sealed.0.to_vec();
    let questions = room.questions.iter().flat_map(|known| [known.text, known.answer]).flatten().map(bytes).collect();
    (questions, room.messages.iter().filter_map(|known| known.text).map(bytes).collect())
}

/// Nobody sees what is not for them, and everybody sees what is.
pub(super) fn views(world: &World) {
    let hidden = hidden(world);
    let viewers = (1..=PEOPLE).map(caller).chain([Caller::screen()]);
    for (viewer, (at, room)) in viewers.flat_map(|viewer| rooms(world).map(move |room| (viewer, room))) {
        let view = assembly(world).seen_by(room, &viewer, world.now);
        let (questions, messages) = seen(&view);
        let keeps_order = viewer.audience >= Audience::Moderator;
        let sees_chat = viewer.audience == Audience::Attendee || keeps_order;
        for known in written(world, at) {
            let open = known.standing == Standing::Shown && !known.archived && !hidden.contains(&known.person);
            let is_person = viewer.audience != Audience::Screen && known.person.is_some();
            let own = is_person && (known.person == viewer.person || known.person == viewer.alias);
            let sees = known.standing != Standing::Deleted && (open || own || keeps_order);
            let sees = sees && (sees_chat || !known.is_chat);
            let (there, texts) = (if known.is_chat { &messages } else { &questions }, &known.texts);
            let newest = texts.last().unwrap().sealed.0.to_vec();
            assert_eq!(there.contains(&newest), sees, "{viewer:?} {known:?}");
            if !sees {
                assert!(texts.iter().all(|text| !there.contains(&*text.sealed.0)), "{viewer:?} {known:?}");
            }
        }
        if !keeps_order {
            assert!(view.questions.iter().all(|known| !known.anonymous || known.person == Token::NONE));
            assert!(view.polls.iter().all(|poll| poll.stage != Stage::Draft));
        }
        for question in &view.questions {
            assert_eq!(
                assembly(world).sees(at, Thing::Question(question.id), &viewer, world.now),
                question.text.is_some()
            );
        }
        view.polls.iter().for_each(|poll| results(world, (at, room), poll, &viewer));
    }
}

fn results(world: &World, (at, room): (SessionId, &Room), seen: &SeenPoll<'_>, viewer: &Caller) {
    let poll = &room.polls()[&seen.id];
    let voter = if poll.spec.anonymous { viewer.alias } else { viewer.person };
    let voted = votes(world, at, seen.id).contains_key(&voter);
    let closed = poll.stage == Stage::Closed;
    let may = viewer.audience >= Audience::Speaker
        || match poll.spec.visible {
            Visible::Always => true,
            Visible::AfterVote => voted || closed,
            Visible::AfterClose => closed,
            Visible::Never => false,
        };
    assert_eq!(seen.results.is_some(), may);
    assert_eq!(assembly(world).sees(at, Thing::Results(seen.id), viewer, world.now), may);
    let open_quiz = poll.spec.kind == PollKind::Quiz && !closed && viewer.audience < Audience::Moderator;
    assert!(!(open_quiz && seen.right.is_some()), "what is right is told while people vote");
    let entries = seen.results.iter().flat_map(|results| &results.entries);
    for (number, entry) in entries {
        let shown = settled(world, at, seen.id, *number) == Standing::Shown;
        assert!(viewer.audience >= Audience::Moderator || shown, "an entry that waits is seen");
        assert!(entry.text.is_some() && entry.standing != Standing::Deleted);
    }
}

/// What became of an entry, from the facts alone.
fn settled(world: &World, room: SessionId, id: PollId, number: u32) -> Standing {
    let (mut entries, mut words): (Vec<Standing>, BTreeSet<Token>) = Default::default();
    for (_, fact) in of(world, room) {
        match fact {
            EngageFact::PollSet { poll, .. } if *poll == id => (entries, words) = Default::default(),
            EngageFact::VoteCast { poll, vote, .. } if *poll == id => match vote {
                Vote::Words(named) => {
                    let new = named.iter().filter(|word| words.insert(word.word));
                    entries.extend(new.map(|word| word.standing));
                }
                Vote::Text { standing, .. } => entries.push(*standing),
                _ => {}
            },
            EngageFact::PollEntrySettled { poll, entry, standing, .. } if *poll == id => {
                entries[*entry as usize] = *standing;
            }
            _ => {}
        }
    }
    entries[number as usize]
}

/// What is done without a name names nobody.
pub(super) fn names(world: &World) {
    for (_, fact) in facts(world) {
        match fact {
            EngageFact::QuestionAsked { person, anonymous: true, text, author, .. } => {
                assert!(person.0 > PEOPLE && text.subject == 0 && !author.0.is_empty());
            }
            EngageFact::VoteCast { voter, anonymous: true, vote, .. } => {
                assert!(voter.0 > PEOPLE);
                let texts: Vec<&SealedText> = match vote {
                    Vote::Words(words) => words.iter().filter_map(|word| word.text.as_ref()).collect(),
                    Vote::Text { text, .. } => vec![text],
                    _ => Vec::new(),
                };
                assert!(texts.iter().all(|text| text.subject == 0));
            }
            EngageFact::DeedRewarded { person, .. } => assert!(person.0 <= PEOPLE, "points for an alias"),
            _ => {}
        }
    }
}

/// Once the keys are destroyed nothing that was deleted can be read from the log, and the state does not hold it.
pub(super) fn deleted(world: &World) {
    let state = serde_json::to_string(&world.engagement.stored()).unwrap();
    let opens = |text: &SealedText| {
        world.keys.contains(&text.key) && open(&key(text.key), ACME, text.subject, &text.sealed.0).is_ok()
    };
    for (at, _) in rooms(world) {
        for known in written(world, at) {
            for text in &known.texts {
                let blob = serde_json::to_string(&text.sealed).unwrap();
                if known.standing == Standing::Deleted {
                    assert!(!opens(text), "a deleted text can be read");
                    assert!(!state.contains(blob.trim_matches('"')), "the state holds a deleted text");
                }
            }
            if known.standing != Standing::Deleted {
                assert!(opens(known.texts.last().unwrap()), "a text that stands cannot be read");
            }
        }
    }
}
