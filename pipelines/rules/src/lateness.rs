//! How late a record may be for a view, and what happens to one that is later.

use records::Span;
use serde::{Deserialize, Serialize};

use crate::length::Length;

/// The views that ask how late a record is; `fraud` is both its signals and its scores. Other views always correct.
pub const VIEWS: [&str; 6] = ["campaigns", "fraud", "recommend", "revenue", "segments", "windows"];

/// What a view does with a record that is later than its bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Policy {
    /// It still counts where it belongs; it is counted as late as well.
    Correct,
    /// It is only counted as late.
    Exclude,
}

/// A view's bound and policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lateness {
    /// A record is late when its `late_by` exceeds this.
    pub bound: Length,
    /// What happens then.
    pub policy: Policy,
}

impl Lateness {
    /// Late rows count, and are counted as late after an hour: what a view does unless it says otherwise.
    pub const CORRECT: Self = Self { bound: Length::seconds(3_600), policy: Policy::Correct };
    /// Rows later than ten seconds are only counted as late: the campaign windows of the Yahoo streaming benchmark.
    pub const CAMPAIGNS: Self = Self { bound: Length::seconds(10), policy: Policy::Exclude };

    /// Whether a record is late.
    #[inline]
    pub fn is_late(self, late_by: Span) -> bool {
        late_by > self.bound.0
    }

    /// Whether a record is kept out because it is late.
    #[inline]
    pub fn excludes(self, late_by: Span) -> bool {
        self.policy == Policy::Exclude && self.is_late(late_by)
    }

    /// What the view with this name does unless a document says otherwise.
    pub fn default_of(view: &str) -> Self {
        if view == "campaigns" { Self::CAMPAIGNS } else { Self::CORRECT }
    }
}
