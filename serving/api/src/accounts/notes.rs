//! What is told of things that happen often: keys that are used, callers who are refused.

use axum::response::Response;
use records::{EventId, Fact, Span};
use rules::access::KeyHolder;
use rules::office::{Command, Wish};

use crate::Api;
use crate::callers::USE_EVERY;
use crate::problem::{Problem, Refused};

/// Between two refusals of the same caller, act and route that are told.
const REFUSALS_EVERY: Span = Span::from_seconds(60);

impl Api {
    /// Tells that a key was used, at most once an hour; nobody waits for it.
    pub(crate) fn note_use(&self, holder: &KeyHolder) {
        let now = self.clock.now();
        if !self.callers.is_use_news(holder, now) {
            return;
        }
        let (organization, key) = (holder.organization, holder.name.to_string());
        if self.trail.is_news(format!("use {organization} {key}"), now, USE_EVERY) {
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
    if let Some(Refused { by, act, organization }) = refused {
        let route = route.unwrap_or_default().to_owned();
        if api.trail.is_news(format!("refused {by:?} {act} {route}"), api.clock.now(), REFUSALS_EVERY) {
            let wishes = vec![Wish::Tell(Fact::AccessRefused { act: act.to_string(), route })];
            api.tell(Command { organization: *organization, event: EventId::NONE, wishes }, by.clone());
        }
    }
}
