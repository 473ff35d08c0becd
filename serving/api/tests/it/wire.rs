//! A real server on loopback, and a client of server-sent events that reads no faster than it is told to.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::house::House;

/// The longest that a test waits for anything: it fails then, and does not hang.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// A server of a house.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    stop: oneshot::Sender<()>,
    served: JoinHandle<bool>,
}

impl Server {
    pub(crate) async fn of(house: &House) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        let router = house.router.clone();
        let served = tokio::spawn(api::server::serve(listener, router, async { drop(stopped.await) }));
        Self { address, stop, served }
    }

    /// Stops it; whether all connections ended in order.
    pub(crate) async fn stop(self) -> bool {
        self.stop.send(()).unwrap();
        tokio::time::timeout(PATIENCE, self.served).await.unwrap().unwrap()
    }
}

/// One event of a stream.
#[derive(Debug, Clone)]
pub(crate) struct Event {
    pub(crate) kind: String,
    pub(crate) id: Option<String>,
    pub(crate) body: Value,
}

impl Event {
    /// The epoch that the position names.
    pub(crate) fn epoch(&self) -> u64 {
        epoch(self.body["position"].as_str().unwrap())
    }

    /// What a feed of an answer says that the answer is.
    pub(crate) fn answer(&self) -> &Value {
        let changes = self.body["changes"].as_array().unwrap();
        assert_eq!((changes.len(), &changes[0]["key"]), (1, &Value::Null), "{self:?}");
        &changes[0]["value"]
    }
}

pub(crate) fn epoch(position: &str) -> u64 {
    position.split('.').nth(3).unwrap().parse().unwrap()
}

/// A reader of server-sent events.
pub(crate) struct Stream {
    pub(crate) status: u16,
    pub(crate) head: String,
    socket: TcpStream,
    raw: Vec<u8>,
    text: String,
}

impl Stream {
    pub(crate) async fn open(at: SocketAddr, key: &str, feed: &str, last: Option<&str>) -> Self {
        Self::with_window(at, key, feed, last, None).await
    }

    /// Reads who is here.
    pub(crate) async fn presence(at: SocketAddr, key: &str, channel: &str) -> Self {
        Self::at(at, key, &format!("/v1/presence/{channel}"), "", None).await
    }

    /// With a small window a reader that stands still is noticed soon.
    pub(crate) async fn with_window(
        at: SocketAddr,
        key: &str,
        feed: &str,
        last: Option<&str>,
        window: Option<u32>,
    ) -> Self {
        let last = last.map_or_else(String::new, |last| format!("Last-Event-ID: {last}\r\n"));
        Self::at(at, key, &format!("/v1/feeds/{feed}"), &last, window).await
    }

    async fn at(at: SocketAddr, key: &str, path: &str, more: &str, window: Option<u32>) -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        if let Some(window) = window {
            socket.set_recv_buffer_size(window).unwrap();
        }
        let mut socket = socket.connect(at).await.unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {key}\r\n{more}\r\n");
        socket.write_all(request.as_bytes()).await.unwrap();
        let mut stream = Self { status: 0, head: String::new(), socket, raw: Vec::new(), text: String::new() };
        let end = loop {
            if let Some(end) = stream.raw.windows(4).position(|four| four == b"\r\n\r\n") {
                break end;
            }
            assert!(stream.more().await, "the server answers");
        };
        stream.head = String::from_utf8(stream.raw.drain(..end + 4).collect()).unwrap().to_lowercase();
        stream.status = stream.head.split(' ').nth(1).unwrap().parse().unwrap();
        stream
    }

    async fn more(&mut self) -> bool {
        let mut piece = vec![0; 64 << 10];
        let read = tokio::time::timeout(PATIENCE, self.socket.read(&mut piece)).await.expect("something comes");
        // A connection that is reset has ended too.
        let read = read.unwrap_or(0);
        self.raw.extend_from_slice(&piece[..read]);
        read > 0
    }

    /// Takes whole chunks (RFC 9112 §7.1) into the text; false after the last.
    fn unchunk(&mut self) -> bool {
        loop {
            let Some(line) = self.raw.windows(2).position(|two| two == b"\r\n") else { return true };
            let size = usize::from_str_radix(std::str::from_utf8(&self.raw[..line]).unwrap(), 16).unwrap();
            if self.raw.len() < line + 2 + size + 2 {
                return true;
            }
            if size == 0 {
                return false;
            }
            self.text.push_str(std::str::from_utf8(&self.raw[line + 2..line + 2 + size]).unwrap());
            self.raw.drain(..line + 2 + size + 2);
        }
    }

    /// The next event, past comments; none at the end of the stream.
    pub(crate) async fn next(&mut self) -> Option<Event> {
        tokio::time::timeout(PATIENCE, self.event()).await.expect("an event comes")
    }

    async fn event(&mut self) -> Option<Event> {
        loop {
            while let Some(end) = self.text.find("\n\n") {
                let block: String = self.text.drain(..end + 2).collect();
                let field = |name: &str| block.lines().find_map(|line| line.strip_prefix(name)).map(str::to_owned);
                let Some(kind) = field("event: ") else { continue };
                let body = serde_json::from_str(&field("data: ").unwrap()).unwrap();
                return Some(Event { kind, id: field("id: "), body });
            }
            // What came with the last chunk is told before the end.
            let goes_on = self.unchunk();
            if !self.text.contains("\n\n") && (!goes_on || !self.more().await) {
                return None;
            }
        }
    }

    /// Waits for a comment; false when the stream ends first.
    pub(crate) async fn comment(&mut self) -> bool {
        while !self.text.contains(":\n\n") {
            if !self.unchunk() || (!self.text.contains(":\n\n") && !self.more().await) {
                return false;
            }
        }
        true
    }

    /// The body of a refusal.
    pub(crate) async fn refusal(&mut self) -> Value {
        loop {
            if let Ok(body) = serde_json::from_slice(&self.raw) {
                return body;
            }
            assert!(self.more().await, "the refusal has a body");
        }
    }
}

/// What a client of a feed holds.
#[derive(Debug, Default)]
pub(crate) struct Held {
    pub(crate) values: BTreeMap<String, Value>,
    pub(crate) position: Option<String>,
}

impl Held {
    pub(crate) fn take(&mut self, kind: &str, body: &Value) {
        assert_ne!(kind, "problem", "{body}");
        if kind == "reset" {
            self.values.clear();
        }
        for change in body["changes"].as_array().into_iter().flatten() {
            let key = change["key"].to_string();
            match &change["value"] {
                Value::Null => drop(self.values.remove(&key)),
                value => drop(self.values.insert(key, value.clone())),
            }
        }
        self.position = Some(body["position"].as_str().unwrap().to_owned());
    }

    pub(crate) fn epoch(&self) -> u64 {
        self.position.as_deref().map_or(0, epoch)
    }
}
