//! What is counted at the doors of an event, told again whenever it changes: of the same fold as the list, with the offset
//! that it reflects.

use std::convert::Infallible;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, Request, State};
use axum::response::{IntoResponse, Response};
use axum::{RequestExt as _, http};
use bytes::Bytes;
use records::{EventId, OrganizationId};
use rules::access::{Act, On};
use tokio::time::Instant;

use super::hub::{Counted, Hub, Transport};
use super::leash::{Ending, Leash};
use super::stream;
use crate::auth;
use crate::limits;
use crate::problem::{Code, Problem};
use crate::server::Stopping;

/// An open feed.
struct Open {
    hub: Arc<Hub>,
    at: (OrganizationId, EventId),
    leash: Leash,
    passed: tokio::sync::watch::Receiver<u64>,
    told: Option<u64>,
    over: bool,
    _counted: Counted,
}

pub(super) async fn open(State(hub): State<Arc<Hub>>, mut request: Request) -> Result<Response, Problem> {
    let named = request.extract_parts::<Path<(String, String)>>().await;
    let Path((organization, event)) = named.map_err(|_| Problem::new(Code::ParameterWrong, "the address"))?;
    let wrong = |error: &dyn std::fmt::Display| Problem::new(Code::ParameterWrong, error.to_string());
    let at: (OrganizationId, EventId) =
        (organization.parse().map_err(|error| wrong(&error))?, event.parse().map_err(|error| wrong(&error))?);
    let (parts, _) = request.into_parts();
    let http::request::Parts { method, headers, extensions, .. } = parts;
    let presented = auth::present(&hub.asker.api, &method, &headers, None)?;
    presented.may(Act::CheckIn, &On::event(at.0, at.1))?;
    if hub.asker.api.door_counts(at).is_none() {
        return Err(Problem::new(Code::NotFound, "nothing is sold at this event"));
    }
    let leash = Leash::new(&hub, presented, extensions.get::<Stopping>().cloned(), Transport::Stream)?;
    let _counted = Counted::subscription(&hub.asker.figures);
    let passed = hub.asker.api.booking.passed();
    let open = Open { hub, at, leash, passed, told: None, over: false, _counted };
    let body = futures_util::stream::unfold(open, |mut open| async {
        let event = open.next().await?;
        Some((Ok::<_, Infallible>(event), open))
    });
    Ok((stream::headers(), Body::from_stream(body)).into_response())
}

impl Open {
    async fn next(&mut self) -> Option<Bytes> {
        let heartbeat = self.hub.asker.bounds.heartbeat;
        let silent_at = Instant::now() + heartbeat;
        while !self.over {
            self.passed.borrow_and_update();
            if let Some(event) = self.changed() {
                return Some(event);
            }
            tokio::select! {
                biased;
                ending = self.leash.ended() => {
                    self.over = true;
                    return matches!(ending, Ending::Revoked).then(stream::revoked);
                }
                () = tokio::time::sleep_until(silent_at) => return Some(Bytes::from_static(b":\n\n")),
                _ = self.passed.changed() => tokio::time::sleep(limits::DOORS_EVERY).await,
            }
        }
        None
    }

    /// The counts, when they are others than those that were told.
    fn changed(&mut self) -> Option<Bytes> {
        let api = &self.hub.asker.api;
        // What changes most often is something at the doors of another event.
        if self.told.is_some() && self.told == api.booking.door_changes(self.at) {
            return None;
        }
        let (changes, counts) = api.door_counts(self.at)?;
        self.told = Some(changes);
        let json = serde_json::to_string(&counts).expect("counts are JSON");
        Some(format!("event: counts\ndata: {json}\n\n").into())
    }
}
