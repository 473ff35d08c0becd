//! The state of one event's box office, and how facts change it. What facts come of a command is decided elsewhere.

use hashbrown::HashMap;
use records::booking::{BookingFact, Choice, Ending, PaymentStatus, Position, Provider, RefundReason, Review};
use records::hash::FixedState;
use records::{
    Blob, Currency, DoorId, EventId, HoldId, ItemId, OrderId, PaymentId, PayoutId, PlaceId, PromoId, QuotaId, RefundId,
    Span, TicketId, Timestamp, Token,
};
use serde::{Deserialize, Serialize};

use super::Deadline;
use super::catalogue::Catalogue;
use super::command::Wish;
use super::doors::Doors;
use super::ledger::Ledger;
use super::refusal::Refusal;
use super::room::WaitingRoom;
use super::stock::Stock;
use super::waitlist::Waitlist;

/// A map that replays alike on every machine.
pub(crate) type Map<K, V> = HashMap<K, V, FixedState>;

/// What is kept for somebody for a while.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hold {
    /// Whose, when they are known.
    pub person: Token,
    /// The currency of all amounts.
    pub currency: Currency,
    /// What is kept, at which prices.
    pub positions: Vec<Position>,
    /// The promo code.
    pub promo: PromoId,
    /// The place in the waiting room that it was let in by.
    pub place: PlaceId,
    /// When it was made.
    pub made: Timestamp,
    /// When it ends.
    pub until: Timestamp,
    /// A hash of what was asked for.
    pub asked: u64,
}

/// How far an order is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum OrderStatus {
    /// Its positions are held until it is paid.
    Pending,
    /// Its positions are sold.
    Confirmed,
    /// Nothing of it is left.
    Ended(Ending),
}

/// An order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    /// How far it is.
    pub status: OrderStatus,
    /// Why it waits for the organizer, while it does.
    pub review: Option<Review>,
    /// The hold it was made of.
    pub hold: HoldId,
    /// What was ordered, at which prices.
    pub positions: Vec<Position>,
    /// Which of them are cancelled.
    pub cancelled: Vec<bool>,
    /// The tickets of its positions; none for what is no ticket, and before it is confirmed.
    pub tickets: Vec<TicketId>,
    /// The currency of all amounts.
    pub currency: Currency,
    /// How it is to be paid.
    pub provider: Provider,
    /// The promo code.
    pub promo: PromoId,
    /// The number of the key that seals what is personal.
    pub subject: u64,
    /// The pseudonym of the buyer's mail address.
    pub person: Token,
    /// What is personal, sealed.
    pub sealed: Blob,
    /// When it was placed.
    pub placed: Timestamp,
    /// When it ends, unless it is paid.
    pub due: Timestamp,
    /// What providers have of it, less what went back or is on its way.
    pub paid: i64,
    /// What the platform keeps of it.
    pub commission: i64,
    /// What came in and goes back by itself.
    pub surplus: i64,
    /// What went back although nothing was cancelled for it.
    pub goodwill: i64,
    /// The tax within that.
    pub goodwill_tax: i64,
    /// Its payments, in order.
    pub payments: Vec<PaymentId>,
    /// Its refunds, in order.
    pub refunds: Vec<RefundId>,
    /// A hash of what was asked for.
    pub asked: u64,
    /// Whether the organizer has looked at it and let it go on.
    #[serde(default)]
    pub released: bool,
}

/// One attempt to pay.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Payment {
    /// The order.
    pub order: OrderId,
    /// Which attempt, from 1.
    pub attempt: u16,
    /// Who is asked.
    pub provider: Provider,
    /// How much.
    pub amount: i64,
    /// How far it is.
    pub status: PaymentStatus,
    /// What the provider has.
    pub captured: i64,
    /// What went back of it, or is on its way.
    pub refunded: i64,
    /// The provider's name for it.
    pub reference: String,
    /// When it began.
    #[serde(default)]
    pub started: Timestamp,
    /// The pseudonym of the card, where the provider tells one card from another.
    #[serde(default)]
    pub card: Token,
    /// What the provider keeps of it, once it has said so.
    #[serde(default)]
    pub fee: Option<i64>,
}

/// How far a refund is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum RefundStatus {
    /// The provider is to be asked.
    Started,
    /// It went.
    Settled,
    /// The provider refused.
    Failed,
}

/// Money on its way back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refund {
    /// The order.
    pub order: OrderId,
    /// The payment that it is taken from.
    pub payment: PaymentId,
    /// How much.
    pub amount: i64,
    /// Why.
    pub why: RefundReason,
    /// How far it is.
    pub status: RefundStatus,
}

/// A ticket that was sold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ticket {
    /// The order.
    pub order: OrderId,
    /// Which position of it.
    pub position: u16,
    /// What it is for.
    pub choice: Choice,
    /// The revision that is valid.
    pub revision: u32,
    /// Whether it was cancelled.
    pub cancelled: bool,
    /// The pseudonym of its holder, when it is not the buyer.
    pub person: Token,
    /// The number of the key that seals what is personal of its holder.
    pub subject: u64,
    /// What is personal of its holder, sealed.
    pub sealed: Blob,
}

/// The box office of one event.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BoxOffice {
    pub(crate) catalogue: Catalogue,
    pub(crate) stock: Stock,
    pub(crate) holds: Map<HoldId, Hold>,
    pub(crate) orders: Map<OrderId, Order>,
    pub(crate) payments: Map<PaymentId, Payment>,
    pub(crate) refunds: Map<RefundId, Refund>,
    pub(crate) payouts: Map<PayoutId, (Provider, Currency, i64, i64)>,
    pub(crate) tickets: Map<TicketId, Ticket>,
    pub(crate) doors: Doors,
    pub(crate) waitlist: Waitlist,
    pub(crate) room: WaitingRoom,
    pub(crate) ledger: Ledger,
    /// Refunds that have started.
    pub(crate) open_refunds: std::collections::BTreeSet<RefundId>,
    /// Payments about which a provider has to be asked or told something.
    pub(crate) open_payments: std::collections::BTreeSet<PaymentId>,
    /// Orders with a surplus.
    pub(crate) owing: std::collections::BTreeSet<OrderId>,
}

/// A change of when something ends.
pub(crate) type Moved = (Option<Timestamp>, Option<Timestamp>, Deadline);

impl BoxOffice {
    /// What is offered.
    pub fn catalogue(&self) -> &Catalogue {
        &self.catalogue
    }

    /// What is held and sold.
    pub fn stock(&self) -> &Stock {
        &self.stock
    }

    /// A hold that lives.
    pub fn hold(&self, hold: HoldId) -> Option<&Hold> {
        self.holds.get(&hold)
    }

    /// An order.
    pub fn order(&self, order: OrderId) -> Option<&Order> {
        self.orders.get(&order)
    }

    /// All orders, in no order.
    pub fn orders(&self) -> impl Iterator<Item = (OrderId, &Order)> {
        self.orders.iter().map(|(id, order)| (*id, order))
    }

    /// A payment.
    pub fn payment(&self, payment: PaymentId) -> Option<&Payment> {
        self.payments.get(&payment)
    }

    /// A refund.
    pub fn refund(&self, refund: RefundId) -> Option<&Refund> {
        self.refunds.get(&refund)
    }

    /// Refunds that a provider is to be asked for.
    pub fn open_refunds(&self, provider: Provider) -> impl Iterator<Item = RefundId> {
        let of = move |refund: &&RefundId| {
            let payment = self.refunds.get(*refund).and_then(|refund| self.payments.get(&refund.payment));
            payment.is_some_and(|payment| payment.provider == provider)
        };
        self.open_refunds.iter().filter(of).copied()
    }

    /// A ticket.
    pub fn ticket(&self, ticket: TicketId) -> Option<&Ticket> {
        self.tickets.get(&ticket)
    }

    /// All tickets, in no order.
    pub fn tickets(&self) -> impl Iterator<Item = (TicketId, &Ticket)> {
        self.tickets.iter().map(|(id, ticket)| (*id, ticket))
    }

    /// Who was let in.
    pub fn doors(&self) -> &Doors {
        &self.doors
    }

    /// Who waits for what is sold out.
    pub fn waitlist(&self) -> &Waitlist {
        &self.waitlist
    }

    /// Who waits before they may buy.
    pub fn room(&self) -> &WaitingRoom {
        &self.room
    }

    /// The event's money.
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// How many more of a choice can be held; none when that is not limited, 0 when no quota counts it.
    pub fn available(&self, choice: Choice) -> Option<u64> {
        let mut counted = false;
        let left = self.catalogue.quotas_of(choice).inspect(|_| counted = true);
        let least = left.filter_map(|(_, quota)| self.stock.left(quota)).min();
        if counted { least } else { Some(0) }
    }

    /// The tier that somebody who comes now pays.
    pub fn tier_now<'a>(
        &self,
        id: ItemId,
        product: &'a records::booking::Product,
        now: Timestamp,
    ) -> Option<&'a records::booking::Tier> {
        let tier = super::pricing::standing_tier(product, |tier| self.stock.at_tier(id, tier), now)?;
        product.tiers.get(usize::from(tier))
    }

    /// The place of the tier that somebody who comes now pays, and how many more are sold at it where a count ends it.
    pub fn tier_left(
        &self,
        id: ItemId,
        product: &records::booking::Product,
        now: Timestamp,
    ) -> Option<(u8, Option<u32>)> {
        let tier = super::pricing::standing_tier(product, |tier| self.stock.at_tier(id, tier), now)?;
        let count = product.tiers.get(usize::from(tier))?.count;
        Some((tier, count.map(|count| count.saturating_sub(self.stock.at_tier(id, tier)))))
    }

    /// The facts after which a wish is done.
    pub(crate) fn decide(&self, event: EventId, wish: &Wish, now: Timestamp) -> Result<Vec<BookingFact>, Refusal> {
        match wish {
            Wish::Unchanged { seen, then } => match self.standing(event, then).as_ref() == seen.as_deref() {
                true => self.decide(event, then, now),
                false => Err(Refusal::Changed),
            },
            Wish::SetSales(_)
            | Wish::SetProduct(..)
            | Wish::SetQuota(..)
            | Wish::SetPromo(..)
            | Wish::SetGroupDiscounts(_)
            | Wish::SetDoor(..)
            | Wish::SetRoom(_) => self.offer(event, wish),
            Wish::Hold { .. }
            | Wish::ExtendHold(_)
            | Wish::ReleaseHold(_)
            | Wish::PlaceOrder { .. }
            | Wish::DescribeOrder { .. }
            | Wish::ApproveOrder(_)
            | Wish::HoldOrder { .. }
            | Wish::CancelOrder { .. } => self.sell(event, wish, now),
            Wish::StartPayment { .. }
            | Wish::Observe { .. }
            | Wish::TellFee { .. }
            | Wish::Refund { .. }
            | Wish::SettleRefund(_)
            | Wish::FailRefund { .. }
            | Wish::PayOut { .. } => self.pay(event, wish, now),
            Wish::Transfer { .. } | Wish::Reissue { .. } | Wish::Scan { .. } | Wish::VoidScan { .. } => {
                self.let_in(event, wish)
            }
            Wish::Wait { .. } | Wish::LeaveWaitlist(_) => self.wait(event, wish, now),
            Wish::JoinRoom { .. } | Wish::Draw { .. } => self.queue(event, wish, now),
        }
    }

    /// Takes a fact, and tells what ends at another time now.
    pub(crate) fn apply(&mut self, fact: &BookingFact, now: Timestamp) -> Vec<Moved> {
        if let Some(entry) = fact.entry() {
            self.ledger.post(entry);
        }
        let moved = match fact {
            BookingFact::SalesSet { .. }
            | BookingFact::ProductSet { .. }
            | BookingFact::QuotaSet { .. }
            | BookingFact::PromoSet { .. }
            | BookingFact::GroupDiscountsSet { .. }
            | BookingFact::DoorSet { .. } => {
                self.apply_offer(fact);
                Vec::new()
            }
            BookingFact::HoldPlaced { .. }
            | BookingFact::HoldExtended { .. }
            | BookingFact::HoldReleased { .. }
            | BookingFact::HoldExpired { .. }
            | BookingFact::WaitOffered { .. } => self.apply_hold(fact, now),
            BookingFact::OrderPlaced { .. }
            | BookingFact::OrderApproved { .. }
            | BookingFact::OrderHeld { .. }
            | BookingFact::OrderConfirmed { .. }
            | BookingFact::OrderRevived { .. }
            | BookingFact::OrderCancelled { .. }
            | BookingFact::OrderDescribed { .. } => self.apply_order(fact, now),
            BookingFact::PaymentStarted { .. }
            | BookingFact::PaymentObserved { .. }
            | BookingFact::FeeTold { .. }
            | BookingFact::RefundStarted { .. }
            | BookingFact::RefundSettled { .. }
            | BookingFact::RefundFailed { .. }
            | BookingFact::PayoutMade { .. } => {
                self.apply_money(fact, now);
                Vec::new()
            }
            BookingFact::TicketTransferred { .. }
            | BookingFact::TicketReissued { .. }
            | BookingFact::TicketScanned { .. }
            | BookingFact::ScanCorrected { .. }
            | BookingFact::ScanVoided { .. } => {
                self.apply_door(fact);
                Vec::new()
            }
            BookingFact::WaitJoined { .. } | BookingFact::WaitLeft { .. } => {
                self.apply_wait(fact);
                Vec::new()
            }
            BookingFact::RoomSet { .. }
            | BookingFact::RoomJoined { .. }
            | BookingFact::RoomDrawn { .. }
            | BookingFact::RoomAdmitted { .. } => {
                self.room.apply(fact, now);
                Vec::new()
            }
            // Of all events of a partition: taken where they all are.
            BookingFact::DeadlinesMoved { .. } => Vec::new(),
        };
        self.look_who_is_next();
        moved
    }

    /// When everything that lives ends.
    pub(crate) fn deadlines(&self) -> impl Iterator<Item = (Timestamp, Deadline)> {
        let holds = self.holds.iter().map(|(id, hold)| (hold.until, Deadline::Hold(*id)));
        let pending = self.orders.iter().filter(|(_, order)| order.status == OrderStatus::Pending);
        holds.chain(pending.map(|(id, order)| (order.due, Deadline::Order(*id))))
    }

    pub(crate) fn move_deadlines(&mut self, length: Span) {
        for hold in self.holds.values_mut() {
            hold.until = hold.until.saturating_add(length);
        }
        for order in self.orders.values_mut().filter(|order| order.status == OrderStatus::Pending) {
            order.due = order.due.saturating_add(length);
        }
        self.room.move_by(length);
    }

    /// Whether something is to be done besides what ends by itself.
    pub(crate) fn has_errand(&self) -> bool {
        !self.owing.is_empty() || self.waitlist.next.is_some()
    }

    /// The next thing to be done besides what ends by itself.
    pub(crate) fn errand(&self, event: EventId, now: Timestamp) -> Option<BookingFact> {
        self.give_back(event).or_else(|| self.offer_next(event, now))
    }

    /// The fact of something that has ended by itself.
    pub(crate) fn ended(&self, event: EventId, deadline: Deadline) -> BookingFact {
        match deadline {
            Deadline::Hold(hold) => BookingFact::HoldExpired { event, hold },
            Deadline::Order(order) => {
                let known = self.orders.get(&order);
                let positions = known.map_or_else(Vec::new, |known| (0..known.positions.len() as u16).collect());
                let currency = known.map_or(Currency::NONE, |known| known.currency);
                let entry = records::booking::Entry::none(currency);
                BookingFact::OrderCancelled {
                    event,
                    order,
                    positions,
                    repriced: Vec::new(),
                    why: Ending::Unpaid,
                    entry,
                }
            }
        }
    }

    /// The next fact of the waiting room.
    pub(crate) fn admit(&self, event: EventId, now: Timestamp) -> Option<BookingFact> {
        self.room.admit(event, now)
    }
}

/// A box office in a snapshot; what follows from the rest is left out.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Stored {
    sales: records::booking::Sales,
    products: Vec<(ItemId, records::booking::Product)>,
    quotas: Vec<(QuotaId, records::booking::Quota)>,
    promos: Vec<(PromoId, records::booking::Promo)>,
    discounts: Vec<records::booking::GroupDiscount>,
    door_specs: Vec<(DoorId, records::booking::Door)>,
    choices: Vec<(Choice, super::stock::Count)>,
    tiers: Vec<((ItemId, u8), u32)>,
    promo_uses: Vec<(PromoId, super::stock::Used)>,
    persons: Vec<((PromoId, Token), u32)>,
    holds: Vec<(HoldId, Hold)>,
    orders: Vec<(OrderId, Order)>,
    payments: Vec<(PaymentId, Payment)>,
    refunds: Vec<(RefundId, Refund)>,
    payouts: Vec<(PayoutId, (Provider, Currency, i64, i64))>,
    tickets: Vec<(TicketId, Ticket)>,
    doors: super::doors::Stored,
    waitlist: super::waitlist::Stored,
    room: super::room::Stored,
    ledger: Vec<(Currency, records::booking::Account, i64)>,
}

/// What a map holds, by key: the same map always in the same order.
pub(crate) fn sorted<K: Copy + Ord, V: Clone>(map: &Map<K, V>) -> Vec<(K, V)> {
    let mut pairs: Vec<(K, V)> = map.iter().map(|(key, value)| (*key, value.clone())).collect();
    pairs.sort_unstable_by_key(|(key, _)| *key);
    pairs
}

fn pairs<K: Copy, V: Clone>(map: &std::collections::BTreeMap<K, V>) -> Vec<(K, V)> {
    map.iter().map(|(key, value)| (*key, value.clone())).collect()
}

impl From<&BoxOffice> for Stored {
    fn from(office: &BoxOffice) -> Self {
        let (catalogue, stock) = (&office.catalogue, &office.stock);
        Self {
            sales: catalogue.sales.clone(),
            products: pairs(&catalogue.products),
            quotas: pairs(&catalogue.quotas),
            promos: pairs(&catalogue.promos),
            discounts: catalogue.discounts.clone(),
            door_specs: pairs(&catalogue.doors),
            choices: pairs(&stock.choices),
            tiers: pairs(&stock.tiers),
            promo_uses: pairs(&stock.promos),
            persons: pairs(&stock.persons),
            holds: sorted(&office.holds),
            orders: sorted(&office.orders),
            payments: sorted(&office.payments),
            refunds: sorted(&office.refunds),
            payouts: sorted(&office.payouts),
            tickets: sorted(&office.tickets),
            doors: office.doors.stored(),
            waitlist: office.waitlist.stored(),
            room: office.room.stored(),
            ledger: office.ledger.balances().collect(),
        }
    }
}

impl From<Stored> for BoxOffice {
    fn from(stored: Stored) -> Self {
        let mut catalogue = Catalogue {
            sales: stored.sales,
            products: stored.products.into_iter().collect(),
            quotas: stored.quotas.into_iter().collect(),
            promos: stored.promos.into_iter().collect(),
            discounts: stored.discounts,
            doors: stored.door_specs.into_iter().collect(),
            ..Catalogue::default()
        };
        catalogue.index();
        let stock = Stock {
            choices: stored.choices.into_iter().collect(),
            tiers: stored.tiers.into_iter().collect(),
            promos: stored.promo_uses.into_iter().collect(),
            persons: stored.persons.into_iter().collect(),
        };
        let orders: Map<OrderId, Order> = stored.orders.into_iter().collect();
        let started = stored.refunds.iter().filter(|(_, refund)| refund.status == RefundStatus::Started);
        let open_refunds = started.map(|(id, _)| *id).collect();
        let open = stored.payments.iter().filter(|(_, payment)| payment.is_open());
        let open_payments = open.map(|(id, _)| *id).collect();
        let owing = orders.iter().filter(|(_, order)| order.surplus > 0).map(|(id, _)| *id).collect();
        let mut office = Self {
            catalogue,
            stock,
            holds: stored.holds.into_iter().collect(),
            orders,
            payments: stored.payments.into_iter().collect(),
            refunds: stored.refunds.into_iter().collect(),
            payouts: stored.payouts.into_iter().collect(),
            tickets: stored.tickets.into_iter().collect(),
            doors: Doors::restore(stored.doors),
            waitlist: Waitlist::restore(stored.waitlist),
            room: WaitingRoom::restore(stored.room),
            ledger: Ledger::restore(stored.ledger),
            open_refunds,
            open_payments,
            owing,
        };
        office.look_who_is_next();
        office
    }
}
