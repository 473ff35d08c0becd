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

use super::hall::Halls;
use super::{Scale, Trade};
use crate::desk::known::Known;
use crate::desk::lately::Offices;

/// Products of a box office.
const PRODUCTS: u64 = 4;
/// The add-on, and the digital one of them.
const ADD_ON: u64 = 3;
const DIGITAL: u64 = 4;
/// Facts after which everything is counted again where there is much: a walk over everything.
const AUDIT_EVERY: u64 = 1 << 13;
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
    halls: Halls,
    made: u128,
    /// How far each box office has been furnished.
    furnished: BTreeMap<At, u64>,
}

type At = (OrganizationId, EventId);

impl BoxOffices {
    pub(crate) fn new(scale: Scale) -> Self {
        Self {
            scale,
            booking: Booking::default(),
            facts: 0,
            given: BTreeMap::new(),
            codes: BTreeMap::new(),
            halls: Halls::default(),
            made: 0,
            furnished: BTreeMap::new(),
        }
    }

    /// Ids meet in a small world; in a large one they are as many as there are users.
    fn id(&self, chance: &mut Chance) -> u128 {
        1 + u128::from(chance.below(self.scale.users.max(8)))
    }

    /// Something that there is, or anything.
    fn some<T>(&self, of: impl Fn(u128) -> T, found: Option<T>, chance: &mut Chance) -> T {
        found.unwrap_or_else(|| of(self.id(chance)))
    }

    /// The id of something new, which nobody has used before; now and then one that somebody may have.
    fn fresh(&mut self, chance: &mut Chance) -> u128 {
        if chance.per_mille(100) {
            return self.id(chance);
        }
        self.made += 1;
        (1 << 32) + self.made
    }

    /// What an organizer sets before anybody can buy.
    fn furnish(&mut self, at: At, chance: &mut Chance) -> Option<Wish> {
        let step = self.furnished.entry(at).or_default();
        *step += 1;
        Some(match *step {
            1 => sales(chance),
            2..=5 => product(*step - 1, chance),
            6 => {
                let products = (1..=PRODUCTS).map(of).collect();
                let most = if self.scale.organizations > SMALL { 1_000 } else { 12 };
                let size = Some(chance.between(most / 3, most) as u32);
                Wish::SetQuota(QuotaId(1), Quota { title: "Q".into(), size, products })
            }
            7 => promo(chance),
            8 => Wish::SetDoor(
                DoorId(1),
                Door { title: "D".into(), products: vec![], reentry: Reentry::Never, times: vec![] },
            ),
            _ => return None,
        })
    }

    fn offer(&self, chance: &mut Chance) -> Wish {
        // Where many buy, there is much to be bought.
        let much = self.scale.organizations > SMALL;
        match chance.below(7) {
            0..2 => product(1 + chance.below(PRODUCTS), chance),
            2 => {
                let products = (0..1 + chance.below(PRODUCTS)).map(|id| of(1 + id)).collect();
                let size = Some(chance.below(6) as u32 * if much { 40 } else { 1 });
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
            _ => sales(chance),
        }
    }

    fn sale(&mut self, known: &Offices, at: At, chance: &mut Chance) -> Wish {
        let id = self.fresh(chance);
        let (asked, order) = (id as u64, self.some(OrderId, known.any(at, |lately| &lately.orders, chance), chance));
        let hold = self.some(HoldId, known.any(at, |lately| &lately.holds, chance), chance);
        match chance.below(11) {
            0..5 => {
                let lines = (0..1 + chance.below(2))
                    .map(|_| Line { choice: of(1 + chance.below(PRODUCTS)), count: 1 + chance.below(2) as u16 })
                    .collect();
                let (hold, person, currency, place) = (HoldId(id), Token::NONE, Currency::EUR, PlaceId::NONE);
                let code = if chance.per_mille(300) { "x".to_owned() } else { String::new() };
                Wish::Hold { hold, person, currency, lines, code, place, asked }
            }
            5..8 => Wish::PlaceOrder {
                order: OrderId(id),
                hold,
                subject: 1,
                person: Token(asked % self.scale.users.max(3) + 1),
                sealed: Blob([7; 16].into()),
                provider: if chance.per_mille(300) { Provider::Transfer } else { Provider::Test },
                score: Some(Review { score: chance.below(100) as u32, as_of: "e1".into(), reasons: Vec::new() }),
                asked,
            },
            8 => {
                let positions = (0..chance.below(3)).map(|_| chance.below(3) as u16).collect();
                Wish::CancelOrder { order, positions, why: Ending::Buyer }
            }
            9 if chance.per_mille(500) => Wish::ExtendHold(hold),
            9 => Wish::ReleaseHold(hold),
            _ => Wish::ApproveOrder(order),
        }
    }

    fn money(&mut self, known: &Offices, at: At, chance: &mut Chance) -> Wish {
        let (id, order) =
            (self.fresh(chance), self.some(OrderId, known.any(at, |lately| &lately.orders, chance), chance));
        let payment = known.any(at, |lately| &lately.payments, chance);
        let (payment, wanted) = payment.unwrap_or_else(|| (PaymentId(self.id(chance)), 1_001));
        let refund = self.some(RefundId, known.any(at, |lately| &lately.refunds, chance), chance);
        let amount = Some(1 + chance.below(4_000).cast_signed()).filter(|_| chance.per_mille(500));
        match chance.below(18) {
            0..7 => {
                // What providers tell comes late, twice, in any order, or never.
                let told = [
                    PaymentStatus::Pending,
                    PaymentStatus::Failed,
                    PaymentStatus::Authorized,
                    PaymentStatus::Voided,
                    PaymentStatus::Captured,
                    PaymentStatus::Captured,
                    PaymentStatus::Captured,
                ];
                let status = told[chance.below(7) as usize];
                // Mostly what was asked for, else too little or too much.
                let other = [0, 1_001, 2_002, 3_003, 5_000, 9_000][chance.below(6) as usize];
                let captured = if chance.per_mille(750) { wanted } else { other };
                let captured = if status == PaymentStatus::Captured { captured } else { 0 };
                Wish::Observe { payment, status, captured, reference: "r".into(), card: Token(payment.0 as u64 % 4) }
            }
            7..11 => {
                let provider = if chance.per_mille(500) { Provider::Stripe } else { Provider::Test };
                Wish::StartPayment { payment: PaymentId(id), order, provider }
            }
            11..13 => Wish::Refund { refund: RefundId(id), order, amount },
            13 => Wish::SettleRefund(refund),
            14 => Wish::TellFee { payment, fee: chance.below(300).cast_signed() },
            15 => Wish::HoldOrder {
                order,
                score: Review { score: chance.below(100) as u32, as_of: "e2".into(), reasons: Vec::new() },
            },
            16 => Wish::FailRefund { refund, reason: "no".into() },
            _ => {
                let (payout, provider, currency) = (PayoutId(id), Provider::Test, Currency::EUR);
                Wish::PayOut { payout, provider, currency, amount }
            }
        }
    }

    /// Looks at tickets, late and twice, mistakes that are taken back, tickets that are replaced.
    fn door(&self, known: &Offices, at: At, chance: &mut Chance) -> Wish {
        let door = DoorId(1);
        let ticket = known.any(at, |lately| &lately.tickets, chance).unwrap_or(TicketId(1));
        match chance.below(10) {
            0 => Wish::Reissue { ticket, revision: chance.below(2) as u32 },
            1..3 => {
                let scanned = known.any(at, |lately| &lately.scans, chance);
                let (ticket, scan) = scanned.unwrap_or((ticket, CommandId(1)));
                Wish::VoidScan { door, ticket, scan }
            }
            _ => {
                let scan = |chance: &mut Chance| Scan {
                    scan: self.scan(known, at, chance),
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

    /// The id of a look: a new one, or that of one before, told again.
    fn scan(&self, known: &Offices, at: At, chance: &mut Chance) -> CommandId {
        let before = known.any(at, |lately| &lately.scans, chance).filter(|_| chance.per_mille(200));
        let new = (u128::from(chance.below(1 << 20)) << 64) + self.id(chance);
        before.map_or(CommandId(new), |(_, scan)| scan)
    }

    /// Codes that are laid in stock or taken out, and buyers who want their money back.
    fn stock(&mut self, known: &Offices, at: At, chance: &mut Chance) -> Wish {
        let (id, request) =
            (self.fresh(chance), self.some(RequestId, known.any(at, |lately| &lately.requests, chance), chance));
        match chance.below(8) {
            0..3 => {
                let good = |id| Good { goods: GoodsId(id), sealed: Blob([7; 16].into()) };
                let goods = (id * 4..id * 4 + 1 + u128::from(chance.below(4))).map(good).collect();
                Wish::AddGoods { choice: of(DIGITAL), goods }
            }
            3 => Wish::WithdrawGoods(vec![GoodsId(id.saturating_sub(u128::from(chance.below(64))) * 4)]),
            4..6 => {
                let order = self.some(OrderId, known.any(at, |lately| &lately.orders, chance), chance);
                let positions = (0..chance.below(3)).map(|_| chance.below(3) as u16).collect();
                Wish::RequestRefund { request: RequestId(id), order, positions, sealed: Blob([7; 16].into()) }
            }
            _ => {
                let fee = Some(chance.below(3_000).cast_signed()).filter(|_| chance.per_mille(500));
                Wish::AnswerRequest { request, granted: chance.per_mille(600), words: String::new(), fee }
            }
        }
    }

    /// Whether a refusal was right, as far as it is told again here.
    ///
    /// # Errors
    /// The law.
    pub(crate) fn refused(&self, command: &domains::Command, refusal: &domains::Refusal) -> Result<(), String> {
        match (&command.order, refusal) {
            (domains::Order::Booking(command), domains::Refusal::Booking(refusal)) => {
                self.halls.refused(command, refusal)
            }
            _ => Ok(()),
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

    fn wait(&mut self, known: &Offices, at: At, chance: &mut Chance) -> Wish {
        if chance.per_mille(300) {
            return Wish::LeaveWaitlist(self.some(WaitId, known.any(at, |lately| &lately.waits, chance), chance));
        }
        let id = self.fresh(chance);
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

fn sales(chance: &mut Chance) -> Wish {
    Wish::SetSales(Sales {
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
    })
}

fn product(id: u64, chance: &mut Chance) -> Wish {
    let price = chance.below(4).cast_signed();
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

    fn ask(&mut self, known: &Known, _: Timestamp, chance: &mut Chance) -> domains::Command {
        // In a small world so few that something is for sale soon.
        let is_small = self.scale.organizations <= SMALL;
        let (organizations, events) = if is_small { (2, 1) } else { (self.scale.organizations, self.scale.events) };
        let organization = OrganizationId(1_000 + u128::from(chance.below(organizations)));
        let event = EventId(1 + u128::from(chance.below(events)));
        let at = (organization, event);
        let wish = match self.furnish(at, chance).map_or_else(|| Err(chance.below(44)), Ok) {
            Ok(furnished) => furnished,
            // Rarely where much is sold: an offer is decided on once.
            Err(0..6) if is_small || chance.per_mille(20) => self.offer(chance),
            Err(0..24) => self.sale(&known.lately, at, chance),
            Err(24..34) => self.money(&known.lately, at, chance),
            Err(34..37) => self.stock(&known.lately, at, chance),
            Err(37..41) => self.door(&known.lately, at, chance),
            Err(_) => self.wait(&known.lately, at, chance),
        };
        let by = Some(By::Operator);
        domains::Command { by, order: domains::Order::Booking(Command { organization, event, wish }) }
    }

    fn judge(&mut self, row: &FactRow) -> Result<(), String> {
        self.judge_codes(row)?;
        self.halls.take(row)?;
        self.booking.apply(row);
        self.facts += 1;
        if self.scale.organizations > SMALL && !self.facts.is_multiple_of(AUDIT_EVERY) {
            return Ok(());
        }
        self.booking.audit().first().map_or(Ok(()), |fault| Err(format!("a box office does not add up: {fault}")))
    }
}
