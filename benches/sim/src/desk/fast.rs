//! Many commands and no disk: the rules alone, or behind a desk over a log in memory, counted and judged as they go.

use std::sync::Arc;
use std::time::Duration;

use desk::{Order, Parts, Pending, Place, Seat};
use eventlog::clock::ManualClock;
use eventlog::disk::SimDisk;
use eventlog::{EventLog as _, Lane, MemoryLog, MemoryOptions, Partitions};
use parking_lot::Mutex;
use records::fact::CommandTag;
use records::{CommandId, FactRow, Timestamp};
use rules::domains::Command;
use rules::{Domain as _, Domains};
use rustix::time::{ClockId, clock_gettime};
use workload::chance::Chance;

use super::known::Known;
use super::trades::{self, Scale, Trade};
use crate::run::Failure;

/// Commands that are thought of at once, on what was known before them: as many as a busy desk takes in one batch.
const CHUNK: u64 = desk::BATCH_MAX as u64;
/// Chunks after which the state goes through its bytes, as through a snapshot.
const CHUNKS_BETWEEN_SNAPSHOTS: u64 = 4_096;
/// What time brings before the commands of a chunk.
const DUE_MAX: usize = 256;
/// How far the clock moves for each chunk, microseconds.
const CHUNK_MICROS: i64 = 50_000;

/// What became of many commands.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Fast {
    /// Commands.
    pub commands: u64,
    /// Those that became facts.
    pub done: u64,
    /// Those that were refused.
    pub refused: u64,
    /// Facts.
    pub facts: u64,
    /// Times that the state was written, read back and written again.
    pub snapshots: u64,
    /// CPU time for deciding and applying; with a desk also for its ids, the log and the answers.
    pub took: Duration,
}

/// Decides so many commands; `through_desk` with ids, a log in memory and answers.
///
/// # Errors
/// When a fact breaks a law, a state does not read back, or an answer is missing.
pub fn fast(seed: u64, commands: u64, scale: Scale, through_desk: bool) -> Result<Fast, Failure> {
    let mut crowd = Crowd::new(seed, scale);
    let decided = if through_desk { by_desk(&mut crowd, commands) } else { by_rules(&mut crowd, commands) };
    decided.map_err(|what| Failure { seed, what })
}

/// The CPU time of this thread: others may use the machine.
fn cpu() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap_or(0))
}

/// Who asks, what they know, and who judges.
struct Crowd {
    chance: Chance,
    trades: Vec<Box<dyn Trade>>,
    known: Known,
    now: Timestamp,
}

impl Crowd {
    fn new(seed: u64, scale: Scale) -> Self {
        let (chance, trades) = (Chance::new(seed), trades::all(scale));
        Self { chance, trades, known: Known::default(), now: Timestamp::from_seconds(1_791_000_000) }
    }

    fn asks(&mut self, count: u64) -> Vec<Command> {
        self.now = Timestamp(self.now.0 + CHUNK_MICROS);
        let Self { chance, trades, known, now } = self;
        (0..count)
            .map(|_| {
                let which = trades::draw(trades, chance);
                trades[which].ask(known, *now, chance)
            })
            .collect()
    }

    fn hears(&mut self, rows: &[FactRow]) -> Result<(), String> {
        for row in rows {
            self.trades.iter_mut().try_for_each(|trade| trade.judge(row))?;
            self.known.take(row);
        }
        Ok(())
    }
}

fn by_rules(crowd: &mut Crowd, commands: u64) -> Result<Fast, String> {
    let (mut fast, mut state) = (Fast::default(), Domains::default());
    while fast.commands < commands {
        let asked = crowd.asks(CHUNK.min(commands - fast.commands));
        let mut facts = Vec::new();
        let started = cpu();
        for _ in 0..DUE_MAX {
            let Some(row) = state.due(crowd.now) else { break };
            state.apply(&row).map_err(|error| error.to_string())?;
            facts.push(row);
        }
        for command in &asked {
            match state.decide(command, crowd.now) {
                Ok(rows) => {
                    fast.done += u64::from(!rows.is_empty());
                    for row in rows {
                        state.apply(&row).map_err(|error| error.to_string())?;
                        facts.push(row);
                    }
                }
                Err(_) => fast.refused += 1,
            }
        }
        fast.took += cpu().saturating_sub(started);
        fast.commands += asked.len() as u64;
        fast.facts += facts.len() as u64;
        crowd.hears(&facts)?;
        if fast.commands % (CHUNK * CHUNKS_BETWEEN_SNAPSHOTS) == 0 || fast.commands == commands {
            state = reread(&state)?;
            fast.snapshots += 1;
        }
    }
    Ok(fast)
}

/// The state as its bytes give it back, which must be the same bytes again.
fn reread(state: &Domains) -> Result<Domains, String> {
    let (mut bytes, mut again) = (Vec::new(), Vec::new());
    state.encode(&mut bytes);
    let state = Domains::decode(&bytes).map_err(|error| error.to_string())?;
    state.encode(&mut again);
    if bytes == again { Ok(state) } else { Err("a state that was read back is another one".into()) }
}

fn by_desk(crowd: &mut Crowd, commands: u64) -> Result<Fast, String> {
    let clock = Arc::new(ManualClock::new(crowd.now));
    let partitions = Partitions { facts: 1, activity: 1, system: 1 };
    let options = MemoryOptions { partitions, may_truncate_facts: true, ..MemoryOptions::default() };
    let log = Arc::new(MemoryLog::with_options(1, Arc::clone(&clock), options));
    let parts = Parts {
        log: Arc::clone(&log) as Arc<dyn eventlog::EventLog>,
        disk: Arc::new(SimDisk::new(1)),
        clock: Arc::clone(&clock) as Arc<dyn eventlog::clock::Clock>,
        address: "sim".into(),
        chance: Arc::new(|| 1),
    };
    let partition = partitions.each(Lane::Facts).next().ok_or("there is no partition")?;
    // What time brings comes before the commands of a batch, and nobody is answered with it.
    let due = Arc::new(Mutex::new((Vec::new(), true)));
    let hears = Arc::clone(&due);
    let listener = move |_: Place, row: &FactRow| {
        let mut due = hears.lock();
        due.1 &= row.command.is_none();
        if due.1 {
            due.0.push(row.clone());
        }
    };
    let seat = Seat::<Domains>::open(partition, parts, Arc::new(listener));
    let (mut seat, mut fast) = (seat.map_err(|error| error.to_string())?, Fast::default());
    while fast.commands < commands {
        let asked = crowd.asks(CHUNK.min(commands - fast.commands));
        clock.set(crowd.now);
        let numbered = asked.into_iter().zip(fast.commands + 1..);
        let tagged = numbered.map(|(command, id)| {
            let tag = CommandTag { id: CommandId(u128::from(id)), hash: id };
            Order::new(Some(tag), command)
        });
        let (orders, pending): (Vec<Order<Domains>>, Vec<Pending<_>>) = tagged.unzip();
        fast.commands += orders.len() as u64;
        let started = cpu();
        seat.decide(orders);
        seat.settle();
        let answers: Vec<_> = pending.into_iter().map(Pending::wait).collect();
        fast.took += cpu().saturating_sub(started);
        let (brought, _) = std::mem::replace(&mut *due.lock(), (Vec::new(), true));
        crowd.hears(&brought)?;
        for answer in answers {
            match answer {
                Ok(done) => {
                    fast.done += u64::from(done.at.is_some());
                    fast.facts += done.rows.len() as u64;
                    crowd.hears(&done.rows)?;
                }
                Err(desk::DeskError::Refused(_)) => fast.refused += 1,
                Err(error) => return Err(error.to_string()),
            }
        }
        // Nobody asks for what was told: a log of so many commands would not fit.
        let end = log.ends(Lane::Facts)[partition.index()];
        log.truncate_before(Lane::Facts, partition, end).map_err(|error| error.to_string())?;
    }
    seat.ask(reread).ok_or("the desk has lost its state")??;
    fast.snapshots = 1;
    Ok(fast)
}
