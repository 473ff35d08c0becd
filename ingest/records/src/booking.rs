//! Facts of one event's box office: what is offered, held, ordered, paid, let in.
//!
//! Amounts are minor units of the currency that the fact names, with tax inside, unless a field says otherwise.

mod shapes;

use serde::{Deserialize, Serialize};

pub use shapes::*;

use crate::id::{
    CommandId, DoorId, EventId, HoldId, ItemId, OrderId, PaymentId, PayoutId, PlaceId, PromoId, QuotaId, RefundId,
    TicketId, WaitId,
};
use crate::money::Currency;
use crate::secret::Blob;
use crate::time::{Span, Timestamp};
use crate::token::Token;

/// One thing that was decided at an event's box office. Fields are never removed, only added with a default.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "fact", rename_all = "snake_case")]
pub enum BookingFact {
    /// What holds for all sales was set.
    SalesSet {
        /// The event.
        event: EventId,
        /// From here on.
        sales: Sales,
    },
    /// A product was offered or changed.
    ProductSet {
        /// The event.
        event: EventId,
        /// The product.
        product: ItemId,
        /// From here on.
        spec: Product,
    },
    /// A quota was made or changed.
    QuotaSet {
        /// The event.
        event: EventId,
        /// The quota.
        quota: QuotaId,
        /// From here on.
        spec: Quota,
    },
    /// A promo code was made or changed.
    PromoSet {
        /// The event.
        event: EventId,
        /// The promo code's id.
        promo: PromoId,
        /// From here on.
        spec: Promo,
    },
    /// The group discounts were replaced.
    GroupDiscountsSet {
        /// The event.
        event: EventId,
        /// All of them, in order.
        discounts: Vec<GroupDiscount>,
    },
    /// A door's list was made or changed.
    DoorSet {
        /// The event.
        event: EventId,
        /// The door.
        door: DoorId,
        /// From here on.
        spec: Door,
    },
    /// Positions are kept for somebody, at these prices.
    HoldPlaced {
        /// The event.
        event: EventId,
        /// The hold.
        hold: HoldId,
        /// Whose, when they are known.
        #[serde(default)]
        person: Token,
        /// The currency of all amounts.
        currency: Currency,
        /// What is kept.
        positions: Vec<Position>,
        /// The promo code.
        #[serde(default)]
        promo: PromoId,
        /// The place in the waiting room that it was let in by.
        #[serde(default)]
        place: PlaceId,
        /// When it ends.
        until: Timestamp,
        /// A hash of what was asked for.
        #[serde(default)]
        asked: u64,
    },
    /// A hold lasts longer.
    HoldExtended {
        /// The event.
        event: EventId,
        /// The hold.
        hold: HoldId,
        /// When it ends now.
        until: Timestamp,
    },
    /// A hold was given back.
    HoldReleased {
        /// The event.
        event: EventId,
        /// The hold.
        hold: HoldId,
    },
    /// A hold's time was over.
    HoldExpired {
        /// The event.
        event: EventId,
        /// The hold.
        hold: HoldId,
    },
    /// What a hold kept was ordered.
    OrderPlaced {
        /// The event.
        event: EventId,
        /// The order.
        order: OrderId,
        /// The hold, which ends with it.
        hold: HoldId,
        /// The number of the key that seals what is personal.
        subject: u64,
        /// The pseudonym of the buyer's mail address.
        person: Token,
        /// The buyer's address, name and answers, and those of each position, sealed.
        sealed: Blob,
        /// How it will be paid.
        provider: Provider,
        /// What is to be paid, of the hold's currency.
        total: i64,
        /// The currency.
        currency: Currency,
        /// Until when it must be paid.
        due: Timestamp,
        /// Why it waits for the organizer, if it does.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        review: Option<Review>,
        /// A hash of what was asked for.
        #[serde(default)]
        asked: u64,
    },
    /// The organizer has looked at an order that waited, and lets it go on.
    OrderApproved {
        /// The event.
        event: EventId,
        /// The order.
        order: OrderId,
        /// Until when it must be paid now.
        due: Timestamp,
    },
    /// An order waits for the organizer, because of what is known of its buyer since it was placed.
    OrderHeld {
        /// The event.
        event: EventId,
        /// The order.
        order: OrderId,
        /// What is known.
        review: Review,
        /// Until when the organizer has to decide.
        due: Timestamp,
    },
    /// An order is paid, or free: its positions are sold and its tickets are valid.
    OrderConfirmed {
        /// The event.
        event: EventId,
        /// The order.
        order: OrderId,
        /// The tickets of its admissions and add-ons, in the order of its positions.
        tickets: Vec<TicketId>,
        /// What was sold.
        entry: Entry,
    },
    /// An order that had ended has its positions again, because money came.
    OrderRevived {
        /// The event.
        event: EventId,
        /// The order.
        order: OrderId,
        /// Until when it must be paid.
        due: Timestamp,
    },
    /// An order, or some of its positions, ended. Nothing is paid back by this alone.
    OrderCancelled {
        /// The event.
        event: EventId,
        /// The order.
        order: OrderId,
        /// Its positions, by their places from 0.
        positions: Vec<u16>,
        /// Positions whose price changed with it, and their prices now.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        repriced: Vec<(u16, Position)>,
        /// Why.
        why: Ending,
        /// What was sold and is not any more; nothing for an order that was never confirmed.
        entry: Entry,
    },
    /// A buyer's data was changed.
    OrderDescribed {
        /// The event.
        event: EventId,
        /// The order.
        order: OrderId,
        /// The buyer's address, name and answers, and those of each position, sealed.
        sealed: Blob,
    },
    /// A provider is asked for money.
    PaymentStarted {
        /// The event.
        event: EventId,
        /// The order.
        order: OrderId,
        /// The payment: one attempt.
        payment: PaymentId,
        /// Which attempt of this order, from 1: what providers are told as the key of the request.
        attempt: u16,
        /// Who is asked.
        provider: Provider,
        /// How much.
        amount: i64,
    },
    /// A provider told something new about a payment.
    PaymentObserved {
        /// The event.
        event: EventId,
        /// The order.
        order: OrderId,
        /// The payment.
        payment: PaymentId,
        /// How far it is.
        status: PaymentStatus,
        /// What the provider has of it.
        captured: i64,
        /// The provider's name for it.
        reference: String,
        /// Whose order it is: the pseudonym of the buyer's mail address.
        #[serde(default)]
        person: Token,
        /// The pseudonym of the card that was used, where the provider tells one card from another.
        #[serde(default)]
        card: Token,
        /// What came in.
        entry: Entry,
    },
    /// A provider told what it keeps of a payment.
    FeeTold {
        /// The event.
        event: EventId,
        /// The order.
        order: OrderId,
        /// The payment.
        payment: PaymentId,
        /// How much.
        fee: i64,
        /// What it took of what it holds.
        entry: Entry,
    },
    /// A provider is asked to give money back.
    RefundStarted {
        /// The event.
        event: EventId,
        /// The order.
        order: OrderId,
        /// The refund.
        refund: RefundId,
        /// The payment it is taken from.
        payment: PaymentId,
        /// How much.
        amount: i64,
        /// Why.
        why: RefundReason,
        /// What goes back; with what is no longer counted as sold, when nothing was cancelled for it.
        entry: Entry,
    },
    /// A refund is done.
    RefundSettled {
        /// The event.
        event: EventId,
        /// The order.
        order: OrderId,
        /// The refund.
        refund: RefundId,
        /// What went.
        entry: Entry,
    },
    /// A refund was refused by the provider; it may be tried again as another.
    RefundFailed {
        /// The event.
        event: EventId,
        /// The order.
        order: OrderId,
        /// The refund.
        refund: RefundId,
        /// What the provider said.
        reason: String,
        /// What is owed again.
        entry: Entry,
    },
    /// The organizer was paid, and the platform's commission taken.
    PayoutMade {
        /// The event.
        event: EventId,
        /// The payout.
        payout: PayoutId,
        /// Who paid.
        provider: Provider,
        /// What the organizer got.
        amount: i64,
        /// What the platform got.
        commission: i64,
        /// Both.
        entry: Entry,
    },
    /// A ticket belongs to somebody else; the old one is void.
    TicketTransferred {
        /// The event.
        event: EventId,
        /// The ticket.
        ticket: TicketId,
        /// The revision that is valid from here on.
        revision: u32,
        /// The number of the key that seals the new holder's data.
        subject: u64,
        /// The pseudonym of the new holder's mail address.
        person: Token,
        /// The new holder's address, name and answers, sealed.
        sealed: Blob,
    },
    /// A ticket was replaced because it was lost or shown around; the old one is void.
    TicketReissued {
        /// The event.
        event: EventId,
        /// The ticket.
        ticket: TicketId,
        /// The revision that is valid from here on.
        revision: u32,
    },
    /// A ticket was looked at.
    TicketScanned {
        /// The event.
        event: EventId,
        /// The door.
        door: DoorId,
        /// The look.
        scan: Scan,
        /// What it comes to.
        outcome: ScanOutcome,
    },
    /// A scan that came late has changed what another comes to.
    ScanCorrected {
        /// The event.
        event: EventId,
        /// The door.
        door: DoorId,
        /// The ticket.
        ticket: TicketId,
        /// The scan.
        scan: CommandId,
        /// What it comes to now.
        outcome: ScanOutcome,
    },
    /// A scan was a mistake and counts no more.
    ScanVoided {
        /// The event.
        event: EventId,
        /// The door.
        door: DoorId,
        /// The ticket.
        ticket: TicketId,
        /// The scan.
        scan: CommandId,
    },
    /// Somebody waits for something that is sold out.
    WaitJoined {
        /// The event.
        event: EventId,
        /// The entry.
        wait: WaitId,
        /// What they wait for.
        choice: Choice,
        /// How many.
        party: u16,
        /// The currency they would pay in.
        currency: Currency,
        /// The number of the key that seals what is personal.
        subject: u64,
        /// The pseudonym of their mail address.
        person: Token,
        /// Their address and name, sealed.
        sealed: Blob,
    },
    /// Somebody waits no longer.
    WaitLeft {
        /// The event.
        event: EventId,
        /// The entry.
        wait: WaitId,
    },
    /// What somebody waited for is kept for them: an offer is a hold.
    WaitOffered {
        /// The event.
        event: EventId,
        /// The entry, which waits no longer.
        wait: WaitId,
        /// The hold.
        hold: HoldId,
        /// What is kept, at these prices.
        positions: Vec<Position>,
        /// When it ends.
        until: Timestamp,
    },
    /// People wait before sales, or are let in otherwise.
    RoomSet {
        /// The event.
        event: EventId,
        /// From here on.
        room: Room,
    },
    /// Somebody waits to be let in.
    RoomJoined {
        /// The event.
        event: EventId,
        /// Their place.
        place: PlaceId,
        /// Who: one place each.
        person: Token,
    },
    /// Those who waited before the room opened were drawn.
    RoomDrawn {
        /// The event.
        event: EventId,
        /// The seed: places are ordered by BLAKE3 of the seed followed by the place, both in the log's words.
        seed: String,
    },
    /// More people were let in.
    RoomAdmitted {
        /// The event.
        event: EventId,
        /// How many of the queue, from its front, have been let in so far.
        up_to: u32,
    },
    /// Nobody decided for a while, so that everything that would have ended lasts as much longer.
    DeadlinesMoved {
        /// How long.
        length: Span,
    },
}

impl From<BookingFact> for crate::Fact {
    fn from(fact: BookingFact) -> Self {
        Self::Booking(fact)
    }
}

impl BookingFact {
    /// The event that it is about; none for what concerns all of a partition.
    pub fn event(&self) -> EventId {
        match self {
            Self::SalesSet { event, .. }
            | Self::ProductSet { event, .. }
            | Self::QuotaSet { event, .. }
            | Self::PromoSet { event, .. }
            | Self::GroupDiscountsSet { event, .. }
            | Self::DoorSet { event, .. }
            | Self::HoldPlaced { event, .. }
            | Self::HoldExtended { event, .. }
            | Self::HoldReleased { event, .. }
            | Self::HoldExpired { event, .. }
            | Self::OrderPlaced { event, .. }
            | Self::OrderApproved { event, .. }
            | Self::OrderHeld { event, .. }
            | Self::OrderConfirmed { event, .. }
            | Self::OrderRevived { event, .. }
            | Self::OrderCancelled { event, .. }
            | Self::OrderDescribed { event, .. }
            | Self::PaymentStarted { event, .. }
            | Self::PaymentObserved { event, .. }
            | Self::FeeTold { event, .. }
            | Self::RefundStarted { event, .. }
            | Self::RefundSettled { event, .. }
            | Self::RefundFailed { event, .. }
            | Self::PayoutMade { event, .. }
            | Self::TicketTransferred { event, .. }
            | Self::TicketReissued { event, .. }
            | Self::TicketScanned { event, .. }
            | Self::ScanCorrected { event, .. }
            | Self::ScanVoided { event, .. }
            | Self::WaitJoined { event, .. }
            | Self::WaitLeft { event, .. }
            | Self::WaitOffered { event, .. }
            | Self::RoomSet { event, .. }
            | Self::RoomJoined { event, .. }
            | Self::RoomDrawn { event, .. }
            | Self::RoomAdmitted { event, .. } => *event,
            Self::DeadlinesMoved { .. } => EventId::NONE,
        }
    }

    /// What it adds to the event's ledger, if it is about money.
    pub fn entry(&self) -> Option<&Entry> {
        match self {
            Self::OrderConfirmed { entry, .. }
            | Self::OrderCancelled { entry, .. }
            | Self::PaymentObserved { entry, .. }
            | Self::FeeTold { entry, .. }
            | Self::RefundStarted { entry, .. }
            | Self::RefundSettled { entry, .. }
            | Self::RefundFailed { entry, .. }
            | Self::PayoutMade { entry, .. } => Some(entry),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Fact, FactRow, OrganizationId, fact};

    #[test]
    fn they_read_back_among_the_other_facts() {
        let postings = vec![
            Posting { account: Account::Provider(Provider::Stripe), minor: 500 },
            Posting { account: Account::Receivable, minor: -500 },
        ];
        let entry = Entry { currency: Currency::EUR, postings };
        assert!(entry.balances());
        let observed = BookingFact::PaymentObserved {
            event: EventId(3),
            order: OrderId(4),
            payment: PaymentId(5),
            status: PaymentStatus::Captured,
            captured: 500,
            reference: "pi_1".into(),
            person: Token(6),
            card: Token(7),
            entry,
        };
        let rows = [
            FactRow::new(OrganizationId(7), Timestamp(5), Fact::Booking(observed)),
            FactRow::new(OrganizationId(7), Timestamp(5), Fact::KeyRevoked { key: "k".into() }),
            FactRow::new(
                OrganizationId::NONE,
                Timestamp(5),
                Fact::Booking(BookingFact::DeadlinesMoved { length: Span(9) }),
            ),
        ];
        let bytes = fact::encode(&rows);
        assert_eq!(fact::decode(&bytes).unwrap(), rows);
        assert!(String::from_utf8(bytes).unwrap().contains(r#""fact":"payment_observed""#));
    }
}
