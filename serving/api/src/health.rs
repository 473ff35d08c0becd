//! `/healthz`, `/readyz`, `/metrics`: whether it lives, whether its answers are current, and its figures.

use std::sync::LazyLock;

use axum::Extension;
use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use schemars::json_schema;

use crate::edge::client::Client;
use crate::openapi::Routes;
use crate::problem::{Code, Problem};
use crate::{Api, Readiness, conditional};

/// The routes, without bounds.
pub(crate) fn routes() -> Routes {
    Routes::new()
        .get("/healthz", "Whether the process lives", live)
        .get("/readyz", "Whether answers are current", ready)
        .with(|operation| {
            operation.answers::<Readiness>(200, "The views have caught up.");
            operation.answers::<Readiness>(503, "They have not, or something has failed since; `detail` says what.");
        })
        .get("/metrics", "Figures as Prometheus text; for this machine only unless the settings say otherwise", metrics)
        .with(|operation| {
            operation.answers_as(200, "Figures.", "text/plain", json_schema!({"type": "string"}));
            operation.may(&[Code::LoopbackOnly]);
        })
        .get("/v1/openapi.json", "This document", document)
        .with(|operation| operation.answers::<serde_json::Map<String, serde_json::Value>>(200, "OpenAPI 3.1."))
}

/// The document never changes while the process runs.
static DOCUMENT: LazyLock<String> = LazyLock::new(|| crate::openapi::document().to_string());

/// What all routes take and give.
async fn document() -> Response {
    conditional::with_tag(DOCUMENT.as_bytes().to_vec())
}

/// Answers as long as the process runs its tasks.
async fn live() -> &'static str {
    "ok\n"
}

/// 200 once the views have caught up with what the log held at the start, 503 before and when something failed since.
async fn ready(State(api): State<Api>) -> Response {
    let readiness = (api.readiness)();
    let status = if readiness.ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(readiness)).into_response()
}

/// The figures as Prometheus text, to this machine only unless the settings say otherwise.
async fn metrics(State(api): State<Api>, client: Option<Extension<Client>>) -> Response {
    // Not the peer: behind a proxy of this machine everybody comes from it. Without a client the request did not come over a network at all (tests, embedding).
    let near = client.is_none_or(|client| client.address.is_loopback());
    if !near && !api.metrics_public {
        return Problem::new(Code::LoopbackOnly, "").into_response();
    }
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], api.metrics.text()).into_response()
}
