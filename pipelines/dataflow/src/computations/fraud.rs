//! Routes records, and orders and payments of box offices, to the fraud signals of the accounts, devices, cards and addresses
//! that they name.

use std::sync::Arc;

use records::booking::{BookingFact, PaymentStatus};
use records::kind::Origin;
use records::{Batch, Fact, FactRow, Flags, Kind, OrganizationId, Record, Token};
use rules::Lateness;
use rules::fraud::{ABSENT, FraudPlan};
use rules::signal::{Entity, Signal};
use views::fraud::{Scored, SignalInput, Touch};

use crate::frame::{Emit, Sequenced};

/// Sends a touch to each entity that the organization's rules ask about. Records of kinds that no rule counts or scores
/// cost one look at their kind.
pub fn route(frame: &Sequenced, emit: &mut Emit<SignalInput>) {
    match frame.batch() {
        Some(batch) => rows(frame, batch, frame.rows().map(|row| (row, row as usize)), emit),
        None => {
            let (places, records): (Vec<u32>, Vec<Record>) =
                frame.counted_facts().filter_map(|(row, fact)| Some((row, booked(fact)?))).unzip();
            if !records.is_empty() {
                let batch = Batch::from_records(&records);
                rows(frame, &batch, places.into_iter().zip(0..), emit);
            }
        }
    }
}

/// What a fact of a box office is among records: a buyer's order, or what came of a payment.
fn booked(row: &FactRow) -> Option<Record> {
    let Some(Fact::Booking(fact)) = row.known() else { return None };
    let record = match fact {
        BookingFact::OrderPlaced { order, person, total, currency, .. } => Record {
            order: *order,
            actor: *person,
            amount_minor: *total,
            currency: *currency,
            ..Record::new(Kind::OrderPlaced)
        },
        BookingFact::PaymentObserved { order, person, card, captured, status, entry, .. } => {
            let kind = match status {
                PaymentStatus::Failed => Kind::PaymentFailed,
                PaymentStatus::Authorized | PaymentStatus::Captured => Kind::PaymentTaken,
                PaymentStatus::Created | PaymentStatus::Pending | PaymentStatus::Voided => return None,
            };
            let (actor, currency) = (*person, entry.currency);
            Record { order: *order, actor, card: *card, amount_minor: *captured, currency, ..Record::new(kind) }
        }
        _ => return None,
    };
    Some(Record { organization: row.organization, event: fact.event(), event_time: row.at, ..record })
}

/// Routes rows, each with its place among the columns.
fn rows(frame: &Sequenced, batch: &Batch, places: impl Iterator<Item = (u32, usize)>, emit: &mut Emit<SignalInput>) {
    let mut tenant = Tenant::of(frame, OrganizationId::NONE);
    for (row, at) in places {
        let organization = batch.organization(at);
        if organization != tenant.organization {
            tenant = Tenant::of(frame, organization);
        }
        let Some(plan) = &tenant.plan else { continue };
        let kind = batch.kind(at);
        let named = match kind {
            Kind::OrderReported | Kind::RegistrationReported | Kind::AdClicked | Kind::Identify => true,
            kind => kind.origin() == Origin::Decided,
        };
        if named || plan.every_kind && kind.is_activity() {
            touch(frame, batch, (row, at), &tenant, plan, emit);
        }
    }
}

/// The rules of the organization of the rows at hand.
struct Tenant {
    organization: OrganizationId,
    plan: Option<Arc<FraudPlan>>,
    lateness: Lateness,
}

impl Tenant {
    fn of(frame: &Sequenced, organization: OrganizationId) -> Self {
        let rules = frame.rulebook.rules(organization).filter(|rules| !rules.fraud.is_empty());
        let plan = rules.map(|rules| Arc::clone(&rules.fraud));
        Self { organization, plan, lateness: frame.rulebook.lateness(organization, "fraud") }
    }
}

fn touch(
    frame: &Sequenced,
    batch: &Batch,
    (row, at): (u32, usize),
    tenant: &Tenant,
    plan: &Arc<FraudPlan>,
    emit: &mut Emit<SignalInput>,
) {
    let (organization, kind) = (tenant.organization, batch.kind(at));
    let late_by = batch.late_by(at);
    let actor = batch.actor(at);
    // An anonymous visitor has velocity of its own, but is no second account of a device: it may be the same person.
    let account = if batch.flags(at).has(Flags::ANONYMOUS) { Token::NONE } else { actor };
    let others = [account, batch.device(at), batch.card(at), batch.address(at)];
    let tokens = [actor, others[1], others[2], others[3]];
    let asked = |entity: &Entity| plan.needs[*entity as usize].wanted && tokens[*entity as usize].is_some();
    let scored = plan.scores(kind).then(|| {
        let parts = Entity::ALL.iter().filter(|entity| asked(entity)).count();
        Arc::new(scored(frame, batch, (row, at), tenant, plan, account, parts))
    });
    let (time, amount) = (batch.event_time(at), batch.amount_minor(at));
    for entity in Entity::ALL.into_iter().filter(asked) {
        let token = tokens[entity as usize];
        let touch = Touch {
            organization,
            entity,
            token,
            kind,
            time,
            amount,
            others,
            needs: plan.needs[entity as usize],
            links: plan.rings && entity == Entity::Device,
            counts: !tenant.lateness.excludes(late_by),
            scored: scored.clone(),
        };
        emit.to(Touch::hash(organization, entity, token), row, SignalInput::Touch(Box::new(touch)));
    }
    if let Some(scored) = scored.filter(|scored| scored.parts == 0) {
        emit.to(Touch::hash(organization, Entity::Account, actor), row, SignalInput::Bare(scored));
    }
}

fn scored(
    frame: &Sequenced,
    batch: &Batch,
    (row, at): (u32, usize),
    tenant: &Tenant,
    plan: &Arc<FraudPlan>,
    account: Token,
    parts: usize,
) -> Scored {
    let actor = batch.actor(at);
    let (order, message) = (batch.order(at).0, batch.message(at).0);
    let record = [order, message].into_iter().find(|id| *id != 0).unwrap_or(u128::from(actor.0));
    Scored {
        organization: tenant.organization,
        pos: frame.pos(row),
        kind: batch.kind(at),
        record,
        actor,
        account,
        event_time: batch.event_time(at),
        late: tenant.lateness.is_late(batch.late_by(at)),
        parts: u8::try_from(parts).expect("there are four sorts of entity"),
        values: plan.signals.iter().map(|signal| plain(batch, at, *signal)).collect(),
        plan: Arc::clone(plan),
    }
}

/// What the record itself answers.
fn plain(batch: &Batch, at: usize, signal: Signal) -> i64 {
    match signal {
        Signal::PurchaseMinusSignup => {
            let signup = batch.signup_time(at);
            // No signup time is said with 0, which no account has.
            // Rounded up: 60.2 s are not "at most 60 s".
            let seconds = -signup.since(batch.event_time(at)).seconds();
            if signup.0 == 0 { ABSENT } else { seconds }
        }
        Signal::Amount => batch.amount_minor(at),
        Signal::Quantity => i64::from(batch.quantity(at)),
        Signal::Bot => i64::from(batch.flags(at).has(Flags::BOT)),
        Signal::RingAccounts | Signal::Known(_) | Signal::Velocity { .. } => ABSENT,
    }
}

#[cfg(test)]
mod tests {
    use records::{Fact, FactRow, OrderId, Record, Timestamp};
    use rules::Rulebook;
    use views::fraud::{ScoreKey, Scores, Signals};
    use views::state::{At, Effects, Fold};

    use super::*;

    const ACME: OrganizationId = OrganizationId(1);

    fn book(document: serde_json::Value) -> Arc<Rulebook> {
        let mut book = Rulebook::default();
        book.apply(&FactRow::new(ACME, Timestamp(0), Fact::RulesPublished { document: Arc::new(document) }));
        assert_eq!(book.rules(ACME).and_then(|rules| rules.refused.clone()), None);
        Arc::new(book)
    }

    fn order(id: u128, actor: u64, device: u64, at: i64, signup: i64) -> Record {
        Record {
            organization: ACME,
            order: OrderId(id),
            actor: Token(actor),
            device: Token(device),
            event_time: Timestamp::from_seconds(at),
            signup_time: Timestamp::from_seconds(signup),
            ..Record::new(Kind::OrderReported)
        }
    }

    /// Both folds in one bin each, fed as the dataflow feeds them.
    fn run(records: &[Record], book: Arc<Rulebook>) -> Scores {
        let frame = Sequenced::of_batch(Batch::from_records(records), Timestamp::from_seconds(2_000_000_000), book);
        let mut emit = Emit::default();
        route(&frame, &mut emit);
        let (mut signals, mut scores) = (Signals::default(), Scores::default());
        for (_, row, input) in emit.sent() {
            let (at, mut effects) = (At { pos: frame.pos(row) }, Effects::default());
            signals.apply(at, input, &mut effects);
            effects.next.iter().for_each(|(_, part)| scores.apply(at, part, &mut Effects::default()));
        }
        scores
    }

    #[test]
    fn records_are_scored_over_their_entities() {
        let book = book(serde_json::json!({"format": 1, "fraud": {"rules": [
            {"id": "fast", "on": ["order_reported"], "all": ["purchase_time - signup_time <= 60 s"], "weight": 300,
             "reason": "bought {purchase_minus_signup_s} s after signing up"},
            {"id": "device", "all": ["accounts_on_device_1h >= 3"], "weight": 400,
             "reason": "{accounts_on_device_1h} accounts on the device"},
            {"id": "ring", "all": ["ring_accounts >= 4"], "weight": 500, "reason": "ring of {ring_accounts}"},
        ]}}));
        let second = 1_900_000_000;
        let records = [
            order(1, 11, 5, second, second - 60),
            order(2, 12, 5, second + 1, second - 60),
            order(3, 13, 5, second + 2, 0),
            order(4, 13, 6, second + 3, 0),
            order(5, 14, 6, second + 4, 0),
            Record { organization: ACME, ..Record::new(Kind::Page) },
        ];
        let scores = run(&records, book);
        let found = |id: u128| {
            let score = scores.score(ScoreKey { organization: ACME, record: id }).unwrap();
            (score.score, score.reasons.iter().map(|reason| reason.text.as_str()).collect::<Vec<_>>())
        };
        assert_eq!(found(1), (300, vec!["bought 60 s after signing up"]));
        assert_eq!(found(2), (0, vec![]));
        assert_eq!(found(3), (400, vec!["3 accounts on the device"]));
        assert_eq!(found(4), (0, vec![]));
        assert_eq!(found(5), (500, vec!["ring of 4"]));
        let overview = scores.overview(ACME, 10).unwrap();
        assert_eq!((overview.scored, overview.high, overview.recent.len()), (5, 1, 1));
    }

    #[test]
    fn only_what_rules_ask_for_is_routed() {
        let rules = serde_json::json!({"format": 1, "fraud": {"rules": [
            {"id": "bot", "on": ["ad_clicked"], "all": ["bot = 1"], "weight": 1, "reason": "bot"},
        ]}});
        let records = [
            order(1, 11, 5, 100, 0),
            Record { organization: ACME, actor: Token(3), ..Record::new(Kind::AdClicked) },
            Record { organization: OrganizationId(2), actor: Token(3), ..Record::new(Kind::AdClicked) },
        ];
        let mut emit = Emit::default();
        route(&Sequenced::of_batch(Batch::from_records(&records), Timestamp(5), book(rules)), &mut emit);
        let sent: Vec<_> = emit.sent().map(|(_, row, input)| (row, matches!(input, SignalInput::Bare(_)))).collect();
        assert_eq!(sent, [(1, true)]);
    }

    #[test]
    fn orders_of_a_box_office_are_scored_and_foreseen_as_they_will_be_scored() {
        let book = book(serde_json::json!({"format": 1, "fraud": {"rules": [
            {"id": "cards", "on": ["order_placed"], "all": ["failures_by_account_1h >= 2"], "weight": 300,
             "reason": "{failures_by_account_1h} payments failed"},
            {"id": "often", "all": ["orders_by_account_1h >= 3"], "weight": 200, "reason": "{orders_by_account_1h} orders"},
            {"id": "dear", "all": ["amount_by_account_1h > 50000"], "weight": 100, "reason": "{amount_by_account_1h}"},
        ]}}));
        let rows = workload::bookings(5, (ACME, records::EventId(2)), Timestamp::from_seconds(1_900_000_000), 120);
        let plan = Arc::clone(&book.rules(ACME).unwrap().fraud);
        let (mut signals, mut scores) = (Signals::default(), Scores::default());
        let mut fired = 0;
        for row in &rows {
            let frame = Sequenced::of_facts(vec![row.clone()], row.at, Arc::clone(&book));
            let placed = booked(row).filter(|record| record.kind == Kind::OrderPlaced);
            let foreseen = placed.as_ref().map(|order| {
                let touch = Touch {
                    organization: ACME,
                    entity: Entity::Account,
                    token: order.actor,
                    kind: Kind::OrderPlaced,
                    time: row.at,
                    amount: order.amount_minor,
                    others: [order.actor, Token::NONE, Token::NONE, Token::NONE],
                    needs: plan.needs[Entity::Account as usize],
                    links: false,
                    counts: true,
                    scored: None,
                };
                let mut values = vec![ABSENT; plan.signals.len()];
                signals.foresee(&touch, &plan).into_iter().for_each(|(slot, value)| values[usize::from(slot)] = value);
                plan.score(Kind::OrderPlaced, &values)
            });
            let mut emit = Emit::default();
            route(&frame, &mut emit);
            for (_, row, input) in emit.sent() {
                let (at, mut effects) = (At { pos: frame.pos(row) }, Effects::default());
                signals.apply(at, input, &mut effects);
                effects.next.iter().for_each(|(_, part)| scores.apply(at, part, &mut Effects::default()));
            }
            if let (Some(order), Some(foreseen)) = (placed, foreseen) {
                let score = scores.score(ScoreKey { organization: ACME, record: order.order.0 }).unwrap();
                assert_eq!((score.score, score.reasons.clone(), score.actor), (foreseen.0, foreseen.1, order.actor));
                fired += u32::from(score.score >= 300);
            }
        }
        assert!(fired > 5, "{fired}");
    }
}
