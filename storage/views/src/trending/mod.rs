//! Trending: which sessions and items of an event get attention right now.
//!
//! Each happening adds its weight to a score that halves every ten minutes of log time. Scores are integers (20
//! fraction bits) and decay only when something is added to them, so a score is a function of the log and not of when
//! anybody looked. All scores of an event decay by the same factor, so the order changes only by new happenings.
//!
//! The warehouse gets a row of each thing for each minute in which it got attention: its score at the end of that minute, in
//! whole units of 2^-20, as a reader saw it at that instant.

pub mod decay;
pub mod fold;

pub use fold::{Input, Stage, Thing, Trend, TrendRow, Trending, Trends, UNIT, weight};
