//! `eventra erase`: destroys a person's key in the running process.

use std::process::ExitCode;

use crate::control::{Request, client};
use crate::settings::Settings;

/// Arguments of `eventra erase`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Exit code 1 when the organization is not known here; 0 when nobody is known by the id (any more), so that an erasure
may be repeated.\n\nExample:\n  eventra erase someone@example.org --organization acme"
)]
pub(crate) struct Arguments {
    /// The user id as the organization's systems send it; anonymous ids linked to it are erased too
    subject: String,
    /// The organization's id
    #[arg(long, value_name = "ID")]
    organization: String,
}

/// What an erasure did.
#[derive(Debug, serde::Serialize, serde::Deserialize)]
pub(crate) struct Erased {
    /// Keys that were destroyed: the person's and those of linked anonymous ids.
    pub(crate) keys: usize,
    /// Whether the warehouse has dropped the old values too.
    pub(crate) warehouse: bool,
}

/// The same, with what the command line needs to say the right thing.
#[derive(Debug, serde::Serialize, serde::Deserialize)]
pub(crate) struct Told {
    /// What was done now.
    #[serde(flatten)]
    pub(crate) erased: Erased,
    /// Whether the warehouse has yet to drop values of somebody who was erased, now or earlier.
    pub(crate) pending: bool,
}

pub(crate) fn run(arguments: &Arguments, settings: &Settings) -> anyhow::Result<ExitCode> {
    let request = Request::Erase { subject: arguments.subject.clone(), organization: arguments.organization.clone() };
    let Told { erased, pending } = client::ask(settings, &request)?;
    if erased.keys == 0 {
        // Nothing is kept by which the two could be told apart: that is what an erasure is.
        println!(
            "nobody is known by this id in `{}`: erased already, or never seen (ids are compared to the letter); nothing was \
             changed",
            arguments.organization
        );
        if pending {
            println!("the warehouse has yet to drop values of an earlier erasure; that is tried every few seconds");
        }
        return Ok(ExitCode::SUCCESS);
    }
    println!("{} key(s) destroyed; personal fields in the log can no longer be read", erased.keys);
    if !erased.warehouse {
        println!("the warehouse is not reachable: it drops the old values when it is back");
    }
    Ok(ExitCode::SUCCESS)
}
