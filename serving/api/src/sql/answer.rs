//! Answers of the warehouse, and its refusals.

use axum::Json;
use axum::body::Body;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::stream::BoxStream;
use records::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::value::RawValue;
use views::as_of::PartitionEnd;

use crate::openapi::{Gives, Sketch};
use crate::problem::{Code, Problem};

/// What `Retry-After` says when questions are too many: most take a second or two.
const RETRY_BUSY_SECONDS: u32 = 2;
/// What `Retry-After` says when the warehouse is away: it is restarted within seconds.
const RETRY_AWAY_SECONDS: u32 = 5;

/// What an answer reflects: everything of the log up to a landing epoch, and nothing after it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, JsonSchema)]
pub struct Landed {
    /// The landing epoch; null before the first since the installation began.
    pub landing_epoch: Option<u64>,
    /// Whether it holds for the whole answer. Tables of newest rows (attendance, audience) show what has landed since, too.
    pub exact: bool,
    /// The epoch of the views that ended with it; null until the first one ends after a start.
    pub epoch: Option<u64>,
    /// Every record with a log time up to this one is reflected, microseconds since 1970.
    pub log_time: Option<Timestamp>,
    /// The ends of the partitions of activity: every record before them is reflected.
    pub offsets: Vec<PartitionEnd>,
}

/// A column of an answer or a table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// Its type, in the warehouse's words.
    pub r#type: String,
    /// What it means; empty where nobody has said.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub comment: String,
}

/// A table or view that questions are about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Shown {
    /// Its name.
    pub name: String,
    /// What it holds.
    pub comment: String,
    /// Its columns in order; their types are empty for views.
    pub columns: Vec<Column>,
}

/// What a question cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, JsonSchema)]
pub struct Statistics {
    /// Rows that were read, those of other organizations that lay beside them not counted apart.
    pub rows_read: u64,
    /// Bytes that were read.
    pub bytes_read: u64,
    /// Time in the warehouse, microseconds.
    pub elapsed_us: u64,
}

/// Rows, whole.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Rows {
    /// What they reflect.
    pub as_of: Landed,
    /// The columns.
    pub columns: Vec<Column>,
    /// The rows: values in the order of the columns.
    #[schemars(schema_with = "any_rows")]
    pub data: Vec<Box<RawValue>>,
    /// Whether there are more rows than `limit`.
    pub truncated: bool,
    /// What it cost.
    pub statistics: Statistics,
}

/// Rows of anything. Written out, because generators of clients stumble over the schema `true`.
fn any_rows(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    schemars::json_schema!({"type": "array", "items": {"type": "array", "items": {}}})
}

/// An answer as a file, as it comes.
pub struct File {
    /// What it reflects.
    pub as_of: Landed,
    /// Its bytes; an error in the middle breaks the download off.
    pub bytes: BoxStream<'static, Result<Bytes, std::io::Error>>,
    /// Media type.
    pub media: &'static str,
    /// What its name ends with.
    pub extension: &'static str,
}

/// An answer.
pub enum Reply {
    /// Rows.
    Rows(Rows),
    /// A file.
    File(File),
}

/// Why there is no answer. Texts are for the asker and hold nothing internal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// The question is not taken.
    Refused(String),
    /// It is none that anybody may ask: what the audit trail tells of.
    Forbidden(String),
    /// It met a bound.
    Limit(String),
    /// Too many run at once.
    Busy(String),
    /// It was cancelled.
    Cancelled,
    /// The warehouse cannot be asked.
    Unavailable(String),
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Refused(words) | Refusal::Forbidden(words) => Self::new(Code::SqlRefused, words),
            Refusal::Limit(words) => Self::new(Code::SqlLimit, words),
            Refusal::Busy(words) => Self::new(Code::SqlBusy, words).retry_after(RETRY_BUSY_SECONDS),
            Refusal::Cancelled => Self::new(Code::SqlCancelled, ""),
            Refusal::Unavailable(words) => Self::new(Code::SqlUnavailable, words).retry_after(RETRY_AWAY_SECONDS),
        }
    }
}

impl IntoResponse for Reply {
    fn into_response(self) -> Response {
        match self {
            Self::Rows(rows) => Json(rows).into_response(),
            Self::File(file) => {
                let as_of = serde_json::to_string(&file.as_of).expect("numbers are JSON");
                let name = format!("attachment; filename=\"query.{}\"", file.extension);
                let headers = [
                    (header::CONTENT_TYPE, file.media.to_owned()),
                    (header::CONTENT_DISPOSITION, name),
                    (header::HeaderName::from_static("eventra-as-of"), as_of),
                ];
                (headers, Body::from_stream(file.bytes)).into_response()
            }
        }
    }
}

impl Gives for Reply {
    fn describe(sketch: &mut Sketch<'_>) {
        sketch.answers::<Rows>(200, "The answer, and what part of the log it reflects.");
    }
}
