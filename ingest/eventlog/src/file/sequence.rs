//! Puts frames in order: room, verdict, stamp, queue, group commit.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use bytes::Bytes;
use parking_lot::{Condvar, Mutex, MutexGuard};
use records::time::Timestamp;
use tracing::error;

use super::describe::Description;
use super::format::{FrameHead, encode_hashes};
use super::options::{FileOptions, Writers};
use super::space::Space;
use super::store::Store;
use super::writer::{Queued, Writer};
use crate::admit::{Admission, Fence};
use crate::check::check;
use crate::clock::Clock;
use crate::codec::Codec;
use crate::error::AppendError;
use crate::frame::{Appended, NewFrame, Voided};
use crate::lane::Lane;
use crate::log::LaneStatus;
use crate::ticket::{Settle, Ticket, ticket};

/// Most bytes in one commit: one write of this size takes some milliseconds, and what follows shares the next.
const GROUP_BYTES: usize = 8 << 20;

/// Most frames in one commit, for the same reason.
const GROUP_FRAMES: usize = 4096;

/// A lane that has waited this long for the clock's company has enough of it.
const ENOUGH_COMPANY: usize = 1 << 20;

/// Everything that the log's threads share.
pub(crate) struct Core {
    pub(crate) options: FileOptions,
    pub(crate) description: Description,
    pub(crate) space: Space,
    pub(crate) stores: Vec<Arc<Store>>,
    clock: Box<dyn Clock>,
    writers: Vec<Mutex<Writer>>,
    admissions: Vec<Vec<Mutex<Admission>>>,
    order: Mutex<Order>,
    /// One per lane: something is queued, or the log closes.
    work: [Condvar; 3],
    /// A queue has become shorter.
    room: Condvar,
    /// Something has become durable.
    grown: Condvar,
}

/// The log's one order. Held for instants only: stamping, queueing, publishing.
struct Order {
    /// The last log time given out or ruled out.
    last: Timestamp,
    newest_durable: Timestamp,
    lanes: [Queue; 3],
    poisoned: Option<Arc<str>>,
    closed: bool,
}

#[derive(Default)]
struct Queue {
    frames: VecDeque<Queued>,
    /// Bytes promised, queued or being written.
    bytes: usize,
    /// Log times of frames that are not durable yet, ascending.
    stamps: VecDeque<Timestamp>,
    /// The next offset of each partition.
    next: Vec<crate::lane::Offset>,
    /// When the oldest queued frame came.
    since: Option<Instant>,
    /// When the last group was taken.
    taken: Option<Instant>,
    figures: LaneStatus,
}

/// A frame that is ready but for its place.
struct Prepared {
    frame: NewFrame,
    codec: Codec,
    stored: Bytes,
    hashes: Vec<u8>,
    body_crc: u32,
    hashes_crc: u32,
    content_crc: u32,
}

impl Prepared {
    fn new(frame: NewFrame, codecs: [Codec; 3]) -> Self {
        let content_crc = crc32c::crc32c(&frame.body);
        let (codec, stored) = codecs[frame.lane.index()].compress(frame.body.clone());
        let body_crc = if codec == Codec::None { content_crc } else { crc32c::crc32c(&stored) };
        let hashes = encode_hashes(&frame.dedup);
        let hashes_crc = crc32c::crc32c(&hashes);
        Self { frame, codec, stored, hashes, body_crc, hashes_crc, content_crc }
    }

    /// An upper bound of the bytes in the file.
    fn bytes(&self) -> usize {
        super::format::FRAME_HEAD + self.frame.rows as usize / 8 + 8 + self.hashes.len() + self.stored.len()
    }

    fn queued(self, voided: Voided, fence: Fence, first: crate::lane::Offset, log_time: Timestamp) -> Queued {
        let head = FrameHead {
            lane: self.frame.lane,
            partition: self.frame.partition,
            codec: self.codec,
            stored_len: u32::try_from(self.stored.len()).expect("bodies are at most 64 MiB"),
            body_len: u32::try_from(self.frame.body.len()).expect("bodies are at most 64 MiB"),
            rows: self.frame.rows,
            hashes: u32::try_from(self.frame.dedup.len()).expect("one per row at most"),
            body_crc: self.body_crc,
            hashes_crc: self.hashes_crc,
            content_crc: self.content_crc,
            first,
            log_time,
            claim: self.frame.claim,
            voided,
            lost: false,
            group_start: 0,
        };
        Queued { head, hashes: self.hashes, stored: self.stored, fence, settle: None }
    }
}

impl Core {
    pub(crate) fn new(
        options: FileOptions,
        description: Description,
        clock: Box<dyn Clock>,
        space: Space,
        stores: Vec<Arc<Store>>,
        writers: Vec<Mutex<Writer>>,
        admissions: Vec<Vec<Mutex<Admission>>>,
    ) -> Self {
        let last = stores.iter().map(|store| store.with_active(|active| active.index.last)).max();
        let last = last.unwrap_or(Timestamp::MIN);
        let queue = |lane: Lane| Queue { next: stores[lane.index()].ends(), ..Queue::default() };
        let order = Order { last, newest_durable: last, lanes: Lane::ALL.map(queue), poisoned: None, closed: false };
        Self {
            options,
            description,
            space,
            stores,
            clock,
            writers,
            admissions,
            order: Mutex::new(order),
            work: Default::default(),
            room: Condvar::new(),
            grown: Condvar::new(),
        }
    }

    pub(crate) fn submit(&self, frames: Vec<NewFrame>) -> Result<Ticket, AppendError> {
        check(&frames, self.description.partitions)?;
        let lanes: BTreeSet<Lane> = frames.iter().map(|frame| frame.lane).collect();
        self.check_space(&lanes)?;
        let prepared: Vec<Prepared> =
            frames.into_iter().map(|frame| Prepared::new(frame, self.options.codecs)).collect();
        self.reserve(&prepared)?;
        let (ticket, settle) = self.order(prepared, lanes.len())?;
        drop(settle);
        if self.options.writers == Writers::Inline {
            for lane in &lanes {
                while self.commit_group(*lane) {}
            }
        }
        Ok(ticket)
    }

    fn check_space(&self, lanes: &BTreeSet<Lane>) -> Result<(), AppendError> {
        let Some(lane) = lanes.iter().find(|lane| !self.space.admits(**lane)) else { return Ok(()) };
        self.order.lock().lanes[lane.index()].figures.refused += 1;
        Err(AppendError::NoSpace { lane: *lane, free_bytes: self.space.free() })
    }

    /// Waits for room in the queues and takes it. Done before anything is judged: a verdict cannot be taken back.
    fn reserve(&self, prepared: &[Prepared]) -> Result<(), AppendError> {
        let mut wanted = [0; 3];
        prepared.iter().for_each(|frame| wanted[frame.frame.lane.index()] += frame.bytes());
        let deadline = Instant::now() + self.options.submit_wait;
        let mut order = self.order.lock();
        loop {
            order.accepts()?;
            let limit = self.options.queue_bytes;
            // A submission larger than the queue may have the whole queue.
            let full = |lane: &Lane| {
                let (queued, wanted) = (order.lanes[lane.index()].bytes, wanted[lane.index()]);
                queued > 0 && wanted > 0 && queued + wanted > limit
            };
            let Some(lane) = Lane::ALL.into_iter().find(full) else { break };
            if self.room.wait_until(&mut order, deadline).timed_out() {
                order.lanes[lane.index()].figures.refused += 1;
                return Err(AppendError::Busy { lane });
            }
        }
        for (queue, wanted) in order.lanes.iter_mut().zip(wanted) {
            queue.bytes += wanted;
        }
        Ok(())
    }

    /// Judges, stamps and queues. The partitions stay locked from verdict to stamp, so that both have one order.
    fn order(&self, prepared: Vec<Prepared>, lanes: usize) -> Result<(Ticket, Settle), AppendError> {
        // Ascending, as everybody locks them: no two submissions can wait for each other.
        let places: BTreeSet<_> = prepared.iter().map(|frame| (frame.frame.lane, frame.frame.partition)).collect();
        let places: Vec<_> = places.into_iter().collect();
        let mut held: Vec<MutexGuard<'_, Admission>> =
            places.iter().map(|(lane, partition)| self.admissions[lane.index()][partition.index()].lock()).collect();
        let mut judged = Vec::with_capacity(prepared.len());
        for frame in prepared {
            let place = (frame.frame.lane, frame.frame.partition);
            let admission = &mut held[places.binary_search(&place).expect("every frame's place is there")];
            let voided = admission.admit(frame.frame.claim.as_ref(), frame.frame.rows, &frame.frame.dedup);
            judged.push((frame, voided, admission.fence()));
        }
        let mut order = self.order.lock();
        order.accepts()?;
        let now = self.clock.now();
        let mut last_of_lane = [None; 3];
        let mut appended = Vec::with_capacity(judged.len());
        for (frame, voided, fence) in judged {
            let lane = frame.frame.lane;
            appended.push(order.push(frame, voided, fence, now));
            last_of_lane[lane.index()] = Some(order.lanes[lane.index()].frames.len() - 1);
        }
        let (ticket, settle) = ticket(lanes, appended);
        for (lane, last) in last_of_lane.into_iter().enumerate() {
            let Some(last) = last else { continue };
            order.lanes[lane].frames[last].settle = Some(settle.clone());
            self.work[lane].notify_one();
        }
        Ok((ticket, settle))
    }

    /// Commits what is queued in a lane, up to the size of a group; false when nothing is.
    fn commit_group(&self, lane: Lane) -> bool {
        let mut writer = self.writers[lane.index()].lock();
        let mut group = self.order.lock().take_group(lane);
        if group.is_empty() {
            return false;
        }
        let start = Instant::now();
        match writer.commit(&mut group, &self.space) {
            Ok(()) => self.publish(lane, group, start.elapsed()),
            Err(error) => self.poison(&format!("writing {lane}: {error}"), group),
        }
        true
    }

    fn publish(&self, lane: Lane, group: Vec<Queued>, took: Duration) {
        self.space.refresh();
        let mut order = self.order.lock();
        order.published(lane, &group, took);
        drop(order);
        self.grown.notify_all();
        self.room.notify_all();
        group.into_iter().filter_map(|queued| queued.settle).for_each(|settle| settle.part(Ok(())));
    }

    /// Makes the log read-only and tells everybody who waits. Stamps stay in flight: the bound stops there.
    fn poison(&self, reason: &str, group: Vec<Queued>) {
        error!(reason, "the log is read-only until it is opened again");
        let mut order = self.order.lock();
        let reason: Arc<str> = order.poisoned.get_or_insert_with(|| reason.into()).clone();
        let mut lost = group;
        for queue in &mut order.lanes {
            lost.extend(queue.frames.drain(..));
            queue.since = None;
        }
        drop(order);
        self.room.notify_all();
        self.grown.notify_all();
        for settle in lost.into_iter().filter_map(|queued| queued.settle) {
            settle.part(Err(AppendError::Poisoned { reason: reason.clone() }));
        }
    }

    pub(crate) fn bound(&self) -> Timestamp {
        let mut order = self.order.lock();
        let now = self.clock.now();
        order.bound(now)
    }

    pub(crate) fn wait_past(&self, bound: Timestamp, timeout: Duration) -> Timestamp {
        let deadline = Instant::now() + timeout;
        let mut order = self.order.lock();
        // Not the newest frame alone: while an older one of another lane is on its way, the bound cannot move.
        while order.newest_durable.min(order.reachable()) <= bound {
            if self.grown.wait_until(&mut order, deadline).timed_out() {
                break;
            }
        }
        let now = self.clock.now();
        order.bound(now)
    }

    pub(crate) fn figures(&self) -> (Vec<LaneStatus>, Option<String>) {
        let order = self.order.lock();
        let figures = |queue: &Queue| LaneStatus { queued_bytes: queue.bytes, ..queue.figures.clone() };
        (order.lanes.iter().map(figures).collect(), order.poisoned.as_deref().map(str::to_owned))
    }

    /// Refuses new frames and lets the writers finish what is queued.
    pub(crate) fn close(&self) {
        self.order.lock().closed = true;
        self.work.iter().for_each(|work| {
            work.notify_all();
        });
        self.room.notify_all();
        self.grown.notify_all();
    }

    /// Waits until a lane has a group worth committing; false when the log is closed and nothing is left.
    fn wait_for_work(&self, lane: Lane) -> bool {
        let every = self.options.group_every[lane.index()];
        let mut order = self.order.lock();
        loop {
            let queue = &order.lanes[lane.index()];
            // A lane that was quiet for long enough has nothing to wait for.
            let due = queue.taken.map(|taken| taken + every).filter(|due| *due > Instant::now());
            match (queue.since, due) {
                (None, _) if order.closed => return false,
                (None, _) => self.work[lane.index()].wait(&mut order),
                (Some(_), Some(due)) if !order.closed && queue.bytes < ENOUGH_COMPANY => {
                    _ = self.work[lane.index()].wait_until(&mut order, due);
                }
                (Some(_), _) => return true,
            }
        }
    }
}

impl Order {
    fn accepts(&self) -> Result<(), AppendError> {
        match &self.poisoned {
            Some(reason) => Err(AppendError::Poisoned { reason: reason.clone() }),
            None if self.closed => Err(AppendError::Closed),
            None => Ok(()),
        }
    }

    fn push(&mut self, frame: Prepared, voided: Voided, fence: Fence, now: Timestamp) -> Appended {
        self.last = now.max(Timestamp(self.last.0 + 1));
        let queue = &mut self.lanes[frame.frame.lane.index()];
        let first = queue.next[frame.frame.partition.index()];
        let promised = frame.bytes();
        let queued = frame.queued(voided, fence, first, self.last);
        queue.bytes = queue.bytes + queued.len() - promised;
        queue.next[queued.head.partition.index()] = queued.head.end();
        queue.stamps.push_back(self.last);
        queue.since.get_or_insert_with(Instant::now);
        let appended = Appended {
            lane: queued.head.lane,
            partition: queued.head.partition,
            first,
            rows: queued.head.rows,
            log_time: self.last,
            voided_rows: queued.head.voided.count(queued.head.rows),
        };
        queue.frames.push_back(queued);
        appended
    }

    fn take_group(&mut self, lane: Lane) -> Vec<Queued> {
        let queue = &mut self.lanes[lane.index()];
        queue.taken = Some(Instant::now());
        let mut bytes = 0;
        let fits = queue.frames.iter().take(GROUP_FRAMES).take_while(|queued| {
            let first = bytes == 0;
            bytes += queued.len();
            first || bytes <= GROUP_BYTES
        });
        let count = fits.count();
        let group = queue.frames.drain(..count).collect();
        // What is left has waited long enough: its time goes on counting from where it was.
        if queue.frames.is_empty() {
            queue.since = None;
        }
        group
    }

    fn published(&mut self, lane: Lane, group: &[Queued], took: Duration) {
        let queue = &mut self.lanes[lane.index()];
        queue.stamps.drain(..group.len());
        let figures = &mut queue.figures;
        for queued in group {
            queue.bytes -= queued.len();
            figures.frames += 1;
            figures.rows += u64::from(queued.head.rows);
            figures.voided_rows += u64::from(queued.head.voided.count(queued.head.rows));
            self.newest_durable = self.newest_durable.max(queued.head.log_time);
        }
        figures.groups += 1;
        figures.sync_time += took;
        figures.longest_sync = figures.longest_sync.max(took);
    }

    /// The latest log time that no frame on its way precedes.
    fn reachable(&self) -> Timestamp {
        let oldest = self.lanes.iter().filter_map(|queue| queue.stamps.front()).min();
        oldest.map_or(Timestamp::MAX, |oldest| Timestamp(oldest.0 - 1))
    }

    fn bound(&mut self, now: Timestamp) -> Timestamp {
        let reachable = self.reachable();
        if reachable == Timestamp::MAX {
            self.last = self.last.max(now);
            return self.last;
        }
        reachable
    }
}

/// Starts one writer thread per lane.
pub(crate) fn spawn(core: &Arc<Core>) -> std::io::Result<Vec<JoinHandle<()>>> {
    Lane::ALL
        .into_iter()
        .map(|lane| {
            let core = core.clone();
            std::thread::Builder::new().name(format!("log-{lane}")).spawn(move || {
                let guard = PoisonOnPanic(&core);
                while core.wait_for_work(lane) {
                    core.commit_group(lane);
                }
                drop(guard);
            })
        })
        .collect()
}

/// A writer that dies must not leave submitters waiting for ever.
struct PoisonOnPanic<'a>(&'a Core);

impl Drop for PoisonOnPanic<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.poison("a writer thread panicked", Vec::new());
        }
    }
}
