//! Laws that hold for any commands, in any order, with anything that time does: found by chance, not by stories.

use proptest::prelude::*;
use records::booking::{
    BasisPoints, Choice, Door, Ending, Good, GroupDiscount, PaymentStatus, Product, ProductKind, Promo, PromoEffect,
    Provider, Quota, Reentry, RefundPolicy, Review, Sales, Scan, TaxRounding, Tier,
};
use records::{
    Blob, CommandId, Currency, DoorId, EventId, Fact, FactRow, GoodsId, HoldId, ItemId, Money, OrderId, OrganizationId,
    PaymentId, PayoutId, PlaceId, PromoId, QuotaId, RefundId, RequestId, Span, Timestamp, Token, WaitId,
};

use super::{Booking, Command, Line, Wish};

/// One thing that happens: somebody asks, or time passes.
#[derive(Debug, Clone)]
pub(crate) enum Step {
    Ask(Wish),
    Pass { seconds: i64, awake: bool },
}

fn eur(minor: i64) -> Money {
    Money { minor, currency: Currency::EUR }
}

fn of(product: u128) -> Choice {
    Choice { product: ItemId(product), ..Choice::default() }
}

fn product() -> impl Strategy<Value = Wish> {
    (1..=4u128, 0..4i64, proptest::option::of(1..4u32), any::<bool>()).prop_map(|(id, price, count, waitlist)| {
        let tier =
            |price, count| Tier { title: "T".into(), prices: vec![eur(price * 1_001)], count, ..Tier::default() };
        let (kind, with) = match id {
            3 => (ProductKind::AddOn, vec![ItemId(1)]),
            4 => (ProductKind::Digital, vec![]),
            _ => (ProductKind::Admission, vec![]),
        };
        let (reuse, per_person) = (waitlist, (id == 2).then_some(3));
        let tiers = vec![tier(price, count), tier(price + 1, None)];
        let tax = BasisPoints([700, 1_900, 0, 1_900][id as usize - 1]);
        let product =
            Product { title: "P".into(), kind, tiers, with, waitlist, reuse, per_person, tax, ..Product::default() };
        Wish::SetProduct(ItemId(id), product)
    })
}

fn offer() -> impl Strategy<Value = Wish> {
    let quota =
        (1..=3u128, 0..6u32, proptest::sample::subsequence(vec![1u128, 2, 3, 4], 1..=4)).prop_map(|(id, size, of_)| {
            let products = of_.into_iter().map(of).collect();
            Wish::SetQuota(QuotaId(id), Quota { title: "Q".into(), size: Some(size), products })
        });
    let promo = (0..3u32, 0..5_000i64).prop_map(|(uses, budget)| {
        let effect = PromoEffect::Percent(BasisPoints(3_333));
        let (budget, per_person) = (Some(eur(budget)), Some(1));
        let (products, positions, from, until) = (vec![], None, None, None);
        let (code, uses, withdrawn) = ("X".into(), Some(uses), false);
        let promo = Promo { code, effect, products, uses, per_person, positions, budget, from, until, withdrawn };
        Wish::SetPromo(PromoId(1), promo)
    });
    let sales = (any::<bool>(), any::<bool>(), any::<bool>(), 0..3u8).prop_map(|(keep, reprice, fit, rounding)| {
        let tax_rounding =
            [TaxRounding::Line, TaxRounding::SumByNet, TaxRounding::SumByNetKeepGross][usize::from(rounding)];
        let sales = Sales {
            commission: BasisPoints(333),
            keep_commission: keep,
            reprice_groups: reprice,
            fit_first: fit,
            tax_rounding,
            refunds: Some(RefundPolicy { until: None, fee: BasisPoints(1_500) }),
            review_from: Some(50),
            hold_s: 60,
            pay_s: 90,
            offer_s: 60,
            ..Sales::default()
        };
        Wish::SetSales(sales)
    });
    let groups = (2..4u16, proptest::option::of(1..2u16)).prop_map(|(at_least, cheapest)| {
        let group = GroupDiscount { title: "G".into(), products: vec![], at_least, off: BasisPoints(2_500), cheapest };
        Wish::SetGroupDiscounts(vec![group])
    });
    prop_oneof![product(), quota, promo, sales, groups]
}

fn sale() -> impl Strategy<Value = Wish> {
    let lines = proptest::collection::vec((1..=4u128, 1..3u16), 1..3);
    let hold = (1..9u128, lines, any::<bool>()).prop_map(|(id, lines, coded)| {
        let lines = lines.into_iter().map(|(product, count)| Line { choice: of(product), count }).collect();
        let (hold, person, currency, place) = (HoldId(id), Token::NONE, Currency::EUR, PlaceId::NONE);
        let code = if coded { "x".to_owned() } else { String::new() };
        Wish::Hold { hold, person, currency, lines, code, place, asked: id as u64 }
    });
    let order =
        (1..9u128, 1..9u128, 0..100u32, any::<bool>()).prop_map(|(order, hold, score, transfer)| Wish::PlaceOrder {
            order: OrderId(order),
            hold: HoldId(hold),
            subject: 1,
            person: Token(order as u64 % 3 + 1),
            sealed: Blob::default(),
            provider: if transfer { Provider::Transfer } else { Provider::Test },
            score: Some(Review { score, as_of: "e1".into(), reasons: Vec::new() }),
            asked: order as u64,
        });
    let cancel = (1..9u128, proptest::collection::vec(0..3u16, 0..3))
        .prop_map(|(order, positions)| Wish::CancelOrder { order: OrderId(order), positions, why: Ending::Buyer });
    prop_oneof![
        4 => hold,
        4 => order,
        1 => cancel,
        1 => (1..9u128).prop_map(|id| Wish::ExtendHold(HoldId(id))),
        1 => (1..9u128).prop_map(|id| Wish::ReleaseHold(HoldId(id))),
        1 => (1..9u128).prop_map(|id| Wish::ApproveOrder(OrderId(id))),
    ]
}

fn money() -> impl Strategy<Value = Wish> {
    let status = proptest::sample::select(vec![
        PaymentStatus::Pending,
        PaymentStatus::Failed,
        PaymentStatus::Authorized,
        PaymentStatus::Voided,
        PaymentStatus::Captured,
    ]);
    let told = (1..12u128, status, proptest::sample::select(vec![0, 1_001, 2_002, 3_003, 5_000, 9_000]));
    let observe = told.prop_map(|(id, status, captured)| Wish::Observe {
        payment: PaymentId(id),
        status,
        captured: if status == PaymentStatus::Captured { captured } else { 0 },
        reference: "r".into(),
        card: Token::NONE,
    });
    let start = (1..12u128, 1..9u128, any::<bool>()).prop_map(|(id, order, stripe)| Wish::StartPayment {
        payment: PaymentId(id),
        order: OrderId(order),
        provider: if stripe { Provider::Stripe } else { Provider::Test },
    });
    let fee = (1..12u128, -5..500i64).prop_map(|(id, fee)| Wish::TellFee { payment: PaymentId(id), fee });
    let held = (1..9u128, 0..100u32).prop_map(|(order, score)| Wish::HoldOrder {
        order: OrderId(order),
        score: Review { score, as_of: "e2".into(), reasons: Vec::new() },
    });
    let refund = (1..9u128, 1..9u128, proptest::option::of(1..4_000i64)).prop_map(|(id, order, amount)| Wish::Refund {
        refund: RefundId(id),
        order: OrderId(order),
        amount,
    });
    let payout = (1..5u128, proptest::option::of(1..4_000i64)).prop_map(|(id, amount)| {
        let (provider, currency) = (Provider::Test, Currency::EUR);
        Wish::PayOut { payout: PayoutId(id), provider, currency, amount }
    });
    prop_oneof![
        4 => observe,
        4 => start,
        2 => refund,
        1 => (1..9u128).prop_map(|id| Wish::SettleRefund(RefundId(id))),
        1 => (1..9u128).prop_map(|id| Wish::FailRefund { refund: RefundId(id), reason: "no".into() }),
        1 => payout,
        1 => fee,
        1 => held,
    ]
}

fn stock() -> impl Strategy<Value = Wish> {
    let add = (1..20u128, 1..5u128).prop_map(|(from, count)| {
        let good = |id| Good { goods: GoodsId(id), sealed: Blob::default() };
        Wish::AddGoods { choice: of(4), goods: (from..from + count).map(good).collect() }
    });
    let withdraw = (1..24u128).prop_map(|id| Wish::WithdrawGoods(vec![GoodsId(id)]));
    let request = (1..9u128, 1..9u128, proptest::collection::vec(0..3u16, 0..3)).prop_map(|(id, order, positions)| {
        Wish::RequestRefund { request: RequestId(id), order: OrderId(order), positions, sealed: Blob::default() }
    });
    let answer = (1..9u128, any::<bool>(), proptest::option::of(0..3_000i64)).prop_map(|(id, granted, fee)| {
        Wish::AnswerRequest { request: RequestId(id), granted, words: String::new(), fee }
    });
    prop_oneof![3 => add, 1 => withdraw, 2 => request, 2 => answer]
}

pub(crate) fn step() -> impl Strategy<Value = Step> {
    let wait = (1..6u128, 1..3u128, 1..3u16).prop_map(|(id, product, party)| Wish::Wait {
        wait: WaitId(100 + id),
        choice: of(product),
        party,
        currency: Currency::EUR,
        subject: 1,
        person: Token(id as u64),
        sealed: Blob::default(),
    });
    prop_oneof![
        3 => offer().prop_map(Step::Ask),
        8 => sale().prop_map(Step::Ask),
        6 => money().prop_map(Step::Ask),
        3 => stock().prop_map(Step::Ask),
        1 => wait.prop_map(Step::Ask),
        1 => (1..6u128).prop_map(|id| Step::Ask(Wish::LeaveWaitlist(WaitId(100 + id)))),
        3 => (1..80i64, proptest::bool::weighted(0.9)).prop_map(|(seconds, awake)| Step::Pass { seconds, awake }),
    ]
}

pub(crate) const ACME: OrganizationId = OrganizationId(7);

/// What happens, with everything that is due in between; panics when something does not hold.
pub(crate) fn run(steps: Vec<Step>) -> (Booking, Vec<FactRow>) {
    let (mut booking, mut log, mut now) = (Booking::default(), Vec::new(), Timestamp::from_seconds(1_000));
    let mut take = |booking: &mut Booking, row: FactRow| {
        booking.apply(&row);
        let faults = booking.audit();
        assert!(faults.is_empty(), "{faults:?} after {row:#?}");
        log.push(row);
    };
    for step in steps {
        match step {
            Step::Ask(wish) => {
                let command = Command { organization: ACME, event: EventId(3), wish };
                let Ok(facts) = booking.decide(&command, now) else { continue };
                facts.into_iter().for_each(|fact| take(&mut booking, FactRow::new(ACME, now, fact.into())));
            }
            Step::Pass { seconds, awake } => {
                let end = now.saturating_add(Span::from_seconds(seconds));
                while awake && now < end {
                    now = now.saturating_add(super::BEAT).min(end);
                    while let Some(row) = booking.due(now) {
                        take(&mut booking, row);
                    }
                }
                if !awake {
                    now = end;
                    let claimed = Fact::PartitionClaimed { address: "here".into() };
                    take(&mut booking, FactRow::new(OrganizationId::NONE, now, claimed));
                }
            }
        }
        while let Some(row) = booking.due(now) {
            take(&mut booking, row);
        }
    }
    (booking, log)
}

pub(crate) fn cases() -> ProptestConfig {
    let cases = std::env::var("EVENTRA_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(200);
    ProptestConfig { cases, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(cases())]

    #[test]
    fn everything_adds_up_after_every_fact_and_the_log_alone_leads_there(steps in proptest::collection::vec(step(), 1..150)) {
        let (booking, log) = run(steps);
        let stored = serde_json::to_vec(&booking.stored()).unwrap();
        let mut replayed = Booking::default();
        log.iter().for_each(|row| replayed.apply(row));
        prop_assert_eq!(&serde_json::to_vec(&replayed.stored()).unwrap(), &stored);
        let restored = Booking::restore(serde_json::from_slice(&stored).unwrap());
        prop_assert_eq!(&serde_json::to_vec(&restored.stored()).unwrap(), &stored);
        prop_assert!(restored.offices == booking.offices && restored.deadlines == booking.deadlines);
    }

    /// Fifty devices without a connection tell in any order: the list ends alike, and each ticket let in once is told so.
    #[test]
    fn devices_that_were_offline_merge_to_the_same_list(
        looks in proptest::collection::vec((0..4usize, 0..20i64, 0..50u32, any::<bool>()), 1..60),
        order in any::<u64>(),
        reentry in proptest::sample::select(vec![Reentry::Never, Reentry::AfterExit, Reentry::Always]),
    ) {
        let (mut house, tickets) = sold(reentry);
        let mut other = house.clone();
        let scans: Vec<Scan> = looks.iter().enumerate().map(|(id, (ticket, at, device, exit))| Scan {
            scan: CommandId(id as u128 + 1),
            ticket: tickets[*ticket],
            revision: 0,
            scanned: Timestamp::from_seconds(*at),
            exit: *exit && reentry != Reentry::Never,
            gate: "G".into(),
            device: format!("d{device}"),
        }).collect();
        let mut shuffled = scans.clone();
        shuffled.sort_by_key(|scan| records::hash::join(order, scan.scan.0 as u64));
        tell(&mut house, scans.chunks(7));
        tell(&mut other, shuffled.chunks(3));
        let office = |booking: &Booking| booking.office(ACME, EventId(3)).unwrap().doors().clone();
        prop_assert_eq!(office(&house), office(&other));
        prop_assert!(house.audit().is_empty());
        if reentry == Reentry::Never {
            let distinct: std::collections::BTreeSet<_> = looks.iter().map(|look| look.0).collect();
            prop_assert_eq!(office(&house).count(DoorId(1)).admitted as usize, distinct.len());
        }
    }
}

fn tell<'a>(booking: &mut Booking, batches: impl Iterator<Item = &'a [Scan]>) {
    for scans in batches {
        let wish = Wish::Scan { door: DoorId(1), scans: scans.to_vec() };
        let facts = booking.decide(&Command { organization: ACME, event: EventId(3), wish }, Timestamp(5)).unwrap();
        facts.into_iter().for_each(|fact| booking.apply(&FactRow::new(ACME, Timestamp(5), fact.into())));
    }
}

/// A box office with a door and four tickets that were sold.
fn sold(reentry: Reentry) -> (Booking, Vec<records::TicketId>) {
    let tier = Tier { title: "T".into(), prices: vec![eur(0)], ..Tier::default() };
    let product = Product { title: "P".into(), tiers: vec![tier], ..Product::default() };
    let (hold, person, currency) = (HoldId(1), Token::NONE, Currency::EUR);
    let lines = vec![Line { choice: of(1), count: 4 }];
    let (code, place, asked, sealed) = (String::new(), PlaceId::NONE, 1, Blob::default());
    let (order, subject, provider, score) = (OrderId(1), 1, Provider::Free, None);
    let wishes = [
        Wish::SetProduct(ItemId(1), product),
        Wish::SetQuota(QuotaId(1), Quota { title: "Q".into(), size: Some(9), products: vec![of(1)] }),
        Wish::SetDoor(DoorId(1), Door { title: "D".into(), products: vec![], reentry, times: vec![] }),
        Wish::Hold { hold, person, currency, lines, code, place, asked },
        Wish::PlaceOrder { order, hold, subject, person, sealed, provider, score, asked },
    ];
    let (booking, _) = run(wishes.into_iter().map(Step::Ask).collect());
    let tickets = booking.office(ACME, EventId(3)).unwrap().order(OrderId(1)).unwrap().tickets.clone();
    (booking, tickets)
}
