//! All live feeds of a process: who reads what, how many may, and the one task that waits for the frontier.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{Request, StatusCode, Uri};
use bytes::Bytes;
use http_body_util::BodyExt as _;
use records::OrganizationId;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tower::ServiceExt as _;
use views::feed::Position;

use super::address::{Wish, every};
use super::group::{Group, Lately, Rhythm, Subscription};
use super::message::Kind;
use super::presence::Channels;
use super::rings;
use crate::auth::Presented;
use crate::metrics::{Counter, Registry};
use crate::problem::{Code, Problem};
use crate::reads::about::about;
use crate::reads::extract::Asking;
use crate::{Api, limits};

/// What feeds count.
pub(super) struct Figures {
    /// Messages that were encoded; less than told ones, because readers of the same share them.
    pub(super) encoded: Counter,
    /// Messages that told a reader in one piece what it had not been told when it happened.
    pub(super) coalesced: Counter,
    told: [Counter; Kind::ALL.len()],
    bytes: Counter,
    streams: AtomicUsize,
    sockets: AtomicUsize,
    subscriptions: AtomicUsize,
    groups: AtomicUsize,
}

impl Figures {
    fn new(registry: &Registry) -> Arc<Self> {
        let told = Kind::ALL.map(|kind| {
            registry.counter("eventra_feed_messages_total", "Messages told to readers.", &[("kind", kind.word())])
        });
        let figures = Arc::new(Self {
            encoded: registry.counter("eventra_feed_encoded_total", "Messages encoded; readers share them.", &[]),
            coalesced: registry.counter("eventra_feed_coalesced_total", "Messages to readers who were behind.", &[]),
            told,
            bytes: registry.counter("eventra_feed_bytes_total", "Bytes of messages told to readers.", &[]),
            streams: AtomicUsize::new(0),
            sockets: AtomicUsize::new(0),
            subscriptions: AtomicUsize::new(0),
            groups: AtomicUsize::new(0),
        });
        let seen = Arc::clone(&figures);
        registry.collector(move |out| {
            for (kind, open) in [("sse", &seen.streams), ("websocket", &seen.sockets)] {
                let open = gauge(open);
                out.gauge("eventra_feed_connections", "Open feed connections.", &[("kind", kind)], open);
            }
            let open = gauge(&seen.subscriptions);
            out.gauge("eventra_feed_subscriptions", "Subscriptions of all feed connections.", &[], open);
            let known = gauge(&seen.groups);
            out.gauge("eventra_feed_groups", "Feeds that readers share.", &[], known);
        });
        figures
    }

    /// Counts a message as told.
    pub(super) fn told(&self, kind: Kind, bytes: usize) {
        self.told[kind as usize].add(1);
        self.bytes.add(bytes as u64);
    }
}

fn gauge(value: &AtomicUsize) -> f64 {
    f64::from(u32::try_from(value.load(Ordering::Relaxed)).unwrap_or(u32::MAX))
}

/// Counts something as long as it lives.
pub(super) struct Counted(Arc<Figures>, fn(&Figures) -> &AtomicUsize);

impl Counted {
    fn new(figures: &Arc<Figures>, of: fn(&Figures) -> &AtomicUsize) -> Self {
        of(figures).fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(figures), of)
    }

    pub(super) fn subscription(figures: &Arc<Figures>) -> Self {
        Self::new(figures, |figures| &figures.subscriptions)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        (self.1)(&self.0).fetch_sub(1, Ordering::Relaxed);
    }
}

/// Asks read routes in a reader's name.
pub(super) struct Asker {
    pub(super) api: Api,
    pub(super) bounds: limits::Feeds,
    pub(super) figures: Arc<Figures>,
    routes: Router,
}

impl Asker {
    /// Asks a read route; feeds of changes from a position on.
    pub(super) async fn ask(
        &self,
        organization: OrganizationId,
        address: &Uri,
        since: Option<Position>,
    ) -> Result<Bytes, Problem> {
        let mut request = Request::new(Body::empty());
        *request.uri_mut() = since.map_or_else(|| address.clone(), |since| from(address, since));
        request.extensions_mut().insert(Asking(organization));
        let Ok(response) = self.routes.clone().oneshot(request).await;
        if response.status() != StatusCode::OK {
            let problem = response.extensions().get::<Problem>().cloned();
            return Err(problem.unwrap_or_else(|| Problem::new(Code::Internal, "")));
        }
        let body = response.into_body().collect().await;
        body.map(http_body_util::Collected::to_bytes).map_err(|_| Problem::new(Code::Internal, ""))
    }
}

fn from(address: &Uri, since: Position) -> Uri {
    let and = if address.query().is_some() { '&' } else { '?' };
    let address = format!("{address}{and}from={since}&limit={}", limits::ROWS_MAX);
    address.parse().expect("an address with more plain text is an address")
}

struct Kept {
    group: Arc<Group>,
    task: JoinHandle<()>,
    _counted: Counted,
}

type Groups = BTreeMap<(OrganizationId, String), Kept>;

/// All feeds of a process.
pub(super) struct Hub {
    pub(super) asker: Arc<Asker>,
    groups: Mutex<Groups>,
    // Says that the frontier moved, or that the views are others.
    pulse: watch::Sender<u64>,
    heart: Mutex<Option<JoinHandle<()>>>,
    places: Arc<Mutex<Places>>,
    pub(super) presence: Arc<Channels>,
}

/// Which connections are open.
#[derive(Default)]
struct Places {
    all: usize,
    // How many there ever were.
    begun: u64,
    of_key: BTreeMap<String, usize>,
}

/// A connection's place, as long as it lives.
pub(super) struct Place {
    places: Arc<Mutex<Places>>,
    key: String,
    /// How many came before it.
    pub(super) number: u64,
    _counted: Counted,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut places = locked(&self.places);
        places.all -= 1;
        if let Some(open) = places.of_key.get_mut(&self.key) {
            *open -= 1;
            if *open == 0 {
                places.of_key.remove(&self.key);
            }
        }
    }
}

/// What is counted under these locks stays right whoever panics.
pub(super) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What a connection is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Transport {
    Stream,
    Socket,
}

impl Hub {
    pub(super) fn new(api: Api) -> Self {
        let unknown = async || Problem::new(Code::RouteUnknown, "");
        let routes = crate::reads::routes().finish().0.fallback(unknown).with_state(api.clone());
        let figures = Figures::new(&api.metrics);
        let asker = Arc::new(Asker { bounds: api.feeds.clone(), figures, routes, api });
        let (groups, pulse, heart, places) = Default::default();
        let presence = Arc::new(Channels::default());
        let seen = Arc::clone(&presence);
        asker.api.metrics.collector(move |out| {
            let channels = f64::from(u32::try_from(seen.len()).unwrap_or(u32::MAX));
            out.gauge("eventra_presence_channels", "Channels of presence that somebody reads.", &[], channels);
        });
        Self { asker, groups, pulse, heart, places, presence }
    }

    /// Gives a connection its place.
    ///
    /// # Errors
    /// `overloaded` when the process has as many as it may, `feeds_too_many` when the key has.
    pub(super) fn place(&self, presented: &Presented, transport: Transport) -> Result<Place, Problem> {
        let key = presented.who();
        let bounds = &self.asker.bounds;
        let mut places = locked(&self.places);
        if places.all >= bounds.connections {
            return Err(Problem::new(Code::Overloaded, "").retry_after(limits::RETRY_FEEDS_SECONDS));
        }
        let open = places.of_key.get(&key).copied().unwrap_or(0);
        if open >= bounds.connections_of_key {
            let detail = format!("{key} has {open} open feed connections");
            return Err(Problem::new(Code::FeedsTooMany, detail).retry_after(limits::RETRY_FEEDS_SECONDS));
        }
        places.all += 1;
        places.begun += 1;
        let number = places.begun;
        places.of_key.insert(key.clone(), open + 1);
        drop(places);
        let counted = Counted::new(
            &self.asker.figures,
            match transport {
                Transport::Stream => |figures| &figures.streams,
                Transport::Socket => |figures| &figures.sockets,
            },
        );
        Ok(Place { places: Arc::clone(&self.places), key, number, _counted: counted })
    }

    /// Begins to read a feed, if whoever asks may.
    ///
    /// # Errors
    /// As the read route, except that what is not there yet is no error; and `position_wrong`.
    pub(super) async fn subscribe(
        self: &Arc<Self>,
        presented: &Presented,
        organization: OrganizationId,
        wish: Wish,
    ) -> Result<Subscription, Problem> {
        let (act, on) = about(organization, &wish.address)?;
        presented.may(act, &on)?;
        let plan = rings::plan(organization, &wish.address)?;
        wish.waiting.settle((self.asker.api.views)().progress()).await?;
        let most = self.asker.bounds.updates_per_second;
        let rhythm = match wish.max_rate {
            Some(rate) if rate >= f64::from(most) => Rhythm::Each,
            rate => Rhythm::Merged(every(rate, most)),
        };
        let (group, published) = self.join(organization, wish.address, plan);
        let begin = match wish.position {
            Some(text) => {
                let position = group.parse(&text)?;
                group.resume().await?;
                Ok(position)
            }
            None => Err(group.begin().await?),
        };
        Ok(Subscription::new(group, published, begin, rhythm))
    }

    fn join(
        self: &Arc<Self>,
        organization: OrganizationId,
        address: Uri,
        plan: rings::Plan,
    ) -> (Arc<Group>, watch::Receiver<Lately>) {
        self.live();
        let key = (organization, address.to_string());
        let mut groups = locked(&self.groups);
        // A task that has ended belonged to a runtime that is gone.
        if let Some(kept) = groups.get(&key).filter(|kept| !kept.task.is_finished()) {
            return (Arc::clone(&kept.group), kept.group.listen());
        }
        let group = Arc::new(Group::new(Arc::clone(&self.asker), organization, address, plan));
        let published = group.listen();
        let rhythm = every(None, self.asker.bounds.updates_per_second);
        let lead = lead(Arc::downgrade(self), Arc::clone(&group), key.clone(), self.pulse.subscribe(), rhythm);
        let task = tokio::spawn(lead);
        let counted = Counted::new(&self.asker.figures, |figures| &figures.groups);
        groups.insert(key, Kept { group: Arc::clone(&group), task, _counted: counted });
        (group, published)
    }

    /// Forgets a group that nobody reads; false when somebody has come meanwhile.
    fn forget(&self, key: &(OrganizationId, String), group: &Group) -> bool {
        let mut groups = locked(&self.groups);
        if group.readers() > 0 {
            return false;
        }
        groups.remove(key);
        true
    }

    /// Starts the task that waits for the frontier, unless it runs.
    fn live(self: &Arc<Self>) {
        let mut heart = locked(&self.heart);
        if heart.as_ref().is_none_or(JoinHandle::is_finished) {
            *heart = Some(tokio::spawn(pulse(Arc::downgrade(self))));
        }
    }
}

/// Tells groups that the frontier moved. One task waits for all of them.
async fn pulse(hub: Weak<Hub>) {
    let mut seen = None;
    loop {
        let Some(hub) = hub.upgrade() else { return };
        // Each time anew: after a rebuild of the dataflow they are others.
        let progress = (hub.asker.api.views)().progress().clone();
        let current = progress.epoch();
        if seen != Some(current) {
            seen = Some(current);
            hub.pulse.send_modify(|beats| *beats += 1);
        }
        drop(hub);
        // The pause comes before the wait, so that the epoch that ends a quiet time is told at once.
        tokio::time::sleep(limits::PULSE_EVERY).await;
        let bound = tokio::time::timeout(limits::PULSE_WITHIN, progress.past(current));
        if bound.await == Ok(false) {
            // The dataflow has stopped; the next one is on its way.
            tokio::time::sleep(limits::PULSE_WITHIN).await;
        }
    }
}

/// Leads one group until nobody reads it.
async fn lead(
    hub: Weak<Hub>,
    group: Arc<Group>,
    key: (OrganizationId, String),
    mut pulse: watch::Receiver<u64>,
    rhythm: Duration,
) {
    let mut due = None;
    loop {
        // What was not due when the frontier last moved is told even if it never moves again.
        let late = async {
            match due {
                Some(due) => tokio::time::sleep_until(due).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            beat = pulse.changed() => if beat.is_err() { return },
            () = late => {}
            () = group.left() => {
                if hub.upgrade().is_none_or(|hub| hub.forget(&key, &group)) {
                    return;
                }
            }
        }
        let begun = Instant::now();
        due = group.beat().await;
        tokio::time::sleep_until(begun + rhythm).await;
    }
}
