//! The rows of the table, one file each.

mod generator;

use crate::Settings;
use crate::report::Row;

/// A row's name, what it measures, and how.
pub(crate) type Entry = (&'static str, &'static str, fn(&Settings) -> anyhow::Result<Row>);

/// Every row.
pub(crate) const ALL: &[Entry] = &[("workload", "the generator of the simulated conference alone", generator::measure)];
