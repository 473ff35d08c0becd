//! Dead letters: tried again after a fix, once.

use collect::{Endpoint, Format, replay_dead_letters};
use eventlog::{EventLog, Lane, Offset};
use records::{Column, Kind, Span};
use serde_json::json;

use crate::support::{ACME, NOON, World, request};

fn start(world: &World) -> Vec<Offset> {
    vec![Offset(0); usize::from(world.log.identity().partitions.of(Lane::Activity))]
}

/// A letter of a message that this build can read: as if the build that wrote it had not known the kind's column yet.
fn plant(world: &World, message: &str) {
    use collect::{Letter, Marker, Reason};
    let letter = Letter {
        place: "message 1".into(),
        reason: Reason::BadField,
        errors: vec![records::json::FieldError::new("properties.item", "is unknown to the old build")],
        original: message.into(),
        format: "segment:track".into(),
        sent_at: None,
        user: "ada".into(),
        anonymous: String::new(),
        message: records::MessageId::NONE,
    };
    let arrival = crate::support::arrival();
    let record = Marker::new(&world.subjects, ACME).letter(letter, &arrival);
    world.appender.submit(vec![record]).unwrap().wait().unwrap();
}

fn message(id: Option<&str>) -> String {
    json!({"userId": "ada", "messageId": id, "event": "item_viewed", "timestamp": "2026-11-20T11:00:00Z", "properties": {"item": "i"}}).to_string()
}

#[test]
fn good_letters_become_records_once() {
    let world = World::new();
    plant(&world, &message(Some("m-1")));
    plant(&world, &message(None));
    let now = NOON + Span::HOUR;
    let first = replay_dead_letters(&world.appender, &start(&world), now).unwrap();
    assert_eq!((first.seen, first.replayed, first.already, first.still_bad), (2, 2, 0, 0));
    let views = |world: &World| world.records().iter().filter(|record| record.kind == Kind::ItemViewed).count();
    assert_eq!(views(&world), 2);
    let record = world.records().into_iter().find(|record| record.kind == Kind::ItemViewed).unwrap();
    assert_eq!((record.event_time, record.late_by), (NOON - Span::HOUR, Span::from_seconds(7_200)));
    assert!(record.has(Column::address), "the sender's address was kept with the letter");
    let second = replay_dead_letters(&world.appender, &start(&world), now).unwrap();
    assert_eq!((second.seen, second.replayed, second.already), (2, 0, 2));
    let third = replay_dead_letters(&world.appender, &first.next, now).unwrap();
    assert_eq!((third.seen, third.replayed), (0, 0));
    assert_eq!(views(&world), 2);
}

#[test]
fn a_letter_that_its_client_has_sent_again_is_not_doubled() {
    let world = World::new();
    plant(&world, &message(Some("m-1")));
    world.door().accept_blocking(request(Format::Segment(Endpoint::Track), message(Some("m-1")).as_bytes())).unwrap();
    let replayed = replay_dead_letters(&world.appender, &start(&world), NOON).unwrap();
    assert_eq!((replayed.replayed, replayed.already), (0, 1));
}

#[test]
fn bad_letters_stay_and_erased_ones_cannot_be_read() {
    let world = World::new();
    let door = world.door();
    door.accept_blocking(request(Format::Ndjson, b"nonsense\n{\"kind\": \"order_reported\", \"actor\": \"ada\"}"))
        .unwrap();
    world.subjects.erase(ACME, "ada").unwrap().unwrap();
    let replayed = replay_dead_letters(&world.appender, &start(&world), NOON).unwrap();
    assert_eq!((replayed.seen, replayed.still_bad, replayed.unreadable, replayed.replayed), (2, 1, 1, 0));
}
