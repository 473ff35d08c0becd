//! `eventra top`: a live view of the running process, redrawn in place; takes the terminal as it is, also while it is resized.

mod frame;
mod layout;
mod screen;

use std::io::{IsTerminal as _, Write as _};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use crate::control::{Request, client};
use crate::figures::Figures;
use crate::settings::Settings;

pub(crate) use frame::draw;
pub(crate) use layout::Size;
use screen::Screen;

/// How often the picture changes: what an eye follows, and far below what the process notices.
const EVERY: Duration = Duration::from_millis(500);
/// How often keys and the terminal's size are looked at.
const LOOK: Duration = Duration::from_millis(50);

// Cursor home, clear to the end of each line and of the screen: no flicker, unlike clearing first.
const HOME: &str = "\x1b[H";
const CLEAR_LINE: &str = "\x1b[K";
const CLEAR_REST: &str = "\x1b[J";

/// Arguments of `eventra top`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "`q` or Ctrl-C ends it. It takes as many columns and rows as the terminal has; without a terminal as many as\nCOLUMNS and LINES say."
)]
pub(crate) struct Arguments {
    /// Print one plain frame and end
    #[arg(long)]
    once: bool,
}

pub(crate) fn run(arguments: &Arguments, settings: &Settings) -> anyhow::Result<ExitCode> {
    if arguments.once || !std::io::stdout().is_terminal() {
        let before: Figures = client::ask(settings, &Request::Top)?;
        let started = Instant::now();
        // Two looks: a rate needs a span.
        std::thread::sleep(EVERY);
        let now: Figures = client::ask(settings, &Request::Top)?;
        print!("{}", draw(&now, Some((&before, started.elapsed())), Size::now()));
        return Ok(ExitCode::SUCCESS);
    }
    let interrupted = crate::commands::interrupted()?;
    watch(|| client::ask(settings, &Request::Top), || interrupted.load(std::sync::atomic::Ordering::Relaxed))?;
    Ok(ExitCode::SUCCESS)
}

/// Redraws until `stop` or a key says so, or the figures end.
pub(crate) fn watch(
    mut look: impl FnMut() -> anyhow::Result<Figures>,
    mut stop: impl FnMut() -> bool,
) -> anyhow::Result<()> {
    // Asked before the screen changes: a process that is not there is told on the screen that was.
    let mut figures = look()?;
    let screen = Screen::enter()?;
    let mut at = Instant::now();
    let mut before: Option<(Figures, Duration)> = None;
    loop {
        let size = Size::now();
        show(&draw(&figures, before.as_ref().map(|(figures, span)| (figures, *span)), size))?;
        // A new size is drawn at once, with the figures that are there.
        while at.elapsed() < EVERY && size == Size::now() {
            if stop() || screen.quits() {
                return Ok(());
            }
            std::thread::sleep(LOOK);
        }
        if stop() {
            return Ok(());
        }
        if at.elapsed() >= EVERY {
            let now = look()?;
            before = Some((std::mem::replace(&mut figures, now), at.elapsed()));
            at = Instant::now();
        }
    }
}

fn show(text: &str) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    write!(out, "{HOME}")?;
    for (number, line) in text.lines().enumerate() {
        // No line end after the last line: on the bottom row it would scroll.
        let end = if number == 0 { "" } else { "\r\n" };
        write!(out, "{end}{line}{CLEAR_LINE}")?;
    }
    write!(out, "{CLEAR_REST}")?;
    out.flush()
}
