//! `eventra log`: looks into the log of a directory that nobody serves.

use std::path::PathBuf;
use std::process::ExitCode;

use crate::settings::Settings;

mod export;
mod inspect;

/// What to do with the log.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Lanes, partitions, offsets, sizes; with --frames also the newest frames
    Inspect {
        /// How many of the newest frames of each lane to list
        #[arg(long, default_value_t = 0)]
        frames: usize,
    },
    /// Write records as JSON lines, with their places; personal fields stay sealed
    Export {
        /// `activity` or `facts`
        #[arg(long, default_value = "activity")]
        lane: String,
        /// The file to write; standard output without it
        #[arg(long)]
        output: Option<PathBuf>,
    },
}

pub(crate) fn run(command: &Command, settings: &Settings) -> anyhow::Result<ExitCode> {
    match command {
        Command::Inspect { frames } => inspect::run(settings, *frames),
        Command::Export { lane, output } => export::run(settings, lane, output.as_deref()),
    }
}
