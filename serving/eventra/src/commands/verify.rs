//! `eventra verify`: live figures against a recount of the log and against the warehouse.

use std::process::ExitCode;

use crate::control::{Request, client};
use crate::figures::Comparison;
use crate::settings::Settings;

/// Arguments of `eventra verify`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Exit code 1 when anything differs. The log is recounted while tracking goes on, in the memory of the running \
process: some hundred bytes for each person and thing. All three are compared at one place of the log: what is sent during \
these last seconds waits, and is taken as soon as the comparison is over. How long that was is told."
)]
pub(crate) struct Arguments {
    /// Print JSON instead of a table
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(arguments: &Arguments, settings: &Settings) -> anyhow::Result<ExitCode> {
    let comparison: Comparison = client::ask_watching(settings, &Request::Verify, |progress| {
        if let Some(text) = progress.as_str() {
            eprintln!("{text}");
        }
    })?;
    if arguments.json {
        println!("{}", serde_json::to_string_pretty(&comparison)?);
    } else {
        print!("{}", comparison.table());
    }
    Ok(if comparison.holds() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
