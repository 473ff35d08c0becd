//! From what a document wishes to the facts that are missing. Pure: same document, same standing, same commands.

use std::sync::Arc;

use records::{Fact, FactRow, OrganizationId, Timestamp};

use super::standing::{About, Standing};
use super::{aggregate_of_event, aggregate_of_organization};
use crate::document::{Document, Event, Key, Organization, make_secret};

/// One command: the facts of one aggregate, appended as one frame.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Command {
    /// The hash that decides the partition.
    pub(crate) aggregate: u64,
    /// The facts, never none.
    pub(crate) rows: Vec<FactRow>,
}

/// A key that was made, to be shown once.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(crate) struct Made {
    /// The organization.
    pub(crate) organization: OrganizationId,
    /// The key's name.
    pub(crate) name: String,
    /// The key itself.
    pub(crate) secret: String,
}

/// The commands after which everything that the document says stands, and the keys that were made for it.
pub(crate) fn commands(document: &Document, standing: &Standing, now: Timestamp) -> (Vec<Command>, Vec<Made>) {
    let mut made = Vec::new();
    let mut commands = Vec::new();
    for organization in &document.organizations {
        let mut facts =
            vec![Fact::OrganizationRegistered { name: organization.name.clone(), zone: organization.zone.clone() }];
        facts.extend(organization.keys.iter().filter_map(|key| wished_key(organization.id, key, standing, &mut made)));
        facts.extend(organization.rules.iter().map(|rules| Fact::RulesPublished { document: Arc::new(rules.clone()) }));
        commands.push((organization.id, aggregate_of_organization(organization.id), facts));
        for event in &organization.events {
            let aggregate = aggregate_of_event(organization.id, event.id);
            commands.push((organization.id, aggregate, wished_event(organization, event)));
        }
    }
    let missing = |(organization, aggregate, facts): (OrganizationId, u64, Vec<Fact>)| {
        let rows: Vec<FactRow> = facts
            .into_iter()
            .filter(|fact| !standing.has(organization, fact))
            .map(|fact| FactRow::new(organization, now, fact))
            .collect();
        (!rows.is_empty()).then_some(Command { aggregate, rows })
    };
    (commands.into_iter().filter_map(missing).collect(), made)
}

/// The commands that append those of `rows` that do not stand yet: one for each aggregate, rows in their order.
pub(crate) fn commands_of(rows: Vec<FactRow>, standing: &Standing) -> Vec<Command> {
    let mut commands: Vec<Command> = Vec::new();
    for row in rows {
        let Some(fact) = row.known().filter(|fact| !standing.has(row.organization, fact)) else { continue };
        let aggregate = match fact {
            Fact::EventScheduled { event, .. } | Fact::ItemListed { event, .. } => {
                aggregate_of_event(row.organization, *event)
            }
            _ => aggregate_of_organization(row.organization),
        };
        match commands.iter_mut().find(|command| command.aggregate == aggregate) {
            Some(command) => command.rows.push(row),
            None => commands.push(Command { aggregate, rows: vec![row] }),
        }
    }
    commands
}

fn wished_key(organization: OrganizationId, key: &Key, standing: &Standing, made: &mut Vec<Made>) -> Option<Fact> {
    let stands = standing.fact(organization, About::Key(key.name.clone()));
    if key.revoked {
        // Revoking what is not there would be a fact about nothing.
        return stands.map(|_| Fact::KeyRevoked { key: key.name.clone() });
    }
    let hash = match (&key.hash, stands) {
        (Some(hash), _) => hash.to_lowercase(),
        (None, Some(Fact::KeyAdded { hash, .. })) => hash.clone(),
        (None, _) => {
            let secret = make_secret();
            let hash = api::keys::hash_text(&secret);
            made.push(Made { organization, name: key.name.clone(), secret });
            hash
        }
    };
    let mut scopes = key.scopes.clone();
    scopes.sort_unstable();
    scopes.dedup();
    Some(Fact::KeyAdded { key: key.name.clone(), hash, scopes })
}

fn wished_event(organization: &Organization, event: &Event) -> Vec<Fact> {
    let mut facts = vec![Fact::EventScheduled {
        event: event.id,
        title: event.title.clone(),
        zone: event.zone.clone().unwrap_or_else(|| organization.zone.clone()),
        starts: event.starts.0,
        ends: event.ends.0,
    }];
    facts.extend(event.items.iter().map(|item| Fact::ItemListed {
        event: event.id,
        item: item.id,
        session: item.session,
        title: item.title.clone(),
        track: item.track.clone(),
        starts: item.starts.map(|at| at.0),
        ends: item.ends.map(|at| at.0),
        capacity: item.capacity,
    }));
    facts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document(keys: serde_json::Value) -> Document {
        serde_json::from_value(serde_json::json!({"organization": [{"id": "acme", "name": "Acme", "key": keys}]}))
            .unwrap()
    }

    fn applied(document: &Document, standing: &mut Standing) -> Vec<Made> {
        let (commands, made) = commands(document, standing, Timestamp(1));
        commands.iter().flat_map(|command| &command.rows).for_each(|row| standing.apply(row));
        made
    }

    #[test]
    fn a_key_without_a_secret_is_made_once() {
        let mut standing = Standing::default();
        let wish = document(serde_json::json!([{"name": "web", "scopes": ["write"]}]));
        assert_eq!(applied(&wish, &mut standing).len(), 1);
        assert_eq!(applied(&wish, &mut standing), []);
        // Other scopes keep the secret.
        let wish = document(serde_json::json!([{"name": "web", "scopes": ["read", "write", "read"]}]));
        assert_eq!(applied(&wish, &mut standing), []);
        let (none, _) = commands(&wish, &standing, Timestamp(2));
        assert_eq!(none, []);
    }

    #[test]
    fn revoking_twice_is_one_fact() {
        let mut standing = Standing::default();
        applied(&document(serde_json::json!([{"name": "web", "scopes": ["write"]}])), &mut standing);
        let wish = document(serde_json::json!([{"name": "web", "revoked": true}]));
        let (first, _) = commands(&wish, &standing, Timestamp(2));
        assert!(matches!(first[0].rows[0].known(), Some(Fact::KeyRevoked { .. })));
        applied(&wish, &mut standing);
        assert_eq!(commands(&wish, &standing, Timestamp(3)).0, []);
    }
}
