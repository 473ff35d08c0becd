//! The pages: a document at every address of a page, files that caches keep, and refusals elsewhere.

use axum::body::Body;
use axum::http::{HeaderMap, Method, StatusCode};
use http_body_util::BodyExt as _;
use tower::ServiceExt as _;

use crate::house::{House, request, run};

fn ask(house: &House, method: Method, path: &str, headers: &[(&str, &str)]) -> (StatusCode, HeaderMap, Vec<u8>) {
    run(async {
        let response = house.router.clone().oneshot(request(method, path, headers, Body::empty())).await.unwrap();
        let (parts, body) = response.into_parts();
        (parts.status, parts.headers, body.collect().await.unwrap().to_bytes().to_vec())
    })
}

fn policy(headers: &HeaderMap) -> String {
    headers["content-security-policy"].to_str().unwrap().to_owned()
}

#[test]
fn every_address_of_a_page_is_the_document_with_a_nonce_of_its_own() {
    let house = House::new();
    let there = if dashboards::are_built() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let mut nonces = std::collections::BTreeSet::new();
    for path in ["/", "/sign-in", "/o/acme/events/conf-26", "/system?x=1"] {
        let (status, headers, body) = ask(&house, Method::GET, path, &[("accept", "text/html,*/*;q=0.8")]);
        assert_eq!((status, headers["content-type"].to_str().unwrap()), (there, "text/html; charset=utf-8"), "{path}");
        assert_eq!(headers["cache-control"], "no-store");
        let text = String::from_utf8(body).unwrap();
        let policy = policy(&headers);
        let nonce = policy.split("script-src 'nonce-").nth(1).unwrap().split('\'').next().unwrap().to_owned();
        assert!(!dashboards::are_built() || text.contains(&format!("nonce=\"{nonce}\"")), "{text}");
        nonces.insert(nonce);
    }
    assert_eq!(nonces.len(), 4, "a nonce was answered twice");
}

#[test]
fn what_is_no_page_is_refused_as_a_problem() {
    let house = House::new();
    for (method, path, wanted) in [
        (Method::GET, "/v1/nothing-here", StatusCode::NOT_FOUND),
        (Method::GET, "/v1", StatusCode::NOT_FOUND),
        (Method::GET, "/o/acme", StatusCode::NOT_FOUND),
        (Method::GET, "/assets/gone-12345678.js", StatusCode::NOT_FOUND),
        (Method::GET, "/../../etc/passwd.txt", StatusCode::NOT_FOUND),
        (Method::POST, "/sign-in", StatusCode::METHOD_NOT_ALLOWED),
    ] {
        let (status, headers, body) = ask(&house, method, path, &[]);
        assert_eq!(status, wanted, "{path}: {}", String::from_utf8_lossy(&body));
        assert_eq!(headers["content-type"], "application/problem+json", "{path}");
    }
}

#[test]
fn files_are_sent_compressed_to_those_who_take_it_and_kept_for_ever() {
    if !dashboards::are_built() {
        println!("skipped: the pages are not built (make build)");
        return;
    }
    let house = House::new();
    let page = dashboards::page("n");
    let script = page.split("src=\"/").find_map(|rest| rest.split('"').next().filter(|path| path.ends_with(".js")));
    let path = format!("/{}", script.unwrap());
    let (status, headers, plain) = ask(&house, Method::GET, &path, &[]);
    assert_eq!((status, headers["content-type"].to_str().unwrap()), (StatusCode::OK, "text/javascript; charset=utf-8"));
    assert!(headers["cache-control"].to_str().unwrap().contains("immutable") && headers["vary"] == "accept-encoding");
    let (_, headers, packed) = ask(&house, Method::GET, &path, &[("accept-encoding", "gzip, deflate, br")]);
    assert_eq!(headers["content-encoding"], "gzip");
    let mut unpacked = Vec::new();
    std::io::Read::read_to_end(&mut flate2::read::GzDecoder::new(packed.as_slice()), &mut unpacked).unwrap();
    assert_eq!(unpacked, plain);
    assert!(packed.len() * 2 < plain.len());
}
