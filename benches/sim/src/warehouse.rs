//! The warehouse behind the product's outbox: chunks of the real tables arrive once, and answers get lost.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arrow_array::RecordBatch;
use eventlog::disk::SimDisk;
use eventlog::{EventLog, FileLog, Lane};
use warehouse::landing::{ChunkKey, Filled, Found, LandingEpoch};
use warehouse::outbox::{Answer, Intake, IntakeError, Outbox, OutboxConfig, OutboxError, Queue, Source, Unsent};
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
    /// Stored tables of which landed rows are on record, whatever has become of them.
    recorded: BTreeSet<String>,
    /// The newest fill of each stored table, and how far each fill has landed.
    fills: BTreeMap<String, Filled>,
    fills_landed: BTreeMap<u32, u64>,
    /// Tables that were dropped, and those that were filled again.
    pub(crate) tables_dropped: u64,
    pub(crate) tables_filled: u64,
}

/// What carries the outbox, and a fill beside it, into the warehouse; it ends with the process.
pub(crate) struct Delivery {
    pub(crate) intake: Arc<Intake>,
    under_way: Option<Unsent>,
    fill_under_way: Option<Unsent>,
    recovered: bool,
    /// Tables turned out to lack rows: nothing lands before the next start.
    lost: bool,
}

/// Why nothing was delivered.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DeliveryError {
    #[error("outbox: {0}")]
    Outbox(#[from] OutboxError),
    #[error("intake: {0}")]
    Intake(#[from] IntakeError),
    #[error("{0}")]
    Wrong(String),
}

impl Warehouse {
    /// What recovery says: how far landing is, or less, when chunks turn out to be missing.
    fn recover(&self, chance: &mut Chance) -> Option<u64> {
        self.landed.map(|landed| landed.saturating_sub(chance.below(RECHECKED)))
    }

    /// Everything that an intake asks.
    fn answer(&self, chance: &mut Chance) -> Answer {
        let holds = |stored: &String| self.chunks.keys().any(|(_, key)| key.table == *stored);
        let lost = self.recorded.iter().filter(|stored| !holds(stored)).cloned().collect();
        let (landed, recorded, fills) = (self.landed, self.recorded.clone(), self.fills.clone());
        let found = Found { landed, recorded, lost, fills };
        Answer { found, landed: self.recover(chance), fills: self.fills_landed.clone() }
    }

    /// Somebody drops a table that has rows, if there is one.
    pub(crate) fn drop_a_table(&mut self, chance: &mut Chance) {
        let tables: BTreeSet<String> = self.chunks.keys().map(|(_, key)| key.table.clone()).collect();
        if let Some(table) = tables.iter().nth(chance.below(tables.len().max(1) as u64) as usize) {
            self.chunks.retain(|(_, key), _| key.table != *table);
            self.tables_dropped += 1;
        }
    }

    /// Takes everything out of a fill's tables that it is going to bring.
    fn clear(&mut self, fill: &Queue) {
        for (table, after) in &fill.after {
            self.chunks.retain(|(number, key), _| key.table != *table || number <= after);
            if *after == 0 {
                self.recorded.remove(table);
            }
            self.fills.insert(table.clone(), Filled { round: fill.round, through: fill.through, done: false });
        }
    }

    /// Takes one landing epoch, chunk by chunk; false when it failed on the way.
    fn land(&mut self, entry: &Unsent, epoch: &LandingEpoch, chance: &mut Chance) -> Result<bool, DeliveryError> {
        let whole = self.take(entry, epoch, chance)?;
        if whole {
            self.landed = self.landed.max(Some(entry.newest));
        }
        Ok(whole)
    }

    fn take(&mut self, entry: &Unsent, epoch: &LandingEpoch, chance: &mut Chance) -> Result<bool, DeliveryError> {
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
            if part.batch.num_rows() > 0 {
                self.recorded.insert(part.table.clone());
            }
            if fails {
                return Ok(false);
            }
        }
        self.merged += u64::from(entry.oldest != entry.newest);
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
        log: &FileLog,
        store: &mut Warehouse,
        chance: &mut Chance,
        config: OutboxConfig,
        sure: bool,
    ) -> Result<Self, IntakeError> {
        let recovered = chance.per_mille(700) || sure;
        let answer = recovered.then(|| store.answer(chance));
        let source = Source {
            disk: Arc::new(disk.clone()),
            directory: "outbox".into(),
            migrated: Vec::new(),
            tables: schema::aggregate_tables(),
            config,
            table_set: "views".into(),
            incarnation: log.identity().incarnation.id,
            whole_log: log.starts(Lane::Activity).iter().all(|start| start.0 == 0),
        };
        let intake = Arc::new(Intake::open_with(source, answer.as_ref())?);
        let this = Self { intake, under_way: None, fill_under_way: None, recovered, lost: false };
        if recovered {
            this.clear(store)?;
        }
        Ok(this)
    }

    /// Brings the warehouse to where a fill begins.
    fn clear(&self, store: &mut Warehouse) -> Result<(), IntakeError> {
        match self.intake.queue().filter(|_| self.intake.to_clear()) {
            Some(fill) => {
                store.clear(&fill);
                self.intake.cleared()
            }
            None => Ok(()),
        }
    }

    /// Asks a warehouse that was away; false when tables lack rows that only a start can fill.
    fn arrive(&mut self, store: &mut Warehouse, chance: &mut Chance) -> Result<bool, DeliveryError> {
        if !self.recovered {
            let answer = store.answer(chance);
            self.lost = !self.intake.holds(&answer)?;
            self.recovered = true;
            if !self.lost {
                self.clear(store)?;
                if let Some(landed) = answer.landed {
                    self.intake.outbox().acknowledge(landed)?;
                }
            }
        }
        Ok(!self.lost)
    }

    /// Delivers at most so many landing epochs; returns whether nothing is left.
    pub(crate) fn deliver(
        &mut self,
        store: &mut Warehouse,
        most: u64,
        chance: &mut Chance,
    ) -> Result<bool, DeliveryError> {
        if !self.arrive(store, chance)? {
            return Ok(false);
        }
        let whole = self.deliver_rows(store, most, chance)?;
        Ok(self.deliver_fill(store, most, chance)? && whole)
    }

    fn deliver_rows(&mut self, store: &mut Warehouse, most: u64, chance: &mut Chance) -> Result<bool, DeliveryError> {
        let outbox = self.intake.outbox();
        for _ in 0..most {
            let Some((entry, epoch)) = next(outbox, &mut self.under_way)? else { return Ok(true) };
            if !store.land(entry, &epoch, chance)? {
                return Ok(false);
            }
            let landed = entry.newest;
            self.under_way = None;
            // Acknowledgements may lag: a crash in between hands the epoch out again.
            if chance.per_mille(700) {
                outbox.acknowledge(landed)?;
            }
        }
        Ok(false)
    }

    /// The same for the queue of a fill; when all of it has landed, its tables are whole.
    fn deliver_fill(&mut self, store: &mut Warehouse, most: u64, chance: &mut Chance) -> Result<bool, DeliveryError> {
        let Some(fill) = self.intake.queue() else { return Ok(true) };
        for _ in 0..most {
            if store.fills_landed.get(&fill.round).is_some_and(|landed| *landed >= fill.through) {
                for filled in store.fills.values_mut().filter(|filled| filled.round == fill.round) {
                    filled.done = true;
                }
                self.fill_under_way = None;
                store.tables_filled += fill.after.len() as u64;
                self.intake.finish()?;
                return Ok(true);
            }
            let Some((entry, epoch)) = next(&fill.outbox, &mut self.fill_under_way)? else { return Ok(false) };
            if !store.take(entry, &epoch, chance)? {
                return Ok(false);
            }
            let landed = store.fills_landed.entry(fill.round).or_default();
            *landed = entry.newest.max(*landed);
            fill.outbox.acknowledge(entry.newest)?;
            self.fill_under_way = None;
        }
        Ok(false)
    }
}

/// The landing epoch that is under way, or the next one of a queue.
fn next<'a>(
    outbox: &Outbox,
    under_way: &'a mut Option<Unsent>,
) -> Result<Option<(&'a Unsent, LandingEpoch)>, DeliveryError> {
    if under_way.is_none() {
        *under_way = outbox.next_unsent()?;
    }
    let Some(entry) = under_way else { return Ok(None) };
    let cut = entry.landing_epoch(outbox.tables());
    Ok(Some((entry, cut.map_err(|error| DeliveryError::Wrong(format!("cutting: {error}")))?)))
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
