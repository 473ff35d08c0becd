//! Who has an answer already is told so.

use axum::http::{Method, StatusCode};

use crate::house::{House, NOW, READ, request, run};
use crate::reads::{award, board};

#[test]
fn an_answer_that_the_caller_has_is_not_sent_again() {
    let mut house = House::new();
    award(&mut house, 1, board(), records::Token(5), 30);
    house.complete(1, NOW);
    let path = "/v1/views/leaderboards/points";
    let bearer = format!("Bearer {READ}");
    run(async {
        let first = house.get(READ, path).await;
        let tag = first.headers["etag"].to_str().unwrap().to_owned();
        let headers = |tag: &str| {
            vec![("authorization".to_owned(), bearer.clone()), ("if-none-match".to_owned(), tag.to_owned())]
        };
        let ask = async |tag: &str| {
            let headers = headers(tag);
            let headers: Vec<(&str, &str)> =
                headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
            house.send(request(Method::GET, path, &headers, "")).await
        };
        let again = ask(&tag).await;
        assert_eq!((again.status, again.body.as_str()), (StatusCode::NOT_MODIFIED, Some("")), "{again:?}");
        assert_eq!(again.headers["etag"].to_str().unwrap(), tag);
        assert_eq!(ask("\"another\"").await.status, StatusCode::OK);
        let document = house.get(READ, "/v1/openapi.json").await;
        assert!(document.headers.contains_key("etag"));
    });
    award(&mut house, 2, board(), records::Token(6), 40);
    house.complete(2, NOW);
    let (first, bearer) = (run(house.get(READ, path)), format!("Bearer {READ}"));
    let headers = [("authorization", bearer.as_str()), ("if-none-match", "*")];
    let any = run(house.send(request(Method::GET, path, &headers, "")));
    assert_eq!((first.status, any.status), (StatusCode::OK, StatusCode::NOT_MODIFIED));
}
