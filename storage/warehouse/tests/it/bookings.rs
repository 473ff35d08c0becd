//! What a box office decided, as SQL on the real engine sees it: the trial balance is the fold's to the unit.

use std::collections::BTreeMap;

use records::booking::{
    Account, BasisPoints, Choice, Door, Ending, PaymentStatus, Product, Provider, Quota, Sales, Scan, Tier,
};
use records::{
    Blob, CommandId, Currency, DoorId, EventId, FactRow, HoldId, ItemId, Money, OrderId, OrganizationId, PaymentId,
    PlaceId, QuotaId, RefundId, TicketId, Timestamp, Token,
};
use rules::booking::{Booking, Command, Line, Wish};
use warehouse::landing::{Lander, LanderConfig, LandingEpoch, cut, recover};
use warehouse::migrate::migrate;
use warehouse::raw::{FactFrame, facts_batch};
use warehouse::schema::{facts_table, tables};

use crate::support::{PATIENCE, number, start};

const ACME: OrganizationId = OrganizationId(7);
const CONF: EventId = EventId(3);
const PASS: ItemId = ItemId(11);
/// Orders that are placed; each fifth is cancelled and paid back, each seventh is never paid.
const ORDERS: u128 = 70;

struct Office {
    booking: Booking,
    now: Timestamp,
    rows: Vec<FactRow>,
}

impl Office {
    fn done(&mut self, wish: Wish) {
        let command = Command { organization: ACME, event: CONF, wish };
        let facts = self.booking.decide(&command, self.now).unwrap();
        assert!(!facts.is_empty(), "{command:?} stands already");
        for fact in facts {
            let row = FactRow::new(ACME, self.now, fact.into());
            self.booking.apply(&row);
            self.rows.push(row);
        }
    }

    fn sell(&mut self, number: u128) {
        let currency = if number.is_multiple_of(3) { Currency::USD } else { Currency::EUR };
        let lines = vec![Line { choice: Choice { product: PASS, ..Choice::default() }, count: 2 }];
        let (hold, order, payment) = (HoldId(number), OrderId(number), PaymentId(number));
        let (person, place, asked) = (Token(1 + number as u64 % 9), PlaceId::NONE, 1);
        self.done(Wish::Hold { hold, person: Token::NONE, currency, lines, code: String::new(), place, asked });
        let (sealed, provider) = (Blob::default(), Provider::Test);
        self.done(Wish::PlaceOrder { order, hold, subject: 1, person, sealed, provider, score: None, asked });
        self.done(Wish::StartPayment { payment, order, provider });
        if number.is_multiple_of(7) {
            return;
        }
        let (status, captured) = (PaymentStatus::Captured, 2 * (10_001 + i64::from(currency == Currency::USD)));
        let reference = format!("test_{number}");
        self.done(Wish::Observe { payment, status, captured, reference, card: Token::NONE });
        if number.is_multiple_of(5) {
            let positions = if number.is_multiple_of(2) { vec![1] } else { vec![] };
            self.done(Wish::CancelOrder { order, positions, why: Ending::Buyer });
            self.done(Wish::Refund { refund: RefundId(number), order, amount: None });
            self.done(Wish::SettleRefund(RefundId(number)));
        }
    }

    fn scan(&mut self, number: u128, ticket: TicketId) {
        let (scanned, gate) = (Timestamp(self.now.0 - number.cast_signed() as i64), "West".to_owned());
        let scan =
            Scan { scan: CommandId(number), ticket, revision: 0, scanned, exit: false, gate, device: "d1".into() };
        self.done(Wish::Scan { door: DoorId(1), scans: vec![scan] });
    }
}

/// A box office that has sold this and that.
fn office() -> Office {
    let mut office =
        Office { booking: Booking::default(), now: Timestamp::from_seconds(1_791_000_000), rows: Vec::new() };
    let price = |minor, currency| Money { minor, currency };
    let prices = vec![price(10_001, Currency::EUR), price(10_002, Currency::USD)];
    let tiers = vec![Tier { title: "Standard".into(), prices, ..Tier::default() }];
    office.done(Wish::SetProduct(
        PASS,
        Product { title: "Pass".into(), tiers, tax: BasisPoints(1_900), ..Product::default() },
    ));
    let products = vec![Choice { product: PASS, ..Choice::default() }];
    office.done(Wish::SetQuota(QuotaId(1), Quota { title: "Hall".into(), size: Some(10_000), products }));
    office.done(Wish::SetSales(Sales { commission: BasisPoints(333), ..Sales::default() }));
    office.done(Wish::SetDoor(DoorId(1), Door { title: "Main".into(), ..Door::default() }));
    (1..=ORDERS).for_each(|number| office.sell(number));
    let known = office.booking.office(ACME, CONF).unwrap();
    let ticket = known.order(OrderId(1)).unwrap().tickets[0];
    // The second look was the earlier one: the first is corrected.
    office.scan(1, ticket);
    office.scan(2, ticket);
    office
}

fn word(account: Account) -> String {
    match serde_json::to_value(account).unwrap() {
        serde_json::Value::String(word) => word,
        other => format!("provider:{}", other["provider"].as_str().unwrap()),
    }
}

#[tokio::test]
async fn the_trial_balance_in_sql_is_the_ledger_of_the_fold_for_every_account() {
    let root = tempfile::tempdir().unwrap();
    let (engine, client) = start(root.path()).await;
    migrate(&client, &tables()).await.unwrap();
    let office = office();
    let rows = office.rows.iter().cloned().enumerate().map(|(place, row)| (place as u32, row)).collect();
    let frame = FactFrame { log_time: Timestamp::from_seconds(1_791_000_001), partition: 0, first: 0, rows };
    let chunks = cut(&facts_table(), &facts_batch(&[frame]).unwrap(), 1, 0).unwrap();
    let recovery = recover(&client, "raw", 1, &[facts_table()]).await.unwrap();
    let lander = Lander::start(client.clone(), recovery, &LanderConfig::default());
    lander.land(LandingEpoch { landing_epoch: 1, chunks }).await.unwrap();
    assert_eq!(lander.stop(PATIENCE).await.landed, Some(1));

    let found: Vec<(String, String, i64)> =
        client.fetch_all("SELECT currency, account, balance_minor FROM booking_trial_balance").await.unwrap();
    let found: BTreeMap<(String, String), i64> =
        found.into_iter().map(|(currency, account, minor)| ((currency, account), minor)).collect();
    let known = office.booking.office(ACME, CONF).unwrap();
    let ledger: BTreeMap<(String, String), i64> = known
        .ledger()
        .balances()
        .map(|(currency, account, minor)| ((currency.to_string(), word(account)), minor))
        .collect();
    assert!(ledger.len() > 8, "{ledger:?}");
    assert_eq!(found, ledger);
    let unbalanced = "SELECT count() FROM (SELECT partition, offset, sum(minor) AS off FROM booking_ledger GROUP BY ALL HAVING off != 0)";
    assert_eq!(number(&client, unbalanced).await, 0);

    let count = async |sql: &str| number(&client, &format!("SELECT toUInt64({sql}")).await;
    assert_eq!(count("count()) FROM booking_orders").await, ORDERS as u64);
    assert_eq!(
        count("count()) FROM booking_orders WHERE status = 'pending' AND confirmed = toDateTime64(0, 6, 'UTC')").await,
        10
    );
    let cancelled = known.orders().filter(|(_, order)| order.cancelled.iter().all(|gone| *gone)).count() as u64;
    assert_eq!(count("count()) FROM booking_orders WHERE status = 'cancelled' AND cancelled = 2").await, cancelled);
    assert_eq!(
        count("sum(price_minor)) FROM booking_positions").await,
        count("sum(total_minor)) FROM booking_orders").await
    );
    assert_eq!(
        count("count()) FROM booking_positions WHERE product != '' AND tier = 0 AND rate_bp = 1900 AND tax_minor > 0")
            .await,
        2 * ORDERS as u64
    );
    assert_eq!(count("max(actor)) FROM booking_orders").await, 9);
    assert_eq!(
        count("count()) FROM booking_payments WHERE status = 'captured' AND attempt = 1 AND provider = 'test'").await,
        60
    );
    assert_eq!(count("count()) FROM booking_payments WHERE status = 'created' AND captured_minor = 0").await, 10);
    assert_eq!(count("count()) FROM booking_refunds WHERE status = 'settled' AND why = 'asked'").await, 12);
    assert_eq!(count("count()) FROM booking_tickets").await, 120);
    let scans: Vec<(String, String)> =
        client.fetch_all("SELECT outcome, gate FROM booking_scans ORDER BY scanned").await.unwrap();
    let scan = |outcome: &str| (outcome.to_owned(), "West".to_owned());
    assert_eq!(scans, [scan("admitted"), scan("duplicate")]);
    engine.stop().await;
}
