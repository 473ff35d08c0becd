//! What happens in a life: senders send, facts are decided, the dataflow steps, rows land, and this and that fails.

use collect::subjects::Erasure;
use dataflow::{Step, retention};
use eventlog::{ClaimTag, EventLog, Lane, NewFrame, Offset, PartitionId};
use records::{Fact, FactRow, LeaderboardId, Record, Span, Timestamp};

use crate::process::Process;
use crate::space::{self, Space};
use crate::warehouse::DeliveryError;
use crate::world::{Trouble, World};

/// A warehouse that does not fail takes everything in one round, and says in the next that nothing is left.
const LANDING_ROUNDS_MAX: usize = 3;
/// Of 1,000 new batches, those of which a record is poison, in runs that have any.
const MARKED_PER_MILLE: u64 = 200;
/// The same for mines.
const MINED_PER_MILLE: u64 = 60;
/// The longest retention: most lives are longer.
const RETAINED_MS_MAX: i64 = 2_000;

/// Of 1,000 refusals, those after which the disk becomes fuller still.
const FULLER_PER_MILLE: u64 = 250;
/// Epochs after the last record in runs with mines: a view is set aside from the epoch on after the one that it broke in.
const LAST_BEATS: u64 = 3;
/// Steps of the dataflow before retention looks how far it is.
const STEPS_BEFORE: usize = 6;

impl World {
    pub(crate) fn act(&mut self, process: &mut Process, may_crash: bool) -> Result<(), Trouble> {
        match self.chance.below(100) {
            0..45 => self.send_new(process),
            45..50 => self.send_again(process),
            50..56 => self.decide(process).map(|_| ()),
            56..82 => self.step(process),
            82..88 => self.deliver(process),
            88..90 => self.erase(process),
            90..92 if may_crash => self.fail_a_sync(process),
            92..96 if self.faults.space && may_crash => self.fill_or_free(),
            92..99 if self.faults.retention => self.retain(process),
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
        if self.faults.poison && self.chance.per_mille(MARKED_PER_MILLE) {
            self.poison.mark(&mut batch, &mut self.chance);
        }
        if self.faults.mines && self.more.per_mille(MINED_PER_MILLE) {
            self.poison.mine(&mut batch, &mut self.more);
        }
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
        let submitted = process.appender.submit(sealed);
        if let Some(free_bytes) = submitted.as_ref().err().and_then(space::refused_activity) {
            self.model.in_doubt.push(batch);
            return self.refused(process, free_bytes);
        }
        let appended = submitted.map_err(|error| error.to_string());
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

    /// Activity was refused for want of space: its sender tries again some time. Facts are still taken while there is a
    /// reserve.
    fn refused(&mut self, process: &mut Process, free_bytes: u64) -> Result<(), Trouble> {
        if !self.space.is_full() {
            // A disk that is down does not say how much is free, and a reserve that is not in place cannot be made.
            return Err(self.trouble(format!("activity was refused with {free_bytes} bytes free")));
        }
        self.space.refused += 1;
        let taken = self.decide(process)?;
        self.space.reserved += u64::from(taken);
        if !taken && Space::takes_facts(free_bytes) {
            return Err(Trouble::Bug(format!("a fact was refused with {free_bytes} bytes free")));
        }
        // Whoever fills the disk takes what the reserve has given, too.
        if self.chance.per_mille(FULLER_PER_MILLE) { self.fill() } else { Ok(()) }
    }

    /// The disk becomes full, and fuller, or somebody makes room.
    pub(crate) fn fill_or_free(&mut self) -> Result<(), Trouble> {
        if self.space.is_full() && self.chance.per_mille(500) {
            self.space.free(&self.disk);
            return Ok(());
        }
        self.fill()
    }

    fn fill(&mut self) -> Result<(), Trouble> {
        let filled = self.space.fill(&self.disk, &mut self.chance);
        filled.map_err(|error| self.trouble(format!("free space: {error}")))
    }

    /// Retention, as the process decides it every now and then: what is old goes, once it is in a snapshot and landed.
    fn retain(&mut self, process: &mut Process) -> Result<(), Trouble> {
        let facts = process.log.truncate_before(Lane::Facts, PartitionId(0), Offset(0));
        if facts.is_ok() {
            return Err(Trouble::Bug("the log would have dropped facts".into()));
        }
        // It comes when there is little else to do.
        for _ in 0..STEPS_BEFORE {
            self.step(process)?;
        }
        self.land(process, u64::MAX)?;
        let Some(limit) = process.dataflow.safe_to_truncate() else { return Ok(()) };
        let Some(landed) = process.raw.landed(&self.warehouse) else { return Ok(()) };
        let oldest = process.log.bound() - Span::from_millis(self.chance.between(0, RETAINED_MS_MAX));
        // A copy of all that may go, and more.
        let activity = process.log.identity().partitions.each(Lane::Activity).zip(limit.activity.clone());
        let activity = activity.map(|(partition, end)| (Lane::Activity, partition, end));
        for (lane, partition, end) in activity.chain([(Lane::System, PartitionId(0), limit.system)]) {
            let kept = self.kept.keep(&process.log, lane, partition, end);
            kept.map_err(|error| self.trouble(format!("reading what expires: {error}")))?;
        }
        let truncated = retention::truncate(&*process.log, &limit, &landed, oldest);
        truncated.map_err(|error| self.trouble(format!("retention: {error}")))?;
        self.kept.note(&process.log);
        Ok(())
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
            Some(erasure) => self.announce_one(process, &erasure).map(|_| ()),
            None => Ok(()),
        }
    }

    /// Finishes what was begun to erase, here or in an earlier life.
    pub(crate) fn announce(&mut self, process: &mut Process) -> Result<(), Trouble> {
        for erasure in process.subjects.pending_erasures() {
            self.privacy.note(&erasure);
            self.announce_one(process, &erasure)?;
        }
        Ok(())
    }

    /// Tells the log of an erasure; one that is refused for want of space stays pending.
    fn announce_one(&mut self, process: &mut Process, erasure: &Erasure) -> Result<(), Trouble> {
        let announced = FactRow::new(erasure.organization, Timestamp(0), erasure.fact());
        if !self.claim(process)? || !self.append_fact(process, &announced)? {
            return Ok(());
        }
        self.privacy.announced(erasure);
        let done = process.subjects.announced(erasure);
        done.map_err(|error| self.trouble(format!("announcement: {error}")))
    }

    /// Claims the partitions of facts with this process' first one; false when that is refused for want of space.
    fn claim(&mut self, process: &mut Process) -> Result<bool, Trouble> {
        if process.decided > 0 {
            return Ok(true);
        }
        let claimed = Fact::PartitionClaimed { address: "sim".into() };
        self.append_fact(process, &FactRow::new(self.source.organization(), Timestamp(0), claimed))
    }

    /// Appends a fact under this process' claim: what is still to be applied, later a reset now and then. False when it
    /// is refused for want of space.
    pub(crate) fn decide(&mut self, process: &mut Process) -> Result<bool, Trouble> {
        if !self.claim(process)? {
            return Ok(false);
        }
        let row = match self.facts.last() {
            Some(row) => row.clone(),
            None => {
                let leaderboard: LeaderboardId = "engagement".parse().expect("a short name");
                FactRow::new(self.source.organization(), Timestamp(0), Fact::LeaderboardReset { leaderboard })
            }
        };
        let taken = self.append_fact(process, &row)?;
        if taken {
            self.facts.pop();
        }
        Ok(taken)
    }

    fn append_fact(&mut self, process: &mut Process, row: &FactRow) -> Result<bool, Trouble> {
        let partition = records::hash::wide(row.organization.0) % u64::from(self.partitions.facts);
        let tag = ClaimTag { claim_id: process.claim, n: process.decided, opens: process.decided == 0 };
        let frame = NewFrame {
            lane: Lane::Facts,
            partition: PartitionId(partition as u16),
            body: records::fact::encode(std::slice::from_ref(row)).into(),
            rows: 1,
            dedup: Vec::new(),
            claim: Some(tag),
        };
        match process.log.append(vec![frame]) {
            Ok(appended) if appended.iter().all(|one| one.voided_rows == 0) => {
                process.decided += 1;
                Ok(true)
            }
            Ok(_) => Err(Trouble::Bug("a fact of the only writer was voided".into())),
            // Nothing was appended, so the claim goes on where it was.
            Err(error) if space::refused(&error) && self.space.is_full() => Ok(false),
            Err(error) => Err(self.trouble(format!("fact: {error}"))),
        }
    }

    fn step(&mut self, process: &mut Process) -> Result<(), Trouble> {
        let before = process.dataflow.progress().current();
        let step = match process.dataflow.step() {
            Ok(step) => step,
            Err(error) if error.is_refusal() && self.space.is_full() => {
                // Nothing is lost: the dataflow goes on as soon as there is room.
                self.space.waited += 1;
                return Ok(());
            }
            Err(error) => return Err(self.trouble(format!("step: {error}"))),
        };
        let after = process.dataflow.progress().current();
        let landing = process.dataflow.landing();
        let dropped = landing.dropped_rows - process.dropped_rows;
        (process.dropped_rows, self.dropped_rows) = (landing.dropped_rows, self.dropped_rows + dropped);
        // A rebuilt group begins at its snapshot again.
        if step == Step::Rebuilt {
            return self.poison.check_count(process.dataflow.skipped()).map_err(Trouble::Bug);
        }
        if after.epoch < before.epoch || after.log_time < before.log_time {
            return Err(Trouble::Bug(format!("`as_of` went back from {before:?} to {after:?}")));
        }
        Ok(())
    }

    /// After a failed sync the log is read-only: the process ends, and so does this life.
    fn fail_a_sync(&mut self, process: &mut Process) -> Result<(), Trouble> {
        if self.space.is_full() {
            // Nothing would be written, and no sync fail.
            return Ok(());
        }
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
    pub(crate) fn finish(&mut self, process: &mut Process) -> Result<(), Trouble> {
        while let Some(batch) = self.model.in_doubt.pop() {
            self.repeated += batch.len() as u64;
            self.send(process, batch)?;
        }
        while !self.facts.is_empty() {
            self.decide(process)?;
        }
        for _ in 0..3 {
            self.send_new(process)?;
        }
        self.announce(process)?;
        // Enough log time for a last landing epoch and for silence to be noticed.
        self.clock.advance(10_000_000);
        process.dataflow.run().map_err(|error| self.trouble(format!("run: {error}")))?;
        for _ in 0..if self.faults.mines { LAST_BEATS } else { 0 } {
            self.clock.advance(2_000_000);
            process.dataflow.run().map_err(|error| self.trouble(format!("run: {error}")))?;
        }
        self.poison.check_count(process.dataflow.skipped()).map_err(Trouble::Bug)?;
        for _ in 0..LANDING_ROUNDS_MAX {
            if self.land(process, u64::MAX)? {
                return if self.faults.retention { self.retain(process) } else { Ok(()) };
            }
        }
        Err(Trouble::Bug("landing does not come to an end".into()))
    }
}
