//! ClickHouse's HTTP interface from the other side: what a client's request says, read before anybody is asked.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hyper::HeaderMap;
use hyper::header::{self, HeaderName};

use super::{Ask, analysts_database};

/// Parameters that are ours, or mean nothing here: a question has no session, and `readonly` is what it is anyway.
const TAKEN: [&str; 10] = [
    "user",
    "password",
    "query",
    "query_id",
    "database",
    "session_id",
    "session_timeout",
    "session_check",
    "readonly",
    "stacktrace",
];

/// Why a request is no question.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    /// A compressed statement.
    #[error("statements are taken as they are, not compressed")]
    Compressed,
    /// A form.
    #[error("forms and external tables are not taken; send parameters in the address")]
    Form,
    /// Bytes that are no text.
    #[error("the statement is not UTF-8")]
    NoText,
    /// Another database than the one that there is.
    #[error("there is one database here, `eventra`")]
    Database,
}

/// User and password, from the places in which ClickHouse looks.
pub fn credentials(parameters: &[(String, String)], headers: &HeaderMap) -> Option<(String, String)> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    if let Some(password) = text("x-clickhouse-key") {
        return Some((text("x-clickhouse-user").unwrap_or_default(), password));
    }
    if let Some(authorization) = text("authorization") {
        let (scheme, rest) = authorization.split_once(' ')?;
        if scheme.eq_ignore_ascii_case("bearer") {
            return Some((text("x-clickhouse-user").unwrap_or_default(), rest.trim().to_owned()));
        }
        if !scheme.eq_ignore_ascii_case("basic") {
            return None;
        }
        let plain = String::from_utf8(STANDARD.decode(rest.trim()).ok()?).ok()?;
        let (user, password) = plain.split_once(':')?;
        return Some((user.to_owned(), password.to_owned()));
    }
    let of = |wanted: &str| parameters.iter().find(|(name, _)| name == wanted).map(|(_, value)| value.clone());
    Some((of("user").unwrap_or_default(), of("password")?))
}

/// The question in a request: the statement is the parameter `query`, the body, or the one before the other.
///
/// # Errors
/// What cannot be taken; nothing was asked.
pub fn question(parameters: &[(String, String)], headers: &HeaderMap, body: &[u8]) -> Result<Ask, Unreadable> {
    let header = |name: HeaderName| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or("");
    if !matches!(header(header::CONTENT_ENCODING), "" | "identity") {
        return Err(Unreadable::Compressed);
    }
    if header(header::CONTENT_TYPE).starts_with("multipart/") {
        return Err(Unreadable::Form);
    }
    let body = std::str::from_utf8(body).map_err(|_| Unreadable::NoText)?;
    let mut ask = Ask { accept_encoding: Some(header(header::ACCEPT_ENCODING).to_owned()), ..Ask::default() };
    let given: BTreeMap<&str, &str> = parameters.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let query = given.get("query").copied().unwrap_or("");
    ask.text = if query.is_empty() { body.to_owned() } else { format!("{query}\n{body}") };
    ask.id = given.get("query_id").filter(|id| !id.is_empty()).map(|id| (*id).to_owned());
    is_ours(given.get("database").copied().unwrap_or(""))?;
    is_ours(headers.get("x-clickhouse-database").and_then(|value| value.to_str().ok()).unwrap_or(""))?;
    for (name, value) in given {
        if let Some(parameter) = name.strip_prefix("param_") {
            ask.parameters.push((parameter.to_owned(), value.to_owned()));
        } else if name == "decompress" && value != "0" {
            return Err(Unreadable::Compressed);
        } else if !TAKEN.contains(&name) && name != "decompress" {
            ask.settings.push((name.to_owned(), value.to_owned()));
        }
    }
    if let Some(format) = headers.get("x-clickhouse-format").and_then(|value| value.to_str().ok()) {
        ask.settings.push(("default_format".to_owned(), format.to_owned()));
    }
    Ok(ask)
}

/// There is one database, whatever clients call the one that they begin with.
fn is_ours(database: &str) -> Result<(), Unreadable> {
    let known = ["", "default", "eventra"];
    if known.contains(&database) || database.ends_with(&analysts_database("")) {
        return Ok(());
    }
    Err(Unreadable::Database)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap())).collect()
    }

    fn pairs(given: &[(&str, &str)]) -> Vec<(String, String)> {
        given.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn keys_come_from_all_places_in_which_clickhouse_looks() {
        let basic = format!("Basic {}", STANDARD.encode("ana:secret"));
        for (given, user) in [
            (headers(&[("authorization", &basic)]), "ana"),
            (headers(&[("x-clickhouse-key", "secret"), ("x-clickhouse-user", "ana")]), "ana"),
            (headers(&[("authorization", "Bearer secret")]), ""),
        ] {
            assert_eq!(credentials(&[], &given), Some((user.to_owned(), "secret".to_owned())));
        }
        let given = pairs(&[("user", "ana"), ("password", "secret")]);
        assert_eq!(credentials(&given, &HeaderMap::new()), Some(("ana".to_owned(), "secret".to_owned())));
        assert_eq!(credentials(&pairs(&[("user", "ana")]), &HeaderMap::new()), None);
    }

    #[test]
    fn statement_parameters_and_settings_are_told_apart() {
        let given = pairs(&[
            ("query", "SELECT {a:UInt8}"),
            ("param_a", "1"),
            ("session_id", "x"),
            ("max_threads", "1"),
            ("query_id", "q"),
            ("password", "secret"),
        ]);
        let ask = question(&given, &HeaderMap::new(), b"FORMAT CSV").unwrap();
        assert_eq!(ask.text, "SELECT {a:UInt8}\nFORMAT CSV");
        assert_eq!(ask.parameters, pairs(&[("a", "1")]));
        assert_eq!(ask.settings, pairs(&[("max_threads", "1")]));
        assert_eq!(ask.id.as_deref(), Some("q"));
    }

    #[test]
    fn what_cannot_be_read_here_is_refused() {
        let none = HeaderMap::new();
        assert!(question(&pairs(&[("decompress", "1")]), &none, b"x").is_err());
        assert!(question(&[], &headers(&[("content-encoding", "gzip")]), b"x").is_err());
        assert!(question(&[], &headers(&[("content-type", "multipart/form-data; boundary=x")]), b"x").is_err());
        assert!(question(&pairs(&[("database", "system")]), &none, b"SELECT 1").is_err());
        assert!(question(&pairs(&[("database", "default")]), &none, b"SELECT 1").is_ok());
    }
}
