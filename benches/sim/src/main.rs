//! Runs many seeds and says which one fails.

use std::time::Instant;

use anyhow::bail;
use clap::Parser;
use indicatif::{ProgressBar, ProgressStyle};
use sim::{Report, Size};

/// Simulates the whole system under crashes, seed by seed.
#[derive(Debug, Parser)]
#[command(name = "sim")]
struct Arguments {
    /// How many seeds.
    #[arg(long, default_value_t = 100)]
    runs: u64,
    /// The first seed.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Short runs, as in the tests.
    #[arg(long)]
    tiny: bool,
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let size = if arguments.tiny { Size::tiny() } else { Size::usual() };
    let style = ProgressStyle::with_template("{pos}/{len} runs {wide_bar} {per_sec}, {eta} left {msg}")?;
    let bar = ProgressBar::new(arguments.runs).with_style(style);
    let started = Instant::now();
    let mut total = Report::default();
    for seed in arguments.seed..arguments.seed + arguments.runs {
        match sim::run(seed, &size) {
            Ok(report) => total.add(&report),
            Err(failure) => {
                bar.abandon();
                let tiny = if arguments.tiny { " --tiny" } else { "" };
                eprintln!("again: cargo run -p sim --release -- --runs 1 --seed {seed}{tiny}");
                bail!(failure);
            }
        }
        bar.inc(1);
        bar.set_message(format!("{} crashes", total.crashes));
    }
    bar.finish();
    let Report { acknowledged, crashes, repeated, landed, landed_again, compared, .. } = total;
    println!(
        "{} runs, {crashes} crashes: {acknowledged} records acknowledged ({repeated} sent again), {landed} landing \
         epochs ({landed_again} came again), {compared} answers equal their twins, nothing lost, doubled or different \
         ({:.0?})",
        arguments.runs,
        started.elapsed()
    );
    let Report { merged, chunks_again, raw, opened, erased, .. } = total;
    println!(
        "{merged} landing epochs merged in the outbox, {chunks_again} chunks arrived again; {raw} raw records landed; \
         {erased} subjects erased, {opened} sealed records of the others opened"
    );
    let Report { rows, poisoned, on_folds, handed_on, set_aside, dropped, bindings, dropped_rows, .. } = total;
    println!(
        "{rows} rows of views read back from their tables, {dropped_rows} dropped on their way and made again; \
         {poisoned} poisoned records put aside, {on_folds} of them by folds, {handed_on} by folds of what others hand \
         on; {set_aside} views set aside; {dropped} records dropped by retention with {bindings} bindings"
    );
    let Report { tables_dropped, tables_filled, refused, reserved, waited, stopped, .. } = total;
    println!(
        "{tables_dropped} tables dropped, {tables_filled} filled again; {refused} appends refused by a full disk, {reserved} facts taken by its reserve, \
         {waited} steps of the dataflow waited for room, {stopped} lives ended by it"
    );
    Ok(())
}
