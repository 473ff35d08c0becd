//! Exactly-once landing: chunks that are a pure function of the log, tokens, and a table that says what has landed.

mod chunk;
mod epochs;
mod found;
mod lander;
mod recovery;
mod settle;

pub use chunk::{Chunk, ChunkKey, CutError, cut};
pub(crate) use epochs::{Owner, landed as landed_through};
pub(crate) use found::look;
pub use found::{Filled, Found};
pub use lander::{Lander, LanderConfig, LandingEpoch, Progress, Stopped};
pub(crate) use recovery::{Covered, recover_covered};
pub use recovery::{Recovery, recover};

/// Rows of one chunk at most: one block, one part, one token.
pub const CHUNK_ROWS: usize = 65_536;

/// Inserted blocks per table whose tokens ClickHouse remembers. Far above [`UNACKNOWLEDGED_CHUNKS`], so that a retry is always known.
pub const DEDUPLICATION_WINDOW: u32 = 1_000;

/// Chunks that may be sent before the table of landed chunks is written.
pub const UNACKNOWLEDGED_CHUNKS: usize = 64;

/// Newest landing epochs whose counts are compared after an unclean stop. A source keeps this many landed epochs so that it
/// can make their chunks again.
pub const RECHECKED_EPOCHS: u64 = 64;
