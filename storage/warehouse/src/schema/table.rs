//! One table: its columns with their meaning, and the statement that makes it.

use std::borrow::Cow;
use std::sync::Arc;

use arrow_array::{ArrayRef, RecordBatch, UInt16Array, UInt32Array, UInt64Array};
use arrow_schema::{ArrowError, DataType, Field, Schema, SchemaRef};

use super::types::{UnknownType, arrow_type};
use crate::client::literal;

type Text = Cow<'static, str>;

/// Column that names the landing epoch of a row; every landed table has it.
pub const LANDING_EPOCH: &str = "landing_epoch";
/// Column that names the bin range or partition of a row's chunk.
pub const LANDING_SHARD: &str = "landing_shard";
/// Column that names a row's chunk within its landing epoch and shard.
pub const LANDING_CHUNK: &str = "landing_chunk";

/// One column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// Name, snake case.
    pub name: Text,
    /// ClickHouse type, as ClickHouse itself writes it.
    pub clickhouse_type: Text,
    /// Compression codecs, empty for ClickHouse's default.
    pub codec: Text,
    /// What it means, with its unit; becomes the column's comment.
    pub doc: Text,
}

impl Column {
    /// Returns a column with the default codec.
    pub fn new(name: impl Into<Text>, clickhouse_type: impl Into<Text>, doc: impl Into<Text>) -> Self {
        Self { name: name.into(), clickhouse_type: clickhouse_type.into(), codec: "".into(), doc: doc.into() }
    }

    /// Returns the column with these codecs (`Delta, ZSTD`).
    #[must_use]
    pub fn codec(mut self, codec: impl Into<Text>) -> Self {
        self.codec = codec.into();
        self
    }

    fn sql(&self) -> String {
        let codec = if self.codec.is_empty() { String::new() } else { format!(" CODEC({})", self.codec) };
        format!("`{}` {} COMMENT {}{codec}", self.name, self.clickhouse_type, literal(&self.doc))
    }
}

/// How rows of several landing epochs combine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rows {
    /// Every row stays: a cut at a landing epoch is exact.
    Append,
    /// Rows are differences to add up: a cut at a landing epoch is exact. Names the summed columns (Int64); all others are the key.
    Additive(Vec<Text>),
    /// The row of the newest landing epoch replaces its key's older ones: there is no cut, only the newest state. Names the key columns.
    Upsert(Vec<Text>),
}

/// One table of the warehouse.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableSchema {
    /// Name without version.
    pub name: Text,
    /// Version of the view that fills it: a changed view gets a new table, so that old and new rows never mix.
    pub view_version: u32,
    /// What it holds.
    pub doc: Text,
    /// The columns that batches bring; the landing columns come after them.
    pub columns: Vec<Column>,
    /// Sorting key.
    pub order_by: Vec<Text>,
    /// A time column whose month is the partition. `None` for upserts, which ClickHouse replaces within a partition only.
    pub partition_month_of: Option<Text>,
    /// How rows combine.
    pub rows: Rows,
}

impl TableSchema {
    /// Returns the name of the stored table: a version above 1 is part of it.
    pub fn stored_name(&self) -> String {
        if self.view_version == 1 { self.name.to_string() } else { format!("{}_v{}", self.name, self.view_version) }
    }

    /// Returns the schema of the batches that land here, without the landing columns.
    ///
    /// # Errors
    /// A column type that no batch can carry.
    pub fn arrow_schema(&self) -> Result<SchemaRef, UnknownType> {
        let fields = self.columns.iter().map(|column| {
            let (data_type, nullable) = arrow_type(&column.clickhouse_type)?;
            Ok(Field::new(column.name.as_ref(), data_type, nullable))
        });
        Ok(Arc::new(Schema::new(fields.collect::<Result<Vec<_>, UnknownType>>()?)))
    }

    /// Returns all columns: those of the batches, then those that landing adds.
    pub fn stored_columns(&self) -> Vec<Column> {
        let mut columns = self.columns.clone();
        columns.extend(landing_columns());
        columns
    }

    /// Returns ClickHouse's engine for the table.
    pub fn engine(&self) -> String {
        match self.rows {
            Rows::Append | Rows::Additive(_) => "MergeTree".to_owned(),
            Rows::Upsert(_) => format!("ReplacingMergeTree({LANDING_EPOCH})"),
        }
    }

    /// Returns the statement that makes the table where it is absent.
    pub fn create_sql(&self) -> String {
        let mut columns: Vec<String> =
            self.stored_columns().iter().map(|column| format!("  {}", column.sql())).collect();
        // Recovery looks for the newest landing epochs: with this it skips the large old parts without reading them.
        columns.push(format!("  INDEX landing_epochs {LANDING_EPOCH} TYPE minmax GRANULARITY 16"));
        let partition = self
            .partition_month_of
            .as_ref()
            .map_or_else(String::new, |time| format!("PARTITION BY toYYYYMM({time})\n"));
        format!(
            "CREATE TABLE IF NOT EXISTS `{}` (\n{}\n) ENGINE = {}\n{partition}ORDER BY ({})\n{}\nCOMMENT {}",
            self.stored_name(),
            columns.join(",\n"),
            self.engine(),
            self.order_by.join(", "),
            table_settings(),
            literal(&self.doc),
        )
    }

    /// Returns the statement that adds a column of this schema to an older table.
    pub(crate) fn add_column_sql(&self, column: &Column) -> String {
        format!("ALTER TABLE `{}` ADD COLUMN IF NOT EXISTS {}", self.stored_name(), column.sql())
    }
}

/// Durability and deduplication of every landed table; the landing rules depend on each of them.
pub(crate) fn table_settings() -> String {
    format!(
        "SETTINGS non_replicated_deduplication_window = {window}, fsync_after_insert = 1, fsync_part_directory = 1, \
         min_rows_to_fsync_after_merge = 1, old_parts_lifetime = {lifetime}, cleanup_delay_period = {lifetime}, \
         cleanup_delay_period_random_add = 0, max_cleanup_delay_period = {lifetime}",
        window = crate::landing::DEDUPLICATION_WINDOW,
        lifetime = super::OLD_PARTS_LIFETIME_S,
    )
}

fn landing_columns() -> [Column; 3] {
    [
        Column::new(LANDING_EPOCH, "UInt64", "landing epoch that brought the row; never restarts").codec("Delta, ZSTD"),
        Column::new(LANDING_SHARD, "UInt16", "bin range or log partition of the row's chunk"),
        Column::new(LANDING_CHUNK, "UInt32", "chunk within landing epoch and shard; the unit of repair"),
    ]
}

/// Returns the batch with its landing columns: the same three values in each row.
///
/// # Errors
/// A batch that already has columns of these names.
pub fn with_landing_columns(
    batch: &RecordBatch,
    landing_epoch: u64,
    shard: u16,
    chunk: u32,
) -> Result<RecordBatch, ArrowError> {
    let rows = batch.num_rows();
    let mut fields: Vec<Arc<Field>> = batch.schema().fields().iter().cloned().collect();
    if fields.iter().any(|field| field.name().starts_with("landing_")) {
        return Err(ArrowError::SchemaError("a batch must not bring landing columns of its own".to_owned()));
    }
    fields.push(Arc::new(Field::new(LANDING_EPOCH, DataType::UInt64, false)));
    fields.push(Arc::new(Field::new(LANDING_SHARD, DataType::UInt16, false)));
    fields.push(Arc::new(Field::new(LANDING_CHUNK, DataType::UInt32, false)));
    let mut columns: Vec<ArrayRef> = batch.columns().to_vec();
    columns.push(Arc::new(UInt64Array::from_value(landing_epoch, rows)));
    columns.push(Arc::new(UInt16Array::from_value(shard, rows)));
    columns.push(Arc::new(UInt32Array::from_value(chunk, rows)));
    RecordBatch::try_new(Arc::new(Schema::new(fields)), columns)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> TableSchema {
        TableSchema {
            name: "t".into(),
            view_version: 2,
            doc: "a table's words".into(),
            columns: vec![
                Column::new("organization", "LowCardinality(String)", "tenant"),
                Column::new("at", "DateTime64(3, 'UTC')", "log time").codec("Delta, ZSTD"),
            ],
            order_by: vec!["organization".into(), "at".into()],
            partition_month_of: Some("at".into()),
            rows: Rows::Append,
        }
    }

    #[test]
    fn statement_carries_comments_codecs_partition_and_settings() {
        let sql = table().create_sql();
        for part in [
            "CREATE TABLE IF NOT EXISTS `t_v2`",
            "`organization` LowCardinality(String) COMMENT 'tenant'",
            "`at` DateTime64(3, 'UTC') COMMENT 'log time' CODEC(Delta, ZSTD)",
            "`landing_epoch` UInt64",
            "PARTITION BY toYYYYMM(at)",
            "ORDER BY (organization, at)",
            "non_replicated_deduplication_window = 1000",
            r"COMMENT 'a table\'s words'",
        ] {
            assert!(sql.contains(part), "{part} not in\n{sql}");
        }
    }

    #[test]
    fn landing_columns_come_last_and_once() {
        let schema = Arc::new(Schema::new(vec![Field::new("n", DataType::UInt64, false)]));
        let batch = RecordBatch::try_new(schema, vec![Arc::new(UInt64Array::from(vec![1, 2]))]).unwrap();
        let landed = with_landing_columns(&batch, 9, 3, 1).unwrap();
        let schema = landed.schema();
        let names: Vec<_> = schema.fields().iter().map(|field| field.name().as_str()).collect();
        assert_eq!(names, ["n", "landing_epoch", "landing_shard", "landing_chunk"]);
        assert!(with_landing_columns(&landed, 9, 3, 1).is_err());
    }
}
