//! Pacing: when a record of the past is due today. Pure; the caller knows the time and how to wait.

use records::{Span, Timestamp};

/// How fast a replay runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Speed {
    /// As fast as the log takes it.
    Max,
    /// So many thousandths of the data's own speed: 1,000 is real time, 60,000 an hour in a minute.
    Times {
        /// The factor, times 1,000; never 0.
        thousandths: u32,
    },
}

impl std::str::FromStr for Speed {
    type Err = String;

    /// Reads `max`, or a factor with up to three decimals such as `60` or `0.5`.
    fn from_str(text: &str) -> Result<Self, String> {
        if text == "max" {
            return Ok(Self::Max);
        }
        let wrong = || format!("`{text}` is not `max` or a factor such as 60 or 0.5");
        let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
        let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        if fraction.len() > 3 || !digits(whole) || !digits(fraction) {
            return Err(wrong());
        }
        match format!("{whole}{fraction:0<3}").parse() {
            Ok(0) | Err(_) => Err(wrong()),
            Ok(thousandths) => Ok(Self::Times { thousandths }),
        }
    }
}

/// Maps event times to the times at which they are due.
#[derive(Debug, Clone)]
pub struct Pacer {
    speed: Speed,
    started: Timestamp,
    first: Option<Timestamp>,
    latest: Timestamp,
}

impl Pacer {
    /// A pacer for a replay that starts now.
    pub fn new(speed: Speed, started: Timestamp) -> Self {
        Self { speed, started, first: None, latest: Timestamp::MIN }
    }

    /// When a record with this event time is due. Never earlier than the record before: steps back in the data do not
    /// step back here.
    pub fn due(&mut self, event_time: Timestamp) -> Timestamp {
        let first = *self.first.get_or_insert(event_time);
        self.latest = self.latest.max(event_time);
        match self.speed {
            Speed::Max => self.started,
            Speed::Times { thousandths } => {
                let span = i128::from(self.latest.since(first).0) * 1_000 / i128::from(thousandths);
                self.started + Span(i64::try_from(span).unwrap_or(i64::MAX))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sixty_times_makes_an_hour_a_minute() {
        let mut pacer = Pacer::new("60".parse().unwrap(), Timestamp::from_seconds(1_000));
        assert_eq!(pacer.due(Timestamp::from_seconds(50)), Timestamp::from_seconds(1_000));
        assert_eq!(pacer.due(Timestamp::from_seconds(3_650)), Timestamp::from_seconds(1_060));
        // A step back is due at once, not in the past.
        assert_eq!(pacer.due(Timestamp::from_seconds(100)), Timestamp::from_seconds(1_060));
    }

    #[test]
    fn max_is_always_due() {
        let mut pacer = Pacer::new(Speed::Max, Timestamp(7));
        assert_eq!(pacer.due(Timestamp::MAX), Timestamp(7));
    }

    #[test]
    fn factors_are_read_exactly() {
        assert_eq!("0.5".parse(), Ok(Speed::Times { thousandths: 500 }));
        assert_eq!("12.125".parse(), Ok(Speed::Times { thousandths: 12_125 }));
        for wrong in ["0", "", "-1", "1e3", "0.0001", "fast"] {
            assert!(wrong.parse::<Speed>().is_err(), "{wrong}");
        }
    }
}
