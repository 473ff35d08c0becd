//! The warehouse's side of the wiring: engine or server, migrations, landing of raw records and of the views' rows.
//!
//! Nothing here stands in the way of live views: a warehouse that is down is waited for by its own tasks.

use std::ffi::OsString;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use collect::Subjects;
use collect::subjects::Erasure;
use dataflow::raw::{Marks, RawLanding, RunningRawLanding};
use dataflow::{LandingEpoch, Sink, SinkError, Taken, aggregates};
use eventlog::disk::Disk;
use eventlog::{EventLog, Lane, Offset};
use parking_lot::Mutex;
use tokio::runtime::Runtime;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use views::as_of::PartitionEnd;
use warehouse::analysts::{Cut, Gateway, Limits, Secret};
use warehouse::engine::{Engine, EngineConfig, EngineState, find};
use warehouse::landing::{self, Progress};
use warehouse::outbox::{self, Filling, Intake, OutboxConfig, Ready, Source};
use warehouse::{Client, Endpoint, erase, schema};

use super::analysts::{Landing, Landings};
use crate::commands::sql::Where;
use crate::figures;
use crate::settings::{Settings, WarehouseChoice};

/// The name under which the warehouse remembers how far the views' rows are.
const TABLE_SET: &str = "views";
/// How long a start waits for the warehouse to say how far it is, before it goes on without.
const ASK_WITHIN: Duration = Duration::from_secs(10);
/// How long a stop looks whether more has landed.
const LOOK: Duration = Duration::from_millis(100);
/// How long an erasure may take in the warehouse before the caller is told that it goes on.
const ERASE_WITHIN: Duration = Duration::from_secs(60);

/// How often it is tried to make what analysts see: for about a minute, in which an engine with much data starts.
const PREPARE_TRIES: u32 = 60;
const PREPARE_EVERY: Duration = Duration::from_secs(1);

/// Everything about the warehouse; empty when none is configured.
pub(crate) struct Warehouse {
    parts: Option<Parts>,
}

struct Parts {
    client: Client,
    endpoint: Address,
    gateway: Gateway,
    landings: Arc<Landings>,
    engine: Mutex<Option<Engine>>,
    intake: Arc<Intake>,
    ready: Mutex<Option<Ready>>,
    // Whether it has answered since the start.
    reached: Arc<AtomicBool>,
    disk: Arc<dyn Disk>,
    raw: Mutex<Option<RunningRawLanding>>,
    raw_progress: Mutex<Option<watch::Receiver<Progress>>>,
    views: Mutex<Option<JoinHandle<()>>>,
    views_progress: watch::Sender<Progress>,
    stop_views: watch::Sender<bool>,
}

enum Address {
    Server(Endpoint),
    Embedded(watch::Receiver<Option<Endpoint>>),
}

impl Warehouse {
    /// Starts the engine or connects to the server, migrates, and opens the outbox.
    ///
    /// # Errors
    /// When the engine is not installed or does not start, the address is wrong, or the schema is of a newer build. A
    /// server that does not answer is no error.
    pub(super) fn prepare(
        settings: &Settings,
        runtime: &Runtime,
        disk: &Arc<dyn Disk>,
        log: &Arc<dyn EventLog>,
    ) -> anyhow::Result<Self> {
        // Drawn anew for each start; only the owner of the process is ever told.
        let password = crate::document::make_secret();
        let secret = Secret::of(&password);
        let (endpoint, engine) = match &settings.warehouse {
            WarehouseChoice::None => return Ok(Self { parts: None }),
            WarehouseChoice::Server(address) => (Address::Server(Endpoint::parse(address)?), None),
            WarehouseChoice::Embedded => {
                let engine = runtime.block_on(start_engine(settings, password))?;
                (Address::Embedded(engine.endpoint()), Some(engine))
            }
        };
        let limits = Limits::for_engine(engine_memory(settings));
        let (client, gateway) = match &endpoint {
            Address::Server(endpoint) => {
                let client = Client::server(endpoint.clone());
                (client.clone(), Gateway::server(client, secret, limits))
            }
            Address::Embedded(endpoint) => {
                let client = Client::embedded(endpoint.clone());
                (client.clone(), Gateway::embedded(client, secret, limits))
            }
        };
        let tables = schema::aggregate_tables();
        let source = Source {
            disk: Arc::clone(disk),
            directory: "outbox".to_owned(),
            migrated: schema::tables(),
            tables,
            config: OutboxConfig::default(),
            table_set: TABLE_SET.to_owned(),
            incarnation: log.identity().incarnation.id,
            whole_log: log.starts(Lane::Activity).iter().all(|start| start.0 == 0),
        };
        let (intake, ready) =
            runtime.block_on(Intake::open(source, &client, ASK_WITHIN)).context("opening the outbox")?;
        let (views_progress, _) = watch::channel(Progress::default());
        let (stop_views, _) = watch::channel(false);
        Ok(Self {
            parts: Some(Parts {
                client,
                endpoint,
                gateway,
                landings: Arc::default(),
                engine: Mutex::new(engine),
                intake: Arc::new(intake),
                reached: Arc::new(AtomicBool::new(ready.is_some())),
                ready: Mutex::new(ready),
                disk: Arc::clone(disk),
                raw: Mutex::new(None),
                raw_progress: Mutex::new(None),
                views: Mutex::new(None),
                views_progress,
                stop_views,
            }),
        })
    }

    /// What takes the views' landing epochs: it writes them to the outbox, never to ClickHouse itself.
    pub(super) fn sink(&self) -> Option<Sink> {
        let parts = self.parts.as_ref()?;
        let (intake, landings) = (Arc::clone(&parts.intake), Arc::clone(&parts.landings));
        Some(Box::new(move |epoch: &LandingEpoch| {
            landings.remember(landing(epoch));
            let failed = |error: &dyn std::fmt::Display| SinkError(error.to_string());
            let wanted = intake.wants(epoch.first, epoch.number);
            let parts = if wanted { aggregates::parts(epoch).map_err(|error| failed(&error))? } else { Vec::new() };
            intake.take(epoch.first, epoch.number, epoch.snapshot, parts).map_err(|error| failed(&error))?;
            Ok(epoch.number)
        }))
    }

    /// Says up to which landing epoch the views' rows need not be made again.
    pub(super) fn taken(&self) -> Option<Taken> {
        let intake = Arc::clone(&self.parts.as_ref()?.intake);
        Some(Box::new(move || intake.taken()))
    }

    /// Starts landing: raw records by a thread, the views' rows by a task.
    pub(super) fn start(
        &self,
        runtime: &Runtime,
        log: &Arc<dyn EventLog>,
        disk: &Arc<dyn Disk>,
        subjects: &Arc<Subjects>,
    ) {
        let Some(parts) = &self.parts else { return };
        let keys = Arc::clone(subjects);
        let raw = RawLanding {
            log: Arc::clone(log),
            disk: Arc::clone(disk),
            client: parts.client.clone(),
            open: Arc::new(move |organization, subject, blob| keys.open_sealed(organization, subject, blob).ok()),
        };
        let raw = raw.start(runtime.handle().clone());
        *parts.raw_progress.lock() = Some(raw.progress());
        *parts.raw.lock() = Some(raw);
        let reached = Arc::clone(&parts.reached);
        let task = outbox::land(
            Arc::clone(&parts.intake),
            parts.client.clone(),
            parts.ready.lock().take(),
            parts.views_progress.clone(),
            move || reached.store(true, Ordering::Relaxed),
            parts.stop_views.subscribe(),
        );
        *parts.views.lock() = Some(runtime.spawn(task));
        // A server may be somebody else's: nothing is made there before somebody asks.
        if matches!(parts.endpoint, Address::Embedded(_)) {
            runtime.spawn(prepare(parts.gateway.clone()));
        }
    }

    /// Waits until what was handed over has landed, at most `within`, then ends landing and the engine. Returns whether
    /// everything had landed and the engine stopped by itself.
    pub(super) fn stop(&self, runtime: &Runtime, within: Duration) -> bool {
        let Some(parts) = &self.parts else { return true };
        let deadline = Instant::now() + within;
        while parts.intake.outbox().oldest_unsent().is_some() && Instant::now() < deadline {
            std::thread::sleep(LOOK);
        }
        let landed = parts.intake.outbox().oldest_unsent().is_none();
        if let Some(raw) = parts.raw.lock().take() {
            raw.stop();
        }
        parts.stop_views.send_replace(true);
        if let Some(task) = parts.views.lock().take() {
            // The task ends by itself soon after it was told to.
            let _ = runtime.block_on(async { tokio::time::timeout(within, task).await });
        }
        let engine = parts.engine.lock().take();
        let stopped = engine.is_none_or(|engine| runtime.block_on(engine.stop()));
        landed && stopped
    }

    /// The client, when there is a warehouse.
    pub(crate) fn client(&self) -> Option<&Client> {
        self.parts.as_ref().map(|parts| &parts.client)
    }

    /// Where it answers now, for its owner only.
    pub(crate) fn place(&self) -> anyhow::Result<Where> {
        let parts = self.parts.as_ref().context("no warehouse is configured (`warehouse = \"none\"`)")?;
        let endpoint = match &parts.endpoint {
            Address::Server(endpoint) => endpoint.clone(),
            Address::Embedded(endpoint) => {
                endpoint.borrow().clone().context("the engine is being restarted; try again in a moment")?
            }
        };
        let Endpoint { url, user, password, database } = endpoint;
        Ok(Where { url, user, password, database })
    }

    /// The way in for analysts, when there is a warehouse.
    pub(crate) fn gateway(&self) -> Option<&Gateway> {
        self.parts.as_ref().map(|parts| &parts.gateway)
    }

    /// The newest landing epoch that is there whole, of records and of views, and what it reflects.
    pub(crate) fn cut(&self) -> (Option<Cut>, api::sql::Landed) {
        let (Some(raw), Some(views)) = self.landed() else { return (None, api::sql::Landed::default()) };
        let both = raw.min(views);
        let as_of = self.parts.as_ref().map(|parts| parts.landings.at(both)).unwrap_or_default();
        (Some(Cut { raw: both, views: both }), as_of)
    }

    /// How far landing is: of raw records, and of the views' rows.
    pub(crate) fn landed(&self) -> (Option<u64>, Option<u64>) {
        let Some(parts) = &self.parts else { return (None, None) };
        let raw = parts.raw_progress.lock().as_ref().and_then(|progress| progress.borrow().landed);
        (raw, parts.views_progress.borrow().landed)
    }

    /// Up to which offsets raw activity has landed for good; none when nothing has yet. Without a warehouse nothing
    /// needs to land, which is every offset.
    pub(crate) fn landed_activity(&self, log: &Arc<dyn EventLog>) -> Option<Vec<Offset>> {
        let Some(parts) = &self.parts else { return Some(Vec::new()) };
        // Recovery may want the newest landed epochs again, so retention stays that far behind.
        let landed = self.landed().0?.checked_sub(landing::RECHECKED_EPOCHS)?;
        let marks = Marks::load(&*parts.disk, log.identity().incarnation.id);
        marks.at_most(landed).map(|mark| mark.activity.iter().copied().map(Offset).collect())
    }

    /// From which offset of the system lane raw landing may go on; the largest without a warehouse.
    pub(crate) fn landed_bindings(&self, log: &Arc<dyn EventLog>) -> Option<Offset> {
        let Some(parts) = &self.parts else { return Some(Offset(u64::MAX)) };
        let landed = self.landed().0?.checked_sub(landing::RECHECKED_EPOCHS)?;
        let marks = Marks::load(&*parts.disk, log.identity().incarnation.id);
        marks.at_most(landed).map(|mark| Offset(mark.system))
    }

    /// Takes a person's unmasked properties out of the rows that have landed; false when that has to wait.
    pub(crate) async fn erase(&self, erasure: &Erasure) -> bool {
        let Some(parts) = &self.parts else { return true };
        // Nothing is gained by waiting for what has not answered yet.
        if !parts.reached.load(Ordering::Relaxed) {
            return false;
        }
        match tokio::time::timeout(ERASE_WITHIN, parts.erase(erasure)).await {
            Ok(Ok(())) => true,
            Ok(Err(error)) => {
                tracing::warn!(%error, "the warehouse still holds properties of an erased subject; tried again soon");
                false
            }
            Err(_) => {
                tracing::warn!("the warehouse still holds properties of an erased subject; tried again soon");
                false
            }
        }
    }

    /// Figures for `top` and `status`.
    pub(crate) fn figures(&self) -> figures::Warehouse {
        let Some(parts) = &self.parts else {
            return figures::Warehouse { state: "none".into(), ..figures::Warehouse::default() };
        };
        let raw = parts.raw_progress.lock().as_ref().map(|progress| progress.borrow().clone()).unwrap_or_default();
        let views = parts.views_progress.borrow().clone();
        let engine = parts.engine.lock().as_ref().map(Engine::status);
        let error = raw.last_error.clone().or_else(|| views.last_error.clone());
        let state = match engine.as_ref().map(|engine| &engine.state) {
            Some(EngineState::Running) => "running",
            Some(EngineState::Restarting(_)) => "restarting",
            Some(EngineState::Stopped) => "stopped",
            None if error.is_some() || !parts.reached.load(Ordering::Relaxed) => "unreachable",
            None => "running",
        };
        figures::Warehouse {
            state: state.into(),
            rows: raw.rows + views.rows,
            landed: raw.landed,
            waiting: raw.waiting + views.waiting,
            error,
            filling: parts.intake.filling().as_ref().map(in_words),
            resident_bytes: engine.as_ref().and_then(|engine| engine.resident_bytes).unwrap_or(0),
            pid: engine.and_then(|engine| engine.pid),
        }
    }
}

impl Parts {
    async fn erase(&self, erasure: &Erasure) -> Result<(), erase::EraseError> {
        self.opened_has_landed().await;
        let wanted = erase::Erasure {
            organization: erasure.organization.to_string(),
            actors: erasure.tokens.iter().map(|token| token.0).collect(),
            subjects: erasure.subjects.clone(),
        };
        erase::erase(&self.client, &wanted).await
    }

    /// Waits until every landing epoch whose properties may have been opened before now has landed: a row that comes
    /// after the values were cleared would bring its own again.
    async fn opened_has_landed(&self) {
        let mut wanted = None;
        loop {
            let progress = self.raw_progress.lock().as_ref().map(|progress| progress.borrow().clone());
            let progress = progress.unwrap_or_default();
            // The one after those that were handed over may be open in the thread's hands.
            wanted = wanted.or(progress.accepted.map(|accepted| accepted + 1));
            if wanted.is_some() && progress.landed >= wanted {
                return;
            }
            tokio::time::sleep(LOOK).await;
        }
    }
}

/// Makes what analysts see before the first of them asks. The tables are there soon after the start.
async fn prepare(gateway: Gateway) {
    for _ in 1..PREPARE_TRIES {
        if gateway.prepare().await.is_ok() {
            return;
        }
        tokio::time::sleep(PREPARE_EVERY).await;
    }
    if let Err(error) = gateway.prepare().await {
        tracing::warn!(%error, "what analysts see is not made yet; tried again when somebody asks");
    }
}

fn landing(epoch: &LandingEpoch) -> Landing {
    let raw = epoch.raw.iter();
    Landing {
        number: epoch.number,
        epoch: epoch.epoch,
        log_time: epoch.bound,
        offsets: raw.map(|at| PartitionEnd { lane: 1, partition: at.partition.0, end: at.end.0 }).collect(),
    }
}

fn engine_memory(settings: &Settings) -> u64 {
    u64::from(settings.engine_memory_mb.0) << 20
}

fn in_words(filling: &Filling) -> String {
    let Filling { tables, through, made } = filling;
    format!("{}: {made} of {through} landing epochs", tables.join(", "))
}

async fn start_engine(settings: &Settings, password: String) -> anyhow::Result<Engine> {
    let executable = std::env::current_exe().context("the path of this program is not known")?;
    let library = find::library(|name| std::env::var_os(name), Some(&executable))?;
    let command: Vec<OsString> = vec![executable.into(), crate::cli::ENGINE_CHILD.into()];
    let config = EngineConfig {
        library,
        command,
        root: settings.data_dir.join("engine"),
        password,
        memory_bytes: engine_memory(settings),
    };
    Engine::start(config).await.context("starting the embedded ClickHouse")
}
