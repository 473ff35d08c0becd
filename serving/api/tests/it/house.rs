//! A whole API over a log in memory: keys of two organizations, a real front door, views that tests drive themselves.

use std::sync::{Arc, LazyLock, RwLock};

use api::accounts::Options;
use api::callers::Callers;
use api::metrics::Registry;
use api::reads::Views;
use api::system::{Figures, Operations, Replayed};
use api::trail::Trail;
use api::{Api, Parts, Readiness};
use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Method, Request, StatusCode};
use collect::{Appender, Door, DoorOptions, Subjects};
use desk::Desk;
use eventlog::clock::ManualClock;
use eventlog::disk::SimDisk;
use eventlog::{EventLog, Lane, MemoryLog, MemoryOptions, ReadLimits};
use http_body_util::BodyExt as _;
use records::fact::Scope;
use records::{Batch, Fact, FactRow, OrganizationId, Record, SecretHash, Timestamp};
use rules::Domains;
use serde_json::Value;
use tower::ServiceExt as _;
use views::as_of::{Announcer, AsOf, Frontier, channel};
use views::feed::Limits;
use views::shards::{Writer, open};

use crate::document;

pub(crate) const WRITE: &str = "a-write-key-of-acme";
pub(crate) const READ: &str = "a-read-key-of-acme";
pub(crate) const OTHER: &str = "a-key-of-another-one";
pub(crate) const NOW: Timestamp = Timestamp::from_seconds(1_763_640_000);

pub(crate) fn acme() -> OrganizationId {
    OrganizationId::parse("acme").unwrap()
}

/// What a test holds.
pub(crate) struct House {
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) router: Router,
    pub(crate) api: Api,
    pub(crate) log: Arc<dyn EventLog>,
    pub(crate) announcer: Announcer,
    pub(crate) frontier: Frontier,
    pub(crate) windows: Writer<views::windows::Windows>,
    pub(crate) leaderboards: Writer<views::leaderboards::Leaderboards>,
    pub(crate) visits: Writer<views::visits::Visits>,
    pub(crate) trending: Writer<views::trending::Trends>,
    pub(crate) segments: Writer<views::segments::Segments>,
    pub(crate) funnels: Writer<views::funnels::Funnels>,
    pub(crate) revenue: Writer<views::revenue::Revenue>,
    pub(crate) audience: Writer<views::audience::Audience>,
    pub(crate) rules: Arc<RwLock<rules::Rulebook>>,
    pub(crate) subjects: Arc<Subjects>,
    pub(crate) callers: Arc<Callers>,
    pub(crate) metrics: Arc<Registry>,
    views: Arc<RwLock<Views>>,
    _folder: tempfile::TempDir,
}

/// An answer, read whole.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Value,
}

impl House {
    pub(crate) fn new() -> Self {
        Self::with(MemoryOptions::default())
    }

    /// With another secret.
    pub(crate) fn seeded(seed: u8) -> Self {
        let edge = api::edge::Edge::default();
        Self::made(
            seed,
            MemoryOptions::default(),
            api::limits::Feeds::default(),
            Limits::default(),
            edge,
            Options::default(),
        )
    }

    pub(crate) fn with(options: MemoryOptions) -> Self {
        Self::live(options, api::limits::Feeds::default(), Limits::default())
    }

    /// With bounds of feeds, and of what their rings remember.
    pub(crate) fn live(options: MemoryOptions, feeds: api::limits::Feeds, ring: Limits) -> Self {
        Self::made(0, options, feeds, ring, api::edge::Edge::default(), Options::default())
    }

    /// Behind an edge of its own.
    pub(crate) fn behind(edge: api::edge::Edge) -> Self {
        Self::made(
            0,
            MemoryOptions::default(),
            api::limits::Feeds::default(),
            Limits::default(),
            edge,
            Options::default(),
        )
    }

    /// With other options of accounts.
    pub(crate) fn signing_in(accounts: Options) -> Self {
        let (feeds, edge) = (api::limits::Feeds::default(), api::edge::Edge::default());
        Self::made(0, MemoryOptions::default(), feeds, Limits::default(), edge, accounts)
    }

    fn made(
        seed: u8,
        options: MemoryOptions,
        feeds: api::limits::Feeds,
        ring: Limits,
        edge: api::edge::Edge,
        accounts: Options,
    ) -> Self {
        // Nobody listens there: tests that pay have a Stripe of their own.
        Self::paying(seed, options, feeds, ring, edge, accounts, "http://127.0.0.1:9")
    }

    /// With Stripe somewhere else.
    pub(crate) fn selling(stripe: &str) -> Self {
        let (feeds, edge) = (api::limits::Feeds::default(), api::edge::Edge::default());
        Self::paying(0, MemoryOptions::default(), feeds, Limits::default(), edge, Options::default(), stripe)
    }

    fn paying(
        seed: u8,
        options: MemoryOptions,
        feeds: api::limits::Feeds,
        ring: Limits,
        edge: api::edge::Edge,
        accounts: Options,
        stripe: &str,
    ) -> Self {
        let script = format!("{stripe}/js.stripe.com/v3/");
        let payments = api::booking::payments::Options::new(stripe.parse().unwrap(), script.parse().unwrap()).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let log: Arc<dyn EventLog> = Arc::new(MemoryLog::with_options(7, ManualClock::new(NOW), options));
        let subjects = Arc::new(Subjects::open_at(folder.path(), Box::new(draws(seed))).unwrap());
        let door = Door::open(Appender::new(Arc::clone(&log), Arc::clone(&subjects)), DoorOptions::default()).unwrap();
        let callers = Arc::new(Callers::default());
        let rules: Arc<RwLock<rules::Rulebook>> = Arc::default();
        let trail = Arc::new(Trail::default());
        let clock = Arc::new(ManualClock::new(NOW));
        let booking = Arc::new(api::booking::Offices::default());
        let hooks = Arc::new(api::webhooks::Hooks::default());
        let desk = desk(&log, &clock, &callers, &rules, &trail, &booking, &hooks);
        let other = OrganizationId::parse("other").unwrap();
        for (organization, name, secret, scopes) in [
            (acme(), "web", WRITE, vec![Scope::Write]),
            (acme(), "page", READ, vec![Scope::Read]),
            (other, "all", OTHER, vec![Scope::Read, Scope::Write]),
        ] {
            let fact =
                Fact::KeyAdded { key: name.into(), hash: SecretHash::of(secret).to_string(), scopes, expires: None };
            callers.apply(&FactRow::new(organization, NOW, fact));
        }
        let (announcer, frontier, progress) = channel(AsOf { incarnation: 7, ..AsOf::default() });
        let (mut windows, windows_reader) = open(1, progress.clone(), ring);
        let (mut leaderboards, leaderboards_reader) = open(1, progress.clone(), ring);
        let (mut visits, visits_reader) = open(1, progress.clone(), ring);
        let (mut trending, trending_reader) = open(1, progress.clone(), ring);
        let (mut segments, segments_reader) = open(1, progress.clone(), ring);
        let (mut funnels, funnels_reader) = open(1, progress.clone(), ring);
        let (mut revenue, revenue_reader) = open(1, progress.clone(), ring);
        let (mut audience, audience_reader) = open(1, progress.clone(), ring);
        macro_rules! idle {
            () => {
                open(1, progress.clone(), ring).1
            };
        }
        let views = Arc::new(RwLock::new(Views {
            windows: windows_reader,
            leaderboards: leaderboards_reader,
            campaigns: idle!(),
            signals: idle!(),
            scores: idle!(),
            attendance: idle!(),
            visits: visits_reader,
            funnels: funnels_reader,
            trending: trending_reader,
            recommend: idle!(),
            segments: segments_reader,
            revenue: revenue_reader,
            audience: audience_reader,
        }));
        let metrics = Arc::new(Registry::default());
        let api = Api::from(Parts {
            callers: Arc::clone(&callers),
            trail: Arc::clone(&trail),
            booking: Arc::clone(&booking),
            hooks: Arc::clone(&hooks),
            webhooks_private: true,
            log: Arc::clone(&log),
            test_payments: true,
            payments,
            accounts,
            operations: Operations {
                figures: Box::new(Figures::default),
                letters: Box::new(|_, _| Ok(Vec::new())),
                mailbox: Box::new(|| None),
                replay: Box::new(|| Ok(Replayed::default())),
            },
            desk: Box::new(move |tag, command| Some(desk.submit(tag, command))),
            door: Arc::new(door),
            sql: None,
            clock: Arc::<ManualClock>::clone(&clock),
            chance: Box::new(draws(seed)),
            views: {
                let views = Arc::clone(&views);
                Box::new(move || views.read().unwrap().clone())
            },
            rules: Arc::clone(&rules),
            readiness: Box::new(|| Readiness { ready: true, ..Readiness::default() }),
            intake: Arc::default(),
            metrics: Arc::clone(&metrics),
            feeds,
            edge,
            metrics_public: false,
        });
        Self {
            router: api::routes::router(api.clone()),
            api,
            log,
            announcer,
            frontier,
            windows: windows.remove(0),
            leaderboards: leaderboards.remove(0),
            visits: visits.remove(0),
            trending: trending.remove(0),
            segments: segments.remove(0),
            funnels: funnels.remove(0),
            revenue: revenue.remove(0),
            audience: audience.remove(0),
            rules,
            subjects,
            callers,
            metrics,
            clock,
            views,
            _folder: folder,
        }
    }

    /// Goes on with the views of another house, as after a rebuild of the dataflow in the same process.
    pub(crate) fn adopt(&mut self, rebuilt: Self) {
        let views = rebuilt.views.read().unwrap().clone();
        *self.views.write().unwrap() = views;
        (self.announcer, self.frontier) = (rebuilt.announcer, rebuilt.frontier);
        (self.windows, self.leaderboards) = (rebuilt.windows, rebuilt.leaderboards);
        (self.visits, self.trending) = (rebuilt.visits, rebuilt.trending);
        (self.segments, self.funnels) = (rebuilt.segments, rebuilt.funnels);
        (self.revenue, self.audience) = (rebuilt.revenue, rebuilt.audience);
    }

    /// Everything in the facts lane.
    pub(crate) fn facts(&self) -> Vec<FactRow> {
        let mut rows = Vec::new();
        for partition in self.log.identity().partitions.each(Lane::Facts) {
            let start = self.log.starts(Lane::Facts)[partition.index()];
            let limits = ReadLimits { max_rows: u64::MAX, ..ReadLimits::default() };
            for frame in self.log.read(Lane::Facts, partition, start, limits).unwrap() {
                rows.extend(records::fact::decode(&frame.body).unwrap());
            }
        }
        rows
    }

    pub(crate) async fn send(&self, request: Request<Body>) -> Answer {
        let (method, path) = (request.method().clone(), request.uri().path().to_owned());
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = body.collect().await.unwrap().to_bytes();
        let body = serde_json::from_slice(&bytes).unwrap_or_else(|_| String::from_utf8_lossy(&bytes).into());
        let answer = Answer { status: parts.status, headers: parts.headers, body };
        is_documented(method.as_str(), &path, &answer);
        answer
    }

    /// Posts with a key in `Authorization: Bearer`.
    pub(crate) async fn post(&self, key: &str, path: &str, body: &Value) -> Answer {
        self.send(request(Method::POST, path, &[("authorization", &format!("Bearer {key}"))], body.to_string())).await
    }

    pub(crate) async fn get(&self, key: &str, path: &str) -> Answer {
        self.send(request(Method::GET, path, &[("authorization", &format!("Bearer {key}"))], "")).await
    }

    /// Every record that counts, in log time order.
    pub(crate) fn records(&self) -> Vec<Record> {
        let from = self.log.starts(Lane::Activity);
        let frames = self.log.read_lane(Lane::Activity, &from, ReadLimits::everything()).unwrap();
        let mut records = Vec::new();
        for frame in frames.iter().filter(|frame| frame.counted() > 0) {
            let batch = Batch::decode(&frame.body).unwrap();
            records.extend(frame.counted_rows().map(|row| batch.record(row as usize)));
        }
        records
    }

    /// Completes an epoch in all views.
    pub(crate) fn complete(&mut self, epoch: u64, log_time: Timestamp) {
        self.windows.finish(epoch, log_time);
        self.leaderboards.finish(epoch, log_time);
        self.visits.finish(epoch, log_time);
        self.trending.finish(epoch, log_time);
        self.segments.finish(epoch, log_time);
        self.funnels.finish(epoch, log_time);
        self.revenue.finish(epoch, log_time);
        self.audience.finish(epoch, log_time);
        self.announcer.announce(AsOf { epoch, incarnation: 7, log_time, ..AsOf::default() });
        self.frontier.complete(epoch);
    }
}

/// Every answer that any test gets is one that the document tells of.
fn is_documented(method: &str, path: &str, answer: &Answer) {
    static DOCUMENT: LazyLock<Value> = LazyLock::new(api::openapi::document);
    let Some(operation) = document::operation(&DOCUMENT, method, path) else { return };
    let told = &operation["responses"][answer.status.as_str()];
    assert!(!told.is_null(), "{method} {path} answers what the document does not tell: {answer:?}");
    if let Some(code) = answer.body["code"].as_str().filter(|_| answer.status.as_u16() >= 400) {
        let shared = told["$ref"].as_str().and_then(|name| DOCUMENT.pointer(name.trim_start_matches('#')));
        let examples = &shared.unwrap_or(told)["content"]["application/problem+json"]["examples"];
        assert!(!examples[code].is_null(), "{method} {path} refuses with `{code}`, which the document does not tell");
    }
}

pub(crate) fn request(method: Method, path: &str, headers: &[(&str, &str)], body: impl Into<Body>) -> Request<Body> {
    let mut request = Request::builder().method(method).uri(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(body.into()).unwrap()
}

/// The desk of the house: what it decides is in the log, and known to all when it is answered.
fn desk(
    log: &Arc<dyn EventLog>,
    clock: &Arc<ManualClock>,
    callers: &Arc<Callers>,
    rules: &Arc<RwLock<rules::Rulebook>>,
    trail: &Arc<Trail>,
    booking: &Arc<api::booking::Offices>,
    hooks: &Arc<api::webhooks::Hooks>,
) -> Desk<Domains> {
    let parts = desk::Parts {
        log: Arc::clone(log),
        disk: Arc::new(SimDisk::new(1)),
        clock: Arc::<ManualClock>::clone(clock),
        address: "here".into(),
        chance: Arc::new(|| 7),
    };
    let (callers, rules, trail) = (Arc::clone(callers), Arc::clone(rules), Arc::clone(trail));
    let (booking, hooks) = (Arc::clone(booking), Arc::clone(hooks));
    let listener = move |place, row: &FactRow| {
        trail.apply(place, row);
        booking.apply(place, row);
        hooks.apply(place, row);
        callers.apply(row);
        rules.write().unwrap().apply(row);
    };
    Desk::open(parts, Arc::new(listener)).unwrap()
}

/// Never twice the same, and always the same in the next run.
fn draws(seed: u8) -> impl Fn(&mut [u8]) + Send + Sync + 'static {
    let drawn = std::sync::atomic::AtomicU64::new(1);
    move |bytes| {
        let number = drawn.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let draw = SecretHash::of(&format!("{seed} {number}"));
        bytes.iter_mut().zip(draw.0.iter().cycle()).for_each(|(byte, drawn)| *byte = *drawn);
    }
}

/// Runs a test's future on several threads, as the server does.
pub(crate) fn run<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(future)
}
