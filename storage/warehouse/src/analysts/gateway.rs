//! The gateway: takes a question of an organization, lets it pass the gate, and brings the engine's answer.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::HeaderMap;
use hyper::body::{Body as _, Incoming};

use super::gate::{self, Forbidden};
use super::quota::{Place, Quota};
use super::seats::{Lease, Seats};
use super::{AccountsError, Limits, QUESTION_BYTES_MAX, READER, Secret, accounts, hex, seats, settings, views, wire};
use crate::client::{Client, Error};
use crate::schema::{FACTS_TABLE, RECORDS_TABLE, Rows, tables};

/// Bytes of a question's id, as its asker names it.
const ID_BYTES_MAX: usize = 64;

/// Headers of the engine's answer that the asker gets.
const PASSED_HEADERS: [&str; 9] = [
    "content-type",
    "content-encoding",
    "content-disposition",
    "x-clickhouse-summary",
    "x-clickhouse-progress",
    "x-clickhouse-format",
    "x-clickhouse-timezone",
    "x-clickhouse-exception-code",
    "x-clickhouse-exception-tag",
];

/// Up to which landing epochs an answer shows rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cut {
    /// Of records and facts.
    pub raw: u64,
    /// Of the views' tables.
    pub views: u64,
}

/// A question.
#[derive(Debug, Clone, Default)]
pub struct Ask {
    /// The organization whose rows it is about, as the tables name it.
    pub organization: String,
    /// Who asks, as a word that nobody else has: ids of questions and places are kept apart by it.
    pub asker: String,
    /// The asker's id for the question: letters, digits, `-`, `_`, `.` and `:`, at most 64.
    pub id: Option<String>,
    /// The statement.
    pub text: String,
    /// Values of its parameters (`{name:Type}`), by name.
    pub parameters: Vec<(String, String)>,
    /// Settings of the engine, those that can be changed; and `default_format`, `compress`, `client_protocol_version`.
    pub settings: Vec<(String, String)>,
    /// Up to which landing epochs it shows rows; none: all that have landed.
    pub cut: Option<Cut>,
    /// Encodings that the asker takes, as in `Accept-Encoding`.
    pub accept_encoding: Option<String>,
}

/// Why a question has no answer.
#[derive(Debug, thiserror::Error)]
pub enum AskError {
    /// The gate, or the asker's part of the question is wrong.
    #[error("{0}")]
    Forbidden(#[from] Forbidden),
    /// A parameter of the request is not taken.
    #[error("{0}")]
    Wrong(String),
    /// Too many questions at once.
    #[error(
        "too many questions run at once (of one asker {}, of all {})",
        super::RUNNING_OF_ASKER_MAX,
        super::RUNNING_MAX
    )]
    TooMany,
    /// The engine refused it, or broke it off before the first row.
    #[error("{message}")]
    Refused {
        /// ClickHouse's error code.
        code: i32,
        /// Its words, without anything internal.
        message: String,
        /// The status that the engine answered with.
        status: u16,
    },
    /// The engine cannot be asked now.
    #[error("the warehouse cannot be asked now")]
    Unavailable(#[source] Error),
}

impl AskError {
    /// Whether a bound was met: of time, memory, rows, bytes or questions at once.
    pub fn is_limit(&self) -> bool {
        match self {
            // TOO_MANY_ROWS, TIMEOUT_EXCEEDED, TOO_MANY_SIMULTANEOUS_QUERIES, MEMORY_LIMIT_EXCEEDED, TOO_MANY_BYTES,
            // TOO_MANY_ROWS_OR_BYTES, QUOTA_EXCEEDED
            Self::Refused { code, .. } => matches!(code, 158 | 159 | 202 | 241 | 307 | 396 | 201),
            Self::TooMany => true,
            _ => false,
        }
    }

    /// Whether it was none that the asker may ask: the gate says so, or the engine (ACCESS_DENIED, READONLY).
    pub fn is_forbidden(&self) -> bool {
        matches!(self, Self::Forbidden(_) | Self::Refused { code: 497 | 164, .. })
    }

    /// Whether the question was cancelled (QUERY_WAS_CANCELLED).
    pub fn is_cancelled(&self) -> bool {
        matches!(self, Self::Refused { code: 394 | 734, .. })
    }
}

/// An answer: its head, and its body as it comes.
#[derive(Debug)]
pub struct Reply {
    /// Headers that the asker gets.
    pub headers: HeaderMap,
    /// Whether every table in the question can be cut at a landing epoch.
    pub exact: bool,
    /// The rest.
    pub body: ReplyBody,
}

/// The body of an answer. Dropping it ends the question.
#[derive(Debug)]
pub struct ReplyBody {
    incoming: Incoming,
    _lease: Lease,
    _place: Place,
}

impl futures_util::Stream for ReplyBody {
    type Item = Result<Bytes, Error>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            return match Pin::new(&mut self.incoming).poll_frame(context) {
                Poll::Pending => Poll::Pending,
                Poll::Ready(None) => Poll::Ready(None),
                Poll::Ready(Some(Err(error))) => Poll::Ready(Some(Err(Error::Network(error.to_string())))),
                Poll::Ready(Some(Ok(frame))) => match frame.into_data() {
                    Ok(data) => Poll::Ready(Some(Ok(data))),
                    // Trailers: nobody reads them.
                    Err(_) => continue,
                },
            };
        }
    }
}

/// The way in for analysts. Clones share it.
#[derive(Debug, Clone)]
pub struct Gateway {
    client: Client,
    secret: Secret,
    seats: Arc<Seats>,
    quota: Quota,
    prepared: Arc<tokio::sync::OnceCell<()>>,
    limits: Arc<Limits>,
    embedded: bool,
}

impl Gateway {
    /// A gateway to the embedded engine, which was started with the same secret and limits.
    pub fn embedded(client: Client, secret: Secret, limits: Limits) -> Self {
        Self::new(client, secret, limits, true)
    }

    /// A gateway to a server, on which it makes the accounts itself.
    pub fn server(client: Client, secret: Secret, limits: Limits) -> Self {
        Self::new(client, secret, limits, false)
    }

    fn new(client: Client, secret: Secret, limits: Limits, embedded: bool) -> Self {
        Self {
            client,
            secret,
            seats: Arc::new(Seats::new()),
            quota: Quota::default(),
            prepared: Arc::default(),
            limits: Arc::new(limits),
            embedded,
        }
    }

    /// The bounds of one question.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Makes what analysts see, once: accounts on a server, the database with its views. The tables must be there.
    ///
    /// # Errors
    /// See [`AccountsError`]; the next call tries again.
    pub async fn prepare(&self) -> Result<(), AccountsError> {
        let prepared = self.prepared.get_or_try_init(async || {
            if !self.embedded {
                accounts::grant(&self.client, &self.secret, &self.limits).await?;
            }
            for statement in views::statements(&self.client.database()?) {
                self.client.execute(&statement).await?;
            }
            seats::clear(&self.client).await?;
            Ok::<(), AccountsError>(())
        });
        prepared.await.copied()
    }

    /// Asks. The answer comes as the engine makes it.
    ///
    /// # Errors
    /// See [`AskError`]. After the head of an answer the engine may still break off; then the body holds its words, which begin
    /// with `__exception__`.
    pub async fn ask(&self, ask: Ask) -> Result<Reply, AskError> {
        let bytes = ask.text.len() + ask.parameters.iter().map(|(_, value)| value.len()).sum::<usize>();
        if bytes > QUESTION_BYTES_MAX {
            return Err(AskError::Wrong(format!("a question has at most {QUESTION_BYTES_MAX} bytes")));
        }
        let passed = gate::check(&ask.text, ask.parameters.iter().map(|(_, value)| value.as_str()))?;
        let place = self.quota.place(&ask.asker).ok_or(AskError::TooMany)?;
        self.prepare().await.map_err(|error| match error {
            AccountsError::Refused(error) | AccountsError::Warehouse(error) => AskError::Unavailable(error),
        })?;
        let lease = self.seats.lease(&self.client, &ask.organization).await.map_err(AskError::Unavailable)?;
        let lease = lease.ok_or(AskError::TooMany)?;
        let endpoint = self.client.endpoint().map_err(AskError::Unavailable)?;
        let account = accounts::seat_account(&endpoint.database, lease.seat());
        let parameters = self.parameters(&ask, &endpoint.database)?;
        let encodings = ask.accept_encoding.as_deref().and_then(wire::readable);
        let exchange = wire::Exchange {
            parameters: &parameters,
            text: ask.text,
            accept_encoding: encodings.as_deref(),
            account: (&account, &self.secret.password(lease.seat())),
        };
        let response = wire::send(&endpoint, exchange).await.map_err(AskError::Unavailable)?;
        let (head, incoming) = response.into_parts();
        if !head.status.is_success() {
            let encoding = head.headers.get("content-encoding").and_then(|encoding| encoding.to_str().ok());
            let words = wire::words(incoming, encoding.unwrap_or("")).await;
            return Err(refused(&words, head.status.as_u16(), &account));
        }
        let exact = !uncut().iter().any(|name| passed.mentions(name));
        let body = ReplyBody { incoming, _lease: lease, _place: place };
        Ok(Reply { headers: passed_headers(&head.headers), exact, body })
    }

    fn parameters(&self, ask: &Ask, database: &str) -> Result<Vec<(String, String)>, AskError> {
        let mut parameters = vec![("database".to_owned(), views::analysts_database(database))];
        if let Some(id) = &ask.id {
            parameters.push(("query_id".to_owned(), engine_id(&ask.asker, id)?));
        }
        for (name, value) in &ask.parameters {
            parameters.push((format!("param_{name}"), value.clone()));
        }
        for (name, value) in &ask.settings {
            let known = ["default_format", "compress", "client_protocol_version", "wait_end_of_query", "buffer_size"];
            if !known.contains(&name.as_str()) && !settings::is_changeable(name) {
                return Err(AskError::Wrong(format!("setting `{name}` cannot be changed here")));
            }
            parameters.push((name.clone(), value.clone()));
        }
        if let Some(cut) = ask.cut {
            parameters.push((settings::CUT.to_owned(), filters(database, cut)));
        }
        Ok(parameters)
    }

    /// Ends a question of this asker; returns whether it ran.
    ///
    /// # Errors
    /// When the id is none, or the engine cannot be asked.
    pub async fn cancel(&self, asker: &str, id: &str) -> Result<bool, AskError> {
        let id = engine_id(asker, id)?;
        let sql = format!("KILL QUERY WHERE query_id = {} ASYNC FORMAT TSV", crate::client::literal(&id));
        let mut answer = self.client.stream(&sql, "TSV").map_err(AskError::Unavailable)?;
        let mut killed = false;
        while let Some(bytes) = answer.next().await.map_err(|error| AskError::Unavailable(error.into()))? {
            killed |= !bytes.is_empty();
        }
        Ok(killed)
    }
}

/// Tables that show their newest rows whatever the cut is, and the views over them.
fn uncut() -> Vec<String> {
    let upserts: Vec<String> = tables()
        .iter()
        .filter(|table| matches!(table.rows, Rows::Upsert(_)))
        .map(|table| table.name.to_string())
        .collect();
    let views = crate::schema::current_views().into_iter().filter(|view| upserts.iter().any(|name| name == view.table));
    let views: Vec<String> = views.map(|view| view.name.to_owned()).collect();
    upserts.into_iter().chain(views).collect()
}

/// A filter for each table that can be cut, as a map in ClickHouse's notation.
fn filters(database: &str, cut: Cut) -> String {
    let filters: Vec<String> = tables()
        .iter()
        .filter(|table| !matches!(table.rows, Rows::Upsert(_)))
        .map(|table| {
            let raw = [RECORDS_TABLE, FACTS_TABLE].contains(&table.name.as_ref());
            let epoch = if raw { cut.raw } else { cut.views };
            format!("'{database}.{}':'landing_epoch <= {epoch}'", table.stored_name())
        })
        .collect();
    format!("{{{}}}", filters.join(","))
}

/// The engine's id of a question: nobody can name another asker's.
fn engine_id(asker: &str, id: &str) -> Result<String, AskError> {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b':');
    if id.is_empty() || id.len() > ID_BYTES_MAX || !id.bytes().all(fits) {
        return Err(AskError::Wrong(format!(
            "the id of a question has 1 to {ID_BYTES_MAX} letters, digits, `-`, `_`, `.` and `:`"
        )));
    }
    Ok(format!("{}-{id}", &hex(&[asker.as_bytes()])[..16]))
}

fn passed_headers(headers: &HeaderMap) -> HeaderMap {
    let passed = headers.iter().filter(|(name, _)| PASSED_HEADERS.contains(&name.as_str()));
    passed.map(|(name, value)| (name.clone(), value.clone())).collect()
}

/// The engine's refusal, without names of accounts, versions and the place of the tables.
fn refused(words: &str, status: u16, account: &str) -> AskError {
    match Error::from(clickhouse::error::Error::BadResponse(words.to_owned())) {
        Error::Refused { code, message } => {
            let message = message.replace(account, "analyst").replace(READER, "analyst");
            AskError::Refused { code, message, status }
        }
        error => AskError::Unavailable(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_of_two_askers_never_meet() {
        assert_ne!(engine_id("a", "1").unwrap(), engine_id("b", "1").unwrap());
        for wrong in ["", "a b", "a'b", &"x".repeat(65)] {
            assert!(engine_id("a", wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_refusal_is_told_without_names_of_accounts() {
        let words = "Code: 497. DB::Exception: analyst_03: Not enough privileges. (ACCESS_DENIED) (version 26.7.2.1)";
        let error = refused(words, 403, "analyst_03");
        assert_eq!(error.to_string(), "analyst: Not enough privileges. (ACCESS_DENIED)");
        assert!(refused("Code: 241. DB::Exception: x", 500, "a").is_limit());
    }

    #[test]
    fn cuts_name_every_table_that_can_be_cut() {
        let filters = filters("default", Cut { raw: 7, views: 9 });
        assert!(filters.contains("'default.records':'landing_epoch <= 7'"), "{filters}");
        assert!(filters.contains("'default.window_counts':'landing_epoch <= 9'"), "{filters}");
        assert!(!filters.contains("'default.attendance'"), "{filters}");
        assert!(uncut().contains(&"attendance_current".to_owned()));
    }
}
