//! What readers get about windows. Serialised as it is by the API.

use records::{EventId, Kind, OrganizationId, SessionId, Span, Timestamp};
use serde::Serialize;

use super::fold::{Counters, Series, Size, Windows};
use super::panes::{number, start};
use super::uniques::{UniqueCount, Uniques};
use crate::as_of::AsOf;
use crate::shards::Reader;

/// The most windows of one answer: a day of minutes.
pub const WINDOWS_MAX: usize = 1_440;

/// One tumbling window. Windows without records are left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct WindowCount {
    /// When it begins, event time, microseconds since 1970, inclusive.
    pub start: Timestamp,
    /// Records.
    pub count: u64,
    /// Distinct actors, for windows of an hour that are recent enough.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub uniques: Option<UniqueCount>,
}

/// The newest windows of a series.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct WindowSeries {
    /// The event; null outside any.
    pub event: EventId,
    /// The session; null for the whole event.
    pub session: SessionId,
    /// The kind of record.
    pub kind: Kind,
    /// Records since the series began.
    pub total: u64,
    /// Distinct actors since the series began.
    pub uniques: UniqueCount,
    /// The length of the windows, seconds.
    pub window_seconds: i64,
    /// Oldest first.
    pub windows: Vec<WindowCount>,
}

/// A window that ends with the minute of a given instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct Sliding {
    /// When it begins: whole minutes before its end.
    pub start: Timestamp,
    /// When it ends, exclusive: the end of the minute that was asked for.
    pub end: Timestamp,
    /// Records.
    pub count: u64,
}

/// Late records of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct LateCount {
    /// Records whose `late_by` exceeded the view's bound.
    pub late: u64,
    /// Those of them that are in no window, because the rules say `exclude`.
    pub excluded: u64,
}

/// Whether a window can no longer change: everything up to its end plus the lateness bound has been applied. Records
/// that are later still correct it (policy `correct`) or are excluded.
pub fn is_final(start: Timestamp, size: Size, lateness: Span, log_time: Timestamp) -> bool {
    start.saturating_add(size.span()).saturating_add(lateness) <= log_time
}

/// Distinct actors of an event or session over all kinds, in the hours that begin in `hours`, or in all of its time. The
/// answer reflects at least what the second value says: each kind is asked in its own bin.
pub fn uniques_of(
    reader: &Reader<Windows>,
    organization: OrganizationId,
    event: EventId,
    session: SessionId,
    hours: Option<(Timestamp, Timestamp)>,
) -> (UniqueCount, AsOf) {
    let as_of = reader.progress().current();
    let mut merged = Uniques::default();
    for series in Series::kinds(organization, event, session) {
        reader.read(series.hash(), |bin| bin.uniques_into(&series, hours, &mut merged));
    }
    (merged.count(), as_of)
}

impl Counters {
    fn window(&self, size: Size, (number, count): (i32, u32)) -> WindowCount {
        let hours = &self.uniques.hours;
        let known = (size == Size::Hour).then(|| hours.binary_search_by_key(&number, |entry| entry.0).ok()).flatten();
        WindowCount {
            start: start(number, size.span()),
            count: u64::from(count),
            uniques: known.map(|place| hours[place].1.count()),
        }
    }
}

impl Windows {
    /// The windows of a series that begin in `from..=to`, the newest [`WINDOWS_MAX`] of them; none when nothing was ever
    /// counted.
    pub fn series(&self, series: &Series, size: Size, from: Timestamp, to: Timestamp) -> Option<WindowSeries> {
        let counters = self.counters(series)?;
        let panes = counters.panes[size as usize].between(number(from, size.span()), number(to, size.span()));
        let newest = &panes[panes.len().saturating_sub(WINDOWS_MAX)..];
        Some(WindowSeries {
            event: series.event,
            session: series.session,
            kind: series.kind,
            total: counters.total,
            uniques: counters.uniques.overall.count(),
            window_seconds: size.span().seconds(),
            windows: newest.iter().map(|pane| counters.window(size, *pane)).collect(),
        })
    }

    /// Records since a series began.
    pub fn total(&self, series: &Series) -> u64 {
        self.counters(series).map_or(0, |counters| counters.total)
    }

    /// The records of the `minutes` whole minutes that end with the minute of `at`.
    pub fn sliding(&self, series: &Series, minutes: u16, at: Timestamp) -> Sliding {
        let last = number(at, Span::MINUTE);
        let first = last.saturating_sub(i32::from(minutes.max(1)) - 1);
        let counters = self.counters(series);
        let panes = counters.map_or(&[][..], |counters| counters.panes[Size::Minute as usize].between(first, last));
        Sliding {
            start: start(first, Span::MINUTE),
            end: start(last.saturating_add(1), Span::MINUTE),
            count: panes.iter().map(|pane| u64::from(pane.1)).sum(),
        }
    }

    /// Adds the distinct actors of a series in the hours that begin in `from..=to`; all of its time when there is no
    /// `from`. Merge several series of an event for its uniques over all kinds.
    pub fn uniques_into(&self, series: &Series, hours: Option<(Timestamp, Timestamp)>, into: &mut Uniques) {
        let Some(counters) = self.counters(series) else { return };
        match hours {
            None => into.merge(&counters.uniques.overall),
            Some((from, to)) => {
                let wanted = number(from, Span::HOUR)..=number(to, Span::HOUR);
                let hours = counters.uniques.hours.iter().filter(|(hour, _)| wanted.contains(hour));
                hours.for_each(|(_, uniques)| into.merge(uniques));
            }
        }
    }

    /// The late records of an event; ask the bin of [`Series::late_hash`].
    pub fn late(&self, organization: OrganizationId, event: EventId) -> LateCount {
        let (late, excluded) = self.late_of(organization, event);
        LateCount { late, excluded }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use proptest::prelude::*;
    use records::Token;

    use super::super::{Input, WindowCountRow};
    use super::*;
    use crate::laws;
    use crate::state::Fold;

    fn series(session: u128) -> Series {
        Series { organization: OrganizationId(7), event: EventId(1), session: SessionId(session), kind: Kind::Page }
    }

    fn count(session: u128, seconds: i64, actor: u64) -> Input {
        Input::Count {
            series: series(session),
            time: Timestamp::from_seconds(seconds),
            records: 1,
            actors: vec![Token(actor)],
        }
    }

    fn run(inputs: &[Input]) -> Windows {
        laws::whole::<Windows>(&laws::log(Timestamp(0), inputs.iter().map(|input| (1, input.clone())))).0
    }

    const ALL: (Timestamp, Timestamp) = (Timestamp::MIN, Timestamp::MAX);

    #[test]
    fn late_records_correct_their_window() {
        let fold = run(&[count(0, 30, 1), count(0, 130, 1), count(0, 59, 2), count(0, 60, 3)]);
        let answer = fold.series(&series(0), Size::Minute, ALL.0, ALL.1).unwrap();
        let counts: Vec<_> = answer.windows.iter().map(|window| (window.start.seconds(), window.count)).collect();
        assert_eq!(counts, [(0, 2), (60, 1), (120, 1)]);
        assert_eq!((answer.total, answer.uniques), (4, UniqueCount { count: 3, exact: true }));
        let hour = fold.series(&series(0), Size::Hour, ALL.0, ALL.1).unwrap().windows[0];
        assert_eq!((hour.count, hour.uniques.unwrap().count), (4, 3));
    }

    #[test]
    fn sliding_windows_are_sums_of_minutes() {
        let fold = run(&[count(0, 30, 1), count(0, 130, 1), count(0, 200, 2), count(0, 250, 2)]);
        let at = Timestamp::from_seconds(200);
        let found = fold.sliding(&series(0), 2, at);
        assert_eq!((found.start.seconds(), found.end.seconds(), found.count), (120, 240, 2));
        assert_eq!(fold.sliding(&series(0), 60, at).count, 3);
        assert_eq!(fold.sliding(&series(9), 60, at).count, 0);
    }

    #[test]
    fn windows_are_final_after_the_lateness_bound() {
        let (start, bound) = (Timestamp::from_seconds(60), Span::from_seconds(10));
        assert!(!is_final(start, Size::Minute, bound, Timestamp::from_seconds(129)));
        assert!(is_final(start, Size::Minute, bound, Timestamp::from_seconds(130)));
    }

    #[test]
    fn an_actor_of_two_kinds_is_one_unique() {
        let (_announcer, _frontier, progress) = crate::as_of::channel(AsOf::default());
        let (mut writers, reader) = crate::shards::open::<Windows>(1, progress, crate::feed::Limits::default());
        let at = laws::log(Timestamp(0), [(1, ())])[0].0;
        for (kind, actor, hour) in [(Kind::Page, 1, 0), (Kind::Track, 1, 0), (Kind::Track, 2, 5)] {
            let series = Series { kind, ..series(0) };
            let time = Timestamp::from_seconds(hour * 3_600);
            let input = Input::Count { series, time, records: 1, actors: vec![Token(actor)] };
            writers[0].apply(1, records::hash::bin(series.hash()), [((), at, &input)], &mut Vec::new());
        }
        let ask = |hours| uniques_of(&reader, OrganizationId(7), EventId(1), SessionId::NONE, hours).0.count;
        assert_eq!((ask(None), ask(Some((Timestamp(0), Timestamp(1))))), (2, 1));
    }

    #[test]
    fn late_records_are_counted_by_event() {
        let late = |late, excluded| Input::Late { organization: OrganizationId(7), event: EventId(1), late, excluded };
        let fold = run(&[late(1, 1), late(2, 1)]);
        assert_eq!(fold.late(OrganizationId(7), EventId(1)), LateCount { late: 3, excluded: 2 });
        assert_eq!(fold.late(OrganizationId(7), EventId(2)), LateCount { late: 0, excluded: 0 });
    }

    #[test]
    fn the_oldest_series_is_forgotten_at_the_bound_but_landed() {
        let most = super::super::fold::SERIES_MAX as u128;
        let inputs: Vec<Input> = (0..=most).map(|session| count(session, 1, 1)).collect();
        let log = laws::log(Timestamp(0), inputs.iter().map(|input| (1, input.clone())));
        let (fold, run) = laws::whole::<Windows>(&log);
        assert_eq!((fold.total(&series(0)), fold.total(&series(1))), (0, 1));
        assert_eq!((fold.len() as u128, fold.forgotten(OrganizationId(7))), (most, 1));
        assert_eq!(run.landed.iter().map(|row| row.count_diff).sum::<i64>(), 2 * (most.cast_signed() as i64 + 1));
    }

    #[test]
    fn a_windowed_counter_takes_less_than_48_bytes() {
        // Series that are counted for an hour: 60 minutes and the hour itself.
        let inputs: Vec<Input> =
            (0..2_000u128).flat_map(|session| (0..60).map(move |minute| count(session, minute * 60, 0))).collect();
        let fold = run(&inputs);
        assert_eq!(fold.windows(), 2_000 * 61);
        let bytes = fold.count_bytes() as f64 / fold.windows() as f64;
        assert!(bytes < 48.0, "{bytes:.1} bytes");
    }

    fn table(rows: &[WindowCountRow]) -> BTreeMap<WindowCountRow, i64> {
        let mut sums = BTreeMap::new();
        rows.iter()
            .for_each(|row| *sums.entry(WindowCountRow { count_diff: 0, ..*row }).or_default() += row.count_diff);
        sums
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]
        #[test]
        fn counts_equal_their_naive_twin_and_keep_the_laws(
            steps in proptest::collection::vec((0u128..3, -200i64..9_000, 0u64..5), 1..120),
            chance: u64,
        ) {
            let inputs: Vec<Input> = steps.iter().map(|(session, time, actor)| count(*session, *time, *actor)).collect();
            let log = laws::log(Timestamp(0), inputs.iter().map(|input| (1, input.clone())));
            let fold = run(&inputs);
            for session in 0..3 {
                for size in Size::ALL {
                    let mut twin = BTreeMap::<i64, (u64, BTreeSet<u64>)>::new();
                    for (_, time, actor) in steps.iter().filter(|step| step.0 == session) {
                        let window = twin.entry(time.div_euclid(size.span().seconds())).or_default();
                        window.0 += 1;
                        if *actor != 0 { window.1.insert(*actor); }
                    }
                    let found = fold.series(&series(session), size, ALL.0, ALL.1).map_or(Vec::new(), |found| found.windows);
                    let found: Vec<_> = found.iter().map(|window| (window.start.seconds(), window.count, window.uniques)).collect();
                    let unique = |actors: &BTreeSet<u64>| UniqueCount { count: actors.len() as u64, exact: true };
                    let twin: Vec<_> = twin.into_iter().map(|(number, (count, actors))| {
                        let uniques = (size == Size::Hour && !actors.is_empty()).then(|| unique(&actors));
                        (number * size.span().seconds(), count, uniques)
                    }).collect();
                    prop_assert_eq!(found, twin);
                }
            }
            let ask = |fold: &Windows| {
                let one = |session| fold.series(&series(session), Size::Minute, ALL.0, ALL.1);
                ((0..3).map(one).collect::<Vec<_>>(), fold.sliding(&series(0), 30, Timestamp::from_seconds(5_000)))
            };
            laws::check::<Windows, _, _>(&log, chance, ask, table);
        }
    }
}
