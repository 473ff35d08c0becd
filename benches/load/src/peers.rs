//! Peers that are other programs: found in PATH or in the cache that `benches/peers/install.sh` fills.

pub(crate) mod tellers;

use std::io::{BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::Context;

/// Where the install script puts things.
pub(crate) fn cache() -> anyhow::Result<PathBuf> {
    let base = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    let home = || std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cache"));
    Ok(base.or_else(home).context("neither XDG_CACHE_HOME nor HOME is set")?.join("eventra/peers"))
}

/// The folder of the peers' scripts in the checkout.
pub(crate) fn scripts() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../peers")
}

/// A Redis server of our own on a free port of the loopback, without persistence; it ends with this value.
#[derive(Debug)]
pub(crate) struct Redis {
    child: Child,
    stream: TcpStream,
    reader: BufReader<TcpStream>,
    _folder: tempfile::TempDir,
}

// A server that is not up within five seconds on an idle machine will not come up.
pub(crate) const START_TRIES: u32 = 100;
pub(crate) const START_PAUSE: Duration = Duration::from_millis(50);

impl Redis {
    /// Starts one.
    pub(crate) fn start() -> anyhow::Result<Self> {
        // The port is free when we ask for it; nobody else on this machine is expected to take it within a moment.
        let port = TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port();
        let folder = tempfile::tempdir()?;
        let mut child = redis_command()?
            .args(["--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--daemonize", "no"])
            .args(["--port", &port.to_string()])
            .arg("--dir")
            .arg(folder.path())
            .stdout(Stdio::null())
            .spawn()
            .context("redis-server does not start; run benches/peers/install.sh redis")?;
        for _ in 0..START_TRIES {
            if let Ok(stream) = TcpStream::connect(("127.0.0.1", port)) {
                stream.set_nodelay(true)?;
                let reader = BufReader::with_capacity(1 << 20, stream.try_clone()?);
                return Ok(Self { child, stream, reader, _folder: folder });
            }
            std::thread::sleep(START_PAUSE);
        }
        child.kill()?;
        child.wait()?;
        anyhow::bail!("redis-server did not answer on port {port}")
    }

    /// CPU time of the server.
    pub(crate) fn cpu(&self) -> anyhow::Result<Duration> {
        Ok(crate::cpu::of_process(self.child.id())?)
    }

    /// Sends a pipeline of encoded commands and reads as many integer replies.
    pub(crate) fn pipeline(&mut self, commands: &[u8], replies: usize) -> anyhow::Result<Vec<i64>> {
        self.stream.write_all(commands)?;
        (0..replies).map(|_| self.reply()).collect()
    }

    /// One reply as a number: an integer, or a bulk text that is one (scores of `ZINCRBY`).
    fn reply(&mut self) -> anyhow::Result<i64> {
        let head = self.line()?;
        let (kind, rest) = head.split_at_checked(1).context("an empty reply")?;
        match kind {
            ":" => Ok(rest.parse()?),
            "$" => Ok(self.line()?.parse()?),
            _ => anyhow::bail!("redis said {head}"),
        }
    }

    fn line(&mut self) -> anyhow::Result<String> {
        let mut line = Vec::with_capacity(16);
        let mut byte = [0];
        while !line.ends_with(b"\r\n") {
            self.reader.read_exact(&mut byte)?;
            line.push(byte[0]);
        }
        line.truncate(line.len() - 2);
        Ok(String::from_utf8(line)?)
    }

    /// `used_memory` after a command line such as `INFO memory`.
    pub(crate) fn used_memory(&mut self) -> anyhow::Result<u64> {
        self.stream.write_all(b"INFO memory\r\n")?;
        let size: usize = self.line()?.trim_start_matches('$').parse()?;
        let mut text = vec![0; size + 2];
        self.reader.read_exact(&mut text)?;
        let text = String::from_utf8(text)?;
        let line =
            text.lines().find_map(|line| line.strip_prefix("used_memory:")).context("INFO without used_memory")?;
        Ok(line.parse()?)
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        // It has nothing to save; a failure to end it only means that it has ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn redis_command() -> anyhow::Result<Command> {
    let in_path = std::env::var_os("PATH").and_then(|path| {
        std::env::split_paths(&path).map(|folder| folder.join("redis-server")).find(|file| file.exists())
    });
    if let Some(file) = in_path {
        return Ok(Command::new(file));
    }
    let root = cache()?.join("redis");
    let file = root.join("usr/bin/redis-server");
    anyhow::ensure!(file.exists(), "no redis-server; run benches/peers/install.sh redis");
    let mut command = Command::new(file);
    // The unpacked packages bring their own libraries.
    command.env("LD_LIBRARY_PATH", root.join("usr/lib/x86_64-linux-gnu"));
    Ok(command)
}

/// Appends a command in Redis' own protocol.
pub(crate) fn encode(out: &mut Vec<u8>, words: &[&str]) {
    // Writing to memory cannot fail.
    let _ = write!(out, "*{}\r\n", words.len());
    for word in words {
        let _ = write!(out, "${}\r\n{word}\r\n", word.len());
    }
}
