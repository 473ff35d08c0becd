//! `eventra doctor`: checks a set-up and says what to mend.

use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, ExitCode};
use std::time::Duration;

use eventlog::clock::{Clock as _, SystemClock};
use records::Timestamp;
use warehouse::engine::find;

mod analysts;
mod tables;

use crate::control::client;
use crate::settings::{Settings, WarehouseChoice};

/// Below this the log's reserve and the engine's merges get into each other's way.
const DISK_LOW_BYTES: u64 = 2 << 30;
/// Below this the log refuses activity soon.
const DISK_TOO_LOW_BYTES: u64 = 512 << 20;
/// Connections, segments and the engine's parts.
const FILES_LOW: u64 = 4_096;
/// What the process and the engine take at the demo's rate.
const MEMORY_LOW_BYTES: u64 = 1 << 30;
/// How long a server may take to say its version: somebody waits for the answer.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);
/// No clock of a working machine shows less: the time this was written.
const CLOCK_LOW: Timestamp = Timestamp::from_seconds(1_750_000_000);

/// What one check found.
enum Finding {
    Good(String),
    Warning(String, &'static str),
    Bad(String, String),
}

use Finding::{Bad, Good, Warning};

pub(crate) fn run(settings: &Settings) -> anyhow::Result<ExitCode> {
    let running = client::is_running(settings);
    let findings = [
        ("process", process(settings, running)),
        ("data directory", directory(&settings.data_dir)),
        ("disk", disk(&settings.data_dir)),
        ("address", address(settings, running)),
        ("warehouse", warehouse(settings)),
        ("tables", tables::tables(settings, running)),
        ("analysts", analysts::analysts(settings)),
        ("clock", clock()),
        ("open files", files()),
        ("memory", memory()),
    ];
    let mut bad = 0;
    for (name, finding) in &findings {
        match finding {
            Good(text) => println!("ok    {name}: {text}"),
            Warning(text, mend) => println!("warn  {name}: {text}\n      {mend}"),
            Bad(text, mend) => {
                bad += 1;
                println!("BAD   {name}: {text}\n      mend: {mend}");
            }
        }
    }
    println!("{}", if bad == 0 { "everything needed is in order" } else { "mend what is marked BAD" });
    Ok(if bad == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn process(settings: &Settings, running: bool) -> Finding {
    if running {
        return Good(format!("runs and answers on `{}`", settings.socket().display()));
    }
    Good("none runs; `eventra serve` starts one".into())
}

/// Looks without making anything: the directory is made by `serve`, for its owner only.
fn directory(path: &Path) -> Finding {
    let shown = path.display();
    let mend = || format!("give it to this user (`chown -R \"$USER\" '{shown}'`), or choose another with --data-dir");
    let Ok(found) = std::fs::metadata(path) else { return missing_directory(path) };
    if !found.is_dir() {
        return Bad(format!("`{shown}` is a file"), "choose a directory with --data-dir".into());
    }
    let probe = path.join(".doctor");
    if let Err(error) = std::fs::write(&probe, b"x").and_then(|()| std::fs::remove_file(&probe)) {
        return Bad(format!("`{shown}` cannot be written: {error}"), mend());
    }
    let mode = found.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        return Warning(
            format!("others on this machine can look into `{shown}` (mode {mode:o})"),
            "close it with `chmod 700`: keys and pseudonyms lie there",
        );
    }
    Good(shown.to_string())
}

fn missing_directory(path: &Path) -> Finding {
    let parent = path.ancestors().skip(1).find(|parent| parent.exists()).unwrap_or(Path::new("/"));
    if !parent.is_dir() {
        return Bad(format!("`{}` is a file", parent.display()), "choose a directory with --data-dir".into());
    }
    let access = rustix::fs::Access::WRITE_OK | rustix::fs::Access::EXEC_OK;
    match rustix::fs::access(parent, access) {
        Ok(()) => Good(format!("`{}` will be made", path.display())),
        Err(error) => Bad(
            format!("`{}` cannot be made in `{}`: {error}", path.display(), parent.display()),
            "make it as its owner, or choose another with --data-dir".into(),
        ),
    }
}

fn disk(path: &Path) -> Finding {
    let existing = path.ancestors().find(|path| path.exists()).unwrap_or(Path::new("/"));
    let free = match rustix::fs::statvfs(existing) {
        Ok(stat) => stat.f_bavail.saturating_mul(stat.f_frsize),
        Err(error) => return Warning(format!("free space is not known: {error}"), "see `df`"),
    };
    let text = format!("{} MB free", free >> 20);
    match free {
        ..DISK_TOO_LOW_BYTES => Bad(text, "free some space, or move the data directory to a larger disk".into()),
        DISK_TOO_LOW_BYTES..DISK_LOW_BYTES => {
            Warning(text, "the log refuses activity when it gets less; plan for more")
        }
        _ => Good(text),
    }
}

fn address(settings: &Settings, running: bool) -> Finding {
    if running {
        return Good("served by the running process".into());
    }
    match TcpListener::bind(settings.listen) {
        Ok(_) if !settings.listen.ip().is_loopback() => Warning(
            format!("{} is free, and other machines can reach it", settings.listen),
            "put a proxy with TLS before it: keys travel in clear over plain HTTP",
        ),
        Ok(_) => Good(format!("{} is free", settings.listen)),
        Err(error) => Bad(
            format!("{}: {error}", settings.listen),
            "choose another with --listen, or port 0 for a free one".into(),
        ),
    }
}

fn warehouse(settings: &Settings) -> Finding {
    match &settings.warehouse {
        WarehouseChoice::None => {
            Warning("none is configured".into(), "live views work; nothing lands, and `eventra sql` has nothing to ask")
        }
        WarehouseChoice::Server(address) => match warehouse::client::Endpoint::parse(address) {
            Ok(endpoint) => server(endpoint),
            Err(error) => Bad(error.to_string(), "correct `warehouse`".into()),
        },
        WarehouseChoice::Embedded => embedded(),
    }
}

fn server(endpoint: warehouse::Endpoint) -> Finding {
    let url = endpoint.url.clone();
    let asked = tokio::runtime::Builder::new_current_thread().enable_all().build().map(|runtime| {
        runtime.block_on(async {
            let client = warehouse::Client::server(endpoint);
            tokio::time::timeout(ANSWER_WITHIN, client.fetch_one::<String>("SELECT version()")).await
        })
    });
    match asked {
        Ok(Ok(Ok(version))) => Good(format!("ClickHouse {version} answers at {url}")),
        Ok(Ok(Err(error))) => {
            Bad(format!("{url} does not answer as it should: {error}"), "correct address, user and password".into())
        }
        Ok(Err(_)) => Bad(
            format!("{url} does not answer within {} s", ANSWER_WITHIN.as_secs()),
            "start the server, or open the way to it".into(),
        ),
        Err(error) => {
            Warning(format!("a server; it was not asked: {error}"), "`eventra status` says whether it answers")
        }
    }
}

fn embedded() -> Finding {
    let executable = std::env::current_exe().ok();
    match find::library(|name| std::env::var_os(name), executable.as_deref()) {
        Ok(library) => Good(format!("engine at `{}`", library.display())),
        Err(error) => {
            let npm = Command::new("npm").arg("--version").output().is_ok_and(|output| output.status.success());
            let mend = if npm {
                "run `eventra engine install`".to_owned()
            } else {
                "install Node.js with npm and run `eventra engine install`, or pass the package with --from FILE"
                    .to_owned()
            };
            Bad(error.to_string(), mend)
        }
    }
}

fn clock() -> Finding {
    let now = SystemClock.now();
    if now < CLOCK_LOW {
        return Bad(format!("it shows {now}"), "set the clock, and keep it right with NTP".into());
    }
    Good(now.to_string())
}

fn files() -> Finding {
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile).current.unwrap_or(u64::MAX);
    if limit < FILES_LOW {
        return Warning(
            format!("{limit} may be open"),
            "raise it with `ulimit -n 65536`: connections and segments need them",
        );
    }
    Good(format!("{limit} may be open"))
}

fn memory() -> Finding {
    let available = std::fs::read_to_string("/proc/meminfo").ok().and_then(|text| {
        let line = text.lines().find(|line| line.starts_with("MemAvailable:"))?.to_owned();
        line.split_whitespace().nth(1)?.parse::<u64>().ok()
    });
    match available.map(|kibibytes| kibibytes << 10) {
        None => Warning("not known".into(), "this system has no /proc/meminfo"),
        Some(bytes) if bytes < MEMORY_LOW_BYTES => {
            Warning(format!("{} MB available", bytes >> 20), "process and engine take about 800 MB at the demo's rate")
        }
        Some(bytes) => Good(format!("{} MB available", bytes >> 20)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_directory_is_looked_at_and_not_made() {
        let folder = tempfile::tempdir().unwrap();
        let missing = folder.path().join("a/b");
        assert!(matches!(directory(&missing), Good(text) if text.contains("will be made")));
        assert!(!folder.path().join("a").exists(), "whoever asks how things are must not change them");
        let file = folder.path().join("file");
        std::fs::write(&file, "").unwrap();
        assert!(matches!(directory(&file), Bad(text, _) if text.contains("is a file")));
        assert!(matches!(directory(&file.join("data")), Bad(text, _) if text.contains("is a file")));
        let open = folder.path().join("open");
        std::fs::create_dir(&open).unwrap();
        std::fs::set_permissions(&open, std::fs::Permissions::from_mode(0o755)).unwrap();
        assert!(matches!(directory(&open), Warning(text, _) if text.contains("mode 755")));
        std::fs::set_permissions(&open, std::fs::Permissions::from_mode(0o700)).unwrap();
        assert!(matches!(directory(&open), Good(_)));
    }

    #[test]
    fn a_server_that_is_away_is_told() {
        // Port 9 is nobody's.
        let endpoint = warehouse::Endpoint::parse("http://127.0.0.1:9").unwrap();
        assert!(matches!(server(endpoint), Bad(text, _) if text.contains("127.0.0.1:9")));
    }
}
