//! The command line's end of the socket.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use anyhow::{Context as _, bail};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::path;
use super::protocol::{LINE_BYTES_MAX, Reply, Request};
use crate::settings::Settings;

/// The longest silence of a working process: it reports progress at least every second, but a recount of a large log
/// takes its time before the first figure.
const SILENCE_MAX: Duration = Duration::from_secs(600);

/// Returns whether a process answers on the socket.
pub(crate) fn is_running(settings: &Settings) -> bool {
    connect(settings).is_ok()
}

/// Asks and returns the answer.
///
/// # Errors
/// When no process runs (says how to start one), or what the process says.
pub(crate) fn ask<T: DeserializeOwned>(settings: &Settings, request: &Request) -> anyhow::Result<T> {
    ask_watching(settings, request, |_| {})
}

/// Asks, tells `progress` what goes on, and returns the answer.
///
/// # Errors
/// As [`ask`].
pub(crate) fn ask_watching<T: DeserializeOwned>(
    settings: &Settings,
    request: &Request,
    mut progress: impl FnMut(Value),
) -> anyhow::Result<T> {
    let mut stream = connect(settings).map_err(|error| nobody(settings, &error))?;
    stream.set_read_timeout(Some(SILENCE_MAX))?;
    let mut line = serde_json::to_vec(request)?;
    line.push(b'\n');
    stream.write_all(&line)?;
    let mut reader = BufReader::new(stream);
    loop {
        let mut line = String::new();
        let read = (&mut reader).take(LINE_BYTES_MAX as u64).read_line(&mut line).context("the process fell silent")?;
        if read == 0 {
            bail!("the process ended before it answered; its log says why");
        }
        match serde_json::from_str(&line).context("the process answers in another version's words")? {
            Reply::Progress(value) => progress(value),
            Reply::Done(value) => return Ok(serde_json::from_value(value)?),
            Reply::Failed(message) => bail!(message),
        }
    }
}

/// The usual reason needs no system's words: there is no socket, or nobody listens on it any more.
fn nobody(settings: &Settings, error: &anyhow::Error) -> anyhow::Error {
    let data_dir = settings.data_dir.display();
    let usual = error.downcast_ref::<std::io::Error>().is_some_and(|error| {
        matches!(error.kind(), std::io::ErrorKind::NotFound | std::io::ErrorKind::ConnectionRefused)
    });
    let why = if usual { String::new() } else { format!(": {error:#}") };
    anyhow::anyhow!("no process serves `{data_dir}`; start one with `eventra serve --data-dir {data_dir}`{why}")
}

fn connect(settings: &Settings) -> anyhow::Result<UnixStream> {
    let address = path::Short::of(&settings.socket())?;
    Ok(UnixStream::connect(address.path())?)
}
