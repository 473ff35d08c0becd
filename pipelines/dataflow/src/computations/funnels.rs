//! Routes records that stand for steps of funnels.

use std::sync::Arc;

use records::OrganizationId;
use rules::Tenant;
use views::funnels::{FunnelKey, Input};

use super::points::track;
use crate::frame::{Emit, Sequenced};

/// Sends one input for each record and funnel that it has steps of. Late records count as any other.
pub fn route(frame: &Sequenced, emit: &mut Emit<Input>) {
    let Some(batch) = frame.batch() else { return };
    let mut tenant: (OrganizationId, Option<&Arc<Tenant>>) = (OrganizationId::NONE, None);
    for row in frame.rows() {
        let at = row as usize;
        let (organization, kind) = (batch.organization(at), batch.kind(at));
        if organization != tenant.0 {
            tenant = (organization, frame.rulebook.tenant(organization));
        }
        let Some(known) = tenant.1.filter(|known| known.rules.funnels.hears(kind)) else { continue };
        let (actor, event, time) = (batch.actor(at), batch.event(at), batch.event_time(at));
        if !actor.is_some() {
            continue;
        }
        let name = batch.name(at);
        let category = track(known, event, batch.session(at), batch.category(at));
        for (funnel, definition) in known.rules.funnels.defined() {
            let steps = funnel.steps_of(kind, &name, &category);
            if steps != 0 {
                let key = FunnelKey { organization, event, funnel: funnel.funnel, definition };
                let input = Input { key, actor, time, steps, within: funnel.within.0 };
                emit.to(input.hash(), row, input);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use records::{Batch, Fact, FactRow, Kind, Record, Timestamp, Token};
    use rules::Rulebook;

    use super::*;

    #[test]
    fn records_are_routed_with_the_steps_that_they_stand_for() {
        let acme = OrganizationId(1);
        let document = serde_json::json!({"format": 1, "funnels": [{"funnel": "buy", "within": "2h", "steps": [
            {"step": "look", "kind": "item_viewed"},
            {"step": "look twice", "kind": "item_viewed", "category": "books"},
            {"step": "pay", "kind": "order_reported"},
        ]}]});
        let mut book = Rulebook::default();
        book.apply(&FactRow::new(acme, Timestamp(0), Fact::RulesPublished { document: Arc::new(document) }));
        let definition = book.rules(acme).unwrap().funnels.funnels()[0].definition();
        let record = |kind| Record { organization: acme, actor: Token(5), ..Record::new(kind) };
        let records = [
            record(Kind::ItemViewed),
            Record { category: "books".into(), ..record(Kind::ItemViewed) },
            record(Kind::Page),
            Record { actor: Token::NONE, ..record(Kind::OrderReported) },
            record(Kind::OrderReported),
        ];
        let mut emit = Emit::default();
        route(&Sequenced::of_batch(Batch::from_records(&records), Timestamp(9), Arc::new(book)), &mut emit);
        let sent: Vec<_> = emit.sent().map(|(_, row, input)| (row, input.steps, input.key.definition)).collect();
        let mut sorted = sent.clone();
        sorted.sort_unstable();
        assert_eq!(sorted, [(0, 0b001, definition), (1, 0b011, definition), (4, 0b100, definition)]);
    }
}
