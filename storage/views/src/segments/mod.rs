//! Segments: live profiles of visitors, and who is in which segment, record by record.
//!
//! **Time.** Everything here runs by log time: "seen within an hour" means that the log took a record of theirs in the last hour,
//! and windows hold what the log took lately. A segment says who is in *now*, so a replay of old data counts as of its
//! replay. Somebody leaves at the exact log time at which a condition ends, whenever the fold gets to hear of it.
//!
//! **Bounds.** A profile keeps the latest 16 sessions, 4 countries and 4 currencies and 16 categories; a bin keeps 32,768
//! profiles, those not touched for longest are forgotten first and leave their segments.

mod fold;
mod profile;
#[cfg(test)]
mod tests;

pub use fold::{PROFILES_PER_BIN_MAX, SegmentChangeRow, SegmentInput, Segments, VisitorKey};
pub use profile::{ProfileAnswer, Seen, WORDS_PER_BIN_MAX};
