//! Resets of leaderboards: the fact, and what it archived.

use std::time::Duration;

use anyhow::{Context as _, ensure};
use records::{Fact, FactRow, LeaderboardId, OrganizationId};
use views::as_of::Wanted;

use super::Core;
use crate::commands::leaderboard::Reset;
use crate::facts::{self, Command};

/// How long the views may take to reflect the reset; it stands all the same if they take longer.
const REFLECT_WITHIN: Duration = Duration::from_secs(30);

/// Starts every board of a leaderboard again from nothing; returns what was archived, once the views say so.
///
/// # Errors
/// When the rules in force name no such leaderboard, the log refuses, or the views do not come as far.
pub(super) fn reset(core: &Core, organization: OrganizationId, leaderboard: LeaderboardId) -> anyhow::Result<Reset> {
    let rules = core.rules.read().expect("nothing panics under the lock").rules(organization).cloned();
    let known = rules.iter().flat_map(|rules| rules.points.leaderboards()).map(|known| known.leaderboard);
    let names: Vec<String> = known.clone().map(|known| known.to_string()).collect();
    ensure!(
        known.into_iter().any(|known| known == leaderboard),
        "the rules of `{organization}` name no leaderboard `{leaderboard}`; they name: {}",
        if names.is_empty() { "none".to_owned() } else { names.join(", ") }
    );
    let appended = {
        let mut facts = core.facts.lock();
        let row = FactRow::new(organization, facts.now(), Fact::LeaderboardReset { leaderboard });
        facts.append(&Command { aggregate: facts::aggregate_of_organization(organization), rows: vec![row] })?
    };
    tracing::info!(%organization, %leaderboard, "leaderboard reset");
    let views = core.views();
    let progress = views.leaderboards.progress();
    progress
        .wait_for(Wanted::LogTime(appended.log_time), REFLECT_WITHIN)
        .context("the reset is in the log, but the views are too far behind to show it yet")?;
    let mut reset = Reset { at: appended.log_time, boards: 0, participants: 0 };
    views.leaderboards.scan(|_, fold| {
        let boards = fold.boards(organization).into_iter().filter(|(board, _)| board.leaderboard == leaderboard);
        let archived = boards.flat_map(|(board, _)| fold.archived(&board)).filter(|one| one.at == appended.log_time);
        for archived in archived {
            reset.boards += 1;
            reset.participants += archived.board.participants;
        }
    });
    Ok(reset)
}
