//! What the warehouse's tables are: columns, order, partitions, and how rows of several landing epochs combine.

mod aggregates;
mod bookings;
mod document;
mod records;
mod system;
mod table;
mod types;
mod views;

pub use aggregates::{
    aggregate_tables, attendance, attendance_minutes, audience, awards, campaign_counts, fraud_scores, funnel_steps,
    item_neighbours, revenue, segment_changes, trending_scores, visits, window_counts,
};
pub use document::markdown;
pub use records::{FACTS_TABLE, RECORDS_TABLE, facts_table, records_table};
pub use system::{EPOCHS_TABLE, FILLS_TABLE};
pub(crate) use system::{epochs_sql, fills_sql};
pub use table::{Column, LANDING_CHUNK, LANDING_EPOCH, LANDING_SHARD, Rows, TableSchema, with_landing_columns};
pub use types::{UnknownType, arrow_type};
pub use views::{View, current_views};

/// Seconds that a merged or mutated part's sources stay on the disk: short, so that erased rows leave it soon.
pub const OLD_PARTS_LIFETIME_S: u32 = 5;

/// Returns all tables of this build: raw records and facts, then those that views fill.
pub fn tables() -> Vec<TableSchema> {
    let mut tables = vec![records_table(), facts_table()];
    tables.extend(aggregate_tables());
    tables
}
