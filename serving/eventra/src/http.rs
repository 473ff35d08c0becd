//! A few lines of HTTP/1.1 client over loopback: what the demo needs to play a client of the API.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context as _, bail};

/// The longest silence of the server.
const SILENCE_MAX: Duration = Duration::from_secs(35);
/// The largest answer that is read, bytes.
const ANSWER_BYTES_MAX: u64 = 16 << 20;

/// Posts JSON with a key, on a connection of its own; returns the status once the whole answer is there.
///
/// # Errors
/// When the server cannot be reached or does not speak HTTP; then nothing is known about what it did.
pub(crate) fn post(address: SocketAddr, path: &str, key: &str, body: &str) -> anyhow::Result<u16> {
    let mut stream = TcpStream::connect_timeout(&address, SILENCE_MAX)?;
    stream.set_read_timeout(Some(SILENCE_MAX))?;
    stream.set_write_timeout(Some(SILENCE_MAX))?;
    write!(
        stream,
        "POST {path} HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {key}\r\nConnection: close\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )?;
    read(stream)
}

fn read(stream: TcpStream) -> anyhow::Result<u16> {
    let mut reader = BufReader::new(stream.take(ANSWER_BYTES_MAX));
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let status = line.split_whitespace().nth(1).and_then(|code| code.parse().ok()).context("no HTTP answer")?;
    let mut length = None;
    loop {
        line.clear();
        if reader.read_line(&mut line)? == 0 {
            bail!("the answer was cut off");
        }
        let header = line.trim_end();
        if header.is_empty() {
            break;
        }
        if let Some((name, value)) = header.split_once(':')
            && name.eq_ignore_ascii_case("content-length")
        {
            length = Some(value.trim().parse::<usize>()?);
        }
    }
    let mut body = Vec::new();
    match length {
        Some(length) => {
            body.resize(length, 0);
            reader.read_exact(&mut body)?;
        }
        // `Connection: close` was asked for, so the end of the stream is the end of the body.
        None => _ = reader.read_to_end(&mut body)?,
    }
    Ok(status)
}
