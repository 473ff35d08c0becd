//! `eventra top` in a real terminal of three sizes, one after the other.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::{Duration, Instant};

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};
use unicode_width::UnicodeWidthStr as _;

use crate::run::run;
use crate::serving::{Process, folder};

/// How long a frame may take to come.
const WITHIN: Duration = Duration::from_secs(30);

/// A child in a terminal of its own.
struct Terminal {
    child: Child,
    master: File,
    output: Receiver<Vec<u8>>,
    seen: String,
}

impl Terminal {
    fn open(size: (u16, u16), command: &mut Command) -> Self {
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&master).unwrap();
        unlockpt(&master).unwrap();
        resize(&master, size);
        let name = ptsname(&master, Vec::new()).unwrap();
        let slave: OwnedFd = File::options().read(true).write(true).open(name.to_str().unwrap()).unwrap().into();
        let child = command
            .stdin(Stdio::from(slave.try_clone().unwrap()))
            .stdout(Stdio::from(slave.try_clone().unwrap()))
            .stderr(Stdio::from(slave))
            .spawn()
            .unwrap();
        // The command keeps its ends open until it is given others.
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let master = File::from(master);
        let mut reader = master.try_clone().unwrap();
        let (sender, output) = sync_channel(1_024);
        std::thread::spawn(move || {
            let mut bytes = [0; 65_536];
            // An error is the end: nobody has the other side open any more.
            while let Ok(read @ 1..) = reader.read(&mut bytes) {
                if sender.send(bytes[..read].to_vec()).is_err() {
                    return;
                }
            }
        });
        Self { child, master, output, seen: String::new() }
    }

    /// Reads frames until one is as wanted; returns it.
    fn frame(&mut self, what: &str, wanted: impl Fn(&[String]) -> bool) -> Vec<String> {
        let deadline = Instant::now() + WITHIN;
        loop {
            if let Some(lines) = newest(&self.seen).filter(|lines| wanted(lines)) {
                return lines;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            let bytes = self.output.recv_timeout(left);
            let bytes = bytes.unwrap_or_else(|_| panic!("no frame is {what}: {:?}", newest(&self.seen)));
            self.seen += &String::from_utf8_lossy(&bytes);
        }
    }

    /// Changes the size and forgets what was drawn before.
    fn resize(&mut self, size: (u16, u16)) {
        self.seen.clear();
        resize(&self.master, size);
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn resize(master: impl std::os::fd::AsFd, (columns, rows): (u16, u16)) {
    tcsetwinsize(master, Winsize { ws_col: columns, ws_row: rows, ws_xpixel: 0, ws_ypixel: 0 }).unwrap();
}

/// The lines of the newest frame that came whole.
fn newest(output: &str) -> Option<Vec<String>> {
    let end = output.rfind("\x1b[J")?;
    let start = output[..end].rfind("\x1b[H")? + 3;
    let text = output[start..end].replace("\x1b[K", "");
    // A terminal makes its own of each line end.
    Some(text.split('\n').map(|line| line.trim_end_matches('\r').to_owned()).collect())
}

fn widest(lines: &[String]) -> usize {
    lines.iter().map(|line| line.width()).max().unwrap_or(0)
}

#[test]
fn top_takes_the_terminal_as_it_is_and_as_it_becomes() {
    let folder = folder();
    let process = Process::start(folder.path());
    process.run(&["simulate", "--seed", "3", "--rate", "0", "--attendees", "300", "--duration", "3"]);
    let mut top = Command::new(env!("CARGO_BIN_EXE_eventra"));
    top.arg("top").env_clear().env("EVENTRA_DATA_DIR", folder.path().join("data"));

    let mut terminal = Terminal::open((60, 20), &mut top);
    let narrow = terminal.frame("60 by 20", |lines| lines.iter().any(|line| line.contains("leaders")));
    assert!(widest(&narrow) < 60 && narrow.len() <= 20, "{narrow:#?}");
    assert!(!narrow.iter().any(|line| line.contains(" | ")), "one table after the other: {narrow:#?}");

    terminal.resize((160, 50));
    let sessions = |lines: &[String]| lines.iter().filter(|line| line.contains(" | ")).count();
    // The views may be a while behind what was simulated.
    let wide = terminal.frame("160 by 50 with its tables full", |lines| sessions(lines) > 15);
    assert!(widest(&wide) < 160 && widest(&wide) > 80 && wide.len() <= 50, "{wide:#?}");

    terminal.resize((80, 24));
    let usual = terminal.frame("80 by 24", |lines| lines.iter().all(|line| line.width() < 80) && lines.len() <= 24);
    assert!(usual.iter().any(|line| line.contains("recommended next")) && sessions(&usual) >= 5, "{usual:#?}");

    terminal.master.write_all(b"q").unwrap();
    assert_eq!(terminal.child.wait().unwrap().code(), Some(0), "`q` ends it");
    let rest: String = terminal.output.iter().map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).collect();
    assert!(rest.ends_with("\x1b[?1049l"), "the screen that was before comes back: {rest:?}");
    process.terminate();
}

#[test]
fn without_a_process_top_says_so_on_the_screen_that_was() {
    let folder = folder();
    let ran = run(folder.path(), &["top"]);
    assert!(ran.code == 1 && ran.err.contains("eventra serve") && !ran.out.contains('\x1b'), "{}{}", ran.out, ran.err);
}
