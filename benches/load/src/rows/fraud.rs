//! Fraud signals and rules alone, beside their naive twin.

use std::sync::Arc;

use dataflow::computations::fraud;
use dataflow::twin::Twin;
use dataflow::{Config, Hooks, Stepper};
use eventlog::EventLog;
use eventlog::disk::RealDisk;
use records::Timestamp;
use views::fraud::{Scores, Signals};

use super::input;
use crate::Settings;
use crate::cpu::cost;
use crate::report::Row;
use crate::rounds::interleave;

const RECORDS: u64 = 2_000_000;
const PEOPLE: u32 = 200_000;
const RATE_GOAL: f64 = 600_000.0;

dataflow::program! {
    /// The readers of the fraud views.
    pub struct FraudViews;
    /// Fraud and nothing else.
    pub struct FraudOnly;
    signals: Signals = {fraud::route} -> next;
    scores: Scores = none from signals;
}

fn ours(log: &Arc<dyn EventLog>, records: u64) -> anyhow::Result<(f64, u64)> {
    let folder = tempfile::tempdir()?;
    let disk = Arc::new(RealDisk::new(folder.path())?);
    let config = Config { claim_id: claim(), ..Config::default() };
    let (cost, scored) = cost(|| -> anyhow::Result<u64> {
        let mut dataflow = Stepper::<FraudOnly>::open(config, Arc::clone(log), disk, Hooks::default())?;
        dataflow.run()?;
        let mut scored = 0;
        dataflow.views().scores.scan(|_, bin| scored += views::state::Fold::len(bin) as u64);
        Ok(scored)
    });
    Ok((records as f64 / cost.cpu.as_secs_f64(), scored?))
}

/// A claim that no other run of this process has used: the log lives only as long as the process.
pub(crate) fn claim() -> u128 {
    static NEXT: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(1);
    u128::from(NEXT.fetch_add(1, std::sync::atomic::Ordering::Relaxed))
}

fn theirs(log: &dyn EventLog, records: u64) -> anyhow::Result<f64> {
    let (cost, twin) = cost(|| Twin::recount_only(log, Timestamp::MAX, &["signals"]));
    anyhow::ensure!(!twin?.fraud.landed().is_empty(), "the twin scored nothing");
    Ok(records as f64 / cost.cpu.as_secs_f64())
}

pub(crate) fn measure(settings: &Settings) -> anyhow::Result<Row> {
    let records = settings.size(RECORDS);
    let log: Arc<dyn EventLog> = input::memory_log();
    input::fill(&*log, 5, records, u32::try_from(settings.size(u64::from(PEOPLE)))?)?;
    let mut scored = 0;
    let rounds = interleave(
        settings.rounds,
        || {
            // Every run but the first replays the bindings of the one before: the same epochs, cut the same way.
            let (rate, count) = ours(&log, records)?;
            scored = count;
            Ok(rate)
        },
        || theirs(&*log, records),
    )?;
    let goal = "600,000 records per CPU-second; 0.5 of its naive twin";
    let mut row = Row::of_rounds("spine-fraud", "records per CPU-second", &rounds, "the naive twin", goal, 0.5);
    row.holds &= rounds.ours >= RATE_GOAL;
    Ok(row.part("scores kept", "records", scored as f64))
}
