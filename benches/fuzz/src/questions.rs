//! What analysts send: statements, and requests as ClickHouse's clients make them.

use hyper::HeaderMap;
use hyper::header::{HeaderName, HeaderValue};
use warehouse::analysts::{cuts, passes, request};

/// Functions that nobody may call, as the gate knows them.
const REFUSED: [&str; 4] = ["file", "url", "remote", "executable"];

/// A statement, with values of its parameters on the lines after the first.
pub(crate) fn statement(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let (text, values) = text.split_once('\u{0}').unwrap_or((text, ""));
    let values: Vec<&str> = values.lines().collect();
    let Some(cuts) = cuts(text) else { return assert!(!passes(text, &values), "what cannot be cut does not pass") };
    let mut end = 0;
    for (begin, after) in &cuts {
        assert!(end <= *begin && begin < after && text.get(*begin..*after).is_some(), "cuts lie in order in the text");
        end = *after;
    }
    if !passes(text, &values) {
        return;
    }
    for (begin, after) in cuts {
        let word = &text[begin..after];
        let called = text[after..].trim_start().starts_with('(');
        assert!(!(called && REFUSED.iter().any(|name| word.eq_ignore_ascii_case(name))), "`{word}` is called");
    }
    assert!(passes(&format!("{text}\n"), &values), "an end of line changes nothing");
    assert!(!passes(&format!("{text}\nAND file('x') = ''"), &values), "what follows is read, too");
}

/// A request: parameters as in an address, an empty line, headers, an empty line, the body.
pub(crate) fn clickhouse(bytes: &[u8]) {
    let mut parts = bytes.splitn(3, |byte| *byte == 0);
    let mut next = || parts.next().unwrap_or_default();
    let (pairs, lines, body) = (next(), next(), next());
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let pair = |part: &[u8]| {
        let at = part.iter().position(|byte| *byte == b'=').unwrap_or(part.len());
        (text(&part[..at]), text(part.get(at + 1..).unwrap_or_default()))
    };
    let parameters: Vec<(String, String)> = pairs.split(|byte| *byte == b'&').map(pair).collect();
    let mut headers = HeaderMap::new();
    for line in lines.split(|byte| *byte == b'\n') {
        let Some(colon) = line.iter().position(|byte| *byte == b':') else { continue };
        let name = HeaderName::from_bytes(&line[..colon]);
        if let (Ok(name), Ok(value)) = (name, HeaderValue::from_bytes(line[colon + 1..].trim_ascii())) {
            headers.append(name, value);
        }
    }
    let _ = request::credentials(&parameters, &headers);
    let Ok(ask) = request::question(&parameters, &headers, body) else { return };
    assert!(ask.organization.is_empty() && ask.asker.is_empty() && ask.cut.is_none(), "a request names nobody");
    assert!(
        ask.settings.iter().all(|(name, _)| !["user", "password", "query", "database"].contains(&name.as_str())),
        "credentials are no settings"
    );
}
