//! What must hold at the end of a run.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;
use std::sync::Arc;

use dataflow::Stepper;
use dataflow::twin::Twin;
use eventlog::disk::SimDisk;
use eventlog::{EventLog, FileLog, Frame, Lane, Offset, ReadLimits};
use records::{Batch, MessageId, Timestamp};

use crate::columns::Landed;
use crate::poison::{self, Poisonable};
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
            if let Some(view) = poison::poisons(message) {
                poisoned.insert((frame.partition.0, place.0), view);
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
    let poisoned = world.poison.check(&*history, &poisoned)?;
    let dropped = dropped(&process.log)?;

    let twin = recount(&*history, &process.dataflow)?;
    let mut compared = equal(&twin, &process.dataflow)?;
    let rows = landed(world, &twin)?;
    compared += rows;
    let raw = raw::check(&world.warehouse, &counted)?;
    let live = state::hashes(&process.dataflow.views());
    process.dataflow.run().map_err(|error| error.to_string())?;
    drop((process, history));
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
        poisoned,
        dropped,
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

/// How many activity records retention has dropped; facts and the system lane are whole.
fn dropped(log: &FileLog) -> Result<u64, String> {
    for lane in [Lane::Facts, Lane::System] {
        if log.starts(lane).iter().any(|start| *start > Offset(0)) {
            return Err(format!("the {lane} lane has lost its beginning"));
        }
    }
    Ok(log.starts(Lane::Activity).iter().map(|start| start.0).sum())
}

/// The twin of everything that a dataflow reflects.
fn recount(log: &dyn EventLog, dataflow: &Stepper<Poisonable>) -> Result<Twin, String> {
    let as_of = dataflow.progress().current().log_time;
    Twin::recount(log, as_of).map_err(|error| error.to_string())
}

/// Compares every view with the twin; returns how many answers there were.
fn equal(twin: &Twin, dataflow: &Stepper<Poisonable>) -> Result<u64, String> {
    let views = dataflow.views().plain(&dataflow.progress()).map_err(|error| error.to_string())?;
    let mut compared = 0;
    for differences in twin.compare(&views) {
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
fn landed(world: &World, twin: &Twin) -> Result<u64, String> {
    let landed = world.warehouse.landed()?;
    let rows = landed.rows;
    let store = world.store.lock();
    let Err(what) = landed_as(landed, twin, store.bound()) else { return Ok(rows) };
    // Which side of the outbox is at fault?
    let mut told = Landed::default();
    let read = store.told().try_for_each(|part| told.add(&part.table, &part.batch));
    match read.and_then(|()| landed_as(told, twin, store.bound())) {
        Ok(()) => Err(format!("{what}; the dataflow told it right")),
        Err(told) => Err(format!("{what}; the dataflow told: {told}")),
    }
}

/// `bound` is the end of the last landing epoch: what is told minute by minute or hour by hour was told up to there.
fn landed_as(mut landed: Landed, twin: &Twin, bound: Timestamp) -> Result<(), String> {
    let members: BTreeMap<_, _> =
        landed.segments.iter().filter(|(_, (_, is_in))| *is_in).map(|(key, _)| (*key, true)).collect();
    let twins = twin.segments.members(twin.as_of());
    let twins = twins.iter().flat_map(|(key, segments)| segments.iter().map(|segment| ((*key, *segment), true)));
    same("landed segments", &members, &twins.collect())?;
    // A sum that went back to nothing is no row of the twin's.
    landed.windows.retain(|_, count| *count != 0);
    landed.visits.retain(|_, sums| *sums != Default::default());
    same("landed windows", &landed.windows, &twin.windows.landed())?;
    same("landed visits", &landed.visits, &twin.visits.landed())?;
    same("landed awards", &landed.awards, twin.leaderboards.awards())?;
    let scores = twin.fraud.landed().iter().map(|(pos, (organization, one))| {
        let reasons = one.reasons.iter().map(|reason| (reason.rule.to_string(), reason.text.clone())).collect();
        (*pos, (*organization, i64::from(one.score), reasons))
    });
    same("landed fraud scores", &landed.scores, &scores.collect())?;
    let big = |count: u64| i64::try_from(count).expect("small worlds have small counts");
    let campaigns =
        twin.campaigns.counts().iter().map(|(key, one)| {
            (*key, [one.served, one.viewed, one.clicked, one.late_excluded, one.late_counted].map(big))
        });
    same("landed campaigns", &landed.campaigns, &campaigns.collect())?;
    let figures = twin.attendance.figures(twin.as_of());
    let attendance = figures
        .iter()
        .map(|(place, one)| (*place, [one.joined, one.present, one.peak, one.left, one.focused_ms].map(big)));
    same("landed attendance", &landed.attendance, &attendance.collect())?;
    let minutes = twin.attendance.minutes(bound).into_iter().map(|(key, figures)| (key, figures.map(big)));
    same("landed minutes of sessions", &landed.minutes, &minutes.collect())?;
    same("landed steps of funnels", &landed.funnels, &twin.funnels.landed())?;
    let trending = twin.trending.minutes(bound).into_iter().map(|(key, score)| (key, big(score)));
    same("landed trending scores", &landed.trending, &trending.collect())?;
    let neighbours = twin.recommend.told(bound).into_iter().map(|(key, (visits, list))| {
        (key, (i64::from(visits), list.into_iter().map(|(item, visits)| (item, i64::from(visits))).collect()))
    });
    same("landed neighbours", &landed.neighbours, &neighbours.collect())
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
fn same_after(world: &mut World, live: &BTreeMap<&'static str, u64>, from_nothing: bool) -> Result<(), String> {
    let log = world.open_log_again(from_nothing)?;
    let disk = if from_nothing { SimDisk::new(world.seed) } else { world.disk.clone() };
    let process = world.run_again(log, disk, true)?;
    let again = state::hashes(&process.views());
    match live.iter().find(|(view, hash)| again.get(*view) != Some(hash)) {
        None => Ok(()),
        Some((view, _)) => {
            let how = if from_nothing { "from nothing" } else { "from a snapshot" };
            Err(format!("the state of `{view}` differs after a restart {how}"))
        }
    }
}

/// A rebuild over what retention has left is the recount of what it has left: nothing stands still at the gap.
fn rebuilt_without_what_was_dropped(world: &mut World) -> Result<(), String> {
    let log = world.open_log_again(false)?;
    let rebuilt = world.run_again(Arc::clone(&log), SimDisk::new(world.seed), false)?;
    let twin = recount(&*log, &rebuilt)?;
    equal(&twin, &rebuilt).map(|_| ()).map_err(|what| format!("rebuilt over what retention left: {what}"))
}
