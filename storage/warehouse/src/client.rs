//! One HTTP client for both kinds of warehouse: the embedded engine and any ClickHouse server.

use std::fmt;
use std::time::Duration;

use arrow_array::RecordBatch;
use bytes::Bytes;
use clickhouse::query::BytesCursor;
use clickhouse::{Compression, RowOwned, RowRead};
use tokio::sync::watch;

use crate::arrow_body;

/// A statement that takes longer than this is given up by the client; landing tries again.
const STATEMENT_WITHIN: Duration = Duration::from_secs(300);

/// Where a warehouse answers, and as whom to speak to it.
#[derive(Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// `http://host:port`; of the embedded engine with a path that nobody else knows.
    pub url: String,
    /// Account.
    pub user: String,
    /// Its password.
    pub password: String,
    /// Database.
    pub database: String,
}

/// An address that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum EndpointError {
    /// It is no URL.
    #[error("`{address}` is not a warehouse's address ({reason}); expected `http://user:password@host:8123/database`")]
    Invalid {
        /// What was given, without its password.
        address: String,
        /// What is wrong with it.
        reason: String,
    },
}

impl Endpoint {
    /// Reads `http://user:password@host:8123/database`; user and database default to `default`.
    ///
    /// # Errors
    /// Names what is wrong, never the password.
    pub fn parse(address: &str) -> Result<Self, EndpointError> {
        let invalid = |shown: &str, reason: String| EndpointError::Invalid { address: shown.to_owned(), reason };
        let mut url = url::Url::parse(address).map_err(|error| invalid("the address", error.to_string()))?;
        let password = decoded(url.password().unwrap_or(""));
        let user = if url.username().is_empty() { "default".to_owned() } else { decoded(url.username()) };
        let database = decoded(url.path().trim_matches('/'));
        // `http` and `https` always have a host, so these two cannot fail on them.
        let _ = url.set_password(None);
        let _ = url.set_username("");
        if !matches!(url.scheme(), "http" | "https") {
            return Err(invalid(url.as_str(), format!("`{}` is not http or https", url.scheme())));
        }
        if url.scheme() == "https" && !cfg!(feature = "tls") {
            return Err(invalid(
                url.as_str(),
                "this build speaks http only; build it with the feature `tls`".to_owned(),
            ));
        }
        if database.contains('/') {
            return Err(invalid(url.as_str(), "more than one path segment".to_owned()));
        }
        url.set_path("");
        let database = if database.is_empty() { "default".to_owned() } else { database };
        Ok(Self { url: url.as_str().trim_end_matches('/').to_owned(), user, password, database })
    }
}

/// Percent-decoding of user, password and database (RFC 3986, section 2.1).
fn decoded(text: &str) -> String {
    url::form_urlencoded::parse(text.replace('+', "%2B").as_bytes())
        .next()
        .map_or_else(String::new, |(name, _)| name.into_owned())
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The path is a secret.
        let host = self.url.split('/').take(3).collect::<Vec<_>>().join("/");
        write!(f, "{host} as {} in {}", self.user, self.database)
    }
}

/// Why a statement did not succeed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The embedded engine is being restarted.
    #[error("the warehouse is not running (the embedded engine is being restarted)")]
    NotRunning,
    /// Nobody answered, or the connection broke; whether the statement took effect is not known.
    #[error("the warehouse cannot be reached: {0}")]
    Network(String),
    /// It took too long; whether the statement took effect is not known.
    #[error("the warehouse did not answer within {} s", STATEMENT_WITHIN.as_secs())]
    TimedOut,
    /// ClickHouse refused it.
    #[error("ClickHouse code {code}: {message}")]
    Refused {
        /// ClickHouse's error code.
        code: i32,
        /// Its words, without the code and the stack.
        message: String,
    },
    /// Rows could not be encoded or decoded.
    #[error("{0}")]
    Format(String),
    /// The database holds rows of another log; a log needs a database of its own.
    #[error(
        "the database holds rows of another log ({other:016x}, this one is {this:016x}); use a database of its own"
    )]
    OtherLog {
        /// The other log's incarnation.
        other: u64,
        /// This log's incarnation.
        this: u64,
    },
}

impl Error {
    /// Returns ClickHouse's error code, when it answered with one.
    pub fn code(&self) -> Option<i32> {
        match self {
            Self::Refused { code, .. } => Some(*code),
            _ => None,
        }
    }

    /// Returns whether waiting may help: nobody answered, or ClickHouse is short of something that comes back.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::NotRunning | Self::Network(_) | Self::TimedOut => true,
            // TIMEOUT_EXCEEDED, NETWORK_ERROR, NO_FREE_CONNECTION, SOCKET_TIMEOUT, MEMORY_LIMIT_EXCEEDED, TABLE_IS_READ_ONLY,
            // NOT_ENOUGH_SPACE, TOO_MANY_PARTS, TOO_MANY_SIMULTANEOUS_QUERIES, ABORTED
            Self::Refused { code, .. } => matches!(code, 159 | 210 | 203 | 209 | 241 | 242 | 243 | 252 | 202 | 236),
            Self::Format(_) | Self::OtherLog { .. } => false,
        }
    }
}

impl From<clickhouse::error::Error> for Error {
    fn from(error: clickhouse::error::Error) -> Self {
        match error {
            clickhouse::error::Error::Network(error) => Self::Network(with_causes(error.as_ref())),
            clickhouse::error::Error::TimedOut => Self::TimedOut,
            clickhouse::error::Error::BadResponse(text) => refused(&text),
            other => Self::Format(other.to_string()),
        }
    }
}

fn with_causes(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text = format!("{text}: {inner}");
        cause = inner.source();
    }
    text
}

/// Takes `Code: 60. DB::Exception: words. (NAME) (version ...)` apart.
fn refused(text: &str) -> Error {
    let code = text
        .split_once("Code: ")
        .and_then(|(_, rest)| rest.split(|c: char| !c.is_ascii_digit()).next())
        .and_then(|digits| digits.parse().ok());
    let Some(code) = code else {
        return Error::Network(text.trim().to_owned());
    };
    let message = text.split_once("DB::Exception: ").map_or(text, |(_, message)| message);
    let message = message.split(" (version ").next().unwrap_or(message);
    Error::Refused { code, message: message.trim().to_owned() }
}

#[derive(Clone)]
enum Place {
    Fixed(Endpoint),
    Watched(watch::Receiver<Option<Endpoint>>),
}

/// A ClickHouse client. Clones share connections.
#[derive(Clone)]
pub struct Client {
    place: Place,
    base: clickhouse::Client,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.place {
            Place::Fixed(endpoint) => write!(f, "{endpoint:?}"),
            Place::Watched(endpoint) => write!(f, "embedded {:?}", *endpoint.borrow()),
        }
    }
}

impl Client {
    /// Returns a client of a server; bodies are compressed with lz4.
    pub fn server(endpoint: Endpoint) -> Self {
        Self { place: Place::Fixed(endpoint), base: base(Compression::Lz4) }
    }

    /// Returns a client of the embedded engine, which follows it through restarts; loopback bodies are not compressed.
    ///
    /// Each statement has a connection of its own: on loopback that costs a tenth of a millisecond, none is ever stale after a
    /// restart, and a stopping engine has no idle ones to wait for.
    pub fn embedded(endpoint: watch::Receiver<Option<Endpoint>>) -> Self {
        Self { place: Place::Watched(endpoint), base: base(Compression::None).with_header("Connection", "close") }
    }

    /// Returns the same client with a ClickHouse setting on every statement.
    #[must_use]
    pub fn with_setting(mut self, name: &str, value: &str) -> Self {
        self.base = self.base.with_setting(name, value);
        self
    }

    /// Returns the database that statements work in.
    pub fn database(&self) -> Result<String, Error> {
        Ok(self.endpoint()?.database)
    }

    pub(crate) fn endpoint(&self) -> Result<Endpoint, Error> {
        match &self.place {
            Place::Fixed(endpoint) => Ok(endpoint.clone()),
            Place::Watched(endpoint) => endpoint.borrow().clone().ok_or(Error::NotRunning),
        }
    }

    fn inner(&self) -> Result<clickhouse::Client, Error> {
        let at = self.endpoint()?;
        Ok(self.base.clone().with_url(at.url).with_user(at.user).with_password(at.password).with_database(at.database))
    }

    /// Runs a statement that returns no rows.
    pub async fn execute(&self, sql: &str) -> Result<(), Error> {
        within(self.inner()?.query_raw(sql).execute()).await
    }

    /// Runs a query and returns all its rows; tuples and derived `clickhouse::Row` types are rows.
    pub async fn fetch_all<T: RowOwned + RowRead>(&self, sql: &str) -> Result<Vec<T>, Error> {
        within(self.inner()?.query_raw(sql).fetch_all::<T>()).await
    }

    /// Runs a query and returns its only row.
    pub async fn fetch_one<T: RowOwned + RowRead>(&self, sql: &str) -> Result<T, Error> {
        within(self.inner()?.query_raw(sql).fetch_one::<T>()).await
    }

    /// Runs a query and streams its answer in a ClickHouse format; a `FORMAT` in the statement wins.
    pub fn stream(&self, sql: &str, format: &str) -> Result<BytesCursor, Error> {
        Ok(self.inner()?.query_raw(sql).fetch_bytes(format)?)
    }

    /// Inserts a batch as one Arrow body, with these settings.
    ///
    /// # Errors
    /// After [`Error::Network`] and [`Error::TimedOut`] the rows may be there or not: repeat with the same deduplication token.
    pub async fn insert_arrow(&self, table: &str, batch: &RecordBatch, settings: &[(&str, &str)]) -> Result<(), Error> {
        let columns: Vec<String> = batch.schema().fields().iter().map(|field| format!("`{}`", field.name())).collect();
        let body = arrow_body::encode(batch).map_err(|error| Error::Format(error.to_string()))?;
        self.insert_body(table, &columns.join(", "), body, settings).await
    }

    /// Inserts an Arrow stream as it is.
    pub(crate) async fn insert_body(
        &self,
        table: &str,
        columns: &str,
        body: Bytes,
        settings: &[(&str, &str)],
    ) -> Result<(), Error> {
        let mut insert =
            self.inner()?.insert_formatted_with(format!("INSERT INTO `{table}` ({columns}) FORMAT ArrowStream"));
        for (name, value) in settings {
            insert = insert.with_setting(*name, *value);
        }
        within(async {
            insert.send(body).await?;
            insert.end().await
        })
        .await
    }

    /// Returns ClickHouse's version.
    pub async fn version(&self) -> Result<String, Error> {
        self.fetch_one("SELECT version()").await
    }
}

fn base(compression: Compression) -> clickhouse::Client {
    clickhouse::Client::default().with_compression(compression).with_product_info("eventra", env!("CARGO_PKG_VERSION"))
}

async fn within<T>(statement: impl Future<Output = clickhouse::error::Result<T>>) -> Result<T, Error> {
    match tokio::time::timeout(STATEMENT_WITHIN, statement).await {
        Ok(outcome) => Ok(outcome?),
        Err(_) => Err(Error::TimedOut),
    }
}

/// Returns the text as a ClickHouse string literal.
pub(crate) fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "\\'"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn address_is_read_in_parts_and_never_shows_its_password() {
        let endpoint = Endpoint::parse("http://ana:p%40ss+1@db.example:8123/events").unwrap();
        assert_eq!(endpoint.url, "http://db.example:8123");
        assert_eq!((endpoint.user.as_str(), endpoint.password.as_str()), ("ana", "p@ss+1"));
        assert_eq!(endpoint.database, "events");
        assert!(!format!("{endpoint:?}").contains("p@ss"));
        let plain = Endpoint::parse("http://db.example:8123").unwrap();
        assert_eq!((plain.user.as_str(), plain.database.as_str()), ("default", "default"));
        for wrong in ["db.example:8123", "ftp://a:secret@b/c", "http://a:secret@b/c/d"] {
            let error = Endpoint::parse(wrong).unwrap_err().to_string();
            assert!(!error.contains("secret"), "{error}");
        }
    }

    #[test]
    fn refusal_is_taken_apart() {
        let text =
            "Code: 60. DB::Exception: Unknown table expression identifier 'x'. (UNKNOWN_TABLE) (version 26.7.2.1)\n";
        let error = refused(text);
        assert_eq!(error.code(), Some(60));
        assert_eq!(error.to_string(), "ClickHouse code 60: Unknown table expression identifier 'x'. (UNKNOWN_TABLE)");
        assert!(!error.is_transient());
        assert!(refused("Code: 252. DB::Exception: Too many parts").is_transient());
        assert!(refused("<html>bad gateway").is_transient());
    }

    #[test]
    fn literal_cannot_be_left() {
        assert_eq!(literal("a'b\\"), r"'a\'b\\'");
    }
}
