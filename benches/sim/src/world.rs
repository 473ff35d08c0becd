//! The world of one run: a disk, a clock, the log, the dataflow, senders and a warehouse.

use std::sync::Arc;

use collect::subjects::Erasure;
use collect::{Appender, Subjects};
use dataflow::computations::Product;
use dataflow::{Config, Hooks, Sink, Stepper};
use eventlog::clock::ManualClock;
use eventlog::disk::SimDisk;
use eventlog::{
    ClaimTag, EventLog, FileLog, FileOptions, Incarnation, Lane, NewFrame, PartitionId, Partitions, Writers,
};
use parking_lot::Mutex;
use records::{Fact, FactRow, LeaderboardId, Record, Span, Timestamp};
use warehouse::outbox::OutboxConfig;
use workload::chance::Chance;
use workload::{Conference, Scale};

use crate::crashes;
use crate::keys::{self, Privacy};
use crate::model::Model;
use crate::raw::RawLanding;
use crate::run::Size;
use crate::store::{self, Store};
use crate::warehouse::{Delivery, DeliveryError, Warehouse};

/// A warehouse that does not fail takes everything in one round, and says in the next that nothing is left.
const LANDING_ROUNDS_MAX: usize = 3;

/// How a life ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ended {
    /// The power went, or a sync failed and the log became read-only.
    Crashed,
    /// Everything was said and done.
    Finished,
}

/// Why an action did not work: the disk is down, or something is wrong.
enum Trouble {
    Down,
    Bug(String),
}

pub(crate) struct World {
    pub(crate) disk: SimDisk,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) model: Model,
    pub(crate) store: Arc<Mutex<Store>>,
    pub(crate) warehouse: Warehouse,
    pub(crate) privacy: Privacy,
    pub(crate) chance: Chance,
    pub(crate) crashes: u64,
    pub(crate) repeated: u64,
    size: Size,
    seed: u64,
    lives: u64,
    partitions: Partitions,
    source: Conference,
    /// The last life's process, for the checks.
    pub(crate) process: Option<Process>,
    /// Facts that still have to be in the log; the first that is not acknowledged comes first.
    facts: Vec<FactRow>,
}

/// A process: what a crash takes away.
pub(crate) struct Process {
    pub(crate) dataflow: Stepper<Product>,
    pub(crate) log: Arc<FileLog>,
    pub(crate) subjects: Arc<Subjects>,
    appender: Appender,
    delivery: Delivery,
    raw: RawLanding,
    claim: u128,
    decided: u64,
}

impl World {
    pub(crate) fn new(seed: u64, size: Size) -> Self {
        let mut chance = Chance::new(seed);
        let lives = 1 + chance.below(size.lives);
        let partitions =
            Partitions { facts: 1 + chance.below(3) as u16, activity: 1 + chance.below(5) as u16, system: 1 };
        let scale = Scale {
            attendees: 20 + chance.below(60) as u32,
            sessions: 4,
            tracks: 2,
            weeks_before: 1,
            rings: 2,
            bots: 1,
            twice_per_mille: 10,
            replayed: chance.per_mille(500),
            ..Scale::small()
        };
        let source = Conference::new(seed, scale);
        let mut facts = source.facts();
        // In the order of a file that `eventra apply` reads; taken from the end.
        facts.reverse();
        Self {
            disk: SimDisk::new(seed),
            clock: Arc::new(ManualClock::new(Timestamp::from_seconds(1_791_000_000))),
            model: Model::default(),
            store: Arc::default(),
            warehouse: Warehouse::default(),
            privacy: Privacy::default(),
            crashes: 0,
            repeated: 0,
            size,
            seed,
            lives,
            partitions,
            source,
            process: None,
            facts,
            chance,
        }
    }

    pub(crate) fn lives(&self) -> u64 {
        self.lives
    }

    /// Turns the power on again.
    pub(crate) fn restart(&mut self) {
        self.crashes += 1;
        self.disk.restart();
        self.clock.advance(self.chance.between(-500_000, 5_000_000));
    }

    /// One life of the process: opens everything, does this and that. The last life ends with everything sent.
    pub(crate) fn live(&mut self, may_crash: bool) -> Result<Ended, String> {
        if may_crash {
            crashes::plan(&self.disk, &mut self.chance);
        }
        let failing = if may_crash { self.chance.below(300) } else { 0 };
        self.store.lock().failing_per_mille = failing;
        self.warehouse.failing_per_mille = failing;
        let actions = 1 + self.chance.below(self.size.actions);
        let lived = self.open(may_crash).and_then(|mut process| {
            self.announce(&mut process)?;
            for _ in 0..actions {
                self.act(&mut process, may_crash)?;
            }
            if !may_crash {
                self.finish(&mut process)?;
                self.process = Some(process);
            }
            Ok(())
        });
        if let Some(complaint) = self.store.lock().complaint.take() {
            return Err(complaint);
        }
        match lived {
            Ok(()) if may_crash => {
                // Lived to the end of its actions: now the power goes.
                self.disk.crash();
                Ok(Ended::Crashed)
            }
            Ok(()) => Ok(Ended::Finished),
            Err(Trouble::Down) => Ok(Ended::Crashed),
            Err(Trouble::Bug(what)) => Err(what),
        }
    }

    fn open(&mut self, may_be_full: bool) -> Result<Process, Trouble> {
        let log = self.open_log()?;
        let subjects = keys::open(&self.disk, &mut self.chance);
        let subjects = Arc::new(subjects.map_err(|error| self.trouble(format!("keys do not open: {error}")))?);
        let appender = Appender::new(Arc::<FileLog>::clone(&log), Arc::clone(&subjects));
        // Small enough to be merged in most lives, and to be full in some.
        let merge_above_bytes = 2_000 << self.chance.below(8);
        let full = may_be_full && self.chance.per_mille(250);
        let config =
            OutboxConfig { merge_above_bytes, full_above_bytes: if full { 4 * merge_above_bytes } else { u64::MAX } };
        let delivery = Delivery::open(&self.disk, &self.warehouse, &mut self.chance, config);
        let delivery = delivery.map_err(|error| self.trouble(format!("outbox does not open: {error}")))?;
        let raw = RawLanding::new(Arc::clone(&log), self.disk.clone());
        let chance = Chance::new(self.chance.bits());
        let sink = store::sink(Arc::clone(&self.store), Some(Arc::clone(&delivery.outbox)), chance);
        let dataflow = self.open_dataflow(Arc::clone(&log), Arc::new(self.disk.clone()), sink)?;
        let claim = u128::from(self.chance.bits()) << 64 | u128::from(self.chance.bits());
        Ok(Process { dataflow, log, subjects, appender, delivery, raw, claim, decided: 0 })
    }

    pub(crate) fn open_log_again(&mut self) -> Result<Arc<FileLog>, String> {
        self.open_log().map_err(|trouble| match trouble {
            Trouble::Down => "the disk is down".into(),
            Trouble::Bug(what) => what,
        })
    }

    fn open_log(&mut self) -> Result<Arc<FileLog>, Trouble> {
        let options = FileOptions {
            incarnation: Incarnation { id: self.seed, ordinal: 0 },
            partitions: self.partitions,
            // Small segments, so that a run crosses many of their ends.
            segment_bytes: 16 << 10 << self.chance.below(4),
            writers: Writers::Inline,
            reserve_bytes: 0,
            low_water: 0,
            ..FileOptions::default()
        };
        let log = FileLog::open(Arc::new(self.disk.clone()), Arc::clone(&self.clock), options);
        log.map(Arc::new).map_err(|error| self.trouble(format!("log does not open: {error}")))
    }

    /// A dataflow over the same log that runs to the end: over the snapshots that are there, or over none.
    pub(crate) fn open_again(&mut self, log: Arc<FileLog>, from_nothing: bool) -> Result<Stepper<Product>, String> {
        let bug = |trouble| match trouble {
            Trouble::Down => "the disk is down".into(),
            Trouble::Bug(what) => what,
        };
        let disk = if from_nothing { SimDisk::new(self.seed) } else { self.disk.clone() };
        let sink = store::sink(Arc::clone(&self.store), None, Chance::new(self.chance.bits()));
        let mut dataflow = self.open_dataflow(log, Arc::new(disk), sink).map_err(bug)?;
        dataflow.run().map_err(|error| error.to_string())?;
        Ok(dataflow)
    }

    fn open_dataflow(
        &mut self,
        log: Arc<FileLog>,
        disk: Arc<SimDisk>,
        sink: Sink,
    ) -> Result<Stepper<Product>, Trouble> {
        let config = self.config();
        let hooks = Hooks { sink: Some(sink), ..Hooks::default() };
        let opened = Stepper::open(config, log, disk, hooks);
        opened.map_err(|error| self.trouble(format!("dataflow does not open: {error}")))
    }

    pub(crate) fn config(&mut self) -> Config {
        Config {
            claim_id: u128::from(self.chance.bits()) << 64 | u128::from(self.chance.bits()),
            epoch_rows: 1 + self.chance.below(200),
            landing_every: Span::from_millis(self.chance.between(100, 2_000)),
            snapshot_every: Span::from_millis(self.chance.between(500, 8_000)),
            ..Config::default()
        }
    }

    /// A failure is the disk's fault when the disk is down; anything else is a bug.
    fn trouble(&self, what: String) -> Trouble {
        if self.disk.is_down() { Trouble::Down } else { Trouble::Bug(what) }
    }

    fn act(&mut self, process: &mut Process, may_crash: bool) -> Result<(), Trouble> {
        match self.chance.below(100) {
            0..45 => self.send_new(process),
            45..50 => self.send_again(process),
            50..56 => self.decide(process),
            56..82 => self.step(process),
            82..88 => self.deliver(process),
            88..90 => self.erase(process),
            90..93 if may_crash => self.fail_a_sync(process),
            _ => {
                // Mostly forwards; a clock that is set back must not matter.
                self.clock.advance(self.chance.between(-300_000, 1_500_000));
                Ok(())
            }
        }
    }

    fn send_new(&mut self, process: &mut Process) -> Result<(), Trouble> {
        self.clock.advance(self.chance.between(0, 200_000));
        if let Some(batch) = self.model.in_doubt.pop() {
            self.repeated += batch.len() as u64;
            return self.send(process, batch);
        }
        let mut batch = Vec::new();
        self.source.fill(&mut batch, 1 + self.chance.below(self.size.batch) as usize);
        if batch.is_empty() { Ok(()) } else { self.send(process, batch) }
    }

    /// A client that did not hear the answer, or a proxy that tries twice.
    fn send_again(&mut self, process: &mut Process) -> Result<(), Trouble> {
        let count = self.model.remembered.len() as u64;
        if count == 0 {
            return Ok(());
        }
        let batch = self.model.remembered[self.chance.below(count) as usize].clone();
        self.repeated += batch.len() as u64;
        self.send(process, batch)
    }

    fn send(&mut self, process: &mut Process, batch: Vec<Record>) -> Result<(), Trouble> {
        self.model.sends(&batch);
        let sealed = self.privacy.seal(&process.subjects, &batch);
        let appended = process.appender.submit(sealed).map_err(|error| error.to_string());
        match appended.and_then(|ticket| ticket.wait().map_err(|error| error.to_string())) {
            Ok(_) => {
                self.model.acknowledged(batch);
                Ok(())
            }
            Err(error) => {
                self.model.in_doubt.push(batch);
                Err(self.trouble(format!("append: {error}")))
            }
        }
    }

    /// Carries on with landing, of the views' rows and of raw records.
    fn deliver(&mut self, process: &mut Process) -> Result<(), Trouble> {
        let most = 1 + self.chance.below(8);
        self.land(process, most).map(|_| ())
    }

    /// Lands at most so many landing epochs; returns whether none is left.
    fn land(&mut self, process: &mut Process, most: u64) -> Result<bool, Trouble> {
        let delivered = process.delivery.deliver(&mut self.warehouse, most, &mut self.chance);
        let rows = match delivered {
            Ok(done) => done,
            Err(DeliveryError::Wrong(what)) => return Err(Trouble::Bug(what)),
            Err(error) => return Err(self.trouble(error.to_string())),
        };
        let landed = process.raw.land(&mut self.warehouse, most, &mut self.chance);
        let raw = landed.map_err(|error| self.trouble(error.to_string()))?;
        Ok(rows && raw)
    }

    /// Somebody asks to be forgotten.
    fn erase(&mut self, process: &mut Process) -> Result<(), Trouble> {
        let erased = self.privacy.erase(&process.subjects, &mut self.chance);
        match erased.map_err(|error| self.trouble(format!("erasure: {error}")))? {
            Some(erasure) => self.announce_one(process, &erasure),
            None => Ok(()),
        }
    }

    /// Finishes what an earlier life began to erase.
    fn announce(&mut self, process: &mut Process) -> Result<(), Trouble> {
        for erasure in process.subjects.pending_erasures() {
            self.privacy.note(&erasure);
            self.announce_one(process, &erasure)?;
        }
        Ok(())
    }

    fn announce_one(&mut self, process: &mut Process, erasure: &Erasure) -> Result<(), Trouble> {
        self.claim(process)?;
        self.append_fact(process, &FactRow::new(erasure.organization, Timestamp(0), erasure.fact()))?;
        self.privacy.announced(erasure);
        let done = process.subjects.announced(erasure);
        done.map_err(|error| self.trouble(format!("announcement: {error}")))
    }

    fn claim(&mut self, process: &mut Process) -> Result<(), Trouble> {
        if process.decided > 0 {
            return Ok(());
        }
        let claimed = Fact::PartitionClaimed { address: "sim".into() };
        self.append_fact(process, &FactRow::new(self.source.organization(), Timestamp(0), claimed))
    }

    /// Appends a fact under this process' claim: what is still to be applied, later a reset now and then.
    fn decide(&mut self, process: &mut Process) -> Result<(), Trouble> {
        let organization = self.source.organization();
        let now = Timestamp(0);
        self.claim(process)?;
        let row = match self.facts.last() {
            Some(row) => row.clone(),
            None => {
                let leaderboard: LeaderboardId = "engagement".parse().expect("a short name");
                FactRow::new(organization, now, Fact::LeaderboardReset { leaderboard })
            }
        };
        self.append_fact(process, &row)?;
        self.facts.pop();
        Ok(())
    }

    fn append_fact(&mut self, process: &mut Process, row: &FactRow) -> Result<(), Trouble> {
        let partition = records::hash::wide(row.organization.0) % u64::from(self.partitions.facts);
        let tag = ClaimTag { claim_id: process.claim, n: process.decided, opens: process.decided == 0 };
        process.decided += 1;
        let frame = NewFrame {
            lane: Lane::Facts,
            partition: PartitionId(partition as u16),
            body: records::fact::encode(std::slice::from_ref(row)).into(),
            rows: 1,
            dedup: Vec::new(),
            claim: Some(tag),
        };
        match process.log.append(vec![frame]) {
            Ok(appended) if appended.iter().all(|one| one.voided_rows == 0) => Ok(()),
            Ok(_) => Err(Trouble::Bug("a fact of the only writer was voided".into())),
            Err(error) => Err(self.trouble(format!("fact: {error}"))),
        }
    }

    fn step(&mut self, process: &mut Process) -> Result<(), Trouble> {
        let before = process.dataflow.progress().current();
        process.dataflow.step().map_err(|error| self.trouble(format!("step: {error}")))?;
        let after = process.dataflow.progress().current();
        if after.epoch < before.epoch || after.log_time < before.log_time {
            return Err(Trouble::Bug(format!("`as_of` went back from {before:?} to {after:?}")));
        }
        if process.dataflow.skipped() > 0 {
            return Err(Trouble::Bug("a record was skipped as poisoned".into()));
        }
        Ok(())
    }

    /// After a failed sync the log is read-only: the process ends, and so does this life.
    fn fail_a_sync(&mut self, process: &mut Process) -> Result<(), Trouble> {
        self.disk.fail_syncs(1);
        let mut batch = Vec::new();
        self.source.fill(&mut batch, 3);
        if batch.is_empty() {
            self.disk.fail_syncs(0);
            return Ok(());
        }
        match self.send(process, batch) {
            Ok(()) => Err(Trouble::Bug("an append was acknowledged although its sync failed".into())),
            Err(_) => {
                self.disk.crash();
                Err(Trouble::Down)
            }
        }
    }

    /// Sends what is still in doubt or undecided, then lets the dataflow come to an end.
    fn finish(&mut self, process: &mut Process) -> Result<(), Trouble> {
        while let Some(batch) = self.model.in_doubt.pop() {
            self.repeated += batch.len() as u64;
            self.send(process, batch)?;
        }
        while !self.facts.is_empty() {
            self.decide(process)?;
        }
        for _ in 0..3 {
            let few = self.send_new(process);
            few?;
        }
        // Enough log time for a last landing epoch and for silence to be noticed.
        self.clock.advance(10_000_000);
        process.dataflow.run().map_err(|error| self.trouble(format!("run: {error}")))?;
        for _ in 0..LANDING_ROUNDS_MAX {
            if self.land(process, u64::MAX)? {
                return Ok(());
            }
        }
        Err(Trouble::Bug("landing does not come to an end".into()))
    }
}
