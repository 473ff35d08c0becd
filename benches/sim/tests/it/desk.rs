//! The desk: some seeds in every test run, thousands by `cargo run -p sim --release -- --only desk --runs 10000`.

use sim::desk::{Report, Scale, Size, fast, run};

fn total(seeds: impl Iterator<Item = u64>, size: &Size) -> Report {
    let mut total = Report::default();
    for seed in seeds {
        match run(seed, size) {
            Ok(report) => total.add(&report),
            Err(failure) => panic!("{failure}"),
        }
    }
    total
}

#[test]
fn commands_are_done_once_whatever_crashes_is_killed_or_lost() {
    let total = total(1..=16, &Size::usual());
    assert!(total.commands > 4_000 && total.done > 1_000 && total.verdicts > 500, "{total:?}");
    assert!(total.booked > 500 && total.due > 20, "hardly anything was sold, or ended by itself: {total:?}");
    assert!(total.again > 80 && total.conflicts > 10, "hardly a client repeated itself: {total:?}");
    assert!(total.crashes > 20 && total.kills > 20 && total.lost > 20, "the desk had an easy life: {total:?}");
}

#[test]
fn a_seed_decides_everything() {
    assert_eq!(run(5, &Size::tiny()), run(5, &Size::tiny()));
}

#[test]
fn many_commands_keep_the_laws() {
    for through_desk in [false, true] {
        let fast = fast(1, 40_000, Scale::roomy(), through_desk).unwrap_or_else(|failure| panic!("{failure}"));
        assert_eq!(fast.commands, 40_000);
        assert!(fast.done > 10_000 && fast.facts > fast.done && fast.refused > 1_000, "{fast:?}");
    }
}
