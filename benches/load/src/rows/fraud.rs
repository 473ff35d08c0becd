//! Fraud signals and rules alone, beside their naive twin; afterwards every signal and score is compared with it.

use std::sync::Arc;

use dataflow::computations::fraud;
use dataflow::twin::Twin;
use dataflow::{Config, Hooks, Stepper};
use eventlog::EventLog;
use eventlog::disk::RealDisk;
use records::Timestamp;
use views::fraud::{Overview, Scores, Signals};

use super::input;
use crate::Settings;
use crate::cpu::cost;
use crate::report::{Row, say};
use crate::rounds::interleave;

const RECORDS: u64 = 5_000_000;
const PEOPLE: u32 = 500_000;
const RATE_GOAL: f64 = 600_000.0;
/// The share of records that are scored must be what the table says: 5 %, give or take the dice.
const SCORED: std::ops::RangeInclusive<f64> = 0.045..=0.055;
/// Rules that must have fired at least once: all that look at a window or a ring, and the one on two times.
const FIRING_RULES: usize = 4;

dataflow::program! {
    /// The readers of the fraud views.
    pub struct FraudViews;
    /// Fraud and nothing else.
    pub struct FraudOnly;
    signals: Signals = {fraud::route} -> next;
    scores: Scores = none from signals;
}

/// Folds the log with snapshots on. Every run but the first replays the bindings of the one before: the same epochs, cut
/// the same way.
fn ours(log: &Arc<dyn EventLog>) -> anyhow::Result<(f64, FraudViews)> {
    let folder = tempfile::tempdir_in(super::base()?)?;
    let disk = Arc::new(RealDisk::new(folder.path())?);
    let config = Config { claim_id: claim(), ..Config::default() };
    let (cost, views) = cost(|| -> anyhow::Result<FraudViews> {
        let mut dataflow = Stepper::<FraudOnly>::open(config, Arc::clone(log), disk, Hooks::default())?;
        dataflow.run()?;
        Ok(dataflow.views())
    });
    Ok((cost.cpu.as_secs_f64(), views?))
}

/// A claim that no other run of this process has used: the log lives only as long as the process.
pub(crate) fn claim() -> u128 {
    static NEXT: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(1);
    u128::from(NEXT.fetch_add(1, std::sync::atomic::Ordering::Relaxed))
}

fn theirs(log: &dyn EventLog) -> anyhow::Result<(f64, Twin)> {
    let (cost, twin) = cost(|| Twin::recount_only(log, Timestamp::MAX, &["signals"]));
    Ok((cost.cpu.as_secs_f64(), twin?))
}

/// Both sides must say the same of every entity and every scored record, and rules must have fired.
fn check(views: &FraudViews, twin: &Twin, records: u64) -> anyhow::Result<Overview> {
    for differences in [twin.fraud.compare_signals(&views.signals), twin.fraud.compare_scores(&views.scores)] {
        say!("{}: {} answers compared with the twin's", differences.view(), differences.compared());
        anyhow::ensure!(differences.compared() > 0, "nothing of `{}` was compared", differences.view());
        anyhow::ensure!(differences.found() == 0, "`{}` differs: {:?}", differences.view(), differences.kept().first());
    }
    let organization = records::OrganizationId::parse("summit")?;
    let overview = views.scores.read(Scores::hash(organization), |fold| fold.overview(organization, 0)).0;
    let overview = overview.ok_or_else(|| anyhow::anyhow!("nothing was scored"))?;
    let share = overview.scored as f64 / records as f64;
    anyhow::ensure!(SCORED.contains(&share), "{share} of the records were scored");
    let fired = overview.fired.iter().filter(|(_, times)| *times > 0).count();
    anyhow::ensure!(fired >= FIRING_RULES, "only {fired} rules fired: {:?}", overview.fired);
    Ok(overview)
}

pub(crate) fn measure(settings: &Settings) -> anyhow::Result<Row> {
    let records = settings.size(RECORDS);
    let log: Arc<dyn EventLog> = input::memory_log();
    let people = u32::try_from(settings.size(u64::from(PEOPLE)))?;
    input::fill(&*log, 5, records, people, input::plant_rings(people))?;
    say!("{records} records, one of fifty people in a ring of shared devices and cards");
    let rounds =
        interleave(settings.rounds, || Ok(records as f64 / ours(&log)?.0), || Ok(records as f64 / theirs(&*log)?.0))?;
    let (_, views) = ours(&log)?;
    let (_, twin) = theirs(&*log)?;
    let overview = check(&views, &twin, records)?;
    let goal = "600,000 records per CPU-second; 0.5 of its naive twin";
    let mut row = Row::of_rounds("spine-fraud", "records per CPU-second", &rounds, "the naive twin", goal, 0.5);
    row.holds &= rounds.ours >= RATE_GOAL;
    let mut entities = 0;
    views.signals.scan(|_, bin| entities += views::state::Fold::len(bin) as u64);
    row = row
        .part("records scored", "records", overview.scored as f64)
        .part("share of records scored", "", overview.scored as f64 / records as f64)
        .part("scored records per CPU-second", "records", rounds.ours * overview.scored as f64 / records as f64)
        .part("high scores", "records", overview.high as f64)
        .part("entities", "", entities as f64);
    for (rule, times) in overview.fired {
        row = row.part(format!("rule {rule} fired"), "times", times as f64);
    }
    Ok(row)
}
