//! Columns of batches: values of views as Arrow arrays of the type that the table's column has.

use std::fmt::Display;
use std::sync::Arc;

use arrow_array::builder::{Int64Builder, ListBuilder, StringBuilder};
use arrow_array::{ArrayRef, Int64Array, StringArray, TimestampMicrosecondArray};
use arrow_schema::{DataType, FieldRef};
use records::{Span, Timestamp};
use warehouse::schema::TableSchema;

/// A column of one value per row: `each!(numbers, rows, |row| row.score)`.
macro_rules! each {
    ($make:ident, $rows:expr, |$row:ident| $value:expr) => {
        $make($rows.iter().map(|$row| $value))
    };
}

pub(super) use each;

/// An id as the warehouse writes it: empty when none.
pub(super) fn id(named: bool, text: &dyn Display) -> String {
    if named { text.to_string() } else { String::new() }
}

pub(super) fn texts(values: impl Iterator<Item = String>) -> ArrayRef {
    Arc::new(StringArray::from_iter_values(values))
}

/// Texts of rows that come in runs of the same text: each run makes it once.
pub(super) fn runs_of<R>(rows: &[R], same: impl Fn(&R, &R) -> bool, text: impl Fn(&R) -> String) -> ArrayRef {
    let mut texts = StringBuilder::with_capacity(rows.len(), 0);
    for run in rows.chunk_by(|one, next| same(one, next)) {
        let text = text(&run[0]);
        run.iter().for_each(|_| texts.append_value(&text));
    }
    Arc::new(texts.finish())
}

pub(super) fn times(values: impl Iterator<Item = Timestamp>) -> ArrayRef {
    Arc::new(TimestampMicrosecondArray::from_iter_values(values.map(|time| time.0)).with_timezone("UTC"))
}

pub(super) fn numbers(values: impl Iterator<Item = i64>) -> ArrayRef {
    Arc::new(Int64Array::from_iter_values(values))
}

pub(super) fn counts(values: impl Iterator<Item = u64>) -> ArrayRef {
    numbers(values.map(|value| i64::try_from(value).unwrap_or(i64::MAX)))
}

pub(super) fn seconds(span: Span) -> u32 {
    u32::try_from(span.seconds()).expect("windows are shorter than a century")
}

/// A column of lists of numbers.
pub(super) fn number_lists<R>(
    table: &TableSchema,
    column: &str,
    rows: &[R],
    numbers: impl Fn(&R) -> Vec<i64>,
) -> ArrayRef {
    let mut lists = ListBuilder::new(Int64Builder::new());
    if let Some(item) = item_of(table, column) {
        lists = lists.with_field(item);
    }
    for row in rows {
        lists.values().append_slice(&numbers(row));
        lists.append(true);
    }
    Arc::new(lists.finish())
}

/// The name and type of the items of a column of lists, as its table says.
fn item_of(table: &TableSchema, column: &str) -> Option<FieldRef> {
    match table.arrow_schema().ok()?.field_with_name(column).ok()?.data_type() {
        DataType::List(item) => Some(Arc::clone(item)),
        _ => None,
    }
}

/// A column of lists of texts, whose items have the name and type that the table's `column` says.
pub(super) fn lists<R>(table: &TableSchema, column: &str, rows: &[R], texts: impl Fn(&R) -> Vec<String>) -> ArrayRef {
    let mut lists = ListBuilder::new(StringBuilder::new());
    if let Some(item) = item_of(table, column) {
        lists = lists.with_field(item);
    }
    for row in rows {
        texts(row).iter().for_each(|text| lists.values().append_value(text));
        lists.append(true);
    }
    Arc::new(lists.finish())
}
