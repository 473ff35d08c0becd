//! The running minute of log time: what something happened to in it, given away once when it is over.

use std::collections::BTreeSet;

use records::{Span, Timestamp};

use crate::codec::{In, Out};
use crate::state::StateError;

/// Keys that something happened to in one minute. Its owner asks [`Minute::over`] before each step forward in time, so
/// that all keys are of one minute; time comes from the log, so when a minute is told does not depend on who looks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Minute<K> {
    // Without a meaning while there are no keys, so that idle bins of any time have the same bytes.
    start: Timestamp,
    keys: BTreeSet<K>,
}

impl<K> Default for Minute<K> {
    fn default() -> Self {
        Self { start: Timestamp(0), keys: BTreeSet::new() }
    }
}

impl<K: Ord> Minute<K> {
    /// Takes the start and the keys of the minute if it is over at `now`.
    pub(crate) fn over(&mut self, now: Timestamp) -> Option<(Timestamp, BTreeSet<K>)> {
        let over = !self.keys.is_empty() && end_of(self.start) <= now;
        over.then(|| (self.start, std::mem::take(&mut self.keys)))
    }

    /// Notes that something happened to a key.
    pub(crate) fn touch(&mut self, now: Timestamp, key: K) {
        if self.keys.is_empty() {
            self.start = now.floor(Span::MINUTE);
        }
        self.keys.insert(key);
    }

    /// A key that is gone has nothing to tell.
    pub(crate) fn forget(&mut self, key: &K) {
        self.keys.remove(key);
    }

    pub(crate) fn encode(&self, out: &mut Out<'_>, write: impl Fn(&mut Out<'_>, &K)) {
        out.len(self.keys.len());
        if !self.keys.is_empty() {
            out.time(self.start);
            self.keys.iter().for_each(|key| write(out, key));
        }
    }

    /// `least` is how many bytes a key takes at least.
    pub(crate) fn decode(
        input: &mut In<'_>,
        least: usize,
        read: impl Fn(&mut In<'_>) -> Result<K, StateError>,
    ) -> Result<Self, StateError> {
        let mut this = Self::default();
        let count = input.len(least)?;
        if count > 0 {
            this.start = input.time()?;
        }
        for _ in 0..count {
            let key = read(input)?;
            if !this.keys.insert(key) {
                return Err(input.damaged());
            }
        }
        Ok(this)
    }

    pub(crate) fn keys(&self) -> impl Iterator<Item = &K> {
        self.keys.iter()
    }
}

/// The first instant after the minute that begins at `start`.
pub(crate) fn end_of(start: Timestamp) -> Timestamp {
    start.saturating_add(Span::MINUTE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_minute_is_given_away_once_when_it_is_over() {
        let mut minute = Minute::default();
        minute.touch(Timestamp::from_seconds(61), 7);
        minute.touch(Timestamp::from_seconds(119), 5);
        minute.touch(Timestamp::from_seconds(119), 6);
        minute.forget(&6);
        assert_eq!(minute.over(Timestamp(119_999_999)), None);
        let (start, keys) = minute.over(Timestamp::from_seconds(120)).unwrap();
        assert_eq!((start, keys.into_iter().collect::<Vec<_>>()), (Timestamp::from_seconds(60), vec![5, 7]));
        assert_eq!(minute.over(Timestamp::from_seconds(999)), None);
    }

    #[test]
    fn it_reads_back_and_repeats_are_refused() {
        let mut minute = Minute::default();
        minute.touch(Timestamp::from_seconds(61), 7u64);
        let mut bytes = Vec::new();
        minute.encode(&mut Out::part(&mut bytes), |out, key| out.u64(*key));
        let read = |bytes: &[u8]| Minute::decode(&mut In::part("test", bytes), 1, |input| input.u64());
        assert_eq!(read(&bytes), Ok(minute));
        let twice = [&[2], &bytes[1..], &[7]].concat();
        assert_eq!(read(&twice), Err(StateError::Damaged("test")));
    }
}
