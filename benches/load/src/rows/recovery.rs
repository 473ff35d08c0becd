//! Kill -9 in the middle of ten million records: how long until views answer again, and whether they are the same.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Instant;

use anyhow::Context;
use dataflow::computations::{Product, Views};
use dataflow::{Config, Hooks, Step, Stepper};
use eventlog::EventLog;
use eventlog::clock::SystemClock;
use eventlog::disk::RealDisk;
use records::hash;
use views::shards::Reader;
use views::state::Fold;

use super::fraud::claim;
use super::input;
use crate::Settings;
use crate::report::Row;

const RECORDS: u64 = 10_000_000;
const PEOPLE: u32 = 1_000_000;
const GOAL_SECONDS: f64 = 2.0;
/// The child is killed after this share of the epochs that the log needs.
const KILLED_AT_PER_CENT: u64 = 70;
/// What the child is called on the command line; not for people.
pub(crate) const CHILD: &str = "__recovery-child";

fn open(folder: &Path, snapshots: &str) -> anyhow::Result<Stepper<Product>> {
    let disk = RealDisk::new(folder)?;
    let log: Arc<dyn EventLog> = input::file_log(&disk, SystemClock)?;
    let chance = u128::from(std::process::id()) << 64;
    let config = Config {
        claim_id: chance | claim(),
        directory: snapshots.to_owned(),
        snapshot_rows: 1_000_000,
        landing_every: records::Span::from_millis(100),
        ..Config::default()
    };
    Ok(Stepper::open(config, log, Arc::new(disk), Hooks::default())?)
}

/// The child: folds the log, tells each epoch on its standard output, and waits to be killed.
pub(crate) fn child(folder: &Path) -> anyhow::Result<()> {
    let mut dataflow = open(folder, "snapshots")?;
    loop {
        match dataflow.step()? {
            Step::Epoch(number) => println!("{number} {}", dataflow.snapshot().epoch),
            Step::Idle => println!("idle"),
            Step::Rebuilt => anyhow::bail!("a worker panicked"),
        }
    }
}

/// Runs the child until it has folded so many rows' worth of epochs, then kills it with SIGKILL.
fn kill_midway(folder: &Path, records: u64) -> anyhow::Result<()> {
    let mut child = Command::new(std::env::current_exe()?)
        .args([CHILD.as_ref(), folder.as_os_str()])
        .stdout(Stdio::piped())
        .spawn()?;
    let epochs = records / Config::default().epoch_rows * KILLED_AT_PER_CENT / 100;
    let lines = BufReader::new(child.stdout.take().context("the child has an output")?).lines();
    let mut idle = false;
    for line in lines {
        let line = line?;
        idle = line == "idle";
        let (epoch, snapshot) = line.split_once(' ').unwrap_or(("0", "0"));
        if idle || epoch.parse::<u64>()? >= epochs && snapshot.parse::<u64>()? > 0 {
            break;
        }
    }
    // `Child::kill` is SIGKILL: nothing is flushed, nothing is said goodbye to.
    child.kill()?;
    child.wait()?;
    anyhow::ensure!(!idle, "the child had nothing left to do when it was killed");
    Ok(())
}

pub(crate) fn measure(settings: &Settings) -> anyhow::Result<Row> {
    let records = settings.size(RECORDS);
    let people = u32::try_from(settings.size(u64::from(PEOPLE)))?;
    let folder = tempfile::tempdir_in(super::base()?)?;
    let log = input::file_log(&RealDisk::new(folder.path())?, SystemClock)?;
    input::fill(&*log, 8, records, people)?;
    drop(log);
    kill_midway(folder.path(), records)?;

    let started = Instant::now();
    let mut dataflow = open(folder.path(), "snapshots")?;
    let answers = started.elapsed().as_secs_f64();
    let restored = dataflow.progress().current().epoch;
    dataflow.run()?;
    let caught_up = started.elapsed().as_secs_f64();
    let after = hashes(&dataflow.views());
    drop(dataflow);

    let started = Instant::now();
    let mut fresh = open(folder.path(), "rebuilt")?;
    fresh.run()?;
    let rebuilt = started.elapsed().as_secs_f64();
    let same = hashes(&fresh.views()) == after;
    let row = Row::new(
        "spine-recovery",
        "seconds until views answer",
        answers,
        "same state; 2 s plus the tail at the pipeline's rate",
        same && answers <= GOAL_SECONDS,
    );
    Ok(row
        .part("same state as rebuilt from nothing (1 = yes)", "", f64::from(u8::from(same)))
        .part("epoch of the snapshot it came back with", "", restored as f64)
        .part("seconds until caught up with the tail", "s", caught_up)
        .part("seconds to rebuild from nothing", "s", rebuilt))
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
