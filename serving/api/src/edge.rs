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
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use tracing::Instrument as _;

use crate::{Api, conditional, guard};
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

/// What stands around all routes.
#[derive(Clone)]
struct Around {
    api: Api,
    numbers: Arc<headers::Numbers>,
    answers: Arc<guard::Answers>,
}

/// All that a request goes through on its way in and an answer on its way out, around these routes.
///
/// One function and not a layer for each part: every layer of axum is an allocation or two for each request, and more the
/// deeper they are nested.
pub(crate) fn around(routes: Router, api: &Api) -> Router {
    let numbers = Arc::new(headers::Numbers::new(api));
    let answers = Arc::new(guard::Answers::new(Arc::clone(&api.metrics)));
    let around = Around { api: api.clone(), numbers, answers };
    routes.layer(compress::layer()).layer(from_fn_with_state(around, pass))
}

async fn pass(State(around): State<Around>, mut request: Request, next: Next) -> Response {
    let Around { api, numbers, answers } = around;
    client::know(&api, &mut request);
    let dress = numbers.dress(&mut request);
    compress::mark(&mut request);
    let has = conditional::Has::read(&request);
    let span = dress.span();
    let answer = async {
        match cors::Asking::read(&api, &request) {
            cors::Asking::Preflight(response) => *response,
            asking => {
                let mut response = has.not_modified(next.run(request).await);
                asking.permit(&mut response);
                response
            }
        }
    };
    let mut response = answer.instrument(span).await;
    dress.put_on(response.headers_mut());
    answers.count(&response);
    response
}
