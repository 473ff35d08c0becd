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
//! | `/v1/organizations/{organization}/sql` | sql | questions to the warehouse |
//! | `/v1/organizations/{organization}/events/{event}/box-office/...` | manage | see [`crate::booking`] |
//! | `/v1/organizations/{organization}/events/{event}/programme/...` | manage | see [`crate::programme`] |
//! | `/v1/programmes/{organizer}/...` | none | what visitors read of events |
//! | `/e/{organization}/...`, `/sitemap.xml`, `/robots.txt` | none | the same as pages |
//! | `/v1/shop/{seller}/{event}/...` | none | what buyers do |
//! | `GET /v1/openapi.json` | none | what all of these take and give |
//! | `GET /healthz`, `/readyz` | none | lives; is current |
//! | `GET /metrics` | none | this machine only, unless the settings say otherwise |
//! | `GET` of anything else outside of `/v1` | none | the pages (`pages.rs`) |

use axum::Router;

use crate::edge::Edges;
use crate::guard::Bounds;
use crate::openapi::{Entry, Routes};
use crate::problem::{Code, Problem};
use crate::{
    Api, accounts, booking, books, feeds, health, limits, pages, programme, reads, sql, system, tracking, webhooks,
};

/// All routes.
pub fn router(api: Api) -> Router {
    let quick = Bounds::new(limits::REQUESTS_MAX, limits::REQUEST_WITHIN);
    let large = Bounds::new(limits::IMPORTS_MAX, limits::IMPORT_WITHIN);
    let questions = Bounds::new(limits::QUESTIONS_MAX, limits::QUESTION_WITHIN);
    let edges = Edges::new(&api);
    let around = |routes: Router<Api>, bounds: Option<Bounds>| {
        let refused = async || Problem::new(Code::MethodUnknown, "");
        edges.around(routes.method_not_allowed_fallback(refused), bounds)
    };
    let feeds = Bounds::new(limits::FEEDS_OPENING_MAX, limits::REQUEST_WITHIN).patient();
    around(requests().into_router(), Some(quick.clone()))
        .merge(around(feeds::routes(&api), Some(feeds)))
        .merge(around(uploads().into_router(), Some(large)))
        .merge(around(programme::pages(), Some(quick.clone())))
        .merge(around(sql::routes().into_router(), Some(questions)))
        .merge(around(unbounded().into_router(), None))
        .merge(around(Router::new().fallback(pages::answer), None))
        .with_state(api.clone())
}

/// What is answered at once. New routes go here.
fn requests() -> Routes {
    tracking::quick()
        .merge(reads::routes())
        .merge(accounts::routes())
        .merge(booking::routes())
        .merge(books::routes())
        .merge(programme::routes())
        .merge(webhooks::routes())
        .merge(system::routes())
}

/// What takes long bodies.
fn uploads() -> Routes {
    tracking::uploads().merge(programme::uploads())
}

/// Health stays outside of the bounds: a full server must still say that it lives.
fn unbounded() -> Routes {
    health::routes()
}

/// Everything that the document tells of.
pub(crate) fn entries() -> Vec<Entry> {
    let mut entries = requests().merge(uploads()).merge(sql::routes()).merge(unbounded()).finish().1;
    entries.extend(feeds::entries());
    entries
}

/// Whether an address takes tracking: from pages of any origin, whose key anybody can see.
pub(crate) fn is_tracking(path: &str) -> bool {
    path == "/v1/events" || tracking::SEGMENT.iter().any(|(known, _)| *known == path)
}
