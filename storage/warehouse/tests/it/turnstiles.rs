//! A small append-only table and its rows, a pure function of the landing epoch.

use std::sync::Arc;

use arrow_array::{Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray};
use warehouse::Client;
use warehouse::landing::{LandingEpoch, cut};
use warehouse::schema::{Column, Rows, TableSchema};

use crate::support::number;

const DAY_US: i64 = 86_400_000_000;
const START_US: i64 = 1_704_067_200_000_000;

pub(crate) const SHARDS: u16 = 2;
/// Two months per shard: four chunks per landing epoch.
pub(crate) const CHUNKS: u64 = 4;

pub(crate) fn turnstiles() -> TableSchema {
    TableSchema {
        name: "turnstiles".into(),
        view_version: 1,
        doc: "turnstiles for tests".into(),
        columns: vec![
            Column::new("organization", "LowCardinality(String)", "tenant"),
            Column::new("log_time", "DateTime64(6, 'UTC')", "log time"),
            Column::new("n", "Int64", "a number that no two rows share"),
        ],
        order_by: vec!["organization".into(), "n".into()],
        partition_month_of: Some("log_time".into()),
        rows: Rows::Append,
    }
}

pub(crate) fn batch(landing_epoch: u64, shard: u16, rows: usize) -> RecordBatch {
    let first = i64::try_from(landing_epoch).unwrap() * 1_000_000 + i64::from(shard) * 500_000;
    let numbers: Vec<i64> = (0..i64::try_from(rows).unwrap()).map(|row| first + row).collect();
    let times = numbers.iter().map(|n| START_US + (n % 2) * 40 * DAY_US);
    RecordBatch::try_new(
        turnstiles().arrow_schema().unwrap(),
        vec![
            Arc::new(StringArray::from(vec!["acme"; rows])),
            Arc::new(TimestampMicrosecondArray::from_iter_values(times).with_timezone("UTC")),
            Arc::new(Int64Array::from(numbers)),
        ],
    )
    .unwrap()
}

/// `rows` rows for each shard.
pub(crate) fn epoch(landing_epoch: u64, rows: usize) -> LandingEpoch {
    let chunks = (0..SHARDS)
        .flat_map(|shard| cut(&turnstiles(), &batch(landing_epoch, shard, rows), landing_epoch, shard).unwrap());
    LandingEpoch { landing_epoch, chunks: chunks.collect() }
}

/// Fails unless the table holds exactly the rows of these landing epochs, each once.
pub(crate) async fn assert_exactly(client: &Client, epochs: std::ops::RangeInclusive<u64>, rows: usize) {
    let epochs: Vec<u64> = epochs.collect();
    let expected = epochs.len() * usize::from(SHARDS) * rows;
    assert_eq!(number(client, "SELECT count() FROM turnstiles").await, expected as u64, "rows");
    assert_eq!(number(client, "SELECT uniqExact(n) FROM turnstiles").await, expected as u64, "distinct rows");
    let sums = |epoch: &u64| (0..SHARDS).map(|shard| sum(&batch(*epoch, shard, rows))).sum::<i64>();
    let total: i64 = epochs.iter().map(sums).sum();
    assert_eq!(number(client, "SELECT toUInt64(sum(n)) FROM turnstiles").await, u64::try_from(total).unwrap(), "sum");
}

fn sum(batch: &RecordBatch) -> i64 {
    batch.column(2).as_any().downcast_ref::<Int64Array>().unwrap().values().iter().sum()
}
