//! Bound epochs that are folded again: which ones hold is found in one pass, then they are read as they are needed.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

use eventlog::{EventLog, Lane, Offset};
use tracing::warn;

use crate::binding::{Aside, Binding, Entry, Skip};
use crate::system::{self, SystemError};

/// The bindings after a place in the system lane that hold.
///
/// A binding that follows an earlier epoch takes the place of those between. Nothing counts after the first one that
/// reaches beyond what the lanes hold; such a binding is left when a lane lost its tail although the system lane did
/// not. Nothing of it can have left the process, unless a disk lied about a sync.
pub(crate) struct Replay {
    log: Arc<dyn EventLog>,
    at: Offset,
    ahead: VecDeque<(Offset, Entry)>,
    held: Held,
    scanned_to: Offset,
}

/// What a pass over the system lane finds besides the bindings.
pub(crate) struct Scanned {
    pub(crate) replay: Replay,
    pub(crate) skips: BTreeSet<Skip>,
    pub(crate) asides: BTreeSet<Aside>,
    /// The highest number that any binding has, whether it holds or not.
    pub(crate) highest: u64,
    /// The highest number of a landing epoch.
    pub(crate) landing: u64,
    /// The lowest epoch that a later binding follows: state of a later epoch than this is of a history that was cut.
    pub(crate) follows: Option<u64>,
}

impl Replay {
    /// Looks through the system lane from `from` on.
    pub(crate) fn scan(log: &Arc<dyn EventLog>, from: Offset) -> Result<Scanned, SystemError> {
        let incarnation = log.identity().incarnation;
        let ends = Lane::ALL.map(|lane| log.ends(lane));
        let reaches =
            |lane: Lane, partition: u16| ends[lane.index()].get(usize::from(partition)).copied().unwrap_or_default();
        let (mut held, mut skips, mut asides) = (Held::default(), BTreeSet::new(), BTreeSet::new());
        let (mut highest, mut landing, mut follows, mut bound, mut scanned_to) = (0, 0, None, 0, from);
        let each = |after, entry| {
            scanned_to = after;
            match entry {
                Entry::Bound(binding) if binding.incarnation == incarnation => {
                    (bound, highest) = (bound + 1, highest.max(binding.epoch));
                    follows = Some(follows.map_or(binding.previous, |least: u64| least.min(binding.previous)));
                    landing = landing.max(binding.landing.unwrap_or(0));
                    held.push(&binding, &reaches);
                }
                Entry::Skipped(skip) => drop(skips.insert(skip)),
                Entry::SetAside(aside) => drop(asides.insert(aside)),
                Entry::Bound(_) | Entry::Opened => {}
            }
        };
        system::read_each(&**log, from, each)?;
        held.finish();
        if held.len() < bound {
            let cut = bound - held.len();
            warn!(cut, "bindings reach beyond the log's tail, or others took their place, and are cut");
        }
        let replay = Self { log: Arc::clone(log), at: from, ahead: VecDeque::new(), held, scanned_to };
        Ok(Scanned { replay, skips, asides, highest, landing, follows })
    }

    /// Where the lane ended when it was looked through; what comes later is not in here.
    pub(crate) fn scanned_to(&self) -> Offset {
        self.scanned_to
    }

    /// How many epochs are left.
    pub(crate) fn len(&self) -> u64 {
        self.held.len()
    }

    /// The next binding that holds, with the offset after it.
    pub(crate) fn next(&mut self) -> Result<Option<(Offset, Binding)>, SystemError> {
        let Some(wanted) = self.held.first() else { return Ok(None) };
        loop {
            let Some((after, entry)) = self.ahead.pop_front() else {
                let (at, entries) = system::read_some(&*self.log, self.at)?;
                if at == self.at {
                    return Ok(None);
                }
                (self.at, self.ahead) = (at, entries.into());
                continue;
            };
            if let Entry::Bound(binding) = entry
                && binding.epoch == wanted
            {
                self.held.take_first();
                return Ok(Some((after, binding)));
            }
        }
    }
}

/// The numbers of the epochs that hold, as runs: there are millions of them, and few are ever cut.
#[derive(Debug, Default)]
struct Held {
    runs: VecDeque<(u64, u64)>,
    // The first epoch that reaches beyond the lanes.
    beyond: Option<u64>,
}

impl Held {
    fn push(&mut self, binding: &Binding, reaches: &impl Fn(Lane, u16) -> Offset) {
        self.cut(binding.previous);
        if self.beyond.is_some_and(|beyond| beyond > binding.previous) {
            self.beyond = None;
        }
        match self.runs.back_mut() {
            Some((_, last)) if *last + 1 == binding.epoch => *last = binding.epoch,
            _ => self.runs.push_back((binding.epoch, binding.epoch)),
        }
        if binding.ends.iter().any(|end| end.end > reaches(end.lane, end.partition)) {
            self.beyond.get_or_insert(binding.epoch);
        }
    }

    /// Drops epochs after `last`.
    fn cut(&mut self, last: u64) {
        while let Some((first, end)) = self.runs.back_mut()
            && *end > last
        {
            if *first > last {
                self.runs.pop_back();
            } else {
                *end = last;
            }
        }
    }

    fn finish(&mut self) {
        if let Some(beyond) = self.beyond.take() {
            self.cut(beyond - 1);
        }
    }

    fn len(&self) -> u64 {
        self.runs.iter().map(|(first, last)| last - first + 1).sum()
    }

    fn first(&self) -> Option<u64> {
        self.runs.front().map(|(first, _)| *first)
    }

    fn take_first(&mut self) {
        if let Some((first, last)) = self.runs.front_mut() {
            *first += 1;
            if *first > *last {
                self.runs.pop_front();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use eventlog::Incarnation;
    use records::Timestamp;

    use super::*;
    use crate::binding::End;

    /// Bindings as (epoch, previous, end), in a log that reaches to offset 15: which hold?
    fn held(bindings: &[(u64, u64, u64)]) -> Vec<u64> {
        let mut held = Held::default();
        for (epoch, previous, end) in bindings {
            let ends = vec![End { lane: Lane::Activity, partition: 0, end: Offset(*end), chain: None }];
            let (epoch, previous, bound) = (*epoch, *previous, Timestamp(0));
            let incarnation = Incarnation::default();
            let binding = Binding { epoch, previous, incarnation, bound, ends, landing: None, snapshot: false };
            held.push(&binding, &|_, _| Offset(15));
        }
        held.finish();
        let mut epochs = Vec::new();
        while let Some(first) = held.first() {
            epochs.push(first);
            held.take_first();
        }
        epochs
    }

    #[test]
    fn a_binding_beyond_the_tail_is_cut_with_all_later_ones() {
        assert_eq!(held(&[(1, 0, 10), (2, 1, 20), (3, 2, 15)]), [1]);
    }

    #[test]
    fn a_binding_takes_the_place_of_those_that_were_cut_before() {
        assert_eq!(held(&[(1, 0, 10), (2, 1, 20), (3, 1, 12), (4, 3, 14)]), [1, 3, 4]);
        assert_eq!(held(&[(1, 0, 10), (2, 1, 11), (3, 2, 12), (4, 1, 20)]), [1]);
    }
}
