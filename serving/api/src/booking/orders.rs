//! What organizers do with orders: find, look, approve, cancel, pay back, pay out.

use axum::extract::State;
use eventlog::{Lane, ReadLimits};
use records::booking::{Account, Ending, PaymentStatus, Provider, RefundReason};
use records::fact::By;
use records::{Currency, EventId, OrderId, OrganizationId, PaymentId, PayoutId, RefundId, Token};
use rules::access::{Act, On};
use rules::booking::Wish;
use rules::booking::office::{Order, RefundStatus};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::offer::at;
use super::people::Contact;
use super::shop::orders::{Attempt, State_, Status, attempt, state, status};
use crate::Api;
use crate::accounts::{When, offset};
use crate::auth::Presented;
use crate::lists::{One, Page, Paging};
use crate::openapi::Routes;
use crate::problem::{Code, Problem};
use crate::reads::extract::{Id, Named, Params};
use crate::writes::{Idempotent, Made, Written};

pub(super) fn routes() -> Routes {
    Routes::new()
        .get(at!("/orders"), "Orders, the newest first", list)
        .may(&[Code::NotFound])
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
        .get(at!("/ledger"), "Balances of the event's money", ledger)
        .may(&[Code::NotFound])
        .post(at!("/payouts"), "The organizer gets what a provider holds", pay_out)
        .may(&[Code::NotFound, Code::BookingRefused])
}

type OfEvent = (Id<OrganizationId>, Id<EventId>);
type OfOrder = (Id<OrganizationId>, Id<EventId>, Id<OrderId>);
type OfRefund = (Id<OrganizationId>, Id<EventId>, Id<OrderId>, Id<RefundId>);

/// An order in a list.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "OrderRow")]
struct Row {
    id: OrderId,
    status: Status,
    buyer: Contact,
    positions: usize,
    currency: Currency,
    /// What it costs, minor units.
    total: i64,
    paid: i64,
    placed: When,
}

/// Which orders.
#[derive(Deserialize, JsonSchema)]
struct Which {
    /// Only those that are so far.
    status: Option<Status>,
    /// Only those whose buyer's name or mail address, or id, contains this.
    #[serde(default)]
    search: String,
}

async fn list(
    State(api): State<Api>,
    caller: Presented,
    Named((Id(organization), Id(event))): Named<OfEvent>,
    Params(which): Params<Which>,
    paging: Paging,
) -> Result<Page<Row>, Problem> {
    caller.may(Act::ManageOrders, &On::event(organization, event))?;
    let after: Option<(i64, OrderId)> = paging.after()?;
    let mut orders: Vec<(OrderId, Order)> = api.office((organization, event), |office| {
        let wanted = office.orders().filter(|(_, order)| which.status.is_none_or(|wanted| status(order) == wanted));
        wanted.map(|(id, order)| (id, order.clone())).collect()
    })?;
    orders.sort_unstable_by_key(|(id, order)| std::cmp::Reverse((order.placed, *id)));
    let rest = orders.into_iter().filter(|(id, order)| after.is_none_or(|after| (order.placed.0, *id) < after));
    let search = which.search.trim().to_lowercase();
    let rows = rest.map(|(id, order)| Row {
        id,
        status: status(&order),
        buyer: api.contact(organization, order.subject, &order.sealed),
        positions: order.live().count(),
        currency: order.currency,
        total: order.total(),
        paid: order.paid,
        placed: When(order.placed),
    });
    let found = rows.filter(|row| {
        let texts = [row.id.to_string(), row.buyer.email.clone(), row.buyer.name.to_lowercase()];
        search.is_empty() || texts.iter().any(|text| text.contains(&search))
    });
    Ok(paging.page(found, |row| (row.placed.0.0, row.id)))
}

/// An order as organizers see it.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "OrderDetail")]
struct Detail {
    id: OrderId,
    #[serde(flatten)]
    state: State_,
    buyer: Contact,
    /// Why it waits for the organizer: the score and the offsets that it reflects.
    review: Option<records::booking::Review>,
    payments: Vec<Attempt>,
    refunds: Vec<Back>,
}

/// Money on its way back.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "RefundShown")]
struct Back {
    id: RefundId,
    payment: PaymentId,
    /// Minor units.
    amount: i64,
    why: RefundReason,
    status: BackStatus,
}

#[derive(Debug, Clone, Copy, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum BackStatus {
    Started,
    Settled,
    Failed,
}

fn detail(api: &Api, (organization, event): (OrganizationId, EventId), id: OrderId) -> Result<Detail, Problem> {
    let found = api.office((organization, event), |office| {
        let order = office.order(id)?.clone();
        let payments = order.payments.iter().filter_map(|id| attempt(office, *id)).collect();
        let back = |id: &RefundId| {
            let known = office.refund(*id)?;
            let status = match known.status {
                RefundStatus::Started => BackStatus::Started,
                RefundStatus::Settled => BackStatus::Settled,
                RefundStatus::Failed => BackStatus::Failed,
            };
            Some(Back { id: *id, payment: known.payment, amount: known.amount, why: known.why, status })
        };
        let refunds = order.refunds.iter().filter_map(back).collect();
        Some((order, payments, refunds))
    })?;
    let (order, payments, refunds) = found.ok_or_else(|| Problem::new(Code::NotFound, "there is no such order"))?;
    let buyer = api.contact(organization, order.subject, &order.sealed);
    Ok(Detail { id, state: state(&order), buyer, review: order.review, payments, refunds })
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
    Ok(One { data: told.await.map_err(|_| Problem::new(Code::Internal, ""))? })
}

fn told(log: &dyn eventlog::EventLog, place: desk::Place) -> Option<Told> {
    let limits = ReadLimits { max_rows: 1, ..ReadLimits::default() };
    let frame = log.read(Lane::Facts, place.partition, place.first, limits).ok()?.into_iter().next()?;
    let rows = records::fact::decode(&frame.body).ok()?;
    let row = rows.into_iter().nth(usize::try_from(place.first.0.checked_sub(frame.first.0)?).ok()?)?;
    let mut fact = serde_json::to_value(&row.fact).ok()?;
    fact.as_object_mut()?
        .retain(|name, _| !matches!(name.as_str(), "sealed" | "asked" | "subject" | "person" | "card"));
    let offset = crate::writes::Offset { partition: place.partition.0, offset: place.first.0 };
    Some(Told { offset, at: When(row.at), by: row.by, fact })
}

async fn decided(
    api: &Api,
    caller: &Presented,
    (organization, event, order): (OrganizationId, EventId, OrderId),
    tag: records::fact::CommandTag,
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
}

async fn cancel(
    State(api): State<Api>,
    caller: Presented,
    Named((Id(organization), Id(event), Id(order))): Named<OfOrder>,
    write: Idempotent<Cancellation>,
) -> Result<Written<Detail>, Problem> {
    let tag = write.tag(&caller.who());
    let Cancellation { positions, why } = write.body;
    if why == Ending::Unpaid {
        return Err(Problem::new(Code::FieldsWrong, "`why` is buyer, organizer or refused"));
    }
    decided(&api, &caller, (organization, event, order), tag, Wish::CancelOrder { order, positions, why }).await
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
    let second = records::fact::CommandTag { id: records::CommandId(tag.id.0 ^ (1 << 64)), hash: tag.hash };
    let wish =
        Wish::Observe { payment, status: PaymentStatus::Captured, captured: amount, reference, card: Token::NONE };
    decided(&api, &caller, at, second, wish).await
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
    let at = (organization, event);
    caller.may(Act::ManageOrders, &On::event(organization, event))?;
    let by_transfer = api.office(at, |office| {
        let known = office.refund(refund).filter(|known| known.order == order)?;
        Some(office.payment(known.payment)?.provider == Provider::Transfer)
    })?;
    match by_transfer {
        None => return Err(Problem::new(Code::NotFound, "the order has no such refund")),
        Some(false) => return Err(Problem::new(Code::BookingRefused, "its provider tells when it is done")),
        Some(true) => {}
    }
    let tag = write.tag(&caller.who());
    decided(&api, &caller, (organization, event, order), tag, Wish::SettleRefund(refund)).await
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
