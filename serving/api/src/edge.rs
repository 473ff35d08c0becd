//! What stands between the network and the routes: who is at the other end, how often they may ask, which pages may read
//! answers, and what every answer carries.
//!
//! From outside to inside: [`client`], [`headers`] (request id, security headers), [`cors`], [`compress`], then [`rates`] and the
//! bounds of each group of routes. Health is not counted and not bounded.

pub mod client;
pub mod compress;
pub mod cors;
pub mod headers;
pub mod rates;

use std::sync::Arc;

use axum::Router;
use axum::extract::{MatchedPath, Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use tower::ServiceBuilder;
use tracing::Instrument as _;

use crate::accounts::notes;
use crate::guard::{self, Bounds};
use crate::{Api, conditional};
use client::Proxies;
use rates::Rates;

/// The settings of the edge.
#[derive(Debug, Default)]
pub struct Edge {
    /// How often callers may ask.
    pub rates: Rates,
    /// Whose word about the other end is taken.
    pub proxies: Proxies,
}

/// What stands around all routes, one for the process.
#[derive(Clone)]
pub(crate) struct Edges {
    api: Api,
    numbers: Arc<headers::Numbers>,
    answers: Arc<guard::Answers>,
}

/// What stands around a group of routes.
struct Around {
    edges: Edges,
    /// None for what a full server must answer, too.
    bounds: Option<Bounds>,
}

impl Edges {
    pub(crate) fn new(api: &Api) -> Self {
        let numbers = Arc::new(headers::Numbers::new(api));
        let answers = Arc::new(guard::Answers::new(Arc::clone(&api.metrics)));
        Self { api: api.clone(), numbers, answers }
    }

    /// All that a request goes through on its way in and an answer on its way out, around these routes and their fallbacks.
    ///
    /// One function and not a layer for each part: every layer of axum copies all that are inside it for each request.
    pub(crate) fn around(&self, routes: Router<Api>, bounds: Option<Bounds>) -> Router<Api> {
        let around = Arc::new(Around { edges: self.clone(), bounds });
        let layers = ServiceBuilder::new().layer(from_fn_with_state(around, pass)).layer(compress::layer());
        routes.layer(layers)
    }
}

async fn pass(State(around): State<Arc<Around>>, mut request: Request, next: Next) -> Response {
    let Around { edges: Edges { api, numbers, answers }, bounds } = &*around;
    client::know(api, &mut request);
    let dress = numbers.dress(&mut request);
    compress::mark(&mut request);
    let has = conditional::Has::read(&request);
    let matched = request.extensions().get::<MatchedPath>().cloned();
    let span = dress.span();
    let answer = async {
        match cors::Asking::read(api, &request) {
            cors::Asking::Preflight(response) => (None, *response),
            asking => {
                let route = matched.as_ref().map(MatchedPath::as_str);
                let response = match bounds {
                    Some(bounds) => guard::count_and_bound(api, bounds, request, next).await,
                    None => next.run(request).await,
                };
                notes::refusals(api, route, &response);
                let mut response = has.not_modified(response);
                asking.permit(&mut response);
                (route, response)
            }
        }
    };
    let (route, mut response) = answer.instrument(span).await;
    dress.put_on(response.headers_mut());
    answers.count(route, &response);
    response
}
