//! The ad events of the Yahoo streaming benchmark as JSON lines.
//!
//! Format and ratios after Chintapalli et al., "Benchmarking Streaming Computation Engines" (IPDPSW 2016): 100
//! campaigns of 10 ads, three event types, of which only views are counted, by campaign and window of 10 s. On top:
//! 5 % of rows are up to 3 s out of order, 0.1 % come 20 to 80 s late, so that every engine has to have a late policy.

use std::io::{self, Write};

use crate::chance::Chance;

/// Campaigns.
pub const CAMPAIGNS: u32 = 100;
/// Ads of each campaign.
pub const ADS_OF_CAMPAIGN: u32 = 10;
/// The length of a window in milliseconds.
pub const WINDOW_MS: i64 = 10_000;
/// How far out of order a row may be and still count, in milliseconds.
pub const BOUND_MS: i64 = 3_000;
/// Rows for each second of event time.
const PER_SECOND: i64 = 10_000;
/// The first event time: 2026-10-05T07:00:00Z, in milliseconds. It begins a window.
pub const STARTS_MS: i64 = 1_791_183_600_000;

/// One ad event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AdEvent {
    /// The user's number.
    pub user: u32,
    /// The page's number.
    pub page: u32,
    /// The ad's number, `0..1_000`; its campaign is a tenth of it.
    pub ad: u32,
    /// 0 view, 1 click, 2 purchase.
    pub kind: u8,
    /// Event time in milliseconds since 1970.
    pub at_ms: i64,
}

/// The names of the event types.
pub const KINDS: [&str; 3] = ["view", "click", "purchase"];
const AD_TYPES: [&str; 5] = ["banner", "modal", "sponsored-search", "mail", "mobile"];

/// An endless stream of ad events in order of arrival.
#[derive(Debug, Clone)]
pub struct AdEvents {
    chance: Chance,
    count: i64,
}

impl AdEvents {
    /// The events of a seed.
    pub fn new(seed: u64) -> Self {
        Self { chance: Chance::new(seed), count: 0 }
    }
}

impl Iterator for AdEvents {
    type Item = AdEvent;
    fn next(&mut self) -> Option<AdEvent> {
        let now = STARTS_MS + self.count * 1_000 / PER_SECOND;
        self.count += 1;
        let late = match self.chance.below(1_000) {
            0 => self.chance.between(20_000, 80_000),
            1..51 => self.chance.between(1, BOUND_MS),
            _ => 0,
        };
        Some(AdEvent {
            user: self.chance.below(100_000) as u32,
            page: self.chance.below(1_000) as u32,
            ad: self.chance.below(u64::from(CAMPAIGNS * ADS_OF_CAMPAIGN)) as u32,
            kind: self.chance.below(3) as u8,
            at_ms: (now - late).max(STARTS_MS),
        })
    }
}

/// The name of an ad's campaign.
pub fn campaign_name(ad: u32) -> String {
    format!("campaign-{}", ad / ADS_OF_CAMPAIGN)
}

/// Writes one event as a JSON line.
///
/// # Errors
/// Those of the writer.
pub fn write_line(out: &mut impl Write, event: &AdEvent) -> io::Result<()> {
    writeln!(
        out,
        r#"{{"user_id":"u{}","page_id":"p{}","ad_id":"ad-{}","ad_type":"{}","event_type":"{}","event_time":{},"ip_address":"10.{}.{}.1"}}"#,
        event.user,
        event.page,
        event.ad,
        AD_TYPES[event.user as usize % AD_TYPES.len()],
        KINDS[usize::from(event.kind)],
        event.at_ms,
        event.user & 0xFF,
        (event.user >> 8) & 0xFF,
    )
}

/// Writes `rows` events as JSON lines.
///
/// # Errors
/// Those of the writer.
pub fn write(out: &mut impl Write, seed: u64, rows: u64) -> io::Result<()> {
    let rows = usize::try_from(rows).map_err(io::Error::other)?;
    AdEvents::new(seed).take(rows).try_for_each(|event| write_line(out, &event))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_json_and_shares_hold() {
        let mut bytes = Vec::new();
        // After the first minutes, when late rows no longer stop at the beginning of time.
        for event in AdEvents::new(4).skip(1_000_000).take(20_000) {
            write_line(&mut bytes, &event).unwrap();
        }
        let text = String::from_utf8(bytes).unwrap();
        let (mut newest, mut disordered, mut late, mut views) = (0, 0, 0, 0);
        for line in text.lines() {
            let event: serde_json::Value = serde_json::from_str(line).unwrap();
            let at = event["event_time"].as_i64().unwrap();
            newest = newest.max(at);
            disordered += u32::from(at < newest);
            late += u32::from(newest - at > BOUND_MS);
            views += u32::from(event["event_type"] == "view");
        }
        assert!((850..1_150).contains(&disordered), "{disordered}");
        assert!((5..40).contains(&late), "{late}");
        assert!((6_300..7_000).contains(&views), "{views}");
    }
}
