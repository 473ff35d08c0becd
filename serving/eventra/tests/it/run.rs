//! Runs the binary with nothing of this machine's environment but what a test says.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};

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
    ran(command(data_dir, arguments).envs(variables.iter().copied()).output().expect(BUILT))
}

/// The same with something on standard input.
pub(crate) fn run_input(data_dir: &Path, arguments: &[&str], input: &str) -> Ran {
    let piped =
        command(data_dir, arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let mut child = piped.expect(BUILT);
    // What is written here fits into the pipe; dropping the end is the end of the input.
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    ran(child.wait_with_output().unwrap())
}

const BUILT: &str = "the binary was built with the test";

fn command(data_dir: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_eventra"));
    command.args(arguments).env_clear().env("HOME", data_dir).env("EVENTRA_DATA_DIR", data_dir.join("data"));
    command
}

fn ran(output: Output) -> Ran {
    Ran {
        code: output.status.code().unwrap_or(-1),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}
