//! What every write has in common: it is done once however often it is sent, and its answer says where it stands in
//! the log.
//!
//! A handler takes [`Idempotent`] and answers [`Written`] or [`Made`]:
//!
//! ```
//! use api::openapi::Routes;
//! use api::problem::Problem;
//! use api::writes::{Idempotent, Made, Offset, Written};
//! use schemars::JsonSchema;
//! use serde::{Deserialize, Serialize};
//!
//! #[derive(Deserialize, JsonSchema)]
//! struct Wish {
//!     title: String,
//! }
//! #[derive(Serialize, JsonSchema)]
//! struct Thing {
//!     id: String,
//!     title: String,
//! }
//!
//! async fn make(write: Idempotent<Wish>) -> Result<Made<Thing>, Problem> {
//!     // `tag` goes to the desk with the command; what is made has its id.
//!     let tag = write.tag("acme/page");
//!     let thing = Thing { id: tag.id.to_string(), title: write.body.title };
//!     Ok(Made(Written { data: thing, offset: Some(Offset { partition: 3, offset: 1811 }) }))
//! }
//! let routes: Routes = Routes::new().post("/v1/things", "A new thing", make);
//! # drop(routes);
//! ```

mod idempotent;
mod written;

pub use idempotent::Idempotent;
pub(crate) use idempotent::{parse, read};
pub use written::{Made, OFFSET_HEADER, Offset, Written};
