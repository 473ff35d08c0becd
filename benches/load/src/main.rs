//! The benchmarks: one subcommand for each row of `benches/README.md`, interleaved with its peer, written as JSON.
//!
//! **Does not know:** HTTP routes, the binary's wiring. It drives the crates directly, as the product does.

mod cpu;
mod engine;
mod peers;
mod report;
mod rounds;
mod rows;

use clap::Parser;

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
}

fn main() -> anyhow::Result<()> {
    // Rows start this program again: as the engine's process, or to be killed. Those are no options for people.
    let mut words = std::env::args_os().skip(1);
    let first = words.next();
    if first.as_ref().is_some_and(|word| word == engine::CHILD) {
        std::process::exit(warehouse::engine::child::run(words));
    }
    if first.is_some_and(|word| word == rows::recovery::CHILD) {
        let folder = words.next().ok_or_else(|| anyhow::anyhow!("the child is told its folder"))?;
        return rows::recovery::child(folder.as_ref());
    }
    let arguments = Arguments::parse();
    let settings =
        Settings { peers: arguments.peers, rounds: arguments.rounds.max(1), percent: arguments.percent.max(1) };
    if arguments.rows.iter().any(|row| row == "list") {
        for (name, what, _) in rows::ALL {
            println!("{name:24} {what}");
        }
        return Ok(());
    }
    let mut short = 0;
    for (name, what, measure) in chosen(&arguments.rows)? {
        eprintln!("{name}: {what}");
        let row = measure(&settings)?;
        report::write(&row)?;
        short += u32::from(!row.holds);
    }
    // A row short of its goal is a finding, not a failure of the benchmark: it is printed and the exit code stays 0.
    if short > 0 {
        eprintln!("{short} row(s) short of their goal");
    }
    Ok(())
}

fn chosen(names: &[String]) -> anyhow::Result<Vec<rows::Entry>> {
    if names.iter().any(|name| name == "all") {
        return Ok(rows::ALL.to_vec());
    }
    names
        .iter()
        .map(|name| {
            let found = rows::ALL.iter().find(|(known, ..)| known == name);
            found.copied().ok_or_else(|| anyhow::anyhow!("no row is called `{name}`; `load list` names them"))
        })
        .collect()
}
