//! How stock and sales of each product went over time: a fold of the facts beside the box offices.
//!
//! A step is kept as it stood at its end, when the first fact after it comes; steps in which nothing changed are not kept. When
//! there are too many, steps become twice as long, so that a week of sales costs as much as a year of them. What is told last is
//! the box office as it stands, and of the same offset.

use std::collections::{BTreeMap, BTreeSet};

use axum::extract::State;
use records::booking::{BookingFact, Choice};
use records::{Currency, EventId, Fact, FactRow, ItemId, OrderId, OrganizationId, Span, Timestamp};
use rules::access::{Act, On};
use rules::booking::office::OrderStatus;
use rules::booking::stock::Count;
use rules::booking::{Booking, BoxOffice};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::offer::at;
use crate::Api;
use crate::accounts::When;
use crate::auth::Presented;
use crate::lists::One;
use crate::openapi::Routes;
use crate::problem::{Code, Problem};
use crate::reads::extract::{Id, Instant, Named, Params};

/// Steps of one event that are kept: more than a chart has pixels to show.
const STEPS_MAX: usize = 1_000;

/// What is sold, in minor units, by product and currency.
type Takings = BTreeMap<(ItemId, Currency), i64>;

/// The courses of all events of this process.
#[derive(Debug, Default)]
pub(super) struct Trends(BTreeMap<(OrganizationId, EventId), Trend>);

/// The course of one event.
#[derive(Debug)]
pub(super) struct Trend {
    length: Span,
    /// When the step began that is not over yet.
    open: Timestamp,
    steps: Vec<Step>,
    takings: Takings,
}

/// A step as it stood at its end.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Step {
    starts: Timestamp,
    counts: BTreeMap<ItemId, Count>,
    takings: Takings,
}

/// What a fact is about to change, as it was before.
#[derive(Debug, Default)]
pub(super) struct Before(Option<(OrderId, Takings)>);

impl Trends {
    /// Looks at a fact before its box office takes it.
    pub(super) fn before(&mut self, row: &FactRow, booking: &Booking) -> Before {
        let Some(Fact::Booking(fact)) = row.known() else { return Before::default() };
        let at = (row.organization, fact.event());
        let Some(office) = booking.office(at.0, at.1).filter(|_| at.1.is_some()) else { return Before::default() };
        if let Some(trend) = self.0.get_mut(&at) {
            trend.reach(row.at, office);
        }
        let (BookingFact::OrderConfirmed { order, .. }
        | BookingFact::OrderCancelled { order, .. }
        | BookingFact::OrderRevived { order, .. }) = fact
        else {
            return Before::default();
        };
        Before(Some((*order, sold(office, *order))))
    }

    /// Takes what a fact has made of the order that it is about.
    pub(super) fn after(&mut self, row: &FactRow, Before(before): Before, booking: &Booking) {
        let Some(Fact::Booking(fact)) = row.known() else { return };
        let at = (row.organization, fact.event());
        let Some(office) = booking.office(at.0, at.1).filter(|_| at.1.is_some()) else { return };
        // The first fact of an event makes its box office.
        let trend = self.0.entry(at).or_insert_with(|| Trend::new(row.at));
        let Some((order, before)) = before else { return };
        for (key, amount) in sold(office, order) {
            *trend.takings.entry(key).or_default() += amount;
        }
        for (key, amount) in before {
            *trend.takings.entry(key).or_default() -= amount;
        }
    }

    pub(super) fn get(&self, at: (OrganizationId, EventId)) -> Option<&Trend> {
        self.0.get(&at)
    }
}

/// What is sold of an order, at the prices of its positions.
fn sold(office: &BoxOffice, order: OrderId) -> Takings {
    let mut takings = Takings::new();
    let Some(order) = office.order(order).filter(|order| order.status == OrderStatus::Confirmed) else {
        return takings;
    };
    for (_, position) in order.live() {
        *takings.entry((position.product, order.currency)).or_default() += position.price;
    }
    takings
}

fn counts(office: &BoxOffice) -> BTreeMap<ItemId, Count> {
    let products = office.catalogue().products().keys();
    products.map(|id| (*id, office.stock().count(Choice { product: *id, ..Choice::default() }))).collect()
}

impl Trend {
    fn new(at: Timestamp) -> Self {
        Self { length: Span::MINUTE, open: at.floor(Span::MINUTE), steps: Vec::new(), takings: Takings::new() }
    }

    /// Closes the step that is over at a time.
    fn reach(&mut self, now: Timestamp, office: &BoxOffice) {
        let starts = now.floor(self.length);
        if starts <= self.open {
            return;
        }
        let step = self.step(office);
        match self.steps.last_mut() {
            Some(last) if last.counts == step.counts && last.takings == step.takings => {}
            Some(last) if last.starts == step.starts => *last = step,
            _ => self.steps.push(step),
        }
        while self.steps.len() > STEPS_MAX {
            self.widen();
        }
        self.open = now.floor(self.length);
    }

    fn step(&self, office: &BoxOffice) -> Step {
        Step { starts: self.open.floor(self.length), counts: counts(office), takings: self.takings.clone() }
    }

    /// Makes steps twice as long: of two the later one says how it stood at the end.
    fn widen(&mut self) {
        self.length = Span(self.length.0 * 2);
        let steps = std::mem::take(&mut self.steps);
        for step in steps {
            let step = Step { starts: step.starts.floor(self.length), ..step };
            match self.steps.last_mut() {
                Some(last) if last.starts == step.starts => *last = step,
                _ => self.steps.push(step),
            }
        }
    }

    /// The steps from a time on, and the one that is not over yet.
    fn from(&self, from: Timestamp, office: &BoxOffice) -> Vec<Step> {
        let open = self.step(office);
        let over = self.steps.iter().filter(|step| step.starts >= from && step.starts < open.starts);
        over.cloned().chain([open.clone()]).collect()
    }
}

/// How stock and sales went.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "SalesTrend")]
struct Told {
    /// Up to which offset of the log it is told.
    as_of: String,
    /// How long a step is, in seconds.
    step_s: i64,
    /// When steps began, of which each is told as it stood at its end; where none is told nothing changed. The last is not over.
    times: Vec<When>,
    products: Vec<Course>,
}

/// One product, with as many figures as there are times.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "ProductTrend")]
struct Course {
    id: ItemId,
    title: String,
    /// In carts and in orders that are not paid.
    held: Vec<u32>,
    sold: Vec<u32>,
    /// What is sold at the prices of its positions, minor units, by currency. What went back without cancelling is in it.
    takings: BTreeMap<String, Vec<i64>>,
}

fn course(office: &BoxOffice, steps: &[Step], id: ItemId) -> Course {
    let count = |step: &Step| step.counts.get(&id).copied().unwrap_or_default();
    let currencies: BTreeSet<Currency> =
        steps.iter().flat_map(|step| step.takings.keys()).filter(|key| key.0 == id).map(|key| key.1).collect();
    let of = |currency: Currency| {
        let amounts = steps.iter().map(|step| step.takings.get(&(id, currency)).copied().unwrap_or_default());
        (currency.to_string(), amounts.collect())
    };
    Course {
        id,
        title: office.catalogue().products().get(&id).map(|product| product.title.clone()).unwrap_or_default(),
        held: steps.iter().map(|step| count(step).held).collect(),
        sold: steps.iter().map(|step| count(step).sold).collect(),
        takings: currencies.into_iter().map(of).collect(),
    }
}

/// From when on.
#[derive(Deserialize, JsonSchema)]
struct Which {
    /// Only steps that began at this time or later.
    from: Option<Instant>,
}

pub(super) fn routes() -> Routes {
    Routes::new().get(at!("/trend"), "How stock and sales of each product went over time", trend).may(&[Code::NotFound])
}

async fn trend(
    State(api): State<Api>,
    caller: Presented,
    Named((Id(organization), Id(event))): Named<(Id<OrganizationId>, Id<EventId>)>,
    Params(which): Params<Which>,
) -> Result<One<Told>, Problem> {
    let (at, on) = ((organization, event), On::event(organization, event));
    caller.may(Act::ManageEvents, &on).or_else(|refused| caller.may(Act::ReadViews, &on).map_err(|_| refused))?;
    let from = which.from.map_or(Timestamp(i64::MIN), |from| from.0);
    // The locks of the doors' heads and of the courses are taken after that of the box offices, as where facts are heard.
    let told = api.booking.ask_gate(at, |office, _, (partition, head)| {
        let trends = api.booking.trends.read().expect("nothing panics under the lock");
        let trend = trends.get(at)?;
        let steps = trend.from(from, office);
        let products = office.catalogue().products().keys();
        Some(Told {
            as_of: format!("f{partition}/{head}"),
            step_s: trend.length.seconds(),
            times: steps.iter().map(|step| When(step.starts)).collect(),
            products: products.map(|id| course(office, &steps, *id)).collect(),
        })
    });
    let data = told.flatten().ok_or_else(|| Problem::new(Code::NotFound, "nothing is sold at this event"))?;
    Ok(One { data })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_get_longer_when_there_are_too_many_and_say_how_it_stood_at_their_ends() {
        let (office, key) = (BoxOffice::default(), (ItemId(1), Currency::EUR));
        let at = |minute: usize| Timestamp(60_000_000 * i64::try_from(minute).unwrap());
        let mut trend = Trend::new(at(0));
        // As a naive one would keep them: what is sold at the end of each minute.
        let minutes = 5 * STEPS_MAX;
        for minute in 0..minutes {
            trend.reach(at(minute), &office);
            trend.takings.insert(key, i64::try_from(minute).unwrap());
        }
        let told = trend.from(Timestamp(i64::MIN), &office);
        assert!(told.len() <= STEPS_MAX + 1 && told.len() > STEPS_MAX / 2, "{}", told.len());
        assert_eq!(trend.length, Span(8 * Span::MINUTE.0));
        let (open, over) = told.split_last().unwrap();
        assert_eq!(open.takings[&key], i64::try_from(minutes - 1).unwrap());
        for step in over {
            let last = (step.starts.0 + trend.length.0) / Span::MINUTE.0 - 1;
            assert_eq!(step.takings[&key], last, "{:?}", step.starts);
        }
        let newest = trend.from(over.last().unwrap().starts, &office);
        assert_eq!(newest.len(), 2);
    }

    #[test]
    fn a_step_in_which_nothing_changed_is_not_kept() {
        let office = BoxOffice::default();
        let mut trend = Trend::new(Timestamp(0));
        for minute in 1..100 {
            trend.reach(Timestamp(minute * 60_000_000), &office);
        }
        assert_eq!(trend.steps.len(), 1);
    }
}
