//! The desk as others see it: commands in, answers out. A thread for each partition.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use eventlog::clock::Clock;
use eventlog::disk::Disk;
use eventlog::{EventLog, Lane, PartitionId};
use records::fact::CommandTag;
use rules::Domain;

use crate::answer::{DeskError, Pending};
use crate::seat::{BATCH_MAX, FLIGHTS_MAX, Listener, Order, Seat};

/// Commands that wait for a partition; more are told to come again.
pub const QUEUE_MAX: usize = 8_192;
/// How often an idle seat looks whether something is due.
const LOOK: Duration = Duration::from_secs(1);

/// What a desk works with.
#[derive(Clone)]
pub struct Parts {
    /// The log.
    pub log: Arc<dyn EventLog>,
    /// Where snapshots go.
    pub disk: Arc<dyn Disk>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Where this process can be reached; it stands in its claims.
    pub address: String,
    /// Draws the id of a claim: never twice the same, over all processes.
    pub chance: Arc<dyn Fn() -> u128 + Send + Sync>,
}

/// Why a desk does not open.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("partition {partition} of the facts cannot be read: {reason}")]
pub struct OpenError {
    /// The partition.
    pub partition: PartitionId,
    /// What is wrong.
    pub reason: String,
}

/// Takes commands for all partitions.
#[derive(Debug)]
pub struct Desk<D: Domain> {
    queues: Vec<SyncSender<Order<D>>>,
    threads: Vec<JoinHandle<()>>,
}

impl<D: Domain> Desk<D> {
    /// Reads what was decided and stands ready. The listener has heard every fact when this returns.
    ///
    /// # Errors
    /// When the log cannot be read, or the system gives no thread.
    pub fn open(parts: Parts, listener: Listener) -> Result<Self, OpenError> {
        let mut desk = Self { queues: Vec::new(), threads: Vec::new() };
        for partition in parts.log.identity().partitions.each(Lane::Facts) {
            let seat = Seat::open(partition, parts.clone(), Arc::clone(&listener))?;
            let (queue, orders) = sync_channel(QUEUE_MAX);
            let thread = std::thread::Builder::new().name(format!("desk-{partition}"));
            let thread = thread.spawn(move || work(seat, &orders));
            let thread = thread.map_err(|error| OpenError { partition, reason: error.to_string() })?;
            desk.queues.push(queue);
            desk.threads.push(thread);
        }
        Ok(desk)
    }

    /// Sends a command to its partition. With a tag it is done once, however often it is sent.
    pub fn submit(&self, tag: Option<CommandTag>, command: D::Command) -> Pending<D::Refusal> {
        let partition = D::aggregate(&command) % self.queues.len() as u64;
        let (order, pending) = Order::new(tag, command);
        let sent = self.queues[partition as usize].try_send(order);
        if let Err(error) = sent {
            let (order, error) = match error {
                TrySendError::Full(order) => (order, DeskError::Busy),
                TrySendError::Disconnected(order) => (order, DeskError::Closed),
            };
            // The other end is in our hands.
            let _ = order.reply.send(Err(error));
        }
        pending
    }

    /// Ends in order: what waits is decided, answered and saved.
    pub fn close(mut self) {
        self.queues.clear();
        for thread in self.threads.drain(..) {
            if thread.join().is_err() {
                tracing::error!(domain = D::NAME, "a writer of the desk has panicked");
            }
        }
    }
}

fn work<D: Domain>(mut seat: Seat<D>, orders: &Receiver<Order<D>>) {
    loop {
        // With something on its way nobody waits for more to come: what came meanwhile is the next batch.
        let first = if seat.is_idle() { orders.recv_timeout(LOOK) } else { orders.recv_timeout(Duration::ZERO) };
        let mut batch = Vec::new();
        match first {
            Ok(order) => batch.push(order),
            Err(RecvTimeoutError::Disconnected) => break,
            Err(RecvTimeoutError::Timeout) => {}
        }
        batch.extend(orders.try_iter().take(BATCH_MAX - batch.len()));
        let quiet = batch.is_empty();
        seat.decide(batch);
        if quiet || seat.flights() >= FLIGHTS_MAX {
            seat.settle_first();
        }
        seat.settle_ready();
        seat.save_beside(false);
    }
    seat.settle();
    seat.save();
}

impl std::fmt::Debug for Parts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Parts").field("address", &self.address).finish_non_exhaustive()
    }
}
