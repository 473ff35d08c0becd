//! Compression of answers: gzip, when the caller takes it. Not of streams, whose events must go out one by one; not
//! of small bodies, which it makes larger; and not where a secret stands beside what a stranger chose, because lengths
//! would tell about the secret (BREACH, 2013).

use axum::extract::Request;
use axum::http::{Extensions, HeaderMap, StatusCode, Version, header};
use tower_http::CompressionLevel;
use tower_http::compression::CompressionLayer;
use tower_http::compression::predicate::{NotForContentType, Predicate, SizeAbove};

/// The smallest body that is compressed, bytes: what fits into one packet gains nothing.
const BYTES_MIN: u64 = 1_024;

/// Groups of routes whose answers hold secrets that were made for the caller: logins, tokens, keys, codes.
const SECRET: [&str; 5] = ["logins", "me", "password-resets", "oidc", "sign-in"];

/// Stands in the extensions of an answer that goes out as it is.
#[derive(Debug, Clone, Copy)]
pub struct Uncompressed;

fn unmarked(_: StatusCode, _: Version, headers: &HeaderMap, extensions: &Extensions) -> bool {
    let kept = headers.get(header::CACHE_CONTROL).and_then(|value| value.to_str().ok());
    extensions.get::<Uncompressed>().is_none()
        && !headers.contains_key(header::SET_COOKIE)
        && !kept.is_some_and(|directives| directives.contains("no-transform"))
}

/// The layer.
pub(crate) fn layer() -> CompressionLayer<impl Predicate> {
    let when = SizeAbove::new(BYTES_MIN).and(NotForContentType::SSE).and(NotForContentType::IMAGES).and(unmarked);
    // Answers are made while the caller waits: the quickest level is worth most.
    CompressionLayer::new().quality(CompressionLevel::Fastest).compress_when(when)
}

/// Orders show their secret beside what buyers wrote.
fn is_order(path: &str) -> bool {
    path.starts_with("/v1/shop/") && path.contains("/orders")
}

/// Has answers with secrets go out as they are.
pub(crate) fn mark(request: &mut Request) {
    let path = request.uri().path();
    let group = path.strip_prefix("/v1/").and_then(|rest| rest.split('/').next());
    if group.is_some_and(|group| SECRET.contains(&group)) || path.contains("/keys") || is_order(path) {
        // The layer looks at answers; not asking for compression has the same effect.
        request.headers_mut().remove(header::ACCEPT_ENCODING);
    }
}
