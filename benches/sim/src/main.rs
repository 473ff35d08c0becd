//! Runs many seeds and says which one fails.

use std::time::Instant;

use anyhow::bail;
use clap::{Parser, ValueEnum};
use indicatif::{ProgressBar, ProgressStyle};
use sim::{Failure, Report, Size, desk};

// As the product: figures of `--commands` are of the same allocator.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Simulates the whole system under crashes, seed by seed: records through the dataflow, commands through the desk.
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
    /// Only one of the two.
    #[arg(long)]
    only: Option<Part>,
    /// No crashes and no disk: so many commands through the rules alone, then through a desk over a log in memory.
    #[arg(long)]
    commands: Option<u64>,
}

/// What is simulated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Part {
    /// Records, from the log to the warehouse.
    World,
    /// Commands.
    Desk,
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    match arguments.commands {
        Some(commands) => many(arguments.seed, commands),
        None => seeds(&arguments),
    }
}

fn seeds(arguments: &Arguments) -> anyhow::Result<()> {
    let style = ProgressStyle::with_template("{pos}/{len} runs {wide_bar} {per_sec}, {eta} left {msg}")?;
    let bar = ProgressBar::new(arguments.runs).with_style(style);
    let started = Instant::now();
    let (mut world, mut desk) = (Report::default(), desk::Report::default());
    for seed in arguments.seed..arguments.seed + arguments.runs {
        if let Err(failure) = one(arguments, seed, &mut world, &mut desk) {
            bar.abandon();
            let tiny = if arguments.tiny { " --tiny" } else { "" };
            eprintln!("again: cargo run -p sim --release -- --runs 1 --seed {seed}{tiny}");
            bail!(failure);
        }
        bar.inc(1);
        bar.set_message(format!("{} crashes", world.crashes + desk.crashes));
    }
    bar.finish();
    let took = started.elapsed();
    if arguments.only != Some(Part::Desk) {
        of_world(arguments.runs, &world);
    }
    if arguments.only != Some(Part::World) {
        of_desk(&desk);
    }
    println!("{took:.0?}");
    Ok(())
}

fn one(arguments: &Arguments, seed: u64, world: &mut Report, desk: &mut desk::Report) -> Result<(), Failure> {
    let (records, commands) = match arguments.tiny {
        true => (Size::tiny(), desk::Size::tiny()),
        false => (Size::usual(), desk::Size::usual()),
    };
    if arguments.only != Some(Part::Desk) {
        world.add(&sim::run(seed, &records)?);
    }
    if arguments.only != Some(Part::World) {
        desk.add(&desk::run(seed, &commands)?);
    }
    Ok(())
}

fn of_desk(total: &desk::Report) {
    let desk::Report { commands, done, facts, booked, due, verdicts, repeated, again, conflicts, .. } = total;
    println!(
        "{commands} commands to the desk: {done} done as {facts} facts ({booked} of box offices, {due} that time has brought), each exactly once; {verdicts} refusals and answers \
         that all stood, each right on a state that was; {repeated} sent again, {again} got their first answer, \
         {conflicts} used an id twice"
    );
    let desk::Report { crashes, kills, lost, snapshots, .. } = total;
    println!(
        "{crashes} crashes, {kills} processes killed, {lost} submissions or their answers lost, {snapshots} snapshots"
    );
}

fn many(seed: u64, commands: u64) -> anyhow::Result<()> {
    for (what, through_desk) in [("by the rules alone", false), ("by a desk over a log in memory", true)] {
        let started = Instant::now();
        let fast = desk::fast(seed, commands, desk::Scale::roomy(), through_desk)?;
        let desk::Fast { done, refused, facts, snapshots, took, .. } = fast;
        println!(
            "{commands} commands {what}: {:.2} million a CPU-second; {done} done as {facts} facts, {refused} refused, \
             {snapshots} snapshots read back; laws held ({:.0?} with asking, judging and read models)",
            commands as f64 / took.as_secs_f64() / 1e6,
            started.elapsed()
        );
    }
    Ok(())
}

fn of_world(runs: u64, total: &Report) {
    let Report { acknowledged, crashes, repeated, landed, landed_again, compared, .. } = total;
    println!(
        "{runs} runs, {crashes} crashes: {acknowledged} records acknowledged ({repeated} sent again), {landed} landing \
         epochs ({landed_again} came again), {compared} answers equal their twins, nothing lost, doubled or different"
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
}
