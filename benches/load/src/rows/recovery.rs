//! Kill -9 of a process that folds ten million records over a million people: how long until another one answers again.
//!
//! Three child processes over one log in files: the first is killed; the second comes back, which is what is measured,
//! from its start to the moment when its views reflect the log's end; the third folds everything from nothing, which
//! gives the state to compare with and the rate at which the tail should go.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, ChildStdout, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context;
use dataflow::computations::{Product, Views};
use dataflow::{Config, Handle, Hooks, Phase};
use eventlog::clock::ManualClock;
use eventlog::disk::RealDisk;
use eventlog::{EventLog, Lane};
use records::hash;
use serde::{Deserialize, Serialize};
use views::shards::Reader;
use views::state::Fold;

use super::{child_command, input};
use crate::Settings;
use crate::report::{Row, say};

const RECORDS: u64 = 10_000_000;
const PEOPLE: u32 = 1_000_000;
/// What coming back may take besides the tail.
const GOAL_SECONDS: f64 = 2.0;
/// The child is killed when its views reflect this share of the records.
const KILLED_AT_PER_CENT: u64 = 95;
/// The word that makes this program a child that folds the log.
pub(super) const CHILD: &str = "recovery";
/// How often a child looks how far it is: a thousandth of what is measured.
const LOOK: Duration = Duration::from_millis(2);
/// How long the last step may take.
const SETTLE: Duration = Duration::from_secs(60);
/// How often it says so.
const TELL_EVERY: Duration = Duration::from_millis(20);
/// How long a child may take for everything; a machine of a twentieth of the speed still makes it.
const WITHIN: Duration = Duration::from_secs(3_600);

/// What a child tells, a line of JSON each.
#[derive(Debug, Serialize, Deserialize)]
enum Told {
    /// Its views can be read and reflect so many records.
    Answers { records: u64 },
    /// They reflect so many, and the newest snapshot is of this epoch.
    Folded { records: u64, snapshot: u64 },
    /// They reflect the log's end. Hashing comes after: no reader waits for it.
    CaughtUp,
    /// The hash of each view's state.
    States(Vec<u64>),
}

fn tell(told: &Told) -> anyhow::Result<()> {
    println!("{}", serde_json::to_string(told)?);
    Ok(())
}

/// As many as the product starts unless told otherwise.
fn workers() -> usize {
    std::thread::available_parallelism().map_or(1, |cores| (cores.get() / 2).max(1))
}

/// The child: opens the log and follows it to its end, as the product does. The clock stands where the log ends, so that
/// every child closes the same windows.
pub(super) fn child(words: &[String]) -> anyhow::Result<()> {
    let [folder, snapshots, records] = words else { anyhow::bail!("a child is told folder, snapshots and records") };
    let total: u64 = records.parse()?;
    let disk = RealDisk::new(Path::new(folder))?;
    let clock = ManualClock::new(input::paced_end(total));
    let log: Arc<dyn EventLog> = input::file_log(&disk, clock)?;
    let chance = u128::from(std::process::id()) << 64;
    let config = Config { claim_id: chance | 1, workers: workers(), directory: snapshots.clone(), ..Config::default() };
    let dataflow = Handle::<Product>::start(config, Arc::clone(&log), Arc::new(disk), Hooks::default())?;
    tell(&Told::Answers { records: reflected(&dataflow) })?;
    let end = log.ends(Lane::Activity).iter().map(|end| end.0).sum::<u64>();
    let (started, mut told) = (Instant::now(), Instant::now());
    loop {
        let records = reflected(&dataflow);
        if records >= end {
            break;
        }
        if told.elapsed() >= TELL_EVERY {
            let status = dataflow.status();
            anyhow::ensure!(!matches!(status.phase, Phase::Failed(_)), "the dataflow gave up: {:?}", status.phase);
            anyhow::ensure!(started.elapsed() < WITHIN, "it does not catch up");
            tell(&Told::Folded { records, snapshot: status.snapshot.epoch })?;
            told = Instant::now();
        }
        std::thread::sleep(LOOK);
    }
    tell(&Told::CaughtUp)?;
    // The last epoch reaches as far as the clock, and may close windows: nothing moves any more after that.
    let reached = views::as_of::Wanted::LogTime(input::paced_end(total));
    let settled = dataflow.progress().wait_for(reached, SETTLE);
    anyhow::ensure!(settled.is_some(), "the views stay at {}", dataflow.as_of().log_time);
    tell(&Told::States(hashes(&dataflow.views())))?;
    dataflow.stop().map_err(anyhow::Error::msg)
}

/// Records of the activity lane that the views reflect; offsets of the embedded log are dense.
fn reflected(dataflow: &Handle<Product>) -> u64 {
    let ends = dataflow.as_of().offsets;
    let activity = ends.iter().filter(|end| usize::from(end.lane) == Lane::Activity.index());
    activity.map(|end| end.end).sum()
}

/// A running child and what it says.
struct Folding {
    child: Child,
    lines: std::io::Lines<BufReader<ChildStdout>>,
    started: Instant,
}

impl Folding {
    fn start(folder: &Path, snapshots: &str, records: u64) -> anyhow::Result<Self> {
        let started = Instant::now();
        let mut child =
            child_command(CHILD)?.arg(folder).args([snapshots, &records.to_string()]).stdout(Stdio::piped()).spawn()?;
        let lines = BufReader::new(child.stdout.take().context("the child has an output")?).lines();
        Ok(Self { child, lines, started })
    }

    /// What it says next, and when; none when it has ended.
    fn next(&mut self) -> anyhow::Result<Option<(Told, f64)>> {
        let Some(line) = self.lines.next() else { return Ok(None) };
        let told = serde_json::from_slice(line?.as_bytes())?;
        Ok(Some((told, self.started.elapsed().as_secs_f64())))
    }

    /// Follows it to its end.
    fn finish(mut self) -> anyhow::Result<Finished> {
        let mut finished = Finished::default();
        while let Some((told, seconds)) = self.next()? {
            match told {
                Told::Answers { records } => (finished.answers, finished.restored) = (seconds, records),
                Told::Folded { .. } => {}
                Told::CaughtUp => finished.caught_up = seconds,
                Told::States(states) => finished.states = states,
            }
        }
        let status = self.child.wait()?;
        anyhow::ensure!(status.success() && !finished.states.is_empty(), "the child ended with {status}");
        Ok(finished)
    }
}

impl Drop for Folding {
    fn drop(&mut self) {
        // It has ended, unless something went wrong; then it must not stay.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What a child did, in seconds since it was started.
#[derive(Debug, Default)]
struct Finished {
    answers: f64,
    caught_up: f64,
    /// Records that its snapshot reflected.
    restored: u64,
    states: Vec<u64>,
}

/// Runs the child until its views reflect most of the records, then kills it with SIGKILL. Returns how many they reflected,
/// and how many it folded in a second.
fn kill_midway(folder: &Path, records: u64) -> anyhow::Result<(u64, f64)> {
    let mut folding = Folding::start(folder, "snapshots", records)?;
    let enough = records * KILLED_AT_PER_CENT / 100;
    let (mut folded, mut snapshots) = (0, false);
    let (mut answered, mut now) = (0.0, 0.0);
    while folded < enough || !snapshots {
        match folding.next()? {
            Some((Told::Answers { .. }, seconds)) => answered = seconds,
            Some((Told::Folded { records, snapshot }, seconds)) => {
                (folded, snapshots, now) = (records, snapshot > 0, seconds);
            }
            Some((Told::CaughtUp | Told::States(_), _)) | None => {
                anyhow::bail!("the child had nothing left to do before it could be killed")
            }
        }
    }
    // `Child::kill` is SIGKILL: nothing is flushed, nothing is said goodbye to.
    folding.child.kill()?;
    folding.child.wait()?;
    Ok((folded, folded as f64 / (now - answered)))
}

pub(crate) fn measure(settings: &Settings) -> anyhow::Result<Row> {
    // Fewer records would be folded before the first snapshot is written.
    let records = settings.size(RECORDS).max(RECORDS / 2);
    let people = u32::try_from(settings.size(u64::from(PEOPLE)))?;
    let folder = tempfile::tempdir_in(super::base()?)?;
    drop(input::paced_log(&RealDisk::new(folder.path())?, 8, records, people)?);
    say!("{records} records are in the log");
    let (killed_at, first_rate) = kill_midway(folder.path(), records)?;
    say!("killed when its views reflected {killed_at} records, {first_rate:.0} a second");
    let back = Folding::start(folder.path(), "snapshots", records)?.finish()?;
    say!("answered after {:.2} s, caught up after {:.2} s", back.answers, back.caught_up);
    anyhow::ensure!(back.restored > 0 && back.restored < records, "it came back with {} records", back.restored);
    let fresh = Folding::start(folder.path(), "rebuilt", records)?.finish()?;
    say!("from nothing it takes {:.1} s", fresh.caught_up);

    let same = back.states == fresh.states;
    let fresh_rate = records as f64 / (fresh.caught_up - fresh.answers);
    // The quicker one: a slow rebuild must not allow a slow recovery.
    let rate = first_rate.max(fresh_rate);
    let tail = (records - back.restored) as f64;
    let allowed = GOAL_SECONDS + tail / rate;
    let goal = "same state; 2 s plus tail / this run's pipeline rate";
    let holds = same && back.caught_up <= allowed;
    let row = Row::new("spine-recovery", "s until views reflect the log's end", back.caught_up, goal, holds);
    Ok(row
        .part("same state as rebuilt from nothing (1 = yes)", "", f64::from(u8::from(same)))
        .part("seconds allowed", "s", allowed)
        .part("seconds until views answer, as of the snapshot", "s", back.answers)
        .part("records behind the snapshot: the tail", "records", tail)
        .part("this run's pipeline rate: the quicker of the two", "records/s", rate)
        .part("pipeline rate before the kill", "records/s", first_rate)
        .part("pipeline rate of the rebuild from nothing", "records/s", fresh_rate)
        .part("records reflected when it was killed", "records", killed_at as f64)
        .part("seconds to rebuild from nothing", "s", fresh.caught_up))
}

fn hashes(views: &Views) -> Vec<u64> {
    vec![
        of(&views.windows),
        of(&views.points),
        of(&views.leaderboards),
        of(&views.campaigns),
        of(&views.signals),
        of(&views.scores),
        of(&views.attendance),
        of(&views.visits),
        of(&views.funnels),
        of(&views.trending),
        of(&views.recommend),
        of(&views.segments),
        of(&views.revenue),
        of(&views.audience),
    ]
}

fn of<F: Fold>(reader: &Reader<F>) -> u64 {
    let (mut hash, mut bytes) = (0, Vec::new());
    reader.scan(|_, fold| {
        bytes.clear();
        fold.encode(&mut bytes);
        hash = hash::join(hash, hash::bytes(&bytes));
    });
    hash
}
