//! The command line: what there is to say, and which file answers.

use std::collections::BTreeMap;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::commands::{
    apply, completions, config, dead_letters, demo, doctor, engine, erase, import, leaderboard, log, openapi, replay,
    serve, simulate, sql, status, top, user, verify,
};
use crate::settings::{Flags, load};

/// The hidden word by which the binary starts itself as the engine's process.
pub(crate) const ENGINE_CHILD: &str = "__engine";

const EXAMPLES: &str = "\
Examples:
  eventra serve                          start everything; prints the address
  eventra apply conference.toml          organizations, keys, events, rules
  eventra simulate --rate 2000           a live conference against the running process
  eventra top                            watch it
  eventra sql \"SELECT kind, count() FROM records GROUP BY kind\"
  eventra verify                         live figures = the log = the warehouse?

One ordered log is the truth; live views and ClickHouse rows are functions of it.";

/// An event platform's log, live views and warehouse in one process.
#[derive(Debug, Parser)]
#[command(name = "eventra", version, after_help = EXAMPLES, arg_required_else_help = true)]
pub(crate) struct Cli {
    #[command(flatten)]
    flags: Flags,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run everything in this process until SIGTERM or Ctrl-C
    Serve(serve::Arguments),
    /// Make the facts say what a file says: organizations, keys, events, items, rules
    Apply(apply::Arguments),
    /// Destroy a person's key: what is personal becomes unreadable everywhere, counts stay
    Erase(erase::Arguments),
    /// Users of the pages: make one, let them do something
    #[command(subcommand)]
    User(user::Command),
    /// Print a link that signs a user in, once
    SignInLink(user::Link),
    /// Start a leaderboard again; what it held is archived
    #[command(subcommand)]
    Leaderboard(leaderboard::Command),
    /// Look into the log: inspect, verify, export, repair
    #[command(subcommand)]
    Log(log::Command),
    /// Bring in what other systems know: programmes of events
    #[command(subcommand)]
    Import(import::Command),
    /// Feed a public data set to the running process
    Replay(replay::Arguments),
    /// Run a simulated conference against the running process
    Simulate(simulate::Arguments),
    /// What could not be read: list it, or send it again after a fix
    #[command(subcommand)]
    DeadLetters(dead_letters::Command),
    /// The embedded ClickHouse: install it, see how it is
    #[command(subcommand)]
    Engine(engine::Command),
    /// Ask the warehouse, once or in a shell
    Sql(sql::Arguments),
    /// Watch the running process
    Top(top::Arguments),
    /// How the running process is, as JSON
    Status,
    /// Compare live figures with a recount of the log and with the warehouse
    Verify(verify::Arguments),
    /// Check this set-up and say what to mend
    Doctor,
    /// A conference from nothing: starts, simulates, shows, compares
    Demo(demo::Arguments),
    /// Print the effective settings, secrets blotted out
    Config(config::Arguments),
    /// Print what every HTTP route takes and gives, as OpenAPI 3.1
    Openapi,
    /// Print what a shell needs to complete commands, flags and values
    Completions(completions::Arguments),
}

impl Cli {
    /// Runs the command.
    pub(crate) fn run(self) -> anyhow::Result<ExitCode> {
        let environment: BTreeMap<String, String> = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect();
        let loaded = load(&self.flags, &environment)?;
        let settings = &loaded.settings;
        match self.command {
            Command::Serve(arguments) => serve::run(&arguments, settings),
            Command::Apply(arguments) => apply::run(&arguments, settings),
            Command::Erase(arguments) => erase::run(&arguments, settings),
            Command::User(command) => user::run(&command, settings),
            Command::SignInLink(arguments) => user::link(&arguments, settings),
            Command::Leaderboard(command) => leaderboard::run(&command, settings),
            Command::Log(command) => log::run(&command, settings),
            Command::Import(command) => import::run(&command, settings),
            Command::Replay(arguments) => replay::run(&arguments, settings),
            Command::Simulate(arguments) => simulate::run(&arguments, settings),
            Command::DeadLetters(command) => dead_letters::run(&command, settings),
            Command::Engine(command) => engine::run(&command, settings),
            Command::Sql(arguments) => sql::run(&arguments, settings),
            Command::Top(arguments) => top::run(&arguments, settings),
            Command::Status => status::run(settings),
            Command::Verify(arguments) => verify::run(&arguments, settings),
            Command::Doctor => doctor::run(settings),
            Command::Demo(arguments) => demo::run(&arguments, &loaded),
            Command::Config(arguments) => config::run(&arguments, &loaded),
            Command::Openapi => openapi::run(),
            Command::Completions(arguments) => completions::run(&arguments),
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
