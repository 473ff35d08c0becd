//! One page: which one is asked for, and what is answered.

use std::collections::BTreeMap;
use std::ops::Bound;

use axum::extract::{FromRequestParts, Query};
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use schemars::{JsonSchema, json_schema};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::cursor;
use crate::openapi::{Gives, Sketch, Takes};
use crate::problem::{Code, Problem};

/// Rows of a page when not said.
pub const LIMIT_DEFAULT: usize = 50;
/// The most rows of a page.
pub const LIMIT_MAX: usize = 200;

/// Which page is asked for.
#[derive(Debug, Clone)]
pub struct Paging {
    limit: usize,
    cursor: Option<String>,
    list: blake3::Hash,
}

#[derive(Deserialize, JsonSchema)]
struct Asked {
    /// Rows of the page, 1 to 200; 50 by default.
    #[schemars(range(min = 1, max = 200))]
    limit: Option<usize>,
    /// The `next` of the page before; without it the first page.
    #[schemars(length(min = 1, max = 2_048))]
    cursor: Option<String>,
}

impl Paging {
    /// The first page of a list, for handlers that are called otherwise. `address` is the list's path with its filters.
    #[must_use]
    pub fn new(limit: usize, address: &str) -> Self {
        Self { limit: limit.clamp(1, LIMIT_MAX), cursor: None, list: cursor::list_of(address) }
    }

    /// How many rows are wanted.
    pub fn limit(&self) -> usize {
        self.limit
    }

    /// The key of the last row that the caller has; none for the first page.
    ///
    /// # Errors
    /// `cursor_wrong` when the cursor is of another list, or is none.
    pub fn after<K: DeserializeOwned>(&self) -> Result<Option<K>, Problem> {
        self.cursor.as_deref().map(|text| cursor::read(&self.list, text)).transpose()
    }

    /// What a page needs of a map by its key, copied so that nothing is held while rows are made of it.
    pub(crate) fn entries<K: Copy + Ord, V: Clone>(&self, after: Option<K>, map: &BTreeMap<K, V>) -> Vec<(K, V)> {
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        let rest = map.range((from, Bound::Unbounded));
        // One more than is shown says whether there is another page.
        rest.take(self.limit + 1).map(|(key, value)| (*key, value.clone())).collect()
    }

    /// The page: the first of the rows that are left, and the cursor of the next one when there are more. `key` is what
    /// [`Paging::after`] gives back.
    pub fn page<T, K: Serialize>(&self, rest: impl IntoIterator<Item = T>, key: impl Fn(&T) -> K) -> Page<T> {
        let mut rest = rest.into_iter();
        let data: Vec<T> = rest.by_ref().take(self.limit).collect();
        let more = rest.next().is_some();
        let next = data.last().filter(|_| more).map(|last| cursor::write(&self.list, &key(last)));
        Page { data, next }
    }
}

impl Paging {
    /// A page of a list that is looked through in parts: `next` is from where to go on, however many rows were found.
    pub(crate) fn until<T, K: Serialize>(&self, data: Vec<T>, next: Option<K>) -> Page<T> {
        Page { data, next: next.map(|key| cursor::write(&self.list, &key)) }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Paging {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let wrong = |detail: String| Problem::new(Code::ParameterWrong, detail);
        let Query(asked) = Query::<Asked>::try_from_uri(&parts.uri).map_err(|error| wrong(error.body_text()))?;
        let limit = asked.limit.unwrap_or(LIMIT_DEFAULT);
        if !(1..=LIMIT_MAX).contains(&limit) {
            return Err(wrong(format!("`limit` is 1 to {LIMIT_MAX}")));
        }
        let address = parts.uri.path_and_query().map_or("", |address| address.as_str());
        Ok(Self { limit, cursor: asked.cursor, list: cursor::list_of(address) })
    }
}

impl Takes for Paging {
    fn describe(sketch: &mut Sketch<'_>) {
        sketch.query::<Asked>();
        sketch.may(&[Code::CursorWrong]);
    }
}

/// A page of a list.
#[derive(Debug, Clone, Serialize)]
pub struct Page<T> {
    /// The rows.
    pub data: Vec<T>,
    /// The cursor of the next page; null on the last one.
    pub next: Option<String>,
}

impl<T: Serialize> IntoResponse for Page<T> {
    fn into_response(self) -> Response {
        crate::conditional::tagged(&self)
    }
}

impl<T: JsonSchema> Gives for Page<T> {
    fn describe(sketch: &mut Sketch<'_>) {
        let row = sketch.written::<T>();
        let schema = json_schema!({
            "type": "object",
            "properties": {
                "data": {"type": "array", "items": row, "maxItems": LIMIT_MAX},
                "next": {"type": ["string", "null"], "description": "The cursor of the next page; null on the last one."}
            },
            "required": ["data", "next"]
        });
        sketch.answers_as(200, "A page of the list.", "application/json", schema);
        crate::conditional::describe(sketch);
    }
}

/// One thing.
#[derive(Debug, Clone, Serialize)]
pub struct One<T> {
    /// The thing.
    pub data: T,
}

impl<T: Serialize> IntoResponse for One<T> {
    fn into_response(self) -> Response {
        crate::conditional::tagged(&self)
    }
}

impl<T: JsonSchema> Gives for One<T> {
    fn describe(sketch: &mut Sketch<'_>) {
        let data = sketch.written::<T>();
        let schema = json_schema!({"type": "object", "properties": {"data": data}, "required": ["data"]});
        sketch.answers_as(200, "The thing.", "application/json", schema);
        crate::conditional::describe(sketch);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn asked(address: &str) -> Result<Paging, Code> {
        let (mut parts, ()) = axum::http::Request::get(address).body(()).unwrap().into_parts();
        Paging::from_request_parts(&mut parts, &()).await.map_err(|problem| problem.code)
    }

    #[tokio::test]
    async fn pages_follow_each_other_without_gap_whatever_comes_between() {
        let mut rows: Vec<u32> = (0..10).map(|n| n * 10).collect();
        let mut seen = Vec::new();
        let mut cursor = String::new();
        loop {
            let paging = asked(&format!("/v1/things?sort=id&limit=3{cursor}")).await.unwrap();
            let after: Option<u32> = paging.after().unwrap();
            let page =
                paging.page(rows.iter().copied().filter(|row| after.is_none_or(|after| *row > after)), |row| *row);
            seen.extend(page.data);
            // Meanwhile one goes that was seen, and one comes at the end.
            rows.remove(0);
            rows.push(rows.last().unwrap() + 10);
            let Some(next) = page.next else { break };
            cursor = format!("&cursor={next}");
        }
        assert!(seen.windows(2).all(|two| two[0] + 10 == two[1]), "{seen:?}");
        // Ten at first and four that came before the last page was asked for.
        assert_eq!((seen.first(), seen.last()), (Some(&0), Some(&130)), "{seen:?}");
    }

    #[tokio::test]
    async fn a_wrong_limit_or_cursor_is_refused() {
        for wrong in ["/v1/things?limit=0", "/v1/things?limit=201", "/v1/things?limit=many", "/v1/things?limit=-1"] {
            assert_eq!(asked(wrong).await.unwrap_err(), Code::ParameterWrong, "{wrong}");
        }
        let page = asked("/v1/things?limit=1&kind=a").await.unwrap().page([1, 2], |row| *row);
        let next = page.next.unwrap();
        let other = asked(&format!("/v1/things?limit=1&kind=b&cursor={next}")).await.unwrap();
        assert_eq!(other.after::<u32>().unwrap_err().code, Code::CursorWrong);
        let same = asked(&format!("/v1/things?kind=a&cursor={next}&limit=9")).await.unwrap();
        assert_eq!(same.after::<u32>().unwrap(), Some(1));
    }
}
