//! The warehouse behind the product's outbox: chunks of the real tables arrive once, and answers get lost.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow_array::RecordBatch;
use eventlog::disk::SimDisk;
use warehouse::landing::{ChunkKey, LandingEpoch};
use warehouse::outbox::{Outbox, OutboxConfig, OutboxError, Unsent};
use warehouse::schema;
use workload::chance::Chance;

use crate::columns::Landed;
use crate::raw::RawPlace;

/// How far back a recovery may find chunks missing; the product rechecks 64 landing epochs.
const RECHECKED: u64 = 5;

/// What lies in the warehouse. It survives crashes: it is another machine.
#[derive(Debug, Default)]
pub(crate) struct Warehouse {
    /// By landing epoch first: the order in which newer rows replace older ones.
    chunks: BTreeMap<(u64, ChunkKey), (u64, RecordBatch)>,
    landed: Option<u64>,
    /// Raw records by landing epoch and partition.
    pub(crate) raw: BTreeMap<(u64, u16), Vec<RawPlace>>,
    pub(crate) raw_landed: u64,
    /// Of 1,000 tries, those that fail; half of them after the chunk has arrived.
    pub(crate) failing_per_mille: u64,
    /// Chunks that arrived again.
    pub(crate) again: u64,
    /// Landing epochs that had been merged in the outbox.
    pub(crate) merged: u64,
}

/// What carries the outbox into the warehouse; it ends with the process.
pub(crate) struct Delivery {
    pub(crate) outbox: Arc<Outbox>,
    under_way: Option<Unsent>,
    recovered: bool,
}

/// Why nothing was delivered.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DeliveryError {
    #[error("outbox: {0}")]
    Outbox(#[from] OutboxError),
    #[error("{0}")]
    Wrong(String),
}

impl Warehouse {
    /// What recovery says: how far landing is, or less, when chunks turn out to be missing.
    fn recover(&self, chance: &mut Chance) -> Option<u64> {
        self.landed.map(|landed| landed.saturating_sub(chance.below(RECHECKED)))
    }

    /// Takes one landing epoch, chunk by chunk; false when it failed on the way.
    fn land(&mut self, entry: &Unsent, epoch: &LandingEpoch, chance: &mut Chance) -> Result<bool, DeliveryError> {
        if epoch.chunks.len() != entry.parts.len() {
            return Err(DeliveryError::Wrong(format!("landing epoch {} has parts of many chunks", entry.newest)));
        }
        for (chunk, part) in epoch.chunks.iter().zip(&entry.parts) {
            let fails = chance.per_mille(self.failing_per_mille);
            if fails && chance.per_mille(500) {
                return Ok(false);
            }
            let place = (chunk.key.landing_epoch, chunk.key.clone());
            match self.chunks.get(&place) {
                None => _ = self.chunks.insert(place, (chunk.hash, part.batch.clone())),
                Some((hash, _)) if *hash == chunk.hash => self.again += 1,
                Some(_) => return Err(DeliveryError::Wrong(format!("chunk {:?} came with other rows", chunk.key))),
            }
            if fails {
                return Ok(false);
            }
        }
        self.merged += u64::from(entry.oldest != entry.newest);
        self.landed = self.landed.max(Some(entry.newest));
        Ok(true)
    }

    /// Everything that lies here, as queries see it.
    pub(crate) fn landed(&self) -> Result<Landed, String> {
        let mut landed = Landed::default();
        for ((_, key), (_, batch)) in &self.chunks {
            landed.add(&key.table, batch)?;
        }
        Ok(landed)
    }
}

impl Delivery {
    /// Opens the outbox as the process does: mostly with the warehouse's answer, sometimes while it is away.
    pub(crate) fn open(
        disk: &SimDisk,
        store: &Warehouse,
        chance: &mut Chance,
        config: OutboxConfig,
    ) -> Result<Self, OutboxError> {
        let recovered = chance.per_mille(700);
        let landed = if recovered { store.recover(chance) } else { None };
        let outbox = Outbox::open(Arc::new(disk.clone()), "outbox", schema::aggregate_tables(), config, landed)?;
        Ok(Self { outbox: Arc::new(outbox), under_way: None, recovered })
    }

    /// Delivers at most so many landing epochs; returns whether nothing is left.
    pub(crate) fn deliver(
        &mut self,
        store: &mut Warehouse,
        most: u64,
        chance: &mut Chance,
    ) -> Result<bool, DeliveryError> {
        if !self.recovered {
            if let Some(landed) = store.recover(chance) {
                self.outbox.acknowledge(landed)?;
            }
            self.recovered = true;
        }
        for _ in 0..most {
            if self.under_way.is_none() {
                self.under_way = self.outbox.next_unsent()?;
            }
            let Some(entry) = &self.under_way else { return Ok(true) };
            let epoch = entry
                .landing_epoch(self.outbox.tables())
                .map_err(|error| DeliveryError::Wrong(format!("cutting: {error}")))?;
            if !store.land(entry, &epoch, chance)? {
                return Ok(false);
            }
            let landed = entry.newest;
            self.under_way = None;
            // Acknowledgements may lag: a crash in between hands the epoch out again.
            if chance.per_mille(700) {
                self.outbox.acknowledge(landed)?;
            }
        }
        Ok(false)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_array::{ArrayRef, RecordBatch, StringArray, TimestampMicrosecondArray, UInt64Array};
    use records::{OrganizationId, SegmentId, Token};
    use views::segments::VisitorKey;
    use warehouse::outbox::Part;
    use warehouse::schema;

    use super::*;

    fn segment_change(number: u64) -> Part {
        let text = |text: &str| Arc::new(StringArray::from(vec![text])) as ArrayRef;
        let number_of = |number| Arc::new(UInt64Array::from(vec![number])) as ArrayRef;
        let at = Arc::new(TimestampMicrosecondArray::from(vec![5]).with_timezone("UTC"));
        let change = text(if number.is_multiple_of(2) { "left" } else { "joined" });
        let columns = vec![text("acme"), text("regulars"), number_of(3), change, at, number_of(number)];
        let table = schema::segment_changes();
        let batch = RecordBatch::try_new(table.arrow_schema().unwrap(), columns).unwrap();
        Part { table: table.stored_name(), shard: 0, batch }
    }

    #[test]
    fn what_lies_here_is_read_back_by_its_columns() {
        let mut store = Warehouse::default();
        for number in [1, 2] {
            let entry = Unsent { oldest: number, newest: number, parts: vec![segment_change(number)] };
            let epoch = entry.landing_epoch(&schema::aggregate_tables()).unwrap();
            assert!(store.land(&entry, &epoch, &mut Chance::new(1)).unwrap());
        }
        let visitor = VisitorKey { organization: OrganizationId::parse("acme").unwrap(), actor: Token(3) };
        let key = (visitor, SegmentId::parse("regulars").unwrap());
        let landed = store.landed().unwrap();
        assert_eq!((landed.segments.get(&key), landed.rows), (Some(&(2, false)), 2));
    }

    #[test]
    fn a_chunk_that_comes_with_other_rows_is_found() {
        let mut store = Warehouse::default();
        let mut land = |number| {
            let entry = Unsent { oldest: 1, newest: 1, parts: vec![segment_change(number)] };
            let epoch = entry.landing_epoch(&schema::aggregate_tables()).unwrap();
            store.land(&entry, &epoch, &mut Chance::new(1))
        };
        assert!(land(1).is_ok() && land(1).is_ok());
        assert!(land(2).unwrap_err().to_string().ends_with("came with other rows"));
    }
}
