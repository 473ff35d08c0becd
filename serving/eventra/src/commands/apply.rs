//! `eventra apply`: makes the facts say what a file says. Through the running process, or under the directory's lock.

use std::path::PathBuf;
use std::process::ExitCode;

use crate::control::{Request, client};
use crate::document;
use crate::facts::Made;
use crate::node::offline;
use crate::settings::Settings;

/// Arguments of `eventra apply`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Applying the same file twice changes nothing. Keys without a secret are made and shown once.\n\n\
Example:\n  eventra apply conference.toml"
)]
pub(crate) struct Arguments {
    /// A TOML or JSON file
    file: PathBuf,
    /// Only check the file
    #[arg(long)]
    check: bool,
}

/// What an application did.
#[derive(Debug, Default, serde::Serialize, serde::Deserialize)]
pub(crate) struct Applied {
    /// Facts that were appended.
    pub(crate) facts: usize,
    /// Keys that were made.
    pub(crate) made: Vec<Made>,
}

pub(crate) fn run(arguments: &Arguments, settings: &Settings) -> anyhow::Result<ExitCode> {
    let document = document::read(&arguments.file)?;
    if arguments.check {
        println!("`{}` is in order", arguments.file.display());
        return Ok(ExitCode::SUCCESS);
    }
    let applied: Applied = if client::is_running(settings) {
        client::ask(settings, &Request::Apply { document })?
    } else {
        offline::apply(settings, &document)?
    };
    match applied.facts {
        0 => println!("nothing to do: everything in `{}` stands already", arguments.file.display()),
        facts => println!("{facts} fact(s) appended"),
    }
    for made in &applied.made {
        println!("key `{}` of `{}` (shown only now): {}", made.name, made.organization, made.secret);
    }
    Ok(ExitCode::SUCCESS)
}
