//! What must hold of the desk: during a quiet moment of a process, and at the end.

use std::sync::Arc;

use desk::Place;
use eventlog::disk::SimDisk;
use eventlog::{EventLog, Lane, Offset, PartitionId, ReadLimits};
use parking_lot::Mutex;
use records::{CommandId, Fact, FactRow, Timestamp, fact};
use rules::{Domain as _, Domains};

use super::clients::Verdict;
use super::known::Known;
use super::trades;
use super::world::{Rules, World};

/// Bytes around a difference that are told.
const AROUND: usize = 80;

/// A frame of facts that counts.
struct Framed {
    place: Place,
    rows: Vec<FactRow>,
}

/// Every frame of a partition that counts, read plainly.
fn frames(log: &dyn EventLog, partition: PartitionId) -> Result<Vec<Framed>, String> {
    let frames = log.read(Lane::Facts, partition, Offset(0), ReadLimits::everything());
    let frames = frames.map_err(|error| error.to_string())?;
    let counted = frames.into_iter().filter(|frame| frame.counted() > 0);
    let framed = counted.map(|frame| {
        let rows = fact::decode(&frame.body).map_err(|error| error.to_string())?;
        Ok(Framed { place: Place { partition, first: frame.first, log_time: frame.log_time }, rows })
    });
    framed.collect()
}

/// Claims are the desk's own: nobody asks for them, and no time brings them.
fn is_own(row: &FactRow) -> bool {
    matches!(row.known(), Some(Fact::PartitionClaimed { .. }))
}

fn encoded<D: Rules>(domain: &D) -> Vec<u8> {
    let mut bytes = Vec::new();
    domain.encode(&mut bytes);
    bytes
}

/// The state that the facts alone give, by the product's rules.
fn folded(frames: &[Framed]) -> Result<Domains, String> {
    let mut domains = Domains::default();
    for row in frames.iter().flat_map(|frame| &frame.rows) {
        domains.apply(row).map_err(|error| error.to_string())?;
    }
    Ok(domains)
}

fn same_state(what: &str, partition: PartitionId, state: Option<&[u8]>, folded: &[u8]) -> Result<(), String> {
    let Some(state) = state else { return Err(format!("{what}: partition {partition} has no state")) };
    let how = differs(state, folded);
    how.map_or(Ok(()), |how| Err(format!("{what}: the state of partition {partition} is not what its log says: {how}")))
}

/// The first place where two states differ, and what is around it.
fn differs(state: &[u8], folded: &[u8]) -> Option<String> {
    if state == folded {
        return None;
    }
    let at = state.iter().zip(folded).take_while(|(one, other)| one == other).count();
    let near = |bytes: &[u8]| {
        let part = &bytes[at.saturating_sub(AROUND).min(bytes.len())..(at + AROUND).min(bytes.len())];
        String::from_utf8_lossy(part).into_owned()
    };
    Some(format!("`{}`, the log `{}`", near(state), near(folded)))
}

/// A process that is up to date holds the state that the log alone gives, and so do its read models.
pub(crate) fn live<D: Rules>(world: &World<D>, which: usize) -> Result<(), String> {
    let (log, writer) = (world.slow().plain(), &world.writers[which]);
    let mut rows = Vec::new();
    for (seat, partition) in writer.seats.iter().zip(world.partitions.each(Lane::Facts)) {
        let frames = frames(&*log, partition)?;
        let state = seat.ask(encoded);
        same_state("a live process", partition, state.as_deref(), &encoded(&folded(&frames)?))?;
        rows.extend(frames.into_iter().flat_map(|frame| frame.rows));
    }
    let known = writer.known.lock();
    told_once(&known.told)?;
    let mut folded = Known::default();
    rows.iter().for_each(|row| folded.take(row));
    let now = rows.iter().map(|row| row.at).max().unwrap_or(Timestamp(0));
    let (answers, folded) = (known.answers(&rows, now), folded.answers(&rows, now));
    differs(answers.as_bytes(), folded.as_bytes())
        .map_or(Ok(()), |how| Err(format!("the read models of a process are not what the log says: {how}")))
}

/// Each fact was told once, in the order of its partition.
fn told_once(told: &[Place]) -> Result<(), String> {
    let mut last = std::collections::BTreeMap::new();
    for place in told {
        if last.insert(place.partition, place.first).is_some_and(|before| before >= place.first) {
            return Err(format!("a read model was told {place:?} twice, or too late"));
        }
    }
    Ok(())
}

/// Everything that must hold at the end.
pub(crate) fn everything<D: Rules>(world: &mut World<D>) -> Result<(), String> {
    let log = world.slow().plain();
    let mut verdicts = std::mem::take(&mut world.clients.verdicts);
    let mut found = std::collections::BTreeMap::new();
    for partition in world.partitions.each(Lane::Facts) {
        let frames = frames(&*log, partition)?;
        let (own, others) = verdicts.into_iter().partition(|verdict: &Verdict| verdict.partition == partition);
        verdicts = others;
        decided_again::<D>(world, &frames, own)?;
        for frame in &frames {
            if let Some(tag) = frame.rows[0].command
                && let Some(before) = found.insert(tag.id, (tag.hash, frame.place, frame.rows.clone()))
            {
                return Err(format!("command {} is in the log twice: at {:?} and {:?}", tag.id, before.1, frame.place));
            }
        }
        judged(world, &frames)?;
    }
    for (id, done) in &world.clients.done {
        match found.remove(id) {
            Some(in_log) if in_log == *done => {}
            other => return Err(format!("command {id} was answered {done:?}, and the log has {other:?}")),
        }
    }
    // With one writer nobody is told of a state that is not the newest.
    let may_be = |id: &CommandId| world.writers.len() > 1 && world.clients.doubted.contains(id);
    if let Some((id, (_, place, _))) = found.iter().find(|(id, _)| !may_be(id)) {
        return Err(format!("command {id} was never answered as done, and is in the log at {place:?}"));
    }
    for (id, hash) in &world.clients.conflicts {
        if world.clients.done.get(id).is_none_or(|(done, ..)| done == hash) {
            return Err(format!("command {id} was told that its id was used for another one, which was not done"));
        }
    }
    // Its files are locked while somebody has it.
    drop(log);
    started_again(world)
}

/// Each frame is what the rules decide for its command on the state before it; each other answer is right on some state
/// that its writer may have had.
fn decided_again<D: Rules>(world: &mut World<D>, frames: &[Framed], verdicts: Vec<Verdict>) -> Result<(), String> {
    let (mut state, mut next) = (D::default(), Offset(0));
    let mut open = verdicts;
    world.report.verdicts += open.len() as u64;
    for frame in frames {
        open.retain(|verdict| !is_right(world, &state, next, verdict));
        let mut rows = frame.rows.clone();
        let tag = rows[0].command.take();
        if let Some(tag) = tag {
            let Some(command) = world.clients.command(tag) else {
                return Err(format!("nobody asked for {tag:?}, which is in the log at {:?}", frame.place));
            };
            let decided = state.decide(command, rows[0].at);
            if decided.as_ref() != Ok(&rows) {
                return Err(format!("the log has {rows:?} at {:?}, the rules decide {decided:?}", frame.place));
            }
        } else if !is_own(&rows[0]) {
            let due = state.due(rows[0].at);
            if due.as_ref() != rows.first() {
                return Err(format!("the log has {rows:?} at {:?}, {due:?} is due", frame.place));
            }
            world.report.due += 1;
        }
        for row in &rows {
            state.apply(row).map_err(|error| error.to_string())?;
        }
        next = frame.place.first.plus(rows.len() as u32);
        world.report.facts += rows.len() as u64;
        world.report.booked += rows.iter().filter(|row| matches!(row.known(), Some(Fact::Booking(_)))).count() as u64;
    }
    open.retain(|verdict| !is_right(world, &state, next, verdict));
    open.first().map_or(Ok(()), |verdict| {
        let command = world.clients.command(verdict.tag);
        Err(format!("no state that its writer may have had gives this answer: {verdict:?} to {command:?}"))
    })
}

/// Whether the rules give this answer on this state, and its writer may have had the state.
fn is_right<D: Rules>(world: &World<D>, state: &D, next: Offset, verdict: &Verdict) -> bool {
    if next < verdict.from || next > verdict.to {
        return false;
    }
    let Some(command) = world.clients.command(verdict.tag) else { return false };
    match (state.decide(command, verdict.now), &verdict.refusal) {
        (Ok(rows), None) => rows.is_empty(),
        (Err(refusal), Some(told)) => refusal == *told,
        _ => false,
    }
}

/// The facts of a partition keep the laws of their trades.
fn judged<D: Rules>(world: &World<D>, frames: &[Framed]) -> Result<(), String> {
    let mut trades = trades::all(world.scale());
    for row in frames.iter().flat_map(|frame| &frame.rows) {
        trades.iter_mut().try_for_each(|trade| trade.judge(row))?;
    }
    Ok(())
}

/// A process that starts comes to the same state, from its newest snapshot and from the log alone.
fn started_again<D: Rules>(world: &mut World<D>) -> Result<(), String> {
    world.writers.clear();
    world.log = None;
    let log = world.open_log()?;
    let disk = world.disk.clone();
    for (what, disk) in [("from a snapshot", disk), ("from the log", SimDisk::new(7))] {
        let known = Arc::new(Mutex::default());
        let seats = world.seats(&disk, Arc::clone(&log), &known)?;
        for (seat, partition) in seats.iter().zip(world.partitions.each(Lane::Facts)) {
            let folded = encoded(&folded(&frames(&*log, partition)?)?);
            same_state(what, partition, seat.ask(encoded).as_deref(), &folded)?;
        }
        told_once(&known.lock().told)?;
    }
    Ok(())
}
