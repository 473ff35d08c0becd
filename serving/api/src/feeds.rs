//! Live feeds: what a read route answers, told again whenever it changes, without gap.
//!
//! | route | what |
//! |---|---|
//! | `GET /v1/feeds/{view}` | one feed as server-sent events; `{view}` is what follows `/v1/views/` in any read route |
//! | `GET /v1/feeds` | a WebSocket with many feeds |
//! | `GET /v1/presence/{channel}` | who is here now |
//!
//! A feed *asks the read route itself*, so it cannot tell anything else than the route answers, or to anybody else. Who
//! asks for the same is told by one [`group::Group`], which asks once and encodes once; a reader that is slower than
//! the group gets what changed since its own position, in one piece.

mod address;
mod group;
mod hub;
mod leash;
mod message;
mod presence;
mod rings;
mod socket;
mod stream;

use std::sync::Arc;

use axum::Router;
use axum::routing::get;

use crate::Api;

/// The routes of feeds.
pub(crate) fn routes(api: &Api) -> Router<Api> {
    let hub = Arc::new(hub::Hub::new(api.clone()));
    Router::new()
        .route("/v1/feeds", get(socket::open))
        .route("/v1/feeds/{*view}", get(stream::open))
        .route("/v1/presence/{channel}", get(presence::open))
        .with_state(hub)
}
