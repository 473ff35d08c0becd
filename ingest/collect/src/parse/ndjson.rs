//! NDJSON: one flat object for each line. A bad line is a letter with its number; the others are taken.

use records::json::FieldError;
use records::{MessageId, Source};
use serde_json::Value;

use super::flat;
use crate::body::too_deep;
use crate::draft::{Arrival, Draft, Letter, ParseError, Parsed, Reason};
use crate::limits::{MESSAGE_BYTES_MAX, MESSAGES_MAX};

/// How letters from here name their format.
pub(crate) const FORMAT: &str = "ndjson";

/// Reads an upload. Empty lines count as lines but say nothing. A line without a message id gets one from the bytes of
/// the whole upload and its line number, so that the same upload twice counts once.
///
/// # Errors
/// When there are more lines than a request may have messages.
pub fn parse(body: &[u8], arrival: &Arrival<'_>) -> Result<Vec<Parsed>, ParseError> {
    let body = body.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(body);
    let file = blake3::hash(body);
    let mut parsed = Vec::new();
    for (at, bytes) in body.split(|byte| *byte == b'\n').enumerate() {
        let bytes = bytes.strip_suffix(b"\r").unwrap_or(bytes);
        if bytes.iter().all(u8::is_ascii_whitespace) {
            continue;
        }
        if parsed.len() == MESSAGES_MAX {
            return Err(ParseError::TooMany);
        }
        let number = at as u64 + 1;
        parsed.push(line(bytes, &format!("line {number}"), line_id(&file, number, ""), arrival));
    }
    Ok(parsed)
}

/// The message id of a line of a file: of the hash of its content, the line number, and what the line stands for when
/// it makes several records.
pub fn line_id(file: &blake3::Hash, line: u64, part: &str) -> MessageId {
    let mut hasher = blake3::Hasher::new();
    hasher.update(file.as_bytes()).update(&line.to_le_bytes()).update(part.as_bytes());
    let mut cut = [0; 16];
    cut.copy_from_slice(&hasher.finalize().as_bytes()[..16]);
    // 0 would mean no id.
    MessageId(u128::from_be_bytes(cut).max(1))
}

pub(crate) fn line(bytes: &[u8], place: &str, id: MessageId, arrival: &Arrival<'_>) -> Parsed {
    let unread = |reason, problem: &str| {
        let mut letter = Letter::unread(place.to_owned(), reason, FieldError::new("line", problem), bytes, FORMAT);
        letter.message = id;
        Parsed::Letter(Box::new(letter))
    };
    if bytes.len() > MESSAGE_BYTES_MAX {
        return unread(Reason::TooLarge, "is larger than 32768 bytes");
    }
    if too_deep(bytes) {
        return unread(Reason::TooDeep, "is nested deeper than 32 levels");
    }
    let Ok(text) = std::str::from_utf8(bytes) else { return unread(Reason::NotAnObject, "is not UTF-8") };
    let Ok(Value::Object(map)) = serde_json::from_str(text) else {
        return unread(Reason::NotAnObject, "is not a JSON object");
    };
    let mut errors = Vec::new();
    let mut draft = Draft { address: arrival.address.to_owned(), ..Draft::default() };
    draft.record.source = Source::Ndjson;
    draft.record.message = id;
    flat::read(&mut draft, None, map, text, &mut errors);
    Parsed::judge(draft, errors, place.to_owned(), bytes, FORMAT, arrival)
}
