//! What no request asks for: waiting rooms are drawn when they open, the test provider gives back what it is asked for.

use records::booking::Provider;
use records::{EventId, OrganizationId};
use rules::booking::Wish;

use crate::Api;

impl Api {
    /// Does what is to be done now, each thing once; what fails is tried again the next time.
    pub async fn book_chores(&self) {
        for at in self.booking.rooms_to_draw(self.clock.now()) {
            let seed = self.room_seed(at);
            self.chore(at, Wish::Draw { seed }).await;
        }
        // The test provider does at once what it is asked; the others are asked in rounds (`payments::Rounds`).
        for (organization, event, refund) in self.booking.open_refunds(Provider::Test) {
            self.chore((organization, event), Wish::SettleRefund(refund)).await;
        }
    }

    async fn chore(&self, at: (OrganizationId, EventId), wish: Wish) {
        if let Err(problem) = self.book(None, None, at, wish).await {
            tracing::warn!(organization = %at.0, event = %at.1, code = problem.code.word(), detail = problem.detail, "tried again later");
        }
    }

    /// The seed of an event's draw: 256 bits of a function that only this installation can compute, so that nobody can know
    /// the places before it is told, and nobody can choose it.
    pub(super) fn room_seed(&self, (organization, event): (OrganizationId, EventId)) -> String {
        let quarter = |number: u8| self.subjects().token(organization, &format!("draw {number}"), &event.to_string());
        (0..4).map(|number| quarter(number).to_string()).collect()
    }
}
