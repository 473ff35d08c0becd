//! The binary: command line, settings, wiring, shutdown. The only crate that knows all the others.

mod cli;
mod commands;
mod control;
mod document;
mod facts;
mod figures;
mod http;
mod logging;
mod mail;
mod node;
mod rules_check;
mod settings;

use std::process::ExitCode;

use clap::Parser as _;

// glibc's allocator keeps what many threads free apart; under this load it grows where mimalloc stays flat.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The exit code when whoever read the output has gone: what a shell says of a process that SIGPIPE ended.
const UNREAD: u8 = 128 + 13;

fn main() -> ExitCode {
    // The engine's child comes first: it must not have a thread of ours when the library takes over the process.
    if std::env::args_os().nth(1).is_some_and(|argument| argument == cli::ENGINE_CHILD) {
        let code = warehouse::engine::child::run(std::env::args_os().skip(2));
        std::process::exit(code);
    }
    end_quietly_when_nobody_reads();
    match cli::Cli::parse().run() {
        Ok(code) => code,
        Err(error) if is_unread(&error) => ExitCode::from(UNREAD),
        Err(error) => {
            eprintln!("eventra: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// `eventra ... | head` is no failure: printing to a reader that has seen enough ends the process without a word.
fn end_quietly_when_nobody_reads() {
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        let text = panic.payload_as_str().unwrap_or_default();
        if text.starts_with("failed printing to stdout") && text.contains("Broken pipe") {
            std::process::exit(UNREAD.into());
        }
        usual(panic);
    }));
}

/// The same for answers of the warehouse, whose writer reports it.
fn is_unread(error: &anyhow::Error) -> bool {
    use warehouse::sql::SqlError;
    matches!(error.downcast_ref(), Some(SqlError::Write(error)) if error.kind() == std::io::ErrorKind::BrokenPipe)
}
