//! Polls: who voted for what, and what that comes to, at a cost that does not grow with the votes.
//!
//! A vote is a [`Ballot`] of 64 bits, whatever the kind of the poll. The tally is kept beside the votes; a changed vote is
//! taken off and put on again. [`PollState::recount`] counts from the votes alone.

use std::collections::BTreeMap;

use records::engage::{Poll, PollKind, SealedText, Standing, Vote, Word};
use records::{Span, Timestamp, Token};
use serde::{Deserialize, Serialize};

use super::command::{Answer, Draft};
use super::refusal::Refusal;
use super::table::{Pack, Table, pack, unpack};
use super::words::{Blocked, WORD_MAX, normalise};

/// Polls of a room: each has a bit of what is known of somebody who is there.
pub const POLLS_MAX: usize = 64;
/// Options of a poll: each has a bit of a ballot.
pub const OPTIONS_MAX: usize = 32;
/// Options that can be put in an order: each has four bits of a ballot.
pub const RANKED_MAX: usize = 15;
/// The highest rating that a poll can ask for.
pub const RATING_MAX: u8 = 10;
/// Words of one vote: each has twenty bits of a ballot.
pub const WORDS_OF_VOTE_MAX: u8 = 3;
/// Different words, or texts, of a poll.
pub const ENTRIES_MAX: usize = 10_000;
/// The longest text of a poll, in bytes.
pub const TEXT_BYTES_MAX: usize = 2_000;
/// The longest time of a quiz, in seconds.
pub const LIMIT_S_MAX: u32 = 3_600;
/// The most points of a quiz.
pub const POINTS_MAX: u32 = 1_000_000;

const WORD_BITS: u32 = 20;

/// A vote: what was chosen, and for quizzes how many milliseconds it took.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Ballot {
    bits: u64,
    took_ms: u32,
}

/// How far a poll is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum Stage {
    /// Nobody was asked.
    #[default]
    Draft,
    /// People vote.
    Open,
    /// It is over.
    Closed,
}

/// A word or text of a poll.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Entry {
    /// The hash of a word.
    pub word: Token,
    /// Its letters; none once it is deleted.
    pub text: Option<SealedText>,
    /// Who sees it.
    pub standing: Standing,
    /// How many votes name it.
    pub count: u32,
}

/// One poll.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct PollState {
    /// What is asked.
    pub spec: Poll,
    /// Its bit of what is known of somebody who is there.
    pub(super) slot: u8,
    /// How far it is.
    pub stage: Stage,
    /// When it was opened last.
    pub opened: Timestamp,
    /// When it was closed last.
    pub closed: Timestamp,
    /// How many people were in the room at some time while it was open.
    pub present: u32,
    pub(super) ballots: Table<Ballot>,
    /// Votes by option; by number, less one, of a rating; places from behind of a ranking, added up.
    pub(super) tally: Vec<u64>,
    pub(super) entries: Vec<Entry>,
    #[serde(skip)]
    by_word: BTreeMap<Token, u32>,
}

impl Pack for Ballot {
    fn pack(&self, out: &mut Vec<u8>) {
        pack(self.bits, out);
        pack(u64::from(self.took_ms), out);
    }
    fn unpack(from: &mut &[u8]) -> Option<Self> {
        Some(Self { bits: unpack(from)?, took_ms: unpack(from)?.try_into().ok()? })
    }
}

impl Ballot {
    fn options(chosen: &[u8]) -> Self {
        Self { bits: chosen.iter().fold(0, |bits, option| bits | 1 << option), took_ms: 0 }
    }

    fn ranking(order: &[u8]) -> Self {
        let bits = order.iter().rev().fold(0, |bits, option| bits << 4 | (u64::from(*option) + 1));
        Self { bits, took_ms: 0 }
    }

    fn entries(numbers: impl DoubleEndedIterator<Item = u32>) -> Self {
        let bits = numbers.rev().fold(0, |bits, number| bits << WORD_BITS | (u64::from(number) + 1));
        Self { bits, took_ms: 0 }
    }

    fn named(self, width: u32) -> impl Iterator<Item = usize> {
        let mut bits = self.bits;
        std::iter::from_fn(move || {
            let number = bits & ((1 << width) - 1);
            bits >>= width;
            (number > 0).then(|| number as usize - 1)
        })
    }

    /// What it adds to the tally, by place.
    fn adds(self, spec: &Poll) -> Vec<(usize, u64)> {
        let count = spec.options.len();
        match spec.kind {
            PollKind::Single | PollKind::Multiple | PollKind::Quiz => {
                (0..count).filter(|option| self.bits >> option & 1 == 1).map(|option| (option, 1)).collect()
            }
            PollKind::Rating => vec![((self.bits as usize).saturating_sub(1), 1)],
            PollKind::Ranking => {
                self.named(4).enumerate().map(|(place, option)| (option, (count - place) as u64)).collect()
            }
            PollKind::Words | PollKind::Text => Vec::new(),
        }
    }
}

/// How to read it.
impl PollState {
    /// How many people voted.
    pub fn voters(&self) -> usize {
        self.ballots.len()
    }

    /// Votes by option; by number, less one, of a rating; of a ranking the places from behind, added up.
    pub fn tally(&self) -> &[u64] {
        &self.tally
    }

    /// Its words or texts, in the order in which they came.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// Whether somebody voted.
    pub fn voted(&self, voter: Token) -> bool {
        self.ballots.has(voter)
    }

    /// What somebody voted for: options, a rating, an order, or the numbers of entries.
    pub fn vote_of(&self, voter: Token) -> Option<Vec<u32>> {
        let ballot = *self.ballots.get(voter)?;
        let numbers: Vec<usize> = match self.spec.kind {
            PollKind::Single | PollKind::Multiple | PollKind::Quiz => {
                (0..OPTIONS_MAX).filter(|option| ballot.bits >> option & 1 == 1).collect()
            }
            PollKind::Rating => vec![ballot.bits as usize],
            PollKind::Ranking => ballot.named(4).collect(),
            PollKind::Words | PollKind::Text => ballot.named(WORD_BITS).collect(),
        };
        Some(numbers.into_iter().map(|number| u32::try_from(number).unwrap_or(u32::MAX)).collect())
    }

    /// Who answered a quiz right, with the points that the quiz itself gives, by pseudonym.
    pub fn winners(&self) -> Vec<(Token, u64)> {
        if self.spec.kind != PollKind::Quiz {
            return Vec::new();
        }
        let right = Ballot::options(&self.spec.right).bits;
        let all = self.ballots.sorted().into_iter();
        all.filter(|(_, ballot)| ballot.bits == right).map(|(voter, ballot)| (voter, self.worth(*ballot))).collect()
    }

    /// Points of a right answer: those for speed fall evenly from the moment it opens to the time limit.
    fn worth(&self, ballot: Ballot) -> u64 {
        let limit = u64::from(self.spec.limit_s.unwrap_or(0)) * 1_000;
        let left = limit.saturating_sub(u64::from(ballot.took_ms));
        let speed = u64::from(self.spec.speed_points) * left / limit.max(1);
        u64::from(self.spec.points) + speed
    }

    /// The tally and the counts of entries, counted again from the votes alone.
    pub fn recount(&self) -> (Vec<u64>, Vec<u32>) {
        let (mut tally, mut entries) = (vec![0; self.tally.len()], vec![0; self.entries.len()]);
        for (_, ballot) in self.ballots.sorted() {
            ballot.adds(&self.spec).into_iter().for_each(|(place, count)| tally[place] += count);
            if matches!(self.spec.kind, PollKind::Words | PollKind::Text) {
                ballot.named(WORD_BITS).for_each(|entry| entries[entry] += 1);
            }
        }
        (tally, entries)
    }

    /// Whether a time is past what a quiz allows.
    pub fn is_late(&self, now: Timestamp) -> bool {
        self.spec.limit_s.is_some_and(|limit| now.since(self.opened) > Span::from_seconds(i64::from(limit)))
    }
}

/// What is decided.
impl PollState {
    /// The vote that an answer comes to, and whether it is shown; none when it stands already.
    pub(super) fn vote(
        &self,
        voter: Token,
        answer: &Answer,
        (blocked, refuse): (&Blocked, bool),
        now: Timestamp,
    ) -> Result<Option<Vote>, Refusal> {
        if self.stage != Stage::Open {
            return Err(Refusal::PollNotOpen);
        }
        if self.is_late(now) {
            return Err(Refusal::TimeUp);
        }
        let before = self.ballots.get(voter);
        let vote = self.read(answer, blocked, refuse)?;
        if before.is_some_and(|before| self.ballot(&vote).is_some_and(|ballot| ballot.bits == before.bits)) {
            return Ok(None);
        }
        if before.is_some() && !self.spec.changeable {
            return Err(Refusal::Voted);
        }
        let new = match &vote {
            Vote::Words(words) => words.iter().filter(|word| !self.by_word.contains_key(&word.word)).count(),
            Vote::Text { .. } => 1,
            _ => 0,
        };
        if self.entries.len() + new > ENTRIES_MAX {
            return Err(Refusal::Full(ENTRIES_MAX));
        }
        Ok(Some(vote))
    }

    fn read(&self, answer: &Answer, blocked: &Blocked, refuse: bool) -> Result<Vote, Refusal> {
        let (spec, count) = (&self.spec, self.spec.options.len());
        let distinct = |chosen: &[u8]| {
            let mut chosen = chosen.to_vec();
            chosen.sort_unstable();
            let sound = chosen.windows(2).all(|two| two[0] < two[1]);
            let known = chosen.last().is_none_or(|last| usize::from(*last) < count);
            if sound && known { Ok(chosen) } else { Err(Refusal::NoAnswer("name each option once, from 0")) }
        };
        match (spec.kind, answer) {
            (PollKind::Single, Answer::Options(chosen)) if chosen.len() == 1 => distinct(chosen).map(Vote::Options),
            (PollKind::Multiple | PollKind::Quiz, Answer::Options(chosen)) => {
                let most = if spec.most == 0 { count } else { usize::from(spec.most) };
                if chosen.is_empty() || chosen.len() > most {
                    return Err(Refusal::NoAnswer("choose at least one option, and no more than the poll allows"));
                }
                distinct(chosen).map(Vote::Options)
            }
            (PollKind::Rating, Answer::Rating(stars)) if (1..=spec.highest).contains(stars) => Ok(Vote::Rating(*stars)),
            (PollKind::Ranking, Answer::Ranking(order)) if order.len() == count => {
                distinct(order)?;
                Ok(Vote::Ranking(order.clone()))
            }
            (PollKind::Words, Answer::Words(words)) => self.read_words(words, blocked, refuse),
            (PollKind::Text, Answer::Text(draft)) => {
                text_fits(draft)?;
                anonymously(draft, spec.anonymous)?;
                let standing = self.standing(draft, blocked, refuse)?;
                Ok(Vote::Text { text: draft.text.clone(), standing })
            }
            _ => Err(Refusal::NoAnswer("it is asked in another way")),
        }
    }

    fn read_words(&self, words: &[(Token, Draft)], blocked: &Blocked, refuse: bool) -> Result<Vote, Refusal> {
        if words.is_empty() || words.len() > usize::from(self.spec.most.clamp(1, WORDS_OF_VOTE_MAX)) {
            return Err(Refusal::NoAnswer("name at least one word, and no more than the poll allows"));
        }
        let mut read: Vec<Word> = Vec::new();
        for (word, draft) in words {
            if normalise(&draft.plain).is_none() || draft.plain.len() > TEXT_BYTES_MAX || !word.is_some() {
                return Err(Refusal::invalid("words", format!("has letters or digits, at most {WORD_MAX} each")));
            }
            if read.iter().any(|before| before.word == *word) {
                return Err(Refusal::NoAnswer("name each word once"));
            }
            anonymously(draft, self.spec.anonymous)?;
            let standing = self.standing(draft, blocked, refuse)?;
            let known = self.by_word.contains_key(word);
            read.push(Word { word: *word, text: (!known).then(|| draft.text.clone()), standing });
        }
        Ok(Vote::Words(read))
    }

    fn standing(&self, draft: &Draft, blocked: &Blocked, refuse: bool) -> Result<Standing, Refusal> {
        match (blocked.holds(&draft.plain), self.spec.moderated) {
            (true, _) if refuse => Err(Refusal::BlockedWord),
            (false, false) => Ok(Standing::Shown),
            _ => Ok(Standing::Waiting),
        }
    }

    /// The ballot of a vote, as far as its words are known; none for what is new.
    fn ballot(&self, vote: &Vote) -> Option<Ballot> {
        Some(match vote {
            Vote::Options(chosen) => Ballot::options(chosen),
            Vote::Rating(stars) => Ballot { bits: u64::from(*stars), took_ms: 0 },
            Vote::Ranking(order) => Ballot::ranking(order),
            Vote::Words(words) => {
                let numbers: Option<Vec<u32>> =
                    words.iter().map(|word| self.by_word.get(&word.word).copied()).collect();
                let mut numbers = numbers?;
                numbers.sort_unstable();
                Ballot::entries(numbers.into_iter())
            }
            Vote::Text { .. } => return None,
        })
    }
}

/// How facts change it.
impl PollState {
    pub(super) fn new(spec: Poll, slot: u8) -> Self {
        let places = if spec.kind == PollKind::Rating { usize::from(spec.highest) } else { spec.options.len() };
        Self { tally: vec![0; places], spec, slot, ..Self::default() }
    }

    /// Takes a vote; the number of the key of a text that it replaces is to be destroyed.
    pub(super) fn take(&mut self, voter: Token, vote: &Vote, now: Timestamp) -> Option<u64> {
        let before = self.ballots.remove(voter);
        let mut shred = None;
        if let Some(before) = before {
            self.count(before, false);
            if self.spec.kind == PollKind::Text {
                let entry = before.named(WORD_BITS).next();
                shred = entry.and_then(|entry| self.settle(entry as u32, Standing::Deleted));
            }
        }
        match vote {
            Vote::Words(words) => words.iter().for_each(|word| self.intern(word)),
            Vote::Text { text, standing } => {
                let (word, text, standing) = (Token::NONE, Some(text.clone()), *standing);
                self.entries.push(Entry { word, text, standing, count: 0 });
            }
            _ => {}
        }
        let newest = u32::try_from(self.entries.len()).unwrap_or(u32::MAX).saturating_sub(1);
        let ballot = self.ballot(vote).unwrap_or_else(|| Ballot::entries(std::iter::once(newest)));
        let took = now.since(self.opened).millis().max(0);
        let ballot = Ballot { took_ms: u32::try_from(took).unwrap_or(u32::MAX), ..ballot };
        self.count(ballot, true);
        self.ballots.insert(voter, ballot);
        shred
    }

    fn intern(&mut self, word: &Word) {
        if !self.by_word.contains_key(&word.word) {
            self.by_word.insert(word.word, u32::try_from(self.entries.len()).unwrap_or(u32::MAX));
            let (text, standing) = (word.text.clone(), word.standing);
            self.entries.push(Entry { word: word.word, text, standing, count: 0 });
        }
    }

    fn count(&mut self, ballot: Ballot, on: bool) {
        for (place, count) in ballot.adds(&self.spec) {
            if let Some(tally) = self.tally.get_mut(place) {
                *tally = if on { tally.saturating_add(count) } else { tally.saturating_sub(count) };
            }
        }
        if matches!(self.spec.kind, PollKind::Words | PollKind::Text) {
            for number in ballot.named(WORD_BITS) {
                if let Some(entry) = self.entries.get_mut(number) {
                    entry.count = if on { entry.count.saturating_add(1) } else { entry.count.saturating_sub(1) };
                }
            }
        }
    }

    /// Who sees an entry from here on; the number of the key of one that is deleted.
    pub(super) fn settle(&mut self, entry: u32, standing: Standing) -> Option<u64> {
        let entry = self.entries.get_mut(entry as usize)?;
        entry.standing = standing;
        if standing != Standing::Deleted {
            return None;
        }
        entry.text.take().map(|text| text.key)
    }

    /// The same, with what a snapshot leaves out.
    pub(super) fn ready(mut self) -> Self {
        let words = (0..).zip(&self.entries).filter(|(_, entry)| entry.word.is_some());
        self.by_word = words.map(|(number, entry)| (entry.word, number)).collect();
        self
    }
}

/// What is written without a name does not name the key of a person.
pub(super) fn anonymously(draft: &Draft, anonymous: bool) -> Result<(), Refusal> {
    if anonymous && draft.text.subject != 0 {
        return Err(Refusal::invalid("text", "is sealed under a person's key, which leads to them"));
    }
    Ok(())
}

fn text_fits(draft: &Draft) -> Result<(), Refusal> {
    if draft.plain.trim().is_empty() || draft.plain.len() > TEXT_BYTES_MAX {
        return Err(Refusal::invalid("text", format!("has at least one letter, and at most {TEXT_BYTES_MAX} bytes")));
    }
    Ok(())
}

/// Whether a poll can be asked like this.
pub(super) fn check(poll: &Poll) -> Result<(), Refusal> {
    use PollKind as K;
    line("title", &poll.title)?;
    poll.options.iter().try_for_each(|option| line("options", option))?;
    let (least, most) = match poll.kind {
        K::Single | K::Multiple | K::Quiz => (2, OPTIONS_MAX),
        K::Ranking => (2, RANKED_MAX),
        K::Rating | K::Words | K::Text => (0, 0),
    };
    if !(least..=most).contains(&poll.options.len()) {
        return Err(Refusal::invalid("options", format!("are {least} to {most} for this kind")));
    }
    let most_of_vote = if poll.kind == K::Words { WORDS_OF_VOTE_MAX } else { OPTIONS_MAX as u8 };
    if poll.most > most_of_vote {
        return Err(Refusal::invalid("most", format!("is at most {most_of_vote}")));
    }
    if (poll.kind == K::Rating) != (2..=RATING_MAX).contains(&poll.highest) {
        return Err(Refusal::invalid("highest", format!("is 2 to {RATING_MAX} for ratings, and 0 for others")));
    }
    check_quiz(poll)
}

fn check_quiz(poll: &Poll) -> Result<(), Refusal> {
    let quiz = poll.kind == PollKind::Quiz;
    let sound = poll.right.windows(2).all(|two| two[0] < two[1])
        && poll.right.last().is_none_or(|last| usize::from(*last) < poll.options.len());
    if quiz == poll.right.is_empty() || !sound {
        return Err(Refusal::invalid("right", "names the right options of a quiz, from 0, the lower first"));
    }
    if quiz && poll.most > 0 && poll.right.len() > usize::from(poll.most) {
        return Err(Refusal::invalid("right", "names more options than a vote may"));
    }
    if poll.limit_s.is_some_and(|limit| !quiz || !(1..=LIMIT_S_MAX).contains(&limit)) {
        return Err(Refusal::invalid("limit_s", format!("is 1 to {LIMIT_S_MAX}, for quizzes")));
    }
    if poll.points.max(poll.speed_points) > POINTS_MAX || (!quiz && poll.points.max(poll.speed_points) > 0) {
        return Err(Refusal::invalid("points", format!("are at most {POINTS_MAX}, for quizzes")));
    }
    if poll.speed_points > 0 && poll.limit_s.is_none() {
        return Err(Refusal::invalid("speed_points", "need a time limit"));
    }
    // Whoever has seen what is right could vote again.
    if quiz && (poll.changeable || poll.reopens) {
        return Err(Refusal::invalid("changeable", "and `reopens` are not for quizzes"));
    }
    Ok(())
}

/// The longest line that an organizer writes, in bytes.
pub const LINE_BYTES_MAX: usize = 500;

/// A line that an organizer writes.
pub(super) fn line(field: &str, text: &str) -> Result<(), Refusal> {
    if text.trim().is_empty() || text.len() > LINE_BYTES_MAX || text.chars().any(char::is_control) {
        return Err(Refusal::invalid(field, format!("is a line of 1 to {LINE_BYTES_MAX} bytes")));
    }
    Ok(())
}
