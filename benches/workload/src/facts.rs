//! What a conference applies before its first record: the organization, the event, what is on, and the rules.

use std::sync::Arc;

use records::{Fact, FactRow, SessionId, Span, Text, Zone};

use crate::conference::{Conference, Scale};

/// The committed rules of the simulated conference: points, leaderboards, fraud, segments, campaigns, funnels.
const RULES: &str = include_str!("../rules.toml");

/// The rules document of the simulated conference, as `eventra apply` reads it.
pub fn rules_document() -> serde_json::Value {
    toml::from_str(RULES).expect("the committed rules are TOML; a test reads them")
}

pub(crate) fn facts(conference: &Conference) -> Vec<FactRow> {
    let zone = Zone::parse(Scale::ZONE).expect("the zone is in the bundled database");
    let organization = conference.organization();
    let at = conference.begins() - Span::HOUR;
    let row = |fact| FactRow::new(organization, at, fact);
    let mut rows = vec![
        row(Fact::OrganizationRegistered { name: "Summit Series".into(), zone: zone.clone() }),
        row(Fact::EventScheduled {
            event: conference.event(),
            title: format!("Summit {}", 2026 + conference.scale.edition),
            zone,
            starts: conference.scale.opens,
            ends: conference.ends(),
        }),
        row(Fact::RulesPublished { document: Arc::new(rules_document()) }),
    ];
    rows.extend(sessions(conference).map(&row));
    rows.extend(products(conference).map(&row));
    rows
}

fn sessions(conference: &Conference) -> impl Iterator<Item = Fact> {
    conference.agenda.sessions.iter().map(|session| Fact::ItemListed {
        event: conference.agenda.event,
        item: session.item,
        session: session.session,
        title: session.title.clone(),
        track: session.track.clone(),
        starts: Some(session.starts),
        ends: Some(session.ends),
        capacity: Some(session.capacity),
    })
}

fn products(conference: &Conference) -> impl Iterator<Item = Fact> {
    let words = &conference.words;
    let listed = |category: Text| {
        move |product: &crate::words::Product| Fact::ItemListed {
            event: conference.agenda.event,
            item: product.item,
            session: SessionId::NONE,
            title: product.title.clone(),
            track: category.clone(),
            starts: None,
            ends: None,
            capacity: None,
        }
    };
    let tickets = words.tickets.iter().map(listed(words.ticket_category.clone()));
    tickets.chain(words.shop.iter().map(listed(words.shop_category.clone())))
}
