//! One row of the table: printed for people, written as JSON for machines.

use std::path::PathBuf;

use eventlog::clock::{Clock, SystemClock};
use serde::Serialize;

use crate::rounds::Rounds;

/// A row of the benchmark table.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Row {
    /// The row's name in the table.
    pub(crate) name: &'static str,
    /// What `ours` and `peer` are counted in.
    pub(crate) unit: &'static str,
    /// Our figure.
    pub(crate) ours: f64,
    /// The peer's figure; none when the peer was not asked for.
    pub(crate) peer: Option<f64>,
    /// Who the peer is; `published` marks a figure that was not measured here.
    pub(crate) peer_name: String,
    /// Ours over the peer's.
    pub(crate) ratio: Option<f64>,
    /// The goal as the table states it.
    pub(crate) goal: &'static str,
    /// Whether every part of the goal that was measured holds.
    pub(crate) holds: bool,
    /// Further figures of the row by name.
    pub(crate) parts: Vec<Part>,
    /// The command that measures it again.
    pub(crate) command: String,
    /// The machine.
    pub(crate) machine: String,
    /// When, RFC 3339.
    pub(crate) date: String,
}

/// A further figure of a row.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Part {
    pub(crate) name: String,
    pub(crate) unit: &'static str,
    pub(crate) value: f64,
}

impl Row {
    /// A row without its peer yet.
    pub(crate) fn new(name: &'static str, unit: &'static str, ours: f64, goal: &'static str, holds: bool) -> Self {
        Self {
            name,
            unit,
            ours,
            peer: None,
            peer_name: String::new(),
            ratio: None,
            goal,
            holds,
            parts: Vec::new(),
            command: std::env::args()
                .skip(1)
                .fold("cargo run --release -p load --".to_owned(), |all, one| all + " " + &one),
            machine: machine(),
            date: SystemClock.now().to_string(),
        }
    }

    /// A row of interleaved rounds that holds when the ratio reaches `at_least`.
    pub(crate) fn of_rounds(
        name: &'static str,
        unit: &'static str,
        rounds: &Rounds,
        peer_name: &str,
        goal: &'static str,
        at_least: f64,
    ) -> Self {
        Self {
            peer: Some(rounds.peer),
            peer_name: peer_name.into(),
            ratio: Some(rounds.ratio),
            ..Self::new(name, unit, rounds.ours, goal, rounds.ratio >= at_least)
        }
        .part("ratio, lower quartile", "", rounds.spread.0)
        .part("ratio, upper quartile", "", rounds.spread.1)
    }

    /// Adds a further figure.
    #[must_use]
    pub(crate) fn part(mut self, name: impl Into<String>, unit: &'static str, value: f64) -> Self {
        self.parts.push(Part { name: name.into(), unit, value });
        self
    }
}

/// Prints a row and writes it to `target/bench/NAME.json` of the checkout, wherever cargo's target directory is.
pub(crate) fn write(row: &Row) -> anyhow::Result<()> {
    print(row);
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../target/bench");
    std::fs::create_dir_all(&folder)?;
    let mut text = serde_json::to_string_pretty(row)?;
    text.push('\n');
    std::fs::write(folder.join(format!("{}.json", row.name)), text)?;
    Ok(())
}

fn print(row: &Row) {
    let peer = match (row.peer, row.ratio) {
        (Some(peer), Some(ratio)) => format!("{} {} {}, ratio {ratio:.2}", row.peer_name, short(peer), row.unit),
        _ if row.peer_name.is_empty() => "no peer".to_owned(),
        _ => format!("{}: not measured", row.peer_name),
    };
    let word = if row.holds { "holds" } else { "SHORT" };
    println!("{:22} {} {} | {peer} | goal {}: {word}", row.name, short(row.ours), row.unit, row.goal);
    for part in &row.parts {
        println!("{:22}   {}: {} {}", "", part.name, short(part.value), part.unit);
    }
}

/// A figure with three digits or so.
pub(crate) fn short(figure: f64) -> String {
    match figure.abs() {
        size if size >= 1e9 => format!("{:.2} G", figure / 1e9),
        size if size >= 1e6 => format!("{:.2} M", figure / 1e6),
        size if size >= 1e4 => format!("{:.1} k", figure / 1e3),
        size if size >= 100.0 => format!("{figure:.0}"),
        _ => format!("{figure:.2}"),
    }
}

/// Processor, cores and memory.
fn machine() -> String {
    let field = |file: &str, name: &str| {
        let text = std::fs::read_to_string(file).unwrap_or_default();
        let line = text.lines().find(|line| line.starts_with(name)).unwrap_or("").to_owned();
        line.split_once(':').map(|(_, value)| value.trim().to_owned()).unwrap_or_default()
    };
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let kib: u64 =
        field("/proc/meminfo", "MemTotal").split_ascii_whitespace().next().and_then(|n| n.parse().ok()).unwrap_or(0);
    format!("{}, {cores} cores, {} GiB", field("/proc/cpuinfo", "model name"), kib >> 20)
}
