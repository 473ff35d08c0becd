//! The event log: the trait, the log in memory, the embedded log in files, admission, the conformance suite.
//!
//! **Does not know:** what a record is. Bodies are bytes, message ids are hashes, decisions are fences. It knows no
//! network and no broker; it draws no random number; it reads the clock only through [`clock::Clock`].
//!
//! ```
//! use eventlog::clock::ManualClock;
//! use eventlog::{EventLog, Lane, MemoryLog, NewFrame, Offset, PartitionId, ReadLimits};
//! use records::time::Timestamp;
//!
//! let log = MemoryLog::new(7, ManualClock::new(Timestamp(1_000)));
//! let frame = NewFrame {
//!     lane: Lane::Activity,
//!     partition: PartitionId(3),
//!     body: "two encoded rows".into(),
//!     rows: 2,
//!     dedup: vec![11, 12],
//!     claim: None,
//! };
//! // The second time both rows are duplicates: they take offsets, but they do not count.
//! let appended = log.append(vec![frame.clone(), frame])?;
//! assert_eq!((appended[1].first, appended[1].voided_rows), (Offset(2), 2));
//!
//! let frames = log.read(Lane::Activity, PartitionId(3), Offset(0), ReadLimits::up_to(log.bound())).expect("nothing is damaged");
//! assert_eq!(frames.iter().map(|frame| frame.counted()).sum::<u32>(), 2);
//! # Ok::<(), eventlog::AppendError>(())
//! ```

pub mod admit;
mod check;
pub mod clock;
mod codec;
#[cfg(any(test, feature = "test-util"))]
pub mod conformance;
pub mod disk;
mod error;
pub mod file;
mod frame;
mod lane;
mod log;
mod memory;
mod ticket;
pub mod tools;
mod window;

pub use codec::{Codec, CodecError};
pub use error::{AppendError, Place, ReadError, TruncateError};
pub use file::{FileLog, FileOptions, OpenError, Recompressed, Writers};
pub use frame::{Appended, ClaimTag, Frame, MAX_BODY, MAX_ROWS, NewFrame, RawFrame, Voided};
pub use lane::{Lane, Offset, PartitionId, Partitions};
pub use log::{Durability, EventLog, Incarnation, LaneStatus, LogIdentity, LogStatus, ReadLimits};
pub use memory::{MemoryLog, MemoryOptions};
#[cfg(any(test, feature = "test-util"))]
pub use ticket::Promise;
pub use ticket::Ticket;
