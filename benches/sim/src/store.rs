//! What the dataflow told the warehouse: it takes landing epochs, or fails before or after taking one.

use std::collections::BTreeMap;
use std::sync::Arc;

use dataflow::aggregates;
use dataflow::landing::{LandingEpoch, Sink, SinkError};
use parking_lot::Mutex;
use records::Timestamp;
use warehouse::outbox::{Intake, Part};
use workload::chance::Chance;

/// One landing epoch: its rows as batches of their tables, and where the activity partitions ended.
#[derive(Debug, PartialEq)]
struct Told {
    epoch: u64,
    bound: Timestamp,
    parts: Vec<Part>,
    raw: Vec<(u16, u64)>,
}

/// What was told. It survives crashes of the machine: it is another one.
#[derive(Debug, Default)]
pub(crate) struct Store {
    told: BTreeMap<u64, Told>,
    /// Of 1,000 tries, those that fail; half of those failures come after the rows were kept.
    pub(crate) failing_per_mille: u64,
    /// What was wrong with an epoch that came.
    pub(crate) complaint: Option<String>,
    /// How many epochs came again.
    pub(crate) again: u64,
}

impl Store {
    /// Everything that was told, landing epoch by landing epoch.
    pub(crate) fn told(&self) -> impl Iterator<Item = &Part> {
        self.told.values().flat_map(|told| &told.parts)
    }

    /// The log time up to which everything was told.
    pub(crate) fn bound(&self) -> Timestamp {
        self.told.last_key_value().map_or(Timestamp::MIN, |(_, told)| told.bound)
    }

    /// The log time up to which a view has told everything that took part in no epoch from `since` on.
    pub(crate) fn bound_before(&self, since: u64) -> Timestamp {
        let before = self.told.values().rfind(|told| told.epoch < since);
        before.map_or(Timestamp::MIN, |told| told.bound)
    }

    /// How many landing epochs there were.
    pub(crate) fn len(&self) -> u64 {
        self.told.len() as u64
    }

    /// Keeps an epoch unless it is there; one that comes again must be the same, row by row.
    fn keep(&mut self, epoch: &LandingEpoch, parts: &[Part]) {
        let raw = epoch.raw.iter().map(|end| (end.partition.0, end.end.0)).collect();
        let told = Told { epoch: epoch.epoch, bound: epoch.bound, parts: parts.to_vec(), raw };
        if epoch.first != epoch.number {
            self.complain(format!("landing epochs {}..={} were merged", epoch.first, epoch.number));
        }
        let next = self.told.last_key_value().map_or(1, |(newest, _)| newest + 1);
        if epoch.number > next {
            self.complain(format!("landing epoch {} came, {next} is missing", epoch.number));
        }
        match self.told.get(&epoch.number) {
            None => _ = self.told.insert(epoch.number, told),
            Some(before) if *before == told => self.again += 1,
            Some(before) => {
                let what = before.difference(&told);
                self.complain(format!("landing epoch {} came again with other rows: {what}", epoch.number));
            }
        }
    }

    fn complain(&mut self, what: String) {
        self.complaint.get_or_insert(what);
    }
}

impl Told {
    /// The first table whose rows differ.
    fn difference(&self, now: &Self) -> String {
        let places = 0..self.parts.len().max(now.parts.len());
        match places.map(|place| (self.parts.get(place), now.parts.get(place))).find(|(before, now)| before != now) {
            Some((before, now)) => format!("{before:?} then {now:?}"),
            None => format!("up to {} and {:?}, then {} and {:?}", self.bound, self.raw, now.bound, now.raw),
        }
    }
}

/// A sink into the store and the intake, when there is one, with failures of its own.
pub(crate) fn sink(store: Arc<Mutex<Store>>, intake: Option<Arc<Intake>>, mut chance: Chance) -> Sink {
    Box::new(move |epoch| {
        let mut store = store.lock();
        let fails = chance.per_mille(store.failing_per_mille);
        if fails && chance.per_mille(500) {
            return Err(SinkError("the warehouse is away".into()));
        }
        let parts = aggregates::parts(epoch).map_err(|error| SinkError(error.to_string()))?;
        store.keep(epoch, &parts);
        if let Some(intake) = &intake {
            let wanted = intake.wants(epoch.first, epoch.number);
            let parts = if wanted { parts } else { Vec::new() };
            let taken = intake.take(epoch.first, epoch.number, epoch.snapshot, parts);
            taken.map_err(|error| SinkError(error.to_string()))?;
        }
        if fails {
            // It was kept, but the answer got lost: the same epoch comes again.
            return Err(SinkError("the answer of the warehouse got lost".into()));
        }
        Ok(epoch.number)
    })
}
