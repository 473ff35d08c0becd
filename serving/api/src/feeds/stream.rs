//! `GET /v1/feeds/{view}`: one feed as server-sent events (HTML Living Standard, §9.2).

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use records::hash::mix;
use tokio::time::{Instant, Sleep};

use super::address::Wish;
use super::group::Subscription;
use super::hub::{Counted, Figures, Hub, Transport};
use super::leash::{Ending, Leash};
use super::message::Kind;
use crate::auth;
use crate::problem::{Code, Problem};
use crate::server::Stopping;

/// The shortest wait before a client reconnects by itself, milliseconds.
const RETRY_MS: u64 = 500;
/// The waits of clients are spread over this many milliseconds, so that after a restart they do not come at once.
const RETRY_SPREAD_MS: u64 = 2_500;

/// What an open stream is made of.
struct Open {
    begin: Option<Bytes>,
    over: bool,
    subscription: Subscription,
    leash: Leash,
    figures: Arc<Figures>,
    heartbeat: Duration,
    // When something was last told, and when to look at that again: a timer for each message would cost more.
    told: Instant,
    quiet: Pin<Box<Sleep>>,
    _counted: Counted,
}

pub(super) async fn open(State(hub): State<Arc<Hub>>, request: Request) -> Result<Response, Problem> {
    let (parts, _) = request.into_parts();
    let presented = auth::present(&hub.asker.api, &parts.method, &parts.headers, None)?;
    let address = parts.uri.path_and_query().map_or("", |address| address.as_str());
    let mut wish = Wish::read(address.trim_start_matches("/v1/feeds/"))?;
    // A browser reconnects to the address that it began with, so what it was told last is the newer one.
    wish.position = last_event(&parts.headers)?.or(wish.position);
    let stopping = parts.extensions.get::<Stopping>().cloned();
    let organization = presented.organization(wish.organization)?;
    let leash = Leash::new(&hub, presented.clone(), stopping, Transport::Stream)?;
    let subscription = hub.subscribe(&presented, organization, wish).await?;
    let figures = Arc::clone(&hub.asker.figures);
    let _counted = Counted::subscription(&figures);
    let begin = Some(Bytes::from(format!("retry: {}\n\n", retry_ms(leash.number()))));
    let heartbeat = hub.asker.bounds.heartbeat;
    let (told, quiet) = (Instant::now(), Box::pin(tokio::time::sleep(heartbeat)));
    let open = Open { begin, over: false, subscription, leash, figures, heartbeat, told, quiet, _counted };
    let body = futures_util::stream::unfold(open, |mut open| async {
        let event = open.next().await?;
        Some((Ok::<_, Infallible>(event), open))
    });
    Ok((headers(), Body::from_stream(body)).into_response())
}

/// The headers of a stream.
pub(super) fn headers() -> [(header::HeaderName, &'static str); 3] {
    // Proxies must not keep events back to send them together.
    [
        (header::CONTENT_TYPE, "text/event-stream"),
        (header::CACHE_CONTROL, "no-cache, no-transform"),
        (header::HeaderName::from_static("x-accel-buffering"), "no"),
    ]
}

/// The last event of a reader whose key or login does not hold any more.
pub(super) fn revoked() -> Bytes {
    let problem = Problem::new(Code::KeyUnknown, "the key was revoked, or the login has ended").json();
    format!("event: problem\ndata: {problem}\n\n").into()
}

fn last_event(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let Some(value) = headers.get("last-event-id") else { return Ok(None) };
    let text = value.to_str().map_err(|_| Problem::new(Code::PositionWrong, "`Last-Event-ID` is no position"))?;
    Ok(Some(text.to_owned()).filter(|text| !text.is_empty()))
}

/// Differs from connection to connection without drawing lots.
fn retry_ms(number: u64) -> u64 {
    RETRY_MS + mix(number) % RETRY_SPREAD_MS
}

impl Open {
    /// The next piece of the stream; none at its end.
    async fn next(&mut self) -> Option<Bytes> {
        if let Some(begin) = self.begin.take() {
            return Some(begin);
        }
        if self.over {
            return None;
        }
        loop {
            tokio::select! {
                biased;
                ending = self.leash.ended() => {
                    self.over = true;
                    return match ending {
                        Ending::Revoked => Some(revoked()),
                        // The client reconnects by itself and goes on where it was.
                        Ending::Changed | Ending::Stopping | Ending::Old => None,
                    };
                }
                message = self.subscription.next() => {
                    self.over = message.kind == Kind::Problem;
                    self.told = Instant::now();
                    let event = message.event();
                    self.figures.told(message.kind, event.len());
                    return Some(event);
                }
                () = &mut self.quiet => {
                    let due = self.told + self.heartbeat;
                    let silent = due <= Instant::now();
                    self.told = if silent { Instant::now() } else { self.told };
                    self.quiet.as_mut().reset(self.told + self.heartbeat);
                    // A comment: it only shows that somebody is there.
                    if silent {
                        return Some(Bytes::from_static(b":\n\n"));
                    }
                }
            }
        }
    }
}
