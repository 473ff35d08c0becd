//! Inputs on their way between workers: whole vectors, moved and used again, never serialised within a process.

use std::cell::RefCell;
use std::rc::Rc;

use serde::{Deserialize, Serialize};

use crate::frame::Routed;

/// Emptied vectors that are kept for each view and worker: about as many as are filled for one epoch.
const KEPT: usize = 8;
/// Larger vectors are given back to the allocator, so that one large epoch does not hold memory for ever.
const KEPT_ROWS: usize = 1 << 17;

/// Inputs of one epoch for one worker.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Packet<I> {
    pub(crate) to: usize,
    pub(crate) rows: Vec<Routed<I>>,
}

/// Emptied vectors of one worker.
pub(crate) struct Pool<I>(Rc<RefCell<Vec<Vec<Routed<I>>>>>);

impl<I> Clone for Pool<I> {
    fn clone(&self) -> Self {
        Self(Rc::clone(&self.0))
    }
}

impl<I> Default for Pool<I> {
    fn default() -> Self {
        Self(Rc::default())
    }
}

impl<I> Pool<I> {
    /// Takes an emptied vector back.
    pub(crate) fn give(&self, rows: Vec<Routed<I>>) {
        debug_assert!(rows.is_empty(), "only emptied vectors come back");
        let mut pool = self.0.borrow_mut();
        if pool.len() < KEPT && (1..=KEPT_ROWS).contains(&rows.capacity()) {
            pool.push(rows);
        }
    }

    /// An empty vector, with room if there is one.
    pub(crate) fn take(&self) -> Vec<Routed<I>> {
        self.0.borrow_mut().pop().unwrap_or_default()
    }
}
