//! `eventra top`: a live view of the running process, redrawn in place; fits 80 columns by 24 lines.

mod frame;

use std::io::{IsTerminal as _, Write as _};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use crate::control::{Request, client};
use crate::figures::Figures;
use crate::settings::Settings;

pub(crate) use frame::draw;

/// How often the picture changes: what an eye follows, and far below what the process notices.
const EVERY: Duration = Duration::from_millis(500);

// Cursor home, clear to the end of each line and of the screen: no flicker, unlike clearing first.
const HOME: &str = "\x1b[H";
const CLEAR_LINE: &str = "\x1b[K";
const CLEAR_REST: &str = "\x1b[J";
const ENTER: &str = "\x1b[?1049h\x1b[?25l";
const LEAVE: &str = "\x1b[?25h\x1b[?1049l";

/// Arguments of `eventra top`.
#[derive(Debug, clap::Args)]
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
        print!("{}", draw(&now, Some((&before, started.elapsed()))));
        return Ok(ExitCode::SUCCESS);
    }
    let interrupted = crate::commands::interrupted()?;
    watch(|| client::ask(settings, &Request::Top), || interrupted.load(std::sync::atomic::Ordering::Relaxed))?;
    Ok(ExitCode::SUCCESS)
}

/// Redraws until `stop` says so or the figures end.
pub(crate) fn watch(
    mut look: impl FnMut() -> anyhow::Result<Figures>,
    mut stop: impl FnMut() -> bool,
) -> anyhow::Result<()> {
    let _screen = Screen::enter()?;
    let mut before: Option<(Figures, Instant)> = None;
    while !stop() {
        let figures = look()?;
        let now = Instant::now();
        let span = before.as_ref().map(|(figures, at)| (figures, now - *at));
        let text = draw(&figures, span);
        let mut out = std::io::stdout().lock();
        write!(out, "{HOME}")?;
        for line in text.lines() {
            writeln!(out, "{line}{CLEAR_LINE}\r")?;
        }
        write!(out, "{CLEAR_REST}")?;
        out.flush()?;
        before = Some((figures, now));
        std::thread::sleep(EVERY);
    }
    Ok(())
}

/// The terminal's other screen; what was there before comes back, whatever happens.
struct Screen;

impl Screen {
    fn enter() -> std::io::Result<Self> {
        let mut out = std::io::stdout().lock();
        write!(out, "{ENTER}")?;
        out.flush()?;
        Ok(Self)
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        let mut out = std::io::stdout().lock();
        // Nothing can be done about a terminal that is gone.
        let _ = write!(out, "{LEAVE}");
        let _ = out.flush();
    }
}
