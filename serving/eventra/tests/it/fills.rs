//! A view's version rises: its new table is filled from the log beside the old one, in the real engine, through crashes.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use arrow_array::{Int64Array, RecordBatch, UInt64Array};
use dataflow::frame::{Emit, Sequenced};
use dataflow::graph::Program;
use dataflow::{Config, Hooks, Sink, SinkError, Stepper};
use eventlog::clock::ManualClock;
use eventlog::disk::{Disk, RealDisk};
use eventlog::{EventLog, Lane, MemoryLog, NewFrame, PartitionId};
use records::hash::mix;
use records::{Batch, Kind, Record, Timestamp};
use tokio::runtime::Runtime;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use views::state::{At, Effects, Fold, StateError};
use warehouse::Client;
use warehouse::engine::{Engine, EngineConfig, find};
use warehouse::landing::Progress;
use warehouse::outbox::{Intake, OutboxConfig, Part, Source, land};
use warehouse::schema::{Column, Rows, TableSchema};

/// Longest wait for the engine: a hang is a failure.
const PATIENCE: Duration = Duration::from_secs(60);
const LOOK: Duration = Duration::from_millis(20);

/// Counts records by kind; a version counts each record so many times.
#[derive(Debug, Default)]
pub(crate) struct Kinds<const VERSION: u32> {
    counts: BTreeMap<u64, i64>,
    untold: BTreeMap<u64, i64>,
}

impl<const VERSION: u32> Fold for Kinds<VERSION> {
    const NAME: &'static str = "kinds";
    const VERSION: u32 = VERSION;
    type Input = u64;
    type Output = ();
    type Key = u64;
    type Row = (u64, i64);

    fn apply(&mut self, _at: At, kind: &u64, _effects: &mut Effects<Self>) {
        *self.counts.entry(*kind).or_default() += i64::from(VERSION);
        *self.untold.entry(*kind).or_default() += i64::from(VERSION);
    }

    fn advance(&mut self, _bound: Timestamp, _effects: &mut Effects<Self>) {}

    fn land(&mut self, rows: &mut Vec<(u64, i64)>) {
        rows.extend(std::mem::take(&mut self.untold));
    }

    fn encode(&self, out: &mut Vec<u8>) {
        out.extend(serde_json::to_vec(&self.counts).expect("numbers are JSON"));
    }

    fn decode(bytes: &[u8]) -> Result<Self, StateError> {
        let counts = serde_json::from_slice(bytes).map_err(|_| StateError::Damaged("kinds"))?;
        Ok(Self { counts, untold: BTreeMap::new() })
    }

    fn len(&self) -> usize {
        self.counts.len()
    }
}

fn route(frame: &Sequenced, emit: &mut Emit<u64>) {
    let Some(batch) = frame.batch() else { return };
    for row in frame.rows() {
        let kind = u64::from(batch.kind(row as usize).code());
        emit.to(mix(kind), row, kind);
    }
}

dataflow::program! {
    /// Readers.
    pub struct OldViews;
    /// The old build.
    pub struct Old;
    kinds: Kinds<1> = route;
}

dataflow::program! {
    /// Readers.
    pub struct NewViews;
    /// The new build.
    pub struct New;
    kinds: Kinds<2> = route;
}

fn table(view_version: u32) -> TableSchema {
    TableSchema {
        name: "kinds".into(),
        view_version,
        doc: "Records by kind, as differences.".into(),
        columns: vec![Column::new("kind", "UInt64", "code"), Column::new("count_diff", "Int64", "records added")],
        order_by: vec!["kind".into()],
        partition_month_of: None,
        rows: Rows::Additive(vec!["count_diff".into()]),
    }
}

/// What outlives a process.
struct World {
    runtime: Runtime,
    clock: Arc<ManualClock>,
    log: Arc<MemoryLog>,
    disk: Arc<dyn Disk>,
    client: Client,
    /// Records by kind: the recount.
    counted: BTreeMap<u64, i64>,
    claims: u128,
}

impl World {
    /// A second of log time with some records.
    fn append(&mut self) {
        let kinds = [Kind::Page, Kind::Page, Kind::SessionJoined];
        let records: Vec<Record> = kinds.into_iter().map(Record::new).collect();
        kinds.iter().for_each(|kind| *self.counted.entry(u64::from(kind.code())).or_default() += 1);
        let (body, rows) = (Batch::from_records(&records).encode().into(), 3);
        let frame =
            NewFrame { lane: Lane::Activity, partition: PartitionId(0), body, rows, dedup: Vec::new(), claim: None };
        self.log.append(vec![frame]).unwrap();
        self.clock.advance(1_000_000);
    }

    fn ask(&self, table: &str) -> Option<BTreeMap<u64, i64>> {
        let sql = format!("SELECT kind, sum(count_diff) FROM {table} GROUP BY kind");
        let rows: Vec<(u64, i64)> = self.runtime.block_on(self.client.fetch_all(&sql)).ok()?;
        Some(rows.into_iter().collect())
    }

    fn times(&self, factor: i64) -> BTreeMap<u64, i64> {
        self.counted.iter().map(|(kind, count)| (*kind, count * factor)).collect()
    }
}

/// A process: dropping it is a crash.
struct Life<P: Program> {
    stepper: Stepper<P>,
    intake: Arc<Intake>,
    stop: watch::Sender<bool>,
    landing: JoinHandle<()>,
}

impl<P: Program> Life<P> {
    fn begin(world: &mut World, version: u32) -> Self {
        let log: Arc<dyn EventLog> = world.log.clone();
        let source = Source {
            disk: Arc::clone(&world.disk),
            directory: "outbox".into(),
            migrated: vec![table(version)],
            tables: vec![table(version)],
            config: OutboxConfig::default(),
            table_set: "views".into(),
            incarnation: log.identity().incarnation.id,
            whole_log: true,
        };
        let (intake, ready) = world.runtime.block_on(Intake::open(source, &world.client, PATIENCE)).unwrap();
        let intake = Arc::new(intake);
        let (sink, taken) = (sink(&intake, version), Arc::clone(&intake));
        let hooks = Hooks { sink: Some(sink), taken: Some(Box::new(move || taken.taken())), ..Hooks::default() };
        world.claims += 1;
        let config = Config { claim_id: world.claims, ..Config::default() };
        let stepper = Stepper::open(config, log, Arc::clone(&world.disk), hooks).unwrap();
        let (stop, stopped) = watch::channel(false);
        let (report, _) = watch::channel(Progress::default());
        let landing = land(Arc::clone(&intake), world.client.clone(), ready, report, || {}, stopped);
        Self { stepper, intake, stop, landing: world.runtime.spawn(landing) }
    }

    fn wait_landed(&self) {
        let deadline = std::time::Instant::now() + PATIENCE;
        while self.intake.outbox().oldest_unsent().is_some() || self.intake.filling().is_some() {
            assert!(std::time::Instant::now() < deadline, "landing stalls: {:?}", self.intake.filling());
            std::thread::sleep(LOOK);
        }
    }

    fn end(self, world: &World) {
        self.stepper.close().unwrap();
        self.stop.send_replace(true);
        world.runtime.block_on(self.landing).unwrap();
    }

    fn crash(self) {
        self.landing.abort();
    }
}

fn sink(intake: &Arc<Intake>, version: u32) -> Sink {
    let intake = Arc::clone(intake);
    Box::new(move |epoch| {
        let rows = epoch.views[0].rows::<(u64, i64)>().expect("the view's rows");
        let kinds = UInt64Array::from_iter_values(rows.iter().map(|row| row.0));
        let counts = Int64Array::from_iter_values(rows.iter().map(|row| row.1));
        let schema = table(version).arrow_schema().expect("numbers");
        let batch = RecordBatch::try_new(schema, vec![Arc::new(kinds), Arc::new(counts)]).expect("two columns");
        let parts = vec![Part { table: table(version).stored_name(), shard: 0, batch }];
        let parts = if rows.is_empty() { Vec::new() } else { parts };
        let taken = intake.take(epoch.first, epoch.number, epoch.snapshot, parts);
        taken.map(|()| epoch.number).map_err(|error| SinkError(error.to_string()))
    })
}

fn engine(runtime: &Runtime, root: &std::path::Path) -> Engine {
    let config = EngineConfig {
        library: find::library(|name| std::env::var_os(name), None).unwrap_or_else(|error| panic!("{error}")),
        command: vec![env!("CARGO_BIN_EXE_eventra").into(), "__engine".into()],
        root: root.to_owned(),
        password: "test password".to_owned(),
        memory_bytes: 2 << 30,
    };
    runtime.block_on(Engine::start(config)).unwrap_or_else(|error| panic!("{error}"))
}

/// Everything that a reader of the public name ever sees.
fn reader(world: &World, ends: &Arc<AtomicBool>) -> std::thread::JoinHandle<BTreeSet<i64>> {
    let (client, ends, handle) = (world.client.clone(), Arc::clone(ends), world.runtime.handle().clone());
    std::thread::spawn(move || {
        let mut seen = BTreeSet::new();
        while !ends.load(Ordering::Relaxed) {
            // While the engine is away there is no answer at all.
            seen.extend(handle.block_on(client.fetch_one::<i64>("SELECT sum(count_diff) FROM kinds")));
        }
        seen
    })
}

#[test]
fn a_raised_version_is_filled_with_history_and_readers_never_see_half_of_it() {
    let folder = tempfile::tempdir().unwrap();
    let runtime = Runtime::new().unwrap();
    let engine = engine(&runtime, &folder.path().join("engine"));
    let clock = Arc::new(ManualClock::new(Timestamp(1_700_000_000_000_000)));
    let mut world = World {
        client: Client::embedded(engine.endpoint()),
        log: Arc::new(MemoryLog::new(7, Arc::clone(&clock))),
        disk: Arc::new(RealDisk::new(folder.path()).unwrap()),
        counted: BTreeMap::new(),
        claims: 0,
        runtime,
        clock,
    };
    let mut old = Life::<Old>::begin(&mut world, 1);
    for _ in 0..120 {
        world.append();
        old.stepper.run().unwrap();
    }
    old.wait_landed();
    old.end(&world);
    let before = world.times(1);
    assert_eq!(world.ask("kinds").as_ref(), Some(&before));
    let ends = Arc::new(AtomicBool::new(false));
    let reader = reader(&world, &ends);

    // Crashes: early, in the middle, and with everything on its way into an engine that dies too.
    for steps in [1, 60] {
        let mut life = Life::<New>::begin(&mut world, 2);
        assert_eq!(life.intake.filling().map(|filling| filling.tables), Some(vec!["kinds_v2".to_owned()]));
        (0..steps).for_each(|_| _ = life.stepper.step().unwrap());
        life.crash();
        assert_eq!(world.ask("kinds").as_ref(), Some(&before));
    }
    world.append();
    let mut life = Life::<New>::begin(&mut world, 2);
    life.stepper.run().unwrap();
    let pid = engine.status().pid.and_then(|pid| rustix::process::Pid::from_raw(pid.try_into().ok()?)).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
    life.crash();

    let mut life = Life::<New>::begin(&mut world, 2);
    for _ in 0..10 {
        world.append();
        life.stepper.run().unwrap();
    }
    life.wait_landed();
    life.end(&world);
    ends.store(true, Ordering::Relaxed);
    let seen = reader.join().unwrap();
    let (half, whole) = (before.values().sum::<i64>(), 2 * before.values().sum::<i64>());
    assert!(seen.iter().all(|sum| *sum == half || *sum >= whole), "half of it was seen: {half}, {whole}, {seen:?}");
    assert_eq!(world.ask("kinds"), Some(world.times(2)), "the table is a recount of the log");
    assert_eq!(world.ask("kinds_v1"), Some(before), "the old table stays until somebody drops it");
    world.runtime.block_on(engine.stop());
}
