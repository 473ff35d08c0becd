//! Recommendations: "next for this visitor", with reasons, from the recent visits of the same event.
//!
//! One bin for each (organization, event): a question reads one bin, and visits of one event never speak for another.
//! The price is that the visits of one event are indexed by one worker; an index takes far more views in a second than
//! an event has. The index itself is `models::visits`.
//!
//! The warehouse gets what goes with what: at most once an hour, for each item whose list may have changed since, the items
//! that its recent visits held most often.

mod answer;
mod fold;
#[cfg(test)]
mod tests;
mod told;

pub use answer::{ItemName, Next, Suggestion};
pub use fold::{IDLE, LISTINGS_PER_BIN_MAX, Place, Recommend, RecommendInput, VISITS_PER_BIN_MAX, VisitorKey};
pub use told::{NEIGHBOURS_MAX, NeighbourRow, TOLD_MAX, next_telling};
