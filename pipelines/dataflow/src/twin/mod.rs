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
mod campaigns;
mod difference;
mod leaderboards;
mod reading;
mod windows;

use eventlog::EventLog;
use records::{FactRow, Pos, Record, Timestamp};
use rules::Rulebook;

pub use difference::{Difference, Differences};
pub use reading::RecountError;

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
    records: u64,
    facts: u64,
    rulebook: Rulebook,
    /// Campaign counts.
    pub campaigns: campaigns::Campaigns,
    /// Attendance of sessions.
    pub attendance: attendance::Attendance,
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
        let up_to = up_to.min(log.bound());
        let mut twin = Self { as_of: up_to, ..Self::default() };
        reading::each_frame(log, up_to, &mut |frame| twin.take(frame))?;
        Ok(twin)
    }

    /// The log time up to which everything was taken.
    pub fn as_of(&self) -> Timestamp {
        self.as_of
    }

    /// How many records of the activity lane count.
    pub fn records(&self) -> u64 {
        self.records
    }

    /// How many facts count.
    pub fn facts(&self) -> u64 {
        self.facts
    }

    fn take(&mut self, frame: reading::Decoded) {
        for (pos, fact) in frame.facts {
            self.facts += 1;
            self.rulebook.apply(&fact);
            self.fact(pos, &fact);
        }
        for (pos, record, skips) in frame.records {
            self.records += 1;
            let row = Row { pos, record: &record, book: &self.rulebook };
            if !skips.skipped("campaigns") {
                self.campaigns.take(&row);
            }
            if !skips.skipped("windows") {
                self.windows.take(&row);
            }
            if !skips.skipped("attendance") {
                self.attendance.take(&row);
            }
            if !skips.skipped("points") {
                self.leaderboards.take(&row);
            }
        }
    }

    fn fact(&mut self, pos: Pos, fact: &FactRow) {
        self.leaderboards.fact(pos, fact);
    }
}
