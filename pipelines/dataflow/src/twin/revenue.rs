//! Revenue by organization, event, currency and minute, one order after the other.

use std::collections::BTreeMap;

use records::booking::{Account, BookingFact};
use records::{Fact, FactRow, Kind, Timestamp};
use views::revenue::{HOURS_MAX, MINUTES_MAX, Revenue as View, Source, Takings, Till};
use views::shards::Reader;
use views::state::Fold;
use views::windows::Size;

use super::{Differences, Row};

/// Takings by till and start of the minute.
#[derive(Debug, Default)]
pub struct Revenue(BTreeMap<(Till, Timestamp), Takings>);

impl Revenue {
    pub(crate) fn take(&mut self, row: &Row<'_>) {
        let record = row.record;
        // Without a currency nothing is said of money.
        if record.kind != Kind::OrderReported || !record.currency.is_some() {
            return;
        }
        let (organization, event, currency) = (record.organization, record.event, record.currency);
        let till = Till { organization, event, currency, source: Source::Reported };
        let takings = self.0.entry((till, begin(record.event_time, Size::Minute))).or_default();
        let lateness = row.book.lateness(organization, View::NAME);
        let late = record.late_by > lateness.bound.0;
        if late && lateness.policy == rules::Policy::Exclude {
            takings.late_excluded += 1;
            return;
        }
        takings.late_counted += u64::from(late);
        if record.amount_minor < 0 {
            takings.refunds += 1;
            takings.refunded_minor = takings.refunded_minor.saturating_add(record.amount_minor.saturating_neg());
        } else {
            takings.orders += 1;
            takings.gross_minor = takings.gross_minor.saturating_add(record.amount_minor);
        }
    }

    /// What box offices have sold, and no longer have: the change of what their ledgers say of sales with tax.
    pub(crate) fn fact(&mut self, row: &FactRow) {
        let Some(Fact::Booking(fact)) = row.known() else { return };
        let Some(entry) = fact.entry() else { return };
        let balance = |account| -> i64 {
            let postings = entry.postings.iter().filter(|posting| posting.account == account);
            postings.map(|posting| posting.minor).sum()
        };
        // A sale is a credit.
        let came = -balance(Account::Sales) - balance(Account::Tax);
        let is_order = matches!(fact, BookingFact::OrderConfirmed { .. });
        if !entry.currency.is_some() || came == 0 && !is_order {
            return;
        }
        let (organization, event, currency) = (row.organization, fact.event(), entry.currency);
        let till = Till { organization, event, currency, source: Source::BoxOffice };
        let takings = self.0.entry((till, begin(row.at, Size::Minute))).or_default();
        takings.orders += u64::from(is_order);
        if came >= 0 {
            takings.gross_minor += came;
        } else {
            takings.refunds += 1;
            takings.refunded_minor -= came;
        }
    }

    /// The takings by till and start of the minute: what the landed rows add up to.
    pub fn minutes(&self) -> &BTreeMap<(Till, Timestamp), Takings> {
        &self.0
    }

    /// The takings of windows of one size, or of all time under the earliest start there is.
    fn by(&self, start: impl Fn(Timestamp) -> Timestamp) -> BTreeMap<Till, BTreeMap<Timestamp, Takings>> {
        let mut sums = BTreeMap::<Till, BTreeMap<Timestamp, Takings>>::new();
        for ((till, minute), takings) in &self.0 {
            *sums.entry(*till).or_default().entry(start(*minute)).or_default() += *takings;
        }
        sums
    }

    /// What each till took since the beginning.
    pub fn totals(&self) -> BTreeMap<Till, Takings> {
        self.by(|_| Timestamp::MIN)
            .into_iter()
            .flat_map(|(till, sums)| sums.into_values().map(move |sum| (till, sum)))
            .collect()
    }

    /// Compares totals, and the windows that the view keeps: the newest of each till.
    pub fn compare(&self, reader: &Reader<View>) -> Differences {
        let mut differences = Differences::new(View::NAME);
        let totals = self.totals();
        let mut organizations: Vec<_> = totals.keys().map(|till| till.organization).collect();
        organizations.dedup();
        let mut shown = BTreeMap::new();
        let mut windows = Size::ALL.map(|_| BTreeMap::new());
        reader.scan(|_, bin| {
            for till in organizations.iter().flat_map(|organization| bin.tills(*organization, None)) {
                shown.extend(bin.total(till).map(|total| (*till, total)));
                for (size, windows) in Size::ALL.into_iter().zip(&mut windows) {
                    windows
                        .extend(bin.kept(till, size).into_iter().flatten().map(|(start, sum)| ((*till, *start), *sum)));
                }
            }
        });
        differences.same_map(&shown, &totals);
        for ((size, most), windows) in Size::ALL.into_iter().zip([MINUTES_MAX, HOURS_MAX]).zip(&windows) {
            let sums = self.by(|minute| begin(minute, size)).into_iter();
            let newest = sums.flat_map(|(till, sums)| {
                sums.into_iter().rev().take(most).map(move |(start, sum)| ((till, start), sum))
            });
            differences.same_map(windows, &newest.collect());
        }
        differences
    }
}

fn begin(time: Timestamp, size: Size) -> Timestamp {
    Timestamp(time.0 - time.0.rem_euclid(size.span().0))
}
