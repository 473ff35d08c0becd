//! `GET /v1/presence/{channel}`: who is here now, as server-sent events; over a WebSocket the feed `presence/{channel}`.
//!
//! Who reads with `person` is here as a visitor, who reads with `me` as the user who is signed in, for as long as the
//! connection or subscription lives; who reads without only looks. Users are named to other users only. It is kept in
//! the memory of this process and on no log: after a restart nobody is here until they come back, which clients do by
//! themselves, and there is no position to go on from. What must be known later is tracked (`session_joined`).

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Path, Query, Request, State};
use axum::http::Uri;
use axum::response::{IntoResponse, Response};
use axum::{RequestExt as _, http};
use bytes::Bytes;
use records::{EventId, OrganizationId, Token, UserId};
use rules::access::{Act, On, Principal};
use serde::{Deserialize, Serialize};
use tokio::sync::watch;
use tokio::time::Instant;

use super::address;
use super::hub::{Hub, Transport, locked};
use super::leash::{Ending, Leash};
use super::message::Kind;
use super::stream;
use crate::Api;
use crate::auth::{self, Presented};
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
    users: BTreeMap<UserId, (String, usize)>,
    readers: usize,
    // As it is told to keys and to users, for all readers; none when it has changed since.
    encoded: [Option<Bytes>; 2],
    changes: watch::Sender<u64>,
}

/// Who somebody is here as.
#[derive(Debug, Clone)]
enum As {
    /// Nobody: who only looks.
    Onlooker,
    Visitor(Token),
    User(UserId, String),
}

/// Who is here.
#[derive(Serialize)]
struct Here<'a> {
    /// How many people, visitors and users.
    present: usize,
    /// How many connections read the channel, of people and of others.
    readers: usize,
    /// Some of the visitors, by their pseudonyms.
    people: Vec<String>,
    /// Some of the users; told to users only.
    #[serde(skip_serializing_if = "Option::is_none")]
    users: Option<Vec<Known<'a>>>,
}

/// A user as others see them.
#[derive(Serialize)]
struct Known<'a> {
    id: UserId,
    name: &'a str,
}

impl Channel {
    fn change(&mut self) {
        self.encoded = [None, None];
        self.changes.send_modify(|changes| *changes += 1);
    }

    fn come(&mut self, who: &As) {
        self.readers += 1;
        match who {
            As::Onlooker => {}
            As::Visitor(person) => *self.people.entry(*person).or_default() += 1,
            As::User(user, name) => {
                let (known, connections) = self.users.entry(*user).or_default();
                known.clone_from(name);
                *connections += 1;
            }
        }
        self.change();
    }

    fn go(&mut self, who: &As) {
        self.readers -= 1;
        match who {
            As::Onlooker => {}
            As::Visitor(person) => {
                if self.people.get_mut(person).is_some_and(one_less) {
                    self.people.remove(person);
                }
            }
            As::User(user, _) => {
                if self.users.get_mut(user).is_some_and(|(_, connections)| one_less(connections)) {
                    self.users.remove(user);
                }
            }
        }
        self.change();
    }

    /// The message's inside, as JSON.
    fn body(&mut self, to_users: bool) -> Bytes {
        let (people, users, readers) = (&self.people, &self.users, self.readers);
        let encode = || {
            let sample = people.keys().take(limits::PRESENCE_SAMPLE).map(Token::to_string).collect();
            let named = users.iter().take(limits::PRESENCE_SAMPLE).map(|(id, (name, _))| Known { id: *id, name });
            let users_here = to_users.then(|| named.collect());
            let here = Here { present: people.len() + users.len(), readers, people: sample, users: users_here };
            let here = serde_json::to_string(&here).expect("numbers and texts are JSON");
            format!("{{\"changes\":[{{\"key\":null,\"value\":{here}}}]}}").into()
        };
        self.encoded[usize::from(to_users)].get_or_insert_with(encode).clone()
    }
}

/// Whether that was the last.
fn one_less(connections: &mut usize) -> bool {
    *connections -= 1;
    *connections == 0
}

impl Channels {
    /// How many channels have readers.
    pub(super) fn len(&self) -> usize {
        locked(&self.0).len()
    }

    /// Comes in. The same person twice is one person.
    fn join(self: &Arc<Self>, name: Name, who: As, to_users: bool) -> Result<Joined, Problem> {
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
        channel.come(&who);
        let changes = channel.changes.subscribe();
        Ok(Joined { channels: Arc::clone(self), name, who, to_users, changes })
    }
}

/// One reader of a channel. Dropping it leaves.
struct Joined {
    channels: Arc<Channels>,
    name: Name,
    who: As,
    to_users: bool,
    changes: watch::Receiver<u64>,
}

impl Joined {
    /// Who is here now. What changes after this is a change.
    fn here(&mut self) -> Bytes {
        let mut channels = locked(&self.channels.0);
        self.changes.borrow_and_update();
        let channel = channels.get_mut(&self.name).expect("a channel is kept as long as it has readers");
        channel.body(self.to_users)
    }
}

impl Drop for Joined {
    fn drop(&mut self) {
        let mut channels = locked(&self.channels.0);
        let Some(channel) = channels.get_mut(&self.name) else { return };
        channel.go(&self.who);
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
    /// The visitor who is here, as people are named everywhere; without it the reader only looks.
    person: Option<String>,
    /// Whether the user who is signed in is here.
    #[serde(default)]
    me: bool,
    /// The organization that is meant, for people who belong to several; a key has its own.
    organization: Option<OrganizationId>,
}

/// Somebody who is told who is here.
pub(super) struct Watching {
    joined: Joined,
    kind: Kind,
    not_before: Instant,
    every: Duration,
}

impl Watching {
    /// Comes into a channel of the organization that `which` or the connection names.
    ///
    /// # Errors
    /// `access_denied`, `parameter_wrong`, `not_found` for a visitor who is not known, `feeds_too_many`.
    fn join(hub: &Hub, presented: &Presented, channel: String, which: &Which) -> Result<Self, Problem> {
        let wrong = |detail: String| Problem::new(Code::ParameterWrong, detail);
        if channel.len() > limits::SUBSCRIPTION_ID_BYTES_MAX {
            return Err(wrong(format!("a channel's name has at most {} bytes", limits::SUBSCRIPTION_ID_BYTES_MAX)));
        }
        let organization = presented.organization(which.organization)?;
        presented.may(Act::ReadViews, &On::event(organization, which.event))?;
        let who = somebody(&hub.asker.api, presented, organization, which)?;
        let to_users = matches!(presented.principal, Principal::Person(_));
        let joined = hub.presence.join((organization, which.event, channel), who, to_users)?;
        let every = hub.asker.bounds.presence_every;
        Ok(Self { joined, kind: Kind::Reset, not_before: Instant::now(), every })
    }

    /// As `join`, by what follows `presence/` in the address of a WebSocket's feed.
    ///
    /// # Errors
    /// As `join`.
    pub(super) fn subscribe(
        hub: &Hub,
        presented: &Presented,
        organization: OrganizationId,
        feed: &str,
    ) -> Result<Self, Problem> {
        let wrong = |detail: String| Problem::new(Code::ParameterWrong, detail);
        let channel = address::decoded(feed.split('?').next().unwrap_or_default())?;
        let uri: Uri =
            format!("/{feed}").parse().map_err(|_| wrong("the feed's address is no part of a URL".into()))?;
        let Query(mut which) = Query::<Which>::try_from_uri(&uri).map_err(|error| wrong(error.body_text()))?;
        if which.organization.is_some_and(|named| named != organization) {
            return Err(wrong("a connection is about one organization: name it when you connect".into()));
        }
        which.organization = Some(organization);
        Self::join(hub, presented, channel, &which)
    }

    /// The next telling, and its inside as JSON. May be dropped and asked again.
    pub(super) async fn next(&mut self) -> (Kind, Bytes) {
        tokio::time::sleep_until(self.not_before).await;
        if self.kind != Kind::Reset {
            // The channel lives as long as this reader does.
            let _ = self.joined.changes.changed().await;
        }
        let told = (self.kind, self.joined.here());
        self.kind = Kind::Deltas;
        self.not_before = Instant::now() + self.every;
        told
    }
}

fn somebody(api: &Api, presented: &Presented, organization: OrganizationId, which: &Which) -> Result<As, Problem> {
    let wrong = |detail: &str| Problem::new(Code::ParameterWrong, detail);
    match (&which.person, which.me, &presented.principal) {
        (Some(_), true, _) => Err(wrong("`person` and `me` are not both")),
        (Some(visitor), false, _) => Ok(As::Visitor(person(api, organization, visitor)?)),
        (None, true, Principal::Person(known)) => Ok(As::User(known.user, api.called(known.user))),
        (None, true, _) => Err(wrong("`me` is for people who are signed in")),
        (None, false, _) => Ok(As::Onlooker),
    }
}

impl Api {
    /// What others call a user: the name, else what stands before the `@` of the mail address.
    fn called(&self, user: UserId) -> String {
        let personal = self.user(user).map(|known| self.personal(&known)).unwrap_or_default();
        let local = personal.email.split('@').next().unwrap_or_default().to_owned();
        if personal.name.is_empty() { local } else { personal.name }
    }
}

struct Open {
    hub: Arc<Hub>,
    watching: Watching,
    leash: Leash,
    over: bool,
}

pub(super) async fn open(State(hub): State<Arc<Hub>>, mut request: Request) -> Result<Response, Problem> {
    let presented = auth::present(&hub.asker.api, request.method(), request.headers(), None)?;
    let wrong = |detail: String| Problem::new(Code::ParameterWrong, detail);
    let channel = request.extract_parts::<Path<String>>().await;
    let Path(channel) = channel.map_err(|error| wrong(error.body_text()))?;
    let which = Query::<Which>::try_from_uri(request.uri());
    let Query(which) = which.map_err(|error| wrong(error.body_text()))?;
    let stopping = request.extensions().get::<Stopping>().cloned();
    let leash = Leash::new(&hub, presented.clone(), stopping, Transport::Stream)?;
    let watching = Watching::join(&hub, &presented, channel, &which)?;
    let open = Open { hub, watching, leash, over: false };
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
        tokio::select! {
            biased;
            ending = self.leash.ended() => {
                self.over = true;
                (ending == Ending::Revoked).then(stream::revoked)
            }
            (kind, body) = self.watching.next() => {
                let event: Bytes = [format!("event: {}\ndata: ", kind.word()).as_bytes(), &body, b"\n\n"].concat().into();
                self.hub.asker.figures.told(kind, event.len());
                Some(event)
            }
            () = tokio::time::sleep(self.hub.asker.bounds.heartbeat) => Some(Bytes::from_static(b":\n\n")),
        }
    }
}
