//! Routes ads served, viewed and clicked to the counts of their campaign and window.

use std::sync::Arc;

use hashbrown::HashMap;
use records::hash::FixedState;
use records::{CampaignId, Column, Kind, OrganizationId, Timestamp};
use rules::campaign::CampaignPlan;
use rules::{Lateness, Ruleset};
use views::campaigns::{Campaigns, Counted, Counts, WINDOW};
use views::state::Fold;

use crate::frame::{Emit, Sequenced};

/// Sends one input for each campaign and window of the frame: rows are added up here, where they are hot in the cache.
pub fn route(frame: &Sequenced, emit: &mut Emit<Counted>) {
    let Some(batch) = frame.batch().filter(|batch| batch.has(Column::ad)) else { return };
    let mut tenant = Tenant::default();
    let mut sums = Sums::default();
    for row in frame.rows() {
        let at = row as usize;
        let kind = batch.kind(at);
        if !matches!(kind, Kind::AdServed | Kind::AdViewed | Kind::AdClicked) {
            continue;
        }
        let organization = batch.organization(at);
        if organization != tenant.organization {
            tenant = Tenant::of(frame, organization);
        }
        // The rules win over what a client says; ads that nobody claims are counted together, so that totals agree.
        let campaign = tenant.plan().campaign(batch.ad(at)).unwrap_or_else(|| batch.campaign(at));
        let counts = sums.of(row, organization, campaign, batch.event_time(at).floor(WINDOW));
        let late_by = batch.late_by(at);
        if tenant.lateness.excludes(late_by) {
            counts.late_excluded += 1;
            continue;
        }
        counts.late_counted += u64::from(tenant.lateness.is_late(late_by));
        match kind {
            Kind::AdServed => counts.served += 1,
            Kind::AdViewed => counts.viewed += 1,
            _ => counts.clicked += 1,
        }
    }
    for (row, counted) in sums.list {
        emit.to(Counted::hash(counted.organization, counted.campaign), row, counted);
    }
}

/// The rules of the organization of the rows at hand.
struct Tenant {
    organization: OrganizationId,
    rules: Option<Arc<Ruleset>>,
    nothing: CampaignPlan,
    lateness: Lateness,
}

impl Default for Tenant {
    fn default() -> Self {
        let (organization, lateness) = (OrganizationId::NONE, Lateness::default_of(Campaigns::NAME));
        Self { organization, rules: None, nothing: CampaignPlan::default(), lateness }
    }
}

impl Tenant {
    fn of(frame: &Sequenced, organization: OrganizationId) -> Self {
        let rules = frame.rulebook.rules(organization).map(Arc::clone);
        let lateness = frame.rulebook.lateness(organization, Campaigns::NAME);
        Self { organization, rules, lateness, ..Self::default() }
    }

    fn plan(&self) -> &CampaignPlan {
        self.rules.as_ref().map_or(&self.nothing, |rules| &rules.campaigns)
    }
}

/// The sums of a frame, in the order in which campaigns and windows first came.
#[derive(Default)]
struct Sums {
    places: HashMap<(OrganizationId, CampaignId, i64), usize, FixedState>,
    list: Vec<(u32, Counted)>,
}

impl Sums {
    fn of(&mut self, row: u32, organization: OrganizationId, campaign: CampaignId, window: Timestamp) -> &mut Counts {
        let place = *self.places.entry((organization, campaign, window.0)).or_insert(self.list.len());
        if place == self.list.len() {
            self.list.push((row, Counted { organization, campaign, window, counts: Counts::default() }));
        }
        &mut self.list[place].1.counts
    }
}

#[cfg(test)]
mod tests {
    use records::{AdId, Batch, Fact, FactRow, Record, Span};
    use rules::Rulebook;

    use super::*;

    const ACME: OrganizationId = OrganizationId(1);

    fn book() -> Arc<Rulebook> {
        let document = serde_json::json!({
            "format": 1,
            "campaigns": [{"id": "c", "ads": ["a", "b"]}],
            "lateness": {"campaigns": {"bound": "10s", "policy": "exclude"}},
        });
        let mut book = Rulebook::default();
        book.apply(&FactRow::new(ACME, Timestamp(0), Fact::RulesPublished { document: Arc::new(document) }));
        Arc::new(book)
    }

    fn ad(kind: Kind, ad: &str, second: i64, late: i64) -> Record {
        let ad = AdId::parse(ad).unwrap();
        let (event_time, late_by) = (Timestamp::from_seconds(second), Span::from_seconds(late));
        Record { organization: ACME, ad, event_time, late_by, ..Record::new(kind) }
    }

    #[test]
    fn rows_are_joined_windowed_and_late_ones_counted_apart() {
        let records = [
            ad(Kind::AdServed, "a", 1, 0),
            ad(Kind::AdViewed, "b", 9, 10),
            ad(Kind::AdClicked, "b", 9, 11),
            ad(Kind::AdClicked, "z", 11, 0),
            Record::new(Kind::Page),
            ad(Kind::AdViewed, "a", 10, 0),
        ];
        let mut emit = Emit::default();
        route(&Sequenced::of_batch(Batch::from_records(&records), Timestamp(5), book()), &mut emit);
        let sent: Vec<_> = emit
            .sent()
            .map(|(_, row, input)| {
                let c = input.counts;
                let window = input.window.seconds();
                (row, input.campaign.to_string(), window, [c.served, c.viewed, c.clicked, c.late_excluded])
            })
            .collect();
        let none = "-".to_owned();
        assert_eq!(
            sent,
            [(0, "c".to_owned(), 0, [1, 1, 0, 1]), (3, none, 10, [0, 0, 1, 0]), (5, "c".to_owned(), 10, [0, 1, 0, 0])]
        );
    }
}
