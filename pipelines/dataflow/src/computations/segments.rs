//! Routes records to their visitor's profile, and published segments to every bin.

use records::hash::BINS;
use records::{Currency, Fact, Kind, OrganizationId, SessionId};
use rules::Lateness;
use views::segments::{Seen, SegmentInput, Segments};
use views::state::Fold;

use crate::frame::{Emit, Sequenced};

/// Sends each record of somebody to their bin, when the organization has segments.
pub fn route(frame: &Sequenced, emit: &mut Emit<SegmentInput>) {
    let Some(batch) = frame.batch() else { return publish(frame, emit) };
    let mut known = Known::of(frame, OrganizationId::NONE);
    for row in frame.rows() {
        let at = row as usize;
        let organization = batch.organization(at);
        if organization != known.organization {
            known = Known::of(frame, organization);
        }
        let (kind, actor) = (batch.kind(at), batch.actor(at));
        if !known.segments || !actor.is_some() || !kind.is_activity() || known.lateness.excludes(batch.late_by(at)) {
            continue;
        }
        let paid = kind == Kind::OrderReported;
        let seen = Seen {
            kind,
            country: batch.country(at),
            category: batch.category(at),
            joined: if kind == Kind::SessionJoined { batch.session(at) } else { SessionId::NONE },
            paid: if paid { batch.amount_minor(at) } else { 0 },
            currency: if paid { batch.currency(at) } else { Currency::NONE },
        };
        emit.to(Segments::hash(organization, actor), row, SegmentInput::Seen { organization, actor, seen });
    }
}

/// Every bin holds profiles of every organization, so every bin gets its new segments.
fn publish(frame: &Sequenced, emit: &mut Emit<SegmentInput>) {
    for (row, fact) in frame.counted_facts() {
        let Some(Fact::RulesPublished { .. }) = fact.known() else { continue };
        let organization = fact.organization;
        let Some(rules) = frame.rulebook.rules(organization) else { continue };
        for bin in 0..BINS as u64 {
            emit.to(bin << 56, row, SegmentInput::Rules { organization, plan: rules.segments.clone() });
        }
    }
}

/// What the rules say about the organization of the rows at hand.
struct Known {
    organization: OrganizationId,
    segments: bool,
    lateness: Lateness,
}

impl Known {
    fn of(frame: &Sequenced, organization: OrganizationId) -> Self {
        let segments = frame.rulebook.rules(organization).is_some_and(|rules| !rules.segments.is_empty());
        Self { organization, segments, lateness: frame.rulebook.lateness(organization, Segments::NAME) }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use records::{Batch, FactRow, Record, Timestamp, Token};
    use rules::Rulebook;

    use super::*;

    const ACME: OrganizationId = OrganizationId(1);

    #[test]
    fn rules_go_to_every_bin_and_records_to_one() {
        let document = serde_json::json!({"format": 1, "segments": [{"id": "s", "when": "sessions >= 1"}]});
        let fact = FactRow::new(ACME, Timestamp(0), Fact::RulesPublished { document: Arc::new(document) });
        let mut book = Rulebook::default();
        book.apply(&fact);
        let book = Arc::new(book);

        let mut emit = Emit::default();
        route(&Sequenced::of_facts(vec![fact], Timestamp(5), Arc::clone(&book)), &mut emit);
        let bins: Vec<u8> = emit.sent().map(|(bin, ..)| bin).collect();
        assert_eq!(bins, (0..=255).collect::<Vec<u8>>());

        let join =
            Record { organization: ACME, actor: Token(4), session: SessionId(5), ..Record::new(Kind::SessionJoined) };
        let records = [
            join.clone(),
            Record { actor: Token::NONE, ..join.clone() },
            Record { organization: OrganizationId(2), ..join.clone() },
            Record { kind: Kind::ReplayWatermarked, ..join },
        ];
        let mut emit = Emit::default();
        route(&Sequenced::of_batch(Batch::from_records(&records), Timestamp(5), book), &mut emit);
        let rows: Vec<u32> = emit.sent().map(|(_, row, _)| row).collect();
        assert_eq!(rows, [0]);
    }
}
