//! What has been decided and still stands: a fold of the facts, so that the same wish twice changes nothing.

use std::collections::BTreeMap;

use records::{EventId, Fact, FactRow, ItemId, OrganizationId, SessionId};

/// What a fact is about, within its organization; a later fact about the same replaces it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum About {
    /// The organization itself.
    Organization,
    /// A key by name.
    Key(String),
    /// An event.
    Event(EventId),
    /// An item of an event.
    Item(EventId, ItemId),
    /// The rules.
    Rules,
}

/// The newest fact about each thing.
#[derive(Debug, Default)]
pub(crate) struct Standing {
    facts: BTreeMap<(OrganizationId, About), Fact>,
}

impl Standing {
    /// Applies one fact.
    pub(crate) fn apply(&mut self, row: &FactRow) {
        let Some(fact) = row.known() else { return };
        if let Fact::KeyRevoked { key } = fact {
            self.facts.remove(&(row.organization, About::Key(key.clone())));
        }
        if let Some(about) = about(fact) {
            self.facts.insert((row.organization, about), fact.clone());
        }
    }

    /// The fact that stands about something.
    pub(crate) fn fact(&self, organization: OrganizationId, about: About) -> Option<&Fact> {
        self.facts.get(&(organization, about))
    }

    /// Whether the fact says nothing new.
    pub(crate) fn has(&self, organization: OrganizationId, fact: &Fact) -> bool {
        about(fact).is_some_and(|about| self.fact(organization, about) == Some(fact))
    }

    /// Whether an organization was registered.
    pub(crate) fn has_organization(&self, organization: OrganizationId) -> bool {
        self.fact(organization, About::Organization).is_some()
    }

    /// Every organization, with its name.
    pub(crate) fn organizations(&self) -> Vec<(OrganizationId, String)> {
        self.facts
            .values()
            .zip(self.facts.keys())
            .filter_map(|(fact, (organization, _))| match fact {
                Fact::OrganizationRegistered { name, .. } => Some((*organization, name.clone())),
                _ => None,
            })
            .collect()
    }

    /// Every event, with its title.
    pub(crate) fn events(&self) -> Vec<(OrganizationId, EventId, String)> {
        let events = self.facts.iter().filter_map(|((organization, _), fact)| match fact {
            Fact::EventScheduled { event, title, .. } => Some((*organization, *event, title.clone())),
            _ => None,
        });
        events.collect()
    }

    /// What people call a session, when it was listed.
    pub(crate) fn session_title(
        &self,
        organization: OrganizationId,
        event: EventId,
        session: SessionId,
    ) -> Option<String> {
        let first = (organization, About::Item(event, ItemId(0)));
        let items = self
            .facts
            .range(first..)
            .take_while(|((of, about), _)| *of == organization && matches!(about, About::Item(at, _) if *at == event));
        items
            .filter_map(|(_, fact)| match fact {
                Fact::ItemListed { session: listed, title, .. } if *listed == session => Some(title.clone()),
                _ => None,
            })
            .next()
    }

    /// Titles of events, for tests.
    #[cfg(test)]
    pub(crate) fn event_titles(&self) -> Vec<&str> {
        let titles = self.facts.values().filter_map(|fact| match fact {
            Fact::EventScheduled { title, .. } => Some(title.as_str()),
            _ => None,
        });
        titles.collect()
    }
}

fn about(fact: &Fact) -> Option<About> {
    match fact {
        Fact::OrganizationRegistered { .. } => Some(About::Organization),
        Fact::KeyAdded { key, .. } => Some(About::Key(key.clone())),
        Fact::EventScheduled { event, .. } => Some(About::Event(*event)),
        Fact::ItemListed { event, item, .. } => Some(About::Item(*event, *item)),
        Fact::RulesPublished { .. } => Some(About::Rules),
        _ => None,
    }
}
