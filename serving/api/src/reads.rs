//! Reads.

use axum::Router;

use crate::Api;

/// The routes of views.
pub(crate) fn routes() -> Router<Api> {
    Router::new()
}
