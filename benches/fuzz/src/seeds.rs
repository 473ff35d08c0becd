//! Binary seeds: small real files, made by the product's own writers.

use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use desk::{Order, Parts, Seat};
use eventlog::clock::ManualClock;
use eventlog::disk::{Disk, SimDisk, read_whole, replace};
use eventlog::{EventLog, FileLog, FileOptions, Incarnation, Lane, MemoryLog, NewFrame, PartitionId, Writers};
use records::fact::{CommandTag, Scope};
use records::{
    Batch, Blob, CommandId, EventId, Fact, ItemId, Kind, MailId, MessageId, OrganizationId, Record, SecretHash,
    Timestamp, Token, UserId, Zone,
};
use rules::domains::Command;
use rules::{Domain as _, Domains, accounts, office};

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

/// A desk over an empty log in memory, whose snapshots lie on a simulated disk.
pub struct Desk {
    disk: SimDisk,
    log: Arc<MemoryLog>,
    clock: Arc<ManualClock>,
}

/// Where the desk looks for its newest snapshot.
const SNAPSHOT: &str = "desk/00000-00000000000000000000.snapshot";
/// Where the offset lies that a snapshot goes on from: after magic, version and the log's id.
const NEXT: std::ops::Range<usize> = 20..28;

impl Default for Desk {
    fn default() -> Self {
        Self::new()
    }
}

impl Desk {
    /// A new one.
    pub fn new() -> Self {
        let clock = Arc::new(ManualClock::new(Timestamp(1)));
        Self { disk: SimDisk::new(1), log: Arc::new(MemoryLog::new(7, Arc::clone(&clock))), clock }
    }

    /// Writes a snapshot's file.
    ///
    /// # Panics
    /// When the simulated disk has no room.
    pub fn put(&self, file: &[u8]) {
        let disk: &dyn Disk = &self.disk;
        let written = disk.create_directory("desk").and_then(|()| replace(disk, SNAPSHOT, file));
        written.expect("the simulated disk has room");
    }

    /// The seat of the first partition.
    ///
    /// # Panics
    /// When it does not open: whatever a snapshot holds, there is the log.
    pub fn seat(&self) -> Seat<Domains> {
        let parts = Parts {
            log: Arc::clone(&self.log) as Arc<dyn EventLog>,
            disk: Arc::new(self.disk.clone()),
            clock: Arc::clone(&self.clock) as Arc<dyn eventlog::clock::Clock>,
            address: "fuzz".into(),
            chance: Arc::new(|| 1),
        };
        Seat::open(PartitionId(0), parts, Arc::new(|_, _| {})).expect("the log can be read")
    }
}

/// The bytes of a snapshot without its checksum, and of the state in it: of a seat that has decided a little.
///
/// # Panics
/// When the desk writes none.
pub fn snapshot() -> (Vec<u8>, Vec<u8>) {
    let desk = Desk::new();
    let mut seat = desk.seat();
    let (orders, pending): (Vec<_>, Vec<_>) = (1..)
        .zip(commands())
        .map(|(id, command)| {
            let tag = CommandTag { id: CommandId(id), hash: 5 };
            Order::new(Some(tag), command)
        })
        .unzip();
    seat.decide(orders);
    seat.settle();
    pending.into_iter().for_each(|answer| _ = answer.wait().expect("these commands are decided"));
    seat.save();
    let state = seat.ask(|domains| {
        let mut bytes = Vec::new();
        domains.encode(&mut bytes);
        bytes
    });
    let disk: &dyn Disk = &desk.disk;
    let entry = disk.list("desk").expect("the disk answers").pop().expect("a snapshot was written");
    let mut file = read_whole(disk, &format!("desk/{}", entry.name), FILE_BYTES_MAX).expect("it can be read");
    file.truncate(file.len() - 4);
    file[NEXT].fill(0);
    (file, state.expect("the seat has a state"))
}

fn commands() -> Vec<Command> {
    let organization = OrganizationId::parse("acme").expect("a short name");
    let event = EventId::NONE;
    let office = |wishes| office::Command { organization, event, wishes }.into();
    let registered = Fact::OrganizationRegistered { name: "Acme".into(), zone: Zone::utc() };
    let key =
        office::Wish::MakeKey { key: "web".into(), scopes: vec![Scope::Write], hash: SecretHash::of("k").to_string() };
    let rules = serde_json::json!({"format": 1, "leaderboards": [{"leaderboard": "a", "points": []}]});
    let published = Fact::RulesPublished { document: Arc::new(rules) };
    let blob = || Blob([1; 8].into());
    let user = accounts::Command {
        user: UserId(9),
        wishes: vec![
            accounts::Wish::Register { subject: 3, person: Token(4), sealed: blob(), language: "en".into() },
            accounts::Wish::SetPassword { sealed: blob(), on: accounts::Grounds::Operator },
            accounts::Wish::QueueMail { mail: MailId(5), sealed: blob() },
        ],
    };
    vec![office(vec![office::Wish::Stand(registered), key]), office(vec![office::Wish::Stand(published)]), user.into()]
}
