//! Campaigns: which ad belongs to which.

use hashbrown::HashMap;
use records::hash::FixedState;
use records::{AdId, CampaignId};
use serde::{Deserialize, Serialize};

/// The most ads of one organization.
pub const ADS_MAX: usize = 1_000_000;

/// A campaign and its ads.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CampaignRule {
    /// The campaign.
    pub id: CampaignId,
    /// What people call it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub title: String,
    /// Its ads. An ad belongs to one campaign.
    pub ads: Vec<AdId>,
}

/// The campaign of each ad.
#[derive(Debug, Clone, Default)]
pub struct CampaignPlan {
    by_ad: HashMap<AdId, CampaignId, FixedState>,
}

impl CampaignPlan {
    /// Indexes campaigns by ad.
    pub fn new(campaigns: &[CampaignRule]) -> Self {
        let by_ad = campaigns.iter().flat_map(|campaign| campaign.ads.iter().map(|ad| (*ad, campaign.id))).collect();
        Self { by_ad }
    }

    /// The campaign of an ad; none when no campaign claims it.
    #[inline]
    pub fn campaign(&self, ad: AdId) -> Option<CampaignId> {
        self.by_ad.get(&ad).copied()
    }

    /// How many ads it knows.
    pub fn len(&self) -> usize {
        self.by_ad.len()
    }

    /// Whether it knows none.
    pub fn is_empty(&self) -> bool {
        self.by_ad.is_empty()
    }
}
