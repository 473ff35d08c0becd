//! Starts real engines for tests.

use std::path::{Path, PathBuf};
use std::time::Duration;

use warehouse::Client;
use warehouse::engine::{Engine, EngineConfig, EngineState, find};

/// Longest wait for anything in these tests: a hang is a failure.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// The host executable that becomes the engine's child process.
pub(crate) fn host() -> PathBuf {
    env!("CARGO_BIN_EXE_warehouse-engine-host").into()
}

/// The installed engine; a machine without it fails here, with the command that installs it.
pub(crate) fn library() -> PathBuf {
    find::library(|name| std::env::var_os(name), None).unwrap_or_else(|error| panic!("{error}"))
}

pub(crate) fn config(root: &Path) -> EngineConfig {
    EngineConfig {
        library: library(),
        command: vec![host().into()],
        root: root.to_path_buf(),
        password: "test password".to_owned(),
        memory_bytes: 2 << 30,
    }
}

pub(crate) async fn start(root: &Path) -> (Engine, Client) {
    let engine = Engine::start(config(root)).await.unwrap_or_else(|error| panic!("{error}"));
    let client = Client::embedded(engine.endpoint());
    (engine, client)
}

/// Kills the engine as a crash would, and returns its process id.
pub(crate) fn kill(engine: &Engine) -> u32 {
    let pid = engine.status().pid.expect("the engine runs");
    let raw = rustix::process::Pid::from_raw(pid.try_into().unwrap()).unwrap();
    rustix::process::kill_process(raw, rustix::process::Signal::KILL).unwrap();
    pid
}

/// Waits until the engine runs as another process than `old`.
pub(crate) async fn restarted(engine: &Engine, old: u32) {
    let mut endpoint = engine.endpoint();
    let wait = async {
        loop {
            let status = engine.status();
            if status.state == EngineState::Running && status.pid.is_some_and(|pid| pid != old) {
                return;
            }
            endpoint.changed().await.unwrap();
        }
    };
    tokio::time::timeout(PATIENCE, wait).await.expect("the engine is restarted");
}

pub(crate) async fn number(client: &Client, sql: &str) -> u64 {
    client.fetch_one(sql).await.unwrap_or_else(|error| panic!("{sql}: {error}"))
}
