//! The journal of an event's money, from the log itself: each posting of each fact, in order.

use std::sync::Arc;

use eventlog::{EventLog, Lane, Offset, PartitionId, ReadLimits};
use records::booking::Account;
use records::fact::By;
use records::{Fact, FactRow};

use super::cells::{Sheet, amount, word};
use super::{About, Source};

/// Facts that are read at once.
const READ: ReadLimits = ReadLimits { max_bytes: 1 << 20, max_rows: 2_048, up_to: records::Timestamp::MAX };

/// Postings of one partition, up to where it ended when somebody asked.
pub(super) struct Postings {
    log: Arc<dyn EventLog>,
    partition: PartitionId,
    next: Offset,
    end: Offset,
}

impl Postings {
    pub(super) fn new(log: Arc<dyn EventLog>, partition: PartitionId, next: Offset, end: Offset) -> Self {
        Self { log, partition, next, end }
    }
}

impl Source for Postings {
    fn columns(&self) -> &'static [&'static str] {
        &[
            "offset",
            "at_utc",
            "at_local",
            "zone",
            "fact",
            "order",
            "by",
            "account",
            "provider",
            "amount",
            "amount_minor",
            "currency",
        ]
    }

    fn write(&mut self, about: &About, sheet: &mut Sheet) -> std::io::Result<bool> {
        if self.next >= self.end {
            return Ok(false);
        }
        let frames = self.log.read(Lane::Facts, self.partition, self.next, READ);
        let frames = frames.map_err(std::io::Error::other)?;
        if frames.is_empty() {
            return Ok(false);
        }
        for frame in frames {
            self.next = frame.end();
            if frame.body.is_empty() || frame.first >= self.end {
                continue;
            }
            let rows = records::fact::decode(&frame.body).map_err(std::io::Error::other)?;
            for (number, row) in (0..).zip(rows) {
                if frame.counts(number) {
                    self.posted(about, sheet, frame.first.plus(number), &row);
                }
            }
        }
        Ok(self.next < self.end)
    }
}

impl Postings {
    fn posted(&self, about: &About, sheet: &mut Sheet, offset: Offset, row: &FactRow) {
        let Some(Fact::Booking(fact)) = row.known() else { return };
        if (row.organization, fact.event()) != about.at {
            return;
        }
        let Some(entry) = fact.entry() else { return };
        let name = serde_json::to_value(fact).ok().and_then(|value| Some(value["fact"].as_str()?.to_owned()));
        let order = super::super::order_of(row).map_or_else(String::new, |order| order.to_string());
        let by = match &row.by {
            None => String::new(),
            Some(By::Operator) => "operator".into(),
            Some(By::Key(key)) => super::cells::words(&format!("key {key}")),
            Some(By::User(user)) => format!("user {user}"),
        };
        for posting in &entry.postings {
            let (account, provider) = match posting.account {
                Account::Provider(provider) => ("provider".to_owned(), word(provider)),
                account => (word(account), String::new()),
            };
            let mut cells = vec![format!("f{}/{}", self.partition.0, offset.0)];
            cells.extend(sheet.time(Some(row.at)));
            cells.extend([name.clone().unwrap_or_default(), order.clone(), by.clone(), account, provider]);
            cells.extend(amount(posting.minor, entry.currency));
            cells.push(entry.currency.to_string());
            sheet.row(cells);
        }
    }
}
