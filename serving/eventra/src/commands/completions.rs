//! `eventra completions`: what a shell needs to complete commands, flags and values.

use std::process::ExitCode;

use clap::CommandFactory as _;
use clap_complete::Shell;

use crate::cli::Cli;

const HOW: &str = "\
Put the output where your shell looks for completions, then open a new shell:
  eventra completions bash > ~/.local/share/bash-completion/completions/eventra
  eventra completions zsh  > ~/.zfunc/_eventra      (with fpath+=~/.zfunc before compinit in ~/.zshrc)
  eventra completions fish > ~/.config/fish/completions/eventra.fish";

/// Arguments of `eventra completions`.
#[derive(Debug, clap::Args)]
#[command(after_help = HOW)]
pub(crate) struct Arguments {
    /// The shell
    shell: Shell,
}

#[expect(clippy::unnecessary_wraps, reason = "as every command")]
pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    clap_complete::generate(arguments.shell, &mut Cli::command(), "eventra", &mut std::io::stdout());
    Ok(ExitCode::SUCCESS)
}
