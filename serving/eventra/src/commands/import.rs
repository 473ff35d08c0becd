//! `eventra import`: files of other systems into the running process.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use serde_json::Value;

use crate::control::{Request, client};
use crate::settings::Settings;

/// What to import.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// A programme: Pentabarf's or EuroPython's XML, the JSON of frab, pretalx or OSCON
    Programme(Arguments),
}

/// Arguments of `eventra import programme`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
The event must be there, for its zone: times that name no offset are in it. Ids follow from the file's own, so the same file
again changes nothing. A file with faults changes nothing at all.

Examples:
  eventra import programme schedule.xml --organization acme --event conf --dry-run
  eventra import programme schedule.json --organization acme --event conf --remove")]
pub(crate) struct Arguments {
    /// The file, at most 16 MiB
    file: PathBuf,
    /// The organization
    #[arg(long, value_name = "ID")]
    organization: String,
    /// The event
    #[arg(long, value_name = "ID")]
    event: String,
    /// Only tell what would change
    #[arg(long)]
    dry_run: bool,
    /// Remove sessions that the file does not have
    #[arg(long)]
    remove: bool,
}

pub(crate) fn run(command: &Command, settings: &Settings) -> anyhow::Result<ExitCode> {
    let Command::Programme(arguments) = command;
    let file = arguments.file.canonicalize().with_context(|| format!("`{}`", arguments.file.display()))?;
    let request = Request::ImportProgramme {
        file,
        organization: arguments.organization.clone(),
        event: arguments.event.clone(),
        dry_run: arguments.dry_run,
        remove: arguments.remove,
    };
    let told: Value = client::ask(settings, &request)?;
    let number = |kind: &str, what: &str| told[kind][what].as_u64().unwrap_or(0);
    println!("{}: {}", told["kind"].as_str().unwrap_or_default(), told["title"].as_str().unwrap_or_default());
    for kind in ["rooms", "tracks", "speakers", "sessions"] {
        let [read, added, changed, missing] = ["read", "added", "changed", "missing"].map(|what| number(kind, what));
        println!("{kind:>9}: {read} in the file, {added} new, {changed} changed, {missing} only here");
    }
    for note in told["notes"].as_array().into_iter().flatten() {
        println!("     note: {}", note.as_str().unwrap_or_default());
    }
    let changes = told["changes"].as_u64().unwrap_or(0);
    println!("{changes} change(s) {}", if arguments.dry_run { "to be made" } else { "made" });
    Ok(ExitCode::SUCCESS)
}
