//! The own account.

use axum::extract::State;
use records::fact::{By, Means, Role};
use records::{CampaignId, EventId, LoginId, OrganizationId, UserId, Zone};
use rules::access::{Act, Person, Principal};
use rules::accounts::{Command, Grounds, Login, User, Wish};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::ask::Signed;
use super::decide::offset;
use super::links::Nothing;
use super::mails::{Letter, Template};
use super::passwords;
use super::people::{When, language, name};
use crate::Api;
use crate::lists::{One, Page, Paging};
use crate::openapi::Routes;
use crate::problem::{Code, Problem};
use crate::reads::extract::{Id, Named};
use crate::writes::{Idempotent, Written};

pub(crate) fn routes() -> Routes {
    Routes::new()
        .get("/v1/me", "Who is signed in, where they belong, and what they may do there", me)
        .patch("/v1/me", "Changes the name or the language", describe)
        .may(&[Code::Refused])
        .put("/v1/me/password", "Chooses another password; all other devices are signed out", set_password)
        .may(&[Code::LoginRefused, Code::Refused])
        .get("/v1/me/logins", "Devices that are signed in, the newest first", logins)
        .delete("/v1/me/logins", "Signs all other devices out", close_others)
        .delete("/v1/me/logins/{login}", "Signs a device out", close)
        .may(&[Code::NotFound])
}

/// Who is signed in.
#[derive(Serialize, JsonSchema)]
struct Me {
    user: Who,
    login: Device,
    /// May do everything everywhere.
    platform_admin: bool,
    memberships: Vec<Belongs>,
}

/// A user, as they see themselves.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "User")]
struct Who {
    id: UserId,
    /// The mail address.
    email: String,
    /// What people call them.
    name: String,
    /// The language they read, BCP 47; empty for the organization's.
    language: String,
    has_password: bool,
    /// Whether signing in needs a code.
    second_factor: bool,
    recovery_codes_left: usize,
    /// Providers by which they may sign in.
    providers: Vec<String>,
}

/// A device that is signed in.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Login")]
struct Device {
    id: LoginId,
    opened: When,
    expires: When,
    /// What it said of itself.
    device: String,
    /// What proved that it is the user's: `password`, `link` or `identity`.
    means: String,
    /// Whether it is the one that asks.
    current: bool,
}

/// Where somebody belongs.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Membership")]
struct Belongs {
    organization: OrganizationId,
    name: String,
    #[schemars(with = "String")]
    zone: Zone,
    /// The language of its pages.
    language: String,
    /// None for a platform admin who is no member.
    role: Option<Role>,
    /// The events that it is limited to; none for all.
    events: Vec<EventId>,
    /// The campaigns of an advertiser.
    campaigns: Vec<CampaignId>,
    /// What may be done there, at least somewhere.
    #[schemars(with = "Vec<String>")]
    may: Vec<Act>,
}

/// What of the account is to be other.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "AccountChange")]
struct Describe {
    /// What people call them.
    name: Option<String>,
    /// The language they read, BCP 47; empty for the organization's.
    language: Option<String>,
}

/// Another password.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "PasswordChange")]
struct SetPassword {
    /// The present one, when there is one.
    old: Option<String>,
    /// The new one, 12 characters at least.
    new: String,
}

fn known(api: &Api, person: &Person) -> Result<User, Problem> {
    api.user(person.user).ok_or_else(|| Problem::new(Code::LoginEnded, ""))
}

async fn me(State(api): State<Api>, Signed(person): Signed) -> Result<One<Me>, Problem> {
    let user = known(&api, &person)?;
    let login = user.logins.get(&person.login).ok_or_else(|| Problem::new(Code::LoginEnded, ""))?;
    let personal = api.personal(&user);
    let who = Who {
        id: person.user,
        email: personal.email,
        name: personal.name,
        language: user.language.clone(),
        has_password: user.password.is_some(),
        second_factor: user.factor.is_some(),
        recovery_codes_left: user.factor.as_ref().map_or(0, |factor| factor.recovery.len()),
        providers: user.identities.values().cloned().collect(),
    };
    let login = device(&api, &user, person.login, login, person.login);
    let (platform_admin, memberships) = (person.platform_admin, belongs(&api, person));
    Ok(One { data: Me { user: who, login, platform_admin, memberships } })
}

/// Where somebody belongs; a platform admin belongs everywhere.
fn belongs(api: &Api, person: Person) -> Vec<Belongs> {
    let principal = Principal::Person(person.clone());
    api.callers.read(|directory| {
        let all = directory.registered().filter_map(|(organization, known)| {
            let membership = person.membership(organization);
            if membership.is_none() && !person.platform_admin {
                return None;
            }
            Some(Belongs {
                organization,
                name: known.name.clone().unwrap_or_default(),
                zone: known.zone.clone(),
                language: known.language.clone(),
                role: membership.map(|membership| membership.role),
                events: membership.map(|membership| membership.events.clone()).unwrap_or_default(),
                campaigns: membership.map(|membership| membership.campaigns.clone()).unwrap_or_default(),
                may: principal.acts(organization),
            })
        });
        all.collect()
    })
}

fn device(api: &Api, user: &User, id: LoginId, login: &Login, current: LoginId) -> Device {
    let means = match login.means {
        Means::Password => "password",
        Means::Link => "link",
        Means::Identity => "identity",
    };
    Device {
        id,
        opened: When(login.opened),
        expires: When(login.until),
        device: api.open(user, &login.device).map(|sealed| sealed.text).unwrap_or_default(),
        means: means.to_owned(),
        current: id == current,
    }
}

async fn describe(
    State(api): State<Api>,
    Signed(person): Signed,
    write: Idempotent<Describe>,
) -> Result<Written<()>, Problem> {
    let user = known(&api, &person)?;
    let tag = write.tag(&person.user.to_string());
    let mut personal = api.personal(&user);
    if let Some(text) = &write.body.name {
        personal.name = name(text)?;
    }
    let language = write.body.language.as_deref().map_or(Ok(user.language.clone()), language)?;
    let sealed = api.seal(&user, &personal.sealed())?;
    let command = Command { user: person.user, wishes: vec![Wish::Describe { sealed, language }] };
    let done = api.decide_account(Some(tag), Some(By::User(person.user)), command).await?;
    Ok(Written { data: (), offset: offset(&done) })
}

async fn set_password(
    State(api): State<Api>,
    Signed(person): Signed,
    write: Idempotent<SetPassword>,
) -> Result<Written<()>, Problem> {
    let user = known(&api, &person)?;
    let SetPassword { old, new } = write.body;
    if let Some(blob) = &user.password {
        let hash = api.open(&user, blob).map(|sealed| sealed.text);
        let old = old.filter(|old| old.len() <= passwords::BYTES_MAX).unwrap_or_default();
        // Whoever has the device for a moment must not guess at the password.
        api.edge.rates.attempt(&format!("password of {}", person.user), None)?;
        if !passwords::verify(old, hash).await? {
            return Err(Problem::new(Code::LoginRefused, "the present password is another one"));
        }
    }
    let sealed = api.sealed_password(&user, new).await?;
    let on = Grounds::Old { passwords: user.passwords, keeps: person.login };
    let mail = api.mail(&user, &Letter::new(Template::PasswordChanged))?;
    let command = Command { user: person.user, wishes: vec![Wish::SetPassword { sealed, on }, mail] };
    let done = api.decide_account(None, Some(By::User(person.user)), command).await?;
    Ok(Written { data: (), offset: offset(&done) })
}

async fn logins(State(api): State<Api>, Signed(person): Signed, paging: Paging) -> Result<Page<Device>, Problem> {
    let user = known(&api, &person)?;
    let after: Option<(i64, LoginId)> = paging.after()?;
    let now = api.clock.now();
    let mut all: Vec<_> = user.logins.iter().filter(|(_, login)| login.until > now).collect();
    all.sort_unstable_by_key(|(id, login)| std::cmp::Reverse((login.opened, **id)));
    let rest = all.into_iter().filter(|(id, login)| after.is_none_or(|after| (login.opened.0, **id) < after));
    let page = paging.page(rest, |(id, login)| (login.opened.0, **id));
    let data = page.data.into_iter().map(|(id, login)| device(&api, &user, *id, login, person.login)).collect();
    Ok(Page { data, next: page.next })
}

async fn close(
    State(api): State<Api>,
    Signed(person): Signed,
    Named(Id(login)): Named<Id<LoginId>>,
    _: Idempotent,
) -> Result<Nothing, Problem> {
    let command = Command { user: person.user, wishes: vec![Wish::CloseLogin(login)] };
    api.decide_account(None, Some(By::User(person.user)), command).await?;
    Ok(Nothing)
}

async fn close_others(State(api): State<Api>, Signed(person): Signed, _: Idempotent) -> Result<Nothing, Problem> {
    let command = Command { user: person.user, wishes: vec![Wish::CloseOthers(person.login)] };
    api.decide_account(None, Some(By::User(person.user)), command).await?;
    Ok(Nothing)
}
