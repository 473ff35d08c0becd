//! Problems: every refusal as `application/problem+json` (RFC 9457) with a stable code and what to do about it.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use records::OrganizationId;
use records::fact::By;
use records::json::FieldError;
use rules::access::Act;
use serde::Serialize;

/// The most field errors one answer lists: enough to mend a message, small enough to read.
const FIELDS_MAX: usize = 100;

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $word:literal, $status:ident, $title:literal, $mend:literal;)+) => {
        /// What went wrong, as a word that never changes; clients may branch on it.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Code {
            $($(#[$doc])* $name,)+
        }

        impl Code {
            /// Every code, for the documentation.
            pub const ALL: &'static [Self] = &[$(Self::$name),+];

            /// The word in `code`, and the last part of `type`.
            pub fn word(self) -> &'static str {
                match self { $(Self::$name => $word,)+ }
            }

            /// The HTTP status that it comes with.
            pub fn status(self) -> StatusCode {
                match self { $(Self::$name => StatusCode::$status,)+ }
            }

            /// What it means, in one line.
            pub fn title(self) -> &'static str {
                match self { $(Self::$name => $title,)+ }
            }

            /// What the caller can do.
            pub fn mend(self) -> &'static str {
                match self { $(Self::$name => $mend,)+ }
            }
        }
    };
}

codes! {
    /// No key was sent.
    KeyMissing = "key_missing", UNAUTHORIZED, "no key was sent",
        "send the key as the user name of Basic authentication with an empty password, or as `Authorization: Bearer KEY`";
    /// The key is not known, or was revoked.
    KeyUnknown = "key_unknown", UNAUTHORIZED, "the key is not known",
        "check the key, or add one with `eventra apply`";
    /// The key may not do this.
    ScopeMissing = "scope_missing", FORBIDDEN, "the key may not do this",
        "use a key with the scope that `detail` names";
    /// A login has ended.
    LoginEnded = "login_ended", UNAUTHORIZED, "the login has ended",
        "sign in again";
    /// Wrong mail address or password.
    LoginRefused = "login_refused", UNAUTHORIZED, "the mail address or the password is wrong",
        "check both, or ask for a link to choose another password";
    /// The second factor's code is needed.
    SecondFactorNeeded = "second_factor_needed", UNAUTHORIZED, "a code of the second factor is needed",
        "send the same with `code`: six digits of the authenticator, or a recovery code";
    /// The second factor's code is wrong.
    SecondFactorWrong = "second_factor_wrong", UNAUTHORIZED, "the code of the second factor is wrong",
        "wait for the next code of the authenticator, or send a recovery code that was not used";
    /// A link that does not work any more.
    LinkWrong = "link_wrong", BAD_REQUEST, "the link does not work any more",
        "ask for a new one: links work once, and for a short time";
    /// A provider for signing in does not answer as it should.
    ProviderFailed = "provider_failed", BAD_GATEWAY, "the provider does not answer as it should",
        "try again later, or sign in with a password; the server's log has the cause";
    /// A provider, or what it said, lets nobody in.
    ProviderRefused = "provider_refused", FORBIDDEN, "the provider's answer lets nobody in",
        "begin again at the page for signing in; ask an organizer for an invitation to the mail address that the provider knows";
    /// Another site's page used a login's cookie.
    OriginForeign = "origin_foreign", FORBIDDEN, "a page of another site may not do this with your login",
        "use the pages of this server; programs send a key or a login as `Authorization: Bearer`";
    /// Whoever asks may not do this.
    AccessDenied = "access_denied", FORBIDDEN, "you may not do this",
        "ask an organizer of the organization for the role or the key that `detail` speaks of";
    /// It is not said which organization is meant.
    OrganizationMissing = "organization_missing", BAD_REQUEST, "it is not said which organization is meant",
        "add `organization=` with the id of one that you belong to";
    /// The rules refuse it.
    Refused = "refused", CONFLICT, "the rules refuse it",
        "change what `detail` names, and ask again";
    /// It has changed since it was read.
    Changed = "changed", PRECONDITION_FAILED, "it has changed since you read it",
        "read it again, and decide again";
    /// The desk does not keep up, or does not know.
    DeskBusy = "desk_busy", SERVICE_UNAVAILABLE, "it may not have been done",
        "send the same again with the same `Idempotency-Key` after `Retry-After` seconds";
    /// Only loopback may read this.
    LoopbackOnly = "loopback_only", FORBIDDEN, "this address is served to this machine only",
        "ask from the machine itself, or set `metrics_public = true`";
    /// There is no such route.
    RouteUnknown = "route_unknown", NOT_FOUND, "there is nothing at this address",
        "see the list of routes in the documentation of the API";
    /// The route does not take this method.
    MethodUnknown = "method_unknown", METHOD_NOT_ALLOWED, "the route does not take this method",
        "tracking is POST, reading is GET";
    /// There is no such thing in the view.
    NotFound = "not_found", NOT_FOUND, "there is no such thing",
        "check the id; what was just written may need `wait_for`";
    /// The body could not be read as what it says it is.
    BodyUnreadable = "body_unreadable", BAD_REQUEST, "the body could not be read",
        "send what the `Content-Type` and `Content-Encoding` headers say";
    /// Fields of the message are wrong; `fields` lists them.
    FieldsWrong = "fields_wrong", BAD_REQUEST, "some fields are wrong",
        "correct the fields that `fields` lists; a tracked message was kept as a dead letter";
    /// A parameter of the query is wrong.
    ParameterWrong = "parameter_wrong", BAD_REQUEST, "a parameter is wrong",
        "correct the parameter that `detail` names";
    /// The media type is not taken here.
    TypeUnknown = "type_unknown", UNSUPPORTED_MEDIA_TYPE, "the media type or encoding is not taken here",
        "send JSON, plain or as gzip or zstd";
    /// The body is too large.
    BodyTooLarge = "body_too_large", PAYLOAD_TOO_LARGE, "the body is too large",
        "send smaller batches; `detail` names the limit";
    /// The position belongs to another life of the log, or is not a position.
    PositionWrong = "position_wrong", BAD_REQUEST, "the position is not one of this view",
        "start again without `from`: the answer is the whole view and its position";
    /// What was waited for did not come in time.
    WaitedInVain = "waited_in_vain", GATEWAY_TIMEOUT, "the view did not reach the position in time",
        "ask again; `/readyz` and `/metrics` say how far behind the views are";
    /// The log does not keep up.
    LogBusy = "log_busy", TOO_MANY_REQUESTS, "the log does not keep up",
        "send the same message again after `Retry-After` seconds; its id makes that safe";
    /// The log takes nothing now: no space, a failed disk, or shutting down.
    LogRefuses = "log_refuses", SERVICE_UNAVAILABLE, "the log takes nothing now",
        "send the same message again after `Retry-After` seconds; `eventra doctor` says what to mend";
    /// The address takes a WebSocket only.
    UpgradeMissing = "upgrade_missing", UPGRADE_REQUIRED, "this address takes a WebSocket",
        "connect with a WebSocket client, or read one feed as server-sent events at `/v1/feeds/{view}`";
    /// A message over a WebSocket is not one that is known.
    MessageWrong = "message_wrong", BAD_REQUEST, "the message is not one that is known here",
        "send `subscribe` or `unsubscribe` as the documentation of the API shows them";
    /// The key, or the connection, has as many feeds as it may.
    FeedsTooMany = "feeds_too_many", TOO_MANY_REQUESTS, "too many feeds at once",
        "close feeds that nobody looks at, or try again after `Retry-After` seconds";
    /// The warehouse does not take the question.
    SqlRefused = "sql_refused", BAD_REQUEST, "the warehouse does not take this question",
        "correct the statement; `detail` holds the warehouse's words";
    /// The question met a bound.
    SqlLimit = "sql_limit", UNPROCESSABLE_ENTITY, "the question met a bound of time, memory, rows or bytes",
        "ask for less: a shorter time, fewer columns, a LIMIT; `detail` names the bound";
    /// Too many questions run at once.
    SqlBusy = "sql_busy", TOO_MANY_REQUESTS, "too many questions run at once",
        "ask again after `Retry-After` seconds, or cancel a question that runs";
    /// The question was cancelled.
    SqlCancelled = "sql_cancelled", CONFLICT, "the question was cancelled",
        "ask again when the answer is wanted after all";
    /// The warehouse cannot be asked.
    SqlUnavailable = "sql_unavailable", SERVICE_UNAVAILABLE, "the warehouse cannot be asked now",
        "try again after `Retry-After` seconds; `eventra doctor` says what to mend";
    /// Too many requests are being answered at once.
    Overloaded = "overloaded", SERVICE_UNAVAILABLE, "too many requests at once",
        "try again after `Retry-After` seconds";
    /// The request took too long.
    TooSlow = "too_slow", REQUEST_TIMEOUT, "the request took too long",
        "send smaller batches, or over a faster line";
    /// The views have not caught up with the log since the start.
    NotReady = "not_ready", SERVICE_UNAVAILABLE, "the views are still catching up with the log",
        "try again after `Retry-After` seconds";
    /// The key of a write has been used for another one.
    IdempotencyConflict = "idempotency_conflict", UNPROCESSABLE_ENTITY, "the idempotency key was used for something else",
        "send the same body again to get its first answer, or a new `Idempotency-Key` for another write";
    /// The key of a write is not one.
    IdempotencyKeyWrong = "idempotency_key_wrong", BAD_REQUEST, "the idempotency key cannot be read",
        "send 1 to 255 visible ASCII characters as `Idempotency-Key`, a UUID for example, or leave the header out";
    /// The box office refuses.
    BookingRefused = "booking_refused", CONFLICT, "the box office refuses",
        "`reason` says why in a word that stays, `detail` in a sentence that a buyer understands";
    /// A payment provider does not answer as it should.
    PaymentProviderFailed = "payment_provider_failed", BAD_GATEWAY, "the payment provider does not answer as it should",
        "send the same again with the same `Idempotency-Key` after `Retry-After` seconds: nobody pays twice; or choose another way to pay";
    /// A message is not signed by the one it says it is of.
    SignatureWrong = "signature_wrong", BAD_REQUEST, "the message is not signed as it should be",
        "compare the endpoint's signing secret at the provider with the one that was set here, and the clocks";
    /// The cursor belongs to another list, or is not one.
    CursorWrong = "cursor_wrong", BAD_REQUEST, "the cursor is not one of this list",
        "start again without `cursor`, with the same filters on every page";
    /// The caller asks more often than they may.
    RateLimited = "rate_limited", TOO_MANY_REQUESTS, "too many requests of one caller",
        "wait `Retry-After` seconds; the header `RateLimit` says what is left";
    /// A fault of the server.
    Internal = "internal", INTERNAL_SERVER_ERROR, "the server failed",
        "look into the server's log for the cause";
}

/// A refusal. Short for the client; the cause belongs into the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The stable code.
    pub code: Code,
    /// What is wrong with this very request.
    pub detail: String,
    /// Why a rule refuses, in a word that stays.
    pub reason: Option<&'static str>,
    /// Wrong fields, when there are any.
    pub fields: Vec<FieldError>,
    /// When trying again makes sense, seconds.
    pub retry_after: Option<u32>,
    /// Who was not let do what, for the audit trail; never sent.
    pub refused: Option<Box<Refused>>,
}

/// Somebody who was not let do something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// Who it was.
    pub by: Option<By>,
    /// What they wanted.
    pub act: Act,
    /// Whose audit trail tells of it.
    pub organization: OrganizationId,
    /// Why, in a word; empty for want of a right.
    pub why: &'static str,
}

/// Why a request was refused (RFC 9457).
#[derive(Serialize, schemars::JsonSchema)]
#[schemars(rename = "Problem")]
pub(crate) struct Document<'a> {
    /// `urn:eventra:problem:` and the code.
    r#type: String,
    /// What the code means, in one line.
    title: &'a str,
    /// The status of the answer.
    status: u16,
    /// A word that never changes; clients may branch on it.
    code: &'a str,
    /// Why a rule of the box office refuses, in a word that never changes.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
    /// What is wrong with this very request.
    #[serde(skip_serializing_if = "str::is_empty")]
    detail: &'a str,
    /// What the caller can do.
    mend: &'a str,
    /// Wrong fields, when there are any.
    #[serde(skip_serializing_if = "<[FieldError]>::is_empty")]
    fields: &'a [FieldError],
}

impl Problem {
    /// A problem with this code and detail.
    pub fn new(code: Code, detail: impl Into<String>) -> Self {
        Self { code, detail: detail.into(), reason: None, fields: Vec::new(), retry_after: None, refused: None }
    }

    /// The same, worth trying again after `seconds`.
    #[must_use]
    pub fn retry_after(self, seconds: u32) -> Self {
        Self { retry_after: Some(seconds), ..self }
    }

    /// The same, with the word of the rule that refuses.
    #[must_use]
    pub fn because(self, reason: &'static str) -> Self {
        Self { reason: Some(reason), ..self }
    }

    /// The same, with the wrong fields.
    #[must_use]
    pub fn with_fields(self, mut fields: Vec<FieldError>) -> Self {
        fields.truncate(FIELDS_MAX);
        Self { fields, ..self }
    }
}

impl Problem {
    /// The document as it is sent.
    pub(crate) fn json(&self) -> String {
        let document = Document {
            r#type: format!("urn:eventra:problem:{}", self.code.word()),
            title: self.code.title(),
            status: self.code.status().as_u16(),
            code: self.code.word(),
            reason: self.reason,
            detail: &self.detail,
            mend: self.code.mend(),
            fields: &self.fields,
        };
        serde_json::to_string(&document).expect("texts and numbers are JSON")
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = self.code.status();
        let body = self.json();
        let mut response = (status, [(header::CONTENT_TYPE, "application/problem+json")], body).into_response();
        let headers = response.headers_mut();
        if let Some(seconds) = self.retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if status == StatusCode::UNAUTHORIZED {
            // RFC 9110 §11.6.1: a 401 names a scheme. Not Basic, although it is taken: browsers would ask people for a password.
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"eventra\""));
        }
        // For feeds, which ask routes and tell what became of it in their own way.
        response.extensions_mut().insert(self);
        response
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn codes_are_unique() {
        let words: BTreeSet<&str> = Code::ALL.iter().map(|code| code.word()).collect();
        assert_eq!(words.len(), Code::ALL.len());
    }

    #[test]
    fn a_busy_log_says_when_to_come_back() {
        let response = Problem::new(Code::LogBusy, "").retry_after(2).into_response();
        assert_eq!(response.status(), StatusCode::TOO_MANY_REQUESTS);
        assert_eq!(response.headers()[header::RETRY_AFTER], "2");
        assert_eq!(response.headers()[header::CONTENT_TYPE], "application/problem+json");
    }
}
