//! Webhooks: where an organization is told what happens at its box offices, and how far each endpoint was told.
//!
//! The cursors are facts: each endpoint has one for each partition, so what is sent next follows from the log alone, and
//! a crash sends something again rather than never. Nothing is ever given up: what is not taken waits, and what comes
//! after it in the same partition waits with it.

use std::collections::BTreeMap;

use records::id::derived;
use records::webhook::{Answer, Delivery, Endpoint, Next, Topic, WebhookFact};
use records::{CommandId, EndpointId, EventId, Fact, FactRow, OrganizationId, Span, Timestamp};
use serde::{Deserialize, Serialize};

/// Endpoints of one organization.
pub const ENDPOINTS_MAX: usize = 50;
/// Bytes of an address: what browsers and servers agree upon.
pub const URL_BYTES_MAX: usize = 2_048;
/// Characters of a title.
pub const TITLE_MAX: usize = 100;
/// Webhooks that one fact may say were taken.
pub const DELIVERIES_MAX: usize = 64;
/// Before the second try; twice as long each time.
pub const PAUSE: Span = Span::from_seconds(5);
/// The longest time between two tries: a receiver that is back is told within the hour.
pub const PAUSE_MAX: Span = Span::from_seconds(3_600);
/// An endpoint that has taken nothing for so long wants somebody's attention.
pub const ATTENTION: Span = Span::from_seconds(3 * 86_400);

/// A command about one endpoint.
#[derive(Debug, Clone, PartialEq)]
pub struct Command {
    /// The tenant.
    pub organization: OrganizationId,
    /// The endpoint.
    pub endpoint: EndpointId,
    /// What is asked.
    pub wish: Wish,
}

/// What is asked.
#[derive(Debug, Clone, PartialEq)]
pub enum Wish {
    /// Webhooks go there.
    Add {
        /// Where, and what.
        spec: Endpoint,
        /// What the secret follows from.
        key: CommandId,
        /// From where on.
        from: Vec<Next>,
    },
    /// Another address, other topics, paused or not.
    Change(Endpoint),
    /// Another secret.
    Rotate {
        /// What it follows from.
        key: CommandId,
        /// Until when the old one is used, too.
        until: Timestamp,
    },
    /// Nothing is sent there any more.
    Remove,
    /// Whether webhooks arrive.
    Test(CommandId),
    /// What was sent.
    Settle {
        /// The partition.
        source: u16,
        /// Where the cursor stood when it was read.
        from: u64,
        /// Up to where everything was told.
        next: u64,
        /// What was taken.
        deliveries: Vec<Delivery>,
    },
    /// What was not taken.
    Fail {
        /// The partition.
        source: u16,
        /// Where the cursor stood.
        from: u64,
        /// The offset of the cause.
        cause: u64,
        /// What it tells.
        topic: Topic,
        /// What was answered.
        answer: Answer,
        /// How long the receiver wishes to be left alone.
        wait: Span,
    },
    /// The endpoint is gone.
    Stop,
    /// A cursor is put elsewhere.
    Replay {
        /// The partition.
        source: u16,
        /// Where.
        next: u64,
    },
}

/// Why something is not done.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// No such endpoint.
    #[error("there is no such endpoint")]
    NoEndpoint,
    /// The id names something else.
    #[error("this id was used for something else: take a new one")]
    IdUsed,
    /// Too many.
    #[error("an organization has at most {ENDPOINTS_MAX} endpoints: remove some first")]
    TooMany,
    /// No address that webhooks can be sent to.
    #[error("`url` is no address such as https://example.org/hooks, of at most {URL_BYTES_MAX} bytes")]
    Url,
    /// A title that is too long.
    #[error("`title` has at most {TITLE_MAX} characters")]
    Title,
    /// The cursor is elsewhere by now.
    #[error("the cursor was moved meanwhile")]
    Moved,
}

/// How far an endpoint was told of one partition.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Cursor {
    /// What comes next.
    pub next: u64,
    /// How often what comes next was tried in vain.
    pub attempts: u32,
    /// When it is tried again.
    pub again: Timestamp,
    /// Since when nothing was taken, while that is so.
    pub failing: Option<Timestamp>,
}

/// An endpoint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hook {
    /// Where, and what.
    pub spec: Endpoint,
    /// What its secret follows from.
    pub key: CommandId,
    /// What the secret before follows from, and until when it is used, too.
    pub old: Option<(CommandId, Timestamp)>,
    /// When it was added.
    pub added: Timestamp,
    /// Since when it says that it is gone.
    pub stopped: Option<Timestamp>,
    /// By partition.
    pub cursors: BTreeMap<u16, Cursor>,
}

impl Hook {
    /// How far it was told of a partition.
    pub fn cursor(&self, source: u16) -> Cursor {
        self.cursors.get(&source).cloned().unwrap_or_default()
    }

    /// Since when it takes nothing of some partition; none when all is well.
    pub fn failing(&self) -> Option<Timestamp> {
        self.cursors.values().filter_map(|cursor| cursor.failing).min()
    }

    /// Whether somebody should look after it.
    pub fn wants_attention(&self, now: Timestamp) -> bool {
        self.stopped.is_some() || self.failing().is_some_and(|since| now.since(since) >= ATTENTION)
    }

    /// Whether anything is sent there.
    pub fn is_open(&self) -> bool {
        !self.spec.paused && self.stopped.is_none()
    }

    /// Whether it wants to be told.
    pub fn wants(&self, topic: Topic) -> bool {
        self.spec.topics.is_empty() || self.spec.topics.contains(&topic)
    }
}

/// The id of a webhook: the same for each try, and for each replay.
pub fn id_of(endpoint: EndpointId, source: u16, cause: u64) -> String {
    format!("msg_{:032x}", derived(endpoint.0, &format!("webhook f{source}"), cause))
}

/// How long it is waited after so many tries in vain.
pub fn pause(attempts: u32) -> Span {
    let doubled = PAUSE.0.saturating_mul(1 << attempts.saturating_sub(1).min(20));
    Span(doubled.min(PAUSE_MAX.0))
}

/// All endpoints of a partition.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Webhooks {
    hooks: BTreeMap<(OrganizationId, EndpointId), Hook>,
}

impl Webhooks {
    /// An endpoint.
    pub fn hook(&self, organization: OrganizationId, endpoint: EndpointId) -> Option<&Hook> {
        self.hooks.get(&(organization, endpoint))
    }

    /// All endpoints, by organization and id.
    pub fn hooks(&self) -> impl Iterator<Item = (OrganizationId, EndpointId, &Hook)> {
        self.hooks.iter().map(|((organization, endpoint), hook)| (*organization, *endpoint, hook))
    }

    /// Endpoints of one organization, by id.
    pub fn of(&self, organization: OrganizationId) -> impl Iterator<Item = (EndpointId, &Hook)> {
        let all = (organization, EndpointId::NONE)..=(organization, EndpointId(u128::MAX));
        self.hooks.range(all).map(|((_, endpoint), hook)| (*endpoint, hook))
    }

    /// The facts after which a command is done; none when everything stands already.
    ///
    /// # Errors
    /// When it is refused; then nothing is done.
    pub fn decide(&self, command: &Command, now: Timestamp) -> Result<Vec<WebhookFact>, Refusal> {
        let (organization, endpoint) = (command.organization, command.endpoint);
        let known = self.hook(organization, endpoint);
        if let Wish::Add { spec, key, from } = &command.wish {
            if known.is_some() {
                return Err(Refusal::IdUsed);
            }
            if self.of(organization).count() >= ENDPOINTS_MAX {
                return Err(Refusal::TooMany);
            }
            let spec = checked(spec)?;
            return Ok(vec![WebhookFact::WebhookAdded { endpoint, spec, key: *key, from: from.clone() }]);
        }
        if matches!(command.wish, Wish::Remove) && known.is_none() {
            return Ok(Vec::new());
        }
        let hook = known.ok_or(Refusal::NoEndpoint)?;
        Ok(hook.decide(endpoint, &command.wish, now)?.into_iter().collect())
    }

    /// Takes one fact; those of other domains say nothing here.
    pub fn apply(&mut self, row: &FactRow) {
        let Some(Fact::Webhook(fact)) = row.known() else { return };
        let key = (row.organization, fact.endpoint());
        match fact {
            WebhookFact::WebhookAdded { spec, key: secret, from, .. } => {
                let cursor = |next: &Next| (next.source, Cursor { next: next.next, ..Cursor::default() });
                let cursors = from.iter().map(cursor).collect();
                let (spec, added) = (spec.clone(), row.at);
                self.hooks.insert(key, Hook { spec, key: *secret, old: None, added, stopped: None, cursors });
            }
            WebhookFact::WebhookRemoved { .. } => _ = self.hooks.remove(&key),
            fact => {
                if let Some(hook) = self.hooks.get_mut(&key) {
                    hook.apply(fact, row.at);
                }
            }
        }
    }

    /// What a snapshot holds.
    pub(crate) fn stored(&self) -> Stored {
        self.hooks.iter().map(|((organization, endpoint), hook)| (*organization, *endpoint, hook.clone())).collect()
    }

    /// A state from what a snapshot holds.
    pub(crate) fn restore(stored: Stored) -> Self {
        let hooks = stored.into_iter().map(|(organization, endpoint, hook)| ((organization, endpoint), hook));
        Self { hooks: hooks.collect() }
    }
}

/// The state in a snapshot.
pub(crate) type Stored = Vec<(OrganizationId, EndpointId, Hook)>;

/// The hash of the aggregate that endpoints of an organization belong to.
pub(crate) fn aggregate(organization: OrganizationId) -> u64 {
    crate::office::aggregate(organization, EventId::NONE)
}

impl Hook {
    fn decide(&self, endpoint: EndpointId, wish: &Wish, now: Timestamp) -> Result<Option<WebhookFact>, Refusal> {
        Ok(match wish {
            Wish::Add { .. } => None,
            Wish::Change(spec) => {
                let spec = checked(spec)?;
                let stands = spec == self.spec && self.stopped.is_none();
                (!stands).then_some(WebhookFact::WebhookChanged { endpoint, spec })
            }
            Wish::Rotate { key, until } => {
                (*key != self.key).then_some(WebhookFact::WebhookKeyRotated { endpoint, key: *key, until: *until })
            }
            Wish::Remove => Some(WebhookFact::WebhookRemoved { endpoint }),
            Wish::Test(test) => Some(WebhookFact::WebhookTested { endpoint, test: *test }),
            Wish::Stop => self.stopped.is_none().then_some(WebhookFact::WebhookStopped { endpoint }),
            Wish::Settle { source, from, next, deliveries } => {
                let (source, from, next) = (*source, *from, *next);
                let told = deliveries.iter().map(|delivery| delivery.cause);
                let in_order = told.clone().zip(told.clone().skip(1)).all(|(one, two)| one < two);
                let within = told.into_iter().all(|cause| (from..next).contains(&cause));
                if self.cursor(source).next != from || next < from || !in_order || !within {
                    return Err(Refusal::Moved);
                }
                let deliveries = deliveries.clone();
                (next > from).then_some(WebhookFact::WebhooksDelivered { endpoint, source, from, next, deliveries })
            }
            Wish::Fail { source, from, cause, topic, answer, wait } => {
                let cursor = self.cursor(*source);
                if cursor.next != *from || cause < from {
                    return Err(Refusal::Moved);
                }
                let attempt = cursor.attempts + 1;
                let again = now.saturating_add(pause(attempt).max((*wait).min(PAUSE_MAX)));
                let (source, cause, topic, answer) = (*source, *cause, *topic, answer.clone());
                Some(WebhookFact::WebhookFailed { endpoint, source, cause, topic, attempt, answer, again })
            }
            Wish::Replay { source, next } => (self.cursor(*source) != Cursor { next: *next, ..Cursor::default() })
                .then_some(WebhookFact::WebhooksReplayed { endpoint, source: *source, next: *next }),
        })
    }

    fn apply(&mut self, fact: &WebhookFact, at: Timestamp) {
        match fact {
            WebhookFact::WebhookChanged { spec, .. } => {
                self.spec = spec.clone();
                self.stopped = None;
                // Whoever has mended something need not wait for the next try.
                self.cursors.values_mut().for_each(|cursor| cursor.again = Timestamp::default());
            }
            WebhookFact::WebhookKeyRotated { key, until, .. } => {
                self.old = Some((self.key, *until));
                self.key = *key;
            }
            WebhookFact::WebhooksDelivered { source, next, deliveries, .. } => {
                let cursor = self.cursors.entry(*source).or_default();
                cursor.next = *next;
                if !deliveries.is_empty() {
                    *cursor = Cursor { next: *next, ..Cursor::default() };
                }
            }
            WebhookFact::WebhookFailed { source, attempt, again, .. } => {
                let cursor = self.cursors.entry(*source).or_default();
                (cursor.attempts, cursor.again) = (*attempt, *again);
                cursor.failing = cursor.failing.or(Some(at));
            }
            WebhookFact::WebhookStopped { .. } => self.stopped = Some(at),
            WebhookFact::WebhooksReplayed { source, next, .. } => {
                self.cursors.insert(*source, Cursor { next: *next, ..Cursor::default() });
            }
            WebhookFact::WebhookAdded { .. }
            | WebhookFact::WebhookRemoved { .. }
            | WebhookFact::WebhookTested { .. } => {}
        }
    }
}

fn checked(spec: &Endpoint) -> Result<Endpoint, Refusal> {
    let url = spec.url.trim();
    let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
    let odd = |c: char| c.is_control() || c.is_whitespace();
    if url.len() > URL_BYTES_MAX || url.contains(odd) || rest.is_none_or(|rest| rest.starts_with(['/', ':', '?'])) {
        return Err(Refusal::Url);
    }
    if rest == Some("") {
        return Err(Refusal::Url);
    }
    if spec.title.chars().count() > TITLE_MAX || spec.title.contains(char::is_control) {
        return Err(Refusal::Title);
    }
    let mut topics = spec.topics.clone();
    topics.sort_unstable();
    topics.dedup();
    Ok(Endpoint { url: url.to_owned(), title: spec.title.clone(), topics, paused: spec.paused })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ACME: OrganizationId = OrganizationId(7);
    const HOOK: EndpointId = EndpointId(1);

    fn spec() -> Endpoint {
        Endpoint { url: "https://example.org/hooks".into(), ..Endpoint::default() }
    }

    fn ask(hooks: &mut Webhooks, wish: Wish, now: i64) -> Result<usize, Refusal> {
        let now = Timestamp::from_seconds(now);
        let command = Command { organization: ACME, endpoint: HOOK, wish };
        let facts = hooks.decide(&command, now)?;
        let count = facts.len();
        facts.into_iter().for_each(|fact| hooks.apply(&FactRow::new(ACME, now, fact.into())));
        Ok(count)
    }

    fn added() -> Webhooks {
        let mut hooks = Webhooks::default();
        let from = vec![Next { source: 2, next: 10 }];
        assert_eq!(ask(&mut hooks, Wish::Add { spec: spec(), key: CommandId(5), from }, 1), Ok(1));
        hooks
    }

    fn taken(cause: u64) -> Delivery {
        let answer = Answer { status: 200, ms: 3, text: String::new() };
        Delivery { cause, topic: Topic::OrderConfirmed, attempt: 1, answer }
    }

    fn settle(from: u64, next: u64, causes: &[u64]) -> Wish {
        Wish::Settle { source: 2, from, next, deliveries: causes.iter().copied().map(taken).collect() }
    }

    fn fail(from: u64, cause: u64) -> Wish {
        let answer = Answer { status: 500, ms: 3, text: "no".into() };
        Wish::Fail { source: 2, from, cause, topic: Topic::OrderConfirmed, answer, wait: Span::ZERO }
    }

    #[test]
    fn a_cursor_moves_from_where_it_stands_and_over_nothing_twice() {
        let mut hooks = added();
        assert_eq!(ask(&mut hooks, settle(10, 14, &[11, 13]), 2), Ok(1));
        assert_eq!(ask(&mut hooks, settle(10, 14, &[11, 13]), 2), Err(Refusal::Moved), "somebody has told it");
        assert_eq!(ask(&mut hooks, settle(14, 15, &[15]), 2), Err(Refusal::Moved), "not within");
        assert_eq!(ask(&mut hooks, settle(14, 17, &[16, 15]), 2), Err(Refusal::Moved), "not in order");
        assert_eq!(hooks.hook(ACME, HOOK).unwrap().cursor(2).next, 14);
        assert_eq!(hooks.hook(ACME, HOOK).unwrap().cursor(3), Cursor::default());
    }

    #[test]
    fn what_is_not_taken_is_tried_ever_later_and_for_ever() {
        let mut hooks = added();
        let mut now = 100;
        for attempt in 1..200u32 {
            ask(&mut hooks, fail(10, 12), now).unwrap();
            let cursor = hooks.hook(ACME, HOOK).unwrap().cursor(2);
            assert_eq!((cursor.attempts, cursor.next), (attempt, 10));
            let wait = cursor.again.since(Timestamp::from_seconds(now));
            assert!(wait >= PAUSE && wait <= PAUSE_MAX);
            now = cursor.again.seconds();
        }
        let hook = hooks.hook(ACME, HOOK).unwrap();
        assert!(now > 150 * 3_600 && hook.wants_attention(Timestamp::from_seconds(now)));
        assert_eq!(hook.failing(), Some(Timestamp::from_seconds(100)));
        ask(&mut hooks, settle(10, 13, &[12]), now).unwrap();
        let hook = hooks.hook(ACME, HOOK).unwrap();
        assert_eq!((hook.failing(), hook.cursor(2).attempts), (None, 0));
    }

    #[test]
    fn an_endpoint_that_is_gone_waits_for_somebody_and_loses_nothing() {
        let mut hooks = added();
        assert_eq!((ask(&mut hooks, Wish::Stop, 5), ask(&mut hooks, Wish::Stop, 5)), (Ok(1), Ok(0)));
        let hook = hooks.hook(ACME, HOOK).unwrap();
        assert!(!hook.is_open() && hook.wants_attention(Timestamp::from_seconds(5)));
        assert_eq!(ask(&mut hooks, Wish::Change(spec()), 6), Ok(1), "the same again opens it");
        let hook = hooks.hook(ACME, HOOK).unwrap();
        assert!(hook.is_open() && hook.cursor(2).next == 10);
        assert_eq!(ask(&mut hooks, Wish::Change(spec()), 6), Ok(0));
    }

    #[test]
    fn a_rotated_secret_has_its_predecessor_beside_it() {
        let mut hooks = added();
        let until = Timestamp::from_seconds(90);
        assert_eq!(ask(&mut hooks, Wish::Rotate { key: CommandId(6), until }, 7), Ok(1));
        let hook = hooks.hook(ACME, HOOK).unwrap();
        assert_eq!((hook.key, hook.old), (CommandId(6), Some((CommandId(5), until))));
    }

    #[test]
    fn an_id_is_stable_and_another_one_for_another_cause_partition_or_endpoint() {
        let id = id_of(HOOK, 2, 11);
        assert_eq!(id, id_of(HOOK, 2, 11));
        for other in [id_of(HOOK, 2, 12), id_of(HOOK, 1, 11), id_of(EndpointId(2), 2, 11)] {
            assert_ne!(id, other);
        }
    }

    #[test]
    fn an_address_is_one() {
        let mut hooks = added();
        for wrong in ["", "example.org", "ftp://example.org", "https://", "https:///x", "https://a b"] {
            let spec = Endpoint { url: wrong.into(), ..Endpoint::default() };
            assert_eq!(ask(&mut hooks, Wish::Change(spec), 5), Err(Refusal::Url), "{wrong}");
        }
        let from = Vec::new();
        assert_eq!(ask(&mut hooks, Wish::Add { spec: spec(), key: CommandId(9), from }, 5), Err(Refusal::IdUsed));
        assert_eq!((ask(&mut hooks, Wish::Remove, 5), ask(&mut hooks, Wish::Remove, 5)), (Ok(1), Ok(0)));
        assert_eq!(ask(&mut hooks, Wish::Stop, 5), Err(Refusal::NoEndpoint));
    }

    proptest! {
        /// Whatever comes in whatever order: a cursor moves back only when somebody asks for a replay, every webhook
        /// that was taken lies before it, and a snapshot is the state.
        #[test]
        fn a_cursor_never_moves_back_by_itself(steps in proptest::collection::vec((0u8..5, 0u64..30, 0u64..30), 1..60)) {
            let mut hooks = added();
            for (step, (kind, one, two)) in (2..).zip(steps) {
                let before = hooks.hook(ACME, HOOK).unwrap().cursor(2).next;
                let wish = match kind {
                    0 => settle(one, two, &[]),
                    1 => settle(before, before + two, &[before + two / 2].map(|cause| cause.min(before + one))),
                    2 => fail(before, before + one),
                    3 => fail(one, two),
                    _ => Wish::Replay { source: 2, next: one },
                };
                let replay = matches!(wish, Wish::Replay { .. });
                let done = ask(&mut hooks, wish, step);
                let after = hooks.hook(ACME, HOOK).unwrap().cursor(2).next;
                prop_assert!(replay || after >= before);
                prop_assert!(done.is_ok() || after == before);
            }
            let back: Stored = serde_json::from_slice(&serde_json::to_vec(&hooks.stored()).unwrap()).unwrap();
            prop_assert_eq!(Webhooks::restore(back), hooks);
        }
    }
}
