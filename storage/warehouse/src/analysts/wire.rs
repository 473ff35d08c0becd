//! One exchange with the engine over HTTP, on a connection of its own: when the answer is dropped the connection closes, and
//! the engine gives the question up.

use std::io::Read as _;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::header::{ACCEPT_ENCODING, AUTHORIZATION, CONNECTION, HOST};
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use crate::client::{Endpoint, Error};

/// The engine is on this machine or near: a connection that takes longer does not come.
const CONNECT_WITHIN: Duration = Duration::from_secs(5);

/// An error of the engine is a few kilobytes at most.
const ERROR_BYTES_MAX: usize = 64 << 10;

/// What is sent.
pub(super) struct Exchange<'a> {
    /// Parameters of the address.
    pub(super) parameters: &'a [(String, String)],
    /// The statement.
    pub(super) text: String,
    /// What the asker takes.
    pub(super) accept_encoding: Option<&'a str>,
    /// Account and password.
    pub(super) account: (&'a str, &'a str),
}

/// Sends it and returns the answer once its head is there.
pub(super) async fn send(endpoint: &Endpoint, exchange: Exchange<'_>) -> Result<Response<Incoming>, Error> {
    let url = url::Url::parse(&endpoint.url).map_err(|error| Error::Network(error.to_string()))?;
    if url.scheme() != "http" {
        return Err(Error::Network("analysts' questions are passed on over http only".to_owned()));
    }
    let host = url.host_str().unwrap_or("127.0.0.1");
    let port = url.port_or_known_default().unwrap_or(80);
    let request = request(host, url.path(), exchange)?;
    let connecting = TcpStream::connect((host, port));
    let stream =
        tokio::time::timeout(CONNECT_WITHIN, connecting).await.map_err(|_| Error::TimedOut)?.map_err(network)?;
    let _ = stream.set_nodelay(true);
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(network)?;
    // Ends when the answer is read or dropped: nothing else holds the connection.
    tokio::spawn(async move {
        if let Err(error) = connection.await {
            tracing::debug!(%error, "connection of a question ended");
        }
    });
    sender.send_request(request).await.map_err(network)
}

fn request(host: &str, path: &str, exchange: Exchange<'_>) -> Result<Request<Full<Bytes>>, Error> {
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    for (name, value) in exchange.parameters {
        query.append_pair(name, value);
    }
    let (account, password) = exchange.account;
    let mut request = Request::post(format!("{path}?{}", query.finish()))
        .header(HOST, host)
        .header(CONNECTION, "close")
        .header(AUTHORIZATION, format!("Basic {}", STANDARD.encode(format!("{account}:{password}"))));
    if let Some(encodings) = exchange.accept_encoding {
        request = request.header(ACCEPT_ENCODING, encodings);
    }
    request.body(Full::new(Bytes::from(exchange.text))).map_err(|error| Error::Format(error.to_string()))
}

fn network(error: impl std::error::Error) -> Error {
    Error::Network(error.to_string())
}

/// The encodings among those that an asker takes in which an error can be read here, too.
pub(super) fn readable(accepted: &str) -> Option<String> {
    let ours = |part: &&str| ["lz4", "zstd", "gzip"].contains(&part.split(';').next().unwrap_or("").trim());
    let parts: Vec<&str> = accepted.split(',').map(str::trim).filter(ours).collect();
    (!parts.is_empty()).then(|| parts.join(", "))
}

/// Reads an error's words, whole or as far as they are taken.
pub(super) async fn words(mut body: Incoming, encoding: &str) -> String {
    let mut bytes = Vec::new();
    while let Some(Ok(frame)) = body.frame().await {
        if let Some(data) = frame.data_ref() {
            let room = ERROR_BYTES_MAX.saturating_sub(bytes.len());
            bytes.extend_from_slice(&data[..data.len().min(room)]);
            if room == 0 {
                break;
            }
        }
    }
    decoded(&bytes, encoding)
}

fn decoded(bytes: &[u8], encoding: &str) -> String {
    let mut plain = Vec::new();
    let most = ERROR_BYTES_MAX as u64;
    // What cannot be decoded to its end is told as far as it goes.
    let _ = match encoding {
        "lz4" => lz4_flex::frame::FrameDecoder::new(bytes).take(most).read_to_end(&mut plain),
        "gzip" => flate2::read::GzDecoder::new(bytes).take(most).read_to_end(&mut plain),
        "zstd" => match zstd::stream::read::Decoder::new(bytes) {
            Ok(decoder) => decoder.take(most).read_to_end(&mut plain),
            Err(error) => Err(error),
        },
        _ => (&mut &*bytes).take(most).read_to_end(&mut plain),
    };
    String::from_utf8_lossy(&plain).into_owned()
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    #[test]
    fn errors_are_read_in_every_encoding_that_is_asked_for() {
        assert_eq!(readable("br, lz4;q=0.9,zstd , deflate").as_deref(), Some("lz4;q=0.9, zstd"));
        assert_eq!(readable("identity"), None);
        let words = "Code: 60. DB::Exception: x";
        let mut lz4 = lz4_flex::frame::FrameEncoder::new(Vec::new());
        lz4.write_all(words.as_bytes()).unwrap();
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gzip.write_all(words.as_bytes()).unwrap();
        assert_eq!(decoded(&lz4.finish().unwrap(), "lz4"), words);
        assert_eq!(decoded(&gzip.finish().unwrap(), "gzip"), words);
        assert_eq!(decoded(&zstd::encode_all(words.as_bytes(), 1).unwrap(), "zstd"), words);
        assert_eq!(decoded(words.as_bytes(), ""), words);
    }
}
