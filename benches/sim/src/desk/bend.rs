//! What may be broken around the rules on purpose, so that tests see each checker fail.

/// What is broken in a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Bend {
    /// Nothing.
    None,
    /// The log lets every writer in.
    NoFence,
    /// The ids of commands are not read back.
    ForgetsIds,
    /// Writers hear that facts are durable while these are on their way.
    Hasty,
    /// The read models miss a fact.
    Deaf,
}
