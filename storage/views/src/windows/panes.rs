//! The counters of one series and window size: (window, count) pairs in order, 8 bytes each.

use records::{Span, Timestamp};

use crate::codec::{In, Out};
use crate::state::StateError;

/// Counters by window, sorted. Windows without records take no room.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Panes(Vec<(i32, u32)>);

/// The number of the window of `size` that holds an instant: windows are aligned to 1970.
pub(super) fn number(time: Timestamp, size: Span) -> i32 {
    let number = time.0.div_euclid(size.0);
    i32::try_from(number).unwrap_or(if number < 0 { i32::MIN } else { i32::MAX })
}

/// When a window begins.
pub(super) fn start(number: i32, size: Span) -> Timestamp {
    Timestamp(i64::from(number).saturating_mul(size.0))
}

impl Panes {
    /// Counts records; at most `most` windows are kept, the newest by event time.
    pub(super) fn add(&mut self, number: i32, records: u32, most: usize) {
        let place = match self.0.last() {
            // Nearly every record belongs to the newest window or opens the next.
            Some((last, count)) if *last == number => {
                let count = count.saturating_add(records);
                let end = self.0.len() - 1;
                self.0[end].1 = count;
                return;
            }
            Some((last, _)) if *last < number => self.0.len(),
            None => 0,
            Some(_) => match self.0.binary_search_by_key(&number, |pane| pane.0) {
                Ok(place) => {
                    self.0[place].1 = self.0[place].1.saturating_add(records);
                    return;
                }
                Err(place) => place,
            },
        };
        if self.0.len() == self.0.capacity() {
            // By a quarter instead of doubling: counters are many.
            self.0.reserve_exact((self.0.len() / 4).max(2));
        }
        self.0.insert(place, (number, records));
        if self.0.len() > most {
            self.0.remove(0);
        }
    }

    /// The windows from `first` to `last`, both included.
    pub(super) fn between(&self, first: i32, last: i32) -> &[(i32, u32)] {
        let from = self.0.partition_point(|pane| pane.0 < first);
        let to = self.0.partition_point(|pane| pane.0 <= last);
        &self.0[from..to.max(from)]
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn bytes(&self) -> usize {
        self.0.capacity() * 8
    }

    pub(super) fn encode(&self, out: &mut Out<'_>) {
        out.len(self.0.len());
        let mut last = 0i64;
        for (number, count) in &self.0 {
            out.i64(i64::from(*number) - last);
            out.u32(*count);
            last = i64::from(*number);
        }
    }

    pub(super) fn decode(input: &mut In<'_>, most: usize) -> Result<Self, StateError> {
        let count = input.len(2)?;
        let mut panes = Vec::with_capacity(count);
        let mut last = 0i64;
        for _ in 0..count {
            last = last.checked_add(input.i64()?).ok_or_else(|| input.damaged())?;
            panes.push((i32::try_from(last).map_err(|_| input.damaged())?, input.u32()?));
        }
        let sound = count <= most && panes.is_sorted_by(|left, right| left.0 < right.0);
        if sound { Ok(Self(panes)) } else { Err(input.damaged()) }
    }
}
