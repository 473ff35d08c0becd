//! The outbox: landing epochs of the views, durable until the warehouse has them; and the filling of tables with history.

mod carry;
mod deliver;
mod entry;
mod fill;
mod intake;
mod merge;
mod plan;
mod queue;
#[cfg(test)]
mod tests;

pub use carry::{Ready, land};
pub use deliver::deliver;
pub use entry::{Part, Unsent};
pub use intake::{Answer, Filling, Intake, IntakeError, Queue, Source};
pub use plan::PlanError;
pub use queue::{Outbox, OutboxConfig, OutboxError, OutboxStatus, Put};
