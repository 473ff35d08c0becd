//! The rules as a frame sees them; the type moves to `rules::rulebook` with that crate.

/// The rules that were published up to a place in the log.
#[derive(Debug, Clone, Default)]
pub struct Rulebook {}
