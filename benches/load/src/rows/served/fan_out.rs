//! One live view told to a thousand WebSockets, beside socket.io that tells as many the same message.
//!
//! A message counts when a subscriber has received it. Ours are the answers of a view that records move, with position,
//! history and all: the CPU of taking, logging and folding those records is in the figure. socket.io makes its messages
//! from a timer, of one object of the same size, and keeps them for those who come back. NATS keeps nothing, and is
//! reported only: a message of its own that one client publishes. Clients are the same code for all.

pub(super) mod crowd;

use std::io::Write as _;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use tokio::runtime::Runtime;

use self::crowd::{Crowd, Dialect};
use super::{Connection, Served, person};
use crate::Settings;
use crate::cpu::of_process;
use crate::peers::tellers::{Nats, SocketIo};
use crate::report::{Row, say};
use crate::rounds::{interleave, median, quantile};

const SUBSCRIBERS: u64 = 1_000;
/// How long each side is counted in one round, ticks of CPU being 10 ms.
const SECONDS: u64 = 5;
/// Before counting: what opening took is given back, compilers have compiled.
const WARM_UP: Duration = Duration::from_secs(2);
/// Changes a second that are offered: more than any of the servers tells a thousand clients on two cores.
const RATE: u64 = 400;
/// Connections that track, one record at a time, each answered when it is durable.
const SENDERS: u64 = 4;
const GOAL_RATIO: f64 = 5.0;
const GOAL_RATE: f64 = 100_000.0;
const GOAL: &str = "5 times socket.io per CPU-second; 100,000 messages/s";
const NAME: &str = "serving-fan-out";
const UNIT: &str = "messages per CPU-second of the server";
const PEER: &str = "socket.io with connectionStateRecovery, WebSockets only";
/// The first places of the board; every record moves one of them.
const FEED: &str = "leaderboards/points?limit=10";
/// As often as the view changes, which the settings of the product allow.
const SERVED: &[&str] = &["--warehouse", "none", "--feed-updates", "1000", "--epoch-ms", "2"];

/// What one round saw.
#[derive(Debug, Clone, Copy)]
struct Told {
    per_cpu_second: f64,
    per_second: f64,
    /// Of one message.
    bytes: f64,
}

/// Counts what an open crowd is told; `of` turns frames and their bytes into messages.
fn counted(crowd: &Crowd, pid: u32, seconds: f64, of: impl Fn(u64, u64) -> f64) -> anyhow::Result<Told> {
    crowd.wait()?;
    std::thread::sleep(WARM_UP);
    let read = || (crowd.counts.messages.load(Ordering::Relaxed), crowd.counts.bytes.load(Ordering::Relaxed));
    let (cpu, before, begun) = (of_process(pid)?, read(), Instant::now());
    std::thread::sleep(Duration::from_secs_f64(seconds));
    let (after, took, cpu) = (read(), begun.elapsed().as_secs_f64(), of_process(pid)? - cpu);
    crowd.whole()?;
    let (frames, bytes) = (after.0 - before.0, after.1 - before.1);
    let messages = of(frames, bytes);
    anyhow::ensure!(messages > 0.0, "nothing was told");
    let per_cpu_second = messages / cpu.as_secs_f64();
    Ok(Told { per_cpu_second, per_second: messages / took, bytes: bytes as f64 / messages })
}

fn frames(frames: u64, _: u64) -> f64 {
    frames as f64
}

/// Both sides and what they share.
struct Field {
    runtime: Runtime,
    subscribers: usize,
    seconds: f64,
}

impl Field {
    fn ours(&self, served: &Served) -> anyhow::Result<Told> {
        let dialect = Dialect::ours(served.address, FEED);
        let crowd = Crowd::open(&self.runtime, self.subscribers, &dialect)?;
        let over = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let senders: Vec<_> = (0..SENDERS)
                .map(|sender| {
                    scope.spawn({
                        let over = &over;
                        move || change(served, sender, over)
                    })
                })
                .collect();
            let told = counted(&crowd, served.pid(), self.seconds, frames);
            over.store(true, Ordering::Relaxed);
            for sender in senders {
                sender.join().map_err(|_| anyhow::anyhow!("a sender panicked"))??;
            }
            told
        })
    }

    fn socket_io(&self, server: &mut SocketIo, message: &serde_json::Value) -> anyhow::Result<Told> {
        let (path, hello) = ("/socket.io/?EIO=4&transport=websocket", b"40".to_vec());
        let dialect = Dialect { address: server.address, path, headers: String::new(), hello, text: true };
        let crowd = Crowd::open(&self.runtime, self.subscribers, &dialect)?;
        server.tell(RATE, message)?;
        let told = counted(&crowd, server.pid(), self.seconds, frames);
        server.rest()?;
        told
    }

    fn nats(&self, server: &Nats, message: &serde_json::Value) -> anyhow::Result<Told> {
        let hello = b"CONNECT {\"verbose\":false,\"pedantic\":false}\r\nSUB board 1\r\n".to_vec();
        let dialect = Dialect { address: server.address, path: "/", headers: String::new(), hello, text: false };
        let crowd = Crowd::open(&self.runtime, self.subscribers, &dialect)?;
        let text = message.to_string();
        // Several messages may share a frame, so bytes are counted.
        let each = format!("MSG board 1 {}\r\n{text}\r\n", text.len()).len();
        let (mut publisher, over) = (server.publisher()?, AtomicBool::new(false));
        std::thread::scope(|scope| {
            let publishing = scope.spawn(|| {
                let (publication, begun) = (format!("PUB board {}\r\n{text}\r\n", text.len()), Instant::now());
                let mut number = 0;
                while !over.load(Ordering::Relaxed) {
                    pace(begun, &mut number, RATE);
                    publisher.write_all(publication.as_bytes())?;
                }
                anyhow::Ok(())
            });
            let told = counted(&crowd, server.pid(), self.seconds, |_, bytes| bytes as f64 / each as f64);
            over.store(true, Ordering::Relaxed);
            publishing.join().map_err(|_| anyhow::anyhow!("the publisher panicked"))??;
            told
        })
    }
}

/// Waits until the next is due; whoever is behind does not make up for it.
fn pace(begun: Instant, number: &mut u64, rate: u64) {
    let at = |number: u64| begun + Duration::from_micros(number * 1_000_000 / rate);
    *number = (*number + 1).max((begun.elapsed().as_micros() as u64) * rate / 1_000_000);
    std::thread::sleep(at(*number).saturating_duration_since(Instant::now()));
}

/// Moves somebody of the first ten with every record.
fn change(served: &Served, sender: u64, over: &AtomicBool) -> anyhow::Result<()> {
    let (mut connection, begun, mut number) = (Connection::open(served.address)?, Instant::now(), 0);
    let life = std::process::id();
    while !over.load(Ordering::Relaxed) {
        pace(begun, &mut number, RATE / SENDERS);
        let id = format!("{life}-{sender}-{number}-{:?}", begun);
        let look = serde_json::json!({
            "type": "track", "event": "item_viewed", "userId": person(number % 10), "messageId": id,
            "properties": {"item": "stand"}
        });
        served.track(&mut connection, &[look])?;
    }
    Ok(())
}

pub(in crate::rows) fn measure(settings: &Settings) -> anyhow::Result<Row> {
    let served = Served::start_with(SERVED)?;
    served.fill(100)?;
    let (status, body) = Connection::open(served.address)?.ask(&super::get(&format!("/v1/views/{FEED}")))?;
    anyhow::ensure!(status == 200, "the board cannot be read");
    let answer: serde_json::Value = serde_json::from_slice(&body)?;
    let field = Field {
        runtime: tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?,
        subscribers: usize::try_from(settings.size(SUBSCRIBERS))?,
        seconds: settings.size(SECONDS * 1_000) as f64 / 1e3,
    };
    let mut mine = Vec::new();
    let ours = || {
        let told = field.ours(&served)?;
        say!("ours: {:.0} messages/s of {:.0} bytes", told.per_second, told.bytes);
        mine.push(told);
        Ok(told.per_cpu_second)
    };
    if !settings.peers {
        let rate = median(settings.rounds, ours)?;
        let mut row = Row::new(NAME, UNIT, rate, GOAL, false);
        row.peer_name = PEER.into();
        return Ok(with(row, "", &mine));
    }
    // The size of ours, in the same shape: what a server of one's own would tell.
    let message = serde_json::json!({
        "as_of": answer["as_of"], "changes": [{"key": null, "value": answer["data"]}]
    });
    let (mut peer, mut theirs) = (SocketIo::start()?, Vec::new());
    let rounds = interleave(settings.rounds, ours, || {
        let told = field.socket_io(&mut peer, &message)?;
        say!("socket.io: {:.0} messages/s of {:.0} bytes", told.per_second, told.bytes);
        theirs.push(told);
        Ok(told.per_cpu_second)
    })?;
    drop(peer);
    let nats = Nats::start()?;
    let other: Vec<Told> = (0..settings.rounds).map(|_| field.nats(&nats, &message)).collect::<anyhow::Result<_>>()?;
    let mut row = Row::of_rounds(NAME, UNIT, &rounds, PEER, GOAL, GOAL_RATIO);
    row.holds &= median_of(&mine, |told| told.per_second) >= GOAL_RATE;
    let row = with(with(with(row, "", &mine), ", socket.io", &theirs), ", NATS", &other);
    Ok(row.part("messages per CPU-second, NATS", "", median_of(&other, |told| told.per_cpu_second)))
}

fn with(row: Row, whose: &str, told: &[Told]) -> Row {
    row.part(format!("messages a second{whose}"), "", median_of(told, |told| told.per_second)).part(
        format!("bytes of a message{whose}"),
        "",
        median_of(told, |told| told.bytes),
    )
}

fn median_of(told: &[Told], of: impl Fn(&Told) -> f64) -> f64 {
    quantile(told.iter().map(of).collect(), 0.5)
}
