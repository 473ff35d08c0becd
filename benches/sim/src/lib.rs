//! The whole system on one seed: the log in files, the key store, the dataflow, its outbox and raw landing on a disk that
//! crashes, tears writes and fails syncs, with senders that repeat themselves, persons who are erased, and a warehouse
//! that is slow, refuses, or takes rows and does not say so.
//!
//! A seed decides everything: when the power goes, which unsynced bytes survive, who sends what twice. In some runs also:
//! records that make a view's routing or fold panic, or break a view for good, retention that drops activity and its
//! bindings while all goes on, a disk that is full for a while, rows that nobody takes, tables that somebody drops. At the end no acknowledged record may be lost or doubled, every view must equal its naive twin, so must
//! what lies in the warehouse's own tables, read back by their columns, raw records must have landed once each, sealed
//! fields must open for the living and for nobody else, a poisoned record must have been put aside once, by the view that
//! cannot take it, and a dataflow that starts again from nothing must come to the same state, byte for byte; in some runs
//! also one of two workers. Where retention has dropped records, what compares is the history from before, and a rebuild
//! over what is left must equal the recount of what is left.
//!
//! **Does not know:** HTTP and ClickHouse itself. Nor threads, except in the comparison of workers, whose result may not
//! depend on them. Nor landing epochs that the dataflow itself merges: other tests have those.
//!
//! ```
//! let report = sim::run(3, &sim::Size::tiny()).expect("nothing is lost");
//! assert!(report.acknowledged > 0);
//! ```

mod actions;
mod check;
mod columns;
mod crashes;
pub mod desk;
mod history;
mod keys;
mod model;
mod poison;
mod process;
mod raw;
mod run;
mod space;
mod state;
mod store;
mod warehouse;
mod workers;
mod world;

pub use run::{Failure, Report, Size, run};
