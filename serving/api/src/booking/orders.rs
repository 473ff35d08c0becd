//! What organizers do with orders: look, approve, cancel, pay back, pay out. Finding them is `search`.

use axum::extract::State;
use eventlog::{Lane, ReadLimits};
use records::booking::{Account, Ending, PaymentStatus, Provider, RefundReason, ScanOutcome};
use records::fact::{By, CommandTag};
use records::{
    Blob, Currency, DoorId, EventId, GoodsId, ItemId, OrderId, OrganizationId, PaymentId, PayoutId, RefundId, TicketId,
    Token,
};
use rules::access::{Act, On};
use rules::booking::office::{Order, OrderStatus};
use rules::booking::{BoxOffice, Wish};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use views::fraud::{Assessment, Buyer};

use super::offer::at;
use super::people::Contact;
use super::requests::{self, Asked};
use super::shop::orders::{Attempt, State_, attempt, state};
use super::summary::BackStatus;
use crate::Api;
use crate::accounts::{When, offset};
use crate::auth::Presented;
use crate::lists::One;
use crate::openapi::Routes;
use crate::problem::{Code, Problem};
use crate::reads::extract::{Id, Named};
use crate::writes::{Idempotent, Made, Written};

pub(super) fn routes() -> Routes {
    Routes::new()
        .get(at!("/orders/{order}"), "An order with its payments and refunds", one)
        .may(&[Code::NotFound])
        .get(at!("/orders/{order}/history"), "What became of an order: every fact, with who, when and where", history)
        .may(&[Code::NotFound])
        .post(at!("/orders/{order}/approval"), "Lets an order go on that waits to be looked at", approve)
        .may(&[Code::NotFound, Code::BookingRefused])
        .post(at!("/orders/{order}/cancellation"), "Cancels an order or some of it; pays nothing back", cancel)
        .may(&[Code::NotFound, Code::BookingRefused])
        .post(at!("/orders/{order}/receipts"), "Money of a bank transfer has come", receive)
        .may(&[Code::NotFound, Code::BookingRefused])
        .post(at!("/orders/{order}/refunds"), "Pays back; cancels nothing", refund)
        .may(&[Code::NotFound, Code::BookingRefused])
        .post(at!("/orders/{order}/refunds/{refund}/settlement"), "A refund by bank transfer has been made", settle)
        .may(&[Code::NotFound, Code::BookingRefused])
        .post(at!("/orders/{order}/refunds/{refund}/failure"), "A refund by bank transfer did not arrive", fail)
        .may(&[Code::NotFound, Code::BookingRefused])
        .post(at!("/orders/{order}/tickets/{ticket}/reissue"), "Replaces a ticket: its old code is void", reissue)
        .may(&[Code::NotFound, Code::BookingRefused])
        .get(at!("/ledger"), "Balances of the event's money", ledger)
        .may(&[Code::NotFound])
        .post(at!("/payouts"), "The organizer gets what a provider holds", pay_out)
        .may(&[Code::NotFound, Code::BookingRefused])
}

type OfEvent = (Id<OrganizationId>, Id<EventId>);
type OfOrder = (Id<OrganizationId>, Id<EventId>, Id<OrderId>);
type OfRefund = (Id<OrganizationId>, Id<EventId>, Id<OrderId>, Id<RefundId>);

/// An order as organizers see it.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "OrderDetail")]
struct Detail {
    id: OrderId,
    #[serde(flatten)]
    state: State_,
    buyer: Contact,
    /// Why it waits for the organizer: the score, the rules that made it, and the offsets that it reflects.
    review: Option<records::booking::Review>,
    /// What the rules say of the buyer now, with what fired, while the order waits; the score of `review` may be older.
    risk: Option<Assessment>,
    payments: Vec<Attempt>,
    refunds: Vec<Back>,
    tickets: Vec<Held>,
    /// The most that may be paid back, minor units.
    refundable: i64,
    /// What of that is the buyer's: paid, and not owed any more.
    credit: i64,
    /// Its buyer's wishes to be paid back.
    refund_requests: Vec<Asked>,
    /// Codes that its positions have got, without their texts.
    goods: Vec<Delivered>,
}

/// A code that a position has got.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "OrderGoods")]
struct Delivered {
    id: GoodsId,
    /// The position, by its place from 0.
    position: u16,
}

/// A ticket of an order.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "TicketHeld")]
struct Held {
    id: TicketId,
    /// The place of its position in the order, from 0.
    position: u16,
    product: ItemId,
    variation: ItemId,
    revision: u32,
    cancelled: bool,
    /// Who holds it, when it is not the buyer.
    holder: Option<Contact>,
    /// Doors that let somebody in with it, and when.
    admitted: Vec<Admitted>,
}

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "AdmittedAt")]
struct Admitted {
    door: DoorId,
    at: When,
}

/// Money on its way back.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "RefundShown")]
pub(super) struct Back {
    id: RefundId,
    payment: PaymentId,
    /// Minor units.
    amount: i64,
    why: RefundReason,
    status: BackStatus,
}

/// A refund as it is told.
pub(super) fn back(office: &BoxOffice, id: RefundId) -> Option<Back> {
    let known = office.refund(id)?;
    Some(Back { id, payment: known.payment, amount: known.amount, why: known.why, status: known.status.into() })
}

fn detail(api: &Api, (organization, event): (OrganizationId, EventId), id: OrderId) -> Result<Detail, Problem> {
    let found = api.office((organization, event), |office| {
        let order = office.order(id)?.clone();
        let payments = order.payments.iter().filter_map(|id| attempt(office, *id)).collect();
        let refunds = order.refunds.iter().filter_map(|id| back(office, *id)).collect();
        let tickets = held(office, &order);
        let goods = office.goods().of_order(id).map(|(position, id, _)| Delivered { id, position }).collect();
        Some((order, payments, refunds, tickets, requests::of_order(office, id), goods))
    })?;
    let (order, payments, refunds, tickets, asked, goods): (_, _, _, _, _, Vec<Delivered>) =
        found.ok_or_else(|| Problem::new(Code::NotFound, "there is no such order"))?;
    let buyer = api.contact(organization, order.subject, &order.sealed);
    let held = |(held, sealed): (Held, Option<(u64, Blob)>)| {
        let holder = sealed.map(|(subject, sealed)| api.contact(organization, subject, &sealed));
        Held { holder, ..held }
    };
    let tickets = tickets.into_iter().map(held).collect();
    let waits = order.review.is_some() && order.status == OrderStatus::Pending;
    let buyer_of = || Buyer { organization, person: order.person, card: Token::NONE, order: id, amount: order.total() };
    let risk = waits.then(|| api.risk(&buyer_of())).flatten();
    let (state, refundable, credit) = (state(&order), order.refundable(), order.credit());
    let refund_requests = asked.into_iter().map(|found| api.asked(organization, found)).collect();
    let review = order.review;
    Ok(Detail {
        id,
        state,
        buyer,
        review,
        risk,
        payments,
        refunds,
        tickets,
        refundable,
        credit,
        refund_requests,
        goods,
    })
}

/// The tickets of an order, each with what is sealed of its holder.
fn held(office: &BoxOffice, order: &Order) -> Vec<(Held, Option<(u64, Blob)>)> {
    let of = |id: &TicketId| {
        let ticket = office.ticket(*id)?;
        let admitted = office.catalogue().doors().keys().filter_map(|door| {
            let first = office.doors().seen(*door, *id).iter().find(|seen| seen.outcome == ScanOutcome::Admitted)?;
            Some(Admitted { door: *door, at: When(first.scanned) })
        });
        let held = Held {
            id: *id,
            position: ticket.position,
            product: ticket.choice.product,
            variation: ticket.choice.variation,
            revision: ticket.revision,
            cancelled: ticket.cancelled,
            holder: None,
            admitted: admitted.collect(),
        };
        Some((held, ticket.holder().map(|_| (ticket.subject, ticket.sealed.clone()))))
    };
    order.tickets.iter().filter_map(of).collect()
}

async fn one(
    State(api): State<Api>,
    caller: Presented,
    Named((Id(organization), Id(event), Id(order))): Named<OfOrder>,
) -> Result<One<Detail>, Problem> {
    caller.may(Act::ManageOrders, &On::event(organization, event))?;
    Ok(One { data: detail(&api, (organization, event), order)? })
}

/// One fact of an order.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "OrderFact")]
struct Told {
    /// Where it lies in the log.
    offset: crate::writes::Offset,
    at: When,
    /// Who had it done; nobody for what comes with time or from buyers.
    #[schemars(with = "Option<serde_json::Value>")]
    by: Option<By>,
    /// Their name, for who may read it; empty where nobody had it done.
    who: String,
    /// The fact as the log has it, without what is sealed.
    fact: serde_json::Value,
}

async fn history(
    State(api): State<Api>,
    caller: Presented,
    Named((Id(organization), Id(event), Id(order))): Named<OfOrder>,
) -> Result<One<Vec<Told>>, Problem> {
    caller.may(Act::ManageOrders, &On::event(organization, event))?;
    detail(&api, (organization, event), order)?;
    let places = api.booking.history(organization, order);
    let log = api.log.clone();
    // Reads of the log: not on a thread that serves others.
    let told = tokio::task::spawn_blocking(move || {
        places.into_iter().filter_map(|place| told(&*log, place)).collect::<Vec<_>>()
    });
    let mut data = told.await.map_err(|_| Problem::new(Code::Internal, ""))?;
    data.iter_mut().for_each(|told| told.who = api.who_is(told.by.as_ref()));
    Ok(One { data })
}

/// The fact that lies at a place of the log.
pub(super) fn fact_at(log: &dyn eventlog::EventLog, place: desk::Place) -> Option<records::FactRow> {
    let limits = ReadLimits { max_rows: 1, ..ReadLimits::default() };
    let frame = log.read(Lane::Facts, place.partition, place.first, limits).ok()?.into_iter().next()?;
    let rows = records::fact::decode(&frame.body).ok()?;
    rows.into_iter().nth(usize::try_from(place.first.0.checked_sub(frame.first.0)?).ok()?)
}

fn told(log: &dyn eventlog::EventLog, place: desk::Place) -> Option<Told> {
    let row = fact_at(log, place)?;
    let mut fact = serde_json::to_value(&row.fact).ok()?;
    fact.as_object_mut()?
        .retain(|name, _| !matches!(name.as_str(), "sealed" | "asked" | "subject" | "person" | "card"));
    let offset = crate::writes::Offset { partition: place.partition.0, offset: place.first.0 };
    Some(Told { offset, at: When(row.at), by: row.by, who: String::new(), fact })
}

async fn decided(
    api: &Api,
    caller: &Presented,
    (organization, event, order): (OrganizationId, EventId, OrderId),
    tag: CommandTag,
    wish: Wish,
) -> Result<Written<Detail>, Problem> {
    caller.may(Act::ManageOrders, &On::event(organization, event))?;
    let at = (organization, event);
    detail(api, at, order)?;
    let done = api.book(Some(tag), caller.principal.by(), at, wish).await?;
    Ok(Written { data: detail(api, at, order)?, offset: offset(&done) })
}

async fn approve(
    State(api): State<Api>,
    caller: Presented,
    Named((Id(organization), Id(event), Id(order))): Named<OfOrder>,
    write: Idempotent,
) -> Result<Written<Detail>, Problem> {
    let tag = write.tag(&caller.who());
    decided(&api, &caller, (organization, event, order), tag, Wish::ApproveOrder(order)).await
}

/// What is cancelled.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Cancellation {
    /// The places of positions from 0; everything that is left, when none stand here.
    #[serde(default)]
    positions: Vec<u16>,
    /// Why: `buyer`, `organizer`, or `refused` for an order that was looked at.
    why: Ending,
    /// Whether what is the buyer's then goes back at once.
    #[serde(default)]
    refund: bool,
}

async fn cancel(
    State(api): State<Api>,
    caller: Presented,
    Named((Id(organization), Id(event), Id(order))): Named<OfOrder>,
    write: Idempotent<Cancellation>,
) -> Result<Written<Detail>, Problem> {
    let tag = write.tag(&caller.who());
    let (at, refund) = ((organization, event, order), RefundId(write.id().0));
    let Cancellation { positions, why, refund: with_refund } = write.body;
    if why == Ending::Unpaid {
        return Err(Problem::new(Code::FieldsWrong, "`why` is buyer, organizer or refused"));
    }
    let cancelled = decided(&api, &caller, at, tag, Wish::CancelOrder { order, positions, why }).await?;
    // Sent again after half of it was done, the rest is done: what is the buyer's is still there.
    if !with_refund || cancelled.data.credit == 0 {
        return Ok(cancelled);
    }
    decided(&api, &caller, at, second(tag), Wish::Refund { refund, order, amount: None }).await
}

/// Money that has come by bank transfer.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Receipt {
    /// Minor units of the order's currency.
    amount: i64,
    /// What the bank calls it.
    reference: String,
}

/// The id of the second command of one request.
fn second(tag: CommandTag) -> CommandTag {
    CommandTag { id: records::CommandId(tag.id.0 ^ (1 << 64)), hash: tag.hash }
}

/// A receipt is a payment of its own: it begins and is captured at once.
async fn receive(
    State(api): State<Api>,
    caller: Presented,
    Named((Id(organization), Id(event), Id(order))): Named<OfOrder>,
    write: Idempotent<Receipt>,
) -> Result<Written<Detail>, Problem> {
    let (tag, payment) = (write.tag(&caller.who()), PaymentId(write.id().0));
    let Receipt { amount, reference } = write.body;
    if amount <= 0 {
        return Err(Problem::new(Code::FieldsWrong, "`amount` is above zero"));
    }
    let at = (organization, event, order);
    caller.may(Act::ManageOrders, &On::event(organization, event))?;
    if api.office((organization, event), |office| office.payment(payment).is_none())? {
        super::payments::under_way_ends(&api, (organization, event), order).await?;
    }
    let start = Wish::StartPayment { payment, order, provider: Provider::Transfer };
    decided(&api, &caller, at, tag, start).await?;
    let wish =
        Wish::Observe { payment, status: PaymentStatus::Captured, captured: amount, reference, card: Token::NONE };
    decided(&api, &caller, at, second(tag), wish).await
}

/// What is paid back.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "NewRefund")]
struct NewRefund {
    /// Minor units; what the buyer has paid too much, when none stands here.
    amount: Option<i64>,
}

async fn refund(
    State(api): State<Api>,
    caller: Presented,
    Named((Id(organization), Id(event), Id(order))): Named<OfOrder>,
    write: Idempotent<NewRefund>,
) -> Result<Written<Detail>, Problem> {
    let (tag, refund) = (write.tag(&caller.who()), RefundId(write.id().0));
    let wish = Wish::Refund { refund, order, amount: write.body.amount };
    decided(&api, &caller, (organization, event, order), tag, wish).await
}

async fn settle(
    State(api): State<Api>,
    caller: Presented,
    Named((Id(organization), Id(event), Id(order), Id(refund))): Named<OfRefund>,
    write: Idempotent,
) -> Result<Written<Detail>, Problem> {
    caller.may(Act::ManageOrders, &On::event(organization, event))?;
    is_by_transfer(&api, (organization, event), order, refund)?;
    let tag = write.tag(&caller.who());
    decided(&api, &caller, (organization, event, order), tag, Wish::SettleRefund(refund)).await
}

/// Refuses what only a provider can say.
fn is_by_transfer(api: &Api, at: (OrganizationId, EventId), order: OrderId, refund: RefundId) -> Result<(), Problem> {
    let by_transfer = api.office(at, |office| {
        let known = office.refund(refund).filter(|known| known.order == order)?;
        Some(office.payment(known.payment)?.provider == Provider::Transfer)
    })?;
    match by_transfer {
        None => Err(Problem::new(Code::NotFound, "the order has no such refund")),
        Some(false) => Err(Problem::new(Code::BookingRefused, "its provider tells when it is done")),
        Some(true) => Ok(()),
    }
}

/// Why a refund by bank transfer did not arrive.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "RefundFailure")]
struct Failure {
    reason: String,
}

async fn fail(
    State(api): State<Api>,
    caller: Presented,
    Named((Id(organization), Id(event), Id(order), Id(refund))): Named<OfRefund>,
    write: Idempotent<Failure>,
) -> Result<Written<Detail>, Problem> {
    caller.may(Act::ManageOrders, &On::event(organization, event))?;
    is_by_transfer(&api, (organization, event), order, refund)?;
    let (tag, Failure { reason }) = (write.tag(&caller.who()), write.body);
    decided(&api, &caller, (organization, event, order), tag, Wish::FailRefund { refund, reason }).await
}

/// The ticket that is replaced.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "TicketReissue")]
struct Reissue {
    /// The revision that it has now.
    revision: u32,
}

type OfTicket = (Id<OrganizationId>, Id<EventId>, Id<OrderId>, Id<TicketId>);

async fn reissue(
    State(api): State<Api>,
    caller: Presented,
    Named((Id(organization), Id(event), Id(order), Id(ticket))): Named<OfTicket>,
    write: Idempotent<Reissue>,
) -> Result<Written<Detail>, Problem> {
    caller.may(Act::ManageOrders, &On::event(organization, event))?;
    let known = api.office((organization, event), |office| office.ticket(ticket).map(|known| known.order))?;
    if known != Some(order) {
        return Err(Problem::new(Code::NotFound, "the order has no such ticket"));
    }
    let (tag, Reissue { revision }) = (write.tag(&caller.who()), write.body);
    decided(&api, &caller, (organization, event, order), tag, Wish::Reissue { ticket, revision }).await
}

/// A balance of the event's ledger.
#[derive(Debug, Serialize, JsonSchema)]
struct Balance {
    currency: Currency,
    account: Account,
    /// Minor units; above zero is a debit.
    balance: i64,
}

fn balances(api: &Api, at: (OrganizationId, EventId)) -> Result<Vec<Balance>, Problem> {
    api.office(at, |office| {
        let balances = office.ledger().balances();
        balances.map(|(currency, account, balance)| Balance { currency, account, balance }).collect()
    })
}

async fn ledger(
    State(api): State<Api>,
    caller: Presented,
    Named((Id(organization), Id(event))): Named<OfEvent>,
) -> Result<One<Vec<Balance>>, Problem> {
    caller.may(Act::ManageOrders, &On::event(organization, event))?;
    Ok(One { data: balances(&api, (organization, event))? })
}

/// What is paid out.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "NewPayout")]
struct NewPayout {
    /// Who holds it.
    provider: Provider,
    currency: Currency,
    /// Minor units; everything that can be, when none stands here.
    amount: Option<i64>,
}

async fn pay_out(
    State(api): State<Api>,
    caller: Presented,
    Named((Id(organization), Id(event))): Named<OfEvent>,
    write: Idempotent<NewPayout>,
) -> Result<Made<Vec<Balance>>, Problem> {
    caller.may(Act::ManageOrders, &On::event(organization, event))?;
    let (at, payout, tag) = ((organization, event), PayoutId(write.id().0), write.tag(&caller.who()));
    api.office(at, |_| ())?;
    let NewPayout { provider, currency, amount } = write.body;
    let done =
        api.book(Some(tag), caller.principal.by(), at, Wish::PayOut { payout, provider, currency, amount }).await?;
    Ok(Made(Written { data: balances(&api, at)?, offset: offset(&done) }))
}
