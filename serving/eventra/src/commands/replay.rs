//! `eventra replay`: a public data set through the front door of the running process.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::Value;

use crate::control::{Request, client};
use crate::settings::Settings;

/// What the help says below the options. The mapping of each set is in `ingest/collect/README.md`.
const EXPLAINED: &str = "\
Sets, their usual order, and what is late in it:
  userbehavior  file order, which is the order of event time: nothing is late
  meetup        file order, as the stream delivered it: most answers are late;
                re-deliveries count once
  talkingdata   event time: nothing is late (with `--order file` nearly everything is)
  ecommerce     event time: nothing is late; each row is a registration and an order

A record is late by what it lies behind the largest event time that went out before it.
What happens then is each view's policy in the organization's rules: a bound, and `correct`
(it still counts) or `exclude` (it is only counted as late). Without rules: campaigns
exclude after 10 seconds; windows, fraud, segments and recommendations correct after 1 hour.
Leaderboards, funnels and visits always count. Segments run by log time: a replay counts as
of its replay. Event time is sorted in a buffer of 131,072 records: each of these files whole.

Examples:
  eventra apply ingest/collect/replays.toml
  eventra replay userbehavior userbehavior_hour1.csv.zst --speed max
  eventra replay meetup meetup_rsvps.jsonl.zst --speed 60
  eventra replay talkingdata talkingdata_clicks.csv.zst --order file

A replay that was broken off goes on: rows in the log are known by their file and line.";

/// Arguments of `eventra replay`.
#[derive(Debug, clap::Args)]
#[command(after_help = EXPLAINED)]
pub(crate) struct Arguments {
    /// Which data set: userbehavior, meetup, talkingdata or ecommerce
    dataset: String,
    /// The files, plain or compressed
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// Times real speed by the data's own clock, or `max`
    #[arg(long, default_value = "max", value_parser = speed)]
    speed: Speed,
    /// `file` or `event-time`; without it the set's usual one, see below
    #[arg(long, value_parser = ["file", "event-time"])]
    order: Option<String>,
    /// The organization to replay into
    #[arg(long, default_value = "replay", value_name = "ID")]
    organization: String,
}

/// How fast to go; none is as fast as it goes.
#[derive(Debug, Clone, Copy)]
struct Speed(Option<f64>);

fn speed(text: &str) -> Result<Speed, String> {
    if text == "max" {
        return Ok(Speed(None));
    }
    match text.parse::<f64>() {
        Ok(times) if times > 0.0 && times.is_finite() => Ok(Speed(Some(times))),
        _ => Err("must be `max` or a positive number".into()),
    }
}

pub(crate) fn run(arguments: &Arguments, settings: &Settings) -> anyhow::Result<ExitCode> {
    let files: Vec<PathBuf> = arguments
        .files
        .iter()
        .map(|file| file.canonicalize().with_context(|| format!("`{}`", file.display())))
        .collect::<anyhow::Result<_>>()?;
    let request = Request::Replay {
        dataset: arguments.dataset.clone(),
        files,
        speed: arguments.speed.0,
        order: arguments.order.clone(),
        organization: arguments.organization.clone(),
    };
    let bar = progress_bar();
    let done: Value = client::ask_watching(settings, &request, |progress| show(&bar, &progress))?;
    bar.finish_and_clear();
    println!("{}", serde_json::to_string_pretty(&done)?);
    Ok(ExitCode::SUCCESS)
}

/// A bar over bytes read, with the records so far.
pub(crate) fn progress_bar() -> ProgressBar {
    let style = ProgressStyle::with_template("[{bar:30}] {bytes}/{total_bytes} {msg} eta {eta}")
        .expect("the template is a constant")
        .progress_chars("=> ");
    ProgressBar::new(0).with_style(style)
}

fn show(bar: &ProgressBar, progress: &Value) {
    let number = |name: &str| progress[name].as_u64().unwrap_or(0);
    bar.set_length(number("bytes_total"));
    bar.set_position(number("bytes"));
    bar.set_message(format!("{} records, {} dead letters", number("records"), number("dead_letters")));
}
