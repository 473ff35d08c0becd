//! What is told of things that happen often: keys that are used, callers who are refused.

use axum::response::Response;
use records::{EventId, Fact, Span, Timestamp};
use rules::access::KeyHolder;
use rules::office::{Command, Wish};

use crate::Api;
use crate::callers::USE_EVERY;
use crate::problem::{Problem, Refused};
use crate::trail::Trail;

/// Between two refusals of the same caller, act, route and reason that are told.
pub const REFUSALS_EVERY: Span = Span::from_seconds(60);

impl Api {
    /// Tells that a key was used, at most once an hour; nobody waits for it.
    pub(crate) fn note_use(&self, holder: &KeyHolder) {
        let now = self.clock.now();
        if !self.callers.is_use_news(holder, now) {
            return;
        }
        let (organization, key) = (holder.organization, holder.name.to_string());
        if self.trail.news(format!("use {organization} {key}"), now, USE_EVERY).is_some() {
            let wishes = vec![Wish::Tell(Fact::KeyUsed { key })];
            self.tell(Command { organization, event: EventId::NONE, wishes }, None);
        }
    }

    fn tell(&self, command: Command, by: Option<records::fact::By>) {
        let api = self.clone();
        tokio::spawn(async move {
            if let Err(problem) = api.decide_office(None, by, command).await {
                tracing::warn!(code = problem.code.word(), "what happened was not recorded");
            }
        });
    }
}

/// Tells of callers who were not let do something, each kind once a minute.
pub(crate) fn refusals(api: &Api, route: Option<&str>, response: &Response) {
    let refused = response.extensions().get::<Problem>().and_then(|problem| problem.refused.as_deref());
    if let Some(refused) = refused
        && let Some(command) = told(&api.trail, refused, route.unwrap_or_default(), api.clock.now())
    {
        api.tell(command, refused.by.clone());
    }
}

/// What is told of a refusal; nothing when its kind was told within a minute.
pub fn told(trail: &Trail, refused: &Refused, route: &str, now: Timestamp) -> Option<Command> {
    let Refused { by, act, organization, why } = refused;
    let kind = format!("refused {organization} {by:?} {act} {route} {why}");
    let more = trail.news(kind, now, REFUSALS_EVERY)?;
    let (act, route, why) = (act.to_string(), route.to_owned(), (*why).to_owned());
    let wishes = vec![Wish::Tell(Fact::AccessRefused { act, route, why, more })];
    Some(Command { organization: *organization, event: EventId::NONE, wishes })
}
