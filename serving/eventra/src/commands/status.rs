//! `eventra status`: how the running process is, as JSON for scripts.

use std::process::ExitCode;

use crate::control::{Request, client};
use crate::settings::Settings;

pub(crate) fn run(settings: &Settings) -> anyhow::Result<ExitCode> {
    let status: serde_json::Value = client::ask(settings, &Request::Status)?;
    println!("{}", serde_json::to_string_pretty(&status)?);
    Ok(ExitCode::SUCCESS)
}
