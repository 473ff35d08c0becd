//! The door against a log in memory: taken, repeated, refused, restarted.

use std::sync::Arc;
use std::time::Duration;

use collect::subjects::Who;
use collect::{Door, DoorOptions, Encoding, Endpoint, Format, Refusal, Request, Subjects};
use eventlog::{MemoryLog, MemoryOptions};
use records::seal::Sealed;
use records::{Column, Flags, Kind, Span, Timestamp};
use serde_json::json;

use crate::support::{ACME, NOON, World, request};

const TRACK: Format<'static> = Format::Segment(Endpoint::Track);
const BATCH: Format<'static> = Format::Segment(Endpoint::Batch);

fn click(id: u32) -> String {
    json!({"userId": "ada", "messageId": format!("m-{id}"), "event": "item_viewed", "properties": {"item": "i-1"}})
        .to_string()
}

fn opened(world: &World, record: &records::Record) -> Sealed {
    world.subjects.open_sealed(ACME, record.subject, &record.sealed).unwrap()
}

#[test]
fn a_message_becomes_a_record_without_plaintext() {
    let world = World::new();
    let door = world.door();
    let body = json!({
        "userId": "ada@a.example", "anonymousId": "browser-1", "messageId": "m-1", "event": "chat_reported",
        "timestamp": "2026-11-20T11:00:00Z", "sentAt": "2026-11-20T11:00:10Z",
        "context": {"userAgent": "Mozilla/5.0 (compatible; Googlebot/2.1)", "ip": "203.0.113.9", "device": {"id": "phone-77"}},
        "properties": {"text": "planted words", "receiver": "bob", "session": "s-1", "card": "4111-1111", "phone": "555-0100", "seat": "4A"},
    });
    let accepted = door.accept_blocking(request(TRACK, body.to_string().as_bytes())).unwrap();
    assert_eq!((accepted.taken, accepted.dead, accepted.duplicates), (1, 0, 0));
    let records = world.records();
    let record = &records[0];
    let received = NOON;
    let sent: Timestamp = Timestamp::parse("2026-11-20T11:00:10Z").unwrap();
    assert_eq!(record.event_time, Timestamp::parse("2026-11-20T11:00:00Z").unwrap() + received.since(sent));
    assert_eq!(record.late_by, Span::from_seconds(10));
    assert!(
        record.flags.has(Flags::BOT) && record.flags.has(Flags::SKEW_CORRECTED) && !record.flags.has(Flags::ANONYMOUS)
    );
    assert_eq!(record.actor, world.subjects.find(ACME, Who::User("ada@a.example")).unwrap().token);
    assert_eq!(record.linked, world.subjects.find(ACME, Who::User("bob")).unwrap().token);
    for column in [Column::device, Column::card, Column::address, Column::session, Column::text_chars] {
        assert!(record.has(column), "{column:?}");
    }
    let sealed = opened(&world, record);
    assert_eq!((sealed.text.as_str(), sealed.personal["user_id"].as_str()), ("planted words", "ada@a.example"));
    assert!(accepted.log_time >= NOON);
    let frame = records::Batch::from_records(&records).encode();
    for planted in
        ["ada@a.example", "browser-1", "planted words", "4111", "555-0100", "203.0.113.9", "phone-77", "4A", "bob"]
    {
        assert!(!frame.windows(planted.len()).any(|bytes| bytes == planted.as_bytes()), "{planted}");
    }
}

#[test]
fn addresses_in_texts_are_sealed_and_languages_of_texts_told() {
    let world = World::new();
    let door = world.door();
    let page = json!({"anonymousId": "b", "messageId": "1", "properties": {"url": "https://e.example/people/ada%40a.example/talks"}});
    door.accept_blocking(request(Format::Segment(Endpoint::Page), page.to_string().as_bytes())).unwrap();
    let question = json!({"userId": "u", "messageId": "2", "event": "question_reported", "properties": {"text": "How will you scale this?"}});
    door.accept_blocking(request(TRACK, question.to_string().as_bytes())).unwrap();
    let records = world.records();
    let page = records.iter().find(|record| record.kind == Kind::Page).unwrap();
    assert_eq!(
        (page.path.as_str(), opened(&world, page).personal["column_path"].as_str()),
        ("(sealed)", "/people/ada%40a.example/talks")
    );
    let question = records.iter().find(|record| record.kind == Kind::QuestionReported).unwrap();
    assert_eq!((question.language.as_str(), question.text_chars), ("en", 24));
}

#[test]
fn identify_links_so_that_erasure_takes_both() {
    let world = World::new();
    let door = world.door();
    let before = json!({"anonymousId": "b-1", "messageId": "1", "event": "item_viewed", "properties": {"item": "i", "note": "secret"}});
    door.accept_blocking(request(TRACK, before.to_string().as_bytes())).unwrap();
    let identify = json!({"anonymousId": "b-1", "userId": "ada", "messageId": "2", "traits": {"name": "Ada"}});
    door.accept_blocking(request(Format::Segment(Endpoint::Identify), identify.to_string().as_bytes())).unwrap();
    let records = world.records();
    assert!(records[0].flags.has(Flags::ANONYMOUS));
    let identified = records.iter().find(|record| record.kind == Kind::Identify).unwrap();
    let viewed = records.iter().find(|record| record.kind == Kind::ItemViewed).unwrap();
    assert_eq!(identified.linked, viewed.actor);
    let erasure = world.subjects.erase(ACME, "ada").unwrap().unwrap();
    assert_eq!(erasure.subjects.len(), 2);
    for record in &records {
        assert!(world.subjects.open_sealed(ACME, record.subject, &record.sealed).is_err());
    }
}

#[test]
fn a_repeated_message_counts_once() {
    let world = World::new();
    let door = world.door();
    let body = click(1);
    assert_eq!(door.accept_blocking(request(TRACK, body.as_bytes())).unwrap().taken, 1);
    let again = door.accept_blocking(request(TRACK, body.as_bytes())).unwrap();
    assert_eq!((again.taken, again.duplicates), (0, 1));
    let batch = format!(r#"{{"batch":[{0},{0}]}}"#, click(2).replacen('{', r#"{"type":"track","#, 1));
    let twice = door.accept_blocking(request(BATCH, batch.as_bytes())).unwrap();
    assert_eq!((twice.taken, twice.duplicates), (1, 1));
    assert_eq!(world.records().len(), 2);
}

#[test]
fn a_repeated_message_counts_once_across_a_restart() {
    let world = World::new();
    let body = click(1);
    let first = world.door();
    first.accept_blocking(request(TRACK, body.as_bytes())).unwrap();
    drop(first);
    // The new door remembers nothing: it appends, and `admit` drops.
    let second = world.door();
    let again = second.accept_blocking(request(TRACK, body.as_bytes())).unwrap();
    assert_eq!((again.taken, again.duplicates), (1, 0));
    assert_eq!(world.records().len(), 1);
}

#[test]
fn two_doors_on_one_log_count_a_message_once() {
    let world = World::new();
    let (one, two) = (world.door(), world.door());
    let body = click(1);
    assert_eq!(one.accept_blocking(request(TRACK, body.as_bytes())).unwrap().taken, 1);
    assert_eq!(two.accept_blocking(request(TRACK, body.as_bytes())).unwrap().taken, 1);
    assert_eq!(world.records().len(), 1);
}

#[test]
fn another_organizations_message_with_the_same_id_counts() {
    let world = World::new();
    let door = world.door();
    let body = click(1);
    door.accept_blocking(request(TRACK, body.as_bytes())).unwrap();
    let other = Request { organization: records::OrganizationId(8), ..request(TRACK, body.as_bytes()) };
    assert_eq!(door.accept_blocking(other).unwrap().taken, 1);
    assert_eq!(world.records().len(), 2);
}

#[test]
fn a_retry_after_a_full_disk_is_taken() {
    let small = MemoryOptions { max_bytes: 3_000, ..MemoryOptions::default() };
    let world = World::with_log(|clock| MemoryLog::with_options(1, clock, small));
    let door = world.door();
    let mut refused = None;
    for id in 0..50 {
        if let Err(refusal) = door.accept_blocking(request(TRACK, click(id).as_bytes())) {
            refused = Some((id, refusal));
            break;
        }
    }
    let (id, refusal) = refused.expect("the log is small");
    assert!(matches!(refusal, Refusal::NoSpace { .. }) && refusal.may_retry(), "{refusal}");
    // The door must not answer "duplicate" for what was never written.
    assert!(door.accept_blocking(request(TRACK, click(id).as_bytes())).is_err());
    assert_eq!((world.records().len(), door.status().refused), (id as usize, 2));
    assert_eq!(door.status().queued_bytes, 0);
}

#[test]
fn a_failed_key_store_refuses_before_the_log_is_touched() {
    let world = World::new();
    let door = world.door();
    world.disk.fail_syncs(1);
    let refusal = door.accept_blocking(request(TRACK, click(1).as_bytes())).unwrap_err();
    assert!(matches!(refusal, Refusal::Unavailable(_)), "{refusal}");
    assert!(world.records().is_empty());
    assert!(matches!(door.accept_blocking(request(TRACK, click(1).as_bytes())), Err(Refusal::Unavailable(_))));
}

#[test]
fn a_full_queue_is_busy_and_lets_one_large_request_in() {
    let world = World::new();
    let options = DoorOptions { queue_bytes_max: 1, ..DoorOptions::default() };
    let door = Door::open(world.appender.clone(), options).unwrap();
    assert!(door.accept_blocking(request(TRACK, click(1).as_bytes())).is_ok());
    let options = DoorOptions { queue_bytes_max: 1, gather: Duration::from_secs(2), ..DoorOptions::default() };
    let door = Arc::new(Door::open(world.appender.clone(), options).unwrap());
    let waiting = {
        let door = door.clone();
        std::thread::spawn(move || door.accept_blocking(request(TRACK, click(2).as_bytes())))
    };
    while door.status().queued_requests == 0 {
        std::thread::yield_now();
    }
    assert!(matches!(door.accept_blocking(request(TRACK, click(3).as_bytes())), Err(Refusal::Busy)));
    assert!(waiting.join().unwrap().is_ok());
}

#[test]
fn bad_messages_become_letters_and_good_ones_are_taken() {
    let world = World::new();
    let door = world.door();
    let body = json!({"batch": [
        {"type": "track", "userId": "ada", "messageId": "1", "event": "session_joined", "properties": {"email": "ada@a.example"}},
        {"type": "track", "userId": "ada", "messageId": "2", "event": "session_joined", "properties": {"session": "s"}},
        "nonsense",
    ]});
    let body = body.to_string();
    let accepted = door.accept_blocking(request(BATCH, body.as_bytes())).unwrap();
    assert_eq!((accepted.taken, accepted.dead, accepted.errors.len()), (1, 2, 2));
    assert_eq!(
        (accepted.errors[0].place.as_str(), accepted.errors[0].errors[0].field.as_str()),
        ("message 1", "session")
    );
    let letters: Vec<_> = world.records().into_iter().filter(|record| record.kind == Kind::DeadLettered).collect();
    let letter = letters.iter().find(|letter| letter.actor.is_some()).unwrap();
    assert_eq!((letter.name.as_str(), letter.path.as_str()), ("missing_field", "message 1: session"));
    assert!(opened(&world, letter).original.contains("ada@a.example"));
    // The client sends the batch again: nothing is doubled, and it hears the same.
    let again = door.accept_blocking(request(BATCH, body.as_bytes())).unwrap();
    assert_eq!((again.taken, again.duplicates, again.dead), (0, 1, 2));
    assert_eq!(world.records().len(), 3);
}

#[test]
fn compressed_bodies_are_taken_and_large_ones_refused() {
    let world = World::new();
    let door = world.door();
    let body = zstd::encode_all(click(1).as_bytes(), 1).unwrap();
    let compressed = Request { encoding: Encoding::Zstd, ..request(TRACK, &body) };
    assert_eq!(door.accept_blocking(compressed).unwrap().taken, 1);
    let large = vec![b' '; collect::limits::BATCH_BYTES_MAX + 1];
    let refusal = door.accept_blocking(request(BATCH, &large)).unwrap_err();
    assert!(!refusal.may_retry());
    assert!(door.accept_blocking(request(Format::Ndjson, &large)).is_ok(), "uploads may be larger");
}

#[test]
fn many_tasks_share_frames_and_all_are_answered() {
    let world = World::new();
    let door = Arc::new(world.door());
    let threads: Vec<_> = (0..8u32)
        .map(|thread| {
            let door = door.clone();
            std::thread::spawn(move || {
                (0..25).for_each(|id| {
                    let body = click(thread * 1_000 + id);
                    assert_eq!(door.accept_blocking(request(TRACK, body.as_bytes())).unwrap().taken, 1);
                });
            })
        })
        .collect();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    assert_eq!(world.records().len(), 200);
    assert_eq!((door.status().taken, door.status().requests, door.status().queued_requests), (200, 200, 0));
}

#[test]
fn it_is_awaited_in_tasks() {
    let world = World::new();
    let door = world.door();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let body = click(1);
    let accepted = runtime.block_on(door.accept(request(TRACK, body.as_bytes()))).unwrap();
    assert_eq!(accepted.taken, 1);
}

#[test]
fn keys_are_durable_before_the_records_that_need_them() {
    let world = World::new();
    let door = world.door();
    let body = json!({"userId": "ada", "messageId": "1", "event": "x", "properties": {"secret": "s"}});
    door.accept_blocking(request(TRACK, body.to_string().as_bytes())).unwrap();
    world.disk.crash();
    world.disk.restart();
    let subjects = Subjects::open(&world.disk, crate::support::chance(9)).unwrap();
    let record = &world.records()[0];
    assert!(subjects.open_sealed(ACME, record.subject, &record.sealed).is_ok());
}
