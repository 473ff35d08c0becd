//! What goes on at an event: attendance of its sessions, what is trending, visits, funnels.

use axum::extract::State;
use records::{EventId, RuleId, SessionId, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use views::attendance::{Attendance, Place};
use views::funnels::{self, FunnelKey, FunnelSummary};
use views::trending::{Stage, Trending};
use views::visits::{self, Visit, VisitSummary, Visitor};

use super::extract::{Caller, Id, Instant, Named, Params, absent, person, rows};
use crate::Api;
use crate::answer::Answer;
use crate::limits;
use crate::problem::Problem;

#[derive(Deserialize, JsonSchema)]
pub(crate) struct Which {
    /// The event, by its id; without it what belongs to none.
    #[serde(default)]
    event: EventId,
    /// Rows to answer with, 1 to 1,000.
    limit: Option<usize>,
    /// Hours that begin at or after this: RFC 3339, or microseconds since 1970.
    from: Option<Instant>,
    /// Hours that begin before this.
    to: Option<Instant>,
}

/// Every session of an event that somebody came to: the most present first.
pub(crate) async fn attendance(caller: Caller, Params(which): Params<Which>) -> Answer<Vec<Attendance>> {
    let mut data = Vec::new();
    let as_of = caller.views.attendance.scan(|_, fold| data.extend(fold.sessions(caller.organization, which.event)));
    data.sort_by_key(|session| (std::cmp::Reverse((session.present, session.joined)), session.session));
    data.truncate(which.limit.map_or(limits::ROWS_MAX, |limit| rows(Some(limit))));
    Answer { as_of, data }
}

/// One session.
pub(crate) async fn session(
    caller: Caller,
    Named(Id(session)): Named<Id<SessionId>>,
    Params(which): Params<Which>,
) -> Result<Answer<Attendance>, Problem> {
    let place = Place { organization: caller.organization, event: which.event, session };
    let (data, as_of) = caller.views.attendance.read(place.hash(), |fold| fold.session(&place));
    data.map(|data| Answer { as_of, data }).ok_or_else(|| absent("session"))
}

/// What gets the most attention now.
pub(crate) async fn trending(caller: Caller, Params(which): Params<Which>) -> Result<Answer<Trending>, Problem> {
    let stage = Stage { organization: caller.organization, event: which.event };
    let now = caller.views.progress().current().log_time;
    let count = rows(which.limit);
    let (data, as_of) = caller.views.trending.read(stage.hash(), |fold| fold.top(&stage, now, count));
    data.map(|data| Answer { as_of, data }).ok_or_else(|| absent("event"))
}

/// The visits of an event by hour.
pub(crate) async fn visits(caller: Caller, Params(which): Params<Which>) -> Answer<VisitSummary> {
    let from = which.from.map_or(Timestamp::MIN, |from| from.0);
    let to = which.to.map_or(Timestamp::MAX, |to| to.0);
    let (data, as_of) = visits::summarize(&caller.views.visits, caller.organization, which.event, from, to);
    Answer { as_of, data }
}

/// The newest visits of one person.
pub(crate) async fn visits_of(
    State(api): State<Api>,
    caller: Caller,
    Named(who): Named<String>,
    Params(which): Params<Which>,
) -> Result<Answer<Vec<Visit>>, Problem> {
    let actor = person(&api, caller.organization, &who)?;
    let visitor = Visitor { organization: caller.organization, event: which.event, actor };
    let (data, as_of) = caller.views.visits.read(visitor.hash(), |fold| fold.of(&visitor));
    Ok(Answer { as_of, data })
}

/// How far people came.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Funnel {
    #[serde(flatten)]
    summary: FunnelSummary,
    /// The steps, as the rules name them.
    steps: Vec<String>,
}

/// How many people reached each step of a funnel, as the rules define it now.
pub(crate) async fn funnel(
    State(api): State<Api>,
    caller: Caller,
    Named(Id(funnel)): Named<Id<RuleId>>,
    Params(which): Params<Which>,
) -> Result<Answer<Funnel>, Problem> {
    let organization = caller.organization;
    let rules = api.rules.read().expect("nothing panics under the lock").rules(organization).cloned();
    let defined = rules.as_ref().and_then(|rules| {
        rules.funnels.defined().find(|(known, _)| known.funnel == funnel).map(|(known, definition)| {
            (known.steps.iter().map(|step| step.step.to_string()).collect::<Vec<_>>(), definition)
        })
    });
    let (steps, definition) = defined.ok_or_else(|| absent("funnel"))?;
    let key = FunnelKey { organization, event: which.event, funnel, definition };
    let (summary, as_of) = funnels::summarize(&caller.views.funnels, &key, steps.len());
    Ok(Answer { as_of, data: Funnel { summary, steps } })
}
