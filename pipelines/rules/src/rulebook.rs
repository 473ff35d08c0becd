//! The rulebook: what all facts up to a place in the log say about organizations, events, items and rules.

use std::sync::Arc;

use hashbrown::HashMap;
use records::hash::FixedState;
use records::{EventId, Fact, FactRow, ItemId, LeaderboardId, OrganizationId, Zone};
use serde::{Deserialize, Serialize};

use crate::document::RuleDocument;
use crate::lateness::Lateness;
use crate::tenant::{Event, Item, Ruleset, Tenant};

/// The version of [`Rulebook::encode`].
pub const RULEBOOK_VERSION: u32 = 3;

/// The fold of the facts. Cloning it is cheap: organizations are shared until they change.
#[derive(Debug, Clone, Default)]
pub struct Rulebook {
    tenants: HashMap<OrganizationId, Arc<Tenant>, FixedState>,
}

/// Why bytes are not a rulebook.
#[derive(Debug, thiserror::Error)]
pub enum RulebookError {
    /// The bytes are damaged.
    #[error("rulebook is damaged: {0}")]
    Damaged(#[from] serde_json::Error),
    /// Another version wrote it.
    #[error("rulebook has version {0}, and this build reads {RULEBOOK_VERSION}")]
    Version(u32),
}

impl Rulebook {
    /// Applies one fact. Facts that say nothing about rules change nothing.
    pub fn apply(&mut self, row: &FactRow) {
        let Some(fact) = row.known() else { return };
        if !row.organization.is_some() {
            return;
        }
        match fact {
            Fact::OrganizationRegistered { name, zone } => {
                let tenant = self.tenant_mut(row.organization);
                tenant.registered = true;
                tenant.name.clone_from(name);
                tenant.zone = zone.clone();
            }
            Fact::EventScheduled { event, title, zone, starts, ends } => {
                let event_row = Event { title: title.clone(), zone: zone.clone(), starts: *starts, ends: *ends };
                Arc::make_mut(&mut self.tenant_mut(row.organization).events).insert(*event, event_row);
            }
            Fact::ItemListed { event, item, session, title, track, starts, ends, capacity } => {
                let (session, title, track) = (*session, title.clone(), track.clone());
                let listed = Item { session, title, track, starts: *starts, ends: *ends, capacity: *capacity };
                self.tenant_mut(row.organization).list(*event, *item, listed);
            }
            Fact::RulesPublished { document } => {
                let tenant = self.tenant_mut(row.organization);
                tenant.rules = Arc::new(tenant.rules.publish(document));
            }
            Fact::LeaderboardReset { leaderboard } => {
                *self.tenant_mut(row.organization).resets.entry(*leaderboard).or_default() += 1;
            }
            _ => {}
        }
    }

    fn tenant_mut(&mut self, organization: OrganizationId) -> &mut Tenant {
        Arc::make_mut(self.tenants.entry(organization).or_default())
    }

    /// An organization.
    #[inline]
    pub fn tenant(&self, organization: OrganizationId) -> Option<&Arc<Tenant>> {
        self.tenants.get(&organization)
    }

    /// The organizations by id.
    pub fn tenants(&self) -> Vec<(OrganizationId, &Arc<Tenant>)> {
        let mut tenants: Vec<_> = self.tenants.iter().map(|(id, tenant)| (*id, tenant)).collect();
        tenants.sort_unstable_by_key(|(id, _)| *id);
        tenants
    }

    /// The organizations that were registered, by id.
    pub fn registered(&self) -> impl Iterator<Item = (OrganizationId, &Arc<Tenant>)> {
        self.tenants().into_iter().filter(|(_, tenant)| tenant.registered)
    }

    /// Every event that was announced, with its organization and title, by id.
    pub fn all_events(&self) -> Vec<(OrganizationId, EventId, String)> {
        let of = |(id, tenant): (OrganizationId, &Arc<Tenant>)| {
            let events: Vec<_> =
                tenant.events().into_iter().map(|(event, known)| (id, event, known.title.clone())).collect();
            events
        };
        self.tenants().into_iter().flat_map(of).collect()
    }

    /// The rules of an organization; none before it published any or was registered.
    #[inline]
    pub fn rules(&self, organization: OrganizationId) -> Option<&Arc<Ruleset>> {
        self.tenants.get(&organization).map(|tenant| &tenant.rules)
    }

    /// The zone in which days turn for an event, or for an organization without one.
    pub fn zone(&self, organization: OrganizationId, event: EventId) -> Zone {
        self.tenant(organization).map_or_else(Zone::utc, |tenant| tenant.zone_of(event).clone())
    }

    /// How late a record of an organization may be for a view.
    pub fn lateness(&self, organization: OrganizationId, view: &str) -> Lateness {
        self.rules(organization).map_or_else(|| Lateness::default_of(view), |rules| rules.document.lateness(view))
    }

    /// Appends bytes that [`Rulebook::decode`] reads. The same facts always give the same bytes.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let stored = Stored {
            version: RULEBOOK_VERSION,
            tenants: self.tenants().into_iter().map(|(id, tenant)| StoredTenant::of(id, tenant)).collect(),
        };
        serde_json::to_writer(out, &stored).expect("a rulebook has text keys only, and memory takes every write");
    }

    /// Reads a rulebook back.
    ///
    /// # Errors
    /// When the bytes are damaged or of another version.
    pub fn decode(bytes: &[u8]) -> Result<Self, RulebookError> {
        let stored: Stored = serde_json::from_slice(bytes)?;
        if stored.version != RULEBOOK_VERSION {
            return Err(RulebookError::Version(stored.version));
        }
        let mut this = Self::default();
        for tenant in stored.tenants {
            let (id, tenant) = tenant.restore();
            this.tenants.insert(id, Arc::new(tenant));
        }
        Ok(this)
    }
}

#[derive(Serialize, Deserialize)]
struct Stored {
    version: u32,
    tenants: Vec<StoredTenant>,
}

#[derive(Serialize, Deserialize)]
struct StoredTenant {
    id: OrganizationId,
    registered: bool,
    name: String,
    zone: Zone,
    resets: Vec<(LeaderboardId, u32)>,
    events: Vec<(EventId, Event)>,
    items: Vec<(EventId, ItemId, Arc<Item>)>,
    rules_version: u32,
    rules_in_force: u32,
    rules: RuleDocument,
    refused: Option<String>,
}

impl StoredTenant {
    fn of(id: OrganizationId, tenant: &Tenant) -> Self {
        Self {
            id,
            registered: tenant.registered,
            name: tenant.name.clone(),
            zone: tenant.zone.clone(),
            resets: tenant.resets.iter().map(|(leaderboard, count)| (*leaderboard, *count)).collect(),
            events: tenant.events().into_iter().map(|(id, event)| (id, event.clone())).collect(),
            items: tenant.items().into_iter().map(|(event, id, item)| (event, id, Arc::clone(item))).collect(),
            rules_version: tenant.rules.version,
            rules_in_force: tenant.rules.in_force,
            rules: tenant.rules.document.clone(),
            refused: tenant.rules.refused.clone(),
        }
    }

    fn restore(self) -> (OrganizationId, Tenant) {
        let mut rules = Ruleset::new(self.rules_in_force, self.rules);
        (rules.version, rules.refused) = (self.rules_version, self.refused);
        let events = Arc::new(self.events.into_iter().collect());
        let rules = Arc::new(rules);
        let resets = self.resets.into_iter().collect();
        let mut tenant = Tenant { name: self.name, zone: self.zone, rules, resets, events, ..Tenant::default() };
        tenant.registered = self.registered;
        for (event, id, item) in self.items {
            tenant.list(event, id, Arc::unwrap_or_clone(item));
        }
        (self.id, tenant)
    }
}

#[cfg(test)]
mod tests {
    use records::{AdId, CampaignId, SessionId, Text, Timestamp};

    use super::*;

    const ACME: OrganizationId = OrganizationId(7);

    fn row(fact: Fact) -> FactRow {
        FactRow::new(ACME, Timestamp(1), fact)
    }

    fn published(json: &str) -> FactRow {
        row(Fact::RulesPublished { document: Arc::new(serde_json::from_str(json).unwrap()) })
    }

    fn item(id: u128, session: u128, title: &str) -> FactRow {
        row(Fact::ItemListed {
            event: EventId(1),
            item: ItemId(id),
            session: SessionId(session),
            title: title.into(),
            track: Text::new("rust"),
            starts: None,
            ends: Some(Timestamp(50)),
            capacity: Some(20),
        })
    }

    fn book(rows: &[FactRow]) -> Rulebook {
        let mut book = Rulebook::default();
        rows.iter().for_each(|row| book.apply(row));
        book
    }

    #[test]
    fn an_unsound_document_leaves_the_rules_in_force() {
        let good = r#"{"format":1,"campaigns":[{"id":"c","ads":["a"]}]}"#;
        let book = book(&[published(good), published(r#"{"format":1,"nonsense":2}"#)]);
        let rules = book.rules(ACME).unwrap();
        assert_eq!((rules.version, rules.in_force, rules.refused.is_some()), (2, 1, true));
        let ad = AdId::parse("a").unwrap();
        assert_eq!(rules.campaigns.campaign(ad), Some(CampaignId::parse("c").unwrap()));
    }

    #[test]
    fn a_shared_rulebook_does_not_change() {
        let mut now = Arc::new(book(&[item(1, 9, "old")]));
        let before = Arc::clone(&now);
        Arc::make_mut(&mut now).apply(&item(1, 8, "new"));
        let title = |book: &Rulebook| book.tenant(ACME).unwrap().item(EventId(1), ItemId(1)).unwrap().title.clone();
        assert_eq!((title(&before), title(&now)), ("old".into(), "new".into()));
        let session = |book: &Rulebook, id| book.tenant(ACME).unwrap().item_of_session(EventId(1), SessionId(id));
        assert_eq!((session(&before, 9), session(&now, 9), session(&now, 8)), (Some(ItemId(1)), None, Some(ItemId(1))));
    }

    #[test]
    fn bytes_round_trip() {
        let rows = [
            row(Fact::OrganizationRegistered { name: "Acme".into(), zone: Zone::parse("Europe/Berlin").unwrap() }),
            row(Fact::EventScheduled {
                event: EventId(1),
                title: "Conf".into(),
                zone: Zone::utc(),
                starts: Timestamp(5),
                ends: Timestamp(6),
            }),
            item(2, 0, "b"),
            item(1, 4, "a"),
            row(Fact::LeaderboardReset { leaderboard: LeaderboardId(3) }),
            published(r#"{"format":1,"segments":[{"id":"s","when":{"any":["sessions >= 2"]}}]}"#),
            published("3"),
        ];
        let book = book(&rows);
        let (mut bytes, mut again) = (Vec::new(), Vec::new());
        book.encode(&mut bytes);
        let back = Rulebook::decode(&bytes).unwrap();
        back.encode(&mut again);
        assert_eq!(bytes, again);
        assert_eq!(back.zone(ACME, EventId(2)).name(), "Europe/Berlin");
        assert_eq!([3, 4].map(|id| back.tenant(ACME).unwrap().generation(LeaderboardId(id))), [1, 0]);
        assert_eq!(back.rules(ACME).unwrap().segments, book.rules(ACME).unwrap().segments);
        assert!(back.tenant(ACME).unwrap().item_of_session(EventId(1), SessionId(4)).is_some());
        assert_eq!(back.registered().count(), 1);
    }
}
