//! The same answers for any number of workers and any cut of epochs (review 1, 2).

use std::sync::Arc;

use dataflow::{Hooks, Stepper};
use eventlog::EventLog;
use proptest::prelude::*;

use crate::support::{World, answers, catch_up, sums, sums_of, telling, twin};

fn check(workers: usize, epoch_rows: u64) {
    let mut world = World::new(workers as u64 * 1_000 + epoch_rows);
    world.append(150);
    let (told, hooks) = telling();
    let handle = world.start(workers, epoch_rows, hooks);
    world.append(150);
    catch_up(&world, &handle);
    let expected = twin(&*world.log);
    assert_eq!(answers(&handle.views()), expected);
    handle.stop().unwrap();
    assert_eq!(sums(&told), sums_of(&expected), "what was landed adds up to what the views say");
}

#[test]
fn one_worker() {
    check(1, 65_536);
}

#[test]
fn two_workers() {
    check(2, 500);
}

#[test]
fn three_workers() {
    check(3, 64);
}

#[test]
fn epochs_of_single_frames() {
    check(2, 1);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn any_cut_gives_the_same_answers(seed in 0u64..1 << 32, frames in 1u64..60, epoch_rows in 1u64..400) {
        let mut world = World::new(seed);
        world.append(frames);
        let (told, hooks) = telling();
        let mut stepper = world.stepper(epoch_rows, hooks);
        stepper.run().unwrap();
        let expected = twin(&*world.log);
        prop_assert_eq!(answers(&stepper.views()), expected.clone());
        stepper.close().unwrap();
        prop_assert_eq!(sums(&told), sums_of(&expected));
    }
}

#[test]
fn an_empty_log_has_empty_views_that_follow_time() {
    let world = World::new(5);
    let mut stepper = world.stepper(10, Hooks::default());
    stepper.run().unwrap();
    let before = stepper.progress().current();
    world.clock.advance(5_000_000);
    stepper.run().unwrap();
    let after = stepper.progress().current();
    // Review 2: idle partitions beat, or windows would never close.
    assert!(after.log_time > before.log_time && after.epoch > before.epoch);
    assert!(answers(&stepper.views()).0.is_empty());
}

#[test]
fn answers_name_the_offsets_that_they_reflect() {
    let mut world = World::new(6);
    world.append(20);
    let mut stepper = world.stepper(50, Hooks::default());
    stepper.run().unwrap();
    let as_of = stepper.progress().current();
    let ends: u64 = as_of.offsets.iter().filter(|end| end.lane == 1).map(|end| end.end).sum();
    assert_eq!(ends, world.log.ends(eventlog::Lane::Activity).iter().map(|end| end.0).sum::<u64>());
    assert_eq!(as_of.incarnation, world.log.identity().incarnation.id);
}

#[test]
fn two_dataflows_on_one_log_do_not_both_count() {
    // Review 16: the sequencer is fenced as a desk is.
    let mut world = World::new(8);
    world.append(5);
    let mut old = world.stepper(50, Hooks::default());
    old.run().unwrap();
    let log: Arc<dyn EventLog> = world.log.clone();
    let disk = Arc::new(eventlog::disk::SimDisk::new(1));
    let mut new = Stepper::<crate::support::Test>::open(world.config(1, 50), log, disk, Hooks::default()).unwrap();
    world.append(5);
    assert!(old.run().unwrap_err().to_string().contains("another sequencer"));
    new.run().unwrap();
    assert_eq!(answers(&new.views()), twin(&*world.log));
}
