//! Tables that are not filled by a dataflow view.

use super::table::table_settings;

/// The table that says which chunks have landed; written last, so that what it names is there.
pub const EPOCHS_TABLE: &str = "epochs";

/// One row per chunk and attempt, plus one row per landing epoch with an empty table name: the epoch is complete.
pub(crate) fn epochs_sql() -> String {
    format!(
        "CREATE TABLE IF NOT EXISTS `{EPOCHS_TABLE}` (
  `table_set` LowCardinality(String) COMMENT 'which source landed it: raw records, or the outbox of views',
  `landing_epoch` UInt64 COMMENT 'landing epoch; never restarts' CODEC(Delta, ZSTD),
  `table_name` LowCardinality(String) COMMENT 'stored table of the chunk; empty: the whole landing epoch has landed',
  `view_version` UInt32 COMMENT 'version of the view that made the rows',
  `incarnation` UInt64 COMMENT 'incarnation of the log',
  `shard` UInt16 COMMENT 'bin range or log partition',
  `chunk` UInt32 COMMENT 'chunk within landing epoch and shard',
  `attempt` UInt32 COMMENT 'counts repairs; part of the token, since a token is remembered after its rows are deleted',
  `state` Enum8('landed' = 1, 'repairing' = 2) COMMENT 'repairing: rows of earlier attempts are being deleted',
  `rows` UInt64 COMMENT 'rows of the chunk, or of the whole landing epoch',
  `hash` UInt64 COMMENT 'content hash of the chunk',
  `landed_at` DateTime64(3, 'UTC') DEFAULT now64(3, 'UTC') COMMENT 'clock of the warehouse'
) ENGINE = ReplacingMergeTree
ORDER BY (table_set, landing_epoch, table_name, view_version, shard, chunk, attempt, state)
{}
COMMENT 'Chunks that have landed; rows of other tables with a landing epoch above the newest complete one here are not settled yet'",
        table_settings()
    )
}

/// The table that says which tables were filled with history, and when: the newest round of a table counts.
pub const FILLS_TABLE: &str = "fills";

/// One row per table and round, and a second one when it is done.
pub(crate) fn fills_sql() -> String {
    format!(
        "CREATE TABLE IF NOT EXISTS `{FILLS_TABLE}` (
  `table_set` LowCardinality(String) COMMENT 'which source fills it: the outbox of views',
  `table_name` LowCardinality(String) COMMENT 'stored table',
  `round` UInt32 COMMENT 'counts fills of this table set; chunks of the round are in epochs under table_set/round',
  `through` UInt64 COMMENT 'newest landing epoch that the fill brings; later ones land as usual',
  `done` UInt8 COMMENT '1: the table is whole, and the public name leads to it',
  `at` DateTime64(3, 'UTC') DEFAULT now64(3, 'UTC') COMMENT 'clock of the warehouse'
) ENGINE = ReplacingMergeTree
ORDER BY (table_set, table_name, round, done)
{}
COMMENT 'Tables that were filled with history from the log: those of a new view version, and lost ones'",
        table_settings()
    )
}
