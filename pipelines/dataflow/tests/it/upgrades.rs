//! A view of another version is rebuilt from the log (review 12).

use std::sync::Arc;

use dataflow::frame::{Emit, Sequenced};
use dataflow::{Hooks, Stepper};
use eventlog::{EventLog, Lane, Offset, ReadLimits};
use records::Timestamp;
use records::hash::mix;
use views::state::{At, Effects, Fold, StateError};

use crate::support::{World, telling, twin};

macro_rules! counter {
    ($fold:ident, $version:literal, $weight:literal) => {
        #[derive(Debug, Default)]
        pub struct $fold(u64);

        impl Fold for $fold {
            const NAME: &'static str = "counter";
            const VERSION: u32 = $version;
            type Input = u8;
            type Output = ();
            type Key = ();
            type Row = u64;

            fn apply(&mut self, _at: At, _input: &u8, _effects: &mut Effects<Self>) {
                self.0 += $weight;
            }
            fn advance(&mut self, _bound: Timestamp, _effects: &mut Effects<Self>) {}
            fn land(&mut self, _rows: &mut Vec<u64>) {}
            fn encode(&self, out: &mut Vec<u8>) {
                out.extend(self.0.to_le_bytes());
            }
            fn decode(bytes: &[u8]) -> Result<Self, StateError> {
                Ok(Self(u64::from_le_bytes(bytes.try_into().map_err(|_| StateError::Damaged("counter"))?)))
            }
            fn len(&self) -> usize {
                usize::from(self.0 > 0)
            }
        }
    };
}

counter!(Old, 1, 1);
counter!(New, 2, 10);

fn route(frame: &Sequenced, emit: &mut Emit<u8>) {
    if frame.batch().is_some() {
        frame.rows().for_each(|row| emit.to(mix(u64::from(row)), row, 1));
    }
}

dataflow::program! {
    /// Readers.
    pub struct OldViews;
    /// The old binary.
    pub struct OldProgram;
    counter: Old = route;
}

dataflow::program! {
    /// Readers.
    pub struct NewViews;
    /// The new binary.
    pub struct NewProgram;
    counter: New = route;
}

#[test]
fn a_changed_view_is_rebuilt_from_the_log() {
    let mut world = World::new(71);
    world.append(60);
    let log: Arc<dyn EventLog> = world.log.clone();
    let disk = Arc::new(world.disk.clone());
    let mut old =
        Stepper::<OldProgram>::open(world.config(1, 100), log.clone(), disk.clone(), Hooks::default()).unwrap();
    old.run().unwrap();
    let epoch = old.progress().epoch();
    let mut count = 0;
    old.views().counter.scan(|_, bin| count += bin.0);
    old.close().unwrap();
    assert!(count > 0 && !twin(&*world.log).0.is_empty());

    let mut new =
        Stepper::<NewProgram>::open(world.config(1, 100), log.clone(), disk.clone(), Hooks::default()).unwrap();
    assert_eq!(new.progress().epoch(), 0, "it begins at the start of the log");
    new.run().unwrap();
    let mut recount = 0;
    new.views().counter.scan(|_, bin| recount += bin.0);
    assert_eq!(recount, count * 10);
    assert!(new.progress().epoch() > epoch, "epochs are numbered as before, and go on");
    world.append(20);
    new.close().unwrap();

    // From now on the new state is found.
    let again = Stepper::<NewProgram>::open(world.config(1, 100), log, disk, Hooks::default()).unwrap();
    assert!(again.progress().epoch() > epoch);
}

#[test]
fn a_changed_view_is_rebuilt_from_what_retention_has_left() {
    let mut world = World::new(72);
    world.append(200);
    let log: Arc<dyn EventLog> = world.log.clone();
    let disk = Arc::new(world.disk.clone());
    let mut old =
        Stepper::<OldProgram>::open(world.config(1, 100), log.clone(), disk.clone(), Hooks::default()).unwrap();
    old.run().unwrap();
    let limit = old.safe_to_truncate().unwrap();
    old.close().unwrap();
    let partitions = log.identity().partitions;
    for (partition, offset) in partitions.each(Lane::Activity).zip(limit.activity) {
        log.truncate_before(Lane::Activity, partition, offset).unwrap();
    }
    let starts = log.starts(Lane::Activity);
    assert!(starts.iter().all(|start| *start > Offset(0)), "{starts:?}");
    let left = log.read_lane(Lane::Activity, &starts, ReadLimits::everything()).unwrap();
    let counted: u64 = left.iter().map(|frame| u64::from(frame.counted())).sum();
    assert!(counted > 0, "something is left");

    // The bindings still name the ends of what is gone.
    let mut new = Stepper::<NewProgram>::open(world.config(1, 100), log, disk, Hooks::default()).unwrap();
    new.run().unwrap();
    let mut recount = 0;
    new.views().counter.scan(|_, bin| recount += bin.0);
    assert_eq!(recount, counted * 10);
}

#[test]
fn a_manifest_that_has_told_rows_which_nobody_has_is_not_used() {
    let mut world = World::new(73);
    world.append(200);
    let taken = |landing| Hooks { taken: Some(Box::new(move || landing)), ..Hooks::default() };
    let (told, hooks) = telling();
    let mut first = world.stepper(50, hooks);
    first.run().unwrap();
    first.close().unwrap();
    let numbers: Vec<u64> = told.lock().keys().copied().collect();
    let last = *numbers.last().unwrap();
    assert!(numbers.len() > 4, "{numbers:?}");
    let begins = |landing| world.stepper(50, taken(landing)).progress().epoch();
    assert!(begins(last) > begins(last - 1), "an older manifest");
    assert_eq!(begins(0), 0, "the log's start");
    // What the log no longer has must not cost the views what they have.
    let log: Arc<dyn EventLog> = world.log.clone();
    let limit = world.stepper(50, Hooks::default()).safe_to_truncate().unwrap();
    for (partition, offset) in log.identity().partitions.each(Lane::Activity).zip(limit.activity) {
        log.truncate_before(Lane::Activity, partition, offset).unwrap();
    }
    assert_eq!(begins(0), begins(last));
}
