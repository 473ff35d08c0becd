//! A WebSocket's connection: frames that are ready are written as they are, everything else goes through the library.
//!
//! The library copies each message into a buffer of the connection. Readers of the same are told the same bytes, so
//! these go to the system as they lie there, many with one call.

use std::collections::VecDeque;
use std::io::IoSlice;

use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use bytes::{Buf, Bytes};
use futures_util::{SinkExt as _, StreamExt as _};
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use tokio::io::AsyncWriteExt as _;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};

use crate::limits;

/// The other end has gone, or has taken nothing for too long.
#[derive(Debug)]
pub(super) struct Gone;

/// An open WebSocket.
pub(super) struct Wire {
    stream: WebSocketStream<TokioIo<Upgraded>>,
    ready: Pieces,
}

/// The answer that makes a connection a WebSocket (RFC 6455 §4.2.2); none without a key.
pub(super) fn accepts(headers: &HeaderMap) -> Option<Response> {
    let key = headers.get(header::SEC_WEBSOCKET_KEY)?;
    let accepted = HeaderValue::try_from(derive_accept_key(key.as_bytes())).expect("base64 is visible ASCII");
    let headers = [
        (header::CONNECTION, HeaderValue::from_static("upgrade")),
        (header::UPGRADE, HeaderValue::from_static("websocket")),
        (header::SEC_WEBSOCKET_ACCEPT, accepted),
    ];
    Some((StatusCode::SWITCHING_PROTOCOLS, headers).into_response())
}

impl Wire {
    /// Begins once the answer has been sent; none when the connection has ended instead.
    pub(super) async fn open(upgrading: OnUpgrade) -> Option<Self> {
        let upgraded = upgrading.await.inspect_err(|error| tracing::debug!(%error, "no WebSocket")).ok()?;
        // Larger messages than are taken are cut off without a word, those between are told why.
        let config = WebSocketConfig::default()
            .read_buffer_size(limits::SOCKET_BUFFER_BYTES)
            .write_buffer_size(limits::SOCKET_BUFFER_BYTES)
            .max_message_size(Some(4 * limits::SOCKET_MESSAGE_BYTES_MAX))
            .max_frame_size(Some(4 * limits::SOCKET_MESSAGE_BYTES_MAX));
        let stream = WebSocketStream::from_raw_socket(TokioIo::new(upgraded), Role::Server, Some(config)).await;
        Some(Self { stream, ready: Pieces::default() })
    }

    /// The next message; none when the connection has ended.
    pub(super) async fn recv(&mut self) -> Option<Message> {
        // Whatever is wrong with a connection ends it.
        self.stream.next().await?.ok()
    }

    /// Sends a message of the connection's own.
    pub(super) async fn send(&mut self, message: Message) -> Result<(), Gone> {
        let sent = tokio::time::timeout(limits::UNTAKEN_WITHIN, self.stream.send(message)).await;
        if matches!(sent, Ok(Ok(()))) { Ok(()) } else { Err(Gone) }
    }

    /// Adds a frame to the next write.
    pub(super) fn put(&mut self, frame: Bytes) {
        self.ready.0.push_back(frame);
    }

    /// Writes what was put. A reader that takes nothing for so long is gone; what it was not told, it is told when it
    /// comes back.
    pub(super) async fn write(&mut self) -> Result<(), Gone> {
        let writing = async {
            // What the library holds, such as the answer to a ping, comes first: a frame must not be cut by another.
            self.stream.flush().await.map_err(|_| Gone)?;
            self.stream.get_mut().write_all_buf(&mut self.ready).await.map_err(|_| Gone)
        };
        tokio::time::timeout(limits::UNTAKEN_WITHIN, writing).await.unwrap_or(Err(Gone))
    }
}

/// Pieces one after the other.
#[derive(Debug, Default)]
struct Pieces(VecDeque<Bytes>);

impl Buf for Pieces {
    fn remaining(&self) -> usize {
        self.0.iter().map(Bytes::len).sum()
    }

    fn chunk(&self) -> &[u8] {
        self.0.front().map_or(&[], |piece| piece)
    }

    fn chunks_vectored<'a>(&'a self, slices: &mut [IoSlice<'a>]) -> usize {
        let filled = slices.iter_mut().zip(&self.0);
        filled.map(|(slice, piece)| *slice = IoSlice::new(piece)).count()
    }

    fn advance(&mut self, mut bytes: usize) {
        while bytes > 0 {
            let piece = self.0.front_mut().expect("no more was written than there is");
            if bytes < piece.len() {
                return piece.advance(bytes);
            }
            bytes -= piece.len();
            self.0.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_are_written_in_order_wherever_a_write_ends() {
        for step in 1..=9 {
            let mut pieces = Pieces([&b"abc"[..], b"d", b"efghi"].map(Bytes::from_static).into());
            let mut written = Vec::<u8>::new();
            while pieces.has_remaining() {
                let mut slices = [IoSlice::new(&[]); 8];
                let count = pieces.chunks_vectored(&mut slices);
                let all: Vec<u8> = slices[..count].iter().flat_map(|slice| slice.to_vec()).collect();
                assert_eq!(all.len(), pieces.remaining());
                let step = step.min(all.len());
                written.extend(&all[..step]);
                pieces.advance(step);
            }
            assert_eq!(written, b"abcdefghi", "in steps of {step}");
        }
    }
}
