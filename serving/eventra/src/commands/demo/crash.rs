//! `eventra demo --crash`: kills the process and the engine with -9 under load, at random, and looks whether anything
//! that was acknowledged is lost or doubled.
//!
//! Two loads run: a simulated conference inside of the process, which dies with it, and a client outside that numbers
//! its messages and sends each until it is acknowledged. In the end every number must be there exactly once.

use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, ExitCode, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::sync_channel;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use parking_lot::Mutex;
use records::OrganizationId;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use super::{Arguments, setting};
use crate::commands::engine;
use crate::commands::sql::Where;
use crate::control::{Request, client};
use crate::figures::Comparison;
use crate::http;
use crate::settings::{Loaded, Settings, WarehouseChoice};

/// How long a start may take, recovery included.
const START_WITHIN: Duration = Duration::from_secs(120);
/// How long a stop may take.
const STOP_WITHIN: Duration = Duration::from_secs(60);
/// Load runs between so many milliseconds before each kill.
const LOAD_MS: std::ops::Range<u64> = 1_500..6_000;
/// Messages of one request.
const BATCH: u64 = 20;
/// Pause after a request that was not acknowledged.
const RETRY: Duration = Duration::from_millis(100);
/// The organization of the numbered messages.
const ORGANIZATION: &str = "crash-test";

pub(super) fn run(arguments: &Arguments, loaded: &Loaded) -> anyhow::Result<ExitCode> {
    let settings = setting::settings(loaded, "demo-crash")?;
    if settings.warehouse == WarehouseChoice::Embedded {
        engine::install_engine(None)?;
    }
    let organization = OrganizationId::parse(ORGANIZATION)?;
    let (document, key) = setting::key(organization, "Crash test")?;
    let mut server = Server::start(&settings)?;
    client::ask::<Value>(&settings, &Request::Apply { document })?;
    // The directory may hold the messages of earlier runs: each run has a name of its own.
    let name = format!("numbered-{:08x}", rand::random::<u32>());
    let sender = Sender::start(key, &name, server.address)?;
    for round in 1..=arguments.rounds {
        let seed = arguments.seed.unwrap_or_else(rand::random).wrapping_add(u64::from(round));
        load(&settings, arguments.rate, seed);
        std::thread::sleep(Duration::from_millis(rand::random_range(LOAD_MS)));
        // Every second round takes the engine away first, so that it dies while rows are landing.
        let engine = if round % 2 == 0 { kill_engine(&settings)? } else { "" };
        server.kill()?;
        println!(
            "round {round}: {engine}process killed with -9; {} messages acknowledged so far",
            sender.acknowledged()
        );
        server = Server::start(&settings)?;
        sender.move_to(server.address);
    }
    let acknowledged = sender.stop()?;
    println!("comparing live figures with the log and with the warehouse");
    let comparison: Comparison = client::ask_watching(&settings, &Request::Verify, |text| {
        println!("    {}", text.as_str().unwrap_or_default());
    })?;
    print!("{}", comparison.table());
    let counted = numbered(&settings, &name)?;
    server.stop(&settings)?;
    println!("messages acknowledged {acknowledged}; rows with a number {}, distinct {}", counted.0, counted.1);
    println!("reset: rm -r '{}'", settings.data_dir.display());
    let whole = counted == (acknowledged, acknowledged);
    Ok(if whole && comparison.holds() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// A child that serves; killed when dropped.
struct Server {
    child: Child,
    address: SocketAddr,
}

impl Server {
    fn start(settings: &Settings) -> anyhow::Result<Self> {
        let mut command = Command::new(std::env::current_exe()?);
        command.arg("serve");
        for (name, value) in [
            ("--data-dir", settings.data_dir.display().to_string()),
            ("--listen", settings.listen.to_string()),
            ("--log-filter", settings.log_filter.clone()),
        ] {
            command.arg(name).arg(value);
        }
        if settings.warehouse == WarehouseChoice::None {
            command.args(["--warehouse", "none"]);
        }
        // A server's address may hold a password, which must not stand in the list of processes.
        if let WarehouseChoice::Server(address) = &settings.warehouse {
            command.env("EVENTRA_WAREHOUSE", address);
        }
        let mut child =
            command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().context("starting `eventra serve`")?;
        let output = child.stdout.take().context("the child has no output")?;
        let (sender, first_line) = sync_channel(1);
        std::thread::spawn(move || {
            let mut line = String::new();
            let _ = BufReader::new(output).read_line(&mut line);
            let _ = sender.send(line);
        });
        let line = first_line.recv_timeout(START_WITHIN).unwrap_or_default();
        let Some(address) = line.trim().strip_prefix("http://").and_then(|text| text.parse().ok()) else {
            let _ = child.kill();
            let _ = child.wait();
            bail!("`eventra serve` did not start: its log is above");
        };
        Ok(Self { child, address })
    }

    fn kill(&mut self) -> anyhow::Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    fn stop(mut self, settings: &Settings) -> anyhow::Result<()> {
        client::ask::<Value>(settings, &Request::Stop)?;
        let deadline = Instant::now() + STOP_WITHIN;
        while Instant::now() < deadline {
            if self.child.try_wait()?.is_some() {
                return Ok(());
            }
            std::thread::sleep(RETRY);
        }
        bail!("`eventra serve` did not stop in order")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Gone already is what is wanted.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Starts a conference inside of the process; it ends with the process.
fn load(settings: &Settings, rate: u64, seed: u64) {
    let settings = settings.clone();
    let simulation = crate::control::Simulation { seed, rate, attendees: 500, seconds: None, within_seconds: None };
    std::thread::spawn(move || {
        // It fails when the process is killed: that is the plan.
        let _ = client::ask::<Value>(&settings, &Request::Simulate(simulation));
    });
}

fn kill_engine(settings: &Settings) -> anyhow::Result<&'static str> {
    let status: Value = client::ask(settings, &Request::Status)?;
    let Some(pid) = status["warehouse"]["pid"].as_i64().and_then(|pid| i32::try_from(pid).ok()).and_then(Pid::from_raw)
    else {
        return Ok("");
    };
    kill_process(pid, Signal::KILL).context("killing the engine")?;
    std::thread::sleep(Duration::from_millis(rand::random_range(10..500)));
    Ok("engine and ")
}

/// The client outside: numbers its messages and sends each until it is acknowledged.
struct Sender {
    address: Arc<Mutex<SocketAddr>>,
    acknowledged: Arc<AtomicU64>,
    stop: Arc<AtomicBool>,
    thread: std::thread::JoinHandle<()>,
}

impl Sender {
    fn start(key: String, name: &str, address: SocketAddr) -> anyhow::Result<Self> {
        let address = Arc::new(Mutex::new(address));
        let (acknowledged, stop) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
        let name = name.to_owned();
        let thread = std::thread::Builder::new().name("numbers".into()).spawn({
            let (address, acknowledged, stop) = (Arc::clone(&address), Arc::clone(&acknowledged), Arc::clone(&stop));
            move || {
                let mut first = 0;
                loop {
                    let to = *address.lock();
                    let answer = http::post(to, "/v1/batch", &key, &batch(&name, first));
                    // Without an answer nobody knows, so the same numbers go out again: that is what ids are for.
                    if answer.is_ok_and(|status| status == 200) {
                        acknowledged.fetch_add(BATCH, Ordering::Relaxed);
                        first += BATCH;
                        // Only between batches: what went out is sent until it is acknowledged.
                        if stop.load(Ordering::Relaxed) {
                            return;
                        }
                    } else {
                        std::thread::sleep(RETRY);
                    }
                }
            }
        })?;
        Ok(Self { address, acknowledged, stop, thread })
    }

    fn acknowledged(&self) -> u64 {
        self.acknowledged.load(Ordering::Relaxed)
    }

    fn move_to(&self, address: SocketAddr) {
        *self.address.lock() = address;
    }

    fn stop(self) -> anyhow::Result<u64> {
        self.stop.store(true, Ordering::Relaxed);
        let deadline = Instant::now() + START_WITHIN;
        while !self.thread.is_finished() {
            if Instant::now() > deadline {
                bail!("the last messages were not acknowledged");
            }
            std::thread::sleep(RETRY);
        }
        Ok(self.acknowledged.load(Ordering::Relaxed))
    }
}

fn batch(name: &str, first: u64) -> String {
    let messages: Vec<Value> = (first..first + BATCH)
        .map(|number| {
            json!({
                "type": "track",
                "userId": format!("client-{}", number % 50),
                "messageId": format!("{name}-{number}"),
                "event": name,
            })
        })
        .collect();
    json!({ "batch": messages }).to_string()
}

/// Rows of this run's messages, and distinct numbers, of the whole log as the warehouse holds it.
fn numbered(settings: &Settings, name: &str) -> anyhow::Result<(u64, u64)> {
    let place: Where = client::ask(settings, &Request::Warehouse)?;
    let client = warehouse::Client::server(warehouse::Endpoint {
        url: place.url,
        user: place.user,
        password: place.password,
        database: place.database,
    });
    let sql = format!(
        "SELECT count(), uniqExact(message) FROM records WHERE organization = '{ORGANIZATION}' AND name = '{name}'"
    );
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    Ok(runtime.block_on(client.fetch_one::<(u64, u64)>(&sql))?)
}
