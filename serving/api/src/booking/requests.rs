//! Buyers who ask for their money back, and what the organizer answers.

use axum::extract::State;
use collect::subjects::Person;
use records::seal::Sealed;
use records::{Blob, EventId, OrderId, OrganizationId, RequestId};
use rules::access::{Act, On};
use rules::booking::requests::Request;
use rules::booking::{BoxOffice, Wish};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::offer::at;
use super::secret::OrderSecret;
use crate::Api;
use crate::accounts::{When, offset};
use crate::auth::Presented;
use crate::lists::{Page, Paging};
use crate::openapi::Routes;
use crate::problem::{Code, Problem};
use crate::reads::extract::{Id, Named, Params};
use crate::writes::{Idempotent, Made, Written};

/// Bytes of a reason.
const REASON_BYTES_MAX: usize = 4_000;

pub(super) fn routes() -> Routes {
    Routes::new()
        .post("/v1/shop/{seller}/{event}/orders/{order}/refund-requests", "Asks for money back", ask)
        .may(&[Code::NotFound, Code::BookingRefused, Code::FieldsWrong, Code::LogRefuses])
        .get(at!("/refund-requests"), "Buyers who ask for their money back, the longest waiting first", list)
        .may(&[Code::NotFound])
        .post(
            at!("/refund-requests/{request}/answer"),
            "Grants or declines; what is granted is cancelled and goes back",
            answer,
        )
        .may(&[Code::NotFound, Code::BookingRefused])
}

/// A buyer's wish to be paid back.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "RefundRequest")]
pub(super) struct Asked {
    id: RequestId,
    order: OrderId,
    /// For which positions, by their places from 0.
    positions: Vec<u16>,
    /// In the buyer's words.
    reason: String,
    /// What is kept by the policy, minor units of the order's currency.
    fee: i64,
    asked: When,
    state: Standing,
    /// What the buyer was told.
    words: Option<String>,
    /// What goes back, minor units.
    amount: Option<i64>,
    answered: Option<When>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "RefundRequestState")]
enum Standing {
    Open,
    Granted,
    Declined,
}

fn standing(request: &Request) -> Standing {
    match &request.answer {
        None => Standing::Open,
        Some(answer) if answer.granted => Standing::Granted,
        Some(_) => Standing::Declined,
    }
}

/// A wish with the number of the key that its reason is sealed under.
pub(super) type Found = (RequestId, Request, u64);

/// The wishes of an order.
pub(super) fn of_order(office: &BoxOffice, order: OrderId) -> Vec<Found> {
    let subject = office.order(order).map_or(0, |order| order.subject);
    office.requests_of(order).map(|(id, request)| (id, request.clone(), subject)).collect()
}

impl Api {
    pub(super) fn asked(&self, organization: OrganizationId, (id, request, subject): Found) -> Asked {
        let opened = self.subjects().open_sealed(organization, subject, &request.sealed.0);
        let state = standing(&request);
        let answer = request.answer;
        Asked {
            id,
            order: request.order,
            positions: request.positions,
            reason: opened.map(|sealed| sealed.text).unwrap_or_default(),
            fee: answer.as_ref().filter(|answer| answer.granted).map_or(request.fee, |answer| answer.fee),
            asked: When(request.asked),
            state,
            words: answer.as_ref().map(|answer| answer.words.clone()),
            amount: answer.as_ref().filter(|answer| answer.granted).map(|answer| answer.amount),
            answered: answer.map(|answer| When(answer.at)),
        }
    }

    fn find_request(&self, at: (OrganizationId, EventId), id: RequestId) -> Result<Asked, Problem> {
        let found = self.office(at, |office| {
            let request = office.request_of(id)?.clone();
            let subject = office.order(request.order)?.subject;
            Some((id, request, subject))
        })?;
        let found = found.ok_or_else(|| Problem::new(Code::NotFound, "there is no such request"))?;
        Ok(self.asked(at.0, found))
    }
}

/// A wish to be paid back.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "NewRefundRequest")]
struct New {
    /// The places of positions from 0; everything that is left, when none stand here.
    #[serde(default)]
    positions: Vec<u16>,
    /// Why, in one's own words; at most 4,000 bytes.
    #[serde(default)]
    reason: String,
}

async fn ask(
    State(api): State<Api>,
    Named((Id(seller), Id(event), Id(order))): Named<(Id<OrganizationId>, Id<EventId>, Id<OrderId>)>,
    secret: OrderSecret,
    write: Idempotent<New>,
) -> Result<Made<Asked>, Problem> {
    secret.opens(&api, seller, order)?;
    let (at, request, tag) = ((seller, event), RequestId(write.id().0), write.tag("buyer"));
    let New { positions, reason } = write.body;
    if reason.len() > REASON_BYTES_MAX || reason.contains('\0') {
        return Err(Problem::new(Code::FieldsWrong, format!("`reason` has at most {REASON_BYTES_MAX} bytes")));
    }
    let absent = || Problem::new(Code::NotFound, "there is no such order");
    let subject = api.office(at, |office| office.order(order).map(|order| order.subject))?.ok_or_else(absent)?;
    let sealed = api.sealed_reason(at.0, subject, reason)?;
    let wish = Wish::RequestRefund { request, order, positions, sealed };
    let done = api.book(Some(tag), None, at, wish).await?;
    Ok(Made(Written { data: api.find_request(at, request)?, offset: offset(&done) }))
}

impl Api {
    /// A reason, sealed under the buyer's key.
    fn sealed_reason(&self, organization: OrganizationId, subject: u64, text: String) -> Result<Blob, Problem> {
        let key = self.subjects().key_of(subject).zip(self.subjects().token_of(subject));
        let (key, token) = key.ok_or_else(|| Problem::new(Code::NotFound, "the buyer's data was erased"))?;
        let person = Person { subject, token, key, fresh: false };
        Ok(Blob(self.subjects().seal(organization, &person, &Sealed { text, ..Sealed::default() })))
    }
}

/// Which wishes.
#[derive(Deserialize, JsonSchema)]
struct Which {
    /// Only those that are so.
    state: Option<Standing>,
}

async fn list(
    State(api): State<Api>,
    caller: Presented,
    Named((Id(organization), Id(event))): Named<(Id<OrganizationId>, Id<EventId>)>,
    Params(which): Params<Which>,
    paging: Paging,
) -> Result<Page<Asked>, Problem> {
    caller.may(Act::ManageOrders, &On::event(organization, event))?;
    let after: Option<(i64, RequestId)> = paging.after()?;
    let mut found: Vec<Found> = api.office((organization, event), |office| {
        let wanted =
            office.requests().filter(|(_, request)| which.state.is_none_or(|state| standing(request) == state));
        let subject = |request: &Request| office.order(request.order).map_or(0, |order| order.subject);
        wanted.map(|(id, request)| (id, request.clone(), subject(request))).collect()
    })?;
    found.sort_unstable_by_key(|(id, request, _)| (request.asked, *id));
    let rest = found.into_iter().filter(|(id, request, _)| after.is_none_or(|after| (request.asked.0, *id) > after));
    let rows = rest.map(|found| api.asked(organization, found));
    Ok(paging.page(rows, |row| (row.asked.0.0, row.id)))
}

/// What the organizer says.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "RefundRequestAnswer")]
struct Says {
    /// Whether it is granted.
    granted: bool,
    /// What the buyer is told.
    #[serde(default)]
    words: String,
    /// What is kept, minor units; what the policy says when none stands here.
    fee: Option<i64>,
}

async fn answer(
    State(api): State<Api>,
    caller: Presented,
    Named((Id(organization), Id(event), Id(request))): Named<(Id<OrganizationId>, Id<EventId>, Id<RequestId>)>,
    write: Idempotent<Says>,
) -> Result<Written<Asked>, Problem> {
    caller.may(Act::ManageOrders, &On::event(organization, event))?;
    let (at, tag) = ((organization, event), write.tag(&caller.who()));
    api.find_request(at, request)?;
    let Says { granted, words, fee } = write.body;
    let wish = Wish::AnswerRequest { request, granted, words, fee };
    let done = api.book(Some(tag), caller.principal.by(), at, wish).await?;
    Ok(Written { data: api.find_request(at, request)?, offset: offset(&done) })
}
