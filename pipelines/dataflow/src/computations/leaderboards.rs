//! Routes resets to the boards; awards come from the points.

use records::Fact;
use records::hash::BINS;
use views::leaderboards::{Input, Reset};

use crate::frame::{Emit, Sequenced};

/// Sends each reset to every bin: the boards of a leaderboard are spread over all of them.
pub fn route(frame: &Sequenced, emit: &mut Emit<Input>) {
    for (row, fact) in frame.counted_facts() {
        let Some(Fact::LeaderboardReset { leaderboard }) = fact.known() else { continue };
        let reset = Input::Reset(Reset { organization: fact.organization, leaderboard: *leaderboard }.into());
        // The top byte of a hash is its bin.
        (0..BINS as u64).for_each(|bin| emit.to(bin << 56, row, reset.clone()));
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use records::{FactRow, LeaderboardId, OrganizationId, Timestamp};

    use super::*;

    #[test]
    fn a_reset_reaches_every_bin_once() {
        let reset = |id| Fact::LeaderboardReset { leaderboard: LeaderboardId(id) };
        let facts = [Fact::Beat, reset(4)].map(|fact| FactRow::new(OrganizationId(7), Timestamp(1), fact)).to_vec();
        let mut emit = Emit::default();
        route(&Sequenced::of_facts(facts, Timestamp(5), Arc::default()), &mut emit);
        let mut bins: Vec<_> = emit.sent().map(|(bin, row, _)| (bin, row)).collect();
        bins.sort_unstable();
        assert_eq!(bins, (0..=u8::MAX).map(|bin| (bin, 1)).collect::<Vec<_>>());
    }
}
