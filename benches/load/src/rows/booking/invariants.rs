//! Oversold, undersold, paid back twice: what must never be, looked for in the simulation of the desk.
//!
//! Two ways. Seed by seed with everything that can go wrong around the rules: crashes and torn writes, killed processes, lost
//! answers, two writers that both believe that they own every partition, repeated commands, a clock that jumps. And many
//! commands in a row, where payments come late, twice, in another order or never, counted again as they go.

use std::num::NonZero;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;
use sim::desk::{self, Scale, Size};

use crate::Settings;
use crate::report::{Row, say};

/// Commands in a row.
const COMMANDS: u64 = 80_000_000;
/// Commands of one piece: each begins with nothing, on a seed of its own, so that box offices do not only grow old.
const PIECE: u64 = 50_000;
/// Seeds with crashes, a little more than 900 commands each: together with those in a row 100 million.
const RUNS: u64 = 22_000;
const SEED: u64 = 10_000;

/// What came of all pieces.
#[derive(Default)]
struct Sum {
    pieces: u64,
    commands: u64,
    done: u64,
    facts: u64,
    faults: u64,
    crashing: desk::Report,
}

impl Sum {
    /// Tells how far it is, every so many pieces.
    fn progress(&self) {
        if self.pieces.is_multiple_of(100) {
            say!("{:.0} M commands, {} faults", self.commands as f64 / 1e6, self.faults);
        }
    }

    fn fault(&mut self, failure: &sim::Failure) {
        say!("seed {}: {}", failure.seed, failure.what);
        self.faults += 1;
    }
}

/// Has every core take the next number until there are no more.
fn shared(end: u64, each: impl Fn(u64) + Sync) {
    let (next, cores) = (AtomicU64::new(0), std::thread::available_parallelism().map_or(1, NonZero::get));
    std::thread::scope(|scope| {
        for _ in 0..cores {
            scope.spawn(|| {
                while let Some(number) = Some(next.fetch_add(1, Ordering::Relaxed)).filter(|number| *number < end) {
                    each(number);
                }
            });
        }
    });
}

pub(in crate::rows) fn measure(settings: &Settings) -> anyhow::Result<Row> {
    let (commands, runs, sum) = (settings.size(COMMANDS), settings.size(RUNS), Mutex::new(Sum::default()));
    shared(commands.div_ceil(PIECE), |piece| {
        let sold = desk::sell(SEED + piece, PIECE, Scale::busy(), |_, _| {});
        let mut sum = sum.lock();
        (sum.pieces, sum.commands) = (sum.pieces + 1, sum.commands + PIECE);
        match sold {
            Ok((sold, _)) => (sum.facts, sum.done) = (sum.facts + sold.facts, sum.done + sold.done),
            Err(failure) => sum.fault(&failure),
        }
        sum.progress();
    });
    shared(runs, |run| {
        let one = desk::run(SEED + run, &Size::usual());
        let mut sum = sum.lock();
        if (run + 1).is_multiple_of(RUNS / 20) {
            say!("{} runs with crashes", run + 1);
        }
        match one {
            Ok(one) => sum.crashing.add(&one),
            Err(failure) => sum.fault(&failure),
        }
    });
    let Sum { commands, done, facts, faults, crashing, .. } = sum.into_inner();
    Ok(Row::new("booking-invariants", "faults", faults as f64, "0 in 100 million commands", faults == 0)
        .part("commands to box offices in a row", "", commands as f64)
        .part("of these done", "", done as f64)
        .part("facts, stock counted again after each", "", facts as f64)
        .part("runs with crashes", "", runs as f64)
        .part("commands of these runs", "", crashing.commands as f64)
        .part("facts of box offices of these runs", "", crashing.booked as f64)
        .part("crashes", "", crashing.crashes as f64)
        .part("processes killed", "", crashing.kills as f64)
        .part("submissions or their answers lost", "", crashing.lost as f64)
        .part("commands sent again", "", crashing.repeated as f64))
}
