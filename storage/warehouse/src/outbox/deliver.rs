//! Carries the outbox into the warehouse.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use super::queue::{Outbox, OutboxError};
use crate::backoff::Backoff;
use crate::landing::{Lander, LandingEpoch};

/// A disk that fails is tried again this soon at first, and this often at last.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// Hands landing epochs to the lander as they arrive and forgets them as they land, until `stop` turns true or the lander
/// stops.
///
/// Runs as a task of its own: the dataflow only ever waits for the disk, never for the warehouse. The warehouse being down
/// is no failure: the lander waits for it. A disk that fails is tried again for ever; the lander's progress names it.
pub async fn deliver(outbox: Arc<Outbox>, lander: &Lander, mut stop: watch::Receiver<bool>) {
    let mut progress = lander.progress();
    let mut backoff = Backoff::new(FIRST_PAUSE, LONGEST_PAUSE);
    let mut failing = false;
    loop {
        if *stop.borrow_and_update() {
            return;
        }
        let landed = progress.borrow_and_update().landed;
        let epoch = match next(&outbox, landed) {
            Ok(epoch) => epoch,
            Err(error) => {
                tracing::error!(%error, "the outbox cannot be read; rows of views wait, and it is tried again");
                lander.note(Some(error.to_string()));
                failing = true;
                tokio::select! {
                    () = backoff.pause() => {}
                    _ = stop.changed() => {}
                }
                continue;
            }
        };
        if std::mem::take(&mut failing) {
            lander.note(None);
            backoff = Backoff::new(FIRST_PAUSE, LONGEST_PAUSE);
        }
        match epoch {
            // Taken out of the outbox, so it must be handed over: only a stop leaves it for the next start.
            Some(epoch) => tokio::select! {
                landed = lander.land(epoch) => if landed.is_err() { return },
                _ = stop.changed() => return,
            },
            None => tokio::select! {
                () = outbox.arrived.notified() => {}
                changed = progress.changed() => if changed.is_err() { return },
                _ = stop.changed() => {}
            },
        }
    }
}

/// Forgets what has landed, and takes out the next landing epoch.
fn next(outbox: &Outbox, landed: Option<u64>) -> Result<Option<LandingEpoch>, OutboxError> {
    if let Some(landed) = landed {
        outbox.acknowledge(landed)?;
    }
    let Some(entry) = outbox.next_unsent()? else { return Ok(None) };
    let cut = entry.landing_epoch(outbox.tables());
    cut.map(Some).map_err(|error| {
        outbox.take_back(&entry);
        OutboxError::Damaged { path: format!("{}", entry.newest), reason: error.to_string() }
    })
}
