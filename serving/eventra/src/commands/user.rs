//! `eventra user` and `eventra sign-in-link`: accounts, for whoever owns the process.

use std::process::ExitCode;

use clap::ValueEnum;
use records::fact::Role;

use crate::control::{Request, client};
use crate::settings::Settings;

/// What to do with users.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Make a user, unless there is one with this mail address, and let them do something
    Add(Add),
}

/// Arguments of `eventra user add`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Nobody is sent a mail: show them the link that `eventra sign-in-link` prints. May be repeated.\n\nExamples:
  eventra user add ann@example.org --name Ann --admin
  eventra user add ben@example.org --organization acme --role organizer"
)]
pub(crate) struct Add {
    /// The mail address
    email: String,
    /// What people call them; they can change it
    #[arg(long, default_value = "")]
    name: String,
    /// Let them do everything everywhere
    #[arg(long)]
    admin: bool,
    /// Make them a member of this organization
    #[arg(long, value_name = "ID", requires = "role")]
    organization: Option<String>,
    /// What they are in the organization
    #[arg(long, requires = "organization")]
    role: Option<RoleWord>,
}

/// A role as the command line names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum RoleWord {
    /// Everything of the organization
    Organizer,
    /// Keeps order in chats, questions and polls
    Moderator,
    /// Reads everything, also by SQL
    Analyst,
}

impl From<RoleWord> for Role {
    fn from(word: RoleWord) -> Self {
        match word {
            RoleWord::Organizer => Self::Organizer,
            RoleWord::Moderator => Self::Moderator,
            RoleWord::Analyst => Self::Analyst,
        }
    }
}

/// Arguments of `eventra sign-in-link`.
#[derive(Debug, clap::Args)]
#[command(after_help = "The link works once, for 15 minutes. A second factor is asked for all the same.\n\nExample:
  eventra sign-in-link ann@example.org")]
pub(crate) struct Link {
    /// The mail address of a user
    email: String,
}

/// Runs `eventra user`.
pub(crate) fn run(command: &Command, settings: &Settings) -> anyhow::Result<ExitCode> {
    let Command::Add(add) = command;
    let member = add.organization.clone().zip(add.role.map(Role::from));
    let request = Request::AddUser { email: add.email.clone(), name: add.name.clone(), admin: add.admin, member };
    let user: String = client::ask(settings, &request)?;
    println!("{} is user {user}", add.email);
    Ok(ExitCode::SUCCESS)
}

/// Runs `eventra sign-in-link`.
pub(crate) fn link(arguments: &Link, settings: &Settings) -> anyhow::Result<ExitCode> {
    let link: String = client::ask(settings, &Request::SignInLink { email: arguments.email.clone() })?;
    println!("{link}");
    Ok(ExitCode::SUCCESS)
}
