//! Parsers: bytes in, drafts or letters out. Each takes bytes from outside and must answer any of them.

pub mod cloudevents;
pub mod commerce;
pub mod flat;
pub mod ndjson;
mod personal;
mod properties;
pub mod segment;
mod stamps;

pub(crate) use personal::holds_address;
