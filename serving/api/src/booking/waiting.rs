//! Who waits for what is sold out, in their order, with why they still wait; as organizers see it.

use axum::extract::State;
use records::booking::Choice;
use records::{Currency, EventId, ItemId, OrganizationId, WaitId};
use rules::access::{Act, On};
use rules::booking::Wish;
use rules::booking::waitlist::Why;
use schemars::JsonSchema;
use serde::Serialize;

use super::offer::at;
use super::people::Contact;
use crate::Api;
use crate::accounts::Nothing;
use crate::auth::Presented;
use crate::lists::{Page, Paging};
use crate::openapi::Routes;
use crate::problem::{Code, Problem};
use crate::reads::extract::{Id, Named};
use crate::writes::Idempotent;

pub(super) fn routes() -> Routes {
    Routes::new()
        .get(at!("/waitlist"), "Who waits, the first first, and why they still do", list)
        .may(&[Code::NotFound])
        .delete(at!("/waitlist/{wait}"), "Takes somebody from the waitlist", remove)
        .may(&[Code::NotFound])
}

/// Somebody who waits.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "WaitingRow")]
struct Row {
    id: WaitId,
    /// Rises with each who comes.
    number: u64,
    product: ItemId,
    variation: ItemId,
    party: u16,
    currency: Currency,
    contact: Contact,
    why: WhyWord,
    /// How many are left, when those are too few; how many came before, when somebody stands in the way.
    count: Option<u64>,
}

/// Why somebody still waits.
#[derive(Debug, Clone, Copy, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "WhyWaiting")]
enum WhyWord {
    /// It is their turn: an offer is made as soon as the box office does something.
    Next,
    /// Nothing is on sale.
    Closed,
    /// It is not offered any more.
    Withdrawn,
    /// Fewer are left than they want.
    TooFew,
    /// Others who wait for the same came before.
    Behind,
}

async fn list(
    State(api): State<Api>,
    caller: Presented,
    Named((Id(organization), Id(event))): Named<(Id<OrganizationId>, Id<EventId>)>,
    paging: Paging,
) -> Result<Page<Row>, Problem> {
    caller.may(Act::ManageOrders, &On::event(organization, event))?;
    let after: Option<u64> = paging.after()?;
    let known: Vec<_> = api.office((organization, event), |office| {
        let found = office.waitlist_standings(after.unwrap_or(0), paging.limit() + 1);
        found.into_iter().map(|(number, id, waiting, why)| (number, id, waiting.clone(), why)).collect()
    })?;
    let rows = known.into_iter().map(|(number, id, waiting, why)| {
        let (why, count) = match why {
            Why::Next => (WhyWord::Next, None),
            Why::Closed => (WhyWord::Closed, None),
            Why::Withdrawn => (WhyWord::Withdrawn, None),
            Why::TooFew(left) => (WhyWord::TooFew, Some(left)),
            Why::Behind(before) => (WhyWord::Behind, Some(u64::from(before))),
        };
        let Choice { product, variation } = waiting.choice;
        let contact = api.contact(organization, waiting.subject, &waiting.sealed);
        Row { id, number, product, variation, party: waiting.party, currency: waiting.currency, contact, why, count }
    });
    Ok(paging.page(rows, |row| row.number))
}

async fn remove(
    State(api): State<Api>,
    caller: Presented,
    Named((Id(organization), Id(event), Id(wait))): Named<(Id<OrganizationId>, Id<EventId>, Id<WaitId>)>,
    write: Idempotent,
) -> Result<Nothing, Problem> {
    caller.may(Act::ManageOrders, &On::event(organization, event))?;
    let at = (organization, event);
    api.office(at, |_| ())?;
    api.book(Some(write.tag(&caller.who())), caller.principal.by(), at, Wish::LeaveWaitlist(wait)).await?;
    Ok(Nothing)
}
