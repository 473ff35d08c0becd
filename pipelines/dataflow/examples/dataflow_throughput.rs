//! How many records a second of processor time the whole dataflow folds: `cargo run --release -p dataflow --example dataflow_throughput [records] [workers]`.
//!
//! A generated conference lies in a log in memory; measured is everything from reading it to the last view, with
//! landing and snapshots on. The processor time is that of the whole process, all threads.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use dataflow::computations::Product;
use dataflow::{Config, Handle, Hooks, Sink};
use eventlog::clock::ManualClock;
use eventlog::disk::RealDisk;
use eventlog::{EventLog, Lane, MemoryLog, MemoryOptions, NewFrame, PartitionId};
use records::{Batch, Timestamp};
use views::as_of::Wanted;
use workload::{Conference, Scale};

/// As in the product.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Rows of a frame: what a front door collects in some milliseconds under load.
const FRAME_ROWS: usize = 2_048;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let records: u64 = arguments.next().map_or(Ok(1_000_000), |text| text.parse())?;
    let workers: usize = arguments.next().map_or(Ok(1), |text| text.parse())?;
    let log = Arc::new(fill(records)?);
    let directory = std::env::temp_dir().join(format!("throughput-{}", std::process::id()));
    let disk = Arc::new(RealDisk::new(&directory)?);
    let landed = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&landed);
    let sink: Sink = Box::new(move |epoch| {
        let rows: usize = epoch.views.iter().map(dataflow::ViewRows::len).sum();
        counted.fetch_add(rows as u64, Ordering::Relaxed);
        Ok(epoch.number)
    });
    let hooks = Hooks { sink: Some(sink), ..Hooks::default() };
    let newest = log.bound();
    let (wall, cpu) = (Instant::now(), cpu_seconds());
    // A snapshot for each 300,000 records: far more often than every ten seconds, so that its price is in the figure.
    let config = Config { workers, claim_id: 1, snapshot_rows: 300_000, ..Config::default() };
    let handle = Handle::<Product>::start(config, log, disk, hooks)?;
    handle.progress().wait_for(Wanted::LogTime(newest), Duration::from_secs(600)).ok_or("it takes too long")?;
    let (wall, cpu) = (wall.elapsed().as_secs_f64(), cpu_seconds() - cpu);
    let status = handle.status();
    println!("{records} records, {workers} workers: {wall:.2} s, {cpu:.2} s of processor time");
    println!("{:.0} records a second of processor time, {:.0} a second", records as f64 / cpu, records as f64 / wall);
    println!("{} inputs, {} epochs, {} rows landed", status.inputs, status.epochs, landed.load(Ordering::Relaxed));
    println!("snapshots: {:?}", status.snapshot);
    let mut threads = BTreeMap::new();
    for entry in std::fs::read_dir("/proc/self/task")? {
        let path = entry?.path();
        let name = std::fs::read_to_string(path.join("comm"))?.trim().to_owned();
        *threads.entry(name).or_insert(0.0) += seconds(&std::fs::read_to_string(path.join("stat"))?);
    }
    println!("processor seconds by thread: {threads:.2?}");
    handle.stop()?;
    std::fs::remove_dir_all(directory)?;
    Ok(())
}

fn fill(records: u64) -> Result<MemoryLog, Box<dyn std::error::Error>> {
    let mut conference = Conference::new(7, Scale::of_records(records));
    let clock = Arc::new(ManualClock::new(Timestamp(conference.begins().0 - 1)));
    let options = MemoryOptions { max_bytes: 1 << 34, ..MemoryOptions::default() };
    let log = MemoryLog::with_options(1, Arc::clone(&clock), options);
    let facts = conference.facts();
    let (body, rows) = (records::fact::encode(&facts).into(), u32::try_from(facts.len())?);
    let (lane, partition) = (Lane::Facts, PartitionId(0));
    log.append(vec![NewFrame { lane, partition, body, rows, dedup: vec![], claim: None }])?;
    let mut rows = Vec::new();
    let mut partition = 0;
    loop {
        rows.clear();
        if conference.fill(&mut rows, FRAME_ROWS) == 0 || conference.emitted() > records {
            return Ok(log);
        }
        clock.set(conference.clock());
        let batch = Batch::from_records(&rows);
        partition = (partition + 1) % 8;
        let (body, count) = (batch.encode().into(), u32::try_from(rows.len())?);
        let (lane, dedup, claim) = (Lane::Activity, batch.dedup(), None);
        log.append(vec![NewFrame { lane, partition: PartitionId(partition), body, rows: count, dedup, claim }])?;
    }
}

/// User and system time of a `stat` line, seconds.
fn seconds(stat: &str) -> f64 {
    let after_name = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    let ticks: f64 = after_name.split_whitespace().skip(11).take(2).filter_map(|field| field.parse::<f64>().ok()).sum();
    // Linux counts in hundredths whatever the kernel's own tick is.
    ticks / 100.0
}

fn cpu_seconds() -> f64 {
    std::fs::read_to_string("/proc/self/stat").map_or(0.0, |stat| seconds(&stat))
}
