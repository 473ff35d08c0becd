//! The routes, each behind its bounds.
//!
//! | route | key | what |
//! |---|---|---|
//! | `POST /v1/track`, `identify`, `page`, `screen`, `group`, `alias`, `batch` | write | Segment's spec |
//! | `POST /v1/events` | write | CloudEvents 1.0: structured, batched, binary |
//! | `POST /v1/import` | write | NDJSON, one message a line |
//! | `GET /v1/views/...` | read | see [`crate::reads`] |
//! | `GET /v1/feeds`, `/v1/feeds/...` | read | the same, live: WebSocket, server-sent events |
//! | `GET /v1/presence/...` | read | who is here now |
//! | `GET /healthz`, `/readyz` | none | lives; is current |
//! | `GET /metrics` | none | this machine only, unless the settings say otherwise |
//! | `GET` of anything else outside of `/v1` | none | the pages: see [`crate::pages`] |

use axum::Router;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::{MethodRouter, get, post};

use crate::guard::{self, Bounds};
use crate::problem::{Code, Problem};
use crate::{Api, feeds, health, limits, pages, tracking};

/// Segment's calls, one route each.
const SEGMENT: [&str; 7] = ["track", "identify", "page", "screen", "group", "alias", "batch"];

/// All routes.
pub fn router(api: Api) -> Router {
    let metrics = std::sync::Arc::clone(&api.metrics);
    let quick = Bounds::new(limits::REQUESTS_MAX, limits::REQUEST_WITHIN);
    let large = Bounds::new(limits::IMPORTS_MAX, limits::IMPORT_WITHIN);
    let bounded = |routes: Router<Api>, bounds: Bounds| routes.layer(from_fn_with_state(bounds, guard::bound));
    let tracked = |handler: MethodRouter<Api>| handler.layer(from_fn(tracking::any_origin));

    let mut tracks = Router::new().route("/v1/events", tracked(post(tracking::cloud_events).options(no_content)));
    for call in SEGMENT {
        tracks = tracks.route(&format!("/v1/{call}"), tracked(post(tracking::segment).options(no_content)));
    }
    let import = Router::new().route("/v1/import", post(tracking::import));
    let reads = crate::reads::routes();
    // Health stays outside of the bounds: a full server must still say that it lives.
    let health = Router::new()
        .route("/healthz", get(health::live))
        .route("/readyz", get(health::ready))
        .route("/metrics", get(health::metrics));

    let live = feeds::routes(&api);

    bounded(tracks.merge(reads).merge(live), quick)
        .merge(bounded(import, large))
        .merge(health)
        .fallback(pages::answer)
        .method_not_allowed_fallback(async || Problem::new(Code::MethodUnknown, ""))
        .layer(from_fn_with_state(metrics, guard::count))
        .with_state(api)
}

async fn no_content() -> axum::http::StatusCode {
    axum::http::StatusCode::NO_CONTENT
}
