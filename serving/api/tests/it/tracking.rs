//! What comes in: keys, formats, sizes, refusals.

use std::io::Write as _;

use axum::http::{Method, StatusCode, header};
use eventlog::MemoryOptions;
use records::Kind;
use serde_json::{Value, json};

use crate::house::{House, OTHER, READ, WRITE, request, run};

fn joined(id: &str) -> Value {
    json!({"type": "track", "userId": "u-1", "messageId": id, "event": "session_joined", "properties": {"session": "talk-12"}})
}

#[test]
fn every_way_of_sending_a_key_works() {
    run(async {
        let house = House::new();
        let basic = format!(
            "Basic {}",
            base64::Engine::encode(&base64::engine::general_purpose::STANDARD, format!("{WRITE}:"))
        );
        for (headers, body) in [
            (vec![("authorization", basic.as_str())], joined("m-1")),
            (vec![("authorization", "Bearer a-write-key-of-acme")], joined("m-2")),
            (vec![], {
                let mut body = joined("m-3");
                body["writeKey"] = WRITE.into();
                body
            }),
        ] {
            let answer = house.send(request(Method::POST, "/v1/track", &headers, body.to_string())).await;
            assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
            assert_eq!((answer.body["success"].as_bool(), answer.body["taken"].as_u64()), (Some(true), Some(1)));
        }
        let records = house.records();
        assert_eq!(records.len(), 3);
        assert!(
            records
                .iter()
                .all(|record| record.kind == Kind::SessionJoined && record.organization == crate::house::acme())
        );
    });
}

#[test]
fn without_a_right_key_nothing_is_taken() {
    run(async {
        let house = House::new();
        let check = async |headers: &[(&str, &str)], status: StatusCode, code: &str| {
            let answer = house.send(request(Method::POST, "/v1/track", headers, joined("m").to_string())).await;
            assert_eq!((answer.status, answer.body["code"].as_str()), (status, Some(code)), "{answer:?}");
            assert_eq!(answer.headers[header::CONTENT_TYPE], "application/problem+json");
            assert!(answer.body["mend"].as_str().is_some_and(|mend| mend.len() > 10));
        };
        check(&[], StatusCode::UNAUTHORIZED, "key_missing").await;
        check(&[("authorization", "Bearer nobody's")], StatusCode::UNAUTHORIZED, "key_unknown").await;
        check(&[("authorization", "Bearer a-read-key-of-acme")], StatusCode::FORBIDDEN, "scope_missing").await;
        check(&[("authorization", "Digest x")], StatusCode::UNAUTHORIZED, "key_unknown").await;
        assert_eq!(house.records().len(), 0);
    });
}

#[test]
fn a_batch_keeps_good_messages_and_names_bad_fields() {
    run(async {
        let house = House::new();
        let bad = json!({"type": "track", "userId": "u", "messageId": "b", "event": "order_reported",
            "properties": {"order": "A-1", "amount_minor": "much"}});
        let answer = house.post(WRITE, "/v1/batch", &json!({"batch": [joined("m-1"), bad, joined("m-1")]})).await;
        assert_eq!(answer.status, StatusCode::OK);
        assert_eq!((answer.body["taken"].as_u64(), answer.body["dead"].as_u64()), (Some(1), Some(1)), "{answer:?}");
        assert_eq!(answer.body["duplicates"], 1);
        assert!(
            answer.body["errors"][0]["errors"][0]["field"].as_str().is_some_and(|field| field.contains("amount_minor"))
        );
        let again = house.post(WRITE, "/v1/batch", &json!({"batch": [joined("m-1")]})).await;
        assert_eq!(again.body["duplicates"], 1, "a retry is safe");
        let kinds: Vec<Kind> = house.records().iter().map(|record| record.kind).collect();
        assert_eq!(kinds.iter().filter(|kind| **kind == Kind::SessionJoined).count(), 1);
        assert_eq!(kinds.iter().filter(|kind| **kind == Kind::DeadLettered).count(), 1);
    });
}

#[test]
fn each_segment_call_has_its_route() {
    run(async {
        let house = House::new();
        for (call, body) in [
            ("track", json!({"userId": "u", "event": "Signed Up"})),
            ("identify", json!({"userId": "u", "anonymousId": "a", "traits": {"email": "u@example.org"}})),
            ("page", json!({"anonymousId": "a", "name": "Home"})),
            ("screen", json!({"anonymousId": "a", "name": "Home"})),
            ("group", json!({"userId": "u", "groupId": "g"})),
            ("alias", json!({"userId": "u", "previousId": "a"})),
        ] {
            let answer = house.post(WRITE, &format!("/v1/{call}"), &body).await;
            assert_eq!((answer.status, answer.body["taken"].as_u64()), (StatusCode::OK, Some(1)), "{call}: {answer:?}");
        }
        let house_bytes = format!("{:?}", house.records());
        assert!(!house_bytes.contains("example.org"), "personal fields are sealed");
    });
}

#[test]
fn cloud_events_come_in_all_three_modes() {
    run(async {
        let house = House::new();
        let event = |id: &str| {
            json!({"specversion": "1.0", "id": id, "source": "/scanner", "type": "session_joined",
            "subject": "u-1", "data": {"userId": "u-1", "session": "talk-12"}})
        };
        let bearer = ("authorization", "Bearer a-write-key-of-acme");
        let structured = [bearer, ("content-type", "application/cloudevents+json")];
        let batched = [bearer, ("content-type", "application/cloudevents-batch+json")];
        let binary = [
            bearer,
            ("content-type", "application/json"),
            ("ce-specversion", "1.0"),
            ("ce-id", "e-4"),
            ("ce-source", "/scanner"),
            ("ce-type", "session_joined"),
            ("ce-subject", "u-1"),
        ];
        for (headers, body, count) in [
            (&structured[..], event("e-1"), 1),
            (&batched, json!([event("e-2"), event("e-3")]), 2),
            (&binary, json!({"userId": "u-1", "session": "talk-12"}), 1),
        ] {
            let answer = house.send(request(Method::POST, "/v1/events", headers, body.to_string())).await;
            assert_eq!((answer.status, answer.body["taken"].as_u64()), (StatusCode::OK, Some(count)), "{answer:?}");
        }
        let plain = house.post(WRITE, "/v1/events", &event("e-5")).await;
        assert_eq!(
            (plain.status, plain.body["code"].as_str()),
            (StatusCode::UNSUPPORTED_MEDIA_TYPE, Some("type_unknown"))
        );
        assert_eq!(house.records().len(), 4);
    });
}

#[test]
fn uploads_may_be_compressed_and_are_bounded() {
    run(async {
        let house = House::new();
        let line =
            |n| json!({"kind": "session_joined", "message": format!("m-{n}"), "actor": "u-1", "session": "talk-12"});
        let lines: String = (0..100).map(|n| format!("{}\n", line(n))).collect();
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gzip.write_all(lines.as_bytes()).unwrap();
        let headers = [
            ("authorization", "Bearer a-write-key-of-acme"),
            ("content-type", "application/x-ndjson"),
            ("content-encoding", "gzip"),
        ];
        let answer = house.send(request(Method::POST, "/v1/import", &headers, gzip.finish().unwrap())).await;
        assert_eq!((answer.status, answer.body["taken"].as_u64()), (StatusCode::OK, Some(100)), "{answer:?}");

        let headers = [("authorization", "Bearer a-write-key-of-acme"), ("content-encoding", "br")];
        let answer = house.send(request(Method::POST, "/v1/track", &headers, joined("x").to_string())).await;
        assert_eq!(answer.status, StatusCode::UNSUPPORTED_MEDIA_TYPE);

        let large = "x".repeat(api::limits::TRACK_BYTES_MAX + 1);
        let answer = house.send(request(Method::POST, "/v1/track", &headers[..1], large)).await;
        assert_eq!(
            (answer.status, answer.body["code"].as_str()),
            (StatusCode::PAYLOAD_TOO_LARGE, Some("body_too_large"))
        );

        // Small on the line, large in memory.
        let mut bomb = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        bomb.write_all(&vec![b' '; 8 << 20]).unwrap();
        let headers = [("authorization", "Bearer a-write-key-of-acme"), ("content-encoding", "gzip")];
        let answer = house.send(request(Method::POST, "/v1/batch", &headers, bomb.finish().unwrap())).await;
        assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE, "{answer:?}");
        assert_eq!(house.records().len(), 100);
    });
}

#[test]
fn unreadable_bodies_and_unknown_routes_are_problems_with_a_code() {
    run(async {
        let house = House::new();
        let headers = [("authorization", "Bearer a-write-key-of-acme")];
        let answer = house.send(request(Method::POST, "/v1/batch", &headers, "{not json")).await;
        assert_eq!((answer.status, answer.body["code"].as_str()), (StatusCode::BAD_REQUEST, Some("body_unreadable")));
        let answer = house.get(READ, "/v2/nothing").await;
        assert_eq!((answer.status, answer.body["code"].as_str()), (StatusCode::NOT_FOUND, Some("route_unknown")));
        let answer = house.get(WRITE, "/v1/track").await;
        assert_eq!(
            (answer.status, answer.body["code"].as_str()),
            (StatusCode::METHOD_NOT_ALLOWED, Some("method_unknown"))
        );
    });
}

#[test]
fn a_full_log_says_when_to_come_back() {
    run(async {
        let house = House::with(MemoryOptions { max_bytes: 1, ..MemoryOptions::default() });
        let mut last = None;
        for n in 0..3 {
            last = Some(house.post(WRITE, "/v1/track", &joined(&format!("m-{n}"))).await);
        }
        let answer = last.unwrap();
        assert_eq!(
            (answer.status, answer.body["code"].as_str()),
            (StatusCode::SERVICE_UNAVAILABLE, Some("log_refuses")),
            "{answer:?}"
        );
        assert_eq!(answer.headers[header::RETRY_AFTER], "30");
    });
}

#[test]
fn pages_of_other_origins_may_send_but_not_read() {
    run(async {
        let house = House::new();
        let answer = house.send(request(Method::OPTIONS, "/v1/track", &[("origin", "https://shop.example")], "")).await;
        assert_eq!(answer.status, StatusCode::NO_CONTENT);
        assert_eq!(answer.headers[header::ACCESS_CONTROL_ALLOW_ORIGIN], "*");
        let answer = house.get(READ, "/v1/views/leaderboards").await;
        assert!(!answer.headers.contains_key(header::ACCESS_CONTROL_ALLOW_ORIGIN));
    });
}

#[test]
fn records_belong_to_the_keys_organization_whatever_the_body_says() {
    run(async {
        let house = House::new();
        let mut body = joined("m-1");
        body["properties"]["organization"] = "acme".into();
        body["organization"] = "acme".into();
        house.post(OTHER, "/v1/track", &body).await;
        assert_eq!(house.records()[0].organization.to_string(), "other");
    });
}

#[test]
fn health_needs_no_key_and_metrics_count() {
    run(async {
        let house = House::new();
        house.post(WRITE, "/v1/track", &joined("m-1")).await;
        assert_eq!(house.send(request(Method::GET, "/healthz", &[], "")).await.status, StatusCode::OK);
        assert_eq!(house.send(request(Method::GET, "/readyz", &[], "")).await.status, StatusCode::OK);
        let metrics = house.send(request(Method::GET, "/metrics", &[], "")).await;
        let text = metrics.body.as_str().unwrap();
        assert!(text.contains(r#"eventra_http_requests_total{route="/v1/track",status="200"} 1"#), "{text}");
        let far = axum::extract::ConnectInfo(std::net::SocketAddr::from(([10, 0, 0, 7], 1)));
        let mut request = request(Method::GET, "/metrics", &[], "");
        request.extensions_mut().insert(far);
        assert_eq!(house.send(request).await.body["code"], "loopback_only");
    });
}
