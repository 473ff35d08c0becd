//! What readers get about attendance. Serialised as it is by the API.

use records::{EventId, OrganizationId, SessionId, Timestamp};
use serde::Serialize;

use super::fold::{Place, Rooms};
use super::room::Room;

/// How many were still there after some minutes.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, schemars::JsonSchema)]
pub struct DropOff {
    /// Minutes since joining; the last one, 240, stands for everything longer.
    pub minute: u32,
    /// Actors whose stay lasted at least so long.
    pub stayed: u64,
    /// Their share of all who joined, `0.0..=1.0`.
    pub share: f64,
}

/// One session.
#[derive(Debug, Clone, PartialEq, Serialize, schemars::JsonSchema)]
pub struct Attendance {
    /// The event; null outside any.
    pub event: EventId,
    /// The session.
    pub session: SessionId,
    /// Distinct actors who joined.
    pub joined: u64,
    /// Actors present now: a sign in the last 90 s, and not left since.
    pub present: u64,
    /// Most actors present at once.
    pub peak: u64,
    /// Distinct actors who said that they leave.
    pub left: u64,
    /// Focused time of all actors together, milliseconds.
    pub focused_ms: u64,
    /// Log time of the last sign of anybody, microseconds since 1970.
    pub last_sign: Timestamp,
    /// Minute by minute, up to the longest stay so far.
    pub drop_off: Vec<DropOff>,
}

impl Room {
    fn answer(&self, place: &Place) -> Attendance {
        let share = |stayed: u64| stayed as f64 / self.joined.max(1) as f64;
        let drop_off =
            (0..).zip(self.stayed()).map(|(minute, stayed)| DropOff { minute, stayed, share: share(stayed) });
        Attendance {
            event: place.event,
            session: place.session,
            joined: self.joined,
            present: self.present(),
            peak: self.peak,
            left: self.left,
            focused_ms: self.focused_ms,
            last_sign: self.seen,
            drop_off: drop_off.collect(),
        }
    }
}

impl Rooms {
    /// One session; none when nobody ever came.
    pub fn session(&self, place: &Place) -> Option<Attendance> {
        Some(self.rooms.get(place)?.answer(place))
    }

    /// The sessions of an event in this bin, sorted by id. Sessions are spread over all bins: scan for a whole list.
    pub fn sessions(&self, organization: OrganizationId, event: EventId) -> Vec<Attendance> {
        let first = Place { organization, event, session: SessionId::NONE };
        let last = Place { session: SessionId(u128::MAX), ..first };
        self.rooms.range(first..=last).map(|(place, room)| room.answer(place)).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use proptest::prelude::*;
    use records::Token;

    use super::super::room::EXPIRY;
    use super::super::{AttendanceRow, Input, Sign};
    use super::*;
    use crate::laws;
    use crate::state::{At, Fold};

    const SECOND: i64 = 1_000_000;

    fn place(session: u128) -> Place {
        Place { organization: OrganizationId(7), event: EventId(1), session: SessionId(session) }
    }

    fn sign(actor: u64, sign: Sign) -> Input {
        Input { place: place(1), actor: Token(actor), sign }
    }

    const BEAT: Sign = Sign::Heartbeat { focused_ms: 30_000 };

    /// Signs with the seconds before each.
    fn run(signs: &[(i64, Input)]) -> Attendance {
        let log = laws::log(Timestamp(0), signs.iter().map(|(gap, input)| (gap * SECOND, *input)));
        laws::whole::<Rooms>(&log).0.session(&place(1)).unwrap()
    }

    #[test]
    fn silence_of_90_seconds_is_leaving() {
        let seen =
            run(&[(1, sign(1, Sign::Joined)), (1, sign(2, Sign::Joined)), (89, sign(2, BEAT)), (1, sign(2, BEAT))]);
        assert_eq!((seen.joined, seen.present, seen.peak, seen.left), (2, 1, 2, 0));
    }

    #[test]
    fn nobody_is_there_after_the_session_falls_silent() {
        let log = laws::log(Timestamp(0), [(SECOND, sign(1, Sign::Joined))]);
        let (mut fold, _) = laws::whole::<Rooms>(&log);
        let mut effects = crate::state::Effects::default();
        fold.advance(Timestamp(91 * SECOND - 1), &mut effects);
        assert_eq!((fold.session(&place(1)).unwrap().present, effects.changed.len()), (1, 0));
        fold.advance(Timestamp(91 * SECOND), &mut effects);
        assert_eq!((fold.session(&place(1)).unwrap().present, effects.changed.len()), (0, 1));
        let mut rows = Vec::new();
        fold.land(&mut rows);
        let present = |row: &AttendanceRow| match row {
            AttendanceRow::Now(standing) => (None, standing.present),
            AttendanceRow::Minute { start, standing } => (Some(start.seconds()), standing.present),
        };
        assert_eq!(rows.iter().map(present).collect::<Vec<_>>(), [(Some(0), 1), (None, 0)], "minute 1 is not over");
        rows.clear();
        fold.advance(Timestamp(120 * SECOND), &mut effects);
        fold.land(&mut rows);
        assert_eq!(rows.iter().map(present).collect::<Vec<_>>(), [(Some(60), 0)], "it ended with that minute");
    }

    #[test]
    fn a_forgotten_session_that_comes_again_has_one_row_of_its_minute() {
        let rooms = super::super::fold::ROOMS_MAX as u128;
        let join = |session| (1, Input { place: place(session), actor: Token(1), sign: Sign::Joined });
        // The first is forgotten for the last, and comes again for the second.
        let log = laws::log(Timestamp(0), (1..=rooms + 1).chain([1]).map(join));
        let (mut fold, mut run) = laws::whole::<Rooms>(&log);
        fold.advance(Timestamp(60 * SECOND), &mut crate::state::Effects::default());
        fold.land(&mut run.landed);
        let minutes = run
            .landed
            .iter()
            .filter(|row| matches!(row, AttendanceRow::Minute { standing, .. } if standing.place == place(1)));
        assert_eq!((minutes.count(), fold.forgotten(OrganizationId(7))), (1, 2));
    }

    #[test]
    fn focused_time_is_at_most_the_time_that_passed() {
        let seen = run(&[(0, sign(1, Sign::Joined)), (10, sign(1, BEAT)), (60, sign(1, BEAT)), (1, sign(2, BEAT))]);
        assert_eq!(seen.focused_ms, 10_000 + 30_000, "and nothing for a first sign");
        let gone = run(&[(0, sign(1, Sign::Joined)), (500, sign(1, BEAT))]);
        assert_eq!(gone.focused_ms, 0, "whoever was gone was not focused");
    }

    #[test]
    fn the_drop_off_falls_from_all_to_the_last() {
        let seen = run(&[
            (1, sign(1, Sign::Joined)),
            (0, sign(2, Sign::Joined)),
            (70, sign(1, BEAT)),
            (60, sign(1, Sign::Left)),
        ]);
        let curve: Vec<_> = seen.drop_off.iter().map(|point| (point.minute, point.stayed)).collect();
        assert_eq!(curve, [(0, 2), (1, 1), (2, 1)]);
        assert!((seen.drop_off[1].share - 0.5).abs() < 1e-9);
        assert_eq!(seen.left, 1);
    }

    /// Presence at any time by looking at all signs again.
    fn present_at(log: &[(At, Input)], time: Timestamp) -> u64 {
        let mut last = BTreeMap::<Token, (Timestamp, bool)>::new();
        for (at, input) in log {
            let known = last.contains_key(&input.actor);
            if input.sign == Sign::Left && !known {
                continue;
            }
            last.insert(input.actor, (at.now(), input.sign != Sign::Left));
        }
        last.values().filter(|(seen, here)| *here && time.since(*seen) < EXPIRY).count() as u64
    }

    /// The naive twin: per actor the list of its signs.
    fn twin(log: &[(At, Input)]) -> (u64, u64, u64, u64, u64) {
        let present_at = |time: Timestamp, upto: usize| present_at(&log[..upto], time);
        let (mut joined, mut left) = (BTreeSet::new(), BTreeSet::new());
        let (mut peak, mut focused) = (0, 0);
        for (step, (at, input)) in log.iter().enumerate() {
            let before =
                log[..step].iter().rfind(|(_, other)| other.actor == input.actor && joined.contains(&other.actor));
            match input.sign {
                Sign::Left if joined.contains(&input.actor) => _ = left.insert(input.actor),
                Sign::Left => {}
                Sign::Joined => _ = joined.insert(input.actor),
                Sign::Heartbeat { focused_ms } => {
                    if let Some((last, other)) = before
                        && other.sign != Sign::Left
                        && at.now().since(last.now()) < EXPIRY
                    {
                        let passed = at.now().since(last.now()).millis().cast_unsigned();
                        focused += u64::from(focused_ms).min(passed);
                    }
                    joined.insert(input.actor);
                }
            }
            peak = peak.max(present_at(at.now(), step + 1));
        }
        let end = log.last().map_or(Timestamp(0), |last| last.0.now());
        (joined.len() as u64, present_at(end, log.len()), peak, left.len() as u64, focused)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn figures_equal_their_naive_twin_and_keep_the_laws(
            steps in proptest::collection::vec((0i64..60, 1u64..5, 0u8..6), 1..60),
            chance: u64,
        ) {
            let signs = steps.iter().map(|(gap, actor, what)| {
                let what = match what {
                    0 => Sign::Left,
                    1 | 2 => Sign::Joined,
                    _ => Sign::Heartbeat { focused_ms: 20_000 },
                };
                (gap * SECOND, sign(*actor, what))
            });
            let log = laws::log(Timestamp(0), signs);
            let (fold, _) = laws::whole::<Rooms>(&log);
            if let Some(seen) = fold.session(&place(1)) {
                let figures = (seen.joined, seen.present, seen.peak, seen.left, seen.focused_ms);
                prop_assert_eq!(figures, twin(&log));
                prop_assert_eq!(seen.drop_off.first().map_or(0, |point| point.stayed), seen.joined);
            }
            // Sessions by their newest row; of minutes each row as it came, so that none may be told twice.
            let told = |rows: &[AttendanceRow]| {
                let (mut now, mut minutes) = (BTreeMap::new(), Vec::new());
                for row in rows {
                    match row {
                        AttendanceRow::Now(standing) => _ = now.insert(standing.place, *standing),
                        AttendanceRow::Minute { start, standing } => minutes.push((*start, *standing)),
                    }
                }
                minutes.sort_by_key(|(start, standing)| (*start, standing.place));
                (now, minutes)
            };
            let (_, run) = laws::whole::<Rooms>(&log);
            let end = log.last().map_or(Timestamp(0), |last| last.0.now());
            for (start, standing) in told(&run.landed).1 {
                let over = Timestamp(start.0 + 60 * SECOND - 1);
                prop_assert!(over < end && start.0 % (60 * SECOND) == 0);
                let so_far: Vec<_> = log.iter().copied().filter(|(at, _)| at.now() <= over).collect();
                let (joined, _, peak, left, focused) = twin(&so_far);
                prop_assert_eq!((standing.joined, standing.peak, standing.left, standing.focused_ms), (joined, peak, left, focused));
                prop_assert_eq!(standing.present, present_at(&so_far, over));
            }
            laws::check::<Rooms, _, _>(&log, chance, |fold| fold.session(&place(1)), told);
        }
    }
}
