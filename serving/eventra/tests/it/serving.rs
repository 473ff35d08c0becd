//! A serving process for tests: an organization with a key, a child that answers, and how it ends.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::run::{Ran, run};

/// The organization that the tests speak for.
pub(crate) const FILE: &str = r#"
[[organization]]
id = "acme"
name = "Acme Events"

[[organization.key]]
name = "all"
scopes = ["write", "read"]
secret_file = "acme.key"

[[organization.event]]
id = "conf"
title = "Conference"
starts = 2026-11-20T09:00:00Z
ends = 2026-11-21T18:00:00Z
"#;
/// Its key.
pub(crate) const KEY: &str = "a-secret-of-acme-that-is-long";
/// How long the engine may take to start, rows to land, a snapshot to come.
const WITHIN: Duration = Duration::from_secs(90);
const LOOK: Duration = Duration::from_millis(100);

/// A folder with the organization's file and key, nothing of it applied yet.
pub(crate) fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("acme.toml"), FILE).unwrap();
    std::fs::write(folder.path().join("acme.key"), KEY).unwrap();
    folder
}

/// The same, applied.
pub(crate) fn applied() -> tempfile::TempDir {
    let folder = folder();
    let ran = run(folder.path(), &["apply", folder.path().join("acme.toml").to_str().unwrap()]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    folder
}

/// A serving child on a free port; killed when dropped.
pub(crate) struct Process {
    child: Child,
    pub(crate) address: String,
    /// Where analysts' clients are served.
    pub(crate) sql: Option<String>,
    pub(crate) folder: PathBuf,
}

impl Process {
    /// Without a warehouse, and quiet.
    pub(crate) fn start(folder: &Path) -> Self {
        Self::start_with(folder, &["--warehouse", "none", "--log-filter", "warn"], None)
    }

    /// With the real engine, and quiet.
    pub(crate) fn start_with_engine(folder: &Path) -> Self {
        Self::start_with(folder, &["--warehouse", "embedded", "--log-filter", "warn"], None)
    }

    /// With any settings; what it logs goes to a file when one is given.
    pub(crate) fn start_with(folder: &Path, settings: &[&str], log: Option<File>) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_eventra"));
        command.args(["serve", "--listen", "127.0.0.1:0"]).args(settings);
        command.env_clear().env("HOME", folder).env("EVENTRA_DATA_DIR", folder.join("data")).stdout(Stdio::piped());
        if settings.contains(&"embedded") {
            let library = warehouse::engine::find::library(|name| std::env::var_os(name), None);
            command.env("EVENTRA_LIBCHDB", library.unwrap_or_else(|error| panic!("{error}")));
        }
        if let Some(log) = log {
            command.stderr(log);
        }
        let mut child = command.spawn().unwrap();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        out.read_line(&mut line).unwrap();
        let (_, address) = line.trim().split_once("://").expect("the first line says where");
        let address = address.to_owned();
        let sql = settings.contains(&"--sql-listen").then(|| {
            line.clear();
            out.read_line(&mut line).unwrap();
            line.trim().strip_prefix("sql http://").expect("the second line says where for analysts").to_owned()
        });
        Self { child, address, sql, folder: folder.to_owned() }
    }

    /// Sends a request; returns the status and the body.
    pub(crate) fn ask(&self, method: &str, path: &str, body: &str) -> (u16, Value) {
        self.ask_with(KEY, method, path, body)
    }

    /// The same with another key.
    pub(crate) fn ask_with(&self, key: &str, method: &str, path: &str, body: &str) -> (u16, Value) {
        let (status, body) = self.text(key, method, path, body);
        (status, serde_json::from_str(&body).unwrap_or(Value::Null))
    }

    /// The same, with the body as it came.
    pub(crate) fn text(&self, key: &str, method: &str, path: &str, body: &str) -> (u16, String) {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        let kind = if body.is_empty() { "" } else { "Content-Type: application/json\r\n" };
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {key}\r\nConnection: close\r\n\
             {kind}Content-Length: {}\r\n\r\n{body}",
            body.len()
        )
        .unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        let status = text.split_whitespace().nth(1).unwrap().parse().unwrap();
        let (_, body) = text.split_once("\r\n\r\n").unwrap();
        (status, body.to_owned())
    }

    /// Posts JSON; the answer as it came.
    pub(crate) fn text_of(&self, key: &str, path: &str, body: &Value) -> (u16, String) {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        let body = body.to_string();
        write!(
            stream,
            "POST {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {key}\r\nConnection: close\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        )
        .unwrap();
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).unwrap();
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let status = text.split_whitespace().nth(1).unwrap().parse().unwrap();
        let (_, body) = text.split_once("\r\n\r\n").unwrap();
        (status, body.to_owned())
    }

    /// Runs a command on the same directory, which must go well.
    pub(crate) fn run(&self, arguments: &[&str]) -> Ran {
        let ran = run(&self.folder, arguments);
        assert_eq!(ran.code, 0, "{arguments:?}: {}{}", ran.out, ran.err);
        ran
    }

    /// What the warehouse answers, one JSON object a line.
    pub(crate) fn sql(&self, statement: &str) -> String {
        self.run(&["sql", "--format", "json", statement]).out
    }

    /// Runs until the answer holds what is wanted.
    pub(crate) fn wait(&self, what: &str, mut done: impl FnMut(&Self) -> bool) {
        let deadline = Instant::now() + WITHIN;
        while !done(self) {
            assert!(Instant::now() < deadline, "waited in vain: {what}");
            std::thread::sleep(LOOK);
        }
    }

    /// Waits until the warehouse has so many records.
    pub(crate) fn landed(&self, rows: u64) {
        let wanted = format!(r#"{{"n":{rows}}}"#);
        self.wait("rows land", |process| {
            let ran = run(&process.folder, &["sql", "--format", "json", "SELECT toUInt32(count()) AS n FROM records"]);
            ran.out.trim() == wanted
        });
    }

    /// A stop in order.
    pub(crate) fn terminate(mut self) {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
        assert_eq!(self.child.wait().unwrap().code(), Some(0), "a stop in order");
    }

    /// Says that files have changed.
    pub(crate) fn hang_up(&self) {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, rustix::process::Signal::HUP).unwrap();
    }

    /// No stop at all.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
