//! What is on sale: to whom, until when, how many are left, what taxes are within, and how one may pay.

use std::collections::BTreeSet;

use axum::extract::State;
use records::booking::{BasisPoints, Choice, GroupDiscount, Product, ProductKind, PromoEffect, Provider, Variation};
use records::{Currency, ItemId, Money, OrganizationId, SecretHash, Timestamp};
use rules::booking::BoxOffice;
use rules::booking::room::WaitingRoom;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Where;
use crate::Api;
use crate::accounts::When;
use crate::booking::Told;
use crate::lists::One;
use crate::openapi::Routes;
use crate::problem::{Code, Problem};
use crate::programme::access::Visitor;
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
    /// Who sells.
    seller: String,
    /// The zone in which its days turn.
    zone: String,
    starts: When,
    ends: When,
    /// The server's time, for whoever counts down.
    now: When,
    /// Whether anything can be bought now.
    open: bool,
    /// The path of the page that says what the event is; null while it has none that everybody may see.
    page: Option<String>,
    products: Vec<OnSale>,
    /// All currencies that something has a price in now, by their codes.
    currencies: Vec<Currency>,
    /// Discounts for those who buy several, in the order in which they are tried.
    discounts: Vec<GroupDiscount>,
    /// What the code does; none when none was sent, or it is not valid.
    code: Option<CodeShown>,
    /// How one may pay what costs something.
    payments: Vec<Provider>,
    /// Positions of one order.
    order_max: u16,
    /// How long a cart is kept, in seconds.
    hold_s: u32,
    /// The waiting room, when there is one.
    room: Option<RoomState>,
    /// The public key of this organization's tickets, Ed25519, hexadecimal.
    ticket_key: String,
}

#[derive(Debug, Serialize, JsonSchema)]
struct OnSale {
    id: ItemId,
    title: String,
    kind: ProductKind,
    /// The title of the price that is asked now.
    tier: String,
    /// When that price ends.
    tier_until: Option<When>,
    /// How many more are sold at it, where a count ends it.
    tier_left: Option<u32>,
    /// The price after it.
    next: Option<Next>,
    /// What it costs now, with tax, for each currency.
    prices: Vec<Money>,
    /// The tax that is inside of its prices.
    tax: BasisPoints,
    variations: Vec<Told<Kind>>,
    /// What it cost before, for each currency, while it is on sale for less.
    original: Vec<Money>,
    /// How many one person may have.
    per_person: Option<u32>,
    /// The products of which one is needed for each of this.
    with: Vec<ItemId>,
    /// Positions of it in one order.
    order_max: Option<u16>,
    /// Whether a code has revealed it.
    revealed: bool,
    availability: Availability,
    /// How many are left, when they are few.
    left: Option<u64>,
    /// Whether one may wait for it when it is sold out.
    waitlist: bool,
    /// On sale from here on, when that is to come.
    from: Option<When>,
    /// On sale until here.
    until: Option<When>,
}

/// A price that is asked later.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "NextTier")]
struct Next {
    title: String,
    prices: Vec<Money>,
}

/// A kind of a product.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "KindOnSale")]
struct Kind {
    #[serde(flatten)]
    kind: Variation,
    availability: Availability,
    /// How many are left, when they are few.
    left: Option<u64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Availability {
    Available,
    Few,
    SoldOut,
    /// Its time has not come.
    Later,
}

/// What a code does.
#[derive(Debug, Serialize, JsonSchema)]
struct CodeShown {
    effect: PromoEffect,
    /// The products that it is for; all when none stand here.
    products: Vec<ItemId>,
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
    /// How many are let in each minute.
    per_minute: u32,
    /// How long somebody who was let in may take, in seconds.
    stay_s: u32,
    /// Whether nobody is let in for now.
    paused: bool,
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
    visitor: Visitor,
    Params(WithCode { code }): Params<WithCode>,
) -> Result<One<Shop>, Problem> {
    api.admit(&visitor, (seller, event))?;
    let book = api.rules.read().expect("nothing panics under the lock");
    let known = book.tenant(seller).and_then(|tenant| tenant.event(event)).cloned().ok_or_else(no_event)?;
    drop(book);
    let now = api.clock.now();
    let page = api.page_path((seller, event));
    let named = api.callers.read(|directory| directory.organization(seller).and_then(|known| known.name.clone()));
    let data = api.office((seller, event), |office| {
        let products = products(office, &code, now);
        let mut currencies: Vec<Currency> =
            products.iter().flat_map(|product| &product.prices).map(|price| price.currency).collect();
        currencies.sort_unstable();
        currencies.dedup();
        let sales = office.catalogue().sales();
        Shop {
            title: known.title.clone(),
            seller: named.unwrap_or_else(|| seller.to_string()),
            zone: known.zone.name().to_owned(),
            starts: When(known.starts),
            ends: When(known.ends),
            now: When(now),
            open: sales.open,
            page,
            products,
            currencies,
            discounts: office.catalogue().discounts().to_vec(),
            code: valid(office, &code, now),
            payments: providers(&api, seller, office),
            order_max: sales.order_max,
            hold_s: sales.hold_s,
            room: room(office.room()),
            ticket_key: SecretHash(api.ticket_key(seller).verifying_key().to_bytes()).to_string(),
        }
    })?;
    Ok(One { data })
}

/// How somebody may pay what costs something.
fn providers(api: &Api, seller: OrganizationId, office: &BoxOffice) -> Vec<Provider> {
    let by_card = api.booking.providers(|known| known.account(seller, Provider::Stripe).is_some());
    let by_transfer = !office.catalogue().sales().transfer_to.is_empty();
    let possible =
        [(Provider::Stripe, by_card), (Provider::Transfer, by_transfer), (Provider::Test, api.test_payments)];
    possible.into_iter().filter(|(_, is)| *is).map(|(provider, _)| provider).collect()
}

fn valid(office: &BoxOffice, code: &str, now: Timestamp) -> Option<CodeShown> {
    let (_, promo) = office.catalogue().promo_of(code)?;
    let stands = promo.from.is_none_or(|from| now >= from) && promo.until.is_none_or(|until| now < until);
    (stands && !promo.withdrawn).then(|| CodeShown { effect: promo.effect.clone(), products: promo.products.clone() })
}

fn room(room: &WaitingRoom) -> Option<RoomState> {
    let spec = room.room()?;
    Some(RoomState {
        opens: When(spec.opens),
        commitment: spec.commitment.to_string(),
        seed: room.seed().map(str::to_owned),
        waiting: room.queue().len() - room.admitted() as usize,
        admitted: room.admitted(),
        per_minute: spec.per_minute,
        stay_s: spec.stay_s,
        paused: spec.paused,
    })
}

/// What somebody who has named this code may see.
fn products(office: &BoxOffice, code: &str, now: Timestamp) -> Vec<OnSale> {
    let revealed = office.catalogue().promo_of(code).map(|(_, promo)| promo);
    let reveals = |id: ItemId| revealed.is_some_and(|promo| promo.products.is_empty() || promo.products.contains(&id));
    let there = office.catalogue().products().iter().filter(|(id, product)| {
        let over = product.until.is_some_and(|until| now >= until);
        !product.withdrawn && !over && (!product.hidden || reveals(**id))
    });
    let mut products: Vec<OnSale> = there.map(|(id, product)| on_sale(office, *id, product, now)).collect();
    // What is hidden is not named by what goes with it either.
    let shown: BTreeSet<ItemId> = products.iter().map(|product| product.id).collect();
    products.iter_mut().for_each(|product| product.with.retain(|with| shown.contains(with)));
    products
}

fn availability(is_later: bool, left: Option<u64>, has_price: bool) -> Availability {
    match (is_later, left, has_price) {
        (true, ..) => Availability::Later,
        (_, Some(0), _) | (.., false) => Availability::SoldOut,
        (_, Some(left), _) if left <= FEW => Availability::Few,
        _ => Availability::Available,
    }
}

fn on_sale(office: &BoxOffice, id: ItemId, product: &Product, now: Timestamp) -> OnSale {
    let is_later = product.from.is_some_and(|from| now < from);
    let standing = office.tier_left(id, product, now);
    let tier = standing.and_then(|(place, _)| product.tiers.get(usize::from(place)));
    let next = standing.and_then(|(place, _)| product.tiers.get(usize::from(place) + 1));
    let few = |left: Option<u64>| left.filter(|left| *left <= FEW);
    let variations: Vec<(Option<u64>, Told<Kind>)> = product
        .variations
        .iter()
        .map(|variation| {
            let left = office.available(Choice { product: id, variation: variation.variation });
            let availability = availability(is_later, left, tier.is_some());
            (left, Told(Kind { kind: variation.clone(), availability, left: few(left) }))
        })
        .collect();
    // With variations that have quotas of their own, the most that is left of one is what is left.
    let of_variations = variations.iter().map(|(left, _)| left.unwrap_or(u64::MAX)).max();
    let left = match of_variations {
        Some(u64::MAX) => None,
        Some(left) => Some(left),
        None => office.available(Choice { product: id, variation: ItemId::NONE }),
    };
    OnSale {
        id,
        title: product.title.clone(),
        kind: product.kind,
        tier: tier.map_or_else(String::new, |tier| tier.title.clone()),
        tier_until: tier.and_then(|tier| tier.until).map(When),
        tier_left: standing.and_then(|(_, left)| left),
        next: next.map(|tier| Next { title: tier.title.clone(), prices: tier.prices.clone() }),
        prices: tier.map_or_else(Vec::new, |tier| tier.prices.clone()),
        tax: product.tax,
        variations: variations.into_iter().map(|(_, kind)| kind).collect(),
        original: tier.map_or_else(Vec::new, |tier| tier.original.clone()),
        per_person: product.per_person,
        with: product.with.clone(),
        order_max: product.order_max,
        revealed: product.hidden,
        availability: availability(is_later, left, tier.is_some()),
        left: few(left),
        waitlist: product.waitlist,
        from: product.from.filter(|_| is_later).map(When),
        until: product.until.map(When),
    }
}
