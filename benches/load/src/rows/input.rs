//! Logs full of the pipeline mix, for the rows that fold it.

use std::sync::Arc;

use eventlog::clock::{Clock, ManualClock, SystemClock};
use eventlog::disk::RealDisk;
use eventlog::{Codec, EventLog, FileLog, FileOptions, Lane, MemoryLog, MemoryOptions, NewFrame, PartitionId, Ticket};
use records::{Batch, Record, Span, Timestamp, Token};
use workload::mix::Mix;

use crate::report::say;

/// Rows of one frame: what the door gathers under load.
const FRAME_ROWS: usize = 4_096;
/// Frames on their way to the disk at most.
const IN_FLIGHT: usize = 64;
/// One person of so many is in a ring, and how many are in each.
const RING_MEMBER_ONE_OF: u64 = 50;
const RING_ACCOUNTS: u64 = 12;
/// Records between two words of progress.
const TELL_EVERY: u64 = 2_000_000;
/// Records of a second of log time in a paced log: what landing epochs and snapshots are measured at.
pub(crate) const PER_SECOND: i64 = 50_000;
/// Where the mix starts: 2026-10-05T07:00:00Z.
pub(crate) const STARTS: Timestamp = Timestamp::from_seconds(1_791_183_600);

/// A log in memory that takes whatever fits.
pub(crate) fn memory_log() -> Arc<MemoryLog> {
    let options = MemoryOptions { max_bytes: u64::MAX, ..MemoryOptions::default() };
    Arc::new(MemoryLog::with_options(1, SystemClock, options))
}

/// A log in files as the product opens it.
pub(crate) fn file_log(disk: &RealDisk, clock: impl Clock) -> anyhow::Result<Arc<FileLog>> {
    let options = FileOptions { codecs: [Codec::Lz4; 3], ..FileOptions::default() };
    Ok(Arc::new(FileLog::open(Arc::new(RealDisk::new(disk.root())?), clock, options)?))
}

/// A log in files whose records came at [`PER_SECOND`], however quickly it was filled: seconds of log time are landing
/// epochs, and ten of them a snapshot. Its clock stands two seconds past the last record, so that the last one is bound.
pub(crate) fn paced_log(disk: &RealDisk, seed: u64, records: u64, people: u32) -> anyhow::Result<Arc<dyn EventLog>> {
    let clock = Arc::new(ManualClock::new(STARTS));
    let log: Arc<dyn EventLog> = file_log(disk, Arc::clone(&clock))?;
    fill_paced(&*log, seed, records, people, |chunk| clock.advance(chunk.len() as i64 * 1_000_000 / PER_SECOND))?;
    clock.set(paced_end(records));
    Ok(log)
}

/// Where the clock of a paced log of so many records stands.
pub(crate) fn paced_end(records: u64) -> Timestamp {
    STARTS + Span(records as i64 * 1_000_000 / PER_SECOND + 2_000_000)
}

/// Fills a log with the facts and so many records of the mix over so many people, changed by the caller.
pub(crate) fn fill(
    log: &dyn EventLog,
    seed: u64,
    records: u64,
    people: u32,
    mut change: impl FnMut(&mut Record),
) -> anyhow::Result<()> {
    fill_paced(log, seed, records, people, |chunk| chunk.iter_mut().for_each(&mut change))
}

/// Makes one of fifty people a member of a ring: about a dozen accounts that share three devices, two cards and an address.
/// The mix alone has only honest people, on whom few rules fire.
pub(crate) fn plant_rings(people: u32) -> impl FnMut(&mut Record) {
    let rings = (u64::from(people) / (RING_MEMBER_ONE_OF * RING_ACCOUNTS)).max(1);
    move |record| {
        let hash = records::hash::mix(record.actor.0);
        if !hash.is_multiple_of(RING_MEMBER_ONE_OF) {
            return;
        }
        let ring = hash / RING_MEMBER_ONE_OF % rings;
        let shared = |sort: u64, of: u64| {
            let place = (hash >> 40) % of;
            Token(records::hash::mix((ring << 8) | (sort << 4) | place) | 1)
        };
        (record.device, record.address) = (shared(1, 3), shared(2, 1));
        if record.card.is_some() {
            record.card = shared(3, 2);
        }
    }
}

fn fill_paced(
    log: &dyn EventLog,
    seed: u64,
    records: u64,
    people: u32,
    mut made_them: impl FnMut(&mut [Record]),
) -> anyhow::Result<()> {
    let mut mix = Mix::new(seed, people, STARTS);
    let facts = mix.facts();
    let rows = u32::try_from(facts.len())?;
    let body = records::fact::encode(&facts).into();
    log.append(vec![NewFrame {
        lane: Lane::Facts,
        partition: PartitionId(0),
        body,
        rows,
        dedup: vec![],
        claim: None,
    }])?;
    let partitions = u64::from(log.identity().partitions.activity);
    let mut waiting = std::collections::VecDeque::<Ticket>::new();
    let mut chunk: Vec<Record> = Vec::with_capacity(FRAME_ROWS);
    let mut made = 0;
    while made < records {
        chunk.clear();
        mix.fill(&mut chunk, FRAME_ROWS.min(usize::try_from(records - made)?));
        made += chunk.len() as u64;
        made_them(&mut chunk);
        if made / TELL_EVERY != (made - chunk.len() as u64) / TELL_EVERY {
            say!("{} of {} M records in the log", made / 1_000_000, records / 1_000_000);
        }
        waiting.push_back(log.submit(vec![frame(&chunk, made / FRAME_ROWS as u64 % partitions)?])?);
        if waiting.len() > IN_FLIGHT
            && let Some(ticket) = waiting.pop_front()
        {
            ticket.wait()?;
        }
    }
    waiting.into_iter().try_for_each(|ticket| ticket.wait().map(drop))?;
    Ok(())
}

/// Records as a frame of the activity lane.
pub(crate) fn frame(records: &[Record], partition: u64) -> anyhow::Result<NewFrame> {
    frame_of(&Batch::from_records(records), partition)
}

/// A batch as a frame of the activity lane.
pub(crate) fn frame_of(batch: &Batch, partition: u64) -> anyhow::Result<NewFrame> {
    Ok(NewFrame {
        lane: Lane::Activity,
        partition: PartitionId(u16::try_from(partition)?),
        body: batch.encode().into(),
        rows: u32::try_from(batch.len())?,
        dedup: batch.dedup(),
        claim: None,
    })
}
