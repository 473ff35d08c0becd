//! What must hold at the end of a run.

use std::collections::BTreeMap;
use std::fmt::Debug;

use dataflow::twin::Twin;
use eventlog::{EventLog, FileLog, Lane, Offset, ReadLimits};
use records::{Batch, MessageId};

use crate::run::Report;
use crate::state::{self, Landed};
use crate::world::World;
use crate::{raw, workers};

/// Of 1,000 runs, those that end with a comparison of several workers: threads cost more than all else.
const WORKERS_PER_MILLE: u64 = 100;

/// Checks everything; the report says how much there was to check.
pub(crate) fn everything(world: &mut World) -> Result<Report, String> {
    let mut process = world.process.take().ok_or("the last life left no process")?;
    let mut opened = 0;
    let counted = counted(&process.log, |batch, rows| {
        opened += world.privacy.check(&process.subjects, batch, rows)?;
        Ok(())
    })?;
    world.model.check(&counted)?;
    world.privacy.check_gone(&world.disk)?;
    if !world.privacy.all_announced() {
        return Err("the log was not told of every erasure".into());
    }

    let as_of = process.dataflow.progress().current().log_time;
    let twin = Twin::recount(&*process.log, as_of).map_err(|error| error.to_string())?;
    let mut compared = 0;
    for differences in twin.compare(&process.dataflow.views()) {
        compared += differences.compared();
        if let Some(first) = differences.kept().first() {
            return Err(format!(
                "{} of {} answers differ, first: {first}",
                differences.found(),
                differences.compared()
            ));
        }
    }
    compared += landed(world, &twin)?;
    compared += told(world, &twin)?;
    compared += world.warehouse.check(world.store.lock().landed())?;
    let raw = raw::check(&world.warehouse, &counted)?;
    let live = state::hashes(&process.dataflow.views());
    process.dataflow.run().map_err(|error| error.to_string())?;
    drop(process);
    same_after(world, &live, false)?;
    same_after(world, &live, true)?;
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
    })
}

/// How often each message counts, as every reader of the log sees it.
fn counted(
    log: &FileLog,
    mut each: impl FnMut(&Batch, &[u32]) -> Result<(), String>,
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
            each(&batch, &rows)?;
            rows.iter().for_each(|row| *counted.entry(batch.message(*row as usize)).or_default() += 1);
        }
    }
}

/// What landed is what the twin says, row by row.
fn landed(world: &World, twin: &Twin) -> Result<u64, String> {
    let store = world.store.lock();
    let mut landed = Landed::default();
    store.landed().for_each(|rows| landed.add(rows));
    if landed.doubled > 0 {
        return Err(format!("{} scored records landed twice", landed.doubled));
    }
    if landed.impossible > 0 {
        return Err(format!("{} changes of segments follow from no earlier one", landed.impossible));
    }
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
    same("landed scores of participants", &landed.leaderboards, &twin.leaderboards.landed())?;
    let scores = twin.fraud.landed().iter().map(|(pos, (organization, one))| (*pos, (*organization, one.score)));
    same("landed fraud scores", &landed.scores, &scores.collect())?;
    let campaigns = twin
        .campaigns
        .counts()
        .iter()
        .map(|(key, one)| (*key, [one.served, one.viewed, one.clicked, one.late_excluded, one.late_counted]));
    same("landed campaigns", &landed.campaigns, &campaigns.collect())?;
    let figures = twin.attendance.figures(twin.as_of());
    let attendance =
        figures.iter().map(|(place, one)| (*place, [one.joined, one.present, one.peak, one.left, one.focused_ms]));
    same("landed attendance", &landed.attendance, &attendance.collect())?;
    Ok((landed.windows.len() + landed.leaderboards.len() + landed.scores.len() + landed.campaigns.len()) as u64)
}

/// What was told of minutes, hours and funnels is what the twin says of them.
fn told(world: &World, twin: &Twin) -> Result<u64, String> {
    let store = world.store.lock();
    let mut compared = 0;
    for differences in store.told.compare(twin) {
        compared += differences.compared();
        if let Some(first) = differences.kept().first() {
            return Err(format!("of what was told {} rows differ, first: {first}", differences.found()));
        }
    }
    Ok(compared)
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

/// A process that starts again comes to the same state: from the newest snapshot, or from nothing.
fn same_after(world: &mut World, live: &BTreeMap<&'static str, u64>, from_nothing: bool) -> Result<(), String> {
    let log = world.open_log_again()?;
    let process = world.open_again(log, from_nothing)?;
    let again = state::hashes(&process.views());
    match live.iter().find(|(view, hash)| again.get(*view) != Some(hash)) {
        None => Ok(()),
        Some((view, _)) => {
            let how = if from_nothing { "from nothing" } else { "from a snapshot" };
            Err(format!("the state of `{view}` differs after a restart {how}"))
        }
    }
}
