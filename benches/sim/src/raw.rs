//! Raw landing: the product's cursor over the log with its marks, and a warehouse that takes what it reads, or half of it.

use std::collections::BTreeMap;
use std::sync::Arc;

use dataflow::raw::{Marks, RawEpoch, RawSource};
use dataflow::retention::Landed;
use eventlog::disk::SimDisk;
use eventlog::{EventLog, FileLog, Offset};
use records::MessageId;
use workload::chance::Chance;

use crate::warehouse::Warehouse;

/// Where a raw record lies in the log, and which message it is.
pub(crate) type RawPlace = (u64, MessageId);

/// How far back a recovery may find chunks missing; the product rechecks 64 landing epochs.
const RECHECKED: u64 = 4;

/// Of 1,000 landing epochs, those that are marked.
const MARKED_PER_MILLE: u64 = 400;

/// What lands raw records; it ends with the process.
pub(crate) struct RawLanding {
    log: Arc<FileLog>,
    disk: SimDisk,
    marks: Marks,
    /// None before recovery, and after a failure on the way.
    source: Option<(RawSource, u64)>,
}

/// Why raw records do not land.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RawTrouble {
    #[error("raw source: {0}")]
    Source(#[from] dataflow::raw::RawError),
    #[error("marks of raw landing: {0}")]
    Marks(#[from] std::io::Error),
    #[error("{0}")]
    Wrong(String),
}

impl RawLanding {
    pub(crate) fn new(log: Arc<FileLog>, disk: SimDisk) -> Self {
        let marks = Marks::load(&disk, log.identity().incarnation.id);
        Self { log, disk, marks, source: None }
    }

    /// Lands at most so many landing epochs; returns whether there is none left that the sequencer has bound.
    pub(crate) fn land(&mut self, store: &mut Warehouse, most: u64, chance: &mut Chance) -> Result<bool, RawTrouble> {
        for _ in 0..most {
            let (mut source, landed) = match self.source.take() {
                Some(going) => going,
                None => self.recover(store, chance),
            };
            let Some(epoch) = source.next_epoch()? else {
                self.source = Some((source, landed));
                return Ok(true);
            };
            if epoch.number > landed && !take(store, &epoch, chance)? {
                // The process' lander would try the chunk again; starting over from the marks is the harder case.
                return Ok(false);
            }
            // The product marks each 32nd; runs are shorter than that, and any landing epoch may be one.
            if self.marks.wants(epoch.number) || self.marks_early(epoch.number, chance) {
                self.marks.remember(&self.disk, epoch.end)?;
            }
            self.source = Some((source, landed));
        }
        Ok(false)
    }

    /// Marks rise, so a landing epoch that comes again is not marked again.
    fn marks_early(&self, number: u64, chance: &mut Chance) -> bool {
        let newest = self.marks.at_most(u64::MAX).map_or(0, |mark| mark.number);
        number > newest && chance.per_mille(MARKED_PER_MILLE)
    }

    /// Where the log may be truncated, as far as landing goes: no recovery goes back behind it. None before anything is
    /// known to have landed for good.
    pub(crate) fn landed(&self, store: &Warehouse) -> Option<Landed> {
        let landed = store.raw_landed.checked_sub(RECHECKED)?;
        self.marks.at_most(landed).map(|mark| Landed {
            activity: mark.activity.iter().copied().map(Offset).collect(),
            bindings: Some(Offset(mark.system)),
        })
    }

    fn recover(&self, store: &Warehouse, chance: &mut Chance) -> (RawSource, u64) {
        let landed = store.raw_landed.saturating_sub(chance.below(RECHECKED));
        let log: Arc<dyn EventLog> = Arc::<FileLog>::clone(&self.log);
        (RawSource::new(log, self.marks.at_most(landed).cloned()).landed(landed), landed)
    }
}

/// Takes a landing epoch partition by partition, each as one block that comes again with the same rows.
fn take(store: &mut Warehouse, epoch: &RawEpoch, chance: &mut Chance) -> Result<bool, RawTrouble> {
    let mut parts = BTreeMap::<u16, Vec<RawPlace>>::new();
    for frame in &epoch.records {
        let places = frame.rows.iter().map(|row| (frame.first + u64::from(*row), frame.batch.message(*row as usize)));
        parts.entry(frame.partition).or_default().extend(places);
    }
    for (partition, places) in parts {
        if chance.per_mille(store.failing_per_mille) {
            return Ok(false);
        }
        let before = store.raw.entry((epoch.number, partition)).or_insert_with(|| places.clone());
        if *before != places {
            let what = format!("raw landing epoch {} came again with other rows", epoch.number);
            return Err(RawTrouble::Wrong(what));
        }
    }
    store.raw_landed = store.raw_landed.max(epoch.number);
    Ok(true)
}

/// Compares what landed with what counts in the log: every record once, and nothing else.
pub(crate) fn check(store: &Warehouse, counted: &BTreeMap<MessageId, u32>) -> Result<u64, String> {
    let mut places = BTreeMap::new();
    let mut messages = BTreeMap::<MessageId, u32>::new();
    for ((number, partition), rows) in &store.raw {
        for (offset, message) in rows {
            if let Some(before) = places.insert((*partition, *offset), *number) {
                return Err(format!("raw record {partition}/{offset} landed with {before} and with {number}"));
            }
            *messages.entry(*message).or_default() += 1;
        }
    }
    let mut all = counted.keys().chain(messages.keys());
    match all.find(|message| counted.get(message) != messages.get(message)) {
        None => Ok(places.len() as u64),
        Some(message) => Err(format!(
            "message {message} counts {:?} times and landed {:?} times",
            counted.get(message),
            messages.get(message)
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn raw_records_that_are_missing_or_doubled_are_found() {
        let message = MessageId(5);
        let counted = BTreeMap::from([(message, 1)]);
        let mut store = Warehouse::default();
        assert!(check(&store, &counted).unwrap_err().contains("landed None times"));
        store.raw.insert((1, 0), vec![(3, message)]);
        assert_eq!(check(&store, &counted), Ok(1));
        store.raw.insert((2, 0), vec![(3, message)]);
        assert!(check(&store, &counted).unwrap_err().contains("landed with 1 and with 2"));
    }
}
