//! One row of the table: printed for people, written as JSON for machines; and all of them once more at the end.

use std::path::PathBuf;

use eventlog::clock::{Clock, SystemClock};
use serde::Serialize;

use crate::rounds::Rounds;

/// Tells people what a row is doing, on standard error.
macro_rules! say {
    ($($words:tt)*) => { eprintln!("  {}", format_args!($($words)*)) };
}
pub(crate) use say;

/// A row of the benchmark table.
#[derive(Debug, Clone)]
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
}

/// What is to be said of a row's goal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Every part of the goal holds.
    Holds,
    /// Some part does not.
    Short,
    /// The goal is about a peer that was not asked for.
    Unmeasured,
}

impl Verdict {
    const fn word(self) -> &'static str {
        match self {
            Self::Holds => "holds",
            Self::Short => "SHORT",
            Self::Unmeasured => "needs --peers",
        }
    }
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
        Self { name, unit, ours, peer: None, peer_name: String::new(), ratio: None, goal, holds, parts: Vec::new() }
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

    /// What is to be said of the goal.
    pub(crate) fn verdict(&self) -> Verdict {
        match self.holds {
            true => Verdict::Holds,
            false if self.peer.is_none() && !self.peer_name.is_empty() => Verdict::Unmeasured,
            false => Verdict::Short,
        }
    }
}

/// A row as machines read it.
#[derive(Serialize)]
struct Written<'a> {
    name: &'a str,
    unit: &'a str,
    ours: f64,
    peer: Option<f64>,
    peer_name: &'a str,
    ratio: Option<f64>,
    goal: &'a str,
    /// None when the goal is about a peer that was not asked for.
    holds: Option<bool>,
    command: &'a str,
    machine: String,
    /// RFC 3339.
    date: String,
}

/// Prints a row and writes it to `target/bench/NAME.json` of the checkout, wherever cargo's target directory is; its
/// further figures to `target/bench/parts/NAME.json`. `command` measures it again.
pub(crate) fn write(row: &Row, command: &str) -> anyhow::Result<()> {
    print(row);
    let written = Written {
        name: row.name,
        unit: row.unit,
        ours: row.ours,
        peer: row.peer,
        peer_name: &row.peer_name,
        ratio: row.ratio,
        goal: row.goal,
        holds: (row.verdict() != Verdict::Unmeasured).then_some(row.holds),
        command,
        machine: machine(),
        date: SystemClock.now().to_string(),
    };
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../target/bench");
    save(&folder, row.name, &written)?;
    save(&folder.join("parts"), row.name, &row.parts)
}

fn save(folder: &std::path::Path, name: &str, content: &impl Serialize) -> anyhow::Result<()> {
    std::fs::create_dir_all(folder)?;
    let mut text = serde_json::to_string_pretty(content)?;
    text.push('\n');
    Ok(std::fs::write(folder.join(format!("{name}.json")), text)?)
}

fn print(row: &Row) {
    let peer = match (row.peer, row.ratio) {
        (Some(peer), Some(ratio)) => format!("{} {} {}, ratio {ratio:.2}", row.peer_name, short(peer), row.unit),
        _ if row.peer_name.is_empty() => "no peer".to_owned(),
        _ => format!("{}: not measured", row.peer_name),
    };
    let word = row.verdict().word();
    println!("{:22} {} {} | {peer} | goal {}: {word}", row.name, short(row.ours), row.unit, row.goal);
    for part in &row.parts {
        println!("{:22}   {}: {} {}", "", part.name, short(part.value), part.unit);
    }
}

/// The table of a run; `failed` are rows that could not be measured.
pub(crate) fn summary(rows: &[Row], failed: &[&str]) -> String {
    let figure = |value: Option<f64>| value.map_or_else(|| "-".to_owned(), short);
    let mut lines = vec![["name", "ours", "peer", "ratio", "", "goal"].map(str::to_owned)];
    lines.extend(rows.iter().map(|row| {
        let ratio = row.ratio.map_or_else(|| "-".to_owned(), |ratio| format!("{ratio:.2}"));
        let words = [row.name, row.verdict().word(), row.goal].map(str::to_owned);
        let [name, word, goal] = words;
        [name, short(row.ours), figure(row.peer), ratio, word, goal]
    }));
    let none = || "-".to_owned();
    lines.extend(failed.iter().map(|name| [(*name).to_owned(), none(), none(), none(), "FAILED".to_owned(), none()]));
    let width = |column: usize| lines.iter().map(|line| line[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..5).map(width).collect();
    let print = |line: &[String; 6]| {
        let [name, ours, peer, ratio, word, goal] = line;
        let [first, second, third, fourth, fifth] = [0, 1, 2, 3, 4].map(|column| widths[column]);
        format!("{name:first$}  {ours:>second$}  {peer:>third$}  {ratio:>fourth$}  {word:fifth$}  {goal}\n")
    };
    lines.iter().map(print).collect()
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

#[cfg(test)]
mod tests {
    use super::*;

    fn row(holds: bool, peer: Option<f64>, peer_name: &str) -> Row {
        Row { peer, peer_name: peer_name.into(), ..Row::new("spine-x", "rows", 12_345.0, "2 times", holds) }
    }

    #[test]
    fn a_goal_about_a_peer_that_was_not_asked_for_is_neither_held_nor_missed() {
        assert_eq!(row(false, None, "Redis").verdict(), Verdict::Unmeasured);
        assert_eq!(row(false, Some(1.0), "Redis").verdict(), Verdict::Short);
        assert_eq!(row(false, None, "").verdict(), Verdict::Short);
        assert_eq!(row(true, None, "Redis").verdict(), Verdict::Holds);
    }

    #[test]
    fn the_summary_lines_up() {
        let table = summary(&[row(true, Some(5.0), "Redis"), row(false, None, "")], &["spine-y"]);
        let expected = "\
name       ours  peer  ratio          goal
spine-x  12.3 k  5.00      -  holds   2 times
spine-x  12.3 k     -      -  SHORT   2 times
spine-y       -     -      -  FAILED  -
";
        assert_eq!(table, expected);
    }
}
