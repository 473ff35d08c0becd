//! All computations from the log in files to rows handed over, with snapshots.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use dataflow::computations::Product;
use dataflow::{Config, Hooks, LandingEpoch, Stepper, ViewRows};
use eventlog::EventLog;
use eventlog::disk::RealDisk;

use super::fraud::claim;
use super::input;
use crate::Settings;
use crate::cpu::{cost, resident};
use crate::report::Row;
use crate::rounds::interleave;

const RECORDS: u64 = 1_000_000;
const LONG: u64 = 20;
const PEOPLE: u32 = 1_000_000;
const RATE_GOAL: f64 = 400_000.0;

struct Run {
    rate: f64,
    rows: u64,
    snapshots: u64,
}

/// Folds a log from its start; with or without snapshots.
fn run(log: &Arc<dyn EventLog>, records: u64, snapshots: bool) -> anyhow::Result<Run> {
    let folder = tempfile::tempdir_in(super::base()?)?;
    let disk = Arc::new(RealDisk::new(folder.path())?);
    let defaults = Config::default();
    let never = records::Span(i64::MAX / 4);
    let config = Config {
        claim_id: claim(),
        // As many rows between two snapshots as ten seconds bring at 50,000 records a second.
        snapshot_rows: if snapshots { 500_000 } else { u64::MAX / 4 },
        snapshot_every: if snapshots { defaults.snapshot_every } else { never },
        ..defaults
    };
    let rows = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&rows);
    let sink = move |epoch: &LandingEpoch| {
        counted.fetch_add(epoch.views.iter().map(ViewRows::len).sum::<usize>() as u64, Ordering::Relaxed);
        Ok(epoch.number)
    };
    let hooks = Hooks { sink: Some(Box::new(sink)), ..Hooks::default() };
    let (cost, written) = cost(|| -> anyhow::Result<u64> {
        let mut dataflow = Stepper::<Product>::open(config, Arc::clone(log), disk, hooks)?;
        dataflow.run()?;
        anyhow::ensure!(dataflow.skipped() == 0, "records were skipped");
        Ok(dataflow.snapshot().written)
    });
    Ok(Run { rate: records as f64 / cost.cpu.as_secs_f64(), rows: rows.load(Ordering::Relaxed), snapshots: written? })
}

fn filled(records: u64, people: u32) -> anyhow::Result<(tempfile::TempDir, Arc<dyn EventLog>)> {
    let folder = tempfile::tempdir_in(super::base()?)?;
    let log: Arc<dyn EventLog> = input::file_log(&RealDisk::new(folder.path())?)?;
    input::fill(&*log, 6, records, people)?;
    Ok((folder, log))
}

pub(crate) fn measure(settings: &Settings) -> anyhow::Result<Row> {
    let records = settings.size(RECORDS);
    let people = u32::try_from(settings.size(u64::from(PEOPLE)))?;
    let (_folder, log) = filled(records, people)?;
    let mut last = Run { rate: 0.0, rows: 0, snapshots: 0 };
    let rounds = interleave(
        settings.rounds,
        || {
            last = run(&log, records, true)?;
            Ok(last.rate)
        },
        || Ok(run(&log, records, false)?.rate),
    )?;
    let (_long_folder, long) = filled(records * LONG, people)?;
    let slow = run(&long, records * LONG, true)?;
    let growth = rounds.ours / slow.rate;
    let goal = "400,000 records per CPU-second; 0.9 of itself without snapshots; cost at 20 M over 1 M at most 1.1";
    let mut row =
        Row::of_rounds("spine-pipeline", "records per CPU-second", &rounds, "itself without snapshots", goal, 0.9);
    row.holds &= rounds.ours >= RATE_GOAL && growth <= 1.1;
    Ok(row
        .part("cost per record at 20 times the records", "times", growth)
        .part("rate at 20 times the records", "records per CPU-second", slow.rate)
        .part("rows handed over", "rows", last.rows as f64)
        .part("snapshots written up to epoch", "", last.snapshots as f64)
        .part("resident memory at the end", "bytes", resident() as f64))
}
