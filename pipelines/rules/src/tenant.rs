//! What facts say about one organization: its name, events, items and rules.

use std::collections::BTreeMap;
use std::sync::Arc;

use hashbrown::HashMap;
use records::hash::{FixedState, join, wide};
use records::{EventId, ItemId, LeaderboardId, SessionId, Text, Timestamp, Zone};
use serde::{Deserialize, Serialize};

use crate::campaign::CampaignPlan;
use crate::document::RuleDocument;
use crate::fraud::FraudPlan;
use crate::funnel::FunnelRules;
use crate::points::PointsRules;
use crate::segment::SegmentPlan;

/// Items are kept in this many tables, so that a change copies one of them and not all.
const ITEM_TABLES: usize = 64;

/// An event as it was last announced.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// What people call it.
    pub title: String,
    /// The zone in which its days turn.
    pub zone: Zone,
    /// When it begins.
    pub starts: Timestamp,
    /// When it is over.
    pub ends: Timestamp,
}

/// An item as it was last listed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Item {
    /// The session, when it is one.
    pub session: SessionId,
    /// What people call it.
    pub title: String,
    /// Its track or category.
    pub track: Text,
    /// When it begins, for things that do.
    pub starts: Option<Timestamp>,
    /// When it is over.
    pub ends: Option<Timestamp>,
    /// How many fit.
    pub capacity: Option<u32>,
}

/// The rules of an organization, ready to be worked with.
#[derive(Debug, Clone, Default)]
pub struct Ruleset {
    /// How many documents were published so far; 0 before the first.
    pub version: u32,
    /// The version of the document in force, which plans, scores and rows name.
    pub in_force: u32,
    /// The newest document that this build can read.
    pub document: RuleDocument,
    /// Why the newest document is not the one in force; the previous one stays in force.
    pub refused: Option<String>,
    /// Leaderboards.
    pub points: Arc<PointsRules>,
    /// Funnels.
    pub funnels: Arc<FunnelRules>,
    /// Fraud rules.
    pub fraud: Arc<FraudPlan>,
    /// Segments.
    pub segments: Arc<SegmentPlan>,
    /// Ads by campaign.
    pub campaigns: Arc<CampaignPlan>,
}

type ItemTable = HashMap<(EventId, ItemId), Arc<Item>, FixedState>;
type SessionTable = HashMap<(EventId, SessionId), ItemId, FixedState>;

/// One organization.
#[derive(Debug, Clone)]
pub struct Tenant {
    /// Whether it was registered; otherwise something else was said of it only.
    pub registered: bool,
    /// What people call it.
    pub name: String,
    /// The zone in which its days turn unless an event has its own.
    pub zone: Zone,
    /// Its rules.
    pub rules: Arc<Ruleset>,
    // How often each leaderboard was reset.
    pub(crate) resets: BTreeMap<LeaderboardId, u32>,
    pub(crate) events: Arc<HashMap<EventId, Event, FixedState>>,
    pub(crate) items: Vec<Arc<ItemTable>>,
    pub(crate) sessions: Vec<Arc<SessionTable>>,
}

impl Default for Tenant {
    fn default() -> Self {
        Self {
            registered: false,
            name: String::new(),
            zone: Zone::utc(),
            rules: Arc::default(),
            resets: BTreeMap::new(),
            events: Arc::default(),
            items: vec![Arc::default(); ITEM_TABLES],
            sessions: vec![Arc::default(); ITEM_TABLES],
        }
    }
}

fn table(event: EventId, thing: u128) -> usize {
    join(wide(event.0), wide(thing)) as usize % ITEM_TABLES
}

impl Ruleset {
    /// The next version: `document` comes into force if it is readable and sound, else the old rules stay.
    pub(crate) fn publish(&self, document: &serde_json::Value) -> Self {
        let version = self.version + 1;
        let refuse = |why: String| Self { version, refused: Some(why), ..self.clone() };
        match RuleDocument::from_value(document) {
            Err(error) => refuse(error.to_string()),
            Ok(document) => match document.validate().into_iter().next() {
                Some(fault) => refuse(format!("{}: {}", fault.field, fault.message)),
                None => Self::new(version, document),
            },
        }
    }

    /// A sound document, ready to be worked with; parts that are not sound are left out.
    pub fn new(version: u32, document: RuleDocument) -> Self {
        Self {
            version,
            in_force: version,
            refused: None,
            points: Arc::new(PointsRules::new(document.leaderboards.clone()).unwrap_or_default()),
            funnels: Arc::new(FunnelRules::new(document.funnels.clone()).unwrap_or_default()),
            fraud: Arc::new(FraudPlan::new(version, &document.fraud)),
            segments: Arc::new(SegmentPlan::new(version, &document.segments)),
            campaigns: Arc::new(CampaignPlan::new(&document.campaigns)),
            document,
        }
    }
}

impl Tenant {
    /// How often a leaderboard was reset: the generation of its boards.
    pub fn generation(&self, leaderboard: LeaderboardId) -> u32 {
        self.resets.get(&leaderboard).copied().unwrap_or(0)
    }

    /// An event.
    pub fn event(&self, event: EventId) -> Option<&Event> {
        self.events.get(&event)
    }

    /// Its events by id.
    pub fn events(&self) -> Vec<(EventId, &Event)> {
        let mut events: Vec<_> = self.events.iter().map(|(id, event)| (*id, event)).collect();
        events.sort_unstable_by_key(|(id, _)| *id);
        events
    }

    /// The zone in which days turn for an event, or without one.
    pub fn zone_of(&self, event: EventId) -> &Zone {
        self.event(event).map_or(&self.zone, |event| &event.zone)
    }

    /// An item of an event.
    #[inline]
    pub fn item(&self, event: EventId, item: ItemId) -> Option<&Arc<Item>> {
        self.items[table(event, item.0)].get(&(event, item))
    }

    /// The item that stands for a session, when one was listed.
    #[inline]
    pub fn item_of_session(&self, event: EventId, session: SessionId) -> Option<ItemId> {
        self.sessions[table(event, session.0)].get(&(event, session)).copied()
    }

    /// Its items by event and id.
    pub fn items(&self) -> Vec<(EventId, ItemId, &Arc<Item>)> {
        let mut items: Vec<_> =
            self.items.iter().flat_map(|table| table.iter()).map(|((event, id), item)| (*event, *id, item)).collect();
        items.sort_unstable_by_key(|(event, id, _)| (*event, *id));
        items
    }

    pub(crate) fn list(&mut self, event: EventId, id: ItemId, item: Item) {
        let at = table(event, id.0);
        if let Some(old) = self.items[at].get(&(event, id)).map(|old| old.session)
            && old.is_some()
            && old != item.session
        {
            Arc::make_mut(&mut self.sessions[table(event, old.0)]).remove(&(event, old));
        }
        if item.session.is_some() {
            let sessions = &mut self.sessions[table(event, item.session.0)];
            Arc::make_mut(sessions).insert((event, item.session), id);
        }
        Arc::make_mut(&mut self.items[at]).insert((event, id), Arc::new(item));
    }
}
