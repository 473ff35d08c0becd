//! What reads take from a request: who asks, parameters, instants, people. Mistakes become problems with a code.

use axum::extract::{FromRequestParts, Path, Query};
use axum::http::request::Parts;
use collect::Who;
use records::zone::Day;
use records::{OrganizationId, Timestamp, Token};
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};

use crate::answer::Waiting;
use crate::problem::{Code, Problem};
use crate::reads::{Views, about::about};
use crate::{Api, auth, limits};

/// A caller who may read what the address names; by the time a handler has it, what the caller waits for is reflected.
pub(crate) struct Caller {
    /// The tenant that everything is about.
    pub(crate) organization: OrganizationId,
    /// The readers to ask.
    pub(crate) views: Views,
}

/// Stands in a request's extensions when a feed asks, which has found out who its reader is. No caller can put one there.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asking(pub(crate) OrganizationId);

impl FromRequestParts<Api> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Problem> {
        if let Some(Asking(organization)) = parts.extensions.get().copied() {
            return Ok(Self { organization, views: (api.views)() });
        }
        let presented = match parts.extensions.get::<auth::Presented>() {
            Some(presented) => presented.clone(),
            None => auth::present(api, &parts.method, &parts.headers, None)?,
        };
        let Params(Where { organization }) = Params::<Where>::from_request_parts(parts, api).await?;
        let organization = presented.organization(organization)?;
        let (act, on) = about(organization, &parts.uri)?;
        presented.may(act, &on)?;
        let views = (api.views)();
        let Params(waiting) = Params::<Waiting>::from_request_parts(parts, api).await?;
        waiting.settle(views.progress()).await?;
        Ok(Self { organization, views })
    }
}

/// Which organization is meant.
#[derive(Debug, Default, Deserialize, JsonSchema)]
pub(crate) struct Where {
    /// The organization; needed by people who belong to several. A key knows its own.
    pub(crate) organization: Option<OrganizationId>,
}

/// The query's parameters.
pub(crate) struct Params<T>(pub(crate) T);

impl<T: DeserializeOwned + Send> FromRequestParts<Api> for Params<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Problem> {
        let query = Query::<T>::from_request_parts(parts, api).await;
        query.map(|Query(value)| Self(value)).map_err(|error| Problem::new(Code::ParameterWrong, error.body_text()))
    }
}

/// The path's parameters.
pub(crate) struct Named<T>(pub(crate) T);

impl<T: DeserializeOwned + Send> FromRequestParts<Api> for Named<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Problem> {
        let path = Path::<T>::from_request_parts(parts, api).await;
        path.map(|Path(value)| Self(value)).map_err(|error| Problem::new(Code::ParameterWrong, error.body_text()))
    }
}

/// An id in a path. (The ids' own reader also takes null, which axum's paths cannot give.)
pub(crate) struct Id<T>(pub(crate) T);

impl<'de, T: std::str::FromStr<Err: std::fmt::Display>> Deserialize<'de> for Id<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map(Self).map_err(serde::de::Error::custom)
    }
}

/// An instant: RFC 3339, or microseconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Instant(pub(crate) Timestamp);

impl<'de> Deserialize<'de> for Instant {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        if let Ok(micros) = text.parse() {
            return Ok(Self(Timestamp(micros)));
        }
        Timestamp::parse(&text).map(Self).map_err(serde::de::Error::custom)
    }
}

/// A calendar day, `2026-11-20`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Date(pub(crate) Day);

impl<'de> Deserialize<'de> for Date {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let day = Day::parse(&text).map(Self);
        day.ok_or_else(|| serde::de::Error::custom(format!("`{text}` is not a day such as 2026-11-20")))
    }
}

/// Finds a person's pseudonym: 16 hexadecimal digits are one, anything else is the id that the organization uses.
/// `user:` and `anonymous:` say which kind of id it is, for ids that look like pseudonyms.
pub(crate) fn person(api: &Api, organization: OrganizationId, text: &str) -> Result<Token, Problem> {
    let subjects = api.door.appender().subjects();
    let known = |who: Who<'_>| subjects.find(organization, who).map(|person| person.token);
    let found = if let Some(user) = text.strip_prefix("user:") {
        known(Who::User(user))
    } else if let Some(anonymous) = text.strip_prefix("anonymous:") {
        known(Who::Anonymous(anonymous))
    } else if let (16, Ok(token)) = (text.len(), text.parse::<Token>()) {
        Some(token)
    } else {
        known(Who::User(text)).or_else(|| known(Who::Anonymous(text)))
    };
    // The same words whether somebody was never here or was erased.
    found.ok_or_else(|| Problem::new(Code::NotFound, "nobody is known by this id"))
}

/// How many rows to answer with.
pub(crate) fn rows(limit: Option<usize>) -> usize {
    limit.unwrap_or(limits::ROWS_DEFAULT).clamp(1, limits::ROWS_MAX)
}

/// The problem of something that is not in a view.
pub(crate) fn absent(what: &str) -> Problem {
    Problem::new(Code::NotFound, format!("no record has made such a {what} yet"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_and_days_are_read() {
        let read = |text: &str| serde_json::from_value::<Instant>(text.into()).map(|instant| instant.0);
        assert_eq!(read("1970-01-01T00:00:01Z").unwrap(), Timestamp(1_000_000));
        assert_eq!(read("7").unwrap(), Timestamp(7));
        assert!(read("soon").is_err());
        let day = |text: &str| serde_json::from_value::<Date>(text.into()).map(|date| date.0.date());
        assert_eq!(day("2026-11-20").unwrap(), "2026-11-20");
        assert!(day("2026-13-01").is_err());
    }
}
