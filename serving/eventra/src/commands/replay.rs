//! `eventra replay`: a public data set through the front door of the running process.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, bail};
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
    /// Which data set
    #[arg(value_parser = ["userbehavior", "meetup", "talkingdata", "ecommerce"])]
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
    let done = client::ask_watching(settings, &request, |progress| show(&bar, &progress));
    bar.finish_and_clear();
    let done: Value = done?;
    println!("{}", serde_json::to_string_pretty(&done)?);
    let verdict = verdict(&done, &arguments.organization);
    for text in &verdict.warnings {
        eprintln!("warning: {text}");
    }
    match verdict.failure {
        None => Ok(ExitCode::SUCCESS),
        Some(text) => bail!(text),
    }
}

/// What to make of a replay's figures.
#[derive(Debug, Default, PartialEq)]
struct Verdict {
    warnings: Vec<String>,
    failure: Option<String>,
}

fn verdict(done: &Value, organization: &str) -> Verdict {
    let number = |name: &str| done[name].as_u64().unwrap_or(0);
    let (lines, records, dead) = (number("lines"), number("records"), number("dead_letters"));
    let mut verdict = Verdict::default();
    let why = format!("`eventra dead-letters list --organization {organization}` says why");
    if records <= dead {
        verdict.failure = Some(match lines {
            0 => "nothing was accepted: the files hold no rows".into(),
            lines => format!(
                "nothing was accepted: all {lines} lines are dead letters; {why}. Is it the file of another data set?"
            ),
        });
    } else if dead.saturating_mul(2) > lines {
        let share = dead.saturating_mul(100) / lines.max(1);
        verdict.warnings.push(format!("{dead} of {lines} lines ({share} %) are dead letters; {why}"));
    }
    if done["registered"] == false {
        verdict.warnings.push(format!(
            "`{organization}` is no organization here yet, so no key reads its views and no rules apply; apply a file that \
             registers it (for `replay`: ingest/collect/replays.toml) and replay again"
        ));
    }
    verdict
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn of(lines: u64, records: u64, dead: u64) -> Verdict {
        verdict(&json!({"lines": lines, "records": records, "dead_letters": dead, "registered": true}), "acme")
    }

    #[test]
    fn nothing_accepted_is_a_failure_and_mostly_dead_a_warning() {
        assert!(of(0, 0, 0).failure.is_some_and(|text| text.contains("no rows")));
        assert!(of(9, 9, 9).failure.is_some_and(|text| text.contains("all 9 lines") && text.contains("acme")));
        assert_eq!(of(9, 9, 1), Verdict::default());
        let mostly = of(9, 10, 8);
        assert!(mostly.failure.is_none() && mostly.warnings[0].contains("8 of 9 lines (88 %)"), "{mostly:?}");
        // A row may be two records, so that dead lines are counted against lines.
        assert_eq!(of(10, 16, 4), Verdict::default());
    }

    #[test]
    fn an_organization_that_nobody_registered_is_told() {
        let done = json!({"lines": 1, "records": 1, "dead_letters": 0, "registered": false});
        assert!(verdict(&done, "replay").warnings[0].contains("replays.toml"));
    }

    #[test]
    fn every_data_set_is_offered() {
        use clap::Args as _;
        let command = Arguments::augment_args(clap::Command::new("replay"));
        let offered =
            command.get_arguments().find(|argument| argument.get_id() == "dataset").unwrap().get_possible_values();
        let words: Vec<&str> = collect::replay::Dataset::ALL.iter().map(|set| set.word()).collect();
        assert_eq!(offered.iter().map(|value| value.get_name()).collect::<Vec<_>>(), words);
    }
}
