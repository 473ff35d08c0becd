//! The benchmarks: one subcommand for each row of `benches/README.md`, interleaved with its peer, written as JSON.
//!
//! **Does not know:** HTTP routes, the binary's wiring. It drives the crates directly, as the product does.

mod cpu;
mod engine;
mod peers;
mod report;
mod rounds;
mod rows;

use std::process::ExitCode;
use std::time::Instant;

use clap::Parser;
use report::Verdict;

// The product's allocator: rows measure what the product does.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Measures one row of the benchmark table, or all of them.
#[derive(Debug, Parser)]
#[command(name = "load")]
struct Arguments {
    /// Rows to measure, by name; `all` measures every row, `list` names them.
    #[arg(required = true)]
    rows: Vec<String>,
    /// Also measures rows that need a peer from `benches/peers/install.sh`.
    #[arg(long)]
    peers: bool,
    /// Rounds of each side; the median of their ratios is reported.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Sizes in per cent of the full size: smaller is quicker and says less.
    #[arg(long, default_value_t = 100)]
    percent: u64,
}

/// What every row is told.
#[derive(Debug, Clone, Copy)]
struct Settings {
    peers: bool,
    rounds: usize,
    percent: u64,
}

impl Settings {
    /// A full size, scaled; never below one.
    fn size(&self, full: u64) -> u64 {
        (full * self.percent / 100).max(1)
    }

    /// The command that measures a row again.
    fn command(&self, name: &str) -> String {
        let Self { peers, rounds, percent } = self;
        let peers = if *peers { " --peers" } else { "" };
        format!("cargo run --release -p load -- {name}{peers} --rounds {rounds} --percent {percent}")
    }
}

/// The exit code when every row was measured and some goal does not hold: no failure of the program.
const SHORT: u8 = 3;

fn main() -> anyhow::Result<ExitCode> {
    // Rows start this program again: as the engine's process, or to be killed. Those are no options for people.
    let mut words = std::env::args_os().skip(1);
    let first = words.next();
    if first.as_ref().is_some_and(|word| word == engine::CHILD) {
        std::process::exit(warehouse::engine::child::run(words));
    }
    if first.is_some_and(|word| word == rows::CHILD) {
        let words = words.map(|word| word.into_string().map_err(|word| anyhow::anyhow!("{word:?} is no text")));
        return rows::child(&words.collect::<anyhow::Result<Vec<_>>>()?).map(|()| ExitCode::SUCCESS);
    }
    let arguments = Arguments::parse();
    if arguments.rows.iter().any(|row| row == "list") {
        for row in rows::ALL {
            println!("{:18} {:>3} min  {}", row.name, row.minutes, row.what);
        }
        return Ok(ExitCode::SUCCESS);
    }
    let settings =
        Settings { peers: arguments.peers, rounds: arguments.rounds.max(1), percent: arguments.percent.max(1) };
    measure(&chosen(&arguments.rows)?, &settings)
}

/// Measures one row after the other; one that fails does not keep the others from being measured.
fn measure(chosen: &[rows::Entry], settings: &Settings) -> anyhow::Result<ExitCode> {
    let (mut measured, mut failed) = (Vec::new(), Vec::new());
    for (place, entry) in chosen.iter().enumerate() {
        let (at, all, name, minutes) = (place + 1, chosen.len(), entry.name, entry.minutes);
        eprintln!("[{at}/{all}] {name}: {} (at full size about {minutes} min on two quiet cores)", entry.what);
        let started = Instant::now();
        match (entry.measure)(settings) {
            Ok(row) => {
                report::write(&row, &settings.command(name))?;
                measured.push(row);
            }
            Err(error) => {
                eprintln!("{name} could not be measured: {error:#}");
                failed.push(name);
            }
        }
        eprintln!("  took {:.0} s", started.elapsed().as_secs_f64());
    }
    print!("\n{}", report::summary(&measured, &failed));
    if settings.percent < 100 {
        println!("sizes at {} %: these figures say that the rows run, and no more", settings.percent);
    }
    let short = measured.iter().filter(|row| row.verdict() == Verdict::Short).count();
    Ok(match (failed.len(), short) {
        (0, 0) => ExitCode::SUCCESS,
        (0, short) => {
            println!("{short} of {} rows short of their goal (exit code {SHORT})", measured.len());
            ExitCode::from(SHORT)
        }
        (failed, _) => {
            println!("{failed} rows could not be measured (exit code 1)");
            ExitCode::FAILURE
        }
    })
}

fn chosen(names: &[String]) -> anyhow::Result<Vec<rows::Entry>> {
    if names.iter().any(|name| name == "all") {
        return Ok(rows::ALL.to_vec());
    }
    names
        .iter()
        .map(|name| {
            let found = rows::ALL.iter().find(|row| row.name == name);
            found.copied().ok_or_else(|| anyhow::anyhow!("no row is called `{name}`; `load list` names them"))
        })
        .collect()
}
