//! The embedded log beside a plain file: appending with a group commit every 10 ms, and reading back.

use std::fs::File;
use std::io::{Read, Write};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use eventlog::Codec;
use eventlog::clock::SystemClock;
use eventlog::disk::RealDisk;
use eventlog::{EventLog, FileLog, FileOptions, Lane, NewFrame, Offset, PartitionId, ReadLimits, Ticket};
use records::{Batch, Record};
use workload::{Conference, Scale};

use crate::Settings;
use crate::cpu::{Cost, cost};
use crate::report::Row;
use crate::rounds::interleave;

/// Rows of one frame: what the door gathers within some milliseconds at 50,000 records a second.
const FRAME_ROWS: usize = 512;
const RECORDS: u64 = 4_000_000;
const GROUP: Duration = Duration::from_millis(10);
/// Bytes on their way at most, as a door with a bounded queue has.
const IN_FLIGHT: usize = 16 << 20;
const MIB: f64 = 1_048_576.0;

/// The same frames for both sides.
struct Frames {
    bodies: Vec<(Bytes, Vec<u64>)>,
    counts: Vec<u32>,
    bytes: u64,
    rows: u64,
}

impl Frames {
    fn new(records: u64) -> Self {
        let mut conference = Conference::new(1, Scale::of_records(records));
        let (mut chunk, mut made) =
            (Vec::<Record>::new(), Self { bodies: Vec::new(), counts: Vec::new(), bytes: 0, rows: 0 });
        while made.rows < records {
            chunk.clear();
            if conference.fill(&mut chunk, FRAME_ROWS) == 0 {
                break;
            }
            let batch = Batch::from_records(&chunk);
            let body = Bytes::from(batch.encode());
            let dedup = batch.dedup();
            made.bytes += (body.len() + dedup.len() * size_of::<u64>()) as u64;
            made.rows += chunk.len() as u64;
            made.counts.push(chunk.len() as u32);
            made.bodies.push((body, dedup));
        }
        made
    }

    /// The same frames of a sender that does not ask for deduplication.
    fn without_hashes(&self) -> Self {
        let bodies = self.bodies.iter().map(|(body, _)| (body.clone(), Vec::new())).collect();
        let counts = self.counts.clone();
        Self { bodies, counts, rows: self.rows, bytes: self.bodies.iter().map(|(body, _)| body.len() as u64).sum() }
    }

    fn mib(&self) -> f64 {
        self.bytes as f64 / MIB
    }
}

fn folder() -> anyhow::Result<tempfile::TempDir> {
    Ok(tempfile::tempdir_in(super::base()?)?)
}

fn open(path: &Path, codec: Codec) -> anyhow::Result<FileLog> {
    let options = FileOptions {
        codecs: [codec; 3],
        group_wait: [Duration::ZERO, GROUP, Duration::ZERO],
        ..FileOptions::default()
    };
    Ok(FileLog::open(Arc::new(RealDisk::new(path)?), SystemClock, options)?)
}

/// Appends every frame and waits until all are durable.
fn fill(log: &FileLog, frames: &Frames) -> anyhow::Result<()> {
    let partitions = log.identity().partitions.activity;
    let mut waiting = std::collections::VecDeque::<(Ticket, usize)>::new();
    let mut in_flight = 0;
    for (number, (body, dedup)) in frames.bodies.iter().enumerate() {
        let partition = PartitionId((number % usize::from(partitions)) as u16);
        let rows = frames.counts[number];
        let frame =
            NewFrame { lane: Lane::Activity, partition, body: body.clone(), rows, dedup: dedup.clone(), claim: None };
        waiting.push_back((log.submit(vec![frame])?, body.len()));
        in_flight += body.len();
        while in_flight > IN_FLIGHT {
            let Some((ticket, bytes)) = waiting.pop_front() else { break };
            ticket.wait()?;
            in_flight -= bytes;
        }
    }
    for (ticket, _) in waiting {
        ticket.wait()?;
    }
    Ok(())
}

/// What one append took.
#[derive(Debug, Clone, Copy, Default)]
struct Appended {
    rate: f64,
    cpu: f64,
}

impl Appended {
    fn new(mib: f64, cost: Cost) -> Self {
        Self { rate: mib / cost.wall.as_secs_f64(), cpu: cost.cpu.as_secs_f64() * 1_024.0 / mib }
    }
}

fn append_ours(frames: &Frames, codec: Codec) -> anyhow::Result<Appended> {
    let folder = folder()?;
    let log = open(folder.path(), codec)?;
    let (cost, filled) = cost(|| fill(&log, frames));
    filled?;
    Ok(Appended::new(frames.mib(), cost))
}

/// The same bytes, bodies and hashes, into one file, with a data sync every 10 ms and at the end.
fn append_raw(frames: &Frames) -> anyhow::Result<Appended> {
    let folder = folder()?;
    let mut file = File::create(folder.path().join("raw"))?;
    // Encoded before the clock starts, as the bodies are.
    let pieces: Vec<(&Bytes, Vec<u8>)> = frames
        .bodies
        .iter()
        .map(|(body, dedup)| (body, dedup.iter().flat_map(|hash| hash.to_le_bytes()).collect()))
        .collect();
    let (cost, written) = cost(|| -> std::io::Result<()> {
        let mut synced = Instant::now();
        for (body, hashes) in &pieces {
            file.write_all(body)?;
            file.write_all(hashes)?;
            if synced.elapsed() >= GROUP {
                file.sync_data()?;
                synced = Instant::now();
            }
        }
        file.sync_data()
    });
    written?;
    Ok(Appended::new(frames.mib(), cost))
}

pub(crate) fn append(settings: &Settings) -> anyhow::Result<Row> {
    let frames = Frames::new(settings.size(RECORDS));
    let plain = frames.without_hashes();
    // The same bytes on both sides: the log does not compress here. What lz4 gives is a part of its own.
    let (mut mine, mut theirs) = (Appended::default(), Appended::default());
    let rounds = interleave(
        settings.rounds,
        || {
            mine = append_ours(&frames, Codec::None)?;
            Ok(mine.rate)
        },
        || {
            theirs = append_raw(&frames)?;
            Ok(theirs.rate)
        },
    )?;
    eprintln!("  without deduplication hashes:");
    let bare =
        interleave(settings.rounds, || Ok(append_ours(&plain, Codec::None)?.rate), || Ok(append_raw(&plain)?.rate))?;
    let compressed = append_ours(&frames, Codec::Lz4)?;
    let row = Row::of_rounds(
        "spine-log-append",
        "MiB/s",
        &rounds,
        "a plain file, fdatasync every 10 ms",
        "0.9 of raw write+fdatasync",
        0.9,
    );
    let per_mib = frames.rows as f64 / frames.mib();
    Ok(row
        .part("records per second", "records/s", rounds.ours * per_mib)
        .part("CPU for a GiB", "s", mine.cpu)
        .part("CPU for a GiB, raw", "s", theirs.cpu)
        .part("ratio without deduplication hashes", "", bare.ratio)
        .part("with lz4, as the product writes", "MiB/s of records", compressed.rate))
}

/// Reads everything back as the dataflow does; the rate is of records per CPU-second.
fn read_ours(log: &FileLog, rows: u64) -> anyhow::Result<f64> {
    let mut from: Vec<Offset> = log.starts(Lane::Activity);
    let (cost, read) = cost(|| -> anyhow::Result<u64> {
        let mut read = 0;
        loop {
            let frames = log.read_lane(Lane::Activity, &from, ReadLimits::default())?;
            if frames.is_empty() {
                return Ok(read);
            }
            for frame in &frames {
                from[frame.partition.index()] = frame.end();
                read += u64::from(frame.counted());
            }
        }
    });
    let read = read?;
    anyhow::ensure!(read == rows, "the log gave {read} of {rows} records back");
    Ok(read as f64 / cost.cpu.as_secs_f64())
}

/// Reads the plain file with the same checksum over the same pieces.
fn read_raw(path: &Path, frames: &Frames, checksums: &[u32]) -> anyhow::Result<f64> {
    let (cost, sound) = cost(|| -> anyhow::Result<bool> {
        let mut file = File::open(path)?;
        // Eight megabytes at a time, as the log reads.
        let mut buffer = vec![0; ReadLimits::default().max_bytes];
        let mut sound = true;
        let mut sums = checksums.iter();
        let mut pieces = frames.bodies.iter().map(|(body, _)| body.len()).peekable();
        while pieces.peek().is_some() {
            let mut lengths = Vec::new();
            let mut filled = 0;
            while let Some(length) = pieces.next_if(|length| filled + length <= buffer.len()) {
                filled += length;
                lengths.push(length);
            }
            file.read_exact(&mut buffer[..filled])?;
            let mut at = 0;
            for length in lengths {
                sound &= sums.next() == Some(&crc32c::crc32c(&buffer[at..at + length]));
                at += length;
            }
        }
        Ok(sound)
    });
    anyhow::ensure!(sound?, "the plain file reads back differently");
    Ok(frames.rows as f64 / cost.cpu.as_secs_f64())
}

pub(crate) fn read(settings: &Settings) -> anyhow::Result<Row> {
    let frames = Frames::new(settings.size(RECORDS));
    let folder = folder()?;
    let log = open(&folder.path().join("plain"), Codec::None)?;
    fill(&log, &frames)?;
    let packed = open(&folder.path().join("lz4"), Codec::Lz4)?;
    fill(&packed, &frames)?;
    let raw = folder.path().join("raw");
    let mut file = File::create(&raw)?;
    frames.bodies.iter().try_for_each(|(body, _)| file.write_all(body))?;
    let sums: Vec<u32> = frames.bodies.iter().map(|(body, _)| crc32c::crc32c(body)).collect();
    let rounds = interleave(settings.rounds, || read_ours(&log, frames.rows), || read_raw(&raw, &frames, &sums))?;
    let compressed = read_ours(&packed, frames.rows)?;
    let name = "a plain file with the same checksum";
    let goal = "0.7 of the raw file; 5 M records per CPU-second";
    let mut row = Row::of_rounds("spine-log-read", "records per CPU-second", &rounds, name, goal, 0.7);
    row.holds &= rounds.ours >= 5e6;
    Ok(row.part("with lz4, as the product writes", "records per CPU-second", compressed))
}
