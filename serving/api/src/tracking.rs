//! Tracking in: Segment's routes, CloudEvents, NDJSON. Bodies go to the front door as they came.

mod routes;

use axum::Json;
use axum::extract::{FromRequestParts as _, MatchedPath, Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use collect::{Accepted, BodyError, Encoding, Endpoint, Format, MessageError, ParseError, Refusal};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use records::OrganizationId;
use rules::access::{Act, On, Principal};
use serde::{Deserialize, Serialize};

use crate::edge::client::Client;
use crate::problem::{Code, Problem};
use crate::{Api, auth, limits};

pub(crate) use routes::{SEGMENT, quick, uploads};

/// The most CloudEvents attributes in headers that are looked at: the specification knows some ten.
const ATTRIBUTES_MAX: usize = 64;

/// What tracking answers. Segment's libraries look at the status only; `success` is what Segment itself says.
#[derive(Debug, Serialize, schemars::JsonSchema)]
struct Receipt {
    /// True.
    success: bool,
    /// Messages that are records now.
    taken: usize,
    /// Messages that had been taken before.
    duplicates: usize,
    /// Messages that could not be read; they are kept as dead letters.
    dead: usize,
    /// What was wrong with the first of them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<MessageError>,
    /// Give this to a read as `wait_for` to see these very records.
    wait_for: String,
}

impl From<Accepted> for Receipt {
    fn from(accepted: Accepted) -> Self {
        Self {
            success: true,
            taken: accepted.taken,
            duplicates: accepted.duplicates,
            dead: accepted.dead,
            errors: accepted.errors,
            wait_for: format!("t{}", accepted.log_time.0),
        }
    }
}

/// `POST /v1/track` and its like.
async fn segment(State(api): State<Api>, request: Request) -> Result<Response, Problem> {
    let (parts, body) = read(request, limits::TRACK_BYTES_MAX).await?;
    let word = parts.path.rsplit('/').next().unwrap_or("");
    let endpoint = Endpoint::parse(word)
        .ok_or_else(|| Problem::new(Code::RouteUnknown, format!("`{word}` is no call of the Segment spec")))?;
    let body_key = if parts.headers.contains_key(header::AUTHORIZATION) { None } else { key_in(&parts, &body) };
    let organization = sender(&api, &parts.headers, body_key.as_deref())?;
    take(&api, organization, &parts, Format::Segment(endpoint), &body).await
}

/// `POST /v1/events`: CloudEvents, structured, batched or binary.
async fn cloud_events(State(api): State<Api>, request: Request) -> Result<Response, Problem> {
    let (parts, body) = read(request, limits::TRACK_BYTES_MAX).await?;
    let organization = sender(&api, &parts.headers, None)?;
    if parts.headers.contains_key("ce-specversion") {
        let attributes: Vec<(&str, &str)> = parts
            .headers
            .iter()
            .filter_map(|(name, value)| Some((name.as_str().strip_prefix("ce-")?, value.to_str().ok()?)))
            .take(ATTRIBUTES_MAX)
            .collect();
        return take(&api, organization, &parts, Format::CloudEventBinary(&attributes), &body).await;
    }
    let format = match Format::from_content_type(parts.content_type()) {
        Some(format @ (Format::CloudEvent | Format::CloudEvents)) => format,
        _ => {
            return Err(Problem::new(
                Code::TypeUnknown,
                "send application/cloudevents+json, application/cloudevents-batch+json, or ce- headers",
            ));
        }
    };
    take(&api, organization, &parts, format, &body).await
}

/// `POST /v1/import`: NDJSON; a JSON content type is taken as Segment's batch import.
async fn import(State(api): State<Api>, request: Request) -> Result<Response, Problem> {
    let (parts, body) = read(request, limits::IMPORT_BYTES_MAX).await?;
    let organization = sender(&api, &parts.headers, None)?;
    let json = parts.content_type().starts_with("application/json");
    let format = match Format::from_content_type(parts.content_type()) {
        Some(Format::Ndjson) => Format::Ndjson,
        _ if json => Format::Segment(Endpoint::Batch),
        _ => return Err(Problem::new(Code::TypeUnknown, "send application/x-ndjson")),
    };
    take(&api, organization, &parts, format, &body).await
}

/// The organization whose key was sent. Logins send no tracking: a page's visitor is not its user.
fn sender(api: &Api, headers: &HeaderMap, body_key: Option<&str>) -> Result<OrganizationId, Problem> {
    let presented = auth::present(api, &Method::POST, headers, body_key)?;
    let Principal::Key(holder) = &presented.principal else {
        return Err(Problem::new(Code::KeyMissing, "tracking is sent with a key"));
    };
    let organization = holder.organization;
    presented.may(Act::SendTracking, &On::organization(organization))?;
    Ok(organization)
}

struct Head {
    headers: HeaderMap,
    path: String,
    address: String,
}

impl Head {
    fn text(&self, name: header::HeaderName) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or("")
    }

    fn content_type(&self) -> &str {
        self.text(header::CONTENT_TYPE)
    }

    fn encoding(&self) -> Result<Encoding, Problem> {
        Encoding::parse(self.text(header::CONTENT_ENCODING))
            .map_err(|error| Problem::new(Code::TypeUnknown, error.to_string()))
    }
}

async fn read(request: Request, limit: usize) -> Result<(Head, Bytes), Problem> {
    let (mut parts, body) = request.into_parts();
    let path = MatchedPath::from_request_parts(&mut parts, &())
        .await
        .map_or_else(|_| String::new(), |path| path.as_str().to_owned());
    let address = parts.extensions.get::<Client>().map_or_else(String::new, |client| client.address.to_string());
    let body = Limited::new(body, limit).collect().await.map_err(|error| {
        if error.is::<LengthLimitError>() {
            Problem::new(Code::BodyTooLarge, format!("a body here has at most {limit} bytes"))
        } else {
            Problem::new(Code::BodyUnreadable, "the body was cut off")
        }
    })?;
    Ok((Head { headers: parts.headers, path, address }, body.to_bytes()))
}

/// `writeKey` in the body, as some of Segment's browser libraries send it.
fn key_in(head: &Head, body: &[u8]) -> Option<String> {
    #[derive(Deserialize)]
    struct Keyed {
        #[serde(rename = "writeKey")]
        write_key: Option<String>,
    }
    let plain = collect::decompress(head.encoding().ok()?, body, collect::limits::BATCH_BYTES_MAX).ok()?;
    serde_json::from_slice::<Keyed>(&plain).ok()?.write_key
}

async fn take(
    api: &Api,
    organization: OrganizationId,
    head: &Head,
    format: Format<'_>,
    body: &Bytes,
) -> Result<Response, Problem> {
    let request = collect::Request {
        organization,
        format,
        encoding: head.encoding()?,
        body,
        address: &head.address,
        user_agent: head.text(header::USER_AGENT),
        received: api.clock.now(),
    };
    // A few microseconds for a message; an upload of megabytes may keep a thread busy, so others take over its tasks.
    let prepared = if format == Format::Ndjson && can_block() {
        tokio::task::block_in_place(|| api.door.prepare(&request))
    } else {
        api.door.prepare(&request)
    };
    let prepared = prepared.map_err(|refusal| problem_of(&refusal))?;
    let _taking = api.intake.read().await;
    let accepted = api.door.commit(prepared).await.map_err(|refusal| problem_of(&refusal))?;
    Ok((StatusCode::OK, Json(Receipt::from(accepted))).into_response())
}

/// Whether this runtime can move tasks away from a busy thread.
fn can_block() -> bool {
    tokio::runtime::Handle::current().runtime_flavor() == tokio::runtime::RuntimeFlavor::MultiThread
}

fn problem_of(refusal: &Refusal) -> Problem {
    match refusal {
        Refusal::Parse(ParseError::Body(BodyError::TooLarge { limit })) => {
            Problem::new(Code::BodyTooLarge, format!("a body here unpacks to at most {limit} bytes"))
        }
        Refusal::Parse(ParseError::Unparseable(error)) => {
            Problem::new(Code::BodyUnreadable, error.to_string()).with_fields(vec![error.clone()])
        }
        Refusal::Parse(error) => Problem::new(Code::BodyUnreadable, error.to_string()),
        Refusal::Busy => Problem::new(Code::LogBusy, refusal.to_string()).retry_after(limits::RETRY_BUSY_SECONDS),
        Refusal::NoSpace { .. } => {
            Problem::new(Code::LogRefuses, refusal.to_string()).retry_after(limits::RETRY_REFUSED_SECONDS)
        }
        Refusal::Unavailable(_) => {
            tracing::error!(error = %refusal, "nothing can be written");
            Problem::new(Code::LogRefuses, "").retry_after(limits::RETRY_REFUSED_SECONDS)
        }
    }
}

/// Lets pages of any origin send tracking: a write key can do nothing else, and it is in the page anyway.
async fn any_origin(request: Request, next: Next) -> Response {
    let mut response = if request.method() == Method::OPTIONS {
        StatusCode::NO_CONTENT.into_response()
    } else {
        next.run(request).await
    };
    let headers = response.headers_mut();
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("POST"));
    headers.insert(
        header::ACCESS_CONTROL_ALLOW_HEADERS,
        HeaderValue::from_static("authorization, content-type, content-encoding"),
    );
    headers.insert(header::ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("86400"));
    response
}
