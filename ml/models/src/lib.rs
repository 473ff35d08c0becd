//! Inference that needs nothing but memory: the index of recent visits, a bounded map that forgets, exact logarithms.
//!
//! Everything here is pure and incremental: the same calls in the same order give the same answers on every machine.
//! Floats appear in answers only, never in what is kept, and only through operations that IEEE 754 pins bit by bit
//! (`+ - * /`); [`exact::ln`] replaces the one of the C library, whose last bit differs from machine to machine.
//!
//! **Does not know:** files, sockets, clocks, random numbers, organizations, the log.
//!
//! ```
//! use models::visits::{Query, VisitIndex};
//!
//! let mut index = VisitIndex::new(1_000);
//! for items in [["keynote", "rust"], ["keynote", "rust"], ["lunch", "go"]] {
//!     let visit = index.open(0);
//!     items.iter().for_each(|item| { index.add(visit, *item); });
//! }
//! let next = index.next(&["keynote"], &Query::default(), |_| true);
//! assert_eq!((next[0].item, next[0].because), ("rust", "keynote"));
//! ```

pub mod exact;
pub mod generations;
pub mod visits;
