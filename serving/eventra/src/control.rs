//! The control socket: how the command line reaches a running process, and nobody else does.

pub(crate) mod client;
mod path;
pub(crate) mod protocol;
pub(crate) mod server;

pub(crate) use protocol::{Request, Simulation};
