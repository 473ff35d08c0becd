//! Those who wait: for what is sold out, or to be let in.

use axum::extract::State;
use records::booking::Choice;
use records::{Currency, EventId, ItemId, OrganizationId, PlaceId, WaitId};
use rules::booking::Wish;
use rules::booking::room::{Standing, public};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::super::people::Contact;
use super::{At, Where};
use crate::Api;
use crate::accounts::{Nothing, When, offset};
use crate::lists::One;
use crate::openapi::Routes;
use crate::problem::{Code, Problem};
use crate::programme::access::Visitor;
use crate::reads::extract::{Id, Named, Params};
use crate::writes::{Idempotent, Made, Written};

pub(super) fn routes() -> Routes {
    Routes::new()
        .post(at!("/waitlist"), "Waits for something that is sold out", wait)
        .may(&[Code::NotFound, Code::BookingRefused, Code::FieldsWrong, Code::LogRefuses])
        .delete(at!("/waitlist/{wait}"), "Waits no longer", leave)
        .may(&[Code::NotFound])
        .post(at!("/room"), "Waits to be let in", join)
        .may(&[Code::NotFound, Code::BookingRefused, Code::FieldsWrong, Code::LogRefuses])
        .get(at!("/room/{place}"), "Where somebody stands", place)
        .may(&[Code::NotFound])
        .get(
            at!("/draw"),
            "What everybody may know of the draw of the waiting room: who drew again finds the same",
            draw,
        )
        .may(&[Code::NotFound])
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

/// Reads an entry of the waitlist, for the fuzz target.
pub(super) fn read_body(bytes: &[u8]) {
    drop(serde_json::from_slice::<Wait>(bytes));
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
    visitor: Visitor,
    write: Idempotent<Wait>,
) -> Result<Made<Waiting>, Problem> {
    let (at, id) = ((seller, event), WaitId(write.unguessable()?.0));
    api.admit(&visitor, at)?;
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
    visitor: Visitor,
    write: Idempotent<Join>,
) -> Result<Made<Stands>, Problem> {
    let (at, place) = ((seller, event), PlaceId(write.unguessable()?.0));
    api.admit(&visitor, at)?;
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

/// Places of one answer.
const PLACES_MAX: usize = 5_000;

/// Which part of the list.
#[derive(Deserialize, JsonSchema)]
struct Part {
    /// How many of the front to leave out.
    #[serde(default)]
    skip: usize,
    /// How many to tell, at most 5,000; so many by default.
    limit: Option<usize>,
}

/// A draw that anybody can make again: the lot of a place is BLAKE3 of the seed, a line feed and what stands here of the place, all
/// in hexadecimal; the lowest lot is the first.
#[derive(Debug, Serialize, JsonSchema)]
struct Draw {
    /// BLAKE3 of the seed, hexadecimal; told before anybody came.
    commitment: String,
    /// The seed, once it was drawn.
    seed: Option<String>,
    /// How many of the front were drawn; the others came later, and stand behind them.
    drawn: u32,
    /// How many places there are.
    total: usize,
    /// BLAKE3 of each place as its id prints, hexadecimal, in the order in which they are served; before the draw in the order
    /// of coming.
    places: Vec<String>,
}

async fn draw(
    State(api): State<Api>,
    Named((Id(seller), Id(event))): Named<Where>,
    Params(Part { skip, limit }): Params<Part>,
) -> Result<One<Draw>, Problem> {
    let limit = limit.unwrap_or(PLACES_MAX).min(PLACES_MAX);
    let found = api.office((seller, event), |office| {
        let room = office.room();
        let places = room.queue().iter().skip(skip).take(limit).map(|place| public(*place).to_string()).collect();
        Some(Draw {
            commitment: room.room()?.commitment.to_string(),
            seed: room.seed().map(str::to_owned),
            drawn: room.drawn(),
            total: room.queue().len(),
            places,
        })
    })?;
    let data = found.ok_or_else(|| Problem::new(Code::NotFound, "the event has no waiting room"))?;
    Ok(One { data })
}
