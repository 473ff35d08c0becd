//! Answers that are whole or an error: as rows, or as a file that breaks off when the engine does.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
use futures_util::{Stream, StreamExt as _};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::{Ask, AskError, Gateway, ReplyBody};
use crate::client::Error;

/// Bytes of an answer in JSON: ten thousand rows of a dashboard are a tenth of it.
const ROWS_BYTES_MAX: usize = 32 << 20;

/// The engine's words about a failure in the middle of an answer are its last bytes: 16 KiB at most, and a frame.
const LAST_WORDS_BYTES: usize = 17 << 10;

/// What stands before them.
const MARK: &[u8] = b"__exception__\r\n";

/// Rows, whole.
#[derive(Debug)]
pub struct Rows {
    /// Names and types of the columns.
    pub columns: Vec<(String, String)>,
    /// The rows as JSON arrays; 64-bit integers as texts.
    pub data: Vec<Box<RawValue>>,
    /// Whether there were more than asked for.
    pub truncated: bool,
    /// Rows that were read.
    pub rows_read: u64,
    /// Bytes that were read.
    pub bytes_read: u64,
    /// Time in the engine, microseconds.
    pub elapsed_us: u64,
    /// See [`super::Reply::exact`].
    pub exact: bool,
}

#[derive(Deserialize)]
struct Document {
    meta: Vec<Column>,
    data: Vec<Box<RawValue>>,
    statistics: Statistics,
}

#[derive(Deserialize)]
struct Column {
    name: String,
    r#type: String,
}

#[derive(Deserialize)]
struct Statistics {
    elapsed: f64,
    rows_read: u64,
    bytes_read: u64,
}

impl Gateway {
    /// Asks for at most `limit` rows and returns them when all are there.
    ///
    /// # Errors
    /// See [`AskError`]; also when the statement chooses another format by itself.
    pub async fn rows(&self, mut ask: Ask, limit: u64) -> Result<Rows, AskError> {
        let set = |name: &str, value: String| (name.to_owned(), value);
        ask.settings.extend([
            set("default_format", "JSONCompact".into()),
            set("limit", limit.saturating_add(1).to_string()),
            set("output_format_json_quote_64bit_integers", "1".into()),
            set("output_format_json_quote_denormals", "1".into()),
            // Errors come with a status, not in the middle.
            set("wait_end_of_query", "1".into()),
            set("max_result_bytes", (ROWS_BYTES_MAX as u64).min(self.limits().result_bytes).to_string()),
        ]);
        let mut reply = self.ask(ask).await?;
        let mut bytes = BytesMut::new();
        while let Some(part) = reply.body.next().await {
            bytes.extend_from_slice(&part.map_err(AskError::Unavailable)?);
            if bytes.len() > ROWS_BYTES_MAX {
                return Err(too_large());
            }
        }
        let document: Document = serde_json::from_slice(&bytes)
            .map_err(|_| AskError::Wrong("the statement must not choose a format: leave `FORMAT` out".to_owned()))?;
        Ok(rows(document, limit, reply.exact))
    }

    /// Asks for a file in one of ClickHouse's formats.
    ///
    /// # Errors
    /// See [`AskError`]. The stream ends with an error when the engine breaks off in the middle.
    pub async fn file(&self, mut ask: Ask, format: &str, limit: Option<u64>) -> Result<(Whole, bool), AskError> {
        ask.settings.push(("default_format".to_owned(), format.to_owned()));
        ask.settings.extend(limit.map(|limit| ("limit".to_owned(), limit.to_string())));
        let reply = self.ask(ask).await?;
        // Another one would come under the wrong name.
        let came = reply.headers.get("x-clickhouse-format").and_then(|format| format.to_str().ok());
        if came.is_some_and(|came| came != format) {
            return Err(AskError::Wrong("the statement must not choose a format: leave `FORMAT` out".to_owned()));
        }
        Ok((Whole { body: Some(reply.body), held: BytesMut::new() }, reply.exact))
    }
}

fn too_large() -> AskError {
    AskError::Refused {
        // TOO_MANY_ROWS_OR_BYTES
        code: 396,
        message: format!("Limit for result exceeded, max bytes: {ROWS_BYTES_MAX} in JSON"),
        status: 500,
    }
}

fn rows(document: Document, limit: u64, exact: bool) -> Rows {
    let mut data = document.data;
    let most = usize::try_from(limit).unwrap_or(usize::MAX);
    let truncated = data.len() > most;
    data.truncate(most);
    Rows {
        columns: document.meta.into_iter().map(|column| (column.name, column.r#type)).collect(),
        data,
        truncated,
        rows_read: document.statistics.rows_read,
        bytes_read: document.statistics.bytes_read,
        // A question has seconds, so the float holds microseconds exactly enough.
        elapsed_us: (document.statistics.elapsed.max(0.0) * 1e6) as u64,
        exact,
    }
}

/// A file as it comes. The last bytes are held back until it is known whether they are the engine's last words.
#[derive(Debug)]
pub struct Whole {
    // None after the end.
    body: Option<ReplyBody>,
    held: BytesMut,
}

impl Stream for Whole {
    type Item = Result<Bytes, Error>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            let Some(body) = &mut self.body else { return Poll::Ready(None) };
            match ready!(body.poll_next_unpin(context)) {
                Some(Ok(bytes)) => {
                    self.held.extend_from_slice(&bytes);
                    let surplus = self.held.len().saturating_sub(LAST_WORDS_BYTES);
                    if surplus > 0 {
                        return Poll::Ready(Some(Ok(self.held.split_to(surplus).freeze())));
                    }
                }
                Some(Err(error)) => {
                    self.body = None;
                    return Poll::Ready(Some(Err(error)));
                }
                None => {
                    self.body = None;
                    let last = std::mem::take(&mut self.held).freeze();
                    return Poll::Ready(last_words(last));
                }
            }
        }
    }
}

fn last_words(last: Bytes) -> Option<Result<Bytes, Error>> {
    if last.windows(MARK.len()).any(|part| part == MARK) {
        return Some(Err(Error::Network("the engine broke the answer off".to_owned())));
    }
    (!last.is_empty()).then_some(Ok(last))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_beyond_the_limit_are_told_and_left_out() {
        let text = r#"{"meta":[{"name":"a","type":"UInt8"}],"data":[[1],[2],[3]],"rows":3,
            "statistics":{"elapsed":0.0015,"rows_read":3,"bytes_read":3}}"#;
        let found = rows(serde_json::from_str(text).unwrap(), 2, true);
        assert!(found.truncated);
        assert_eq!(found.data.iter().map(|row| row.get()).collect::<Vec<_>>(), ["[1]", "[2]"]);
        assert_eq!(found.elapsed_us, 1_500);
    }

    #[test]
    fn last_words_are_an_error() {
        assert!(last_words(Bytes::from_static(b"a,b\r\n1,2\r\n")).unwrap().is_ok());
        assert!(last_words(Bytes::from_static(b"1,2\r\n\r\n__exception__\r\nxyz\r\nCode: 396.")).unwrap().is_err());
        assert!(last_words(Bytes::new()).is_none());
    }
}
