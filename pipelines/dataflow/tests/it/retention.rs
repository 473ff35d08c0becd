//! Retention: bindings go with the activity that they bind, and what is left is enough to go on and to begin anew.

use std::sync::Arc;

use dataflow::retention::{self, Landed};
use dataflow::{Hooks, Stepper};
use eventlog::disk::SimDisk;
use eventlog::{EventLog, Lane, Offset};
use records::{Span, Timestamp};

use crate::support::{Outbox, Test, World, answers, sums_of, twin};

fn open(world: &World, disk: &SimDisk, hooks: Hooks) -> Stepper<Test> {
    let log: Arc<dyn EventLog> = world.log.clone();
    Stepper::open(world.config(1, 60), log, Arc::new(disk.clone()), hooks).unwrap()
}

/// What the process does every few minutes.
fn retain(world: &World, stepper: &Stepper<Test>, oldest: Timestamp) {
    let Some(limit) = stepper.safe_to_truncate() else { return };
    let landed = Landed { activity: Vec::new(), bindings: Some(Offset(u64::MAX)) };
    retention::truncate(&*world.log, &limit, &landed, oldest).unwrap();
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

#[test]
fn bindings_stay_while_nobody_knows_how_far_landing_is() {
    let mut world = World::new(123);
    let mut stepper = open(&world, &world.disk, Hooks::default());
    for _ in 0..10 {
        world.append(40);
        stepper.run().unwrap();
    }
    let limit = stepper.safe_to_truncate().unwrap();
    let landed = |bindings| Landed { activity: Vec::new(), bindings };
    let starts = |lane| world.log.starts(lane).iter().map(|start| start.0).sum::<u64>();
    retention::truncate(&*world.log, &limit, &landed(None), Timestamp::MAX).unwrap();
    assert!(starts(Lane::Activity) > 0 && starts(Lane::System) == 0);
    retention::truncate(&*world.log, &limit, &landed(Some(Offset(3))), Timestamp::MAX).unwrap();
    assert_eq!(starts(Lane::System), 3, "landing goes on there");
    retention::truncate(&*world.log, &limit, &landed(Some(Offset(u64::MAX))), Timestamp::MAX).unwrap();
    // The oldest snapshot goes on there, or the oldest record that is left was bound there.
    assert!((4..=limit.system.0).contains(&starts(Lane::System)));
    assert_eq!(starts(Lane::Facts), 0);
}
