//! The writer of facts before there is a desk: claims a partition, appends fenced frames, knows what has been decided.
//!
//! One command is one frame. A claim carries a random id, its frames count up without a gap, so two processes that both
//! believe that they may write can never both be heard (see the log's fence). The desk takes over this writer.

mod standing;
mod wish;

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::{Context as _, bail};
use eventlog::clock::Clock;
use eventlog::{Appended, ClaimTag, EventLog, Lane, NewFrame, PartitionId, ReadLimits};
use records::{Fact, FactRow, OrganizationId, fact, hash};

pub(crate) use standing::Standing;
pub(crate) use wish::{Command, Made, commands, commands_of};

/// Hears each fact once it is durable, in order: the key ring, for example.
pub(crate) type Listener = Box<dyn Fn(&FactRow) + Send + Sync>;

/// The only writer of the facts lane in this process.
pub(crate) struct Writer {
    log: Arc<dyn EventLog>,
    clock: Arc<dyn Clock>,
    address: String,
    claims: BTreeMap<PartitionId, Claim>,
    standing: Standing,
    listener: Listener,
}

#[derive(Debug, Clone, Copy)]
struct Claim {
    id: u128,
    next: u64,
}

impl Writer {
    /// Reads every fact and stands ready. Partitions are claimed when something is to be written there.
    ///
    /// # Errors
    /// When the facts cannot be read.
    pub(crate) fn open(
        log: Arc<dyn EventLog>,
        clock: Arc<dyn Clock>,
        address: String,
        listener: Listener,
    ) -> anyhow::Result<Self> {
        let mut writer = Self { log, clock, address, claims: BTreeMap::new(), standing: Standing::default(), listener };
        writer.read_all()?;
        Ok(writer)
    }

    /// What has been decided so far.
    pub(crate) fn standing(&self) -> &Standing {
        &self.standing
    }

    /// The present, for facts.
    pub(crate) fn now(&self) -> records::Timestamp {
        self.clock.now()
    }

    /// Appends one command's facts; returns when they are durable.
    ///
    /// # Errors
    /// When the log refuses, or another writer has claimed the partition; then nothing of it counts.
    pub(crate) fn append(&mut self, command: &Command) -> anyhow::Result<Appended> {
        let partition = self.partition(command.aggregate);
        let mut claim = self.claim(partition)?;
        let tag = ClaimTag { claim_id: claim.id, n: claim.next, opens: false };
        let appended = match self.append_frame(partition, &command.rows, tag) {
            Ok(appended) => appended,
            Err(error) => {
                // Whether the frame is in the log is not known, so neither is the next `n`: a new claim settles it.
                self.claims.remove(&partition);
                return Err(error);
            }
        };
        if appended.voided_rows > 0 {
            self.claims.remove(&partition);
            bail!("another writer has claimed the partition; read again what stands, then repeat the command");
        }
        claim.next += 1;
        self.claims.insert(partition, claim);
        for row in &command.rows {
            self.hear(row);
        }
        Ok(appended)
    }

    fn claim(&mut self, partition: PartitionId) -> anyhow::Result<Claim> {
        if let Some(claim) = self.claims.get(&partition) {
            return Ok(*claim);
        }
        let id = rand::random();
        let row = FactRow::new(
            OrganizationId::NONE,
            self.clock.now(),
            Fact::PartitionClaimed { address: self.address.clone() },
        );
        self.append_frame(partition, &[row], ClaimTag { claim_id: id, n: 0, opens: true })?;
        let claim = Claim { id, next: 1 };
        self.claims.insert(partition, claim);
        Ok(claim)
    }

    fn append_frame(&self, partition: PartitionId, rows: &[FactRow], tag: ClaimTag) -> anyhow::Result<Appended> {
        let frame = NewFrame {
            lane: Lane::Facts,
            partition,
            body: fact::encode(rows).into(),
            rows: u32::try_from(rows.len()).context("too many facts in one command")?,
            dedup: Vec::new(),
            claim: Some(tag),
        };
        let appended = self.log.append(vec![frame]).context("the log refuses facts")?;
        appended.first().copied().context("the log answered nothing")
    }

    fn partition(&self, aggregate: u64) -> PartitionId {
        let count = u64::from(self.log.identity().partitions.facts);
        PartitionId(u16::try_from(aggregate % count).expect("a partition count has 16 bits"))
    }

    fn read_all(&mut self) -> anyhow::Result<()> {
        let mut from = self.log.starts(Lane::Facts);
        loop {
            let frames = self.log.read_lane(Lane::Facts, &from, ReadLimits::default()).context("reading the facts")?;
            if frames.is_empty() {
                return Ok(());
            }
            for frame in frames {
                from[frame.partition.index()] = frame.end();
                if frame.counted() == 0 {
                    continue;
                }
                let rows = fact::decode(&frame.body)?;
                for row in frame.counted_rows() {
                    let row = rows.get(row as usize).context("a facts frame holds fewer rows than it says")?;
                    self.hear(row);
                }
            }
        }
    }

    fn hear(&mut self, row: &FactRow) {
        self.standing.apply(row);
        (self.listener)(row);
    }
}

impl std::fmt::Debug for Writer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Writer").field("claims", &self.claims).finish_non_exhaustive()
    }
}

/// The hash that decides the partition of an organization's own facts.
pub(crate) fn aggregate_of_organization(organization: OrganizationId) -> u64 {
    hash::wide(organization.0)
}

/// The hash that decides the partition of an event's facts.
pub(crate) fn aggregate_of_event(organization: OrganizationId, event: records::EventId) -> u64 {
    hash::join(hash::wide(organization.0), hash::wide(event.0))
}

#[cfg(test)]
mod tests {
    use eventlog::clock::ManualClock;
    use eventlog::{MemoryLog, Offset};
    use records::Timestamp;

    use super::*;
    use crate::document::Document;

    fn document(title: &str) -> Document {
        serde_json::from_value(serde_json::json!({"organization": [{
            "id": "acme", "name": "Acme",
            "key": [{"name": "web", "scopes": ["write"]}],
            "event": [{
                "id": "conf", "title": title, "starts": "2026-11-20T09:00:00Z", "ends": "2026-11-20T18:00:00Z",
                "item": [{"id": "talk-1", "title": "Opening"}],
            }],
        }]}))
        .unwrap()
    }

    fn log() -> Arc<dyn EventLog> {
        Arc::new(MemoryLog::new(7, ManualClock::new(Timestamp(1_000))))
    }

    fn writer(log: &Arc<dyn EventLog>) -> Writer {
        let clock = Arc::new(ManualClock::new(Timestamp(5_000)));
        Writer::open(Arc::clone(log), clock, "here".into(), Box::new(|_| {})).unwrap()
    }

    fn apply(writer: &mut Writer, document: &Document) -> usize {
        let (commands, _) = commands(document, writer.standing(), writer.now());
        commands.iter().for_each(|command| {
            writer.append(command).unwrap();
        });
        commands.iter().map(|command| command.rows.len()).sum()
    }

    #[test]
    fn the_same_document_twice_appends_nothing() {
        let log = log();
        let mut first = writer(&log);
        assert_eq!(apply(&mut first, &document("Conference")), 4);
        assert_eq!(apply(&mut first, &document("Conference")), 0);
        // Another process, later.
        let mut second = writer(&log);
        let ends = log.ends(Lane::Facts);
        assert_eq!(apply(&mut second, &document("Conference")), 0);
        assert_eq!(log.ends(Lane::Facts), ends, "not even a claim");
        assert_eq!(apply(&mut second, &document("Conference, renamed")), 1);
    }

    #[test]
    fn a_writer_that_was_fenced_off_says_so_and_nothing_of_it_counts() {
        let log = log();
        let (mut old, mut new) = (writer(&log), writer(&log));
        apply(&mut old, &document("one"));
        apply(&mut new, &document("two"));
        let (commands, _) = commands(&document("three"), old.standing(), old.now());
        let error = old.append(&commands[0]).unwrap_err();
        assert!(error.to_string().contains("another writer"), "{error}");
        let again = writer(&log);
        assert_eq!(again.standing().event_titles(), ["two"]);
    }

    #[test]
    fn numbers_of_a_claim_have_no_gap() {
        let log = log();
        let mut writer = writer(&log);
        for title in ["one", "two", "three"] {
            apply(&mut writer, &document(title));
        }
        for partition in log.identity().partitions.each(Lane::Facts) {
            let frames = log.read(Lane::Facts, partition, Offset(0), ReadLimits::everything()).unwrap();
            let numbers: Vec<u64> = frames.iter().map(|frame| frame.claim.unwrap().n).collect();
            assert!(numbers.iter().copied().eq(0..numbers.len() as u64), "{numbers:?}");
            assert!(frames.iter().all(|frame| frame.counted() == frame.rows));
        }
    }
}
