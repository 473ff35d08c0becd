//! Attendance from whole stays: each actor's signs are cut into stays first, then all stays of a session are swept.

use std::collections::{BTreeMap, BTreeSet};

use records::{Kind, Pos, Span, Timestamp, Token};
use views::attendance::{Place, Rooms as View};
use views::shards::Reader;
use views::state::Fold;

use super::{Differences, Row};

/// Gone without a sign for so long.
const EXPIRY: Span = Span::from_seconds(90);
/// The last minute of the drop-off curve.
const LAST_MINUTE: i64 = 240;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sign {
    Joined,
    Heartbeat(u32),
    Left,
}

/// The figures of a session as of some log time.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Figures {
    /// Distinct actors.
    pub joined: u64,
    /// Present at that time.
    pub present: u64,
    /// Most at once.
    pub peak: u64,
    /// Distinct actors who said goodbye.
    pub left: u64,
    /// Focused milliseconds.
    pub focused_ms: u64,
    /// How many stayed at least n minutes.
    pub stayed: Vec<u64>,
    /// The last sign of anybody.
    pub last_sign: Timestamp,
}

/// Every sign, by session and actor, in the order of the log.
#[derive(Debug, Default)]
pub struct Attendance {
    signs: BTreeMap<Place, BTreeMap<Token, Vec<(Pos, Sign)>>>,
}

/// What one actor's signs come to.
#[derive(Debug, Default)]
struct Visitor {
    came: Option<Timestamp>,
    /// The first goodbye after coming.
    left: Option<Timestamp>,
    focused: Vec<(Timestamp, u64)>,
    minutes: i64,
    /// When it was there: from a sign to the goodbye, or to an instant at which it was given up.
    stays: Vec<(Pos, End)>,
}

#[derive(Debug, Clone, Copy)]
enum End {
    Goodbye(Pos),
    /// Nothing was heard until this instant.
    Silence(Timestamp),
}

impl Attendance {
    pub(crate) fn take(&mut self, row: &Row<'_>) {
        let record = row.record;
        let sign = match record.kind {
            Kind::SessionJoined => Sign::Joined,
            Kind::SessionHeartbeat => Sign::Heartbeat(record.duration_ms),
            Kind::SessionLeft => Sign::Left,
            _ => return,
        };
        if !record.actor.is_some() || !record.session.is_some() {
            return;
        }
        let place = Place { organization: record.organization, event: record.event, session: record.session };
        self.signs.entry(place).or_default().entry(record.actor).or_default().push((row.pos, sign));
    }

    /// Every session's figures as of a log time up to which everything was taken.
    pub fn figures(&self, as_of: Timestamp) -> BTreeMap<Place, Figures> {
        self.signs.iter().map(|(place, actors)| (*place, figures(actors, as_of))).collect()
    }

    /// Joined, present, peak, left and focused milliseconds of every session at the end of each minute in which somebody gave
    /// a sign or was given up, of the minutes that are over at a log time: what the landed rows say.
    pub fn minutes(&self, as_of: Timestamp) -> BTreeMap<(Place, Timestamp), [u64; 5]> {
        let mut rows = BTreeMap::new();
        for (place, actors) in &self.signs {
            for (start, figures) in curve(actors, as_of) {
                if start + Span::MINUTE <= as_of {
                    rows.insert((*place, start), figures);
                }
            }
        }
        rows
    }

    /// Compares every session's figures.
    pub fn compare(&self, reader: &Reader<View>, as_of: Timestamp) -> Differences {
        let mut differences = Differences::new(View::NAME);
        for (place, twin) in self.figures(as_of) {
            let (answer, _) = reader.read(place.hash(), |bin| bin.session(&place));
            let shown = answer.map(|answer| Figures {
                joined: answer.joined,
                present: answer.present,
                peak: answer.peak,
                left: answer.left,
                focused_ms: answer.focused_ms,
                stayed: answer.drop_off.iter().map(|minute| minute.stayed).collect(),
                last_sign: answer.last_sign,
            });
            differences.same(|| format!("{place:?}"), &shown, &Some(twin));
        }
        let events: BTreeSet<_> = self.signs.keys().map(|place| (place.organization, place.event)).collect();
        let mut shown = 0;
        reader.scan(|_, bin| {
            shown +=
                events.iter().map(|(organization, event)| bin.sessions(*organization, *event).len()).sum::<usize>();
        });
        differences.same(|| "sessions".into(), &shown, &self.signs.len());
        differences
    }
}

fn figures(actors: &BTreeMap<Token, Vec<(Pos, Sign)>>, as_of: Timestamp) -> Figures {
    let mut figures = Figures::default();
    // (time, whether it is a sign: silence is noticed before any sign of the same time, place, by how many)
    let mut changes: Vec<(Timestamp, bool, Pos, i64)> = Vec::new();
    let mut minutes = Vec::new();
    for signs in actors.values() {
        let visitor = visitor(signs, as_of);
        figures.joined += u64::from(visitor.came.is_some());
        figures.left += u64::from(visitor.left.is_some());
        figures.focused_ms += visitor.focused.iter().map(|(_, ms)| ms).sum::<u64>();
        if visitor.came.is_some() {
            minutes.push(visitor.minutes);
        }
        let last = signs.iter().map(|(pos, _)| pos.log_time).max().unwrap_or_default();
        figures.last_sign = figures.last_sign.max(last);
        for (from, end) in visitor.stays {
            changes.push((from.log_time, true, from, 1));
            match end {
                End::Goodbye(pos) => changes.push((pos.log_time, true, pos, -1)),
                End::Silence(at) if at <= as_of => changes.push((at, false, Pos::default(), -1)),
                End::Silence(_) => figures.present += 1,
            }
        }
    }
    changes.sort_unstable();
    let mut there = 0;
    for (.., change) in changes {
        there += change;
        figures.peak = figures.peak.max(u64::try_from(there).expect("nobody leaves before coming"));
    }
    let longest = minutes.iter().max().copied();
    let at_least = |minute: i64| minutes.iter().filter(|stayed| **stayed >= minute).count() as u64;
    figures.stayed = longest.map_or_else(Vec::new, |longest| (0..=longest).map(at_least).collect());
    figures
}

/// One step of a session's figures.
#[derive(Debug, Clone, Copy)]
enum Change {
    Joined,
    Present(i64),
    Left,
    Focused(u64),
    /// A sign that may have changed nothing.
    Sign,
}

/// The figures at the end of each minute that something happened in.
fn curve(actors: &BTreeMap<Token, Vec<(Pos, Sign)>>, as_of: Timestamp) -> BTreeMap<Timestamp, [u64; 5]> {
    // As in `figures`: silence is noticed before any sign of the same time.
    let mut changes: Vec<((Timestamp, bool, Pos), Change)> = Vec::new();
    for signs in actors.values() {
        let sign = |time: Timestamp, change| ((time, true, Pos { log_time: time, ..Pos::default() }), change);
        let visitor = visitor(signs, as_of);
        changes.extend(signs.iter().map(|(pos, _)| ((pos.log_time, true, *pos), Change::Sign)));
        changes.extend(visitor.came.map(|time| sign(time, Change::Joined)));
        changes.extend(visitor.left.map(|time| sign(time, Change::Left)));
        changes.extend(visitor.focused.iter().map(|(time, ms)| sign(*time, Change::Focused(*ms))));
        for (from, end) in visitor.stays {
            changes.push(((from.log_time, true, from), Change::Present(1)));
            match end {
                End::Goodbye(pos) => changes.push(((pos.log_time, true, pos), Change::Present(-1))),
                End::Silence(at) if at <= as_of => changes.push(((at, false, Pos::default()), Change::Present(-1))),
                End::Silence(_) => {}
            }
        }
    }
    changes.sort_by_key(|(place, _)| *place);
    let mut curve = BTreeMap::new();
    let ([mut joined, mut peak, mut left, mut focused], mut there) = ([0u64; 4], 0i64);
    for ((time, ..), change) in changes {
        match change {
            Change::Joined => joined += 1,
            Change::Present(more) => there += more,
            Change::Left => left += 1,
            Change::Focused(ms) => focused += ms,
            Change::Sign => {}
        }
        let present = u64::try_from(there).expect("nobody leaves before coming");
        peak = peak.max(present);
        let start = Timestamp(time.0 - time.0.rem_euclid(Span::MINUTE.0));
        // The last of a minute stays.
        curve.insert(start, [joined, present, peak, left, focused]);
    }
    curve
}

fn visitor(signs: &[(Pos, Sign)], as_of: Timestamp) -> Visitor {
    let mut visitor = Visitor::default();
    // (since when it is there, its last sign)
    let mut here: Option<(Pos, Timestamp)> = None;
    let (mut first, mut last) = (None, Timestamp::default());
    for (pos, sign) in signs {
        let now = pos.log_time;
        if let Some((since, heard)) = here
            && heard + EXPIRY <= now
        {
            visitor.stays.push((since, End::Silence(heard + EXPIRY)));
            here = None;
        }
        match (sign, here) {
            (Sign::Left, None) => visitor.left = visitor.left.or(first.map(|_| now)),
            (Sign::Left, Some((since, _))) => {
                visitor.left = visitor.left.or(Some(now));
                visitor.stays.push((since, End::Goodbye(*pos)));
                (here, last) = (None, now);
            }
            (sign, since) => {
                if let (Sign::Heartbeat(focused), Some((_, heard))) = (sign, since) {
                    let passed = u64::try_from((now - heard).millis()).unwrap_or(0);
                    visitor.focused.push((now, u64::from(*focused).min(passed)));
                }
                first = first.or(Some(now));
                (here, last) = (Some((since.map_or(*pos, |(since, _)| since), now)), now);
            }
        }
    }
    if let Some((since, heard)) = here {
        visitor.stays.push((since, End::Silence(heard + EXPIRY)));
    }
    debug_assert!(last <= as_of, "nothing later than `as_of` was taken");
    visitor.came = first;
    visitor.minutes = first.map_or(0, |first| ((last - first).0 / Span::MINUTE.0).min(LAST_MINUTE));
    visitor
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Pos {
        Pos { log_time: Timestamp::from_seconds(second), lane: 1, partition: 0, offset: second.unsigned_abs() }
    }

    fn of(list: &[(u64, i64, Sign)], as_of: i64) -> Figures {
        let mut actors = BTreeMap::<Token, Vec<(Pos, Sign)>>::new();
        for (actor, second, sign) in list {
            actors.entry(Token(*actor)).or_default().push((at(*second), *sign));
        }
        figures(&actors, Timestamp::from_seconds(as_of))
    }

    #[test]
    fn silence_ends_a_stay_at_the_last_sign() {
        let signs = [(1, 0, Sign::Joined), (1, 30, Sign::Heartbeat(40_000)), (2, 120, Sign::Joined)];
        let figures = of(&signs, 150);
        assert_eq!((figures.joined, figures.present, figures.peak, figures.focused_ms), (2, 1, 1, 30_000));
        assert_eq!(of(&signs[..2], 119).present, 1);
        assert_eq!(of(&signs[..2], 120).present, 0);
    }

    #[test]
    fn a_goodbye_of_a_stranger_counts_nothing() {
        let figures = of(&[(1, 5, Sign::Left)], 10);
        assert_eq!((figures.joined, figures.left, figures.stayed.len()), (0, 0, 0));
        assert_eq!(figures.last_sign, Timestamp::from_seconds(5));
    }

    #[test]
    fn a_minute_is_as_it_ended_and_quiet_ones_are_left_out() {
        let mut twin = Attendance::default();
        let place = Place {
            organization: records::OrganizationId(1),
            event: records::EventId(1),
            session: records::SessionId(1),
        };
        let actors = twin.signs.entry(place).or_default();
        for (actor, second, sign) in
            [(1, 5, Sign::Joined), (2, 50, Sign::Joined), (2, 59, Sign::Left), (1, 70, Sign::Heartbeat(9))]
        {
            actors.entry(Token(actor)).or_default().push((at(second), sign));
        }
        let minute = |minute: i64| Timestamp::from_seconds(60 * minute);
        // Actor 1 falls silent at 160 s, in minute 2.
        let all = BTreeMap::from([
            ((place, minute(0)), [2, 1, 2, 1, 0]),
            ((place, minute(1)), [2, 1, 2, 1, 9]),
            ((place, minute(2)), [2, 0, 2, 1, 9]),
        ]);
        assert_eq!(twin.minutes(Timestamp::from_seconds(180)), all);
        assert_eq!(twin.minutes(Timestamp::from_seconds(179)).len(), 2, "minute 2 is not over");
    }

    #[test]
    fn stays_are_counted_by_minutes() {
        let signs = [(1, 0, Sign::Joined), (1, 60, Sign::Heartbeat(0)), (1, 125, Sign::Left), (2, 1, Sign::Joined)];
        let figures = of(&signs, 130);
        assert_eq!((figures.stayed, figures.left, figures.peak), (vec![2, 1, 1], 1, 2));
    }
}
