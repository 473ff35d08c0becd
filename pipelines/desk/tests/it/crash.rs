//! Crashes: what was answered as done is in the log, nothing is sold twice, a command under an id is done once.

use std::collections::BTreeMap;

use desk::DeskError;
use eventlog::disk::{SimDisk, SimOp};
use proptest::prelude::*;
use rules::Domain as _;

use crate::hall::{Command, Halls};
use crate::support::{World, assert_not_oversold, done, tag};

#[derive(Debug, Clone)]
struct Life {
    /// Commands by their number: hall, seats.
    commands: Vec<(u128, u64)>,
    /// The disk goes down at this write or sync of the life.
    crash: Option<(bool, u64)>,
    save: bool,
}

fn lives() -> impl Strategy<Value = Vec<Life>> {
    let commands = proptest::collection::vec((1u128..3, 1u64..4), 0..25);
    let crash = proptest::option::weighted(0.8, (any::<bool>(), 1u64..30));
    let life = (commands, crash, any::<bool>()).prop_map(|(commands, crash, save)| Life { commands, crash, save });
    proptest::collection::vec(life, 1..6)
}

/// Lives one life: sends every command that was not answered yet, in batches of up to three.
fn live(
    disk: &SimDisk,
    unanswered: &mut BTreeMap<u128, (u128, u64)>,
    sold: &mut BTreeMap<u128, u64>,
    life: &Life,
) -> Result<(), String> {
    if let Some((sync, count)) = life.crash {
        let op = if sync { SimOp::Sync } else { SimOp::Write };
        disk.crash_at(op, count);
    }
    let world = World::on_disk(disk.clone())?;
    let (mut seat, _) = world.seat()?;
    done(&mut seat, vec![(None, Command::Build { hall: 1, seats: 20 }), (None, Command::Build { hall: 2, seats: 5 })]);
    let commands: Vec<_> = unanswered.iter().map(|(id, order)| (*id, *order)).collect();
    for batch in commands.chunks(3) {
        let sent = batch
            .iter()
            .map(|(id, (hall, seats))| (tag(*id, *seats), Command::Take { hall: *hall, seats: *seats, until: None }));
        for (answer, (id, (_, seats))) in done(&mut seat, sent.collect()).into_iter().zip(batch) {
            match answer {
                Ok(_) => {
                    unanswered.remove(id);
                    sold.insert(*id, *seats);
                }
                Err(DeskError::Refused(_)) => _ = unanswered.remove(id),
                Err(_) => {}
            }
        }
        if life.save {
            seat.save();
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]
    #[test]
    fn whatever_is_answered_stands_and_nothing_is_done_twice(lives in lives(), seed: u64) {
        let disk = SimDisk::new(seed);
        let (mut unanswered, mut sold) = (BTreeMap::new(), BTreeMap::new());
        let mut number = 0u128;
        for life in lives.iter().chain([&Life { commands: Vec::new(), crash: None, save: false }]) {
            for order in &life.commands {
                number += 1;
                unanswered.insert(number, *order);
            }
            // A disk that goes down while the log is opened is only an early end of this life.
            let _ = live(&disk, &mut unanswered, &mut sold, life);
            disk.crash();
            disk.restart();
        }
        let world = World::on_disk(disk).unwrap();
        let halls = world.replayed();
        assert_not_oversold(&halls);
        prop_assert!(unanswered.is_empty(), "the last life has no crash: {unanswered:?}");
        let mut by_id = BTreeMap::<u128, u64>::new();
        for (_, row) in world.rows() {
            if let Some(tag) = row.command {
                prop_assert!(by_id.insert(tag.id.0, tag.hash).is_none(), "{tag:?} was done twice");
            }
        }
        prop_assert_eq!(by_id, sold);
        let (seat, _) = world.seat().unwrap();
        let bytes = |halls: &Halls| {
            let mut bytes = Vec::new();
            halls.encode(&mut bytes);
            bytes
        };
        prop_assert_eq!(seat.ask(bytes).unwrap(), bytes(&halls));
    }
}
