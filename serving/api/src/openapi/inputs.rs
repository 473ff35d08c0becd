//! What axum's and our own extractors and answers say of themselves.

use axum::Extension;
use axum::Json;
use axum::extract::{Request, State};
use axum::http::HeaderMap;
use axum::response::Response;
use schemars::{JsonSchema, json_schema};

use super::operation::{Gives, Sketch, Takes};
use crate::answer::{Answer, Waiting};
use crate::problem::Code;
use crate::reads::extract::{Caller, Date, Instant, Named, Params, Where};

impl<S> Takes for State<S> {
    fn describe(_: &mut Sketch<'_>) {}
}

impl Takes for HeaderMap {
    fn describe(_: &mut Sketch<'_>) {}
}

/// A handler that reads the request by itself is described where its route is added.
impl Takes for Request {
    fn describe(_: &mut Sketch<'_>) {}
}

impl<T> Takes for Option<Extension<T>> {
    fn describe(_: &mut Sketch<'_>) {}
}

impl Takes for Caller {
    fn describe(sketch: &mut Sketch<'_>) {
        sketch.known(records::fact::Scope::Read);
        sketch.query::<Where>();
        sketch.query::<Waiting>();
        sketch.may(&[Code::WaitedInVain, Code::OrganizationMissing]);
    }
}

impl<T: JsonSchema> Takes for Params<T> {
    fn describe(sketch: &mut Sketch<'_>) {
        sketch.query::<T>();
    }
}

impl<T> Takes for Named<T> {
    fn describe(sketch: &mut Sketch<'_>) {
        sketch.may(&[Code::ParameterWrong]);
    }
}

impl Gives for axum::response::NoContent {
    fn describe(sketch: &mut Sketch<'_>) {
        sketch.answers_empty(204, "It is done.");
    }
}

/// As a handler that reads requests by itself.
impl Gives for Response {
    fn describe(_: &mut Sketch<'_>) {}
}

impl Gives for &'static str {
    fn describe(sketch: &mut Sketch<'_>) {
        sketch.answers_as(200, "Text.", "text/plain", json_schema!({"type": "string"}));
    }
}

impl<T: JsonSchema> Gives for Json<T> {
    fn describe(sketch: &mut Sketch<'_>) {
        sketch.answers::<T>(200, "The answer.");
    }
}

impl<T: JsonSchema> Gives for Answer<T> {
    fn describe(sketch: &mut Sketch<'_>) {
        let as_of = sketch.written::<views::as_of::AsOf>();
        let data = sketch.written::<T>();
        let schema = json_schema!({
            "type": "object",
            "properties": {"as_of": as_of, "data": data},
            "required": ["as_of", "data"]
        });
        sketch.answers_as(200, "The data, and what part of the log it reflects.", "application/json", schema);
        crate::conditional::describe(sketch);
    }
}

impl JsonSchema for Instant {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Instant".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        json_schema!({
            "type": "string", "examples": ["2026-11-20T09:00:00Z", "1795183318562718"],
            "pattern": r"^(-?[0-9]+|[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9:.,]+([Zz]|[+-][0-9]{2}:?[0-9]{2}))$"
        })
    }
}

impl JsonSchema for Date {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Date".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        json_schema!({"type": "string", "format": "date", "examples": ["2026-11-20"]})
    }
}
