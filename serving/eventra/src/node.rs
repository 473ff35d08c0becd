//! The wiring: what `eventra serve` is made of, how it starts and how it ends. The only file that names every part.

mod analysts;
mod core;
mod figures;
mod gauges;
mod handler;
mod lettered;
pub(crate) mod offline;
mod operations;
mod people;
mod programmes;
mod resets;
mod simulation;
pub(crate) mod storage;
mod verification;
mod warehouse;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use api::{Api, Parts, Readiness};
use collect::{Appender, Door, DoorOptions, Subjects};
use dataflow::computations::Product;
use dataflow::{Config, Handle, Hooks, Phase};
use eventlog::EventLog;
use parking_lot::{Mutex, RwLock};
use records::Span;
use tokio::runtime::Runtime;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::control;
use crate::facts::{self, Facts};
use crate::mail::{Mailbox, Outgoing};
use crate::settings::{Settings, WarehouseChoice};
pub(crate) use core::Core;
use warehouse::Warehouse;

/// How often a running process looks whether it should end, and whether something is due.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// How long a stop waits for rows that have not landed; they land after the next start otherwise.
const LAND_WITHIN: Duration = Duration::from_secs(15);
/// How often the log's segments are looked after: those that may go, and one that has become cold.
const UPKEEP_EVERY: Duration = Duration::from_secs(60);

/// How often the files of the certificate are looked at.
const CERTIFICATE_EVERY: Duration = Duration::from_secs(30);

/// A running process: everything that `eventra serve` is.
pub(crate) struct Node {
    core: Arc<Core>,
    // Dropped last: tasks of all parts run on it.
    runtime: Runtime,
    stop_http: Option<oneshot::Sender<()>>,
    http: Option<JoinHandle<bool>>,
    sql: Option<SqlEndpoint>,
    control: JoinHandle<()>,
    finishing: JoinHandle<()>,
    mailing: JoinHandle<()>,
    paying: JoinHandle<()>,
    reconciling: JoinHandle<()>,
    telling: JoinHandle<()>,
}

/// The ClickHouse endpoint.
struct SqlEndpoint {
    address: SocketAddr,
    stop: oneshot::Sender<()>,
    task: JoinHandle<bool>,
}

impl Node {
    /// Starts every part, in the order in which they need each other.
    ///
    /// # Errors
    /// The first part that does not start, with what to do about it.
    pub(crate) fn start(settings: &Settings) -> anyhow::Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().thread_name("eventra").build()?;
        let tls = settings.tls()?;
        // The log's lock is the directory's: nothing else of the directory is touched before it is held.
        let disk = storage::disk(&settings.data_dir)?;
        let files = Arc::new(storage::open_log(settings, Arc::clone(&disk))?);
        let log: Arc<dyn EventLog> = Arc::<eventlog::FileLog>::clone(&files);
        let listener = runtime
            .block_on(async { api::server::listen(settings.listen) })
            .with_context(|| format!("listening on {} (choose another address with --listen)", settings.listen))?;
        let address = listener.local_addr()?;
        let sql_listener = settings.sql_listen.map(|address| listen_sql(&runtime, settings, address)).transpose()?;
        let subjects = Arc::new(
            Subjects::open_at(&settings.data_dir, Box::new(|bytes: &mut [u8]| rand::fill(bytes)))
                .context("opening the key store")?
                .with_people_max(u64::from(settings.people_max.0)),
        );
        let callers: Arc<api::callers::Callers> = Arc::default();
        let trail: Arc<api::trail::Trail> = Arc::default();
        let rules: Arc<std::sync::RwLock<rules::Rulebook>> = Arc::default();
        let booking: Arc<api::booking::Offices> = Arc::default();
        let webhooks: Arc<api::webhooks::Hooks> = Arc::default();
        let parts = facts::parts(Arc::clone(&log), Arc::clone(&disk), storage::clock(), address.to_string());
        let facts = open_facts(parts, &callers, &trail, &rules, (&booking, &webhooks), &subjects)?;
        let appender = Appender::new(Arc::clone(&log), Arc::clone(&subjects));
        let door = Arc::new(Door::open(appender.clone(), DoorOptions::default()).context("opening the front door")?);
        let warehouse = Warehouse::prepare(settings, &runtime, &disk, &log)?;
        let hooks = Hooks {
            sink: warehouse.sink(),
            taken: warehouse.taken(),
            dead_letters: Some(lettered::skipped(appender.clone())),
        };
        let flow = Handle::<Product>::start(flow_config(settings), Arc::clone(&log), Arc::clone(&disk), hooks)
            .context("starting the dataflow")?;
        warehouse.start(&runtime, &log, &disk, &subjects);
        let views = flow.views();
        let core = Arc::new(Core {
            settings: settings.clone(),
            address,
            clock: storage::clock(),
            started: Instant::now(),
            files,
            log,
            callers,
            trail,
            booking,
            webhooks,
            accounts: accounts(settings, address)?,
            payments: payments(settings)?,
            outgoing: Arc::new(outgoing(settings)?),
            rules,
            facts: RwLock::new(Some(Arc::new(facts))),
            appender,
            door: RwLock::new(Some(door)),
            flow: RwLock::new(Some(flow)),
            last_views: Mutex::new(views),
            warehouse,
            metrics: Arc::default(),
            intake: Arc::default(),
            stopping: std::sync::atomic::AtomicBool::new(false),
            runtime: runtime.handle().clone(),
        });
        gauges::register(&core);
        let finishing = runtime.spawn(core::finish_erasures(Arc::downgrade(&core)));
        let mailing = runtime.spawn(core::send_mails(Arc::downgrade(&core)));
        let paying = runtime.spawn(core::keep_box_offices(Arc::downgrade(&core)));
        let reconciling = runtime.spawn(core::keep_payments(Arc::downgrade(&core)));
        let pump = api::webhooks::Pump::new(settings.webhooks_private).context("reading the system's certificates")?;
        let telling = runtime.spawn(core::send_webhooks(Arc::downgrade(&core), pump));
        let (stop_http, stopped) = oneshot::channel();
        let router = api::routes::router(api(&core)?);
        let tls = tls.map(Arc::new);
        if let Some(tls) = &tls {
            runtime.spawn(renew(Arc::clone(tls)));
        }
        let http = runtime.spawn(api::server::serve_over(listener, router, tls.clone(), async {
            // An error means that the sender is gone, which is a stop too.
            let _ = stopped.await;
        }));
        let sql = sql_listener.and_then(|listener| serve_sql(&runtime, &core, listener, tls.clone())).transpose()?;
        let socket = {
            let _inside = runtime.enter();
            control::server::listen(&settings.socket()).context("opening the control socket")?
        };
        let control = runtime.spawn(control::server::serve(socket, handler::handler(&core)));
        tracing::info!(%address, data_dir = %settings.data_dir.display(), "serving");
        Ok(Self {
            core,
            runtime,
            stop_http: Some(stop_http),
            http: Some(http),
            sql,
            control,
            finishing,
            mailing,
            paying,
            reconciling,
            telling,
        })
    }

    /// Where HTTP is served.
    pub(crate) fn address(&self) -> SocketAddr {
        self.core.address
    }

    /// Where analysts' clients are served, when they are.
    pub(crate) fn sql_address(&self) -> Option<SocketAddr> {
        self.sql.as_ref().map(|sql| sql.address)
    }

    /// What all parts share.
    pub(crate) fn core(&self) -> &Arc<Core> {
        &self.core
    }

    /// Runs until `stop` says so or somebody asks for it over the control socket.
    pub(crate) fn run_until(&self, mut stop: impl FnMut() -> bool) {
        let mut kept = Instant::now();
        while !stop() && !self.core.is_stopping() {
            std::thread::sleep(LOOK_EVERY);
            if kept.elapsed() >= UPKEEP_EVERY {
                kept = Instant::now();
                self.core.retain();
                self.core.cool();
            }
        }
    }

    /// Ends in order: no more requests, the door's queue durable, a last snapshot, what can land lands, the engine
    /// stops. Returns whether nothing had to be cut off.
    pub(crate) fn stop(mut self) -> bool {
        tracing::info!("stopping");
        self.core.stopping.store(true, std::sync::atomic::Ordering::Relaxed);
        if let Some(stop) = self.stop_http.take() {
            // Gone already means stopped already.
            let _ = stop.send(());
        }
        let asked = self.sql.take().is_none_or(|sql| {
            let _ = sql.stop.send(());
            self.runtime.block_on(sql.task).unwrap_or(false)
        });
        let drained = asked & self.http.take().is_some_and(|http| self.runtime.block_on(http).unwrap_or(false));
        self.control.abort();
        self.finishing.abort();
        self.mailing.abort();
        self.paying.abort();
        self.reconciling.abort();
        self.telling.abort();
        // Waits for the door's queue and its two threads.
        drop(self.core.door.write().take());
        let facts = self.core.facts.write().take();
        // Whoever still decides something holds it; what they were not answered for is not done, or done once.
        if let Some(facts) = facts.and_then(Arc::into_inner) {
            facts.close();
        }
        let folded = self.core.flow.write().take().is_none_or(|flow| {
            *self.core.last_views.lock() = flow.views();
            flow.stop().inspect_err(|error| tracing::error!(error, "dataflow did not stop in order")).is_ok()
        });
        let landed = self.core.warehouse.stop(&self.runtime, LAND_WITHIN);
        // A socket that nobody answers would only mislead; the next start replaces it anyway.
        let _ = std::fs::remove_file(self.core.settings.socket());
        tracing::info!(drained, folded, landed, "stopped");
        drained && folded && landed
    }
}

/// Reads the certificate again when its files change, and on SIGHUP.
async fn renew(tls: Arc<api::tls::Tls>) {
    use tokio::signal::unix::{SignalKind, signal};
    match signal(SignalKind::hangup()) {
        Ok(mut hangup) => tls.follow(CERTIFICATE_EVERY, async move || hangup.recv().await.is_some()).await,
        Err(error) => {
            tracing::warn!(%error, "no SIGHUP; a changed certificate is seen by its file");
            tls.follow(CERTIFICATE_EVERY, std::future::pending::<bool>).await;
        }
    }
}

fn listen_sql(runtime: &Runtime, settings: &Settings, address: SocketAddr) -> anyhow::Result<tokio::net::TcpListener> {
    if settings.warehouse == WarehouseChoice::None {
        anyhow::bail!("`sql_listen` needs a warehouse, and `warehouse` is `none`");
    }
    runtime
        .block_on(async { api::server::listen(address) })
        .with_context(|| format!("listening on {address} for analysts (choose another address with --sql-listen)"))
}

fn serve_sql(
    runtime: &Runtime,
    core: &Arc<Core>,
    listener: tokio::net::TcpListener,
    tls: Option<Arc<api::tls::Tls>>,
) -> Option<anyhow::Result<SqlEndpoint>> {
    let router = analysts::endpoint::router(core)?;
    let address = listener.local_addr();
    let (stop, stopped) = oneshot::channel();
    let task = runtime.spawn(api::server::serve_over(listener, router, tls, async {
        let _ = stopped.await;
    }));
    Some(address.map(|address| SqlEndpoint { address, stop, task }).map_err(anyhow::Error::from))
}

fn open_facts(
    parts: desk::Parts,
    callers: &Arc<api::callers::Callers>,
    trail: &Arc<api::trail::Trail>,
    rules: &Arc<std::sync::RwLock<rules::Rulebook>>,
    (booking, hooks): (&Arc<api::booking::Offices>, &Arc<api::webhooks::Hooks>),
    subjects: &Subjects,
) -> anyhow::Result<Facts> {
    let (callers, trail, book) = (Arc::clone(callers), Arc::clone(trail), Arc::clone(rules));
    let (offices, hooks) = (Arc::clone(booking), Arc::clone(hooks));
    let listener = Arc::new(move |place, row: &records::FactRow| {
        trail.apply(place, row);
        offices.apply(place, row);
        hooks.apply(place, row);
        callers.apply(row);
        book.write().expect("nothing panics under the lock").apply(row);
    });
    let facts = Facts::open(parts, listener)?;
    // A crash may have come between the destroyed key and the fact that tells of it. It stays pending until the
    // warehouse has followed, which `core::finish_erasures` sees to.
    for erasure in subjects.pending_erasures() {
        facts.decide(core::erased(&erasure))?;
    }
    Ok(facts)
}

fn flow_config(settings: &Settings) -> Config {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    Config {
        workers: settings.worker_count(cores),
        claim_id: rand::random(),
        epoch_every: Duration::from_millis(u64::from(settings.epoch_ms.0)),
        snapshot_every: Span::from_seconds(i64::from(settings.snapshot_s.0)),
        ..Config::default()
    }
}

fn api(core: &Arc<Core>) -> anyhow::Result<Api> {
    let (desk, views, readiness) = (Arc::clone(core), Arc::clone(core), Arc::clone(core));
    Ok(Api::from(Parts {
        callers: Arc::clone(&core.callers),
        trail: Arc::clone(&core.trail),
        accounts: core.accounts.clone(),
        booking: Arc::clone(&core.booking),
        log: Arc::clone(&core.log),
        hooks: Arc::clone(&core.webhooks),
        webhooks_private: core.settings.webhooks_private,
        test_payments: core.settings.test_payments,
        payments: core.payments.clone(),
        operations: operations::operations(core),
        desk: Box::new(move |tag, command| Some(desk.facts().ok()?.submit(tag, command))),
        door: core.door()?,
        sql: analysts::sql(core),
        chance: Box::new(|bytes| rand::fill(bytes)),
        clock: Arc::clone(&core.clock),
        views: Box::new(move || readers(&views.views())),
        rules: Arc::clone(&core.rules),
        readiness: Box::new(move || ready(&readiness)),
        intake: Arc::clone(&core.intake),
        metrics: Arc::clone(&core.metrics),
        feeds: core.settings.feeds(),
        edge: core.settings.edge(),
        metrics_public: core.settings.metrics_public,
    }))
}

/// Where the settings say that mails go.
fn outgoing(settings: &Settings) -> anyhow::Result<Outgoing> {
    if !settings.smtp_url.0.is_empty() {
        return Outgoing::smtp(&settings.smtp_url.0, &settings.mail_from);
    }
    Ok(if settings.mailbox { Outgoing::Mailbox(Mailbox::default()) } else { Outgoing::Nowhere })
}

/// Where the settings say that payment providers are.
fn payments(settings: &Settings) -> anyhow::Result<api::booking::payments::Options> {
    let url = settings.stripe_url.parse().context("`stripe_url`")?;
    let script = settings.stripe_script.parse().context("`stripe_script`")?;
    api::booking::payments::Options::new(url, script).context("the system's certificates cannot be read")
}

/// What the settings say of accounts.
fn accounts(settings: &Settings, address: SocketAddr) -> anyhow::Result<api::accounts::Options> {
    let days = i64::from(settings.login_days.0);
    let public_url = settings.public_url.trim_end_matches('/');
    let here = || format!("{}://{address}", settings.scheme());
    let public_url = if public_url.is_empty() { here() } else { public_url.to_owned() };
    let providers = if settings.oidc_file.as_os_str().is_empty() {
        api::accounts::Providers::default()
    } else {
        let place = || format!("reading `oidc_file` {}", settings.oidc_file.display());
        let text = std::fs::read_to_string(&settings.oidc_file).with_context(place)?;
        api::accounts::Providers::from_toml(&text).with_context(place)?
    };
    Ok(api::accounts::Options::new(Span::from_seconds(days * 86_400), public_url, providers))
}

fn readers(views: &dataflow::computations::Views) -> api::reads::Views {
    api::reads::Views {
        windows: views.windows.clone(),
        leaderboards: views.leaderboards.clone(),
        campaigns: views.campaigns.clone(),
        signals: views.signals.clone(),
        scores: views.scores.clone(),
        attendance: views.attendance.clone(),
        visits: views.visits.clone(),
        funnels: views.funnels.clone(),
        trending: views.trending.clone(),
        recommend: views.recommend.clone(),
        segments: views.segments.clone(),
        revenue: views.revenue.clone(),
        audience: views.audience.clone(),
    }
}

fn ready(core: &Core) -> Readiness {
    let Some(status) = core.flow_status() else {
        return Readiness { ready: false, detail: "stopping".into(), ..Readiness::default() };
    };
    let ready = status.phase == Phase::Live;
    let mut detail = match status.phase {
        Phase::Live => String::new(),
        phase => format!("{phase:?}: {} records behind, {} epochs to replay", status.behind_records, status.replaying),
    };
    // The others answer, so the process is as ready as it gets.
    for aside in status.set_aside.iter() {
        let separator = if detail.is_empty() { "" } else { "; " };
        detail += &format!("{separator}view `{}` is set aside since epoch {}", aside.view, aside.since);
    }
    Readiness { ready, detail, as_of: status.as_of }
}
