//! The answer of a write: what is there now, and where in the log that stands.

use std::fmt;

use axum::Json;
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use schemars::{JsonSchema, json_schema};
use serde::Serialize;

use crate::openapi::{Gives, Sketch};

/// The header that says the same as `offset`, for who does not read bodies.
pub const OFFSET_HEADER: HeaderName = HeaderName::from_static("eventra-offset");

/// The last fact of a write: `f3/1811`, which `wait_for` of a read takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Offset {
    /// The partition of the facts.
    pub partition: u16,
    /// The offset of the fact in it.
    pub offset: u64,
}

impl Offset {
    /// Reads what an answer told.
    pub(crate) fn of(text: &str) -> Option<Self> {
        let (partition, offset) = text.strip_prefix('f')?.split_once('/')?;
        Some(Self { partition: partition.parse().ok()?, offset: offset.parse().ok()? })
    }
}

impl fmt::Display for Offset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "f{}/{}", self.partition, self.offset)
    }
}

impl Serialize for Offset {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl JsonSchema for Offset {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Offset".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        json_schema!({"type": "string", "pattern": "^f[0-9]+/[0-9]+$", "examples": ["f3/1811"]})
    }
}

/// What a write changed: 200 with the thing as it is now.
#[derive(Debug, Clone, Serialize)]
pub struct Written<T> {
    /// The thing as it is now.
    pub data: T,
    /// Where the write stands in the log; none when everything stood already.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub offset: Option<Offset>,
}

/// What a write made: 201.
#[derive(Debug, Clone)]
pub struct Made<T>(pub Written<T>);

impl<T: Serialize> IntoResponse for Written<T> {
    fn into_response(self) -> Response {
        let offset = self.offset;
        let mut response = Json(self).into_response();
        if let Some(value) = offset.and_then(|offset| HeaderValue::try_from(offset.to_string()).ok()) {
            response.headers_mut().insert(OFFSET_HEADER, value);
        }
        response
    }
}

impl<T: Serialize> IntoResponse for Made<T> {
    fn into_response(self) -> Response {
        let mut response = self.0.into_response();
        if response.status() == StatusCode::OK {
            *response.status_mut() = StatusCode::CREATED;
        }
        response
    }
}

fn describe<T: JsonSchema>(sketch: &mut Sketch<'_>, status: u16, what: &str) {
    let (data, offset) = (sketch.written::<T>(), sketch.written::<Offset>());
    let schema = json_schema!({
        "type": "object", "properties": {"data": data, "offset": offset}, "required": ["data"]
    });
    sketch.answers_as(status, what, "application/json", schema);
    let text =
        "Where the write stands in the log; give it to a read as `wait_for`. Absent when everything stood already.";
    sketch.answers_header("Eventra-Offset", text, &serde_json::json!({"type": "string"}));
}

impl<T: JsonSchema> Gives for Written<T> {
    fn describe(sketch: &mut Sketch<'_>) {
        describe::<T>(sketch, 200, "The thing as it is now.");
    }
}

impl<T: JsonSchema> Gives for Made<T> {
    fn describe(sketch: &mut Sketch<'_>) {
        describe::<T>(sketch, 201, "The thing that was made.");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_says_where_its_write_stands_in_header_and_body() {
        let written = Written { data: 7, offset: Some(Offset { partition: 3, offset: 1811 }) };
        assert_eq!(serde_json::to_string(&written).unwrap(), r#"{"data":7,"offset":"f3/1811"}"#);
        let response = Made(written).into_response();
        assert_eq!(
            (response.status(), &response.headers()[OFFSET_HEADER]),
            (StatusCode::CREATED, &"f3/1811".parse().unwrap())
        );
        let stood = Written { data: 7, offset: None }.into_response();
        assert!(stood.headers().get(OFFSET_HEADER).is_none());
    }
}
