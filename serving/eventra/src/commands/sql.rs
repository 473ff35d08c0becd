//! `eventra sql`: asks the warehouse of the running process, once or in a shell.

use std::io::{IsTerminal as _, Read as _, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use warehouse::sql::Format;
use warehouse::{Client, Endpoint, shell};

use crate::control::{Request, client};
use crate::settings::{Settings, WarehouseChoice};

/// ClickHouse's `readonly`: 2 refuses everything that writes but lets a statement choose its settings. The tables are the
/// landing's; one that a slip drops would stay away until the log is landed anew.
const ASKS_ONLY: &str = "2";

/// The most bytes of statements from a pipe; ClickHouse itself takes far less for one.
const SCRIPT_BYTES_MAX: u64 = 16 << 20;

/// Arguments of `eventra sql`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  eventra sql \"SELECT kind, count() FROM records GROUP BY kind\"\n  \
eventra sql --format parquet \"SELECT * FROM records\" > records.parquet\n  eventra sql < report.sql\n  eventra sql        # a shell with history and completion\n\nIt reads only: the tables are functions of the log.")]
pub(crate) struct Arguments {
    /// One or more statements, `;` between them; without any they come from standard input, and a terminal gets a shell
    statement: Option<String>,
    /// table, csv, json (one object per line) or parquet
    #[arg(long, default_value = "table")]
    format: Format,
}

/// Where the warehouse answers, as the process tells its owner.
#[derive(Debug, serde::Serialize, serde::Deserialize)]
pub(crate) struct Where {
    /// Base address.
    pub(crate) url: String,
    /// Account.
    pub(crate) user: String,
    /// Its password; it changes with each start of the engine.
    pub(crate) password: String,
    /// Database.
    pub(crate) database: String,
}

pub(crate) fn run(arguments: &Arguments, settings: &Settings) -> anyhow::Result<ExitCode> {
    let client = Client::server(endpoint(settings)?).with_setting("readonly", ASKS_ONLY);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let script = match &arguments.statement {
        Some(statement) => statement.clone(),
        None if std::io::stdin().is_terminal() => {
            let history = history();
            shell::run(client, runtime.handle(), history.as_deref(), arguments.format)?;
            return Ok(ExitCode::SUCCESS);
        }
        None => script()?,
    };
    let statements = shell::statements(&script);
    if statements.is_empty() {
        bail!("there is no statement");
    }
    if arguments.format == Format::Parquet && std::io::stdout().is_terminal() {
        bail!("a Parquet file is not for a terminal: write it into a file with `> FILE`");
    }
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    for statement in statements {
        runtime.block_on(warehouse::sql::run(&client, statement, arguments.format, &mut out))?;
    }
    out.flush()?;
    Ok(ExitCode::SUCCESS)
}

/// What comes from a pipe or a file: statements, the first wrong one of which ends it.
fn script() -> anyhow::Result<String> {
    let mut script = String::new();
    std::io::stdin().lock().take(SCRIPT_BYTES_MAX + 1).read_to_string(&mut script).context("reading statements")?;
    if script.len() as u64 > SCRIPT_BYTES_MAX {
        bail!("more than {} MiB of statements; give them in parts", SCRIPT_BYTES_MAX >> 20);
    }
    Ok(script)
}

/// Where the warehouse answers: a server by itself, the embedded engine through its process.
///
/// # Errors
/// When no process runs, or the engine is being restarted.
pub(super) fn endpoint(settings: &Settings) -> anyhow::Result<Endpoint> {
    // A server answers without us; the embedded engine lives in the process.
    if let WarehouseChoice::Server(address) = &settings.warehouse {
        return Ok(Endpoint::parse(address)?);
    }
    let place: Where = client::ask(settings, &Request::Warehouse)?;
    Ok(Endpoint { url: place.url, user: place.user, password: place.password, database: place.database })
}

/// The file of the shell's history, under the user's data directory.
fn history() -> Option<PathBuf> {
    let folder = warehouse::engine::find::user_data_dir(|name| std::env::var_os(name))?.join("eventra");
    std::fs::create_dir_all(&folder).context("history").ok()?;
    Some(folder.join("sql_history"))
}
