//! Which part of the log an answer reflects, and waiting until it reflects more.
//!
//! The sequencer announces each epoch before it feeds it; the dataflow's frontier completes epochs. A reader that finds
//! a bin already in a later epoch than the frontier can therefore still say exactly what its answer reflects.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};
use records::Timestamp;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

/// Announced epochs that are remembered until the frontier passes them. A sequencer keeps far fewer in flight; if it
/// ever did not, the oldest are forgotten and answers name an earlier epoch, which is still true.
const ANNOUNCED_MAX: usize = 4_096;

/// The end of one partition: every record with a smaller offset is reflected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema)]
pub struct PartitionEnd {
    /// The lane: 0 facts, 1 activity.
    pub lane: u8,
    /// The partition of the lane.
    pub partition: u16,
    /// The first offset that is not reflected.
    pub end: u64,
}

/// What an answer reflects. In JSON: `{"epoch", "incarnation", "log_time", "offsets": [{"lane", "partition", "end"}]}`,
/// `log_time` in microseconds since 1970, `incarnation` as 16 hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
pub struct AsOf {
    /// The epoch; 0 before the first.
    pub epoch: u64,
    /// The incarnation of the log.
    #[serde(with = "crate::digits")]
    #[schemars(with = "String")]
    pub incarnation: u64,
    /// Every record with a log time up to this one is reflected.
    pub log_time: Timestamp,
    /// The end of every partition that has records, sorted.
    pub offsets: Arc<[PartitionEnd]>,
}

/// What a reader wants to see before it reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    /// This epoch.
    Epoch(u64),
    /// This record: what a client that has just written asks for.
    Offset {
        /// The lane.
        lane: u8,
        /// The partition.
        partition: u16,
        /// The record's offset.
        offset: u64,
    },
    /// Everything up to this log time.
    LogTime(Timestamp),
}

impl AsOf {
    /// Returns whether what is wanted is reflected.
    pub fn reflects(&self, wanted: Wanted) -> bool {
        match wanted {
            Wanted::Epoch(epoch) => self.epoch >= epoch,
            Wanted::LogTime(time) => self.log_time >= time,
            Wanted::Offset { lane, partition, offset } => {
                self.offsets.iter().any(|end| (end.lane, end.partition) == (lane, partition) && end.end > offset)
            }
        }
    }
}

#[derive(Debug)]
struct Shared {
    announced: Mutex<VecDeque<AsOf>>,
    // Only for threads that wait without a runtime; the value itself lives in the watch.
    blocked: Mutex<()>,
    moved: Condvar,
}

/// The sequencer's half: says what each epoch will reflect, before any of its rows is fed.
#[derive(Debug)]
pub struct Announcer(Arc<Shared>);

/// The frontier's half: says which epochs are complete. There is exactly one.
#[derive(Debug)]
pub struct Frontier {
    shared: Arc<Shared>,
    current: watch::Sender<AsOf>,
}

/// The readers' half.
#[derive(Debug, Clone)]
pub struct Progress {
    shared: Arc<Shared>,
    current: watch::Receiver<AsOf>,
}

/// Opens the channel between sequencer, frontier and readers. `start` is what the restored state reflects.
pub fn channel(start: AsOf) -> (Announcer, Frontier, Progress) {
    let shared = Arc::new(Shared { announced: Mutex::default(), blocked: Mutex::new(()), moved: Condvar::new() });
    let (sender, receiver) = watch::channel(start);
    (
        Announcer(Arc::clone(&shared)),
        Frontier { shared: Arc::clone(&shared), current: sender },
        Progress { shared, current: receiver },
    )
}

impl Announcer {
    /// Says what an epoch will reflect. Epochs only grow.
    pub fn announce(&self, as_of: AsOf) {
        let mut announced = self.0.announced.lock();
        debug_assert!(announced.back().is_none_or(|last| last.epoch < as_of.epoch), "epochs only grow");
        if announced.len() == ANNOUNCED_MAX {
            announced.pop_front();
        }
        announced.push_back(as_of);
    }
}

impl Frontier {
    /// Publishes that every epoch up to `epoch` is complete in all views. Returns whether that was news.
    pub fn complete(&mut self, epoch: u64) -> bool {
        let Some(as_of) = self.take(epoch) else { return false };
        debug_assert!(as_of.epoch > self.current.borrow().epoch, "views move forward only");
        self.current.send_replace(as_of);
        // Taking the lock between the change and the wake-up: a waiter is either before its check or asleep.
        drop(self.shared.blocked.lock());
        self.shared.moved.notify_all();
        true
    }

    /// The newest announcement up to `epoch`; older ones are forgotten, this one stays for readers.
    fn take(&self, epoch: u64) -> Option<AsOf> {
        let mut announced = self.shared.announced.lock();
        let passed = announced.iter().take_while(|as_of| as_of.epoch <= epoch).count();
        announced.drain(..passed).next_back()
    }
}

impl Progress {
    /// What every view reflects at least.
    pub fn current(&self) -> AsOf {
        self.current.borrow().clone()
    }

    /// The epoch that every view reflects at least.
    pub fn epoch(&self) -> u64 {
        self.current.borrow().epoch
    }

    /// What `epoch` reflects, if it was announced and is not behind the frontier; else what the frontier reflects.
    pub fn at(&self, epoch: u64) -> AsOf {
        let current = self.current();
        if epoch <= current.epoch {
            return current;
        }
        let announced = self.shared.announced.lock();
        match announced.binary_search_by_key(&epoch, |as_of| as_of.epoch) {
            Ok(place) => announced[place].clone(),
            // The frontier may have passed meanwhile.
            Err(_) => self.current(),
        }
    }

    /// Blocks this thread until what is wanted is reflected; none when `timeout` passes first.
    pub fn wait_for(&self, wanted: Wanted, timeout: Duration) -> Option<AsOf> {
        let deadline = Instant::now() + timeout;
        let mut guard = self.shared.blocked.lock();
        loop {
            let current = self.current();
            if current.reflects(wanted) {
                return Some(current);
            }
            if self.shared.moved.wait_until(&mut guard, deadline).timed_out() {
                return Some(self.current()).filter(|current| current.reflects(wanted));
            }
        }
    }

    /// Waits as [`Progress::wait_for`] does, without a thread.
    pub async fn reflected(&self, wanted: Wanted, timeout: Duration) -> Option<AsOf> {
        let mut receiver = self.current.clone();
        let found = tokio::time::timeout(timeout, receiver.wait_for(|as_of| as_of.reflects(wanted))).await;
        // Both the time-out and a dataflow that has stopped mean: not reflected.
        found.ok()?.ok().map(|as_of| as_of.clone())
    }

    /// Waits until the frontier is past `epoch`; false when the dataflow has stopped and it never will be.
    pub async fn past(&self, epoch: u64) -> bool {
        self.current.clone().wait_for(|as_of| as_of.epoch > epoch).await.is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn as_of(epoch: u64) -> AsOf {
        let end = PartitionEnd { lane: 1, partition: 3, end: epoch * 10 };
        AsOf { epoch, incarnation: 1, log_time: Timestamp(epoch.cast_signed() * 100), offsets: [end].into() }
    }

    #[test]
    fn the_frontier_publishes_the_newest_complete_epoch() {
        let (announcer, mut frontier, progress) = channel(AsOf::default());
        (1..=4).for_each(|epoch| announcer.announce(as_of(epoch)));
        assert!(frontier.complete(2));
        assert_eq!(progress.current(), as_of(2));
        assert_eq!(progress.at(4), as_of(4), "an epoch in flight is known");
        assert_eq!(progress.at(1), as_of(2), "an old epoch is covered by the frontier");
        assert!(!frontier.complete(2), "nothing new");
        assert!(frontier.complete(9), "coalesced epochs end at the newest announced");
        assert_eq!(progress.epoch(), 4);
    }

    #[test]
    fn offsets_are_reflected_below_the_end() {
        let seen = as_of(2);
        let offset = |offset| Wanted::Offset { lane: 1, partition: 3, offset };
        assert!(seen.reflects(offset(19)) && !seen.reflects(offset(20)));
        assert!(!seen.reflects(Wanted::Offset { lane: 0, partition: 3, offset: 0 }));
        assert!(seen.reflects(Wanted::LogTime(Timestamp(200))) && !seen.reflects(Wanted::LogTime(Timestamp(201))));
    }

    #[test]
    fn a_blocked_reader_sees_its_offset_or_its_time_out() {
        let (announcer, mut frontier, progress) = channel(AsOf::default());
        assert_eq!(progress.wait_for(Wanted::Epoch(1), Duration::from_millis(1)), None);
        let wanted = Wanted::Offset { lane: 1, partition: 3, offset: 25 };
        let waiter = std::thread::spawn({
            let progress = progress.clone();
            move || progress.wait_for(wanted, Duration::from_secs(60))
        });
        for epoch in 1..=3 {
            announcer.announce(as_of(epoch));
            frontier.complete(epoch);
        }
        assert_eq!(waiter.join().unwrap(), Some(as_of(3)));
    }

    #[test]
    fn a_task_sees_its_epoch_or_the_end() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let (announcer, mut frontier, progress) = channel(AsOf::default());
        announcer.announce(as_of(1));
        frontier.complete(1);
        runtime.block_on(async {
            assert_eq!(progress.reflected(Wanted::Epoch(1), Duration::from_secs(1)).await, Some(as_of(1)));
            assert!(progress.past(0).await);
            drop(frontier);
            assert!(!progress.past(1).await);
            assert_eq!(progress.reflected(Wanted::Epoch(2), Duration::from_secs(60)).await, None);
        });
    }
}
