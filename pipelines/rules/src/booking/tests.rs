//! Box offices as people meet them, one story each; after every fact everything is counted again.

mod offers;

use records::booking::{
    Account, BasisPoints, BookingFact, Choice, Door, Ending, GroupDiscount, PaymentStatus, Product, ProductKind, Promo,
    PromoEffect, Provider, Quota, Reentry, RefundReason, Review, Room, Sales, Scan, ScanOutcome, Tier,
};
use records::{
    Blob, CommandId, Currency, DoorId, EventId, Fact, FactRow, HoldId, ItemId, Money, OrderId, OrganizationId,
    PaymentId, PayoutId, PlaceId, PromoId, QuotaId, RefundId, SecretHash, Span, TicketId, Timestamp, Token, WaitId,
};

use super::office::{OrderStatus, RefundStatus};
use super::payments::Errand;
use super::room::{Standing, lot, public};
use super::{Booking, Command, Line, OUTAGE, Refusal, Wish};

const ACME: OrganizationId = OrganizationId(7);
const CONF: EventId = EventId(3);
const TICKET: ItemId = ItemId(11);
const WORKSHOP: ItemId = ItemId(12);

/// A box office, its clock, and everything it has decided.
struct House {
    booking: Booking,
    now: Timestamp,
    log: Vec<FactRow>,
}

fn eur(minor: i64) -> Money {
    Money { minor, currency: Currency::EUR }
}

fn of(product: ItemId) -> Choice {
    Choice { product, ..Choice::default() }
}

fn product(price: i64) -> Product {
    let tiers = vec![Tier { title: "Standard".into(), prices: vec![eur(price)], ..Tier::default() }];
    Product { title: "Ticket".into(), tiers, tax: BasisPoints(1_900), waitlist: true, ..Product::default() }
}

fn quota(size: u32, products: &[ItemId]) -> Quota {
    Quota { title: "Hall".into(), size: Some(size), products: products.iter().map(|id| of(*id)).collect() }
}

fn cart(hold: u128, count: u16) -> Wish {
    coded(hold, count, "")
}

fn coded(hold: u128, count: u16, code: &str) -> Wish {
    Wish::Hold {
        hold: HoldId(hold),
        person: Token::NONE,
        currency: Currency::EUR,
        lines: vec![Line { choice: of(TICKET), count }],
        code: code.into(),
        place: PlaceId::NONE,
        asked: u64::from(count),
    }
}

fn order(order: u128, hold: u128, provider: Provider) -> Wish {
    Wish::PlaceOrder {
        order: OrderId(order),
        hold: HoldId(hold),
        subject: 1,
        person: Token(order as u64),
        sealed: Blob::default(),
        provider,
        score: None,
        asked: 1,
    }
}

fn start(payment: u128, order: u128) -> Wish {
    Wish::StartPayment { payment: PaymentId(payment), order: OrderId(order), provider: Provider::Test }
}

fn told(payment: u128, status: PaymentStatus, captured: i64) -> Wish {
    Wish::Observe { payment: PaymentId(payment), status, captured, reference: "ref".into(), card: Token::NONE }
}

fn wait(id: u128, party: u16) -> Wish {
    Wish::Wait {
        wait: WaitId(id),
        choice: of(TICKET),
        party,
        currency: Currency::EUR,
        subject: 1,
        person: Token(id as u64),
        sealed: Blob::default(),
    }
}

impl House {
    /// One hall of `size`, a ticket of 100.00, a workshop of 50.00 that goes with it.
    fn open(size: u32) -> Self {
        let mut house = Self { booking: Booking::default(), now: Timestamp::from_seconds(1_000), log: Vec::new() };
        house.done(Wish::SetProduct(TICKET, product(10_000)));
        let workshop = Product { kind: ProductKind::AddOn, with: vec![TICKET], ..product(5_000) };
        house.done(Wish::SetProduct(WORKSHOP, workshop));
        house.done(Wish::SetQuota(QuotaId(1), quota(size, &[TICKET])));
        house.done(Wish::SetQuota(QuotaId(2), quota(1_000, &[WORKSHOP])));
        house
    }

    fn ask(&mut self, wish: Wish) -> Result<Vec<BookingFact>, Refusal> {
        let command = Command { organization: ACME, event: CONF, wish };
        let facts = self.booking.decide(&command, self.now)?;
        for fact in &facts {
            self.take(FactRow::new(ACME, self.now, fact.clone().into()));
        }
        // The same wish again changes nothing, as long as what it made is there.
        Ok(facts)
    }

    fn take(&mut self, row: FactRow) {
        self.booking.apply(&row);
        self.log.push(row);
        let faults = self.booking.audit();
        assert!(faults.is_empty(), "{faults:?} after {:#?}", self.log.last());
    }

    #[track_caller]
    fn done(&mut self, wish: Wish) -> Vec<BookingFact> {
        let facts = self.ask(wish.clone()).unwrap_or_else(|refusal| panic!("{wish:?}: {refusal}"));
        assert!(!facts.is_empty(), "{wish:?} stands already");
        facts
    }

    #[track_caller]
    fn refused(&mut self, wish: Wish) -> Refusal {
        self.ask(wish).expect_err("it is refused")
    }

    /// Time passes, with somebody awake.
    fn later(&mut self, seconds: i64) {
        let end = self.now.saturating_add(Span::from_seconds(seconds));
        while self.now < end {
            self.now = self.now.saturating_add(super::BEAT).min(end);
            self.run();
        }
    }

    /// Everything that is due now.
    fn run(&mut self) {
        for _ in 0..10_000 {
            let Some(row) = self.booking.due(self.now) else { return };
            self.take(row);
        }
        panic!("something is due for ever");
    }

    /// A paid order of so many tickets.
    fn sell(&mut self, id: u128, count: u16) -> Vec<TicketId> {
        self.done(cart(id, count));
        self.done(order(id, id, Provider::Test));
        self.done(start(id, id));
        self.done(told(id, PaymentStatus::Captured, 10_000 * i64::from(count)));
        self.order(id).tickets.clone()
    }

    fn office(&self) -> &super::BoxOffice {
        self.booking.office(ACME, CONF).unwrap()
    }

    fn order(&self, id: u128) -> &super::office::Order {
        self.office().order(OrderId(id)).unwrap()
    }

    /// The hold that was offered to somebody who waited, while it lives.
    fn offer(&self, id: u128) -> Option<HoldId> {
        let offered = self.log.iter().rev().find_map(|row| match row.known() {
            Some(Fact::Booking(BookingFact::WaitOffered { wait, hold, .. })) if *wait == WaitId(id) => Some(*hold),
            _ => None,
        });
        offered.filter(|hold| self.office().hold(*hold).is_some())
    }

    fn left(&self) -> u64 {
        self.office().available(of(TICKET)).unwrap()
    }

    fn balance(&self, account: Account) -> i64 {
        self.office().ledger().balance(Currency::EUR, account)
    }

    /// A state from a snapshot, and one from the log alone, are this state.
    fn reads_back(&self) {
        let stored = serde_json::to_vec(&self.booking.stored()).unwrap();
        let restored = Booking::restore(serde_json::from_slice(&stored).unwrap());
        assert!(restored.offices == self.booking.offices, "a snapshot reads back");
        assert_eq!((&restored.deadlines, &restored.errands), (&self.booking.deadlines, &self.booking.errands));
        let mut replayed = Booking::default();
        self.log.iter().for_each(|row| replayed.apply(row));
        assert!(replayed.offices == self.booking.offices, "the log alone leads here");
        assert_eq!(serde_json::to_vec(&replayed.stored()).unwrap(), stored);
    }
}

#[test]
fn a_seat_is_sold_once_and_given_back_when_its_hold_ends() {
    let mut house = House::open(2);
    house.done(cart(1, 2));
    assert_eq!(house.refused(cart(2, 1)), Refusal::SoldOut);
    house.later(899);
    assert_eq!(house.refused(cart(2, 1)), Refusal::SoldOut);
    house.later(2);
    assert_eq!(house.left(), 2, "what nobody ordered is on sale again");
    assert_eq!(house.refused(order(1, 1, Provider::Test)), Refusal::HoldGone);
    house.done(cart(2, 1));
    assert_eq!(house.refused(cart(3, 2)), Refusal::FewLeft(1));
    house.done(Wish::ReleaseHold(HoldId(2)));
    assert_eq!(house.left(), 2);
    house.reads_back();
}

#[test]
fn a_hold_can_be_extended_up_to_its_end() {
    let mut house = House::open(2);
    let sales = Sales { hold_s: 60, hold_max_s: 100, ..Sales::default() };
    house.done(Wish::SetSales(sales));
    house.done(cart(1, 1));
    house.later(50);
    house.done(Wish::ExtendHold(HoldId(1)));
    assert_eq!(house.refused(Wish::ExtendHold(HoldId(1))), Refusal::HoldAtItsEnd);
    house.later(49);
    assert_eq!(house.left(), 1);
    house.later(2);
    assert_eq!((house.left(), house.refused(Wish::ExtendHold(HoldId(1)))), (2, Refusal::HoldGone));
}

#[test]
fn the_same_id_is_the_same_hold_and_another_wish_under_it_is_refused() {
    let mut house = House::open(9);
    house.done(cart(1, 2));
    assert_eq!(house.ask(cart(1, 2)), Ok(vec![]));
    assert_eq!(house.ask(cart(1, 3)), Err(Refusal::IdUsed));
    house.done(order(5, 1, Provider::Test));
    assert_eq!(house.ask(order(5, 1, Provider::Test)), Ok(vec![]));
    assert_eq!(house.left(), 7);
}

#[test]
fn a_product_counts_in_several_quotas_and_all_must_have_some() {
    let mut house = House::open(10);
    house.done(Wish::SetQuota(QuotaId(3), quota(3, &[TICKET, WORKSHOP])));
    house.done(cart(1, 2));
    assert_eq!(house.refused(cart(2, 2)), Refusal::FewLeft(1));
    let small = house.refused(Wish::SetQuota(QuotaId(3), quota(1, &[TICKET])));
    assert_eq!(small, Refusal::QuotaTooSmall { size: 1, used: 2 });
    house.done(Wish::SetQuota(QuotaId(3), quota(2, &[WORKSHOP])));
    assert_eq!(house.left(), 8, "a quota that counts otherwise is right at once");
}

#[test]
fn an_add_on_needs_what_it_goes_with_also_when_that_is_cancelled() {
    let mut house = House::open(10);
    let lines = |tickets, workshops| {
        let line = |product, count| Line { choice: of(product), count };
        let Wish::Hold { hold, person, currency, code, place, asked, .. } = cart(1, 1) else { unreachable!() };
        let lines = [line(TICKET, tickets), line(WORKSHOP, workshops)];
        let lines = lines.into_iter().filter(|line| line.count > 0).collect();
        Wish::Hold { hold, person, currency, lines, code, place, asked }
    };
    assert_eq!(house.refused(lines(0, 1)), Refusal::AddOnAlone);
    assert_eq!(house.refused(lines(1, 2)), Refusal::AddOnAlone);
    house.done(lines(1, 1));
    house.done(order(1, 1, Provider::Test));
    house.done(start(1, 1));
    house.done(told(1, PaymentStatus::Captured, 15_000));
    let cancel = |positions| Wish::CancelOrder { order: OrderId(1), positions, why: Ending::Buyer };
    assert_eq!(house.refused(cancel(vec![0])), Refusal::AddOnAlone);
    house.done(cancel(vec![1]));
    house.done(cancel(vec![0]));
    assert_eq!(house.order(1).status, OrderStatus::Ended(Ending::Buyer));
}

#[test]
fn payments_come_to_the_same_in_any_order_and_number() {
    use PaymentStatus::{Authorized, Captured, Failed, Pending};
    let news = [(Pending, 0), (Authorized, 0), (Captured, 10_000), (Failed, 0)];
    for rotation in 0..news.len() {
        let mut house = House::open(1);
        house.done(cart(1, 1));
        house.done(order(1, 1, Provider::Test));
        house.done(start(1, 1));
        for turn in 0..2 * news.len() {
            let (status, captured) = news[(turn * 3 + rotation) % news.len()];
            house.ask(told(1, status, captured)).unwrap();
            house.run();
        }
        assert_eq!(house.order(1).status, OrderStatus::Confirmed);
        assert_eq!(house.balance(Account::Provider(Provider::Test)), 10_000);
        assert_eq!((house.balance(Account::Receivable), house.balance(Account::Tax)), (0, -1_597));
        house.reads_back();
    }
}

#[test]
fn money_that_comes_late_buys_what_is_left_or_goes_back() {
    for sold_meanwhile in [false, true] {
        let mut house = House::open(1);
        house.done(cart(1, 1));
        house.done(order(1, 1, Provider::Test));
        house.done(start(1, 1));
        house.later(1_801);
        assert_eq!(house.order(1).status, OrderStatus::Ended(Ending::Unpaid));
        if sold_meanwhile {
            house.sell(2, 1);
        }
        house.done(told(1, PaymentStatus::Captured, 10_000));
        house.run();
        let ended = house.order(1);
        if sold_meanwhile {
            assert_eq!(ended.status, OrderStatus::Ended(Ending::Unpaid));
            let refund = house.office().refund(ended.refunds[0]).unwrap();
            assert_eq!((refund.amount, refund.why), (10_000, RefundReason::Late));
            house.done(Wish::SettleRefund(house.order(1).refunds[0]));
            assert_eq!(house.balance(Account::Provider(Provider::Test)), 10_000, "of the other order");
        } else {
            assert_eq!(ended.status, OrderStatus::Confirmed);
        }
        house.reads_back();
    }
}

#[test]
fn what_was_paid_twice_goes_back_once() {
    let mut house = House::open(5);
    house.done(cart(1, 1));
    house.done(order(1, 1, Provider::Test));
    house.done(start(1, 1));
    assert_eq!(house.refused(start(2, 1)), Refusal::PaymentUnderWay);
    house.done(told(1, PaymentStatus::Failed, 0));
    house.done(start(2, 1));
    house.done(told(2, PaymentStatus::Captured, 10_000));
    house.done(told(1, PaymentStatus::Captured, 10_000));
    house.run();
    let refunds = house.order(1).refunds.clone();
    assert_eq!(refunds.len(), 1);
    assert_eq!(house.office().refund(refunds[0]).unwrap().why, RefundReason::Surplus);
    house.done(Wish::FailRefund { refund: refunds[0], reason: "no".into() });
    assert_eq!((house.order(1).paid, house.balance(Account::Receivable)), (20_000, -10_000));
    house.done(Wish::Refund { refund: RefundId(9), order: OrderId(1), amount: None });
    house.done(Wish::SettleRefund(RefundId(9)));
    assert_eq!((house.order(1).paid, house.balance(Account::Receivable)), (10_000, 0));
}

#[test]
fn refunds_and_cancellations_know_nothing_of_each_other() {
    let mut house = House::open(5);
    house.done(Wish::SetSales(Sales { commission: BasisPoints(500), ..Sales::default() }));
    let tickets = house.sell(1, 3);
    assert_eq!(house.balance(Account::CommissionDue), -1_500);
    let refund = |id, amount| Wish::Refund { refund: RefundId(id), order: OrderId(1), amount };
    assert_eq!(house.refused(refund(1, None)), Refusal::RefundTooMuch(30_000));
    house.done(refund(1, Some(5_000)));
    house.done(Wish::SettleRefund(RefundId(1)));
    assert_eq!(house.balance(Account::Sales) + house.balance(Account::Tax), -25_000, "given back, nothing cancelled");
    let cancel = |positions| Wish::CancelOrder { order: OrderId(1), positions, why: Ending::Buyer };
    house.done(cancel(vec![1]));
    assert_eq!((house.left(), house.balance(Account::CommissionDue)), (3, -1_000));
    assert!(house.office().ticket(tickets[1]).unwrap().cancelled);
    assert_eq!(house.balance(Account::Receivable), -8_333, "10,000 less a third of what was given back");
    assert_eq!(house.refused(cancel(vec![1])), Refusal::NoPosition);
    house.done(cancel(vec![]));
    assert_eq!(house.ask(cancel(vec![])), Ok(vec![]));
    assert_eq!(house.balance(Account::Receivable), -25_000);
    house.done(refund(2, None));
    assert_eq!(house.refused(refund(3, Some(1))), Refusal::RefundTooMuch(0));
    house.done(Wish::SettleRefund(RefundId(2)));
    assert_eq!(house.office().ledger().balances().count(), 0, "nothing is left of it");
    house.reads_back();
}

#[test]
fn what_is_left_of_a_group_is_priced_again_when_the_organizer_wishes() {
    for reprice in [false, true] {
        let mut house = House::open(5);
        let _ = house.ask(Wish::SetSales(Sales { reprice_groups: reprice, ..Sales::default() }));
        let (title, products) = ("Three for less".to_owned(), vec![]);
        let group = GroupDiscount { title, products, at_least: 3, off: BasisPoints(2_000), cheapest: None };
        house.done(Wish::SetGroupDiscounts(vec![group]));
        house.done(cart(1, 3));
        house.done(order(1, 1, Provider::Test));
        house.done(start(1, 1));
        house.done(told(1, PaymentStatus::Captured, 24_000));
        house.done(Wish::CancelOrder { order: OrderId(1), positions: vec![0], why: Ending::Buyer });
        assert_eq!(house.order(1).total(), if reprice { 20_000 } else { 16_000 });
        assert_eq!(house.balance(Account::Receivable), if reprice { -4_000 } else { -8_000 });
        house.reads_back();
    }
}

#[test]
fn a_code_is_inventory() {
    let mut house = House::open(50);
    let promo = Promo {
        code: "Early".into(),
        effect: PromoEffect::Percent(BasisPoints(1_000)),
        products: vec![],
        uses: Some(2),
        per_person: Some(1),
        positions: None,
        budget: Some(eur(1_500)),
        from: None,
        until: None,
        withdrawn: false,
    };
    house.done(Wish::SetPromo(PromoId(1), promo.clone()));
    assert_eq!(house.refused(Wish::SetPromo(PromoId(2), promo)), Refusal::CodeTaken);
    assert_eq!(house.refused(coded(1, 1, "nope")), Refusal::PromoUnknown);
    assert_eq!(house.refused(coded(1, 2, "EARLY")), Refusal::PromoUsedUp, "its budget");
    house.done(coded(1, 1, " early "));
    assert_eq!(house.refused(coded(2, 1, "early")), Refusal::PromoUsedUp, "held is used");
    house.done(Wish::ReleaseHold(HoldId(1)));
    house.done(coded(2, 1, "early"));
    house.done(order(2, 2, Provider::Test));
    house.later(1_801);
    house.done(coded(3, 1, "early"));
    house.reads_back();
}

#[test]
fn an_order_that_looks_like_fraud_waits_for_the_organizer() {
    let mut house = House::open(5);
    house.done(Wish::SetSales(Sales { review_from: Some(80), ..Sales::default() }));
    let suspicious = |id| {
        let Wish::PlaceOrder { order, hold, subject, person, sealed, provider, asked, .. } =
            order(id, id, Provider::Test)
        else {
            unreachable!()
        };
        let score = Some(Review { score: 80, as_of: "e9".into(), reasons: Vec::new() });
        Wish::PlaceOrder { order, hold, subject, person, sealed, provider, score, asked }
    };
    for id in [1, 2] {
        house.done(cart(id, 1));
        house.done(suspicious(id));
        house.done(start(id, id));
        house.done(told(id, PaymentStatus::Captured, 10_000));
        house.later(3_600);
        assert_eq!(house.order(id).status, OrderStatus::Pending, "it waits longer than others");
    }
    house.done(Wish::ApproveOrder(OrderId(1)));
    assert_eq!(house.order(1).status, OrderStatus::Confirmed);
    house.done(Wish::CancelOrder { order: OrderId(2), positions: vec![], why: Ending::Refused });
    house.run();
    assert_eq!(house.office().refund(house.order(2).refunds[0]).unwrap().why, RefundReason::Cancelled);
    assert_eq!(house.refused(Wish::ApproveOrder(OrderId(2))), Refusal::NotInReview);
    house.reads_back();
}

fn score(score: u32) -> Review {
    Review { score, as_of: "e9".into(), reasons: Vec::new() }
}

/// An order of one ticket with a payment at a provider.
fn begun(provider: Provider) -> House {
    let mut house = House::open(1);
    house.done(Wish::SetSales(records::booking::Sales { review_from: Some(80), ..Default::default() }));
    house.done(cart(1, 1));
    house.done(order(1, 1, provider));
    house.done(Wish::StartPayment { payment: PaymentId(1), order: OrderId(1), provider });
    house
}

impl House {
    fn errand(&self) -> Option<Errand> {
        self.booking.office(ACME, CONF).unwrap().errand_of(PaymentId(1))
    }
}

#[test]
fn what_a_provider_is_asked_next_follows_from_what_is_known() {
    let mut house = begun(Provider::Stripe);
    assert_eq!(house.errand(), Some(Errand::Start));
    house.done(told(1, PaymentStatus::Pending, 0));
    assert_eq!(house.errand(), Some(Errand::Read));
    house.done(told(1, PaymentStatus::Failed, 0));
    assert_eq!(house.errand(), Some(Errand::Read), "another card may be tried");
    house.done(told(1, PaymentStatus::Authorized, 0));
    assert_eq!(house.errand(), Some(Errand::Capture));
    house.done(told(1, PaymentStatus::Captured, 10_000));
    assert_eq!(house.errand(), Some(Errand::AskFee));
    house.done(Wish::TellFee { payment: PaymentId(1), fee: 175 });
    assert_eq!(house.errand(), None);
    let ledger = house.booking.office(ACME, CONF).unwrap().ledger();
    let balance = |account| ledger.balance(Currency::EUR, account);
    assert_eq!((balance(Account::Fees), balance(Account::Provider(Provider::Stripe))), (175, 9_825));
    assert_eq!(house.booking.office(ACME, CONF).unwrap().payable(Provider::Stripe, Currency::EUR), 9_825);
    assert_eq!(house.ask(Wish::TellFee { payment: PaymentId(1), fee: 900 }), Ok(vec![]), "it is told once");
}

#[test]
fn an_attempt_that_came_to_nothing_makes_room_for_another_and_is_let_go() {
    let mut house = begun(Provider::Stripe);
    let again = || Wish::StartPayment { payment: PaymentId(2), order: OrderId(1), provider: Provider::Stripe };
    assert_eq!(house.refused(again()), Refusal::PaymentUnderWay);
    house.done(told(1, PaymentStatus::Failed, 0));
    let facts = house.done(again());
    assert!(matches!(facts[0], BookingFact::PaymentStarted { attempt: 2, .. }));
    assert_eq!(house.errand(), Some(Errand::Cancel), "nobody may pay twice");
    house.done(told(1, PaymentStatus::Voided, 0));
    assert_eq!(house.errand(), None);
    // News of before come late, and mean nothing.
    assert_eq!(house.ask(told(1, PaymentStatus::Authorized, 0)), Ok(vec![]));
}

#[test]
fn what_is_kept_ready_for_an_order_that_ended_is_taken_if_there_is_something_left_to_sell() {
    let mut house = begun(Provider::Stripe);
    house.done(told(1, PaymentStatus::Pending, 0));
    house.later(3_600);
    assert_eq!(house.errand(), Some(Errand::Cancel), "nobody came");
    house.done(told(1, PaymentStatus::Authorized, 0));
    assert_eq!(house.errand(), Some(Errand::Capture));
    house.done(cart(2, 1));
    assert_eq!(house.errand(), Some(Errand::Cancel), "somebody else has the seat");
}

#[test]
fn an_order_is_held_before_money_is_taken_until_the_organizer_has_looked() {
    let mut house = begun(Provider::Stripe);
    house.done(told(1, PaymentStatus::Authorized, 0));
    let hold = |points| Wish::HoldOrder { order: OrderId(1), score: score(points) };
    assert_eq!(house.ask(hold(79)), Ok(vec![]));
    let facts = house.done(hold(80));
    assert!(matches!(facts[0], BookingFact::OrderHeld { ref review, .. } if *review == score(80)));
    assert_eq!(house.errand(), Some(Errand::Read), "nothing is taken");
    assert_eq!(house.ask(hold(99)), Ok(vec![]), "it waits already");
    // It waits for days, not for minutes.
    house.later(7_200);
    assert_eq!(house.order(1).status, OrderStatus::Pending);
    house.done(Wish::ApproveOrder(OrderId(1)));
    assert_eq!(house.errand(), Some(Errand::Capture));
    assert_eq!(house.ask(hold(99)), Ok(vec![]), "the organizer has looked at it");
    house.done(told(1, PaymentStatus::Captured, 10_000));
    assert_eq!(house.order(1).status, OrderStatus::Confirmed);
}

#[test]
fn what_was_kept_ready_for_an_order_that_is_refused_is_let_go() {
    let mut house = begun(Provider::Stripe);
    house.done(told(1, PaymentStatus::Authorized, 0));
    house.done(Wish::HoldOrder { order: OrderId(1), score: score(100) });
    house.done(Wish::CancelOrder { order: OrderId(1), positions: vec![], why: Ending::Refused });
    assert_eq!(house.errand(), Some(Errand::Cancel));
}

#[test]
fn a_refund_that_a_bank_sends_back_is_owed_again_in_whatever_order_that_is_told() {
    let settle = || Wish::SettleRefund(RefundId(1));
    let fail = || Wish::FailRefund { refund: RefundId(1), reason: "sent back".into() };
    for told_in in [[settle(), fail(), settle()], [fail(), settle(), fail()]] {
        let mut house = begun(Provider::Stripe);
        house.done(told(1, PaymentStatus::Captured, 10_000));
        house.done(Wish::Refund { refund: RefundId(1), order: OrderId(1), amount: Some(4_000) });
        for wish in told_in {
            house.ask(wish).unwrap();
        }
        let office = house.booking.office(ACME, CONF).unwrap();
        assert_eq!(office.refund(RefundId(1)).unwrap().status, RefundStatus::Failed);
        let held = office.ledger().balance(Currency::EUR, Account::Provider(Provider::Stripe));
        assert_eq!((house.order(1).paid, held), (10_000, 10_000));
    }
}

#[test]
fn what_came_in_before_anything_was_sold_goes_back_as_it_came() {
    let mut house = House::open(5);
    house.done(cart(1, 1));
    house.done(order(1, 1, Provider::Test));
    house.done(start(1, 1));
    house.done(told(1, PaymentStatus::Captured, 4_000));
    house.done(Wish::Refund { refund: RefundId(1), order: OrderId(1), amount: Some(1_500) });
    assert_eq!((house.balance(Account::Sales), house.balance(Account::Receivable)), (0, -2_500));
    house.later(1_801);
    assert_eq!(house.order(1).paid, 0, "the rest goes back by itself");
    house.reads_back();
}

#[test]
fn what_costs_nothing_is_sold_at_once() {
    let mut house = House::open(5);
    house.done(Wish::SetProduct(TICKET, product(0)));
    house.done(cart(1, 2));
    let facts = house.done(order(1, 1, Provider::Transfer));
    assert!(matches!(facts[..], [BookingFact::OrderPlaced { .. }, BookingFact::OrderConfirmed { .. }]));
    assert_eq!(house.order(1).tickets.len(), 2);
    house.done(Wish::SetProduct(TICKET, product(10)));
    house.done(cart(2, 1));
    assert!(matches!(house.refused(order(2, 2, Provider::Free)), Refusal::Provider(_)));
}

#[test]
fn the_organizer_gets_what_is_neither_owed_to_buyers_nor_to_the_platform() {
    let mut house = House::open(5);
    house.done(Wish::SetSales(Sales { commission: BasisPoints(1_000), ..Sales::default() }));
    house.sell(1, 2);
    house.done(Wish::CancelOrder { order: OrderId(1), positions: vec![0], why: Ending::Organizer });
    let pay = |id, amount| {
        let (provider, currency) = (Provider::Test, Currency::EUR);
        Wish::PayOut { payout: PayoutId(id), provider, currency, amount }
    };
    assert_eq!(house.refused(pay(1, Some(9_001))), Refusal::PayoutTooMuch(9_000));
    house.done(pay(1, None));
    assert_eq!(house.ask(pay(1, None)), Ok(vec![]));
    assert_eq!(house.refused(pay(2, None)), Refusal::PayoutTooMuch(0));
    house.done(Wish::Refund { refund: RefundId(1), order: OrderId(1), amount: None });
    house.done(Wish::SettleRefund(RefundId(1)));
    assert_eq!(house.balance(Account::Provider(Provider::Test)), 0);
    assert_eq!((house.balance(Account::PaidOut), house.balance(Account::CommissionDue)), (9_000, 0));
}

#[test]
fn whoever_waits_is_served_in_order_and_an_offer_is_a_hold() {
    let mut house = House::open(2);
    assert_eq!(house.refused(wait(1, 1)), Refusal::Available);
    house.sell(1, 2);
    (1..=3).for_each(|id| drop(house.done(wait(id, 1))));
    assert_eq!(house.ask(wait(1, 1)), Ok(vec![]), "the same wish again");
    house.done(Wish::LeaveWaitlist(WaitId(2)));
    house.done(Wish::CancelOrder { order: OrderId(1), positions: vec![0], why: Ending::Buyer });
    house.run();
    let office = house.office();
    assert_eq!((house.offer(1).is_some(), house.offer(3).is_some()), (true, false));
    assert_eq!(office.stock().count(of(TICKET)).held, 1);
    assert_eq!(house.refused(cart(9, 1)), Refusal::SoldOut);
    // What somebody lets pass is the next one's; whoever let it pass does not wait any more.
    house.later(86_401);
    let office = house.office();
    assert_eq!((house.offer(1).is_some(), house.offer(3).is_some()), (false, true));
    assert_eq!(office.waitlist().len(), 0);
    house.done(order(7, house.offer(3).unwrap().0, Provider::Test));
    house.reads_back();
}

#[test]
fn a_party_that_does_not_fit_is_waited_for_unless_whoever_fits_goes_first() {
    for fit_first in [false, true] {
        let mut house = House::open(2);
        let _ = house.ask(Wish::SetSales(Sales { fit_first, ..Sales::default() }));
        house.sell(1, 1);
        house.sell(2, 1);
        house.done(wait(1, 2));
        house.done(wait(2, 1));
        house.done(Wish::CancelOrder { order: OrderId(1), positions: vec![], why: Ending::Buyer });
        assert_eq!(house.refused(cart(9, 1)), Refusal::WaitlistFirst);
        house.run();
        assert_eq!(house.offer(2).is_some(), fit_first);
        house.done(Wish::CancelOrder { order: OrderId(2), positions: vec![], why: Ending::Buyer });
        house.run();
        assert_eq!(house.offer(1).is_some(), !fit_first);
        house.reads_back();
        // An offer that is let pass is the next one's.
        house.later(86_401);
        let offer = house.offer(if fit_first { 1 } else { 2 }).unwrap();
        house.done(order(7, offer.0, Provider::Test));
        assert_eq!(house.office().waitlist().len(), 0);
    }
}

#[test]
fn a_ticket_lets_in_once_whoever_tells_first() {
    let mut house = House::open(5);
    let door = DoorId(1);
    house.done(Wish::SetDoor(
        door,
        Door { title: "Main".into(), products: vec![], reentry: Reentry::Never, times: vec![] },
    ));
    let ticket = house.sell(1, 1)[0];
    let scan = |id: u128, at: i64| {
        let (gate, device) = ("West".to_owned(), format!("d{id}"));
        let scanned = Timestamp::from_seconds(at);
        Scan { scan: CommandId(id), ticket, revision: 0, scanned, exit: false, gate, device }
    };
    house.done(Wish::Scan { door, scans: vec![scan(1, 500)] });
    assert_eq!(house.ask(Wish::Scan { door, scans: vec![scan(1, 500)] }), Ok(vec![]));
    // A device that was offline was earlier.
    let facts = house.done(Wish::Scan { door, scans: vec![scan(2, 400), scan(3, 600)] });
    let corrected = facts.iter().filter(|fact| matches!(fact, BookingFact::ScanCorrected { .. })).count();
    assert_eq!((facts.len(), corrected), (3, 1));
    let outcomes: Vec<ScanOutcome> =
        house.office().doors().seen(door, ticket).iter().map(|seen| seen.outcome).collect();
    assert_eq!(outcomes, [ScanOutcome::Admitted, ScanOutcome::Duplicate, ScanOutcome::Duplicate]);
    assert_eq!(house.office().doors().count(door).admitted, 1);
    let transfer = Wish::Transfer { ticket, revision: 0, subject: 2, person: Token(5), sealed: Blob::default() };
    assert_eq!(house.refused(transfer), Refusal::TicketUsed);
    house.reads_back();
}

#[test]
fn a_ticket_that_was_passed_on_takes_no_seat_and_its_old_one_is_void() {
    let mut house = House::open(1);
    house.done(Wish::SetDoor(DoorId(1), Door { title: "Main".into(), ..Door::default() }));
    let ticket = house.sell(1, 1)[0];
    let transfer =
        |revision| Wish::Transfer { ticket, revision, subject: 2, person: Token(5), sealed: Blob::default() };
    house.done(transfer(0));
    assert_eq!(house.ask(transfer(0)), Ok(vec![]), "the same wish again");
    assert_eq!(house.refused(transfer(2)), Refusal::TicketVoid);
    assert_eq!(house.left(), 0);
    let scan = |id: u128, revision| {
        let (gate, device, scanned) = (String::new(), String::new(), Timestamp::from_seconds(id as i64));
        let scan = Scan { scan: CommandId(id), ticket, revision, scanned, exit: false, gate, device };
        Wish::Scan { door: DoorId(1), scans: vec![scan] }
    };
    house.done(scan(1, 0));
    house.done(scan(2, 1));
    let outcomes: Vec<ScanOutcome> =
        house.office().doors().seen(DoorId(1), ticket).iter().map(|seen| seen.outcome).collect();
    assert_eq!(outcomes, [ScanOutcome::Replaced, ScanOutcome::Admitted]);
}

#[test]
fn anybody_can_draw_again() {
    let mut house = House::open(50);
    let (seed, opens) = ("a seed of many letters", house.now.saturating_add(Span::from_seconds(60)));
    let room =
        Room { opens, per_minute: 60, stay_s: 60, commitment: SecretHash::of(seed), paused: false, hashed: true };
    house.done(Wish::SetRoom(room));
    let join = |id: u128| Wish::JoinRoom { place: PlaceId(id), person: Token(id as u64) };
    (1..=20).for_each(|id| drop(house.done(join(id))));
    assert_eq!(house.refused(Wish::JoinRoom { place: PlaceId(99), person: Token(3) }), Refusal::Waiting);
    let draw = |seed: &str| Wish::Draw { seed: seed.into() };
    assert_eq!(house.refused(draw(seed)), Refusal::NoDraw);
    house.later(60);
    assert_eq!(house.refused(draw("another")), Refusal::WrongSeed);
    house.done(draw(seed));
    house.done(join(21));
    let mut lots: Vec<PlaceId> = (1..=20).map(PlaceId).collect();
    lots.sort_by_key(|place| lot(seed, public(*place)).0);
    assert_eq!(house.office().room().drawn(), 20);
    lots.push(PlaceId(21));
    assert_eq!(house.office().room().queue(), lots);
    house.later(10);
    assert_eq!(house.office().room().admitted(), 10);
    let at = |house: &House, place: usize| house.office().room().standing(lots[place], house.now).unwrap();
    assert!(matches!(at(&house, 0), Standing::Admitted(_)));
    assert_eq!(at(&house, 12), Standing::Waits(2));
    let hold = |id, place: usize| {
        let Wish::Hold { hold, person, currency, lines, code, asked, .. } = cart(id, 1) else { unreachable!() };
        Wish::Hold { hold, person, currency, lines, code, place: lots[place], asked }
    };
    assert_eq!(house.refused(cart(1, 1)), Refusal::MustWait);
    assert_eq!(house.refused(hold(1, 12)), Refusal::MustWait);
    house.done(hold(1, 0));
    assert_eq!(house.refused(hold(2, 0)), Refusal::TurnOver);
    house.reads_back();
    house.later(70);
    assert_eq!(house.refused(hold(3, 1)), Refusal::TurnOver);
    assert_eq!(house.office().room().admitted(), 21);
}

#[test]
fn an_outage_takes_nobodys_time() {
    let mut house = House::open(2);
    house.done(cart(1, 1));
    house.later(800);
    // A restart: nobody decides for an hour, then a writer claims the partition.
    house.now = house.now.saturating_add(Span::HOUR);
    house.take(FactRow::new(OrganizationId::NONE, house.now, Fact::PartitionClaimed { address: "here".into() }));
    house.run();
    assert!(house.office().hold(HoldId(1)).is_some(), "its time did not run");
    house.reads_back();
    house.later(110);
    assert!(house.office().hold(HoldId(1)).is_none());
    // The clock jumps.
    house.done(cart(2, 1));
    house.now = house.now.saturating_add(OUTAGE).saturating_add(Span::DAY);
    house.run();
    assert!(house.office().hold(HoldId(2)).is_some());
    let status = house.office().refund(RefundId(1)).map(|refund| refund.status);
    assert_ne!(status, Some(RefundStatus::Failed));
}

#[test]
fn what_an_organizer_writes_is_checked() {
    let mut house = House::open(5);
    house.sell(1, 1);
    let invalid = |house: &mut House, wish| match house.refused(wish) {
        Refusal::Invalid { field, .. } => field,
        other => panic!("{other}"),
    };
    let without = Product { tiers: vec![], ..product(1) };
    assert_eq!(invalid(&mut house, Wish::SetProduct(TICKET, without)), "tiers");
    let negative = product(-1);
    assert_eq!(invalid(&mut house, Wish::SetProduct(TICKET, negative)), "tiers[0].prices[0]");
    let sales = Sales { hold_s: 1, ..Sales::default() };
    assert_eq!(invalid(&mut house, Wish::SetSales(sales)), "hold_s");
    let twice = quota(5, &[TICKET, TICKET]);
    assert_eq!(invalid(&mut house, Wish::SetQuota(QuotaId(1), twice)), "products[1]");
}
