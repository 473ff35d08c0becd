//! `eventra verify`: live views, a recount of the log, and the warehouse, at one place of the log.
//!
//! Intake is held for as long as it takes (requests wait), because a view has no past: all three must mean the same
//! records. What was taken before is first folded and landed.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use dataflow::computations::Views;
use dataflow::twin::{Differences, Twin};
use eventlog::{Lane, Offset};
use records::{Kind, SessionId, Timestamp};
use views::as_of::Wanted;
use views::windows::Series;
use warehouse::Client;

use super::Core;
use crate::figures::{Comparison, Line};

/// How long the views may take to reach the end of the log.
const FOLD_WITHIN: Duration = Duration::from_secs(120);
/// How long the warehouse may take to hold what the views hold.
const LAND_WITHIN: Duration = Duration::from_secs(120);
/// How often it is looked whether something is reached.
const LOOK: Duration = Duration::from_millis(50);
/// Views whose answers depend on the time turn with each beat; a comparison that a beat came between is made again. Beats
/// are a second apart, so that most of these tries lie between two.
const TRIES: usize = 20;
/// Differences of one view that are told.
const TOLD: usize = 5;

type Tell<'a> = &'a dyn Fn(&str) -> anyhow::Result<()>;

/// Compares everything.
///
/// # Errors
/// When something cannot be read or reached in time. A difference is no error but the result.
pub(crate) fn verify(core: &Core, tell: Tell<'_>) -> anyhow::Result<Comparison> {
    let _held = core.intake.blocking_write();
    tell("intake is held; waiting for the views to reach the end of the log")?;
    settle_log(core)?;
    let bound = core.log.bound();
    let views = core.views();
    let progress = views.windows.progress();
    let as_of =
        progress.wait_for(Wanted::LogTime(bound), FOLD_WITHIN).context("the views did not reach the end of the log")?;
    tell("recounting the log")?;
    let mut comparison = Comparison { at: format!("epoch {}", as_of.epoch), ..Comparison::default() };
    let (twin, differences) = compare(core)?;
    for view in &differences {
        let (compared, agreed) = (view.compared(), view.compared() - view.found());
        comparison.lines.push(Line {
            figure: format!("{}: answers that agree", view.view()),
            live: Some(compared.to_string()),
            log: Some(agreed.to_string()),
            warehouse: None,
        });
        comparison.notes.extend(view.kept().iter().take(TOLD).map(ToString::to_string));
    }
    // A view that nothing was asked of agrees with everything; say so instead.
    comparison.lines.retain(|line| line.live.as_deref() != Some("0"));
    let warehouse = match core.warehouse.client() {
        Some(client) => {
            tell("waiting for the warehouse to hold what the views hold")?;
            wait_landed(core)?;
            tell("asking the warehouse")?;
            Some(core.runtime.block_on(ask(client)).context("asking the warehouse")?)
        }
        None => {
            comparison.notes.push("no warehouse is configured: live views and log were compared".into());
            None
        }
    };
    comparison.lines.extend(figures(core, &twin, warehouse.as_ref()));
    Ok(comparison)
}

/// Waits until nothing is on its way to the disk any more.
fn settle_log(core: &Core) -> anyhow::Result<()> {
    let deadline = Instant::now() + FOLD_WITHIN;
    let state = || (core.log.ends(Lane::Activity), core.log.ends(Lane::Facts));
    let mut before: (Vec<Offset>, Vec<Offset>) = state();
    while Instant::now() < deadline {
        std::thread::sleep(LOOK);
        let queued: usize = core.log.status().lanes.iter().take(2).map(|lane| lane.queued_bytes).sum();
        let now = state();
        if queued == 0 && now == before {
            return Ok(());
        }
        before = now;
    }
    bail!("the log still grows although intake is held")
}

fn compare(core: &Core) -> anyhow::Result<(Twin, Vec<Differences>)> {
    let views = core.views();
    let as_of = views.windows.progress().current();
    let twin = Twin::recount(&*core.log, as_of.log_time).context("recounting the log")?;
    let mut differences = twin.compare(&views);
    // The recount takes longer than the time between two beats, but no record came since: only the time is another.
    for differing in differences.iter_mut().filter(|view| view.found() > 0) {
        for _ in 0..TRIES {
            let now = views.windows.progress().current().log_time;
            let Some(again) = compare_at(&twin, &views, differing.view(), now) else { break };
            *differing = again;
            if differing.found() == 0 {
                break;
            }
            std::thread::sleep(LOOK);
        }
    }
    Ok((twin, differences))
}

/// Compares one of the views whose answers depend on the time as well as on the records; `None` for the others.
fn compare_at(twin: &Twin, views: &Views, view: &str, now: Timestamp) -> Option<Differences> {
    Some(match view {
        "trending" => twin.trending.compare(&views.trending, now),
        "attendance" => twin.attendance.compare(&views.attendance, now),
        "recommend" => twin.recommend.compare(&views.recommend, now),
        "segments" => twin.segments.compare(&views.segments, now),
        _ => return None,
    })
}

/// Waits for two more landing epochs than were taken: the second one began after intake was held.
fn wait_landed(core: &Core) -> anyhow::Result<()> {
    let taken = core.flow_status().map_or(0, |status| status.landing.taken);
    let deadline = Instant::now() + LAND_WITHIN;
    while Instant::now() < deadline {
        let (raw, views) = core.warehouse.landed();
        if raw.min(views) >= Some(taken + 2) {
            return Ok(());
        }
        std::thread::sleep(LOOK);
    }
    let figures = core.warehouse.figures();
    bail!(
        "the warehouse did not catch up: landed {:?}, wanted {}; {}",
        core.warehouse.landed(),
        taken + 2,
        figures.error.unwrap_or_else(|| "no error is known".into())
    )
}

/// What the warehouse says, by figure.
async fn ask(client: &Client) -> anyhow::Result<BTreeMap<String, i64>> {
    let mut said = BTreeMap::new();
    let kinds: Vec<(String, i64)> = client
        .fetch_all("SELECT kind, toInt64(sum(count_diff)) FROM window_counts WHERE session = '' AND window_seconds = 3600 GROUP BY kind")
        .await?;
    said.extend(kinds.into_iter().map(|(kind, count)| (format!("counted {kind}"), count)));
    for (figure, sql) in [
        ("records", "SELECT toInt64(count()) FROM records"),
        ("distinct messages", "SELECT toInt64(uniqExact(organization, message)) FROM records WHERE message != ''"),
        ("facts", "SELECT toInt64(count()) FROM facts"),
        ("leaderboard places", "SELECT toInt64(count()) FROM leaderboard_scores FINAL"),
        ("leaderboard points", "SELECT toInt64(sum(score)) FROM leaderboard_scores FINAL"),
        ("campaign impressions", "SELECT toInt64(sum(impressions_diff)) FROM campaign_counts"),
        ("campaign views", "SELECT toInt64(sum(views_diff)) FROM campaign_counts"),
        ("campaign clicks", "SELECT toInt64(sum(clicks_diff)) FROM campaign_counts"),
        ("fraud scores", "SELECT toInt64(count()) FROM fraud_scores"),
        ("fraud score sum", "SELECT toInt64(sum(score)) FROM fraud_scores"),
    ] {
        said.insert(figure.to_owned(), client.fetch_one::<i64>(sql).await.with_context(|| figure.to_owned())?);
    }
    Ok(said)
}

fn figures(core: &Core, twin: &Twin, warehouse: Option<&BTreeMap<String, i64>>) -> Vec<Line> {
    let mut lines = Vec::new();
    let mut line = |figure: String, live: Option<i64>, log: i64| {
        let landed = warehouse.map(|said| said.get(&figure).copied().unwrap_or(0).to_string());
        lines.push(Line {
            live: live.map(|value| value.to_string()),
            log: Some(log.to_string()),
            warehouse: landed,
            figure,
        });
    };
    for (kind, (live, log)) in by_kind(core, twin) {
        line(format!("counted {kind}"), Some(live), log);
    }
    let sum = |values: &mut dyn Iterator<Item = i64>| values.sum::<i64>();
    let count = |value: usize| i64::try_from(value).unwrap_or(i64::MAX);
    let boards = twin.leaderboards.landed();
    let campaigns = twin.campaigns.counts();
    let scores = twin.fraud.landed();
    // Figures that only the log and the warehouse have say nothing without a warehouse.
    if warehouse.is_some() {
        line("records".into(), None, i64::try_from(twin.records()).unwrap_or(i64::MAX));
        line("facts".into(), None, i64::try_from(twin.facts()).unwrap_or(i64::MAX));
        line("leaderboard places".into(), None, count(boards.len()));
        line("leaderboard points".into(), None, sum(&mut boards.values().copied()));
        line(
            "campaign impressions".into(),
            None,
            sum(&mut campaigns.values().map(|counts| counts.served.cast_signed())),
        );
        line("campaign views".into(), None, sum(&mut campaigns.values().map(|counts| counts.viewed.cast_signed())));
        line("campaign clicks".into(), None, sum(&mut campaigns.values().map(|counts| counts.clicked.cast_signed())));
        line("fraud scores".into(), None, count(scores.len()));
    }
    lines
}

/// Counted records by kind: what the live view says, and what the recount says.
fn by_kind(core: &Core, twin: &Twin) -> BTreeMap<Kind, (i64, i64)> {
    let views = core.views();
    let mut kinds = BTreeMap::<Kind, (i64, i64)>::new();
    let mut series = std::collections::BTreeSet::new();
    for ((organization, event, session, kind, _, seconds), count) in twin.windows.landed() {
        if session.is_some() || seconds != 3_600 {
            continue;
        }
        kinds.entry(kind).or_default().1 += count;
        series.insert(Series { organization, event, session: SessionId::NONE, kind });
    }
    for series in series {
        let (total, _) = views.windows.read(series.hash(), |fold| fold.total(&series));
        kinds.entry(series.kind).or_default().0 += i64::try_from(total).unwrap_or(i64::MAX);
    }
    kinds
}
