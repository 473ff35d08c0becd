//! The flat form: one JSON object that names columns directly. NDJSON lines and the data of CloudEvents have it.
//!
//! ```json
//! {"kind": "order_reported", "message": "m-1", "time": "2026-11-20T09:00:00Z", "actor": "u-7", "order": "A-1042",
//!  "amount_minor": 1250, "currency": "EUR", "card": "c-9", "personal": {"email": "ada@a.example"}, "text": "",
//!  "properties": {"seat": "4A"}}
//! ```
//!
//! * `kind` is the word of a kind; an unknown one is kept whole, sealed. `message` (or `id`) is the message id;
//!   `time` (or `event_time`) is RFC 3339.
//! * `actor` (a person's id), `anonymous`, `receiver`, `device`, `visit`, `card`, `address`: plaintext ids that the door
//!   turns into pseudonyms. `user_agent` marks bots and gives the platform.
//! * Every declared column by its name. `personal`, `text` and `properties` are sealed; so is any other field.

use records::Kind;
use records::json::FieldError;
use serde_json::{Map, Value};

use super::personal;
use super::properties::{self, Style, take_personal};
use super::segment::type_name;
use super::stamps::{name_of, time};
use crate::draft::Draft;

/// Fills a draft from a flat object. `kind` is the kind's word when something outside of the object says it.
pub(crate) fn read(
    draft: &mut Draft,
    kind: Option<&str>,
    mut map: Map<String, Value>,
    raw: &str,
    errors: &mut Vec<FieldError>,
) {
    let own = map.remove("kind");
    let word = kind.map(str::to_owned).or_else(|| own.as_ref().and_then(Value::as_str).map(str::to_owned));
    match word {
        None => errors.push(FieldError::new("kind", "is missing")),
        Some(word) => match Kind::from_word(&word).filter(|kind| kind.is_activity()) {
            Some(kind) => draft.record.kind = kind,
            None => {
                draft.record.kind = Kind::Unknown;
                draft.record.name = type_name(&word);
                draft.sealed.original = raw.to_owned();
            }
        },
    }
    envelope(draft, &mut map, errors);
    if draft.record.kind == Kind::Unknown {
        // The original holds the rest.
        return;
    }
    if let Some(personal) = take_object(&mut map, "personal", errors) {
        personal.into_iter().for_each(|(key, value)| take_personal(draft, &key, value));
    }
    if let Some(properties) = take_object(&mut map, "properties", errors) {
        properties.into_iter().for_each(|(key, value)| properties::keep(draft, key, value));
    }
    properties::read(draft, map, "", Style::Flat, errors);
}

fn envelope(draft: &mut Draft, map: &mut Map<String, Value>, errors: &mut Vec<FieldError>) {
    let mut take = |field: &str, errors: &mut Vec<FieldError>| {
        map.remove(field).map_or_else(String::new, |value| name_of(&value, field, errors))
    };
    draft.user = take("actor", errors);
    draft.anonymous = take("anonymous", errors);
    let address = take("address", errors);
    if !address.is_empty() {
        draft.address = address;
    }
    let agent = take("user_agent", errors);
    if !agent.is_empty() {
        draft.user_agent = agent;
    }
    let ids = [("message", take("message", errors)), ("id", take("id", errors))];
    if let Some((field, id)) = ids.into_iter().find(|(_, id)| !id.is_empty()) {
        match personal::message_id(&id) {
            Ok(id) => draft.record.message = id,
            Err(error) => errors.push(FieldError::new(field, format!("is no id: {error}"))),
        }
    }
    let times = ["time", "event_time"].map(|field| {
        let at = time(map, field, errors);
        map.remove(field);
        at
    });
    draft.stamps.timestamp = times.into_iter().flatten().next().or(draft.stamps.timestamp);
}

fn take_object(map: &mut Map<String, Value>, field: &str, errors: &mut Vec<FieldError>) -> Option<Map<String, Value>> {
    match map.remove(field)? {
        Value::Null => None,
        Value::Object(object) => Some(object),
        _ => {
            errors.push(FieldError::new(field, "is not an object"));
            None
        }
    }
}
