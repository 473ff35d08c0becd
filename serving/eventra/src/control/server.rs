//! The running process's end of the socket. Only the owner of the process may open it.

use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{Semaphore, mpsc};

use super::path;
use super::protocol::{LINE_BYTES_MAX, Reply, Request};

/// Conversations at once: a person has a handful of terminals.
const CONVERSATIONS_MAX: usize = 16;

/// Progress lines on their way; a handler that is ahead of the terminal waits.
const PROGRESS_MAX: usize = 64;

/// How long a caller may take to say what it wants.
const ASK_WITHIN: Duration = Duration::from_secs(10);

/// How long to pause when a connection could not be taken, such as for want of file handles.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Tells the caller what goes on. An error means that the caller has gone, which ends the work.
#[derive(Debug, Clone)]
pub(crate) struct Teller(mpsc::Sender<Reply>);

impl Teller {
    /// Reports progress.
    pub(crate) fn progress(&self, value: Value) -> anyhow::Result<()> {
        self.0.blocking_send(Reply::Progress(value)).map_err(|_| anyhow::anyhow!("the caller has gone"))
    }

    /// Whether nobody listens any more.
    pub(crate) fn is_gone(&self) -> bool {
        self.0.is_closed()
    }
}

/// Answers requests; it may block, it has a thread of its own.
pub(crate) type Handler = Arc<dyn Fn(Request, Teller) -> anyhow::Result<Value> + Send + Sync>;

/// Opens the socket, mode 0600. A socket that a killed process left is replaced: the caller holds the directory lock.
///
/// # Errors
/// What the system says.
pub(crate) fn listen(socket: &Path) -> io::Result<UnixListener> {
    match std::fs::remove_file(socket) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let short = path::Short::of(socket)?;
    let listener = UnixListener::bind(short.path())?;
    std::fs::set_permissions(socket, std::fs::Permissions::from_mode(0o600))?;
    Ok(listener)
}

/// Takes conversations until it is dropped.
pub(crate) async fn serve(listener: UnixListener, handler: Handler) {
    let places = Arc::new(Semaphore::new(CONVERSATIONS_MAX));
    loop {
        let place = Arc::clone(&places).acquire_owned().await.expect("the semaphore is never closed");
        match listener.accept().await {
            Ok((stream, _)) => {
                let handler = Arc::clone(&handler);
                tokio::spawn(async move {
                    if let Err(error) = converse(stream, handler).await {
                        tracing::debug!(%error, "control conversation ended");
                    }
                    drop(place);
                });
            }
            Err(error) => {
                tracing::warn!(%error, "control socket");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

async fn converse(stream: UnixStream, handler: Handler) -> io::Result<()> {
    let owner = rustix::process::geteuid().as_raw();
    let caller = stream.peer_cred()?.uid();
    // The mode says so too; but modes can be changed, and root passes them.
    if caller != owner && caller != 0 {
        tracing::warn!(caller, "control socket refused a stranger");
        return Ok(());
    }
    let (read, mut write) = stream.into_split();
    let mut line = String::new();
    let mut reader = BufReader::new(read).take(LINE_BYTES_MAX as u64);
    tokio::time::timeout(ASK_WITHIN, reader.read_line(&mut line)).await??;
    let (sender, mut replies) = mpsc::channel(PROGRESS_MAX);
    let work = tokio::task::spawn_blocking(move || answer(&line, &handler, Teller(sender)));
    while let Some(reply) = replies.recv().await {
        send(&mut write, &reply).await?;
    }
    let reply = work.await.unwrap_or_else(|error| Reply::Failed(format!("the process failed: {error}")));
    send(&mut write, &reply).await
}

fn answer(line: &str, handler: &Handler, teller: Teller) -> Reply {
    let request: Request = match serde_json::from_str(line) {
        Ok(request) => request,
        Err(error) => return Reply::Failed(format!("the process is of another version than this command: {error}")),
    };
    match handler(request, teller) {
        Ok(value) => Reply::Done(value),
        Err(error) => Reply::Failed(format!("{error:#}")),
    }
}

async fn send(write: &mut tokio::net::unix::OwnedWriteHalf, reply: &Reply) -> io::Result<()> {
    let mut line = serde_json::to_vec(reply)?;
    line.push(b'\n');
    write.write_all(&line).await
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::client;
    use crate::settings::{Flags, load};

    #[test]
    fn a_conversation_reports_progress_and_ends_with_the_answer() {
        let folder = tempfile::tempdir().unwrap();
        // Deeper than a socket's path may be.
        let deep = folder.path().join("x".repeat(120));
        std::fs::create_dir_all(&deep).unwrap();
        let flags = Flags { values: [("data_dir", deep.to_str().unwrap().to_owned())].into(), ..Flags::default() };
        let settings = load(&flags, &[].into()).unwrap().settings;
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let handler: Handler = Arc::new(|request, teller| match request {
            Request::Status => {
                teller.progress(serde_json::json!(1))?;
                Ok(serde_json::json!({"ready": true}))
            }
            _ => anyhow::bail!("not now"),
        });
        let _guard = runtime.enter();
        let listener = listen(&settings.socket()).unwrap();
        let mode = std::fs::metadata(settings.socket()).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        runtime.spawn(serve(listener, handler));
        let mut seen = Vec::new();
        let answer: Value = client::ask_watching(&settings, &Request::Status, |value| seen.push(value)).unwrap();
        assert_eq!((answer["ready"].as_bool(), seen), (Some(true), vec![serde_json::json!(1)]));
        let error = client::ask::<Value>(&settings, &Request::Top).unwrap_err();
        assert_eq!(error.to_string(), "not now");
    }
}
