//! Conditional requests (RFC 9110 §13): `ETag`, `If-None-Match` for reads, `If-Match` for writes.
//!
//! A tag is a hash of the answer's bytes before they are compressed, so it is the same wherever and whenever it is
//! made. A tag that came back as a weak one (`W/`, as some proxies make it) is taken as the tag that it was.

use axum::extract::{FromRequestParts, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use serde_json::json;

use crate::openapi::{Sketch, Takes};
use crate::problem::{Code, Problem};

/// Bytes of the hash in a tag: two answers are the same one in 2^72.
const TAG_BYTES: usize = 18;

/// The tag of these bytes, with its quotes.
pub fn tag_of(bytes: &[u8]) -> String {
    format!("\"{}\"", URL_SAFE_NO_PAD.encode(&blake3::hash(bytes).as_bytes()[..TAG_BYTES]))
}

/// The tag that an answer of this value has: what `If-Match` is compared with.
///
/// # Panics
/// When the value is not JSON, which types of answers are.
pub fn tag_of_answer(answer: &impl Serialize) -> String {
    tag_of(&serde_json::to_vec(answer).expect("answers are JSON"))
}

/// JSON with its tag.
pub(crate) fn tagged(answer: &impl Serialize) -> Response {
    match serde_json::to_vec(answer) {
        Ok(body) => with_tag(body),
        Err(error) => {
            tracing::error!(%error, "an answer is not JSON");
            Problem::new(Code::Internal, "").into_response()
        }
    }
}

/// An answer of JSON with its tag.
pub(crate) fn with_tag(body: Vec<u8>) -> Response {
    let tag = HeaderValue::try_from(tag_of(&body)).expect("base64 is visible ASCII");
    let json = HeaderValue::from_static("application/json");
    ([(header::CONTENT_TYPE, json), (header::ETAG, tag)], body).into_response()
}

/// What a caller has already.
pub(crate) struct Has(Option<HeaderValue>);

impl Has {
    /// Reads `If-None-Match` of a read.
    pub(crate) fn read(request: &Request) -> Self {
        let reads = request.method() == Method::GET || request.method() == Method::HEAD;
        Self(reads.then(|| request.headers().get(header::IF_NONE_MATCH).cloned()).flatten())
    }

    /// The answer, or 304 when the caller has what it says already.
    pub(crate) fn not_modified(self, response: Response) -> Response {
        let Some(asked) = self.0.as_ref().and_then(|value| value.to_str().ok()) else { return response };
        let tag = response.headers().get(header::ETAG).and_then(|tag| tag.to_str().ok());
        if response.status() != StatusCode::OK || !tag.is_some_and(|tag| names(asked, tag)) {
            return response;
        }
        let kept: [HeaderName; 5] =
            [header::ETAG, header::CACHE_CONTROL, header::VARY, header::DATE, header::CONTENT_LOCATION];
        let headers: HeaderMap =
            kept.into_iter().filter_map(|name| Some((name.clone(), response.headers().get(&name)?.clone()))).collect();
        (StatusCode::NOT_MODIFIED, headers).into_response()
    }
}

/// Whether a list of tags, or `*`, names this one.
fn names(list: &str, tag: &str) -> bool {
    list.trim() == "*" || list.split(',').any(|known| known.trim().trim_start_matches("W/") == tag)
}

/// Tells of tags, and of the 304 that follows from them.
pub(crate) fn describe(sketch: &mut Sketch<'_>) {
    sketch.answers_header("ETag", "Names this very answer.", &json!({"type": "string"}));
    sketch.header("If-None-Match", "Tags of answers that the caller has.", json!({"type": "string"}), false);
    sketch.answers_empty(304, "It is as `If-None-Match` says.");
}

/// `If-Match`: the write is meant for a thing as the caller has read it. `If-None-Match: *`: for one that is not there.
#[derive(Debug, Clone)]
pub struct IfMatch {
    seen: Option<String>,
    absent: bool,
}

impl IfMatch {
    /// Whether the caller said anything at all.
    pub fn is_given(&self) -> bool {
        self.seen.is_some() || self.absent
    }

    /// Lets the write through when the caller said nothing, or knows the thing as it is. `current` is the tag of the
    /// answer that a read gives now ([`tag_of_answer`]), empty when there is none. What happens between this and the write is for the rules to
    /// decide, which see the thing in order.
    ///
    /// # Errors
    /// `changed`.
    pub fn allows(&self, current: &str) -> Result<(), Problem> {
        match &self.seen {
            Some(list) if !names(list, current) => Err(Problem::new(Code::Changed, "")),
            _ if self.absent && !current.is_empty() => Err(Problem::new(Code::Changed, "it is there already")),
            _ => Ok(()),
        }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for IfMatch {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        // What cannot be read names nothing that we sent.
        let seen = parts.headers.get(header::IF_MATCH).map(|value| value.to_str().unwrap_or("").to_owned());
        let absent = parts.headers.get(header::IF_NONE_MATCH).is_some_and(|value| value == "*");
        Ok(Self { seen, absent })
    }
}

impl Takes for IfMatch {
    fn describe(sketch: &mut Sketch<'_>) {
        let text = "The `ETag` of the thing as the caller read it; the write is refused when it has changed since.";
        sketch.header("If-Match", text, json!({"type": "string"}), false);
        let text = "`*`: the write is refused when the thing is there already.";
        sketch.header("If-None-Match", text, json!({"type": "string"}), false);
        sketch.may(&[Code::Changed]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_of_tags_are_read() {
        let tag = tag_of(b"x");
        for list in [tag.clone(), format!("W/{tag}"), format!("\"other\", {tag}"), "*".into()] {
            assert!(names(&list, &tag), "{list}");
        }
        assert!(!names("\"other\"", &tag) && !names("", &tag));
    }

    #[test]
    fn a_write_for_what_has_changed_is_refused() {
        let (before, now) = (tag_of_answer(&json!({"data": 1})), tag_of_answer(&json!({"data": 2})));
        let seen = |list: &str| IfMatch { seen: Some(list.to_owned()), absent: false };
        assert!(IfMatch { seen: None, absent: false }.allows(&now).is_ok());
        assert!(seen(&now).allows(&now).is_ok());
        assert_eq!(seen(&before).allows(&now).unwrap_err().code, Code::Changed);
        assert!(seen("").allows(&now).is_err());
        let new = IfMatch { seen: None, absent: true };
        assert_eq!((new.allows("").is_ok(), new.allows(&now).unwrap_err().code), (true, Code::Changed));
    }
}
