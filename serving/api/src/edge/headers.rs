//! What every answer carries: a request id, and what tells browsers to keep it to itself.

use std::sync::atomic::{AtomicU64, Ordering};

use axum::extract::Request;
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use records::hash::mix;

use super::client::Client;
use crate::Api;

/// The header of a request's id.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// The longest id that a caller may choose.
const ID_BYTES_MAX: usize = 64;

/// The id of a request, for logs and for who asks about them.
#[derive(Debug, Clone)]
pub struct RequestId(pub HeaderValue);

/// Headers that stand unless a route has said otherwise.
const USUAL: [(HeaderName, HeaderValue); 7] = [
    (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    // Answers are data; pages bring a policy of their own.
    (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'")),
    (header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
    (HeaderName::from_static("cross-origin-opener-policy"), HeaderValue::from_static("same-origin")),
    (HeaderName::from_static("cross-origin-resource-policy"), HeaderValue::from_static("same-origin")),
    (
        HeaderName::from_static("permissions-policy"),
        // The camera reads tickets at the door.
        HeaderValue::from_static(
            "accelerometer=(), camera=(self), geolocation=(), gyroscope=(), microphone=(), payment=(), usb=()",
        ),
    ),
];

/// A year: browsers use no other way to this host until then.
const ONLY_TLS: HeaderValue = HeaderValue::from_static("max-age=31536000");

/// Makes ids that differ from request to request and from start to start.
pub(crate) struct Numbers {
    start: u64,
    next: AtomicU64,
}

impl Numbers {
    pub(crate) fn new(api: &Api) -> Self {
        let mut start = [0; 8];
        (api.chance)(&mut start);
        Self { start: u64::from_le_bytes(start), next: AtomicU64::new(0) }
    }

    fn id(&self) -> HeaderValue {
        let id = mix(self.start ^ self.next.fetch_add(1, Ordering::Relaxed));
        HeaderValue::try_from(format!("{id:016x}")).expect("hexadecimal digits are visible ASCII")
    }
}

/// The id that a caller has given its request, when it is a harmless one.
fn given(headers: &HeaderMap) -> Option<HeaderValue> {
    let value = headers.get(REQUEST_ID)?;
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.".contains(byte);
    let harmless = !value.is_empty() && value.len() <= ID_BYTES_MAX && value.as_bytes().iter().all(plain);
    harmless.then(|| value.clone())
}

/// What an answer will carry.
pub(crate) struct Dress {
    id: HeaderValue,
    secure: bool,
    known: bool,
}

impl Numbers {
    /// Numbers a request, and looks at what its answer must carry.
    pub(crate) fn dress(&self, request: &mut Request) -> Dress {
        let id = given(request.headers()).unwrap_or_else(|| self.id());
        request.extensions_mut().insert(RequestId(id.clone()));
        let secure = request.extensions().get::<Client>().is_some_and(|client| client.secure);
        let sent = request.headers();
        let shown = [header::AUTHORIZATION, header::COOKIE, HeaderName::from_static("order-secret")];
        let known = shown.iter().any(|name| sent.contains_key(name));
        Dress { id, secure, known }
    }
}

impl Dress {
    /// What the log's lines about the request stand in.
    pub(crate) fn span(&self) -> tracing::Span {
        tracing::info_span!("request", id = self.id.to_str().unwrap_or(""))
    }

    /// Dresses the answer.
    pub(crate) fn put_on(self, headers: &mut HeaderMap) {
        headers.reserve(USUAL.len() + 3);
        for (name, value) in USUAL {
            headers.entry(name).or_insert(value);
        }
        if self.known {
            // What was made for one caller is for no cache on the way, and for no other user of the same browser.
            headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
        }
        if self.secure {
            headers.insert(header::STRICT_TRANSPORT_SECURITY, ONLY_TLS);
        }
        headers.insert(REQUEST_ID, self.id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn callers_may_name_requests_but_not_write_into_logs() {
        let ask = |text: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(REQUEST_ID, text.parse().unwrap());
            given(&headers).is_some()
        };
        assert!(ask("0193480f-5c00-7abc-8def-0123456789ab"));
        for wrong in ["a b", "x\"y", "{}", "", &"x".repeat(65)] {
            assert!(!ask(wrong), "{wrong}");
        }
    }
}
