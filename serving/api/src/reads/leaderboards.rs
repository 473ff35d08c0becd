//! Leaderboards: the best places, one participant's place with neighbours, what was archived.

use axum::extract::State;
use records::{EventId, LeaderboardId, OrganizationId};
use rules::points::Scope;
use schemars::JsonSchema;
use serde::Deserialize;
use views::leaderboards::{Archived, Board, BoardInfo, Neighbourhood, Top};

use super::extract::{Caller, Date, Id, Named, Params, absent, person, rows};
use crate::Api;
use crate::answer::Answer;
use crate::problem::{Code, Problem};

/// Neighbours on either side when not said.
const AROUND: usize = 3;

#[derive(Deserialize, JsonSchema)]
pub(crate) struct Which {
    /// What the board ranks over; what else is given says it otherwise: a track, a day, an event, or all time.
    scope: Option<Scope>,
    /// The event, by its id.
    #[serde(default)]
    event: EventId,
    /// The track of the event.
    track: Option<String>,
    /// The day of the event, in the event's time zone.
    day: Option<Date>,
    /// Places to leave out at the top.
    skip: Option<u64>,
    /// Places to answer with, 1 to 1,000; 10 by default.
    limit: Option<usize>,
    /// Neighbours on either side, at most 1,000; 3 by default.
    around: Option<usize>,
}

impl Which {
    pub(crate) fn board(&self, organization: OrganizationId, leaderboard: LeaderboardId) -> Result<Board, Problem> {
        let wrong = |detail: &str| Problem::new(Code::ParameterWrong, detail);
        // What is given says which scope is meant, unless it is said.
        let scope = self.scope.unwrap_or(match (&self.track, &self.day, self.event.is_some()) {
            (Some(_), ..) => Scope::Track,
            (_, Some(_), _) => Scope::Day,
            (.., true) => Scope::Event,
            _ => Scope::AllTime,
        });
        match scope {
            Scope::AllTime => Ok(Board::all_time(organization, leaderboard)),
            Scope::Event => Ok(Board::event(organization, leaderboard, self.event)),
            Scope::Track => {
                let track = self.track.as_deref().ok_or_else(|| wrong("the scope `track` needs `track`"))?;
                Ok(Board::track(organization, leaderboard, self.event, track))
            }
            Scope::Day => {
                let day = self.day.ok_or_else(|| wrong("the scope `day` needs `day`, such as 2026-11-20"))?;
                Ok(Board::day(organization, leaderboard, self.event, day.0))
            }
        }
    }
}

/// Every board of the organization that has a participant.
pub(crate) async fn list(caller: Caller) -> Answer<Vec<BoardInfo>> {
    let mut boards = Vec::new();
    let as_of = caller.views.leaderboards.scan(|_, fold| boards.extend(fold.boards(caller.organization)));
    boards.sort_unstable_by_key(|(board, _)| *board);
    boards.truncate(crate::limits::ROWS_MAX);
    Answer { as_of, data: boards.into_iter().map(|(_, info)| info).collect() }
}

/// The best places of one board.
pub(crate) async fn top(
    caller: Caller,
    Named(Id(leaderboard)): Named<Id<LeaderboardId>>,
    Params(which): Params<Which>,
) -> Result<Answer<Top>, Problem> {
    let board = which.board(caller.organization, leaderboard)?;
    let (skip, count) = (which.skip.unwrap_or(0), rows(which.limit));
    let (data, as_of) = caller.views.leaderboards.read(board.hash(), |fold| fold.top(&board, skip, count));
    data.map(|data| Answer { as_of, data }).ok_or_else(|| absent("board"))
}

/// One participant's exact place, with neighbours.
pub(crate) async fn place(
    State(api): State<Api>,
    caller: Caller,
    Named((Id(leaderboard), who)): Named<(Id<LeaderboardId>, String)>,
    Params(which): Params<Which>,
) -> Result<Answer<Neighbourhood>, Problem> {
    let board = which.board(caller.organization, leaderboard)?;
    let participant = person(&api, caller.organization, &who)?;
    let around = which.around.unwrap_or(AROUND).min(crate::limits::ROWS_MAX);
    let (data, as_of) = caller.views.leaderboards.read(board.hash(), |fold| fold.place(&board, participant, around));
    data.map(|data| Answer { as_of, data }).ok_or_else(|| absent("place"))
}

/// What a board held before each reset.
pub(crate) async fn archive(
    caller: Caller,
    Named(Id(leaderboard)): Named<Id<LeaderboardId>>,
    Params(which): Params<Which>,
) -> Result<Answer<Vec<Archived>>, Problem> {
    let board = which.board(caller.organization, leaderboard)?;
    let (data, as_of) = caller.views.leaderboards.read(board.hash(), |fold| fold.archived(&board));
    Ok(Answer { as_of, data })
}
