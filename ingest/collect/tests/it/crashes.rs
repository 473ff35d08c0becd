//! Power cuts anywhere: what was answered is in the log once, can be opened, and keeps its pseudonym.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use collect::{Appender, Door, DoorOptions, Endpoint, Format, Subjects};
use eventlog::clock::ManualClock;
use eventlog::disk::{SimDisk, SimOp};
use eventlog::{EventLog, FileLog, FileOptions, Lane, Offset, ReadLimits, Writers};
use proptest::prelude::*;
use records::Batch;
use serde_json::json;

use crate::support::{ACME, NOON, chance, request};

const MESSAGES: u32 = 24;

struct Life {
    log: Arc<FileLog>,
    subjects: Arc<Subjects>,
    door: Door,
}

impl Life {
    /// Opens key store and log on one disk; none when the power is cut meanwhile.
    fn begin(disk: &SimDisk, seed: u64) -> Option<Self> {
        let options = FileOptions {
            writers: Writers::Inline,
            group_every: [Duration::ZERO; 3],
            reserve_bytes: 0,
            low_water: 1 << 20,
            ..FileOptions::default()
        };
        let subjects = Arc::new(Subjects::open(disk, chance(seed)).ok()?);
        let clock = Arc::new(ManualClock::new(NOON));
        let log = Arc::new(FileLog::open(Arc::new(disk.clone()), clock, options).ok()?);
        let appender = Appender::new(log.clone(), subjects.clone());
        let options = DoorOptions { gather: Duration::ZERO, ..DoorOptions::default() };
        Some(Self { log, subjects, door: Door::open(appender, options).unwrap() })
    }

    /// Sends a message of one of five people; every seventh one lacks a required column.
    fn send(&self, number: u32) -> bool {
        let mut body = json!({
            "userId": format!("person-{}", number % 5), "messageId": format!("m-{number}"), "event": "item_viewed",
            "properties": {"item": "i", "note": format!("note {number}")},
        });
        if number.is_multiple_of(7) {
            body["properties"]["item"] = json!(null);
        }
        self.door.accept_blocking(request(Format::Segment(Endpoint::Track), body.to_string().as_bytes())).is_ok()
    }
}

fn check(seed: u64, cuts: &[u64]) {
    let disk = SimDisk::new(seed);
    let mut answered = BTreeSet::new();
    let mut next = 0;
    for (life, cut) in cuts.iter().enumerate() {
        disk.crash_at(SimOp::Any, *cut);
        if let Some(life) = Life::begin(&disk, seed + life as u64) {
            while next < MESSAGES && life.send(next) {
                answered.insert(next);
                next += 1;
            }
        }
        disk.restart();
    }
    let life = Life::begin(&disk, seed ^ 0xFF).expect("nothing cuts the power now");
    let counted = count(&life);
    assert!(answered.iter().all(|number| counted.contains_key(number)), "an answered message is lost");
    // A client that did not hear an answer sends again; one that did may, too.
    assert!((0..MESSAGES).all(|number| life.send(number)));
    let counted = count(&life);
    assert_eq!(counted.len(), MESSAGES as usize);
    let mut people = BTreeMap::new();
    for (number, (times, actor)) in counted {
        assert_eq!(times, 1, "message {number}");
        assert_eq!(*people.entry(number % 5).or_insert(actor), actor, "one person, one pseudonym");
    }
}

/// How often each message counts, and whose it is; every sealed part must open.
fn count(life: &Life) -> BTreeMap<u32, (u32, records::Token)> {
    let from = vec![Offset(0); usize::from(life.log.identity().partitions.of(Lane::Activity))];
    let mut counted = BTreeMap::new();
    for frame in life.log.read_lane(Lane::Activity, &from, ReadLimits::everything()).unwrap() {
        if frame.counted() == 0 {
            continue;
        }
        let batch = Batch::decode(&frame.body).unwrap();
        for row in frame.counted_rows() {
            let record = batch.record(row as usize);
            let sealed = life.subjects.open_sealed(ACME, record.subject, &record.sealed).unwrap();
            let note = sealed.properties.get("note").cloned().unwrap_or_else(|| {
                serde_json::from_str::<serde_json::Value>(&sealed.original).unwrap()["properties"]["note"].clone()
            });
            let number: u32 = note.as_str().unwrap().strip_prefix("note ").unwrap().parse().unwrap();
            let entry = counted.entry(number).or_insert((0, record.actor));
            entry.0 += 1;
        }
    }
    counted
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn power_cuts_lose_and_double_nothing(seed: u64, cuts in prop::collection::vec(1u64..80, 0..4)) {
        check(seed >> 1, &cuts);
    }
}
