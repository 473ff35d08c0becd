//! Why a box office does not do something: a code that stays, and a sentence that a buyer understands.

use records::Timestamp;

/// Why something is not done.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// What an organizer wrote is not sound.
    #[error("`{field}` {problem}")]
    Invalid {
        /// Which field, as in `tiers[0].prices`.
        field: String,
        /// What is wrong with it, and what would help.
        problem: String,
    },
    /// More is sold and held than a quota would allow.
    #[error("{used} are sold or held already, so there cannot be only {size}: choose at least {used}")]
    QuotaTooSmall {
        /// What was asked for.
        size: u32,
        /// What there must be.
        used: u64,
    },
    /// A currency was changed or removed that somebody holds or ordered in.
    #[error("another code has this text already: choose another one")]
    CodeTaken,
    /// Somebody else was first.
    #[error("somebody else changed this meanwhile")]
    Changed,
    /// Nothing is sold.
    #[error("tickets are not on sale")]
    NotOnSale,
    /// A product that is not there, hidden or withdrawn.
    #[error("this is not on offer")]
    NoProduct,
    /// Before its time.
    #[error("this is on sale from {0} on")]
    NotYet(Timestamp),
    /// After its time.
    #[error("this was on sale until {0}")]
    Over(Timestamp),
    /// A variation is missing, or one that is not there.
    #[error("choose one of the kinds that this comes in")]
    NoVariation,
    /// It has no price in the currency.
    #[error("this is not sold in that currency")]
    NoPrice,
    /// Nothing in it, or more than an order may have.
    #[error("an order has between 1 and {0} positions")]
    OrderSize(u16),
    /// More of one product than an order may have.
    #[error("an order has at most {0} of this")]
    TooManyOfProduct(u16),
    /// An add-on without what it goes with.
    #[error("this is only sold together with a ticket that it goes with")]
    AddOnAlone,
    /// Not enough are left.
    #[error("this is sold out")]
    SoldOut,
    /// Some are left, but fewer than asked for.
    #[error("only {0} are left")]
    FewLeft(u32),
    /// Others wait for it.
    #[error("others are waiting for this: join the waitlist")]
    WaitlistFirst,
    /// No such code, or not now.
    #[error("this code is not valid")]
    PromoUnknown,
    /// Nothing in the cart is discounted by the code.
    #[error("this code is not for what is in the cart")]
    PromoNotForThis,
    /// It was used as often as it may be.
    #[error("this code has been used up")]
    PromoUsedUp,
    /// The person has used it as often as one may.
    #[error("you have used this code already")]
    PromoUsedByPerson,
    /// No such hold, or it has ended.
    #[error("what was in the cart is no longer kept for you: choose again")]
    HoldGone,
    /// It lasts as long as it may.
    #[error("the cart cannot be kept any longer: order what is in it, or let it go")]
    HoldAtItsEnd,
    /// The id names something else.
    #[error("this id was used for something else: take a new one")]
    IdUsed,
    /// No such order.
    #[error("there is no such order")]
    NoOrder,
    /// It has ended.
    #[error("this order has ended")]
    OrderEnded,
    /// It is paid.
    #[error("this order is paid")]
    OrderPaid,
    /// It is not paid.
    #[error("this order is not paid yet")]
    OrderNotPaid,
    /// It waits for the organizer, or does not.
    #[error("this order does not wait for the organizer")]
    NotInReview,
    /// Money for nothing, or nothing for money.
    #[error("this cannot be paid that way: {0}")]
    Provider(&'static str),
    /// A part that is not there, or not any more.
    #[error("the order has no such position, or it is cancelled already")]
    NoPosition,
    /// An order that is not paid is cancelled as a whole.
    #[error("an order that is not paid is cancelled as a whole")]
    WholeOnly,
    /// A payment that is not known.
    #[error("there is no such payment")]
    NoPayment,
    /// Another payment may still come.
    #[error("another payment of this order is under way: wait for it, or let it end")]
    PaymentUnderWay,
    /// More than there is.
    #[error("at most {0} can be paid back (in minor units)")]
    RefundTooMuch(i64),
    /// A refund that is not known.
    #[error("there is no such refund")]
    NoRefund,
    /// More than there is.
    #[error("at most {0} can be paid out (in minor units)")]
    PayoutTooMuch(i64),
    /// A ticket that is not known.
    #[error("there is no such ticket")]
    NoTicket,
    /// It is not valid any more.
    #[error("this ticket is not valid any more")]
    TicketVoid,
    /// Somebody was let in with it.
    #[error("this ticket was used: it cannot be passed on")]
    TicketUsed,
    /// A door that is not known.
    #[error("there is no such door")]
    NoDoor,
    /// A scan that is not known.
    #[error("this ticket has no such scan at this door")]
    NoScan,
    /// More looks at one ticket than are kept.
    #[error("this ticket was scanned too often at this door")]
    TooManyScans,
    /// Nobody has to wait.
    #[error("this is available: no need to wait")]
    Available,
    /// Nobody can wait for it.
    #[error("nobody can wait for this")]
    NoWaitlist,
    /// They wait already.
    #[error("you are waiting already")]
    Waiting,
    /// No such entry.
    #[error("there is no such entry in the waitlist")]
    NoWait,
    /// There is no waiting room.
    #[error("there is no waiting room")]
    NoRoom,
    /// They have to wait.
    #[error("please wait until you are let in")]
    MustWait,
    /// They were let in, and have used it or let it pass.
    #[error("your turn has passed: join the waiting room again")]
    TurnOver,
    /// Not before it opens, or only once.
    #[error("the draw is not now")]
    NoDraw,
    /// It does not fit the commitment.
    #[error("this seed is not the one that was promised")]
    WrongSeed,
}

impl Refusal {
    /// A code that clients can rely on.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Invalid { .. } => "invalid",
            Self::QuotaTooSmall { .. } => "quota_too_small",
            Self::CodeTaken => "promo_code_taken",
            Self::Changed => "changed",
            Self::NotOnSale => "not_on_sale",
            Self::NoProduct => "product_not_offered",
            Self::NotYet(_) => "sale_not_begun",
            Self::Over(_) => "sale_over",
            Self::NoVariation => "variation_needed",
            Self::NoPrice => "currency_not_offered",
            Self::OrderSize(_) => "order_size",
            Self::TooManyOfProduct(_) => "too_many_of_product",
            Self::AddOnAlone => "add_on_alone",
            Self::SoldOut => "sold_out",
            Self::FewLeft(_) => "few_left",
            Self::WaitlistFirst => "waitlist_first",
            Self::PromoUnknown => "promo_unknown",
            Self::PromoNotForThis => "promo_not_for_this",
            Self::PromoUsedUp => "promo_used_up",
            Self::PromoUsedByPerson => "promo_used_by_person",
            Self::HoldGone => "hold_gone",
            Self::HoldAtItsEnd => "hold_at_its_end",
            Self::IdUsed => "id_used",
            Self::NoOrder => "order_unknown",
            Self::OrderEnded => "order_ended",
            Self::OrderPaid => "order_paid",
            Self::OrderNotPaid => "order_not_paid",
            Self::NotInReview => "not_in_review",
            Self::Provider(_) => "provider_not_possible",
            Self::NoPosition => "position_unknown",
            Self::WholeOnly => "whole_order_only",
            Self::NoPayment => "payment_unknown",
            Self::PaymentUnderWay => "payment_under_way",
            Self::RefundTooMuch(_) => "refund_too_much",
            Self::NoRefund => "refund_unknown",
            Self::PayoutTooMuch(_) => "payout_too_much",
            Self::NoTicket => "ticket_unknown",
            Self::TicketVoid => "ticket_void",
            Self::TicketUsed => "ticket_used",
            Self::NoDoor => "door_unknown",
            Self::NoScan => "scan_unknown",
            Self::TooManyScans => "too_many_scans",
            Self::Available => "available",
            Self::NoWaitlist => "no_waitlist",
            Self::Waiting => "waiting_already",
            Self::NoWait => "wait_unknown",
            Self::NoRoom => "no_room",
            Self::MustWait => "must_wait",
            Self::TurnOver => "turn_over",
            Self::NoDraw => "no_draw",
            Self::WrongSeed => "wrong_seed",
        }
    }
}

/// A field that is not sound.
pub(crate) fn invalid(field: impl Into<String>, problem: impl Into<String>) -> Refusal {
    Refusal::Invalid { field: field.into(), problem: problem.into() }
}
