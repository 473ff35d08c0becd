//! The warehouse as the dataflow sees it: it takes landing epochs, or fails before or after taking one.

use std::collections::BTreeMap;
use std::sync::Arc;

use dataflow::landing::{LandingEpoch, Sink, SinkError};
use dataflow::twin::Landed;
use parking_lot::Mutex;
use warehouse::outbox::Outbox;
use workload::chance::Chance;

use crate::state::Rows;
use crate::warehouse::parts;

/// What has landed. It survives crashes of the machine: it is another one.
#[derive(Debug, Default)]
pub(crate) struct Store {
    landed: BTreeMap<u64, Rows>,
    /// Those that are told minute by minute, hour by hour, and of funnels.
    pub(crate) told: Landed,
    /// Of 1,000 tries, those that fail; half of those failures come after the rows were kept.
    pub(crate) failing_per_mille: u64,
    /// What was wrong with an epoch that came.
    pub(crate) complaint: Option<String>,
    /// How many epochs came again.
    pub(crate) again: u64,
}

impl Store {
    /// Everything that has landed, epoch by epoch.
    pub(crate) fn landed(&self) -> impl Iterator<Item = &Rows> {
        self.landed.values()
    }

    /// How many landing epochs have landed.
    pub(crate) fn len(&self) -> u64 {
        self.landed.len() as u64
    }

    /// Keeps an epoch unless it is there; one that comes again must be the same, row by row.
    fn keep(&mut self, epoch: &LandingEpoch) {
        let rows = Rows::of(epoch);
        if epoch.first != epoch.number {
            self.complaint.get_or_insert(format!("landing epochs {}..={} were merged", epoch.first, epoch.number));
        }
        let next = self.landed.last_key_value().map_or(1, |(newest, _)| newest + 1);
        if epoch.number > next {
            self.complaint.get_or_insert(format!("landing epoch {} came, {next} is missing", epoch.number));
        }
        self.told.take(epoch);
        match self.landed.get(&epoch.number) {
            None => _ = self.landed.insert(epoch.number, rows),
            Some(before) if *before == rows => self.again += 1,
            Some(before) => {
                let what = before.difference(&rows);
                self.complaint
                    .get_or_insert(format!("landing epoch {} came again with other rows: {what}", epoch.number));
            }
        }
    }
}

/// A sink into the store and the outbox, when there is one, with failures of its own.
pub(crate) fn sink(store: Arc<Mutex<Store>>, outbox: Option<Arc<Outbox>>, mut chance: Chance) -> Sink {
    Box::new(move |epoch| {
        let mut store = store.lock();
        let fails = chance.per_mille(store.failing_per_mille);
        if fails && chance.per_mille(500) {
            return Err(SinkError("the warehouse is away".into()));
        }
        store.keep(epoch);
        if let Some(outbox) = &outbox {
            let put = outbox.put_range(epoch.first, epoch.number, parts(&Rows::of(epoch)));
            put.map_err(|error| SinkError(error.to_string()))?;
        }
        if fails {
            // It was kept, but the answer got lost: the same epoch comes again.
            return Err(SinkError("the answer of the warehouse got lost".into()));
        }
        Ok(epoch.number)
    })
}
