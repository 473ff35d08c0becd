//! Campaign counts by windows of ten seconds, one row after the other.

use std::collections::BTreeMap;

use records::{CampaignId, Kind, OrganizationId, Timestamp};
use views::campaigns::{CampaignKey, Campaigns as View, Counts, WINDOW, WINDOWS_MAX};
use views::shards::Reader;
use views::state::Fold;

use super::{Differences, Row};

/// Counts by organization, campaign and start of the window.
#[derive(Debug, Default)]
pub struct Campaigns(BTreeMap<(OrganizationId, CampaignId, Timestamp), Counts>);

impl Campaigns {
    pub(crate) fn take(&mut self, row: &Row<'_>) {
        let record = row.record;
        if !matches!(record.kind, Kind::AdServed | Kind::AdViewed | Kind::AdClicked) {
            return;
        }
        let ruled = row.book.rules(record.organization).and_then(|rules| rules.campaigns.campaign(record.ad));
        let campaign = ruled.unwrap_or(record.campaign);
        let window = Timestamp(record.event_time.0 - record.event_time.0.rem_euclid(WINDOW.0));
        let counts = self.0.entry((record.organization, campaign, window)).or_default();
        let lateness = row.book.lateness(record.organization, View::NAME);
        let late = record.late_by > lateness.bound.0;
        if late && lateness.policy == rules::Policy::Exclude {
            counts.late_excluded += 1;
            return;
        }
        counts.late_counted += u64::from(late);
        match record.kind {
            Kind::AdServed => counts.served += 1,
            Kind::AdViewed => counts.viewed += 1,
            _ => counts.clicked += 1,
        }
    }

    /// The counts by organization, campaign and start of the window: what the landed rows add up to.
    pub fn counts(&self) -> &BTreeMap<(OrganizationId, CampaignId, Timestamp), Counts> {
        &self.0
    }

    /// Compares with the live view, which keeps the newest [`WINDOWS_MAX`] windows of a campaign apart.
    pub fn compare(&self, reader: &Reader<View>) -> Differences {
        let mut differences = Differences::new(View::NAME);
        let mut by_campaign = BTreeMap::<CampaignKey, BTreeMap<Timestamp, Counts>>::new();
        for ((organization, campaign, window), counts) in &self.0 {
            let key = CampaignKey { organization: *organization, campaign: *campaign };
            by_campaign.entry(key).or_default().insert(*window, *counts);
        }
        let organizations: Vec<OrganizationId> = {
            let mut all: Vec<_> = by_campaign.keys().map(|key| key.organization).collect();
            all.dedup();
            all
        };
        let mut live = BTreeMap::<CampaignKey, BTreeMap<Timestamp, Counts>>::new();
        let mut totals = BTreeMap::<CampaignKey, [u64; 5]>::new();
        reader.scan(|_, bin| {
            for key in organizations.iter().flat_map(|organization| bin.of(*organization)) {
                let windows = bin.windows(key, Timestamp::MIN, Timestamp::MAX);
                live.insert(key, windows.into_iter().map(|one| (one.window, one.counts)).collect());
                totals.insert(key, numbers(&bin.total(key)));
            }
        });
        let mut twin_totals = BTreeMap::new();
        for (key, windows) in &by_campaign {
            let mut sum = Counts::default();
            windows.values().for_each(|counts| sum += *counts);
            twin_totals.insert(*key, numbers(&sum));
        }
        differences.same_map(&totals, &twin_totals);
        for (key, mut windows) in by_campaign {
            let shown = live.remove(&key).unwrap_or_default();
            if windows.len() > WINDOWS_MAX {
                // Which windows left depends on arrival; those that are shown must be whole.
                windows.retain(|window, _| shown.contains_key(window));
                differences.same(|| format!("{key:?} windows kept"), &shown.len(), &WINDOWS_MAX);
            }
            let named = |windows: BTreeMap<Timestamp, Counts>| -> BTreeMap<_, _> {
                windows.into_iter().map(|(window, counts)| ((key, window), counts)).collect()
            };
            differences.same_map(&named(shown), &named(windows));
        }
        differences
    }
}

fn numbers(counts: &Counts) -> [u64; 5] {
    [counts.served, counts.viewed, counts.clicked, counts.late_excluded, counts.late_counted]
}
