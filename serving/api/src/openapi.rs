//! The OpenAPI 3.1 document, made of the code: of what handlers take and give, and of one line for each route.
//!
//! A route is added to [`Routes`] together with its handler. The handler's own signature says the rest: each extractor
//! and each answer knows how to describe itself ([`Takes`], [`Gives`]), as schemas that are derived from the very types
//! that are read and written. So the document cannot tell anything else than the code does. (Peers that were looked at:
//! `utoipa` has one repeat parameters and answers in attributes; `aide` reads signatures as this does, but has one
//! schema for what is read and what is written.)
//!
//! A read that gets a parameter which the document does not name for it refuses it.

mod document;
mod inputs;
mod names;
mod operation;
mod routes;
mod shared;

pub use document::{document, text};
pub use operation::{Described, Gives, Sketch, Takes};
pub(crate) use routes::Entry;
pub use routes::Routes;
