//! What the views told the warehouse, as its tables show it, against the recount.

use std::collections::BTreeMap;

use records::{EventId, ItemId, OrganizationId, Timestamp};
use views::attendance::{AttendanceRow, Place, Rooms};
use views::audience::{Audience, AudienceRow, Crowd, Part};
use views::funnels::{FunnelKey, FunnelStepRow, Funnels, StepSums};
use views::recommend::{NeighbourRow, Recommend};
use views::revenue::{Revenue, RevenueRow, Takings, Till};
use views::state::Fold;
use views::trending::{Stage, Thing, TrendRow, Trends};
use views::windows::UniqueCount;

use super::company::List;
use super::{Differences, Twin};
use crate::landing::LandingEpoch;

/// A list by its organization, event and item, and the log time as of which it holds.
pub type ListKey = (OrganizationId, EventId, ItemId, Timestamp);

/// Tables of funnels, trending, recommendations, attendance, revenue and audiences: differences added up, the newest of what
/// replaces what was told, all other rows as they came.
#[derive(Debug, Default)]
pub struct Landed {
    newest: u64,
    bound: Timestamp,
    rows: u64,
    again: u64,
    funnels: BTreeMap<(FunnelKey, u8, Timestamp), StepSums>,
    trending: BTreeMap<(Stage, Thing, Timestamp), u64>,
    neighbours: BTreeMap<ListKey, List>,
    minutes: BTreeMap<(Place, Timestamp), [u64; 5]>,
    revenue: BTreeMap<(Till, Timestamp), Takings>,
    audience: BTreeMap<(Crowd, Part), UniqueCount>,
}

impl Landed {
    /// Takes a landing epoch. One that comes again after a crash is passed over.
    pub fn take(&mut self, epoch: &LandingEpoch) {
        if epoch.number <= self.newest {
            return;
        }
        (self.newest, self.bound) = (epoch.number, epoch.bound);
        for view in &epoch.views {
            self.funnels(view.rows().unwrap_or_default());
            self.trending(view.rows().unwrap_or_default());
            self.neighbours(view.rows().unwrap_or_default());
            self.attendance(view.rows().unwrap_or_default());
            self.revenue(view.rows().unwrap_or_default());
            self.audience(view.rows().unwrap_or_default());
        }
    }

    /// How many rows were taken.
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// Everything up to this log time is in it.
    pub fn bound(&self) -> Timestamp {
        self.bound
    }

    fn funnels(&mut self, rows: &[FunnelStepRow]) {
        self.rows += rows.len() as u64;
        for row in rows {
            self.funnels.entry((row.key, row.step, row.hour)).or_default().add(row.diff);
        }
    }

    fn trending(&mut self, rows: &[TrendRow]) {
        self.rows += rows.len() as u64;
        for row in rows {
            let before = self.trending.insert((row.stage, row.thing, row.start), row.score);
            self.again += u64::from(before.is_some());
        }
    }

    fn neighbours(&mut self, rows: &[NeighbourRow]) {
        self.rows += rows.len() as u64;
        for row in rows {
            let key = (row.organization, row.event, row.item, row.as_of);
            let before = self.neighbours.insert(key, (row.visits, row.neighbours.clone()));
            self.again += u64::from(before.is_some());
        }
    }

    fn attendance(&mut self, rows: &[AttendanceRow]) {
        for row in rows {
            let AttendanceRow::Minute { start, standing: one } = row else { continue };
            let figures = [one.joined, one.present, one.peak, one.left, one.focused_ms];
            let before = self.minutes.insert((one.place, *start), figures);
            self.rows += 1;
            self.again += u64::from(before.is_some());
        }
    }

    fn revenue(&mut self, rows: &[RevenueRow]) {
        self.rows += rows.len() as u64;
        rows.iter().for_each(|row| *self.revenue.entry((row.till, row.start)).or_default() += row.added);
    }

    fn audience(&mut self, rows: &[AudienceRow]) {
        self.rows += rows.len() as u64;
        self.audience.extend(rows.iter().map(|row| ((row.crowd, row.part.clone()), row.visitors)));
    }

    /// Compares every row with the recount, which must have taken everything up to [`Landed::bound`] and, for funnels,
    /// revenue and audiences, nothing more.
    pub fn compare(&self, twin: &Twin) -> Vec<Differences> {
        let of = |view| Differences::new(view);
        let names = [Funnels::NAME, Trends::NAME, Recommend::NAME, Rooms::NAME, Revenue::NAME, Audience::NAME];
        let mut all = names.map(of);
        all[0].same_map(&self.funnels, &twin.funnels.landed());
        all[1].same_map(&self.trending, &twin.trending.minutes(self.bound));
        all[2].same_map(&self.neighbours, &twin.recommend.told(self.bound));
        all[3].same_map(&self.minutes, &twin.attendance.minutes(self.bound));
        all[4].same_map(&self.revenue, twin.revenue.minutes());
        all[5].same_map(&self.audience, &twin.audience.counts());
        all[3].same(|| "rows that came twice".into(), &self.again, &0);
        all.into()
    }
}
