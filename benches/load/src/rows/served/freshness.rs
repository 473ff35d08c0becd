//! From a record's log time to the message of a live feed at a client, while tracking comes in at 50,000 records a second.
//!
//! Generator, server, its embedded ClickHouse and the client share the machine. The log stamps a record when it takes it,
//! which is before its sender is answered; server and client read the same clock. A record has arrived with the first
//! message whose `as_of` is not before it.

use std::collections::VecDeque;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use eventlog::clock::{Clock as _, SystemClock};

use super::{Connection, Served, person};
use crate::Settings;
use crate::report::{Row, say};

/// Records a second.
const RATE: u64 = 50_000;
/// Records of a request.
const BATCH: u64 = 500;
/// Connections that send.
const SENDERS: u64 = 4;
/// People who are tracked.
const PEOPLE: u64 = 20_000;
/// Before anything counts: buffers, caches and the engine's first tables.
const WARM_UP: Duration = Duration::from_secs(5);
const SECONDS: u64 = 30;
const GOAL_P50_MS: f64 = 25.0;
const GOAL_P99_MS: f64 = 100.0;
/// People whom everybody watches: a look of each is in every request, so that the first places change with every one. A
/// feed tells nothing when its answer is the same: with looks spread evenly the first places stood still for half a
/// second out of one and a half, which is no delay.
const FAVOURITES: u64 = 10;
/// The first places of the board.
const FEED: &str = "/v1/feeds/leaderboards/points?limit=10";

/// Microseconds since 1970.
fn now() -> i64 {
    SystemClock.now().0
}

/// What goes on.
#[derive(Default)]
struct Going {
    over: AtomicBool,
    counts: AtomicBool,
    sent: AtomicU64,
    /// Log times of requests that were answered, with their number of records.
    waiting: Mutex<VecDeque<(i64, u64)>>,
}

/// Sends at a steady pace; what falls behind is made up for.
fn send(served: &Served, sender: u64, going: &Going) -> anyhow::Result<()> {
    let mut connection = Connection::open(served.address)?;
    let every = Duration::from_micros(1_000_000 * BATCH * SENDERS / RATE);
    let (begun, mut request) = (Instant::now(), 0u32);
    while !going.over.load(Ordering::Relaxed) {
        let due = begun + every * request;
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
        let batch: Vec<serde_json::Value> = (0..BATCH)
            .map(|number| {
                let someone = FAVOURITES + ((u64::from(request) * BATCH + number) * 7_919 + sender) % PEOPLE;
                let who = if number < FAVOURITES { number } else { someone };
                let number = u64::from(request) * BATCH + number;
                serde_json::json!({
                    "type": "track", "event": "item_viewed", "userId": person(who),
                    "messageId": format!("{sender}-{number}"), "properties": {"item": "stand"}
                })
            })
            .collect();
        let wait_for = served.track(&mut connection, &batch)?;
        let log_time: i64 = wait_for.trim_start_matches('t').parse().context("a log time")?;
        if going.counts.load(Ordering::Relaxed) {
            going.waiting.lock().unwrap_or_else(PoisonError::into_inner).push_back((log_time, BATCH));
        }
        going.sent.fetch_add(BATCH, Ordering::Relaxed);
        request += 1;
    }
    Ok(())
}

/// Reads the feed; milliseconds of each request's records, once for each record.
fn listen(served: &Served, going: &Going) -> anyhow::Result<Vec<(f64, u64)>> {
    let mut stream = TcpStream::connect(served.address)?;
    stream.set_read_timeout(Some(Duration::from_secs(30)))?;
    write!(stream, "GET {FEED} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\n\r\n", super::KEY)?;
    let mut lines = BufReader::new(stream);
    let (mut line, mut seen) = (String::new(), Vec::new());
    while !going.over.load(Ordering::Relaxed) {
        line.clear();
        anyhow::ensure!(lines.read_line(&mut line)? > 0, "the feed has ended");
        let Some(data) = line.strip_prefix("data: ") else { continue };
        let here = now();
        let data: serde_json::Value = serde_json::from_str(data)?;
        let Some(reflected) = data["as_of"]["log_time"].as_i64() else { continue };
        going.waiting.lock().unwrap_or_else(PoisonError::into_inner).retain(|(log_time, records)| {
            let arrived = *log_time <= reflected;
            if arrived {
                seen.push(((here - log_time) as f64 / 1e3, *records));
            }
            !arrived
        });
    }
    Ok(seen)
}

pub(in crate::rows) fn measure(settings: &Settings) -> anyhow::Result<Row> {
    let seconds = settings.size(SECONDS).max(2);
    let served = Served::start_with(&["--warehouse", "embedded"])?;
    served.fill(100)?;
    let going = Arc::new(Going::default());
    let (rate, busy, seen) = std::thread::scope(|scope| {
        let listening = scope.spawn(|| listen(&served, &going));
        let senders: Vec<_> = (0..SENDERS)
            .map(|sender| {
                let (going, served) = (&going, &served);
                scope.spawn(move || send(served, sender, going))
            })
            .collect();
        std::thread::sleep(WARM_UP);
        going.counts.store(true, Ordering::Relaxed);
        let (begun, before) = (Instant::now(), going.sent.load(Ordering::Relaxed));
        let cpu = crate::cpu::of_process(served.pid())?;
        std::thread::sleep(Duration::from_secs(seconds));
        let took = begun.elapsed().as_secs_f64();
        let rate = (going.sent.load(Ordering::Relaxed) - before) as f64 / took;
        let busy = (crate::cpu::of_process(served.pid())? - cpu).as_secs_f64() / took;
        going.over.store(true, Ordering::Relaxed);
        let seen = listening.join().map_err(|_| anyhow::anyhow!("the reader panicked"))??;
        for sender in senders {
            sender.join().map_err(|_| anyhow::anyhow!("a sender panicked"))??;
        }
        anyhow::Ok((rate, busy, seen))
    })?;
    let (p50, p99) = (percentile(&seen, 0.5), percentile(&seen, 0.99));
    say!("{rate:.0} records a second; p50 {p50:.1} ms, p99 {p99:.1} ms; {busy:.2} cores of the server");
    let goal = "p50 25 ms, p99 100 ms at 50,000 records/s; the product documents say 75 ms";
    let kept_up = rate >= 0.95 * RATE as f64;
    Ok(Row::new(
        "serving-freshness",
        "ms from log to client, p50",
        p50,
        goal,
        p50 <= GOAL_P50_MS && p99 <= GOAL_P99_MS && kept_up,
    )
    .part("p99", "ms", p99)
    .part("records a second", "", rate)
    .part("cores that the server keeps busy, without the engine", "", busy)
    .part("records measured", "", seen.iter().map(|(_, records)| *records).sum::<u64>() as f64))
}

/// The value below which this part of all records lies.
fn percentile(seen: &[(f64, u64)], part: f64) -> f64 {
    let mut sorted = seen.to_vec();
    sorted.sort_unstable_by(|one, other| one.0.total_cmp(&other.0));
    let all: u64 = sorted.iter().map(|(_, records)| *records).sum();
    let mut before = 0;
    for (value, records) in &sorted {
        before += records;
        if before as f64 >= part * all as f64 {
            return *value;
        }
    }
    f64::NAN
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_count_records() {
        let seen = [(5.0, 1), (1.0, 98), (9.0, 1)];
        assert_eq!([0.5, 0.98, 0.99, 1.0].map(|part| percentile(&seen, part)), [1.0, 1.0, 5.0, 9.0]);
        assert!(percentile(&[], 0.5).is_nan());
    }
}
