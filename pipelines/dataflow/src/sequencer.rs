//! The sequencer: cuts the log into epochs, binds them durably, replays bound ones exactly.

use std::collections::BTreeSet;
use std::sync::Arc;

use eventlog::{EventLog, Frame, Incarnation, Lane, Offset, ReadError};
use parking_lot::Mutex;
use records::{Timestamp, fact};
use views::as_of::AsOf;

use crate::aside::{Asides, Plan, SetAside};
use crate::binding::{Aside, Binding, End, Entry, Skip};
use crate::config::Config;
use crate::cursors::Cursors;
use crate::epoch::{Checkpoint, Dealt, Depth, Epoch, EpochEnd, Place, SkippedRows};
use crate::replay::Replay;
use crate::source::{Source, Taken};
use crate::system::{SystemError, SystemLane};

/// Why no epoch could be cut.
#[derive(Debug, thiserror::Error)]
pub enum SequenceError {
    /// The log cannot be read.
    #[error("reading the log: {0}")]
    Read(#[from] ReadError),
    /// The system lane refuses.
    #[error(transparent)]
    System(#[from] SystemError),
    /// The log is not the one that was bound: a record is missing, or is another one.
    #[error(
        "the log has changed: {lane}/{partition} does not hold up to offset {offset} what epoch {epoch} was bound to"
    )]
    Changed {
        /// The epoch.
        epoch: u64,
        /// The lane that differs.
        lane: Lane,
        /// The partition that differs.
        partition: u16,
        /// Where it should end.
        offset: Offset,
    },
    /// A frame of facts is no JSON that this build reads.
    #[error("facts/{partition} at offset {offset}: {source}")]
    Facts {
        /// The partition.
        partition: u16,
        /// The frame's first offset.
        offset: Offset,
        /// What is wrong with it.
        source: fact::FactError,
    },
}

/// An epoch that is bound and ready to be fed.
pub(crate) struct Cut {
    pub(crate) epoch: Epoch,
    pub(crate) frames: Vec<Dealt>,
    pub(crate) as_of: AsOf,
    /// Whether it is the last one before a stop.
    pub(crate) closing: bool,
}

/// What is asked of the next epoch besides its rows.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Wish {
    /// Cut an epoch even if there is nothing new, and mark it for landing and snapshot if nothing is left after it: the
    /// last one before a stop.
    pub(crate) closing: bool,
    /// Mark it even if something is left: enough was waited for.
    pub(crate) enough: bool,
    /// Whether a marked epoch may be written to disk now.
    pub(crate) snapshot: Option<Depth>,
}

/// An epoch that was cut and not bound yet. Its frames were taken from the source, so it is kept until the log has room
/// for its binding.
struct Unbound {
    frames: Vec<Frame>,
    binding: Binding,
    closing: bool,
}

pub(crate) struct Sequencer {
    log: Arc<dyn EventLog>,
    system: Arc<Mutex<SystemLane>>,
    source: Source,
    unbound: Option<Unbound>,
    config: Config,
    incarnation: Incarnation,
    asides: Asides,
    end: Checkpoint,
    // The highest number that any binding ever had: cut ones are not used again.
    highest: u64,
    // The same when it began.
    bound_before: u64,
    replay: Replay,
    skips: BTreeSet<Skip>,
    snapshot_bound: Timestamp,
    snapshot_rows: u64,
    // The log's bound when it was last looked at.
    looked: Timestamp,
}

/// Where a sequencer goes on.
pub(crate) struct Resume {
    pub(crate) end: Checkpoint,
    /// Numbers start above this one.
    pub(crate) highest: u64,
    /// Bound epochs after `end`.
    pub(crate) replay: Replay,
    pub(crate) skips: BTreeSet<Skip>,
    /// Views that the log sets aside after `end`, and those that are by then.
    pub(crate) asides: BTreeSet<Aside>,
    pub(crate) stopped: Vec<SetAside>,
    /// Landing epochs up to this one may have been handed over before.
    pub(crate) told: u64,
}

impl SequenceError {
    /// Whether the log only has no room now.
    pub fn is_refusal(&self) -> bool {
        matches!(self, Self::System(error) if error.is_refusal())
    }
}

impl Sequencer {
    pub(crate) fn new(
        log: Arc<dyn EventLog>,
        system: Arc<Mutex<SystemLane>>,
        config: Config,
        plan: Plan,
        resume: Resume,
    ) -> Self {
        let source = Source::new(Arc::clone(&log), &resume.end.cursors);
        let incarnation = log.identity().incarnation;
        let (snapshot_bound, snapshot_rows) = (resume.end.progress.bound, resume.end.progress.rows);
        let Resume { end, highest, replay, skips, asides, stopped, .. } = resume;
        let asides = Asides::new(plan, asides, stopped);
        Self {
            log,
            looked: Timestamp::MIN,
            system,
            source,
            unbound: None,
            config,
            incarnation,
            asides,
            end,
            highest,
            bound_before: highest,
            replay,
            skips,
            snapshot_bound,
            snapshot_rows,
        }
    }

    /// Cuts the next epoch; none when there is nothing new and no beat is due. After a refusal of the log nothing is lost:
    /// the next call tries to bind the same epoch.
    pub(crate) fn next(&mut self, wish: Wish) -> Result<Option<Cut>, SequenceError> {
        match self.replay.next()? {
            Some((system, binding)) => self.again(system, &binding, wish).map(Some),
            None => self.bind(wish),
        }
    }

    /// Views that take part in no epoch any more.
    pub(crate) fn set_aside(&self) -> Arc<[SetAside]> {
        self.asides.now()
    }

    /// Epochs that are still to be replayed.
    pub(crate) fn replaying(&self) -> u64 {
        self.replay.len()
    }

    /// Up to where the log was looked at: whoever waits for news waits past this. It is later than the sequencer's own
    /// last entry, which would otherwise wake it at once.
    pub(crate) fn looked(&self) -> Timestamp {
        self.looked
    }

    /// Records of the log that no epoch holds yet.
    pub(crate) fn behind(&self) -> u64 {
        self.end.cursors.behind(&*self.log)
    }

    /// The end of the last epoch.
    pub(crate) fn end(&self) -> &EpochEnd {
        &self.end.progress
    }

    /// Takes the frames of an epoch that was bound before, and proves that they are the same.
    fn again(&mut self, system: Offset, binding: &Binding, wish: Wish) -> Result<Cut, SequenceError> {
        let taken = self.source.take(binding.bound, u64::MAX)?;
        let before = self.end.cursors.clone();
        // Retention has dropped earlier bindings: what is left of their records comes with the first one that is there.
        let gap = binding.previous > self.end.progress.epoch;
        let cut = self.feed(taken.frames, binding, system, wish)?;
        if let Some(end) = self.differs(&before, binding, gap) {
            let End { lane, partition, end: offset, .. } = end;
            return Err(SequenceError::Changed { epoch: binding.epoch, lane, partition, offset });
        }
        Ok(cut)
    }

    fn differs(&self, before: &Cursors, binding: &Binding, gap: bool) -> Option<End> {
        let moved = self.end.cursors.moved_since(before);
        let unbound = |end: &&End| {
            !gap && !binding.ends.iter().any(|bound| (bound.lane, bound.partition) == (end.lane, end.partition))
        };
        let left = binding.ends.iter().filter(|end| !before.starts_beyond(end));
        self.end.cursors.differs(left).or_else(|| moved.iter().find(unbound).copied())
    }

    fn bind(&mut self, wish: Wish) -> Result<Option<Cut>, SequenceError> {
        let kept = self.unbound.take();
        let Some(unbound) = kept.map_or_else(|| self.draft(wish), |kept| Ok(Some(kept)))? else { return Ok(None) };
        let appended = self.system.lock().append(&Entry::Bound(unbound.binding.clone()));
        match appended {
            Ok(system) => {
                let cut = self.feed(unbound.frames, &unbound.binding, system, wish)?;
                Ok(Some(Cut { closing: unbound.closing, ..cut }))
            }
            Err(error) => {
                self.unbound = Some(unbound);
                Err(error.into())
            }
        }
    }

    fn draft(&mut self, wish: Wish) -> Result<Option<Unbound>, SequenceError> {
        self.looked = self.log.bound();
        let Taken { frames, bound, more } = self.source.take(self.looked, self.config.epoch_rows)?;
        let now = &self.end.progress;
        let beat = bound.since(now.bound) >= self.config.beat_every;
        if frames.is_empty() && !beat && !wish.closing {
            return Ok(None);
        }
        let closing = wish.closing && (!more || wish.enough);
        let landing = closing || bound.floor(self.config.landing_every) > now.landing_bound;
        let rows: u64 = frames.iter().map(|frame| u64::from(frame.rows)).sum();
        let due = bound.since(self.snapshot_bound) >= self.config.snapshot_every
            || now.rows + rows >= self.snapshot_rows + self.config.snapshot_rows;
        let mut cursors = self.end.cursors.clone();
        frames.iter().for_each(|frame| cursors.pass(frame));
        let binding = Binding {
            epoch: self.highest + 1,
            previous: now.epoch,
            incarnation: self.incarnation,
            bound,
            ends: cursors.moved_since(&self.end.cursors),
            landing: landing.then_some(now.landing + 1),
            snapshot: landing && (due || closing),
        };
        Ok(Some(Unbound { frames, binding, closing }))
    }

    fn feed(
        &mut self,
        frames: Vec<Frame>,
        binding: &Binding,
        system: Offset,
        wish: Wish,
    ) -> Result<Cut, SequenceError> {
        let places: Vec<Place> = frames.iter().map(Place::of).collect();
        let rows = places.iter().map(|place| u64::from(place.rows)).sum();
        let aside = self.asides.enter(binding.epoch, || self.end.as_of(self.incarnation));
        let dealt = self.fold_facts(frames)?;
        let progress = &mut self.end.progress;
        *progress = EpochEnd {
            epoch: binding.epoch,
            bound: binding.bound,
            landing: binding.landing.unwrap_or(progress.landing),
            landing_bound: binding.landing.map_or(progress.landing_bound, |_| binding.bound),
            system: system.0,
            rows: progress.rows + rows,
        };
        self.highest = self.highest.max(binding.epoch);
        let written = binding.snapshot && binding.landing.is_some() && !self.asides.are_coming();
        let snapshot = wish.snapshot.filter(|_| written);
        if binding.snapshot {
            (self.snapshot_bound, self.snapshot_rows) = (binding.bound, self.end.progress.rows);
        }
        let checkpoint = binding.landing.map(|_| Arc::new(self.end.clone()));
        let (number, bound, landing) = (binding.epoch, binding.bound, binding.landing);
        let (skips, bound_before) = (Vec::new(), self.bound_before);
        let mut epoch =
            Epoch { number, bound, landing, snapshot, places, skips, aside, rows, bound_before, checkpoint };
        epoch.skips = self.skipped(&epoch);
        Ok(Cut { as_of: self.end.as_of(self.incarnation), epoch, frames: dealt, closing: false })
    }

    /// Passes the cursors over the frames, and gives each one the rules as of its place.
    fn fold_facts(&mut self, frames: Vec<Frame>) -> Result<Vec<Dealt>, SequenceError> {
        let mut dealt = Vec::with_capacity(frames.len());
        for (index, frame) in (0..).zip(frames) {
            self.end.cursors.pass(&frame);
            if frame.counted() == 0 {
                continue;
            }
            let facts = if frame.lane == Lane::Facts { Some(self.fold(&frame)?) } else { None };
            dealt.push(Dealt { index, frame, facts, rulebook: Arc::clone(&self.end.rulebook) });
        }
        Ok(dealt)
    }

    fn fold(&mut self, frame: &Frame) -> Result<Vec<fact::FactRow>, SequenceError> {
        let damaged = |source| SequenceError::Facts { partition: frame.partition.0, offset: frame.first, source };
        let facts = fact::decode(&frame.body).map_err(damaged)?;
        let rulebook = Arc::make_mut(&mut self.end.rulebook);
        for (row, fact) in (0..).zip(&facts) {
            if frame.counts(row) {
                rulebook.apply(fact);
            }
        }
        Ok(facts)
    }

    fn skipped(&self, epoch: &Epoch) -> Vec<SkippedRows> {
        let of_epoch = self.skips.iter().filter(|skip| skip.epoch == epoch.number);
        let rows = of_epoch.filter_map(|skip| {
            let view = self.asides.plan().position(&skip.view);
            if view.is_none() && skip.view != Skip::EVERY_VIEW {
                // A view that this build does not have.
                return None;
            }
            Some(SkippedRows { view, first: epoch.seq(&skip.pos)?, rows: skip.rows })
        });
        rows.collect()
    }
}
