//! `eventra engine`: installs the embedded ClickHouse, or says how it is.

use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use indicatif::{ProgressBar, ProgressStyle};
use warehouse::engine::install::{InstallError, Progress, Source, Step};
use warehouse::engine::{find, install, release};

use crate::control::{Request, client};
use crate::settings::Settings;

/// How long an installation by another process may take: 178 MB over a slow line.
const WAIT_FOR_OTHER: Duration = Duration::from_secs(20 * 60);
/// How often it is looked whether that one has ended.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// What to do with the engine.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Fetch and unpack the engine (178 MB to download, 566 MB on disk)
    Install {
        /// A package file or an address instead of the npm client
        #[arg(long, value_name = "FILE|URL")]
        from: Option<String>,
    },
    /// Say whether the engine is installed and how it runs
    Status,
}

pub(crate) fn run(command: &Command, settings: &Settings) -> anyhow::Result<ExitCode> {
    match command {
        Command::Install { from } => install_engine(from.as_deref()).map(|()| ExitCode::SUCCESS),
        Command::Status => status(settings),
    }
}

/// Installs the engine unless it is there, with a progress bar.
pub(crate) fn install_engine(from: Option<&str>) -> anyhow::Result<()> {
    let executable = std::env::current_exe().ok();
    if from.is_none()
        && let Ok(library) = find::library(|name| std::env::var_os(name), executable.as_deref())
    {
        println!("ClickHouse {} is installed: {}", release::VERSION, library.display());
        return Ok(());
    }
    let user_data = find::user_data_dir(|name| std::env::var_os(name)).context("HOME is not set")?;
    let source = from.map_or(Source::Npm, Source::from_argument);
    let library = install_when_free(&user_data, &source)?;
    println!("ClickHouse {} is installed: {}", release::VERSION, library.display());
    Ok(())
}

/// Waits while another process installs the same engine, as a second `make demo` of the same user would meet it.
fn install_when_free(user_data: &Path, source: &Source) -> anyhow::Result<PathBuf> {
    let begun = Instant::now();
    let mut said = false;
    loop {
        let mut bar: Option<(Step, ProgressBar)> = None;
        let result = install::install(user_data, source, &mut |progress| show(&mut bar, progress));
        if let Some((_, bar)) = bar {
            bar.finish_and_clear();
        }
        match result {
            Err(InstallError::Busy(_)) if begun.elapsed() < WAIT_FOR_OTHER => {
                if !said {
                    println!("    another process installs it; waiting for that one");
                }
                said = true;
                std::thread::sleep(LOOK_AGAIN);
            }
            result => return Ok(result?),
        }
    }
}

fn show(bar: &mut Option<(Step, ProgressBar)>, progress: Progress) {
    let same = bar.as_ref().is_some_and(|(step, _)| *step == progress.step);
    if !same {
        if let Some((_, finished)) = bar.take() {
            finished.finish_and_clear();
        }
        let style = ProgressStyle::with_template("{msg:>10} [{bar:40}] {bytes}/{total_bytes} {eta}")
            .expect("the template is a constant")
            .progress_chars("=> ");
        if !std::io::stderr().is_terminal() {
            // A log has no bar; it gets a line for each step.
            println!("    {:?}: {} MB", progress.step, progress.total / 1_000_000);
        }
        let new = ProgressBar::new(progress.total).with_style(style).with_message(format!("{:?}", progress.step));
        *bar = Some((progress.step, new));
    }
    if let Some((_, bar)) = bar {
        bar.set_position(progress.done);
    }
}

fn status(settings: &Settings) -> anyhow::Result<ExitCode> {
    let executable = std::env::current_exe().ok();
    match find::library(|name| std::env::var_os(name), executable.as_deref()) {
        Ok(library) => println!("ClickHouse {} is installed: {}", release::VERSION, library.display()),
        Err(error) => println!("{error}"),
    }
    if client::is_running(settings) {
        let status: serde_json::Value = client::ask(settings, &Request::Status)?;
        println!("{}", serde_json::to_string_pretty(&status["warehouse"])?);
    } else {
        println!("no process serves `{}`", settings.data_dir.display());
    }
    Ok(ExitCode::SUCCESS)
}
