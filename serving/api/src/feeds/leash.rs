//! What holds an open feed: its place, the key that let it in, the server that is to stop, and the longest life.

use std::sync::Arc;

use tokio::sync::watch;
use tokio::time::Instant;

use super::hub::{Hub, Place, Transport};
use crate::keys::{KeyRing, Principal};
use crate::problem::Problem;
use crate::server::Stopping;

/// Why a feed is ended by the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ending {
    /// The key may not be used any more.
    Revoked,
    /// The server stops.
    Stopping,
    /// It has been open for as long as it may.
    Old,
}

/// Holds an open connection.
pub(super) struct Leash {
    ring: Arc<KeyRing>,
    keys: watch::Receiver<u64>,
    principal: Principal,
    stopping: Option<Stopping>,
    until: Instant,
    place: Place,
}

impl Leash {
    /// Takes a place for a connection.
    ///
    /// # Errors
    /// As [`Hub::place`].
    pub(super) fn new(
        hub: &Hub,
        principal: Principal,
        stopping: Option<Stopping>,
        transport: Transport,
    ) -> Result<Self, Problem> {
        let place = hub.place(&principal, transport)?;
        let ring = Arc::clone(&hub.asker.api.keys);
        let (keys, until) = (ring.changes(), Instant::now() + hub.asker.bounds.lifetime);
        Ok(Self { ring, keys, principal, stopping, until, place })
    }

    /// The connection's number: how many came before it.
    pub(super) fn number(&self) -> u64 {
        self.place.number
    }

    /// Ends when the connection must. May be dropped and asked again.
    pub(super) async fn ended(&mut self) -> Ending {
        loop {
            // Also the first time: the key may have been revoked between the request and this.
            self.keys.borrow_and_update();
            if !self.ring.holds(&self.principal) {
                return Ending::Revoked;
            }
            let stop = async {
                match &mut self.stopping {
                    // A server that is gone has stopped too.
                    Some(Stopping(stopping)) => drop(stopping.wait_for(|stop| *stop).await),
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                _ = self.keys.changed() => {}
                () = stop => return Ending::Stopping,
                () = tokio::time::sleep_until(self.until) => return Ending::Old,
            }
        }
    }
}
