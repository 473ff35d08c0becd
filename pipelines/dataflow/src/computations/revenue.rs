//! Routes orders to the revenue of their event and currency.
//!
//! Another system reports them (`order_reported`; a negative amount gives money back), or a box office of ours has sold: then
//! the postings of its facts to sales and tax are what is taken and given back, so that revenue is the ledger's to the unit.

use hashbrown::HashMap;
use records::booking::{Account, BookingFact};
use records::hash::FixedState;
use records::{Column, Fact, FactRow, Kind, OrganizationId, Span, Timestamp};
use rules::Lateness;
use views::revenue::{Revenue, Source, Takings, Till, Took};
use views::state::Fold;

use crate::frame::{Emit, Sequenced};

/// Sends one input for each till and minute of the frame. Orders without a currency say nothing of money.
pub fn route(frame: &Sequenced, emit: &mut Emit<Took>) {
    for (row, fact) in frame.counted_facts() {
        if let Some(took) = sold(fact) {
            emit.to(Till::hash(took.till.organization, took.till.event), row, took);
        }
    }
    reported(frame, emit);
}

/// What a fact of a box office takes or gives back. It is decided here and now, so it is never late.
fn sold(row: &FactRow) -> Option<Took> {
    let Some(Fact::Booking(fact)) = row.known() else { return None };
    let entry = fact.entry().filter(|entry| entry.currency.is_some())?;
    let of_sales = entry.postings.iter().filter(|posting| matches!(posting.account, Account::Sales | Account::Tax));
    let gross = of_sales.fold(0i64, |sum, posting| sum.saturating_sub(posting.minor));
    let takings = match fact {
        BookingFact::OrderConfirmed { .. } => Takings { orders: 1, gross_minor: gross, ..Takings::default() },
        _ if gross > 0 => Takings { gross_minor: gross, ..Takings::default() },
        _ if gross < 0 => Takings::of(gross),
        _ => return None,
    };
    let (organization, event, currency) = (row.organization, fact.event(), entry.currency);
    let till = Till { organization, event, currency, source: Source::BoxOffice };
    Some(Took { till, time: row.at.floor(Span::MINUTE), takings })
}

fn reported(frame: &Sequenced, emit: &mut Emit<Took>) {
    let Some(batch) = frame.batch().filter(|batch| batch.has(Column::order) && batch.has(Column::currency)) else {
        return;
    };
    let mut tenant = (OrganizationId::NONE, Lateness::default_of(Revenue::NAME));
    let mut sums = Sums::default();
    for row in frame.rows() {
        let at = row as usize;
        let currency = batch.currency(at);
        if batch.kind(at) != Kind::OrderReported || !currency.is_some() {
            continue;
        }
        let organization = batch.organization(at);
        if organization != tenant.0 {
            tenant = (organization, frame.rulebook.lateness(organization, Revenue::NAME));
        }
        let till = Till { organization, event: batch.event(at), currency, source: Source::Reported };
        let takings = sums.of(row, till, batch.event_time(at).floor(Span::MINUTE));
        let late_by = batch.late_by(at);
        if tenant.1.excludes(late_by) {
            takings.late_excluded += 1;
            continue;
        }
        takings.late_counted += u64::from(tenant.1.is_late(late_by));
        *takings += Takings::of(batch.amount_minor(at));
    }
    for (row, took) in sums.list {
        emit.to(Till::hash(took.till.organization, took.till.event), row, took);
    }
}

/// The sums of a frame, in the order in which tills and minutes first came.
#[derive(Default)]
struct Sums {
    places: HashMap<(Till, i64), usize, FixedState>,
    list: Vec<(u32, Took)>,
}

impl Sums {
    fn of(&mut self, row: u32, till: Till, time: Timestamp) -> &mut Takings {
        let place = *self.places.entry((till, time.0)).or_insert(self.list.len());
        if place == self.list.len() {
            self.list.push((row, Took { till, time, takings: Takings::default() }));
        }
        &mut self.list[place].1.takings
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use records::{Batch, Currency, EventId, Fact, FactRow, OrderId, Record};
    use rules::Rulebook;

    use super::*;

    const ACME: OrganizationId = OrganizationId(1);

    fn book() -> Arc<Rulebook> {
        let lateness = serde_json::json!({"format": 1, "lateness": {"revenue": {"bound": "10s", "policy": "exclude"}}});
        let mut book = Rulebook::default();
        book.apply(&FactRow::new(ACME, Timestamp(0), Fact::RulesPublished { document: Arc::new(lateness) }));
        Arc::new(book)
    }

    fn order(currency: Currency, second: i64, late: i64, amount_minor: i64) -> Record {
        Record {
            organization: ACME,
            event: EventId(2),
            order: OrderId(9),
            event_time: Timestamp::from_seconds(second),
            late_by: Span::from_seconds(late),
            amount_minor,
            currency,
            ..Record::new(Kind::OrderReported)
        }
    }

    #[test]
    fn orders_are_added_up_by_currency_and_minute_and_late_ones_counted_apart() {
        let records = [
            order(Currency::EUR, 1, 0, 500),
            order(Currency::USD, 2, 10, 700),
            order(Currency::EUR, 59, 0, -200),
            order(Currency::EUR, 3, 11, 900),
            order(Currency::NONE, 3, 0, 900),
            order(Currency::EUR, 60, 0, 1),
            Record { currency: Currency::EUR, amount_minor: 5, ..Record::new(Kind::ItemCarted) },
        ];
        let mut emit = Emit::default();
        route(&Sequenced::of_batch(Batch::from_records(&records), Timestamp(5), book()), &mut emit);
        let sent: Vec<_> = emit
            .sent()
            .map(|(_, row, took)| {
                let one = took.takings;
                let sums = [one.gross_minor, one.refunded_minor];
                (row, took.till.currency, took.time.seconds(), sums, [one.orders, one.refunds, one.late_excluded])
            })
            .collect();
        assert_eq!(
            sent,
            [
                (0, Currency::EUR, 0, [500, 200], [1, 1, 1]),
                (1, Currency::USD, 0, [700, 0], [1, 0, 0]),
                (5, Currency::EUR, 60, [1, 0], [1, 0, 0])
            ]
        );
    }

    #[test]
    fn what_a_box_office_sells_is_a_till_of_its_own_and_equals_its_ledger() {
        let rows = workload::bookings(3, (ACME, EventId(2)), Timestamp(0), 100);
        let mut ledger = std::collections::BTreeMap::<Currency, i64>::new();
        for entry in
            rows.iter().filter_map(|row| if let Some(Fact::Booking(fact)) = row.known() { fact.entry() } else { None })
        {
            let sales = entry.postings.iter().filter(|one| matches!(one.account, Account::Sales | Account::Tax));
            *ledger.entry(entry.currency).or_default() -= sales.map(|one| one.minor).sum::<i64>();
        }
        let mut emit = Emit::default();
        route(&Sequenced::of_facts(rows, Timestamp(5), book()), &mut emit);
        let (mut sums, mut orders) = (std::collections::BTreeMap::<Currency, i64>::new(), 0);
        for (_, _, took) in emit.sent() {
            assert_eq!(took.till.source, Source::BoxOffice);
            assert!(took.takings.gross_minor >= 0 && took.takings.refunded_minor >= 0);
            *sums.entry(took.till.currency).or_default() += took.takings.gross_minor - took.takings.refunded_minor;
            orders += took.takings.orders;
        }
        assert_eq!((sums, orders), (ledger, 100));
    }
}
