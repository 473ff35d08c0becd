//! The naive twins: every computation again, straight from the log, with nothing but sorted maps.
//!
//! No bins, no epochs, no snapshots, no workers. They are written from what the views promise, not from how the folds
//! keep it, so that a slip in one shows as a difference to the other. `eventra verify`, the tests and `sim` compare.
//!
//! ```
//! use dataflow::twin::Twin;
//! use eventlog::{MemoryLog, clock::ManualClock};
//! use records::Timestamp;
//!
//! let log = MemoryLog::new(1, ManualClock::new(Timestamp(1_000)));
//! let twin = Twin::recount(&log, Timestamp::MAX).expect("an empty log is sound");
//! assert_eq!(twin.records(), 0);
//! ```

mod attendance;
mod audience;
mod campaigns;
mod company;
mod difference;
mod fraud;
mod funnels;
mod landed;
mod leaderboards;
mod reading;
mod recommend;
mod recount;
mod revenue;
mod segments;
mod trending;
mod visits;
mod windows;

use eventlog::EventLog;
use records::{FactRow, Kind, Pos, Record, Timestamp};
use rules::Rulebook;

use crate::computations::Views;

pub use company::List;
pub use difference::{Difference, Differences};
pub use landed::{Landed, ListKey};
pub use leaderboards::AwardKey;
pub use reading::RecountError;
pub use recount::Recount;

/// One record that counts, at its place, under the rules of its frame.
pub(crate) struct Row<'a> {
    pub(crate) pos: Pos,
    pub(crate) record: &'a Record,
    pub(crate) book: &'a Rulebook,
}

/// Every computation, recomputed.
#[derive(Debug, Default)]
pub struct Twin {
    as_of: Timestamp,
    /// Views that are recounted; all of them when empty.
    only: Vec<&'static str>,
    records: u64,
    watermarks: u64,
    facts: u64,
    rulebook: Rulebook,
    /// Campaign counts.
    pub campaigns: campaigns::Campaigns,
    /// Fraud signals and scores.
    pub fraud: fraud::Fraud,
    /// What gets attention.
    pub trending: trending::Trending,
    /// Visits.
    pub visits: visits::Visits,
    /// Funnels.
    pub funnels: funnels::Funnels,
    /// Visits by items, for recommendations.
    pub recommend: recommend::Recommend,
    /// Membership of segments.
    pub segments: segments::Segments,
    /// Attendance of sessions.
    pub attendance: attendance::Attendance,
    /// Revenue by currency.
    pub revenue: revenue::Revenue,
    /// People by device, platform, country and language.
    pub audience: audience::Audience,
    /// Windowed counts and uniques.
    pub windows: windows::Windows,
    /// Points and the boards that rank them.
    pub leaderboards: leaderboards::Leaderboards,
}

impl Twin {
    /// Recomputes everything from the log up to a log time (take [`EventLog::bound`], or a view's `as_of`).
    ///
    /// # Errors
    /// When the log cannot be read or a frame not be decoded.
    pub fn recount(log: &dyn EventLog, up_to: Timestamp) -> Result<Self, RecountError> {
        Self::recount_only(log, up_to, &[])
    }

    /// As [`Twin::recount`], for some views by name: comparing the others then finds nothing but differences.
    ///
    /// # Errors
    /// As [`Twin::recount`].
    pub fn recount_only(log: &dyn EventLog, up_to: Timestamp, views: &[&'static str]) -> Result<Self, RecountError> {
        let mut recount = Recount::new(views);
        recount.advance(log, up_to, &mut |_| true)?;
        Ok(recount.into_twin())
    }

    /// The log time up to which everything was taken.
    pub fn as_of(&self) -> Timestamp {
        self.as_of
    }

    /// How many records of the activity lane count.
    pub fn records(&self) -> u64 {
        self.records
    }

    /// How many of them are watermarks of replays, which do not land.
    pub fn watermarks(&self) -> u64 {
        self.watermarks
    }

    /// How many facts count.
    pub fn facts(&self) -> u64 {
        self.facts
    }

    /// Compares every view with its recount; the views must reflect exactly what was recounted (see [`Twin::as_of`]).
    pub fn compare(&self, views: &Views) -> Vec<Differences> {
        vec![
            self.windows.compare(&views.windows),
            self.visits.compare(&views.visits),
            self.funnels.compare(&views.funnels),
            self.trending.compare(&views.trending, self.as_of),
            self.attendance.compare(&views.attendance, self.as_of),
            self.leaderboards.compare(&views.leaderboards),
            self.fraud.compare_signals(&views.signals),
            self.fraud.compare_scores(&views.scores),
            self.campaigns.compare(&views.campaigns),
            self.recommend.compare(&views.recommend, self.as_of),
            self.segments.compare(&views.segments, self.as_of),
            self.revenue.compare(&views.revenue),
            self.audience.compare(&views.audience),
        ]
    }

    fn take(&mut self, frame: reading::Decoded) {
        // A frame is seen under the rules that all of its facts make.
        frame.facts.iter().for_each(|(_, fact, _)| self.rulebook.apply(fact));
        // Taken out for the while, so that the computations can be changed beside it.
        let book = std::mem::take(&mut self.rulebook);
        for (pos, fact, skips) in &frame.facts {
            self.facts += 1;
            self.fact(*pos, fact, &book, skips);
        }
        for (pos, record, skips) in frame.records {
            self.records += 1;
            self.watermarks += u64::from(record.kind == Kind::ReplayWatermarked);
            self.record(&Row { pos, record: &record, book: &book }, &skips);
        }
        self.rulebook = book;
    }

    fn record(&mut self, row: &Row<'_>, skips: &reading::Skips) {
        macro_rules! hand_to {
            ($($view:literal => $twin:ident),+ $(,)?) => {$(
                if (self.only.is_empty() || self.only.contains(&$view)) && !skips.skipped($view) {
                    self.$twin.take(row);
                }
            )+};
        }
        hand_to! {
            "windows" => windows,
            "visits" => visits,
            "funnels" => funnels,
            "trending" => trending,
            "attendance" => attendance,
            "campaigns" => campaigns,
            "recommend" => recommend,
            "segments" => segments,
            "revenue" => revenue,
            "audience" => audience,
        }
        // Each of these recounts two views. The second lives on what the first hands on, and may put a record aside that
        // the first has counted.
        macro_rules! hand_on_to {
            ($($view:literal => $twin:ident, $next:literal);+ $(;)?) => {$(
                if (self.only.is_empty() || self.only.contains(&$view)) && !skips.skipped($view) {
                    self.$twin.take(row, !skips.skipped($next));
                }
            )+};
        }
        hand_on_to! {
            "points" => leaderboards, "leaderboards";
            "signals" => fraud, "scores";
        }
    }

    fn fact(&mut self, pos: Pos, fact: &FactRow, book: &Rulebook, skips: &reading::Skips) {
        self.leaderboards.fact(pos, fact, !skips.skipped("leaderboards"));
        let counts = |view| (self.only.is_empty() || self.only.contains(&view)) && !skips.skipped(view);
        if counts("revenue") {
            self.revenue.fact(fact);
        }
        if counts("signals") {
            self.fraud.fact(pos, fact, book, !skips.skipped("scores"));
        }
        if !skips.skipped("recommend") {
            self.recommend.fact(fact);
        }
        if !skips.skipped("segments") {
            self.segments.fact(fact, book);
        }
    }
}

#[cfg(test)]
mod tests;
