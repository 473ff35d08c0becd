//! A thousand WebSocket clients that only count: the same code for every server, so that it costs each of them the same.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::runtime::Runtime;
use tokio::task::JoinHandle;

/// How long opening all of them may take.
const WITHIN: Duration = Duration::from_secs(60);
/// Bytes that are read at once.
const PIECE: usize = 16 << 10;
/// The longest head of an answer.
const HEAD_MAX: usize = 4 << 10;
/// Shorter messages are greetings and pings.
const MESSAGE_MIN: u64 = 128;

/// How a server is spoken to.
#[derive(Debug, Clone)]
pub(in crate::rows::served) struct Dialect {
    pub(in crate::rows::served) address: SocketAddr,
    /// The address of the WebSocket, with headers beyond those of the handshake.
    pub(in crate::rows::served) path: &'static str,
    pub(in crate::rows::served) headers: String,
    /// What a client says to be told.
    pub(in crate::rows::served) hello: Vec<u8>,
    /// Whether that is text.
    pub(in crate::rows::served) text: bool,
}

impl Dialect {
    /// How our server is asked for one feed, each message of it.
    pub(in crate::rows::served) fn ours(address: SocketAddr, feed: &str) -> Self {
        let hello = serde_json::json!({"type": "subscribe", "id": "feed", "feed": feed, "max_rate": 1_000});
        let headers = format!("Authorization: Bearer {}\r\n", crate::rows::served::KEY);
        Self { address, path: "/v1/feeds", headers, hello: hello.to_string().into_bytes(), text: true }
    }
}

/// What all of them were told.
#[derive(Debug, Default)]
pub(in crate::rows::served) struct Counts {
    pub(in crate::rows::served) messages: AtomicU64,
    pub(in crate::rows::served) bytes: AtomicU64,
    told: AtomicUsize,
}

/// Open clients; dropping this closes them.
#[derive(Debug)]
pub(in crate::rows::served) struct Crowd {
    pub(in crate::rows::served) counts: Arc<Counts>,
    clients: Vec<JoinHandle<anyhow::Result<()>>>,
}

impl Crowd {
    /// Opens all of them, one after the other; returns once each has been told something.
    pub(in crate::rows::served) fn open(runtime: &Runtime, of: usize, dialect: &Dialect) -> anyhow::Result<Self> {
        let mut crowd = Self { counts: Arc::default(), clients: Vec::with_capacity(of) };
        runtime.block_on(async {
            for _ in 0..of {
                let stream = join(dialect).await?;
                crowd.clients.push(tokio::spawn(count(stream, Arc::clone(&crowd.counts))));
            }
            anyhow::Ok(())
        })?;
        Ok(crowd)
    }

    /// Waits until each of them was told a message.
    pub(in crate::rows::served) fn wait(&self) -> anyhow::Result<()> {
        let begun = Instant::now();
        while self.counts.told.load(Ordering::Relaxed) < self.clients.len() {
            let told = self.counts.told.load(Ordering::Relaxed);
            anyhow::ensure!(begun.elapsed() < WITHIN, "{told} of {} clients were told something", self.clients.len());
            std::thread::sleep(Duration::from_millis(5));
        }
        Ok(())
    }

    /// Fails when one of them was cut off.
    pub(in crate::rows::served) fn whole(&self) -> anyhow::Result<()> {
        let ended = self.clients.iter().filter(|client| client.is_finished()).count();
        anyhow::ensure!(ended == 0, "{ended} clients were cut off");
        Ok(())
    }
}

impl Drop for Crowd {
    fn drop(&mut self) {
        self.clients.iter().for_each(JoinHandle::abort);
    }
}

/// Shakes hands (RFC 6455 §4.1) and says hello.
async fn join(dialect: &Dialect) -> anyhow::Result<TcpStream> {
    let mut stream = TcpStream::connect(dialect.address).await?;
    stream.set_nodelay(true)?;
    let Dialect { path, headers, .. } = dialect;
    let head = format!(
        "GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{headers}\r\n"
    );
    stream.write_all(head.as_bytes()).await?;
    // Byte by byte: what follows the head belongs to whoever counts.
    let mut answer = Vec::new();
    while !answer.ends_with(b"\r\n\r\n") {
        anyhow::ensure!(answer.len() < HEAD_MAX, "the answer's head has no end");
        answer.push(stream.read_u8().await?);
    }
    let answer = String::from_utf8_lossy(&answer);
    anyhow::ensure!(answer.starts_with("HTTP/1.1 101"), "no WebSocket: {}", answer.lines().next().unwrap_or_default());
    stream.write_all(&masked(dialect.text, &dialect.hello)).await?;
    Ok(stream)
}

/// A client's frame, under a mask of zeros, which changes nothing.
fn masked(text: bool, said: &[u8]) -> Vec<u8> {
    let opcode = if text { 0x81 } else { 0x82 };
    let mut frame = vec![opcode];
    match u8::try_from(said.len()) {
        Ok(short @ 0..126) => frame.push(0x80 | short),
        _ => {
            frame.push(0x80 | 126);
            frame.extend(u16::try_from(said.len()).expect("hellos are short").to_be_bytes());
        }
    }
    frame.extend([0; 4]);
    frame.extend(said);
    frame
}

async fn count(mut stream: TcpStream, counts: Arc<Counts>) -> anyhow::Result<()> {
    let (mut piece, mut frames, mut told) = (vec![0; PIECE], Frames::default(), false);
    loop {
        let read = stream.read(&mut piece).await?;
        anyhow::ensure!(read > 0, "the server has closed");
        let (messages, bytes) = frames.take(&piece[..read]).context("no WebSocket frame")?;
        counts.messages.fetch_add(messages, Ordering::Relaxed);
        counts.bytes.fetch_add(bytes, Ordering::Relaxed);
        if messages > 0 && !std::mem::replace(&mut told, true) {
            counts.told.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// Walks over a server's frames without looking into them.
#[derive(Debug, Default)]
struct Frames {
    head: Vec<u8>,
    left: u64,
}

impl Frames {
    /// How many messages begin in a piece, and their bytes; none when it is no server's frame.
    fn take(&mut self, mut piece: &[u8]) -> Option<(u64, u64)> {
        let (mut messages, mut bytes) = (0, 0);
        while !piece.is_empty() {
            if self.left > 0 {
                let skipped = self.left.min(piece.len() as u64);
                piece = &piece[skipped as usize..];
                self.left -= skipped;
                continue;
            }
            self.head.push(piece[0]);
            piece = &piece[1..];
            let Some(length) = length(&self.head)? else { continue };
            self.head.clear();
            self.left = length;
            if length >= MESSAGE_MIN {
                (messages, bytes) = (messages + 1, bytes + length);
            }
        }
        Some((messages, bytes))
    }
}

/// The length of a frame by its head, once that is whole; none at all when it is masked.
fn length(head: &[u8]) -> Option<Option<u64>> {
    let Some(second) = head.get(1) else { return Some(None) };
    let wide = match second {
        0..=125 => return Some(Some(u64::from(*second))),
        126 => 2,
        127 => 8,
        _ => return None,
    };
    let Some(bytes) = head.get(2..2 + wide) else { return Some(None) };
    Some(Some(bytes.iter().fold(0, |length, byte| length << 8 | u64::from(*byte))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_counted_however_they_are_cut() {
        let mut sent = vec![0x81, 5, 1, 2, 3, 4, 5, 0x82, 126, 1, 0];
        sent.extend([7; 256]);
        sent.extend([0x81, 127, 0, 0, 0, 0, 0, 1, 0, 0]);
        sent.extend(vec![7; 65_536]);
        for piece in [1, 3, 1_000, sent.len()] {
            let mut frames = Frames::default();
            let counted = sent.chunks(piece).map(|piece| frames.take(piece).unwrap());
            let all = counted.fold((0, 0), |all, one| (all.0 + one.0, all.1 + one.1));
            assert_eq!(all, (2, 256 + 65_536), "in pieces of {piece}");
        }
        assert_eq!(Frames::default().take(&[0x81, 0x85]), None, "servers do not mask");
    }
}
