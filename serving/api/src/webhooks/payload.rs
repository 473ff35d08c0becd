//! What a webhook says: a function of one fact, without anything personal.

use records::booking::{
    Account, BookingFact, Choice, Ending, Entry, PaymentStatus, Provider, RefundReason, ScanOutcome,
};
use records::webhook::{Topic, WebhookFact};
use records::{
    CommandId, Currency, DoorId, EndpointId, EventId, Fact, FactRow, HoldId, OrderId, OrganizationId, PaymentId,
    PayoutId, RefundId, TicketId, WaitId,
};
use schemars::JsonSchema;
use serde::Serialize;

use crate::accounts::When;
use crate::writes::Offset;

/// A webhook. Nothing of it is personal: whoever may read orders asks for them at `order_url`.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Webhook")]
pub struct Message {
    /// What happened.
    #[serde(rename = "type")]
    topic: Topic,
    /// When it was decided.
    timestamp: When,
    organization: OrganizationId,
    /// The event; null for what concerns the organization.
    event: EventId,
    /// Where the fact lies in the log: those of one partition (before the slash) come in the order of their offsets.
    offset: Offset,
    /// The address of the order, with its buyer and everything else, for a key that manages or an organizer.
    #[serde(skip_serializing_if = "Option::is_none")]
    order_url: Option<String>,
    data: Data,
}

/// What happened, by its type.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(untagged)]
#[schemars(rename = "WebhookData")]
enum Data {
    /// `order.placed`
    Placed {
        order: OrderId,
        hold: HoldId,
        provider: Provider,
        /// Minor units, tax within.
        total: i64,
        currency: Currency,
        /// Until when it must be paid.
        due: When,
        /// Whether it waits for the organizer.
        in_review: bool,
    },
    /// `order.approved`, `order.revived`
    Due { order: OrderId, due: When },
    /// `order.confirmed`
    Confirmed {
        order: OrderId,
        /// The tickets, by position from 0; null for what is no ticket.
        tickets: Vec<Option<TicketId>>,
        /// Minor units.
        total: i64,
        currency: Currency,
    },
    /// `order.cancelled`
    Cancelled {
        order: OrderId,
        /// Positions, by their places from 0.
        positions: Vec<u16>,
        why: Ending,
    },
    /// `payment.started`
    PaymentStarted {
        order: OrderId,
        payment: PaymentId,
        attempt: u16,
        provider: Provider,
        /// Minor units of the order's currency.
        amount: i64,
    },
    /// `payment.pending`, `payment.authorized`, `payment.captured`, `payment.failed`
    Payment {
        order: OrderId,
        payment: PaymentId,
        status: PaymentStatus,
        /// What the provider has of it, minor units.
        captured: i64,
        currency: Currency,
    },
    /// `refund.started`
    RefundStarted {
        order: OrderId,
        refund: RefundId,
        payment: PaymentId,
        /// Minor units.
        amount: i64,
        currency: Currency,
        why: RefundReason,
    },
    /// `refund.settled`, `refund.failed`
    Refund {
        order: OrderId,
        refund: RefundId,
        /// Minor units.
        amount: i64,
        currency: Currency,
    },
    /// `payout.made`
    Payout {
        payout: PayoutId,
        provider: Provider,
        /// What the organizer got, minor units.
        amount: i64,
        /// What the platform got.
        commission: i64,
        currency: Currency,
    },
    /// `ticket.scanned`
    Scanned {
        ticket: TicketId,
        door: DoorId,
        scan: CommandId,
        scanned: When,
        exit: bool,
        gate: String,
        outcome: ScanOutcome,
    },
    /// `ticket.scan_corrected`
    Corrected { ticket: TicketId, door: DoorId, scan: CommandId, outcome: ScanOutcome },
    /// `ticket.transferred`, `ticket.reissued`
    Ticket { ticket: TicketId, revision: u32 },
    /// `waitlist.joined`
    Joined { wait: WaitId, choice: Choice, party: u16 },
    /// `waitlist.offered`
    Offered { wait: WaitId, hold: HoldId, positions: usize, until: When },
    /// `waitlist.left`
    Left { wait: WaitId },
    /// `webhook.test`
    Test { endpoint: EndpointId, test: CommandId },
}

/// What a webhook of this fact would be about; none when there is none.
pub(super) fn topic(row: &FactRow) -> Option<Topic> {
    Some(match row.known()? {
        Fact::Booking(fact) => match fact {
            BookingFact::OrderPlaced { .. } => Topic::OrderPlaced,
            BookingFact::OrderApproved { .. } => Topic::OrderApproved,
            BookingFact::OrderConfirmed { .. } => Topic::OrderConfirmed,
            BookingFact::OrderRevived { .. } => Topic::OrderRevived,
            BookingFact::OrderCancelled { .. } => Topic::OrderCancelled,
            BookingFact::PaymentStarted { .. } => Topic::PaymentStarted,
            BookingFact::PaymentObserved { status, .. } => match status {
                PaymentStatus::Created | PaymentStatus::Pending => Topic::PaymentPending,
                PaymentStatus::Authorized => Topic::PaymentAuthorized,
                PaymentStatus::Captured => Topic::PaymentCaptured,
                PaymentStatus::Failed | PaymentStatus::Voided => Topic::PaymentFailed,
            },
            BookingFact::RefundStarted { .. } => Topic::RefundStarted,
            BookingFact::RefundSettled { .. } => Topic::RefundSettled,
            BookingFact::RefundFailed { .. } => Topic::RefundFailed,
            BookingFact::PayoutMade { .. } => Topic::PayoutMade,
            BookingFact::TicketTransferred { .. } => Topic::TicketTransferred,
            BookingFact::TicketReissued { .. } => Topic::TicketReissued,
            BookingFact::TicketScanned { .. } => Topic::TicketScanned,
            BookingFact::ScanCorrected { .. } => Topic::TicketScanCorrected,
            BookingFact::WaitJoined { .. } => Topic::WaitlistJoined,
            BookingFact::WaitLeft { .. } => Topic::WaitlistLeft,
            BookingFact::WaitOffered { .. } => Topic::WaitlistOffered,
            _ => return None,
        },
        Fact::Webhook(WebhookFact::WebhookTested { .. }) => Topic::Test,
        _ => return None,
    })
}

/// The endpoint that alone is told of a fact; none when all are.
pub(super) fn only(row: &FactRow) -> Option<EndpointId> {
    match row.known()? {
        Fact::Webhook(fact) => Some(fact.endpoint()),
        _ => None,
    }
}

/// The webhook of a fact.
pub(super) fn message(row: &FactRow, offset: Offset) -> Option<Message> {
    let topic = topic(row)?;
    let (event, data) = match row.known()? {
        Fact::Booking(fact) => (fact.event(), booking(fact)?),
        Fact::Webhook(WebhookFact::WebhookTested { endpoint, test }) => {
            (EventId::NONE, Data::Test { endpoint: *endpoint, test: *test })
        }
        _ => return None,
    };
    let organization = row.organization;
    let order = crate::booking::order_of(row);
    let order_url =
        order.map(|order| format!("/v1/organizations/{organization}/events/{event}/box-office/orders/{order}"));
    Some(Message { topic, timestamp: When(row.at), organization, event, offset, order_url, data })
}

/// What goes from or to accounts of an entry.
fn sum(entry: &Entry, of: impl Fn(Account) -> bool) -> i64 {
    entry.postings.iter().filter(|posting| of(posting.account)).map(|posting| posting.minor).sum()
}

fn booking(fact: &BookingFact) -> Option<Data> {
    Some(match fact {
        BookingFact::OrderPlaced { order, hold, provider, total, currency, due, review, .. } => Data::Placed {
            order: *order,
            hold: *hold,
            provider: *provider,
            total: *total,
            currency: *currency,
            due: When(*due),
            in_review: review.is_some(),
        },
        BookingFact::OrderApproved { order, due, .. } | BookingFact::OrderRevived { order, due, .. } => {
            Data::Due { order: *order, due: When(*due) }
        }
        BookingFact::OrderConfirmed { order, tickets, entry, .. } => Data::Confirmed {
            order: *order,
            tickets: tickets.iter().map(|ticket| ticket.is_some().then_some(*ticket)).collect(),
            total: sum(entry, |account| account == Account::Receivable),
            currency: entry.currency,
        },
        BookingFact::OrderCancelled { order, positions, why, .. } => {
            Data::Cancelled { order: *order, positions: positions.clone(), why: *why }
        }
        BookingFact::PaymentStarted { order, payment, attempt, provider, amount, .. } => Data::PaymentStarted {
            order: *order,
            payment: *payment,
            attempt: *attempt,
            provider: *provider,
            amount: *amount,
        },
        BookingFact::PaymentObserved { order, payment, status, captured, entry, .. } => Data::Payment {
            order: *order,
            payment: *payment,
            status: *status,
            captured: *captured,
            currency: entry.currency,
        },
        BookingFact::RefundStarted { order, refund, payment, amount, why, entry, .. } => Data::RefundStarted {
            order: *order,
            refund: *refund,
            payment: *payment,
            amount: *amount,
            currency: entry.currency,
            why: *why,
        },
        BookingFact::RefundSettled { order, refund, entry, .. } => Data::Refund {
            order: *order,
            refund: *refund,
            amount: -sum(entry, |account| matches!(account, Account::Provider(_))),
            currency: entry.currency,
        },
        BookingFact::RefundFailed { order, refund, entry, .. } => Data::Refund {
            order: *order,
            refund: *refund,
            amount: sum(entry, |account| account == Account::RefundsDue),
            currency: entry.currency,
        },
        BookingFact::PayoutMade { payout, provider, amount, commission, entry, .. } => Data::Payout {
            payout: *payout,
            provider: *provider,
            amount: *amount,
            commission: *commission,
            currency: entry.currency,
        },
        BookingFact::TicketScanned { door, scan, outcome, .. } => Data::Scanned {
            ticket: scan.ticket,
            door: *door,
            scan: scan.scan,
            scanned: When(scan.scanned),
            exit: scan.exit,
            gate: scan.gate.clone(),
            outcome: *outcome,
        },
        BookingFact::ScanCorrected { door, ticket, scan, outcome, .. } => {
            Data::Corrected { ticket: *ticket, door: *door, scan: *scan, outcome: *outcome }
        }
        BookingFact::TicketTransferred { ticket, revision, .. }
        | BookingFact::TicketReissued { ticket, revision, .. } => Data::Ticket { ticket: *ticket, revision: *revision },
        BookingFact::WaitJoined { wait, choice, party, .. } => {
            Data::Joined { wait: *wait, choice: *choice, party: *party }
        }
        BookingFact::WaitLeft { wait, .. } => Data::Left { wait: *wait },
        BookingFact::WaitOffered { wait, hold, positions, until, .. } => {
            Data::Offered { wait: *wait, hold: *hold, positions: positions.len(), until: When(*until) }
        }
        _ => return None,
    })
}
