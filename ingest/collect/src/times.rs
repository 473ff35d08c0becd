//! Time: from the client's clock to event time, and how late a record is.

use records::{Flags, Span, Timestamp};

use crate::draft::Stamps;

/// When a record happened as far as the door can tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Times {
    /// Event time: corrected, and never after the arrival.
    pub event_time: Timestamp,
    /// Arrival minus event time; never negative.
    pub late_by: Span,
    /// [`Flags::SKEW_CORRECTED`] and [`Flags::CLAMPED`] where they apply.
    pub flags: Flags,
}

/// Corrects the client's clock: `event time = timestamp + (received - sentAt)`, as Segment does (its spec, "common
/// fields, timestamps"). The difference of the two clocks contains the way of the request, mostly some milliseconds; a
/// library that repeats a request with the old `sentAt` shifts its messages by the delay. A time after the arrival
/// becomes the arrival, and the record says so. Without a timestamp the arrival is the event time.
pub fn settle(stamps: Stamps, received: Timestamp) -> Times {
    let mut flags = Flags::default();
    let mut event_time = stamps.timestamp.unwrap_or(received);
    if let (Some(timestamp), Some(sent_at), false) = (stamps.timestamp, stamps.sent_at, stamps.corrected) {
        event_time = timestamp.saturating_add(received.since(sent_at));
        if event_time != timestamp {
            flags = flags.with(Flags::SKEW_CORRECTED);
        }
    }
    if event_time > received {
        event_time = received;
        flags = flags.with(Flags::CLAMPED);
    }
    // ClickHouse and people count from 1970; a corrected clock that started at 0 may land a little before.
    event_time = event_time.max(Timestamp(0));
    Times { event_time, late_by: received.since(event_time), flags }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_seconds(seconds)
    }

    fn check(timestamp: Option<i64>, sent_at: Option<i64>, expected: i64, flags: Flags) {
        let stamps = Stamps { timestamp: timestamp.map(at), sent_at: sent_at.map(at), corrected: false };
        let times = settle(stamps, at(1_000));
        assert_eq!((times.event_time, times.flags), (at(expected), flags));
        assert_eq!(times.late_by, at(1_000) - at(expected));
    }

    #[test]
    fn a_clock_one_hour_ahead_is_corrected() {
        check(Some(4_590), Some(4_600), 990, Flags::SKEW_CORRECTED);
    }

    #[test]
    fn a_clock_that_starts_at_1970_is_corrected() {
        check(Some(10), Some(20), 990, Flags::SKEW_CORRECTED);
    }

    #[test]
    fn a_future_time_is_clamped_and_marked() {
        check(Some(5_000), None, 1_000, Flags::CLAMPED);
        check(Some(5_000), Some(4_000), 1_000, Flags::SKEW_CORRECTED.with(Flags::CLAMPED));
    }

    #[test]
    fn without_sent_at_nothing_is_corrected() {
        check(Some(900), None, 900, Flags::default());
        check(None, Some(900), 1_000, Flags::default());
        check(Some(900), Some(1_000), 900, Flags::default());
    }

    proptest! {
        #[test]
        fn event_time_is_never_after_the_arrival(timestamp: i64, sent_at: i64, received in 0i64.., corrected: bool) {
            let stamps = Stamps { timestamp: Some(Timestamp(timestamp)), sent_at: Some(Timestamp(sent_at)), corrected };
            let times = settle(stamps, Timestamp(received));
            prop_assert!(times.event_time <= Timestamp(received) && times.late_by >= Span::ZERO);
        }
    }
}
