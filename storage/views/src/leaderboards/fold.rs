//! The fold of boards: awards move participants, resets archive. Nothing lands: the warehouse adds up awards.

use std::collections::{BTreeMap, VecDeque};

use records::{OrganizationId, Text, Timestamp, Token};

use super::board::{Board, Input, Named};
use super::ranking::{Entry, Ranking};
use crate::codec::{FixedMap, In, Out};
use crate::shards::WARMED;
use crate::state::{At, Effects, Fold, StateError};

/// Boards of one organization in one bin; past it the oldest is archived. With 256 bins some 260,000 boards.
pub const BOARDS_MAX: usize = 1_024;
/// Participants of one board; past it whoever stands last is dropped and counted.
pub const PARTICIPANTS_MAX: usize = 16 << 20;
/// Archives of one organization in one bin; past it the oldest is dropped and counted. Each is up to 16 kB.
pub const ARCHIVES_MAX: usize = 64;
/// The places that an archive keeps readable here.
pub const ARCHIVED_PLACES: usize = 1_000;

/// What an award did to a board.
enum Outcome {
    /// The participant was there before.
    Moved,
    /// There is one more.
    Joined,
    /// There would be one more than [`PARTICIPANTS_MAX`]: whoever stood last was dropped.
    Full,
}

/// One board's state.
#[derive(Debug, Default)]
pub(super) struct Standing {
    pub(super) track: Text,
    pub(super) generation: u32,
    pub(super) ranking: Ranking,
}

impl Standing {
    fn award(&mut self, participant: Token, points: i64) -> Outcome {
        let before = self.ranking.len();
        self.ranking.add(participant, points);
        if self.ranking.len() > PARTICIPANTS_MAX {
            self.ranking.remove_last();
            return Outcome::Full;
        }
        if self.ranking.len() > before { Outcome::Joined } else { Outcome::Moved }
    }
}

/// What a board held when it was reset or set aside.
#[derive(Debug)]
pub(super) struct Archive {
    pub(super) board: Board,
    pub(super) track: Text,
    pub(super) generation: u32,
    pub(super) at: Timestamp,
    pub(super) participants: u64,
    pub(super) points: i64,
    pub(super) top: Vec<Entry>,
}

#[derive(Debug, Default)]
struct Owner {
    // In the order in which they were made.
    boards: VecDeque<Board>,
    archives: VecDeque<Archive>,
    dropped: u64,
}

/// One bin of all boards.
#[derive(Debug, Default)]
pub struct Leaderboards {
    boards: FixedMap<Board, Box<Standing>>,
    owners: BTreeMap<OrganizationId, Owner>,
    participants: usize,
}

impl Leaderboards {
    pub(super) fn standing(&self, board: &Board) -> Option<&Standing> {
        self.boards.get(board).map(|standing| &**standing)
    }

    pub(super) fn standings(&self) -> impl Iterator<Item = (&Board, &Standing)> {
        self.boards.iter().map(|(board, standing)| (board, &**standing))
    }

    pub(super) fn archives(&self, board: &Board) -> impl Iterator<Item = &Archive> {
        let owner = self.owners.get(&board.organization);
        let board = *board;
        owner.into_iter().flat_map(|owner| owner.archives.iter().rev()).filter(move |archive| archive.board == board)
    }

    /// Participants and archives of an organization that were dropped at a bound.
    pub fn dropped(&self, organization: OrganizationId) -> u64 {
        self.owners.get(&organization).map_or(0, |owner| owner.dropped)
    }

    /// Bytes on the heap of all rankings.
    pub fn bytes(&self) -> usize {
        self.standings().map(|(_, standing)| standing.ranking.bytes()).sum()
    }

    fn award(&mut self, at: At, named: &Named, participant: Token, points: i64) {
        let board = named.board;
        let outcome = match self.boards.get_mut(&board) {
            Some(standing) => standing.award(participant, points),
            None => {
                self.make(at, named);
                let standing = self.boards.get_mut(&board).expect("the board was just made");
                standing.award(participant, points)
            }
        };
        match outcome {
            Outcome::Moved => {}
            Outcome::Joined => self.participants += 1,
            Outcome::Full => self.owners.entry(board.organization).or_default().dropped += 1,
        }
    }

    fn make(&mut self, at: At, named: &Named) {
        let Named { board, track, generation } = named.clone();
        let owner = self.owners.entry(board.organization).or_default();
        owner.boards.push_back(board);
        let oldest = (owner.boards.len() > BOARDS_MAX).then(|| owner.boards.pop_front()).flatten();
        self.boards.insert(board, Box::new(Standing { track, generation, ranking: Ranking::default() }));
        if let Some(standing) = oldest.and_then(|oldest| Some((oldest, self.boards.remove(&oldest)?))) {
            self.archive(at, standing.0, *standing.1);
        }
    }

    fn reset(
        &mut self,
        at: At,
        organization: OrganizationId,
        named: records::LeaderboardId,
        effects: &mut Effects<Self>,
    ) {
        let Some(owner) = self.owners.get(&organization) else { return };
        let boards: Vec<Board> = owner.boards.iter().filter(|board| board.leaderboard == named).copied().collect();
        for board in boards {
            let standing = self.boards.get_mut(&board).expect("owners list the boards that are there");
            let generation = standing.generation + 1;
            if standing.ranking.is_empty() {
                standing.generation = generation;
                continue;
            }
            let next = Standing { track: standing.track.clone(), generation, ranking: Ranking::default() };
            let old = std::mem::replace(&mut **standing, next);
            self.archive(at, board, old);
            effects.changed.push(board);
        }
    }

    fn archive(&mut self, at: At, board: Board, standing: Standing) {
        let ranking = &standing.ranking;
        self.participants -= ranking.len();
        let archive = Archive {
            board,
            track: standing.track.clone(),
            generation: standing.generation,
            at: at.now(),
            participants: ranking.len() as u64,
            points: ranking.from(0, usize::MAX).fold(0, |sum: i64, entry| sum.saturating_add(entry.score)),
            top: ranking.from(0, ARCHIVED_PLACES).collect(),
        };
        let owner = self.owners.entry(board.organization).or_default();
        owner.archives.push_back(archive);
        if owner.archives.len() > ARCHIVES_MAX {
            owner.archives.pop_front();
            owner.dropped += 1;
        }
    }
}

impl Fold for Leaderboards {
    const NAME: &'static str = "leaderboards";
    const VERSION: u32 = 2;
    type Input = Input;
    type Output = ();
    type Key = Board;
    type Row = ();

    /// In three steps, each for all: the loads of one step do not wait for each other, those of the next would.
    fn warm(&self, inputs: &[&Input]) {
        for piece in inputs.chunks(WARMED) {
            let mut numbers = [None; WARMED];
            let mut last: Option<(&Board, &Ranking)> = None;
            for (number, input) in numbers.iter_mut().zip(piece) {
                let Input::Award { board, participant, .. } = input else { continue };
                // Awards of one board come in runs.
                if last.is_none_or(|(other, _)| *other != board.board) {
                    last = self.standing(&board.board).map(|standing| (&board.board, &standing.ranking));
                }
                *number = last.and_then(|(_, ranking)| Some((ranking, ranking.guess(*participant)?)));
            }
            let homes = numbers.map(|number| number.map(|(ranking, number)| (ranking, ranking.home(number))));
            let read = homes.iter().flatten().fold(0, |all, (ranking, home)| all ^ ranking.read(*home));
            std::hint::black_box(read);
        }
    }

    fn apply(&mut self, at: At, input: &Input, effects: &mut Effects<Self>) {
        match input {
            Input::Award { board: named, participant, points } => {
                self.award(at, named, *participant, *points);
                // Awards of one board come in runs: this keeps the list short without a look at all of it.
                if effects.changed.last() != Some(&named.board) {
                    effects.changed.push(named.board);
                }
            }
            Input::Reset(reset) => self.reset(at, reset.organization, reset.leaderboard, effects),
        }
    }

    fn advance(&mut self, _bound: Timestamp, _effects: &mut Effects<Self>) {}

    fn land(&mut self, _rows: &mut Vec<()>) {}

    fn encode(&self, out: &mut Vec<u8>) {
        let mut out = Out::open::<Self>(out);
        out.len(self.owners.len());
        for (organization, owner) in &self.owners {
            out.id(organization.0);
            out.u64(owner.dropped);
            out.len(owner.boards.len());
            for board in &owner.boards {
                board.encode(&mut out);
                let standing = &self.boards[board];
                out.text(&standing.track);
                out.u32(standing.generation);
                encode_entries(&mut out, standing.ranking.len(), standing.ranking.from(0, usize::MAX));
            }
            out.len(owner.archives.len());
            for archive in &owner.archives {
                archive.encode(&mut out);
            }
        }
    }

    fn decode(bytes: &[u8]) -> Result<Self, StateError> {
        let mut input = In::open::<Self>(bytes)?;
        let mut this = Self::default();
        for _ in 0..input.len(4)? {
            let organization = OrganizationId(input.id()?);
            let mut owner = Owner { dropped: input.u64()?, ..Owner::default() };
            for _ in 0..input.len(8)? {
                let board = Board::decode(&mut input)?;
                let (track, generation) = (input.text()?, input.u32()?);
                let entries = decode_entries(&mut input)?;
                let ranking = Ranking::in_order(entries.into_iter()).ok_or_else(|| input.damaged())?;
                this.participants += ranking.len();
                owner.boards.push_back(board);
                let standing = Standing { track, generation, ranking };
                if this.boards.insert(board, Box::new(standing)).is_some() {
                    return Err(input.damaged());
                }
            }
            for _ in 0..input.len(8)? {
                owner.archives.push_back(Archive::decode(&mut input)?);
            }
            this.owners.insert(organization, owner);
        }
        input.done()?;
        Ok(this)
    }

    /// Participants of all boards.
    fn len(&self) -> usize {
        self.participants
    }

    fn is_empty(&self) -> bool {
        self.owners.is_empty()
    }
}

/// Entries in order: the token, and how far the score is below the one before.
fn encode_entries(out: &mut Out<'_>, count: usize, entries: impl Iterator<Item = Entry>) {
    out.len(count);
    let mut last = 0i64;
    for entry in entries {
        out.token(entry.participant);
        out.i64(last.wrapping_sub(entry.score));
        last = entry.score;
    }
}

fn decode_entries(input: &mut In<'_>) -> Result<Vec<Entry>, StateError> {
    let count = input.len(9)?;
    let mut entries = Vec::with_capacity(count);
    let mut last = 0i64;
    for _ in 0..count {
        let participant = input.token()?;
        let score = last.wrapping_sub(input.i64()?);
        last = score;
        entries.push(Entry { participant, score });
    }
    Ok(entries)
}

impl Archive {
    fn encode(&self, out: &mut Out<'_>) {
        self.board.encode(out);
        out.text(&self.track);
        out.u32(self.generation);
        out.time(self.at);
        out.u64(self.participants);
        out.i64(self.points);
        encode_entries(out, self.top.len(), self.top.iter().copied());
    }

    fn decode(input: &mut In<'_>) -> Result<Self, StateError> {
        Ok(Self {
            board: Board::decode(input)?,
            track: input.text()?,
            generation: input.u32()?,
            at: input.time()?,
            participants: input.u64()?,
            points: input.i64()?,
            top: decode_entries(input)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use records::{EventId, LeaderboardId};

    use super::*;
    use crate::laws;
    use crate::leaderboards::Reset;

    const ACME: OrganizationId = OrganizationId(7);

    fn board(event: u128) -> Board {
        Board::event(ACME, LeaderboardId(1), EventId(event))
    }

    fn award(event: u128, participant: u64, points: i64) -> Input {
        let board = Named { board: board(event), track: Text::NONE, generation: 0 };
        Input::Award { board: board.into(), participant: Token(participant), points }
    }

    fn reset() -> Input {
        Input::Reset(Reset { organization: ACME, leaderboard: LeaderboardId(1) }.into())
    }

    fn run(inputs: Vec<Input>) -> Leaderboards {
        let log = laws::log(Timestamp(0), inputs.into_iter().map(|input| (1, input)));
        laws::whole::<Leaderboards>(&log).0
    }

    /// The naive twin: every score since the last reset from the whole list, sorted by (score, when reached).
    fn twin(inputs: &[Input], event: u128) -> Vec<(u64, i64)> {
        let mut scores = BTreeMap::<u64, (i64, usize)>::new();
        for (step, input) in inputs.iter().enumerate() {
            match input {
                Input::Reset(_) => scores.clear(),
                Input::Award { board: on, participant, points } if on.board == board(event) => {
                    let score = scores.entry(participant.0).or_insert((0, step));
                    if *points != 0 {
                        *score = (score.0 + points, step);
                    }
                }
                Input::Award { .. } => {}
            }
        }
        let mut list: Vec<_> = scores.into_iter().collect();
        list.sort_by_key(|(_, (score, step))| (-score, *step));
        list.into_iter().map(|(who, (score, _))| (who, score)).collect()
    }

    fn standings(fold: &Leaderboards, event: u128) -> Vec<(u64, i64)> {
        let top = fold.top(&board(event), 0, 1_000);
        top.map_or(Vec::new(), |top| top.places.iter().map(|place| (place.participant.0, place.score)).collect())
    }

    #[test]
    fn neighbours_stand_around_the_exact_rank() {
        let fold = run((1..=9).map(|who| award(1, who, 10 * who.cast_signed())).collect());
        let found = fold.place(&board(1), Token(5), 2).unwrap();
        assert_eq!(found.place, Place5::at(5, 5));
        assert_eq!(found.above, [Place5::at(3, 7), Place5::at(4, 6)]);
        assert_eq!(found.below, [Place5::at(6, 4), Place5::at(7, 3)]);
        assert_eq!(fold.place(&board(1), Token(9), 2).unwrap().above, []);
        assert!(fold.place(&board(1), Token(99), 2).is_none());
    }

    struct Place5;
    impl Place5 {
        fn at(rank: u64, who: u64) -> super::super::Place {
            super::super::Place { rank, participant: Token(who), score: 10 * who.cast_signed() }
        }
    }

    #[test]
    fn a_reset_archives_and_starts_again() {
        let fold = run(vec![award(1, 1, 5), award(1, 2, 9), reset(), award(1, 1, 1)]);
        assert_eq!(standings(&fold, 1), [(1, 1)]);
        let archived = fold.archived(&board(1));
        assert_eq!(archived.len(), 1);
        assert_eq!((archived[0].points, archived[0].board.participants, archived[0].at), (14, 2, Timestamp(3)));
        assert_eq!(archived[0].places[0].participant, Token(2));
        assert_eq!(fold.top(&board(1), 0, 1).unwrap().board.generation, 1);
    }

    #[test]
    fn the_oldest_board_is_archived_at_the_bound() {
        let fold = run((0..=BOARDS_MAX as u128).map(|event| award(event + 1, 1, 5)).collect());
        assert!(fold.top(&board(1), 0, 1).is_none());
        assert_eq!(fold.archived(&board(1)).len(), 1);
        assert_eq!(fold.boards(ACME).len(), BOARDS_MAX);
    }

    #[test]
    fn answers_are_plain_json() {
        let fold = run(vec![award(1, 255, 5)]);
        let answer = serde_json::to_value(fold.top(&board(1), 0, 10).unwrap()).unwrap();
        assert_eq!(answer["places"][0], serde_json::json!({"rank": 1, "participant": "00000000000000ff", "score": 5}));
        assert_eq!(answer["board"]["scope"], "event");
    }

    fn inputs() -> impl Strategy<Value = Vec<Input>> {
        let one = prop_oneof![
            30 => (1u128..4, 1u64..30, -5i64..20).prop_map(|(event, who, points)| award(event, who, points)),
            1 => Just(reset()),
        ];
        proptest::collection::vec(one, 1..150)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]
        #[test]
        fn boards_equal_their_naive_twin_and_keep_the_laws(inputs in inputs(), chance: u64) {
            let log = laws::log(Timestamp(0), inputs.iter().map(|input| (1, input.clone())));
            let fold = laws::whole::<Leaderboards>(&log).0;
            for event in 1..4 {
                prop_assert_eq!(standings(&fold, event), twin(&inputs, event));
            }
            let ask = |fold: &Leaderboards| {
                let all = (1..4).map(|event| (fold.top(&board(event), 0, 99), fold.archived(&board(event))));
                (all.collect::<Vec<_>>(), fold.place(&board(1), Token(3), 4), fold.len())
            };
            laws::check::<Leaderboards, _, _>(&log, chance, ask, |_| ());
        }
    }
}
