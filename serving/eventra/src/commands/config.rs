//! `eventra config`: the effective settings with the place each came from, or the table as Markdown.

use std::process::ExitCode;

use crate::settings::{Loaded, markdown};

/// Arguments of `eventra config`.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Print the documentation of all settings instead (the content of docs/configuration.md)
    #[arg(long)]
    markdown: bool,
}

pub(crate) fn run(arguments: &Arguments, loaded: &Loaded) -> anyhow::Result<ExitCode> {
    if arguments.markdown {
        print!("{}", markdown());
        return Ok(ExitCode::SUCCESS);
    }
    for (name, value) in loaded.settings.shown() {
        let place = loaded.places.get(name).map_or("", String::as_str);
        // The comment makes the output a valid file of settings.
        println!("{name} = {value:?}  # {place}");
    }
    Ok(ExitCode::SUCCESS)
}
