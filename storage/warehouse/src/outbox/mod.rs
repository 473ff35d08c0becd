//! The outbox: landing epochs of the views, durable until the warehouse has them.

mod deliver;
mod entry;
mod merge;
mod queue;
#[cfg(test)]
mod tests;

pub use deliver::deliver;
pub use entry::{Part, Unsent};
pub use queue::{Outbox, OutboxConfig, OutboxError, OutboxStatus, Put};
