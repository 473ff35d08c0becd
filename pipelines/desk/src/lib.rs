//! The desk: one writer for each partition of the facts decides commands in order and answers when they are durable.
//!
//! A [`Desk`] takes commands, a [`Seat`] is the writer of one partition: decide, append (one command is one frame, a
//! batch shares one sync), apply, answer. The rules are a [`rules::Domain`] and pure; the state is a fold of the log,
//! rebuilt from the newest snapshot plus what came after it.
//!
//! * **Nobody is answered before the facts are durable**, refusals included: they may rest on facts that are not yet.
//! * **The fence.** A seat claims its partition before it decides. Of two seats that both believe they own one, on any
//!   log, at most one is heard; the other learns it from the log, drops its state and answers "send it again".
//! * **Idempotency.** A command that names an id is done once, across restarts: the same request again gets the same
//!   answer, another one under the same id is refused. The last [`ids::IDS_MAX`] ids of each aggregate are kept.
//! * **Time** only moves forward: it is the later of the clock and what the partition has seen.
//!
//! **Does not know:** HTTP, views, timely, what commands mean, where claims' ids come from.
//!
//! ```
//! use std::sync::Arc;
//! use desk::{Desk, Parts};
//! use eventlog::clock::ManualClock;
//! use eventlog::disk::SimDisk;
//! use eventlog::MemoryLog;
//! use records::{EventId, Fact, OrganizationId, Timestamp, Zone};
//! use rules::Domains;
//! use rules::office::{Command, Wish};
//!
//! let clock = Arc::new(ManualClock::new(Timestamp(5)));
//! let parts = Parts {
//!     log: Arc::new(MemoryLog::new(1, Arc::clone(&clock))),
//!     disk: Arc::new(SimDisk::new(1)),
//!     clock,
//!     address: "here".into(),
//!     chance: Arc::new(|| 7),
//! };
//! let desk = Desk::<Domains>::open(parts, Arc::new(|_, _| {})).unwrap();
//! let registered = Fact::OrganizationRegistered { name: "Acme".into(), zone: Zone::utc() };
//! let organization = OrganizationId::parse("acme").unwrap();
//! let command = Command { organization, event: EventId::NONE, wishes: vec![Wish::Stand(registered)] };
//! assert_eq!(desk.submit(None, command.clone().into()).wait().unwrap().rows.len(), 1);
//! assert_eq!(desk.submit(None, command.into()).wait().unwrap().rows.len(), 0, "it stands already");
//! desk.close();
//! ```

mod answer;
mod handle;
pub mod ids;
mod keeper;
mod seat;
mod snapshot;

pub use answer::{DeskError, Done, Pending, Place};
pub use handle::{Desk, OpenError, Parts, QUEUE_MAX};
pub use seat::{BATCH_MAX, FLIGHTS_MAX, Listener, Order, Seat};
