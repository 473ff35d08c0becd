//! Webhooks: an organization's own addresses are told what happens at its box offices, in order and at least once.
//!
//! Signed as Standard Webhooks 1.0 says. A webhook is a function of one fact, so a try, a replay and another process send the
//! same under the same `webhook-id`. How far an endpoint was told is a fact ([`rules::webhooks`]); a bounded loop beside the
//! chores of box offices sends what follows ([`Pump`]). Nothing personal is in a webhook: it names ids, and where to ask.

mod addresses;
mod payload;
mod pump;
mod routes;
mod send;
mod sign;

use std::collections::{BTreeMap, VecDeque};
use std::sync::RwLock;

use desk::Place;
pub use pump::Pump;
use records::webhook::{Answer, Topic, WebhookFact};
use records::{EndpointId, Fact, FactRow, OrganizationId, Timestamp};
use rules::webhooks::Webhooks;

pub use payload::Message;
pub(crate) use routes::routes;

/// Tries of one endpoint that are shown: some hours of a busy one.
const SHOWN_MAX: usize = 500;

/// A webhook that was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Tried {
    /// Counts the tries of an endpoint, from 1.
    number: u64,
    at: Timestamp,
    source: u16,
    cause: u64,
    topic: Topic,
    attempt: u32,
    answer: Answer,
    /// When it is tried again; none when it was taken.
    again: Option<Timestamp>,
}

/// Endpoints, what was sent to them last, and where something of an organization lies that a webhook may tell.
#[derive(Debug, Default)]
pub struct Hooks(RwLock<Known>);

#[derive(Debug, Default)]
struct Known {
    webhooks: Webhooks,
    /// Behind the newest cause of each organization and partition.
    news: BTreeMap<(OrganizationId, u16), u64>,
    tried: BTreeMap<(OrganizationId, EndpointId), VecDeque<Tried>>,
}

impl Hooks {
    /// Applies one fact.
    ///
    /// # Panics
    /// When a thread panicked while it held what is known, which no code under the lock can do.
    pub fn apply(&self, place: Place, row: &FactRow) {
        let is_cause = payload::topic(row).is_some();
        if !is_cause && !matches!(row.known(), Some(Fact::Webhook(_))) {
            return;
        }
        let mut known = self.0.write().expect("nothing panics under the lock");
        if is_cause {
            known.news.insert((row.organization, place.partition.0), place.first.0 + 1);
        }
        known.webhooks.apply(row);
        if let Some(Fact::Webhook(fact)) = row.known() {
            known.tried(row, fact);
        }
    }

    /// Asks what is known.
    pub(crate) fn read<T>(&self, question: impl FnOnce(&Webhooks) -> T) -> T {
        question(&self.0.read().expect("nothing panics under the lock").webhooks)
    }

    /// The tries of an endpoint, the newest first.
    fn tries(&self, organization: OrganizationId, endpoint: EndpointId) -> Vec<Tried> {
        let known = self.0.read().expect("nothing panics under the lock");
        known.tried.get(&(organization, endpoint)).into_iter().flatten().rev().cloned().collect()
    }

    /// Endpoints that wait for something, with how far they and the facts are.
    fn waiting(&self, now: Timestamp) -> Vec<pump::Due> {
        let known = self.0.read().expect("nothing panics under the lock");
        let mut due = Vec::new();
        for (organization, endpoint, hook) in known.webhooks.hooks().filter(|(.., hook)| hook.is_open()) {
            let sources = known.news.range((organization, 0)..=(organization, u16::MAX));
            for ((_, source), end) in sources {
                let cursor = hook.cursor(*source);
                if cursor.next < *end && cursor.again <= now {
                    let (hook, end) = (hook.clone(), *end);
                    due.push(pump::Due { organization, endpoint, source: *source, cursor, end, hook });
                }
            }
        }
        due
    }
}

impl Known {
    fn tried(&mut self, row: &FactRow, fact: &WebhookFact) {
        let key = (row.organization, fact.endpoint());
        if matches!(fact, WebhookFact::WebhookRemoved { .. }) {
            self.tried.remove(&key);
            return;
        }
        let at = row.at;
        let new: Vec<Tried> = match fact {
            WebhookFact::WebhooksDelivered { source, deliveries, .. } => deliveries
                .iter()
                .map(|delivery| Tried {
                    number: 0,
                    at,
                    source: *source,
                    cause: delivery.cause,
                    topic: delivery.topic,
                    attempt: delivery.attempt,
                    answer: delivery.answer.clone(),
                    again: None,
                })
                .collect(),
            WebhookFact::WebhookFailed { source, cause, topic, attempt, answer, again, .. } => vec![Tried {
                number: 0,
                at,
                source: *source,
                cause: *cause,
                topic: *topic,
                attempt: *attempt,
                answer: answer.clone(),
                again: Some(*again),
            }],
            _ => return,
        };
        let all = self.tried.entry(key).or_default();
        for tried in new {
            let number = all.back().map_or(1, |last| last.number + 1);
            if all.len() >= SHOWN_MAX {
                all.pop_front();
            }
            all.push_back(Tried { number, ..tried });
        }
    }
}
