//! What the fraud rules say of a buyer: asked when an order is placed, and again before its money is taken.

use std::sync::Arc;

use records::booking::{Review, ReviewReason};
use views::fraud::{Assessment, Buyer, assess};

use crate::Api;

impl Api {
    /// Scores an order of a buyer as the views stand now; none when the organization has no rules for orders.
    pub(crate) fn risk(&self, buyer: &Buyer) -> Option<Assessment> {
        let rules = self.rules.read().expect("nothing panics under the lock");
        let plan = Arc::clone(&rules.rules(buyer.organization)?.fraud);
        drop(rules);
        let views = (self.views)();
        assess(&views.signals, &views.scores, &plan, buyer, self.clock.now())
    }
}

/// What the box office keeps of an assessment: the score, what made it, and what it reflects.
pub(crate) fn review(assessment: &Assessment) -> Review {
    let as_of = serde_json::to_string(&assessment.as_of).expect("an answer's position is JSON");
    let part = |reason: &rules::fraud::Reason| ReviewReason {
        rule: reason.rule,
        weight: reason.weight,
        text: reason.text.clone(),
    };
    let reasons = assessment.reasons.iter().map(part).collect();
    Review { score: u32::from(assessment.score), as_of, reasons }
}
