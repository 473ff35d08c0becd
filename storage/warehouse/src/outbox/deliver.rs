//! Carries the outbox into the warehouse.

use std::sync::Arc;

use tokio::sync::watch;

use super::queue::{Outbox, OutboxError};
use crate::landing::Lander;

/// Hands landing epochs to the lander as they arrive and forgets them as they land, until `stop` turns true.
///
/// Runs as a task of its own: the dataflow only ever waits for the disk, never for the warehouse.
///
/// # Errors
/// The outbox's. The warehouse being down is none: the lander waits for it.
pub async fn deliver(outbox: Arc<Outbox>, lander: &Lander, mut stop: watch::Receiver<bool>) -> Result<(), OutboxError> {
    let mut progress = lander.progress();
    loop {
        if *stop.borrow_and_update() {
            return Ok(());
        }
        if let Some(landed) = progress.borrow_and_update().landed {
            outbox.acknowledge(landed)?;
        }
        match outbox.next_unsent()? {
            Some(entry) => {
                let epoch = entry.landing_epoch(outbox.tables()).map_err(|error| OutboxError::Damaged {
                    path: format!("{}", entry.newest),
                    reason: error.to_string(),
                })?;
                tokio::select! {
                    landed = lander.land(epoch) => if landed.is_err() { return Ok(()) },
                    _ = stop.changed() => {}
                }
            }
            None => tokio::select! {
                () = outbox.arrived.notified() => {}
                changed = progress.changed() => if changed.is_err() { return Ok(()) },
                _ = stop.changed() => {}
            },
        }
    }
}
