//! Keeps one engine running: starts it, restarts it when it dies, stops it.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::process::{Launch, Process, StartError};
use super::{config, release};
use crate::client::Endpoint;

/// First pause before a restart; doubles up to [`LONGEST_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_millis(100);
/// An engine that cannot start (a full disk, say) is tried again this often, for as long as Eventra runs.
const LONGEST_PAUSE: Duration = Duration::from_secs(15);
/// A run of this length was healthy: the next pause is short again.
const HEALTHY_AFTER: Duration = Duration::from_secs(60);
/// Ports are picked before they are taken; three losses of that race in a row do not happen by chance.
const PORT_TRIES: u32 = 3;
/// After kill -9 of Eventra its old engine needs a moment to see the closed pipe and let go of its files.
const PREDECESSOR_WITHIN: Duration = Duration::from_secs(5);
const PREDECESSOR_PAUSE: Duration = Duration::from_millis(200);

/// What an engine is started with.
#[derive(Debug, Clone)]
pub struct EngineConfig {
    /// The library, from [`super::find::library`].
    pub library: PathBuf,
    /// Program and leading arguments of the child (`[current_exe, "__engine"]`): it must call [`super::child::run`] with the rest.
    pub command: Vec<OsString>,
    /// Folder of the engine's data, configuration and log; made when absent.
    pub root: PathBuf,
    /// Password of the engine's only account: the caller draws it anew for each start.
    pub password: String,
    /// Most memory that the engine may take for queries and merges, bytes.
    pub memory_bytes: u64,
}

/// Whether the engine can be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EngineState {
    /// It answers.
    Running,
    /// It died and is being started again; the reason of the newest failure.
    Restarting(String),
    /// It was told to stop.
    Stopped,
}

/// What is known about the engine now.
#[derive(Debug, Clone)]
pub struct EngineStatus {
    /// Whether it can be used.
    pub state: EngineState,
    /// Process id, when it runs.
    pub pid: Option<u32>,
    /// Loopback port, when it runs.
    pub port: Option<u16>,
    /// Version of the library's release that this build expects.
    pub version: &'static str,
    /// Since the last start.
    pub uptime: Option<Duration>,
    /// Starts after the first.
    pub restarts: u64,
    /// Resident memory, bytes; most of the first 200 MB are pages of the library's file.
    pub resident_bytes: Option<u64>,
}

#[derive(Debug, Clone)]
struct Run {
    state: EngineState,
    pid: Option<u32>,
    port: Option<u16>,
    started: Option<Instant>,
    restarts: u64,
}

/// A supervised engine. Dropping it kills the child; [`Engine::stop`] ends it in order.
#[derive(Debug)]
pub struct Engine {
    run: watch::Receiver<Run>,
    endpoint: watch::Receiver<Option<Endpoint>>,
    stop: Option<oneshot::Sender<()>>,
    task: JoinHandle<bool>,
}

impl Engine {
    /// Writes the configuration, starts the child and returns once it answers.
    ///
    /// # Errors
    /// See [`StartError`]; the reason is the engine's own where it gave one.
    pub async fn start(config: EngineConfig) -> Result<Self, StartError> {
        let launch = prepare(&config)?;
        let process = start_after_predecessor(&launch).await?;
        let (run_sender, run) = watch::channel(Run {
            state: EngineState::Running,
            pid: Some(process.pid),
            port: Some(process.port),
            started: Some(Instant::now()),
            restarts: 0,
        });
        let (endpoint_sender, endpoint) = watch::channel(Some(endpoint_of(&process, &config.password)));
        let (stop, stopped) = oneshot::channel();
        let keeper = Keeper { launch, password: config.password, run: run_sender, endpoint: endpoint_sender };
        let task = tokio::spawn(keeper.keep(process, stopped));
        Ok(Self { run, endpoint, stop: Some(stop), task })
    }

    /// Returns where the engine answers, as it changes; `None` while it is being restarted.
    pub fn endpoint(&self) -> watch::Receiver<Option<Endpoint>> {
        self.endpoint.clone()
    }

    /// Returns what is known about the engine now.
    pub fn status(&self) -> EngineStatus {
        let run = self.run.borrow().clone();
        EngineStatus {
            resident_bytes: run.pid.and_then(resident_bytes),
            state: run.state,
            pid: run.pid,
            port: run.port,
            version: release::VERSION,
            uptime: run.started.map(|started| started.elapsed()),
            restarts: run.restarts,
        }
    }

    /// Stops the engine in order, killing it if it does not stop within ten seconds; returns whether it stopped by itself.
    pub async fn stop(mut self) -> bool {
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
        (&mut self.task).await.unwrap_or(false)
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn prepare(config: &EngineConfig) -> Result<Launch, StartError> {
    let write = || {
        // The engine resolves a relative path twice when it syncs a part's directory, and then every insert fails.
        let root = std::path::absolute(&config.root)?;
        std::fs::create_dir_all(root.join("data"))?;
        config::write(&root, &config.password, config.memory_bytes)?;
        Ok(root)
    };
    let root = write().map_err(|error| StartError::Folder { path: config.root.clone(), error })?;
    Ok(Launch {
        command: config.command.clone(),
        library: config.library.clone(),
        data: root.join("data"),
        config: root.join("config.xml"),
    })
}

fn endpoint_of(process: &Process, password: &str) -> Endpoint {
    Endpoint {
        url: format!("http://127.0.0.1:{}{}", process.port, config::path(password)),
        user: config::USER.to_owned(),
        password: password.to_owned(),
        database: config::DATABASE.to_owned(),
    }
}

async fn start_after_predecessor(launch: &Launch) -> Result<Process, StartError> {
    let deadline = Instant::now() + PREDECESSOR_WITHIN;
    loop {
        match start_on_a_free_port(launch).await {
            Err(StartError::InUse(_)) if Instant::now() < deadline => tokio::time::sleep(PREDECESSOR_PAUSE).await,
            outcome => return outcome,
        }
    }
}

async fn start_on_a_free_port(launch: &Launch) -> Result<Process, StartError> {
    for _ in 1..PORT_TRIES {
        match Process::start(launch).await {
            Err(error) if error.is_port_taken() => {}
            outcome => return outcome,
        }
    }
    Process::start(launch).await
}

struct Keeper {
    launch: Launch,
    password: String,
    run: watch::Sender<Run>,
    endpoint: watch::Sender<Option<Endpoint>>,
}

impl Keeper {
    /// Returns whether the engine stopped by itself when told to.
    async fn keep(self, mut process: Process, mut stopped: oneshot::Receiver<()>) -> bool {
        loop {
            tokio::select! {
                _ = &mut stopped => return self.stop(process).await,
                status = process.ended() => {
                    let said = process.last_words().await;
                    let reason = match status {
                        Ok(status) => format!("{status}: {said}"),
                        Err(error) => error.to_string(),
                    };
                    tracing::error!(reason, "engine died");
                    self.down(reason);
                }
            }
            let lived = self.run.borrow().started.map_or(Duration::ZERO, |started| started.elapsed());
            let pause = if lived >= HEALTHY_AFTER { FIRST_PAUSE } else { FIRST_PAUSE * 2 };
            tokio::select! {
                _ = &mut stopped => return self.stopped(true),
                next = self.restart(pause) => process = next,
            }
        }
    }

    async fn restart(&self, mut pause: Duration) -> Process {
        loop {
            tokio::time::sleep(pause).await;
            match start_on_a_free_port(&self.launch).await {
                Ok(process) => {
                    self.up(&process);
                    return process;
                }
                Err(error) => {
                    tracing::error!(%error, "engine did not start");
                    self.down(error.to_string());
                    pause = (pause * 2).min(LONGEST_PAUSE);
                }
            }
        }
    }

    fn up(&self, process: &Process) {
        self.run.send_modify(|run| {
            run.state = EngineState::Running;
            run.pid = Some(process.pid);
            run.port = Some(process.port);
            run.started = Some(Instant::now());
            run.restarts += 1;
        });
        self.endpoint.send_replace(Some(endpoint_of(process, &self.password)));
    }

    fn down(&self, reason: String) {
        self.endpoint.send_replace(None);
        self.run.send_modify(|run| {
            run.state = EngineState::Restarting(reason);
            run.pid = None;
            run.port = None;
        });
    }

    async fn stop(&self, process: Process) -> bool {
        self.endpoint.send_replace(None);
        let by_itself = process.stop().await;
        self.stopped(by_itself)
    }

    fn stopped(&self, by_itself: bool) -> bool {
        self.endpoint.send_replace(None);
        self.run.send_modify(|run| {
            run.state = EngineState::Stopped;
            run.pid = None;
            run.port = None;
            run.started = None;
        });
        by_itself
    }
}

fn resident_bytes(pid: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:"))?;
    let kibibytes: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kibibytes * 1024)
}
