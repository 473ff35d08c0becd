//! Joins the rows of two landing epochs into one: what a warehouse that was down need not see step by step.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow_array::cast::AsArray as _;
use arrow_array::types::{
    Int8Type, Int16Type, Int32Type, Int64Type, TimestampMicrosecondType, TimestampMillisecondType, TimestampSecondType,
    UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use arrow_array::{Array, ArrayRef, Int64Array, RecordBatch, UInt64Array};
use arrow_schema::{ArrowError, DataType, TimeUnit};

use crate::schema::{Rows, TableSchema};

/// Returns the rows of both, older ones first: all of them, their sums by key, or the newest by key.
pub(crate) fn merged(table: &TableSchema, older: &RecordBatch, newer: &RecordBatch) -> Result<RecordBatch, ArrowError> {
    let both = arrow_select::concat::concat_batches(&older.schema(), [older, newer])?;
    match &table.rows {
        Rows::Append => Ok(both),
        Rows::Upsert(key) => newest(&both, &indices(&both, |name| key.iter().any(|part| part == name))),
        Rows::Additive(sums) => {
            let is_sum = |name: &str| sums.iter().any(|sum| sum == name);
            summed(&both, &indices(&both, |name| !is_sum(name)), &indices(&both, is_sum))
        }
    }
}

fn indices(batch: &RecordBatch, wanted: impl Fn(&str) -> bool) -> Vec<usize> {
    let schema = batch.schema();
    (0..batch.num_columns()).filter(|index| wanted(schema.field(*index).name())).collect()
}

fn newest(batch: &RecordBatch, key: &[usize]) -> Result<RecordBatch, ArrowError> {
    let mut last: BTreeMap<Vec<u8>, u64> = BTreeMap::new();
    for row in 0..batch.num_rows() {
        last.insert(key_of(batch, key, row)?, row as u64);
    }
    let mut rows: Vec<u64> = last.into_values().collect();
    rows.sort_unstable();
    arrow_select::take::take_record_batch(batch, &UInt64Array::from(rows))
}

fn summed(batch: &RecordBatch, key: &[usize], sums: &[usize]) -> Result<RecordBatch, ArrowError> {
    let mut place: BTreeMap<Vec<u8>, usize> = BTreeMap::new();
    let mut first: Vec<u64> = Vec::new();
    let mut totals: Vec<Vec<i64>> = vec![Vec::new(); sums.len()];
    let inputs: Vec<&Int64Array> = sums.iter().map(|sum| batch.column(*sum).as_primitive::<Int64Type>()).collect();
    for row in 0..batch.num_rows() {
        let at = *place.entry(key_of(batch, key, row)?).or_insert_with(|| {
            first.push(row as u64);
            totals.iter_mut().for_each(|totals| totals.push(0));
            first.len() - 1
        });
        for (totals, input) in totals.iter_mut().zip(&inputs) {
            totals[at] += input.value(row);
        }
    }
    let mut columns: Vec<ArrayRef> =
        arrow_select::take::take_record_batch(batch, &UInt64Array::from(first))?.columns().to_vec();
    for (sum, totals) in sums.iter().zip(totals) {
        columns[*sum] = Arc::new(Int64Array::from(totals));
    }
    RecordBatch::try_new(batch.schema(), columns)
}

/// The row's key as bytes; equal keys have equal bytes and others have not.
fn key_of(batch: &RecordBatch, key: &[usize], row: usize) -> Result<Vec<u8>, ArrowError> {
    let mut bytes = Vec::new();
    for column in key {
        push(batch.column(*column), row, &mut bytes)?;
    }
    Ok(bytes)
}

fn push(column: &ArrayRef, row: usize, bytes: &mut Vec<u8>) -> Result<(), ArrowError> {
    macro_rules! number {
        ($type:ty) => {
            bytes.extend_from_slice(&column.as_primitive::<$type>().value(row).to_le_bytes())
        };
    }
    match column.data_type() {
        DataType::Utf8 => {
            let text = column.as_string::<i32>().value(row);
            bytes.extend_from_slice(&(text.len() as u64).to_le_bytes());
            bytes.extend_from_slice(text.as_bytes());
        }
        DataType::Boolean => bytes.push(u8::from(column.as_boolean().value(row))),
        DataType::UInt8 => number!(UInt8Type),
        DataType::UInt16 => number!(UInt16Type),
        DataType::UInt32 => number!(UInt32Type),
        DataType::UInt64 => number!(UInt64Type),
        DataType::Int8 => number!(Int8Type),
        DataType::Int16 => number!(Int16Type),
        DataType::Int32 => number!(Int32Type),
        DataType::Int64 => number!(Int64Type),
        DataType::Timestamp(TimeUnit::Second, _) => number!(TimestampSecondType),
        DataType::Timestamp(TimeUnit::Millisecond, _) => number!(TimestampMillisecondType),
        DataType::Timestamp(TimeUnit::Microsecond, _) => number!(TimestampMicrosecondType),
        other => return Err(ArrowError::NotYetImplemented(format!("a key of type {other}"))),
    }
    Ok(())
}
