//! What stands before every route: a bound on requests at once, a bound on their time, and a count.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use tokio::sync::Semaphore;

use crate::Api;
use crate::metrics::{Counter, Registry};
use crate::problem::{Code, Problem};

/// The bounds of a group of routes.
#[derive(Debug, Clone)]
pub struct Bounds {
    places: Arc<Semaphore>,
    within: Duration,
}

impl Bounds {
    /// At most `places` requests at once, each at most `within`.
    pub fn new(places: usize, within: Duration) -> Self {
        Self { places: Arc::new(Semaphore::new(places)), within }
    }
}

/// Refuses what is too much, and ends what takes too long.
pub async fn bound(State(bounds): State<Bounds>, request: Request, next: Next) -> Response {
    let Ok(_place) = bounds.places.try_acquire() else {
        return Problem::new(Code::Overloaded, "").retry_after(1).into_response();
    };
    match tokio::time::timeout(bounds.within, next.run(request)).await {
        Ok(response) => response,
        Err(_) => Problem::new(Code::TooSlow, format!("a request has {} s", bounds.within.as_secs())).into_response(),
    }
}

/// The pattern of the route that answered, for who counts: paths are endless, and a metric per path would be too.
#[derive(Clone)]
struct Answered(MatchedPath);

/// Counts answers by route and status.
pub(crate) struct Answers {
    registry: Arc<Registry>,
    // By status and route: the counters are looked up for each answer.
    known: RwLock<BTreeMap<(u16, String), Counter>>,
}

impl Answers {
    pub(crate) fn new(registry: Arc<Registry>) -> Self {
        Self { registry, known: RwLock::default() }
    }

    /// Counts one.
    pub(crate) fn count(&self, response: &Response) {
        let route = response.extensions().get::<Answered>().map_or("other", |Answered(path)| path.as_str());
        let key = (response.status().as_u16(), route.to_owned());
        if let Some(counter) = self.known.read().unwrap_or_else(PoisonError::into_inner).get(&key) {
            return counter.add(1);
        }
        let counter = self.registry.counter(
            "eventra_http_requests_total",
            "Answered requests by route and status.",
            &[("route", route), ("status", response.status().as_str())],
        );
        counter.add(1);
        self.known.write().unwrap_or_else(PoisonError::into_inner).insert(key, counter);
    }
}

/// Says of an answer which route made it.
pub(crate) async fn named(request: Request, next: Next) -> Response {
    let path = request.extensions().get::<MatchedPath>().cloned();
    let mut response = next.run(request).await;
    path.and_then(|path| response.extensions_mut().insert(Answered(path)));
    response
}

/// The bounds of a group of routes whose callers are counted: who asks too often takes no place from others.
#[derive(Clone)]
pub(crate) struct Counted {
    pub(crate) api: Api,
    pub(crate) bounds: Bounds,
}

/// Counts the caller, then bounds the request.
pub(crate) async fn count_and_bound(State(guard): State<Counted>, mut request: Request, next: Next) -> Response {
    let path = request.extensions().get::<MatchedPath>().cloned();
    let counted = guard.api.edge.rates.admit(&guard.api, &mut request);
    let mut response = match &counted {
        Some(counted) if counted.is_refused() => counted.refusal(&guard.api),
        _ => bound(State(guard.bounds), request, next).await,
    };
    counted.inspect(|counted| counted.tell(response.headers_mut()));
    path.and_then(|path| response.extensions_mut().insert(Answered(path)));
    response
}
