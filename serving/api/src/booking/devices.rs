//! Devices of door staff: keys that may look at tickets of one event and do nothing else, made by an organizer, shown as
//! a link or its code, revoked at once.

use axum::extract::State;
use records::fact::Scope;
use records::{EventId, Fact, OrganizationId, SecretHash};
use rules::access::{Act, On, Principal};
use rules::office::{Command, Wish};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::offer::at;
use super::tickets;
use crate::Api;
use crate::accounts::{Nothing, When, offset, taken};
use crate::auth::Presented;
use crate::lists::One;
use crate::openapi::Routes;
use crate::problem::{Code, Problem};
use crate::reads::extract::{Id, Instant, Named};
use crate::writes::{Idempotent, Made, Written};

/// Devices of one event.
const DEVICES_MAX: usize = 200;
/// Characters of a device's name.
const NAME_MAX: usize = 40;

pub(super) fn routes() -> Routes {
    Routes::new()
        .get(at!("/devices"), "Devices of door staff, by name", list)
        .may(&[Code::NotFound])
        .post(at!("/devices"), "A link for a device of door staff; shown this once", make)
        .may(&[Code::NotFound, Code::Refused])
        .delete(at!("/devices/{device}"), "Revokes a device, at once", revoke)
        .may(&[Code::NotFound])
}

type OfEvent = (Id<OrganizationId>, Id<EventId>);

/// The name of a device's key: names of keys are an organization's, devices are an event's.
fn key_of(event: EventId, device: &str) -> String {
    format!("{device} ({event})")
}

/// The name of the device whose key somebody presents.
pub(super) fn device_of(principal: &Principal) -> Option<String> {
    let Principal::Key(holder) = principal else { return None };
    let [event] = &*holder.events else { return None };
    holder.name.strip_suffix(&format!(" ({event})")).map(str::to_owned)
}

/// A device of door staff.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "DoorDevice")]
struct Row {
    name: String,
    made: When,
    /// When it was last used, to the hour.
    last_used: Option<When>,
    /// When its link ends; never, when it is null.
    expires: Option<When>,
}

/// A device to be.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "NewDoorDevice")]
struct New {
    /// What door staff call it, at most 40 characters: timelines say it with each look.
    name: String,
    /// When its link ends; never, when it is not given.
    expires: Option<Instant>,
}

/// A device with what lets it in.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "DoorDeviceLink")]
struct Shown {
    name: String,
    /// Open this on the device. What is behind `#` is the secret, which browsers send to nobody; shown this once.
    link: String,
    /// The link as a QR code, SVG.
    svg: Option<String>,
    /// The secret alone, for programs: a key with the scope `check_in`, for this event.
    secret: String,
}

async fn list(
    State(api): State<Api>,
    caller: Presented,
    Named((Id(organization), Id(event))): Named<OfEvent>,
) -> Result<One<Vec<Row>>, Problem> {
    caller.may(Act::ManageEvents, &On::event(organization, event))?;
    let rows = api.callers.read(|directory| {
        let keys = directory.organization(organization).map(|known| &known.keys);
        let suffix = format!(" ({event})");
        let of_event = keys.into_iter().flatten().filter(|(_, key)| *key.events == [event]);
        let rows = of_event.filter_map(|(name, key)| {
            let name = name.strip_suffix(&suffix)?.to_owned();
            let (last_used, expires) = (key.used.map(When), key.expires.map(When));
            Some(Row { name, made: When(key.made), last_used, expires })
        });
        rows.collect()
    });
    Ok(One { data: rows })
}

async fn make(
    State(api): State<Api>,
    caller: Presented,
    Named((Id(organization), Id(event))): Named<OfEvent>,
    write: Idempotent<New>,
) -> Result<Made<Shown>, Problem> {
    caller.may(Act::ManageEvents, &On::event(organization, event))?;
    api.office((organization, event), |_| ())?;
    let (tag, New { name, expires }) = (write.tag(&caller.who()), write.body);
    let (name, expires) = (name.trim().to_owned(), expires.map(|at| at.0));
    check(&api, (organization, event), &name)?;
    if expires.is_some_and(|at| at <= api.clock.now()) {
        return Err(Problem::new(Code::Refused, "`expires` is in the past"));
    }
    let key = key_of(event, &name);
    let secret = api.derived(organization, &key, tag.id.0);
    let hash = SecretHash::of(&secret).to_string();
    let added = Fact::KeyAdded { key: key.clone(), hash, scopes: vec![Scope::CheckIn], expires };
    // One command is one frame: no crash leaves the key without its limit.
    let limited = Fact::KeyLimited { key, events: vec![event] };
    let wishes = vec![Wish::Replace { fact: added, seen: None }, Wish::Tell(limited)];
    let command = Command { organization, event: EventId::NONE, wishes };
    let done = api.decide_office(Some(tag), caller.principal.by(), command).await.map_err(taken)?;
    let link = format!("{}/scan/{organization}/{event}#device={secret}", api.accounts.public_url);
    let data = Shown { name, svg: tickets::svg(&link), link, secret };
    Ok(Made(Written { data, offset: offset(&done) }))
}

fn check(api: &Api, (organization, event): (OrganizationId, EventId), name: &str) -> Result<(), Problem> {
    if name.is_empty() || name.chars().count() > NAME_MAX || name.contains(|c: char| c.is_control() || c == '/') {
        return Err(Problem::new(
            Code::Refused,
            format!("a device's name has 1 to {NAME_MAX} characters, without `/`"),
        ));
    }
    let count = api.callers.read(|directory| {
        let keys = directory.organization(organization).map(|known| &known.keys);
        keys.into_iter().flatten().filter(|(_, key)| *key.events == [event]).count()
    });
    if count >= DEVICES_MAX {
        return Err(Problem::new(
            Code::Refused,
            format!("an event has at most {DEVICES_MAX} devices: revoke some first"),
        ));
    }
    Ok(())
}

async fn revoke(
    State(api): State<Api>,
    caller: Presented,
    Named((Id(organization), Id(event), device)): Named<(Id<OrganizationId>, Id<EventId>, String)>,
    write: Idempotent,
) -> Result<Nothing, Problem> {
    caller.may(Act::ManageEvents, &On::event(organization, event))?;
    let (tag, key) = (write.tag(&caller.who()), key_of(event, &device));
    let is_of_event = api.callers.read(|directory| {
        let known = directory.organization(organization)?.keys.get(key.as_str())?;
        Some(*known.events == [event])
    });
    if is_of_event != Some(true) {
        return Err(Problem::new(Code::NotFound, "there is no such device"));
    }
    let command = Command { organization, event: EventId::NONE, wishes: vec![Wish::RevokeKey { key }] };
    api.decide_office(Some(tag), caller.principal.by(), command).await?;
    Ok(Nothing)
}
