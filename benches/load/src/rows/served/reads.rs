//! The rank of a participant over HTTP, beside an empty handler of axum: what deciding, looking up and telling cost.

use std::io::{BufRead as _, BufReader};
use std::net::{Ipv4Addr, SocketAddr};
use std::process::{Child, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use axum::Router;
use axum::routing::get;

use super::{Connection, Served, person};
use crate::Settings;
use crate::cpu::of_process;
use crate::report::Row;
use crate::rounds::interleave;

const PEOPLE: u64 = 20_000;
/// How long each side is asked in one round, ticks of CPU being 10 ms.
const SECONDS: u64 = 5;
/// Connections that ask at the same time: what a few dashboards keep open.
const CONNECTIONS: usize = 16;
const GOAL: f64 = 10_000.0;
/// The word that makes this program the empty server.
pub(in crate::rows) const CHILD: &str = "empty-axum";

/// The child: an empty handler, until its parent ends it.
pub(in crate::rows) fn child() -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        println!("{}", listener.local_addr()?);
        let routes = Router::new().route("/", get(async || ()));
        Ok(axum::serve(listener, routes).await?)
    })
}

/// The empty server.
struct Empty {
    child: Child,
    address: SocketAddr,
}

impl Empty {
    fn start() -> anyhow::Result<Self> {
        let mut child = crate::rows::child_command(CHILD)?.stdout(Stdio::piped()).spawn()?;
        let mut line = String::new();
        BufReader::new(child.stdout.take().context("the child has an output")?).read_line(&mut line)?;
        Ok(Self { child, address: line.trim().parse()? })
    }
}

impl Drop for Empty {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What one side did.
#[derive(Debug, Clone, Copy, Default)]
struct Asked {
    per_cpu_second: f64,
    per_second: f64,
}

/// Asks a server for a while; `request` says what the n-th of a connection is, and every answer must be 200.
fn ask(address: SocketAddr, pid: u32, seconds: f64, request: impl Fn(u64) -> Vec<u8> + Sync) -> anyhow::Result<Asked> {
    let stop = AtomicBool::new(false);
    let (cpu, started) = (of_process(pid)?, Instant::now());
    let answered = std::thread::scope(|scope| {
        let work = |first: u64| {
            let (stop, request) = (&stop, &request);
            move || {
                let mut connection = Connection::open(address)?;
                let mut answered = 0;
                while !stop.load(Ordering::Relaxed) {
                    let (status, body) = connection.ask(&request(first + answered * CONNECTIONS as u64))?;
                    anyhow::ensure!(status == 200, "{status}: {}", String::from_utf8_lossy(&body));
                    answered += 1;
                }
                anyhow::Ok(answered)
            }
        };
        let workers: Vec<_> = (0..CONNECTIONS as u64).map(|first| scope.spawn(work(first))).collect();
        std::thread::sleep(Duration::from_secs_f64(seconds));
        stop.store(true, Ordering::Relaxed);
        workers.into_iter().try_fold(0, |all, worker| {
            let one = worker.join().unwrap_or_else(|_| Err(anyhow::anyhow!("a client panicked")))?;
            anyhow::Ok(all + one)
        })
    })?;
    let (took, cpu) = (started.elapsed().as_secs_f64(), of_process(pid)? - cpu);
    Ok(Asked { per_cpu_second: answered as f64 / cpu.as_secs_f64(), per_second: answered as f64 / took })
}

pub(in crate::rows) fn measure(settings: &Settings) -> anyhow::Result<Row> {
    let (people, seconds) = (settings.size(PEOPLE), settings.size(SECONDS * 1_000) as f64 / 1e3);
    let (served, empty) = (Served::start()?, Empty::start()?);
    served.fill(people)?;
    let rank = |number: u64| {
        // Spread over all, so that no answer is the one before.
        let someone = person(number.wrapping_mul(7_919) % people);
        super::get(&format!("/v1/views/leaderboards/points/participants/{someone}"))
    };
    let (mut mine, mut theirs) = (Vec::new(), Vec::new());
    let rounds = interleave(
        settings.rounds,
        || {
            let asked = ask(served.address, served.pid(), seconds, rank)?;
            mine.push(asked.per_second);
            Ok(asked.per_cpu_second)
        },
        || {
            let asked = ask(empty.address, empty.child.id(), seconds, |_| super::get("/"))?;
            theirs.push(asked.per_second);
            Ok(asked.per_cpu_second)
        },
    )?;
    let (mine, theirs) = (crate::rounds::quantile(mine, 0.5), crate::rounds::quantile(theirs, 0.5));
    let goal = "0.6 of an empty axum handler per CPU-second; 10,000 requests per second";
    let mut row =
        Row::of_rounds("serving-reads", "requests per CPU-second", &rounds, "an empty axum handler", goal, 0.6);
    row.holds &= mine >= GOAL;
    Ok(row.part("requests, the client on the same cores", "per second", mine).part(
        "of the empty handler",
        "per second",
        theirs,
    ))
}
