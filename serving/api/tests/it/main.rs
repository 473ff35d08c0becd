//! The API from outside: through the router, and over real sockets with Segment's own libraries.

mod house;
mod libraries;
mod reads;
mod tracking;
