//! Hosts the engine for this crate's tests, installs it (`install [FILE or address]`), and prints the schema (`schema`).

use std::process::ExitCode;

use warehouse::engine::install::{Source, Step, install};
use warehouse::engine::{child, find};

fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1).peekable();
    if arguments.next_if(|first| first == "install").is_some() {
        let from = arguments.next().map(|from| Source::from_argument(&from.to_string_lossy()));
        return install_here(&from.unwrap_or(Source::Npm));
    }
    if arguments.next_if(|first| first == "schema").is_some() {
        print!("{}", warehouse::schema::markdown(&warehouse::schema::tables(), &warehouse::schema::current_views()));
        return ExitCode::SUCCESS;
    }
    ExitCode::from(u8::try_from(child::run(arguments)).unwrap_or(1))
}

fn install_here(source: &Source) -> ExitCode {
    let Some(data) = find::user_data_dir(|name| std::env::var_os(name)) else {
        eprintln!("neither XDG_DATA_HOME nor HOME is set");
        return ExitCode::FAILURE;
    };
    let mut last: Option<(Step, u64)> = None;
    let outcome = install(&data, source, &mut |now| {
        let tenth = now.done * 10 / now.total.max(1);
        if last != Some((now.step, tenth)) {
            eprintln!("{:?}: {} of {} bytes", now.step, now.done, now.total);
            last = Some((now.step, tenth));
        }
    });
    match outcome {
        Ok(library) => {
            println!("{}", library.display());
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("failed to install the engine: {error}");
            ExitCode::FAILURE
        }
    }
}
