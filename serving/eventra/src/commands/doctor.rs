//! `eventra doctor`: checks a set-up and says what to mend.

use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, ExitCode};

use eventlog::clock::{Clock as _, SystemClock};
use records::Timestamp;
use warehouse::engine::find;

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

fn directory(path: &Path) -> Finding {
    let made = std::fs::create_dir_all(path).and_then(|()| {
        let probe = path.join(".doctor");
        std::fs::write(&probe, b"x")?;
        std::fs::remove_file(&probe)
    });
    match made {
        Ok(()) => Good(path.display().to_string()),
        Err(error) => Bad(
            format!("`{}` cannot be written: {error}", path.display()),
            format!(
                "give it to this user (`chown -R \"$USER\" '{}'`), or choose another with --data-dir",
                path.display()
            ),
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
            Ok(_) => Good("a server; `eventra status` says whether it answers".into()),
            Err(error) => Bad(error.to_string(), "correct `warehouse`".into()),
        },
        WarehouseChoice::Embedded => embedded(),
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
