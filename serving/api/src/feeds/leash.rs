//! What holds an open feed: its place, the key or login that let it in, the server that is to stop, and the longest life.

use std::pin::Pin;

use tokio::time::Instant;

use super::hub::{Hub, Place, Transport};
use crate::auth::Presented;
use crate::problem::Problem;
use crate::server::Stopping;
use crate::{Api, limits};

/// Why a feed is ended by the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ending {
    /// The key or login does not hold any more.
    Revoked,
    /// Who was let in may do other things now: whether this too is decided when they come back.
    Changed,
    /// The server stops.
    Stopping,
    /// It has been open for as long as it may.
    Old,
}

/// Holds an open connection.
pub(super) struct Leash {
    // Made once and kept: whoever waits for a message and for this would else take the locks of all that it waits for
    // anew with each message. Boxed, because the wait is looked at where it lies.
    ending: Pin<Box<dyn Future<Output = Ending> + Send + Sync>>,
    place: Place,
}

impl Leash {
    /// Takes a place for a connection.
    ///
    /// # Errors
    /// As [`Hub::place`].
    pub(super) fn new(
        hub: &Hub,
        presented: Presented,
        stopping: Option<Stopping>,
        transport: Transport,
    ) -> Result<Self, Problem> {
        let place = hub.place(&presented, transport)?;
        let until = Instant::now() + hub.asker.bounds.lifetime;
        let ending = Box::pin(ending(hub.asker.api.clone(), presented, stopping, until));
        Ok(Self { ending, place })
    }

    /// The connection's number: how many came before it.
    pub(super) fn number(&self) -> u64 {
        self.place.number
    }

    /// Ends when the connection must. May be dropped and asked again, until it has ended.
    pub(super) async fn ended(&mut self) -> Ending {
        self.ending.as_mut().await
    }
}

async fn ending(api: Api, presented: Presented, stopping: Option<Stopping>, until: Instant) -> Ending {
    let mut changes = api.callers.changes();
    let stop = async {
        match stopping {
            // A server that is gone has stopped too.
            Some(Stopping(mut stopping)) => drop(stopping.wait_for(|stop| *stop).await),
            None => std::future::pending().await,
        }
    };
    let mut stop = std::pin::pin!(stop);
    loop {
        // Also the first time: the key may have been revoked between the request and this.
        changes.borrow_and_update();
        if let Some(ending) = lost(&api, &presented) {
            return ending;
        }
        let again = until.min(Instant::now() + limits::CALLER_LOOKED_UP_EVERY);
        tokio::select! {
            _ = changes.changed() => {}
            () = &mut stop => return Ending::Stopping,
            () = tokio::time::sleep_until(again) => if again == until { return Ending::Old },
        }
    }
}

/// What became of who was let in.
fn lost(api: &Api, presented: &Presented) -> Option<Ending> {
    let now = api.clock.now();
    let known = presented.secret.and_then(|secret| api.callers.principal(&secret, now));
    match known {
        None => Some(Ending::Revoked),
        Some(known) if known != presented.principal => Some(Ending::Changed),
        Some(_) => None,
    }
}
