//! What stands before every route: a bound on requests at once, a bound on their time, and a count.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use tokio::sync::Semaphore;

use crate::metrics::Registry;
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

/// Counts answers by route and status.
pub async fn count(State(registry): State<Arc<Registry>>, request: Request, next: Next) -> Response {
    // The pattern, not the path: paths are endless, and a metric per path would be too.
    let route =
        request.extensions().get::<MatchedPath>().map_or_else(|| "other".to_owned(), |path| path.as_str().to_owned());
    let response = next.run(request).await;
    registry
        .counter(
            "eventra_http_requests_total",
            "Answered requests by route and status.",
            &[("route", &route), ("status", response.status().as_str())],
        )
        .add(1);
    response
}
