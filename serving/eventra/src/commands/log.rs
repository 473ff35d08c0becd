//! `eventra log`: looks into the log of a directory that nobody serves.

use std::path::PathBuf;
use std::process::ExitCode;

use crate::settings::Settings;

mod export;
mod inspect;
mod mend;

/// What to do with the log.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Lanes, partitions, offsets, sizes; with --frames also the newest frames
    Inspect {
        /// How many of the newest frames of each lane to list
        #[arg(long, default_value_t = 0)]
        frames: usize,
    },
    /// Read every byte of every segment and say what is damaged; exit code 1 when something is
    Verify,
    /// Save what is left of a damaged log; says what it would do unless told that the rest may be given up
    Repair {
        /// Go on without what cannot be read; damaged files are moved aside, not deleted
        #[arg(long)]
        give_up_what_is_unreadable: bool,
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
    // Opening would make an empty log, which a slip in --data-dir must not.
    if !settings.data_dir.join(eventlog::FileOptions::default().directory).is_dir() {
        anyhow::bail!("there is no log in `{}`; --data-dir names the directory", settings.data_dir.display());
    }
    match command {
        Command::Inspect { frames } => inspect::run(settings, *frames),
        Command::Verify => mend::verify(settings),
        Command::Repair { give_up_what_is_unreadable } => mend::repair(settings, *give_up_what_is_unreadable),
        Command::Export { lane, output } => export::run(settings, lane, output.as_deref()),
    }
}
