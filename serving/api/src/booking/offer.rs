//! What an organizer offers: sales, products, quotas, codes, discounts, doors, the waiting room.

use axum::extract::State;
use records::booking::{BookingFact, Door, GroupDiscount, Product, Promo, Quota, Room, Sales};
use records::fact::CommandTag;
use records::{DoorId, EventId, ItemId, OrganizationId, PromoId, QuotaId, SecretHash};
use rules::access::{Act, On};
use rules::booking::stock::Count;
use rules::booking::{BoxOffice, Wish};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::exact::Exact;
use super::told::Told;
use crate::Api;
use crate::accounts::offset;
use crate::auth::Presented;
use crate::conditional::{IfMatch, tag_of_answer};
use crate::lists::One;
use crate::openapi::Routes;
use crate::problem::{Code, Problem};
use crate::reads::extract::{Id, Instant, Named};
use crate::writes::{Idempotent, Written};

/// The routes of an event's box office begin with this.
macro_rules! at {
    ($rest:literal) => {
        concat!("/v1/organizations/{organization}/events/{event}/box-office", $rest)
    };
}
pub(super) use at;

pub(super) fn routes() -> Routes {
    Routes::new()
        .get(at!(""), "Everything that is offered, with what is held and sold of it", all)
        .may(&[Code::NotFound])
        .get(at!("/sales"), "What holds for all sales", get_sales)
        .may(&[Code::NotFound])
        .put(at!("/sales"), "What holds for all sales", put_sales)
        .may(&[Code::NotFound, Code::BookingRefused])
        .get(at!("/products/{product}"), "A product as it stands", get_product)
        .may(&[Code::NotFound])
        .put(at!("/products/{product}"), "Offers or changes a product", put_product)
        .may(&[Code::NotFound, Code::BookingRefused])
        .get(at!("/quotas/{quota}"), "A quota as it stands", get_quota)
        .may(&[Code::NotFound])
        .put(at!("/quotas/{quota}"), "Makes or changes a quota", put_quota)
        .may(&[Code::NotFound, Code::BookingRefused])
        .get(at!("/promos/{promo}"), "A promo code as it stands", get_promo)
        .may(&[Code::NotFound])
        .put(at!("/promos/{promo}"), "Makes or changes a promo code", put_promo)
        .may(&[Code::NotFound, Code::BookingRefused])
        .get(at!("/group-discounts"), "The group discounts", get_discounts)
        .may(&[Code::NotFound])
        .put(at!("/group-discounts"), "Replaces the group discounts", put_discounts)
        .may(&[Code::NotFound, Code::BookingRefused])
        .get(at!("/doors/{door}"), "The list of a door as it stands", get_door)
        .may(&[Code::NotFound])
        .put(at!("/doors/{door}"), "Makes or changes the list of a door", put_door)
        .may(&[Code::NotFound, Code::BookingRefused])
        .get(at!("/room"), "The waiting room as it stands", get_room)
        .may(&[Code::NotFound])
        .put(at!("/room"), "Makes or changes the waiting room", put_room)
        .may(&[Code::NotFound, Code::BookingRefused])
}

/// What a waiting room is to be. The seed of its draw is the installation's: its hash is told at once.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct RoomToPut {
    /// When those who wait are drawn.
    opens: Instant,
    /// How many are let in each minute.
    per_minute: u32,
    /// How long somebody who was let in may take to hold something, in seconds.
    stay_s: u32,
    /// Whether nobody is let in for now.
    #[serde(default)]
    paused: bool,
}

/// Everything that is offered at an event.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "BoxOffice")]
pub(super) struct Offer {
    sales: Sales,
    products: Vec<Offered>,
    quotas: Vec<Counted>,
    promos: Vec<Code_>,
    group_discounts: Vec<GroupDiscount>,
    doors: Vec<Passed>,
    room: Option<Room>,
    /// Who has come to it.
    room_state: Option<RoomStands>,
    /// How many wait for something that is sold out.
    waiting: usize,
}

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "RoomStands")]
struct RoomStands {
    /// All who have come, those who were let in included.
    came: usize,
    admitted: u32,
    /// The seed of the draw, once it was drawn: whoever hashes it finds the commitment.
    seed: Option<String>,
}

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "OfferedProduct")]
struct Offered {
    id: ItemId,
    #[serde(flatten)]
    product: Product,
    /// In carts and in orders that are not paid.
    held: u32,
    sold: u32,
}

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "CountedQuota")]
struct Counted {
    id: QuotaId,
    #[serde(flatten)]
    quota: Quota,
    /// In carts and in orders that are not paid.
    held: u32,
    sold: u32,
    /// How many are left; null for as many as are wanted.
    left: Option<u64>,
}

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "UsedPromo")]
struct Code_ {
    id: PromoId,
    #[serde(flatten)]
    promo: Promo,
    /// Orders that use it, carts included.
    used: u32,
    /// What it took off, in minor units of its budget's currency.
    taken_off: i64,
}

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "PassedDoor")]
struct Passed {
    id: DoorId,
    #[serde(flatten)]
    door: Door,
    /// Tickets that were let in.
    admitted: u32,
    /// Tickets that are in.
    inside: u32,
}

fn offer(office: &BoxOffice) -> Offer {
    let (catalogue, stock) = (office.catalogue(), office.stock());
    let of = |product| stock.count(records::booking::Choice { product, ..Default::default() });
    let products = catalogue.products().iter().map(|(id, product)| {
        let Count { held, sold } = of(*id);
        Offered { id: *id, product: product.clone(), held, sold }
    });
    let quotas = catalogue.quotas().iter().map(|(id, quota)| {
        let Count { held, sold } = stock.of_quota(quota);
        Counted { id: *id, quota: quota.clone(), held, sold, left: stock.left(quota) }
    });
    let promos = catalogue.promos().iter().map(|(id, promo)| {
        let used = stock.promo(*id);
        Code_ { id: *id, promo: promo.clone(), used: used.orders, taken_off: used.off }
    });
    let doors = catalogue.doors().iter().map(|(id, door)| {
        let count = office.doors().count(*id);
        Passed { id: *id, door: door.clone(), admitted: count.admitted, inside: count.inside }
    });
    Offer {
        sales: catalogue.sales().clone(),
        products: products.collect(),
        quotas: quotas.collect(),
        promos: promos.collect(),
        group_discounts: catalogue.discounts().to_vec(),
        doors: doors.collect(),
        room: office.room().room().cloned(),
        room_state: office.room().room().map(|_| RoomStands {
            came: office.room().queue().len(),
            admitted: office.room().admitted(),
            seed: office.room().seed().map(str::to_owned),
        }),
        waiting: office.waitlist().len(),
    }
}

type OfEvent = (Id<OrganizationId>, Id<EventId>);

async fn all(
    State(api): State<Api>,
    caller: Presented,
    Named((Id(organization), Id(event))): Named<OfEvent>,
) -> Result<One<Told<Offer>>, Problem> {
    let on = On::event(organization, event);
    let manages = caller.may(Act::ManageEvents, &on);
    if let Err(refused) = &manages {
        // Whoever watches figures sees what is sold, but no codes, which are worth money.
        caller.may(Act::ReadViews, &on).map_err(|_| refused.clone())?;
    }
    let mut data = api.office((organization, event), offer)?;
    if manages.is_err() {
        data.promos.clear();
    }
    Ok(One { data: Told(data) })
}

/// What stands, as a fact would make it.
fn standing(api: &Api, at: (OrganizationId, EventId), wish: &Wish) -> Option<BookingFact> {
    let known = api.booking.ask(at.0, at.1, |office| office.standing(at.1, wish));
    known.unwrap_or_else(|| BoxOffice::default().standing(at.1, wish))
}

/// The tag of what a fact makes; empty when there is none.
fn tag_of(fact: Option<&BookingFact>) -> String {
    match fact {
        Some(BookingFact::SalesSet { sales, .. }) => tag_of_answer(&One { data: Told(sales) }),
        Some(BookingFact::ProductSet { spec, .. }) => tag_of_answer(&One { data: Told(spec) }),
        Some(BookingFact::QuotaSet { spec, .. }) => tag_of_answer(&One { data: Told(spec) }),
        Some(BookingFact::PromoSet { spec, .. }) => tag_of_answer(&One { data: Told(spec) }),
        Some(BookingFact::GroupDiscountsSet { discounts, .. }) => tag_of_answer(&One { data: Told(discounts) }),
        Some(BookingFact::DoorSet { spec, .. }) => tag_of_answer(&One { data: Told(spec) }),
        Some(BookingFact::RoomSet { room, .. }) => tag_of_answer(&One { data: Told(room) }),
        _ => String::new(),
    }
}

/// One thing that an organizer sets, as it stands.
fn part<T>(
    api: &Api,
    caller: &Presented,
    at: (OrganizationId, EventId),
    find: impl FnOnce(&BoxOffice) -> Option<T>,
) -> Result<One<Told<T>>, Problem> {
    caller.may(Act::ManageEvents, &On::event(at.0, at.1))?;
    let missing = |what: &str| Problem::new(Code::NotFound, format!("there is no such {what}"));
    if !is_known(api, at) {
        return Err(missing("event"));
    }
    // Where nothing was said yet, all is as it is at the beginning.
    let found = match api.booking.ask(at.0, at.1, |_| ()) {
        Some(()) => api.office(at, find)?,
        None => find(&BoxOffice::default()),
    };
    found.map(|data| One { data: Told(data) }).ok_or_else(|| missing("thing at this box office"))
}

fn is_known(api: &Api, (organization, event): (OrganizationId, EventId)) -> bool {
    let book = api.rules.read().expect("nothing panics under the lock");
    book.tenant(organization).is_some_and(|tenant| tenant.event(event).is_some())
}

/// Has something set that an organizer may set, and tells everything that is offered then.
async fn set(
    api: &Api,
    caller: &Presented,
    at: (OrganizationId, EventId),
    condition: &IfMatch,
    tag: CommandTag,
    wish: Wish,
) -> Result<Written<Told<Offer>>, Problem> {
    caller.may(Act::ManageEvents, &On::event(at.0, at.1))?;
    if !is_known(api, at) {
        return Err(Problem::new(Code::NotFound, "there is no such event"));
    }
    let seen = standing(api, at, &wish);
    condition.allows(&tag_of(seen.as_ref()))?;
    let wish = match condition.is_given() {
        true => Wish::Unchanged { seen: seen.map(Box::new), then: Box::new(wish) },
        false => wish,
    };
    let done = api.book(Some(tag), caller.principal.by(), at, wish).await?;
    Ok(Written { data: Told(api.office(at, offer)?), offset: offset(&done) })
}

async fn put_sales(
    State(api): State<Api>,
    caller: Presented,
    Named((Id(organization), Id(event))): Named<OfEvent>,
    condition: IfMatch,
    write: Idempotent<Exact<Sales>>,
) -> Result<Written<Told<Offer>>, Problem> {
    let (tag, Exact(spec)) = (write.tag(&caller.who()), write.body);
    let wish = Wish::SetSales(spec);
    set(&api, &caller, (organization, event), &condition, tag, wish).await
}

async fn put_product(
    State(api): State<Api>,
    caller: Presented,
    Named((Id(organization), Id(event), Id(product))): Named<(Id<OrganizationId>, Id<EventId>, Id<ItemId>)>,
    condition: IfMatch,
    write: Idempotent<Exact<Product>>,
) -> Result<Written<Told<Offer>>, Problem> {
    let (tag, Exact(spec)) = (write.tag(&caller.who()), write.body);
    let wish = Wish::SetProduct(product, spec);
    set(&api, &caller, (organization, event), &condition, tag, wish).await
}

async fn put_quota(
    State(api): State<Api>,
    caller: Presented,
    Named((Id(organization), Id(event), Id(quota))): Named<(Id<OrganizationId>, Id<EventId>, Id<QuotaId>)>,
    condition: IfMatch,
    write: Idempotent<Exact<Quota>>,
) -> Result<Written<Told<Offer>>, Problem> {
    let (tag, Exact(spec)) = (write.tag(&caller.who()), write.body);
    let wish = Wish::SetQuota(quota, spec);
    set(&api, &caller, (organization, event), &condition, tag, wish).await
}

async fn put_promo(
    State(api): State<Api>,
    caller: Presented,
    Named((Id(organization), Id(event), Id(promo))): Named<(Id<OrganizationId>, Id<EventId>, Id<PromoId>)>,
    condition: IfMatch,
    write: Idempotent<Exact<Promo>>,
) -> Result<Written<Told<Offer>>, Problem> {
    let (tag, Exact(spec)) = (write.tag(&caller.who()), write.body);
    let wish = Wish::SetPromo(promo, spec);
    set(&api, &caller, (organization, event), &condition, tag, wish).await
}

async fn put_discounts(
    State(api): State<Api>,
    caller: Presented,
    Named((Id(organization), Id(event))): Named<OfEvent>,
    condition: IfMatch,
    write: Idempotent<Exact<Vec<GroupDiscount>>>,
) -> Result<Written<Told<Offer>>, Problem> {
    let (tag, Exact(spec)) = (write.tag(&caller.who()), write.body);
    let wish = Wish::SetGroupDiscounts(spec);
    set(&api, &caller, (organization, event), &condition, tag, wish).await
}

async fn put_door(
    State(api): State<Api>,
    caller: Presented,
    Named((Id(organization), Id(event), Id(door))): Named<(Id<OrganizationId>, Id<EventId>, Id<DoorId>)>,
    condition: IfMatch,
    write: Idempotent<Exact<Door>>,
) -> Result<Written<Told<Offer>>, Problem> {
    let (tag, Exact(spec)) = (write.tag(&caller.who()), write.body);
    let wish = Wish::SetDoor(door, spec);
    set(&api, &caller, (organization, event), &condition, tag, wish).await
}

async fn put_room(
    State(api): State<Api>,
    caller: Presented,
    Named((Id(organization), Id(event))): Named<OfEvent>,
    condition: IfMatch,
    write: Idempotent<RoomToPut>,
) -> Result<Written<Told<Offer>>, Problem> {
    let (at, tag, put) = ((organization, event), write.tag(&caller.who()), write.body);
    let commitment = SecretHash::of(&api.room_seed(at));
    let RoomToPut { opens, per_minute, stay_s, paused } = put;
    let wish = Wish::SetRoom(Room { opens: opens.0, per_minute, stay_s, commitment, paused, hashed: true });
    set(&api, &caller, at, &condition, tag, wish).await
}

async fn get_sales(
    State(api): State<Api>,
    caller: Presented,
    Named((Id(organization), Id(event))): Named<OfEvent>,
) -> Result<One<Told<Sales>>, Problem> {
    part(&api, &caller, (organization, event), |office| Some(office.catalogue().sales().clone()))
}

async fn get_product(
    State(api): State<Api>,
    caller: Presented,
    Named((Id(organization), Id(event), Id(product))): Named<(Id<OrganizationId>, Id<EventId>, Id<ItemId>)>,
) -> Result<One<Told<Product>>, Problem> {
    part(&api, &caller, (organization, event), |office| office.catalogue().products().get(&product).cloned())
}

async fn get_quota(
    State(api): State<Api>,
    caller: Presented,
    Named((Id(organization), Id(event), Id(quota))): Named<(Id<OrganizationId>, Id<EventId>, Id<QuotaId>)>,
) -> Result<One<Told<Quota>>, Problem> {
    part(&api, &caller, (organization, event), |office| office.catalogue().quotas().get(&quota).cloned())
}

async fn get_promo(
    State(api): State<Api>,
    caller: Presented,
    Named((Id(organization), Id(event), Id(promo))): Named<(Id<OrganizationId>, Id<EventId>, Id<PromoId>)>,
) -> Result<One<Told<Promo>>, Problem> {
    part(&api, &caller, (organization, event), |office| office.catalogue().promos().get(&promo).cloned())
}

async fn get_discounts(
    State(api): State<Api>,
    caller: Presented,
    Named((Id(organization), Id(event))): Named<OfEvent>,
) -> Result<One<Told<Vec<GroupDiscount>>>, Problem> {
    part(&api, &caller, (organization, event), |office| Some(office.catalogue().discounts().to_vec()))
}

async fn get_door(
    State(api): State<Api>,
    caller: Presented,
    Named((Id(organization), Id(event), Id(door))): Named<(Id<OrganizationId>, Id<EventId>, Id<DoorId>)>,
) -> Result<One<Told<Door>>, Problem> {
    part(&api, &caller, (organization, event), |office| office.catalogue().doors().get(&door).cloned())
}

async fn get_room(
    State(api): State<Api>,
    caller: Presented,
    Named((Id(organization), Id(event))): Named<OfEvent>,
) -> Result<One<Told<Room>>, Problem> {
    part(&api, &caller, (organization, event), |office| office.room().room().cloned())
}
