//! HTTP for clients: tracking in, views out, live feeds, health and metrics.
//!
//! Routes: see [`routes`]. Every answer of a view says what part of the log it reflects; every refusal is
//! `application/problem+json` with a stable code ([`problem::Code`]).
//!
//! **Does not know:** timely, the kind of log, ClickHouse, the command line. It hands bodies to the front door
//! (`collect`), asks views through readers, and learns who may do what from facts. It reads no clock.
//!
//! ```
//! use api::problem::{Code, Problem};
//! use axum::response::IntoResponse;
//!
//! let refusal = Problem::new(Code::LogBusy, "the activity queue is full").retry_after(1).into_response();
//! assert_eq!(refusal.status(), 429);
//! ```

pub mod accounts;
pub mod answer;
pub mod auth;
pub mod booking;
pub mod books;
pub mod callers;
pub mod conditional;
pub mod edge;
mod feeds;
#[doc(hidden)]
pub mod fuzzed;
pub mod guard;
pub mod health;
pub mod limits;
pub mod lists;
pub mod metrics;
pub mod openapi;
mod pages;
mod paper;
pub mod problem;
pub mod programme;
pub mod reads;
pub mod routes;
pub mod server;
pub mod sql;
pub mod system;
pub mod tls;
mod tracking;
pub mod trail;
pub mod webhooks;
pub mod writes;

use std::sync::Arc;

use records::fact::CommandTag;
use rules::domains;
use serde::Serialize;
use views::as_of::AsOf;

/// Whether answers are current.
#[derive(Debug, Clone, Default, Serialize, schemars::JsonSchema)]
pub struct Readiness {
    /// Whether the views have caught up, and nothing has failed since.
    pub ready: bool,
    /// What is missing, for people; empty when ready.
    pub detail: String,
    /// What the views reflect.
    pub as_of: AsOf,
}

/// How a command comes to the desk.
pub type Decides =
    dyn Fn(Option<CommandTag>, domains::Command) -> Option<desk::Pending<domains::Refusal>> + Send + Sync;

/// Fills bytes by chance.
pub type Draws = dyn Fn(&mut [u8]) + Send + Sync;

/// Everything that routes need, behind one pointer.
#[derive(Clone)]
pub struct Api(Arc<Parts>);

/// What the binary hands over.
pub struct Parts {
    /// Who is asking.
    pub callers: Arc<callers::Callers>,
    /// Who did what.
    pub trail: Arc<trail::Trail>,
    /// Box offices.
    pub booking: Arc<booking::Offices>,
    /// Webhooks.
    pub hooks: Arc<webhooks::Hooks>,
    /// Whether webhooks may go to private addresses, and without TLS.
    pub webhooks_private: bool,
    /// The log, for what became of an order.
    pub log: Arc<dyn eventlog::EventLog>,
    /// Whether payments of the test provider are taken.
    pub test_payments: bool,
    /// Where payment providers are.
    pub payments: booking::payments::Options,
    /// How the process is, and dead letters.
    pub operations: system::Operations,
    /// What is chosen about accounts.
    pub accounts: accounts::Options,
    /// The front door.
    pub door: Arc<collect::Door>,
    /// Has a command decided, once for each tag; none while the process ends.
    pub desk: Box<Decides>,
    /// Draws what nobody can guess.
    pub chance: Box<Draws>,
    /// The way to the warehouse; none when there is none.
    pub sql: Option<sql::Sql>,
    /// When requests arrive.
    pub clock: Arc<dyn eventlog::clock::Clock>,
    /// The readers of the views as they are now.
    pub views: Box<dyn Fn() -> reads::Views + Send + Sync>,
    /// What the facts say so far: the definitions of funnels.
    pub rules: Arc<std::sync::RwLock<rules::Rulebook>>,
    /// Whether answers are current.
    pub readiness: Box<dyn Fn() -> Readiness + Send + Sync>,
    /// Held for writing while somebody compares figures at one place of the log: tracking waits meanwhile.
    pub intake: Arc<tokio::sync::RwLock<()>>,
    /// Counters and gauges.
    pub metrics: Arc<metrics::Registry>,
    /// The bounds of live feeds.
    pub feeds: limits::Feeds,
    /// Who is at the other end, how often they may ask, which pages may read.
    pub edge: edge::Edge,
    /// Whether `/metrics` answers callers that are not on this machine.
    pub metrics_public: bool,
}

impl From<Parts> for Api {
    fn from(parts: Parts) -> Self {
        Self(Arc::new(parts))
    }
}

impl std::ops::Deref for Api {
    type Target = Parts;
    fn deref(&self) -> &Parts {
        &self.0
    }
}
