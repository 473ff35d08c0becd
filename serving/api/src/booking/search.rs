//! The list of orders, and looking for one of a hundred thousand.
//!
//! Ids, their first and last digits, and whole mail addresses are found by an index; an address is looked for by its
//! pseudonym. Names and parts of addresses lie sealed, and nobody keeps them open to be searched: they are opened from the newest
//! order on, [`LOOK_MAX`] at a time, and `next` goes on from there.

use axum::extract::State;
use collect::Who;
use records::booking::Provider;
use records::{Blob, Currency, EventId, OrderId, OrganizationId};
use rules::access::{Act, On};
use rules::booking::office::Order;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::found::{Index, Key};
use super::offer::at;
use super::people::Contact;
use super::shop::orders::{Status, status};
use crate::Api;
use crate::accounts::{Address, When};
use crate::auth::Presented;
use crate::lists::{Page, Paging};
use crate::openapi::Routes;
use crate::problem::{Code, Problem};
use crate::reads::extract::{Id, Named, Params};

/// Buyers that one request opens: 36 us each without optimisation, so at most 0.7 s (`organizers` among the tests measures it).
const LOOK_MAX: usize = 20_000;
/// Orders that are copied under the lock of the box offices at once.
const CHUNK: usize = 500;
/// Digits from which on a text may be part of an order's id.
const DIGITS_MIN: usize = 6;
/// Orders whose ids begin or end with the same digits that are told.
const ALIKE_MAX: usize = 100;
/// Letters of a search.
const SEARCH_MAX: usize = 200;

pub(super) fn routes() -> Routes {
    Routes::new().get(at!("/orders"), "Orders, the newest first", list).may(&[Code::NotFound, Code::ParameterWrong])
}

/// An order in a list.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "OrderRow")]
struct Row {
    id: OrderId,
    status: Status,
    buyer: Contact,
    positions: usize,
    currency: Currency,
    /// What it costs, minor units.
    total: i64,
    paid: i64,
    provider: Provider,
    placed: When,
}

/// Which orders.
#[derive(Deserialize, JsonSchema)]
struct Which {
    /// Only those that are so far.
    status: Option<Status>,
    /// An order's id, its first or last digits (6 or more), a whole mail address, or part of a buyer's name or address. For the
    /// last, a page may have fewer rows than `limit`, or none, and still a `next`: that much was looked through.
    #[serde(default)]
    search: String,
}

type At = (OrganizationId, EventId);

async fn list(
    State(api): State<Api>,
    caller: Presented,
    Named((Id(organization), Id(event))): Named<(Id<OrganizationId>, Id<EventId>)>,
    Params(which): Params<Which>,
    paging: Paging,
) -> Result<Page<Row>, Problem> {
    caller.may(Act::ManageOrders, &On::event(organization, event))?;
    let (at, after) = ((organization, event), paging.after::<Key>()?);
    let search = which.search.trim().to_lowercase();
    if search.chars().count() > SEARCH_MAX {
        return Err(Problem::new(Code::ParameterWrong, format!("`search` has at most {SEARCH_MAX} letters")));
    }
    api.office(at, |_| ())?;
    let (status, limit) = (which.status, paging.limit());
    let some = |find: &dyn Fn(&Index) -> Vec<Key>| {
        let keys = api.booking.found(at, find).unwrap_or_default();
        paging.page(rows(&api, at, &keys), |row| (row.placed.0, row.id))
    };
    if search.is_empty() {
        return Ok(some(&|index| index.before(status, after, limit + 1)));
    }
    if let Some(keys) = by_id(&api, at, &search, status) {
        return Ok(paging.until(rows(&api, at, &keys), None::<Key>));
    }
    if let Ok(address) = search.parse::<Address>() {
        let Some(person) = api.subjects().find(organization, Who::User(address.as_str())) else {
            return Ok(paging.until(Vec::new(), None::<Key>));
        };
        return Ok(some(&|index| index.of_person(person.token, status, after, limit + 1)));
    }
    let reader = api.clone();
    // Opening what is sealed is computing: not on a thread that serves others.
    let looked = tokio::task::spawn_blocking(move || look(&reader, at, &search, status, after, limit));
    let (found, next) = looked.await.map_err(|_| Problem::new(Code::Internal, ""))?;
    Ok(paging.until(rows(&api, at, &found), next))
}

/// Orders whose id is, begins or ends with the text; none when it says nothing of an id.
fn by_id(api: &Api, at: At, text: &str, status: Option<Status>) -> Option<Vec<Key>> {
    let whole = text.parse::<OrderId>().ok();
    let digits: String = text.trim_start_matches('#').chars().filter(|letter| *letter != '-').collect();
    let count = u32::try_from(digits.len()).ok()?;
    let number = u128::from_str_radix(&digits, 16).ok().filter(|_| (DIGITS_MIN..=32).contains(&digits.len()));
    let found = api.booking.found(at, |index| match (whole.filter(|id| index.is(*id, status)), number) {
        (Some(id), _) => vec![id],
        (None, Some(number)) => index.of_digits(number, count, status, ALIKE_MAX),
        (None, None) => Vec::new(),
    })?;
    let mut keys = api.office(at, |office| {
        let placed = |id: OrderId| Some((office.order(id)?.placed, id));
        found.into_iter().filter_map(placed).collect::<Vec<Key>>()
    });
    if let Ok(keys) = &mut keys {
        keys.sort_unstable_by_key(|key| std::cmp::Reverse(*key));
    }
    keys.ok().filter(|keys| !keys.is_empty())
}

/// Orders whose buyer's name or address contains the text, and from where to go on.
fn look(
    api: &Api,
    at: At,
    text: &str,
    status: Option<Status>,
    mut after: Option<Key>,
    limit: usize,
) -> (Vec<Key>, Option<Key>) {
    let mut found = Vec::new();
    for _ in 0..LOOK_MAX / CHUNK {
        let keys = api.booking.found(at, |index| index.before(status, after, CHUNK)).unwrap_or_default();
        for (key, subject, sealed) in sealed(api, at, &keys) {
            after = Some(key);
            let buyer = api.contact(at.0, subject, &sealed);
            if buyer.name.to_lowercase().contains(text) || buyer.email.contains(text) {
                found.push(key);
            }
            if found.len() == limit {
                return (found, after);
            }
        }
        if keys.len() < CHUNK {
            return (found, None);
        }
    }
    (found, after)
}

fn sealed(api: &Api, at: At, keys: &[Key]) -> Vec<(Key, u64, Blob)> {
    let all = api.office(at, |office| {
        let of = |key: &Key| office.order(key.1).map(|order| (*key, order.subject, order.sealed.clone()));
        keys.iter().filter_map(of).collect()
    });
    all.unwrap_or_default()
}

fn rows(api: &Api, at: At, keys: &[Key]) -> Vec<Row> {
    let orders: Vec<(OrderId, Order)> = api
        .office(at, |office| keys.iter().filter_map(|(_, id)| Some((*id, office.order(*id)?.clone()))).collect())
        .unwrap_or_default();
    let row = |(id, order): (OrderId, Order)| Row {
        id,
        status: status(&order),
        buyer: api.contact(at.0, order.subject, &order.sealed),
        positions: order.live().count(),
        currency: order.currency,
        total: order.total(),
        paid: order.paid,
        provider: order.provider,
        placed: When(order.placed),
    };
    orders.into_iter().map(row).collect()
}
