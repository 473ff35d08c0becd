//! What senders know: which records were acknowledged, and what they will send again.

use std::collections::{BTreeMap, BTreeSet};

use records::{Batch, MessageId, Record};

/// The senders' side of the log.
#[derive(Debug, Default)]
pub(crate) struct Model {
    /// Every message that was ever sent.
    pub(crate) sent: BTreeSet<MessageId>,
    /// Every message whose append was acknowledged.
    pub(crate) acknowledged: BTreeSet<MessageId>,
    /// Batches whose append failed: whoever sends them does not know whether they are in the log.
    pub(crate) in_doubt: Vec<Vec<Record>>,
    /// Some acknowledged batches, for senders that repeat themselves.
    pub(crate) remembered: Vec<Vec<Record>>,
}

/// Batches that are kept for repeating.
const REMEMBERED_MAX: usize = 8;

impl Model {
    pub(crate) fn sends(&mut self, batch: &[Record]) {
        self.sent.extend(batch.iter().map(|record| record.message));
    }

    pub(crate) fn acknowledged(&mut self, batch: Vec<Record>) {
        self.acknowledged.extend(batch.iter().map(|record| record.message));
        if self.remembered.len() == REMEMBERED_MAX {
            self.remembered.remove(0);
        }
        self.remembered.push(batch);
    }

    /// Compares with what the log says counts: nothing acknowledged is missing, nothing is there twice or unsent.
    pub(crate) fn check(&self, counted: &BTreeMap<MessageId, u32>) -> Result<(), String> {
        if let Some(lost) = self.acknowledged.iter().find(|message| !counted.contains_key(message)) {
            return Err(format!("message {lost} was acknowledged and is lost"));
        }
        if let Some((message, times)) = counted.iter().find(|(_, times)| **times > 1) {
            return Err(format!("message {message} counts {times} times"));
        }
        match counted.keys().find(|message| !self.sent.contains(message)) {
            Some(stray) => Err(format!("message {stray} was never sent")),
            None => Ok(()),
        }
    }
}

/// Splits records into frames by partition, as the door does: whatever has the same actor stays in order.
pub(crate) fn by_partition(records: &[Record], partitions: u16) -> BTreeMap<u16, Batch> {
    let mut parts = BTreeMap::<u16, Vec<Record>>::new();
    for record in records {
        let who = if record.actor.is_some() { record.actor } else { record.device };
        let hash = records::hash::join(records::hash::wide(record.organization.0), who.0);
        parts.entry((hash % u64::from(partitions)) as u16).or_default().push(record.clone());
    }
    parts.into_iter().map(|(partition, records)| (partition, Batch::from_records(&records))).collect()
}
