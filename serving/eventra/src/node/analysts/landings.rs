//! What landing epochs reflect: remembered from when the views' rows were handed over, for answers that name them.

use std::collections::VecDeque;

use api::sql::Landed;
use parking_lot::Mutex;
use records::Timestamp;
use views::as_of::PartitionEnd;

/// Landing epochs that are remembered: about ten minutes. Of an older one an answer names the number alone.
const KEPT: usize = 600;

/// One landing epoch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Landing {
    /// Its number.
    pub(crate) number: u64,
    /// The epoch of the views that ended with it.
    pub(crate) epoch: u64,
    /// Every record with a log time up to this one is in it or an earlier one.
    pub(crate) log_time: Timestamp,
    /// Where the partitions of activity ended.
    pub(crate) offsets: Vec<PartitionEnd>,
}

/// The newest ones.
#[derive(Debug, Default)]
pub(crate) struct Landings(Mutex<VecDeque<Landing>>);

impl Landings {
    /// Remembers one; after a rebuild the same ones come again.
    pub(crate) fn remember(&self, landing: Landing) {
        let mut kept = self.0.lock();
        kept.retain(|known| known.number < landing.number);
        if kept.len() == KEPT {
            kept.pop_front();
        }
        kept.push_back(landing);
    }

    /// What a landing epoch reflects. Merged ones have the number of their newest, so a number between two is not known.
    pub(crate) fn at(&self, number: u64) -> Landed {
        let kept = self.0.lock();
        let known = kept.iter().rev().find(|known| known.number == number);
        Landed {
            landing_epoch: Some(number),
            exact: false,
            epoch: known.map(|known| known.epoch),
            log_time: known.map(|known| known.log_time),
            offsets: known.map(|known| known.offsets.clone()).unwrap_or_default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_are_known_and_older_ones_by_their_number_alone() {
        let landings = Landings::default();
        let landing = |number: u64| Landing {
            number,
            epoch: number * 40,
            log_time: Timestamp(1),
            offsets: vec![PartitionEnd { lane: 1, partition: 0, end: number }],
        };
        (1..=KEPT as u64 + 1).for_each(|number| landings.remember(landing(number)));
        assert_eq!(landings.at(1).epoch, None);
        assert_eq!(landings.at(2).epoch, Some(80));
        landings.remember(landing(2));
        assert_eq!((landings.at(2).epoch, landings.at(3).epoch), (Some(80), None), "what comes again replaces");
    }
}
