//! Who did what.

use axum::extract::State;
use records::OrganizationId;
use records::fact::By;
use rules::access::{Act, On};
use rules::accounts::platform;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::people::When;
use crate::Api;
use crate::auth::Presented;
use crate::lists::{Page, Paging};
use crate::openapi::Routes;
use crate::problem::Problem;
use crate::reads::extract::{Id, Named, Params};
use crate::trail::{Done, Order, order};
use crate::writes::Offset;

pub(crate) fn routes() -> Routes {
    Routes::new()
        .get("/v1/organizations/{organization}/audit", "Who did what in an organization, the newest first", list)
        .get("/v1/audit", "Who did what to accounts, the newest first; for platform admins", platforms)
}

/// One act.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "AuditedAct")]
struct Row {
    at: When,
    /// Where it stands in the log.
    offset: Offset,
    /// Who had it done: a user's name, `key` and its name, `operator`; empty for what comes by itself.
    by: String,
    /// What was done, such as `key_added`.
    act: String,
    /// Whom or what it is about: an id or a name.
    about: String,
    /// What else there is to know.
    detail: String,
}

/// Which acts.
#[derive(Deserialize, JsonSchema)]
struct Which {
    /// Only acts of this name, such as `key_added`.
    act: Option<String>,
}

async fn list(
    State(api): State<Api>,
    caller: Presented,
    Named(Id(organization)): Named<Id<OrganizationId>>,
    Params(which): Params<Which>,
    paging: Paging,
) -> Result<Page<Row>, Problem> {
    caller.may(Act::ReadAudit, &On::organization(organization))?;
    page(&api, organization, &which, &paging)
}

async fn platforms(
    State(api): State<Api>,
    caller: Presented,
    Params(which): Params<Which>,
    paging: Paging,
) -> Result<Page<Row>, Problem> {
    caller.may(Act::ManagePlatform, &On::default())?;
    page(&api, platform(), &which, &paging)
}

fn page(api: &Api, organization: OrganizationId, which: &Which, paging: &Paging) -> Result<Page<Row>, Problem> {
    let after: Option<Order> = paging.after()?;
    // All of them, for a filter may leave few.
    let rest = api.trail.before(organization, after, crate::trail::ACTS_MAX);
    let rest = rest.into_iter().filter(|done| which.act.as_deref().is_none_or(|act| act == done.act));
    let page = paging.page(rest, order);
    Ok(Page { data: page.data.iter().map(|done| row(api, done)).collect(), next: page.next })
}

fn row(api: &Api, done: &Done) -> Row {
    Row {
        at: When(done.at),
        offset: Offset { partition: done.place.partition.0, offset: done.place.first.0 },
        by: api.who_is(done.by.as_ref()),
        act: done.act.to_owned(),
        about: about(api, done),
        detail: done.detail.clone(),
    }
}

/// Users by their names, for who may read them; everything else as it stands.
fn about(api: &Api, done: &Done) -> String {
    let of_users = ["membership_granted", "membership_ended", "user_", "login", "password_", "second_", "recovery_"];
    let user = of_users.iter().any(|begin| done.act.starts_with(begin)).then(|| done.about.parse().ok()).flatten();
    user.map_or_else(|| done.about.clone(), |user| api.who_is(Some(&By::User(user))))
}
