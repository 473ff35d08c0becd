//! Servers that tell many subscribers the same: socket.io on Node, and NATS. Each ends with its value.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};

use anyhow::Context as _;

use super::{START_PAUSE, START_TRIES, cache, scripts};

/// A child that is ended with its value.
#[derive(Debug)]
struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        // It has nothing to save; a failure to end it only means that it has ended.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A socket.io server that remembers what it told (`connectionStateRecovery`).
#[derive(Debug)]
pub(crate) struct SocketIo {
    child: Ended,
    orders: ChildStdin,
    pub(crate) address: SocketAddr,
}

impl SocketIo {
    /// Starts one on a free port.
    pub(crate) fn start() -> anyhow::Result<Self> {
        let folder = cache()?.join("socketio");
        anyhow::ensure!(folder.join("node_modules").is_dir(), "no socket.io; run benches/peers/install.sh socketio");
        let mut child = Command::new("node")
            .arg(scripts().join("socketio_server.mjs"))
            .arg(folder)
            .env("NODE_ENV", "production")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("node does not start")?;
        let (orders, said) = (child.stdin.take(), child.stdout.take());
        let child = Ended(child);
        let mut line = String::new();
        BufReader::new(said.context("the child has an output")?).read_line(&mut line)?;
        let port: u16 = line.trim().parse().context("socket.io says its port")?;
        Ok(Self {
            child,
            orders: orders.context("the child has an input")?,
            address: (Ipv4Addr::LOCALHOST, port).into(),
        })
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.0.id()
    }

    /// Begins to tell a message so many times a second, as far as it gets.
    pub(crate) fn tell(&mut self, rate: u64, message: &serde_json::Value) -> anyhow::Result<()> {
        Ok(writeln!(self.orders, "{}", serde_json::json!({ "rate": rate, "message": message }))?)
    }

    /// Ends that.
    pub(crate) fn rest(&mut self) -> anyhow::Result<()> {
        Ok(writeln!(self.orders)?)
    }
}

/// A NATS server with WebSockets: at most once, nothing remembered.
#[derive(Debug)]
pub(crate) struct Nats {
    child: Ended,
    _folder: tempfile::TempDir,
    /// Where WebSockets are served.
    pub(crate) address: SocketAddr,
    publishers: SocketAddr,
}

impl Nats {
    /// Starts one on free ports.
    pub(crate) fn start() -> anyhow::Result<Self> {
        // The ports are free when we ask for them; nobody else on this machine is expected to take them within a moment.
        let free = || TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr();
        let (address, publishers): (SocketAddr, SocketAddr) = (free()?, free()?);
        let folder = tempfile::tempdir()?;
        let settings = folder.path().join("nats.conf");
        let text = format!("listen: \"{publishers}\"\nwebsocket {{ listen: \"{address}\", no_tls: true }}\n");
        std::fs::write(&settings, text)?;
        let child = Command::new(nats_server()?).arg("-c").arg(&settings).stderr(Stdio::null()).spawn()?;
        let nats = Self { child: Ended(child), _folder: folder, address, publishers };
        for _ in 0..START_TRIES {
            if TcpStream::connect(address).is_ok() && TcpStream::connect(publishers).is_ok() {
                return Ok(nats);
            }
            std::thread::sleep(START_PAUSE);
        }
        anyhow::bail!("nats-server did not answer at {address}")
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.0.id()
    }

    /// A connection that publishes.
    pub(crate) fn publisher(&self) -> anyhow::Result<TcpStream> {
        let mut stream = TcpStream::connect(self.publishers)?;
        stream.set_nodelay(true)?;
        stream.write_all(b"CONNECT {\"verbose\":false,\"pedantic\":false}\r\n")?;
        Ok(stream)
    }
}

fn nats_server() -> anyhow::Result<PathBuf> {
    let unpacked = cache()?.join("nats/usr/sbin/nats-server");
    let in_path = std::env::var_os("PATH").and_then(|path| {
        std::env::split_paths(&path).map(|folder| folder.join("nats-server")).find(|file| file.exists())
    });
    let found = in_path.or_else(|| Some(unpacked).filter(|file: &PathBuf| Path::exists(file)));
    found.context("no nats-server; run benches/peers/install.sh nats")
}
