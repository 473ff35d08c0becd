//! The terminal's other screen, and its keys without waiting for Enter. What was there before comes back, whatever happens.

use std::io::Write as _;
use std::os::fd::AsFd as _;

use rustix::termios::{LocalModes, OptionalActions, SpecialCodeIndex, Termios, tcgetattr, tcsetattr};

const ENTER: &str = "\x1b[?1049h\x1b[?25l";
const LEAVE: &str = "\x1b[?25h\x1b[?1049l";

/// The other screen, as long as it lives.
pub(super) struct Screen {
    /// How the keyboard was; none when standard input is no terminal.
    before: Option<Termios>,
}

impl Screen {
    pub(super) fn enter() -> std::io::Result<Self> {
        let screen = Self { before: quiet_keys() };
        let mut out = std::io::stdout().lock();
        write!(out, "{ENTER}")?;
        out.flush()?;
        Ok(screen)
    }

    /// Whether somebody has pressed `q`. Does not wait.
    pub(super) fn quits(&self) -> bool {
        let mut keys = [0; 64];
        if self.before.is_none() {
            return false;
        }
        let read = rustix::io::read(std::io::stdin().as_fd(), &mut keys).unwrap_or(0);
        keys[..read].iter().any(|key| matches!(key, b'q' | b'Q'))
    }
}

/// Keys come at once, are not waited for, and do not appear; signals such as Ctrl-C stay. Returns how it was.
fn quiet_keys() -> Option<Termios> {
    let stdin = std::io::stdin();
    let before = tcgetattr(stdin.as_fd()).ok()?;
    let mut quiet = before.clone();
    quiet.local_modes.remove(LocalModes::ICANON | LocalModes::ECHO);
    quiet.special_codes[SpecialCodeIndex::VMIN] = 0;
    quiet.special_codes[SpecialCodeIndex::VTIME] = 0;
    tcsetattr(stdin.as_fd(), OptionalActions::Now, &quiet).ok()?;
    Some(before)
}

impl Drop for Screen {
    fn drop(&mut self) {
        // Nothing can be done about a terminal that is gone.
        if let Some(before) = &self.before {
            let _ = tcsetattr(std::io::stdin().as_fd(), OptionalActions::Flush, before);
        }
        let mut out = std::io::stdout().lock();
        let _ = write!(out, "{LEAVE}");
        let _ = out.flush();
    }
}
