//! `eventra simulate`: a seeded live conference against the running process.

use std::process::ExitCode;

use indicatif::{ProgressBar, ProgressStyle};
use serde_json::Value;

use crate::control::{Request, Simulation, client};
use crate::settings::Settings;

/// Arguments of `eventra simulate`.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "Example:\n  eventra simulate --seed 7 --rate 2000 --attendees 5000 --duration 60")]
pub(crate) struct Arguments {
    /// The same seed gives the same conference
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Records a second; 0 for as fast as it goes
    #[arg(long, default_value_t = 1_000)]
    rate: u64,
    /// People who attend
    #[arg(long, default_value_t = 5_000, value_parser = clap::value_parser!(u32).range(10..=10_000_000))]
    attendees: u32,
    /// Seconds to go on; without it until Ctrl-C
    #[arg(long, value_name = "SECONDS")]
    duration: Option<u64>,
    /// Play the whole conference, weeks of registration and all days, within so many seconds instead of at a rate
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    within: Option<u64>,
}

pub(crate) fn run(arguments: &Arguments, settings: &Settings) -> anyhow::Result<ExitCode> {
    let simulation = Simulation {
        seed: arguments.seed,
        rate: arguments.rate,
        attendees: arguments.attendees,
        seconds: arguments.duration,
        within_seconds: arguments.within,
    };
    let style = ProgressStyle::with_template("{spinner} {elapsed} {msg}").expect("the template is a constant");
    let spinner = ProgressBar::new_spinner().with_style(style);
    let done: Value = client::ask_watching(settings, &Request::Simulate(simulation), |progress| {
        spinner.set_message(format!("{} records, {} a second", progress["records"], progress["rate"]));
        spinner.tick();
    })?;
    spinner.finish_and_clear();
    println!("{}", serde_json::to_string_pretty(&done)?);
    Ok(ExitCode::SUCCESS)
}
