//! Ten thousand open feeds: what an idle one holds, and how soon all are whole again after the server was started anew.
//!
//! Clients come back all at once, which is worse than what `retry` asks of them. Whole again is a client that was told
//! where the feed is; afterwards somebody scores, and every client must be told the board as the read tells it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::{Semaphore, watch};

use super::fan_out::crowd::{Crowd, Dialect};
use super::{Connection, Served};
use crate::Settings;
use crate::report::{Row, say};

const CONNECTIONS: u64 = 10_000;
const GOAL_BYTES: f64 = 10_000.0;
const GOAL_SECONDS: f64 = 10.0;
/// How long the longest step may take.
const WITHIN: Duration = Duration::from_secs(120);
/// Time for the server to give back what opening took.
const SETTLE: Duration = Duration::from_secs(10);
/// Connections that are opened at once at first.
const OPENING: usize = 256;
/// Bytes that a client keeps of what it was told: the last message.
const KEPT: usize = 16 << 10;
const FEED: &str = "leaderboards/points?limit=3";

/// Resident bytes of a process.
fn resident(pid: u32) -> anyhow::Result<u64> {
    let statm = std::fs::read_to_string(format!("/proc/{pid}/statm"))?;
    let pages: u64 = statm.split_ascii_whitespace().nth(1).context("no resident pages")?.parse()?;
    Ok(pages * 4_096)
}

/// What clients have been told, counted.
#[derive(Default)]
struct Told {
    /// Since the last start, each client once.
    whole: AtomicUsize,
    /// Clients that were told the last score.
    scored: AtomicUsize,
    /// Clients whose first message after coming back was a reset.
    resets: AtomicUsize,
}

/// A client: reads its feed, and comes back with its position as often as `round` changes.
async fn client(
    address: SocketAddr,
    opening: Arc<Semaphore>,
    mut round: watch::Receiver<u64>,
    told: Arc<Told>,
    score: Arc<str>,
) -> anyhow::Result<()> {
    let mut last = String::new();
    loop {
        let here = *round.borrow_and_update();
        let place = if here == 0 { Some(Arc::clone(&opening).acquire_owned().await?) } else { None };
        let mut socket = TcpStream::connect(address).await?;
        let resume = if last.is_empty() { String::new() } else { format!("Last-Event-ID: {last}\r\n") };
        let key = super::KEY;
        let request =
            format!("GET /v1/feeds/{FEED} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {key}\r\n{resume}\r\n");
        socket.write_all(request.as_bytes()).await?;
        let (mut text, mut first, mut scored, mut place) = (String::new(), true, false, place);
        let mut piece = [0; 2_048];
        loop {
            let read = match socket.read(&mut piece).await {
                Ok(0) | Err(_) => break,
                Ok(read) => read,
            };
            text.push_str(&String::from_utf8_lossy(&piece[..read]));
            let refused = first && text.starts_with("HTTP/1.1 ") && !text.starts_with("HTTP/1.1 200");
            anyhow::ensure!(!refused, "refused: {}", text.lines().next().unwrap_or_default());
            while let Some(end) = text.find("\n\n") {
                let event: String = text.drain(..end + 2).collect();
                let Some(id) = event.lines().find_map(|line| line.strip_prefix("id: ")) else { continue };
                last = id.to_owned();
                if std::mem::take(&mut first) {
                    told.whole.fetch_add(1, Ordering::Relaxed);
                    if here > 0 && event.contains("event: reset") {
                        told.resets.fetch_add(1, Ordering::Relaxed);
                    }
                    place = None;
                }
                if !scored && event.contains(&*score) {
                    scored = true;
                    told.scored.fetch_add(1, Ordering::Relaxed);
                }
            }
            anyhow::ensure!(text.len() <= KEPT, "a message without an end");
        }
        drop((socket, place));
        // The server is gone: wait until somebody says that it is there again.
        if round.changed().await.is_err() {
            return Ok(());
        }
    }
}

/// Waits until all have been told; returns how long that took.
async fn all(count: &AtomicUsize, of: usize, since: Instant, what: &str) -> anyhow::Result<f64> {
    while count.load(Ordering::Relaxed) < of {
        let now = count.load(Ordering::Relaxed);
        anyhow::ensure!(since.elapsed() < WITHIN, "{what}: {now} of {of} after {} s", WITHIN.as_secs());
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    Ok(since.elapsed().as_secs_f64())
}

/// Bytes of an idle WebSocket with one subscription, in a server of its own.
fn sockets(connections: usize) -> anyhow::Result<f64> {
    let served = Served::start()?;
    served.fill(100)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let before = resident(served.pid())?;
    let crowd = Crowd::open(&runtime, connections, &Dialect::ours(served.address, FEED))?;
    crowd.wait()?;
    std::thread::sleep(SETTLE);
    let bytes = resident(served.pid())?.saturating_sub(before) as f64 / connections as f64;
    crowd.whole()?;
    Ok(bytes)
}

pub(in crate::rows) fn measure(settings: &Settings) -> anyhow::Result<Row> {
    let connections = usize::try_from(settings.size(CONNECTIONS))?;
    let of_socket = sockets(connections)?;
    say!("{connections} WebSockets, {of_socket:.0} bytes each");
    let mut served = Served::start()?;
    served.fill(100)?;
    // Somebody scores more than all others: the text that every client must see.
    let score: Arc<str> = Arc::from("\"score\":40}");
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let (told, opening, round) = (Arc::new(Told::default()), Arc::new(Semaphore::new(OPENING)), watch::Sender::new(0));
    let before = resident(served.pid())?;
    let started = Instant::now();
    let clients: Vec<_> = (0..connections)
        .map(|_| {
            let work =
                client(served.address, Arc::clone(&opening), round.subscribe(), Arc::clone(&told), Arc::clone(&score));
            runtime.spawn(work)
        })
        .collect();
    let opened = runtime.block_on(all(&told.whole, connections, started, "opening"))?;
    std::thread::sleep(SETTLE);
    let bytes = resident(served.pid())?.saturating_sub(before) as f64 / connections as f64;
    say!("{connections} open after {opened:.1} s, {bytes:.0} bytes each");
    told.whole.store(0, Ordering::Relaxed);
    served.restart()?;
    // All come in the same moment.
    let storm = Instant::now();
    round.send_replace(1);
    let whole = runtime.block_on(all(&told.whole, connections, storm, "coming back"))?;
    let resets = told.resets.load(Ordering::Relaxed);
    say!("whole again after {whole:.1} s, {resets} with a reset");
    let mut connection = Connection::open(served.address)?;
    let looks: Vec<serde_json::Value> = (0..40)
        .map(|look| {
            serde_json::json!({
                "type": "track", "event": "item_viewed", "userId": "winner", "messageId": format!("winner-{look}"),
                "properties": {"item": "stand"}
            })
        })
        .collect();
    let scored = Instant::now();
    served.track(&mut connection, &looks)?;
    let news = runtime.block_on(all(&told.scored, connections, scored, "the news"))?;
    let ended = clients.iter().filter(|client| client.is_finished()).count();
    anyhow::ensure!(ended == 0, "{ended} clients gave up");
    drop(round);
    clients.iter().for_each(tokio::task::JoinHandle::abort);
    let goal = "10 KB of an idle connection; 10,000 whole again within 10 s, no gap";
    let holds = bytes.max(of_socket) <= GOAL_BYTES && whole <= GOAL_SECONDS;
    Ok(Row::new("serving-connections", "bytes of an idle event stream", bytes, goal, holds)
        .part("bytes of an idle WebSocket", "bytes", of_socket)
        .part("connections", "", connections as f64)
        .part("all opened after", "s", opened)
        .part("all whole again after a restart", "s", whole)
        .part("of them with a reset", "", resets as f64)
        .part("news at all of them after", "s", news))
}
