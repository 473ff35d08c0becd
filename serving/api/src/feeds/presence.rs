//! `GET /v1/presence/{channel}`: who is here now, as server-sent events.
//!
//! Who reads with `person` is here, for as long as the connection lives; who reads without only looks. It is kept in
//! the memory of this process and on no log: after a restart nobody is here until they come back, which clients do by
//! themselves, and there is no position to go on from. What must be known later is tracked (`session_joined`).

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use axum::body::Body;
use axum::extract::{Path, Query, Request, State};
use axum::response::{IntoResponse, Response};
use axum::{RequestExt as _, http};
use bytes::Bytes;
use records::{EventId, OrganizationId, Token};
use rules::access::{Act, On};
use serde::{Deserialize, Serialize};
use tokio::sync::watch;
use tokio::time::Instant;

use super::hub::{Hub, Transport, locked};
use super::leash::{Ending, Leash};
use super::message::Kind;
use super::stream;
use crate::auth;
use crate::limits;
use crate::problem::{Code, Problem};
use crate::reads::extract::person;
use crate::server::Stopping;

type Name = (OrganizationId, EventId, String);

/// The channels that somebody reads.
#[derive(Default)]
pub(super) struct Channels(Mutex<BTreeMap<Name, Channel>>);

#[derive(Default)]
struct Channel {
    // With how many connections each is here.
    people: BTreeMap<Token, usize>,
    readers: usize,
    // As it is told, for all readers; none when it has changed since.
    encoded: Option<Bytes>,
    changes: watch::Sender<u64>,
}

/// Who is here.
#[derive(Serialize)]
struct Here {
    /// How many people.
    present: usize,
    /// How many connections read the channel, of people and of others.
    readers: usize,
    /// Some of the people, by their pseudonyms.
    people: Vec<String>,
}

impl Channel {
    fn change(&mut self) {
        self.encoded = None;
        self.changes.send_modify(|changes| *changes += 1);
    }

    fn body(&mut self) -> Bytes {
        let (people, readers) = (&self.people, self.readers);
        let encode = || {
            let sample = people.keys().take(limits::PRESENCE_SAMPLE).map(Token::to_string).collect();
            let here = Here { present: people.len(), readers, people: sample };
            let here = serde_json::to_string(&here).expect("numbers and texts are JSON");
            format!("data: {{\"changes\":[{{\"key\":null,\"value\":{here}}}]}}\n\n").into()
        };
        self.encoded.get_or_insert_with(encode).clone()
    }
}

impl Channels {
    /// How many channels have readers.
    pub(super) fn len(&self) -> usize {
        locked(&self.0).len()
    }

    /// Comes in. The same person twice is one person.
    fn join(self: &Arc<Self>, name: Name, person: Option<Token>) -> Result<Joined, Problem> {
        let mut channels = locked(&self.0);
        let of_organization = || {
            let from = (name.0, EventId::NONE, String::new());
            channels.range(from..).take_while(|(known, _)| known.0 == name.0).count()
        };
        if !channels.contains_key(&name) && of_organization() >= limits::PRESENCE_CHANNELS_MAX {
            let detail = format!("an organization has at most {} channels", limits::PRESENCE_CHANNELS_MAX);
            return Err(Problem::new(Code::FeedsTooMany, detail).retry_after(limits::RETRY_FEEDS_SECONDS));
        }
        let channel = channels.entry(name.clone()).or_default();
        channel.readers += 1;
        if let Some(person) = person {
            *channel.people.entry(person).or_default() += 1;
        }
        channel.change();
        let changes = channel.changes.subscribe();
        Ok(Joined { channels: Arc::clone(self), name, person, changes })
    }
}

/// One reader of a channel. Dropping it leaves.
struct Joined {
    channels: Arc<Channels>,
    name: Name,
    person: Option<Token>,
    changes: watch::Receiver<u64>,
}

impl Joined {
    /// Who is here now. What changes after this is a change.
    fn here(&mut self) -> Bytes {
        let mut channels = locked(&self.channels.0);
        self.changes.borrow_and_update();
        channels.get_mut(&self.name).map(Channel::body).expect("a channel is kept as long as it has readers")
    }
}

impl Drop for Joined {
    fn drop(&mut self) {
        let mut channels = locked(&self.channels.0);
        let Some(channel) = channels.get_mut(&self.name) else { return };
        channel.readers -= 1;
        if let Some(person) = self.person
            && let Some(connections) = channel.people.get_mut(&person)
        {
            *connections -= 1;
            if *connections == 0 {
                channel.people.remove(&person);
            }
        }
        channel.change();
        if channel.readers == 0 {
            channels.remove(&self.name);
        }
    }
}

#[derive(Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Which {
    /// The event, by its id.
    #[serde(default)]
    event: EventId,
    /// Who is here, as people are named everywhere; without it the reader only looks.
    person: Option<String>,
    /// The organization that is meant, for people who belong to several; a key has its own.
    organization: Option<OrganizationId>,
}

struct Open {
    hub: Arc<Hub>,
    joined: Joined,
    leash: Leash,
    kind: Kind,
    over: bool,
    not_before: Instant,
}

pub(super) async fn open(State(hub): State<Arc<Hub>>, mut request: Request) -> Result<Response, Problem> {
    let presented = auth::present(&hub.asker.api, request.method(), request.headers(), None)?;
    let wrong = |detail: String| Problem::new(Code::ParameterWrong, detail);
    let channel = request.extract_parts::<Path<String>>().await;
    let Path(channel) = channel.map_err(|error| wrong(error.body_text()))?;
    let which = Query::<Which>::try_from_uri(request.uri());
    let Query(Which { event, person: who, organization }) = which.map_err(|error| wrong(error.body_text()))?;
    if channel.len() > limits::SUBSCRIPTION_ID_BYTES_MAX {
        return Err(wrong(format!("a channel's name has at most {} bytes", limits::SUBSCRIPTION_ID_BYTES_MAX)));
    }
    let organization = presented.organization(organization)?;
    presented.may(Act::ReadViews, &On::event(organization, event))?;
    let person = who.map(|who| person(&hub.asker.api, organization, &who)).transpose()?;
    let stopping = request.extensions().get::<Stopping>().cloned();
    let leash = Leash::new(&hub, presented, stopping, Transport::Stream)?;
    let joined = hub.presence.join((organization, event, channel), person)?;
    let open = Open { hub, joined, leash, kind: Kind::Reset, over: false, not_before: Instant::now() };
    let body = futures_util::stream::unfold(open, |mut open| async {
        let event = open.next().await?;
        Some((Ok::<_, Infallible>(event), open))
    });
    Ok((http::StatusCode::OK, stream::headers(), Body::from_stream(body)).into_response())
}

impl Open {
    async fn next(&mut self) -> Option<Bytes> {
        if self.over {
            return None;
        }
        let bounds = &self.hub.asker.bounds;
        let (first, not_before) = (self.kind == Kind::Reset, self.not_before);
        let changed = async {
            tokio::time::sleep_until(not_before).await;
            if !first {
                // The channel lives as long as this reader does.
                let _ = self.joined.changes.changed().await;
            }
        };
        tokio::select! {
            biased;
            ending = self.leash.ended() => {
                self.over = true;
                (ending == Ending::Revoked).then(stream::revoked)
            }
            () = changed => {
                let body = self.joined.here();
                let event: Bytes = [format!("event: {}\n", self.kind.word()).as_bytes(), &body].concat().into();
                self.hub.asker.figures.told(self.kind, event.len());
                self.kind = Kind::Deltas;
                self.not_before = Instant::now() + bounds.presence_every;
                Some(event)
            }
            () = tokio::time::sleep(bounds.heartbeat) => Some(Bytes::from_static(b":\n\n")),
        }
    }
}
