//! Planted personal data: whatever the door takes, no file on the disk holds it in the clear.

use std::io::IoSlice;
use std::sync::Arc;

use collect::{Appender, Door, DoorOptions, Endpoint, Format, Request, Subjects};
use eventlog::clock::ManualClock;
use eventlog::disk::{Disk, SimDisk};
use eventlog::{Codec, FileLog, FileOptions};
use serde_json::json;

use crate::support::{NOON, chance, request};

/// Every place where a client may put something personal, each with a word of its own.
const PLANTED: &[&str] = &[
    "plantuser",
    "plantanon",
    "plantmail",
    "plantphone",
    "plantname",
    "planttext",
    "plantundeclared",
    "plantpath",
    "plantquery",
    "plantletter",
    "plantunknown",
    "plantflat",
    "plantprevious",
    "plantreceiver",
    "plantdevice",
    "plantcard",
    "plantvisit",
    "planttrait",
    "plantsubject",
    "203.0.113.77",
    "2001:db8::77",
    "plantagent",
];

fn files(disk: &SimDisk) -> Vec<(String, Vec<u8>)> {
    let mut files = Vec::new();
    for directory in ["", "log", "log/facts", "log/activity", "log/system"] {
        for entry in disk.list(directory).unwrap() {
            let path = if directory.is_empty() { entry.name } else { format!("{directory}/{}", entry.name) };
            let mut bytes = Vec::new();
            disk.open(&path).unwrap().read_at(0, usize::try_from(entry.bytes).unwrap(), &mut bytes).unwrap();
            files.push((path, bytes));
        }
    }
    files
}

fn found(disk: &SimDisk, word: &str) -> Vec<String> {
    let holds = |bytes: &[u8]| bytes.windows(word.len()).any(|window| window.eq_ignore_ascii_case(word.as_bytes()));
    files(disk).into_iter().filter(|(_, bytes)| holds(bytes)).map(|(path, _)| path).collect()
}

#[test]
fn no_file_holds_what_was_planted() {
    let disk = SimDisk::new(3);
    let subjects = Arc::new(Subjects::open(&disk, chance(3)).unwrap());
    // Not compressed, so that a word in a record is a word in the file.
    let options =
        FileOptions { codecs: [Codec::None; 3], reserve_bytes: 0, low_water: 1 << 20, ..FileOptions::default() };
    let log = Arc::new(FileLog::open(Arc::new(disk.clone()), Arc::new(ManualClock::new(NOON)), options).unwrap());
    let door = Door::open(Appender::new(log.clone(), subjects), DoorOptions::default()).unwrap();
    let person = json!({"userId": "plantuser@a.example", "anonymousId": "plantanon"});
    let messages = [
        json!({"type": "identify", "traits": {"email": "plantmail@a.example", "phone": "plantphone", "name": "plantname", "hobby": "planttrait"}}),
        json!({"type": "track", "event": "chat_reported", "properties": {"text": "planttext", "receiver": "plantreceiver", "x": "plantundeclared",
            "device": "plantdevice", "card": "plantcard", "visit": "plantvisit", "address": "2001:db8::77", "choice": "visible-choice"},
            "context": {"userAgent": "plantagent/1"}}),
        json!({"type": "page", "properties": {"url": "https://e.example/plantpath@a.example/x?q=plantquery"}, "context": {"ip": "203.0.113.77"}}),
        json!({"type": "track", "event": "session_joined", "properties": {"why": "plantletter"}}),
        json!({"type": "survey", "answer": "plantunknown"}),
        json!({"type": "alias", "previousId": "plantprevious"}),
    ];
    let batch = json!({"batch": messages.map(|message| of(&person, message))});
    let accepted =
        door.accept_blocking(request(Format::Segment(Endpoint::Batch), batch.to_string().as_bytes())).unwrap();
    assert_eq!((accepted.taken, accepted.dead), (5, 1));
    let lines = br#"{"kind": "check_in_reported", "actor": "plantuser", "personal": {"badge": "plantflat"}}
{"kind": "order_reported", "actor": "plantuser", "note": "plantletter"}
plantletter"#;
    let upload = Request { address: "203.0.113.77", user_agent: "plantagent", ..request(Format::Ndjson, lines) };
    assert_eq!(door.accept_blocking(upload).unwrap().dead, 2);
    let event = json!({"specversion": "1.0", "id": "1", "source": "plantsubject", "type": "ad_viewed", "subject": "plantsubject", "data": {"ad": "a"}});
    door.accept_blocking(request(Format::CloudEvent, event.to_string().as_bytes())).unwrap();
    // The sweep must be able to find: declared columns are in the clear, and so is a file with a planted word.
    assert!(
        !found(&disk, "visible-choice").is_empty(),
        "{:?}",
        files(&disk).iter().map(|(path, _)| path).collect::<Vec<_>>()
    );
    disk.create("bait").unwrap().write_at(0, &mut [IoSlice::new(b"...plantmail...")]).unwrap();
    assert_eq!(found(&disk, "plantmail"), ["bait"]);
    disk.remove("bait").unwrap();
    for word in PLANTED {
        assert_eq!(found(&disk, word), Vec::<String>::new(), "{word}");
    }
}

/// The message with a person's ids.
fn of(person: &serde_json::Value, mut message: serde_json::Value) -> serde_json::Value {
    for (key, value) in person.as_object().unwrap() {
        message[key] = value.clone();
    }
    message
}
