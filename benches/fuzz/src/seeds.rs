//! Binary seeds: small real files, made by the product's own writers.

use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use eventlog::clock::ManualClock;
use eventlog::disk::{Disk, SimDisk, read_whole};
use eventlog::{EventLog, FileLog, FileOptions, Incarnation, Lane, NewFrame, PartitionId, Writers};
use records::{Batch, EventId, ItemId, Kind, MessageId, OrganizationId, Record, Timestamp, Token};

/// The first segment of the activity lane.
pub const SEGMENT: &str = "log/activity-000000000001.seg";
const FILE_BYTES_MAX: usize = 1 << 20;

/// A log with a few frames.
pub struct Template {
    /// Its description.
    pub description: Vec<u8>,
    /// Its activity segment.
    pub segment: Vec<u8>,
}

/// How the log of the template is set up: no threads, no reserve, so that opening one is cheap.
pub fn options() -> FileOptions {
    FileOptions {
        incarnation: Incarnation { id: 7, ordinal: 0 },
        writers: Writers::Inline,
        reserve_bytes: 0,
        low_water: 0,
        segment_bytes: 64 << 10,
        ..FileOptions::default()
    }
}

/// A batch of `rows` records.
pub fn batch(rows: u64) -> Batch {
    let records: Vec<Record> = (1..=rows).map(record).collect();
    Batch::from_records(&records)
}

fn record(number: u64) -> Record {
    Record {
        organization: OrganizationId::parse("acme").expect("a short name"),
        event: EventId::parse("conf-2026").expect("a short name"),
        item: ItemId(u128::from(number)),
        actor: Token(number),
        event_time: Timestamp::from_seconds(number.cast_signed()),
        message: MessageId(u128::from(number)),
        name: ["signup", "checkout"][(number % 2) as usize].into(),
        sealed: vec![9; (number % 4) as usize].into(),
        ..Record::new(Kind::ItemViewed)
    }
}

/// The template, made once.
pub fn template() -> &'static Template {
    static TEMPLATE: OnceLock<Template> = OnceLock::new();
    TEMPLATE.get_or_init(make)
}

fn make() -> Template {
    let disk: Arc<dyn Disk> = Arc::new(SimDisk::new(1));
    let log = FileLog::open(Arc::clone(&disk), ManualClock::new(Timestamp(1)), options()).expect("an empty disk");
    for (partition, rows) in [(0, 4), (3, 1), (0, 9)] {
        let batch = batch(rows);
        let frame = NewFrame {
            lane: Lane::Activity,
            partition: PartitionId(partition),
            dedup: batch.dedup(),
            rows: u32::try_from(rows).expect("a few"),
            body: Bytes::from(batch.encode()),
            claim: None,
        };
        log.append(vec![frame]).expect("the simulated disk has room");
    }
    drop(log);
    let read = |path: &str| read_whole(&*disk, path, FILE_BYTES_MAX).expect("the log wrote it");
    Template { description: read("log/log.txt"), segment: read(SEGMENT) }
}
