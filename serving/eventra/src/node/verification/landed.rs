//! The same figures, as the warehouse has them.

use std::collections::BTreeMap;

use anyhow::Context as _;
use records::Timestamp;
use warehouse::Client;

use super::counts::{Name, TAKEN};

/// Figures of one row each: the view, what is counted, and how.
const FIGURES: [(&str, &str, &str); 30] = [
    ("raw", "records", "count() FROM records"),
    ("raw", "facts", "count() FROM facts"),
    (
        "windows",
        "counted in sessions",
        "sum(count_diff) FROM window_counts WHERE session != '' AND window_seconds = 3600",
    ),
    ("windows", "counted by minute", "sum(count_diff) FROM window_counts WHERE window_seconds = 60"),
    ("visits", "visits", "sum(visits_diff) FROM visits"),
    ("visits", "of a single record", "sum(single_diff) FROM visits"),
    ("visits", "records", "sum(records_diff) FROM visits"),
    ("visits", "duration, ms", "sum(duration_ms_diff) FROM visits"),
    ("campaigns", "impressions", "sum(impressions_diff) FROM campaign_counts"),
    ("campaigns", "views", "sum(views_diff) FROM campaign_counts"),
    ("campaigns", "clicks", "sum(clicks_diff) FROM campaign_counts"),
    ("campaigns", "late, excluded", "sum(late_excluded_diff) FROM campaign_counts"),
    ("campaigns", "late, counted", "sum(late_counted_diff) FROM campaign_counts"),
    ("scores", "records scored", "count() FROM fraud_scores"),
    ("scores", "rules that fired", "sum(length(reasons)) FROM fraud_scores"),
    ("scores", "sum of scores", "sum(score) FROM fraud_scores"),
    ("funnels", "actors who took a first step", "sumIf(reached_diff, step = 1) FROM funnel_steps"),
    ("funnels", "steps reached", "sum(reached_diff) FROM funnel_steps"),
    ("funnels", "time to steps, ms", "sum(duration_ms_diff) FROM funnel_steps"),
    ("leaderboards", "awards", "sum(awards_diff) FROM awards"),
    ("leaderboards", "points awarded", "sum(points_diff) FROM awards"),
    ("leaderboards", "places", "count() FROM leaderboard_scores"),
    ("leaderboards", "points on all boards", "sum(score) FROM leaderboard_scores"),
    ("attendance", "sessions", "countIf(joined > 0) FROM attendance FINAL"),
    ("attendance", "joined", "sum(joined) FROM attendance FINAL"),
    ("attendance", "left", "sum(left) FROM attendance FINAL"),
    ("attendance", "sum of peaks", "sum(peak) FROM attendance FINAL"),
    ("attendance", "focused, ms", "sum(focused_ms) FROM attendance FINAL"),
    ("audience", "values", "countIf(part = 'value') FROM audience FINAL"),
    ("audience", "people, by value and in all", "sum(visitors) FROM audience FINAL"),
];

/// Figures of what was told of minutes and hours that are over: the view, what is counted, how, and the time of a row.
const TOLD: [(&str, &str, &str, &str); 7] = [
    ("attendance", "minutes", "count() FROM attendance_minutes", MINUTE),
    ("attendance", "present, by minute", "sum(present) FROM attendance_minutes", MINUTE),
    ("attendance", "focused by minute, ms", "sum(focused_ms) FROM attendance_minutes", MINUTE),
    ("trending", "minutes", "count() FROM trending_scores", MINUTE),
    ("trending", "scores, by minute", "sum(score) FROM trending_scores", MINUTE),
    ("recommend", "lists", "count() FROM item_neighbours", "as_of"),
    ("recommend", "together, of all lists", "sum(arraySum(together)) FROM item_neighbours", "as_of"),
];
/// The end of the minute that a row is of.
const MINUTE: &str = "minute + toIntervalMinute(1)";

/// What the warehouse was told of minutes and hours that are over at a log time. It must have landed.
pub(super) async fn told(client: &Client, now: Timestamp) -> anyhow::Result<BTreeMap<Name, i64>> {
    let mut said = BTreeMap::new();
    for (view, figure, what, time) in TOLD {
        let what = format!("{what} WHERE {time} <= fromUnixTimestamp64Micro({})", now.0);
        said.insert((view, figure.to_owned()), one(client, &what).await.with_context(|| format!("{view}: {figure}"))?);
    }
    Ok(said)
}

/// Everything that the warehouse says but who is present; of segments what had happened by `now`.
pub(super) async fn figures(client: &Client, now: Timestamp) -> anyhow::Result<BTreeMap<Name, i64>> {
    let mut said = BTreeMap::new();
    let kinds: Vec<(String, i64)> = client
        .fetch_all("SELECT kind, toInt64(sum(count_diff)) FROM window_counts WHERE session = '' AND window_seconds = 3600 GROUP BY kind")
        .await?;
    said.extend(kinds.into_iter().map(|(kind, count)| (("windows", format!("counted {kind}")), count)));
    for (view, figure, what) in FIGURES {
        said.insert((view, figure.to_owned()), one(client, what).await.with_context(|| format!("{view}: {figure}"))?);
    }
    let revenue: Vec<(String, i64, i64, i64, i64)> = client
        .fetch_all(
            "SELECT currency, toInt64(sum(gross_minor_diff)), toInt64(sum(refunded_minor_diff)), toInt64(sum(orders_diff)), \
             toInt64(sum(refunds_diff)) FROM revenue GROUP BY currency",
        )
        .await
        .context("revenue")?;
    for (currency, gross, refunded, orders, refunds) in revenue {
        let named = TAKEN.into_iter().zip([gross, refunded, orders, refunds]);
        said.extend(named.map(|(name, sum)| (("revenue", format!("{name}, {currency}")), sum)));
    }
    // A change has the log time at which it came about, so the table tells of any time that has landed.
    let by_segment = format!(
        "SELECT concat(organization, '/', segment), toInt64(sum(if(change = 'joined', 1, -1))) FROM segment_changes \
         WHERE at <= fromUnixTimestamp64Micro({}) GROUP BY ALL",
        now.0
    );
    let segments: Vec<(String, i64)> = client.fetch_all(&by_segment).await.context("segments")?;
    said.insert(("segments", "members".into()), segments.iter().map(|(_, members)| members).sum());
    said.extend(segments.into_iter().map(|(segment, members)| (("segments", format!("in {segment}")), members)));
    Ok(said)
}

/// How many are present, as of the newest landing epoch.
pub(super) async fn present(client: &Client) -> anyhow::Result<i64> {
    one(client, "sum(present) FROM attendance FINAL").await.context("attendance: present")
}

async fn one(client: &Client, what: &str) -> anyhow::Result<i64> {
    let (figure, rest) = what.split_once(" FROM ").context("every figure is of a table")?;
    Ok(client.fetch_one::<i64>(&format!("SELECT toInt64({figure}) FROM {rest}")).await?)
}
