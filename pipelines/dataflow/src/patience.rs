//! How often something is tried again, and how long between: pauses that grow, restarts that are counted.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Pauses that double from the first to the longest, until something works again.
#[derive(Debug)]
pub(crate) struct Pauses {
    first: Duration,
    longest: Duration,
    next: Duration,
}

impl Pauses {
    pub(crate) const fn new(first: Duration, longest: Duration) -> Self {
        Self { first, longest, next: first }
    }

    /// The pause before the next try.
    pub(crate) fn next(&mut self) -> Duration {
        let pause = self.next;
        self.next = (pause * 2).min(self.longest);
        pause
    }

    /// It works: the next trouble begins with the first pause.
    pub(crate) fn over(&mut self) {
        self.next = self.first;
    }
}

/// Restarts that are allowed: some number within some time.
#[derive(Debug)]
pub(crate) struct Restarts {
    most: usize,
    within: Duration,
    pauses: Pauses,
    times: VecDeque<Instant>,
}

impl Restarts {
    pub(crate) const fn new(most: usize, within: Duration, pauses: Pauses) -> Self {
        Self { most, within, pauses, times: VecDeque::new() }
    }

    /// How long to wait before the next restart; none when there were enough.
    pub(crate) fn next(&mut self, now: Instant) -> Option<Duration> {
        while self.times.front().is_some_and(|time| now.duration_since(*time) >= self.within) {
            self.times.pop_front();
        }
        if self.times.is_empty() {
            self.pauses.over();
        }
        (self.times.len() < self.most).then(|| {
            self.times.push_back(now);
            self.pauses.next()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn pauses_double_up_to_the_longest_and_begin_again() {
        let mut pauses = Pauses::new(SECOND, 5 * SECOND);
        let waited: Vec<u64> = (0..5).map(|_| pauses.next().as_secs()).collect();
        assert_eq!(waited, [1, 2, 4, 5, 5]);
        pauses.over();
        assert_eq!(pauses.next(), SECOND);
    }

    #[test]
    fn restarts_are_counted_within_a_time() {
        let mut restarts = Restarts::new(3, 100 * SECOND, Pauses::new(SECOND, 60 * SECOND));
        let began = Instant::now();
        let mut at = |seconds| restarts.next(began + seconds * SECOND).map(|pause| pause.as_secs());
        assert_eq!([at(0), at(10), at(20), at(30)], [Some(1), Some(2), Some(4), None]);
        assert_eq!(at(101), Some(8), "the first one was long ago");
        assert_eq!(at(102), None);
        assert_eq!(at(500), Some(1), "all of them were");
    }
}
