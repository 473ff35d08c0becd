//! Codes that are sold, flash sales, tickets that let in at some time only, and buyers who want their money back.

use records::booking::{Good, RefundPolicy};
use records::{GoodsId, RequestId};

use super::*;
use crate::booking::goods::Lot;

fn goods(ids: std::ops::Range<u128>) -> Wish {
    let goods = ids.map(|id| Good { goods: GoodsId(id), sealed: Blob([id as u8].into()) });
    Wish::AddGoods { choice: of(TICKET), goods: goods.collect() }
}

/// As [`House::open`], but the ticket is a code that anybody may sell as often as there are some.
fn digital(reuse: bool) -> House {
    let mut house = House::open(1_000);
    house.done(Wish::SetProduct(TICKET, Product { kind: ProductKind::Digital, reuse, ..product(10_000) }));
    house
}

fn given(house: &House, order: u128) -> Vec<(u16, u128)> {
    house.office().goods().of_order(OrderId(order)).map(|(position, id, _)| (position, id.0)).collect()
}

fn cancel(order: u128, positions: Vec<u16>) -> Wish {
    Wish::CancelOrder { order: OrderId(order), positions, why: Ending::Organizer }
}

#[test]
fn a_code_goes_to_one_position_right_after_the_sale() {
    let mut house = digital(false);
    assert_eq!(house.refused(cart(1, 1)), Refusal::SoldOut, "nothing is in stock");
    house.done(goods(1..4));
    assert_eq!(house.ask(goods(1..4)), Ok(vec![]), "the same codes again");
    assert_eq!(house.left(), 3);
    assert_eq!(house.refused(cart(1, 4)), Refusal::FewLeft(3));
    house.done(cart(1, 2));
    assert_eq!(house.left(), 1, "a cart holds codes, too");
    house.done(order(1, 1, Provider::Test));
    house.done(start(1, 1));
    house.run();
    assert_eq!(given(&house, 1), [], "not before it is paid");
    house.done(told(1, PaymentStatus::Captured, 20_000));
    house.run();
    assert_eq!(given(&house, 1), [(0, 1), (1, 2)]);
    assert!(house.order(1).tickets.iter().all(|ticket| !ticket.is_some()), "nobody is let in with a code");
    house.sell(2, 1);
    house.run();
    assert_eq!((given(&house, 2), house.left()), (vec![(0, 3)], 0));
    let delivered =
        house.log.iter().filter(|row| matches!(row.known(), Some(Fact::Booking(BookingFact::GoodsDelivered { .. }))));
    assert_eq!(delivered.count(), 3);
    house.reads_back();
}

#[test]
fn a_code_that_was_delivered_is_spent_when_it_is_cancelled_and_one_that_can_be_voided_is_sold_again() {
    for reuse in [false, true] {
        let mut house = digital(reuse);
        house.done(goods(1..3));
        house.sell(1, 2);
        house.run();
        house.done(cancel(1, vec![0]));
        house.run();
        let lot = house.office().goods().item(GoodsId(1)).unwrap().lot;
        assert_eq!(lot, if reuse { Lot::Free } else { Lot::Spent(OrderId(1), 0) });
        assert_eq!(house.left(), u64::from(reuse));
        if reuse {
            house.sell(2, 1);
            house.run();
            assert_eq!(given(&house, 2), [(0, 1)]);
        } else {
            assert_eq!(house.refused(cart(2, 1)), Refusal::SoldOut);
            house.done(goods(9..10));
            house.sell(2, 1);
            house.run();
            assert_eq!(given(&house, 2), [(0, 9)]);
        }
        house.reads_back();
    }
}

#[test]
fn what_is_held_is_not_taken_out_of_stock_and_what_is_sold_stays_what_it_is() {
    let mut house = digital(false);
    house.done(goods(1..4));
    house.done(cart(1, 2));
    let withdraw = |ids: &[u128]| Wish::WithdrawGoods(ids.iter().copied().map(GoodsId).collect());
    assert_eq!(house.refused(withdraw(&[1, 2])), Refusal::GoodsHeld);
    house.done(withdraw(&[2]));
    assert_eq!((house.left(), house.refused(withdraw(&[77]))), (0, Refusal::NoGoods));
    let plain = Wish::SetProduct(TICKET, Product { kind: ProductKind::Goods, ..product(10_000) });
    assert_eq!(house.refused(plain).code(), "invalid");
    house.done(order(1, 1, Provider::Test));
    house.done(start(1, 1));
    house.done(told(1, PaymentStatus::Captured, 20_000));
    house.run();
    assert_eq!(given(&house, 1), [(0, 1), (1, 3)]);
    assert_eq!(house.refused(withdraw(&[1])), Refusal::GoodsGone);
    let wrong = Wish::AddGoods { choice: of(WORKSHOP), goods: vec![] };
    assert_eq!(house.refused(wrong).code(), "invalid");
    house.reads_back();
}

#[test]
fn a_flash_sale_has_a_beginning_an_end_a_stock_and_a_bound_for_each_person() {
    let mut house = House::open(100);
    let at = |seconds| Some(Timestamp::from_seconds(seconds));
    let flash = Tier {
        title: "Flash".into(),
        prices: vec![eur(4_000)],
        original: vec![eur(10_000)],
        from: at(1_100),
        until: at(1_200),
        count: Some(3),
    };
    let usual = product(10_000).tiers.remove(0);
    let spec = Product { tiers: vec![flash, usual], per_person: Some(2), ..product(10_000) };
    house.done(Wish::SetProduct(TICKET, spec));
    let price = |house: &House| {
        let (catalogue, office) = (house.office().catalogue(), house.office());
        office.tier_now(TICKET, &catalogue.products()[&TICKET], house.now).unwrap().prices[0].minor
    };
    assert_eq!(price(&house), 10_000);
    house.later(100);
    assert_eq!(price(&house), 4_000);
    house.done(cart(1, 2));
    house.done(cart(2, 2));
    assert_eq!(house.office().hold(HoldId(2)).unwrap().positions.iter().map(|of| of.price).sum::<i64>(), 14_000);
    house.done(order(1, 1, Provider::Test));
    let same = |wish| match wish {
        Wish::PlaceOrder { order, hold, subject, sealed, provider, score, asked, .. } => {
            Wish::PlaceOrder { order, hold, subject, person: Token(1), sealed, provider, score, asked }
        }
        wish => wish,
    };
    assert_eq!(house.refused(same(order(2, 2, Provider::Test))), Refusal::PersonHasEnough(2));
    house.done(order(2, 2, Provider::Test));
    house.done(Wish::CancelOrder { order: OrderId(1), positions: vec![], why: Ending::Buyer });
    house.done(cart(3, 1));
    house.done(same(order(3, 3, Provider::Test)));
    house.later(100);
    assert_eq!(price(&house), 10_000, "it is over");
    house.reads_back();
}

#[test]
fn a_ticket_lets_in_within_its_time_only() {
    let mut house = House::open(10);
    let (from, until) = (Some(Timestamp::from_seconds(2_000)), Some(Timestamp::from_seconds(3_000)));
    house.done(Wish::SetProduct(TICKET, Product { valid_from: from, valid_until: until, ..product(10_000) }));
    house.done(Wish::SetDoor(DoorId(1), Door { title: "D".into(), reentry: Reentry::Always, ..Door::default() }));
    let ticket = house.sell(1, 1)[0];
    let mut look = |id, at, exit| {
        let scanned = Timestamp::from_seconds(at);
        let (gate, device) = (String::new(), String::new());
        let scan = Scan { scan: CommandId(id), ticket, revision: 0, scanned, exit, gate, device };
        house.done(Wish::Scan { door: DoorId(1), scans: vec![scan] });
        let seen = house.office().doors().seen(DoorId(1), ticket);
        seen.iter().find(|seen| seen.scan == CommandId(id)).unwrap().outcome
    };
    assert_eq!(look(1, 1_999, false), ScanOutcome::TooEarly);
    assert_eq!(look(2, 2_000, false), ScanOutcome::Admitted);
    assert_eq!(look(3, 3_000, false), ScanOutcome::TooLate);
    assert_eq!(look(4, 3_001, true), ScanOutcome::Left, "whoever is in may leave");
    let wrong = Product { valid_from: until, valid_until: from, ..product(10_000) };
    assert_eq!(house.refused(Wish::SetProduct(TICKET, wrong)).code(), "invalid");
    house.reads_back();
}

fn request(id: u128, order: u128, positions: Vec<u16>) -> Wish {
    Wish::RequestRefund { request: RequestId(id), order: OrderId(order), positions, sealed: Blob([7].into()) }
}

fn answer(id: u128, granted: bool, fee: Option<i64>) -> Wish {
    Wish::AnswerRequest { request: RequestId(id), granted, words: "as you wish".into(), fee }
}

fn refunds(until: Option<i64>) -> Wish {
    let policy = RefundPolicy { until: until.map(Timestamp::from_seconds), fee: BasisPoints(1_000) };
    Wish::SetSales(Sales { refunds: Some(policy), ..Sales::default() })
}

#[test]
fn a_buyer_asks_for_money_back_and_gets_it_less_the_fee() {
    let mut house = House::open(10);
    house.sell(1, 3);
    assert_eq!(house.refused(request(1, 1, vec![0])), Refusal::NoRefunds);
    house.done(refunds(Some(2_000)));
    assert_eq!(house.refused(request(1, 1, vec![9])), Refusal::NoPosition);
    house.done(request(1, 1, vec![0, 1]));
    assert_eq!(house.ask(request(1, 1, vec![0, 1])), Ok(vec![]));
    assert_eq!(house.refused(request(2, 1, vec![2])), Refusal::RequestOpen);
    assert_eq!(house.left(), 7, "asking cancels nothing");
    house.done(answer(1, true, None));
    assert_eq!(house.ask(answer(1, true, None)), Ok(vec![]));
    assert_eq!(house.refused(answer(1, false, None)), Refusal::RequestAnswered);
    house.run();
    let sold = house.order(1);
    assert_eq!((sold.fees, sold.paid, sold.owed(), house.left()), (2_000, 12_000, 12_000, 9));
    let back = house.office().refund(sold.refunds[0]).unwrap();
    assert_eq!((back.amount, back.why, sold.refunds.len()), (18_000, RefundReason::Asked, 1));
    house.done(Wish::SettleRefund(house.order(1).refunds[0]));
    assert_eq!((house.balance(Account::Receivable), house.balance(Account::Provider(Provider::Test))), (0, 12_000));
    // The third one goes without a fee, and the fee of the others stays.
    house.done(request(3, 1, vec![]));
    house.done(answer(3, true, Some(0)));
    house.run();
    assert_eq!((house.order(1).status, house.order(1).paid), (OrderStatus::Ended(Ending::Buyer), 2_000));
    assert_eq!(house.balance(Account::Sales) + house.balance(Account::Tax), -2_000);
    house.reads_back();
}

#[test]
fn a_refund_is_declined_with_words_or_comes_too_late() {
    let mut house = House::open(10);
    house.done(refunds(Some(2_000)));
    house.done(Wish::SetDoor(DoorId(1), Door { title: "D".into(), ..Door::default() }));
    let tickets = house.sell(1, 2);
    house.done(request(1, 1, vec![0]));
    house.done(answer(1, false, None));
    let asked = house.office().request_of(RequestId(1)).unwrap().clone();
    assert_eq!(asked.answer.map(|answer| (answer.granted, answer.words)), Some((false, "as you wish".into())));
    assert_eq!(house.left(), 8);
    // Whoever was let in does not get money back by asking.
    let scan = Scan {
        scan: CommandId(1),
        ticket: tickets[0],
        revision: 0,
        scanned: house.now,
        exit: false,
        gate: String::new(),
        device: String::new(),
    };
    house.done(Wish::Scan { door: DoorId(1), scans: vec![scan] });
    assert_eq!(house.refused(request(2, 1, vec![])), Refusal::TicketUsed);
    house.done(cart(5, 1));
    house.done(order(5, 5, Provider::Test));
    assert_eq!(house.refused(request(3, 5, vec![])), Refusal::OrderNotPaid);
    house.later(1_001);
    assert_eq!(house.refused(request(2, 1, vec![1])), Refusal::RefundsOver);
    assert_eq!(house.refused(answer(9, true, None)), Refusal::NoRequest);
    house.reads_back();
}
