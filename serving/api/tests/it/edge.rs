//! The edge: who may ask how often, which pages may read, what every answer carries, and what is compressed.

use std::io::Read as _;
use std::net::SocketAddr;

use api::edge::Edge;
use api::edge::rates::{Bounds, Rate, Rates};
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::{Method, Request, StatusCode};
use http_body_util::BodyExt as _;
use records::{Fact, FactRow, Zone};
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tower::ServiceExt as _;

use crate::house::{Answer, House, NOW, OTHER, READ, WRITE, request, run};
use crate::wire::Server;

const FRESHNESS: &str = "/v1/views/freshness";

async fn from(
    house: &House,
    address: &str,
    method: Method,
    path: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> Answer {
    let mut request = request(method, path, headers, body.to_owned());
    request.extensions_mut().insert(ConnectInfo(SocketAddr::new(address.parse().unwrap(), 4_711)));
    house.send(request).await
}

fn slow() -> Edge {
    let few = |burst| Rate::per_second(1, burst);
    let bounds = Bounds { key: few(3), user: few(3), address: few(2), tracking: few(2), ..Bounds::default() };
    Edge { rates: Rates::new(bounds), ..Edge::default() }
}

#[test]
fn who_is_known_is_counted_as_themselves_and_strangers_by_address() {
    let house = House::behind(slow());
    let venue = "192.0.2.1";
    run(async {
        let ask = async |key: &str| {
            from(&house, venue, Method::GET, FRESHNESS, &[("authorization", &format!("Bearer {key}"))], "").await
        };
        let first = ask(READ).await;
        assert_eq!((first.status, first.headers["ratelimit"].to_str().unwrap()), (StatusCode::OK, "\"key\";r=2;t=1"));
        assert_eq!(first.headers["ratelimit-policy"], "\"key\";q=3;w=3");
        assert_eq!((ask(READ).await.status, ask(READ).await.status), (StatusCode::OK, StatusCode::OK));
        let refused = ask(READ).await;
        assert_eq!(
            (refused.status, refused.body["code"].as_str()),
            (StatusCode::TOO_MANY_REQUESTS, Some("rate_limited"))
        );
        assert_eq!(refused.headers["retry-after"], "1");
        assert_eq!(ask(OTHER).await.status, StatusCode::OK, "another one behind the same address");
        // Wrong keys are guesses of a stranger.
        let guess = async |at: &str| {
            from(&house, at, Method::GET, FRESHNESS, &[("authorization", "Bearer guess")], "").await.status
        };
        assert_eq!((guess(venue).await, guess(venue).await), (StatusCode::UNAUTHORIZED, StatusCode::UNAUTHORIZED));
        assert_eq!(guess(venue).await, StatusCode::TOO_MANY_REQUESTS);
        assert_eq!(guess("192.0.2.2").await, StatusCode::UNAUTHORIZED);
        let health = from(&house, venue, Method::GET, "/healthz", &[], "").await;
        assert_eq!(health.status, StatusCode::OK, "health is asked as often as anybody likes");
    });
}

#[test]
fn one_phone_cannot_use_up_the_key_that_is_in_the_page() {
    let house = House::behind(slow());
    let bearer = format!("Bearer {WRITE}");
    let event = json!({"type": "track", "event": "x", "userId": "ada"}).to_string();
    run(async {
        let track = async |at: &str| {
            from(
                &house,
                at,
                Method::POST,
                "/v1/track",
                &[("authorization", &bearer), ("content-type", "application/json")],
                &event,
            )
            .await
        };
        let flood = [track("192.0.2.1").await, track("192.0.2.1").await, track("192.0.2.1").await];
        assert_eq!(flood.map(|answer| answer.status.as_u16()), [200, 200, 429]);
        let other = track("192.0.2.9").await;
        assert_eq!(
            (other.status, &other.headers["access-control-allow-origin"]),
            (StatusCode::OK, &"*".parse().unwrap())
        );
        let refused = track("192.0.2.1").await;
        assert_eq!(refused.headers["access-control-allow-origin"], "*", "a page can read why it was refused");
    });
}

#[test]
fn every_answer_is_dressed() {
    let house = House::new();
    run(async {
        for (path, key) in
            [(FRESHNESS, Some(READ)), ("/healthz", None), ("/v1/nothing", None), ("/v1/openapi.json", None)]
        {
            let bearer = format!("Bearer {}", key.unwrap_or(""));
            let headers: &[(&str, &str)] = if key.is_some() { &[("authorization", &bearer)] } else { &[] };
            let answer = house.send(request(Method::GET, path, headers, "")).await;
            for (name, value) in [
                ("x-content-type-options", "nosniff"),
                ("referrer-policy", "no-referrer"),
                ("cross-origin-opener-policy", "same-origin"),
                ("cross-origin-resource-policy", "same-origin"),
                ("content-security-policy", "default-src 'none'; frame-ancestors 'none'"),
            ] {
                assert_eq!(answer.headers[name], value, "{path}");
            }
            assert!(answer.headers.contains_key("permissions-policy"));
            assert!(!answer.headers.contains_key("strict-transport-security"), "not without TLS");
            assert_eq!(answer.headers["x-request-id"].len(), 16);
            assert_eq!(
                answer.headers.get("cache-control").is_some_and(|value| value == "no-store"),
                key.is_some(),
                "{path}"
            );
        }
        let named = house.send(request(Method::GET, "/healthz", &[("x-request-id", "mine-1")], "")).await;
        assert_eq!(named.headers["x-request-id"], "mine-1");
    });
}

#[test]
fn pages_that_an_organization_names_may_read_its_answers() {
    let known = "https://conf.example";
    let house = House::new();
    for fact in [
        Fact::OrganizationRegistered { name: "Acme".into(), zone: Zone::utc() },
        Fact::SettingsChanged { language: "en".into(), origins: vec![known.into()] },
    ] {
        house.callers.apply(&FactRow::new(crate::house::acme(), NOW, fact));
    }
    run(async {
        let ask = async |key: &str, origin: &str| {
            let bearer = format!("Bearer {key}");
            house
                .send(request(Method::GET, FRESHNESS, &[("authorization", &bearer), ("origin", origin)], ""))
                .await
                .headers
        };
        let mine = ask(READ, known).await;
        assert_eq!(
            (&mine["access-control-allow-origin"], &mine["vary"]),
            (&known.parse().unwrap(), &"origin".parse().unwrap())
        );
        assert!(mine["access-control-expose-headers"].to_str().unwrap().contains("eventra-offset"));
        assert!(!mine.contains_key("access-control-allow-credentials"), "cookies are for our own pages");
        for (key, origin) in [
            (READ, "https://evil.example"),
            (READ, "https://conf.example.evil.example"),
            (READ, "null"),
            (OTHER, known),
        ] {
            assert!(!ask(key, origin).await.contains_key("access-control-allow-origin"), "{key} {origin}");
        }
        let preflight = async |path: &str, origin: &str| {
            let headers = [
                ("origin", origin),
                ("access-control-request-method", "GET"),
                ("access-control-request-headers", "authorization"),
            ];
            house.send(request(Method::OPTIONS, path, &headers, "")).await
        };
        let allowed = preflight(FRESHNESS, known).await;
        assert_eq!(
            (allowed.status, &allowed.headers["access-control-allow-origin"]),
            (StatusCode::NO_CONTENT, &known.parse().unwrap())
        );
        assert!(allowed.headers["access-control-allow-headers"].to_str().unwrap().contains("authorization"));
        assert!(
            !preflight(FRESHNESS, "https://evil.example").await.headers.contains_key("access-control-allow-origin")
        );
        let tracking = preflight("/v1/track", "https://anywhere.example").await;
        assert_eq!(tracking.headers["access-control-allow-origin"], "*");
    });
}

async fn raw(house: &House, path: &str, headers: &[(&str, &str)]) -> axum::http::Response<Body> {
    let mut request = Request::get(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    house.router.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap()
}

#[test]
fn large_answers_are_compressed_and_others_are_not() {
    let house = House::new();
    let bearer = format!("Bearer {READ}");
    run(async {
        let large = raw(&house, "/v1/openapi.json", &[("accept-encoding", "gzip, br")]).await;
        assert_eq!(
            (&large.headers()["content-encoding"], &large.headers()["vary"]),
            (&"gzip".parse().unwrap(), &"accept-encoding".parse().unwrap())
        );
        let packed = large.into_body().collect().await.unwrap().to_bytes();
        let mut plain = String::new();
        flate2::read::GzDecoder::new(&packed[..]).read_to_string(&mut plain).unwrap();
        assert_eq!(serde_json::from_str::<serde_json::Value>(&plain).unwrap(), api::openapi::document());
        assert!(packed.len() * 5 < plain.len());
        let small = raw(&house, FRESHNESS, &[("accept-encoding", "gzip"), ("authorization", &bearer)]).await;
        assert!(!small.headers().contains_key("content-encoding"));
        let stream =
            raw(&house, "/v1/feeds/freshness", &[("accept-encoding", "gzip"), ("authorization", &bearer)]).await;
        assert_eq!(stream.status(), StatusCode::OK);
        assert!(!stream.headers().contains_key("content-encoding"), "events go out one by one");
    });
}

#[test]
fn a_head_without_end_is_refused() {
    run(async {
        let house = House::new();
        let server = Server::of(&house).await;
        let mut socket = tokio::net::TcpStream::connect(server.address).await.unwrap();
        let head = format!("GET /healthz HTTP/1.1\r\nHost: x\r\nX-Large: {}\r\n\r\n", "x".repeat(100_000));
        // The server may close before it has read everything.
        let _ = socket.write_all(head.as_bytes()).await;
        let mut answer = Vec::new();
        let _ = tokio::time::timeout(crate::wire::PATIENCE, socket.read_to_end(&mut answer)).await.unwrap();
        let answer = String::from_utf8_lossy(&answer);
        assert!(answer.starts_with("HTTP/1.1 431"), "{answer}");
        drop(house);
    });
}
