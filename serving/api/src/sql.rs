//! Questions to the warehouse: `/v1/organizations/{organization}/sql`.
//!
//! The crate knows that there are questions with rows as answers, and nobody whom they are put to: the binary hands over
//! [`Sql`]. Who may ask is decided here ([`rules::access::Act::RunSql`]); that an answer holds only the organization's rows
//! is the warehouse's part.

mod answer;
mod ask;
mod caller;

pub use answer::{Column, File, Landed, Refusal, Reply, Rows, Shown, Statistics};
pub use ask::{Format, Question};
pub use caller::STATEMENT;

use futures_util::future::BoxFuture;

use crate::openapi::Routes;
use crate::problem::Code;

/// Puts a question.
pub type Asks = dyn Fn(Question) -> BoxFuture<'static, Result<Reply, Refusal>> + Send + Sync;

/// Ends a question of an asker by its id; answers whether it ran.
pub type Cancels = dyn Fn(String, String) -> BoxFuture<'static, Result<bool, Refusal>> + Send + Sync;

/// The way to the warehouse.
pub struct Sql {
    /// Puts a question.
    pub ask: Box<Asks>,
    /// Ends one.
    pub cancel: Box<Cancels>,
    /// What can be asked about: tables and views with their columns.
    pub tables: Box<dyn Fn() -> Vec<Shown> + Send + Sync>,
}

/// What any of the routes may refuse with.
const REFUSALS: &[Code] =
    &[Code::SqlRefused, Code::SqlLimit, Code::SqlBusy, Code::SqlCancelled, Code::SqlUnavailable, Code::NotFound];

/// The routes.
pub(crate) fn routes() -> Routes {
    Routes::new()
        .post("/v1/organizations/{organization}/sql", "Asks the warehouse", ask::ask)
        .may(REFUSALS)
        .with(|operation| {
            operation.text(
                "A read, although it is sent by POST: the same question twice is two questions. Rows come in the order in \
                 which the statement gives them. 64-bit integers are text, since JavaScript's numbers are too short for them.",
            );
            ask::describe_files(operation);
        })
        .get("/v1/organizations/{organization}/sql/schema", "Tables and views that questions are about", ask::schema)
        .may(&[Code::SqlUnavailable])
        .delete("/v1/organizations/{organization}/sql/{query_id}", "Cancels an own question", ask::cancel)
        .may(REFUSALS)
}

/// Reads what is sent. For the fuzzer.
pub(crate) fn read_question(bytes: &[u8]) {
    ask::read(bytes);
}
