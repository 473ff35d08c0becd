//! The warehouse: ClickHouse, embedded as a child process or as a server, behind one HTTP client.
//!
//! It holds the engine's installation and supervision, the schema with its documentation, exactly-once landing of
//! chunks, the durable outbox of the views, erasure, the SQL shell, and the way in for analysts. It does not know timely, HTTP serving, or how a
//! row is computed: it takes Arrow batches that fit its [`schema::TableSchema`]s.
//!
//! ```
//! use warehouse::schema;
//!
//! let table = schema::window_counts();
//! let batch_schema = table.arrow_schema().expect("every column has an Arrow type");
//! assert_eq!(batch_schema.field(0).name(), "organization");
//! assert!(table.create_sql().contains("ENGINE = MergeTree"));
//! println!("{}", schema::markdown(&schema::tables(), &schema::current_views()));
//! ```

pub mod analysts;
mod arrow_body;
mod backoff;
pub mod client;
pub mod engine;
pub mod erase;
pub mod landing;
mod mask;
pub mod migrate;
pub mod outbox;
mod publish;
pub mod raw;
pub mod schema;
pub mod shell;
pub mod sql;

pub use clickhouse;
pub use client::{Client, Endpoint};
