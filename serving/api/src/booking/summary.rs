//! What an organizer looks at first: how many orders there are of each kind, what waits for somebody, where the money is.

use axum::extract::State;
use records::booking::{Provider, RefundReason};
use records::{Currency, EventId, OrderId, OrganizationId, PaymentId, PayoutId, QuotaId, RefundId};
use rules::access::{Act, On};
use rules::booking::BoxOffice;
use rules::booking::office::RefundStatus;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::found::RefundKey;
use super::offer::at;
use super::shop::orders::Status;
use crate::Api;
use crate::accounts::When;
use crate::auth::Presented;
use crate::lists::{One, Page, Paging};
use crate::openapi::Routes;
use crate::problem::{Code, Problem};
use crate::reads::extract::{Id, Named, Params};

/// Of this share of a quota no more may be left for it to be nearly sold out: a tenth.
const NEARLY: u64 = 10;
/// Quotas that are named.
const QUOTAS_MAX: usize = 20;

pub(super) fn routes() -> Routes {
    Routes::new()
        .get(at!("/summary"), "How many orders there are of each kind, and what waits for somebody", summary)
        .may(&[Code::NotFound])
        .get(at!("/refunds"), "Refunds, the newest first", refunds)
        .may(&[Code::NotFound])
        .get(at!("/payouts"), "What was paid out, the newest first", payouts)
        .may(&[Code::NotFound])
        .get(at!("/payable"), "What can be paid out now", payable)
        .may(&[Code::NotFound])
}

type OfEvent = (Id<OrganizationId>, Id<EventId>);

/// What waits for somebody.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "BoxOfficeSummary")]
struct Summary {
    orders: Orders,
    /// Orders that ended or were cancelled in part, with money that is their buyers'.
    credits: usize,
    /// Refunds on their way.
    refunds_started: usize,
    /// Of these, those that the organizer has to make by bank transfer.
    refunds_by_transfer: usize,
    refunds_failed: usize,
    /// Money that came after an order had ended with nothing left to sell, and has not gone back yet.
    late: usize,
    /// How many wait for something that is sold out.
    waiting: usize,
    /// Buyers who ask for money back and have no answer yet.
    refund_requests: usize,
    /// Quotas of which a tenth or less is left.
    nearly_sold_out: Vec<Nearly>,
}

/// Orders of each status.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "OrderCounts")]
struct Orders {
    pending: usize,
    in_review: usize,
    confirmed: usize,
    expired: usize,
    cancelled: usize,
    refused: usize,
}

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "NearlySoldOut")]
struct Nearly {
    id: QuotaId,
    title: String,
    left: u64,
    size: u32,
}

fn nearly(office: &BoxOffice) -> Vec<Nearly> {
    let quotas = office.catalogue().quotas().iter().filter_map(|(id, quota)| {
        let (size, left) = (quota.size.filter(|size| *size > 0)?, office.stock().left(quota)?);
        let title = quota.title.clone();
        (left * NEARLY <= u64::from(size)).then_some(Nearly { id: *id, title, left, size })
    });
    quotas.take(QUOTAS_MAX).collect()
}

async fn summary(
    State(api): State<Api>,
    caller: Presented,
    Named((Id(organization), Id(event))): Named<OfEvent>,
) -> Result<One<Summary>, Problem> {
    caller.may(Act::ManageOrders, &On::event(organization, event))?;
    let at = (organization, event);
    let (waiting, by_transfer, late, asked, nearly_sold_out) = api.office(at, |office| {
        let of = [Provider::Free, Provider::Transfer, Provider::Stripe, Provider::Test];
        let open = of.into_iter().flat_map(|provider| office.open_refunds(provider));
        let is_late = |refund: &RefundId| office.refund(*refund).is_some_and(|known| known.why == RefundReason::Late);
        let late = open.filter(is_late).count();
        let asked = office.requests().filter(|(_, request)| request.answer.is_none()).count();
        (office.waitlist().len(), office.open_refunds(Provider::Transfer).count(), late, asked, nearly(office))
    })?;
    let data = api.booking.found(at, |index| Summary {
        orders: Orders {
            pending: index.count(Status::Pending),
            in_review: index.count(Status::InReview),
            confirmed: index.count(Status::Confirmed),
            expired: index.count(Status::Expired),
            cancelled: index.count(Status::Cancelled),
            refused: index.count(Status::Refused),
        },
        credits: index.credits(),
        refunds_started: index.count_refunds(RefundStatus::Started),
        refunds_by_transfer: by_transfer,
        refunds_failed: index.count_refunds(RefundStatus::Failed),
        late,
        waiting,
        refund_requests: asked,
        nearly_sold_out,
    });
    Ok(One { data: data.ok_or_else(|| Problem::new(Code::NotFound, "nothing is sold at this event"))? })
}

/// How far a refund is.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "RefundState")]
pub(super) enum BackStatus {
    Started,
    Settled,
    Failed,
}

impl From<RefundStatus> for BackStatus {
    fn from(status: RefundStatus) -> Self {
        match status {
            RefundStatus::Started => Self::Started,
            RefundStatus::Settled => Self::Settled,
            RefundStatus::Failed => Self::Failed,
        }
    }
}

/// A refund in a list.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "RefundRow")]
struct Back {
    id: RefundId,
    order: OrderId,
    payment: PaymentId,
    provider: Provider,
    currency: Currency,
    /// Minor units.
    amount: i64,
    why: RefundReason,
    status: BackStatus,
    started: When,
}

#[derive(Deserialize, JsonSchema)]
struct WhichRefunds {
    /// Only those that are so far.
    status: Option<BackStatus>,
}

async fn refunds(
    State(api): State<Api>,
    caller: Presented,
    Named((Id(organization), Id(event))): Named<OfEvent>,
    Params(which): Params<WhichRefunds>,
    paging: Paging,
) -> Result<Page<Back>, Problem> {
    caller.may(Act::ManageOrders, &On::event(organization, event))?;
    let (at, after) = ((organization, event), paging.after::<RefundKey>()?);
    let status = which.status.map(|status| match status {
        BackStatus::Started => RefundStatus::Started,
        BackStatus::Settled => RefundStatus::Settled,
        BackStatus::Failed => RefundStatus::Failed,
    });
    let keys = api.booking.found(at, |index| index.refunds(status, after, paging.limit() + 1)).unwrap_or_default();
    let rows: Vec<Back> = api.office(at, |office| {
        let row = |(started, id): (records::Timestamp, RefundId)| {
            let known = office.refund(id)?;
            Some(Back {
                id,
                order: known.order,
                payment: known.payment,
                provider: office.payment(known.payment)?.provider,
                currency: office.order(known.order)?.currency,
                amount: known.amount,
                why: known.why,
                status: known.status.into(),
                started: When(started),
            })
        };
        keys.into_iter().filter_map(row).collect()
    })?;
    Ok(paging.page(rows, |row| (row.started.0, row.id)))
}

/// Money that the organizer got.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "PayoutRow")]
struct PaidOut {
    id: PayoutId,
    at: When,
    provider: Provider,
    currency: Currency,
    /// What the organizer got, minor units.
    amount: i64,
    /// What the platform kept.
    commission: i64,
    /// Who had it done.
    by: String,
}

async fn payouts(
    State(api): State<Api>,
    caller: Presented,
    Named((Id(organization), Id(event))): Named<OfEvent>,
    paging: Paging,
) -> Result<Page<PaidOut>, Problem> {
    caller.may(Act::ManageOrders, &On::event(organization, event))?;
    let at = (organization, event);
    api.office(at, |_| ())?;
    let after: Option<usize> = paging.after()?;
    let known = api.booking.found(at, |index| {
        let all = index.payouts();
        let to = after.map_or(all.len(), |after| after.min(all.len()));
        let from = to.saturating_sub(paging.limit() + 1);
        (from..to).rev().map(|place| (place, all[place].clone())).collect::<Vec<_>>()
    });
    let rows = known.unwrap_or_default().into_iter().map(|(place, paid)| {
        let row = PaidOut {
            id: paid.id,
            at: When(paid.at),
            provider: paid.provider,
            currency: paid.currency,
            amount: paid.amount,
            commission: paid.commission,
            by: api.who_is(paid.by.as_ref()),
        };
        (place, row)
    });
    let page = paging.page(rows, |(place, _)| *place);
    Ok(Page { data: page.data.into_iter().map(|(_, row)| row).collect(), next: page.next })
}

/// What can be paid out.
#[derive(Debug, Serialize, JsonSchema)]
struct Payable {
    provider: Provider,
    currency: Currency,
    /// Minor units; what the provider holds, less what is owed to buyers and the platform.
    amount: i64,
}

async fn payable(
    State(api): State<Api>,
    caller: Presented,
    Named((Id(organization), Id(event))): Named<OfEvent>,
) -> Result<One<Vec<Payable>>, Problem> {
    caller.may(Act::ManageOrders, &On::event(organization, event))?;
    let data = api.office((organization, event), |office| {
        let held = office.ledger().balances().filter_map(|(currency, account, _)| match account {
            records::booking::Account::Provider(provider) => Some((provider, currency)),
            _ => None,
        });
        let amount = |(provider, currency)| Payable { provider, currency, amount: office.payable(provider, currency) };
        held.map(amount).collect()
    })?;
    Ok(One { data })
}
