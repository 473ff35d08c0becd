//! Campaign counts by window: the ad-to-campaign join of the Yahoo streaming benchmark.

mod fold;
#[cfg(test)]
mod tests;

pub use fold::{
    CAMPAIGNS_PER_BIN_MAX, CampaignCountRow, CampaignKey, CampaignWindow, Campaigns, Counted, Counts, WINDOW,
    WINDOWS_MAX, is_final,
};
