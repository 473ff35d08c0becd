//! pretix with PostgreSQL on free ports of the loopback, from an empty database to a shop that sells; both end with the value.

use std::io::BufRead as _;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::Context as _;

use crate::peers::{cache, scripts};
use crate::report::say;

/// Processes that answer: its documentation's advice for two cores.
const WORKERS: &str = "3";
/// How long a server may take until it listens.
const START: Duration = Duration::from_secs(120);
const LOOK: Duration = Duration::from_millis(100);
/// Whom the database server runs as where we are root, as which it refuses to run: Debian's `nobody`.
const NOBODY: u32 = 65_534;

/// A process that is ended with its value.
struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        // The first process ends its children when it is asked to; what is left is ended with it.
        let pid = rustix::process::Pid::from_child(&self.0);
        let asked = rustix::process::kill_process(pid, rustix::process::Signal::INT);
        if asked.is_err() || self.0.wait().is_err() {
            let _ = self.0.kill();
        }
    }
}

/// A shop that sells.
pub(super) struct Shop {
    pub(super) address: SocketAddr,
    pub(super) item: u64,
    token: String,
    _server: Ended,
    _database: Ended,
    _folder: tempfile::TempDir,
}

impl Shop {
    /// Makes the database (about two minutes) and starts both servers.
    pub(super) fn start() -> anyhow::Result<Self> {
        let python = cache()?.join("pretix/bin");
        anyhow::ensure!(python.join("gunicorn").is_file(), "no pretix; run benches/peers/install.sh pretix");
        let folder = tempfile::Builder::new().prefix("pretix").tempdir_in(crate::rows::base()?)?;
        let (database, postgres) = database(folder.path())?;
        let address = free()?;
        let settings = folder.path().join("pretix.cfg");
        std::fs::create_dir(folder.path().join("data"))?;
        std::fs::write(&settings, configuration(folder.path(), address, postgres))?;
        let command = |program: &str, words: &[&str]| {
            let mut command = Command::new(python.join(program));
            command.args(words).current_dir(folder.path()).stdin(Stdio::null());
            command.env("PRETIX_CONFIG_FILE", &settings).env("DJANGO_SETTINGS_MODULE", "pretix.settings");
            command
        };
        say!("pretix makes its database");
        done(command("python", &["-m", "pretix", "migrate"]), &folder.path().join("migrate.log"))?;
        let script = scripts().join("pretix_shop.py");
        let made = command("python", &[script.to_str().context("a path is text")?]).stderr(Stdio::null()).output()?;
        let last = made.stdout.lines().map_while(Result::ok).last().context("the shop was not made")?;
        let shop: serde_json::Value = serde_json::from_str(&last).context("the shop was not made")?;
        let bind = address.to_string();
        let mut server = command("gunicorn", &["pretix.wsgi", "--workers", WORKERS, "--bind", &bind]);
        let log = std::fs::File::create(folder.path().join("gunicorn.log"))?;
        let server = Ended(server.stdout(log.try_clone()?).stderr(log).spawn()?);
        listens(address)?;
        let token = shop["token"].as_str().context("the shop has a token")?.to_owned();
        let item = shop["item"].as_u64().context("the shop has an item")?;
        Ok(Self { address, item, token, _server: server, _database: database, _folder: folder })
    }

    /// What goes with every request.
    pub(super) fn headers(&self) -> String {
        format!("Authorization: Token {}\r\nAccept: application/json\r\n", self.token)
    }

    /// Where orders are made.
    pub(super) fn orders(&self) -> String {
        "/api/v1/organizers/bench/events/conf/orders/".to_owned()
    }
}

fn configuration(folder: &Path, address: SocketAddr, postgres: SocketAddr) -> String {
    format!(
        "[pretix]\ninstance_name=bench\nurl=http://{address}\ncurrency=EUR\ndatadir={}\n[database]\nbackend=postgresql\n\
         name=pretix\nuser=pretix\nhost=127.0.0.1\nport={}\n[django]\nsecret=benchmark\ndebug=off\n",
        folder.join("data").display(),
        postgres.port()
    )
}

/// The newest PostgreSQL that Debian has installed, or that was unpacked into the cache.
fn programs() -> anyhow::Result<PathBuf> {
    let of = |root: PathBuf| {
        let versions = std::fs::read_dir(root).into_iter().flatten().filter_map(Result::ok);
        let mut found: Vec<PathBuf> = versions.map(|version| version.path().join("bin")).collect();
        found.retain(|folder| folder.join("initdb").is_file());
        found.sort();
        found.pop()
    };
    let unpacked = cache()?.join("postgres/usr/lib/postgresql");
    let found = of("/usr/lib/postgresql".into()).or_else(|| of(unpacked));
    found.context("no PostgreSQL; run benches/peers/install.sh pretix")
}

/// A database server with Debian's settings (each commit is synced), and an empty database.
fn database(folder: &Path) -> anyhow::Result<(Ended, SocketAddr)> {
    let (programs, home, address) = (programs()?, folder.join("postgres"), free()?);
    std::fs::create_dir(&home)?;
    let is_root = rustix::process::geteuid().is_root();
    if is_root {
        std::os::unix::fs::chown(&home, Some(NOBODY), Some(NOBODY))?;
        // Temporary folders are their owner's alone.
        std::fs::set_permissions(folder, std::os::unix::fs::PermissionsExt::from_mode(0o755))?;
    }
    let command = |program: &str| {
        let mut command = Command::new(programs.join(program));
        command.current_dir(&home).stdin(Stdio::null());
        if is_root {
            command.uid(NOBODY).gid(NOBODY);
        }
        command
    };
    let files = home.join("db");
    let mut made = command("initdb");
    made.args(["-U", "pretix", "-A", "trust", "-D"]).arg(&files);
    done(made, &folder.join("initdb.log"))?;
    let mut server = command("postgres");
    server.arg("-D").arg(&files).args(["-p", &address.port().to_string(), "-c", "listen_addresses=127.0.0.1", "-c"]);
    server.arg(format!("unix_socket_directories={}", home.display()));
    let log = std::fs::File::create(folder.join("postgres.log"))?;
    let server = Ended(server.stdout(log.try_clone()?).stderr(log).spawn()?);
    listens(address)?;
    let mut create = command("createdb");
    create.args(["-h", "127.0.0.1", "-p", &address.port().to_string(), "-U", "pretix", "pretix"]);
    done(create, &folder.join("createdb.log"))?;
    Ok((server, address))
}

fn free() -> anyhow::Result<SocketAddr> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?)
}

fn listens(address: SocketAddr) -> anyhow::Result<()> {
    let started = Instant::now();
    while TcpStream::connect_timeout(&address, LOOK).is_err() {
        anyhow::ensure!(started.elapsed() < START, "nobody listens at {address}");
        std::thread::sleep(LOOK);
    }
    Ok(())
}

/// Runs a command to its end; what it says goes into a file that an error quotes the end of.
fn done(mut command: Command, log: &Path) -> anyhow::Result<()> {
    let file = std::fs::File::create(log)?;
    let status = command.stdout(file.try_clone()?).stderr(file).status()?;
    if status.success() {
        return Ok(());
    }
    let said = std::fs::read_to_string(log).unwrap_or_default();
    let last: Vec<&str> = said.lines().rev().take(5).collect();
    anyhow::bail!("{command:?} ended with {status}: {last:?}")
}
