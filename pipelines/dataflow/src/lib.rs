//! The dataflow: cuts the log into epochs, folds them into views on timely workers, takes snapshots, recovers.
//!
//! **Does not know:** HTTP, ClickHouse connections, brokers. What it computes is in `computations`, one pure routing
//! function each; the folds themselves are in `views`.

pub mod frame;
pub mod rulebook;
