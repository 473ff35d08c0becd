//! The product's binary as clients meet it: started in a folder of its own, told about one organization, filled over HTTP.

pub(super) mod connections;
pub(super) mod fan_out;
pub(super) mod freshness;
pub(super) mod reads;

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use tempfile::TempDir;

/// How long starting, and reading what was written, may take.
const WITHIN: Duration = Duration::from_secs(120);
/// How often a start is looked at.
const LOOK: Duration = Duration::from_millis(20);
/// The longest silence of a server.
const SILENCE: Duration = Duration::from_secs(60);
/// The largest answer, bytes.
const ANSWER_MAX: usize = 4 << 20;
/// Messages of one request.
const BATCH: usize = 1_000;
pub(super) const KEY: &str = "a-key-of-the-benchmark-and-of-nothing-else";

/// One organization with one board that counts looks.
const DOCUMENT: &str = r#"
[[organization]]
id = "acme"
name = "Acme"

[[organization.key]]
name = "bench"
scopes = ["write", "read"]
secret_file = "secret"

[organization.rules]
format = 1

[[organization.rules.leaderboards]]
leaderboard = "points"
points = [{ rule = "look", kind = "item_viewed", points = 1, daily_cap = 1000000 }]
"#;

/// A running `eventra serve`.
pub(super) struct Served {
    folder: TempDir,
    child: Child,
    pub(super) address: SocketAddr,
    settings: &'static [&'static str],
}

impl Drop for Served {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn binary() -> anyhow::Result<PathBuf> {
    let path = std::env::current_exe()?.with_file_name("eventra");
    anyhow::ensure!(path.is_file(), "no binary at {}: cargo build --release -p eventra", path.display());
    Ok(path)
}

/// A port that was free a moment ago.
fn free_port() -> anyhow::Result<SocketAddr> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?)
}

impl Served {
    /// Starts it, without a warehouse: it is not asked here.
    pub(super) fn start() -> anyhow::Result<Self> {
        Self::start_with(&["--warehouse", "none"])
    }

    /// The same with other settings.
    pub(super) fn start_with(settings: &'static [&'static str]) -> anyhow::Result<Self> {
        Self::start_from(DOCUMENT, settings)
    }

    /// The same with other organizations.
    pub(super) fn start_from(document: &str, settings: &'static [&'static str]) -> anyhow::Result<Self> {
        let (folder, address) = (tempfile::tempdir_in(super::base()?)?, free_port()?);
        let child = serve(&folder, address, settings)?;
        let served = Self { folder, child, address, settings };
        served.wait_ready()?;
        std::fs::write(served.folder.path().join("secret"), KEY)?;
        let path = served.folder.path().join("document.toml");
        std::fs::write(&path, document)?;
        let applied = served.command()?.arg("apply").arg(path).stdout(Stdio::null()).status()?;
        anyhow::ensure!(applied.success(), "apply ended with {applied}");
        Ok(served)
    }

    fn command(&self) -> anyhow::Result<Command> {
        command(&self.folder)
    }

    pub(super) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Ends it in order, and starts it again at the same address; returns once it is ready.
    pub(super) fn restart(&mut self) -> anyhow::Result<()> {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM)?;
        self.child.wait()?;
        self.child = serve(&self.folder, self.address, self.settings)?;
        self.wait_ready()
    }

    fn wait_ready(&self) -> anyhow::Result<()> {
        let started = Instant::now();
        loop {
            let ready = Connection::open(self.address).and_then(|mut connection| connection.ask(&get("/readyz")));
            if ready.is_ok_and(|(status, _)| status == 200) {
                return Ok(());
            }
            anyhow::ensure!(started.elapsed() < WITHIN, "the server does not become ready");
            std::thread::sleep(LOOK);
        }
    }

    /// Has `people` look at something, so that all have points and hardly two as many; returns once they are in the views.
    pub(super) fn fill(&self, people: u64) -> anyhow::Result<()> {
        let mut connection = Connection::open(self.address)?;
        let mut batch = Vec::with_capacity(BATCH);
        let mut wait_for = String::new();
        for number in 0..people {
            // Some look once more.
            for look in 0..=(number % 3) {
                batch.push(serde_json::json!({
                    "type": "track", "event": "item_viewed", "userId": person(number),
                    "messageId": format!("{number}-{look}"), "properties": {"item": "stand"}
                }));
            }
            if batch.len() + 3 > BATCH || number + 1 == people {
                wait_for = self.track(&mut connection, &std::mem::take(&mut batch))?;
            }
        }
        let (status, body) = connection.ask(&get(&format!("/v1/views/leaderboards?wait_for={wait_for}")))?;
        anyhow::ensure!(status == 200, "the views do not follow: {}", String::from_utf8_lossy(&body));
        Ok(())
    }

    /// Sends messages; returns what a read waits for.
    pub(super) fn track(&self, connection: &mut Connection, batch: &[serde_json::Value]) -> anyhow::Result<String> {
        let body = serde_json::json!({ "batch": batch }).to_string();
        let head = format!(
            "POST /v1/batch HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {KEY}\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\n\r\n",
            self.address,
            body.len()
        );
        let (status, answer) = connection.ask(&[head.as_bytes(), body.as_bytes()].concat())?;
        let answer: serde_json::Value = serde_json::from_slice(&answer)?;
        anyhow::ensure!(status == 200 && answer["dead"] == 0, "tracking was refused: {answer}");
        Ok(answer["wait_for"].as_str().context("tracking says what to wait for")?.to_owned())
    }
}

fn command(folder: &TempDir) -> anyhow::Result<Command> {
    let mut command = Command::new(binary()?);
    command.env("EVENTRA_DATA_DIR", folder.path().join("data")).stdin(Stdio::null());
    Ok(command)
}

fn serve(folder: &TempDir, address: SocketAddr, settings: &[&str]) -> anyhow::Result<Child> {
    let log = std::fs::File::create(folder.path().join("server.log"))?;
    let mut command = command(folder)?;
    command.args(["serve", "--listen", &address.to_string()]).args(settings);
    // The bounds are not what is measured.
    command.args(["--rate-key", "1000000", "--rate-tracking", "1000000", "--rate-address", "1000000"]);
    Ok(command.stdout(Stdio::null()).stderr(log).spawn()?)
}

/// The organization's own id of a person.
pub(super) fn person(number: u64) -> String {
    format!("person-{number}")
}

/// A request with the key.
pub(super) fn get(path: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {KEY}\r\n\r\n").into_bytes()
}

/// A connection that is kept, one request at a time.
pub(super) struct Connection {
    stream: BufReader<TcpStream>,
    line: String,
}

impl Connection {
    pub(super) fn open(address: SocketAddr) -> anyhow::Result<Self> {
        let stream = TcpStream::connect_timeout(&address, SILENCE)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(SILENCE))?;
        Ok(Self { stream: BufReader::new(stream), line: String::new() })
    }

    /// Sends a request and reads its whole answer.
    pub(super) fn ask(&mut self, request: &[u8]) -> anyhow::Result<(u16, Vec<u8>)> {
        self.stream.get_mut().write_all(request)?;
        let (mut status, mut length) = (None, 0);
        loop {
            self.line.clear();
            anyhow::ensure!(self.stream.read_line(&mut self.line)? > 0, "the answer was cut off");
            let line = self.line.trim_end();
            if line.is_empty() {
                break;
            }
            if status.is_none() {
                status = line.split(' ').nth(1).and_then(|code| code.parse().ok());
            } else if let Some((name, value)) = line.split_once(':')
                && name.eq_ignore_ascii_case("content-length")
            {
                length = value.trim().parse()?;
            }
        }
        anyhow::ensure!(length <= ANSWER_MAX, "an answer of {length} bytes");
        let mut body = vec![0; length];
        self.stream.read_exact(&mut body)?;
        Ok((status.context("no HTTP answer")?, body))
    }
}
