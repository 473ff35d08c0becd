//! Two clocks: a whole conference in a minute of wall time, or so many records a second.

use records::{Span, Timestamp};

use crate::Conference;

/// How fast a conference is played.
#[derive(Debug, Clone, PartialEq)]
pub enum Pace {
    /// The whole conference within a length of wall time.
    Compressed(Compressed),
    /// A fixed number of records a second, whatever the conference's clock says.
    Rate {
        /// Records a second.
        per_second: u64,
    },
}

/// A conference's clock bent onto a short wall time: weeks of registration pass quickly, sessions slowly, nights at once.
#[derive(Debug, Clone, PartialEq)]
pub struct Compressed {
    /// `(wall time since the start, conference time)`, both increasing; straight lines in between.
    points: Vec<(Span, Timestamp)>,
}

/// What is due at a moment of wall time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Due {
    /// Everything that arrives up to this time on the conference's clock ([`Conference::fill_until`]).
    Until(Timestamp),
    /// This many records since the start ([`Conference::fill`] what is missing).
    Records(u64),
}

impl Pace {
    /// Plays `conference` from its first registration to its last session within `wall`.
    pub fn compressed(conference: &Conference, wall: Span) -> Self {
        // Of the wall time, 15 % go to the weeks before; each day shares the rest, its rush at the doors first.
        let share = |per_mille: i64| Span(wall.0 / 1_000 * per_mille);
        let agenda = conference.agenda();
        let mut points = vec![(Span::ZERO, conference.begins())];
        let days = agenda.days.len() as i64;
        for (day, slot) in agenda.days.iter().enumerate() {
            let opens = agenda.starts(*slot) - Span(5 * Span::HOUR.0 / 4);
            let last = agenda.days.get(day + 1).map_or(agenda.slots.len(), |next| *next) - 1;
            let closes = agenda.sessions[agenda.slots[last].clone()].iter().map(|one| one.ends).max();
            let from = 150 + 840 * day as i64 / days;
            let to = 150 + 840 * (day as i64 + 1) / days;
            points.push((share(from), opens));
            points.push((share(to), closes.unwrap_or(opens) + Span::MINUTE));
        }
        points.push((wall, conference.ends() + Span(2 * Span::HOUR.0)));
        Self::Compressed(Compressed { points })
    }

    /// What is due after so much wall time.
    pub fn due(&self, elapsed: Span) -> Due {
        match self {
            Self::Compressed(compressed) => Due::Until(compressed.at(elapsed)),
            Self::Rate { per_second } => {
                let micros = elapsed.0.max(0).unsigned_abs();
                Due::Records((u128::from(micros) * u128::from(*per_second) / 1_000_000) as u64)
            }
        }
    }
}

impl Compressed {
    fn at(&self, elapsed: Span) -> Timestamp {
        let next = self.points.partition_point(|(wall, _)| *wall <= elapsed);
        let Some((wall, time)) = self.points.get(next.max(1)).copied() else { return Timestamp::MAX };
        let (from_wall, from_time) = self.points[next.max(1) - 1];
        let passed = i128::from((elapsed.0 - from_wall.0).max(0)) * i128::from(time.since(from_time).0);
        from_time + Span((passed / i128::from((wall.0 - from_wall.0).max(1))) as i64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Scale;

    #[test]
    fn compressed_time_only_goes_forward_and_ends() {
        let conference = Conference::new(1, Scale { days: 3, sessions: 30, ..Scale::small() });
        let pace = Pace::compressed(&conference, Span::MINUTE);
        let mut last = Timestamp::MIN;
        for second in 0..=600 {
            let Due::Until(now) = pace.due(Span::from_millis(second * 100)) else { panic!("compressed") };
            assert!(now >= last, "at {second}");
            last = now;
        }
        assert!(last > conference.ends());
    }

    #[test]
    fn rates_count_records() {
        let pace = Pace::Rate { per_second: 50_000 };
        assert_eq!(pace.due(Span::from_millis(1_500)), Due::Records(75_000));
        assert_eq!(pace.due(Span(-5)), Due::Records(0));
    }
}
