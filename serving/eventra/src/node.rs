//! The wiring: what `eventra serve` is made of, how it starts and how it ends.

pub(crate) mod offline;
pub(crate) mod storage;
