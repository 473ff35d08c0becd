//! What must hold at the end of a run.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;
use std::sync::Arc;

use dataflow::twin::{Differences, Twin};
use dataflow::{SetAside, Stepper};
use eventlog::disk::SimDisk;
use eventlog::{EventLog, FileLog, Frame, Lane, Offset, ReadLimits};
use records::{Batch, MessageId, Timestamp};

use crate::columns::Landed;
use crate::poison::{Found, Mark, Poisonable};
use crate::run::Report;
use crate::world::World;
use crate::{raw, state, workers};

/// Of 1,000 runs, those that end with a comparison of several workers: threads cost more than all else.
const WORKERS_PER_MILLE: u64 = 100;

/// Checks everything; the report says how much there was to check.
pub(crate) fn everything(world: &mut World) -> Result<Report, String> {
    let mut process = world.process.take().ok_or("the last life left no process")?;
    let history = world.history(&process.log);
    let mut opened = 0;
    let (mut poisoned, mut seen, mut excused) = (BTreeMap::new(), BTreeMap::new(), BTreeSet::new());
    let counted = counted(&*history, |frame, batch, rows| {
        opened += world.privacy.check(&process.subjects, batch, rows)?;
        for row in rows {
            let (message, place) = (batch.message(*row as usize), frame.first.plus(*row));
            if let Some(mark) = Mark::of(message) {
                poisoned.insert((frame.partition.0, place.0), Found { mark, log_time: frame.log_time });
            }
            // What is sent again after retention has dropped it is news to a log that was opened since.
            let before = seen.insert(message, (frame.partition, place));
            if before.is_some_and(|(partition, place)| world.kept.was_gone(partition, place, frame.log_time)) {
                excused.insert(message);
            }
        }
        Ok(())
    })?;
    world.model.check(&counted, &excused)?;
    world.privacy.check_gone(&world.disk)?;
    if !world.privacy.all_announced() {
        return Err("the log was not told of every erasure".into());
    }
    let aside = process.dataflow.set_aside();
    let put_aside = world.poison.check(&*history, &poisoned, &aside)?;
    let (dropped, bindings) = dropped(&process.log)?;

    let twins = Twins::of(&*history, &process.dataflow)?;
    let mut compared = equal(&twins, &process.dataflow)?;
    let rows = landed(world, &*history, &twins, &aside)?;
    compared += rows;
    let raw = raw::check(&world.warehouse, &counted)?;
    let live = state::hashes(&process.dataflow.views());
    process.dataflow.run().map_err(|error| error.to_string())?;
    drop((process, history));
    let live = Live { states: live, aside };
    same_after(world, &live, false)?;
    same_after(world, &live, true)?;
    if dropped > 0 {
        rebuilt_without_what_was_dropped(world)?;
    }
    if world.chance.per_mille(WORKERS_PER_MILLE) {
        workers::check(world, &live)?;
    }

    let store = world.store.lock();
    Ok(Report {
        acknowledged: world.model.acknowledged.len() as u64,
        crashes: world.crashes,
        repeated: world.repeated,
        landed: store.len(),
        landed_again: store.again,
        compared,
        merged: world.warehouse.merged,
        chunks_again: world.warehouse.again,
        raw,
        opened,
        erased: world.privacy.erased(),
        rows,
        poisoned: put_aside.records,
        on_folds: put_aside.on_folds,
        handed_on: put_aside.handed_on,
        set_aside: put_aside.views,
        dropped,
        bindings,
        tables_dropped: world.warehouse.tables_dropped,
        tables_filled: world.warehouse.tables_filled,
        dropped_rows: world.dropped_rows,
        refused: world.space.refused,
        reserved: world.space.reserved,
        waited: world.space.waited,
        stopped: world.space.stopped,
    })
}

/// How often each message counts, as every reader of the log sees it.
fn counted(
    log: &dyn EventLog,
    mut each: impl FnMut(&Frame, &Batch, &[u32]) -> Result<(), String>,
) -> Result<BTreeMap<MessageId, u32>, String> {
    let mut counted: BTreeMap<MessageId, u32> = BTreeMap::new();
    let mut from: Vec<Offset> = log.starts(Lane::Activity);
    loop {
        let frames = log.read_lane(Lane::Activity, &from, ReadLimits::default()).map_err(|error| error.to_string())?;
        if frames.is_empty() {
            return Ok(counted);
        }
        for frame in frames {
            from[frame.partition.index()] = frame.end();
            let rows: Vec<u32> = frame.counted_rows().collect();
            if rows.is_empty() {
                continue;
            }
            let batch = Batch::decode(&frame.body).map_err(|error| error.to_string())?;
            each(&frame, &batch, &rows)?;
            rows.iter().for_each(|row| *counted.entry(batch.message(*row as usize)).or_default() += 1);
        }
    }
}

/// How many activity records retention has dropped, and how many entries of the system lane; facts are whole.
fn dropped(log: &FileLog) -> Result<(u64, u64), String> {
    if log.starts(Lane::Facts).iter().any(|start| *start > Offset(0)) {
        return Err("the lane of facts has lost its beginning".into());
    }
    let starts = |lane| log.starts(lane).iter().map(|start| start.0).sum();
    Ok((starts(Lane::Activity), starts(Lane::System)))
}

/// What the last life came to.
pub(crate) struct Live {
    /// The hash of every view's state.
    pub(crate) states: BTreeMap<&'static str, u64>,
    pub(crate) aside: Arc<[SetAside]>,
}

impl Live {
    /// The first view whose state is another one. Those that are set aside stand where their snapshot was, or where they
    /// panicked; what they say of it is compared with a recount.
    pub(crate) fn differs(&self, again: &BTreeMap<&'static str, u64>) -> Option<&'static str> {
        let stands = |view: &str| self.aside.iter().any(|aside| aside.view == view);
        let mut states = self.states.iter().filter(|(view, _)| !stands(view));
        states.find(|(view, hash)| again.get(*view) != Some(hash)).map(|(view, _)| *view)
    }

    /// The same views are set aside, from the same epochs on.
    fn same_aside(&self, again: &[SetAside]) -> Result<(), String> {
        let which = |aside: &[SetAside]| aside.iter().map(|one| (one.view, one.since)).collect::<BTreeSet<_>>();
        if which(&self.aside) == which(again) {
            Ok(())
        } else {
            Err(format!("{:?} were set aside, now {again:?}", self.aside))
        }
    }
}

/// The twin of everything that a dataflow reflects, and those of views that stand still.
struct Twins {
    whole: Twin,
    aside: BTreeMap<&'static str, Twin>,
}

impl Twins {
    fn of(log: &dyn EventLog, dataflow: &Stepper<Poisonable>) -> Result<Self, String> {
        let whole = recount(log, dataflow.progress().current().log_time)?;
        let aside = dataflow.set_aside();
        let aside = aside.iter().map(|one| Ok((one.view, recount(log, one.as_of.log_time)?)));
        Ok(Self { whole, aside: aside.collect::<Result<_, String>>()? })
    }
}

fn recount(log: &dyn EventLog, up_to: Timestamp) -> Result<Twin, String> {
    Twin::recount(log, up_to).map_err(|error| error.to_string())
}

/// Compares every view with its twin; returns how many answers there were.
fn equal(twins: &Twins, dataflow: &Stepper<Poisonable>) -> Result<u64, String> {
    let views = dataflow.views().plain(&dataflow.progress()).map_err(|error| error.to_string())?;
    let mut compared = 0;
    let stands = |one: &Differences| twins.aside.contains_key(one.view());
    let aside = twins.aside.iter().flat_map(|(view, twin)| {
        twin.compare(&views).into_iter().filter(move |differences| differences.view() == *view)
    });
    for differences in twins.whole.compare(&views).into_iter().filter(|one| !stands(one)).chain(aside) {
        compared += differences.compared();
        if let Some(first) = differences.kept().first() {
            return Err(format!(
                "{} of {} answers differ, first: {first}",
                differences.found(),
                differences.compared()
            ));
        }
    }
    Ok(compared)
}

/// What lies in the warehouse's tables is what the twin says, row by row; returns how many rows there are.
fn landed(world: &World, history: &dyn EventLog, twins: &Twins, aside: &[SetAside]) -> Result<u64, String> {
    let landed = world.warehouse.landed()?;
    let rows = landed.rows;
    let store = world.store.lock();
    // What a view had not told when it was set aside is told by its next version.
    let aside = aside.iter().map(|one| {
        let bound = store.bound_before(one.since);
        Ok((one.view, (recount(history, bound)?, bound)))
    });
    let aside: BTreeMap<_, _> = aside.collect::<Result<_, String>>()?;
    let of = |view: &str| aside.get(view).map_or((&twins.whole, store.bound()), |(twin, bound)| (twin, *bound));
    let Err(what) = landed_as(landed, &of) else { return Ok(rows) };
    // Which side of the outbox is at fault?
    let mut told = Landed::default();
    let read = store.told().try_for_each(|part| told.add(&part.table, &part.batch));
    match read.and_then(|()| landed_as(told, &of)) {
        Ok(()) => Err(format!("{what}; the dataflow told it right")),
        Err(told) => Err(format!("{what}; the dataflow told: {told}")),
    }
}

/// The twin of a view, and the end of the last landing epoch that it took part in: what is told minute by minute or hour
/// by hour was told up to there.
fn landed_as<'a>(mut landed: Landed, of: &dyn Fn(&str) -> (&'a Twin, Timestamp)) -> Result<(), String> {
    let (twin, _) = of("segments");
    let members: BTreeMap<_, _> =
        landed.segments.iter().filter(|(_, (_, is_in))| *is_in).map(|(key, _)| (*key, true)).collect();
    let twins = twin.segments.members(twin.as_of());
    let twins = twins.iter().flat_map(|(key, segments)| segments.iter().map(|segment| ((*key, *segment), true)));
    same("landed segments", &members, &twins.collect())?;
    // A sum that went back to nothing is no row of the twin's.
    landed.windows.retain(|_, count| *count != 0);
    landed.visits.retain(|_, sums| *sums != Default::default());
    same("landed windows", &landed.windows, &of("windows").0.windows.landed())?;
    same("landed visits", &landed.visits, &of("visits").0.visits.landed())?;
    same("landed awards", &landed.awards, of("points").0.leaderboards.awards())?;
    let scores = of("scores").0.fraud.landed().iter().map(|(pos, (organization, one))| {
        let reasons = one.reasons.iter().map(|reason| (reason.rule.to_string(), reason.text.clone())).collect();
        (*pos, (*organization, i64::from(one.score), reasons))
    });
    same("landed fraud scores", &landed.scores, &scores.collect())?;
    let big = |count: u64| i64::try_from(count).expect("small worlds have small counts");
    let campaigns =
        of("campaigns").0.campaigns.counts().iter().map(|(key, one)| {
            (*key, [one.served, one.viewed, one.clicked, one.late_excluded, one.late_counted].map(big))
        });
    same("landed campaigns", &landed.campaigns, &campaigns.collect())?;
    let (twin, bound) = of("attendance");
    let figures = twin.attendance.figures(twin.as_of());
    let attendance = figures
        .iter()
        .map(|(place, one)| (*place, [one.joined, one.present, one.peak, one.left, one.focused_ms].map(big)));
    same("landed attendance", &landed.attendance, &attendance.collect())?;
    let minutes = twin.attendance.minutes(bound).into_iter().map(|(key, figures)| (key, figures.map(big)));
    same("landed minutes of sessions", &landed.minutes, &minutes.collect())?;
    same("landed steps of funnels", &landed.funnels, &of("funnels").0.funnels.landed())?;
    let (twin, bound) = of("trending");
    let trending = twin.trending.minutes(bound).into_iter().map(|(key, score)| (key, big(score)));
    same("landed trending scores", &landed.trending, &trending.collect())?;
    let (twin, bound) = of("recommend");
    let neighbours = twin.recommend.told(bound).into_iter().map(|(key, (visits, list))| {
        (key, (i64::from(visits), list.into_iter().map(|(item, visits)| (item, i64::from(visits))).collect()))
    });
    same("landed neighbours", &landed.neighbours, &neighbours.collect())?;
    same("landed revenue", &landed.revenue, of("revenue").0.revenue.minutes())?;
    same("landed audiences", &landed.audience, &of("audience").0.audience.counts())
}

fn same<K: Ord + Debug, V: PartialEq + Debug>(
    what: &str,
    landed: &BTreeMap<K, V>,
    twin: &BTreeMap<K, V>,
) -> Result<(), String> {
    if landed == twin {
        return Ok(());
    }
    let keys = landed.keys().chain(twin.keys());
    let first = keys.into_iter().find(|key| landed.get(key) != twin.get(key));
    let (one, other) = first.map(|key| (landed.get(key), twin.get(key))).unwrap_or_default();
    Err(format!("{what}: at {first:?} landed {one:?}, recount {other:?}"))
}

/// A process that starts again comes to the same state: from the newest snapshot, or from nothing over the whole history.
fn same_after(world: &mut World, live: &Live, from_nothing: bool) -> Result<(), String> {
    let [left, history] = world.open_log_again()?;
    let log = if from_nothing { &history } else { &left };
    let disk = if from_nothing { SimDisk::new(world.seed) } else { world.disk.clone() };
    let how = if from_nothing { "from nothing" } else { "from a snapshot" };
    let process = world.run_again(Arc::clone(log), disk).map_err(|what| format!("{how}: {what}"))?;
    live.same_aside(&process.set_aside())?;
    if !live.aside.is_empty() {
        equal(&Twins::of(&*history, &process)?, &process)?;
    }
    match live.differs(&state::hashes(&process.views())) {
        None => Ok(()),
        Some(view) => Err(format!("the state of `{view}` differs after a restart {how}")),
    }
}

/// A rebuild over what retention has left is the recount of what it has left: nothing stands still at the gap.
fn rebuilt_without_what_was_dropped(world: &mut World) -> Result<(), String> {
    let [log, _] = world.open_log_again()?;
    let rebuilt = world.run_anew(Arc::clone(&log), SimDisk::new(world.seed), false)?;
    equal(&Twins::of(&*log, &rebuilt)?, &rebuilt)
        .map(|_| ())
        .map_err(|what| format!("rebuilt over what retention left: {what}"))
}
