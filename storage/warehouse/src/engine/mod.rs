//! The embedded engine: ClickHouse as a library, run in a child process that serves HTTP on loopback.

mod archive;
pub mod child;
mod config;
pub mod find;
pub mod install;
mod ping;
mod process;
pub mod release;
mod supervisor;

pub use process::StartError;
pub use supervisor::{Engine, EngineConfig, EngineState, EngineStatus};
