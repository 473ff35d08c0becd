//! How providers are asked: HTTPS by rustls, no redirects, bounded answers, bounded time.

use std::pin::Pin;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use openidconnect::{HttpRequest, HttpResponse};

/// How long a provider may take for an answer.
const WITHIN: Duration = Duration::from_secs(10);
/// Bytes of an answer: keys and documents are some kilobytes.
const ANSWER_BYTES_MAX: usize = 1 << 20;

/// Why a provider did not answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    #[error("no answer within {} s", WITHIN.as_secs())]
    Late,
    #[error("{0}")]
    Connection(#[from] hyper_util::client::legacy::Error),
    #[error("the answer was cut off, or is larger than {ANSWER_BYTES_MAX} bytes")]
    Answer,
    #[error("{0}")]
    Request(#[from] axum::http::Error),
    #[error("the system's certificates cannot be read: {0}")]
    Certificates(std::io::Error),
}

type Asking = Pin<Box<dyn Future<Output = Result<HttpResponse, Failure>> + Send>>;

/// Asks providers.
#[derive(Clone)]
pub(super) struct Asker(Client<HttpsConnector<HttpConnector>, Full<Bytes>>);

impl Asker {
    pub(super) fn new() -> Result<Self, Failure> {
        let tls = hyper_rustls::HttpsConnectorBuilder::new()
            .with_provider_and_native_roots(rustls::crypto::ring::default_provider())
            .map_err(Failure::Certificates)?;
        // Plain HTTP is for providers on this machine: `Providers` lets no other one in.
        Ok(Self(Client::builder(TokioExecutor::new()).build(tls.https_or_http().enable_http1().build())))
    }

    /// As the library wants to ask.
    pub(super) fn asks(&self) -> impl Fn(HttpRequest) -> Asking + Send + Sync + 'static {
        let asker = self.clone();
        move |request| {
            let asker = asker.clone();
            Box::pin(async move { asker.ask(request).await })
        }
    }

    async fn ask(&self, request: HttpRequest) -> Result<HttpResponse, Failure> {
        tokio::time::timeout(WITHIN, self.asked(request)).await.unwrap_or(Err(Failure::Late))
    }

    async fn asked(&self, request: HttpRequest) -> Result<HttpResponse, Failure> {
        let answer = self.0.request(request.map(|body| Full::new(Bytes::from(body)))).await?;
        let (parts, body) = answer.into_parts();
        let body = Limited::new(body, ANSWER_BYTES_MAX).collect().await.map_err(|_| Failure::Answer)?;
        Ok(HttpResponse::from_parts(parts, body.to_bytes().to_vec()))
    }
}
