//! Letters and their like over HTTP: tickets as documents, letters again, and the offer that somebody waited for.

use axum::extract::State;
use axum::response::Response;
use records::booking::Choice;
use records::{EventId, HoldId, ItemId, OrderId, OrganizationId, Span, TicketId, WaitId};
use rules::access::{Act, On};
use rules::books::{BATCH_MAX, Command, Wish};
use rules::domains;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Api;
use crate::accounts::{Address, Nothing, When};
use crate::auth::Presented;
use crate::booking::OrderSecret;
use crate::lists::One;
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
        .get("/v1/shop/{seller}/{event}/waitlist/{wait}", "Whether what somebody waits for is kept for them", offer)
        .may(&[Code::NotFound])
        .post(
            "/v1/organizations/{organization}/events/{event}/box-office/orders/{order}/letters",
            "Has the letter of an order sent again",
            again,
        )
        .may(&[Code::NotFound])
}

type OfTicket = (Id<OrganizationId>, Id<EventId>, Id<OrderId>, Id<TicketId>);

async fn ticket(
    State(api): State<Api>,
    Named((Id(seller), Id(event), Id(order), Id(ticket))): Named<OfTicket>,
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

/// Somebody who waits, or waited.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "WaitlistState")]
struct Waits {
    id: WaitId,
    standing: Standing,
    product: Option<ItemId>,
    variation: Option<ItemId>,
    /// How many stand before them for the same, while they wait.
    before: Option<usize>,
    /// What is kept for them: order it, or give it back.
    hold: Option<HoldId>,
    /// Until when it is kept.
    until: Option<When>,
}

#[derive(Debug, Clone, Copy, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "WaitlistStanding")]
enum Standing {
    Waits,
    /// What they wait for is kept for them.
    Offered,
    /// They took it, gave it back, or its time is over.
    Over,
}

async fn offer(
    State(api): State<Api>,
    Named((Id(seller), Id(event), Id(wait))): Named<(Id<OrganizationId>, Id<EventId>, Id<WaitId>)>,
) -> Result<One<Waits>, Problem> {
    let offered = api.booking.books.ask(seller, |shelf| shelf.offers.get(&(event, wait)).copied());
    let none = Waits {
        id: wait,
        standing: Standing::Over,
        product: None,
        variation: None,
        before: None,
        hold: None,
        until: None,
    };
    let told = api.office((seller, event), |office| {
        if let Some(waiting) = office.waitlist().get(wait) {
            let Choice { product, variation } = waiting.choice;
            let ahead = office.waitlist().queue().take_while(|(id, _)| *id != wait);
            let before = ahead.filter(|(_, other)| other.choice == waiting.choice).count();
            let (product, variation) = (Some(product), variation.is_some().then_some(variation));
            return Some(Waits { standing: Standing::Waits, product, variation, before: Some(before), ..none });
        }
        let hold = offered?;
        let Some(kept) = office.hold(hold) else { return Some(none) };
        let first = kept.positions.first()?;
        let (product, variation) = (Some(first.product), first.variation.is_some().then_some(first.variation));
        let (hold, until) = (Some(hold), Some(When(kept.until)));
        Some(Waits { standing: Standing::Offered, product, variation, hold, until, ..none })
    })?;
    told.map(|data| One { data }).ok_or_else(|| Problem::new(Code::NotFound, "nobody waits by this id"))
}
