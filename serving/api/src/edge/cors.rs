//! Pages of other origins (Fetch Standard, CORS): those that an organization names may read its answers with a key or a
//! token. Cookies never count across origins, so no answer allows credentials. Tracking takes any origin: see
//! the routes of tracking.

use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse as _, Response};
use records::OrganizationId;
use rules::access::Principal;
use rules::directory::Organization;

use crate::{Api, auth, routes};

/// The longest origin that is looked at, bytes: a scheme, a host name of 253 and a port.
const ORIGIN_BYTES_MAX: usize = 272;

const METHODS: &str = "GET, POST, PUT, PATCH, DELETE";
const HEADERS: &str = "authorization, content-type, content-encoding, idempotency-key, if-match, if-none-match, last-event-id, order-secret";
const EXPOSED: &str = "etag, eventra-offset, location, ratelimit, ratelimit-policy, retry-after, x-request-id";
/// Seconds that a browser may remember what it was told.
const MAX_AGE: &str = "600";

/// What a request is for a page of another origin.
pub(crate) enum Asking {
    /// Nothing: no page asks, or one of ours.
    Nothing,
    /// Tracking, which takes any origin.
    Tracking,
    /// A browser that asks first, with its answer.
    Preflight(Box<Response>),
    /// A page that may read the answer, or may not.
    Page(Option<HeaderValue>),
}

impl Asking {
    /// Finds out what it is.
    pub(crate) fn read(api: &Api, request: &Request) -> Self {
        if routes::is_tracking(request.uri().path()) {
            return Self::Tracking;
        }
        let origin = request.headers().get(header::ORIGIN).filter(|origin| origin.len() <= ORIGIN_BYTES_MAX).cloned();
        let Some(origin) = origin else { return Self::Nothing };
        if request.method() == Method::OPTIONS && request.headers().contains_key(header::ACCESS_CONTROL_REQUEST_METHOD)
        {
            let mut response = StatusCode::NO_CONTENT.into_response();
            // Nobody has said who they are yet: it is enough that some organization knows the page.
            if allows(api, None, &origin) {
                permit(response.headers_mut(), origin);
                preflight(response.headers_mut());
            }
            vary(response.headers_mut());
            return Self::Preflight(Box::new(response));
        }
        let organization = organization_of(api, request.headers(), request.method(), request.uri());
        let known = organization.is_some_and(|organization| allows(api, Some(organization), &origin));
        Self::Page(known.then_some(origin))
    }

    /// Says of an answer whether the page may read it.
    pub(crate) fn permit(self, response: &mut Response) {
        match self {
            Self::Nothing | Self::Preflight(_) => {}
            // Refusals too, which are made before the route is reached.
            Self::Tracking => {
                let any = HeaderValue::from_static("*");
                response.headers_mut().entry(header::ACCESS_CONTROL_ALLOW_ORIGIN).or_insert(any);
            }
            Self::Page(origin) => {
                if let Some(origin) = origin {
                    permit(response.headers_mut(), origin);
                }
                vary(response.headers_mut());
            }
        }
    }
}

fn allows(api: &Api, organization: Option<OrganizationId>, origin: &HeaderValue) -> bool {
    let names = |known: &Organization| known.origins.iter().any(|known| known.as_bytes() == origin.as_bytes());
    api.callers.read(|directory| match organization {
        Some(organization) => directory.organization(organization).is_some_and(names),
        None => directory.registered().any(|(_, known)| names(known)),
    })
}

/// The organization that a request is about: that of its key, or the one that its address names.
fn organization_of(api: &Api, headers: &HeaderMap, method: &Method, uri: &Uri) -> Option<OrganizationId> {
    let presented = auth::present(api, method, headers, None).ok()?;
    if let Principal::Key(holder) = &presented.principal {
        return Some(holder.organization);
    }
    let in_path = uri.path().strip_prefix("/v1/organizations/").and_then(|rest| rest.split('/').next());
    let in_path = in_path.map(|text| percent_encoding::percent_decode_str(text).decode_utf8_lossy().into_owned());
    let in_query = || {
        let mut pairs = form_urlencoded::parse(uri.query().unwrap_or("").as_bytes());
        pairs.find(|(name, _)| name == "organization").map(|(_, value)| value.into_owned())
    };
    let named = in_path.or_else(in_query).map(|text| OrganizationId::parse(&text)).transpose().ok()?;
    presented.organization(named).ok()
}

fn permit(headers: &mut HeaderMap, origin: HeaderValue) {
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static(EXPOSED));
    // The page is of another site, and may have it.
    let anywhere = HeaderValue::from_static("cross-origin");
    headers.insert(header::HeaderName::from_static("cross-origin-resource-policy"), anywhere);
}

fn preflight(headers: &mut HeaderMap) {
    headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static(METHODS));
    headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, HeaderValue::from_static(HEADERS));
    headers.insert(header::ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static(MAX_AGE));
}

fn vary(headers: &mut HeaderMap) {
    headers.append(header::VARY, HeaderValue::from_static("origin"));
}
