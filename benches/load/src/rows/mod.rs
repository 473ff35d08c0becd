//! The rows of the table, one file each.

mod booking;
mod desk;
mod event;
mod fraud;
mod generator;
mod input;
mod landing;
mod leaderboard;
mod lines;
mod log;
mod memory;
mod pipeline;
mod recommend;
mod recovery;
mod served;
mod ysb;

use anyhow::Context;

use crate::Settings;
use crate::report::Row;

/// How a row is measured.
type Measure = fn(&Settings) -> anyhow::Result<Row>;

/// A row: its name, how long it takes at full size, what it measures, and how.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Entry {
    pub(crate) name: &'static str,
    pub(crate) minutes: u32,
    pub(crate) what: &'static str,
    pub(crate) measure: Measure,
}

const fn row(name: &'static str, minutes: u32, what: &'static str, measure: Measure) -> Entry {
    Entry { name, minutes, what, measure }
}

/// Every row.
pub(crate) const ALL: &[Entry] = &[
    row("workload", 1, "the generator of the simulated conference alone", generator::measure),
    row("spine-log-append", 3, "the embedded log, 10 ms group commit, beside a plain file and fjall", log::append),
    row(
        "spine-log-read",
        1,
        "the log back through `admit`, beside a plain file with the same checksum, and fjall",
        log::read,
    ),
    row("spine-leaderboard", 1, "update and exact rank of a million participants, beside Redis", leaderboard::measure),
    row(
        "spine-recommend",
        1,
        "answers of the view over a million visits, beside Serenade's figures",
        recommend::measure,
    ),
    row("spine-fraud", 2, "fraud signals and rules, 5 % of records scored, beside the naive twin", fraud::measure),
    row(
        "spine-pipeline",
        15,
        "all computations from the log to acknowledged landing, beside itself without snapshots",
        pipeline::measure,
    ),
    row(
        "spine-landing",
        5,
        "rows into the embedded engine, beside a bare HTTP loop of the same bodies",
        landing::measure,
    ),
    row("spine-ysb", 6, "the Yahoo streaming benchmark from JSON lines, beside Flink SQL", ysb::measure),
    row("spine-memory", 4, "resident bytes for each key at a million keys, and of the whole process", memory::measure),
    row("spine-recovery", 4, "kill -9 of a process with ten million records over a million people", recovery::measure),
    row("serving-desk", 1, "commands of the desk, durable, beside the same rules without a log", desk::measure),
    row(
        "serving-reads",
        2,
        "the rank of a participant over HTTP, beside an empty axum handler",
        served::reads::measure,
    ),
    row(
        "serving-connections",
        1,
        "ten thousand open feeds: bytes of an idle one, and all coming back after a restart",
        served::connections::measure,
    ),
    row(
        "serving-fan-out",
        2,
        "one live view told to a thousand WebSockets, beside socket.io and NATS",
        served::fan_out::measure,
    ),
    row(
        "serving-freshness",
        1,
        "from the log to a live feed's client at 50,000 records a second, the engine on the same cores",
        served::freshness::measure,
    ),
    row(
        "booking-orders",
        5,
        "hold and confirm over HTTP, durable, beside pretix with PostgreSQL",
        booking::orders::measure,
    ),
    row(
        "booking-sellout",
        2,
        "100,000 buyers behind a waiting room, 20,000 tickets of four kinds, over HTTP",
        booking::sellout::measure,
    ),
    row(
        "booking-invariants",
        20,
        "oversold, undersold and unbalanced box offices in the simulation",
        booking::invariants::measure,
    ),
    row(
        "booking-checkin",
        3,
        "looks at tickets over HTTP, durable; fifty devices that were offline merged",
        booking::checkin::measure,
    ),
    row("booking-ledger", 2, "balance after every fact, and the trial balance in SQL", booking::ledger::measure),
];

/// The first argument of the program when it is a row's child process; not for people.
pub(crate) const CHILD: &str = "__child";

/// Does what a row's child process is for, by the row's word.
pub(crate) fn child(words: &[String]) -> anyhow::Result<()> {
    let (word, rest) = words.split_first().context("a child is told what to do")?;
    match word.as_str() {
        memory::CHILD => memory::child(rest),
        recovery::CHILD => recovery::child(rest),
        served::reads::CHILD => served::reads::child(),
        _ => anyhow::bail!("no child does `{word}`"),
    }
}

/// This program again, as a child process of a row.
pub(crate) fn child_command(word: &str) -> anyhow::Result<std::process::Command> {
    let mut command = std::process::Command::new(std::env::current_exe()?);
    command.args([CHILD, word]);
    Ok(command)
}

/// The checkout's `target` folder: on a disk, while `/tmp` may be memory.
pub(crate) fn base() -> anyhow::Result<std::path::PathBuf> {
    let base = std::path::PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../target");
    std::fs::create_dir_all(&base)?;
    Ok(base.canonicalize()?)
}
