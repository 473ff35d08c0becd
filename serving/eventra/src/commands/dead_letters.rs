//! `eventra dead-letters`: what could not be read, and sending it again after a fix.

use std::process::ExitCode;

use serde_json::Value;

use crate::control::{Request, client};
use crate::settings::Settings;

/// What to do with dead letters.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// List the newest: when, why, which field
    List {
        /// The organization's id
        #[arg(long, value_name = "ID")]
        organization: String,
        /// The most to list
        #[arg(long, default_value_t = 20)]
        limit: usize,
    },
    /// Send all of them through the door again; those that are right now become records
    Replay,
}

/// One dead letter, as the list shows it. The original stays sealed.
#[derive(Debug, serde::Serialize, serde::Deserialize)]
pub(crate) struct Letter {
    /// When the log took it.
    pub(crate) at: String,
    /// Why it could not be read.
    pub(crate) reason: String,
    /// The field, when one is to blame.
    pub(crate) field: String,
    /// Its place in the log.
    pub(crate) position: String,
}

pub(crate) fn run(command: &Command, settings: &Settings) -> anyhow::Result<ExitCode> {
    match command {
        Command::List { organization, limit } => {
            let request = Request::DeadLetters { organization: organization.clone(), limit: *limit };
            let letters: Vec<Letter> = client::ask(settings, &request)?;
            println!("{:<28} {:<32} {:<24} position", "at", "reason", "field");
            for letter in &letters {
                println!("{:<28} {:<32} {:<24} {}", letter.at, letter.reason, letter.field, letter.position);
            }
        }
        Command::Replay => {
            let done: Value = client::ask(settings, &Request::ReplayDeadLetters)?;
            println!("{}", serde_json::to_string_pretty(&done)?);
        }
    }
    Ok(ExitCode::SUCCESS)
}
