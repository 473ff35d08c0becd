//! Properties: declared ones fill columns, personal ones and free text are sealed, the rest is kept sealed as JSON.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::LazyLock;

use records::json::FieldError;
use records::vocabulary::Meaning;
use records::{Column, Kind, Record};
use serde_json::{Map, Value};

use super::personal;
use super::stamps::name_of;
use crate::draft::Draft;

/// Which properties a format takes at their word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Style {
    /// Segment: `name` may be a person's, so it never fills the column of that name.
    Segment,
    /// The flat form: personal fields have a place of their own, so `name` is the column.
    Flat,
}

static DECLARED: LazyLock<BTreeMap<&'static str, Column>> = LazyLock::new(|| {
    Column::ALL.iter().filter(|column| column.is_declared()).map(|column| (column.name(), *column)).collect()
});

/// Names under which the kinds that carry free text bring it.
const TEXTS: &[&str] = &["text", "message", "question", "body"];

/// Reads properties into a draft. `prefix` is where they were (`properties.`), for the errors.
pub(crate) fn read(
    draft: &mut Draft,
    properties: Map<String, Value>,
    prefix: &str,
    style: Style,
    errors: &mut Vec<FieldError>,
) {
    for (key, value) in properties {
        if value.is_null() {
            continue;
        }
        let field = || format!("{prefix}{key}");
        match key.as_str() {
            "device" => draft.device = name_of(&value, &field(), errors),
            "visit" | "visit_id" => draft.visit = name_of(&value, &field(), errors),
            "card" => draft.card = name_of(&value, &field(), errors),
            "receiver" | "linked" => draft.receiver = name_of(&value, &field(), errors),
            // A network address, unless it is a postal one.
            "address" if is_network(&value) => draft.address = name_of(&value, &field(), errors),
            "text" => take_text(draft, value),
            text if TEXTS.contains(&text) && brings_text(draft.record.kind) => take_text(draft, value),
            "name" if style == Style::Segment => take_personal(draft, "name", value),
            name => match DECLARED.get(name) {
                Some(column) => set(&mut draft.record, *column, &value, prefix, errors),
                None => keep(draft, key, value),
            },
        }
    }
}

fn is_network(value: &Value) -> bool {
    value.as_str().is_some_and(|text| text.parse::<IpAddr>().is_ok())
}

fn brings_text(kind: Kind) -> bool {
    matches!(kind, Kind::ChatReported | Kind::QuestionReported)
}

/// Sets a declared column; an error names the field as the client named it.
pub(crate) fn set(record: &mut Record, column: Column, value: &Value, prefix: &str, errors: &mut Vec<FieldError>) {
    // Ids are not sealed, and short ones carry their text: an e-mail address in one could never be erased.
    if column.meaning() == Meaning::Id && value.as_str().is_some_and(personal::holds_address) {
        errors.push(FieldError::new(format!("{prefix}{}", column.name()), personal::NO_ADDRESS));
        return;
    }
    if let Err(error) = record.set_json(column, value) {
        errors.push(FieldError::new(format!("{prefix}{}", error.field), error.problem));
    }
}

/// Seals what the vocabulary does not declare: by name where it is personal, else as JSON.
pub(crate) fn keep(draft: &mut Draft, key: String, value: Value) {
    match personal::canonical(&key) {
        Some(_) => take_personal(draft, &key, value),
        None => {
            let mut value = value;
            lift_personal(&mut draft.sealed.personal, &key, THINGS.contains(&key.as_str()), &mut value);
            draft.sealed.properties.insert(key, value);
        }
    }
}

/// Properties whose `name` is that of a thing.
const THINGS: &[&str] = &["campaign", "item", "items", "product", "products"];

/// Moves personal fields that lie deeper to the others, under their path (`customer.name`). The door has bounded how
/// deep a message is.
fn lift_personal(personal: &mut BTreeMap<String, String>, path: &str, thing: bool, value: &mut Value) {
    match value {
        Value::Object(map) => {
            let is_personal = |name: &String| personal::canonical(name).is_some() && !(thing && name == "name");
            for name in map.keys().filter(|name| is_personal(name)).cloned().collect::<Vec<_>>() {
                match map.remove(&name).unwrap_or_default() {
                    Value::Null => {}
                    value => drop(personal.insert(format!("{path}.{name}"), text_of(value))),
                }
            }
            for (name, value) in map {
                lift_personal(personal, &format!("{path}.{name}"), thing, value);
            }
        }
        Value::Array(list) => {
            for (at, value) in list.iter_mut().enumerate() {
                lift_personal(personal, &format!("{path}.{at}"), thing, value);
            }
        }
        _ => {}
    }
}

fn text_of(value: Value) -> String {
    match value {
        Value::String(text) => text,
        other => other.to_string(),
    }
}

/// Seals a personal field under its own name.
pub(crate) fn take_personal(draft: &mut Draft, name: &str, value: Value) {
    if !value.is_null() {
        draft.sealed.personal.insert(name.to_owned(), text_of(value));
    }
}

/// Seals free text and counts its characters; a second text goes below the first.
pub(crate) fn take_text(draft: &mut Draft, value: Value) {
    let text = text_of(value);
    if !draft.sealed.text.is_empty() {
        draft.sealed.text.push('\n');
    }
    draft.sealed.text.push_str(&text);
    draft.record.text_chars = u32::try_from(draft.sealed.text.chars().count()).unwrap_or(u32::MAX);
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn personal_fields_are_lifted_out_of_what_holds_them() {
        let mut draft = Draft::default();
        keep(
            &mut draft,
            "customer".into(),
            json!({"name": "Ada", "level": 3, "homes": [{"zipCode": 1010, "rooms": 2}]}),
        );
        keep(&mut draft, "products".into(), json!([{"name": "Ticket", "email": "a@b.example"}]));
        assert_eq!(
            Value::Object(draft.sealed.properties),
            json!({"customer": {"level": 3, "homes": [{"rooms": 2}]}, "products": [{"name": "Ticket"}]})
        );
        let personal: Vec<_> =
            draft.sealed.personal.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
        let expected =
            [("customer.homes.0.zipCode", "1010"), ("customer.name", "Ada"), ("products.0.email", "a@b.example")];
        assert_eq!(personal, expected);
    }
}
