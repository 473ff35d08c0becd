//! Oversold, undersold, paid back twice: what must never be, looked for in the simulation of the desk.
//!
//! Two ways. Seed by seed with everything that can go wrong around the rules: crashes and torn writes, killed processes, lost
//! answers, two writers that both believe that they own every partition, repeated commands, a clock that jumps. And many
//! commands in a row, where payments come late, twice, in another order or never, counted again as they go.

use sim::desk::{self, Scale, Size};

use crate::Settings;
use crate::report::{Row, say};

/// Commands in a row.
const COMMANDS: u64 = 100_000_000;
/// Commands of one piece: each begins with nothing, on a seed of its own, so that box offices do not only grow old.
const PIECE: u64 = 50_000;
/// Seeds with crashes.
const RUNS: u64 = 3_000;
const SEED: u64 = 10_000;

pub(in crate::rows) fn measure(settings: &Settings) -> anyhow::Result<Row> {
    let (commands, runs) = (settings.size(COMMANDS), settings.size(RUNS));
    let (mut asked, mut facts, mut done, mut faults) = (0, 0, 0, 0u64);
    for piece in 0..commands.div_ceil(PIECE) {
        let count = PIECE.min(commands - asked);
        match desk::sell(SEED + piece, count, Scale::busy(), |_, _| {}) {
            Ok((sold, _)) => (facts, done) = (facts + sold.facts, done + sold.done),
            Err(failure) => {
                say!("seed {}: {}", failure.seed, failure.what);
                faults += 1;
            }
        }
        asked += count;
        if asked % 5_000_000 == 0 {
            say!("{} M commands, {faults} faults", asked / 1_000_000);
        }
    }
    let mut report = desk::Report::default();
    for seed in SEED..SEED + runs {
        match desk::run(seed, &Size::usual()) {
            Ok(one) => report.add(&one),
            Err(failure) => {
                say!("seed {}: {}", failure.seed, failure.what);
                faults += 1;
            }
        }
    }
    Ok(Row::new("booking-invariants", "faults", faults as f64, "0 in 100 million commands", faults == 0)
        .part("commands to box offices in a row", "", asked as f64)
        .part("of these done", "", done as f64)
        .part("facts, box offices counted again as they come", "", facts as f64)
        .part("runs with crashes", "", runs as f64)
        .part("commands of these runs", "", report.commands as f64)
        .part("facts of box offices of these runs", "", report.booked as f64)
        .part("crashes", "", report.crashes as f64)
        .part("processes killed", "", report.kills as f64)
        .part("submissions or their answers lost", "", report.lost as f64)
        .part("commands sent again", "", report.repeated as f64))
}
