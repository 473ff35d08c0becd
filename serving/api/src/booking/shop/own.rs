//! What buyers change about their own order, and its story in their words.

use axum::extract::State;
use records::booking::{BookingFact, Ending, PaymentStatus, RefundReason};
use records::{Fact, FactRow};
use rules::booking::office::OrderStatus;
use rules::booking::{Refusal, Wish};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::super::people::Contact;
use super::super::secret::OrderSecret;
use super::orders::{OfOrder, Ordered};
use crate::Api;
use crate::accounts::{When, offset};
use crate::lists::One;
use crate::openapi::Routes;
use crate::problem::{Code, Problem};
use crate::reads::extract::{Id, Named};
use crate::writes::{Idempotent, Written};

pub(super) fn routes() -> Routes {
    Routes::new()
        .put(at!("/orders/{order}/buyer"), "Changes names and answers; the mail address stays", describe)
        .may(&[Code::NotFound, Code::BookingRefused, Code::FieldsWrong, Code::LogRefuses])
        .post(at!("/orders/{order}/cancellation"), "Cancels an order that nothing was paid for", cancel)
        .may(&[Code::NotFound, Code::BookingRefused])
        .get(at!("/orders/{order}/history"), "What has happened to an order, in order", history)
        .may(&[Code::NotFound])
}

/// What is known of a buyer from here on.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "BuyerChange")]
struct Change {
    buyer: Contact,
}

async fn describe(
    State(api): State<Api>,
    Named((Id(seller), Id(event), Id(order))): Named<OfOrder>,
    secret: OrderSecret,
    write: Idempotent<Change>,
) -> Result<Written<Ordered>, Problem> {
    secret.opens(&api, seller, order)?;
    let (at, tag) = ((seller, event), write.tag("buyer"));
    let known = api.sealed(seller, &write.body.buyer).await?;
    let same = api.office(at, |office| office.order(order).map(|order| order.subject == known.subject))?;
    match same {
        None => return Err(super::super::problem(&Refusal::NoOrder)),
        // What is sealed is sealed under the key of whoever has the address.
        Some(false) => return Err(Problem::new(Code::FieldsWrong, "`email` stays the address of the order")),
        Some(true) => {}
    }
    let done = api.book(Some(tag), None, at, Wish::DescribeOrder { order, sealed: known.sealed }).await?;
    Ok(Written { data: api.buyers(at, order)?, offset: offset(&done) })
}

async fn cancel(
    State(api): State<Api>,
    Named((Id(seller), Id(event), Id(order))): Named<OfOrder>,
    secret: OrderSecret,
    write: Idempotent,
) -> Result<Written<Ordered>, Problem> {
    secret.opens(&api, seller, order)?;
    let at = (seller, event);
    let paid = api.office(at, |office| {
        office.order(order).is_some_and(|order| order.status == OrderStatus::Confirmed && order.total() > 0)
    })?;
    if paid {
        return Err(Problem::new(Code::BookingRefused, "this order is paid: ask for a refund").because("order_paid"));
    }
    let wish = Wish::CancelOrder { order, positions: Vec::new(), why: Ending::Buyer };
    let done = api.book(Some(write.tag("buyer")), None, at, wish).await?;
    Ok(Written { data: api.buyers(at, order)?, offset: offset(&done) })
}

/// Something that has happened to an order.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "OrderStep")]
struct Step {
    at: When,
    what: What,
    /// Minor units of the order's currency, where it is about money.
    amount: Option<i64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum What {
    Placed,
    /// The organizer looks at it first.
    Waits,
    /// The organizer looks at it before it is paid.
    Held,
    Approved,
    PaymentBegun,
    PaymentFailed,
    /// The provider keeps the amount ready.
    PaymentAuthorized,
    /// What the provider kept ready is free again.
    PaymentLetGo,
    Paid,
    Confirmed,
    /// Money came after it had ended, and everything was still there.
    Revived,
    /// Nobody paid in time.
    Expired,
    CancelledByBuyer,
    CancelledByOrganizer,
    Refused,
    /// Names or answers were changed.
    Changed,
    RefundBegun,
    /// What came too late goes back.
    RefundOfLate,
    /// What came too much goes back.
    RefundOfSurplus,
    Refunded,
    RefundFailed,
    TicketPassedOn,
    TicketReplaced,
}

fn step(row: &FactRow) -> Option<Step> {
    let Some(Fact::Booking(fact)) = row.known() else { return None };
    let (what, amount) = match fact {
        BookingFact::OrderPlaced { review: Some(_), total, .. } => (What::Waits, Some(*total)),
        BookingFact::OrderPlaced { total, .. } => (What::Placed, Some(*total)),
        BookingFact::OrderHeld { .. } => (What::Held, None),
        BookingFact::OrderApproved { .. } => (What::Approved, None),
        BookingFact::OrderConfirmed { .. } => (What::Confirmed, None),
        BookingFact::OrderRevived { .. } => (What::Revived, None),
        BookingFact::OrderCancelled { why, .. } => (ending(*why), None),
        BookingFact::OrderDescribed { .. } => (What::Changed, None),
        BookingFact::PaymentStarted { amount, .. } => (What::PaymentBegun, Some(*amount)),
        BookingFact::PaymentObserved { status, captured, .. } => observed(*status, *captured)?,
        BookingFact::RefundStarted { amount, why, .. } => (back(*why), Some(*amount)),
        BookingFact::RefundSettled { .. } => (What::Refunded, None),
        BookingFact::RefundFailed { .. } => (What::RefundFailed, None),
        BookingFact::TicketTransferred { .. } => (What::TicketPassedOn, None),
        BookingFact::TicketReissued { .. } => (What::TicketReplaced, None),
        _ => return None,
    };
    Some(Step { at: When(row.at), what, amount })
}

fn ending(why: Ending) -> What {
    match why {
        Ending::Unpaid => What::Expired,
        Ending::Buyer => What::CancelledByBuyer,
        Ending::Organizer => What::CancelledByOrganizer,
        Ending::Refused => What::Refused,
    }
}

fn observed(status: PaymentStatus, captured: i64) -> Option<(What, Option<i64>)> {
    match status {
        PaymentStatus::Created | PaymentStatus::Pending => None,
        PaymentStatus::Failed => Some((What::PaymentFailed, None)),
        PaymentStatus::Authorized => Some((What::PaymentAuthorized, None)),
        PaymentStatus::Voided => Some((What::PaymentLetGo, None)),
        PaymentStatus::Captured => Some((What::Paid, Some(captured))),
    }
}

fn back(why: RefundReason) -> What {
    match why {
        RefundReason::Late => What::RefundOfLate,
        RefundReason::Surplus => What::RefundOfSurplus,
        RefundReason::Asked | RefundReason::Cancelled => What::RefundBegun,
    }
}

async fn history(
    State(api): State<Api>,
    Named((Id(seller), Id(event), Id(order))): Named<OfOrder>,
    secret: OrderSecret,
) -> Result<One<Vec<Step>>, Problem> {
    secret.opens(&api, seller, order)?;
    api.office((seller, event), |_| ())?;
    let places = api.booking.history(seller, order);
    let log = api.log.clone();
    // Reads of the log: not on a thread that serves others.
    let steps = tokio::task::spawn_blocking(move || {
        let rows = places.into_iter().filter_map(|place| super::super::orders::fact_at(&*log, place));
        rows.filter_map(|row| step(&row)).collect()
    });
    Ok(One { data: steps.await.map_err(|_| Problem::new(Code::Internal, ""))? })
}
