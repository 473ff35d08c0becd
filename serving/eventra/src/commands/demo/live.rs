//! The demo that people watch: starts everything in this process, plays a conference, shows it, compares at the end.

use std::io::IsTerminal as _;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::sync_channel;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use serde_json::Value;

use super::setting::USER;
use super::{Arguments, setting};
use crate::commands::{engine, top};
use crate::control::{Simulation, client};
use crate::node::{Core, Node};
use crate::settings::{Loaded, Settings, WarehouseChoice};

/// How long a demo without a terminal runs unless DEMO_SECONDS says otherwise.
const SECONDS: u64 = 60;
/// How long the conference takes on a terminal.
const PLAY_SECONDS: u64 = 300;
/// How long the introduction stays before the live view covers it.
const READ_WITHIN: Duration = Duration::from_secs(15);
/// How often a demo without a terminal says where it is.
const SAY_EVERY: Duration = Duration::from_secs(5);
/// How often it looks whether it should end.
const LOOK: Duration = Duration::from_millis(100);

pub(super) fn run(arguments: &Arguments, loaded: &Loaded) -> anyhow::Result<ExitCode> {
    let settings = setting::settings(loaded, "demo")?;
    let terminal = std::io::stdout().is_terminal();
    crate::logging::start(&settings)?;
    if client::is_running(&settings) {
        bail!(
            "a demo already runs in `{}`; end it with Ctrl-C, or start this one elsewhere: EVENTRA_DATA_DIR=DIR make demo",
            settings.data_dir.display()
        );
    }
    println!(
        "1/4 engine: ClickHouse as a library (178 MB to download once, 566 MB on disk; 1 to 3 minutes the first time)"
    );
    if settings.warehouse == WarehouseChoice::Embedded {
        engine::install_engine(None)?;
    }
    println!("2/4 start: log, dataflow, views, engine and HTTP in one process (some seconds)");
    let interrupted = crate::commands::interrupted()?;
    let node = Node::start(&settings)?;
    let limit = setting::seconds().or((!terminal).then_some(SECONDS));
    let simulation = setting::conference(arguments, limit.unwrap_or(PLAY_SECONDS));
    println!(
        "3/4 conference: {} people, weeks of registration and two days within {} s",
        simulation.attendees,
        limit.unwrap_or(PLAY_SECONDS)
    );
    let play = Play::start(simulation, &node)?;
    let link = node.core().sign_in_link_for(setting::USER)?;
    introduce(&settings, &node, &play.key, &link);
    let limit = limit.map(Duration::from_secs);
    let started = Instant::now();
    let over = || {
        // On a terminal the figures stay until somebody has seen enough.
        let played = !terminal && play.is_over();
        interrupted.load(Ordering::Relaxed) || played || limit.is_some_and(|limit| started.elapsed() >= limit)
    };
    if terminal {
        wait_for_enter();
        top::watch(|| Ok(node.core().figures()), over)?;
    } else {
        report(node.core(), over);
    }
    let played = play.stop()?;
    println!("4/4 comparing live figures with a recount of the log and with the warehouse (some seconds)");
    println!("    played: {played}");
    let comparison = node.core().verify(&|text| {
        println!("    {text}");
        Ok(())
    });
    node.stop();
    let comparison = comparison?;
    print!("{}", comparison.table());
    println!("reset: rm -r '{}'", settings.data_dir.display());
    Ok(if comparison.holds() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The conference on its own thread.
struct Play {
    key: String,
    stop: Arc<AtomicBool>,
    thread: std::thread::JoinHandle<anyhow::Result<Value>>,
}

impl Play {
    fn start(simulation: Simulation, node: &Node) -> anyhow::Result<Self> {
        let organization = node.core().prepare_conference(&simulation)?;
        let (document, key) = setting::key(organization, "Summit Series")?;
        node.core().apply(&document)?;
        let stop = Arc::new(AtomicBool::new(false));
        let (core, raised) = (Arc::clone(node.core()), Arc::clone(&stop));
        let thread = std::thread::Builder::new()
            .name("conference".into())
            .spawn(move || core.simulate(&simulation, &mut |_| Ok(()), &|| raised.load(Ordering::Relaxed)))?;
        Ok(Self { key, stop, thread })
    }

    fn is_over(&self) -> bool {
        self.thread.is_finished()
    }

    fn stop(self) -> anyhow::Result<Value> {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().ok().context("the conference's thread panicked")?
    }
}

fn introduce(settings: &Settings, node: &Node, key: &str, link: &str) {
    let address = node.address();
    let data_dir = settings.data_dir.display();
    let sql = node.sql_address().map_or_else(String::new, |sql| {
        format!(
            "
    The same from ClickHouse's own clients (the user's name is free), each organization its own rows:
      curl 'http://{sql}/?user=me&password='$KEY --data 'SELECT kind, count() FROM records GROUP BY kind FORMAT PrettyCompact'
"
        )
    });
    // `make demo` leaves the binary in the build cache, where no shell looks for it.
    let eventra = std::env::current_exe().map_or_else(|_| "eventra".into(), |path| path.display().to_string());
    println!(
        "
    address   http://{address}
    sign in   {link}
              (as {USER}, once, within 15 minutes; another one: eventra sign-in-link {USER})

    Move a count that has your name on it:
      KEY={key}
      curl -u $KEY: http://{address}/v1/track -H 'Content-Type: application/json' \\
        -d '{{\"userId\":\"you\",\"event\":\"session_joined\",\"properties\":{{\"event\":\"my-event\",\"session\":\"my-talk\"}}}}'
      curl -u $KEY: 'http://{address}/v1/views/windows?event=my-event&session=my-talk&kind=session_joined'

    Three questions for SQL, from another terminal:
      alias eventra='{eventra}'; export EVENTRA_DATA_DIR='{data_dir}'
      eventra sql \"SELECT kind, count() FROM records GROUP BY kind ORDER BY 2 DESC\"
      eventra sql \"SELECT leaderboard, participant, score FROM leaderboard_scores WHERE scope = 'all_time' ORDER BY score DESC LIMIT 5\"
      eventra sql \"SELECT reasons, count() FROM fraud_scores WHERE score > 0 GROUP BY reasons ORDER BY 2 DESC LIMIT 5\"
{sql}
    stop      Ctrl-C (it compares the figures and ends)
    reset     rm -r '{data_dir}'
"
    );
}

fn wait_for_enter() {
    println!("The live view opens in {} s; press Enter to open it now.", READ_WITHIN.as_secs());
    let (sender, entered) = sync_channel(1);
    std::thread::spawn(move || {
        let mut line = String::new();
        let _ = std::io::stdin().read_line(&mut line);
        let _ = sender.send(());
    });
    let _ = entered.recv_timeout(READ_WITHIN);
}

fn report(core: &Core, over: impl Fn() -> bool) {
    let mut before = core.figures();
    let mut said = Instant::now();
    while !over() {
        std::thread::sleep(LOOK);
        if said.elapsed() >= SAY_EVERY {
            let now = core.figures();
            print!("{}", top::draw(&now, Some((&before, said.elapsed())), top::Size::USUAL));
            println!();
            (before, said) = (now, Instant::now());
        }
    }
}
