//! The desk with its threads: many senders, every answer, an end in order.

use std::sync::Arc;

use desk::{Desk, DeskError, Pending};
use eventlog::{Lane, MemoryLog, Offset, ReadLimits};
use records::fact;

use crate::hall::{Command, Halls};
use crate::support::{World, tag};

fn desk(world: &World) -> Desk<Halls> {
    Desk::open(world.parts(), Arc::new(|_, _| {})).unwrap()
}

/// Partitions as a product has them.
fn world() -> World {
    let mut world = World::in_memory();
    world.log = Arc::new(MemoryLog::new(2, Arc::clone(&world.clock)));
    world
}

#[test]
fn many_senders_get_every_answer_and_no_seat_is_sold_twice() {
    let world = world();
    let desk = desk(&world);
    let halls = 1..=16u128;
    let built: Vec<_> = halls.clone().map(|hall| desk.submit(None, Command::Build { hall, seats: 50 })).collect();
    assert!(built.into_iter().all(|pending| pending.wait().is_ok()));
    let sold: u64 = std::thread::scope(|scope| {
        let senders: Vec<_> = (0..4u128)
            .map(|sender| {
                let (desk, halls) = (&desk, halls.clone());
                scope.spawn(move || {
                    let take = |(number, hall)| {
                        let id = tag((sender << 32) + number + 1, 1);
                        desk.submit(id, Command::Take { hall, seats: 1, until: None })
                    };
                    let orders = (0..20).flat_map(|round| halls.clone().map(move |hall| (round * 100 + hall, hall)));
                    let pending: Vec<Pending<_>> = orders.map(take).collect();
                    let answers = pending.into_iter().map(Pending::wait);
                    answers
                        .filter(|answer| !matches!(answer, Err(DeskError::Refused(_))))
                        .map(|answer| {
                            assert!(answer.is_ok(), "{answer:?}");
                            1
                        })
                        .sum::<u64>()
                })
            })
            .collect();
        senders.into_iter().map(|sender| sender.join().unwrap()).sum()
    });
    assert_eq!(sold, 16 * 50, "80 were asked for in each hall of 50");
    desk.close();
    let partitions = world.log.identity().partitions.each(Lane::Facts);
    let rows = partitions
        .flat_map(|partition| world.log.read(Lane::Facts, partition, Offset(0), ReadLimits::everything()).unwrap());
    let taken = rows.flat_map(|frame| fact::decode(&frame.body).unwrap()).filter(|row| row.command.is_some()).count();
    assert_eq!(taken, 16 * 50);
}

#[test]
fn what_waits_at_the_end_is_decided_and_a_closed_desk_says_so() {
    let world = world();
    let desk = desk(&world);
    let pending: Vec<_> = (1..=200u128).map(|hall| desk.submit(None, Command::Build { hall, seats: 1 })).collect();
    desk.close();
    assert!(pending.into_iter().all(|pending| pending.wait().is_ok()));
}
