//! How Stripe is asked: TLS by rustls, bounded time and answers, the same key on each try, and a pause when it is away.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::header::{AUTHORIZATION, CONTENT_TYPE};
use hyper::{Method, Request, StatusCode, Uri};
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use parking_lot::Mutex;
use tokio::time::Instant;

use super::object::Refusal;
use crate::failure::Failure;

/// How long Stripe may take for one answer: three tries and the pauses between them fit into the 30 s of a request of ours.
const WITHIN: Duration = Duration::from_secs(8);
/// Tries of one request, all with the same key.
const TRIES: u32 = 3;
/// Before the second try; twice as long before the next.
const PAUSE: Duration = Duration::from_millis(250);
/// Requests in a row that nobody answered, after which nobody is asked for a while.
const FAILURES_MAX: u32 = 5;
/// For how long. Buyers are told at once meanwhile, instead of waiting for what does not come.
const AWAY: Duration = Duration::from_secs(10);
/// Bytes of an answer: a page of a hundred refunds is some hundred kilobytes.
const ANSWER_BYTES_MAX: usize = 2 << 20;

/// Where Stripe is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place(String);

/// Why an address is not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlaceError {
    /// No address.
    #[error("`{0}` is no address such as https://api.stripe.com")]
    Shape(String),
    /// Keys would travel in the open.
    #[error("`{0}` is reached over https, unless it is on this machine")]
    Open(String),
}

impl std::str::FromStr for Place {
    type Err = PlaceError;

    fn from_str(text: &str) -> Result<Self, PlaceError> {
        let shape = || PlaceError::Shape(text.to_owned());
        let uri: Uri = text.parse().map_err(|_| shape())?;
        let (scheme, host) = (uri.scheme_str().ok_or_else(shape)?, uri.host().ok_or_else(shape)?);
        if uri.query().is_some() || !matches!(scheme, "https" | "http") {
            return Err(shape());
        }
        if scheme == "http" && !matches!(host, "localhost" | "127.0.0.1" | "[::1]") {
            return Err(PlaceError::Open(text.to_owned()));
        }
        Ok(Self(text.to_owned()))
    }
}

impl Place {
    /// Scheme, host and port, as policies of browsers name them.
    pub fn origin(&self) -> String {
        let uri: Uri = self.0.parse().expect("it was read before");
        let authority = uri.authority().map_or("", |authority| authority.as_str());
        format!("{}://{authority}", uri.scheme_str().unwrap_or("https"))
    }
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// The way to Stripe, shared by all organizations.
pub struct Endpoint {
    place: Place,
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    // A lock of the process: nothing awaits while it is held.
    health: Mutex<Health>,
}

#[derive(Debug, Default)]
struct Health {
    failures: u32,
    away_until: Option<Instant>,
}

impl std::fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Endpoint").field("place", &self.place).finish_non_exhaustive()
    }
}

/// What one try came to.
enum Tried {
    Answered(Bytes),
    /// Nobody knows whether it was done.
    Again(String),
    Not(Failure),
}

impl Endpoint {
    /// The way to a place.
    ///
    /// # Errors
    /// When the system's certificates cannot be read.
    pub fn new(place: Place) -> std::io::Result<Self> {
        let tls = hyper_rustls::HttpsConnectorBuilder::new()
            .with_provider_and_native_roots(rustls::crypto::ring::default_provider())?;
        // Plain HTTP is for this machine: `Place` lets no other one in.
        let client = Client::builder(TokioExecutor::new()).build(tls.https_or_http().enable_http1().build());
        Ok(Self { place, client, health: Mutex::default() })
    }

    /// Asks for `path`, with a form that is posted under a key, or to read. The same key goes with each try.
    ///
    /// # Errors
    /// As [`Failure`] says.
    pub(super) async fn ask(
        &self,
        secret: &str,
        path: &str,
        post: Option<(&str, &[(String, String)])>,
    ) -> Result<Vec<u8>, Failure> {
        self.is_there()?;
        let mut why = String::new();
        for number in 0..TRIES {
            if number > 0 {
                tokio::time::sleep(PAUSE * 2u32.pow(number - 1)).await;
            }
            let tried = tokio::time::timeout(WITHIN, self.tried(secret, path, post)).await;
            match tried.unwrap_or_else(|_| Tried::Again(format!("nothing within {} s", WITHIN.as_secs()))) {
                Tried::Answered(bytes) => {
                    *self.health.lock() = Health::default();
                    return Ok(bytes.to_vec());
                }
                Tried::Not(failure) => {
                    *self.health.lock() = Health::default();
                    return Err(failure);
                }
                Tried::Again(error) => {
                    tracing::info!(path, number, error, "stripe did not answer");
                    why = error;
                }
            }
        }
        self.note_failure();
        Err(Failure::Unreachable(why))
    }

    fn is_there(&self) -> Result<(), Failure> {
        let away = self.health.lock().away_until;
        if away.is_some_and(|until| Instant::now() < until) { Err(Failure::Paused) } else { Ok(()) }
    }

    fn note_failure(&self) {
        let mut health = self.health.lock();
        health.failures += 1;
        if health.failures >= FAILURES_MAX {
            tracing::warn!(for_s = AWAY.as_secs(), "stripe is not asked for a while");
            // One more failure afterwards is enough to pause again.
            *health = Health { failures: FAILURES_MAX - 1, away_until: Some(Instant::now() + AWAY) };
        }
    }

    async fn tried(&self, secret: &str, path: &str, post: Option<(&str, &[(String, String)])>) -> Tried {
        let mut request = Request::builder()
            .uri(format!("{}{path}", self.place.0.trim_end_matches('/')))
            .header(AUTHORIZATION, format!("Bearer {secret}"))
            .header("stripe-version", super::VERSION);
        let mut body = String::new();
        if let Some((key, form)) = post {
            body = form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
            let form = "application/x-www-form-urlencoded";
            request = request.method(Method::POST).header("idempotency-key", key).header(CONTENT_TYPE, form);
        }
        let request = match request.body(Full::new(Bytes::from(body))) {
            Ok(request) => request,
            // A key with other bytes than a header may hold.
            Err(_) => return Tried::Not(Failure::Key),
        };
        let answer = match self.client.request(request).await {
            Ok(answer) => answer,
            Err(error) => return Tried::Again(error.to_string()),
        };
        let (parts, body) = answer.into_parts();
        let should_retry = parts.headers.get("stripe-should-retry").map(|value| value.as_bytes() == b"true");
        match Limited::new(body, ANSWER_BYTES_MAX).collect().await {
            Ok(body) => told(parts.status, should_retry, body.to_bytes()),
            Err(_) => Tried::Again("the answer was cut off, or is too large".into()),
        }
    }
}

/// What an answer means ("Errors", "Advanced error handling").
fn told(status: StatusCode, should_retry: Option<bool>, body: Bytes) -> Tried {
    let fault = || serde_json::from_slice::<Refusal>(&body).map(|refusal| refusal.error).unwrap_or_default();
    let is_passing = status.is_server_error() || matches!(status.as_u16(), 409 | 424 | 429);
    match status.as_u16() {
        200..300 => Tried::Answered(body),
        401 | 403 => Tried::Not(Failure::Key),
        _ if should_retry.unwrap_or(is_passing) => Tried::Again(format!("status {status}")),
        _ if is_passing => Tried::Not(Failure::Unreachable(format!("status {status}"))),
        _ => {
            let fault = fault();
            let message = fault.message.unwrap_or_else(|| format!("status {status}"));
            Tried::Not(Failure::Refused { code: fault.code.unwrap_or_default(), message })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_travel_in_the_open_on_this_machine_only() {
        let read = |text: &str| text.parse::<Place>().map(|place| place.origin());
        assert_eq!(read("https://api.stripe.com/").as_deref(), Ok("https://api.stripe.com"));
        assert_eq!(read("http://localhost:8420").as_deref(), Ok("http://localhost:8420"));
        assert_eq!(read("https://js.stripe.com/v3/").as_deref(), Ok("https://js.stripe.com"));
        assert!(matches!(read("http://example.org"), Err(PlaceError::Open(_))));
        for wrong in ["", "stripe", "ftp://localhost", "https://a/?b"] {
            assert!(matches!(read(wrong), Err(PlaceError::Shape(_))), "{wrong}");
        }
    }
}
