//! Writes the binary seeds of the corpus: `cargo run -p fuzz --example seed`.

use std::path::Path;

use records::{Batch, EventId, ItemId, Kind, MessageId, OrganizationId, Record, Timestamp, Token};

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

fn main() -> std::io::Result<()> {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
    let records: Vec<Record> = (1..5).map(record).collect();
    std::fs::write(corpus.join("batch/four_records"), Batch::from_records(&records).encode())?;
    std::fs::write(corpus.join("batch/empty"), Batch::from_records(&[]).encode())
}
