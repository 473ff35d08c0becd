//! The rows of the table, one file each.

mod fraud;
mod generator;
mod input;
mod landing;
mod leaderboard;
mod log;
mod memory;
mod pipeline;
mod recommend;
pub(crate) mod recovery;
mod ysb;

use crate::Settings;
use crate::report::Row;

/// A row's name, what it measures, and how.
pub(crate) type Entry = (&'static str, &'static str, fn(&Settings) -> anyhow::Result<Row>);

/// Every row.
pub(crate) const ALL: &[Entry] = &[
    ("workload", "the generator of the simulated conference alone", generator::measure),
    ("spine-log-append", "the embedded log, 10 ms group commit, beside raw write+fdatasync", log::append),
    ("spine-log-read", "reading the log back through `admit`, beside a raw file with the same checksum", log::read),
    ("spine-leaderboard", "update and exact rank of a million participants, beside Redis", leaderboard::measure),
    ("spine-recommend", "one answer out of a million indexed visits, beside Serenade's figures", recommend::measure),
    ("spine-fraud", "fraud signals and rules, 5 % of records scored, beside the naive twin", fraud::measure),
    (
        "spine-pipeline",
        "all computations from the log to rows handed over, beside itself without snapshots",
        pipeline::measure,
    ),
    ("spine-landing", "rows into the embedded engine, beside a bare HTTP loop of the same bodies", landing::measure),
    ("spine-ysb", "the Yahoo streaming benchmark from JSON lines, beside Flink SQL", ysb::measure),
    ("spine-memory", "bytes for each key at a million keys", memory::measure),
    ("spine-recovery", "kill -9 in the middle of ten million records", recovery::measure),
];

/// The checkout's `target` folder: on a disk, while `/tmp` may be memory.
pub(crate) fn base() -> anyhow::Result<std::path::PathBuf> {
    let base = std::path::PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../target");
    std::fs::create_dir_all(&base)?;
    Ok(base.canonicalize()?)
}
