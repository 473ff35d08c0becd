//! CloudEvents 1.0: structured (`application/cloudevents+json`), batched (`application/cloudevents-batch+json`) and
//! binary mode (`ce-` headers). The type is a kind's word, bare or after `com.eventra.`; the data is the flat form.
//!
//! `id` and `source` together are the message id, as the specification makes only both of them unique (§3.1).
//! `time` is the event time. `subject` and extensions are kept sealed. Without data the record has the envelope only.

use base64::Engine;
use records::json::FieldError;
use records::{MessageId, Source};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::flat;
use super::properties::keep;
use super::stamps::{mistake, name, text, time};
use crate::body::too_deep;
use crate::draft::{Arrival, Draft, Letter, ParseError, Parsed, Reason};
use crate::limits::{MESSAGE_BYTES_MAX, MESSAGES_MAX};

/// How letters from here name their format.
pub(crate) const FORMAT: &str = "cloudevents";

/// What may stand before a kind's word in `type`.
const PREFIX: &str = "com.eventra.";

/// Attributes that have a meaning here; every other one is an extension.
const ATTRIBUTES: [&str; 9] =
    ["specversion", "id", "source", "type", "time", "datacontenttype", "dataschema", "data", "data_base64"];

/// Reads one event in structured mode.
///
/// # Errors
/// When the body is not JSON; a JSON object that is no good event is a letter.
pub fn parse_structured(body: &[u8], arrival: &Arrival<'_>) -> Result<Vec<Parsed>, ParseError> {
    let raw: &RawValue = serde_json::from_slice(body).map_err(not_json)?;
    Ok(vec![event(raw.get(), "message 1", arrival)])
}

/// Reads a batch of events.
///
/// # Errors
/// When the body is no JSON array.
pub fn parse_batch(body: &[u8], arrival: &Arrival<'_>) -> Result<Vec<Parsed>, ParseError> {
    let events: Vec<&RawValue> = serde_json::from_slice(body).map_err(not_json)?;
    if events.len() > MESSAGES_MAX {
        return Err(ParseError::TooMany);
    }
    Ok(events.iter().enumerate().map(|(at, raw)| event(raw.get(), &format!("message {}", at + 1), arrival)).collect())
}

/// Reads one event in binary mode: `headers` are the names after `ce-` with their values, percent-decoded by nobody
/// yet (HTTP binding §3.1.3.2); `body` is the data.
///
/// # Errors
/// When the data is not JSON.
pub fn parse_binary(headers: &[(&str, &str)], body: &[u8], arrival: &Arrival<'_>) -> Result<Vec<Parsed>, ParseError> {
    let mut map: Map<String, Value> = headers
        .iter()
        .map(|(name, value)| (name.to_ascii_lowercase(), Value::String(percent_decoded(value))))
        .collect();
    if !body.is_empty() {
        if too_deep(body) {
            return Err(ParseError::Unparseable(FieldError::new("body", "is nested deeper than 32 levels")));
        }
        map.insert("data".to_owned(), serde_json::from_slice(body).map_err(not_json)?);
    }
    Ok(vec![event(&Value::Object(map).to_string(), "message 1", arrival)])
}

fn not_json(error: serde_json::Error) -> ParseError {
    ParseError::Unparseable(FieldError::new("body", mistake(&error)))
}

fn percent_decoded(text: &str) -> String {
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.as_bytes();
    let hex = |digit: u8| char::from(digit).to_digit(16);
    while let Some((byte, rest)) = bytes.split_first() {
        bytes = rest;
        match (byte, rest) {
            (b'%', [high, low, rest @ ..]) if hex(*high).is_some() && hex(*low).is_some() => {
                out.push((hex(*high).unwrap_or(0) * 16 + hex(*low).unwrap_or(0)) as u8);
                bytes = rest;
            }
            _ => out.push(*byte),
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

pub(crate) fn event(raw: &str, place: &str, arrival: &Arrival<'_>) -> Parsed {
    let unread = |reason, problem: &str| {
        let error = FieldError::new("message", problem);
        Parsed::Letter(Box::new(Letter::unread(place.to_owned(), reason, error, raw.as_bytes(), FORMAT)))
    };
    if raw.len() > MESSAGE_BYTES_MAX {
        return unread(Reason::TooLarge, "is larger than 32768 bytes");
    }
    if too_deep(raw.as_bytes()) {
        return unread(Reason::TooDeep, "is nested deeper than 32 levels");
    }
    let Ok(Value::Object(mut map)) = serde_json::from_str(raw) else {
        return unread(Reason::NotAnObject, "is not a JSON object");
    };
    let mut errors = Vec::new();
    let mut draft = Draft { address: arrival.address.to_owned(), ..Draft::default() };
    draft.record.source = Source::CloudEvents;
    let word = envelope(&mut draft, &map, &mut errors);
    draft.stamps.timestamp = time(&map, "time", &mut errors);
    let data = data(&mut map, &mut errors);
    // The envelope's id and time win over those of the data.
    let (message, stamps) = (draft.record.message, draft.stamps);
    flat::read(&mut draft, Some(&word), data, raw, &mut errors);
    draft.record.message = message;
    draft.stamps.timestamp = stamps.timestamp.or(draft.stamps.timestamp);
    for (key, value) in map.into_iter().filter(|(key, _)| !ATTRIBUTES.contains(&key.as_str())) {
        keep(&mut draft, key, value);
    }
    Parsed::judge(draft, errors, place.to_owned(), raw.as_bytes(), FORMAT, arrival)
}

/// Reads the required attributes; returns the kind's word.
fn envelope(draft: &mut Draft, map: &Map<String, Value>, errors: &mut Vec<FieldError>) -> String {
    if text(map, "specversion") != "1.0" {
        errors.push(FieldError::new("specversion", "is not 1.0"));
    }
    let (id, source, kind) = (name(map, "id", errors), name(map, "source", errors), name(map, "type", errors));
    for (field, value) in [("id", &id), ("source", &source), ("type", &kind)] {
        if value.is_empty() {
            errors.push(FieldError::new(field, "is missing"));
        }
    }
    let hash = blake3::hash(format!("{source}\n{id}").as_bytes());
    let mut cut = [0; 16];
    cut.copy_from_slice(&hash.as_bytes()[..16]);
    draft.record.message = MessageId(u128::from_be_bytes(cut).max(1));
    kind.strip_prefix(PREFIX).unwrap_or(&kind).to_owned()
}

fn data(map: &mut Map<String, Value>, errors: &mut Vec<FieldError>) -> Map<String, Value> {
    let packed = map.remove("data_base64");
    let value = match (map.remove("data"), packed) {
        (Some(value), _) => value,
        (None, Some(packed)) => {
            let bytes = packed.as_str().and_then(|text| base64::engine::general_purpose::STANDARD.decode(text).ok());
            let value = bytes.filter(|bytes| !too_deep(bytes)).and_then(|bytes| serde_json::from_slice(&bytes).ok());
            value.unwrap_or(Value::Bool(false))
        }
        (None, None) => Value::Null,
    };
    match value {
        Value::Null => Map::new(),
        Value::Object(map) => map,
        _ => {
            errors.push(FieldError::new("data", "is not a JSON object"));
            Map::new()
        }
    }
}
