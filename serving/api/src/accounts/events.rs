//! Events of an organization, their items, and the rules that count them.

use std::sync::Arc;

use axum::extract::State;
use records::json::FieldError;
use records::{EventId, Fact, ItemId, OrganizationId, SessionId, Text, Timestamp, Zone};
use rules::RuleDocument;
use rules::access::{Act, On, Principal};
use rules::office::{Command, Wish};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::decide::offset;
use super::organizations::{known, required, taken};
use super::people::When;
use crate::Api;
use crate::auth::Presented;
use crate::conditional::{IfMatch, tag_of_answer};
use crate::lists::{One, Page, Paging};
use crate::openapi::Routes;
use crate::problem::{Code, Problem};
use crate::reads::extract::{Id, Instant, Named, Params};
use crate::writes::{Idempotent, Made, Written};

pub(crate) fn routes() -> Routes {
    Routes::new()
        .get("/v1/organizations/{organization}/events", "Events, by when they begin", list)
        .post("/v1/organizations/{organization}/events", "A new event", make)
        .may(&[Code::NotFound, Code::Refused])
        .get("/v1/organizations/{organization}/events/{event}", "One event", one)
        .may(&[Code::NotFound])
        .put("/v1/organizations/{organization}/events/{event}", "Makes or replaces an event", replace)
        .may(&[Code::NotFound, Code::Refused])
        .get("/v1/organizations/{organization}/events/{event}/items", "Sessions, products, offers, by id", items)
        .may(&[Code::NotFound])
        .get("/v1/organizations/{organization}/events/{event}/items/{item}", "One item", item)
        .may(&[Code::NotFound])
        .put("/v1/organizations/{organization}/events/{event}/items/{item}", "Makes or replaces an item", put_item)
        .may(&[Code::NotFound, Code::Refused])
        .get("/v1/organizations/{organization}/rules", "The rules in force", rules)
        .put("/v1/organizations/{organization}/rules", "Replaces the rules", put_rules)
        .may(&[Code::FieldsWrong])
}

/// An event.
#[derive(Debug, Clone, Serialize, JsonSchema)]
struct Event {
    id: EventId,
    /// What people call it.
    title: String,
    /// The zone in which its days turn, IANA.
    #[schemars(with = "String")]
    zone: Zone,
    starts: When,
    ends: When,
}

/// What an event is to be.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "EventToPut")]
struct Put {
    /// Its id, where the address has none; drawn when it is not given.
    id: Option<EventId>,
    /// What people call it.
    title: String,
    /// The zone in which its days turn, IANA; the organization's when it is not given.
    #[schemars(with = "Option<String>")]
    zone: Option<Zone>,
    starts: Instant,
    /// After it starts.
    ends: Instant,
}

/// Something that can be visited or bought.
#[derive(Debug, Clone, Serialize, JsonSchema)]
struct Item {
    id: ItemId,
    /// The session, when it is one.
    session: SessionId,
    title: String,
    /// Its track or category.
    #[schemars(with = "String")]
    track: Text,
    starts: Option<When>,
    ends: Option<When>,
    /// How many fit.
    capacity: Option<u32>,
}

/// What an item is to be.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "ItemToPut")]
struct PutItem {
    /// The session, when it is one.
    #[serde(default)]
    session: SessionId,
    title: String,
    /// Its track or category.
    #[serde(default)]
    track: String,
    starts: Option<Instant>,
    ends: Option<Instant>,
    /// How many fit.
    capacity: Option<u32>,
}

/// Which events.
#[derive(Deserialize, JsonSchema)]
struct Which {
    /// Only those that end at this time or later.
    from: Option<Instant>,
    /// Only those that start before this time.
    to: Option<Instant>,
}

/// The rules of an organization.
#[derive(Debug, Clone, Serialize, JsonSchema)]
struct Rules {
    /// How many documents were published.
    version: u32,
    /// The version of the document in force; an older one when the newest is not sound.
    in_force: u32,
    /// The document in force, as `docs/examples` shows them.
    #[schemars(with = "serde_json::Map<String, serde_json::Value>")]
    document: serde_json::Value,
    /// Why the newest document is not in force.
    refused: Option<String>,
}

fn shown(id: EventId, event: &::rules::Event) -> Event {
    Event {
        id,
        title: event.title.clone(),
        zone: event.zone.clone(),
        starts: When(event.starts),
        ends: When(event.ends),
    }
}

fn event_of(api: &Api, organization: OrganizationId, event: EventId) -> Option<::rules::Event> {
    let book = api.rules.read().expect("nothing panics under the lock");
    book.tenant(organization)?.event(event).cloned()
}

fn missing() -> Problem {
    Problem::new(Code::NotFound, "there is no such event")
}

/// Whether somebody may know of an event: a membership that is limited to others may not.
fn sees(caller: &Presented, organization: OrganizationId, event: EventId) -> bool {
    match &caller.principal {
        Principal::Person(person) if !person.platform_admin => person
            .membership(organization)
            .is_some_and(|membership| membership.events.is_empty() || membership.events.contains(&event)),
        _ => true,
    }
}

fn allowed(caller: &Presented, organization: OrganizationId, event: EventId) -> Result<(), Problem> {
    caller.may(Act::ReadOrganization, &On::event(organization, event))?;
    if sees(caller, organization, event) { Ok(()) } else { Err(missing()) }
}

async fn list(
    State(api): State<Api>,
    caller: Presented,
    Named(Id(organization)): Named<Id<OrganizationId>>,
    Params(which): Params<Which>,
    paging: Paging,
) -> Result<Page<Event>, Problem> {
    caller.may(Act::ReadOrganization, &On::organization(organization))?;
    let after: Option<(i64, EventId)> = paging.after()?;
    let book = api.rules.read().expect("nothing panics under the lock");
    let mut events: Vec<(EventId, ::rules::Event)> = book
        .tenant(organization)
        .map(|tenant| tenant.events().into_iter().map(|(id, event)| (id, event.clone())).collect())
        .unwrap_or_default();
    drop(book);
    events.sort_unstable_by_key(|(id, event)| (event.starts, *id));
    let rest = events
        .into_iter()
        .filter(|(id, event)| after.is_none_or(|after| (event.starts.0, *id) > after))
        .filter(|(_, event)| which.from.is_none_or(|from| event.ends >= from.0))
        .filter(|(_, event)| which.to.is_none_or(|to| event.starts < to.0))
        .filter(|(id, _)| sees(&caller, organization, *id));
    Ok(paging.page(rest.map(|(id, event)| shown(id, &event)), |event| (event.starts.0.0, event.id)))
}

async fn one(
    State(api): State<Api>,
    caller: Presented,
    Named((Id(organization), Id(event))): Named<(Id<OrganizationId>, Id<EventId>)>,
) -> Result<One<Event>, Problem> {
    allowed(&caller, organization, event)?;
    let found = event_of(&api, organization, event).ok_or_else(missing)?;
    Ok(One { data: shown(event, &found) })
}

async fn make(
    State(api): State<Api>,
    caller: Presented,
    Named(Id(organization)): Named<Id<OrganizationId>>,
    write: Idempotent<Put>,
) -> Result<Made<Event>, Problem> {
    caller.may(Act::ManageEvents, &On::organization(organization))?;
    let event = write.body.id.filter(|id| id.is_some()).unwrap_or(EventId(write.id().0));
    let tag = write.tag(&caller.who());
    let fact = scheduled(&api, organization, event, write.body)?;
    let command = Command { organization, event, wishes: vec![Wish::Replace { fact, seen: None }] };
    let done = api.decide_office(Some(tag), caller.principal.by(), command).await.map_err(taken)?;
    let data = event_of(&api, organization, event).map(|found| shown(event, &found)).ok_or_else(missing)?;
    Ok(Made(Written { data, offset: offset(&done) }))
}

fn scheduled(api: &Api, organization: OrganizationId, event: EventId, put: Put) -> Result<Fact, Problem> {
    let organization = known(api, organization)?;
    let (starts, ends) = (put.starts.0, put.ends.0);
    ordered(starts, ends)?;
    let zone = put.zone.unwrap_or(organization.zone);
    Ok(Fact::EventScheduled { event, title: required(&put.title)?, zone, starts, ends })
}

fn ordered(starts: Timestamp, ends: Timestamp) -> Result<(), Problem> {
    if ends > starts { Ok(()) } else { Err(Problem::new(Code::Refused, "`ends` is after `starts`")) }
}

async fn replace(
    State(api): State<Api>,
    caller: Presented,
    Named((Id(organization), Id(event))): Named<(Id<OrganizationId>, Id<EventId>)>,
    condition: IfMatch,
    write: Idempotent<Put>,
) -> Result<Written<Event>, Problem> {
    caller.may(Act::ManageEvents, &On::event(organization, event))?;
    let before = event_of(&api, organization, event);
    let tagged = before.as_ref().map(|before| tag_of_answer(&One { data: shown(event, before) }));
    condition.allows(tagged.as_deref().unwrap_or_default())?;
    let tag = write.tag(&caller.who());
    let fact = scheduled(&api, organization, event, write.body)?;
    let seen = before.map(|before| Fact::EventScheduled {
        event,
        title: before.title,
        zone: before.zone,
        starts: before.starts,
        ends: before.ends,
    });
    let command = Command { organization, event, wishes: vec![Wish::Replace { fact, seen: seen.map(Box::new) }] };
    let done = api.decide_office(Some(tag), caller.principal.by(), command).await?;
    let data = event_of(&api, organization, event).map(|found| shown(event, &found)).ok_or_else(missing)?;
    Ok(Written { data, offset: offset(&done) })
}

fn shown_item(id: ItemId, item: &::rules::Item) -> Item {
    Item {
        id,
        session: item.session,
        title: item.title.clone(),
        track: item.track.clone(),
        starts: item.starts.map(When),
        ends: item.ends.map(When),
        capacity: item.capacity,
    }
}

async fn items(
    State(api): State<Api>,
    caller: Presented,
    Named((Id(organization), Id(event))): Named<(Id<OrganizationId>, Id<EventId>)>,
    paging: Paging,
) -> Result<Page<Item>, Problem> {
    allowed(&caller, organization, event)?;
    let after: Option<ItemId> = paging.after()?;
    let book = api.rules.read().expect("nothing panics under the lock");
    let tenant = book.tenant(organization).filter(|tenant| tenant.event(event).is_some()).ok_or_else(missing)?;
    let rest = tenant.items().into_iter().filter(|(of, id, _)| *of == event && after.is_none_or(|after| *id > after));
    Ok(paging.page(rest.map(|(_, id, item)| shown_item(id, item)), |item| item.id))
}

fn item_of(api: &Api, organization: OrganizationId, event: EventId, item: ItemId) -> Result<Item, Problem> {
    let book = api.rules.read().expect("nothing panics under the lock");
    let found = book.tenant(organization).and_then(|tenant| tenant.item(event, item));
    found.map(|found| shown_item(item, found)).ok_or_else(|| Problem::new(Code::NotFound, "there is no such item"))
}

type OfItem = (Id<OrganizationId>, Id<EventId>, Id<ItemId>);

async fn item(
    State(api): State<Api>,
    caller: Presented,
    Named((Id(organization), Id(event), Id(item))): Named<OfItem>,
) -> Result<One<Item>, Problem> {
    allowed(&caller, organization, event)?;
    Ok(One { data: item_of(&api, organization, event, item)? })
}

async fn put_item(
    State(api): State<Api>,
    caller: Presented,
    Named((Id(organization), Id(event), Id(item))): Named<OfItem>,
    condition: IfMatch,
    write: Idempotent<PutItem>,
) -> Result<Written<Item>, Problem> {
    caller.may(Act::ManageEvents, &On::event(organization, event))?;
    event_of(&api, organization, event).ok_or_else(missing)?;
    let before = item_of(&api, organization, event, item).ok();
    let tagged = before.map(|before| tag_of_answer(&One { data: before }));
    condition.allows(tagged.as_deref().unwrap_or_default())?;
    let (tag, put) = (write.tag(&caller.who()), write.body);
    let (starts, ends) = (put.starts.map(|at| at.0), put.ends.map(|at| at.0));
    if let (Some(starts), Some(ends)) = (starts, ends) {
        ordered(starts, ends)?;
    }
    let (title, track) = (required(&put.title)?, Text::new(put.track.trim()));
    let fact =
        Fact::ItemListed { event, item, session: put.session, title, track, starts, ends, capacity: put.capacity };
    let command = Command { organization, event, wishes: vec![Wish::Stand(fact)] };
    let done = api.decide_office(Some(tag), caller.principal.by(), command).await?;
    Ok(Written { data: item_of(&api, organization, event, item)?, offset: offset(&done) })
}

fn rules_of(api: &Api, organization: OrganizationId) -> Rules {
    let book = api.rules.read().expect("nothing panics under the lock");
    let known = book.rules(organization).cloned().unwrap_or_default();
    drop(book);
    let (version, in_force, refused) = (known.version, known.in_force, known.refused.clone());
    Rules { version, in_force, document: known.document.to_value(), refused }
}

async fn rules(
    State(api): State<Api>,
    caller: Presented,
    Named(Id(organization)): Named<Id<OrganizationId>>,
) -> Result<One<Rules>, Problem> {
    caller.may(Act::ReadViews, &On::organization(organization))?;
    Ok(One { data: rules_of(&api, organization) })
}

async fn put_rules(
    State(api): State<Api>,
    caller: Presented,
    Named(Id(organization)): Named<Id<OrganizationId>>,
    condition: IfMatch,
    write: Idempotent<serde_json::Map<String, serde_json::Value>>,
) -> Result<Written<Rules>, Problem> {
    caller.may(Act::ManageOrganization, &On::organization(organization))?;
    known(&api, organization)?;
    condition.allows(&tag_of_answer(&One { data: rules_of(&api, organization) }))?;
    let tag = write.tag(&caller.who());
    let document = serde_json::Value::Object(write.body);
    // Facts are kept for ever: what is not sound never becomes one.
    let faults = match serde_path_to_error::deserialize::<_, RuleDocument>(&document) {
        Err(error) => vec![FieldError::new(place(error.path()), error.inner().to_string())],
        Ok(document) => {
            document.validate().into_iter().map(|fault| FieldError::new(fault.field, fault.message)).collect()
        }
    };
    if !faults.is_empty() {
        return Err(Problem::new(Code::FieldsWrong, "the rules are not sound").with_fields(faults));
    }
    let fact = Fact::RulesPublished { document: Arc::new(document) };
    let command = Command { organization, event: EventId::NONE, wishes: vec![Wish::Stand(fact)] };
    let done = api.decide_office(Some(tag), caller.principal.by(), command).await?;
    Ok(Written { data: rules_of(&api, organization), offset: offset(&done) })
}

/// Where a document cannot be read: a path such as `fraud.rules[2].all[0]`.
fn place(path: &serde_path_to_error::Path) -> String {
    match path.to_string() {
        whole if whole == "." => "document".to_owned(),
        path => path,
    }
}
