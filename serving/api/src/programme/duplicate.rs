//! A new event like an old one: the same programme and offer, moved in time.
//!
//! All times move by as much on the event's clocks, so that nine stays nine. What people did (orders, places, invitations,
//! scans) stays where it was. An event is an aggregate of its own, so this is several commands: they are derived from the
//! request, and the same request again goes on where it was cut off.

use axum::extract::State;
use records::booking::Product;
use records::fact::CommandTag;
use records::programme::Session;
use records::{CommandId, EventId, Fact, Timestamp, Zone, id};
use rules::booking::Wish as Sale;
use rules::office;
use rules::programme::state::Scheduled;
use rules::programme::{EventProgramme, Wish, recurrence};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::At;
use super::manage::{OfEvent, allowed, at};
use crate::Api;
use crate::accounts::offset;
use crate::auth::Presented;
use crate::openapi::Routes;
use crate::problem::{Code, Problem};
use crate::reads::extract::{Id, Instant, Named};
use crate::writes::{Idempotent, Made, Written};

/// Wishes of one command.
const CHUNK: usize = 250;

pub(super) fn routes() -> Routes {
    Routes::new()
        .post(at!("/duplicates"), "A new event with the same programme and offer, moved in time", duplicate)
        .may(&[Code::NotFound, Code::Refused, Code::BookingRefused])
}

/// What the new event is.
#[derive(Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "DuplicateToPost")]
struct Duplicate {
    /// Its id; drawn when it is not given.
    id: Option<EventId>,
    /// What people call it; as the old one, when it is not given.
    title: Option<String>,
    /// When it begins.
    starts: Instant,
}

/// The new event.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "DuplicatedEvent")]
struct Duplicated {
    id: EventId,
    sessions: usize,
    products: usize,
}

/// Moves times by what lies between two on the clocks of a zone.
struct Shift {
    zone: Zone,
    from: Timestamp,
    to: Timestamp,
}

impl Shift {
    fn of(&self, at: Timestamp) -> Timestamp {
        let length = self.zone.clock(at).duration_since(self.zone.clock(self.from));
        self.zone.clock(self.to).checked_add(length).map_or(Timestamp::MAX, |clock| self.zone.instant(clock))
    }

    fn session(&self, spec: &Session) -> Session {
        let mut moved = spec.clone();
        moved.starts = self.of(spec.starts);
        // It lasts as long, whatever clocks do meanwhile.
        moved.ends = moved.starts + spec.ends.since(spec.starts);
        moved.recurrence = spec.recurrence.as_ref().map(|one| recurrence::moved(one, &self.zone, &|at| self.of(at)));
        moved
    }

    fn product(&self, product: &Product) -> Product {
        let mut moved = product.clone();
        moved.from = product.from.map(|at| self.of(at));
        moved.until = product.until.map(|at| self.of(at));
        for tier in &mut moved.tiers {
            tier.until = tier.until.map(|at| self.of(at));
        }
        moved
    }
}

fn programme(known: &EventProgramme, shift: &Shift) -> Vec<Wish> {
    let mut wishes = vec![Wish::SetPage(known.page().clone())];
    wishes.extend(known.halls().iter().map(|(id, spec)| Wish::SetHall(*id, spec.clone())));
    wishes.extend(known.tracks().iter().map(|(id, spec)| Wish::SetTrack(*id, spec.clone())));
    wishes.extend(known.speakers().iter().map(|(id, spec)| Wish::SetSpeaker(*id, spec.clone())));
    wishes.extend(known.sessions().iter().map(|(id, listed)| Wish::SetSession {
        session: id,
        spec: Box::new(shift.session(&listed.spec)),
        overlap: true,
    }));
    let forms = known.asked().map(|(id, current)| Wish::SetForm(id, current.form.clone()));
    wishes.extend(forms);
    wishes
}

async fn duplicate(
    State(api): State<Api>,
    caller: Presented,
    Named((Id(organization), Id(event))): Named<OfEvent>,
    write: Idempotent<Duplicate>,
) -> Result<Made<Duplicated>, Problem> {
    let (from, tag) = ((organization, event), write.tag(&caller.who()));
    allowed(&api, &caller, from)?;
    let Duplicate { id, title, starts } = write.body.clone();
    let to: At = (organization, id.filter(|id| id.is_some()).unwrap_or(EventId(write.id().0)));
    if to == from {
        return Err(Problem::new(Code::Refused, "`id` is that of the event itself"));
    }
    allowed_to_make(&caller, to)?;
    let scheduled = api.programme(from, |known| known.scheduled().clone())?;
    let Scheduled { zone, .. } = scheduled.clone();
    let shift = Shift { zone: zone.clone(), from: scheduled.starts, to: starts.0 };
    let fact = Fact::EventScheduled {
        event: to.1,
        title: title.filter(|title| !title.trim().is_empty()).unwrap_or_else(|| scheduled.title.clone()),
        zone,
        starts: starts.0,
        ends: shift.of(scheduled.ends),
    };
    let wish = office::Wish::Replace { fact, seen: None };
    let command = office::Command { organization, event: to.1, wishes: vec![wish] };
    api.decide_office(Some(tag), caller.principal.by(), command).await?;
    let step = |number: u64| CommandTag { id: CommandId(id::derived(tag.id.0, "duplicate", number)), hash: tag.hash };
    let wishes = api.programme(from, |known| programme(known, &shift))?;
    let sessions = wishes.iter().filter(|wish| matches!(wish, Wish::SetSession { .. })).count();
    let mut last = None;
    for (number, wishes) in (0..).zip(wishes.chunks(CHUNK)) {
        last = offset(&api.arrange(Some(step(number)), caller.principal.by(), to, wishes.to_vec()).await?).or(last);
    }
    let sales = api.office(from, |office| sales(office, &shift)).unwrap_or_default();
    let products = sales.iter().filter(|wish| matches!(wish, Sale::SetProduct(..))).count();
    for (number, wish) in (1_000_000..).zip(sales) {
        last = offset(&api.book(Some(step(number)), caller.principal.by(), to, wish).await?).or(last);
    }
    Ok(Made(Written { data: Duplicated { id: to.1, sessions, products }, offset: last }))
}

fn allowed_to_make(caller: &Presented, to: At) -> Result<(), Problem> {
    use rules::access::{Act, On};
    caller.may(Act::ManageEvents, &On::event(to.0, to.1))
}

/// What is offered, closed until somebody opens it: the organizer looks at it first.
fn sales(office: &rules::booking::BoxOffice, shift: &Shift) -> Vec<Sale> {
    let catalogue = office.catalogue();
    let mut wishes = Vec::new();
    // What goes with others after what it goes with: a product names only products that are there.
    let (alone, with): (Vec<_>, Vec<_>) = catalogue.products().iter().partition(|(_, product)| product.with.is_empty());
    wishes.extend(alone.into_iter().chain(with).map(|(id, product)| Sale::SetProduct(*id, shift.product(product))));
    wishes.extend(catalogue.quotas().iter().map(|(id, quota)| Sale::SetQuota(*id, quota.clone())));
    let discounts = catalogue.discounts();
    if !discounts.is_empty() {
        wishes.push(Sale::SetGroupDiscounts(discounts.to_vec()));
    }
    wishes.extend(catalogue.doors().iter().map(|(id, door)| Sale::SetDoor(*id, door.clone())));
    let sales = records::booking::Sales { open: false, ..catalogue.sales().clone() };
    wishes.push(Sale::SetSales(sales));
    wishes
}
