//! The listener: bounded connections, bounded heads, and an orderly end.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::ConnectInfo;
use axum::http::Request;
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tower::ServiceExt as _;

use crate::edge::client::OverTls;
use crate::limits;
use crate::tls::Tls;

/// How long to pause when the system has no more file handles: time for some to be closed.
const ACCEPT_PAUSE: std::time::Duration = std::time::Duration::from_millis(100);

#[cfg(target_os = "linux")]
const UNTAKEN_MILLIS: u32 = limits::UNTAKEN_WITHIN.as_secs() as u32 * 1_000;

/// Listens at an address; in a runtime.
///
/// # Errors
/// When the address is taken or not this machine's.
pub fn listen(address: SocketAddr) -> std::io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    // Connections of the process before that are still dying keep nobody from starting.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(limits::BACKLOG)
}

/// Serves until `stop` resolves, then takes no more connections and waits for open requests, at most
/// [`limits::DRAIN_WITHIN`]. Returns whether all of them ended by themselves.
pub async fn serve(listener: TcpListener, router: Router, stop: impl Future<Output = ()>) -> bool {
    serve_over(listener, router, None, stop).await
}

/// The same, over TLS when there is a certificate.
pub async fn serve_over(
    listener: TcpListener,
    router: Router,
    tls: Option<Arc<Tls>>,
    stop: impl Future<Output = ()>,
) -> bool {
    let places = Arc::new(Semaphore::new(limits::CONNECTIONS_MAX));
    let graceful = GracefulShutdown::new();
    // What stays open for long holds a receiver of this; so the sender knows when all have ended.
    let stopping = watch::Sender::new(false);
    let mut stop = std::pin::pin!(stop);
    loop {
        let accepted = tokio::select! {
            accepted = accept(&listener, &places) => accepted,
            () = &mut stop => break,
        };
        let (stream, peer, place) = accepted;
        let conversation = Conversation { peer, router: router.clone(), stopping: Stopping(stopping.subscribe()) };
        tokio::spawn(welcome(stream, tls.clone(), conversation, graceful.watcher(), place));
    }
    drop(listener);
    stopping.send_replace(true);
    let ended = async { tokio::join!(graceful.shutdown(), stopping.closed()) };
    tokio::time::timeout(limits::DRAIN_WITHIN, ended).await.is_ok()
}

/// Stands in a request's extensions: turns true when the server is to stop, so that open feeds end in order.
#[derive(Debug, Clone)]
pub(crate) struct Stopping(pub(crate) watch::Receiver<bool>);

/// What every request of a connection needs.
struct Conversation {
    peer: SocketAddr,
    router: Router,
    stopping: Stopping,
}

async fn accept(listener: &TcpListener, places: &Arc<Semaphore>) -> (TcpStream, SocketAddr, OwnedSemaphorePermit) {
    // The place comes first: without one the connection waits in the kernel's queue, which is bounded too.
    let place = Arc::clone(places).acquire_owned().await.expect("the semaphore is never closed");
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => {
                // Small answers must not wait for more; failing to say so costs only latency.
                let _ = stream.set_nodelay(true);
                // Readers that take nothing: the kernel is the one who knows.
                #[cfg(target_os = "linux")]
                let _ = rustix::net::sockopt::set_tcp_user_timeout(&stream, UNTAKEN_MILLIS);
                return (stream, peer, place);
            }
            Err(error) => {
                tracing::warn!(%error, "accept failed");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// Shakes hands first where that is spoken, in the connection's own task: a slow one keeps nobody waiting.
async fn welcome(
    stream: TcpStream,
    tls: Option<Arc<Tls>>,
    conversation: Conversation,
    watcher: Watcher,
    _place: OwnedSemaphorePermit,
) {
    let Some(tls) = tls else { return converse(stream, conversation, None, watcher).await };
    match tls.accept(stream).await {
        Ok(stream) => converse(stream, conversation, Some(OverTls), watcher).await,
        Err(error) => tracing::debug!(%error, peer = %conversation.peer, "no handshake"),
    }
}

async fn converse(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    conversation: Conversation,
    tls: Option<OverTls>,
    watcher: Watcher,
) {
    let Conversation { peer, router, stopping } = conversation;
    let service = tower::service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(ConnectInfo(peer));
        request.extensions_mut().insert(stopping.clone());
        tls.and_then(|tls| request.extensions_mut().insert(tls));
        router.clone().oneshot(request.map(axum::body::Body::new))
    });
    let mut builder = Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(limits::HEAD_WITHIN);
    builder.http1().max_buf_size(limits::HEAD_BYTES_MAX);
    builder.http2().timer(TokioTimer::new()).keep_alive_interval(limits::HEAD_WITHIN);
    builder.http2().max_header_list_size(limits::HEAD_BYTES_MAX as u32).max_concurrent_streams(limits::STREAMS_MAX);
    let connection = builder.serve_connection_with_upgrades(TokioIo::new(stream), TowerToHyperService::new(service));
    if let Err(error) = watcher.watch(connection).await {
        tracing::debug!(%error, %peer, "connection ended");
    }
}
