//! The door: requests come in from many tasks, are prepared there, gathered by one committer, and answered when durable.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use eventlog::Ticket;
use parking_lot::Mutex;
use records::json::FieldError;
use records::{Record, Timestamp};
use tokio::sync::oneshot;

use crate::append::{Appender, Refusal, weight};
use crate::draft::{Arrival, Letter, Parsed, Reason};
use crate::ids::Ids;
use crate::limits::{
    APPENDS_IN_FLIGHT_MAX, DOOR_IDS_MAX, ERRORS_LISTED_MAX, FRAME_ROWS_MAX, GATHER, NDJSON_BYTES_MAX, QUEUE_BYTES_MAX,
    QUEUE_REQUESTS_MAX,
};
use crate::mark::Marker;
use crate::request::Request;

/// Fewer places than this are left when requests that come together may reach the bound on people: a dozen of the largest
/// ones.
const NEAR_THE_BOUND: u64 = 1 << 20;

/// How a door is set up.
#[derive(Debug, Clone, Copy)]
pub struct DoorOptions {
    /// The most bytes of an NDJSON upload after decompression.
    pub ndjson_bytes_max: usize,
    /// How long the committer gathers requests into one append.
    pub gather: Duration,
    /// Message ids that the door remembers.
    pub ids_max: usize,
    /// Requests that may wait.
    pub queue_requests_max: usize,
    /// Bytes of records that may wait.
    pub queue_bytes_max: usize,
}

impl Default for DoorOptions {
    fn default() -> Self {
        Self {
            ndjson_bytes_max: NDJSON_BYTES_MAX,
            gather: GATHER,
            ids_max: DOOR_IDS_MAX,
            queue_requests_max: QUEUE_REQUESTS_MAX,
            queue_bytes_max: QUEUE_BYTES_MAX,
        }
    }
}

/// What became of a request.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Accepted {
    /// Messages that are records now.
    pub taken: usize,
    /// Messages that the door had seen before. Others may still be found to be repeated by the log.
    pub duplicates: usize,
    /// Messages that are dead letters now.
    pub dead: usize,
    /// What was wrong with the first [`ERRORS_LISTED_MAX`] of them.
    pub errors: Vec<MessageError>,
    /// A log time that none of its records lies behind: wait for a view's `as_of` to pass it to read your own writes.
    pub log_time: Timestamp,
}

/// What was wrong with one message.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, schemars::JsonSchema)]
pub struct MessageError {
    /// Where it was: `message 3`, `line 17`.
    pub place: String,
    /// The kind of mistake.
    pub reason: Reason,
    /// The fields, and what is wrong with each. What came is not quoted.
    pub errors: Vec<FieldError>,
}

/// A request that was parsed and marked, ready to be committed.
#[derive(Debug)]
pub struct Prepared {
    records: Vec<Record>,
    hashes: Vec<u64>,
    accepted: Accepted,
}

/// Figures since the door was opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize)]
pub struct DoorStatus {
    /// Requests answered with what became of them.
    pub requests: u64,
    /// Requests refused as a whole.
    pub refused: u64,
    /// Messages taken.
    pub taken: u64,
    /// Repeated messages that were not appended again.
    pub duplicates: u64,
    /// Dead letters.
    pub dead: u64,
    /// Requests waiting now.
    pub queued_requests: usize,
    /// Bytes of records waiting now.
    pub queued_bytes: usize,
}

/// The front door. Shared by all tasks; dropping it answers what was queued and ends its two threads.
pub struct Door {
    appender: Appender,
    shared: Arc<Shared>,
    options: DoorOptions,
    queue: Option<SyncSender<Parcel>>,
    threads: Vec<JoinHandle<()>>,
}

struct Shared {
    ids: Ids,
    queued_requests: AtomicUsize,
    queued_bytes: AtomicUsize,
    counts: Mutex<DoorStatus>,
    requests: AtomicU64,
}

type Outcome = Result<Timestamp, Refusal>;

/// One request on its way into the log.
struct Parcel {
    records: Vec<Record>,
    receipt: Receipt,
}

struct Receipt {
    hashes: Vec<u64>,
    bytes: usize,
    reply: oneshot::Sender<Outcome>,
}

impl Door {
    /// Opens a door and starts its committer.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn open(appender: Appender, options: DoorOptions) -> std::io::Result<Self> {
        let shared = Arc::new(Shared {
            ids: Ids::new(options.ids_max),
            queued_requests: AtomicUsize::new(0),
            queued_bytes: AtomicUsize::new(0),
            counts: Mutex::default(),
            requests: AtomicU64::new(0),
        });
        let (queue, parcels) = sync_channel(options.queue_requests_max);
        let (appended, tickets) = sync_channel(APPENDS_IN_FLIGHT_MAX);
        let committer = {
            let (appender, shared) = (appender.clone(), shared.clone());
            let run = move || commit_all(&appender, &shared, options.gather, &parcels, &appended);
            std::thread::Builder::new().name("door-commit".into()).spawn(run)?
        };
        let answerer = {
            let shared = shared.clone();
            std::thread::Builder::new().name("door-answer".into()).spawn(move || answer_all(&shared, &tickets))?
        };
        Ok(Self { appender, shared, options, queue: Some(queue), threads: vec![committer, answerer] })
    }

    /// The appender behind the door, for records that need no parsing.
    pub fn appender(&self) -> &Appender {
        &self.appender
    }

    /// Takes a request and answers when its records are durable.
    ///
    /// # Errors
    /// When nothing of it was taken: see [`Refusal`].
    pub async fn accept(&self, request: Request<'_>) -> Result<Accepted, Refusal> {
        let prepared = self.prepare(&request)?;
        self.commit(prepared).await
    }

    /// Parses, checks, pseudonymises and seals; no I/O. Some 10 µs for a message; large uploads belong into a thread
    /// that may block.
    ///
    /// # Errors
    /// When nothing of it can be read.
    pub fn prepare(&self, request: &Request<'_>) -> Result<Prepared, Refusal> {
        let subjects = self.appender.subjects();
        // Copies of what came cost a little with each message, so they are made only where the bound may be met.
        let arrival = request.arrival(subjects.room(request.organization) < NEAR_THE_BOUND);
        let parsed =
            request.parse(self.options.ndjson_bytes_max, &arrival).map_err(|error| self.refuse(error.into()))?;
        let marker = Marker::new(subjects, request.organization);
        let mut prepared = Prepared {
            records: Vec::with_capacity(parsed.len()),
            hashes: Vec::with_capacity(parsed.len()),
            accepted: Accepted::default(),
        };
        for message in parsed {
            prepared.push(message, &marker, &arrival);
        }
        prepared.drop_known(&self.shared.ids);
        Ok(prepared)
    }

    /// Queues a prepared request and answers when its records are durable.
    ///
    /// # Errors
    /// When nothing of it was taken: see [`Refusal`].
    pub async fn commit(&self, prepared: Prepared) -> Result<Accepted, Refusal> {
        let Prepared { records, hashes, mut accepted } = prepared;
        if !records.is_empty() {
            let reply = self.enqueue(records, hashes).map_err(|refusal| self.refuse(refusal))?;
            let closed = || Err(Refusal::Unavailable("the door is closed".into()));
            accepted.log_time = reply.await.unwrap_or_else(|_| closed()).map_err(|refusal| self.refuse(refusal))?;
        }
        self.count(&accepted);
        Ok(accepted)
    }

    /// As [`Door::accept`], for threads that may block. Not for use inside an async task.
    ///
    /// # Errors
    /// As [`Door::accept`].
    pub fn accept_blocking(&self, request: Request<'_>) -> Result<Accepted, Refusal> {
        let Prepared { records, hashes, mut accepted } = self.prepare(&request)?;
        if !records.is_empty() {
            let reply = self.enqueue(records, hashes).map_err(|refusal| self.refuse(refusal))?;
            let closed = || Err(Refusal::Unavailable("the door is closed".into()));
            let outcome = reply.blocking_recv().unwrap_or_else(|_| closed());
            accepted.log_time = outcome.map_err(|refusal| self.refuse(refusal))?;
        }
        self.count(&accepted);
        Ok(accepted)
    }

    /// Figures for metrics.
    pub fn status(&self) -> DoorStatus {
        DoorStatus {
            requests: self.shared.requests.load(Ordering::Relaxed),
            queued_requests: self.shared.queued_requests.load(Ordering::Relaxed),
            queued_bytes: self.shared.queued_bytes.load(Ordering::Relaxed),
            ..*self.shared.counts.lock()
        }
    }

    fn enqueue(&self, records: Vec<Record>, hashes: Vec<u64>) -> Result<oneshot::Receiver<Outcome>, Refusal> {
        let bytes = records.iter().map(weight).sum::<usize>();
        let (reply, outcome) = oneshot::channel();
        let parcel = Parcel { records, receipt: Receipt { hashes, bytes, reply } };
        let before = self.shared.queued_bytes.fetch_add(bytes, Ordering::Relaxed);
        self.shared.queued_requests.fetch_add(1, Ordering::Relaxed);
        // A single large request is let in when nothing waits, or it could never be.
        let room = before == 0 || before + bytes <= self.options.queue_bytes_max;
        let queue = self.queue.as_ref().expect("the queue lives as long as the door");
        let sent = if room { queue.try_send(parcel) } else { Err(TrySendError::Full(parcel)) };
        sent.map_err(|error| {
            self.shared.release(bytes);
            match error {
                TrySendError::Full(_) => Refusal::Busy,
                TrySendError::Disconnected(_) => Refusal::Unavailable("the committer has ended".into()),
            }
        })?;
        Ok(outcome)
    }

    fn refuse(&self, refusal: Refusal) -> Refusal {
        self.shared.counts.lock().refused += 1;
        refusal
    }

    fn count(&self, accepted: &Accepted) {
        self.shared.requests.fetch_add(1, Ordering::Relaxed);
        let mut counts = self.shared.counts.lock();
        counts.taken += accepted.taken as u64;
        counts.duplicates += accepted.duplicates as u64;
        counts.dead += accepted.dead as u64;
    }
}

impl Drop for Door {
    fn drop(&mut self) {
        // Without a sender the committer ends after what is queued, then the answerer after it.
        self.queue = None;
        for thread in self.threads.drain(..) {
            if thread.join().is_err() {
                tracing::error!("a thread of the door panicked");
            }
        }
    }
}

impl Shared {
    fn release(&self, bytes: usize) {
        self.queued_bytes.fetch_sub(bytes, Ordering::Relaxed);
        self.queued_requests.fetch_sub(1, Ordering::Relaxed);
    }

    fn answer(&self, receipt: Receipt, outcome: Outcome) {
        self.release(receipt.bytes);
        if outcome.is_ok() {
            self.ids.remember(&receipt.hashes);
        }
        // Whoever asked may have gone away; the records stay.
        drop(receipt.reply.send(outcome));
    }
}

impl Prepared {
    fn push(&mut self, message: Parsed, marker: &Marker<'_>, arrival: &Arrival<'_>) {
        let record = match marker.admit(message) {
            Parsed::Draft(draft) => {
                self.accepted.taken += 1;
                marker.record(*draft, arrival)
            }
            Parsed::Letter(letter) => {
                self.accepted.dead += 1;
                if self.accepted.errors.len() < ERRORS_LISTED_MAX {
                    self.accepted.errors.push(error_of(&letter));
                }
                marker.letter(*letter, arrival)
            }
        };
        self.hashes.push(record.dedup());
        self.records.push(record);
    }

    /// Drops records that are durable already, and those that this request repeats itself.
    fn drop_known(&mut self, ids: &Ids) {
        let known = ids.known(&self.hashes);
        let mut seen = BTreeSet::new();
        let repeated: Vec<bool> =
            self.hashes.iter().zip(known).map(|(hash, known)| *hash != 0 && (known || !seen.insert(*hash))).collect();
        for (record, _) in self.records.iter().zip(&repeated).filter(|(_, repeated)| **repeated) {
            // A repeated dead letter stays one for its sender; only the log does not get it twice.
            if record.kind.is_activity() {
                self.accepted.taken -= 1;
                self.accepted.duplicates += 1;
            }
        }
        let mut each = repeated.iter();
        self.records.retain(|_| !each.next().copied().unwrap_or(false));
        let mut each = repeated.iter();
        self.hashes.retain(|_| !each.next().copied().unwrap_or(false));
    }
}

fn error_of(letter: &Letter) -> MessageError {
    MessageError { place: letter.place.clone(), reason: letter.reason, errors: letter.errors.clone() }
}

/// The committer: gathers what comes within a few milliseconds, and appends it as one.
fn commit_all(
    appender: &Appender,
    shared: &Shared,
    gather: Duration,
    parcels: &Receiver<Parcel>,
    appended: &SyncSender<(Ticket, Vec<Receipt>)>,
) {
    while let Ok(first) = parcels.recv() {
        let (records, receipts) = gather_more(first, gather, parcels);
        match appender.submit(records) {
            // Waits here while as many appends as allowed are on their way: the queue then fills and refuses.
            Ok(ticket) => {
                if appended.send((ticket, receipts)).is_err() {
                    tracing::error!("the door's answerer has ended");
                    return;
                }
            }
            Err(refusal) => {
                tracing::warn!(error = %refusal, requests = receipts.len(), "append refused");
                receipts.into_iter().for_each(|receipt| shared.answer(receipt, Err(refusal.clone())));
            }
        }
    }
}

fn gather_more(first: Parcel, gather: Duration, parcels: &Receiver<Parcel>) -> (Vec<Record>, Vec<Receipt>) {
    let deadline = Instant::now() + gather;
    let (mut records, mut receipts) = (first.records, vec![first.receipt]);
    while records.len() < FRAME_ROWS_MAX {
        match parcels.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            Ok(parcel) => {
                records.extend(parcel.records);
                receipts.push(parcel.receipt);
            }
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => break,
        }
    }
    (records, receipts)
}

/// The answerer: waits for each append in order, and tells those who wait.
fn answer_all(shared: &Shared, tickets: &Receiver<(Ticket, Vec<Receipt>)>) {
    while let Ok((ticket, receipts)) = tickets.recv() {
        let outcome: Outcome = match ticket.wait() {
            Ok(frames) => Ok(frames.iter().map(|frame| frame.log_time).max().unwrap_or_default()),
            Err(error) => Err(error.into()),
        };
        receipts.into_iter().for_each(|receipt| shared.answer(receipt, outcome.clone()));
    }
}
