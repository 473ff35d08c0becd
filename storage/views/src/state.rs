//! What a view is made of: a fold in hash bins. The dataflow drives it, readers look at it.

use std::fmt::Debug;

use records::{Pos, Timestamp};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Where in the log an input stands, and what the dataflow knows of time there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct At {
    /// The record's place in the one total order. Inputs of a bin arrive in this order, always.
    pub pos: Pos,
}

impl At {
    /// The record's log time; folds take their notion of "now" from here and from nowhere else.
    pub fn now(&self) -> Timestamp {
        self.pos.log_time
    }
}

/// What a fold gives besides its new state. Reused between calls, so that folding allocates little.
#[derive(Debug)]
pub struct Effects<B: Fold> {
    /// Keys whose answer differs now; feeds re-read them. Repeats are fine, the writer removes them.
    pub changed: Vec<B::Key>,
    /// Inputs for the next operator, by the hash of its key.
    pub next: Vec<(u64, B::Output)>,
}

impl<B: Fold> Default for Effects<B> {
    fn default() -> Self {
        Self { changed: Vec::new(), next: Vec::new() }
    }
}

/// One hash bin of an operator's keyed state: the fold itself and what readers ask.
///
/// Laws, each of which a conformance test checks for every implementation (`views::laws`):
/// * the state after a sequence of inputs depends on that sequence only: not on how it is cut into epochs, not on
///   when `warm`, `advance` and `land` are called in between;
/// * `decode(encode(x))` answers every question as `x` does, and encodes to the same bytes;
/// * `advance` may drop only what can no longer change an answer or a landed row.
///
/// Sums are integers. A float may live only inside one bin's fold, never in a sum over bins.
pub trait Fold: Default + Debug + Send + Sync + 'static {
    /// The operator's name in manifests, view addresses and metrics, such as `leaderboards`.
    const NAME: &'static str;
    /// Raised when the meaning or encoding of the state changes; the view is then rebuilt from the log.
    const VERSION: u32;
    /// What is routed to the bin.
    type Input: Clone + Debug + Send + Serialize + DeserializeOwned + 'static;
    /// What is handed to the next operator; `()` when there is none.
    type Output: Clone + Debug + Send + Serialize + DeserializeOwned + 'static;
    /// What a reader asks about and a feed reports as changed.
    type Key: Copy + Debug + Ord + Send + Sync + 'static;
    /// A row for the warehouse.
    type Row: Clone + Debug + PartialEq + Send + 'static;

    /// Reads what the coming inputs will touch, so that their cache misses overlap instead of queueing one behind the
    /// other. Changes nothing, and may do nothing. The inputs are the next to be applied, in order, but the state may
    /// change between the first and the last of them: what is read here is a guess and never an answer.
    fn warm(&self, _inputs: &[&Self::Input]) {}

    /// Applies one input.
    fn apply(&mut self, at: At, input: &Self::Input, effects: &mut Effects<Self>);

    /// Tells that every record with a log time up to `bound` has been applied, so windows may become final.
    fn advance(&mut self, bound: Timestamp, effects: &mut Effects<Self>);

    /// Appends what the warehouse has not been told since the last call, sorted by the row's key, and forgets it.
    /// Snapshots are taken only right after this call, so untold rows are never encoded.
    fn land(&mut self, rows: &mut Vec<Self::Row>);

    /// Appends the state's bytes. The same state always gives the same bytes (sort before writing).
    fn encode(&self, out: &mut Vec<u8>);

    /// Reads a state back.
    ///
    /// # Errors
    /// When the bytes are damaged or of a version that this build does not read.
    fn decode(bytes: &[u8]) -> Result<Self, StateError>;

    /// How many keys it holds, for metrics and bounds.
    fn len(&self) -> usize;

    /// Whether it holds nothing.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Why bytes are not a state.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StateError {
    /// The bytes are damaged.
    #[error("state of `{0}` is damaged")]
    Damaged(&'static str),
    /// Another version wrote it.
    #[error("state of `{name}` has version {found}, and this build reads {wanted}; the view is rebuilt from the log")]
    Version {
        /// The operator.
        name: &'static str,
        /// What the bytes say.
        found: u32,
        /// What this build reads.
        wanted: u32,
    },
}
