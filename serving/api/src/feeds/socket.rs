//! `GET /v1/feeds` as a WebSocket (RFC 6455): one connection, many feeds.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::RequestExt as _;
use axum::extract::ws::WebSocketUpgrade;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::{Query, Request, State};
use axum::response::Response;
use bytes::Bytes;
use futures_util::stream::{BoxStream, SelectAll};
use futures_util::{FutureExt as _, StreamExt as _};
use hyper::upgrade::OnUpgrade;
use records::OrganizationId;
use rules::access::{Act, On};
use serde::Deserialize;
use tokio::sync::oneshot;
use tokio::time::Instant;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Message as Frame};

use super::address::Wish;
use super::group::Subscription;
use super::hub::{Counted, Hub, Transport};
use super::leash::{Ending, Leash};
use super::message::{self, Kind};
use super::presence::Watching;
use super::wire::{Gone, Wire, accepts};
use crate::auth::Presented;
use crate::problem::{Code, Problem};
use crate::server::Stopping;
use crate::{auth, limits};

/// Why the server closes; the numbers from 4000 on are ours (RFC 6455 §7.4.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Close {
    Stopping = 1001,
    Large = 1009,
    Wrong = 4400,
    Revoked = 4401,
    Silent = 4408,
    Old = 4409,
}

impl Close {
    fn reason(self) -> &'static str {
        match self {
            Self::Stopping => "the server stops; come back and go on where you are",
            Self::Large => "a message is larger than messages may be here",
            Self::Wrong => "too many messages that are not known here",
            Self::Revoked => "the key was revoked, or the login has ended",
            Self::Silent => "no sign of life",
            Self::Old => {
                "open for as long as may be, or you may do other things now; come back and go on where you are"
            }
        }
    }
}

/// What a client says.
#[derive(Debug, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
enum Said {
    Subscribe { id: String, feed: String, position: Option<String>, max_rate: Option<f64> },
    Unsubscribe { id: String },
}

/// What is told of the subscription with this name, quoted: frames that go out together.
struct Told {
    quoted: Arc<str>,
    kind: Kind,
    frames: Vec<Bytes>,
}

/// What the address of a feed begins with that tells who is here.
const PRESENCE: &str = "presence/";

/// What a connection is about.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Which {
    organization: Option<OrganizationId>,
}

struct Conversation {
    hub: Arc<Hub>,
    presented: Presented,
    organization: OrganizationId,
    wire: Wire,
    told: SelectAll<BoxStream<'static, Told>>,
    // By name, as JSON; dropping one ends its stream.
    open: BTreeMap<Arc<str>, oneshot::Sender<()>>,
    wrong: u32,
    heard: Instant,
}

pub(super) async fn open(State(hub): State<Arc<Hub>>, mut request: Request) -> Result<Response, Problem> {
    let presented = auth::present(&hub.asker.api, request.method(), request.headers(), None)?;
    let wrong = |detail: String| Problem::new(Code::ParameterWrong, detail);
    let which = Query::<Which>::try_from_uri(request.uri());
    let Query(which) = which.map_err(|error| wrong(error.body_text()))?;
    let organization = presented.organization(which.organization)?;
    // Whoever may read nothing at all of it is told so before anything is open.
    presented.may(Act::ReadOrganization, &On::organization(organization))?;
    let stopping = request.extensions().get::<Stopping>().cloned();
    let upgrading = request.extensions().get::<OnUpgrade>().cloned();
    // It looks at the handshake; who the two are connected by is ours, because frames go around the library.
    let upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection> = request.extract_parts().await;
    let refused = |detail: String| Problem::new(Code::UpgradeMissing, detail);
    drop(upgrade.map_err(|error| refused(error.body_text()))?);
    let leash = Leash::new(&hub, presented.clone(), stopping, Transport::Socket)?;
    let (upgrading, response) =
        upgrading.zip(accepts(request.headers())).ok_or_else(|| refused("no WebSocket of HTTP/1.1".into()))?;
    tokio::spawn(async move {
        let Some(wire) = Wire::open(upgrading).await else { return };
        let (told, open, heard) = (SelectAll::new(), BTreeMap::new(), Instant::now());
        let conversation = Conversation { hub, presented, organization, wire, told, open, wrong: 0, heard };
        conversation.run(leash).await;
    });
    Ok(response)
}

impl Conversation {
    async fn run(mut self, mut leash: Leash) {
        let close = self.talk(&mut leash).await;
        if let Some(close) = close {
            let frame = CloseFrame { code: (close as u16).into(), reason: close.reason().into() };
            let _ = self.send(Frame::Close(Some(frame))).await;
        }
    }

    /// Talks until somebody ends it; how it is to be closed, unless it is already.
    async fn talk(&mut self, leash: &mut Leash) -> Option<Close> {
        let (heartbeat, silence) = (self.hub.asker.bounds.heartbeat, self.hub.asker.bounds.silence);
        let mut ping = tokio::time::interval_at(Instant::now() + heartbeat, heartbeat);
        ping.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                biased;
                ending = leash.ended() => return Some(match ending {
                    Ending::Revoked => Close::Revoked,
                    Ending::Stopping => Close::Stopping,
                    Ending::Changed | Ending::Old => Close::Old,
                }),
                said = self.wire.recv() => {
                    self.heard = Instant::now();
                    // Closed, or something that is no WebSocket any more.
                    match said? {
                        Frame::Text(text) if text.len() > limits::SOCKET_MESSAGE_BYTES_MAX => return Some(Close::Large),
                        Frame::Text(text) => self.hear(&text).await.ok()?,
                        Frame::Binary(_) => self.object("a message is JSON text").await.ok()?,
                        _ => {}
                    }
                    if self.wrong > limits::SOCKET_WRONG_MAX {
                        return Some(Close::Wrong);
                    }
                }
                Some(told) = self.told.next(), if !self.told.is_empty() => self.tell(told).await.ok()?,
                _ = ping.tick() => {
                    if self.heard.elapsed() >= silence {
                        return Some(Close::Silent);
                    }
                    self.send(Frame::Ping(bytes::Bytes::new())).await.ok()?;
                }
            }
        }
    }

    async fn hear(&mut self, text: &str) -> Result<(), Gone> {
        match serde_json::from_str(text) {
            Ok(Said::Subscribe { id, feed, position, max_rate }) => {
                let quoted: Arc<str> = quote(&id).into();
                match self.subscribe(&id, &quoted, &feed, position, max_rate).await {
                    Ok(()) => self.say("subscribed", &quoted).await,
                    Err(problem) => self.refuse(&quoted, &problem).await,
                }
            }
            Ok(Said::Unsubscribe { id }) => {
                let quoted = quote(&id);
                self.open.remove(quoted.as_str());
                self.say("unsubscribed", &quoted).await
            }
            Err(error) => self.object(&error.to_string()).await,
        }
    }

    async fn subscribe(
        &mut self,
        id: &str,
        quoted: &Arc<str>,
        feed: &str,
        position: Option<String>,
        max_rate: Option<f64>,
    ) -> Result<(), Problem> {
        let most = self.hub.asker.bounds.subscriptions;
        if id.len() > limits::SUBSCRIPTION_ID_BYTES_MAX {
            let detail = format!("`id` has at most {} bytes", limits::SUBSCRIPTION_ID_BYTES_MAX);
            return Err(Problem::new(Code::MessageWrong, detail));
        }
        if self.open.contains_key(quoted) {
            return Err(Problem::new(Code::MessageWrong, format!("the subscription `{id}` is open already")));
        }
        if self.open.len() >= most {
            return Err(Problem::new(Code::FeedsTooMany, format!("a connection has at most {most} subscriptions")));
        }
        if max_rate.is_some_and(|rate| !(rate.is_finite() && rate > 0.0)) {
            return Err(Problem::new(Code::ParameterWrong, "`max_rate` is above 0"));
        }
        let counted = Counted::subscription(&self.hub.asker.figures);
        let (keep, gone) = oneshot::channel();
        let told = match feed.strip_prefix(PRESENCE) {
            Some(channel) => {
                let watching = Watching::subscribe(&self.hub, &self.presented, self.organization, channel)?;
                tellings(Arc::clone(quoted), watching, counted).take_until(gone).boxed()
            }
            None => {
                let subscription = self.follow(feed, position, max_rate).await?;
                messages(Arc::clone(quoted), subscription, counted).take_until(gone).boxed()
            }
        };
        self.told.push(told);
        self.open.insert(Arc::clone(quoted), keep);
        Ok(())
    }

    async fn follow(
        &mut self,
        feed: &str,
        position: Option<String>,
        max_rate: Option<f64>,
    ) -> Result<Subscription, Problem> {
        let wish = Wish::read(feed)?;
        if wish.organization.is_some_and(|named| named != self.organization) {
            let detail = "a connection is about one organization: name it when you connect";
            return Err(Problem::new(Code::ParameterWrong, detail));
        }
        let wish = Wish { position: position.or(wish.position), max_rate: max_rate.or(wish.max_rate), ..wish };
        self.hub.subscribe(&self.presented, self.organization, wish).await
    }

    /// Sends a message and all others that are ready by now, with one write.
    async fn tell(&mut self, first: Told) -> Result<(), Gone> {
        let mut next = Some(first);
        while let Some(Told { quoted, kind, frames }) = next {
            // Unsubscribed between.
            if self.open.contains_key(&quoted) {
                if kind == Kind::Problem {
                    self.open.remove(&quoted);
                }
                for frame in frames {
                    self.hub.asker.figures.told(kind, frame.len());
                    self.wire.put(frame);
                }
            }
            next = self.told.next().now_or_never().flatten();
        }
        self.wire.write().await
    }

    async fn say(&mut self, word: &str, quoted: &str) -> Result<(), Gone> {
        self.send(Frame::text(format!("{{\"type\":\"{word}\",\"id\":{quoted}}}"))).await
    }

    async fn refuse(&mut self, quoted: &str, problem: &Problem) -> Result<(), Gone> {
        self.wrong += u32::from(problem.code == Code::MessageWrong);
        let problem = problem.json();
        self.send(Frame::text(format!("{{\"type\":\"problem\",\"id\":{quoted},\"problem\":{problem}}}"))).await
    }

    async fn object(&mut self, detail: &str) -> Result<(), Gone> {
        self.refuse("null", &Problem::new(Code::MessageWrong, detail)).await
    }

    async fn send(&mut self, frame: Frame) -> Result<(), Gone> {
        self.wire.send(frame).await
    }
}

/// What becomes of a message before anything is subscribed.
pub(super) fn read(text: &str) {
    let Ok(Said::Subscribe { id, feed, max_rate, .. }) = serde_json::from_str(text) else { return };
    let _ = quote(&id);
    let Ok(wish) = Wish::read(&feed) else { return };
    assert!(wish.address.path().starts_with("/v1/views/"), "a feed asks read routes and nothing else");
    let _ = super::address::segments(&wish.address);
    let _ = super::address::every(max_rate.or(wish.max_rate), 20);
}

fn quote(id: &str) -> String {
    serde_json::to_string(id).expect("text is JSON")
}

/// The messages of one subscription, up to its end.
fn messages(
    quoted: Arc<str>,
    subscription: Subscription,
    counted: Counted,
) -> impl futures_util::Stream<Item = Told> + Send + 'static {
    futures_util::stream::unfold(Some((quoted, subscription, counted)), |open| async {
        let (quoted, mut subscription, counted) = open?;
        let message = subscription.next().await;
        let rest = if message.kind == Kind::Problem { Vec::new() } else { subscription.rest() };
        let kind = message.kind;
        let frames = std::iter::once(&message).chain(&rest).map(|message| message.frame(&quoted)).collect();
        let told = Told { quoted: Arc::clone(&quoted), kind, frames };
        Some((told, (kind != Kind::Problem).then_some((quoted, subscription, counted))))
    })
}

/// The tellings of who is here.
fn tellings(
    quoted: Arc<str>,
    watching: Watching,
    counted: Counted,
) -> impl futures_util::Stream<Item = Told> + Send + 'static {
    futures_util::stream::unfold((quoted, watching, counted), |(quoted, mut watching, counted)| async {
        let (kind, body) = watching.next().await;
        let body = std::str::from_utf8(&body).expect("it was written as text");
        let frames = vec![message::frame_of(kind, &quoted, body)];
        let told = Told { quoted: Arc::clone(&quoted), kind, frames };
        Some((told, (quoted, watching, counted)))
    })
}
