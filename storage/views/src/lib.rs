//! Live read models: one writer, many readers, every answer with the offset that it reflects.
//!
//! A view *is* the state of a dataflow operator: 256 hash bins that fold inputs in `pos` order. Sharing the state
//! instead of copying it halves the memory and makes an answer exactly as fresh as the fold.
//!
//! **Does not know:** timely, HTTP, ClickHouse, files. Time and chance are arguments.

mod arrivals;
pub mod as_of;
pub mod attendance;
pub mod audience;
pub mod campaigns;
pub mod codec;
mod digits;
pub mod feed;
pub mod fraud;
pub mod funnels;
pub mod laws;
pub mod leaderboards;
mod minute;
#[cfg(test)]
mod pinned;
pub mod points;
pub mod recommend;
pub mod revenue;
pub mod segments;
pub mod shards;
pub mod state;
pub mod trending;
pub mod visits;
pub mod windows;
