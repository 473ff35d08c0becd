//! What organizers do with webhooks: say where they go, look what became of them, have them told again.

use axum::extract::State;
use axum::http::Uri;
use eventlog::{EventLog, Lane, Offset as LogOffset, PartitionId, ReadLimits};
use records::fact::CommandTag;
use records::webhook::{Answer, Endpoint, Next, Topic};
use records::{CommandId, EndpointId, OrganizationId, Span, Timestamp};
use rules::access::{Act, On};
use rules::domains::Order;
use rules::webhooks::{Command, Hook, Wish, id_of};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Tried;
use super::payload::Message;
use crate::Api;
use crate::accounts::{Nothing, When, offset};
use crate::auth::Presented;
use crate::booking::Exact;
use crate::lists::{One, Page, Paging};
use crate::openapi::Routes;
use crate::problem::{Code, Problem};
use crate::reads::extract::{Id, Instant, Named, Params};
use crate::writes::{Idempotent, Made, Offset, Written};

/// How long an old secret may be used beside the new one.
const GRACE_MAX: Span = Span::from_seconds(7 * 86_400);
/// When nothing is said: a day is enough for most.
const GRACE: u32 = 86_400;

macro_rules! at {
    ($rest:literal) => {
        concat!("/v1/organizations/{organization}/webhooks", $rest)
    };
}

pub(crate) fn routes() -> Routes {
    Routes::new()
        .get(at!(""), "Where webhooks go, by id", list)
        .post(at!(""), "Has webhooks sent somewhere; their secret is shown this once", add)
        .may(&[Code::NotFound, Code::Refused])
        .get(at!("/{endpoint}"), "An endpoint, and how far it was told", one)
        .may(&[Code::NotFound])
        .put(at!("/{endpoint}"), "Changes an endpoint; one that was stopped goes on", change)
        .may(&[Code::NotFound, Code::Refused])
        .delete(at!("/{endpoint}"), "Sends nothing there any more", remove)
        .may(&[Code::NotFound])
        .post(at!("/{endpoint}/rotation"), "Another secret; the old one is used beside it for a while", rotate)
        .may(&[Code::NotFound, Code::Refused])
        .post(at!("/{endpoint}/tests"), "Sends a webhook that says nothing but that it arrives", test)
        .may(&[Code::NotFound])
        .get(at!("/{endpoint}/deliveries"), "What was sent, the newest first, with what was answered", deliveries)
        .may(&[Code::NotFound])
        .post(at!("/{endpoint}/replays"), "Tells again from a place or time on, under the same ids", replay)
        .may(&[Code::NotFound, Code::Refused, Code::FieldsWrong])
        .get(at!("/{endpoint}/deliveries/{delivery}"), "What a webhook said, as it was sent", sent)
        .may(&[Code::NotFound])
}

/// An endpoint.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "WebhookEndpoint")]
struct Shown {
    id: EndpointId,
    #[serde(flatten)]
    spec: Endpoint,
    added: When,
    /// Until when webhooks are signed with the secret before, too.
    old_secret_until: Option<When>,
    /// Since when nothing was taken, while that is so. It is tried for ever, at least once an hour.
    failing_since: Option<When>,
    /// Since when it says that it is gone (410): nothing is sent until it is changed, and nothing is lost.
    stopped: Option<When>,
    /// Whether somebody should look after it: it is gone, or has taken nothing for three days.
    attention: bool,
    /// What is to be told next, by partition of the facts.
    cursors: Vec<Stands>,
}

/// How far an endpoint was told of a partition.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "WebhookCursor")]
struct Stands {
    /// Up to here, not included.
    next: Offset,
    /// How often the next one was tried in vain.
    attempts: u32,
    /// When it is tried again.
    again: Option<When>,
}

fn shown(id: EndpointId, hook: &Hook, now: Timestamp) -> Shown {
    let stands = |(source, cursor): (&u16, &rules::webhooks::Cursor)| Stands {
        next: Offset { partition: *source, offset: cursor.next },
        attempts: cursor.attempts,
        again: (cursor.attempts > 0).then_some(When(cursor.again)),
    };
    Shown {
        id,
        spec: hook.spec.clone(),
        added: When(hook.added),
        old_secret_until: hook.old.map(|(_, until)| until).filter(|until| *until > now).map(When),
        failing_since: hook.failing().map(When),
        stopped: hook.stopped.map(When),
        attention: hook.wants_attention(now),
        cursors: hook.cursors.iter().map(stands).collect(),
    }
}

/// An endpoint with its secret.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "WebhookEndpointSecret")]
struct WithSecret {
    #[serde(flatten)]
    endpoint: Shown,
    /// `whsec_` and base64: what webhooks are signed with. Shown this once.
    secret: String,
}

fn find(api: &Api, organization: OrganizationId, id: EndpointId) -> Result<Hook, Problem> {
    let hook = api.hooks.read(|webhooks| webhooks.hook(organization, id).cloned());
    hook.ok_or_else(|| Problem::new(Code::NotFound, "there is no such endpoint"))
}

fn found(api: &Api, organization: OrganizationId, id: EndpointId) -> Result<Shown, Problem> {
    Ok(shown(id, &find(api, organization, id)?, api.clock.now()))
}

async fn list(
    State(api): State<Api>,
    caller: Presented,
    Named(Id(organization)): Named<Id<OrganizationId>>,
    paging: Paging,
) -> Result<Page<Shown>, Problem> {
    caller.may(Act::ManageOrganization, &On::organization(organization))?;
    let after: Option<EndpointId> = paging.after()?;
    let now = api.clock.now();
    let rows: Vec<Shown> =
        api.hooks.read(|webhooks| webhooks.of(organization).map(|(id, hook)| shown(id, hook, now)).collect());
    let rest = rows.into_iter().filter(|row| after.is_none_or(|after| row.id > after));
    Ok(paging.page(rest, |row| row.id))
}

type OfEndpoint = (Id<OrganizationId>, Id<EndpointId>);

async fn one(
    State(api): State<Api>,
    caller: Presented,
    Named((Id(organization), Id(endpoint))): Named<OfEndpoint>,
) -> Result<One<Shown>, Problem> {
    caller.may(Act::ManageOrganization, &On::organization(organization))?;
    Ok(One { data: found(&api, organization, endpoint)? })
}

impl Api {
    async fn hook(
        &self,
        caller: &Presented,
        tag: CommandTag,
        (organization, endpoint): (OrganizationId, EndpointId),
        wish: Wish,
    ) -> Result<desk::Done, Problem> {
        let order = Order::Webhook(Command { organization, endpoint, wish });
        self.decide(Some(tag), caller.principal.by(), order).await
    }

    /// Plain HTTP and private addresses are for installations that allow them. What a name stands for is looked at when
    /// something is sent, because it may change.
    fn reachable(&self, spec: &Endpoint) -> Result<(), Problem> {
        let uri: Uri = spec.url.trim().parse().map_err(|_| Problem::new(Code::Refused, "`url` is no address"))?;
        if self.webhooks_private {
            return Ok(());
        }
        if uri.scheme_str() != Some("https") {
            return Err(Problem::new(Code::Refused, "`url` begins with https://"));
        }
        let host = uri.host().unwrap_or("").trim_start_matches('[').trim_end_matches(']');
        let behind = host.parse().is_ok_and(|address| !super::addresses::is_public(address));
        if behind || host == "localhost" || host.ends_with(".localhost") {
            return Err(Problem::new(Code::Refused, "`url` is an address of a private network"));
        }
        Ok(())
    }
}

async fn add(
    State(api): State<Api>,
    caller: Presented,
    Named(Id(organization)): Named<Id<OrganizationId>>,
    write: Idempotent<Exact<Endpoint>>,
) -> Result<Made<WithSecret>, Problem> {
    caller.may(Act::ManageOrganization, &On::organization(organization))?;
    api.callers
        .read(|directory| directory.organization(organization).map(|_| ()))
        .ok_or_else(|| Problem::new(Code::NotFound, "there is no such organization"))?;
    let (id, tag, Exact(spec)) = (EndpointId(write.id().0), write.tag(&caller.who()), write.body);
    api.reachable(&spec)?;
    // What is decided from here on is told: the ends are those before the endpoint is there.
    let ends = api.log.ends(Lane::Facts);
    let from = (0..).zip(ends).map(|(source, end)| Next { source, next: end.0 }).collect();
    let done = api.hook(&caller, tag, (organization, id), Wish::Add { spec, key: tag.id, from }).await?;
    let secret = api.webhook_key(organization, tag.id).text();
    let data = WithSecret { endpoint: found(&api, organization, id)?, secret };
    Ok(Made(Written { data, offset: offset(&done) }))
}

async fn change(
    State(api): State<Api>,
    caller: Presented,
    Named((Id(organization), Id(endpoint))): Named<OfEndpoint>,
    write: Idempotent<Exact<Endpoint>>,
) -> Result<Written<Shown>, Problem> {
    caller.may(Act::ManageOrganization, &On::organization(organization))?;
    let (tag, Exact(spec)) = (write.tag(&caller.who()), write.body);
    api.reachable(&spec)?;
    let done = api.hook(&caller, tag, (organization, endpoint), Wish::Change(spec)).await?;
    Ok(Written { data: found(&api, organization, endpoint)?, offset: offset(&done) })
}

async fn remove(
    State(api): State<Api>,
    caller: Presented,
    Named((Id(organization), Id(endpoint))): Named<OfEndpoint>,
    write: Idempotent,
) -> Result<Nothing, Problem> {
    caller.may(Act::ManageOrganization, &On::organization(organization))?;
    let done = api.hook(&caller, write.tag(&caller.who()), (organization, endpoint), Wish::Remove).await?;
    if done.rows.is_empty() { Err(Problem::new(Code::NotFound, "there is no such endpoint")) } else { Ok(Nothing) }
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "WebhookRotation")]
struct Rotate {
    /// How long webhooks are signed with the old secret, too, seconds; a day when it is not given, at most a week.
    grace_s: Option<u32>,
}

async fn rotate(
    State(api): State<Api>,
    caller: Presented,
    Named((Id(organization), Id(endpoint))): Named<OfEndpoint>,
    write: Idempotent<Rotate>,
) -> Result<Written<WithSecret>, Problem> {
    caller.may(Act::ManageOrganization, &On::organization(organization))?;
    let (tag, grace) = (write.tag(&caller.who()), Span::from_seconds(i64::from(write.body.grace_s.unwrap_or(GRACE))));
    if grace > GRACE_MAX {
        return Err(Problem::new(Code::Refused, format!("`grace_s` is at most {}", GRACE_MAX.seconds())));
    }
    let until = api.clock.now().saturating_add(grace);
    let done = api.hook(&caller, tag, (organization, endpoint), Wish::Rotate { key: tag.id, until }).await?;
    let secret = api.webhook_key(organization, tag.id).text();
    let data = WithSecret { endpoint: found(&api, organization, endpoint)?, secret };
    Ok(Written { data, offset: offset(&done) })
}

/// A webhook that is on its way.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "WebhookTest")]
struct Tested {
    /// Its `webhook-id`.
    id: String,
}

async fn test(
    State(api): State<Api>,
    caller: Presented,
    Named((Id(organization), Id(endpoint))): Named<OfEndpoint>,
    write: Idempotent,
) -> Result<Made<Tested>, Problem> {
    caller.may(Act::ManageOrganization, &On::organization(organization))?;
    let (test, tag) = (CommandId(write.id().0), write.tag(&caller.who()));
    let done = api.hook(&caller, tag, (organization, endpoint), Wish::Test(test)).await?;
    let at = offset(&done).ok_or_else(|| Problem::new(Code::Internal, ""))?;
    Ok(Made(Written { data: Tested { id: id_of(endpoint, at.partition, at.offset) }, offset: Some(at) }))
}

/// A try to deliver a webhook.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "WebhookDelivery")]
struct Row {
    /// Its `webhook-id`, which is the same for each try.
    id: String,
    /// The fact that it tells of.
    offset: Offset,
    #[serde(rename = "type")]
    topic: Topic,
    at: When,
    /// Which try it was, from 1.
    attempt: u32,
    /// Whether it was taken (2xx).
    taken: bool,
    #[serde(flatten)]
    answer: Answer,
    /// When it is tried again, if it was not taken.
    again: Option<When>,
    #[serde(skip)]
    number: u64,
}

/// Which tries.
#[derive(Deserialize, JsonSchema)]
struct Which {
    /// Only those that were not taken (`true`), or were (`false`).
    failed: Option<bool>,
}

async fn deliveries(
    State(api): State<Api>,
    caller: Presented,
    Named((Id(organization), Id(endpoint))): Named<OfEndpoint>,
    Params(which): Params<Which>,
    paging: Paging,
) -> Result<Page<Row>, Problem> {
    caller.may(Act::ManageOrganization, &On::organization(organization))?;
    find(&api, organization, endpoint)?;
    let after: Option<u64> = paging.after()?;
    let tries = api.hooks.tries(organization, endpoint);
    let wanted = tries.into_iter().filter(|tried| {
        which.failed.is_none_or(|failed| failed == tried.again.is_some())
            && after.is_none_or(|after| tried.number < after)
    });
    let row = |tried: Tried| Row {
        id: id_of(endpoint, tried.source, tried.cause),
        offset: Offset { partition: tried.source, offset: tried.cause },
        topic: tried.topic,
        at: When(tried.at),
        attempt: tried.attempt,
        taken: tried.again.is_none(),
        answer: tried.answer,
        again: tried.again.map(When),
        number: tried.number,
    };
    Ok(paging.page(wanted.map(row), |row| row.number))
}

async fn sent(
    State(api): State<Api>,
    caller: Presented,
    Named((Id(organization), Id(endpoint), delivery)): Named<(Id<OrganizationId>, Id<EndpointId>, String)>,
) -> Result<One<Message>, Problem> {
    caller.may(Act::ManageOrganization, &On::organization(organization))?;
    find(&api, organization, endpoint)?;
    let tries = api.hooks.tries(organization, endpoint);
    let known = tries.iter().find(|tried| id_of(endpoint, tried.source, tried.cause) == delivery);
    let absent = || Problem::new(Code::NotFound, "this is none of the newest webhooks of the endpoint");
    let (source, cause) = known.map(|tried| (tried.source, tried.cause)).ok_or_else(absent)?;
    let log = std::sync::Arc::clone(&api.log);
    let read = tokio::task::spawn_blocking(move || {
        let place = PartitionId(source);
        let limits = ReadLimits { max_rows: 1, ..ReadLimits::default() };
        let frame = log.read(Lane::Facts, place, LogOffset(cause), limits).ok()?.into_iter().next()?;
        let rows = records::fact::decode(&frame.body).ok()?;
        let row = rows.into_iter().nth(usize::try_from(cause.checked_sub(frame.first.0)?).ok()?)?;
        super::payload::message(&row, Offset { partition: source, offset: cause })
    });
    let message = read.await.map_err(|_| Problem::new(Code::Internal, ""))?;
    Ok(One { data: message.ok_or_else(absent)? })
}

/// From where on everything is told again. Either a place or a time; a place behind what was told leaves out what is between.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "WebhookReplay")]
struct Replay {
    /// A place of one partition, as webhooks and writes tell it: `f3/1811`.
    from: Option<String>,
    /// A time, for all partitions.
    since: Option<Instant>,
}

async fn replay(
    State(api): State<Api>,
    caller: Presented,
    Named((Id(organization), Id(endpoint))): Named<OfEndpoint>,
    write: Idempotent<Replay>,
) -> Result<Written<Shown>, Problem> {
    caller.may(Act::ManageOrganization, &On::organization(organization))?;
    find(&api, organization, endpoint)?;
    let tag = write.tag(&caller.who());
    let ends = api.log.ends(Lane::Facts);
    let places = match (&write.body.from, write.body.since) {
        (Some(from), None) => vec![place(from, &ends)?],
        (None, Some(Instant(since))) => {
            let log = std::sync::Arc::clone(&api.log);
            let found = tokio::task::spawn_blocking(move || since_when(&*log, since));
            found.await.map_err(|_| Problem::new(Code::Internal, ""))?
        }
        _ => return Err(Problem::new(Code::FieldsWrong, "say either `from` or `since`")),
    };
    let mut last = None;
    for Next { source, next } in places {
        // One command for each partition, each once.
        let tag = CommandTag { id: CommandId(tag.id.0 ^ (u128::from(source) << 64)), hash: tag.hash };
        let done = api.hook(&caller, tag, (organization, endpoint), Wish::Replay { source, next }).await?;
        last = offset(&done).or(last);
    }
    Ok(Written { data: found(&api, organization, endpoint)?, offset: last })
}

fn place(text: &str, ends: &[LogOffset]) -> Result<Next, Problem> {
    let wrong = || Problem::new(Code::FieldsWrong, "`from` is a place of the facts such as f3/1811 that there is");
    let (source, next) = text.strip_prefix('f').and_then(|rest| rest.split_once('/')).ok_or_else(wrong)?;
    let (source, next): (u16, u64) = (source.parse().map_err(|_| wrong())?, next.parse().map_err(|_| wrong())?);
    let end = ends.get(usize::from(source)).ok_or_else(wrong)?;
    if next <= end.0 { Ok(Next { source, next }) } else { Err(wrong()) }
}

/// The first place of each partition that the log took at a time or later, found by halving.
fn since_when(log: &dyn EventLog, since: Timestamp) -> Vec<Next> {
    let limits = ReadLimits { max_rows: 1, ..ReadLimits::default() };
    let (starts, ends) = (log.starts(Lane::Facts), log.ends(Lane::Facts));
    let first = |(source, (start, end)): (u16, (LogOffset, LogOffset))| {
        let (mut low, mut high) = (start.0, end.0);
        while low < high {
            let middle = low + (high - low) / 2;
            let frames = log.read(Lane::Facts, PartitionId(source), LogOffset(middle), limits).unwrap_or_default();
            match frames.first() {
                Some(frame) if frame.log_time < since => low = frame.end().0.max(middle + 1),
                _ => high = middle,
            }
        }
        Next { source, next: low.min(end.0) }
    };
    (0..).zip(starts.into_iter().zip(ends)).map(first).collect()
}
