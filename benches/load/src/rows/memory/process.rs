//! The whole product at the demo's rate: the real binary plays its conference, and `/proc` says what it holds.

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context;

use crate::report::say;

/// How often `/proc` is read.
const LOOK: Duration = Duration::from_millis(250);
/// How long starting, playing and comparing may take besides the seconds of the conference.
const SPARE: Duration = Duration::from_secs(180);
/// Decides the conference: the same one each time.
const SEED: &str = "7";
/// How the demo's line begins that says that playing is over; comparing needs memory of its own.
const OVER: &str = "4/4";

/// The highest resident bytes while the conference was played.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Peak {
    pub(super) process: u64,
    pub(super) engine: u64,
}

/// The product's binary: beside this program, where cargo puts both.
fn binary() -> anyhow::Result<PathBuf> {
    let path = std::env::current_exe()?.with_file_name("eventra");
    anyhow::ensure!(path.is_file(), "no binary at {}: cargo build --release -p eventra", path.display());
    Ok(path)
}

/// Plays the demo's conference as `make demo` does without a terminal, in a directory of its own.
pub(super) fn at_rate(rate: u64, seconds: u64) -> anyhow::Result<Peak> {
    let folder = tempfile::tempdir_in(crate::rows::base()?)?;
    let mut child = Command::new(binary()?)
        .args(["demo", "--seed", SEED, "--rate", &rate.to_string()])
        .env("EVENTRA_DATA_DIR", folder.path())
        .env("DEMO_SECONDS", seconds.to_string())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()?;
    let watched = watch(&mut child, Duration::from_secs(seconds) + SPARE);
    if watched.is_err() {
        // Whatever was wrong, it must not stay; that it may have ended already is no matter.
        let _ = child.kill();
    }
    let status = child.wait()?;
    let peak = watched?;
    anyhow::ensure!(status.success(), "the demo at {rate} records/s ended with {status}");
    say!(
        "{rate} records/s for {seconds} s: process {} MB, engine {} MB at most",
        peak.process / 1_000_000,
        peak.engine / 1_000_000
    );
    Ok(peak)
}

fn watch(child: &mut Child, within: Duration) -> anyhow::Result<Peak> {
    let output = child.stdout.take().context("its output is piped")?;
    let over = Arc::new(AtomicBool::new(false));
    let told = Arc::clone(&over);
    // Its output is read to the end, so that it never waits for us.
    let reader = std::thread::spawn(move || {
        for line in BufReader::new(output).lines().map_while(Result::ok) {
            if line.starts_with(OVER) {
                told.store(true, Ordering::Release);
            }
        }
    });
    let (mut peak, started) = (Peak::default(), Instant::now());
    while child.try_wait()?.is_none() {
        anyhow::ensure!(started.elapsed() < within, "the demo does not end");
        if !over.load(Ordering::Acquire) {
            peak.process = peak.process.max(resident_of(child.id()));
            peak.engine = peak.engine.max(children_of(child.id()).into_iter().map(resident_of).sum());
        }
        std::thread::sleep(LOOK);
    }
    anyhow::ensure!(over.load(Ordering::Acquire), "the demo ended before its conference did");
    reader.join().ok().context("the reader does not panic")?;
    anyhow::ensure!(peak.engine > 0, "no engine was seen beside it");
    Ok(peak)
}

/// Resident bytes of a process; 0 when it is gone.
fn resident_of(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or_default();
    let kib = line.split_ascii_whitespace().next().and_then(|number| number.parse::<u64>().ok());
    kib.unwrap_or(0) * 1_024
}

/// The processes that it has started: the engine.
fn children_of(pid: u32) -> Vec<u32> {
    let tasks = std::fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    let children = tasks.filter_map(|task| std::fs::read_to_string(task.path().join("children")).ok());
    children
        .flat_map(|text| text.split_ascii_whitespace().filter_map(|pid| pid.parse().ok()).collect::<Vec<_>>())
        .collect()
}
