//! Codes, links and addresses of files that an organizer sells: laid in stock, looked at, taken out.
//!
//! Their texts are sealed in the log, under a key of the organization. Their ids follow from the texts under the
//! installation's secret, so the same text twice is one, and an id says nothing of it.

use axum::extract::State;
use collect::Who;
use records::booking::{Choice, Good};
use records::seal::Sealed;
use records::{Blob, EventId, GoodsId, ItemId, OrderId, OrganizationId};
use rules::access::{Act, On};
use rules::booking::Wish;
use rules::booking::goods::{Counts, GOODS_BATCH_MAX, Lot};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::offer::at;
use crate::Api;
use crate::accounts::offset;
use crate::auth::Presented;
use crate::lists::{One, Page, Paging};
use crate::openapi::Routes;
use crate::problem::{Code, Problem};
use crate::reads::extract::{Id, Named, Params};
use crate::writes::{Idempotent, Made, Written};

/// Bytes of one text: codes, and links with their signatures.
const TEXT_BYTES_MAX: usize = 4_000;

pub(super) fn routes() -> Routes {
    Routes::new()
        .get(at!("/goods"), "Codes in stock and delivered, without their texts", list)
        .may(&[Code::NotFound])
        .post(at!("/goods"), "Lays codes, links or files' addresses in stock", add)
        .may(&[Code::NotFound, Code::BookingRefused, Code::FieldsWrong, Code::LogRefuses])
        .get(at!("/goods/counts"), "How many codes of each digital product there are", counts)
        .may(&[Code::NotFound])
        .post(at!("/goods/withdrawals"), "Takes codes out of stock that nobody has got", withdraw)
        .may(&[Code::NotFound, Code::BookingRefused])
}

/// A code in stock, or delivered.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "GoodsItem")]
struct Row {
    id: GoodsId,
    product: ItemId,
    variation: ItemId,
    state: State_,
    /// The order that has it, or had it.
    order: Option<OrderId>,
    /// The position of the order, by its place from 0.
    position: Option<u16>,
    #[serde(skip)]
    number: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "GoodsState")]
enum State_ {
    /// In stock.
    Free,
    /// A position has it.
    Delivered,
    /// A position had it, which was cancelled.
    Spent,
    /// It is not sold any more.
    Withdrawn,
}

/// Which codes.
#[derive(Deserialize, JsonSchema)]
struct Which {
    /// Only those of a product.
    product: Option<ItemId>,
    /// Only those that are so.
    state: Option<State_>,
}

type OfEvent = (Id<OrganizationId>, Id<EventId>);

async fn list(
    State(api): State<Api>,
    caller: Presented,
    Named((Id(organization), Id(event))): Named<OfEvent>,
    Params(which): Params<Which>,
    paging: Paging,
) -> Result<Page<Row>, Problem> {
    caller.may(Act::ManageOrders, &On::event(organization, event))?;
    let after: Option<(u64, GoodsId)> = paging.after()?;
    let mut rows: Vec<Row> = api.office((organization, event), |office| {
        let all = office.goods().items().map(|(id, item)| {
            let (state, of) = match item.lot {
                Lot::Free => (State_::Free, None),
                Lot::Given(order, position) => (State_::Delivered, Some((order, position))),
                Lot::Spent(order, position) => (State_::Spent, Some((order, position))),
                Lot::Withdrawn => (State_::Withdrawn, None),
            };
            let (order, position) = of.unzip();
            let Choice { product, variation } = item.choice;
            Row { id, product, variation, state, order, position, number: item.number }
        });
        let wanted = all.filter(|row| {
            which.product.is_none_or(|product| product == row.product)
                && which.state.is_none_or(|state| state == row.state)
                && after.is_none_or(|after| (row.number, row.id) > after)
        });
        wanted.collect()
    })?;
    rows.sort_unstable_by_key(|row| (row.number, row.id));
    Ok(paging.page(rows, |row| (row.number, row.id)))
}

/// How many codes of a digital product there are.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "GoodsCount")]
struct Counted {
    product: ItemId,
    variation: ItemId,
    /// In stock.
    free: u64,
    /// Sold, and waiting for a code.
    owed: u64,
    /// Delivered, to positions that were cancelled since included.
    given: u64,
}

async fn counts(
    State(api): State<Api>,
    caller: Presented,
    Named((Id(organization), Id(event))): Named<OfEvent>,
) -> Result<One<Vec<Counted>>, Problem> {
    caller.may(Act::ManageOrders, &On::event(organization, event))?;
    let data = api.office((organization, event), |office| {
        let counted = office.goods().counts().into_iter().map(|(choice, count)| {
            let (Choice { product, variation }, Counts { free, owed, given }) = (choice, count);
            Counted { product, variation, free, owed, given }
        });
        counted.collect()
    })?;
    Ok(One { data })
}

/// Codes to be sold.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "NewGoods")]
struct New {
    /// A digital product.
    product: ItemId,
    /// Its variation, if it has some.
    #[serde(default)]
    variation: ItemId,
    /// Codes, links or addresses of files, delivered in this order; at most 1,000, of 4,000 bytes each.
    texts: Vec<String>,
}

/// What was laid in stock.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "AddedGoods")]
struct Added {
    /// The ids of all texts, in their order.
    ids: Vec<GoodsId>,
    /// How many were new; the others are there already.
    new: usize,
}

impl Api {
    fn goods_id(&self, at: (OrganizationId, EventId), text: &str) -> GoodsId {
        let half = |number: u8| u128::from(self.subjects().token(at.0, &format!("goods {number} {}", at.1), text).0);
        GoodsId((half(0) << 64) | half(1))
    }

    /// The text of a code.
    pub(super) fn goods_text(&self, organization: OrganizationId, sealed: &Blob) -> Option<String> {
        let person = self.subjects().find(organization, Who::Unattributed)?;
        let opened = self.subjects().open_sealed(organization, person.subject, &sealed.0);
        opened
            .inspect_err(|error| tracing::error!(%error, %organization, "a code does not open"))
            .ok()
            .map(|it| it.text)
    }

    async fn sealed_goods(&self, at: (OrganizationId, EventId), texts: Vec<String>) -> Result<Vec<Good>, Problem> {
        let api = self.clone();
        // The key store is written and synced: not on a thread that serves others.
        let made = tokio::task::spawn_blocking(move || {
            let subjects = api.subjects();
            let person = subjects.resolve(at.0, Who::Unattributed);
            subjects.sync().map(|()| {
                let seal = |text: String| {
                    let goods = api.goods_id(at, &text);
                    let sealed = Blob(subjects.seal(at.0, &person, &Sealed { text, ..Sealed::default() }));
                    Good { goods, sealed }
                };
                texts.into_iter().map(seal).collect()
            })
        });
        let made = made.await.map_err(|_| Problem::new(Code::Internal, ""))?;
        made.map_err(|error| {
            tracing::error!(%error, "the key store was not written");
            Problem::new(Code::LogRefuses, "the key store cannot be written")
        })
    }
}

async fn add(
    State(api): State<Api>,
    caller: Presented,
    Named((Id(organization), Id(event))): Named<OfEvent>,
    write: Idempotent<New>,
) -> Result<Made<Added>, Problem> {
    caller.may(Act::ManageOrders, &On::event(organization, event))?;
    let (at, tag) = ((organization, event), write.tag(&caller.who()));
    api.office(at, |_| ())?;
    let New { product, variation, texts } = write.body;
    let texts: Vec<String> = texts.iter().map(|text| text.trim().to_owned()).collect();
    let wrong = |text: &String| text.is_empty() || text.len() > TEXT_BYTES_MAX || text.contains(char::is_control);
    if texts.len() > GOODS_BATCH_MAX || texts.iter().any(wrong) {
        let detail =
            format!("`texts` has at most {GOODS_BATCH_MAX}, each of one line with 1 to {TEXT_BYTES_MAX} bytes");
        return Err(Problem::new(Code::FieldsWrong, detail));
    }
    let goods = api.sealed_goods(at, texts).await?;
    let ids: Vec<GoodsId> = goods.iter().map(|good| good.goods).collect();
    let wish = Wish::AddGoods { choice: Choice { product, variation }, goods };
    let done = api.book(Some(tag), caller.principal.by(), at, wish).await?;
    let new = done.rows.iter().filter_map(|row| match row.known() {
        Some(records::Fact::Booking(records::BookingFact::GoodsAdded { goods, .. })) => Some(goods.len()),
        _ => None,
    });
    Ok(Made(Written { data: Added { ids, new: new.sum() }, offset: offset(&done) }))
}

/// Codes that are not sold any more.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "GoodsWithdrawal")]
struct Gone {
    /// Their ids; at most 1,000.
    goods: Vec<GoodsId>,
}

/// What was taken out of stock.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "WithdrawnGoods")]
struct Taken {
    goods: Vec<GoodsId>,
}

async fn withdraw(
    State(api): State<Api>,
    caller: Presented,
    Named((Id(organization), Id(event))): Named<OfEvent>,
    write: Idempotent<Gone>,
) -> Result<Written<Taken>, Problem> {
    caller.may(Act::ManageOrders, &On::event(organization, event))?;
    let (at, tag) = ((organization, event), write.tag(&caller.who()));
    api.office(at, |_| ())?;
    let goods = write.body.goods;
    if goods.len() > GOODS_BATCH_MAX {
        return Err(Problem::new(Code::FieldsWrong, format!("`goods` has at most {GOODS_BATCH_MAX}")));
    }
    let done = api.book(Some(tag), caller.principal.by(), at, Wish::WithdrawGoods(goods.clone())).await?;
    Ok(Written { data: Taken { goods }, offset: offset(&done) })
}
