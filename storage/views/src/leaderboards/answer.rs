//! What readers get about boards. Serialised as it is by the API; field names are part of the contract.

use records::{EventId, LeaderboardId, Timestamp, Token};
use rules::points::Scope;
use serde::Serialize;

use super::fold::{Archive, Leaderboards, Standing};
use super::{Board, Entry};

/// The most places of one answer.
pub const PLACES_MAX: usize = 1_000;

/// One participant's place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct Place {
    /// 1 for the first. Exact: among equal scores, whoever reached the score first stands first.
    pub rank: u64,
    /// The pseudonym, 16 hexadecimal digits.
    #[serde(serialize_with = "crate::codec::as_text")]
    #[schemars(with = "Token")]
    pub participant: Token,
    /// Points.
    pub score: i64,
}

/// Which board an answer is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct BoardInfo {
    /// The leaderboard.
    pub leaderboard: LeaderboardId,
    /// `event`, `track`, `day` or `all_time`.
    pub scope: Scope,
    /// The event; null for all time.
    pub event: EventId,
    /// The track, on boards of tracks.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub track: Option<String>,
    /// The day as `YYYY-MM-DD`, on boards of days.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub day: Option<String>,
    /// How often the board was reset before.
    pub generation: u32,
    /// How many have a score.
    pub participants: u64,
}

/// The best places of a board.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct Top {
    /// The board.
    pub board: BoardInfo,
    /// Highest first.
    pub places: Vec<Place>,
}

/// One participant with its neighbours.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct Neighbourhood {
    /// The board.
    pub board: BoardInfo,
    /// The participant's own place.
    pub place: Place,
    /// Those right before, highest first.
    pub above: Vec<Place>,
    /// Those right behind, highest first.
    pub below: Vec<Place>,
}

/// What a board held when it was reset or set aside.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct Archived {
    /// The board as it was.
    pub board: BoardInfo,
    /// Log time of the reset, microseconds since 1970.
    pub at: Timestamp,
    /// The sum of all scores.
    pub points: i64,
    /// The first 1,000; the others are in the warehouse.
    pub places: Vec<Place>,
}

fn info(board: &Board, track: &str, generation: u32, participants: u64) -> BoardInfo {
    BoardInfo {
        leaderboard: board.leaderboard,
        scope: board.scope,
        event: board.event,
        track: (board.scope == Scope::Track).then(|| track.to_owned()),
        day: board.on().map(|day| day.date()),
        generation,
        participants,
    }
}

fn places(from: u64, entries: impl Iterator<Item = Entry>) -> Vec<Place> {
    (from + 1..)
        .zip(entries)
        .map(|(rank, entry)| Place { rank, participant: entry.participant, score: entry.score })
        .collect()
}

impl Standing {
    fn info(&self, board: &Board) -> BoardInfo {
        info(board, &self.track, self.generation, self.ranking.len() as u64)
    }

    fn places(&self, from: u64, count: usize) -> Vec<Place> {
        // A rank without neighbours is the most frequent question: nothing is looked for then.
        if count == 0 {
            return Vec::new();
        }
        places(from, self.ranking.from(from, count.min(PLACES_MAX)))
    }
}

impl Leaderboards {
    /// The best `count` places (at most [`PLACES_MAX`]) after the first `skip`; none when there is no such board.
    pub fn top(&self, board: &Board, skip: u64, count: usize) -> Option<Top> {
        let standing = self.standing(board)?;
        Some(Top { board: standing.info(board), places: standing.places(skip, count) })
    }

    /// A participant's exact place with up to `around` neighbours on either side.
    pub fn place(&self, board: &Board, participant: Token, around: usize) -> Option<Neighbourhood> {
        let standing = self.standing(board)?;
        let (position, score) = standing.ranking.place(participant)?;
        let around = around.min(PLACES_MAX);
        let first = position.saturating_sub(around as u64);
        let above = standing.places(first, usize::try_from(position - first).expect("at most PLACES_MAX"));
        let place = Place { rank: position + 1, participant, score };
        let below = standing.places(position + 1, around);
        Some(Neighbourhood { board: standing.info(board), place, above, below })
    }

    /// The boards of an organization in this bin, sorted. Boards are spread over all bins: scan for a whole list.
    pub fn boards(&self, organization: records::OrganizationId) -> Vec<(Board, BoardInfo)> {
        let mut boards: Vec<_> = self.standings().filter(|(board, _)| board.organization == organization).collect();
        boards.sort_unstable_by_key(|(board, _)| **board);
        boards.into_iter().map(|(board, standing)| (*board, standing.info(board))).collect()
    }

    /// What the board held before each reset, newest first.
    pub fn archived(&self, board: &Board) -> Vec<Archived> {
        self.archives(board).map(Archive::answer).collect()
    }
}

impl Archive {
    fn answer(&self) -> Archived {
        Archived {
            board: info(&self.board, &self.track, self.generation, self.participants),
            at: self.at,
            points: self.points,
            places: places(0, self.top.iter().copied()),
        }
    }
}
