//! Fuzz targets: every parser that meets bytes from outside, by name.
//!
//! `cargo fuzz` drives one target at a time with coverage; the test of this crate runs the committed corpus through
//! all of them in every CI run. A target must not panic, whatever the bytes, and what it accepts must survive a round
//! trip where the format has one.
//!
//! ```text
//! RUSTC_BOOTSTRAP=1 EVENTRA_FUZZ=batch cargo fuzz run --fuzz-dir benches/fuzz --features libfuzzer parsers benches/fuzz/corpus/batch
//! ```

mod box_office;
mod commands;
mod questions;
pub mod seeds;

use std::sync::Arc;

use collect::{Encoding, Endpoint};
use eventlog::clock::ManualClock;
use eventlog::disk::{Disk, SimDisk, replace};
use eventlog::{EventLog, FileLog, Lane, ReadLimits};
use rules::RuleDocument;

/// One parser: its name, which is also its corpus folder, and what to do with bytes.
#[derive(Clone, Copy)]
pub struct Target {
    /// The name.
    pub name: &'static str,
    /// Feeds it.
    pub run: fn(&[u8]),
}

/// Every target.
pub const TARGETS: &[Target] = &[
    Target { name: "batch", run: batch },
    Target { name: "facts", run: facts },
    Target { name: "sealed", run: sealed },
    Target { name: "words", run: words },
    Target { name: "segment", run: segment },
    Target { name: "cloudevents", run: cloudevents },
    Target { name: "ndjson", run: ndjson },
    Target { name: "bodies", run: bodies },
    Target { name: "rules", run: rules },
    Target { name: "rulebook", run: rulebook },
    Target { name: "segment_file", run: segment_file },
    Target { name: "domains", run: commands::domains },
    Target { name: "desk_snapshot", run: commands::desk_snapshot },
    Target { name: "statement", run: questions::statement },
    Target { name: "clickhouse", run: questions::clickhouse },
    Target { name: "question", run: api::fuzzed::question },
    Target { name: "feed_message", run: api::fuzzed::feed_message },
    Target { name: "caller", run: api::fuzzed::caller },
    Target { name: "webhook", run: box_office::webhook },
    Target { name: "recurrence", run: box_office::recurs },
    Target { name: "programme_file", run: box_office::programme_file },
    Target { name: "form", run: box_office::form },
    Target { name: "shop", run: api::fuzzed::shop },
    Target { name: "ticket", run: api::fuzzed::ticket },
    Target { name: "calendar", run: api::fuzzed::calendar },
];

/// The target of this name.
pub fn target(name: &str) -> Option<Target> {
    TARGETS.iter().find(|target| target.name == name).copied()
}

fn batch(bytes: &[u8]) {
    let Ok(batch) = records::Batch::decode(bytes) else { return };
    (0..batch.len()).for_each(|row| drop(batch.record(row)));
    let again = records::Batch::decode(&batch.encode()).expect("what was read can be written and read");
    assert_eq!(again.len(), batch.len(), "no row is lost");
}

fn facts(bytes: &[u8]) {
    let Ok(rows) = records::fact::decode(bytes) else { return };
    let again = records::fact::decode(&records::fact::encode(&rows)).expect("what was read can be written and read");
    assert_eq!(again, rows, "facts survive a round trip");
}

fn sealed(bytes: &[u8]) {
    let key = records::seal::SubjectKey([7; 32]);
    let opened = records::seal::open(&key, records::OrganizationId(1), 1, bytes);
    assert!(opened.is_err(), "nobody forges a blob");
}

fn words(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Ok(id) = records::ItemId::parse(text) {
        assert_eq!(records::ItemId::parse(&id.to_string()), Ok(id), "an id prints as what it was read from");
    }
    if let Ok(at) = records::Timestamp::parse(text) {
        assert_eq!(records::Timestamp::parse(&at.to_string()), Ok(at), "a time prints as what it was read from");
    }
    if let Ok(money) = records::Money::parse(text, records::Currency::EUR) {
        let printed = money.to_string();
        let amount = printed.strip_suffix(" EUR").expect("amounts print with their currency");
        assert_eq!(records::Money::parse(amount, records::Currency::EUR), Ok(money), "an amount survives a round trip");
    }
    let _ = (records::Zone::parse(text), records::Currency::parse(text), text.parse::<records::Token>());
}

fn arrival() -> collect::Arrival<'static> {
    collect::Arrival {
        organization: records::OrganizationId(1),
        received: records::Timestamp::from_seconds(1_800_000_000),
        address: "192.0.2.1",
        user_agent: "Mozilla/5.0",
        // So that whatever the door keeps of a message is tried too.
        keeps_origins: true,
    }
}

fn segment(bytes: &[u8]) {
    for word in ["track", "identify", "page", "screen", "group", "alias", "batch"] {
        let endpoint = Endpoint::parse(word).expect("a word of the Segment spec");
        let _ = collect::parse::segment::parse(endpoint, bytes, &arrival());
    }
}

fn cloudevents(bytes: &[u8]) {
    let _ = collect::parse::cloudevents::parse_structured(bytes, &arrival());
    let _ = collect::parse::cloudevents::parse_batch(bytes, &arrival());
    let headers = [("specversion", "1.0"), ("type", "com.eventra.item_viewed"), ("source", "fuzz"), ("id", "1")];
    let _ = collect::parse::cloudevents::parse_binary(&headers, bytes, &arrival());
}

fn ndjson(bytes: &[u8]) {
    let _ = collect::parse::ndjson::parse(bytes, &arrival());
}

/// What a body may grow to here: small, so that the fuzzer looks for bombs and not for memory.
const BODY_BYTES_MAX: usize = 64 << 10;

fn bodies(bytes: &[u8]) {
    for encoding in [Encoding::Identity, Encoding::Gzip, Encoding::Zstd] {
        if let Ok(body) = collect::decompress(encoding, bytes, BODY_BYTES_MAX) {
            assert!(body.len() <= BODY_BYTES_MAX, "the bound holds");
        }
    }
}

fn rules(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    for document in [RuleDocument::from_toml(text), RuleDocument::from_json(text)].into_iter().flatten() {
        let _ = document.validate();
        let again = RuleDocument::from_value(&document.to_value()).expect("what was read can be read again");
        assert_eq!(again.to_value(), document.to_value(), "a document survives a round trip");
    }
}

fn rulebook(bytes: &[u8]) {
    let _ = rules::rulebook::Rulebook::decode(bytes);
}

/// A log whose activity segment holds any bytes: it opens, or says what is wrong, and so do the tools.
fn segment_file(bytes: &[u8]) {
    let disk: Arc<dyn Disk> = Arc::new(SimDisk::new(1));
    let written = disk.create_directory("log").and_then(|()| {
        replace(&*disk, "log/log.txt", seeds::template().description.as_slice())?;
        replace(&*disk, seeds::SEGMENT, bytes)
    });
    written.expect("the simulated disk has room");
    let _ = eventlog::tools::inspect(&disk, "log");
    let _ = eventlog::tools::verify(&disk, "log");
    let Ok(log) = FileLog::open(Arc::clone(&disk), ManualClock::new(records::Timestamp(1)), seeds::options()) else {
        return;
    };
    for partition in log.identity().partitions.each(Lane::Activity) {
        let start = log.starts(Lane::Activity)[partition.index()];
        let _ = log.read(Lane::Activity, partition, start, ReadLimits::everything());
    }
}
