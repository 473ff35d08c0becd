//! A warehouse that is down for long: rows that nobody takes are dropped, and made again by themselves.

use std::sync::Arc;
use std::time::Instant;

use dataflow::{Config, Handle, Stepper};
use eventlog::EventLog;
use proptest::prelude::*;
use records::{Kind, Record, Timestamp, Token};
use views::as_of::Wanted;

use crate::support::{ACTORS, HUNG, ORGANIZATION, Outbox, Test, World, answers, sums_of, twin};

fn open(world: &World, outbox: &Outbox, landing_rows: usize) -> Stepper<Test> {
    let log: Arc<dyn EventLog> = world.log.clone();
    let config = Config { landing_rows, ..world.config(1, 500) };
    Stepper::open(config, log, Arc::new(world.disk.clone()), outbox.hooks()).unwrap()
}

/// A second of a small conference: a frame of ten records.
fn second(world: &mut World, number: u64) {
    world.clock.advance(1_000_000);
    let record = |row: u64| Record {
        organization: ORGANIZATION,
        actor: Token((number * 3 + row) % ACTORS),
        amount_minor: (number % 90 + row).cast_signed() - 40,
        event_time: Timestamp((number * 1_000_000).cast_signed()),
        ..Record::new(Kind::Page)
    };
    world.append_records(&(0..10).map(record).collect::<Vec<_>>(), vec![]);
}

#[test]
fn an_hour_without_a_warehouse_loses_and_doubles_nothing() {
    const HOUR: u64 = 3_600;
    let mut world = World::new(101);
    let outbox = Outbox::default();
    let mut stepper = open(&world, &outbox, 10_000);
    for number in 0..60 {
        second(&mut world, number);
        stepper.run().unwrap();
    }
    let manifests = stepper.snapshot().written;
    assert!(manifests > 1 && outbox.newest() > 50);
    outbox.set_full(true);
    let mut most = 0;
    for number in 60..60 + HOUR {
        second(&mut world, number);
        stepper.run().unwrap();
        most = most.max(stepper.landing().waiting);
    }
    let landing = stepper.landing();
    assert!(landing.interrupted && landing.dropped_rows > 20_000 && most <= 64, "{landing:?}");
    assert_eq!(answers(&stepper.views()), twin(&*world.log), "views go on meanwhile");
    assert!(stepper.snapshot().written <= manifests + 1, "no snapshot claims rows that nobody has");
    outbox.set_full(false);
    for number in 60 + HOUR..90 + HOUR {
        second(&mut world, number);
        stepper.run().unwrap();
    }
    let landing = stepper.landing();
    assert!(!landing.interrupted && landing.waiting == 0, "{landing:?}");
    assert!(stepper.snapshot().written > manifests + 1, "snapshots are taken again");
    stepper.close().unwrap();
    let expected = twin(&*world.log);
    assert_eq!(outbox.sums(), sums_of(&expected), "without a restart");

    let again = open(&world, &outbox, 10_000);
    assert_eq!(answers(&again.views()), expected);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]
    #[test]
    fn outages_and_crashes_in_any_order_lose_and_double_nothing(
        seed in 0u64..1 << 32,
        actions in proptest::collection::vec(0u8..12, 10..80),
        landing_rows in 30usize..400,
    ) {
        let mut world = World::new(seed);
        let outbox = Outbox::default();
        let mut stepper = open(&world, &outbox, landing_rows);
        let mut number = 0;
        for action in actions {
            match action {
                0..6 => for _ in 0..4 {
                    number += 1;
                    second(&mut world, number);
                    stepper.step().unwrap();
                },
                6 | 7 => outbox.set_full(true),
                8 => outbox.set_full(false),
                9 => {
                    drop(stepper);
                    world.disk.crash();
                    world.disk.restart();
                    stepper = open(&world, &outbox, landing_rows);
                }
                _ => stepper.run().unwrap(),
            }
        }
        outbox.set_full(false);
        stepper.run().unwrap();
        // A step for the rebuild, if there is one, and one to see whether it was enough.
        world.clock.advance(3_000_000);
        stepper.run().unwrap();
        prop_assert!(!stepper.landing().interrupted);
        stepper.close().unwrap();
        let expected = twin(&*world.log);
        prop_assert_eq!(outbox.sums(), sums_of(&expected));
    }
}

#[test]
fn threads_make_dropped_rows_again_by_themselves() {
    let mut world = World::new(102);
    let outbox = Outbox::default();
    let config = Config { landing_rows: 400, ..world.config(2, 500) };
    let log: Arc<dyn EventLog> = world.log.clone();
    let handle = Handle::<Test>::start(config, log, Arc::new(world.disk.clone()), outbox.hooks()).unwrap();
    let wait_for = |wanted: &dyn Fn(&dataflow::Status) -> bool| {
        let deadline = Instant::now() + HUNG;
        while !wanted(&handle.status()) {
            assert!(Instant::now() < deadline, "hung: {:?}", handle.status());
            std::thread::yield_now();
        }
    };
    outbox.set_full(true);
    let mut number = 0;
    while !handle.status().landing.interrupted {
        number += 1;
        let epoch = handle.as_of().epoch;
        second(&mut world, number);
        wait_for(&|status| status.as_of.epoch > epoch);
    }
    outbox.set_full(false);
    wait_for(&|status| !status.landing.interrupted && status.rebuilds == 1);
    second(&mut world, number + 1);
    world.clock.advance(2_000_000);
    wait_for(&|status| status.behind_records == 0 && status.phase == dataflow::Phase::Live);
    let expected = twin(&*world.log);
    assert_eq!(answers(&handle.views()), expected);
    handle.stop().unwrap();
    assert_eq!(outbox.sums(), sums_of(&expected));
}

#[test]
fn a_stop_does_not_wait_for_a_snapshot_that_rows_are_missing_for() {
    let mut world = World::new(103);
    let outbox = Outbox::default();
    let config = Config { landing_rows: 100, ..world.config(1, 500) };
    let log: Arc<dyn EventLog> = world.log.clone();
    let handle = Handle::<Test>::start(config, log, Arc::new(world.disk.clone()), outbox.hooks()).unwrap();
    outbox.set_full(true);
    let mut number = 0;
    while !handle.status().landing.interrupted {
        number += 1;
        let next = handle.as_of().epoch + 1;
        second(&mut world, number);
        assert!(handle.progress().wait_for(Wanted::Epoch(next), HUNG).is_some());
    }
    let began = Instant::now();
    handle.stop().unwrap();
    assert!(began.elapsed() < HUNG / 2, "{:?}", began.elapsed());
    outbox.set_full(false);
    let mut again = open(&world, &outbox, 1_000_000);
    again.run().unwrap();
    again.close().unwrap();
    assert_eq!(outbox.sums(), sums_of(&twin(&*world.log)));
}
