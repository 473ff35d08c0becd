//! Leaderboards: exact rank, score, neighbours and top places for each event, track, day and all time.

pub mod answer;
pub mod board;
pub mod fold;
mod leaf;
mod level;
pub mod ranking;

pub use answer::{Archived, BoardInfo, Neighbourhood, Place, Top};
pub use board::{Board, Input, Named, Reset};
pub use fold::Leaderboards;
pub use ranking::{Entry, Ranking};
