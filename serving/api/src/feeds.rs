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
mod doors;
mod group;
mod hub;
mod leash;
mod message;
mod presence;
mod rings;
mod socket;
mod stream;
mod wire;

use std::sync::Arc;

use axum::Router;
use schemars::{JsonSchema, json_schema};

use crate::Api;
use crate::openapi::{Entry, Routes, Sketch};
use crate::problem::Code;
use crate::reads::extract::Where;

/// The routes of feeds.
pub(crate) fn routes(api: &Api) -> Router<Api> {
    let hub = Arc::new(hub::Hub::new(api.clone()));
    listed().finish().0.with_state(hub)
}

/// Reads a message of a WebSocket, and the feed that it asks for. For the fuzzer.
pub(crate) fn read_message(text: &str) {
    socket::read(text);
}

/// What there is to say about them.
pub(crate) fn entries() -> Vec<Entry> {
    listed().finish().1
}

fn listed() -> Routes<Arc<hub::Hub>> {
    Routes::new()
        .get("/v1/feeds", "A WebSocket with many feeds", socket::open)
        .with(over_websocket)
        .get("/v1/feeds/{*view}", "One feed as server-sent events", stream::open)
        .with(as_events)
        .get("/v1/presence/{channel}", "Who reads a channel now, as server-sent events", presence::open)
        .with(presence)
        .get(
            "/v1/organizations/{organization}/events/{event}/box-office/doors/feed",
            "What is counted at doors, as server-sent events",
            doors::open,
        )
        .with(counts)
}

/// What every feed takes beyond the parameters of what it tells. [`address::Wish`] reads it.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "it only tells what is read by hand")]
struct FeedParameters {
    /// Where to go on: the `position` of the last message. `Last-Event-ID` counts more.
    position: Option<String>,
    /// Updates a second at most, from 0.01. As many as the feed makes (50, unless configured) or more: each of them.
    #[schemars(range(min = 0.01, max = 1_000_000.0))]
    max_rate: Option<f64>,
    /// What the first message must reflect, as in reads.
    wait_for: Option<String>,
    /// How long to wait for it at most, milliseconds; at most 10,000, which is the default.
    wait_ms: Option<u64>,
}

/// What a feed's message holds. Its kind is the event's name, or `type` over a WebSocket.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "it only tells what is written by hand")]
struct FeedMessage {
    /// Give this back as `position` or `Last-Event-ID` to go on here.
    position: Option<String>,
    /// What part of the log it reflects.
    as_of: Option<views::as_of::AsOf>,
    /// What changed: of `reset` everything, of `deltas` the keys that changed; of others nothing.
    changes: Option<Vec<FeedChange>>,
}

/// A key of a feed with its value.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "it only tells what is written by hand")]
struct FeedChange {
    /// The key; null when the feed has only one value, the `data` of the read.
    key: serde_json::Value,
    /// The value as it is now; null when the key is gone.
    value: serde_json::Value,
}

const EVENTS: &str = "Events `reset`, `deltas`, `as_of` and `problem`; the data of each is a `FeedMessage`, of the last \
a `Problem`. A comment comes after 15 s of silence.";

fn as_events(operation: &mut Sketch<'_>) {
    operation.known(records::fact::Scope::Read);
    operation.may(&[Code::OrganizationMissing]);
    operation.query::<FeedParameters>();
    operation.open();
    operation.header("Last-Event-ID", "The id of the last event.", serde_json::json!({"type": "string"}), false);
    operation.text("What the read answers, at first and whenever it changes.");
    streams(operation);
    operation.may(&[Code::PositionWrong, Code::WaitedInVain, Code::FeedsTooMany, Code::RouteUnknown]);
}

fn streams(operation: &mut Sketch<'_>) {
    operation.written::<FeedMessage>();
    operation.answers_as(200, EVENTS, "text/event-stream", json_schema!({"type": "string"}));
}

fn over_websocket(operation: &mut Sketch<'_>) {
    operation.known(records::fact::Scope::Read);
    operation.query::<Where>();
    operation.may(&[Code::OrganizationMissing]);
    operation.written::<FeedMessage>();
    operation.text(
        "Send `{\"type\": \"subscribe\", \"id\": \"top\", \"feed\": \"leaderboards/points?limit=10\"}`, `feed` being what \
         follows `/v1/feeds/`; messages about it are a `FeedMessage` with `type` and `id`.",
    );
    operation.answers_empty(101, "The connection is a WebSocket now.");
    operation.may(&[Code::UpgradeMissing, Code::FeedsTooMany]);
}

fn counts(operation: &mut Sketch<'_>) {
    operation.known(records::fact::Scope::CheckIn);
    operation.text(
        "Events `counts`, at first and whenever something has changed, at most five times a second; the data of each is a \
         `DoorCounts`. They are of the same fold as the list of the door, with the offset that they reflect. A comment \
         comes after 15 s of silence.",
    );
    operation.written::<crate::booking::doors::Counts>();
    operation.answers_as(200, "Events `counts`.", "text/event-stream", json_schema!({"type": "string"}));
    operation.may(&[Code::NotFound, Code::FeedsTooMany, Code::ParameterWrong]);
}

fn presence(operation: &mut Sketch<'_>) {
    operation.known(records::fact::Scope::Read);
    operation.may(&[Code::OrganizationMissing]);
    operation.query::<presence::Which>();
    streams(operation);
    operation.may(&[Code::NotFound, Code::FeedsTooMany]);
}
