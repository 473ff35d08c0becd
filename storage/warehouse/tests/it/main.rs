//! The warehouse against the real engine: nothing here is mocked.

mod engine;
mod landing;
mod schema;
mod support;
