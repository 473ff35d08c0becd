//! The loop that sends: for each endpoint and partition one stream, in order; streams wait for nobody but themselves.
//!
//! A stream reads the log from its cursor on, sends what the endpoint wants, and what became of it is decided at the desk. Streams
//! that fail have a share of their own, so that many dead endpoints leave the others their room.

use std::collections::{BTreeMap, BTreeSet};
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use eventlog::{EventLog, Lane, Offset, PartitionId, ReadLimits};
use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use records::webhook::{Answer, Delivery, Topic};
use records::{EndpointId, FactRow, OrganizationId, Span};
use rules::domains::Order;
use rules::webhooks::{Command, Cursor, Hook, Wish, id_of};

use super::payload;
use super::send::{Letter, Outcome, Sender};
use super::sign::Key;
use crate::Api;
use crate::problem::Problem;

/// Streams that send at once; each holds one webhook and a piece of the log.
const STREAMS_MAX: usize = 64;
/// Of these, streams whose last try was in vain.
const FAILING_MAX: usize = 16;
/// Streams of one endpoint that send at once.
const OF_ENDPOINT_MAX: usize = 4;
/// Webhooks of one stream before what became of them is decided.
const BATCH: usize = 32;
/// Or so long: what was sent and is not decided yet is sent again after a crash.
const BATCH_WITHIN: Duration = Duration::from_secs(2);
/// Facts that are read at once.
const READ: ReadLimits = ReadLimits { max_bytes: 1 << 20, max_rows: 1_024, up_to: records::Timestamp::MAX };
/// Facts without news for an endpoint after which its cursor is moved nevertheless: what is read again after a start.
const SKIP: u64 = 512;

/// Something to be told.
#[derive(Debug)]
pub(super) struct Due {
    pub(super) organization: OrganizationId,
    pub(super) endpoint: EndpointId,
    pub(super) source: u16,
    pub(super) cursor: Cursor,
    /// Behind the newest cause.
    pub(super) end: u64,
    pub(super) hook: Hook,
}

type Stream = (OrganizationId, EndpointId, u16);
type Running = Pin<Box<dyn Future<Output = Report> + Send>>;

/// What a stream did.
#[derive(Debug)]
struct Report {
    stream: Stream,
    /// Where its cursor stood.
    from: u64,
    /// Up to where everything was told.
    next: u64,
    deliveries: Vec<Delivery>,
    failed: Option<Failed>,
}

#[derive(Debug)]
struct Failed {
    cause: u64,
    topic: Topic,
    answer: Answer,
    wait: Span,
    gone: bool,
}

/// Sends webhooks for as long as it is asked to.
pub struct Pump {
    sender: Sender,
    running: FuturesUnordered<Running>,
    /// What is to be decided.
    done: Vec<Report>,
    /// Streams that are on their way, and whether their last try was in vain.
    busy: BTreeMap<Stream, bool>,
    /// Up to where a stream found nothing, while its cursor stands where it stood then.
    looked: BTreeMap<Stream, (u64, u64)>,
}

impl std::fmt::Debug for Pump {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pump").field("busy", &self.busy).finish_non_exhaustive()
    }
}

impl Pump {
    /// A pump; `private` says whether webhooks may go to private addresses, and without TLS.
    ///
    /// # Errors
    /// When the system's certificates cannot be read.
    pub fn new(private: bool) -> std::io::Result<Self> {
        let sender = Sender::new(private)?;
        let running = FuturesUnordered::new();
        Ok(Self { sender, running, done: Vec::new(), busy: BTreeMap::new(), looked: BTreeMap::new() })
    }

    /// Has decided what became of what was sent, and begins to send what is due, as far as there is room.
    pub async fn turn(&mut self, api: &Api) {
        for report in std::mem::take(&mut self.done) {
            self.settle(api, report).await;
        }
        self.start(api);
    }

    fn start(&mut self, api: &Api) {
        let due = api.hooks.waiting(api.clock.now());
        let known: BTreeSet<Stream> = due.iter().map(|due| (due.organization, due.endpoint, due.source)).collect();
        self.looked.retain(|stream, _| known.contains(stream));
        // Those that work come first.
        let (failing, well): (Vec<Due>, Vec<Due>) = due.into_iter().partition(|due| due.cursor.attempts > 0);
        for due in well.into_iter().chain(failing) {
            let stream = (due.organization, due.endpoint, due.source);
            let begin = match self.looked.get(&stream) {
                Some((cursor, looked)) if *cursor == due.cursor.next => *looked,
                _ => due.cursor.next,
            };
            let fails = due.cursor.attempts > 0;
            if begin < due.end && !self.busy.contains_key(&stream) && self.has_room(stream, fails) {
                self.busy.insert(stream, fails);
                self.running.push(Box::pin(work(self.sender.clone(), api, due, begin)));
            }
        }
    }

    fn has_room(&self, (organization, endpoint, _): Stream, fails: bool) -> bool {
        let own = self.busy.range((organization, endpoint, 0)..=(organization, endpoint, u16::MAX)).count();
        let failing = self.busy.values().filter(|fails| **fails).count();
        self.busy.len() < STREAMS_MAX && own < OF_ENDPOINT_MAX && (!fails || failing < FAILING_MAX)
    }

    /// Waits until a stream is done, or for a while.
    pub async fn wait(&mut self, within: Duration) {
        let done = async {
            match self.running.next().await {
                Some(report) => report,
                None => std::future::pending().await,
            }
        };
        if let Ok(report) = tokio::time::timeout(within, done).await {
            self.done.push(report);
        }
    }

    /// Whether nothing is on its way.
    pub fn is_idle(&self) -> bool {
        self.running.is_empty() && self.done.is_empty()
    }

    async fn settle(&mut self, api: &Api, report: Report) {
        let stream = report.stream;
        let looked = (report.from, report.next);
        let moved = !report.deliveries.is_empty() || report.failed.is_some() || report.next - report.from >= SKIP;
        if moved {
            self.looked.remove(&stream);
            // What is not decided is sent again, under the same ids.
            if let Err(problem) = api.webhooks_sent(report).await {
                tracing::warn!(
                    organization = %stream.0, endpoint = %stream.1, code = problem.code.word(), detail = problem.detail,
                    "webhooks will be sent again"
                );
            }
        } else {
            self.looked.insert(stream, looked);
        }
        self.busy.remove(&stream);
    }
}

impl Api {
    async fn webhooks_sent(&self, report: Report) -> Result<(), Problem> {
        let ((organization, endpoint, source), Report { from, next, deliveries, failed, .. }) = (report.stream, report);
        let ask = async |wish| {
            let order = Order::Webhook(Command { organization, endpoint, wish });
            self.decide(None, None, order).await
        };
        if next > from {
            ask(Wish::Settle { source, from, next, deliveries }).await?;
        }
        let Some(Failed { cause, topic, answer, wait, gone }) = failed else { return Ok(()) };
        tracing::info!(%organization, %endpoint, status = answer.status, "a webhook was not taken");
        ask(Wish::Fail { source, from: next, cause, topic, answer, wait }).await?;
        if gone {
            tracing::warn!(%organization, %endpoint, "an endpoint of webhooks says that it is gone: it waits for somebody");
            ask(Wish::Stop).await?;
        }
        Ok(())
    }
}

/// A piece of a partition: the facts of an organization that are causes, and where it ends.
type Piece = (Vec<(u64, FactRow)>, u64);

fn read(log: &dyn EventLog, organization: OrganizationId, source: u16, from: u64) -> Option<Piece> {
    let frames = log.read(Lane::Facts, PartitionId(source), Offset(from), READ);
    let frames = frames.inspect_err(|error| tracing::warn!(%error, source, "webhooks wait for the log")).ok()?;
    let (mut causes, mut end) = (Vec::new(), from);
    for frame in frames {
        end = frame.end().0;
        if frame.body.is_empty() {
            continue;
        }
        let Ok(rows) = records::fact::decode(&frame.body) else { continue };
        for (number, row) in (0..).zip(rows) {
            let offset = frame.first.0 + u64::from(number);
            let ours = row.organization == organization && payload::topic(&row).is_some();
            if ours && offset >= from && frame.counts(number) {
                causes.push((offset, row));
            }
        }
    }
    Some((causes, end))
}

/// Sends what a stream has, up to the end of what it read, the first that is not taken, or the end of its time.
fn work(sender: Sender, api: &Api, due: Due, begin: u64) -> impl Future<Output = Report> + Send + use<> {
    let (log, clock) = (Arc::clone(&api.log), Arc::clone(&api.clock));
    let keys: Vec<Key> = api.webhook_keys(due.organization, &due.hook, clock.now());
    async move {
        let Due { organization, endpoint, source, cursor, hook, .. } = due;
        let stream = (organization, endpoint, source);
        let mut report = Report { stream, from: cursor.next, next: begin, deliveries: Vec::new(), failed: None };
        let piece = tokio::task::spawn_blocking(move || read(&*log, organization, source, begin)).await;
        let Ok(Some((causes, end))) = piece else { return report };
        let began = Instant::now();
        for (cause, row) in causes {
            let Some(topic) = payload::topic(&row) else { continue };
            let mine = payload::only(&row).map_or_else(|| hook.wants(topic), |only| only == endpoint);
            if !mine {
                continue;
            }
            if report.deliveries.len() >= BATCH || began.elapsed() >= BATCH_WITHIN {
                report.next = cause;
                return report;
            }
            let offset = crate::writes::Offset { partition: source, offset: cause };
            let Some(message) = payload::message(&row, offset) else { continue };
            let body = serde_json::to_vec(&message).expect("a webhook has text keys only");
            let id = id_of(endpoint, source, cause);
            let seconds = clock.now().seconds();
            let letter = Letter { url: &hook.spec.url, id: &id, seconds, keys: &keys, body: body.into() };
            let (answer, wait, gone) = match sender.send(letter).await {
                Outcome::Taken(answer) => {
                    // Tries before belong to the first that is sent.
                    let attempt = if report.deliveries.is_empty() { cursor.attempts + 1 } else { 1 };
                    report.deliveries.push(Delivery { cause, topic, attempt, answer });
                    report.next = cause + 1;
                    continue;
                }
                Outcome::Refused(answer, wait) => (answer, wait, false),
                Outcome::Gone(answer) => (answer, Span::ZERO, true),
            };
            report.next = cause;
            report.failed = Some(Failed { cause, topic, answer, wait, gone });
            return report;
        }
        report.next = end;
        report
    }
}
