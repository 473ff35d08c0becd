//! Fraud: velocity signals of accounts, devices, cards and addresses, and the scores that rules make of them.
//!
//! Two operators. [`Signals`] has a bin for each entity; it answers with numbers. [`Scores`] has a bin for each
//! organization; it puts a record's numbers together, keeps the rings of connected accounts, and asks the rules.
//!
//! **Time.** Windows run by event time, on a clock of each entity's own that moves forward only: the latest event time
//! that the entity has shown. Live records show the present; a replay of old data shows that data's time; a late record
//! counts where it belongs as long as a window holds that place, and is scored on the signals as they stand when the
//! log takes it.

mod assess;
mod rings;
mod scores;
mod signals;
#[cfg(test)]
mod tests;
pub(crate) mod trail;

pub use assess::{Assessment, Buyer, assess};
pub use rings::RING_ACCOUNTS_MAX;
pub use scores::{FraudScoreRow, Overview, SCORES_PER_BIN_MAX, Score, ScoreKey, Scores};
pub use signals::{
    ENTITIES_PER_BIN_MAX, EntityAnswer, EntityKey, Part, Scored, SignalInput, SignalOutput, Signals, Touch, Velocity,
};
