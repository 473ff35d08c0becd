//! What stands between the network and the routes: who is at the other end, how often they may ask, which pages may read
//! answers, and what every answer carries.
//!
//! From outside to inside: [`headers`] (request id, security headers), [`cors`], [`compress`], then the bounds of each group
//! of routes and [`rates`]. Health is behind the first three only.

pub mod client;
pub mod compress;
pub mod cors;
pub mod headers;
pub mod rates;

use std::sync::Arc;

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

/// All that an answer goes through on its way out, around these routes.
pub(crate) fn around(routes: axum::Router, api: &crate::Api) -> axum::Router {
    use axum::middleware::{from_fn, from_fn_with_state};
    routes
        .layer(from_fn(crate::conditional::not_modified))
        .layer(compress::layer())
        .layer(from_fn(compress::mark))
        .layer(from_fn_with_state(api.clone(), cors::cross_origin))
        .layer(from_fn_with_state(Arc::new(headers::Numbers::new(api)), headers::dress))
        .layer(from_fn_with_state(api.clone(), client::know))
}
