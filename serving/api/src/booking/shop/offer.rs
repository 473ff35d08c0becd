//! What is on sale.

use axum::extract::State;
use records::booking::{Choice, Product};
use records::{ItemId, Money, SecretHash};
use rules::booking::BoxOffice;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Where;
use crate::Api;
use crate::accounts::When;
use crate::lists::One;
use crate::openapi::Routes;
use crate::problem::{Code, Problem};
use crate::reads::extract::{Id, Named, Params};

pub(super) fn routes() -> Routes {
    Routes::new().get(at!(""), "What is on sale", offer).may(&[Code::NotFound])
}

/// Up to how many are told as a number; above it nobody has to know.
const FEW: u64 = 10;

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
    /// What it cost before, for each currency, while it is on sale for less.
    original: Vec<Money>,
    /// When this price ends.
    price_until: Option<When>,
    /// How many are left at this price, when that is bounded.
    price_left: Option<u32>,
    /// How many one person may have.
    per_person: Option<u32>,
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
        original: tier.map_or_else(Vec::new, |tier| tier.original.clone()),
        price_until: tier.and_then(|tier| tier.until).map(When),
        price_left: tier.and_then(|tier| office.left_at(id, product, tier)),
        per_person: product.per_person,
        variations: product.variations.clone(),
        with: product.with.clone(),
        availability,
        left: left.filter(|left| *left <= FEW),
        waitlist: product.waitlist,
        from: product.from.filter(|from| now < *from).map(When),
    }
}
