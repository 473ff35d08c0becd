//! One webhook over HTTP: no redirects, bounded time, bounded answer.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use axum::http::{Request, Uri, header};
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use records::Span;
use records::webhook::Answer;

use super::addresses::{Refused, Resolver, is_public};
use super::sign::{self, Key};

/// How long a receiver may take: the standard recommends 15 to 30 s.
const WITHIN: Duration = Duration::from_secs(15);
/// Characters of an answer that are kept.
const TEXT_MAX: usize = 200;
/// Bytes of an answer that are looked at.
const TEXT_BYTES_MAX: usize = 2_048;
/// How long a connection is kept for the next webhook.
const IDLE: Duration = Duration::from_secs(20);
/// Who sends.
const AGENT: &str = concat!("Eventra/", env!("CARGO_PKG_VERSION"), " (webhooks)");

/// One webhook, ready to be sent.
#[derive(Debug)]
pub(super) struct Letter<'a> {
    pub(super) url: &'a str,
    pub(super) id: &'a str,
    /// The time of the try, seconds since 1970: receivers refuse what is old.
    pub(super) seconds: i64,
    pub(super) keys: &'a [Key],
    pub(super) body: Bytes,
}

/// What became of a try.
#[derive(Debug)]
pub(super) enum Outcome {
    /// It was taken.
    Taken(Answer),
    /// It was not; the receiver wishes to be left alone for a while.
    Refused(Answer, Span),
    /// The endpoint is gone (410).
    Gone(Answer),
}

/// Sends webhooks.
#[derive(Clone)]
pub(super) struct Sender {
    client: Client<HttpsConnector<HttpConnector<Resolver>>, Full<Bytes>>,
    private: bool,
}

impl Sender {
    /// A sender; `private` says whether private addresses and plain HTTP are let through.
    pub(super) fn new(private: bool) -> std::io::Result<Self> {
        let mut http = HttpConnector::new_with_resolver(Resolver { private });
        http.enforce_http(false);
        http.set_connect_timeout(Some(WITHIN));
        let tls = hyper_rustls::HttpsConnectorBuilder::new()
            .with_provider_and_native_roots(rustls::crypto::ring::default_provider())?;
        let https = if private { tls.https_or_http() } else { tls.https_only() };
        let client = Client::builder(TokioExecutor::new())
            .pool_idle_timeout(IDLE)
            .pool_timer(hyper_util::rt::TokioTimer::new())
            .pool_max_idle_per_host(1)
            .build(https.enable_http1().wrap_connector(http));
        Ok(Self { client, private })
    }

    /// Sends one, and tells what was answered.
    pub(super) async fn send(&self, letter: Letter<'_>) -> Outcome {
        let began = Instant::now();
        let outcome = match tokio::time::timeout(WITHIN, self.sent(letter)).await {
            Ok(Ok(outcome)) => Ok(outcome),
            Ok(Err(why)) => Err(why),
            Err(_) => Err(format!("no answer within {} s", WITHIN.as_secs())),
        };
        let ms = u32::try_from(began.elapsed().as_millis()).unwrap_or(u32::MAX);
        match outcome {
            Ok((status, _, _)) if (200..300).contains(&status) => {
                Outcome::Taken(Answer { status, ms, text: String::new() })
            }
            Ok((410, _, text)) => Outcome::Gone(Answer { status: 410, ms, text }),
            Ok((status, wait, text)) => Outcome::Refused(Answer { status, ms, text }, wait),
            Err(why) => Outcome::Refused(Answer { status: 0, ms, text: why }, Span::ZERO),
        }
    }

    async fn sent(&self, letter: Letter<'_>) -> Result<(u16, Span, String), String> {
        let uri: Uri = letter.url.parse().map_err(|_| "the address is none".to_owned())?;
        let host = uri.host().unwrap_or("").trim_start_matches('[').trim_end_matches(']');
        // Names are looked at when they are resolved; what is an address already is never resolved.
        if host.parse::<IpAddr>().is_ok_and(|address| !self.private && !is_public(address)) {
            return Err(Refused::Private.to_string());
        }
        let signature = sign::header(letter.keys, letter.id, letter.seconds, &letter.body);
        let request = Request::post(uri)
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::USER_AGENT, AGENT)
            .header("webhook-id", letter.id)
            .header("webhook-timestamp", letter.seconds)
            .header("webhook-signature", signature)
            .body(Full::new(letter.body))
            .map_err(|_| "the address is none".to_owned())?;
        let answer = self.client.request(request).await.map_err(|error| cause(&error))?;
        let status = answer.status().as_u16();
        let wait = answer.headers().get(header::RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
        let wait = Span::from_seconds(wait.map_or(0, |seconds: u32| i64::from(seconds)));
        Ok((status, wait, beginning(answer.into_body()).await))
    }
}

/// The first cause of a failure in words that say nothing of our network.
fn cause(error: &hyper_util::client::legacy::Error) -> String {
    let mut source: Option<&(dyn std::error::Error + 'static)> = Some(error);
    let mut last = String::new();
    while let Some(error) = source {
        last = error.to_string();
        source = error.source();
    }
    if last.is_empty() { "no connection".into() } else { last.chars().take(TEXT_MAX).collect() }
}

/// How an answer begins. A body that is cut off or has no end is no reason to try again.
async fn beginning(mut body: hyper::body::Incoming) -> String {
    let mut bytes = Vec::new();
    while bytes.len() < TEXT_BYTES_MAX {
        let Some(Ok(frame)) = body.frame().await else { break };
        if let Ok(data) = frame.into_data() {
            bytes.extend_from_slice(&data[..data.len().min(TEXT_BYTES_MAX - bytes.len())]);
        }
    }
    let text = String::from_utf8_lossy(&bytes);
    text.chars().filter(|c| !c.is_control()).take(TEXT_MAX).collect()
}
