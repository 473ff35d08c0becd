//! The trade of box offices: offers that change, carts, orders, payments that providers tell of late or twice, refunds,
//! waiting lists; and what is due by time in between.

use std::collections::BTreeMap;

use records::booking::{
    BasisPoints, BookingFact, Choice, Door, Ending, Good, GroupDiscount, PaymentStatus, Product, ProductKind, Promo,
    PromoEffect, Provider, Quota, Reentry, RefundPolicy, Review, Sales, Scan, Tier,
};
use records::fact::By;
use records::{
    Blob, CommandId, Currency, DoorId, EventId, Fact, FactRow, GoodsId, HoldId, ItemId, Money, OrderId, OrganizationId,
    PaymentId, PayoutId, PlaceId, PromoId, QuotaId, RefundId, RequestId, TicketId, Timestamp, Token, WaitId,
};
use rules::booking::{Booking, Command, Line, Wish};
use rules::domains;
use workload::chance::Chance;

use super::{Scale, Trade};
use crate::desk::known::Known;

/// Products of a box office.
const PRODUCTS: u64 = 4;
/// The add-on, and the digital one of them.
const ADD_ON: u64 = 3;
const DIGITAL: u64 = 4;
/// Facts after which everything is counted again where there is much: a walk over everything.
const AUDIT_EVERY: u64 = 1 << 16;
/// What is counted again after each fact: as many organizations at the most.
const SMALL: u64 = 8;

pub(crate) struct BoxOffices {
    scale: Scale,
    booking: Booking,
    facts: u64,
    /// Which code each position got, told again without the product's rules.
    given: BTreeMap<(OrganizationId, EventId, OrderId, u16), GoodsId>,
    /// Where each code is, as long as its position lives.
    codes: BTreeMap<(OrganizationId, EventId, GoodsId), (OrderId, u16)>,
}

impl BoxOffices {
    pub(crate) fn new(scale: Scale) -> Self {
        Self { scale, booking: Booking::default(), facts: 0, given: BTreeMap::new(), codes: BTreeMap::new() }
    }

    /// Ids meet in a small world; in a large one they are as many as there are users.
    fn id(&self, chance: &mut Chance) -> u128 {
        1 + u128::from(chance.below(self.scale.users.max(8)))
    }

    fn offer(&self, chance: &mut Chance) -> Wish {
        // Where many buy, there is much to be bought.
        let much = self.scale.organizations > SMALL;
        match chance.below(7) {
            0..2 => product(chance),
            2 => {
                let products = (0..1 + chance.below(PRODUCTS)).map(|id| of(1 + id)).collect();
                let size = Some(chance.below(6) as u32 * if much { 1_000 } else { 1 });
                let quota = QuotaId(1 + u128::from(chance.below(3)));
                Wish::SetQuota(quota, Quota { title: "Q".into(), size, products })
            }
            3 => promo(chance),
            4 => {
                let (at_least, cheapest) = (2 + chance.below(2) as u16, Some(1).filter(|_| chance.per_mille(500)));
                let off = BasisPoints(2_500);
                Wish::SetGroupDiscounts(vec![GroupDiscount {
                    title: "G".into(),
                    products: vec![],
                    at_least,
                    off,
                    cheapest,
                }])
            }
            5 => Wish::SetDoor(
                DoorId(1),
                Door { title: "D".into(), products: vec![], reentry: Reentry::Never, times: vec![] },
            ),
            _ => Wish::SetSales(Sales {
                commission: BasisPoints(333),
                keep_commission: chance.per_mille(500),
                reprice_groups: chance.per_mille(500),
                fit_first: chance.per_mille(500),
                refunds: Some(RefundPolicy { until: None, fee: BasisPoints(1_500) }),
                review_from: Some(50),
                hold_s: 2,
                pay_s: 3,
                offer_s: 2,
                ..Sales::default()
            }),
        }
    }

    fn sale(&self, chance: &mut Chance) -> Wish {
        let id = self.id(chance);
        let asked = id as u64;
        match chance.below(11) {
            0..4 => {
                let lines = (0..1 + chance.below(2))
                    .map(|_| Line { choice: of(1 + chance.below(PRODUCTS)), count: 1 + chance.below(2) as u16 })
                    .collect();
                let (hold, person, currency, place) = (HoldId(id), Token::NONE, Currency::EUR, PlaceId::NONE);
                let code = if chance.per_mille(300) { "x".to_owned() } else { String::new() };
                Wish::Hold { hold, person, currency, lines, code, place, asked }
            }
            4..8 => Wish::PlaceOrder {
                order: OrderId(id),
                hold: HoldId(self.id(chance)),
                subject: 1,
                person: Token(asked % 3 + 1),
                sealed: Blob([7; 16].into()),
                provider: if chance.per_mille(300) { Provider::Transfer } else { Provider::Test },
                score: Some(Review { score: chance.below(100) as u32, as_of: "e1".into(), reasons: Vec::new() }),
                asked,
            },
            8 => {
                let positions = (0..chance.below(3)).map(|_| chance.below(3) as u16).collect();
                Wish::CancelOrder { order: OrderId(id), positions, why: Ending::Buyer }
            }
            9 if chance.per_mille(500) => Wish::ExtendHold(HoldId(id)),
            9 => Wish::ReleaseHold(HoldId(id)),
            _ => Wish::ApproveOrder(OrderId(id)),
        }
    }

    fn money(&self, chance: &mut Chance) -> Wish {
        let (id, order) = (self.id(chance), OrderId(self.id(chance)));
        let amount = Some(1 + chance.below(4_000).cast_signed()).filter(|_| chance.per_mille(500));
        match chance.below(15) {
            0..4 => {
                // What providers tell comes late, twice, in any order, or never.
                let told = [
                    PaymentStatus::Pending,
                    PaymentStatus::Failed,
                    PaymentStatus::Authorized,
                    PaymentStatus::Voided,
                    PaymentStatus::Captured,
                ];
                let status = told[chance.below(5) as usize];
                let captured = [0, 1_001, 2_002, 3_003, 5_000, 9_000][chance.below(6) as usize];
                let captured = if status == PaymentStatus::Captured { captured } else { 0 };
                Wish::Observe {
                    payment: PaymentId(id),
                    status,
                    captured,
                    reference: "r".into(),
                    card: Token(id as u64 % 4),
                }
            }
            4..8 => {
                let provider = if chance.per_mille(500) { Provider::Stripe } else { Provider::Test };
                Wish::StartPayment { payment: PaymentId(id), order, provider }
            }
            8..10 => Wish::Refund { refund: RefundId(id), order, amount },
            10 => Wish::SettleRefund(RefundId(id)),
            12 => Wish::TellFee { payment: PaymentId(id), fee: chance.below(300).cast_signed() },
            13 => Wish::HoldOrder {
                order,
                score: Review { score: chance.below(100) as u32, as_of: "e2".into(), reasons: Vec::new() },
            },
            11 => Wish::FailRefund { refund: RefundId(id), reason: "no".into() },
            _ => {
                let (payout, provider, currency) = (PayoutId(id), Provider::Test, Currency::EUR);
                Wish::PayOut { payout, provider, currency, amount }
            }
        }
    }

    /// Looks at tickets, late and twice, mistakes that are taken back, tickets that are replaced.
    fn door(&self, at: (OrganizationId, EventId), chance: &mut Chance) -> Wish {
        let door = DoorId(1);
        let Some(office) = self.booking.office(at.0, at.1) else { return Wish::Scan { door, scans: vec![] } };
        let (order, place) = (OrderId(self.id(chance)), chance.below(3) as usize);
        let ticket = office.order(order).and_then(|order| order.tickets.get(place)).copied().unwrap_or(TicketId(1));
        match chance.below(10) {
            0 => Wish::Reissue { ticket, revision: chance.below(2) as u32 },
            1..3 => {
                let seen = office.doors().seen(door, ticket);
                let scan = seen.get(chance.below(3) as usize).map_or(CommandId(1), |seen| seen.scan);
                Wish::VoidScan { door, ticket, scan }
            }
            _ => {
                let scan = |chance: &mut Chance| Scan {
                    scan: CommandId(self.id(chance)),
                    ticket,
                    revision: chance.below(5) as u32 / 4,
                    scanned: Timestamp::from_seconds(chance.below(60).cast_signed()),
                    exit: chance.per_mille(250),
                    gate: String::new(),
                    device: String::new(),
                };
                Wish::Scan { door, scans: (0..1 + chance.below(3)).map(|_| scan(chance)).collect() }
            }
        }
    }

    /// Codes that are laid in stock or taken out, and buyers who want their money back.
    fn stock(&self, chance: &mut Chance) -> Wish {
        let (id, request) = (self.id(chance), RequestId(self.id(chance)));
        match chance.below(8) {
            0..3 => {
                let good = |id| Good { goods: GoodsId(id), sealed: Blob([7; 16].into()) };
                let goods = (id * 3..id * 3 + 1 + u128::from(chance.below(4))).map(good).collect();
                Wish::AddGoods { choice: of(DIGITAL), goods }
            }
            3 => Wish::WithdrawGoods(vec![GoodsId(id * 3)]),
            4..6 => {
                let positions = (0..chance.below(3)).map(|_| chance.below(3) as u16).collect();
                Wish::RequestRefund { request, order: OrderId(id), positions, sealed: Blob([7; 16].into()) }
            }
            _ => {
                let fee = Some(chance.below(3_000).cast_signed()).filter(|_| chance.per_mille(500));
                Wish::AnswerRequest { request, granted: chance.per_mille(600), words: String::new(), fee }
            }
        }
    }

    /// A position gets one code, once; a code is with one position that lives.
    fn judge_codes(&mut self, row: &FactRow) -> Result<(), String> {
        let Some(Fact::Booking(fact)) = row.known() else { return Ok(()) };
        let (organization, event) = (row.organization, fact.event());
        match fact {
            BookingFact::GoodsDelivered { order, position, goods, .. } => {
                let twice = self.given.insert((organization, event, *order, *position), *goods);
                let elsewhere = self.codes.insert((organization, event, *goods), (*order, *position));
                if twice.is_some() || elsewhere.is_some() {
                    return Err(format!("code {goods} went to {order}/{position}, after {twice:?} and {elsewhere:?}"));
                }
            }
            BookingFact::OrderCancelled { order, positions, .. } => {
                for position in positions {
                    let had = self.given.get(&(organization, event, *order, *position));
                    had.and_then(|goods| self.codes.remove(&(organization, event, *goods)));
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn wait(&self, chance: &mut Chance) -> Wish {
        let id = self.id(chance);
        if chance.per_mille(500) {
            return Wish::LeaveWaitlist(WaitId(id));
        }
        Wish::Wait {
            wait: WaitId(id),
            choice: of(1 + chance.below(2)),
            party: 1 + chance.below(2) as u16,
            currency: Currency::EUR,
            subject: 1,
            person: Token(id as u64),
            sealed: Blob([7; 16].into()),
        }
    }
}

fn eur(minor: i64) -> Money {
    Money { minor, currency: Currency::EUR }
}

fn of(product: u64) -> Choice {
    Choice { product: ItemId(u128::from(product)), ..Choice::default() }
}

fn product(chance: &mut Chance) -> Wish {
    let (id, price) = (1 + chance.below(PRODUCTS), chance.below(4).cast_signed());
    let count = Some(1 + chance.below(3) as u32).filter(|_| chance.per_mille(300));
    let tier = |price, count| Tier { title: "T".into(), prices: vec![eur(price * 1_001)], count, ..Tier::default() };
    let (kind, with) = match id {
        ADD_ON => (ProductKind::AddOn, vec![ItemId(1)]),
        DIGITAL => (ProductKind::Digital, vec![]),
        _ => (ProductKind::Admission, vec![]),
    };
    let (tiers, waitlist, tax) =
        (vec![tier(price, count), tier(price + 1, None)], chance.per_mille(500), BasisPoints(700));
    Wish::SetProduct(
        ItemId(u128::from(id)),
        Product {
            title: "P".into(),
            kind,
            tiers,
            with,
            waitlist,
            tax,
            reuse: waitlist,
            per_person: (id == 2).then_some(4),
            ..Product::default()
        },
    )
}

fn promo(chance: &mut Chance) -> Wish {
    let (uses, budget) = (Some(chance.below(3) as u32), Some(eur(chance.below(5_000).cast_signed())));
    let (code, effect) = ("X".into(), PromoEffect::Percent(BasisPoints(3_333)));
    let (products, per_person, positions, from, until, withdrawn) = (vec![], Some(1), None, None, None, false);
    Wish::SetPromo(
        PromoId(1),
        Promo { code, effect, products, uses, per_person, positions, budget, from, until, withdrawn },
    )
}

impl Trade for BoxOffices {
    /// Most of what must never go wrong goes wrong here.
    fn weight(&self) -> u64 {
        3
    }

    fn ask(&mut self, _: &Known, _: Timestamp, chance: &mut Chance) -> domains::Command {
        // In a small world so few that something is for sale soon.
        let is_small = self.scale.organizations <= SMALL;
        let (organizations, events) = if is_small { (2, 1) } else { (self.scale.organizations, self.scale.events) };
        let organization = OrganizationId(1_000 + u128::from(chance.below(organizations)));
        let event = EventId(1 + u128::from(chance.below(events)));
        let wish = match chance.below(44) {
            // Rarely where much is sold: an offer is decided on once.
            0..6 if is_small || chance.per_mille(20) => self.offer(chance),
            0..24 => self.sale(chance),
            24..34 => self.money(chance),
            34..37 => self.stock(chance),
            37..41 => self.door((organization, event), chance),
            _ => self.wait(chance),
        };
        let by = Some(By::Operator);
        domains::Command { by, order: domains::Order::Booking(Command { organization, event, wish }) }
    }

    fn judge(&mut self, row: &FactRow) -> Result<(), String> {
        self.judge_codes(row)?;
        self.booking.apply(row);
        self.facts += 1;
        if self.scale.organizations > SMALL && !self.facts.is_multiple_of(AUDIT_EVERY) {
            return Ok(());
        }
        self.booking.audit().first().map_or(Ok(()), |fault| Err(format!("a box office does not add up: {fault}")))
    }
}
