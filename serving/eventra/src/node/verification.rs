//! `eventra verify`: live views, a recount of the log, and the warehouse, at one place of the log.
//!
//! A view has no past, so all three must be asked while nothing comes in: tracking is held (requests wait) for the end of
//! it. Everything that can be done before is: the log is recounted while it grows, until only what came in a moment is
//! left, and nothing is held before views and warehouse are near the end. What is held, for how long, is told.

mod counts;
mod landed;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use dataflow::computations::Views;
use dataflow::twin::{Differences, Recount, Twin};
use eventlog::{Lane, Offset};
use records::Timestamp;
use views::as_of::Wanted;
use warehouse::Client;

use super::Core;
use crate::figures::{Comparison, Line};
use counts::{Figure, Name, PRESENT};

/// How long views and warehouse may take to come near the end of the log, while tracking goes on.
const NEAR_WITHIN: Duration = Duration::from_secs(120);
/// Records that views may be behind, and landing epochs that may wait, to be near: what they do in a second or two.
const NEAR_RECORDS: u64 = 50_000;
const NEAR_LANDING: u64 = 4;
/// How long the views may take to reach the end of the log, and the warehouse to hold what they hold, while tracking is
/// held. Both were near.
const FOLD_WITHIN: Duration = Duration::from_secs(20);
const LAND_WITHIN: Duration = Duration::from_secs(30);
/// A round of the recount that takes no longer leaves so little that the rest can be waited for.
const ROUND_SHORT: Duration = Duration::from_millis(300);
/// Rounds of the recount at most: each takes what came during the one before, which is less whenever a recount is faster
/// than tracking.
const ROUNDS: usize = 8;
/// How often it is told how far the recount is.
const TELL_EVERY: Duration = Duration::from_secs(1);
/// How often it is looked whether something is reached.
const LOOK: Duration = Duration::from_millis(50);
/// Views whose answers depend on the time turn with each beat; a comparison that a beat came between is made again. Beats
/// are a second apart, so that most of these tries lie between two.
const TRIES: usize = 20;
/// How often it is looked whether live views, log and warehouse agree about who is present, and how long in between: some
/// ten landing epochs in all.
const MEETINGS: usize = 20;
const MEET_EVERY: Duration = Duration::from_millis(500);
/// Differences of one view that are told.
const TOLD: usize = 5;

type Tell<'a> = &'a dyn Fn(&str) -> anyhow::Result<()>;

/// Compares everything.
///
/// # Errors
/// When something cannot be read or reached in time. A difference is no error but the result.
pub(crate) fn verify(core: &Core, tell: Tell<'_>) -> anyhow::Result<Comparison> {
    tell("recounting the log; tracking goes on")?;
    let mut recount = Recount::new(&[]);
    for _ in 0..ROUNDS {
        if advance(core, &mut recount, core.log.bound(), tell)? < ROUND_SHORT {
            break;
        }
    }
    come_near(core, tell)?;
    // One after the other: a short round may lie behind by now.
    advance(core, &mut recount, core.log.bound(), tell)?;

    let held = Held::new(core);
    tell("tracking is held; waiting for the views to reach the end of the log")?;
    settle_log(core)?;
    let bound = core.log.bound();
    let views = core.views();
    let progress = views.windows.progress();
    let as_of =
        progress.wait_for(Wanted::LogTime(bound), FOLD_WITHIN).context("the views did not reach the end of the log")?;
    let mut comparison = Comparison { at: format!("epoch {}", as_of.epoch), ..Comparison::default() };
    advance(core, &mut recount, progress.current().log_time, tell)?;
    tell(&format!("comparing the views with the recount of {} records", recount.twin().records()))?;
    let (twin, differences) = (recount.twin(), compare(core, recount.twin()));
    for view in &differences {
        let (compared, agreed) = (view.compared(), view.compared() - view.found());
        comparison.lines.push(Line {
            view: view.view().into(),
            figure: "answers that agree".into(),
            live: Some(compared.to_string()),
            log: Some(agreed.to_string()),
            warehouse: None,
        });
        comparison.notes.extend(view.kept().iter().take(TOLD).map(ToString::to_string));
    }
    // A view that nothing was asked of agrees with everything; say so instead.
    comparison.lines.retain(|line| line.live.as_deref() != Some("0"));
    let mut figures = counts::steady(&views, twin);
    let (mut timely, now) = at_one_time(&views, twin);
    let client = core.warehouse.client();
    let mut said = BTreeMap::new();
    if let Some(client) = client {
        tell("waiting for the warehouse to hold what the views hold")?;
        wait_landed(core)?;
        tell("asking the warehouse")?;
        said = core.runtime.block_on(landed::figures(client, now)).context("asking the warehouse")?;
        if let Some(note) = present(core, client, twin, &mut timely, &mut said)? {
            comparison.notes.push(note);
        }
    } else {
        comparison.notes.push("no warehouse is configured: live views and log were compared".into());
    }
    comparison.held_ms = held.release();
    tell(&format!("tracking goes on; it was held for {} ms", comparison.held_ms))?;
    figures.extend(timely);
    // What was told of times that are over stays as it is, so that tracking need not be held for it.
    figures.extend(counts::told(twin, now));
    if let Some(client) = client {
        said.extend(core.runtime.block_on(landed::told(client, now)).context("asking the warehouse of the past")?);
    }
    comparison.lines.extend(lines(figures, client.is_some().then_some(said)));
    // Stable: what a view's answers say comes before its sums.
    comparison.lines.sort_by(|one, other| one.view.cmp(&other.view));
    Ok(comparison)
}

/// Tracking is held as long as this lives.
struct Held<'a> {
    _intake: tokio::sync::RwLockWriteGuard<'a, ()>,
    since: Instant,
}

impl<'a> Held<'a> {
    fn new(core: &'a Core) -> Self {
        // From the first request that waits on, which is before the last one that was let in is done.
        let since = Instant::now();
        Self { _intake: core.intake.blocking_write(), since }
    }

    /// Lets tracking go on; returns for how many milliseconds it was held.
    fn release(self) -> u64 {
        u64::try_from(self.since.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}

/// Takes what the log has up to there; returns how long it took. Frame by frame: what is kept of them is the twin's.
fn advance(core: &Core, recount: &mut Recount, up_to: Timestamp, tell: Tell<'_>) -> anyhow::Result<Duration> {
    let started = Instant::now();
    let (mut told, mut gone) = (started, None);
    recount
        .advance(&*core.log, up_to, &mut |records| {
            if told.elapsed() >= TELL_EVERY {
                told = Instant::now();
                gone = tell(&format!("{records} records recounted")).err();
            }
            gone.is_none() && !core.is_stopping()
        })
        .context("recounting the log")?;
    match gone {
        Some(gone) => Err(gone),
        None if core.is_stopping() => bail!("the process is stopping"),
        None => Ok(started.elapsed()),
    }
}

/// Waits until views and warehouse are so near the end of the log that the rest takes seconds.
fn come_near(core: &Core, tell: Tell<'_>) -> anyhow::Result<()> {
    let deadline = Instant::now() + NEAR_WITHIN;
    let mut told = Instant::now();
    loop {
        let status = core.flow_status().context("the process is stopping")?;
        let (raw, views) = core.warehouse.landed();
        let landed = raw.min(views).unwrap_or(0);
        let lands = core.warehouse.client().is_some();
        let waiting = if lands { status.landing.taken.saturating_sub(landed) } else { 0 };
        if status.behind_records <= NEAR_RECORDS && waiting <= NEAR_LANDING {
            return Ok(());
        }
        let behind = format!("{} records to fold, {waiting} landing epochs to land", status.behind_records);
        if Instant::now() >= deadline {
            let error =
                core.warehouse.figures().error.map_or(String::new(), |error| format!("; the warehouse: {error}"));
            bail!("views and warehouse did not come near the end of the log: {behind}{error}");
        }
        if told.elapsed() >= TELL_EVERY {
            told = Instant::now();
            tell(&format!("waiting until little is left: {behind}"))?;
        }
        std::thread::sleep(LOOK);
    }
}

/// Figures that depend on the time, of views and log at one time: beats go on, so it takes a try between two of them.
fn at_one_time(views: &Views, twin: &Twin) -> (Vec<Figure>, Timestamp) {
    let look = || {
        let now = views.windows.progress().current().log_time;
        (counts::timely(views, twin, now), now)
    };
    let mut seen = look();
    for _ in 1..TRIES {
        if seen.0.iter().all(|figure| figure.live == Some(figure.log)) {
            break;
        }
        std::thread::sleep(LOOK);
        seen = look();
    }
    seen
}

/// Who is present: the table knows its newest landing epoch only, so all three are looked at until they meet. Returns
/// what to say when they do not, because people go faster than rows land.
fn present(
    core: &Core,
    client: &Client,
    twin: &Twin,
    figures: &mut [Figure],
    said: &mut BTreeMap<Name, i64>,
) -> anyhow::Result<Option<String>> {
    let views = core.views();
    let is_present = |figure: &Figure| figure.name.0 == "attendance" && figure.name.1 == PRESENT;
    let Some(place) = figures.iter().position(is_present) else { return Ok(None) };
    for _ in 0..MEETINGS {
        let landed = core.runtime.block_on(landed::present(client))?;
        let (now, _) = at_one_time(&views, twin);
        if let Some(figure) = now.into_iter().find(|figure| is_present(figure)) {
            figures[place] = figure;
        }
        if figures[place].log == landed {
            said.insert(figures[place].name.clone(), landed);
            return Ok(None);
        }
        std::thread::sleep(MEET_EVERY);
        said.insert(figures[place].name.clone(), landed);
    }
    let moving = figures[place].log != 0;
    // Nobody is left, so that nothing can still be on its way: the difference is real and stays in the table.
    if moving {
        said.remove(&figures[place].name);
        figures[place].lands = false;
    }
    Ok(moving.then(|| {
        "attendance: people leave faster than rows land; who is present was compared without the warehouse".into()
    }))
}

/// One line for each figure, and for each that only the warehouse has. Without a warehouse figures that only it could
/// confirm say nothing.
fn lines(figures: Vec<Figure>, warehouse: Option<BTreeMap<Name, i64>>) -> Vec<Line> {
    let text = |value: i64| value.to_string();
    let asked = warehouse.is_some();
    let mut said = warehouse.unwrap_or_default();
    // With very many segments only their sum is compared, which tells of a difference in any of them.
    if !figures.iter().any(|figure| counts::is_one_segment(&figure.name)) {
        said.retain(|name, _| !counts::is_one_segment(name));
    }
    let mut lines: Vec<Line> = Vec::new();
    for figure in figures.into_iter().filter(|figure| asked || figure.live.is_some()) {
        let landed = said.remove(&figure.name).unwrap_or(0);
        lines.push(Line {
            view: figure.name.0.into(),
            figure: figure.name.1,
            live: figure.live.map(text),
            log: Some(text(figure.log)),
            warehouse: (asked && figure.lands).then(|| text(landed)),
        });
    }
    // A segment or kind that nobody else knows of; those that sum up to nothing are gone rightly.
    lines.extend(said.into_iter().filter(|(_, landed)| *landed != 0).map(|((view, figure), landed)| Line {
        view: view.into(),
        figure,
        live: None,
        log: Some(text(0)),
        warehouse: Some(text(landed)),
    }));
    lines
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

fn compare(core: &Core, twin: &Twin) -> Vec<Differences> {
    let views = core.views();
    let mut differences = twin.compare(&views);
    // A beat may have come since the recount, but no record: only the time is another.
    for differing in differences.iter_mut().filter(|view| view.found() > 0) {
        for _ in 0..TRIES {
            let now = views.windows.progress().current().log_time;
            let Some(again) = compare_at(twin, &views, differing.view(), now) else { break };
            *differing = again;
            if differing.found() == 0 {
                break;
            }
            std::thread::sleep(LOOK);
        }
    }
    differences
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

#[cfg(test)]
mod tests {
    use super::*;

    fn figure(name: &str, live: Option<i64>, log: i64, lands: bool) -> Figure {
        Figure { name: ("windows", name.into()), live, log, lands }
    }

    #[test]
    fn what_only_the_warehouse_has_differs_and_what_has_no_second_place_is_left_out() {
        let figures = vec![figure("both", Some(3), 3, true), figure("landed", None, 4, true)];
        let said = |list: &[(&str, i64)]| {
            list.iter().map(|(name, count)| (("windows", (*name).to_owned()), *count)).collect::<BTreeMap<_, _>>()
        };
        let alone = lines(figures.clone(), None);
        assert_eq!((alone.len(), alone[0].holds(), &alone[0].warehouse), (1, true, &None));
        let whole = lines(figures.clone(), Some(said(&[("both", 3), ("landed", 4), ("gone", 0)])));
        assert!(whole.len() == 2 && whole.iter().all(Line::holds), "{whole:?}");
        let missing = lines(figures.clone(), Some(said(&[("both", 3)])));
        assert!(missing[0].holds() && !missing[1].holds(), "a figure that did not land is 0, not absent");
        let more = lines(figures, Some(said(&[("both", 3), ("landed", 4), ("unknown", 1)])));
        assert!(more.len() == 3 && !more[2].holds(), "{more:?}");
        assert!(lines(vec![figure("live", Some(1), 1, false)], Some(said(&[])))[0].holds());
        let sum = Figure { name: ("segments", "members".into()), ..figure("", Some(2), 2, true) };
        let segments = [(("segments", "members".to_owned()), 2), (("segments", "in acme/comers".to_owned()), 2)];
        let summed = lines(vec![sum], Some(segments.into()));
        assert!(summed.len() == 1 && summed[0].holds(), "{summed:?}");
    }
}
