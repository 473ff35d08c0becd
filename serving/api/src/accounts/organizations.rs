//! Organizations and their settings.

use axum::extract::State;
use records::{EventId, Fact, OrganizationId, Zone};
use rules::access::{Act, On, Principal};
use rules::directory::Organization;
use rules::office::{Command, Wish};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::decide::{is_platform, offset};
use super::people::{language, name};
use crate::Api;
use crate::auth::Presented;
use crate::conditional::{IfMatch, tag_of_answer};
use crate::lists::{One, Page, Paging};
use crate::openapi::Routes;
use crate::problem::{Code, Problem};
use crate::reads::extract::{Id, Named};
use crate::writes::{Idempotent, Made, Written};

/// Origins of other pages that one organization may name.
const ORIGINS_MAX: usize = 50;

pub(crate) fn routes() -> Routes {
    Routes::new()
        .get("/v1/organizations", "Organizations that the caller belongs to, by id", list)
        .post("/v1/organizations", "A new organization; for platform admins", make)
        .may(&[Code::Refused])
        .get("/v1/organizations/{organization}", "One organization", one)
        .may(&[Code::NotFound])
        .patch("/v1/organizations/{organization}", "Changes what is given", change)
        .may(&[Code::NotFound, Code::Refused])
}

/// A tenant.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[schemars(rename = "Organization")]
pub(crate) struct Tenant {
    id: OrganizationId,
    /// What people call it.
    name: String,
    /// The zone in which its days turn unless an event has its own, IANA.
    #[schemars(with = "String")]
    pub(crate) zone: Zone,
    /// The language of its pages, BCP 47; empty for that of whoever reads.
    language: String,
    /// Origins whose pages may call the API with a key, as in `https://www.example.org`.
    origins: Vec<String>,
}

impl Tenant {
    fn of(id: OrganizationId, known: &Organization) -> Self {
        Self {
            id,
            name: known.name.clone().unwrap_or_default(),
            zone: known.zone.clone(),
            language: known.language.clone(),
            origins: known.origins.to_vec(),
        }
    }
}

/// A new organization.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "NewOrganization")]
struct New {
    /// Its id; drawn when it is not given.
    id: Option<OrganizationId>,
    /// What people call it.
    name: String,
    /// The zone in which its days turn, IANA.
    #[schemars(with = "String")]
    zone: Zone,
}

/// What is to be other.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "OrganizationChange")]
struct Change {
    /// What people call it.
    name: Option<String>,
    /// The zone in which its days turn, IANA.
    #[schemars(with = "Option<String>")]
    zone: Option<Zone>,
    /// The language of its pages, BCP 47.
    language: Option<String>,
    /// Origins whose pages may call the API with a key: scheme, host and port.
    origins: Option<Vec<String>>,
}

pub(crate) fn known(api: &Api, organization: OrganizationId) -> Result<Tenant, Problem> {
    let found = api.callers.read(|directory| {
        let known = directory.organization(organization).filter(|known| known.name.is_some())?;
        Some(Tenant::of(organization, known))
    });
    found.ok_or_else(|| Problem::new(Code::NotFound, "there is no such organization"))
}

async fn list(State(api): State<Api>, caller: Presented, paging: Paging) -> Result<Page<Tenant>, Problem> {
    if caller.principal == Principal::Nobody {
        return Err(Problem::new(Code::KeyMissing, "no `Authorization` header and no login"));
    }
    let after: Option<OrganizationId> = paging.after()?;
    Ok(api.callers.read(|directory| {
        let rest = directory
            .registered()
            .filter(|(id, _)| after.is_none_or(|after| *id > after))
            .filter(|(id, _)| caller.may(Act::ReadOrganization, &On::organization(*id)).is_ok())
            .map(|(id, known)| Tenant::of(id, known));
        paging.page(rest, |tenant| tenant.id)
    }))
}

async fn one(
    State(api): State<Api>,
    caller: Presented,
    Named(Id(organization)): Named<Id<OrganizationId>>,
) -> Result<One<Tenant>, Problem> {
    caller.may(Act::ReadOrganization, &On::organization(organization))?;
    Ok(One { data: known(&api, organization)? })
}

async fn make(State(api): State<Api>, caller: Presented, write: Idempotent<New>) -> Result<Made<Tenant>, Problem> {
    caller.may(Act::ManagePlatform, &On::default())?;
    let organization = write.body.id.unwrap_or(OrganizationId(write.id().0));
    let (tag, New { name: text, zone, .. }) = (write.tag(&caller.who()), write.body);
    let fact = Fact::OrganizationRegistered { name: required(&text)?, zone };
    let wishes = vec![Wish::Replace { fact, seen: None }];
    let command = Command { organization, event: EventId::NONE, wishes };
    let done = api.decide_office(Some(tag), caller.principal.by(), command).await.map_err(taken)?;
    Ok(Made(Written { data: known(&api, organization)?, offset: offset(&done) }))
}

/// What is there already is not a precondition that failed: nobody named one.
pub(crate) fn taken(problem: Problem) -> Problem {
    match problem.code {
        Code::Changed => Problem::new(Code::Refused, "there is one with this id or name already"),
        _ => problem,
    }
}

pub(crate) fn required(text: &str) -> Result<String, Problem> {
    let text = name(text)?;
    if text.is_empty() { Err(Problem::new(Code::Refused, "a name is missing")) } else { Ok(text) }
}

async fn change(
    State(api): State<Api>,
    caller: Presented,
    Named(Id(organization)): Named<Id<OrganizationId>>,
    condition: IfMatch,
    write: Idempotent<Change>,
) -> Result<Written<Tenant>, Problem> {
    caller.may(Act::ManageOrganization, &On::organization(organization))?;
    let before = known(&api, organization)?;
    condition.allows(&tag_of_answer(&One { data: before.clone() }))?;
    let (tag, change) = (write.tag(&caller.who()), write.body);
    let mut wishes = Vec::new();
    if change.name.is_some() || change.zone.is_some() {
        let name = change.name.as_deref().map_or(Ok(before.name.clone()), required)?;
        let (zone, old) = (change.zone.unwrap_or(before.zone.clone()), (before.name, before.zone));
        let seen = Some(Fact::OrganizationRegistered { name: old.0, zone: old.1 });
        wishes.push(Wish::Replace { fact: Fact::OrganizationRegistered { name, zone }, seen: seen.map(Box::new) });
    }
    if change.language.is_some() || change.origins.is_some() {
        let language = change.language.as_deref().map_or(Ok(before.language.clone()), language)?;
        let origins = change.origins.map_or(Ok(before.origins.clone()), origins)?;
        wishes.push(Wish::Stand(Fact::SettingsChanged { language, origins }));
    }
    let command = Command { organization, event: EventId::NONE, wishes };
    let done = api.decide_office(Some(tag), caller.principal.by(), command).await?;
    Ok(Written { data: known(&api, organization)?, offset: offset(&done) })
}

/// Origins as browsers send them (RFC 6454 §6.2).
fn origins(mut given: Vec<String>) -> Result<Vec<String>, Problem> {
    let sound = |origin: &String| {
        let host = origin.strip_prefix("https://").or_else(|| origin.strip_prefix("http://"));
        let plain =
            |host: &str| host.bytes().all(|byte| byte.is_ascii_graphic()) && !host.contains(['/', '?', '#', '@', '*']);
        host.is_some_and(|host| !host.is_empty() && host.len() <= 255 && plain(host))
    };
    if given.len() > ORIGINS_MAX || !given.iter().all(sound) {
        let detail = format!("`origins` are at most {ORIGINS_MAX}, each as in `https://www.example.org`");
        return Err(Problem::new(Code::Refused, detail));
    }
    given.iter_mut().for_each(|origin| origin.make_ascii_lowercase());
    given.sort_unstable();
    given.dedup();
    Ok(given)
}

/// Refuses what is about users' own organization.
pub(crate) fn tenant(organization: OrganizationId) -> Result<(), Problem> {
    if is_platform(organization) {
        return Err(Problem::new(Code::Refused, "`platform` is the organization that users belong to, and no tenant"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_are_what_browsers_send() {
        let read = origins(vec!["https://B.example".into(), "http://a:80".into(), "https://b.example".into()]);
        assert_eq!(read.unwrap(), ["http://a:80", "https://b.example"]);
        for wrong in ["*", "https://", "https://a/", "ftp://a", "https://*.a", "https://a b", "https://u@a"] {
            assert!(origins(vec![wrong.into()]).is_err(), "{wrong}");
        }
    }
}
