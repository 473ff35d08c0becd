//! The trade of webhooks: endpoints that come, change and go, and a pump that tells of what was taken and what was not, also
//! late, twice, or from where the cursor no longer stands.

use std::collections::BTreeMap;

use records::fact::By;
use records::webhook::{Answer, Delivery, Endpoint, Next, Topic, WebhookFact};
use records::{CommandId, EndpointId, Fact, FactRow, OrganizationId, Span, Timestamp};
use rules::domains;
use rules::webhooks::{Command, Wish};
use workload::chance::Chance;

use super::{Scale, Trade};
use crate::desk::known::Known;

/// Partitions whose facts are told.
const SOURCES: u64 = 2;
/// Endpoints of one organization: few, so that they meet.
const ENDPOINTS: u64 = 3;
/// How far cursors go.
const OFFSETS: u64 = 12;

/// The cursors of endpoints, told again without the product's rules.
pub(crate) struct Endpoints {
    scale: Scale,
    cursors: BTreeMap<(OrganizationId, EndpointId), BTreeMap<u16, u64>>,
}

impl Endpoints {
    pub(crate) fn new(scale: Scale) -> Self {
        Self { scale, cursors: BTreeMap::new() }
    }

    /// Where a cursor stands, or stood before somebody else was quicker.
    fn from(&self, at: (OrganizationId, EndpointId), source: u16, chance: &mut Chance) -> u64 {
        let known = self.cursors.get(&at).and_then(|cursors| cursors.get(&source)).copied().unwrap_or(0);
        if chance.per_mille(800) { known } else { chance.below(OFFSETS) }
    }
}

fn answer(status: u16) -> Answer {
    Answer { status, ms: 1, text: String::new() }
}

impl Trade for Endpoints {
    fn ask(&mut self, _: &Known, now: Timestamp, chance: &mut Chance) -> domains::Command {
        let organization = OrganizationId(1_000 + u128::from(chance.below(self.scale.organizations)));
        let endpoint = EndpointId(1 + u128::from(chance.below(ENDPOINTS)));
        let source = chance.below(SOURCES) as u16;
        let from = self.from((organization, endpoint), source, chance);
        let url = format!("https://example.org/{}", chance.below(3));
        let spec = Endpoint { url, paused: chance.per_mille(200), ..Endpoint::default() };
        let wish = match chance.below(16) {
            0..3 => {
                let from = vec![Next { source: 0, next: chance.below(OFFSETS) }];
                Wish::Add { spec, key: CommandId(1 + u128::from(chance.below(9))), from }
            }
            3 => Wish::Change(spec),
            4 => Wish::Rotate { key: CommandId(1 + u128::from(chance.below(9))), until: now },
            5 if chance.per_mille(300) => Wish::Remove,
            5 => Wish::Test(CommandId(1 + u128::from(chance.below(9)))),
            6 => Wish::Stop,
            7 => Wish::Replay { source, next: chance.below(OFFSETS) },
            8..11 => {
                let (cause, answer) = (from + chance.below(3), answer(503));
                Wish::Fail { source, from, cause, topic: Topic::Test, answer, wait: Span::ZERO }
            }
            _ => {
                let next = from + chance.below(4);
                let causes = (from..next).filter(|_| chance.per_mille(500)).collect::<Vec<_>>();
                let taken = |cause| Delivery { cause, topic: Topic::Test, attempt: 1, answer: answer(200) };
                Wish::Settle { source, from, next, deliveries: causes.into_iter().map(taken).collect() }
            }
        };
        let order = domains::Order::Webhook(Command { organization, endpoint, wish });
        domains::Command { by: Some(By::Operator), order }
    }

    /// A cursor moves from where it stands over what was told, in order; back it goes only when somebody asks.
    fn judge(&mut self, row: &FactRow) -> Result<(), String> {
        let Some(Fact::Webhook(fact)) = row.known() else { return Ok(()) };
        let key = (row.organization, fact.endpoint());
        match fact {
            WebhookFact::WebhookAdded { from, .. } => {
                let cursors = from.iter().map(|next| (next.source, next.next)).collect();
                if self.cursors.insert(key, cursors).is_some() {
                    return Err(format!("endpoint {} was added twice", key.1));
                }
            }
            WebhookFact::WebhookRemoved { .. } => _ = self.cursors.remove(&key),
            WebhookFact::WebhooksReplayed { source, next, .. } => {
                self.cursors.entry(key).or_default().insert(*source, *next);
            }
            WebhookFact::WebhooksDelivered { source, from, next, deliveries, .. } => {
                let Some(cursors) = self.cursors.get_mut(&key) else {
                    return Err(format!("something was sent to endpoint {}, which is not there", key.1));
                };
                let stands = cursors.insert(*source, *next).unwrap_or(0);
                let causes: Vec<u64> = deliveries.iter().map(|delivery| delivery.cause).collect();
                let in_order = causes.is_sorted_by(|one, two| one < two);
                if stands != *from || next <= from || !in_order || causes.iter().any(|of| !(from..next).contains(&of)) {
                    return Err(format!("a cursor at {stands} moved from {from} to {next} over {causes:?}"));
                }
            }
            WebhookFact::WebhookFailed { source, cause, .. } => {
                let stands = self.cursors.get(&key).map(|cursors| cursors.get(source).copied().unwrap_or(0));
                if stands.is_none_or(|stands| *cause < stands) {
                    return Err(format!("what was told already ({cause}) failed at endpoint {}", key.1));
                }
            }
            WebhookFact::WebhookChanged { .. }
            | WebhookFact::WebhookKeyRotated { .. }
            | WebhookFact::WebhookTested { .. }
            | WebhookFact::WebhookStopped { .. } => {}
        }
        Ok(())
    }
}
