//! The whole system on one seed: the log in files, the dataflow and its landing on a disk that crashes, tears writes and
//! fails syncs, with senders that repeat themselves and a warehouse that is slow or refuses.
//!
//! A seed decides everything: when the power goes, which unsynced bytes survive, who sends what twice. At the end no
//! acknowledged record may be lost or doubled, every view must equal its naive twin, every landed row the twin's, and a
//! dataflow that starts again from nothing must come to the same state, byte for byte.
//!
//! **Does not know:** HTTP, ClickHouse, threads. There is one thread, and it is the world's.
//!
//! ```
//! let report = sim::run(3, &sim::Size::tiny()).expect("nothing is lost");
//! assert!(report.acknowledged > 0);
//! ```

mod check;
mod crashes;
mod keys;
mod model;
mod raw;
mod run;
mod state;
mod store;
mod warehouse;
mod workers;
mod world;

pub use run::{Failure, Report, Size, run};
