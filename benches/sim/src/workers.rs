//! The product's threads over a log that a run left behind: two workers must come to the state of the one before.

use std::sync::Arc;
use std::time::Duration;

use dataflow::{Config, Handle, Hooks, Phase};
use eventlog::disk::SimDisk;

use crate::check::Live;
use crate::poison::Poisonable;
use crate::state;
use crate::store;
use crate::world::World;

/// Looks at the dataflow, and the pause between two: a minute in all, for a log of a few thousand records.
const LOOKS_MAX: u32 = 12_000;
const PAUSE: Duration = Duration::from_millis(5);

/// Starts with two workers, from the newest snapshot of one worker or from nothing, and compares the states.
pub(crate) fn check(world: &mut World, live: &Live) -> Result<(), String> {
    let from_nothing = world.chance.per_mille(500);
    let [left, history] = world.open_log_again()?;
    let log = if from_nothing { history } else { left };
    let disk = if from_nothing { SimDisk::new(1) } else { world.disk.clone() };
    let config = Config { workers: 2, ..world.config() };
    let chance = workload::chance::Chance::new(world.chance.bits());
    let sink = store::sink(Arc::clone(&world.store), None, chance);
    let hooks = Hooks { sink: Some(sink), ..Hooks::default() };
    let handle = Handle::<Poisonable>::start(config, log, Arc::new(disk), hooks).map_err(|error| error.to_string())?;
    wait(&handle)?;
    let panics = handle.status().panics;
    if panics > 0 {
        return Err(format!("two workers panicked {panics} times on records that had been put aside"));
    }
    let again = state::hashes(&handle.views());
    let complaint = world.store.lock().complaint.take();
    drop(handle);
    if let Some(complaint) = complaint {
        return Err(format!("with two workers {complaint}"));
    }
    match live.differs(&again) {
        None => Ok(()),
        Some(view) => Err(format!("the state of `{view}` differs with two workers (from nothing: {from_nothing})")),
    }
}

fn wait(handle: &Handle<Poisonable>) -> Result<(), String> {
    for _ in 0..LOOKS_MAX {
        let status = handle.status();
        match status.phase {
            Phase::Live if status.behind_records == 0 => return Ok(()),
            Phase::Failed(why) => return Err(format!("two workers gave up: {why}")),
            _ => std::thread::sleep(PAUSE),
        }
    }
    Err("two workers did not catch up within a minute".into())
}
