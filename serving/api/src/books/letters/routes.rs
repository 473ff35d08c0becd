//! Letters and their like over HTTP: tickets as documents, and letters again.

use axum::extract::State;
use axum::response::Response;
use records::{EventId, OrderId, OrganizationId, Span, TicketId};
use rules::access::{Act, On};
use rules::books::{BATCH_MAX, Command, Wish};
use rules::domains;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::Api;
use crate::accounts::{Address, Nothing};
use crate::auth::Presented;
use crate::booking::OrderSecret;
use crate::openapi::Routes;
use crate::paper::{self, Pdf};
use crate::problem::{Code, Problem};
use crate::reads::extract::{Id, Named};
use crate::writes::Idempotent;

/// An order's letter is sent again at a buyer's wish no sooner than this after the last time.
const AGAIN_AFTER: Span = Span::from_seconds(600);

pub(in crate::books) fn routes() -> Routes {
    Routes::new()
        .get("/v1/shop/{seller}/{event}/orders/{order}/tickets/{ticket}/pdf", "A ticket as a document", ticket)
        .with(paper::describe)
        .may(&[Code::NotFound])
        .post("/v1/shop/{seller}/{event}/order-links", "Has the links of somebody's orders mailed to them", links)
        .may(&[Code::NotFound])
        .post(
            "/v1/organizations/{organization}/events/{event}/box-office/orders/{order}/letters",
            "Has the letter of an order sent again",
            again,
        )
        .may(&[Code::NotFound])
}

async fn ticket(
    State(api): State<Api>,
    Named((Id(seller), Id(event), Id(order), Id(ticket))): Named<(
        Id<OrganizationId>,
        Id<EventId>,
        Id<OrderId>,
        Id<TicketId>,
    )>,
    secret: OrderSecret,
) -> Result<Response, Problem> {
    secret.opens(&api, seller, order)?;
    let bytes = api.buyers_ticket((seller, event), order, ticket).await?;
    let missing = || Problem::new(Code::NotFound, "the order has no such ticket, or it was cancelled or passed on");
    Ok(Pdf { name: format!("ticket-{ticket}"), bytes: bytes.ok_or_else(missing)? }.answer())
}

/// Whose orders.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "OrderLinks")]
struct Links {
    /// The mail address that was given with them.
    email: String,
}

/// Says nothing of whether somebody is known: the answer is the same.
async fn links(
    State(api): State<Api>,
    Named((Id(seller), Id(event))): Named<(Id<OrganizationId>, Id<EventId>)>,
    write: Idempotent<Links>,
) -> Result<Nothing, Problem> {
    let tag = write.tag("buyer");
    let address: Address =
        write.body.email.parse().map_err(|_| Problem::new(Code::FieldsWrong, "`email` is no mail address"))?;
    let known = api.subjects().find(seller, collect::Who::User(address.as_str()));
    let orders: Vec<OrderId> = api.office((seller, event), |office| {
        let Some(person) = known else { return Vec::new() };
        office.orders().filter(|(_, order)| order.person == person.token).map(|(id, _)| id).collect()
    })?;
    let now = api.clock.now();
    let mut orders: Vec<OrderId> = api.booking.books.ask(seller, |shelf| {
        let lately = |order: &OrderId| shelf.asked.get(&(event, *order)).is_some_and(|at| now.since(*at) < AGAIN_AFTER);
        orders.into_iter().filter(|order| !lately(order)).collect()
    });
    orders.sort_unstable();
    orders.truncate(BATCH_MAX);
    if !orders.is_empty() {
        ask(&api, Some(tag), None, seller, event, orders).await?;
    }
    Ok(Nothing)
}

async fn ask(
    api: &Api,
    tag: Option<records::fact::CommandTag>,
    by: Option<records::fact::By>,
    organization: OrganizationId,
    event: EventId,
    orders: Vec<OrderId>,
) -> Result<(), Problem> {
    let command = Command { organization, wish: Wish::AskLetters { event, orders } };
    api.decide(tag, by, domains::Order::Books(command)).await.map(|_| ())
}

async fn again(
    State(api): State<Api>,
    caller: Presented,
    Named((Id(organization), Id(event), Id(order))): Named<(Id<OrganizationId>, Id<EventId>, Id<OrderId>)>,
    write: Idempotent,
) -> Result<Nothing, Problem> {
    caller.may(Act::ManageOrders, &On::event(organization, event))?;
    let there = api.office((organization, event), |office| office.order(order).is_some())?;
    if !there {
        return Err(Problem::new(Code::NotFound, "there is no such order"));
    }
    ask(&api, Some(write.tag(&caller.who())), caller.principal.by(), organization, event, vec![order]).await?;
    Ok(Nothing)
}
