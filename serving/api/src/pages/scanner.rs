//! The scanner for doors: a document of its own that a device keeps, so that it opens without a connection.
//!
//! A nonce would be kept with it, so it names none: it may run this server's files, and nothing that stands in a document. It is
//! the only page that may use the camera.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};

/// What the document may load (Content Security Policy level 3).
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; \
                      media-src 'self' blob:; manifest-src 'self'; worker-src 'self'; frame-ancestors 'none'; \
                      base-uri 'none'; form-action 'self'; object-src 'none'";

/// Where the script is that keeps the scanner on a device: its scope is what lies below.
pub(super) const WORKER: &str = "/scan/worker.js";
/// What that script may load: it asks this server, and nobody else.
const POLICY_OF_WORKER: &str = "default-src 'none'; connect-src 'self'";

/// The answer with the script; browsers look for a newer one themselves.
pub(super) fn worker(mut file: Response) -> Response {
    let headers = file.headers_mut();
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY_OF_WORKER));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    file
}

pub(super) fn document() -> Response {
    let status = if dashboards::are_built() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let mut response = (status, dashboards::scanner()).into_response();
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        // The device's own worker keeps it; what browsers keep beside that would be an older one.
        (header::CACHE_CONTROL, "no-cache"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers.insert("cross-origin-opener-policy", HeaderValue::from_static("same-origin"));
    let camera = "camera=(self), geolocation=(), microphone=(), payment=()";
    headers.insert("permissions-policy", HeaderValue::from_static(camera));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_scanner_may_use_the_camera_and_it_runs_nothing_that_stands_in_a_document() {
        let response = document();
        let policy = response.headers()[header::CONTENT_SECURITY_POLICY].to_str().unwrap();
        assert!(!policy.contains("unsafe") && !policy.contains("nonce"));
        assert!(response.headers()["permissions-policy"].to_str().unwrap().contains("camera=(self)"));
    }
}
