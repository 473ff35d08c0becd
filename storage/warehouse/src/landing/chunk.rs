//! A chunk: at most 65,536 rows of one table in one partition, which land as one block or not at all.

use std::collections::BTreeMap;

use arrow_array::cast::AsArray as _;
use arrow_array::types::{TimestampMicrosecondType, TimestampMillisecondType, TimestampSecondType};
use arrow_array::{Array, RecordBatch, UInt64Array};
use arrow_schema::{ArrowError, DataType, TimeUnit};
use bytes::Bytes;
use xxhash_rust::xxh3::xxh3_64;

use super::CHUNK_ROWS;
use crate::arrow_body;
use crate::schema::{Rows, TableSchema, UnknownType, with_landing_columns};

/// What names a chunk: the same on every run over the same log.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ChunkKey {
    /// Stored table.
    pub table: String,
    /// Version of the view that made the rows.
    pub view_version: u32,
    /// Landing epoch.
    pub landing_epoch: u64,
    /// Bin range or log partition; never a worker, so that another number of workers makes the same chunks.
    pub shard: u16,
    /// Number within landing epoch and shard, from 0.
    pub chunk: u32,
}

/// One chunk, encoded.
#[derive(Debug, Clone)]
pub struct Chunk {
    /// Its name.
    pub key: ChunkKey,
    /// Names of the columns in the body.
    pub(crate) columns: String,
    /// The rows as an Arrow stream of one batch.
    pub(crate) body: Bytes,
    /// Number of rows.
    pub rows: u64,
    /// Hash of the body (XXH3).
    pub hash: u64,
    /// Whether rows of the table can be counted to see if the chunk is there: not where newer rows replace older ones.
    pub(crate) counted: bool,
}

impl Chunk {
    /// Returns the size of the encoded rows, bytes.
    pub fn bytes(&self) -> usize {
        self.body.len()
    }
}

/// Why rows could not be cut into chunks.
#[derive(Debug, thiserror::Error)]
pub enum CutError {
    /// The batch has other columns than the table.
    #[error("a batch for `{table}` has {found}, the table expects {expected}")]
    Columns {
        /// Stored table.
        table: String,
        /// The batch's columns.
        found: String,
        /// The table's.
        expected: String,
    },
    /// The partition column is no time.
    #[error("`{0}` is not a time in UTC, so it names no month")]
    NotATime(String),
    /// A column type that no batch can carry.
    #[error(transparent)]
    Type(#[from] UnknownType),
    /// Arrow refused the rows.
    #[error(transparent)]
    Arrow(#[from] ArrowError),
}

/// Cuts a shard's rows of one landing epoch into chunks, month by month in the order of the rows.
///
/// Pure: the same rows give the same chunks, tokens and hashes. Columns that the batch leaves out get ClickHouse's defaults.
///
/// # Errors
/// A batch that does not fit the table; see [`CutError`].
pub fn cut(table: &TableSchema, batch: &RecordBatch, landing_epoch: u64, shard: u16) -> Result<Vec<Chunk>, CutError> {
    check_columns(table, batch)?;
    let mut chunks = Vec::new();
    for rows in months(table, batch)?.values() {
        for rows in rows.chunks(CHUNK_ROWS) {
            let part = take(batch, rows)?;
            let number = u32::try_from(chunks.len()).expect("a landing epoch has fewer than 2^32 chunks");
            chunks.push(encode(table, &part, landing_epoch, shard, number)?);
        }
    }
    Ok(chunks)
}

fn check_columns(table: &TableSchema, batch: &RecordBatch) -> Result<(), CutError> {
    let expected = table.arrow_schema()?;
    let found = batch.schema();
    let fits = |field: &arrow_schema::Field| {
        expected.fields().iter().any(|known| known.name() == field.name() && known.data_type() == field.data_type())
    };
    if found.fields().iter().all(|field| fits(field)) {
        return Ok(());
    }
    let list = |schema: &arrow_schema::Schema| {
        schema
            .fields()
            .iter()
            .map(|field| format!("{} {}", field.name(), field.data_type()))
            .collect::<Vec<_>>()
            .join(", ")
    };
    Err(CutError::Columns { table: table.stored_name(), found: list(&found), expected: list(&expected) })
}

fn encode(
    table: &TableSchema,
    part: &RecordBatch,
    landing_epoch: u64,
    shard: u16,
    chunk: u32,
) -> Result<Chunk, CutError> {
    let landed = with_landing_columns(part, landing_epoch, shard, chunk)?;
    let body = arrow_body::encode(&landed)?;
    let columns: Vec<String> = landed.schema().fields().iter().map(|field| format!("`{}`", field.name())).collect();
    Ok(Chunk {
        key: ChunkKey { table: table.stored_name(), view_version: table.view_version, landing_epoch, shard, chunk },
        columns: columns.join(", "),
        rows: landed.num_rows() as u64,
        hash: xxh3_64(&body),
        body,
        counted: !matches!(table.rows, Rows::Upsert(_)),
    })
}

/// Rows of each month, in their order. One month of everything where the table has no partitions.
fn months(table: &TableSchema, batch: &RecordBatch) -> Result<BTreeMap<i32, Vec<u64>>, CutError> {
    let mut months: BTreeMap<i32, Vec<u64>> = BTreeMap::new();
    let rows = batch.num_rows() as u64;
    let Some(name) = &table.partition_month_of else {
        if rows > 0 {
            months.insert(0, (0..rows).collect());
        }
        return Ok(months);
    };
    let column = batch.column_by_name(name).ok_or_else(|| CutError::NotATime(name.to_string()))?;
    let days = days(column.as_ref()).ok_or_else(|| CutError::NotATime(name.to_string()))?;
    for (row, day) in days.enumerate() {
        months.entry(month_of(day)).or_default().push(row as u64);
    }
    Ok(months)
}

const DAY_S: i64 = 86_400;

/// Days since 1970 of each value.
fn days(column: &dyn Array) -> Option<Box<dyn Iterator<Item = i64> + '_>> {
    Some(match column.data_type() {
        DataType::Timestamp(TimeUnit::Second, _) => {
            Box::new(column.as_primitive::<TimestampSecondType>().values().iter().map(|at| at.div_euclid(DAY_S)))
        }
        DataType::Timestamp(TimeUnit::Millisecond, _) => Box::new(
            column.as_primitive::<TimestampMillisecondType>().values().iter().map(|at| at.div_euclid(DAY_S * 1_000)),
        ),
        DataType::Timestamp(TimeUnit::Microsecond, _) => Box::new(
            column
                .as_primitive::<TimestampMicrosecondType>()
                .values()
                .iter()
                .map(|at| at.div_euclid(DAY_S * 1_000_000)),
        ),
        _ => return None,
    })
}

/// Year * 12 + month of a day since 1970 (Howard Hinnant, "chrono-compatible low-level date algorithms", `civil_from_days`).
fn month_of(day: i64) -> i32 {
    let day = day + 719_468;
    let era = day.div_euclid(146_097);
    let of_era = day.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let day_of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    i32::try_from(year * 12 + month - 1).expect("a day of 64-bit microseconds is within 300,000 years")
}

fn take(batch: &RecordBatch, rows: &[u64]) -> Result<RecordBatch, ArrowError> {
    let (Some(first), Some(last)) = (rows.first(), rows.last()) else {
        return Ok(batch.slice(0, 0));
    };
    let length = rows.len();
    // Rows of one month mostly follow each other: then nothing is copied.
    if (last - first + 1) as usize == length {
        return Ok(batch.slice(*first as usize, length));
    }
    arrow_select::take::take_record_batch(batch, &UInt64Array::from(rows.to_vec()))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_array::{Int64Array, StringArray, TimestampMicrosecondArray};
    use proptest::prelude::*;

    use super::*;
    use crate::schema::Column;

    const SECOND: i64 = 1_000_000;
    const JANUARY_31: i64 = 1_706_659_200 * SECOND;

    fn table(partitioned: bool) -> TableSchema {
        TableSchema {
            name: "t".into(),
            view_version: 1,
            doc: "test".into(),
            columns: vec![
                Column::new("organization", "LowCardinality(String)", "tenant"),
                Column::new("at", "DateTime64(6, 'UTC')", "time"),
                Column::new("n", "Int64", "number"),
            ],
            order_by: vec!["n".into()],
            partition_month_of: partitioned.then(|| "at".into()),
            rows: Rows::Append,
        }
    }

    fn batch(table: &TableSchema, times: Vec<i64>) -> RecordBatch {
        let rows = times.len();
        RecordBatch::try_new(
            table.arrow_schema().unwrap(),
            vec![
                Arc::new(StringArray::from(vec!["o"; rows])),
                Arc::new(TimestampMicrosecondArray::from(times).with_timezone("UTC")),
                Arc::new(Int64Array::from_iter_values(0..rows as i64)),
            ],
        )
        .unwrap()
    }

    #[test]
    fn a_chunk_never_spans_two_months() {
        let table = table(true);
        let day = DAY_S * SECOND;
        let batch = batch(&table, vec![JANUARY_31, JANUARY_31 + day, JANUARY_31 + 2, JANUARY_31 + 2 * day]);
        let chunks = cut(&table, &batch, 7, 3).unwrap();
        assert_eq!(chunks.iter().map(|chunk| chunk.rows).collect::<Vec<_>>(), [2, 2]);
        assert_eq!(chunks.iter().map(|chunk| chunk.key.chunk).collect::<Vec<_>>(), [0, 1]);
    }

    #[test]
    fn large_batches_are_cut_at_the_bound() {
        let table = table(false);
        let batch = batch(&table, vec![JANUARY_31; CHUNK_ROWS + 1]);
        let chunks = cut(&table, &batch, 7, 3).unwrap();
        assert_eq!(chunks.iter().map(|chunk| chunk.rows).collect::<Vec<_>>(), [CHUNK_ROWS as u64, 1]);
        let again = cut(&table, &batch, 7, 3).unwrap();
        assert!(chunks.iter().zip(&again).all(|(a, b)| a.hash == b.hash && a.body == b.body));
    }

    #[test]
    fn other_columns_are_refused_by_name() {
        let mut other = table(false);
        let batch = batch(&other, vec![0]);
        other.columns[2].clickhouse_type = "UInt64".into();
        let error = cut(&other, &batch, 1, 0).unwrap_err().to_string();
        assert!(error.contains("n Int64") && error.contains("n UInt64"), "{error}");
    }

    #[test]
    fn empty_batch_has_no_chunk() {
        assert!(cut(&table(true), &batch(&table(true), vec![]), 1, 0).unwrap().is_empty());
        assert!(cut(&table(false), &batch(&table(false), vec![]), 1, 0).unwrap().is_empty());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn months_agree_with_the_calendar(days in -100_000_i64..100_000) {
            // A second way to the same month: walk the years and months from 1970.
            let leap = |year: i64| (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
            let length = |month: i64| match month.rem_euclid(12) {
                1 => if leap(month.div_euclid(12)) { 29 } else { 28 },
                3 | 5 | 8 | 10 => 30,
                _ => 31,
            };
            let (mut month, mut left) = (1970 * 12, days);
            while left < 0 { month -= 1; left += length(month); }
            while left >= length(month) { left -= length(month); month += 1; }
            prop_assert_eq!(i64::from(month_of(days)), month);
        }

        #[test]
        fn no_row_is_lost_or_doubled_by_cutting(offsets in proptest::collection::vec(0_i64..90, 0..200)) {
            let table = table(true);
            let times: Vec<i64> = offsets.iter().map(|day| JANUARY_31 + day * DAY_S * SECOND).collect();
            let chunks = cut(&table, &batch(&table, times), 1, 0).unwrap();
            prop_assert_eq!(chunks.iter().map(|chunk| chunk.rows).sum::<u64>(), offsets.len() as u64);
        }
    }
}
