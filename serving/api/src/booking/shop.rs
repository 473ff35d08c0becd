//! What buyers do: look, fill a cart, order, pay, pass a ticket on, wait. Nobody signs in; an order has a secret.

/// The routes of buyers begin with this.
macro_rules! at {
    ($rest:literal) => {
        concat!("/v1/shop/{seller}/{event}", $rest)
    };
}

mod holds;
mod offer;
pub(super) mod orders;
mod own;
mod waiting;

use records::{EventId, OrderId, OrganizationId};

use crate::openapi::Routes;
use crate::reads::extract::Id;

type At = (OrganizationId, EventId);
type Where = (Id<OrganizationId>, Id<EventId>);
type WithinOrder<T> = (Id<OrganizationId>, Id<EventId>, Id<OrderId>, Id<T>);

pub(super) fn routes() -> Routes {
    offer::routes().merge(holds::routes()).merge(orders::routes()).merge(own::routes()).merge(waiting::routes())
}

/// Reads what buyers send, for the fuzz target.
pub(super) fn read_bodies(bytes: &[u8]) {
    holds::read_body(bytes);
    orders::read_bodies(bytes);
    waiting::read_body(bytes);
}
