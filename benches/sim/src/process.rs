//! A process: what a crash takes away, and how it is opened again.

use std::sync::Arc;

use collect::{Appender, Subjects};
use dataflow::{Config, Hooks, Sink, Stepper};
use eventlog::disk::SimDisk;
use eventlog::{EventLog, FileLog, FileOptions, Incarnation, Writers};
use records::Span;
use warehouse::outbox::OutboxConfig;
use workload::chance::Chance;

use crate::keys;
use crate::poison::{self, Poisonable};
use crate::raw::RawLanding;
use crate::space::{LOW_WATER, RESERVE};
use crate::store;
use crate::warehouse::Delivery;
use crate::world::{Trouble, World};

/// The most rows that may wait for the sink, in runs that drop some, and the most milliseconds of a landing epoch then:
/// two in a row wait often.
const LANDING_ROWS_MAX: u64 = 60;
const LANDING_MS_MAX: i64 = 200;

/// What runs between two crashes.
pub(crate) struct Process {
    pub(crate) dataflow: Stepper<Poisonable>,
    pub(crate) log: Arc<FileLog>,
    pub(crate) subjects: Arc<Subjects>,
    pub(crate) appender: Appender,
    pub(crate) delivery: Delivery,
    pub(crate) raw: RawLanding,
    /// The claim under which it appends facts, and how many it has appended.
    pub(crate) claim: u128,
    pub(crate) decided: u64,
    /// Rows for the warehouse that were dropped, as far as they are counted.
    pub(crate) dropped_rows: u64,
}

impl World {
    pub(crate) fn open(&mut self, may_be_full: bool) -> Result<Process, Trouble> {
        let log = self.open_log()?;
        let subjects = keys::open(&self.disk, &mut self.chance);
        let subjects = Arc::new(subjects.map_err(|error| self.trouble(format!("keys do not open: {error}")))?);
        let appender = Appender::new(Arc::<FileLog>::clone(&log), Arc::clone(&subjects));
        // Small enough to be merged in most lives, and to be full in some.
        let merge_above_bytes = 2_000 << self.chance.below(8);
        let full = may_be_full && self.chance.per_mille(250);
        let config =
            OutboxConfig { merge_above_bytes, full_above_bytes: if full { 4 * merge_above_bytes } else { u64::MAX } };
        let sure = !may_be_full;
        let delivery = Delivery::open(&self.disk, &log, &mut self.warehouse, &mut self.chance, config, sure);
        let delivery = delivery.map_err(|error| self.trouble(format!("outbox does not open: {error}")))?;
        let raw = RawLanding::new(Arc::clone(&log), self.disk.clone());
        let chance = Chance::new(self.chance.bits());
        let sink = store::sink(Arc::clone(&self.store), Some(Arc::clone(&delivery.intake)), chance);
        let intake = Arc::clone(&delivery.intake);
        let hooks = Hooks { sink: Some(sink), taken: Some(Box::new(move || intake.taken())), ..self.poison.listen() };
        let dataflow = self.open_dataflow(Arc::<FileLog>::clone(&log), self.disk.clone(), hooks, true)?;
        let claim = u128::from(self.chance.bits()) << 64 | u128::from(self.chance.bits());
        Ok(Process { dataflow, log, subjects, appender, delivery, raw, claim, decided: 0, dropped_rows: 0 })
    }

    /// The log as it is after the last life, and as it was before retention.
    pub(crate) fn open_log_again(&mut self) -> Result<[Arc<dyn EventLog>; 2], String> {
        let log = self.open_log()?;
        let history = self.history(&log);
        Ok([log, history])
    }

    fn open_log(&mut self) -> Result<Arc<FileLog>, Trouble> {
        // Small segments, so that a run crosses many of their ends; smaller ones, so that retention can drop some.
        let segment_bytes = if self.faults.retention { 1 << 8 } else { 16 << 10 } << self.chance.below(4);
        let options = FileOptions {
            incarnation: Incarnation { id: self.seed, ordinal: 0 },
            partitions: self.partitions,
            segment_bytes,
            writers: Writers::Inline,
            reserve_bytes: RESERVE,
            low_water: LOW_WATER,
            ..FileOptions::default()
        };
        let log = FileLog::open(Arc::new(self.disk.clone()), Arc::clone(&self.clock), options);
        log.map(Arc::new).map_err(|error| self.trouble(format!("log does not open: {error}")))
    }

    /// A dataflow that runs to the end of a log that is whole, from what a disk holds. What it lands is compared.
    pub(crate) fn run_again(&mut self, log: Arc<dyn EventLog>, disk: SimDisk) -> Result<Stepper<Poisonable>, String> {
        let panics = poison::panics();
        let dataflow = self.run_anew(log, disk, true)?;
        if dataflow.skipped() > 0 || poison::panics() > panics {
            let aside = dataflow.set_aside();
            return Err(format!("{:?} went off a second time; now {aside:?} stand still", poison::newest_panic()));
        }
        Ok(dataflow)
    }

    /// The same for a log of which something has gone. A view that was set aside for something in there begins anew, and
    /// may meet what it has never met.
    pub(crate) fn run_anew(
        &mut self,
        log: Arc<dyn EventLog>,
        disk: SimDisk,
        lands: bool,
    ) -> Result<Stepper<Poisonable>, String> {
        let chance = Chance::new(self.chance.bits());
        let sink: Option<Sink> = lands.then(|| store::sink(Arc::clone(&self.store), None, chance));
        let mut dataflow = self.open_dataflow(log, disk, Hooks { sink, ..Hooks::default() }, false)?;
        dataflow.run().map_err(|error| error.to_string())?;
        match self.store.lock().complaint.take() {
            None => Ok(dataflow),
            Some(complaint) => Err(complaint),
        }
    }

    fn open_dataflow(
        &mut self,
        log: Arc<dyn EventLog>,
        disk: SimDisk,
        hooks: Hooks,
        tight: bool,
    ) -> Result<Stepper<Poisonable>, Trouble> {
        let mut config = self.config();
        if tight && self.faults.rows {
            // So little that a sink which refuses once or twice costs rows.
            config.landing_rows = 1 + self.more.below(LANDING_ROWS_MAX) as usize;
            config.landing_every = Span::from_millis(self.more.between(20, LANDING_MS_MAX));
        }
        let opened = Stepper::open(config, log, Arc::new(disk), hooks);
        opened.map_err(|error| self.trouble(format!("dataflow does not open: {error}")))
    }

    pub(crate) fn config(&mut self) -> Config {
        // Retention follows snapshots and landing epochs, so a run that has one has more of them.
        let (landing_ms, snapshot_ms) = if self.faults.retention { (500, 1_000) } else { (2_000, 8_000) };
        Config {
            claim_id: u128::from(self.chance.bits()) << 64 | u128::from(self.chance.bits()),
            epoch_rows: 1 + self.chance.below(200),
            landing_every: Span::from_millis(self.chance.between(100, landing_ms)),
            snapshot_every: Span::from_millis(self.chance.between(500, snapshot_ms)),
            manifests: 1 + self.chance.below(3) as usize,
            ..Config::default()
        }
    }
}
