//! The secret of an order: sent as a header, so that no log of addresses and no history of a browser holds it.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use records::{OrderId, OrganizationId, SecretHash};
use serde_json::json;

use crate::Api;
use crate::openapi::{Sketch, Takes};
use crate::problem::{Code, Problem};

/// The header.
const HEADER: &str = "order-secret";

/// What somebody shows who wants to see an order; empty when they show nothing.
pub(crate) struct OrderSecret(String);

impl FromRequestParts<Api> for OrderSecret {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &Api) -> Result<Self, Problem> {
        let shown = parts.headers.get(HEADER).and_then(|value| value.to_str().ok()).unwrap_or_default();
        Ok(Self(shown.to_owned()))
    }
}

impl OrderSecret {
    /// Refuses whoever does not have the secret of this order, as if there were no such order.
    pub(crate) fn opens(&self, api: &Api, seller: OrganizationId, order: OrderId) -> Result<(), Problem> {
        // Hashes are compared, so that how long it takes says nothing of the secret.
        if SecretHash::of(&api.order_secret(seller, order)) == SecretHash::of(&self.0) {
            return Ok(());
        }
        Err(Problem::new(Code::NotFound, "there is no such order, or the secret is another one's"))
    }
}

impl Takes for OrderSecret {
    fn describe(sketch: &mut Sketch<'_>) {
        sketch.header(
            "Order-Secret",
            "What the order's making told: shows the order to whoever has it.",
            json!({"type": "string", "minLength": 1}),
            true,
        );
        sketch.may(&[Code::NotFound]);
    }
}

impl Api {
    /// What shows an order to whoever has it: 128 bits of a function that only this installation can compute.
    pub(crate) fn order_secret(&self, seller: OrganizationId, order: OrderId) -> String {
        let half = |number: u8| self.subjects().token(seller, &format!("order {number}"), &order.to_string());
        format!("{}{}", half(0), half(1))
    }
}
