//! The same command again: one effect, one answer, across restarts; and what is due comes before what is asked.

use std::collections::BTreeMap;

use desk::DeskError;
use eventlog::disk::{Disk as _, read_whole};
use eventlog::{ClaimTag, Lane, NewFrame, Offset, ReadLimits};
use records::Timestamp;
use rules::Domain as _;

use crate::hall::Command;
use crate::support::{HERE, World, done, orders, tag};

fn take(seats: u64) -> Command {
    Command::Take { hall: 1, seats, until: None }
}

#[test]
fn the_same_id_is_done_once_and_answered_alike_also_after_a_restart() {
    let world = World::in_memory();
    let (mut seat, _) = world.seat().unwrap();
    done(&mut seat, vec![(None, Command::Build { hall: 1, seats: 10 })]);
    let first = done(&mut seat, vec![(tag(5, 1), take(2))])[0].clone().unwrap();
    let second = done(&mut seat, vec![(tag(5, 1), take(2))])[0].clone().unwrap();
    assert!(!first.again && second.again);
    assert_eq!((first.at, &first.rows), (second.at, &second.rows));
    let other = done(&mut seat, vec![(tag(5, 2), take(3))]);
    assert_eq!(other[0], Err(DeskError::Conflict(records::CommandId(5))));
    // From the log, and from a snapshot.
    for snapshot in [false, true] {
        if snapshot {
            seat.save();
        }
        let (mut later, _) = world.seat().unwrap();
        let third = done(&mut later, vec![(tag(5, 1), take(2))])[0].clone().unwrap();
        assert_eq!(third, second);
        seat = later;
    }
    assert_eq!(world.replayed().0[&1].taken, 2);
}

#[test]
fn a_repeat_in_the_same_batch_waits_for_the_first() {
    let world = World::in_memory();
    let (mut seat, _) = world.seat().unwrap();
    done(&mut seat, vec![(None, Command::Build { hall: 1, seats: 10 })]);
    let answers = done(&mut seat, vec![(tag(5, 1), take(2)), (tag(5, 1), take(2)), (tag(6, 1), take(9))]);
    let places: Vec<_> = answers[..2].iter().map(|answer| answer.as_ref().unwrap().at).collect();
    assert_eq!(places[0], places[1]);
    assert!(matches!(&answers[2], Err(DeskError::Refused(refusal)) if refusal.free == 8));
    assert_eq!(world.replayed().0[&1].taken, 2);
}

#[test]
fn a_refused_command_may_be_decided_again_under_its_id() {
    let world = World::in_memory();
    let (mut seat, _) = world.seat().unwrap();
    assert!(matches!(done(&mut seat, vec![(tag(5, 1), take(2))])[0], Err(DeskError::Refused(_))));
    done(&mut seat, vec![(None, Command::Build { hall: 1, seats: 10 })]);
    assert!(done(&mut seat, vec![(tag(5, 1), take(2))])[0].is_ok());
}

#[test]
fn what_is_due_is_free_for_the_next_command_and_is_a_fact() {
    let world = World::in_memory();
    let (mut seat, _) = world.seat().unwrap();
    done(&mut seat, vec![(None, Command::Build { hall: 1, seats: 1 })]);
    let held = Command::Take { hall: 1, seats: 1, until: Some(2_000) };
    assert!(done(&mut seat, vec![(None, held)])[0].is_ok());
    assert!(done(&mut seat, vec![(None, take(1))])[0].is_err());
    world.clock.set(Timestamp(2_001));
    assert!(done(&mut seat, vec![(None, take(1))])[0].is_ok());
    // A clock that goes back takes nothing back.
    world.clock.set(Timestamp(10));
    done(&mut seat, vec![(None, Command::Build { hall: 1, seats: 2 })]);
    let facts = world.rows();
    assert!(facts.iter().filter(|(_, row)| row.known().is_none()).is_sorted_by_key(|(_, row)| row.at), "{facts:?}");
    assert_eq!(world.replayed().0[&1].taken, 1);
}

#[test]
fn nothing_due_and_nothing_asked_claims_nothing() {
    let world = World::in_memory();
    let (mut seat, _) = world.seat().unwrap();
    seat.decide(Vec::new());
    assert!(world.rows().is_empty());
}

#[test]
fn a_snapshot_is_what_the_log_says_and_a_damaged_one_is_passed_over() {
    let world = World::in_memory();
    let (mut seat, _) = world.seat().unwrap();
    done(&mut seat, vec![(None, Command::Build { hall: 1, seats: 10 }), (tag(5, 1), take(2))]);
    seat.save();
    done(&mut seat, vec![(tag(6, 1), take(3))]);
    let state = |world: &World| {
        let (seat, heard) = world.seat().unwrap();
        let bytes = seat.ask(|halls| {
            let mut bytes = Vec::new();
            halls.encode(&mut bytes);
            bytes
        });
        (bytes.unwrap(), heard.rows().len())
    };
    let (from_snapshot, heard) = state(&world);
    assert_eq!(heard, world.rows().len(), "read models hear everything, whatever the snapshot holds");
    let mut replayed = Vec::new();
    world.replayed().encode(&mut replayed);
    assert_eq!(from_snapshot, replayed);
    let disk: &dyn eventlog::disk::Disk = &world.disk;
    for entry in disk.list("desk").unwrap() {
        world.disk.damage(&format!("desk/{}", entry.name), |bytes| bytes[20] ^= 1);
    }
    assert_eq!(state(&world).0, replayed);
}

#[test]
fn a_fact_that_this_build_does_not_know_stops_decisions_and_no_reading() {
    let world = World::in_memory();
    let (mut seat, _) = world.seat().unwrap();
    done(&mut seat, vec![(None, Command::Build { hall: 1, seats: 10 })]);
    let row: records::FactRow =
        serde_json::from_str(r#"{"version":9,"organization":"x","at":5,"fact":"roof_opened","seats":1}"#).unwrap();
    let frames = world.log.read(Lane::Facts, HERE, Offset(0), ReadLimits::everything());
    let claim = frames.unwrap().last().unwrap().claim.unwrap();
    world
        .log
        .append(vec![NewFrame {
            lane: Lane::Facts,
            partition: HERE,
            body: records::fact::encode(&[row]).into(),
            rows: 1,
            dedup: Vec::new(),
            claim: Some(ClaimTag { n: claim.n + 1, ..claim }),
        }])
        .unwrap();
    let (mut later, heard) = world.seat().unwrap();
    assert_eq!(heard.rows().len(), 3);
    let (batch, pending) = orders(vec![(None, take(1))]);
    later.decide(batch);
    for pending in pending {
        assert!(matches!(pending.wait(), Err(DeskError::Stopped(why)) if why.contains("roof_opened")));
    }
}

#[test]
fn a_frame_with_too_few_facts_is_refused_before_any_of_them_is_taken() {
    let world = World::in_memory();
    let (mut seat, heard) = world.seat().unwrap();
    done(&mut seat, vec![(None, Command::Build { hall: 1, seats: 10 })]);
    let told = heard.rows().len();
    let frames = world.log.read(Lane::Facts, HERE, Offset(0), ReadLimits::everything()).unwrap();
    let last = frames.last().unwrap();
    // Another writer's claim, and a frame of it that says two rows and holds one.
    let append = |tag: ClaimTag, rows| {
        let (lane, partition, body) = (Lane::Facts, HERE, last.body.clone());
        world.log.append(vec![NewFrame { lane, partition, body, rows, dedup: Vec::new(), claim: Some(tag) }]).unwrap();
    };
    append(ClaimTag { claim_id: 99, n: 0, opens: true }, 1);
    append(ClaimTag { claim_id: 99, n: 1, opens: false }, 2);
    for _ in 0..3 {
        let answers = done(&mut seat, vec![(None, take(1))]);
        assert!(matches!(&answers[0], Err(DeskError::Again(_))), "{answers:?}");
    }
    assert_eq!(heard.rows().len(), told + 1, "the whole frame once, nothing of the broken one");
}

#[test]
fn a_snapshot_that_is_made_beside_the_writer_is_what_the_writer_had() {
    let world = World::in_memory();
    let (mut seat, _) = world.seat().unwrap();
    done(&mut seat, vec![(None, Command::Build { hall: 1, seats: 1_000 })]);
    for round in 0..5 {
        // Of the one before and what came after it, while commands are decided.
        seat.save_beside(true);
        for number in 0..20 {
            done(&mut seat, vec![(tag(100 * round + number, 1), take(1))]);
        }
    }
    seat.save_beside(true);
    seat.save();
    let snapshots = |world: World| {
        let listed = world.disk.list("desk").unwrap().into_iter();
        listed.map(move |entry| {
            let bytes = read_whole(&world.disk, &format!("desk/{}", entry.name), 1 << 20).unwrap();
            (entry.name, bytes)
        })
    };
    let beside: BTreeMap<_, _> = snapshots(world.clone()).collect();
    // Somebody who reads everything from the log writes the same, byte for byte.
    for name in beside.keys() {
        world.disk.remove(&format!("desk/{name}")).unwrap();
    }
    let (mut other, _) = world.seat().unwrap();
    other.save();
    let (name, bytes) = snapshots(world.clone()).next().unwrap();
    assert_eq!(beside.get(&name), Some(&bytes), "{:?}", beside.keys());
}
