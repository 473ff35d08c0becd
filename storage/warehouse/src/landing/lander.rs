//! The lander: takes landing epochs in order, sends their chunks, confirms them in order, and never gives up.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Semaphore, mpsc, watch};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::Instant;

use super::chunk::{Chunk, ChunkKey};
use super::epochs::{self, Complete, Known, Owner};
use super::recovery::Recovery;
use super::{UNACKNOWLEDGED_CHUNKS, settle};
use crate::backoff::Backoff;
use crate::client::{Client, Error};

/// Requests at once: two keep the engine's parsing and its disk busy together, more only queue up inside it.
const REQUESTS: usize = 4;
/// A warehouse that is down is tried again this soon at first, and this often at last, until it is back.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// How a lander is set up.
#[derive(Debug, Clone)]
pub struct LanderConfig {
    /// Landing epochs that may wait in memory; the source keeps the rest (a log, an outbox).
    pub queued_epochs: usize,
}

impl Default for LanderConfig {
    fn default() -> Self {
        Self { queued_epochs: 8 }
    }
}

/// All chunks that one source has for one landing epoch; none is an answer too.
#[derive(Debug, Clone)]
pub struct LandingEpoch {
    /// Its number; above that of the one before.
    pub landing_epoch: u64,
    /// Its chunks, of any tables.
    pub chunks: Vec<Chunk>,
}

/// How far a lander is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Progress {
    /// The newest landing epoch up to which everything has landed.
    pub landed: Option<u64>,
    /// The newest landing epoch that was accepted.
    pub accepted: Option<u64>,
    /// Landing epochs accepted and not landed.
    pub waiting: u64,
    /// Rows landed since the start.
    pub rows: u64,
    /// Chunks landed since the start.
    pub chunks: u64,
    /// Requests that failed and were tried again.
    pub retries: u64,
    /// The newest failure, until something succeeds again.
    pub last_error: Option<String>,
    /// Whether waiting alone will not help: the schema or the account is wrong.
    pub needs_attention: bool,
    /// Since when nothing has succeeded.
    pub failing_since: Option<Instant>,
}

/// The lander has stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the lander has stopped")]
pub struct Stopped;

/// A handle on the landing task. Dropping it ends the task: what has not landed is the source's to land again.
#[derive(Debug)]
pub struct Lander {
    queue: Option<mpsc::Sender<LandingEpoch>>,
    progress: watch::Receiver<Progress>,
    report: Arc<watch::Sender<Progress>>,
    task: JoinHandle<()>,
}

impl Lander {
    /// Starts the landing task on the current tokio runtime, from where [`super::recover`] found it.
    pub fn start(client: Client, recovery: Recovery, config: &LanderConfig) -> Self {
        let (queue, epochs) = mpsc::channel(config.queued_epochs.max(1));
        let (report, progress) = watch::channel(Progress { landed: recovery.landed, ..Progress::default() });
        let report = Arc::new(report);
        let work = Arc::new(Work {
            client,
            owner: recovery.owner,
            suspects_until: recovery.suspects_until,
            known: recovery.known,
            report: report.clone(),
            requests: Semaphore::new(REQUESTS),
        });
        let task = tokio::spawn(run(work, epochs));
        Self { queue: Some(queue), progress, report, task }
    }

    /// Hands over a landing epoch; waits while the queue is full. Its landing shows in [`Lander::progress`].
    ///
    /// # Errors
    /// The lander has stopped.
    pub async fn land(&self, epoch: LandingEpoch) -> Result<(), Stopped> {
        let place = self.queue()?.reserve().await.map_err(|_| Stopped)?;
        self.accept(epoch.landing_epoch);
        place.send(epoch);
        Ok(())
    }

    fn queue(&self) -> Result<&mpsc::Sender<LandingEpoch>, Stopped> {
        self.queue.as_ref().ok_or(Stopped)
    }

    fn accept(&self, landing_epoch: u64) {
        self.report.send_modify(|progress| {
            debug_assert!(progress.accepted < Some(landing_epoch), "landing epochs come in order");
            progress.accepted = Some(landing_epoch);
            progress.waiting += 1;
        });
    }

    /// Returns how far landing is, as it changes.
    pub fn progress(&self) -> watch::Receiver<Progress> {
        self.progress.clone()
    }

    /// Returns the newest landing epoch up to which everything has landed.
    pub fn landed(&self) -> Option<u64> {
        self.progress.borrow().landed
    }

    /// Takes note of a failure of whoever hands epochs over, or that it is over.
    pub(crate) fn note(&self, failure: Option<String>) {
        self.report.send_modify(|progress| {
            progress.retries += u64::from(failure.is_some());
            progress.needs_attention = failure.is_some();
            progress.failing_since = failure.is_some().then(|| progress.failing_since.unwrap_or_else(Instant::now));
            progress.last_error = failure;
        });
    }

    /// Takes no more, lands what it has if that is done in time, and returns how far it came. What has not landed is the
    /// source's to land again.
    pub async fn stop(mut self, within: Duration) -> Progress {
        self.queue = None;
        // When time is up, dropping the handle ends the task.
        let _ = tokio::time::timeout(within, &mut self.task).await;
        self.progress.borrow().clone()
    }
}

impl Drop for Lander {
    fn drop(&mut self) {
        self.task.abort();
    }
}

struct Work {
    client: Client,
    owner: Owner,
    suspects_until: Option<u64>,
    known: BTreeMap<ChunkKey, Known>,
    report: Arc<watch::Sender<Progress>>,
    requests: Semaphore,
}

async fn run(work: Arc<Work>, mut epochs: mpsc::Receiver<LandingEpoch>) {
    let mut next = epochs.recv().await;
    while let Some(first) = next.take() {
        let mut chunks = first.chunks.len();
        let mut wave = vec![first];
        // As many epochs as the bound on unacknowledged chunks allows; one alone may be larger and goes in parts.
        while let Ok(epoch) = epochs.try_recv() {
            if chunks + epoch.chunks.len() > UNACKNOWLEDGED_CHUNKS {
                next = Some(epoch);
                break;
            }
            chunks += epoch.chunks.len();
            wave.push(epoch);
        }
        work.land(wave).await;
        if next.is_none() {
            next = epochs.recv().await;
        }
    }
}

impl Work {
    async fn land(self: &Arc<Self>, wave: Vec<LandingEpoch>) {
        let mut attempts: BTreeMap<ChunkKey, u32> = BTreeMap::new();
        let chunks: Vec<&Chunk> = wave.iter().flat_map(|epoch| &epoch.chunks).collect();
        for part in chunks.chunks(UNACKNOWLEDGED_CHUNKS) {
            let mut sending = JoinSet::new();
            for chunk in part {
                let (work, chunk) = (self.clone(), (*chunk).clone());
                sending.spawn(async move { work.send(chunk).await });
            }
            attempts.extend(sending.join_all().await);
        }
        let complete: Vec<Complete<'_>> = wave.iter().map(|epoch| complete(epoch, &attempts)).collect();
        self.until_done(|| epochs::confirm(&self.client, &self.owner, &complete)).await;
        self.landed(&wave);
    }

    async fn send(&self, chunk: Chunk) -> (ChunkKey, u32) {
        let suspect = self.suspects_until.is_some_and(|until| chunk.key.landing_epoch <= until);
        let (client, owner) = (&self.client, &self.owner);
        let started = self.known.get(&chunk.key).copied();
        // A repair that fails half-way has put its attempt on record: the next try must read it, not repeat the number.
        let mut known = started;
        let mut backoff = Backoff::new(FIRST_PAUSE, LONGEST_PAUSE);
        loop {
            let outcome = {
                let _turn = self.requests.acquire().await.expect("never closed");
                if suspect {
                    settle::settle_suspect(client, owner, &chunk, known).await
                } else {
                    settle::settle_new(client, owner, &chunk, known).await
                }
            };
            match outcome {
                Ok(attempt) => {
                    self.succeeded();
                    return (chunk.key, attempt);
                }
                Err(error) => {
                    self.failed(&error);
                    backoff.pause().await;
                    if suspect && let Some(newer) = self.read_known(&chunk.key).await {
                        known = Some(newer);
                    }
                }
            }
        }
    }

    async fn read_known(&self, key: &ChunkKey) -> Option<Known> {
        epochs::known(&self.client, &self.owner, key.landing_epoch).await.ok()?.get(key).copied()
    }

    async fn until_done<F: Future<Output = Result<(), Error>>>(&self, mut attempt: impl FnMut() -> F) {
        let mut backoff = Backoff::new(FIRST_PAUSE, LONGEST_PAUSE);
        while let Err(error) = attempt().await {
            self.failed(&error);
            backoff.pause().await;
        }
        self.succeeded();
    }

    fn failed(&self, error: &Error) {
        tracing::warn!(%error, table_set = self.owner.table_set, "landing failed, will be tried again");
        self.report.send_modify(|progress| {
            progress.retries += 1;
            progress.last_error = Some(error.to_string());
            progress.needs_attention = !error.is_transient();
            progress.failing_since.get_or_insert_with(Instant::now);
        });
    }

    fn succeeded(&self) {
        self.report.send_if_modified(|progress| {
            progress.needs_attention = false;
            progress.last_error = None;
            progress.failing_since.take().is_some()
        });
    }

    fn landed(&self, wave: &[LandingEpoch]) {
        self.report.send_modify(|progress| {
            for epoch in wave {
                progress.landed = progress.landed.max(Some(epoch.landing_epoch));
                progress.waiting -= 1;
                progress.chunks += epoch.chunks.len() as u64;
                progress.rows += epoch.chunks.iter().map(|chunk| chunk.rows).sum::<u64>();
            }
        });
    }
}

fn complete<'a>(epoch: &'a LandingEpoch, attempts: &BTreeMap<ChunkKey, u32>) -> Complete<'a> {
    let chunks = epoch.chunks.iter().map(|chunk| (chunk, attempts[&chunk.key])).collect();
    Complete { landing_epoch: epoch.landing_epoch, chunks }
}
