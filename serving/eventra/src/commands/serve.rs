//! `eventra serve`: everything in one process, until it is told to stop.

use std::process::ExitCode;

use crate::node::Node;
use crate::settings::Settings;

/// Arguments of `eventra serve`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "SIGTERM or Ctrl-C ends it in order: nothing more is taken, what was taken is made durable, the \
views are saved, what can land lands, the engine stops. A second signal ends it at once; nothing acknowledged is lost."
)]
pub(crate) struct Arguments {}

pub(crate) fn run(_: &Arguments, settings: &Settings) -> anyhow::Result<ExitCode> {
    crate::logging::start(settings)?;
    let interrupted = crate::commands::interrupted()?;
    let node = Node::start(settings)?;
    // Scripts read the first line: it says where.
    let sql = node.sql_address().map_or_else(String::new, |address| format!("\nsql http://{address}"));
    // In one piece: who has read the first line may not wait for the second.
    println!("http://{}{sql}", node.address());
    node.run_until(|| interrupted.load(std::sync::atomic::Ordering::Relaxed));
    let clean = node.stop();
    // A stop that had to cut something off loses nothing, but whoever watches should know.
    Ok(if clean { ExitCode::SUCCESS } else { ExitCode::from(2) })
}
