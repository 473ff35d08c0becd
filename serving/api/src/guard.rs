//! What stands before every route: a bound on requests at once, a bound on their time, and a count.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use axum::extract::{Request, State};
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
    /// Whether a request waits for a place, in order, instead of being refused.
    patient: bool,
}

impl Bounds {
    /// At most `places` requests at once, each at most `within`.
    pub fn new(places: usize, within: Duration) -> Self {
        Self { places: Arc::new(Semaphore::new(places)), within, patient: false }
    }

    /// The same, where whoever finds no place waits for one: for feeds, whose readers all come back in one moment after a
    /// restart, and of whom a browser's `EventSource` never comes again once it was refused. Open connections bound how many.
    #[must_use]
    pub fn patient(self) -> Self {
        Self { patient: true, ..self }
    }
}

/// Refuses what is too much, and ends what takes too long.
pub async fn bound(State(bounds): State<Bounds>, request: Request, next: Next) -> Response {
    within(&bounds, request, next).await
}

async fn within(bounds: &Bounds, request: Request, next: Next) -> Response {
    let overloaded = || Problem::new(Code::Overloaded, "").retry_after(1).into_response();
    let answer = async {
        let place = if bounds.patient { bounds.places.acquire().await.ok() } else { bounds.places.try_acquire().ok() };
        let Some(_place) = place else { return overloaded() };
        next.run(request).await
    };
    match tokio::time::timeout(bounds.within, answer).await {
        Ok(response) => response,
        Err(_) => Problem::new(Code::TooSlow, format!("a request has {} s", bounds.within.as_secs())).into_response(),
    }
}

/// Counts answers by route and status.
pub(crate) struct Answers {
    registry: Arc<Registry>,
    // By status and route: the counters are looked up for each answer.
    known: RwLock<BTreeMap<u16, BTreeMap<String, Counter>>>,
}

impl Answers {
    pub(crate) fn new(registry: Arc<Registry>) -> Self {
        Self { registry, known: RwLock::default() }
    }

    /// Counts one. `route` is the pattern of the route that answered: paths are endless, and a metric per path would be too.
    pub(crate) fn count(&self, route: Option<&str>, response: &Response) {
        let (status, route) = (response.status().as_u16(), route.unwrap_or("other"));
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(counter) = known.get(&status).and_then(|routes| routes.get(route)) {
            return counter.add(1);
        }
        drop(known);
        let counter = self.registry.counter(
            "eventra_http_requests_total",
            "Answered requests by route and status.",
            &[("route", route), ("status", response.status().as_str())],
        );
        counter.add(1);
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        known.entry(status).or_default().insert(route.to_owned(), counter);
    }
}

/// Counts the caller, then bounds the request: who asks too often takes no place from others.
pub(crate) async fn count_and_bound(api: &Api, bounds: &Bounds, mut request: Request, next: Next) -> Response {
    let counted = api.edge.rates.admit(api, &mut request);
    let mut response = match &counted {
        Some(counted) if counted.is_refused() => counted.refusal(api),
        _ => within(bounds, request, next).await,
    };
    counted.inspect(|counted| counted.tell(response.headers_mut()));
    response
}
