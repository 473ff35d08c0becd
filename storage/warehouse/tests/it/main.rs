//! The warehouse against the real engine: nothing here is mocked.
#![expect(clippy::unwrap_used, reason = "helpers of tests are tests too")]

mod analysts;
mod bookings;
mod delivery;
mod engine;
mod erasure;
mod fills;
mod landing;
mod schema;
mod shell;
mod support;
mod turnstiles;
