//! What a command is answered with, and what its sender holds until then.

use std::fmt::{Debug, Display};
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use eventlog::{Offset, PartitionId};
use records::{CommandId, FactRow, Timestamp};
use tokio::sync::oneshot;

/// Where in the facts lane a command's facts lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// The partition.
    pub partition: PartitionId,
    /// The offset of the first fact; the others follow.
    pub first: Offset,
    /// When the log took them. A reader that waits until views reflect it reads its own write.
    pub log_time: Timestamp,
}

/// A command that is done, and durable.
#[derive(Debug, Clone, PartialEq)]
pub struct Done {
    /// Where its facts are; none when everything stood already.
    pub at: Option<Place>,
    /// Its facts.
    pub rows: Vec<FactRow>,
    /// Whether it had been done before, under the same id.
    pub again: bool,
}

/// Why a command is not done.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DeskError<R: Debug + Display> {
    /// The rules refuse it. It may be decided otherwise later.
    #[error("{0}")]
    Refused(R),
    /// Something else was asked for under the same id.
    #[error("the id `{0}` was used for another request: take a new id for a new request")]
    Conflict(CommandId),
    /// More commands wait than may; nothing was done.
    #[error("too many commands wait for this partition: send it again in a moment")]
    Busy,
    /// Nobody knows whether it was done, or it was not: the answer to the same id tells.
    #[error("the command may not have been done ({0}): send it again under the same id")]
    Again(String),
    /// Nothing is decided until somebody mends it.
    #[error("nothing is decided here until this is mended: {0}")]
    Stopped(String),
    /// The desk is closing; nothing was done.
    #[error("the desk is closing")]
    Closed,
}

/// The answer of a seat.
pub(crate) type Answer<R> = Result<Done, DeskError<R>>;

/// An answer that is to come. Waits in a thread or in a task; dropping it does not take the command back.
#[derive(Debug)]
#[must_use = "a command is done only when its answer says so"]
pub struct Pending<R: Debug + Display>(pub(crate) oneshot::Receiver<Answer<R>>);

impl<R: Debug + Display> Pending<R> {
    /// Blocks until the command is answered; not for threads of an async runtime.
    ///
    /// # Errors
    /// See [`DeskError`].
    pub fn wait(self) -> Answer<R> {
        self.0.blocking_recv().unwrap_or_else(|_| Err(lost()))
    }
}

impl<R: Debug + Display> Future for Pending<R> {
    type Output = Answer<R>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.0).poll(context).map(|answer| answer.unwrap_or_else(|_| Err(lost())))
    }
}

/// The seat ended without an answer.
fn lost<R: Debug + Display>() -> DeskError<R> {
    DeskError::Again("the writer has ended".to_owned())
}
