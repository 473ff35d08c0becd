//! The warehouse behind the product's outbox: chunks arrive once, answers get lost, and what lies there is compared.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow_array::cast::AsArray as _;
use arrow_array::types::Int64Type;
use arrow_array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use eventlog::disk::SimDisk;
use warehouse::landing::{ChunkKey, LandingEpoch};
use warehouse::outbox::{Outbox, OutboxConfig, OutboxError, Part, Unsent};
use warehouse::schema::{Column, Rows as Combine, TableSchema};
use workload::chance::Chance;

use crate::raw::RawPlace;
use crate::state::Rows;

/// Numbers of one row; the widest row has five.
const WIDTH: usize = 5;
/// How far back a recovery may find chunks missing; the product rechecks 64 landing epochs.
const RECHECKED: u64 = 5;

/// Rows of any view in one shape: a key, and its numbers.
type Flat = BTreeMap<(String, String), [i64; WIDTH]>;

/// What lies in the warehouse. It survives crashes: it is another machine.
#[derive(Debug, Default)]
pub(crate) struct Warehouse {
    /// By landing epoch first: the order in which newer rows replace older ones.
    chunks: BTreeMap<(u64, ChunkKey), (u64, RecordBatch)>,
    landed: Option<u64>,
    /// Raw records by landing epoch and partition.
    pub(crate) raw: BTreeMap<(u64, u16), Vec<RawPlace>>,
    pub(crate) raw_landed: u64,
    /// Of 1,000 tries, those that fail; half of them after the chunk has arrived.
    pub(crate) failing_per_mille: u64,
    /// Chunks that arrived again.
    pub(crate) again: u64,
    /// Landing epochs that had been merged in the outbox.
    pub(crate) merged: u64,
}

/// What carries the outbox into the warehouse; it ends with the process.
pub(crate) struct Delivery {
    pub(crate) outbox: Arc<Outbox>,
    under_way: Option<Unsent>,
    recovered: bool,
}

/// Why nothing was delivered.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DeliveryError {
    #[error("outbox: {0}")]
    Outbox(#[from] OutboxError),
    #[error("{0}")]
    Wrong(String),
}

impl Warehouse {
    /// What recovery says: how far landing is, or less, when chunks turn out to be missing.
    fn recover(&self, chance: &mut Chance) -> Option<u64> {
        self.landed.map(|landed| landed.saturating_sub(chance.below(RECHECKED)))
    }

    /// Takes one landing epoch, chunk by chunk; false when it failed on the way.
    fn land(&mut self, entry: &Unsent, epoch: &LandingEpoch, chance: &mut Chance) -> Result<bool, DeliveryError> {
        if epoch.chunks.len() != entry.parts.len() {
            return Err(DeliveryError::Wrong(format!("landing epoch {} has parts of many chunks", entry.newest)));
        }
        for (chunk, part) in epoch.chunks.iter().zip(&entry.parts) {
            let fails = chance.per_mille(self.failing_per_mille);
            if fails && chance.per_mille(500) {
                return Ok(false);
            }
            let place = (chunk.key.landing_epoch, chunk.key.clone());
            match self.chunks.get(&place) {
                None => _ = self.chunks.insert(place, (chunk.hash, part.batch.clone())),
                Some((hash, _)) if *hash == chunk.hash => self.again += 1,
                Some(_) => return Err(DeliveryError::Wrong(format!("chunk {:?} came with other rows", chunk.key))),
            }
            if fails {
                return Ok(false);
            }
        }
        self.merged += u64::from(entry.oldest != entry.newest);
        self.landed = self.landed.max(Some(entry.newest));
        Ok(true)
    }

    /// Compares what lies here with every landing epoch as the dataflow told it.
    pub(crate) fn check<'a>(&self, told: impl Iterator<Item = &'a Rows>) -> Result<u64, String> {
        let wanted = combined(told.flat_map(flat_rows))?;
        let landed = combined(self.chunks.iter().flat_map(|((_, key), (_, batch))| {
            (0..batch.num_rows()).map(move |row| (key.table.clone(), text(batch, row), numbers(batch, row)))
        }))?;
        let keys = wanted.keys().chain(landed.keys());
        match keys.into_iter().find(|key| wanted.get(*key) != landed.get(*key)) {
            None => Ok(landed.len() as u64),
            Some(key) => {
                Err(format!("in the warehouse {key:?} is {:?}, it was told {:?}", landed.get(key), wanted.get(key)))
            }
        }
    }
}

impl Delivery {
    /// Opens the outbox as the process does: mostly with the warehouse's answer, sometimes while it is away.
    pub(crate) fn open(
        disk: &SimDisk,
        store: &Warehouse,
        chance: &mut Chance,
        config: OutboxConfig,
    ) -> Result<Self, OutboxError> {
        let recovered = chance.per_mille(700);
        let landed = if recovered { store.recover(chance) } else { None };
        let outbox = Outbox::open(Arc::new(disk.clone()), "outbox", tables(), config, landed)?;
        Ok(Self { outbox: Arc::new(outbox), under_way: None, recovered })
    }

    /// Delivers at most so many landing epochs; returns whether nothing is left.
    pub(crate) fn deliver(
        &mut self,
        store: &mut Warehouse,
        most: u64,
        chance: &mut Chance,
    ) -> Result<bool, DeliveryError> {
        if !self.recovered {
            if let Some(landed) = store.recover(chance) {
                self.outbox.acknowledge(landed)?;
            }
            self.recovered = true;
        }
        for _ in 0..most {
            if self.under_way.is_none() {
                self.under_way = self.outbox.next_unsent()?;
            }
            let Some(entry) = &self.under_way else { return Ok(true) };
            let epoch = entry
                .landing_epoch(self.outbox.tables())
                .map_err(|error| DeliveryError::Wrong(format!("cutting: {error}")))?;
            if !store.land(entry, &epoch, chance)? {
                return Ok(false);
            }
            let landed = entry.newest;
            self.under_way = None;
            // Acknowledgements may lag: a crash in between hands the epoch out again.
            if chance.per_mille(700) {
                self.outbox.acknowledge(landed)?;
            }
        }
        Ok(false)
    }
}

/// The parts of one landing epoch, as the process puts them into the outbox.
pub(crate) fn parts(rows: &Rows) -> Vec<Part> {
    let flat = flat_rows(rows);
    let tables = tables();
    let of = |table: &TableSchema| {
        let name = table.stored_name();
        let rows: Vec<_> = flat.iter().filter(|(table, ..)| *table == name).collect();
        let mut columns: Vec<ArrayRef> =
            vec![Arc::new(StringArray::from_iter_values(rows.iter().map(|(_, key, _)| key)))];
        columns.extend((0..WIDTH).map(|column| {
            Arc::new(Int64Array::from_iter_values(rows.iter().map(|(.., numbers)| numbers[column]))) as ArrayRef
        }));
        let schema = table.arrow_schema().expect("its columns are texts and numbers");
        let batch = RecordBatch::try_new(schema, columns).expect("the columns are as the table says");
        Part { table: name, shard: 0, batch }
    };
    tables.iter().map(of).filter(|part| part.batch.num_rows() > 0).collect()
}

/// One table for each view; their rows combine in all three ways.
fn tables() -> Vec<TableSchema> {
    let sums = || Combine::Additive((0..WIDTH).map(|column| format!("v{column}").into()).collect());
    let upsert = || Combine::Upsert(vec!["key".into()]);
    vec![
        table("attendance", upsert()),
        table("campaigns", sums()),
        table("leaderboards", upsert()),
        table("scores", Combine::Append),
        table("segments", Combine::Append),
        table("visits", sums()),
        table("windows", sums()),
    ]
}

fn table(name: &'static str, rows: Combine) -> TableSchema {
    let mut columns = vec![Column::new("key", "String", "key")];
    columns.extend((0..WIDTH).map(|column| Column::new(format!("v{column}"), "Int64", "a number")));
    let order_by = vec!["key".into()];
    TableSchema {
        name: name.into(),
        view_version: 1,
        doc: "a view".into(),
        columns,
        order_by,
        partition_month_of: None,
        rows,
    }
}

fn flat_rows(rows: &Rows) -> Vec<(String, String, [i64; WIDTH])> {
    let mut flat = Vec::new();
    let mut add = |table: &str, key: String, numbers: [i64; WIDTH]| flat.push((table.to_owned(), key, numbers));
    let big = |count: u64| i64::try_from(count).expect("small worlds have small counts");
    for row in rows.standings() {
        let numbers = [row.joined, row.present, row.peak, row.left, row.focused_ms].map(big);
        add("attendance", format!("{:?}", row.place), numbers);
    }
    for row in &rows.campaigns {
        let added = row.added;
        let numbers = [added.served, added.viewed, added.clicked, added.late_excluded, added.late_counted].map(big);
        add("campaigns", format!("{:?}", (row.organization, row.campaign, row.window)), numbers);
    }
    for row in &rows.leaderboards {
        let key = format!("{:?}", (row.organization, row.board.to_string(), row.participant));
        add("leaderboards", key, [row.score, 0, 0, 0, 0]);
    }
    for row in &rows.scores {
        let numbers = [i64::from(row.score.score), row.score.reasons.len() as i64, 0, 0, 0];
        add("scores", format!("{:?}", row.score.pos), numbers);
    }
    for row in &rows.segments {
        let key = format!("{:?}", (row.organization, row.actor, row.segment, row.number));
        add("segments", key, [i64::from(row.joined), row.at.0, 0, 0, 0]);
    }
    for row in &rows.visits {
        let diff = row.diff;
        let numbers = [diff.visits, diff.single, diff.records, diff.duration_ms, 0];
        add("visits", format!("{:?}", (row.organization, row.event, row.hour)), numbers);
    }
    for row in &rows.windows {
        let key = (row.organization, row.event, row.session, row.kind, row.window_start, row.window_seconds);
        add("windows", format!("{key:?}"), [row.count_diff, 0, 0, 0, 0]);
    }
    flat
}

/// What queries see: sums by key, the newest by key, or every row, of which none may be there twice.
fn combined(rows: impl Iterator<Item = (String, String, [i64; WIDTH])>) -> Result<Flat, String> {
    let tables: BTreeMap<String, Combine> =
        tables().into_iter().map(|table| (table.stored_name(), table.rows)).collect();
    let mut combined = Flat::new();
    for (table, key, numbers) in rows {
        let combine = tables.get(&table).ok_or_else(|| format!("nobody knows the table `{table}`"))?;
        let place = (table, key);
        match combine {
            Combine::Additive(_) => {
                let sums = combined.entry(place).or_default();
                sums.iter_mut().zip(numbers).for_each(|(sum, number)| *sum += number);
            }
            Combine::Upsert(_) => _ = combined.insert(place, numbers),
            Combine::Append => {
                if combined.insert(place.clone(), numbers).is_some() {
                    return Err(format!("in the warehouse {place:?} is there twice"));
                }
            }
        }
    }
    Ok(combined)
}

fn text(batch: &RecordBatch, row: usize) -> String {
    batch.column(0).as_string::<i32>().value(row).to_owned()
}

fn numbers(batch: &RecordBatch, row: usize) -> [i64; WIDTH] {
    std::array::from_fn(|column| batch.column(1 + column).as_primitive::<Int64Type>().value(row))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_that_landed_twice_or_not_at_all_is_found() {
        let row = |table: &str, number| (table.to_owned(), "key".to_owned(), [number, 0, 0, 0, 0]);
        let twice = combined([row("scores", 5), row("scores", 5)].into_iter()).unwrap_err();
        assert!(twice.ends_with("is there twice"), "{twice}");
        let sum = combined([row("windows", 5), row("windows", -2)].into_iter()).unwrap();
        assert_eq!(sum.values().next(), Some(&[3, 0, 0, 0, 0]));
        let mut store = Warehouse::default();
        let told = Rows { leaderboards: vec![score(7)], ..Rows::default() };
        assert!(store.check(std::iter::once(&told)).unwrap_err().contains("None"));
        let entry = Unsent { oldest: 1, newest: 1, parts: parts(&told) };
        let epoch = entry.landing_epoch(&tables()).unwrap();
        assert!(store.land(&entry, &epoch, &mut Chance::new(1)).unwrap());
        assert_eq!(store.check(std::iter::once(&told)), Ok(1));
    }

    fn score(score: i64) -> views::leaderboards::ScoreRow {
        views::leaderboards::ScoreRow {
            organization: records::OrganizationId(1),
            board: records::Text::new("points"),
            participant: records::Token(3),
            score,
        }
    }
}
