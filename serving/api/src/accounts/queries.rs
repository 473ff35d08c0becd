//! Queries that analysts keep.

use axum::extract::State;
use records::fact::By;
use records::{EventId, Fact, OrganizationId, QueryId};
use rules::access::{Act, On};
use rules::directory::Query;
use rules::office::{Command, Wish};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::decide::offset;
use super::links::Nothing;
use super::organizations::required;
use super::people::When;
use crate::Api;
use crate::auth::Presented;
use crate::conditional::{IfMatch, tag_of_answer};
use crate::lists::{One, Page, Paging};
use crate::openapi::Routes;
use crate::problem::{Code, Problem};
use crate::reads::extract::{Id, Named};
use crate::writes::{Idempotent, Made, Written};

/// Queries that one organization keeps.
const QUERIES_MAX: usize = 1_000;
/// Bytes of one query.
const SQL_BYTES_MAX: usize = 64 << 10;

pub(crate) fn routes() -> Routes {
    Routes::new()
        .get("/v1/organizations/{organization}/queries", "Saved queries, by id", list)
        .post("/v1/organizations/{organization}/queries", "Saves a query", make)
        .may(&[Code::Refused])
        .get("/v1/organizations/{organization}/queries/{query}", "One saved query", one)
        .may(&[Code::NotFound])
        .put("/v1/organizations/{organization}/queries/{query}", "Replaces a saved query", replace)
        .may(&[Code::NotFound, Code::Refused])
        .delete("/v1/organizations/{organization}/queries/{query}", "Removes a saved query", remove)
        .may(&[Code::NotFound])
}

/// A saved query.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[schemars(rename = "SavedQuery")]
struct Row {
    id: QueryId,
    title: String,
    sql: String,
    saved: When,
    /// Who saved it last: a user's name, `key` and its name, or `operator`.
    by: String,
}

/// What is saved.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "QueryToSave")]
struct Saved {
    /// What people call it.
    title: String,
    /// Its text, at most 64 KiB.
    sql: String,
}

fn row(api: &Api, id: QueryId, query: &Query) -> Row {
    let by = api.who_is(query.by.as_ref());
    Row { id, title: query.title.clone(), sql: query.sql.clone(), saved: When(query.saved), by }
}

impl Api {
    /// Whoever had something done, in a word that people understand.
    pub(crate) fn who_is(&self, by: Option<&By>) -> String {
        match by {
            None => String::new(),
            Some(By::Operator) => "operator".to_owned(),
            Some(By::Key(name)) => format!("key {name}"),
            Some(By::User(user)) => {
                let personal = self.user(*user).map(|known| self.personal(&known)).unwrap_or_default();
                match (personal.name.is_empty(), personal.email.is_empty()) {
                    (false, _) => personal.name,
                    (true, false) => personal.email,
                    (true, true) => format!("user {user}"),
                }
            }
        }
    }
}

fn saved(api: &Api, organization: OrganizationId, id: QueryId) -> Result<Query, Problem> {
    let found = api.callers.read(|directory| directory.organization(organization)?.queries.get(&id).cloned());
    found.ok_or_else(|| Problem::new(Code::NotFound, "there is no such saved query"))
}

fn fact(id: QueryId, body: &Saved) -> Result<Fact, Problem> {
    if body.sql.trim().is_empty() || body.sql.len() > SQL_BYTES_MAX {
        return Err(Problem::new(Code::Refused, format!("a query has 1 to {SQL_BYTES_MAX} bytes")));
    }
    Ok(Fact::QuerySaved { query: id, title: required(&body.title)?, sql: body.sql.clone() })
}

async fn list(
    State(api): State<Api>,
    caller: Presented,
    Named(Id(organization)): Named<Id<OrganizationId>>,
    paging: Paging,
) -> Result<Page<Row>, Problem> {
    caller.may(Act::RunSql, &On::organization(organization))?;
    let after: Option<QueryId> = paging.after()?;
    let rest = api.callers.read(|directory| {
        let known = directory.organization(organization);
        known.map_or_else(Vec::new, |known| paging.entries(after, &known.queries))
    });
    Ok(paging.page(rest.into_iter().map(|(id, query)| row(&api, id, &query)), |row| row.id))
}

async fn one(
    State(api): State<Api>,
    caller: Presented,
    Named((Id(organization), Id(query))): Named<(Id<OrganizationId>, Id<QueryId>)>,
) -> Result<One<Row>, Problem> {
    caller.may(Act::RunSql, &On::organization(organization))?;
    Ok(One { data: row(&api, query, &saved(&api, organization, query)?) })
}

async fn make(
    State(api): State<Api>,
    caller: Presented,
    Named(Id(organization)): Named<Id<OrganizationId>>,
    write: Idempotent<Saved>,
) -> Result<Made<Row>, Problem> {
    caller.may(Act::SaveQueries, &On::organization(organization))?;
    let count =
        api.callers.read(|directory| directory.organization(organization).map_or(0, |known| known.queries.len()));
    if count >= QUERIES_MAX {
        return Err(Problem::new(Code::Refused, format!("an organization keeps at most {QUERIES_MAX} queries")));
    }
    let (id, tag) = (QueryId(write.id().0), write.tag(&caller.who()));
    let command = command(organization, Wish::Replace { fact: fact(id, &write.body)?, seen: None });
    let done = api.decide_office(Some(tag), caller.principal.by(), command).await?;
    Ok(Made(Written { data: row(&api, id, &saved(&api, organization, id)?), offset: offset(&done) }))
}

async fn replace(
    State(api): State<Api>,
    caller: Presented,
    Named((Id(organization), Id(id))): Named<(Id<OrganizationId>, Id<QueryId>)>,
    condition: IfMatch,
    write: Idempotent<Saved>,
) -> Result<Written<Row>, Problem> {
    caller.may(Act::SaveQueries, &On::organization(organization))?;
    let before = saved(&api, organization, id)?;
    condition.allows(&tag_of_answer(&One { data: row(&api, id, &before) }))?;
    let tag = write.tag(&caller.who());
    let seen = Some(Fact::QuerySaved { query: id, title: before.title, sql: before.sql });
    let command = command(organization, Wish::Replace { fact: fact(id, &write.body)?, seen: seen.map(Box::new) });
    let done = api.decide_office(Some(tag), caller.principal.by(), command).await?;
    Ok(Written { data: row(&api, id, &saved(&api, organization, id)?), offset: offset(&done) })
}

async fn remove(
    State(api): State<Api>,
    caller: Presented,
    Named((Id(organization), Id(id))): Named<(Id<OrganizationId>, Id<QueryId>)>,
    write: Idempotent,
) -> Result<Nothing, Problem> {
    caller.may(Act::SaveQueries, &On::organization(organization))?;
    let command = command(organization, Wish::RemoveQuery(id));
    let done = api.decide_office(Some(write.tag(&caller.who())), caller.principal.by(), command).await?;
    if done.rows.is_empty() { Err(Problem::new(Code::NotFound, "there is no such saved query")) } else { Ok(Nothing) }
}

fn command(organization: OrganizationId, wish: Wish) -> Command {
    Command { organization, event: EventId::NONE, wishes: vec![wish] }
}
