//! Any crash point: what comes back is what would have been there without it (review 10, 14, 17, 20).

use std::sync::Arc;

use dataflow::binding::{Binding, Entry};
use dataflow::{DataflowError, Hooks, Stepper};
use eventlog::disk::{Disk, SimOp};
use eventlog::{ClaimTag, EventLog, Lane, NewFrame, Offset, PartitionId, ReadLimits};
use proptest::prelude::*;

use crate::support::{Test, World, answers, catch_up, sums, sums_of, telling, twin};

fn open(world: &World, hooks: Hooks) -> Result<Stepper<Test>, DataflowError> {
    let log: Arc<dyn EventLog> = world.log.clone();
    Stepper::open(world.config(1, 60), log, Arc::new(world.disk.clone()), hooks)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]
    #[test]
    fn crashes_anywhere_change_nothing(seed in 0u64..1 << 32, crashes in proptest::collection::vec(1u64..40, 1..5)) {
        let mut world = World::new(seed);
        let mut told = None;
        let (kept, hooks) = telling();
        let mut hooks = Some(hooks);
        for operations in crashes {
            world.append(40);
            world.disk.crash_at(SimOp::Any, world.disk.operations(SimOp::Any) + operations);
            let (again, next) = telling();
            again.lock().extend(kept.lock().clone());
            // A disk that is down only costs snapshots; then the power goes.
            if let Ok(mut stepper) = open(&world, hooks.take().unwrap_or(next)) {
                for _ in 0..operations {
                    stepper.step().unwrap();
                }
            }
            kept.lock().extend(again.lock().clone());
            world.disk.crash();
            world.disk.restart();
            told = Some(again);
        }
        drop(told);
        let (again, next) = telling();
        again.lock().extend(kept.lock().clone());
        let stepper = open(&world, next).unwrap();
        let mut stepper = stepper;
        stepper.run().unwrap();
        let expected = twin(&*world.log);
        prop_assert_eq!(answers(&stepper.views()), expected.clone());
        stepper.close().unwrap();
        // The same landing epochs came with the same rows, or the sink would have panicked; none is missing.
        prop_assert_eq!(sums(&again), sums_of(&expected));
    }
}

#[test]
fn state_comes_back_with_another_number_of_workers() {
    let mut world = World::new(41);
    for workers in [3, 1, 2, 5] {
        world.append(60);
        let handle = world.start(workers, 80, Hooks::default());
        catch_up(&world, &handle);
        assert_eq!(answers(&handle.views()), twin(&*world.log), "{workers} workers");
        handle.stop().unwrap();
    }
}

#[test]
fn a_damaged_snapshot_falls_back_to_the_one_before() {
    let mut world = World::new(42);
    for _ in 0..3 {
        world.append(60);
        open(&world, Hooks::default()).unwrap().close().unwrap();
    }
    let names = |suffix: &str| {
        let entries = world.disk.list("snapshots").unwrap();
        entries.into_iter().map(|entry| entry.name).filter(|name| name.contains(suffix)).collect::<Vec<_>>()
    };
    let newest = names("manifest-").pop().unwrap();
    world.disk.damage(&format!("snapshots/{newest}"), |bytes| bytes[20] ^= 1);
    let second = open(&world, Hooks::default()).unwrap();
    assert!(second.snapshot().epoch > 0, "the one before is used");
    assert_eq!(after(second), twin(&*world.log));

    // Bins are checked too, not only manifests.
    let newest = names(".bins").pop().unwrap();
    world.disk.damage(&format!("snapshots/{newest}"), |bytes| bytes[30] ^= 1);
    assert_eq!(after(open(&world, Hooks::default()).unwrap()), twin(&*world.log));
}

fn after(mut stepper: Stepper<Test>) -> crate::support::Answers {
    stepper.run().unwrap();
    answers(&stepper.views())
}

#[test]
fn clean_bins_stay_in_old_files_and_old_files_go() {
    // Review 17: one file per worker and snapshot, and only what changed.
    let mut world = World::new(43);
    world.append(200);
    let mut stepper = open(&world, Hooks::default()).unwrap();
    stepper.run().unwrap();
    let first = stepper.snapshot();
    assert!(first.written > 2 && first.bins > 0);
    // A beat: nothing is dirty after its snapshot.
    world.clock.advance(10_000_000);
    stepper.run().unwrap();
    let one = records::Record { actor: records::Token(1), ..records::Record::new(records::Kind::Page) };
    world.clock.advance(10_000_000);
    world.append_records(&[one], vec![]);
    stepper.run().unwrap();
    // One actor and its group changed: two bins.
    assert_eq!(stepper.snapshot().bins, 2);
    let entries = world.disk.list("snapshots").unwrap();
    let manifests = entries.iter().filter(|entry| entry.name.starts_with("manifest-")).count();
    let files = entries.iter().filter(|entry| entry.name.ends_with(".bins")).count();
    assert_eq!(manifests, 3);
    assert!((2..=6).contains(&files), "{entries:?}");
    let limit = stepper.safe_to_truncate().unwrap();
    drop(stepper);

    // Review 20: what the oldest manifest has left behind may go, and recovery still works.
    let before = twin(&*world.log);
    for (partition, offset) in (0..).zip(limit.activity) {
        world.log.truncate_before(Lane::Activity, PartitionId(partition), offset).unwrap();
    }
    world.log.truncate_before(Lane::System, PartitionId(0), limit.system).unwrap();
    assert!(world.log.starts(Lane::Activity).iter().any(|start| *start > Offset(0)));
    assert_eq!(after(open(&world, Hooks::default()).unwrap()), before);
}

#[test]
fn a_changed_log_is_an_error() {
    // Review 14: the same offsets and times with other contents.
    let mut world = World::new(44);
    world.append(20);
    let mut stepper = open(&world, Hooks::default()).unwrap();
    stepper.run().unwrap();
    drop(stepper);
    let outcome = |change| {
        let mut copy = copy(&world, change);
        copy.disk = eventlog::disk::SimDisk::new(1);
        open(&copy, Hooks::default()).and_then(|mut stepper| stepper.run()).map_err(|error| error.to_string())
    };
    assert_eq!(outcome(None), Ok(()));
    let changed = outcome(Some(world.log.ends(Lane::Activity)[1])).unwrap_err();
    assert!(changed.contains("the log has changed: activity/1"), "{changed}");
}

/// Another log with the same frames at the same times; the one before `change` in activity/1 gets another record.
fn copy(world: &World, change: Option<Offset>) -> World {
    copy_with(world, |frame, body| {
        if (frame.lane, frame.partition, Some(frame.end())) == (Lane::Activity, PartitionId(1), change) {
            let record = records::Record { actor: records::Token(99), ..records::Record::new(records::Kind::Page) };
            *body = records::Batch::from_records(&vec![record; frame.rows as usize]).encode().into();
        }
        true
    })
}

/// Another log with the frames that `keep` lets through, at the same times; it may change their bodies.
fn copy_with(world: &World, keep: impl Fn(&eventlog::Frame, &mut bytes::Bytes) -> bool) -> World {
    let mut copy = World::new(44);
    copy.disk = world.disk.clone();
    let mut frames = Vec::new();
    for lane in Lane::ALL {
        for partition in world.log.identity().partitions.each(lane) {
            frames.extend(world.log.read_raw(lane, partition, Offset(0), ReadLimits::everything()).unwrap());
        }
    }
    frames.sort_by_key(|raw| raw.frame.log_time);
    for raw in frames {
        let mut body = raw.frame.body.clone();
        copy.clock.set(raw.frame.log_time);
        if keep(&raw.frame, &mut body) {
            let eventlog::Frame { lane, partition, rows, claim, .. } = raw.frame;
            copy.log.append(vec![NewFrame { lane, partition, body, rows, dedup: raw.dedup, claim }]).unwrap();
        }
    }
    copy
}

#[test]
fn state_of_records_that_were_lost_is_not_used_when_the_log_has_grown_again() {
    let mut world = World::new(44);
    world.append(60);
    let mut stepper = open(&world, Hooks::default()).unwrap();
    stepper.run().unwrap();
    stepper.close().unwrap();
    let ends = world.log.ends(Lane::Activity);
    // Power is lost, and the disk had lied about the last activity.
    let lost =
        |frame: &eventlog::Frame| frame.lane == Lane::Activity && frame.end().0 + 40 > ends[frame.partition.index()].0;
    let mut after = copy_with(&world, |frame, _| !lost(frame));
    let record =
        records::Record { actor: records::Token(1), amount_minor: 5, ..records::Record::new(records::Kind::Page) };
    // The disk is full for a while, so that no newer manifest stands before the one of the lost records.
    after.disk.set_capacity(0);
    let mut stepper = open(&after, Hooks::default()).unwrap();
    stepper.run().unwrap();
    assert_eq!(answers(&stepper.views()), twin(&*after.log));
    drop(stepper);
    while after.log.ends(Lane::Activity).iter().zip(&ends).any(|(now, then)| now <= then) {
        after.append_records(&vec![record.clone(); 50], vec![]);
    }
    after.disk.set_capacity(1 << 30);
    let mut stepper = open(&after, Hooks::default()).unwrap();
    stepper.run().unwrap();
    assert_eq!(answers(&stepper.views()), twin(&*after.log));
}

#[test]
fn a_binding_beyond_the_tail_is_cut_and_its_number_not_used_again() {
    let mut world = World::new(45);
    world.append(20);
    let mut stepper = open(&world, Hooks::default()).unwrap();
    stepper.run().unwrap();
    let last = stepper.progress().epoch();
    drop(stepper);
    // A binding of frames that the activity lane has lost.
    let beyond = Binding {
        epoch: last + 1,
        previous: last,
        incarnation: world.log.identity().incarnation,
        bound: world.log.bound(),
        ends: vec![dataflow::binding::End { lane: Lane::Activity, partition: 0, end: Offset(1 << 40), chain: None }],
        landing: None,
        snapshot: false,
    };
    let body = Entry::Bound(beyond).encode().into();
    let claim = Some(ClaimTag { claim_id: 78, n: 0, opens: true });
    let frame = NewFrame { lane: Lane::System, partition: PartitionId(0), body, rows: 1, dedup: vec![], claim };
    world.log.append(vec![frame]).unwrap();
    for _ in 0..2 {
        world.append(5);
        let mut stepper = open(&world, Hooks::default()).unwrap();
        stepper.run().unwrap();
        assert_eq!(answers(&stepper.views()), twin(&*world.log));
        assert!(stepper.progress().epoch() >= last + 2);
    }
}

#[test]
fn epoch_numbers_go_on_in_a_new_incarnation() {
    // Review 7: upserted rows of an old incarnation would win over the new ones.
    let mut world = World::new(46);
    world.append(50);
    let mut stepper = open(&world, Hooks::default()).unwrap();
    stepper.run().unwrap();
    let (last, landed) = (stepper.progress().epoch(), stepper.landing().taken);
    stepper.close().unwrap();
    let mut next = World::new(47);
    next.disk = world.disk.clone();
    next.append(10);
    let mut stepper = open(&next, Hooks::default()).unwrap();
    stepper.run().unwrap();
    assert!(stepper.progress().epoch() > last && stepper.landing().taken > landed);
    assert_eq!(answers(&stepper.views()), twin(&*next.log));
}
