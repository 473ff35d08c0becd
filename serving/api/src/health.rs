//! `/healthz`, `/readyz`, `/metrics`: whether it lives, whether its answers are current, and its figures.

use std::net::SocketAddr;

use axum::Json;
use axum::extract::{ConnectInfo, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};

use crate::Api;
use crate::problem::{Code, Problem};

/// Answers as long as the process runs its tasks.
pub(crate) async fn live() -> &'static str {
    "ok\n"
}

/// 200 once the views have caught up with what the log held at the start, 503 before and when something failed since.
pub(crate) async fn ready(State(api): State<Api>) -> Response {
    let readiness = (api.readiness)();
    let status = if readiness.ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(readiness)).into_response()
}

/// The figures as Prometheus text, to this machine only unless the settings say otherwise.
pub(crate) async fn metrics(
    State(api): State<Api>,
    peer: Option<axum::Extension<ConnectInfo<SocketAddr>>>,
) -> Response {
    // Without a peer the request did not come over a network at all (tests, embedding).
    let near = peer.is_none_or(|peer| peer.0.0.ip().to_canonical().is_loopback());
    if !near && !api.metrics_public {
        return Problem::new(Code::LoopbackOnly, "").into_response();
    }
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], api.metrics.text()).into_response()
}
