//! The questions: next for this visitor, what else visitors of an item looked at.

use models::visits::{Query, Visit};
use records::{EventId, ItemId, OrganizationId, Text, Timestamp};
use serde::Serialize;

use super::fold::{ItemKey, Recommend, VisitorKey};

/// The visits that "popular now" looks at: enough to be stable, few enough to be quick and of today.
const POPULAR_VISITS: usize = 2_000;
/// The most items of one answer.
const LIMIT_MAX: usize = 100;

/// An item by its id and, when it was listed, its title.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct ItemName {
    /// The item.
    pub item: ItemId,
    /// What people call it; empty when nobody listed it.
    #[serde(skip_serializing_if = "str::is_empty")]
    pub title: Text,
}

/// One recommendation.
#[derive(Debug, Clone, PartialEq, Serialize, schemars::JsonSchema)]
pub struct Suggestion {
    /// What.
    #[serde(flatten)]
    pub item: ItemName,
    /// How strongly; comparable within one answer only, 0 for what is merely popular.
    pub score: f64,
    /// The viewed item that speaks most for it; none for what is merely popular.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub because: Option<ItemName>,
    /// The reason, for people.
    pub reason: String,
}

/// What a visitor may want next.
#[derive(Debug, Clone, PartialEq, Serialize, schemars::JsonSchema)]
pub struct Next {
    /// What they viewed in their latest visit, the last one last.
    pub viewed: Vec<ItemName>,
    /// When they were last seen, by event time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_seen: Option<Timestamp>,
    /// Best first.
    pub next: Vec<Suggestion>,
}

impl Recommend {
    /// Answers "next for this visitor" as of `now` (the log time that the answer reflects): what similar recent visits
    /// went on to, then what is popular. Ended and full items are left out.
    pub fn next(&self, key: VisitorKey, now: Timestamp, limit: usize) -> Next {
        let limit = limit.min(LIMIT_MAX);
        let current = self.visitors.get(key);
        let viewed: Vec<ItemKey> =
            current.map_or_else(Vec::new, |current| self.index.items_of(current.visit).collect());
        let population = self.populations.get(&key.scope()).copied().unwrap_or(0);
        let query = Query { limit, population, ..Query::default() };
        let found = self.index.next(&viewed, &query, |item| self.open_at(item, now));
        let mut next: Vec<Suggestion> = found
            .into_iter()
            .map(|found| {
                let because = self.name(found.because);
                let reason = format!("because you viewed {}", shown(&because));
                Suggestion { item: self.name(found.item), score: found.score, because: Some(because), reason }
            })
            .collect();
        if next.len() < limit {
            let fresh = |item: ItemKey| {
                let listed = next.iter().any(|suggestion| suggestion.item.item == item.item);
                self.open_at(item, now) && !viewed.contains(&item) && !listed
            };
            let popular = self.index.popular(key.scope(), POPULAR_VISITS, limit - next.len(), fresh);
            next.extend(popular.into_iter().map(|(item, visits)| {
                let reason = format!("popular now: in {visits} recent visits");
                Suggestion { item: self.name(item), score: 0.0, because: None, reason }
            }));
        }
        let viewed = viewed.into_iter().map(|item| self.name(item)).collect();
        Next { viewed, last_seen: current.map(|current| current.last), next }
    }

    /// The items that recent visits with this one held most often, with in how many of them.
    pub fn also_viewed(
        &self,
        organization: OrganizationId,
        event: EventId,
        item: ItemId,
        now: Timestamp,
        limit: usize,
    ) -> Vec<(ItemName, u32)> {
        let key = ItemKey { organization, event, item };
        let found = self.index.also(key, limit.min(LIMIT_MAX), |item| self.open_at(item, now));
        found.into_iter().map(|(item, visits)| (self.name(item), visits)).collect()
    }

    /// The number of the visit that a visitor is in, or was in last.
    pub fn visit_of(&self, key: VisitorKey) -> Option<Visit> {
        self.visitors.get(key).map(|current| current.visit).filter(|visit| self.index.knows(*visit))
    }

    /// How many visits are indexed.
    pub fn visits(&self) -> usize {
        self.index.len()
    }

    /// Whether an item may be recommended: it has not ended, and there is a place.
    fn open_at(&self, item: ItemKey, now: Timestamp) -> bool {
        let Some(listing) = self.listings.get(&item) else { return true };
        listing.ends.is_none_or(|ends| ends > now) && !listing.full()
    }

    fn name(&self, item: ItemKey) -> ItemName {
        let title = self.listings.get(&item).map_or(Text::NONE, |listing| listing.title.clone());
        ItemName { item: item.item, title }
    }
}

fn shown(name: &ItemName) -> String {
    if name.title.is_some() { name.title.as_str().to_owned() } else { name.item.to_string() }
}
