//! The trade of box offices: offers that change, carts, orders, payments that providers tell of late or twice, refunds,
//! waiting lists; and what is due by time in between.

use records::booking::{
    BasisPoints, Choice, Door, Ending, GroupDiscount, PaymentStatus, Product, ProductKind, Promo, PromoEffect,
    Provider, Quota, Reentry, Review, Sales, Scan, Tier,
};
use records::fact::By;
use records::{
    Blob, CommandId, Currency, DoorId, EventId, FactRow, HoldId, ItemId, Money, OrderId, OrganizationId, PaymentId,
    PayoutId, PlaceId, PromoId, QuotaId, RefundId, TicketId, Timestamp, Token, WaitId,
};
use rules::booking::{Booking, Command, Line, Wish};
use rules::domains;
use workload::chance::Chance;

use super::{Scale, Trade};
use crate::desk::known::Known;

/// Products of a box office.
const PRODUCTS: u64 = 3;
/// Facts after which everything is counted again where there is much: a walk over everything.
const AUDIT_EVERY: u64 = 1 << 16;
/// What is counted again after each fact: as many organizations at the most.
const SMALL: u64 = 8;

pub(crate) struct BoxOffices {
    scale: Scale,
    booking: Booking,
    facts: u64,
}

impl BoxOffices {
    pub(crate) fn new(scale: Scale) -> Self {
        Self { scale, booking: Booking::default(), facts: 0 }
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
                score: Some(Review { score: chance.below(100) as u32, as_of: "e1".into() }),
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
            13 => Wish::HoldOrder { order, score: Review { score: chance.below(100) as u32, as_of: "e2".into() } },
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
    let tier = |price, count| Tier { title: "T".into(), prices: vec![eur(price * 1_001)], until: None, count };
    let (kind, with) = match id {
        PRODUCTS => (ProductKind::AddOn, vec![ItemId(1)]),
        _ => (ProductKind::Admission, vec![]),
    };
    let (tiers, waitlist, tax) =
        (vec![tier(price, count), tier(price + 1, None)], chance.per_mille(500), BasisPoints(700));
    Wish::SetProduct(
        ItemId(u128::from(id)),
        Product { title: "P".into(), kind, tiers, with, waitlist, tax, ..Product::default() },
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
            24..37 => self.money(chance),
            37..41 => self.door((organization, event), chance),
            _ => self.wait(chance),
        };
        let by = Some(By::Operator);
        domains::Command { by, order: domains::Order::Booking(Command { organization, event, wish }) }
    }

    fn judge(&mut self, row: &FactRow) -> Result<(), String> {
        self.booking.apply(row);
        self.facts += 1;
        if self.scale.organizations > SMALL && !self.facts.is_multiple_of(AUDIT_EVERY) {
            return Ok(());
        }
        self.booking.audit().first().map_or(Ok(()), |fault| Err(format!("a box office does not add up: {fault}")))
    }
}
