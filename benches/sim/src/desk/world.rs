//! One world: a log in memory or in files of a disk that crashes, one writer or two that both believe that they own every
//! partition, clients that repeat themselves, and a clock that jumps.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use desk::{Order, Parts, Place, Seat};
use eventlog::clock::{Clock, ManualClock};
use eventlog::disk::SimDisk;
use eventlog::{
    EventLog, FileLog, FileOptions, Incarnation, Lane, MemoryLog, MemoryOptions, Offset, PartitionId, Partitions,
    Writers,
};
use parking_lot::Mutex;
use records::{CommandId, FactRow, Timestamp};
use rules::Domain;
use rules::domains::{Command, Refusal};
use workload::chance::Chance;

use super::bend::Bend;
use super::clients::{Clients, Try};
use super::known::Known;
use super::slow::{Carried, SlowLog};
use super::trades::{self, Scale, Trade};
use super::{Report, Size};
use crate::crashes;

/// Rules under simulation: the product's, or some of them broken.
pub(crate) trait Rules: Domain<Command = Command, Refusal = Refusal> {}
impl<D: Domain<Command = Command, Refusal = Refusal>> Rules for D {}

/// Of 1,000 worlds in memory, those with two writers.
const TWO_PER_MILLE: u64 = 500;
/// Of 1,000 submissions, those that are lost on their way, and those that are or whose answer is.
const LOST_PER_MILLE: u64 = 30;
const FAILING_PER_MILLE: u64 = 60;
/// Rounds in which clients send again what they are not sure of; in a quiet life the second one settles all.
const ROUNDS_MAX: usize = 8;
/// The most commands of one batch.
const BATCH: u64 = 8;

/// Which log there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// In memory: it stays, as a broker would, whatever happens to its writers.
    Memory,
    /// In files, on a disk that crashes and tears.
    Files,
}

/// One process: a seat for each partition, the read models, and where its snapshots lie.
pub(crate) struct Writer<D: Rules> {
    pub(crate) seats: Vec<Seat<D>>,
    pub(crate) known: Arc<Mutex<Known>>,
    tries: Vec<Try>,
    /// Up to where each seat has read at least.
    seen: Vec<Offset>,
}

/// Why an action did not work.
pub(crate) enum Trouble {
    /// The power went.
    Down,
    Bug(String),
}

impl From<String> for Trouble {
    fn from(what: String) -> Self {
        Self::Bug(what)
    }
}

pub(crate) struct World<D: Rules> {
    pub(crate) kind: Kind,
    pub(crate) bend: Bend,
    pub(crate) clients: Clients,
    pub(crate) chance: Chance,
    pub(crate) clock: Arc<ManualClock>,
    /// The latest that it has shown to anybody who sent something.
    latest: Timestamp,
    pub(crate) disk: SimDisk,
    pub(crate) partitions: Partitions,
    pub(crate) report: Report,
    seed: u64,
    size: Size,
    scale: Scale,
    memory: Arc<dyn EventLog>,
    /// The second writer's disk: it is another machine.
    other: SimDisk,
    pub(crate) log: Option<Arc<SlowLog>>,
    pub(crate) writers: Vec<Writer<D>>,
    two: bool,
    trades: Vec<Box<dyn Trade>>,
    drawn: Arc<AtomicU64>,
}

impl<D: Rules> World<D> {
    pub(crate) fn new(seed: u64, kind: Kind, size: Size, bend: Bend) -> Self {
        let mut chance = Chance::new(records::hash::mix(seed ^ kind as u64));
        let clock = Arc::new(ManualClock::new(Timestamp::from_seconds(1_791_000_000)));
        let partitions = Partitions { facts: 1 + chance.below(3) as u16, activity: 1, system: 1 };
        let options = MemoryOptions { partitions, ..MemoryOptions::default() };
        let scale = Scale::crowded();
        Self {
            two: chance.per_mille(TWO_PER_MILLE),
            memory: Arc::new(MemoryLog::with_options(seed, Arc::clone(&clock), options)),
            disk: SimDisk::new(seed),
            other: SimDisk::new(!seed),
            clients: Clients::default(),
            trades: trades::all(scale),
            report: Report::default(),
            log: None,
            latest: clock.now(),
            writers: Vec::new(),
            drawn: Arc::default(),
            kind,
            bend,
            chance,
            clock,
            partitions,
            seed,
            size,
            scale,
        }
    }

    pub(crate) fn lives(&mut self) -> u64 {
        1 + self.chance.below(self.size.lives)
    }

    pub(crate) fn scale(&self) -> Scale {
        self.scale
    }

    /// One life: everything is opened, this and that happens, and in the end the power goes; or all comes to an end.
    pub(crate) fn live(&mut self, may_crash: bool) -> Result<(), String> {
        if may_crash && self.kind == Kind::Files {
            crashes::plan(&self.disk, &mut self.chance);
        }
        let lived = self.open().and_then(|()| {
            for _ in 0..1 + self.chance.below(self.size.actions) {
                self.act(may_crash)?;
            }
            if may_crash { Ok(()) } else { self.finish() }
        });
        match lived {
            Err(Trouble::Bug(what)) => Err(what),
            Err(Trouble::Down) if !may_crash => Err("the disk failed although nothing was planned".into()),
            _ if may_crash => {
                self.end();
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// Every process ends where it stands.
    fn end(&mut self) {
        for mut writer in self.writers.drain(..) {
            drop(writer.seats);
            self.clients.give_up(&mut writer.tries);
        }
        self.log = None;
        if self.kind == Kind::Files {
            self.disk.crash();
            self.disk.restart();
            self.report.crashes += 1;
        }
        self.clock.advance(self.chance.between(-500_000, 30_000_000));
    }

    /// The log as a life finds it.
    pub(crate) fn open_log(&mut self) -> Result<Arc<dyn EventLog>, String> {
        if self.kind == Kind::Memory {
            return Ok(Arc::clone(&self.memory));
        }
        let options = FileOptions {
            incarnation: Incarnation { id: self.seed, ordinal: 0 },
            partitions: self.partitions,
            segment_bytes: 1 << (10 + self.chance.below(6)),
            writers: Writers::Inline,
            queue_bytes: 1 << 20,
            reserve_bytes: 0,
            low_water: 0,
            ..FileOptions::default()
        };
        let log = FileLog::open(Arc::new(self.disk.clone()), Arc::clone(&self.clock), options);
        log.map(|log| Arc::new(log) as Arc<dyn EventLog>).map_err(|error| format!("log does not open: {error}"))
    }

    fn open(&mut self) -> Result<(), Trouble> {
        let log = self.open_log().map_err(|what| self.trouble(what))?;
        self.log = Some(Arc::new(SlowLog::new(log, self.bend)));
        // In files there is one process, which holds the lock.
        let writers = if self.kind == Kind::Memory && self.two { 2 } else { 1 };
        for number in 0..writers {
            let writer = self.writer(number, &Arc::new(Mutex::default())).map_err(|what| self.trouble(what))?;
            self.writers.push(writer);
        }
        Ok(())
    }

    fn trouble(&self, what: String) -> Trouble {
        if self.disk.is_down() { Trouble::Down } else { Trouble::Bug(what) }
    }

    pub(crate) fn slow(&self) -> Arc<SlowLog> {
        Arc::clone(self.log.as_ref().expect("a life has a log"))
    }

    /// A process that opens its seats; its read models begin with nothing.
    fn writer(&self, number: usize, known: &Arc<Mutex<Known>>) -> Result<Writer<D>, String> {
        let disk = if number == 0 { &self.disk } else { &self.other };
        let seats = self.seats(disk, self.slow(), known)?;
        let seen = self.slow().ends(Lane::Facts);
        Ok(Writer { seats, known: Arc::clone(known), tries: Vec::new(), seen })
    }

    /// Seats of all partitions, over the snapshots of a disk.
    pub(crate) fn seats(
        &self,
        disk: &SimDisk,
        log: Arc<dyn EventLog>,
        known: &Arc<Mutex<Known>>,
    ) -> Result<Vec<Seat<D>>, String> {
        let drawn = Arc::clone(&self.drawn);
        let parts = Parts {
            log,
            disk: Arc::new(disk.clone()),
            clock: Arc::clone(&self.clock) as Arc<dyn Clock>,
            address: "sim".into(),
            chance: Arc::new(move || u128::from(drawn.fetch_add(1, Ordering::Relaxed)) + 1),
        };
        let (hears, deaf) = (Arc::clone(known), self.bend == Bend::Deaf);
        let listener = Arc::new(move |place: Place, row: &FactRow| {
            // Deaf for one kind of fact, when that is what is broken.
            if !(deaf && matches!(row.known(), Some(records::Fact::QuerySaved { .. }))) {
                hears.lock().hear(place, row);
            }
        });
        let each = self.partitions.each(Lane::Facts);
        each.map(|partition| {
            let seat = Seat::open(partition, parts.clone(), Arc::clone(&listener) as desk::Listener);
            seat.map_err(|error| error.to_string())
        })
        .collect()
    }

    fn act(&mut self, may_fail: bool) -> Result<(), Trouble> {
        let which = self.chance.below(self.writers.len() as u64) as usize;
        match self.chance.below(100) {
            0..42 => {
                let commands = (0..1 + self.chance.below(BATCH)).map(|_| self.ask(which)).collect();
                self.send(which, commands)?;
            }
            42..52 => self.repeat(which)?,
            52..56 => self.misuse(which)?,
            56..76 => self.carry(may_fail)?,
            76..84 => self.settle(which, false)?,
            84..88 => self.settle(which, true)?,
            88..92 => {
                self.settle(which, true)?;
                self.writers[which].seats.iter_mut().for_each(|seat| seat.save());
                self.report.snapshots += 1;
            }
            92..95 if may_fail => self.kill(which)?,
            95..97 if may_fail => self.slow().refuse_next(),
            97..98 => self.send(which, Vec::new())?,
            _ => self.clock.advance(self.chance.between(-2_000_000, 8_000_000)),
        }
        if self.disk.is_down() { Err(Trouble::Down) } else { Ok(()) }
    }

    /// A new command, by somebody who has read what this process knows.
    fn ask(&mut self, which: usize) -> (CommandId, Command) {
        let known = self.writers[which].known.lock();
        let trade = trades::draw(&self.trades, &mut self.chance);
        let command = self.trades[trade].ask(&known, self.clock.now(), &mut self.chance);
        drop(known);
        let tag = self.clients.tag(&command);
        self.report.commands += 1;
        (tag.id, command)
    }

    /// A client that did not hear the answer, or a proxy that tries twice.
    fn repeat(&mut self, which: usize) -> Result<(), Trouble> {
        let ids = self.clients.ids();
        if ids == 0 {
            return Ok(());
        }
        // Mostly one of the newest.
        let newest = self.chance.per_mille(700);
        let back = self.chance.below(if newest { ids.min(20) } else { ids });
        let id = CommandId(u128::from(ids - back));
        let bodies: Vec<Command> = self.clients.asked[&id].values().cloned().collect();
        self.report.repeated += 1;
        self.send(which, bodies.into_iter().map(|command| (id, command)).collect())
    }

    /// A client that uses an id for something else.
    fn misuse(&mut self, which: usize) -> Result<(), Trouble> {
        let ids = self.clients.ids();
        if ids == 0 {
            return Ok(());
        }
        let id = CommandId(u128::from(1 + self.chance.below(ids)));
        let asked = self.clients.asked[&id].values().next().cloned().expect("an id stands for a command");
        // Of the same aggregate, as other aggregates have other ids, and often another partition.
        for _ in 0..20 {
            let known = self.writers[which].known.lock();
            let trade = trades::draw(&self.trades, &mut self.chance);
            let other = self.trades[trade].ask(&known, self.clock.now(), &mut self.chance);
            drop(known);
            if D::aggregate(&other) == D::aggregate(&asked) {
                return self.send(which, vec![(id, other)]);
            }
        }
        Ok(())
    }

    /// Sends commands to the seats that decide them.
    fn send(&mut self, which: usize, commands: Vec<(CommandId, Command)>) -> Result<(), Trouble> {
        let clock = self.clock.now();
        self.latest = self.latest.max(clock);
        let writer = &mut self.writers[which];
        let news = writer.tries.len();
        let mut batches: Vec<Vec<Order<D>>> = writer.seats.iter().map(|_| Vec::new()).collect();
        for (id, command) in commands {
            let tag = self.clients.tag_as(id, &command);
            let partition = (D::aggregate(&command) % batches.len() as u64) as usize;
            let (order, pending) = Order::new(Some(tag), command);
            batches[partition].push(order);
            let (from, partition) = (writer.seen[partition], PartitionId(partition as u16));
            writer.tries.push(Try { tag, partition, from, now: clock, pending });
        }
        let log = Arc::clone(self.log.as_ref().expect("a life has a log"));
        for (partition, batch) in batches.into_iter().enumerate() {
            // As the product's thread does: no more on its way than may be.
            if writer.seats[partition].flights() >= desk::FLIGHTS_MAX {
                log.flush();
                writer.seats[partition].settle();
            }
            let is_asked = !batch.is_empty();
            writer.seats[partition].decide(batch);
            // Nobody but the writer knows what it had seen, and a clock that jumps back makes that matter. It may be no
            // time that never was.
            let Some(time) = writer.seats[partition].time().filter(|_| is_asked) else { continue };
            if time < clock || time > self.latest.max(log.bound()) {
                return Err(Trouble::Bug(format!("partition {partition} decides at {time:?}, it is {clock:?}")));
            }
            let news = writer.tries[news..].iter_mut();
            news.filter(|one| one.partition.index() == partition).for_each(|one| one.now = time);
        }
        self.hear(which)
    }

    fn hear(&mut self, which: usize) -> Result<(), Trouble> {
        let ends = self.slow().ends(Lane::Facts);
        Ok(self.clients.hear(&mut self.writers[which].tries, &ends)?)
    }

    /// The oldest submissions get somewhere.
    fn carry(&mut self, may_fail: bool) -> Result<(), Trouble> {
        for _ in 0..1 + self.chance.below(3) {
            let how = match self.chance.below(1_000) {
                0..LOST_PER_MILLE if may_fail => Carried::Lost,
                LOST_PER_MILLE..FAILING_PER_MILLE if may_fail => Carried::Unheard,
                _ => Carried::There,
            };
            if self.slow().carry(how) {
                self.report.lost += u64::from(how != Carried::There);
            }
        }
        Ok(())
    }

    /// Answers what has come back; with `all`, everything has.
    fn settle(&mut self, which: usize, all: bool) -> Result<(), Trouble> {
        if all {
            self.slow().flush();
        }
        let writer = &mut self.writers[which];
        writer.seats.iter_mut().for_each(Seat::settle_ready);
        let before = self.clients.done.len();
        self.hear(which)?;
        if all && self.clients.done.len() > before {
            self.note_seen(which);
        }
        Ok(())
    }

    /// What a lone writer has appended it has seen.
    fn note_seen(&mut self, which: usize) {
        if self.writers.len() > 1 {
            return;
        }
        let ends = self.slow().ends(Lane::Facts);
        self.writers[which].seen = ends;
    }

    /// A process is killed where it stands, and another one takes its place.
    fn kill(&mut self, which: usize) -> Result<(), Trouble> {
        self.report.kills += 1;
        // What is on its way to a broker may arrive; an embedded log's queue dies with its process.
        let mut killed = self.writers.remove(which);
        drop(killed.seats);
        self.clients.give_up(&mut killed.tries);
        if self.kind == Kind::Files {
            self.log = None;
            let log = self.open_log().map_err(|what| self.trouble(what))?;
            self.log = Some(Arc::new(SlowLog::new(log, self.bend)));
        }
        let writer = self.writer(which, &Arc::new(Mutex::default())).map_err(|what| self.trouble(what))?;
        self.writers.insert(which, writer);
        Ok(())
    }

    /// Sends again what nobody is sure of, until everybody is.
    fn finish(&mut self) -> Result<(), Trouble> {
        self.drain()?;
        for _ in 0..ROUNDS_MAX {
            let unsure: Vec<_> = self.clients.unsure.iter().copied().collect();
            if unsure.is_empty() {
                return self.probe();
            }
            for (id, hash) in unsure {
                let command = self.clients.asked[&id][&hash].clone();
                self.report.repeated += 1;
                self.send(0, vec![(id, command)])?;
                self.settle(0, true)?;
            }
        }
        Err(Trouble::Bug(format!("{} commands are never answered", self.clients.unsure.len())))
    }

    fn drain(&mut self) -> Result<(), Trouble> {
        (0..self.writers.len()).try_for_each(|which| self.settle(which, true))
    }

    /// One more fact in each partition by each process: whoever was fenced off learns it, and reads what it has not.
    fn probe(&mut self) -> Result<(), Trouble> {
        for which in 0..self.writers.len() {
            for partition in 0..self.partitions.facts {
                let command = probe::<D>(partition, self.partitions.facts);
                let id = self.clients.tag(&command).id;
                for _ in 0..ROUNDS_MAX {
                    self.send(which, vec![(id, command.clone())])?;
                    self.settle(which, true)?;
                    if self.clients.done.contains_key(&id) {
                        break;
                    }
                }
                if !self.clients.done.contains_key(&id) {
                    return Err(Trouble::Bug(format!("process {which} does not get partition {partition} back")));
                }
            }
            super::check::live(self, which)?;
        }
        Ok(())
    }
}

/// A command that is always a fact, in this of so many partitions.
fn probe<D: Rules>(partition: u16, of: u16) -> Command {
    let told = records::Fact::KeyUsed { key: "probe".into() };
    let wishes = vec![rules::office::Wish::Tell(told)];
    let made = (1_u128..).map(|number| {
        let organization = records::OrganizationId(1_000_000 + number);
        let event = records::EventId::NONE;
        Command::from(rules::office::Command { organization, event, wishes: wishes.clone() })
    });
    let mut found = made.filter(|command| D::aggregate(command) % u64::from(of) == u64::from(partition));
    found.next().expect("hashes reach every partition")
}
