//! Orders as buyers see them: placed, paid, with tickets that can be passed on.

use axum::extract::State;
use records::booking::{PaymentStatus, Position, ProductKind, Provider, Validity};
use records::{Currency, EventId, GoodsId, HoldId, ItemId, OrderId, OrganizationId, PaymentId, TicketId, Token};
use rules::booking::office::{Order, OrderStatus};
use rules::booking::{BoxOffice, Wish};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use views::fraud::Buyer;

use super::super::orders::{Back, back};
use super::super::people::Contact;
use super::super::requests::{self, Asked};
use super::super::risk::review;
use super::super::secret::OrderSecret;
use super::super::tickets::{self, Claims};
use super::{At, Where, WithinOrder};
use crate::Api;
use crate::accounts::{When, offset};
use crate::lists::One;
use crate::openapi::Routes;
use crate::problem::{Code, Problem};
use crate::programme::access::Visitor;
use crate::reads::extract::{Id, Named};
use crate::writes::{Idempotent, Made, Written};

pub(super) fn routes() -> Routes {
    Routes::new()
        .post(at!("/orders"), "Orders what is kept", order)
        .may(&[Code::NotFound, Code::BookingRefused, Code::FieldsWrong, Code::LogRefuses])
        .get(at!("/orders/{order}"), "An order with its tickets", ordered)
        .may(&[Code::NotFound])
        .post(at!("/orders/{order}/tickets/{ticket}/transfer"), "Passes a ticket on to somebody else", transfer)
        .may(&[Code::NotFound, Code::BookingRefused, Code::FieldsWrong, Code::LogRefuses])
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

/// Reads an order and a transfer, for the fuzz target.
pub(in crate::booking) fn read_bodies(bytes: &[u8]) {
    drop((serde_json::from_slice::<New>(bytes), serde_json::from_slice::<Transfer>(bytes)));
}

/// An order as its buyer sees it.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "BuyersOrder")]
pub(super) struct Ordered {
    id: OrderId,
    /// Shows the order to whoever has it: keep it.
    secret: String,
    #[serde(flatten)]
    state: State_,
    buyer: Contact,
    tickets: Vec<TicketShown>,
    /// Every attempt to pay, in order.
    payments: Vec<Attempt>,
    /// What goes back, in order.
    refunds: Vec<Back>,
    /// How to pay by bank transfer, while that is waited for.
    transfer: Option<TransferTo>,
    /// The server's time, for whoever counts down.
    now: When,
    /// Codes, links or files' addresses that were bought, once the order is paid.
    goods: Vec<GoodsShown>,
    /// Wishes to be paid back.
    refund_requests: Vec<Asked>,
    /// How money back may be asked for; null when it may not.
    refund_policy: Option<Refundable>,
}

/// Something digital that was bought.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "DeliveredGoods")]
struct GoodsShown {
    id: GoodsId,
    /// The position of the order, by its place from 0.
    position: u16,
    product: ItemId,
    variation: ItemId,
    /// The code, link or address; none when its position was cancelled.
    text: Option<String>,
}

/// How a buyer may ask for money back.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "RefundsOffered")]
struct Refundable {
    /// Until when; for ever when null.
    until: Option<When>,
    /// What is kept of the price, in hundredths of a percent.
    fee: records::booking::BasisPoints,
}

/// How to pay by bank transfer.
#[derive(Debug, Serialize, JsonSchema)]
struct TransferTo {
    /// Where to, as the organizer has written it.
    to: String,
    /// What is to stand with it, so that it is found: the end of the order's id.
    reference: String,
    /// Minor units.
    amount: i64,
}

/// What a bank transfer says, so that it is found by the order's id.
fn reference(order: OrderId) -> String {
    /// Digits of a UUID's last group.
    const DIGITS: usize = 12;
    let text = format!("{:032X}", order.0);
    text[text.len() - DIGITS..].to_owned()
}

/// How far an order is.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "OrderState")]
pub(in crate::booking) struct State_ {
    pub(in crate::booking) status: Status,
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
pub(in crate::booking) enum Status {
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
    /// The place of its position in the order, from 0.
    position: u16,
    /// Who comes with it, as the buyer named them; nobody for one that was passed on.
    name: String,
    product: ItemId,
    variation: ItemId,
    revision: u32,
    cancelled: bool,
    /// Who holds it, when it is not the buyer.
    holder: Option<Contact>,
    /// When it begins to let in; always when null.
    valid_from: Option<When>,
    /// When it ceases to; never when null.
    valid_until: Option<When>,
    /// When and where it let somebody in first; null while it has not, and when it was passed on.
    admitted: Option<Admitted>,
    /// What its code says; none when it was cancelled or passed on.
    text: Option<String>,
    /// The code as a picture, SVG.
    svg: Option<String>,
}

/// Where a ticket has let somebody in.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "TicketAdmitted")]
struct Admitted {
    at: When,
    /// The title of the door.
    door: String,
    /// Where at the door, as the device was told.
    gate: String,
}

fn admitted(office: &BoxOffice, ticket: TicketId) -> Option<Admitted> {
    let doors = office.catalogue().doors().iter();
    let looks = doors.flat_map(|(id, door)| office.doors().seen(*id, ticket).iter().map(move |seen| (door, seen)));
    let (door, seen) = looks
        .filter(|(_, seen)| seen.outcome == records::booking::ScanOutcome::Admitted)
        .min_by_key(|(_, seen)| (seen.scanned, seen.scan))?;
    Some(Admitted { at: When(seen.scanned), door: door.title.clone(), gate: seen.gate.clone() })
}

pub(in crate::booking) fn status(order: &Order) -> Status {
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

pub(in crate::booking) fn state(order: &Order) -> State_ {
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

type Bought = (Vec<(u16, GoodsId, rules::booking::goods::Item)>, Vec<requests::Found>);

/// What is digital of an order, and its wishes to be paid back.
fn bought(office: &BoxOffice, id: OrderId) -> Bought {
    let goods = office.goods().of_order(id).map(|(position, id, item)| (position, id, item.clone()));
    (goods.collect(), requests::of_order(office, id))
}

impl Api {
    /// An order as its buyer sees it.
    pub(super) fn buyers(&self, at: At, id: OrderId) -> Result<Ordered, Problem> {
        self.ordered(at, id, true)
    }

    /// The same without pictures of its tickets' codes unless they are `drawn`, which takes longer than all the rest of it.
    fn ordered(&self, at: At, id: OrderId, drawn: bool) -> Result<Ordered, Problem> {
        let found = self.office(at, |office| {
            let order = office.order(id)?.clone();
            let ticket = |id: &TicketId| {
                let ticket = office.ticket(*id)?;
                Some((*id, ticket.clone(), office.validity(ticket), admitted(office, *id)))
            };
            let tickets: Vec<_> = order.tickets.iter().filter_map(ticket).collect();
            let payments = order.payments.iter().filter_map(|id| attempt(office, *id)).collect();
            let refunds = order.refunds.iter().filter_map(|id| back(office, *id)).collect();
            let sales = office.catalogue().sales();
            let bought = bought(office, id);
            Some((order, tickets, payments, refunds, sales.transfer_to.clone(), bought, sales.refunds))
        })?;
        let (order, tickets, payments, refunds, to, (goods, asked), policy) =
            found.ok_or_else(|| Problem::new(Code::NotFound, "there is no such order"))?;
        let key = self.ticket_key(at.0);
        let buyer = self.contact(at.0, order.subject, &order.sealed);
        let by_transfer = order.status == OrderStatus::Pending && order.provider == Provider::Transfer;
        let amount = order.total() - order.paid;
        type Found = (TicketId, rules::booking::office::Ticket, Validity, Option<Admitted>);
        let shown = |(id, ticket, valid, admitted): Found| {
            let claims = Claims { event: at.1, ticket: id, product: ticket.choice.product, revision: ticket.revision };
            // Whoever passed a ticket on no longer gets its code.
            let mine = !ticket.cancelled && ticket.holder().is_none();
            let text = mine.then(|| claims.text_valid(valid, &key));
            TicketShown {
                id,
                position: ticket.position,
                name: if mine || ticket.cancelled { buyer.attendee(ticket.position).to_owned() } else { String::new() },
                product: ticket.choice.product,
                variation: ticket.choice.variation,
                revision: ticket.revision,
                cancelled: ticket.cancelled,
                valid_from: valid.from.map(When),
                valid_until: valid.until.map(When),
                admitted: admitted.filter(|_| mine),
                holder: ticket.holder().map(|_| self.contact(at.0, ticket.subject, &ticket.sealed)),
                svg: text.as_deref().filter(|_| drawn).and_then(tickets::svg),
                text,
            }
        };
        let delivered = |(position, id, item): (u16, GoodsId, rules::booking::goods::Item)| {
            let live = matches!(item.lot, rules::booking::goods::Lot::Given(..));
            let text = live.then(|| self.goods_text(at.0, &item.sealed)).flatten();
            GoodsShown { id, position, product: item.choice.product, variation: item.choice.variation, text }
        };
        Ok(Ordered {
            id,
            secret: self.order_secret(at.0, id),
            state: state(&order),
            tickets: tickets.into_iter().map(shown).collect(),
            buyer,
            payments,
            refunds,
            transfer: by_transfer.then(|| TransferTo { to, reference: reference(id), amount }),
            now: When(self.clock.now()),
            goods: goods.into_iter().map(delivered).collect(),
            refund_requests: asked.into_iter().map(|found| self.asked(at.0, found)).collect(),
            refund_policy: policy.map(|policy| Refundable { until: policy.until.map(When), fee: policy.fee }),
        })
    }
}

async fn order(
    State(api): State<Api>,
    Named((Id(seller), Id(event))): Named<Where>,
    visitor: Visitor,
    write: Idempotent<New>,
) -> Result<Made<Ordered>, Problem> {
    let (at, id) = ((seller, event), OrderId(write.id().0));
    api.admit(&visitor, at)?;
    api.office(at, |_| ())?;
    let tag = write.tag("buyer");
    let New { hold, mut buyer, provider } = write.body;
    // What the event asks is checked before anything is sealed; the same order again is answered without its hold.
    let products = api.office(at, |office| {
        let positions = office.hold(hold).map(|hold| &hold.positions).or_else(|| Some(&office.order(id)?.positions));
        let kind = |product: ItemId| office.catalogue().products().get(&product).map(|product| product.kind);
        let is_ticket = |product| matches!(kind(product), Some(ProductKind::Admission | ProductKind::AddOn));
        positions.map(|all| all.iter().map(|one| (one.product, is_ticket(one.product))).collect::<Vec<_>>())
    })?;
    if let Some(products) = products {
        buyer.answers = api.answers(at, &products, &buyer.answers)?;
    }
    let known = api.sealed(seller, &buyer).await?;
    let amount = api.office(at, |office| {
        office.hold(hold).map_or(0, |hold| hold.positions.iter().map(|position| position.price).sum())
    })?;
    let asked = Buyer { organization: seller, person: known.person, card: Token::NONE, order: OrderId::NONE, amount };
    let wish = Wish::PlaceOrder {
        order: id,
        hold,
        subject: known.subject,
        person: known.person,
        sealed: known.sealed,
        provider,
        score: api.risk(&asked).as_ref().map(review),
        asked: tag.hash,
    };
    let done = api.book(Some(tag), None, at, wish).await?;
    Ok(Made(Written { data: api.ordered(at, id, false)?, offset: offset(&done) }))
}

pub(super) type OfOrder = (Id<OrganizationId>, Id<EventId>, Id<OrderId>);

async fn ordered(
    State(api): State<Api>,
    Named((Id(seller), Id(event), Id(order))): Named<OfOrder>,
    secret: OrderSecret,
) -> Result<One<Ordered>, Problem> {
    secret.opens(&api, seller, order)?;
    Ok(One { data: api.buyers((seller, event), order)? })
}

/// One attempt to pay.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "PaymentAttempt")]
pub(in crate::booking) struct Attempt {
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

pub(in crate::booking) fn attempt(office: &BoxOffice, id: PaymentId) -> Option<Attempt> {
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

/// Somebody who gets a ticket.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "TicketTransfer")]
struct Transfer {
    /// The revision that the ticket has now.
    revision: u32,
    holder: Contact,
}

async fn transfer(
    State(api): State<Api>,
    Named((Id(seller), Id(event), Id(order), Id(ticket))): Named<WithinOrder<TicketId>>,
    secret: OrderSecret,
    write: Idempotent<Transfer>,
) -> Result<Written<Ordered>, Problem> {
    secret.opens(&api, seller, order)?;
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
