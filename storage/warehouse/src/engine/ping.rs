//! Asks a loopback port whether ClickHouse answers there.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// One ping that takes longer is counted as no answer.
const PING_TIMEOUT: Duration = Duration::from_secs(1);
/// The answer is a status line, a few headers and `Ok.`.
const ANSWER_BYTES: u64 = 4096;

/// Returns whether `GET /ping` on this loopback port is answered with `Ok.`.
pub(crate) async fn ping(port: u16) -> bool {
    matches!(tokio::time::timeout(PING_TIMEOUT, ask(port)).await, Ok(Ok(true)))
}

async fn ask(port: u16) -> std::io::Result<bool> {
    let mut stream = TcpStream::connect(SocketAddr::from((Ipv4Addr::LOCALHOST, port))).await?;
    stream.write_all(b"GET /ping HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n").await?;
    let mut answer = Vec::new();
    stream.take(ANSWER_BYTES).read_to_end(&mut answer).await?;
    let answer = String::from_utf8_lossy(&answer);
    Ok(answer.starts_with("HTTP/1.1 200") && answer.contains("Ok."))
}

/// Returns a loopback port that is free now. Somebody may take it before the engine does; the start is then tried again.
pub(crate) async fn free_port() -> std::io::Result<u16> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    Ok(listener.local_addr()?.port())
}
