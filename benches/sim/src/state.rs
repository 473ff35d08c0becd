//! What comes out of the views: landed rows by view, and the bytes of their states.

use std::collections::BTreeMap;
use std::fmt::Debug;

use dataflow::computations::Views;
use dataflow::landing::LandingEpoch;
use records::hash;
use records::{CampaignId, EventId, Kind, OrganizationId, Pos, SegmentId, SessionId, Timestamp, Token};
use views::attendance::{AttendanceRow, Standing};
use views::campaigns::CampaignCountRow;
use views::fraud::FraudScoreRow;
use views::funnels::FunnelStepRow;
use views::leaderboards::ScoreRow;
use views::recommend::NeighbourRow;
use views::segments::{SegmentChangeRow, VisitorKey};
use views::shards::Reader;
use views::state::Fold;
use views::trending::TrendRow;
use views::visits::{VisitRow, VisitSums};
use views::windows::WindowCountRow;

/// The rows of one landing epoch.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Rows {
    pub(crate) windows: Vec<WindowCountRow>,
    pub(crate) visits: Vec<VisitRow>,
    pub(crate) attendance: Vec<AttendanceRow>,
    pub(crate) leaderboards: Vec<ScoreRow>,
    pub(crate) scores: Vec<FraudScoreRow>,
    pub(crate) campaigns: Vec<CampaignCountRow>,
    pub(crate) segments: Vec<SegmentChangeRow>,
    pub(crate) funnels: Vec<FunnelStepRow>,
    pub(crate) trending: Vec<TrendRow>,
    pub(crate) neighbours: Vec<NeighbourRow>,
    /// Where the activity partitions end.
    pub(crate) raw: Vec<(u16, u64)>,
}

impl Rows {
    pub(crate) fn of(epoch: &LandingEpoch) -> Self {
        let mut rows = Self::default();
        for view in &epoch.views {
            take(view, &mut rows.windows);
            take(view, &mut rows.visits);
            take(view, &mut rows.attendance);
            take(view, &mut rows.leaderboards);
            take(view, &mut rows.scores);
            take(view, &mut rows.campaigns);
            take(view, &mut rows.segments);
            take(view, &mut rows.funnels);
            take(view, &mut rows.trending);
            take(view, &mut rows.neighbours);
        }
        rows.raw = epoch.raw.iter().map(|end| (end.partition.0, end.end.0)).collect();
        rows
    }

    /// Sessions as they are.
    pub(crate) fn standings(&self) -> impl Iterator<Item = &Standing> {
        self.attendance.iter().filter_map(|row| match row {
            AttendanceRow::Now(standing) => Some(standing),
            AttendanceRow::Minute { .. } => None,
        })
    }

    /// The first view whose rows differ, with the first such rows.
    pub(crate) fn difference(&self, other: &Self) -> String {
        let parts = [
            first("windows", &self.windows, &other.windows),
            first("visits", &self.visits, &other.visits),
            first("attendance", &self.attendance, &other.attendance),
            first("leaderboards", &self.leaderboards, &other.leaderboards),
            first("scores", &self.scores, &other.scores),
            first("campaigns", &self.campaigns, &other.campaigns),
            first("segments", &self.segments, &other.segments),
            first("funnels", &self.funnels, &other.funnels),
            first("trending", &self.trending, &other.trending),
            first("neighbours", &self.neighbours, &other.neighbours),
            first("raw", &self.raw, &other.raw),
        ];
        parts.into_iter().flatten().next().unwrap_or_default()
    }
}

fn take<R: Clone + 'static>(view: &dataflow::ViewRows, into: &mut Vec<R>) {
    if let Some(rows) = view.rows::<R>() {
        into.extend_from_slice(rows);
    }
}

fn first<R: PartialEq + Debug>(view: &str, before: &[R], now: &[R]) -> Option<String> {
    let place = (0..before.len().max(now.len())).find(|place| before.get(*place) != now.get(*place))?;
    Some(format!("{view} row {place}: {:?} then {:?}", before.get(place), now.get(place)))
}

/// A window: organization, event, session, kind, start, length in seconds.
type WindowKey = (OrganizationId, EventId, SessionId, Kind, Timestamp, u32);

/// Everything that landed, as the warehouse's tables would show it: additive rows summed up, upserts by their newest.
#[derive(Debug, Default)]
pub(crate) struct Landed {
    pub(crate) windows: BTreeMap<WindowKey, i64>,
    pub(crate) visits: BTreeMap<(OrganizationId, EventId, Timestamp), VisitSums>,
    pub(crate) attendance: BTreeMap<views::attendance::Place, [u64; 5]>,
    pub(crate) leaderboards: BTreeMap<(OrganizationId, String, Token), i64>,
    pub(crate) scores: BTreeMap<Pos, (OrganizationId, u16)>,
    /// Scored records that landed more than once.
    pub(crate) doubled: u64,
    pub(crate) campaigns: BTreeMap<(OrganizationId, CampaignId, Timestamp), [u64; 5]>,
    /// Who is in which segment, and by which change; absent or `false` is out.
    pub(crate) segments: BTreeMap<(VisitorKey, SegmentId), (u64, bool)>,
    /// Changes of segments that follow from no earlier state: joined twice, or left without having joined.
    pub(crate) impossible: u64,
}

impl Landed {
    pub(crate) fn add(&mut self, rows: &Rows) {
        for row in &rows.windows {
            let key = (row.organization, row.event, row.session, row.kind, row.window_start, row.window_seconds);
            *self.windows.entry(key).or_default() += row.count_diff;
        }
        for row in &rows.visits {
            let sums = self.visits.entry((row.organization, row.event, row.hour)).or_default();
            sums.visits += row.diff.visits;
            sums.single += row.diff.single;
            sums.records += row.diff.records;
            sums.duration_ms += row.diff.duration_ms;
        }
        for row in rows.standings() {
            self.attendance.insert(row.place, [row.joined, row.present, row.peak, row.left, row.focused_ms]);
        }
        for row in &rows.leaderboards {
            self.leaderboards.insert((row.organization, row.board.to_string(), row.participant), row.score);
        }
        for row in &rows.scores {
            let before = self.scores.insert(row.score.pos, (row.organization, row.score.score));
            self.doubled += u64::from(before.is_some());
        }
        for row in &rows.campaigns {
            let added = row.added;
            let sums = self.campaigns.entry((row.organization, row.campaign, row.window)).or_default();
            let more = [added.served, added.viewed, added.clicked, added.late_excluded, added.late_counted];
            sums.iter_mut().zip(more).for_each(|(sum, more)| *sum += more);
        }
        let mut changes: Vec<&SegmentChangeRow> = rows.segments.iter().collect();
        changes.sort_by_key(|row| row.number);
        for row in changes {
            let key = (VisitorKey { organization: row.organization, actor: row.actor }, row.segment);
            let before = self.segments.insert(key, (row.number, row.joined));
            let (number, was_in) = before.unwrap_or((0, false));
            self.impossible += u64::from(was_in == row.joined || number >= row.number);
        }
    }
}

/// The hash of every view's state, by name.
pub(crate) fn hashes(views: &Views) -> BTreeMap<&'static str, u64> {
    BTreeMap::from([
        hash_of(&views.windows),
        hash_of(&views.points),
        hash_of(&views.leaderboards),
        hash_of(&views.campaigns),
        hash_of(&views.signals),
        hash_of(&views.scores),
        hash_of(&views.attendance),
        hash_of(&views.visits),
        hash_of(&views.funnels),
        hash_of(&views.trending),
        hash_of(&views.recommend),
        hash_of(&views.segments),
    ])
}

fn hash_of<F: Fold>(reader: &Reader<F>) -> (&'static str, u64) {
    let mut hash = 0;
    let mut bytes = Vec::new();
    reader.scan(|bin, fold| {
        bytes.clear();
        fold.encode(&mut bytes);
        hash = hash::join(hash::join(hash, u64::from(bin)), hash::bytes(&bytes));
    });
    (F::NAME, hash)
}
