//! What buyers do: look, fill a cart, order, pay, pass a ticket on, wait. Nobody signs in; an order has a secret.

use axum::extract::State;
use records::booking::{Choice, PaymentStatus, Position, Product, Provider};
use records::{
    Currency, EventId, HoldId, ItemId, Money, OrderId, OrganizationId, PaymentId, PlaceId, SecretHash, TicketId, Token,
    WaitId,
};
use rules::booking::office::{Hold, Order, OrderStatus};
use rules::booking::room::Standing;
use rules::booking::{BoxOffice, Line, Wish};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::people::Contact;
use super::tickets::Claims;
use crate::Api;
use crate::accounts::{Nothing, When, offset};
use crate::lists::One;
use crate::openapi::Routes;
use crate::problem::{Code, Problem};
use crate::reads::extract::{Id, Named, Params};
use crate::writes::{Idempotent, Made, Written};

/// The routes of buyers begin with this.
macro_rules! at {
    ($rest:literal) => {
        concat!("/v1/shop/{seller}/{event}", $rest)
    };
}

/// Up to how many are told as a number; above it nobody has to know.
const FEW: u64 = 10;

pub(super) fn routes() -> Routes {
    Routes::new()
        .get(at!(""), "What is on sale", offer)
        .may(&[Code::NotFound])
        .post(at!("/holds"), "Keeps what is in a cart, at these prices, for a while", hold)
        .may(&[Code::NotFound, Code::BookingRefused])
        .get(at!("/holds/{hold}"), "What is kept, and until when", held)
        .may(&[Code::NotFound])
        .post(at!("/holds/{hold}/extension"), "Keeps it longer", extend)
        .may(&[Code::NotFound, Code::BookingRefused])
        .delete(at!("/holds/{hold}"), "Gives back what was kept", release)
        .may(&[Code::NotFound])
        .post(at!("/orders"), "Orders what is kept", order)
        .may(&[Code::NotFound, Code::BookingRefused, Code::FieldsWrong, Code::LogRefuses])
        .get(at!("/orders/{order}"), "An order with its tickets", ordered)
        .may(&[Code::NotFound])
        .post(at!("/orders/{order}/payments"), "Begins to pay an order", pay)
        .may(&[Code::NotFound, Code::BookingRefused])
        .post(at!("/orders/{order}/payments/{payment}/test"), "What the test provider says", test)
        .may(&[Code::NotFound, Code::BookingRefused])
        .post(at!("/orders/{order}/tickets/{ticket}/transfer"), "Passes a ticket on to somebody else", transfer)
        .may(&[Code::NotFound, Code::BookingRefused, Code::FieldsWrong, Code::LogRefuses])
        .post(at!("/waitlist"), "Waits for something that is sold out", wait)
        .may(&[Code::NotFound, Code::BookingRefused, Code::FieldsWrong, Code::LogRefuses])
        .delete(at!("/waitlist/{wait}"), "Waits no longer", leave)
        .may(&[Code::NotFound])
        .post(at!("/room"), "Waits to be let in", join)
        .may(&[Code::NotFound, Code::BookingRefused, Code::FieldsWrong, Code::LogRefuses])
        .get(at!("/room/{place}"), "Where somebody stands", place)
        .may(&[Code::NotFound])
}

type At = (OrganizationId, EventId);
type Where = (Id<OrganizationId>, Id<EventId>);

/// What is on sale at an event.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Shop")]
struct Shop {
    /// The event's title.
    title: String,
    /// The zone in which its days turn.
    zone: String,
    starts: When,
    ends: When,
    /// Whether anything can be bought now.
    open: bool,
    products: Vec<OnSale>,
    /// The waiting room, when there is one.
    room: Option<RoomState>,
    /// The public key of this organization's tickets, Ed25519, hexadecimal.
    ticket_key: String,
}

#[derive(Debug, Serialize, JsonSchema)]
struct OnSale {
    id: ItemId,
    title: String,
    kind: records::booking::ProductKind,
    /// The title of the price that is asked now.
    tier: String,
    /// What it costs now, with tax, for each currency.
    prices: Vec<Money>,
    variations: Vec<records::booking::Variation>,
    /// The products of which one is needed for each of this.
    with: Vec<ItemId>,
    availability: Availability,
    /// How many are left, when they are few.
    left: Option<u64>,
    /// Whether one may wait for it when it is sold out.
    waitlist: bool,
    /// On sale from here on, when that is to come.
    from: Option<When>,
}

#[derive(Debug, Clone, Copy, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Availability {
    Available,
    Few,
    SoldOut,
    /// Its time has not come.
    Later,
}

#[derive(Debug, Serialize, JsonSchema)]
struct RoomState {
    opens: When,
    /// BLAKE3 of the seed of the draw, hexadecimal; told before anybody comes.
    commitment: String,
    /// The seed, once those who wait were drawn: whoever has the places can draw again.
    seed: Option<String>,
    waiting: usize,
    admitted: u32,
}

#[derive(Deserialize, JsonSchema)]
struct WithCode {
    /// A promo code, which may reveal more.
    #[serde(default)]
    code: String,
}

fn no_event() -> Problem {
    Problem::new(Code::NotFound, "nothing is sold at this event")
}

async fn offer(
    State(api): State<Api>,
    Named((Id(seller), Id(event))): Named<Where>,
    Params(WithCode { code }): Params<WithCode>,
) -> Result<One<Shop>, Problem> {
    let book = api.rules.read().expect("nothing panics under the lock");
    let known = book.tenant(seller).and_then(|tenant| tenant.event(event)).cloned().ok_or_else(no_event)?;
    drop(book);
    let now = api.clock.now();
    let (open, products, room) = api.office((seller, event), |office| {
        let revealed = office.catalogue().promo_of(&code).map(|(_, promo)| promo);
        let reveals =
            |id: ItemId| revealed.is_some_and(|promo| promo.products.is_empty() || promo.products.contains(&id));
        let there = office.catalogue().products().iter().filter(|(id, product)| {
            let over = product.until.is_some_and(|until| now >= until);
            !product.withdrawn && !over && (!product.hidden || reveals(**id))
        });
        let products: Vec<OnSale> = there.map(|(id, product)| on_sale(office, *id, product, now)).collect();
        let room = office.room().room().map(|room| RoomState {
            opens: When(room.opens),
            commitment: room.commitment.to_string(),
            seed: office.room().seed().map(str::to_owned),
            waiting: office.room().queue().len() - office.room().admitted() as usize,
            admitted: office.room().admitted(),
        });
        (office.catalogue().sales().open, products, room)
    })?;
    let ticket_key = SecretHash(api.ticket_key(seller).verifying_key().to_bytes()).to_string();
    let (title, zone) = (known.title.clone(), known.zone.name().to_owned());
    let (starts, ends) = (When(known.starts), When(known.ends));
    Ok(One { data: Shop { title, zone, starts, ends, open, products, room, ticket_key } })
}

fn on_sale(office: &BoxOffice, id: ItemId, product: &Product, now: records::Timestamp) -> OnSale {
    let left = office.available(Choice { product: id, variation: ItemId::NONE });
    // With variations that have quotas of their own, the most that is left of one is what is left.
    let of_variations = product
        .variations
        .iter()
        .map(|variation| office.available(Choice { product: id, variation: variation.variation }).unwrap_or(u64::MAX));
    let left = of_variations.max().or(left);
    let tier = office.tier_now(id, product, now);
    let availability = match (product.from.is_some_and(|from| now < from), left, tier) {
        (true, ..) => Availability::Later,
        (_, Some(0), _) | (_, _, None) => Availability::SoldOut,
        (_, Some(left), _) if left <= FEW => Availability::Few,
        _ => Availability::Available,
    };
    OnSale {
        id,
        title: product.title.clone(),
        kind: product.kind,
        tier: tier.map_or_else(String::new, |tier| tier.title.clone()),
        prices: tier.map_or_else(Vec::new, |tier| tier.prices.clone()),
        variations: product.variations.clone(),
        with: product.with.clone(),
        availability,
        left: left.filter(|left| *left <= FEW),
        waitlist: product.waitlist,
        from: product.from.filter(|from| now < *from).map(When),
    }
}

/// A cart.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Cart {
    lines: Vec<CartLine>,
    /// ISO 4217.
    currency: Currency,
    /// A promo code.
    #[serde(default)]
    code: String,
    /// The place in the waiting room, where there is one.
    #[serde(default)]
    place: PlaceId,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct CartLine {
    product: ItemId,
    #[serde(default)]
    variation: ItemId,
    count: u16,
}

/// What is kept for a buyer.
#[derive(Debug, Serialize, JsonSchema)]
struct Kept {
    id: HoldId,
    currency: Currency,
    positions: Vec<Position>,
    /// What is to be paid, minor units.
    total: i64,
    /// The tax within.
    tax: i64,
    until: When,
}

fn kept(id: HoldId, hold: &Hold) -> Kept {
    Kept {
        id,
        currency: hold.currency,
        total: hold.positions.iter().map(|position| position.price).sum(),
        tax: hold.positions.iter().map(|position| position.tax).sum(),
        positions: hold.positions.clone(),
        until: When(hold.until),
    }
}

fn find_hold(api: &Api, at: At, hold: HoldId) -> Result<Kept, Problem> {
    let found = api.office(at, |office| office.hold(hold).map(|known| kept(hold, known)))?;
    found.ok_or_else(|| super::problem(&rules::booking::Refusal::HoldGone))
}

async fn hold(
    State(api): State<Api>,
    Named((Id(seller), Id(event))): Named<Where>,
    write: Idempotent<Cart>,
) -> Result<Made<Kept>, Problem> {
    let (at, id) = ((seller, event), HoldId(write.id().0));
    api.office(at, |_| ())?;
    let tag = write.tag("buyer");
    let Cart { lines, currency, code, place } = write.body;
    let lines = lines
        .into_iter()
        .map(|line| Line { choice: Choice { product: line.product, variation: line.variation }, count: line.count });
    let (lines, person, asked) = (lines.collect(), Token::NONE, tag.hash);
    let wish = Wish::Hold { hold: id, person, currency, lines, code, place, asked };
    let done = api.book(Some(tag), None, at, wish).await?;
    Ok(Made(Written { data: find_hold(&api, at, id)?, offset: offset(&done) }))
}

type OfHold = (Id<OrganizationId>, Id<EventId>, Id<HoldId>);

async fn held(
    State(api): State<Api>,
    Named((Id(seller), Id(event), Id(hold))): Named<OfHold>,
) -> Result<One<Kept>, Problem> {
    Ok(One { data: find_hold(&api, (seller, event), hold)? })
}

async fn extend(
    State(api): State<Api>,
    Named((Id(seller), Id(event), Id(hold))): Named<OfHold>,
    write: Idempotent,
) -> Result<Written<Kept>, Problem> {
    let at = (seller, event);
    api.office(at, |_| ())?;
    let done = api.book(Some(write.tag("buyer")), None, at, Wish::ExtendHold(hold)).await?;
    Ok(Written { data: find_hold(&api, at, hold)?, offset: offset(&done) })
}

async fn release(
    State(api): State<Api>,
    Named((Id(seller), Id(event), Id(hold))): Named<OfHold>,
    write: Idempotent,
) -> Result<Nothing, Problem> {
    let at = (seller, event);
    api.office(at, |_| ())?;
    api.book(Some(write.tag("buyer")), None, at, Wish::ReleaseHold(hold)).await?;
    Ok(Nothing)
}

/// An order to be placed.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "NewOrder")]
struct New {
    hold: HoldId,
    buyer: Contact,
    /// How it will be paid; what costs nothing is free whatever stands here.
    provider: Provider,
}

/// An order as its buyer sees it.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "BuyersOrder")]
pub(super) struct Ordered {
    id: OrderId,
    /// Shows the order to whoever has it: keep it.
    secret: String,
    #[serde(flatten)]
    pub(super) state: State_,
    buyer: Contact,
    tickets: Vec<TicketShown>,
}

/// How far an order is.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "OrderState")]
pub(super) struct State_ {
    pub(super) status: Status,
    currency: Currency,
    positions: Vec<Position>,
    /// Which of them are cancelled.
    cancelled: Vec<bool>,
    /// What it costs, minor units.
    total: i64,
    /// What was paid, less what went back.
    paid: i64,
    provider: Provider,
    placed: When,
    /// Until when it must be paid.
    due: Option<When>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Status {
    /// It waits to be paid.
    Pending,
    /// The organizer looks at it.
    InReview,
    Confirmed,
    /// It was not paid in time.
    Expired,
    Cancelled,
    Refused,
}

/// A ticket with what a door reads.
#[derive(Debug, Serialize, JsonSchema)]
struct TicketShown {
    id: TicketId,
    product: ItemId,
    variation: ItemId,
    revision: u32,
    cancelled: bool,
    /// Who holds it, when it is not the buyer.
    holder: Option<Contact>,
    /// What its code says; none when it was cancelled or passed on.
    text: Option<String>,
    /// The code as a picture, SVG.
    svg: Option<String>,
}

pub(super) fn status(order: &Order) -> Status {
    use records::booking::Ending;
    match order.status {
        OrderStatus::Pending if order.review.is_some() => Status::InReview,
        OrderStatus::Pending => Status::Pending,
        OrderStatus::Confirmed => Status::Confirmed,
        OrderStatus::Ended(Ending::Unpaid) => Status::Expired,
        OrderStatus::Ended(Ending::Refused) => Status::Refused,
        OrderStatus::Ended(Ending::Buyer | Ending::Organizer) => Status::Cancelled,
    }
}

pub(super) fn state(order: &Order) -> State_ {
    State_ {
        status: status(order),
        currency: order.currency,
        positions: order.positions.clone(),
        cancelled: order.cancelled.clone(),
        total: order.total(),
        paid: order.paid,
        provider: order.provider,
        placed: When(order.placed),
        due: (order.status == OrderStatus::Pending).then_some(When(order.due)),
    }
}

impl Api {
    /// What shows an order to whoever has it: 128 bits of a function that only this installation can compute.
    fn order_secret(&self, seller: OrganizationId, order: OrderId) -> String {
        let half = |number: u8| self.subjects().token(seller, &format!("order {number}"), &order.to_string());
        format!("{}{}", half(0), half(1))
    }

    /// Refuses whoever does not have the secret, as if there were no such order.
    fn holds(&self, seller: OrganizationId, order: OrderId, secret: &str) -> Result<(), Problem> {
        // Hashes are compared, so that how long it takes says nothing of the secret.
        if SecretHash::of(&self.order_secret(seller, order)) == SecretHash::of(secret) {
            return Ok(());
        }
        Err(Problem::new(Code::NotFound, "there is no such order, or the secret is another one's"))
    }

    fn buyers(&self, at: At, id: OrderId) -> Result<Ordered, Problem> {
        let found = self.office(at, |office| {
            let order = office.order(id)?.clone();
            let tickets: Vec<_> =
                order.tickets.iter().filter_map(|id| Some((*id, office.ticket(*id)?.clone()))).collect();
            Some((order, tickets))
        })?;
        let (order, tickets) = found.ok_or_else(|| Problem::new(Code::NotFound, "there is no such order"))?;
        let key = self.ticket_key(at.0);
        let shown = |(id, ticket): (TicketId, rules::booking::office::Ticket)| {
            let claims = Claims { event: at.1, ticket: id, product: ticket.choice.product, revision: ticket.revision };
            // Whoever passed a ticket on no longer gets its code.
            let mine = !ticket.cancelled && ticket.holder().is_none();
            let text = mine.then(|| claims.text(&key));
            TicketShown {
                id,
                product: ticket.choice.product,
                variation: ticket.choice.variation,
                revision: ticket.revision,
                cancelled: ticket.cancelled,
                holder: ticket.holder().map(|_| self.contact(at.0, ticket.subject, &ticket.sealed)),
                svg: text.as_deref().and_then(super::tickets::svg),
                text,
            }
        };
        Ok(Ordered {
            id,
            secret: self.order_secret(at.0, id),
            state: state(&order),
            buyer: self.contact(at.0, order.subject, &order.sealed),
            tickets: tickets.into_iter().map(shown).collect(),
        })
    }
}

async fn order(
    State(api): State<Api>,
    Named((Id(seller), Id(event))): Named<Where>,
    write: Idempotent<New>,
) -> Result<Made<Ordered>, Problem> {
    let (at, id) = ((seller, event), OrderId(write.id().0));
    api.office(at, |_| ())?;
    let tag = write.tag("buyer");
    let New { hold, buyer, provider } = write.body;
    let known = api.sealed(seller, &buyer).await?;
    let wish = Wish::PlaceOrder {
        order: id,
        hold,
        subject: known.subject,
        person: known.person,
        sealed: known.sealed,
        provider,
        score: None,
        asked: tag.hash,
    };
    let done = api.book(Some(tag), None, at, wish).await?;
    Ok(Made(Written { data: api.buyers(at, id)?, offset: offset(&done) }))
}

/// Who asks about an order.
#[derive(Deserialize, JsonSchema)]
struct WithSecret {
    /// What the order's making told.
    secret: String,
}

type OfOrder = (Id<OrganizationId>, Id<EventId>, Id<OrderId>);

async fn ordered(
    State(api): State<Api>,
    Named((Id(seller), Id(event), Id(order))): Named<OfOrder>,
    Params(WithSecret { secret }): Params<WithSecret>,
) -> Result<One<Ordered>, Problem> {
    api.holds(seller, order, &secret)?;
    Ok(One { data: api.buyers((seller, event), order)? })
}

/// A payment to begin.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Pay {
    secret: String,
    provider: Provider,
}

/// One attempt to pay.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "PaymentAttempt")]
pub(super) struct Attempt {
    id: PaymentId,
    attempt: u16,
    provider: Provider,
    /// Minor units of the order's currency.
    amount: i64,
    status: PaymentStatus,
    captured: i64,
    /// The provider's name for it.
    reference: String,
}

pub(super) fn attempt(office: &BoxOffice, id: PaymentId) -> Option<Attempt> {
    let known = office.payment(id)?;
    Some(Attempt {
        id,
        attempt: known.attempt,
        provider: known.provider,
        amount: known.amount,
        status: known.status,
        captured: known.captured,
        reference: known.reference.clone(),
    })
}

fn find_payment(api: &Api, at: At, payment: PaymentId) -> Result<Attempt, Problem> {
    let found = api.office(at, |office| attempt(office, payment))?;
    found.ok_or_else(|| Problem::new(Code::NotFound, "there is no such payment"))
}

async fn pay(
    State(api): State<Api>,
    Named((Id(seller), Id(event), Id(order))): Named<OfOrder>,
    write: Idempotent<Pay>,
) -> Result<Made<Attempt>, Problem> {
    api.holds(seller, order, &write.body.secret)?;
    let (at, payment) = ((seller, event), PaymentId(write.id().0));
    let wish = Wish::StartPayment { payment, order, provider: write.body.provider };
    let done = api.book(Some(write.tag("buyer")), None, at, wish).await?;
    Ok(Made(Written { data: find_payment(&api, at, payment)?, offset: offset(&done) }))
}

/// What the test provider is to say.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Say {
    secret: String,
    status: PaymentStatus,
}

async fn test(
    State(api): State<Api>,
    Named((Id(seller), Id(event), Id(order), Id(payment))): Named<(
        Id<OrganizationId>,
        Id<EventId>,
        Id<OrderId>,
        Id<PaymentId>,
    )>,
    write: Idempotent<Say>,
) -> Result<Written<Attempt>, Problem> {
    api.holds(seller, order, &write.body.secret)?;
    let at = (seller, event);
    let known = find_payment(&api, at, payment)?;
    let of_order = api.office(at, |office| office.payment(payment).is_some_and(|known| known.order == order))?;
    if !api.test_payments || known.provider != Provider::Test || !of_order {
        return Err(Problem::new(Code::NotFound, "there is no such payment at the test provider"));
    }
    let status = write.body.status;
    let captured = if status == PaymentStatus::Captured { known.amount } else { 0 };
    let wish = Wish::Observe { payment, status, captured, reference: format!("test_{payment}") };
    let done = api.book(Some(write.tag("buyer")), None, at, wish).await?;
    Ok(Written { data: find_payment(&api, at, payment)?, offset: offset(&done) })
}

/// Somebody who gets a ticket.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "TicketTransfer")]
struct Transfer {
    secret: String,
    /// The revision that the ticket has now.
    revision: u32,
    holder: Contact,
}

async fn transfer(
    State(api): State<Api>,
    Named((Id(seller), Id(event), Id(order), Id(ticket))): Named<(
        Id<OrganizationId>,
        Id<EventId>,
        Id<OrderId>,
        Id<TicketId>,
    )>,
    write: Idempotent<Transfer>,
) -> Result<Written<Ordered>, Problem> {
    api.holds(seller, order, &write.body.secret)?;
    let at = (seller, event);
    let tag = write.tag("buyer");
    let of_order = api.office(at, |office| office.ticket(ticket).is_some_and(|known| known.order == order))?;
    if !of_order {
        return Err(Problem::new(Code::NotFound, "the order has no such ticket"));
    }
    let known = api.sealed(seller, &write.body.holder).await?;
    let (revision, subject, person, sealed) = (write.body.revision, known.subject, known.person, known.sealed);
    let wish = Wish::Transfer { ticket, revision, subject, person, sealed };
    let done = api.book(Some(tag), None, at, wish).await?;
    Ok(Written { data: api.buyers(at, order)?, offset: offset(&done) })
}

/// Somebody who waits.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "WaitlistEntry")]
struct Wait {
    product: ItemId,
    #[serde(default)]
    variation: ItemId,
    /// How many.
    party: u16,
    currency: Currency,
    contact: Contact,
}

/// A place in a waitlist.
#[derive(Debug, Serialize, JsonSchema)]
struct Waiting {
    id: WaitId,
    party: u16,
}

async fn wait(
    State(api): State<Api>,
    Named((Id(seller), Id(event))): Named<Where>,
    write: Idempotent<Wait>,
) -> Result<Made<Waiting>, Problem> {
    let (at, id) = ((seller, event), WaitId(write.id().0));
    api.office(at, |_| ())?;
    let tag = write.tag("buyer");
    let Wait { product, variation, party, currency, contact } = write.body;
    let known = api.sealed(seller, &contact).await?;
    let (subject, person, sealed) = (known.subject, known.person, known.sealed);
    let choice = Choice { product, variation };
    let wish = Wish::Wait { wait: id, choice, party, currency, subject, person, sealed };
    let done = api.book(Some(tag), None, at, wish).await?;
    Ok(Made(Written { data: Waiting { id, party }, offset: offset(&done) }))
}

async fn leave(
    State(api): State<Api>,
    Named((Id(seller), Id(event), Id(wait))): Named<(Id<OrganizationId>, Id<EventId>, Id<WaitId>)>,
    write: Idempotent,
) -> Result<Nothing, Problem> {
    let at = (seller, event);
    api.office(at, |_| ())?;
    api.book(Some(write.tag("buyer")), None, at, Wish::LeaveWaitlist(wait)).await?;
    Ok(Nothing)
}

/// Somebody who wants to be let in.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "RoomEntry")]
struct Join {
    contact: Contact,
}

/// Where somebody stands.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "RoomPlace")]
struct Stands {
    id: PlaceId,
    standing: StandingWord,
    /// How many are before them, while they wait.
    before: Option<u32>,
    /// Until when they may hold something, once they were let in.
    until: Option<When>,
}

#[derive(Debug, Clone, Copy, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum StandingWord {
    Undrawn,
    Waits,
    Admitted,
    Over,
}

fn stands(api: &Api, at: At, place: PlaceId) -> Result<Stands, Problem> {
    let now = api.clock.now();
    let found = api.office(at, |office| office.room().standing(place, now))?;
    let found = found.ok_or_else(|| Problem::new(Code::NotFound, "there is no such place"))?;
    let (standing, before, until) = match found {
        Standing::Undrawn => (StandingWord::Undrawn, None, None),
        Standing::Waits(before) => (StandingWord::Waits, Some(before), None),
        Standing::Admitted(until) => (StandingWord::Admitted, None, Some(When(until))),
        Standing::Over => (StandingWord::Over, None, None),
    };
    Ok(Stands { id: place, standing, before, until })
}

async fn join(
    State(api): State<Api>,
    Named((Id(seller), Id(event))): Named<Where>,
    write: Idempotent<Join>,
) -> Result<Made<Stands>, Problem> {
    let (at, place) = ((seller, event), PlaceId(write.id().0));
    api.office(at, |_| ())?;
    let tag = write.tag("buyer");
    let known = api.sealed(seller, &write.body.contact).await?;
    let done = api.book(Some(tag), None, at, Wish::JoinRoom { place, person: known.person }).await?;
    Ok(Made(Written { data: stands(&api, at, place)?, offset: offset(&done) }))
}

async fn place(
    State(api): State<Api>,
    Named((Id(seller), Id(event), Id(place))): Named<(Id<OrganizationId>, Id<EventId>, Id<PlaceId>)>,
) -> Result<One<Stands>, Problem> {
    Ok(One { data: stands(&api, (seller, event), place)? })
}
