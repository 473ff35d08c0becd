//! What can be asked of a box office.

use records::booking::{
    BookingFact, Choice, Door, Ending, GroupDiscount, PaymentStatus, Product, Promo, Provider, Quota, Review, Room,
    Sales, Scan,
};
use records::{
    Blob, CommandId, Currency, DoorId, EventId, HoldId, ItemId, OrderId, OrganizationId, PaymentId, PayoutId, PlaceId,
    PromoId, QuotaId, RefundId, TicketId, Token, WaitId,
};

/// A command to the box office of one event.
#[derive(Debug, Clone, PartialEq)]
pub struct Command {
    /// The tenant.
    pub organization: OrganizationId,
    /// The event.
    pub event: EventId,
    /// What is asked.
    pub wish: Wish,
}

/// So many of one thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Line {
    /// What.
    pub choice: Choice,
    /// How many.
    pub count: u16,
}

/// What is asked. The ids of what is made come from whoever asks: the same id with the same wish changes nothing.
#[derive(Debug, Clone, PartialEq)]
pub enum Wish {
    /// These settings hold.
    SetSales(Sales),
    /// This is offered.
    SetProduct(ItemId, Product),
    /// This is counted together.
    SetQuota(QuotaId, Quota),
    /// This code is taken.
    SetPromo(PromoId, Promo),
    /// These are the group discounts.
    SetGroupDiscounts(Vec<GroupDiscount>),
    /// These may pass a door.
    SetDoor(DoorId, Door),
    /// Something is set if it stands as whoever asks has seen it.
    Unchanged {
        /// The fact that would make it as it was seen; none when it was not there.
        seen: Option<Box<BookingFact>>,
        /// What is set.
        then: Box<Wish>,
    },
    /// Positions are kept for a while.
    Hold {
        /// Its id.
        hold: HoldId,
        /// Whose, when they are known.
        person: Token,
        /// What they pay in.
        currency: Currency,
        /// What is kept.
        lines: Vec<Line>,
        /// A promo code as it was typed; none when it is empty.
        code: String,
        /// The place in the waiting room.
        place: PlaceId,
        /// A hash of the request.
        asked: u64,
    },
    /// A hold lasts as long as if it had been made now.
    ExtendHold(HoldId),
    /// A hold is given back.
    ReleaseHold(HoldId),
    /// What is held is ordered.
    PlaceOrder {
        /// Its id.
        order: OrderId,
        /// The hold.
        hold: HoldId,
        /// The number of the key that seals what is personal.
        subject: u64,
        /// The pseudonym of the buyer's mail address.
        person: Token,
        /// What is personal, sealed.
        sealed: Blob,
        /// How it will be paid; [`Provider::Free`] when nothing is to be paid.
        provider: Provider,
        /// What the dataflow says of the buyer; none when it says nothing.
        score: Option<Review>,
        /// A hash of the request.
        asked: u64,
    },
    /// What is personal of an order is other than it was.
    DescribeOrder {
        /// The order.
        order: OrderId,
        /// What is personal, sealed.
        sealed: Blob,
    },
    /// An order that waits for the organizer goes on.
    ApproveOrder(OrderId),
    /// An order waits for the organizer, if what is known of its buyer now says so and the organizer has not looked at it.
    HoldOrder {
        /// The order.
        order: OrderId,
        /// What the dataflow says of the buyer.
        score: Review,
    },
    /// An order, or some of its positions, ends. Nothing is paid back by this alone.
    CancelOrder {
        /// The order.
        order: OrderId,
        /// The places of its positions from 0; all that are left when none stand here.
        positions: Vec<u16>,
        /// Who wished it.
        why: Ending,
    },
    /// A provider will be asked for what is owed.
    StartPayment {
        /// Its id.
        payment: PaymentId,
        /// The order.
        order: OrderId,
        /// Who is asked.
        provider: Provider,
    },
    /// A provider said something about a payment.
    Observe {
        /// The payment.
        payment: PaymentId,
        /// How far it is.
        status: PaymentStatus,
        /// What the provider has of it, in minor units of the order's currency.
        captured: i64,
        /// The provider's name for it.
        reference: String,
        /// The pseudonym of the card, where the provider tells one card from another.
        card: Token,
    },
    /// A provider said what it keeps of a payment.
    TellFee {
        /// The payment.
        payment: PaymentId,
        /// How much, in minor units of the order's currency.
        fee: i64,
    },
    /// Money goes back, from what was paid.
    Refund {
        /// Its id.
        refund: RefundId,
        /// The order.
        order: OrderId,
        /// How much; what the buyer has paid too much when none stands here.
        amount: Option<i64>,
    },
    /// A provider has given money back.
    SettleRefund(RefundId),
    /// A provider refuses to give money back.
    FailRefund {
        /// The refund.
        refund: RefundId,
        /// What it said.
        reason: String,
    },
    /// The organizer gets what a provider holds.
    PayOut {
        /// Its id.
        payout: PayoutId,
        /// Who holds it.
        provider: Provider,
        /// The currency.
        currency: Currency,
        /// How much; everything that can be paid out when none stands here.
        amount: Option<i64>,
    },
    /// A ticket goes to somebody else.
    Transfer {
        /// The ticket.
        ticket: TicketId,
        /// The revision that whoever asks has seen.
        revision: u32,
        /// The number of the key that seals what is personal.
        subject: u64,
        /// The pseudonym of the new holder's mail address.
        person: Token,
        /// What is personal, sealed.
        sealed: Blob,
    },
    /// A ticket is replaced by a new one.
    Reissue {
        /// The ticket.
        ticket: TicketId,
        /// The revision that whoever asks has seen.
        revision: u32,
    },
    /// Devices have looked at tickets.
    Scan {
        /// The door.
        door: DoorId,
        /// What they saw, in any order.
        scans: Vec<Scan>,
    },
    /// A scan was a mistake: nobody was let in or out by it.
    VoidScan {
        /// The door.
        door: DoorId,
        /// The ticket.
        ticket: TicketId,
        /// The scan.
        scan: CommandId,
    },
    /// Somebody waits for something that is sold out.
    Wait {
        /// The entry's id.
        wait: WaitId,
        /// What for.
        choice: Choice,
        /// How many.
        party: u16,
        /// What they would pay in.
        currency: Currency,
        /// The number of the key that seals what is personal.
        subject: u64,
        /// The pseudonym of their mail address.
        person: Token,
        /// What is personal, sealed.
        sealed: Blob,
    },
    /// Somebody waits no longer.
    LeaveWaitlist(WaitId),
    /// People wait before they may buy.
    SetRoom(Room),
    /// Somebody waits to be let in.
    JoinRoom {
        /// Their place.
        place: PlaceId,
        /// Who.
        person: Token,
    },
    /// Those who wait are drawn.
    Draw {
        /// The seed that was promised.
        seed: String,
    },
}
