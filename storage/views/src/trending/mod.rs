//! Trending: which sessions and items of an event get attention right now.
//!
//! Each happening adds its weight to a score that halves every ten minutes of log time. Scores are integers (20
//! fraction bits) and decay only when something is added to them, so a score is a function of the log and not of when
//! anybody looked. All scores of an event decay by the same factor, so the order changes only by new happenings.

pub mod decay;
pub mod fold;

pub use fold::{Input, Stage, Thing, Trend, Trending, Trends, weight};
