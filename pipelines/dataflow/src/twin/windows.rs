//! Windowed counts and exact uniques, in sorted maps and sets.

use std::collections::{BTreeMap, BTreeSet};

use records::{EventId, Kind, OrganizationId, SessionId, Timestamp, Token};
use views::shards::Reader;
use views::state::Fold;
use views::windows::{Series, Size, UniqueCount, Windows as View};

use super::{Differences, Row};

/// What one series counted.
#[derive(Debug, Default)]
struct Counted {
    total: u64,
    windows: [BTreeMap<Timestamp, u64>; 2],
    actors: BTreeSet<Token>,
    actors_by_hour: BTreeMap<Timestamp, BTreeSet<Token>>,
}

/// Counts by series, and late records by event.
#[derive(Debug, Default)]
pub struct Windows {
    series: BTreeMap<Series, Counted>,
    late: BTreeMap<(OrganizationId, EventId), (u64, u64)>,
}

/// How far an estimate may be off: five standard errors of 1.6 %, which chance passes once in two million answers.
const ESTIMATE_SLACK_PER_MILLE: u64 = 82;

impl Windows {
    pub(crate) fn take(&mut self, row: &Row<'_>) {
        let record = row.record;
        if record.kind == Kind::DeadLettered {
            let (organization, event, session) = (record.organization, EventId::NONE, SessionId::NONE);
            let letters = Series { organization, event, session, kind: record.kind };
            return self.count(letters, record.event_time, Token::NONE);
        }
        if !record.kind.is_activity() {
            return;
        }
        let lateness = row.book.lateness(record.organization, View::NAME);
        if record.late_by > lateness.bound.0 {
            let excluded = lateness.policy == rules::Policy::Exclude;
            let late = self.late.entry((record.organization, record.event)).or_default();
            *late = (late.0 + 1, late.1 + u64::from(excluded));
            if excluded {
                return;
            }
        }
        let (organization, event, kind) = (record.organization, record.event, record.kind);
        let whole = Series { organization, event, session: SessionId::NONE, kind };
        self.count(whole, record.event_time, record.actor);
        if record.session.is_some() {
            self.count(Series { session: record.session, ..whole }, record.event_time, record.actor);
        }
    }

    fn count(&mut self, series: Series, time: Timestamp, actor: Token) {
        let counted = self.series.entry(series).or_default();
        counted.total += 1;
        for (size, windows) in Size::ALL.into_iter().zip(&mut counted.windows) {
            *windows.entry(begin(time, size)).or_default() += 1;
        }
        if actor.is_some() {
            counted.actors.insert(actor);
            counted.actors_by_hour.entry(begin(time, Size::Hour)).or_default().insert(actor);
        }
    }

    /// Records by organization, event, session, kind, start and length of the window in seconds: what the landed rows
    /// add up to.
    pub fn landed(&self) -> BTreeMap<(OrganizationId, EventId, SessionId, Kind, Timestamp, u32), i64> {
        let mut rows = BTreeMap::new();
        for (series, counted) in &self.series {
            for (size, windows) in Size::ALL.into_iter().zip(&counted.windows) {
                let seconds = u32::try_from(size.span().seconds()).expect("windows are at most an hour long");
                for (start, count) in windows {
                    let key = (series.organization, series.event, series.session, series.kind, *start, seconds);
                    rows.insert(key, i64::try_from(*count).unwrap_or(i64::MAX));
                }
            }
        }
        rows
    }

    /// Compares totals, every window that the view still keeps, uniques and late counts.
    pub fn compare(&self, reader: &Reader<View>) -> Differences {
        let mut differences = Differences::new(View::NAME);
        for (series, counted) in &self.series {
            let ((total, overall), _) = reader.read(series.hash(), |bin| {
                let answer = bin.series(series, Size::Hour, Timestamp::MIN, Timestamp::MAX);
                answer.map_or_else(Default::default, |answer| (answer.total, Some(answer.uniques)))
            });
            differences.same(|| format!("{series:?} total"), &total, &counted.total);
            compare_uniques(&mut differences, &format!("{series:?} uniques"), overall, counted.actors.len() as u64);
            for (size, windows) in Size::ALL.into_iter().zip(&counted.windows) {
                compare_windows(&mut differences, reader, series, size, windows);
            }
            self.compare_hours(&mut differences, reader, series, counted);
        }
        let mut shown = 0;
        reader.scan(|_, bin| shown += bin.len());
        differences.same(|| "series".into(), &shown, &self.series.len());
        for ((organization, event), twin) in &self.late {
            let hash = Series::late_hash(*organization, *event);
            let (late, _) = reader.read(hash, |bin| bin.late(*organization, *event));
            differences.same(|| format!("late of {event}"), &(late.late, late.excluded), twin);
        }
        differences
    }

    fn compare_hours(&self, differences: &mut Differences, reader: &Reader<View>, series: &Series, counted: &Counted) {
        let (answer, _) =
            reader.read(series.hash(), |bin| bin.series(series, Size::Hour, Timestamp::MIN, Timestamp::MAX));
        for window in answer.map(|answer| answer.windows).unwrap_or_default() {
            // The view keeps the uniques of the newest hours only.
            if window.uniques.is_some() {
                let twin = counted.actors_by_hour.get(&window.start).map_or(0, BTreeSet::len) as u64;
                let question = format!("{series:?} uniques of {}", window.start);
                compare_uniques(differences, &question, window.uniques, twin);
            }
        }
    }
}

fn begin(time: Timestamp, size: Size) -> Timestamp {
    Timestamp(time.0 - time.0.rem_euclid(size.span().0))
}

fn compare_uniques(differences: &mut Differences, question: &str, view: Option<UniqueCount>, twin: u64) {
    let Some(view) = view else {
        return differences.same(|| question.to_owned(), &0, &twin);
    };
    let slack = if view.exact { 0 } else { twin * ESTIMATE_SLACK_PER_MILLE / 1_000 };
    let close = if view.count.abs_diff(twin) <= slack { twin } else { view.count };
    differences.same(|| question.to_owned(), &close, &twin);
}

/// Compares page by page, newest first, as far back as the view keeps windows.
fn compare_windows(
    differences: &mut Differences,
    reader: &Reader<View>,
    series: &Series,
    size: Size,
    twin: &BTreeMap<Timestamp, u64>,
) {
    let mut to = Timestamp::MAX;
    let mut shown = BTreeMap::new();
    loop {
        let (page, _) = reader.read(series.hash(), |bin| bin.series(series, size, Timestamp::MIN, to));
        let Some(page) = page.filter(|page| !page.windows.is_empty()) else { break };
        let first = page.windows[0].start;
        shown.extend(page.windows.into_iter().map(|window| (window.start, window.count)));
        to = Timestamp(first.0 - 1);
    }
    // What fell off the old end is in the warehouse; everything from the oldest shown window on must be there.
    let kept = shown.keys().next().copied().unwrap_or(Timestamp::MIN);
    let named = |windows: &BTreeMap<Timestamp, u64>| -> BTreeMap<_, _> {
        windows.range(kept..).map(|(start, count)| ((series.kind, series.session, size, *start), *count)).collect()
    };
    differences.same_map(&named(&shown), &named(twin));
}
