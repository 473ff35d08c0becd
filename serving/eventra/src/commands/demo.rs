//! `eventra demo`: a conference from nothing, in one process; and with `--crash`, one that is killed again and again.

mod crash;
mod live;
mod setting;

use std::process::ExitCode;

use crate::settings::Loaded;

/// Arguments of `eventra demo`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Without a terminal it ends by itself after DEMO_SECONDS (60), with exit code 0 only if the live figures\n\
equal a recount of the log and of the warehouse."
)]
pub(crate) struct Arguments {
    /// Kill process and engine at random under load, restart, and compare
    #[arg(long)]
    crash: bool,
    /// Decides the conference; another one each time without it
    #[arg(long)]
    seed: Option<u64>,
    /// Records a second, on average over the conference
    #[arg(long, default_value_t = 2_000, value_parser = clap::value_parser!(u64).range(10..=1_000_000))]
    rate: u64,
    /// Kills, with --crash
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    rounds: u32,
}

pub(crate) fn run(arguments: &Arguments, loaded: &Loaded) -> anyhow::Result<ExitCode> {
    if arguments.crash { crash::run(arguments, loaded) } else { live::run(arguments, loaded) }
}
