//! Commands of the desk, durable, beside the same rules without a log.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ::desk::{Desk, DeskError, Parts, Pending};
use eventlog::clock::SystemClock;
use eventlog::disk::RealDisk;
use eventlog::{EventLog, FileLog, FileOptions};
use records::fact::CommandTag;
use records::{CommandId, EventId, Fact, ItemId, OrganizationId, SessionId, Text, Timestamp};
use rules::domains::{Command, Refusal};
use rules::office::{self, Wish};
use rules::{Domain as _, Domains};

use crate::Settings;
use crate::cpu::own;
use crate::report::Row;
use crate::rounds::interleave;

const COMMANDS: u64 = 1_000_000;
/// Events of one organization: each is an aggregate, and its items are what commands change.
const EVENTS: u64 = 64;
const ITEMS: u64 = 1_000;
const GOAL: f64 = 500_000.0;
/// Answers that are waited for at once: half of what may wait for one partition, so that none is refused.
const WAITING: usize = ::desk::QUEUE_MAX / 2;
/// The frames of facts wait for no company: the desk makes its own.
const GROUP_EVERY: Duration = Duration::ZERO;

/// Command `number`: an item is listed, or its capacity changes.
fn command(number: u64) -> Command {
    let (event, item) = (EventId(u128::from(number % EVENTS) + 1), ItemId(u128::from(number / EVENTS % ITEMS) + 1));
    let listed = Fact::ItemListed {
        event,
        item,
        session: SessionId(item.0),
        title: "A talk about something".into(),
        track: Text::new("main"),
        starts: Some(Timestamp(1_000_000)),
        ends: Some(Timestamp(2_000_000)),
        // Never what stands: each command is a fact.
        capacity: u32::try_from(number / (EVENTS * ITEMS) + 1).ok(),
    };
    office::Command { organization: OrganizationId(1), event, wishes: vec![Wish::Stand(listed)] }.into()
}

fn tag(number: u64) -> CommandTag {
    CommandTag { id: CommandId(u128::from(number) + 1), hash: number }
}

fn taken(answer: Result<::desk::Done, DeskError<Refusal>>) -> anyhow::Result<()> {
    anyhow::ensure!(answer?.rows.len() == 1, "each command is one fact");
    Ok(())
}

/// Commands a second, and what one costs all threads together.
#[derive(Debug, Clone, Copy, Default)]
struct Run {
    rate: f64,
    cpu_us: f64,
}

/// Commands a second, each answered when durable.
fn ours(commands: u64) -> anyhow::Result<Run> {
    let folder = tempfile::tempdir_in(super::base()?)?;
    let disk = Arc::new(RealDisk::new(folder.path())?);
    let options = FileOptions { group_every: [GROUP_EVERY; 3], ..FileOptions::default() };
    let log: Arc<dyn EventLog> = Arc::new(FileLog::open(Arc::new(RealDisk::new(disk.root())?), SystemClock, options)?);
    let (address, chance) = ("here".into(), Arc::new(|| 7));
    let parts = Parts { log, disk, clock: Arc::new(SystemClock), address, chance };
    let desk = Desk::<Domains>::open(parts, Arc::new(|_, _| {}))?;
    let (cpu, started) = (own(), Instant::now());
    let mut waiting = VecDeque::<Pending<Refusal>>::with_capacity(WAITING);
    for number in 0..commands {
        if waiting.len() == WAITING
            && let Some(pending) = waiting.pop_front()
        {
            taken(pending.wait())?;
        }
        waiting.push_back(desk.submit(Some(tag(number)), command(number)));
    }
    waiting.into_iter().try_for_each(|pending| taken(pending.wait()))?;
    let (took, cpu) = (started.elapsed(), own() - cpu);
    desk.close();
    Ok(Run { rate: commands as f64 / took.as_secs_f64(), cpu_us: cpu.as_secs_f64() * 1e6 / commands as f64 })
}

/// The same rules on as many threads as this machine has cores, nothing kept: commands a second.
fn without_a_log(commands: u64) -> anyhow::Result<Run> {
    let threads = std::thread::available_parallelism()?.get() as u64;
    let (cpu, started) = (own(), Instant::now());
    std::thread::scope(|scope| {
        let work = |thread: u64| {
            move || {
                let mut office = Domains::default();
                for number in (0..commands).filter(|number| number % EVENTS % threads == thread) {
                    let rows = office.decide(&command(number), Timestamp(number.cast_signed()))?;
                    rows.iter().try_for_each(|row| office.apply(row))?;
                }
                anyhow::Ok(())
            }
        };
        let workers: Vec<_> = (0..threads).map(|thread| scope.spawn(work(thread))).collect();
        workers.into_iter().try_for_each(|worker| {
            worker.join().unwrap_or_else(|_| Err(anyhow::anyhow!("a thread of the peer panicked")))
        })
    })?;
    let (took, cpu) = (started.elapsed(), own() - cpu);
    Ok(Run { rate: commands as f64 / took.as_secs_f64(), cpu_us: cpu.as_secs_f64() * 1e6 / commands as f64 })
}

pub(crate) fn measure(settings: &Settings) -> anyhow::Result<Row> {
    let commands = settings.size(COMMANDS);
    let (mut mine, mut theirs) = (Run::default(), Run::default());
    let rounds = interleave(
        settings.rounds,
        || {
            mine = ours(commands)?;
            Ok(mine.rate)
        },
        || {
            theirs = without_a_log(commands)?;
            Ok(theirs.rate)
        },
    )?;
    let goal = "500,000 commands per second; 0.5 of the same rules without a log";
    let mut row = Row::of_rounds("serving-desk", "commands per second", &rounds, "the same rules, no log", goal, 0.5);
    row.holds &= rounds.ours >= GOAL;
    Ok(row.part("CPU of a command", "us", mine.cpu_us).part("CPU of a command without a log", "us", theirs.cpu_us))
}
