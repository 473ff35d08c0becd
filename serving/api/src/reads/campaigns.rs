//! Campaign counts by window of ten seconds.

use records::{CampaignId, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use views::campaigns::{CampaignKey, CampaignWindow, Counted, Counts};

use super::extract::{Caller, Id, Instant, Named, Params};
use crate::answer::Answer;
use crate::limits;

#[derive(Deserialize, JsonSchema)]
pub(crate) struct Span {
    /// Windows that begin at or after this: RFC 3339, or microseconds since 1970.
    from: Option<Instant>,
    /// Windows that begin before this.
    to: Option<Instant>,
}

/// A campaign with its totals.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Campaign {
    /// The campaign.
    campaign: CampaignId,
    /// Counts of all time.
    total: Counts,
}

/// A campaign with its counts by window of ten seconds.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "CampaignWindows")]
pub(crate) struct Windows {
    #[serde(flatten)]
    campaign: Campaign,
    /// Oldest first; the newest ones when there are more than one answer holds.
    windows: Vec<CampaignWindow>,
}

/// Every campaign of the organization with its totals.
pub(crate) async fn list(caller: Caller) -> Answer<Vec<Campaign>> {
    let mut data = Vec::new();
    let as_of = caller.views.campaigns.scan(|_, fold| {
        data.extend(
            fold.of(caller.organization).map(|key| Campaign { campaign: key.campaign, total: fold.total(key) }),
        );
    });
    data.sort_unstable_by_key(|campaign| campaign.campaign);
    data.truncate(limits::ROWS_MAX);
    Answer { as_of, data }
}

/// The windows of one campaign that start in `from..to`.
pub(crate) async fn windows(
    caller: Caller,
    Named(Id(campaign)): Named<Id<CampaignId>>,
    Params(span): Params<Span>,
) -> Answer<Windows> {
    let key = CampaignKey { organization: caller.organization, campaign };
    let from = span.from.map_or(Timestamp::MIN, |from| from.0);
    let until = span.to.map_or(Timestamp::MAX, |to| to.0);
    let (data, as_of) = caller.views.campaigns.read(Counted::hash(key.organization, campaign), |fold| {
        let mut windows = fold.windows(key, from, until);
        windows.drain(..windows.len().saturating_sub(limits::ROWS_MAX));
        Windows { campaign: Campaign { campaign, total: fold.total(key) }, windows }
    });
    Answer { as_of, data }
}
