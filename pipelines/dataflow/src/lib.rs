//! The dataflow: cuts the log into epochs, folds them into views on timely workers, takes snapshots, recovers.
//!
//! Whatever the number of workers, the cut of epochs, the point of a crash: the views are the same function of the log.
//! Four rules make it so: an epoch is bound durably before it is fed; operators fold an epoch only when it is
//! complete, in the order of the log; snapshots are taken between epochs; after a crash bound epochs are cut the same.
//!
//! **Does not know:** HTTP, ClickHouse connections, brokers. What it computes is listed in `computations`, one pure
//! routing function each; the folds themselves are in `views`; [`aggregates`] makes their rows batches of the warehouse.
//!
//! ```
//! use std::sync::Arc;
//! use dataflow::frame::{Emit, Sequenced};
//! use dataflow::{Config, Hooks, Stepper};
//! use eventlog::{EventLog, Lane, MemoryLog, NewFrame, PartitionId, clock::ManualClock, disk::{SimDisk, SimOptions}};
//! use records::{Batch, Kind, Record, Timestamp, hash::mix};
//! use views::laws::Tally;
//!
//! // How often each kind came: the fold is `Tally`, and this finds its inputs.
//! fn kinds(frame: &Sequenced, emit: &mut Emit<u64>) {
//!     let Some(batch) = frame.batch() else { return };
//!     for row in frame.rows() {
//!         let kind = u64::from(batch.kind(row as usize).code());
//!         emit.to(mix(kind), row, kind);
//!     }
//! }
//!
//! dataflow::program! {
//!     /// Readers.
//!     pub struct Views;
//!     /// One computation.
//!     pub struct Kinds;
//!     kinds: Tally = kinds;
//! }
//!
//! let log = Arc::new(MemoryLog::new(7, ManualClock::new(Timestamp(1_000))));
//! let batch = Batch::from_records(&[Record::new(Kind::Page), Record::new(Kind::Page)]);
//! let (body, rows) = (batch.encode().into(), 2);
//! let frame = NewFrame { lane: Lane::Activity, partition: PartitionId(0), body, rows, dedup: vec![], claim: None };
//! log.append(vec![frame])?;
//!
//! let disk = Arc::new(SimDisk::new(1));
//! let mut dataflow = Stepper::<Kinds>::open(Config { claim_id: 1, ..Config::default() }, log, disk, Hooks::default())?;
//! dataflow.run()?;
//! let page = u64::from(Kind::Page.code());
//! assert_eq!(dataflow.views().kinds.read(mix(page), |bin| bin.count(page)).0, 2);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub mod aggregates;
mod aside;
pub mod binding;
pub mod computations;
pub mod config;
pub mod cursors;
mod deal;
pub mod engine;
pub mod epoch;
pub mod frame;
pub mod graph;
pub mod handle;
pub mod landing;
pub mod manifest;
mod operator;
mod packet;
mod patience;
pub mod program;
pub mod raw;
mod replay;
pub mod restore;
pub mod retention;
mod routing;
pub mod sequencer;
mod shared;
pub mod snapshot;
mod source;
pub mod stepper;
pub mod system;
pub mod twin;
mod worker;

pub use aside::SetAside;
pub use config::Config;
pub use engine::{DataflowError, DeadLetters, Hooks, Skipped};
pub use handle::{Handle, Phase, Status};
pub use landing::{LandingEpoch, Sink, SinkError, Taken, ViewRows};
pub use sequencer::SequenceError;
pub use snapshot::TruncationLimit;
pub use stepper::{Step, Stepper};
