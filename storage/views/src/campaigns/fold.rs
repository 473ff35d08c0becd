//! The fold: counts of ads served, viewed and clicked for each campaign and window of ten seconds.

use std::collections::BTreeMap;
use std::ops::AddAssign;

use records::hash::{join, wide};
use records::{CampaignId, OrganizationId, Span, Timestamp};
use rules::Lateness;
use serde::{Deserialize, Serialize};

use crate::codec::{In, Out};
use crate::state::{At, Effects, Fold, StateError};

/// The length of a window, as in the Yahoo streaming benchmark. Windows are aligned to 1970.
pub const WINDOW: Span = Span::from_seconds(10);
/// The most windows of one campaign that are kept live: a day. Older ones are in the warehouse.
pub const WINDOWS_MAX: usize = 8_640;
/// The most campaigns of one bin, a million in all: a stranger may name campaigns at random.
pub const CAMPAIGNS_PER_BIN_MAX: usize = 4_096;

/// How many rows of one campaign fell into one window.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[schemars(rename = "CampaignCounts")]
pub struct Counts {
    /// Ads served.
    pub served: u64,
    /// Ads viewed.
    pub viewed: u64,
    /// Ads clicked.
    pub clicked: u64,
    /// Rows that were too late and so are in none of the above.
    pub late_excluded: u64,
    /// Rows that were late and are counted above all the same, where the policy says so.
    pub late_counted: u64,
}

impl AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.served += other.served;
        self.viewed += other.viewed;
        self.clicked += other.clicked;
        self.late_excluded += other.late_excluded;
        self.late_counted += other.late_counted;
    }
}

/// What a frame adds to one window of one campaign. The router adds up a frame's rows, so that a hot campaign costs
/// one input for each frame and window and not one for each row.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Counted {
    /// The tenant.
    pub organization: OrganizationId,
    /// The campaign; none for ads that no campaign claims.
    pub campaign: CampaignId,
    /// When the window starts.
    pub window: Timestamp,
    /// What it adds.
    pub counts: Counts,
}

impl Counted {
    /// The hash that decides the bin: windows of a campaign stay together.
    pub fn hash(organization: OrganizationId, campaign: CampaignId) -> u64 {
        join(wide(organization.0), wide(campaign.0))
    }
}

/// A campaign of an organization.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct CampaignKey {
    /// The tenant.
    pub organization: OrganizationId,
    /// The campaign; none for ads that no campaign claims.
    pub campaign: CampaignId,
}

/// What a landing epoch adds to one window: additive, so the sum of a window's rows is its count.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CampaignCountRow {
    /// The tenant.
    pub organization: OrganizationId,
    /// The campaign.
    pub campaign: CampaignId,
    /// When the window starts.
    pub window: Timestamp,
    /// What is added.
    pub added: Counts,
}

/// One window of a campaign, as a reader gets it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct CampaignWindow {
    /// When it starts.
    pub window: Timestamp,
    /// Its counts.
    #[serde(flatten)]
    pub counts: Counts,
}

#[derive(Debug, Default, PartialEq, Eq)]
struct Windows {
    live: BTreeMap<Timestamp, Counts>,
    // Windows up to here are no longer live; what still comes for them goes to the warehouse and to `beyond`.
    gone: Option<Timestamp>,
    beyond: Counts,
}

/// One bin of campaign counts.
#[derive(Debug, Default)]
pub struct Campaigns {
    campaigns: BTreeMap<CampaignKey, Windows>,
    // What came for campaigns that found the bin full.
    refused: Counts,
    untold: BTreeMap<(CampaignKey, Timestamp), Counts>,
}

impl Windows {
    fn add(&mut self, window: Timestamp, counts: Counts) {
        if self.gone.is_some_and(|gone| window <= gone) {
            self.beyond += counts;
            return;
        }
        *self.live.entry(window).or_default() += counts;
        if self.live.len() > WINDOWS_MAX
            && let Some((window, counts)) = self.live.pop_first()
        {
            self.gone = Some(window);
            self.beyond += counts;
        }
    }
}

impl Campaigns {
    /// The live windows of a campaign that start in `from..until`, oldest first.
    pub fn windows(&self, key: CampaignKey, from: Timestamp, until: Timestamp) -> Vec<CampaignWindow> {
        let Some(campaign) = self.campaigns.get(&key).filter(|_| from < until) else { return Vec::new() };
        let windows = campaign.live.range(from..until);
        windows.map(|(window, counts)| CampaignWindow { window: *window, counts: *counts }).collect()
    }

    /// Everything that a campaign ever counted, windows that are no longer live included.
    pub fn total(&self, key: CampaignKey) -> Counts {
        let mut total = Counts::default();
        if let Some(campaign) = self.campaigns.get(&key) {
            total = campaign.beyond;
            campaign.live.values().for_each(|counts| total += *counts);
        }
        total
    }

    /// The campaigns of an organization in this bin, by id.
    pub fn of(&self, organization: OrganizationId) -> impl Iterator<Item = CampaignKey> + '_ {
        let first = CampaignKey { organization, campaign: CampaignId(0) };
        let last = CampaignKey { organization, campaign: CampaignId(u128::MAX) };
        self.campaigns.range(first..=last).map(|(key, _)| *key)
    }

    /// What came for campaigns that found the bin full: in the warehouse, but not live.
    pub fn refused(&self) -> Counts {
        self.refused
    }
}

/// Whether a window can no longer change when everything up to the log time `bound` was applied. Under the policy
/// `Correct` a window is never final.
pub fn is_final(window: Timestamp, bound: Timestamp, lateness: Lateness) -> bool {
    lateness.policy == rules::Policy::Exclude && window + WINDOW + lateness.bound.0 <= bound
}

fn write(out: &mut Out<'_>, counts: &Counts) {
    for value in [counts.served, counts.viewed, counts.clicked, counts.late_excluded, counts.late_counted] {
        out.u64(value);
    }
}

fn read(input: &mut In<'_>) -> Result<Counts, StateError> {
    Ok(Counts {
        served: input.u64()?,
        viewed: input.u64()?,
        clicked: input.u64()?,
        late_excluded: input.u64()?,
        late_counted: input.u64()?,
    })
}

impl Fold for Campaigns {
    const NAME: &'static str = "campaigns";
    const VERSION: u32 = 1;
    type Input = Counted;
    type Output = ();
    type Key = CampaignKey;
    type Row = CampaignCountRow;

    fn apply(&mut self, _at: At, input: &Counted, effects: &mut Effects<Self>) {
        let key = CampaignKey { organization: input.organization, campaign: input.campaign };
        *self.untold.entry((key, input.window)).or_default() += input.counts;
        if let Some(windows) = self.campaigns.get_mut(&key) {
            windows.add(input.window, input.counts);
        } else if self.campaigns.len() < CAMPAIGNS_PER_BIN_MAX {
            self.campaigns.entry(key).or_default().add(input.window, input.counts);
        } else {
            self.refused += input.counts;
            return;
        }
        effects.changed.push(key);
    }

    fn advance(&mut self, _bound: Timestamp, _effects: &mut Effects<Self>) {}

    fn land(&mut self, rows: &mut Vec<CampaignCountRow>) {
        rows.extend(std::mem::take(&mut self.untold).into_iter().map(|((key, window), added)| CampaignCountRow {
            organization: key.organization,
            campaign: key.campaign,
            window,
            added,
        }));
    }

    fn encode(&self, out: &mut Vec<u8>) {
        let mut out = Out::open::<Self>(out);
        write(&mut out, &self.refused);
        out.len(self.campaigns.len());
        for (key, windows) in &self.campaigns {
            out.id(key.organization.0);
            out.id(key.campaign.0);
            out.flag(windows.gone.is_some());
            if let Some(gone) = windows.gone {
                out.time(gone);
            }
            write(&mut out, &windows.beyond);
            out.len(windows.live.len());
            let mut last = 0;
            for (window, counts) in &windows.live {
                // Neighbouring windows differ little: one or two bytes instead of eight.
                out.i64(window.0.wrapping_sub(last));
                last = window.0;
                write(&mut out, counts);
            }
        }
    }

    fn decode(bytes: &[u8]) -> Result<Self, StateError> {
        let mut input = In::open::<Self>(bytes)?;
        let mut this = Self { refused: read(&mut input)?, ..Self::default() };
        for _ in 0..input.len(9)? {
            let key = CampaignKey { organization: OrganizationId(input.id()?), campaign: CampaignId(input.id()?) };
            let gone = if input.flag()? { Some(input.time()?) } else { None };
            let mut windows = Windows { gone, beyond: read(&mut input)?, ..Windows::default() };
            let mut last = 0i64;
            for _ in 0..input.len(6)? {
                last = last.wrapping_add(input.i64()?);
                windows.live.insert(Timestamp(last), read(&mut input)?);
            }
            this.campaigns.insert(key, windows);
        }
        input.done()?;
        Ok(this)
    }

    fn len(&self) -> usize {
        self.campaigns.len()
    }
}
