//! Times that clients send, and other small values of several formats.

use records::Timestamp;
use records::json::FieldError;
use serde_json::{Map, Value};

use crate::limits::NAME_BYTES_MAX;

/// Reads an RFC 3339 time since 1970; `null` and an absent field are none.
pub(crate) fn time(map: &Map<String, Value>, field: &str, errors: &mut Vec<FieldError>) -> Option<Timestamp> {
    match map.get(field)? {
        Value::Null => None,
        Value::String(text) => match Timestamp::parse(text) {
            Ok(at) if at >= Timestamp(0) => Some(at),
            Ok(_) => fail(errors, field, "lies before 1970"),
            Err(_) => fail(errors, field, "is not an RFC 3339 time such as 2026-11-20T09:00:00Z"),
        },
        _ => fail(errors, field, "is not a text with an RFC 3339 time"),
    }
}

/// What is wrong with a body, and where. The parser's own words quote what came, which may be personal.
pub(crate) fn mistake(error: &serde_json::Error) -> String {
    let what = match error.classify() {
        serde_json::error::Category::Data => "is not of the form that this address takes",
        serde_json::error::Category::Eof => "is not JSON: it ends too early",
        serde_json::error::Category::Syntax | serde_json::error::Category::Io => "is not JSON",
    };
    format!("{what} (line {}, column {})", error.line(), error.column())
}

/// Reads an outside id: a text or a whole number; `null`, an absent field and the empty text are the empty text.
pub(crate) fn name(map: &Map<String, Value>, field: &str, errors: &mut Vec<FieldError>) -> String {
    match map.get(field) {
        None => String::new(),
        Some(value) => name_of(value, field, errors),
    }
}

/// As [`name`], for a value that was already found.
pub(crate) fn name_of(value: &Value, field: &str, errors: &mut Vec<FieldError>) -> String {
    let text = match value {
        Value::Null => return String::new(),
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        _ => return fail(errors, field, "is not a text or number").unwrap_or_default(),
    };
    if text.len() > NAME_BYTES_MAX {
        return fail(errors, field, "is longer than 512 bytes").unwrap_or_default();
    }
    text
}

/// The text of a field; empty when there is none or it is something else. For context that no record depends on.
pub(crate) fn text<'a>(map: &'a Map<String, Value>, field: &str) -> &'a str {
    map.get(field).and_then(Value::as_str).unwrap_or("")
}

/// The object of a field, if it is one.
pub(crate) fn object<'a>(map: &'a Map<String, Value>, field: &str) -> Option<&'a Map<String, Value>> {
    map.get(field).and_then(Value::as_object)
}

fn fail<T>(errors: &mut Vec<FieldError>, field: &str, problem: &str) -> Option<T> {
    errors.push(FieldError::new(field, problem));
    None
}

/// The path of a URL or path without query and fragment; the path of a URL without one is `/`.
pub(crate) fn path_of(url: &str) -> &str {
    let url = url.split(['?', '#']).next().unwrap_or("");
    match url.split_once("://") {
        Some((_, rest)) => rest.find('/').map_or("/", |at| &rest[at..]),
        None => url,
    }
}

/// The host of a URL, lower case, without user, port and a leading `www.`; empty when the text is no URL.
pub(crate) fn host_of(url: &str) -> String {
    let Some((_, rest)) = url.split_once("://") else { return String::new() };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or("");
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    let host = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    let host = host.to_ascii_lowercase();
    host.strip_prefix("www.").map_or(host.clone(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_lose_their_queries() {
        for (url, path) in [
            ("https://a.example/talks/1?email=me@x.example#top", "/talks/1"),
            ("https://a.example", "/"),
            ("/talks?q=1", "/talks"),
            ("", ""),
        ] {
            assert_eq!(path_of(url), path);
        }
    }

    #[test]
    fn referrers_are_domains() {
        for (url, host) in [
            ("https://www.Google.com/search?q=x", "google.com"),
            ("http://user:secret@news.example:8080/x", "news.example"),
            ("not a url", ""),
        ] {
            assert_eq!(host_of(url), host);
        }
    }
}
