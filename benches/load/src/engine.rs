//! The embedded ClickHouse as the product runs it: a child process of this program, migrated, with its CPU time.

use std::time::Duration;

use anyhow::Context;
use tokio::runtime::Runtime;
use warehouse::engine::{Engine, EngineConfig, find};
use warehouse::{Client, Endpoint, migrate, schema};

/// The first argument of the program when it is the engine's child process.
pub(crate) const CHILD: &str = "__engine";
/// What the product gives its engine unless told otherwise.
const MEMORY_BYTES: u64 = 1 << 30;

/// A running engine in a folder of its own; it ends with this value.
pub(crate) struct Warehouse {
    pub(crate) runtime: Runtime,
    pub(crate) client: Client,
    engine: Engine,
    _folder: tempfile::TempDir,
}

impl Warehouse {
    /// Starts the installed engine and makes the product's tables.
    pub(crate) fn start() -> anyhow::Result<Self> {
        let executable = std::env::current_exe()?;
        let library = find::library(|name| std::env::var_os(name), Some(&executable))?;
        let folder = tempfile::tempdir_in(crate::rows::base()?)?;
        let config = EngineConfig {
            library,
            command: vec![executable.into(), CHILD.into()],
            root: folder.path().join("engine"),
            // Loopback, a port that nobody knows, and rows that anybody may have.
            password: "benchmark".into(),
            memory_bytes: MEMORY_BYTES,
        };
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
        let engine = runtime.block_on(Engine::start(config)).context("the engine does not start")?;
        let client = Client::embedded(engine.endpoint());
        runtime.block_on(migrate::migrate(&client, &schema::tables())).context("migrating the engine")?;
        Ok(Self { runtime, client, engine, _folder: folder })
    }

    /// CPU time of the engine's process.
    pub(crate) fn cpu(&self) -> anyhow::Result<Duration> {
        let pid = self.engine.status().pid.context("the engine has died")?;
        Ok(crate::cpu::of_process(pid)?)
    }

    /// Where it answers.
    pub(crate) fn endpoint(&self) -> anyhow::Result<Endpoint> {
        self.engine.endpoint().borrow().clone().context("the engine has died")
    }

    /// Runs a statement.
    pub(crate) fn execute(&self, sql: &str) -> anyhow::Result<()> {
        Ok(self.runtime.block_on(self.client.execute(sql))?)
    }

    /// The one number that a query answers with.
    pub(crate) fn number(&self, sql: &str) -> anyhow::Result<u64> {
        Ok(self.runtime.block_on(self.client.fetch_one(sql))?)
    }
}
