//! What the dataflow says of a buyer: asked when an order is placed, and again before money is taken.

use std::fmt::Write as _;

use records::booking::Review;
use records::{OrderId, OrganizationId, Token};
use views::as_of::AsOf;
use views::fraud::{ScoreKey, Scores};

use super::At;
use crate::Api;

/// The newest high scores that are looked through for a person.
const LOOKED_THROUGH: usize = 1_000;

impl Api {
    /// The score of an order's buyer, with the offsets that it reflects: the higher one of what the dataflow says of the order
    /// and of the person. None when nothing is known of them, or nobody at this event wants to know.
    pub(in crate::booking) fn score(&self, at: At, order: OrderId, person: Token) -> Option<Review> {
        let wanted = self.booking.ask(at.0, at.1, |office| office.catalogue().sales().review_from.is_some());
        if wanted != Some(true) {
            return None;
        }
        let organization: OrganizationId = at.0;
        let views = (self.views)();
        let (score, as_of) = views.scores.read(Scores::hash(organization), |fold| {
            let of_order = fold.score(ScoreKey { organization, record: order.0 }).map(|score| score.score);
            let high = fold.overview(organization, LOOKED_THROUGH).map(|overview| overview.recent).unwrap_or_default();
            // The newest of a person comes first.
            let of_person =
                high.iter().find(|score| person.is_some() && score.actor == person).map(|score| score.score);
            of_order.max(of_person)
        });
        Some(Review { score: u32::from(score?), as_of: text(&as_of) })
    }
}

/// The place of the log that an answer reflects, as `wait_for` takes its parts: `f0/12 a3/1811`.
fn text(as_of: &AsOf) -> String {
    let mut text = format!("e{}", as_of.epoch);
    for end in as_of.offsets.iter().filter(|end| end.end > 0) {
        let lane = if end.lane == 0 { 'f' } else { 'a' };
        let _ = write!(text, " {lane}{}/{}", end.partition, end.end - 1);
    }
    text
}
