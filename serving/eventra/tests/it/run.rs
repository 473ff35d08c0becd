//! Runs the binary with nothing of this machine's environment but what a test says.

use std::path::Path;
use std::process::{Command, Output};

/// A run's outcome as text.
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

/// Runs `eventra ARGUMENTS` with a data directory.
pub(crate) fn run(data_dir: &Path, arguments: &[&str]) -> Ran {
    run_with(data_dir, arguments, &[])
}

/// The same with variables.
pub(crate) fn run_with(data_dir: &Path, arguments: &[&str], variables: &[(&str, &str)]) -> Ran {
    let output: Output = Command::new(env!("CARGO_BIN_EXE_eventra"))
        .args(arguments)
        .env_clear()
        .env("HOME", data_dir)
        .env("EVENTRA_DATA_DIR", data_dir.join("data"))
        .envs(variables.iter().copied())
        .output()
        .expect("the binary was built with the test");
    Ran {
        code: output.status.code().unwrap_or(-1),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}
