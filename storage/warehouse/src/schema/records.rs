//! The tables of raw records, made from the vocabulary: one place says what a record holds.

use super::table::{Column, Rows, TableSchema};

/// Tracked and reported activity, one row for each record.
pub const RECORDS_TABLE: &str = "records";
/// Decided facts, one row for each.
pub const FACTS_TABLE: &str = "facts";

const TIME: &str = "DateTime64(6, 'UTC')";

/// Where a row comes from in the log.
fn place() -> Vec<Column> {
    vec![
        Column::new("log_time", TIME, "When the log took it; unique per frame over the whole log").codec("Delta, ZSTD"),
        Column::new("partition", "UInt16", "Log partition"),
        Column::new("offset", "UInt64", "Place in the partition").codec("Delta, ZSTD"),
    ]
}

/// Returns the table of activity records: their place in the log, the vocabulary's columns, and the declared and masked properties.
pub fn records_table() -> TableSchema {
    let mut columns = place();
    let landed = records::Column::ALL.iter().filter(|column| !column.clickhouse_type().is_empty());
    columns.extend(landed.map(|column| Column::new(column.name(), column.clickhouse_type(), column.doc())));
    columns.push(Column::new(
        "properties",
        "Map(LowCardinality(String), String)",
        "Undeclared properties after masking of values that look personal; empty for erased people",
    ));
    TableSchema {
        name: RECORDS_TABLE.into(),
        view_version: 1,
        doc: "Activity: what people and systems did, one row for each record of the log that counts, but for the watermarks of replays."
            .into(),
        columns,
        order_by: vec![
            "organization".into(),
            "event".into(),
            "kind".into(),
            "log_time".into(),
            "partition".into(),
            "offset".into(),
        ],
        partition_month_of: Some("log_time".into()),
        rows: Rows::Append,
    }
}

/// Returns the table of facts.
pub fn facts_table() -> TableSchema {
    let mut columns = place();
    columns.extend([
        Column::new("organization", "LowCardinality(String)", "The tenant"),
        Column::new("event", "LowCardinality(String)", "The conference, meetup or show; empty when none"),
        Column::new("kind", "LowCardinality(String)", "What was decided, in the past tense"),
        Column::new("body", "String", "The fact as JSON; holds pseudonyms only"),
    ]);
    TableSchema {
        name: FACTS_TABLE.into(),
        view_version: 1,
        doc: "Facts: what was decided, one row for each fact of the log that counts.".into(),
        columns,
        order_by: vec!["organization".into(), "kind".into(), "log_time".into(), "partition".into(), "offset".into()],
        partition_month_of: Some("log_time".into()),
        rows: Rows::Append,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_landed_column_of_the_vocabulary_has_a_batch_type() {
        assert!(records_table().arrow_schema().is_ok());
        assert!(facts_table().arrow_schema().is_ok());
    }

    #[test]
    fn sealed_fields_never_land() {
        assert!(records_table().columns.iter().all(|column| column.name != "sealed"));
    }
}
