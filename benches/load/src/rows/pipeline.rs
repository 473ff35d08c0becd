//! All computations from the log in files to acknowledged landing in the real engine, with snapshots.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use dataflow::computations::Product;
use dataflow::raw::{RawLanding, RunningRawLanding};
use dataflow::{Config, Handle, Hooks, LandingEpoch, Sink, SinkError, aggregates};
use eventlog::EventLog;
use eventlog::disk::{Disk, RealDisk};
use tokio::sync::watch;
use views::as_of::Wanted;
use warehouse::landing::{self, Lander, LanderConfig, Progress};
use warehouse::outbox::{Outbox, OutboxConfig, deliver};
use warehouse::schema;

use super::fraud::claim;
use super::input;
use crate::Settings;
use crate::cpu::{cost, resident};
use crate::engine::Warehouse;
use crate::report::Row;
use crate::rounds::{interleave, median};

const RECORDS: u64 = 1_000_000;
const LONG: u64 = 20;
const PEOPLE: u32 = 1_000_000;
/// Snapshots of the long run: at full size the product's bound, a snapshot for every 4 M rows.
const SNAPSHOTS: u64 = 5;
/// Rounds of the long run at most: one takes minutes.
const LONG_ROUNDS_MAX: usize = 2;
const RATE_GOAL: f64 = 400_000.0;
/// As the product names the views' rows to the engine.
const TABLE_SET: &str = "views";
/// How long folding a log may take.
const FOLD_WITHIN: Duration = Duration::from_secs(1_200);
/// How long the last snapshot may be on its way to the disk.
const WRITE_WITHIN: Duration = Duration::from_secs(30);
/// How long rows may take to land after the last record was folded, and how often it is looked at.
const LAND_WITHIN: Duration = Duration::from_secs(600);
const LOOK: Duration = Duration::from_millis(20);
/// How long the lander gets to stop once everything has landed.
const STOP_WITHIN: Duration = Duration::from_secs(1);

/// What a run is made with.
#[derive(Debug, Clone, Copy)]
struct How {
    snapshots: bool,
    landing: bool,
}

#[derive(Debug, Clone, Copy, Default)]
struct Run {
    rate: f64,
    // Rows of views that landed, and what the engine spent on all rows.
    rows: u64,
    engine_cpu: f64,
    snapshots: u64,
}

/// Both ways into a real engine, as the binary wires them: the outbox for views, a log cursor for raw records.
struct Landing {
    warehouse: Warehouse,
    raw: RunningRawLanding,
    views: watch::Receiver<Progress>,
    stop_views: watch::Sender<bool>,
    /// The newest landing epoch that was handed over.
    newest: Arc<AtomicU64>,
}

impl Landing {
    /// A fresh engine for each run: nothing has landed there before.
    fn start(log: &Arc<dyn EventLog>, disk: &Arc<dyn Disk>) -> anyhow::Result<(Self, Sink)> {
        let warehouse = Warehouse::start()?;
        let tables = schema::aggregate_tables();
        let incarnation = log.identity().incarnation.id;
        let recover = landing::recover(&warehouse.client, TABLE_SET, incarnation, &tables);
        let recovery = warehouse.runtime.block_on(recover)?;
        let outbox = Arc::new(Outbox::open(Arc::clone(disk), "outbox", tables, OutboxConfig::default(), None)?);
        let newest = Arc::new(AtomicU64::new(0));
        let (sink, filled) = (sink(&outbox, &newest), Arc::clone(&outbox));
        let lander = {
            let _inside = warehouse.runtime.enter();
            Lander::start(warehouse.client.clone(), recovery, &LanderConfig::default())
        };
        let views = lander.progress();
        let (stop_views, stopped) = watch::channel(false);
        warehouse.runtime.spawn(async move {
            deliver(filled, &lander, stopped).await;
            lander.stop(STOP_WITHIN).await;
        });
        let (log, disk, client) = (Arc::clone(log), Arc::clone(disk), warehouse.client.clone());
        let raw = RawLanding { log, disk, client, open: Arc::new(|_, _, _| None) };
        let raw = raw.start(warehouse.runtime.handle().clone());
        Ok((Self { warehouse, raw, views, stop_views, newest }, sink))
    }

    /// Waits until the engine has acknowledged everything.
    fn wait(&self, dataflow: &Handle<Product>) -> anyhow::Result<()> {
        let raw = self.raw.progress();
        let started = Instant::now();
        let landed = || {
            // Everything was folded before, so what does not wait was handed over: the newest is the last.
            let handed_over = dataflow.status().landing.waiting == 0;
            let newest = Some(self.newest.load(Ordering::Acquire));
            handed_over && raw.borrow().landed >= newest && self.views.borrow().landed >= newest
        };
        while !landed() {
            anyhow::ensure!(started.elapsed() < LAND_WITHIN, "landing stands still: {:?}", raw.borrow());
            std::thread::sleep(LOOK);
        }
        Ok(())
    }

    /// Stops both, having seen that every record is there.
    fn stop(self, records: u64) -> anyhow::Result<u64> {
        let landed =
            self.warehouse.number(&format!("SELECT count() FROM `{}`", schema::records_table().stored_name()))?;
        anyhow::ensure!(landed == records, "{landed} of {records} records landed");
        self.stop_views.send_replace(true);
        let rows = self.views.borrow().rows;
        self.raw.stop();
        Ok(rows)
    }
}

fn sink(outbox: &Arc<Outbox>, newest: &Arc<AtomicU64>) -> Sink {
    let (outbox, newest) = (Arc::clone(outbox), Arc::clone(newest));
    Box::new(move |epoch: &LandingEpoch| {
        let failed = |error: &dyn std::fmt::Display| SinkError(error.to_string());
        let parts = aggregates::parts(epoch).map_err(|error| failed(&error))?;
        outbox.put_range(epoch.first, epoch.number, parts).map_err(|error| failed(&error))?;
        newest.store(epoch.number, Ordering::Release);
        Ok(epoch.number)
    })
}

/// The product's own rule for snapshots. In the long run, which is compared with itself without them, several must fall
/// due whatever its size: without one the ratio would say nothing.
fn config(how: How, records: u64) -> Config {
    let defaults = Config::default();
    let never = records::Span(i64::MAX / 4);
    Config {
        claim_id: claim(),
        snapshot_rows: if how.snapshots { defaults.snapshot_rows.min(records / SNAPSHOTS) } else { u64::MAX / 4 },
        snapshot_every: if how.snapshots { defaults.snapshot_every } else { never },
        ..defaults
    }
}

/// Folds a log from its start until everything has landed; the rate is of this process' CPU.
fn run(log: &Arc<dyn EventLog>, records: u64, how: How) -> anyhow::Result<Run> {
    let folder = tempfile::tempdir_in(super::base()?)?;
    let disk: Arc<dyn Disk> = Arc::new(RealDisk::new(folder.path())?);
    let (landing, sink) = match how.landing.then(|| Landing::start(log, &disk)).transpose()? {
        Some((landing, sink)) => (Some(landing), sink),
        None => (None, Box::new(|epoch: &LandingEpoch| Ok(epoch.number)) as Sink),
    };
    let engine_before = landing.as_ref().map(|landing| landing.warehouse.cpu()).transpose()?.unwrap_or_default();
    let hooks = Hooks { sink: Some(sink), ..Hooks::default() };
    // Not the log's own bound: earlier runs appended to the system lane after the last record.
    let newest = Wanted::LogTime(input::paced_end(records));
    // The dataflow as the product runs it, threads and its rule for snapshots included.
    let (cost, handle) = cost(|| -> anyhow::Result<Handle<Product>> {
        let handle = Handle::<Product>::start(config(how, records), Arc::clone(log), disk, hooks)?;
        let reached = handle.progress().wait_for(newest, FOLD_WITHIN);
        reached.ok_or_else(|| anyhow::anyhow!("the log was not folded within {FOLD_WITHIN:?}"))?;
        landing.as_ref().map(|landing| landing.wait(&handle)).transpose()?;
        // Its writing is part of the cost too.
        let asked = Instant::now();
        while how.snapshots && handle.status().snapshot.written == 0 && asked.elapsed() < WRITE_WITHIN {
            std::thread::sleep(LOOK);
        }
        Ok(handle)
    });
    let handle = handle?;
    let status = handle.status();
    anyhow::ensure!(status.skipped == 0, "records were skipped");
    let snapshots = status.snapshot.written;
    anyhow::ensure!(snapshots > 0 || !how.snapshots, "no snapshot was written: there is nothing to compare");
    let engine_after = landing.as_ref().map(|landing| landing.warehouse.cpu()).transpose()?.unwrap_or_default();
    handle.stop().map_err(anyhow::Error::msg)?;
    let rows = landing.map(|landing| landing.stop(records)).transpose()?.unwrap_or(0);
    let engine_cpu = engine_after.saturating_sub(engine_before).as_secs_f64();
    Ok(Run { rate: records as f64 / cost.cpu.as_secs_f64(), rows, engine_cpu, snapshots })
}

fn filled(records: u64, people: u32) -> anyhow::Result<(tempfile::TempDir, Arc<dyn EventLog>)> {
    let folder = tempfile::tempdir_in(super::base()?)?;
    let log = input::paced_log(&RealDisk::new(folder.path())?, 6, records, people)?;
    Ok((folder, log))
}

pub(crate) fn measure(settings: &Settings) -> anyhow::Result<Row> {
    let records = settings.size(RECORDS);
    let people = u32::try_from(settings.size(u64::from(PEOPLE)))?;
    let (whole, alone) = (How { snapshots: true, landing: true }, How { snapshots: true, landing: false });
    let (_folder, short) = filled(records, people)?;
    // A run this short ends before a snapshot falls due.
    let unsnapped = |how| How { snapshots: false, ..how };
    let short_rate = median(settings.rounds, || Ok(run(&short, records, unsnapped(whole))?.rate))?;
    let short_computed = median(settings.rounds, || Ok(run(&short, records, unsnapped(alone))?.rate))?;
    let (_long_folder, long) = filled(records * LONG, people)?;
    let mut last = Run::default();
    let rounds = interleave(
        settings.rounds.min(LONG_ROUNDS_MAX),
        || {
            last = run(&long, records * LONG, whole)?;
            Ok(last.rate)
        },
        || Ok(run(&long, records * LONG, unsnapped(whole))?.rate),
    )?;
    let computed = run(&long, records * LONG, alone)?.rate;
    let growth = short_rate / rounds.ours;
    let goal = "400,000 records per CPU-second; 0.9 of itself without snapshots; cost at 20 M over 1 M at most 1.1";
    let mut row =
        Row::of_rounds("spine-pipeline", "records per CPU-second", &rounds, "itself without snapshots", goal, 0.9);
    row.holds &= rounds.ours >= RATE_GOAL && growth <= 1.1;
    let million = (records * LONG) as f64 / 1e6;
    Ok(row
        .part("cost per record at 20 times the records", "times", growth)
        .part("rate at a twentieth of the records, where no snapshot falls due", "records per CPU-second", short_rate)
        .part("rate of the computations alone, landing nothing", "records per CPU-second", computed)
        .part("the same at a twentieth of the records", "records per CPU-second", short_computed)
        .part("the engine's CPU for a million records", "s", last.engine_cpu / million)
        .part("rows of views landed for each record", "rows", last.rows as f64 / (million * 1e6))
        .part("snapshots written", "", last.snapshots as f64)
        .part("resident memory at the end", "bytes", resident() as f64))
}
