//! The bound on the people of one organization: known people go on, newcomers wait as dead letters.

use std::sync::Arc;

use collect::subjects::Who;
use collect::{Appender, Door, DoorOptions, Endpoint, Format, Reason, Subjects, replay_dead_letters};
use eventlog::{EventLog, Lane, Offset};
use records::{Kind, OrganizationId};
use serde_json::json;

use crate::support::{ACME, NOON, World, chance, request};

const BATCH: Format<'static> = Format::Segment(Endpoint::Batch);

/// The same log and disk again, with another bound.
fn reopened(world: &World, people_max: u64) -> (Appender, Door, Arc<Subjects>) {
    let subjects = Subjects::open(&world.disk, chance(people_max)).unwrap().with_people_max(people_max);
    let subjects = Arc::new(subjects);
    let appender = Appender::new(world.log.clone(), subjects.clone());
    (appender.clone(), Door::open(appender, DoorOptions::default()).unwrap(), subjects)
}

fn view(id: &str, who: &str, name: &str) -> serde_json::Value {
    json!({"type": "track", "event": "item_viewed", "messageId": id, who: name, "properties": {"item": "i", "note": format!("note of {name}")}})
}

fn views(world: &World) -> usize {
    world.records().iter().filter(|record| record.kind == Kind::ItemViewed).count()
}

#[test]
fn past_the_bound_newcomers_are_letters_that_can_be_sent_again() {
    let world = World::new();
    let (appender, door, subjects) = reopened(&world, 3);
    let batch = |messages: &[serde_json::Value]| json!({ "batch": messages }).to_string();
    let introduced = json!({"type": "identify", "messageId": "m-0", "userId": "ada", "anonymousId": "browser"});
    door.accept_blocking(request(BATCH, batch(std::slice::from_ref(&introduced)).as_bytes())).unwrap();
    assert_eq!((subjects.room(ACME), subjects.room(OrganizationId(8))), (0, 3), "two people and their link");

    let messages = [
        view("m-1", "userId", "ada"),
        view("m-2", "userId", "newcomer-bob"),
        view("m-3", "anonymousId", "newcomer-browser"),
        json!({"type": "track", "event": "chat_reported", "messageId": "m-4", "userId": "ada",
            "properties": {"text": "hi", "receiver": "newcomer-carol"}}),
        json!({"type": "identify", "messageId": "m-5", "userId": "ada", "anonymousId": "browser"}),
    ];
    let accepted = door.accept_blocking(request(BATCH, batch(&messages).as_bytes())).unwrap();
    assert_eq!((accepted.taken, accepted.dead), (2, 3), "{:?}", accepted.errors);
    assert!(accepted.errors.iter().all(|error| error.reason == Reason::Quota));
    assert!(accepted.errors[0].errors[0].to_string().contains("`people_max`"), "{:?}", accepted.errors[0]);
    assert_eq!((subjects.refused(), views(&world)), (3, 1));
    for who in [Who::User("newcomer-bob"), Who::Anonymous("newcomer-browser"), Who::User("newcomer-carol")] {
        assert!(subjects.find(ACME, who).is_none(), "{who:?}");
    }
    let letters: Vec<_> = world.records().into_iter().filter(|record| record.kind == Kind::DeadLettered).collect();
    let key = |who| subjects.find(ACME, who).unwrap().subject;
    let (shared, ada) = (key(Who::Unattributed), key(Who::User("ada")));
    let mut keys: Vec<u64> = letters.iter().map(|letter| letter.subject).collect();
    keys.sort_unstable();
    assert_eq!(keys, [ada, shared, shared], "her letter to somebody new is her own");
    let bytes: Vec<u8> = letters.iter().flat_map(|letter| letter.sealed.to_vec()).collect();
    assert!(!bytes.windows(8).any(|part| part == b"newcomer"), "what waits is sealed");

    let start = vec![Offset(0); usize::from(world.log.identity().partitions.of(Lane::Activity))];
    let again = replay_dead_letters(&appender, &start, NOON).unwrap();
    assert_eq!((again.still_bad, again.replayed), (3, 0), "as long as the bound is what it is");
    drop(door);

    let (appender, _door, subjects) = reopened(&world, 100);
    assert_eq!(subjects.room(ACME), 100 - 4, "the count is there again, with the key of the letters");
    let again = replay_dead_letters(&appender, &start, NOON).unwrap();
    assert_eq!((again.replayed, views(&world)), (3, 3));
    assert!(subjects.find(ACME, Who::User("newcomer-bob")).is_some());
}

#[test]
fn an_erasure_makes_room() {
    let world = World::new();
    let (_, door, subjects) = reopened(&world, 3);
    let introduced = json!({"userId": "ada", "anonymousId": "browser", "messageId": "m-0"}).to_string();
    door.accept_blocking(request(Format::Segment(Endpoint::Identify), introduced.as_bytes())).unwrap();
    assert_eq!((subjects.room(ACME), subjects.knows(ACME)), (0, true));
    subjects.erase(ACME, "ada").unwrap().unwrap();
    assert_eq!((subjects.room(ACME), subjects.knows(ACME)), (3, false));
    drop(door);
    let (_, _, subjects) = reopened(&world, 3);
    assert_eq!(subjects.room(ACME), 3);
}

#[test]
fn a_letter_of_somebody_new_makes_nobody_past_the_bound() {
    let world = World::new();
    let (_, door, subjects) = reopened(&world, 1);
    let body = view("m-1", "userId", "ada").to_string();
    door.accept_blocking(request(Format::Segment(Endpoint::Track), body.as_bytes())).unwrap();
    // An order without its amount's currency and with a new person: bad in itself.
    let bad = json!({"type": "track", "event": "order_reported", "userId": "newcomer", "properties": {"amount_minor": "many"}});
    let accepted = door.accept_blocking(request(Format::Segment(Endpoint::Track), bad.to_string().as_bytes())).unwrap();
    assert_eq!((accepted.dead, accepted.errors[0].reason), (1, Reason::BadField));
    assert!(subjects.find(ACME, Who::User("newcomer")).is_none());
}
