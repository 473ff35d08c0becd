//! `eventra leaderboard`: starts a leaderboard again; what it held stays readable.

use std::process::ExitCode;

use records::Timestamp;

use crate::control::{Request, client};
use crate::settings::Settings;

/// What to do with a leaderboard.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Start every board of a leaderboard again from nothing; what it held is archived
    #[command(after_help = "Example:\n  eventra leaderboard reset engagement --organization acme\n\n\
The archive: GET /v1/views/leaderboards/engagement/archive")]
    Reset {
        /// The leaderboard, as the rules name it
        leaderboard: String,
        /// The organization's id
        #[arg(long, value_name = "ID")]
        organization: String,
    },
}

/// What a reset archived.
#[derive(Debug, serde::Serialize, serde::Deserialize)]
pub(crate) struct Reset {
    /// The reset's log time.
    pub(crate) at: Timestamp,
    /// Boards that held somebody: events, tracks, days, all time.
    pub(crate) boards: u64,
    /// Places on all of them.
    pub(crate) participants: u64,
}

pub(crate) fn run(command: &Command, settings: &Settings) -> anyhow::Result<ExitCode> {
    let Command::Reset { leaderboard, organization } = command;
    let request = Request::ResetLeaderboard { leaderboard: leaderboard.clone(), organization: organization.clone() };
    let reset: Reset = client::ask(settings, &request)?;
    println!(
        "{} board(s) with {} place(s) archived at {}; `{leaderboard}` starts from nothing",
        reset.boards, reset.participants, reset.at
    );
    Ok(ExitCode::SUCCESS)
}
