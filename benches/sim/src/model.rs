//! What senders know: which records were acknowledged, and what they will send again.

use std::collections::{BTreeMap, BTreeSet};

use records::{MessageId, Record};

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

    /// Compares with what the log says counts: nothing acknowledged is missing, nothing is there twice or unsent. Those
    /// that are excused may count again.
    pub(crate) fn check(
        &self,
        counted: &BTreeMap<MessageId, u32>,
        excused: &BTreeSet<MessageId>,
    ) -> Result<(), String> {
        if let Some(lost) = self.acknowledged.iter().find(|message| !counted.contains_key(message)) {
            return Err(format!("message {lost} was acknowledged and is lost"));
        }
        let twice = |(message, times): &(&MessageId, &u32)| **times > 1 && !excused.contains(*message);
        if let Some((message, times)) = counted.iter().find(twice) {
            return Err(format!("message {message} counts {times} times"));
        }
        match counted.keys().find(|message| !self.sent.contains(message)) {
            Some(stray) => Err(format!("message {stray} was never sent")),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn model(acknowledged: u128, in_doubt: u128) -> Model {
        let of = |id| vec![Record { message: MessageId(id), ..Record::default() }];
        let mut model = Model::default();
        model.sends(&of(acknowledged));
        model.sends(&of(in_doubt));
        model.acknowledged(of(acknowledged));
        model
    }

    #[test]
    fn lost_doubled_and_stray_messages_are_found() {
        let counted = |list: &[(u128, u32)]| list.iter().map(|(id, times)| (MessageId(*id), *times)).collect();
        let says = |list| model(1, 2).check(&counted(list), &BTreeSet::new()).err().unwrap_or_default();
        assert!(says(&[(2, 1)]).ends_with("was acknowledged and is lost"));
        assert!(says(&[(1, 2)]).ends_with("counts 2 times"));
        assert!(says(&[(1, 1), (3, 1)]).ends_with("was never sent"));
        assert_eq!(model(1, 2).check(&counted(&[(1, 2)]), &BTreeSet::from([MessageId(1)])), Ok(()));
        assert_eq!(says(&[(1, 1)]), "", "whatever is in doubt may be missing");
        assert_eq!(says(&[(1, 1), (2, 1)]), "");
    }
}
