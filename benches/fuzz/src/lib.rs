//! Fuzz targets: every parser that meets bytes from outside, by name.
//!
//! `cargo fuzz` drives one target at a time with coverage; the test of this crate runs the committed corpus through
//! all of them in every CI run. A target must not panic, whatever the bytes, and what it accepts must survive a round
//! trip where the format has one.
//!
//! ```text
//! RUSTC_BOOTSTRAP=1 EVENTRA_FUZZ=batch cargo fuzz run --fuzz-dir benches/fuzz --features libfuzzer parsers benches/fuzz/corpus/batch
//! ```

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
