//! The figures that live views and a recount of the log both have, view by view.

use std::collections::{BTreeMap, BTreeSet};

use dataflow::computations::Views;
use dataflow::twin::Twin;
use records::{EventId, Kind, OrganizationId, SegmentId, Timestamp};
use views::audience::Part;
use views::campaigns::Counts;
use views::fraud::Scores;
use views::funnels::{self, FunnelKey, StepSums};
use views::revenue::{Takings, Till};
use views::visits::{self, VisitSums};
use views::windows::Series;

/// What a figure is about: the view, and what is counted.
pub(super) type Name = (&'static str, String);

/// One figure. Without a live one it is compared with the warehouse only, without `lands` with the live one only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Figure {
    pub(super) name: Name,
    pub(super) live: Option<i64>,
    pub(super) log: i64,
    pub(super) lands: bool,
}

/// The figure that changes with every second in which somebody goes.
pub(super) const PRESENT: &str = "present";
/// How many minutes were told, each of one session or item.
const MINUTES: &str = "minutes";
/// Segments of which each has a line of its own; with more there is only the sum.
const SEGMENTS_SHOWN: usize = 24;

/// Figures that depend on the records only, so that they stay as they are while intake is held.
pub(super) fn steady(views: &Views, twin: &Twin) -> Vec<Figure> {
    let mut figures = vec![
        landed("raw", "records", (twin.records() - twin.watermarks()).cast_signed()),
        landed("raw", "facts", twin.facts().cast_signed()),
    ];
    figures.extend(windows(views, twin));
    figures.extend(visits(views, twin));
    figures.extend(campaigns(views, twin));
    figures.extend(fraud(views, twin));
    figures.extend(funnels(views, twin));
    figures.extend(leaderboards(twin));
    figures.extend(revenue(views, twin));
    figures.extend(audience(views, twin));
    figures
}

fn leaderboards(twin: &Twin) -> [Figure; 4] {
    let (places, points) = twin.leaderboards.places();
    let awarded = twin.leaderboards.awards().values();
    let (sum, number) = awarded.fold((0, 0), |(sum, number), (points, awards)| (sum + points, number + awards));
    [
        landed("leaderboards", "awards", number),
        landed("leaderboards", "points awarded", sum),
        landed("leaderboards", "places", places.cast_signed()),
        landed("leaderboards", "points on all boards", points),
    ]
}

fn count(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn landed(view: &'static str, figure: &str, log: i64) -> Figure {
    Figure { name: (view, figure.to_owned()), live: None, log, lands: true }
}

fn everywhere(view: &'static str, figure: &str, live: i64, log: i64) -> Figure {
    Figure { live: Some(live), ..landed(view, figure, log) }
}

fn windows(views: &Views, twin: &Twin) -> Vec<Figure> {
    let mut kinds = BTreeMap::<Kind, (i64, i64)>::new();
    let (mut in_sessions, mut by_minute) = ((0, 0), 0);
    let mut series = BTreeSet::new();
    for ((organization, event, session, kind, _, seconds), records) in twin.windows.landed() {
        if seconds != 3_600 {
            by_minute += records;
            continue;
        }
        let sums = if session.is_some() { &mut in_sessions } else { kinds.entry(kind).or_default() };
        sums.1 += records;
        series.insert(Series { organization, event, session, kind });
    }
    let mut whole = 0;
    for series in series {
        let (total, _) = views.windows.read(series.hash(), |fold| fold.total(&series));
        let sums = if series.session.is_some() { &mut in_sessions } else { kinds.entry(series.kind).or_default() };
        sums.0 += total.cast_signed();
        whole += total.cast_signed();
    }
    let mut figures: Vec<Figure> = kinds
        .into_iter()
        .map(|(kind, (live, log))| everywhere("windows", &format!("counted {kind}"), live, log))
        .collect();
    figures.push(everywhere("windows", "counted in sessions", in_sessions.0, in_sessions.1));
    figures.push(everywhere("windows", "counted by minute", whole, by_minute));
    figures
}

fn visits(views: &Views, twin: &Twin) -> Vec<Figure> {
    let mut log = VisitSums::default();
    let mut events = BTreeSet::<(OrganizationId, EventId)>::new();
    for ((organization, event, _), sums) in twin.visits.landed() {
        add(&mut log, &sums);
        events.insert((organization, event));
    }
    let mut live = VisitSums::default();
    for (organization, event) in events {
        // No hour is asked for: the sums of the whole event are enough.
        let (summary, _) = visits::summarize(&views.visits, organization, event, Timestamp::MAX, Timestamp::MAX);
        add(&mut live, &summary.total);
    }
    vec![
        everywhere("visits", "visits", live.visits, log.visits),
        everywhere("visits", "of a single record", live.single, log.single),
        everywhere("visits", "records", live.records, log.records),
        everywhere("visits", "duration, ms", live.duration_ms, log.duration_ms),
    ]
}

fn add(sums: &mut VisitSums, other: &VisitSums) {
    sums.visits += other.visits;
    sums.single += other.single;
    sums.records += other.records;
    sums.duration_ms = sums.duration_ms.saturating_add(other.duration_ms);
}

fn campaigns(views: &Views, twin: &Twin) -> Vec<Figure> {
    let mut log = Counts::default();
    let mut organizations = BTreeSet::new();
    for ((organization, ..), counts) in twin.campaigns.counts() {
        log += *counts;
        organizations.insert(*organization);
    }
    let mut live = Counts::default();
    views.campaigns.scan(|_, fold| {
        organizations.iter().flat_map(|organization| fold.of(*organization)).for_each(|key| live += fold.total(key));
        live += fold.refused();
    });
    let figure =
        |name, of: fn(&Counts) -> u64| everywhere("campaigns", name, of(&live).cast_signed(), of(&log).cast_signed());
    vec![
        figure("impressions", |counts| counts.served),
        figure("views", |counts| counts.viewed),
        figure("clicks", |counts| counts.clicked),
        figure("late, excluded", |counts| counts.late_excluded),
        figure("late, counted", |counts| counts.late_counted),
    ]
}

/// The names of revenue figures, in the order of [`takings`]. Each is of one currency: they are never added up.
pub(super) const TAKEN: [&str; 4] = ["gross", "refunded", "orders", "refunds"];

fn takings(one: &Takings) -> [i64; 4] {
    [one.gross_minor, one.refunded_minor, one.orders.cast_signed(), one.refunds.cast_signed()]
}

fn revenue(views: &Views, twin: &Twin) -> Vec<Figure> {
    let mut sums = BTreeMap::<String, [(i64, i64); 4]>::new();
    for (till, total) in twin.revenue.totals() {
        let (live, _) = views.revenue.read(Till::hash(till.organization, till.event), |fold| fold.total(&till));
        let both = takings(&live.unwrap_or_default()).into_iter().zip(takings(&total));
        let sums = sums.entry(till.currency.to_string()).or_default();
        for (sum, (live, log)) in sums.iter_mut().zip(both) {
            *sum = (sum.0.saturating_add(live), sum.1.saturating_add(log));
        }
    }
    let figures = sums.into_iter().flat_map(|(currency, sums)| {
        let named = TAKEN.into_iter().zip(sums);
        named.map(move |(name, (live, log))| everywhere("revenue", &format!("{name}, {currency}"), live, log))
    });
    figures.collect()
}

/// People of all audiences, values and the whole of each added up: of many people estimates, but of the log, too, so that
/// they must be equal.
fn audience(views: &Views, twin: &Twin) -> [Figure; 2] {
    let (mut values, mut people) = ((0, 0), (0, 0));
    let counts = twin.audience.counts();
    let crowds: BTreeSet<_> = counts.keys().map(|(crowd, _)| *crowd).collect();
    for ((_, part), visitors) in &counts {
        values.1 += i64::from(matches!(part, Part::Value(_)));
        people.1 += visitors.count.cast_signed();
    }
    for crowd in crowds {
        let (split, _) = views.audience.read(crowd.hash(), |fold| fold.split(&crowd, usize::MAX));
        let Some(split) = split else { continue };
        values.0 += count(split.shares.len());
        let shares = split.shares.iter().map(|share| share.visitors.count).sum::<u64>();
        people.0 += (shares + split.visitors.count + split.other.count).cast_signed();
    }
    [
        everywhere("audience", "values", values.0, values.1),
        everywhere("audience", "people, by value and in all", people.0, people.1),
    ]
}

fn fraud(views: &Views, twin: &Twin) -> Vec<Figure> {
    let scores = twin.fraud.landed();
    let organizations: BTreeSet<OrganizationId> = scores.values().map(|(organization, _)| *organization).collect();
    let (mut scored, mut fired) = (0, 0);
    for organization in organizations {
        let (overview, _) = views.scores.read(Scores::hash(organization), |fold| fold.overview(organization, 0));
        if let Some(overview) = overview {
            scored += overview.scored.cast_signed();
            fired += overview.fired.iter().map(|(_, times)| times.cast_signed()).sum::<i64>();
        }
    }
    let reasons = scores.values().map(|(_, score)| score.reasons.len()).sum();
    vec![
        everywhere("scores", "records scored", scored, count(scores.len())),
        everywhere("scores", "rules that fired", fired, count(reasons)),
        landed("scores", "sum of scores", scores.values().map(|(_, score)| i64::from(score.score)).sum()),
    ]
}

fn funnels(views: &Views, twin: &Twin) -> Vec<Figure> {
    let mut log = StepSums::default();
    let mut steps = BTreeMap::<FunnelKey, usize>::new();
    for ((key, step, _), sums) in twin.funnels.landed() {
        log.add(sums);
        let known = steps.entry(key).or_default();
        *known = usize::from(step + 1).max(*known);
    }
    let (mut entered, mut live) = ((0, 0), 0);
    for (key, steps) in steps {
        let (summary, _) = funnels::summarize(&views.funnels, &key, steps);
        live += summary.reached.iter().sum::<u64>().cast_signed();
        entered.0 += summary.reached[0].cast_signed();
        entered.1 += twin.funnels.reached(&key)[0].cast_signed();
    }
    vec![
        everywhere("funnels", "actors who took a first step", entered.0, entered.1),
        everywhere("funnels", "steps reached", live, log.reached),
        landed("funnels", "time to steps, ms", log.duration_ms),
    ]
}

/// What was told of minutes and hours that are over at a log time: no later record changes it, so that it can be compared
/// while tracking goes on. Live views have no past, so these figures are of log and warehouse only.
pub(super) fn told(twin: &Twin, now: Timestamp) -> Vec<Figure> {
    let minutes = twin.attendance.minutes(now);
    let trending = twin.trending.minutes(now);
    let lists = twin.recommend.told(now);
    let sum = |numbers: &mut dyn Iterator<Item = u64>| numbers.fold(0, u64::saturating_add).cast_signed();
    let mut together = lists.values().flat_map(|(_, list)| list).map(|(_, visits)| u64::from(*visits));
    vec![
        landed("attendance", MINUTES, count(minutes.len())),
        landed("attendance", "present, by minute", sum(&mut minutes.values().map(|figures| figures[1]))),
        landed("attendance", "focused by minute, ms", sum(&mut minutes.values().map(|one| one[4]))),
        landed("trending", MINUTES, count(trending.len())),
        landed("trending", "scores, by minute", sum(&mut trending.values().copied())),
        landed("recommend", "lists", count(lists.len())),
        landed("recommend", "together, of all lists", sum(&mut together)),
    ]
}

/// Figures that depend on the time too: of the live views as they are, of the log as of `now`.
pub(super) fn timely(views: &Views, twin: &Twin, now: Timestamp) -> Vec<Figure> {
    let mut figures = attendance(views, twin, now);
    figures.extend(segments(views, twin, now));
    figures
}

#[derive(Debug, Default)]
struct Attendance([u64; 6]);

impl Attendance {
    fn add(&mut self, figures: [u64; 6]) {
        self.0.iter_mut().zip(figures).for_each(|(sum, figure)| *sum += figure);
    }
}

fn attendance(views: &Views, twin: &Twin, now: Timestamp) -> Vec<Figure> {
    let (mut live, mut log) = (Attendance::default(), Attendance::default());
    for (place, figures) in twin.attendance.figures(now) {
        // Whoever only said goodbye left a sign, but the session has no row.
        let came = u64::from(figures.joined > 0);
        log.add([came, figures.joined, figures.left, figures.peak, figures.focused_ms, figures.present]);
        let (room, _) = views.attendance.read(place.hash(), |fold| fold.session(&place));
        if let Some(room) = room {
            live.add([u64::from(room.joined > 0), room.joined, room.left, room.peak, room.focused_ms, room.present]);
        }
    }
    let names = ["sessions", "joined", "left", "sum of peaks", "focused, ms", PRESENT];
    let sums = names.into_iter().zip(live.0.into_iter().zip(log.0));
    sums.map(|(name, (live, log))| everywhere("attendance", name, live.cast_signed(), log.cast_signed())).collect()
}

/// Whether a figure is that of a single segment.
pub(super) fn is_one_segment(name: &Name) -> bool {
    name.0 == "segments" && name.1.starts_with("in ")
}

fn segments(views: &Views, twin: &Twin, now: Timestamp) -> Vec<Figure> {
    let mut members = BTreeMap::<(OrganizationId, SegmentId), (i64, i64)>::new();
    let mut organizations = BTreeSet::new();
    for (key, segments) in twin.segments.members(now) {
        organizations.insert(key.organization);
        segments.iter().for_each(|segment| members.entry((key.organization, *segment)).or_default().1 += 1);
    }
    views.segments.scan(|_, fold| {
        for organization in &organizations {
            for (segment, visitors) in fold.counts(*organization) {
                members.entry((*organization, segment)).or_default().0 += visitors.cast_signed();
            }
        }
    });
    let (live, log) = members.values().fold((0, 0), |sums, counts| (sums.0 + counts.0, sums.1 + counts.1));
    let mut figures = vec![everywhere("segments", "members", live, log)];
    if members.len() <= SEGMENTS_SHOWN {
        let each = members.into_iter().map(|((organization, segment), (live, log))| {
            everywhere("segments", &format!("in {organization}/{segment}"), live, log)
        });
        figures.extend(each);
    }
    figures
}
