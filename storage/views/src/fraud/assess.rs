//! What an order would score that somebody is about to place, and what one scored that was placed.

use std::sync::Arc;

use records::{Kind, OrderId, OrganizationId, Timestamp, Token};
use rules::fraud::{ABSENT, FraudPlan, Reason};
use rules::signal::{Entity, Signal};
use serde::Serialize;

use super::scores::{ScoreKey, Scores};
use super::signals::{Signals, Touch};
use crate::as_of::AsOf;
use crate::shards::Reader;

/// Somebody who buys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Buyer {
    /// The tenant that sells.
    pub organization: OrganizationId,
    /// The pseudonym of the buyer's mail address.
    pub person: Token,
    /// The pseudonym of the card; none while it is not known.
    pub card: Token,
    /// The order; none before it is placed.
    pub order: OrderId,
    /// What it comes to, minor units.
    pub amount: i64,
}

/// What the rules say of an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct Assessment {
    /// `0..=1000`: the sum of the weights of the rules that fired.
    pub score: u16,
    /// The rules that fired, in the order of the document.
    pub reasons: Vec<Reason>,
    /// The version of the rules.
    pub rules_version: u32,
    /// What it reflects at least.
    pub as_of: AsOf,
}

/// Scores an order as it would be scored if it were placed now; when it was placed and scored already, the higher of both,
/// since what has happened meanwhile (payments that failed, more orders) can make it worse. None when no rule scores orders.
pub fn assess(
    signals: &Reader<Signals>,
    scores: &Reader<Scores>,
    plan: &Arc<FraudPlan>,
    buyer: &Buyer,
    now: Timestamp,
) -> Option<Assessment> {
    if !plan.scores(Kind::OrderPlaced) {
        return None;
    }
    let organization = buyer.organization;
    let ((known, ring), mut as_of) = scores.read(Scores::hash(organization), |fold| {
        let known = fold.score(ScoreKey { organization, record: buyer.order.0 }).filter(|_| buyer.order.is_some());
        (known.cloned(), fold.ring(organization, buyer.person).len())
    });
    let mut values: Vec<i64> = plan.signals.iter().map(|signal| plain(*signal, buyer, ring)).collect();
    for touch in touches(plan, buyer, now, known.is_none()) {
        let hash = Touch::hash(organization, touch.entity, touch.token);
        let (found, reflected) = signals.read(hash, |fold| fold.foresee(&touch, plan));
        found.into_iter().for_each(|(slot, value)| values[usize::from(slot)] = value);
        // Each bin may be in another epoch: the answer names the oldest.
        if reflected.epoch < as_of.epoch {
            as_of = reflected;
        }
    }
    let (score, reasons) = plan.score(Kind::OrderPlaced, &values);
    let now = Assessment { score, reasons, rules_version: plan.version, as_of };
    Some(match known.filter(|known| known.score > now.score) {
        Some(known) => Assessment {
            score: known.score,
            reasons: known.reasons.clone(),
            rules_version: known.rules_version,
            as_of: now.as_of,
        },
        None => now,
    })
}

/// What the order touches; an order that is scored already was counted when it was.
fn touches(plan: &FraudPlan, buyer: &Buyer, now: Timestamp, counts: bool) -> impl Iterator<Item = Touch> {
    let others = [buyer.person, Token::NONE, buyer.card, Token::NONE];
    let needs = plan.needs;
    let (organization, amount) = (buyer.organization, buyer.amount);
    // A kind that no measure but the one of all records counts: time moves on, nothing is counted twice.
    let kind = if counts { Kind::OrderPlaced } else { Kind::Unknown };
    let asked = move |entity: &Entity| needs[*entity as usize].wanted && others[*entity as usize].is_some();
    Entity::ALL.into_iter().filter(asked).map(move |entity| Touch {
        organization,
        entity,
        token: others[entity as usize],
        kind,
        time: now,
        amount,
        others,
        needs: needs[entity as usize],
        links: false,
        counts: true,
        scored: None,
    })
}

/// What the order itself answers: a box office knows no device, no sign-up and no bot.
fn plain(signal: Signal, buyer: &Buyer, ring: usize) -> i64 {
    match signal {
        Signal::Amount => buyer.amount,
        Signal::Quantity | Signal::Bot => 0,
        Signal::RingAccounts if buyer.person.is_some() => i64::try_from(ring).unwrap_or(i64::MAX),
        Signal::RingAccounts | Signal::PurchaseMinusSignup | Signal::Known(_) | Signal::Velocity { .. } => ABSENT,
    }
}
