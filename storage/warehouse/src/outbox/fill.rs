//! The queue of a fill: landing epochs from the log's start up to a fixed one, gathered into few large entries.
//!
//! A rebuild tells a day of history in 86,400 landing epochs. As one entry each they would take hours; gathered, sums are
//! added up and only the newest state of a key is left. How they are gathered may differ from run to run: an entry is
//! durable before any of it is handed out, and after a restart gathering goes on after the newest one.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow_array::RecordBatch;
use parking_lot::Mutex;

use super::entry::Part;
use super::plan::Round;
use super::queue::{Outbox, OutboxError};

/// Rows that are gathered in memory before they become an entry: some twenty megabytes.
const GATHERED_ROWS: usize = 1 << 17;
/// Landing epochs of an entry at most, an hour of them: progress shows, and a restart makes no more than that again.
const GATHERED_EPOCHS: u64 = 3_600;

/// Takes a fill's landing epochs.
pub(crate) struct Fill {
    pub(crate) round: Round,
    pub(crate) queue: Arc<Outbox>,
    gathered: Mutex<Gathered>,
}

/// What is not durable yet.
#[derive(Default)]
struct Gathered {
    /// First and newest landing epoch.
    range: Option<(u64, u64)>,
    batches: BTreeMap<(String, u16), Vec<RecordBatch>>,
    rows: usize,
}

impl Fill {
    pub(crate) fn new(round: Round, queue: Outbox) -> Self {
        Self { round, queue: Arc::new(queue), gathered: Mutex::default() }
    }

    /// The landing epoch up to which nothing has to be made again.
    pub(crate) fn durable(&self) -> u64 {
        self.queue.durable().max(self.round.whole())
    }

    /// Whether rows of a landing epoch are of use.
    pub(crate) fn wants(&self, newest: u64) -> bool {
        let taken = self.gathered.lock().range.map_or(0, |(_, newest)| newest).max(self.durable());
        newest > taken && newest <= self.round.through
    }

    /// Takes a landing epoch, or several that were merged. What it has is durable on return when `keep` says so, when it
    /// is enough, and when the fill's last landing epoch has come.
    ///
    /// # Errors
    /// The queue's; then the same landing epoch may be handed in again.
    pub(crate) fn take(&self, oldest: u64, newest: u64, keep: bool, parts: &[Part]) -> Result<(), OutboxError> {
        let mut gathered = self.gathered.lock();
        let last = newest >= self.round.through;
        if newest > self.round.through {
            if oldest <= self.round.through {
                return Err(OutboxError::Overlap { oldest, newest });
            }
        } else {
            self.gather(&mut gathered, oldest, newest, parts)?;
        }
        let enough = gathered.rows >= GATHERED_ROWS
            || gathered.range.is_some_and(|(first, last)| last - first >= GATHERED_EPOCHS);
        if last || keep || enough { self.store(&mut gathered, newest) } else { Ok(()) }
    }

    fn gather(&self, gathered: &mut Gathered, oldest: u64, newest: u64, parts: &[Part]) -> Result<(), OutboxError> {
        let durable = self.durable();
        let taken = gathered.range.map_or(durable, |(_, newest)| newest.max(durable));
        if newest <= taken {
            return Ok(());
        }
        if oldest <= taken {
            return Err(OutboxError::Overlap { oldest, newest });
        }
        // The log may begin later than its first landing epoch: then there is nothing before.
        let begins = gathered.range.is_none() && durable == self.round.whole();
        if oldest > taken + 1 && !begins {
            return Err(OutboxError::Gap { expected: taken + 1, found: oldest });
        }
        let wanted = |part: &&Part| self.round.after.get(&part.table).is_some_and(|after| *after < oldest);
        for part in parts.iter().filter(wanted) {
            gathered.rows += part.batch.num_rows();
            gathered.batches.entry((part.table.clone(), part.shard)).or_default().push(part.batch.clone());
        }
        let first = gathered.range.map_or(oldest, |(first, _)| first);
        gathered.range = Some((first, newest));
        Ok(())
    }

    /// Makes what was gathered an entry. The last one ends where the fill ends, also when the log told less.
    fn store(&self, gathered: &mut Gathered, newest: u64) -> Result<(), OutboxError> {
        let through = self.round.through;
        if newest >= through && self.durable() < through {
            let first = gathered.range.map_or(self.durable() + 1, |(first, _)| first);
            gathered.range = Some((first, through));
        }
        let Some((first, last)) = gathered.range else { return Ok(()) };
        let parts = gathered.batches.iter().map(|((table, shard), batches)| self.joined(table, *shard, batches));
        self.queue.put_range(first, last, parts.collect::<Result<_, _>>()?)?;
        *gathered = Gathered::default();
        Ok(())
    }

    fn joined(&self, table: &str, shard: u16, batches: &[RecordBatch]) -> Result<Part, OutboxError> {
        let schema = batches.first().expect("a list is made with its first batch").schema();
        let batch = arrow_select::concat::concat_batches(&schema, batches)
            .map_err(|error| OutboxError::Damaged { path: table.to_owned(), reason: error.to_string() })?;
        Ok(Part { table: table.to_owned(), shard, batch })
    }
}
