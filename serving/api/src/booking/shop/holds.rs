//! Carts: what is kept for a buyer, at these prices, for a while.

use axum::extract::State;
use records::booking::{Choice, Position};
use records::{Currency, EventId, HoldId, ItemId, OrganizationId, PlaceId, Span, Timestamp, Token};
use rules::booking::{BoxOffice, Line, Wish};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{At, Where};
use crate::Api;
use crate::accounts::{Nothing, When, offset};
use crate::lists::One;
use crate::openapi::Routes;
use crate::problem::{Code, Problem};
use crate::programme::access::Visitor;
use crate::reads::extract::{Id, Named};
use crate::writes::{Idempotent, Made, Written};

pub(super) fn routes() -> Routes {
    Routes::new()
        .post(at!("/holds"), "Keeps what is in a cart, at these prices, for a while", hold)
        .may(&[Code::NotFound, Code::BookingRefused])
        .get(at!("/holds/{hold}"), "What is kept, and until when", held)
        .may(&[Code::NotFound])
        .post(at!("/prices"), "What a cart would cost now, without keeping anything", price)
        .may(&[Code::NotFound, Code::BookingRefused])
        .post(at!("/holds/{hold}/extension"), "Keeps it longer", extend)
        .may(&[Code::NotFound, Code::BookingRefused])
        .delete(at!("/holds/{hold}"), "Gives back what was kept", release)
        .may(&[Code::NotFound])
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

/// Reads a cart, for the fuzz target.
pub(super) fn read_body(bytes: &[u8]) {
    drop(serde_json::from_slice::<Cart>(bytes));
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
    /// The latest that it may be kept after being extended.
    latest: When,
    /// The server's time, for whoever counts down.
    now: When,
}

fn kept(office: &BoxOffice, id: HoldId, now: Timestamp) -> Option<Kept> {
    let hold = office.hold(id)?;
    let most = Span::from_seconds(i64::from(office.catalogue().sales().hold_max_s));
    Some(Kept {
        id,
        currency: hold.currency,
        total: hold.positions.iter().map(|position| position.price).sum(),
        tax: hold.positions.iter().map(|position| position.tax).sum(),
        positions: hold.positions.clone(),
        until: When(hold.until),
        latest: When(hold.made.saturating_add(most).max(hold.until)),
        now: When(now),
    })
}

fn find_hold(api: &Api, at: At, hold: HoldId) -> Result<Kept, Problem> {
    let now = api.clock.now();
    let found = api.office(at, |office| kept(office, hold, now))?;
    found.ok_or_else(|| crate::booking::problem(&rules::booking::Refusal::HoldGone))
}

async fn hold(
    State(api): State<Api>,
    Named((Id(seller), Id(event))): Named<Where>,
    visitor: Visitor,
    write: Idempotent<Cart>,
) -> Result<Made<Kept>, Problem> {
    let (at, id) = ((seller, event), HoldId(write.unguessable()?.0));
    api.admit(&visitor, at)?;
    api.office(at, |_| ())?;
    let tag = write.tag("buyer");
    let Cart { lines, currency, code, place } = write.body;
    let (lines, person, asked) = (lines_of(lines), Token::NONE, tag.hash);
    let wish = Wish::Hold { hold: id, person, currency, lines, code, place, asked };
    let done = api.book(Some(tag), None, at, wish).await?;
    Ok(Made(Written { data: find_hold(&api, at, id)?, offset: offset(&done) }))
}

fn lines_of(lines: Vec<CartLine>) -> Vec<Line> {
    let line = |line: CartLine| Line {
        choice: Choice { product: line.product, variation: line.variation },
        count: line.count,
    };
    lines.into_iter().map(line).collect()
}

/// What a cart would cost.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "CartPrices")]
struct Prices {
    currency: Currency,
    positions: Vec<Position>,
    /// What would be paid, minor units.
    total: i64,
    /// The tax within.
    tax: i64,
}

async fn price(
    State(api): State<Api>,
    Named((Id(seller), Id(event))): Named<Where>,
    ask: Idempotent<Cart>,
) -> Result<One<Prices>, Problem> {
    let Cart { lines, currency, code, .. } = ask.body;
    let (lines, now) = (lines_of(lines), api.clock.now());
    let priced = api.office((seller, event), |office| office.price_of(&lines, currency, &code, now))?;
    let positions = priced.map_err(|refusal| crate::booking::problem(&refusal))?;
    let (total, tax) = positions.iter().fold((0, 0), |(total, tax), one| (total + one.price, tax + one.tax));
    Ok(One { data: Prices { currency, positions, total, tax } })
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
