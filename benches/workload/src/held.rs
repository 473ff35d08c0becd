//! Records that arrive later than they happened, kept until the conference's clock reaches their arrival.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use records::{Record, Timestamp};

/// Late records by arrival. The records lie still in slots; only small entries move in the heap.
#[derive(Debug, Clone, Default)]
pub(crate) struct Held {
    order: BinaryHeap<Reverse<(Timestamp, u64, u32)>>,
    slots: Vec<Record>,
    free: Vec<u32>,
    count: u64,
}

impl Held {
    /// Keeps a record until `arrival`.
    pub(crate) fn keep(&mut self, arrival: Timestamp, record: Record) {
        self.count += 1;
        let slot = match self.free.pop() {
            Some(slot) => {
                self.slots[slot as usize] = record;
                slot
            }
            None => {
                self.slots.push(record);
                u32::try_from(self.slots.len() - 1).expect("memory ends before 2^32 records are held")
            }
        };
        self.order.push(Reverse((arrival, self.count, slot)));
    }

    /// The next arrival.
    pub(crate) fn next(&self) -> Option<Timestamp> {
        self.order.peek().map(|Reverse((arrival, ..))| *arrival)
    }

    /// Takes the next record with its arrival.
    pub(crate) fn take(&mut self) -> Option<(Timestamp, Record)> {
        let Reverse((arrival, _, slot)) = self.order.pop()?;
        self.free.push(slot);
        Some((arrival, std::mem::take(&mut self.slots[slot as usize])))
    }
}
