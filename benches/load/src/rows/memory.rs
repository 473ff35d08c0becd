//! Resident bytes for each key at a million keys: windowed counters, participants, fraud entities; and the whole process.
//!
//! Each state is made in a process of its own, whose resident memory (`/proc/self/statm`) is read before and after:
//! what the allocator wastes is counted, and what views say of their own size is only a part of the answer.

mod keys;
mod process;

use anyhow::Context;

use super::child_command;
use crate::Settings;
use crate::peers::Redis;
use crate::report::{Row, say};

pub(super) use keys::child;

const KEYS: u64 = 1_000_000;
/// Bytes per windowed counter, participant and fraud entity.
const GOALS: [f64; 3] = [48.0, 60.0, 400.0];
/// Bytes of the whole process at the demo's rate.
const PROCESS_GOAL: f64 = 600e6;
/// A Redis sorted set of a million participants, as the issue states it.
const REDIS_PUBLISHED: f64 = 103.0;
/// Seconds of the simulated conference.
const SECONDS: u64 = 60;
const SECONDS_MIN: u64 = 15;
/// Records a second of the demo, and ten times that.
const DEMO_RATE: u64 = 2_000;
/// The word that makes this program a child that holds one state.
pub(super) const CHILD: &str = "memory";

/// What a state of so many keys takes.
#[derive(Debug, Clone, Copy, serde::Serialize, serde::Deserialize)]
struct Held {
    keys: u64,
    /// Resident bytes more than before.
    resident: u64,
    /// What the view says of itself, where it does.
    told: Option<u64>,
}

impl Held {
    fn each(self) -> f64 {
        self.resident as f64 / self.keys as f64
    }
}

/// Milliseconds after which mimalloc gives freed pages back, by its environment variable. At once is what a state itself
/// takes; its default leaves what a growing table left behind in a process that allocates nothing after it.
#[derive(Debug, Clone, Copy)]
enum Purge {
    AtOnce,
    Default,
}

/// Makes a state in a child process and returns what it takes there.
fn held(what: &str, keys: u64, purge: Purge) -> anyhow::Result<Held> {
    let mut command = child_command(CHILD)?;
    command.args([what, &keys.to_string()]);
    match purge {
        Purge::AtOnce => command.env("MIMALLOC_PURGE_DELAY", "0"),
        Purge::Default => command.env_remove("MIMALLOC_PURGE_DELAY"),
    };
    let output = command.output()?;
    anyhow::ensure!(output.status.success(), "{what}: {}", String::from_utf8_lossy(&output.stderr));
    let held: Held = serde_json::from_slice(&output.stdout).with_context(|| format!("what `{what}` says"))?;
    say!("{what}: {} keys, {:.1} resident bytes each", held.keys, held.each());
    Ok(held)
}

pub(crate) fn measure(settings: &Settings) -> anyhow::Result<Row> {
    // Never fewer: it takes seconds, and what a process holds anyway would drown the keys.
    let keys = KEYS;
    let [counter, participant, entity] =
        [keys::COUNTERS, keys::PARTICIPANTS, keys::ENTITIES].map(|what| held(what, keys, Purge::AtOnce));
    let (counter, participant, entity) = (counter?, participant?, entity?);
    let unpurged = held(keys::PARTICIPANTS, keys, Purge::Default)?;
    let lone = held(keys::LONE_COUNTERS, keys, Purge::AtOnce)?;
    let seconds = settings.size(SECONDS).max(SECONDS_MIN);
    let demo = process::at_rate(DEMO_RATE, seconds)?;
    let quick = process::at_rate(10 * DEMO_RATE, seconds)?;
    let each = [counter, participant, entity].map(Held::each);
    let holds = each.iter().zip(GOALS).all(|(bytes, goal)| *bytes <= goal) && demo.process as f64 <= PROCESS_GOAL;
    let goal = "bytes per key: counter 48, participant 60, fraud entity 400; whole process 600 MB";
    let mut row = Row::new("spine-memory", "resident bytes per participant", each[1], goal, holds)
        .part("resident bytes per windowed counter", "bytes", each[0])
        .part("resident bytes per participant before freed pages are given back", "bytes", unpurged.each())
        .part("resident bytes per series that has one minute only", "bytes", lone.each())
        .part("resident bytes per fraud entity", "bytes", each[2])
        .part("fraud entities", "", entity.keys as f64)
        .part("whole process at 2,000 records/s, highest", "MB", demo.process as f64 / 1e6)
        .part("its engine beside, highest", "MB", demo.engine as f64 / 1e6)
        .part("whole process at 20,000 records/s, highest", "MB", quick.process as f64 / 1e6)
        .part("its engine beside at 20,000 records/s, highest", "MB", quick.engine as f64 / 1e6);
    for (name, held) in [("windowed counter", counter), ("participant", participant), ("fraud entity", entity)] {
        if let Some(told) = held.told {
            row = row.part(format!("bytes per {name} as the view says"), "bytes", told as f64 / held.keys as f64);
        }
    }
    let theirs = if settings.peers { redis(keys)? } else { REDIS_PUBLISHED };
    row.peer_name = if settings.peers { "Redis sorted set" } else { "Redis sorted set (published)" }.into();
    (row.peer, row.ratio) = (Some(theirs), Some(each[1] / theirs));
    Ok(row)
}

/// Bytes that Redis uses for each participant of a sorted set.
fn redis(keys: u64) -> anyhow::Result<f64> {
    let mut redis = Redis::start()?;
    let before = redis.used_memory()?;
    super::leaderboard::prefill(&mut redis, u32::try_from(keys)?)?;
    Ok((redis.used_memory()? - before) as f64 / keys as f64)
}
