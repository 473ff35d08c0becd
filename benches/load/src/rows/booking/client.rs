//! Many buyers on one thread: connections that are kept, one request at a time on each, with how long each answer took.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// The longest silence of a server: one that sells slowly beside its peer included.
const SILENCE: Duration = Duration::from_secs(120);
/// The largest answer, bytes.
const ANSWER_MAX: usize = 4 << 20;

/// An answer.
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: Vec<u8>,
    pub(super) took: Duration,
}

impl Answer {
    /// What it says of what was asked for.
    pub(super) fn data(&self) -> anyhow::Result<serde_json::Value> {
        let mut whole: serde_json::Value = serde_json::from_slice(&self.body)?;
        Ok(whole["data"].take())
    }

    /// A text field of it, read without reading all of it: the first of this name.
    pub(super) fn text(&self, name: &str) -> anyhow::Result<String> {
        let body = std::str::from_utf8(&self.body)?;
        let (_, rest) = body.split_once(&format!("\"{name}\":\"")).with_context(|| format!("no `{name}` in {body}"))?;
        Ok(rest.split('"').next().unwrap_or_default().to_owned())
    }
}

/// A connection that is kept.
pub(super) struct Buyer {
    stream: TcpStream,
    read: Vec<u8>,
    headers: String,
}

impl Buyer {
    /// Opens one; `headers` go with every request, each with its line end.
    pub(super) async fn open(address: SocketAddr, headers: &str) -> anyhow::Result<Self> {
        let stream = tokio::time::timeout(SILENCE, TcpStream::connect(address)).await??;
        stream.set_nodelay(true)?;
        Ok(Self { stream, read: Vec::with_capacity(1 << 14), headers: headers.to_owned() })
    }

    pub(super) async fn get(&mut self, path: &str) -> anyhow::Result<Answer> {
        let request = format!("GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{}\r\n", self.headers);
        self.ask(request.as_bytes()).await
    }

    pub(super) async fn post(&mut self, path: &str, body: &str) -> anyhow::Result<Answer> {
        let request = format!(
            "POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{}Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            self.headers,
            body.len()
        );
        self.ask(request.as_bytes()).await
    }

    async fn ask(&mut self, request: &[u8]) -> anyhow::Result<Answer> {
        let started = Instant::now();
        tokio::time::timeout(SILENCE, self.exchange(request, started)).await.context("the server is silent")?
    }

    async fn exchange(&mut self, request: &[u8], started: Instant) -> anyhow::Result<Answer> {
        self.stream.write_all(request).await?;
        self.read.clear();
        let (head, status, length) = loop {
            anyhow::ensure!(self.stream.read_buf(&mut self.read).await? > 0, "the answer was cut off");
            if let Some(end) = memchr::memmem::find(&self.read, b"\r\n\r\n") {
                let (status, length) = head_of(std::str::from_utf8(&self.read[..end])?)?;
                break (end + 4, status, length);
            }
        };
        anyhow::ensure!(length <= ANSWER_MAX, "an answer of {length} bytes");
        let have = self.read.len();
        if have < head + length {
            self.read.resize(head + length, 0);
            self.stream.read_exact(&mut self.read[have..]).await?;
        }
        Ok(Answer { status, body: self.read[head..head + length].to_vec(), took: started.elapsed() })
    }
}

/// Status and length of the body.
fn head_of(head: &str) -> anyhow::Result<(u16, usize)> {
    let mut lines = head.split("\r\n");
    let status = lines.next().and_then(|line| line.split(' ').nth(1)).and_then(|code| code.parse().ok());
    let length = lines.find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse().ok())?
    });
    Ok((status.context("no HTTP answer")?, length.unwrap_or(0)))
}

/// Numbers from 0 that many buyers take, each once.
#[derive(Debug, Clone, Default)]
pub(super) struct Numbers(Arc<AtomicU64>);

impl Numbers {
    /// The next one below `end`.
    pub(super) fn next(&self, end: u64) -> Option<u64> {
        Some(self.0.fetch_add(1, Ordering::Relaxed)).filter(|number| *number < end)
    }
}

/// A runtime of one thread: the load is to leave the cores to the server.
pub(super) fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    Ok(tokio::runtime::Builder::new_current_thread().enable_all().build()?)
}

/// Has so many connections do the same at the same time; what each comes to, in no order.
pub(super) async fn all<T, F>(connections: usize, each: impl Fn(usize) -> F) -> anyhow::Result<Vec<T>>
where
    T: Send + 'static,
    F: Future<Output = anyhow::Result<T>> + Send + 'static,
{
    let tasks: Vec<_> = (0..connections).map(|number| tokio::spawn(each(number))).collect();
    let mut done = Vec::with_capacity(connections);
    for task in tasks {
        done.push(task.await??);
    }
    Ok(done)
}
