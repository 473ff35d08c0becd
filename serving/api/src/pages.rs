//! The pages: one document for every address that is no file and no part of the API, and the files that it needs.
//!
//! The document may run only what it names itself: scripts carry a nonce that is new for each answer, nothing may frame
//! it, and it speaks to this server alone.

mod scanner;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::Api;
use crate::problem::{Code, Problem};

/// How long caches may keep a file whose name holds the hash of its content: a year, the most that RFC 9111 caches honour.
const KEEP: &str = "public, max-age=31536000, immutable";
/// How long caches may keep a file whose content may change under its name.
const KEEP_SHORTLY: &str = "public, max-age=3600";

/// Files that hold a place for a nonce: they are answered as documents only.
const DOCUMENTS: [&str; 3] = ["/index.html", "/scan.html", "/shop.html"];
/// Where the pages of those who buy are, which are a bundle of their own.
const SHOP: &str = "/shop/";
/// Where the scanner for doors is.
const SCANNER: &str = "/scan/";

/// Answers what no route took: a file of the pages, the document of the pages, or `route_unknown`.
pub(crate) async fn answer(State(api): State<Api>, request: Request) -> Response {
    let path = request.uri().path();
    if is_of_the_api(path) {
        return Problem::new(Code::RouteUnknown, "").into_response();
    }
    if request.method() != Method::GET && request.method() != Method::HEAD {
        return Problem::new(Code::MethodUnknown, "").into_response();
    }
    match dashboards::file(path.trim_start_matches('/')) {
        Some(file) if path == scanner::WORKER => scanner::worker(file_answer(file, request.headers())),
        Some(file) if !DOCUMENTS.contains(&path) => file_answer(file, request.headers()),
        _ if is_of_a_page(path, request.headers()) && path.starts_with(SCANNER) => scanner::document(),
        _ if is_of_a_page(path, request.headers()) => {
            let nonce = nonce(&api);
            let is_shop = path.starts_with(SHOP);
            let page = if is_shop { dashboards::shop(&nonce) } else { dashboards::page(&nonce) };
            document(page, &nonce, is_shop.then(|| Paying::of(&api)).as_ref())
        }
        _ => Problem::new(Code::RouteUnknown, "").into_response(),
    }
}

/// Whether the document stands at this address: a name with a dot is a file that is not there, and a program that has
/// mistyped a route is told so rather than shown a page.
fn is_of_a_page(path: &str, asked: &HeaderMap) -> bool {
    let accepts = asked.get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let name = path.rsplit('/').next().unwrap_or_default();
    path == "/" || (accepts.contains("text/html") && !name.contains('.'))
}

/// As many random bytes as make a nonce that nobody guesses (Content Security Policy level 3, section 7.1: at least 128 bits).
fn nonce(api: &Api) -> String {
    let mut bytes = [0; 16];
    (api.chance)(&mut bytes);
    STANDARD.encode(bytes)
}

fn is_of_the_api(path: &str) -> bool {
    path == "/v1" || path.starts_with("/v1/")
}

fn document(page: String, nonce: &str, pays: Option<&Paying>) -> Response {
    let status = if dashboards::are_built() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let mut response = (status, page).into_response();
    let headers = response.headers_mut();
    let policy = HeaderValue::from_str(&policy(nonce, pays)).expect("base64 and origins are header text");
    headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    // The nonce must not be answered twice.
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert("cross-origin-opener-policy", HeaderValue::from_static("same-origin"));
    headers
        .insert("permissions-policy", HeaderValue::from_static("camera=(), geolocation=(), microphone=(), payment=()"));
    response
}

/// What pages on which buyers pay may load besides: the script of the payment provider, its frames, where it asks.
struct Paying {
    script: String,
    place: String,
}

impl Paying {
    fn of(api: &Api) -> Self {
        Self { script: api.payments.stripe_script.origin(), place: api.payments.stripe_place.origin() }
    }

    /// Frames: Stripe's fields and the bank's question come from these ("Security guide", Content Security Policy).
    fn frames(&self) -> String {
        let more = if self.script == "https://js.stripe.com" {
            " https://*.js.stripe.com https://hooks.stripe.com"
        } else {
            ""
        };
        format!("{}{more}", self.script)
    }
}

/// What the document may load (Content Security Policy level 3). `strict-dynamic` lets a script with the nonce import
/// the pieces that it was split into, and load the payment provider's.
fn policy(nonce: &str, pays: Option<&Paying>) -> String {
    let (script, frame, connect) = pays.map_or_else(Default::default, |pays| {
        let connect = format!(" {} {}", pays.script, pays.place);
        (format!(" {}", pays.script), format!("frame-src {}; ", pays.frames()), connect)
    });
    format!(
        "default-src 'none'; script-src 'nonce-{nonce}' 'strict-dynamic'{script}; style-src 'self' 'nonce-{nonce}'; \
         connect-src 'self'{connect}; {frame}img-src 'self' data:; font-src 'self'; manifest-src 'self'; \
         frame-ancestors 'none'; base-uri 'none'; form-action 'self'; object-src 'none'"
    )
}

fn file_answer(file: dashboards::File, asked: &HeaderMap) -> Response {
    let gzip = file.gzip.filter(|_| takes_gzip(asked));
    let mut response = Response::new(Body::from(gzip.unwrap_or(file.plain)));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(file.media_type));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(if file.immutable { KEEP } else { KEEP_SHORTLY }));
    if file.gzip.is_some() {
        headers.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    }
    if gzip.is_some() {
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    response
}

/// Whether the client takes gzip (RFC 9110, section 12.5.3). One that says `gzip;q=0` does not.
fn takes_gzip(asked: &HeaderMap) -> bool {
    let texts = asked.get_all(header::ACCEPT_ENCODING).into_iter().filter_map(|value| value.to_str().ok());
    texts.flat_map(|text| text.split(',')).any(|coding| {
        let mut parts = coding.split(';').map(str::trim);
        let name = parts.next().unwrap_or_default();
        let refused =
            parts.any(|part| matches!(part.replace(' ', "").as_str(), "q=0" | "q=0.0" | "q=0.00" | "q=0.000"));
        name.eq_ignore_ascii_case("gzip") && !refused
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(encoding: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT_ENCODING, encoding.parse().unwrap());
        headers
    }

    #[test]
    fn gzip_is_sent_to_those_who_take_it() {
        for (encoding, takes) in [("gzip, br", true), ("br;q=1, GZIP;q=0.5", true), ("gzip;q=0", false), ("br", false)]
        {
            assert_eq!(takes_gzip(&asked(encoding)), takes, "{encoding}");
        }
        assert!(!takes_gzip(&HeaderMap::new()));
    }

    #[test]
    fn the_document_may_run_its_own_scripts_only() {
        let response = document(String::new(), "bm9uY2U=", None);
        let policy = response.headers()[header::CONTENT_SECURITY_POLICY].to_str().unwrap();
        assert!(policy.contains("default-src 'none'") && policy.contains("script-src 'nonce-bm9uY2U='"));
        assert!(!policy.contains("unsafe") && !policy.contains("frame-src"));
        let (script, place) = ("https://js.stripe.com".into(), "https://api.stripe.com".into());
        let pays = document(String::new(), "bm9uY2U=", Some(&Paying { script, place }));
        let policy = pays.headers()[header::CONTENT_SECURITY_POLICY].to_str().unwrap();
        assert!(policy.contains("connect-src 'self' https://js.stripe.com https://api.stripe.com;"), "{policy}");
        assert!(policy.contains("frame-src https://js.stripe.com https://*.js.stripe.com https://hooks.stripe.com;"));
        assert_eq!(response.headers()[header::CACHE_CONTROL], "no-store");
    }
}
