//! Resets of leaderboards: the fact, and what it archived.

use std::time::Duration;

use anyhow::Context as _;
use records::{LeaderboardId, OrganizationId};
use rules::office::Wish;
use views::as_of::Wanted;

use super::Core;
use crate::commands::leaderboard::Reset;
use crate::facts;

/// How long the views may take to reflect the reset; it stands all the same if they take longer.
const REFLECT_WITHIN: Duration = Duration::from_secs(30);

/// Starts every board of a leaderboard again from nothing; returns what was archived, once the views say so.
///
/// # Errors
/// When the rules in force name no such leaderboard, the log refuses, or the views do not come as far.
pub(super) fn reset(core: &Core, organization: OrganizationId, leaderboard: LeaderboardId) -> anyhow::Result<Reset> {
    let done = core.facts()?.decide(facts::own(organization, Wish::ResetLeaderboard { leaderboard }))?;
    let at = done.at.context("a reset is always a fact")?.log_time;
    tracing::info!(%organization, %leaderboard, "leaderboard reset");
    let views = core.views();
    let progress = views.leaderboards.progress();
    progress
        .wait_for(Wanted::LogTime(at), REFLECT_WITHIN)
        .context("the reset is in the log, but the views are too far behind to show it yet")?;
    let mut reset = Reset { at, boards: 0, participants: 0 };
    views.leaderboards.scan(|_, fold| {
        let boards = fold.boards(organization).into_iter().filter(|(board, _)| board.leaderboard == leaderboard);
        let archived = boards.flat_map(|(board, _)| fold.archived(&board)).filter(|one| one.at == at);
        for archived in archived {
            reset.boards += 1;
            reset.participants += archived.board.participants;
        }
    });
    Ok(reset)
}
