//! Two writers that both believe that they own the partition.

use desk::DeskError;
use proptest::prelude::*;

use crate::hall::Command;
use crate::support::{World, assert_not_oversold, done, orders, tag};

#[test]
fn the_one_that_was_fenced_off_says_so_and_nothing_of_it_counts() {
    let world = World::in_memory();
    let (mut old, _) = world.seat().unwrap();
    let (mut new, _) = world.seat().unwrap();
    let build = Command::Build { hall: 1, seats: 1 };
    assert!(done(&mut old, vec![(None, build.clone())])[0].is_ok());
    // It has not looked at the log since, and claims before it decides.
    let take = Command::Take { hall: 1, seats: 1, until: None };
    assert!(done(&mut new, vec![(None, take.clone())])[0].is_ok());
    assert_eq!(world.replayed().0[&1].taken, 1);
    // The old one still has a seat to sell, as far as it knows.
    let refused = done(&mut old, vec![(None, take.clone())]);
    assert!(matches!(&refused[0], Err(DeskError::Again(why)) if why.contains("another writer")), "{refused:?}");
    assert_eq!(world.replayed().0[&1].taken, 1);
    let again = done(&mut old, vec![(None, take)]);
    assert!(matches!(again[0], Err(DeskError::Refused(_))), "it has read what the other one sold: {again:?}");
}

#[test]
fn what_is_on_its_way_behind_a_fenced_frame_is_not_answered_as_done() {
    let world = World::in_memory();
    let (mut old, _) = world.seat().unwrap();
    let (mut new, _) = world.seat().unwrap();
    done(&mut old, vec![(None, Command::Build { hall: 1, seats: 9 })]);
    done(&mut new, vec![(None, Command::Build { hall: 2, seats: 9 })]);
    let (batch, pending) = orders(vec![
        (None, Command::Take { hall: 1, seats: 1, until: None }),
        // Stands already, as far as it knows; and too many.
        (None, Command::Build { hall: 1, seats: 9 }),
        (None, Command::Take { hall: 1, seats: 99, until: None }),
    ]);
    old.decide(batch);
    let (second, more) = orders(vec![(None, Command::Take { hall: 1, seats: 1, until: None })]);
    old.decide(second);
    old.settle();
    for pending in pending.into_iter().chain(more) {
        let answer = pending.wait();
        assert!(matches!(answer, Err(DeskError::Again(_))), "{answer:?}");
    }
    assert_eq!(world.replayed().0[&1].taken, 0);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn they_never_sell_a_seat_twice_and_whatever_is_answered_stands(
        steps in proptest::collection::vec((any::<bool>(), 1u64..4, 0u8..3), 1..60),
        seats in 1u64..20,
    ) {
        let world = World::in_memory();
        let mut writers = [world.seat().unwrap(), world.seat().unwrap()];
        let built = done(&mut writers[0].0, vec![(None, Command::Build { hall: 1, seats })]);
        prop_assert!(built[0].is_ok());
        let mut sold = 0;
        for (number, (which, wanted, repeats)) in steps.iter().enumerate() {
            let command = Command::Take { hall: 1, seats: *wanted, until: None };
            let id = tag(number as u128 + 1, *wanted);
            // A sender that is told to come again does, to either writer.
            for attempt in 0..=repeats + 1 {
                let writer = &mut writers[usize::from(*which) ^ usize::from(attempt % 2)].0;
                match &done(writer, vec![(id, command.clone())])[0] {
                    Ok(done) if !done.again => sold += wanted,
                    Ok(_) | Err(DeskError::Refused(_) | DeskError::Again(_)) => {}
                    other => prop_assert!(false, "{other:?}"),
                }
            }
        }
        let halls = world.replayed();
        assert_not_oversold(&halls);
        prop_assert_eq!(halls.0[&1].taken, sold);
        // Both have heard the same, each fact once, when they have looked.
        let known: Vec<_> = world.rows().into_iter().map(|(offset, row)| (offset, row.fact)).collect();
        for (writer, heard) in &mut writers {
            // Whoever was fenced off learns it with the first answer, and has read the log with the second.
            let looked = (0..2).any(|_| done(writer, vec![(None, Command::Build { hall: 2, seats: 1 })])[0].is_ok());
            prop_assert!(looked);
            let told: Vec<_> = heard.rows().into_iter().map(|(place, row)| (place.first, row.fact)).collect();
            prop_assert_eq!(&told[..known.len()], &known[..]);
            prop_assert!(told.is_sorted_by(|one, next| one.0 < next.0));
        }
    }
}
