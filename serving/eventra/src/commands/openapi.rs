//! `eventra openapi`: what every route takes and gives, as OpenAPI 3.1 (the content of docs/openapi.json).

use std::process::ExitCode;

#[expect(clippy::unnecessary_wraps, reason = "as every command")]
pub(crate) fn run() -> anyhow::Result<ExitCode> {
    print!("{}", api::openapi::text());
    Ok(ExitCode::SUCCESS)
}
