//! The foundation of writes: the same write has the same tag, another one another, and nothing can be guessed from it.

use api::openapi::Routes;
use api::problem::Problem;
use api::writes::{Idempotent, Made, Offset, Written};
use axum::Router;
use axum::http::{Method, StatusCode};
use http_body_util::BodyExt as _;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tower::ServiceExt as _;

use crate::house::{House, request, run};

#[derive(Deserialize, JsonSchema)]
struct Wish {
    title: String,
}

#[derive(Serialize, JsonSchema)]
struct Thing {
    id: String,
    title: String,
    hash: String,
}

async fn make(write: Idempotent<Wish>) -> Result<Made<Thing>, Problem> {
    let tag = write.tag("acme/page");
    assert_ne!(tag, write.tag("acme/other"), "another caller's write is another one");
    let thing = Thing { id: write.id().to_string(), hash: format!("{:016x}", tag.hash), title: write.body.title };
    Ok(Made(Written { data: thing, offset: Some(Offset { partition: 3, offset: 1811 }) }))
}

async fn send(router: &Router, key: Option<&str>, body: &Value) -> (StatusCode, Value) {
    let mut headers = vec![("content-type", "application/json")];
    headers.extend(key.map(|key| ("idempotency-key", key)));
    let response =
        router.clone().oneshot(request(Method::POST, "/v1/things", &headers, body.to_string())).await.unwrap();
    let status = response.status();
    let bytes = response.into_body().collect().await.unwrap().to_bytes();
    (status, serde_json::from_slice(&bytes).unwrap())
}

fn router(house: &House) -> Router {
    let made = |router: Router<api::Api>| router.with_state::<()>(house.api.clone());
    Routes::new().post("/v1/things", "A new thing", make).map(made).into_router()
}

#[test]
fn the_same_write_is_known_again_and_another_one_is_not() {
    let house = House::new();
    let router = router(&house);
    run(async {
        let wish = json!({"title": "a"});
        let (status, first) = send(&router, Some("thing-1"), &wish).await;
        assert_eq!(
            (status, first["data"]["id"].as_str(), first["offset"].as_str()),
            (StatusCode::CREATED, Some("thing-1"), Some("f3/1811"))
        );
        assert_eq!(send(&router, Some("thing-1"), &wish).await.1, first);
        let (_, other) = send(&router, Some("thing-1"), &json!({"title": "b"})).await;
        assert_ne!(other["data"]["hash"], first["data"]["hash"]);
        let uuid = "0193480f-5c00-7abc-8def-0123456789ab";
        assert_eq!(send(&router, Some(uuid), &wish).await.1["data"]["id"], uuid);
        // Without a key each is another one.
        let (one, two) = (send(&router, None, &wish).await.1, send(&router, None, &wish).await.1);
        assert_ne!(one["data"]["id"], two["data"]["id"]);
    });
    // Another installation has another secret: a hash in a log tells nothing about a password in a body.
    let wish = json!({"title": "a"});
    let elsewhere = House::seeded(8);
    let (here, there) = (run(send(&router, Some("x"), &wish)), run(send(&self::router(&elsewhere), Some("x"), &wish)));
    assert_ne!(here.1["data"]["hash"], there.1["data"]["hash"]);
}

#[test]
fn what_cannot_be_read_is_refused_by_field() {
    let house = House::new();
    let router = router(&house);
    run(async {
        let (status, wrong) = send(&router, None, &json!({"title": 7})).await;
        assert_eq!(
            (status, wrong["code"].as_str(), wrong["fields"][0]["field"].as_str()),
            (StatusCode::BAD_REQUEST, Some("fields_wrong"), Some("title"))
        );
        let (status, wrong) = send(&router, Some("two words"), &json!({"title": "a"})).await;
        assert_eq!((status, wrong["code"].as_str()), (StatusCode::BAD_REQUEST, Some("idempotency_key_wrong")));
        let (status, large) = send(&router, None, &json!({"title": "x".repeat(2 << 20)})).await;
        assert_eq!((status, large["code"].as_str()), (StatusCode::PAYLOAD_TOO_LARGE, Some("body_too_large")));
    });
}
