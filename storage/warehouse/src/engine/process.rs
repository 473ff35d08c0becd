//! One run of the child process: start, readiness, the reason when it fails, stop.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, ChildStderr, Command};
use tokio::time::Instant;

use super::child::ChildArguments;
use super::{ping, release};

/// Loading the library cold takes under a second; opening a large data directory after a crash takes longer.
const READY_WITHIN: Duration = Duration::from_secs(60);
/// Between two pings of an engine that is starting: it answers about 150 ms after its start.
const PING_EVERY: Duration = Duration::from_millis(20);
/// The engine stops within half a second when its input closes; a large merge may take longer to give up.
const STOP_WITHIN: Duration = Duration::from_secs(10);
/// The last lines of standard error that are kept to explain a failure.
const KEPT_LINES: usize = 40;
/// A line longer than this is cut: stack traces can be long.
const KEPT_LINE_BYTES: usize = 2_000;

/// Why the engine did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The executable that hosts it could not be started.
    #[error("the engine's process could not be started: {0}")]
    Spawn(std::io::Error),
    /// Its files could not be written.
    #[error("the engine's folder `{path}` cannot be prepared: {error}")]
    Folder {
        /// The folder.
        path: PathBuf,
        /// What the system said.
        error: std::io::Error,
    },
    /// Another engine works on the same data.
    #[error("`{0}` is in use by another engine process; stop that one first (one process per data directory)")]
    InUse(PathBuf),
    /// It ended before it answered.
    #[error("the engine ended before it answered ({status}): {said}")]
    Ended {
        /// How it ended.
        status: ExitStatus,
        /// The last words on its standard error.
        said: String,
    },
    /// It runs but does not answer.
    #[error("the engine did not answer within {} s: {said}", READY_WITHIN.as_secs())]
    Silent {
        /// The last words on its standard error.
        said: String,
    },
}

impl StartError {
    /// Returns whether another start, on another port, may go better at once: somebody took the port.
    pub(crate) fn is_port_taken(&self) -> bool {
        matches!(self, Self::Ended { said, .. } if said.contains("Address already in use"))
    }
}

/// How to start the child.
#[derive(Debug, Clone)]
pub(crate) struct Launch {
    /// Program and leading arguments.
    pub(crate) command: Vec<OsString>,
    pub(crate) library: PathBuf,
    pub(crate) data: PathBuf,
    pub(crate) config: PathBuf,
}

/// A running engine. Dropping it kills the child.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    pub(crate) port: u16,
    pub(crate) pid: u32,
    said: Said,
}

/// Shared with the task that reads standard error. A std mutex: nothing awaits while it is held.
type Said = Arc<Mutex<VecDeque<String>>>;

impl Process {
    /// Starts the child on a free port and returns once it answers.
    pub(crate) async fn start(launch: &Launch) -> Result<Self, StartError> {
        let port = ping::free_port().await.map_err(StartError::Spawn)?;
        let mut process = Self::spawn(launch, port)?;
        match process.ready().await {
            Ok(()) => Ok(process),
            Err(error) => {
                let _ = process.child.kill().await;
                Err(in_use(error, launch))
            }
        }
    }

    fn spawn(launch: &Launch, port: u16) -> Result<Self, StartError> {
        let arguments = ChildArguments {
            library: launch.library.clone(),
            data: launch.data.clone(),
            config: launch.config.clone(),
            port,
        };
        let (program, leading) = launch.command.split_first().expect("a command has a program");
        let mut child = Command::new(program)
            .args(leading)
            .args(arguments.to_arguments())
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            // Ctrl-C in a terminal reaches the whole group: the engine must outlive the parent's orderly end.
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .map_err(StartError::Spawn)?;
        let pid = child.id().expect("a child that was not waited for has an id");
        let said = Said::default();
        let stderr = child.stderr.take().expect("standard error is piped");
        tokio::spawn(keep_last_lines(stderr, said.clone()));
        Ok(Self { child, port, pid, said })
    }

    async fn ready(&mut self) -> Result<(), StartError> {
        let deadline = Instant::now() + READY_WITHIN;
        while Instant::now() < deadline {
            if let Some(status) = self.child.try_wait().map_err(StartError::Spawn)? {
                return Err(StartError::Ended { status, said: self.last_words().await });
            }
            if ping::ping(self.port).await {
                return Ok(());
            }
            tokio::time::sleep(PING_EVERY).await;
        }
        Err(StartError::Silent { said: self.last_words().await })
    }

    /// Waits until the child ends by itself.
    pub(crate) async fn ended(&mut self) -> std::io::Result<ExitStatus> {
        // `wait` would close the pipe first, which is the order to stop.
        let stdin = self.child.stdin.take();
        let status = self.child.wait().await;
        drop(stdin);
        status
    }

    /// Closes the pipe and waits; kills what does not stop in time. Returns whether it stopped by itself.
    pub(crate) async fn stop(mut self) -> bool {
        drop(self.child.stdin.take());
        if tokio::time::timeout(STOP_WITHIN, self.child.wait()).await.is_ok() {
            return true;
        }
        let _ = self.child.kill().await;
        false
    }

    /// The engine's own error, else its last lines. Waits a moment for the reader of a child that has just ended.
    pub(crate) async fn last_words(&self) -> String {
        for _ in 0..LAST_WORDS_TRIES {
            if Arc::strong_count(&self.said) == 1 {
                break;
            }
            tokio::time::sleep(PING_EVERY).await;
        }
        let lines = self.said.lock().expect("no holder panics");
        let error = lines.iter().rev().find(|line| line.contains("Code: "));
        let words = error.cloned().unwrap_or_else(|| lines.iter().cloned().collect::<Vec<_>>().join("; "));
        if words.is_empty() { "it said nothing".to_owned() } else { words }
    }
}

/// 20 tries, 20 ms apart: the pipe of an ended child is drained at once.
const LAST_WORDS_TRIES: u32 = 20;

fn in_use(error: StartError, launch: &Launch) -> StartError {
    match &error {
        StartError::Ended { said, .. } if said.contains("Cannot lock file") => StartError::InUse(launch.data.clone()),
        _ => error,
    }
}

async fn keep_last_lines(stderr: ChildStderr, said: Said) {
    let mut lines = BufReader::new(stderr).lines();
    while let Ok(Some(mut line)) = lines.next_line().await {
        tracing::debug!(line, version = release::VERSION, "engine");
        if line.len() > KEPT_LINE_BYTES {
            let end = (0..=KEPT_LINE_BYTES).rev().find(|at| line.is_char_boundary(*at)).unwrap_or(0);
            line.truncate(end);
        }
        let mut kept = said.lock().expect("no holder panics");
        if kept.len() == KEPT_LINES {
            kept.pop_front();
        }
        kept.push_back(line);
    }
}
