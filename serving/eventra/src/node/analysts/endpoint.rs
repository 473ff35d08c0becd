//! ClickHouse's HTTP interface for analysts' own clients: BI tools, notebooks, the official libraries.
//!
//! Who asks shows a key with the scope `sql` as the password (Basic, `X-ClickHouse-Key` or `?password=`; the user's name is
//! free; a login's token does as well, and then the user's name is the organization). The question goes through the same gateway
//! as those of the SQL page. Everything that a client may say beside the statement is on a list; the engine never sees the rest.
//!
//! Who is not let in, and who asks what nobody may ask, is in the audit trail: each caller and reason once a minute.

use std::sync::Arc;
use std::time::Duration;

use api::accounts::notes::{REFUSALS_EVERY, told};
use api::auth::Presented;
use api::guard::{Bounds, bound};
use api::problem::Refused;
use api::sql::STATEMENT;
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{DefaultBodyLimit, Query, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use futures_util::TryStreamExt as _;
use parking_lot::Mutex;
use records::fact::By;
use records::{OrganizationId, SecretHash, Timestamp};
use rules::access::{Act, On, Principal};
use rules::accounts::platform;
use rules::domains::{Command, Order};
use warehouse::analysts::request::{Unreadable, credentials, question};
use warehouse::analysts::{Ask, AskError, Gateway, QUESTION_BYTES_MAX};

use crate::node::core::Core;

/// Questions that are waited for at once: more than run, so that who is too many hears so in ClickHouse's words.
const WAITING_MAX: usize = 64;
/// The longest until the head of an answer: the engine gives a question half of it.
const HEAD_WITHIN: Duration = Duration::from_secs(60);

/// How the audit trail names this place.
const ROUTE: &str = "clickhouse";
/// Refusals of callers whom nobody knows that are told in a minute, whatever organizations they name: a stranger must not fill
/// the log.
const STRANGERS_PER_MINUTE: u32 = 20;

#[derive(Clone)]
struct Endpoint {
    core: Arc<Core>,
    gateway: Gateway,
    strangers: Arc<Mutex<Strangers>>,
}

/// What was told of strangers in this minute.
#[derive(Debug, Default)]
struct Strangers {
    minute: i64,
    told: u32,
}

impl Strangers {
    /// Whether one more may be told of.
    fn admit(&mut self, now: Timestamp) -> bool {
        let minute = now.0.div_euclid(REFUSALS_EVERY.0);
        if minute != self.minute {
            *self = Self { minute, told: 0 };
        }
        self.told = self.told.saturating_add(1);
        self.told <= STRANGERS_PER_MINUTE
    }
}

/// A refusal in ClickHouse's words, so that clients show it.
#[derive(Debug)]
struct Exception {
    status: StatusCode,
    code: i32,
    message: String,
    /// What the audit trail is told; mostly nothing.
    refused: Option<Box<Refused>>,
}

impl Exception {
    fn new(status: StatusCode, code: i32, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into(), refused: None }
    }

    /// The same, as an act of somebody.
    fn of(self, refused: Refused) -> Self {
        Self { refused: Some(Box::new(refused)), ..self }
    }

    /// AUTHENTICATION_FAILED
    fn nobody(message: &str) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, 516, format!("{message}. (AUTHENTICATION_FAILED)"))
    }

    /// BAD_ARGUMENTS
    fn wrong(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, 36, format!("{}. (BAD_ARGUMENTS)", message.into()))
    }
}

impl From<Unreadable> for Exception {
    fn from(error: Unreadable) -> Self {
        match error {
            // UNKNOWN_DATABASE
            Unreadable::Database => Self::new(StatusCode::NOT_FOUND, 81, format!("{error}. (UNKNOWN_DATABASE)")),
            error => Self::wrong(error.to_string()),
        }
    }
}

impl From<AskError> for Exception {
    fn from(error: AskError) -> Self {
        let words = error.to_string();
        match error {
            AskError::Refused { code, message, status } => {
                let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
                Self::new(status, code, message)
            }
            AskError::Forbidden(_) => Self::new(StatusCode::FORBIDDEN, 497, format!("{words}. (ACCESS_DENIED)")),
            AskError::Wrong(_) => Self::wrong(words),
            AskError::TooMany => {
                Self::new(StatusCode::TOO_MANY_REQUESTS, 202, format!("{words}. (TOO_MANY_SIMULTANEOUS_QUERIES)"))
            }
            AskError::Unavailable(cause) => {
                tracing::warn!(error = %cause, "a question cannot be put to the warehouse");
                Self::new(StatusCode::SERVICE_UNAVAILABLE, 210, format!("{words}. (NETWORK_ERROR)"))
            }
        }
    }
}

impl axum::response::IntoResponse for Exception {
    fn into_response(self) -> Response {
        let text = format!("Code: {}. DB::Exception: {}\n", self.code, self.message);
        let mut response = (self.status, [(header::CONTENT_TYPE, "text/plain; charset=UTF-8")], text).into_response();
        let headers = response.headers_mut();
        headers.insert("x-clickhouse-exception-code", HeaderValue::from(self.code));
        if self.status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Basic realm=\"eventra\""));
        }
        if self.status == StatusCode::TOO_MANY_REQUESTS {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(2));
        }
        response
    }
}

/// The routes; none without a warehouse.
pub(crate) fn router(core: &Arc<Core>) -> Option<Router> {
    let (core, gateway) = (Arc::clone(core), core.warehouse.gateway()?.clone());
    let endpoint = Endpoint { core, gateway, strangers: Arc::default() };
    let router = Router::new()
        .route("/", get(ask).post(ask))
        .layer(from_fn_with_state(Bounds::new(WAITING_MAX, HEAD_WITHIN), bound))
        .layer(DefaultBodyLimit::max(QUESTION_BYTES_MAX))
        .route("/ping", get(async || "Ok.\n"))
        .with_state(endpoint);
    Some(router)
}

async fn ask(
    State(endpoint): State<Endpoint>,
    Query(parameters): Query<Vec<(String, String)>>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    if parameters.is_empty() && body.is_empty() {
        return "Ok.\n".into_response();
    }
    match endpoint.answer(&parameters, &headers, &body).await {
        Ok(response) => response,
        Err(exception) => {
            exception.refused.as_ref().inspect(|refused| endpoint.tell(refused));
            axum::response::IntoResponse::into_response(exception)
        }
    }
}

impl Endpoint {
    async fn answer(
        &self,
        parameters: &[(String, String)],
        headers: &HeaderMap,
        body: &[u8],
    ) -> Result<Response, Exception> {
        let (organization, presented) = self.analyst(parameters, headers)?;
        let asker = presented.who();
        let ask = Ask { organization: organization.to_string(), asker, ..question(parameters, headers, body)? };
        let id = ask.id.clone();
        let (_, as_of) = self.core.warehouse.cut();
        let reply = self.gateway.ask(ask).await.map_err(|error| {
            let is_act = error.is_forbidden();
            let exception = Exception::from(error);
            let refused = || presented.refused(Act::RunSql, organization, STATEMENT);
            if is_act { exception.of(refused()) } else { exception }
        })?;
        let mut response = Response::new(Body::from_stream(reply.body.map_err(std::io::Error::other)));
        *response.headers_mut() = reply.headers;
        let mut tell = |name: &'static str, value: &str| {
            if let Ok(value) = HeaderValue::from_str(value) {
                response.headers_mut().insert(HeaderName::from_static(name), value);
            }
        };
        if let Some(id) = id {
            tell("x-clickhouse-query-id", &id);
        }
        // At least this much: an answer here holds whatever has landed when it is made.
        tell("eventra-as-of", &serde_json::to_string(&as_of).unwrap_or_default());
        Ok(response)
    }

    /// Tells the audit trail of a refusal, unless it was told of its like within a minute. Nobody waits for it.
    fn tell(&self, refused: &Refused) {
        let now = self.core.clock.now();
        if refused.by.is_none() && !self.strangers.lock().admit(now) {
            return;
        }
        let Some(command) = told(&self.core.trail, refused, ROUTE, now) else { return };
        let Ok(facts) = self.core.facts() else { return };
        // Without an id: sent once, and done at most once.
        let command = Command { by: refused.by.clone(), order: Order::Office(command) };
        let pending = facts.submit(None, command);
        tokio::spawn(async move {
            if let Err(error) = pending.await {
                tracing::warn!(%error, "a refusal was not recorded");
            }
        });
    }

    /// Who asks, and about whose rows.
    fn analyst(
        &self,
        parameters: &[(String, String)],
        headers: &HeaderMap,
    ) -> Result<(OrganizationId, Presented), Exception> {
        let Some((user, secret)) = credentials(parameters, headers) else {
            let refused = self.stranger("", None, "key_missing");
            return Err(Exception::nobody("a key with the scope `sql` is wanted as the password").of(refused));
        };
        let is_short = !secret.is_empty() && secret.len() <= api::callers::SECRET_BYTES_MAX;
        let hash = is_short.then(|| SecretHash::of(&secret));
        let known = hash.and_then(|hash| self.core.callers.principal(&hash, self.core.clock.now()));
        let Some(principal) = known else {
            let refused = self.stranger(&user, hash.as_ref(), "key_unknown");
            return Err(Exception::nobody("the key is not known").of(refused));
        };
        let named = match &principal {
            Principal::Person(_) => OrganizationId::parse(&user).ok().filter(|named| named.is_some()),
            _ => None,
        };
        let presented = Presented { principal, secret: hash };
        let denied = |problem: api::problem::Problem| {
            let words = format!("{}. (ACCESS_DENIED)", problem.detail);
            Exception { refused: problem.refused, ..Exception::new(StatusCode::FORBIDDEN, 497, words) }
        };
        let organization = presented.organization(named).map_err(denied)?;
        presented.may(Act::RunSql, &On::organization(organization)).map_err(denied)?;
        Ok((organization, presented))
    }

    /// Somebody whose secret opens nothing: of the organization whose key it was, else of the registered one that they name,
    /// else of the platform.
    fn stranger(&self, user: &str, hash: Option<&SecretHash>, why: &'static str) -> Refused {
        self.core.callers.read(|directory| {
            if let Some((organization, name)) = hash.and_then(|hash| directory.key_of(hash)) {
                let by = Some(By::Key(name.to_string()));
                return Refused { by, act: Act::RunSql, organization, why: "key_ended" };
            }
            let named = OrganizationId::parse(user).ok();
            let registered =
                |id: &OrganizationId| directory.organization(*id).is_some_and(|known| known.name.is_some());
            let organization = named.filter(registered).unwrap_or_else(platform);
            Refused { by: None, act: Act::RunSql, organization, why }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strangers_are_told_of_so_often_and_no_more() {
        let mut strangers = Strangers::default();
        let told = |strangers: &mut Strangers, second| {
            (0..1_000).filter(|_| strangers.admit(Timestamp::from_seconds(second))).count()
        };
        assert_eq!(told(&mut strangers, 600), STRANGERS_PER_MINUTE as usize);
        assert_eq!((told(&mut strangers, 659), told(&mut strangers, 660)), (0, STRANGERS_PER_MINUTE as usize));
    }
}
