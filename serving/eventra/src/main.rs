//! The binary: command line, settings, wiring, shutdown. The only crate that knows all the others.

mod cli;
mod commands;
mod control;
mod document;
mod facts;
mod figures;
mod http;
mod logging;
mod node;
mod rules_check;
mod settings;

use std::process::ExitCode;

use clap::Parser as _;

// glibc's allocator keeps what many threads free apart; under this load it grows where mimalloc stays flat.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    // The engine's child comes first: it must not have a thread of ours when the library takes over the process.
    if std::env::args_os().nth(1).is_some_and(|argument| argument == cli::ENGINE_CHILD) {
        let code = warehouse::engine::child::run(std::env::args_os().skip(2));
        std::process::exit(code);
    }
    match cli::Cli::parse().run() {
        Ok(code) => code,
        Err(error) => {
            eprintln!("eventra: {error:#}");
            ExitCode::FAILURE
        }
    }
}
