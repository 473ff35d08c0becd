//! Snapshots that are made beside the writer: of the one before and the log, on a thread of their own, while it decides.
//!
//! Encoding what a writer decides on would stop it for as long as that takes, hundreds of milliseconds where a box office
//! has sold a hundred thousand orders. So somebody else folds the same facts again; nothing is shared but the log.

use std::sync::Arc;
use std::thread::JoinHandle;

use eventlog::{Lane, Offset, PartitionId, ReadLimits};
use rules::Domain;

use crate::handle::Parts;
use crate::seat::Trouble;
use crate::snapshot;

/// How far the thread steps back behind others: nobody waits for a snapshot, everybody waits for the processor.
const NICE: i32 = 10;

/// Makes the snapshots of one partition, one at a time.
#[derive(Debug, Default)]
pub(crate) struct Keeper(Option<JoinHandle<Result<u64, Trouble>>>);

impl Keeper {
    /// Whether one is being made.
    pub(crate) fn is_busy(&self) -> bool {
        self.0.is_some()
    }

    /// The bytes of one that was finished since the last question.
    pub(crate) fn finished(&mut self) -> Option<u64> {
        self.0.take_if(|thread| thread.is_finished()).and_then(ended)
    }

    /// Waits for the one that is being made.
    pub(crate) fn wait(&mut self) -> Option<u64> {
        self.0.take().and_then(ended)
    }

    /// Begins one of everything before `until`, which is durable.
    pub(crate) fn begin<D: Domain>(&mut self, parts: &Parts, partition: PartitionId, until: Offset) {
        let parts = parts.clone();
        let thread = std::thread::Builder::new().name(format!("desk-{partition}-snap"));
        let begun = thread.spawn(move || {
            if let Err(error) = rustix::process::setpriority_process(rustix::thread::gettid().into(), NICE) {
                tracing::debug!(%error, "the thread of snapshots keeps its priority");
            }
            make::<D>(&parts, partition, until)
        });
        match begun {
            Ok(thread) => self.0 = Some(thread),
            Err(error) => tracing::warn!(%error, %partition, "no thread for a snapshot of the desk"),
        }
    }
}

fn ended(thread: JoinHandle<Result<u64, Trouble>>) -> Option<u64> {
    match thread.join() {
        Ok(Ok(bytes)) => Some(bytes),
        // The log has everything: without a snapshot the next start reads more.
        Ok(Err(trouble)) => {
            tracing::warn!(%trouble, "no snapshot of the desk");
            None
        }
        Err(_) => {
            tracing::error!("making a snapshot of the desk has panicked");
            None
        }
    }
}

/// Folds what came after the newest snapshot, and writes the next one; returns how many bytes it has.
fn make<D: Domain>(parts: &Parts, partition: PartitionId, until: Offset) -> Result<u64, Trouble> {
    let (log, incarnation) = (Arc::clone(&parts.log), parts.log.identity().incarnation);
    let start = log.starts(Lane::Facts)[partition.index()];
    let mut state = snapshot::load_within::<D>(&*parts.disk, incarnation, partition, start..=until);
    while state.next < until {
        let frames = log.read(Lane::Facts, partition, state.next, ReadLimits::default())?;
        if frames.is_empty() {
            break;
        }
        for frame in frames.iter().filter(|frame| frame.first < until) {
            state.take_frame(partition, frame, &crate::seat::rows_of(frame)?)?;
        }
    }
    Ok(snapshot::save(&*parts.disk, incarnation, partition, &state)?)
}
