//! Routes views of items to the index of their event, listings and taken places to what may be recommended.

use std::sync::Arc;

use records::{Batch, EventId, Fact, Flags, ItemId, Kind, OrganizationId, Text, Token};
use rules::{Lateness, Tenant};
use views::recommend::{Place, Recommend, RecommendInput};
use views::state::Fold;

use crate::frame::{Emit, Sequenced};

/// Answers that give a place back, or never took one.
const WITHDRAWN: [&str; 6] = ["no", "cancelled", "canceled", "withdrawn", "waitlist", "declined"];

/// Sends each view, listing and place to the bin of its event.
pub fn route(frame: &Sequenced, emit: &mut Emit<RecommendInput>) {
    let Some(batch) = frame.batch() else { return listings(frame, emit) };
    let mut known = Known::of(frame, OrganizationId::NONE);
    for row in frame.rows() {
        let at = row as usize;
        let kind = batch.kind(at);
        let (views, place) = meaning(kind);
        if !views && place.is_none() {
            continue;
        }
        let organization = batch.organization(at);
        if organization != known.organization {
            known = Known::of(frame, organization);
        }
        let Some(item) = known.item(batch, at) else { continue };
        let event = batch.event(at);
        let hash = Recommend::hash(organization, event);
        if let Some((place, taken)) = place
            && known.is_limited(event, item)
            && batch.actor(at).is_some()
        {
            let taken = taken && !(kind == Kind::RegistrationReported && WITHDRAWN.contains(&&*batch.choice(at)));
            let actor = batch.actor(at);
            emit.to(hash, row, RecommendInput::Place { organization, event, item, actor, place, taken });
        }
        // Robots are marked, not blocked; what they look at says nothing about what people want next.
        let countable = !batch.flags(at).has(Flags::BOT) && !known.lateness.excludes(batch.late_by(at));
        if views
            && countable
            && let Some(visitor) = visitor(batch, at)
        {
            let time = batch.event_time(at);
            emit.to(hash, row, RecommendInput::Viewed { organization, event, visitor, item, time });
        }
    }
}

/// Whether a kind is a view, and which place it takes (or frees).
fn meaning(kind: Kind) -> (bool, Option<(Place, bool)>) {
    match kind {
        Kind::ItemViewed | Kind::ItemCarted | Kind::ItemFavored | Kind::OfferClicked | Kind::OrderReported => {
            (true, None)
        }
        Kind::SessionJoined => (true, Some((Place::Present, true))),
        Kind::SessionLeft => (false, Some((Place::Present, false))),
        Kind::RegistrationReported => (false, Some((Place::Registered, true))),
        _ => (false, None),
    }
}

fn visitor(batch: &Batch, at: usize) -> Option<Token> {
    [batch.actor(at), batch.visit(at), batch.device(at)].into_iter().find(|token| token.is_some())
}

fn listings(frame: &Sequenced, emit: &mut Emit<RecommendInput>) {
    for (row, fact) in frame.counted_facts() {
        let organization = fact.organization;
        if let Some(Fact::ItemListed { event, item, title, ends, capacity, .. }) = fact.known() {
            let (event, item, title) = (*event, *item, Text::new(title));
            let (ends, capacity) = (*ends, *capacity);
            let input = RecommendInput::Listed { organization, event, item, title, ends, capacity };
            emit.to(Recommend::hash(organization, event), row, input);
        }
    }
}

/// What facts say about the organization of the rows at hand.
struct Known {
    organization: OrganizationId,
    tenant: Option<Arc<Tenant>>,
    lateness: Lateness,
}

impl Known {
    fn of(frame: &Sequenced, organization: OrganizationId) -> Self {
        let tenant = frame.rulebook.tenant(organization).map(Arc::clone);
        Self { organization, tenant, lateness: frame.rulebook.lateness(organization, Recommend::NAME) }
    }

    /// The item of a record; a session stands for the item that it was listed as, or for itself.
    fn item(&self, batch: &Batch, at: usize) -> Option<ItemId> {
        let (item, session) = (batch.item(at), batch.session(at));
        if item.is_some() || !session.is_some() {
            return Some(item).filter(|item| item.is_some());
        }
        let listed = self.tenant.as_ref().and_then(|tenant| tenant.item_of_session(batch.event(at), session));
        Some(listed.unwrap_or(ItemId(session.0)))
    }

    fn is_limited(&self, event: EventId, item: ItemId) -> bool {
        let listed = self.tenant.as_ref().and_then(|tenant| tenant.item(event, item));
        listed.is_some_and(|item| item.capacity.is_some())
    }
}

#[cfg(test)]
mod tests {
    use records::{FactRow, Record, SessionId, Timestamp};
    use rules::Rulebook;

    use super::*;

    const ACME: OrganizationId = OrganizationId(1);

    fn talk() -> FactRow {
        let fact = Fact::ItemListed {
            event: EventId(2),
            item: ItemId(3),
            session: SessionId(4),
            title: "Talk".into(),
            track: Text::NONE,
            starts: None,
            ends: None,
            capacity: Some(10),
        };
        FactRow::new(ACME, Timestamp(0), fact)
    }

    fn record(kind: Kind) -> Record {
        Record { organization: ACME, event: EventId(2), actor: Token(7), session: SessionId(4), ..Record::new(kind) }
    }

    fn sent(frame: &Sequenced) -> Vec<String> {
        let mut emit = Emit::default();
        route(frame, &mut emit);
        let words = emit.sent().map(|(_, row, input)| match input {
            RecommendInput::Viewed { item, visitor, .. } => format!("{row} view {} {}", item.0, visitor.0),
            RecommendInput::Listed { item, title, .. } => format!("{row} list {} {title}", item.0),
            RecommendInput::Place { item, taken, place, .. } => format!("{row} {place:?} {} {taken}", item.0),
        });
        words.collect()
    }

    #[test]
    fn sessions_stand_for_their_items() {
        let mut book = Rulebook::default();
        book.apply(&talk());
        let records = [
            record(Kind::SessionJoined),
            record(Kind::SessionLeft),
            Record { choice: "no".into(), ..record(Kind::RegistrationReported) },
            Record { flags: Flags::BOT, ..record(Kind::ItemViewed) },
            Record { item: ItemId(9), actor: Token::NONE, visit: Token(8), ..record(Kind::ItemCarted) },
            record(Kind::Page),
        ];
        let frame = Sequenced::of_batch(Batch::from_records(&records), Timestamp(5), Arc::new(book));
        assert_eq!(
            sent(&frame),
            ["0 Present 3 true", "0 view 3 7", "1 Present 3 false", "2 Registered 3 false", "4 view 9 8"]
        );
    }

    #[test]
    fn listings_come_from_facts() {
        assert_eq!(sent(&Sequenced::of_facts(vec![talk()], Timestamp(5), Arc::default())), ["0 list 3 Talk"]);
    }
}
