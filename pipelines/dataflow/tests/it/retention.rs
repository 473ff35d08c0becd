//! Retention: bindings go with the activity that they bind, and what is left is enough to go on and to begin anew.

use std::sync::Arc;

use dataflow::{Hooks, Stepper, retention};
use eventlog::disk::SimDisk;
use eventlog::{EventLog, Lane, Offset, PartitionId};
use records::{Span, Timestamp};

use crate::support::{Outbox, Test, World, answers, sums_of, twin};

fn open(world: &World, disk: &SimDisk, hooks: Hooks) -> Stepper<Test> {
    let log: Arc<dyn EventLog> = world.log.clone();
    Stepper::open(world.config(1, 60), log, Arc::new(disk.clone()), hooks).unwrap()
}

/// What the process does every few minutes.
fn retain(world: &World, stepper: &Stepper<Test>, oldest: Timestamp) {
    let Some(limit) = stepper.safe_to_truncate() else { return };
    for (partition, offset) in retention::expired(&*world.log, &limit, &[], oldest) {
        world.log.truncate_before(Lane::Activity, partition, offset).unwrap();
    }
    if let Some(offset) = retention::expired_bindings(&*world.log, &limit, Offset(u64::MAX)) {
        world.log.truncate_before(Lane::System, PartitionId(0), offset).unwrap();
    }
}

fn bindings(world: &World) -> u64 {
    world.log.ends(Lane::System)[0].0 - world.log.starts(Lane::System)[0].0
}

#[test]
fn the_system_lane_is_as_long_as_the_retention() {
    let mut world = World::new(121);
    let outbox = Outbox::default();
    let mut stepper = open(&world, &world.disk, outbox.hooks());
    let mut lengths = Vec::new();
    for _ in 0..30 {
        world.append(100);
        stepper.run().unwrap();
        let oldest = world.newest() - Span(12_000_000);
        retain(&world, &stepper, oldest);
        lengths.push(bindings(&world));
    }
    let (early, late) = (lengths[4..10].iter().max(), lengths[20..].iter().max());
    assert!(late < early.map(|early| early * 2).as_ref(), "{lengths:?}");
    assert!(*lengths.last().unwrap() < world.log.ends(Lane::System)[0].0 / 4, "{lengths:?}");
    let live = answers(&stepper.views());
    drop(stepper);
    let mut again = open(&world, &world.disk, outbox.hooks());
    again.run().unwrap();
    assert_eq!(answers(&again.views()), live, "a restart needs none of what has gone");
    again.close().unwrap();
    assert_eq!(outbox.sums(), sums_of(&live));
}

#[test]
fn views_are_rebuilt_from_what_retention_has_left_with_the_same_epochs() {
    let mut world = World::new(122);
    let mut stepper = open(&world, &world.disk, Hooks::default());
    for _ in 0..10 {
        world.append(40);
        stepper.run().unwrap();
    }
    retain(&world, &stepper, Timestamp::MAX);
    // More that is not retained: what snapshots still need.
    let epoch = stepper.progress().epoch();
    drop(stepper);
    let start = world.log.starts(Lane::System)[0];
    assert!(start > Offset(0) && bindings(&world) > 0);
    let mut anew = open(&world, &SimDisk::new(1), Hooks::default());
    anew.run().unwrap();
    // The twin reads what is left of the log.
    assert_eq!(answers(&anew.views()), twin(&*world.log));
    assert!(anew.progress().epoch() >= epoch, "numbers go on");
}
