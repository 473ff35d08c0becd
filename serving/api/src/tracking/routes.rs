//! The routes of tracking, and what their bodies look like. The front door reads them; these types only tell.

use axum::routing::options;
use axum::{Router, middleware};
use records::fact::Scope;
use schemars::{JsonSchema, json_schema};
use serde_json::{Map, Value};

use super::{Receipt, any_origin, cloud_events, import, segment};
use crate::openapi::{Routes, Sketch};
use crate::problem::Code;

/// Segment's calls with what each tells.
pub(crate) const SEGMENT: [(&str, &str); 7] = [
    ("/v1/track", "Somebody did something (Segment's `track`)"),
    ("/v1/identify", "Who somebody is (Segment's `identify`)"),
    ("/v1/page", "Somebody looked at a page (Segment's `page`)"),
    ("/v1/screen", "Somebody looked at an app's screen (Segment's `screen`)"),
    ("/v1/group", "Somebody belongs to a group (Segment's `group`)"),
    ("/v1/alias", "Two ids are one person (Segment's `alias`)"),
    ("/v1/batch", "Many of Segment's calls, at most 500 KB"),
];

/// A message of Segment's spec. Other fields are kept.
#[derive(JsonSchema)]
#[schemars(rename_all = "camelCase")]
#[expect(dead_code, reason = "it only tells what the front door reads")]
struct TrackingMessage {
    /// The call; only in `batch`, elsewhere the address says it.
    r#type: Option<String>,
    /// Names the message: the same twice counts once.
    message_id: Option<String>,
    /// The organization's own id of the person.
    user_id: Option<String>,
    /// An id of somebody who is not known yet.
    anonymous_id: Option<String>,
    /// What happened, of `track`.
    event: Option<String>,
    /// The name of a page or screen.
    name: Option<String>,
    /// Details: `event`, `session`, `item` and others that `docs/vocabulary` names.
    #[schemars(default)]
    properties: Map<String, Value>,
    /// What is known of the person.
    #[schemars(default)]
    traits: Map<String, Value>,
    /// Where it came from: page, device, campaign.
    #[schemars(default)]
    context: Map<String, Value>,
    /// When it happened, RFC 3339.
    timestamp: Option<String>,
    /// The group, of `group`.
    group_id: Option<String>,
    /// The id before, of `alias`.
    previous_id: Option<String>,
    /// The key, for libraries that cannot send headers.
    write_key: Option<String>,
}

/// Many messages.
#[derive(JsonSchema)]
#[schemars(rename_all = "camelCase")]
#[expect(dead_code, reason = "it only tells what the front door reads")]
struct TrackingBatch {
    /// The messages, each with its `type`.
    batch: Vec<TrackingMessage>,
    /// The key, for libraries that cannot send headers.
    write_key: Option<String>,
}

/// An event of CloudEvents 1.0. Other attributes are kept.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "it only tells what the front door reads")]
struct CloudEvent {
    /// `1.0`.
    specversion: String,
    /// Names the event: the same twice counts once.
    id: String,
    /// Where it comes from.
    source: String,
    /// What happened.
    r#type: String,
    /// When it happened, RFC 3339.
    time: Option<String>,
    /// Whom or what it is about.
    subject: Option<String>,
    /// Details.
    data: Option<Value>,
}

/// The routes of quick requests.
pub(crate) fn quick() -> Routes {
    let mut routes = Routes::new()
        .post("/v1/events", "Events of CloudEvents 1.0, one or many", cloud_events)
        .with(|operation| taking(operation, "With `ce-` headers the body is the data of one event (binary mode)."))
        .with(|operation| {
            let (one, many) = (operation.read::<CloudEvent>(), operation.read::<Vec<CloudEvent>>());
            operation.body_as("application/cloudevents+json", one);
            operation.body_as("application/cloudevents-batch+json", many);
        });
    for (path, summary) in SEGMENT {
        routes =
            routes.post(path, summary, segment).with(|operation| taking(operation, SAFELY)).with(move |operation| {
                if path == "/v1/batch" {
                    operation.body::<TrackingBatch>()
                } else {
                    operation.body::<TrackingMessage>()
                }
            });
    }
    let asked = SEGMENT.iter().map(|(path, _)| *path).chain(["/v1/events"]);
    // Preflight requests of pages elsewhere; `any_origin` answers them.
    let preflights = asked.fold(Router::new(), |router, path| router.route(path, options(no_content)));
    routes.map(|router| router.merge(preflights).layer(middleware::from_fn(any_origin)))
}

/// The routes of large uploads.
pub(crate) fn uploads() -> Routes {
    Routes::new()
        .post("/v1/import", "Many messages, one JSON object a line; at most 16 MiB after decompression", import)
        .with(|operation| taking(operation, SAFELY))
        .with(|operation| {
            operation.body_as("application/x-ndjson", json_schema!({"type": "string", "format": "binary"}));
            operation.body::<TrackingBatch>();
        })
}

async fn no_content() -> axum::http::StatusCode {
    axum::http::StatusCode::NO_CONTENT
}

const SAFELY: &str =
    "The body may be `gzip` or `zstd`. A request without an answer is simply sent again: a `messageId` counts once.";

fn taking(operation: &mut Sketch<'_>, text: &str) {
    operation.text(text);
    operation.key(Scope::Write);
    operation.answers::<Receipt>(200, "Every record is durable.");
    operation.may(&[
        Code::BodyUnreadable,
        Code::BodyTooLarge,
        Code::TypeUnknown,
        Code::FieldsWrong,
        Code::LogBusy,
        Code::LogRefuses,
    ]);
}
