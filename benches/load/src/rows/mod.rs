//! The rows of the table, one file each.

mod generator;
mod leaderboard;
mod log;
mod recommend;

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
];
