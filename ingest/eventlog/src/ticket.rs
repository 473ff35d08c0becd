//! The receipt for submitted frames: resolves when they are durable. Waits in a thread or in a task.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use parking_lot::{Condvar, Mutex};

use crate::error::AppendError;
use crate::frame::Appended;

/// What a submitter holds until its frames are durable. Dropping it does not take the frames back.
///
/// Waiting in a thread and awaiting in a task work alike; there is no runtime behind it, so a wait inside an async
/// runtime blocks that worker but does not panic.
#[derive(Debug)]
#[must_use = "frames are acknowledged only when their ticket says so"]
pub struct Ticket(Arc<Slot>);

/// The log's end of a ticket: every part of the submission is settled once.
#[derive(Debug, Clone)]
pub(crate) struct Settle(Arc<Slot>);

#[derive(Debug)]
struct Slot {
    state: Mutex<State>,
    done: Condvar,
}

#[derive(Debug)]
struct State {
    /// Parts that are not durable yet.
    pending: usize,
    outcome: Result<Vec<Appended>, AppendError>,
    waker: Option<Waker>,
}

/// Makes a ticket for frames that become durable in `parts` steps (one per lane).
pub(crate) fn ticket(parts: usize, appended: Vec<Appended>) -> (Ticket, Settle) {
    let state = State { pending: parts, outcome: Ok(appended), waker: None };
    let slot = Arc::new(Slot { state: Mutex::new(state), done: Condvar::new() });
    (Ticket(slot.clone()), Settle(slot))
}

impl Settle {
    /// Settles one part. The first failure is what the submitter hears.
    pub(crate) fn part(&self, outcome: Result<(), AppendError>) {
        let mut state = self.0.state.lock();
        state.pending = state.pending.saturating_sub(1);
        if let (Err(error), Ok(_)) = (outcome, &state.outcome) {
            state.outcome = Err(error);
        }
        if state.pending == 0 {
            let waker = state.waker.take();
            drop(state);
            self.0.done.notify_all();
            if let Some(waker) = waker {
                waker.wake();
            }
        }
    }
}

/// The other end of a ticket of which nothing is known yet, for logs of simulations.
#[cfg(any(test, feature = "test-util"))]
#[derive(Debug)]
pub struct Promise(Arc<Slot>);

#[cfg(any(test, feature = "test-util"))]
impl Promise {
    /// A ticket, and what tells its outcome. Whoever drops it untold leaves the ticket waiting for ever.
    pub fn new() -> (Ticket, Self) {
        let (ticket, settle) = ticket(1, Vec::new());
        (ticket, Self(settle.0))
    }

    /// Tells what became of the frames.
    pub fn keep(self, outcome: Result<Vec<Appended>, AppendError>) {
        self.0.state.lock().outcome = outcome;
        Settle(self.0).part(Ok(()));
    }
}

impl Ticket {
    /// Blocks until the frames are durable, or certain not to be acknowledged.
    ///
    /// # Errors
    /// When they could not be made durable.
    pub fn wait(self) -> Result<Vec<Appended>, AppendError> {
        let mut state = self.0.state.lock();
        while state.pending > 0 {
            self.0.done.wait(&mut state);
        }
        state.take()
    }

    /// Whether the outcome is known, so that [`Ticket::wait`] would not block.
    pub fn is_settled(&self) -> bool {
        self.0.state.lock().pending == 0
    }
}

impl State {
    fn take(&mut self) -> Result<Vec<Appended>, AppendError> {
        std::mem::replace(&mut self.outcome, Ok(Vec::new()))
    }
}

impl Future for Ticket {
    type Output = Result<Vec<Appended>, AppendError>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let mut state = self.0.state.lock();
        if state.pending == 0 {
            return Poll::Ready(state.take());
        }
        state.waker = Some(context.waker().clone());
        Poll::Pending
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_resolves_when_every_part_is_settled() {
        let (ticket, settle) = ticket(2, Vec::new());
        settle.part(Ok(()));
        assert!(!ticket.is_settled());
        settle.part(Err(AppendError::Closed));
        assert_eq!(ticket.wait(), Err(AppendError::Closed));
    }

    #[test]
    fn a_promise_is_kept_as_it_is_told() {
        let (ticket, promise) = Promise::new();
        assert!(!ticket.is_settled());
        promise.keep(Err(AppendError::Closed));
        assert_eq!(ticket.wait(), Err(AppendError::Closed));
    }

    #[test]
    fn a_task_is_woken() {
        let (ticket, settle) = ticket(1, Vec::new());
        let mut ticket = std::pin::pin!(ticket);
        let mut context = Context::from_waker(Waker::noop());
        assert!(ticket.as_mut().poll(&mut context).is_pending());
        settle.part(Ok(()));
        assert!(ticket.as_mut().poll(&mut context).is_ready());
    }
}
