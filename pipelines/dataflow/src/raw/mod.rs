//! Raw records on their way to the warehouse: a cursor over the log, cut where the sequencer marked landing epochs.
//!
//! It needs no outbox: the log itself keeps what has not landed, and the bindings say which records each landing epoch
//! holds, so every epoch can be made again, the same to the byte.

mod marks;
mod source;
mod task;

pub use marks::{Mark, Marks};
pub use source::{RawEpoch, RawError, RawSource};
pub use task::{OpenSealed, RawLanding, RunningRawLanding, TABLE_SET};
