//! What strangers send and nothing but this crate reads, by the piece: for fuzz targets.

use axum::http::{HeaderMap, HeaderName, HeaderValue, Method};

use crate::accounts::Address;
use crate::{accounts, auth, booking, feeds, programme, sql};

/// Reads a message of a WebSocket as a conversation does, and the feed that it asks for.
pub fn feed_message(bytes: &[u8]) {
    if let Ok(text) = std::str::from_utf8(bytes) {
        feeds::read_message(text);
    }
}

/// Reads what is sent to the SQL route.
pub fn question(bytes: &[u8]) {
    sql::read_question(bytes);
}

/// Reads what buyers send to a shop, and what organizers set in one.
///
/// # Panics
/// When what is set is told otherwise than it is read.
pub fn shop(bytes: &[u8]) {
    booking::read_bodies(bytes);
}

/// Reads the text of a ticket; then signs claims that are made of the bytes.
///
/// # Panics
/// When a text is believed that nobody signed, or a signed one is not.
pub fn ticket(bytes: &[u8]) {
    booking::read_ticket(bytes);
}

/// Writes a calendar with these bytes as its words.
///
/// # Panics
/// When words become lines of the calendar, or its lines are too long.
pub fn calendar(bytes: &[u8]) {
    programme::write_calendar(bytes);
}

/// Reads headers, `name: value` a line, for who is asking and whether a cookie may be used; then the first line as an
/// address of mail and as a page to return to.
///
/// # Panics
/// When a browser would be sent to another server.
pub fn caller(bytes: &[u8]) {
    let mut headers = HeaderMap::new();
    for line in bytes.split(|byte| *byte == b'\n') {
        let Some(colon) = line.iter().position(|byte| *byte == b':') else { continue };
        let name = HeaderName::from_bytes(&line[..colon]);
        if let (Ok(name), Ok(value)) = (name, HeaderValue::from_bytes(line[colon + 1..].trim_ascii())) {
            headers.append(name, value);
        }
    }
    for method in [Method::GET, Method::POST] {
        auth::read(&method, &headers);
    }
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let first = text.lines().next().unwrap_or_default();
    if let Ok(address) = first.parse::<Address>() {
        assert_eq!(address.to_string().parse::<Address>().as_ref(), Ok(&address), "an address is its own spelling");
    }
    accounts::read_page(first);
}
