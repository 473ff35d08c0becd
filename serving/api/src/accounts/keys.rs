//! Keys of an organization: made, rotated, revoked. A secret is shown once.

use axum::extract::State;
use records::fact::Scope;
use records::{EventId, Fact, OrganizationId, SecretHash, Span, Timestamp};
use rules::access::{Act, On};
use rules::office::{Command, Wish};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::decide::offset;
use super::links::Nothing;
use super::organizations::{known, taken, tenant};
use super::people::When;
use super::secrets;
use crate::Api;
use crate::auth::Presented;
use crate::lists::{Page, Paging};
use crate::openapi::Routes;
use crate::problem::{Code, Problem};
use crate::reads::extract::{Id, Instant, Named};
use crate::writes::{Idempotent, Made, Written};

/// Keys of one organization.
const KEYS_MAX: usize = 200;
/// Characters of a key's name.
const NAME_MAX: usize = 64;
/// How long an old secret may work beside the new one: a week is enough for any roll-out.
const GRACE_MAX: Span = Span::from_seconds(7 * 86_400);

pub(crate) fn routes() -> Routes {
    Routes::new()
        .get("/v1/organizations/{organization}/keys", "Keys, by name; without their secrets", list)
        .post("/v1/organizations/{organization}/keys", "A new key; its secret is shown this once", make)
        .may(&[Code::NotFound, Code::Refused])
        .post("/v1/organizations/{organization}/keys/{key}/rotation", "Another secret for a key", rotate)
        .may(&[Code::NotFound, Code::Refused])
        .delete("/v1/organizations/{organization}/keys/{key}", "Revokes a key, at once", revoke)
        .may(&[Code::NotFound])
}

/// A key, without its secret.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[schemars(rename = "Key")]
struct Row {
    name: String,
    scopes: Vec<Scope>,
    /// When it got its secret.
    made: When,
    /// When it was last used, to the hour.
    last_used: Option<When>,
    /// When it ends; never, when it is null.
    expires: Option<When>,
    /// Until when the secret before works, too.
    old_until: Option<When>,
    /// The events that it is limited to; none for all.
    events: Vec<EventId>,
}

/// A new key.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "NewKey")]
struct New {
    /// A name to revoke it by, at most 64 characters.
    name: String,
    /// What it may do.
    scopes: Vec<Scope>,
    /// When it ends; never, when it is not given.
    expires: Option<Instant>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "KeyRotation")]
struct Rotate {
    /// How long the old secret works beside the new one, seconds; a day when it is not given, at most a week.
    grace_s: Option<u32>,
}

/// A key with its secret.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "KeySecret")]
struct Shown {
    name: String,
    /// The secret, shown this once.
    secret: String,
}

async fn list(
    State(api): State<Api>,
    caller: Presented,
    Named(Id(organization)): Named<Id<OrganizationId>>,
    paging: Paging,
) -> Result<Page<Row>, Problem> {
    caller.may(Act::ManageKeys, &On::organization(organization))?;
    let after: Option<String> = paging.after()?;
    let now = api.clock.now();
    Ok(api.callers.read(|directory| {
        let keys = directory.organization(organization).map(|known| &known.keys);
        let rest = keys.into_iter().flatten().filter(|(name, _)| after.as_deref().is_none_or(|after| ***name > *after));
        let rows = rest.map(|(name, key)| Row {
            name: name.to_string(),
            scopes: key.scopes.to_vec(),
            events: key.events.to_vec(),
            made: When(key.made),
            last_used: key.used.map(When),
            expires: key.expires.map(When),
            old_until: key.old.map(|(_, until)| until).filter(|until| *until > now).map(When),
        });
        paging.page(rows, |row| row.name.clone())
    }))
}

async fn make(
    State(api): State<Api>,
    caller: Presented,
    Named(Id(organization)): Named<Id<OrganizationId>>,
    write: Idempotent<New>,
) -> Result<Made<Shown>, Problem> {
    caller.may(Act::ManageKeys, &On::organization(organization))?;
    tenant(organization)?;
    known(&api, organization)?;
    let (tag, New { name, mut scopes, expires }) = (write.tag(&caller.who()), write.body);
    let name = name.trim().to_owned();
    check(&api, organization, &name, expires.map(|at| at.0))?;
    scopes.sort_unstable();
    scopes.dedup();
    if scopes.is_empty() {
        return Err(Problem::new(Code::Refused, "a key needs at least one of the scopes write, read, sql, manage"));
    }
    let secret = api.derived(organization, &name, tag.id.0);
    let hash = SecretHash::of(&secret).to_string();
    let fact = Fact::KeyAdded { key: name.clone(), hash, scopes, expires: expires.map(|at| at.0) };
    let wishes = vec![Wish::Replace { fact, seen: None }];
    let command = Command { organization, event: EventId::NONE, wishes };
    let done = api.decide_office(Some(tag), caller.principal.by(), command).await.map_err(taken)?;
    Ok(Made(Written { data: Shown { name, secret }, offset: offset(&done) }))
}

fn check(api: &Api, organization: OrganizationId, name: &str, expires: Option<Timestamp>) -> Result<(), Problem> {
    let refuse = |detail: String| Err(Problem::new(Code::Refused, detail));
    if name.is_empty() || name.chars().count() > NAME_MAX || name.contains(|c: char| c.is_control() || c == '/') {
        return refuse(format!("a key's name has 1 to {NAME_MAX} characters, without `/`"));
    }
    if expires.is_some_and(|at| at <= api.clock.now()) {
        return refuse("`expires` is in the past".into());
    }
    let count = api.callers.read(|directory| directory.organization(organization).map_or(0, |known| known.keys.len()));
    if count >= KEYS_MAX {
        return refuse(format!("an organization has at most {KEYS_MAX} keys: revoke some first"));
    }
    Ok(())
}

async fn rotate(
    State(api): State<Api>,
    caller: Presented,
    Named((Id(organization), name)): Named<(Id<OrganizationId>, String)>,
    write: Idempotent<Rotate>,
) -> Result<Written<Shown>, Problem> {
    caller.may(Act::ManageKeys, &On::organization(organization))?;
    let (tag, Rotate { grace_s }) = (write.tag(&caller.who()), write.body);
    let grace = grace_s.map_or(Span::from_seconds(86_400), |seconds| Span::from_seconds(i64::from(seconds)));
    if grace > GRACE_MAX {
        return Err(Problem::new(Code::Refused, format!("`grace_s` is at most {}", GRACE_MAX.seconds())));
    }
    let secret = api.derived(organization, &name, tag.id.0);
    let until = api.clock.now().saturating_add(grace);
    let wishes = vec![Wish::RotateKey { key: name.clone(), hash: SecretHash::of(&secret), until }];
    let command = Command { organization, event: EventId::NONE, wishes };
    let done = api.decide_office(Some(tag), caller.principal.by(), command).await?;
    Ok(Written { data: Shown { name, secret }, offset: offset(&done) })
}

async fn revoke(
    State(api): State<Api>,
    caller: Presented,
    Named((Id(organization), name)): Named<(Id<OrganizationId>, String)>,
    write: Idempotent,
) -> Result<Nothing, Problem> {
    caller.may(Act::ManageKeys, &On::organization(organization))?;
    let tag = write.tag(&caller.who());
    let wishes = vec![Wish::RevokeKey { key: name }];
    let command = Command { organization, event: EventId::NONE, wishes };
    let done = api.decide_office(Some(tag), caller.principal.by(), command).await?;
    if done.rows.is_empty() { Err(Problem::new(Code::NotFound, "there is no such key")) } else { Ok(Nothing) }
}

impl Api {
    /// A secret that the same request makes again, and nobody else: 256 bits of a function that only this installation
    /// can compute, of the request's id. So a request that is sent again is answered as the first was, and neither the
    /// log nor its reader learns the secret.
    pub(crate) fn derived(&self, organization: OrganizationId, name: &str, id: u128) -> String {
        let text = format!("{id:032x} {name}");
        let quarter = |number: u8| self.subjects().token(organization, &format!("secret {number}"), &text);
        (0..4).fold(secrets::KEY.to_owned(), |secret, number| secret + &quarter(number).to_string())
    }
}
