//! Statements of an organization's money over a period: as JSON, CSV and PDF, all the same lines.

use std::collections::BTreeMap;

use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse as _, Response};
use records::zone::Day;
use records::{EventId, OrganizationId, Timestamp, Zone};
use rules::access::{Act, On};
use rules::books::journal::{AccountStatement, Payout, Statement};
use schemars::{JsonSchema, json_schema};
use serde::{Deserialize, Serialize};

use crate::Api;
use crate::accounts::When;
use crate::auth::Presented;
use crate::lists::One;
use crate::openapi::{Routes, Sketch};
use crate::paper::{self, Pdf};
use crate::problem::{Code, Problem};
use crate::reads::extract::{Date, Id, Named, Params};

pub(super) fn routes() -> Routes {
    Routes::new()
        .get("/v1/organizations/{organization}/statements", "What came and went in a period, account by account", json)
        .get("/v1/organizations/{organization}/statements.csv", "The same as comma-separated values", csv)
        .with(describe_csv)
        .get("/v1/organizations/{organization}/statements.pdf", "The same as a document", pdf)
        .with(paper::describe)
}

fn describe_csv(sketch: &mut Sketch<'_>) {
    sketch.answers_as(200, "A line for each account and movement.", "text/csv", json_schema!({"type": "string"}));
}

/// Which period, in days of the organization's zone.
#[derive(Debug, Deserialize, JsonSchema)]
struct Which {
    /// The first day; the beginning of all when none stands here.
    from: Option<Date>,
    /// The day after the last one; tomorrow when none stands here.
    until: Option<Date>,
    /// Only this event; needed by who may manage some events only.
    event: Option<EventId>,
}

/// What came and went.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[schemars(rename = "Statement")]
pub(crate) struct Told {
    /// The first day.
    pub(crate) from: String,
    /// The day after the last one.
    pub(crate) until: String,
    /// The zone whose days these are.
    pub(crate) zone: String,
    /// By currency and account: what it had, what came and went, what it has. Above zero is a debit.
    pub(crate) accounts: Vec<AccountStatement>,
    /// The payouts of the period.
    pub(crate) payouts: Vec<Paid>,
    /// What people call the events.
    pub(crate) titles: BTreeMap<EventId, String>,
}

/// A payout with its time.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[schemars(rename = "PayoutShown")]
pub(crate) struct Paid {
    pub(crate) at: When,
    /// The day, in the statement's zone.
    pub(crate) day: String,
    #[serde(flatten)]
    pub(crate) payout: Payout,
}

fn told(api: &Api, caller: &Presented, organization: OrganizationId, which: &Which) -> Result<Told, Problem> {
    let on = which.event.map_or_else(|| On::organization(organization), |event| On::event(organization, event));
    caller.may(Act::ManageOrders, &on)?;
    let zone = api.callers.read(|directory| directory.organization(organization).map(|known| known.zone.clone()));
    let zone = zone.unwrap_or_default();
    let from = which.from.as_ref().map_or(Day(0), |date| date.0);
    let until = which.until.as_ref().map_or_else(|| Day(zone.day(api.clock.now()).0 + 1), |date| date.0);
    if from >= until {
        return Err(Problem::new(Code::ParameterWrong, "`until` is a day after `from`"));
    }
    let period = begins(&zone, from)?..begins(&zone, until)?;
    let (statement, events) = api
        .booking
        .books
        .ask(organization, |shelf| (shelf.journal.statement(&period, which.event), shelf.journal.events()));
    let Statement { accounts, payouts } = statement;
    let book = api.rules.read().expect("nothing panics under the lock");
    let title = |event: EventId| Some((event, book.tenant(organization)?.event(event)?.title.clone()));
    let titles = events.into_iter().filter(|event| which.event.is_none_or(|wanted| wanted == *event)).filter_map(title);
    let titles = titles.collect();
    let paid = |(at, payout): (Timestamp, Payout)| Paid { at: When(at), day: zone.day(at).date(), payout };
    let payouts = payouts.into_iter().map(paid).collect();
    Ok(Told { from: from.date(), until: until.date(), zone: zone.name().to_owned(), accounts, payouts, titles })
}

fn begins(zone: &Zone, day: Day) -> Result<Timestamp, Problem> {
    zone.begins(day).ok_or_else(|| Problem::new(Code::ParameterWrong, "there is no such day"))
}

type OfOrganization = (Id<OrganizationId>,);

async fn json(
    State(api): State<Api>,
    caller: Presented,
    Named((Id(organization),)): Named<OfOrganization>,
    Params(which): Params<Which>,
) -> Result<One<Told>, Problem> {
    Ok(One { data: told(&api, &caller, organization, &which)? })
}

async fn csv(
    State(api): State<Api>,
    caller: Presented,
    Named((Id(organization),)): Named<OfOrganization>,
    Params(which): Params<Which>,
) -> Result<Response, Problem> {
    let told = told(&api, &caller, organization, &which)?;
    let written = written(&told).map_err(|_| Problem::new(Code::Internal, ""))?;
    Ok(([(header::CONTENT_TYPE, "text/csv; charset=utf-8")], written).into_response())
}

/// A line for each movement, between those of what an account had and has.
fn written(told: &Told) -> Result<Vec<u8>, csv::Error> {
    let mut lines = csv::Writer::from_writer(Vec::new());
    lines.write_record(["currency", "account", "line", "event", "minor"])?;
    for account in &told.accounts {
        let (currency, name) = (account.currency.to_string(), word(&account.account));
        lines.write_record([&currency, &name, "opening", "", &account.opening.to_string()])?;
        for moved in &account.movements {
            let (kind, event) = (word(&moved.movement), moved.event.to_string());
            lines.write_record([&currency, &name, &kind, &event, &moved.minor.to_string()])?;
        }
        lines.write_record([&currency, &name, "closing", "", &account.closing.to_string()])?;
    }
    lines.into_inner().map_err(|error| error.into_error().into())
}

/// A value as JSON has it: `sales`, `provider.stripe`.
fn word(value: &impl Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(word)) => word,
        Ok(serde_json::Value::Object(fields)) => {
            let parts = fields.iter().map(|(name, value)| format!("{name}.{}", value.as_str().unwrap_or_default()));
            parts.collect::<Vec<_>>().join(".")
        }
        _ => String::new(),
    }
}

async fn pdf(
    State(api): State<Api>,
    caller: Presented,
    Named((Id(organization),)): Named<OfOrganization>,
    Params(which): Params<Which>,
) -> Result<Response, Problem> {
    let told = told(&api, &caller, organization, &which)?;
    let name = api.callers.read(|directory| directory.organization(organization).and_then(|known| known.name.clone()));
    let language = api.language_of(organization);
    let saved = format!("statement-{}-{}", told.from, told.until);
    let bytes = paper::made(move || paper::statement::write(&told, &name.unwrap_or_default(), &language)).await?;
    Ok(Pdf { name: saved, bytes }.answer())
}
