//! A seeded generator of a live conference, and the inputs of the benchmarks.
//!
//! One seed gives the same records in every run: registrations over weeks, the rush at the doors, sessions with
//! heartbeats, breaks, chat, polls, ads, purchases, planted fraud rings and bots, late and repeated records. What was
//! planted is told by [`Truth`], so that a test can ask whether it was found.
//!
//! **Does not know:** the log, the dataflow, views, the wall clock. Time and chance are arguments (a seed).
//!
//! ```
//! use workload::{Conference, Scale};
//!
//! let mut conference = Conference::new(7, Scale::small());
//! assert!(conference.facts().len() > 10);
//! let mut records = Vec::new();
//! assert_eq!(conference.fill(&mut records, 1_000), 1_000);
//! assert!(records.iter().all(|record| record.organization == conference.organization()));
//! ```

pub mod agenda;
mod bookings;
pub mod chance;
mod conference;
mod facts;
mod held;
pub mod mix;
pub mod pace;
pub mod people;
mod personal;
pub mod scores;
mod script;
mod truth;
pub mod visits;
mod words;
pub mod ysb;
pub mod zipf;

pub use bookings::bookings;
pub use conference::{Conference, Scale};
pub use facts::rules_document;
pub use pace::Pace;
pub use personal::{Personal, personal};
pub use truth::{Ring, Truth};
