//! The embedded log beside a plain file: appending with a group commit every 10 ms, and reading back.

mod frames;
mod keyed;
mod plain;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use eventlog::Codec;
use eventlog::clock::SystemClock;
use eventlog::disk::RealDisk;
use eventlog::{EventLog, FileLog, FileOptions, Lane, NewFrame, Offset, PartitionId, ReadLimits, Ticket};

use self::frames::Frames;
use self::plain::{BUFFERS, Form, Plain};
use crate::Settings;
use crate::cpu::{Cost, cost};
use crate::report::{Row, say};
use crate::rounds::{interleave, median};

/// About 1.4 GB: a second of writing.
const RECORDS: u64 = 8_000_000;
const GROUP: Duration = Duration::from_millis(10);
/// Bytes on their way at most, as a door with a bounded queue has.
const IN_FLIGHT: usize = 16 << 20;
/// Rounds in which forms of the peer are tried; the figure is the median of those behind the first.
const TRIES: usize = 2;

fn folder() -> anyhow::Result<tempfile::TempDir> {
    Ok(tempfile::tempdir_in(super::base()?)?)
}

fn open(path: &Path, codec: Codec) -> anyhow::Result<FileLog> {
    let options = FileOptions {
        codecs: [codec; 3],
        group_every: [Duration::ZERO, GROUP, Duration::ZERO],
        ..FileOptions::default()
    };
    Ok(FileLog::open(Arc::new(RealDisk::new(path)?), SystemClock, options)?)
}

/// Appends every frame and waits until all are durable.
fn fill(log: &FileLog, frames: &Frames) -> anyhow::Result<()> {
    let partitions = log.identity().partitions.activity;
    let mut waiting = std::collections::VecDeque::<(Ticket, usize)>::new();
    let mut in_flight = 0;
    for (number, one) in frames.all.iter().enumerate() {
        let partition = PartitionId((number % usize::from(partitions)) as u16);
        let (body, dedup) = (one.body.clone(), one.dedup.clone());
        let frame = NewFrame { lane: Lane::Activity, partition, body, rows: one.rows, dedup, claim: None };
        waiting.push_back((log.submit(vec![frame])?, one.body.len()));
        in_flight += one.body.len();
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

pub(crate) fn append(settings: &Settings) -> anyhow::Result<Row> {
    let frames = Frames::new(settings.size(RECORDS))?;
    let plain = frames.without_hashes();
    let mut forms = Vec::new();
    for form in Form::ALL {
        let rate = median(TRIES, || Ok(plain::append(&frames, form)?.rate))?;
        say!("plain file, {}: {rate:.0} MiB/s", form.name());
        forms.push((form, rate));
    }
    // The peer is the plain file at its best: whichever form this machine likes most.
    let (best, _) = forms.iter().copied().max_by(|one, other| one.1.total_cmp(&other.1)).unwrap_or((Form::Groups, 0.0));
    // The same bytes on both sides: the log does not compress here. What lz4 gives is a part of its own.
    let (mut mine, mut theirs) = (Appended::default(), Appended::default());
    let rounds = interleave(
        settings.rounds,
        || {
            mine = append_ours(&frames, Codec::None)?;
            Ok(mine.rate)
        },
        || {
            theirs = plain::append(&frames, best)?;
            Ok(theirs.rate)
        },
    )?;
    say!("without deduplication hashes:");
    let bare = interleave(
        settings.rounds,
        || Ok(append_ours(&plain, Codec::None)?.rate),
        || Ok(plain::append(&plain, best)?.rate),
    )?;
    let compressed = median(TRIES, || Ok(append_ours(&frames, Codec::Lz4)?.rate))?;
    let fjall = median(TRIES, || Ok(keyed::append(&frames)?.rate))?;
    let name = format!("a plain file at its best ({}), fdatasync every 10 ms", best.name());
    let goal = "0.9 of raw write+fdatasync";
    let mut row = Row::of_rounds("spine-log-append", "MiB/s", &rounds, &name, goal, 0.9);
    for (form, rate) in forms {
        row = row.part(format!("plain file, {}", form.name()), "MiB/s", rate);
    }
    let per_mib = frames.rows as f64 / frames.mib();
    Ok(row
        .part("records per second", "records/s", rounds.ours * per_mib)
        .part("CPU for a GiB", "s", mine.cpu)
        .part("CPU for a GiB, plain file", "s", theirs.cpu)
        .part("ratio without deduplication hashes", "", bare.ratio)
        .part("fjall, journal synced every 10 ms", "MiB/s", fjall)
        .part("ours over fjall", "", rounds.ours / fjall)
        .part("with lz4, as the product writes", "MiB/s of records", compressed))
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

pub(crate) fn read(settings: &Settings) -> anyhow::Result<Row> {
    let frames = Frames::new(settings.size(RECORDS))?;
    let folder = folder()?;
    let log = open(&folder.path().join("log"), Codec::None)?;
    fill(&log, &frames)?;
    let packed = open(&folder.path().join("lz4"), Codec::Lz4)?;
    fill(&packed, &frames)?;
    let plain = Plain::new(folder.path(), &frames)?;
    let mut buffers = Vec::new();
    for buffer in BUFFERS {
        let rate = median(TRIES, || plain.read(buffer))?;
        say!("plain file, {} KiB at a time: {:.1} M records per CPU-second", buffer >> 10, rate / 1e6);
        buffers.push((buffer, rate));
    }
    let (best, _) = buffers.iter().copied().max_by(|one, other| one.1.total_cmp(&other.1)).unwrap_or((BUFFERS[0], 0.0));
    let rounds = interleave(settings.rounds, || read_ours(&log, frames.rows), || plain.read(best))?;
    let compressed = median(TRIES, || read_ours(&packed, frames.rows))?;
    let fjall = keyed::Filled::new(&folder.path().join("fjall"), &frames)?;
    let fjall = median(TRIES, || fjall.read())?;
    let name = format!("a plain file with the same checksum, {} KiB at a time", best >> 10);
    let goal = "0.7 of the raw file; 5 M records per CPU-second";
    let mut row = Row::of_rounds("spine-log-read", "records per CPU-second", &rounds, &name, goal, 0.7);
    row.holds &= rounds.ours >= 5e6;
    for (buffer, rate) in buffers {
        row = row.part(format!("plain file, {} KiB at a time", buffer >> 10), "records per CPU-second", rate);
    }
    Ok(row
        .part("fjall, in key order, its own checksums", "records per CPU-second", fjall)
        .part("ours over fjall", "", rounds.ours / fjall)
        .part("with lz4, as the product writes", "records per CPU-second", compressed))
}
