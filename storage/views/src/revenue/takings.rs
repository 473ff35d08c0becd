//! What is taken, by whom it is told, and how readers get it.

use std::ops::AddAssign;

use records::hash::{join, wide};
use records::{Currency, EventId, OrganizationId, Timestamp};
use serde::{Deserialize, Serialize};

/// The most windows of one currency in an answer: a day of minutes.
pub const WINDOWS_MAX: usize = 1_440;
/// The most windows of an answer: four currencies whole, or fewer of each of more.
pub const WINDOWS_ALL_MAX: usize = 4 * WINDOWS_MAX;

/// Who says that something was paid. Codes are on disk: never reuse one.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
#[schemars(inline, rename = "RevenueSource")]
#[repr(u8)]
pub enum Source {
    /// Another system reported its orders (`order_reported`).
    #[default]
    Reported = 1,
    /// Our own box office sold it.
    BoxOffice = 2,
}

impl Source {
    /// Every source, by code.
    pub const ALL: [Self; 2] = [Self::Reported, Self::BoxOffice];

    /// The source with this code on disk.
    pub fn from_code(code: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|source| *source as u8 == code)
    }

    /// Its word in SQL.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Reported => "reported",
            Self::BoxOffice => "box_office",
        }
    }

    /// The source with this word.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|source| source.word() == word)
    }
}

/// What is added up together: nothing of another currency or source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Till {
    /// The tenant.
    pub organization: OrganizationId,
    /// The event; none for orders outside any.
    pub event: EventId,
    /// The currency.
    pub currency: Currency,
    /// Who says so.
    pub source: Source,
}

impl Till {
    /// The hash that decides the bin: all currencies of an event together, so that one answer has them as of one time.
    #[inline]
    pub fn hash(organization: OrganizationId, event: EventId) -> u64 {
        join(wide(organization.0), wide(event.0))
    }
}

/// Money in minor units of one currency, and what it came from. Sums stop at the ends of 64 bits.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Takings {
    /// What orders came to, minor units; refunds are not taken off.
    pub gross_minor: i64,
    /// What was given back, minor units; never negative.
    pub refunded_minor: i64,
    /// Orders.
    pub orders: u64,
    /// Refunds.
    pub refunds: u64,
    /// Orders and refunds that were late and are counted above all the same.
    pub late_counted: u64,
    /// Orders and refunds that were too late, and so are in none of the above.
    pub late_excluded: u64,
}

impl Takings {
    /// One order, or the refund that a negative amount is.
    pub fn of(amount_minor: i64) -> Self {
        if amount_minor < 0 {
            Self { refunded_minor: amount_minor.saturating_neg(), refunds: 1, ..Self::default() }
        } else {
            Self { gross_minor: amount_minor, orders: 1, ..Self::default() }
        }
    }
}

impl AddAssign for Takings {
    fn add_assign(&mut self, other: Self) {
        // None of them is ever negative, so the order of additions cannot show at the end of 64 bits either.
        self.gross_minor = self.gross_minor.saturating_add(other.gross_minor);
        self.refunded_minor = self.refunded_minor.saturating_add(other.refunded_minor);
        self.orders += other.orders;
        self.refunds += other.refunds;
        self.late_counted += other.late_counted;
        self.late_excluded += other.late_excluded;
    }
}

/// What a frame adds to one minute. Whatever tells of orders sends these.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Took {
    /// Where it belongs.
    pub till: Till,
    /// An event time in the minute.
    pub time: Timestamp,
    /// What is added.
    pub takings: Takings,
}

/// One window, as a reader gets it. Windows in which nothing was told are left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct RevenueWindow {
    /// When it begins, event time, microseconds since 1970, inclusive.
    pub start: Timestamp,
    /// What was taken in it.
    #[serde(flatten)]
    pub takings: Takings,
}

/// The revenue of an event in one currency, as a reader gets it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct RevenueSeries {
    /// The currency, ISO 4217.
    #[schemars(with = "String")]
    pub currency: Currency,
    /// Who says so: `reported` is another system, `box_office` is ours.
    pub source: Source,
    /// Everything since the beginning.
    pub total: Takings,
    /// Oldest first; the newest ones when there are more than an answer holds.
    pub windows: Vec<RevenueWindow>,
}
