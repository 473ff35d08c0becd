//! The audit trail: who did what, and when, of the newest facts of each organization. All facts stay in the log and in
//! the warehouse's table `facts`, where older ones are asked for by SQL.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, RwLock};

use desk::Place;
use records::fact::By;
use records::{BooksFact, Fact, FactRow, OrganizationId, ProviderFact, Span, Timestamp, WebhookFact};

/// Acts of one organization that are kept here: weeks of an organizer's work, some megabytes.
pub const ACTS_MAX: usize = 10_000;

/// One act.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Done {
    /// When it was decided.
    pub at: Timestamp,
    /// Where it stands in the log.
    pub place: Place,
    /// Who had it done; nobody for what comes by itself.
    pub by: Option<By>,
    /// What was done: the fact's name.
    pub act: &'static str,
    /// Whom or what it is about.
    pub about: String,
    /// What else there is to know.
    pub detail: String,
}

/// The newest acts of each organization, by log time; and what was told lately of things that happen often.
#[derive(Debug, Default)]
pub struct Trail {
    acts: RwLock<BTreeMap<OrganizationId, VecDeque<Done>>>,
    told: Mutex<BTreeMap<String, Told>>,
}

/// Something that happens often: when it was last told, and how often it has happened since.
#[derive(Debug, Clone, Copy)]
struct Told {
    last: Timestamp,
    since: u64,
}

/// Things that happen often of which is remembered when they were last told.
const TOLD_MAX: usize = 10_000;

impl Trail {
    /// Takes one fact; those that are nobody's act change nothing.
    ///
    /// # Panics
    /// When a thread panicked while it held the trail, which no code under its lock can do.
    pub fn apply(&self, place: Place, row: &FactRow) {
        let Some((act, about, detail)) = row.known().and_then(told) else { return };
        let done = Done { at: row.at, place, by: row.by.clone(), act, about, detail };
        let mut acts = self.acts.write().expect("nothing panics under the lock");
        let acts = acts.entry(row.organization).or_default();
        // Partitions are heard one after the other at the start: what comes late has its place.
        let later = acts.iter().rev().take_while(|known| order(known) > order(&done)).count();
        if acts.len() - later == 0 && acts.len() >= ACTS_MAX {
            return;
        }
        acts.insert(acts.len() - later, done);
        if acts.len() > ACTS_MAX {
            acts.pop_front();
        }
    }

    /// Whether something that happens often is to be told again, because it was not within this time; then how often it
    /// has happened since it last was.
    ///
    /// # Panics
    /// As [`Trail::apply`].
    pub fn news(&self, what: String, now: Timestamp, within: Span) -> Option<u64> {
        let mut told = self.told.lock().expect("nothing panics under the lock");
        if let Some(known) = told.get_mut(&what) {
            if now.since(known.last) < within {
                known.since += 1;
                return None;
            }
            let more = known.since;
            *known = Told { last: now, since: 0 };
            return Some(more);
        }
        if told.len() >= TOLD_MAX {
            // Rather told once more than remembered without end.
            told.clear();
        }
        told.insert(what, Told { last: now, since: 0 });
        Some(0)
    }

    /// The newest acts of an organization before a place in the order, the newest first.
    ///
    /// # Panics
    /// As [`Trail::apply`].
    pub fn before(&self, organization: OrganizationId, before: Option<Order>, limit: usize) -> Vec<Done> {
        let acts = self.acts.read().expect("nothing panics under the lock");
        let all = acts.get(&organization).into_iter().flatten().rev();
        all.filter(|done| before.is_none_or(|before| order(done) < before)).take(limit).cloned().collect()
    }
}

/// Where an act stands among others: log time, partition, offset.
pub type Order = (i64, u16, u64);

/// The order of an act.
pub fn order(done: &Done) -> Order {
    (done.place.log_time.0, done.place.partition.0, done.place.first.0)
}

/// What an act is, whom it is about, and what else there is to know. Never a secret, a hash or anything personal.
fn told(fact: &Fact) -> Option<(&'static str, String, String)> {
    let quiet = String::new;
    let words = |value: &dyn std::fmt::Debug| format!("{value:?}").to_lowercase();
    Some(match fact {
        Fact::OrganizationRegistered { name, zone } => ("organization_registered", name.clone(), zone.to_string()),
        Fact::KeyAdded { key, scopes, .. } => ("key_added", key.clone(), words(scopes)),
        Fact::KeyRotated { key, until, .. } => ("key_rotated", key.clone(), format!("the old one until {until}")),
        Fact::KeyLimited { key, events } => {
            let events: Vec<String> = events.iter().map(ToString::to_string).collect();
            ("key_limited", key.clone(), events.join(" "))
        }
        Fact::KeyRevoked { key } => ("key_revoked", key.clone(), quiet()),
        Fact::EventScheduled { event, title, .. } => ("event_scheduled", event.to_string(), title.clone()),
        Fact::RulesPublished { .. } => ("rules_published", quiet(), quiet()),
        Fact::LeaderboardReset { leaderboard } => ("leaderboard_reset", leaderboard.to_string(), quiet()),
        Fact::SubjectErased { subjects, .. } => ("subject_erased", quiet(), format!("{} keys", subjects.len())),
        Fact::SettingsChanged { origins, .. } => ("settings_changed", quiet(), origins.join(" ")),
        Fact::MembershipGranted { user, role, .. } => ("membership_granted", user.to_string(), words(role)),
        Fact::MembershipEnded { user } => ("membership_ended", user.to_string(), quiet()),
        Fact::QuerySaved { query, title, .. } => ("query_saved", query.to_string(), title.clone()),
        Fact::QueryRemoved { query } => ("query_removed", query.to_string(), quiet()),
        Fact::UserRegistered { user, .. } => ("user_registered", user.to_string(), quiet()),
        Fact::UserDescribed { user, .. } => ("user_described", user.to_string(), quiet()),
        Fact::PlatformAdminSet { user, admin } => ("platform_admin_set", user.to_string(), admin.to_string()),
        Fact::PasswordSet { user, .. } => ("password_set", user.to_string(), quiet()),
        Fact::LoginOpened { user, means, .. } => ("login_opened", user.to_string(), words(means)),
        Fact::LoginClosed { user, .. } => ("login_closed", user.to_string(), quiet()),
        Fact::LoginsClosed { user, .. } => ("logins_closed", user.to_string(), quiet()),
        Fact::LoginRefused { user, means } => ("login_refused", user.to_string(), words(means)),
        Fact::SecondFactorOffered { user, .. } => ("second_factor_offered", user.to_string(), quiet()),
        Fact::SecondFactorConfirmed { user, .. } => ("second_factor_confirmed", user.to_string(), quiet()),
        Fact::SecondFactorRemoved { user } => ("second_factor_removed", user.to_string(), quiet()),
        Fact::RecoveryCodesMade { user, .. } => ("recovery_codes_made", user.to_string(), quiet()),
        Fact::IdentityLinked { user, provider, .. } => ("identity_linked", user.to_string(), provider.clone()),
        Fact::LinkMade { user, purpose, .. } => ("link_made", user.to_string(), words(purpose)),
        Fact::AccessRefused { act, route, why, more } => {
            let why = if why.is_empty() { String::new() } else { format!(": {why}") };
            let more = if *more == 0 { String::new() } else { format!(", and {more} more since the last") };
            ("access_refused", act.clone(), format!("{route}{why}{more}"))
        }
        Fact::Providers(ProviderFact::PaymentProviderSet { provider, .. }) => {
            ("payment_provider_set", words(provider), quiet())
        }
        Fact::Providers(ProviderFact::PaymentProviderRemoved { provider }) => {
            ("payment_provider_removed", words(provider), quiet())
        }
        Fact::Books(BooksFact::InvoicingSet { .. }) => ("invoicing_set", String::new(), quiet()),
        Fact::Webhook(WebhookFact::WebhookAdded { endpoint, spec, .. }) => {
            ("webhook_added", endpoint.to_string(), spec.url.clone())
        }
        Fact::Webhook(WebhookFact::WebhookChanged { endpoint, spec }) => {
            ("webhook_changed", endpoint.to_string(), spec.url.clone())
        }
        Fact::Webhook(WebhookFact::WebhookKeyRotated { endpoint, until, .. }) => {
            ("webhook_key_rotated", endpoint.to_string(), format!("the old one until {until}"))
        }
        Fact::Webhook(WebhookFact::WebhookRemoved { endpoint }) => ("webhook_removed", endpoint.to_string(), quiet()),
        Fact::Webhook(WebhookFact::WebhooksReplayed { endpoint, source, next }) => {
            ("webhooks_replayed", endpoint.to_string(), format!("from f{source}/{next}"))
        }
        Fact::Webhook(WebhookFact::WebhookStopped { endpoint }) => {
            ("webhook_stopped", endpoint.to_string(), "it says that it is gone".into())
        }
        // Not decided by anybody, too many to be looked through, or told by another.
        Fact::ItemListed { .. }
        | Fact::KeyUsed { .. }
        | Fact::MailQueued { .. }
        | Fact::MailSent { .. }
        | Fact::MailFailed { .. }
        | Fact::PartitionClaimed { .. }
        | Fact::Booking(_)
        | Fact::Books(_)
        | Fact::Programme(_)
        | Fact::Providers(ProviderFact::PaymentMessageHeard { .. })
        | Fact::Webhook(_)
        | Fact::Engage(_)
        | Fact::Beat => return None,
    })
}

#[cfg(test)]
mod tests {
    use eventlog::{Offset, PartitionId};

    use super::*;

    const ACME: OrganizationId = OrganizationId(7);

    fn revoked(trail: &Trail, at: i64, partition: u16, offset: u64) {
        let fact = Fact::KeyRevoked { key: format!("{at}") };
        let place = Place { partition: PartitionId(partition), first: Offset(offset), log_time: Timestamp(at) };
        trail.apply(place, &FactRow::new(ACME, Timestamp(at), fact));
    }

    fn keys(trail: &Trail, before: Option<Order>, limit: usize) -> Vec<String> {
        trail.before(ACME, before, limit).into_iter().map(|done| done.about).collect()
    }

    #[test]
    fn acts_stand_in_the_order_of_the_log_whatever_is_heard_first() {
        let trail = Trail::default();
        for (at, partition) in [(1, 0), (4, 0), (2, 1), (3, 2)] {
            revoked(&trail, at, partition, 0);
        }
        assert_eq!(keys(&trail, None, 3), ["4", "3", "2"]);
        assert_eq!(keys(&trail, Some((2, 1, 0)), 3), ["1"]);
        assert_eq!(trail.before(OrganizationId(8), None, 3), []);
    }

    #[test]
    fn what_happens_often_is_news_once_in_a_while() {
        let trail = Trail::default();
        let news = |at| trail.news("x".into(), Timestamp::from_seconds(at), Span::from_seconds(60));
        assert_eq!([0, 1, 59, 60, 61, 120].map(news), [Some(0), None, None, Some(2), None, Some(1)]);
    }

    #[test]
    fn the_oldest_acts_are_forgotten() {
        let trail = Trail::default();
        for at in 0..ACTS_MAX as i64 + 5 {
            revoked(&trail, at, 0, at as u64);
        }
        revoked(&trail, -1, 1, 0);
        let all = keys(&trail, None, usize::MAX);
        assert_eq!((all.len(), all.last().map(String::as_str)), (ACTS_MAX, Some("5")));
    }
}
