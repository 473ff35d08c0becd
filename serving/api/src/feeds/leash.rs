//! What holds an open feed: its place, the key or login that let it in, the server that is to stop, and the longest life.

use std::pin::Pin;

use tokio::sync::watch;
use tokio::time::{Instant, Sleep};

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
    api: Api,
    changes: watch::Receiver<u64>,
    presented: Presented,
    stopping: Option<Stopping>,
    // Kept, not made anew whenever this is asked: that would take the timer's lock twice for each message.
    old: Pin<Box<Sleep>>,
    // When the key or login was last looked up: it may also end with time alone.
    looked: Option<Instant>,
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
        let api = hub.asker.api.clone();
        let (changes, old) = (api.callers.changes(), Box::pin(tokio::time::sleep(hub.asker.bounds.lifetime)));
        Ok(Self { api, changes, presented, stopping, old, looked: None, place })
    }

    /// The connection's number: how many came before it.
    pub(super) fn number(&self) -> u64 {
        self.place.number
    }

    /// What became of who was let in.
    fn lost(&self) -> Option<Ending> {
        let now = self.api.clock.now();
        let known = self.presented.secret.and_then(|secret| self.api.callers.principal(&secret, now));
        match known {
            None => Some(Ending::Revoked),
            Some(known) if known != self.presented.principal => Some(Ending::Changed),
            Some(_) => None,
        }
    }

    /// Ends when the connection must. May be dropped and asked again.
    pub(super) async fn ended(&mut self) -> Ending {
        loop {
            // Also the first time: the key may have been revoked between the request and this.
            let known = self.looked.is_some_and(|looked| looked.elapsed() < limits::CALLER_LOOKED_UP_EVERY);
            if !known || self.changes.has_changed().unwrap_or(true) {
                self.changes.borrow_and_update();
                if let Some(ending) = self.lost() {
                    return ending;
                }
                self.looked = Some(Instant::now());
            }
            let stop = async {
                match &mut self.stopping {
                    // A server that is gone has stopped too.
                    Some(Stopping(stopping)) => drop(stopping.wait_for(|stop| *stop).await),
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                _ = self.changes.changed() => {}
                () = stop => return Ending::Stopping,
                () = &mut self.old => return Ending::Old,
            }
        }
    }
}
